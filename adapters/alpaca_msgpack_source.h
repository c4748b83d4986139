/** @file alpaca_msgpack_source.h
 *  MessagePack as a source: see alpaca_source.h. */
#ifndef QTA_ADAPTERS_ALPACA_MSGPACK_SOURCE_H
#define QTA_ADAPTERS_ALPACA_MSGPACK_SOURCE_H

#include <stdio.h>

#include <qta/timestamp.h>

#include "adapters/alpaca_source.h"

static NEVER_INLINE enum outcome msgpack_read_other(void *source)
{
    if (qta_msgpack_read_nil(source))
        return OUTCOME_ABSENT;
    qta_msgpack_skip(source);
    return OUTCOME_WRONG;
}

ALWAYS_INLINE void msgpack_skip(void *source)
{
    qta_msgpack_skip(source);
}

ALWAYS_INLINE void msgpack_save(const void *source, union bookmark *bookmark)
{
    const struct qta_msgpack_reader *reader = source;
    bookmark->msgpack = *reader;
}

ALWAYS_INLINE void msgpack_restore(void *source, const union bookmark *bookmark)
{
    struct qta_msgpack_reader *reader = source;
    *reader = bookmark->msgpack;
}

ALWAYS_INLINE bool msgpack_is_broken(const void *source)
{
    const struct qta_msgpack_reader *reader = source;
    return reader->error != QTA_MSGPACK_OK;
}

ALWAYS_INLINE bool msgpack_finish(void *source)
{
    return qta_msgpack_finish(source);
}

ALWAYS_INLINE enum qta_fault msgpack_fault(const void *source)
{
    const struct qta_msgpack_reader *reader = source;
    return qta_msgpack_error_fault(reader->error);
}

ALWAYS_INLINE const char *msgpack_fault_name(const void *source)
{
    const struct qta_msgpack_reader *reader = source;
    return qta_msgpack_error_name(reader->error);
}

ALWAYS_INLINE size_t msgpack_offset(const void *source)
{
    return qta_msgpack_offset(source);
}

/* ------------------------------------------------------------------------------------------------
 * Lists, maps and keys */

ALWAYS_INLINE bool msgpack_enter_list(void *source, struct place *place)
{
    return qta_msgpack_enter_array(source, &place->left);
}

ALWAYS_INLINE bool msgpack_enter_map(void *source, struct place *place)
{
    return qta_msgpack_enter_map(source, &place->left);
}

ALWAYS_INLINE bool msgpack_next_item(void *source, struct place *place)
{
    if (place->left == 0 || msgpack_is_broken(source))
        return false;
    place->left--;
    return true;
}

ALWAYS_INLINE bool msgpack_next_long_key(void *source, struct place *place,
                                         struct workspace *workspace, struct text *key)
{
    struct qta_msgpack_text text;
    (void)workspace;
    if (!msgpack_next_item(source, place))
        return false;
    *key = (struct text){"", 0};
    if (qta_msgpack_read_string(source, &text))
        *key = (struct text){text.bytes, text.length};
    else if (!qta_msgpack_skip(source)) /* a key that is no string is no key of ours */
        return false;
    return true;
}

ALWAYS_INLINE bool msgpack_next_key(void *source, struct place *place, struct workspace *workspace,
                                    uint32_t *key)
{
    struct text text;
    bool has_more = msgpack_next_long_key(source, place, workspace, &text);
    if (has_more)
        *key = pack_key(text);
    return has_more;
}

ALWAYS_INLINE bool msgpack_next_field(void *source, struct place *place,
                                      struct workspace *workspace,
                                      struct qta_alpaca_message *message,
                                      const struct qta_alpaca_field **field)
{
    uint32_t key;
    bool has_more = msgpack_next_key(source, place, workspace, &key);
    if (has_more)
        *field = qta_alpaca_field_find(message, key);
    return has_more;
}

/* ------------------------------------------------------------------------------------------------
 * Strings */

