/** @file block_decoder.h
 *  Turns the payload of a block back into ticks, a batch at a time. Trusts nothing in it.
 *
 *      qta_block_decoder_begin(decoder, &block, &err);
 *      while ((count = qta_block_decoder_next(decoder, ticks, capacity)) > 0)
 *          use(ticks, count); */
#ifndef QTA_STORAGE_BLOCK_DECODER_H
#define QTA_STORAGE_BLOCK_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "storage/block_layout.h"
#include "storage/tick_names.h"

struct qta_block_decoder;

/** What to decode. Borrowed for begin, the payload until the last next. */
struct qta_block_input {
    const uint8_t *payload;
    size_t length;
    size_t count;       /**< ticks, as the block's header says */
    uint64_t first_seq; /**< rx_seq of the first */
    uint32_t types;     /**< QTA_TYPE_BITs of those wanted; the others' columns are not unpacked */

    /** What an id of the file becomes: symbols, providers, codes. False refuses the block. NULL
     *  keeps them. */
    bool (*translate)(void *user, enum qta_name_kind kind, uint32_t id, uint32_t *ours);
    /** What a text becomes. NULL keeps the block's own numbers. */
    uint32_t (*intern_text)(void *user, const char *text, size_t length);
    void *user;
};

enum qta_status qta_block_decoder_create(struct qta_block_decoder **out, struct qta_error *err);
void qta_block_decoder_destroy(struct qta_block_decoder *decoder);

/** Unpacks and checks the whole block. QTA_ERR_DAMAGED; QTA_ERR_NOMEM. */
enum qta_status qta_block_decoder_begin(struct qta_block_decoder *decoder,
                                        const struct qta_block_input *input, struct qta_error *err);

/** The next ticks of the wanted types, up to capacity; 0 at the end. */
size_t qta_block_decoder_next(struct qta_block_decoder *decoder, struct qta_tick *ticks,
                              size_t capacity);

#endif
