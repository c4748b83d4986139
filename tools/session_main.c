/* qta-session: finds the command and hands over. */
#include <stdio.h>
#include <string.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

static const struct {
    const char *name;
    const char *program; /* as usage and errors say it */
    int (*run)(int argc, char **argv);
} commands[] = {
    {"cat", "qta-session cat", qta_command_cat},
    {"compact", "qta-session compact", qta_command_compact},
    {"diff", "qta-session diff", qta_command_diff},
    {"export", "qta-session export", qta_command_export},
    {"frames", "qta-session frames", qta_command_frames},
    {"gaps", "qta-session gaps", qta_command_gaps},
    {"import", "qta-session import", qta_command_import},
    {"info", "qta-session info", qta_command_info},
    {"ls", "qta-session ls", qta_command_ls},
    {"merge", "qta-session merge", qta_command_merge},
    {"pin", "qta-session pin", qta_command_pin},
    {"prune", "qta-session prune", qta_command_prune},
    {"redecode", "qta-session redecode", qta_command_redecode},
    {"reindex", "qta-session reindex", qta_command_reindex},
    {"repair", "qta-session repair", qta_command_repair},
    {"unpin", "qta-session unpin", qta_command_unpin},
    {"verify", "qta-session verify", qta_command_verify},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static const struct qta_option_help_row command_rows[] = {
    {"cat", "print the ticks of sessions"},
    {"compact", "make sessions smaller"},
    {"diff", "compare two sessions"},
    {"export", "write sessions as ndjson, CSV or Parquet"},
    {"frames", "print the messages of the venues, where they were stored"},
    {"gaps", "say what is not in sessions, and why"},
    {"import", "make a session of what was exported, or of other people's tick files"},
    {"info", "say what is in sessions"},
    {"ls", "list the sessions of a directory"},
    {"merge", "make one session of several"},
    {"pin", "keep sessions from being pruned"},
    {"prune", "remove the oldest sessions of a directory"},
    {"redecode", "decode the stored messages of a session once more"},
    {"reindex", "make the index of sessions anew"},
    {"repair", "save what is good of a damaged session"},
    {"unpin", "let them go again"},
    {"verify", "read every byte and check every checksum"},
    {"", "'qta-session COMMAND --help' tells more."},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session info sessions/2024-05-01", "what was recorded that day"},
    {"qta-session cat --symbols SPY --types trade sessions/2024-05-01 | head",
     "the first trades of one symbol"},
    {"qta-session verify sessions/*", "whether everything can still be read"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Commands", .rows = command_rows},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session",
    .synopsis = "COMMAND [ARGUMENT]...",
    .summary = "Works on recorded sessions: folders that qta-record or an import has made.",
    .sections = sections,
    .operand_name = "COMMAND",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

static int refuse_command(const char *name)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    const char *nearest = qta_option_nearest(name, names, COMMAND_COUNT);
    if (nearest)
        qta_program_error("unknown command '%s', did you mean '%s'?", name, nearest);
    else
        qta_program_error("unknown command '%s' (see 'qta-session --help')", name);
    return QTA_EXIT_USAGE;
}

int main(int argc, char **argv)
{
    qta_program_start("qta-session");
    for (size_t i = 0; argc > 1 && i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        qta_program_start(commands[i].program);
        return commands[i].run(argc - 1, argv + 1);
    }
    if (argc > 1 && argv[1][0] != '-')
        return refuse_command(argv[1]);
    struct qta_option_operands operands;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, NULL, &operands, &exit_code))
        return exit_code;
    return refuse_command(operands.items[0]);
}
