/* The JSON scanner: a table of what it takes and refuses, and cJSON as the oracle over mutations.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_reader.h"

/* A copy that ends where the text ends, so that a sanitizer sees a read past it. */
static char *exact_copy(const void *bytes, size_t length)
{
    char *copy = malloc(length ? length : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    return copy;
}

static enum qta_json_error scan(const char *text, size_t length, size_t *offset)
{
    char *copy = exact_copy(text, length);
    struct qta_json_reader reader;
    qta_json_reader_init(&reader, copy, length);
    qta_json_skip(&reader);
    bool is_good = qta_json_finish(&reader);
    assert_int_equal(is_good, reader.error == QTA_JSON_OK);
    if (offset)
        *offset = qta_json_offset(&reader);
    enum qta_json_error error = reader.error;
    free(copy);
    return error;
}

static void exactly_the_grammar_of_rfc_8259_is_accepted(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_json_error error;
        size_t offset; /* of the offending byte */
    } cases[] = {
        {"null", QTA_JSON_OK, 0},
        {" true ", QTA_JSON_OK, 0},
        {"false", QTA_JSON_OK, 0},
        {"\t\r\n []", QTA_JSON_OK, 0},
        {"{}", QTA_JSON_OK, 0},
        {"{ }", QTA_JSON_OK, 0},
        {"[ ]", QTA_JSON_OK, 0},
        {"[[],{},[{}]]", QTA_JSON_OK, 0},
        {"{\"a\":1,\"b\":[true,null],\"c\":{\"d\":\"e\"}}", QTA_JSON_OK, 0},
        {"{ \"a\" : 1 , \"b\" : [ 1 , 2 ] }", QTA_JSON_OK, 0},
        {"0", QTA_JSON_OK, 0},
        {"-0", QTA_JSON_OK, 0},
        {"-0.0e-00", QTA_JSON_OK, 0},
        {"12.50", QTA_JSON_OK, 0},
        {"9.121E-7", QTA_JSON_OK, 0},
        {"1e+99999", QTA_JSON_OK, 0},
        {"\"\"", QTA_JSON_OK, 0},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00Af\"", QTA_JSON_OK, 0},
        {"\"\\ud800\"", QTA_JSON_OK, 0}, /* by the grammar; it cannot be unescaped */
        {"\"\x7f\"", QTA_JSON_OK, 0},
        {"\"\xe2\x82\xac\"", QTA_JSON_OK, 0},
        {"", QTA_JSON_CUT, 0},
        {"   ", QTA_JSON_CUT, 3},
        {"nul", QTA_JSON_CUT, 3},
        {"nulx", QTA_JSON_SYNTAX, 3},
        {"True", QTA_JSON_SYNTAX, 0},
        {"[1,]", QTA_JSON_SYNTAX, 3},
        {"[,1]", QTA_JSON_SYNTAX, 1},
        {"[1 2]", QTA_JSON_SYNTAX, 3},
        {"[1,,2]", QTA_JSON_SYNTAX, 3},
        {"[1}", QTA_JSON_SYNTAX, 2},
        {"[1", QTA_JSON_CUT, 2},
        {"[1,", QTA_JSON_CUT, 3},
        {"]", QTA_JSON_SYNTAX, 0},
        {"{\"a\":1,}", QTA_JSON_SYNTAX, 7},
        {"{,\"a\":1,\"bbbbbbbb\":2}", QTA_JSON_SYNTAX, 1},
        {"{\"a\":1,\"b\":,\"c\":1,\"d\":2}", QTA_JSON_SYNTAX, 11},
        {"{\"a\" 1}", QTA_JSON_SYNTAX, 5},
        {"{\"a\":1 \"b\":2}", QTA_JSON_SYNTAX, 7},
        {"{a:1}", QTA_JSON_SYNTAX, 1},
        {"{1:1}", QTA_JSON_SYNTAX, 1},
        {"{\"a\":1]", QTA_JSON_SYNTAX, 6},
        {"{\"a\":}", QTA_JSON_SYNTAX, 5},
        {"{\"a\"}", QTA_JSON_SYNTAX, 4},
        {"{\"a\":1", QTA_JSON_CUT, 6},
        {"01", QTA_JSON_SYNTAX, 1},
        {"-01", QTA_JSON_SYNTAX, 2},
        {"+1", QTA_JSON_SYNTAX, 0},
        {".5", QTA_JSON_SYNTAX, 0},
        {"1.", QTA_JSON_CUT, 2},
        {"[1.]", QTA_JSON_SYNTAX, 3},
        {"-", QTA_JSON_CUT, 1},
        {"[-]", QTA_JSON_SYNTAX, 2},
        {"1e", QTA_JSON_CUT, 2},
        {"[1e+]", QTA_JSON_SYNTAX, 4},
        {"1.2.3", QTA_JSON_SYNTAX, 3},
        {"0x10", QTA_JSON_SYNTAX, 1},
        {"NaN", QTA_JSON_SYNTAX, 0},
        {"\"", QTA_JSON_CUT, 1},
        {"\"abc", QTA_JSON_CUT, 4},
        {"\"abcdefghijkl", QTA_JSON_CUT, 13},
        {"\"a\tb\"", QTA_JSON_SYNTAX, 2},
        {"\"abcdefgh\nb\"", QTA_JSON_SYNTAX, 9},
        {"\"\\x\"", QTA_JSON_SYNTAX, 1},
        {"\"\\", QTA_JSON_CUT, 2},
        {"\"\\u12", QTA_JSON_CUT, 5},
        {"\"\\u12g4\"", QTA_JSON_SYNTAX, 5},
        {"\"\xff\"", QTA_JSON_UTF8, 1},
        {"\"abc\xc0\x80\"", QTA_JSON_UTF8, 4},
        {"\"\xe2\x82\"", QTA_JSON_UTF8, 1},
        {"\"\xe2\x82", QTA_JSON_UTF8, 1},
        {"{\"\xed\xa0\x80\":1}", QTA_JSON_UTF8, 2},
        {"\xef\xbb\xbf[]", QTA_JSON_SYNTAX, 0}, /* a byte order mark */
        {"1 1", QTA_JSON_SYNTAX, 2},
        {"[]]", QTA_JSON_SYNTAX, 2},
        {"[] x", QTA_JSON_SYNTAX, 3},
        {"[\v]", QTA_JSON_SYNTAX, 1},
        {"// comment\n1", QTA_JSON_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t offset;
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(scan(cases[i].text, strlen(cases[i].text), &offset), cases[i].error);
        assert_int_equal(offset, cases[i].error ? cases[i].offset : strlen(cases[i].text));
    }
    assert_int_equal(scan("\"a\0b\"", 5, NULL), QTA_JSON_SYNTAX);
    assert_int_equal(scan("1\0", 2, NULL), QTA_JSON_SYNTAX);
    assert_int_equal(scan("\"\\\0\"", 4, NULL), QTA_JSON_SYNTAX);
}

