/* Other people's CSV files into a new session. */
#include <qta/import.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/compressed_input.h"
#include "storage/csv_mapping.h"
#include "storage/csv_reader.h"
#include "storage/growing_session.h"

enum { ROWS_BETWEEN_REPORTS = 16384 };

/* One import. */
struct import {
    const struct qta_import_options *options;
    qta_progress_callback on_progress;
    void *user;
    struct qta_import_result *result;
    struct qta_dictionary *names;
    struct qta_csv_mapping *mapping;
    struct qta_growing_session *growing;
    uint64_t done_bytes;  /* of the files before this one */
    uint64_t total_bytes; /* of all files; 0 when one of them has no size */
};

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
    enum qta_status status = qta_growing_session_append(import->growing, tick, err);
    import->result->times_raised += (tick->flags & QTA_FLAG_TIME_RAISED) != 0;
    import->result->rounded += (tick->flags & QTA_FLAG_ROUNDED) != 0;
    import->result->conditions_cut += (tick->flags & QTA_FLAG_CONDITIONS_CUT) != 0;
    import->result->rows++;
    import->result->ticks++;
    return status;
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
    if (status != QTA_OK)
        return status;
    sum_sizes(import, paths, path_count);
    return qta_growing_session_create(&import->growing, output, "import", import->options->timezone,
                                      import->names, err);
}

static enum qta_status run(struct import *import, const char *const *paths, size_t path_count,
                           const char *output, struct qta_error *err)
{
    enum qta_status status = prepare(import, paths, path_count, output, err);
    for (size_t i = 0; status == QTA_OK && i < path_count; i++)
        status = import_file(import, paths[i], err);
    if (status == QTA_OK)
        status = qta_growing_session_finish(import->growing, err);
    qta_growing_session_destroy(import->growing);
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
    return status;
}
