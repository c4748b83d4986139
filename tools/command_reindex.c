/* qta-session reindex: session.db from the segments alone. */
#include <stdio.h>

#include <qta/archive.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

static const struct qta_option_help_row example_rows[] = {
    {"qta-session reindex sessions/2024-05-01", "after 'verify' or 'ls' found its index damaged"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session reindex",
    .synopsis = "SESSION...",
    .summary =
        "Makes the index of sessions, session.db, anew from their segments. The segments are "
        "only read. Not while a session is being recorded: its next start does the same by "
        "itself where that is needed.",
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

int qta_command_reindex(int argc, char **argv)
{
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, NULL, &sessions, &exit_code))
        return exit_code;
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++) {
        struct qta_error err;
        if (qta_session_reindex(sessions.items[i], &err) != QTA_OK)
            status = qta_program_worse(status, qta_program_fail(&err));
    }
    return (int)qta_program_finish(status);
}
