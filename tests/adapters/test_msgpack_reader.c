/* The MessagePack scanner: every form of the specification, and what is wrong with each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/msgpack_reader.h"

/* Reads "9181a1 54" into a block that ends where the bytes end, so that a sanitizer sees a read
 * past it. */
static uint8_t *from_hex(const char *hex, size_t *length)
{
    uint8_t *bytes = malloc(strlen(hex) / 2 + 1);
    assert_non_null(bytes);
    size_t count = 0;
    for (const char *at = hex; *at;) {
        char pair[3] = {at[0], at[1]};
        if (*at == ' ') {
            at++;
            continue;
        }
        bytes[count++] = (uint8_t)strtoul(pair, NULL, 16);
        at += 2;
    }
    *length = count;
    return realloc(bytes, count ? count : 1);
}

static enum qta_msgpack_error scan(const char *hex)
{
    size_t length;
    uint8_t *bytes = from_hex(hex, &length);
    struct qta_msgpack_reader reader;
    qta_msgpack_reader_init(&reader, bytes, length);
    qta_msgpack_skip(&reader);
    bool is_good = qta_msgpack_finish(&reader);
    assert_int_equal(is_good, reader.error == QTA_MSGPACK_OK);
    enum qta_msgpack_error error = reader.error;
    free(bytes);
    return error;
}

static void every_form_is_read_and_every_cut_is_noticed(void **state)
{
    (void)state;
    static const char *const good[] = {
        "00",
        "7f",
        "80",
        "90",
        "a0",
        "c0",
        "c2",
        "c3",
        "e0",
        "ff",
        "81 a1 61 01",
        "8f 0001 0101 0201 0301 0401 0501 0601 0701 0801 0901 0a01 0b01 0c01 0d01 0e01",
        "93 01 02 03",
        "a3 61 62 63",
        "bf 30313233343536373839 30313233343536373839 30313233343536373839 30",
        "c4 02 6162",
        "c5 0002 6162",
        "c6 00000002 6162",
        "c7 03 05 010203",
        "c8 0003 05 010203",
        "c9 00000003 05 010203",
        "ca 3f800000",
        "cb 3ff0000000000000",
        "cc ff",
        "cd ffff",
        "ce ffffffff",
        "cf ffffffffffffffff",
        "d0 80",
        "d1 8000",
        "d2 80000000",
        "d3 8000000000000000",
        "d4 05 01",
        "d5 05 0102",
        "d6 05 01020304",
        "d7 05 0102030405060708",
        "d8 05 0102030405060708090a0b0c0d0e0f10",
        "d9 02 6162",
        "da 0002 6162",
        "db 00000002 6162",
        "dc 0002 c0 c0",
        "dd 00000002 c0 c0",
        "de 0001 a161 c0",
        "df 00000001 a161 c0",
        "92 91 90 81 a1 61 91 80",
        "a3 e282ac",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        print_message("bytes %s\n", good[i]);
        assert_int_equal(scan(good[i]), QTA_MSGPACK_OK);
        size_t length;
        uint8_t *bytes = from_hex(good[i], &length);
        for (size_t cut = 0; cut < length; cut++) {
            uint8_t *part = malloc(cut ? cut : 1);
            assert_non_null(part);
            memcpy(part, bytes, cut);
            struct qta_msgpack_reader reader;
            qta_msgpack_reader_init(&reader, part, cut);
            assert_false(qta_msgpack_skip(&reader));
            assert_int_equal(reader.error, QTA_MSGPACK_CUT);
            free(part);
        }
        free(bytes);
    }
}

