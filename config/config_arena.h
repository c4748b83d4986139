/** @file config_arena.h
 *  Memory of one configuration: everything in it is freed together, and wiped, since keys and
 *  secrets are among it. One thread. */
#ifndef QTA_CONFIG_CONFIG_ARENA_H
#define QTA_CONFIG_CONFIG_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct qta_config_block;

/** Start from zeroes. */
struct qta_config_arena {
    struct qta_config_block *blocks;
    bool is_exhausted; /**< an allocation has failed: the result is incomplete */
};

/** Zeroed memory, aligned for anything; NULL when memory is short (is_exhausted is set). */
void *qta_config_arena_alloc(struct qta_config_arena *arena, size_t size_bytes);

/** The same for count items of item_bytes; NULL also when the product does not fit. */
void *qta_config_arena_alloc_array(struct qta_config_arena *arena, size_t count, size_t item_bytes);

/** A copy of text[0..length) with a NUL behind it. NULL when memory is short. */
char *qta_config_arena_copy(struct qta_config_arena *arena, const char *text, size_t length);

/** Wipes and frees everything; the arena is empty then. */
void qta_config_arena_finish(struct qta_config_arena *arena);

#endif
