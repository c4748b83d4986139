/** @file growing_bytes.h
 *  Bytes that grow as they are put. A failure to grow is kept: puts do nothing from then on, and
 *  one check at the end is enough. Zeroed it is empty. One thread at a time. */
#ifndef QTA_STORAGE_GROWING_BYTES_H
#define QTA_STORAGE_GROWING_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct qta_growing_bytes {
    uint8_t *bytes;
    size_t length;
    size_t capacity;
    bool is_failed; /**< memory was short: what was put since then is not there */
};

void qta_growing_bytes_finish(struct qta_growing_bytes *bytes);

/** Keeps the memory, and a failure. */
static inline void qta_growing_bytes_clear(struct qta_growing_bytes *bytes)
{
    bytes->length = 0;
}

/** Room for length more bytes behind the end, where they may be written; NULL on failure. They
 *  count when length is added. */
uint8_t *qta_growing_bytes_reserve(struct qta_growing_bytes *bytes, size_t length);

void qta_growing_bytes_put(struct qta_growing_bytes *bytes, const void *from, size_t length);
void qta_growing_bytes_put_u8(struct qta_growing_bytes *bytes, uint8_t value);
void qta_growing_bytes_put_u32(struct qta_growing_bytes *bytes, uint32_t value);
void qta_growing_bytes_put_u64(struct qta_growing_bytes *bytes, uint64_t value);

/** LEB128, as Thrift and Parquet have it. */
void qta_growing_bytes_put_varint(struct qta_growing_bytes *bytes, uint64_t value);

/** The same for signed numbers: 0, -1, 1, -2 become 0, 1, 2, 3. */
static inline void qta_growing_bytes_put_zigzag(struct qta_growing_bytes *bytes, int64_t value)
{
    qta_growing_bytes_put_varint(bytes, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

#endif