static void nesting_is_bounded_not_recursive(void **state)
{
    (void)state;
    char text[2 * QTA_JSON_DEPTH_MAX + 8];
    for (unsigned depth = QTA_JSON_DEPTH_MAX; depth <= QTA_JSON_DEPTH_MAX + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(scan(text, 2 * (size_t)depth, NULL),
                         depth <= QTA_JSON_DEPTH_MAX ? QTA_JSON_OK : QTA_JSON_TOO_DEEP);
    }
    enum { MILLION = 1000000 };
    char *deep = malloc(MILLION);
    assert_non_null(deep);
    memset(deep, '[', MILLION);
    size_t offset;
    assert_int_equal(scan(deep, MILLION, &offset), QTA_JSON_TOO_DEEP);
    assert_int_equal(offset, QTA_JSON_DEPTH_MAX);
    free(deep);
    /* alternating, so that the bit of each level matters */
    assert_int_equal(scan("[{\"a\":[{\"b\":[[{}],{}]}]},[]]", 28, NULL), QTA_JSON_OK);
    assert_int_equal(scan("[{\"a\":[{\"b\":[[{}],{}]]}},[]]", 28, NULL), QTA_JSON_SYNTAX);
}

static void values_are_read_as_what_they_are(void **state)
{
    (void)state;
    static const char text[] =
        "{\"price\": 41.2075, \"size\":63,\"name\":\"A\\u00e9\\ud83d\\ude00\\n\",\"yes\":true,"
        "\"no\":false,\"none\":null,\"list\":[1,\"x\",[2]],\"id\":4000000000000000123,"
        "\"\\u006bey\":-5}   ";
    struct qta_json_reader reader;
    struct qta_json_text key;
    struct qta_json_text raw;
    struct qta_decimal value;
    char scratch[32];
    bool flag = false;
    int64_t number;
    uint64_t id;
    qta_json_reader_init(&reader, text, sizeof text - 1);
    assert_true(qta_json_enter_object(&reader));
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "price"));
    assert_int_equal(qta_json_peek(&reader), QTA_JSON_NUMBER);
    assert_int_equal(qta_json_read_decimal(&reader, &value, &flag), QTA_OK);
    assert_int_equal(value.mantissa, 412075);
    assert_int_equal(value.exponent, -4);
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "size"));
    assert_int_equal(qta_json_read_decimal(&reader, &value, &flag), QTA_OK);
    assert_int_equal(value.mantissa, 63);
    assert_int_equal(value.exponent, 0);
    assert_false(flag);
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "name"));
    assert_true(qta_json_read_string(&reader, &raw));
    assert_true(raw.has_escapes);
    assert_true(qta_json_unescape(raw, scratch, sizeof scratch, &raw));
    assert_int_equal(raw.length, 8);
    assert_memory_equal(raw.bytes, "A\xc3\xa9\xf0\x9f\x98\x80\n", 8);
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "yes"));
    assert_true(qta_json_read_bool(&reader, &flag) && flag);
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "no"));
    assert_true(qta_json_read_bool(&reader, &flag) && !flag);
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "none"));
    assert_true(qta_json_read_null(&reader));
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "list"));
    assert_true(qta_json_enter_array(&reader));
    assert_true(qta_json_next_element(&reader) && qta_json_read_number(&reader, &raw));
    assert_true(qta_json_next_element(&reader) && qta_json_read_string(&reader, &raw));
    assert_true(qta_json_next_element(&reader) && qta_json_skip(&reader));
    assert_false(qta_json_next_element(&reader));
    assert_true(qta_json_next_key(&reader, &key) && qta_json_text_equals(key, "id"));
    assert_true(qta_json_read_number(&reader, &raw));
    assert_true(qta_json_text_to_u64(raw, &id) && id == UINT64_C(4000000000000000123));
    assert_true(qta_json_next_key(&reader, &key) && key.has_escapes);
    assert_true(qta_json_text_equals(key, "key") && !qta_json_text_equals(key, "kez"));
    assert_true(qta_json_read_number(&reader, &raw));
    assert_true(qta_json_text_to_i64(raw, &number) && number == -5);
    assert_false(qta_json_next_key(&reader, &key));
    assert_true(qta_json_finish(&reader));
}

