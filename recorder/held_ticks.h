/** @file held_ticks.h
 *  Ticks that are held back, in lists with a common bound. One thread; nothing is allocated after
 *  the pool. */
#ifndef QTA_RECORDER_HELD_TICKS_H
#define QTA_RECORDER_HELD_TICKS_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

struct qta_held_tick {
    struct qta_tick tick;
    uint64_t hash;   /**< of its content */
    int64_t time_ns; /**< when it came */
    struct qta_held_tick *next;
};

struct qta_held_pool {
    struct qta_held_tick *ticks; /* all of them; memory that was never used costs nothing */
    uint32_t count;
    uint32_t used;
    uint32_t held; /**< in lists now */
    struct qta_held_tick *free;
};

enum qta_status qta_held_pool_init(struct qta_held_pool *pool, uint32_t ticks,
                                   struct qta_error *err);
void qta_held_pool_finish(struct qta_held_pool *pool);

/** Zeros are an empty list. */
struct qta_held_list {
    struct qta_held_tick *first;
    struct qta_held_tick *last;
    uint32_t count;
};

/** Copies a tick to the end. False when the pool has no room. */
bool qta_held_list_put(struct qta_held_list *list, struct qta_held_pool *pool,
                       const struct qta_tick *tick, uint64_t hash, int64_t now_ns);

void qta_held_list_clear(struct qta_held_list *list, struct qta_held_pool *pool);

#endif
