/** @file msgpack_reader.h
 *  A pull scanner for MessagePack over bytes that somebody else owns: every form of the
 *  specification, every length checked, text checked for UTF-8, no allocation, one pass.
 *
 *      struct qta_msgpack_reader reader;
 *      struct qta_msgpack_text key;
 *      uint32_t count;
 *      qta_msgpack_reader_init(&reader, bytes, length);
 *      if (qta_msgpack_enter_map(&reader, &count)) {
 *          while (count-- > 0 && qta_msgpack_read_string(&reader, &key)) {
 *              if (qta_msgpack_text_equals(key, "price"))
 *                  qta_msgpack_read_number(&reader, &number);
 *              else
 *                  qta_msgpack_skip(&reader);
 *          }
 *      }
 *      if (!qta_msgpack_finish(&reader))
 *          complain(qta_msgpack_error_name(reader.error), qta_msgpack_offset(&reader));
 *
 *  A failure is kept in reader.error: from then on every call says false or fails. A read call that
 *  finds a value of another type says false (QTA_ERR_FORMAT) without being a failure: nothing is
 *  consumed then, and the value can be read as what it is, or skipped.
 *
 *  A reader is a plain value: a copy of it is a bookmark to come back to. */
#ifndef QTA_ADAPTERS_MSGPACK_READER_H
#define QTA_ADAPTERS_MSGPACK_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <qta/adapter.h>
#include <qta/decimal.h>
#include <qta/error.h>

/** Containers in containers that qta_msgpack_skip() follows. */
enum { QTA_MSGPACK_DEPTH_MAX = 64 };

enum qta_msgpack_error {
    QTA_MSGPACK_OK = 0,
    QTA_MSGPACK_SYNTAX,   /**< a byte that starts no value (0xc1), or bytes after the end */
    QTA_MSGPACK_CUT,      /**< a length that goes past the end */
    QTA_MSGPACK_UTF8,     /**< text that is not UTF-8 */
    QTA_MSGPACK_TOO_DEEP, /**< more than QTA_MSGPACK_DEPTH_MAX containers in one another */
};

enum qta_msgpack_type {
    QTA_MSGPACK_NONE = 0, /**< failed, or no value here */
    QTA_MSGPACK_NIL,
    QTA_MSGPACK_BOOL,
    QTA_MSGPACK_NUMBER, /**< integers and floats of any width */
    QTA_MSGPACK_STRING, /**< str, and bin, which some encoders use for it */
    QTA_MSGPACK_ARRAY,
    QTA_MSGPACK_MAP,
    QTA_MSGPACK_EXTENSION, /**< a timestamp is extension type -1 */
};

/** Valid as long as the bytes. */
struct qta_msgpack_text {
    const char *bytes;
    size_t length;
};

enum qta_msgpack_number_kind {
    QTA_MSGPACK_SIGNED,   /**< below 0: in i64 */
    QTA_MSGPACK_UNSIGNED, /**< 0 and above, whatever form it came in: in u64 */
    QTA_MSGPACK_FLOAT32,  /**< in f64, exactly */
    QTA_MSGPACK_FLOAT64,  /**< in f64 */
};
struct qta_msgpack_number {
    enum qta_msgpack_number_kind kind;
    union {
        int64_t i64;
        uint64_t u64;
        double f64;
    };
};

/** Members are read-only for users. */
struct qta_msgpack_reader {
    const uint8_t *at; /**< the next byte; on failure, where the bad value starts */
    const uint8_t *end;
    const uint8_t *start;
    uint8_t error; /**< enum qta_msgpack_error */
};

/** Starts at bytes[0]; NULL is fine when length is 0. The bytes are borrowed as long as the reader
 * is used. */
static inline void qta_msgpack_reader_init(struct qta_msgpack_reader *reader, const void *bytes,
                                           size_t length)
{
    const uint8_t *start = bytes ? bytes : (const void *)"";
    *reader = (struct qta_msgpack_reader){.at = start, .end = start + length, .start = start};
}

/** Bytes before the current place; on failure, before the bad value. */
static inline size_t qta_msgpack_offset(const struct qta_msgpack_reader *reader)
{
    return (size_t)(reader->at - reader->start);
}

/** "bad syntax", "cut off", "not UTF-8", "nested too deep"; "" for QTA_MSGPACK_OK. Static. */
const char *qta_msgpack_error_name(unsigned error);

/** The same as a fault for the host. */
enum qta_fault qta_msgpack_error_fault(unsigned error);

/** What comes next, by its first byte; consumes nothing. QTA_MSGPACK_NONE: failure, also when
 * nothing comes. */
enum qta_msgpack_type qta_msgpack_peek(struct qta_msgpack_reader *reader);

/** Enters a container: *count elements follow, or *count pairs of key and value. A count that the
 *  bytes left cannot hold is a failure. False: another type, or failure. */
bool qta_msgpack_enter_array(struct qta_msgpack_reader *reader, uint32_t *count);
bool qta_msgpack_enter_map(struct qta_msgpack_reader *reader, uint32_t *count);

/** False: another type, or failure. */
bool qta_msgpack_read_string(struct qta_msgpack_reader *reader, struct qta_msgpack_text *text);
bool qta_msgpack_read_number(struct qta_msgpack_reader *reader, struct qta_msgpack_number *number);
bool qta_msgpack_read_bool(struct qta_msgpack_reader *reader, bool *value);
bool qta_msgpack_read_nil(struct qta_msgpack_reader *reader);

/** Reads a timestamp, ext -1 in its forms of 4, 8 and 12 bytes, as ns since the Unix epoch.
 *  QTA_ERR_FORMAT: another type, or failure; QTA_ERR_RANGE: an extension of another type or length,
 *  or a time that does not fit, consumed. *ts_ns is kept on both. */
enum qta_status qta_msgpack_read_time(struct qta_msgpack_reader *reader, int64_t *ts_ns);

/** Reads past one value of any type, checking all of it. False: failure. */
bool qta_msgpack_skip(struct qta_msgpack_reader *reader);

/** Whether all went well and nothing is left; anything else becomes a failure. */
bool qta_msgpack_finish(struct qta_msgpack_reader *reader);

/** The number as a decimal: integers exactly (*is_rounded is set for those above int64, and kept
 *  otherwise), floats as the shortest decimal that reads back as that float. QTA_ERR_RANGE: NaN and
 *  infinities; *value is kept. */
enum qta_status qta_msgpack_number_to_decimal(struct qta_msgpack_number number,
                                              struct qta_decimal *value, bool *is_rounded);

/** Whether it came as a float of either width. */
static inline bool qta_msgpack_number_is_float(struct qta_msgpack_number number)
{
    return number.kind == QTA_MSGPACK_FLOAT32 || number.kind == QTA_MSGPACK_FLOAT64;
}

/** The integer that a number is, whole floats of up to 2^53 included; false when it is none or does
 *  not fit. */
bool qta_msgpack_number_to_i64(struct qta_msgpack_number number, int64_t *value);
bool qta_msgpack_number_to_u64(struct qta_msgpack_number number, uint64_t *value);

static inline bool qta_msgpack_text_equals(struct qta_msgpack_text text, const char *name)
{
    size_t length = strlen(name);
    return text.length == length && memcmp(text.bytes, name, length) == 0;
}

#endif
