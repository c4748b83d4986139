/** @file journal_raw.h
 *  Stored frames in the journal (FORMAT.md section 3): a RAW record with the frame's head and its
 *  first bytes, then as many RAW_MORE records as the rest takes, one behind the other in one chunk.
 */
#ifndef QTA_STORAGE_JOURNAL_RAW_H
#define QTA_STORAGE_JOURNAL_RAW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/session.h>

#include "storage/journal_reader.h"
#include "storage/packed_bytes.h"

enum {
    QTA_JOURNAL_RAW_HEAD_BYTES = 40,
    QTA_JOURNAL_RAW_FIRST_BYTES_MAX = QTA_JOURNAL_PAYLOAD_MAX_BYTES - QTA_JOURNAL_RAW_HEAD_BYTES,
};

/** The most bytes of a frame that are stored, whatever room there is. */
#define QTA_RAW_STORED_BYTES_MAX (UINT32_C(32) << 20)

/** What the records of a frame take of a chunk. */
size_t qta_journal_raw_bytes(uint32_t stored_bytes);

/** How many bytes of a frame a chunk of this capacity has room for, with its provider's name. */
uint32_t qta_journal_raw_stored_max(uint32_t chunk_capacity);

void qta_journal_raw_head_store(const struct qta_raw_frame *frame,
                                uint8_t head[QTA_JOURNAL_RAW_HEAD_BYTES]);

/** A RAW record's head. False when it cannot be one. */
bool qta_journal_record_raw(const struct qta_journal_record *record, struct qta_raw_frame *frame);

/** Puts frames together again. Zero-initialize. */
struct qta_journal_raw_join {
    struct qta_raw_frame frame;
    struct qta_packed_writer bytes;
    bool is_open; /**< bytes of the frame are still to come */
    bool is_out_of_memory;
};
void qta_journal_raw_join_finish(struct qta_journal_raw_join *join);

/** Takes every record of a chunk in turn. True: a frame is complete, and in join->frame, its bytes
 *  valid until the next call or as long as the record. A frame whose records do not follow one
 *  another is passed over. */
bool qta_journal_raw_join_take(struct qta_journal_raw_join *join,
                               const struct qta_journal_record *record);

#endif
