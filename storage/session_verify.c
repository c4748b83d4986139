/* Three looks at a session: all of it is read as any reader would; then the parts of the segments
 * that a reader does without, because it has them twice; then the index. */
#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>

#include "storage/raw_links.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"
#include "storage/session_index.h"
#include "storage/session_reader.h"

struct verification {
    struct qta_session_folder folder;
    struct qta_session_verdict *verdict;
    qta_problem_callback on_problem;
    qta_progress_callback on_progress;
    void *user;
    uint64_t total_bytes;
    uint64_t read_by_type[QTA_TICK_TYPE_END];
    uint64_t told_by_type[QTA_TICK_TYPE_END]; /* by the footers */
    uint8_t session_id[QTA_SESSION_ID_BYTES];
    bool has_session_id;
    bool may_be_behind;    /* live, or cut: not everything is in segments */
    bool has_lost_footers; /* then the index knows more than the segments tell */
};

QTA_PRINTF(2, 3)
static void tell(struct verification *verification, const char *format, ...)
{
    char problem[QTA_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    verification->verdict->problems++;
    if (verification->on_problem)
        verification->on_problem(verification->user, problem);
}

/* ---- reading everything -------------------------------------------------------------------- */

static void check_times(struct verification *verification, const struct qta_tick *ticks,
                        size_t count, int64_t *last_ns)
{
    for (size_t i = 0; i < count; i++) {
        if (ticks[i].ts_recv_ns < *last_ns)
            tell(verification, "the time of receipt goes back at record %" PRIu64, ticks[i].rx_seq);
        *last_ns = ticks[i].ts_recv_ns;
        verification->read_by_type[ticks[i].type]++;
    }
}

/* Holds ticks against the stored frames that say to have produced them. */
static enum qta_status check_links(struct verification *verification, struct qta_raw_links *links,
                                   const struct qta_tick *ticks, size_t count,
                                   const struct qta_dictionary *names, struct qta_error *err)
{
    struct qta_error cause;
    for (size_t i = 0; i < count && links->reader; i++) {
        enum qta_status status;
        while ((status = qta_raw_links_take(links, &ticks[i], names, &cause)) == QTA_ERR_DAMAGED)
            tell(verification, "%s", cause.message);
        if (status != QTA_OK && err)
            *err = cause;
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

static enum qta_status finish_links(struct verification *verification, struct qta_raw_links *links,
                                    struct qta_error *err)
{
    bool is_whole = !verification->may_be_behind && verification->verdict->lost == 0;
    enum qta_status status;
    struct qta_error cause;
    while ((status = qta_raw_links_end(links, is_whole, &cause)) == QTA_ERR_DAMAGED)
        tell(verification, "%s", cause.message);
    if (status != QTA_OK && err)
        *err = cause;
    verification->verdict->raw_frames = links->frames;
    return status;
}

static enum qta_status read_all(struct verification *verification,
                                struct qta_session_reader *reader, struct qta_raw_links *links,
                                struct qta_error *err)
{
    const struct qta_dictionary *names = qta_session_reader_names(reader);
    int64_t last_ns = INT64_MIN;
    struct qta_error cause;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &cause);
        if (status == QTA_OK) {
            check_times(verification, ticks, count, &last_ns);
            verification->verdict->records += count;
            status = check_links(verification, links, ticks, count, names, err);
            if (status != QTA_OK)
                return status;
        } else if (status == QTA_ERR_DAMAGED) {
            tell(verification, "%s", cause.message);
        } else {
            if (status != QTA_ERR_END && err)
                *err = cause;
            return status == QTA_ERR_END ? QTA_OK : status;
        }
        if (verification->on_progress)
            verification->on_progress(verification->user, qta_session_reader_done_bytes(reader),
                                      verification->total_bytes);
    }
}

static enum qta_status verify_ticks(struct verification *verification, const char *path,
                                    struct qta_error *err)
{
    struct qta_session_reader *reader;
    enum qta_status status = qta_session_reader_create_in(&reader, path, NULL,
                                                          verification->folder.environment, err);
    if (status != QTA_OK)
        return status;
    struct qta_raw_links links;
    status = qta_raw_links_begin(&links, path, verification->folder.environment, err);
    if (status == QTA_OK)
        status = read_all(verification, reader, &links, err);
    verification->verdict->lost = qta_session_reader_lost(reader);
    verification->verdict->lost_before = qta_session_reader_known_lost(reader);
    verification->verdict->blocks = qta_session_reader_blocks(reader);
    if (status == QTA_OK)
        status = finish_links(verification, &links, err);
    qta_raw_links_finish(&links);
    qta_session_reader_destroy(reader);
    return status;
}

/* ---- segments ------------------------------------------------------------------------------ */

static bool ignore_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                        size_t length)
{
    (void)user;
    (void)kind;
    (void)id;
    (void)name;
    (void)length;
    return true;
}

