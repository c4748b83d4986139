/** @file merge.h
 *  Several tick sources as one stream, in order of ts_recv_ns; equal times in the order in which
 * the sources were given. A source's own order is never changed.
 *
 *  Memory does not grow with the length: a buffer of ticks, and one span for each source that
 *  overlaps in time. One thread. */
#ifndef QTA_REPLAY_MERGE_H
#define QTA_REPLAY_MERGE_H

#include <stddef.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "replay/id_translator.h"
#include "replay/tick_source.h"

struct qta_merge;

/** The sources are borrowed and must outlive the merge. sink: who gives out the ids in the ticks
 * that come out; sources are then opened as their turn comes. NULL: for one source alone, whose ids
 * stay and whose spans are passed on without a copy; it is opened here, and stays open to the end,
 * for its names. Fails as the source's open(), or with QTA_ERR_NOMEM. */
enum qta_status qta_merge_create(struct qta_merge **out, struct qta_tick_source *const *sources,
                                 size_t count, const struct qta_name_sink *sink,
                                 struct qta_error *err);

/** Closes the sources. */
void qta_merge_destroy(struct qta_merge *merge);

/** The next ticks, at least one, valid until the next call. QTA_ERR_END; QTA_ERR_DAMAGED: a block
 *  could not be read, the next call goes on behind it; anything else is the end. */
enum qta_status qta_merge_next(struct qta_merge *merge, const struct qta_tick **ticks,
                               size_t *count, struct qta_error *err);

/** Starts over. Not without a sink. */
void qta_merge_rewind(struct qta_merge *merge);

#endif
