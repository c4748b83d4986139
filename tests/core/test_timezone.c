/* Time zones: the system's own answers, odd midnights, and files that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <qta/timestamp.h>

#include "core/timezone.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct qta_timezone *zone_make(const char *name)
{
    struct qta_timezone *zone;
    struct qta_error err;
    if (qta_timezone_create(&zone, name, &err) != QTA_OK)
        fail_msg("%s", err.message);
    return zone;
}

static int64_t time_at(const char *text)
{
    int64_t ts_ns;
    assert_int_equal(qta_timestamp_parse(text, strlen(text), &ts_ns), QTA_OK);
    return ts_ns;
}

static void offsets_agree_with_the_c_library(void **state)
{
    (void)state;
    static const char *const names[] = {
        "UTC",          "America/New_York",  "Europe/Berlin",    "Australia/Lord_Howe",
        "Asia/Kolkata", "Africa/Casablanca", "Pacific/Apia",     "America/Sao_Paulo",
        "Asia/Tehran",  "Europe/Dublin",     "America/St_Johns", "Antarctica/Troll",
        "America/Nuuk", "Asia/Gaza",         "Etc/GMT+12",       "Pacific/Kiritimati",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct qta_timezone *zone = zone_make(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        print_message("zone '%s'\n", names[i]);
        /* an odd step, from 1678 to 2261: the table, the rule, and what was before both */
        for (int64_t at_s = INT64_C(-9200000000); at_s < INT64_C(9200000000); at_s += 1234567) {
            time_t seconds = (time_t)at_s;
            struct tm tm;
            assert_non_null(localtime_r(&seconds, &tm));
            int64_t ts_ns = at_s * 1000000000 + 999999999;
            if (qta_timezone_offset_s(zone, ts_ns) != tm.tm_gmtoff)
                fail_msg("at %lld the offset is %d, not %ld", (long long)at_s,
                         qta_timezone_offset_s(zone, ts_ns), tm.tm_gmtoff);
            struct qta_date date = qta_timezone_date(zone, ts_ns);
            if (date.year != tm.tm_year + 1900 || date.month != tm.tm_mon + 1 ||
                date.day != tm.tm_mday)
                fail_msg("at %lld the date is %d-%u-%u", (long long)at_s, date.year, date.month,
                         date.day);
        }
        qta_timezone_destroy(zone);
    }
    unsetenv("TZ");
    tzset();
}

static void the_day_starts_where_the_clock_says(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *date;
        const char *midnight;
    } cases[] = {
        {"UTC", "2024-05-01", "2024-05-01T00:00:00Z"},
        {"America/New_York", "2024-05-01", "2024-05-01T04:00:00Z"},
        {"America/New_York", "2024-03-10", "2024-03-10T05:00:00Z"},
        {"America/New_York", "2024-03-11", "2024-03-11T04:00:00Z"},
        {"America/New_York", "2024-11-03", "2024-11-03T04:00:00Z"},
        {"America/New_York", "2024-11-04", "2024-11-04T05:00:00Z"},
        {"America/New_York", "2150-07-01", "2150-07-01T04:00:00Z"},
        {"Pacific/Kiritimati", "2024-05-01", "2024-04-30T10:00:00Z"},
        {"Etc/GMT+12", "2024-05-01", "2024-05-01T12:00:00Z"},
        {"America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"}, /* 00:00 was skipped */
        {"America/Sao_Paulo", "2018-11-05", "2018-11-05T02:00:00Z"},
        {"Asia/Beirut", "2024-03-31", "2024-03-30T22:00:00Z"},    /* likewise, by the rule */
        {"America/Havana", "2024-11-03", "2024-11-03T04:00:00Z"}, /* 00:00 comes twice: the first */
        {"Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"},   /* there was no such day */
        {"Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z"},
        {"America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z"}, /* back to 23:01 at 00:01 */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_timezone *zone = zone_make(cases[i].zone);
        struct qta_date date;
        char text[QTA_TIMESTAMP_TEXT_BYTES];
        assert_int_equal(qta_date_parse(cases[i].date, &date), QTA_OK);
        qta_timestamp_print_short(qta_timezone_midnight_ns(zone, date), text);
        print_message("%s in %s\n", cases[i].date, cases[i].zone);
        assert_string_equal(text, cases[i].midnight);
        qta_timezone_destroy(zone);
    }
}

