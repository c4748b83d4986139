/* The life of a connection, from the outside: created, started, served, stopped. */
#include "recorder/connection_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "adapters/adapter_defaults.h"
#include "recorder/health_options.h"

#define STABLE_NS INT64_C(60000000000)

static void set_time(struct qta_connection *connection, int64_t now_ns, int64_t realtime_ns)
{
    connection->now_ns = now_ns;
    connection->realtime_ns = realtime_ns;
    connection->frame_ns = realtime_ns;
}

void qta_connection_start(struct qta_connection *connection, int64_t now_ns, int64_t realtime_ns)
{
    assert(connection->state == QTA_CONNECTION_IDLE);
    set_time(connection, now_ns, realtime_ns);
    if (connection->tls_is_insecure && !connection->has_opened)
        qta_log(QTA_LOG_WARNING, connection->title,
                "INSECURE: certificates are not verified (tls_insecure is set); anybody on the way "
                "can read the keys and forge the data");
    qta_connection_attempt(connection);
}

/* ---- service ----------------------------------------------------------------------------------
 */

static void service_adapter(struct qta_connection *connection, size_t budget)
{
    if (!qta_connection_is_live(connection) ||
        (qta_connection_is_offline(connection) && budget == 0))
        return;
    qta_connection_enter(connection);
    connection->service_ns = qta_adapter_service(connection->adapter, connection->now_ns, budget);
    qta_connection_leave(connection);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t next_due_ns(const struct qta_connection *connection, size_t budget)
{
    switch (connection->state) {
    case QTA_CONNECTION_IDLE:
    case QTA_CONNECTION_CONNECTING:
    case QTA_CONNECTION_BLOCKED:
    case QTA_CONNECTION_FINISHED:
        return INT64_MAX;
    case QTA_CONNECTION_BACKING_OFF:
        return connection->deadline_ns;
    case QTA_CONNECTION_OPEN:
    case QTA_CONNECTION_READY:
    case QTA_CONNECTION_SUBSCRIBED:
        break;
    }
    if (!qta_connection_is_live(connection))
        return INT64_MAX; /* until the link has ended */
    int64_t due_ns = INT64_MAX;
    if (!qta_connection_is_offline(connection) || budget > 0)
        due_ns = connection->service_ns;
    if (connection->state == QTA_CONNECTION_SUBSCRIBED && connection->mute.due_ns != INT64_MIN)
        due_ns = earlier(due_ns, connection->mute.due_ns);
    if (connection->state == QTA_CONNECTION_OPEN)
        due_ns = earlier(due_ns, connection->deadline_ns);
    return earlier(due_ns, qta_send_queue_due_ns(&connection->send_queue));
}

static void tell_limits(struct qta_connection *connection)
{
    struct qta_send_queue *queue = &connection->send_queue;
    struct qta_connect_queue *connects = connection->options.connects;
    int64_t now_ns = connection->now_ns;
    qta_feed_limit(&connection->feed, QTA_FEED_MESSAGES,
                   qta_rate_limiter_rate_per_s(&queue->limiter, now_ns), queue->limiter.throttles,
                   queue->waits);
    qta_feed_limit(&connection->feed, QTA_FEED_CONNECTS,
                   qta_rate_limiter_rate_per_s(&connects->limiter, now_ns),
                   connects->limiter.throttles, connects->waits);
}

static void tell_feed(struct qta_connection *connection)
{
    struct qta_feed_standing standing = {
        .state = (int)connection->state,
        .is_subscribed = connection->state == QTA_CONNECTION_SUBSCRIBED,
        .circuit = (int)connection->breaker.state,
        .circuit_opens = connection->breaker.opens,
        .failures = connection->backoff.failures,
        .send_queue_bytes = connection->send_queue.bytes,
    };
    for (int i = 0; i < QTA_WANT_STATE_COUNT; i++)
        standing.subscriptions[i] = qta_wants_count(connection->wants, (enum qta_want_state)i);
    qta_feed_stand(&connection->feed, &standing, connection->now_ns);
    tell_limits(connection);
}

/* Only data makes a connection a good one: opened or subscribed is not enough. */
static void note_data(struct qta_connection *connection)
{
    if (connection->ticks == connection->ticks_seen)
        return;
    connection->ticks_seen = connection->ticks;
    if (connection->epoch != 0 && qta_backoff_flow(&connection->backoff, connection->now_ns))
        qta_circuit_breaker_succeed(&connection->breaker);
}

int64_t qta_connection_service(struct qta_connection *connection, int64_t now_ns,
                               int64_t realtime_ns, size_t budget)
{
    set_time(connection, now_ns, realtime_ns);
    qta_connection_renew_login(connection);
    if (connection->state == QTA_CONNECTION_BACKING_OFF && now_ns >= connection->deadline_ns)
        qta_connection_attempt(connection);
    service_adapter(connection, budget);
    if (qta_connection_is_live(connection)) {
        if (connection->state == QTA_CONNECTION_OPEN && connection->send_queue.first)
            connection->deadline_ns = now_ns + QTA_READY_TIMEOUT_NS; /* it is we who are late */
        if (connection->link)
            qta_send_queue_pump(&connection->send_queue, connection->options.transport,
                                connection->link, now_ns);
        if (connection->state == QTA_CONNECTION_OPEN && now_ns >= connection->deadline_ns) {
            qta_connection_enter(connection);
            qta_connection_fail(connection, QTA_CAUSE_SILENT, 0,
                                "the venue did not complete its handshake within 30 s");
            qta_connection_leave(connection);
        }
    }
    note_data(connection);
    qta_connection_mute_work(connection);
    tell_feed(connection);
    return next_due_ns(connection, budget);
}

enum qta_status qta_connection_want(struct qta_connection *connection,
                                    const struct qta_subscription *subscription,
                                    struct qta_error *err)
{
    return qta_wants_add(connection->wants, subscription, err);
}

void qta_connection_ask(struct qta_connection *connection)
{
    if (!qta_connection_is_live(connection))
        return;
    qta_connection_enter(connection);
    qta_connection_leave(connection); /* asks where it is ready to be asked */
}

static void tell_unwanted(struct qta_connection *connection,
                          const struct qta_subscription *subscriptions, size_t count)
{
    if (count == 0 || !qta_connection_is_live(connection))
        return;
    qta_connection_enter(connection);
    qta_adapter_subscribe(connection->adapter, subscriptions, count, false, connection->now_ns);
    connection->has_answer =
        true; /* the last answer that was waited for may have been this one's */
    qta_connection_leave(connection);
}

void qta_connection_unsubscribe(struct qta_connection *connection,
                                const struct qta_subscription *subscriptions, size_t count)
{
    enum { AT_A_TIME = 1024 };
    struct qta_subscription *asked = malloc(AT_A_TIME * sizeof *asked);
    size_t asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (!qta_wants_remove(connection->wants, &subscriptions[i]))
            continue;
        if (!asked) { /* without memory one by one */
            tell_unwanted(connection, &subscriptions[i], 1);
            continue;
        }
        asked[asked_count++] = subscriptions[i];
        if (asked_count == AT_A_TIME) {
            tell_unwanted(connection, asked, asked_count);
            asked_count = 0;
        }
    }
    tell_unwanted(connection, asked, asked_count);
    free(asked);
}

