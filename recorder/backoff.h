/** @file backoff.h
 *  When the next connection attempt may start, and when there will be none.
 *
 *  The wait doubles with every failure up to a cap and is drawn at random between nothing and that
 *  ("full jitter"), so that many clients that lost a venue together do not come back together.
 * After breaker_threshold failures in a row the circuit is open: attempts become single probes, at
 * least breaker_timeout_ns apart. Only a connection that has worked for stable_ns takes all that
 * back; one that opens and drops at once counts as one more failure.
 *
 *      if (qta_backoff_fail(&backoff, retry_after_ns, &delay_ns))
 *          retry_at_ns = now_ns + delay_ns;
 *      else
 *          give_up();
 *
 *  Plain value of one thread. Time is an argument, chance comes from the seed. */
#ifndef QTA_RECORDER_BACKOFF_H
#define QTA_RECORDER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/** Hints of a venue ("Retry-After") above this are cut to it. */
#define QTA_RETRY_AFTER_MAX_NS INT64_C(3600000000000)

struct qta_backoff_options {
    int64_t delay_ns;           /**< longest first wait; less than 1 ms is taken as 1 ms */
    int64_t delay_max_ns;       /**< cap of the doubling */
    uint32_t attempts_max;      /**< failures in a row until it is given up; 0: never */
    uint32_t breaker_threshold; /**< failures in a row that open the circuit; 0: no breaker */
    int64_t breaker_timeout_ns; /**< between probes while it is open */
    int64_t stable_ns;          /**< how long a connection must work to be called good again */
};

struct qta_backoff {
    struct qta_backoff_options options;
    uint64_t random_state;
    uint32_t failures; /**< in a row */
    bool is_working;   /**< qta_backoff_work() since the last failure */
    int64_t working_since_ns;
};

void qta_backoff_init(struct qta_backoff *backoff, const struct qta_backoff_options *options,
                      uint64_t seed);

/** An attempt failed, or a connection was lost. False: attempts are used up. Otherwise *delay_ns is
 *  the wait before the next one, at least retry_after_ns (the venue's hint, 0 for none). */
bool qta_backoff_fail(struct qta_backoff *backoff, int64_t retry_after_ns, int64_t *delay_ns);

/** The connection works at now_ns; call it as often as you like. */
void qta_backoff_work(struct qta_backoff *backoff, int64_t now_ns);

/** When qta_backoff_work() would forget the failures; INT64_MAX when there is nothing to forget. */
int64_t qta_backoff_stable_at_ns(const struct qta_backoff *backoff);

/** The circuit is open: the next attempt is a probe. */
bool qta_backoff_is_open(const struct qta_backoff *backoff);

#endif
