/* Heads before bytes: the heads of one feed are much alike, and so are its messages. */
#include "storage/raw_block.h"

#include <string.h>

/* ---- packing ------------------------------------------------------------------------------- */

void qta_raw_block_finish(struct qta_raw_block *block)
{
    qta_packed_writer_finish(&block->heads);
    qta_packed_writer_finish(&block->bytes);
}

void qta_raw_block_clear(struct qta_raw_block *block)
{
    qta_packed_writer_clear(&block->heads);
    qta_packed_writer_clear(&block->bytes);
    block->span = (struct qta_raw_span){0};
    block->last_first_seq = 0;
    block->last_ts_recv_ns = 0;
}

static void widen_span(struct qta_raw_span *span, const struct qta_raw_frame *frame)
{
    uint64_t end_seq = frame->first_seq + frame->tick_count;
    if (span->frames == 0 || frame->first_seq < span->first_seq)
        span->first_seq = frame->first_seq;
    if (span->frames == 0 || end_seq > span->end_seq)
        span->end_seq = end_seq;
    if (span->frames == 0 || frame->ts_recv_ns < span->min_ts_recv_ns)
        span->min_ts_recv_ns = frame->ts_recv_ns;
    if (span->frames == 0 || frame->ts_recv_ns > span->max_ts_recv_ns)
        span->max_ts_recv_ns = frame->ts_recv_ns;
    span->stored_bytes += frame->stored_length;
    span->frames++;
}

bool qta_raw_block_add(struct qta_raw_block *block, const struct qta_raw_frame *frame)
{
    struct qta_packed_writer *heads = &block->heads;
    uint64_t step = frame->first_seq - block->last_first_seq;
    uint64_t elapsed = (uint64_t)frame->ts_recv_ns - (uint64_t)block->last_ts_recv_ns;
    qta_packed_writer_put_u8(heads, frame->flags);
    qta_packed_writer_put_varint(heads, frame->provider);
    qta_packed_writer_put_varint(heads, frame->conn);
    qta_packed_writer_put_zigzag(heads, (int64_t)step);
    qta_packed_writer_put_varint(heads, frame->tick_count);
    qta_packed_writer_put_zigzag(heads, (int64_t)elapsed);
    qta_packed_writer_put_varint(heads, frame->stored_length);
    qta_packed_writer_put_varint(heads, frame->length - frame->stored_length);
    qta_packed_writer_put(&block->bytes, frame->bytes, frame->stored_length);
    block->last_first_seq = frame->first_seq;
    block->last_ts_recv_ns = frame->ts_recv_ns;
    widen_span(&block->span, frame);
    return !heads->is_out_of_memory && !block->bytes.is_out_of_memory;
}

void qta_raw_block_store(const struct qta_raw_block *block, struct qta_packed_writer *out)
{
    qta_packed_writer_put_varint(out, block->heads.length);
    qta_packed_writer_put(out, block->heads.bytes, block->heads.length);
    qta_packed_writer_put(out, block->bytes.bytes, block->bytes.length);
}

/* ---- unpacking ----------------------------------------------------------------------------- */

bool qta_raw_cursor_begin(struct qta_raw_cursor *cursor, const uint8_t *bytes, size_t length,
                          uint32_t count)
{
    struct qta_packed_reader in = qta_packed_reader_make(bytes, length);
    uint64_t heads_length = qta_packed_reader_take_varint(&in);
    if (in.is_short || heads_length > length - in.position)
        return false;
    const uint8_t *heads = bytes + in.position;
    *cursor = (struct qta_raw_cursor){
        .heads = qta_packed_reader_make(heads, (size_t)heads_length),
        .bytes = qta_packed_reader_make(heads + heads_length,
                                        length - in.position - (size_t)heads_length),
        .left = count,
    };
    return true;
}

bool qta_raw_cursor_next(struct qta_raw_cursor *cursor, struct qta_raw_frame *frame)
{
    struct qta_packed_reader *heads = &cursor->heads;
    if (cursor->left == 0)
        return false;
    uint8_t flags = qta_packed_reader_take_u8(heads);
    uint64_t provider = qta_packed_reader_take_varint(heads);
    uint64_t conn = qta_packed_reader_take_varint(heads);
    uint64_t first_seq = cursor->last_first_seq +
                         qta_unzigzag(qta_packed_reader_take_varint(heads));
    uint64_t tick_count = qta_packed_reader_take_varint(heads);
    uint64_t ts_recv = (uint64_t)cursor->last_ts_recv_ns +
                       qta_unzigzag(qta_packed_reader_take_varint(heads));
    uint64_t stored = qta_packed_reader_take_varint(heads);
    uint64_t left_out = qta_packed_reader_take_varint(heads);
    if (heads->is_short || provider > UINT16_MAX || conn > UINT32_MAX || tick_count > UINT32_MAX ||
        stored > UINT32_MAX || left_out > UINT32_MAX - stored || first_seq == 0 ||
        first_seq > UINT64_MAX - tick_count)
        return false;
    const uint8_t *bytes = qta_packed_reader_take(&cursor->bytes, (size_t)stored);
    if (!bytes)
        return false;
    *frame = (struct qta_raw_frame){
        .first_seq = first_seq,
        .ts_recv_ns = (int64_t)ts_recv,
        .bytes = bytes,
        .length = (uint32_t)(stored + left_out),
        .stored_length = (uint32_t)stored,
        .tick_count = (uint32_t)tick_count,
        .conn = (uint32_t)conn,
        .provider = (uint16_t)provider,
        .flags = flags,
    };
    cursor->last_first_seq = first_seq;
    cursor->last_ts_recv_ns = (int64_t)ts_recv;
    cursor->left--;
    return true;
}