/* The calls that users make are not those that skipping makes: both must see it. */
static void a_comma_is_never_the_first_thing_in_a_container(void **state)
{
    (void)state;
    static const char *const texts[] = {"[,1,22222222,3]",
                                        "[ ,1,22222222,3]",
                                        "{,\"a\":1,\"b\":2222}",
                                        "{ ,\"a\":1,\"b\":2222}",
                                        "[,",
                                        "{,"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char *copy = exact_copy(texts[i], strlen(texts[i]));
        struct qta_json_reader reader;
        struct qta_json_text key;
        qta_json_reader_init(&reader, copy, strlen(texts[i]));
        print_message("text '%s'\n", texts[i]);
        if (texts[i][0] == '[' && qta_json_enter_array(&reader))
            while (qta_json_next_element(&reader))
                qta_json_skip(&reader);
        else if (texts[i][0] == '{' && qta_json_enter_object(&reader))
            while (qta_json_next_key(&reader, &key))
                qta_json_skip(&reader);
        assert_false(qta_json_finish(&reader));
        assert_int_equal(reader.error, QTA_JSON_SYNTAX);
        free(copy);
    }
}

static void a_value_of_another_type_is_left_where_it_is(void **state)
{
    (void)state;
    static const char *const values[] = {"{}", "[]", "\"12345678901\"", "12", "true", "null"};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct qta_json_reader reader;
        struct qta_json_text raw;
        struct qta_decimal value = qta_decimal_make(7, 7);
        bool flag = false;
        enum qta_json_type type = (enum qta_json_type)(QTA_JSON_OBJECT + i);
        qta_json_reader_init(&reader, values[i], strlen(values[i]));
        print_message("value '%s'\n", values[i]);
        assert_int_equal(qta_json_peek(&reader), type);
        if (type != QTA_JSON_OBJECT)
            assert_false(qta_json_enter_object(&reader));
        if (type != QTA_JSON_ARRAY)
            assert_false(qta_json_enter_array(&reader));
        if (type != QTA_JSON_STRING)
            assert_false(qta_json_read_string(&reader, &raw));
        if (type != QTA_JSON_NUMBER) {
            assert_false(qta_json_read_number(&reader, &raw));
            assert_int_equal(qta_json_read_decimal(&reader, &value, &flag), QTA_ERR_FORMAT);
            assert_int_equal(value.mantissa, 7);
        }
        if (type != QTA_JSON_BOOL)
            assert_false(qta_json_read_bool(&reader, &flag));
        if (type != QTA_JSON_NULL)
            assert_false(qta_json_read_null(&reader));
        assert_int_equal(reader.error, QTA_JSON_OK);
        assert_true(qta_json_skip(&reader) && qta_json_finish(&reader));
    }
}

