/* The sessions of a directory, each as info tells it. */
#include <assert.h>
#include <stdio.h>

#include <qta/archive.h>

#include "storage/session_index.h"
#include "storage/session_list.h"
#include "storage/session_removal.h"

static bool tell_entry(const struct qta_session_list *sessions, const char *name,
                       qta_catalogue_callback each, void *user)
{
    struct qta_catalogue_entry entry = {.name = name};
    struct qta_session_folder folder;
    struct qta_error err;
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", sessions->path, name);
    if (length < 0 || (size_t)length >= sizeof path)
        entry.fault = "its path is too long";
    else if (qta_session_info_read(path, &entry.info, &err) != QTA_OK ||
             qta_session_folder_open(&folder, path, sessions->environment, &err) != QTA_OK)
        entry.fault = err.message;
    if (entry.fault)
        return each(user, &entry);
    entry.is_pinned = qta_session_folder_is_pinned(&folder);
    entry.index_fault = qta_session_index_inspect(&folder,
                                                  !entry.info.is_sealed || entry.info.is_live);
    qta_session_folder_close(&folder);
    return each(user, &entry);
}

enum qta_status qta_catalogue_read(const char *directory, qta_catalogue_callback each, void *user,
                                   struct qta_error *err)
{
    assert(directory && each);
    struct qta_session_list sessions;
    enum qta_status status = qta_session_list_read(&sessions, directory, false,
                                                   qta_environment_system(), err);
    bool goes_on = status == QTA_OK;
    for (size_t i = 0; i < sessions.count && goes_on; i++)
        goes_on = tell_entry(&sessions, sessions.names[i], each, user);
    qta_session_list_finish(&sessions);
    return status;
}
