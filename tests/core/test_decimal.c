/* Decimals: what is read is what is printed, and nothing in between is a binary float. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/decimal.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void assert_decimal(struct qta_decimal value, int64_t mantissa, int exponent)
{
    assert_int_equal(value.mantissa, mantissa);
    assert_int_equal(value.exponent, exponent);
}

static void numbers_are_read_with_the_digits_they_have(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t mantissa;
        int exponent;
        bool is_rounded;
    } cases[] = {
        {"0", 0, 0, false},
        {"-0", 0, 0, false},
        {"0.00", 0, -2, false},
        {"190.50", 19050, -2, false},
        {"-190.50", -19050, -2, false},
        {"+1.5", 15, -1, false},
        {"007.10", 710, -2, false},
        {"42000.10", 4200010, -2, false},
        {"9.121E-7", 9121, -10, false},
        {"9.121e-07", 9121, -10, false},
        {"1E5", 1, 5, false},
        {"1e+5", 1, 5, false},
        {"1.50e1", 150, -1, false},
        {"1e00000000000000000000000002", 1, 2, false},
        {"999999999999999999", INT64_C(999999999999999999), 0, false},
        {"9223372036854775807", INT64_MAX, 0, false},
        {"-9223372036854775808", INT64_MIN, 0, false},
        {"922337203685477580.7", INT64_MAX, -1, false},
        {"-9.223372036854775808", INT64_MIN, -18, false},
        {"00000000000000000000000000000012.5", 125, -1, false},
        {"0.00000000000000000000000000000012", 12, -32, false},
        /* what does not fit is rounded to nearest, ties to even */
        {"9223372036854775808", INT64_C(922337203685477581), 1, true},
        {"9223372036854775807.4", INT64_MAX, 0, true},
        {"9223372036854775807.6", INT64_C(922337203685477581), 1, true},
        {"-9223372036854775808.6", INT64_C(-922337203685477581), 1, true},
        {"1234567890123456789.5", INT64_C(1234567890123456790), 0, true},
        {"1234567890123456788.5", INT64_C(1234567890123456788), 0, true},
        {"1234567890123456788.50000000000000000001", INT64_C(1234567890123456789), 0, true},
        {"0.123456789012345678901234", INT64_C(1234567890123456789), -19, true},
        {"123456789012345678901234", INT64_C(1234567890123456789), 5, true},
        {"1000000000000000000000000", INT64_C(1000000000000000000), 6, false},
        {"1.000000000000000000000000", INT64_C(1000000000000000000), -18, false},
        /* the ends of the exponents */
        {"1e100", 1, 100, false},
        {"1.5e101", 15, 100, false},
        {"1e-100", 1, -100, false},
        {"15e-101", 2, -100, true},
        {"25e-101", 2, -100, true},
        {"251e-102", 3, -100, true},
        {"99e-102", 1, -100, true},
        {"49e-102", 0, -100, true},
        {"5e-101", 0, -100, true},
        {"9e-102", 0, -100, true},
        {"1e-101", 0, -100, true},
        {"-1e-999999999999999999999", 0, -100, true},
        {"0e-999999999999999999999", 0, -100, false},
        {"0e999999999999999999999", 0, 100, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_decimal value = qta_decimal_null();
        bool is_rounded = !cases[i].is_rounded;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(
            qta_decimal_parse(cases[i].text, strlen(cases[i].text), &value, &is_rounded), QTA_OK);
        assert_decimal(value, cases[i].mantissa, cases[i].exponent);
        assert_int_equal(is_rounded, cases[i].is_rounded);
        assert_int_equal(qta_decimal_parse(cases[i].text, strlen(cases[i].text), &value, NULL),
                         QTA_OK);
    }
}

