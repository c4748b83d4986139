/** @file clock_watch.h
 *  Looks at the wall clock: whether somebody set it, and how well it keeps time.
 *
 *      qta_clock_watch_start(&watch, now_ns, realtime_ns);
 *      if (qta_clock_watch_look(&watch, environment, now_ns, realtime_ns, &tick))
 *          ...                            // a CLOCK tick to record
 *
 *  Worth a record: a step of more than half a second against the monotonic clock, what the kernel
 *  says of its clock at the start, and when it is no longer, or again, synchronised. Slow changes
 *  are not: they are figures. Belongs to the network thread. */
#ifndef QTA_RECORDER_CLOCK_WATCH_H
#define QTA_RECORDER_CLOCK_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/tick.h>

#include "core/environment.h"

/** A step that is worth a record. */
#define QTA_CLOCK_STEP_NS INT64_C(500000000)

/** The kernel is asked this often. */
#define QTA_CLOCK_ASK_NS INT64_C(10000000000)

struct qta_clock_watch {
    int64_t first_offset_ns; /**< wall minus monotonic clock, at the start */
    int64_t offset_ns;       /**< how far that has moved since */
    int64_t ask_ns;          /**< monotonic: when to ask the kernel next */
    enum qta_clock_sync sync;
    struct qta_clock_estimate estimate; /**< all 0 while sync is unknown */
    uint64_t steps;
};

void qta_clock_watch_start(struct qta_clock_watch *watch, int64_t now_ns, int64_t realtime_ns);

/** True when *tick, which is filled in but for its time and number, is to be recorded. */
bool qta_clock_watch_look(struct qta_clock_watch *watch, struct qta_environment *environment,
                          int64_t now_ns, int64_t realtime_ns, struct qta_tick *tick);

#endif
