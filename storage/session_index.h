/** @file session_index.h
 *  session.db: the catalogue of a session's segments in SQLite.
 *
 *  It holds nothing that the segments do not hold, but for what is known of runs: it can be deleted
 * and is made anew. Every doubt about it ends in that. One thread at a time. */
#ifndef QTA_STORAGE_SESSION_INDEX_H
#define QTA_STORAGE_SESSION_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/session.h>

#include "storage/journal_format.h"
#include "storage/session_folder.h"

struct qta_session_index;

/** Opens the index for writing, and makes it anew from the segments where it is missing, damaged,
 *  foreign or behind. folder is borrowed for life. QTA_ERR_FORMAT: of a newer version; QTA_ERR_IO,
 *  QTA_ERR_NO_SPACE, QTA_ERR_NOMEM. */
enum qta_status qta_session_index_open(struct qta_session_index **out,
                                       const struct qta_session_folder *folder,
                                       struct qta_error *err);

/** Makes the index of a session anew from its segments, whatever it is like. The caller holds the
 *  writer's lock. Errors as above. */
enum qta_status qta_session_index_remake(const struct qta_session_folder *folder,
                                         struct qta_error *err);

/** Closes it as it is. NULL is fine. */
void qta_session_index_destroy(struct qta_session_index *index);

/** Brings everything into the one file session.db, which can then be read from read-only media. */
enum qta_status qta_session_index_finish(struct qta_session_index *index, struct qta_error *err);

/** Notes session and zone, and that a run starts or has ended. */
enum qta_status qta_session_index_start_run(struct qta_session_index *index,
                                            const struct qta_journal_header *header,
                                            struct qta_error *err);
enum qta_status qta_session_index_end_run(struct qta_session_index *index, uint32_t run,
                                          int64_t ended_ns, struct qta_error *err);

/** Adds a segment that is in the folder, in one transaction; over an older entry of its number. */
enum qta_status qta_session_index_add_segment(struct qta_session_index *index, uint32_t number,
                                              struct qta_error *err);

/** Looks at the index of a session without changing it: NULL when it is good, or why it is not. One
 *  that may be behind is only looked at for its integrity. Static. */
const char *qta_session_index_inspect(const struct qta_session_folder *folder, bool may_be_behind);

/** Compares an index with what would be made of the segments now; tells differences as whole
 *  sentences. One that may differ, because the session is live, was cut or has damaged segments, is
 * only looked at for its integrity and for rows that have no segment. *problems grows. QTA_ERR_IO
 * or QTA_ERR_NOMEM when that cannot be done. */
enum qta_status qta_session_index_compare(const struct qta_session_folder *folder, bool may_differ,
                                          qta_problem_callback on_problem, void *user,
                                          uint64_t *problems, struct qta_error *err);

#endif
