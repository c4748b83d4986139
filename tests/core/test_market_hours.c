/* The calendar of the exchanges, day by day. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "core/calendar.h"
#include "core/market_hours.h"

static int close_minute(const char *day)
{
    struct qta_date date;
    assert_int_equal(qta_date_parse(day, &date), QTA_OK);
    return qta_us_equities_close_minute(date);
}

/* NYSE Rule 7.2 names the holidays: New Year's Day, Martin Luther King Jr. Day, Washington's
 * Birthday, Good Friday, Memorial Day, Juneteenth (kept since 2022), Independence Day, Labor Day,
 * Thanksgiving Day, Christmas Day. One that falls on a Saturday is kept on the Friday before,
 * unless that ends an accounting period (so New Year's Day of 2022 and 2028 is not kept); one on a
 * Sunday on the Monday after. The exchange's published calendars add early closes at 13:00 on the
 * day after Thanksgiving and on the weekdays before Independence Day and Christmas where those are
 * kept on their own date. Written down from that for 2020 to 2030. */
static const char *const closed_days[] = {
    "2020-01-01", "2020-01-20", "2020-02-17", "2020-04-10", "2020-05-25", "2020-07-03",
    "2020-09-07", "2020-11-26", "2020-12-25", "2021-01-01", "2021-01-18", "2021-02-15",
    "2021-04-02", "2021-05-31", "2021-07-05", "2021-09-06", "2021-11-25", "2021-12-24",
    "2022-01-17", "2022-02-21", "2022-04-15", "2022-05-30", "2022-06-20", "2022-07-04",
    "2022-09-05", "2022-11-24", "2022-12-26", "2023-01-02", "2023-01-16", "2023-02-20",
    "2023-04-07", "2023-05-29", "2023-06-19", "2023-07-04", "2023-09-04", "2023-11-23",
    "2023-12-25", "2024-01-01", "2024-01-15", "2024-02-19", "2024-03-29", "2024-05-27",
    "2024-06-19", "2024-07-04", "2024-09-02", "2024-11-28", "2024-12-25", "2025-01-01",
    "2025-01-20", "2025-02-17", "2025-04-18", "2025-05-26", "2025-06-19", "2025-07-04",
    "2025-09-01", "2025-11-27", "2025-12-25", "2026-01-01", "2026-01-19", "2026-02-16",
    "2026-04-03", "2026-05-25", "2026-06-19", "2026-07-03", "2026-09-07", "2026-11-26",
    "2026-12-25", "2027-01-01", "2027-01-18", "2027-02-15", "2027-03-26", "2027-05-31",
    "2027-06-18", "2027-07-05", "2027-09-06", "2027-11-25", "2027-12-24", "2028-01-17",
    "2028-02-21", "2028-04-14", "2028-05-29", "2028-06-19", "2028-07-04", "2028-09-04",
    "2028-11-23", "2028-12-25", "2029-01-01", "2029-01-15", "2029-02-19", "2029-03-30",
    "2029-05-28", "2029-06-19", "2029-07-04", "2029-09-03", "2029-11-22", "2029-12-25",
    "2030-01-01", "2030-01-21", "2030-02-18", "2030-04-19", "2030-05-27", "2030-06-19",
    "2030-07-04", "2030-09-02", "2030-11-28", "2030-12-25",
};
static const char *const half_days[] = {
    "2020-11-27", "2020-12-24", "2021-11-26", "2022-11-25", "2023-07-03", "2023-11-24",
    "2024-07-03", "2024-11-29", "2024-12-24", "2025-07-03", "2025-11-28", "2025-12-24",
    "2026-11-27", "2026-12-24", "2027-11-26", "2028-07-03", "2028-11-24", "2029-07-03",
    "2029-11-23", "2029-12-24", "2030-07-03", "2030-11-29", "2030-12-24",
};

static bool is_in(const char *day, const char *const *days, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(days[i], day) == 0)
            return true;
    return false;
}

/* Every day of eleven years: those of the tables, weekends, and all others whole. */
static void every_day_from_2020_to_2030_is_as_the_rules_say(void **state)
{
    (void)state;
    size_t closed = 0;
    size_t half = 0;
    int64_t last = qta_days_from_civil(2030, 12, 31);
    for (int64_t days = qta_days_from_civil(2020, 1, 1); days <= last; days++) {
        int64_t year;
        unsigned month;
        unsigned day;
        char text[32];
        qta_civil_from_days(days, &year, &month, &day);
        snprintf(text, sizeof text, "%04d-%02u-%02u", (int)year, month, day);
        bool is_weekend = (days + 4) % 7 == 0 || (days + 4) % 7 == 6;
        bool is_closed = is_in(text, closed_days, sizeof closed_days / sizeof closed_days[0]);
        bool is_half = is_in(text, half_days, sizeof half_days / sizeof half_days[0]);
        closed += is_closed;
        half += is_half;
        assert_false(is_weekend && (is_closed || is_half));
        int expected = is_weekend || is_closed ? 0 : is_half ? 13 * 60 : 16 * 60;
        if (close_minute(text) != expected)
            print_message("%s\n", text);
        assert_int_equal(close_minute(text), expected);
    }
    assert_int_equal(closed, sizeof closed_days / sizeof closed_days[0]);
    assert_int_equal(half, sizeof half_days / sizeof half_days[0]);
}

struct moment {
    const char *time;
    bool is_open;
};