ALWAYS_INLINE bool msgpack_read_letter(void *source, uint16_t *letter)
{
    struct qta_msgpack_reader *reader = source;
    if (reader->end - reader->at < 2 || reader->at[0] != 0xa1 || reader->at[1] < 0x20 ||
        reader->at[1] >= 0x80)
        return false;
    *letter = reader->at[1];
    reader->at += 2;
    return true;
}

ALWAYS_INLINE bool msgpack_read_letters(void *source, uint16_t letters[QTA_CONDITIONS_MAX])
{
    struct qta_msgpack_reader *reader = source;
    struct qta_msgpack_reader before = *reader;
    uint16_t found[QTA_CONDITIONS_MAX] = {0};
    uint32_t count;
    if (!qta_msgpack_enter_array(reader, &count))
        return false;
    bool is_good = count >= 1 && count <= QTA_CONDITIONS_MAX;
    for (size_t i = 0; is_good && i < count; i++)
        is_good = msgpack_read_letter(source, &found[i]);
    if (is_good)
        memcpy(letters, found, sizeof found);
    else
        *reader = before;
    return is_good;
}

ALWAYS_INLINE bool msgpack_read_short(void *source, uint64_t *word)
{
    struct qta_msgpack_reader *reader = source;
    struct qta_msgpack_reader before = *reader;
    struct qta_msgpack_text text;
    if (!qta_msgpack_read_string(reader, &text))
        return false;
    *word = 0;
    bool is_plain = text.length <= 7;
    for (size_t i = 0; is_plain && i < text.length; i++) {
        uint8_t byte = (uint8_t)text.bytes[i];
        is_plain = byte >= 0x20 && byte < 0x80;
        *word |= (uint64_t)byte << (8 * i);
    }
    if (!is_plain)
        *reader = before;
    return is_plain;
}

ALWAYS_INLINE struct qta_alpaca_message *msgpack_enter_message(void *source, struct place *place,
                                                               struct qta_alpaca_messages *messages)
{
    struct qta_msgpack_reader *reader = source;
    struct qta_msgpack_reader before = *reader;
    struct qta_alpaca_message *message = NULL;
    uint16_t key;
    uint16_t letter;
    if (qta_msgpack_enter_map(reader, &place->left) && msgpack_next_item(source, place) &&
        msgpack_read_letter(source, &key) && key == 'T' && msgpack_read_letter(source, &letter))
        message = qta_alpaca_message_find(messages, letter);
    if (!message)
        *reader = before;
    return message;
}

ALWAYS_INLINE enum outcome msgpack_read_text(void *source, struct workspace *workspace,
                                             struct text *text)
{
    struct qta_msgpack_text read;
    (void)workspace;
    *text = (struct text){"", 0};
    if (!qta_msgpack_read_string(source, &read))
        return msgpack_read_other(source);
    *text = (struct text){read.bytes, read.length};
    return OUTCOME_READ;
}

/* ------------------------------------------------------------------------------------------------
 * Numbers and the rest */

ALWAYS_INLINE uint32_t msgpack_number_flags(struct qta_msgpack_number number)
{
    return qta_msgpack_number_is_float(number) ? QTA_FLAG_FROM_FLOAT : 0;
}

ALWAYS_INLINE enum outcome msgpack_read_decimal(void *source, struct qta_decimal *value,
                                                uint32_t *flags)
{
    struct qta_msgpack_number number;
    bool is_rounded = false;
    if (!qta_msgpack_read_number(source, &number))
        return msgpack_read_other(source);
    if (qta_msgpack_number_to_decimal(number, value, &is_rounded) != QTA_OK)
        return OUTCOME_WRONG;
    *flags |= msgpack_number_flags(number) | (is_rounded ? QTA_FLAG_ROUNDED : 0);
    return OUTCOME_READ;
}

/* Maps of MessagePack are quick to enter as they are. */
ALWAYS_INLINE bool msgpack_read_level(void *source, struct qta_decimal *price,
                                      struct qta_decimal *size)
{
    (void)source;
    (void)price;
    (void)size;
    return false;
}

