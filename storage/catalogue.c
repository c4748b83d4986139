/* The sessions of a directory, each as info tells it. */
#include <assert.h>
#include <stdio.h>

#include <qta/archive.h>

#include "storage/session_index.h"
#include "storage/session_list.h"
#include "storage/session_removal.h"

/* Without memory nothing can be said of any of them. */
static enum qta_status tell_entry(const struct qta_session_list *sessions, const char *name,
                                  qta_catalogue_callback each, void *user, bool *goes_on,
                                  struct qta_error *err)
{
    struct qta_catalogue_entry entry = {.name = name};
    struct qta_session_folder folder;
    struct qta_error cause;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", sessions->path, name);
    if (length < 0 || (size_t)length >= sizeof path)
        entry.fault = "its path is too long";
    else if (qta_session_info_read(path, &entry.info, &cause) != QTA_OK ||
             qta_session_folder_open(&folder, path, sessions->environment, &cause) != QTA_OK)
        entry.fault = cause.message;
    if (entry.fault == cause.message && cause.status == QTA_ERR_NOMEM)
        return qta_error_set(err, cause.status, "%s", cause.message);
    if (entry.fault) {
        *goes_on = each(user, &entry);
        return QTA_OK;
    }
    entry.is_pinned = qta_session_folder_is_pinned(&folder);
    entry.index_fault = qta_session_index_inspect(&folder,
                                                  !entry.info.is_sealed || entry.info.is_live);
    qta_session_folder_close(&folder);
    *goes_on = each(user, &entry);
    return QTA_OK;
}

enum qta_status qta_catalogue_read(const char *directory, qta_catalogue_callback each, void *user,
                                   struct qta_error *err)
{
    assert(directory && each);
    struct qta_session_list sessions;
    enum qta_status status = qta_session_list_read(&sessions, directory, false,
                                                   qta_environment_system(), err);
    bool goes_on = true;
    for (size_t i = 0; i < sessions.count && status == QTA_OK && goes_on; i++)
        status = tell_entry(&sessions, sessions.names[i], each, user, &goes_on, err);
    qta_session_list_finish(&sessions);
    return status;
}
