/* An array of symbols, and a hash table of indices into it. Places of symbols that are gone are
 * used again, so that indices stay what they are. */
#include "recorder/shard_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/xxh64.h"

enum { FIRST_CAPACITY = 16 };

struct place {
    char *symbol; /* ours; NULL: free */
    size_t shard;
    size_t streams;
};

struct qta_shard_map {
    struct qta_shard_limits limits;
    struct qta_shard_load *loads; /* of shards_max */
    struct place *places;
    size_t count; /* of places that were ever used */
    size_t capacity;
    size_t free_count;
    uint32_t *slots; /* index + 1, twice the capacity; 0 is free */
};

enum qta_status qta_shard_map_create(struct qta_shard_map **out,
                                     const struct qta_shard_limits *limits, struct qta_error *err)
{
    assert(limits->shards_max > 0);
    struct qta_shard_map *map = calloc(1, sizeof *map);
    if (map)
        map->loads = calloc(limits->shards_max, sizeof *map->loads);
    if (!map || !map->loads) {
        qta_shard_map_destroy(map);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    }
    map->limits = *limits;
    *out = map;
    return QTA_OK;
}

void qta_shard_map_destroy(struct qta_shard_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->count; i++)
        free(map->places[i].symbol);
    free(map->places);
    free(map->slots);
    free(map->loads);
    free(map);
}

/* ---- the table --------------------------------------------------------------------------------
 */

static size_t home_of(const struct qta_shard_map *map, const char *symbol)
{
    return (size_t)qta_xxh64(symbol, strlen(symbol), 0) & (map->capacity * 2 - 1);
}

/* The slot that holds it, or the free one where it belongs. */
static size_t slot_of(const struct qta_shard_map *map, const char *symbol)
{
    size_t mask = map->capacity * 2 - 1;
    size_t i = home_of(map, symbol);
    while (map->slots[i] != 0 && strcmp(map->places[map->slots[i] - 1].symbol, symbol) != 0)
        i = (i + 1) & mask;
    return i;
}

static struct place *find(const struct qta_shard_map *map, const char *symbol)
{
    if (map->capacity == 0)
        return NULL;
    uint32_t index = map->slots[slot_of(map, symbol)];
    return index ? &map->places[index - 1] : NULL;
}

static bool grow(struct qta_shard_map *map)
{
    size_t capacity = map->capacity ? map->capacity * 2 : FIRST_CAPACITY;
    struct place *places = realloc(map->places, capacity * sizeof *places);
    if (places)
        map->places = places;
    uint32_t *slots = calloc(capacity * 2, sizeof *slots);
    if (!places || !slots) {
        free(slots);
        return false;
    }
    memset(places + map->capacity, 0, (capacity - map->capacity) * sizeof *places);
    free(map->slots);
    map->slots = slots;
    map->capacity = capacity;
    for (size_t i = 0; i < map->count; i++)
        slots[slot_of(map, places[i].symbol)] = (uint32_t)i + 1;
    return true;
}

/* Closes the hole in the chain of slots behind it. */
static void free_slot(struct qta_shard_map *map, size_t hole)
{
    size_t mask = map->capacity * 2 - 1;
    map->slots[hole] = 0;
    for (size_t i = (hole + 1) & mask; map->slots[i] != 0; i = (i + 1) & mask) {
        size_t home = home_of(map, map->places[map->slots[i] - 1].symbol);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* it is nearer to its home than the hole is */
        map->slots[hole] = map->slots[i];
        map->slots[i] = 0;
        hole = i;
    }
}

static struct place *take_place(struct qta_shard_map *map)
{
    if (map->free_count == 0) {
        if (map->count == map->capacity && !grow(map))
            return NULL;
        return &map->places[map->count++];
    }
    map->free_count--;
    size_t index = 0;
    assert(map->places);
    while (map->places[index].symbol)
        index++;
    assert(index < map->count);
    return &map->places[index];
}

/* ---- places ------------------------------------------------------------------------------------
 */

