/** @file tick_text.h
 *  From text into a tick, value by value: the way back of qta_print_tick(), which our own ndjson
 *  and CSV share. No input or output. One thread at a time. */
#ifndef QTA_STORAGE_TICK_TEXT_H
#define QTA_STORAGE_TICK_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

/** The names that every type has, beside those of its body. */
enum qta_tick_column {
    QTA_COLUMN_SEQ,
    QTA_COLUMN_TYPE,
    QTA_COLUMN_PROVIDER,
    QTA_COLUMN_SYMBOL,
    QTA_COLUMN_TS_RECV,
    QTA_COLUMN_TS_EVENT,
    QTA_COLUMN_SRC_SEQ,
    QTA_COLUMN_CONN,
    QTA_COLUMN_FLAGS,
    QTA_COLUMN_BODY, /**< none of them */
};

/** A value without its quotes; not NUL-terminated. */
struct qta_tick_text {
    const char *bytes;
    size_t length;
};

/** Which column has this name; BODY when it is none of every type's. */
enum qta_tick_column qta_tick_column_find(struct qta_tick_text name);

/** The field of that name in a type's body; NULL when it has none. *index is its place. */
const struct qta_field *qta_tick_text_find_field(enum qta_tick_type type, struct qta_tick_text name,
                                                 size_t *index);

/** Reads a value into the tick, whose type is set; names gets what is new. Times are RFC 3339 or
 *  integer ns. Returns NULL, or what is wrong with the value: "is not a number"; the tick is
 *  undefined then. Not for TYPE, FLAGS and BODY. SEQ goes to rx_seq. */
const char *qta_tick_text_read_column(struct qta_tick *tick, enum qta_tick_column column,
                                      struct qta_tick_text text, struct qta_dictionary *names);

/** The same for a field. An ID is text when QTA_FLAG_ID_IS_TEXT is set. Not for CONDITIONS. */
const char *qta_tick_text_read_field(struct qta_tick *tick, const struct qta_field *field,
                                     struct qta_tick_text text, struct qta_dictionary *names);

/** Adds one code to a field of CONDITIONS. */
const char *qta_tick_text_add_condition(struct qta_tick *tick, const struct qta_field *field,
                                        struct qta_tick_text text, struct qta_dictionary *names);

/** Adds one of the flags by its name in `flags`. */
const char *qta_tick_text_add_flag(struct qta_tick *tick, struct qta_tick_text text);

/** Completes a tick: without ts_recv_ns it is ts_event_ns. Returns NULL, or what is missing. */
const char *qta_tick_text_finish(struct qta_tick *tick);

/** Fills err with "name 'value' problem", the value cut and made harmless; QTA_ERR_FORMAT. */
enum qta_status qta_tick_text_refuse(struct qta_tick_text name, struct qta_tick_text value,
                                     const char *problem, struct qta_error *err);

#endif
