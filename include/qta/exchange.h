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
    uint64_t bytes;      /**< of these files */
    uint64_t raw_frames; /**< stored frames of the sessions: they are not exported */
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

/* ---- comparing --------------------------------------------------------------------------------
 */

/** Two records that stand in the same place, or one that the other session lacks (NULL). The ids
 *  are of two dictionaries. field is the first that differs, by its printed name; NULL where one is
 *  missing. Valid for the call. */
struct qta_session_difference {
    uint64_t place; /**< from 1: of the records that are compared */
    const struct qta_tick *left;
    const struct qta_tick *right;
    const struct qta_dictionary *left_names;
    const struct qta_dictionary *right_names;
    const char *field;
};

/** The names of every type, before those of its body. */
enum { QTA_DIFF_COLUMNS = 9, QTA_DIFF_FIELDS_MAX = 16 };

/** How to compare. Zeroed it works. Borrowed for the call. */
struct qta_diff_options {
    /** All records in every field: rx_seq, ts_recv, provider, conn, flags and the digits of
     *  decimals, too. Else what the venue said: of market ticks type, symbol, ts_event, src_seq and
     *  the body, decimals by value (as the digest `market`). */
    bool is_full;
    /** Called for the first difference. NULL is fine. */
    void (*on_first)(void *user, const struct qta_session_difference *difference);
    qta_problem_callback on_problem;   /**< a damaged block that was left out */
    qta_exchange_progress on_progress; /**< in records of the left session */
    bool (*should_stop)(void *user);   /**< asked now and then: true ends it with QTA_ERR_STATE */
    void *user;                        /**< of the four above */
};

struct qta_diff_result {
    uint64_t compared;   /**< records of which both sessions have one */
    uint64_t different;  /**< of them */
    uint64_t only_left;  /**< records that the right session lacks */
    uint64_t only_right; /**< likewise */
    uint64_t problems;   /**< told to on_problem */
    /** How often each field differs, by the left record's type. Records of different types differ
     *  in their type alone. */
    uint64_t by_column[QTA_TICK_TYPE_END][QTA_DIFF_COLUMNS];
    uint64_t by_field[QTA_TICK_TYPE_END][QTA_DIFF_FIELDS_MAX]; /**< as qta_tick_fields() */
};

/** The printed name of a place in by_column, e.g. "ts_event". Static. */
QTA_API const char *qta_diff_column_name(size_t place);

/** Compares two sessions, record by record in the order of rx_seq. Behind a record that one of them
 *  lacks it goes on where both say the same again, if that is within 1,024 records. Memory does not
 *  grow with their length. QTA_OK whether they are equal or not; else as
 * qta_session_reader_create(). */
QTA_API enum qta_status qta_session_diff(const struct qta_export_source *left,
                                         const struct qta_export_source *right,
                                         const struct qta_diff_options *options,
                                         struct qta_diff_result *result, struct qta_error *err);

/* ---- merging ----------------------------------------------------------------------------------
 */

/** How to merge. Zeroed it works. Borrowed for the call. */
struct qta_session_merge_options {
    const char *timezone;              /**< noted in the session; NULL for that of the first one */
    qta_problem_callback on_problem;   /**< a damaged block that was left out */
    qta_exchange_progress on_progress; /**< in records */
    bool (*should_stop)(void *user);   /**< asked now and then: true ends it with QTA_ERR_STATE */
    void *user;                        /**< of the three above */
};

struct qta_session_merge_result {
    uint64_t records; /**< of the new session, without the notes on where they came from */
    uint64_t problems;
    uint64_t raw_frames; /**< stored frames of the sessions: they stay where they are */
};

/** Makes a new session at output of all records of others, in order of ts_recv (equal times: in the
 *  order given, then rx_seq), as qta_replay_run() plays them. rx_seq is given anew; everything else
 *  stays. It begins with a MARKER for each session that says where its records came from. Memory
 *  does not grow with the length. A session that grows or fails is never seen at output.
 *  QTA_ERR_USAGE: no session; QTA_ERR_STATE: the output is there already; others as of reading and
 *  writing. */
QTA_API enum qta_status qta_session_merge(const struct qta_export_source *sources,
                                          size_t source_count, const char *output,
                                          const struct qta_session_merge_options *options,
                                          struct qta_session_merge_result *result,
                                          struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
