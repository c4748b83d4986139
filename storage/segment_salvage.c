/* A block is good when its checksum holds, all of it decodes, every name that it needs is there,
 * and it fits behind the one before. It is then copied byte by byte: nothing is encoded twice. */
#include "storage/segment_salvage.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/timestamp.h>

#include "storage/raw_block.h"
#include "storage/segment_writer.h"

/* One segment at work. */
struct work {
    struct qta_salvage *salvage;
    struct qta_segment_reader source;
    struct qta_segment_writer *writer; /* NULL until something is good */
    char label[QTA_FILE_NAME_BYTES];
};

enum qta_status qta_salvage_init(struct qta_salvage *salvage, struct qta_error *err)
{
    enum { LEVEL = 1 }; /* nothing is encoded */
    salvage->next_seq = 1;
    salvage->last_ts_recv_ns = INT64_MIN;
    salvage->ticks = malloc(QTA_BLOCK_TICKS_MAX * sizeof *salvage->ticks);
    if (!salvage->ticks)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a repair");
    enum qta_status status = qta_block_encoder_create(&salvage->encoder, LEVEL, err);
    return status == QTA_OK ? qta_block_decoder_create(&salvage->decoder, err) : status;
}

void qta_salvage_finish(struct qta_salvage *salvage)
{
    qta_block_encoder_destroy(salvage->encoder);
    qta_block_decoder_destroy(salvage->decoder);
    qta_name_store_finish(&salvage->names);
    free(salvage->ticks);
}

void qta_salvage_tell(struct qta_salvage *salvage, const char *format, ...)
{
    char problem[QTA_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(problem, sizeof problem, format, arguments);
    va_end(arguments);
    salvage->result->problems++;
    if (salvage->on_problem)
        salvage->on_problem(salvage->user, problem);
}

/* ---- the new segment ----------------------------------------------------------------------- */

static enum qta_status open_writer(struct work *work, struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    if (work->writer)
        return QTA_OK;
    struct qta_segment_header header = work->source.header_is_damaged ? salvage->identity
                                                                      : work->source.header;
    header.number = work->source.number;
    return qta_segment_writer_create(&work->writer, salvage->target, &header, salvage->encoder,
                                     &salvage->names, err);
}

static enum qta_status put_hole(struct work *work, uint64_t end_seq, int64_t until_ns,
                                bool is_known, const struct qta_known_hole *known,
                                struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    struct qta_known_hole hole = {
        .first_seq = salvage->next_seq,
        .last_seq = end_seq - 1,
        .after_ns = salvage->last_ts_recv_ns == INT64_MIN ? QTA_TIME_UNKNOWN
                                                          : salvage->last_ts_recv_ns,
        .until_ns = until_ns,
        .cause = salvage->has_seen_damage ? QTA_HOLE_DAMAGED : QTA_HOLE_MISSING,
    };
    if (is_known) {
        hole.cause = known->cause;
    } else {
        char after[QTA_TIMESTAMP_TEXT_BYTES] = "an unknown time";
        char until[QTA_TIMESTAMP_TEXT_BYTES] = "an unknown time";
        if (hole.after_ns != QTA_TIME_UNKNOWN)
            qta_timestamp_print(hole.after_ns, after);
        if (hole.until_ns != QTA_TIME_UNKNOWN)
            qta_timestamp_print(hole.until_ns, until);
        salvage->result->lost += hole.last_seq - hole.first_seq + 1;
        salvage->result->holes++;
        qta_salvage_tell(salvage,
                         "records %" PRIu64 " to %" PRIu64 " (%" PRIu64
                         "), received between %s and %s, are lost",
                         hole.first_seq, hole.last_seq, hole.last_seq - hole.first_seq + 1, after,
                         until);
    }
    salvage->next_seq = end_seq;
    return qta_segment_writer_put_hole(work->writer, &hole, err);
}

/* Holes up to before end_seq: those that the source knows stay as they are. */
static enum qta_status put_holes(struct work *work, uint64_t end_seq, int64_t until_ns,
                                 struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < work->source.hole_count && status == QTA_OK; i++) {
        const struct qta_known_hole *known = &work->source.holes[i];
        if (known->last_seq < salvage->next_seq || known->first_seq >= end_seq)
            continue;
        if (known->first_seq > salvage->next_seq)
            status = put_hole(work, known->first_seq, until_ns, false, NULL, err);
        uint64_t known_end = known->last_seq < end_seq ? known->last_seq + 1 : end_seq;
        if (status == QTA_OK)
            status = put_hole(work, known_end, until_ns, true, known, err);
    }
    if (status == QTA_OK && salvage->next_seq < end_seq)
        status = put_hole(work, end_seq, until_ns, false, NULL, err);
    return status;
}

