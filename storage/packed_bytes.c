/* Bytes out and bytes in. */
#include "storage/packed_bytes.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

void qta_packed_writer_finish(struct qta_packed_writer *buffer)
{
    free(buffer->bytes);
    *buffer = (struct qta_packed_writer){0};
}

void qta_packed_writer_clear(struct qta_packed_writer *buffer)
{
    buffer->length = 0;
    buffer->is_out_of_memory = false;
}

uint8_t *qta_packed_writer_reserve(struct qta_packed_writer *buffer, size_t length)
{
    if (buffer->is_out_of_memory)
        return NULL;
    if (length > buffer->capacity - buffer->length) {
        size_t capacity = buffer->capacity ? buffer->capacity : 4096;
        while (capacity - buffer->length < length)
            capacity *= 2;
        uint8_t *grown = realloc(buffer->bytes, capacity);
        if (!grown) {
            buffer->is_out_of_memory = true;
            return NULL;
        }
        buffer->bytes = grown;
        buffer->capacity = capacity;
    }
    return buffer->bytes + buffer->length;
}

void qta_packed_writer_put(struct qta_packed_writer *buffer, const void *bytes, size_t length)
{
    uint8_t *end = qta_packed_writer_reserve(buffer, length);
    if (!end || length == 0)
        return;
    memcpy(end, bytes, length);
    buffer->length += length;
}

void qta_packed_writer_put_u8(struct qta_packed_writer *buffer, uint8_t value)
{
    qta_packed_writer_put(buffer, &value, sizeof value);
}

void qta_packed_writer_put_u16(struct qta_packed_writer *buffer, uint16_t value)
{
    uint8_t bytes[2];
    qta_store_u16(bytes, value);
    qta_packed_writer_put(buffer, bytes, sizeof bytes);
}

void qta_packed_writer_put_u32(struct qta_packed_writer *buffer, uint32_t value)
{
    uint8_t bytes[4];
    qta_store_u32(bytes, value);
    qta_packed_writer_put(buffer, bytes, sizeof bytes);
}

void qta_packed_writer_put_u64(struct qta_packed_writer *buffer, uint64_t value)
{
    uint8_t bytes[8];
    qta_store_u64(bytes, value);
    qta_packed_writer_put(buffer, bytes, sizeof bytes);
}

void qta_packed_writer_put_varint(struct qta_packed_writer *buffer, uint64_t value)
{
    uint8_t bytes[10];
    size_t length = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[length++] = (uint8_t)(value | 0x80);
    bytes[length++] = (uint8_t)value;
    qta_packed_writer_put(buffer, bytes, length);
}

const uint8_t *qta_packed_reader_take(struct qta_packed_reader *reader, size_t length)
{
    if (reader->is_short || length > reader->length - reader->position) {
        reader->is_short = true;
        return NULL;
    }
    const uint8_t *bytes = reader->bytes + reader->position;
    reader->position += length;
    return bytes;
}

uint8_t qta_packed_reader_take_u8(struct qta_packed_reader *reader)
{
    const uint8_t *bytes = qta_packed_reader_take(reader, 1);
    return bytes ? *bytes : 0;
}

uint16_t qta_packed_reader_take_u16(struct qta_packed_reader *reader)
{
    const uint8_t *bytes = qta_packed_reader_take(reader, 2);
    return bytes ? qta_load_u16(bytes) : 0;
}

uint32_t qta_packed_reader_take_u32(struct qta_packed_reader *reader)
{
    const uint8_t *bytes = qta_packed_reader_take(reader, 4);
    return bytes ? qta_load_u32(bytes) : 0;
}

uint64_t qta_packed_reader_take_u64(struct qta_packed_reader *reader)
{
    const uint8_t *bytes = qta_packed_reader_take(reader, 8);
    return bytes ? qta_load_u64(bytes) : 0;
}

uint64_t qta_packed_reader_take_varint(struct qta_packed_reader *reader)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = qta_packed_reader_take_u8(reader);
        if (shift == 63 && byte > 1)
            reader->is_short = true; /* more than 64 bits */
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return reader->is_short ? 0 : value;
    }
    reader->is_short = true;
    return 0;
}
