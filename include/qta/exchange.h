/** @file exchange.h
 *  Sessions to and from other forms: exported as text or Parquet, made again of our own text,
 *  compared, merged. */
#ifndef QTA_EXCHANGE_H
#define QTA_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/print.h>
#include <qta/session.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

enum qta_exchange_format {
    QTA_EXCHANGE_NDJSON = 1,  /**< as qta_print_tick() writes it */
    QTA_EXCHANGE_CSV = 2,     /**< likewise, under qta_print_csv_header() */
    QTA_EXCHANGE_PARQUET = 3, /**< Apache Parquet, one file a type of tick; export only */
};

/** How far a long work has come; total may be 0 when it is not known. */
typedef void (*qta_exchange_progress)(void *user, uint64_t done, uint64_t total);

/* ---- export -----------------------------------------------------------------------------------
 */

/** One session and what of it. */
struct qta_export_source {
    const char *path;
    struct qta_session_filter filter;
};

/** What to make of sessions. Zeroed but for format and output (or on_bytes) it works. Borrowed for
 *  the call. */
struct qta_export_options {
    enum qta_exchange_format format;
    /** The file. It is written as FILE.tmp and renamed when it is whole, in place of what was
     * there. Text is packed when it ends in ".gz" or ".zst". For PARQUET with is_folder, the
     * folder. */
    const char *output;
    /** Without output: takes the bytes; false when it wants no more, which is QTA_ERR_STATE. */
    bool (*on_bytes)(void *user, const void *bytes, size_t length);
    enum qta_time_format times; /**< of text */
    /** PARQUET: output is a folder, made if it is not there, with a file TYPE.parquet for each type
     *  that occurs. Without it all records are of one type, or the export fails. */
    bool is_folder;
    /** PARQUET: decimals as DOUBLE, to nearest. Else they are DECIMAL and exact, of the smallest
     *  kind that holds all values of a column in a file, or the export fails. */
    bool has_doubles;
    qta_problem_callback on_problem;   /**< a damaged block that was left out */
    qta_exchange_progress on_progress; /**< in records */
    bool (*should_stop)(void *user);   /**< asked now and then: true ends it with QTA_ERR_STATE */
    void *user;                        /**< of the four above */
};

struct qta_export_result {
    uint64_t records;  /**< written */
    uint64_t problems; /**< told to on_problem */
    uint64_t files;
    uint64_t bytes; /**< of these files */
};

/** Writes sessions, one after the other, as text or Parquet. Memory does not grow with their
 *  length. On failure nothing is left behind, and what was at the output is still there.
 *  QTA_ERR_USAGE: options; QTA_ERR_RANGE: a column that no decimal of Parquet holds; others as
 *  qta_session_reader_create() and of writing. */
QTA_API enum qta_status qta_session_export(const struct qta_export_source *sources,
                                           size_t source_count,
                                           const struct qta_export_options *options,
                                           struct qta_export_result *result, struct qta_error *err);

/* ---- import -----------------------------------------------------------------------------------
 */

/** How our own text becomes a session again. Zeroed but for the format it works. Borrowed for the
 *  call. */
struct qta_restore_options {
    enum qta_exchange_format format;   /**< NDJSON or CSV */
    const char *timezone;              /**< noted in the session; NULL for "UTC" */
    qta_problem_callback on_problem;   /**< a line that was left out: "file:line: what is wrong" */
    qta_exchange_progress on_progress; /**< in bytes of the files as they are on disk */
    bool (*should_stop)(void *user);   /**< asked now and then: true ends it with QTA_ERR_STATE */
    void *user;                        /**< of the three above */
};

struct qta_restore_result {
    uint64_t records;      /**< of the new session */
    uint64_t bad_lines;    /**< left out, each told to on_problem */
    uint64_t renumbered;   /**< records whose number in the file was another one */
    uint64_t times_raised; /**< records whose ts_recv went back and was raised, and is flagged */
};

/** Makes a new session at output of files that were exported as ndjson or CSV (plain, gzip or zstd,
 *  told by content; "-" is stdin), one after the other, every record in its place, of every type.
 *  Lines that cannot be read are left out. Records are numbered from 1. A session that grows or
 *  fails is never seen at output. QTA_ERR_USAGE: no file, a format that is not read;
 * QTA_ERR_FORMAT: a CSV whose header is not ours; QTA_ERR_STATE: the output is there already;
 * others as qta_session_writer_create() and append(). */
QTA_API enum qta_status qta_session_restore(const char *const *paths, size_t path_count,
                                            const char *output,
                                            const struct qta_restore_options *options,
                                            struct qta_restore_result *result,
                                            struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