static void numbers_become_the_decimals_that_were_printed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_status status;
        int64_t mantissa;
        int exponent;
        bool is_rounded;
    } cases[] = {
        {"0", QTA_OK, 0, 0, false},
        {"7", QTA_OK, 7, 0, false},
        {"-7", QTA_OK, -7, 0, false},
        {"0.5", QTA_OK, 5, -1, false},
        {"190.50", QTA_OK, 19050, -2, false},
        {"1234567", QTA_OK, 1234567, 0, false},
        {"12345678", QTA_OK, 12345678, 0, false},
        {"123456789", QTA_OK, 123456789, 0, false},
        {"1234567.1234567", QTA_OK, INT64_C(12345671234567), -7, false},
        {"1.12345678", QTA_OK, 112345678, -8, false},
        {"0.00000001", QTA_OK, 1, -8, false},
        {"9.121E-7", QTA_OK, 9121, -10, false},
        {"1e5", QTA_OK, 1, 5, false},
        {"9223372036854775807", QTA_OK, INT64_MAX, 0, false},
        {"-9223372036854775808", QTA_OK, INT64_MIN, 0, false},
        {"123456789012345678901234", QTA_OK, INT64_C(1234567890123456789), 5, true},
        {"1e400", QTA_ERR_RANGE, 0, 0, false},
        {"\"1\"", QTA_ERR_FORMAT, 0, 0, false},
        {"01", QTA_OK, 0, 0, false}, /* the rest fails: see below */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        /* at the very end of the bytes, and with bytes to spare for the fast half */
        for (int padding = 0; padding < 2; padding++) {
            char text[64];
            struct qta_json_reader reader;
            struct qta_decimal value = qta_decimal_make(99, 9);
            bool is_rounded = false;
            int length = snprintf(text, sizeof text, "[%s%s", cases[i].text,
                                  padding ? "      ,                       ]" : "]");
            char *copy = exact_copy(text, (size_t)length);
            print_message("number '%s'\n", text);
            qta_json_reader_init(&reader, copy, (size_t)length);
            assert_true(qta_json_enter_array(&reader) && qta_json_next_element(&reader));
            assert_int_equal(qta_json_read_decimal(&reader, &value, &is_rounded), cases[i].status);
            assert_int_equal(value.mantissa, cases[i].status == QTA_OK ? cases[i].mantissa : 99);
            assert_int_equal(value.exponent, cases[i].status == QTA_OK ? cases[i].exponent : 9);
            assert_int_equal(is_rounded, cases[i].is_rounded);
            free(copy);
        }
    }
    assert_int_equal(scan("[01,22222222,33333333,44444444]", 31, NULL), QTA_JSON_SYNTAX);
    assert_int_equal(scan("[1.,22222222,33333333,44444444]", 31, NULL), QTA_JSON_SYNTAX);
}

static void integers_are_exact_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_u64, is_i64;
        uint64_t u64;
        int64_t i64;
    } cases[] = {
        {"0", true, true, 0, 0},
        {"-0", false, true, 0, 0},
        {"9007199254740993", true, true, UINT64_C(9007199254740993), INT64_C(9007199254740993)},
        {"9223372036854775807", true, true, INT64_MAX, INT64_MAX},
        {"9223372036854775808", true, false, UINT64_C(9223372036854775808), 0},
        {"-9223372036854775808", false, true, 0, INT64_MIN},
        {"-9223372036854775809", false, false, 0, 0},
        {"18446744073709551615", true, false, UINT64_MAX, 0},
        {"18446744073709551616", false, false, 0, 0},
        {"99999999999999999999", false, false, 0, 0},
        {"1.0", false, false, 0, 0},
        {"1e3", false, false, 0, 0},
        {"", false, false, 0, 0},
        {"-", false, false, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_json_text text = {.bytes = cases[i].text, .length = strlen(cases[i].text)};
        uint64_t u64 = 0;
        int64_t i64 = 0;
        print_message("integer '%s'\n", cases[i].text);
        assert_int_equal(qta_json_text_to_u64(text, &u64), cases[i].is_u64);
        assert_int_equal(qta_json_text_to_i64(text, &i64), cases[i].is_i64);
        assert_true(u64 == cases[i].u64);
        assert_true(i64 == cases[i].i64);
    }
}

