/* CSV files into a new session. The session grows under a hidden name beside its place and takes
 * its name when it is whole, so that a failed import leaves nothing that looks like one. */
#include <qta/import.h>

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

#include "storage/compressed_input.h"
#include "storage/csv_mapping.h"
#include "storage/csv_reader.h"

enum { ROWS_BETWEEN_REPORTS = 16384 };

/* One import. */
struct import {
    const struct qta_import_options *options;
    qta_progress_callback on_progress;
    void *user;
    struct qta_import_result *result;
    struct qta_dictionary *names;
    struct qta_csv_mapping *mapping;
    struct qta_session_writer *writer;
    char *output;         /* without slashes at its end */
    char *growing;        /* the session's path until it is whole */
    bool has_growing;     /* there may be something at it */
    uint64_t done_bytes;  /* of the files before this one */
    uint64_t total_bytes; /* of all files; 0 when one of them has no size */
};

/* ---- where it grows ---------------------------------------------------------------------------
 */

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

static enum qta_status choose_paths(struct import *import, const char *output,
                                    struct qta_error *err)
{
    size_t length = output ? strlen(output) : 0;
    while (length > 1 && output[length - 1] == '/')
        length--;
    if (length == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "output: it is missing: the session to make");
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return qta_error_set_errno(err, "cannot get a random number");
    import->output = strndup(output, length);
    if (!import->output)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    const char *name = base_name(import->output);
    int parent_length = (int)(name - import->output);
    size_t capacity = length + sizeof "..import-0123456789abcdef";
    import->growing = malloc(capacity);
    if (!import->growing)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    snprintf(import->growing, capacity, "%.*s.%s.import-%016" PRIx64, parent_length, import->output,
             name, random);
    return QTA_OK;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *position)
{
    (void)stat;
    (void)kind;
    (void)position;
    return remove(path);
}

