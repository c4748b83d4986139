/* One function a group of families. Series that are always zero are written all the same where
 * their labels are few: a rate needs the zero that came before the first event. */
#include "recorder/metrics_page.h"

#include <libwebsockets.h>
#include <string.h>

#include <qta/version.h>

#include "core/utf8.h"
#include "recorder/auth_metrics.h"
#include "recorder/circuit_breaker.h"
#include "recorder/line_metrics.h"
#include "recorder/mute_watch.h"
#include "recorder/process_figures.h"

static void family(struct qta_exposition *page, const char *name, enum qta_metric_kind kind,
                   const char *help)
{
    qta_exposition_family(page, name, kind, help);
}

/* Whose figure it is; the exposition leaves out the label of an only connection, which is empty. */
#define OF(feed) "provider", (feed)->is.name, "connection", (feed)->is.label

static uint64_t read_flag(bool is_so)
{
    return is_so ? 1 : 0;
}

/* ---- ticks ------------------------------------------------------------------------------------
 */

/* Two series of one name would cost the whole page: a name that could be taken for another one
 * counts with the others. */
static const char *plain_symbol(const struct qta_dictionary *names, uint32_t id)
{
    enum { LENGTH_MAX = 64 };
    size_t length;
    const char *name = qta_dictionary_name(names, QTA_NAME_SYMBOL, id, &length);
    bool is_plain = length > 0 && length <= LENGTH_MAX && strlen(name) == length &&
                    strcmp(name, "other") != 0 && qta_utf8_is_valid(name, length);
    return is_plain ? name : NULL;
}

static void write_symbols(struct qta_exposition *page, const struct qta_dictionary *names,
                          const struct qta_feed *feed)
{
    uint32_t known = qta_dictionary_count(names, QTA_NAME_SYMBOL);
    uint64_t others = qta_counter_read(&feed->ticks_by_symbol[0]);
    for (uint32_t id = 1; id < known && id <= feed->symbols_max; id++) {
        uint64_t count = qta_counter_read(&feed->ticks_by_symbol[id]);
        const char *name = count > 0 ? plain_symbol(names, id) : NULL;
        if (name)
            qta_exposition_sample(page, count, OF(feed), "symbol", name, NULL);
        else
            others += count;
    }
    qta_exposition_sample(page, others, OF(feed), "symbol", "other", NULL);
}

static void write_ticks(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_ticks", QTA_METRIC_COUNTER, "ticks received, by provider and type");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (unsigned type = 0; type < QTA_TICK_MARKET_TYPE_END; type++) {
            uint64_t count = qta_counter_read(&feed->ticks_by_type[type]);
            if (qta_tick_type_name(type)[0] != '\0' && (QTA_TYPES_MARKET & QTA_TYPE_BIT(type)))
                qta_exposition_sample(page, count, OF(feed), "type", qta_tick_type_name(type),
                                      NULL);
        }
    }
    family(page, "websocket_messages", QTA_METRIC_COUNTER,
           "market ticks received, by provider and symbol; symbols over the limit are \"other\"");
    for (size_t i = 0; i < view->connection_count; i++)
        write_symbols(page, view->names, qta_gateway_view_feed(view, i));
    family(page, "qta_rounded_ticks", QTA_METRIC_COUNTER,
           "ticks with a number that had more digits than can be kept");
    qta_exposition_sample(page, qta_counter_read(&view->counters->rounded), NULL);
}

static const char *fault_name(int fault)
{
    static const char *const names[QTA_FAULT_COUNT] = {
        "syntax", "too_large", "too_deep", "utf8", "unknown_type", "missing", "value", "unexpected",
    };
    return names[fault];
}

static void write_frames(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_frames", QTA_METRIC_COUNTER, "messages received");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_sample(page, qta_counter_read(&feed->frames), OF(feed), NULL);
    }
    family(page, "qta_received_bytes", QTA_METRIC_COUNTER, "payload of the messages received");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_sample(page, qta_counter_read(&feed->bytes), OF(feed), NULL);
    }
    family(page, "qta_decode_errors", QTA_METRIC_COUNTER,
           "what was wrong with messages that could not be (fully) decoded");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (int fault = 0; fault < QTA_FAULT_COUNT; fault++)
            qta_exposition_sample(page, qta_counter_read(&feed->faults[fault]), OF(feed), "kind",
                                  fault_name(fault), NULL);
    }
}

