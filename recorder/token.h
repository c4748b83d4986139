/** @file token.h
 *  Keys that end: when a token does, and when to see about the next one.
 *
 *      qta_token_schedule_start(&schedule, obtained_ns, expires_ns, seed);
 *      if (now_ns >= qta_token_schedule_due_ns(&schedule))
 *          got a new one ? qta_token_schedule_start(...) : qta_token_schedule_fail(&schedule,
 * now_ns)
 *
 *  Plain values without a clock: times are ns since the Unix epoch, as the tokens' own. */
#ifndef QTA_RECORDER_TOKEN_H
#define QTA_RECORDER_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#define QTA_TOKEN_NEVER INT64_MAX

/** The end that a JSON Web Token has in itself (its claim "exp"); QTA_TOKEN_NEVER for one without,
 *  and for what is no such token. Its signature is the venue's business. */
int64_t qta_token_expiry_ns(const char *token);

struct qta_token_schedule {
    int64_t obtained_ns;
    int64_t expires_ns; /**< QTA_TOKEN_NEVER: it does not */
    int64_t due_ns;
    uint32_t failures; /**< in a row */
    uint64_t random;
};

/** A token was obtained: the next one is due when 75 to 85 % of its time have passed, at random, so
 *  that many recorders do not come at once. */
void qta_token_schedule_start(struct qta_token_schedule *schedule, int64_t obtained_ns,
                              int64_t expires_ns, uint64_t seed);

/** No new one could be had: tries again after 1 s, 2 s, 4 s, ... and at most a minute, a little
 *  less at random; once more just before the old one ends. */
void qta_token_schedule_fail(struct qta_token_schedule *schedule, int64_t now_ns);

/** When to see about the next one; QTA_TOKEN_NEVER for never. */
int64_t qta_token_schedule_due_ns(const struct qta_token_schedule *schedule);

bool qta_token_schedule_is_over(const struct qta_token_schedule *schedule, int64_t now_ns);

#endif
