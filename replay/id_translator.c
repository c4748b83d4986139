/* Ids of one dictionary to ids of another. One array a kind, filled as ids come up: a session of a
 * million symbols costs nothing for those that a filter keeps away. */
#include "replay/id_translator.h"

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

struct qta_id_translator {
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

static void collect_id_fields(struct qta_id_translator *translator)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct id_fields *list = &translator->by_type[type];
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

enum qta_status qta_id_translator_create(struct qta_id_translator **out,
                                         const struct qta_name_sink *sink, struct qta_error *err)
{
    struct qta_id_translator *translator = calloc(1, sizeof *translator);
    if (!translator)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a table of names");
    translator->sink = *sink;
    collect_id_fields(translator);
    *out = translator;
    return QTA_OK;
}

void qta_id_translator_destroy(struct qta_id_translator *translator)
{
    if (!translator)
        return;
    for (size_t kind = 0; kind < QTA_NAME_KIND_COUNT; kind++)
        free(translator->tables[kind].ids);
    free(translator);
}

void qta_id_translator_reset(struct qta_id_translator *translator,
                             const struct qta_dictionary *names)
{
    translator->names = names;
    for (size_t kind = 0; kind < QTA_NAME_KIND_COUNT; kind++) {
        free(translator->tables[kind].ids);
        translator->tables[kind] = (struct id_table){0};
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
static uint32_t look_up(struct qta_id_translator *translator, enum qta_name_kind kind, uint32_t id)
{
    uint32_t id_count = qta_dictionary_count(translator->names, kind);
    if (id >= id_count)
        return QTA_NAME_OTHER;
    size_t length;
    const char *name = qta_dictionary_name(translator->names, kind, id, &length);
    uint32_t translated = translator->sink.intern(translator->sink.user, kind, name, length);
    struct id_table *table = &translator->tables[kind];
    if (id < table->count || grow_table(table, id_count))
        table->ids[id] = translated;
    return translated;
}

static inline uint32_t translate_id(struct qta_id_translator *translator, enum qta_name_kind kind,
                                    uint32_t id)
{
    if (id == 0)
        return 0;
    const struct id_table *table = &translator->tables[kind];
    if (id < table->count && table->ids[id] != NOT_LOOKED_UP)
        return table->ids[id];
    return look_up(translator, kind, id);
}

/* The low half of QTA_NAME_OTHER is no id either. */
static inline uint16_t translate_id16(struct qta_id_translator *translator, enum qta_name_kind kind,
                                      uint16_t id)
{
    return id == UINT16_MAX ? id : (uint16_t)translate_id(translator, kind, id);
}

static inline void translate_codes(struct qta_id_translator *translator, uint8_t *bytes,
                                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t code;
        memcpy(&code, bytes + i * sizeof code, sizeof code);
        if (code < CODES_OF_ONE_BYTE)
            continue;
        code = translate_id16(translator, QTA_NAME_CODE, code);
        memcpy(bytes + i * sizeof code, &code, sizeof code);
    }
}

static void translate_text(struct qta_id_translator *translator, uint8_t *bytes)
{
    uint32_t id;
    memcpy(&id, bytes, sizeof id);
    id = translate_id(translator, QTA_NAME_TEXT, id);
    memcpy(bytes, &id, sizeof id);
}

static void translate_text_id(struct qta_id_translator *translator, uint8_t *bytes)
{
    uint64_t id;
    memcpy(&id, bytes, sizeof id);
    if (id == QTA_U64_NONE)
        return;
    id = translate_id(translator, QTA_NAME_TEXT, id > UINT32_MAX ? QTA_NAME_OTHER : (uint32_t)id);
    memcpy(bytes, &id, sizeof id);
}

static inline void translate_body(struct qta_id_translator *translator, struct qta_tick *tick)
{
    const struct id_fields *list = &translator->by_type[tick->type];
    for (size_t i = 0; i < list->count; i++) {
        uint8_t *bytes = (uint8_t *)tick + list->fields[i].offset;
        enum qta_field_kind kind = list->fields[i].kind;
        if (kind == QTA_FIELD_CODE)
            translate_codes(translator, bytes, 1);
        else if (kind == QTA_FIELD_CONDITIONS)
            translate_codes(translator, bytes, QTA_CONDITIONS_MAX);
        else if (kind == QTA_FIELD_TEXT)
            translate_text(translator, bytes);
        else if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            translate_text_id(translator, bytes);
    }
}

void qta_id_translator_apply(struct qta_id_translator *translator, const struct qta_tick *from,
                             struct qta_tick *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = from[i];
        to[i].symbol = translate_id(translator, QTA_NAME_SYMBOL, from[i].symbol);
        to[i].provider = translate_id16(translator, QTA_NAME_PROVIDER, from[i].provider);
        translate_body(translator, &to[i]);
    }
}
