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
#ifndef QTA_ADAPTERS_JSON_READER_H
#define QTA_ADAPTERS_JSON_READER_H

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
    *reader = (struct qta_json_reader){.at = start, .end = start + length, .start = start};
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
bool qta_json_enter_object(struct qta_json_reader *reader);
bool qta_json_enter_array(struct qta_json_reader *reader);

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
 * digits are looked at eight bytes at a time where eight bytes are left, so that their lengths,
 * which no processor can guess, cost no branch. */

/** The whole of each call above, for what its fast half leaves. Not for users. */
bool qta_json_next_key_slow(struct qta_json_reader *reader, struct qta_json_text *key);
bool qta_json_next_element_slow(struct qta_json_reader *reader);
bool qta_json_read_string_slow(struct qta_json_reader *reader, struct qta_json_text *text);
enum qta_status qta_json_read_decimal_slow(struct qta_json_reader *reader,
                                           struct qta_decimal *value, bool *is_rounded);

#define QTA_JSON_EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t qta_json_load8(const char *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

/** A set high bit in the first byte that ends the plain part of a string: a quote, a backslash, a
 *  control character, not ASCII. 0 when all eight bytes are plain. Bits above the lowest mean
 *  nothing. */
static inline uint64_t qta_json_not_plain(uint64_t word)
{
    uint64_t quote = (word ^ QTA_JSON_EACH('"')) - QTA_JSON_EACH(1);
    uint64_t backslash = (word ^ QTA_JSON_EACH('\\')) - QTA_JSON_EACH(1);
    uint64_t control = word - QTA_JSON_EACH(0x20);
    return (quote | backslash | control | word) & QTA_JSON_EACH(0x80);
}

/** How many of the eight bytes are digits before the first that is not. */
static inline unsigned qta_json_digit_count(uint64_t word)
{
    uint64_t value = word ^ QTA_JSON_EACH('0');
    uint64_t other = ((value + QTA_JSON_EACH(0x76)) | value) & QTA_JSON_EACH(0x80);
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

static inline bool qta_json_next_key(struct qta_json_reader *reader, struct qta_json_text *key)
{
    const char *at = reader->at;
    if (reader->end - at >= 10 && at[0] == ',' && at[1] == '"') {
        uint64_t stop = qta_json_not_plain(qta_json_load8(at + 2));
        size_t length = stop ? (size_t)__builtin_ctzll(stop) >> 3 : 8;
        const char *quote = at + 2 + length;
        if (stop && quote + 1 < reader->end && quote[0] == '"' && quote[1] == ':' &&
            !reader->is_first) {
            *key = (struct qta_json_text){.bytes = at + 2, .length = length};
            reader->at = quote + 2;
            return true;
        }
    }
    return qta_json_next_key_slow(reader, key);
}

static inline bool qta_json_next_element(struct qta_json_reader *reader)
{
    const char *at = reader->at;
    if (reader->end - at >= 2 && at[0] == ',' && (unsigned char)at[1] > ' ' && at[1] != ']' &&
        !reader->is_first) {
        reader->at = at + 1;
        return true;
    }
    return qta_json_next_element_slow(reader);
}

static inline bool qta_json_read_string(struct qta_json_reader *reader, struct qta_json_text *text)
{
    const char *at = reader->at;
    if (reader->end - at >= 9 && at[0] == '"') {
        uint64_t stop = qta_json_not_plain(qta_json_load8(at + 1));
        if (stop) {
            size_t length = (size_t)__builtin_ctzll(stop) >> 3;
            if (at[1 + length] == '"') {
                *text = (struct qta_json_text){.bytes = at + 1, .length = length};
                reader->at = at + length + 2;
                return true;
            }
        }
    }
    return qta_json_read_string_slow(reader, text);
}

static inline enum qta_status qta_json_read_decimal(struct qta_json_reader *reader,
                                                    struct qta_decimal *value, bool *is_rounded)
{
    static const int32_t powers[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *at = reader->at;
    if (reader->end - at < 24)
        return qta_json_read_decimal_slow(reader, value, is_rounded);
    uint64_t word = qta_json_load8(at);
    unsigned count = qta_json_digit_count(word);
    if (count == 0 || count == 8 || (at[0] == '0' && count > 1))
        return qta_json_read_decimal_slow(reader, value, is_rounded);
    int64_t mantissa = (int64_t)qta_json_digits(word, count);
    unsigned fraction_count = 0;
    at += count;
    if (*at == '.') {
        word = qta_json_load8(at + 1);
        fraction_count = qta_json_digit_count(word);
        if (fraction_count == 0 || fraction_count == 8)
            return qta_json_read_decimal_slow(reader, value, is_rounded);
        mantissa = mantissa * powers[fraction_count] +
                   (int64_t)qta_json_digits(word, fraction_count);
        at += 1 + fraction_count;
    }
    if ((*at | 0x20) == 'e')
        return qta_json_read_decimal_slow(reader, value, is_rounded);
    reader->at = at;
    *value = qta_decimal_make(mantissa, -(int)fraction_count);
    return QTA_OK;
}

#endif
