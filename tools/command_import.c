/* qta-session import: our own exports, or other people's tick files, into a new session. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qta/exchange.h>
#include <qta/import.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/stop_signal.h"

enum { IMPORT_CSV = 0, IMPORT_NDJSON = 1 };

struct settings {
    struct qta_import_options import;
    const char *output;
    int format;
    int type;
    int time_unit;
    bool is_quiet;
};

static const char *const formats[] = {[IMPORT_CSV] = "csv", [IMPORT_NDJSON] = "ndjson", NULL};
static const char *const types[] = {"trade", "quote", NULL};
enum { TYPE_NOT_GIVEN = -1 };
static const char *const time_units[] = {"rfc3339", "s", "ms", "us", "ns", NULL};

static bool read_character(const char *text, void *field)
{
    if (strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0)
        text = "\t";
    if (strcmp(text, "space") == 0)
        text = " ";
    if (strlen(text) != 1 || strchr("\"\r\n", *text))
        return false;
    *(char *)field = *text;
    return true;
}

#define OFFSET(field) offsetof(struct settings, field)
static const struct qta_option options[] = {
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = OFFSET(format),
     .choices = formats,
     .value_name = "FORMAT",
     .help = "csv (the default), or ndjson: an export of ours"},
    {.name = "type",
     .kind = QTA_OPTION_CHOICE,
     .offset = OFFSET(type),
     .choices = types,
     .value_name = "TYPE",
     .help = "what a row is: trade or quote"},
    {.name = "columns",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.columns),
     .value_name = "NAME=COLUMN,...",
     .help = "which column is what, by number from 1 or by the name in the header line; see below. "
             "Without it the CSV is an export of ours"},
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(output),
     .is_required = true,
     .value_name = "SESSION",
     .help = "the session to make; it must not be there yet"},
    {.name = "symbol",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.symbol),
     .value_name = "SYMBOL",
     .help = "the symbol of every row, if no column has it"},
    {.name = "provider",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.provider),
     .value_name = "NAME",
     .help = "the provider of every row (default: import)"},
    {.name = "time-unit",
     .kind = QTA_OPTION_CHOICE,
     .offset = OFFSET(time_unit),
     .choices = time_units,
     .value_name = "UNIT",
     .help = "of times: rfc3339 (the default), or numbers in s, ms, us or ns, fractions allowed"},
    {.name = "date",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.date),
     .value_name = "YYYY-MM-DD",
     .help = "times count from the midnight that begins this day, in time elapsed (without it: "
             "from 1970-01-01 UTC)"},
    {.name = "tz",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.timezone),
     .value_name = "ZONE",
     .help = "whose midnight, e.g. America/New_York (default: UTC); of an export: the time zone to "
             "note in the session"},
    {.name = "scale",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.scales),
     .value_name = "NAME=NUMBER,...",
     .help = "multiply these columns, exactly: price=1e-4 makes 1674200 167.4200"},
    {.name = "null",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(import.null_text),
     .value_name = "TEXT",
     .help = "prices and sizes that are this text are absent, e.g. 0"},
    {.name = "delimiter",
     .kind = QTA_OPTION_CUSTOM,
     .offset = OFFSET(import.delimiter),
     .read = read_character,
     .expected = "one character, tab or space",
     .value_name = "CHARACTER",
     .help = "between cells (default: a comma); tab is understood"},
    {.name = "conditions-separator",
     .kind = QTA_OPTION_CUSTOM,
     .offset = OFFSET(import.conditions_separator),
     .read = read_character,
     .expected = "one character, tab or space",
     .value_name = "CHARACTER",
     .help = "between the codes in a cell of conditions (without it a cell is one code); space is "
             "understood"},
    {.name = "header",
     .offset = OFFSET(import.has_header),
     .help = "the first row of each file is a header; implied by columns by name"},
    {.name = "quiet", .offset = OFFSET(is_quiet), .help = "no summary and no progress"},
};
#undef OFFSET

static const struct qta_option_help_row column_rows[] = {
    {"ts_event, ts_recv", "the venue's time, and when it was received; one of them is needed. "
                          "Without ts_recv it is ts_event; where it would go back it is raised"},
    {"symbol, src_seq", "of trades and quotes"},
    {"price, size, id, exchange, conditions, tape, side", "of trades; price is needed"},
    {"bid_price, bid_size, bid_exchange, ask_price, ask_size, ask_exchange,\nconditions, tape",
     "of quotes; a price is needed. 'exchange' is for the sides that are there"},
    {"", "Columns without a name are left out. Empty cells are absent, but prices and sizes must "
         "be numbers or the text of --null."},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session import --format ndjson --output sessions/day day.ndjson.zst",
     "an export, back again"},
    {"qta-session import --type trade \\\n"
     "    --columns ts_event=time,price=px,size=qty \\\n"
     "    --symbol BTC-USD --output sessions/btc trades.csv.gz",
     "a file with a header line and RFC 3339 times"},
    {"qta-session import --type trade \\\n"
     "    --columns ts_event=1,price=2,size=3,exchange=4,conditions=5 \\\n"
     "    --scale price=1e-4 --time-unit ms --date 2013-10-08 \\\n"
     "    --tz America/New_York --symbol SPY --output sessions/spy spy.csv.zst",
     "ms since midnight in New York, prices in hundredths of a cent"},
    {"qta-session import --type quote \\\n"
     "    --columns ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5 \\\n"
     "    --null 0 --time-unit ns --symbol AIG --output sessions/aig aig.csv",
     "quotes with one side a row, the other side being 0"},
    {"unzip -p ticks.zip | qta-session import --type trade \\\n"
     "    --columns ts_event=1,price=2 --time-unit s \\\n"
     "    --symbol X --output sessions/x -",
     "from a pipe"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Columns", .rows = column_rows, .is_stacked = true},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "every row is a tick of the new session"},
    {"1", "failed, e.g. for a row of --columns that is wrong: nothing is left of the session"},
    {"2", "bad usage; nothing was done"},
    {"3", "done, but lines of an export were wrong and left out, or numbers were rounded or "
          "conditions did not fit (such ticks are flagged)"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session import",
    .synopsis = "[--format FORMAT] --output SESSION [OPTION]... FILE...\n"
                "       qta-session import --type TYPE --columns NAME=COLUMN,...\n"
                "                          --output SESSION [OPTION]... FILE...",
    .summary =
        "Makes a session of files that 'qta-session export' wrote as ndjson or CSV, or, with "
        "--columns, of other people's CSV (plain, gzip or zstd, told by content; '-' is standard "
        "input), in the order of the files and lines, with exactly the digits that are there.\n"
        "Of an export every record comes back in its place. Lines that are wrong are reported with "
        "file and line, and left out.\n"
        "Of other CSV every row becomes one tick. If a row is wrong, the import fails with its "
        "file and line and leaves nothing behind.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "FILE",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_rows,
};

static void show_progress(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    const struct settings *settings = user;
    if (settings->is_quiet)
        return;
    char done[QTA_NUMBER_TEXT_BYTES];
    char total[QTA_NUMBER_TEXT_BYTES];
    qta_bytes_print(done_bytes, done);
    if (total_bytes == 0)
        qta_progress_show("importing: %s", done);
    else
        qta_progress_show("importing: %s of %s", done, qta_bytes_print(total_bytes, total));
}

/* "3 of 451,545 rows what". */
static void report_rows(const struct qta_import_result *result, uint64_t count, const char *what)
{
    char part[QTA_NUMBER_TEXT_BYTES];
    char all[QTA_NUMBER_TEXT_BYTES];
    if (count > 0)
        qta_program_error("%s of %s rows %s", qta_number_print(count, part),
                          qta_number_print(result->rows, all), what);
}

