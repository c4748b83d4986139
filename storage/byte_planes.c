/* Splitting, choosing and compressing planes; and back. */
#include "storage/byte_planes.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY /* for literalCompressionMode: Huffman without matches */
#include <zstd.h>

#include "storage/byte_transpose.h"

enum plane_method { PLANE_CONSTANT = 0, PLANE_STORED = 1, PLANE_ZSTD = 2 };

enum {
    HUFFMAN_LEVEL = -131072, /* no search for matches at all */
    COMPRESS_BYTES_MIN = 64, /* below, frames cost more than they save */
    CHOOSE_BYTES_MIN = 2048, /* below, trying everything costs little */
    CHOICE_BLOCKS = 16,      /* a choice between methods holds so long */
    PLANE_PADDING = 320,     /* rows must not all meet in the same place of the cache */
};

/* What a hint says of a plane. */
enum plane_choice { CHOICE_NONE = 0, CHOICE_MATCHES = 1, CHOICE_HUFFMAN = 2 };

struct qta_plane_encoder {
    ZSTD_CCtx *matches;
    ZSTD_CCtx *huffman;
    uint8_t planes[QTA_PLANES_MAX][QTA_PLANE_BYTES_MAX + PLANE_PADDING];
    uint8_t by_matches[ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX)];
    uint8_t by_huffman[ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX)];
};

/* ---- packing ------------------------------------------------------------------------------- */

static bool set_parameters(ZSTD_CCtx *context, int level)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 0)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 1));
}

enum qta_status qta_plane_encoder_create(struct qta_plane_encoder **out, int level,
                                         struct qta_error *err)
{
    struct qta_plane_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for compression");
    encoder->matches = ZSTD_createCCtx();
    encoder->huffman = ZSTD_createCCtx();
    if (!encoder->matches || !encoder->huffman) {
        qta_plane_encoder_destroy(encoder);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for compression");
    }
    if (!set_parameters(encoder->matches, level) ||
        !set_parameters(encoder->huffman, HUFFMAN_LEVEL) ||
        ZSTD_isError(ZSTD_CCtx_setParameter(encoder->huffman, ZSTD_c_literalCompressionMode,
                                            ZSTD_ps_enable))) {
        qta_plane_encoder_destroy(encoder);
        return qta_error_set(err, QTA_ERR_USAGE, "zstd does not take compression level %d", level);
    }
    *out = encoder;
    return QTA_OK;
}

void qta_plane_encoder_set_level(struct qta_plane_encoder *encoder, int level)
{
    size_t result = ZSTD_CCtx_setParameter(encoder->matches, ZSTD_c_compressionLevel, level);
    assert(!ZSTD_isError(result));
    (void)result;
}

void qta_plane_encoder_destroy(struct qta_plane_encoder *encoder)
{
    if (!encoder)
        return;
    ZSTD_freeCCtx(encoder->matches);
    ZSTD_freeCCtx(encoder->huffman);
    free(encoder);
}

/* The planes of all numbers; of width 4 only the lower ones. */
static void split_planes(struct qta_plane_encoder *encoder, const uint64_t *numbers, size_t count,
                         unsigned width)
{
    uint8_t *rows[QTA_PLANES_MAX];
    size_t done = 0;
    for (unsigned i = 0; i < QTA_PLANES_MAX; i++)
        rows[i] = encoder->planes[i];
    for (; done + QTA_TRANSPOSE_NUMBERS <= count; done += QTA_TRANSPOSE_NUMBERS)
        qta_bytes_of_numbers(numbers + done, rows, done, width);
    uint64_t rest[QTA_TRANSPOSE_NUMBERS] = {0};
    if (done < count) {
        memcpy(rest, numbers + done, (count - done) * sizeof *numbers);
        qta_bytes_of_numbers(rest, rows, done, width);
    }
}

static size_t compress(ZSTD_CCtx *context, uint8_t *out, const uint8_t *plane, size_t count)
{
    size_t length = ZSTD_compress2(context, out, ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX), plane,
                                   count);
    return ZSTD_isError(length) ? SIZE_MAX : length;
}

