/* Times and durations as text. Timestamps are read and written for every tick: digit by digit, no
 * libc. */
#include <qta/timestamp.h>

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <qta/decimal.h>
#include <qta/tick.h>

#include "core/calendar.h"

__extension__ typedef __int128 i128;

static const int64_t second_ns = INT64_C(1000000000);

/* ---- reading times ---- */

/* Reads two digits; above 99 when they are not digits. */
static inline unsigned two_digits(const char *text)
{
    unsigned tens = (unsigned)((unsigned char)text[0] - '0');
    unsigned ones = (unsigned)((unsigned char)text[1] - '0');
    return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

/* Reads ".123" into ns; moves *p behind it. False when no digit follows the point. */
static bool parse_fraction(const char **p, const char *end, int64_t *ns)
{
    enum { DIGITS_MAX = 9 };
    static const uint32_t units_ns[DIGITS_MAX + 1] = {
        1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1,
    };
    const char *digits = ++*p;
    uint32_t value = 0;
    unsigned count = 0;
    for (; *p < end; ++*p) {
        unsigned digit = (unsigned)((unsigned char)**p - '0');
        if (digit > 9)
            break;
        if (count < DIGITS_MAX) { /* the others are cut off */
            value = value * 10 + digit;
            count++;
        }
    }
    *ns = (int64_t)value * units_ns[count];
    return *p > digits;
}

/* Reads 'Z' or "+02:00" at the end of a time. */
static bool parse_offset(const char *p, const char *end, int64_t *offset_s)
{
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *offset_s = 0;
        return true;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':')
        return false;
    unsigned hours = two_digits(p + 1);
    unsigned minutes = two_digits(p + 4);
    if (hours > 23 || minutes > 59)
        return false;
    *offset_s = (*p == '-' ? -1 : 1) * (int64_t)(hours * 3600 + minutes * 60);
    return true;
}

