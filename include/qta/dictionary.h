/** @file dictionary.h
 *  Names and their ids: ticks carry small integers, a dictionary says what they stand for.
 *
 *  Ids are given out in order of first use and never change or disappear. Id 0 is always "none"
 *  (the empty name). Codes of one byte ("@", "V", " ") have the byte's value as their id in every
 *  dictionary, so the usual exchange and condition codes need no entry at all.
 *
 *  One thread may intern while any number of threads read. */
#ifndef QTA_DICTIONARY_H
#define QTA_DICTIONARY_H

#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum qta_name_kind {
    QTA_NAME_PROVIDER = 0, /**< ids fit 16 bits */
    QTA_NAME_SYMBOL = 1,   /**< ids fit 32 bits */
    QTA_NAME_CODE = 2,     /**< exchange, condition, status, reason codes; ids fit 16 bits */
    QTA_NAME_TEXT = 3,     /**< free text and ids that are no 64-bit integers; ids fit 32 bits */
};
enum { QTA_NAME_KIND_COUNT = 4 };

/** The longest name in bytes; a longer one is refused (QTA_NAME_OTHER). */
enum { QTA_NAME_MAX_BYTES = 4096 };

/** What intern returns when a name is too long or its kind is full; prints as "(other)".
 *  Fields of 16 bits hold its low half, 0xffff. */
#define QTA_NAME_OTHER UINT32_MAX

struct qta_dictionary;

/** An empty dictionary, owned by the caller. */
QTA_API enum qta_status qta_dictionary_create(struct qta_dictionary **out, struct qta_error *err);

/** NULL is fine. All names handed out become invalid. */
QTA_API void qta_dictionary_destroy(struct qta_dictionary *dictionary);

/** The id of this name, given one if it is new. Bytes are data: any value, NUL included. One thread
 *  at a time. QTA_NAME_OTHER when it cannot be stored; such a refusal is counted. */
QTA_API uint32_t qta_dictionary_intern(struct qta_dictionary *dictionary, enum qta_name_kind kind,
                                       const char *name, size_t length);

/** The id of this name, or 0 when it has none. The interning thread only. */
QTA_API uint32_t qta_dictionary_find(const struct qta_dictionary *dictionary,
                                     enum qta_name_kind kind, const char *name, size_t length);

/** The name of an id: NUL-terminated, valid as long as the dictionary. "" for 0, "(other)" for
 *  QTA_NAME_OTHER and for ids it never gave out. *length (may be NULL) is its length in bytes.
 *  Any thread that got the id from a tick. */
QTA_API const char *qta_dictionary_name(const struct qta_dictionary *dictionary,
                                        enum qta_name_kind kind, uint32_t id, size_t *length);

/** One more than the highest id given out: 1 for an empty kind, 256 for codes. Any thread. */
QTA_API uint32_t qta_dictionary_count(const struct qta_dictionary *dictionary,
                                      enum qta_name_kind kind);

/** How often there was room for a name, but no memory: some of those that were refused. Any thread.
 */
QTA_API uint64_t qta_dictionary_starved(const struct qta_dictionary *dictionary);

/** How often intern answered QTA_NAME_OTHER. Any thread. */
QTA_API uint64_t qta_dictionary_refused(const struct qta_dictionary *dictionary);

#ifdef __cplusplus
}
#endif

#endif