/* ---- latencies --------------------------------------------------------------------------------
 */

static void write_latencies(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_venue_latency_seconds", QTA_METRIC_HISTOGRAM,
           "from the venue's time of a tick to its receipt; below zero counts as zero");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_histogram(page, &feed->venue_latency, OF(feed), NULL);
    }
    family(page, "websocket_connection_latency_seconds", QTA_METRIC_HISTOGRAM,
           "from the start of an attempt until the connection is open");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_histogram(page, &feed->connect_latency, OF(feed), NULL);
    }
    family(page, "qta_ping_round_trip_seconds", QTA_METRIC_HISTOGRAM,
           "from a ping of ours to the venue's answer (health_check_interval)");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_histogram(page, &feed->ping_latency, OF(feed), NULL);
    }
}

/* ---- connections ------------------------------------------------------------------------------
 */

typedef uint64_t (*feed_figure)(const struct qta_feed *feed);

static uint64_t attempts_of(const struct qta_feed *feed)
{
    return qta_counter_read(&feed->attempts);
}
static uint64_t connects_of(const struct qta_feed *feed)
{
    return qta_counter_read(&feed->connects);
}
static uint64_t failures_of(const struct qta_feed *feed)
{
    return atomic_load_explicit(&feed->failures, memory_order_relaxed);
}
static uint64_t circuit_opens_of(const struct qta_feed *feed)
{
    return qta_counter_read(&feed->circuit_opens);
}
static uint64_t waiting_of(const struct qta_feed *feed)
{
    return qta_counter_read(&feed->send_queue_bytes);
}

static void write_by_connection(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    static const struct {
        const char *name;
        enum qta_metric_kind kind;
        const char *help;
        feed_figure figure;
    } rows[] = {
        {"qta_connection_attempts", QTA_METRIC_COUNTER, "attempts to connect", attempts_of},
        {"qta_connects", QTA_METRIC_COUNTER, "connections that opened", connects_of},
        {"qta_connection_failures", QTA_METRIC_GAUGE, "failures in a row", failures_of},
        {"qta_circuit_breaker_opens", QTA_METRIC_COUNTER,
         "how often the circuit breaker opened, failed probes included", circuit_opens_of},
        {"qta_send_queue_bytes", QTA_METRIC_GAUGE, "messages that wait for the rate limit",
         waiting_of},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        family(page, rows[row].name, rows[row].kind, rows[row].help);
        for (size_t i = 0; i < view->connection_count; i++) {
            const struct qta_feed *feed = qta_gateway_view_feed(view, i);
            qta_exposition_sample(page, rows[row].figure(feed), OF(feed), NULL);
        }
    }
}

/* Causes are many, and most never come: only those that did. */
static void write_causes(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_disconnects", QTA_METRIC_COUNTER, "connections lost or closed, by cause");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (unsigned cause = 0; cause < QTA_FEED_CAUSES; cause++) {
            uint64_t count = qta_counter_read(&feed->disconnects[cause]);
            if (count > 0)
                qta_exposition_sample(page, count, OF(feed), "cause", qta_conn_cause_name(cause),
                                      NULL);
        }
    }
    family(page, "stream_reconnect", QTA_METRIC_COUNTER,
           "attempts that followed a failure, by its cause");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (unsigned cause = 0; cause < QTA_FEED_CAUSES; cause++) {
            uint64_t count = qta_counter_read(&feed->reconnects[cause]);
            if (count > 0)
                qta_exposition_sample(page, count, "connection", feed->is.title, "cause",
                                      qta_conn_cause_name(cause), NULL);
        }
    }
}

/* The first of a provider's connections stands for it. */
static const struct qta_gap_counts *gaps_of(const struct qta_gateway_view *view, size_t index,
                                            const char **provider)
{
    const struct qta_feed *feed = qta_gateway_view_feed(view, index);
    *provider = feed->is.name;
    bool is_first = index == 0 || qta_gateway_view_feed(view, index - 1)->is.provider_index !=
                                      feed->is.provider_index;
    return is_first ? feed->is.gaps : NULL;
}

