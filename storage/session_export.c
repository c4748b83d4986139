/* Sessions into text or Parquet: the sources are read one after the other, for Parquet twice. */
#include <qta/exchange.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/output_file.h"
#include "storage/parquet_export.h"

enum { LINE_BYTES = 64 * 1024 };

/* One export. */
struct export
{
    const struct qta_export_options *options;
    struct qta_export_result *result;
    const struct qta_export_source *sources;
    size_t source_count;
    struct qta_output_file *file;       /* text */
    struct qta_parquet_export *parquet; /* Parquet */
    bool is_survey;                     /* its first reading */
    uint64_t *seen_until;               /* of each source: what the survey saw; Parquet */
    uint64_t done;                      /* records of the sources before this one */
    uint64_t total;
    char *line;
    size_t line_bytes;
};

/* ---- where the ticks go -----------------------------------------------------------------------
 */

static enum qta_status put_line(struct export *export, const struct qta_tick *tick,
                                const struct qta_dictionary *names, struct qta_error *err)
{
    enum qta_print_format format = export->options->format == QTA_EXCHANGE_CSV ? QTA_PRINT_CSV
                                                                               : QTA_PRINT_NDJSON;
    for (;;) {
        size_t length = qta_print_tick(tick, names, format, export->options->times, export->line,
                                       export->line_bytes);
        if (length < export->line_bytes)
            return qta_output_file_write(export->file, export->line, length, err);
        char *line = realloc(export->line, length * 2);
        if (!line)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a line of %zu bytes",
                                 length);
        export->line = line;
        export->line_bytes = length * 2;
    }
}

static enum qta_status put_ticks(struct export *export, const struct qta_tick *ticks, size_t count,
                                 const struct qta_dictionary *names, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    if (export->is_survey) {
        qta_parquet_export_survey(export->parquet, ticks, count);
        return QTA_OK;
    }
    if (export->parquet)
        status = qta_parquet_export_add(export->parquet, ticks, count, names, err);
    for (size_t i = 0; !export->parquet && status == QTA_OK && i < count; i++)
        status = put_line(export, &ticks[i], names, err);
    export->result->records += count;
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------
 */

static enum qta_status report(const struct export *export, uint64_t seq, struct qta_error *err)
{
    const struct qta_export_options *options = export->options;
    if (options->on_progress)
        options->on_progress(options->user, export->done + seq, export->total);
    return options->should_stop && options->should_stop(options->user)
               ? qta_error_set(err, QTA_ERR_STATE, "stopped")
               : QTA_OK;
}

/* A damaged block is told once, though it may be met twice. */
static void tell(struct export *export, const char *path, struct qta_error *err)
{
    if (export->is_survey)
        return;
    qta_error_prefix(err, err->status, "%s", path);
    export->result->problems++;
    if (export->options->on_problem)
        export->options->on_problem(export->options->user, err->message);
}

static enum qta_status read_ticks(struct export *export, struct qta_session_reader *reader,
                                  const char *path, uint64_t *last_seq, struct qta_error *err)
{
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        struct qta_error problem;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &problem);
        if (status == QTA_ERR_END)
            return QTA_OK;
        if (status == QTA_ERR_DAMAGED) {
            tell(export, path, &problem);
            continue;
        }
        if (status != QTA_OK) {
            if (err)
                *err = problem;
            return qta_error_prefix(err, status, "%s", path);
        }
        status = put_ticks(export, ticks, count, qta_session_reader_names(reader), err);
        *last_seq = ticks[count - 1].rx_seq;
        if (status == QTA_OK)
            status = report(export, *last_seq, err);
        if (status != QTA_OK)
            return status;
    }
}

static enum qta_status read_source(struct export *export, size_t index, struct qta_error *err)
{
    const struct qta_export_source *source = &export->sources[index];
    struct qta_session_filter filter = source->filter;
    if (export->parquet && !export->is_survey && export->seen_until[index] < filter.until_seq)
        filter.until_seq = export->seen_until[index]; /* what came since then was not looked at */
    struct qta_session_reader *reader;
    enum qta_status status = qta_session_reader_create(&reader, source->path, &filter, err);
    if (status != QTA_OK)
        return status;
    uint64_t last_seq = 0;
    status = read_ticks(export, reader, source->path, &last_seq, err);
    qta_session_reader_destroy(reader);
    if (export->is_survey)
        export->seen_until[index] = last_seq + 1;
    else if (status == QTA_OK && export->parquet)
        status = qta_parquet_export_end_source(export->parquet, err);
    export->done += last_seq;
    return status;
}

