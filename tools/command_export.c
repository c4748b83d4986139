/* qta-session export: sessions as files for other programs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/exchange.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_filter.h"
#include "tools/stop_signal.h"

struct settings {
    struct qta_session_choice choice;
    const char *output;
    int format;
    int time_format;
    bool has_doubles;
    bool is_quiet;
};

static const char *const formats[] = {"ndjson", "csv", "parquet", NULL};
static const enum qta_exchange_format format_values[] = {QTA_EXCHANGE_NDJSON, QTA_EXCHANGE_CSV,
                                                         QTA_EXCHANGE_PARQUET};
static const char *const time_formats[] = {"rfc3339", "ns", NULL};
static const enum qta_time_format time_format_values[] = {QTA_TIME_FORMAT_RFC3339,
                                                          QTA_TIME_FORMAT_NS};

#define OFFSET(field) offsetof(struct settings, field)
static const struct qta_option options[] = {
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = OFFSET(format),
     .choices = formats,
     .value_name = "FORMAT",
     .help = "ndjson (the default): a JSON object a line; csv: with a header line; parquet"},
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(output),
     .value_name = "FILE",
     .help = "where to write (default: standard output, also as '-'); '.gz' and '.zst' pack text. "
             "Parquet of other than one type makes a folder with a file for each type"},
    {.name = "time-format",
     .kind = QTA_OPTION_CHOICE,
     .offset = OFFSET(time_format),
     .choices = time_formats,
     .value_name = "FORMAT",
     .help = "of text: rfc3339 (the default), or ns: integers since 1970"},
    {.name = "doubles",
     .offset = OFFSET(has_doubles),
     .help = "parquet: prices and sizes as DOUBLE, to nearest, instead of DECIMAL"},
    QTA_SESSION_CHOICE_OPTIONS(struct settings),
    {.name = "quiet", .offset = OFFSET(is_quiet), .help = "no summary and no progress"},
};
#undef OFFSET

static const struct qta_option_help_row example_rows[] = {
    {"qta-session export --output day.ndjson.zst sessions/2024-05-01",
     "all of a day, to be imported again elsewhere"},
    {"qta-session export --format parquet --types trade \\\n"
     "    --output trades.parquet sessions/2024-05-*",
     "the trades of a month in one file, for DuckDB, pandas or Spark"},
    {"qta-session export --format parquet --output day sessions/2024-05-01",
     "day/trade.parquet, day/quote.parquet, and so on"},
    {"qta-session export --format csv --symbols SPY sessions/2024-05-01 | head",
     "to standard output"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "done; also when the reader of a pipe has had enough"},
    {"1", "failed: nothing is left of the output"},
    {"2", "bad usage; nothing was done"},
    {"3", "done, but a damaged block had to be left out"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session export",
    .synopsis = "[OPTION]... SESSION...",
    .summary = "Writes the records of sessions, one session after the other, for other programs. "
               "The names are those of 'qta-session cat'. Text has exactly the digits that were "
               "stored and can be imported again; in Parquet prices and sizes are DECIMAL, exact. "
               "A file appears when it is whole, in place of the one before. TIME is as in "
               "'qta-session cat'.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_rows,
};

static bool put_bytes(void *user, const void *bytes, size_t length)
{
    (void)user;
    return qta_program_write(bytes, length);
}

static void show_problem(void *user, const char *problem)
{
    (void)user;
    qta_program_error("%s", problem);
}

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    const struct settings *settings = user;
    if (!settings->is_quiet && total > 0)
        qta_progress_show("exporting: %d %%", (int)(done < total ? done * 100 / total : 100));
}

static void report(const struct settings *settings, const struct qta_export_result *result)
{
    char count[QTA_NUMBER_TEXT_BYTES];
    char bytes[QTA_NUMBER_TEXT_BYTES];
    qta_number_print(result->records, count);
    if (settings->is_quiet)
        return;
    if (settings->output)
        qta_program_error("records exported to '%s': %s (%s)", settings->output, count,
                          qta_bytes_print(result->bytes, bytes));
    else
        qta_program_error("records exported: %s", count);
    if (result->raw_frames > 0)
        qta_program_error("stored frames left out: %s; 'qta-session frames' shows them",
                          qta_number_print(result->raw_frames, count));
}

static enum qta_exit export_sources(struct settings *settings,
                                    const struct qta_export_source *sources, size_t count)
{
    struct qta_export_options export = {
        .format = format_values[settings->format],
        .output = settings->output,
        .on_bytes = put_bytes,
        .times = time_format_values[settings->time_format],
        .has_doubles = settings->has_doubles,
        .on_problem = show_problem,
        .on_progress = qta_progress_is_visible() ? show_progress : NULL,
        .should_stop = qta_stop_signal_seen,
        .user = settings,
    };
    export.is_folder = export.format == QTA_EXCHANGE_PARQUET && settings->output &&
                       __builtin_popcount(settings->choice.types) != 1;
    struct qta_export_result result;
    struct qta_error err;
    enum qta_status status = qta_session_export(sources, count, &export, &result, &err);
    qta_progress_clear();
    if (status != QTA_OK && qta_stop_signal_seen(NULL)) {
        qta_program_error("stopped");
        return QTA_EXIT_FAILED;
    }
    bool is_refused = status == QTA_ERR_STATE || (status == QTA_OK && !qta_program_flush());
    if (!settings->output && is_refused)
        return QTA_EXIT_DONE; /* whether that is a failure, qta_program_finish() knows */
    if (status != QTA_OK)
        return qta_program_fail(&err);
    report(settings, &result);
    return result.problems > 0 ? QTA_EXIT_LOSS : QTA_EXIT_DONE;
}

static enum qta_exit export(struct settings *settings, const struct qta_option_operands *sessions) {
    if (settings->output && strcmp(settings->output, "-") == 0) settings->output = NULL;
    struct qta_export_source *sources = calloc(sessions->count, sizeof *sources);
    if (!sources){qta_program_error("out of memory"); return QTA_EXIT_FAILED;}
enum qta_exit outcome = QTA_EXIT_DONE;
for (size_t i = 0; outcome == QTA_EXIT_DONE && i < sessions->count; i++) {
    struct qta_error err;
    sources[i].path = sessions->items[i];
    if (qta_session_choice_resolve(&settings->choice, sources[i].path, &sources[i].filter, &err) !=
        QTA_OK)
        outcome = qta_program_fail(&err);
}
qta_stop_signal_install();
if (outcome == QTA_EXIT_DONE)
    outcome = export_sources(settings, sources, sessions->count);
free(sources);
return outcome;
}

int qta_command_export(int argc, char **argv)
{
    struct settings settings = {.output = NULL};
    struct qta_option_operands sessions;
    int exit_code;
    if (qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        exit_code = (int)qta_program_finish(export(&settings, &sessions));
    qta_session_choice_finish(&settings.choice);
    return exit_code;
}
