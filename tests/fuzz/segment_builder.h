/** @file segment_builder.h
 *  Makes segments of parts that a fuzzer chose: everything around them is as it should be, with
 *  checksums, spans and a footer that fit. */
#ifndef QTA_FUZZ_SEGMENT_BUILDER_H
#define QTA_FUZZ_SEGMENT_BUILDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/segment_format.h"

enum { SEGMENT_FRAMES_MAX = 16 };

struct segment_builder {
    struct qta_packed_writer bytes; /**< the file */
    struct qta_frame frames[SEGMENT_FRAMES_MAX];
    size_t frame_count;
    uint64_t next_seq;
};

/** Starts a segment; the memory of the one before is used again. */
void segment_builder_start(struct segment_builder *builder);

/** Adds a frame. is_packed: the payload is compressed first, as names and stored frames are. Count
 *  is what the head says; ticks get spans that follow one another. */
void segment_builder_add(struct segment_builder *builder, enum qta_frame_kind kind, uint32_t count,
                         const uint8_t *payload, size_t length, bool is_packed);

/** Ends it with a footer: the right one, or that of these bytes, not yet compressed. */
void segment_builder_finish(struct segment_builder *builder, const uint8_t *footer, size_t length);

#endif
