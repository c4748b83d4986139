/* Lists of structs from one array. */
#include "recorder/held_ticks.h"

#include <assert.h>
#include <stdlib.h>

enum qta_status qta_held_pool_init(struct qta_held_pool *pool, uint32_t ticks,
                                   struct qta_error *err)
{
    assert(ticks > 0);
    *pool = (struct qta_held_pool){.ticks = calloc(ticks, sizeof *pool->ticks), .count = ticks};
    if (!pool->ticks)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for redundant lines");
    return QTA_OK;
}

void qta_held_pool_finish(struct qta_held_pool *pool)
{
    free(pool->ticks);
    *pool = (struct qta_held_pool){0};
}

bool qta_held_list_put(struct qta_held_list *list, struct qta_held_pool *pool,
                       const struct qta_tick *tick, uint64_t hash, int64_t now_ns)
{
    struct qta_held_tick *held = pool->free;
    if (held)
        pool->free = held->next;
    else if (pool->used < pool->count)
        held = &pool->ticks[pool->used++];
    else
        return false;
    *held = (struct qta_held_tick){*tick, hash, now_ns, NULL};
    if (list->last)
        list->last->next = held;
    else
        list->first = held;
    list->last = held;
    list->count++;
    pool->held++;
    return true;
}

void qta_held_list_clear(struct qta_held_list *list, struct qta_held_pool *pool)
{
    if (list->count == 0)
        return;
    list->last->next = pool->free;
    pool->free = list->first;
    pool->held -= list->count;
    *list = (struct qta_held_list){0};
}