void qta_connection_set_limits(struct qta_connection *connection,
                               const struct qta_live_limits *limits)
{
    qta_send_queue_change(&connection->send_queue, limits->rate_limit_per_s,
                          limits->rate_limit_burst);
    connection->breaker.failure_threshold = limits->breaker_threshold;
    connection->breaker.timeout_ns = limits->breaker_timeout_ns;
    connection->backoff.options.attempts_max = limits->reconnect_attempts;
    connection->backoff.options.delay_ns = limits->reconnect_delay_ns;
    connection->backoff.options.delay_max_ns = limits->reconnect_delay_max_ns;
}

bool qta_connection_covers(const struct qta_connection *connection,
                           const struct qta_subscription *subscription)
{
    return qta_wants_covers(connection->wants, subscription);
}

static void close_for_good(struct qta_connection *connection)
{
    connection->is_stopping = true;
    qta_connect_queue_leave(connection->options.connects, &connection->turn);
    if (connection->link)
        connection->options.transport->ops->link_close(connection->link, QTA_CLOSE_NORMAL);
    else if (connection->epoch != 0)
        qta_connection_end(connection, &connection->failure, NULL);
    else
        qta_connection_finish(connection);
}

void qta_connection_stop(struct qta_connection *connection, int64_t now_ns)
{
    connection->is_retiring = false;
    if (connection->is_stopping || qta_connection_is_over(connection))
        return;
    connection->now_ns = now_ns;
    if (connection->state == QTA_CONNECTION_IDLE)
        connection->state = QTA_CONNECTION_FINISHED;
    else
        close_for_good(connection);
}