/* Says what came of it; returns whether anything was lost. */
static bool report(const struct settings *settings, const struct qta_import_result *result)
{
    char count[QTA_NUMBER_TEXT_BYTES];
    if (!settings->is_quiet) {
        qta_program_error("rows imported into '%s': %s", settings->output,
                          qta_number_print(result->ticks, count));
        report_rows(result, result->times_raised,
                    "go back in time: their ts_recv is raised, ts_event is kept");
    }
    report_rows(result, result->rounded, "have a number with more digits than fit: it is rounded");
    report_rows(result, result->conditions_cut,
                "have more than four conditions: the first four are kept");
    return result->rounded > 0 || result->conditions_cut > 0;
}

/* What a failed library call comes to. */
static enum qta_exit fail(const struct settings *settings, const struct qta_error *err)
{
    if (!qta_stop_signal_seen(NULL))
        return qta_program_fail(err);
    qta_program_error("stopped; nothing is left of '%s'", settings->output);
    return QTA_EXIT_FAILED;
}

static enum qta_exit import_rows(struct settings *settings, const struct qta_option_operands *files)
{
    settings->import.type = settings->type == TYPE_NOT_GIVEN ? NULL : types[settings->type];
    settings->import.time_unit = time_units[settings->time_unit];
    settings->import.should_stop = qta_stop_signal_seen;
    struct qta_import_result result;
    struct qta_error err;
    enum qta_status status = qta_import_csv(files->items, files->count, settings->output,
                                            &settings->import, show_progress, settings, &result,
                                            &err);
    qta_progress_clear();
    if (status != QTA_OK)
        return fail(settings, &err);
    return report(settings, &result) ? QTA_EXIT_LOSS : QTA_EXIT_DONE;
}

