/* qta-session compact: smaller segments with the same content. */
#include <inttypes.h>
#include <stdio.h>

#include <qta/archive.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

struct settings {
    uint64_t level;
};

static const struct qta_option options[] = {
    {.name = "level",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, level),
     .value_name = "N",
     .minimum = 1,
     .maximum = 19,
     .help = "of zstd, 1 to 19 (9)"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session compact --level 19 sessions/2024-05-01", "as small as it gets, slowly"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session compact",
    .synopsis = "[--level N] SESSION...",
    .summary = "Writes the segments of sessions anew at a higher level of compression. Each new "
               "segment is read back and compared with the old one tick for tick before it takes "
               "its place; one that would not be smaller stays. Prints the sizes before and after. "
               "Sessions can be read meanwhile, but not recorded.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

static enum qta_exit compact(const char *path, const struct settings *settings)
{
    struct qta_compact_result result;
    struct qta_error err;
    char before[QTA_NUMBER_TEXT_BYTES];
    char after[QTA_NUMBER_TEXT_BYTES];
    enum qta_status status = qta_session_compact(path, (int)settings->level, &result, &err);
    if (status != QTA_OK)
        return qta_program_fail(&err);
    qta_escaped_print(stdout, path, false);
    printf(": %s before, %s after, segments written anew: %" PRIu64 "\n",
           qta_bytes_print(result.bytes_before, before), qta_bytes_print(result.bytes_after, after),
           result.segments);
    return QTA_EXIT_DONE;
}

int qta_command_compact(int argc, char **argv)
{
    struct settings settings = {.level = 9};
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        return exit_code;
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++)
        status = qta_program_worse(status, compact(sessions.items[i], &settings));
    return (int)qta_program_finish(status);
}
