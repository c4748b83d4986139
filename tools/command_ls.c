/* qta-session ls: the catalogue of a directory of sessions. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/archive.h>
#include <qta/timestamp.h>

#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_command.h"
#include "tools/session_time.h"

struct settings {
    bool is_json;
};

static const struct qta_option options[] = {
    {.name = "json",
     .offset = offsetof(struct settings, is_json),
     .help = "one JSON object for each session, on a line of its own"},
};

static const struct qta_option_help_row name_rows[] = {
    {"name, state",
     "of its folder; \"live\", \"sealed\", \"cut\" (its recorder was killed: the next "
     "run goes on) or \"unreadable\""},
    {"pinned, index",
     "true when retention leaves it alone; null, or what is wrong with session.db"},
    {"first_ts_recv, last_ts_recv", "when the first and last record was received, UTC; null when "
                                    "there is none"},
    {"ticks, records, symbols, gaps, lost, bytes, timezone", "as in 'qta-session info'"},
    {"fault", "why an unreadable session cannot be read"},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session ls sessions", "all days, times in each session's own zone"},
    {"qta-session ls --json sessions | jq -r 'select(.gaps > 0).name'", "days with gaps"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Names in the JSON object", .rows = name_rows, .is_stacked = true},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_help_row exit_rows[] = {
    {"0", "done"},
    {"1", "the directory could not be read"},
    {"2", "bad usage; nothing was done"},
    {"3", "a session could not be read, or its index is damaged"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session ls",
    .synopsis = "[--json] [DIR]",
    .summary =
        "Lists the sessions of a directory (by default of this one) by name: their state, "
        "from when to when, how many ticks, symbols and gaps, and their size. The sum of all "
        "is on stderr. Works while sessions are being recorded.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "DIR",
    .operand_min = 0,
    .operand_max = 1,
    .exit_statuses = exit_rows,
};

/* What is counted while sessions are told. */
struct listing {
    bool is_json;
    bool has_header;
    uint64_t sessions;
    uint64_t ticks;
    uint64_t gaps;
    uint64_t bytes;
    bool has_faults;
};

static const char *state_of(const struct qta_catalogue_entry *entry)
{
    if (entry->fault)
        return "unreadable";
    if (entry->info.is_live)
        return "live";
    return entry->info.is_sealed ? "sealed" : "cut";
}

static void print_json_text(const char *name, const char *text)
{
    if (!text) {
        printf(",\"%s\":null", name);
        return;
    }
    printf(",\"%s\":\"", name);
    qta_escaped_print(stdout, text, true);
    printf("\"");
}

static void print_json(const struct qta_catalogue_entry *entry)
{
    const struct qta_session_info *info = &entry->info;
    char first[QTA_TIMESTAMP_TEXT_BYTES];
    char last[QTA_TIMESTAMP_TEXT_BYTES];
    bool has_times = !entry->fault && info->first_ts_recv_ns != QTA_TIME_UNKNOWN;
    qta_timestamp_print(info->first_ts_recv_ns, first);
    qta_timestamp_print(info->last_ts_recv_ns, last);
    printf("{\"name\":\"");
    qta_escaped_print(stdout, entry->name, true);
    printf("\",\"state\":\"%s\",\"pinned\":%s", state_of(entry),
           entry->is_pinned ? "true" : "false");
    print_json_text("index", entry->index_fault);
    print_json_text("first_ts_recv", has_times ? first : NULL);
    print_json_text("last_ts_recv", has_times ? last : NULL);
    printf(",\"ticks\":%" PRIu64 ",\"records\":%" PRIu64 ",\"symbols\":%" PRIu64
           ",\"gaps\":%" PRIu64 ",\"lost\":%" PRIu64 ",\"bytes\":%" PRIu64,
           info->ticks, info->records, info->symbols, info->gaps, info->lost, info->bytes);
    print_json_text("timezone", entry->fault ? NULL : info->timezone);
    print_json_text("fault", entry->fault);
    printf("}\n");
}

static void print_row(const struct qta_catalogue_entry *entry)
{
    const struct qta_session_info *info = &entry->info;
    char state[64];
    char first[QTA_SESSION_TIME_TEXT_BYTES] = "-";
    char last[QTA_SESSION_TIME_TEXT_BYTES] = "-";
    char ticks[QTA_NUMBER_TEXT_BYTES];
    char symbols[QTA_NUMBER_TEXT_BYTES];
    char gaps[QTA_NUMBER_TEXT_BYTES];
    char size[QTA_NUMBER_TEXT_BYTES];
    snprintf(state, sizeof state, "%s%s%s", state_of(entry), entry->is_pinned ? ",pinned" : "",
             entry->index_fault ? ",damaged index" : "");
    if (!entry->fault && info->first_ts_recv_ns != QTA_TIME_UNKNOWN) {
        qta_session_time_print(info->first_ts_recv_ns, info->timezone, first);
        qta_session_time_print(info->last_ts_recv_ns, info->timezone, last);
    }
    printf("%-19s  %-19s  %14s  %7s  %6s  %10s  %-13s  ", first, last,
           qta_number_print(info->ticks, ticks), qta_number_print(info->symbols, symbols),
           qta_number_print(info->gaps, gaps), qta_bytes_print(info->bytes, size), state);
    qta_escaped_print(stdout, entry->name, false);
    printf("\n");
}

static bool print_entry(void *user, const struct qta_catalogue_entry *entry)
{
    struct listing *listing = user;
    listing->sessions++;
    listing->ticks += entry->info.ticks;
    listing->gaps += entry->info.gaps;
    listing->bytes += entry->info.bytes;
    listing->has_faults = listing->has_faults || entry->fault || entry->index_fault;
    if (listing->is_json) {
        print_json(entry);
        return true;
    }
    if (!listing->has_header)
        printf("%-19s  %-19s  %14s  %7s  %6s  %10s  %-13s  %s\n", "FIRST", "LAST", "TICKS",
               "SYMBOLS", "GAPS", "SIZE", "STATE", "NAME");
    listing->has_header = true;
    print_row(entry);
    if (entry->fault)
        qta_program_error("%s", entry->fault);
    else if (entry->index_fault)
        qta_program_error("'%s': session.db: %s; 'qta-session reindex' makes it anew", entry->name,
                          entry->index_fault);
    return true;
}

int qta_command_ls(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands directory;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &directory, &exit_code))
        return exit_code;
    struct listing listing = {.is_json = settings.is_json};
    struct qta_error err;
    const char *path = directory.count > 0 ? directory.items[0] : ".";
    if (qta_catalogue_read(path, print_entry, &listing, &err) != QTA_OK)
        return (int)qta_program_finish(qta_program_fail(&err));
    char ticks[QTA_NUMBER_TEXT_BYTES];
    char gaps[QTA_NUMBER_TEXT_BYTES];
    char size[QTA_NUMBER_TEXT_BYTES];
    fflush(stdout);
    fprintf(stderr, "%" PRIu64 " session%s, %s ticks, %s gaps, %s\n", listing.sessions,
            listing.sessions == 1 ? "" : "s", qta_number_print(listing.ticks, ticks),
            qta_number_print(listing.gaps, gaps), qta_bytes_print(listing.bytes, size));
    return (int)qta_program_finish(listing.has_faults ? QTA_EXIT_LOSS : QTA_EXIT_DONE);
}
