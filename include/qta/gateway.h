/** @file gateway.h
 *  The gateway: connections, recording and callbacks, live or replayed.
 *
 *      struct qta_gateway *gateway;
 *      qta_gateway_open(&gateway, "streaming.yaml", &err);
 *      qta_gateway_subscribe_to_trades(gateway, symbols, 2, on_trade, strategy, &err);
 *      qta_gateway_run(gateway, &err);        // returns when stopped, or when a replay ends
 *      qta_gateway_destroy(gateway);
 *
 *  Threads: one network thread reads sockets, decodes, writes the journal and fills the queue of
 *  the callbacks; these run on the thread that is in qta_gateway_run(), or on the one that
 *  qta_gateway_start() made, one at a time and in the order of rx_seq. A tick is in the journal
 *  before any callback sees it. Callbacks that take their time get a queue and a thread of their
 *  own: see qta/subscriber.h, which also tells how to remove one. */
#ifndef QTA_GATEWAY_H
#define QTA_GATEWAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

struct qta_gateway;

/** Gets one tick. tick is borrowed for the call; names say what its ids stand for and are valid as
 *  long as the gateway (or reader). May call qta_gateway_stop() and subscribe functions. */
typedef void (*qta_tick_callback)(void *user, const struct qta_tick *tick,
                                  const struct qta_dictionary *names);

/** Makes a gateway; opens the session to record into, connects nothing. Options are copied.
 *  Keys: api_key and api_secret of the options, else <PROVIDER>_API_KEY and <PROVIDER>_API_SECRET
 *  (name in upper case, other characters as '_'), else the adapter's own variables, else the files
 *  api_key_file and api_secret_file, else systemd's credentials; or what token_command prints. See
 *  qta-config(5).
 *  QTA_ERR_CONFIG: unknown adapter, missing key, bad URL, a session to replay that is not there;
 *  QTA_ERR_LOCKED: another process records into this session; QTA_ERR_IO, QTA_ERR_NO_SPACE,
 *  QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_gateway_create(struct qta_gateway **out,
                                           const struct qta_gateway_options *options,
                                           struct qta_error *err);

/** qta_config_load() and qta_gateway_create() in one; err has the first finding. */
QTA_API enum qta_status qta_gateway_open(struct qta_gateway **out, const char *yaml_path,
                                         struct qta_error *err);

/** Stops if it still runs, closes and frees; seals what was recorded. NULL is fine. Not from a
 *  callback. */
QTA_API void qta_gateway_destroy(struct qta_gateway *gateway);

/** Calls callback for each tick of this type and these symbols ("*" for all of them, NULL with
 *  symbol_count 0 for all that the configuration subscribes to). Symbols that no provider is
 *  subscribed to yet are asked for at every provider whose adapter has the type. Before or during
 *  the run, from any thread. Callbacks are called in the order in which they were added. Feed types
 *  (QTA_TICK_CONN, ...) need no symbols. QTA_ERR_USAGE, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_gateway_subscribe(struct qta_gateway *gateway, enum qta_tick_type type,
                                              const char *const *symbols, size_t symbol_count,
                                              qta_tick_callback callback, void *user,
                                              struct qta_error *err);

/** Asks the providers for these symbols of a type no longer, whoever asked for them; callbacks stay
 *  and get what still comes. Before or during the run, from any thread. QTA_ERR_USAGE,
 *  QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_gateway_unsubscribe(struct qta_gateway *gateway,
                                                enum qta_tick_type type, const char *const *symbols,
                                                size_t symbol_count, struct qta_error *err);

/** Calls callback for every tick of every type. */
QTA_API enum qta_status qta_gateway_subscribe_to_all(struct qta_gateway *gateway,
                                                     qta_tick_callback callback, void *user,
                                                     struct qta_error *err);

/** The same by name, one for each type. */
#define QTA_GATEWAY_SUBSCRIBE(suffix, type)                                                        \
    static inline enum qta_status qta_gateway_subscribe_to_##suffix(                               \
        struct qta_gateway *gateway, const char *const *symbols, size_t symbol_count,              \
        qta_tick_callback callback, void *user, struct qta_error *err)                             \
    {                                                                                              \
        return qta_gateway_subscribe(gateway, type, symbols, symbol_count, callback, user, err);   \
    }
QTA_GATEWAY_SUBSCRIBE(trades, QTA_TICK_TRADE)
QTA_GATEWAY_SUBSCRIBE(quotes, QTA_TICK_QUOTE)
QTA_GATEWAY_SUBSCRIBE(bars, QTA_TICK_BAR)
QTA_GATEWAY_SUBSCRIBE(books, QTA_TICK_BOOK)
QTA_GATEWAY_SUBSCRIBE(trade_cancels, QTA_TICK_TRADE_CANCEL)
QTA_GATEWAY_SUBSCRIBE(trade_corrects, QTA_TICK_TRADE_CORRECT)
QTA_GATEWAY_SUBSCRIBE(statuses, QTA_TICK_STATUS)
QTA_GATEWAY_SUBSCRIBE(lulds, QTA_TICK_LULD)
QTA_GATEWAY_SUBSCRIBE(imbalances, QTA_TICK_IMBALANCE)
QTA_GATEWAY_SUBSCRIBE(connections, QTA_TICK_CONN)
#undef QTA_GATEWAY_SUBSCRIBE

