/** @file csv_column.h
 *  Inside the CSV mapping: what csv_mapping.c makes of the options and csv_decode.c works with. */
#ifndef QTA_STORAGE_CSV_COLUMN_H
#define QTA_STORAGE_CSV_COLUMN_H

#include <string.h>

#include "storage/csv_mapping.h"

enum {
    QTA_CSV_COLUMNS_MAX = 16,
    QTA_CSV_SHOWN_BYTES = 48, /* of a cell in an error */
};

/** What a column gives. BODY is a field of the tick's body; QUOTE_EXCHANGE belongs to the sides
 * that are present. */
enum qta_csv_target {
    QTA_CSV_TS_EVENT,
    QTA_CSV_TS_RECV,
    QTA_CSV_SYMBOL,
    QTA_CSV_SRC_SEQ,
    QTA_CSV_QUOTE_EXCHANGE,
    QTA_CSV_BODY,
};

struct qta_csv_column {
    char *name; /* as the options say it: "price" */
    enum qta_csv_target target;
    const struct qta_field *field; /* QTA_CSV_BODY */
    char *header;                  /* where it is by name; NULL: by number */
    size_t index;                  /* of the cell, from 0; by name: known after begin() */
    int64_t scale_mantissa;        /* 1 where only the exponent moves */
    int scale_exponent;
};

struct qta_csv_mapping {
    struct qta_dictionary *names;
    enum qta_tick_type type;
    struct qta_csv_column columns[QTA_CSV_COLUMNS_MAX];
    size_t column_count;
    size_t cell_count; /* of every row of this file */
    bool has_header;
    bool is_rfc3339;
    int unit_exponent;   /* times are this power of ten of a ns; not used with RFC 3339 */
    int64_t midnight_ns; /* 0: since the epoch */
    char *null_text;
    size_t null_length;
    char conditions_separator;
    uint32_t symbol; /* 0: a column has it */
    uint16_t provider;
};

/** A cell as an error shows it: not long, nothing that moves a cursor. Returns text. */
const char *qta_csv_cell_show(const struct qta_csv_cell *cell, char text[QTA_CSV_SHOWN_BYTES]);

static inline bool qta_csv_cell_is(const struct qta_csv_cell *cell, const char *text, size_t length)
{
    return cell->length == length && memcmp(cell->text, text, length) == 0;
}

#endif
