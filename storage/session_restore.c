/* Our own text into a new session: a reader for the format, and the same way for all records. */
#include <qta/exchange.h>

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/compressed_input.h"
#include "storage/csv_reader.h"
#include "storage/csv_table.h"
#include "storage/growing_session.h"
#include "storage/ndjson_reader.h"

enum { LINES_BETWEEN_REPORTS = 16384 };

/* One import. */
struct restore {
    const struct qta_restore_options *options;
    struct qta_restore_result *result;
    struct qta_dictionary *names;
    struct qta_growing_session *growing;
    uint64_t done_bytes;  /* of the files before this one */
    uint64_t total_bytes; /* of all files; 0 when one of them has no size */
};

/* The file that is being read. */
struct source {
    const char *name;
    struct qta_compressed_input *input;
    struct qta_ndjson_reader *ndjson; /* one of the two */
    struct qta_csv_reader *csv;
    struct qta_csv_table *table;
    bool is_broken; /* the file itself cannot be read on: no matter of one line */
};

static bool must_stop(void *user)
{
    const struct restore *restore = user;
    return restore->options->should_stop && restore->options->should_stop(restore->options->user);
}

static enum qta_status read_input(void *user, void *bytes, size_t capacity, size_t *count,
                                  struct qta_error *err)
{
    struct source *source = user;
    enum qta_status status = qta_compressed_input_read(source->input, bytes, capacity, count, err);
    source->is_broken = status != QTA_OK;
    return status;
}

static enum qta_status at_line(const struct source *source, uint64_t line, enum qta_status status,
                               struct qta_error *err)
{
    return qta_error_prefix(err, status, "%s:%" PRIu64, source->name, line);
}

/* Reads the next row; *is_bad: it is none, but the ones behind it can be read. */
static enum qta_status next_row(struct source *source, struct qta_csv_row *row, bool *is_bad,
                                struct qta_error *err)
{
    *is_bad = false;
    enum qta_status status;
    do
        status = qta_csv_reader_next(source->csv, row, err);
    while (status == QTA_OK && row->is_blank);
    if (status != QTA_ERR_FORMAT || source->is_broken)
        return status;
    struct qta_error skip_error;
    enum qta_status skipped = qta_csv_reader_skip_line(source->csv, &skip_error);
    *is_bad = skipped == QTA_OK;
    if (skipped != QTA_OK && err)
        *err = skip_error;
    return skipped == QTA_OK ? status : skipped;
}

/* The next tick; with *is_bad a line that is none. */
static enum qta_status next_tick(struct source *source, struct qta_tick *tick, bool *is_bad,
                                 struct qta_error *err)
{
    if (source->ndjson) {
        enum qta_status status = qta_ndjson_reader_next(source->ndjson, tick, err);
        *is_bad = status == QTA_ERR_FORMAT && !source->is_broken;
        return status;
    }
    struct qta_csv_row row;
    enum qta_status status = next_row(source, &row, is_bad, err);
    if (status != QTA_OK)
        return status;
    status = qta_csv_table_decode(source->table, &row, tick, err);
    *is_bad = status == QTA_ERR_FORMAT;
    return status == QTA_OK ? QTA_OK : at_line(source, row.line, status, err);
}

static enum qta_status store(struct restore *restore, struct qta_tick *tick, struct qta_error *err)
{
    uint64_t seq = tick->rx_seq;
    int64_t ts_recv_ns = tick->ts_recv_ns;
    enum qta_status status = qta_growing_session_append(restore->growing, tick, err);
    restore->result->records++;
    restore->result->renumbered += seq != 0 && seq != tick->rx_seq;
    restore->result->times_raised += ts_recv_ns != tick->ts_recv_ns;
    return status;
}

static enum qta_status report(struct restore *restore, const struct source *source,
                              struct qta_error *err)
{
    const struct qta_restore_options *options = restore->options;
    if (options->on_progress)
        options->on_progress(options->user,
                             restore->done_bytes + qta_compressed_input_done_bytes(source->input),
                             restore->total_bytes);
    return must_stop(restore) ? qta_error_set(err, QTA_ERR_STATE, "stopped") : QTA_OK;
}

