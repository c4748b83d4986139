/** @file alpaca_json_source.h
 *  JSON as a source: see alpaca_source.h. As in json_reader.h, what is rare goes to a function on a
 * copy of the reader, so that the reader itself can stay in registers. */
#ifndef QTA_ADAPTERS_ALPACA_JSON_SOURCE_H
#define QTA_ADAPTERS_ALPACA_JSON_SOURCE_H

#include <qta/timestamp.h>

#include "adapters/alpaca_source.h"

static NEVER_INLINE enum outcome json_other(struct qta_json_reader *reader)
{
    if (qta_json_read_null(reader))
        return OUTCOME_ABSENT;
    qta_json_skip(reader);
    return OUTCOME_WRONG;
}

ALWAYS_INLINE enum outcome json_read_other(void *source)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    enum outcome outcome = json_other(&copy);
    *reader = copy;
    return outcome;
}

ALWAYS_INLINE void json_skip(void *source)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    qta_json_skip(&copy);
    *reader = copy;
}

ALWAYS_INLINE void json_save(const void *source, union bookmark *bookmark)
{
    const struct qta_json_reader *reader = source;
    bookmark->json = *reader;
}

ALWAYS_INLINE void json_restore(void *source, const union bookmark *bookmark)
{
    struct qta_json_reader *reader = source;
    *reader = bookmark->json;
}

ALWAYS_INLINE bool json_is_broken(const void *source)
{
    const struct qta_json_reader *reader = source;
    return reader->error != QTA_JSON_OK;
}

ALWAYS_INLINE bool json_finish(void *source)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    bool is_whole = qta_json_finish(&copy);
    *reader = copy;
    return is_whole;
}

ALWAYS_INLINE enum qta_fault json_fault(const void *source)
{
    const struct qta_json_reader *reader = source;
    return qta_json_error_fault(reader->error);
}

ALWAYS_INLINE const char *json_fault_name(const void *source)
{
    const struct qta_json_reader *reader = source;
    return qta_json_error_name(reader->error);
}

ALWAYS_INLINE size_t json_offset(const void *source)
{
    return qta_json_offset(source);
}

/* ------------------------------------------------------------------------------------------------
 * Lists, maps and keys */

ALWAYS_INLINE bool json_enter_list(void *source, struct place *place)
{
    (void)place;
    return qta_json_enter_array(source);
}

ALWAYS_INLINE bool json_enter_map(void *source, struct place *place)
{
    (void)place;
    return qta_json_enter_object(source);
}

/* {"T":"t" are eight bytes. */
ALWAYS_INLINE struct qta_alpaca_message *json_enter_message(void *source, struct place *place,
                                                            struct qta_alpaca_messages *messages)
{
    static const uint64_t pattern = UINT64_C(0x2200223a2254227b);
    static const uint64_t letter_byte = UINT64_C(0x00ff000000000000);
    struct qta_json_reader *reader = source;
    (void)place;
    uint64_t word = qta_json_load(reader, reader->at);
    if ((word & ~letter_byte) != pattern || reader->depth == QTA_JSON_DEPTH_MAX)
        return NULL;
    struct qta_alpaca_message *message = qta_alpaca_message_find(messages,
                                                                 (word & letter_byte) >> 48);
    if (!message)
        return NULL;
    reader->at += 8;
    reader->depth++;
    return message;
}

