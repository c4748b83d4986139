/* The session's directory on disk. A writer makes what is missing; a reader takes what is there. */
#include "storage/session_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *folder;
    const char *suffix;
} kinds[2] = {
    [QTA_FILE_SEGMENT] = {"segments", ".qseg"},
    [QTA_FILE_JOURNAL] = {"journal", ".qjrn"},
};

enum { FOLDER_MODE = 0750, FILE_MODE = 0640, FOLDER_FLAGS = O_RDONLY | O_DIRECTORY };

static void start_empty(struct qta_session_folder *folder, struct qta_environment *environment)
{
    memset(folder, 0, sizeof *folder);
    folder->environment = environment;
    folder->root_fd = -1;
    folder->folder_fds[QTA_FILE_SEGMENT] = -1;
    folder->folder_fds[QTA_FILE_JOURNAL] = -1;
    folder->lock_fd = -1;
}

/* ---- names --------------------------------------------------------------------------------- */

void qta_session_file_name(char name[QTA_FILE_NAME_BYTES], enum qta_session_file kind,
                           uint32_t number)
{
    snprintf(name, QTA_FILE_NAME_BYTES, "%06u%s", number, kinds[kind].suffix);
}

const char *qta_session_file_label(char text[QTA_FILE_NAME_BYTES], enum qta_session_file kind,
                                   uint32_t number)
{
    snprintf(text, QTA_FILE_NAME_BYTES, "%s/%06u%s", kinds[kind].folder, number,
             kinds[kind].suffix);
    return text;
}

/* Exactly what qta_session_file_name() writes, or 0. */
static uint32_t number_of_name(const char *name, enum qta_session_file kind)
{
    uint64_t number = 0;
    size_t digits = strspn(name, "0123456789");
    if (digits < 6 || digits > 10 || (digits > 6 && name[0] == '0'))
        return 0;
    for (size_t i = 0; i < digits; i++)
        number = number * 10 + (uint64_t)(name[i] - '0');
    if (number > QTA_FILE_NUMBER_MAX || strcmp(name + digits, kinds[kind].suffix) != 0)
        return 0;
    return (uint32_t)number;
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum qta_status open_root(struct qta_session_folder *folder, const char *path,
                                 struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    if (!realpath(path, folder->path)) {
        if (errno == ENOENT)
            return qta_error_set(err, QTA_ERR_NOT_FOUND, "no session at '%s'", path);
        return qta_error_set_errno(err, "cannot open session '%s'", path);
    }
    folder->root_fd = env->ops->open_at(env, AT_FDCWD, folder->path, FOLDER_FLAGS, 0);
    if (folder->root_fd < 0 && errno == ENOTDIR)
        return qta_error_set(err, QTA_ERR_FORMAT, "'%s' is not a session: not a directory", path);
    if (folder->root_fd < 0)
        return qta_error_set_errno(err, "cannot open session '%s'", path);
    return QTA_OK;
}

enum qta_status qta_session_folder_refresh(struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    for (size_t kind = 0; kind < 2; kind++) {
        if (folder->folder_fds[kind] >= 0)
            continue;
        folder->folder_fds[kind] = env->ops->open_at(env, folder->root_fd, kinds[kind].folder,
                                                     FOLDER_FLAGS, 0);
        if (folder->folder_fds[kind] < 0 && errno != ENOENT)
            return qta_error_set_errno(err, "cannot open '%s/%s'", folder->path,
                                       kinds[kind].folder);
    }
    return QTA_OK;
}

/* What the entries of a directory say about it. */
struct survey {
    bool has_ours;
    char foreign[64]; /* the first entry that is not ours */
};

static bool survey_entry(void *user, const char *name)
{
    static const char *const ours[] = {
        "segments",
        "journal",
        QTA_SESSION_LOCK_NAME,
        QTA_SESSION_DB_NAME,
    };
    struct survey *survey = user;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strcmp(name, ours[i]) == 0) {
            survey->has_ours = true;
            return true;
        }
    if (strcmp(name, QTA_SESSION_PIN_NAME) == 0)
        return true;
    /* temporary files of SQLite and of a rebuilt index come and go */
    if (strncmp(name, QTA_SESSION_DB_NAME, strlen(QTA_SESSION_DB_NAME)) != 0 &&
        survey->foreign[0] == '\0')
        snprintf(survey->foreign, sizeof survey->foreign, "%s", name);
    return true;
}

