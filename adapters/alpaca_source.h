/** @file alpaca_source.h
 *  What alpaca_decode.c reads from: the same calls over JSON and over MessagePack, as two const
 * tables of functions. Only for alpaca_decode.c: it instantiates its decoder once for each table,
 * so that every call here is inlined and the reader's place stays in a register.
 *
 *  Every read leaves the place behind the value, whatever it says. Where a frame is broken, reads
 * say OUTCOME_WRONG, loops end, and is_broken() tells at the end of each message. */
#ifndef QTA_ADAPTERS_ALPACA_SOURCE_H
#define QTA_ADAPTERS_ALPACA_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <qta/dictionary.h>
#include <qta/tick.h>
#include <qta/timestamp.h>

#include "adapters/alpaca_fields.h"
#include "adapters/json_reader.h"
#include "adapters/msgpack_reader.h"

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
    char scratch[QTA_NAME_MAX_BYTES]; /**< strings without their escapes; valid until the next read
                                       */
    char minute_text[16];             /**< the minute of the last time, "2026-11-19T16:41" */
    int64_t minute_ns;
};

/** One of the two is in use. */
struct source {
    struct qta_json_reader json;
    struct qta_msgpack_reader msgpack;
};

struct source_ops {
    /** A list or a map: enters it; *left is for the other calls. False: it is something else. */
    bool (*enter_list)(struct source *source, uint32_t *left);
    bool (*enter_map)(struct source *source, uint32_t *left);
    /** A map that starts with the type of a message we know: enters it past that. NULL: nothing is
     *  consumed. */
    const struct qta_alpaca_message *(*enter_message)(struct source *source,
                                                      const struct qta_alpaca_messages *messages,
                                                      uint32_t *left);
    /** False at the end of the list or map, or when the frame is broken. */
    bool (*next_item)(struct source *source, uint32_t *left);
    /** The field of the next key, NULL for keys that the message does not have. False as above. */
    bool (*next_field)(struct source *source, struct workspace *workspace, uint32_t *left,
                       const struct qta_alpaca_message *message,
                       const struct qta_alpaca_field **field);
    /** Keys of up to four bytes, first byte lowest; 0 for longer ones. */
    bool (*next_key)(struct source *source, struct workspace *workspace, uint32_t *left,
                     uint32_t *key);
    bool (*next_long_key)(struct source *source, struct workspace *workspace, uint32_t *left,
                          struct text *key);
    /** A string of up to seven plain ASCII bytes, first byte lowest. False: it is something else,
     * and nothing is consumed. */
    bool (*read_short)(struct source *source, uint64_t *word);
    /** The same for exactly one byte, as most strings have. */
    bool (*read_letter)(struct source *source, uint16_t *letter);
    /** The same for a list of one to four of these. The others become 0. */
    bool (*read_letters)(struct source *source, uint16_t letters[QTA_CONDITIONS_MAX]);
    enum outcome (*read_text)(struct source *source, struct workspace *workspace,
                              struct text *text);
    /** Adds QTA_FLAG_ROUNDED and QTA_FLAG_FROM_FLOAT to *flags where they apply. */
    enum outcome (*read_decimal)(struct source *source, struct qta_decimal *value, uint32_t *flags);
    enum outcome (*read_count)(struct source *source, uint64_t *value, uint32_t *flags);
    enum outcome (*read_id)(struct source *source, struct workspace *workspace, struct trade_id *id,
                            uint32_t *flags);
    enum outcome (*read_time)(struct source *source, struct workspace *workspace, int64_t *ts_ns);
    enum outcome (*read_flag)(struct source *source, bool *value);
    /** Reads past a value that is not what was expected. */
    enum outcome (*read_other)(struct source *source);
    void (*skip)(struct source *source);
    bool (*is_broken)(const struct source *source);
    /** At the end of the frame; false: broken. */
    bool (*finish)(struct source *source);
    /** What is broken, and where. */
    enum qta_fault (*fault)(const struct source *source);
    const char *(*fault_name)(const struct source *source);
    size_t (*offset)(const struct source *source);
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

/** The whole number that a decimal is. */
ALWAYS_INLINE bool decimal_to_count(struct qta_decimal value, uint64_t *count)
{
    int64_t whole;
    if (qta_decimal_rescale(value, 0, &whole) != QTA_OK || whole < 0)
        return false;
    *count = (uint64_t)whole;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * JSON. As in json_reader.h, what is rare goes to a function on a copy of the reader. */

static NEVER_INLINE enum outcome json_other(struct qta_json_reader *reader)
{
    if (qta_json_read_null(reader))
        return OUTCOME_ABSENT;
    qta_json_skip(reader);
    return OUTCOME_WRONG;
}

ALWAYS_INLINE bool json_enter_list(struct source *source, uint32_t *left)
{
    *left = 0;
    return qta_json_enter_array(&source->json);
}

ALWAYS_INLINE bool json_enter_map(struct source *source, uint32_t *left)
{
    *left = 0;
    return qta_json_enter_object(&source->json);
}

/* {"T":"t" are eight bytes. */
ALWAYS_INLINE const struct qta_alpaca_message *
json_enter_message(struct source *source, const struct qta_alpaca_messages *messages,
                   uint32_t *left)
{
    static const uint64_t pattern = UINT64_C(0x2200223a2254227b);
    static const uint64_t letter_byte = UINT64_C(0x00ff000000000000);
    struct qta_json_reader *reader = &source->json;
    *left = 0;
    if (reader->depth == QTA_JSON_DEPTH_MAX)
        return NULL;
    uint64_t word = qta_json_load(reader, reader->at);
    if ((word & ~letter_byte) != pattern)
        return NULL;
    const struct qta_alpaca_message *message = qta_alpaca_message_find(messages,
                                                                       (word & letter_byte) >> 48);
    if (!message)
        return NULL;
    reader->at += 8;
    reader->depth++;
    return message;
}

ALWAYS_INLINE bool json_next_item(struct source *source, uint32_t *left)
{
    (void)left;
    return qta_json_next_element(&source->json);
}

/* The string itself. A string that is too long for the scratch memory is too long for anything we
 * store: it stays as it is, escapes and all. False for what no UTF-8 can hold. */
static inline bool json_plain(struct qta_json_text raw, struct workspace *workspace,
                              struct text *text)
{
    struct qta_json_text plain;
    bool is_good = qta_json_unescape(raw, workspace->scratch, sizeof workspace->scratch, &plain);
    if (!is_good && raw.length <= sizeof workspace->scratch)
        return false;
    *text = is_good ? (struct text){plain.bytes, plain.length}
                    : (struct text){raw.bytes, raw.length};
    return true;
}

ALWAYS_INLINE bool json_next_long_key(struct source *source, struct workspace *workspace,
                                      uint32_t *left, struct text *key)
{
    (void)left;
    struct qta_json_text raw;
    bool has_more = qta_json_next_key(&source->json, &raw);
    if (has_more && !json_plain(raw, workspace, key))
        *key = (struct text){"", 0}; /* no key of ours */
    return has_more;
}

static NEVER_INLINE bool json_next_key_slow(struct qta_json_reader *reader,
                                            struct workspace *workspace, uint32_t *key)
{
    struct qta_json_text raw;
    struct text text;
    if (!qta_json_next_key(reader, &raw))
        return false;
    *key = json_plain(raw, workspace, &text) ? pack_key(text) : 0;
    return true;
}

ALWAYS_INLINE bool json_next_key(struct source *source, struct workspace *workspace, uint32_t *left,
                                 uint32_t *key)
{
    (void)left;
    struct qta_json_reader *reader = &source->json;
    struct qta_json_text raw;
    if (qta_json_next_key_fast(reader, &raw)) {
        *key = LIKELY(raw.length == 1) ? (uint8_t)raw.bytes[0]
                                       : pack_key((struct text){raw.bytes, raw.length});
        return true;
    }
    if (reader->at < reader->end && *reader->at == '}') {
        qta_json_leave(reader);
        return false;
    }
    struct qta_json_reader copy = source->json;
    uint32_t slow_key = 0;
    bool has_more = json_next_key_slow(&copy, workspace, &slow_key);
    source->json = copy;
    *key = slow_key;
    return has_more;
}

/* ,"p": and ,"bp": at a glance. Only keys of the table are taken, which need no further look. */
ALWAYS_INLINE bool json_next_field(struct source *source, struct workspace *workspace,
                                   uint32_t *left, const struct qta_alpaca_message *message,
                                   const struct qta_alpaca_field **field)
{
    struct qta_json_reader *reader = &source->json;
    uint64_t word = qta_json_load(reader, reader->at);
    *field = NULL;
    if ((word & UINT64_C(0xffff00ffff)) == UINT64_C(0x3a2200222c)) {
        *field = qta_alpaca_field_find(message, word >> 16 & 0xff);
        reader->at += *field ? 5 : 0;
    } else if ((word & UINT64_C(0xffff0000ffff)) == UINT64_C(0x3a220000222c)) {
        *field = qta_alpaca_field_find(message, word >> 16 & 0xffff);
        reader->at += *field ? 6 : 0;
    } else if ((word & 0xff) == '}') {
        qta_json_leave(reader);
        return false;
    }
    if (LIKELY(*field))
        return true;
    uint32_t key;
    if (!json_next_key(source, workspace, left, &key))
        return false;
    *field = key ? qta_alpaca_field_find(message, key) : NULL;
    return true;
}

/* One plain byte between quotes. */
ALWAYS_INLINE bool is_plain_letter(uint64_t word)
{
    uint64_t byte = word >> 8 & 0xff;
    return (word & 0xff00ff) == 0x220022 && byte - ' ' < 0x60 && byte != '"' && byte != '\\';
}

ALWAYS_INLINE bool json_read_letter(struct source *source, uint16_t *letter)
{
    struct qta_json_reader *reader = &source->json;
    uint64_t word = qta_json_load(reader, reader->at);
    if (!is_plain_letter(word))
        return false;
    *letter = (uint16_t)(word >> 8 & 0xff);
    reader->at += 3;
    return true;
}

/* ["@","I"]: four bytes each. */
ALWAYS_INLINE bool json_read_letters(struct source *source, uint16_t letters[QTA_CONDITIONS_MAX])
{
    struct qta_json_reader *reader = &source->json;
    const char *at = reader->at;
    uint16_t found[QTA_CONDITIONS_MAX] = {0};
    if (at == reader->end || *at != '[')
        return false;
    at++;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++) {
        uint64_t word = qta_json_load(reader, at);
        uint64_t byte = word >> 8 & 0xff;
        if (!is_plain_letter(word))
            return false;
        found[i] = (uint16_t)byte;
        at += 4;
        if ((word >> 24 & 0xff) == ']') {
            memcpy(letters, found, sizeof found);
            reader->at = at;
            return true;
        }
        if ((word >> 24 & 0xff) != ',')
            return false;
    }
    return false;
}

ALWAYS_INLINE bool json_read_short(struct source *source, uint64_t *word)
{
    struct qta_json_reader *reader = &source->json;
    const char *at = reader->at;
    if (at == reader->end || *at != '"')
        return false;
    *word = qta_json_load(reader, at + 1);
    unsigned count = qta_json_plain_count(*word);
    if (count == 8 || qta_json_byte(*word, count) != '"')
        return false;
    *word &= (UINT64_C(1) << 8 * count) - 1;
    reader->at = at + count + 2;
    return true;
}

static NEVER_INLINE enum outcome json_read_text_slow(struct qta_json_reader *reader,
                                                     struct workspace *workspace, struct text *text)
{
    struct qta_json_text raw;
    *text = (struct text){"", 0};
    if (!qta_json_read_string(reader, &raw))
        return json_other(reader);
    return json_plain(raw, workspace, text) ? OUTCOME_READ : OUTCOME_WRONG;
}

ALWAYS_INLINE enum outcome json_read_text(struct source *source, struct workspace *workspace,
                                          struct text *text)
{
    struct qta_json_reader copy = source->json;
    enum outcome outcome = json_read_text_slow(&copy, workspace, text);
    source->json = copy;
    return outcome;
}

static NEVER_INLINE enum outcome json_read_decimal_slow(struct qta_json_reader *reader,
                                                        struct qta_decimal *value, uint32_t *flags)
{
    bool is_rounded = false;
    enum qta_status status = qta_json_read_decimal_slow(reader, value, &is_rounded);
    if (status == QTA_ERR_FORMAT)
        return json_other(reader);
    if (status != QTA_OK)
        return OUTCOME_WRONG;
    *flags |= is_rounded ? QTA_FLAG_ROUNDED : 0;
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome json_read_decimal(struct source *source, struct qta_decimal *value,
                                             uint32_t *flags)
{
    int64_t mantissa;
    unsigned fraction_count;
    if (LIKELY(qta_json_read_decimal_fast(&source->json, &mantissa, &fraction_count))) {
        *value = qta_decimal_make(mantissa, -(int)fraction_count);
        return OUTCOME_READ;
    }
    struct qta_json_reader copy = source->json;
    struct qta_decimal slow_value = qta_decimal_null();
    enum outcome outcome = json_read_decimal_slow(&copy, &slow_value, flags);
    source->json = copy;
    if (outcome == OUTCOME_READ)
        *value = slow_value;
    return outcome;
}

/* An integer of 1 to 19 digits. */
ALWAYS_INLINE bool json_read_count_fast(struct qta_json_reader *reader, uint64_t *value)
{
    static const uint64_t powers[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *at = reader->at;
    uint64_t word = qta_json_load(reader, at);
    unsigned count = qta_json_digit_count(word);
    if (count == 0 || (count > 1 && qta_json_byte(word, 0) == '0'))
        return false;
    uint64_t sum = qta_json_digits(word, count);
    at += count;
    for (unsigned words = 1; count == 8; words++) {
        word = qta_json_load(reader, at);
        count = qta_json_digit_count(word);
        if (words == 2 && count > 3) /* 20 digits may not fit */
            return false;
        if (count > 0)
            sum = sum * (count == 8 ? 100000000 : powers[count]) + qta_json_digits(word, count);
        at += count;
    }
    char next = qta_json_byte(word, count);
    if (next == '.' || (next | 0x20) == 'e')
        return false;
    reader->at = at;
    *value = sum;
    return true;
}

static NEVER_INLINE enum outcome json_read_count_slow(struct qta_json_reader *reader,
                                                      uint64_t *value)
{
    struct qta_json_text raw;
    struct qta_decimal decimal;
    if (!qta_json_read_number(reader, &raw))
        return json_other(reader);
    bool is_rounded = false;
    if (qta_json_text_to_u64(raw, value))
        return OUTCOME_READ;
    bool is_whole = qta_decimal_parse(raw.bytes, raw.length, &decimal, &is_rounded) == QTA_OK &&
                    !is_rounded && decimal_to_count(decimal, value);
    return is_whole ? OUTCOME_READ : OUTCOME_WRONG;
}

ALWAYS_INLINE enum outcome json_read_count(struct source *source, uint64_t *value, uint32_t *flags)
{
    (void)flags;
    if (json_read_count_fast(&source->json, value))
        return OUTCOME_READ;
    struct qta_json_reader copy = source->json;
    enum outcome outcome = json_read_count_slow(&copy, value);
    source->json = copy;
    return outcome;
}

static NEVER_INLINE enum outcome json_read_id_slow(struct qta_json_reader *reader,
                                                   struct workspace *workspace, struct trade_id *id)
{
    struct qta_json_text raw;
    struct qta_json_reader before = *reader;
    *id = (struct trade_id){.is_text = false};
    if (qta_json_peek(reader) != QTA_JSON_NUMBER) {
        id->is_text = true;
        return json_read_text_slow(reader, workspace, &id->text);
    }
    enum outcome outcome = json_read_count_slow(reader, &id->number);
    if (outcome == OUTCOME_READ && id->number != QTA_U64_NONE)
        return OUTCOME_READ;
    if (reader->error != QTA_JSON_OK)
        return OUTCOME_WRONG;
    *reader = before;
    qta_json_read_number(reader, &raw);
    id->is_text = true;
    id->text = (struct text){raw.bytes, raw.length};
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome json_read_id(struct source *source, struct workspace *workspace,
                                        struct trade_id *id, uint32_t *flags)
{
    (void)flags;
    *id = (struct trade_id){.text = {"", 0}};
    if (json_read_count_fast(&source->json, &id->number))
        return OUTCOME_READ;
    struct qta_json_reader copy = source->json;
    struct trade_id slow_id;
    enum outcome outcome = json_read_id_slow(&copy, workspace, &slow_id);
    source->json = copy;
    *id = slow_id;
    return outcome;
}

static NEVER_INLINE enum outcome json_read_time_slow(struct qta_json_reader *reader,
                                                     struct workspace *workspace, int64_t *ts_ns)
{
    enum { MINUTE_BYTES = sizeof workspace->minute_text };
    struct text text;
    enum outcome outcome = json_read_text_slow(reader, workspace, &text);
    if (outcome != OUTCOME_READ)
        return outcome;
    if (qta_timestamp_parse(text.bytes, text.length, ts_ns) != QTA_OK)
        return OUTCOME_WRONG;
    char minute[MINUTE_BYTES + 4];
    memcpy(minute, text.bytes, MINUTE_BYTES);
    memcpy(minute + MINUTE_BYTES, ":00Z", 4);
    int64_t minute_ns;
    if (minute[10] == 'T' && qta_timestamp_parse(minute, sizeof minute, &minute_ns) == QTA_OK &&
        minute_ns < INT64_MAX - INT64_C(60) * 1000000000) {
        memcpy(workspace->minute_text, minute, MINUTE_BYTES);
        workspace->minute_ns = minute_ns;
    }
    return OUTCOME_READ;
}

/* "2026-11-19T16:41:08.070605043Z" in the same minute as the last one: nine fraction digits or
 * less. */
ALWAYS_INLINE bool json_read_time_fast(struct qta_json_reader *reader,
                                       const struct workspace *workspace, int64_t *ts_ns)
{
    enum { SHORTEST = sizeof "\"2026-11-19T16:41:08Z\"" - 1 };
    static const uint32_t units_ns[10] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                          10000,      1000,      100,      10,      1};
    const char *at = reader->at;
    const char *end = reader->end;
    if (end - at < SHORTEST || *at != '"' ||
        memcmp(at + 1, workspace->minute_text, sizeof workspace->minute_text) != 0 || at[17] != ':')
        return false;
    unsigned tens = (unsigned)(uint8_t)at[18] - '0';
    unsigned ones = (unsigned)(uint8_t)at[19] - '0';
    if (tens > 5 || ones > 9)
        return false;
    uint64_t fraction = 0;
    unsigned count = 0;
    at += 20;
    if (*at == '.') {
        uint64_t word = qta_json_load(reader, at + 1);
        count = qta_json_digit_count(word);
        if (count == 0)
            return false;
        fraction = qta_json_digits(word, count);
        if (count == 8 && end - at > 9 && at[9] != 'Z') { /* most have nine */
            unsigned ninth = (unsigned)(uint8_t)at[9] - '0';
            if (ninth > 9)
                return false;
            fraction = fraction * 10 + ninth;
            count = 9;
            at += 10;
        } else {
            at += 1 + count;
        }
    }
    if (end - at < 2 || at[0] != 'Z' || at[1] != '"')
        return false;
    reader->at = at + 2;
    *ts_ns = workspace->minute_ns + (int64_t)(tens * 10 + ones) * 1000000000 +
             (int64_t)(fraction * units_ns[count]);
    return true;
}

ALWAYS_INLINE enum outcome json_read_time(struct source *source, struct workspace *workspace,
                                          int64_t *ts_ns)
{
    if (json_read_time_fast(&source->json, workspace, ts_ns))
        return OUTCOME_READ;
    struct qta_json_reader copy = source->json;
    enum outcome outcome = json_read_time_slow(&copy, workspace, ts_ns);
    source->json = copy;
    return outcome;
}

ALWAYS_INLINE enum outcome json_read_flag(struct source *source, bool *value)
{
    struct qta_json_reader copy = source->json;
    enum outcome outcome = qta_json_read_bool(&copy, value) ? OUTCOME_READ : json_other(&copy);
    source->json = copy;
    return outcome;
}

ALWAYS_INLINE enum outcome json_read_other(struct source *source)
{
    struct qta_json_reader copy = source->json;
    enum outcome outcome = json_other(&copy);
    source->json = copy;
    return outcome;
}

ALWAYS_INLINE void json_skip(struct source *source)
{
    struct qta_json_reader copy = source->json;
    qta_json_skip(&copy);
    source->json = copy;
}

ALWAYS_INLINE bool json_is_broken(const struct source *source)
{
    return source->json.error != QTA_JSON_OK;
}

static bool json_finish(struct source *source)
{
    return qta_json_finish(&source->json);
}

static enum qta_fault json_fault(const struct source *source)
{
    return qta_json_error_fault(source->json.error);
}

static const char *json_fault_name(const struct source *source)
{
    return qta_json_error_name(source->json.error);
}

static size_t json_offset(const struct source *source)
{
    return qta_json_offset(&source->json);
}

static const struct source_ops json_ops = {
    .enter_list = json_enter_list,
    .enter_map = json_enter_map,
    .enter_message = json_enter_message,
    .next_item = json_next_item,
    .next_field = json_next_field,
    .next_key = json_next_key,
    .next_long_key = json_next_long_key,
    .read_short = json_read_short,
    .read_letter = json_read_letter,
    .read_letters = json_read_letters,
    .read_text = json_read_text,
    .read_decimal = json_read_decimal,
    .read_count = json_read_count,
    .read_id = json_read_id,
    .read_time = json_read_time,
    .read_flag = json_read_flag,
    .read_other = json_read_other,
    .skip = json_skip,
    .is_broken = json_is_broken,
    .finish = json_finish,
    .fault = json_fault,
    .fault_name = json_fault_name,
    .offset = json_offset,
};

/* ------------------------------------------------------------------------------------------------
 * MessagePack */

static NEVER_INLINE enum outcome msgpack_other(struct qta_msgpack_reader *reader)
{
    if (qta_msgpack_read_nil(reader))
        return OUTCOME_ABSENT;
    qta_msgpack_skip(reader);
    return OUTCOME_WRONG;
}

ALWAYS_INLINE bool msgpack_enter_list(struct source *source, uint32_t *left)
{
    return qta_msgpack_enter_array(&source->msgpack, left);
}

ALWAYS_INLINE bool msgpack_enter_map(struct source *source, uint32_t *left)
{
    return qta_msgpack_enter_map(&source->msgpack, left);
}

ALWAYS_INLINE bool msgpack_next_item(struct source *source, uint32_t *left)
{
    if (*left == 0 || source->msgpack.error != QTA_MSGPACK_OK)
        return false;
    --*left;
    return true;
}

ALWAYS_INLINE bool msgpack_next_long_key(struct source *source, struct workspace *workspace,
                                         uint32_t *left, struct text *key)
{
    (void)workspace;
    struct qta_msgpack_text text;
    if (!msgpack_next_item(source, left))
        return false;
    *key = (struct text){"", 0};
    if (qta_msgpack_read_string(&source->msgpack, &text))
        *key = (struct text){text.bytes, text.length};
    else if (!qta_msgpack_skip(&source->msgpack)) /* a key that is no string: no key of ours */
        return false;
    return true;
}

ALWAYS_INLINE bool msgpack_next_key(struct source *source, struct workspace *workspace,
                                    uint32_t *left, uint32_t *key)
{
    struct text text;
    if (!msgpack_next_long_key(source, workspace, left, &text))
        return false;
    *key = pack_key(text);
    return true;
}

ALWAYS_INLINE bool msgpack_next_field(struct source *source, struct workspace *workspace,
                                      uint32_t *left, const struct qta_alpaca_message *message,
                                      const struct qta_alpaca_field **field)
{
    uint32_t key;
    if (!msgpack_next_key(source, workspace, left, &key))
        return false;
    *field = key ? qta_alpaca_field_find(message, key) : NULL;
    return true;
}

ALWAYS_INLINE bool msgpack_read_short(struct source *source, uint64_t *word)
{
    struct qta_msgpack_text text;
    struct qta_msgpack_reader before = source->msgpack;
    if (!qta_msgpack_read_string(&source->msgpack, &text))
        return false;
    *word = 0;
    bool is_plain = text.length <= 7;
    for (size_t i = 0; is_plain && i < text.length; i++) {
        uint8_t byte = (uint8_t)text.bytes[i];
        is_plain = byte >= 0x20 && byte < 0x80;
        *word |= (uint64_t)byte << (8 * i);
    }
    if (!is_plain)
        source->msgpack = before;
    return is_plain;
}

ALWAYS_INLINE bool msgpack_read_letter(struct source *source, uint16_t *letter)
{
    struct qta_msgpack_reader *reader = &source->msgpack;
    if (reader->end - reader->at < 2 || reader->at[0] != 0xa1 || reader->at[1] < 0x20 ||
        reader->at[1] >= 0x80)
        return false;
    *letter = reader->at[1];
    reader->at += 2;
    return true;
}

ALWAYS_INLINE bool msgpack_read_letters(struct source *source, uint16_t letters[QTA_CONDITIONS_MAX])
{
    struct qta_msgpack_reader before = source->msgpack;
    uint16_t found[QTA_CONDITIONS_MAX] = {0};
    uint32_t count;
    if (!qta_msgpack_enter_array(&source->msgpack, &count))
        return false;
    bool is_good = count >= 1 && count <= QTA_CONDITIONS_MAX;
    for (size_t i = 0; is_good && i < count; i++)
        is_good = msgpack_read_letter(source, &found[i]);
    if (is_good)
        memcpy(letters, found, sizeof found);
    else
        source->msgpack = before;
    return is_good;
}

ALWAYS_INLINE const struct qta_alpaca_message *
msgpack_enter_message(struct source *source, const struct qta_alpaca_messages *messages,
                      uint32_t *left)
{
    struct qta_msgpack_reader before = source->msgpack;
    const struct qta_alpaca_message *message = NULL;
    uint16_t key;
    uint16_t letter;
    if (qta_msgpack_enter_map(&source->msgpack, left) && msgpack_next_item(source, left) &&
        msgpack_read_letter(source, &key) && key == 'T' && msgpack_read_letter(source, &letter))
        message = qta_alpaca_message_find(messages, letter);
    if (!message)
        source->msgpack = before;
    return message;
}

ALWAYS_INLINE enum outcome msgpack_read_text(struct source *source, struct workspace *workspace,
                                             struct text *text)
{
    (void)workspace;
    struct qta_msgpack_text read;
    *text = (struct text){"", 0};
    if (!qta_msgpack_read_string(&source->msgpack, &read))
        return msgpack_other(&source->msgpack);
    *text = (struct text){read.bytes, read.length};
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome msgpack_read_decimal(struct source *source, struct qta_decimal *value,
                                                uint32_t *flags)
{
    struct qta_msgpack_number number;
    bool is_rounded = false;
    if (!qta_msgpack_read_number(&source->msgpack, &number))
        return msgpack_other(&source->msgpack);
    if (qta_msgpack_number_to_decimal(number, value, &is_rounded) != QTA_OK)
        return OUTCOME_WRONG;
    *flags |= (is_rounded ? QTA_FLAG_ROUNDED : 0) |
              (qta_msgpack_number_is_float(number) ? QTA_FLAG_FROM_FLOAT : 0);
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome msgpack_read_count(struct source *source, uint64_t *value,
                                              uint32_t *flags)
{
    struct qta_msgpack_number number;
    if (!qta_msgpack_read_number(&source->msgpack, &number))
        return msgpack_other(&source->msgpack);
    if (!qta_msgpack_number_to_u64(number, value))
        return OUTCOME_WRONG;
    *flags |= qta_msgpack_number_is_float(number) ? QTA_FLAG_FROM_FLOAT : 0;
    return OUTCOME_READ;
}

static NEVER_INLINE enum outcome msgpack_id_as_text(struct qta_msgpack_number number,
                                                    struct workspace *workspace,
                                                    struct trade_id *id, uint32_t *flags)
{
    struct qta_decimal decimal;
    static_assert(sizeof workspace->scratch >= QTA_DECIMAL_TEXT_BYTES, "any decimal fits");
    if (number.kind == QTA_MSGPACK_UNSIGNED) {
        int length = snprintf(workspace->scratch, sizeof workspace->scratch, "%llu",
                              (unsigned long long)number.u64);
        id->text = (struct text){workspace->scratch, (size_t)length};
    } else if (qta_msgpack_number_to_decimal(number, &decimal, NULL) == QTA_OK) {
        id->text = (struct text){workspace->scratch,
                                 qta_decimal_print(decimal, workspace->scratch)};
    } else {
        return OUTCOME_WRONG;
    }
    id->is_text = true;
    *flags |= qta_msgpack_number_is_float(number) ? QTA_FLAG_FROM_FLOAT : 0;
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome msgpack_read_id(struct source *source, struct workspace *workspace,
                                           struct trade_id *id, uint32_t *flags)
{
    struct qta_msgpack_number number;
    *id = (struct trade_id){.is_text = false};
    if (!qta_msgpack_read_number(&source->msgpack, &number)) {
        id->is_text = true;
        return msgpack_read_text(source, workspace, &id->text);
    }
    if (!qta_msgpack_number_to_u64(number, &id->number) || id->number == QTA_U64_NONE)
        return msgpack_id_as_text(number, workspace, id, flags);
    *flags |= qta_msgpack_number_is_float(number) ? QTA_FLAG_FROM_FLOAT : 0;
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome msgpack_read_time(struct source *source, struct workspace *workspace,
                                             int64_t *ts_ns)
{
    struct text text;
    enum qta_status status = qta_msgpack_read_time(&source->msgpack, ts_ns);
    if (status != QTA_ERR_FORMAT)
        return status == QTA_OK ? OUTCOME_READ : OUTCOME_WRONG;
    enum outcome outcome = msgpack_read_text(source, workspace, &text); /* some write it so */
    if (outcome == OUTCOME_READ && qta_timestamp_parse(text.bytes, text.length, ts_ns) != QTA_OK)
        return OUTCOME_WRONG;
    return outcome;
}

ALWAYS_INLINE enum outcome msgpack_read_flag(struct source *source, bool *value)
{
    return qta_msgpack_read_bool(&source->msgpack, value) ? OUTCOME_READ
                                                          : msgpack_other(&source->msgpack);
}

ALWAYS_INLINE enum outcome msgpack_read_other(struct source *source)
{
    return msgpack_other(&source->msgpack);
}

ALWAYS_INLINE void msgpack_skip(struct source *source)
{
    qta_msgpack_skip(&source->msgpack);
}

ALWAYS_INLINE bool msgpack_is_broken(const struct source *source)
{
    return source->msgpack.error != QTA_MSGPACK_OK;
}

static bool msgpack_finish(struct source *source)
{
    return qta_msgpack_finish(&source->msgpack);
}

static enum qta_fault msgpack_fault(const struct source *source)
{
    return qta_msgpack_error_fault(source->msgpack.error);
}

static const char *msgpack_fault_name(const struct source *source)
{
    return qta_msgpack_error_name(source->msgpack.error);
}

static size_t msgpack_offset(const struct source *source)
{
    return qta_msgpack_offset(&source->msgpack);
}

static const struct source_ops msgpack_ops = {
    .enter_list = msgpack_enter_list,
    .enter_map = msgpack_enter_map,
    .enter_message = msgpack_enter_message,
    .next_item = msgpack_next_item,
    .next_field = msgpack_next_field,
    .next_key = msgpack_next_key,
    .next_long_key = msgpack_next_long_key,
    .read_short = msgpack_read_short,
    .read_letter = msgpack_read_letter,
    .read_letters = msgpack_read_letters,
    .read_text = msgpack_read_text,
    .read_decimal = msgpack_read_decimal,
    .read_count = msgpack_read_count,
    .read_id = msgpack_read_id,
    .read_time = msgpack_read_time,
    .read_flag = msgpack_read_flag,
    .read_other = msgpack_read_other,
    .skip = msgpack_skip,
    .is_broken = msgpack_is_broken,
    .finish = msgpack_finish,
    .fault = msgpack_fault,
    .fault_name = msgpack_fault_name,
    .offset = msgpack_offset,
};

#endif