ALWAYS_INLINE bool json_next_item(void *source, struct place *place)
{
    (void)place;
    return qta_json_next_element(source);
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

static NEVER_INLINE uint32_t json_pack_key(struct qta_json_text raw, struct workspace *workspace)
{
    struct text text;
    return json_plain(raw, workspace, &text) ? pack_key(text) : 0;
}

ALWAYS_INLINE bool json_next_long_key(void *source, struct place *place,
                                      struct workspace *workspace, struct text *key)
{
    struct qta_json_text raw;
    (void)place;
    bool has_more = qta_json_next_key(source, &raw);
    if (has_more && !json_plain(raw, workspace, key))
        *key = (struct text){"", 0}; /* no key of ours */
    return has_more;
}

ALWAYS_INLINE bool json_next_key(void *source, struct place *place, struct workspace *workspace,
                                 uint32_t *key)
{
    struct qta_json_text raw;
    (void)place;
    bool has_more = qta_json_next_key(source, &raw);
    if (has_more)
        *key = LIKELY(raw.length == 1) ? (uint8_t)raw.bytes[0] : json_pack_key(raw, workspace);
    return has_more;
}

/* Remembers the key that was just read, when it is short and plain with nothing blank around it. */
static void json_learn_key(struct qta_alpaca_expected *expected,
                           const struct qta_json_reader *reader, struct qta_json_text raw,
                           const struct qta_alpaca_field *field)
{
    enum { LENGTH_MAX = 3, AROUND = 4 }; /* ,"": */
    if (raw.has_escapes || raw.length > LENGTH_MAX || raw.bytes - reader->start < 2 ||
        raw.bytes[-2] != ',' || raw.bytes[raw.length + 1] != ':' ||
        reader->at != raw.bytes + raw.length + 2)
        return;
    unsigned length = (unsigned)raw.length + AROUND;
    expected->mask = (UINT64_C(1) << 8 * length) - 1;
    expected->pattern = qta_json_load(reader, raw.bytes - 2) & expected->mask;
    expected->field = field;
    expected->length = length;
}

static NEVER_INLINE bool json_next_field_slow(struct qta_json_reader *reader,
                                              struct workspace *workspace,
                                              struct qta_alpaca_message *message,
                                              struct qta_alpaca_expected *expected,
                                              const struct qta_alpaca_field **field)
{
    struct qta_json_text raw;
    if (!qta_json_next_key(reader, &raw))
        return false;
    *field = qta_alpaca_field_find(message, json_pack_key(raw, workspace));
    if (expected != &message->expected[QTA_ALPACA_EXPECTED_COUNT - 1]) /* that one never matches */
        json_learn_key(expected, reader, raw, *field);
    return true;
}

ALWAYS_INLINE bool json_next_field(void *source, struct place *place, struct workspace *workspace,
                                   struct qta_alpaca_message *message,
                                   const struct qta_alpaca_field **field)
{
    struct qta_json_reader *reader = source;
    struct qta_alpaca_expected *expected = place->expected;
    uint64_t word = qta_json_load(reader, reader->at);
    if (LIKELY((word & expected->mask) == expected->pattern)) {
        reader->at += expected->length;
        *field = expected->field;
        place->expected++;
        return true;
    }
    if ((word & 0xff) == '}') {
        qta_json_leave(reader);
        return false;
    }
    const struct qta_alpaca_field *found = NULL;
    struct qta_json_reader copy = *reader;
    bool has_more = json_next_field_slow(&copy, workspace, message, expected, &found);
    *reader = copy;
    *field = found;
    if (expected != &message->expected[QTA_ALPACA_EXPECTED_COUNT - 1])
        place->expected++;
    return has_more;
}

/* ------------------------------------------------------------------------------------------------
 * Strings */

/* "K": one plain byte between quotes. */
ALWAYS_INLINE bool json_is_letter(uint64_t word)
{
    uint64_t byte = word >> 8 & 0xff;
    return (word & 0xff00ff) == 0x220022 && byte - ' ' < 0x60 && byte != '"' && byte != '\\';
}

ALWAYS_INLINE bool json_read_letter(void *source, uint16_t *letter)
{
    struct qta_json_reader *reader = source;
    uint64_t word = qta_json_load(reader, reader->at);
    if (!json_is_letter(word))
        return false;
    *letter = (uint16_t)(word >> 8 & 0xff);
    reader->at += 3;
    return true;
}

/* ["@","I"]: four bytes each. */
ALWAYS_INLINE bool json_read_letters(void *source, uint16_t letters[QTA_CONDITIONS_MAX])
{
    struct qta_json_reader *reader = source;
    const char *at = reader->at;
    uint16_t found[QTA_CONDITIONS_MAX] = {0};
    if (at == reader->end || *at != '[')
        return false;
    at++;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++) {
        uint64_t word = qta_json_load(reader, at);
        char next = qta_json_byte(word, 3);
        if (!json_is_letter(word) || (next != ',' && next != ']'))
            return false;
        found[i] = (uint16_t)(word >> 8 & 0xff);
        at += 4;
        if (next == ']') {
            memcpy(letters, found, sizeof found);
            reader->at = at;
            return true;
        }
    }
    return false;
}

ALWAYS_INLINE bool json_read_short(void *source, uint64_t *word)
{
    struct qta_json_reader *reader = source;
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

ALWAYS_INLINE enum outcome json_read_text(void *source, struct workspace *workspace,
                                          struct text *text)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    struct text read;
    enum outcome outcome = json_read_text_slow(&copy, workspace, &read);
    *reader = copy;
    *text = read;
    return outcome;
}