static void days_beyond_the_ends_of_time_start_at_the_ends(void **state)
{
    (void)state;
    struct qta_timezone *zone = zone_make("America/New_York");
    assert_true(qta_timezone_midnight_ns(zone, (struct qta_date){9999, 1, 1}) == INT64_MAX);
    assert_true(qta_timezone_midnight_ns(zone, (struct qta_date){1, 1, 1}) == INT64_MIN + 1);
    assert_true(qta_timezone_midnight_ns(zone, (struct qta_date){INT32_MAX, 1, 1}) == INT64_MAX);
    assert_int_equal(qta_timezone_date(zone, INT64_MIN).year, 1677);
    assert_int_equal(qta_timezone_date(zone, INT64_MAX).year, 2262);
    qta_timezone_destroy(zone);
}

static void names_that_are_no_zones_are_not_found(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",
        "Nowhere/Land",
        "../../../etc/passwd",
        "America/../UTC",
        "/etc/localtime",
        "America",
        "America/",
        "zone.tab",
        "UTC ",
        "America//New_York",
        "%s%n",
        "America\\New_York",
        ".",
        "..",
        "tzdata.zi",
        "0123456789012345678901234567890123456789012345678901234567890123456789",
    };
    for (size_t i = 0; i < COUNT(names); i++) {
        struct qta_timezone *zone = NULL;
        struct qta_error err;
        print_message("case '%s'\n", names[i]);
        assert_int_equal(qta_timezone_create(&zone, names[i], &err), QTA_ERR_NOT_FOUND);
        assert_null(zone);
        assert_memory_equal(err.message, "no time zone '", 14);
    }
}

/* ---- files made by hand ---- */

struct file {
    uint8_t bytes[1024];
    size_t length;
};

static void put(struct file *file, const void *bytes, size_t length)
{
    assert_true(file->length + length <= sizeof file->bytes);
    memcpy(file->bytes + file->length, bytes, length);
    file->length += length;
}

static void put_number(struct file *file, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        uint8_t byte = (uint8_t)(value >> (8 * bytes));
        put(file, &byte, 1);
    }
}

/* isutc, isstd, leap, time, type, char */
static void put_header(struct file *file, char version, const uint32_t counts[6])
{
    put(file, "TZif", 4);
    put(file, &version, 1);
    put(file, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 15);
    for (int i = 0; i < 6; i++)
        put_number(file, counts[i], 4);
}

static void put_type(struct file *file, int32_t offset_s)
{
    put_number(file, (uint32_t)offset_s, 4);
    put_number(file, 0, 2);
}

/* A version 2 file of one type, no changes and this rule. */
static void file_with_rule(struct file *file, const char *rule)
{
    static const uint32_t counts[6] = {0, 0, 0, 0, 1, 4};
    file->length = 0;
    for (int part = 0; part < 2; part++) {
        put_header(file, '2', counts);
        put_type(file, 0);
        put(file, "UTC", 4);
    }
    put(file, "\n", 1);
    put(file, rule, strlen(rule));
    put(file, "\n", 1);
}

static enum qta_status zone_from(const struct file *file, struct qta_timezone **zone)
{
    uint8_t *copy = malloc(file->length + 1); /* for sanitizers: nothing to read behind it */
    assert_non_null(copy);
    memmove(copy + 1, file->bytes, file->length);
    struct qta_error err;
    enum qta_status status = qta_timezone_create_from_bytes(zone, copy + 1, file->length, &err);
    free(copy);
    return status;
}

