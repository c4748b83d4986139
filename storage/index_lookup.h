/** @file index_lookup.h
 *  What a reader asks of session.db, which may be missing, foreign or wrong: every answer is a
 * hint. Nothing is written. */
#ifndef QTA_STORAGE_INDEX_LOOKUP_H
#define QTA_STORAGE_INDEX_LOOKUP_H

#include <stdint.h>

#include <qta/error.h>

#include "storage/session_folder.h"

/** Segments that end at or behind a record. */
struct qta_index_tail {
    uint64_t last_seq;      /**< of all of them */
    uint32_t first_segment; /**< number of the first */
    uint32_t last_segment;
    uint32_t segments; /**< how many: 0 when the index names none, or cannot be asked */
};

/** Looks for segments that have records of rx_seq from_seq or more, received from from_ns on and
 *  before until_ns. QTA_ERR_NOMEM alone is an error. */
enum qta_status qta_index_find_tail(const struct qta_session_folder *folder, uint64_t from_seq,
                                    int64_t from_ns, int64_t until_ns, struct qta_index_tail *tail,
                                    struct qta_error *err);

#endif