/* ------------------------------------------------------------------------------------------------
 * Numbers and the rest */

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

ALWAYS_INLINE enum outcome json_read_decimal(void *source, struct qta_decimal *value,
                                             uint32_t *flags)
{
    struct qta_json_reader *reader = source;
    int64_t mantissa;
    unsigned fraction_count;
    if (LIKELY(qta_json_read_decimal_fast(reader, &mantissa, &fraction_count))) {
        *value = qta_decimal_make(mantissa, -(int)fraction_count);
        return OUTCOME_READ;
    }
    struct qta_json_reader copy = *reader;
    struct qta_decimal slow_value = *value;
    enum outcome outcome = json_read_decimal_slow(&copy, &slow_value, flags);
    *reader = copy;
    *value = slow_value;
    return outcome;
}

/* A plain decimal behind these five bytes. */
ALWAYS_INLINE bool json_read_member(struct qta_json_reader *reader, uint64_t key,
                                    struct qta_decimal *value)
{
    static const uint64_t five_bytes = UINT64_C(0xffffffffff);
    int64_t mantissa;
    unsigned fraction_count;
    if ((qta_json_load(reader, reader->at) & five_bytes) != key)
        return false;
    reader->at += 5;
    if (LIKELY(qta_json_read_decimal_fast(reader, &mantissa, &fraction_count))) {
        *value = qta_decimal_make(mantissa, -(int)fraction_count);
        return true;
    }
    struct qta_json_reader copy = *reader;
    struct qta_decimal long_value;
    if (!qta_json_read_long_decimal(&copy, &long_value))
        return false;
    reader->at = copy.at;
    *value = long_value;
    return true;
}

ALWAYS_INLINE bool json_read_level(void *source, struct qta_decimal *price,
                                   struct qta_decimal *size)
{
    static const uint64_t price_key = UINT64_C(0x3a2270227b); /* {"p": */
    static const uint64_t size_key = UINT64_C(0x3a2273222c);  /* ,"s": */
    struct qta_json_reader *reader = source;
    const char *start = reader->at;
    if (LIKELY(json_read_member(reader, price_key, price) &&
               json_read_member(reader, size_key, size) && reader->at < reader->end &&
               *reader->at == '}' && reader->depth < QTA_JSON_DEPTH_MAX)) {
        reader->at++;
        return true;
    }
    reader->at = start;
    return false;
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
        if (count > 0) {
            sum = sum * (count == 8 ? 100000000 : powers[count]) + qta_json_digits(word, count);
            at += count;
        }
    }
    char next = qta_json_byte(word, count);
    if (next == '.' || (next | 0x20) == 'e')
        return false;
    reader->at = at;
    *value = sum;
    return true;
}

