/** @file parquet_encoding.h
 *  Values into the bytes of a Parquet page. Failures are those of the bytes. */
#ifndef QTA_STORAGE_PARQUET_ENCODING_H
#define QTA_STORAGE_PARQUET_ENCODING_H

#include <stddef.h>
#include <stdint.h>

#include "storage/packed_bytes.h"

/** The encodings that are written, by Parquet's numbers. */
enum qta_parquet_encoding {
    QTA_PARQUET_PLAIN = 0,
    QTA_PARQUET_RLE = 3,
    QTA_PARQUET_DELTA_BINARY_PACKED = 5,
    QTA_PARQUET_RLE_DICTIONARY = 8,
};

/** The RLE and bit-packing hybrid: values below 1 << bit_width, which is at most 32. */
void qta_parquet_put_hybrid(struct qta_packed_writer *out, const uint32_t *values, size_t count,
                            unsigned bit_width);

/** DELTA_BINARY_PACKED; differences wrap around. count is at least 1. */
void qta_parquet_put_delta(struct qta_packed_writer *out, const int64_t *values, size_t count);

/** PLAIN booleans: a bit each, the first lowest. */
void qta_parquet_put_bits(struct qta_packed_writer *out, const int64_t *values, size_t count);

#endif
