/* The MessagePack scanner (github.com/msgpack/msgpack, spec.md). */
#include "adapters/msgpack_reader.h"

#include <assert.h>

#include "core/utf8.h"

/* One value's head: what it is, and where its bytes are. */
struct head {
    enum qta_msgpack_type type;
    uint8_t lead;
    int8_t extension;       /* of EXTENSION */
    uint32_t count;         /* of ARRAY and MAP */
    const uint8_t *payload; /* of the rest */
    const uint8_t *next;    /* what follows; for containers, their first element */
};

static bool fail(struct qta_msgpack_reader *reader, enum qta_msgpack_error error)
{
    if (reader->error == QTA_MSGPACK_OK) {
        reader->error = (uint8_t)error;
        reader->end = reader->at; /* nothing is left to read */
    }
    return false;
}

const char *qta_msgpack_error_name(unsigned error)
{
    static const char *const names[] = {"", "bad syntax", "cut off", "not UTF-8",
                                        "nested too deep"};
    return error < sizeof names / sizeof names[0] ? names[error] : "";
}

enum qta_fault qta_msgpack_error_fault(unsigned error)
{
    switch (error) {
    case QTA_MSGPACK_UTF8:
        return QTA_FAULT_UTF8;
    case QTA_MSGPACK_TOO_DEEP:
        return QTA_FAULT_TOO_DEEP;
    default:
        return QTA_FAULT_SYNTAX;
    }
}

static uint64_t load_big_endian(const uint8_t *bytes, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | bytes[i];
    return value;
}

static enum qta_msgpack_type type_of(uint8_t lead)
{
    if (lead < 0x80 || lead >= 0xe0)
        return QTA_MSGPACK_NUMBER;
    if (lead < 0x90)
        return QTA_MSGPACK_MAP;
    if (lead < 0xa0)
        return QTA_MSGPACK_ARRAY;
    if (lead < 0xc0)
        return QTA_MSGPACK_STRING;
    switch (lead) {
    case 0xc0:
        return QTA_MSGPACK_NIL;
    case 0xc2:
    case 0xc3:
        return QTA_MSGPACK_BOOL;
    case 0xc4: /* bin */
    case 0xc5:
    case 0xc6:
    case 0xd9: /* str */
    case 0xda:
    case 0xdb:
        return QTA_MSGPACK_STRING;
    case 0xc7: /* ext */
    case 0xc8:
    case 0xc9:
    case 0xd4: /* fixext */
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return QTA_MSGPACK_EXTENSION;
    case 0xdc:
    case 0xdd:
        return QTA_MSGPACK_ARRAY;
    case 0xde:
    case 0xdf:
        return QTA_MSGPACK_MAP;
    case 0xc1:
        return QTA_MSGPACK_NONE;
    default: /* 0xca, 0xcb floats; 0xcc to 0xcf unsigned; 0xd0 to 0xd3 signed */
        return QTA_MSGPACK_NUMBER;
    }
}

enum qta_msgpack_type qta_msgpack_peek(struct qta_msgpack_reader *reader)
{
    if (reader->at == reader->end) {
        fail(reader, QTA_MSGPACK_CUT);
        return QTA_MSGPACK_NONE;
    }
    enum qta_msgpack_type type = type_of(*reader->at);
    if (type == QTA_MSGPACK_NONE)
        fail(reader, QTA_MSGPACK_SYNTAX);
    return type;
}

/* Bytes of the length or count that follows the lead byte. */
static size_t length_width(uint8_t lead)
{
    switch (lead) {
    case 0xc4:
    case 0xc7:
    case 0xd9:
        return 1;
    case 0xc5:
    case 0xc8:
    case 0xda:
    case 0xdc:
    case 0xde:
        return 2;
    case 0xc6:
    case 0xc9:
    case 0xdb:
    case 0xdd:
    case 0xdf:
        return 4;
    default:
        return 0;
    }
}

