/* A list of messages behind a rate limiter. Control traffic: a handful of messages a connection. */
#include "recorder/send_queue.h"

#include <stdlib.h>
#include <string.h>

struct qta_queued_message {
    struct qta_queued_message *next;
    size_t length;
    bool is_binary;
    uint8_t bytes[];
};

void qta_send_queue_init(struct qta_send_queue *queue, double rate_per_s, uint32_t burst)
{
    *queue = (struct qta_send_queue){0};
    struct qta_rate_limiter_options options = {.rate_per_s = rate_per_s, .burst = burst};
    qta_rate_limiter_init(&queue->limiter, &options);
}

void qta_send_queue_change(struct qta_send_queue *queue, double rate_per_s, uint32_t burst)
{
    struct qta_rate_limiter_options options = {.rate_per_s = rate_per_s, .burst = burst};
    qta_rate_limiter_change(&queue->limiter, &options);
}

static void drop_first(struct qta_send_queue *queue)
{
    struct qta_queued_message *message = queue->first;
    queue->first = message->next;
    if (!queue->first)
        queue->last = NULL;
    queue->bytes -= message->length;
    explicit_bzero(message->bytes, message->length); /* it may be a login */
    free(message);
}

void qta_send_queue_clear(struct qta_send_queue *queue)
{
    while (queue->first)
        drop_first(queue);
}

static bool put(struct qta_send_queue *queue, const void *bytes, size_t length, bool is_binary)
{
    if (length > QTA_SEND_QUEUE_MAX_BYTES - queue->bytes)
        return false;
    struct qta_queued_message *message = malloc(sizeof *message + length);
    if (!message)
        return false;
    message->next = NULL;
    message->length = length;
    message->is_binary = is_binary;
    memcpy(message->bytes, bytes, length);
    if (queue->last)
        queue->last->next = message;
    else
        queue->first = message;
    queue->last = message;
    queue->bytes += length;
    return true;
}

void qta_send_queue_pump(struct qta_send_queue *queue, struct qta_transport *transport,
                         struct qta_link *link, int64_t now_ns)
{
    while (queue->first && qta_rate_limiter_take(&queue->limiter, now_ns)) {
        transport->ops->link_send(link, queue->first->bytes, queue->first->length,
                                  queue->first->is_binary);
        drop_first(queue);
    }
}

bool qta_send_queue_send(struct qta_send_queue *queue, struct qta_transport *transport,
                         struct qta_link *link, const void *bytes, size_t length, bool is_binary,
                         int64_t now_ns)
{
    if (!put(queue, bytes, length, is_binary))
        return false;
    qta_send_queue_pump(queue, transport, link, now_ns);
    if (queue->first)
        queue->waits++; /* order is kept: what waits includes the last */
    return true;
}

int64_t qta_send_queue_due_ns(const struct qta_send_queue *queue)
{
    return queue->first ? qta_rate_limiter_ready_ns(&queue->limiter) : INT64_MAX;
}
