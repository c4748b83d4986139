/** @file packed_bytes.h
 *  A growing array of bytes that remembers running out of memory, so that who fills it asks once.
 */
#ifndef QTA_STORAGE_PACKED_BYTES_H
#define QTA_STORAGE_PACKED_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Zero-initialize. */
struct qta_packed_writer {
    uint8_t *bytes; /**< owned */
    size_t length;
    size_t capacity;
    bool is_out_of_memory; /**< from then on nothing is stored */
};

void qta_packed_writer_finish(struct qta_packed_writer *buffer);

/** Empties it, keeps the memory, forgets failures. */
void qta_packed_writer_clear(struct qta_packed_writer *buffer);

/** Room for so many bytes behind the end, which the caller fills and then adds to length; NULL when
 *  out of memory. */
uint8_t *qta_packed_writer_reserve(struct qta_packed_writer *buffer, size_t length);

void qta_packed_writer_put(struct qta_packed_writer *buffer, const void *bytes, size_t length);
void qta_packed_writer_put_u8(struct qta_packed_writer *buffer, uint8_t value);
void qta_packed_writer_put_u16(struct qta_packed_writer *buffer, uint16_t value);
void qta_packed_writer_put_u32(struct qta_packed_writer *buffer, uint32_t value);
void qta_packed_writer_put_u64(struct qta_packed_writer *buffer, uint64_t value);

/** LEB128: seven bits a byte, low ones first. */
void qta_packed_writer_put_varint(struct qta_packed_writer *buffer, uint64_t value);

/** Numbers of both signs as numbers: 0, -1, 1, -2 become 0, 1, 2, 3; and back. Modulo 2^64. */
static inline uint64_t qta_zigzag(uint64_t value)
{
    return value << 1 ^ (uint64_t)((int64_t)value >> 63);
}

static inline uint64_t qta_unzigzag(uint64_t value)
{
    return value >> 1 ^ (0 - (value & 1));
}

/** A number of either sign as a varint. */
static inline void qta_packed_writer_put_zigzag(struct qta_packed_writer *buffer, int64_t value)
{
    qta_packed_writer_put_varint(buffer, qta_zigzag((uint64_t)value));
}

/** Bytes to be read, with one sticky failure: a reader that asks for more than there is gets zeros
 *  from then on, and says so at the end. */
struct qta_packed_reader {
    const uint8_t *bytes;
    size_t length;
    size_t position;
    bool is_short;
};

static inline struct qta_packed_reader qta_packed_reader_make(const void *bytes, size_t length)
{
    struct qta_packed_reader reader = {.bytes = bytes, .length = length};
    return reader;
}

/** The next so many bytes, or NULL. */
const uint8_t *qta_packed_reader_take(struct qta_packed_reader *reader, size_t length);
uint8_t qta_packed_reader_take_u8(struct qta_packed_reader *reader);
uint16_t qta_packed_reader_take_u16(struct qta_packed_reader *reader);
uint32_t qta_packed_reader_take_u32(struct qta_packed_reader *reader);
uint64_t qta_packed_reader_take_u64(struct qta_packed_reader *reader);
uint64_t qta_packed_reader_take_varint(struct qta_packed_reader *reader);

#endif
