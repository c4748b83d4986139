/* Sizes and ages are taken first, of all sessions; then the oldest go until the rest is within the
 * limits. How much room a removal makes is reckoned, not measured: a reader that still has the
 * files open keeps the room, and must not cost the next session its life. */
#include "storage/retention.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "core/calendar.h"
#include "storage/journal_reader.h"
#include "storage/segment_reader.h"
#include "storage/session_list.h"
#include "storage/session_removal.h"

struct candidate {
    const char *name;
    uint64_t bytes;
    int64_t last_written_ns;
    bool is_kept; /* pinned, being written, or not to be opened */
};

struct retention {
    struct qta_environment *environment;
    const struct qta_retention_options *options;
    struct qta_session_list sessions;
    struct candidate *candidates;
    uint64_t total_bytes;
    int64_t free_bytes;
    struct qta_retention_result *result;
};

struct qta_retention_options qta_retention_options_default(void)
{
    return (struct qta_retention_options){.keep_days = 0};
}

/* ---- when a session was written ------------------------------------------------------------ */

static int64_t later(int64_t left_ns, int64_t right_ns)
{
    return left_ns > right_ns ? left_ns : right_ns;
}

/* By the last segment and the last chunk. */
static int64_t written_by_headers(const struct qta_session_folder *folder)
{
    struct qta_file_numbers numbers;
    int64_t last_ns = INT64_MIN;
    if (qta_session_folder_list(folder, QTA_FILE_SEGMENT, &numbers, NULL) == QTA_OK) {
        struct qta_segment_header header;
        if (numbers.count > 0 && qta_segment_reader_peek(folder, numbers.numbers[numbers.count - 1],
                                                         &header, NULL) == QTA_OK)
            last_ns = later(header.created_ns, header.span.last_ts_recv_ns);
        qta_file_numbers_finish(&numbers);
    }
    if (qta_session_folder_list(folder, QTA_FILE_JOURNAL, &numbers, NULL) == QTA_OK) {
        struct qta_journal_reader journal = {0};
        if (numbers.count > 0 &&
            qta_journal_reader_open(&journal, folder, numbers.numbers[numbers.count - 1], NULL) ==
                QTA_OK) {
            last_ns = later(last_ns, journal.header.created_ns);
            qta_journal_reader_close(&journal);
        }
        qta_file_numbers_finish(&numbers);
    }
    return last_ns;
}

struct newest {
    const struct qta_session_folder *folder;
    int fd;
    int64_t modified_ns;
};

static bool note_modified(void *user, const char *name)
{
    struct newest *newest = user;
    struct qta_environment *env = newest->folder->environment;
    struct qta_file_status status;
    if (env->ops->status_at(env, newest->fd, name, &status) == 0 && status.is_file)
        newest->modified_ns = later(newest->modified_ns, status.modified_ns);
    return true;
}

static int64_t written_by_files(const struct qta_session_folder *folder)
{
    struct qta_environment *env = folder->environment;
    const int fds[] = {folder->root_fd, folder->folder_fds[QTA_FILE_SEGMENT],
                       folder->folder_fds[QTA_FILE_JOURNAL]};
    struct newest newest = {.folder = folder, .modified_ns = INT64_MIN};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        newest.fd = fds[i];
        if (fds[i] >= 0)
            env->ops->list(env, fds[i], note_modified, &newest);
    }
    return newest.modified_ns;
}

