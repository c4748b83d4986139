/* The host of the adapter: the calls to it, and those that it makes. */
#include "recorder/connection_internal.h"

#include <stdio.h>
#include <string.h>

#include <qta/log.h>

#include "adapters/adapter_defaults.h"

enum { FAULT_DETAIL_BYTES = 200 };

static struct qta_connection *connection_of(struct qta_adapter_host *host)
{
    return (struct qta_connection *)host;
}

/* ---- calls to the adapter ----------------------------------------------------------------------
 */

void qta_connection_enter(struct qta_connection *connection)
{
    connection->depth++;
    if (qta_connection_is_offline(connection))
        qta_publisher_set_patient(connection->options.publisher, true);
}

static void become_ready(struct qta_connection *connection)
{
    connection->is_adapter_ready = false;
    if (connection->state != QTA_CONNECTION_OPEN)
        return;
    connection->state = QTA_CONNECTION_READY;
    connection->has_answer = true; /* nothing to ask for is answered at once */
    qta_connection_record(connection, QTA_CONN_READY, QTA_CAUSE_NONE, 0, "");
}

static void ask_for_unsent(struct qta_connection *connection)
{
    size_t count;
    const struct qta_subscription *unsent = qta_wants_take_unsent(connection->wants, &count);
    if (connection->state == QTA_CONNECTION_SUBSCRIBED)
        connection->state = QTA_CONNECTION_READY;
    qta_shard_ask(connection->options.shard, connection->options.line);
    qta_adapter_subscribe(connection->adapter, unsent, count, true, connection->now_ns);
}

/* When the last answer has come the connection is subscribed, unless all of them were refusals. */
static void check_answers(struct qta_connection *connection)
{
    connection->has_answer = false;
    const struct qta_wants *wants = connection->wants;
    size_t refused = qta_wants_count(wants, QTA_WANT_REFUSED);
    if (connection->state != QTA_CONNECTION_READY || qta_wants_count(wants, QTA_WANT_ASKED) > 0)
        return;
    if (refused > 0 && qta_wants_count(wants, QTA_WANT_ACCEPTED) == 0) {
        qta_log(QTA_LOG_ERROR, connection->title,
                "all %zu subscriptions were refused: connected, but nothing will come", refused);
        return;
    }
    connection->state = QTA_CONNECTION_SUBSCRIBED;
    bool is_first = connection->subscribed_ns == INT64_MAX;
    if (is_first)
        connection->subscribed_ns = connection->now_ns;
    char detail[64] = "";
    if (refused > 0)
        snprintf(detail, sizeof detail, "%zu subscriptions were refused", refused);
    qta_connection_record(connection, QTA_CONN_SUBSCRIBED, QTA_CAUSE_NONE, 0, detail);
    qta_connection_flow(connection);
    qta_shard_answer(connection->options.shard, connection->options.line, connection->now_ns);
    qta_log(QTA_LOG_INFO, connection->title, "%s; %zu subscriptions",
            !is_first                                          ? "asked for more"
            : qta_counter_read(&connection->feed.connects) > 1 ? "connected again"
                                                               : "connected",
            qta_wants_count(wants, QTA_WANT_ACCEPTED));
}

/* Does what the adapter asked for in the calls before; that may make it ask for more. */
static void follow_up(struct qta_connection *connection)
{
    for (;;) {
        if (!qta_connection_is_live(connection))
            return;
        if (connection->is_adapter_ready)
            become_ready(connection);
        else if (connection->state >= QTA_CONNECTION_READY &&
                 qta_wants_count(connection->wants, QTA_WANT_UNSENT) > 0)
            ask_for_unsent(connection);
        else if (connection->has_answer)
            check_answers(connection);
        else
            return;
    }
}

