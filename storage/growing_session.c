/* The hidden name is in the same folder, so that the last step is one rename. */
#include "storage/growing_session.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/archive.h>

#include "storage/session_writer.h"

struct qta_growing_session {
    struct qta_session_writer *writer;
    char *output;    /* without slashes at its end */
    char *path;      /* the session's until it is whole */
    bool is_on_disk; /* there may be something at it */
};

/* The last part of a path without slashes at its end. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static enum qta_status refuse_existing(const char *output, struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_STATE,
                         "'%s' exists already: remove it or choose another name", output);
}

/* Nothing there, or an empty folder, will do. */
static enum qta_status check_output(const char *output, struct qta_error *err)
{
    DIR *folder = opendir(output);
    if (!folder) {
        struct stat stat;
        return lstat(output, &stat) == 0 ? refuse_existing(output, err) : QTA_OK;
    }
    size_t entries = 0;
    while (readdir(folder))
        entries++;
    closedir(folder);
    return entries > 2 ? refuse_existing(output, err) : QTA_OK; /* "." and ".." */
}

/* Makes the folders above the output, as `mkdir -p` would. */
static enum qta_status make_parents(char *output, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (char *slash = strchr(output + 1, '/'); slash && status == QTA_OK;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        struct stat stat_buffer;
        if (mkdir(output, 0777) != 0 && errno != EEXIST)
            status = qta_error_set_errno(err, "cannot make folder '%s'", output);
        else if (stat(output, &stat_buffer) != 0 || !S_ISDIR(stat_buffer.st_mode))
            status = qta_error_set(err, QTA_ERR_IO, "cannot make folder '%s': a file is there",
                                   output);
        *slash = '/';
    }
    return status;
}

static enum qta_status choose_paths(struct qta_growing_session *growing, const char *output,
                                    const char *purpose, struct qta_error *err)
{
    size_t length = output ? strlen(output) : 0;
    while (length > 1 && output[length - 1] == '/')
        length--;
    if (length == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "output: it is missing: the session to make");
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return qta_error_set_errno(err, "cannot get a random number");
    growing->output = strndup(output, length);
    if (!growing->output)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    const char *name = base_name(growing->output);
    int parent_length = (int)(name - growing->output);
    size_t capacity = length + strlen(purpose) + sizeof "..-0123456789abcdef";
    growing->path = malloc(capacity);
    if (!growing->path)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    snprintf(growing->path, capacity, "%.*s.%s.%s-%016" PRIx64, parent_length, growing->output,
             name, purpose, random);
    return QTA_OK;
}

static enum qta_status start(struct qta_growing_session *growing, const char *output,
                             const char *purpose, const char *timezone,
                             const struct qta_dictionary *names, struct qta_error *err)
{
    enum qta_status status = choose_paths(growing, output, purpose, err);
    if (status == QTA_OK)
        status = check_output(growing->output, err);
    if (status == QTA_OK)
        status = make_parents(growing->output, err);
    if (status != QTA_OK)
        return status;
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = growing->path;
    options.timezone = timezone;
    options.fsync_interval_ns = -1; /* nobody relies on it before it has its name */
    growing->is_on_disk = true;
    return qta_session_writer_create(&growing->writer, &options, names, err);
}

enum qta_status qta_growing_session_create(struct qta_growing_session **out, const char *output,
                                           const char *purpose, const char *timezone,
                                           const struct qta_dictionary *names,
                                           struct qta_error *err)
{
    assert(out && purpose && names);
    struct qta_growing_session *growing = calloc(1, sizeof *growing);
    if (!growing)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = start(growing, output, purpose, timezone, names, err);
    if (status != QTA_OK) {
        qta_growing_session_destroy(growing);
        return status;
    }
    *out = growing;
    return QTA_OK;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *position)
{
    (void)stat;
    (void)kind;
    (void)position;
    return remove(path);
}

void qta_growing_session_destroy(struct qta_growing_session *growing)
{
    enum { OPEN_FOLDERS_MAX = 8 };
    if (!growing)
        return;
    qta_session_writer_destroy(growing->writer);
    if (growing->is_on_disk)
        nftw(growing->path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
    free(growing->path);
    free(growing->output);
    free(growing);
}

enum qta_status qta_growing_session_append(struct qta_growing_session *growing,
                                           struct qta_tick *tick, struct qta_error *err)
{
    int64_t last_ns = qta_session_writer_last_ts_recv_ns(growing->writer);
    if (tick->ts_recv_ns < last_ns) {
        tick->ts_recv_ns = last_ns;
        tick->flags |= QTA_FLAG_TIME_RAISED;
    }
    tick->rx_seq = qta_session_writer_next_seq(growing->writer);
    enum qta_status status = qta_session_writer_append(growing->writer, tick, err);
    if (status != QTA_OK)
        return qta_error_prefix(err, status, "cannot write session '%s'", growing->output);
    return QTA_OK;
}

enum qta_status qta_growing_session_append_raw(struct qta_growing_session *growing,
                                               struct qta_raw_frame *frame, struct qta_error *err)
{
    int64_t last_ns = qta_session_writer_last_ts_recv_ns(growing->writer);
    if (frame->ts_recv_ns < last_ns)
        frame->ts_recv_ns = last_ns;
    if (frame->tick_count == 0)
        frame->first_seq = qta_session_writer_next_seq(growing->writer);
    enum qta_status status = qta_session_writer_append_raw(growing->writer, frame, err);
    if (status != QTA_OK)
        return qta_error_prefix(err, status, "cannot write session '%s'", growing->output);
    return QTA_OK;
}

static enum qta_status take_name(struct qta_growing_session *growing, struct qta_error *err)
{
    if (rename(growing->path, growing->output) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
            return refuse_existing(growing->output, err);
        return qta_error_set_errno(err, "cannot rename '%s' to '%s'", growing->path,
                                   growing->output);
    }
    growing->is_on_disk = false;
    char *parent = strndup(growing->output, (size_t)(base_name(growing->output) - growing->output));
    int fd = parent ? open(*parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum qta_status status = QTA_OK;
    if (fd < 0 || fsync(fd) != 0)
        status = qta_error_set_errno(err, "cannot sync the folder of '%s'", growing->output);
    if (fd >= 0)
        close(fd);
    free(parent);
    return status;
}

enum qta_status qta_growing_session_finish(struct qta_growing_session *growing,
                                           struct qta_error *err)
{
    assert(growing->is_on_disk);
    enum qta_status status = qta_session_writer_close(growing->writer, err);
    if (status != QTA_OK)
        return status;
    bool has_index = qta_session_writer_has_index(growing->writer);
    qta_session_writer_destroy(growing->writer);
    growing->writer = NULL;
    if (!has_index) /* a recording goes on without one; what is made at leisure has it */
        status = qta_session_reindex(growing->path, err);
    return status == QTA_OK ? take_name(growing, err) : status;
}
