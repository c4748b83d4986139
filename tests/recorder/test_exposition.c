/* The text that Prometheus reads, to the byte, and the histograms behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "recorder/exposition.h"

static void expect_page(struct qta_exposition *page, const char *expected)
{
    qta_exposition_end(page);
    qta_byte_buffer_append_byte(&page->text, '\0');
    assert_false(page->text.is_failed);
    assert_string_equal((const char *)page->text.bytes, expected);
    qta_byte_buffer_finish(&page->text);
}

static void counter_is_named_total(void **state)
{
    (void)state;
    struct qta_exposition page = {0};
    qta_exposition_family(&page, "qta_frames", QTA_METRIC_COUNTER, "messages received");
    qta_exposition_sample(&page, 0, NULL);
    qta_exposition_sample(&page, UINT64_MAX, "provider", "alpaca", "type", "trade", NULL);
    expect_page(&page, "# HELP qta_frames_total messages received\n"
                       "# TYPE qta_frames_total counter\n"
                       "qta_frames_total 0\n"
                       "qta_frames_total{provider=\"alpaca\",type=\"trade\"} "
                       "18446744073709551615\n");
}

static void openmetrics_names_the_family_without_and_ends(void **state)
{
    (void)state;
    struct qta_exposition page = {.is_openmetrics = true};
    qta_exposition_family(&page, "qta_frames", QTA_METRIC_COUNTER, "messages received");
    qta_exposition_sample(&page, 7, NULL);
    expect_page(&page, "# HELP qta_frames messages received\n"
                       "# TYPE qta_frames counter\n"
                       "qta_frames_total 7\n"
                       "# EOF\n");
}

static void label_values_may_be_anything(void **state)
{
    (void)state;
    struct qta_exposition page = {0};
    qta_exposition_family(&page, "x", QTA_METRIC_GAUGE, "y");
    qta_exposition_sample(&page, 1, "a", "b\\c\"d\ne\tf", "g", "\xc3\xa4\xff", "h", "\xc3\xa4",
                          NULL);
    expect_page(&page, "# HELP x y\n# TYPE x gauge\n"
                       "x{a=\"b\\\\c\\\"d\\ne\tf\",g=\"???\",h=\"\xc3\xa4\"} 1\n");
}

static void durations_are_exact_seconds(void **state)
{
    (void)state;
    struct qta_exposition page = {0};
    qta_exposition_family(&page, "x_seconds", QTA_METRIC_GAUGE, "y");
    static const int64_t values_ns[] = {0, 1, -1500000000, INT64_C(1714570200123456789), INT64_MIN};
    for (size_t i = 0; i < sizeof values_ns / sizeof values_ns[0]; i++)
        qta_exposition_sample_ns(&page, values_ns[i], NULL);
    expect_page(&page, "# HELP x_seconds y\n# TYPE x_seconds gauge\n"
                       "x_seconds 0.0\nx_seconds 0.000000001\nx_seconds -1.5\n"
                       "x_seconds 1714570200.123456789\nx_seconds -9223372036.854775808\n");
}

static void numbers_that_are_none_have_their_names(void **state)
{
    (void)state;
    struct qta_exposition page = {0};
    qta_exposition_family(&page, "x", QTA_METRIC_GAUGE, "y");
    qta_exposition_sample_real(&page, 2.5, NULL);
    qta_exposition_sample_real(&page, __builtin_inf(), NULL);
    qta_exposition_sample_real(&page, -__builtin_inf(), NULL);
    qta_exposition_sample_real(&page, __builtin_nan(""), NULL);
    expect_page(&page, "# HELP x y\n# TYPE x gauge\nx 2.5\nx +Inf\nx -Inf\nx NaN\n");
}

static void histogram_is_cumulative_with_its_sum(void **state)
{
    (void)state;
    static const int64_t bounds_ns[] = {0, 1000, 2500000, 1000000000};
    static const int64_t values_ns[] = {-5, 0, 1, 1000, 1001, 1000000001, INT64_MAX / 4};
    struct qta_histogram histogram;
    qta_histogram_init(&histogram, bounds_ns, 4);
    for (size_t i = 0; i < sizeof values_ns / sizeof values_ns[0]; i++)
        qta_histogram_add(&histogram, values_ns[i]);
    assert_int_equal(qta_histogram_count(&histogram), 7);
    struct qta_exposition page = {0};
    qta_exposition_family(&page, "x_seconds", QTA_METRIC_HISTOGRAM, "y");
    qta_exposition_histogram(&page, &histogram, "provider", "a", NULL);
    expect_page(&page, "# HELP x_seconds y\n# TYPE x_seconds histogram\n"
                       "x_seconds_bucket{provider=\"a\",le=\"0.0\"} 2\n"
                       "x_seconds_bucket{provider=\"a\",le=\"0.000001\"} 4\n"
                       "x_seconds_bucket{provider=\"a\",le=\"0.0025\"} 5\n"
                       "x_seconds_bucket{provider=\"a\",le=\"1.0\"} 5\n"
                       "x_seconds_bucket{provider=\"a\",le=\"+Inf\"} 7\n"
                       "x_seconds_sum{provider=\"a\"} 2305843010.213695954\n"
                       "x_seconds_count{provider=\"a\"} 7\n");
}

/* The table's short cut finds the same class as a look at every bound. */
static void every_duration_falls_into_the_first_class_that_holds_it(void **state)
{
    (void)state;
    static const int64_t bounds_ns[] = {1, 2, 3, 1000, 1024, 1025, 99999, INT64_C(60000000000)};
    enum { COUNT = sizeof bounds_ns / sizeof bounds_ns[0] };
    struct qta_histogram histogram;
    qta_histogram_init(&histogram, bounds_ns, COUNT);
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
        int64_t value = (int64_t)(random >> (random >> 58)) - 3;
        if (i < 2 * COUNT)
            value = bounds_ns[i / 2] + i % 2;
        size_t expected = 0;
        while (expected < COUNT && value > bounds_ns[expected])
            expected++;
        assert_int_equal(qta_histogram_class(&histogram, value), expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_is_named_total),
        cmocka_unit_test(openmetrics_names_the_family_without_and_ends),
        cmocka_unit_test(label_values_may_be_anything),
        cmocka_unit_test(durations_are_exact_seconds),
        cmocka_unit_test(numbers_that_are_none_have_their_names),
        cmocka_unit_test(histogram_is_cumulative_with_its_sum),
        cmocka_unit_test(every_duration_falls_into_the_first_class_that_holds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
