/* When a tick is due. Session time is not kept as one growing number: whole multiples of the speed
 * move into base_ns as whole microseconds (speed_milli ns of session time last exactly 1000 ns), so
 * what is left to divide stays below the speed and the sum stays exact for ever. */
#include "replay/pacer.h"

#include <assert.h>

enum { REAL_NS_PER_SPEED = 1000 };

void qta_pacer_init(struct qta_pacer *pacer, uint32_t speed_milli, int64_t gap_max_ns)
{
    assert(gap_max_ns >= 0);
    *pacer = (struct qta_pacer){.speed_milli = speed_milli, .gap_max_ns = gap_max_ns};
}

static int64_t add_or_latest(int64_t time_ns, uint64_t more_ns)
{
    int64_t sum_ns;
    return __builtin_add_overflow(time_ns, more_ns, &sum_ns) ? INT64_MAX : sum_ns;
}

/* Between two times of the session; fits because the difference of two int64 fits a uint64. */
static uint64_t gap_ns(const struct qta_pacer *pacer, int64_t ts_ns)
{
    if (ts_ns <= pacer->last_ts_ns)
        return 0;
    uint64_t gap = (uint64_t)ts_ns - (uint64_t)pacer->last_ts_ns;
    if (pacer->gap_max_ns > 0 && gap > (uint64_t)pacer->gap_max_ns)
        return (uint64_t)pacer->gap_max_ns;
    return gap;
}

int64_t qta_pacer_advance(struct qta_pacer *pacer, int64_t ts_ns, int64_t now_ns)
{
    if (!pacer->has_started) {
        pacer->has_started = true;
        pacer->base_ns = now_ns;
        pacer->last_ts_ns = ts_ns;
        return now_ns;
    }
    uint64_t gap = gap_ns(pacer, ts_ns);
    pacer->last_ts_ns = ts_ns;
    if (pacer->speed_milli == 0)
        return pacer->base_ns;
    uint64_t whole = gap / pacer->speed_milli;
    pacer->rest_ns += gap % pacer->speed_milli;
    if (pacer->rest_ns >= pacer->speed_milli) {
        pacer->rest_ns -= pacer->speed_milli;
        whole++;
    }
    uint64_t real_ns;
    if (__builtin_mul_overflow(whole, REAL_NS_PER_SPEED, &real_ns))
        real_ns = UINT64_MAX;
    pacer->base_ns = add_or_latest(pacer->base_ns, real_ns);
    return add_or_latest(pacer->base_ns, pacer->rest_ns * REAL_NS_PER_SPEED / pacer->speed_milli);
}

void qta_pacer_postpone(struct qta_pacer *pacer, int64_t pause_ns)
{
    assert(pause_ns >= 0);
    if (pacer->has_started)
        pacer->base_ns = add_or_latest(pacer->base_ns, (uint64_t)pause_ns);
}