static enum qta_status restore_ticks(struct restore *restore, struct source *source,
                                     struct qta_error *err)
{
    struct qta_error problem;
    for (uint64_t lines = 1;; lines++) {
        struct qta_tick tick;
        bool is_bad = false;
        enum qta_status status = next_tick(source, &tick, &is_bad, &problem);
        if (is_bad) {
            restore->result->bad_lines++;
            if (restore->options->on_problem)
                restore->options->on_problem(restore->options->user, problem.message);
            status = QTA_OK;
        } else if (status == QTA_OK) {
            status = store(restore, &tick, &problem);
        }
        if (status == QTA_OK && lines % LINES_BETWEEN_REPORTS == 0)
            status = report(restore, source, &problem);
        if (status == QTA_ERR_END)
            return report(restore, source, err);
        if (status != QTA_OK && err)
            *err = problem;
        if (status != QTA_OK)
            return status;
    }
}

static enum qta_status begin_csv(struct restore *restore, struct source *source,
                                 struct qta_error *err)
{
    enum qta_status status = qta_csv_reader_create(&source->csv, source->name, ',', read_input,
                                                   source, err);
    if (status == QTA_OK)
        status = qta_csv_table_create(&source->table, restore->names, err);
    struct qta_csv_row header;
    if (status == QTA_OK)
        status = qta_csv_reader_next(source->csv, &header, err);
    if (status == QTA_ERR_END)
        return qta_error_set(err, QTA_ERR_FORMAT, "%s:1: the header is missing: the file is empty",
                             source->name);
    if (status != QTA_OK)
        return status;
    status = qta_csv_table_begin(source->table, &header, err);
    return status == QTA_OK ? QTA_OK : at_line(source, header.line, status, err);
}

static enum qta_status restore_file(struct restore *restore, const char *path,
                                    struct qta_error *err)
{
    struct source source = {.name = strcmp(path, "-") == 0 ? "standard input" : path};
    enum qta_status status = qta_compressed_input_create(&source.input, path, must_stop, restore,
                                                         err);
    if (status == QTA_OK && restore->options->format == QTA_EXCHANGE_CSV)
        status = begin_csv(restore, &source, err);
    else if (status == QTA_OK)
        status = qta_ndjson_reader_create(&source.ndjson, source.name, read_input, &source,
                                          restore->names, err);
    if (status == QTA_OK)
        status = restore_ticks(restore, &source, err);
    if (status == QTA_OK)
        restore->done_bytes += qta_compressed_input_done_bytes(source.input);
    qta_csv_table_destroy(source.table);
    qta_csv_reader_destroy(source.csv);
    qta_ndjson_reader_destroy(source.ndjson);
    qta_compressed_input_destroy(source.input);
    return status;
}

static void sum_sizes(struct restore *restore, const char *const *paths, size_t path_count)
{
    for (size_t i = 0; i < path_count; i++) {
        struct stat stat_buffer;
        if (stat(paths[i], &stat_buffer) != 0 || !S_ISREG(stat_buffer.st_mode)) {
            restore->total_bytes = 0;
            return;
        }
        restore->total_bytes += (uint64_t)stat_buffer.st_size;
    }
}

enum qta_status qta_session_restore(const char *const *paths, size_t path_count, const char *output,
                                    const struct qta_restore_options *options,
                                    struct qta_restore_result *result, struct qta_error *err)
{
    assert(options && result);
    *result = (struct qta_restore_result){0};
    if (path_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "files: there are none to import");
    if (options->format != QTA_EXCHANGE_NDJSON && options->format != QTA_EXCHANGE_CSV)
        return qta_error_set(err, QTA_ERR_USAGE, "format: only ndjson and csv can be imported");
    struct restore restore = {.options = options, .result = result};
    sum_sizes(&restore, paths, path_count);
    enum qta_status status = qta_dictionary_create(&restore.names, err);
    if (status == QTA_OK)
        status = qta_growing_session_create(&restore.growing, output, "import", options->timezone,
                                            restore.names, err);
    for (size_t i = 0; status == QTA_OK && i < path_count; i++)
        status = restore_file(&restore, paths[i], err);
    if (status == QTA_OK)
        status = qta_growing_session_finish(restore.growing, err);
    qta_growing_session_destroy(restore.growing);
    qta_dictionary_destroy(restore.names);
    return status;
}
