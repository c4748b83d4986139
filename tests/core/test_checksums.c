/* Checksums and hashes against the published vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/crc32c.h"
#include "core/xxh64.h"

/* RFC 3720 appendix B.4, and the usual check value. */
static void crc32c_gives_the_published_values(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0};
    uint8_t ones[32];
    uint8_t up[32];
    uint8_t down[32];
    memset(ones, 0xff, sizeof ones);
    for (uint8_t i = 0; i < 32; i++) {
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    const struct {
        const void *bytes;
        size_t length;
        uint32_t crc;
    } cases[] = {
        {zeros, 32, 0x8A9136AA}, {ones, 32, 0x62A8AB43},       {up, 32, 0x46DD794E},
        {down, 32, 0x113FDB5C},  {"123456789", 9, 0xE3069283}, {"", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(qta_crc32c(0, cases[i].bytes, cases[i].length), cases[i].crc);
        assert_int_equal(qta_crc32c_portable(0, cases[i].bytes, cases[i].length), cases[i].crc);
    }
}

static void crc32c_by_tables_equals_the_instruction_at_every_length_and_cut(void **state)
{
    (void)state;
    uint8_t bytes[100];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t length = 0; length <= sizeof bytes; length++) {
        uint32_t whole = qta_crc32c(0, bytes, length);
        assert_int_equal(qta_crc32c_portable(0, bytes, length), whole);
        for (size_t cut = 0; cut <= length; cut++) {
            uint32_t first = qta_crc32c(0, bytes, cut);
            assert_int_equal(qta_crc32c(first, bytes + cut, length - cut), whole);
        }
    }
}

/* The sanity values of the xxHash project: bytes from its generator, seeds 0 and PRIME32_1. */
static void xxh64_gives_the_published_values(void **state)
{
    (void)state;
    const uint64_t seeded = UINT64_C(2654435761);
    uint8_t bytes[222];
    uint64_t generator = 2654435761U;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(generator >> 56);
        generator *= UINT64_C(11400714785074694797);
    }
    const struct {
        size_t length;
        uint64_t seed;
        uint64_t hash;
    } cases[] = {
        {0, 0, UINT64_C(0xEF46DB3751D8E999)},   {0, seeded, UINT64_C(0xAC75FDA2929B17EF)},
        {1, 0, UINT64_C(0xE934A84ADB052768)},   {1, seeded, UINT64_C(0x5014607643A9B4C3)},
        {14, 0, UINT64_C(0x8282DCC4994E35C8)},  {14, seeded, UINT64_C(0xC3BD6BF63DEB6DF0)},
        {222, 0, UINT64_C(0xB641AE8CB691C174)}, {222, seeded, UINT64_C(0x20CB8AB7AE10C14A)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(qta_xxh64(bytes, cases[i].length, cases[i].seed) == cases[i].hash);
    assert_true(qta_xxh64("abc", 3, 0) == UINT64_C(0x44BC2CF5AD770999));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_gives_the_published_values),
        cmocka_unit_test(crc32c_by_tables_equals_the_instruction_at_every_length_and_cut),
        cmocka_unit_test(xxh64_gives_the_published_values),
    };
    return cmocka_run_group_tests_name("checksums", tests, NULL, NULL);
}
