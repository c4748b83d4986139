/** @file calendar.h
 *  The proleptic Gregorian calendar as numbers: days since 1970-01-01 to and from year, month, day.
 */
#ifndef QTA_CORE_CALENDAR_H
#define QTA_CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

enum { QTA_DAY_S = 86400 };

/** month 1 to 12, day 1 to 31. Years are counted from March here, so that the leap day is the last
 * of its year; within an era of 400 years 32 bits are enough, and fast. */
static inline int64_t qta_days_from_civil(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    uint32_t year_of_era = (uint32_t)(year - era * 400);
    uint32_t shifted_month = month > 2 ? month - 3 : month + 9; /* 0 is March */
    uint32_t day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    uint32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static inline void qta_civil_from_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468; /* from 0000-03-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    uint32_t day_of_era = (uint32_t)(days - era * 146097);
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 -
                            day_of_era / 146096) /
                           365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t shifted_month = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    *month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
    *year = year_of_era + era * 400 + (*month <= 2);
}

static inline bool qta_is_leap_year(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/** month 1 to 12 */
static inline unsigned qta_days_in_month(int64_t year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (unsigned)(month == 2 && qta_is_leap_year(year));
}

/** Rounds down, also below zero. */
static inline int64_t qta_floor_divide(int64_t value, int64_t divisor)
{
    int64_t quotient = value / divisor;
    return value % divisor < 0 ? quotient - 1 : quotient;
}

#endif