static void escapes_resolve_or_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *plain; /* NULL: refused */
        size_t length;
    } cases[] = {
        {"\"plain\"", "plain", 5},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
        {"\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"", "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10},
        {"\"a\\u0000b\"", "a\0b", 3},
        {"\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4},
        {"\"\\ud83d\"", NULL, 0},
        {"\"\\ude00\\ud83d\"", NULL, 0},
        {"\"\\ud83dx12345\"", NULL, 0},
        {"\"\\ud83d\\n\\u0041\"", NULL, 0},
        {"\"\\ud83d\\u0041\"", NULL, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_json_reader reader;
        struct qta_json_text raw;
        struct qta_json_text plain;
        char scratch[16];
        print_message("string '%s'\n", cases[i].text);
        qta_json_reader_init(&reader, cases[i].text, strlen(cases[i].text));
        assert_true(qta_json_read_string(&reader, &raw));
        assert_int_equal(qta_json_unescape(raw, scratch, sizeof scratch, &plain),
                         cases[i].plain != NULL);
        if (!cases[i].plain)
            continue;
        assert_int_equal(plain.length, cases[i].length);
        assert_memory_equal(plain.bytes, cases[i].plain, cases[i].length);
        if (raw.has_escapes)
            assert_false(qta_json_unescape(raw, scratch, cases[i].length - 1, &plain));
        assert_true(qta_json_unescape(raw, scratch, cases[i].length, &plain));
    }
}

static void a_failure_is_final(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":,\"b\":12345678,\"c\":\"ddd\",\"e\":[1,2,3,4,5,6,7]}";
    struct qta_json_reader reader;
    struct qta_json_text text_read;
    struct qta_decimal value;
    bool flag;
    qta_json_reader_init(&reader, text, sizeof text - 1);
    assert_true(qta_json_enter_object(&reader));
    assert_true(qta_json_next_key(&reader, &text_read));
    assert_false(qta_json_skip(&reader));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(reader.error, QTA_JSON_SYNTAX);
        assert_int_equal(qta_json_offset(&reader), 5);
        assert_false(qta_json_next_key(&reader, &text_read));
        assert_false(qta_json_next_element(&reader));
        assert_false(qta_json_read_string(&reader, &text_read));
        assert_false(qta_json_read_number(&reader, &text_read));
        assert_int_equal(qta_json_read_decimal(&reader, &value, &flag), QTA_ERR_FORMAT);
        assert_false(qta_json_read_bool(&reader, &flag));
        assert_false(qta_json_read_null(&reader));
        assert_false(qta_json_enter_object(&reader));
        assert_false(qta_json_enter_array(&reader));
        assert_int_equal(qta_json_peek(&reader), QTA_JSON_NONE);
        assert_false(qta_json_skip(&reader));
        assert_false(qta_json_finish(&reader));
    }
}

/* ------------------------------------------------------------------------------------------------
 * Against cJSON */

struct random {
    uint64_t state;
};

static uint32_t random_below(struct random *random, uint32_t limit)
{
    random->state = random->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(((random->state >> 32) * limit) >> 32);
}

/* cJSON's strings end at the first NUL. */
static bool is_same_text(struct qta_json_text text, const char *other)
{
    char scratch[512];
    struct qta_json_text plain;
    assert_true(text.length <= sizeof scratch);
    return qta_json_unescape(text, scratch, sizeof scratch, &plain) &&
           strnlen(plain.bytes, plain.length) == strlen(other) &&
           memcmp(plain.bytes, other, strlen(other)) == 0;
}

static void assert_same_number(struct qta_json_text text, const cJSON *item)
{
    char number[64];
    assert_true(cJSON_IsNumber(item) && text.length < sizeof number);
    memcpy(number, text.bytes, text.length);
    number[text.length] = '\0';
    assert_true(strtod(number, NULL) == item->valuedouble);
}

