/** @file json_writer.h
 *  JSON values written behind one another into a buffer; punctuation is the caller's. */
#ifndef QTA_ADAPTERS_JSON_WRITER_H
#define QTA_ADAPTERS_JSON_WRITER_H

#include <stddef.h>
#include <stdint.h>

#include <qta/decimal.h>

#include "adapters/byte_buffer.h"

/** In quotes, escaped; bytes that are not UTF-8 come out as U+FFFD. */
void qta_json_write_string(struct qta_byte_buffer *buffer, const char *text, size_t length);

/** Exactly the digits stored; "null" for null. */
void qta_json_write_decimal(struct qta_byte_buffer *buffer, struct qta_decimal value);

void qta_json_write_u64(struct qta_byte_buffer *buffer, uint64_t value);

/** The second that the last time fell into, and its text. Times mostly come in order, so that one
 *  look at the calendar a second is enough. Start with all zero. */
struct qta_json_second {
    int64_t second;
    char text[24]; /**< "2024-05-01T13:30:00", not ended; "" before the first time */
    size_t length;
};

/** In quotes, RFC 3339 UTC with the shortest fraction: "2024-05-01T13:30:00.5Z". */
void qta_json_write_time(struct qta_byte_buffer *buffer, struct qta_json_second *second,
                         int64_t ts_ns);

#endif
