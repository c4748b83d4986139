/* Objects are read in two passes: one to find the type, which may stand anywhere, and one for the
 * fields, which the type's table of fields gives a meaning to. */
#include "adapters/normalized_json.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "core/json_reader.h"

enum {
    IDS_MAX = 2, /* a correction names two trades */
    /* the longest name, each of its bytes as \u00xx */
    SCRATCH_BYTES = QTA_NAME_MAX_BYTES * 6,
};

/* One object on its way to a tick. */
struct object {
    struct qta_adapter_host *host;
    struct qta_json_reader *reader;
    struct qta_tick tick;
    struct {
        const struct qta_field *field;
        struct qta_json_text text;
        bool is_string;
    } ids[IDS_MAX];
    size_t id_count;
    char scratch[SCRATCH_BYTES];
};

static void report(struct object *object, enum qta_fault fault, const char *what, const char *name,
                   size_t name_length)
{
    char detail[200];
    snprintf(detail, sizeof detail, "normalized JSON at byte %zu: %s '%.*s'",
             qta_json_offset(object->reader), what, (int)(name_length < 64 ? name_length : 64),
             name);
    object->host->ops->fault(object->host, fault, detail);
}

static void *field_of(struct object *object, const struct qta_field *field)
{
    return (uint8_t *)&object->tick + field->offset;
}

static void store_word(struct object *object, const struct qta_field *field, uint64_t word)
{
    memcpy(field_of(object, field), &word, sizeof word);
}

/* ---- values: each says false when what stands there is of no use ----------------------------- */

/* A string with its escapes resolved, or a number as its text. */
static bool read_text(struct object *object, struct qta_json_text *text, bool *is_string)
{
    struct qta_json_text raw;
    *is_string = qta_json_read_string(object->reader, &raw);
    if (!*is_string)
        return qta_json_read_number(object->reader, text);
    return qta_json_unescape(raw, object->scratch, sizeof object->scratch, text);
}

static uint32_t intern(struct object *object, enum qta_name_kind kind, struct qta_json_text text)
{
    if (text.length == 0)
        return 0;
    return object->host->ops->intern(object->host, kind, text.bytes, text.length);
}

static bool read_decimal(struct object *object, const struct qta_field *field)
{
    struct qta_decimal value;
    bool is_rounded = false;
    struct qta_json_text text;
    if (qta_json_peek(object->reader) == QTA_JSON_STRING) {
        bool is_string;
        if (!read_text(object, &text, &is_string) ||
            qta_decimal_parse(text.bytes, text.length, &value, &is_rounded) != QTA_OK)
            return false;
    } else if (qta_json_read_decimal(object->reader, &value, &is_rounded) != QTA_OK) {
        return false;
    }
    if (is_rounded)
        object->tick.flags |= QTA_FLAG_ROUNDED;
    store_word(object, field, (uint64_t)value.mantissa);
    memcpy((uint8_t *)&object->tick + field->exponent_offset, &value.exponent,
           sizeof value.exponent);
    return true;
}

static bool read_u64(struct object *object, uint64_t *value)
{
    struct qta_json_text text;
    bool is_string;
    return read_text(object, &text, &is_string) && qta_json_text_to_u64(text, value);
}

static bool read_i64(struct object *object, int64_t *value)
{
    struct qta_json_text text;
    bool is_string;
    return read_text(object, &text, &is_string) && qta_json_text_to_i64(text, value);
}

static bool read_time(struct object *object, int64_t *ts_ns)
{
    struct qta_json_text text;
    bool is_string;
    if (!read_text(object, &text, &is_string))
        return false;
    if (is_string)
        return qta_timestamp_parse(text.bytes, text.length, ts_ns) == QTA_OK;
    return qta_json_text_to_i64(text, ts_ns);
}

static bool read_interval(struct object *object, int64_t *interval_ns)
{
    struct qta_json_text text;
    bool is_string;
    if (!read_text(object, &text, &is_string))
        return false;
    if (is_string)
        return qta_duration_parse(text.bytes, text.length, interval_ns) == QTA_OK;
    return qta_json_text_to_i64(text, interval_ns);
}