/* Reads one value, known to be good, and compares it with cJSON's. */
static void assert_same_value(struct qta_json_reader *reader, const cJSON *item)
{
    struct qta_json_text text;
    bool flag;
    if (qta_json_enter_object(reader)) {
        assert_true(cJSON_IsObject(item));
        for (const cJSON *child = item->child; child; child = child->next) {
            assert_true(qta_json_next_key(reader, &text) && is_same_text(text, child->string));
            assert_same_value(reader, child);
        }
        assert_false(qta_json_next_key(reader, &text));
    } else if (qta_json_enter_array(reader)) {
        assert_true(cJSON_IsArray(item));
        for (const cJSON *child = item->child; child; child = child->next) {
            assert_true(qta_json_next_element(reader));
            assert_same_value(reader, child);
        }
        assert_false(qta_json_next_element(reader));
    } else if (qta_json_read_string(reader, &text)) {
        assert_true(cJSON_IsString(item) && is_same_text(text, item->valuestring));
    } else if (qta_json_read_number(reader, &text)) {
        assert_same_number(text, item);
    } else if (qta_json_read_bool(reader, &flag)) {
        assert_true(flag ? cJSON_IsTrue(item) : cJSON_IsFalse(item));
    } else {
        assert_true(qta_json_read_null(reader) && cJSON_IsNull(item));
    }
}

/* Whether a refusal of ours is one that cJSON is known not to make: it takes numbers that strtod
 * takes, control characters as blanks and in strings, any bytes as text and as the digits of \u, a
 * byte order mark, and containers up to 1000 deep. */
static bool is_known_leniency(const char *text, size_t length, enum qta_json_error error,
                              size_t offset)
{
    if (error == QTA_JSON_UTF8 || error == QTA_JSON_TOO_DEEP)
        return true;
    if (error == QTA_JSON_CUT)
        return length > 0 && strchr("0123456789+-.eE", text[length - 1]);
    unsigned char byte = (unsigned char)text[offset];
    if (byte <= 0x20 || byte == 0xef)
        return true;
    for (size_t i = 2; i < 6 && i <= offset; i++)
        if (memcmp(text + offset - i, "\\u", 2) == 0)
            return true;
    bool is_after_number = offset > 0 && strchr("0123456789+-.eE", text[offset - 1]);
    return is_after_number;
}

/* Numbers over 63 characters are cut by cJSON; strings here are short. */
static bool has_long_token(const char *text, size_t length)
{
    size_t run = 0;
    for (size_t i = 0; i < length; i++) {
        run = text[i] != '\0' && strchr("0123456789+-.eE", text[i]) ? run + 1 : 0;
        if (run >= 60)
            return true;
    }
    return false;
}

/* Every string in it can be unescaped. */
static bool has_only_whole_pairs(const char *text, size_t length)
{
    for (size_t i = 0; i + 6 <= length; i++) {
        if (text[i] != '\\')
            continue;
        struct qta_json_text escape = {.bytes = text + i, .length = length - i};
        char scratch[512];
        if (text[i + 1] == 'u' && (text[i + 2] | 0x20) == 'd' && strchr("89abAB", text[i + 3]) &&
            text[i + 3]) {
            escape.length = length - i >= 12 ? 12 : 6;
            escape.has_escapes = true;
            if (!qta_json_unescape(escape, scratch, sizeof scratch, &escape))
                return false;
            i += 11;
        } else if (text[i + 1] == 'u' && (text[i + 2] | 0x20) == 'd' && text[i + 3] &&
                   strchr("cdefCDEF", text[i + 3])) {
            return false;
        } else {
            i++;
        }
    }
    return true;
}

static void compare_with_cjson(const char *text, size_t length, size_t counts[3])
{
    size_t offset;
    const char *end = NULL;
    enum qta_json_error error = scan(text, length, &offset);
    char *copy = exact_copy(text, length);
    cJSON *tree = cJSON_ParseWithLengthOpts(copy, length, &end, 0);
    bool is_taken = tree != NULL;
    for (; is_taken && end < copy + length; end++)
        is_taken = (unsigned char)*end <= 0x20;
    if (error == QTA_JSON_OK && is_taken) {
        struct qta_json_reader reader;
        qta_json_reader_init(&reader, copy, length);
        assert_same_value(&reader, tree);
        assert_true(qta_json_finish(&reader));
        counts[0]++;
    } else if (error == QTA_JSON_OK) {
        /* half a surrogate pair is fine in the grammar, and found when it is unescaped */
        if (has_only_whole_pairs(text, length))
            fail_msg("cJSON refuses '%.*s'", (int)length, text);
        counts[1]++;
    } else if (is_taken) {
        if (!is_known_leniency(text, length, error, offset))
            fail_msg("cJSON takes '%.*s', we say %s at %zu", (int)length, text,
                     qta_json_error_name(error), offset);
        counts[1]++;
    } else {
        counts[2]++;
    }
    cJSON_Delete(tree);
    free(copy);
}