void qta_connection_leave(struct qta_connection *connection)
{
    if (connection->depth == 1)
        follow_up(connection);
    connection->depth--;
    if (connection->depth > 0)
        return;
    struct qta_publisher *publisher = connection->options.publisher;
    if (connection->link) {
        if (connection->failure.is_set)
            connection->options.transport->ops->link_close(
                connection->link, connection->failure.cause == QTA_CAUSE_PROTOCOL
                                      ? QTA_CLOSE_PROTOCOL
                                      : QTA_CLOSE_NORMAL);
    } else if (connection->epoch != 0 &&
               (connection->failure.is_set || connection->is_adapter_finished)) {
        qta_connection_end(connection, &connection->failure, NULL);
    }
    if (qta_connection_is_offline(connection))
        qta_publisher_set_patient(publisher, false);
    else
        qta_publisher_flush(publisher);
}
/* ---- what the adapter calls -------------------------------------------------------------------
 */

static void host_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct qta_connection *connection = connection_of(host);
    if (!qta_connection_is_live(connection))
        return;
    connection->ticks++;
    struct qta_publisher *publisher = connection->options.publisher;
    uint32_t traits = connection->options.ops->traits;
    if (traits & QTA_TRAIT_STAMPS_ALL) {
        qta_feed_tick(&connection->feed, tick);
        qta_publisher_pass(publisher, tick);
        return;
    }
    struct qta_shard *shard = connection->options.shard;
    if (qta_shard_is_new_flow(shard, connection->options.line))
        qta_connection_flow(connection); /* data flows before the venue has said so */
    if (qta_shard_misses(shard, tick->type)) {
        qta_publisher_set_realtime(publisher, connection->frame_ns);
        qta_shard_hear(shard, tick->type, connection->epoch);
    }
    bool is_own_time = (traits & QTA_TRAIT_STAMPS_TIME) && tick->ts_recv_ns != QTA_TIME_UNKNOWN;
    if (!is_own_time)
        tick->ts_recv_ns = connection->frame_ns;
    tick->provider = connection->provider;
    tick->conn = connection->epoch;
    int64_t now_ns = connection->now_ns + (connection->frame_ns - connection->realtime_ns);
    qta_shard_emit(shard, connection->options.line, tick, is_own_time, now_ns);
    qta_feed_tick(&connection->feed, tick);
    qta_shard_note(shard, tick);
}

static uint32_t host_intern(struct qta_adapter_host *host, enum qta_name_kind kind,
                            const char *name, size_t length)
{
    const struct qta_secret_mask *mask = &connection_of(host)->login.mask;
    if (!qta_secret_mask_taints(mask, name, length) || length > QTA_NAME_MAX_BYTES)
        return qta_dictionary_intern(host->names, kind, name, length);
    char clean[QTA_NAME_MAX_BYTES];
    memcpy(clean, name, length);
    qta_secret_mask_clean(mask, clean, length);
    return qta_dictionary_intern(host->names, kind, clean, length);
}

void qta_connection_send(struct qta_connection *connection, const void *bytes, size_t length,
                         bool is_binary)
{
    if (!qta_connection_is_live(connection) || !connection->link)
        return;
    if (!qta_send_queue_send(&connection->send_queue, connection->options.transport,
                             connection->link, bytes, length, is_binary, connection->now_ns))
        qta_connection_fail(connection, QTA_CAUSE_PROTOCOL, 0,
                            "too many messages wait to be sent: over 64 MiB, or out of memory");
}

static void host_send(struct qta_adapter_host *host, const void *bytes, size_t length,
                      bool is_binary)
{
    qta_connection_send(connection_of(host), bytes, length, is_binary);
}

static void host_ready(struct qta_adapter_host *host)
{
    struct qta_connection *connection = connection_of(host);
    if (qta_connection_is_live(connection))
        connection->is_adapter_ready = true;
}

static void host_subscribed(struct qta_adapter_host *host,
                            const struct qta_subscription *subscription, bool is_accepted, int code,
                            const char *reason)
{
    struct qta_connection *connection = connection_of(host);
    if (!qta_connection_is_live(connection) ||
        !qta_wants_answer(connection->wants, subscription, is_accepted))
        return;
    connection->has_answer = true;
    if (is_accepted)
        return;
    qta_counter_add(&connection->options.counters->refused_subscriptions, 1);
    struct qta_clean_text clean;
    qta_log(QTA_LOG_WARNING, connection->title, "subscription of '%s' to %s refused: %s (code %d)",
            subscription->symbol, qta_tick_type_name(subscription->type),
            reason ? qta_connection_clean(connection, reason, &clean) : "no reason given", code);
}