static void what_is_no_value_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum qta_msgpack_error error;
    } cases[] = {
        {"", QTA_MSGPACK_CUT},
        {"c1", QTA_MSGPACK_SYNTAX},
        {"91 c1", QTA_MSGPACK_SYNTAX},
        {"00 00", QTA_MSGPACK_SYNTAX},
        {"a1 ff", QTA_MSGPACK_UTF8},
        {"81 a2 c080 00", QTA_MSGPACK_UTF8},
        {"c4 02 c3c3", QTA_MSGPACK_UTF8},
        {"db ffffffff 61", QTA_MSGPACK_CUT},
        {"dd ffffffff c0", QTA_MSGPACK_CUT},
        {"df ffffffff c0 c0", QTA_MSGPACK_CUT},
        {"de 0002 c0 c0 c0", QTA_MSGPACK_CUT},
        {"c9 ffffffff 05", QTA_MSGPACK_CUT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("bytes %s\n", cases[i].hex);
        assert_int_equal(scan(cases[i].hex), cases[i].error);
    }
}

static void nesting_is_bounded_not_recursive(void **state)
{
    (void)state;
    enum { MILLION = 1000000 };
    uint8_t *deep = malloc(MILLION);
    assert_non_null(deep);
    struct qta_msgpack_reader reader;
    for (size_t depth = QTA_MSGPACK_DEPTH_MAX; depth <= QTA_MSGPACK_DEPTH_MAX + 1; depth++) {
        memset(deep, 0x91, depth);
        deep[depth] = 0xc0;
        qta_msgpack_reader_init(&reader, deep, depth + 1);
        assert_int_equal(qta_msgpack_skip(&reader), depth <= QTA_MSGPACK_DEPTH_MAX);
        assert_int_equal(reader.error,
                         depth <= QTA_MSGPACK_DEPTH_MAX ? QTA_MSGPACK_OK : QTA_MSGPACK_TOO_DEEP);
    }
    memset(deep, 0x91, MILLION);
    qta_msgpack_reader_init(&reader, deep, MILLION);
    assert_false(qta_msgpack_skip(&reader));
    assert_int_equal(reader.error, QTA_MSGPACK_TOO_DEEP);
    free(deep);
}

static void integers_of_every_width_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        bool is_i64, is_u64;
        int64_t i64;
        uint64_t u64;
    } cases[] = {
        {"00", true, true, 0, 0},
        {"7f", true, true, 127, 127},
        {"e0", true, false, -32, 0},
        {"ff", true, false, -1, 0},
        {"cc 80", true, true, 128, 128},
        {"cd 0192", true, true, 402, 402},
        {"ce ffffffff", true, true, UINT32_MAX, UINT32_MAX},
        {"cf 3782dace9d90007b", true, true, INT64_C(4000000000000000123),
         UINT64_C(4000000000000000123)},
        {"cf 8000000000000000", false, true, 0, UINT64_C(9223372036854775808)},
        {"cf ffffffffffffffff", false, true, 0, UINT64_MAX},
        {"d0 80", true, false, -128, 0},
        {"d0 7f", true, true, 127, 127},
        {"d1 8000", true, false, -32768, 0},
        {"d2 80000000", true, false, INT32_MIN, 0},
        {"d2 00000007", true, true, 7, 7},
        {"d3 8000000000000000", true, false, INT64_MIN, 0},
        {"ca 42c80000", true, true, 100, 100},
        {"cb 4059000000000000", true, true, 100, 100},
        {"cb c059000000000000", true, false, -100, 0},
        {"cb 4059200000000000", false, false, 0, 0}, /* 100.5 */
        {"cb 4340000000000000", true, true, INT64_C(9007199254740992), UINT64_C(9007199254740992)},
        {"cb 4350000000000000", false, false, 0, 0}, /* 2^54: digits may be lost */
        {"cb 7ff0000000000000", false, false, 0, 0},
        {"cb 7ff8000000000000", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        uint8_t *bytes = from_hex(cases[i].hex, &length);
        struct qta_msgpack_reader reader;
        struct qta_msgpack_number number;
        int64_t i64 = 0;
        uint64_t u64 = 0;
        print_message("bytes %s\n", cases[i].hex);
        qta_msgpack_reader_init(&reader, bytes, length);
        assert_true(qta_msgpack_read_number(&reader, &number) && qta_msgpack_finish(&reader));
        assert_int_equal(qta_msgpack_number_to_i64(number, &i64), cases[i].is_i64);
        assert_int_equal(qta_msgpack_number_to_u64(number, &u64), cases[i].is_u64);
        assert_true(i64 == cases[i].i64);
        assert_true(u64 == cases[i].u64);
        free(bytes);
    }
}

