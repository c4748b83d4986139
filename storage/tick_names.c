/* Built once from the table of fields, so that a new type of tick needs nothing here. */
#include "storage/tick_names.h"

#include <assert.h>
#include <pthread.h>

static struct qta_tick_names by_type[QTA_TICK_TYPE_END];
static pthread_once_t by_type_once = PTHREAD_ONCE_INIT;

static void add_field(struct qta_tick_names *names, const struct qta_field *field)
{
    uint8_t offset = (uint8_t)field->offset;
    if (field->kind == QTA_FIELD_CODE) {
        assert(names->code_count < QTA_TICK_CODES_MAX);
        names->codes[names->code_count++] = offset;
    } else if (field->kind == QTA_FIELD_CONDITIONS) {
        assert(names->code_count + QTA_CONDITIONS_MAX <= QTA_TICK_CODES_MAX);
        for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
            names->codes[names->code_count++] = (uint8_t)(offset + i * sizeof(uint16_t));
    } else if (field->kind == QTA_FIELD_TEXT) {
        assert(names->text_count < QTA_TICK_TEXTS_MAX);
        names->texts[names->text_count++] = offset;
    } else if (field->kind == QTA_FIELD_ID) {
        assert(names->id_count < QTA_TICK_IDS_MAX);
        names->ids[names->id_count++] = offset;
    }
}

static void fill_table(void)
{
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        size_t count;
        const struct qta_field *fields = qta_tick_fields(type, &count);
        for (size_t i = 0; i < count; i++)
            add_field(&by_type[type], &fields[i]);
    }
}

const struct qta_tick_names *qta_tick_names_of(unsigned type)
{
    static const struct qta_tick_names none;
    pthread_once(&by_type_once, fill_table);
    return type < QTA_TICK_TYPE_END ? &by_type[type] : &none;
}

static bool id_is_text(const struct qta_tick *tick, uint64_t id)
{
    return (tick->flags & QTA_FLAG_ID_IS_TEXT) != 0 && id <= UINT32_MAX;
}

static size_t add_reference(struct qta_name_reference *references, size_t count,
                            enum qta_name_kind kind, uint32_t id)
{
    if (!qta_id_has_name(kind, id))
        return count;
    references[count] = (struct qta_name_reference){kind, id};
    return count + 1;
}

size_t qta_tick_list_names(const struct qta_tick *tick,
                           struct qta_name_reference references[QTA_TICK_NAMES_MAX])
{
    const struct qta_tick_names *names = qta_tick_names_of(tick->type);
    const uint8_t *base = (const uint8_t *)tick;
    size_t count = add_reference(references, 0, QTA_NAME_SYMBOL, tick->symbol);
    count = add_reference(references, count, QTA_NAME_PROVIDER, tick->provider);
    for (size_t i = 0; i < names->code_count; i++) {
        uint16_t code;
        memcpy(&code, base + names->codes[i], sizeof code);
        count = add_reference(references, count, QTA_NAME_CODE, code);
    }
    for (size_t i = 0; i < names->text_count; i++) {
        uint32_t text;
        memcpy(&text, base + names->texts[i], sizeof text);
        count = add_reference(references, count, QTA_NAME_TEXT, text);
    }
    for (size_t i = 0; i < names->id_count; i++) {
        uint64_t id;
        memcpy(&id, base + names->ids[i], sizeof id);
        if (id_is_text(tick, id))
            count = add_reference(references, count, QTA_NAME_TEXT, (uint32_t)id);
    }
    return count;
}

void qta_tick_translate_names(struct qta_tick *tick, qta_translate_function translate, void *user)
{
    const struct qta_tick_names *names = qta_tick_names_of(tick->type);
    uint8_t *base = (uint8_t *)tick;
    if (qta_id_has_name(QTA_NAME_SYMBOL, tick->symbol))
        tick->symbol = translate(user, QTA_NAME_SYMBOL, tick->symbol);
    if (qta_id_has_name(QTA_NAME_PROVIDER, tick->provider))
        tick->provider = (uint16_t)translate(user, QTA_NAME_PROVIDER, tick->provider);
    for (size_t i = 0; i < names->code_count; i++) {
        uint16_t code;
        memcpy(&code, base + names->codes[i], sizeof code);
        if (qta_id_has_name(QTA_NAME_CODE, code))
            code = (uint16_t)translate(user, QTA_NAME_CODE, code);
        memcpy(base + names->codes[i], &code, sizeof code);
    }
    qta_tick_translate_texts(tick, translate, user);
}

void qta_tick_translate_texts(struct qta_tick *tick, qta_translate_function translate, void *user)
{
    const struct qta_tick_names *names = qta_tick_names_of(tick->type);
    uint8_t *base = (uint8_t *)tick;
    for (size_t i = 0; i < names->text_count; i++) {
        uint32_t text;
        memcpy(&text, base + names->texts[i], sizeof text);
        if (qta_id_has_name(QTA_NAME_TEXT, text))
            text = translate(user, QTA_NAME_TEXT, text);
        memcpy(base + names->texts[i], &text, sizeof text);
    }
    qta_tick_translate_text_ids(tick, translate, user);
}

void qta_tick_translate_text_ids(struct qta_tick *tick, qta_translate_function translate,
                                 void *user)
{
    const struct qta_tick_names *names = qta_tick_names_of(tick->type);
    uint8_t *base = (uint8_t *)tick;
    for (size_t i = 0; i < names->id_count; i++) {
        uint64_t id;
        memcpy(&id, base + names->ids[i], sizeof id);
        if (id_is_text(tick, id) && qta_id_has_name(QTA_NAME_TEXT, (uint32_t)id))
            id = translate(user, QTA_NAME_TEXT, (uint32_t)id);
        memcpy(base + names->ids[i], &id, sizeof id);
    }
}
