/* Ids of one dictionary to ids of another. One array a kind, filled as ids come up: a session of a
 * million symbols costs nothing for those that a filter keeps away. */
#include "replay/name_map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    ID_FIELDS_MAX = 8,      /* of one type's body */
    NOT_LOOKED_UP = 0,      /* only id 0 maps to 0, and that is not looked up */
    CODES_OF_ONE_BYTE = 256 /* these are the same in every dictionary */
};

struct id_field {
    enum qta_field_kind kind;
    uint16_t offset;
};

struct id_fields {
    struct id_field fields[ID_FIELDS_MAX];
    size_t count;
};

struct id_table {
    uint32_t *ids; /* of the sink, by the id here */
    size_t count;
};

struct qta_name_map {
    struct qta_name_sink sink;
    const struct qta_dictionary *names;
    struct id_table tables[QTA_NAME_KIND_COUNT];
    struct id_fields by_type[UINT8_MAX + 1];
};

static bool holds_ids(enum qta_field_kind kind)
{
    return kind == QTA_FIELD_CODE || kind == QTA_FIELD_CONDITIONS || kind == QTA_FIELD_TEXT ||
           kind == QTA_FIELD_ID;
}

static void collect_id_fields(struct qta_name_map *map)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct id_fields *list = &map->by_type[type];
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++) {
            if (!holds_ids(fields[i].kind))
                continue;
            assert(list->count < ID_FIELDS_MAX);
            list->fields[list->count].kind = fields[i].kind;
            list->fields[list->count].offset = fields[i].offset;
            list->count++;
        }
    }
}

enum qta_status qta_name_map_create(struct qta_name_map **out, const struct qta_name_sink *sink,
                                    struct qta_error *err)
{
    struct qta_name_map *map = calloc(1, sizeof *map);
    if (!map)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a table of names");
    map->sink = *sink;
    collect_id_fields(map);
    *out = map;
    return QTA_OK;
}

void qta_name_map_destroy(struct qta_name_map *map)
{
    if (!map)
        return;
    for (size_t kind = 0; kind < QTA_NAME_KIND_COUNT; kind++)
        free(map->tables[kind].ids);
    free(map);
}

void qta_name_map_reset(struct qta_name_map *map, const struct qta_dictionary *names)
{
    map->names = names;
    for (size_t kind = 0; kind < QTA_NAME_KIND_COUNT; kind++) {
        free(map->tables[kind].ids);
        map->tables[kind] = (struct id_table){0};
    }
}

/* Room for every id there is now; false leaves the table as it was. */
static bool grow_table(struct id_table *table, uint32_t id_count)
{
    size_t count = table->count * 2 > id_count ? table->count * 2 : id_count;
    uint32_t *ids = realloc(table->ids, count * sizeof *ids);
    if (!ids)
        return false;
    memset(ids + table->count, 0, (count - table->count) * sizeof *ids);
    table->ids = ids;
    table->count = count;
    return true;
}

/* The slow way: once for each id, unless memory is short. */
static uint32_t look_up(struct qta_name_map *map, enum qta_name_kind kind, uint32_t id)
{
    uint32_t id_count = qta_dictionary_count(map->names, kind);
    if (id >= id_count)
        return QTA_NAME_OTHER;
    size_t length;
    const char *name = qta_dictionary_name(map->names, kind, id, &length);
    uint32_t translated = map->sink.intern(map->sink.user, kind, name, length);
    struct id_table *table = &map->tables[kind];
    if (id < table->count || grow_table(table, id_count))
        table->ids[id] = translated;
    return translated;
}

static inline uint32_t translate_id(struct qta_name_map *map, enum qta_name_kind kind, uint32_t id)
{
    if (id == 0)
        return 0;
    const struct id_table *table = &map->tables[kind];
    if (id < table->count && table->ids[id] != NOT_LOOKED_UP)
        return table->ids[id];
    return look_up(map, kind, id);
}

/* The low half of QTA_NAME_OTHER is no id either. */
static inline uint16_t translate_id16(struct qta_name_map *map, enum qta_name_kind kind,
                                      uint16_t id)
{
    return id == UINT16_MAX ? id : (uint16_t)translate_id(map, kind, id);
}

static inline void translate_codes(struct qta_name_map *map, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t code;
        memcpy(&code, bytes + i * sizeof code, sizeof code);
        if (code < CODES_OF_ONE_BYTE)
            continue;
        code = translate_id16(map, QTA_NAME_CODE, code);
        memcpy(bytes + i * sizeof code, &code, sizeof code);
    }
}

static void translate_text(struct qta_name_map *map, uint8_t *bytes)
{
    uint32_t id;
    memcpy(&id, bytes, sizeof id);
    id = translate_id(map, QTA_NAME_TEXT, id);
    memcpy(bytes, &id, sizeof id);
}

static void translate_text_id(struct qta_name_map *map, uint8_t *bytes)
{
    uint64_t id;
    memcpy(&id, bytes, sizeof id);
    if (id == QTA_U64_NONE)
        return;
    id = translate_id(map, QTA_NAME_TEXT, id > UINT32_MAX ? QTA_NAME_OTHER : (uint32_t)id);
    memcpy(bytes, &id, sizeof id);
}

static inline void translate_body(struct qta_name_map *map, struct qta_tick *tick)
{
    const struct id_fields *list = &map->by_type[tick->type];
    for (size_t i = 0; i < list->count; i++) {
        uint8_t *bytes = (uint8_t *)tick + list->fields[i].offset;
        enum qta_field_kind kind = list->fields[i].kind;
        if (kind == QTA_FIELD_CODE)
            translate_codes(map, bytes, 1);
        else if (kind == QTA_FIELD_CONDITIONS)
            translate_codes(map, bytes, QTA_CONDITIONS_MAX);
        else if (kind == QTA_FIELD_TEXT)
            translate_text(map, bytes);
        else if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            translate_text_id(map, bytes);
    }
}

void qta_name_map_translate(struct qta_name_map *map, const struct qta_tick *from,
                            struct qta_tick *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].symbol = translate_id(map, QTA_NAME_SYMBOL, from[i].symbol);
        to[i].provider = translate_id16(map, QTA_NAME_PROVIDER, from[i].provider);
        translate_body(map, &to[i]);
    }
}
