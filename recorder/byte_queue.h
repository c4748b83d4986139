/** @file byte_queue.h
 *  Bytes that wait, first in first out, in one piece of memory. */
#ifndef QTA_RECORDER_BYTE_QUEUE_H
#define QTA_RECORDER_BYTE_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialize. */
struct qta_byte_queue {
    uint8_t *memory;
    size_t capacity;
    size_t head; /**< of the bytes that wait */
    size_t tail;
};

static inline size_t qta_byte_queue_length(const struct qta_byte_queue *queue)
{
    return queue->tail - queue->head;
}

/** The bytes that wait; valid until the next change. */
static inline const uint8_t *qta_byte_queue_bytes(const struct qta_byte_queue *queue)
{
    return queue->memory + queue->head;
}

/** Room for `length` more bytes behind those that wait, added by a following commit of at most as
 *  many; NULL without memory. Valid until the next change. */
uint8_t *qta_byte_queue_reserve(struct qta_byte_queue *queue, size_t length);
void qta_byte_queue_commit(struct qta_byte_queue *queue, size_t length);

/** Copies. False without memory: nothing was added. */
bool qta_byte_queue_append(struct qta_byte_queue *queue, const void *bytes, size_t length);

/** Forgets the first bytes; gives memory back when the queue is empty and had grown large. */
void qta_byte_queue_consume(struct qta_byte_queue *queue, size_t length);

void qta_byte_queue_finish(struct qta_byte_queue *queue);

#endif
