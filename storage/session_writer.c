/* The writer of a session: its lock, its journal, and the thread that seals the journal. */
#include "storage/session_writer.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "storage/journal_writer.h"
#include "storage/recovery.h"
#include "storage/sealer.h"
#include "storage/session_folder.h"
#include "storage/session_index.h"

struct qta_session_writer {
    struct qta_session_folder folder;
    bool is_folder_open;
    struct qta_journal_header header; /* what the run's files have in common */
    struct qta_journal_writer *journal;
    uint64_t next_seq;
    int64_t last_ts_recv_ns;
    bool was_cut;
    bool is_closed;

    /* the sealer's thread, until it is joined */
    struct qta_sealer *sealer;
    struct qta_session_index *index; /* NULL when it had to be given up */
    struct qta_file_numbers old_chunks;
    size_t old_chunks_done;
    uint32_t next_to_seal; /* of this run */
    struct qta_error sealer_error;
    pthread_t sealer_thread;
    bool sealer_runs;
    struct qta_doorbell sealer_bell;
    _Atomic bool sealer_stops;
    _Atomic(struct qta_session_counters *) counters; /* NULL: not counted */
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
    if (options->journal_max_bytes / 2 < options->journal_chunk_bytes)
        return qta_error_set(err, QTA_ERR_USAGE, "journal_max_bytes must hold at least two chunks");
    return QTA_OK;
}

/* ---- sealing ------------------------------------------------------------------------------- */

/* The index is made of the segments: without it recording goes on, and the next run makes it anew.
 */
static void give_up_index(struct qta_session_writer *writer, const struct qta_error *cause)
{
    qta_log(QTA_LOG_WARNING, "storage", "%s: recording goes on without the index", cause->message);
    qta_session_index_destroy(writer->index);
    writer->index = NULL;
}

/* Two writers may share them while a day is closed and the next one is recorded. */
static void count_segment(struct qta_session_writer *writer, uint64_t records, uint64_t bytes)
{
    struct qta_session_counters *counters = atomic_load_explicit(&writer->counters,
                                                                 memory_order_acquire);
    if (!counters)
        return;
    atomic_fetch_add_explicit(&counters->segments, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->records, records, memory_order_relaxed);
    atomic_fetch_add_explicit(&counters->bytes, bytes, memory_order_relaxed);
}

static void index_segment(void *user, uint32_t number, uint64_t records, uint64_t bytes)
{
    struct qta_session_writer *writer = user;
    count_segment(writer, records, bytes);
    struct qta_error err;
    if (writer->index && qta_session_index_add_segment(writer->index, number, &err) != QTA_OK)
        give_up_index(writer, &err);
}

/* The next chunk that is finished, or 0. */
static uint32_t next_chunk(const struct qta_session_writer *writer)
{
    if (writer->old_chunks_done < writer->old_chunks.count)
        return writer->old_chunks.numbers[writer->old_chunks_done];
    return writer->next_to_seal < qta_journal_writer_open_number(writer->journal)
               ? writer->next_to_seal
               : 0;
}

static enum qta_status seal_next(struct qta_session_writer *writer, uint32_t number,
                                 struct qta_error *err)
{
    uint64_t freed_bytes;
    int64_t begin_ns = qta_monotonic_ns(writer->folder.environment);
    enum qta_status status = qta_sealer_seal(writer->sealer, number, &freed_bytes, err);
    struct qta_session_counters *counters = atomic_load_explicit(&writer->counters,
                                                                 memory_order_acquire);
    if (counters && status == QTA_OK)
        qta_histogram_add_shared(&counters->seal_time,
                                 qta_monotonic_ns(writer->folder.environment) - begin_ns);
    else if (counters)
        atomic_fetch_add_explicit(&counters->failures, 1, memory_order_relaxed);
    if (status != QTA_OK)
        return status;
    qta_journal_writer_release(writer->journal, number, freed_bytes);
    if (writer->old_chunks_done < writer->old_chunks.count)
        writer->old_chunks_done++;
    else
        writer->next_to_seal++;
    return QTA_OK;
}

static void *run_sealer(void *argument)
{
    enum { RETRY_S = 1 };
    struct qta_session_writer *writer = argument;
    while (!atomic_load_explicit(&writer->sealer_stops, memory_order_acquire)) {
        uint32_t ticket = qta_doorbell_ticket(&writer->sealer_bell);
        struct qta_error err = {.message = ""};
        uint32_t number = next_chunk(writer);
        if (atomic_load_explicit(&writer->sealer_stops, memory_order_acquire))
            break;
        if (number != 0 && seal_next(writer, number, &err) == QTA_OK)
            continue;
        if (number != 0 && strcmp(err.message, writer->sealer_error.message) != 0) {
            writer->sealer_error = err; /* one failure, one line */
            qta_log(QTA_LOG_ERROR, "storage", "%s; the journal is kept, the next try is in %d s",
                    err.message, RETRY_S);
        }
        qta_doorbell_wait(&writer->sealer_bell, ticket,
                          number != 0 ? RETRY_S * INT64_C(1000000000) : -1);
    }
    return NULL;
}

