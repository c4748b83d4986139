/* Each segment is written anew in a hidden folder beside the session, read back and compared with
 * the old one tick for tick, and renamed into its place: at any instant there is one of the two,
 * and a reader that has the old one open keeps it. Blocks stay as they were cut, so that the two
 * can be held against each other block by block. */
#include "storage/session_compact.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/block_decoder.h"
#include "storage/block_encoder.h"
#include "storage/name_store.h"
#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "storage/session_folder.h"
#include "storage/session_index.h"
#include "storage/session_removal.h"

#define STAGE_PREFIX ".qta-compact-"

struct compaction {
    struct qta_session_folder session;
    struct qta_session_folder stage;
    char stage_path[PATH_MAX];
    char directory[PATH_MAX];
    const char *name; /* of the session in it */
    char stage_name[NAME_MAX + 1];
    int directory_fd;
    struct qta_session_index *index;
    struct qta_block_encoder *encoder;
    struct qta_block_decoder *decoder;
    struct qta_name_store names;
    struct qta_name_store texts;        /* of the block at hand */
    struct qta_dictionary *known_texts; /* of two blocks that are compared */
    bool has_lost_text;                 /* there was no memory for one */
    bool has_other_name;                /* what was written anew, than what was there */
    struct qta_tick *ticks;
    struct qta_tick *other_ticks;
    struct qta_compact_result *result;
};

/* ---- decoding ------------------------------------------------------------------------------ */

static bool store_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                       size_t length)
{
    struct compaction *compaction = user;
    return qta_name_store_add(&compaction->names, kind, id, name, length);
}

static uint32_t store_text(void *user, const char *text, size_t length)
{
    struct compaction *compaction = user;
    uint32_t id = (uint32_t)compaction->texts.count + 1;
    if (qta_name_store_add(&compaction->texts, QTA_NAME_TEXT, id, text, length))
        return id;
    compaction->has_lost_text = true;
    return QTA_NAME_OTHER;
}

static uint32_t intern_text(void *user, const char *text, size_t length)
{
    struct compaction *compaction = user;
    return qta_dictionary_intern(compaction->known_texts, QTA_NAME_TEXT, text, length);
}

static enum qta_status decode(struct compaction *compaction, struct qta_segment_reader *segment,
                              const struct qta_frame *frame,
                              uint32_t (*take_text)(void *, const char *, size_t),
                              struct qta_tick *ticks, struct qta_error *err)
{
    const uint8_t *payload;
    enum qta_status status = qta_segment_reader_payload(segment, frame, &payload, err);
    if (status != QTA_OK)
        return status;
    struct qta_block_input input = {
        .payload = payload,
        .length = frame->payload_bytes,
        .count = frame->count,
        .first_seq = frame->span.first_seq,
        .types = UINT32_MAX,
        .intern_text = take_text,
        .user = compaction,
    };
    if (frame->count > QTA_BLOCK_TICKS_MAX)
        return qta_error_set(err, QTA_ERR_DAMAGED, "it has too many ticks");
    status = qta_block_decoder_begin(compaction->decoder, &input, err);
    for (size_t done = 0; status == QTA_OK && done < frame->count;) {
        size_t got = qta_block_decoder_next(compaction->decoder, ticks + done, frame->count - done);
        if (got == 0)
            return qta_error_set(err, QTA_ERR_DAMAGED, "it has types that are not known");
        done += got;
    }
    if (status == QTA_OK && compaction->has_lost_text)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for texts");
    return status;
}

/* ---- writing ------------------------------------------------------------------------------- */

static enum qta_status copy_frame(struct compaction *compaction, struct qta_segment_reader *source,
                                  const struct qta_frame *frame, struct qta_segment_writer *writer,
                                  struct qta_error *err)
{
    const uint8_t *payload;
    struct qta_known_hole hole;
    enum qta_status status = QTA_OK;
    if (frame->kind == QTA_FRAME_NAMES || frame->kind == QTA_FRAME_NAMES_COPY)
        return QTA_OK;
    if (frame->kind == QTA_FRAME_TICKS) {
        qta_name_store_clear(&compaction->texts);
        status = decode(compaction, source, frame, store_text, compaction->ticks, err);
        return status == QTA_OK
                   ? qta_segment_writer_put_ticks(writer, compaction->ticks, frame->count, err)
                   : status;
    }
    if (frame->kind == QTA_FRAME_STORED) {
        struct qta_raw_cursor block;
        status = qta_segment_reader_raw(source, frame, &block, err);
        return status == QTA_OK ? qta_segment_writer_put_stored(writer, frame, &source->raw, err)
                                : status;
    }
    status = qta_segment_reader_payload(source, frame, &payload, err);
    if (status != QTA_OK)
        return status;
    if (frame->kind != QTA_FRAME_HOLE)
        return qta_segment_writer_copy_frame(writer, frame, payload, NULL, err);
    if (!qta_known_hole_load(&hole, payload, frame->payload_bytes))
        return qta_error_set(err, QTA_ERR_DAMAGED, "a known hole makes no sense");
    return qta_segment_writer_put_hole(writer, &hole, err);
}

