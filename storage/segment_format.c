/* Fixed parts of a segment, byte by byte, and its footer. */
#include "storage/segment_format.h"

#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crc32c.h"

static const uint8_t header_magic[8] = {'Q', 'T', 'A', 'S', '\r', '\n', 0x1a, '\n'};
static const uint8_t trailer_magic[4] = {'Q', 'T', 'A', 'E'};
static const uint8_t frame_magic[4] = {'Q', 'F', 'R', 'M'};

/* ---- spans --------------------------------------------------------------------------------- */

void qta_tick_span_init(struct qta_tick_span *span)
{
    memset(span, 0, sizeof *span);
    span->first_ts_recv_ns = QTA_TIME_UNKNOWN;
    span->last_ts_recv_ns = QTA_TIME_UNKNOWN;
    span->min_ts_event_ns = INT64_MAX;
    span->max_ts_event_ns = INT64_MIN;
}

void qta_tick_span_add(struct qta_tick_span *span, const struct qta_tick *tick)
{
    if (span->records++ == 0) {
        span->first_seq = tick->rx_seq;
        span->first_ts_recv_ns = tick->ts_recv_ns;
    }
    span->last_seq = tick->rx_seq;
    span->last_ts_recv_ns = tick->ts_recv_ns;
    if (tick->ts_event_ns != QTA_TIME_UNKNOWN) {
        if (tick->ts_event_ns < span->min_ts_event_ns)
            span->min_ts_event_ns = tick->ts_event_ns;
        if (tick->ts_event_ns > span->max_ts_event_ns)
            span->max_ts_event_ns = tick->ts_event_ns;
    }
    span->types |= tick->type < QTA_TICK_TYPE_END ? QTA_TYPE_BIT(tick->type) : QTA_TYPE_BIT_UNKNOWN;
}

bool qta_tick_span_equals(const struct qta_tick_span *left, const struct qta_tick_span *right)
{
    return left->first_seq == right->first_seq && left->last_seq == right->last_seq &&
           left->records == right->records && left->first_ts_recv_ns == right->first_ts_recv_ns &&
           left->last_ts_recv_ns == right->last_ts_recv_ns &&
           left->min_ts_event_ns == right->min_ts_event_ns &&
           left->max_ts_event_ns == right->max_ts_event_ns && left->types == right->types;
}

void qta_tick_span_join(struct qta_tick_span *span, const struct qta_tick_span *next)
{
    if (next->records == 0)
        return;
    if (span->records == 0) {
        *span = *next;
        return;
    }
    span->records += next->records;
    span->last_seq = next->last_seq;
    span->last_ts_recv_ns = next->last_ts_recv_ns;
    if (next->min_ts_event_ns < span->min_ts_event_ns)
        span->min_ts_event_ns = next->min_ts_event_ns;
    if (next->max_ts_event_ns > span->max_ts_event_ns)
        span->max_ts_event_ns = next->max_ts_event_ns;
    span->types |= next->types;
}

void qta_tick_span_cover(struct qta_tick_span *span, uint64_t first_seq, uint64_t last_seq)
{
    if (first_seq == 0 || span->records == 0)
        return;
    if (first_seq < span->first_seq)
        span->first_seq = first_seq;
    if (last_seq > span->last_seq)
        span->last_seq = last_seq;
}

static bool span_is_possible(const struct qta_tick_span *span)
{
    return span->records > 0 && span->first_seq > 0 && span->last_seq >= span->first_seq &&
           span->last_seq - span->first_seq >= span->records - 1 &&
           span->last_ts_recv_ns >= span->first_ts_recv_ns;
}

/* As of a segment that has stored frames only. */
static bool span_is_empty(const struct qta_tick_span *span)
{
    return span->records == 0 && span->first_seq > 0 && span->last_seq == span->first_seq - 1 &&
           span->last_ts_recv_ns >= span->first_ts_recv_ns;
}

