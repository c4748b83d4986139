/* Fast rather than strong: neighbours of one stream are compared, and a venue that made up equal
 * hashes would spoil its own ticks alone. */
#include "recorder/tick_content.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

/* All that the venue said. Two lanes, because multiplications wait for each other. */
uint64_t qta_tick_content_hash(const struct qta_tick *tick)
{
    const uint64_t prime_1 = UINT64_C(0x9e3779b185ebca87);
    const uint64_t prime_2 = UINT64_C(0xc2b2ae3d27d4eb4f);
    uint64_t words[10];
    static_assert(sizeof words == sizeof tick->bytes, "a body is ten words");
    memcpy(words, tick->bytes, sizeof words);
    uint64_t flags = tick->flags & ~(uint32_t)QTA_FLAG_TIME_RAISED;
    uint64_t a = ((uint64_t)tick->ts_event_ns ^ prime_2) * prime_1;
    uint64_t b = (tick->src_seq ^ rotate(flags << 8 | tick->type, 32) ^ tick->symbol) * prime_2;
    for (size_t i = 0; i < 10; i += 2) {
        a = rotate(a ^ words[i] * prime_2, 31) * prime_1;
        b = rotate(b ^ words[i + 1] * prime_1, 29) * prime_2;
    }
    uint64_t hash = a ^ rotate(b, 17);
    hash = (hash ^ hash >> 33) * prime_2;
    return hash ^ hash >> 29;
}

uint64_t qta_tick_ident(const struct qta_tick *tick)
{
    if (tick->src_seq != QTA_U64_NONE)
        return tick->src_seq;
    return tick->type == QTA_TICK_TRADE ? tick->trade.id : QTA_U64_NONE;
}
