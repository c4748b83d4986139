/* qta-session merge: several sessions into a new one. */
#include <stdio.h>
#include <stdlib.h>

#include <qta/exchange.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_filter.h"
#include "tools/stop_signal.h"

struct settings {
    struct qta_session_choice choice;
    const char *output;
    bool is_quiet;
};

#define OFFSET(field) offsetof(struct settings, field)
static const struct qta_option options[] = {
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = OFFSET(output),
     .is_required = true,
     .value_name = "SESSION",
     .help = "the session to make; it must not be there yet"},
    QTA_SESSION_CHOICE_OPTIONS(struct settings),
    {.name = "quiet", .offset = OFFSET(is_quiet), .help = "no summary and no progress"},
};
#undef OFFSET

static const struct qta_option_help_row example_rows[] = {
    {"qta-session merge --output sessions/all sessions/stocks sessions/crypto",
     "what two recorders received, as one session"},
    {"qta-session merge --output spy --symbols SPY sessions/2024-05-*", "a month of one symbol"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "done"},
    {"1", "failed: nothing is left of the output"},
    {"2", "bad usage; nothing was done"},
    {"3", "done, but a damaged block had to be left out"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session merge",
    .synopsis = "--output SESSION [OPTION]... SESSION...",
    .summary = "Makes one session of several: all records in the order in which they were "
               "received, those of equal times in the order of the sessions given, as qta-replay "
               "plays them. Records are numbered anew; all else stays. Stored raw frames are left "
               "out. The session begins with a "
               "marker for each of the others and has the time zone of the first.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_rows,
};

static void show_problem(void *user, const char *problem)
{
    (void)user;
    qta_program_error("%s", problem);
}

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    if (total > 0)
        qta_progress_show("merging: %d %%", (int)(done < total ? done * 100 / total : 100));
}

static enum qta_exit merge_sources(const struct settings *settings,
                                   const struct qta_export_source *sources, size_t count)
{
    const struct qta_session_merge_options merge_options = {
        .on_problem = show_problem,
        .on_progress = qta_progress_is_visible() && !settings->is_quiet ? show_progress : NULL,
        .should_stop = qta_stop_signal_seen,
    };
    struct qta_session_merge_result result;
    struct qta_error err;
    enum qta_status status = qta_session_merge(sources, count, settings->output, &merge_options,
                                               &result, &err);
    qta_progress_clear();
    if (status != QTA_OK && qta_stop_signal_seen(NULL)) {
        qta_program_error("stopped; nothing is left of '%s'", settings->output);
        return QTA_EXIT_FAILED;
    }
    if (status != QTA_OK)
        return qta_program_fail(&err);
    char number[QTA_NUMBER_TEXT_BYTES];
    if (!settings->is_quiet)
        qta_program_error("records merged into '%s': %s", settings->output,
                          qta_number_print(result.records, number));
    if (!settings->is_quiet && result.raw_frames > 0)
        qta_program_error("stored frames left out: %s; they stay in the sessions merged",
                          qta_number_print(result.raw_frames, number));
    return result.problems > 0 ? QTA_EXIT_LOSS : QTA_EXIT_DONE;
}

static enum qta_exit merge(const struct settings *settings,
                           const struct qta_option_operands *sessions)
{
    struct qta_export_source *sources = calloc(sessions->count, sizeof *sources);
    if (!sources) {
        qta_program_error("out of memory");
        return QTA_EXIT_FAILED;
    }
    enum qta_exit outcome = QTA_EXIT_DONE;
    for (size_t i = 0; outcome == QTA_EXIT_DONE && i < sessions->count; i++) {
        struct qta_error err;
        sources[i].path = sessions->items[i];
        if (qta_session_choice_resolve(&settings->choice, sources[i].path, &sources[i].filter,
                                       &err) != QTA_OK)
            outcome = qta_program_fail(&err);
    }
    qta_stop_signal_install();
    if (outcome == QTA_EXIT_DONE)
        outcome = merge_sources(settings, sources, sessions->count);
    free(sources);
    return outcome;
}

int qta_command_merge(int argc, char **argv)
{
    struct settings settings = {.output = NULL};
    struct qta_option_operands sessions;
    int exit_code;
    if (qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        exit_code = (int)qta_program_finish(merge(&settings, &sessions));
    qta_session_choice_finish(&settings.choice);
    return exit_code;
}