/* Where a frame of stored frames stands among the ticks. */
static void place_span(struct qta_tick_span *span, const struct qta_raw_span *raw)
{
    if (raw->end_seq <= span->first_seq)
        return;
    if (span->first_seq == 0)
        span->first_ts_recv_ns = raw->min_ts_recv_ns;
    span->first_seq = raw->end_seq;
    span->last_seq = raw->end_seq - 1;
    span->last_ts_recv_ns = raw->max_ts_recv_ns;
}

void qta_segment_footer_span(const struct qta_segment_footer *footer, struct qta_tick_span *span)
{
    qta_tick_span_init(span);
    for (size_t i = 0; i < footer->frame_count; i++)
        if (footer->frames[i].kind == QTA_FRAME_TICKS)
            qta_tick_span_join(span, &footer->frames[i].span);
    for (size_t i = 0; i < footer->frame_count && span->records == 0; i++)
        if (footer->frames[i].kind == QTA_FRAME_STORED)
            place_span(span, &footer->frames[i].raw);
}

/* ---- header and trailer -------------------------------------------------------------------- */

enum {
    VERSION_OFFSET = 8,
    HEADER_BYTES_OFFSET = 12,
    SESSION_ID_OFFSET = 16,
    NUMBER_OFFSET = 32,
    RUN_OFFSET = 36,
    CREATED_OFFSET = 40,
    RUN_STARTED_OFFSET = 48,
    TIMEZONE_OFFSET = 56,
    FIRST_SEQ_OFFSET = TIMEZONE_OFFSET + QTA_TIMEZONE_BYTES, /* 120 */
    LAST_SEQ_OFFSET = 128,
    RECORDS_OFFSET = 136,
    FIRST_TS_RECV_OFFSET = 144,
    LAST_TS_RECV_OFFSET = 152,
    MIN_TS_EVENT_OFFSET = 160,
    MAX_TS_EVENT_OFFSET = 168,
    TYPES_OFFSET = 176,
    FOOTER_OFFSET_OFFSET = 184,
    CHECKSUM_OFFSET = QTA_SEGMENT_HEADER_BYTES - 4,
};

void qta_segment_header_store(const struct qta_segment_header *header,
                              uint8_t bytes[QTA_SEGMENT_HEADER_BYTES])
{
    const struct qta_tick_span *span = &header->span;
    memset(bytes, 0, QTA_SEGMENT_HEADER_BYTES);
    memcpy(bytes, header_magic, sizeof header_magic);
    qta_store_u32(bytes + VERSION_OFFSET, QTA_SEGMENT_VERSION);
    qta_store_u32(bytes + HEADER_BYTES_OFFSET, QTA_SEGMENT_HEADER_BYTES);
    memcpy(bytes + SESSION_ID_OFFSET, header->session_id, sizeof header->session_id);
    qta_store_u32(bytes + NUMBER_OFFSET, header->number);
    qta_store_u32(bytes + RUN_OFFSET, header->run);
    qta_store_u64(bytes + CREATED_OFFSET, (uint64_t)header->created_ns);
    qta_store_u64(bytes + RUN_STARTED_OFFSET, (uint64_t)header->run_started_ns);
    memcpy(bytes + TIMEZONE_OFFSET, header->timezone, sizeof header->timezone);
    qta_store_u64(bytes + FIRST_SEQ_OFFSET, span->first_seq);
    qta_store_u64(bytes + LAST_SEQ_OFFSET, span->last_seq);
    qta_store_u64(bytes + RECORDS_OFFSET, span->records);
    qta_store_u64(bytes + FIRST_TS_RECV_OFFSET, (uint64_t)span->first_ts_recv_ns);
    qta_store_u64(bytes + LAST_TS_RECV_OFFSET, (uint64_t)span->last_ts_recv_ns);
    qta_store_u64(bytes + MIN_TS_EVENT_OFFSET, (uint64_t)span->min_ts_event_ns);
    qta_store_u64(bytes + MAX_TS_EVENT_OFFSET, (uint64_t)span->max_ts_event_ns);
    qta_store_u32(bytes + TYPES_OFFSET, span->types);
    qta_store_u64(bytes + FOOTER_OFFSET_OFFSET, header->footer_offset);
    qta_store_u32(bytes + CHECKSUM_OFFSET, qta_crc32c(0, bytes, CHECKSUM_OFFSET));
}

