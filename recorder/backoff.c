/* Capped exponential backoff with full jitter. */
#include "recorder/backoff.h"

#include "recorder/retry_after.h"

enum { DELAY_MIN_NS = 1000000 };

/* splitmix64: any seed is good, also 0 */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void qta_backoff_init(struct qta_backoff *backoff, const struct qta_backoff_options *options,
                      uint64_t seed)
{
    *backoff = (struct qta_backoff){.options = *options, .random_state = seed};
    if (backoff->options.delay_ns < DELAY_MIN_NS)
        backoff->options.delay_ns = DELAY_MIN_NS;
    if (backoff->options.delay_max_ns < backoff->options.delay_ns)
        backoff->options.delay_max_ns = backoff->options.delay_ns;
}

/* The longest wait after that many failures: doubles without overflow. */
static int64_t window_ns(const struct qta_backoff_options *options, uint32_t failures)
{
    int64_t window = options->delay_ns;
    for (uint32_t i = 1; i < failures && window < options->delay_max_ns; i++)
        window = window > options->delay_max_ns / 2 ? options->delay_max_ns : window * 2;
    return window < options->delay_max_ns ? window : options->delay_max_ns;
}

int64_t qta_backoff_wait(struct qta_backoff *backoff, int64_t retry_after_ns)
{
    backoff->is_flowing = false;
    uint64_t window = (uint64_t)window_ns(&backoff->options, backoff->failures);
    int64_t delay_ns = 1 + (int64_t)(random_next(&backoff->random_state) % window);
    int64_t hint_ns = qta_retry_after_believed_ns(retry_after_ns);
    return delay_ns > hint_ns ? delay_ns : hint_ns;
}

bool qta_backoff_fail(struct qta_backoff *backoff, int64_t retry_after_ns, int64_t *delay_ns)
{
    if (backoff->failures < UINT32_MAX)
        backoff->failures++;
    if (backoff->options.attempts_max > 0 && backoff->failures >= backoff->options.attempts_max)
        return false;
    *delay_ns = qta_backoff_wait(backoff, retry_after_ns);
    return true;
}

bool qta_backoff_flow(struct qta_backoff *backoff, int64_t now_ns)
{
    if (!backoff->is_flowing) {
        backoff->is_flowing = true;
        backoff->flowing_since_ns = now_ns;
    }
    if (now_ns - backoff->flowing_since_ns < backoff->options.stable_ns)
        return false;
    backoff->failures = 0;
    return true;
}

void qta_backoff_forget(struct qta_backoff *backoff)
{
    backoff->failures = 0;
    backoff->is_flowing = false;
}
