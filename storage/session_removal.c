/* The rename is the moment of removal: before it nothing is touched, behind it nobody takes the
 * folder for a session any more. Only names that are a session's are deleted, so a folder that
 * got something else in between is left over, and said. */
#include "storage/session_removal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "storage/session_list.h"

/* ---- what belongs to a session ------------------------------------------------------------- */

/* "000001.qseg" and what may stand behind it. */
static bool is_numbered_name(const char *name)
{
    size_t digits = strspn(name, "0123456789");
    return digits >= 6 &&
           (strncmp(name + digits, ".qseg", 5) == 0 || strncmp(name + digits, ".qjrn", 5) == 0);
}

static bool is_root_name(const char *name)
{
    return strncmp(name, QTA_SESSION_DB_NAME, strlen(QTA_SESSION_DB_NAME)) == 0 ||
           strcmp(name, QTA_SESSION_LOCK_NAME) == 0 || strcmp(name, QTA_SESSION_PIN_NAME) == 0;
}

static bool is_folder_name(const char *name)
{
    return strcmp(name, "segments") == 0 || strcmp(name, "journal") == 0;
}

/* One folder of a session, walked through. */
struct walk {
    struct qta_environment *env;
    int fd;
    bool is_root;
    bool is_deleting;
    uint64_t bytes;
    uint64_t deleted;
    int error;        /* errno of the first that could not be deleted */
    char foreign[64]; /* the first name that is not a session's */
};

static bool visit(void *user, const char *name)
{
    struct walk *walk = user;
    struct qta_environment *env = walk->env;
    struct qta_file_status status;
    if (env->ops->status_at(env, walk->fd, name, &status) != 0)
        return true; /* it went away */
    bool is_ours = status.is_file && (walk->is_root ? is_root_name(name) : is_numbered_name(name));
    if (walk->is_root && status.is_folder && is_folder_name(name))
        return true;
    if (!is_ours && walk->foreign[0] == '\0')
        snprintf(walk->foreign, sizeof walk->foreign, "%s", name);
    if (!is_ours)
        return true;
    walk->bytes += (uint64_t)status.bytes;
    if (!walk->is_deleting || strcmp(name, QTA_SESSION_LOCK_NAME) == 0)
        return true;
    if (env->ops->unlink_at(env, walk->fd, name) == 0)
        walk->deleted++;
    else if (errno != ENOENT && walk->error == 0)
        walk->error = errno;
    return true;
}

/* Root and sub-folders in turn, the root last. */
static void walk_session(const struct qta_session_folder *folder, struct walk *total)
{
    const int fds[] = {folder->folder_fds[QTA_FILE_JOURNAL], folder->folder_fds[QTA_FILE_SEGMENT],
                       folder->root_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        struct walk walk = *total;
        walk.env = folder->environment;
        walk.fd = fds[i];
        walk.is_root = fds[i] == folder->root_fd;
        do { /* a directory that changes while it is listed may leave some out */
            walk.deleted = 0;
            if (fds[i] >= 0 && walk.env->ops->list(walk.env, fds[i], visit, &walk) != 0 &&
                walk.error == 0)
                walk.error = errno;
        } while (walk.deleted > 0 && walk.error == 0);
        *total = walk;
    }
}

bool qta_session_folder_is_pinned(const struct qta_session_folder *folder)
{
    struct qta_environment *env = folder->environment;
    struct qta_file_status status;
    return env->ops->status_at(env, folder->root_fd, QTA_SESSION_PIN_NAME, &status) == 0 ||
           errno != ENOENT;
}

uint64_t qta_session_folder_bytes(const struct qta_session_folder *folder)
{
    struct walk walk = {.is_deleting = false};
    walk_session(folder, &walk);
    return walk.bytes;
}

/* ---- removing ------------------------------------------------------------------------------ */

