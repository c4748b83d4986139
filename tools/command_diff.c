/* qta-session diff: whether two sessions say the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/exchange.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_filter.h"
#include "tools/stop_signal.h"

struct settings {
    struct qta_session_choice choice;
    bool is_full;
    bool is_quiet;
    const char *left;
    const char *right;
};

#define OFFSET(field) offsetof(struct settings, field)
static const struct qta_option options[] = {
    {.name = "full",
     .offset = OFFSET(is_full),
     .help = "compare all records in every field: numbers of records, receive times, providers, "
             "connections, flags and the digits of numbers, too"},
    QTA_SESSION_CHOICE_OPTIONS(struct settings),
    {.name = "quiet", .offset = OFFSET(is_quiet), .help = "say it by the exit status alone"},
};
#undef OFFSET

static const struct qta_option_help_row example_rows[] = {
    {"qta-session diff sessions/2024-05-01 copy", "whether the venues said the same"},
    {"qta-session diff --full sessions/2024-05-01 restored && rm day.ndjson.zst",
     "whether a copy is one"},
    {"qta-session diff --symbols SPY --types trade a b", "one symbol's trades"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "they are equal"},
    {"1", "failed"},
    {"2", "bad usage; nothing was done"},
    {"3", "they are different, or a damaged block had to be left out"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session diff",
    .synopsis = "[OPTION]... SESSION SESSION",
    .summary = "Compares two sessions, record by record in the order in which they were received; "
               "behind records that one of them lacks it goes on. Without --full it compares what "
               "the venues "
               "said: market ticks by type, symbol, venue's time and number, and their own "
               "fields; 190.50 equals 190.5 then. Prints the first difference, as 'cat' prints "
               "records, and how often each field differs, by type.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 2,
    .operand_max = 2,
    .exit_statuses = exit_rows,
};

static void put_text(const char *text)
{
    qta_program_write(text, strlen(text));
}

/* A record as ndjson, or that there is none. */
static void put_record(const char *mark, const struct qta_tick *tick,
                       const struct qta_dictionary *names)
{
    put_text(mark);
    if (!tick) {
        put_text("(nothing)\n");
        return;
    }
    size_t length = qta_print_tick(tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, NULL, 0);
    char *line = malloc(length + 1);
    if (!line) {
        qta_program_error("out of memory for a line of %zu bytes", length);
        exit(QTA_EXIT_FAILED);
    }
    qta_print_tick(tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line, length + 1);
    qta_program_write(line, length);
    free(line);
}

static void show_first(void *user, const struct qta_session_difference *difference)
{
    const struct settings *settings = user;
    if (settings->is_quiet)
        return;
    char text[128];
    char place[QTA_NUMBER_TEXT_BYTES];
    qta_number_print(difference->place, place);
    if (difference->field)
        snprintf(text, sizeof text, "first difference: record %s, %s\n", place, difference->field);
    else
        snprintf(text, sizeof text, "first difference: record %s is in one of them only\n", place);
    qta_progress_clear();
    put_text(text);
    put_record("- ", difference->left, difference->left_names);
    put_record("+ ", difference->right, difference->right_names);
}

static void put_count(const char *type, const char *field, uint64_t count)
{
    char text[128];
    char number[QTA_NUMBER_TEXT_BYTES];
    if (count == 0)
        return;
    snprintf(text, sizeof text, "  %-14s %-20s %12s\n", type, field,
             qta_number_print(count, number));
    put_text(text);
}

static void put_alone(const char *path, uint64_t count)
{
    char number[QTA_NUMBER_TEXT_BYTES];
    if (count == 0)
        return;
    put_text("only in '");
    put_text(path);
    put_text("': ");
    put_text(qta_number_print(count, number));
    put_text("\n");
}

/* Says what came of it; returns whether they are equal. */
static bool report(const struct settings *settings, const struct qta_diff_result *result)
{
    char different[QTA_NUMBER_TEXT_BYTES];
    char compared[QTA_NUMBER_TEXT_BYTES];
    char text[128];
    bool is_equal = result->different == 0 && result->only_left == 0 && result->only_right == 0;
    if (settings->is_quiet)
        return is_equal;
    qta_number_print(result->compared, compared);
    qta_number_print(result->different, different);
    if (is_equal)
        snprintf(text, sizeof text, "equal, records: %s\n", compared);
    else
        snprintf(text, sizeof text, "different: %s of %s\n", different, compared);
    put_text(text);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < QTA_DIFF_COLUMNS; i++)
            put_count(qta_tick_type_name(type), qta_diff_column_name(i),
                      result->by_column[type][i]);
        for (size_t i = 0; i < count; i++)
            put_count(qta_tick_type_name(type), fields[i].name, result->by_field[type][i]);
    }
    put_alone(settings->left, result->only_left);
    put_alone(settings->right, result->only_right);
    return is_equal;
}

static void show_problem(void *user, const char *problem)
{
    (void)user;
    qta_program_error("%s", problem);
}

static void show_progress(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    if (total > 0)
        qta_progress_show("comparing: %d %%", (int)(done < total ? done * 100 / total : 100));
}

static enum qta_exit diff(struct settings *settings, const struct qta_option_operands *sessions)
{
    struct qta_export_source left = {.path = sessions->items[0]};
    struct qta_export_source right = {.path = sessions->items[1]};
    struct qta_error err;
    settings->left = left.path;
    settings->right = right.path;
    if (qta_session_choice_resolve(&settings->choice, left.path, &left.filter, &err) != QTA_OK ||
        qta_session_choice_resolve(&settings->choice, right.path, &right.filter, &err) != QTA_OK)
        return qta_program_fail(&err);
    qta_stop_signal_install();
    const struct qta_diff_options diff_options = {
        .is_full = settings->is_full,
        .on_first = show_first,
        .on_problem = show_problem,
        .on_progress = qta_progress_is_visible() && !settings->is_quiet ? show_progress : NULL,
        .should_stop = qta_stop_signal_seen,
        .user = settings,
    };
    struct qta_diff_result result;
    enum qta_status status = qta_session_diff(&left, &right, &diff_options, &result, &err);
    qta_progress_clear();
    if (status != QTA_OK)
        return qta_program_fail(&err);
    return report(settings, &result) && result.problems == 0 ? QTA_EXIT_DONE : QTA_EXIT_LOSS;
}

int qta_command_diff(int argc, char **argv)
{
    struct settings settings = {.is_full = false};
    struct qta_option_operands sessions;
    int exit_code;
    if (qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        exit_code = (int)qta_program_finish(diff(&settings, &sessions));
    qta_session_choice_finish(&settings.choice);
    return exit_code;
}
