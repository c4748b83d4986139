/** @file bytes.h
 *  Little-endian numbers in byte arrays, whatever the machine. */
#ifndef QTA_CORE_BYTES_H
#define QTA_CORE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t qta_load_u16(const void *bytes)
{
    const uint8_t *b = bytes;
    return (uint16_t)(b[0] | b[1] << 8);
}

static inline uint32_t qta_load_u32(const void *bytes)
{
    const uint8_t *b = bytes;
    return (uint32_t)qta_load_u16(b) | (uint32_t)qta_load_u16(b + 2) << 16;
}

static inline uint64_t qta_load_u64(const void *bytes)
{
    const uint8_t *b = bytes;
    return (uint64_t)qta_load_u32(b) | (uint64_t)qta_load_u32(b + 4) << 32;
}

static inline void qta_store_u16(void *bytes, uint16_t value)
{
    uint8_t *b = bytes;
    b[0] = (uint8_t)value;
    b[1] = (uint8_t)(value >> 8);
}

static inline void qta_store_u32(void *bytes, uint32_t value)
{
    uint8_t *b = bytes;
    qta_store_u16(b, (uint16_t)value);
    qta_store_u16(b + 2, (uint16_t)(value >> 16));
}

static inline void qta_store_u64(void *bytes, uint64_t value)
{
    uint8_t *b = bytes;
    qta_store_u32(b, (uint32_t)value);
    qta_store_u32(b + 4, (uint32_t)(value >> 32));
}

#endif