static void numbers_become_decimals(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum qta_status status;
        int64_t mantissa;
        int exponent;
        bool is_float, is_rounded;
    } cases[] = {
        {"cb 4067d00000000000", QTA_OK, 1905, -1, true, false}, /* 190.5 */
        {"cb 40449a8f5c28f5c3", QTA_OK, 412075, -4, true, false},
        {"ca 4224d47b", QTA_OK, 412075, -4, true, false},  /* the float nearest to 41.2075 */
        {"ca 3dcccccd", QTA_OK, 1, -1, true, false},       /* 0.1 */
        {"ca bdcccccd", QTA_OK, -1, -1, true, false},      /* -0.1 */
        {"ca 2d8ba7d3", QTA_OK, 15877, -15, true, false},  /* 1.5877e-11 */
        {"ca 4b800000", QTA_OK, 16777216, 0, true, false}, /* 2^24 */
        {"ca 00000000", QTA_OK, 0, 0, true, false},
        {"ca 7fc00000", QTA_ERR_RANGE, 9, 9, true, false}, /* NaN */
        {"ca 7f800000", QTA_ERR_RANGE, 9, 9, true, false}, /* infinity */
        {"cb 7ff8000000000000", QTA_ERR_RANGE, 9, 9, true, false},
        {"cb fff0000000000000", QTA_ERR_RANGE, 9, 9, true, false},
        {"3f", QTA_OK, 63, 0, false, false},
        {"d0 9c", QTA_OK, -100, 0, false, false},
        {"cf 7fffffffffffffff", QTA_OK, INT64_MAX, 0, false, false},
        {"cf 8000000000000000", QTA_OK, INT64_C(922337203685477581), 1, false, true},
        {"cf ffffffffffffffff", QTA_OK, INT64_C(1844674407370955162), 1, false, true},
        {"cf 8ac7230489e80000", QTA_OK, INT64_C(1000000000000000000), 1, false, false},
        {"cf 8ac7230489e80005", QTA_OK, INT64_C(1000000000000000000), 1, false, true},
        {"cf 8ac7230489e8000f", QTA_OK, INT64_C(1000000000000000002), 1, false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        uint8_t *bytes = from_hex(cases[i].hex, &length);
        struct qta_msgpack_reader reader;
        struct qta_msgpack_number number;
        struct qta_decimal value = qta_decimal_make(9, 9);
        bool is_rounded = false;
        print_message("bytes %s\n", cases[i].hex);
        qta_msgpack_reader_init(&reader, bytes, length);
        assert_true(qta_msgpack_read_number(&reader, &number) && qta_msgpack_finish(&reader));
        assert_int_equal(qta_msgpack_number_is_float(number), cases[i].is_float);
        assert_int_equal(qta_msgpack_number_to_decimal(number, &value, &is_rounded),
                         cases[i].status);
        assert_int_equal(value.mantissa, cases[i].mantissa);
        assert_int_equal(value.exponent, cases[i].exponent);
        assert_int_equal(is_rounded, cases[i].is_rounded);
        free(bytes);
    }
}

static void float32_decimals_are_the_shortest_that_read_back(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t mantissa = (int64_t)(random >> 40) % 1000000;
        int exponent = -(int)((random >> 32) % 7);
        float wanted = (float)qta_decimal_to_double(qta_decimal_make(mantissa, exponent));
        struct qta_msgpack_number number = {.kind = QTA_MSGPACK_FLOAT32, .f64 = (double)wanted};
        struct qta_decimal value;
        assert_int_equal(qta_msgpack_number_to_decimal(number, &value, NULL), QTA_OK);
        assert_int_equal(qta_decimal_compare(value, qta_decimal_make(mantissa, exponent)), 0);
    }
}

