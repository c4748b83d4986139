/** @file gap_book.h
 *  What has been missed of a provider, and what has healed: every GAP record of a provider is
 *  published here, and counted.
 *
 *  Three things lead to one. An outage, which the shards tell. A number that the venue left out,
 *  where its adapter says that numbers have no holes (see dense_types in qta/adapter.h): the record
 *  stands in front of the tick that came instead. And what heals: the missing numbers came late, or
 *  the venue sent the whole order book of a symbol that had one before the gap; that record stands
 *  behind the tick that completed it.
 *
 *      if (qta_gap_book_is_for(book, tick)) qta_gap_book_see(book, tick);
 *      qta_publisher_publish(publisher, tick, ...);
 *      if (book->has_healed) qta_gap_book_heal(book);
 *
 *  Belongs to the network thread; counts may be read by any. */
#ifndef QTA_RECORDER_GAP_BOOK_H
#define QTA_RECORDER_GAP_BOOK_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "recorder/counters.h"
#include "recorder/publisher.h"
#include "recorder/sequence_watch.h"

enum {
    QTA_GAP_CAUSES = QTA_CAUSE_MUTE + 1,
    QTA_GAP_REMEDIES = QTA_REMEDY_BACKFILL + 1,
    QTA_GAP_BOOK_SYMBOLS_MAX = 1 << 16, /* whose order books are looked after */
};

struct qta_gap_counts {
    _Atomic uint64_t gaps[QTA_GAP_CAUSES];
    _Atomic uint64_t resolved[QTA_GAP_REMEDIES];
    _Atomic uint64_t numbers[QTA_SEQUENCE_NEWS_COUNT];
    _Atomic uint64_t missing; /**< numbers, also those that came later */
};

struct qta_gap_book {
    uint32_t types; /**< bits of the tick types that are looked at */
    bool has_healed;
    uint32_t dense_types;
    struct qta_publisher *publisher;
    struct qta_sequence_watch *numbers; /**< by symbol and type; NULL: there are none */
    struct qta_gap_counts counts;
    struct qta_tick healed; /**< to be published next */
    uint32_t *wholes;       /**< by symbol: the last outage when its order book was last known as a
                               whole, plus 1; 0: never */
    struct qta_tick *outages; /**< the last ones of order books, round */
    uint32_t outage;          /**< number of the last one, from 1 */
    uint32_t page;            /**< up to this one they are on record in another session */
};

/** publisher is borrowed. QTA_ERR_NOMEM. */
enum qta_status qta_gap_book_create(struct qta_gap_book **out, const struct qta_adapter_ops *ops,
                                    struct qta_publisher *publisher, struct qta_error *err);
/** NULL is fine. */
void qta_gap_book_destroy(struct qta_gap_book *book);

/** A GAP tick of an outage, complete but for its times: publishes it. */
void qta_gap_book_tell(struct qta_gap_book *book, struct qta_tick *tick);

/** A number of a connection that counts its messages; numbers watches its stream 0; of the message
 *  ts_recv_ns, provider and conn matter. has_others: other connections carry the same data, so that
 *  what is missing here is counted and no gap. */
void qta_gap_book_number(struct qta_gap_book *book, struct qta_sequence_watch *numbers,
                         const struct qta_tick *message, uint64_t number, bool has_others);

static inline bool qta_gap_book_is_for(const struct qta_gap_book *book, const struct qta_tick *tick)
{
    return (book->types & QTA_TYPE_BIT(tick->type)) != 0;
}

/** A tick that will be published next, provider and conn filled in. */
void qta_gap_book_see(struct qta_gap_book *book, const struct qta_tick *tick);

/** Publishes what has_healed. */
void qta_gap_book_heal(struct qta_gap_book *book);

/** A new session begins. */
void qta_gap_book_turn_page(struct qta_gap_book *book);

/** How many gaps have been recorded, of all causes. */
uint64_t qta_gap_counts_total(const struct qta_gap_counts *counts);

#endif
