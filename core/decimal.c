/* Exact decimals. Parsing and printing are on the hot path: digit loops over integers, no libc
 * conversions but for the doubles that need them. */
#include <qta/decimal.h>

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

enum {
    DIGITS_U64_MAX = 19,       /* any 19 digits fit a uint64 */
    DIGITS_DOUBLE_UNIQUE = 15, /* any 15 digits survive a trip through a double */
    POWER_EXACT_MAX = 22,      /* 10^22 is the last power of ten that a double holds exactly */
    PRINT_EXPONENT_MIN = -40,
    PRINT_EXPONENT_MAX = 20,
};

static const double DOUBLE_INTEGER_MAX = 9007199254740992.0; /* 2^53: integers are exact to here */

static const uint64_t powers_u64[] = {
    UINT64_C(1),
    UINT64_C(10),
    UINT64_C(100),
    UINT64_C(1000),
    UINT64_C(10000),
    UINT64_C(100000),
    UINT64_C(1000000),
    UINT64_C(10000000),
    UINT64_C(100000000),
    UINT64_C(1000000000),
    UINT64_C(10000000000),
    UINT64_C(100000000000),
    UINT64_C(1000000000000),
    UINT64_C(10000000000000),
    UINT64_C(100000000000000),
    UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
    UINT64_C(100000000000000000),
    UINT64_C(1000000000000000000),
    UINT64_C(10000000000000000000),
};
static const double powers_double[POWER_EXACT_MAX + 1] = {
    1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};

static uint64_t magnitude_of(int64_t mantissa)
{
    return mantissa < 0 ? 0 - (uint64_t)mantissa : (uint64_t)mantissa;
}

/* magnitude must fit: at most 2^63 when negative, 2^63 - 1 otherwise. */
static int64_t with_sign(uint64_t magnitude, bool is_negative)
{
    assert(magnitude <= (uint64_t)INT64_MAX + is_negative);
    return is_negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
}

static inline unsigned digit_of(char c)
{
    return (unsigned)((unsigned char)c - '0'); /* above 9 for what is no digit */
}

/* ---- text to decimal ---- */

/* What the slow path has read so far. */
struct digits {
    uint64_t magnitude;
    uint64_t limit;    /* the largest magnitude there may be */
    int64_t exponent;  /* of the magnitude */
    int dropped_first; /* the first digit that did not fit; -1 while all did */
    bool dropped_more; /* one behind it was not zero */
};

static void digits_add(struct digits *digits, unsigned digit)
{
    if (digits->dropped_first < 0 && digits->magnitude <= (digits->limit - digit) / 10) {
        digits->magnitude = digits->magnitude * 10 + digit;
        return;
    }
    if (digits->dropped_first < 0)
        digits->dropped_first = (int)digit;
    else
        digits->dropped_more |= digit != 0;
    digits->exponent++;
}

/* Takes the last digit of the magnitude away, as if it had not fit. */
static void digits_drop_last(struct digits *digits)
{
    digits->dropped_more |= digits->dropped_first > 0;
    digits->dropped_first = (int)(digits->magnitude % 10);
    digits->magnitude /= 10;
    digits->exponent++;
}

/* Rounds by what was dropped: to nearest, ties to even. Returns whether the value has changed. */
static bool digits_round(struct digits *digits)
{
    if (digits->dropped_first <= 0 && !digits->dropped_more)
        return false;
    bool is_up = digits->dropped_first > 5 ||
                 (digits->dropped_first == 5 && (digits->dropped_more || digits->magnitude % 2));
    if (is_up && digits->magnitude == digits->limit) { /* it ends in 7 or 8: up again */
        digits->magnitude /= 10;
        digits->exponent++;
    }
    digits->magnitude += is_up;
    return true;
}