static void write_gaps(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    const struct qta_gap_counts *counts;
    const char *provider;
    family(page, "qta_gaps", QTA_METRIC_COUNTER, "GAP records of missed data, by cause");
    for (size_t i = 0; i < view->connection_count; i++) {
        if (!(counts = gaps_of(view, i, &provider)))
            continue;
        for (unsigned cause = QTA_CAUSE_NONE + 1; cause < QTA_GAP_CAUSES; cause++)
            qta_exposition_sample(page, qta_counter_read(&counts->gaps[cause]), "provider",
                                  provider, "cause", qta_conn_cause_name(cause), NULL);
    }
    family(page, "qta_gaps_resolved", QTA_METRIC_COUNTER,
           "gaps that were healed, in part or as a whole, by what did it");
    for (size_t i = 0; i < view->connection_count; i++) {
        if (!(counts = gaps_of(view, i, &provider)))
            continue;
        for (unsigned remedy = QTA_REMEDY_NONE + 1; remedy < QTA_GAP_REMEDIES; remedy++)
            qta_exposition_sample(page, qta_counter_read(&counts->resolved[remedy]), "provider",
                                  provider, "by", qta_gap_remedy_name(remedy), NULL);
    }
}

static void write_numbers(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    const struct qta_gap_counts *counts;
    const char *provider;
    family(page, "qta_missing_sequence_numbers", QTA_METRIC_COUNTER,
           "numbers that the venue left out, also those that came later");
    for (size_t i = 0; i < view->connection_count; i++) {
        if ((counts = gaps_of(view, i, &provider)))
            qta_exposition_sample(page, qta_counter_read(&counts->missing), "provider", provider,
                                  NULL);
    }
    family(page, "qta_sequence_events", QTA_METRIC_COUNTER,
           "venues' sequence numbers that were not the next one");
    for (size_t i = 0; i < view->connection_count; i++) {
        if (!(counts = gaps_of(view, i, &provider)))
            continue;
        for (int news = QTA_SEQUENCE_MISSING; news < QTA_SEQUENCE_NEWS_COUNT; news++)
            qta_exposition_sample(page, qta_counter_read(&counts->numbers[news]), "provider",
                                  provider, "event",
                                  qta_sequence_news_name((enum qta_sequence_news)news), NULL);
    }
}

static void write_states(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    static const char *const wants[] = {"unsent", "asked", "accepted", "refused"};
    family(page, "qta_connection_state", QTA_METRIC_GAUGE,
           "1 for the state that the connection is in");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        int now = atomic_load_explicit(&feed->state, memory_order_relaxed);
        for (int state = 0; state < QTA_CONNECTION_STATE_COUNT; state++)
            qta_exposition_sample(page, read_flag(state == now), OF(feed), "state",
                                  qta_connection_state_name((enum qta_connection_state)state),
                                  NULL);
    }
    family(page, "websocket_active_connections", QTA_METRIC_GAUGE, "connections that are open");
    qta_exposition_sample(page, qta_counter_read(&view->counters->connected), NULL);
    family(page, "qta_subscriptions", QTA_METRIC_GAUGE, "subscriptions by what came of them");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (int want = 0; want < 4; want++)
            qta_exposition_sample(page, qta_counter_read(&feed->subscriptions[want]), OF(feed),
                                  "state", wants[want], NULL);
    }
}

static void write_circuits(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_circuit_breaker_state", QTA_METRIC_GAUGE,
           "1 for the state that the circuit breaker is in");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        int now = atomic_load_explicit(&feed->circuit, memory_order_relaxed);
        for (int state = 0; state < QTA_CIRCUIT_STATE_COUNT; state++)
            qta_exposition_sample(page, read_flag(state == now), OF(feed), "state",
                                  qta_circuit_state_name((enum qta_circuit_state)state), NULL);
    }
}

/* ---- limits -----------------------------------------------------------------------------------
 */

