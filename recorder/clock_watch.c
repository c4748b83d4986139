/* A step is found by comparing two clocks at every turn; the kernel's word is asked for now and
 * then, and after a step. */
#include "recorder/clock_watch.h"

void qta_clock_watch_start(struct qta_clock_watch *watch, int64_t now_ns, int64_t realtime_ns)
{
    *watch = (struct qta_clock_watch){
        .first_offset_ns = realtime_ns - now_ns,
        .ask_ns = now_ns,
    };
}

/* Whether it now says something else than before, or speaks for the first time. */
static bool ask_kernel(struct qta_clock_watch *watch, struct qta_environment *environment)
{
    enum qta_clock_sync before = watch->sync;
    watch->sync = QTA_CLOCK_UNKNOWN;
    watch->estimate = (struct qta_clock_estimate){0};
    if (qta_clock_estimate(environment, &watch->estimate))
        watch->sync = watch->estimate.is_synchronised ? QTA_CLOCK_SYNCHRONISED
                                                      : QTA_CLOCK_UNSYNCHRONISED;
    return watch->sync != before;
}

bool qta_clock_watch_look(struct qta_clock_watch *watch, struct qta_environment *environment,
                          int64_t now_ns, int64_t realtime_ns, struct qta_tick *tick)
{
    int64_t offset_ns = realtime_ns - now_ns - watch->first_offset_ns;
    int64_t step_ns = offset_ns - watch->offset_ns;
    bool is_step = step_ns > QTA_CLOCK_STEP_NS || step_ns < -QTA_CLOCK_STEP_NS;
    bool is_news = false;
    watch->offset_ns = offset_ns;
    if (is_step || now_ns >= watch->ask_ns) {
        is_news = ask_kernel(watch, environment);
        watch->ask_ns = now_ns + QTA_CLOCK_ASK_NS;
    }
    if (!is_step && !is_news)
        return false;
    watch->steps += is_step;
    qta_tick_init(tick, QTA_TICK_CLOCK);
    tick->clock.step_ns = is_step ? step_ns : 0;
    tick->clock.offset_ns = offset_ns;
    tick->clock.sync = (uint8_t)watch->sync;
    if (watch->sync != QTA_CLOCK_UNKNOWN) {
        tick->clock.estimated_offset_ns = watch->estimate.offset_ns;
        tick->clock.max_error_ns = (uint64_t)watch->estimate.max_error_ns;
    }
    return true;
}
