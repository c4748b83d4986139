/* A list of chunks. A chunk holds the entries whose numbers agree but for their last four bits, so
 * that a number says by itself how many chunks it is away. */
#include "recorder/line_window.h"

#include <assert.h>
#include <stdlib.h>

static uint64_t chunk_of(uint64_t number)
{
    return number / QTA_LINE_CHUNK_ENTRIES;
}

enum qta_status qta_line_pool_init(struct qta_line_pool *pool, size_t chunks, struct qta_error *err)
{
    assert(chunks > 0);
    *pool = (struct qta_line_pool){.chunks = calloc(chunks, sizeof *pool->chunks), .count = chunks};
    if (!pool->chunks)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for redundant lines");
    return QTA_OK;
}

static bool has_free(const struct qta_line_pool *pool)
{
    return pool->free || pool->used < pool->count;
}

static struct qta_line_chunk *take(struct qta_line_pool *pool)
{
    struct qta_line_chunk *chunk = pool->free;
    if (chunk)
        pool->free = chunk->next;
    else
        chunk = &pool->chunks[pool->used++];
    chunk->next = NULL;
    return chunk;
}

void qta_line_pool_finish(struct qta_line_pool *pool)
{
    free(pool->chunks);
    *pool = (struct qta_line_pool){0};
}

struct qta_line_entry *qta_line_window_at(const struct qta_line_window *window, uint64_t number)
{
    assert(number >= window->base && number < window->end);
    struct qta_line_chunk *chunk = window->last;
    if (chunk_of(number) != chunk_of(window->end - 1)) {
        chunk = window->first;
        for (uint64_t i = chunk_of(window->base); i < chunk_of(number); i++)
            chunk = chunk->next;
    }
    return &chunk->entries[number % QTA_LINE_CHUNK_ENTRIES];
}

static void drop_first_chunk(struct qta_line_window *window, struct qta_line_pool *pool)
{
    struct qta_line_chunk *chunk = window->first;
    window->first = chunk->next;
    if (!window->first)
        window->last = NULL;
    chunk->next = pool->free;
    pool->free = chunk;
}

void qta_line_window_trim(struct qta_line_window *window, struct qta_line_pool *pool,
                          uint64_t number)
{
    assert(number >= window->base && number <= window->end);
    uint64_t chunk = chunk_of(window->base);
    window->base = number;
    for (; chunk < chunk_of(number) && window->first; chunk++)
        drop_first_chunk(window, pool);
}

static bool add_chunk(struct qta_line_window *window, struct qta_line_pool *pool)
{
    if (!has_free(pool) && window->first) /* its own past makes room */
        qta_line_window_trim(window, pool, (chunk_of(window->base) + 1) * QTA_LINE_CHUNK_ENTRIES);
    if (!has_free(pool))
        return false;
    struct qta_line_chunk *chunk = take(pool);
    if (window->last)
        window->last->next = chunk;
    else
        window->first = chunk;
    window->last = chunk;
    return true;
}

void qta_line_window_append(struct qta_line_window *window, struct qta_line_pool *pool,
                            const struct qta_line_entry *entry, size_t most_entries)
{
    uint64_t number = window->end;
    bool is_chunk_new = number % QTA_LINE_CHUNK_ENTRIES == 0 || !window->last;
    if (is_chunk_new && !add_chunk(window, pool)) {
        window->end++;
        window->base = window->end;
        return;
    }
    window->last->entries[number % QTA_LINE_CHUNK_ENTRIES] = *entry;
    window->end++;
    if (qta_line_window_count(window) > most_entries)
        qta_line_window_trim(window, pool, window->end - most_entries);
}