/* The length or count in the lead byte itself, for those without one behind it. */
static uint64_t length_in_lead(uint8_t lead)
{
    if (lead >= 0x80 && lead < 0xa0)
        return lead & 0x0f;
    if (lead >= 0xa0 && lead < 0xc0)
        return lead & 0x1f;
    if (lead >= 0xd4 && lead <= 0xd8) /* fixext 1, 2, 4, 8, 16 */
        return UINT64_C(1) << (lead - 0xd4);
    if (lead == 0xca)
        return 4;
    if (lead == 0xcb)
        return 8;
    if (lead >= 0xcc && lead <= 0xcf)
        return UINT64_C(1) << (lead - 0xcc);
    if (lead >= 0xd0 && lead <= 0xd3)
        return UINT64_C(1) << (lead - 0xd0);
    return 0;
}

/* Reads the head of the next value without consuming it. False on failure. */
static bool read_head(struct qta_msgpack_reader *reader, struct head *head)
{
    *head = (struct head){
        .type = qta_msgpack_peek(reader), .payload = reader->at, .next = reader->at};
    if (head->type == QTA_MSGPACK_NONE)
        return false;
    head->lead = *reader->at;
    uint64_t left = (uint64_t)(reader->end - reader->at) - 1;
    size_t width = length_width(head->lead);
    bool is_extension = head->type == QTA_MSGPACK_EXTENSION;
    if (left < width + is_extension)
        return fail(reader, QTA_MSGPACK_CUT);
    const uint8_t *payload = reader->at + 1 + width;
    uint64_t length = width ? load_big_endian(reader->at + 1, width) : length_in_lead(head->lead);
    if (is_extension)
        head->extension = (int8_t)*payload++;
    left -= width + is_extension;
    bool is_map = head->type == QTA_MSGPACK_MAP;
    if ((is_map ? 2 * length : length) > left) /* an element takes a byte at least */
        return fail(reader, QTA_MSGPACK_CUT);
    bool is_container = is_map || head->type == QTA_MSGPACK_ARRAY;
    head->count = is_container ? (uint32_t)length : 0;
    head->payload = payload;
    head->next = is_container ? payload : payload + length;
    return true;
}

static bool read_typed(struct qta_msgpack_reader *reader, enum qta_msgpack_type type,
                       struct head *head)
{
    return qta_msgpack_peek(reader) == type && read_head(reader, head);
}

static bool enter(struct qta_msgpack_reader *reader, enum qta_msgpack_type type, uint32_t *count)
{
    struct head head;
    if (!read_typed(reader, type, &head))
        return false;
    *count = head.count;
    reader->at = head.next;
    return true;
}

bool qta_msgpack_enter_array(struct qta_msgpack_reader *reader, uint32_t *count)
{
    return enter(reader, QTA_MSGPACK_ARRAY, count);
}

bool qta_msgpack_enter_map(struct qta_msgpack_reader *reader, uint32_t *count)
{
    return enter(reader, QTA_MSGPACK_MAP, count);
}

bool qta_msgpack_read_string(struct qta_msgpack_reader *reader, struct qta_msgpack_text *text)
{
    struct head head;
    if (!read_typed(reader, QTA_MSGPACK_STRING, &head))
        return false;
    const char *bytes = (const char *)head.payload;
    size_t length = (size_t)(head.next - head.payload);
    if (!qta_utf8_is_valid(bytes, length))
        return fail(reader, QTA_MSGPACK_UTF8);
    *text = (struct qta_msgpack_text){.bytes = bytes, .length = length};
    reader->at = head.next;
    return true;
}

static struct qta_msgpack_number unsigned_number(uint64_t value)
{
    return (struct qta_msgpack_number){.kind = QTA_MSGPACK_UNSIGNED, .u64 = value};
}

static struct qta_msgpack_number signed_number(int64_t value)
{
    if (value >= 0)
        return unsigned_number((uint64_t)value);
    return (struct qta_msgpack_number){.kind = QTA_MSGPACK_SIGNED, .i64 = value};
}