static bool has_room(const struct qta_shard_map *map, size_t shard, size_t symbols, size_t streams)
{
    const struct qta_shard_load *load = &map->loads[shard];
    const struct qta_shard_limits *limits = &map->limits;
    return (limits->symbols_max == 0 || load->symbols + symbols <= limits->symbols_max) &&
           (limits->streams_max == 0 || load->streams + streams <= limits->streams_max);
}

/* The least loaded one in use, else the first unused one; false when there is none. */
static bool choose(const struct qta_shard_map *map, size_t streams, const bool *closed,
                   size_t *shard)
{
    bool is_found = false;
    for (size_t i = 0; i < map->limits.shards_max; i++) {
        const struct qta_shard_load *load = &map->loads[i];
        if ((closed && closed[i]) || !has_room(map, i, 1, streams))
            continue;
        bool is_better = load->streams > 0 && (!is_found || map->loads[*shard].streams == 0 ||
                                               load->streams < map->loads[*shard].streams);
        if (is_found && !is_better)
            continue;
        *shard = i;
        is_found = true;
    }
    return is_found;
}

static enum qta_status refuse(const struct qta_shard_map *map, const char *symbol,
                              struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_STATE,
                         "no connection has room for '%s': %zu are allowed, with %zu symbols and "
                         "%zu subscriptions each (0: any number); raise max_connections",
                         symbol, map->limits.shards_max, map->limits.symbols_max,
                         map->limits.streams_max);
}

enum qta_status qta_shard_map_add(struct qta_shard_map *map, const char *symbol, size_t streams,
                                  const bool *closed, size_t *shard, struct qta_error *err)
{
    struct place *place = find(map, symbol);
    if (place && has_room(map, place->shard, 0, streams)) {
        *shard = place->shard;
        place->streams += streams;
        map->loads[place->shard].streams += streams;
        return QTA_OK;
    }
    if (place || !choose(map, streams, closed, shard))
        return refuse(map, symbol, err);
    char *copy = strdup(symbol);
    place = copy ? take_place(map) : NULL;
    if (!place) {
        free(copy);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    }
    *place = (struct place){.symbol = copy, .shard = *shard, .streams = streams};
    map->slots[slot_of(map, copy)] = (uint32_t)(place - map->places) + 1;
    map->loads[*shard].symbols++;
    map->loads[*shard].streams += streams;
    return QTA_OK;
}

void qta_shard_map_remove(struct qta_shard_map *map, const char *symbol)
{
    struct place *place = find(map, symbol);
    if (!place)
        return;
    assert(place->streams > 0);
    map->loads[place->shard].streams--;
    if (--place->streams > 0)
        return;
    map->loads[place->shard].symbols--;
    free_slot(map, slot_of(map, symbol));
    free(place->symbol);
    place->symbol = NULL;
    map->free_count++;
}

bool qta_shard_map_move(struct qta_shard_map *map, const char *symbol, const bool *closed)
{
    struct place *place = find(map, symbol);
    size_t shard;
    if (!place || !choose(map, place->streams, closed, &shard) || shard == place->shard)
        return false;
    map->loads[place->shard].symbols--;
    map->loads[place->shard].streams -= place->streams;
    place->shard = shard;
    map->loads[shard].symbols++;
    map->loads[shard].streams += place->streams;
    return true;
}

bool qta_shard_map_find(const struct qta_shard_map *map, const char *symbol, size_t *shard)
{
    const struct place *place = find(map, symbol);
    if (place)
        *shard = place->shard;
    return place != NULL;
}

const char *qta_shard_map_next(const struct qta_shard_map *map, size_t shard, size_t *cursor)
{
    while (*cursor < map->count) {
        const struct place *place = &map->places[(*cursor)++];
        if (place->symbol && place->shard == shard)
            return place->symbol;
    }
    return NULL;
}

struct qta_shard_load qta_shard_map_load(const struct qta_shard_map *map, size_t shard)
{
    assert(shard < map->limits.shards_max);
    return map->loads[shard];
}
