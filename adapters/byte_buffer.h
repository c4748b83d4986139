/** @file byte_buffer.h
 *  A growing run of bytes that messages are written into.
 *
 *      struct qta_byte_buffer buffer = {0};
 *      qta_byte_buffer_append(&buffer, "[", 1);
 *      ...
 *      if (!buffer.is_failed)
 *          send(buffer.bytes, buffer.length);
 *      qta_byte_buffer_finish(&buffer);
 *
 *  Being out of memory is remembered: writes go nowhere from then on, and one look at is_failed at
 *  the end is enough. */
#ifndef QTA_ADAPTERS_BYTE_BUFFER_H
#define QTA_ADAPTERS_BYTE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/** All zero is an empty buffer. bytes may move with every write. */
struct qta_byte_buffer {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool is_failed;
};

/** Frees the memory; the buffer is empty then. */
void qta_byte_buffer_finish(struct qta_byte_buffer *buffer);

/** Forgets what is in it, a failure too; keeps the memory. */
static inline void qta_byte_buffer_clear(struct qta_byte_buffer *buffer)
{
    buffer->length = 0;
    buffer->is_failed = false;
}

/** Makes room; false when there is no memory for it. Not for users. */
bool qta_byte_buffer_grow(struct qta_byte_buffer *buffer, size_t count);

/** Where count bytes may be written; the caller adds to length what it wrote. NULL when failed. */
static inline uint8_t *qta_byte_buffer_reserve(struct qta_byte_buffer *buffer, size_t count)
{
    if (buffer->capacity - buffer->length < count && !qta_byte_buffer_grow(buffer, count))
        return NULL;
    return buffer->bytes + buffer->length;
}

static inline void qta_byte_buffer_append(struct qta_byte_buffer *buffer, const void *bytes,
                                          size_t count)
{
    uint8_t *at = qta_byte_buffer_reserve(buffer, count);
    if (!at)
        return;
    memcpy(at, bytes, count);
    buffer->length += count;
}

static inline void qta_byte_buffer_append_byte(struct qta_byte_buffer *buffer, uint8_t byte)
{
    qta_byte_buffer_append(buffer, &byte, 1);
}

#endif
