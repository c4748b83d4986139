/** @file session.h
 *  Sessions on disk: write one, read one (also while it is written), look at it, check it.
 *
 *  A session is a directory (storage/FORMAT.md): session.db, segments/, journal/. One writer, any
 *  number of readers. Opening repairs nothing by hand: what a crash left is read as it is. */
#ifndef QTA_SESSION_H
#define QTA_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/export.h>
#include <qta/tick.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- writing ----------------------------------------------------------------------------------
 */

struct qta_session_writer;

/** Start from qta_session_writer_options_default(). */
struct qta_session_writer_options {
    const char *path;             /**< the session's own directory; made if it is not there */
    const char *timezone;         /**< noted in the session; NULL for "UTC" */
    int64_t fsync_interval_ns;    /**< 0: qta_session_writer_commit() syncs; -1: never */
    int compression_level;        /**< zstd */
    uint64_t journal_chunk_bytes; /**< one preallocated journal file */
    uint64_t journal_max_bytes;   /**< of all that wait to be sealed: two chunks at least */
};
QTA_API struct qta_session_writer_options qta_session_writer_options_default(void);

/** Opens a session for writing: takes its lock, recovers what the last run left, starts a new run.
 *  names is the dictionary that appended ticks will refer to, borrowed for the writer's life; the
 *  writer translates its ids to the session's own.
 *  QTA_ERR_LOCKED names the owner's pid; QTA_ERR_FORMAT: a directory that is not ours, or newer;
 *  QTA_ERR_IO, QTA_ERR_NO_SPACE, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_session_writer_create(struct qta_session_writer **out,
                                                  const struct qta_session_writer_options *options,
                                                  const struct qta_dictionary *names,
                                                  struct qta_error *err);

/** The rx_seq that the next tick must have (1 in a new session), and the ts_recv_ns that it must
 * not fall below (QTA_TIME_UNKNOWN in a new session). */
QTA_API uint64_t qta_session_writer_next_seq(const struct qta_session_writer *writer);
QTA_API int64_t qta_session_writer_last_ts_recv_ns(const struct qta_session_writer *writer);

/** True when the run before ended without qta_session_writer_close(): a crash or a kill. */
QTA_API bool qta_session_writer_was_cut(const struct qta_session_writer *writer);

/** Puts a tick into the journal. When this returns QTA_OK the tick survives the death of the
 *  process. rx_seq must be next_seq and ts_recv_ns must not go back (asserted). One thread.
 *  QTA_ERR_NO_SPACE (also: journal_max_bytes wait to be sealed), QTA_ERR_IO: not stored, and
 * nothing can be appended until qta_session_writer_resume() has succeeded; what was appended before
 * stays.
 */
QTA_API enum qta_status qta_session_writer_append(struct qta_session_writer *writer,
                                                  const struct qta_tick *tick,
                                                  struct qta_error *err);

/** After a failed append or commit: whether there is room again, so that appending can go on. Waits
 *  for nothing: each call has the journal's own thread try once more, and a later one finds what it
 *  came to. Same thread as append. Errors: the failure, as before. */
QTA_API enum qta_status qta_session_writer_resume(struct qta_session_writer *writer,
                                                  struct qta_error *err);

/** Like append, but after a failed append or commit the tick goes into the room that is kept free
 *  for last words: a DROP record, the end of the run. QTA_ERR_NO_SPACE: that is full, too. */
QTA_API enum qta_status qta_session_writer_append_note(struct qta_session_writer *writer,
                                                       const struct qta_tick *tick,
                                                       struct qta_error *err);

/** The end of a batch: with fsync_interval 0 waits until it is on the disk. Same thread as append.
 */
QTA_API enum qta_status qta_session_writer_commit(struct qta_session_writer *writer,
                                                  struct qta_error *err);

/** What a venue sent, as it came: for those who want to decode it once more. */
struct qta_raw_frame {
    uint64_t first_seq;   /**< rx_seq of the first record that it produced; where it produced none,
                               of the record that came next */
    int64_t ts_recv_ns;   /**< of the records that it produced; never below what came before */
    const uint8_t *bytes; /**< verbatim, but for what the flags say */
    uint32_t length;      /**< of the frame as it was received */
    uint32_t stored_length; /**< of bytes: less where the frame was too large for a journal chunk */
    uint32_t tick_count;    /**< records that it produced: first_seq, first_seq + 1, ... */
    uint32_t conn;          /**< connection epoch, as in ticks */
    uint16_t provider;      /**< as in ticks */
    uint8_t flags;          /**< enum qta_raw_flag */
};
enum qta_raw_flag {
    QTA_RAW_BINARY = 1 << 0, /**< WebSocket opcode 2, or bytes of a TCP stream */
    QTA_RAW_MASKED = 1 << 1, /**< a key was in it: its bytes are '*' here */
};