static void check_moments(const struct qta_market_hours *hours, const struct moment *moments,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t ts_ns;
        print_message("%s\n", moments[i].time);
        assert_int_equal(qta_timestamp_parse(moments[i].time, strlen(moments[i].time), &ts_ns),
                         QTA_OK);
        assert_int_equal(qta_market_hours_is_open(hours, ts_ns), moments[i].is_open);
    }
}

static void extended_hours_end_earlier_on_half_days(void **state)
{
    (void)state;
    static const struct moment moments[] = {
        {"2024-05-01T07:59:59Z", false}, {"2024-05-01T08:00:00Z", true},
        {"2024-05-01T23:59:59Z", true},  {"2024-05-02T00:00:00Z", false},
        {"2024-01-10T08:59:59Z", false}, {"2024-01-10T09:00:00Z", true},
        {"2024-11-29T21:59:59Z", true},  {"2024-11-29T22:00:00Z", false},
        {"2024-07-04T15:00:00Z", false}, {"2024-05-04T15:00:00Z", false},
    };
    struct qta_timezone *zone = NULL;
    assert_int_equal(qta_timezone_create(&zone, "America/New_York", NULL), QTA_OK);
    struct qta_market_hours hours = {.new_york = zone, .is_extended = true};
    check_moments(&hours, moments, sizeof moments / sizeof moments[0]);
    qta_timezone_destroy(zone);
}

static void the_bell_follows_the_clocks_of_new_york(void **state)
{
    (void)state;
    /* the Fridays and Mondays around the changes of 2024 and 2025 */
    static const struct moment moments[] = {
        {"2024-03-08T14:30:00Z", true},  {"2024-03-08T14:29:59Z", false},
        {"2024-03-11T13:30:00Z", true},  {"2024-03-11T13:29:59Z", false},
        {"2024-03-11T20:00:00Z", false}, {"2024-11-01T19:59:59Z", true},
        {"2024-11-01T20:00:00Z", false}, {"2024-11-04T14:29:59Z", false},
        {"2024-11-04T14:30:00Z", true},  {"2024-11-04T20:59:59Z", true},
        {"2025-03-10T13:30:00Z", true},  {"2025-11-03T14:29:59Z", false},
    };
    struct qta_timezone *zone = NULL;
    assert_int_equal(qta_timezone_create(&zone, "America/New_York", NULL), QTA_OK);
    struct qta_market_hours hours = {.new_york = zone};
    check_moments(&hours, moments, sizeof moments / sizeof moments[0]);
    qta_timezone_destroy(zone);
}

/* 2025-01-09: the exchanges closed for a day of mourning. */
static void days_out_of_turn_are_closed_where_they_are_told(void **state)
{
    (void)state;
    static const struct qta_date day = {2025, 1, 9};
    static const struct moment in_new_york[] = {
        {"2025-01-08T20:59:59Z", true},
        {"2025-01-09T15:00:00Z", false},
        {"2025-01-10T15:00:00Z", true},
    };
    static const struct moment in_utc[] = {
        {"2025-01-08T23:59:59Z", true},
        {"2025-01-09T00:00:00Z", false},
        {"2025-01-09T23:59:59Z", false},
        {"2025-01-10T00:00:00Z", true},
    };
    struct qta_timezone *zone = NULL;
    assert_int_equal(qta_timezone_create(&zone, "America/New_York", NULL), QTA_OK);
    struct qta_market_hours hours = {.new_york = zone, .closed_days = &day, .closed_day_count = 1};
    check_moments(&hours, in_new_york, sizeof in_new_york / sizeof in_new_york[0]);
    hours.new_york = NULL;
    check_moments(&hours, in_utc, sizeof in_utc / sizeof in_utc[0]);
    qta_timezone_destroy(zone);
}

static void the_bell_rings_in_new_york_summer_and_winter(void **state)
{
    (void)state;
    static const struct {
        const char *time;
        bool is_open;
    } cases[] = {
        {"2024-05-01T13:29:59.999999999Z", false},
        {"2024-05-01T13:30:00Z", true},
        {"2024-05-01T19:59:59.999999999Z", true},
        {"2024-05-01T20:00:00Z", false},
        {"2024-01-10T14:29:59Z", false},
        {"2024-01-10T14:30:00Z", true},
        {"2024-01-10T20:59:59Z", true},
        {"2024-01-10T21:00:00Z", false},
        {"2024-11-29T17:59:59Z", true},
        {"2024-11-29T18:00:00Z", false},
        {"2024-05-02T01:00:00Z", false},
        {"2024-07-04T15:00:00Z", false},
    };
    struct qta_timezone *zone = NULL;
    assert_int_equal(qta_timezone_create(&zone, "America/New_York", NULL), QTA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t ts_ns;
        print_message("%s\n", cases[i].time);
        assert_int_equal(qta_timestamp_parse(cases[i].time, strlen(cases[i].time), &ts_ns), QTA_OK);
        assert_int_equal(qta_us_equities_is_open(zone, ts_ns), cases[i].is_open);
    }
    qta_timezone_destroy(zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_from_2020_to_2030_is_as_the_rules_say),
        cmocka_unit_test(extended_hours_end_earlier_on_half_days),
        cmocka_unit_test(the_bell_follows_the_clocks_of_new_york),
        cmocka_unit_test(days_out_of_turn_are_closed_where_they_are_told),
        cmocka_unit_test(the_bell_rings_in_new_york_summer_and_winter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
