/* What is passed over counts as read: next_seq goes on behind it, so that a real hole is still
 * found. */
#include "storage/block_stream.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include <qta/timestamp.h>

#include "storage/index_lookup.h"
#include "storage/session_units.h"

enum qta_status qta_block_init(struct qta_block *block, struct qta_error *err)
{
    memset(block, 0, sizeof *block);
    return qta_block_decoder_create(&block->decoder, err);
}

void qta_block_finish(struct qta_block *block)
{
    qta_block_decoder_destroy(block->decoder);
    qta_packed_writer_finish(&block->payload);
    memset(block, 0, sizeof *block);
}

void qta_block_stream_init(struct qta_block_stream *stream, struct qta_session_folder *folder,
                           const struct qta_tick_filter *filter, struct qta_dictionary *names)
{
    memset(stream, 0, sizeof *stream);
    stream->folder = folder;
    stream->filter = filter;
    stream->names = names;
    qta_block_stream_rewind(stream);
}

static void close_segment(struct qta_block_stream *stream)
{
    if (!stream->segment.is_open)
        return;
    stream->statistics.done_bytes += stream->segment.bytes;
    qta_segment_reader_close(&stream->segment);
}

void qta_block_stream_finish(struct qta_block_stream *stream)
{
    close_segment(stream);
    qta_name_map_finish(&stream->ids);
}

/* A time says nothing about numbers: what comes first there is right. */
void qta_block_stream_rewind(struct qta_block_stream *stream)
{
    close_segment(stream);
    stream->next_unit = 1;
    stream->next_seq = stream->filter->from_seq > 0 ? stream->filter->from_seq : 1;
    if (stream->filter->from_ns != INT64_MIN)
        stream->next_seq = 0;
    stream->is_placed = false;
    stream->is_done = false;
    stream->is_end_checked = false;
}

/* ---- what is wanted ------------------------------------------------------------------------ */

enum qta_status qta_report_missing(uint64_t first_seq, uint64_t next_seq, struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_DAMAGED, "records %" PRIu64 " to %" PRIu64 " are missing",
                         first_seq, next_seq - 1);
}

/* Whether nothing in this span is wanted. */
static bool can_pass_over(const struct qta_block_stream *stream, const struct qta_tick_span *span)
{
    const struct qta_tick_filter *filter = stream->filter;
    return span->last_seq < stream->next_seq || qta_tick_span_is_before(span, filter) ||
           (span->types & filter->types) == 0 ||
           (filter->has_event_limit && (span->max_ts_event_ns < filter->event_from_ns ||
                                        span->min_ts_event_ns > filter->event_last_ns));
}

static bool is_behind_end(const struct qta_block_stream *stream, const struct qta_tick_span *span)
{
    return span->first_ts_recv_ns >= stream->filter->until_ns ||
           span->first_seq >= stream->filter->until_seq;
}

static bool is_hole_before(const struct qta_block_stream *stream, uint64_t seq)
{
    return stream->next_seq != 0 && seq > stream->next_seq;
}

static void pass_over(struct qta_block_stream *stream, const struct qta_tick_span *span)
{
    if (span->last_seq > 0 && span->last_seq >= stream->next_seq) /* 0: it has no tick at all */
        stream->next_seq = span->last_seq + 1;
}

/* Types are left to the decoder, which gives only those wanted. */
static bool is_wanted_whole(const struct qta_tick_filter *filter, const struct qta_tick_span *span)
{
    return filter->symbols.is_all && filter->providers.is_all && !filter->has_event_limit &&
           span->first_seq >= filter->from_seq && span->last_seq < filter->until_seq &&
           span->first_ts_recv_ns >= filter->from_ns && span->last_ts_recv_ns < filter->until_ns;
}

struct symbol_search {
    const struct qta_block_stream *stream;
    bool is_found;
};

static bool look_for_symbol(void *user, uint32_t symbol, uint64_t ticks)
{
    struct symbol_search *search = user;
    const struct qta_tick_filter *filter = search->stream->filter;
    uint32_t ours = 0;
    (void)ticks;
    if (symbol == 0)
        search->is_found = search->is_found || (filter->types & QTA_TYPES_FEED) != 0;
    else if (qta_name_map_get(&search->stream->ids, QTA_NAME_SYMBOL, symbol, &ours))
        search->is_found = search->is_found || qta_id_set_has(&filter->symbols, ours);
    return true;
}