static enum qta_status write_anew(struct compaction *compaction, struct qta_segment_reader *source,
                                  struct qta_error *err)
{
    struct qta_segment_writer *writer = NULL;
    const struct qta_segment_footer *footer = &source->footer;
    qta_name_store_clear(&compaction->names);
    enum qta_status status = qta_segment_reader_names(source, store_name, compaction, err);
    if (status == QTA_OK)
        status = qta_segment_writer_create(&writer, &compaction->stage, &source->header,
                                           compaction->encoder, &compaction->names, err);
    if (status == QTA_OK)
        qta_segment_writer_set_texts(writer, &compaction->texts);
    for (size_t i = 0; status == QTA_OK && i < footer->frame_count; i++)
        status = copy_frame(compaction, source, &footer->frames[i], writer, err);
    if (status == QTA_OK)
        status = qta_segment_writer_finish(writer, err);
    qta_segment_writer_destroy(writer);
    return status;
}

/* ---- comparing ----------------------------------------------------------------------------- */

static bool is_name_frame(const struct qta_frame *frame)
{
    return frame->kind == QTA_FRAME_NAMES || frame->kind == QTA_FRAME_NAMES_COPY;
}

/* The next frame that is not of names; NULL behind the last one. */
static const struct qta_frame *next_frame(const struct qta_segment_reader *segment, size_t *place)
{
    while (*place < segment->footer.frame_count) {
        const struct qta_frame *frame = &segment->footer.frames[(*place)++];
        if (!is_name_frame(frame))
            return frame;
    }
    return NULL;
}

static enum qta_status compare_stored_frames(struct qta_segment_reader *old,
                                             const struct qta_frame *left,
                                             struct qta_segment_reader *fresh,
                                             const struct qta_frame *right, bool *is_equal,
                                             struct qta_error *err)
{
    struct qta_raw_cursor block;
    enum qta_status status = qta_segment_reader_raw(old, left, &block, err);
    if (status == QTA_OK)
        status = qta_segment_reader_raw(fresh, right, &block, err);
    if (status == QTA_OK)
        *is_equal = qta_raw_span_equals(&left->raw, &right->raw) &&
                    old->raw.length == fresh->raw.length &&
                    memcmp(old->raw.bytes, fresh->raw.bytes, old->raw.length) == 0;
    return status;
}

static enum qta_status compare_frames(struct compaction *compaction, struct qta_segment_reader *old,
                                      const struct qta_frame *left,
                                      struct qta_segment_reader *fresh,
                                      const struct qta_frame *right, bool *is_equal,
                                      struct qta_error *err)
{
    *is_equal = left->kind == right->kind && left->count == right->count;
    if (!*is_equal)
        return QTA_OK;
    if (left->kind == QTA_FRAME_STORED)
        return compare_stored_frames(old, left, fresh, right, is_equal, err);
    if (left->kind != QTA_FRAME_TICKS) {
        const uint8_t *payload;
        *is_equal = left->payload_bytes == right->payload_bytes &&
                    left->payload_checksum == right->payload_checksum;
        return qta_segment_reader_payload(fresh, right, &payload, err);
    }
    enum qta_status status = decode(compaction, old, left, intern_text, compaction->ticks, err);
    if (status == QTA_OK)
        status = decode(compaction, fresh, right, intern_text, compaction->other_ticks, err);
    if (status == QTA_OK)
        *is_equal = memcmp(compaction->ticks, compaction->other_ticks,
                           left->count * sizeof *compaction->ticks) == 0;
    return status;
}

static bool compare_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                         size_t length)
{
    struct compaction *compaction = user;
    size_t stored_length = 0;
    const char *stored = qta_name_store_get(&compaction->names, kind, id, &stored_length);
    if (!stored || stored_length != length || memcmp(stored, name, length) != 0)
        compaction->has_other_name = true;
    return true;
}

static bool spans_are_equal(const struct qta_tick_span *left, const struct qta_tick_span *right)
{
    return left->first_seq == right->first_seq && left->last_seq == right->last_seq &&
           left->records == right->records && left->types == right->types &&
           left->first_ts_recv_ns == right->first_ts_recv_ns &&
           left->last_ts_recv_ns == right->last_ts_recv_ns &&
           left->min_ts_event_ns == right->min_ts_event_ns &&
           left->max_ts_event_ns == right->max_ts_event_ns;
}

