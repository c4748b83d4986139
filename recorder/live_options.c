/* Copies; the sets of subscriptions are compared as sets of wants. */
#include "recorder/live_options.h"

#include <stdlib.h>
#include <string.h>

#include "recorder/wants.h"

bool qta_live_limits_equal(const struct qta_live_limits *a, const struct qta_live_limits *b)
{
    return a->rate_limit_per_s == b->rate_limit_per_s &&
           a->rate_limit_burst == b->rate_limit_burst &&
           a->connects_per_minute == b->connects_per_minute &&
           a->breaker_threshold == b->breaker_threshold &&
           a->breaker_timeout_ns == b->breaker_timeout_ns &&
           a->reconnect_attempts == b->reconnect_attempts &&
           a->reconnect_delay_ns == b->reconnect_delay_ns &&
           a->reconnect_delay_max_ns == b->reconnect_delay_max_ns;
}

static enum qta_status no_memory(struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a configuration");
}

static enum qta_status make_set(struct qta_wants **out, const struct qta_subscription *items,
                                size_t count, struct qta_error *err)
{
    enum qta_status status = qta_wants_create(out, err);
    for (size_t i = 0; i < count && status == QTA_OK; i++)
        status = qta_wants_add(*out, &items[i], err);
    if (status != QTA_OK) {
        qta_wants_destroy(*out);
        *out = NULL;
    }
    return status;
}

static enum qta_status copy_subscriptions(struct qta_live_provider *provider,
                                          const struct qta_provider_options *options,
                                          struct qta_error *err)
{
    struct qta_wants *set;
    enum qta_status status = make_set(&set, options->subscriptions, options->subscription_count,
                                      err);
    if (status != QTA_OK)
        return status;
    size_t count = qta_wants_total(set);
    provider->subscriptions = calloc(count + 1, sizeof *provider->subscriptions);
    for (size_t i = 0; i < count && provider->subscriptions; i++) {
        struct qta_subscription *copy = &provider->subscriptions[i];
        *copy = *qta_wants_at(set, i);
        copy->symbol = strdup(copy->symbol);
        if (!copy->symbol)
            break;
        provider->subscription_count++;
    }
    qta_wants_destroy(set);
    return provider->subscription_count == count && provider->subscriptions ? QTA_OK
                                                                            : no_memory(err);
}

static enum qta_status copy_provider(struct qta_live_provider *provider,
                                     const struct qta_gateway_options *gateway, size_t index,
                                     struct qta_error *err)
{
    const struct qta_provider_options *options = &gateway->providers[index];
    provider->limits = (struct qta_live_limits){
        .rate_limit_per_s = options->rate_limit_per_s,
        .rate_limit_burst = options->rate_limit_burst,
        .connects_per_minute = options->connects_per_minute,
        .breaker_threshold = options->breaker_threshold,
        .breaker_timeout_ns = options->breaker_timeout_ns,
        .reconnect_attempts = gateway->reconnect_attempts,
        .reconnect_delay_ns = gateway->reconnect_delay_ns,
        .reconnect_delay_max_ns = gateway->reconnect_delay_max_ns,
    };
    provider->name = strdup(options->name);
    return provider->name ? copy_subscriptions(provider, options, err) : no_memory(err);
}

enum qta_status qta_live_options_create(struct qta_live_options **out,
                                        const struct qta_gateway_options *options,
                                        struct qta_error *err)
{
    struct qta_live_options *live = calloc(1, sizeof *live);
    if (!live)
        return no_memory(err);
    live->retention = (struct qta_retention_options){
        .keep_days = options->recording.keep_days,
        .max_bytes = options->recording.max_size_bytes,
        .min_free_bytes = options->recording.min_free_bytes,
    };
    live->providers = calloc(options->provider_count + 1, sizeof *live->providers);
    enum qta_status status = live->providers ? QTA_OK : no_memory(err);
    for (size_t i = 0; i < options->provider_count && status == QTA_OK; i++) {
        live->provider_count++; /* also half of it is freed */
        status = copy_provider(&live->providers[i], options, i, err);
    }
    if (status != QTA_OK) {
        qta_live_options_destroy(live);
        return status;
    }
    *out = live;
    return QTA_OK;
}

void qta_live_options_destroy(struct qta_live_options *live)
{
    if (!live)
        return;
    for (size_t i = 0; i < live->provider_count; i++) {
        struct qta_live_provider *provider = &live->providers[i];
        for (size_t j = 0; j < provider->subscription_count; j++)
            free((void *)(uintptr_t)provider->subscriptions[j].symbol);
        free(provider->subscriptions);
        free(provider->name);
    }
    free(live->providers);
    free(live);
}

const struct qta_live_provider *qta_live_options_find(const struct qta_live_options *live,
                                                      const char *name)
{
    for (size_t i = 0; i < live->provider_count; i++) {
        if (strcmp(live->providers[i].name, name) == 0)
            return &live->providers[i];
    }
    return NULL;
}

enum qta_status qta_live_provider_without(const struct qta_live_provider *left,
                                          const struct qta_live_provider *right,
                                          struct qta_subscription **subscriptions, size_t *count,
                                          struct qta_error *err)
{
    size_t left_count = left ? left->subscription_count : 0;
    struct qta_wants *set;
    *count = 0;
    enum qta_status status = make_set(&set, right ? right->subscriptions : NULL,
                                      right ? right->subscription_count : 0, err);
    if (status != QTA_OK)
        return status;
    *subscriptions = malloc((left_count + 1) * sizeof **subscriptions);
    for (size_t i = 0; i < left_count && *subscriptions; i++) {
        if (!qta_wants_has(set, &left->subscriptions[i]))
            (*subscriptions)[(*count)++] = left->subscriptions[i];
    }
    qta_wants_destroy(set);
    return *subscriptions ? QTA_OK : no_memory(err);
}
