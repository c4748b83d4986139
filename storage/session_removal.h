/** @file session_removal.h
 *  Removes a whole session. A folder with anything in it that is not a session's stays. */
#ifndef QTA_STORAGE_SESSION_REMOVAL_H
#define QTA_STORAGE_SESSION_REMOVAL_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>

#include "core/environment.h"
#include "storage/session_folder.h"

/** Whether a session has the file that keeps it. */
bool qta_session_folder_is_pinned(const struct qta_session_folder *folder);

/** Bytes of all files of an open session. */
uint64_t qta_session_folder_bytes(const struct qta_session_folder *folder);

/** Removes the session `name` of a directory: takes its lock, renames it out of the catalogue, then
 *  deletes it, the lock last. QTA_ERR_LOCKED; QTA_ERR_STATE: it is pinned, or has other files in
 * it; QTA_ERR_IO: also when it is renamed already, but not all of it is deleted. */
enum qta_status qta_session_remove(struct qta_environment *environment, int directory_fd,
                                   const char *directory, const char *name, struct qta_error *err);

/** Deletes what is left of a session that was renamed. Errors as above. */
enum qta_status qta_session_remove_leftover(struct qta_environment *environment, int directory_fd,
                                            const char *directory, const char *name,
                                            struct qta_error *err);

#endif
