/* The state machine of one provider. The adapter calls back into the host from within any call to
 * it, so the host functions only note things down; what follows from them is done in leave(), after
 * the outermost call to the adapter has returned. */
#include "recorder/connection.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "adapters/adapter_defaults.h"
#include "recorder/backoff.h"
#include "recorder/health_options.h"
#include "recorder/secret_mask.h"
#include "recorder/send_queue.h"
#include "recorder/wants.h"

#define OPEN_TIMEOUT_NS INT64_C(10000000000)
#define READY_TIMEOUT_NS INT64_C(30000000000)
#define STABLE_NS INT64_C(60000000000)

enum {
    REFUSALS_MAX = 3, /* 401, 403 and bad certificates: a person must act */
    CLOSE_NORMAL = 1000,
    CLOSE_PROTOCOL = 1002,
    CLOSE_TOO_LARGE = 1009,
    FAULT_DETAIL_BYTES = 200,
};

/* Why a connection is no good: the adapter's word, or the link's. */
struct failure {
    bool is_set;
    bool is_final;
    enum qta_conn_cause cause;
    int code;
    int64_t retry_after_ns;
    char sentence[256];
};

struct qta_connection {
    struct qta_adapter_host host; /* first: the adapter's way back to us */
    struct qta_connection_options options;
    struct qta_adapter *adapter;
    char *name;
    char *url;
    char *tls_ca_file;
    bool tls_is_insecure;
    int64_t ping_interval_ns;
    size_t message_max_bytes;
    uint16_t provider;
    bool stores_frames;
    struct qta_secret_mask secrets; /* that must not be stored */

    enum qta_connection_state state;
    struct qta_link *link;
    bool has_link_ended;
    bool is_stopping;
    bool is_paused;
    bool is_adapter_ready;    /* it said so, we have not answered yet */
    bool is_adapter_finished; /* likewise */
    bool has_answer;          /* subscribed() since the last leave() */
    int depth;                /* calls to the adapter that have not returned */
    struct failure failure;
    uint32_t connects;      /* that opened: the epoch of the last one */
    uint32_t epoch;         /* of the one that is open, 0 for none */
    uint32_t refusals;      /* in a row */
    uint32_t faults_logged; /* bits of enum qta_fault, this connection's */

    struct qta_backoff backoff;
    struct qta_send_queue send_queue;
    struct qta_wants *wants;
    struct qta_feed feed;
    int64_t now_ns;
    int64_t realtime_ns;
    int64_t frame_ns;    /* receive time of what is being decoded */
    int64_t deadline_ns; /* end of a backoff, or of the patience for ready() */
    int64_t service_ns;  /* when the adapter wants to be called */

    bool has_flowed;  /* data could flow at some time in this run */
    bool is_gap_open; /* data is being missed */
    enum qta_conn_cause gap_cause;
    int64_t last_good_ns;

    char last_reason[256]; /* of the last failure logged: the same one is not logged every time */
    enum qta_status verdict;
};

static struct qta_connection *connection_of(struct qta_adapter_host *host)
{
    return (struct qta_connection *)host;
}

static bool is_offline(const struct qta_connection *connection)
{
    return connection->options.ops->transport == QTA_TRANSPORT_NONE;
}

static bool is_recording_itself(const struct qta_connection *connection)
{
    return (connection->options.ops->traits & QTA_TRAIT_STAMPS_ALL) != 0;
}

