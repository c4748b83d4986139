/* Packed structs through zstd: less than a tick holds, and what a person would write first. */
#include "tests/bench/packed_stream.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

enum { LEVEL = 3, CHUNK_BYTES = 1 << 17 };

struct packed_trade {
    uint8_t length; /* in units of four bytes */
    uint8_t type;
    uint16_t exchange;
    uint32_t symbol;
    int64_t ts_event_ns;
    int64_t ts_recv_ns;
    int64_t price;
    uint32_t size;
    uint32_t id;
    uint8_t conditions[4];
    char tape;
    uint8_t side;
    uint8_t price_exponent;
    uint8_t size_exponent;
};

struct packed_quote {
    struct packed_trade head;
    int64_t bid_price;
    int64_t ask_price;
    uint32_t bid_size;
    uint32_t ask_size;
    uint32_t exponents;
    uint16_t bid_exchange;
    uint16_t ask_exchange;
};

static_assert(sizeof(struct packed_trade) == 48, "as small as such a struct gets");
static_assert(sizeof(struct packed_quote) == 80, "likewise");

struct packed_stream {
    ZSTD_CCtx *compressor;
    uint8_t *bytes;
    size_t length;
    size_t capacity;
};

static void *checked(void *memory)
{
    if (memory)
        return memory;
    fprintf(stderr, "out of memory\n");
    exit(1);
}

static size_t checked_size(size_t size)
{
    if (!ZSTD_isError(size))
        return size;
    fprintf(stderr, "zstd: %s\n", ZSTD_getErrorName(size));
    exit(1);
}

struct packed_stream *packed_stream_create(void)
{
    struct packed_stream *stream = checked(calloc(1, sizeof *stream));
    stream->compressor = checked(ZSTD_createCCtx());
    checked_size(ZSTD_CCtx_setParameter(stream->compressor, ZSTD_c_compressionLevel, LEVEL));
    return stream;
}

void packed_stream_destroy(struct packed_stream *stream)
{
    ZSTD_freeCCtx(stream->compressor);
    free(stream->bytes);
    free(stream);
}

static size_t pack(const struct qta_tick *tick, struct packed_quote *packed)
{
    *packed = (struct packed_quote){0};
    struct packed_trade *head = &packed->head;
    head->type = tick->type;
    head->symbol = tick->symbol;
    head->ts_event_ns = tick->ts_event_ns;
    head->ts_recv_ns = tick->ts_recv_ns;
    if (tick->type == QTA_TICK_TRADE) {
        const struct qta_trade *trade = &tick->trade;
        head->length = sizeof *head / 4;
        head->exchange = trade->exchange;
        head->price = trade->price_mantissa;
        head->size = (uint32_t)trade->size_mantissa;
        head->id = (uint32_t)trade->id;
        for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
            head->conditions[i] = (uint8_t)trade->conditions[i];
        head->tape = trade->tape;
        head->side = trade->side;
        head->price_exponent = (uint8_t)trade->price_exponent;
        head->size_exponent = (uint8_t)trade->size_exponent;
        return sizeof *head;
    }
    const struct qta_quote *quote = &tick->quote;
    head->length = sizeof *packed / 4;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
        head->conditions[i] = (uint8_t)quote->conditions[i];
    head->tape = quote->tape;
    packed->bid_price = quote->bid_price_mantissa;
    packed->ask_price = quote->ask_price_mantissa;
    packed->bid_size = (uint32_t)quote->bid_size_mantissa;
    packed->ask_size = (uint32_t)quote->ask_size_mantissa;
    packed->bid_exchange = quote->bid_exchange;
    packed->ask_exchange = quote->ask_exchange;
    memcpy(&packed->exponents, &quote->bid_price_exponent, sizeof packed->exponents);
    return sizeof *packed;
}

static void compress(struct packed_stream *stream, const void *bytes, size_t length,
                     ZSTD_EndDirective directive)
{
    ZSTD_inBuffer source = {bytes, length, 0};
    size_t left;
    do {
        if (stream->capacity - stream->length < CHUNK_BYTES) {
            stream->capacity = stream->capacity * 2 + CHUNK_BYTES;
            stream->bytes = checked(realloc(stream->bytes, stream->capacity));
        }
        ZSTD_outBuffer target = {stream->bytes, stream->capacity, stream->length};
        left = checked_size(ZSTD_compressStream2(stream->compressor, &target, &source, directive));
        stream->length = target.pos;
    } while (source.pos < length || (directive == ZSTD_e_end && left > 0));
}

void packed_stream_add(struct packed_stream *stream, const struct qta_tick *tick)
{
    struct packed_quote packed;
    size_t length = pack(tick, &packed);
    compress(stream, &packed, length, ZSTD_e_continue);
}

void packed_stream_end(struct packed_stream *stream)
{
    compress(stream, NULL, 0, ZSTD_e_end);
}

uint64_t packed_stream_read(struct packed_stream *stream,
                            void (*callback)(void *user, const void *packed, size_t length),
                            void *user)
{
    ZSTD_DCtx *decompressor = checked(ZSTD_createDCtx());
    uint8_t *buffer = checked(malloc(CHUNK_BYTES));
    ZSTD_inBuffer source = {stream->bytes, stream->length, 0};
    size_t kept = 0;
    uint64_t count = 0;
    bool is_full;
    do {
        ZSTD_outBuffer target = {buffer, CHUNK_BYTES, kept};
        checked_size(ZSTD_decompressStream(decompressor, &target, &source));
        is_full = target.pos == CHUNK_BYTES;
        size_t used = 0;
        while (used < target.pos && used + buffer[used] * 4U <= target.pos) {
            callback(user, buffer + used, buffer[used] * 4U);
            used += buffer[used] * 4U;
            count++;
        }
        kept = target.pos - used;
        memmove(buffer, buffer + used, kept);
    } while (source.pos < stream->length || is_full);
    free(buffer);
    ZSTD_freeDCtx(decompressor);
    return count;
}
