/* The gateway owns the parts and is nothing but their wiring: the network agent with its providers
 * on one side, the subscribers on the other. Its threads are in gateway_run.c. */
#include <qta/gateway.h>

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "recorder/gateway_internal.h"
#include "recorder/gateway_parts.h"
#include "recorder/gateway_view.h"
#include "recorder/health_options.h"
#include "recorder/status_page.h"

/* ---- checks -----------------------------------------------------------------------------------
 */

static const char *adapter_name(const struct qta_provider_options *provider)
{
    return provider->adapter ? provider->adapter : provider->name;
}

static enum qta_status check_provider(const struct qta_gateway_options *options, size_t index,
                                      struct qta_error *err)
{
    const struct qta_provider_options *provider = &options->providers[index];
    if (!provider->name || provider->name[0] == '\0')
        return qta_error_set(err, QTA_ERR_CONFIG, "provider %zu has no name", index + 1);
    for (size_t i = 0; i < index; i++) {
        if (strcmp(options->providers[i].name, provider->name) == 0)
            return qta_error_set(err, QTA_ERR_CONFIG, "two providers are named '%s'",
                                 provider->name);
    }
    if (!qta_adapter_find(adapter_name(provider)))
        return qta_error_set(err, QTA_ERR_CONFIG, "provider '%s': unknown adapter '%s'",
                             provider->name, adapter_name(provider));
    return QTA_OK;
}

static bool has_trait(const struct qta_provider_options *provider, enum qta_adapter_trait trait)
{
    return (qta_adapter_find(adapter_name(provider))->traits & (uint32_t)trait) != 0;
}

/* A recording brings its own numbers: no other stream can be woven into it. */
static enum qta_status check_replay(const struct qta_gateway_options *options,
                                    struct qta_error *err)
{
    for (size_t i = 0; i < options->provider_count && options->provider_count > 1; i++) {
        if (has_trait(&options->providers[i], QTA_TRAIT_STAMPS_ALL))
            return qta_error_set(err, QTA_ERR_CONFIG,
                                 "provider '%s' plays a recording and must be the only one "
                                 "(it can play several sessions)",
                                 options->providers[i].name);
    }
    return QTA_OK;
}

static enum qta_status check_options(const struct qta_gateway_options *options,
                                     const struct qta_transport *transport, struct qta_error *err)
{
    if (options->provider_count == 0)
        return qta_error_set(err, QTA_ERR_CONFIG, "no providers");
    if (options->buffer_size == 0)
        return qta_error_set(err, QTA_ERR_CONFIG, "buffer_size must be at least 1");
    if ((unsigned)options->recording.on_full > QTA_ON_FULL_STOP)
        return qta_error_set(err, QTA_ERR_CONFIG, "unknown policy %d for a full disk",
                             (int)options->recording.on_full);
    if ((unsigned)options->overflow > QTA_OVERFLOW_DISCONNECT)
        return qta_error_set(err, QTA_ERR_CONFIG, "unknown overflow policy %d",
                             (int)options->overflow);
    for (size_t i = 0; i < options->provider_count; i++) {
        enum qta_status status = check_provider(options, i, err);
        if (status != QTA_OK)
            return status;
        const struct qta_adapter_ops *ops = qta_adapter_find(adapter_name(&options->providers[i]));
        if (ops->transport != QTA_TRANSPORT_NONE && !transport)
            return qta_error_set(err, QTA_ERR_USAGE, "provider '%s' needs a transport",
                                 options->providers[i].name);
    }
    return check_replay(options, err);
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static enum qta_status copy_configured(struct qta_gateway *gateway,
                                       const struct qta_gateway_options *options,
                                       struct qta_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < options->provider_count; i++)
        count += options->providers[i].subscription_count;
    gateway->configured = calloc(count + 1, sizeof *gateway->configured);
    if (!gateway->configured)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    for (size_t i = 0; i < options->provider_count; i++) {
        const struct qta_provider_options *provider = &options->providers[i];
        for (size_t j = 0; j < provider->subscription_count; j++) {
            struct qta_subscription *copy = &gateway->configured[gateway->configured_count];
            *copy = provider->subscriptions[j];
            copy->symbol = strdup(copy->symbol);
            if (!copy->symbol)
                return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
            gateway->configured_count++;
        }
    }
    return QTA_OK;
}

