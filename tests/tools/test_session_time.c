/* Times as people write them, in a session's own time zone. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "tools/session_time.h"

enum { OTHERWISE = 4711 };

static struct qta_session_start session_in(const char *timezone, const char *first)
{
    struct qta_session_start start;
    snprintf(start.timezone, sizeof start.timezone, "%s", timezone);
    assert_int_equal(qta_timestamp_parse(first, strlen(first), &start.first_ts_recv_ns), QTA_OK);
    return start;
}

static void times_are_read_in_the_zone_of_the_session(void **state)
{
    (void)state;
    static const struct {
        const char *timezone;
        const char *first; /* tick of the session */
        const char *text;
        const char *expected;
    } cases[] = {
        {"UTC", "2024-05-01T00:00:01Z", "2024-05-01T13:30:00.5Z", "2024-05-01T13:30:00.5Z"},
        {"America/New_York", "2024-05-01T13:30:00Z", "2024-05-01T13:30:00Z",
         "2024-05-01T13:30:00Z"},
        {"America/New_York", "2024-05-01T13:30:00Z", "1714570200000000001",
         "2024-05-01T13:30:00.000000001Z"},
        {"UTC", "2024-05-01T08:00:00Z", "-1", "1969-12-31T23:59:59.999999999Z"},
        /* a date is midnight there */
        {"America/New_York", "2024-05-01T13:30:00Z", "2024-05-01", "2024-05-01T04:00:00Z"},
        {"America/New_York", "2024-01-02T14:30:00Z", "2024-01-02", "2024-01-02T05:00:00Z"},
        {"Asia/Tokyo", "2024-05-01T00:00:00Z", "2024-05-02", "2024-05-01T15:00:00Z"},
        /* a time of day is on the day of the first tick there */
        {"America/New_York", "2024-05-01T13:30:00Z", "09:30", "2024-05-01T13:30:00Z"},
        {"America/New_York", "2024-05-02T02:00:00Z", "09:30", "2024-05-01T13:30:00Z"},
        {"America/New_York", "2024-01-02T14:30:00Z", "16:00:00.25", "2024-01-02T21:00:00.25Z"},
        {"Asia/Tokyo", "2024-05-01T23:00:00Z", "09:00:30", "2024-05-02T00:00:30Z"},
        {"UTC", "1969-12-31T22:00:00.5Z", "23:00", "1969-12-31T23:00:00Z"},
        /* on the day on which the clock is put forward */
        {"America/New_York", "2024-03-10T06:00:00Z", "09:30", "2024-03-10T13:30:00Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s' in %s\n", cases[i].text, cases[i].timezone);
        struct qta_session_start start = session_in(cases[i].timezone, cases[i].first);
        struct qta_session_time time = {0};
        assert_true(qta_session_time_read(cases[i].text, &time));
        int64_t expected_ns;
        assert_int_equal(
            qta_timestamp_parse(cases[i].expected, strlen(cases[i].expected), &expected_ns),
            QTA_OK);
        assert_int_equal(qta_session_time_resolve(&time, &start, OTHERWISE), expected_ns);
    }
}

static void other_texts_are_refused_and_leave_the_field_alone(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "-",
        "now",
        "9:30",
        "24:30:00",
        "09:60",
        "09:30Z",
        "09:30:",
        "2024-13-01",
        "2024-02-30",
        "2024-05-01T",
        "2024-05",
        "1e9",
        "99999999999999999999",
        "-9223372036854775808",
        "2024-05-01T13:30:00",
        "0x10",
        " 09:30",
        "2024-05-01 2024-05-01 2024-05-01 2024-05-01 2024-05-01 2024-05-01 2024-05-01 2024-05-01",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        print_message("case '%s'\n", texts[i]);
        struct qta_session_time time = {QTA_SESSION_TIME_DATE, 5};
        assert_false(qta_session_time_read(texts[i], &time));
        assert_int_equal(time.kind, QTA_SESSION_TIME_DATE);
        assert_int_equal(time.value_ns, 5);
    }
}

static void what_was_not_given_is_the_otherwise(void **state)
{
    (void)state;
    struct qta_session_start start = session_in("UTC", "2024-05-01T00:00:00Z");
    struct qta_session_time time = {0};
    assert_int_equal(qta_session_time_resolve(&time, &start, OTHERWISE), OTHERWISE);
}

static void an_empty_session_has_no_day_for_a_time(void **state)
{
    (void)state;
    struct qta_session_start start = {.first_ts_recv_ns = QTA_TIME_UNKNOWN, .timezone = "UTC"};
    struct qta_session_time time = {0};
    assert_true(qta_session_time_read("09:30", &time));
    assert_int_equal(qta_session_time_resolve(&time, &start, OTHERWISE), OTHERWISE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_in_the_zone_of_the_session),
        cmocka_unit_test(other_texts_are_refused_and_leave_the_field_alone),
        cmocka_unit_test(what_was_not_given_is_the_otherwise),
        cmocka_unit_test(an_empty_session_has_no_day_for_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