static size_t mutate(struct random *random, char *text, size_t length, size_t capacity)
{
    static const char alphabet[] = "{}[]\",:\\u0123456789dD8cC+-.eE tfn \t\n\x01\x7f\x80\xc3\xa9";
    char byte = alphabet[random_below(random, sizeof alphabet)];
    size_t at = random_below(random, (uint32_t)length + 1);
    switch (random_below(random, 6)) {
    case 0:
        if (at < length)
            text[at] = byte;
        return length;
    case 1:
        if (at < length)
            text[at] = (char)random_below(random, 256);
        return length;
    case 2:
        if (length == capacity)
            return length;
        memmove(text + at + 1, text + at, length - at);
        text[at] = byte;
        return length + 1;
    case 3:
        if (at == length)
            return length;
        memmove(text + at, text + at + 1, length - at - 1);
        return length - 1;
    case 4: {
        size_t run = random_below(random, 12);
        size_t from = random_below(random, (uint32_t)length + 1);
        if (from + run > length || length + run > capacity)
            return length;
        char slice[12];
        memcpy(slice, text + from, run);
        memmove(text + at + run, text + at, length - at);
        memcpy(text + at, slice, run);
        return length + run;
    }
    default:
        return random_below(random, 8) == 0 ? at : length;
    }
}

static void mutated_documents_fare_as_with_cjson(void **state)
{
    (void)state;
    static const char *const seeds[] = {
        "[{\"T\":\"t\",\"S\":\"QQA\",\"i\":700417,\"p\":41.2075,\"s\":63,\"c\":[\"@\",\"I\"]}]",
        "[{\"T\":\"o\",\"S\":\"BTC/USD\",\"b\":[{\"p\":71230,\"s\":0.35}],\"a\":[],\"r\":true}]",
        "{\"a\":[1,-2.5e-3,1E+2,0.0,null,true,false],\"\\u00e9\":\"\\ud83d\\ude00\\n\xc3\xa9\"}",
        "[[[[],[{}]],{\"x\":{\"y\":{}}}], \"a long string of plain text, no escapes\" , 12345678]",
        "  {\"k\" : \"v\" , \"n\" : -0 }  ",
    };
    enum { ROUNDS = 300000, CAPACITY = 400 };
    struct random random = {.state = 20261119};
    size_t counts[3] = {0};
    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[CAPACITY];
        const char *seed = seeds[random_below(&random, sizeof seeds / sizeof seeds[0])];
        size_t length = strlen(seed);
        memcpy(text, seed, length + 1);
        uint32_t changes = random_below(&random, 5);
        for (uint32_t i = 0; i < changes; i++)
            length = mutate(&random, text, length, CAPACITY);
        if (!has_long_token(text, length))
            compare_with_cjson(text, length, counts);
    }
    print_message("%zu taken by both, %zu told apart, %zu refused by both\n", counts[0], counts[1],
                  counts[2]);
    assert_true(counts[0] > ROUNDS / 10 && counts[2] > ROUNDS / 10 && counts[1] > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_grammar_of_rfc_8259_is_accepted),
        cmocka_unit_test(nesting_is_bounded_not_recursive),
        cmocka_unit_test(values_are_read_as_what_they_are),
        cmocka_unit_test(a_comma_is_never_the_first_thing_in_a_container),
        cmocka_unit_test(a_value_of_another_type_is_left_where_it_is),
        cmocka_unit_test(numbers_become_the_decimals_that_were_printed),
        cmocka_unit_test(integers_are_exact_or_refused),
        cmocka_unit_test(escapes_resolve_or_are_refused),
        cmocka_unit_test(a_failure_is_final),
        cmocka_unit_test(mutated_documents_fare_as_with_cjson),
    };
    return cmocka_run_group_tests_name("json reader", tests, NULL, NULL);
}