static void say_how_things_stand(void *user)
{
    struct qta_gateway *gateway = user;
    for (size_t i = 0; i < gateway->provider_count; i++)
        qta_provider_carry_over(gateway->providers[i]);
}

static bool all_stamp_time(const struct qta_gateway_options *options)
{
    for (size_t i = 0; i < options->provider_count; i++) {
        if (!has_trait(&options->providers[i], QTA_TRAIT_STAMPS_TIME))
            return false;
    }
    return true;
}

static void note_room(void *user, const struct qta_subscriber *subscriber)
{
    struct qta_gateway *gateway = user;
    if (gateway->agent)
        qta_network_agent_note_room(gateway->agent, subscriber);
}

static bool wait_for_room(void *user, struct qta_subscriber *subscriber)
{
    struct qta_gateway *gateway = user;
    if (gateway->is_stepped)
        return qta_subscriber_dispatch(subscriber) > 0;
    return qta_network_agent_wait_for_room(gateway->agent, subscriber);
}

static enum qta_status ask(void *user, enum qta_tick_type type, const char *const *symbols,
                           size_t symbol_count, struct qta_error *err)
{
    struct qta_gateway *gateway = user;
    return qta_network_agent_subscribe(gateway->agent, type, symbols, symbol_count, err);
}

static enum qta_status make_subscribers(struct qta_gateway *gateway,
                                        const struct qta_gateway_options *options,
                                        struct qta_error *err)
{
    bool has_own_time = !gateway->is_replay && !all_stamp_time(options);
    struct qta_subscriber_set_options subscribers = {
        .buffer_size = options->buffer_size,
        .overflow = options->overflow,
        .callback_hang_after_ns = options->callback_hang_after_ns,
        .configured = gateway->configured,
        .configured_count = gateway->configured_count,
        .names = gateway->names,
        .environment = gateway->environment,
        .is_replay = gateway->is_replay,
        .has_own_time = has_own_time,
        .is_measured = has_own_time && qta_health_is_wanted(&options->health),
        .on_room = note_room,
        .wait_for_room = wait_for_room,
        .ask = ask,
        .user = gateway,
    };
    enum qta_status status = qta_subscriber_set_create(&gateway->subscribers, &subscribers, err);
    if (status == QTA_OK)
        gateway->callbacks = qta_subscriber_set_callbacks(gateway->subscribers);
    return status;
}

static enum qta_status make_publisher(struct qta_gateway *gateway,
                                      const struct qta_gateway_options *options,
                                      struct qta_error *err)
{
    struct qta_publisher_options publisher = {
        .subscribers = gateway->subscribers,
        .names = gateway->names,
        .counters = &gateway->counters,
        .on_full = options->recording.on_full,
        .is_timed_by_adapters = all_stamp_time(options),
        .on_new_session = say_how_things_stand,
        .user = gateway,
    };
    return qta_publisher_create(&gateway->publisher, &publisher, err);
}

static enum qta_status make_provider(struct qta_gateway *gateway,
                                     const struct qta_gateway_options *options, size_t index,
                                     struct qta_error *err)
{
    const struct qta_provider_options *provider = &options->providers[index];
    const struct qta_adapter_ops *ops = qta_adapter_find(adapter_name(provider));
    uint64_t seed = 0;
    if (gateway->environment->ops->random(gateway->environment, &seed, sizeof seed) != 0)
        seed = (uint64_t)qta_monotonic_ns(gateway->environment); /* it only spreads retries */
    struct qta_connection_options connection = {
        .provider = provider,
        .gateway = options,
        .auth_manager = qta_auth_agent_manager(gateway->auth, index),
        .ops = ops,
        .environment = gateway->environment,
        .transport = gateway->transport,
        .publisher = gateway->publisher,
        .names = gateway->names,
        .counters = &gateway->counters,
        .provider_index = index,
        .seed = seed,
    };
    enum qta_status status = qta_provider_create(&gateway->providers[index], &connection, err);
    if (status == QTA_OK)
        gateway->provider_count++;
    return status;
}

