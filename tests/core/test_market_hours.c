/* Known days of the exchanges' published calendars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <qta/timestamp.h>

#include "core/market_hours.h"

static int close_minute(const char *day)
{
    struct qta_date date;
    assert_int_equal(qta_date_parse(day, &date), QTA_OK);
    return qta_us_equities_close_minute(date);
}

static void published_holidays_have_no_session(void **state)
{
    (void)state;
    static const char *const days[] = {
        "2023-01-02", "2023-01-16", "2023-02-20", "2023-04-07", "2023-05-29", "2023-06-19",
        "2023-07-04", "2023-09-04", "2023-11-23", "2023-12-25", "2024-01-01", "2024-01-15",
        "2024-02-19", "2024-03-29", "2024-05-27", "2024-06-19", "2024-07-04", "2024-09-02",
        "2024-11-28", "2024-12-25", "2025-01-01", "2025-01-20", "2025-02-17", "2025-04-18",
        "2025-05-26", "2025-06-19", "2025-07-04", "2025-09-01", "2025-11-27", "2025-12-25",
        "2026-01-01", "2026-04-03", "2026-06-19", "2026-07-03", "2026-11-26", "2026-12-25",
        "2027-06-18", "2027-07-05", "2027-12-24", "2021-12-24", "2022-06-20", "2022-12-26",
    };
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        print_message("%s\n", days[i]);
        assert_int_equal(close_minute(days[i]), 0);
    }
}

static void published_half_days_end_at_one(void **state)
{
    (void)state;
    static const char *const days[] = {
        "2023-07-03", "2023-11-24", "2024-07-03", "2024-11-29", "2024-12-24",
        "2025-07-03", "2025-11-28", "2025-12-24", "2026-11-27", "2026-12-24",
    };
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        print_message("%s\n", days[i]);
        assert_int_equal(close_minute(days[i]), 13 * 60);
    }
}

static void other_days_are_whole_or_of_a_weekend(void **state)
{
    (void)state;
    /* a holiday on a Saturday that is not kept, and eves that are ordinary days */
    static const char *const whole[] = {"2021-12-31", "2026-07-02", "2022-07-01", "2021-06-18",
                                        "2024-05-01", "2022-12-23", "2026-12-31"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        print_message("%s\n", whole[i]);
        assert_int_equal(close_minute(whole[i]), 16 * 60);
    }
    assert_int_equal(close_minute("2024-05-04"), 0);
    assert_int_equal(close_minute("2024-05-05"), 0);
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
        cmocka_unit_test(published_holidays_have_no_session),
        cmocka_unit_test(published_half_days_end_at_one),
        cmocka_unit_test(other_days_are_whole_or_of_a_weekend),
        cmocka_unit_test(the_bell_rings_in_new_york_summer_and_winter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