/* ---- our own exports --------------------------------------------------------------------------
 */

/* An option that means nothing for an export; NULL when there is none. */
static const char *find_option_of_rows(const struct settings *settings)
{
    const struct qta_import_options *import = &settings->import;
    const struct {
        const char *name;
        bool is_given;
    } options_of_rows[] = {
        {"type", settings->type != TYPE_NOT_GIVEN},
        {"columns", import->columns != NULL},
        {"symbol", import->symbol != NULL},
        {"provider", import->provider != NULL},
        {"time-unit", settings->time_unit != 0},
        {"date", import->date != NULL},
        {"scale", import->scales != NULL},
        {"null", import->null_text != NULL},
        {"delimiter", import->delimiter != ','},
        {"conditions-separator", import->conditions_separator != 0},
        {"header", import->has_header},
    };
    for (size_t i = 0; i < sizeof options_of_rows / sizeof options_of_rows[0]; i++) {
        if (options_of_rows[i].is_given)
            return options_of_rows[i].name;
    }
    return NULL;
}

static void show_problem(void *user, const char *problem)
{
    (void)user;
    qta_program_error("%s", problem);
}

static void report_restored(const struct settings *settings,
                            const struct qta_restore_result *result)
{
    char count[QTA_NUMBER_TEXT_BYTES];
    if (result->bad_lines > 0)
        qta_program_error("lines left out: %s", qta_number_print(result->bad_lines, count));
    if (settings->is_quiet)
        return;
    qta_program_error("records imported into '%s': %s", settings->output,
                      qta_number_print(result->records, count));
    if (result->renumbered > 0)
        qta_program_error("%s have another number now than in the file",
                          qta_number_print(result->renumbered, count));
    if (result->times_raised > 0)
        qta_program_error("%s go back in time: their ts_recv is raised",
                          qta_number_print(result->times_raised, count));
}

static enum qta_exit import_export(struct settings *settings,
                                   const struct qta_option_operands *files)
{
    const char *misplaced = find_option_of_rows(settings);
    if (misplaced) {
        qta_program_error("option '--%s' is for other people's CSV, with --columns", misplaced);
        return QTA_EXIT_USAGE;
    }
    const struct qta_restore_options restore = {
        .format = settings->format == IMPORT_NDJSON ? QTA_EXCHANGE_NDJSON : QTA_EXCHANGE_CSV,
        .timezone = settings->import.timezone,
        .on_problem = show_problem,
        .on_progress = show_progress,
        .should_stop = qta_stop_signal_seen,
        .user = settings,
    };
    struct qta_restore_result result;
    struct qta_error err;
    enum qta_status status = qta_session_restore(files->items, files->count, settings->output,
                                                 &restore, &result, &err);
    qta_progress_clear();
    if (status != QTA_OK)
        return fail(settings, &err);
    report_restored(settings, &result);
    return result.bad_lines > 0 ? QTA_EXIT_LOSS : QTA_EXIT_DONE;
}

static enum qta_exit import(struct settings *settings, const struct qta_option_operands *files)
{
    qta_stop_signal_install();
    bool is_export = settings->format == IMPORT_NDJSON ||
                     (!settings->import.columns && settings->type == TYPE_NOT_GIVEN);
    return is_export ? import_export(settings, files) : import_rows(settings, files);
}

int qta_command_import(int argc, char **argv)
{
    struct settings settings = {.import = qta_import_options_default(), .type = TYPE_NOT_GIVEN};
    struct qta_option_operands files;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &files, &exit_code))
        return exit_code;
    return (int)qta_program_finish(import(&settings, &files));
}
