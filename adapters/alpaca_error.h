/** @file alpaca_error.h
 *  Alpaca's error codes and what each of them leads to. */
#ifndef QTA_ADAPTERS_ALPACA_ERROR_H
#define QTA_ADAPTERS_ALPACA_ERROR_H

#include <stdint.h>

#include <qta/tick.h>

enum qta_alpaca_reaction {
    QTA_ALPACA_IGNORE,         /**< harmless; logged */
    QTA_ALPACA_AUTHENTICATE,   /**< send the keys again, once; then block */
    QTA_ALPACA_REFUSE_REQUEST, /**< the request in flight is refused as a whole */
    QTA_ALPACA_SPLIT_REQUEST,  /**< a part of the request in flight is not allowed: ask in parts */
    QTA_ALPACA_RECONNECT,
    QTA_ALPACA_BLOCK, /**< a person must act */
};

struct qta_alpaca_error {
    int64_t code;
    enum qta_alpaca_reaction reaction;
    enum qta_conn_cause cause;
    int64_t retry_after_ns; /**< with RECONNECT: there are too many connections, nobody is to
                               connect before; 0 for the usual backoff */
    const char *sentence;   /**< what it means and what to do */
};

/** The entry of that code; for codes that are not in the table one that reconnects. Static. */
const struct qta_alpaca_error *qta_alpaca_error_find(int64_t code);

#endif
