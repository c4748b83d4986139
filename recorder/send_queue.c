/* A list of messages behind a token bucket. Control traffic: a handful of messages a connection. */
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
    qta_token_bucket_init(&queue->bucket, rate_per_s, burst, 0);
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

bool qta_send_queue_put(struct qta_send_queue *queue, const void *bytes, size_t length,
                        bool is_binary)
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
    while (queue->first && qta_token_bucket_take(&queue->bucket, now_ns)) {
        transport->ops->link_send(link, queue->first->bytes, queue->first->length,
                                  queue->first->is_binary);
        drop_first(queue);
    }
}

int64_t qta_send_queue_due_ns(const struct qta_send_queue *queue)
{
    return queue->first ? qta_token_bucket_ready_ns(&queue->bucket) : INT64_MAX;
}
