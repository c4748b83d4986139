/** @file tick_names.h
 *  Where a tick of each type refers to names: what is defined before it is written, and translated
 *  after it is read. */
#ifndef QTA_STORAGE_TICK_NAMES_H
#define QTA_STORAGE_TICK_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

enum {
    QTA_TICK_CODES_MAX = 12,
    QTA_TICK_TEXTS_MAX = 2,
    QTA_TICK_IDS_MAX = 2,
    /* symbol, provider, and all of the above */
    QTA_TICK_NAMES_MAX = 2 + QTA_TICK_CODES_MAX + QTA_TICK_TEXTS_MAX + QTA_TICK_IDS_MAX,
};

/** Byte offsets in struct qta_tick. */
struct qta_tick_names {
    uint8_t code_count;
    uint8_t text_count;
    uint8_t id_count;
    uint8_t codes[QTA_TICK_CODES_MAX]; /**< uint16_t code ids */
    uint8_t texts[QTA_TICK_TEXTS_MAX]; /**< uint32_t text ids */
    uint8_t ids[QTA_TICK_IDS_MAX];     /**< uint64_t, text ids under QTA_FLAG_ID_IS_TEXT */
};

/** Of a type; all counts are 0 for an unknown one. Static. */
const struct qta_tick_names *qta_tick_names_of(unsigned type);

/** Ids below are the same in every dictionary: no name and codes of one byte. */
static inline uint32_t qta_first_named_id(enum qta_name_kind kind)
{
    return kind == QTA_NAME_CODE ? 256 : 1;
}

/** Whether this id stands for a name that somebody has to tell. */
static inline bool qta_id_has_name(enum qta_name_kind kind, uint32_t id)
{
    bool is_narrow = kind == QTA_NAME_PROVIDER || kind == QTA_NAME_CODE;
    uint32_t other = is_narrow ? (uint16_t)QTA_NAME_OTHER : QTA_NAME_OTHER;
    return id >= qta_first_named_id(kind) && id != other;
}

/** One reference of a tick to a name. */
struct qta_name_reference {
    enum qta_name_kind kind;
    uint32_t id;
};

/** All references of a tick that stand for names; returns how many. */
size_t qta_tick_list_names(const struct qta_tick *tick,
                           struct qta_name_reference references[QTA_TICK_NAMES_MAX]);

/** Says what an id becomes. */
typedef uint32_t (*qta_translate_function)(void *user, enum qta_name_kind kind, uint32_t id);

/** Replaces every id that stands for a name by what translate says. */
void qta_tick_translate_names(struct qta_tick *tick, qta_translate_function translate, void *user);

/** The same for texts alone. */
void qta_tick_translate_texts(struct qta_tick *tick, qta_translate_function translate, void *user);

/** The same for texts in words of 64 bits alone. */
void qta_tick_translate_text_ids(struct qta_tick *tick, qta_translate_function translate,
                                 void *user);

/** Whether ticks of this type have texts at all, those that are ids included. */
static inline bool qta_tick_names_have_texts(const struct qta_tick_names *names)
{
    return names->text_count + names->id_count > 0;
}

#endif
