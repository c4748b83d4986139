/** @file alpaca_source.h
 *  What alpaca_decode.c reads from: the same calls over JSON (alpaca_json_source.h) and over
 * MessagePack (alpaca_msgpack_source.h), as two const tables of functions. Only for
 * alpaca_decode.c: it instantiates its decoder once for each table, so that every call is inlined
 * and the reader's place stays in a register.
 *
 *  Every read leaves the place behind the value, whatever it says. Where a frame is broken, reads
 * say OUTCOME_WRONG, loops end, and is_broken() tells at the end of each message. */
#ifndef QTA_ADAPTERS_ALPACA_SOURCE_H
#define QTA_ADAPTERS_ALPACA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

#include "adapters/alpaca_fields.h"
#include "adapters/msgpack_reader.h"
#include "core/json_reader.h"

#define ALWAYS_INLINE static inline __attribute__((always_inline))
#define NEVER_INLINE __attribute__((noinline, cold))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)

enum outcome {
    OUTCOME_READ,
    OUTCOME_ABSENT, /**< null: as if the key were not there */
    OUTCOME_WRONG,  /**< not of this type, or out of range */
};

/** Bytes in the frame or in the scratch memory. */
struct text {
    const char *bytes;
    size_t length;
};

/** A trade's id: a number, or text for what is none. */
struct trade_id {
    bool is_text;
    uint64_t number;
    struct text text;
};

/** What reading needs beside the frame. */
struct workspace {
    char scratch[QTA_NAME_MAX_BYTES]; /**< strings without escapes; valid until the next read */
    char minute_text[16];             /**< the minute of the last time, "2026-11-19T16:41" */
    int64_t minute_ns;
};

/** Where one is in a list or map. */
struct place {
    uint32_t left;                        /**< MessagePack: items or pairs to come */
    struct qta_alpaca_expected *expected; /**< JSON: what the next field should look like */
};

/** A place in the frame to come back to. */
union bookmark {
    struct qta_json_reader json;
    struct qta_msgpack_reader msgpack;
};

/** A source is a struct qta_json_reader or a struct qta_msgpack_reader. */
struct source_ops {
    /** A list or a map: enters it. False: it is something else. */
    bool (*enter_list)(void *source, struct place *place);
    bool (*enter_map)(void *source, struct place *place);
    /** A map that starts with the type of a message we know: enters it past that. NULL: nothing is
     *  consumed. */
    struct qta_alpaca_message *(*enter_message)(void *source, struct place *place,
                                                struct qta_alpaca_messages *messages);
    /** False at the end of the list or map, or when the frame is broken. */
    bool (*next_item)(void *source, struct place *place);
    /** Keys of up to four bytes, first byte lowest; 0 for longer ones. */
    bool (*next_key)(void *source, struct place *place, struct workspace *workspace, uint32_t *key);
    bool (*next_long_key)(void *source, struct place *place, struct workspace *workspace,
                          struct text *key);
    /** The field of the next key, qta_alpaca_field_none for those that the message does not have.
     */
    bool (*next_field)(void *source, struct place *place, struct workspace *workspace,
                       struct qta_alpaca_message *message, const struct qta_alpaca_field **field);
    /** A string of up to seven plain ASCII bytes, first byte lowest. False: it is something else,
     * and nothing is consumed. */
    bool (*read_short)(void *source, uint64_t *word);
    /** The same for exactly one byte, as most strings have. */
    bool (*read_letter)(void *source, uint16_t *letter);
    /** The same for a list of one to four of these. The others become 0. */
    bool (*read_letters)(void *source, uint16_t letters[QTA_CONDITIONS_MAX]);
    enum outcome (*read_text)(void *source, struct workspace *workspace, struct text *text);
    /** Adds QTA_FLAG_ROUNDED and QTA_FLAG_FROM_FLOAT to *flags where they apply. */
    enum outcome (*read_decimal)(void *source, struct qta_decimal *value, uint32_t *flags);
    /** A level of a book as most are, {"p":71000.5,"s":0.25}. False: it is something else, and
     *  nothing is consumed. */
    bool (*read_level)(void *source, struct qta_decimal *price, struct qta_decimal *size);
    enum outcome (*read_count)(void *source, uint64_t *value, uint32_t *flags);
    enum outcome (*read_id)(void *source, struct workspace *workspace, struct trade_id *id,
                            uint32_t *flags);
    enum outcome (*read_time)(void *source, struct workspace *workspace, int64_t *ts_ns);
    enum outcome (*read_flag)(void *source, bool *value);
    /** Reads past a value that is not what was expected. */
    enum outcome (*read_other)(void *source);
    void (*skip)(void *source);
    void (*save)(const void *source, union bookmark *bookmark);
    void (*restore)(void *source, const union bookmark *bookmark);
    bool (*is_broken)(const void *source);
    /** At the end of the frame; false: broken. */
    bool (*finish)(void *source);
    /** What is broken, and where. */
    enum qta_fault (*fault)(const void *source);
    const char *(*fault_name)(const void *source);
    size_t (*offset)(const void *source);
};

/** A key as an integer; 0 for what fits none. */
ALWAYS_INLINE uint32_t pack_key(struct text text)
{
    uint32_t key = 0;
    if (text.length > 4 || memchr(text.bytes, '\0', text.length))
        return 0;
    for (size_t i = 0; i < text.length; i++)
        key |= (uint32_t)(uint8_t)text.bytes[i] << (8 * i);
    return key;
}

#endif
