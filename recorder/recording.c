/* Sessions by day over the session writer. Sealing a whole day takes seconds, in which no socket
 * must wait: at midnight the old writer goes to a thread that does nothing but close it. */
#include "recorder/recording.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "core/timezone.h"
#include "recorder/retention_agent.h"
#include "storage/session_writer.h"

/* Two days' paths: a reader of the old one may still be at it when the new one is set. */
enum { PATH_COUNT = 2 };

struct qta_recording {
    struct qta_session_writer *writer;
    struct qta_session_writer_options writer_options; /* timezone is ours, path is not kept */
    const struct qta_dictionary *names;
    struct qta_environment *environment;
    struct qta_timezone *zone;
    char *directory;
    int64_t day_end_ns;
    struct qta_session_writer *next_writer; /* between open_next and rotate */
    char *next_path;
    int64_t next_ts_ns;

    char *paths[PATH_COUNT];
    _Atomic(const char *) path;
    struct qta_session_counters sealed;
    _Atomic uint64_t journal_bytes;

    bool has_raw_frames;
    struct qta_retention_options limits;
    struct qta_retention_agent *retention; /* NULL while there is none */

    bool has_thread_allowed;
    bool has_closer;
    pthread_t closer;
};

static char *session_path(const char *directory, struct qta_date date)
{
    assert(directory);
    char day[16];
    qta_date_print(date, day);
    char *path;
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", directory, slash, day) < 0 ? NULL : path;
}

/* ---- opening and closing days -----------------------------------------------------------------
 */

/* Opens the session of that instant's day into *writer and *path. */
static enum qta_status open_day(struct qta_recording *recording, int64_t ts_ns,
                                struct qta_session_writer **writer, char **path,
                                struct qta_error *err)
{
    char *text = session_path(recording->directory, qta_timezone_date(recording->zone, ts_ns));
    if (!text)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening a session");
    struct qta_session_writer_options options = recording->writer_options;
    options.path = text;
    enum qta_status status = qta_session_writer_create_in(writer, &options, recording->names,
                                                          recording->environment, err);
    if (status != QTA_OK) {
        free(text);
        return status;
    }
    *path = text;
    return QTA_OK;
}

static void begin_day(struct qta_recording *recording, int64_t ts_ns,
                      struct qta_session_writer *writer, char *path)
{
    struct qta_date date = qta_timezone_date(recording->zone, ts_ns);
    recording->writer = writer;
    qta_session_writer_count(writer, &recording->sealed);
    recording->day_end_ns = qta_timezone_midnight_ns(recording->zone, qta_date_next(date));
    assert(recording->day_end_ns > ts_ns);
    free(recording->paths[PATH_COUNT - 1]);
    memmove(&recording->paths[1], &recording->paths[0],
            (PATH_COUNT - 1) * sizeof recording->paths[0]);
    recording->paths[0] = path;
    atomic_store_explicit(&recording->path, path, memory_order_release);
}

static void close_old_day(struct qta_session_writer *writer)
{
    struct qta_error err;
    if (qta_session_writer_close(writer, &err) != QTA_OK)
        qta_log(QTA_LOG_WARNING, "recording",
                "%s; the day before is whole, but not sealed: the next start does that",
                err.message);
    qta_session_writer_destroy(writer);
}

static void *closer_main(void *writer)
{
    close_old_day(writer);
    return NULL;
}

static void join_closer(struct qta_recording *recording)
{
    if (recording->has_closer)
        pthread_join(recording->closer, NULL);
    recording->has_closer = false;
}

