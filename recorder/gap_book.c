/* The tables by symbol are touched only as far as there are symbols. */
#include "recorder/gap_book.h"

#include <stdlib.h>

enum {
    OUTAGES = 1024, /* that snapshots can heal */
    TYPES = QTA_TICK_MARKET_TYPE_END,
    STREAMS = QTA_GAP_BOOK_SYMBOLS_MAX * TYPES,
};

enum qta_status qta_gap_book_create(struct qta_gap_book **out, const struct qta_adapter_ops *ops,
                                    struct qta_publisher *publisher, struct qta_error *err)
{
    struct qta_gap_book *book = calloc(1, sizeof *book);
    if (!book)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for gaps");
    enum qta_status status = QTA_OK;
    book->publisher = publisher;
    book->dense_types = ops->dense_types & QTA_TYPES_MARKET;
    book->types = book->dense_types | QTA_TYPE_BIT(QTA_TICK_BOOK);
    book->wholes = calloc(QTA_GAP_BOOK_SYMBOLS_MAX, sizeof *book->wholes);
    book->outages = calloc(OUTAGES, sizeof *book->outages);
    if (!book->wholes || !book->outages)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for gaps");
    else if (book->dense_types != 0)
        status = qta_sequence_watch_create(&book->numbers, STREAMS, err);
    if (status != QTA_OK) {
        qta_gap_book_destroy(book);
        return status;
    }
    *out = book;
    return QTA_OK;
}

void qta_gap_book_destroy(struct qta_gap_book *book)
{
    if (!book)
        return;
    qta_sequence_watch_destroy(book->numbers);
    free(book->wholes);
    free(book->outages);
    free(book);
}

/* ---- outages ----------------------------------------------------------------------------------
 */

void qta_gap_book_tell(struct qta_gap_book *book, struct qta_tick *tick)
{
    qta_publisher_publish_own(book->publisher, tick);
    qta_counter_add(&book->counts.gaps[tick->gap.cause], 1);
    if (tick->gap.channel != QTA_TICK_NONE && tick->gap.channel != QTA_TICK_BOOK)
        return;
    book->outage++;
    book->outages[book->outage % OUTAGES] = *tick;
}

