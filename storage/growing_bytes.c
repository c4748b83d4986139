/* Doubling, so that a byte costs the same however many there are. */
#include "storage/growing_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

void qta_growing_bytes_finish(struct qta_growing_bytes *bytes)
{
    free(bytes->bytes);
    *bytes = (struct qta_growing_bytes){0};
}

uint8_t *qta_growing_bytes_reserve(struct qta_growing_bytes *bytes, size_t length)
{
    enum { FIRST_BYTES = 256 };
    if (bytes->is_failed)
        return NULL;
    if (bytes->capacity - bytes->length < length) {
        size_t capacity = bytes->capacity > 0 ? bytes->capacity * 2 : FIRST_BYTES;
        while (capacity - bytes->length < length)
            capacity *= 2;
        uint8_t *grown = realloc(bytes->bytes, capacity);
        bytes->is_failed = !grown;
        if (!grown)
            return NULL;
        bytes->bytes = grown;
        bytes->capacity = capacity;
    }
    return bytes->bytes + bytes->length;
}

void qta_growing_bytes_put(struct qta_growing_bytes *bytes, const void *from, size_t length)
{
    uint8_t *to = qta_growing_bytes_reserve(bytes, length);
    if (!to || length == 0)
        return;
    memcpy(to, from, length);
    bytes->length += length;
}

void qta_growing_bytes_put_u8(struct qta_growing_bytes *bytes, uint8_t value)
{
    qta_growing_bytes_put(bytes, &value, 1);
}

void qta_growing_bytes_put_u32(struct qta_growing_bytes *bytes, uint32_t value)
{
    uint8_t stored[4];
    qta_store_u32(stored, value);
    qta_growing_bytes_put(bytes, stored, sizeof stored);
}

void qta_growing_bytes_put_u64(struct qta_growing_bytes *bytes, uint64_t value)
{
    uint8_t stored[8];
    qta_store_u64(stored, value);
    qta_growing_bytes_put(bytes, stored, sizeof stored);
}

void qta_growing_bytes_put_varint(struct qta_growing_bytes *bytes, uint64_t value)
{
    uint8_t stored[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        stored[length++] = (uint8_t)(value | 0x80);
    stored[length++] = (uint8_t)value;
    qta_growing_bytes_put(bytes, stored, length);
}