static enum qta_status list_connections(struct qta_gateway *gateway, struct qta_error *err)
{
    size_t total = 0;
    size_t count;
    for (size_t i = 0; i < gateway->provider_count; i++) {
        qta_provider_connections(gateway->providers[i], &count);
        total += count;
    }
    assert(total > 0); /* every provider has one */
    gateway->connections = calloc(total, sizeof(struct qta_connection *));
    if (!gateway->connections)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for providers");
    for (size_t i = 0; i < gateway->provider_count; i++) {
        struct qta_connection *const *own = qta_provider_connections(gateway->providers[i], &count);
        memcpy(&gateway->connections[gateway->connection_count], own,
               count * sizeof(struct qta_connection *));
        gateway->connection_count += count;
    }
    return QTA_OK;
}

static enum qta_status make_providers(struct qta_gateway *gateway,
                                      const struct qta_gateway_options *options,
                                      struct qta_error *err)
{
    gateway->providers = calloc(options->provider_count, sizeof(struct qta_provider *));
    if (!gateway->providers)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for providers");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < options->provider_count && status == QTA_OK; i++)
        status = make_provider(gateway, options, i, err);
    return status == QTA_OK ? list_connections(gateway, err) : status;
}

static enum qta_status make_recording(struct qta_gateway *gateway,
                                      const struct qta_gateway_options *options,
                                      struct qta_error *err)
{
    if (!options->recording.is_enabled)
        return QTA_OK;
    if (gateway->is_replay) {
        qta_log(QTA_LOG_INFO, "recording", "off: what is replayed is a recording already");
        return QTA_OK;
    }
    enum qta_status status = qta_recording_create(&gateway->recording, &options->recording,
                                                  gateway->names, gateway->environment,
                                                  qta_realtime_ns(gateway->environment), err);
    if (status != QTA_OK)
        return status;
    qta_publisher_set_recording(gateway->publisher, gateway->recording);
    return QTA_OK;
}

static enum qta_status make_agent(struct qta_gateway *gateway,
                                  const struct qta_gateway_options *options, struct qta_error *err)
{
    struct qta_network_agent_options agent = {
        .environment = gateway->environment,
        .transport = gateway->transport,
        .providers = gateway->providers,
        .provider_count = gateway->provider_count,
        .publisher = gateway->publisher,
        .recording = gateway->recording,
        .names = gateway->names,
        .subscribers = gateway->subscribers,
        .counters = &gateway->counters,
        .has_own_time = !gateway->is_replay && !all_stamp_time(options),
    };
    return qta_network_agent_create(&gateway->agent, &agent, err);
}

struct qta_gateway_view qta_gateway_view(const struct qta_gateway *gateway)
{
    return (struct qta_gateway_view){
        .environment = gateway->environment,
        .counters = &gateway->counters,
        .connections = gateway->connections,
        .connection_count = gateway->connection_count,
        .subscribers = gateway->subscribers,
        .names = gateway->names,
        .auth = gateway->auth,
        .recording = gateway->recording,
        .is_replay = gateway->is_replay,
    };
}

static enum qta_status make_health(struct qta_gateway *gateway,
                                   const struct qta_gateway_options *options, struct qta_error *err)
{
    if (!qta_health_is_wanted(&options->health))
        return QTA_OK;
    struct qta_gateway_view view = qta_gateway_view(gateway);
    return qta_health_service_create(&gateway->health, options, &view, err);
}

/* In an order that opens the session last: a wrong configuration leaves nothing behind. */
static enum qta_status make_parts(struct qta_gateway *gateway,
                                  const struct qta_gateway_options *options, struct qta_error *err)
{
    enum qta_status status = copy_configured(gateway, options, err);
    if (status == QTA_OK)
        status = qta_dictionary_create(&gateway->names, err);
    if (status == QTA_OK)
        status = make_subscribers(gateway, options, err);
    if (status == QTA_OK)
        status = make_publisher(gateway, options, err);
    if (status == QTA_OK)
        status = qta_auth_agent_create(&gateway->auth, options, gateway->environment, err);
    if (status == QTA_OK)
        status = make_providers(gateway, options, err);
    if (status == QTA_OK)
        status = make_recording(gateway, options, err);
    if (status == QTA_OK)
        status = make_agent(gateway, options, err);
    if (status == QTA_OK)
        status = make_health(gateway, options, err);
    struct qta_live_options *live = NULL;
    if (status == QTA_OK)
        status = qta_live_options_create(&live, options, err);
    if (status == QTA_OK)
        qta_network_agent_reload(gateway->agent, live);
    return status;
}

