/* What a session is told of a connection. A recording that is played has that already. */
#include "recorder/connection_internal.h"

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

void qta_connection_record(struct qta_connection *connection, enum qta_conn_state state,
                           enum qta_conn_cause cause, int code, const char *sentence)
{
    if (qta_connection_is_recording(connection))
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

void qta_connection_open_gap(struct qta_connection *connection, enum qta_conn_cause cause)
{
    if (connection->is_gap_open || qta_connection_is_offline(connection))
        return;
    connection->is_gap_open = true;
    connection->gap_cause = cause;
}

void qta_connection_close_gap(struct qta_connection *connection)
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
