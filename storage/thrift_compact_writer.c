/* A field's header is its type and how far its id is from the one before. */
#include "storage/thrift_compact_writer.h"

#include <assert.h>
#include <string.h>

enum compact_type {
    COMPACT_TRUE = 1,
    COMPACT_FALSE = 2,
    COMPACT_I8 = 3,
    COMPACT_I16 = 4,
    COMPACT_I32 = QTA_THRIFT_I32,
    COMPACT_I64 = 6,
    COMPACT_BINARY = QTA_THRIFT_BINARY,
    COMPACT_LIST = 9,
    COMPACT_STRUCT = QTA_THRIFT_STRUCT,
};

static void put_header(struct qta_thrift_writer *writer, int id, enum compact_type type)
{
    enum { STEP_MAX = 15 };
    assert(writer->depth > 0);
    int *last_id = &writer->last_id[writer->depth - 1];
    int step = id - *last_id;
    assert(step > 0 && step <= STEP_MAX); /* no struct of Parquet has larger holes */
    qta_packed_writer_put_u8(writer->out, (uint8_t)(step << 4 | (int)type));
    *last_id = id;
}

void qta_thrift_begin(struct qta_thrift_writer *writer)
{
    assert(writer->depth < QTA_THRIFT_DEPTH_MAX);
    writer->last_id[writer->depth++] = 0;
}

void qta_thrift_begin_field(struct qta_thrift_writer *writer, int id)
{
    put_header(writer, id, COMPACT_STRUCT);
    qta_thrift_begin(writer);
}

void qta_thrift_end(struct qta_thrift_writer *writer)
{
    assert(writer->depth > 0);
    writer->depth--;
    qta_packed_writer_put_u8(writer->out, 0);
}

void qta_thrift_bool(struct qta_thrift_writer *writer, int id, bool value)
{
    put_header(writer, id, value ? COMPACT_TRUE : COMPACT_FALSE);
}

void qta_thrift_i8(struct qta_thrift_writer *writer, int id, int8_t value)
{
    put_header(writer, id, COMPACT_I8);
    qta_packed_writer_put_u8(writer->out, (uint8_t)value);
}

void qta_thrift_i16(struct qta_thrift_writer *writer, int id, int16_t value)
{
    put_header(writer, id, COMPACT_I16);
    qta_packed_writer_put_zigzag(writer->out, value);
}

void qta_thrift_i32(struct qta_thrift_writer *writer, int id, int32_t value)
{
    put_header(writer, id, COMPACT_I32);
    qta_packed_writer_put_zigzag(writer->out, value);
}

void qta_thrift_i64(struct qta_thrift_writer *writer, int id, int64_t value)
{
    put_header(writer, id, COMPACT_I64);
    qta_packed_writer_put_zigzag(writer->out, value);
}

static void put_binary(struct qta_thrift_writer *writer, const void *bytes, size_t length)
{
    qta_packed_writer_put_varint(writer->out, length);
    qta_packed_writer_put(writer->out, bytes, length);
}

void qta_thrift_binary(struct qta_thrift_writer *writer, int id, const void *bytes, size_t length)
{
    put_header(writer, id, COMPACT_BINARY);
    put_binary(writer, bytes, length);
}

void qta_thrift_string(struct qta_thrift_writer *writer, int id, const char *text)
{
    qta_thrift_binary(writer, id, text, strlen(text));
}

void qta_thrift_list(struct qta_thrift_writer *writer, int id, enum qta_thrift_type type,
                     size_t count)
{
    enum { SHORT_MAX = 14 };
    put_header(writer, id, COMPACT_LIST);
    size_t nibble = count <= SHORT_MAX ? count : SHORT_MAX + 1;
    qta_packed_writer_put_u8(writer->out, (uint8_t)(nibble << 4 | (size_t)type));
    if (count > SHORT_MAX)
        qta_packed_writer_put_varint(writer->out, count);
}

void qta_thrift_element_i32(struct qta_thrift_writer *writer, int32_t value)
{
    qta_packed_writer_put_zigzag(writer->out, value);
}

void qta_thrift_element_string(struct qta_thrift_writer *writer, const char *text)
{
    put_binary(writer, text, strlen(text));
}