static void host_fail(struct qta_adapter_host *host, enum qta_reaction reaction,
                      enum qta_conn_cause cause, int code, int64_t retry_after_ns,
                      const char *sentence)
{
    struct qta_connection *connection = connection_of(host);
    if (!qta_connection_is_live(connection))
        return;
    qta_connection_fail(connection, cause, code, sentence);
    connection->failure.is_final = reaction == QTA_REACTION_BLOCK;
    connection->failure.retry_after_ns = retry_after_ns;
}

static void host_finished(struct qta_adapter_host *host)
{
    struct qta_connection *connection = connection_of(host);
    if (qta_connection_is_live(connection) && qta_connection_is_offline(connection))
        connection->is_adapter_finished = true;
}

static const char *fault_name(enum qta_fault fault)
{
    switch (fault) {
    case QTA_FAULT_SYNTAX:
        return "malformed message";
    case QTA_FAULT_TOO_LARGE:
        return "message too large";
    case QTA_FAULT_TOO_DEEP:
        return "message nested too deeply";
    case QTA_FAULT_UTF8:
        return "text that is not UTF-8";
    case QTA_FAULT_UNKNOWN_TYPE:
        return "unknown message type";
    case QTA_FAULT_MISSING:
        return "missing field";
    case QTA_FAULT_VALUE:
        return "field with a wrong value";
    case QTA_FAULT_UNEXPECTED:
        return "unexpected message";
    }
    return "undecodable message";
}

static void host_fault(struct qta_adapter_host *host, enum qta_fault fault, const char *detail)
{
    struct qta_connection *connection = connection_of(host);
    if ((unsigned)fault >= QTA_FAULT_COUNT)
        fault = QTA_FAULT_UNEXPECTED; /* from an adapter newer than this library */
    qta_counter_add(&connection->options.counters->faults[fault], 1);
    qta_counter_add(&connection->feed.faults[fault], 1);
    uint32_t bit = UINT32_C(1) << fault;
    if (connection->faults_logged & bit)
        return;
    connection->faults_logged |= bit;
    struct qta_clean_text clean;
    qta_log(QTA_LOG_WARNING, connection->title,
            "%s: %.*s (counted from now on, not logged again in this connection)",
            fault_name(fault), FAULT_DETAIL_BYTES,
            detail ? qta_connection_clean(connection, detail, &clean) : "no detail");
}

static void host_log(struct qta_adapter_host *host, enum qta_log_level level, const char *message)
{
    const struct qta_connection *connection = connection_of(host);
    struct qta_clean_text clean;
    qta_log(level, connection->title, "%s", qta_connection_clean(connection, message, &clean));
}

static void host_expiring(struct qta_adapter_host *host)
{
    struct qta_connection *connection = connection_of(host);
    if (qta_connection_is_live(connection) && !qta_connection_is_offline(connection))
        connection->is_expiring = true;
}

static void host_throttled(struct qta_adapter_host *host, enum qta_throttle what,
                           int64_t retry_after_ns)
{
    struct qta_connection *connection = connection_of(host);
    if (qta_connection_is_live(connection))
        qta_connection_throttle(connection, what, retry_after_ns);
}

static void host_numbered(struct qta_adapter_host *host, uint64_t number)
{
    struct qta_connection *connection = connection_of(host);
    struct qta_shard *shard = connection->options.shard;
    if (!qta_connection_is_live(connection))
        return;
    struct qta_tick message = {.ts_recv_ns = connection->frame_ns,
                               .provider = connection->provider,
                               .conn = connection->epoch};
    bool has_others = (shard->flowing & ~(UINT32_C(1) << connection->options.line)) != 0;
    qta_gap_book_number(shard->book, connection->numbers, &message, number, has_others);
}

const struct qta_adapter_host_ops qta_connection_host_ops = {
    .emit = host_emit,
    .intern = host_intern,
    .send = host_send,
    .ready = host_ready,
    .subscribed = host_subscribed,
    .fail = host_fail,
    .finished = host_finished,
    .fault = host_fault,
    .log = host_log,
    .expiring = host_expiring,
    .throttled = host_throttled,
    .numbered = host_numbered,
};