/** Runs until qta_gateway_stop(), until every provider has finished (a replay's end) or been given
 *  up, or until recording fails. Callbacks run on this thread. Returns QTA_OK after a stop or an
 *  end, QTA_ERR_REFUSED or QTA_ERR_FEED when no provider is left, QTA_ERR_NO_SPACE or QTA_ERR_IO
 *  when recording failed. Once per gateway. */
QTA_API enum qta_status qta_gateway_run(struct qta_gateway *gateway, struct qta_error *err);

/** The same on a thread of its own; callbacks run there. */
QTA_API enum qta_status qta_gateway_start(struct qta_gateway *gateway, struct qta_error *err);

/** Waits for the end of qta_gateway_start() and returns what run would have. Not from a callback.
 */
QTA_API enum qta_status qta_gateway_join(struct qta_gateway *gateway, struct qta_error *err);

/** Takes over another configuration, without a reconnect: what its providers (by name) subscribe
 *  to, their rate limits and circuit breakers, reconnect_attempts and delays, the thresholds of
 *  health and the limits of retention; a provider that is not in it any more stops. The difference
 *  to what was taken over before is applied, soon and by the network thread; what callbacks have
 *  asked for by name stays. All else in the options takes effect in a new gateway: see
 *  qta_config_changes(). Any thread, before and during the run. On failure nothing changes:
 *  QTA_ERR_CONFIG as for qta_gateway_create(), or no provider would be left; QTA_ERR_STATE: it
 *  plays a recording, or has ended; QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_gateway_reload(struct qta_gateway *gateway,
                                           const struct qta_gateway_options *options,
                                           struct qta_error *err);

/** Asks for the end and returns at once: sockets are closed, what was received is dispatched, the
 *  session is closed. Any thread, callbacks and signal handlers included. */
QTA_API void qta_gateway_stop(struct qta_gateway *gateway);

/** Records a user's note as a MARKER tick, in order. Any thread; during the run. */
QTA_API enum qta_status qta_gateway_mark(struct qta_gateway *gateway, const char *note,
                                         struct qta_error *err);

/** The dictionary of the ticks delivered. Valid as long as the gateway. Any thread. */
QTA_API const struct qta_dictionary *qta_gateway_names(const struct qta_gateway *gateway);

/** Counters since creation; a consistent enough picture, not a snapshot. */
struct qta_gateway_stats {
    uint64_t ticks_by_type[QTA_TICK_TYPE_END]; /**< on their way to the callbacks */
    uint64_t market_ticks;
    /* of the gateway's own callbacks; other subscribers have qta_subscriber_stats() */
    uint64_t dispatched; /**< ticks handed to them; none as long as there is no callback */
    uint64_t dropped;    /**< ticks that they missed, by the overflow policy */
    uint64_t
        unrecorded;   /**< of all ticks, those that the session could not take: recording.on_full */
    uint64_t outages; /**< how often recording had to stop because of the disk */
    uint64_t frames;  /**< messages received */
    uint64_t bytes;   /**< their payload bytes */
    uint64_t faults[QTA_FAULT_COUNT];
    uint64_t rounded;     /**< ticks with QTA_FLAG_ROUNDED */
    uint64_t connects;    /**< connections that opened */
    uint64_t disconnects; /**< of those, lost or closed */
    uint64_t connected;   /**< open now */
    uint64_t refused_subscriptions;
    uint64_t reloads;     /**< configurations that qta_gateway_reload() brought and that were taken
                             over;     of several at a time the last one counts */
    uint64_t queued;      /**< waiting for the callbacks now */
    int64_t last_turn_ns; /**< CLOCK_MONOTONIC, when the network thread began its last turn: at most
                               a second ago while all is well; 0 before the first */
    int64_t latency_ns_min; /**< ts_recv - ts_event of market ticks; 0 when none */
    int64_t latency_ns_max;
};
QTA_API void qta_gateway_stats(const struct qta_gateway *gateway, struct qta_gateway_stats *stats);

/** How everything stands: connections, queues, session and alerts, as the JSON object that /status
 *  serves. The caller frees *text with free(). Any thread. QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_gateway_status(const struct qta_gateway *gateway, char **text,
                                           struct qta_error *err);

/** The directory of the session being recorded; "" when none. Valid until the next day begins. */
QTA_API const char *qta_gateway_session_path(const struct qta_gateway *gateway);

#ifdef __cplusplus
}
#endif

#endif
