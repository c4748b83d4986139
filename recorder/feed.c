/* The rare events; what happens for every tick and frame is in the header. */
#include "recorder/feed.h"

#include <stdlib.h>

#include "recorder/circuit_breaker.h"

#define US INT64_C(1000)
#define MS (1000 * US)
#define S (1000 * MS)

/* From a cable's length to another continent and a delayed feed. Zero stands for a clock that is
 * behind the venue's. */
static const int64_t venue_bounds_ns[] = {
    0,        100 * US, 500 * US, 1 * MS, 2500 * US, 5 * MS, 10 * MS, 25 * MS, 50 * MS,
    100 * MS, 250 * MS, 500 * MS, 1 * S,  2500 * MS, 5 * S,  10 * S,  60 * S,  900 * S};
/* From a machine beside the venue to a satellite. */
static const int64_t ping_bounds_ns[] = {50 * US,   100 * US, 250 * US, 500 * US, 1 * MS,
                                         2500 * US, 5 * MS,   10 * MS,  25 * MS,  50 * MS,
                                         100 * MS,  250 * MS, 500 * MS, 1 * S,    5 * S};
/* those that Prometheus' clients have used since ever, and so the original */
static const int64_t connect_bounds_ns[] = {5 * MS,    10 * MS,  25 * MS,   50 * MS,  75 * MS,
                                            100 * MS,  250 * MS, 500 * MS,  750 * MS, 1 * S,
                                            2500 * MS, 5 * S,    7500 * MS, 10 * S};

enum qta_status qta_feed_init(struct qta_feed *feed, const struct qta_feed_identity *identity,
                              bool is_detailed, uint32_t symbols_max, struct qta_error *err)
{
    feed->is_detailed = is_detailed;
    feed->is = *identity;
    feed->symbols_max = is_detailed ? symbols_max : 0;
    feed->ticks_by_symbol = calloc((size_t)feed->symbols_max + 1, sizeof *feed->ticks_by_symbol);
    if (!feed->ticks_by_symbol)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for counters");
    qta_histogram_init(&feed->venue_latency, venue_bounds_ns,
                       sizeof venue_bounds_ns / sizeof venue_bounds_ns[0]);
    qta_histogram_init(&feed->connect_latency, connect_bounds_ns,
                       sizeof connect_bounds_ns / sizeof connect_bounds_ns[0]);
    qta_histogram_init(&feed->ping_latency, ping_bounds_ns,
                       sizeof ping_bounds_ns / sizeof ping_bounds_ns[0]);
    return QTA_OK;
}

void qta_feed_finish(struct qta_feed *feed)
{
    free(feed->ticks_by_symbol);
    feed->ticks_by_symbol = NULL;
}

static unsigned known_cause(unsigned cause)
{
    return cause < QTA_FEED_CAUSES ? cause : QTA_CAUSE_PROVIDER;
}

void qta_feed_attempt(struct qta_feed *feed, int64_t now_ns)
{
    if (qta_counter_read(&feed->attempts) > 0)
        qta_counter_add(&feed->reconnects[feed->last_cause], 1);
    qta_counter_add(&feed->attempts, 1);
    feed->attempt_ns = now_ns;
}

void qta_feed_open(struct qta_feed *feed, int64_t now_ns)
{
    qta_counter_add(&feed->connects, 1);
    qta_histogram_add(&feed->connect_latency, now_ns - feed->attempt_ns);
}

void qta_feed_pong(struct qta_feed *feed, int64_t round_trip_ns)
{
    qta_histogram_add(&feed->ping_latency, round_trip_ns);
    atomic_store_explicit(&feed->ping_ns, round_trip_ns > 0 ? round_trip_ns : 1,
                          memory_order_relaxed);
}

void qta_feed_end(struct qta_feed *feed, unsigned cause, bool was_open)
{
    feed->last_cause = known_cause(cause);
    if (was_open)
        qta_counter_add(&feed->disconnects[feed->last_cause], 1);
}

/* Sets a time when a condition begins and clears it when it ends. */
static void note_since(_Atomic int64_t *since_ns, bool is_so, int64_t now_ns)
{
    int64_t before_ns = atomic_load_explicit(since_ns, memory_order_relaxed);
    if (is_so != (before_ns != 0))
        atomic_store_explicit(since_ns, is_so ? (now_ns != 0 ? now_ns : 1) : 0,
                              memory_order_relaxed);
}

void qta_feed_stand(struct qta_feed *feed, const struct qta_feed_standing *standing, int64_t now_ns)
{
    atomic_store_explicit(&feed->state, standing->state, memory_order_relaxed);
    atomic_store_explicit(&feed->failures, standing->failures, memory_order_relaxed);
    atomic_store_explicit(&feed->send_queue_bytes, standing->send_queue_bytes,
                          memory_order_relaxed);
    for (int i = 0; i < 4; i++)
        atomic_store_explicit(&feed->subscriptions[i], standing->subscriptions[i],
                              memory_order_relaxed);
    atomic_store_explicit(&feed->circuit, standing->circuit, memory_order_relaxed);
    atomic_store_explicit(&feed->circuit_opens, standing->circuit_opens, memory_order_relaxed);
    bool is_open = standing->circuit == QTA_CIRCUIT_OPEN ||
                   standing->circuit == QTA_CIRCUIT_HALF_OPEN;
    note_since(&feed->circuit_open_since_ns, is_open, now_ns);
    note_since(&feed->unsubscribed_since_ns, !standing->is_subscribed, now_ns);
    if (feed->ticks != feed->ticks_seen)
        atomic_store_explicit(&feed->last_tick_ns, now_ns, memory_order_relaxed);
    feed->ticks_seen = feed->ticks;
}

void qta_feed_limit(struct qta_feed *feed, enum qta_feed_limit_kind kind, double rate_per_s,
                    uint64_t throttles, uint64_t waits)
{
    atomic_store_explicit(&feed->rate_per_s[kind], rate_per_s, memory_order_relaxed);
    atomic_store_explicit(&feed->throttles[kind], throttles, memory_order_relaxed);
    atomic_store_explicit(&feed->waits[kind], waits, memory_order_relaxed);
}
