/* A file of its own, because session.db can be made anew at any time. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>

#include <qta/archive.h>

#include "storage/session_folder.h"

static enum qta_status set_pin(const struct qta_session_folder *folder, bool is_pinned,
                               struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    if (!is_pinned) {
        if (env->ops->unlink_at(env, folder->root_fd, QTA_SESSION_PIN_NAME) != 0 && errno != ENOENT)
            return qta_error_set_errno(err, "cannot unpin session '%s'", folder->path);
    } else {
        int fd = env->ops->open_at(env, folder->root_fd, QTA_SESSION_PIN_NAME, O_WRONLY | O_CREAT,
                                   0640);
        if (fd < 0)
            return qta_error_set_errno(err, "cannot pin session '%s'", folder->path);
        env->ops->close(env, fd);
    }
    if (env->ops->sync(env, folder->root_fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", folder->path);
    return QTA_OK;
}

enum qta_status qta_session_pin(const char *path, bool is_pinned, struct qta_error *err)
{
    assert(path);
    struct qta_session_folder folder;
    enum qta_status status = qta_session_folder_open(&folder, path, qta_environment_system(), err);
    if (status != QTA_OK)
        return status;
    status = set_pin(&folder, is_pinned, err);
    qta_session_folder_close(&folder);
    return status;
}