static bool frame_is_wanted(const struct qta_block_stream *stream, const struct qta_frame *frame)
{
    struct symbol_search search = {.stream = stream};
    if (can_pass_over(stream, &frame->span))
        return false;
    return stream->filter->symbols.is_all ||
           !qta_segment_reader_symbols(&stream->segment, frame, look_for_symbol, &search) ||
           search.is_found;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool learn_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                       size_t length)
{
    struct qta_block_stream *stream = user;
    uint32_t ours = qta_dictionary_intern(stream->names, kind, name, length);
    return qta_name_map_set(&stream->ids, kind, id, ours);
}

static bool translate_id(void *user, enum qta_name_kind kind, uint32_t id, uint32_t *ours)
{
    const struct qta_block_stream *stream = user;
    return qta_name_map_get(&stream->ids, kind, id, ours);
}

static uint32_t intern_text(void *user, const char *text, size_t length)
{
    struct qta_block_stream *stream = user;
    return qta_dictionary_intern(stream->names, QTA_NAME_TEXT, text, length);
}

/* ---- segments ------------------------------------------------------------------------------ */

/* By its header alone. A segment that comes behind a hole is opened, so that the hole is found. */
static bool segment_is_passed_over(struct qta_block_stream *stream, uint32_t number)
{
    struct qta_segment_header header;
    if (qta_segment_reader_peek(stream->folder, number, &header, NULL) != QTA_OK ||
        is_hole_before(stream, header.span.first_seq))
        return false;
    stream->is_done = is_behind_end(stream, &header.span);
    if (stream->is_done)
        return true;
    if (!can_pass_over(stream, &header.span))
        return false;
    pass_over(stream, &header.span);
    stream->next_unit = number + 1;
    return true;
}

static enum qta_status open_segment(struct qta_block_stream *stream, uint32_t number,
                                    struct qta_error *err)
{
    enum qta_status status = qta_segment_reader_open(&stream->segment, stream->folder, number, err);
    if (status != QTA_OK)
        return status;
    qta_name_map_clear(&stream->ids);
    status = qta_segment_reader_names(&stream->segment, learn_name, stream, err);
    if (status != QTA_OK)
        return status;
    stream->next_unit = number + 1;
    stream->frame = 0;
    stream->statistics.segments++;
    return QTA_OK;
}

/* Of a segment of which nothing can be read, its header may be: then it says what is lost. */
static enum qta_status report_unreadable(struct qta_block_stream *stream, uint32_t number,
                                         struct qta_block *block)
{
    struct qta_segment_header header;
    struct qta_error cause = block->error;
    if (qta_segment_reader_peek(stream->folder, number, &header, NULL) != QTA_OK ||
        !is_hole_before(stream, header.span.last_seq + 1))
        return QTA_ERR_DAMAGED;
    uint64_t first = stream->next_seq;
    block->lost = header.span.last_seq + 1 - first;
    stream->next_seq = header.span.last_seq + 1;
    return qta_error_set(&block->error, QTA_ERR_DAMAGED,
                         "%s: records %" PRIu64 " to %" PRIu64 " are lost", cause.message, first,
                         header.span.last_seq);
}

/* The form that a unit has. One that cannot be read is passed over, with its error. */
static enum qta_status enter_unit(struct qta_block_stream *stream,
                                  const struct qta_session_units *units, uint32_t number,
                                  struct qta_block *block)
{
    bool is_chunk = qta_file_numbers_contain(&units->journals, number);
    enum qta_status status = QTA_ERR_NOT_FOUND;
    if (qta_file_numbers_contain(&units->segments, number)) {
        if (segment_is_passed_over(stream, number))
            return QTA_OK;
        status = open_segment(stream, number, &block->error);
    }
    if (status == QTA_OK)
        return QTA_OK;
    close_segment(stream);
    if (is_chunk && (status == QTA_ERR_NOT_FOUND || status == QTA_ERR_DAMAGED)) {
        block->chunk = number;
        return qta_error_set(&block->error, QTA_ERR_END, "the segments end here");
    }
    if (status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT)
        stream->next_unit = number + 1;
    return status == QTA_ERR_DAMAGED ? report_unreadable(stream, number, block) : status;
}

/* Segments that were deleted from the end leave no hole in the numbers; the index may know them.
 * Asked once, and not of a session that is still written. */
