/* Everything walks the table of fields, as printing does. What printing cannot have written is
 * refused: a value that is not understood must not become one that is merely near. */
#include "storage/tick_text.h"

#include <assert.h>
#include <string.h>

#include <qta/timestamp.h>

#include "core/tick_value.h"
#include "storage/csv_column.h"

static const char not_a_number[] = "is not a whole number that fits";
static const char not_a_time[] =
    "is not a time like 2024-05-01T13:30:00.123456789Z or ns since 1970";
static const char not_a_name[] = "is too long, or there is no room for one more name of its kind";

static bool text_is(struct qta_tick_text text, const char *word)
{
    return text.length == strlen(word) && memcmp(text.bytes, word, text.length) == 0;
}

enum qta_tick_column qta_tick_column_find(struct qta_tick_text name)
{
    static const char *const names[QTA_COLUMN_BODY] = {
        [QTA_COLUMN_SEQ] = "seq",           [QTA_COLUMN_TYPE] = "type",
        [QTA_COLUMN_PROVIDER] = "provider", [QTA_COLUMN_SYMBOL] = "symbol",
        [QTA_COLUMN_TS_RECV] = "ts_recv",   [QTA_COLUMN_TS_EVENT] = "ts_event",
        [QTA_COLUMN_SRC_SEQ] = "src_seq",   [QTA_COLUMN_CONN] = "conn",
        [QTA_COLUMN_FLAGS] = "flags",
    };
    unsigned column = 0;
    while (column < QTA_COLUMN_BODY && !text_is(name, names[column]))
        column++;
    return (enum qta_tick_column)column;
}

const struct qta_field *qta_tick_text_find_field(enum qta_tick_type type, struct qta_tick_text name,
                                                 size_t *index)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++) {
        if (text_is(name, fields[i].name)) {
            *index = i;
            return &fields[i];
        }
    }
    return NULL;
}

/* ---- values -----------------------------------------------------------------------------------
 */