static enum qta_status start_sealer(struct qta_session_writer *writer, struct qta_error *err)
{
    int error = pthread_create(&writer->sealer_thread, NULL, run_sealer, writer);
    if (error != 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot start the sealer's thread: %s",
                             strerror(error));
    writer->sealer_runs = true;
    return QTA_OK;
}

static void stop_sealer(struct qta_session_writer *writer)
{
    if (!writer->sealer_runs)
        return;
    atomic_store_explicit(&writer->sealer_stops, true, memory_order_release);
    qta_doorbell_ring(&writer->sealer_bell);
    pthread_join(writer->sealer_thread, NULL);
    writer->sealer_runs = false;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void set_header(struct qta_session_writer *writer,
                       const struct qta_session_writer_options *options,
                       const struct qta_recovery *recovery)
{
    enum { PAGE_BYTES = 4096 };
    struct qta_journal_header *header = &writer->header;
    const char *timezone = options->timezone ? options->timezone : "UTC";
    if (recovery->timezone[0]) /* a session keeps the zone that it began with */
        timezone = recovery->timezone;
    memcpy(header->timezone, timezone, strlen(timezone) + 1);
    memcpy(header->session_id, recovery->session_id, sizeof header->session_id);
    header->number = recovery->next_number;
    header->run = recovery->next_run;
    header->capacity = options->journal_chunk_bytes / PAGE_BYTES * PAGE_BYTES;
    header->run_started_ns = qta_realtime_ns(writer->folder.environment);
}

static enum qta_status open_index(struct qta_session_writer *writer, struct qta_error *err)
{
    struct qta_error cause;
    enum qta_status status = qta_session_index_open(&writer->index, &writer->folder, &cause);
    if (status == QTA_OK)
        status = qta_session_index_start_run(writer->index, &writer->header, &cause);
    if (status == QTA_ERR_FORMAT && err)
        *err = cause;
    if (status == QTA_ERR_FORMAT)
        return status;
    if (status != QTA_OK)
        give_up_index(writer, &cause);
    return QTA_OK;
}

static enum qta_status open_journal(struct qta_session_writer *writer,
                                    const struct qta_session_writer_options *options,
                                    const struct qta_dictionary *names,
                                    const struct qta_recovery *recovery, struct qta_error *err)
{
    struct qta_journal_writer_options journal = {
        .folder = &writer->folder,
        .names = names,
        .header = writer->header,
        .max_bytes = options->journal_max_bytes,
        .waiting_bytes = recovery->waiting_bytes,
        .fsync_interval_ns = options->fsync_interval_ns,
        .on_finished = &writer->sealer_bell,
    };
    return qta_journal_writer_create(&writer->journal, &journal, err);
}

static enum qta_status open_session(struct qta_session_writer *writer,
                                    const struct qta_session_writer_options *options,
                                    const struct qta_dictionary *names,
                                    struct qta_recovery *recovery, struct qta_error *err)
{
    enum qta_status status = qta_recovery_run(recovery, &writer->folder, err);
    if (status != QTA_OK)
        return status;
    writer->next_seq = recovery->next_seq;
    writer->last_ts_recv_ns = recovery->last_ts_recv_ns;
    writer->was_cut = recovery->was_cut;
    writer->next_to_seal = recovery->next_number;
    writer->old_chunks = recovery->journals;
    recovery->journals = (struct qta_file_numbers){0};
    set_header(writer, options, recovery);
    status = open_index(writer, err);
    if (status == QTA_OK)
        status = qta_sealer_create(&writer->sealer, &writer->folder, options->compression_level,
                                   index_segment, writer, err);
    /* the new run's first chunk comes before the old ones go: it says that a run was here */
    if (status == QTA_OK)
        status = open_journal(writer, options, names, recovery, err);
    if (status == QTA_OK)
        status = start_sealer(writer, err);
    return status;
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
        status = open_session(writer, options, names, &recovery, err);
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
    assert(tick->type > QTA_TICK_NONE && tick->type < QTA_TICK_TYPE_END);
    assert(tick->rx_seq == writer->next_seq);
    assert(tick->ts_recv_ns >= writer->last_ts_recv_ns);
    enum qta_status status = qta_journal_writer_append(writer->journal, tick, err);
    if (status != QTA_OK)
        return status;
    writer->next_seq++;
    writer->last_ts_recv_ns = tick->ts_recv_ns;
    return QTA_OK;
}

enum qta_status qta_session_writer_append_raw(struct qta_session_writer *writer,
                                              const struct qta_raw_frame *frame,
                                              struct qta_error *err)
{
    assert(!writer->is_closed);
    assert(frame->stored_length <= frame->length);
    assert(frame->first_seq > 0 && frame->first_seq + frame->tick_count <= writer->next_seq);
    assert(frame->tick_count > 0 || frame->first_seq == writer->next_seq);
    assert(frame->ts_recv_ns >= writer->last_ts_recv_ns);
    enum qta_status status = qta_journal_writer_append_raw(writer->journal, frame, err);
    if (status == QTA_OK)
        writer->last_ts_recv_ns = frame->ts_recv_ns;
    return status;
}

enum qta_status qta_session_writer_append_note(struct qta_session_writer *writer,
                                               const struct qta_tick *tick, struct qta_error *err)
{
    assert(!writer->is_closed);
    assert(tick->rx_seq == writer->next_seq);
    assert(tick->ts_recv_ns >= writer->last_ts_recv_ns);
    enum qta_status status = qta_journal_writer_append_note(writer->journal, tick, err);
    if (status != QTA_OK)
        return status;
    writer->next_seq++;
    writer->last_ts_recv_ns = tick->ts_recv_ns;
    return QTA_OK;
}

enum qta_status qta_session_writer_resume(struct qta_session_writer *writer, struct qta_error *err)
{
    assert(!writer->is_closed);
    return qta_journal_writer_resume(writer->journal, err);
}

enum qta_status qta_session_writer_commit(struct qta_session_writer *writer, struct qta_error *err)
{
    assert(!writer->is_closed);
    return qta_journal_writer_commit(writer->journal, err);
}

/* ---- counting ------------------------------------------------------------------------------ */

void qta_session_counters_init(struct qta_session_counters *counters)
{
    enum { MS = 1000000 };
    static const int64_t bounds_ns[] = {INT64_C(1) * MS,    INT64_C(5) * MS,    INT64_C(10) * MS,
                                        INT64_C(25) * MS,   INT64_C(50) * MS,   INT64_C(100) * MS,
                                        INT64_C(250) * MS,  INT64_C(500) * MS,  INT64_C(1000) * MS,
                                        INT64_C(2500) * MS, INT64_C(5000) * MS, INT64_C(10000) * MS,
                                        INT64_C(60000) * MS};
    atomic_init(&counters->segments, 0);
    atomic_init(&counters->records, 0);
    atomic_init(&counters->bytes, 0);
    atomic_init(&counters->failures, 0);
    qta_histogram_init(&counters->seal_time, bounds_ns, sizeof bounds_ns / sizeof bounds_ns[0]);
}

void qta_session_writer_count(struct qta_session_writer *writer,
                              struct qta_session_counters *counters)
{
    atomic_store_explicit(&writer->counters, counters, memory_order_release);
}

uint64_t qta_session_writer_journal_bytes(const struct qta_session_writer *writer)
{
    return qta_journal_writer_total_bytes(writer->journal);
}

/* ---- closing ------------------------------------------------------------------------------- */

/* One that had to be given up is tried once more: what failed may be over. */
static enum qta_status reopen_index(struct qta_session_writer *writer, struct qta_error *err)
{
    enum qta_status status = qta_session_index_open(&writer->index, &writer->folder, err);
    return status == QTA_OK ? qta_session_index_start_run(writer->index, &writer->header, err)
                            : status;
}

static void close_index(struct qta_session_writer *writer)
{
    struct qta_error err;
    int64_t now_ns = qta_realtime_ns(writer->folder.environment);
    enum qta_status status = writer->index ? QTA_OK : reopen_index(writer, &err);
    if (status == QTA_OK)
        status = qta_session_index_end_run(writer->index, writer->header.run, now_ns, &err);
    if (status == QTA_OK)
        status = qta_session_index_finish(writer->index, &err);
    if (status == QTA_OK)
        return;
    qta_log(QTA_LOG_WARNING, "storage", "%s: the next run makes the index anew", err.message);
    qta_session_index_destroy(writer->index);
    writer->index = NULL;
}

enum qta_status qta_session_writer_close(struct qta_session_writer *writer, struct qta_error *err)
{
    assert(!writer->is_closed);
    writer->is_closed = true;
    qta_journal_writer_finish(writer->journal);
    stop_sealer(writer);
    enum qta_status status = QTA_OK;
    for (uint32_t number; status == QTA_OK && (number = next_chunk(writer)) != 0;)
        status = seal_next(writer, number, err);
    if (status != QTA_OK) { /* then the journal has to last */
        qta_journal_writer_sync(writer->journal, NULL);
        return qta_error_prefix(err, status, "cannot seal session '%s', its journal is kept",
                                writer->folder.path);
    }
    close_index(writer);
    return QTA_OK;
}

bool qta_session_writer_has_index(const struct qta_session_writer *writer)
{
    return writer->index != NULL;
}

void qta_session_writer_destroy(struct qta_session_writer *writer)
{
    if (!writer)
        return;
    stop_sealer(writer);
    qta_journal_writer_destroy(writer->journal);
    qta_sealer_destroy(writer->sealer);
    qta_session_index_destroy(writer->index);
    qta_file_numbers_finish(&writer->old_chunks);
    if (writer->is_folder_open)
        qta_session_folder_close(&writer->folder);
    free(writer);
}
