/** @file rate_limiter.h
 *  A rate limit that adapts: so many a second in the long run, so many at once, and fewer while the
 *  venue says that it is too many.
 *
 *  A token bucket, kept as one time (the generic cell rate algorithm): exact, nothing to refill. In
 *  any window of t seconds at most burst + rate * t tokens are given, whatever happens.
 *
 *  A throttle signal (HTTP 429 or 503, a provider's error code, pacing errors) halves the rate,
 *  empties the bucket and gives nothing before the venue's hint is over; signals within a second of
 *  the one that halved it, or before its hint is over, are of the same offence and do not halve
 *  again. Then the rate grows back by the same small step in equal times until it is the configured
 *  one; it is never below a sixteenth of that.
 *
 *      if (qta_rate_limiter_take(&limiter, now_ns))
 *          send();
 *      else
 *          ask_again_at(qta_rate_limiter_ready_ns(&limiter));
 *
 *  Plain value of one thread; time is an argument. A clock that goes back stands still. */
#ifndef QTA_RECORDER_RATE_LIMITER_H
#define QTA_RECORDER_RATE_LIMITER_H

#include <stdbool.h>
#include <stdint.h>

enum { QTA_RATE_LIMITER_LEVELS = 64, QTA_RATE_LIMITER_LEVEL_MIN = 4 };

struct qta_rate_limiter_options {
    double rate_per_s;   /**< in the long run; 0 or less for no limit */
    uint32_t burst;      /**< at once; 0 is taken as 1 */
    int64_t recovery_ns; /**< from the lowest rate to the configured one; 0 for a minute */
};

struct qta_rate_limiter {
    double rate_per_s;     /**< as configured; 0 for no limit */
    int64_t interval_ns;   /**< between tokens at that rate, rounded up; 0 for no limit */
    uint32_t burst;        /**< at least 1 */
    uint32_t level;        /**< the rate now, in 64ths of the configured one */
    int64_t step_ns;       /**< between two steps of the recovery */
    int64_t step_at_ns;    /**< of the next one, where level is not full */
    int64_t schedule_ns;   /**< when the tokens given so far would have come, one by one */
    int64_t hold_ns;       /**< nothing is given before */
    int64_t same_until_ns; /**< throttle signals before are of the same offence as the last */
    int64_t now_ns;        /**< the latest time seen */
    uint64_t throttles;    /**< signals so far */
};

/** Starts full, and at the configured rate. */
void qta_rate_limiter_init(struct qta_rate_limiter *limiter,
                           const struct qta_rate_limiter_options *options);

/** Other limits; what was taken, and what throttle signals did, stays. */
void qta_rate_limiter_change(struct qta_rate_limiter *limiter,
                             const struct qta_rate_limiter_options *options);

/** Takes a token; false when there is none at now_ns. */
bool qta_rate_limiter_take(struct qta_rate_limiter *limiter, int64_t now_ns);

/** When the next token is there, unless a throttle signal comes; in the past when it is there. */
int64_t qta_rate_limiter_ready_ns(const struct qta_rate_limiter *limiter);

/** The venue says that it is too many. retry_after_ns: its hint, see retry_after.h; 0 or less for
 *  none. Without a limit there is nothing to halve: nothing is given for a second, or the hint. */
void qta_rate_limiter_throttle(struct qta_rate_limiter *limiter, int64_t retry_after_ns,
                               int64_t now_ns);

/** The long-run rate as of now_ns; HUGE_VAL for no limit. */
double qta_rate_limiter_rate_per_s(struct qta_rate_limiter *limiter, int64_t now_ns);

/** Still slower than configured, or held by a hint, at now_ns. */
bool qta_rate_limiter_is_throttled(struct qta_rate_limiter *limiter, int64_t now_ns);

#endif
