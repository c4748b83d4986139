/** @file session_writer.h
 *  Inside the library: a session writer over a given environment. */
#ifndef QTA_STORAGE_SESSION_WRITER_H
#define QTA_STORAGE_SESSION_WRITER_H

#include <qta/session.h>

#include "core/environment.h"
#include "core/histogram.h"

/** What is counted about sealing, by all writers that share it. Any thread reads. */
struct qta_session_counters {
    _Atomic uint64_t segments;
    _Atomic uint64_t records;  /**< ticks in them */
    _Atomic uint64_t bytes;    /**< of them */
    _Atomic uint64_t failures; /**< tries that came to nothing; each is made again */
    struct qta_histogram seal_time;
};
void qta_session_counters_init(struct qta_session_counters *counters);

/** qta_session_writer_create() with another environment; borrowed for the writer's life. */
enum qta_status qta_session_writer_create_in(struct qta_session_writer **out,
                                             const struct qta_session_writer_options *options,
                                             const struct qta_dictionary *names,
                                             struct qta_environment *environment,
                                             struct qta_error *err);

/** What is sealed from now on is counted there; borrowed until the writer is destroyed. */
void qta_session_writer_count(struct qta_session_writer *writer,
                              struct qta_session_counters *counters);

/** After qta_session_writer_close(): whether the index is good, or had to be given up. */
bool qta_session_writer_has_index(const struct qta_session_writer *writer);

/** Bytes of the journal on disk: what waits to be sealed and what is open. Any thread. */
uint64_t qta_session_writer_journal_bytes(const struct qta_session_writer *writer);

#endif
