/** @file feed.h
 *  What is counted about one connection, for whoever wants to watch it.
 *
 *  The network thread writes, by plain loads and stores, and any thread reads numbers that were
 *  right a moment ago. Symbols are counted one by one up to a bound: a feed that invents names
 *  costs neither memory nor a scraper's patience. */
#ifndef QTA_RECORDER_FEED_H
#define QTA_RECORDER_FEED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "core/histogram.h"
#include "recorder/counters.h"
#include "recorder/gap_book.h"
#include "recorder/line_arbiter.h"

enum { QTA_FEED_CAUSES = QTA_CAUSE_MUTE + 1 };

/** Whose figures they are. Strings are borrowed of the connection. */
struct qta_feed_identity {
    const char *name;                     /**< the provider's */
    const char *label;                    /**< which of its connections; "" for the only one */
    const char *title;                    /**< both, for people */
    size_t provider_index;                /**< in the configuration */
    size_t shard_index;                   /**< connections of the same shard carry the same data */
    const struct qta_gap_counts *gaps;    /**< the provider's */
    const struct qta_line_counters *line; /**< NULL when it is no redundant line */
};

/** What is limited: the connection's own messages, the connects of the whole provider. */
enum qta_feed_limit_kind { QTA_FEED_MESSAGES, QTA_FEED_CONNECTS };
enum { QTA_FEED_LIMITS = 2 };

struct qta_feed {
    bool is_detailed; /**< latencies and symbols are counted, too; set before the run */
    uint32_t symbols_max;
    struct qta_feed_identity is;

    /* of every tick */
    _Atomic uint64_t ticks_by_type[QTA_TICK_TYPE_END];
    _Atomic uint64_t *ticks_by_symbol;  /**< by symbol id up to symbols_max; [0]: all others */
    struct qta_histogram venue_latency; /**< ts_recv - ts_event of market ticks */

    /* of every frame */
    _Atomic uint64_t frames;
    _Atomic uint64_t bytes;

    /* now and then */
    _Atomic uint64_t faults[QTA_FAULT_COUNT];
    _Atomic uint64_t attempts;
    _Atomic uint64_t connects;
    _Atomic uint64_t disconnects[QTA_FEED_CAUSES]; /**< of connections that were open */
    _Atomic uint64_t reconnects[QTA_FEED_CAUSES];  /**< attempts after a failure of that cause */
    struct qta_histogram connect_latency;          /**< from an attempt's start until it is open */
    struct qta_histogram ping_latency;             /**< from a ping to its answer */
    _Atomic int64_t ping_ns;                       /**< the last one's; 0: none yet */

    /* how it stands, as of the network thread's last turn */
    _Atomic int state;                     /**< enum qta_connection_state */
    _Atomic uint32_t failures;             /**< in a row */
    _Atomic int circuit;                   /**< enum qta_circuit_state */
    _Atomic uint64_t circuit_opens;        /**< how often it opened */
    _Atomic int64_t circuit_open_since_ns; /**< monotonic; 0: it is closed, or blocked */
    _Atomic int64_t unsubscribed_since_ns; /**< monotonic: not subscribed since then; 0: it is */
    _Atomic int64_t last_tick_ns;          /**< monotonic; 0: none yet */
    _Atomic bool is_market_open;
    _Atomic uint32_t mute_channels; /**< bits: 0 all ticks together, others by tick type */
    _Atomic uint32_t mute_symbols;  /**< how many are silent that should not be */
    _Atomic int64_t
        patience_ns; /**< the longest silence that is not mute, as learned; 0: none is */
    _Atomic int64_t heard_ns[QTA_TICK_MARKET_TYPE_END]; /**< monotonic, to the second; 0: not yet */
    _Atomic uint64_t send_queue_bytes;
    _Atomic double rate_per_s[QTA_FEED_LIMITS];  /**< allowed now; HUGE_VAL for no limit */
    _Atomic uint64_t throttles[QTA_FEED_LIMITS]; /**< signals of the venue */
    _Atomic uint64_t waits[QTA_FEED_LIMITS];     /**< what could not go at once */
    _Atomic uint64_t subscriptions[4];           /**< by enum qta_want_state */

    /* the network thread's own */
    uint64_t ticks;
    uint64_t ticks_seen;
    int64_t attempt_ns;
    unsigned last_cause;
};

/** QTA_ERR_NOMEM. */
enum qta_status qta_feed_init(struct qta_feed *feed, const struct qta_feed_identity *identity,
                              bool is_detailed, uint32_t symbols_max, struct qta_error *err);
void qta_feed_finish(struct qta_feed *feed);

/** A tick of the provider, with its times. Network thread, as all below. */
static inline void qta_feed_tick(struct qta_feed *feed, const struct qta_tick *tick)
{
    if (tick->type >= QTA_TICK_TYPE_END)
        return;
    feed->ticks++;
    qta_counter_add(&feed->ticks_by_type[tick->type], 1);
    if (!feed->is_detailed)
        return;
    int64_t latency_ns;
    if (!qta_tick_is_market(tick))
        return;
    qta_counter_add(&feed->ticks_by_symbol[tick->symbol <= feed->symbols_max ? tick->symbol : 0],
                    1);
    if (qta_tick_latency_ns(tick, &latency_ns))
        qta_histogram_add(&feed->venue_latency, latency_ns);
}

static inline void qta_feed_frame(struct qta_feed *feed, size_t bytes)
{
    qta_counter_add(&feed->frames, 1);
    qta_counter_add(&feed->bytes, bytes);
}

/** The venue has answered a ping. */
void qta_feed_pong(struct qta_feed *feed, int64_t round_trip_ns);

/** An attempt to connect begins. */
void qta_feed_attempt(struct qta_feed *feed, int64_t now_ns);

/** The attempt led to an open connection. */
void qta_feed_open(struct qta_feed *feed, int64_t now_ns);

/** It failed, or the connection that was open is gone. */
void qta_feed_end(struct qta_feed *feed, unsigned cause, bool was_open);

/** How it stands after a turn. */
struct qta_feed_standing {
    int state;
    bool is_subscribed;
    int circuit; /**< enum qta_circuit_state */
    uint64_t circuit_opens;
    uint32_t failures;
    uint64_t send_queue_bytes;
    uint64_t subscriptions[4];
};
void qta_feed_stand(struct qta_feed *feed, const struct qta_feed_standing *standing,
                    int64_t now_ns);

/** How fast it may go, and how often it had to be slower. */
void qta_feed_limit(struct qta_feed *feed, enum qta_feed_limit_kind kind, double rate_per_s,
                    uint64_t throttles, uint64_t waits);

#endif
