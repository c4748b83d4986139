/** @file msgpack_writer.h
 *  MessagePack values written behind one another into a buffer, each in its shortest form. */
#ifndef QTA_ADAPTERS_MSGPACK_WRITER_H
#define QTA_ADAPTERS_MSGPACK_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/decimal.h>

#include "adapters/byte_buffer.h"

/** The head of a map; count keys and values are to follow. */
void qta_msgpack_write_map(struct qta_byte_buffer *buffer, uint32_t count);

/** The head of an array; count values are to follow. */
void qta_msgpack_write_array(struct qta_byte_buffer *buffer, uint32_t count);

/** As str; bytes that are not UTF-8 come out as U+FFFD. */
void qta_msgpack_write_string(struct qta_byte_buffer *buffer, const char *text, size_t length);

void qta_msgpack_write_u64(struct qta_byte_buffer *buffer, uint64_t value);
void qta_msgpack_write_i64(struct qta_byte_buffer *buffer, int64_t value);
void qta_msgpack_write_bool(struct qta_byte_buffer *buffer, bool value);
void qta_msgpack_write_double(struct qta_byte_buffer *buffer, double value);

/** As float64, the nearest to the value: more than 17 digits are lost. Nil for null. */
void qta_msgpack_write_decimal(struct qta_byte_buffer *buffer, struct qta_decimal value);

/** The same, but whole numbers as integers, exactly. */
void qta_msgpack_write_quantity(struct qta_byte_buffer *buffer, struct qta_decimal value);

/** Extension -1, in 4, 8 or 12 bytes. */
void qta_msgpack_write_time(struct qta_byte_buffer *buffer, int64_t ts_ns);

#endif
