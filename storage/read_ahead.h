/** @file read_ahead.h
 *  The blocks of a stream, read and unpacked by a helper thread while the caller works on the one
 *  before. In the same order, with the same errors at the same places as without.
 *
 *  The helper is there from the second block in a row that is asked for to the end of the stream's
 *  segments; a short read never starts it. One thread calls. */
#ifndef QTA_STORAGE_READ_AHEAD_H
#define QTA_STORAGE_READ_AHEAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/doorbell.h"
#include "storage/block_stream.h"

enum { QTA_READ_AHEAD_BLOCKS = 3 };

struct qta_read_ahead {
    struct qta_block_stream *stream; /**< borrowed; the helper's while is_running */
    bool is_allowed;                 /**< whether a helper may be started */
    bool is_running;
    bool has_taken; /**< the caller has the block at `taken` */
    bool is_long;   /**< the step before, without a helper, gave a block */
    pthread_t helper;
    struct qta_block blocks[QTA_READ_AHEAD_BLOCKS];
    _Atomic uint64_t made; /**< by the helper; release: the block is whole. Pairs with the caller */
    _Atomic uint64_t taken; /**< given back by the caller; release. Pairs with the helper */
    _Atomic bool is_stopping;
    struct qta_doorbell made_bell;  /**< after made; the caller sleeps on it */
    struct qta_doorbell taken_bell; /**< after taken or is_stopping; the helper sleeps on it */
};

/** QTA_ERR_NOMEM. Fine to finish after a failure. */
enum qta_status qta_read_ahead_init(struct qta_read_ahead *ahead, struct qta_block_stream *stream,
                                    struct qta_error *err);
void qta_read_ahead_finish(struct qta_read_ahead *ahead);

/** The next step of the stream, the caller's until the next call. The stream is the caller's as
 *  well behind a step that is neither QTA_OK nor QTA_ERR_DAMAGED. */
struct qta_block *qta_read_ahead_next(struct qta_read_ahead *ahead);

/** Ends the helper and forgets what it made: the stream is then somewhere ahead, rewind it. */
void qta_read_ahead_stop(struct qta_read_ahead *ahead);

#endif
