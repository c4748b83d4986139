/** @file json_reader.h
 *  A pull scanner for JSON over bytes that somebody else owns: exact RFC 8259 syntax, UTF-8
 * checked, numbers as text or as exact decimals, no allocation, one pass.
 *
 *      struct qta_json_reader reader;
 *      struct qta_json_text key;
 *      qta_json_reader_init(&reader, bytes, length);
 *      if (qta_json_enter_object(&reader)) {
 *          while (qta_json_next_key(&reader, &key)) {
 *              if (qta_json_text_equals(key, "price"))
 *                  status = qta_json_read_decimal(&reader, &price, &is_rounded);
 *              else
 *                  qta_json_skip(&reader);
 *          }
 *      }
 *      if (!qta_json_finish(&reader))
 *          complain(qta_json_error_name(reader.error), qta_json_offset(&reader));
 *
 *  After next_key() or next_element() said true, exactly one value is to be read, entered or
 * skipped before the next call; what was entered is to be iterated until next_key() or
 * next_element() says false. A failure is kept in reader.error: from then on every call says false
 * or fails, so loops end by themselves and one check at the end is enough. A read call that finds a
 * value of another type says false (QTA_ERR_FORMAT) without being a failure: nothing is consumed
 * then, and the value can be read as what it is, or skipped.
 *
 *  A reader is a plain value: a copy of it is a bookmark to come back to. */
#ifndef QTA_CORE_JSON_READER_H
#define QTA_CORE_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <qta/adapter.h>
#include <qta/decimal.h>
#include <qta/error.h>

/** Containers in containers; one more is QTA_JSON_TOO_DEEP. */
enum { QTA_JSON_DEPTH_MAX = 64 };

enum qta_json_error {
    QTA_JSON_OK = 0,
    QTA_JSON_SYNTAX,   /**< a byte that cannot stand where it stands */
    QTA_JSON_CUT,      /**< the bytes end inside a value */
    QTA_JSON_UTF8,     /**< a string that is not UTF-8 */
    QTA_JSON_TOO_DEEP, /**< more than QTA_JSON_DEPTH_MAX containers in one another */
};

enum qta_json_type {
    QTA_JSON_NONE = 0, /**< failed, or no value here */
    QTA_JSON_OBJECT,
    QTA_JSON_ARRAY,
    QTA_JSON_STRING,
    QTA_JSON_NUMBER,
    QTA_JSON_BOOL,
    QTA_JSON_NULL,
};

/** A string without its quotes, or a number, as it stands in the bytes. Valid as long as they are.
 */
struct qta_json_text {
    const char *bytes;
    size_t length;
    bool has_escapes; /**< then it is not the string itself yet: see qta_json_unescape() */
};

/** Members are read-only for users. */
struct qta_json_reader {
    const char *at; /**< the next byte; on failure, where it was found */
    const char *end;
    const char
        *last_word; /**< the last place with eight bytes behind it; NULL when there is none */
    const char *start;
    uint32_t depth; /**< containers that are entered and not left */
    bool is_first;  /**< a container was just entered: no comma yet */
    uint8_t error;  /**< enum qta_json_error */
};

/** Starts at bytes[0]; NULL is fine when length is 0. The bytes are borrowed as long as the reader
 * is used. */
static inline void qta_json_reader_init(struct qta_json_reader *reader, const void *bytes,
                                        size_t length)
{
    const char *start = bytes ? bytes : "";
    *reader = (struct qta_json_reader){
        .at = start,
        .end = start + length,
        .last_word = length >= 8 ? start + length - 8 : NULL,
        .start = start,
    };
}

/** Bytes before the current place; on failure, the place of the offending byte. */
static inline size_t qta_json_offset(const struct qta_json_reader *reader)
{
    return (size_t)(reader->at - reader->start);
}

/** "bad syntax", "cut off", "not UTF-8", "nested too deep"; "" for QTA_JSON_OK. Static. */
const char *qta_json_error_name(unsigned error);

