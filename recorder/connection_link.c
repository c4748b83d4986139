/* The link under a connection: opening it, and what it tells. */
#include "recorder/connection_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_defaults.h"

#define OPEN_TIMEOUT_NS INT64_C(10000000000)

/* ---- what the link calls ----------------------------------------------------------------------
 */

static void read_clock(struct qta_connection *connection)
{
    connection->now_ns = qta_monotonic_ns(connection->options.environment);
    connection->realtime_ns = qta_realtime_ns(connection->options.environment);
    connection->frame_ns = connection->realtime_ns;
    qta_publisher_set_realtime(connection->options.publisher, connection->realtime_ns);
}

static void open_connection(struct qta_connection *connection)
{
    connection->state = QTA_CONNECTION_OPEN;
    connection->epoch = ++*connection->options.shard->epochs;
    connection->opened_ns = connection->now_ns;
    connection->has_opened = true;
    connection->is_expiring = false;
    qta_sequence_watch_restart(connection->numbers, 0);
    qta_mute_watch_restart(&connection->mute, connection->now_ns);
    connection->faults_logged = 0;
    connection->deadline_ns = connection->now_ns + QTA_READY_TIMEOUT_NS;
    connection->service_ns = connection->now_ns;
    connection->subscribed_ns = INT64_MAX;
    connection->ticks_at_open = connection->ticks;
    qta_feed_open(&connection->feed, connection->now_ns);
    qta_counter_add(&connection->options.counters->connects, 1);
    qta_counter_add(&connection->options.counters->connected, 1);
    qta_connection_record(connection, QTA_CONN_OPEN, QTA_CAUSE_NONE, 0, "");
    qta_shard_join(connection->options.shard, connection->options.line, connection->now_ns);
    qta_connection_enter(connection);
    qta_connection_log_in(connection);
    qta_adapter_on_open(connection->adapter, connection->now_ns);
    qta_connection_leave(connection);
}

static void on_link_open(void *user)
{
    struct qta_connection *connection = user;
    if (connection->is_stopping)
        return;
    read_clock(connection);
    if (connection->is_paused)
        connection->options.transport->ops->link_pause(connection->link, true);
    open_connection(connection);
}

/* A copy without what is secret. It is rare: a venue that sends our keys back. */
static void store_masked(struct qta_connection *connection, struct qta_raw_frame *raw)
{
    uint8_t *copy = malloc((size_t)raw->length + 1);
    raw->flags |= QTA_RAW_MASKED;
    if (copy) {
        memcpy(copy, raw->bytes, raw->length);
        qta_secret_mask_apply(&connection->login.mask, copy, raw->length);
        raw->bytes = copy;
    } else {
        raw->stored_length = 0;
    }
    qta_publisher_store_frame(connection->options.publisher, raw);
    free(copy);
}

static void store_frame(struct qta_connection *connection, const struct qta_frame *frame,
                        size_t consumed)
{
    bool is_binary = frame->is_binary || connection->options.ops->transport == QTA_TRANSPORT_TCP;
    struct qta_raw_frame raw = {
        .ts_recv_ns = frame->ts_recv_ns,
        .bytes = frame->bytes,
        .length = (uint32_t)consumed,
        .stored_length = (uint32_t)consumed,
        .conn = connection->epoch,
        .provider = connection->provider,
        .flags = is_binary ? QTA_RAW_BINARY : 0,
    };
    if (qta_secret_mask_finds(&connection->login.mask, raw.bytes, raw.length))
        store_masked(connection, &raw);
    else
        qta_publisher_store_frame(connection->options.publisher, &raw);
}

static size_t on_link_data(void *user, const struct qta_frame *frame)
{
    struct qta_connection *connection = user;
    bool is_stream = connection->options.ops->transport == QTA_TRANSPORT_TCP;
    if (!qta_connection_is_live(connection))
        return frame->length;
    connection->frame_ns = frame->ts_recv_ns;
    if (connection->stores_frames)
        qta_publisher_announce_frame(connection->options.publisher);
    qta_connection_enter(connection);
    size_t consumed = qta_adapter_on_data(connection->adapter, frame);
    if (!is_stream || consumed > frame->length)
        consumed = frame->length;
    if (connection->stores_frames && (consumed > 0 || !is_stream))
        store_frame(connection, frame, consumed);
    qta_connection_leave(connection); /* only now callbacks see the ticks */
    if (consumed > 0) {
        qta_counter_add(&connection->options.counters->frames, 1);
        qta_counter_add(&connection->options.counters->bytes, consumed);
        qta_feed_frame(&connection->feed, consumed);
    }
    return consumed;
}