enum qta_status qta_segment_header_load(struct qta_segment_header *header,
                                        const uint8_t bytes[QTA_SEGMENT_HEADER_BYTES],
                                        struct qta_error *err)
{
    struct qta_tick_span *span = &header->span;
    if (memcmp(bytes, header_magic, sizeof header_magic) != 0)
        return qta_error_set(err, QTA_ERR_DAMAGED, "does not start like a segment");
    if (qta_load_u32(bytes + CHECKSUM_OFFSET) != qta_crc32c(0, bytes, CHECKSUM_OFFSET))
        return qta_error_set(err, QTA_ERR_DAMAGED, "has a header that fails its checksum");
    uint32_t version = qta_load_u32(bytes + VERSION_OFFSET);
    if (version != QTA_SEGMENT_VERSION)
        return qta_error_set(err, QTA_ERR_FORMAT,
                             "has format version %u, this program reads up to %d", version,
                             QTA_SEGMENT_VERSION);
    memcpy(header->session_id, bytes + SESSION_ID_OFFSET, sizeof header->session_id);
    header->number = qta_load_u32(bytes + NUMBER_OFFSET);
    header->run = qta_load_u32(bytes + RUN_OFFSET);
    header->created_ns = (int64_t)qta_load_u64(bytes + CREATED_OFFSET);
    header->run_started_ns = (int64_t)qta_load_u64(bytes + RUN_STARTED_OFFSET);
    memcpy(header->timezone, bytes + TIMEZONE_OFFSET, sizeof header->timezone);
    span->first_seq = qta_load_u64(bytes + FIRST_SEQ_OFFSET);
    span->last_seq = qta_load_u64(bytes + LAST_SEQ_OFFSET);
    span->records = qta_load_u64(bytes + RECORDS_OFFSET);
    span->first_ts_recv_ns = (int64_t)qta_load_u64(bytes + FIRST_TS_RECV_OFFSET);
    span->last_ts_recv_ns = (int64_t)qta_load_u64(bytes + LAST_TS_RECV_OFFSET);
    span->min_ts_event_ns = (int64_t)qta_load_u64(bytes + MIN_TS_EVENT_OFFSET);
    span->max_ts_event_ns = (int64_t)qta_load_u64(bytes + MAX_TS_EVENT_OFFSET);
    span->types = qta_load_u32(bytes + TYPES_OFFSET);
    header->footer_offset = qta_load_u64(bytes + FOOTER_OFFSET_OFFSET);
    if (header->timezone[sizeof header->timezone - 1] != '\0' ||
        (!span_is_possible(span) && !span_is_empty(span)))
        return qta_error_set(err, QTA_ERR_DAMAGED, "has a header with impossible values");
    return QTA_OK;
}

enum { TRAILER_CHECKSUM_OFFSET = QTA_SEGMENT_TRAILER_BYTES - 4 };

void qta_segment_trailer_store(uint32_t number, uint64_t footer_offset,
                               uint8_t bytes[QTA_SEGMENT_TRAILER_BYTES])
{
    memset(bytes, 0, QTA_SEGMENT_TRAILER_BYTES);
    memcpy(bytes, trailer_magic, sizeof trailer_magic);
    qta_store_u32(bytes + 4, QTA_SEGMENT_VERSION);
    qta_store_u32(bytes + 8, number);
    qta_store_u64(bytes + 16, footer_offset);
    qta_store_u32(bytes + TRAILER_CHECKSUM_OFFSET, qta_crc32c(0, bytes, TRAILER_CHECKSUM_OFFSET));
}