/* All of an open session's files, then its folders, then itself. */
static enum qta_status delete_all(struct qta_session_folder *folder, int directory_fd,
                                  const char *directory, const char *name, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    struct walk walk = {.is_deleting = true};
    walk_session(folder, &walk);
    if (walk.error == 0 && walk.foreign[0] == '\0') {
        env->ops->remove_folder_at(env, folder->root_fd, "journal");
        env->ops->remove_folder_at(env, folder->root_fd, "segments");
        env->ops->unlink_at(env, folder->root_fd, QTA_SESSION_LOCK_NAME);
        if (env->ops->remove_folder_at(env, directory_fd, name) != 0)
            walk.error = errno;
    }
    if (walk.foreign[0] != '\0')
        return qta_error_set(err, QTA_ERR_STATE,
                             "'%s/%s' is not removed: it has other files in it, such as '%s'",
                             directory, name, walk.foreign);
    errno = walk.error;
    if (walk.error != 0)
        return qta_error_set_errno(err, "cannot remove all of '%s/%s'", directory, name);
    return QTA_OK;
}

static enum qta_status check_removable(const struct qta_session_folder *folder,
                                       struct qta_error *err)
{
    struct walk walk = {.is_deleting = false};
    if (qta_session_folder_is_pinned(folder))
        return qta_error_set(err, QTA_ERR_STATE, "session '%s' is pinned", folder->path);
    walk_session(folder, &walk);
    errno = walk.error;
    if (walk.error != 0)
        return qta_error_set_errno(err, "cannot list '%s'", folder->path);
    if (walk.foreign[0] != '\0')
        return qta_error_set(err, QTA_ERR_STATE,
                             "'%s' is kept: it has other files in it, such as '%s'", folder->path,
                             walk.foreign);
    return QTA_OK;
}

static enum qta_status open_session(struct qta_session_folder *folder,
                                    struct qta_environment *environment, const char *directory,
                                    const char *name, struct qta_error *err)
{
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof path)
        return qta_error_set(err, QTA_ERR_USAGE, "the path of session '%s' is too long", name);
    return qta_session_folder_open(folder, path, environment, err);
}

enum qta_status qta_session_remove(struct qta_environment *environment, int directory_fd,
                                   const char *directory, const char *name, struct qta_error *err)
{
    struct qta_session_folder folder;
    char removed[NAME_MAX + 1];
    int length = snprintf(removed, sizeof removed, QTA_REMOVED_PREFIX "%s", name);
    if (length < 0 || (size_t)length >= sizeof removed)
        return qta_error_set(err, QTA_ERR_STATE, "'%s/%s' is kept: its name is too long", directory,
                             name);
    enum qta_status status = open_session(&folder, environment, directory, name, err);
    if (status != QTA_OK)
        return status;
    status = qta_session_folder_lock(&folder, err);
    if (status == QTA_OK)
        status = check_removable(&folder, err);
    if (status == QTA_OK &&
        environment->ops->rename_at(environment, directory_fd, name, removed) != 0)
        status = qta_error_set_errno(err, "cannot rename '%s/%s'", directory, name);
    if (status == QTA_OK && environment->ops->sync(environment, directory_fd) != 0)
        status = qta_error_set_errno(err, "cannot sync '%s'", directory);
    if (status == QTA_OK)
        status = delete_all(&folder, directory_fd, directory, removed, err);
    qta_session_folder_close(&folder);
    return status;
}

/* Nearly all of it may be gone: then it does not look like a session any more. */
enum qta_status qta_session_remove_leftover(struct qta_environment *environment, int directory_fd,
                                            const char *directory, const char *name,
                                            struct qta_error *err)
{
    struct qta_session_folder folder;
    if (environment->ops->remove_folder_at(environment, directory_fd, name) == 0)
        return QTA_OK;
    enum qta_status status = open_session(&folder, environment, directory, name, err);
    if (status != QTA_OK)
        return status;
    status = qta_session_folder_lock(&folder, err);
    if (status == QTA_OK)
        status = delete_all(&folder, directory_fd, directory, name, err);
    qta_session_folder_close(&folder);
    return status;
}
