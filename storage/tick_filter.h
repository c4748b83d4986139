/** @file tick_filter.h
 *  Which ticks of a session are wanted, with names as ids of the reader's dictionary. */
#ifndef QTA_STORAGE_TICK_FILTER_H
#define QTA_STORAGE_TICK_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/session.h>
#include <qta/tick.h>

/** A set of ids; everything while `is_all`. */
struct qta_id_set {
    bool is_all;
    uint8_t *has; /**< by id; owned */
    uint32_t capacity;
};

struct qta_tick_filter {
    int64_t from_ns;
    int64_t until_ns;
    int64_t event_from_ns;
    int64_t event_last_ns; /**< passes still */
    uint64_t from_seq;
    uint64_t until_seq;
    bool has_event_limit; /**< then ticks with an unknown ts_event do not pass */
    uint32_t types;
    struct qta_id_set symbols;
    struct qta_id_set providers;
};

/** Interns the names of `wanted` into names. QTA_ERR_NOMEM. */
enum qta_status qta_tick_filter_init(struct qta_tick_filter *filter,
                                     const struct qta_session_filter *wanted,
                                     struct qta_dictionary *names, struct qta_error *err);
void qta_tick_filter_finish(struct qta_tick_filter *filter);

static inline bool qta_id_set_has(const struct qta_id_set *set, uint32_t id)
{
    return set->is_all || (id < set->capacity && set->has[id]);
}

static inline bool qta_tick_filter_passes(const struct qta_tick_filter *filter,
                                          const struct qta_tick *tick)
{
    if (tick->type >= QTA_TICK_TYPE_END || !(filter->types & QTA_TYPE_BIT(tick->type)))
        return false;
    if (tick->rx_seq < filter->from_seq || tick->ts_recv_ns < filter->from_ns ||
        tick->rx_seq >= filter->until_seq || tick->ts_recv_ns >= filter->until_ns)
        return false;
    if (filter->has_event_limit &&
        (tick->ts_event_ns == QTA_TIME_UNKNOWN || tick->ts_event_ns < filter->event_from_ns ||
         tick->ts_event_ns > filter->event_last_ns))
        return false;
    if (!qta_id_set_has(&filter->providers, tick->provider))
        return false;
    return qta_id_set_has(&filter->symbols, tick->symbol) ||
           (tick->symbol == 0 && !qta_tick_is_market(tick));
}

#endif
