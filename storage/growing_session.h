/** @file growing_session.h
 *  A new session that grows under a hidden name beside its place and takes its name when it is
 *  whole, so that an import or a merge that fails leaves nothing that looks like a session.
 *
 *  One thread. */
#ifndef QTA_STORAGE_GROWING_SESSION_H
#define QTA_STORAGE_GROWING_SESSION_H

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/session.h>

struct qta_growing_session;

/** Makes the folders above output, and in there .NAME.PURPOSE-RANDOM. timezone may be NULL; names
 *  is borrowed, as qta_session_writer_create() does. QTA_ERR_USAGE: no output; QTA_ERR_STATE: there
 *  is something at output already, other than an empty folder; others as of the writer. */
enum qta_status qta_growing_session_create(struct qta_growing_session **out, const char *output,
                                           const char *purpose, const char *timezone,
                                           const struct qta_dictionary *names,
                                           struct qta_error *err);

/** Ends when it was not finished, leaving nothing. NULL is fine. */
void qta_growing_session_destroy(struct qta_growing_session *growing);

/** Appends the tick as the session's next record: gives it its rx_seq, and raises ts_recv_ns, with
 *  QTA_FLAG_TIME_RAISED, where it would go back. Errors name the output. */
enum qta_status qta_growing_session_append(struct qta_growing_session *growing,
                                           struct qta_tick *tick, struct qta_error *err);

/** Stores a frame behind the ticks that it produced: first_seq is filled in where there are none,
 *  ts_recv_ns raised where it would go back. */
enum qta_status qta_growing_session_append_raw(struct qta_growing_session *growing,
                                               struct qta_raw_frame *frame, struct qta_error *err);

/** Closes the session and gives it its name. After that it is there, also when the power goes. */
enum qta_status qta_growing_session_finish(struct qta_growing_session *growing,
                                           struct qta_error *err);

#endif