/* Whether coding byte by byte cannot save much, by a sample from the middle. */
static bool is_noise(const uint8_t *plane, size_t count)
{
    enum { SAMPLE = 8192 };
    if (count > SAMPLE) {
        plane += (count - SAMPLE) / 2;
        count = SAMPLE;
    }
    /* several, because counting the same byte twice in a row waits for the first time */
    uint32_t histograms[4][256] = {{0}};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            histograms[k][plane[i + k]]++;
    for (; i < count; i++)
        histograms[0][plane[i]]++;
    float bits = 0;
    float all = log2f((float)count);
    for (size_t byte = 0; byte < 256; byte++) {
        uint32_t times = histograms[0][byte] + histograms[1][byte] + histograms[2][byte] +
                         histograms[3][byte];
        if (times > 0)
            bits += (float)times * (all - log2f((float)times));
    }
    return bits > (float)count * 7.6F;
}

static void put_stored(const uint8_t *plane, size_t count, struct qta_packed_writer *out)
{
    qta_packed_writer_put_u8(out, PLANE_STORED);
    qta_packed_writer_put(out, plane, count);
}

/* Matches have to save something over Huffman alone: they take longer both ways. */
static enum plane_choice choose(size_t by_matches, size_t by_huffman)
{
    return by_matches < by_huffman - by_huffman / 16 ? CHOICE_MATCHES : CHOICE_HUFFMAN;
}

static void put_plane(struct qta_plane_encoder *encoder, uint8_t *hint, const uint8_t *plane,
                      size_t count, struct qta_packed_writer *out)
{
    size_t by_matches = SIZE_MAX;
    size_t by_huffman = SIZE_MAX;
    enum plane_choice choice = (enum plane_choice) * hint;
    if (count < COMPRESS_BYTES_MIN) {
        put_stored(plane, count, out);
        return;
    }
    if (choice == CHOICE_HUFFMAN && is_noise(plane, count)) {
        put_stored(plane, count, out);
        return;
    }
    if (choice != CHOICE_HUFFMAN)
        by_matches = compress(encoder->matches, encoder->by_matches, plane, count);
    if (choice != CHOICE_MATCHES)
        by_huffman = compress(encoder->huffman, encoder->by_huffman, plane, count);
    if (choice == CHOICE_NONE) {
        choice = choose(by_matches, by_huffman);
        *hint = (uint8_t)choice;
    }
    size_t length = choice == CHOICE_MATCHES ? by_matches : by_huffman;
    /* what saves next to nothing is not worth the time to unpack it */
    if (length >= count - count / 32) {
        put_stored(plane, count, out);
        return;
    }
    qta_packed_writer_put_u8(out, PLANE_ZSTD);
    qta_packed_writer_put_u32(out, (uint32_t)length);
    qta_packed_writer_put(out, choice == CHOICE_MATCHES ? encoder->by_matches : encoder->by_huffman,
                          length);
}

/* Hints that are too old, or not worth having, are as none. */
static struct qta_plane_hints *use_hints(struct qta_plane_hints *hints, size_t count,
                                         struct qta_plane_hints *none)
{
    memset(none, 0, sizeof *none);
    if (!hints || count < CHOOSE_BYTES_MIN)
        return none;
    if (hints->age >= CHOICE_BLOCKS)
        *hints = *none;
    hints->age++;
    return hints;
}

static void put_constant(uint8_t value, struct qta_packed_writer *out)
{
    qta_packed_writer_put_u8(out, PLANE_CONSTANT);
    qta_packed_writer_put_u8(out, value);
}

void qta_plane_encoder_put(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                           const uint64_t *numbers, size_t count, struct qta_packed_writer *out)
{
    assert(count > 0 && count <= QTA_PLANE_BYTES_MAX);
    struct qta_plane_hints none;
    hints = use_hints(hints, count, &none);
    uint64_t any = 0;    /* bits set in some number */
    uint64_t differ = 0; /* bits that are not the same in all */
    for (size_t i = 0; i < count; i++) {
        any |= numbers[i];
        differ |= numbers[i] ^ numbers[0];
    }
    unsigned plane_count = any == 0 ? 0 : (unsigned)(63 - __builtin_clzll(any)) / 8 + 1;
    qta_packed_writer_put_u8(out, (uint8_t)plane_count);
    if (differ != 0)
        split_planes(encoder, numbers, count, plane_count <= 4 ? 4 : 8);
    for (unsigned i = 0; i < plane_count; i++) {
        if ((differ >> i * 8 & 0xff) == 0)
            put_constant((uint8_t)(numbers[0] >> i * 8), out);
        else
            put_plane(encoder, &hints->methods[i], encoder->planes[i], count, out);
    }
}

