/** @file session_list.h
 *  The sessions of a directory, by name. */
#ifndef QTA_STORAGE_SESSION_LIST_H
#define QTA_STORAGE_SESSION_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <limits.h>

#include <qta/error.h>

#include "core/environment.h"

/** What a removed session is called until all of it is gone. */
#define QTA_REMOVED_PREFIX ".qta-removed-"

/** Zero-initialize. */
struct qta_session_list {
    struct qta_environment *environment; /**< borrowed */
    char path[PATH_MAX];                 /**< of the directory, absolute */
    int directory_fd;                    /**< valid while is_open */
    bool is_open;
    char **names; /**< of folders that look like sessions, ascending; owned */
    size_t count;
    size_t capacity;
};

/** Opens the directory and lists it. With is_removed those that are being removed, else those that
 *  are not. QTA_ERR_NOT_FOUND, QTA_ERR_FORMAT (no directory), QTA_ERR_IO, QTA_ERR_NOMEM. Finish it
 * in any case. */
enum qta_status qta_session_list_read(struct qta_session_list *list, const char *directory,
                                      bool is_removed, struct qta_environment *environment,
                                      struct qta_error *err);
void qta_session_list_finish(struct qta_session_list *list);

#endif
