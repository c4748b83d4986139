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
    tick.gap.channel = gap->channel;
    tick.gap.last_good_ns = gap->last_good_ns;
    tick.gap.first_good_ns = QTA_TIME_UNKNOWN; /* the publisher's: when it is published */
    qta_gap_book_tell(shard->book, &tick);
}

/* Of the provider, or of every symbol of the shard. */
static void publish_gaps(struct qta_shard *shard, uint32_t epoch, struct qta_inherited_gap gap)
{
    size_t cursor = 0;
    if (!shard->map) {
        publish_gap(shard, epoch, &gap);
        return;
    }
    for (const char *symbol; (symbol = qta_shard_map_next(shard->map, shard->index, &cursor));) {
        gap.symbol = symbol_id(shard, symbol);
        publish_gap(shard, epoch, &gap);
    }
}

static void publish_outage(struct qta_shard *shard, uint32_t epoch)
{
    publish_gaps(
        shard, epoch,
        (struct qta_inherited_gap){.cause = shard->gap_cause, .last_good_ns = shard->last_good_ns});
    shard->is_gap_open = false;
}

void qta_shard_flow(struct qta_shard *shard, unsigned line, uint32_t epoch)
{
    assert(line < QTA_SHARD_LINES_MAX);
    if (shard->is_gap_open)
        publish_outage(shard, epoch);
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
    for (unsigned type = 0; type < QTA_TICK_MARKET_TYPE_END; type++)
        qta_shard_unmute(shard, line, type);
    if (cause != QTA_CAUSE_NONE && shard->has_flowed && shard->flowing == 0)
        open_gap(shard, cause);
}

void qta_shard_mute(struct qta_shard *shard, unsigned line, unsigned type)
{
    assert(type < QTA_TICK_MARKET_TYPE_END);
    shard->mute_lines[type] |= UINT32_C(1) << line;
    if ((shard->flowing & ~shard->mute_lines[type]) == 0)
        shard->missed_types |= QTA_TYPE_BIT(type);
}

void qta_shard_unmute(struct qta_shard *shard, unsigned line, unsigned type)
{
    assert(type < QTA_TICK_MARKET_TYPE_END);
    shard->mute_lines[type] &= ~(UINT32_C(1) << line);
}

void qta_shard_hear(struct qta_shard *shard, unsigned type, uint32_t epoch)
{
    assert(type < QTA_TICK_MARKET_TYPE_END);
    int64_t last_ns = shard->last_good_by_type[type];
    shard->missed_types &= ~QTA_TYPE_BIT(type);
    shard->mute_lines[type] = 0;
    publish_gaps(
        shard, epoch,
        (struct qta_inherited_gap){.cause = QTA_CAUSE_MUTE,
                                   .channel = (uint8_t)type,
                                   .last_good_ns = last_ns != 0 ? last_ns : QTA_TIME_UNKNOWN});
}

void qta_shard_close(struct qta_shard *shard, unsigned line, uint32_t epoch)
{
    if ((shard->flowing & ~(UINT32_C(1) << line)) != 0)
        return;
    if (shard->is_gap_open && shard->gap_cause == QTA_CAUSE_MUTE)
        publish_outage(shard, epoch);
    for (unsigned type = 1; type < QTA_TICK_MARKET_TYPE_END; type++)
        if (qta_shard_misses(shard, type))
            qta_shard_hear(shard, type, epoch);
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

/* ---- ticks ------------------------------------------------------------------------------------
 */

static void publish(struct qta_shard *shard, struct qta_tick *tick, bool is_own_time)
{
    struct qta_gap_book *book = shard->book;
    if (qta_gap_book_is_for(book, tick))
        qta_gap_book_see(book, tick);
    qta_publisher_publish(shard->publisher, tick, is_own_time);
    if (book->has_healed)
        qta_gap_book_heal(book);
}

static void deliver(void *user, unsigned line, struct qta_tick *tick)
{
    (void)line;
    publish(user, tick, false);
}

enum qta_status qta_shard_arbitrate(struct qta_shard *shard, struct qta_error *err)
{
    assert(!shard->arbiter);
    struct qta_line_arbiter_options options = qta_line_arbiter_options_default();
    options.deliver = deliver;
    options.user = shard;
    return qta_line_arbiter_create(&shard->arbiter, &options, err);
}

void qta_shard_join(struct qta_shard *shard, unsigned line, int64_t now_ns)
{
    if (shard->arbiter)
        qta_line_arbiter_join(shard->arbiter, line, now_ns);
}

void qta_shard_ask(struct qta_shard *shard, unsigned line)
{
    if (shard->arbiter)
        qta_line_arbiter_extend(shard->arbiter, line);
}

void qta_shard_answer(struct qta_shard *shard, unsigned line, int64_t now_ns)
{
    if (shard->arbiter)
        qta_line_arbiter_settle(shard->arbiter, line, now_ns);
}

void qta_shard_emit(struct qta_shard *shard, unsigned line, struct qta_tick *tick, bool is_own_time,
                    int64_t now_ns)
{
    if (shard->arbiter)
        qta_line_arbiter_offer(shard->arbiter, line, tick, now_ns);
    else
        publish(shard, tick, is_own_time);
}

const struct qta_line_counters *qta_shard_line_counters(const struct qta_shard *shard,
                                                        unsigned line)
{
    return shard->is_redundant ? qta_line_arbiter_counters(shard->arbiter, line) : NULL;
}

void qta_shard_leave(struct qta_shard *shard, unsigned line, bool was_silent, int64_t now_ns)
{
    if (shard->arbiter)
        qta_line_arbiter_leave(shard->arbiter, line, was_silent, now_ns);
}

int64_t qta_shard_service(struct qta_shard *shard, int64_t now_ns)
{
    if (!shard->arbiter)
        return INT64_MAX;
    if (qta_line_arbiter_due_ns(shard->arbiter) <= now_ns) {
        qta_line_arbiter_service(shard->arbiter, now_ns);
        qta_publisher_flush(shard->publisher);
    }
    return qta_line_arbiter_due_ns(shard->arbiter);
}

bool qta_shard_is_proven(const struct qta_shard *shard, unsigned line, int64_t now_ns)
{
    return !shard->arbiter || qta_line_arbiter_is_proven(shard->arbiter, line, now_ns);
}

void qta_shard_finish(struct qta_shard *shard)
{
    qta_line_arbiter_destroy(shard->arbiter);
    free(shard->inherited);
}
