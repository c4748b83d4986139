/** @file subscriber_watch.h
 *  Notices that a subscriber stands still: a callback that does not return, or a queue that nobody
 *  empties.
 *
 *  Looks come from one thread, at least every second or so; any thread reads the figures. Each
 *  standstill is logged once, and once more when it is over. Time is an argument. */
#ifndef QTA_RECORDER_SUBSCRIBER_WATCH_H
#define QTA_RECORDER_SUBSCRIBER_WATCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/counters.h"
#include "recorder/subscriptions.h"

/** Zero-initialize. */
struct qta_subscriber_watch {
    _Atomic uint64_t hangs;     /**< callbacks that ran too long */
    _Atomic int64_t hanging_ns; /**< how long the one that hangs has been running; 0 for none */

    /* the looking thread's */
    struct qta_subscriptions_doing doing;
    uint64_t taken;
    int64_t since_ns; /**< when it was first seen to do this */
    bool is_told;
    bool is_hang; /**< what was told is a callback */
};

/** What is to be seen of a subscriber at one time. */
struct qta_subscriber_sight {
    const char *name;
    struct qta_subscriptions_doing doing;
    uint64_t at_seq; /**< rx_seq of the tick that is dispatched */
    uint64_t taken;  /**< ticks taken from the queue so far */
    size_t queued;
    bool is_nearly_full;
    bool is_blocking; /**< the sockets wait for it when it is full */
};

/** hang_ns: what is too long; 0 for nothing. */
void qta_subscriber_watch_look(struct qta_subscriber_watch *watch,
                               const struct qta_subscriber_sight *sight, int64_t now_ns,
                               int64_t hang_ns);

#endif
