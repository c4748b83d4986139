/* qta-session cat: the ticks of sessions as lines, as they are stored. */
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>
#include <qta/session.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_filter.h"

enum { OUTPUT_BYTES = 256 * 1024 };

struct settings {
    int format;
    int time_format;
    struct qta_session_choice choice;
    uint64_t limit;
    bool is_following;
};

static const char *const formats[] = {"ndjson", "csv", "text", NULL};
static const enum qta_print_format format_values[] = {QTA_PRINT_NDJSON, QTA_PRINT_CSV,
                                                      QTA_PRINT_TEXT};
static const char *const time_formats[] = {"rfc3339", "ns", NULL};
static const enum qta_time_format time_format_values[] = {QTA_TIME_FORMAT_RFC3339,
                                                          QTA_TIME_FORMAT_NS};

static const struct qta_option options[] = {
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = offsetof(struct settings, format),
     .choices = formats,
     .value_name = "FORMAT",
     .help = "ndjson (the default): a JSON object a line; csv: with a header line; text: in "
             "columns, for people"},
    {.name = "time-format",
     .kind = QTA_OPTION_CHOICE,
     .offset = offsetof(struct settings, time_format),
     .choices = time_formats,
     .value_name = "FORMAT",
     .help = "rfc3339 (the default), or ns: integers since 1970"},
    QTA_SESSION_CHOICE_OPTIONS(struct settings),
    {.name = "limit",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, limit),
     .value_name = "N",
     .help = "stop after so many lines"},
    {.name = "follow",
     .kind = QTA_OPTION_SWITCH,
     .offset = offsetof(struct settings, is_following),
     .help = "at the end of a session that is being recorded wait for more, until its recorder "
             "closes it; one that was killed is waited for"},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session cat sessions/2024-05-01 | head", "how a session begins"},
    {"qta-session cat --types trade --symbols SPY --format csv \\\n"
     "    sessions/2024-05-01 > spy.csv",
     "the trades of one symbol as a table"},
    {"qta-session cat --from 09:30 --to 09:31 --format text sessions/2024-05-01",
     "one minute, for people"},
    {"qta-session cat --follow --types trade sessions/2024-05-01", "trades as they come in"},
    {"qta-session cat --types conn,gap,drop sessions/*", "what went wrong, and when"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "done; also when the reader of a pipe has had enough, and with --follow after a "
          "SIGINT or SIGTERM"},
    {"1", "a session could not be read, or the output not be written"},
    {"2", "bad usage; nothing was done"},
    {"3", "done, but a damaged block had to be left out"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session cat",
    .synopsis = "[OPTION]... SESSION...",
    .summary = "Prints the records of sessions in the order in which they were received, one "
               "session after the other. Numbers have exactly the digits that were stored. Of a "
               "session that is being recorded, what there is so far. TIME is an instant "
               "(2024-05-01T13:30:00Z, or ns since 1970), or a date (2024-05-01) or a time of day "
               "(09:30) in the session's time zone.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_rows,
};

/* Lines on their way to stdout. */
struct output {
    const struct settings *settings;
    uint64_t left; /* lines that may still be printed */
    char *text;
    size_t capacity;
    size_t used;
    bool is_broken; /* stdout takes no more */
};

static void flush(struct output *output)
{
    if (output->used > 0 && !output->is_broken)
        output->is_broken = !qta_program_write(output->text, output->used);
    output->used = 0;
}

static void put_tick(struct output *output, const struct qta_tick *tick,
                     const struct qta_dictionary *names)
{
    const struct settings *settings = output->settings;
    for (;;) {
        size_t room = output->capacity - output->used;
        size_t length = qta_print_tick(tick, names, format_values[settings->format],
                                       time_format_values[settings->time_format],
                                       output->text + output->used, room);
        if (length < room) {
            output->used += length;
            return;
        }
        flush(output);
        if (length < output->capacity)
            continue;
        char *text = realloc(output->text, length * 2);
        if (!text) {
            qta_program_error("out of memory for a line of %zu bytes", length);
            exit(QTA_EXIT_FAILED);
        }
        output->text = text;
        output->capacity = length * 2;
    }
}

static void put_ticks(struct output *output, const struct qta_tick *ticks, size_t count,
                      const struct qta_dictionary *names)
{
    for (size_t i = 0; i < count && output->left > 0 && !output->is_broken; i++) {
        put_tick(output, &ticks[i], names);
        output->left--;
    }
}

static atomic_bool is_stopping;

/* The second one leaves at once. */
static void on_signal(int number)
{
    if (atomic_exchange(&is_stopping, true)) {
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void set_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* At the end for now: whether there may be more. Looks for signals every now and then. */
static bool wait_for_more(struct output *output, struct qta_session_reader *reader)
{
    enum { WAIT_NS = 50000000 };
    if (!output->settings->is_following || atomic_load(&is_stopping))
        return false;
    flush(output);
    output->is_broken = output->is_broken || !qta_program_flush();
    return qta_session_reader_wait(reader, WAIT_NS, NULL) == QTA_OK;
}

static enum qta_exit print_session(struct output *output, const char *path)
{
    struct qta_session_filter filter;
    struct qta_session_reader *reader;
    struct qta_error err;
    if (qta_session_choice_resolve(&output->settings->choice, path, &filter, &err) != QTA_OK ||
        qta_session_reader_create(&reader, path, &filter, &err) != QTA_OK)
        return qta_program_fail(&err);
    enum qta_exit outcome = QTA_EXIT_DONE;
    enum qta_status status = QTA_OK;
    while (output->left > 0 && !output->is_broken && !atomic_load(&is_stopping)) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_OK) {
            put_ticks(output, ticks, count, qta_session_reader_names(reader));
            continue;
        }
        if (status == QTA_ERR_END) {
            if (!wait_for_more(output, reader))
                break;
            continue;
        }
        qta_error_prefix(&err, status, "%s", path);
        outcome = qta_program_worse(outcome, qta_program_fail(&err));
        if (status != QTA_ERR_DAMAGED) /* behind a damaged block it goes on */
            break;
    }
    qta_session_reader_destroy(reader);
    return outcome;
}

static enum qta_exit print_sessions(const struct settings *settings,
                                    const struct qta_option_operands *sessions)
{
    struct output output = {
        .settings = settings, .left = settings->limit, .capacity = OUTPUT_BYTES};
    output.text = malloc(output.capacity);
    if (!output.text) {
        qta_program_error("out of memory");
        return QTA_EXIT_FAILED;
    }
    if (format_values[settings->format] == QTA_PRINT_CSV)
        output.is_broken = !qta_program_write(qta_print_csv_header(),
                                              strlen(qta_print_csv_header()));
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions->count && output.left > 0 && !output.is_broken; i++)
        status = qta_program_worse(status, print_session(&output, sessions->items[i]));
    flush(&output);
    free(output.text);
    return status;
}

int qta_command_cat(int argc, char **argv)
{
    struct settings settings = {.limit = UINT64_MAX};
    struct qta_option_operands sessions;
    int exit_code;
    if (qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code)) {
        if (settings.is_following && sessions.count > 1) {
            qta_program_error("only one session can be followed, not %zu", sessions.count);
            exit_code = QTA_EXIT_USAGE;
        } else {
            if (settings.is_following)
                set_signals();
            exit_code = (int)qta_program_finish(print_sessions(&settings, &sessions));
        }
    }
    qta_session_choice_finish(&settings.choice);
    return exit_code;
}
