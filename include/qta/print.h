/** @file print.h
 *  Ticks as text: one line a tick, with stable names (see qta-replay(1)). */
#ifndef QTA_PRINT_H
#define QTA_PRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/export.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

enum qta_print_format {
    QTA_PRINT_NONE = 0,
    QTA_PRINT_NDJSON = 1, /**< one JSON object a line; what is absent is left out */
    QTA_PRINT_CSV = 2,    /**< RFC 4180; the columns of all types, after qta_print_csv_header() */
    QTA_PRINT_TEXT = 3,   /**< aligned, for people */
};

enum qta_time_format { QTA_TIME_FORMAT_RFC3339 = 0, QTA_TIME_FORMAT_NS = 1 };

/** "none", "ndjson", "csv" or "text"; false for another word. */
QTA_API bool qta_print_format_parse(const char *name, enum qta_print_format *format);

/** Writes one line with its newline and a NUL into text. Returns the length the whole line needs
 *  without the NUL: when that is >= capacity nothing useful was written, call again with more.
 *  Bytes of names that are not UTF-8 come out as U+FFFD in ndjson. */
QTA_API size_t qta_print_tick(const struct qta_tick *tick, const struct qta_dictionary *names,
                              enum qta_print_format format, enum qta_time_format times, char *text,
                              size_t capacity);

/** The header line of QTA_PRINT_CSV, with its newline. Static. */
QTA_API const char *qta_print_csv_header(void);

#ifdef __cplusplus
}
#endif

#endif
