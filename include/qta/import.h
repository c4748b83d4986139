/** @file import.h
 *  Reads other people's tick files into a session. */
#ifndef QTA_IMPORT_H
#define QTA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>
#include <qta/session.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How a CSV file's rows become ticks. Start from qta_import_options_default(). Borrowed for the
 *  call. Every row becomes exactly one tick, in the file's order, or the import fails. */
struct qta_import_options {
    const char *type; /**< "trade" or "quote" */
    const char *
        columns; /**< "ts_event=1,price=2": by number from 1, or by header name; see the man page */
    const char *scales;    /**< "price=1e-4": the column's integer is multiplied; NULL for none */
    const char *time_unit; /**< "s", "ms", "us", "ns" or "rfc3339"; numbers may have a fraction */
    const char
        *date; /**< "2013-10-08": times are offsets from its midnight; NULL: since the epoch */
    const char *timezone;  /**< whose midnight, e.g. "America/New_York"; NULL for UTC */
    const char *symbol;    /**< of every row, when no column has it */
    const char *provider;  /**< NULL for "import" */
    const char *null_text; /**< cells with exactly this text are absent, with every column of their
                              side; NULL */
    char delimiter;        /**< ',' */
    bool has_header;       /**< skip the first row; implied by columns by name */
};
QTA_API struct qta_import_options qta_import_options_default(void);

struct qta_import_result {
    uint64_t rows;
    uint64_t ticks;
    uint64_t rounded;      /**< numbers that had more digits than fit */
    uint64_t times_raised; /**< rows whose time went back: ts_recv was raised, ts_event kept */
};

/** Imports files (".csv", ".csv.zst", ".csv.gz" by content; "-" is stdin), one after the other,
 * into a new session directory. QTA_ERR_USAGE: the options; QTA_ERR_FORMAT: "file:line: what is
 * wrong", nothing is left of the session then; QTA_ERR_STATE: the output has a session already. */
QTA_API enum qta_status qta_import_csv(const char *const *paths, size_t path_count,
                                       const char *output, const struct qta_import_options *options,
                                       qta_progress_callback on_progress, void *user,
                                       struct qta_import_result *result, struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