void qta_plane_encoder_put_u8(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                              const uint8_t *numbers, size_t count, struct qta_packed_writer *out)
{
    assert(count > 0 && count <= QTA_PLANE_BYTES_MAX);
    struct qta_plane_hints none;
    hints = use_hints(hints, count, &none);
    unsigned differ = 0;
    for (size_t i = 0; i < count; i++)
        differ |= (unsigned)(numbers[i] ^ numbers[0]);
    bool is_zero = differ == 0 && numbers[0] == 0;
    qta_packed_writer_put_u8(out, is_zero ? 0 : 1);
    if (differ != 0)
        put_plane(encoder, &hints->methods[0], numbers, count, out);
    else if (!is_zero)
        put_constant(numbers[0], out);
}

void qta_plane_encoder_put_u16(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                               const uint16_t *numbers, size_t count, struct qta_packed_writer *out)
{
    assert(count > 0 && count <= QTA_PLANE_BYTES_MAX);
    unsigned any = 0;
    unsigned differ = 0;
    for (size_t i = 0; i < count; i++) {
        any |= numbers[i];
        differ |= (unsigned)(numbers[i] ^ numbers[0]);
        encoder->planes[0][i] = (uint8_t)numbers[i];
    }
    if (any < 256) {
        qta_plane_encoder_put_u8(encoder, hints, encoder->planes[0], count, out);
        return;
    }
    struct qta_plane_hints none;
    hints = use_hints(hints, count, &none);
    for (size_t i = 0; i < count; i++)
        encoder->planes[1][i] = (uint8_t)(numbers[i] >> 8);
    qta_packed_writer_put_u8(out, 2);
    for (unsigned i = 0; i < 2; i++)
        if ((differ >> i * 8 & 0xff) == 0)
            put_constant((uint8_t)(numbers[0] >> i * 8), out);
        else
            put_plane(encoder, &hints->methods[i], encoder->planes[i], count, out);
}

void qta_plane_encoder_put_bytes(struct qta_plane_encoder *encoder, const void *bytes,
                                 size_t length, struct qta_packed_writer *out)
{
    enum { LENGTH_BYTES = 4 };
    size_t bound = ZSTD_compressBound(length);
    uint8_t *room = qta_packed_writer_reserve(out, LENGTH_BYTES + bound);
    if (!room)
        return;
    size_t packed = ZSTD_compress2(encoder->matches, room + LENGTH_BYTES, bound, bytes, length);
    if (ZSTD_isError(packed) || packed > UINT32_MAX) {
        out->is_out_of_memory = true; /* nothing else can fail here */
        return;
    }
    qta_packed_writer_put_u32(out, (uint32_t)packed);
    out->length += packed;
}

/* ---- unpacking ----------------------------------------------------------------------------- */

static bool parse_plane(struct qta_byte_planes *planes, unsigned shift,
                        struct qta_packed_reader *reader, size_t *needed_bytes)
{
    uint8_t method = qta_packed_reader_take_u8(reader);
    if (method == PLANE_CONSTANT) {
        planes->constant |= (uint64_t)qta_packed_reader_take_u8(reader) << shift;
        return !reader->is_short;
    }
    unsigned index = planes->plane_count++;
    planes->shifts[index] = (uint8_t)shift;
    if (method == PLANE_STORED) {
        planes->bytes[index] = qta_packed_reader_take(reader, planes->count);
        return planes->bytes[index] != NULL;
    }
    if (method != PLANE_ZSTD)
        return false;
    uint32_t length = qta_packed_reader_take_u32(reader);
    planes->packed[index] = qta_packed_reader_take(reader, length);
    planes->packed_length[index] = length;
    if (!planes->packed[index] ||
        ZSTD_getFrameContentSize(planes->packed[index], length) != planes->count)
        return false;
    *needed_bytes += planes->count;
    return true;
}