bool qta_segment_trailer_load(uint32_t number, const uint8_t bytes[QTA_SEGMENT_TRAILER_BYTES],
                              uint64_t *footer_offset)
{
    if (memcmp(bytes, trailer_magic, sizeof trailer_magic) != 0 ||
        qta_load_u32(bytes + 4) != QTA_SEGMENT_VERSION || qta_load_u32(bytes + 8) != number ||
        qta_load_u32(bytes + TRAILER_CHECKSUM_OFFSET) !=
            qta_crc32c(0, bytes, TRAILER_CHECKSUM_OFFSET))
        return false;
    *footer_offset = qta_load_u64(bytes + 16);
    return true;
}

/* ---- frames -------------------------------------------------------------------------------- */

enum {
    FRAME_KIND = 4,
    FRAME_CODEC = 5,
    FRAME_PAYLOAD_BYTES = 8,
    FRAME_COUNT = 12,
    FRAME_FIRST_SEQ = 16,
    FRAME_FIRST_TS_RECV = 24,
    FRAME_LAST_TS_RECV = 32,
    FRAME_MIN_TS_EVENT = 40,
    FRAME_END_SEQ = 40, /* of stored frames */
    FRAME_MAX_TS_EVENT = 48,
    FRAME_STORED_BYTES = 48, /* likewise */
    FRAME_TYPES = 56,
    FRAME_PAYLOAD_CHECKSUM = 60,
    FRAME_CHECKSUM = QTA_FRAME_HEAD_BYTES - 4,
};

/* A head is good only in its place: moved, swapped or doubled frames fail. */
static uint32_t frame_seed(uint32_t number, uint64_t offset)
{
    uint8_t place[12];
    qta_store_u32(place, number);
    qta_store_u64(place + 4, offset);
    return qta_crc32c(0, place, sizeof place);
}

static void store_raw_span(const struct qta_raw_span *raw, uint8_t bytes[QTA_FRAME_HEAD_BYTES])
{
    qta_store_u64(bytes + FRAME_FIRST_SEQ, raw->first_seq);
    qta_store_u64(bytes + FRAME_FIRST_TS_RECV, (uint64_t)raw->min_ts_recv_ns);
    qta_store_u64(bytes + FRAME_LAST_TS_RECV, (uint64_t)raw->max_ts_recv_ns);
    qta_store_u64(bytes + FRAME_END_SEQ, raw->end_seq);
    qta_store_u64(bytes + FRAME_STORED_BYTES, raw->stored_bytes);
}

static void load_raw_span(struct qta_raw_span *raw, const uint8_t bytes[QTA_FRAME_HEAD_BYTES])
{
    raw->first_seq = qta_load_u64(bytes + FRAME_FIRST_SEQ);
    raw->min_ts_recv_ns = (int64_t)qta_load_u64(bytes + FRAME_FIRST_TS_RECV);
    raw->max_ts_recv_ns = (int64_t)qta_load_u64(bytes + FRAME_LAST_TS_RECV);
    raw->end_seq = qta_load_u64(bytes + FRAME_END_SEQ);
    raw->stored_bytes = qta_load_u64(bytes + FRAME_STORED_BYTES);
}

void qta_frame_head_store(const struct qta_frame *frame, uint32_t number,
                          uint8_t bytes[QTA_FRAME_HEAD_BYTES])
{
    const struct qta_tick_span *span = &frame->span;
    memset(bytes, 0, QTA_FRAME_HEAD_BYTES);
    memcpy(bytes, frame_magic, sizeof frame_magic);
    bytes[FRAME_KIND] = frame->kind;
    bytes[FRAME_CODEC] = frame->codec_version;
    qta_store_u32(bytes + FRAME_PAYLOAD_BYTES, frame->payload_bytes);
    qta_store_u32(bytes + FRAME_COUNT, frame->count);
    if (frame->kind == QTA_FRAME_STORED) {
        store_raw_span(&frame->raw, bytes);
    } else {
        qta_store_u64(bytes + FRAME_FIRST_SEQ, span->first_seq);
        qta_store_u64(bytes + FRAME_FIRST_TS_RECV, (uint64_t)span->first_ts_recv_ns);
        qta_store_u64(bytes + FRAME_LAST_TS_RECV, (uint64_t)span->last_ts_recv_ns);
        qta_store_u64(bytes + FRAME_MIN_TS_EVENT, (uint64_t)span->min_ts_event_ns);
        qta_store_u64(bytes + FRAME_MAX_TS_EVENT, (uint64_t)span->max_ts_event_ns);
        qta_store_u32(bytes + FRAME_TYPES, span->types);
    }
    qta_store_u32(bytes + FRAME_PAYLOAD_CHECKSUM, frame->payload_checksum);
    qta_store_u32(bytes + FRAME_CHECKSUM,
                  qta_crc32c(frame_seed(number, frame->offset), bytes, FRAME_CHECKSUM));
}