static enum qta_status read_sources(struct export *export, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; status == QTA_OK && i < export->source_count; i++)
        status = read_source(export, i, err);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static enum qta_status write_text(struct export *export, struct qta_error *err)
{
    const struct qta_export_options *options = export->options;
    export->line_bytes = LINE_BYTES;
    export->line = malloc(export->line_bytes);
    if (!export->line)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = options->output
                                 ? qta_output_file_create(&export->file, options->output, true,
                                                          qta_environment_system(), err)
                                 : qta_output_file_create_stream(&export->file, options->on_bytes,
                                                                 options->user, err);
    const char *header = qta_print_csv_header();
    if (status == QTA_OK && options->format == QTA_EXCHANGE_CSV)
        status = qta_output_file_write(export->file, header, strlen(header), err);
    if (status == QTA_OK)
        status = read_sources(export, err);
    if (status == QTA_OK)
        status = qta_output_file_finish(export->file, err);
    if (status != QTA_OK)
        return status;
    export->result->files = 1;
    export->result->bytes = qta_output_file_bytes(export->file);
    return QTA_OK;
}

static enum qta_status write_parquet(struct export *export, struct qta_error *err)
{
    export->seen_until = calloc(export->source_count, sizeof *export->seen_until);
    if (!export->seen_until)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    enum qta_status status = qta_parquet_export_create(&export->parquet, export->options, err);
    export->total *= 2;
    export->is_survey = true;
    if (status == QTA_OK)
        status = read_sources(export, err);
    export->is_survey = false;
    if (status == QTA_OK)
        status = qta_parquet_export_begin(export->parquet, export->sources, export->source_count,
                                          err);
    if (status == QTA_OK)
        status = read_sources(export, err);
    if (status == QTA_OK)
        status = qta_parquet_export_finish(export->parquet, &export->result->files,
                                           &export->result->bytes, err);
    return status;
}

static enum qta_status check(const struct export *export, struct qta_error *err)
{
    const struct qta_export_options *options = export->options;
    if (export->source_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "sessions: there are none to export");
    if (!options->output && !options->on_bytes)
        return qta_error_set(err, QTA_ERR_USAGE, "output: it is missing");
    if (!options->output && options->is_folder)
        return qta_error_set(err, QTA_ERR_USAGE, "output: a folder needs a name");
    switch (options->format) {
    case QTA_EXCHANGE_NDJSON:
    case QTA_EXCHANGE_CSV:
    case QTA_EXCHANGE_PARQUET:
        return QTA_OK;
    }
    return qta_error_set(err, QTA_ERR_USAGE, "format: there is no format %u",
                         (unsigned)options->format);
}

/* For progress and summary alone: failures, which the reader will meet again, do not count. */
static void sum_up(struct export *export)
{
    for (size_t i = 0; i < export->source_count; i++) {
        struct qta_session_info info;
        if (qta_session_info_read(export->sources[i].path, &info, NULL) != QTA_OK)
            continue;
        export->total += info.records;
        export->result->raw_frames += info.raw_frames;
    }
}

enum qta_status qta_session_export(const struct qta_export_source *sources, size_t source_count,
                                   const struct qta_export_options *options,
                                   struct qta_export_result *result, struct qta_error *err)
{
    assert(options && result);
    *result = (struct qta_export_result){0};
    struct export export = {
        .options = options, .result = result, .sources = sources, .source_count = source_count};
    enum qta_status status = check(&export, err);
    if (status != QTA_OK)
        return status;
    sum_up(&export);
    status = options->format == QTA_EXCHANGE_PARQUET ? write_parquet(&export, err)
                                                     : write_text(&export, err);
    qta_output_file_destroy(export.file);
    qta_parquet_export_destroy(export.parquet);
    free(export.seen_until);
    free(export.line);
    return status;
}
