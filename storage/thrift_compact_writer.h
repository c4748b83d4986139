/** @file thrift_compact_writer.h
 *  Structs in Thrift's compact protocol, as Parquet describes itself with.
 *
 *      struct qta_thrift_writer writer = {.out = &bytes};
 *      qta_thrift_begin(&writer);
 *      qta_thrift_i32(&writer, 1, 2);
 *      qta_thrift_begin_field(&writer, 5);    // a struct in a struct
 *      qta_thrift_i32(&writer, 1, 100);
 *      qta_thrift_end(&writer);
 *      qta_thrift_end(&writer);
 *
 *  Fields are written in the order of their ids. Failures are those of the bytes. */
#ifndef QTA_STORAGE_THRIFT_COMPACT_WRITER_H
#define QTA_STORAGE_THRIFT_COMPACT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/packed_bytes.h"

enum { QTA_THRIFT_DEPTH_MAX = 8 };

/** What the elements of a list are. */
enum qta_thrift_type {
    QTA_THRIFT_I32 = 5,
    QTA_THRIFT_BINARY = 8,
    QTA_THRIFT_STRUCT = 12,
};

/** Start from zeroes and out. */
struct qta_thrift_writer {
    struct qta_packed_writer *out;
    size_t depth;
    int last_id[QTA_THRIFT_DEPTH_MAX];
};

/** A struct that is no field: the outermost, or an element of a list. */
void qta_thrift_begin(struct qta_thrift_writer *writer);
/** A struct that is a field; a union is a struct with one field. */
void qta_thrift_begin_field(struct qta_thrift_writer *writer, int id);
void qta_thrift_end(struct qta_thrift_writer *writer);

void qta_thrift_bool(struct qta_thrift_writer *writer, int id, bool value);
void qta_thrift_i8(struct qta_thrift_writer *writer, int id, int8_t value);
void qta_thrift_i16(struct qta_thrift_writer *writer, int id, int16_t value);
void qta_thrift_i32(struct qta_thrift_writer *writer, int id, int32_t value);
void qta_thrift_i64(struct qta_thrift_writer *writer, int id, int64_t value);
void qta_thrift_binary(struct qta_thrift_writer *writer, int id, const void *bytes, size_t length);
void qta_thrift_string(struct qta_thrift_writer *writer, int id, const char *text);

/** A list of count elements, which the caller puts next: structs by begin() and end(), others by
 *  the functions below. */
void qta_thrift_list(struct qta_thrift_writer *writer, int id, enum qta_thrift_type type,
                     size_t count);
void qta_thrift_element_i32(struct qta_thrift_writer *writer, int32_t value);
void qta_thrift_element_string(struct qta_thrift_writer *writer, const char *text);

#endif