static bool raw_span_is_possible(const struct qta_raw_span *raw)
{
    return raw->frames > 0 && raw->frames <= QTA_RAW_BLOCK_FRAMES_MAX && raw->first_seq > 0 &&
           raw->end_seq >= raw->first_seq && raw->max_ts_recv_ns >= raw->min_ts_recv_ns &&
           raw->stored_bytes <= QTA_STORED_RAW_BYTES_MAX;
}

/* The span of a frame of ticks follows from its first number and count. */
static bool complete_frame(struct qta_frame *frame)
{
    struct qta_tick_span *span = &frame->span;
    if (frame->payload_bytes > QTA_FRAME_PAYLOAD_BYTES_MAX)
        return false;
    if (frame->kind == QTA_FRAME_STORED) {
        frame->raw.frames = frame->count;
        return raw_span_is_possible(&frame->raw);
    }
    if (frame->kind != QTA_FRAME_TICKS)
        return true;
    span->records = frame->count;
    if (frame->count == 0 || span->first_seq > UINT64_MAX - frame->count)
        return false;
    span->last_seq = span->first_seq + frame->count - 1;
    return span_is_possible(span);
}

bool qta_frame_head_load(struct qta_frame *frame, uint32_t number, uint64_t offset,
                         const uint8_t bytes[QTA_FRAME_HEAD_BYTES])
{
    struct qta_tick_span *span = &frame->span;
    memset(frame, 0, sizeof *frame);
    if (memcmp(bytes, frame_magic, sizeof frame_magic) != 0 ||
        qta_load_u32(bytes + FRAME_CHECKSUM) !=
            qta_crc32c(frame_seed(number, offset), bytes, FRAME_CHECKSUM))
        return false;
    frame->kind = bytes[FRAME_KIND];
    frame->codec_version = bytes[FRAME_CODEC];
    frame->offset = offset;
    frame->payload_bytes = qta_load_u32(bytes + FRAME_PAYLOAD_BYTES);
    frame->payload_checksum = qta_load_u32(bytes + FRAME_PAYLOAD_CHECKSUM);
    frame->count = qta_load_u32(bytes + FRAME_COUNT);
    if (frame->kind == QTA_FRAME_STORED) {
        load_raw_span(&frame->raw, bytes);
        return complete_frame(frame);
    }
    span->first_seq = qta_load_u64(bytes + FRAME_FIRST_SEQ);
    span->first_ts_recv_ns = (int64_t)qta_load_u64(bytes + FRAME_FIRST_TS_RECV);
    span->last_ts_recv_ns = (int64_t)qta_load_u64(bytes + FRAME_LAST_TS_RECV);
    span->min_ts_event_ns = (int64_t)qta_load_u64(bytes + FRAME_MIN_TS_EVENT);
    span->max_ts_event_ns = (int64_t)qta_load_u64(bytes + FRAME_MAX_TS_EVENT);
    span->types = qta_load_u32(bytes + FRAME_TYPES);
    return complete_frame(frame);
}

/* ---- known holes --------------------------------------------------------------------------- */

enum {
    HOLE_FIRST_SEQ = 0,
    HOLE_LAST_SEQ = 8,
    HOLE_AFTER = 16,
    HOLE_UNTIL = 24,
    HOLE_CAUSE = 32,
};

const char *qta_hole_cause_name(unsigned cause)
{
    if (cause == QTA_HOLE_DAMAGED)
        return "damaged";
    return cause == QTA_HOLE_MISSING ? "missing" : "unknown";
}

