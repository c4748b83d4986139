/* Capped exponential backoff with full jitter and a circuit breaker on one count of failures. */
#include "recorder/backoff.h"

#include <assert.h>

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

bool qta_backoff_fail(struct qta_backoff *backoff, int64_t retry_after_ns, int64_t *delay_ns)
{
    const struct qta_backoff_options *options = &backoff->options;
    if (backoff->failures < UINT32_MAX)
        backoff->failures++;
    backoff->is_working = false;
    if (options->attempts_max > 0 && backoff->failures >= options->attempts_max)
        return false;

    uint64_t window = (uint64_t)window_ns(options, backoff->failures);
    int64_t delay = 1 + (int64_t)(random_next(&backoff->random_state) % window);
    if (qta_backoff_is_open(backoff) && delay < options->breaker_timeout_ns)
        delay = options->breaker_timeout_ns;
    if (retry_after_ns > QTA_RETRY_AFTER_MAX_NS)
        retry_after_ns = QTA_RETRY_AFTER_MAX_NS;
    if (delay < retry_after_ns)
        delay = retry_after_ns;
    *delay_ns = delay;
    return true;
}

void qta_backoff_work(struct qta_backoff *backoff, int64_t now_ns)
{
    if (!backoff->is_working) {
        backoff->is_working = true;
        backoff->working_since_ns = now_ns;
    }
    assert(now_ns >= backoff->working_since_ns);
    if (now_ns - backoff->working_since_ns >= backoff->options.stable_ns)
        backoff->failures = 0;
}

int64_t qta_backoff_stable_at_ns(const struct qta_backoff *backoff)
{
    if (!backoff->is_working || backoff->failures == 0)
        return INT64_MAX;
    return backoff->working_since_ns + backoff->options.stable_ns;
}

bool qta_backoff_is_open(const struct qta_backoff *backoff)
{
    return backoff->options.breaker_threshold > 0 &&
           backoff->failures >= backoff->options.breaker_threshold;
}