static void rules_are_posix_ones(void **state)
{
    (void)state;
    enum { MIDYEAR = 0, NEW_YEAR = 1 };
    static const char *const instants[] = {"2024-07-01T00:00:00Z", "2024-01-01T00:30:00Z"};
    static const struct {
        const char *rule;
        int32_t offsets_s[2];
    } cases[] = {
        {"", {0, 0}},
        {"EST5", {-18000, -18000}},
        {"<+0330>-3:30", {12600, 12600}},
        {"XXX-1:02:03", {3723, 3723}},
        {"EST5EDT,M3.2.0,M11.1.0", {-14400, -18000}},
        {"EST+5EDT+4,M3.2.0/2:00:00,M11.1.0/+2", {-14400, -18000}},
        {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", {-7200, -10800}},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", {3600, 0}},
        {"AEST-10AEDT,M10.1.0,M4.1.0/3", {36000, 39600}},
        {"EST5EDT,0/0,J365/25", {-14400, -14400}}, /* daylight time all year */
        {"XXX3YYY,J60/0,J300/0", {-7200, -10800}},
        {"XXX3YYY,59/0,299/0", {-7200, -10800}},
        {"XXX0YYY,M1.1.1/0,M12.5.0/24", {3600, 3600}},
        {"XXX0YYY,M2.1.0/-167,M11.1.0/167", {3600, 0}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file file;
        struct qta_timezone *zone = NULL;
        print_message("rule '%s'\n", cases[i].rule);
        file_with_rule(&file, cases[i].rule);
        assert_int_equal(zone_from(&file, &zone), QTA_OK);
        for (int at = MIDYEAR; at <= NEW_YEAR; at++)
            assert_int_equal(qta_timezone_offset_s(zone, time_at(instants[at])),
                             cases[i].offsets_s[at]);
        qta_timezone_destroy(zone);
    }
}

static void rules_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "E5",
        "EST",
        "5",
        "EST5EDT",
        "EST27",
        "EST26:00:01",
        "EST5:60",
        "EST5x",
        "<EST5",
        "EST5EDT,M3.2.0",
        "EST5EDT,M3.2.0,",
        "EST5EDT,M13.2.0,M11.1.0",
        "EST5EDT,M0.2.0,M11.1.0",
        "EST5EDT,M3.6.0,M11.1.0",
        "EST5EDT,M3.0.0,M11.1.0",
        "EST5EDT,M3.2.7,M11.1.0",
        "EST5EDT,J0,J365",
        "EST5EDT,J1,J366",
        "EST5EDT,0,366",
        "EST5EDT,0/168,365",
        "EST5EDT,0/-168,365",
        "EST5EDT,M3.2.0,M11.1.0x",
        "EST5EDT,M3.2.0,M11.1.0/",
        "EST99999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(rules); i++) {
        struct file file;
        struct qta_timezone *zone = NULL;
        print_message("rule '%s'\n", rules[i]);
        file_with_rule(&file, rules[i]);
        assert_int_equal(zone_from(&file, &zone), QTA_ERR_FORMAT);
    }
}

static void version_one_files_have_times_of_four_bytes(void **state)
{
    (void)state;
    static const uint32_t counts[6] = {0, 0, 0, 2, 2, 4};
    struct file file = {.length = 0};
    put_header(&file, '\0', counts);
    put_number(&file, (uint32_t)-100, 4);
    put_number(&file, 100, 4);
    put_number(&file, 1, 1);
    put_number(&file, 0, 1);
    put_type(&file, 3600);
    put_type(&file, -7200);
    put(&file, "XXX", 4);
    struct qta_timezone *zone;
    assert_int_equal(zone_from(&file, &zone), QTA_OK);
    assert_int_equal(qta_timezone_offset_s(zone, INT64_C(-100000000001)), 3600);
    assert_int_equal(qta_timezone_offset_s(zone, INT64_C(-100000000000)), -7200);
    assert_int_equal(qta_timezone_offset_s(zone, INT64_C(99999999999)), -7200);
    assert_int_equal(qta_timezone_offset_s(zone, INT64_C(100000000000)), 3600);
    assert_int_equal(qta_timezone_offset_s(zone, INT64_MAX), 3600);
    qta_timezone_destroy(zone);
}