/* The head of a frame says what the footer says. */
static bool heads_match(const struct qta_frame *left, const struct qta_frame *right)
{
    return left->kind == right->kind && left->codec_version == right->codec_version &&
           left->payload_bytes == right->payload_bytes &&
           left->payload_checksum == right->payload_checksum && left->count == right->count &&
           qta_raw_span_equals(&left->raw, &right->raw) &&
           (left->kind != QTA_FRAME_TICKS || qta_tick_span_equals(&left->span, &right->span));
}

static enum qta_status verify_hole(struct verification *verification,
                                   struct qta_segment_reader *segment, const char *label,
                                   const struct qta_frame *frame, struct qta_error *err)
{
    const uint8_t *payload;
    struct qta_known_hole hole;
    struct qta_error cause;
    enum qta_status status = qta_segment_reader_payload(segment, frame, &payload, &cause);
    if (status == QTA_OK && !qta_known_hole_load(&hole, payload, frame->payload_bytes))
        status = qta_error_set(&cause, QTA_ERR_DAMAGED, "it makes no sense");
    if (status == QTA_ERR_DAMAGED) {
        tell(verification, "'%s': the known hole at byte %" PRIu64 " is damaged (%s)", label,
             frame->offset, cause.message);
        return QTA_OK;
    }
    if (status != QTA_OK && err)
        *err = cause;
    return status;
}

static enum qta_status verify_stored_frames(struct verification *verification,
                                            struct qta_segment_reader *segment, const char *label,
                                            const struct qta_frame *frame, struct qta_error *err)
{
    struct qta_raw_cursor block;
    struct qta_raw_frame raw;
    struct qta_error cause;
    enum qta_status status = qta_segment_reader_raw(segment, frame, &block, &cause);
    if (status == QTA_OK) {
        while (qta_raw_cursor_next(&block, &raw))
            continue;
        if (!qta_raw_cursor_is_at_end(&block))
            status = qta_error_set(&cause, QTA_ERR_DAMAGED, "its content makes no sense");
    }
    if (status == QTA_ERR_DAMAGED) {
        tell(verification,
             "'%s': the stored frames at byte %" PRIu64 " are damaged (%s): %" PRIu32
             " frames, received with records %" PRIu64 " to %" PRIu64 ", are lost",
             label, frame->offset, cause.message, frame->count, frame->raw.first_seq,
             frame->raw.end_seq);
        return QTA_OK;
    }
    if (status != QTA_OK && err)
        *err = cause;
    return status;
}