/* Open for the adapter: it may be called, and heard. */
static bool is_live(const struct qta_connection *connection)
{
    return connection->epoch != 0 && !connection->failure.is_set && !connection->is_stopping &&
           !connection->is_adapter_finished;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static uint64_t attempt_number(const struct qta_connection *connection)
{
    return (uint64_t)connection->backoff.failures + 1;
}

static void publish_own(struct qta_connection *connection, struct qta_tick *tick)
{
    tick->provider = connection->provider;
    tick->conn = connection->epoch;
    qta_publisher_publish_own(connection->options.publisher, tick);
}

static void record(struct qta_connection *connection, enum qta_conn_state state,
                   enum qta_conn_cause cause, int code, const char *sentence)
{
    if (is_recording_itself(connection))
        return;
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_CONN);
    tick.conn_event.attempt = attempt_number(connection);
    tick.conn_event.detail = qta_publisher_text(connection->options.publisher, sentence);
    tick.conn_event.code = code;
    tick.conn_event.state = (uint8_t)state;
    tick.conn_event.cause = (uint8_t)cause;
    publish_own(connection, &tick);
}

static void open_gap(struct qta_connection *connection, enum qta_conn_cause cause)
{
    if (connection->is_gap_open || is_offline(connection))
        return;
    connection->is_gap_open = true;
    connection->gap_cause = cause;
}

/* Data can flow (again). */
static void close_gap(struct qta_connection *connection)
{
    connection->has_flowed = true;
    if (!connection->is_gap_open)
        return;
    connection->is_gap_open = false;
    qta_counter_add(&connection->feed.gaps, 1);
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_GAP);
    tick.gap.scope = QTA_GAP_PROVIDER;
    tick.gap.cause = (uint8_t)connection->gap_cause;
    tick.gap.last_good_ns = connection->last_good_ns;
    tick.gap.first_good_ns = QTA_TIME_UNKNOWN; /* the publisher's: when it is published */
    publish_own(connection, &tick);
}

/* ---- ends -------------------------------------------------------------------------------------
 */