static struct qta_msgpack_number number_of(const struct head *head)
{
    size_t width = (size_t)(head->next - head->payload);
    uint64_t bits = load_big_endian(head->payload, width);
    if (head->lead < 0x80)
        return unsigned_number(head->lead);
    if (head->lead >= 0xe0)
        return signed_number((int8_t)head->lead);
    if (head->lead == 0xca) {
        uint32_t low = (uint32_t)bits;
        float value;
        memcpy(&value, &low, sizeof value);
        return (struct qta_msgpack_number){.kind = QTA_MSGPACK_FLOAT32, .f64 = (double)value};
    }
    if (head->lead == 0xcb) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return (struct qta_msgpack_number){.kind = QTA_MSGPACK_FLOAT64, .f64 = value};
    }
    if (head->lead <= 0xcf)
        return unsigned_number(bits);
    unsigned spare_bits = 64 - 8 * (unsigned)width;
    return signed_number((int64_t)(bits << spare_bits) >> spare_bits); /* extends the sign */
}

bool qta_msgpack_read_number(struct qta_msgpack_reader *reader, struct qta_msgpack_number *number)
{
    struct head head;
    if (!read_typed(reader, QTA_MSGPACK_NUMBER, &head))
        return false;
    *number = number_of(&head);
    reader->at = head.next;
    return true;
}

bool qta_msgpack_read_bool(struct qta_msgpack_reader *reader, bool *value)
{
    if (qta_msgpack_peek(reader) != QTA_MSGPACK_BOOL)
        return false;
    *value = *reader->at++ == 0xc3;
    return true;
}

bool qta_msgpack_read_nil(struct qta_msgpack_reader *reader)
{
    if (qta_msgpack_peek(reader) != QTA_MSGPACK_NIL)
        return false;
    reader->at++;
    return true;
}

enum qta_status qta_msgpack_read_time(struct qta_msgpack_reader *reader, int64_t *ts_ns)
{
    enum { NANOSECOND_BITS_SHIFT = 34, EXTENSION_TIMESTAMP = -1 };
    struct head head;
    if (!read_typed(reader, QTA_MSGPACK_EXTENSION, &head))
        return QTA_ERR_FORMAT;
    reader->at = head.next;
    size_t length = (size_t)(head.next - head.payload);
    int64_t seconds;
    uint64_t nanoseconds = 0;
    if (head.extension != EXTENSION_TIMESTAMP)
        return QTA_ERR_RANGE;
    if (length == 4) {
        seconds = (int64_t)load_big_endian(head.payload, 4);
    } else if (length == 8) {
        uint64_t both = load_big_endian(head.payload, 8);
        seconds = (int64_t)(both & ((UINT64_C(1) << NANOSECOND_BITS_SHIFT) - 1));
        nanoseconds = both >> NANOSECOND_BITS_SHIFT;
    } else if (length == 12) {
        nanoseconds = load_big_endian(head.payload, 4);
        seconds = (int64_t)load_big_endian(head.payload + 4, 8);
    } else {
        return QTA_ERR_RANGE;
    }
    int64_t sum;
    if (nanoseconds > 999999999 || __builtin_mul_overflow(seconds, INT64_C(1000000000), &sum) ||
        __builtin_add_overflow(sum, (int64_t)nanoseconds, &sum) || sum == INT64_MIN)
        return QTA_ERR_RANGE; /* the lowest value means "unknown" */
    *ts_ns = sum;
    return QTA_OK;
}

/* Reads past a value that is no container, or enters one. */
static bool skip_or_enter(struct qta_msgpack_reader *reader, uint64_t *values_inside)
{
    struct head head;
    struct qta_msgpack_text text;
    if (!read_head(reader, &head))
        return false;
    *values_inside = head.type == QTA_MSGPACK_MAP ? 2 * (uint64_t)head.count : head.count;
    if (head.type == QTA_MSGPACK_STRING)
        return qta_msgpack_read_string(reader, &text);
    reader->at = head.next;
    return true;
}

