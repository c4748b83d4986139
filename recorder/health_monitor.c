/* Each rule is a function from a sample (and the one before) to a look and a sentence. A limit is
 * left again only some way below it, so that a figure that stands on the line does not flap. */
#include "recorder/health_monitor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <qta/timestamp.h>

#include "recorder/mute_watch.h"

#define NS_PER_S 1e9
#define MARGIN 0.1

struct watched {
    struct qta_health_sample before;
    bool has_before;
    struct qta_health_rates rates;
    struct qta_alert alerts[QTA_ALERT_CONNECTION_KINDS];
};

struct qta_health_monitor {
    struct qta_health_options options;
    int64_t before_ns;
    struct qta_alert queue_alert;
    size_t connection_count;
    struct watched connections[];
};

const char *qta_alert_kind_name(enum qta_alert_kind kind)
{
    static const char *const names[QTA_ALERT_KIND_COUNT] = {
        "connection_down", "reconnects", "circuit_open", "high_latency",
        "low_throughput",  "mute",       "queue_depth",
    };
    return names[kind];
}

enum qta_status qta_health_monitor_create(struct qta_health_monitor **out,
                                          const struct qta_health_options *options,
                                          size_t connection_count, struct qta_error *err)
{
    struct qta_health_monitor *monitor = calloc(1, sizeof *monitor +
                                                       connection_count * sizeof(struct watched));
    if (!monitor)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for watching the connections");
    monitor->options = *options;
    monitor->options.webhook_url = NULL; /* what is borrowed is not ours to keep */
    monitor->options.command = NULL;
    monitor->connection_count = connection_count;
    *out = monitor;
    return QTA_OK;
}

void qta_health_monitor_set_thresholds(struct qta_health_monitor *monitor,
                                       const struct qta_health_options *options)
{
    monitor->options.latency_max_ms = options->latency_max_ms;
    monitor->options.throughput_min_per_s = options->throughput_min_per_s;
    monitor->options.reconnect_attempts_max = options->reconnect_attempts_max;
    monitor->options.queue_depth_max = options->queue_depth_max;
    monitor->options.circuit_breaker_timeout_ns = options->circuit_breaker_timeout_ns;
    monitor->options.escalation_threshold = options->escalation_threshold;
}

void qta_health_monitor_destroy(struct qta_health_monitor *monitor)
{
    free(monitor);
}

/* ---- rules ------------------------------------------------------------------------------------
 */

/* What a rule comes to. */
struct finding {
    enum qta_alert_look look;
    bool is_grave;
    char message[200];
};

/* Above the limit, or still above what is left of it while the alert lasts. */
static enum qta_alert_look look_above(double value, double limit, const struct qta_alert *alert)
{
    bool is_on = alert->state != QTA_ALERT_QUIET;
    return value > (is_on ? limit * (1 - MARGIN) : limit) ? QTA_LOOK_BAD : QTA_LOOK_GOOD;
}

static enum qta_alert_look look_below(double value, double limit, const struct qta_alert *alert)
{
    bool is_on = alert->state != QTA_ALERT_QUIET;
    return value < (is_on ? limit * (1 + MARGIN) : limit) ? QTA_LOOK_BAD : QTA_LOOK_GOOD;
}

static bool is_over(const struct qta_health_sample *sample)
{
    return sample->state == QTA_CONNECTION_FINISHED || sample->state == QTA_CONNECTION_IDLE;
}