static void log_failure(struct qta_connection *connection, const char *sentence, int64_t delay_ns)
{
    uint32_t failures = connection->backoff.failures;
    bool is_same = strcmp(connection->last_reason, sentence) == 0;
    bool is_power_of_two = (failures & (failures - 1)) == 0;
    if (is_same && !is_power_of_two)
        return;
    snprintf(connection->last_reason, sizeof connection->last_reason, "%s", sentence);
    char delay[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(delay_ns, delay);
    qta_log(QTA_LOG_WARNING, connection->name, "%s; retry %" PRIu32 " in %s%s", sentence, failures,
            delay, is_same ? " (the same as before; logged at 4, 8, 16, ... in a row)" : "");
}

static void block(struct qta_connection *connection, enum qta_status verdict,
                  const struct failure *failure, const char *remark)
{
    connection->state = QTA_CONNECTION_BLOCKED;
    connection->verdict = verdict;
    snprintf(connection->last_reason, sizeof connection->last_reason, "%s%s", failure->sentence,
             remark);
    record(connection, QTA_CONN_BLOCKED, failure->cause, failure->code, failure->sentence);
}

static bool is_refusal(const struct failure *failure, const struct qta_link_end *end)
{
    if (failure->cause == QTA_CAUSE_HTTP)
        return failure->code == 401 || failure->code == 403;
    return failure->cause == QTA_CAUSE_TLS && end && end->is_certificate;
}

/* Back off, or give up. */
static void decide(struct qta_connection *connection, const struct failure *failure,
                   bool is_refused)
{
    connection->refusals = is_refused ? connection->refusals + 1 : 0;
    if (failure->is_final) {
        block(connection, QTA_ERR_REFUSED, failure, "; not tried again");
        return;
    }
    if (connection->refusals >= REFUSALS_MAX) {
        block(connection, QTA_ERR_REFUSED, failure,
              failure->cause == QTA_CAUSE_TLS
                  ? ", three times: check tls.ca_file and the clock; not tried again"
                  : ", three times: check key and secret; not tried again");
        return;
    }
    int64_t delay_ns;
    if (!qta_backoff_fail(&connection->backoff, failure->retry_after_ns, &delay_ns)) {
        block(connection, QTA_ERR_FEED, failure, "; reconnect_attempts are used up");
        return;
    }
    connection->state = QTA_CONNECTION_BACKING_OFF;
    connection->deadline_ns = connection->now_ns + delay_ns;
    log_failure(connection, failure->sentence, delay_ns);
}

static void finish(struct qta_connection *connection)
{
    record(connection, QTA_CONN_STOPPED, connection->is_stopping ? QTA_CAUSE_STOP : QTA_CAUSE_NONE,
           0, "");
    connection->epoch = 0;
    connection->state = QTA_CONNECTION_FINISHED;
}

/* The link is gone, or never came to be. The adapter's own word on why goes before the link's,
 * which then only saw our close. */
static void end_connection(struct qta_connection *connection, const struct failure *seen,
                           const struct qta_link_end *end)
{
    struct failure failure = connection->failure.is_set ? connection->failure : *seen;
    bool was_open = connection->epoch != 0;
    if (was_open && !connection->failure.is_set)
        qta_adapter_on_close(connection->adapter);
    if (was_open) {
        qta_counter_add(&connection->options.counters->disconnects, 1);
        qta_counter_add(&connection->options.counters->connected, UINT64_MAX); /* minus one */
    }
    qta_feed_end(&connection->feed, failure.cause, was_open);
    connection->link = NULL;
    connection->failure = (struct failure){0};
    connection->is_adapter_ready = false;
    qta_send_queue_clear(&connection->send_queue);
    qta_wants_forget(connection->wants);
    if (connection->is_stopping || connection->is_adapter_finished) {
        finish(connection);
        return;
    }
    record(connection, QTA_CONN_DISCONNECTED, failure.cause, failure.code, failure.sentence);
    connection->epoch = 0;
    if (connection->has_flowed)
        open_gap(connection, failure.cause);
    decide(connection, &failure, is_refusal(&failure, end));
}

static void fail_with(struct qta_connection *connection, enum qta_conn_cause cause, int code,
                      const char *sentence)
{
    if (connection->failure.is_set)
        return;
    connection->failure = (struct failure){.is_set = true, .cause = cause, .code = code};
    snprintf(connection->failure.sentence, sizeof connection->failure.sentence, "%s", sentence);
}

/* ---- calls to the adapter ---------------------------------------------------------------------
 */

static void enter(struct qta_connection *connection)
{
    connection->depth++;
    if (is_offline(connection))
        qta_publisher_set_patient(connection->options.publisher, true);
}

static void become_ready(struct qta_connection *connection)
{
    connection->is_adapter_ready = false;
    if (connection->state != QTA_CONNECTION_OPEN)
        return;
    connection->state = QTA_CONNECTION_READY;
    connection->has_answer = true; /* nothing to ask for is answered at once */
    record(connection, QTA_CONN_READY, QTA_CAUSE_NONE, 0, "");
}

static void ask_for_unsent(struct qta_connection *connection)
{
    size_t count;
    const struct qta_subscription *unsent = qta_wants_take_unsent(connection->wants, &count);
    if (connection->state == QTA_CONNECTION_SUBSCRIBED)
        connection->state = QTA_CONNECTION_READY;
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
        qta_log(QTA_LOG_ERROR, connection->name,
                "all %zu subscriptions were refused: connected, but nothing will come", refused);
        return;
    }
    connection->state = QTA_CONNECTION_SUBSCRIBED;
    char detail[64] = "";
    if (refused > 0)
        snprintf(detail, sizeof detail, "%zu subscriptions were refused", refused);
    record(connection, QTA_CONN_SUBSCRIBED, QTA_CAUSE_NONE, 0, detail);
    close_gap(connection);
    connection->last_good_ns = qta_publisher_now_ns(connection->options.publisher);
    qta_log(QTA_LOG_INFO, connection->name, "%s; %zu subscriptions",
            connection->connects > 1 ? "connected again" : "connected",
            qta_wants_count(wants, QTA_WANT_ACCEPTED));
}

