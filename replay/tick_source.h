/** @file tick_source.h
 *  Where a replay gets its ticks from: a session on disk (session_source.h), or an array in a test.
 *
 *  A source is opened when its turn comes and closed at its end, so that only those that overlap in
 *  time hold memory. It can be opened again, and then starts over. One thread. */
#ifndef QTA_REPLAY_TICK_SOURCE_H
#define QTA_REPLAY_TICK_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

struct qta_tick_source;

struct qta_tick_source_ops {
    /** Starts at its first tick. Not while it is open. */
    enum qta_status (*open)(struct qta_tick_source *source, struct qta_error *err);

    /** As qta_session_reader_next(): at least one tick, in order, valid until the next call or
     *  close(); QTA_ERR_END; QTA_ERR_DAMAGED, behind which it goes on. Anything else is the end. */
    enum qta_status (*next)(struct qta_tick_source *source, const struct qta_tick **ticks,
                            size_t *count, struct qta_error *err);

    /** What the ids of its ticks stand for. Valid while it is open; grows at most in next(). */
    const struct qta_dictionary *(*names)(const struct qta_tick_source *source);

    /** May be called when it is closed already. */
    void (*close)(struct qta_tick_source *source);

    /** Closes and frees. */
    void (*destroy)(struct qta_tick_source *source);
};

struct qta_tick_source {
    const struct qta_tick_source_ops *ops;
    int64_t not_before_ns; /**< no tick of it has an earlier ts_recv_ns; INT64_MIN when unknown */
};

#endif
