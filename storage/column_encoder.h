/** @file column_encoder.h
 *  Codes one column of a block after the other (FORMAT.md sections 5.2 and 5.3), choosing the
 * predictor of numbers by what suited them before. */
#ifndef QTA_STORAGE_COLUMN_ENCODER_H
#define QTA_STORAGE_COLUMN_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "storage/block_layout.h"
#include "storage/packed_bytes.h"

struct qta_column_encoder;

/** A column: the words of all ticks of a type, or of those that have one. */
struct qta_column_source {
    unsigned type;
    size_t word;
    uint64_t absent; /**< what the word is in a tick that says nothing */
    const uint64_t *numbers;
    const uint16_t *symbols; /**< by their place in their dictionary; NULL where they are no help */
    const uint64_t *times;   /**< ts_recv, likewise */
    const uint64_t *companions; /**< another column's numbers, likewise */
    uint8_t companion;          /**< word of that column */
    size_t count;
    uint8_t flags;          /**< enum qta_column_flag, but ZIGZAG */
    int8_t exponent;        /**< SCALED, TRIMMED: of all numbers */
    uint8_t exponent_range; /**< TRIMMED */
    uint8_t mask;           /**< KEPT: which, from 1 */
};

/** Some bits of a column of fields. */
struct qta_column_part {
    uint64_t bits;
    const uint8_t *told; /**< of a kept part: 1 for ticks that have a value; else NULL */
    size_t told_count;
    uint8_t mask; /**< of a kept part: which, from 1 */
};

/** level is zstd's. About 6 MiB. */
enum qta_status qta_column_encoder_create(struct qta_column_encoder **out, int level,
                                          struct qta_error *err);
void qta_column_encoder_destroy(struct qta_column_encoder *encoder);

/** A new block, which has one symbol until somebody says otherwise. */
void qta_column_encoder_begin(struct qta_column_encoder *encoder);
void qta_column_encoder_set_symbols(struct qta_column_encoder *encoder, size_t symbol_count);
size_t qta_column_encoder_count(const struct qta_column_encoder *encoder); /**< columns so far */

/** One dictionary of whole words, or a constant. Returns how many values there are; each tick's
 *  place among them goes to *indices, valid until the next call. */
size_t qta_column_encoder_put_words(struct qta_column_encoder *encoder,
                                    const struct qta_column_source *source,
                                    const uint16_t **indices, struct qta_packed_writer *out);

/** A word of fields: the bits of by_symbol, which are the same in all ticks of a symbol, and parts
 *  of the others. */
void qta_column_encoder_put_fields(struct qta_column_encoder *encoder,
                                   const struct qta_column_source *source, uint64_t by_symbol,
                                   const struct qta_column_part *parts, size_t part_count,
                                   struct qta_packed_writer *out);

/** The most values that bits may have to be told as one dictionary where they need not be: false
 *  when there are more. */
bool qta_column_encoder_is_small(struct qta_column_encoder *encoder,
                                 const struct qta_column_source *source, uint64_t bits);

/** A column of numbers. Returns its predictor; -1 when it became something else than numbers. */
int qta_column_encoder_put_numbers(struct qta_column_encoder *encoder,
                                   const struct qta_column_source *source,
                                   struct qta_packed_writer *out);

/** A mask of 1 and 0, by which columns that come later keep values. */
void qta_column_encoder_put_mask(struct qta_column_encoder *encoder, unsigned type, unsigned number,
                                 const uint8_t *told, size_t count, struct qta_packed_writer *out);

/** Texts. */
void qta_column_encoder_put_bytes(struct qta_column_encoder *encoder, const void *bytes,
                                  size_t length, struct qta_packed_writer *out);

/** Bytes that a word of a type has taken in all blocks so far. */
uint64_t qta_column_encoder_bytes(const struct qta_column_encoder *encoder, unsigned type,
                                  size_t word);

#endif