/** Stores a frame behind the ticks that it produced. It takes no rx_seq. A frame that is larger
 *  than a journal chunk has room for is cut: stored_length says how much was given, the session
 *  how much was kept. The frame's records must have been appended; one without any has next_seq as
 *  its first_seq. ts_recv_ns must not go back (asserted). Thread and errors as
 * qta_session_writer_append(). */
QTA_API enum qta_status qta_session_writer_append_raw(struct qta_session_writer *writer,
                                                      const struct qta_raw_frame *frame,
                                                      struct qta_error *err);

/** Ends the run: seals everything into segments, syncs, closes the index. On failure everything
 *  appended is still in the journal. Call destroy afterwards in any case. */
QTA_API enum qta_status qta_session_writer_close(struct qta_session_writer *writer,
                                                 struct qta_error *err);

/** Frees; without close before, the session is left as after a crash. NULL is fine. */
QTA_API void qta_session_writer_destroy(struct qta_session_writer *writer);

/* ---- reading ----------------------------------------------------------------------------------
 */

struct qta_session_reader;

/** Which ticks to read. Start from qta_session_filter_default() (all of them). A tick passes when
 * it passes every part. Feed types pass `symbols` when their symbol is none. When one of the
 * event limits is set, ticks whose ts_event_ns is unknown do not pass. Borrowed for the call. */
struct qta_session_filter {
    int64_t from_ns;            /**< first ts_recv_ns to read; INT64_MIN for the start */
    int64_t until_ns;           /**< first ts_recv_ns not to read; INT64_MAX for the end */
    int64_t event_from_ns;      /**< first ts_event_ns to read; INT64_MIN for no limit */
    int64_t event_until_ns;     /**< first ts_event_ns not to read; INT64_MAX for no limit */
    uint64_t from_seq;          /**< first rx_seq to read */
    uint64_t until_seq;         /**< first rx_seq not to read; UINT64_MAX for the end */
    uint32_t types;             /**< QTA_TYPE_BITs */
    const char *const *symbols; /**< NULL for all */
    size_t symbol_count;
    const char *const *providers; /**< NULL for all */
    size_t provider_count;
};
QTA_API struct qta_session_filter qta_session_filter_default(void);

/** Opens a session for reading, also while another process records into it: it then reads what had
 *  been recorded when the reader comes there. filter may be NULL. QTA_ERR_NOT_FOUND,
 *  QTA_ERR_FORMAT, QTA_ERR_IO, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_session_reader_create(struct qta_session_reader **out, const char *path,
                                                  const struct qta_session_filter *filter,
                                                  struct qta_error *err);
QTA_API void qta_session_reader_destroy(struct qta_session_reader *reader);

/** Whether a helper thread may read and unpack the next blocks while the caller works on one: true
 *  unless told otherwise. It starts with the second block in a row, so that short reads have none,
 *  and blocks all signals. What comes, and in which order, is the same; a helper that runs already
 *  runs on. */
QTA_API void qta_session_reader_read_ahead(struct qta_session_reader *reader, bool is_allowed);

/** The next ticks in order of rx_seq: *ticks points to *count of them (at least one), valid until
 *  the next call. QTA_ERR_END: none are left (in a live session: for now; call again).
 *  QTA_ERR_DAMAGED: the message says which block of which file and what it held; the next call goes
 *  on behind it. QTA_ERR_NOMEM: the reader is of no more use. */
QTA_API enum qta_status qta_session_reader_next(struct qta_session_reader *reader,
                                                const struct qta_tick **ticks, size_t *count,
                                                struct qta_error *err);

/** Waits until there is more to read, timeout_ns at most. QTA_OK: call qta_session_reader_next(),
 *  which may still say QTA_ERR_END; also when a signal came. QTA_ERR_END: nothing has come in this
 *  time, and nobody records the session: its writer has closed it, or there was none since the
 *  first call. One that was killed is waited for. Nothing tells a reader of stores to a mapped
 * file, so this looks at the journal between naps of 50 us, and longer ones, up to 2 ms, the longer
 * nothing came; new runs are found within some 30 ms. */
QTA_API enum qta_status qta_session_reader_wait(struct qta_session_reader *reader,
                                                int64_t timeout_ns, struct qta_error *err);

/** Goes to the first tick of at least this rx_seq or ts_recv_ns, forwards or backwards: the next
 *  call of qta_session_reader_next() reads on from there, by the same filter, and tells if it
 *  cannot. Behind the end: that gives QTA_ERR_END (in a live session: until there are such ticks).
 *  Always QTA_OK. */
QTA_API enum qta_status qta_session_reader_seek_seq(struct qta_session_reader *reader,
                                                    uint64_t rx_seq, struct qta_error *err);
QTA_API enum qta_status qta_session_reader_seek_time(struct qta_session_reader *reader,
                                                     int64_t ts_recv_ns, struct qta_error *err);

/** What the ids of this reader's ticks stand for. Valid as long as the reader. */
QTA_API const struct qta_dictionary *
qta_session_reader_names(const struct qta_session_reader *reader);