void qta_gap_book_turn_page(struct qta_gap_book *book)
{
    book->page = book->outage;
    if (book->numbers)
        qta_sequence_watch_turn_page(book->numbers);
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static void fill_gap(struct qta_tick *out, const struct qta_tick *tick,
                     const struct qta_sequence_gap *gap, enum qta_gap_scope scope)
{
    qta_tick_init(out, QTA_TICK_GAP);
    out->provider = tick->provider;
    out->conn = tick->conn;
    if (scope == QTA_GAP_SYMBOL) {
        out->symbol = tick->symbol;
        out->gap.channel = tick->type;
    }
    out->gap.scope = (uint8_t)scope;
    out->gap.cause = QTA_CAUSE_SEQUENCE;
    out->gap.last_good_ns = gap->last_good_ns;
    out->gap.first_good_ns = gap->first_good_ns;
    out->gap.last_good_seq = gap->last_good;
    out->gap.first_good_seq = gap->first_good;
}

/* seq: of the gap's record; 0 where it could not be recorded. */
static void set_healed(struct qta_gap_book *book, const struct qta_tick *gap, uint64_t seq,
                       enum qta_gap_remedy remedy)
{
    if (book->has_healed)
        qta_gap_book_heal(book); /* a tick that was missing completes a snapshot, too */
    book->healed = *gap;
    book->healed.gap.resolves = seq != 0 ? seq : QTA_U64_NONE;
    book->healed.gap.resolved_by = (uint8_t)remedy;
    book->has_healed = true;
}

static void take_number(struct qta_gap_book *book, struct qta_sequence_watch *numbers,
                        uint32_t stream, uint64_t number, const struct qta_tick *tick,
                        enum qta_gap_scope scope, bool has_others)
{
    struct qta_sequence_gap gap;
    struct qta_tick record;
    enum qta_sequence_news news = qta_sequence_watch_see(numbers, stream, number, tick->ts_recv_ns,
                                                         &gap);
    if (news == QTA_SEQUENCE_GOOD)
        return;
    qta_counter_add(&book->counts.numbers[news], 1);
    if (news == QTA_SEQUENCE_MISSING)
        qta_counter_add(&book->counts.missing, gap.first_good - gap.last_good - 1);
    if (has_others || (news != QTA_SEQUENCE_MISSING && news != QTA_SEQUENCE_RESOLVED))
        return;
    fill_gap(&record, tick, &gap, scope);
    if (news == QTA_SEQUENCE_RESOLVED) {
        set_healed(book, &record, gap.rx_seq, QTA_REMEDY_LATE);
        return;
    }
    qta_gap_book_tell(book, &record);
    qta_sequence_watch_recorded(numbers, record.rx_seq);
}

void qta_gap_book_number(struct qta_gap_book *book, struct qta_sequence_watch *numbers,
                         const struct qta_tick *message, uint64_t number, bool has_others)
{
    take_number(book, numbers, 0, number, message, QTA_GAP_PROVIDER, has_others);
    if (book->has_healed)
        qta_gap_book_heal(book);
}

/* ---- order books ------------------------------------------------------------------------------
 */

/* The last level of a snapshot: the book is known as a whole. The last gap is told as healed when
 * it was known before that gap, too. */
static void take_snapshot(struct qta_gap_book *book, const struct qta_tick *tick)
{
    if (tick->symbol >= QTA_GAP_BOOK_SYMBOLS_MAX)
        return;
    uint32_t since = book->wholes[tick->symbol];
    book->wholes[tick->symbol] = book->outage + 1;
    if (since == 0)
        return;
    for (uint32_t i = book->outage; i >= since && book->outage - i < OUTAGES; i--) {
        const struct qta_tick *gap = &book->outages[i % OUTAGES];
        if (gap->gap.scope == QTA_GAP_SYMBOL && gap->symbol != tick->symbol)
            continue;
        struct qta_tick record = *gap;
        record.conn = tick->conn;
        record.symbol = tick->symbol;
        record.gap.scope = QTA_GAP_SYMBOL;
        record.gap.channel = QTA_TICK_BOOK;
        set_healed(book, &record, i > book->page ? gap->rx_seq : 0, QTA_REMEDY_SNAPSHOT);
        return;
    }
}

void qta_gap_book_see(struct qta_gap_book *book, const struct qta_tick *tick)
{
    const uint32_t whole = QTA_FLAG_BOOK_SNAPSHOT | QTA_FLAG_BOOK_LAST;
    if ((book->dense_types & QTA_TYPE_BIT(tick->type)) && tick->src_seq != QTA_U64_NONE) {
        uint32_t stream = tick->symbol < QTA_GAP_BOOK_SYMBOLS_MAX
                              ? tick->symbol * TYPES + tick->type
                              : UINT32_MAX;
        take_number(book, book->numbers, stream, tick->src_seq, tick, QTA_GAP_SYMBOL, false);
    }
    if (tick->type == QTA_TICK_BOOK && (tick->flags & whole) == whole)
        take_snapshot(book, tick);
}

void qta_gap_book_heal(struct qta_gap_book *book)
{
    book->has_healed = false;
    qta_publisher_publish_own(book->publisher, &book->healed);
    qta_counter_add(&book->counts.resolved[book->healed.gap.resolved_by], 1);
}

uint64_t qta_gap_counts_total(const struct qta_gap_counts *counts)
{
    uint64_t total = 0;
    for (int cause = 0; cause < QTA_GAP_CAUSES; cause++)
        total += qta_counter_read(&counts->gaps[cause]);
    return total;
}
