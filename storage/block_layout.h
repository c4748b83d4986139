/** @file block_layout.h
 *  How a block sees a tick (FORMAT.md section 5): sixteen words of 64 bits, little-endian.
 *
 *  A word is either one number (a time, a mantissa, an id) or several small fields side by side
 *  (codes, exponents, enums). Numbers are predicted, words of small fields come from a dictionary.
 */
#ifndef QTA_STORAGE_BLOCK_LAYOUT_H
#define QTA_STORAGE_BLOCK_LAYOUT_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/tick.h>

#include "storage/packed_bytes.h"

enum {
    QTA_TICK_WORDS = 16,
    /* words that all types have in common, and that a block stores once for all of them */
    QTA_WORD_RX_SEQ = 0, /* not stored: a block's numbers follow one another */
    QTA_WORD_TS_RECV = 1,
    QTA_WORD_TS_EVENT = 2, /* from here by type */
    QTA_WORD_SRC_SEQ = 3,
    QTA_WORD_SYMBOL = 4, /* symbol and conn; for all types together */
    QTA_WORD_KIND = 5,   /* flags, provider and type; for all types together */
    QTA_WORD_BODY = 6,
};

enum qta_word_form {
    QTA_WORD_ABSENT = 0, /**< zero in every tick of the type */
    QTA_WORD_NUMBER = 1,
    QTA_WORD_FIELDS = 2,
};

/** What units of a word of fields are told together when there is a choice. */
enum qta_unit_kind { QTA_UNIT_OTHER = 0, QTA_UNIT_EXPONENT = 1, QTA_UNIT_CONDITION = 2 };

/** The bits of one field. */
struct qta_word_unit {
    uint64_t mask;
    uint8_t kind;  /**< enum qta_unit_kind */
    uint8_t group; /**< fields that mostly change together: 0 none, else from 1 */
};

enum { QTA_WORD_UNITS_MAX = 9 };

struct qta_block_layout {
    uint8_t forms[QTA_TICK_WORDS];     /**< enum qta_word_form */
    uint8_t exponents[QTA_TICK_WORDS]; /**< byte of the tick with a mantissa's exponent; 0: none */
    uint8_t groups[QTA_TICK_WORDS];    /**< of words of numbers, as in units */
    /** Of a word of fields; together all its bits. */
    struct qta_word_unit units[QTA_TICK_WORDS][QTA_WORD_UNITS_MAX];
    uint8_t unit_counts[QTA_TICK_WORDS];
};

/** Of a type; unknown types have only FIELDS in their bodies. Static. */
const struct qta_block_layout *qta_block_layout_of(unsigned type);

enum {
    QTA_BLOCK_CODEC_VERSION = 1,
    QTA_BLOCK_TICKS_MAX = 65536,
    QTA_BLOCK_TEXT_BYTES_MAX = 8 << 20,
};

/** How the numbers of a column are stored. */
enum qta_predictor {
    QTA_PREDICT_NONE = 0,     /**< the number */
    QTA_PREDICT_PREVIOUS = 1, /**< its difference to the one before */
    QTA_PREDICT_SYMBOL = 2,   /**< to the one before of the same symbol */
    QTA_PREDICT_TS_RECV = 3,  /**< to the tick's ts_recv */
    QTA_PREDICT_PAIR = 4,     /**< to another column's number, and that to the symbol's before */
};
enum { QTA_PREDICTOR_COUNT = 5 };

/** How a column is stored. */
enum qta_column_form {
    QTA_COLUMN_CONSTANT = 0,   /**< one value for all ticks */
    QTA_COLUMN_NUMBERS = 1,    /**< planes of predicted numbers */
    QTA_COLUMN_DICTIONARY = 2, /**< lists of values, planes of their numbers in them */
    QTA_COLUMN_MASK = 3,       /**< no column: a bit a tick, for columns that keep values */
};

/** Bits of a NUMBERS column. SKIP_NULL and KEPT, SCALED and TRIMMED exclude each other. */
enum qta_column_flag {
    QTA_COLUMN_ZIGZAG = 1 << 0,    /**< differences of both signs are interleaved */
    QTA_COLUMN_SKIP_NULL = 1 << 1, /**< ticks whose exponent is null have no number */
    QTA_COLUMN_SCALED = 1 << 2,    /**< mantissas are brought to one exponent */
    QTA_COLUMN_TRIMMED = 1 << 3,   /**< likewise, and no mantissa ends in a zero: that gives its
                                        exponent */
    QTA_COLUMN_KEPT = 1 << 4,      /**< ticks whose bit in a mask is clear have no number: they keep
                                        the last one */
};

enum {
    QTA_MASKS_MAX = 2, /**< of a type */
    QTA_PARTS_MAX = 8, /**< of a column of fields */
};

/** The type in a column's head for words of all types together. */
enum { QTA_COLUMN_ALL_TYPES = 0 };

#endif