static void remove_tree(const char *path)
{
    enum { OPEN_FOLDERS_MAX = 8 };
    nftw(path, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
}

/* After this the session is where it belongs, also when the power goes. */
static enum qta_status take_name(struct import *import, struct qta_error *err)
{
    assert(import->growing && import->output);
    if (rename(import->growing, import->output) != 0) {
        if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
            return refuse_existing(import->output, err);
        return qta_error_set_errno(err, "cannot rename '%s' to '%s'", import->growing,
                                   import->output);
    }
    import->has_growing = false;
    char *parent = strndup(import->output, (size_t)(base_name(import->output) - import->output));
    int fd = parent ? open(*parent ? parent : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    enum qta_status status = QTA_OK;
    if (fd < 0 || fsync(fd) != 0)
        status = qta_error_set_errno(err, "cannot sync the folder of '%s'", import->output);
    if (fd >= 0)
        close(fd);
    free(parent);
    return status;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static bool must_stop(void *user)
{
    const struct import *import = user;
    return import->options->should_stop &&
           import->options->should_stop(import->options->should_stop_user);
}

static enum qta_status read_input(void *user, void *bytes, size_t capacity, size_t *count,
                                  struct qta_error *err)
{
    return qta_compressed_input_read(user, bytes, capacity, count, err);
}

static enum qta_status store(struct import *import, struct qta_tick *tick, struct qta_error *err)
{
    int64_t last_ns = qta_session_writer_last_ts_recv_ns(import->writer);
    if (tick->ts_recv_ns < last_ns) {
        tick->ts_recv_ns = last_ns;
        tick->flags |= QTA_FLAG_TIME_RAISED;
        import->result->times_raised++;
    }
    tick->rx_seq = qta_session_writer_next_seq(import->writer);
    import->result->rounded += (tick->flags & QTA_FLAG_ROUNDED) != 0;
    import->result->conditions_cut += (tick->flags & QTA_FLAG_CONDITIONS_CUT) != 0;
    import->result->rows++;
    import->result->ticks++;
    enum qta_status status = qta_session_writer_append(import->writer, tick, err);
    if (status != QTA_OK)
        return qta_error_prefix(err, status, "cannot write session '%s'", import->output);
    return QTA_OK;
}

static enum qta_status report(struct import *import, const struct qta_compressed_input *input,
                              struct qta_error *err)
{
    if (import->on_progress)
        import->on_progress(import->user,
                            import->done_bytes + qta_compressed_input_done_bytes(input),
                            import->total_bytes);
    return must_stop(import) ? qta_error_set(err, QTA_ERR_STATE, "stopped") : QTA_OK;
}

static enum qta_status at_line(const char *name, uint64_t line, enum qta_status status,
                               struct qta_error *err)
{
    return qta_error_prefix(err, status, "%s:%" PRIu64, name, line);
}

/* Reads row after row. Empty lines are no rows at the end of a file; anywhere else they are an
 * error, which is why they are held back until a row follows. */
static enum qta_status import_rows(struct import *import, const char *name,
                                   const struct qta_compressed_input *input,
                                   struct qta_csv_reader *reader, struct qta_error *err)
{
    struct qta_csv_row row;
    struct qta_csv_row blank = {.line = 0};
    struct qta_tick tick;
    bool has_begun = false;
    uint64_t rows = 0;
    enum qta_status status;
    while ((status = qta_csv_reader_next(reader, &row, err)) == QTA_OK) {
        if (row.is_blank) {
            if (blank.line == 0)
                blank = row;
            continue;
        }
        if (blank.line > 0)
            return at_line(name, blank.line,
                           qta_csv_mapping_decode(import->mapping, &blank, &tick, err), err);
        bool is_header = !has_begun && qta_csv_mapping_has_header(import->mapping);
        if (!has_begun)
            status = qta_csv_mapping_begin(import->mapping, &row, err);
        has_begun = true;
        if (status == QTA_OK && !is_header)
            status = qta_csv_mapping_decode(import->mapping, &row, &tick, err);
        if (status != QTA_OK)
            return at_line(name, row.line, status, err);
        if (!is_header)
            status = store(import, &tick, err);
        if (status == QTA_OK && ++rows % ROWS_BETWEEN_REPORTS == 0)
            status = report(import, input, err);
        if (status != QTA_OK)
            return status;
    }
    if (status != QTA_ERR_END)
        return status;
    if (!has_begun && qta_csv_mapping_has_header(import->mapping))
        return qta_error_set(err, QTA_ERR_FORMAT, "%s:1: the header is missing: the file is empty",
                             name);
    return report(import, input, err);
}

static enum qta_status import_file(struct import *import, const char *path, struct qta_error *err)
{
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    struct qta_compressed_input *input = NULL;
    struct qta_csv_reader *reader = NULL;
    enum qta_status status = qta_compressed_input_create(&input, path, must_stop, import, err);
    if (status == QTA_OK)
        status = qta_csv_reader_create(&reader, name, import->options->delimiter, read_input, input,
                                       err);
    if (status == QTA_OK)
        status = import_rows(import, name, input, reader, err);
    if (status == QTA_OK)
        import->done_bytes += qta_compressed_input_done_bytes(input);
    qta_csv_reader_destroy(reader);
    qta_compressed_input_destroy(input);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static void sum_sizes(struct import *import, const char *const *paths, size_t path_count)
{
    for (size_t i = 0; i < path_count; i++) {
        struct stat stat_buffer;
        if (stat(paths[i], &stat_buffer) != 0 || !S_ISREG(stat_buffer.st_mode)) {
            import->total_bytes = 0;
            return;
        }
        import->total_bytes += (uint64_t)stat_buffer.st_size;
    }
}

/* Everything that can be wrong with the call itself comes first; then the disk is touched. */
static enum qta_status prepare(struct import *import, const char *const *paths, size_t path_count,
                               const char *output, struct qta_error *err)
{
    if (path_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "files: there are none to import");
    enum qta_status status = qta_dictionary_create(&import->names, err);
    if (status == QTA_OK)
        status = qta_csv_mapping_create(&import->mapping, import->options, import->names, err);
    if (status == QTA_OK)
        status = choose_paths(import, output, err);
    if (status == QTA_OK)
        status = check_output(import->output, err);
    if (status == QTA_OK)
        status = make_parents(import->output, err);
    if (status != QTA_OK)
        return status;
    sum_sizes(import, paths, path_count);
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = import->growing;
    options.timezone = import->options->timezone;
    options.fsync_interval_ns = -1; /* nobody relies on it before it has its name */
    import->has_growing = true;
    return qta_session_writer_create(&import->writer, &options, import->names, err);
}

static enum qta_status run(struct import *import, const char *const *paths, size_t path_count,
                           const char *output, struct qta_error *err)
{
    enum qta_status status = prepare(import, paths, path_count, output, err);
    for (size_t i = 0; status == QTA_OK && i < path_count; i++)
        status = import_file(import, paths[i], err);
    if (status == QTA_OK)
        status = qta_session_writer_close(import->writer, err);
    qta_session_writer_destroy(import->writer);
    if (status == QTA_OK)
        status = take_name(import, err);
    if (import->has_growing && status != QTA_OK)
        remove_tree(import->growing);
    return status;
}

enum qta_status qta_import_csv(const char *const *paths, size_t path_count, const char *output,
                               const struct qta_import_options *options,
                               qta_progress_callback on_progress, void *user,
                               struct qta_import_result *result, struct qta_error *err)
{
    assert(options);
    assert(result);
    *result = (struct qta_import_result){0};
    struct import import = {
        .options = options, .on_progress = on_progress, .user = user, .result = result};
    enum qta_status status = run(&import, paths, path_count, output, err);
    qta_csv_mapping_destroy(import.mapping);
    qta_dictionary_destroy(import.names);
    free(import.growing);
    free(import.output);
    return status;
}
