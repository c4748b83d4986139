/* qta-session prune: what the retention of qta-record does, by hand. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/archive.h>
#include <qta/timestamp.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

struct settings {
    uint64_t keep_days;
    uint64_t max_bytes;
    uint64_t min_free_bytes;
    bool is_dry_run;
};

/* "500MB", "20GiB", a plain number of bytes. */
static bool read_size(const char *text, void *field)
{
    static const struct {
        const char *unit;
        uint64_t bytes;
    } units[] = {
        {"", 1},
        {"KB", 1000},
        {"MB", 1000000},
        {"GB", 1000000000},
        {"TB", UINT64_C(1000000000000)},
        {"KiB", UINT64_C(1) << 10},
        {"MiB", UINT64_C(1) << 20},
        {"GiB", UINT64_C(1) << 30},
        {"TiB", UINT64_C(1) << 40},
    };
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 15)
        return false;
    uint64_t number = strtoull(text, NULL, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text + digits, units[i].unit) == 0 && number <= INT64_MAX / units[i].bytes) {
            memcpy(field, &(uint64_t){number * units[i].bytes}, sizeof number);
            return true;
        }
    return false;
}

#define SIZE_EXPECTED "a size like 500MB or 20GiB"

static const struct qta_option options[] = {
    {.name = "keep-days",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, keep_days),
     .value_name = "N",
     .minimum = 1,
     .maximum = 100000,
     .help = "remove sessions that were last written more than N days ago"},
    {.name = "max-size",
     .kind = QTA_OPTION_CUSTOM,
     .offset = offsetof(struct settings, max_bytes),
     .value_name = "SIZE",
     .read = read_size,
     .expected = SIZE_EXPECTED,
     .help = "remove the oldest until all sessions together have no more than this"},
    {.name = "min-free",
     .kind = QTA_OPTION_CUSTOM,
     .offset = offsetof(struct settings, min_free_bytes),
     .value_name = "SIZE",
     .read = read_size,
     .expected = SIZE_EXPECTED,
     .help = "remove the oldest until the disk has this much left"},
    {.name = "dry-run",
     .offset = offsetof(struct settings, is_dry_run),
     .help = "say what would be removed, remove nothing"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session prune --keep-days 30 --dry-run sessions", "what is older than a month"},
    {"qta-session prune --max-size 200GiB --min-free 20GiB sessions", "make room"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session prune",
    .synopsis = "[--keep-days N] [--max-size SIZE] [--min-free SIZE] [--dry-run] DIR",
    .summary =
        "Removes the oldest sessions of a directory. Prints one line for each: its name, its "
        "size, and why. A session that is being written or is pinned is never removed, nor "
        "is a folder that has anything else in it. At least one limit has to be given.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "DIR",
    .operand_min = 1,
    .operand_max = 1,
};

static const char *reason_name(enum qta_removal_reason reason)
{
    switch (reason) {
    case QTA_REMOVED_FOR_AGE:
        return "too old";
    case QTA_REMOVED_FOR_SIZE:
        return "too much in all";
    case QTA_REMOVED_FOR_SPACE:
        return "too little left on the disk";
    }
    return "";
}

static bool print_removal(void *user, const struct qta_removal *removal)
{
    char size[QTA_NUMBER_TEXT_BYTES];
    char written[QTA_TIMESTAMP_TEXT_BYTES];
    (void)user;
    qta_timestamp_print_short(removal->last_written_ns / 1000000000 * 1000000000, written);
    qta_escaped_print(stdout, removal->name, false);
    printf("  %s  last written %s  %s\n", qta_bytes_print(removal->bytes, size), written,
           reason_name(removal->reason));
    return true;
}

static void print_summary(const struct settings *settings,
                          const struct qta_retention_result *result)
{
    char removed[QTA_NUMBER_TEXT_BYTES];
    char kept[QTA_NUMBER_TEXT_BYTES];
    fprintf(stderr, "%s%" PRIu64 " of %" PRIu64 " sessions, %s; %s stay\n",
            settings->is_dry_run ? "would remove " : "removed ", result->removed, result->sessions,
            qta_bytes_print(result->removed_bytes, removed),
            qta_bytes_print(result->kept_bytes, kept));
}

int qta_command_prune(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands directory;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &directory, &exit_code))
        return exit_code;
    if (settings.keep_days == 0 && settings.max_bytes == 0 && settings.min_free_bytes == 0) {
        qta_program_error("no limit is given: use --keep-days, --max-size or --min-free");
        return QTA_EXIT_USAGE;
    }
    struct qta_retention_options limits = qta_retention_options_default();
    struct qta_retention_result result;
    struct qta_error err;
    limits.keep_days = (uint32_t)settings.keep_days;
    limits.max_bytes = settings.max_bytes;
    limits.min_free_bytes = settings.min_free_bytes;
    limits.is_dry_run = settings.is_dry_run;
    qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_WARNING);
    if (qta_retention_apply(directory.items[0], &limits, print_removal, NULL, &result, &err) !=
        QTA_OK)
        return (int)qta_program_finish(qta_program_fail(&err));
    print_summary(&settings, &result);
    return (int)qta_program_finish(result.failed > 0 ? QTA_EXIT_FAILED : QTA_EXIT_DONE);
}
