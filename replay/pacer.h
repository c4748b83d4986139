/** @file pacer.h
 *  When a tick is due: pure arithmetic on integers, no clock and no sleep.
 *
 *      qta_pacer_init(&pacer, speed_milli, gap_max_ns);
 *      due_ns = qta_pacer_advance(&pacer, tick->ts_recv_ns, now_ns);   // for each tick, in order
 *
 *  The first tick is due at the `now_ns` of its call. Every later one is due at
 *
 *      start + floor(1000 * session time / speed_milli) + pauses
 *
 *  exactly, where session time is the sum of the recorded gaps: nothing is rounded twice, so there
 *  is no drift, and nothing is multiplied that could overflow, however long it runs. */
#ifndef QTA_REPLAY_PACER_H
#define QTA_REPLAY_PACER_H

#include <stdbool.h>
#include <stdint.h>

/** Plain value; one thread. */
struct qta_pacer {
    uint32_t speed_milli; /**< 1000 is real time; 0 makes everything due at once */
    int64_t gap_max_ns;   /**< longer gaps count as this much; 0 for no limit */
    bool has_started;
    int64_t last_ts_ns; /**< session clock: of the tick before */
    int64_t base_ns;    /**< monotonic clock: when session time was `rest_ns` ago */
    uint64_t rest_ns;   /**< session time since base_ns; always less than speed_milli */
};

void qta_pacer_init(struct qta_pacer *pacer, uint32_t speed_milli, int64_t gap_max_ns);

/** Moves on to the tick received at ts_ns and returns the monotonic time at which it is due;
 * INT64_MAX when that lies beyond what the clock can show. A time that goes back (the next round of
 * a loop) counts as no gap. now_ns matters for the first tick only. */
int64_t qta_pacer_advance(struct qta_pacer *pacer, int64_t ts_ns, int64_t now_ns);

/** Moves every deadline that is still to come, a pause's length for instance. pause_ns >= 0. */
void qta_pacer_postpone(struct qta_pacer *pacer, int64_t pause_ns);

#endif
