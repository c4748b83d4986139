/** @file alpaca_keys.h
 *  The key and secret of one Alpaca adapter, in memory of their own. */
#ifndef QTA_ADAPTERS_ALPACA_KEYS_H
#define QTA_ADAPTERS_ALPACA_KEYS_H

#include <stdbool.h>
#include <stddef.h>

/** Zero-initialize: there are none then. */
struct qta_alpaca_keys {
    char *key;    /**< NULL for none; this and the others as in core/secret.h */
    char *secret; /**< likewise */
    char *bearer; /**< "Bearer KEY" */
};

/** Copies these, NULL for none, and wipes the ones before. False: out of memory, the ones before
 *  stay. */
bool qta_alpaca_keys_replace(struct qta_alpaca_keys *keys, const char *key, const char *secret);

/** Wipes them. */
void qta_alpaca_keys_finish(struct qta_alpaca_keys *keys);

/** Bytes that are enough for a message with both in it. */
size_t qta_alpaca_keys_room(const struct qta_alpaca_keys *keys);

/** Writes what the venue said for a person to read: plain characters, and "***" for our keys. */
void qta_alpaca_keys_quote(const struct qta_alpaca_keys *keys, char *out, size_t capacity,
                           const char *text, size_t length);

#endif
