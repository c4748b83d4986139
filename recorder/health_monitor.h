/** @file health_monitor.h
 *  Looks at the connections every now and then, works out rates, and holds them against thresholds.
 *
 *      qta_health_monitor_create(&monitor, &thresholds, connection_count, &err);
 *      // every check interval:
 *      qta_health_monitor_look(monitor, samples, &deepest_queue, now_ns, on_alert, user);
 *
 *  What is a fault only while a market is open (nothing comes, nothing is connected) is no fault
 *  while it is closed. One thread; time is an argument. */
#ifndef QTA_RECORDER_HEALTH_MONITOR_H
#define QTA_RECORDER_HEALTH_MONITOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/error.h>

#include "recorder/alert.h"
#include "recorder/connection.h"

struct qta_health_monitor;

/** What can be wrong. All but the last are of a connection. */
enum qta_alert_kind {
    QTA_ALERT_CONNECTION_DOWN, /**< not subscribed; grave when it was given up */
    QTA_ALERT_RECONNECTS,      /**< more failures in a row than max_reconnect_attempts */
    QTA_ALERT_CIRCUIT_OPEN,    /**< for longer than circuit_breaker_timeout */
    QTA_ALERT_LATENCY,         /**< above max_latency_ms */
    QTA_ALERT_THROUGHPUT,      /**< below min_throughput_msg_per_sec */
    QTA_ALERT_MUTE,            /**< subscribed, but what should come does not */
    QTA_ALERT_QUEUE_DEPTH,     /**< above max_queue_depth: the gateway's */
};
enum {
    QTA_ALERT_CONNECTION_KINDS = QTA_ALERT_QUEUE_DEPTH,
    QTA_ALERT_KIND_COUNT = QTA_ALERT_QUEUE_DEPTH + 1,
};

/** "connection_down", ... Static. */
const char *qta_alert_kind_name(enum qta_alert_kind kind);

/** How a connection is, at one time. Counters only ever grow. */
struct qta_health_sample {
    const char *name; /**< borrowed for the call */
    enum qta_connection_state state;
    bool is_market_open;
    uint64_t ticks;
    uint64_t bytes;
    uint64_t latencies;            /**< ticks that had one */
    uint64_t latency_ns_sum;       /**< of those */
    uint32_t mute_channels;        /**< see struct qta_feed */
    uint32_t failures;             /**< in a row */
    int64_t circuit_open_since_ns; /**< 0: it is closed */
    int64_t unsubscribed_since_ns; /**< 0: it is subscribed */
};

/** The queue in which most ticks wait. */
struct qta_health_queue {
    const char *subscriber; /**< borrowed for the call */
    uint64_t depth;
};

/** What was worked out of the last two samples. */
struct qta_health_rates {
    bool is_known; /**< there were two */
    double ticks_per_s;
    double bytes_per_s;
    double latency_s; /**< mean; 0 where no tick had one */
};

/** A change that is to be told. Borrowed for the call. */
struct qta_alert_event {
    enum qta_alert_kind kind;
    const char *connection; /**< "" for the gateway's own */
    enum qta_alert_state state;
    enum qta_alert_state before;
    char message[200]; /**< a sentence with figures */
};
typedef void (*qta_alert_function)(void *user, const struct qta_alert_event *event);

/** options are copied as far as they matter here. QTA_ERR_NOMEM. */
enum qta_status qta_health_monitor_create(struct qta_health_monitor **out,
                                          const struct qta_health_options *options,
                                          size_t connection_count, struct qta_error *err);
/** Other thresholds; alerts that are on are judged by them at the next look. */
void qta_health_monitor_set_thresholds(struct qta_health_monitor *monitor,
                                       const struct qta_health_options *options);
void qta_health_monitor_destroy(struct qta_health_monitor *monitor);

/** samples: one of each connection, always in the same order. */
void qta_health_monitor_look(struct qta_health_monitor *monitor,
                             const struct qta_health_sample *samples,
                             const struct qta_health_queue *deepest, int64_t now_ns,
                             qta_alert_function on_alert, void *user);

struct qta_health_rates qta_health_monitor_rates(const struct qta_health_monitor *monitor,
                                                 size_t connection);

/** connection does not matter for QTA_ALERT_QUEUE_DEPTH. */
const struct qta_alert *qta_health_monitor_alert(const struct qta_health_monitor *monitor,
                                                 enum qta_alert_kind kind, size_t connection);

#endif