void qta_known_hole_store(const struct qta_known_hole *hole, uint8_t bytes[QTA_HOLE_BYTES])
{
    memset(bytes, 0, QTA_HOLE_BYTES);
    qta_store_u64(bytes + HOLE_FIRST_SEQ, hole->first_seq);
    qta_store_u64(bytes + HOLE_LAST_SEQ, hole->last_seq);
    qta_store_u64(bytes + HOLE_AFTER, (uint64_t)hole->after_ns);
    qta_store_u64(bytes + HOLE_UNTIL, (uint64_t)hole->until_ns);
    bytes[HOLE_CAUSE] = hole->cause;
}

bool qta_known_hole_load(struct qta_known_hole *hole, const uint8_t *bytes, size_t length)
{
    if (length != QTA_HOLE_BYTES)
        return false;
    hole->first_seq = qta_load_u64(bytes + HOLE_FIRST_SEQ);
    hole->last_seq = qta_load_u64(bytes + HOLE_LAST_SEQ);
    hole->after_ns = (int64_t)qta_load_u64(bytes + HOLE_AFTER);
    hole->until_ns = (int64_t)qta_load_u64(bytes + HOLE_UNTIL);
    hole->cause = bytes[HOLE_CAUSE];
    return hole->first_seq > 0 && hole->last_seq >= hole->first_seq && hole->last_seq < UINT64_MAX;
}

/* ---- footer -------------------------------------------------------------------------------- */

void qta_segment_footer_finish(struct qta_segment_footer *footer)
{
    free(footer->frames);
    free(footer->symbols);
    *footer = (struct qta_segment_footer){0};
}

static void store_frame(const struct qta_segment_footer *footer, const struct qta_frame *frame,
                        struct qta_packed_writer *out)
{
    qta_packed_writer_put_u8(out, frame->kind);
    qta_packed_writer_put_u8(out, frame->codec_version);
    qta_packed_writer_put_varint(out, frame->offset);
    qta_packed_writer_put_varint(out, frame->payload_bytes);
    qta_packed_writer_put_u32(out, frame->payload_checksum);
    qta_packed_writer_put_varint(out, frame->count);
    if (frame->kind == QTA_FRAME_STORED) {
        qta_packed_writer_put_varint(out, frame->raw.first_seq);
        qta_packed_writer_put_varint(out, frame->raw.end_seq);
        qta_packed_writer_put_u64(out, (uint64_t)frame->raw.min_ts_recv_ns);
        qta_packed_writer_put_u64(out, (uint64_t)frame->raw.max_ts_recv_ns);
        qta_packed_writer_put_varint(out, frame->raw.stored_bytes);
    }
    if (frame->kind != QTA_FRAME_TICKS)
        return;
    qta_packed_writer_put_varint(out, frame->span.first_seq);
    qta_packed_writer_put_u64(out, (uint64_t)frame->span.first_ts_recv_ns);
    qta_packed_writer_put_u64(out, (uint64_t)frame->span.last_ts_recv_ns);
    qta_packed_writer_put_u64(out, (uint64_t)frame->span.min_ts_event_ns);
    qta_packed_writer_put_u64(out, (uint64_t)frame->span.max_ts_event_ns);
    qta_packed_writer_put_u32(out, frame->span.types);
    qta_packed_writer_put_varint(out, frame->symbols_length);
    if (frame->symbols_length > 0)
        qta_packed_writer_put(out, footer->symbols + frame->symbols_offset, frame->symbols_length);
}

void qta_segment_footer_store(const struct qta_segment_footer *footer,
                              struct qta_packed_writer *out)
{
    qta_packed_writer_put_varint(out, QTA_TICK_TYPE_END);
    for (size_t type = 0; type < QTA_TICK_TYPE_END; type++)
        qta_packed_writer_put_varint(out, footer->by_type[type]);
    qta_packed_writer_put_u64(out, footer->dropped);
    qta_packed_writer_put_varint(out, footer->frame_count);
    for (size_t i = 0; i < footer->frame_count; i++)
        store_frame(footer, &footer->frames[i], out);
}