enum qta_status qta_timestamp_parse(const char *text, size_t length, int64_t *ts_ns)
{
    enum { TO_SECONDS = 19 }; /* "2024-05-01T13:30:00" */
    if (length <= TO_SECONDS)
        return QTA_ERR_FORMAT;
    unsigned century = two_digits(text);
    unsigned year_of_century = two_digits(text + 2);
    unsigned month = two_digits(text + 5);
    unsigned day = two_digits(text + 8);
    unsigned hour = two_digits(text + 11);
    unsigned minute = two_digits(text + 14);
    unsigned second = two_digits(text + 17);
    char separator = text[10];
    if (century > 99 || year_of_century > 99 || text[4] != '-' || text[7] != '-' ||
        (separator != 'T' && separator != 't' && separator != ' ') || text[13] != ':' ||
        text[16] != ':')
        return QTA_ERR_FORMAT;
    int64_t year = century * 100 + year_of_century;
    if (month < 1 || month > 12 || day < 1 || day > qta_days_in_month(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return QTA_ERR_FORMAT;
    const char *p = text + TO_SECONDS;
    const char *end = text + length;
    int64_t fraction_ns = 0;
    int64_t offset_s;
    if (*p == '.' && !parse_fraction(&p, end, &fraction_ns))
        return QTA_ERR_FORMAT;
    if (!parse_offset(p, end, &offset_s))
        return QTA_ERR_FORMAT;
    int64_t seconds = qta_days_from_civil(year, month, day) * QTA_DAY_S + hour * INT64_C(3600) +
                      minute * INT64_C(60) + second - offset_s;
    i128 result = (i128)seconds * second_ns + fraction_ns;
    if (result <= QTA_TIME_UNKNOWN || result > INT64_MAX)
        return QTA_ERR_RANGE;
    *ts_ns = (int64_t)result;
    return QTA_OK;
}

/* ---- writing times ---- */

static inline char *write_two_digits(char *p, unsigned value)
{
    p[0] = (char)('0' + value / 10);
    p[1] = (char)('0' + value % 10);
    return p + 2;
}

/* Writes up to the seconds; returns the end. */
static char *write_seconds(char *p, int64_t seconds)
{
    int64_t days = qta_floor_divide(seconds, QTA_DAY_S);
    unsigned of_day = (unsigned)(seconds - days * QTA_DAY_S);
    int64_t year;
    unsigned month, day;
    qta_civil_from_days(days, &year, &month, &day);
    p = write_two_digits(p, (unsigned)(year / 100));
    p = write_two_digits(p, (unsigned)(year % 100));
    *p++ = '-';
    p = write_two_digits(p, month);
    *p++ = '-';
    p = write_two_digits(p, day);
    *p++ = 'T';
    p = write_two_digits(p, of_day / 3600);
    *p++ = ':';
    p = write_two_digits(p, of_day / 60 % 60);
    *p++ = ':';
    return write_two_digits(p, of_day % 60);
}

static size_t print_time(int64_t ts_ns, char *text, bool is_short)
{
    if (ts_ns == QTA_TIME_UNKNOWN) {
        *text = '\0';
        return 0;
    }
    int64_t seconds = qta_floor_divide(ts_ns, second_ns);
    /* unsigned: the first second that an int64 of ns can reach began before its first ns */
    unsigned fraction = (unsigned)((uint64_t)ts_ns - (uint64_t)seconds * (uint64_t)second_ns);
    char *p = write_seconds(text, seconds);
    if (!is_short || fraction != 0) {
        *p++ = '.';
        for (int i = 8; i >= 0; i--, fraction /= 10)
            p[i] = (char)('0' + fraction % 10);
        p += 9;
        while (is_short && p[-1] == '0')
            p--;
    }
    *p++ = 'Z';
    *p = '\0';
    assert(p - text < QTA_TIMESTAMP_TEXT_BYTES);
    return (size_t)(p - text);
}

size_t qta_timestamp_print(int64_t ts_ns, char text[QTA_TIMESTAMP_TEXT_BYTES])
{
    return print_time(ts_ns, text, false);
}

size_t qta_timestamp_print_short(int64_t ts_ns, char text[QTA_TIMESTAMP_TEXT_BYTES])
{
    return print_time(ts_ns, text, true);
}

/* ---- durations ---- */

struct unit {
    const char *name;
    int64_t ns;
};
static const struct unit units[] = {
    {"ns", 1},
    {"us", INT64_C(1000)},
    {"ms", INT64_C(1000000)},
    {"s", INT64_C(1000000000)},
    {"m", INT64_C(60000000000)},
    {"h", INT64_C(3600000000000)},
    {"d", INT64_C(86400000000000)},
};
enum { UNIT_COUNT = sizeof units / sizeof units[0], UNIT_S = 3, UNIT_M = 4 };

static const struct unit *unit_find(const char *name, size_t length)
{
    for (size_t i = 0; i < UNIT_COUNT; i++) {
        if (strlen(units[i].name) == length && memcmp(units[i].name, name, length) == 0)
            return &units[i];
    }
    return NULL;
}

/* Skips characters from..to inclusive. */
static const char *skip_between(const char *p, const char *end, char from, char to)
{
    while (p < end && *p >= from && *p <= to)
        p++;
    return p;
}

/* number * unit in ns; what is finer than a ns is cut off. */
static enum qta_status scale_to_ns(struct qta_decimal number, int64_t unit_ns, int64_t *ns)
{
    i128 value = (i128)number.mantissa * unit_ns; /* below 2^63 * 2^47 */
    for (int places = -number.exponent; places > 0 && value != 0; places--)
        value /= 10;
    if (value > INT64_MAX)
        return QTA_ERR_RANGE;
    *ns = (int64_t)value;
    return QTA_OK;
}

enum qta_status qta_duration_parse(const char *text, size_t length, int64_t *duration_ns)
{
    const char *end = text + length;
    int64_t total_ns = 0;
    if (length == 0)
        return QTA_ERR_FORMAT;
    for (const char *p = text; p < end;) {
        const char *number = p;
        p = skip_between(p, end, '0', '9');
        if (p < end && *p == '.')
            p = skip_between(p + 1, end, '0', '9');
        struct qta_decimal value;
        if (p == number || *number == '.')
            return QTA_ERR_FORMAT;
        enum qta_status status = qta_decimal_parse(number, (size_t)(p - number), &value, NULL);
        if (status != QTA_OK)
            return status;
        const char *name = p;
        p = skip_between(p, end, 'a', 'z');
        const struct unit *unit = unit_find(name, (size_t)(p - name));
        bool is_lone_zero = number == text && name == end && value.mantissa == 0;
        if (!unit && !is_lone_zero)
            return QTA_ERR_FORMAT;
        if (value.exponent > 0)
            return QTA_ERR_RANGE;
        int64_t part_ns;
        status = scale_to_ns(value, unit ? unit->ns : 1, &part_ns);
        if (status != QTA_OK)
            return status;
        if (__builtin_add_overflow(total_ns, part_ns, &total_ns))
            return QTA_ERR_RANGE;
    }
    *duration_ns = total_ns;
    return QTA_OK;
}

static uint64_t round_to(uint64_t value, uint64_t step)
{
    return (value + step / 2) / step * step;
}

/* Below a minute: three figures and a unit. */
static int print_figures(uint64_t ns, size_t unit, char *text, size_t capacity)
{
    uint64_t unit_ns = (uint64_t)units[unit].ns;
    assert(unit_ns > 0);
    unsigned long long whole = ns / unit_ns;
    unsigned hundredths = (unsigned)(ns % unit_ns * 100 / unit_ns);
    if (hundredths == 0)
        return snprintf(text, capacity, "%llu %s", whole, units[unit].name);
    if (hundredths % 10 == 0)
        return snprintf(text, capacity, "%llu.%u %s", whole, hundredths / 10, units[unit].name);
    return snprintf(text, capacity, "%llu.%02u %s", whole, hundredths, units[unit].name);
}

/* From a minute on: a unit and the next smaller one, where there is something of it. */
static int print_pair(uint64_t ns, size_t unit, char *text, size_t capacity)
{
    uint64_t unit_ns = (uint64_t)units[unit].ns;
    unsigned long long whole = ns / unit_ns;
    unsigned long long rest = ns % unit_ns / (uint64_t)units[unit - 1].ns;
    if (rest == 0)
        return snprintf(text, capacity, "%llu %s", whole, units[unit].name);
    return snprintf(text, capacity, "%llu %s %llu %s", whole, units[unit].name, rest,
                    units[unit - 1].name);
}

size_t qta_duration_print(int64_t duration_ns, char text[QTA_TIMESTAMP_TEXT_BYTES])
{
    uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    char *p = text;
    if (duration_ns < 0)
        *p++ = '-';
    size_t unit = 0;
    for (;;) { /* rounding may lift it into the next unit: "999.9 us" is 1 ms */
        while (unit + 1 < UNIT_COUNT && ns >= (uint64_t)units[unit + 1].ns)
            unit++;
        uint64_t unit_ns = (uint64_t)units[unit].ns;
        uint64_t step = unit >= UNIT_M        ? (uint64_t)units[unit - 1].ns
                        : ns >= 100 * unit_ns ? unit_ns
                        : ns >= 10 * unit_ns  ? unit_ns / 10
                                              : unit_ns / 100;
        uint64_t rounded = step > 0 ? round_to(ns, step) : ns;
        if (rounded == ns)
            break;
        ns = rounded;
    }
    size_t capacity = QTA_TIMESTAMP_TEXT_BYTES - (size_t)(p - text);
    int length = unit <= UNIT_S ? print_figures(ns, unit, p, capacity)
                                : print_pair(ns, unit, p, capacity);
    assert(length > 0 && (size_t)length < capacity);
    return (size_t)(p - text) + (size_t)length;
}

/* ---- speed ---- */

enum qta_status qta_speed_parse(const char *text, size_t length, uint32_t *speed_milli)
{
    enum { MILLI_MIN = 10, MILLI_MAX = 1000000 };
    if (length == 3 && memcmp(text, "max", 3) == 0) {
        *speed_milli = 0;
        return QTA_OK;
    }
    if (length > 0 && text[length - 1] == 'x')
        length--;
    struct qta_decimal speed;
    enum qta_status status = qta_decimal_parse(text, length, &speed, NULL);
    if (status != QTA_OK)
        return status;
    if (qta_decimal_compare(speed, qta_decimal_make(MILLI_MIN, -3)) < 0 ||
        qta_decimal_compare(speed, qta_decimal_make(MILLI_MAX, -3)) > 0)
        return QTA_ERR_RANGE;
    int64_t milli;
    if (qta_decimal_rescale(qta_decimal_normalize(speed), -3, &milli) != QTA_OK)
        return QTA_ERR_FORMAT; /* finer than a thousandth */
    *speed_milli = (uint32_t)milli;
    return QTA_OK;
}
