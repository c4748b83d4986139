/** @file alert_sender.h
 *  Tells alerts to the outside world: a POST of JSON to a URL, and a program that is started.
 *
 *  Both work on a thread of their own. Messages wait in a bounded queue; when it is full the oldest
 *  goes and is counted. A POST is tried three times within half a minute, a program has ten seconds
 *  before it is killed. */
#ifndef QTA_RECORDER_ALERT_SENDER_H
#define QTA_RECORDER_ALERT_SENDER_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "recorder/health_monitor.h"

struct qta_alert_sender;

enum { QTA_ALERT_QUEUE_MAX = 64 };

struct qta_alert_delivery_counts {
    uint64_t webhook_sent;
    uint64_t webhook_failed; /**< given up after the last try */
    uint64_t command_sent;
    uint64_t command_failed; /**< not started, killed, or ended with another status than 0 */
    uint64_t dropped;
};

struct qta_alert_sender_options {
    const char *webhook_url;    /**< http:// or https://; NULL: none; copied */
    const char *const *command; /**< program and arguments; copied */
    size_t command_words;       /**< 0: none */
};

/** Starts the thread. QTA_ERR_CONFIG: a URL that can never work; QTA_ERR_NOMEM. */
enum qta_status qta_alert_sender_create(struct qta_alert_sender **out,
                                        const struct qta_alert_sender_options *options,
                                        struct qta_error *err);

/** Gives what waits a second, then stops in the middle. NULL is fine. */
void qta_alert_sender_destroy(struct qta_alert_sender *sender);

/** Queues a message. Copied. Any thread. */
void qta_alert_sender_put(struct qta_alert_sender *sender, const struct qta_alert_event *event,
                          int64_t realtime_ns);

/** Any thread. */
void qta_alert_sender_counts(struct qta_alert_sender *sender,
                             struct qta_alert_delivery_counts *counts);

#endif