static void timestamps_of_all_three_forms_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum qta_status status;
        int64_t ts_ns;
    } cases[] = {
        {"d6ff 6553f100", QTA_OK, INT64_C(1700000000000000000)},
        {"d7ff 1d6f34546553f100", QTA_OK, INT64_C(1700000000123456789)},
        {"c70cff 00000005 0000000200000000", QTA_OK, INT64_C(8589934592000000005)},
        {"c70cff 00000005 ffffffffffffffff", QTA_OK, -999999995},
        {"d6ff ffffffff", QTA_OK, INT64_C(4294967295000000000)},
        {"d6ff 00000000", QTA_OK, 0},
        /* 2^34 s and later are past the year 2262 */
        {"c70cff 00000005 0000000400000000", QTA_ERR_RANGE, 0},
        {"c70cff 00000000 7fffffffffffffff", QTA_ERR_RANGE, 0},
        {"c70cff 00000000 8000000000000000", QTA_ERR_RANGE, 0},
        {"d7ff ffffffff6553f100", QTA_ERR_RANGE, 0}, /* over 999,999,999 ns */
        {"c70cff 3b9aca00 0000000000000000", QTA_ERR_RANGE, 0},
        {"c704ff 6553f100", QTA_OK, INT64_C(1700000000000000000)}, /* a longer head, same bytes */
        {"d600 6553f100", QTA_ERR_RANGE, 0},                       /* another extension */
        {"d4ff 00", QTA_ERR_RANGE, 0},
        {"c700ff", QTA_ERR_RANGE, 0},
        {"d8ff 00000000000000000000000000000000", QTA_ERR_RANGE, 0},
        {"a161", QTA_ERR_FORMAT, 0},
        {"00", QTA_ERR_FORMAT, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length;
        uint8_t *bytes = from_hex(cases[i].hex, &length);
        struct qta_msgpack_reader reader;
        int64_t ts_ns = 77;
        print_message("bytes %s\n", cases[i].hex);
        qta_msgpack_reader_init(&reader, bytes, length);
        assert_int_equal(qta_msgpack_read_time(&reader, &ts_ns), cases[i].status);
        assert_true(ts_ns == (cases[i].status == QTA_OK ? cases[i].ts_ns : 77));
        assert_int_equal(qta_msgpack_offset(&reader),
                         cases[i].status == QTA_ERR_FORMAT ? 0 : length);
        assert_int_equal(reader.error, QTA_MSGPACK_OK);
        free(bytes);
    }
}

static void a_value_of_another_type_is_left_where_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *hex;
        enum qta_msgpack_type type;
    } values[] = {
        {"c0", QTA_MSGPACK_NIL},
        {"c3", QTA_MSGPACK_BOOL},
        {"cc ff", QTA_MSGPACK_NUMBER},
        {"a3 616263", QTA_MSGPACK_STRING},
        {"91 c0", QTA_MSGPACK_ARRAY},
        {"81 a161 c0", QTA_MSGPACK_MAP},
        {"d6ff 6553f100", QTA_MSGPACK_EXTENSION},
    };
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        size_t length;
        uint8_t *bytes = from_hex(values[i].hex, &length);
        struct qta_msgpack_reader reader;
        struct qta_msgpack_text text;
        struct qta_msgpack_number number;
        uint32_t count;
        bool flag;
        int64_t ts_ns;
        enum qta_msgpack_type type = values[i].type;
        print_message("bytes %s\n", values[i].hex);
        qta_msgpack_reader_init(&reader, bytes, length);
        assert_int_equal(qta_msgpack_peek(&reader), type);
        if (type != QTA_MSGPACK_NIL)
            assert_false(qta_msgpack_read_nil(&reader));
        if (type != QTA_MSGPACK_BOOL)
            assert_false(qta_msgpack_read_bool(&reader, &flag));
        if (type != QTA_MSGPACK_NUMBER)
            assert_false(qta_msgpack_read_number(&reader, &number));
        if (type != QTA_MSGPACK_STRING)
            assert_false(qta_msgpack_read_string(&reader, &text));
        if (type != QTA_MSGPACK_ARRAY)
            assert_false(qta_msgpack_enter_array(&reader, &count));
        if (type != QTA_MSGPACK_MAP)
            assert_false(qta_msgpack_enter_map(&reader, &count));
        if (type != QTA_MSGPACK_EXTENSION)
            assert_int_equal(qta_msgpack_read_time(&reader, &ts_ns), QTA_ERR_FORMAT);
        assert_int_equal(qta_msgpack_offset(&reader), 0);
        assert_int_equal(reader.error, QTA_MSGPACK_OK);
        assert_true(qta_msgpack_skip(&reader) && qta_msgpack_finish(&reader));
        free(bytes);
    }
}