/* Kept for store_ids(): whether a number stays one depends on the other id. */
static bool read_id(struct object *object, const struct qta_field *field)
{
    struct qta_json_text text;
    bool is_string = qta_json_read_string(object->reader, &text);
    if (!is_string && !qta_json_read_number(object->reader, &text))
        return false;
    size_t place = 0;
    while (place < object->id_count && object->ids[place].field != field)
        place++;
    assert(place < IDS_MAX);
    object->id_count += place == object->id_count;
    object->ids[place].field = field;
    object->ids[place].text = text;
    object->ids[place].is_string = is_string;
    return true;
}

/* Ids are 64-bit integers or, all of them, text. */
static bool store_ids(struct object *object)
{
    uint64_t words[IDS_MAX];
    bool is_text = false;
    for (size_t i = 0; i < object->id_count; i++) {
        is_text |= object->ids[i].is_string ||
                   !qta_json_text_to_u64(object->ids[i].text, &words[i]) ||
                   words[i] == QTA_U64_NONE;
    }
    if (is_text)
        object->tick.flags |= QTA_FLAG_ID_IS_TEXT;
    for (size_t i = 0; i < object->id_count; i++) {
        struct qta_json_text text = object->ids[i].text;
        if (is_text) {
            if (!qta_json_unescape(text, object->scratch, sizeof object->scratch, &text)) {
                report(object, QTA_FAULT_VALUE, "wrong value in field", object->ids[i].field->name,
                       strlen(object->ids[i].field->name));
                return false;
            }
            words[i] = intern(object, QTA_NAME_TEXT, text);
        }
        store_word(object, object->ids[i].field, words[i]);
    }
    return true;
}

static bool read_code(struct object *object, uint16_t *code)
{
    struct qta_json_text text;
    bool is_string;
    if (!read_text(object, &text, &is_string))
        return false;
    *code = (uint16_t)intern(object, QTA_NAME_CODE, text);
    return true;
}

static bool read_conditions(struct object *object, const struct qta_field *field)
{
    uint16_t codes[QTA_CONDITIONS_MAX] = {0};
    size_t count = 0;
    if (!qta_json_enter_array(object->reader)) {
        if (!read_code(object, &codes[0]))
            return false;
    } else {
        while (qta_json_next_element(object->reader)) {
            uint16_t code;
            if (!read_code(object, &code))
                return false;
            if (code == 0)
                continue;
            if (count < QTA_CONDITIONS_MAX)
                codes[count] = code;
            else
                object->tick.flags |= QTA_FLAG_CONDITIONS_CUT;
            count++;
        }
    }
    memcpy(field_of(object, field), codes, sizeof codes);
    return true;
}

static bool read_enum(struct object *object, const struct qta_field *field)
{
    struct qta_json_text text;
    if (!qta_json_read_string(object->reader, &text))
        return false;
    for (unsigned value = 1; field->enum_name(value)[0] != '\0'; value++) {
        if (qta_json_text_equals(text, field->enum_name(value))) {
            *(uint8_t *)field_of(object, field) = (uint8_t)value;
            return true;
        }
    }
    return text.length == 0;
}

static bool read_char(struct object *object, const struct qta_field *field)
{
    struct qta_json_text text;
    bool is_string;
    if (!read_text(object, &text, &is_string) || text.length > 1)
        return false;
    *(char *)field_of(object, field) = '\0';
    memcpy(field_of(object, field), text.bytes, text.length);
    return true;
}

static bool read_flag(struct object *object, const struct qta_field *field)
{
    bool is_set;
    if (!qta_json_read_bool(object->reader, &is_set))
        return false;
    if (is_set)
        object->tick.flags |= field->flag;
    else
        object->tick.flags &= ~field->flag;
    return true;
}

