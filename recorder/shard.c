/* When data is being missed, and telling so. */
#include "recorder/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void open_gap(struct qta_shard *shard, enum qta_conn_cause cause)
{
    if (shard->is_gap_open)
        return;
    shard->is_gap_open = true;
    shard->gap_cause = cause;
}

void qta_shard_begin(struct qta_shard *shard, enum qta_conn_cause interruption)
{
    shard->last_good_ns = qta_publisher_now_ns(shard->publisher);
    if (interruption != QTA_CAUSE_NONE)
        open_gap(shard, interruption);
}

static uint32_t symbol_id(const struct qta_shard *shard, const char *symbol)
{
    return qta_dictionary_intern(shard->names, QTA_NAME_SYMBOL, symbol, strlen(symbol));
}

static void publish_gap(struct qta_shard *shard, uint32_t epoch,
                        const struct qta_inherited_gap *gap)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_GAP);
    tick.provider = shard->provider;
    tick.conn = epoch;
    tick.symbol = gap->symbol;
    tick.gap.scope = gap->symbol != 0 ? QTA_GAP_SYMBOL : QTA_GAP_PROVIDER;
    tick.gap.cause = (uint8_t)gap->cause;
    tick.gap.last_good_ns = gap->last_good_ns;
    tick.gap.first_good_ns = QTA_TIME_UNKNOWN; /* the publisher's: when it is published */
    qta_gap_book_tell(shard->book, &tick);
}

static void publish_gaps(struct qta_shard *shard, uint32_t epoch)
{
    size_t cursor = 0;
    struct qta_inherited_gap gap = {.cause = shard->gap_cause, .last_good_ns = shard->last_good_ns};
    if (!shard->map) {
        publish_gap(shard, epoch, &gap);
        return;
    }
    for (const char *symbol; (symbol = qta_shard_map_next(shard->map, shard->index, &cursor));) {
        gap.symbol = symbol_id(shard, symbol);
        publish_gap(shard, epoch, &gap);
    }
}

void qta_shard_flow(struct qta_shard *shard, unsigned line, uint32_t epoch)
{
    assert(line < QTA_SHARD_LINES_MAX);
    if (shard->is_gap_open)
        publish_gaps(shard, epoch);
    for (size_t i = 0; i < shard->inherited_count; i++)
        publish_gap(shard, epoch, &shard->inherited[i]);
    shard->inherited_count = 0;
    shard->is_gap_open = false;
    shard->has_flowed = true;
    shard->flowing |= UINT32_C(1) << line;
    shard->last_good_ns = qta_publisher_now_ns(shard->publisher);
}

void qta_shard_lose(struct qta_shard *shard, unsigned line, enum qta_conn_cause cause)
{
    shard->flowing &= ~(UINT32_C(1) << line);
    if (cause != QTA_CAUSE_NONE && shard->has_flowed && shard->flowing == 0)
        open_gap(shard, cause);
}

void qta_shard_hand_over(const struct qta_shard *from, struct qta_shard *to, const char *symbol)
{
    if (!from->is_gap_open)
        return;
    const struct qta_inherited_gap gap = {.symbol = symbol_id(to, symbol),
                                          .cause = from->gap_cause,
                                          .last_good_ns = from->last_good_ns};
    struct qta_inherited_gap *longer = realloc(to->inherited,
                                               (to->inherited_count + 1) * sizeof *longer);
    if (!longer) {
        publish_gap(to, *to->epochs, &gap);
        return;
    }
    longer[to->inherited_count++] = gap;
    to->inherited = longer;
}

void qta_shard_finish(struct qta_shard *shard)
{
    free(shard->inherited);
}
