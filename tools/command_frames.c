/* qta-session frames: what the venues sent, where that was stored. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>
#include <qta/timestamp.h>

#include "tools/frame_text.h"
#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_filter.h"

struct settings {
    struct qta_session_choice choice; /* of times and providers */
    int time_format;
    uint64_t from_seq;
    uint64_t to_seq;
    uint64_t record;
    bool has_no_ticks;
    bool is_verbatim;
    uint64_t limit;
};

static const char *const time_formats[] = {"rfc3339", "ns", NULL};

static const struct qta_option options[] = {
    QTA_SESSION_TIME_OPTION(struct settings, "from", from,
                            "only what was received at this time or later"),
    QTA_SESSION_TIME_OPTION(struct settings, "to", until,
                            "only what was received before this time"),
    {.name = "providers",
     .kind = QTA_OPTION_LIST,
     .offset = offsetof(struct settings, choice.providers),
     .value_name = "A,B",
     .help = "only what these providers sent"},
    {.name = "record",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, record),
     .minimum = 1,
     .value_name = "SEQ",
     .help = "only the message that this record was made of"},
    {.name = "from-seq",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, from_seq),
     .value_name = "SEQ",
     .help = "only messages of this record and later ones"},
    {.name = "to-seq",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, to_seq),
     .value_name = "SEQ",
     .help = "only messages of records before this one"},
    {.name = "no-ticks",
     .offset = offsetof(struct settings, has_no_ticks),
     .help = "only messages that no tick was made of: answers, errors, what could not be decoded"},
    {.name = "time-format",
     .kind = QTA_OPTION_CHOICE,
     .offset = offsetof(struct settings, time_format),
     .choices = time_formats,
     .value_name = "FORMAT",
     .help = "rfc3339 (the default), or ns: integers since 1970"},
    {.name = "verbatim",
     .offset = offsetof(struct settings, is_verbatim),
     .help = "the messages alone, byte for byte, with a newline behind each"},
    {.name = "limit",
     .kind = QTA_OPTION_NUMBER,
     .offset = offsetof(struct settings, limit),
     .value_name = "N",
     .help = "stop after so many messages"},
};