/** The same as a fault for the host. */
enum qta_fault qta_json_error_fault(unsigned error);

/** What comes next, by its first byte; consumes blanks only. QTA_JSON_NONE: failure, also when
 *  nothing comes. */
enum qta_json_type qta_json_peek(struct qta_json_reader *reader);

/** Enters the object or array that comes next. False: another type, or failure. */
static inline bool qta_json_enter_object(struct qta_json_reader *reader);
static inline bool qta_json_enter_array(struct qta_json_reader *reader);

/** The next key of the object entered last. False at its end, which is consumed, or on failure. */
static inline bool qta_json_next_key(struct qta_json_reader *reader, struct qta_json_text *key);

/** Moves to the next element of the array entered last. False as with qta_json_next_key(). */
static inline bool qta_json_next_element(struct qta_json_reader *reader);

/** Reads a string, escapes checked but left in. False: another type, or failure. */
static inline bool qta_json_read_string(struct qta_json_reader *reader, struct qta_json_text *text);

/** Reads a number as its text. False: another type, or failure. */
bool qta_json_read_number(struct qta_json_reader *reader, struct qta_json_text *text);

/** Reads a number, digits kept as with qta_decimal_parse(); *is_rounded is set when digits were
 * lost and kept otherwise. QTA_ERR_FORMAT: another type, or failure; QTA_ERR_RANGE: a number that
 * no decimal can hold, consumed. *value is kept on both. */
static inline enum qta_status qta_json_read_decimal(struct qta_json_reader *reader,
                                                    struct qta_decimal *value, bool *is_rounded);

/** False: another type, or failure. */
bool qta_json_read_bool(struct qta_json_reader *reader, bool *value);
bool qta_json_read_null(struct qta_json_reader *reader);

/** Reads past one value of any type, checking all of it. False: failure. */
bool qta_json_skip(struct qta_json_reader *reader);

/** Whether all went well and nothing but blanks is left; anything else becomes a failure. */
bool qta_json_finish(struct qta_json_reader *reader);

/** The integer that a number's text is; false for fractions, exponents and what does not fit. */
bool qta_json_text_to_i64(struct qta_json_text text, int64_t *value);
bool qta_json_text_to_u64(struct qta_json_text text, uint64_t *value);

/** Makes a string what it stands for. A text without escapes is passed through, others are written
 *  to scratch (no NUL), which must then live as long as *out; text.length bytes are always enough.
 *  False: too little room, or half a surrogate pair, which no UTF-8 can hold. */
bool qta_json_unescape(struct qta_json_text text, char *scratch, size_t capacity,
                       struct qta_json_text *out);

/** Whether a string is this one, escapes resolved. */
bool qta_json_text_equals(struct qta_json_text text, const char *name);

/* ------------------------------------------------------------------------------------------------
 * The rest is what makes it fast: the usual case of each hot call, in the caller. Strings and
 * digits are looked at eight bytes at a time, so that their lengths, which no processor can guess,
 * cost no branch. What is left over goes to a function, on a copy: a reader whose own address is
 * never taken stays in registers. */

/** The whole of each call above, for what its fast half leaves. Not for users. */
bool qta_json_enter_slow(struct qta_json_reader *reader, enum qta_json_type type);
bool qta_json_next_key_slow(struct qta_json_reader *reader, struct qta_json_text *key);
bool qta_json_next_element_slow(struct qta_json_reader *reader);
bool qta_json_read_string_slow(struct qta_json_reader *reader, struct qta_json_text *text);
enum qta_status qta_json_read_decimal_slow(struct qta_json_reader *reader,
                                           struct qta_decimal *value, bool *is_rounded);
/** Any decimal of up to 18 digits without an exponent. False: nothing is consumed. */
bool qta_json_read_long_decimal(struct qta_json_reader *reader, struct qta_decimal *value);
uint64_t qta_json_load_tail(const char *at, const char *end, const char *last_word);