/* Whole numbers may be written as 187.0 and 2e3. */
static NEVER_INLINE enum outcome json_read_count_slow(struct qta_json_reader *reader,
                                                      uint64_t *value)
{
    struct qta_json_text raw;
    struct qta_decimal decimal;
    bool is_rounded = false;
    int64_t whole;
    if (!qta_json_read_number(reader, &raw))
        return json_other(reader);
    if (qta_json_text_to_u64(raw, value))
        return OUTCOME_READ;
    if (qta_decimal_parse(raw.bytes, raw.length, &decimal, &is_rounded) != QTA_OK || is_rounded ||
        qta_decimal_rescale(decimal, 0, &whole) != QTA_OK || whole < 0)
        return OUTCOME_WRONG;
    *value = (uint64_t)whole;
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome json_read_count(void *source, uint64_t *value, uint32_t *flags)
{
    struct qta_json_reader *reader = source;
    (void)flags;
    if (LIKELY(json_read_count_fast(reader, value)))
        return OUTCOME_READ;
    struct qta_json_reader copy = *reader;
    enum outcome outcome = json_read_count_slow(&copy, value);
    *reader = copy;
    return outcome;
}

static NEVER_INLINE enum outcome json_read_id_slow(struct qta_json_reader *reader,
                                                   struct workspace *workspace, struct trade_id *id)
{
    struct qta_json_text raw;
    struct qta_json_reader before = *reader;
    *id = (struct trade_id){.text = {"", 0}};
    if (qta_json_peek(reader) != QTA_JSON_NUMBER) {
        id->is_text = true;
        return json_read_text_slow(reader, workspace, &id->text);
    }
    if (json_read_count_slow(reader, &id->number) == OUTCOME_READ && id->number != QTA_U64_NONE)
        return OUTCOME_READ;
    if (reader->error != QTA_JSON_OK)
        return OUTCOME_WRONG;
    *reader = before;
    qta_json_read_number(reader, &raw);
    id->is_text = true;
    id->text = (struct text){raw.bytes, raw.length};
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome json_read_id(void *source, struct workspace *workspace,
                                        struct trade_id *id, uint32_t *flags)
{
    struct qta_json_reader *reader = source;
    (void)flags;
    *id = (struct trade_id){.text = {"", 0}};
    if (LIKELY(json_read_count_fast(reader, &id->number)))
        return OUTCOME_READ;
    struct qta_json_reader copy = *reader;
    struct trade_id slow_id;
    enum outcome outcome = json_read_id_slow(&copy, workspace, &slow_id);
    *reader = copy;
    *id = slow_id;
    return outcome;
}

static NEVER_INLINE enum outcome json_read_time_slow(struct qta_json_reader *reader,
                                                     struct workspace *workspace, int64_t *ts_ns)
{
    enum { MINUTE_BYTES = sizeof workspace->minute_text };
    static const int64_t last_minute_ns = INT64_MAX - INT64_C(60) * 1000000000;
    struct text text;
    enum outcome outcome = json_read_text_slow(reader, workspace, &text);
    if (outcome != OUTCOME_READ)
        return outcome;
    if (qta_timestamp_parse(text.bytes, text.length, ts_ns) != QTA_OK)
        return OUTCOME_WRONG;
    char minute[MINUTE_BYTES + 4];
    memcpy(minute, text.bytes, MINUTE_BYTES);
    static const char no_seconds[4] = {':', '0', '0', 'Z'};
    memcpy(minute + MINUTE_BYTES, no_seconds, sizeof no_seconds);
    int64_t minute_ns;
    if (minute[10] == 'T' && qta_timestamp_parse(minute, sizeof minute, &minute_ns) == QTA_OK &&
        minute_ns < last_minute_ns) {
        memcpy(workspace->minute_text, minute, MINUTE_BYTES);
        workspace->minute_ns = minute_ns;
    }
    return OUTCOME_READ;
}

/* "2026-11-19T16:41:08.070605043Z" in the same minute as the last one, with 0 to 9 digits. */
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
    if (tens > 5 || ones > 9 || end - at < 2 || at[0] != 'Z' || at[1] != '"')
        return false;
    reader->at = at + 2;
    *ts_ns = workspace->minute_ns + (int64_t)(tens * 10 + ones) * 1000000000 +
             (int64_t)(fraction * units_ns[count]);
    return true;
}

ALWAYS_INLINE enum outcome json_read_time(void *source, struct workspace *workspace, int64_t *ts_ns)
{
    struct qta_json_reader *reader = source;
    if (LIKELY(json_read_time_fast(reader, workspace, ts_ns)))
        return OUTCOME_READ;
    struct qta_json_reader copy = *reader;
    enum outcome outcome = json_read_time_slow(&copy, workspace, ts_ns);
    *reader = copy;
    return outcome;
}

ALWAYS_INLINE enum outcome json_read_flag(void *source, bool *value)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    enum outcome outcome = qta_json_read_bool(&copy, value) ? OUTCOME_READ : json_other(&copy);
    *reader = copy;
    return outcome;
}

static const struct source_ops json_ops = {
    .enter_list = json_enter_list,
    .enter_map = json_enter_map,
    .enter_message = json_enter_message,
    .next_item = json_next_item,
    .next_key = json_next_key,
    .next_long_key = json_next_long_key,
    .next_field = json_next_field,
    .read_short = json_read_short,
    .read_letter = json_read_letter,
    .read_letters = json_read_letters,
    .read_text = json_read_text,
    .read_decimal = json_read_decimal,
    .read_level = json_read_level,
    .read_count = json_read_count,
    .read_id = json_read_id,
    .read_time = json_read_time,
    .read_flag = json_read_flag,
    .read_other = json_read_other,
    .skip = json_skip,
    .save = json_save,
    .restore = json_restore,
    .is_broken = json_is_broken,
    .finish = json_finish,
    .fault = json_fault,
    .fault_name = json_fault_name,
    .offset = json_offset,
};

#endif