/* A loop and one count a level, so that hostile nesting costs no stack. */
bool qta_msgpack_skip(struct qta_msgpack_reader *reader)
{
    uint64_t left[QTA_MSGPACK_DEPTH_MAX + 1];
    size_t depth = 0;
    left[0] = 1;
    for (;;) {
        while (left[depth] == 0) {
            if (depth == 0)
                return true;
            depth--;
        }
        left[depth]--;
        enum qta_msgpack_type type = qta_msgpack_peek(reader);
        bool is_container = type == QTA_MSGPACK_MAP || type == QTA_MSGPACK_ARRAY;
        if (is_container && depth == QTA_MSGPACK_DEPTH_MAX)
            return fail(reader, QTA_MSGPACK_TOO_DEEP);
        uint64_t inside;
        if (!skip_or_enter(reader, &inside))
            return false;
        if (is_container)
            left[++depth] = inside;
    }
}

bool qta_msgpack_finish(struct qta_msgpack_reader *reader)
{
    if (reader->error != QTA_MSGPACK_OK)
        return false;
    return reader->at == reader->end || fail(reader, QTA_MSGPACK_SYNTAX);
}

/* The first n at which at most nine digits over 10^n read back as this float: such digits are found
 * by rounding, since a double is far finer than a float. */
static bool decimal_of_float32(double value, struct qta_decimal *out)
{
    enum { EXPONENT_MAX = 22 };
    double power = 1.0; /* exact up to 10^22 */
    for (int n = 0; n <= EXPONENT_MAX; n++) {
        double scaled = value * power;
        if (!(scaled > -1e9 && scaled < 1e9)) /* NaN is not either */
            return false;
        int64_t rounded = (int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
        if ((double)(float)((double)rounded / power) == value) {
            *out = qta_decimal_make(rounded, -n);
            return true;
        }
        power *= 10.0;
    }
    return false;
}

/* To one digit less, ties to even; from 2^63 on, so that the result fits. */
static struct qta_decimal decimal_above_int64(uint64_t value, bool *is_rounded)
{
    uint64_t mantissa = value / 10;
    uint64_t digit = value % 10;
    if (digit > 5 || (digit == 5 && mantissa % 2 == 1))
        mantissa++;
    if (digit != 0 && is_rounded)
        *is_rounded = true;
    return qta_decimal_make((int64_t)mantissa, 1);
}

enum qta_status qta_msgpack_number_to_decimal(struct qta_msgpack_number number,
                                              struct qta_decimal *value, bool *is_rounded)
{
    switch (number.kind) {
    case QTA_MSGPACK_SIGNED:
        *value = qta_decimal_make(number.i64, 0);
        return QTA_OK;
    case QTA_MSGPACK_UNSIGNED:
        *value = number.u64 <= INT64_MAX ? qta_decimal_make((int64_t)number.u64, 0)
                                         : decimal_above_int64(number.u64, is_rounded);
        return QTA_OK;
    case QTA_MSGPACK_FLOAT32:
        if (decimal_of_float32(number.f64, value))
            return QTA_OK;
        break;
    case QTA_MSGPACK_FLOAT64:
        break;
    }
    return qta_decimal_from_double(number.f64, value);
}

bool qta_msgpack_number_to_i64(struct qta_msgpack_number number, int64_t *value)
{
    const double exact_max = 9007199254740992.0; /* 2^53 */
    switch (number.kind) {
    case QTA_MSGPACK_SIGNED:
        *value = number.i64;
        return true;
    case QTA_MSGPACK_UNSIGNED:
        if (number.u64 > INT64_MAX)
            return false;
        *value = (int64_t)number.u64;
        return true;
    case QTA_MSGPACK_FLOAT32:
    case QTA_MSGPACK_FLOAT64:
        break;
    }
    if (!(number.f64 >= -exact_max && number.f64 <= exact_max)) /* NaN is not either */
        return false;
    int64_t whole = (int64_t)number.f64;
    if ((double)whole != number.f64)
        return false;
    *value = whole;
    return true;
}

bool qta_msgpack_number_to_u64(struct qta_msgpack_number number, uint64_t *value)
{
    if (number.kind == QTA_MSGPACK_UNSIGNED) {
        *value = number.u64;
        return true;
    }
    int64_t whole;
    if (!qta_msgpack_number_to_i64(number, &whole) || whole < 0)
        return false;
    *value = (uint64_t)whole;
    return true;
}
