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
 *  call. Every row becomes exactly one tick, in the file's order, or the import fails.
 *
 *  Columns are named as ticks are printed (qta/print.h): ts_event, ts_recv, symbol, src_seq;
 *  of a trade price, size, id, exchange, conditions, tape, side; of a quote bid_price, bid_size,
 *  bid_exchange, ask_price, ask_size, ask_exchange, conditions, tape, or `exchange` for the sides
 *  that are present. One of the two times and a price are needed. An empty cell is an absent value;
 *  not so for prices and sizes, where null_text says what is. */
struct qta_import_options {
    const char *type;    /**< "trade" or "quote" */
    const char *columns; /**< "ts_event=1,price=2": by number from 1, or by header name */
    const char *scales; /**< "price=1e-4": the column's number times this, exactly; NULL for none */
    const char *time_unit; /**< "s", "ms", "us", "ns" or "rfc3339"; numbers may have a fraction */
    /** "2013-10-08": times are offsets from the instant of its midnight, in time elapsed: on a day
     *  when the clocks change, 10 h after midnight is not 10:00. NULL: since the epoch. */
    const char *date;
    const char *timezone; /**< whose midnight, e.g. "America/New_York"; NULL for UTC */
    const char *symbol;   /**< of every row, when no column has it */
    const char *provider; /**< NULL for "import" */
    const char
        *null_text; /**< prices and sizes with exactly this text are absent; a side of a quote
                         with no price and size left is absent as a whole; NULL for none */
    char delimiter; /**< ',' */
    char conditions_separator; /**< between the codes of a conditions cell; 0: a cell is one code */
    bool has_header;           /**< skip the first row; implied by columns by name */
    /** Asked now and then: true ends the import with QTA_ERR_STATE and nothing is left. NULL. */
    bool (*should_stop)(void *user);
    void *should_stop_user;
};
QTA_API struct qta_import_options qta_import_options_default(void);

struct qta_import_result {
    uint64_t rows;
    uint64_t ticks;
    uint64_t rounded;        /**< ticks with a number that had more digits than fit */
    uint64_t times_raised;   /**< rows whose time went back: ts_recv was raised, ts_event kept */
    uint64_t conditions_cut; /**< rows with more conditions than a tick holds */
};

/** Imports files (plain, gzip or zstd by content; "-" is stdin), one after the other, into a new
 *  session directory; missing folders above it are made. ts_recv is ts_event where no column has
 * it. QTA_ERR_USAGE: the options; QTA_ERR_FORMAT: "file:line: what is wrong"; QTA_ERR_STATE: the
 * output is there already; others as qta_session_writer_create() and append(). After any failure
 * there is no session: it grows under a hidden name beside the output and is renamed when it is
 * whole. */
QTA_API enum qta_status qta_import_csv(const char *const *paths, size_t path_count,
                                       const char *output, const struct qta_import_options *options,
                                       qta_progress_callback on_progress, void *user,
                                       struct qta_import_result *result, struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