/* Does what the adapter asked for in the calls before; that may make it ask for more. */
static void follow_up(struct qta_connection *connection)
{
    for (;;) {
        if (!is_live(connection))
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

static void leave(struct qta_connection *connection)
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
                connection->link,
                connection->failure.cause == QTA_CAUSE_PROTOCOL ? CLOSE_PROTOCOL : CLOSE_NORMAL);
    } else if (connection->epoch != 0 &&
               (connection->failure.is_set || connection->is_adapter_finished)) {
        end_connection(connection, &connection->failure, NULL);
    }
    if (is_offline(connection))
        qta_publisher_set_patient(publisher, false);
    else
        qta_publisher_flush(publisher);
}

/* ---- what the adapter calls -------------------------------------------------------------------
 */

static void host_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct qta_connection *connection = connection_of(host);
    if (!is_live(connection))
        return;
    struct qta_publisher *publisher = connection->options.publisher;
    uint32_t traits = connection->options.ops->traits;
    if (traits & QTA_TRAIT_STAMPS_ALL) {
        qta_feed_tick(&connection->feed, tick);
        qta_publisher_pass(publisher, tick);
        return;
    }
    if (connection->is_gap_open)
        close_gap(connection); /* data flows before the venue has said so */
    bool is_own_time = (traits & QTA_TRAIT_STAMPS_TIME) && tick->ts_recv_ns != QTA_TIME_UNKNOWN;
    if (!is_own_time)
        tick->ts_recv_ns = connection->frame_ns;
    tick->provider = connection->provider;
    tick->conn = connection->epoch;
    qta_publisher_publish(publisher, tick, is_own_time);
    qta_feed_tick(&connection->feed, tick);
    connection->last_good_ns = tick->ts_recv_ns;
    connection->has_flowed = true;
}

static uint32_t host_intern(struct qta_adapter_host *host, enum qta_name_kind kind,
                            const char *name, size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void host_send(struct qta_adapter_host *host, const void *bytes, size_t length,
                      bool is_binary)
{
    struct qta_connection *connection = connection_of(host);
    if (!is_live(connection) || !connection->link)
        return;
    if (!qta_send_queue_put(&connection->send_queue, bytes, length, is_binary)) {
        fail_with(connection, QTA_CAUSE_PROTOCOL, 0,
                  "too many messages wait to be sent: over 64 MiB, or out of memory");
        return;
    }
    qta_send_queue_pump(&connection->send_queue, connection->options.transport, connection->link,
                        connection->now_ns);
}

static void host_ready(struct qta_adapter_host *host)
{
    struct qta_connection *connection = connection_of(host);
    if (is_live(connection))
        connection->is_adapter_ready = true;
}

static void host_subscribed(struct qta_adapter_host *host,
                            const struct qta_subscription *subscription, bool is_accepted, int code,
                            const char *reason)
{
    struct qta_connection *connection = connection_of(host);
    if (!is_live(connection) || !qta_wants_answer(connection->wants, subscription, is_accepted))
        return;
    connection->has_answer = true;
    if (is_accepted)
        return;
    qta_counter_add(&connection->options.counters->refused_subscriptions, 1);
    qta_log(QTA_LOG_WARNING, connection->name, "subscription of '%s' to %s refused: %s (code %d)",
            subscription->symbol, qta_tick_type_name(subscription->type),
            reason ? reason : "no reason given", code);
}

static void host_fail(struct qta_adapter_host *host, enum qta_reaction reaction,
                      enum qta_conn_cause cause, int code, int64_t retry_after_ns,
                      const char *sentence)
{
    struct qta_connection *connection = connection_of(host);
    if (!is_live(connection))
        return;
    fail_with(connection, cause, code, sentence);
    connection->failure.is_final = reaction == QTA_REACTION_BLOCK;
    connection->failure.retry_after_ns = retry_after_ns;
}

static void host_finished(struct qta_adapter_host *host)
{
    struct qta_connection *connection = connection_of(host);
    if (is_live(connection) && is_offline(connection))
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
    qta_log(QTA_LOG_WARNING, connection->name,
            "%s: %.*s (counted from now on, not logged again in this connection)",
            fault_name(fault), FAULT_DETAIL_BYTES, detail ? detail : "no detail");
}

static void host_log(struct qta_adapter_host *host, enum qta_log_level level, const char *message)
{
    qta_log(level, connection_of(host)->name, "%s", message);
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = host_emit,
    .intern = host_intern,
    .send = host_send,
    .ready = host_ready,
    .subscribed = host_subscribed,
    .fail = host_fail,
    .finished = host_finished,
    .fault = host_fault,
    .log = host_log,
};

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
    connection->connects++;
    connection->epoch = connection->connects;
    connection->faults_logged = 0;
    connection->deadline_ns = connection->now_ns + READY_TIMEOUT_NS;
    connection->service_ns = connection->now_ns;
    qta_feed_open(&connection->feed, connection->now_ns);
    qta_counter_add(&connection->options.counters->connects, 1);
    qta_counter_add(&connection->options.counters->connected, 1);
    record(connection, QTA_CONN_OPEN, QTA_CAUSE_NONE, 0, "");
    enter(connection);
    qta_adapter_on_open(connection->adapter, connection->now_ns);
    leave(connection);
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
        qta_secret_mask_apply(&connection->secrets, copy, raw->length);
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
    if (qta_secret_mask_finds(&connection->secrets, raw.bytes, raw.length))
        store_masked(connection, &raw);
    else
        qta_publisher_store_frame(connection->options.publisher, &raw);
}

