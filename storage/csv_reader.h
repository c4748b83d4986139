/** @file csv_reader.h
 *  Rows of a CSV file (RFC 4180) from a stream of bytes.
 *
 *  Cells may be quoted and then hold delimiters, line ends and doubled quotes. Lines end with LF or
 *  CRLF, the last one needs no end, a UTF-8 byte order mark at the start is skipped. What RFC 4180
 *  does not allow is refused, not guessed at. One thread at a time. */
#ifndef QTA_STORAGE_CSV_READER_H
#define QTA_STORAGE_CSV_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

/** What is longer is refused: memory stays bounded whatever the file. */
enum { QTA_CSV_ROW_BYTES_MAX = 1024 * 1024, QTA_CSV_CELLS_MAX = 4096 };

/** Gives 1 to capacity bytes; *count is 0 at the end. */
typedef enum qta_status (*qta_csv_source)(void *user, void *bytes, size_t capacity, size_t *count,
                                          struct qta_error *err);

struct qta_csv_cell {
    const char *text; /**< not NUL-terminated; quotes are taken off */
    size_t length;
};

struct qta_csv_row {
    const struct qta_csv_cell *cells;
    size_t count;  /**< at least 1 */
    uint64_t line; /**< of the file, from 1, that the row starts on */
    bool is_blank; /**< the line has nothing on it */
};

struct qta_csv_reader;

/** A reader of source; name (copied) is the file as errors say it. QTA_ERR_USAGE: a delimiter that
 *  is a quote, a line end or NUL; QTA_ERR_NOMEM. */
enum qta_status qta_csv_reader_create(struct qta_csv_reader **out, const char *name, char delimiter,
                                      qta_csv_source source, void *user, struct qta_error *err);
void qta_csv_reader_destroy(struct qta_csv_reader *reader);

/** The next row; valid until the next call. QTA_ERR_END: none is left; QTA_ERR_FORMAT:
 *  "name:line: what is wrong"; QTA_ERR_NOMEM; errors of the source as they are. After a failure
 * only destroy. */
enum qta_status qta_csv_reader_next(struct qta_csv_reader *reader, struct qta_csv_row *row,
                                    struct qta_error *err);

/** After QTA_ERR_FORMAT: goes on behind the line on which the row began that could not be read. */
enum qta_status qta_csv_reader_skip_line(struct qta_csv_reader *reader, struct qta_error *err);

#endif
