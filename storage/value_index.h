/** @file value_index.h
 *  The distinct values of an array, in order of appearance, and each element's place among them. */
#ifndef QTA_STORAGE_VALUE_INDEX_H
#define QTA_STORAGE_VALUE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/block_layout.h"

struct qta_value_slot {
    uint64_t value;
    uint32_t index; /**< plus one; 0 is free */
};

/** About 2.6 MiB. Zero-initialize. */
struct qta_value_index {
    uint64_t values[QTA_BLOCK_TICKS_MAX];
    size_t count;
    uint16_t direct[QTA_BLOCK_TICKS_MAX]; /**< private: zeros between calls */
    struct qta_value_slot slots[QTA_BLOCK_TICKS_MAX * 2];
    size_t slot_count;
};

/** Of `numbers[i] & bits`, 1 to QTA_BLOCK_TICKS_MAX of them. False when there are more distinct
 * ones than limit: values and indices are of no use then. */
bool qta_value_index_fill(struct qta_value_index *index, const uint64_t *numbers, uint64_t bits,
                          size_t count, size_t limit, uint16_t *indices);

#endif
