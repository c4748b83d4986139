/** @file archive.h
 *  Sessions that were recorded: keeping them, counting them, mending them.
 *
 *  Whatever changes a session takes its writer's lock first: QTA_ERR_LOCKED when it is being
 *  recorded. Whatever is killed in the middle leaves the session as it was or as it should be, and
 *  perhaps something beside it that the next run clears away. */
#ifndef QTA_ARCHIVE_H
#define QTA_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>
#include <qta/session.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- pinning ----------------------------------------------------------------------------------
 */

/** Pins a session, so that retention never removes it, or gives it free again. The pin is a file in
 *  the session. Fine when it is so already, and while the session is recorded. QTA_ERR_NOT_FOUND,
 *  QTA_ERR_FORMAT, QTA_ERR_IO, QTA_ERR_NO_SPACE. */
QTA_API enum qta_status qta_session_pin(const char *path, bool is_pinned, struct qta_error *err);

/* ---- retention --------------------------------------------------------------------------------
 */

/** What may stay in a directory of sessions. Start from qta_retention_options_default(): all of it.
 */
struct qta_retention_options {
    uint32_t keep_days;      /**< remove what was last written more days ago; 0: no limit */
    uint64_t max_bytes;      /**< of all sessions together; 0: no limit */
    uint64_t min_free_bytes; /**< that the file system has to have left; 0: no limit */
    bool is_dry_run;         /**< tell what would be removed, remove nothing */
};
QTA_API struct qta_retention_options qta_retention_options_default(void);

enum qta_removal_reason {
    QTA_REMOVED_FOR_AGE = 1,
    QTA_REMOVED_FOR_SIZE = 2,
    QTA_REMOVED_FOR_SPACE = 3,
};

/** A session that was removed, or would be. Valid for the call. */
struct qta_removal {
    const char *name; /**< of its folder in the directory */
    uint64_t bytes;
    int64_t last_written_ns; /**< since the Unix epoch */
    enum qta_removal_reason reason;
};

/** Called behind each removal. False: remove no more. */
typedef bool (*qta_removal_callback)(void *user, const struct qta_removal *removal);

struct qta_retention_result {
    uint64_t sessions; /**< that were found */
    uint64_t removed;
    uint64_t removed_bytes;
    uint64_t kept_bytes;
    uint64_t failed; /**< could not be removed: the log says why */
};

/** Removes sessions from a directory, those written longest ago first, until the options are met.
 *  Never removed: a session whose lock somebody holds, a pinned one, a folder that is not a session
 *  or has anything else in it. When each was written is told by its files' headers, by the files'
 *  times where these cannot be read. A removed session is renamed to ".qta-removed-NAME" first;
 *  what a kill leaves of it is removed by the next call. Each removal is logged. on_removal may be
 *  NULL. QTA_ERR_NOT_FOUND, QTA_ERR_IO, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_retention_apply(const char *directory,
                                            const struct qta_retention_options *options,
                                            qta_removal_callback on_removal, void *user,
                                            struct qta_retention_result *result,
                                            struct qta_error *err);

/* ---- the catalogue ----------------------------------------------------------------------------
 */

/** A session of a directory. Valid for the call. */
struct qta_catalogue_entry {
    const char *name; /**< of its folder */
    struct qta_session_info info;
    bool is_pinned;
    const char *index_fault; /**< NULL: session.db is good, or may be behind; else why it is not */
    const char *fault;       /**< NULL, or why the session cannot be read: info is empty then */
};

/** False: no further ones. */
typedef bool (*qta_catalogue_callback)(void *user, const struct qta_catalogue_entry *entry);

/** Tells every session of a directory, by name. Folders that are no sessions, links and hidden
 * names are left out. QTA_ERR_NOT_FOUND, QTA_ERR_IO, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_catalogue_read(const char *directory, qta_catalogue_callback each,
                                           void *user, struct qta_error *err);

/* ---- mending ----------------------------------------------------------------------------------
 */

/** Makes session.db anew from the segments alone, in place of what is there; readers never see a
 *  half-made one. QTA_ERR_LOCKED, QTA_ERR_NOT_FOUND, QTA_ERR_FORMAT (also: an index of a newer
 *  version), QTA_ERR_IO, QTA_ERR_NO_SPACE, QTA_ERR_NOMEM. */
QTA_API enum qta_status qta_session_reindex(const char *path, struct qta_error *err);

