/* A frame is cut into records no longer than names are, so that a torn one is found as any other
 * record is. */
#include "storage/journal_raw.h"

#include <assert.h>
#include <string.h>

#include "core/bytes.h"

enum {
    FIRST_SEQ_OFFSET = 0,
    TS_RECV_OFFSET = 8,
    LENGTH_OFFSET = 16,
    STORED_OFFSET = 20,
    TICKS_OFFSET = 24,
    CONN_OFFSET = 28,
    PROVIDER_OFFSET = 32,
    FLAGS_OFFSET = 34, /* 35 to 39 are zero */
};

size_t qta_journal_raw_bytes(uint32_t stored_bytes)
{
    size_t whole = (size_t)stored_bytes + QTA_JOURNAL_RAW_HEAD_BYTES;
    size_t full = whole / QTA_JOURNAL_PAYLOAD_MAX_BYTES;
    size_t rest = whole % QTA_JOURNAL_PAYLOAD_MAX_BYTES;
    return full * qta_journal_record_bytes(QTA_JOURNAL_PAYLOAD_MAX_BYTES) +
           (rest > 0 ? qta_journal_record_bytes(rest) : 0);
}

uint32_t qta_journal_raw_stored_max(uint32_t chunk_capacity)
{
    size_t name = qta_journal_record_bytes(QTA_JOURNAL_PAYLOAD_MAX_BYTES);
    size_t room = chunk_capacity - QTA_JOURNAL_HEADER_BYTES - QTA_JOURNAL_NOTE_BYTES - name;
    size_t records = room / qta_journal_record_bytes(QTA_JOURNAL_PAYLOAD_MAX_BYTES);
    assert(records > 0);
    size_t stored = records * QTA_JOURNAL_PAYLOAD_MAX_BYTES - QTA_JOURNAL_RAW_HEAD_BYTES;
    return stored < QTA_RAW_STORED_BYTES_MAX ? (uint32_t)stored : QTA_RAW_STORED_BYTES_MAX;
}

void qta_journal_raw_head_store(const struct qta_raw_frame *frame,
                                uint8_t head[QTA_JOURNAL_RAW_HEAD_BYTES])
{
    memset(head, 0, QTA_JOURNAL_RAW_HEAD_BYTES);
    qta_store_u64(head + FIRST_SEQ_OFFSET, frame->first_seq);
    qta_store_u64(head + TS_RECV_OFFSET, (uint64_t)frame->ts_recv_ns);
    qta_store_u32(head + LENGTH_OFFSET, frame->length);
    qta_store_u32(head + STORED_OFFSET, frame->stored_length);
    qta_store_u32(head + TICKS_OFFSET, frame->tick_count);
    qta_store_u32(head + CONN_OFFSET, frame->conn);
    qta_store_u16(head + PROVIDER_OFFSET, frame->provider);
    head[FLAGS_OFFSET] = frame->flags;
}

bool qta_journal_record_raw(const struct qta_journal_record *record, struct qta_raw_frame *frame)
{
    const uint8_t *head = record->payload;
    if (record->kind != QTA_JOURNAL_RAW || record->length < QTA_JOURNAL_RAW_HEAD_BYTES)
        return false;
    *frame = (struct qta_raw_frame){
        .first_seq = qta_load_u64(head + FIRST_SEQ_OFFSET),
        .ts_recv_ns = (int64_t)qta_load_u64(head + TS_RECV_OFFSET),
        .length = qta_load_u32(head + LENGTH_OFFSET),
        .stored_length = qta_load_u32(head + STORED_OFFSET),
        .tick_count = qta_load_u32(head + TICKS_OFFSET),
        .conn = qta_load_u32(head + CONN_OFFSET),
        .provider = qta_load_u16(head + PROVIDER_OFFSET),
        .flags = head[FLAGS_OFFSET],
    };
    return frame->first_seq > 0 && frame->first_seq <= UINT64_MAX - frame->tick_count &&
           frame->stored_length <= frame->length &&
           frame->stored_length <= QTA_RAW_STORED_BYTES_MAX;
}

/* ---- joining ------------------------------------------------------------------------------- */

void qta_journal_raw_join_finish(struct qta_journal_raw_join *join)
{
    qta_packed_writer_finish(&join->bytes);
    join->is_open = false;
}

static bool begin(struct qta_journal_raw_join *join, const struct qta_journal_record *record)
{
    if (!qta_journal_record_raw(record, &join->frame))
        return false;
    const uint8_t *bytes = record->payload + QTA_JOURNAL_RAW_HEAD_BYTES;
    uint32_t length = record->length - QTA_JOURNAL_RAW_HEAD_BYTES;
    if (length >= join->frame.stored_length) {
        join->frame.bytes = bytes;
        return length == join->frame.stored_length;
    }
    qta_packed_writer_clear(&join->bytes);
    qta_packed_writer_put(&join->bytes, bytes, length);
    join->is_open = true;
    return false;
}

static bool go_on(struct qta_journal_raw_join *join, const struct qta_journal_record *record)
{
    qta_packed_writer_put(&join->bytes, record->payload, record->length);
    if (join->bytes.is_out_of_memory) {
        join->is_out_of_memory = true;
        join->is_open = false;
        return false;
    }
    if (join->bytes.length < join->frame.stored_length)
        return false;
    join->is_open = false;
    join->frame.bytes = join->bytes.bytes;
    return join->bytes.length == join->frame.stored_length;
}

bool qta_journal_raw_join_take(struct qta_journal_raw_join *join,
                               const struct qta_journal_record *record)
{
    bool was_open = join->is_open;
    if (record->kind == QTA_JOURNAL_RAW_MORE)
        return was_open && go_on(join, record);
    join->is_open = false;
    return begin(join, record);
}
