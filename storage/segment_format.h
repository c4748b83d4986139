/** @file segment_format.h
 *  The bytes of a segment (FORMAT.md section 4): header, frames, trailer.
 *
 *  A frame is a head of its own checksum and a payload with another. What a segment needs to be
 * read is in it twice: names before and behind the ticks, the way to the footer in header and
 * trailer, and what the footer says in the heads of the frames. */
#ifndef QTA_STORAGE_SEGMENT_FORMAT_H
#define QTA_STORAGE_SEGMENT_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "storage/journal_format.h"
#include "storage/packed_bytes.h"
#include "storage/raw_block.h"

enum {
    QTA_SEGMENT_VERSION = 1,
    QTA_SEGMENT_HEADER_BYTES = 256,
    QTA_SEGMENT_TRAILER_BYTES = 32,
    QTA_FRAME_HEAD_BYTES = 80,
    QTA_FRAME_PAYLOAD_BYTES_MAX = 64 << 20,
    QTA_NAMES_RAW_BYTES_MAX = 1 << 20,
    QTA_FOOTER_RAW_BYTES_MAX = 64 << 20,
    QTA_STORED_RAW_BYTES_MAX = 40 << 20, /* of a block of stored frames, unpacked */
    QTA_HOLE_BYTES = 40,
    QTA_HOLE_CODEC_VERSION = 1,
};

enum qta_frame_kind {
    QTA_FRAME_TICKS = 1,
    QTA_FRAME_NAMES = 2,
    QTA_FRAME_NAMES_COPY = 3,
    QTA_FRAME_FOOTER = 4,
    QTA_FRAME_STORED = 5, /**< frames as a venue sent them */
    QTA_FRAME_HOLE = 6,   /**< records that are known to be lost */
};

/** What a run of ticks spans. */
struct qta_tick_span {
    uint64_t first_seq;
    uint64_t last_seq;
    uint64_t records;
    int64_t first_ts_recv_ns;
    int64_t last_ts_recv_ns;
    int64_t min_ts_event_ns; /**< of the known ones; INT64_MAX when none is */
    int64_t max_ts_event_ns; /**< INT64_MIN when none is */
    uint32_t types;          /**< QTA_TYPE_BITs; types that have no bit set bit 31 */
};
#define QTA_TYPE_BIT_UNKNOWN (UINT32_C(1) << 31)

void qta_tick_span_init(struct qta_tick_span *span);
void qta_tick_span_add(struct qta_tick_span *span, const struct qta_tick *tick);
bool qta_tick_span_equals(const struct qta_tick_span *left, const struct qta_tick_span *right);
/** Makes a span cover another one that follows it. */
void qta_tick_span_join(struct qta_tick_span *span, const struct qta_tick_span *next);

/** Makes a span cover known holes before, in and behind it: they count as no record, but their
 * numbers are used. Nothing changes when first_seq is 0. */
void qta_tick_span_cover(struct qta_tick_span *span, uint64_t first_seq, uint64_t last_seq);

struct qta_segment_header {
    uint8_t session_id[QTA_SESSION_ID_BYTES];
    uint32_t number;
    uint32_t run;
    int64_t created_ns;
    int64_t run_started_ns;
    char timezone[QTA_TIMEZONE_BYTES];
    struct qta_tick_span span;
    uint64_t footer_offset; /**< of its frame */
};

void qta_segment_header_store(const struct qta_segment_header *header,
                              uint8_t bytes[QTA_SEGMENT_HEADER_BYTES]);
/** QTA_ERR_FORMAT: of a newer version; QTA_ERR_DAMAGED: not a segment, or no longer. Messages go on
 *  after the file's name. */
enum qta_status qta_segment_header_load(struct qta_segment_header *header,
                                        const uint8_t bytes[QTA_SEGMENT_HEADER_BYTES],
                                        struct qta_error *err);

void qta_segment_trailer_store(uint32_t number, uint64_t footer_offset,
                               uint8_t bytes[QTA_SEGMENT_TRAILER_BYTES]);
bool qta_segment_trailer_load(uint32_t number, const uint8_t bytes[QTA_SEGMENT_TRAILER_BYTES],
                              uint64_t *footer_offset);

/** A frame, by its head or by the footer. */
struct qta_frame {
    uint8_t kind;          /**< enum qta_frame_kind; skip those that are not known */
    uint8_t codec_version; /**< of the payload */
    uint64_t offset;       /**< of its head in the file */
    uint32_t payload_bytes;
    uint32_t payload_checksum;
    uint32_t count;            /**< names or stored frames; else as span.records */
    struct qta_tick_span span; /**< of ticks */
    struct qta_raw_span raw;   /**< of stored frames */
    size_t symbols_offset;     /**< in the footer: which symbols it has, and how often */
    size_t symbols_length;     /**< 0 when that is not known */
};

void qta_frame_head_store(const struct qta_frame *frame, uint32_t number,
                          uint8_t bytes[QTA_FRAME_HEAD_BYTES]);
/** False when the head at this offset of this segment fails its checksum or cannot be right. */
bool qta_frame_head_load(struct qta_frame *frame, uint32_t number, uint64_t offset,
                         const uint8_t bytes[QTA_FRAME_HEAD_BYTES]);

/** Why a hole is there. */
enum qta_hole_cause { QTA_HOLE_DAMAGED = 1, QTA_HOLE_MISSING = 2 };

/** "damaged", "missing"; "unknown" for others. Static. */
const char *qta_hole_cause_name(unsigned cause);

/** Records that a repair found to be lost: a reader passes them over. */
struct qta_known_hole {
    uint64_t first_seq;
    uint64_t last_seq;
    int64_t after_ns; /**< ts_recv of the record before; QTA_TIME_UNKNOWN when there is none */
    int64_t until_ns; /**< ts_recv of the record behind; likewise */
    uint8_t cause;    /**< enum qta_hole_cause */
};

void qta_known_hole_store(const struct qta_known_hole *hole, uint8_t bytes[QTA_HOLE_BYTES]);
/** False when it cannot be one. */
bool qta_known_hole_load(struct qta_known_hole *hole, const uint8_t *bytes, size_t length);

/** Everything that a footer says. */
struct qta_segment_footer {
    uint64_t by_type[QTA_TICK_TYPE_END];
    uint64_t dropped;         /**< sum of the counts of DROP ticks */
    struct qta_frame *frames; /**< owned: all but the footer itself, in order */
    size_t frame_count;
    uint8_t *symbols; /**< owned: what symbols_offset is in */
    size_t symbols_length;
};

/** What the ticks of a segment span. One that has stored frames only has no records: its first_seq
 * is the rx_seq that comes next, its last_seq the one before, its times are the frames'. */
void qta_segment_footer_span(const struct qta_segment_footer *footer, struct qta_tick_span *span);

void qta_segment_footer_finish(struct qta_segment_footer *footer);
void qta_segment_footer_store(const struct qta_segment_footer *footer,
                              struct qta_packed_writer *out);
/** QTA_ERR_DAMAGED when it cannot be right; QTA_ERR_NOMEM. */
enum qta_status qta_segment_footer_load(struct qta_segment_footer *footer, const uint8_t *bytes,
                                        size_t length, struct qta_error *err);

#endif