static void write_rate(struct qta_exposition *page, const struct qta_feed *feed,
                       enum qta_feed_limit_kind kind)
{
    double rate_per_s = atomic_load_explicit(&feed->rate_per_s[kind], memory_order_relaxed);
    qta_exposition_sample_real(page, rate_per_s, "provider", feed->is.name, "connection",
                               kind == QTA_FEED_CONNECTS ? "" : feed->is.label, NULL);
}

static void write_count(struct qta_exposition *page, const struct qta_feed *feed,
                        enum qta_feed_limit_kind kind, const _Atomic uint64_t *counts)
{
    static const char *const what[QTA_FEED_LIMITS] = {"messages", "connects"};
    qta_exposition_sample(page, qta_counter_read(&counts[kind]), "provider", feed->is.name,
                          "connection", kind == QTA_FEED_CONNECTS ? "" : feed->is.label, "what",
                          what[kind], NULL);
}

/* The connections of a provider follow one another; its limit on connects is told once. */
static bool is_first_of_provider(const struct qta_gateway_view *view, size_t index)
{
    return index == 0 || qta_gateway_view_feed(view, index - 1)->is.provider_index !=
                             qta_gateway_view_feed(view, index)->is.provider_index;
}

static void write_limits(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_rate_limit_messages_per_second", QTA_METRIC_GAUGE,
           "messages that may be sent now, in the long run; +Inf for no limit");
    for (size_t i = 0; i < view->connection_count; i++)
        write_rate(page, qta_gateway_view_feed(view, i), QTA_FEED_MESSAGES);
    family(page, "qta_rate_limit_connects_per_second", QTA_METRIC_GAUGE,
           "attempts to connect that may start now, in the long run; +Inf for no limit");
    for (size_t i = 0; i < view->connection_count; i++)
        if (is_first_of_provider(view, i))
            write_rate(page, qta_gateway_view_feed(view, i), QTA_FEED_CONNECTS);
    for (int is_wait = 0; is_wait < 2; is_wait++) {
        if (is_wait)
            family(page, "qta_rate_limit_waits", QTA_METRIC_COUNTER,
                   "messages and connects that had to wait for the rate limit");
        else
            family(page, "qta_throttles", QTA_METRIC_COUNTER,
                   "how often the venue said that it was too much");
        for (size_t i = 0; i < view->connection_count; i++) {
            const struct qta_feed *feed = qta_gateway_view_feed(view, i);
            const _Atomic uint64_t *counts = is_wait ? feed->waits : feed->throttles;
            write_count(page, feed, QTA_FEED_MESSAGES, counts);
            if (is_first_of_provider(view, i))
                write_count(page, feed, QTA_FEED_CONNECTS, counts);
        }
    }
}

/* ---- the way to the callbacks and to the disk -------------------------------------------------
 */

/* Of one moment: taken for all families together. */
struct subscribers {
    struct qta_subscriber *subscribers[QTA_SUBSCRIBERS_MAX];
    struct qta_subscriber_stats stats[QTA_SUBSCRIBERS_MAX];
    size_t count;
};

typedef uint64_t (*subscriber_figure)(const struct qta_subscriber_stats *stats);

static uint64_t queued_of(const struct qta_subscriber_stats *stats)
{
    return stats->queued;
}
static uint64_t capacity_of(const struct qta_subscriber_stats *stats)
{
    return stats->capacity;
}
static uint64_t dispatched_of(const struct qta_subscriber_stats *stats)
{
    return stats->dispatched;
}
static uint64_t dropped_of(const struct qta_subscriber_stats *stats)
{
    return stats->dropped;
}
static uint64_t hangs_of(const struct qta_subscriber_stats *stats)
{
    return stats->hangs;
}
static uint64_t disconnected_of(const struct qta_subscriber_stats *stats)
{
    return read_flag(stats->is_disconnected);
}

