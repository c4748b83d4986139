/* The new session is built under a hidden name beside its place and renamed when it has been
 * verified: a kill leaves no session that looks whole. Units are taken in order; a chunk is copied
 * and sealed there as any other, and what comes out is looked at like a segment. */
#include "storage/session_repair.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/archive.h>

#include "storage/index_lookup.h"
#include "storage/journal_reader.h"
#include "storage/sealer.h"
#include "storage/segment_salvage.h"
#include "storage/session_index.h"
#include "storage/session_list.h"
#include "storage/session_removal.h"
#include "storage/session_units.h"

#define STAGE_PREFIX ".qta-repair-"

/* Where the new session comes to stand. */
struct place {
    char directory[PATH_MAX];
    char name[NAME_MAX + 1];
    char stage[NAME_MAX + 1];
    char stage_path[PATH_MAX];
    int directory_fd;
};

struct repair {
    struct qta_environment *environment;
    struct qta_session_folder source;
    struct qta_session_folder target;
    struct qta_sealer *sealer;
    struct qta_salvage salvage;
    struct place place;
    uint64_t end_seq; /* behind the last record that some header or the index knows */
};

/* ---- the place ----------------------------------------------------------------------------- */

static enum qta_status split_path(struct place *place, const char *output, struct qta_error *err)
{
    char path[PATH_MAX];
    size_t length = strlen(output);
    while (length > 1 && output[length - 1] == '/')
        length--;
    if (length == 0 || length >= sizeof path)
        return qta_error_set(err, QTA_ERR_USAGE, "the output's path is %s",
                             length == 0 ? "empty" : "too long");
    memcpy(path, output, length);
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    int written = snprintf(place->stage, sizeof place->stage, STAGE_PREFIX "%s", name);
    if (written < 0 || (size_t)written >= sizeof place->stage || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0 || name[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "'%s' is no name for a session", output);
    snprintf(place->name, sizeof place->name, "%s", name);
    if (slash)
        *slash = '\0';
    const char *directory = !slash ? "." : path[0] == '\0' ? "/" : path;
    if (!realpath(directory, place->directory))
        return qta_error_set_errno(err, "cannot open directory '%s'", directory);
    written = snprintf(place->stage_path, sizeof place->stage_path, "%s/%s", place->directory,
                       place->stage);
    if (written < 0 || (size_t)written >= sizeof place->stage_path)
        return qta_error_set(err, QTA_ERR_USAGE, "the output's path is too long");
    return QTA_OK;
}

/* Nothing may be there but what an earlier repair left. */
static enum qta_status clear_place(struct repair *repair, const char *output, struct qta_error *err)
{
    struct place *place = &repair->place;
    struct qta_environment *env = repair->environment;
    struct qta_file_status status;
    place->directory_fd = env->ops->open_at(env, AT_FDCWD, place->directory, O_RDONLY | O_DIRECTORY,
                                            0);
    if (place->directory_fd < 0)
        return qta_error_set_errno(err, "cannot open directory '%s'", place->directory);
    if (env->ops->status_at(env, place->directory_fd, place->name, &status) == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "'%s' is there already", output);
    if (env->ops->status_at(env, place->directory_fd, place->stage, &status) != 0)
        return QTA_OK;
    return qta_session_remove_leftover(env, place->directory_fd, place->directory, place->stage,
                                       err);
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* What is wrong with a chunk is said by reading it. */
static enum qta_status check_chunk(struct repair *repair, uint32_t number, bool *is_readable,
                                   struct qta_error *err)
{
    struct qta_journal_reader journal;
    struct qta_journal_record record;
    struct qta_error cause;
    enum qta_status status = qta_journal_reader_open(&journal, &repair->source, number, &cause);
    *is_readable = status == QTA_OK;
    if (status == QTA_ERR_DAMAGED) {
        repair->salvage.has_seen_damage = true;
        qta_salvage_tell(&repair->salvage, "%s", cause.message);
        return QTA_OK;
    }
    while (status == QTA_OK || status == QTA_ERR_DAMAGED) {
        status = qta_journal_reader_next(&journal, &record, &cause);
        if (status == QTA_ERR_DAMAGED) {
            repair->salvage.has_seen_damage = true;
            qta_salvage_tell(&repair->salvage, "%s", cause.message);
        }
    }
    qta_journal_reader_close(&journal);
    if (status != QTA_ERR_END && err)
        *err = cause;
    return status == QTA_ERR_END ? QTA_OK : status;
}

static enum qta_status copy_bytes(struct repair *repair, int from, int to, const char *label,
                                  struct qta_error *err)
{
    enum { PIECE_BYTES = 1 << 18 };
    struct qta_environment *env = repair->environment;
    uint8_t *piece = malloc(PIECE_BYTES);
    int64_t position = 0;
    ssize_t got = piece ? 1 : 0;
    if (!piece)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory copying '%s'", label);
    while (got > 0) {
        got = env->ops->pread(env, from, piece, PIECE_BYTES, position);
        if (got > 0 && env->ops->pwrite(env, to, piece, (size_t)got, position) != 0)
            got = -1;
        position += got;
    }
    free(piece);
    return got < 0 ? qta_error_set_errno(err, "cannot copy '%s'", label) : QTA_OK;
}

static enum qta_status copy_chunk(struct repair *repair, uint32_t number, struct qta_error *err)
{
    struct qta_environment *env = repair->environment;
    char label[QTA_FILE_NAME_BYTES];
    qta_session_file_label(label, QTA_FILE_JOURNAL, number);
    int from = qta_session_folder_open_file(&repair->source, QTA_FILE_JOURNAL, number, O_RDONLY);
    if (from < 0)
        return qta_error_set_errno(err, "cannot open '%s'", label);
    int to = qta_session_folder_open_file(&repair->target, QTA_FILE_JOURNAL, number,
                                          O_RDWR | O_CREAT | O_TRUNC);
    enum qta_status status = to < 0 ? qta_error_set_errno(err, "cannot create '%s'", label)
                                    : copy_bytes(repair, from, to, label, err);
    env->ops->close(env, from);
    if (to >= 0)
        env->ops->close(env, to);
    return status;
}

static enum qta_status take_chunk(struct repair *repair, uint32_t number, struct qta_error *err)
{
    struct qta_environment *env = repair->environment;
    char name[QTA_FILE_NAME_BYTES];
    char aside[QTA_FILE_NAME_BYTES + 16];
    uint64_t freed_bytes;
    struct qta_file_numbers made;
    bool is_readable;
    enum qta_status status = check_chunk(repair, number, &is_readable, err);
    if (status != QTA_OK || !is_readable)
        return status;
    status = copy_chunk(repair, number, err);
    if (status == QTA_OK)
        status = qta_sealer_seal(repair->sealer, number, &freed_bytes, err);
    if (status != QTA_OK)
        return status;
    /* the sealer keeps a damaged one: the original is where it was */
    qta_session_file_name(name, QTA_FILE_JOURNAL, number);
    snprintf(aside, sizeof aside, "%s.damaged", name);
    env->ops->unlink_at(env, repair->target.folder_fds[QTA_FILE_JOURNAL], aside);
    status = qta_session_folder_list(&repair->target, QTA_FILE_SEGMENT, &made, err);
    if (status == QTA_OK && qta_file_numbers_contain(&made, number))
        status = qta_salvage_segment(&repair->salvage, &repair->target, number, err);
    qta_file_numbers_finish(&made);
    return status;
}

/* ---- units --------------------------------------------------------------------------------- */

static bool segment_is_good(struct repair *repair, uint32_t number)
{
    struct qta_segment_reader segment;
    if (qta_segment_reader_open(&segment, &repair->source, number, NULL) != QTA_OK)
        return false;
    bool is_good = !segment.header_is_damaged && !segment.footer_is_damaged;
    for (size_t i = 0; i < segment.footer.frame_count && is_good; i++) {
        const uint8_t *payload;
        is_good = qta_segment_reader_payload(&segment, &segment.footer.frames[i], &payload, NULL) ==
                  QTA_OK;
    }
    qta_segment_reader_close(&segment);
    return is_good;
}

static enum qta_status note_end(struct repair *repair, uint32_t number, struct qta_error *err)
{
    struct qta_segment_header header;
    enum qta_status status = qta_segment_reader_peek(&repair->source, number, &header, err);
    if (status == QTA_OK && header.span.last_seq >= repair->end_seq)
        repair->end_seq = header.span.last_seq + 1;
    return status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT ? QTA_OK : status;
}

/* A kill between sealing and removing leaves both forms: the chunk is there for the case that the
 * segment is not good. */
static enum qta_status take_unit(struct repair *repair, const struct qta_session_units *units,
                                 uint32_t number, struct qta_error *err)
{
    bool has_chunk = qta_file_numbers_contain(&units->journals, number);
    if (!qta_file_numbers_contain(&units->segments, number))
        return take_chunk(repair, number, err);
    enum qta_status status = note_end(repair, number, err);
    if (status != QTA_OK)
        return status;
    if (has_chunk && !segment_is_good(repair, number))
        return take_chunk(repair, number, err);
    return qta_salvage_segment(&repair->salvage, &repair->source, number, err);
}

static enum qta_status take_units(struct repair *repair, struct qta_error *err)
{
    struct qta_session_units units;
    struct qta_index_tail tail;
    enum qta_status status = qta_session_units_list(&units, &repair->source, err);
    if (status != QTA_OK)
        return status;
    for (uint32_t number = qta_session_units_from(&units, 1); number != 0 && status == QTA_OK;
         number = qta_session_units_from(&units, number + 1))
        status = take_unit(repair, &units, number, err);
    qta_session_units_finish(&units);
    if (status == QTA_OK)
        status = qta_index_find_tail(&repair->source, repair->salvage.next_seq, INT64_MIN,
                                     INT64_MAX, &tail, err);
    if (status == QTA_OK && tail.segments > 0 && tail.last_seq >= repair->end_seq)
        repair->end_seq = tail.last_seq + 1;
    return status;
}

/* What is missing at the end goes into the last segment, which is written once more for it. */
static enum qta_status note_lost_end(struct repair *repair, struct qta_error *err)
{
    struct qta_salvage *salvage = &repair->salvage;
    struct qta_repair_result kept = *salvage->result;
    struct qta_segment_header header;
    if (salvage->last_number == 0 || repair->end_seq <= salvage->next_seq)
        return QTA_OK;
    enum qta_status status = qta_segment_reader_peek(&repair->target, salvage->last_number, &header,
                                                     err);
    if (status != QTA_OK)
        return status;
    salvage->next_seq = header.span.first_seq;
    salvage->last_ts_recv_ns = INT64_MIN;
    salvage->until_seq = repair->end_seq;
    status = qta_salvage_segment(salvage, &repair->target, salvage->last_number, err);
    salvage->result->records = kept.records;
    salvage->result->segments = kept.segments;
    return status;
}

/* ---- all ----------------------------------------------------------------------------------- */

static enum qta_status build(struct repair *repair, struct qta_error *err)
{
    enum { SEAL_LEVEL = 1 };
    struct qta_salvage *salvage = &repair->salvage;
    enum qta_status status = qta_session_folder_make(&repair->target, repair->place.stage_path,
                                                     repair->environment, err);
    if (status != QTA_OK)
        return status;
    salvage->target = &repair->target;
    status = qta_salvage_init(salvage, err);
    if (status == QTA_OK)
        status = qta_sealer_create(&repair->sealer, &repair->target, SEAL_LEVEL, NULL, NULL, err);
    if (status == QTA_OK)
        status = take_units(repair, err);
    if (status == QTA_OK)
        status = note_lost_end(repair, err);
    if (status == QTA_OK)
        status = qta_session_index_remake(&repair->target, err);
    qta_sealer_destroy(repair->sealer);
    qta_salvage_finish(salvage);
    qta_session_folder_close(&repair->target);
    return status;
}

static enum qta_status check_and_name(struct repair *repair, const char *output,
                                      struct qta_error *err)
{
    struct place *place = &repair->place;
    struct qta_environment *env = repair->environment;
    struct qta_session_verdict verdict;
    struct qta_error cause;
    if (repair->salvage.last_number == 0 &&
        (repair->salvage.result->problems > 0 || repair->end_seq > 1)) {
        repair->salvage.result->lost = repair->end_seq - 1;
        return qta_error_set(err, QTA_ERR_DAMAGED, "nothing of the session can be saved");
    }
    enum qta_status status = qta_session_verify(place->stage_path, NULL, NULL, NULL, &verdict,
                                                &cause);
    if (status != QTA_OK)
        return qta_error_set(err, status == QTA_ERR_NOMEM ? status : QTA_ERR_STATE,
                             "the repaired session does not verify: %s", cause.message);
    if (verdict.records != repair->salvage.result->records)
        return qta_error_set(err, QTA_ERR_STATE,
                             "the repaired session has other records than were saved");
    if (qta_session_folder_is_pinned(&repair->source)) {
        status = qta_session_pin(place->stage_path, true, err);
        if (status != QTA_OK)
            return status;
    }
    if (env->ops->rename_at(env, place->directory_fd, place->stage, place->name) != 0)
        return qta_error_set_errno(err, "cannot name '%s'", output);
    if (env->ops->sync(env, place->directory_fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", place->directory);
    return QTA_OK;
}

static enum qta_status run(struct repair *repair, const char *path, const char *output,
                           struct qta_error *err)
{
    struct place *place = &repair->place;
    const struct qta_repair_result *result = repair->salvage.result;
    if (qta_session_folder_is_locked(&repair->source))
        return qta_error_set(err, QTA_ERR_LOCKED, "session '%s' is being written", path);
    enum qta_status status = split_path(place, output, err);
    if (status != QTA_OK)
        return status;
    status = clear_place(repair, output, err);
    if (status == QTA_OK) {
        status = build(repair, err);
        if (status == QTA_OK)
            status = check_and_name(repair, output, err);
        if (status != QTA_OK)
            qta_session_remove_leftover(repair->environment, place->directory_fd, place->directory,
                                        place->stage, NULL);
    }
    if (place->directory_fd >= 0)
        repair->environment->ops->close(repair->environment, place->directory_fd);
    if (status == QTA_OK && (result->lost > 0 || result->lost_frames > 0))
        status = qta_error_set(err, QTA_ERR_DAMAGED,
                               "'%s': %" PRIu64 " records and %" PRIu64 " stored frames are lost",
                               path, result->lost, result->lost_frames);
    return status;
}

enum qta_status qta_session_repair_in(const char *path, const char *output,
                                      qta_problem_callback on_problem, void *user,
                                      struct qta_environment *environment,
                                      struct qta_repair_result *result, struct qta_error *err)
{
    assert(path && output && result);
    struct repair *repair = calloc(1, sizeof *repair); /* its paths are long */
    if (!repair)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a repair");
    memset(result, 0, sizeof *result);
    repair->environment = environment;
    repair->place.directory_fd = -1;
    repair->salvage.on_problem = on_problem;
    repair->salvage.user = user;
    repair->salvage.result = result;
    repair->end_seq = 1;
    enum qta_status status = qta_session_folder_open(&repair->source, path, environment, err);
    if (status == QTA_OK) {
        status = run(repair, path, output, err);
        qta_session_folder_close(&repair->source);
    }
    free(repair);
    return status;
}

enum qta_status qta_session_repair(const char *path, const char *output,
                                   qta_problem_callback on_problem, void *user,
                                   struct qta_repair_result *result, struct qta_error *err)
{
    return qta_session_repair_in(path, output, on_problem, user, qta_environment_system(), result,
                                 err);
}
