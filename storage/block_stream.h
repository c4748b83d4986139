/** @file block_stream.h
 *  The blocks of a session's segments that a filter wants, one after the other, ready to be
 * decoded.
 *
 *  Works on headers and footers first: a segment or a block of which nothing is wanted is passed
 *  over. Ends where the next unit is only a chunk of the journal; whoever reads that sets next_unit
 *  and next_seq and goes on. One thread at a time. */
#ifndef QTA_STORAGE_BLOCK_STREAM_H
#define QTA_STORAGE_BLOCK_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>

#include "storage/block_decoder.h"
#include "storage/name_map.h"
#include "storage/packed_bytes.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"
#include "storage/tick_filter.h"

/** What a read has cost so far. */
struct qta_read_statistics {
    uint64_t segments;    /**< opened: passed over ones are not */
    uint64_t blocks;      /**< unpacked */
    uint64_t block_bytes; /**< of their payloads */
    uint64_t done_bytes;  /**< of the session's files, up to where it is */
};

/** One step of a stream: a block, or what there was instead. */
struct qta_block {
    /** QTA_OK: decoder has its ticks. QTA_ERR_DAMAGED: error says what is lost; go on.
     *  QTA_ERR_END: no further segment comes next. Others: that step failed, it may be repeated. */
    enum qta_status status;
    struct qta_error error;
    struct qta_block_decoder *decoder; /**< owned */
    struct qta_packed_writer payload;  /**< owned */
    struct qta_tick_span span;
    bool is_wanted_whole; /**< nothing in it needs to be compared with the filter */

    uint64_t lost;       /**< records, with QTA_ERR_DAMAGED */
    uint64_t known_lost; /**< so far: records in known holes */
    uint64_t next_seq;   /**< behind it: everything before was read, passed over or reported */
    uint32_t chunk;      /**< with QTA_ERR_END: the chunk that comes next; 0 when nothing does */
    struct qta_read_statistics statistics;
};

enum qta_status qta_block_init(struct qta_block *block, struct qta_error *err);
void qta_block_finish(struct qta_block *block);

struct qta_block_stream {
    struct qta_session_folder *folder; /**< borrowed, as the two below */
    const struct qta_tick_filter *filter;
    struct qta_dictionary *names; /**< grows: the ids of ticks are its */

    uint32_t next_unit;  /**< the lowest number to open next */
    uint64_t next_seq;   /**< of the session as it is stored; 0: whatever comes */
    bool is_placed;      /**< next_unit is where the filter begins */
    bool is_done;        /**< past the filter's end */
    bool is_end_checked; /**< the index was asked whether segments are missing at the end */
    uint64_t known_lost;
    struct qta_segment_reader segment;
    struct qta_name_map ids; /**< of the open segment, to those of names */
    size_t frame;            /**< the next one */
    struct qta_read_statistics statistics;
};

void qta_block_stream_init(struct qta_block_stream *stream, struct qta_session_folder *folder,
                           const struct qta_tick_filter *filter, struct qta_dictionary *names);
void qta_block_stream_finish(struct qta_block_stream *stream);

/** Back to the filter's beginning, which may have moved. */
void qta_block_stream_rewind(struct qta_block_stream *stream);

/** Makes the next step; the block's decoder and payload are used again. */
void qta_block_stream_next(struct qta_block_stream *stream, struct qta_block *block);

/** "records 7 to 9 are missing", as QTA_ERR_DAMAGED. */
enum qta_status qta_report_missing(uint64_t first_seq, uint64_t next_seq, struct qta_error *err);

#endif
