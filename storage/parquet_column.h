/** @file parquet_column.h
 *  One column of a Parquet file on its way there: values into pages, pages into the chunk of a row
 *  group.
 *
 *  A page is packed as soon as it is full, so that memory holds what a row group takes in the file
 *  and a page. Texts are written once, in a dictionary, until that is too large for its row group.
 *  One thread at a time. */
#ifndef QTA_STORAGE_PARQUET_COLUMN_H
#define QTA_STORAGE_PARQUET_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "storage/packed_bytes.h"
#include "storage/thrift_compact_writer.h"

struct ZSTD_CCtx_s;

/** Rows of a page. */
enum { QTA_PARQUET_PAGE_ROWS = 16384 };

/** A decimal of 38 digits. */
__extension__ typedef __int128 qta_int128;

/** What values are; said in the file as physical and logical type. */
enum qta_parquet_kind {
    QTA_PARQUET_BOOL,
    QTA_PARQUET_INT32,
    QTA_PARQUET_UINT32,
    QTA_PARQUET_INT64,
    QTA_PARQUET_UINT64,
    QTA_PARQUET_TIMESTAMP,  /**< ns since 1970, UTC */
    QTA_PARQUET_DECIMAL_18, /**< int64 */
    QTA_PARQUET_DECIMAL_38, /**< 16 bytes, big-endian */
    QTA_PARQUET_DOUBLE,
    QTA_PARQUET_STRING, /**< UTF-8 */
};

struct qta_parquet_column_spec {
    char name[40];
    enum qta_parquet_kind kind;
    uint8_t scale;        /**< of decimals */
    bool is_optional;     /**< null is a value */
    bool has_dictionary;  /**< STRING: texts come up again */
    bool has_differences; /**< INT64, UINT64, TIMESTAMP: neighbours are near each other */
};

struct qta_parquet_column;

/** compressor is borrowed for the column's life; NULL: pages are not packed. NULL when memory is
 *  short. */
struct qta_parquet_column *qta_parquet_column_create(const struct qta_parquet_column_spec *spec,
                                                     struct ZSTD_CCtx_s *compressor);
void qta_parquet_column_destroy(struct qta_parquet_column *column);

const struct qta_parquet_column_spec *
qta_parquet_column_spec(const struct qta_parquet_column *column);

/** Appends a value of the column's kind; null where it is optional. BOOL and all integers are
 *  int64, an unsigned one its bits. */
void qta_parquet_column_put_null(struct qta_parquet_column *column);
void qta_parquet_column_put_int(struct qta_parquet_column *column, int64_t value);
void qta_parquet_column_put_decimal(struct qta_parquet_column *column, qta_int128 value);
void qta_parquet_column_put_double(struct qta_parquet_column *column, double value);

/** A text with a dictionary goes by a number that stands for it until clear(). False: the number is
 *  not known, put the text. */
bool qta_parquet_column_put_key(struct qta_parquet_column *column, uint64_t key);

/** Bytes that are not UTF-8 become U+FFFD. key is kept; not looked at without a dictionary. */
void qta_parquet_column_put_text(struct qta_parquet_column *column, uint64_t key, const char *text,
                                 size_t length);

/** Ends the chunk: all of its pages are then in *pages, dictionary first, valid until clear().
 *  False: memory is short or packing failed; that stays so. */
bool qta_parquet_column_end(struct qta_parquet_column *column,
                            const struct qta_packed_writer **pages);

/** Bytes that the chunk's finished pages take. */
size_t qta_parquet_column_bytes(const struct qta_parquet_column *column);

/** Writes the ended chunk's ColumnChunk, which is at offset in the file. Returns its bytes before
 *  packing. */
uint64_t qta_parquet_column_describe(const struct qta_parquet_column *column,
                                     struct qta_thrift_writer *writer, uint64_t offset);

/** Begins the next chunk. */
void qta_parquet_column_clear(struct qta_parquet_column *column);

/** Writes the column's SchemaElement. */
void qta_parquet_column_declare(const struct qta_parquet_column *column,
                                struct qta_thrift_writer *writer);

#endif