/* Reads the number behind an 'e'; what is far out of range comes out as far out of range. */
static bool parse_exponent(const char *p, const char *end, int64_t *exponent)
{
    enum { FAR = 1000000000 };
    bool is_negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end)
        return false;
    int64_t value = 0;
    for (; p < end; p++) {
        unsigned digit = digit_of(*p);
        if (digit > 9)
            return false;
        if (value < FAR)
            value = value * 10 + digit;
    }
    *exponent = is_negative ? -value : value;
    return true;
}

/* Every number that is too long or too special for the fast path. p is behind the sign. */
static enum qta_status parse_slowly(const char *p, const char *end, bool is_negative,
                                    struct qta_decimal *out, bool *is_rounded)
{
    struct digits digits = {.limit = (uint64_t)INT64_MAX + is_negative, .dropped_first = -1};
    const char *start = p;
    for (; p < end && digit_of(*p) <= 9; p++)
        digits_add(&digits, digit_of(*p));
    if (p == start)
        return QTA_ERR_FORMAT;
    if (p < end && *p == '.') {
        start = ++p;
        for (; p < end && digit_of(*p) <= 9; p++) {
            digits_add(&digits, digit_of(*p));
            digits.exponent--;
        }
        if (p == start)
            return QTA_ERR_FORMAT;
    }
    if (p < end) {
        int64_t exponent;
        if ((*p != 'e' && *p != 'E') || !parse_exponent(p + 1, end, &exponent))
            return QTA_ERR_FORMAT;
        digits.exponent += exponent;
    }
    if (digits.magnitude == 0 && digits.dropped_first < 0) { /* a zero has any exponent */
        if (digits.exponent < -QTA_DECIMAL_EXPONENT_LIMIT)
            digits.exponent = -QTA_DECIMAL_EXPONENT_LIMIT;
        if (digits.exponent > QTA_DECIMAL_EXPONENT_LIMIT)
            digits.exponent = QTA_DECIMAL_EXPONENT_LIMIT;
    }
    while (digits.exponent < -QTA_DECIMAL_EXPONENT_LIMIT && digits.magnitude > 0)
        digits_drop_last(&digits);
    if (digits.exponent < -QTA_DECIMAL_EXPONENT_LIMIT) { /* too small even for one digit */
        digits.exponent = -QTA_DECIMAL_EXPONENT_LIMIT;
        digits.dropped_more = true;
        digits.dropped_first = 0;
    }
    bool was_rounded = digits_round(&digits);
    if (digits.exponent > QTA_DECIMAL_EXPONENT_LIMIT)
        return QTA_ERR_RANGE;
    *out = qta_decimal_make(with_sign(digits.magnitude, is_negative), (int)digits.exponent);
    if (is_rounded)
        *is_rounded = was_rounded;
    return QTA_OK;
}

enum qta_status qta_decimal_parse(const char *text, size_t length, struct qta_decimal *out,
                                  bool *is_rounded)
{
    const char *p = text;
    const char *end = text + length;
    if (p == end)
        return QTA_ERR_FORMAT;
    bool is_negative = *p == '-';
    if (*p == '-' || *p == '+')
        p++;
    if (end - p > DIGITS_U64_MAX)
        return parse_slowly(p, end, is_negative, out, is_rounded);

    const char *digits = p;
    uint64_t magnitude = 0;
    unsigned digit;
    int exponent = 0;
    for (; p < end && (digit = digit_of(*p)) <= 9; p++)
        magnitude = magnitude * 10 + digit;
    if (p == digits)
        return QTA_ERR_FORMAT;
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        for (; p < end && (digit = digit_of(*p)) <= 9; p++)
            magnitude = magnitude * 10 + digit;
        if (p == fraction)
            return QTA_ERR_FORMAT;
        exponent = (int)(fraction - p);
    }
    if (p != end || magnitude > INT64_MAX)
        return parse_slowly(digits, end, is_negative, out, is_rounded);
    *out = qta_decimal_make(with_sign(magnitude, is_negative), exponent);
    if (is_rounded)
        *is_rounded = false;
    return QTA_OK;
}

/* ---- doubles ---- */

