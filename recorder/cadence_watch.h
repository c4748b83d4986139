/** @file cadence_watch.h
 *  Learns how often something comes on a channel, and tells when it has become mute.
 *
 *      qta_cadence_init(&cadence, ticks);
 *      // every QTA_CADENCE_STEP_NS:
 *      qta_cadence_step(&cadence, &(struct qta_cadence_look){...});
 *      if (cadence.is_mute) ...
 *
 *  Time goes in steps of one second, each of which is busy (something came) or empty. The rate is
 *  the share of busy steps, b. A silence adds up what it should have brought, b for each step:
 *  *expected*. If steps are independent, a silence of that length happens with the probability
 *
 *      product of (1 - b)  <=  exp(-expected)
 *
 *  and the channel is mute once that is below QTA_CADENCE_CHANCE, 1e-9: when 20.7 busy steps are
 *  missing. A silence can begin 86,400 times a day at most, so that is less than one false alarm in
 *  30 years and channel. A channel that has something every second is found mute after 32 s.
 *
 *  Feeds are not that independent, hence:
 *
 *  - b is the lowest of several: of the last 64 busy steps; of the emptiest period (10 minutes and
 *    32 busy steps, or longer) in this hour of the day and the ones beside it, on the days before
 *    and today. Hours that were never watched have no say. It is divided by 1.5, since it is
 *    estimated.
 *  - A silence that ended by itself teaches: the channel is not mute before twice as much is
 * missing as in the longest silence of today and the day before. (If silences have an exponential
 * tail, whatever its scale, that squares their probability. Learned is at most 16 times the bound.)
 *  - In its first day, while it has not seen every hour, the bound is eight times as high: a lull
 * may bring the rate down to an eighth. (A feed that is always busy is found mute after 4 minutes.)
 *  - Nothing is said before a first period is over. Until then and beyond all that, silence_max_ns
 *    is a bound of the user's own.
 *
 *  Steps in which the market is closed or the connection is not up do not count, and a silence
 * begins anew behind them. A step that comes late counts once: that we slept is no evidence.
 *
 *  A plain struct without pointers; pure; one thread. */
#ifndef QTA_RECORDER_CADENCE_WATCH_H
#define QTA_RECORDER_CADENCE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#define QTA_CADENCE_STEP_NS INT64_C(1000000000)
#define QTA_CADENCE_CHANCE 1e-9
enum { QTA_CADENCE_HOURS = 24 };

/** What a period of an hour of the day had at least. -1: not known. */
struct qta_cadence_hour {
    float before; /**< on the days before */
    float today;
};

struct qta_cadence {
    /* what it tells */
    bool is_mute;
    bool was_busy;       /**< something came in the last step, which was watched */
    bool is_learned;     /**< it can tell by what it has learned */
    double rate_per_s;   /**< b: busy steps a second, as far as known */
    double expected;     /**< busy steps that the silence has cost */
    double bound;        /**< is_mute from here on; 0 while nothing is learned */
    uint32_t silence_s;  /**< watched steps since something came */
    int64_t silent_ns;   /**< monotonic: the last step in which something came, or watching began */
    int64_t last_due_ns; /**< of the last step */

    /* what it has learned */
    uint64_t seen;     /**< ticks, at the last step */
    double distance_s; /**< between busy steps, of the last ones; 0: none yet */
    uint32_t distances;
    uint32_t period_steps; /**< of the period at hand */
    uint32_t period_busy;
    uint32_t period_hours; /**< bits of the hours that it is in */
    double longest_today;  /**< expected, of silences that ended by themselves */
    double longest_before;
    int64_t day;      /**< of today, since 1970 */
    int64_t first_ns; /**< wall clock: when something came first; 0: never yet */
    uint64_t watched_s;
    bool was_watched;
    struct qta_cadence_hour hours[QTA_CADENCE_HOURS];
};

struct qta_cadence_look {
    int64_t now_ns;         /**< monotonic */
    int64_t realtime_ns;    /**< wall clock: hours and days are those of UTC */
    uint64_t ticks;         /**< that ever came; only grows */
    bool is_watched;        /**< the market is open and the connection subscribed */
    int64_t silence_max_ns; /**< mute after so long, learned or not; 0: what was learned decides */
};

/** ticks: how many have come so far. */
void qta_cadence_init(struct qta_cadence *cadence, uint64_t ticks);

/** A step, at most every QTA_CADENCE_STEP_NS; more often does nothing. */
void qta_cadence_step(struct qta_cadence *cadence, const struct qta_cadence_look *look);

/** The silence so far says nothing about this channel: forgets it, and is_mute. For when it was
 *  not the channel that was silent, or when the connection is made anew. */
void qta_cadence_excuse(struct qta_cadence *cadence, int64_t now_ns);

/** After how long a silence, at the rate that is known, the channel would be mute; 0: not known. */
int64_t qta_cadence_patience_ns(const struct qta_cadence *cadence);

#endif
