/** @file session_source.h
 *  A session on disk as a tick source. */
#ifndef QTA_REPLAY_SESSION_SOURCE_H
#define QTA_REPLAY_SESSION_SOURCE_H

#include <stdbool.h>

#include <qta/error.h>
#include <qta/session.h>

#include "replay/tick_source.h"

/** Opens nothing yet. The path is copied; the filter is borrowed for the source's life.
 * reads_ahead: see qta_session_reader_read_ahead(). */
enum qta_status qta_session_source_create(struct qta_tick_source **out, const char *path,
                                          const struct qta_session_filter *filter,
                                          int64_t not_before_ns, bool reads_ahead,
                                          struct qta_error *err);

#endif
