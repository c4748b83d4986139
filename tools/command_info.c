/* qta-session info: what is in sessions, for people or as JSON. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qta/session.h>
#include <qta/timestamp.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"

struct settings {
    bool is_json;
};

static const struct qta_option options[] = {
    {.name = "json",
     .offset = offsetof(struct settings, is_json),
     .help = "one JSON object for each session, on a line of its own"},
};

static const struct qta_option_help_row name_rows[] = {
    {"session", "the path as it was given"},
    {"ticks", "market ticks; by_type has a number for each type of record there is"},
    {"records", "market ticks and feed records (connections, gaps, ...)"},
    {"symbols, providers", "how many have a name in the session"},
    {"runs", "how often a recorder opened it"},
    {"segments, bytes", "sealed files, and the size of all files together"},
    {"first_ts_recv, last_ts_recv", "when the first and last record was received; null when there "
                                    "is none"},
    {"gaps, dropped", "outages on record, healed ones twice; ticks that a slow subscriber missed"},
    {"raw_frames, raw_bytes",
     "messages of the venues that are stored, and their size as they came"},
    {"lost", "records that a repair found lost"},
    {"sealed", "nothing waits in the journal, and the last run was closed"},
    {"live, timezone", "whether it is being recorded now, and the zone that cuts its days"},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session info sessions/2024-05-01", "for people"},
    {"qta-session info --json sessions/* | jq '.ticks'", "for scripts"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Names in the JSON object", .rows = name_rows, .is_stacked = true},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session info",
    .synopsis = "[--json] SESSION...",
    .summary = "Says what is in sessions: how many ticks of which types, from when to when, in how "
               "many bytes. Works while a session is being recorded.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

static void print_json_time(const char *name, int64_t ts_ns)
{
    char text[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(ts_ns, text);
    if (ts_ns == QTA_TIME_UNKNOWN)
        printf(",\"%s\":null", name);
    else
        printf(",\"%s\":\"%s\"", name, text);
}

static void print_json(const char *path, const struct qta_session_info *info)
{
    printf("{\"session\":\"");
    qta_escaped_print(stdout, path, true);
    printf("\",\"ticks\":%" PRIu64 ",\"records\":%" PRIu64 ",\"by_type\":{", info->ticks,
           info->records);
    const char *comma = "";
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        if (info->by_type[type] == 0)
            continue;
        printf("%s\"%s\":%" PRIu64, comma, qta_tick_type_name(type), info->by_type[type]);
        comma = ",";
    }
    printf("},\"symbols\":%" PRIu64 ",\"providers\":%" PRIu64 ",\"runs\":%" PRIu64
           ",\"segments\":%" PRIu64 ",\"bytes\":%" PRIu64,
           info->symbols, info->providers, info->runs, info->segments, info->bytes);
    print_json_time("first_ts_recv", info->first_ts_recv_ns);
    print_json_time("last_ts_recv", info->last_ts_recv_ns);
    printf(",\"gaps\":%" PRIu64 ",\"dropped\":%" PRIu64 ",\"raw_frames\":%" PRIu64
           ",\"raw_bytes\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"sealed\":%s,\"live\":%s,\"timezone\":\"",
           info->gaps, info->dropped, info->raw_frames, info->raw_bytes, info->lost,
           info->is_sealed ? "true" : "false", info->is_live ? "true" : "false");
    qta_escaped_print(stdout, info->timezone, true);
    printf("\"}\n");
}

static void print_count(const char *name, uint64_t count)
{
    char text[QTA_NUMBER_TEXT_BYTES];
    printf("  %-10s %s\n", name, qta_number_print(count, text));
}

static void print_types(const struct qta_session_info *info)
{
    char text[QTA_NUMBER_TEXT_BYTES];
    print_count("ticks", info->ticks);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        if (info->by_type[type] > 0)
            printf("    %-13s %s\n", qta_tick_type_name(type),
                   qta_number_print(info->by_type[type], text));
    }
}

static void print_times(const struct qta_session_info *info)
{
    if (info->first_ts_recv_ns == QTA_TIME_UNKNOWN)
        return;
    char first[QTA_TIMESTAMP_TEXT_BYTES];
    char last[QTA_TIMESTAMP_TEXT_BYTES];
    char length[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(info->first_ts_recv_ns, first);
    qta_timestamp_print(info->last_ts_recv_ns, last);
    qta_duration_print(info->last_ts_recv_ns - info->first_ts_recv_ns, length);
    printf("  %-10s %s\n  %-10s %s (%s)\n", "first", first, "last", last, length);
}

static void print_size(const struct qta_session_info *info)
{
    char text[QTA_NUMBER_TEXT_BYTES];
    printf("  %-10s %s", "size", qta_bytes_print(info->bytes, text));
    if (info->records > 0)
        printf(", %.1f bytes a record", (double)info->bytes / (double)info->records);
    printf("\n");
}

static void print_frames(const struct qta_session_info *info)
{
    char count[QTA_NUMBER_TEXT_BYTES];
    char bytes[QTA_NUMBER_TEXT_BYTES];
    printf("  %-10s %s, %s as they came\n", "messages", qta_number_print(info->raw_frames, count),
           qta_bytes_print(info->raw_bytes, bytes));
}

static const char *describe_state(const struct qta_session_info *info)
{
    if (info->is_live)
        return "being recorded now";
    if (info->is_sealed)
        return "closed and sealed";
    return "the last recorder was cut off; nothing is lost, the next run goes on";
}

static void print_text(const char *path, const struct qta_session_info *info)
{
    qta_escaped_print(stdout, path, false);
    printf("\n");
    print_types(info);
    print_count("symbols", info->symbols);
    print_count("providers", info->providers);
    print_count("runs", info->runs);
    print_times(info);
    printf("  %-10s ", "time zone");
    qta_escaped_print(stdout, info->timezone, false);
    printf("\n");
    print_count("gaps", info->gaps);
    print_count("dropped", info->dropped);
    if (info->lost > 0)
        print_count("lost", info->lost);
    if (info->raw_frames > 0)
        print_frames(info);
    print_count("segments", info->segments);
    print_size(info);
    printf("  %-10s %s\n", "state", describe_state(info));
}

int qta_command_info(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        return exit_code;
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++) {
        struct qta_session_info info;
        struct qta_error err;
        if (qta_session_info_read(sessions.items[i], &info, &err) != QTA_OK)
            status = qta_program_worse(status, qta_program_fail(&err));
        else if (settings.is_json)
            print_json(sessions.items[i], &info);
        else
            print_text(sessions.items[i], &info);
    }
    return (int)qta_program_finish(status);
}
