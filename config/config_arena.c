/* Blocks of growing use: a configuration is a few hundred small strings. */
#include "config/config_arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 16 * 1024 };

struct qta_config_block {
    struct qta_config_block *next;
    size_t capacity_bytes;
    size_t used_bytes;
    alignas(max_align_t) unsigned char bytes[];
};

static struct qta_config_block *add_block(struct qta_config_arena *arena, size_t least_bytes)
{
    size_t capacity_bytes = least_bytes > BLOCK_BYTES ? least_bytes : BLOCK_BYTES;
    struct qta_config_block *block = calloc(1, sizeof *block + capacity_bytes);
    if (!block)
        return NULL;
    block->capacity_bytes = capacity_bytes;
    block->next = arena->blocks;
    arena->blocks = block;
    return block;
}

void *qta_config_arena_alloc(struct qta_config_arena *arena, size_t size_bytes)
{
    enum { ALIGNMENT = alignof(max_align_t) };
    struct qta_config_block *block = arena->blocks;
    if (size_bytes < SIZE_MAX / 2) {
        size_bytes = (size_bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        if (!block || block->capacity_bytes - block->used_bytes < size_bytes)
            block = add_block(arena, size_bytes);
    } else {
        block = NULL;
    }
    if (!block) {
        arena->is_exhausted = true;
        return NULL;
    }
    void *memory = block->bytes + block->used_bytes;
    block->used_bytes += size_bytes;
    return memory;
}

void *qta_config_arena_alloc_array(struct qta_config_arena *arena, size_t count, size_t item_bytes)
{
    size_t size_bytes;
    if (__builtin_mul_overflow(count, item_bytes, &size_bytes)) {
        arena->is_exhausted = true;
        return NULL;
    }
    return qta_config_arena_alloc(arena, size_bytes);
}

char *qta_config_arena_copy(struct qta_config_arena *arena, const char *text, size_t length)
{
    char *copy = qta_config_arena_alloc(arena, length + 1);
    if (copy && length > 0)
        memcpy(copy, text, length);
    return copy;
}

void qta_config_arena_finish(struct qta_config_arena *arena)
{
    while (arena->blocks) {
        struct qta_config_block *block = arena->blocks;
        arena->blocks = block->next;
        explicit_bzero(block->bytes, block->capacity_bytes);
        free(block);
    }
    arena->is_exhausted = false;
}
