/* Holidays by rule: NYSE rule 7.2 (a holiday on a Saturday is kept on Friday, but New Year's Day is
 * not kept in the old year; one on a Sunday on Monday). */
#include "core/market_hours.h"

#include "core/calendar.h"

enum { OPEN_MINUTE = 9 * 60 + 30, CLOSE_MINUTE = 16 * 60, HALF_DAY_MINUTE = 13 * 60 };
enum { EARLY_MINUTE = 4 * 60, LATE_MINUTES = 4 * 60 }; /* extended hours: from, and for how long */
enum weekday { THURSDAY = 4, SATURDAY = 6, SUNDAY = 0, MONDAY = 1 };

static enum weekday weekday_of(int64_t days)
{
    int64_t weekday = (days + 4) % 7; /* 1970-01-01 was a Thursday */
    return (enum weekday)(weekday < 0 ? weekday + 7 : weekday);
}

/* The nth of that weekday in a month, from 1. */
static int64_t nth(int64_t year, unsigned month, enum weekday weekday, unsigned n)
{
    int64_t first = qta_days_from_civil(year, month, 1);
    int ahead = ((int)weekday - (int)weekday_of(first) + 7) % 7;
    return first + ahead + 7 * (int64_t)(n - 1);
}

static int64_t good_friday(int64_t year)
{
    /* Gauss, for the Gregorian calendar */
    int64_t a = year % 19;
    int64_t b = year / 100;
    int64_t c = year % 100;
    int64_t d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    int64_t e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7;
    int64_t f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114;
    return qta_days_from_civil(year, (unsigned)(f / 31), (unsigned)(f % 31 + 1)) - 2;
}

/* The day on which a holiday of a fixed date is kept. */
static int64_t kept(int64_t days)
{
    if (weekday_of(days) == SATURDAY)
        return days - 1;
    return weekday_of(days) == SUNDAY ? days + 1 : days;
}

static bool is_holiday(int64_t days, int64_t year)
{
    int64_t new_year = qta_days_from_civil(year, 1, 1);
    int64_t last_monday_of_may = nth(year, 6, MONDAY, 1) - 7;
    return days == (weekday_of(new_year) == SATURDAY ? new_year : kept(new_year)) ||
           days == nth(year, 1, MONDAY, 3) ||                         /* Martin Luther King, Jr. */
           days == nth(year, 2, MONDAY, 3) ||                         /* Washington's birthday */
           days == good_friday(year) || days == last_monday_of_may || /* Memorial Day */
           (year >= 2022 && days == kept(qta_days_from_civil(year, 6, 19))) || /* Juneteenth */
           days == kept(qta_days_from_civil(year, 7, 4)) ||                    /* Independence */
           days == nth(year, 9, MONDAY, 1) ||                                  /* Labor Day */
           days == nth(year, 11, THURSDAY, 4) ||                               /* Thanksgiving */
           days == kept(qta_days_from_civil(year, 12, 25));
}

/* The day after Thanksgiving, and the eves of Independence Day and Christmas where both are
 * weekdays. */
static bool is_half_day(int64_t days, int64_t year)
{
    int64_t independence = qta_days_from_civil(year, 7, 4);
    int64_t christmas = qta_days_from_civil(year, 12, 25);
    return days == nth(year, 11, THURSDAY, 4) + 1 ||
           (days == independence - 1 && kept(independence) == independence) ||
           (days == christmas - 1 && kept(christmas) == christmas);
}

int qta_us_equities_close_minute(struct qta_date date)
{
    int64_t days = qta_days_from_civil(date.year, date.month, date.day);
    enum weekday weekday = weekday_of(days);
    if (weekday == SATURDAY || weekday == SUNDAY || is_holiday(days, date.year))
        return 0;
    return is_half_day(days, date.year) ? HALF_DAY_MINUTE : CLOSE_MINUTE;
}

static int minute_in(const struct qta_timezone *new_york, int64_t ts_ns)
{
    int64_t second = qta_floor_divide(ts_ns, 1000000000) + qta_timezone_offset_s(new_york, ts_ns);
    return (int)((second - qta_floor_divide(second, QTA_DAY_S) * QTA_DAY_S) / 60);
}

bool qta_us_equities_is_open(const struct qta_timezone *new_york, int64_t ts_ns)
{
    int minute = minute_in(new_york, ts_ns);
    return minute >= OPEN_MINUTE &&
           minute < qta_us_equities_close_minute(qta_timezone_date(new_york, ts_ns));
}

static bool is_open_extended(const struct qta_timezone *new_york, int64_t ts_ns)
{
    int minute = minute_in(new_york, ts_ns);
    int close = qta_us_equities_close_minute(qta_timezone_date(new_york, ts_ns));
    return close > 0 && minute >= EARLY_MINUTE && minute < close + LATE_MINUTES;
}

static struct qta_date utc_date(int64_t ts_ns)
{
    int64_t year;
    unsigned month;
    unsigned day;
    qta_civil_from_days(qta_floor_divide(qta_floor_divide(ts_ns, 1000000000), QTA_DAY_S), &year,
                        &month, &day);
    return (struct qta_date){(int32_t)year, (uint8_t)month, (uint8_t)day};
}

static bool is_closed_day(const struct qta_market_hours *hours, int64_t ts_ns)
{
    if (hours->closed_day_count == 0)
        return false;
    struct qta_date date = hours->new_york ? qta_timezone_date(hours->new_york, ts_ns)
                                           : utc_date(ts_ns);
    for (size_t i = 0; i < hours->closed_day_count; i++) {
        const struct qta_date *day = &hours->closed_days[i];
        if (day->year == date.year && day->month == date.month && day->day == date.day)
            return true;
    }
    return false;
}

bool qta_market_hours_is_open(const struct qta_market_hours *hours, int64_t ts_ns)
{
    if (is_closed_day(hours, ts_ns))
        return false;
    if (!hours->new_york)
        return true;
    return hours->is_extended ? is_open_extended(hours->new_york, ts_ns)
                              : qta_us_equities_is_open(hours->new_york, ts_ns);
}
