/** @file connect_queue.h
 *  Whose turn it is to connect: the limit on connection attempts that all connections of a provider
 *  share.
 *
 *  In any minute at most `connects_per_minute` attempts start, whatever fails and however often;
 *  half of them may be started at once. A venue's throttle signal halves that and is obeyed by all,
 *  see rate_limiter.h; it takes ten minutes to come back. Connections that have to wait are served
 *  in the order in which they came, so that one which fails all the time cannot starve another.
 *
 *      struct qta_connect_turn turn = {0};                 // one a connection
 *      if (qta_connect_queue_take(&queue, &turn, now_ns))
 *          connect();
 *      else
 *          ask_again_at(qta_connect_queue_ready_ns(&queue));
 *
 *  Belongs to the network thread; time is an argument. */
#ifndef QTA_RECORDER_CONNECT_QUEUE_H
#define QTA_RECORDER_CONNECT_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "recorder/rate_limiter.h"

/** A connection's place in the queue. All zero: not in it. */
struct qta_connect_turn {
    struct qta_connect_turn *next;
    bool is_waiting;
};

struct qta_connect_queue {
    struct qta_rate_limiter limiter;
    struct qta_connect_turn *first;
    struct qta_connect_turn *last;
    uint64_t waits; /**< attempts that could not start at once, so far */
};

/** connects_per_minute 0: no limit. */
void qta_connect_queue_init(struct qta_connect_queue *queue, uint32_t connects_per_minute);

/** Another limit; attempts of the last minute count, and who waits keeps its place. */
void qta_connect_queue_change(struct qta_connect_queue *queue, uint32_t connects_per_minute);

/** Asks to start an attempt. False: not now; the turn has its place, and is borrowed, until a later
 *  call gives true or it leaves. */
bool qta_connect_queue_take(struct qta_connect_queue *queue, struct qta_connect_turn *turn,
                            int64_t now_ns);

/** Gives the place up; without one nothing happens. */
void qta_connect_queue_leave(struct qta_connect_queue *queue, struct qta_connect_turn *turn);

/** When to ask again. */
int64_t qta_connect_queue_ready_ns(const struct qta_connect_queue *queue);

#endif