static void what_is_no_number_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_status status;
    } cases[] = {
        {"", QTA_ERR_FORMAT},
        {"-", QTA_ERR_FORMAT},
        {"+", QTA_ERR_FORMAT},
        {"--1", QTA_ERR_FORMAT},
        {"+-1", QTA_ERR_FORMAT},
        {".", QTA_ERR_FORMAT},
        {".5", QTA_ERR_FORMAT},
        {"5.", QTA_ERR_FORMAT},
        {"5.e1", QTA_ERR_FORMAT},
        {"e5", QTA_ERR_FORMAT},
        {"1e", QTA_ERR_FORMAT},
        {"1e+", QTA_ERR_FORMAT},
        {"1e5.0", QTA_ERR_FORMAT},
        {"1e5x", QTA_ERR_FORMAT},
        {"1 ", QTA_ERR_FORMAT},
        {" 1", QTA_ERR_FORMAT},
        {"1,5", QTA_ERR_FORMAT},
        {"1.2.3", QTA_ERR_FORMAT},
        {"0x10", QTA_ERR_FORMAT},
        {"NaN", QTA_ERR_FORMAT},
        {"Infinity", QTA_ERR_FORMAT},
        {"null", QTA_ERR_FORMAT},
        {"1/2", QTA_ERR_FORMAT},
        {"1:2", QTA_ERR_FORMAT},
        {"\xd9\xa1", QTA_ERR_FORMAT}, /* an Arabic one */
        {"12345678901234567890123456789x", QTA_ERR_FORMAT},
        {"1234567890123456789012345678.", QTA_ERR_FORMAT},
        {"123456789012345678901234567-8", QTA_ERR_FORMAT},
        {"1e101", QTA_ERR_RANGE},
        {"1e999999999999999999999999999", QTA_ERR_RANGE},
        {"-1e9223372036854775807", QTA_ERR_RANGE},
        {"9223372036854775808e100", QTA_ERR_RANGE},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_decimal value = qta_decimal_make(77, 7);
        bool is_rounded = true;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(
            qta_decimal_parse(cases[i].text, strlen(cases[i].text), &value, &is_rounded),
            cases[i].status);
        assert_decimal(value, 77, 7);
        assert_true(is_rounded);
    }
    struct qta_decimal value;
    assert_int_equal(qta_decimal_parse("1\0", 2, &value, NULL), QTA_ERR_FORMAT);
}

static void only_the_given_length_is_read(void **state)
{
    (void)state;
    char *text = malloc(3); /* no NUL behind it: a sanitizer sees a read too far */
    assert_non_null(text);
    static const char digits[] = {'1', '.', '5'};
    memcpy(text, digits, sizeof digits);
    struct qta_decimal value;
    assert_int_equal(qta_decimal_parse(text, 3, &value, NULL), QTA_OK);
    assert_decimal(value, 15, -1);
    assert_int_equal(qta_decimal_parse(text, 2, &value, NULL), QTA_ERR_FORMAT);
    assert_int_equal(qta_decimal_parse(text, 1, &value, NULL), QTA_OK);
    assert_decimal(value, 1, 0);
    free(text);
}

static void a_megabyte_of_digits_is_one_number(void **state)
{
    (void)state;
    size_t length = 1 << 20;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, '9', length);
    struct qta_decimal value;
    bool is_rounded = false;
    assert_int_equal(qta_decimal_parse(text, length, &value, &is_rounded), QTA_ERR_RANGE);
    text[1] = '.';
    assert_int_equal(qta_decimal_parse(text, length, &value, &is_rounded), QTA_OK);
    assert_decimal(value, INT64_C(1000000000000000000), -17);
    assert_true(is_rounded);
    memset(text, '0', length);
    assert_int_equal(qta_decimal_parse(text, length, &value, &is_rounded), QTA_OK);
    assert_decimal(value, 0, 0);
    assert_false(is_rounded);
    free(text);
}