static enum qta_status end_session(struct qta_block_stream *stream, struct qta_block *block)
{
    const struct qta_tick_filter *filter = stream->filter;
    uint64_t next_seq = stream->next_seq > 0 ? stream->next_seq : 1;
    struct qta_index_tail tail;
    struct qta_segment_header header;
    char label[QTA_FILE_NAME_BYTES];
    tail.segments = 0;
    if (!stream->is_end_checked && !qta_session_folder_is_locked(stream->folder)) {
        enum qta_status status = qta_index_find_tail(stream->folder, next_seq, filter->from_ns,
                                                     filter->until_ns, &tail, &block->error);
        if (status != QTA_OK)
            return status;
    }
    stream->is_end_checked = true;
    /* one behind the last that we know was sealed after we looked */
    if (tail.segments == 0 ||
        (tail.first_segment >= stream->next_unit &&
         qta_segment_reader_peek(stream->folder, tail.first_segment, &header, NULL) == QTA_OK))
        return qta_error_set(&block->error, QTA_ERR_END, "the session ends here");
    block->lost = tail.last_seq + 1 - next_seq;
    stream->next_seq = tail.last_seq + 1;
    return qta_error_set(&block->error, QTA_ERR_DAMAGED,
                         "records %" PRIu64 " to %" PRIu64
                         " are missing: the index has them in %u segment%s from '%s' on",
                         next_seq, tail.last_seq, tail.segments, tail.segments == 1 ? "" : "s",
                         qta_session_file_label(label, QTA_FILE_SEGMENT, tail.first_segment));
}

/* QTA_ERR_END when no segment comes next. */
static enum qta_status enter_next_unit(struct qta_block_stream *stream, struct qta_block *block)
{
    enum { TRIES = 100 };
    for (int tries = 0; tries < TRIES; tries++) {
        struct qta_session_units units;
        enum qta_status status = qta_session_units_list(&units, stream->folder, &block->error);
        if (status != QTA_OK)
            return status;
        if (!stream->is_placed) {
            uint32_t before = qta_session_units_last_before(&units, stream->folder, stream->filter);
            if (before > stream->next_unit)
                stream->next_unit = before;
            stream->is_placed = true;
        }
        while (status == QTA_OK && !stream->segment.is_open && !stream->is_done) {
            uint32_t number = qta_session_units_from(&units, stream->next_unit);
            status = number == 0 ? end_session(stream, block)
                                 : enter_unit(stream, &units, number, block);
        }
        qta_session_units_finish(&units);
        if (status != QTA_ERR_NOT_FOUND) /* it was removed after we looked: look again */
            return status;
    }
    return qta_error_set(&block->error, QTA_ERR_IO, "'%s' changes faster than it can be read",
                         stream->folder->path);
}

/* ---- blocks -------------------------------------------------------------------------------- */

static enum qta_status report_damage(struct qta_block_stream *stream, const struct qta_frame *frame,
                                     const struct qta_error *cause, struct qta_block *block)
{
    char label[QTA_FILE_NAME_BYTES];
    char first[QTA_TIMESTAMP_TEXT_BYTES];
    char last[QTA_TIMESTAMP_TEXT_BYTES];
    block->lost = frame->span.last_seq + 1 - stream->next_seq;
    qta_timestamp_print(frame->span.first_ts_recv_ns, first);
    qta_timestamp_print(frame->span.last_ts_recv_ns, last);
    return qta_error_set(&block->error, QTA_ERR_DAMAGED,
                         "'%s': the block at byte %" PRIu64 " is damaged (%s): records %" PRIu64
                         " to %" PRIu64 ", received %s to %s, are lost",
                         qta_session_file_label(label, QTA_FILE_SEGMENT, stream->segment.number),
                         frame->offset, cause->message, frame->span.first_seq, frame->span.last_seq,
                         first, last);
}

