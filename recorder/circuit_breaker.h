/** @file circuit_breaker.h
 *  Whether an attempt to connect may start at all: rests after failures in a row, and the end of
 * all attempts where a person must act. When the next one starts within that is backoff.h's affair.
 *
 *                  failure_threshold failures in a row
 *      closed ------------------------------------------> open <-----------+
 *        ^                                                 |                |
 *        |                                    the timeout is over,          | it fails, or ends
 *        |                                    somebody asks: the probe      | without a verdict
 *        |                                                 v                |
 *        +---------------- it succeeds --------------- half open -----------+
 *
 *      any --block()--> blocked, for good: until somebody says reset()
 *
 *  Half open is exactly one attempt: nothing else may start until it is known how it went.
 *
 *  A failure is an attempt that did not lead to data, whatever ended it (no address, no connection,
 *  TLS, a refused upgrade, no answer in time, a refused login, an error of the provider), and the
 *  loss of a connection. A success is a connection that has delivered data for a while, as
 * backoff.h says; one that only opens, or is only subscribed, is not yet one. The loss of a
 * connection that stood for a long time without any data, a closed market's, is neither: abandon().
 * Errors that repeating cannot heal (a bad key, a feed that the account does not have, a bad
 * certificate) block.
 *
 *  Plain value of one thread; time is an argument. */
#ifndef QTA_RECORDER_CIRCUIT_BREAKER_H
#define QTA_RECORDER_CIRCUIT_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum qta_circuit_state {
    QTA_CIRCUIT_CLOSED,
    QTA_CIRCUIT_OPEN,
    QTA_CIRCUIT_HALF_OPEN,
    QTA_CIRCUIT_BLOCKED,
};
enum { QTA_CIRCUIT_STATE_COUNT = QTA_CIRCUIT_BLOCKED + 1 };

struct qta_circuit_breaker {
    uint32_t failure_threshold; /**< failures in a row that open it; 0: they never do */
    int64_t timeout_ns;         /**< how long it is open before a probe */
    enum qta_circuit_state state;
    uint32_t failures; /**< in a row, while closed */
    int64_t probe_ns;  /**< open: when a probe may start */
    uint64_t opens;    /**< how often it has opened, failed probes included */
};

/** Closed. A timeout below 0 is taken as 0. */
void qta_circuit_breaker_init(struct qta_circuit_breaker *breaker, uint32_t failure_threshold,
                              int64_t timeout_ns);

/** Asks to start an attempt at now_ns; whoever gets true starts it and says how it went. */
bool qta_circuit_breaker_allow(struct qta_circuit_breaker *breaker, int64_t now_ns);

/** When allow() may give true: INT64_MIN for at any time, INT64_MAX for not until something else
 *  has happened. */
int64_t qta_circuit_breaker_ready_ns(const struct qta_circuit_breaker *breaker);

/** How an attempt went, see above; of any number of them, in any state. */
void qta_circuit_breaker_fail(struct qta_circuit_breaker *breaker, int64_t now_ns);
void qta_circuit_breaker_abandon(struct qta_circuit_breaker *breaker, int64_t now_ns);
void qta_circuit_breaker_succeed(struct qta_circuit_breaker *breaker);

/** Closes it whatever was, blocked included: another attempt by another right. */
void qta_circuit_breaker_reset(struct qta_circuit_breaker *breaker);

/** A person must act: nothing is allowed any more. */
void qta_circuit_breaker_block(struct qta_circuit_breaker *breaker);

/** "closed", "open", "half_open", "blocked". Static. */
const char *qta_circuit_state_name(enum qta_circuit_state state);

#endif
