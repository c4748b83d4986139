/* qta-session gaps: what is not in sessions, and why. */
#include <inttypes.h>
#include <stdio.h>

#include <qta/archive.h>
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
     .help = "one JSON object for each, on a line of its own"},
};

static const struct qta_option_help_row kind_rows[] = {
    {"gap", "data of a venue was missed: from the last good record to the first one after it"},
    {"drop",
     "a subscriber was too slow and missed ticks, which are recorded; or, where detail says "
     "'recording', the disk took no more, and they are not"},
    {"connection", "a connection was lost, until it was ready again"},
    {"hole", "records that a repair found lost"},
    {"damage", "records that are lost and not repaired; exit status 3"},
    {NULL, NULL},
};

static const struct qta_option_help_row name_rows[] = {
    {"session, kind", "the path as it was given, and one of the above"},
    {"from, until, duration_ns", "null when that is not known: it may last until now"},
    {"records", "that are missing; null when that is not known"},
    {"provider, symbol, scope, channel, cause, detail",
     "null when there is none; channel: the type of ticks that was missed, null for all"},
    {"resolved_by, resolved",
     "how and when a gap was healed: 'late' (what was missing came after all), 'snapshot' (the "
     "order book is true again, and nothing else), 'backfill'; null when it was not"},
    {NULL, NULL},
};

static const struct qta_option_help_row example_rows[] = {
    {"qta-session gaps sessions/2024-05-01", "what was missed that day"},
    {"qta-session gaps --json sessions/* | jq -s 'map(.duration_ns // 0) | add'",
     "for how long in all"},
    {NULL, NULL},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Kinds", .rows = kind_rows},
    {.title = "Names in the JSON object", .rows = name_rows, .is_stacked = true},
    {.title = "Examples", .rows = example_rows, .is_stacked = true},
    {.title = NULL},
};

static const struct qta_option_table table = {
    .program = "qta-session gaps",
    .synopsis = "[--json] SESSION...",
    .summary = "Lists what is not in sessions, in order of time: from when, for how long, of which "
               "provider or symbol, and why. A line on stderr sums it up. Works while a session is "
               "being recorded.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
};

struct listing {
    const char *path;
    bool is_json;
    uint64_t counts[QTA_OUTAGE_KIND_END];
    uint64_t resolved; /* gaps */
    uint64_t records;  /* of holes and damage */
};

static bool has_duration(const struct qta_outage *outage)
{
    return outage->from_ns != QTA_TIME_UNKNOWN && outage->until_ns != QTA_TIME_UNKNOWN &&
           outage->until_ns >= outage->from_ns;
}

static void print_json_text(const char *name, const char *text)
{
    if (text[0] == '\0') {
        printf(",\"%s\":null", name);
        return;
    }
    printf(",\"%s\":\"", name);
    qta_escaped_print(stdout, text, true);
    printf("\"");
}

static void print_json(const char *path, const struct qta_outage *outage)
{
    char from[QTA_TIMESTAMP_TEXT_BYTES];
    char until[QTA_TIMESTAMP_TEXT_BYTES];
    char resolved[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(outage->from_ns, from);
    qta_timestamp_print(outage->until_ns, until);
    qta_timestamp_print(outage->resolved_ns, resolved);
    printf("{\"session\":\"");
    qta_escaped_print(stdout, path, true);
    printf("\",\"kind\":\"%s\"", qta_outage_kind_name(outage->kind));
    print_json_text("from", from);
    print_json_text("until", until);
    if (has_duration(outage))
        printf(",\"duration_ns\":%" PRId64, outage->until_ns - outage->from_ns);
    else
        printf(",\"duration_ns\":null");
    if (outage->records > 0)
        printf(",\"records\":%" PRIu64, outage->records);
    else
        printf(",\"records\":null");
    print_json_text("provider", outage->provider);
    print_json_text("symbol", outage->symbol);
    print_json_text("scope", outage->scope);
    print_json_text("channel", outage->channel);
    print_json_text("cause", outage->cause);
    print_json_text("detail", outage->detail);
    print_json_text("resolved_by", outage->resolved_by);
    print_json_text("resolved", resolved);
    printf("}\n");
}

static void print_word(const char *text)
{
    if (text[0] == '\0')
        return;
    printf("  ");
    qta_escaped_print(stdout, text, false);
}

static void print_text(const char *path, const struct qta_outage *outage)
{
    char from[QTA_TIMESTAMP_TEXT_BYTES] = "unknown";
    char duration[QTA_TIMESTAMP_TEXT_BYTES] = "-";
    char records[QTA_NUMBER_TEXT_BYTES];
    if (outage->from_ns != QTA_TIME_UNKNOWN)
        qta_timestamp_print(outage->from_ns, from);
    if (has_duration(outage))
        qta_duration_print(outage->until_ns - outage->from_ns, duration);
    qta_escaped_print(stdout, path, false);
    printf("  %-30s  %-10s  %-10s", from, duration, qta_outage_kind_name(outage->kind));
    print_word(outage->provider);
    print_word(outage->symbol);
    print_word(outage->scope);
    print_word(outage->channel);
    print_word(outage->cause);
    if (outage->records > 0)
        printf("  %s records", qta_number_print(outage->records, records));
    print_word(outage->detail);
    if (outage->resolved_by[0] != '\0')
        printf("  (resolved by %s)", outage->resolved_by);
    printf("\n");
}

static void print_outage(void *user, const struct qta_outage *outage)
{
    struct listing *listing = user;
    listing->counts[outage->kind]++;
    listing->resolved += outage->resolved_by[0] != '\0';
    if (outage->kind == QTA_OUTAGE_HOLE)
        listing->records += outage->records;
    if (listing->is_json)
        print_json(listing->path, outage);
    else
        print_text(listing->path, outage);
}

static void print_summary(const struct listing *listing)
{
    char lost[QTA_NUMBER_TEXT_BYTES];
    fflush(stdout);
    fprintf(stderr,
            "gaps: %" PRIu64 " (%" PRIu64 " resolved), drops: %" PRIu64
            ", lost connections: %" PRIu64 ", known holes: %" PRIu64
            " (%s records), damaged places: %" PRIu64 "\n",
            listing->counts[QTA_OUTAGE_GAP], listing->resolved, listing->counts[QTA_OUTAGE_DROP],
            listing->counts[QTA_OUTAGE_CONNECTION], listing->counts[QTA_OUTAGE_HOLE],
            qta_number_print(listing->records, lost), listing->counts[QTA_OUTAGE_DAMAGE]);
}

int qta_command_gaps(int argc, char **argv)
{
    struct settings settings = {0};
    struct qta_option_operands sessions;
    int exit_code;
    if (!qta_option_table_parse(&table, argc, argv, &settings, &sessions, &exit_code))
        return exit_code;
    struct listing listing = {.is_json = settings.is_json};
    enum qta_exit status = QTA_EXIT_DONE;
    for (size_t i = 0; i < sessions.count; i++) {
        struct qta_error err;
        listing.path = sessions.items[i];
        if (qta_session_outages_read(sessions.items[i], print_outage, &listing, &err) != QTA_OK)
            status = qta_program_worse(status, qta_program_fail(&err));
    }
    print_summary(&listing);
    if (listing.counts[QTA_OUTAGE_DAMAGE] > 0)
        status = qta_program_worse(status, QTA_EXIT_LOSS);
    return (int)qta_program_finish(status);
}
