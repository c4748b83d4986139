/* The bucket as a schedule: a token is there while the schedule is not too far ahead of now. When
 * the rate changes, the part of the schedule that is ahead of now is stretched or shrunk with it,
 * so that a change neither gives nor takes tokens. */
#include "recorder/rate_limiter.h"

#include <math.h>

#include "recorder/retry_after.h"

__extension__ typedef __int128 wide;

/* Far beyond any run, and far enough from the ends of int64 that sums cannot overflow. */
#define FOREVER_NS (INT64_MAX / 8)
#define SAME_OFFENCE_NS INT64_C(1000000000)
#define RECOVERY_NS INT64_C(60000000000)

enum { STEPS = QTA_RATE_LIMITER_LEVELS - QTA_RATE_LIMITER_LEVEL_MIN };

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t saturated(wide time_ns)
{
    return time_ns < FOREVER_NS ? (int64_t)time_ns : FOREVER_NS;
}

/* Between tokens at a level; rounded up, since the rate is never to be exceeded. */
static int64_t interval_at(const struct qta_rate_limiter *limiter, uint32_t level)
{
    return saturated(((wide)limiter->interval_ns * QTA_RATE_LIMITER_LEVELS + level - 1) / level);
}

/* How far the schedule may run ahead of now. */
static int64_t allowance_of(const struct qta_rate_limiter *limiter)
{
    return saturated((wide)interval_at(limiter, limiter->level) * (limiter->burst - 1));
}

static bool is_unlimited(const struct qta_rate_limiter *limiter)
{
    return limiter->interval_ns == 0;
}

void qta_rate_limiter_init(struct qta_rate_limiter *limiter,
                           const struct qta_rate_limiter_options *options)
{
    int64_t recovery_ns = options->recovery_ns > 0 ? options->recovery_ns : RECOVERY_NS;
    *limiter = (struct qta_rate_limiter){
        .burst = options->burst > 0 ? options->burst : 1,
        .level = QTA_RATE_LIMITER_LEVELS,
        .step_ns = larger(saturated(recovery_ns) / STEPS, 1),
        .schedule_ns = INT64_MIN / 2,
        .hold_ns = INT64_MIN / 2,
        .same_until_ns = INT64_MIN / 2,
        .now_ns = INT64_MIN / 2,
    };
    if (!(options->rate_per_s > 0))
        return;
    limiter->rate_per_s = options->rate_per_s;
    double interval_ns = ceil(1e9 / options->rate_per_s);
    limiter->interval_ns = interval_ns < (double)FOREVER_NS ? (int64_t)interval_ns : FOREVER_NS;
    limiter->interval_ns = larger(limiter->interval_ns, 1);
}

void qta_rate_limiter_change(struct qta_rate_limiter *limiter,
                             const struct qta_rate_limiter_options *options)
{
    struct qta_rate_limiter changed;
    qta_rate_limiter_init(&changed, options);
    changed.level = limiter->level;
    changed.step_at_ns = limiter->step_at_ns;
    changed.schedule_ns = limiter->schedule_ns;
    changed.hold_ns = limiter->hold_ns;
    changed.same_until_ns = limiter->same_until_ns;
    changed.now_ns = limiter->now_ns;
    changed.throttles = limiter->throttles;
    *limiter = changed;
}

static void set_level(struct qta_rate_limiter *limiter, uint32_t level, int64_t at_ns)
{
    int64_t before_ns = interval_at(limiter, limiter->level);
    int64_t after_ns = interval_at(limiter, level);
    if (limiter->schedule_ns > at_ns) {
        wide ahead_ns = limiter->schedule_ns - at_ns;
        limiter->schedule_ns = at_ns + saturated((ahead_ns * after_ns + before_ns - 1) / before_ns);
    }
    limiter->level = level;
}

static void advance(struct qta_rate_limiter *limiter, int64_t now_ns)
{
    limiter->now_ns = larger(limiter->now_ns, now_ns);
    if (is_unlimited(limiter))
        return;
    while (limiter->level < QTA_RATE_LIMITER_LEVELS && limiter->step_at_ns <= limiter->now_ns) {
        set_level(limiter, limiter->level + 1, limiter->step_at_ns);
        limiter->step_at_ns += limiter->step_ns;
    }
}

bool qta_rate_limiter_take(struct qta_rate_limiter *limiter, int64_t now_ns)
{
    advance(limiter, now_ns);
    now_ns = limiter->now_ns;
    if (now_ns < limiter->hold_ns)
        return false;
    if (is_unlimited(limiter))
        return true;
    int64_t schedule_ns = larger(limiter->schedule_ns, now_ns);
    if (schedule_ns - now_ns > allowance_of(limiter))
        return false;
    limiter->schedule_ns = schedule_ns + interval_at(limiter, limiter->level);
    return true;
}

int64_t qta_rate_limiter_ready_ns(const struct qta_rate_limiter *limiter)
{
    if (is_unlimited(limiter))
        return limiter->hold_ns;
    struct qta_rate_limiter future = *limiter;
    for (;;) {
        int64_t ready_ns = larger(future.schedule_ns - allowance_of(&future), future.hold_ns);
        if (future.level == QTA_RATE_LIMITER_LEVELS || ready_ns <= future.step_at_ns)
            return ready_ns;
        advance(&future, future.step_at_ns); /* it grows before: then it is sooner */
    }
}

void qta_rate_limiter_throttle(struct qta_rate_limiter *limiter, int64_t retry_after_ns,
                               int64_t now_ns)
{
    advance(limiter, now_ns);
    now_ns = limiter->now_ns;
    limiter->throttles++;
    int64_t hint_ns = qta_retry_after_believed_ns(retry_after_ns);
    if (is_unlimited(limiter) && hint_ns == 0)
        hint_ns = SAME_OFFENCE_NS;
    if (hint_ns > 0)
        limiter->hold_ns = larger(limiter->hold_ns, now_ns + hint_ns);
    if (is_unlimited(limiter))
        return;

    bool is_new = now_ns >= limiter->same_until_ns;
    int64_t first_ns = limiter->hold_ns;
    if (is_new) {
        uint32_t half = limiter->level / 2;
        set_level(limiter, half > QTA_RATE_LIMITER_LEVEL_MIN ? half : QTA_RATE_LIMITER_LEVEL_MIN,
                  now_ns);
        first_ns = larger(first_ns, now_ns + interval_at(limiter, limiter->level));
        limiter->same_until_ns = now_ns + SAME_OFFENCE_NS;
    }
    /* empty, so that what waited does not come all at once after the hint */
    limiter->schedule_ns = larger(limiter->schedule_ns, first_ns + allowance_of(limiter));
    limiter->same_until_ns = larger(limiter->same_until_ns, limiter->hold_ns);
    limiter->step_at_ns = larger(limiter->hold_ns, now_ns) + limiter->step_ns;
}

double qta_rate_limiter_rate_per_s(struct qta_rate_limiter *limiter, int64_t now_ns)
{
    if (is_unlimited(limiter))
        return HUGE_VAL;
    advance(limiter, now_ns);
    return limiter->rate_per_s * limiter->level / QTA_RATE_LIMITER_LEVELS;
}

bool qta_rate_limiter_is_throttled(struct qta_rate_limiter *limiter, int64_t now_ns)
{
    advance(limiter, now_ns);
    return limiter->level < QTA_RATE_LIMITER_LEVELS || limiter->now_ns < limiter->hold_ns;
}
