/** @file name_map.h
 *  Translates the ids in ticks from one dictionary to another, looking each name up once. */
#ifndef QTA_REPLAY_NAME_MAP_H
#define QTA_REPLAY_NAME_MAP_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

/** Who gives out the ids that are wanted: a dictionary, or an adapter's host. */
struct qta_name_sink {
    /** As qta_dictionary_intern(). */
    uint32_t (*intern)(void *user, enum qta_name_kind kind, const char *name, size_t length);
    void *user;
};

struct qta_name_map;

/** The sink is copied; its user must outlive the map. */
enum qta_status qta_name_map_create(struct qta_name_map **out, const struct qta_name_sink *sink,
                                    struct qta_error *err);
void qta_name_map_destroy(struct qta_name_map *map);

/** Forgets everything and takes names, borrowed until the next reset, as what ids stand for. */
void qta_name_map_reset(struct qta_name_map *map, const struct qta_dictionary *names);

/** Copies count ticks from `from` to `to` with every id of theirs translated. Ids that the
 *  dictionary never gave out become QTA_NAME_OTHER. Cannot fail: where memory is short it is only
 *  slower. The arrays may be the same. */
void qta_name_map_translate(struct qta_name_map *map, const struct qta_tick *from,
                            struct qta_tick *to, size_t count);

#endif
