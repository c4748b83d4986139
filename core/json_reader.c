/* The JSON scanner: what the fast halves in the header leave over, and everything that is rare. */
#include "core/json_reader.h"

#include <assert.h>

#include "core/utf8.h"

/* Nothing is left to read after a failure: that stops the fast halves too, which look at no flag.
 */
static bool fail_at(struct qta_json_reader *reader, const char *at, enum qta_json_error error)
{
    if (reader->error == QTA_JSON_OK) {
        reader->at = at;
        reader->end = at;
        reader->last_word = NULL;
        reader->error = (uint8_t)error;
    }
    return false;
}

static bool fail(struct qta_json_reader *reader, enum qta_json_error error)
{
    return fail_at(reader, reader->at, error);
}

static void skip_blanks(struct qta_json_reader *reader)
{
    const char *at = reader->at;
    while (at < reader->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    reader->at = at;
}

/* The next byte that is not blank; QTA_JSON_CUT when there is none. */
static bool next_byte(struct qta_json_reader *reader, char *byte)
{
    *byte = '\0';
    skip_blanks(reader);
    if (reader->at == reader->end)
        return fail(reader, QTA_JSON_CUT);
    *byte = *reader->at;
    return true;
}

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

const char *qta_json_error_name(unsigned error)
{
    static const char *const names[] = {"", "bad syntax", "cut off", "not UTF-8",
                                        "nested too deep"};
    return error < sizeof names / sizeof names[0] ? names[error] : "";
}

enum qta_fault qta_json_error_fault(unsigned error)
{
    switch (error) {
    case QTA_JSON_UTF8:
        return QTA_FAULT_UTF8;
    case QTA_JSON_TOO_DEEP:
        return QTA_FAULT_TOO_DEEP;
    default:
        return QTA_FAULT_SYNTAX;
    }
}

enum qta_json_type qta_json_peek(struct qta_json_reader *reader)
{
    char byte;
    if (!next_byte(reader, &byte))
        return QTA_JSON_NONE;
    switch (byte) {
    case '{':
        return QTA_JSON_OBJECT;
    case '[':
        return QTA_JSON_ARRAY;
    case '"':
        return QTA_JSON_STRING;
    case 't':
    case 'f':
        return QTA_JSON_BOOL;
    case 'n':
        return QTA_JSON_NULL;
    default:
        if (byte == '-' || is_digit(byte))
            return QTA_JSON_NUMBER;
        fail(reader, QTA_JSON_SYNTAX);
        return QTA_JSON_NONE;
    }
}

bool qta_json_enter_slow(struct qta_json_reader *reader, enum qta_json_type type)
{
    if (qta_json_peek(reader) != type)
        return false;
    if (reader->depth == QTA_JSON_DEPTH_MAX)
        return fail(reader, QTA_JSON_TOO_DEEP);
    reader->at++;
    if (reader->at < reader->end && *reader->at == ',')
        return fail(reader, QTA_JSON_SYNTAX);
    reader->depth++;
    reader->is_first = true;
    return true;
}

/* Up to the next member, or out of the container when `close` comes. */
static bool next_member(struct qta_json_reader *reader, char close)
{
    assert(reader->depth > 0 || reader->error != QTA_JSON_OK);
    char byte;
    if (!next_byte(reader, &byte))
        return false;
    bool is_first = reader->is_first;
    reader->is_first = false;
    if (byte == close) {
        reader->at++;
        reader->depth--;
        return false;
    }
    if (is_first)
        return true;
    if (byte != ',')
        return fail(reader, QTA_JSON_SYNTAX);
    reader->at++;
    return next_byte(reader, &byte) && (byte != close || fail(reader, QTA_JSON_SYNTAX));
}

bool qta_json_next_key_slow(struct qta_json_reader *reader, struct qta_json_text *key)
{
    char byte;
    if (!next_member(reader, '}'))
        return false;
    if (*reader->at != '"')
        return fail(reader, QTA_JSON_SYNTAX);
    if (!qta_json_read_string_slow(reader, key) || !next_byte(reader, &byte))
        return false;
    if (byte != ':')
        return fail(reader, QTA_JSON_SYNTAX);
    reader->at++;
    return true;
}

bool qta_json_next_element_slow(struct qta_json_reader *reader)
{
    return next_member(reader, ']');
}

uint64_t qta_json_load_tail(const char *at, const char *end, const char *last_word)
{
    uint64_t word = 0;
    if (at == end)
        return 0;
    if (last_word) /* the last eight bytes, without those in front of `at` */
        return qta_json_load_word(last_word) >> 8 * (at - last_word);
    for (unsigned shift = 0; at < end; at++, shift += 8)
        word |= (uint64_t)(uint8_t)*at << shift;
    return word;
}

static int hex_digit(char byte)
{
    if (is_digit(byte))
        return byte - '0';
    char lower = (char)(byte | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The bytes that the escape at `at` takes; 0 after a failure. */
static size_t escape_length(struct qta_json_reader *reader, const char *at)
{
    if (reader->end - at < 2) {
        fail_at(reader, reader->end, QTA_JSON_CUT);
        return 0;
    }
    if (at[1] != 'u') {
        if (at[1] != '\0' && strchr("\"\\/bfnrt", at[1]))
            return 2;
        fail_at(reader, at, QTA_JSON_SYNTAX);
        return 0;
    }
    for (int i = 2; i < 6; i++) {
        if (at + i == reader->end) {
            fail_at(reader, reader->end, QTA_JSON_CUT);
            return 0;
        }
        if (hex_digit(at[i]) < 0) {
            fail_at(reader, at + i, QTA_JSON_SYNTAX);
            return 0;
        }
    }
    return 6;
}

/* The bytes of the character at `at` that is not plain and not a quote; 0 after a failure. */
static size_t odd_character(struct qta_json_reader *reader, const char *at)
{
    if (*at == '\\')
        return escape_length(reader, at);
    if ((unsigned char)*at < 0x20) {
        fail_at(reader, at, QTA_JSON_SYNTAX);
        return 0;
    }
    size_t length = qta_utf8_sequence(at, (size_t)(reader->end - at));
    if (length == 0)
        fail_at(reader, at, QTA_JSON_UTF8);
    return length;
}

static const char *skip_plain(const struct qta_json_reader *reader, const char *at)
{
    unsigned count = 8;
    while (count == 8) { /* zeros behind the end are not plain */
        count = qta_json_plain_count(qta_json_load(reader, at));
        at += count;
    }
    return at;
}

bool qta_json_read_string_slow(struct qta_json_reader *reader, struct qta_json_text *text)
{
    if (qta_json_peek(reader) != QTA_JSON_STRING)
        return false;
    const char *begin = reader->at + 1;
    const char *at = begin;
    bool has_escapes = false;
    for (;;) {
        at = skip_plain(reader, at);
        if (at == reader->end)
            return fail_at(reader, at, QTA_JSON_CUT);
        if (*at == '"')
            break;
        has_escapes |= *at == '\\';
        size_t length = odd_character(reader, at);
        if (length == 0)
            return false;
        at += length;
    }
    *text = (struct qta_json_text){
        .bytes = begin, .length = (size_t)(at - begin), .has_escapes = has_escapes};
    reader->at = at + 1;
    return true;
}

/* Past at least one digit; NULL after a failure. */
static const char *skip_digits(struct qta_json_reader *reader, const char *at)
{
    if (at == reader->end) {
        fail_at(reader, at, QTA_JSON_CUT);
        return NULL;
    }
    if (!is_digit(*at)) {
        fail_at(reader, at, QTA_JSON_SYNTAX);
        return NULL;
    }
    while (at < reader->end && is_digit(*at))
        at++;
    return at;
}

bool qta_json_read_number(struct qta_json_reader *reader, struct qta_json_text *text)
{
    if (qta_json_peek(reader) != QTA_JSON_NUMBER)
        return false;
    const char *begin = reader->at;
    const char *at = begin;
    if (*at == '-')
        at++;
    bool is_zero = at < reader->end && *at == '0';
    at = is_zero ? at + 1 : skip_digits(reader, at); /* a digit after 0 fails as no separator */
    if (at && at < reader->end && *at == '.')
        at = skip_digits(reader, at + 1);
    if (at && at < reader->end && (*at == 'e' || *at == 'E')) {
        at++;
        if (at < reader->end && (*at == '+' || *at == '-'))
            at++;
        at = skip_digits(reader, at);
    }
    if (!at)
        return false;
    *text = (struct qta_json_text){.bytes = begin, .length = (size_t)(at - begin)};
    reader->at = at;
    return true;
}

/* Adds the digits at `at` to *sum and *count; returns what follows them. */
static const char *sum_digits(const struct qta_json_reader *reader, const char *at, uint64_t *sum,
                              unsigned *count)
{
    static const uint64_t powers[9] = {1,      10,      100,      1000,     10000,
                                       100000, 1000000, 10000000, 100000000};
    unsigned found = 8;
    while (found == 8) {
        uint64_t word = qta_json_load(reader, at);
        found = qta_json_digit_count(word);
        if (found > 0)
            *sum = *sum * powers[found] + qta_json_digits(word, found);
        *count += found;
        at += found;
    }
    return at;
}

bool qta_json_read_long_decimal(struct qta_json_reader *reader, struct qta_decimal *value)
{
    enum { DIGITS_MAX = 18 };
    uint64_t sum = 0;
    unsigned count = 0;
    unsigned fraction_count = 0;
    bool is_negative = reader->at < reader->end && *reader->at == '-';
    const char *first = reader->at + is_negative;
    const char *at = sum_digits(reader, first, &sum, &count);
    if (count == 0 || (count > 1 && *first == '0'))
        return false;
    if (at < reader->end && *at == '.') {
        at = sum_digits(reader, at + 1, &sum, &fraction_count);
        if (fraction_count == 0)
            return false;
    }
    bool has_exponent = at < reader->end && (*at | 0x20) == 'e';
    if (has_exponent || count + fraction_count > DIGITS_MAX)
        return false;
    *value = qta_decimal_make(is_negative ? -(int64_t)sum : (int64_t)sum, -(int)fraction_count);
    reader->at = at;
    return true;
}

enum qta_status qta_json_read_decimal_slow(struct qta_json_reader *reader,
                                           struct qta_decimal *value, bool *is_rounded)
{
    struct qta_json_text text;
    if (qta_json_read_long_decimal(reader, value))
        return QTA_OK;
    if (!qta_json_read_number(reader, &text))
        return QTA_ERR_FORMAT;
    bool was_rounded = false;
    enum qta_status status = qta_decimal_parse(text.bytes, text.length, value, &was_rounded);
    if (status != QTA_OK)
        return QTA_ERR_RANGE;
    if (was_rounded && is_rounded)
        *is_rounded = true;
    return QTA_OK;
}

static bool read_word(struct qta_json_reader *reader, const char *word)
{
    for (; *word; word++, reader->at++) {
        if (reader->at == reader->end)
            return fail(reader, QTA_JSON_CUT);
        if (*reader->at != *word)
            return fail(reader, QTA_JSON_SYNTAX);
    }
    return true;
}

bool qta_json_read_bool(struct qta_json_reader *reader, bool *value)
{
    if (qta_json_peek(reader) != QTA_JSON_BOOL)
        return false;
    bool is_true = *reader->at == 't';
    if (!read_word(reader, is_true ? "true" : "false"))
        return false;
    *value = is_true;
    return true;
}

bool qta_json_read_null(struct qta_json_reader *reader)
{
    return qta_json_peek(reader) == QTA_JSON_NULL && read_word(reader, "null");
}

/* Reads a value that is not a container, or enters one: *is_container says so. */
static bool skip_or_enter(struct qta_json_reader *reader, bool *is_container, bool *is_object)
{
    struct qta_json_text text;
    bool value;
    enum qta_json_type type = qta_json_peek(reader);
    *is_object = type == QTA_JSON_OBJECT;
    *is_container = *is_object || type == QTA_JSON_ARRAY;
    switch (type) {
    case QTA_JSON_OBJECT:
    case QTA_JSON_ARRAY:
        return qta_json_enter_slow(reader, type);
    case QTA_JSON_STRING:
        return qta_json_read_string(reader, &text);
    case QTA_JSON_NUMBER:
        return qta_json_read_number(reader, &text);
    case QTA_JSON_BOOL:
        return qta_json_read_bool(reader, &value);
    case QTA_JSON_NULL:
        return qta_json_read_null(reader);
    case QTA_JSON_NONE:
        break;
    }
    return false;
}

/* A loop and one bit a level, so that hostile nesting costs no stack. */
bool qta_json_skip(struct qta_json_reader *reader)
{
    static_assert(QTA_JSON_DEPTH_MAX <= 64, "a bit for each level");
    uint64_t objects = 0; /* the lowest bit is the innermost container */
    uint32_t outside = reader->depth;
    bool is_container;
    bool is_object;
    if (!skip_or_enter(reader, &is_container, &is_object))
        return false;
    if (is_container)
        objects = is_object;
    while (reader->depth > outside && reader->error == QTA_JSON_OK) {
        struct qta_json_text key;
        bool has_more = objects & 1 ? qta_json_next_key(reader, &key)
                                    : qta_json_next_element(reader);
        if (!has_more) {
            objects >>= 1;
            continue;
        }
        if (!skip_or_enter(reader, &is_container, &is_object))
            return false;
        if (is_container)
            objects = objects << 1 | is_object;
    }
    return reader->error == QTA_JSON_OK;
}

bool qta_json_finish(struct qta_json_reader *reader)
{
    skip_blanks(reader);
    if (reader->error != QTA_JSON_OK)
        return false;
    if (reader->depth > 0 && reader->at == reader->end)
        return fail(reader, QTA_JSON_CUT);
    return (reader->at == reader->end && reader->depth == 0) || fail(reader, QTA_JSON_SYNTAX);
}

bool qta_json_text_to_u64(struct qta_json_text text, uint64_t *value)
{
    uint64_t sum = 0;
    if (text.length == 0)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (!is_digit(text.bytes[i]) || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(text.bytes[i] - '0'), &sum))
            return false;
    }
    *value = sum;
    return true;
}

bool qta_json_text_to_i64(struct qta_json_text text, int64_t *value)
{
    bool is_negative = text.length > 0 && text.bytes[0] == '-';
    if (is_negative) {
        text.bytes++;
        text.length--;
    }
    uint64_t size;
    if (!qta_json_text_to_u64(text, &size) || size > (uint64_t)INT64_MAX + is_negative)
        return false;
    *value = is_negative ? (int64_t)(0 - size) : (int64_t)size;
    return true;
}

/* ------------------------------------------------------------------------------------------------
 * Escapes */

static uint32_t read_hex4(const char *bytes)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)hex_digit(bytes[i]);
    return unit;
}