/* mantissa * 10^exponent by the C library. Written without a decimal point, whose character depends
 * on the locale. */
static double double_of_digits(uint64_t magnitude, int exponent)
{
    char text[40];
    snprintf(text, sizeof text, "%llue%d", (unsigned long long)magnitude, exponent);
    return strtod(text, NULL);
}

/* The doubles that venues mean: k / 10^n with k of at most 15 digits. Such a k is unique, and the
 * product is near enough to find it; the division is exact in both operands, so that it tells. The
 * first n that fits has the fewest digits. */
static bool from_double_fast(double magnitude, uint64_t *digits, int *exponent)
{
    if (magnitude < DOUBLE_INTEGER_MAX && (double)(uint64_t)magnitude == magnitude) {
        *digits = (uint64_t)magnitude;
        *exponent = 0;
        return true;
    }
    for (int n = 1; n <= POWER_EXACT_MAX; n++) {
        double scaled = magnitude * powers_double[n];
        if (scaled >= powers_double[DIGITS_DOUBLE_UNIQUE])
            return false;
        uint64_t rounded = (uint64_t)(scaled + 0.5);
        if ((double)rounded / powers_double[n] == magnitude) {
            *digits = rounded;
            *exponent = -n;
            return true;
        }
    }
    return false;
}

/* Any double: the first of 15, 16 and 17 significant digits that reads back. */
static void from_double_slowly(double magnitude, uint64_t *digits, int *exponent)
{
    enum { PRECISION_MIN = 15, PRECISION_MAX = 17 };
    for (int precision = PRECISION_MIN; precision <= PRECISION_MAX; precision++) {
        char text[40];
        snprintf(text, sizeof text, "%.*e", precision - 1, magnitude); /* d.ddde-308 */
        const char *p = text;
        uint64_t value = 0;
        for (; *p && *p != 'e'; p++) {
            if (digit_of(*p) <= 9) /* the point may be a comma in this locale */
                value = value * 10 + digit_of(*p);
        }
        int point = (int)strtol(p + 1, NULL, 10) - (precision - 1);
        if (precision < PRECISION_MAX && double_of_digits(value, point) != magnitude)
            continue;
        for (; value % 10 == 0; value /= 10)
            point++;
        *digits = value;
        *exponent = point;
        return;
    }
}

enum qta_status qta_decimal_from_double(double value, struct qta_decimal *out)
{
    if (!isfinite(value))
        return QTA_ERR_RANGE;
    uint64_t magnitude;
    int exponent;
    if (!from_double_fast(fabs(value), &magnitude, &exponent))
        from_double_slowly(fabs(value), &magnitude, &exponent);
    if (abs(exponent) > QTA_DECIMAL_EXPONENT_LIMIT)
        return QTA_ERR_RANGE;
    *out = qta_decimal_make(with_sign(magnitude, value < 0), exponent);
    return QTA_OK;
}

double qta_decimal_to_double(struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        return (double)NAN;
    uint64_t magnitude = magnitude_of(value.mantissa);
    double result;
    /* two exact operands: the one operation rounds correctly */
    if (magnitude <= UINT64_C(1) << 53 && abs(value.exponent) <= POWER_EXACT_MAX)
        result = value.exponent < 0 ? (double)magnitude / powers_double[-value.exponent]
                                    : (double)magnitude * powers_double[value.exponent];
    else
        result = double_of_digits(magnitude, value.exponent);
    return value.mantissa < 0 ? -result : result;
}

/* ---- arithmetic ---- */

/* Compares |left| with |right|; neither is zero. */
static int compare_magnitudes(struct qta_decimal left, struct qta_decimal right)
{
    u128 a = magnitude_of(left.mantissa);
    u128 b = magnitude_of(right.mantissa);
    int difference = left.exponent - right.exponent;
    if (abs(difference) >= DIGITS_U64_MAX) /* 1e19 is above every mantissa */
        return difference > 0 ? 1 : -1;
    if (difference > 0)
        a *= powers_u64[difference];
    else
        b *= powers_u64[-difference];
    return (a > b) - (a < b);
}

