/* Failures: which are final, which are tried again and when. */
#include "recorder/connection_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "adapters/adapter_defaults.h"

#define QUIET_NS INT64_C(600000000000)

enum { REFUSALS_MAX = 3 }; /* 401, 403 and bad certificates: a person must act */

static void log_failure(struct qta_connection *connection, const char *sentence, int64_t delay_ns)
{
    uint32_t failures = connection->backoff.failures > 0 ? connection->backoff.failures : 1;
    bool is_same = strcmp(connection->last_reason, sentence) == 0;
    bool is_power_of_two = (failures & (failures - 1)) == 0;
    if (is_same && !is_power_of_two)
        return;
    snprintf(connection->last_reason, sizeof connection->last_reason, "%s", sentence);
    char delay[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(delay_ns, delay);
    qta_log(QTA_LOG_WARNING, connection->title, "%s; retry %" PRIu32 " in %s%s", sentence, failures,
            delay, is_same ? " (the same as before; logged at 4, 8, 16, ... in a row)" : "");
}

static void block(struct qta_connection *connection, enum qta_status verdict,
                  const struct qta_connection_failure *failure, const char *remark)
{
    qta_circuit_breaker_block(&connection->breaker);
    connection->state = QTA_CONNECTION_BLOCKED;
    connection->verdict = verdict;
    connection->is_verdict_told = false;
    snprintf(connection->last_reason, sizeof connection->last_reason, "%s%s", failure->sentence,
             remark);
    qta_connection_record(connection, QTA_CONN_BLOCKED, failure->cause, failure->code,
                          failure->sentence);
}

static bool is_refusal(const struct qta_connection_failure *failure, const struct qta_link_end *end)
{
    if (failure->cause == QTA_CAUSE_HTTP)
        return failure->code == 401 || failure->code == 403;
    return failure->cause == QTA_CAUSE_TLS && end && end->is_certificate;
}

/* The venue has had enough of our connects, or of everybody's. 418 is how some of them ban. */
static bool is_throttle(const struct qta_connection_failure *failure)
{
    return failure->cause == QTA_CAUSE_HTTP &&
           (failure->code == 429 || failure->code == 503 || failure->code == 418);
}

/* It stood there, subscribed and without data, until somebody cut it: a closed market's connection,
 * as good as any. Only one that was found to be mute is a failure. */
static bool is_quiet(const struct qta_connection *connection,
                     const struct qta_connection_failure *failure)
{
    return failure->cause != QTA_CAUSE_SILENT && failure->cause != QTA_CAUSE_MUTE &&
           connection->subscribed_ns != INT64_MAX &&
           connection->ticks == connection->ticks_at_open &&
           connection->now_ns - connection->subscribed_ns >= QUIET_NS;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t qta_connection_earliest_ns(const struct qta_connection *connection)
{
    return later(qta_circuit_breaker_ready_ns(&connection->breaker),
                 connection->send_queue.limiter.hold_ns);
}

static void wait_for(struct qta_connection *connection, const char *sentence, int64_t delay_ns)
{
    connection->state = QTA_CONNECTION_BACKING_OFF;
    connection->deadline_ns = later(connection->now_ns + delay_ns,
                                    qta_connection_earliest_ns(connection));
    int64_t attempt_ns = connection->deadline_ns;
    if (!qta_connection_is_offline(connection))
        attempt_ns = later(attempt_ns, qta_connect_queue_ready_ns(connection->options.connects));
    log_failure(connection, sentence, attempt_ns - connection->now_ns);
}

/* Back off, or give up. */
static void decide(struct qta_connection *connection, const struct qta_connection_failure *failure,
                   bool is_refused)
{
    bool is_key_over = qta_login_is_over(&connection->login, connection->realtime_ns);
    bool is_final = failure->is_final && !(is_key_over && failure->cause == QTA_CAUSE_AUTH);
    connection->refusals = is_refused && !is_key_over ? connection->refusals + 1 : 0;
    if (is_throttle(failure)) /* for all connections of the provider */
        qta_connection_throttle(connection, QTA_THROTTLE_CONNECTS, failure->retry_after_ns);
    if (is_final) {
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
    if (is_quiet(connection, failure)) {
        qta_circuit_breaker_abandon(&connection->breaker, connection->now_ns);
        delay_ns = qta_backoff_wait(&connection->backoff, failure->retry_after_ns);
    } else if (qta_backoff_fail(&connection->backoff, failure->retry_after_ns, &delay_ns)) {
        qta_circuit_breaker_fail(&connection->breaker, connection->now_ns);
    } else {
        block(connection, QTA_ERR_FEED, failure, "; reconnect_attempts are used up");
        return;
    }
    wait_for(connection, failure->sentence, delay_ns);
}

void qta_connection_throttle(struct qta_connection *connection, enum qta_throttle what,
                             int64_t retry_after_ns)
{
    bool is_of_connects = what == QTA_THROTTLE_CONNECTS;
    struct qta_rate_limiter *limiter = is_of_connects ? &connection->options.connects->limiter
                                                      : &connection->send_queue.limiter;
    bool is_news = !qta_rate_limiter_is_throttled(limiter, connection->now_ns);
    qta_rate_limiter_throttle(limiter, retry_after_ns, connection->now_ns);
    if (!is_news)
        return;
    char pause[QTA_TIMESTAMP_TEXT_BYTES];
    int64_t ready_ns = qta_rate_limiter_ready_ns(limiter);
    qta_duration_print(ready_ns - connection->now_ns, pause);
    qta_log(QTA_LOG_WARNING, is_of_connects ? connection->name : connection->title,
            "the venue asks for fewer %s: none for %s, then at half the rate and by and by at the "
            "configured one",
            is_of_connects ? "connects" : "messages", pause);
}

void qta_connection_finish(struct qta_connection *connection)
{
    bool is_retiring = connection->is_retiring;
    enum qta_conn_cause cause = connection->is_stopping && !is_retiring ? QTA_CAUSE_STOP
                                                                        : QTA_CAUSE_NONE;
    qta_connection_record(connection, QTA_CONN_STOPPED, cause, 0,
                          is_retiring ? "no longer needed" : "");
    if (!is_retiring)
        qta_shard_close(connection->options.shard, connection->options.line, connection->epoch);
    qta_shard_lose(connection->options.shard, connection->options.line, QTA_CAUSE_NONE);
    connection->epoch = 0;
    connection->state = is_retiring ? QTA_CONNECTION_IDLE : QTA_CONNECTION_FINISHED;
    if (!is_retiring)
        return;
    connection->is_retiring = false;
    connection->is_stopping = false;
    connection->refusals = 0;
    qta_backoff_forget(&connection->backoff);
    qta_circuit_breaker_reset(&connection->breaker);
}

void qta_connection_end(struct qta_connection *connection,
                        const struct qta_connection_failure *seen, const struct qta_link_end *end)
{
    struct qta_connection_failure failure = connection->failure.is_set ? connection->failure
                                                                       : *seen;
    bool was_open = connection->epoch != 0;
    if (was_open && !connection->failure.is_set)
        qta_adapter_on_close(connection->adapter);
    if (was_open) {
        qta_counter_add(&connection->options.counters->disconnects, 1);
        qta_counter_add(&connection->options.counters->connected, UINT64_MAX); /* minus one */
    }
    qta_feed_end(&connection->feed, failure.cause, was_open);
    if (was_open)
        qta_shard_leave(connection->options.shard, connection->options.line,
                        failure.cause == QTA_CAUSE_SILENT || failure.cause == QTA_CAUSE_MUTE,
                        connection->now_ns);
    connection->link = NULL;
    connection->failure = (struct qta_connection_failure){0};
    connection->is_adapter_ready = false;
    qta_send_queue_clear(&connection->send_queue);
    qta_wants_forget(connection->wants);
    if (connection->is_stopping || connection->is_adapter_finished) {
        qta_connection_finish(connection);
        return;
    }
    qta_connection_record(connection, QTA_CONN_DISCONNECTED, failure.cause, failure.code,
                          failure.sentence);
    connection->epoch = 0;
    bool can_miss = !qta_connection_is_offline(connection);
    qta_shard_lose(connection->options.shard, connection->options.line,
                   can_miss ? failure.cause : QTA_CAUSE_NONE);
    decide(connection, &failure, is_refusal(&failure, end));
}

void qta_connection_fail(struct qta_connection *connection, enum qta_conn_cause cause, int code,
                         const char *sentence)
{
    if (connection->failure.is_set)
        return;
    connection->failure = (struct qta_connection_failure){
        .is_set = true, .cause = cause, .code = code};
    struct qta_clean_text clean;
    snprintf(connection->failure.sentence, sizeof connection->failure.sentence, "%s",
             qta_connection_clean(connection, sentence, &clean));
}