static void weigh(struct retention *retention, const char *name, struct candidate *candidate)
{
    struct qta_session_folder folder;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", retention->sessions.path, name);
    *candidate = (struct candidate){.name = name, .is_kept = true};
    if (length < 0 || (size_t)length >= sizeof path ||
        qta_session_folder_open(&folder, path, retention->environment, NULL) != QTA_OK)
        return;
    candidate->bytes = qta_session_folder_bytes(&folder);
    candidate->last_written_ns = written_by_headers(&folder);
    if (candidate->last_written_ns == INT64_MIN)
        candidate->last_written_ns = written_by_files(&folder);
    candidate->is_kept = candidate->last_written_ns == INT64_MIN ||
                         qta_session_folder_is_pinned(&folder) ||
                         qta_session_folder_is_locked(&folder);
    qta_session_folder_close(&folder);
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *a = left;
    const struct candidate *b = right;
    if (a->last_written_ns != b->last_written_ns)
        return a->last_written_ns < b->last_written_ns ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* ---- removing ------------------------------------------------------------------------------ */

/* 0 when it may stay. */
static enum qta_removal_reason find_reason(const struct retention *retention,
                                           const struct candidate *candidate, int64_t now_ns)
{
    const struct qta_retention_options *options = retention->options;
    const int64_t day_ns = INT64_C(1000000000) * QTA_DAY_S;
    if (options->keep_days > 0 && now_ns > candidate->last_written_ns &&
        (now_ns - candidate->last_written_ns) / day_ns >= options->keep_days)
        return QTA_REMOVED_FOR_AGE;
    if (options->max_bytes > 0 && retention->total_bytes > options->max_bytes)
        return QTA_REMOVED_FOR_SIZE;
    if (options->min_free_bytes > 0 && retention->free_bytes >= 0 &&
        (uint64_t)retention->free_bytes < options->min_free_bytes)
        return QTA_REMOVED_FOR_SPACE;
    return 0;
}

static void log_removal(const struct retention *retention, const struct qta_removal *removal)
{
    const struct qta_retention_options *options = retention->options;
    char reason[96] = "";
    if (removal->reason == QTA_REMOVED_FOR_AGE)
        snprintf(reason, sizeof reason, "last written more than %" PRIu32 " day%s ago",
                 options->keep_days, options->keep_days == 1 ? "" : "s");
    if (removal->reason == QTA_REMOVED_FOR_SIZE)
        snprintf(reason, sizeof reason, "all sessions had more than %" PRIu64 " bytes",
                 options->max_bytes);
    if (removal->reason == QTA_REMOVED_FOR_SPACE)
        snprintf(reason, sizeof reason, "the disk had less than %" PRIu64 " bytes left",
                 options->min_free_bytes);
    qta_log(QTA_LOG_INFO, "retention", "removed session '%s/%s', %" PRIu64 " bytes: %s",
            retention->sessions.path, removal->name, removal->bytes, reason);
}

/* Removes one; false when it could not be. */
static bool remove_candidate(struct retention *retention, const struct qta_removal *removal)
{
    struct qta_error err;
    if (retention->options->is_dry_run)
        return true;
    enum qta_status status = qta_session_remove(retention->environment,
                                                retention->sessions.directory_fd,
                                                retention->sessions.path, removal->name, &err);
    if (status == QTA_OK) {
        log_removal(retention, removal);
        return true;
    }
    if (status == QTA_ERR_LOCKED || status == QTA_ERR_NOT_FOUND)
        return false; /* somebody was faster */
    retention->result->failed++;
    qta_log(QTA_LOG_WARNING, "retention", "%s", err.message);
    return false;
}

static void remove_oldest(struct retention *retention, qta_removal_callback on_removal, void *user)
{
    const int64_t now_ns = qta_realtime_ns(retention->environment);
    bool goes_on = true;
    for (size_t i = 0; i < retention->sessions.count && goes_on; i++) {
        const struct candidate *candidate = &retention->candidates[i];
        struct qta_removal removal = {
            .name = candidate->name,
            .bytes = candidate->bytes,
            .last_written_ns = candidate->last_written_ns,
            .reason = candidate->is_kept ? 0 : find_reason(retention, candidate, now_ns),
        };
        if (removal.reason == 0 || !remove_candidate(retention, &removal))
            continue;
        retention->total_bytes -= candidate->bytes;
        retention->free_bytes += (int64_t)candidate->bytes;
        retention->result->removed++;
        retention->result->removed_bytes += candidate->bytes;
        goes_on = !on_removal || on_removal(user, &removal);
    }
}

/* What a kill left of an earlier removal. */
static enum qta_status remove_leftovers(struct retention *retention, const char *directory,
                                        struct qta_error *err)
{
    struct qta_session_list left;
    enum qta_status status = qta_session_list_read(&left, directory, true, retention->environment,
                                                   err);
    for (size_t i = 0; i < left.count && !retention->options->is_dry_run; i++) {
        struct qta_error cause;
        enum qta_status result = qta_session_remove_leftover(
            retention->environment, left.directory_fd, left.path, left.names[i], &cause);
        if (result == QTA_OK)
            qta_log(QTA_LOG_INFO, "retention", "removed '%s/%s', which a removal had left",
                    left.path, left.names[i]);
        else if (result != QTA_ERR_LOCKED && result != QTA_ERR_NOT_FOUND)
            qta_log(QTA_LOG_WARNING, "retention", "%s", cause.message);
    }
    qta_session_list_finish(&left);
    return status;
}

enum qta_status qta_retention_apply_in(const char *directory,
                                       const struct qta_retention_options *options,
                                       qta_removal_callback on_removal, void *user,
                                       struct qta_environment *environment,
                                       struct qta_retention_result *result, struct qta_error *err)
{
    assert(directory && options && result);
    struct retention retention = {.environment = environment, .options = options, .result = result};
    memset(result, 0, sizeof *result);
    enum qta_status status = remove_leftovers(&retention, directory, err);
    if (status != QTA_OK)
        return status;
    struct qta_session_list *sessions = &retention.sessions;
    status = qta_session_list_read(sessions, directory, false, environment, err);
    retention.candidates = calloc(sessions->count + 1, sizeof *retention.candidates);
    if (status == QTA_OK && !retention.candidates)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory listing '%s'", directory);
    if (status == QTA_OK && retention.candidates) {
        for (size_t i = 0; i < sessions->count; i++) {
            weigh(&retention, sessions->names[i], &retention.candidates[i]);
            retention.total_bytes += retention.candidates[i].bytes;
        }
        qsort(retention.candidates, sessions->count, sizeof *retention.candidates,
              compare_candidates);
        retention.free_bytes = environment->ops->free_bytes(environment, sessions->directory_fd);
        result->sessions = sessions->count;
        remove_oldest(&retention, on_removal, user);
        result->kept_bytes = retention.total_bytes;
    }
    free(retention.candidates);
    qta_session_list_finish(sessions);
    return status;
}

enum qta_status qta_retention_apply(const char *directory,
                                    const struct qta_retention_options *options,
                                    qta_removal_callback on_removal, void *user,
                                    struct qta_retention_result *result, struct qta_error *err)
{
    return qta_retention_apply_in(directory, options, on_removal, user, qta_environment_system(),
                                  result, err);
}
