/** @file block_columns.h
 *  The columns of a block as its payload tells them (FORMAT.md section 5): what the files of the
 *  decoder share. Parsing checks every length and count that can be checked before anything is
 *  unpacked. */
#ifndef QTA_STORAGE_BLOCK_COLUMNS_H
#define QTA_STORAGE_BLOCK_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "storage/block_layout.h"
#include "storage/byte_planes.h"
#include "storage/packed_bytes.h"

enum {
    QTA_BLOCK_TYPES_MAX = 32,
    QTA_BLOCK_COLUMNS_MAX = QTA_BLOCK_TYPES_MAX * QTA_TICK_WORDS,
    QTA_BLOCK_PARTS_MAX = 1024,
};

/** A bit for each tick of a type, or of the block. */
struct qta_block_mask {
    bool is_there;
    struct qta_byte_planes planes; /**< of one byte for eight ticks */
    const uint8_t *bits;           /**< once unpacked */
    size_t told;                   /**< bits that are set */
    size_t position;               /**< of them before the tick at hand */
    uint64_t *last;                /**< by symbol: that of its last one, plus one; 0 for none */
};

/** A list of values, and each tick's place in it. */
struct qta_block_part {
    struct qta_byte_planes value_planes;
    struct qta_byte_planes planes; /**< indices */
    uint8_t mask;                  /**< of a kept part, from 1; 0: each tick has an index */
    uint64_t *values;              /**< once unpacked */
    uint64_t *kept;                /**< of a kept part: 0, and then the value of each told tick */
    uint8_t *marks;                /**< a byte a value: scratch for who needs one */
    size_t position;
};

struct qta_block_column {
    uint8_t word;
    uint8_t form; /**< enum qta_column_form; never MASK */
    bool is_wanted;
    bool is_companion;     /**< another column's numbers are told as differences to these */
    uint64_t base;         /**< or the constant */
    uint8_t exponent_byte; /**< of the tick, where the word is a mantissa; 0: it is none */
    /* numbers */
    uint8_t predictor;
    uint8_t flags;
    int8_t exponent;        /**< what mantissas are scaled to */
    uint8_t exponent_range; /**< by how much a trimmed one's exponent may be higher */
    uint8_t mask;           /**< of a kept column, from 1 */
    uint8_t companion;      /**< word of the other column of a pair */
    uint64_t previous;      /**< the number before */
    struct qta_byte_planes planes;
    size_t position;
    uint64_t *kept; /**< of a kept column: what is before the first number, and then all numbers */
    /* numbers and fields: by symbol */
    struct qta_byte_planes symbol_planes;
    uint64_t *by_symbol; /**< each one's last number, or bits; NULL for none */
    /* fields */
    struct qta_block_part *parts;
    uint8_t part_count;
};

/** One type of tick of the block. */
struct qta_block_slot {
    uint8_t type;
    bool is_wanted;
    size_t count;
    size_t position;                                  /**< ticks that were decoded */
    struct qta_tick absent;                           /**< constant columns filled in */
    struct qta_block_column *columns[QTA_TICK_WORDS]; /**< what varies, in order */
    size_t column_count;
    uint32_t
        constant_words; /**< bits of the words that neither come from these nor from all types */
    struct qta_block_column *by_word[QTA_TICK_WORDS]; /**< all that are there */
    struct qta_block_mask masks[QTA_MASKS_MAX];
};

/** All there is in a payload, but the texts. About 600 KiB. */
struct qta_block_columns {
    size_t count; /**< ticks: the caller sets this and types */
    uint32_t types;
    struct qta_block_column columns[QTA_BLOCK_COLUMNS_MAX];
    size_t column_count;
    struct qta_block_part parts[QTA_BLOCK_PARTS_MAX];
    size_t part_count;
    struct qta_block_slot slots[QTA_BLOCK_TYPES_MAX];
    size_t slot_count;
    uint8_t slot_of_type[256];      /**< plus one */
    struct qta_block_column *kinds; /**< of all types; these three may be NULL when absent */
    struct qta_block_column *symbols;
    struct qta_block_column *times;
    struct qta_block_mask times_mask;
    bool has_own_columns; /**< of some type */
    size_t symbol_count;
    size_t needed_bytes; /**< of memory to unpack the columns that are wanted */
};

/** Takes types and columns from the payload. QTA_ERR_DAMAGED. */
enum qta_status qta_block_columns_parse(struct qta_block_columns *columns,
                                        struct qta_packed_reader *reader, struct qta_error *err);

/** The numbers of a mask's bytes for so many ticks. */
static inline size_t qta_mask_bytes(size_t count)
{
    return (count + 7) / 8;
}

/** Sets err to what makes no sense. QTA_ERR_DAMAGED. */
enum qta_status qta_block_damaged(struct qta_error *err, const char *what);

#endif
