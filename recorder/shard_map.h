/** @file shard_map.h
 *  Which shard of a provider a symbol is on, and how full the shards are.
 *
 *  A shard is a part of a provider's subscriptions that one connection (or several redundant ones)
 *  carries. All channels of a symbol are on one shard, so that their order is the venue's. Belongs
 *  to one thread. */
#ifndef QTA_RECORDER_SHARD_MAP_H
#define QTA_RECORDER_SHARD_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

/** What one connection may carry. */
struct qta_shard_limits {
    size_t shards_max;  /**< at least 1 */
    size_t symbols_max; /**< of a shard; 0 for no limit */
    size_t streams_max; /**< subscriptions of a shard: symbols times channels; 0 for no limit */
};

struct qta_shard_load {
    size_t symbols;
    size_t streams;
};

struct qta_shard_map;

enum qta_status qta_shard_map_create(struct qta_shard_map **out,
                                     const struct qta_shard_limits *limits, struct qta_error *err);
void qta_shard_map_destroy(struct qta_shard_map *map);

/** Finds a place for so many more subscriptions of a symbol: on the shard that has the symbol
 *  already; else on the least loaded of those that are in use and have room, but for those whose
 *  flag is set in closed (shards_max flags, NULL for none); else on an unused one. QTA_ERR_STATE:
 * no room there or anywhere, with the limits in the message. QTA_ERR_NOMEM. */
enum qta_status qta_shard_map_add(struct qta_shard_map *map, const char *symbol, size_t streams,
                                  const bool *closed, size_t *shard, struct qta_error *err);

/** One subscription less of a symbol. Without a place nothing happens. */
void qta_shard_map_remove(struct qta_shard_map *map, const char *symbol);

/** Puts a symbol with all its subscriptions on the least loaded shard in use that has room and is
 *  not closed. False when there is none, or the symbol has no place. */
bool qta_shard_map_move(struct qta_shard_map *map, const char *symbol, const bool *closed);

/** The shard of a symbol; false where it has none. */
bool qta_shard_map_find(const struct qta_shard_map *map, const char *symbol, size_t *shard);

/** The symbols of a shard one after the other: *cursor is 0 at first. NULL at the end. Valid until
 *  the map is changed. */
const char *qta_shard_map_next(const struct qta_shard_map *map, size_t shard, size_t *cursor);

struct qta_shard_load qta_shard_map_load(const struct qta_shard_map *map, size_t shard);

#endif