static enum qta_status verify_frame(struct verification *verification,
                                    struct qta_segment_reader *segment, const char *label,
                                    const struct qta_frame *frame, uint64_t *end,
                                    struct qta_error *err)
{
    struct qta_environment *env = segment->environment;
    uint8_t head[QTA_FRAME_HEAD_BYTES];
    struct qta_frame stored;
    struct qta_error cause;
    if (frame->offset != *end)
        tell(verification, "'%s': bytes %" PRIu64 " to %" PRIu64 " belong to no block", label, *end,
             frame->offset);
    *end = frame->offset + sizeof head + frame->payload_bytes;
    ssize_t got = env->ops->pread(env, segment->fd, head, sizeof head, (int64_t)frame->offset);
    if (got < 0)
        return qta_error_set_errno(err, "cannot read '%s'", label);
    if ((size_t)got < sizeof head ||
        !qta_frame_head_load(&stored, segment->number, frame->offset, head) ||
        !heads_match(&stored, frame))
        tell(verification, "'%s': the head of the block at byte %" PRIu64 " is damaged", label,
             frame->offset);
    if (frame->kind == QTA_FRAME_STORED)
        return verify_stored_frames(verification, segment, label, frame, err);
    if (frame->kind == QTA_FRAME_HOLE)
        return verify_hole(verification, segment, label, frame, err);
    if (frame->kind != QTA_FRAME_NAMES && frame->kind != QTA_FRAME_NAMES_COPY)
        return QTA_OK; /* ticks have been read */
    enum qta_status status = qta_segment_reader_names_of(segment, frame, ignore_name, NULL, &cause);
    if (status == QTA_ERR_DAMAGED) {
        tell(verification, "'%s': the names at byte %" PRIu64 " are damaged (%s)", label,
             frame->offset, cause.message);
        return QTA_OK;
    }
    if (status != QTA_OK && err)
        *err = cause;
    return status;
}

static enum qta_status verify_trailer(struct verification *verification,
                                      const struct qta_segment_reader *segment, const char *label,
                                      struct qta_error *err)
{
    struct qta_environment *env = segment->environment;
    uint8_t trailer[QTA_SEGMENT_TRAILER_BYTES];
    uint8_t head[QTA_FRAME_HEAD_BYTES];
    struct qta_frame footer;
    uint64_t offset = segment->header.footer_offset;
    int64_t position = (int64_t)segment->bytes - QTA_SEGMENT_TRAILER_BYTES;
    ssize_t got = env->ops->pread(env, segment->fd, trailer, sizeof trailer, position);
    if (got < 0)
        return qta_error_set_errno(err, "cannot read '%s'", label);
    if ((size_t)got < sizeof trailer ||
        !qta_segment_trailer_load(segment->number, trailer, &offset))
        tell(verification, "'%s': the trailer is damaged", label);
    if (segment->footer_is_damaged) {
        tell(verification, "'%s': the footer is damaged", label);
        return QTA_OK;
    }
    got = env->ops->pread(env, segment->fd, head, sizeof head, (int64_t)offset);
    if (got != sizeof head || !qta_frame_head_load(&footer, segment->number, offset, head) ||
        offset + sizeof head + footer.payload_bytes != (uint64_t)position)
        tell(verification, "'%s': the footer is not followed by the trailer", label);
    return QTA_OK;
}

static void verify_header(struct verification *verification,
                          const struct qta_segment_reader *segment, const char *label)
{
    if (segment->header_is_damaged) {
        tell(verification, "'%s': the header is damaged", label);
        return;
    }
    const uint8_t *id = segment->header.session_id;
    if (!verification->has_session_id)
        memcpy(verification->session_id, id, sizeof verification->session_id);
    else if (memcmp(verification->session_id, id, sizeof verification->session_id) != 0)
        tell(verification, "'%s' is of another session", label);
    verification->has_session_id = true;
    struct qta_tick_span span;
    qta_segment_reader_span(segment, &span);
    if (!segment->footer_is_damaged && !qta_tick_span_equals(&span, &segment->header.span))
        tell(verification, "'%s': the header does not match the blocks", label);
}

