/* Bytes that wait. */
#include "recorder/byte_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY_FIRST = 4096, CAPACITY_KEPT = 1 << 18 };

uint8_t *qta_byte_queue_reserve(struct qta_byte_queue *queue, size_t length)
{
    size_t waiting = qta_byte_queue_length(queue);
    if (length > SIZE_MAX / 2 - waiting)
        return NULL;
    if (queue->capacity - queue->tail < length && queue->head > 0) {
        memmove(queue->memory, queue->memory + queue->head, waiting);
        queue->head = 0;
        queue->tail = waiting;
    }
    if (queue->capacity - queue->tail < length) {
        size_t capacity = queue->capacity ? queue->capacity : CAPACITY_FIRST;
        while (capacity < waiting + length)
            capacity *= 2;
        uint8_t *memory = realloc(queue->memory, capacity);
        if (!memory)
            return NULL;
        queue->memory = memory;
        queue->capacity = capacity;
    }
    return queue->memory + queue->tail;
}

void qta_byte_queue_commit(struct qta_byte_queue *queue, size_t length)
{
    assert(length <= queue->capacity - queue->tail);
    queue->tail += length;
}

bool qta_byte_queue_append(struct qta_byte_queue *queue, const void *bytes, size_t length)
{
    if (length == 0)
        return true;
    uint8_t *room = qta_byte_queue_reserve(queue, length);
    if (!room)
        return false;
    memcpy(room, bytes, length);
    qta_byte_queue_commit(queue, length);
    return true;
}

void qta_byte_queue_consume(struct qta_byte_queue *queue, size_t length)
{
    assert(length <= qta_byte_queue_length(queue));
    queue->head += length;
    if (queue->head < queue->tail)
        return;
    queue->head = queue->tail = 0;
    if (queue->capacity > CAPACITY_KEPT)
        qta_byte_queue_finish(queue);
}

void qta_byte_queue_finish(struct qta_byte_queue *queue)
{
    free(queue->memory);
    *queue = (struct qta_byte_queue){0};
}