static void write_subscriber_figures(struct qta_exposition *page,
                                     const struct subscribers *subscribers)
{
    static const struct {
        const char *name;
        enum qta_metric_kind kind;
        const char *help;
        const char *label;
        subscriber_figure figure;
    } rows[] = {
        {"stream_buffer_queue_depth", QTA_METRIC_GAUGE, "ticks that wait for a subscriber",
         "buffer", queued_of},
        {"qta_buffer_capacity_ticks", QTA_METRIC_GAUGE, "ticks that may wait", "buffer",
         capacity_of},
        {"qta_dispatched_ticks", QTA_METRIC_COUNTER, "ticks handed to the callbacks", "subscriber",
         dispatched_of},
        {"qta_dropped_ticks", QTA_METRIC_COUNTER, "ticks that a subscriber was too slow for",
         "subscriber", dropped_of},
        {"qta_callback_hangs", QTA_METRIC_COUNTER,
         "callbacks that ran for longer than streaming.callback_hang_after", "subscriber",
         hangs_of},
        {"qta_subscriber_disconnected", QTA_METRIC_GAUGE,
         "1 for a subscriber that was too slow and gets no more ticks", "subscriber",
         disconnected_of},
    };
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        family(page, rows[row].name, rows[row].kind, rows[row].help);
        for (size_t i = 0; i < subscribers->count; i++)
            qta_exposition_sample(page, rows[row].figure(&subscribers->stats[i]), rows[row].label,
                                  qta_subscriber_name(subscribers->subscribers[i]), NULL);
    }
}

static void write_subscriber_times(struct qta_exposition *page,
                                   const struct subscribers *subscribers, bool is_measured)
{
    family(page, "qta_subscriber_lag_seconds", QTA_METRIC_GAUGE,
           "age of the oldest tick that waits for a subscriber");
    for (size_t i = 0; i < subscribers->count; i++)
        qta_exposition_sample_ns(page, subscribers->stats[i].oldest_ns, "subscriber",
                                 qta_subscriber_name(subscribers->subscribers[i]), NULL);
    family(page, "qta_callback_hanging_seconds", QTA_METRIC_GAUGE,
           "how long a callback has been running that hangs; 0 while none does");
    for (size_t i = 0; i < subscribers->count; i++)
        qta_exposition_sample_ns(page, subscribers->stats[i].hanging_ns, "subscriber",
                                 qta_subscriber_name(subscribers->subscribers[i]), NULL);
    if (!is_measured)
        return; /* the ticks' times are not our clock's */
    family(page, "qta_callback_latency_seconds", QTA_METRIC_HISTOGRAM,
           "from the receipt of a frame to the callbacks of its ticks");
    for (size_t i = 0; i < subscribers->count; i++)
        qta_exposition_histogram(page, qta_subscriber_latency(subscribers->subscribers[i]),
                                 "subscriber", qta_subscriber_name(subscribers->subscribers[i]),
                                 NULL);
}

static void write_subscribers(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    struct subscribers subscribers;
    subscribers.count = qta_subscriber_set_hold_all(view->subscribers, subscribers.subscribers);
    for (size_t i = 0; i < subscribers.count; i++)
        qta_subscriber_stats(subscribers.subscribers[i], &subscribers.stats[i]);
    write_subscriber_figures(page, &subscribers);
    write_subscriber_times(page, &subscribers,
                           qta_subscriber_set_options(view->subscribers)->is_measured);
    qta_subscriber_set_release_all(subscribers.subscribers, subscribers.count);
}

