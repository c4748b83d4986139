/** @file type_columns.h
 *  Codes the words of all ticks of one type: decides which bits are told by symbol, which fields
 *  together, which mantissas at a common exponent and which values are kept. */
#ifndef QTA_STORAGE_TYPE_COLUMNS_H
#define QTA_STORAGE_TYPE_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "storage/block_layout.h"
#include "storage/column_encoder.h"

struct qta_type_columns;

/** The words of a type's ticks, each an array of count. Contents of words are changed. */
struct qta_type_words {
    unsigned type;
    size_t count;
    uint64_t *words[QTA_TICK_WORDS]; /**< NULL where the type has none */
    const uint16_t *symbols;         /**< by their place in their dictionary */
    size_t symbol_count;
};

/** About 3 MiB. */
enum qta_status qta_type_columns_create(struct qta_type_columns **out, struct qta_error *err);
void qta_type_columns_destroy(struct qta_type_columns *columns);

/** Appends all columns of the type but those that all types share. */
void qta_type_columns_put(struct qta_type_columns *columns, struct qta_column_encoder *encoder,
                          const struct qta_type_words *words, struct qta_packed_writer *out);

#endif