enum qta_status qta_gateway_create_in(struct qta_gateway **out,
                                      const struct qta_gateway_options *options,
                                      struct qta_environment *environment,
                                      struct qta_transport *transport, struct qta_error *err)
{
    assert(out);
    assert(options);
    enum qta_status status = check_options(options, transport, err);
    if (status != QTA_OK)
        return status;
    struct qta_gateway *gateway = aligned_alloc(_Alignof(struct qta_gateway), sizeof *gateway);
    if (!gateway)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a gateway");
    memset(gateway, 0, sizeof *gateway);
    gateway->environment = environment;
    gateway->transport = transport;
    gateway->is_replay = has_trait(&options->providers[0], QTA_TRAIT_STAMPS_ALL);
    status = make_parts(gateway, options, err);
    if (status != QTA_OK) {
        gateway->transport = NULL; /* the caller's still */
        qta_gateway_destroy(gateway);
        return status;
    }
    *out = gateway;
    return QTA_OK;
}

static void free_configured(struct qta_gateway *gateway)
{
    for (size_t i = 0; i < gateway->configured_count; i++)
        free((void *)(uintptr_t)gateway->configured[i].symbol);
    free(gateway->configured);
}

void qta_gateway_destroy(struct qta_gateway *gateway)
{
    if (!gateway)
        return;
    if (gateway->has_thread) {
        struct qta_error err;
        qta_gateway_stop(gateway);
        if (qta_gateway_join(gateway, &err) != QTA_OK)
            qta_log(QTA_LOG_ERROR, "gateway", "%s", err.message);
    }
    if (gateway->recording) {
        struct qta_error err;
        if (qta_recording_close(gateway->recording, &err) != QTA_OK)
            qta_log(QTA_LOG_ERROR, "recording", "%s", err.message);
    }
    qta_health_service_destroy(gateway->health);
    qta_subscriber_set_destroy(gateway->subscribers);
    qta_network_agent_destroy(gateway->agent);
    for (size_t i = 0; i < gateway->provider_count; i++)
        qta_provider_destroy(gateway->providers[i]);
    free(gateway->providers);
    free(gateway->connections);
    qta_auth_agent_destroy(gateway->auth);
    if (gateway->transport)
        gateway->transport->ops->destroy(gateway->transport);
    qta_publisher_destroy(gateway->publisher);
    qta_recording_destroy(gateway->recording);
    qta_dictionary_destroy(gateway->names);
    free_configured(gateway);
    free(gateway);
}

/* ---- during the run ---------------------------------------------------------------------------
 */

enum qta_status qta_gateway_mark(struct qta_gateway *gateway, const char *note,
                                 struct qta_error *err)
{
    assert(gateway);
    if (!note || note[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "cannot record an empty note");
    if (strnlen(note, QTA_NAME_MAX_BYTES + 1) > QTA_NAME_MAX_BYTES)
        return qta_error_set(err, QTA_ERR_USAGE, "cannot record a note longer than %d bytes",
                             QTA_NAME_MAX_BYTES);
    if (gateway->is_replay)
        return qta_error_set(err, QTA_ERR_STATE, "cannot add a note to a replay");
    if (atomic_load(&gateway->run_state) != QTA_RUN_STARTED)
        return qta_error_set(err, QTA_ERR_STATE, "cannot record a note: the gateway does not run");
    return qta_network_agent_mark(gateway->agent, note, err);
}

struct qta_subscriber_set *qta_gateway_subscribers(struct qta_gateway *gateway)
{
    return gateway->subscribers;
}

struct qta_auth_changes qta_gateway_reload_keys(struct qta_gateway *gateway,
                                                const struct qta_gateway_options *options)
{
    struct qta_auth_changes changes = qta_auth_agent_reload(gateway->auth, options);
    qta_network_agent_wake(gateway->agent);
    return changes;
}

enum qta_status qta_gateway_unsubscribe(struct qta_gateway *gateway, enum qta_tick_type type,
                                        const char *const *symbols, size_t symbol_count,
                                        struct qta_error *err)
{
    assert(gateway);
    enum qta_status status = qta_gateway_check_symbols(type, symbols, symbol_count,
                                                       "unsubscribe from", err);
    if (status != QTA_OK)
        return status;
    return qta_network_agent_unsubscribe(gateway->agent, type, symbols, symbol_count, err);
}

/* A provider that runs goes on with the adapter that it has. */
static bool has_any_provider(const struct qta_gateway *gateway, const struct qta_live_options *live)
{
    for (size_t i = 0; i < gateway->provider_count; i++) {
        if (qta_live_options_find(live, qta_provider_name(gateway->providers[i])))
            return true;
    }
    return false;
}

enum qta_status qta_gateway_reload(struct qta_gateway *gateway,
                                   const struct qta_gateway_options *options, struct qta_error *err)
{
    assert(gateway);
    assert(options);
    if (gateway->is_replay)
        return qta_error_set(err, QTA_ERR_STATE, "a replay takes over no other configuration");
    if (atomic_load(&gateway->run_state) == QTA_RUN_ENDED)
        return qta_error_set(err, QTA_ERR_STATE, "the run has ended: create a new gateway");
    struct qta_live_options *live = NULL;
    enum qta_status status = check_options(options, gateway->transport, err);
    if (status == QTA_OK)
        status = qta_live_options_create(&live, options, err);
    if (status != QTA_OK)
        return status;
    if (!has_any_provider(gateway, live)) {
        qta_live_options_destroy(live);
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "none of the providers that run is in the configuration");
    }
    if (gateway->health)
        qta_health_service_set_thresholds(gateway->health, &options->health);
    qta_gateway_reload_keys(gateway, options);
    qta_network_agent_reload(gateway->agent, live);
    return QTA_OK;
}