static void write_recording(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    if (!view->recording)
        return;
    struct qta_recording_figures figures;
    qta_recording_figures(view->recording, &figures);
    uint64_t records = qta_counter_read(&figures.sealed->records);
    uint64_t bytes = qta_counter_read(&figures.sealed->bytes);
    family(page, "qta_journal_bytes", QTA_METRIC_GAUGE,
           "journal files on disk: what waits to be sealed and what is open");
    qta_exposition_sample(page, figures.journal_bytes, NULL);
    family(page, "qta_journal_max_bytes", QTA_METRIC_GAUGE, "recording.journal_max");
    qta_exposition_sample(page, figures.journal_max_bytes, NULL);
    family(page, "qta_unrecorded_ticks", QTA_METRIC_COUNTER,
           "ticks that the session could not take (recording.on_full)");
    qta_exposition_sample(page, qta_counter_read(&view->counters->unrecorded), NULL);
    family(page, "qta_recording_outages", QTA_METRIC_COUNTER,
           "how often recording had to stop because of the disk");
    qta_exposition_sample(page, qta_counter_read(&view->counters->outages), NULL);
    family(page, "qta_segments", QTA_METRIC_COUNTER, "segments written");
    qta_exposition_sample(page, qta_counter_read(&figures.sealed->segments), NULL);
    family(page, "qta_segment_bytes", QTA_METRIC_COUNTER, "bytes of the segments written");
    qta_exposition_sample(page, bytes, NULL);
    family(page, "qta_sealed_ticks", QTA_METRIC_COUNTER, "ticks in the segments written");
    qta_exposition_sample(page, records, NULL);
    if (bytes > 0) {
        family(page, "qta_compression_ratio", QTA_METRIC_GAUGE,
               "bytes of a tick in memory to those of one in a segment, on average");
        qta_exposition_sample_real(
            page, (double)records * (double)sizeof(struct qta_tick) / (double)bytes, NULL);
    }
    family(page, "qta_seal_seconds", QTA_METRIC_HISTOGRAM, "time to seal a chunk of the journal");
    qta_exposition_histogram(page, &figures.sealed->seal_time, NULL);
    family(page, "qta_seal_failures", QTA_METRIC_COUNTER, "tries to seal that failed");
    qta_exposition_sample(page, qta_counter_read(&figures.sealed->failures), NULL);
    uint64_t free_bytes = qta_disk_free_bytes(qta_recording_path(view->recording));
    if (free_bytes != UINT64_MAX) {
        family(page, "qta_disk_free_bytes", QTA_METRIC_GAUGE, "room left where sessions are made");
        qta_exposition_sample(page, free_bytes, NULL);
    }
}

static void write_clock(struct qta_exposition *page, const struct qta_gateway_view *view)
{
    family(page, "qta_clock_offset_seconds", QTA_METRIC_GAUGE,
           "how far the wall clock has moved against the monotonic one since the run started");
    qta_exposition_sample_ns(
        page, atomic_load_explicit(&view->counters->clock_offset_ns, memory_order_relaxed), NULL);
    family(page, "qta_clock_steps", QTA_METRIC_COUNTER, "steps of the wall clock");
    qta_exposition_sample(page, qta_counter_read(&view->counters->clock_steps), NULL);
    int sync = atomic_load_explicit(&view->counters->clock_sync, memory_order_relaxed);
    if (sync == QTA_CLOCK_UNKNOWN)
        return;
    family(page, "qta_clock_synchronised", QTA_METRIC_GAUGE,
           "1 while somebody keeps the wall clock right, as the kernel sees it");
    qta_exposition_sample(page, sync == QTA_CLOCK_SYNCHRONISED, NULL);
    family(page, "qta_clock_estimated_offset_seconds", QTA_METRIC_GAUGE,
           "what the kernel still has to correct of the wall clock");
    qta_exposition_sample_ns(
        page,
        atomic_load_explicit(&view->counters->clock_estimated_offset_ns, memory_order_relaxed),
        NULL);
    family(page, "qta_clock_max_error_seconds", QTA_METRIC_GAUGE,
           "the kernel's bound of the wall clock's error");
    qta_exposition_sample_ns(
        page, atomic_load_explicit(&view->counters->clock_max_error_ns, memory_order_relaxed),
        NULL);
}

/* ---- health -----------------------------------------------------------------------------------
 */

static void write_rates(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    static const struct {
        const char *name;
        const char *help;
    } rows[] = {
        {"stream_message_throughput_per_second", "market ticks a second at the last check"},
        {"stream_connection_bandwidth_bytes_per_second", "payload a second at the last check"},
        {"stream_connection_latency_seconds",
         "mean time from the venue to the receipt at the last check"},
    };
    const struct qta_gateway_view *view = sources->view;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        family(page, rows[row].name, QTA_METRIC_GAUGE, rows[row].help);
        for (size_t i = 0; i < view->connection_count; i++) {
            struct qta_health_rates rates = qta_health_monitor_rates(sources->monitor, i);
            const double values[] = {rates.ticks_per_s, rates.bytes_per_s, rates.latency_s};
            if (rates.is_known)
                qta_exposition_sample_real(page, values[row], "connection",
                                           qta_gateway_view_feed(view, i)->is.title, NULL);
        }
    }
}

