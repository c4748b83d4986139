/** @file decimal.h
 *  Exact decimal numbers: mantissa * 10^exponent, the digits as a venue printed them.
 *
 *  "190.50" is {19050, -2} and prints as "190.50" again; {1905, -1} is equal in value and prints
 *  as "190.5". Null is a value of its own and never equals zero. */
#ifndef QTA_DECIMAL_H
#define QTA_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Exponents run from -QTA_DECIMAL_EXPONENT_LIMIT to +QTA_DECIMAL_EXPONENT_LIMIT. */
enum { QTA_DECIMAL_EXPONENT_LIMIT = 100, QTA_DECIMAL_NULL_EXPONENT = -128 };

/** The longest text qta_decimal_print() writes, its NUL included. */
enum { QTA_DECIMAL_TEXT_BYTES = 128 };

struct qta_decimal {
    int64_t mantissa;
    int8_t exponent; /**< QTA_DECIMAL_NULL_EXPONENT marks null; the mantissa is then 0 */
};

static inline struct qta_decimal qta_decimal_make(int64_t mantissa, int exponent)
{
    struct qta_decimal value = {mantissa, (int8_t)exponent};
    return value;
}

static inline struct qta_decimal qta_decimal_null(void)
{
    return qta_decimal_make(0, QTA_DECIMAL_NULL_EXPONENT);
}

static inline bool qta_decimal_is_null(struct qta_decimal value)
{
    return value.exponent == QTA_DECIMAL_NULL_EXPONENT;
}

/** Reads the whole of text[0..length) as a number in JSON's grammar (RFC 8259 section 6), leading
 *  '+' and leading zeros allowed as well, e.g. "-12.50", "9.121E-7". Digits are kept: "42000.10"
 *  is {4200010, -2}. An 'e' form is kept as written: "1E5" is {1, 5}.
 *  More digits than an int64 holds are rounded to the nearest, ties to even; *is_rounded (may be
 *  NULL) is set to whether that changed the value. QTA_ERR_FORMAT: not a number; QTA_ERR_RANGE:
 *  the exponent is out of range (a value that rounds to nothing becomes zero, rounded, instead).
 *  *out and *is_rounded are kept then. */
QTA_API enum qta_status qta_decimal_parse(const char *text, size_t length, struct qta_decimal *out,
                                          bool *is_rounded);

/** The shortest decimal that reads back as this double (17 significant digits at most).
 *  Integers below 2^53 have exponent 0. QTA_ERR_RANGE for NaN, infinities and what is too large or
 *  too small for an exponent; *out is kept then. */
QTA_API enum qta_status qta_decimal_from_double(double value, struct qta_decimal *out);

/** The nearest double, correctly rounded; NaN for null. */
QTA_API double qta_decimal_to_double(struct qta_decimal value);

/** Compares by value, exactly: 1.0 equals 1.00. Null sorts before every number and equals null.
 *  Returns <0, 0 or >0. */
QTA_API int qta_decimal_compare(struct qta_decimal left, struct qta_decimal right);

/** The same value without trailing zeros in the mantissa; 0 becomes {0, 0}; null stays null. */
QTA_API struct qta_decimal qta_decimal_normalize(struct qta_decimal value);

/** The mantissa that value has at this exponent. QTA_ERR_RANGE when it does not fit an int64 or
 *  would lose digits; *mantissa is kept then. Null gives QTA_ERR_RANGE. */
QTA_API enum qta_status qta_decimal_rescale(struct qta_decimal value, int exponent,
                                            int64_t *mantissa);

/** Writes a JSON number with exactly the digits stored ("190.50", "100000" for {1, 5}), NUL-ended;
 *  exponents below -40 or above 20 come out in 'e' form. "" for null. `text` must have room for
 *  QTA_DECIMAL_TEXT_BYTES. Returns the length without the NUL. */
QTA_API size_t qta_decimal_print(struct qta_decimal value, char *text);

#ifdef __cplusplus
}
#endif

#endif
