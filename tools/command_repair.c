/* qta-session repair: what was wrong and what is lost are data, one a line on stdout. */
#include <inttypes.h>
#include <stdio.h>

#include <qta/archive.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

struct settings {
    const char *output;
};

static const struct qta_option options[] = {
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = offsetof(struct settings, output),
     .value_name = "DIR",
     .is_required = true,
     .help = "the new session; it must not be there yet"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session repair --output mended/2024-05-01 sessions/2024-05-01",
     "after 'verify' found damage"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "nothing was lost"},
    {"1", "it failed; there is no new session"},
    {"2", "bad usage; nothing was done"},
    {"3", "something was lost: the lines say what"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session repair",
    .synopsis = "--output DIR SESSION",
    .summary = "Saves what is good of a session into a new one: every good block around those that "
               "are damaged, and what was not sealed yet. Prints one line for each thing that is "
               "wrong and each range of records that is lost. Records keep their numbers; what is "
               "lost is noted in the new session, which then reads without errors. The new session "
               "is verified before it gets its name. The session itself is only read.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = 1,
    .exit_statuses = exit_rows,
};

static void print_problem(void *user, const char *problem)
{
    (void)user;
    qta_escaped_print(stdout, problem, false);
    printf("\n");
}

int qta_command_repair(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands session;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &session, &exit_code))
        return exit_code;
    struct qta_repair_result result;
    struct qta_error err;
    char saved[QTA_NUMBER_TEXT_BYTES];
    char lost[QTA_NUMBER_TEXT_BYTES];
    enum qta_status status = qta_session_repair(session.items[0], settings.output, print_problem,
                                                NULL, &result, &err);
    if (status != QTA_OK && status != QTA_ERR_DAMAGED)
        return (int)qta_program_finish(qta_program_fail(&err));
    fflush(stdout);
    if (status == QTA_ERR_DAMAGED && result.records == 0) { /* there is no new session */
        qta_program_error("%s: %s", session.items[0], err.message);
        return (int)qta_program_finish(QTA_EXIT_FAILED);
    }
    fprintf(stderr, "%s: saved %s records, lost %s in %" PRIu64 " place%s", settings.output,
            qta_number_print(result.records, saved), qta_number_print(result.lost, lost),
            result.holes, result.holes == 1 ? "" : "s");
    if (result.lost_frames > 0)
        fprintf(stderr, " and %s stored frames", qta_number_print(result.lost_frames, lost));
    fprintf(stderr, "\n");
    return (int)qta_program_finish(qta_program_exit(status));
}
