/** @file subscriber.h
 *  A subscriber: callbacks with a queue and a thread of their own, independent of all others.
 *
 *      static void *write_bars(void *user)                  // a thread that may take its time
 *      {
 *          qta_subscriber_run(user, &err);
 *          return NULL;
 *      }
 *
 *      struct qta_subscriber_options options = qta_subscriber_options_default();
 *      options.name = "database";
 *      options.overflow = QTA_OVERFLOW_DROP_OLDEST;
 *      qta_subscriber_open(&database, gateway, &options, &err);
 *      qta_subscriber_subscribe(database, QTA_TICK_BAR, NULL, 0, on_bar, connection, &err);
 *      pthread_create(&thread, NULL, write_bars, database);
 *      qta_gateway_run(gateway, &err);                      // the gateway's own callbacks run here
 *      pthread_join(thread, NULL);
 *      qta_subscriber_close(database);
 *      qta_gateway_destroy(gateway);
 *
 *  The network thread puts each tick, once it is recorded, into the queue of every subscriber that
 *  wants it; the thread that is in qta_subscriber_run() or qta_subscriber_poll() takes them out and
 *  calls the callbacks, in the order of rx_seq. What is added with qta_gateway_subscribe() belongs
 *  to the gateway's own subscriber "callbacks": its queue is streaming.buffer_size long, its policy
 *  is streaming.overflow, its thread that of qta_gateway_run().
 *
 *  When a queue is full its policy says what happens, to this subscriber alone: it misses ticks, or
 *  is disconnected. Only QTA_OVERFLOW_BLOCK concerns others: sockets are not read until there is
 *  room. What was read is recorded all the same; but a provider that is not read for long enough
 *  (its patience: seconds to minutes) drops the connection, and what it sends meanwhile is lost to
 *  everybody. A replay, and every provider without a connection, waits for all subscribers
 *  whatever their policies, so that they see the same ticks each time.
 *
 *  What a subscriber missed is counted (qta_subscriber_stats(), the metrics endpoint) and told by a
 *  DROP record with its name. A callback that runs for longer than streaming.callback_hang_after is
 *  named in the log; so is a queue that nobody empties. */
#ifndef QTA_SUBSCRIBER_H
#define QTA_SUBSCRIBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/gateway.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

struct qta_subscriber;

/** Subscribers of a gateway, its own included; bytes of a name; ticks that may wait. */
enum {
    QTA_SUBSCRIBERS_MAX = 64,
    QTA_SUBSCRIBER_NAME_MAX_BYTES = 64,
    QTA_SUBSCRIBER_BUFFER_MAX = 1 << 24
};

struct qta_subscriber_options {
    const char *name;     /**< unique in the gateway: letters, digits, '_', '-' and '.'. Copied */
    uint32_t buffer_size; /**< ticks that may wait; rounded up to a power of 2 */
    enum qta_overflow_policy overflow;
};

/** No name, 65536 ticks, QTA_OVERFLOW_DROP_OLDEST. */
QTA_API struct qta_subscriber_options qta_subscriber_options_default(void);

/** Makes a subscriber of this gateway. It gets ticks from now on, also while the gateway runs.
 *  Memory: 128 bytes for each tick that may wait. Any thread. QTA_ERR_USAGE: options; the name is
 *  taken, or "callbacks" or "recording". QTA_ERR_STATE: the gateway has ended, or there are
 *  QTA_SUBSCRIBERS_MAX. QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_subscriber_open(struct qta_subscriber **out,
                                            struct qta_gateway *gateway,
                                            const struct qta_subscriber_options *options,
                                            struct qta_error *err);

/** The gateway's own subscriber "callbacks": to look at and to add and remove callbacks. It is run
 *  by qta_gateway_run() alone; closing it does nothing. Any thread. */
QTA_API struct qta_subscriber *qta_gateway_callbacks(struct qta_gateway *gateway);

/** As qta_gateway_subscribe(), for this subscriber. While the gateway runs on live data, ticks that
 *  nobody wants do not enter the queue: a callback gets those that are received after it was
 *  added. In a replay it gets those that are dispatched after it was added, so that a run can be
 *  repeated. Any thread, callbacks included. */
QTA_API enum qta_status qta_subscriber_subscribe(struct qta_subscriber *subscriber,
                                                 enum qta_tick_type type,
                                                 const char *const *symbols, size_t symbol_count,
                                                 qta_tick_callback callback, void *user,
                                                 struct qta_error *err);

/** As qta_gateway_subscribe_to_all(), for this subscriber. */
QTA_API enum qta_status qta_subscriber_subscribe_to_all(struct qta_subscriber *subscriber,
                                                        qta_tick_callback callback, void *user,
                                                        struct qta_error *err);

/** Removes a callback that was added with this user, for all types and symbols. Once it has
 *  returned the callback is not running and not called any more (it waits for one that runs; called
 *  in a callback of this subscriber it does not wait, and none of the calls that follow is to it).
 *  What providers send goes on. Any thread. QTA_ERR_NOT_FOUND: there is none. */
QTA_API enum qta_status qta_subscriber_unsubscribe(struct qta_subscriber *subscriber,
                                                   qta_tick_callback callback, void *user,
                                                   struct qta_error *err);

/** Calls the callbacks for ticks that wait, up to some hundred of them; where none waits, first
 *  waits for one, at most timeout_ns (0: not at all; negative: without limit). *count (NULL is
 *  fine) says how many ticks it was. One thread at a time; before the gateway runs, too.
 *  QTA_OK: there may be more. QTA_ERR_END: the gateway has ended and nothing is left, or the
 *  subscriber was closed. QTA_ERR_TOO_SLOW: it was disconnected (QTA_OVERFLOW_DISCONNECT) and
 *  nothing is left; what it missed is in the last tick, a DROP. QTA_ERR_STATE: another thread is in
 *  it, or this one, from a callback. */
QTA_API enum qta_status qta_subscriber_poll(struct qta_subscriber *subscriber, int64_t timeout_ns,
                                            size_t *count, struct qta_error *err);

/** Polls until the end. QTA_OK: the gateway has ended and nothing is left, or the subscriber was
 *  closed. QTA_ERR_TOO_SLOW, QTA_ERR_STATE as above. */
QTA_API enum qta_status qta_subscriber_run(struct qta_subscriber *subscriber,
                                           struct qta_error *err);

/** Ends it and frees it: what waits is thrown away, a thread that is in run or poll comes out of
 *  it. Once it has returned no callback runs; it waits for one that does, unless it is called in
 *  it. No other call with the subscriber may begin afterwards. qta_gateway_destroy() closes those
 *  that are still open; their threads are to be out of run and poll before. NULL is fine. Any
 *  thread. */
QTA_API void qta_subscriber_close(struct qta_subscriber *subscriber);

/** How a subscriber is. Any thread. */
struct qta_subscriber_stats {
    uint64_t queued;      /**< ticks that wait */
    uint64_t capacity;    /**< ticks that may wait */
    int64_t oldest_ns;    /**< age of the oldest that waits; 0 for none, and in a replay */
    uint64_t dispatched;  /**< ticks handed to the callbacks */
    uint64_t dropped;     /**< ticks that it missed, by its policy */
    uint64_t hangs;       /**< callbacks that ran for longer than callback_hang_after */
    int64_t hanging_ns;   /**< how long the one has been running that hangs now; 0 for none */
    bool is_disconnected; /**< by QTA_OVERFLOW_DISCONNECT */
};
QTA_API void qta_subscriber_stats(const struct qta_subscriber *subscriber,
                                  struct qta_subscriber_stats *stats);

#ifdef __cplusplus
}
#endif

#endif
