/* What is good is left in place and sealed later, by the thread that seals everything. Recovery
 * only finds the end of the session, and clears away what can be told to be of no use: unfinished
 * segments, chunks whose segment is whole, and chunks behind a torn one, which are set aside.
 *
 * What it concludes must hold after a power cut, too, and the run before may have been killed with
 * nothing synced: so the names of segments are synced before chunks go because of them, the chunks
 * that stay before the new run writes behind them, and what was set aside before the torn chunk, by
 * which the next recovery would know, is sealed and gone. */
#include "storage/recovery.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>

#include "storage/index_lookup.h"
#include "storage/journal_raw.h"
#include "storage/journal_reader.h"
#include "storage/segment_reader.h"

static void note_session(struct qta_recovery *recovery, const uint8_t *session_id,
                         const char *timezone, uint32_t run)
{
    memcpy(recovery->session_id, session_id, sizeof recovery->session_id);
    memcpy(recovery->timezone, timezone, sizeof recovery->timezone);
    if (run >= recovery->next_run)
        recovery->next_run = run + 1;
}

static void note_number(struct qta_recovery *recovery, uint32_t number)
{
    if (number >= recovery->next_number)
        recovery->next_number = number + 1;
}

static void note_end(struct qta_recovery *recovery, uint64_t last_seq, int64_t last_ts_recv_ns)
{
    if (last_seq < recovery->next_seq)
        return;
    recovery->next_seq = last_seq + 1;
    recovery->last_ts_recv_ns = last_ts_recv_ns;
}

/* Of a stored frame, which has no number of its own. */
static void note_time(struct qta_recovery *recovery, int64_t ts_recv_ns)
{
    if (ts_recv_ns > recovery->last_ts_recv_ns)
        recovery->last_ts_recv_ns = ts_recv_ns;
}

/* ---- segments ------------------------------------------------------------------------------ */

struct temporaries {
    size_t count;
    char names[16][64];
};

static bool note_temporary(void *user, const char *name)
{
    struct temporaries *found = user;
    size_t length = strlen(name);
    if (length > 4 && length < sizeof found->names[0] && strcmp(name + length - 4, ".tmp") == 0)
        memcpy(found->names[found->count++], name, length + 1);
    return found->count < sizeof found->names / sizeof found->names[0];
}

/* Files that were being made when the last run ended. */
static void remove_temporaries(const struct qta_session_folder *folder, int folder_fd)
{
    struct qta_environment *env = folder->environment;
    struct temporaries found;
    do {
        found.count = 0;
        env->ops->list(env, folder_fd, note_temporary, &found);
        for (size_t i = 0; i < found.count; i++)
            if (env->ops->unlink_at(env, folder_fd, found.names[i]) != 0)
                return; /* they do no harm */
    } while (found.count > 0);
}

static enum qta_status scan_segment(struct qta_recovery *recovery,
                                    const struct qta_session_folder *folder, uint32_t number,
                                    struct qta_error *err)
{
    struct qta_segment_header header;
    struct qta_error cause;
    note_number(recovery, number);
    enum qta_status status = qta_segment_reader_peek(folder, number, &header, &cause);
    if (status == QTA_ERR_DAMAGED) {
        struct qta_segment_reader reader;
        qta_log(QTA_LOG_WARNING, "storage", "%s", cause.message);
        status = qta_segment_reader_open(&reader, folder, number, &cause);
        if (status == QTA_OK) {
            note_end(recovery, reader.header.span.last_seq, reader.header.span.last_ts_recv_ns);
            qta_segment_reader_close(&reader);
            return QTA_OK;
        }
        if (status == QTA_ERR_DAMAGED)
            return QTA_OK;
    }
    if (status != QTA_OK) {
        if (err)
            *err = cause;
        return status;
    }
    note_session(recovery, header.session_id, header.timezone, header.run);
    note_end(recovery, header.span.last_seq, header.span.last_ts_recv_ns);
    return QTA_OK;
}

