/** @file secret_mask.h
 *  Keeps a provider's keys out of what is stored and said of its messages: a venue may send them
 *  back. */
#ifndef QTA_RECORDER_SECRET_MASK_H
#define QTA_RECORDER_SECRET_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "recorder/credentials.h"

enum {
    QTA_SECRET_SPELLINGS_MAX = 32,
    QTA_SECRET_SHIFTS = 4096,
    /** In names and sentences shorter keys are left alone: they are words like any other. */
    QTA_SECRET_WORD_BYTES_MIN = 8,
};

/** Key and secret, those in use and those before, as they are and as they may come back: with
 *  JSON's escapes, percent-encoded, in base64 alone and as "key:secret". Zero-initialize: nothing
 *  is secret then. */
struct qta_secret_mask {
    char *memory; /**< owned, of core/secret.h; the spellings are in it */
    struct qta_secret_spelling {
        const char *bytes;
        size_t length;
    } spellings[QTA_SECRET_SPELLINGS_MAX]; /**< longest first */
    size_t count;
    size_t least;      /**< bytes of the shortest one */
    size_t least_word; /**< bytes of the shortest one that is no mere word */
    /** By two bytes at the end of a window of `least` bytes: how far it can move on. */
    uint8_t shifts[QTA_SECRET_SHIFTS];
};

/** Copies what is secret; before may be NULL. QTA_ERR_NOMEM. */
enum qta_status qta_secret_mask_init(struct qta_secret_mask *mask,
                                     const struct qta_credentials *credentials,
                                     const struct qta_credentials *before, struct qta_error *err);
/** Overwrites and frees. */
void qta_secret_mask_finish(struct qta_secret_mask *mask);

/** Whether a secret is in these bytes. */
bool qta_secret_mask_finds(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length);

/** Overwrites every secret in them with '*'. */
void qta_secret_mask_apply(const struct qta_secret_mask *mask, uint8_t *bytes, size_t length);

/** Whether a name or sentence has a secret in it, mere words aside; costs a comparison for one that
 *  is too short for that. */
static inline bool qta_secret_mask_taints(const struct qta_secret_mask *mask, const char *text,
                                          size_t length);

/** Overwrites every secret of a name or sentence with '*', mere words aside. */
void qta_secret_mask_clean(const struct qta_secret_mask *mask, char *text, size_t length);

bool qta_secret_mask_finds_word(const struct qta_secret_mask *mask, const char *text,
                                size_t length);

static inline bool qta_secret_mask_taints(const struct qta_secret_mask *mask, const char *text,
                                          size_t length)
{
    return mask->count > 0 && length >= mask->least_word &&
           qta_secret_mask_finds_word(mask, text, length);
}

#endif
