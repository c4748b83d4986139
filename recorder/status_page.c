/* JSON by hand: punctuation where it belongs, values by the writer of adapters/. */
#include "recorder/status_page.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>
#include <qta/version.h>

#include "adapters/json_writer.h"
#include "recorder/circuit_breaker.h"
#include "recorder/mute_watch.h"

#define ALIVE_NS INT64_C(30000000000)

/* ---- sentences --------------------------------------------------------------------------------
 */

__attribute__((format(printf, 2, 3))) static void put_reason(struct qta_byte_buffer *reasons,
                                                             const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    qta_byte_buffer_append(reasons, line, strlen(line));
    qta_byte_buffer_append_byte(reasons, '\n');
}

static bool is_connection_ready(const struct qta_feed *feed, bool is_market_open, int64_t now_ns,
                                struct qta_byte_buffer *reasons)
{
    enum qta_connection_state state = (enum qta_connection_state)atomic_load_explicit(
        &feed->state, memory_order_relaxed);
    int64_t last_ns = atomic_load_explicit(&feed->last_tick_ns, memory_order_relaxed);
    if (state == QTA_CONNECTION_FINISHED || (!is_market_open && state != QTA_CONNECTION_BLOCKED))
        return true;
    if (state != QTA_CONNECTION_SUBSCRIBED) {
        put_reason(reasons, "%s: %s", feed->is.title, qta_connection_state_name(state));
        return false;
    }
    if (last_ns == 0) {
        put_reason(reasons, "%s: no tick yet", feed->is.title);
        return false;
    }
    uint32_t mute = atomic_load_explicit(&feed->mute_channels, memory_order_relaxed);
    bool is_learned = atomic_load_explicit(&feed->patience_ns, memory_order_relaxed) != 0;
    if (mute > 1) {
        put_reason(reasons, "%s: no %s comes", feed->is.title,
                   qta_mute_channel_name((unsigned)__builtin_ctz(mute)));
        return false;
    }
    if (mute == 0 && (is_learned || now_ns - last_ns <= QTA_READY_SILENCE_NS))
        return true;
    char silence[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(now_ns - last_ns, silence);
    put_reason(reasons, "%s: no tick for %s", feed->is.title, silence);
    return false;
}

/* A market of which nobody knows the hours counts as open. */
static bool is_market_open(const struct qta_status_sources *sources, size_t index)
{
    return !sources->is_market_open || sources->is_market_open[index];
}

static bool is_idle(const struct qta_feed *feed)
{
    return atomic_load_explicit(&feed->state, memory_order_relaxed) == QTA_CONNECTION_IDLE;
}

static bool is_same_shard(const struct qta_feed *a, const struct qta_feed *b)
{
    return a->is.provider_index == b->is.provider_index && a->is.shard_index == b->is.shard_index;
}

static bool is_first_of_shard(const struct qta_gateway_view *view, size_t index)
{
    return index == 0 || !is_same_shard(qta_gateway_view_feed(view, index - 1),
                                        qta_gateway_view_feed(view, index));
}

/* One line that brings the data is enough; without one, all of them tell why. A shard that nothing
 * was put on is no reason, unless it is the provider's first, which always is to be connected. */
static bool is_shard_ready(const struct qta_status_sources *sources, size_t first,
                           struct qta_byte_buffer *reasons)
{
    const struct qta_gateway_view *view = sources->view;
    const struct qta_feed *feed = qta_gateway_view_feed(view, first);
    struct qta_byte_buffer own = {0};
    bool is_ready = false;
    bool is_used = feed->is.shard_index == 0;
    for (size_t i = first; i < view->connection_count && !is_ready; i++) {
        const struct qta_feed *line = qta_gateway_view_feed(view, i);
        if (!is_same_shard(feed, line))
            break;
        if (i > first && is_idle(line))
            continue;
        is_used |= !is_idle(line);
        is_ready = is_connection_ready(line, is_market_open(sources, i), sources->now_ns, &own);
    }
    if (is_used && !is_ready && own.length > 0)
        qta_byte_buffer_append(reasons, own.bytes, own.length);
    qta_byte_buffer_finish(&own);
    return is_ready || !is_used;
}

bool qta_status_is_ready(const struct qta_status_sources *sources, struct qta_byte_buffer *reasons)
{
    bool is_ready = true;
    for (size_t i = 0; i < sources->view->connection_count; i++) {
        if (is_first_of_shard(sources->view, i) && !is_shard_ready(sources, i, reasons))
            is_ready = false;
    }
    return is_ready;
}

bool qta_status_is_alive(const struct qta_status_sources *sources, struct qta_byte_buffer *reasons)
{
    int64_t turn_ns = atomic_load_explicit(&sources->view->counters->last_turn_ns,
                                           memory_order_relaxed);
    if (turn_ns == 0 || sources->now_ns - turn_ns <= ALIVE_NS)
        return true;
    char silence[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(sources->now_ns - turn_ns, silence);
    put_reason(reasons, "the network thread has not moved for %s", silence);
    return false;
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void put(struct qta_byte_buffer *page, const char *text)
{
    qta_byte_buffer_append(page, text, strlen(text));
}

static void put_name(struct qta_byte_buffer *page, const char *name)
{
    uint8_t last = page->length > 0 ? (uint8_t)page->bytes[page->length - 1] : 0;
    if (last != '{' && last != '[')
        put(page, ",");
    qta_json_write_string(page, name, strlen(name));
    put(page, ":");
}

static void put_text(struct qta_byte_buffer *page, const char *name, const char *value)
{
    put_name(page, name);
    qta_json_write_string(page, value, strlen(value));
}

static void put_number(struct qta_byte_buffer *page, const char *name, uint64_t value)
{
    put_name(page, name);
    qta_json_write_u64(page, value);
}

static void put_flag(struct qta_byte_buffer *page, const char *name, bool value)
{
    put_name(page, name);
    put(page, value ? "true" : "false");
}

static void put_real(struct qta_byte_buffer *page, const char *name, double value)
{
    char text[32];
    put_name(page, name);
    snprintf(text, sizeof text, "%.6g", value);
    put(page, text);
}

static void put_seconds(struct qta_byte_buffer *page, const char *name, int64_t duration_ns)
{
    put_real(page, name, (double)duration_ns / 1e9);
}

/* Opens an item of an array. */
static void open_item(struct qta_byte_buffer *page)
{
    if (page->length > 0 && page->bytes[page->length - 1] != '[')
        put(page, ",");
    put(page, "{");
}

static void write_subscriptions(struct qta_byte_buffer *page, const struct qta_feed *feed)
{
    static const char *const names[] = {"unsent", "asked", "accepted", "refused"};
    put_name(page, "subscriptions");
    put(page, "{");
    for (int i = 0; i < 4; i++)
        put_number(page, names[i], qta_counter_read(&feed->subscriptions[i]));
    put(page, "}");
}

/* A rate without a limit is left out: JSON has no word for it. */
static void put_rate(struct qta_byte_buffer *page, const char *name, double rate)
{
    if (isfinite(rate))
        put_real(page, name, rate);
}

static void write_limits(struct qta_byte_buffer *page, const struct qta_feed *feed)
{
    int circuit = atomic_load_explicit(&feed->circuit, memory_order_relaxed);
    double messages_per_s = atomic_load_explicit(&feed->rate_per_s[QTA_FEED_MESSAGES],
                                                 memory_order_relaxed);
    double connects_per_s = atomic_load_explicit(&feed->rate_per_s[QTA_FEED_CONNECTS],
                                                 memory_order_relaxed);
    put_text(page, "circuit", qta_circuit_state_name((enum qta_circuit_state)circuit));
    put_name(page, "rate_limit");
    put(page, "{");
    put_rate(page, "messages_per_s", messages_per_s);
    put_rate(page, "connects_per_s", connects_per_s);
    put_number(page, "messages_throttled", qta_counter_read(&feed->throttles[QTA_FEED_MESSAGES]));
    put_number(page, "connects_throttled", qta_counter_read(&feed->throttles[QTA_FEED_CONNECTS]));
    put(page, "}");
}

/* "mute":["trade"], and how long a silence may last before it is there */
static void write_mute(struct qta_byte_buffer *page, const struct qta_feed *feed)
{
    uint32_t mute = atomic_load_explicit(&feed->mute_channels, memory_order_relaxed);
    int64_t patience_ns = atomic_load_explicit(&feed->patience_ns, memory_order_relaxed);
    const char *comma = "";
    put_name(page, "mute");
    put(page, "[");
    for (unsigned channel = 0; channel < QTA_MUTE_CHANNELS; channel++) {
        if (!(mute & QTA_TYPE_BIT(channel)))
            continue;
        const char *name = qta_mute_channel_name(channel);
        put(page, comma);
        qta_json_write_string(page, name, strlen(name));
        comma = ",";
    }
    put(page, "]");
    put_number(page, "mute_symbols",
               atomic_load_explicit(&feed->mute_symbols, memory_order_relaxed));
    if (patience_ns != 0)
        put_seconds(page, "mute_after_s", patience_ns);
}

static void write_connection(struct qta_byte_buffer *page, const struct qta_status_sources *sources,
                             size_t index)
{
    const struct qta_feed *feed = qta_gateway_view_feed(sources->view, index);
    int state = atomic_load_explicit(&feed->state, memory_order_relaxed);
    int64_t last_ns = atomic_load_explicit(&feed->last_tick_ns, memory_order_relaxed);
    uint64_t ticks = 0;
    for (unsigned type = 0; type < QTA_TICK_MARKET_TYPE_END; type++)
        ticks += qta_counter_read(&feed->ticks_by_type[type]);
    open_item(page);
    put_text(page, "name", feed->is.title);
    put_text(page, "state", qta_connection_state_name((enum qta_connection_state)state));
    if (sources->is_market_open)
        put_flag(page, "market_open", sources->is_market_open[index]);
    put_number(page, "ticks", ticks);
    put_number(page, "frames", qta_counter_read(&feed->frames));
    put_number(page, "bytes", qta_counter_read(&feed->bytes));
    put_number(page, "connects", qta_counter_read(&feed->connects));
    put_number(page, "failures_in_a_row",
               atomic_load_explicit(&feed->failures, memory_order_relaxed));
    write_limits(page, feed);
    put_number(page, "gaps", qta_gap_counts_total(feed->is.gaps));
    put_number(page, "send_queue_bytes", qta_counter_read(&feed->send_queue_bytes));
    write_mute(page, feed);
    int64_t ping_ns = atomic_load_explicit(&feed->ping_ns, memory_order_relaxed);
    if (ping_ns != 0)
        put_seconds(page, "ping_s", ping_ns);
    if (last_ns != 0)
        put_seconds(page, "last_tick_age_s",
                    sources->now_ns > last_ns ? sources->now_ns - last_ns : 0);
    if (sources->monitor) {
        struct qta_health_rates rates = qta_health_monitor_rates(sources->monitor, index);
        put_real(page, "ticks_per_s", rates.ticks_per_s);
        put_real(page, "bytes_per_s", rates.bytes_per_s);
        put_real(page, "latency_ms", rates.latency_s * 1e3);
    }
    write_subscriptions(page, feed);
    put(page, "}");
}

static void write_session(struct qta_byte_buffer *page, const struct qta_gateway_view *view)
{
    put_name(page, "session");
    if (!view->recording) {
        put(page, "null");
        return;
    }
    struct qta_recording_figures figures;
    qta_recording_figures(view->recording, &figures);
    put(page, "{");
    put_text(page, "path", qta_recording_path(view->recording));
    put_name(page, "journal");
    put(page, "{");
    put_number(page, "bytes", figures.journal_bytes);
    put_number(page, "max_bytes", figures.journal_max_bytes);
    put_number(page, "seal_failures", qta_counter_read(&figures.sealed->failures));
    put(page, "}");
    put_name(page, "sealed");
    put(page, "{");
    put_number(page, "segments", qta_counter_read(&figures.sealed->segments));
    put_number(page, "ticks", qta_counter_read(&figures.sealed->records));
    put_number(page, "bytes", qta_counter_read(&figures.sealed->bytes));
    put(page, "}}");
}

static void write_subscriber(struct qta_byte_buffer *page, const struct qta_subscriber *subscriber)
{
    static const char *const policies[] = {"block", "drop_oldest", "drop_newest", "disconnect"};
    struct qta_subscriber_stats stats;
    qta_subscriber_stats(subscriber, &stats);
    open_item(page);
    put_text(page, "name", qta_subscriber_name(subscriber));
    put_text(page, "overflow", policies[qta_subscriber_policy(subscriber)]);
    put_number(page, "queued", stats.queued);
    put_number(page, "capacity", stats.capacity);
    put_seconds(page, "lag_s", stats.oldest_ns);
    put_number(page, "dispatched", stats.dispatched);
    put_number(page, "dropped", stats.dropped);
    put_number(page, "hangs", stats.hangs);
    put_seconds(page, "hanging_s", stats.hanging_ns);
    put_flag(page, "disconnected", stats.is_disconnected);
    put(page, "}");
}

static void write_subscribers(struct qta_byte_buffer *page, const struct qta_gateway_view *view)
{
    struct qta_subscriber *subscribers[QTA_SUBSCRIBERS_MAX];
    size_t count = qta_subscriber_set_hold_all(view->subscribers, subscribers);
    put_name(page, "subscribers");
    put(page, "[");
    for (size_t i = 0; i < count; i++)
        write_subscriber(page, subscribers[i]);
    put(page, "]");
    qta_subscriber_set_release_all(subscribers, count);
}

static void write_clock(struct qta_byte_buffer *page, const struct qta_counters *counters)
{
    int sync = atomic_load_explicit(&counters->clock_sync, memory_order_relaxed);
    put_name(page, "clock");
    put(page, "{");
    put_seconds(page, "offset_s",
                atomic_load_explicit(&counters->clock_offset_ns, memory_order_relaxed));
    put_number(page, "steps", qta_counter_read(&counters->clock_steps));
    if (sync != QTA_CLOCK_UNKNOWN) {
        put_flag(page, "synchronised", sync == QTA_CLOCK_SYNCHRONISED);
        put_seconds(
            page, "estimated_offset_s",
            atomic_load_explicit(&counters->clock_estimated_offset_ns, memory_order_relaxed));
        put_seconds(page, "max_error_s",
                    atomic_load_explicit(&counters->clock_max_error_ns, memory_order_relaxed));
    }
    put(page, "}");
}

static void write_alert(struct qta_byte_buffer *page, const struct qta_status_sources *sources,
                        enum qta_alert_kind kind, size_t connection)
{
    const struct qta_alert *alert = qta_health_monitor_alert(sources->monitor, kind, connection);
    int64_t since_ns = sources->now_ns - alert->since_ns;
    bool is_quiet = alert->state == QTA_ALERT_QUIET;
    if (alert->fired == 0 || (is_quiet && since_ns > sources->retention_ns))
        return;
    open_item(page);
    put_text(page, "alert", qta_alert_kind_name(kind));
    put_text(page, "connection",
             kind == QTA_ALERT_QUEUE_DEPTH
                 ? ""
                 : qta_gateway_view_feed(sources->view, connection)->is.title);
    put_text(page, "state", qta_alert_event_name(alert->state));
    put_seconds(page, "since_s", since_ns);
    put_number(page, "times", alert->fired);
    put(page, "}");
}

static void write_alerts(struct qta_byte_buffer *page, const struct qta_status_sources *sources)
{
    put_name(page, "alerts");
    put(page, "[");
    for (size_t i = 0; sources->monitor && i < sources->view->connection_count; i++) {
        for (int kind = 0; kind < QTA_ALERT_CONNECTION_KINDS; kind++)
            write_alert(page, sources, (enum qta_alert_kind)kind, i);
    }
    if (sources->monitor)
        write_alert(page, sources, QTA_ALERT_QUEUE_DEPTH, 0);
    put(page, "]");
}

/* The lines of *reasons as strings. */
static void write_reasons(struct qta_byte_buffer *page, const struct qta_byte_buffer *reasons)
{
    put_name(page, "reasons");
    put(page, "[");
    const char *line = (const char *)reasons->bytes;
    const char *end = line + reasons->length;
    for (bool is_first = true; reasons->length > 0 && line < end; is_first = false) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        if (!is_first)
            put(page, ",");
        qta_json_write_string(page, line, (size_t)(newline - line));
        line = newline + 1;
    }
    put(page, "]");
}

void qta_status_page_write(struct qta_byte_buffer *page, const struct qta_status_sources *sources)
{
    struct qta_byte_buffer reasons = {0};
    bool is_alive = qta_status_is_alive(sources, &reasons);
    bool is_ready = qta_status_is_ready(sources, &reasons);
    put(page, "{");
    put_text(page, "version", qta_version());
    put_flag(page, "ready", is_alive && is_ready);
    write_reasons(page, &reasons);
    put_name(page, "connections");
    put(page, "[");
    for (size_t i = 0; i < sources->view->connection_count; i++)
        write_connection(page, sources, i);
    put(page, "]");
    write_session(page, sources->view);
    write_subscribers(page, sources->view);
    write_clock(page, sources->view->counters);
    write_alerts(page, sources);
    put(page, "}\n");
    qta_byte_buffer_finish(&reasons);
}
