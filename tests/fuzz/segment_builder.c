/* By FORMAT.md, section 4. */
#include "tests/fuzz/segment_builder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc32c.h"
#include "storage/block_layout.h"
#include "storage/byte_planes.h"

enum { NUMBER = 1 };

static void pack(const uint8_t *bytes, size_t length, struct qta_packed_writer *out)
{
    static struct qta_plane_encoder *encoder;
    if (!encoder && qta_plane_encoder_create(&encoder, 1, NULL) != QTA_OK)
        abort();
    qta_packed_writer_put_varint(out, length);
    qta_plane_encoder_put_bytes(encoder, bytes, length, out);
}

static void write_frame(struct segment_builder *builder, struct qta_frame *frame,
                        const uint8_t *payload, size_t length)
{
    frame->offset = builder->bytes.length;
    frame->payload_bytes = (uint32_t)length;
    frame->payload_checksum = qta_crc32c(0, payload, length);
    uint8_t head[QTA_FRAME_HEAD_BYTES];
    qta_frame_head_store(frame, NUMBER, head);
    qta_packed_writer_put(&builder->bytes, head, sizeof head);
    qta_packed_writer_put(&builder->bytes, payload, length);
}

void segment_builder_start(struct segment_builder *builder)
{
    static const uint8_t header[QTA_SEGMENT_HEADER_BYTES];
    qta_packed_writer_clear(&builder->bytes);
    qta_packed_writer_put(&builder->bytes, header, sizeof header);
    builder->frame_count = 0;
    builder->next_seq = 1;
}

static void set_span(struct segment_builder *builder, struct qta_frame *frame)
{
    frame->span = (struct qta_tick_span){
        .first_seq = builder->next_seq,
        .last_seq = builder->next_seq + frame->count - 1,
        .records = frame->count,
        .first_ts_recv_ns = 1000,
        .last_ts_recv_ns = 2000,
        .min_ts_event_ns = INT64_MIN + 1,
        .max_ts_event_ns = INT64_MAX,
        .types = QTA_TYPES_ALL | QTA_TYPE_BIT_UNKNOWN,
    };
    builder->next_seq += frame->count;
}

void segment_builder_add(struct segment_builder *builder, enum qta_frame_kind kind, uint32_t count,
                         const uint8_t *payload, size_t length, bool is_packed)
{
    static struct qta_packed_writer packed;
    if (builder->frame_count == SEGMENT_FRAMES_MAX)
        return;
    struct qta_frame frame = {
        .kind = (uint8_t)kind, .codec_version = QTA_BLOCK_CODEC_VERSION, .count = count};
    if (kind == QTA_FRAME_TICKS)
        set_span(builder, &frame);
    if (kind == QTA_FRAME_STORED) {
        frame.codec_version = QTA_RAW_BLOCK_VERSION;
        frame.raw = (struct qta_raw_span){
            .frames = count,
            .first_seq = 1,
            .end_seq = builder->next_seq,
            .min_ts_recv_ns = 1000,
            .max_ts_recv_ns = 2000,
            .stored_bytes = length,
        };
    }
    if (is_packed) {
        qta_packed_writer_clear(&packed);
        pack(payload, length, &packed);
        payload = packed.bytes;
        length = packed.length;
    }
    write_frame(builder, &frame, payload, length);
    builder->frames[builder->frame_count++] = frame;
}

static void write_footer(struct segment_builder *builder, const uint8_t *footer, size_t length)
{
    static struct qta_packed_writer raw;
    static struct qta_packed_writer packed;
    struct qta_frame frame = {.kind = QTA_FRAME_FOOTER, .codec_version = QTA_BLOCK_CODEC_VERSION};
    if (!footer) {
        struct qta_segment_footer right = {.frames = builder->frames,
                                           .frame_count = builder->frame_count};
        right.by_type[QTA_TICK_TRADE] = builder->next_seq - 1;
        qta_packed_writer_clear(&raw);
        qta_segment_footer_store(&right, &raw);
        footer = raw.bytes;
        length = raw.length;
    }
    qta_packed_writer_clear(&packed);
    pack(footer, length, &packed);
    write_frame(builder, &frame, packed.bytes, packed.length);
}

void segment_builder_finish(struct segment_builder *builder, const uint8_t *footer, size_t length)
{
    struct qta_segment_header header = {
        .number = NUMBER, .run = 1, .footer_offset = builder->bytes.length};
    strcpy(header.timezone, "UTC");
    header.span = (struct qta_tick_span){
        .first_seq = 1,
        .last_seq = builder->next_seq - 1,
        .records = builder->next_seq - 1,
        .first_ts_recv_ns = 1000,
        .last_ts_recv_ns = 2000,
        .min_ts_event_ns = INT64_MIN + 1,
        .max_ts_event_ns = INT64_MAX,
        .types = QTA_TYPES_ALL | QTA_TYPE_BIT_UNKNOWN,
    };
    write_footer(builder, footer, length);
    uint8_t trailer[QTA_SEGMENT_TRAILER_BYTES];
    qta_segment_trailer_store(NUMBER, header.footer_offset, trailer);
    qta_packed_writer_put(&builder->bytes, trailer, sizeof trailer);
    assert(!builder->bytes.is_out_of_memory);
    qta_segment_header_store(&header, builder->bytes.bytes);
}
