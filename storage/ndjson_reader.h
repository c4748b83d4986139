/** @file ndjson_reader.h
 *  Ticks from our own ndjson: what qta_print_tick() wrote, read back, from a stream of bytes.
 *
 *  Strict: a line that qta_print_tick() cannot have written is refused, and the lines behind it can
 *  still be read. Memory is bounded whatever the stream. One thread at a time. */
#ifndef QTA_STORAGE_NDJSON_READER_H
#define QTA_STORAGE_NDJSON_READER_H

#include <stddef.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

/** A line that is longer is refused. */
enum { QTA_NDJSON_LINE_BYTES_MAX = 1024 * 1024 };

/** Gives 1 to capacity bytes; *count is 0 at the end. */
typedef enum qta_status (*qta_ndjson_source)(void *user, void *bytes, size_t capacity,
                                             size_t *count, struct qta_error *err);

struct qta_ndjson_reader;

/** A reader of source; name (copied) is the file as errors say it. names gets what ticks refer to,
 *  and is borrowed for the reader's life. QTA_ERR_NOMEM. */
enum qta_status qta_ndjson_reader_create(struct qta_ndjson_reader **out, const char *name,
                                         qta_ndjson_source source, void *user,
                                         struct qta_dictionary *names, struct qta_error *err);
void qta_ndjson_reader_destroy(struct qta_ndjson_reader *reader);

/** The tick of the next line that is not empty; rx_seq is 0 where the line has no `seq`.
 *  QTA_ERR_FORMAT: "file:line: what is wrong", *tick is undefined, the next call goes on behind
 *  that line. QTA_ERR_END. Anything else is the source's failure. */
enum qta_status qta_ndjson_reader_next(struct qta_ndjson_reader *reader, struct qta_tick *tick,
                                       struct qta_error *err);

#endif
