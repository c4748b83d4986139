/** @file byte_planes.h
 *  Arrays of 64-bit numbers as planes of bytes (FORMAT.md section 5.4): all lowest bytes, then all
 *  second ones, ... Each plane is a constant, or stored as it is, or compressed, whichever is
 *  smallest. */
#ifndef QTA_STORAGE_BYTE_PLANES_H
#define QTA_STORAGE_BYTE_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "storage/packed_bytes.h"

enum { QTA_PLANES_MAX = 8, QTA_PLANE_BYTES_MAX = 65536 };

struct qta_plane_encoder;

/** What suited the planes of a column in the blocks before. Zero-initialize. */
struct qta_plane_hints {
    uint8_t methods[QTA_PLANES_MAX]; /**< private */
    uint8_t age;
};

/** level is zstd's. */
enum qta_status qta_plane_encoder_create(struct qta_plane_encoder **out, int level,
                                         struct qta_error *err);
void qta_plane_encoder_destroy(struct qta_plane_encoder *encoder);

/** Another level, for what comes from now on. One that zstd has: 1 to 19. */
void qta_plane_encoder_set_level(struct qta_plane_encoder *encoder, int level);

/** Appends the planes of 1 to QTA_PLANE_BYTES_MAX numbers. hints may be NULL. A failure shows in
 *  out. */
void qta_plane_encoder_put(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                           const uint64_t *numbers, size_t count, struct qta_packed_writer *out);

/** The same for numbers of 8 or 16 bits. */
void qta_plane_encoder_put_u8(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                              const uint8_t *numbers, size_t count, struct qta_packed_writer *out);
void qta_plane_encoder_put_u16(struct qta_plane_encoder *encoder, struct qta_plane_hints *hints,
                               const uint16_t *numbers, size_t count,
                               struct qta_packed_writer *out);

/** Appends bytes as a frame with its length before it. A failure shows in out. */
void qta_plane_encoder_put_bytes(struct qta_plane_encoder *encoder, const void *bytes,
                                 size_t length, struct qta_packed_writer *out);

/** Planes as they lie in a block, then unpacked. */
struct qta_byte_planes {
    size_t count;        /**< numbers */
    uint64_t constant;   /**< the bits of all constant planes */
    uint8_t plane_count; /**< of the others */
    uint8_t shifts[QTA_PLANES_MAX];
    const uint8_t *bytes[QTA_PLANES_MAX];  /**< count bytes each, once unpacked */
    const uint8_t *packed[QTA_PLANES_MAX]; /**< NULL for planes stored as they are */
    uint32_t packed_length[QTA_PLANES_MAX];
};

/** Takes the planes of so many numbers from a block; adds the bytes that unpacking needs. False
 * when they cannot be right. */
bool qta_byte_planes_parse(struct qta_byte_planes *planes, size_t count,
                           struct qta_packed_reader *reader, size_t *needed_bytes);

struct qta_plane_decoder;
enum qta_status qta_plane_decoder_create(struct qta_plane_decoder **out, struct qta_error *err);
void qta_plane_decoder_destroy(struct qta_plane_decoder *decoder);

/** Unpacks into *memory, which moves on by the bytes used. False when the content is damaged. */
bool qta_plane_decoder_unpack(struct qta_plane_decoder *decoder, struct qta_byte_planes *planes,
                              uint8_t **memory);

/** Unpacks what qta_plane_encoder_put_bytes() wrote, which must be exactly so many bytes. */
bool qta_plane_decoder_unpack_bytes(struct qta_plane_decoder *decoder,
                                    struct qta_packed_reader *reader, uint8_t *bytes,
                                    size_t length);

/** Whether the numbers of parsed planes are all below 256. */
static inline bool qta_byte_planes_are_bytes(const struct qta_byte_planes *planes)
{
    return planes->constant < 256 &&
           (planes->plane_count == 0 || (planes->plane_count == 1 && planes->shifts[0] == 0));
}

/** The bytes of planes that are numbers below 256 as they lie; NULL when they are more. */
static inline const uint8_t *qta_byte_planes_single(const struct qta_byte_planes *planes)
{
    bool is_single = planes->plane_count == 1 && planes->shifts[0] == 0 && planes->constant == 0;
    return is_single ? planes->bytes[0] : NULL;
}

/** Numbers [from, from + length) of unpacked planes. */
void qta_byte_planes_get(const struct qta_byte_planes *planes, size_t from, size_t length,
                         uint64_t *numbers);

#endif