static bool load_frame(struct qta_segment_footer *footer, struct qta_frame *frame,
                       struct qta_packed_reader *in)
{
    struct qta_tick_span *span = &frame->span;
    frame->kind = qta_packed_reader_take_u8(in);
    frame->codec_version = qta_packed_reader_take_u8(in);
    frame->offset = qta_packed_reader_take_varint(in);
    uint64_t payload_bytes = qta_packed_reader_take_varint(in);
    frame->payload_checksum = qta_packed_reader_take_u32(in);
    uint64_t count = qta_packed_reader_take_varint(in);
    if (payload_bytes > QTA_FRAME_PAYLOAD_BYTES_MAX || count > UINT32_MAX)
        return false;
    frame->payload_bytes = (uint32_t)payload_bytes;
    frame->count = (uint32_t)count;
    if (frame->kind == QTA_FRAME_STORED) {
        frame->raw.first_seq = qta_packed_reader_take_varint(in);
        frame->raw.end_seq = qta_packed_reader_take_varint(in);
        frame->raw.min_ts_recv_ns = (int64_t)qta_packed_reader_take_u64(in);
        frame->raw.max_ts_recv_ns = (int64_t)qta_packed_reader_take_u64(in);
        frame->raw.stored_bytes = qta_packed_reader_take_varint(in);
        return !in->is_short && complete_frame(frame);
    }
    if (frame->kind != QTA_FRAME_TICKS)
        return !in->is_short;
    span->first_seq = qta_packed_reader_take_varint(in);
    span->first_ts_recv_ns = (int64_t)qta_packed_reader_take_u64(in);
    span->last_ts_recv_ns = (int64_t)qta_packed_reader_take_u64(in);
    span->min_ts_event_ns = (int64_t)qta_packed_reader_take_u64(in);
    span->max_ts_event_ns = (int64_t)qta_packed_reader_take_u64(in);
    span->types = qta_packed_reader_take_u32(in);
    uint64_t length = qta_packed_reader_take_varint(in);
    const uint8_t *symbols = length <= SIZE_MAX ? qta_packed_reader_take(in, (size_t)length) : NULL;
    if (in->is_short || !complete_frame(frame))
        return false;
    frame->symbols_offset = footer->symbols_length;
    frame->symbols_length = (size_t)length;
    memcpy(footer->symbols + footer->symbols_length, symbols, (size_t)length);
    footer->symbols_length += (size_t)length;
    return true;
}

enum qta_status qta_segment_footer_load(struct qta_segment_footer *footer, const uint8_t *bytes,
                                        size_t length, struct qta_error *err)
{
    enum { FRAME_BYTES_MIN = 9 };
    struct qta_packed_reader in = qta_packed_reader_make(bytes, length);
    memset(footer, 0, sizeof *footer);
    uint64_t types = qta_packed_reader_take_varint(&in);
    for (uint64_t type = 0; type < types && !in.is_short; type++) {
        uint64_t records = qta_packed_reader_take_varint(&in);
        if (type < QTA_TICK_TYPE_END)
            footer->by_type[type] = records;
    }
    footer->dropped = qta_packed_reader_take_u64(&in);
    uint64_t count = qta_packed_reader_take_varint(&in);
    if (in.is_short || count > length / FRAME_BYTES_MIN)
        return qta_error_set(err, QTA_ERR_DAMAGED, "has a footer that makes no sense");
    footer->frames = calloc((size_t)count + 1, sizeof *footer->frames);
    footer->symbols = malloc(length + 1); /* symbols are a part of it */
    if (!footer->frames || !footer->symbols) {
        qta_segment_footer_finish(footer);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a footer");
    }
    for (; footer->frame_count < count; footer->frame_count++)
        if (!load_frame(footer, &footer->frames[footer->frame_count], &in)) {
            qta_segment_footer_finish(footer);
            return qta_error_set(err, QTA_ERR_DAMAGED, "has a footer that makes no sense");
        }
    return QTA_OK;
}
