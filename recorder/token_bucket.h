/** @file token_bucket.h
 *  A rate limit: so many a second in the long run, so many at once.
 *
 *  Kept as one time (the generic cell rate algorithm): exact, without drift, nothing to refill.
 *  Plain value of one thread; time is an argument. */
#ifndef QTA_RECORDER_TOKEN_BUCKET_H
#define QTA_RECORDER_TOKEN_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct qta_token_bucket {
    int64_t interval_ns;  /**< between tokens, rounded up; 0 for no limit */
    int64_t allowance_ns; /**< how far the schedule may run ahead of now: the burst */
    int64_t schedule_ns;  /**< when the tokens taken so far would have come, one interval apart */
};

/** Starts full at now_ns. rate_per_s 0 or less: no limit. burst 0 is taken as 1. */
void qta_token_bucket_init(struct qta_token_bucket *bucket, double rate_per_s, uint32_t burst,
                           int64_t now_ns);

/** Takes a token; false when there is none at now_ns. */
bool qta_token_bucket_take(struct qta_token_bucket *bucket, int64_t now_ns);

/** When the next token is there; in the past when it is there already. */
int64_t qta_token_bucket_ready_ns(const struct qta_token_bucket *bucket);

#endif
