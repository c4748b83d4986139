#include "adapters/msgpack_writer.h"

#include "core/utf8.h"

enum { HEAD_MAX = 9 };

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static void put_big_endian(uint8_t *at, uint64_t value, size_t width)
{
    for (size_t i = width; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

/* A marker byte and a number of `width` bytes behind it. */
static void write_marked(struct qta_byte_buffer *buffer, uint8_t marker, uint64_t value,
                         size_t width)
{
    uint8_t *at = qta_byte_buffer_reserve(buffer, HEAD_MAX);
    if (!at)
        return;
    at[0] = marker;
    put_big_endian(at + 1, value, width);
    buffer->length += 1 + width;
}

void qta_msgpack_write_map(struct qta_byte_buffer *buffer, uint32_t count)
{
    if (count < 16)
        qta_byte_buffer_append_byte(buffer, (uint8_t)(0x80 | count));
    else if (count <= UINT16_MAX)
        write_marked(buffer, 0xde, count, 2);
    else
        write_marked(buffer, 0xdf, count, 4);
}

void qta_msgpack_write_array(struct qta_byte_buffer *buffer, uint32_t count)
{
    if (count < 16)
        qta_byte_buffer_append_byte(buffer, (uint8_t)(0x90 | count));
    else if (count <= UINT16_MAX)
        write_marked(buffer, 0xdc, count, 2);
    else
        write_marked(buffer, 0xdd, count, 4);
}

static void write_string_head(struct qta_byte_buffer *buffer, size_t length)
{
    if (length < 32)
        qta_byte_buffer_append_byte(buffer, (uint8_t)(0xa0 | length));
    else if (length <= UINT8_MAX)
        write_marked(buffer, 0xd9, length, 1);
    else if (length <= UINT16_MAX)
        write_marked(buffer, 0xda, length, 2);
    else
        write_marked(buffer, 0xdb, length, 4);
}

/* Calls for text that is not UTF-8; its length with the replacements must be known beforehand. */
static void write_repaired(struct qta_byte_buffer *buffer, const char *text, size_t length)
{
    size_t repaired = 0;
    for (size_t at = 0; at < length;) {
        size_t sequence = qta_utf8_sequence(text + at, length - at);
        repaired += sequence > 0 ? sequence : sizeof replacement - 1;
        at += sequence > 0 ? sequence : 1;
    }
    write_string_head(buffer, repaired);
    for (size_t at = 0; at < length;) {
        size_t sequence = qta_utf8_sequence(text + at, length - at);
        if (sequence > 0)
            qta_byte_buffer_append(buffer, text + at, sequence);
        else
            qta_byte_buffer_append(buffer, replacement, sizeof replacement - 1);
        at += sequence > 0 ? sequence : 1;
    }
}

void qta_msgpack_write_string(struct qta_byte_buffer *buffer, const char *text, size_t length)
{
    if (!qta_utf8_is_valid(text, length)) {
        write_repaired(buffer, text, length);
        return;
    }
    write_string_head(buffer, length);
    qta_byte_buffer_append(buffer, text, length);
}

void qta_msgpack_write_u64(struct qta_byte_buffer *buffer, uint64_t value)
{
    if (value < 0x80)
        qta_byte_buffer_append_byte(buffer, (uint8_t)value);
    else if (value <= UINT8_MAX)
        write_marked(buffer, 0xcc, value, 1);
    else if (value <= UINT16_MAX)
        write_marked(buffer, 0xcd, value, 2);
    else if (value <= UINT32_MAX)
        write_marked(buffer, 0xce, value, 4);
    else
        write_marked(buffer, 0xcf, value, 8);
}

void qta_msgpack_write_i64(struct qta_byte_buffer *buffer, int64_t value)
{
    if (value >= 0)
        qta_msgpack_write_u64(buffer, (uint64_t)value);
    else if (value >= -32)
        qta_byte_buffer_append_byte(buffer, (uint8_t)value);
    else if (value >= INT8_MIN)
        write_marked(buffer, 0xd0, (uint64_t)value, 1);
    else if (value >= INT16_MIN)
        write_marked(buffer, 0xd1, (uint64_t)value, 2);
    else if (value >= INT32_MIN)
        write_marked(buffer, 0xd2, (uint64_t)value, 4);
    else
        write_marked(buffer, 0xd3, (uint64_t)value, 8);
}

void qta_msgpack_write_bool(struct qta_byte_buffer *buffer, bool value)
{
    qta_byte_buffer_append_byte(buffer, value ? 0xc3 : 0xc2);
}

void qta_msgpack_write_double(struct qta_byte_buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    write_marked(buffer, 0xcb, bits, 8);
}

void qta_msgpack_write_decimal(struct qta_byte_buffer *buffer, struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        qta_byte_buffer_append_byte(buffer, 0xc0);
    else
        qta_msgpack_write_double(buffer, qta_decimal_to_double(value));
}

void qta_msgpack_write_quantity(struct qta_byte_buffer *buffer, struct qta_decimal value)
{
    int64_t whole = 0;
    if (qta_decimal_rescale(value, 0, &whole) == QTA_OK)
        qta_msgpack_write_i64(buffer, whole);
    else
        qta_msgpack_write_decimal(buffer, value);
}

void qta_msgpack_write_time(struct qta_byte_buffer *buffer, int64_t ts_ns)
{
    int64_t second = ts_ns / 1000000000;
    int64_t fraction = ts_ns % 1000000000;
    if (fraction < 0) {
        second--;
        fraction += 1000000000;
    }
    uint8_t *at = qta_byte_buffer_reserve(buffer, 15);
    if (!at)
        return;
    if (second < 0 || second >> 34 != 0) {
        at[0] = 0xc7;
        at[1] = 12;
        at[2] = 0xff;
        put_big_endian(at + 3, (uint64_t)fraction, 4);
        put_big_endian(at + 7, (uint64_t)second, 8);
        buffer->length += 15;
    } else if (fraction != 0 || second > UINT32_MAX) {
        at[0] = 0xd7;
        at[1] = 0xff;
        put_big_endian(at + 2, (uint64_t)fraction << 34 | (uint64_t)second, 8);
        buffer->length += 10;
    } else {
        at[0] = 0xd6;
        at[1] = 0xff;
        put_big_endian(at + 2, (uint64_t)second, 4);
        buffer->length += 6;
    }
}
