/** @file block_batch.h
 *  The second half of decoding: checked and unpacked columns become ticks, a batch at a time. */
#ifndef QTA_STORAGE_BLOCK_BATCH_H
#define QTA_STORAGE_BLOCK_BATCH_H

#include <stddef.h>
#include <stdint.h>

#include <qta/tick.h>

#include "storage/block_columns.h"
#include "storage/tick_names.h"

enum { QTA_BATCH_TICKS = 128 };

/** Arrays of one batch: of the whole block, or of one type's ticks in it. */
struct qta_batch_view {
    size_t count;
    const uint16_t *places;  /**< in the caller's array */
    const uint16_t *symbols; /**< indices in the dictionary */
    const uint64_t *times;   /**< ts_recv */
};

/** Where a block is between two batches. Zero-initialized it is at its end. */
struct qta_block_batch {
    struct qta_block_columns *columns; /**< borrowed */
    uint64_t first_seq;
    size_t position;
    qta_translate_function translate_text; /**< of ids in numbers; NULL when there are none */
    void *user;
    struct qta_tick *ticks; /**< the caller's */
    /* all ticks of the batch */
    uint64_t times[QTA_BATCH_TICKS];
    uint16_t symbols[QTA_BATCH_TICKS];
    uint16_t kinds[QTA_BATCH_TICKS];
    uint16_t identity[QTA_BATCH_TICKS]; /**< 0, 1, 2, ... */
    /* the type at hand */
    uint64_t type_times[QTA_BATCH_TICKS];
    uint16_t type_symbols[QTA_BATCH_TICKS];
    uint32_t told[QTA_MASKS_MAX][QTA_BATCH_TICKS]; /**< places in what is kept by its masks */
    uint64_t companions[QTA_TICK_WORDS][QTA_BATCH_TICKS]; /**< numbers that others are told by */
    /* deals ticks out to types */
    uint16_t slot_places[QTA_BLOCK_TYPES_MAX][QTA_BATCH_TICKS];
    uint16_t slot_sources[QTA_BLOCK_TYPES_MAX][QTA_BATCH_TICKS];
    size_t slot_counts[QTA_BLOCK_TYPES_MAX];
};

/** columns must have passed all checks. */
void qta_block_batch_begin(struct qta_block_batch *batch, struct qta_block_columns *columns,
                           uint64_t first_seq, qta_translate_function translate_text, void *user);

/** There are no more ticks. */
void qta_block_batch_end(struct qta_block_batch *batch);

/** The next ticks of the wanted types, up to capacity; 0 at the end. */
size_t qta_block_batch_next(struct qta_block_batch *batch, struct qta_tick *ticks, size_t capacity);

#endif
