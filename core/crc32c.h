/** @file crc32c.h
 *  CRC-32C (Castagnoli, RFC 3720 appendix B.4): hardware where the processor has SSE4.2, tables
 *  elsewhere, equal results. */
#ifndef QTA_CORE_CRC32C_H
#define QTA_CORE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/** The CRC of the bytes before (crc, 0 at the start) followed by these. */
uint32_t qta_crc32c(uint32_t crc, const void *bytes, size_t length);

/** The same by tables alone: what machines without the instruction run. */
uint32_t qta_crc32c_portable(uint32_t crc, const void *bytes, size_t length);

#endif
