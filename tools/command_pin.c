/* qta-session pin and unpin: which sessions retention must not touch. */
#include <stdio.h>

#include <qta/archive.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

static const struct qta_option_help_row pin_rows[] = {
    {"qta-session pin sessions/2024-05-01", "keep this day whatever the retention says"},
    {NULL, NULL},
};
static const struct qta_option_help_row unpin_rows[] = {
    {"qta-session unpin sessions/2024-05-01", "let it go when its time has come"},
    {NULL, NULL},
};
static const struct qta_option_help_section pin_sections[] = {
    {.title = "Examples", .rows = pin_rows, .is_stacked = true},
    {.title = NULL},
};
static const struct qta_option_help_section unpin_sections[] = {
    {.title = "Examples", .rows = unpin_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table pin_table = {
    .program = "qta-session pin",
    .synopsis = "SESSION...",
    .summary = "Pins sessions: neither 'qta-session prune' nor the retention of qta-record removes "
               "them. The pin is a file named 'pinned' in the session.",
    .sections = pin_sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

static const struct qta_option_table unpin_table = {
    .program = "qta-session unpin",
    .synopsis = "SESSION...",
    .summary = "Takes the pin from sessions: retention may remove them again.",
    .sections = unpin_sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

static int pin_all(const struct qta_option_table *table, bool is_pinned, int argc, char **argv)
{
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(table, argc, argv, NULL, &sessions, &exit_code))
        return exit_code;
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++) {
        struct qta_error err;
        if (qta_session_pin(sessions.items[i], is_pinned, &err) != QTA_OK)
            status = qta_program_worse(status, qta_program_fail(&err));
    }
    return (int)qta_program_finish(status);
}

int qta_command_pin(int argc, char **argv)
{
    return pin_all(&pin_table, true, argc, argv);
}

int qta_command_unpin(int argc, char **argv)
{
    return pin_all(&unpin_table, false, argc, argv);
}
