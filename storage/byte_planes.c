/* Splitting, choosing and compressing planes; and back. */
#include "storage/byte_planes.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#define ZSTD_STATIC_LINKING_ONLY /* for literalCompressionMode: Huffman without matches */
#include <zstd.h>

enum plane_method { PLANE_CONSTANT = 0, PLANE_STORED = 1, PLANE_ZSTD = 2 };

enum {
    HUFFMAN_LEVEL = -131072, /* no search for matches at all */
    COMPRESS_BYTES_MIN = 64, /* below, frames cost more than they save */
};

struct qta_plane_encoder {
    ZSTD_CCtx *matches;
    ZSTD_CCtx *huffman;
    uint8_t plane[QTA_PLANE_BYTES_MAX];
    uint8_t by_matches[ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX)];
    uint8_t by_huffman[ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX)];
};

/* ---- packing ------------------------------------------------------------------------------- */

static bool set_parameters(ZSTD_CCtx *context, int level)
{
    return !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)) &&
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

void qta_plane_encoder_destroy(struct qta_plane_encoder *encoder)
{
    if (!encoder)
        return;
    ZSTD_freeCCtx(encoder->matches);
    ZSTD_freeCCtx(encoder->huffman);
    free(encoder);
}

static void split_plane(const uint64_t *numbers, size_t count, unsigned shift, uint8_t *plane)
{
    for (size_t i = 0; i < count; i++)
        plane[i] = (uint8_t)(numbers[i] >> shift);
}

static size_t compress(ZSTD_CCtx *context, uint8_t *out, const uint8_t *plane, size_t count)
{
    size_t length = ZSTD_compress2(context, out, ZSTD_COMPRESSBOUND(QTA_PLANE_BYTES_MAX), plane,
                                   count);
    return ZSTD_isError(length) ? SIZE_MAX : length;
}

static void put_plane(struct qta_plane_encoder *encoder, const uint8_t *plane, size_t count,
                      struct qta_packed_writer *out)
{
    size_t by_matches = SIZE_MAX;
    size_t by_huffman = SIZE_MAX;
    if (count >= COMPRESS_BYTES_MIN) {
        by_matches = compress(encoder->matches, encoder->by_matches, plane, count);
        by_huffman = compress(encoder->huffman, encoder->by_huffman, plane, count);
    }
    size_t best = by_matches < by_huffman ? by_matches : by_huffman;
    /* what saves next to nothing is not worth the time to unpack it */
    if (best >= count - count / 32) {
        qta_packed_writer_put_u8(out, PLANE_STORED);
        qta_packed_writer_put(out, plane, count);
        return;
    }
    qta_packed_writer_put_u8(out, PLANE_ZSTD);
    qta_packed_writer_put_u32(out, (uint32_t)best);
    qta_packed_writer_put(out, by_matches < by_huffman ? encoder->by_matches : encoder->by_huffman,
                          best);
}

void qta_plane_encoder_put(struct qta_plane_encoder *encoder, const uint64_t *numbers, size_t count,
                           struct qta_packed_writer *out)
{
    assert(count > 0 && count <= QTA_PLANE_BYTES_MAX);
    uint64_t any = 0;    /* bits set in some number */
    uint64_t differ = 0; /* bits that are not the same in all */
    for (size_t i = 0; i < count; i++) {
        any |= numbers[i];
        differ |= numbers[i] ^ numbers[0];
    }
    unsigned plane_count = any == 0 ? 0 : (unsigned)(63 - __builtin_clzll(any)) / 8 + 1;
    qta_packed_writer_put_u8(out, (uint8_t)plane_count);
    for (unsigned shift = 0; shift < plane_count * 8; shift += 8) {
        if ((differ >> shift & 0xff) == 0) {
            qta_packed_writer_put_u8(out, PLANE_CONSTANT);
            qta_packed_writer_put_u8(out, (uint8_t)(numbers[0] >> shift));
            continue;
        }
        split_plane(numbers, count, shift, encoder->plane);
        put_plane(encoder, encoder->plane, count, out);
    }
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

void qta_byte_planes_get(const struct qta_byte_planes *planes, size_t from, size_t length,
                         uint64_t *numbers)
{
    uint64_t constant = planes->constant;
    if (planes->plane_count == 0) {
        for (size_t i = 0; i < length; i++)
            numbers[i] = constant;
        return;
    }
    const uint8_t *bytes = planes->bytes[0] + from;
    unsigned shift = planes->shifts[0];
    for (size_t i = 0; i < length; i++)
        numbers[i] = constant | (uint64_t)bytes[i] << shift;
    for (unsigned plane = 1; plane < planes->plane_count; plane++) {
        bytes = planes->bytes[plane] + from;
        shift = planes->shifts[plane];
        for (size_t i = 0; i < length; i++)
            numbers[i] |= (uint64_t)bytes[i] << shift;
    }
}
