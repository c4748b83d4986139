/* A session is a folder of its own, not a link to one: what is listed here may be removed. */
#include "storage/session_list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "storage/session_folder.h"

struct listing {
    struct qta_session_list *list;
    bool is_removed;
    bool is_out_of_memory;
};

static bool looks_like_session(const struct qta_session_list *list, const char *name)
{
    struct qta_environment *env = list->environment;
    static const char *const marks[] = {"segments", "journal", QTA_SESSION_DB_NAME,
                                        QTA_SESSION_LOCK_NAME};
    struct qta_file_status status;
    if (env->ops->status_at(env, list->directory_fd, name, &status) != 0 || !status.is_folder)
        return false;
    int fd = env->ops->open_at(env, list->directory_fd, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return false;
    bool has_mark = false;
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && !has_mark; i++)
        has_mark = env->ops->status_at(env, fd, marks[i], &status) == 0;
    env->ops->close(env, fd);
    return has_mark;
}

static bool add_name(struct qta_session_list *list, const char *name)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        char **grown = realloc(list->names, capacity * sizeof *grown);
        if (!grown)
            return false;
        list->names = grown;
        list->capacity = capacity;
    }
    list->names[list->count] = strdup(name);
    return list->names[list->count] && ++list->count > 0;
}

static bool list_entry(void *user, const char *name)
{
    struct listing *listing = user;
    bool is_removed = strncmp(name, QTA_REMOVED_PREFIX, strlen(QTA_REMOVED_PREFIX)) == 0;
    if (is_removed != listing->is_removed || (!is_removed && name[0] == '.'))
        return true;
    if (!is_removed && !looks_like_session(listing->list, name))
        return true;
    listing->is_out_of_memory = !add_name(listing->list, name);
    return !listing->is_out_of_memory;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

enum qta_status qta_session_list_read(struct qta_session_list *list, const char *directory,
                                      bool is_removed, struct qta_environment *environment,
                                      struct qta_error *err)
{
    struct listing listing = {.list = list, .is_removed = is_removed};
    memset(list, 0, sizeof *list);
    list->environment = environment;
    if (!realpath(directory, list->path))
        return qta_error_set_errno(err, "cannot open directory '%s'", directory);
    list->directory_fd = environment->ops->open_at(environment, AT_FDCWD, list->path,
                                                   O_RDONLY | O_DIRECTORY, 0);
    if (list->directory_fd < 0 && errno == ENOTDIR)
        return qta_error_set(err, QTA_ERR_FORMAT, "'%s' is not a directory", directory);
    if (list->directory_fd < 0)
        return qta_error_set_errno(err, "cannot open directory '%s'", directory);
    list->is_open = true;
    int result = environment->ops->list(environment, list->directory_fd, list_entry, &listing);
    if (listing.is_out_of_memory)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory listing '%s'", directory);
    if (result != 0)
        return qta_error_set_errno(err, "cannot list '%s'", directory);
    if (list->count > 0)
        qsort(list->names, list->count, sizeof list->names[0], compare_names);
    return QTA_OK;
}

void qta_session_list_finish(struct qta_session_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    if (list->is_open)
        list->environment->ops->close(list->environment, list->directory_fd);
    memset(list, 0, sizeof *list);
}
