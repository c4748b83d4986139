/* Times, durations and speeds as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <qta/tick.h>
#include <qta/timestamp.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum { KEPT = 12345 };

static void times_are_read_to_the_nanosecond(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ts_ns;
    } cases[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01T00:00:00.000000001Z", 1},
        {"1969-12-31T23:59:59.999999999Z", -1},
        {"2024-05-01T13:30:00.123456789Z", INT64_C(1714570200123456789)},
        {"2024-05-01T13:30:00.1234567899Z", INT64_C(1714570200123456789)},
        {"2024-05-01T13:30:00.5Z", INT64_C(1714570200500000000)},
        {"2024-05-01t13:30:00.50z", INT64_C(1714570200500000000)},
        {"2024-05-01 13:30:00+00:00", INT64_C(1714570200000000000)},
        {"2024-05-01T13:30:00-00:00", INT64_C(1714570200000000000)},
        {"2024-05-01T15:30:00+02:00", INT64_C(1714570200000000000)},
        {"2024-04-30T23:45:00.25-13:45", INT64_C(1714570200250000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000000)},
        {"2000-02-29T00:00:00Z", INT64_C(951782400000000000)},
        {"2100-03-01T00:00:00Z", INT64_C(4107542400000000000)},
        {"1677-09-21T00:12:43.145224193Z", INT64_MIN + 1},
        {"2262-04-11T23:47:16.854775807Z", INT64_MAX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ts_ns = KEPT;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(qta_timestamp_parse(cases[i].text, strlen(cases[i].text), &ts_ns), QTA_OK);
        assert_int_equal(ts_ns, cases[i].ts_ns);
    }
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_status status;
    } cases[] = {
        {"", QTA_ERR_FORMAT},
        {"2024-05-01", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00", QTA_ERR_FORMAT},
        {"2024-05-01T13:30Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00.Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00,5Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00.5", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00Z ", QTA_ERR_FORMAT},
        {" 2024-05-01T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00ZZ", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00+02", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00+0200", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00+24:00", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00+02:60", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:00+02:00Z", QTA_ERR_FORMAT},
        {"2024-00-01T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-13-01T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-05-00T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-04-31T13:30:00Z", QTA_ERR_FORMAT},
        {"2023-02-29T13:30:00Z", QTA_ERR_FORMAT},
        {"2100-02-29T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-05-01T24:00:00Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:60:00Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:30:61Z", QTA_ERR_FORMAT},
        {"2O24-05-01T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-05-01T13:3x:00Z", QTA_ERR_FORMAT},
        {"2024/05/01T13:30:00Z", QTA_ERR_FORMAT},
        {"2024-05-01_13:30:00Z", QTA_ERR_FORMAT},
        {"+024-05-01T13:30:00Z", QTA_ERR_FORMAT},
        {"1677-09-21T00:12:43.145224192Z", QTA_ERR_RANGE}, /* would be QTA_TIME_UNKNOWN */
        {"0000-01-01T00:00:00Z", QTA_ERR_RANGE},
        {"2262-04-11T23:47:16.854775808Z", QTA_ERR_RANGE},
        {"9999-12-31T23:59:59Z", QTA_ERR_RANGE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ts_ns = KEPT;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(qta_timestamp_parse(cases[i].text, strlen(cases[i].text), &ts_ns),
                         cases[i].status);
        assert_int_equal(ts_ns, KEPT);
    }
}

static void every_shortened_time_is_refused_within_its_bytes(void **state)
{
    (void)state;
    static const char whole[] = "2024-05-01T13:30:00.123456789+02:00";
    for (size_t length = 0; length < sizeof whole - 1; length++) {
        char *text = malloc(length + 1); /* exactly as long: a sanitizer sees a read too far */
        assert_non_null(text);
        memcpy(text, whole, length);
        int64_t ts_ns = KEPT;
        assert_int_equal(qta_timestamp_parse(text, length, &ts_ns), QTA_ERR_FORMAT);
        free(text);
    }
}