/** Whether a writer holds the session now. */
QTA_API bool qta_session_reader_is_live(const struct qta_session_reader *reader);

/* ---- reading stored frames --------------------------------------------------------------------
 */

struct qta_raw_reader;

/** Which stored frames to read. Start from qta_raw_filter_default() (all of them). Borrowed for the
 * call. */
struct qta_raw_filter {
    int64_t from_ns;    /**< first ts_recv_ns to read; INT64_MIN for the start */
    int64_t until_ns;   /**< first ts_recv_ns not to read; INT64_MAX for the end */
    uint64_t from_seq;  /**< only frames that produced this rx_seq or a later one, or none and came
                             before such a one */
    uint64_t until_seq; /**< only frames whose first_seq is below; UINT64_MAX for the end */
    const char *const *providers; /**< NULL for all */
    size_t provider_count;
};
QTA_API struct qta_raw_filter qta_raw_filter_default(void);

/** Opens the stored frames of a session, also while it is recorded. A session without any has none
 *  to read; it costs its segments' footers. filter may be NULL. Errors as
 *  qta_session_reader_create(). */
QTA_API enum qta_status qta_raw_reader_create(struct qta_raw_reader **out, const char *path,
                                              const struct qta_raw_filter *filter,
                                              struct qta_error *err);
QTA_API void qta_raw_reader_destroy(struct qta_raw_reader *reader);

/** The next stored frame, in the order of receipt; it and its bytes are valid until the next call.
 *  QTA_ERR_END and QTA_ERR_DAMAGED as qta_session_reader_next(). */
QTA_API enum qta_status qta_raw_reader_next(struct qta_raw_reader *reader,
                                            const struct qta_raw_frame **frame,
                                            struct qta_error *err);

/** What the provider of a frame stands for. Valid as long as the reader. */
QTA_API const struct qta_dictionary *qta_raw_reader_names(const struct qta_raw_reader *reader);

/* ---- looking at it ----------------------------------------------------------------------------
 */

struct qta_session_info {
    uint64_t ticks;   /**< market ticks */
    uint64_t records; /**< all */
    uint64_t by_type[QTA_TICK_TYPE_END];
    uint64_t symbols;
    uint64_t providers;
    uint64_t runs;
    uint64_t segments;
    uint64_t bytes;           /**< of all files of the session */
    uint64_t gaps;            /**< GAP records, those of gaps that were healed included */
    uint64_t dropped;         /**< sum of DROP counts */
    uint64_t raw_frames;      /**< stored frames */
    uint64_t raw_bytes;       /**< of them, as the venues sent them */
    uint64_t lost;            /**< records that a repair found lost: they left known holes */
    int64_t first_ts_recv_ns; /**< QTA_TIME_UNKNOWN when empty */
    int64_t last_ts_recv_ns;
    bool is_sealed; /**< nothing is left in the journal and the last run was closed */
    bool is_live;   /**< a writer holds it */
    char timezone[64];
};

/** Where a session begins, for those who need no more of it. */
struct qta_session_start {
    int64_t first_ts_recv_ns; /**< QTA_TIME_UNKNOWN when it is empty */
    char timezone[64];
};

/** Looks at as little as it takes: mostly at the header of the first segment. Errors as
 *  reader_create. */
QTA_API enum qta_status qta_session_start_read(const char *path, struct qta_session_start *start,
                                               struct qta_error *err);

/** Reads the index and counts what is still in the journal. Errors as reader_create. */
QTA_API enum qta_status qta_session_info_read(const char *path, struct qta_session_info *info,
                                              struct qta_error *err);

/** What qta_session_verify() found. */
struct qta_session_verdict {
    uint64_t records;     /**< that decode and pass their checksums */
    uint64_t blocks;      /**< good blocks */
    uint64_t problems;    /**< reported by the callback */
    uint64_t lost;        /**< records known to be missing or unreadable */
    uint64_t lost_before; /**< records that a repair found lost before: no problem any more */
    uint64_t raw_frames;  /**< stored frames that can be read */
};

/** Called for each problem: a whole sentence with file, block and range. */
typedef void (*qta_problem_callback)(void *user, const char *problem);

/** Called now and then with how far a long work has come, in bytes. NULL is fine everywhere. */
typedef void (*qta_progress_callback)(void *user, uint64_t done_bytes, uint64_t total_bytes);

/** Reads every byte of a session, checks every checksum, that rx_seq has no hole and ts_recv does
 *  not go back, that stored frames fit the ticks, and compares the index with the segments. QTA_OK:
 * all good; QTA_ERR_DAMAGED: at least one problem, verdict is filled; others as reader_create. */
QTA_API enum qta_status qta_session_verify(const char *path, qta_problem_callback on_problem,
                                           qta_progress_callback on_progress, void *user,
                                           struct qta_session_verdict *verdict,
                                           struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