/* No sign and no leading zeros. */
static bool read_u64(struct qta_tick_text text, uint64_t *value)
{
    if (text.length == 0 || (text.bytes[0] == '0' && text.length > 1))
        return false;
    uint64_t sum = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned digit = (unsigned)(unsigned char)text.bytes[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(sum, 10U, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

static bool read_i64(struct qta_tick_text text, int64_t *value)
{
    bool is_negative = text.length > 0 && text.bytes[0] == '-';
    uint64_t magnitude;
    struct qta_tick_text digits = {text.bytes + is_negative, text.length - is_negative};
    if (!read_u64(digits, &magnitude) || magnitude > (uint64_t)INT64_MAX + is_negative)
        return false;
    *value = (int64_t)(is_negative ? 0 - magnitude : magnitude);
    return true;
}

static bool read_time(struct qta_tick_text text, int64_t *ts_ns)
{
    if (!read_i64(text, ts_ns) && qta_timestamp_parse(text.bytes, text.length, ts_ns) != QTA_OK)
        return false;
    return *ts_ns != QTA_TIME_UNKNOWN;
}

/* As it is printed, "60s" or "250000000ns", and what else people write for a duration. */
static bool read_interval(struct qta_tick_text text, int64_t *interval_ns)
{
    bool is_negative = text.length > 0 && text.bytes[0] == '-';
    struct qta_tick_text digits = text;
    if (text.length > 2 && memcmp(text.bytes + text.length - 2, "ns", 2) == 0) {
        digits.length -= 2;
        return read_i64(digits, interval_ns);
    }
    if (is_negative && text.bytes[text.length - 1] == 's') {
        digits.length--;
        return read_i64(digits, interval_ns) &&
               !__builtin_mul_overflow(*interval_ns, INT64_C(1000000000), interval_ns);
    }
    return qta_duration_parse(text.bytes, text.length, interval_ns) == QTA_OK;
}

static const char *intern(struct qta_dictionary *names, enum qta_name_kind kind,
                          struct qta_tick_text text, uint32_t *id)
{
    *id = qta_dictionary_intern(names, kind, text.bytes, text.length);
    return *id == QTA_NAME_OTHER ? not_a_name : NULL;
}

static void store(struct qta_tick *tick, size_t offset, const void *value, size_t length)
{
    memcpy((uint8_t *)tick + offset, value, length);
}

static const char *read_decimal(struct qta_tick *tick, const struct qta_field *field,
                                struct qta_tick_text text)
{
    struct qta_decimal value;
    bool is_rounded;
    if (qta_decimal_parse(text.bytes, text.length, &value, &is_rounded) != QTA_OK || is_rounded)
        return "is not a number of at most 19 digits";
    store(tick, field->offset, &value.mantissa, sizeof value.mantissa);
    store(tick, field->exponent_offset, &value.exponent, sizeof value.exponent);
    return NULL;
}

static const char *read_enum(struct qta_tick *tick, const struct qta_field *field,
                             struct qta_tick_text text)
{
    for (unsigned value = 1; field->enum_name(value)[0] != '\0'; value++) {
        if (text_is(text, field->enum_name(value))) {
            uint8_t byte = (uint8_t)value;
            store(tick, field->offset, &byte, sizeof byte);
            return NULL;
        }
    }
    return "is none of the words that stand there";
}

static const char *read_id(struct qta_tick *tick, const struct qta_field *field,
                           struct qta_tick_text text, struct qta_dictionary *names)
{
    uint64_t word;
    if (tick->flags & QTA_FLAG_ID_IS_TEXT) {
        uint32_t id;
        const char *problem = intern(names, QTA_NAME_TEXT, text, &id);
        if (problem)
            return problem;
        word = id;
    } else if (!read_u64(text, &word) || word == QTA_U64_NONE) {
        return not_a_number;
    }
    store(tick, field->offset, &word, sizeof word);
    return NULL;
}

static const char *read_flag(struct qta_tick *tick, const struct qta_field *field,
                             struct qta_tick_text text)
{
    if (text_is(text, "true"))
        tick->flags |= field->flag;
    else if (!text_is(text, "false"))
        return "is neither true nor false";
    return NULL;
}

static const char *read_number(struct qta_tick *tick, const struct qta_field *field,
                               struct qta_tick_text text)
{
    uint64_t word;
    int64_t number;
    if (field->kind == QTA_FIELD_U64) {
        if (!read_u64(text, &word) || word == QTA_U64_NONE)
            return not_a_number;
        store(tick, field->offset, &word, sizeof word);
        return NULL;
    }
    if (!read_i64(text, &number))
        return not_a_number;
    if (field->kind == QTA_FIELD_I32) {
        int32_t narrow = (int32_t)number;
        if (narrow != number)
            return not_a_number;
        store(tick, field->offset, &narrow, sizeof narrow);
        return NULL;
    }
    store(tick, field->offset, &number, sizeof number);
    return NULL;
}

/* ---- columns and fields -----------------------------------------------------------------------
 */

const char *qta_tick_text_read_column(struct qta_tick *tick, enum qta_tick_column column,
                                      struct qta_tick_text text, struct qta_dictionary *names)
{
    uint64_t word;
    uint32_t id;
    const char *problem;
    switch (column) {
    case QTA_COLUMN_SEQ:
        return read_u64(text, &tick->rx_seq) ? NULL : not_a_number;
    case QTA_COLUMN_PROVIDER:
        problem = intern(names, QTA_NAME_PROVIDER, text, &id);
        tick->provider = (uint16_t)id;
        return problem;
    case QTA_COLUMN_SYMBOL:
        return intern(names, QTA_NAME_SYMBOL, text, &tick->symbol);
    case QTA_COLUMN_TS_RECV:
        return read_time(text, &tick->ts_recv_ns) ? NULL : not_a_time;
    case QTA_COLUMN_TS_EVENT:
        return read_time(text, &tick->ts_event_ns) ? NULL : not_a_time;
    case QTA_COLUMN_SRC_SEQ:
        return read_u64(text, &tick->src_seq) && tick->src_seq != QTA_U64_NONE ? NULL
                                                                               : not_a_number;
    case QTA_COLUMN_CONN:
        if (!read_u64(text, &word) || word > UINT32_MAX)
            return not_a_number;
        tick->conn = (uint32_t)word;
        return NULL;
    case QTA_COLUMN_TYPE:
    case QTA_COLUMN_FLAGS:
    case QTA_COLUMN_BODY:
        break;
    }
    assert(!"a column that is read elsewhere");
    return NULL;
}

const char *qta_tick_text_read_field(struct qta_tick *tick, const struct qta_field *field,
                                     struct qta_tick_text text, struct qta_dictionary *names)
{
    int64_t number;
    uint32_t id;
    uint16_t code;
    const char *problem;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return read_decimal(tick, field, text);
    case QTA_FIELD_U64:
    case QTA_FIELD_I64:
    case QTA_FIELD_I32:
        return read_number(tick, field, text);
    case QTA_FIELD_ID:
        return read_id(tick, field, text, names);
    case QTA_FIELD_TIME:
        if (!read_time(text, &number))
            return not_a_time;
        store(tick, field->offset, &number, sizeof number);
        return NULL;
    case QTA_FIELD_INTERVAL:
        if (!read_interval(text, &number))
            return "is not a duration like 60s";
        store(tick, field->offset, &number, sizeof number);
        return NULL;
    case QTA_FIELD_CODE:
        problem = intern(names, QTA_NAME_CODE, text, &id);
        code = (uint16_t)id;
        store(tick, field->offset, &code, sizeof code);
        return problem;
    case QTA_FIELD_TEXT:
        problem = intern(names, QTA_NAME_TEXT, text, &id);
        store(tick, field->offset, &id, sizeof id);
        return problem;
    case QTA_FIELD_CHAR:
        if (text.length != 1)
            return "is not one character";
        store(tick, field->offset, text.bytes, 1);
        return NULL;
    case QTA_FIELD_ENUM:
        return read_enum(tick, field, text);
    case QTA_FIELD_FLAG:
        return read_flag(tick, field, text);
    case QTA_FIELD_CONDITIONS:
        break;
    }
    assert(!"a field that is read elsewhere");
    return NULL;
}

const char *qta_tick_text_add_condition(struct qta_tick *tick, const struct qta_field *field,
                                        struct qta_tick_text text, struct qta_dictionary *names)
{
    size_t count = 0;
    while (count < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, count) != 0)
        count++;
    if (text.length == 0)
        return "is an empty condition";
    if (count == QTA_CONDITIONS_MAX)
        return "is more than a fourth condition";
    uint32_t id;
    const char *problem = intern(names, QTA_NAME_CODE, text, &id);
    uint16_t code = (uint16_t)id;
    store(tick, field->offset + count * sizeof code, &code, sizeof code);
    return problem;
}

const char *qta_tick_text_add_flag(struct qta_tick *tick, struct qta_tick_text text)
{
    for (size_t i = 0; i < QTA_CELL_FLAG_COUNT; i++) {
        if (text_is(text, qta_named_flags[i].name)) {
            tick->flags |= qta_named_flags[i].flag;
            return NULL;
        }
    }
    return "is no flag";
}

const char *qta_tick_text_finish(struct qta_tick *tick)
{
    if (tick->ts_recv_ns == QTA_TIME_UNKNOWN)
        tick->ts_recv_ns = tick->ts_event_ns;
    return tick->ts_recv_ns == QTA_TIME_UNKNOWN ? "neither ts_recv nor ts_event is there" : NULL;
}

enum qta_status qta_tick_text_refuse(struct qta_tick_text name, struct qta_tick_text value,
                                     const char *problem, struct qta_error *err)
{
    char name_text[QTA_CSV_SHOWN_BYTES];
    char value_text[QTA_CSV_SHOWN_BYTES];
    struct qta_csv_cell name_cell = {name.bytes, name.length};
    struct qta_csv_cell value_cell = {value.bytes, value.length};
    return qta_error_set(err, QTA_ERR_FORMAT, "%s '%s' %s",
                         qta_csv_cell_show(&name_cell, name_text),
                         qta_csv_cell_show(&value_cell, value_text), problem);
}
