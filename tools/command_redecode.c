/* qta-session redecode: a new session of what the venues sent. */
#include <inttypes.h>
#include <stdio.h>

#include <qta/redecode.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/stop_signal.h"

struct settings {
    const char *output;
    const char *adapter;
};

static const struct qta_option options[] = {
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = offsetof(struct settings, output),
     .value_name = "SESSION",
     .is_required = true,
     .help = "the session to make; it must not be there"},
    {.name = "adapter",
     .kind = QTA_OPTION_TEXT,
     .offset = offsetof(struct settings, adapter),
     .value_name = "NAME",
     .help = "what decodes the messages; by default the adapter of each provider's name"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session redecode --output sessions/again sessions/2024-05-01",
     "the ticks as this version of the program makes them"},
    {"qta-session diff sessions/2024-05-01 sessions/again", "what is different then"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session redecode",
    .synopsis = "--output SESSION [--adapter NAME] SESSION",
    .summary = "Decodes the stored messages of a session once more and makes a new session of it. "
               "Ticks that were made of a message are replaced by what it gives now, with the same "
               "time of receipt; all else is copied, the messages too.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = 1,
};

int qta_command_redecode(int argc, char **argv)
{
    struct settings settings = {.output = NULL};
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        return exit_code;
    struct qta_redecode_options redecode = {
        .adapter = settings.adapter,
        .should_stop = qta_stop_signal_seen,
    };
    struct qta_redecode_result result;
    struct qta_error err;
    qta_stop_signal_install();
    if (qta_redecode(sessions.items[0], settings.output, &redecode, &result, &err) != QTA_OK)
        return (int)qta_program_finish(qta_program_fail(&err));
    fprintf(stderr,
            "decoded %" PRIu64 " messages: %" PRIu64 " ticks in place of %" PRIu64 ", %" PRIu64
            " faults; copied %" PRIu64 " records\n",
            result.frames, result.ticks, result.replaced, result.faults, result.copied);
    return (int)qta_program_finish(QTA_EXIT_DONE);
}