/* All of the new one is read back from the disk. */
static enum qta_status compare(struct compaction *compaction, struct qta_segment_reader *old,
                               struct qta_segment_reader *fresh, struct qta_error *err)
{
    size_t old_place = 0;
    size_t new_place = 0;
    bool is_equal = !fresh->header_is_damaged && !fresh->footer_is_damaged &&
                    spans_are_equal(&old->header.span, &fresh->header.span) &&
                    memcmp(old->footer.by_type, fresh->footer.by_type,
                           sizeof old->footer.by_type) == 0;
    compaction->has_other_name = false;
    enum qta_status status = qta_segment_reader_names(fresh, compare_name, compaction, err);
    is_equal = is_equal && !compaction->has_other_name;
    if (status == QTA_OK)
        status = qta_dictionary_create(&compaction->known_texts, err);
    while (status == QTA_OK && is_equal) {
        const struct qta_frame *left = next_frame(old, &old_place);
        const struct qta_frame *right = next_frame(fresh, &new_place);
        is_equal = !left == !right;
        if (!left || !right)
            break;
        status = compare_frames(compaction, old, left, fresh, right, &is_equal, err);
    }
    if (status == QTA_OK && qta_dictionary_starved(compaction->known_texts) > 0)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory comparing texts");
    qta_dictionary_destroy(compaction->known_texts);
    compaction->known_texts = NULL;
    if (status == QTA_OK && !is_equal)
        status = qta_error_set(err, QTA_ERR_STATE, "what was written anew reads differently");
    return status;
}

/* ---- a segment ----------------------------------------------------------------------------- */

static enum qta_status swap(struct compaction *compaction, uint32_t number, struct qta_error *err)
{
    struct qta_environment *env = compaction->session.environment;
    char label[QTA_FILE_NAME_BYTES];
    char from[PATH_MAX];
    char to[PATH_MAX];
    qta_session_file_label(label, QTA_FILE_SEGMENT, number);
    snprintf(from, sizeof from, "%s/%s", compaction->stage_name, label);
    snprintf(to, sizeof to, "%s/%s", compaction->name, label);
    if (env->ops->rename_at(env, compaction->directory_fd, from, to) != 0)
        return qta_error_set_errno(err, "cannot put '%s' in its place", label);
    if (env->ops->sync(env, compaction->session.folder_fds[QTA_FILE_SEGMENT]) != 0)
        return qta_error_set_errno(err, "cannot sync the folder of '%s'", label);
    return QTA_OK;
}

static enum qta_status compact_segment(struct compaction *compaction, uint32_t number,
                                       struct qta_error *err)
{
    struct qta_segment_reader old;
    struct qta_segment_reader new = {.is_open = false};
    char label[QTA_FILE_NAME_BYTES];
    enum qta_status status = qta_segment_reader_open(&old, &compaction->session, number, err);
    if (status != QTA_OK)
        return status;
    if (old.header_is_damaged || old.footer_is_damaged)
        status = qta_error_set(err, QTA_ERR_DAMAGED, "its header or footer is damaged");
    if (status == QTA_OK)
        status = write_anew(compaction, &old, err);
    if (status == QTA_OK)
        status = qta_segment_reader_open(&new, &compaction->stage, number, err);
    if (status == QTA_OK)
        status = compare(compaction, &old, &new, err);
    compaction->result->bytes_before += old.bytes;
    bool is_smaller = status == QTA_OK && new.bytes < old.bytes;
    compaction->result->bytes_after += is_smaller ? new.bytes : old.bytes;
    qta_segment_reader_close(&new);
    qta_segment_reader_close(&old);
    if (is_smaller) {
        status = swap(compaction, number, err);
        compaction->result->segments++;
    }
    if (status != QTA_OK)
        return qta_error_prefix(err, status, "'%s' stays as it was",
                                qta_session_file_label(label, QTA_FILE_SEGMENT, number));
    if (is_smaller)
        status = qta_session_index_add_segment(compaction->index, number, err);
    if (status != QTA_OK) /* who opens the session next finds that it does not match */
        return status;
    qta_session_folder_remove_file(&compaction->stage, QTA_FILE_SEGMENT, number);
    return QTA_OK;
}

/* ---- all ----------------------------------------------------------------------------------- */

