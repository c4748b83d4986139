/** @file shard.h
 *  The connections that carry the same subscriptions: one, or several redundant lines; and the
 *  holes in what they bring.
 *
 *  Data is being missed while none of the lines can bring it. The first line on which it flows
 * again publishes what was missed as GAP ticks: of the provider when the shard has all of its
 *  subscriptions, else of every symbol that it has. Belongs to the network thread. */
#ifndef QTA_RECORDER_SHARD_H
#define QTA_RECORDER_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

#include "recorder/gap_book.h"
#include "recorder/line_arbiter.h"
#include "recorder/publisher.h"
#include "recorder/shard_map.h"

enum { QTA_SHARD_LINES_MAX = QTA_LINES_MAX };

/** What another shard missed of a symbol that it handed over. */
struct qta_inherited_gap {
    uint32_t symbol;
    enum qta_conn_cause cause;
    uint8_t channel; /**< enum qta_tick_type; 0: all */
    int64_t last_good_ns;
};

struct qta_shard {
    /* set by its owner, borrowed */
    struct qta_publisher *publisher;
    struct qta_gap_book *book; /**< the provider's */
    struct qta_dictionary *names;
    const struct qta_shard_map *map; /**< whose symbols have gaps; NULL: the whole provider's */
    size_t index;                    /**< in the map */
    uint32_t *epochs;                /**< the provider's connections that opened so far */
    uint16_t provider;
    bool is_redundant; /**< more than one line is wanted */

    /* its own */
    struct qta_line_arbiter *arbiter; /**< NULL where there is never more than one line */
    uint32_t flowing;                 /**< bits of the lines on which data can flow */
    bool has_flowed;                  /**< at some time in this run */
    bool is_gap_open;                 /**< data is being missed */
    enum qta_conn_cause gap_cause;
    int64_t last_good_ns; /**< wall clock: receive time of the last tick, or when data could flow */
    uint32_t missed_types; /**< bits of the types that are mute on all lines on which data flows */
    uint32_t mute_lines[QTA_TICK_MARKET_TYPE_END];       /**< bits of the lines that are mute */
    int64_t last_good_by_type[QTA_TICK_MARKET_TYPE_END]; /**< wall clock; 0: never yet */
    struct qta_inherited_gap *inherited;
    size_t inherited_count;
};

void qta_shard_finish(struct qta_shard *shard);

/** Makes one stream of what its lines bring. Before any has begun; otherwise there must be only
 * one. QTA_ERR_NOMEM. */
enum qta_status qta_shard_arbitrate(struct qta_shard *shard, struct qta_error *err);

/** A line's connection has opened, nothing is subscribed on it yet. */
void qta_shard_join(struct qta_shard *shard, unsigned line, int64_t now_ns);

/** It asks for more than it did; or all that it asked for has been answered. */
void qta_shard_ask(struct qta_shard *shard, unsigned line);
void qta_shard_answer(struct qta_shard *shard, unsigned line, int64_t now_ns);

/** A tick of a line, complete but for rx_seq, is published unless it has been. is_own_time: as for
 *  qta_publisher_publish(). */
void qta_shard_emit(struct qta_shard *shard, unsigned line, struct qta_tick *tick, bool is_own_time,
                    int64_t now_ns);

/** What is counted of a redundant line; NULL where only one line is wanted. */
const struct qta_line_counters *qta_shard_line_counters(const struct qta_shard *shard,
                                                        unsigned line);

/** The connection is gone. was_silent: nothing had come of it for long. */
void qta_shard_leave(struct qta_shard *shard, unsigned line, bool was_silent, int64_t now_ns);

/** Publishes what was held back for too long, while it was not known whether it was new. Returns
 *  when to call again, INT64_MAX for never. */
int64_t qta_shard_service(struct qta_shard *shard, int64_t now_ns);

/** True when nothing would be lost if the other lines were closed now: this one is known to bring
 *  all that they bring. */
bool qta_shard_is_proven(const struct qta_shard *shard, unsigned line, int64_t now_ns);

/** Before any line has begun: the session has a hole that this run did not see, QTA_CAUSE_NONE when
 *  it has none. */
void qta_shard_begin(struct qta_shard *shard, enum qta_conn_cause interruption);

/** Data can flow on a line, whose epoch that is. */
void qta_shard_flow(struct qta_shard *shard, unsigned line, uint32_t epoch);

/** A line was lost. QTA_CAUSE_NONE: on purpose, nothing is missed for it. */
void qta_shard_lose(struct qta_shard *shard, unsigned line, enum qta_conn_cause cause);

/** Ticks of a type have ceased to come on a line, and come again there. */
void qta_shard_mute(struct qta_shard *shard, unsigned line, unsigned type);
void qta_shard_unmute(struct qta_shard *shard, unsigned line, unsigned type);

/** A tick of a type that was missed: publishes what was missed of it. */
void qta_shard_hear(struct qta_shard *shard, unsigned type, uint32_t epoch);

/** The last line is closed on purpose: what was mute until now is on record, too. */
void qta_shard_close(struct qta_shard *shard, unsigned line, uint32_t epoch);

/** A symbol now is on another shard: what has been missed of it is told when that one next says
 * that data can flow; at once when memory is short. */
void qta_shard_hand_over(const struct qta_shard *from, struct qta_shard *to, const char *symbol);

/** Whether a tick that comes on this line must be told by qta_shard_flow() first. */
static inline bool qta_shard_is_new_flow(const struct qta_shard *shard, unsigned line)
{
    return (shard->flowing & (UINT32_C(1) << line)) == 0;
}

/** Whether a tick of this type must be told by qta_shard_hear() first. */
static inline bool qta_shard_misses(const struct qta_shard *shard, unsigned type)
{
    return (shard->missed_types & QTA_TYPE_BIT(type)) != 0;
}

/** A tick of the venue was published. */
static inline void qta_shard_note(struct qta_shard *shard, const struct qta_tick *tick)
{
    shard->last_good_ns = tick->ts_recv_ns;
    if (tick->type < QTA_TICK_MARKET_TYPE_END)
        shard->last_good_by_type[tick->type] = tick->ts_recv_ns;
}

#endif
