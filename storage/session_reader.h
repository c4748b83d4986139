/** @file session_reader.h
 *  Inside the library: a session reader over a given environment, and what verify wants of it. */
#ifndef QTA_STORAGE_SESSION_READER_H
#define QTA_STORAGE_SESSION_READER_H

#include <qta/session.h>

#include "core/environment.h"
#include "storage/block_stream.h"

/** qta_session_reader_create() with another environment; borrowed for the reader's life. */
enum qta_status qta_session_reader_create_in(struct qta_session_reader **out, const char *path,
                                             const struct qta_session_filter *filter,
                                             struct qta_environment *environment,
                                             struct qta_error *err);

/** So far: records found to be missing or unreadable, those that a repair found lost before, blocks
 *  read to their ends, and bytes of the
 *  session's files. */
uint64_t qta_session_reader_lost(const struct qta_session_reader *reader);
uint64_t qta_session_reader_known_lost(const struct qta_session_reader *reader);
uint64_t qta_session_reader_blocks(const struct qta_session_reader *reader);
uint64_t qta_session_reader_done_bytes(const struct qta_session_reader *reader);

/** What reading has cost, up to where the caller is. */
void qta_session_reader_statistics(const struct qta_session_reader *reader,
                                   struct qta_read_statistics *statistics);

#endif