/** What a repair saved and what not. */
struct qta_repair_result {
    uint64_t records; /**< saved */
    uint64_t lost;    /**< records that are lost, those that a repair before had lost left out */
    uint64_t holes;   /**< in so many places */
    uint64_t lost_frames; /**< stored frames */
    uint64_t problems;    /**< told by the callback */
    uint64_t segments;    /**< of the new session */
};

/** Saves what is good of a session into a new one at output, which must not be there, pinned
 *  as the old one is: whole blocks as they are, around those that are damaged, and what was not
 * sealed yet. Records keep their numbers; what is lost is noted as known holes, which readers pass
 * over. The new session is verified before it gets its name. The session itself is only read.
 * Problems and losses are told as whole sentences. QTA_OK: nothing was lost; QTA_ERR_DAMAGED:
 * something was, result says how much, and there is a new session unless result->records is 0;
 * QTA_ERR_LOCKED: it is being recorded; QTA_ERR_USAGE: output is there already; others as
 * qta_session_reader_create() and QTA_ERR_NO_SPACE: there is no new session then. */
QTA_API enum qta_status qta_session_repair(const char *path, const char *output,
                                           qta_problem_callback on_problem, void *user,
                                           struct qta_repair_result *result, struct qta_error *err);

struct qta_compact_result {
    uint64_t segments;     /**< that were written anew */
    uint64_t bytes_before; /**< of all segments */
    uint64_t bytes_after;
};

/** Writes the segments of a session anew at a zstd level of 1 to 19. Each is read back and compared
 *  with the old one tick for tick before it takes its place, in one step; readers that are open
 * keep the old one. One that would not become smaller stays. Killed between a swap and its row, it
 *  leaves an index that is behind, which the next writer, reindex or compact makes right.
 *  QTA_ERR_USAGE: no such level; QTA_ERR_LOCKED; QTA_ERR_DAMAGED: a segment cannot be read, repair
 *  the session first; QTA_ERR_STATE: what was written reads differently; others as
 *  qta_session_reindex(). Segments done before a failure stay done. */
QTA_API enum qta_status qta_session_compact(const char *path, int level,
                                            struct qta_compact_result *result,
                                            struct qta_error *err);

/* ---- what is not there ------------------------------------------------------------------------
 */

enum qta_outage_kind {
    QTA_OUTAGE_GAP = 0, /**< a GAP record: data of a venue was missed */
    QTA_OUTAGE_DROP =
        1, /**< a DROP record: a subscriber was too slow, or the disk full: see struct qta_drop */
    QTA_OUTAGE_CONNECTION = 2, /**< from a lost connection to the next one that is ready */
    QTA_OUTAGE_HOLE = 3,       /**< records that a repair found lost */
    QTA_OUTAGE_DAMAGE = 4,     /**< records that are lost, and not repaired: see detail */
    QTA_OUTAGE_KIND_END = 5,
};

/** Something that is not in a session. Texts are "" where there is none; valid for the call. */
struct qta_outage {
    enum qta_outage_kind kind;
    int64_t from_ns;  /**< QTA_TIME_UNKNOWN when that is not known */
    int64_t until_ns; /**< likewise: it may last until now */
    uint64_t records; /**< that are missing; 0 when that is not known */
    const char *provider;
    const char *symbol;
    const char *scope;   /**< of a gap: "session", "provider", "symbol" */
    const char *channel; /**< of a gap: a type of ticks, e.g. "trade"; "" for all */
    const char *cause;
    const char *detail; /**< a subscriber's name, or a sentence */
    /** Of a gap that was healed for all that it was of: "late", "snapshot" (which brings the state
     * of an order book back, and nothing else), "backfill", and when. */
    const char *resolved_by;
    int64_t resolved_ns; /**< QTA_TIME_UNKNOWN: it was not */
};

/** "gap", "drop", "connection", "hole", "damage". Static. */
QTA_API const char *qta_outage_kind_name(enum qta_outage_kind kind);

typedef void (*qta_outage_callback)(void *user, const struct qta_outage *outage);

/** Tells all that is not in a session, in order of time. Works while it is recorded. Errors as
 *  qta_session_reader_create(). */
QTA_API enum qta_status qta_session_outages_read(const char *path, qta_outage_callback each,
                                                 void *user, struct qta_error *err);

#ifdef __cplusplus
}
#endif

#endif