const struct qta_dictionary *qta_gateway_names(const struct qta_gateway *gateway)
{
    assert(gateway);
    return gateway->names;
}

void qta_gateway_stats(const struct qta_gateway *gateway, struct qta_gateway_stats *stats)
{
    assert(gateway);
    assert(stats);
    const struct qta_counters *counters = &gateway->counters;
    struct qta_subscriber_stats callbacks;
    qta_subscriber_stats(gateway->callbacks, &callbacks);
    *stats = (struct qta_gateway_stats){
        .dispatched = callbacks.dispatched,
        .dropped = callbacks.dropped,
        .unrecorded = qta_counter_read(&counters->unrecorded),
        .outages = qta_counter_read(&counters->outages),
        .frames = qta_counter_read(&counters->frames),
        .bytes = qta_counter_read(&counters->bytes),
        .rounded = qta_counter_read(&counters->rounded),
        .connects = qta_counter_read(&counters->connects),
        .disconnects = qta_counter_read(&counters->disconnects),
        .connected = qta_counter_read(&counters->connected),
        .reloads = qta_counter_read(&counters->reloads),
        .refused_subscriptions = qta_counter_read(&counters->refused_subscriptions),
        .queued = callbacks.queued,
        .last_turn_ns = atomic_load_explicit(&counters->last_turn_ns, memory_order_relaxed),
        .latency_ns_min = atomic_load_explicit(&counters->latency_ns_min, memory_order_relaxed),
        .latency_ns_max = atomic_load_explicit(&counters->latency_ns_max, memory_order_relaxed),
    };
    for (int i = 0; i < QTA_TICK_TYPE_END; i++) {
        stats->ticks_by_type[i] = qta_counter_read(&counters->ticks_by_type[i]);
        if (QTA_TYPES_MARKET & QTA_TYPE_BIT(i))
            stats->market_ticks += stats->ticks_by_type[i];
    }
    for (int i = 0; i < QTA_FAULT_COUNT; i++)
        stats->faults[i] = qta_counter_read(&counters->faults[i]);
}

enum qta_status qta_gateway_status(const struct qta_gateway *gateway, char **text,
                                   struct qta_error *err)
{
    assert(gateway);
    assert(text);
    struct qta_byte_buffer page = {0};
    if (gateway->health) {
        qta_health_service_write_status(gateway->health, &page);
    } else {
        struct qta_gateway_view view = qta_gateway_view(gateway);
        struct qta_status_sources sources = {
            .view = &view,
            .now_ns = qta_monotonic_ns(gateway->environment),
        };
        qta_status_page_write(&page, &sources);
    }
    *text = NULL;
    if (!page.is_failed)
        *text = strndup((const char *)page.bytes, page.length);
    qta_byte_buffer_finish(&page);
    if (!*text)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the status");
    return QTA_OK;
}

const char *qta_gateway_session_path(const struct qta_gateway *gateway)
{
    assert(gateway);
    return gateway->recording ? qta_recording_path(gateway->recording) : "";
}