static void on_link_pong(void *user, int64_t round_trip_ns)
{
    struct qta_connection *connection = user;
    qta_feed_pong(&connection->feed, round_trip_ns);
}

static void on_link_end(void *user, const struct qta_link_end *end)
{
    struct qta_connection *connection = user;
    connection->has_link_ended = true;
    read_clock(connection);
    struct qta_connection_failure failure = {
        .cause = end->cause,
        .code = end->code,
        .retry_after_ns = end->retry_after_ns,
    };
    struct qta_clean_text clean;
    snprintf(failure.sentence, sizeof failure.sentence, "%s",
             qta_connection_clean(connection, end->reason, &clean));
    if (end->cause == QTA_CAUSE_PROTOCOL && end->code == QTA_CLOSE_TOO_LARGE) {
        qta_counter_add(&connection->options.counters->faults[QTA_FAULT_TOO_LARGE], 1);
        qta_counter_add(&connection->feed.faults[QTA_FAULT_TOO_LARGE], 1);
    }
    qta_connection_end(connection, &failure, end);
    qta_publisher_flush(connection->options.publisher);
}
/* ---- attempts ---------------------------------------------------------------------------------
 */

static void fail_attempt(struct qta_connection *connection, enum qta_status status,
                         enum qta_conn_cause cause, const struct qta_error *err)
{
    struct qta_connection_failure failure = {.cause = cause, .is_final = status == QTA_ERR_CONFIG};
    struct qta_clean_text clean;
    snprintf(failure.sentence, sizeof failure.sentence, "%s",
             qta_connection_clean(connection, err->message, &clean));
    qta_connection_end(connection, &failure, NULL);
}

static enum qta_status open_link(struct qta_connection *connection, struct qta_error *err)
{
    static const struct qta_link_events events = {
        .on_open = on_link_open,
        .on_data = on_link_data,
        .on_pong = on_link_pong,
        .on_end = on_link_end,
    };
    struct qta_connect_request request;
    enum qta_status status = qta_adapter_describe_connection(connection->adapter, connection->url,
                                                             &request, err);
    if (status == QTA_OK)
        status = qta_login_add_headers(&connection->login, &request, err);
    if (status != QTA_OK)
        return status;
    struct qta_link_options options = {
        .request = &request,
        .tls_ca_file = connection->tls_ca_file,
        .tls_is_insecure = connection->tls_is_insecure,
        .ping_interval_ns = connection->ping_interval_ns,
        .open_timeout_ns = OPEN_TIMEOUT_NS,
        .message_max_bytes = connection->message_max_bytes,
        .offers_deflate = connection->offers_deflate,
    };
    struct qta_transport *transport = connection->options.transport;
    return transport->ops->link_open(transport, &connection->link, &options, &events, connection,
                                     err);
}

/* A venue that wants no messages for a while wants no login either. The circuit is asked last: its
 * yes begins the only probe. */
static bool may_attempt(struct qta_connection *connection)
{
    struct qta_connect_queue *connects = connection->options.connects;
    int64_t now_ns = connection->now_ns;
    connection->deadline_ns = qta_connection_earliest_ns(connection);
    if (now_ns < connection->deadline_ns)
        return false;
    if (!qta_connection_is_offline(connection) &&
        !qta_connect_queue_take(connects, &connection->turn, now_ns)) {
        connection->deadline_ns = qta_connect_queue_ready_ns(connects);
        return false;
    }
    return qta_circuit_breaker_allow(&connection->breaker, now_ns);
}

void qta_connection_attempt(struct qta_connection *connection)
{
    connection->state = QTA_CONNECTION_BACKING_OFF;
    if (!may_attempt(connection))
        return;
    connection->state = QTA_CONNECTION_CONNECTING;
    qta_feed_attempt(&connection->feed, connection->now_ns);
    qta_connection_record(connection, QTA_CONN_CONNECTING, QTA_CAUSE_NONE, 0, "");
    if (qta_connection_is_offline(connection)) {
        open_connection(connection);
        return;
    }
    struct qta_error err;
    connection->has_link_ended = false;
    enum qta_status status = open_link(connection, &err);
    if (status != QTA_OK)
        fail_attempt(connection, status, QTA_CAUSE_CONNECT, &err);
    else if (connection->has_link_ended)
        connection->link = NULL; /* open_link() has only now told us which it was */
}