#define QTA_JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/** Eight bytes, the first one lowest. */
static inline uint64_t qta_json_load_word(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/** The same up to the end: zeros behind it. at <= reader->end. */
static inline uint64_t qta_json_load(const struct qta_json_reader *reader, const char *at)
{
    if (__builtin_expect(at > reader->last_word, 0))
        return qta_json_load_tail(at, reader->end, reader->last_word);
    return qta_json_load_word(at);
}

/** One byte of a word. */
static inline char qta_json_byte(uint64_t word, unsigned index)
{
    return (char)(word >> 8 * index & 0xff);
}

/** The length of the plain part of a string: before a quote, a backslash, a control character or
 *  anything that is not ASCII. 8 when all bytes are plain. */
static inline unsigned qta_json_plain_count(uint64_t word)
{
    uint64_t quote = (word ^ QTA_JSON_EACH('"')) - QTA_JSON_EACH(1);
    uint64_t backslash = (word ^ QTA_JSON_EACH('\\')) - QTA_JSON_EACH(1);
    uint64_t control = word - QTA_JSON_EACH(0x20);
    uint64_t stop = (quote | backslash | control | word) & QTA_JSON_EACH(0x80);
    /* each of them is right up to its lowest set bit, and that is all that counts */
    return stop ? (unsigned)__builtin_ctzll(stop) >> 3 : 8;
}

/** A set high bit in every byte that is no digit. */
static inline uint64_t qta_json_not_digits(uint64_t word)
{
    uint64_t value = word ^ QTA_JSON_EACH('0');
    return (((value & QTA_JSON_EACH(0x7f)) + QTA_JSON_EACH(0x76)) | value) & QTA_JSON_EACH(0x80);
}

/** How many of the bytes are digits before the first that is not. */
static inline unsigned qta_json_digit_count(uint64_t word)
{
    uint64_t other = qta_json_not_digits(word);
    return other ? (unsigned)__builtin_ctzll(other) >> 3 : 8;
}

/** The number that the first `count` bytes, 1 to 8 digits, spell. */
static inline uint64_t qta_json_digits(uint64_t word, unsigned count)
{
    uint64_t value = (word ^ QTA_JSON_EACH('0')) << (64 - 8 * count);
    value = value * 10 + (value >> 8);
    return (((value & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064)) +
            (((value >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001))) >>
           32;
}

static inline bool qta_json_enter_container(struct qta_json_reader *reader, char open,
                                            enum qta_json_type type)
{
    const char *at = reader->at;
    if (reader->end - at < 2 || *at != open || at[1] == ',' ||
        reader->depth == QTA_JSON_DEPTH_MAX) {
        struct qta_json_reader copy = *reader;
        bool is_entered = qta_json_enter_slow(&copy, type);
        *reader = copy;
        return is_entered;
    }
    reader->at++;
    reader->depth++;
    reader->is_first = true;
    return true;
}

static inline bool qta_json_enter_object(struct qta_json_reader *reader)
{
    return qta_json_enter_container(reader, '{', QTA_JSON_OBJECT);
}

static inline bool qta_json_enter_array(struct qta_json_reader *reader)
{
    return qta_json_enter_container(reader, '[', QTA_JSON_ARRAY);
}

static inline void qta_json_leave(struct qta_json_reader *reader)
{
    reader->at++;
    reader->depth--;
    reader->is_first = false;
}

/** The next key when it is short and plain, with nothing blank around it. A comma is never the
 * first byte in a container: entering it has seen to that. */
static inline bool qta_json_next_key_fast(struct qta_json_reader *reader, struct qta_json_text *key)
{
    const char *at = reader->at;
    if (at < reader->end && *at == ',')
        at++;
    else if (!reader->is_first)
        return false;
    if (at == reader->end || *at != '"')
        return false;
    uint64_t word = qta_json_load(reader, at + 1);
    unsigned count = qta_json_plain_count(word);
    if (count > 6 || qta_json_byte(word, count) != '"' || qta_json_byte(word, count + 1) != ':')
        return false;
    *key = (struct qta_json_text){.bytes = at + 1, .length = count};
    reader->at = at + count + 3;
    reader->is_first = false;
    return true;
}

static inline bool qta_json_next_key(struct qta_json_reader *reader, struct qta_json_text *key)
{
    if (qta_json_next_key_fast(reader, key))
        return true;
    if (reader->at < reader->end && *reader->at == '}') {
        qta_json_leave(reader);
        return false;
    }
    struct qta_json_reader copy = *reader;
    struct qta_json_text slow_key;
    bool has_more = qta_json_next_key_slow(&copy, &slow_key);
    *reader = copy;
    if (has_more)
        *key = slow_key;
    return has_more;
}

static inline bool qta_json_next_element(struct qta_json_reader *reader)
{
    const char *at = reader->at;
    if (reader->end - at >= 2 && *at == ',' && (unsigned char)at[1] > ' ' && at[1] != ']') {
        reader->at++;
        return true;
    }
    if (at < reader->end && *at == ']') {
        qta_json_leave(reader);
        return false;
    }
    if (at < reader->end && reader->is_first && (unsigned char)*at > ' ') {
        reader->is_first = false;
        return true;
    }
    struct qta_json_reader copy = *reader;
    bool has_more = qta_json_next_element_slow(&copy);
    *reader = copy;
    return has_more;
}

static inline bool qta_json_read_string(struct qta_json_reader *reader, struct qta_json_text *text)
{
    const char *at = reader->at;
    if (at < reader->end && *at == '"') {
        uint64_t word = qta_json_load(reader, at + 1);
        unsigned count = qta_json_plain_count(word);
        if (count < 8 && qta_json_byte(word, count) == '"') {
            *text = (struct qta_json_text){.bytes = at + 1, .length = count};
            reader->at = at + count + 2;
            return true;
        }
    }
    struct qta_json_reader copy = *reader;
    struct qta_json_text slow_text;
    bool is_read = qta_json_read_string_slow(&copy, &slow_text);
    *reader = copy;
    if (is_read)
        *text = slow_text;
    return is_read;
}

/** The usual decimal: seven characters at most, no sign, no exponent. */
static inline bool qta_json_read_decimal_fast(struct qta_json_reader *reader, int64_t *mantissa,
                                              unsigned *fraction_count)
{
    uint64_t word = qta_json_load(reader, reader->at);
    uint64_t others = qta_json_not_digits(word);
    if (others == 0)
        return false;
    unsigned whole = (unsigned)__builtin_ctzll(others) >> 3;
    unsigned count = whole; /* digits */
    unsigned length = whole;
    *fraction_count = 0;
    if (qta_json_byte(word, whole) == '.') {
        others &= others - 1;
        if (others == 0)
            return false;
        length = (unsigned)__builtin_ctzll(others) >> 3;
        count = length - 1;
        *fraction_count = count - whole;
        if (*fraction_count == 0)
            return false;
    }
    char first = qta_json_byte(word, 0);
    char next = qta_json_byte(word, length);
    if (whole == 0 || (first == '0' && whole > 1) || (next | 0x20) == 'e')
        return false;
    /* closes up on the point */
    uint64_t low = (UINT64_C(1) << 8 * whole) - 1;
    uint64_t digits = length == whole ? word : (word & low) | (word >> 8 & ~low);
    *mantissa = (int64_t)qta_json_digits(digits, count);
    reader->at += length;
    return true;
}

static inline enum qta_status qta_json_read_decimal(struct qta_json_reader *reader,
                                                    struct qta_decimal *value, bool *is_rounded)
{
    int64_t mantissa;
    unsigned fraction_count;
    if (qta_json_read_decimal_fast(reader, &mantissa, &fraction_count)) {
        *value = qta_decimal_make(mantissa, -(int)fraction_count);
        return QTA_OK;
    }
    struct qta_json_reader copy = *reader;
    struct qta_decimal slow_value;
    enum qta_status status = qta_json_read_decimal_slow(&copy, &slow_value, is_rounded);
    *reader = copy;
    if (status == QTA_OK)
        *value = slow_value;
    return status;
}

#endif