static void decimals_print_the_digits_they_hold(void **state)
{
    (void)state;
    static const struct {
        int64_t mantissa;
        int exponent;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {0, -2, "0.00"},
        {0, 20, "0"},
        {19050, -2, "190.50"},
        {-19050, -2, "-190.50"},
        {1, 5, "100000"},
        {-7, 1, "-70"},
        {5, -1, "0.5"},
        {-5, -3, "-0.005"},
        {105, -2, "1.05"},
        {99, -2, "0.99"},
        {100, -2, "1.00"},
        {INT64_MAX, 0, "9223372036854775807"},
        {INT64_MIN, 0, "-9223372036854775808"},
        {INT64_MIN, -19, "-0.9223372036854775808"},
        {INT64_MIN, -40, "-0.0000000000000000000009223372036854775808"},
        {INT64_MIN, 20, "-922337203685477580800000000000000000000"},
        {1, 20, "100000000000000000000"},
        {1, 21, "1e21"},
        {15, -41, "15e-41"},
        {-15, 100, "-15e100"},
        {0, -100, "0e-100"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[QTA_DECIMAL_TEXT_BYTES];
        size_t length = qta_decimal_print(qta_decimal_make(cases[i].mantissa, cases[i].exponent),
                                          text);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(length, strlen(text));
    }
    char text[QTA_DECIMAL_TEXT_BYTES] = "x";
    assert_int_equal(qta_decimal_print(qta_decimal_null(), text), 0);
    assert_string_equal(text, "");
}

static uint64_t next_random(uint64_t *random)
{
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

static void print_and_parse_are_inverse(void **state)
{
    (void)state;
    uint64_t random = 42;
    for (int i = 0; i < 200000; i++) {
        int64_t mantissa = (int64_t)(next_random(&random) >> next_random(&random) % 64);
        if (i % 2)
            mantissa = -mantissa;
        int exponent = -(int)(next_random(&random) % 101); /* a positive one becomes zeros */
        struct qta_decimal value = qta_decimal_make(mantissa, exponent);
        struct qta_decimal read;
        bool is_rounded;
        char text[QTA_DECIMAL_TEXT_BYTES];
        size_t length = qta_decimal_print(value, text);
        assert_int_equal(qta_decimal_parse(text, length, &read, &is_rounded), QTA_OK);
        assert_decimal(read, mantissa, exponent);
        assert_false(is_rounded);
    }
}

static void doubles_take_their_shortest_decimal(void **state)
{
    (void)state;
    static const struct {
        double value;
        int64_t mantissa;
        int exponent;
    } cases[] = {
        {0.0, 0, 0},
        {-0.0, 0, 0},
        {1.0, 1, 0},
        {100.0, 100, 0},
        {-190.5, -1905, -1},
        {190.53, 19053, -2},
        {0.1, 1, -1},
        {0.3, 3, -1},
        {0.30000000000000004, INT64_C(30000000000000004), -17},
        {67321.12345678, INT64_C(6732112345678), -8},
        {9.121e-7, 9121, -10},
        {1e-22, 1, -22},
        {1e-23, 1, -23},
        {1.5e-99, 15, -100},
        {123456789012345.6, INT64_C(1234567890123456), -1},
        {9007199254740991.0, INT64_C(9007199254740991), 0},
        {9007199254740992.0, INT64_C(9007199254740992), 0},
        {1152921504606846976.0, INT64_C(1152921504606847), 3},
        {1e22, 1, 22},
        {1.7e100, 17, 99},
        {2.0 / 3.0, INT64_C(6666666666666666), -16},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_decimal value;
        print_message("case %.17g\n", cases[i].value);
        assert_int_equal(qta_decimal_from_double(cases[i].value, &value), QTA_OK);
        assert_decimal(value, cases[i].mantissa, cases[i].exponent);
        assert_true(qta_decimal_to_double(value) == cases[i].value);
    }
    static const double refused[] = {NAN, INFINITY, -INFINITY, 1e120, 1e-120, 5e-324, 1.25e-99};
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct qta_decimal value = qta_decimal_make(77, 7);
        assert_int_equal(qta_decimal_from_double(refused[i], &value), QTA_ERR_RANGE);
        assert_decimal(value, 77, 7);
    }
}

static void short_decimals_survive_a_double(void **state)
{
    (void)state;
    uint64_t random = 4711;
    for (int i = 0; i < 200000; i++) {
        int64_t mantissa = (int64_t)(next_random(&random) % UINT64_C(1000000000000000));
        int exponent = -(int)(next_random(&random) % 23);
        struct qta_decimal value = qta_decimal_normalize(
            qta_decimal_make(i % 2 ? mantissa : -mantissa, exponent));
        struct qta_decimal read;
        assert_int_equal(qta_decimal_from_double(qta_decimal_to_double(value), &read), QTA_OK);
        assert_int_equal(qta_decimal_compare(read, value), 0);
        assert_true(read.exponent <= 0);
    }
}

static void any_double_survives_its_decimal(void **state)
{
    (void)state;
    uint64_t random = 815;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = next_random(&random);
        bits = (bits & UINT64_C(0x800fffffffffffff)) | (bits % 512 + 768) << 52; /* 1e-77..1e77 */
        double value;
        memcpy(&value, &bits, sizeof value);
        struct qta_decimal decimal;
        assert_int_equal(qta_decimal_from_double(value, &decimal), QTA_OK);
        assert_true(qta_decimal_to_double(decimal) == value);
        assert_true(llabs(decimal.mantissa) < INT64_C(100000000000000000));
    }
}

