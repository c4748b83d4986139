/* XXH64 as its specification describes it. */
#include "core/xxh64.h"

#include "core/bytes.h"

static const uint64_t prime_1 = UINT64_C(0x9E3779B185EBCA87);
static const uint64_t prime_2 = UINT64_C(0xC2B2AE3D27D4EB4F);
static const uint64_t prime_3 = UINT64_C(0x165667B19E3779F9);
static const uint64_t prime_4 = UINT64_C(0x85EBCA77C2B2AE63);
static const uint64_t prime_5 = UINT64_C(0x27D4EB2F165667C5);

static uint64_t rotate_left(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t mix_lane(uint64_t lane, uint64_t input)
{
    return rotate_left(lane + input * prime_2, 31) * prime_1;
}

static uint64_t merge_lane(uint64_t hash, uint64_t lane)
{
    return (hash ^ mix_lane(0, lane)) * prime_1 + prime_4;
}

static uint64_t mix_stripes(const uint8_t **bytes, const uint8_t *end, uint64_t seed)
{
    uint64_t lanes[4] = {seed + prime_1 + prime_2, seed + prime_2, seed, seed - prime_1};
    const uint8_t *at = *bytes;
    while (end - at >= 32) {
        for (int i = 0; i < 4; i++)
            lanes[i] = mix_lane(lanes[i], qta_load_u64(at + i * 8));
        at += 32;
    }
    *bytes = at;
    uint64_t hash = rotate_left(lanes[0], 1) + rotate_left(lanes[1], 7) +
                    rotate_left(lanes[2], 12) + rotate_left(lanes[3], 18);
    for (int i = 0; i < 4; i++)
        hash = merge_lane(hash, lanes[i]);
    return hash;
}

static uint64_t mix_tail(uint64_t hash, const uint8_t *at, const uint8_t *end)
{
    for (; end - at >= 8; at += 8)
        hash = rotate_left(hash ^ mix_lane(0, qta_load_u64(at)), 27) * prime_1 + prime_4;
    if (end - at >= 4) {
        hash = rotate_left(hash ^ qta_load_u32(at) * prime_1, 23) * prime_2 + prime_3;
        at += 4;
    }
    for (; at < end; at++)
        hash = rotate_left(hash ^ *at * prime_5, 11) * prime_1;
    return hash;
}

uint64_t qta_xxh64(const void *bytes, size_t length, uint64_t seed)
{
    const uint8_t *at = bytes;
    if (length == 0)
        at = (const uint8_t *)"";
    const uint8_t *end = at + length;
    uint64_t hash = length >= 32 ? mix_stripes(&at, end, seed) : seed + prime_5;
    hash = mix_tail(hash + length, at, end);
    hash = (hash ^ hash >> 33) * prime_2;
    hash = (hash ^ hash >> 29) * prime_3;
    return hash ^ hash >> 32;
}