static bool read_field(struct object *object, const struct qta_field *field)
{
    uint64_t unsigned_value;
    int64_t value;
    uint16_t code;
    struct qta_json_text text;
    bool is_string;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        return read_decimal(object, field);
    case QTA_FIELD_U64:
        if (!read_u64(object, &unsigned_value))
            return false;
        store_word(object, field, unsigned_value);
        return true;
    case QTA_FIELD_ID:
        return read_id(object, field);
    case QTA_FIELD_TIME:
        if (!read_time(object, &value))
            return false;
        store_word(object, field, (uint64_t)value);
        return true;
    case QTA_FIELD_INTERVAL:
        if (!read_interval(object, &value))
            return false;
        store_word(object, field, (uint64_t)value);
        return true;
    case QTA_FIELD_I64:
        if (!read_i64(object, &value))
            return false;
        store_word(object, field, (uint64_t)value);
        return true;
    case QTA_FIELD_I32: {
        if (!read_i64(object, &value) || value < INT32_MIN || value > INT32_MAX)
            return false;
        int32_t narrow = (int32_t)value;
        memcpy(field_of(object, field), &narrow, sizeof narrow);
        return true;
    }
    case QTA_FIELD_CODE:
        if (!read_code(object, &code))
            return false;
        memcpy(field_of(object, field), &code, sizeof code);
        return true;
    case QTA_FIELD_CONDITIONS:
        return read_conditions(object, field);
    case QTA_FIELD_TEXT: {
        if (!read_text(object, &text, &is_string))
            return false;
        uint32_t id = intern(object, QTA_NAME_TEXT, text);
        memcpy(field_of(object, field), &id, sizeof id);
        return true;
    }
    case QTA_FIELD_CHAR:
        return read_char(object, field);
    case QTA_FIELD_ENUM:
        return read_enum(object, field);
    case QTA_FIELD_FLAG:
        return read_flag(object, field);
    }
    return false;
}

/* ---- objects --------------------------------------------------------------------------------- */

enum common { COMMON_NONE, COMMON_SYMBOL, COMMON_TS_EVENT, COMMON_SRC_SEQ };

static enum common find_common(struct qta_json_text key)
{
    static const struct {
        const char *name;
        enum common common;
    } names[] = {
        {"symbol", COMMON_SYMBOL},   {"ts_event", COMMON_TS_EVENT}, {"timestamp", COMMON_TS_EVENT},
        {"src_seq", COMMON_SRC_SEQ}, {"sequence", COMMON_SRC_SEQ},
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (qta_json_text_equals(key, names[i].name))
            return names[i].common;
    }
    return COMMON_NONE;
}

static bool read_common(struct object *object, enum common common)
{
    struct qta_json_text text;
    bool is_string;
    switch (common) {
    case COMMON_SYMBOL:
        if (!read_text(object, &text, &is_string))
            return false;
        object->tick.symbol = intern(object, QTA_NAME_SYMBOL, text);
        return true;
    case COMMON_TS_EVENT:
        return read_time(object, &object->tick.ts_event_ns);
    case COMMON_SRC_SEQ:
        return read_u64(object, &object->tick.src_seq);
    case COMMON_NONE:
        break;
    }
    return false;
}

/* The field of that name. Senders keep to an order, so the search goes on behind the last one. */
static const struct qta_field *find_field(const struct qta_field *fields, size_t count,
                                          struct qta_json_text key, size_t *next)
{
    for (size_t i = 0; i < count; i++) {
        size_t place = *next + i < count ? *next + i : *next + i - count;
        if (qta_json_text_equals(key, fields[place].name)) {
            *next = place + 1 < count ? place + 1 : 0;
            return &fields[place];
        }
    }
    return NULL;
}

/* The value of `type`, wherever it stands in the object that was just entered; "trade" if nowhere.
 * Reads on a copy of the reader. False on a type that is none, already reported, and on a failure,
 * which the reader itself will meet again. */
static bool find_type(struct object *object, enum qta_tick_type *type)
{
    struct qta_json_reader ahead = *object->reader;
    struct qta_json_text key;
    *type = QTA_TICK_TRADE;
    while (qta_json_next_key(&ahead, &key)) {
        struct qta_json_text name;
        if (!qta_json_text_equals(key, "type")) {
            qta_json_skip(&ahead);
        } else if (qta_json_read_string(&ahead, &name)) {
            *type = qta_tick_type_parse(name.bytes, name.length);
            bool is_market = *type != QTA_TICK_NONE && *type < QTA_TICK_MARKET_TYPE_END;
            if (!is_market) {
                report(object,
                       *type == QTA_TICK_NONE ? QTA_FAULT_UNKNOWN_TYPE : QTA_FAULT_UNEXPECTED,
                       "no market data of type", name.bytes, name.length);
            }
            return is_market;
        } else if (!qta_json_read_null(&ahead)) {
            report(object, QTA_FAULT_VALUE, "not a name in field", key.bytes, key.length);
            return false;
        }
    }
    return ahead.error == QTA_JSON_OK;
}