static enum qta_status open_block(struct qta_block_stream *stream, const struct qta_frame *frame,
                                  struct qta_block *block)
{
    struct qta_error cause;
    enum qta_status status = qta_segment_reader_payload_into(&stream->segment, frame,
                                                             &block->payload, &cause);
    if (status == QTA_OK) {
        struct qta_block_input input = {
            .payload = block->payload.bytes,
            .length = frame->payload_bytes,
            .count = frame->count,
            .first_seq = frame->span.first_seq,
            .types = stream->filter->types,
            .translate = translate_id,
            .intern_text = intern_text,
            .user = stream,
        };
        status = qta_block_decoder_begin(block->decoder, &input, &cause);
        stream->statistics.blocks++;
        stream->statistics.block_bytes += frame->payload_bytes;
    }
    if (status == QTA_ERR_DAMAGED)
        return report_damage(stream, frame, &cause, block);
    if (status != QTA_OK)
        block->error = cause;
    return status;
}

static enum qta_status report_hole(struct qta_block_stream *stream, uint64_t next_seq,
                                   struct qta_block *block)
{
    uint64_t missing = stream->next_seq;
    block->lost = next_seq - missing;
    stream->next_seq = next_seq;
    return qta_report_missing(missing, next_seq, &block->error);
}

/* Goes over the known holes of the open segment, up to the number that comes next. */
static void skip_known_holes(struct qta_block_stream *stream, uint64_t limit)
{
    if (stream->next_seq == 0)
        return;
    uint64_t seq = qta_segment_reader_skip_holes(&stream->segment, stream->next_seq);
    if (seq > limit)
        seq = limit;
    if (seq <= stream->next_seq)
        return;
    stream->known_lost += seq - stream->next_seq;
    stream->next_seq = seq;
}

/* Behind the last frame: the header knows whether there were more. */
static enum qta_status end_segment(struct qta_block_stream *stream, struct qta_block *block)
{
    const struct qta_segment_reader *segment = &stream->segment;
    uint64_t end = segment->header.span.last_seq + 1;
    skip_known_holes(stream, UINT64_MAX);
    if (!segment->header_is_damaged && is_hole_before(stream, end))
        return report_hole(stream, end, block);
    return QTA_ERR_END;
}

/* Looks at one frame. *has_block: it is in `block` now. QTA_ERR_END behind the last one. */
static enum qta_status take_frame(struct qta_block_stream *stream, struct qta_block *block,
                                  bool *has_block)
{
    if (stream->frame >= stream->segment.footer.frame_count)
        return end_segment(stream, block);
    const struct qta_frame *frame = &stream->segment.footer.frames[stream->frame];
    if (frame->kind != QTA_FRAME_TICKS) {
        stream->frame++;
        return QTA_OK;
    }
    if (stream->next_seq == 0)
        stream->next_seq = frame->span.first_seq;
    skip_known_holes(stream, frame->span.first_seq);
    if (is_hole_before(stream, frame->span.first_seq))
        return report_hole(stream, frame->span.first_seq, block);
    stream->is_done = is_behind_end(stream, &frame->span);
    if (stream->is_done)
        return QTA_OK;
    enum qta_status status = QTA_OK;
    if (frame_is_wanted(stream, frame)) {
        status = open_block(stream, frame, block);
        if (status != QTA_OK && status != QTA_ERR_DAMAGED)
            return status;
        block->span = frame->span;
        block->is_wanted_whole = is_wanted_whole(stream->filter, &frame->span);
        *has_block = status == QTA_OK;
    }
    stream->frame++;
    pass_over(stream, &frame->span);
    return status;
}

static uint64_t bytes_in_segment(const struct qta_block_stream *stream)
{
    return stream->segment.is_open && stream->frame > 0
               ? stream->segment.footer.frames[stream->frame - 1].offset
               : 0;
}

void qta_block_stream_next(struct qta_block_stream *stream, struct qta_block *block)
{
    enum qta_status status = QTA_OK;
    bool has_block = false;
    block->lost = 0;
    block->chunk = 0;
    if (stream->next_seq >= stream->filter->until_seq)
        stream->is_done = true;
    while (status == QTA_OK && !has_block) {
        if (stream->is_done) {
            status = qta_error_set(&block->error, QTA_ERR_END, "the session ends here");
        } else if (!stream->segment.is_open) {
            status = enter_next_unit(stream, block);
        } else {
            status = take_frame(stream, block, &has_block);
            if (status == QTA_ERR_END) {
                close_segment(stream);
                status = QTA_OK;
            }
        }
    }
    block->status = status;
    block->next_seq = stream->next_seq;
    block->known_lost = stream->known_lost;
    block->statistics = stream->statistics;
    block->statistics.done_bytes += bytes_in_segment(stream);
}
