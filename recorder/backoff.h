/** @file backoff.h
 *  When the next connection attempt may start, and when there will be none.
 *
 *  The wait doubles with every failure up to a cap and is drawn at random between nothing and that
 *  ("full jitter"), so that many clients that lost a venue together do not come back together. It
 * is never shorter than the venue asks for. Only a connection over which data has come for
 * stable_ns takes the failures back: one that opens and drops at once counts as one more, and one
 * that stands there without data changes nothing.
 *
 *      if (qta_backoff_fail(&backoff, retry_after_ns, &delay_ns))
 *          retry_at_ns = now_ns + delay_ns;
 *      else
 *          give_up();
 *
 *  Whether an attempt may start at all is circuit_breaker.h's affair, how many all connections of a
 *  provider may start together is rate_limiter.h's.
 *
 *  Plain value of one thread. Time is an argument, chance comes from the seed. */
#ifndef QTA_RECORDER_BACKOFF_H
#define QTA_RECORDER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct qta_backoff_options {
    int64_t delay_ns;      /**< longest first wait; less than 1 ms is taken as 1 ms */
    int64_t delay_max_ns;  /**< cap of the doubling */
    uint32_t attempts_max; /**< failures in a row until it is given up; 0: never */
    int64_t stable_ns;     /**< how long data must come over a connection to call it good again */
};

struct qta_backoff {
    struct qta_backoff_options options;
    uint64_t random_state;
    uint32_t failures; /**< in a row */
    bool is_flowing;   /**< data came since the last failure */
    int64_t flowing_since_ns;
};

void qta_backoff_init(struct qta_backoff *backoff, const struct qta_backoff_options *options,
                      uint64_t seed);

/** An attempt failed, or a connection was lost. False: attempts are used up. Otherwise *delay_ns is
 *  the wait before the next one, at least the venue's hint retry_after_ns (see retry_after.h). */
bool qta_backoff_fail(struct qta_backoff *backoff, int64_t retry_after_ns, int64_t *delay_ns);

/** The same for a loss that is nobody's failure, such as a closed market's quiet connection that
 * the venue cuts: it is not counted. Returns the wait. */
int64_t qta_backoff_wait(struct qta_backoff *backoff, int64_t retry_after_ns);

/** Data came at now_ns; call it as often as you like. True from stable_ns after the first of this
 *  connection: then there are no failures any more. */
bool qta_backoff_flow(struct qta_backoff *backoff, int64_t now_ns);

/** Forgets all failures at once. */
void qta_backoff_forget(struct qta_backoff *backoff);

#endif
