/** @file line_window.h
 *  What redundant lines do not agree on yet: the recent ticks of one stream, numbered from 0 as
 *  they were handed on, each with a hash of its content and the lines that have brought it.
 *
 *  Entries live in small chunks of one pool, so that a quiet stream costs next to nothing, a line
 *  that lags has room, and all of them together have a bound. Belongs to one thread; nothing is
 *  allocated after the pool. */
#ifndef QTA_RECORDER_LINE_WINDOW_H
#define QTA_RECORDER_LINE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

enum { QTA_LINE_CHUNK_ENTRIES = 16 };

/** What is known about an entry, as bits. */
enum qta_line_mark {
    QTA_LINE_NEW_KEY = 1 << 0, /**< later, or of another number, than the entry before */
    QTA_LINE_UNIQUE = 1 << 1,  /**< its number occurs once */
};

struct qta_line_entry {
    uint64_t hash;
    int64_t time_ns; /**< when the first copy came */
    uint8_t claims;  /**< bits of the lines that have brought it */
    uint8_t marks;   /**< enum qta_line_mark */
};

struct qta_line_chunk {
    struct qta_line_chunk *next;
    struct qta_line_entry entries[QTA_LINE_CHUNK_ENTRIES];
};

struct qta_line_pool {
    struct qta_line_chunk *chunks; /* all of them; memory that was never used costs nothing */
    size_t count;
    size_t used;
    struct qta_line_chunk *free;
};

enum qta_status qta_line_pool_init(struct qta_line_pool *pool, size_t chunks,
                                   struct qta_error *err);
void qta_line_pool_finish(struct qta_line_pool *pool);

/** Zeros are an empty window. Entries base to end - 1 are there. */
struct qta_line_window {
    uint64_t base;
    uint64_t end;
    struct qta_line_chunk *first; /* that of base */
    struct qta_line_chunk *last;  /* that of end - 1 */
};

static inline size_t qta_line_window_count(const struct qta_line_window *window)
{
    return (size_t)(window->end - window->base);
}

/** Entry `number`, which is there. Costs the more the further it is from both ends. */
struct qta_line_entry *qta_line_window_at(const struct qta_line_window *window, uint64_t number);

/** Puts an entry at the end. At most most_entries are kept, and no more than the pool has room for:
 *  base moves up where that is passed. Without any room not even this entry is kept. */
void qta_line_window_append(struct qta_line_window *window, struct qta_line_pool *pool,
                            const struct qta_line_entry *entry, size_t most_entries);

/** Forgets all before `number`, which is base to end. */
void qta_line_window_trim(struct qta_line_window *window, struct qta_line_pool *pool,
                          uint64_t number);

#endif