static void doubles_are_correctly_rounded(void **state)
{
    (void)state;
    uint64_t random = 99;
    for (int i = 0; i < 50000; i++) {
        int64_t mantissa = (int64_t)(next_random(&random) >> next_random(&random) % 64);
        int exponent = (int)(next_random(&random) % 201) - 100;
        char text[64];
        snprintf(text, sizeof text, "%llde%d", (long long)mantissa, exponent);
        assert_true(qta_decimal_to_double(qta_decimal_make(mantissa, exponent)) ==
                    strtod(text, NULL));
    }
    assert_true(isnan(qta_decimal_to_double(qta_decimal_null())));
    assert_true(qta_decimal_to_double(qta_decimal_make(INT64_MIN, 0)) == -0x1p63);
}

static void the_locale_changes_nothing(void **state)
{
    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") && !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    struct qta_decimal value;
    int status = qta_decimal_from_double(1.0 / 3.0, &value);
    double back = qta_decimal_to_double(value);
    setlocale(LC_NUMERIC, "C");
    assert_int_equal(status, QTA_OK);
    assert_decimal(value, INT64_C(3333333333333333), -16);
    assert_true(back == 1.0 / 3.0);
}

static void comparison_is_by_value_and_exact(void **state)
{
    (void)state;
    const struct {
        struct qta_decimal left;
        struct qta_decimal right;
        int sign;
    } cases[] = {
        {{0, 0}, {0, -5}, 0},
        {{10, -1}, {100, -2}, 0},
        {{1, 0}, {2, 0}, -1},
        {{-1, 0}, {1, 0}, -1},
        {{-1, 0}, {-2, 0}, 1},
        {{0, 0}, {-1, -100}, 1},
        {{0, 100}, {1, -100}, -1},
        {{INT64_MAX, 0}, {INT64_MIN, 0}, 1},
        {{INT64_MIN, 0}, {INT64_MIN, 0}, 0},
        {{1, 18}, {INT64_C(1000000000000000000), 0}, 0},
        {{1, 18}, {INT64_C(1000000000000000001), 0}, -1},
        {{1, 19}, {INT64_MAX, 0}, 1},
        {{INT64_MAX, 18}, {INT64_MAX - 1, 18}, 1},
        {{INT64_MAX, 0}, {INT64_MAX, -18}, 1},
        {{1, 100}, {INT64_MAX, -100}, 1},
        {{-1, 100}, {INT64_MIN, -100}, -1},
        {{0, QTA_DECIMAL_NULL_EXPONENT}, {0, QTA_DECIMAL_NULL_EXPONENT}, 0},
        {{0, QTA_DECIMAL_NULL_EXPONENT}, {0, 0}, -1},
        {{0, QTA_DECIMAL_NULL_EXPONENT}, {INT64_MIN, 100}, -1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int there = qta_decimal_compare(cases[i].left, cases[i].right);
        int back = qta_decimal_compare(cases[i].right, cases[i].left);
        print_message("case %zu\n", i);
        assert_int_equal((there > 0) - (there < 0), cases[i].sign);
        assert_int_equal((back > 0) - (back < 0), -cases[i].sign);
    }
}

static void normalizing_keeps_the_value_without_trailing_zeros(void **state)
{
    (void)state;
    static const int64_t cases[][4] = {
        {0, -7, 0, 0},      {1050, -2, 105, -1}, {100, 0, 1, 2},       {-100, 0, -1, 2},
        {7, 3, 7, 3},       {100, 99, 10, 100},  {100, 100, 100, 100}, {INT64_MIN, 0, INT64_MIN, 0},
        {0, -128, 0, -128},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_decimal value = qta_decimal_make(cases[i][0], (int)cases[i][1]);
        assert_decimal(qta_decimal_normalize(value), cases[i][2], (int)cases[i][3]);
    }
}

static void rescaling_loses_nothing_or_refuses(void **state)
{
    (void)state;
    enum { REFUSED = 12345 };
    static const struct {
        struct qta_decimal value;
        int exponent;
        int64_t mantissa;
    } cases[] = {
        {{1905, -1}, -2, 19050},
        {{19050, -2}, -1, 1905},
        {{19051, -2}, -1, REFUSED},
        {{0, 50}, -100, 0},
        {{1, 18}, 0, INT64_C(1000000000000000000)},
        {{1, 19}, 0, REFUSED},
        {{10, 18}, 0, REFUSED},
        {{-9, 18}, 0, INT64_C(-9000000000000000000)},
        {{INT64_MIN, 0}, 0, INT64_MIN},
        {{INT64_MIN, 0}, -1, REFUSED},
        {{INT64_C(1000000000000000000), 0}, 18, 1},
        {{INT64_C(1000000000000000000), 0}, 19, REFUSED},
        {{1, 0}, INT32_MAX, REFUSED},
        {{1, 0}, INT32_MIN, REFUSED},
        {{0, QTA_DECIMAL_NULL_EXPONENT}, 0, REFUSED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t mantissa = REFUSED;
        enum qta_status status = qta_decimal_rescale(cases[i].value, cases[i].exponent, &mantissa);
        print_message("case %zu\n", i);
        assert_int_equal(mantissa, cases[i].mantissa);
        assert_int_equal(status, cases[i].mantissa == REFUSED ? QTA_ERR_RANGE : QTA_OK);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_with_the_digits_they_have),
        cmocka_unit_test(what_is_no_number_is_refused_and_changes_nothing),
        cmocka_unit_test(only_the_given_length_is_read),
        cmocka_unit_test(a_megabyte_of_digits_is_one_number),
        cmocka_unit_test(decimals_print_the_digits_they_hold),
        cmocka_unit_test(print_and_parse_are_inverse),
        cmocka_unit_test(doubles_take_their_shortest_decimal),
        cmocka_unit_test(short_decimals_survive_a_double),
        cmocka_unit_test(any_double_survives_its_decimal),
        cmocka_unit_test(doubles_are_correctly_rounded),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(comparison_is_by_value_and_exact),
        cmocka_unit_test(normalizing_keeps_the_value_without_trailing_zeros),
        cmocka_unit_test(rescaling_loses_nothing_or_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