static void a_frame_reads_as_the_map_it_is(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = from_hex(
        "9183a154a56572726f72a4636f6465cd0192a36d7367ab61757468206661696c6564", &length);
    struct qta_msgpack_reader reader;
    struct qta_msgpack_text text;
    struct qta_msgpack_number number;
    uint32_t count;
    qta_msgpack_reader_init(&reader, bytes, length);
    assert_true(qta_msgpack_enter_array(&reader, &count) && count == 1);
    assert_true(qta_msgpack_enter_map(&reader, &count) && count == 3);
    assert_true(qta_msgpack_read_string(&reader, &text) && qta_msgpack_text_equals(text, "T"));
    assert_true(qta_msgpack_read_string(&reader, &text) && qta_msgpack_text_equals(text, "error"));
    assert_true(qta_msgpack_read_string(&reader, &text) && qta_msgpack_text_equals(text, "code"));
    assert_true(qta_msgpack_read_number(&reader, &number) && number.u64 == 402);
    assert_true(qta_msgpack_skip(&reader));
    assert_true(qta_msgpack_read_string(&reader, &text));
    assert_true(qta_msgpack_text_equals(text, "auth failed"));
    assert_false(qta_msgpack_text_equals(text, "auth"));
    assert_true(qta_msgpack_finish(&reader));
    free(bytes);
}

static void a_failure_is_final(void **state)
{
    (void)state;
    size_t length;
    uint8_t *bytes = from_hex("93 01 c1 02", &length);
    struct qta_msgpack_reader reader;
    struct qta_msgpack_text text;
    struct qta_msgpack_number number;
    uint32_t count;
    bool flag;
    int64_t ts_ns;
    qta_msgpack_reader_init(&reader, bytes, length);
    assert_true(qta_msgpack_enter_array(&reader, &count));
    assert_true(qta_msgpack_skip(&reader));
    assert_false(qta_msgpack_skip(&reader));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reader.error, QTA_MSGPACK_SYNTAX);
        assert_int_equal(qta_msgpack_offset(&reader), 2);
        assert_int_equal(qta_msgpack_peek(&reader), QTA_MSGPACK_NONE);
        assert_false(qta_msgpack_skip(&reader));
        assert_false(qta_msgpack_read_nil(&reader));
        assert_false(qta_msgpack_read_bool(&reader, &flag));
        assert_false(qta_msgpack_read_number(&reader, &number));
        assert_false(qta_msgpack_read_string(&reader, &text));
        assert_false(qta_msgpack_enter_array(&reader, &count));
        assert_false(qta_msgpack_enter_map(&reader, &count));
        assert_int_equal(qta_msgpack_read_time(&reader, &ts_ns), QTA_ERR_FORMAT);
        assert_false(qta_msgpack_finish(&reader));
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_is_read_and_every_cut_is_noticed),
        cmocka_unit_test(what_is_no_value_is_refused),
        cmocka_unit_test(nesting_is_bounded_not_recursive),
        cmocka_unit_test(integers_of_every_width_are_exact),
        cmocka_unit_test(numbers_become_decimals),
        cmocka_unit_test(float32_decimals_are_the_shortest_that_read_back),
        cmocka_unit_test(timestamps_of_all_three_forms_are_exact),
        cmocka_unit_test(a_value_of_another_type_is_left_where_it_is),
        cmocka_unit_test(a_frame_reads_as_the_map_it_is),
        cmocka_unit_test(a_failure_is_final),
    };
    return cmocka_run_group_tests_name("msgpack reader", tests, NULL, NULL);
}