/* Reads one value into the tick. False: it is of no use; it was reported and stepped over. */
static bool read_member(struct object *object, const struct qta_field *field, enum common common,
                        struct qta_json_text key)
{
    struct qta_json_reader before = *object->reader;
    if (qta_json_read_null(object->reader))
        return true;
    if (field ? read_field(object, field) : read_common(object, common))
        return true;
    if (object->reader->error != QTA_JSON_OK)
        return false;
    *object->reader = before;
    report(object, QTA_FAULT_VALUE, "wrong value in field", key.bytes, key.length);
    qta_json_skip(object->reader);
    return false;
}

static bool read_members(struct object *object)
{
    size_t field_count;
    const struct qta_field *fields = qta_tick_fields(object->tick.type, &field_count);
    size_t next = 0;
    bool is_good = true;
    struct qta_json_text key;
    while (qta_json_next_key(object->reader, &key)) {
        const struct qta_field *field = find_field(fields, field_count, key, &next);
        enum common common = field ? COMMON_NONE : find_common(key);
        if (field || common != COMMON_NONE)
            is_good &= read_member(object, field, common, key);
        else
            qta_json_skip(object->reader);
    }
    return is_good && object->reader->error == QTA_JSON_OK;
}

/* A bar's kind follows from its interval. */
static void complete_bar(struct qta_bar *bar)
{
    if (bar->kind != 0)
        return;
    switch (bar->interval_ns) {
    case 0:
    case INT64_C(60000000000):
        bar->kind = QTA_BAR_MINUTE;
        break;
    case INT64_C(86400000000000):
        bar->kind = QTA_BAR_DAILY;
        break;
    default:
        bar->kind = QTA_BAR_OTHER;
        break;
    }
}

/* Whether what cannot be missing is there. */
static bool is_complete(struct object *object)
{
    static const char symbol[] = "symbol";
    static const char price[] = "price";
    if (object->tick.symbol == 0) {
        report(object, QTA_FAULT_MISSING, "no field", symbol, sizeof symbol - 1);
        return false;
    }
    if (object->tick.type == QTA_TICK_TRADE &&
        qta_decimal_is_null(QTA_TICK_DECIMAL(object->tick.trade, price))) {
        report(object, QTA_FAULT_MISSING, "no field", price, sizeof price - 1);
        return false;
    }
    return true;
}

/* The object that was just entered. True when it gave a tick. */
static bool decode_object(struct object *object)
{
    enum qta_tick_type type;
    if (!find_type(object, &type)) {
        struct qta_json_text key;
        while (qta_json_next_key(object->reader, &key))
            qta_json_skip(object->reader);
        return false;
    }
    qta_tick_init(&object->tick, type);
    object->id_count = 0;
    if (!read_members(object) || !store_ids(object) || !is_complete(object))
        return false;
    if (type == QTA_TICK_BAR)
        complete_bar(&object->tick.bar);
    object->host->ops->emit(object->host, &object->tick);
    return true;
}

static size_t decode_array(struct object *object)
{
    size_t count = 0;
    while (qta_json_next_element(object->reader)) {
        if (qta_json_enter_object(object->reader)) {
            count += decode_object(object);
        } else if (object->reader->error == QTA_JSON_OK) {
            report(object, QTA_FAULT_VALUE, "array element is not", "an object", 9);
            qta_json_skip(object->reader);
        }
    }
    return count;
}

size_t qta_normalized_json_decode(struct qta_adapter_host *host, const struct qta_frame *frame)
{
    assert(host);
    assert(frame);
    struct qta_json_reader reader;
    struct object object;
    object.host = host;
    object.reader = &reader;
    qta_json_reader_init(&reader, frame->bytes, frame->length);
    size_t count = 0;
    if (qta_json_enter_object(&reader)) {
        count = decode_object(&object);
    } else if (qta_json_enter_array(&reader)) {
        count = decode_array(&object);
    } else if (reader.error == QTA_JSON_OK) {
        report(&object, QTA_FAULT_VALUE, "message is neither object nor", "array", 5);
        qta_json_skip(&reader);
    }
    if (!qta_json_finish(&reader)) {
        char detail[200];
        snprintf(detail, sizeof detail, "normalized JSON at byte %zu: %s", qta_json_offset(&reader),
                 qta_json_error_name(reader.error));
        host->ops->fault(host, qta_json_error_fault(reader.error), detail);
    }
    return count;
}
