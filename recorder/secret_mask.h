/** @file secret_mask.h
 *  Keeps a provider's keys out of what is stored of its messages: a venue may send them back. */
#ifndef QTA_RECORDER_SECRET_MASK_H
#define QTA_RECORDER_SECRET_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "recorder/credentials.h"

/** Key and secret as they are, and as JSON may spell them: with "\/" for "/". */
enum { QTA_SECRET_SPELLINGS_MAX = 4 };

/** Zero-initialize: nothing is secret then. */
struct qta_secret_mask {
    char *spellings[QTA_SECRET_SPELLINGS_MAX]; /**< owned; wiped at the end */
    size_t lengths[QTA_SECRET_SPELLINGS_MAX];
    size_t count;
};

/** Copies what is secret. QTA_ERR_NOMEM. */
enum qta_status qta_secret_mask_init(struct qta_secret_mask *mask,
                                     const struct qta_credentials *credentials,
                                     struct qta_error *err);
/** Overwrites and frees. */
void qta_secret_mask_finish(struct qta_secret_mask *mask);

/** Whether a secret is in these bytes. */
bool qta_secret_mask_finds(const struct qta_secret_mask *mask, const uint8_t *bytes, size_t length);

/** Overwrites every secret in them with '*'. */
void qta_secret_mask_apply(const struct qta_secret_mask *mask, uint8_t *bytes, size_t length);

#endif