static enum qta_status survey_root(struct qta_session_folder *folder, struct survey *survey,
                                   struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    memset(survey, 0, sizeof *survey);
    if (env->ops->list(env, folder->root_fd, survey_entry, survey) != 0)
        return qta_error_set_errno(err, "cannot list '%s'", folder->path);
    return QTA_OK;
}

enum qta_status qta_session_folder_open(struct qta_session_folder *folder, const char *path,
                                        struct qta_environment *environment, struct qta_error *err)
{
    start_empty(folder, environment);
    struct survey survey;
    enum qta_status status = open_root(folder, path, err);
    if (status == QTA_OK)
        status = survey_root(folder, &survey, err);
    if (status == QTA_OK && !survey.has_ours)
        status = qta_error_set(err, QTA_ERR_FORMAT,
                               "'%s' is not a session: it has neither segments nor a journal",
                               path);
    if (status == QTA_OK)
        status = qta_session_folder_refresh(folder, err);
    if (status != QTA_OK)
        qta_session_folder_close(folder);
    return status;
}

void qta_session_folder_close(struct qta_session_folder *folder)
{
    struct qta_environment *env = folder->environment;
    int fds[] = {folder->lock_fd, folder->folder_fds[QTA_FILE_SEGMENT],
                 folder->folder_fds[QTA_FILE_JOURNAL], folder->root_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            env->ops->close(env, fds[i]);
    start_empty(folder, env);
}

/* ---- the writer's side --------------------------------------------------------------------- */

/* A directory that was made lasts once the one that it is in has been synced. */
static enum qta_status make_directory(struct qta_session_folder *folder, const char *path,
                                      struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    if (env->ops->mkdir_at(env, AT_FDCWD, path, FOLDER_MODE) != 0) {
        if (errno == EEXIST)
            return QTA_OK;
        return qta_error_set_errno(err, "cannot make directory '%s'", path);
    }
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 1;
    memcpy(parent, slash ? path : ".", length);
    parent[length] = '\0';
    const char *above = length > 0 ? parent : "/";
    int fd = env->ops->open_at(env, AT_FDCWD, above, FOLDER_FLAGS, 0);
    if (fd < 0)
        return qta_error_set_errno(err, "cannot open '%s'", above);
    enum qta_status status = QTA_OK;
    if (env->ops->sync(env, fd) != 0)
        status = qta_error_set_errno(err, "cannot sync '%s'", above);
    env->ops->close(env, fd);
    return status;
}

/* mkdir -p: sessions/2024-05-01 is wanted before sessions/ is there. */
static enum qta_status make_path(struct qta_session_folder *folder, const char *path,
                                 struct qta_error *err)
{
    char prefix[PATH_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof prefix)
        return qta_error_set(err, QTA_ERR_USAGE, "the session's path is %s",
                             length == 0 ? "empty" : "too long");
    memcpy(prefix, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (prefix[i] != '/' && prefix[i] != '\0')
            continue;
        char kept = prefix[i];
        prefix[i] = '\0';
        enum qta_status status = make_directory(folder, prefix, err);
        if (status != QTA_OK)
            return status;
        prefix[i] = kept;
    }
    return QTA_OK;
}

static enum qta_status make_folders(struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    for (size_t kind = 0; kind < 2; kind++)
        if (env->ops->mkdir_at(env, folder->root_fd, kinds[kind].folder, FOLDER_MODE) != 0 &&
            errno != EEXIST)
            return qta_error_set_errno(err, "cannot make '%s' in '%s'", kinds[kind].folder,
                                       folder->path);
    enum qta_status status = qta_session_folder_refresh(folder, err);
    if (status != QTA_OK)
        return status;
    if (env->ops->sync(env, folder->root_fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", folder->path);
    return QTA_OK;
}

static void pause_ms(long milliseconds)
{
    struct timespec pause = {.tv_nsec = milliseconds * 1000000};
    nanosleep(&pause, NULL);
}

static enum qta_status report_owner(struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    char text[24] = "";
    if (env->ops->pread(env, folder->lock_fd, text, sizeof text - 1, 0) < 0)
        text[0] = '\0';
    text[strspn(text, "0123456789")] = '\0';
    return qta_error_set(err, QTA_ERR_LOCKED, "session '%s' is being written by process %s",
                         folder->path, text[0] ? text : "(unknown)");
}

enum qta_status qta_session_folder_lock(struct qta_session_folder *folder, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    folder->lock_fd = env->ops->open_at(env, folder->root_fd, QTA_SESSION_LOCK_NAME,
                                        O_RDWR | O_CREAT, FILE_MODE);
    if (folder->lock_fd < 0)
        return qta_error_set_errno(err, "cannot open '%s/%s'", folder->path, QTA_SESSION_LOCK_NAME);
    /* a reader that asks whether the session is live holds the lock for a moment */
    enum { TRIES = 10, PAUSE_MS = 5 };
    int result = -1;
    for (int tries = 0; tries < TRIES && result != 0; tries++) {
        if (tries > 0)
            pause_ms(PAUSE_MS);
        result = env->ops->lock(env, folder->lock_fd);
        if (result != 0 && errno != EWOULDBLOCK)
            return qta_error_set_errno(err, "cannot lock '%s/%s'", folder->path,
                                       QTA_SESSION_LOCK_NAME);
    }
    if (result != 0)
        return report_owner(folder, err);
    char text[24];
    int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (env->ops->truncate(env, folder->lock_fd, 0) != 0 ||
        env->ops->pwrite(env, folder->lock_fd, text, (size_t)length, 0) != 0)
        return qta_error_set_errno(err, "cannot write '%s/%s'", folder->path,
                                   QTA_SESSION_LOCK_NAME);
    return QTA_OK;
}

enum qta_status qta_session_folder_make(struct qta_session_folder *folder, const char *path,
                                        struct qta_environment *environment, struct qta_error *err)
{
    start_empty(folder, environment);
    struct survey survey;
    enum qta_status status = make_path(folder, path, err);
    if (status == QTA_OK)
        status = open_root(folder, path, err);
    if (status == QTA_OK)
        status = survey_root(folder, &survey, err);
    if (status == QTA_OK && !survey.has_ours && survey.foreign[0])
        status = qta_error_set(err, QTA_ERR_FORMAT,
                               "'%s' is not a session: it has other files, such as '%s'", path,
                               survey.foreign);
    if (status == QTA_OK)
        status = qta_session_folder_lock(folder, err);
    if (status == QTA_OK)
        status = make_folders(folder, err);
    if (status != QTA_OK)
        qta_session_folder_close(folder);
    return status;
}

/* ---- numbered files ------------------------------------------------------------------------ */

int qta_session_folder_open_file(const struct qta_session_folder *folder,
                                 enum qta_session_file kind, uint32_t number, int flags)
{
    struct qta_environment *env = folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    qta_session_file_name(name, kind, number);
    if (folder->folder_fds[kind] < 0) {
        errno = ENOENT;
        return -1;
    }
    return env->ops->open_at(env, folder->folder_fds[kind], name, flags, FILE_MODE);
}

bool qta_session_folder_remove_file(const struct qta_session_folder *folder,
                                    enum qta_session_file kind, uint32_t number)
{
    struct qta_environment *env = folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    qta_session_file_name(name, kind, number);
    return env->ops->unlink_at(env, folder->folder_fds[kind], name) == 0 || errno == ENOENT;
}

enum qta_status qta_session_folder_set_aside(const struct qta_session_folder *folder,
                                             enum qta_session_file kind, uint32_t number,
                                             struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    char aside[QTA_FILE_NAME_BYTES + 16];
    qta_session_file_name(name, kind, number);
    snprintf(aside, sizeof aside, "%s.damaged", name);
    if (env->ops->rename_at(env, folder->folder_fds[kind], name, aside) != 0)
        return qta_error_set_errno(err, "cannot rename '%s/%s' to '%s'", kinds[kind].folder, name,
                                   aside);
    return QTA_OK;
}

enum qta_status qta_session_folder_sync(const struct qta_session_folder *folder,
                                        enum qta_session_file kind, struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    if (env->ops->sync(env, folder->folder_fds[kind]) != 0)
        return qta_error_set_errno(err, "cannot sync '%s/%s'", folder->path, kinds[kind].folder);
    return QTA_OK;
}

struct listing {
    enum qta_session_file kind;
    struct qta_file_numbers *out;
    size_t capacity;
    bool is_out_of_memory;
};

static bool list_entry(void *user, const char *name)
{
    struct listing *listing = user;
    uint32_t number = number_of_name(name, listing->kind);
    if (number == 0)
        return true;
    struct qta_file_numbers *out = listing->out;
    if (out->count == listing->capacity) {
        size_t capacity = listing->capacity ? listing->capacity * 2 : 16;
        uint32_t *grown = realloc(out->numbers, capacity * sizeof *grown);
        if (!grown) {
            listing->is_out_of_memory = true;
            return false;
        }
        out->numbers = grown;
        listing->capacity = capacity;
    }
    out->numbers[out->count++] = number;
    return true;
}

static int compare_numbers(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left;
    uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

enum qta_status qta_session_folder_list(const struct qta_session_folder *folder,
                                        enum qta_session_file kind, struct qta_file_numbers *out,
                                        struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    *out = (struct qta_file_numbers){0};
    if (folder->folder_fds[kind] < 0)
        return QTA_OK;
    struct listing listing = {.kind = kind, .out = out};
    int result = env->ops->list(env, folder->folder_fds[kind], list_entry, &listing);
    if (result != 0 || listing.is_out_of_memory) {
        enum qta_status status = listing.is_out_of_memory
                                     ? qta_error_set(err, QTA_ERR_NOMEM,
                                                     "out of memory listing '%s'", folder->path)
                                     : qta_error_set_errno(err, "cannot list '%s/%s'", folder->path,
                                                           kinds[kind].folder);
        qta_file_numbers_finish(out);
        return status;
    }
    if (out->count > 0)
        qsort(out->numbers, out->count, sizeof out->numbers[0], compare_numbers);
    return QTA_OK;
}

void qta_file_numbers_finish(struct qta_file_numbers *numbers)
{
    free(numbers->numbers);
    *numbers = (struct qta_file_numbers){0};
}

uint32_t qta_file_numbers_from(const struct qta_file_numbers *numbers, uint32_t number)
{
    size_t low = 0;
    size_t high = numbers->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (numbers->numbers[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < numbers->count ? numbers->numbers[low] : 0;
}

bool qta_file_numbers_contain(const struct qta_file_numbers *numbers, uint32_t number)
{
    return qta_file_numbers_from(numbers, number) == number && number != 0;
}

bool qta_session_folder_is_locked(const struct qta_session_folder *folder)
{
    struct qta_environment *env = folder->environment;
    int fd = env->ops->open_at(env, folder->root_fd, QTA_SESSION_LOCK_NAME, O_RDONLY, 0);
    if (fd < 0)
        return false;
    /* shared, so that readers that ask at the same time do not take each other for a writer */
    bool is_locked = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    env->ops->close(env, fd);
    return is_locked;
}
