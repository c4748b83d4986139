/* CRC-32C: SSE4.2's instruction where there is one, otherwise eight tables ("slicing by eight"). */
#include "core/crc32c.h"

#include <pthread.h>
#include <stdbool.h>

#include "core/bytes.h"

static uint32_t tables[8][256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void fill_tables(void)
{
    const uint32_t polynomial = UINT32_C(0x82F63B78); /* reflected 0x1EDC6F41 */
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ polynomial : crc >> 1;
        tables[0][byte] = crc;
    }
    for (int slice = 1; slice < 8; slice++)
        for (uint32_t byte = 0; byte < 256; byte++) {
            uint32_t before = tables[slice - 1][byte];
            tables[slice][byte] = before >> 8 ^ tables[0][before & 0xff];
        }
}

static uint32_t crc_by_tables(uint32_t crc, const uint8_t *bytes, size_t length)
{
    pthread_once(&tables_once, fill_tables);
    for (; length >= 8; bytes += 8, length -= 8) {
        uint32_t low = crc ^ qta_load_u32(bytes);
        uint32_t high = qta_load_u32(bytes + 4);
        crc = tables[7][low & 0xff] ^ tables[6][low >> 8 & 0xff] ^ tables[5][low >> 16 & 0xff] ^
              tables[4][low >> 24] ^ tables[3][high & 0xff] ^ tables[2][high >> 8 & 0xff] ^
              tables[1][high >> 16 & 0xff] ^ tables[0][high >> 24];
    }
    for (; length > 0; bytes++, length--)
        crc = crc >> 8 ^ tables[0][(crc ^ *bytes) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_by_instruction(uint32_t crc, const uint8_t *bytes, size_t length)
{
    uint64_t wide = crc;
    for (; length >= 8; bytes += 8, length -= 8)
        wide = __builtin_ia32_crc32di(wide, qta_load_u64(bytes));
    crc = (uint32_t)wide;
    for (; length > 0; bytes++, length--)
        crc = __builtin_ia32_crc32qi(crc, *bytes);
    return crc;
}

static bool has_instruction(void)
{
    return __builtin_cpu_supports("sse4.2");
}
#else
static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *bytes, size_t length)
{
    return crc_by_tables(crc, bytes, length);
}

static bool has_instruction(void)
{
    return false;
}
#endif

uint32_t qta_crc32c_portable(uint32_t crc, const void *bytes, size_t length)
{
    return ~crc_by_tables(~crc, bytes, length);
}

uint32_t qta_crc32c(uint32_t crc, const void *bytes, size_t length)
{
    if (has_instruction())
        return ~crc_by_instruction(~crc, bytes, length);
    return qta_crc32c_portable(crc, bytes, length);
}