static void hand_to_closer(struct qta_recording *recording, struct qta_session_writer *writer)
{
    join_closer(recording); /* it has had a day */
    if (recording->has_thread_allowed) {
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        recording->has_closer = pthread_create(&recording->closer, NULL, closer_main, writer) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    if (!recording->has_closer)
        close_old_day(writer);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static enum qta_status copy_options(struct qta_recording *recording,
                                    const struct qta_recording_options *options,
                                    struct qta_error *err)
{
    if (!options->directory || options->directory[0] == '\0')
        return qta_error_set(err, QTA_ERR_CONFIG, "recording has no directory");
    const char *zone = options->timezone ? options->timezone : "UTC";
    recording->directory = strdup(options->directory);
    char *timezone = strdup(zone);
    recording->writer_options = (struct qta_session_writer_options){
        .timezone = timezone,
        .fsync_interval_ns = options->fsync_interval_ns,
        .compression_level = options->compression_level,
        .journal_chunk_bytes = options->journal_chunk_bytes,
        .journal_max_bytes = options->journal_max_bytes,
    };
    recording->has_raw_frames = options->has_raw_frames;
    recording->limits = (struct qta_retention_options){
        .keep_days = options->keep_days,
        .max_bytes = options->max_size_bytes,
        .min_free_bytes = options->min_free_bytes,
    };
    if (!recording->directory || !timezone)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening a recording");
    enum qta_status status = qta_timezone_create(&recording->zone, zone, err);
    if (status == QTA_OK || status == QTA_ERR_NOMEM)
        return status;
    return qta_error_prefix(err, QTA_ERR_CONFIG, "recording.timezone");
}

enum qta_status qta_recording_create(struct qta_recording **out,
                                     const struct qta_recording_options *options,
                                     const struct qta_dictionary *names,
                                     struct qta_environment *environment, int64_t realtime_ns,
                                     struct qta_error *err)
{
    struct qta_recording *recording = calloc(1, sizeof *recording);
    if (!recording)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening a recording");
    recording->names = names;
    recording->environment = environment;
    qta_session_counters_init(&recording->sealed);
    struct qta_session_writer *writer = NULL;
    char *path = NULL;
    enum qta_status status = copy_options(recording, options, err);
    if (status == QTA_OK)
        status = open_day(recording, realtime_ns, &writer, &path, err);
    if (status != QTA_OK) {
        qta_recording_destroy(recording);
        return status;
    }
    begin_day(recording, realtime_ns, writer, path);
    *out = recording;
    return QTA_OK;
}

void qta_recording_destroy(struct qta_recording *recording)
{
    if (!recording)
        return;
    qta_retention_agent_stop(recording->retention);
    join_closer(recording);
    qta_session_writer_destroy(recording->writer);
    qta_session_writer_destroy(recording->next_writer);
    free(recording->next_path);
    qta_timezone_destroy(recording->zone);
    for (int i = 0; i < PATH_COUNT; i++)
        free(recording->paths[i]);
    free((void *)(uintptr_t)recording->writer_options.timezone);
    free(recording->directory);
    free(recording);
}

void qta_recording_allow_thread(struct qta_recording *recording, bool is_allowed)
{
    recording->has_thread_allowed = is_allowed;
    qta_retention_agent_stop(recording->retention);
    recording->retention = is_allowed
                               ? qta_retention_agent_start(recording->directory, &recording->limits,
                                                           recording->environment)
                               : NULL;
}

void qta_recording_set_limits(struct qta_recording *recording,
                              const struct qta_retention_options *limits)
{
    const struct qta_retention_options *before = &recording->limits;
    if (before->keep_days == limits->keep_days && before->max_bytes == limits->max_bytes &&
        before->min_free_bytes == limits->min_free_bytes)
        return;
    recording->limits = *limits;
    if (recording->retention)
        qta_retention_agent_change(recording->retention, limits);
    else if (recording->has_thread_allowed)
        recording->retention = qta_retention_agent_start(recording->directory, limits,
                                                         recording->environment);
    qta_log(QTA_LOG_INFO, "retention", "limits changed");
}

enum qta_status qta_recording_open_next(struct qta_recording *recording, int64_t ts_recv_ns,
                                        struct qta_error *err)
{
    assert(ts_recv_ns >= recording->day_end_ns);
    assert(!recording->next_writer);
    recording->next_ts_ns = ts_recv_ns;
    return open_day(recording, ts_recv_ns, &recording->next_writer, &recording->next_path, err);
}

void qta_recording_rotate(struct qta_recording *recording)
{
    assert(recording->next_writer);
    struct qta_session_writer *old = recording->writer;
    begin_day(recording, recording->next_ts_ns, recording->next_writer, recording->next_path);
    recording->next_writer = NULL;
    recording->next_path = NULL;
    hand_to_closer(recording, old);
    qta_retention_agent_wake(recording->retention);
}

enum qta_status qta_recording_close(struct qta_recording *recording, struct qta_error *err)
{
    qta_retention_agent_stop(recording->retention);
    recording->retention = NULL;
    join_closer(recording);
    if (!recording->writer)
        return QTA_OK;
    enum qta_status status = qta_session_writer_close(recording->writer, err);
    qta_session_writer_destroy(recording->writer);
    recording->writer = NULL;
    if (recording->next_writer) /* the day could not be changed: nothing is in it yet */
        qta_session_writer_close(recording->next_writer, NULL);
    return status;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

uint64_t qta_recording_next_seq(const struct qta_recording *recording)
{
    return qta_session_writer_next_seq(recording->writer);
}

int64_t qta_recording_last_ts_recv_ns(const struct qta_recording *recording)
{
    return qta_session_writer_last_ts_recv_ns(recording->writer);
}

int64_t qta_recording_day_end_ns(const struct qta_recording *recording)
{
    return recording->day_end_ns;
}

enum qta_conn_cause qta_recording_interruption(const struct qta_recording *recording)
{
    if (qta_session_writer_last_ts_recv_ns(recording->writer) == QTA_TIME_UNKNOWN)
        return QTA_CAUSE_NONE;
    return qta_session_writer_was_cut(recording->writer) ? QTA_CAUSE_CRASH : QTA_CAUSE_STOP;
}

static void fill_run_record(struct qta_tick *tick, enum qta_conn_state state,
                            enum qta_conn_cause cause)
{
    qta_tick_init(tick, QTA_TICK_CONN);
    tick->conn_event.state = (uint8_t)state;
    tick->conn_event.cause = (uint8_t)cause;
}

size_t qta_recording_start_records(const struct qta_recording *recording,
                                   struct qta_tick ticks[QTA_START_RECORDS_MAX])
{
    size_t count = 0;
    if (qta_session_writer_was_cut(recording->writer))
        fill_run_record(&ticks[count++], QTA_CONN_RUN_CUT, QTA_CAUSE_CRASH);
    fill_run_record(&ticks[count++], QTA_CONN_RUN_STARTED, QTA_CAUSE_NONE);
    enum qta_conn_cause cause = qta_recording_interruption(recording);
    if (cause != QTA_CAUSE_NONE) {
        struct qta_tick *gap = &ticks[count++];
        qta_tick_init(gap, QTA_TICK_GAP);
        gap->gap.scope = QTA_GAP_SESSION;
        gap->gap.cause = (uint8_t)cause;
        gap->gap.last_good_ns = qta_recording_last_ts_recv_ns(recording);
        gap->gap.first_good_ns = QTA_TIME_UNKNOWN;
    }
    return count;
}

enum qta_status qta_recording_append(struct qta_recording *recording, const struct qta_tick *tick,
                                     struct qta_error *err)
{
    return qta_session_writer_append(recording->writer, tick, err);
}

enum qta_status qta_recording_append_note(struct qta_recording *recording,
                                          const struct qta_tick *tick, struct qta_error *err)
{
    return qta_session_writer_append_note(recording->writer, tick, err);
}

enum qta_status qta_recording_resume(struct qta_recording *recording, struct qta_error *err)
{
    return qta_session_writer_resume(recording->writer, err);
}

bool qta_recording_has_raw_frames(const struct qta_recording *recording)
{
    return recording->has_raw_frames;
}

enum qta_status qta_recording_append_raw(struct qta_recording *recording,
                                         const struct qta_raw_frame *frame, struct qta_error *err)
{
    return qta_session_writer_append_raw(recording->writer, frame, err);
}

enum qta_status qta_recording_commit(struct qta_recording *recording, struct qta_error *err)
{
    return qta_session_writer_commit(recording->writer, err);
}

void qta_recording_look(struct qta_recording *recording)
{
    if (recording->writer)
        atomic_store_explicit(&recording->journal_bytes,
                              qta_session_writer_journal_bytes(recording->writer),
                              memory_order_relaxed);
}

void qta_recording_figures(const struct qta_recording *recording,
                           struct qta_recording_figures *figures)
{
    *figures = (struct qta_recording_figures){
        .sealed = &recording->sealed,
        .journal_bytes = atomic_load_explicit(&recording->journal_bytes, memory_order_relaxed),
        .journal_max_bytes = recording->writer_options.journal_max_bytes,
    };
}

const char *qta_recording_path(const struct qta_recording *recording)
{
    return atomic_load_explicit(&recording->path, memory_order_acquire);
}
