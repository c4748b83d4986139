/* The writer of a session: its lock, its journal, and the thread that seals the journal. */
#include "storage/session_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "storage/journal_writer.h"
#include "storage/recovery.h"
#include "storage/session_folder.h"

struct qta_session_writer {
    struct qta_session_folder folder;
    struct qta_journal_writer *journal;
    struct qta_doorbell sealer_bell;
    uint64_t next_seq;
    int64_t last_ts_recv_ns;
    bool was_cut;
    bool is_folder_open;
    bool is_closed;
};

struct qta_session_writer_options qta_session_writer_options_default(void)
{
    return (struct qta_session_writer_options){
        .fsync_interval_ns = INT64_C(200) * 1000 * 1000,
        .compression_level = 1,
        .journal_chunk_bytes = UINT64_C(32) << 20,
        .journal_max_bytes = UINT64_C(4) << 30,
    };
}

static enum qta_status check_options(const struct qta_session_writer_options *options,
                                     struct qta_error *err)
{
    if (!options->path || options->path[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "the session's path is missing");
    if (options->timezone && strlen(options->timezone) >= QTA_TIMEZONE_BYTES)
        return qta_error_set(err, QTA_ERR_USAGE, "the time zone's name is too long");
    if (options->journal_chunk_bytes < QTA_JOURNAL_CHUNK_BYTES_MIN ||
        options->journal_chunk_bytes > QTA_JOURNAL_CHUNK_BYTES_MAX)
        return qta_error_set(
            err, QTA_ERR_USAGE, "journal_chunk_bytes is %" PRIu64 ", it must be %d to %d",
            options->journal_chunk_bytes, QTA_JOURNAL_CHUNK_BYTES_MIN, QTA_JOURNAL_CHUNK_BYTES_MAX);
    if (options->journal_max_bytes < options->journal_chunk_bytes)
        return qta_error_set(err, QTA_ERR_USAGE, "journal_max_bytes must hold at least one chunk");
    return QTA_OK;
}

static enum qta_status open_journal(struct qta_session_writer *writer,
                                    const struct qta_session_writer_options *options,
                                    const struct qta_dictionary *names,
                                    const struct qta_recovery *recovery, struct qta_error *err)
{
    enum { PAGE_BYTES = 4096 };
    struct qta_journal_writer_options journal = {
        .folder = &writer->folder,
        .names = names,
        .max_bytes = options->journal_max_bytes,
        .waiting_bytes = recovery->waiting_bytes,
        .fsync_interval_ns = options->fsync_interval_ns,
        .on_finished = &writer->sealer_bell,
    };
    memcpy(journal.header.session_id, recovery->session_id, sizeof recovery->session_id);
    journal.header.number = recovery->next_number;
    journal.header.run = recovery->next_run;
    journal.header.capacity = options->journal_chunk_bytes / PAGE_BYTES * PAGE_BYTES;
    journal.header.run_started_ns = qta_realtime_ns(writer->folder.environment);
    const char *timezone = recovery->timezone[0] ? recovery->timezone : options->timezone;
    if (timezone)
        memcpy(journal.header.timezone, timezone, strlen(timezone) + 1);
    else
        memcpy(journal.header.timezone, "UTC", sizeof "UTC");
    return qta_journal_writer_create(&writer->journal, &journal, err);
}

enum qta_status qta_session_writer_create_in(struct qta_session_writer **out,
                                             const struct qta_session_writer_options *options,
                                             const struct qta_dictionary *names,
                                             struct qta_environment *environment,
                                             struct qta_error *err)
{
    assert(out && options && names && environment);
    enum qta_status status = check_options(options, err);
    if (status != QTA_OK)
        return status;
    struct qta_session_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", options->path);
    struct qta_recovery recovery = {0};
    status = qta_session_folder_make(&writer->folder, options->path, environment, err);
    writer->is_folder_open = status == QTA_OK;
    if (status == QTA_OK)
        status = qta_recovery_run(&recovery, &writer->folder, err);
    if (status == QTA_OK)
        status = open_journal(writer, options, names, &recovery, err);
    if (status == QTA_OK) {
        writer->next_seq = recovery.next_seq;
        writer->last_ts_recv_ns = recovery.last_ts_recv_ns;
        writer->was_cut = recovery.was_cut;
    }
    qta_recovery_finish(&recovery);
    if (status != QTA_OK) {
        qta_session_writer_destroy(writer);
        return qta_error_prefix(err, status, "cannot open session '%s' for writing", options->path);
    }
    *out = writer;
    return QTA_OK;
}

enum qta_status qta_session_writer_create(struct qta_session_writer **out,
                                          const struct qta_session_writer_options *options,
                                          const struct qta_dictionary *names, struct qta_error *err)
{
    return qta_session_writer_create_in(out, options, names, qta_environment_system(), err);
}

uint64_t qta_session_writer_next_seq(const struct qta_session_writer *writer)
{
    return writer->next_seq;
}

int64_t qta_session_writer_last_ts_recv_ns(const struct qta_session_writer *writer)
{
    return writer->last_ts_recv_ns;
}

bool qta_session_writer_was_cut(const struct qta_session_writer *writer)
{
    return writer->was_cut;
}

enum qta_status qta_session_writer_append(struct qta_session_writer *writer,
                                          const struct qta_tick *tick, struct qta_error *err)
{
    assert(!writer->is_closed);
    assert(tick->rx_seq == writer->next_seq);
    assert(tick->ts_recv_ns >= writer->last_ts_recv_ns);
    enum qta_status status = qta_journal_writer_append(writer->journal, tick, err);
    if (status != QTA_OK)
        return status;
    writer->next_seq++;
    writer->last_ts_recv_ns = tick->ts_recv_ns;
    return QTA_OK;
}

enum qta_status qta_session_writer_commit(struct qta_session_writer *writer, struct qta_error *err)
{
    assert(!writer->is_closed);
    return qta_journal_writer_commit(writer->journal, err);
}

enum qta_status qta_session_writer_close(struct qta_session_writer *writer, struct qta_error *err)
{
    (void)err;
    assert(!writer->is_closed);
    writer->is_closed = true;
    qta_journal_writer_finish(writer->journal);
    return QTA_OK;
}

void qta_session_writer_destroy(struct qta_session_writer *writer)
{
    if (!writer)
        return;
    qta_journal_writer_destroy(writer->journal);
    if (writer->is_folder_open)
        qta_session_folder_close(&writer->folder);
    free(writer);
}
