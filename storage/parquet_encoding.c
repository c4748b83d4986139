/* Runs of eight equal values or more are runs, everything else is packed in groups of eight. */
#include "storage/parquet_encoding.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

enum { GROUP = 8 };

/* ---- the hybrid -------------------------------------------------------------------------------
 */

static size_t run_length(const uint32_t *values, size_t count)
{
    size_t length = 1;
    while (length < count && values[length] == values[0])
        length++;
    return length;
}

static void put_run(struct qta_packed_writer *out, uint32_t value, size_t length,
                    unsigned bit_width)
{
    qta_packed_writer_put_varint(out, (uint64_t)length << 1);
    for (unsigned bits = 0; bits < bit_width; bits += 8)
        qta_packed_writer_put_u8(out, (uint8_t)(value >> bits));
}

/* Groups of eight; the last one is filled up with zeros. */
static void put_packed(struct qta_packed_writer *out, const uint32_t *values, size_t count,
                       unsigned bit_width)
{
    size_t groups = (count + GROUP - 1) / GROUP;
    qta_packed_writer_put_varint(out, (uint64_t)groups << 1 | 1);
    uint64_t word = 0;
    unsigned used = 0;
    for (size_t i = 0; i < groups * GROUP; i++) {
        word |= (uint64_t)(i < count ? values[i] : 0) << used;
        for (used += bit_width; used >= 8; used -= 8, word >>= 8)
            qta_packed_writer_put_u8(out, (uint8_t)word);
    }
    assert(used == 0);
}

void qta_parquet_put_hybrid(struct qta_packed_writer *out, const uint32_t *values, size_t count,
                            unsigned bit_width)
{
    assert(bit_width <= 32);
    size_t at = 0;
    while (at < count) {
        size_t run = run_length(values + at, count - at);
        if (run >= GROUP) {
            put_run(out, values[at], run, bit_width);
            at += run;
            continue;
        }
        /* whole groups up to the next run: only the page's last one may be filled up */
        size_t end = at;
        while (end < count && run < GROUP) {
            end += GROUP;
            run = end < count ? run_length(values + end, count - end) : 0;
        }
        end = end < count ? end : count;
        put_packed(out, values + at, end - at, bit_width);
        at = end;
    }
}

/* ---- differences ------------------------------------------------------------------------------
 */

enum { BLOCK = 128, MINIBLOCKS = 4, MINIBLOCK = BLOCK / MINIBLOCKS };

static void put_miniblock(struct qta_packed_writer *out, const uint64_t values[MINIBLOCK],
                          unsigned bit_width)
{
    size_t bytes = (size_t)MINIBLOCK * bit_width / 8;
    uint8_t *to = qta_packed_writer_reserve(out, bytes);
    if (!to || bytes == 0)
        return;
    memset(to, 0, bytes);
    size_t bit = 0;
    for (size_t i = 0; i < MINIBLOCK; i++) {
        for (unsigned done = 0; done < bit_width;) {
            unsigned shift = (unsigned)(bit % 8);
            unsigned part = 8 - shift < bit_width - done ? 8 - shift : bit_width - done;
            uint64_t piece = values[i] >> done & ((UINT64_C(1) << part) - 1);
            to[bit / 8] = (uint8_t)(to[bit / 8] | piece << shift);
            done += part;
            bit += part;
        }
    }
    out->length += bytes;
}

/* Up to BLOCK differences, each above the least of them. */
static void put_block(struct qta_packed_writer *out, const uint64_t *deltas, size_t count)
{
    int64_t least = (int64_t)deltas[0];
    for (size_t i = 1; i < count; i++)
        least = (int64_t)deltas[i] < least ? (int64_t)deltas[i] : least;
    uint64_t above[BLOCK] = {0};
    uint8_t widths[MINIBLOCKS] = {0};
    for (size_t i = 0; i < count; i++) {
        above[i] = deltas[i] - (uint64_t)least;
        unsigned width = above[i] ? 64U - (unsigned)__builtin_clzll(above[i]) : 0;
        if (width > widths[i / MINIBLOCK])
            widths[i / MINIBLOCK] = (uint8_t)width;
    }
    qta_packed_writer_put_zigzag(out, least);
    qta_packed_writer_put(out, widths, sizeof widths);
    for (size_t i = 0; i * MINIBLOCK < count; i++)
        put_miniblock(out, above + i * MINIBLOCK, widths[i]);
}

void qta_parquet_put_delta(struct qta_packed_writer *out, const int64_t *values, size_t count)
{
    assert(count > 0);
    qta_packed_writer_put_varint(out, BLOCK);
    qta_packed_writer_put_varint(out, MINIBLOCKS);
    qta_packed_writer_put_varint(out, count);
    qta_packed_writer_put_zigzag(out, values[0]);
    for (size_t at = 1; at < count; at += BLOCK) {
        uint64_t deltas[BLOCK];
        size_t length = count - at < BLOCK ? count - at : BLOCK;
        for (size_t i = 0; i < length; i++)
            deltas[i] = (uint64_t)values[at + i] - (uint64_t)values[at + i - 1];
        put_block(out, deltas, length);
    }
}

void qta_parquet_put_bits(struct qta_packed_writer *out, const int64_t *values, size_t count)
{
    for (size_t at = 0; at < count; at += 8) {
        uint8_t byte = 0;
        for (size_t i = 0; i < 8 && at + i < count; i++)
            byte = (uint8_t)(byte | (values[at + i] != 0) << i);
        qta_packed_writer_put_u8(out, byte);
    }
}