static void check_connection(const struct qta_health_monitor *monitor,
                             const struct qta_health_sample *sample, int64_t now_ns,
                             struct finding *finding)
{
    bool is_blocked = sample->state == QTA_CONNECTION_BLOCKED;
    bool is_down = sample->unsubscribed_since_ns != 0 && !is_over(sample);
    int64_t down_ns = now_ns - sample->unsubscribed_since_ns;
    char duration[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(is_down && down_ns > 0 ? down_ns : 0, duration);
    finding->is_grave = is_blocked;
    if (!is_blocked && !sample->is_market_open)
        finding->look = QTA_LOOK_UNKNOWN;
    else if (is_down && (is_blocked || down_ns >= monitor->options.check_interval_ns))
        finding->look = QTA_LOOK_BAD;
    if (finding->look == QTA_LOOK_BAD)
        snprintf(finding->message, sizeof finding->message, "%s: not subscribed for %s (%s)",
                 sample->name, duration, qta_connection_state_name(sample->state));
    else
        snprintf(finding->message, sizeof finding->message, "%s: %s", sample->name,
                 qta_connection_state_name(sample->state));
}

static void check_reconnects(const struct qta_health_monitor *monitor,
                             const struct qta_health_sample *sample, struct finding *finding)
{
    uint32_t limit = monitor->options.reconnect_attempts_max;
    finding->look = sample->failures > limit ? QTA_LOOK_BAD : QTA_LOOK_GOOD;
    if (!sample->is_market_open)
        finding->look = QTA_LOOK_UNKNOWN;
    snprintf(finding->message, sizeof finding->message,
             "%s: %" PRIu32 " failures in a row (limit %" PRIu32 ")", sample->name,
             sample->failures, limit);
}

static void check_circuit(const struct qta_health_monitor *monitor,
                          const struct qta_health_sample *sample, int64_t now_ns,
                          struct finding *finding)
{
    int64_t limit_ns = monitor->options.circuit_breaker_timeout_ns;
    bool is_open = sample->circuit_open_since_ns != 0;
    int64_t open_ns = is_open ? now_ns - sample->circuit_open_since_ns : 0;
    char duration[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(open_ns, duration);
    if (!sample->is_market_open)
        finding->look = QTA_LOOK_UNKNOWN;
    else if (limit_ns > 0 && is_open && open_ns > limit_ns && !is_over(sample))
        finding->look = QTA_LOOK_BAD;
    snprintf(finding->message, sizeof finding->message, "%s: circuit breaker %s%s%s", sample->name,
             is_open ? "open for " : "closed", is_open ? duration : "",
             is_open ? ", single attempts only" : "");
}

static void check_latency(const struct qta_health_monitor *monitor,
                          const struct qta_health_sample *sample, const struct watched *watched,
                          struct finding *finding)
{
    double limit_ms = monitor->options.latency_max_ms;
    double latency_ms = watched->rates.latency_s * 1e3;
    bool has_latency = watched->has_before && sample->latencies > watched->before.latencies;
    finding->look = QTA_LOOK_UNKNOWN;
    if (limit_ms > 0 && has_latency)
        finding->look = look_above(latency_ms, limit_ms, &watched->alerts[QTA_ALERT_LATENCY]);
    snprintf(finding->message, sizeof finding->message,
             "%s: ticks take %.1f ms from the venue (limit %g ms)", sample->name, latency_ms,
             limit_ms);
}

static void check_throughput(const struct qta_health_monitor *monitor,
                             const struct qta_health_sample *sample, const struct watched *watched,
                             struct finding *finding)
{
    double limit = monitor->options.throughput_min_per_s;
    /* over a whole interval in which it was up and something was to be expected */
    bool is_known = watched->has_before && sample->is_market_open &&
                    watched->before.is_market_open && sample->state == QTA_CONNECTION_SUBSCRIBED &&
                    watched->before.state == QTA_CONNECTION_SUBSCRIBED;
    finding->look = QTA_LOOK_UNKNOWN;
    if (limit > 0 && is_known)
        finding->look = look_below(watched->rates.ticks_per_s, limit,
                                   &watched->alerts[QTA_ALERT_THROUGHPUT]);
    snprintf(finding->message, sizeof finding->message,
             "%s: %.2f messages a second (at least %g are expected)", sample->name,
             watched->rates.ticks_per_s, limit);
}

static void check_mute(const struct qta_health_sample *sample, struct finding *finding)
{
    unsigned channel = sample->mute_channels != 0 ? (unsigned)__builtin_ctz(sample->mute_channels)
                                                  : 0;
    if (!sample->is_market_open || sample->state != QTA_CONNECTION_SUBSCRIBED)
        finding->look = QTA_LOOK_UNKNOWN;
    else if (sample->mute_channels != 0)
        finding->look = QTA_LOOK_BAD;
    if (sample->mute_channels != 0)
        snprintf(finding->message, sizeof finding->message, "%s: connected, but no %s comes",
                 sample->name, channel == 0 ? "tick" : qta_mute_channel_name(channel));
    else
        snprintf(finding->message, sizeof finding->message, "%s: data flows", sample->name);
}

static void check_queue(const struct qta_health_monitor *monitor,
                        const struct qta_health_queue *deepest, struct finding *finding)
{
    uint32_t limit = monitor->options.queue_depth_max;
    if (limit > 0)
        finding->look = look_above((double)deepest->depth, (double)limit, &monitor->queue_alert);
    snprintf(finding->message, sizeof finding->message,
             "%" PRIu64 " ticks wait for the subscriber '%s' (limit %" PRIu32 ")", deepest->depth,
             deepest->subscriber, limit);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void work_out_rates(struct watched *watched, const struct qta_health_sample *sample,
                           int64_t elapsed_ns)
{
    const struct qta_health_sample *before = &watched->before;
    watched->rates = (struct qta_health_rates){0};
    if (!watched->has_before || elapsed_ns <= 0)
        return;
    double elapsed_s = (double)elapsed_ns / NS_PER_S;
    watched->rates.is_known = true;
    watched->rates.ticks_per_s = (double)(sample->ticks - before->ticks) / elapsed_s;
    watched->rates.bytes_per_s = (double)(sample->bytes - before->bytes) / elapsed_s;
    uint64_t latencies = sample->latencies - before->latencies;
    if (latencies > 0)
        watched->rates.latency_s = (double)(sample->latency_ns_sum - before->latency_ns_sum) /
                                   NS_PER_S / (double)latencies;
}

static void conclude(const struct qta_health_monitor *monitor, struct qta_alert *alert,
                     enum qta_alert_kind kind, const char *connection,
                     const struct finding *finding, int64_t now_ns, qta_alert_function on_alert,
                     void *user)
{
    struct qta_alert_event event = {.kind = kind, .connection = connection};
    if (!qta_alert_look(alert, finding->look, finding->is_grave,
                        monitor->options.escalation_threshold, now_ns, &event.before))
        return;
    event.state = alert->state;
    snprintf(event.message, sizeof event.message, "%s", finding->message);
    on_alert(user, &event);
}

static void check(const struct qta_health_monitor *monitor, const struct watched *watched,
                  const struct qta_health_sample *sample, enum qta_alert_kind kind, int64_t now_ns,
                  struct finding *finding)
{
    *finding = (struct finding){.look = QTA_LOOK_GOOD};
    switch (kind) {
    case QTA_ALERT_CONNECTION_DOWN:
        check_connection(monitor, sample, now_ns, finding);
        break;
    case QTA_ALERT_RECONNECTS:
        check_reconnects(monitor, sample, finding);
        break;
    case QTA_ALERT_CIRCUIT_OPEN:
        check_circuit(monitor, sample, now_ns, finding);
        break;
    case QTA_ALERT_LATENCY:
        check_latency(monitor, sample, watched, finding);
        break;
    case QTA_ALERT_THROUGHPUT:
        check_throughput(monitor, sample, watched, finding);
        break;
    case QTA_ALERT_MUTE:
        check_mute(sample, finding);
        break;
    case QTA_ALERT_QUEUE_DEPTH:
        break;
    }
}

void qta_health_monitor_look(struct qta_health_monitor *monitor,
                             const struct qta_health_sample *samples,
                             const struct qta_health_queue *deepest, int64_t now_ns,
                             qta_alert_function on_alert, void *user)
{
    struct finding finding;
    for (size_t i = 0; i < monitor->connection_count; i++) {
        struct watched *watched = &monitor->connections[i];
        work_out_rates(watched, &samples[i], now_ns - monitor->before_ns);
        for (int kind = 0; kind < QTA_ALERT_CONNECTION_KINDS; kind++) {
            check(monitor, watched, &samples[i], (enum qta_alert_kind)kind, now_ns, &finding);
            conclude(monitor, &watched->alerts[kind], (enum qta_alert_kind)kind, samples[i].name,
                     &finding, now_ns, on_alert, user);
        }
        watched->before = samples[i];
        watched->has_before = true;
    }
    finding = (struct finding){.look = QTA_LOOK_GOOD};
    check_queue(monitor, deepest, &finding);
    conclude(monitor, &monitor->queue_alert, QTA_ALERT_QUEUE_DEPTH, "", &finding, now_ns, on_alert,
             user);
    monitor->before_ns = now_ns;
}

struct qta_health_rates qta_health_monitor_rates(const struct qta_health_monitor *monitor,
                                                 size_t connection)
{
    return monitor->connections[connection].rates;
}

const struct qta_alert *qta_health_monitor_alert(const struct qta_health_monitor *monitor,
                                                 enum qta_alert_kind kind, size_t connection)
{
    return kind == QTA_ALERT_QUEUE_DEPTH ? &monitor->queue_alert
                                         : &monitor->connections[connection].alerts[kind];
}