/* The session's own place, and the hidden one beside it. */
static enum qta_status find_place(struct compaction *compaction, struct qta_error *err)
{
    struct qta_environment *env = compaction->session.environment;
    snprintf(compaction->directory, sizeof compaction->directory, "%s", compaction->session.path);
    char *slash = strrchr(compaction->directory, '/');
    assert(slash); /* it is absolute */
    compaction->name = strrchr(compaction->session.path, '/') + 1;
    if (slash == compaction->directory)
        slash++;
    *slash = '\0';
    int length = snprintf(compaction->stage_name, sizeof compaction->stage_name, STAGE_PREFIX "%s",
                          compaction->name);
    int path_length = snprintf(compaction->stage_path, sizeof compaction->stage_path, "%s/%s",
                               compaction->directory, compaction->stage_name);
    if ((size_t)length >= sizeof compaction->stage_name ||
        (size_t)path_length >= sizeof compaction->stage_path)
        return qta_error_set(err, QTA_ERR_USAGE, "the session's path is too long");
    compaction->directory_fd = env->ops->open_at(env, AT_FDCWD, compaction->directory,
                                                 O_RDONLY | O_DIRECTORY, 0);
    if (compaction->directory_fd < 0)
        return qta_error_set_errno(err, "cannot open directory '%s'", compaction->directory);
    struct qta_file_status found;
    if (env->ops->status_at(env, compaction->directory_fd, compaction->stage_name, &found) != 0)
        return QTA_OK;
    return qta_session_remove_leftover(env, compaction->directory_fd, compaction->directory,
                                       compaction->stage_name, err);
}

static enum qta_status make_tools(struct compaction *compaction, int level, struct qta_error *err)
{
    compaction->ticks = malloc(QTA_BLOCK_TICKS_MAX * sizeof *compaction->ticks);
    compaction->other_ticks = malloc(QTA_BLOCK_TICKS_MAX * sizeof *compaction->other_ticks);
    if (!compaction->ticks || !compaction->other_ticks)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for compacting");
    enum qta_status status = qta_block_encoder_create(&compaction->encoder, level, err);
    return status == QTA_OK ? qta_block_decoder_create(&compaction->decoder, err) : status;
}

static enum qta_status compact_all(struct compaction *compaction, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    /* opening mends what a kill between a swap and its row has left */
    enum qta_status status = qta_session_index_open(&compaction->index, &compaction->session, err);
    if (status == QTA_OK)
        status = qta_session_folder_make(&compaction->stage, compaction->stage_path,
                                         compaction->session.environment, err);
    if (status != QTA_OK)
        return status;
    status = qta_session_folder_list(&compaction->session, QTA_FILE_SEGMENT, &numbers, err);
    for (size_t i = 0; status == QTA_OK && i < numbers.count; i++)
        status = compact_segment(compaction, numbers.numbers[i], err);
    if (status == QTA_OK)
        status = qta_session_index_finish(compaction->index, err);
    qta_file_numbers_finish(&numbers);
    qta_session_folder_close(&compaction->stage);
    qta_session_remove_leftover(compaction->session.environment, compaction->directory_fd,
                                compaction->directory, compaction->stage_name, NULL);
    return status;
}

static enum qta_status run(struct compaction *compaction, int level, struct qta_error *err)
{
    enum qta_status status = qta_session_folder_lock(&compaction->session, err);
    if (status == QTA_OK)
        status = find_place(compaction, err);
    if (status == QTA_OK)
        status = make_tools(compaction, level, err);
    if (status == QTA_OK)
        status = compact_all(compaction, err);
    qta_session_index_destroy(compaction->index);
    qta_block_encoder_destroy(compaction->encoder);
    qta_block_decoder_destroy(compaction->decoder);
    qta_name_store_finish(&compaction->names);
    qta_name_store_finish(&compaction->texts);
    free(compaction->ticks);
    free(compaction->other_ticks);
    if (compaction->directory_fd >= 0)
        compaction->session.environment->ops->close(compaction->session.environment,
                                                    compaction->directory_fd);
    return status;
}

enum qta_status qta_session_compact_in(const char *path, int level,
                                       struct qta_environment *environment,
                                       struct qta_compact_result *result, struct qta_error *err)
{
    assert(path && result);
    memset(result, 0, sizeof *result);
    if (level < 1 || level > 19)
        return qta_error_set(err, QTA_ERR_USAGE, "level %d is not between 1 and 19", level);
    struct compaction *compaction = calloc(1, sizeof *compaction); /* its paths are long */
    if (!compaction)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for compacting");
    compaction->result = result;
    compaction->directory_fd = -1;
    enum qta_status status = qta_session_folder_open(&compaction->session, path, environment, err);
    if (status == QTA_OK) {
        status = run(compaction, level, err);
        qta_session_folder_close(&compaction->session);
    }
    free(compaction);
    return status;
}

enum qta_status qta_session_compact(const char *path, int level, struct qta_compact_result *result,
                                    struct qta_error *err)
{
    return qta_session_compact_in(path, level, qta_environment_system(), result, err);
}
