/* A connection that is up and mute: found by its cadence, told everywhere, and made anew when it
 * does not come back by itself. */
#include "recorder/connection_internal.h"

#include <stdio.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "recorder/health_options.h"

enum { SYMBOLS_MAX = 1024 };

enum qta_status qta_connection_mute_init(struct qta_connection *connection, struct qta_error *err)
{
    const struct qta_provider_options *provider = connection->options.provider;
    const struct qta_health_options *health = &connection->options.gateway->health;
    struct qta_mute_options options = {
        .silence_max_ns = provider->silence_max_ns,
        .reconnect_after_ns = provider->mute_reconnect_after_ns,
        .symbols_max = connection->feed.symbols_max,
    };
    if (options.symbols_max > SYMBOLS_MAX)
        options.symbols_max = SYMBOLS_MAX;
    enum qta_status status = qta_provider_hours_init(&connection->hours, provider, health->calendar,
                                                     err);
    return status == QTA_OK ? qta_mute_watch_init(&connection->mute, &options, err) : status;
}

void qta_connection_mute_finish(struct qta_connection *connection)
{
    qta_provider_hours_finish(&connection->hours);
    qta_mute_watch_finish(&connection->mute);
}

/* "connected, but no trade for 42s, in which 28 or more were to come"; the first of the channels.
 */
static void describe(const struct qta_connection *connection, uint32_t channels, char *text,
                     size_t capacity)
{
    char silence[QTA_TIMESTAMP_TEXT_BYTES];
    char expected[64] = "";
    unsigned channel = (unsigned)__builtin_ctz(channels);
    const struct qta_cadence *cadence = &connection->mute.channels[channel];
    qta_duration_print((int64_t)cadence->silence_s * INT64_C(1000000000), silence);
    if (cadence->expected >= 1)
        snprintf(expected, sizeof expected, ", in which %.0f or more were to come",
                 cadence->expected);
    snprintf(text, capacity, "connected, but no %s for %s%s",
             channel == 0 ? "tick" : qta_mute_channel_name(channel), silence, expected);
}

static void tell_silence(struct qta_connection *connection, uint32_t channels)
{
    char text[200];
    struct qta_shard *shard = connection->options.shard;
    describe(connection, channels, text, sizeof text);
    qta_log(QTA_LOG_WARNING, connection->title, "%s", text);
    if (channels & 1)
        qta_shard_lose(shard, connection->options.line, QTA_CAUSE_MUTE);
    for (unsigned type = 1; type < QTA_MUTE_CHANNELS; type++)
        if (channels & QTA_TYPE_BIT(type))
            qta_shard_mute(shard, connection->options.line, type);
}

static void tell_heard(struct qta_connection *connection, uint32_t channels)
{
    for (unsigned type = 1; type < QTA_MUTE_CHANNELS; type++)
        if (channels & QTA_TYPE_BIT(type))
            qta_shard_unmute(connection->options.shard, connection->options.line, type);
    qta_log(QTA_LOG_INFO, connection->title, "%s comes again by itself",
            channels & 1 ? "data" : qta_mute_channel_name((unsigned)__builtin_ctz(channels)));
}

static void connect_anew(struct qta_connection *connection)
{
    char text[200];
    describe(connection, connection->mute.mute, text, sizeof text);
    qta_connection_enter(connection);
    qta_connection_fail(connection, QTA_CAUSE_MUTE, 0, text);
    qta_connection_leave(connection);
}

static void tell_feed(struct qta_connection *connection, bool is_open)
{
    struct qta_feed *feed = &connection->feed;
    const struct qta_mute_watch *mute = &connection->mute;
    atomic_store_explicit(&feed->is_market_open, is_open, memory_order_relaxed);
    atomic_store_explicit(&feed->mute_channels, mute->mute, memory_order_relaxed);
    atomic_store_explicit(&feed->mute_symbols, mute->mute_symbols, memory_order_relaxed);
    atomic_store_explicit(&feed->patience_ns, qta_cadence_patience_ns(&mute->channels[0]),
                          memory_order_relaxed);
    for (unsigned type = 1; type < QTA_MUTE_CHANNELS; type++)
        if (mute->channels[type].was_busy)
            atomic_store_explicit(&feed->heard_ns[type], connection->now_ns, memory_order_relaxed);
}

void qta_connection_mute_work(struct qta_connection *connection)
{
    if (connection->now_ns < connection->mute.due_ns || qta_connection_is_offline(connection))
        return;
    const struct qta_feed *feed = &connection->feed;
    bool is_open = qta_provider_is_open(&connection->hours, connection->realtime_ns);
    const struct qta_mute_look look = {
        .now_ns = connection->now_ns,
        .realtime_ns = connection->realtime_ns,
        .is_watched = is_open && connection->state == QTA_CONNECTION_SUBSCRIBED &&
                      qta_connection_is_live(connection) && !connection->is_paused,
        .ticks_by_type = feed->ticks_by_type,
        .ticks_by_symbol = feed->is_detailed ? feed->ticks_by_symbol : NULL,
    };
    struct qta_mute_news news;
    qta_mute_watch_step(&connection->mute, &look, &news);
    if (news.heard != 0)
        tell_heard(connection, news.heard);
    if (news.fell_silent != 0)
        tell_silence(connection, news.fell_silent);
    tell_feed(connection, is_open);
    if (news.is_to_reconnect)
        connect_anew(connection);
}