/* ---- blocks -------------------------------------------------------------------------------- */

static bool know_id(void *user, enum qta_name_kind kind, uint32_t id, uint32_t *ours)
{
    const struct qta_salvage *salvage = user;
    size_t length;
    *ours = id;
    return qta_name_store_get(&salvage->names, kind, id, &length) != NULL;
}

/* All ticks of a block into salvage->ticks. QTA_ERR_DAMAGED. */
static enum qta_status decode(struct work *work, const struct qta_frame *frame,
                              const uint8_t *payload, struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    struct qta_block_input input = {
        .payload = payload,
        .length = frame->payload_bytes,
        .count = frame->count,
        .first_seq = frame->span.first_seq,
        .types = UINT32_MAX,
        .translate = know_id,
        .user = salvage,
    };
    if (frame->count > QTA_BLOCK_TICKS_MAX)
        return qta_error_set(err, QTA_ERR_DAMAGED, "it has too many ticks");
    enum qta_status status = qta_block_decoder_begin(salvage->decoder, &input, err);
    size_t done = 0;
    while (status == QTA_OK && done < frame->count) {
        size_t got = qta_block_decoder_next(salvage->decoder, salvage->ticks + done,
                                            frame->count - done);
        if (got == 0)
            return qta_error_set(err, QTA_ERR_DAMAGED, "it has types that are not known");
        done += got;
    }
    for (size_t i = 0; i < done; i++) {
        if (salvage->ticks[i].ts_recv_ns < salvage->last_ts_recv_ns)
            return qta_error_set(err, QTA_ERR_DAMAGED, "its time of receipt goes back");
    }
    if (status == QTA_OK && frame->span.first_seq < salvage->next_seq)
        return qta_error_set(err, QTA_ERR_DAMAGED, "it has numbers that were before");
    return status;
}

static enum qta_status put_block(struct work *work, const struct qta_frame *frame,
                                 const uint8_t *payload, struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    enum qta_status status = open_writer(work, err);
    if (status == QTA_OK)
        status = put_holes(work, frame->span.first_seq, salvage->ticks[0].ts_recv_ns, err);
    if (status == QTA_OK)
        status = qta_segment_writer_copy_frame(work->writer, frame, payload, salvage->ticks, err);
    salvage->next_seq = frame->span.last_seq + 1;
    salvage->last_ts_recv_ns = salvage->ticks[frame->count - 1].ts_recv_ns;
    salvage->has_seen_damage = false;
    salvage->result->records += frame->count;
    return status;
}

static enum qta_status take_ticks(struct work *work, const struct qta_frame *frame,
                                  struct qta_error *err)
{
    const uint8_t *payload;
    struct qta_error cause;
    if (frame->span.last_seq < work->salvage->next_seq)
        return QTA_OK; /* all of it is there already */
    enum qta_status status = qta_segment_reader_payload(&work->source, frame, &payload, &cause);
    if (status == QTA_OK)
        status = decode(work, frame, payload, &cause);
    if (status == QTA_OK)
        return put_block(work, frame, payload, err);
    if (status == QTA_ERR_DAMAGED) {
        work->salvage->has_seen_damage = true;
        qta_salvage_tell(work->salvage,
                         "'%s': the block at byte %" PRIu64 " is damaged (%s): records %" PRIu64
                         " to %" PRIu64 " of it",
                         work->label, frame->offset, cause.message, frame->span.first_seq,
                         frame->span.last_seq);
        return QTA_OK;
    }
    if (err)
        *err = cause;
    return status;
}