static enum qta_status scan_segments(struct qta_recovery *recovery,
                                     const struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_file_numbers segments;
    enum qta_status status = qta_session_folder_list(folder, QTA_FILE_SEGMENT, &segments, err);
    for (size_t i = 0; i < segments.count && status == QTA_OK; i++)
        status = scan_segment(recovery, folder, segments.numbers[i], err);
    qta_file_numbers_finish(&segments);
    return status;
}

/* Segments that were deleted from the end: their numbers are not given to other ticks and files, so
 * that what is lost stays to be seen. */
static enum qta_status note_missing(struct qta_recovery *recovery,
                                    const struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_index_tail tail;
    enum qta_status status = qta_index_find_tail(folder, recovery->next_seq, INT64_MIN, INT64_MAX,
                                                 &tail, err);
    if (status != QTA_OK || tail.segments == 0)
        return status;
    qta_log(QTA_LOG_WARNING, "storage",
            "'%s': records %" PRIu64 " to %" PRIu64
            " are missing: the index has them in segments that are not there",
            folder->path, recovery->next_seq, tail.last_seq);
    recovery->next_seq = tail.last_seq + 1;
    note_number(recovery, tail.last_segment);
    return QTA_OK;
}

/* Whether the segment that a chunk was sealed into is there and whole enough to rely on. */
static bool has_good_segment(const struct qta_session_folder *folder, uint32_t number)
{
    struct qta_segment_reader reader;
    if (qta_segment_reader_open(&reader, folder, number, NULL) != QTA_OK)
        return false;
    bool is_good = !reader.header_is_damaged && !reader.footer_is_damaged;
    for (size_t i = 0; i < reader.footer.frame_count && is_good; i++) {
        const uint8_t *payload;
        is_good = qta_segment_reader_payload(&reader, &reader.footer.frames[i], &payload, NULL) ==
                  QTA_OK;
    }
    qta_segment_reader_close(&reader);
    return is_good;
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* What one chunk tells. */
struct chunk_end {
    uint32_t run;
    uint64_t records; /* ticks and stored frames */
    bool is_readable;
    bool is_finished; /* up to the word that its writer left */
};

static enum qta_status scan_records(struct qta_recovery *recovery,
                                    struct qta_journal_reader *reader, struct chunk_end *end,
                                    struct qta_error *err)
{
    for (;;) {
        struct qta_journal_record record;
        struct qta_tick tick;
        struct qta_raw_frame frame;
        struct qta_error cause;
        enum qta_status status = qta_journal_reader_next(reader, &record, &cause);
        if (status == QTA_ERR_DAMAGED) {
            qta_log(QTA_LOG_WARNING, "storage", "%s", cause.message);
        } else if (status == QTA_OK) {
            if (qta_journal_record_tick(&record, &tick))
                note_end(recovery, tick.rx_seq, tick.ts_recv_ns);
            else if (qta_journal_record_raw(&record, &frame))
                note_time(recovery, frame.ts_recv_ns);
            else
                continue;
            end->records++;
        } else {
            end->is_finished = !reader->is_cut && qta_journal_reader_is_finished(reader);
            if (status != QTA_ERR_END && err)
                *err = cause;
            return status == QTA_ERR_END ? QTA_OK : status;
        }
    }
}

static enum qta_status scan_journal(struct qta_recovery *recovery,
                                    const struct qta_session_folder *folder, uint32_t number,
                                    struct chunk_end *end, struct qta_error *err)
{
    struct qta_journal_reader reader;
    struct qta_error cause;
    memset(end, 0, sizeof *end);
    enum qta_status status = qta_journal_reader_open(&reader, folder, number, &cause);
    if (status == QTA_ERR_DAMAGED) {
        qta_log(QTA_LOG_WARNING, "storage", "%s", cause.message);
        return QTA_OK; /* the sealer sets it aside */
    }
    if (status != QTA_OK) {
        if (err)
            *err = cause;
        return status;
    }
    end->run = reader.header.run;
    end->is_readable = true;
    note_session(recovery, reader.header.session_id, reader.header.timezone, reader.header.run);
    recovery->waiting_bytes += reader.header.capacity;
    status = scan_records(recovery, &reader, end, err);
    if (status == QTA_OK)
        status = qta_journal_reader_sync(&reader, err);
    qta_journal_reader_close(&reader);
    return status;
}

/* A chunk of a run whose journal ended before: the writer finishes each chunk before it uses the
 * next one, so the power failed, and what survives that is a prefix. */
static enum qta_status drop_chunk(const struct qta_session_folder *folder, uint32_t number,
                                  const struct chunk_end *end, struct qta_error *err)
{
    if (end->records == 0)
        return QTA_OK; /* what was only prepared goes when it is sealed */
    qta_log(QTA_LOG_WARNING, "storage",
            "journal chunk %u follows records that were not on the disk yet: set aside", number);
    return qta_session_folder_set_aside(folder, QTA_FILE_JOURNAL, number, err);
}

static enum qta_status recover_chunk(struct qta_recovery *recovery,
                                     const struct qta_session_folder *folder, uint32_t number,
                                     uint32_t *ended_run, struct qta_error *err)
{
    struct qta_recovery before = *recovery;
    struct chunk_end end;
    note_number(recovery, number);
    if (has_good_segment(folder, number)) {
        /* its run went on, or was killed before the next thing that it did */
        if (!qta_session_folder_remove_file(folder, QTA_FILE_JOURNAL, number))
            return qta_error_set_errno(err, "cannot remove journal chunk %u", number);
        return QTA_OK;
    }
    enum qta_status status = scan_journal(recovery, folder, number, &end, err);
    if (status != QTA_OK || !end.is_readable)
        return status;
    if (!end.is_finished)
        recovery->was_cut = true;
    if (*ended_run == end.run && end.records > 0) {
        recovery->next_seq = before.next_seq;
        recovery->last_ts_recv_ns = before.last_ts_recv_ns;
        recovery->waiting_bytes = before.waiting_bytes;
        recovery->was_cut = true;
        return drop_chunk(folder, number, &end, err);
    }
    if (!end.is_finished)
        *ended_run = end.run;
    return QTA_OK;
}

static enum qta_status recover_chunks(struct qta_recovery *recovery,
                                      const struct qta_session_folder *folder,
                                      struct qta_error *err)
{
    uint32_t ended_run = 0; /* runs count from 1 */
    if (recovery->journals.count == 0)
        return QTA_OK;
    enum qta_status status = qta_session_folder_sync(folder, QTA_FILE_SEGMENT, err);
    for (size_t i = 0; i < recovery->journals.count && status == QTA_OK; i++)
        status = recover_chunk(recovery, folder, recovery->journals.numbers[i], &ended_run, err);
    return status == QTA_OK ? qta_session_folder_sync(folder, QTA_FILE_JOURNAL, err) : status;
}

enum qta_status qta_recovery_run(struct qta_recovery *recovery,
                                 const struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    memset(recovery, 0, sizeof *recovery);
    recovery->next_seq = 1;
    recovery->last_ts_recv_ns = QTA_TIME_UNKNOWN;
    recovery->next_number = 1;
    recovery->next_run = 1;
    if (env->ops->random(env, recovery->session_id, sizeof recovery->session_id) != 0)
        return qta_error_set_errno(err, "cannot get random bytes");
    remove_temporaries(folder, folder->folder_fds[QTA_FILE_SEGMENT]);
    remove_temporaries(folder, folder->folder_fds[QTA_FILE_JOURNAL]);
    enum qta_status status = scan_segments(recovery, folder, err);
    if (status == QTA_OK)
        status = qta_session_folder_list(folder, QTA_FILE_JOURNAL, &recovery->journals, err);
    if (status == QTA_OK)
        status = recover_chunks(recovery, folder, err);
    if (status == QTA_OK)
        status = note_missing(recovery, folder, err);
    return status;
}

void qta_recovery_finish(struct qta_recovery *recovery)
{
    qta_file_numbers_finish(&recovery->journals);
}
