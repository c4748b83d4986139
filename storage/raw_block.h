/** @file raw_block.h
 *  Stored frames as a segment has them (FORMAT.md section 5.5): many together, heads first, so that
 *  they compress well. */
#ifndef QTA_STORAGE_RAW_BLOCK_H
#define QTA_STORAGE_RAW_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/session.h>

#include "storage/packed_bytes.h"

enum {
    QTA_RAW_BLOCK_VERSION = 1,
    QTA_RAW_BLOCK_FRAMES_MAX = 65536,
};

/** What the frames of a block span. */
struct qta_raw_span {
    uint64_t frames;
    uint64_t first_seq; /**< lowest rx_seq that a frame names */
    uint64_t end_seq;   /**< the one behind all records that the frames produced */
    int64_t min_ts_recv_ns;
    int64_t max_ts_recv_ns;
    uint64_t stored_bytes; /**< of the frames, unpacked */
};

static inline bool qta_raw_span_equals(const struct qta_raw_span *left,
                                       const struct qta_raw_span *right)
{
    return left->frames == right->frames && left->first_seq == right->first_seq &&
           left->end_seq == right->end_seq && left->min_ts_recv_ns == right->min_ts_recv_ns &&
           left->max_ts_recv_ns == right->max_ts_recv_ns &&
           left->stored_bytes == right->stored_bytes;
}

/* ---- packing ------------------------------------------------------------------------------- */

/** Zero-initialize. */
struct qta_raw_block {
    struct qta_raw_span span;
    struct qta_packed_writer heads;
    struct qta_packed_writer bytes;
    uint64_t last_first_seq; /**< of the frame added last, and its time */
    int64_t last_ts_recv_ns;
};
void qta_raw_block_finish(struct qta_raw_block *block);
void qta_raw_block_clear(struct qta_raw_block *block);

/** Copies a frame to the end. False when out of memory. */
bool qta_raw_block_add(struct qta_raw_block *block, const struct qta_raw_frame *frame);

/** Appends the block as it is to be compressed. A failure shows in out. */
void qta_raw_block_store(const struct qta_raw_block *block, struct qta_packed_writer *out);

/* ---- unpacking ----------------------------------------------------------------------------- */

/** The frames of a block, one after the other. */
struct qta_raw_cursor {
    struct qta_packed_reader heads;
    struct qta_packed_reader bytes;
    uint32_t left;
    uint64_t last_first_seq;
    int64_t last_ts_recv_ns;
};

/** Starts on a block of so many frames; its bytes stay the caller's. False when it cannot be one.
 */
bool qta_raw_cursor_begin(struct qta_raw_cursor *cursor, const uint8_t *bytes, size_t length,
                          uint32_t count);

/** The next frame, its bytes inside the block's. False when none is left or the rest makes no
 * sense: then cursor->left is not 0. */
bool qta_raw_cursor_next(struct qta_raw_cursor *cursor, struct qta_raw_frame *frame);

/** Whether nothing is left of the block, as there should be behind its last frame. */
static inline bool qta_raw_cursor_is_at_end(const struct qta_raw_cursor *cursor)
{
    return cursor->left == 0 && cursor->heads.position == cursor->heads.length &&
           cursor->bytes.position == cursor->bytes.length;
}

#endif