/* Of each channel that ever brought something, and of all ticks together. */
static void write_mute(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    const struct qta_gateway_view *view = sources->view;
    family(page, "qta_channel_silence_seconds", QTA_METRIC_GAUGE,
           "since something came of a type of ticks, to the second");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        for (unsigned type = 1; type < QTA_MUTE_CHANNELS; type++) {
            int64_t heard_ns = atomic_load_explicit(&feed->heard_ns[type], memory_order_relaxed);
            int64_t age_ns = sources->now_ns > heard_ns ? sources->now_ns - heard_ns : 0;
            if (heard_ns != 0)
                qta_exposition_sample_ns(page, age_ns, OF(feed), "channel",
                                         qta_mute_channel_name(type), NULL);
        }
    }
    family(
        page, "qta_channel_mute", QTA_METRIC_GAUGE,
        "1 while the connection is up and this should come and does not; \"all\": nothing comes");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        uint32_t mute = atomic_load_explicit(&feed->mute_channels, memory_order_relaxed);
        for (unsigned channel = 0; channel < QTA_MUTE_CHANNELS; channel++) {
            int64_t heard_ns = atomic_load_explicit(&feed->heard_ns[channel], memory_order_relaxed);
            if (channel == 0 || heard_ns != 0)
                qta_exposition_sample(page, read_flag(mute & QTA_TYPE_BIT(channel)), OF(feed),
                                      "channel", qta_mute_channel_name(channel), NULL);
        }
    }
    family(page, "qta_mute_symbols", QTA_METRIC_GAUGE,
           "busy symbols that have fallen silent while others have not: halted, or lost");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        qta_exposition_sample(page, atomic_load_explicit(&feed->mute_symbols, memory_order_relaxed),
                              OF(feed), NULL);
    }
    family(page, "qta_mute_after_seconds", QTA_METRIC_GAUGE,
           "how long a silence of all ticks may last, as learned; absent before that");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        int64_t patience_ns = atomic_load_explicit(&feed->patience_ns, memory_order_relaxed);
        if (patience_ns != 0)
            qta_exposition_sample_ns(page, patience_ns, OF(feed), NULL);
    }
}

static void write_freshness(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    const struct qta_gateway_view *view = sources->view;
    family(page, "stream_data_freshness_seconds", QTA_METRIC_GAUGE, "age of the last tick");
    for (size_t i = 0; i < view->connection_count; i++) {
        const struct qta_feed *feed = qta_gateway_view_feed(view, i);
        int64_t last_ns = atomic_load_explicit(&feed->last_tick_ns, memory_order_relaxed);
        int64_t age_ns = sources->now_ns > last_ns ? sources->now_ns - last_ns : 0;
        if (last_ns != 0)
            qta_exposition_sample_ns(page, age_ns, "connection", feed->is.title, NULL);
    }
}

static void write_alert(struct qta_exposition *page, const struct qta_metrics_sources *sources,
                        enum qta_alert_kind kind, size_t connection, bool is_count)
{
    const struct qta_alert *alert = qta_health_monitor_alert(sources->monitor, kind, connection);
    const char *name = kind == QTA_ALERT_QUEUE_DEPTH
                           ? ""
                           : qta_gateway_view_feed(sources->view, connection)->is.title;
    qta_exposition_sample(page, is_count ? alert->fired : (uint64_t)alert->state, "alert",
                          qta_alert_kind_name(kind), "connection", name, NULL);
}

static void write_alerts(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    for (int is_count = 0; is_count < 2; is_count++) {
        if (is_count)
            family(page, "qta_alerts", QTA_METRIC_COUNTER, "how often an alert has begun");
        else
            family(page, "qta_alert_state", QTA_METRIC_GAUGE,
                   "0 quiet, 1 firing, 2 escalated to an error");
        for (size_t i = 0; i < sources->view->connection_count; i++) {
            for (int kind = 0; kind < QTA_ALERT_CONNECTION_KINDS; kind++)
                write_alert(page, sources, (enum qta_alert_kind)kind, i, is_count);
        }
        write_alert(page, sources, QTA_ALERT_QUEUE_DEPTH, 0, is_count);
    }
}