static enum qta_status take_stored(struct work *work, const struct qta_frame *frame,
                                   struct qta_error *err)
{
    struct qta_raw_cursor block;
    struct qta_raw_frame raw;
    struct qta_error cause;
    const uint8_t *payload;
    enum qta_status status = qta_segment_reader_raw(&work->source, frame, &block, &cause);
    while (status == QTA_OK && qta_raw_cursor_next(&block, &raw))
        continue;
    if (status == QTA_OK && !qta_raw_cursor_is_at_end(&block))
        status = qta_error_set(&cause, QTA_ERR_DAMAGED, "its content makes no sense");
    if (status == QTA_OK)
        status = qta_segment_reader_payload(&work->source, frame, &payload, &cause);
    if (status == QTA_ERR_DAMAGED) {
        work->salvage->result->lost_frames += frame->count;
        qta_salvage_tell(work->salvage,
                         "'%s': the stored frames at byte %" PRIu64 " are damaged (%s): %" PRIu32
                         " are lost",
                         work->label, frame->offset, cause.message, frame->count);
        return QTA_OK;
    }
    if (status != QTA_OK && err)
        *err = cause;
    if (status == QTA_OK)
        status = open_writer(work, err);
    if (status == QTA_OK)
        status = qta_segment_writer_copy_frame(work->writer, frame, payload, NULL, err);
    return status;
}

/* ---- a segment ----------------------------------------------------------------------------- */

static bool store_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                       size_t length)
{
    struct qta_salvage *salvage = user;
    return qta_name_store_add(&salvage->names, kind, id, name, length);
}

/* Known holes behind the last block, and one more when the session ends here. */
static enum qta_status put_end(struct work *work, struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    uint64_t end_seq = qta_segment_reader_skip_holes(&work->source, salvage->next_seq);
    if (salvage->until_seq > end_seq)
        end_seq = salvage->until_seq;
    return work->writer ? put_holes(work, end_seq, QTA_TIME_UNKNOWN, err) : QTA_OK;
}

static enum qta_status copy(struct work *work, struct qta_error *err)
{
    struct qta_salvage *salvage = work->salvage;
    const struct qta_segment_footer *footer = &work->source.footer;
    qta_name_store_clear(&salvage->names);
    enum qta_status status = qta_segment_reader_names(&work->source, store_name, salvage, err);
    for (size_t i = 0; i < footer->frame_count && status == QTA_OK; i++) {
        if (footer->frames[i].kind == QTA_FRAME_TICKS)
            status = take_ticks(work, &footer->frames[i], err);
        else if (footer->frames[i].kind == QTA_FRAME_STORED)
            status = take_stored(work, &footer->frames[i], err);
    }
    if (status == QTA_OK)
        status = put_end(work, err);
    if (status == QTA_OK && work->writer)
        status = qta_segment_writer_finish(work->writer, err);
    if (status == QTA_OK && work->writer) {
        salvage->last_number = work->source.number;
        salvage->result->segments++;
    }
    return status;
}

enum qta_status qta_salvage_segment(struct qta_salvage *salvage,
                                    const struct qta_session_folder *source, uint32_t number,
                                    struct qta_error *err)
{
    struct work work = {.salvage = salvage};
    struct qta_error cause;
    qta_session_file_label(work.label, QTA_FILE_SEGMENT, number);
    enum qta_status status = qta_segment_reader_open(&work.source, source, number, &cause);
    if (status == QTA_ERR_DAMAGED) {
        salvage->has_seen_damage = true;
        qta_salvage_tell(salvage, "%s", cause.message);
        return QTA_OK;
    }
    if (status != QTA_OK) {
        if (err)
            *err = cause;
        return status;
    }
    if (work.source.header_is_damaged || work.source.footer_is_damaged) {
        salvage->has_seen_damage = true;
        qta_salvage_tell(salvage, "'%s': the %s is damaged", work.label,
                         work.source.header_is_damaged ? "header" : "footer");
    }
    if (!work.source.header_is_damaged)
        salvage->identity = work.source.header;
    status = copy(&work, err);
    qta_segment_writer_destroy(work.writer);
    qta_segment_reader_close(&work.source);
    return status;
}
