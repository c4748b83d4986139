/** @file id_translator.h
 *  Translates the ids in ticks from one dictionary to another, looking each name up once. */
#ifndef QTA_REPLAY_ID_TRANSLATOR_H
#define QTA_REPLAY_ID_TRANSLATOR_H

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

struct qta_id_translator;

/** The sink is copied; its user must outlive the translator. */
enum qta_status qta_id_translator_create(struct qta_id_translator **out,
                                         const struct qta_name_sink *sink, struct qta_error *err);
void qta_id_translator_destroy(struct qta_id_translator *translator);

/** Forgets everything and takes names, borrowed until the next reset, as what ids stand for. */
void qta_id_translator_reset(struct qta_id_translator *translator,
                             const struct qta_dictionary *names);

/** Copies count ticks from `from` to `to` with every id of theirs translated. Ids that the
 *  dictionary never gave out become QTA_NAME_OTHER. Cannot fail: where memory is short it is only
 *  slower. The arrays may be the same. */
void qta_id_translator_apply(struct qta_id_translator *translator, const struct qta_tick *from,
                             struct qta_tick *to, size_t count);

#endif
