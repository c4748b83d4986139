/* What a session is told of a connection. A recording that is played has that already. */
#include "recorder/connection_internal.h"

#include <stdio.h>

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

/* "B: reset by peer", where a provider has several connections. */
static uint32_t text_of(const struct qta_connection *connection, const char *sentence)
{
    char text[320];
    const char *label = connection->feed.is.label;
    bool is_labelled = label[0] != '\0' && sentence[0] != '\0';
    snprintf(text, sizeof text, "%s%s%s", label, is_labelled ? ": " : "", sentence);
    return qta_publisher_text(connection->options.publisher, text);
}

void qta_connection_record(struct qta_connection *connection, enum qta_conn_state state,
                           enum qta_conn_cause cause, int code, const char *sentence)
{
    if (qta_connection_is_recording(connection))
        return;
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_CONN);
    tick.conn_event.attempt = attempt_number(connection);
    tick.conn_event.detail = text_of(connection, sentence);
    tick.conn_event.code = code;
    tick.conn_event.state = (uint8_t)state;
    tick.conn_event.cause = (uint8_t)cause;
    publish_own(connection, &tick);
}

void qta_connection_flow(struct qta_connection *connection)
{
    const struct qta_connection_options *options = &connection->options;
    qta_publisher_set_realtime(options->publisher, connection->frame_ns); /* a gap ends now */
    qta_shard_flow(options->shard, options->line, connection->epoch);
}
