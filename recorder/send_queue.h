/** @file send_queue.h
 *  Messages of one connection that wait for the rate limit, in order.
 *
 *  Belongs to the network thread; time is an argument. */
#ifndef QTA_RECORDER_SEND_QUEUE_H
#define QTA_RECORDER_SEND_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/rate_limiter.h"
#include "recorder/transport.h"

enum { QTA_SEND_QUEUE_MAX_BYTES = 64 << 20 };

struct qta_queued_message;

struct qta_send_queue {
    struct qta_queued_message *first;
    struct qta_queued_message *last;
    size_t bytes;   /**< waiting */
    uint64_t waits; /**< messages that could not go at once, so far */
    struct qta_rate_limiter limiter;
};

/** rate_per_s 0: nothing ever waits. */
void qta_send_queue_init(struct qta_send_queue *queue, double rate_per_s, uint32_t burst);

/** Another limit; what waits goes on to wait in its order. */
void qta_send_queue_change(struct qta_send_queue *queue, double rate_per_s, uint32_t burst);

/** Throws away what waits. What the rate limit remembers is kept: it is the venue's, not the
 *  connection's. */
void qta_send_queue_clear(struct qta_send_queue *queue);

/** Sends the message, behind those that wait and as soon as the rate allows; copied. False: more
 *  than QTA_SEND_QUEUE_MAX_BYTES would wait, or there is no memory. */
bool qta_send_queue_send(struct qta_send_queue *queue, struct qta_transport *transport,
                         struct qta_link *link, const void *bytes, size_t length, bool is_binary,
                         int64_t now_ns);

/** Sends what the rate allows at now_ns. */
void qta_send_queue_pump(struct qta_send_queue *queue, struct qta_transport *transport,
                         struct qta_link *link, int64_t now_ns);

/** When the next message may go; INT64_MAX when none waits. */
int64_t qta_send_queue_due_ns(const struct qta_send_queue *queue);

#endif
