/** @file replay_engine.h
 *  The replay engine: what to deliver next and when, for whoever has a clock and a thread.
 *
 *      for (;;) {
 *          status = qta_replay_engine_take(engine, now_ns, budget, &ticks, &count, &due_ns, &err);
 *          if (status == QTA_OK && count > 0)        deliver(ticks, count);   // were due at due_ns
 *          else if (status == QTA_OK)                wait_until(due_ns);
 *          else if (status == QTA_ERR_DAMAGED)       report(&err);            // skipped, goes on
 *          else                                      break;                   // QTA_ERR_END, or
 * lost
 *      }
 *
 *  It reads no clock and never waits. One thread. */
#ifndef QTA_REPLAY_REPLAY_ENGINE_H
#define QTA_REPLAY_REPLAY_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/replay.h>
#include <qta/tick.h>

#include "replay/id_translator.h"
#include "replay/tick_source.h"

struct qta_replay_engine;

/** Looks at every session's index; the sessions are opened as their turn comes. Everything is
 * copied. sink: who gives out the ids in the ticks; NULL for a dictionary of the engine's own, see
 *  qta_replay_engine_names(). Errors as qta_replay_create(). */
enum qta_status qta_replay_engine_create(struct qta_replay_engine **out, const char *const *paths,
                                         size_t path_count,
                                         const struct qta_replay_options *options,
                                         const struct qta_name_sink *sink, struct qta_error *err);

/** The same over sources that are there already, which are the caller's, must outlive the engine
 * and have applied the filter, the offset and the duration themselves. */
enum qta_status qta_replay_engine_create_over(struct qta_replay_engine **out,
                                              struct qta_tick_source *const *sources,
                                              size_t source_count,
                                              const struct qta_replay_options *options,
                                              const struct qta_name_sink *sink,
                                              struct qta_error *err);

void qta_replay_engine_destroy(struct qta_replay_engine *engine);

/** Sees to it that there are ticks to take: reads on when there are none. QTA_ERR_DAMAGED: err says
 *  which block could not be read; call again. QTA_ERR_END: that was all. Others: it cannot go on.
 */
enum qta_status qta_replay_engine_read(struct qta_replay_engine *engine, struct qta_error *err);

/** Takes up to budget (at least 1) ticks that are due at the monotonic time now_ns, after
 *  qta_replay_engine_read() was QTA_OK. Returns how many: *ticks, valid until the next read, of
 * which the first was due at *due_ns. 0: nothing is due before *due_ns. The clock starts with the
 * first call. */
size_t qta_replay_engine_take(struct qta_replay_engine *engine, int64_t now_ns, size_t budget,
                              const struct qta_tick **ticks, int64_t *due_ns);

/** Moves all that is still to come by the length of a pause. */
void qta_replay_engine_postpone(struct qta_replay_engine *engine, int64_t pause_ns);

/** What the ids of the ticks stand for, when no sink was given. Valid as long as the engine. */
const struct qta_dictionary *qta_replay_engine_names(const struct qta_replay_engine *engine);

/** The first and last receive time that can come, by the sessions' indexes, from, until, offset and
 *  duration; QTA_TIME_UNKNOWN when nothing can. Any thread. */
int64_t qta_replay_engine_first_ns(const struct qta_replay_engine *engine);
int64_t qta_replay_engine_last_ns(const struct qta_replay_engine *engine);

#endif
