/** @file live_options.h
 *  What of a configuration a running gateway can take over, copied out of it.
 *
 *  It is the whole of it and not a difference: whoever applies it compares with what it applied
 *  before, so of several that wait only the last one counts. */
#ifndef QTA_RECORDER_LIVE_OPTIONS_H
#define QTA_RECORDER_LIVE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/archive.h>
#include <qta/config.h>
#include <qta/error.h>

/** How a provider is treated. */
struct qta_live_limits {
    double rate_limit_per_s;
    uint32_t rate_limit_burst;
    uint32_t connects_per_minute;
    uint32_t breaker_threshold;
    int64_t breaker_timeout_ns;
    uint32_t reconnect_attempts;
    int64_t reconnect_delay_ns;
    int64_t reconnect_delay_max_ns;
};

bool qta_live_limits_equal(const struct qta_live_limits *a, const struct qta_live_limits *b);

struct qta_live_provider {
    char *name;
    struct qta_subscription *subscriptions; /**< each once; their symbols are owned */
    size_t subscription_count;
    struct qta_live_limits limits;
};

struct qta_live_options {
    struct qta_live_provider *providers;
    size_t provider_count;
    struct qta_retention_options retention;
};

/** QTA_ERR_NOMEM. */
enum qta_status qta_live_options_create(struct qta_live_options **out,
                                        const struct qta_gateway_options *options,
                                        struct qta_error *err);
/** NULL is fine. */
void qta_live_options_destroy(struct qta_live_options *live);

/** The provider of that name; NULL for none. */
const struct qta_live_provider *qta_live_options_find(const struct qta_live_options *live,
                                                      const char *name);

/** What left has and right has not; either may be NULL, which has nothing. The array is the
 *  caller's to free; its symbols are borrowed of left. QTA_ERR_NOMEM. */
enum qta_status qta_live_provider_without(const struct qta_live_provider *left,
                                          const struct qta_live_provider *right,
                                          struct qta_subscription **subscriptions, size_t *count,
                                          struct qta_error *err);

#endif
