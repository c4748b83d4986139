/* The bucket as a schedule: a token is there while the schedule is not too far ahead of now. */
#include "recorder/token_bucket.h"

/* Far beyond any run, and far enough from the ends of int64 that sums cannot overflow. */
#define FOREVER_NS (INT64_MAX / 8)

void qta_token_bucket_init(struct qta_token_bucket *bucket, double rate_per_s, uint32_t burst,
                           int64_t now_ns)
{
    *bucket = (struct qta_token_bucket){.schedule_ns = now_ns};
    if (!(rate_per_s > 0))
        return;
    double interval = 1e9 / rate_per_s;
    bucket->interval_ns = interval < (double)FOREVER_NS ? (int64_t)interval : FOREVER_NS;
    if ((double)bucket->interval_ns < interval || bucket->interval_ns == 0)
        bucket->interval_ns++; /* rounded up: never faster than the rate */
    int64_t extra = burst > 0 ? (int64_t)burst - 1 : 0;
    bucket->allowance_ns = extra <= FOREVER_NS / bucket->interval_ns ? extra * bucket->interval_ns
                                                                     : FOREVER_NS;
}

bool qta_token_bucket_take(struct qta_token_bucket *bucket, int64_t now_ns)
{
    if (bucket->interval_ns == 0)
        return true;
    int64_t schedule = bucket->schedule_ns > now_ns ? bucket->schedule_ns : now_ns;
    if (schedule - now_ns > bucket->allowance_ns)
        return false;
    bucket->schedule_ns = schedule + bucket->interval_ns;
    return true;
}

int64_t qta_token_bucket_ready_ns(const struct qta_token_bucket *bucket)
{
    return bucket->schedule_ns - bucket->allowance_ns;
}
