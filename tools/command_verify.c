/* qta-session verify: problems are data, one a line on stdout. */
#include <inttypes.h>
#include <stdio.h>

#include <qta/session.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

struct settings {
    bool is_quiet;
};

static const struct qta_option options[] = {
    {.name = "quiet",
     .offset = offsetof(struct settings, is_quiet),
     .help = "print problems only, no line for sessions that are good"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session verify sessions/2024-05-01", "one session"},
    {"qta-session verify --quiet sessions/*", "all of them, from cron: prints nothing when all is "
                                              "well"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "every session is whole"},
    {"1", "a session could not be read at all"},
    {"2", "bad usage; nothing was done"},
    {"3", "at least one session is damaged"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session verify",
    .synopsis = "[--quiet] SESSION...",
    .summary = "Reads every byte of sessions and checks every checksum, that no record is missing "
               "and no time goes back, and that the index says what the segments hold. Prints one "
               "line for each problem and one for each session. Changes nothing; works while a "
               "session is being recorded.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_rows,
};

static void print_problem(void *user, const char *problem)
{
    const char *path = user;
    qta_progress_clear();
    qta_escaped_print(stdout, path, false);
    printf(": ");
    qta_escaped_print(stdout, problem, false);
    printf("\n");
    if (qta_progress_is_visible())
        fflush(stdout);
}

static void show_progress(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    char done[QTA_NUMBER_TEXT_BYTES];
    char total[QTA_NUMBER_TEXT_BYTES];
    qta_progress_show("verifying %s: %s of %s", (const char *)user,
                      qta_bytes_print(done_bytes, done), qta_bytes_print(total_bytes, total));
}

static void print_verdict(const char *path, const struct qta_session_verdict *verdict)
{
    qta_escaped_print(stdout, path, false);
    if (verdict->problems == 0)
        printf(": ok, records: %" PRIu64 ", blocks: %" PRIu64, verdict->records, verdict->blocks);
    else
        printf(": damaged, problems: %" PRIu64 ", records lost: %" PRIu64 ", readable: %" PRIu64,
               verdict->problems, verdict->lost, verdict->records);
    if (verdict->lost_before > 0)
        printf(", lost before a repair: %" PRIu64, verdict->lost_before);
    printf("\n");
}

static enum qta_exit verify(const char *path, const struct settings *settings)
{
    struct qta_session_verdict verdict = {0};
    struct qta_error err;
    char user[4096];
    snprintf(user, sizeof user, "%s", path);
    enum qta_status status = qta_session_verify(path, print_problem, show_progress, user, &verdict,
                                                &err);
    qta_progress_clear();
    if (status != QTA_OK && status != QTA_ERR_DAMAGED)
        return qta_program_fail(&err);
    if (status == QTA_ERR_DAMAGED || !settings->is_quiet)
        print_verdict(path, &verdict);
    return qta_program_exit(status);
}

int qta_command_verify(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        return exit_code;
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++)
        status = qta_program_worse(status, verify(sessions.items[i], &settings));
    return (int)qta_program_finish(status);
}