bool qta_byte_planes_parse(struct qta_byte_planes *planes, size_t count,
                           struct qta_packed_reader *reader, size_t *needed_bytes)
{
    memset(planes, 0, sizeof *planes);
    planes->count = count;
    unsigned plane_count = qta_packed_reader_take_u8(reader);
    if (reader->is_short || plane_count > QTA_PLANES_MAX || count > QTA_PLANE_BYTES_MAX)
        return false;
    for (unsigned i = 0; i < plane_count; i++)
        if (!parse_plane(planes, i * 8, reader, needed_bytes))
            return false;
    return true;
}

struct qta_plane_decoder {
    ZSTD_DCtx *context;
};

enum qta_status qta_plane_decoder_create(struct qta_plane_decoder **out, struct qta_error *err)
{
    struct qta_plane_decoder *decoder = calloc(1, sizeof *decoder);
    if (decoder)
        decoder->context = ZSTD_createDCtx();
    if (!decoder || !decoder->context) {
        free(decoder);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for decompression");
    }
    *out = decoder;
    return QTA_OK;
}

void qta_plane_decoder_destroy(struct qta_plane_decoder *decoder)
{
    if (!decoder)
        return;
    ZSTD_freeDCtx(decoder->context);
    free(decoder);
}

bool qta_plane_decoder_unpack(struct qta_plane_decoder *decoder, struct qta_byte_planes *planes,
                              uint8_t **memory)
{
    for (unsigned i = 0; i < planes->plane_count; i++) {
        if (!planes->packed[i])
            continue;
        /* the room is exactly the count: whatever the frame says, no more can come out */
        size_t length = ZSTD_decompressDCtx(decoder->context, *memory, planes->count,
                                            planes->packed[i], planes->packed_length[i]);
        if (length != planes->count)
            return false;
        planes->bytes[i] = *memory;
        *memory += planes->count;
    }
    return true;
}

bool qta_plane_decoder_unpack_bytes(struct qta_plane_decoder *decoder,
                                    struct qta_packed_reader *reader, uint8_t *bytes, size_t length)
{
    uint32_t packed_length = qta_packed_reader_take_u32(reader);
    const uint8_t *packed = qta_packed_reader_take(reader, packed_length);
    return packed && ZSTD_getFrameContentSize(packed, packed_length) == length &&
           ZSTD_decompressDCtx(decoder->context, bytes, length, packed, packed_length) == length;
}

static void get_plainly(const struct qta_byte_planes *planes, size_t from, size_t length,
                        uint64_t *numbers)
{
    for (size_t i = 0; i < length; i++)
        numbers[i] = planes->constant;
    for (unsigned plane = 0; plane < planes->plane_count; plane++)
        for (size_t i = 0; i < length; i++)
            numbers[i] |= (uint64_t)planes->bytes[plane][from + i] << planes->shifts[plane];
}

void qta_byte_planes_get(const struct qta_byte_planes *planes, size_t from, size_t length,
                         uint64_t *numbers)
{
    const uint8_t *rows[QTA_PLANES_MAX] = {NULL};
    size_t done = 0;
    if (planes->plane_count == 0 || length < QTA_TRANSPOSE_NUMBERS) {
        get_plainly(planes, from, length, numbers);
        return;
    }
    for (unsigned i = 0; i < planes->plane_count; i++)
        rows[planes->shifts[i] / 8] = planes->bytes[i];
    unsigned top = planes->shifts[planes->plane_count - 1];
    for (; done + QTA_TRANSPOSE_NUMBERS <= length; done += QTA_TRANSPOSE_NUMBERS)
        if (top == 0)
            qta_numbers_of_bytes(rows, from + done, 1, numbers + done);
        else if (top == 8)
            qta_numbers_of_bytes(rows, from + done, 2, numbers + done);
        else if (top <= 24)
            qta_numbers_of_bytes(rows, from + done, 4, numbers + done);
        else
            qta_numbers_of_bytes(rows, from + done, 8, numbers + done);
    if (planes->constant != 0)
        for (size_t i = 0; i < done; i++)
            numbers[i] |= planes->constant;
    get_plainly(planes, from + done, length - done, numbers + done);
}
