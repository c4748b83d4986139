/** @file name_map.h
 *  From the ids of one file to something of ours: ids in a dictionary, or places in a list.
 *
 *  A hash table, because ids of hostile or long sessions are any 32-bit numbers. */
#ifndef QTA_STORAGE_NAME_MAP_H
#define QTA_STORAGE_NAME_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>

/** Zero-initialize. */
struct qta_name_map {
    uint64_t *keys; /**< kind and id, plus one; 0 is free. Owned, as values */
    uint32_t *values;
    size_t capacity; /**< a power of two, or 0 */
    size_t count;
};

void qta_name_map_finish(struct qta_name_map *map);

/** Forgets everything, keeps the memory. */
void qta_name_map_clear(struct qta_name_map *map);

/** Sets the value of an id, over an older one. False when out of memory. */
bool qta_name_map_set(struct qta_name_map *map, enum qta_name_kind kind, uint32_t id,
                      uint32_t value);

/** False when the id has no value; *value is kept then. */
bool qta_name_map_get(const struct qta_name_map *map, enum qta_name_kind kind, uint32_t id,
                      uint32_t *value);

#endif
