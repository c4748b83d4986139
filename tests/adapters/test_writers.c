/* JSON and MessagePack values as bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "adapters/byte_buffer.h"
#include "adapters/json_writer.h"
#include "adapters/msgpack_reader.h"
#include "adapters/msgpack_writer.h"

static void assert_text(struct qta_byte_buffer *buffer, const char *expected)
{
    assert_false(buffer->is_failed);
    print_message("'%.*s'\n", (int)buffer->length, (const char *)buffer->bytes);
    assert_int_equal(buffer->length, strlen(expected));
    assert_memory_equal(buffer->bytes, expected, buffer->length);
    qta_byte_buffer_clear(buffer);
}

static void assert_bytes(struct qta_byte_buffer *buffer, const char *hex)
{
    char text[256] = "";
    assert_false(buffer->is_failed);
    assert_in_range(buffer->length, 0, sizeof text / 2 - 1);
    for (size_t i = 0; i < buffer->length; i++)
        snprintf(text + 2 * i, 3, "%02x", buffer->bytes[i]);
    assert_string_equal(text, hex);
    qta_byte_buffer_clear(buffer);
}

static void a_buffer_grows_and_keeps_what_it_has(void **state)
{
    (void)state;
    struct qta_byte_buffer buffer = {0};
    for (uint32_t i = 0; i < 100000; i++)
        qta_byte_buffer_append(&buffer, &i, sizeof i);
    assert_int_equal(buffer.length, 400000);
    for (uint32_t i = 0; i < 100000; i++)
        assert_memory_equal(buffer.bytes + i * sizeof i, &i, sizeof i);
    qta_byte_buffer_finish(&buffer);
    assert_null(buffer.bytes);
}

static void a_buffer_remembers_that_memory_was_short(void **state)
{
    (void)state;
    struct qta_byte_buffer buffer = {0};
    qta_byte_buffer_append_byte(&buffer, 'x');
    assert_null(qta_byte_buffer_reserve(&buffer, SIZE_MAX));
    assert_true(buffer.is_failed);
    assert_int_equal(buffer.length, 1);
    qta_byte_buffer_clear(&buffer);
    assert_false(buffer.is_failed);
    qta_byte_buffer_append_byte(&buffer, 'y');
    assert_text(&buffer, "y");
    qta_byte_buffer_finish(&buffer);
}

static void json_strings_are_escaped_and_always_utf8(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *json;
    } cases[] = {
        {"", "\"\""},
        {"AAPL", "\"AAPL\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\n\x01\x7f", "\"\\u000a\\u0001\x7f\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"a\xff\xc3", "\"a\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    struct qta_byte_buffer buffer = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qta_json_write_string(&buffer, cases[i].text, strlen(cases[i].text));
        assert_text(&buffer, cases[i].json);
    }
    qta_byte_buffer_finish(&buffer);
}

static void json_numbers_keep_their_digits(void **state)
{
    (void)state;
    struct qta_byte_buffer buffer = {0};
    qta_json_write_decimal(&buffer, qta_decimal_make(19050, -2));
    assert_text(&buffer, "190.50");
    qta_json_write_decimal(&buffer, qta_decimal_null());
    assert_text(&buffer, "null");
    qta_json_write_u64(&buffer, UINT64_MAX);
    assert_text(&buffer, "18446744073709551615");
    qta_json_write_u64(&buffer, 0);
    assert_text(&buffer, "0");
    qta_byte_buffer_finish(&buffer);
}

static void json_times_have_the_shortest_fraction(void **state)
{
    (void)state;
    static const char *const times[] = {
        "2026-11-19T16:41:08.070605043Z", "2026-11-19T16:41:08.0711Z",      "2026-11-19T16:41:08Z",
        "2026-11-19T16:41:09.00000071Z",  "1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59Z",
        "1677-09-21T00:12:44Z",           "2262-04-11T23:47:16.854775807Z",
    };
    struct qta_byte_buffer buffer = {0};
    struct qta_json_second second = {0};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        int64_t ts_ns = 0;
        char quoted[64];
        assert_int_equal(qta_timestamp_parse(times[i], strlen(times[i]), &ts_ns), QTA_OK);
        snprintf(quoted, sizeof quoted, "\"%s\"", times[i]);
        qta_json_write_time(&buffer, &second, ts_ns);
        assert_text(&buffer, quoted);
    }
    qta_byte_buffer_finish(&buffer);
}

static void msgpack_numbers_take_their_shortest_form(void **state)
{
    (void)state;
    static const struct {
        int64_t value;
        const char *hex;
    } cases[] = {
        {0, "00"},
        {127, "7f"},
        {128, "cc80"},
        {255, "ccff"},
        {256, "cd0100"},
        {65536, "ce00010000"},
        {INT64_C(4294967296), "cf0000000100000000"},
        {-1, "ff"},
        {-32, "e0"},
        {-33, "d0df"},
        {-129, "d1ff7f"},
        {-32769, "d2ffff7fff"},
        {INT64_C(-2147483649), "d3ffffffff7fffffff"},
    };
    struct qta_byte_buffer buffer = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        qta_msgpack_write_i64(&buffer, cases[i].value);
        assert_bytes(&buffer, cases[i].hex);
    }
    qta_msgpack_write_u64(&buffer, UINT64_MAX);
    assert_bytes(&buffer, "cfffffffffffffffff");
    qta_msgpack_write_decimal(&buffer, qta_decimal_make(19050, -2));
    assert_bytes(&buffer, "cb4067d00000000000");
    qta_msgpack_write_decimal(&buffer, qta_decimal_make(190, 0));
    assert_bytes(&buffer, "cb4067c00000000000");
    qta_msgpack_write_decimal(&buffer, qta_decimal_null());
    assert_bytes(&buffer, "c0");
    qta_msgpack_write_quantity(&buffer, qta_decimal_make(10000, -2));
    assert_bytes(&buffer, "64");
    qta_msgpack_write_quantity(&buffer, qta_decimal_make(19050, -2));
    assert_bytes(&buffer, "cb4067d00000000000");
    qta_msgpack_write_bool(&buffer, true);
    qta_msgpack_write_bool(&buffer, false);
    assert_bytes(&buffer, "c3c2");
    qta_byte_buffer_finish(&buffer);
}

static void msgpack_times_take_4_8_or_12_bytes(void **state)
{
    (void)state;
    struct qta_byte_buffer buffer = {0};
    qta_msgpack_write_time(&buffer, INT64_C(1700000000000000000));
    assert_bytes(&buffer, "d6ff6553f100");
    qta_msgpack_write_time(&buffer, INT64_C(1700000000123456789));
    assert_bytes(&buffer, "d7ff1d6f34546553f100");
    qta_msgpack_write_time(&buffer, -1);
    assert_bytes(&buffer, "c70cff3b9ac9ffffffffffffffffff");
    const int64_t times[] = {
        0, 1, -1, INT64_C(4294967296) * 1000000000, INT64_MAX, INT64_C(-9223372035000000001)};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct qta_msgpack_reader reader;
        int64_t back_ns = 0;
        qta_msgpack_write_time(&buffer, times[i]);
        qta_msgpack_reader_init(&reader, buffer.bytes, buffer.length);
        assert_int_equal(qta_msgpack_read_time(&reader, &back_ns), QTA_OK);
        assert_true(back_ns == times[i]);
        assert_true(qta_msgpack_finish(&reader));
        qta_byte_buffer_clear(&buffer);
    }
    qta_byte_buffer_finish(&buffer);
}

static void msgpack_strings_and_heads_of_every_size_read_back(void **state)
{
    (void)state;
    const size_t sizes[] = {0, 15, 16, 31, 32, 255, 256, 65535, 65536};
    static char text[65536];
    memset(text, 'x', sizeof text);
    struct qta_byte_buffer buffer = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct qta_msgpack_reader reader;
        struct qta_msgpack_text back;
        uint32_t count = 0;
        qta_msgpack_write_string(&buffer, text, sizes[i]);
        qta_msgpack_reader_init(&reader, buffer.bytes, buffer.length);
        assert_true(qta_msgpack_read_string(&reader, &back));
        assert_int_equal(back.length, sizes[i]);
        assert_true(qta_msgpack_finish(&reader));

        qta_byte_buffer_clear(&buffer);
        qta_msgpack_write_array(&buffer, (uint32_t)sizes[i]);
        for (size_t j = 0; j < sizes[i]; j++)
            qta_msgpack_write_u64(&buffer, 1);
        qta_msgpack_write_map(&buffer, (uint32_t)sizes[i]);
        for (size_t j = 0; j < 2 * sizes[i]; j++)
            qta_msgpack_write_u64(&buffer, 1);
        qta_msgpack_reader_init(&reader, buffer.bytes, buffer.length);
        assert_true(qta_msgpack_enter_array(&reader, &count));
        assert_int_equal(count, sizes[i]);
        for (size_t j = 0; j < count; j++)
            assert_true(qta_msgpack_skip(&reader));
        assert_true(qta_msgpack_enter_map(&reader, &count));
        assert_int_equal(count, sizes[i]);
        qta_byte_buffer_clear(&buffer);
    }
    qta_msgpack_write_string(&buffer, "a\xff", 2);
    assert_bytes(&buffer, "a461efbfbd");
    qta_byte_buffer_finish(&buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_buffer_grows_and_keeps_what_it_has),
        cmocka_unit_test(a_buffer_remembers_that_memory_was_short),
        cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
        cmocka_unit_test(json_numbers_keep_their_digits),
        cmocka_unit_test(json_times_have_the_shortest_fraction),
        cmocka_unit_test(msgpack_numbers_take_their_shortest_form),
        cmocka_unit_test(msgpack_times_take_4_8_or_12_bytes),
        cmocka_unit_test(msgpack_strings_and_heads_of_every_size_read_back),
    };
    return cmocka_run_group_tests_name("writers", tests, NULL, NULL);
}