void qta_connection_retire(struct qta_connection *connection, int64_t now_ns)
{
    if (connection->is_stopping || connection->state == QTA_CONNECTION_IDLE ||
        connection->state == QTA_CONNECTION_FINISHED)
        return;
    connection->now_ns = now_ns;
    connection->is_retiring = true;
    if (connection->state == QTA_CONNECTION_BLOCKED)
        qta_connection_finish(connection);
    else
        close_for_good(connection);
}

void qta_connection_pause(struct qta_connection *connection, bool is_paused)
{
    if (connection->is_paused == is_paused)
        return;
    connection->is_paused = is_paused;
    if (connection->link && connection->epoch != 0)
        connection->options.transport->ops->link_pause(connection->link, is_paused);
}

void qta_connection_carry_over(struct qta_connection *connection)
{
    static const char detail[] = "carried over from the day before";
    switch (connection->state) {
    case QTA_CONNECTION_OPEN:
        qta_connection_record(connection, QTA_CONN_OPEN, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_READY:
        qta_connection_record(connection, QTA_CONN_READY, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_SUBSCRIBED:
        qta_connection_record(connection, QTA_CONN_SUBSCRIBED, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_BACKING_OFF:
        qta_connection_record(connection, QTA_CONN_DISCONNECTED,
                              (enum qta_conn_cause)connection->feed.last_cause, 0, detail);
        break;
    case QTA_CONNECTION_BLOCKED:
        qta_connection_record(connection, QTA_CONN_BLOCKED, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_IDLE:
    case QTA_CONNECTION_CONNECTING:
    case QTA_CONNECTION_FINISHED:
        break;
    }
}
/* ---- looking at it ----------------------------------------------------------------------------
 */

enum qta_connection_state qta_connection_state(const struct qta_connection *connection)
{
    return connection->state;
}

bool qta_connection_is_over(const struct qta_connection *connection)
{
    return connection->state == QTA_CONNECTION_BLOCKED ||
           connection->state == QTA_CONNECTION_FINISHED;
}

enum qta_status qta_connection_verdict(const struct qta_connection *connection,
                                       struct qta_error *err)
{
    if (connection->state != QTA_CONNECTION_BLOCKED)
        return QTA_OK;
    return qta_error_set(err, connection->verdict, "%s: %s", connection->title,
                         connection->last_reason);
}

void qta_connection_tell_verdict(struct qta_connection *connection)
{
    if (connection->state != QTA_CONNECTION_BLOCKED || connection->is_verdict_told)
        return;
    connection->is_verdict_told = true;
    qta_log(QTA_LOG_ERROR, connection->title, "%s", connection->last_reason);
}

const char *qta_connection_title(const struct qta_connection *connection)
{
    return connection->title;
}

const struct qta_wants *qta_connection_wants(const struct qta_connection *connection)
{
    return connection->wants;
}

bool qta_connection_wants_it(const struct qta_connection *connection,
                             const struct qta_subscription *subscription)
{
    return qta_wants_has(connection->wants, subscription);
}

bool qta_connection_is_broken(const struct qta_connection *connection)
{
    return connection->state == QTA_CONNECTION_BLOCKED ||
           (connection->state == QTA_CONNECTION_BACKING_OFF &&
            connection->breaker.state != QTA_CIRCUIT_CLOSED);
}

bool qta_connection_is_expiring(const struct qta_connection *connection)
{
    return connection->is_expiring;
}

int64_t qta_connection_age_ns(const struct qta_connection *connection)
{
    return connection->epoch != 0 ? connection->now_ns - connection->opened_ns : 0;
}

const struct qta_feed *qta_connection_feed(const struct qta_connection *connection)
{
    return &connection->feed;
}

const char *qta_connection_state_name(enum qta_connection_state state)
{
    static const char *const names[QTA_CONNECTION_STATE_COUNT] = {
        "idle", "connecting", "open", "ready", "subscribed", "backing_off", "blocked", "finished",
    };
    return (unsigned)state < QTA_CONNECTION_STATE_COUNT ? names[state] : "unknown";
}
/* ---- life -------------------------------------------------------------------------------------
 */

static bool copy_text(char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return !text || *out;
}

static enum qta_status copy_options(struct qta_connection *connection, struct qta_error *err)
{
    const struct qta_provider_options *provider = connection->options.provider;
    const struct qta_gateway_options *gateway = connection->options.gateway;
    const char *label = connection->options.label;
    if (asprintf(&connection->title, "%s%s%s", provider->name, label[0] != '\0' ? "/" : "", label) <
        0)
        connection->title = NULL;
    if (!connection->title || !copy_text(&connection->label, label) ||
        !copy_text(&connection->name, provider->name) ||
        !copy_text(&connection->url, provider->websocket_url) ||
        !copy_text(&connection->tls_ca_file, provider->tls_ca_file))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    connection->tls_is_insecure = provider->tls_is_insecure;
    connection->offers_deflate = provider->has_compression;
    connection->ping_interval_ns = gateway->health_check_interval_ns;
    connection->message_max_bytes = gateway->message_max_bytes;
    struct qta_backoff_options backoff = {
        .delay_ns = gateway->reconnect_delay_ns,
        .delay_max_ns = gateway->reconnect_delay_max_ns,
        .attempts_max = gateway->reconnect_attempts,
        .stable_ns = STABLE_NS,
    };
    qta_backoff_init(&connection->backoff, &backoff, connection->options.seed);
    qta_circuit_breaker_init(&connection->breaker, provider->breaker_threshold,
                             provider->breaker_timeout_ns);
    qta_send_queue_init(&connection->send_queue, provider->rate_limit_per_s,
                        provider->rate_limit_burst);
    const struct qta_health_options *health = &gateway->health;
    const struct qta_feed_identity identity = {
        .name = connection->name,
        .label = connection->label,
        .title = connection->title,
        .provider_index = connection->options.provider_index,
        .shard_index = connection->options.shard->index,
        .gaps = &connection->options.shard->book->counts,
        .line = qta_shard_line_counters(connection->options.shard, connection->options.line),
    };
    enum qta_status status = qta_feed_init(&connection->feed, &identity,
                                           qta_health_is_wanted(health), health->symbols_max, err);
    if (status == QTA_OK)
        status = qta_wants_create(&connection->wants, err);
    if (status == QTA_OK)
        status = qta_sequence_watch_create(&connection->numbers, 1, err);
    if (status == QTA_OK)
        status = qta_connection_mute_init(connection, err);
    for (size_t i = 0; i < connection->options.subscription_count && status == QTA_OK; i++)
        status = qta_wants_add(connection->wants, &connection->options.subscriptions[i], err);
    return status;
}

static enum qta_status create_adapter(struct qta_connection *connection, struct qta_error *err)
{
    const struct qta_provider_options *provider = connection->options.provider;
    struct qta_adapter_options options = {
        .provider = connection->name,
        .websocket_url = provider->websocket_url,
        .auth_method = provider->auth_method,
        .api_key = connection->login.credentials.api_key,
        .api_secret = connection->login.credentials.api_secret,
        .settings = provider->settings,
        .setting_count = provider->setting_count,
        .subscriptions = connection->options.subscriptions,
        .subscription_count = connection->options.subscription_count,
    };
    return qta_adapter_create_with(connection->options.ops, &options, &connection->host,
                                   &connection->adapter, err);
}

/* A URL that can never work is found now and not at the first attempt. */
static enum qta_status check_target(struct qta_connection *connection, struct qta_error *err)
{
    static const char *const schemes[][2] = {{"ws://", "wss://"}, {"tcp://", "tls://"}};
    if (qta_connection_is_offline(connection))
        return QTA_OK;
    struct qta_connect_request request;
    enum qta_status status = qta_adapter_describe_connection(connection->adapter, connection->url,
                                                             &request, err);
    if (status == QTA_OK)
        status = qta_login_add_headers(&connection->login, &request, err);
    if (status != QTA_OK)
        return status;
    const char *const *allowed =
        schemes[connection->options.ops->transport == QTA_TRANSPORT_TCP ? 1 : 0];
    for (int i = 0; i < 2; i++) {
        size_t length = strlen(allowed[i]);
        if (strncmp(request.url, allowed[i], length) == 0 && request.url[length] != '\0')
            return QTA_OK;
    }
    return qta_error_set(err, QTA_ERR_CONFIG, "websocket_url must begin with %s or %s and a host",
                         allowed[0], allowed[1]);
}

/* A recording that is played has its frames already, or none. */
static bool is_storing_frames(const struct qta_connection *connection)
{
    const struct qta_recording_options *recording = &connection->options.gateway->recording;
    return recording->is_enabled && recording->has_raw_frames &&
           !qta_connection_is_recording(connection);
}

enum qta_status qta_connection_create(struct qta_connection **out,
                                      const struct qta_connection_options *options,
                                      struct qta_error *err)
{
    struct qta_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    connection->options = *options;
    connection->host = (struct qta_adapter_host){.ops = &qta_connection_host_ops,
                                                 .names = options->names};
    connection->service_ns = INT64_MAX;
    connection->subscribed_ns = INT64_MAX;
    connection->provider = options->shard->provider;
    enum qta_status status = copy_options(connection, err);
    if (status == QTA_OK)
        status = qta_login_init(&connection->login, options->provider, options->ops,
                                options->auth_manager, err);
    if (status == QTA_OK)
        status = create_adapter(connection, err);
    if (status == QTA_OK)
        status = check_target(connection, err);
    connection->stores_frames = is_storing_frames(connection);
    connection->options.provider = NULL;
    connection->options.gateway = NULL;
    connection->options.subscriptions = NULL;
    if (status != QTA_OK) {
        qta_connection_destroy(connection);
        return qta_error_prefix(err, status, "provider '%s'", options->provider->name);
    }
    *out = connection;
    return QTA_OK;
}

void qta_connection_destroy(struct qta_connection *connection)
{
    if (!connection)
        return;
    assert(!connection->link);
    if (connection->options.connects)
        qta_connect_queue_leave(connection->options.connects, &connection->turn);
    if (connection->adapter)
        qta_adapter_destroy(connection->adapter);
    qta_wants_destroy(connection->wants);
    qta_sequence_watch_destroy(connection->numbers);
    qta_connection_mute_finish(connection);
    qta_send_queue_clear(&connection->send_queue);
    qta_login_finish(&connection->login);
    qta_feed_finish(&connection->feed);
    free(connection->name);
    free(connection->label);
    free(connection->title);
    free(connection->url);
    free(connection->tls_ca_file);
    free(connection);
}