ALWAYS_INLINE enum outcome msgpack_read_count(void *source, uint64_t *value, uint32_t *flags)
{
    struct qta_msgpack_number number;
    if (!qta_msgpack_read_number(source, &number))
        return msgpack_read_other(source);
    if (!qta_msgpack_number_to_u64(number, value))
        return OUTCOME_WRONG;
    *flags |= msgpack_number_flags(number);
    return OUTCOME_READ;
}

static NEVER_INLINE enum outcome msgpack_id_as_text(struct qta_msgpack_number number,
                                                    struct workspace *workspace,
                                                    struct trade_id *id)
{
    static_assert(sizeof workspace->scratch >= QTA_DECIMAL_TEXT_BYTES, "any decimal fits");
    struct qta_decimal decimal;
    id->is_text = true;
    id->text.bytes = workspace->scratch;
    if (number.kind == QTA_MSGPACK_UNSIGNED)
        id->text.length = (size_t)snprintf(workspace->scratch, sizeof workspace->scratch, "%llu",
                                           (unsigned long long)number.u64);
    else if (qta_msgpack_number_to_decimal(number, &decimal, NULL) == QTA_OK)
        id->text.length = qta_decimal_print(decimal, workspace->scratch);
    else
        return OUTCOME_WRONG;
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome msgpack_read_id(void *source, struct workspace *workspace,
                                           struct trade_id *id, uint32_t *flags)
{
    struct qta_msgpack_number number;
    *id = (struct trade_id){.text = {"", 0}};
    if (!qta_msgpack_read_number(source, &number)) {
        id->is_text = true;
        return msgpack_read_text(source, workspace, &id->text);
    }
    *flags |= msgpack_number_flags(number);
    if (qta_msgpack_number_to_u64(number, &id->number) && id->number != QTA_U64_NONE)
        return OUTCOME_READ;
    return msgpack_id_as_text(number, workspace, id);
}

ALWAYS_INLINE enum outcome msgpack_read_time(void *source, struct workspace *workspace,
                                             int64_t *ts_ns)
{
    struct text text;
    enum qta_status status = qta_msgpack_read_time(source, ts_ns);
    if (status != QTA_ERR_FORMAT)
        return status == QTA_OK ? OUTCOME_READ : OUTCOME_WRONG;
    enum outcome outcome = msgpack_read_text(source, workspace, &text); /* some write it so */
    if (outcome == OUTCOME_READ && qta_timestamp_parse(text.bytes, text.length, ts_ns) != QTA_OK)
        return OUTCOME_WRONG;
    return outcome;
}

ALWAYS_INLINE enum outcome msgpack_read_flag(void *source, bool *value)
{
    return qta_msgpack_read_bool(source, value) ? OUTCOME_READ : msgpack_read_other(source);
}

static const struct source_ops msgpack_ops = {
    .enter_list = msgpack_enter_list,
    .enter_map = msgpack_enter_map,
    .enter_message = msgpack_enter_message,
    .next_item = msgpack_next_item,
    .next_key = msgpack_next_key,
    .next_long_key = msgpack_next_long_key,
    .next_field = msgpack_next_field,
    .read_short = msgpack_read_short,
    .read_letter = msgpack_read_letter,
    .read_letters = msgpack_read_letters,
    .read_text = msgpack_read_text,
    .read_decimal = msgpack_read_decimal,
    .read_level = msgpack_read_level,
    .read_count = msgpack_read_count,
    .read_id = msgpack_read_id,
    .read_time = msgpack_read_time,
    .read_flag = msgpack_read_flag,
    .read_other = msgpack_read_other,
    .skip = msgpack_skip,
    .save = msgpack_save,
    .restore = msgpack_restore,
    .is_broken = msgpack_is_broken,
    .finish = msgpack_finish,
    .fault = msgpack_fault,
    .fault_name = msgpack_fault_name,
    .offset = msgpack_offset,
};

#endif
