#include "adapters/byte_buffer.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 512 };

void qta_byte_buffer_finish(struct qta_byte_buffer *buffer)
{
    free(buffer->bytes);
    memset(buffer, 0, sizeof *buffer);
}

bool qta_byte_buffer_grow(struct qta_byte_buffer *buffer, size_t count)
{
    if (buffer->is_failed)
        return false;
    size_t capacity = buffer->capacity ? buffer->capacity : FIRST_CAPACITY;
    while (capacity - buffer->length < count && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    uint8_t *bytes = capacity - buffer->length < count ? NULL : realloc(buffer->bytes, capacity);
    if (!bytes) {
        buffer->is_failed = true;
        return false;
    }
    buffer->bytes = bytes;
    buffer->capacity = capacity;
    return true;
}
