/** @file block_encoder.h
 *  Turns ticks into the payload of a block (FORMAT.md section 5). */
#ifndef QTA_STORAGE_BLOCK_ENCODER_H
#define QTA_STORAGE_BLOCK_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "storage/block_layout.h"
#include "storage/packed_bytes.h"

struct qta_block_encoder;

/** Says what a text id stands for: bytes that hold for the call of encode. */
struct qta_text_source {
    const char *(*text)(void *user, uint32_t id, size_t *length);
    void *user;
};

/** level is zstd's. About 36 MiB, kept for life. */
enum qta_status qta_block_encoder_create(struct qta_block_encoder **out, int level,
                                         struct qta_error *err);
void qta_block_encoder_destroy(struct qta_block_encoder *encoder);
int qta_block_encoder_level(const struct qta_block_encoder *encoder);

/** Appends the payload of 1 to QTA_BLOCK_TICKS_MAX ticks whose rx_seq follow one another. Text ids
 *  in the ticks become numbers within the block, in place; other ids are stored as they are. The
 *  texts must not be longer than QTA_BLOCK_TEXT_BYTES_MAX together, lengths included.
 *  QTA_ERR_NOMEM. */
enum qta_status qta_block_encode(struct qta_block_encoder *encoder, struct qta_tick *ticks,
                                 size_t count, const struct qta_text_source *texts,
                                 struct qta_packed_writer *out, struct qta_error *err);

/** Bytes that a word of a type's ticks has taken so far, in all blocks; type 0 is for the words
 * that all types share, word 0 for masks. */
uint64_t qta_block_encoder_column_bytes(const struct qta_block_encoder *encoder, unsigned type,
                                        size_t word);

#endif
