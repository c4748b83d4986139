/* A line a subject; what did not happen is left out, but for what everybody wants to be sure of. */
#include "tools/run_summary.h"

#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "tools/program.h"

enum { LINE_BYTES = 512 };

/* Unknown kinds of messages are none of ours. */
uint64_t qta_run_summary_unreadable(const struct qta_gateway_stats *stats)
{
    return stats->faults[QTA_FAULT_SYNTAX] + stats->faults[QTA_FAULT_TOO_LARGE] +
           stats->faults[QTA_FAULT_TOO_DEEP] + stats->faults[QTA_FAULT_UTF8] +
           stats->faults[QTA_FAULT_MISSING] + stats->faults[QTA_FAULT_VALUE];
}

/* "1,234 ticks in 5 s (trade 1,000, quote 234), latency 2 ms to 9 ms" */
static void describe_ticks(const struct qta_run_summary *summary, char line[LINE_BYTES])
{
    const struct qta_gateway_stats *stats = summary->stats;
    char number[QTA_NUMBER_TEXT_BYTES];
    char passed[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(summary->passed_ns, passed);
    snprintf(line, LINE_BYTES, "%s ticks in %s", qta_number_print(stats->market_ticks, number),
             passed);
    const char *before = " (";
    for (unsigned type = 0; type < QTA_TICK_MARKET_TYPE_END; type++) {
        if (stats->ticks_by_type[type] == 0)
            continue;
        size_t used = strlen(line);
        snprintf(line + used, LINE_BYTES - used, "%s%s %s", before, qta_tick_type_name(type),
                 qta_number_print(stats->ticks_by_type[type], number));
        before = ", ";
    }
    if (stats->market_ticks == 0)
        return;
    char least[QTA_TIMESTAMP_TEXT_BYTES];
    char most[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(stats->latency_ns_min, least);
    qta_duration_print(stats->latency_ns_max, most);
    size_t used = strlen(line);
    snprintf(line + used, LINE_BYTES - used, "), latency %s to %s", least, most);
}

static void describe_connections(const struct qta_gateway_stats *stats, char line[LINE_BYTES])
{
    char numbers[4][QTA_NUMBER_TEXT_BYTES];
    uint64_t all_faults = 0;
    for (size_t i = 0; i < QTA_FAULT_COUNT; i++)
        all_faults += stats->faults[i];
    snprintf(line, LINE_BYTES,
             "connections: %s opened, %s closed or lost; gaps: %s; messages not understood: %s",
             qta_number_print(stats->connects, numbers[0]),
             qta_number_print(stats->disconnects, numbers[1]),
             qta_number_print(stats->ticks_by_type[QTA_TICK_GAP], numbers[2]),
             qta_number_print(all_faults, numbers[3]));
}

void qta_run_summary_tell(const struct qta_run_summary *summary,
                          void (*show)(void *user, const char *line), void *user)
{
    const struct qta_gateway_stats *stats = summary->stats;
    char line[LINE_BYTES];
    char numbers[2][QTA_NUMBER_TEXT_BYTES];
    describe_ticks(summary, line);
    show(user, line);
    if (summary->is_shown_limited && summary->shown < stats->market_ticks) {
        snprintf(line, sizeof line,
                 "shown: %s, as asked for; the others had come in when the end was decided",
                 qta_number_print(summary->shown, numbers[0]));
        show(user, line);
    }
    describe_connections(stats, line);
    show(user, line);
    snprintf(line, sizeof line, "ticks that came too fast for the output: %s",
             qta_number_print(stats->dropped, numbers[0]));
    show(user, line);
    if (stats->refused_subscriptions > 0) {
        snprintf(line, sizeof line, "subscriptions refused by a provider: %s",
                 qta_number_print(stats->refused_subscriptions, numbers[0]));
        show(user, line);
    }
    if (stats->outages > 0) {
        snprintf(line, sizeof line,
                 "not recorded because the disk was full or failed: %s ticks and events, in %s "
                 "outages",
                 qta_number_print(stats->unrecorded, numbers[0]),
                 qta_number_print(stats->outages, numbers[1]));
        show(user, line);
    }
    if (summary->session_path[0] != '\0') {
        snprintf(line, sizeof line, "session: %s", summary->session_path);
        show(user, line);
    }
}