static void tables_that_cannot_be_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t counts[6];
        uint32_t times[2];
        uint8_t type_index;
        int32_t offset_s;
    } cases[] = {
        {"no types", {0, 0, 0, 2, 0, 4}, {1, 2}, 0, 0},
        {"times out of order", {0, 0, 0, 2, 1, 4}, {2, 1}, 0, 0},
        {"equal times", {0, 0, 0, 2, 1, 4}, {1, 1}, 0, 0},
        {"an unknown type", {0, 0, 0, 2, 1, 4}, {1, 2}, 1, 0},
        {"an offset of a month", {0, 0, 0, 2, 1, 4}, {1, 2}, 0, 30 * 86400},
        {"the smallest offset", {0, 0, 0, 2, 1, 4}, {1, 2}, 0, INT32_MIN},
        {"leap seconds", {0, 0, 1, 2, 1, 4}, {1, 2}, 0, 0},
        {"counts behind the end", {0, 0, 0, 3, 1, 4}, {1, 2}, 0, 0},
        {"the largest counts",
         {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
         {1, 2},
         0,
         0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct file file = {.length = 0};
        put_header(&file, '\0', cases[i].counts);
        put_number(&file, cases[i].times[0], 4);
        put_number(&file, cases[i].times[1], 4);
        put_number(&file, 0, 1);
        put_number(&file, cases[i].type_index, 1);
        put_type(&file, cases[i].offset_s);
        put(&file, "XXX", 4);
        if (cases[i].counts[2] == 1)
            put(&file, "\0\0\0\0\0\0\0\1", 8);
        struct qta_timezone *zone = NULL;
        print_message("%s\n", cases[i].what);
        assert_int_equal(zone_from(&file, &zone), QTA_ERR_FORMAT);
        assert_null(zone);
    }
}

static void damaged_files_are_refused_or_read_but_never_worse(void **state)
{
    (void)state;
    struct file file = {.length = 0};
    FILE *stream = fopen("/usr/share/zoneinfo/Africa/Abidjan", "rb");
    assert_non_null(stream);
    file.length = fread(file.bytes, 1, sizeof file.bytes, stream);
    fclose(stream);
    struct qta_timezone *zone;
    assert_int_equal(zone_from(&file, &zone), QTA_OK);
    qta_timezone_destroy(zone);
    struct file damaged = file;
    for (damaged.length = 0; damaged.length < file.length; damaged.length++)
        assert_int_equal(zone_from(&damaged, &zone), QTA_ERR_FORMAT);
    for (size_t at = 0; at < file.length * 8; at++) {
        damaged = file;
        damaged.bytes[at / 8] ^= (uint8_t)(1 << at % 8);
        if (zone_from(&damaged, &zone) != QTA_OK)
            continue;
        for (int64_t ts_ns = INT64_MIN; ts_ns < INT64_C(9000000000000000000);
             ts_ns += INT64_C(200000000000000000)) {
            struct qta_date date = qta_timezone_date(zone, ts_ns);
            qta_timezone_midnight_ns(zone, qta_date_next(date));
        }
        qta_timezone_destroy(zone);
    }
}

static void dates_are_read_whole_and_only_if_they_exist(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *next;
    } cases[] = {
        {"2024-05-01", "2024-05-02"}, {"2024-02-28", "2024-02-29"}, {"2023-02-28", "2023-03-01"},
        {"2024-12-31", "2025-01-01"}, {"0000-02-29", "0000-03-01"}, {"9999-12-31", "10000-01-01"},
        {"1969-12-31", "1970-01-01"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_date date;
        char text[16];
        assert_int_equal(qta_date_parse(cases[i].text, &date), QTA_OK);
        qta_date_print(date, text);
        assert_string_equal(text, cases[i].text);
        qta_date_print(qta_date_next(date), text);
        assert_string_equal(text, cases[i].next);
    }
    static const char *const refused[] = {
        "",           "2024",        "2024-05",     "2024-5-1",
        "2024-05-1",  "2024-05-011", "2024-05-01 ", " 2024-05-01",
        "2024/05/01", "2024-00-01",  "2024-13-01",  "2024-05-00",
        "2024-04-31", "2023-02-29",  "1900-02-29",  "-024-05-01",
        "20240501",   "yyyy-mm-dd",
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct qta_date date = {1, 2, 3};
        print_message("case '%s'\n", refused[i]);
        assert_int_equal(qta_date_parse(refused[i], &date), QTA_ERR_FORMAT);
        assert_int_equal(date.year, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_agree_with_the_c_library),
        cmocka_unit_test(the_day_starts_where_the_clock_says),
        cmocka_unit_test(days_beyond_the_ends_of_time_start_at_the_ends),
        cmocka_unit_test(names_that_are_no_zones_are_not_found),
        cmocka_unit_test(rules_are_posix_ones),
        cmocka_unit_test(rules_that_are_none_are_refused),
        cmocka_unit_test(version_one_files_have_times_of_four_bytes),
        cmocka_unit_test(tables_that_cannot_be_are_refused),
        cmocka_unit_test(damaged_files_are_refused_or_read_but_never_worse),
        cmocka_unit_test(dates_are_read_whole_and_only_if_they_exist),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