static size_t on_link_data(void *user, const struct qta_frame *frame)
{
    struct qta_connection *connection = user;
    bool is_stream = connection->options.ops->transport == QTA_TRANSPORT_TCP;
    if (!is_live(connection))
        return frame->length;
    connection->frame_ns = frame->ts_recv_ns;
    if (connection->stores_frames)
        qta_publisher_announce_frame(connection->options.publisher);
    enter(connection);
    size_t consumed = qta_adapter_on_data(connection->adapter, frame);
    if (!is_stream || consumed > frame->length)
        consumed = frame->length;
    if (connection->stores_frames && (consumed > 0 || !is_stream))
        store_frame(connection, frame, consumed);
    leave(connection); /* only now callbacks see the ticks */
    if (consumed > 0) {
        qta_counter_add(&connection->options.counters->frames, 1);
        qta_counter_add(&connection->options.counters->bytes, consumed);
        qta_feed_frame(&connection->feed, consumed);
    }
    return consumed;
}

static void on_link_end(void *user, const struct qta_link_end *end)
{
    struct qta_connection *connection = user;
    connection->has_link_ended = true;
    read_clock(connection);
    struct failure failure = {
        .cause = end->cause,
        .code = end->code,
        .retry_after_ns = end->retry_after_ns,
    };
    /* libwebsockets rewrites 1012 to 1014, the codes of a restart, to 1002 */
    bool is_restart = end->cause == QTA_CAUSE_PEER_CLOSED && end->code == CLOSE_PROTOCOL;
    snprintf(failure.sentence, sizeof failure.sentence, "%s",
             is_restart ? "closed by the venue, which restarts or asks to come back later"
                        : end->reason);
    if (end->cause == QTA_CAUSE_PROTOCOL && end->code == CLOSE_TOO_LARGE) {
        qta_counter_add(&connection->options.counters->faults[QTA_FAULT_TOO_LARGE], 1);
        qta_counter_add(&connection->feed.faults[QTA_FAULT_TOO_LARGE], 1);
    }
    end_connection(connection, &failure, end);
    qta_publisher_flush(connection->options.publisher);
}

/* ---- attempts ---------------------------------------------------------------------------------
 */