/* The character of the checked escape at text[*at], which moves past it. False for half a pair. */
static bool read_escape(struct qta_json_text text, size_t *at, uint32_t *character)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    const char *escape = text.bytes + *at;
    if (escape[1] != 'u') {
        const char *letter = strchr(letters, escape[1]);
        *character = (unsigned char)(letter ? meanings[letter - letters] : escape[1]);
        *at += 2;
        return true;
    }
    uint32_t unit = read_hex4(escape + 2);
    *at += 6;
    if (unit < 0xd800 || unit > 0xdfff) {
        *character = unit;
        return true;
    }
    if (unit > 0xdbff || text.length - *at < 6 || escape[6] != '\\' || escape[7] != 'u')
        return false;
    uint32_t low = read_hex4(escape + 8);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    *at += 6;
    *character = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static size_t encode_utf8(uint32_t character, char bytes[4])
{
    if (character < 0x80) {
        bytes[0] = (char)character;
        return 1;
    }
    if (character < 0x800) {
        bytes[0] = (char)(0xc0 | character >> 6);
        bytes[1] = (char)(0x80 | (character & 0x3f));
        return 2;
    }
    if (character < 0x10000) {
        bytes[0] = (char)(0xe0 | character >> 12);
        bytes[1] = (char)(0x80 | (character >> 6 & 0x3f));
        bytes[2] = (char)(0x80 | (character & 0x3f));
        return 3;
    }
    bytes[0] = (char)(0xf0 | character >> 18);
    bytes[1] = (char)(0x80 | (character >> 12 & 0x3f));
    bytes[2] = (char)(0x80 | (character >> 6 & 0x3f));
    bytes[3] = (char)(0x80 | (character & 0x3f));
    return 4;
}

bool qta_json_unescape(struct qta_json_text text, char *scratch, size_t capacity,
                       struct qta_json_text *out)
{
    if (!text.has_escapes) {
        *out = text;
        return true;
    }
    size_t used = 0;
    for (size_t at = 0; at < text.length;) {
        char bytes[4] = {text.bytes[at]};
        size_t length = 1;
        if (text.bytes[at] == '\\') {
            uint32_t character;
            if (!read_escape(text, &at, &character))
                return false;
            length = encode_utf8(character, bytes);
        } else {
            at++;
        }
        if (capacity - used < length)
            return false;
        memcpy(scratch + used, bytes, length);
        used += length;
    }
    *out = (struct qta_json_text){.bytes = scratch, .length = used};
    return true;
}

bool qta_json_text_equals(struct qta_json_text text, const char *name)
{
    size_t length = strlen(name);
    char scratch[64];
    struct qta_json_text plain;
    if (!text.has_escapes)
        return text.length == length && memcmp(text.bytes, name, length) == 0;
    return length <= sizeof scratch && qta_json_unescape(text, scratch, sizeof scratch, &plain) &&
           plain.length == length && memcmp(plain.bytes, name, length) == 0;
}
