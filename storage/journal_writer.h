/** @file journal_writer.h
 *  The journal of a session that is being recorded: a row of chunks, the newest of which takes the
 *  ticks.
 *
 *  Append runs on the writer's thread and is a checksum and two copies: no lock, no allocation, no
 *  system call, unless a chunk is full, a new name appears or the keeper has fallen behind. The
 *  keeper is a thread of the journal: it prepares the next chunk, touches pages ahead of the writer
 *  and syncs. */
#ifndef QTA_STORAGE_JOURNAL_WRITER_H
#define QTA_STORAGE_JOURNAL_WRITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/session.h>
#include <qta/tick.h>

#include "core/doorbell.h"
#include "storage/journal_format.h"
#include "storage/session_folder.h"

struct qta_journal_writer;

struct qta_journal_writer_options {
    const struct qta_session_folder *folder; /**< borrowed for life */
    const struct qta_dictionary *names;      /**< what the ticks refer to; borrowed for life */
    struct qta_journal_header header; /**< of the first chunk; salt and times are filled in */
    uint64_t max_bytes;               /**< of all files of the journal together */
    uint64_t waiting_bytes;           /**< of older chunks that are not sealed yet */
    int64_t fsync_interval_ns;        /**< 0: qta_journal_writer_commit() syncs; negative: never */
    struct qta_doorbell *on_finished; /**< rung when a chunk can be sealed; borrowed */
};

/** Makes the first chunk and starts the keeper. QTA_ERR_NO_SPACE, QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_journal_writer_create(struct qta_journal_writer **out,
                                          const struct qta_journal_writer_options *options,
                                          struct qta_error *err);

/** Stops the keeper and lets go of the files, which stay as they are. NULL is fine. */
void qta_journal_writer_destroy(struct qta_journal_writer *journal);

/** Puts a tick, and the names it refers to where this chunk has not told them yet. After a failure
 *  every further call fails in the same way, until qta_journal_writer_resume() has succeeded.
 *  Writer's thread. */
enum qta_status qta_journal_writer_append(struct qta_journal_writer *journal,
                                          const struct qta_tick *tick, struct qta_error *err);

/** Puts a stored frame, as much of it as one chunk has room for. Otherwise as append. */
enum qta_status qta_journal_writer_append_raw(struct qta_journal_writer *journal,
                                              const struct qta_raw_frame *frame,
                                              struct qta_error *err);

/** After a failed append or commit: goes on in a new chunk if the keeper has been able to make one,
 *  else asks it to try again and tells the failure once more. With an interval of 0 it does so,
 *  too, until the chunk whose sync failed has been sealed: what comes behind it lasts no longer
 *  than it does. Waits for no disk. Writer's thread. */
enum qta_status qta_journal_writer_resume(struct qta_journal_writer *journal,
                                          struct qta_error *err);

/** Puts a tick into the room at the end of each chunk that appends leave alone, so that the last
 *  words of a run find a place on a full disk. QTA_ERR_NO_SPACE: there is no more of it. Writer's
 *  thread; without a failure like append. */
enum qta_status qta_journal_writer_append_note(struct qta_journal_writer *journal,
                                               const struct qta_tick *tick, struct qta_error *err);

/** With an interval of 0 syncs what was appended; else does nothing. Once a sync has failed every
 *  further call fails, until qta_journal_writer_resume() has succeeded. Writer's thread. */
enum qta_status qta_journal_writer_commit(struct qta_journal_writer *journal,
                                          struct qta_error *err);

/** Syncs what was appended, whatever the interval. Writer's thread. */
enum qta_status qta_journal_writer_sync(struct qta_journal_writer *journal, struct qta_error *err);

/** Stops the keeper, finishes the last chunk and removes what was only prepared: from then on all
 *  chunks can be sealed. Writer's thread. */
void qta_journal_writer_finish(struct qta_journal_writer *journal);

/** Chunks below this number are finished. Any thread. */
uint32_t qta_journal_writer_open_number(const struct qta_journal_writer *journal);

/** Of all files of the journal together. Any thread. */
uint64_t qta_journal_writer_total_bytes(const struct qta_journal_writer *journal);

/** The chunk with this number, of so many bytes, has been sealed and removed: there is room for
 *  another. Chunks are sealed in their order. Any thread. */
void qta_journal_writer_release(struct qta_journal_writer *journal, uint32_t number,
                                uint64_t bytes);

#endif