static void fail_attempt(struct qta_connection *connection, enum qta_status status,
                         enum qta_conn_cause cause, const struct qta_error *err)
{
    struct failure failure = {.cause = cause, .is_final = status == QTA_ERR_CONFIG};
    snprintf(failure.sentence, sizeof failure.sentence, "%s", err->message);
    end_connection(connection, &failure, NULL);
}

static enum qta_status open_link(struct qta_connection *connection, struct qta_error *err)
{
    static const struct qta_link_events events = {
        .on_open = on_link_open,
        .on_data = on_link_data,
        .on_end = on_link_end,
    };
    struct qta_connect_request request;
    enum qta_status status = qta_adapter_describe_connection(connection->adapter, connection->url,
                                                             &request, err);
    if (status != QTA_OK)
        return status;
    struct qta_link_options options = {
        .request = &request,
        .tls_ca_file = connection->tls_ca_file,
        .tls_is_insecure = connection->tls_is_insecure,
        .ping_interval_ns = connection->ping_interval_ns,
        .open_timeout_ns = OPEN_TIMEOUT_NS,
        .message_max_bytes = connection->message_max_bytes,
    };
    struct qta_transport *transport = connection->options.transport;
    return transport->ops->link_open(transport, &connection->link, &options, &events, connection,
                                     err);
}