int qta_decimal_compare(struct qta_decimal left, struct qta_decimal right)
{
    if (qta_decimal_is_null(left) || qta_decimal_is_null(right))
        return qta_decimal_is_null(right) - qta_decimal_is_null(left);
    int left_sign = (left.mantissa > 0) - (left.mantissa < 0);
    int right_sign = (right.mantissa > 0) - (right.mantissa < 0);
    if (left_sign != right_sign || left_sign == 0)
        return left_sign - right_sign;
    return left_sign * compare_magnitudes(left, right);
}

struct qta_decimal qta_decimal_normalize(struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        return value;
    if (value.mantissa == 0)
        return qta_decimal_make(0, 0);
    while (value.mantissa % 10 == 0 && value.exponent < QTA_DECIMAL_EXPONENT_LIMIT) {
        value.mantissa /= 10;
        value.exponent++;
    }
    return value;
}

enum qta_status qta_decimal_rescale(struct qta_decimal value, int exponent, int64_t *mantissa)
{
    if (qta_decimal_is_null(value))
        return QTA_ERR_RANGE;
    if (value.mantissa == 0) {
        *mantissa = 0;
        return QTA_OK;
    }
    int64_t shift = (int64_t)value.exponent - exponent;
    if (shift >= DIGITS_U64_MAX || shift <= -DIGITS_U64_MAX)
        return QTA_ERR_RANGE;
    int64_t result;
    if (shift >= 0) {
        if (__builtin_mul_overflow(value.mantissa, (int64_t)powers_u64[shift], &result))
            return QTA_ERR_RANGE;
    } else {
        int64_t divisor = (int64_t)powers_u64[-shift];
        if (value.mantissa % divisor != 0)
            return QTA_ERR_RANGE;
        result = value.mantissa / divisor;
    }
    *mantissa = result;
    return QTA_OK;
}

/* ---- decimal to text ---- */

/* Writes the digits of value so that they end before `end`; returns where they start. */
static char *write_digits_before(char *end, uint64_t value)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    while (value >= 100) {
        end -= 2;
        memcpy(end, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, pairs + value * 2, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

size_t qta_decimal_print(struct qta_decimal value, char *text)
{
    char *p = text;
    if (qta_decimal_is_null(value)) {
        *p = '\0';
        return 0;
    }
    char buffer[24];
    char *end = buffer + sizeof buffer;
    const char *digits = write_digits_before(end, magnitude_of(value.mantissa));
    size_t count = (size_t)(end - digits);
    if (value.mantissa < 0)
        *p++ = '-';
    if (value.exponent < PRINT_EXPONENT_MIN || value.exponent > PRINT_EXPONENT_MAX) {
        memcpy(p, digits, count);
        p += count;
        *p++ = 'e';
        if (value.exponent < 0)
            *p++ = '-';
        const char *exponent = write_digits_before(end, magnitude_of(value.exponent));
        memcpy(p, exponent, (size_t)(end - exponent));
        p += end - exponent;
    } else if (value.exponent >= 0) {
        memcpy(p, digits, count);
        p += count;
        if (value.mantissa != 0) { /* a zero is "0", whatever its exponent */
            memset(p, '0', (size_t)value.exponent);
            p += value.exponent;
        }
    } else {
        size_t places = (size_t)-value.exponent;
        size_t whole = count > places ? count - places : 0;
        if (whole == 0)
            *p++ = '0';
        memcpy(p, digits, whole);
        p += whole;
        *p++ = '.';
        size_t zeros = whole == 0 ? places - count : 0;
        memset(p, '0', zeros);
        p += zeros;
        memcpy(p, digits + whole, count - whole);
        p += count - whole;
    }
    *p = '\0';
    assert(p - text < QTA_DECIMAL_TEXT_BYTES);
    return (size_t)(p - text);
}
