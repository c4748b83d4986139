/* Open addressing with linear probing; never more than half full. */
#include "storage/name_map.h"

#include <stdlib.h>
#include <string.h>

static uint64_t key_of(enum qta_name_kind kind, uint32_t id)
{
    return ((uint64_t)kind << 32 | id) + 1;
}

/* Fibonacci hashing: ids are mostly consecutive, which this spreads without clusters. */
static size_t slot_of(const struct qta_name_map *map, uint64_t key)
{
    const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
    size_t mask = map->capacity - 1;
    size_t slot = (size_t)((key * golden) >> 32) & mask;
    while (map->keys[slot] != 0 && map->keys[slot] != key)
        slot = (slot + 1) & mask;
    return slot;
}

static bool grow(struct qta_name_map *map)
{
    struct qta_name_map grown = {.capacity = map->capacity ? map->capacity * 2 : 64};
    grown.keys = calloc(grown.capacity, sizeof *grown.keys);
    grown.values = calloc(grown.capacity, sizeof *grown.values);
    if (!grown.keys || !grown.values) {
        qta_name_map_finish(&grown);
        return false;
    }
    for (size_t i = 0; i < map->capacity; i++) {
        if (map->keys[i] == 0)
            continue;
        size_t slot = slot_of(&grown, map->keys[i]);
        grown.keys[slot] = map->keys[i];
        grown.values[slot] = map->values[i];
    }
    grown.count = map->count;
    struct qta_name_map before = *map;
    *map = grown;
    qta_name_map_finish(&before);
    return true;
}

void qta_name_map_finish(struct qta_name_map *map)
{
    free(map->keys);
    free(map->values);
    *map = (struct qta_name_map){0};
}

void qta_name_map_clear(struct qta_name_map *map)
{
    if (map->count > 0)
        memset(map->keys, 0, map->capacity * sizeof *map->keys);
    map->count = 0;
}

bool qta_name_map_set(struct qta_name_map *map, enum qta_name_kind kind, uint32_t id,
                      uint32_t value)
{
    if (map->count * 2 >= map->capacity && !grow(map))
        return false;
    size_t slot = slot_of(map, key_of(kind, id));
    if (map->keys[slot] == 0) {
        map->keys[slot] = key_of(kind, id);
        map->count++;
    }
    map->values[slot] = value;
    return true;
}

bool qta_name_map_get(const struct qta_name_map *map, enum qta_name_kind kind, uint32_t id,
                      uint32_t *value)
{
    if (map->capacity == 0)
        return false;
    size_t slot = slot_of(map, key_of(kind, id));
    if (map->keys[slot] == 0)
        return false;
    *value = map->values[slot];
    return true;
}