static const struct qta_option_help_row name_rows[] = {
    {"ts_recv, provider, conn", "as in ticks"},
    {"kind", "text, or binary"},
    {"first_seq, count", "the records that were made of it: count of them from first_seq on; with "
                         "count 0, first_seq is the record that came next"},
    {"length", "in bytes, as it was received"},
    {"stored", "how many of them are stored, where not all are"},
    {"masked", "true where a key was in it, which is '*' here"},
    {"text, base64", "the message: as text if it is text and UTF-8"},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session frames sessions/2024-05-01 | head", "the first messages"},
    {"qta-session frames --record 4711 sessions/2024-05-01", "what record 4711 was made of"},
    {"qta-session frames --no-ticks --verbatim sessions/2024-05-01",
     "what the venue said beside its ticks"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Names in a line", .rows = name_rows, .is_stacked = true},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session frames",
    .synopsis = "[OPTION]... SESSION...",
    .summary = "Prints the messages of the venues, in the order of receipt, a JSON object a line. "
               "They are in sessions that were recorded with recording.raw_frames.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

/* ---- a line -------------------------------------------------------------------------------- */

static void put_head(struct qta_frame_text *line, const struct settings *settings,
                     const struct qta_raw_frame *frame, const struct qta_dictionary *names)
{
    char time[QTA_TIMESTAMP_TEXT_BYTES];
    size_t length;
    const char *provider = qta_dictionary_name(names, QTA_NAME_PROVIDER, frame->provider, &length);
    if (settings->time_format == 0) {
        qta_timestamp_print(frame->ts_recv_ns, time);
        qta_frame_text_put(line, "{\"ts_recv\":\"%s\"", time);
    } else {
        qta_frame_text_put(line, "{\"ts_recv\":%" PRId64, frame->ts_recv_ns);
    }
    qta_frame_text_put(line, ",\"provider\":");
    qta_frame_text_put_string(line, (const uint8_t *)provider, length);
    qta_frame_text_put(line,
                       ",\"conn\":%" PRIu32 ",\"kind\":\"%s\",\"first_seq\":%" PRIu64
                       ",\"count\":%" PRIu32 ",\"length\":%" PRIu32,
                       frame->conn, frame->flags & QTA_RAW_BINARY ? "binary" : "text",
                       frame->first_seq, frame->tick_count, frame->length);
    if (frame->stored_length < frame->length)
        qta_frame_text_put(line, ",\"stored\":%" PRIu32, frame->stored_length);
    if (frame->flags & QTA_RAW_MASKED)
        qta_frame_text_put(line, ",\"masked\":true");
}

static void put_json(struct qta_frame_text *line, const struct settings *settings,
                     const struct qta_raw_frame *frame, const struct qta_dictionary *names)
{
    put_head(line, settings, frame, names);
    if (!(frame->flags & QTA_RAW_BINARY) &&
        qta_frame_text_is_utf8(frame->bytes, frame->stored_length)) {
        qta_frame_text_put(line, ",\"text\":");
        qta_frame_text_put_string(line, frame->bytes, frame->stored_length);
    } else {
        qta_frame_text_put(line, ",\"base64\":\"");
        qta_frame_text_put_base64(line, frame->bytes, frame->stored_length);
        qta_frame_text_put(line, "\"");
    }
    qta_frame_text_put(line, "}\n");
}

/* ---- sessions ------------------------------------------------------------------------------ */

struct output {
    const struct settings *settings;
    struct qta_frame_text line;
    uint64_t left; /* frames still to print */
    bool is_broken;
};

static enum qta_exit put_frame(struct output *output, const struct qta_raw_frame *frame,
                               const struct qta_dictionary *names)
{
    const struct settings *settings = output->settings;
    uint64_t record = settings->record;
    if ((settings->has_no_ticks && frame->tick_count > 0) ||
        (record != 0 && record - frame->first_seq >= frame->tick_count))
        return QTA_EXIT_DONE;
    output->left--;
    if (settings->is_verbatim) {
        output->is_broken = !qta_program_write((const char *)frame->bytes, frame->stored_length) ||
                            !qta_program_write("\n", 1);
        return QTA_EXIT_DONE;
    }
    qta_frame_text_clear(&output->line);
    put_json(&output->line, settings, frame, names);
    if (output->line.is_out_of_memory) {
        qta_program_error("out of memory for a message of %" PRIu32 " bytes", frame->length);
        output->is_broken = true;
        return QTA_EXIT_FAILED;
    }
    output->is_broken = !qta_program_write(output->line.text, output->line.length);
    return QTA_EXIT_DONE;
}

static enum qta_status open_session(const struct settings *settings, const char *path,
                                    struct qta_raw_reader **reader, struct qta_error *err)
{
    struct qta_raw_filter filter = qta_raw_filter_default();
    struct qta_session_filter chosen;
    enum qta_status status = qta_session_choice_resolve(&settings->choice, path, &chosen, err);
    if (status != QTA_OK)
        return status;
    filter.from_ns = chosen.from_ns;
    filter.until_ns = chosen.until_ns;
    filter.providers = chosen.providers;
    filter.provider_count = chosen.provider_count;
    filter.from_seq = settings->record ? settings->record : settings->from_seq;
    filter.until_seq = settings->record ? settings->record + 1 : settings->to_seq;
    return qta_raw_reader_create(reader, path, &filter, err);
}

static enum qta_exit print_session(struct output *output, const char *path)
{
    struct qta_raw_reader *reader;
    struct qta_error err;
    if (open_session(output->settings, path, &reader, &err) != QTA_OK)
        return qta_program_fail(&err);
    enum qta_exit outcome = QTA_EXIT_DONE;
    while (output->left > 0 && !output->is_broken) {
        const struct qta_raw_frame *frame;
        enum qta_status status = qta_raw_reader_next(reader, &frame, &err);
        if (status == QTA_OK) {
            outcome = qta_program_worse(outcome,
                                        put_frame(output, frame, qta_raw_reader_names(reader)));
            continue;
        }
        if (status == QTA_ERR_END)
            break;
        qta_error_prefix(&err, status, "%s", path);
        outcome = qta_program_worse(outcome, qta_program_fail(&err));
        if (status != QTA_ERR_DAMAGED) /* behind a damaged block it goes on */
            break;
    }
    qta_raw_reader_destroy(reader);
    return outcome;
}

int qta_command_frames(int argc, char **argv)
{
    struct settings settings = {.limit = UINT64_MAX, .to_seq = UINT64_MAX};
    struct qta_option_operands sessions;
    int exit_code;
    if (qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code)) {
        struct output output = {.settings = &settings, .left = settings.limit};
        enum qta_exit status = QTA_EXIT_DONE;
        for (size_t i = 0; i < sessions.count && output.left > 0 && !output.is_broken; i++)
            status = qta_program_worse(status, print_session(&output, sessions.items[i]));
        qta_frame_text_finish(&output.line);
        exit_code = (int)qta_program_finish(status);
    }
    qta_session_choice_finish(&settings.choice);
    return exit_code;
}
