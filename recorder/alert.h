/** @file alert.h
 *  One condition that people want to hear of: when it begins, when it lasts, when it is over.
 *
 *                    bad                    bad, `escalation` looks in a row
 *      quiet  ----------------->  firing  -------------------------------->  escalated
 *        ^                          |                                            |
 *        +---- good, CALM looks ----+----------------- good, CALM looks ---------+
 *              in a row
 *
 *  A look that is neither (unknown: nothing can be said now, e.g. the market is closed) ends a run
 * of bad looks and counts as good. A change is told at once when nothing was told for QUIET_NS;
 *  otherwise when that has passed, and only if it still differs from what was told last: a
 *  condition that flaps gives one message in QUIET_NS, and the last word is always true.
 *
 *  Plain value of one thread; time is an argument. */
#ifndef QTA_RECORDER_ALERT_H
#define QTA_RECORDER_ALERT_H

#include <stdbool.h>
#include <stdint.h>

enum { QTA_ALERT_CALM_LOOKS = 2 };
#define QTA_ALERT_QUIET_NS INT64_C(60000000000)

enum qta_alert_state {
    QTA_ALERT_QUIET = 0,
    QTA_ALERT_FIRING = 1,
    QTA_ALERT_ESCALATED = 2,
};

enum qta_alert_look { QTA_LOOK_GOOD, QTA_LOOK_BAD, QTA_LOOK_UNKNOWN };

/** All zero is quiet. */
struct qta_alert {
    enum qta_alert_state state;
    enum qta_alert_state told; /**< what people know */
    uint32_t bad_looks;        /**< in a row */
    uint32_t good_looks;       /**< likewise, while it is not quiet */
    bool has_told;
    int64_t told_ns;
    int64_t since_ns; /**< when the state began to be another than quiet, or quiet again */
    uint64_t fired;   /**< how often */
};

/** Takes a look's result. True: there is something to tell, the state in *told as it is now; before
 *  is what was told last. is_grave escalates at once. now_ns is monotonic and never goes back. */
bool qta_alert_look(struct qta_alert *alert, enum qta_alert_look look, bool is_grave,
                    uint32_t escalation_looks, int64_t now_ns, enum qta_alert_state *before);

/** "resolved", "firing", "escalated": what the change to that state is called. Static. */
const char *qta_alert_event_name(enum qta_alert_state state);

#endif