static void write_deliveries(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    const struct qta_alert_delivery_counts *counts = &sources->deliveries;
    if ((sources->channels & (QTA_ALERT_WEBHOOK | QTA_ALERT_COMMAND)) == 0)
        return;
    family(page, "qta_alert_deliveries", QTA_METRIC_COUNTER, "alerts told, by channel and result");
    if (sources->channels & QTA_ALERT_WEBHOOK) {
        qta_exposition_sample(page, counts->webhook_sent, "channel", "webhook", "result", "sent",
                              NULL);
        qta_exposition_sample(page, counts->webhook_failed, "channel", "webhook", "result",
                              "failed", NULL);
    }
    if (sources->channels & QTA_ALERT_COMMAND) {
        qta_exposition_sample(page, counts->command_sent, "channel", "command", "result", "sent",
                              NULL);
        qta_exposition_sample(page, counts->command_failed, "channel", "command", "result",
                              "failed", NULL);
    }
    family(page, "qta_alert_deliveries_dropped", QTA_METRIC_COUNTER,
           "alerts that were not told because too many waited");
    qta_exposition_sample(page, counts->dropped, NULL);
}

/* ---- the program ------------------------------------------------------------------------------
 */

static void write_process(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    struct qta_process_figures figures = qta_process_figures_read();
    family(page, "process_cpu_seconds", QTA_METRIC_COUNTER, "processor time used");
    qta_exposition_sample_ns(page, figures.cpu_ns, NULL);
    family(page, "process_start_time_seconds", QTA_METRIC_GAUGE, "since the Unix epoch");
    qta_exposition_sample_ns(page, figures.start_ns, NULL);
    family(page, "process_resident_memory_bytes", QTA_METRIC_GAUGE, "memory in use");
    qta_exposition_sample(page, figures.resident_bytes, NULL);
    family(page, "process_open_fds", QTA_METRIC_GAUGE, "open file descriptors");
    qta_exposition_sample(page, figures.open_fds, NULL);
    family(page, "process_max_fds", QTA_METRIC_GAUGE, "limit of open file descriptors");
    qta_exposition_sample(page, figures.max_fds, NULL);
    family(page, "qta_http_requests", QTA_METRIC_COUNTER, "HTTP requests answered");
    qta_exposition_sample(page, sources->http.requests - sources->http.failures, "result", "ok",
                          NULL);
    qta_exposition_sample(page, sources->http.failures, "result", "refused", NULL);
    family(page, "qta_http_rejected_connections", QTA_METRIC_COUNTER,
           "HTTP connections over the limit");
    qta_exposition_sample(page, sources->http.rejected, NULL);
}

/* "4.1.6-" and what the packager made of it, up to the first blank */
static void write_build_info(struct qta_exposition *page)
{
    char library[64];
    const char *text = lws_get_library_version();
    size_t length = strcspn(text, " ");
    if (length >= sizeof library)
        length = sizeof library - 1;
    memcpy(library, text, length);
    library[length] = '\0';
    family(page, "qta_build_info", QTA_METRIC_GAUGE, "1; what this program is made of");
    qta_exposition_sample(page, 1, "version", qta_version(), "libwebsockets", library, NULL);
}

void qta_metrics_page_write(struct qta_exposition *page, const struct qta_metrics_sources *sources)
{
    write_build_info(page);
    write_ticks(page, sources->view);
    write_frames(page, sources->view);
    write_latencies(page, sources->view);
    write_by_connection(page, sources->view);
    write_causes(page, sources->view);
    write_gaps(page, sources->view);
    write_numbers(page, sources->view);
    write_states(page, sources->view);
    write_circuits(page, sources->view);
    write_limits(page, sources->view);
    qta_auth_metrics_write(page, sources->view->auth);
    qta_line_metrics_write(page, sources->view);
    write_subscribers(page, sources->view);
    write_recording(page, sources->view);
    if (!sources->view->is_replay)
        write_clock(page, sources->view);
    write_freshness(page, sources);
    write_mute(page, sources);
    if (sources->monitor) {
        write_rates(page, sources);
        if (sources->shows_alerts)
            write_alerts(page, sources);
        write_deliveries(page, sources);
    }
    write_process(page, sources);
    qta_exposition_end(page);
}