static enum qta_status verify_segment(struct verification *verification, uint32_t number,
                                      struct qta_error *err)
{
    struct qta_segment_reader segment;
    char label[QTA_FILE_NAME_BYTES];
    qta_session_file_label(label, QTA_FILE_SEGMENT, number);
    enum qta_status status = qta_segment_reader_open(&segment, &verification->folder, number, err);
    if (status == QTA_ERR_DAMAGED || status == QTA_ERR_NOT_FOUND) {
        verification->has_lost_footers = true;
        return QTA_OK; /* reading has told it */
    }
    if (status != QTA_OK)
        return status;
    verification->has_lost_footers |= segment.header_is_damaged || segment.footer_is_damaged;
    verify_header(verification, &segment, label);
    for (size_t type = 0; type < QTA_TICK_TYPE_END; type++)
        verification->told_by_type[type] += segment.footer.by_type[type];
    uint64_t end = QTA_SEGMENT_HEADER_BYTES;
    for (size_t i = 0; i < segment.footer.frame_count && status == QTA_OK; i++)
        status = verify_frame(verification, &segment, label, &segment.footer.frames[i], &end, err);
    if (status == QTA_OK)
        status = verify_trailer(verification, &segment, label, err);
    qta_segment_reader_close(&segment);
    return status;
}

static enum qta_status verify_segments(struct verification *verification, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_list(&verification->folder, QTA_FILE_SEGMENT,
                                                     &numbers, err);
    for (size_t i = 0; i < numbers.count && status == QTA_OK; i++)
        status = verify_segment(verification, numbers.numbers[i], err);
    qta_file_numbers_finish(&numbers);
    /* where nothing is wrong, and all is in segments, both counts are of the same ticks */
    if (status == QTA_OK && verification->verdict->problems == 0 && !verification->may_be_behind &&
        memcmp(verification->read_by_type, verification->told_by_type,
               sizeof verification->read_by_type) != 0)
        tell(verification, "the footers of the segments count other ticks than the blocks have");
    return status;
}

/* ---- all ----------------------------------------------------------------------------------- */

static enum qta_status measure(struct verification *verification, struct qta_error *err)
{
    struct qta_environment *env = verification->folder.environment;
    for (int kind = 0; kind < 2; kind++) {
        struct qta_file_numbers numbers;
        enum qta_status status = qta_session_folder_list(
            &verification->folder, (enum qta_session_file)kind, &numbers, err);
        if (status != QTA_OK)
            return status;
        if (kind == QTA_FILE_JOURNAL && numbers.count > 0)
            verification->may_be_behind = true;
        for (size_t i = 0; i < numbers.count; i++) {
            int fd = qta_session_folder_open_file(
                &verification->folder, (enum qta_session_file)kind, numbers.numbers[i], O_RDONLY);
            if (fd < 0)
                continue;
            int64_t size = env->ops->size(env, fd);
            verification->total_bytes += size > 0 ? (uint64_t)size : 0;
            env->ops->close(env, fd);
        }
        qta_file_numbers_finish(&numbers);
    }
    if (qta_session_folder_is_locked(&verification->folder))
        verification->may_be_behind = true;
    return QTA_OK;
}

enum qta_status qta_session_verify(const char *path, qta_problem_callback on_problem,
                                   qta_progress_callback on_progress, void *user,
                                   struct qta_session_verdict *verdict, struct qta_error *err)
{
    assert(path && verdict);
    struct verification verification = {
        .verdict = verdict,
        .on_problem = on_problem,
        .on_progress = on_progress,
        .user = user,
    };
    memset(verdict, 0, sizeof *verdict);
    enum qta_status status = qta_session_folder_open(&verification.folder, path,
                                                     qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = measure(&verification, err);
    if (status == QTA_OK)
        status = verify_ticks(&verification, path, err);
    if (status == QTA_OK)
        status = verify_segments(&verification, err);
    if (status == QTA_OK)
        status = qta_session_index_compare(
            &verification.folder, verification.may_be_behind || verification.has_lost_footers,
            on_problem, user, &verdict->problems, err);
    qta_session_folder_close(&verification.folder);
    if (status != QTA_OK || verdict->problems == 0)
        return status;
    return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' has %" PRIu64 " problem%s", path,
                         verdict->problems, verdict->problems == 1 ? "" : "s");
}