static void attempt(struct qta_connection *connection)
{
    connection->state = QTA_CONNECTION_CONNECTING;
    qta_feed_attempt(&connection->feed, connection->now_ns);
    record(connection, QTA_CONN_CONNECTING, QTA_CAUSE_NONE, 0, "");
    if (is_offline(connection)) {
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

static void set_time(struct qta_connection *connection, int64_t now_ns, int64_t realtime_ns)
{
    connection->now_ns = now_ns;
    connection->realtime_ns = realtime_ns;
    connection->frame_ns = realtime_ns;
}

void qta_connection_start(struct qta_connection *connection, enum qta_conn_cause interruption,
                          int64_t now_ns, int64_t realtime_ns)
{
    assert(connection->state == QTA_CONNECTION_IDLE);
    set_time(connection, now_ns, realtime_ns);
    connection->last_good_ns = qta_publisher_now_ns(connection->options.publisher);
    if (interruption != QTA_CAUSE_NONE)
        open_gap(connection, interruption);
    if (connection->tls_is_insecure)
        qta_log(QTA_LOG_WARNING, connection->name,
                "INSECURE: certificates are not verified (tls_insecure is set); anybody on the way "
                "can read the keys and forge the data");
    attempt(connection);
}

/* ---- service ----------------------------------------------------------------------------------
 */

static void service_adapter(struct qta_connection *connection, size_t budget)
{
    if (!is_live(connection) || (is_offline(connection) && budget == 0))
        return;
    enter(connection);
    connection->service_ns = qta_adapter_service(connection->adapter, connection->now_ns, budget);
    leave(connection);
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
    if (!is_live(connection))
        return INT64_MAX; /* until the link has ended */
    int64_t due_ns = INT64_MAX;
    if (!is_offline(connection) || budget > 0)
        due_ns = connection->service_ns;
    if (connection->state == QTA_CONNECTION_OPEN)
        due_ns = earlier(due_ns, connection->deadline_ns);
    due_ns = earlier(due_ns, qta_send_queue_due_ns(&connection->send_queue));
    return earlier(due_ns, qta_backoff_stable_at_ns(&connection->backoff));
}

static void tell_feed(struct qta_connection *connection)
{
    struct qta_feed_standing standing = {
        .state = (int)connection->state,
        .is_subscribed = connection->state == QTA_CONNECTION_SUBSCRIBED,
        .is_circuit_open = qta_backoff_is_open(&connection->backoff),
        .failures = connection->backoff.failures,
        .send_queue_bytes = connection->send_queue.bytes,
    };
    for (int i = 0; i < QTA_WANT_STATE_COUNT; i++)
        standing.subscriptions[i] = qta_wants_count(connection->wants, (enum qta_want_state)i);
    qta_feed_stand(&connection->feed, &standing, connection->now_ns);
}

int64_t qta_connection_service(struct qta_connection *connection, int64_t now_ns,
                               int64_t realtime_ns, size_t budget)
{
    set_time(connection, now_ns, realtime_ns);
    if (connection->state == QTA_CONNECTION_BACKING_OFF && now_ns >= connection->deadline_ns)
        attempt(connection);
    service_adapter(connection, budget);
    if (is_live(connection)) {
        if (connection->link)
            qta_send_queue_pump(&connection->send_queue, connection->options.transport,
                                connection->link, now_ns);
        if (connection->state == QTA_CONNECTION_OPEN && now_ns >= connection->deadline_ns) {
            enter(connection);
            fail_with(connection, QTA_CAUSE_SILENT, 0,
                      "the venue did not complete its handshake within 30 s");
            leave(connection);
        }
        if (connection->state == QTA_CONNECTION_SUBSCRIBED)
            qta_backoff_work(&connection->backoff, now_ns);
    }
    tell_feed(connection);
    return next_due_ns(connection, budget);
}

enum qta_status qta_connection_subscribe(struct qta_connection *connection,
                                         const struct qta_subscription *subscription,
                                         struct qta_error *err)
{
    enum qta_status status = qta_wants_add(connection->wants, subscription, err);
    if (status == QTA_OK && is_live(connection)) {
        enter(connection);
        leave(connection); /* asks where it is ready to be asked */
    }
    return status;
}

bool qta_connection_covers(const struct qta_connection *connection,
                           const struct qta_subscription *subscription)
{
    return qta_wants_covers(connection->wants, subscription);
}

void qta_connection_stop(struct qta_connection *connection, int64_t now_ns)
{
    if (connection->is_stopping || qta_connection_is_over(connection))
        return;
    connection->now_ns = now_ns;
    connection->is_stopping = true;
    if (connection->link)
        connection->options.transport->ops->link_close(connection->link, CLOSE_NORMAL);
    else if (connection->epoch != 0)
        end_connection(connection, &connection->failure, NULL);
    else
        finish(connection);
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
        record(connection, QTA_CONN_OPEN, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_READY:
        record(connection, QTA_CONN_READY, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_SUBSCRIBED:
        record(connection, QTA_CONN_SUBSCRIBED, QTA_CAUSE_NONE, 0, detail);
        break;
    case QTA_CONNECTION_BACKING_OFF:
        record(connection, QTA_CONN_DISCONNECTED, connection->gap_cause, 0, detail);
        break;
    case QTA_CONNECTION_BLOCKED:
        record(connection, QTA_CONN_BLOCKED, QTA_CAUSE_NONE, 0, detail);
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
    return qta_error_set(err, connection->verdict, "%s: %s", connection->name,
                         connection->last_reason);
}

const char *qta_connection_name(const struct qta_connection *connection)
{
    return connection->name;
}

const struct qta_adapter_ops *qta_connection_ops(const struct qta_connection *connection)
{
    return connection->options.ops;
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
    if (!copy_text(&connection->name, provider->name) ||
        !copy_text(&connection->url, provider->websocket_url) ||
        !copy_text(&connection->tls_ca_file, provider->tls_ca_file))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    connection->tls_is_insecure = provider->tls_is_insecure;
    connection->ping_interval_ns = gateway->health_check_interval_ns;
    connection->message_max_bytes = gateway->message_max_bytes;
    struct qta_backoff_options backoff = {
        .delay_ns = gateway->reconnect_delay_ns,
        .delay_max_ns = gateway->reconnect_delay_max_ns,
        .attempts_max = gateway->reconnect_attempts,
        .breaker_threshold = provider->breaker_threshold,
        .breaker_timeout_ns = provider->breaker_timeout_ns,
        .stable_ns = STABLE_NS,
    };
    qta_backoff_init(&connection->backoff, &backoff, connection->options.seed);
    qta_send_queue_init(&connection->send_queue, provider->rate_limit_per_s,
                        provider->rate_limit_burst);
    const struct qta_health_options *health = &gateway->health;
    connection->feed.rate_limit_per_s = provider->rate_limit_per_s;
    enum qta_status status = qta_feed_init(&connection->feed, connection->name,
                                           qta_health_is_wanted(health), health->symbols_max, err);
    if (status == QTA_OK)
        status = qta_wants_create(&connection->wants, err);
    for (size_t i = 0; i < provider->subscription_count && status == QTA_OK; i++)
        status = qta_wants_add(connection->wants, &provider->subscriptions[i], err);
    return status;
}

static enum qta_status create_adapter(struct qta_connection *connection, struct qta_error *err)
{
    const struct qta_provider_options *provider = connection->options.provider;
    struct qta_adapter_options options = {
        .provider = connection->name,
        .websocket_url = provider->websocket_url,
        .auth_method = provider->auth_method,
        .api_key = connection->options.credentials->api_key,
        .api_secret = connection->options.credentials->api_secret,
        .settings = provider->settings,
        .setting_count = provider->setting_count,
        .subscriptions = provider->subscriptions,
        .subscription_count = provider->subscription_count,
    };
    return qta_adapter_create_with(connection->options.ops, &options, &connection->host,
                                   &connection->adapter, err);
}

/* A URL that can never work is found now and not at the first attempt. */
static enum qta_status check_target(struct qta_connection *connection, struct qta_error *err)
{
    static const char *const schemes[][2] = {{"ws://", "wss://"}, {"tcp://", "tls://"}};
    if (is_offline(connection))
        return QTA_OK;
    struct qta_connect_request request;
    enum qta_status status = qta_adapter_describe_connection(connection->adapter, connection->url,
                                                             &request, err);
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
static enum qta_status prepare_to_store(struct qta_connection *connection, struct qta_error *err)
{
    const struct qta_recording_options *recording = &connection->options.gateway->recording;
    connection->stores_frames = recording->is_enabled && recording->has_raw_frames &&
                                !is_recording_itself(connection);
    return connection->stores_frames
               ? qta_secret_mask_init(&connection->secrets, connection->options.credentials, err)
               : QTA_OK;
}

enum qta_status qta_connection_create(struct qta_connection **out,
                                      const struct qta_connection_options *options,
                                      struct qta_error *err)
{
    struct qta_connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    connection->options = *options;
    connection->host = (struct qta_adapter_host){.ops = &host_ops, .names = options->names};
    connection->service_ns = INT64_MAX;
    connection->last_good_ns = QTA_TIME_UNKNOWN;
    const char *name = options->provider->name;
    connection->provider = (uint16_t)qta_dictionary_intern(options->names, QTA_NAME_PROVIDER, name,
                                                           strlen(name));
    enum qta_status status = copy_options(connection, err);
    if (status == QTA_OK)
        status = create_adapter(connection, err);
    if (status == QTA_OK)
        status = check_target(connection, err);
    if (status == QTA_OK)
        status = prepare_to_store(connection, err);
    connection->options.provider = NULL;
    connection->options.gateway = NULL;
    connection->options.credentials = NULL;
    if (status != QTA_OK) {
        qta_connection_destroy(connection);
        return qta_error_prefix(err, status, "provider '%s'", name);
    }
    *out = connection;
    return QTA_OK;
}

void qta_connection_destroy(struct qta_connection *connection)
{
    if (!connection)
        return;
    assert(!connection->link);
    if (connection->adapter)
        qta_adapter_destroy(connection->adapter);
    qta_wants_destroy(connection->wants);
    qta_send_queue_clear(&connection->send_queue);
    qta_secret_mask_finish(&connection->secrets);
    qta_feed_finish(&connection->feed);
    free(connection->name);
    free(connection->url);
    free(connection->tls_ca_file);
    free(connection);
}