static void times_print_as_they_are_read(void **state)
{
    (void)state;
    static const struct {
        int64_t ts_ns;
        const char *text;
        const char *short_text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000000000Z", "1970-01-01T00:00:00Z"},
        {-1, "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"},
        {INT64_C(1714570200500000000), "2024-05-01T13:30:00.500000000Z", "2024-05-01T13:30:00.5Z"},
        {INT64_C(1714570200000001000), "2024-05-01T13:30:00.000001000Z",
         "2024-05-01T13:30:00.000001Z"},
        {INT64_MIN + 1, "1677-09-21T00:12:43.145224193Z", "1677-09-21T00:12:43.145224193Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z", "2262-04-11T23:47:16.854775807Z"},
        {QTA_TIME_UNKNOWN, "", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        assert_int_equal(qta_timestamp_print(cases[i].ts_ns, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
        assert_int_equal(qta_timestamp_print_short(cases[i].ts_ns, text),
                         strlen(cases[i].short_text));
        assert_string_equal(text, cases[i].short_text);
    }
}

static void the_calendar_agrees_with_the_system(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t ts_ns = (int64_t)random;
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        size_t length = qta_timestamp_print(ts_ns, text);
        int64_t read_ns;
        assert_int_equal(qta_timestamp_parse(text, length, &read_ns), QTA_OK);
        assert_int_equal(read_ns, ts_ns);
        time_t seconds = (time_t)(ts_ns / 1000000000 - (ts_ns % 1000000000 < 0));
        struct tm tm;
        char expected[40];
        gmtime_r(&seconds, &tm);
        strftime(expected, sizeof expected, "%Y-%m-%dT%H:%M:%S", &tm);
        assert_memory_equal(text, expected, 19);
    }
}

static void durations_are_sums_of_numbers_with_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t duration_ns;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"200ms", INT64_C(200000000)},
        {"1.5s", INT64_C(1500000000)},
        {"1h30m", INT64_C(5400000000000)},
        {"2d", INT64_C(172800000000000)},
        {"1d1h1m1s1ms1us1ns", INT64_C(90061001001001)},
        {"0.000000001s", 1},
        {"1.9ns", 1}, /* finer than a ns is cut off */
        {"0.1us", 100},
        {"9223372036854775807ns", INT64_MAX},
        {"106751.9d", INT64_C(9223364160000000000)},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t duration_ns = KEPT;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(qta_duration_parse(cases[i].text, strlen(cases[i].text), &duration_ns),
                         QTA_OK);
        assert_int_equal(duration_ns, cases[i].duration_ns);
    }
    static const struct {
        const char *text;
        enum qta_status status;
    } refused[] = {
        {"", QTA_ERR_FORMAT},
        {"5", QTA_ERR_FORMAT},
        {"s", QTA_ERR_FORMAT},
        {"-1s", QTA_ERR_FORMAT},
        {"+1s", QTA_ERR_FORMAT},
        {"1 s", QTA_ERR_FORMAT},
        {"1s ", QTA_ERR_FORMAT},
        {"1S", QTA_ERR_FORMAT},
        {"1sec", QTA_ERR_FORMAT},
        {".5s", QTA_ERR_FORMAT},
        {"1.s", QTA_ERR_FORMAT},
        {"1..5s", QTA_ERR_FORMAT},
        {"1e3s", QTA_ERR_FORMAT},
        {"1s5", QTA_ERR_FORMAT},
        {"1h0", QTA_ERR_FORMAT},
        {"0x1s", QTA_ERR_FORMAT},
        {"1w", QTA_ERR_FORMAT},
        {"106752d", QTA_ERR_RANGE},
        {"9223372036854775808ns", QTA_ERR_RANGE},
        {"106751d106751d", QTA_ERR_RANGE},
        {"99999999999999999999999999999d", QTA_ERR_RANGE},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        int64_t duration_ns = KEPT;
        print_message("case '%s'\n", refused[i].text);
        assert_int_equal(qta_duration_parse(refused[i].text, strlen(refused[i].text), &duration_ns),
                         refused[i].status);
        assert_int_equal(duration_ns, KEPT);
    }
}

static void durations_print_for_people(void **state)
{
    (void)state;
    static const struct {
        int64_t duration_ns;
        const char *text;
    } cases[] = {
        {0, "0 ns"},
        {999, "999 ns"},
        {1000, "1 us"},
        {1234, "1.23 us"},
        {1235, "1.24 us"},
        {12340, "12.3 us"},
        {123400, "123 us"},
        {999499, "999 us"},
        {999500, "1 ms"},
        {INT64_C(230000000), "230 ms"},
        {INT64_C(1500000000), "1.5 s"},
        {INT64_C(59940000000), "59.9 s"},
        {INT64_C(59950000000), "1 m"},
        {INT64_C(90000000000), "1 m 30 s"},
        {INT64_C(3599500000000), "1 h"},
        {INT64_C(7500000000000), "2 h 5 m"},
        {INT64_C(86399000000000), "1 d"},
        {INT64_C(93600000000000), "1 d 2 h"},
        {-INT64_C(1500000000), "-1.5 s"},
        {INT64_MAX, "106752 d"},
        {INT64_MIN, "-106752 d"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        assert_int_equal(qta_duration_print(cases[i].duration_ns, text), strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
}

static void speeds_are_thousandths_of_real_time(void **state)
{
    (void)state;
    enum { UNSET = 77 };
    static const struct {
        const char *text;
        uint32_t speed_milli;
        enum qta_status status;
    } cases[] = {
        {"max", 0, QTA_OK},
        {"1", 1000, QTA_OK},
        {"10x", 10000, QTA_OK},
        {"0.5x", 500, QTA_OK},
        {"0.01x", 10, QTA_OK},
        {"1000", 1000000, QTA_OK},
        {"2.5000000x", 2500, QTA_OK},
        {"0.009x", UNSET, QTA_ERR_RANGE},
        {"1000.001x", UNSET, QTA_ERR_RANGE},
        {"0", UNSET, QTA_ERR_RANGE},
        {"-1x", UNSET, QTA_ERR_RANGE},
        {"1e99x", UNSET, QTA_ERR_RANGE},
        {"1.0001x", UNSET, QTA_ERR_FORMAT},
        {"", UNSET, QTA_ERR_FORMAT},
        {"x", UNSET, QTA_ERR_FORMAT},
        {"10xx", UNSET, QTA_ERR_FORMAT},
        {"maximum", UNSET, QTA_ERR_FORMAT},
        {"fast", UNSET, QTA_ERR_FORMAT},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint32_t speed_milli = UNSET;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(qta_speed_parse(cases[i].text, strlen(cases[i].text), &speed_milli),
                         cases[i].status);
        assert_int_equal(speed_milli, cases[i].speed_milli);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_read_to_the_nanosecond),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(every_shortened_time_is_refused_within_its_bytes),
        cmocka_unit_test(times_print_as_they_are_read),
        cmocka_unit_test(the_calendar_agrees_with_the_system),
        cmocka_unit_test(durations_are_sums_of_numbers_with_units),
        cmocka_unit_test(durations_print_for_people),
        cmocka_unit_test(speeds_are_thousandths_of_real_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
