/* Alpaca's messages as ticks: each message, as printed by the library itself, in both encodings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>
#include <qta/timestamp.h>

#include "adapters/alpaca_decode.h"
#include "adapters/msgpack_writer.h"
#include "core/json_reader.h"
#include "tests/adapters/fake_host.h"

struct decoding {
    struct fake_host host;
    struct qta_alpaca_decoder *decoder;
    char notices[512]; /* the session's own messages, one after the other */
};

static void note(struct decoding *decoding, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void note(struct decoding *decoding, const char *format, ...)
{
    size_t used = strlen(decoding->notices);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(decoding->notices + used, sizeof decoding->notices - used, format, arguments);
    va_end(arguments);
}

static void on_success(void *user, const char *message, size_t length)
{
    note(user, "success %.*s;", (int)length, message);
}

static void on_error(void *user, int64_t code, const char *message, size_t length)
{
    note(user, "error %d %.*s;", (int)code, (int)length, message);
}

static void on_begin(void *user)
{
    note(user, "subscription");
}

static void on_symbol(void *user, enum qta_alpaca_channel channel, const char *symbol,
                      size_t length)
{
    note(user, " %s/%.*s", qta_alpaca_channel_name(channel), (int)length, symbol);
}

static void on_end(void *user, bool is_whole)
{
    note(user, is_whole ? ";" : " broken;");
}

static const struct qta_alpaca_events events = {
    .on_success = on_success,
    .on_error = on_error,
    .on_subscription_begin = on_begin,
    .on_subscription_symbol = on_symbol,
    .on_subscription_end = on_end,
};

static void start(struct decoding *decoding)
{
    memset(decoding, 0, sizeof *decoding);
    fake_host_init(&decoding->host);
    assert_int_equal(qta_alpaca_decoder_create(&decoding->decoder, &decoding->host.base, &events,
                                               decoding, NULL),
                     QTA_OK);
}

static void stop(struct decoding *decoding)
{
    qta_alpaca_decoder_destroy(decoding->decoder);
    fake_host_finish(&decoding->host);
}

/* Exactly as long as it is, so that ASan sees a read too far. */
static void decode(struct decoding *decoding, const void *bytes, size_t length, bool is_binary)
{
    uint8_t *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    const struct qta_frame frame = {.bytes = copy, .length = length, .is_binary = is_binary};
    qta_alpaca_decode(decoding->decoder, &frame);
    free(copy);
}

static void decode_text(struct decoding *decoding, const char *text)
{
    decode(decoding, text, strlen(text), false);
}

/* ---- the same frame as MessagePack ---- */

static void convert(struct qta_json_reader *reader, struct qta_byte_buffer *out);

static void convert_number(struct qta_json_text number, struct qta_byte_buffer *out)
{
    int64_t whole;
    uint64_t large;
    if (qta_json_text_to_i64(number, &whole)) {
        qta_msgpack_write_i64(out, whole);
    } else if (qta_json_text_to_u64(number, &large)) {
        qta_msgpack_write_u64(out, large);
    } else {
        char text[64];
        snprintf(text, sizeof text, "%.*s", (int)number.length, number.bytes);
        qta_msgpack_write_double(out, strtod(text, NULL));
    }
}

/* Times are strings in JSON and an extension in MessagePack. */
static void convert_string(struct qta_json_text text, struct qta_byte_buffer *out)
{
    char scratch[256];
    struct qta_json_text plain;
    assert_true(text.length < sizeof scratch);
    assert_true(qta_json_unescape(text, scratch, sizeof scratch, &plain));
    int64_t ts_ns;
    if (plain.length >= 20 && qta_timestamp_parse(plain.bytes, plain.length, &ts_ns) == QTA_OK)
        qta_msgpack_write_time(out, ts_ns);
    else
        qta_msgpack_write_string(out, plain.bytes, plain.length);
}

static uint32_t convert_items(struct qta_json_reader *reader, bool is_object,
                              struct qta_byte_buffer *out)
{
    uint32_t count = 0;
    struct qta_json_text key;
    if (is_object) {
        for (; qta_json_next_key(reader, &key); count++) {
            convert_string(key, out);
            convert(reader, out);
        }
        return count;
    }
    for (; qta_json_next_element(reader); count++)
        convert(reader, out);
    return count;
}

static void convert(struct qta_json_reader *reader, struct qta_byte_buffer *out)
{
    struct qta_json_text text;
    bool truth;
    enum qta_json_type type = qta_json_peek(reader);
    if (type == QTA_JSON_OBJECT || type == QTA_JSON_ARRAY) {
        bool is_object = type == QTA_JSON_OBJECT;
        struct qta_byte_buffer items = {0};
        assert_true(is_object ? qta_json_enter_object(reader) : qta_json_enter_array(reader));
        uint32_t count = convert_items(reader, is_object, &items);
        if (is_object)
            qta_msgpack_write_map(out, count);
        else
            qta_msgpack_write_array(out, count);
        if (items.length > 0)
            qta_byte_buffer_append(out, items.bytes, items.length);
        qta_byte_buffer_finish(&items);
    } else if (type == QTA_JSON_STRING) {
        assert_true(qta_json_read_string(reader, &text));
        convert_string(text, out);
    } else if (type == QTA_JSON_NUMBER) {
        assert_true(qta_json_read_number(reader, &text));
        convert_number(text, out);
    } else if (type == QTA_JSON_BOOL) {
        assert_true(qta_json_read_bool(reader, &truth));
        qta_msgpack_write_bool(out, truth);
    } else {
        assert_true(qta_json_read_null(reader));
        qta_byte_buffer_append_byte(out, 0xc0);
    }
}

static void decode_as_msgpack(struct decoding *decoding, const char *text)
{
    struct qta_json_reader reader;
    struct qta_byte_buffer out = {0};
    qta_json_reader_init(&reader, text, strlen(text));
    convert(&reader, &out);
    assert_true(qta_json_finish(&reader));
    decode(decoding, out.bytes, out.length, true);
    qta_byte_buffer_finish(&out);
}

/* ---- what messages mean ---- */

#define TIME "\"t\":\"2026-11-19T16:41:08.070605043Z\""
#define PRINTED "\"ts_event\":\"2026-11-19T16:41:08.070605043Z\""

/* Each message, and its ticks as ndjson without "seq". */
static const struct {
    const char *message;
    const char *ticks;
} cases[] = {
    {"{\"T\":\"t\",\"S\":\"QQA\",\"i\":700417,\"x\":\"K\",\"p\":41.2075,\"s\":63,"
     "\"c\":[\"@\",\"I\"],\"z\":\"C\"," TIME "}",
     "{\"type\":\"trade\",\"symbol\":\"QQA\"," PRINTED ",\"price\":41.2075,\"size\":63,"
     "\"id\":700417,\"exchange\":\"K\",\"conditions\":[\"@\",\"I\"],\"tape\":\"C\"}\n"},
    /* keys in any order, unknown ones skipped, absent ones absent */
    {"{" TIME ",\"zz\":{\"a\":[1,{}]},\"s\":1,\"p\":2,\"S\":\"Q\",\"c\":null,\"T\":\"t\"}",
     "{\"type\":\"trade\",\"symbol\":\"Q\"," PRINTED ",\"price\":2,\"size\":1}\n"},
    /* the id needs all of 64 bits, a space is a condition, crypto has a taker's side */
    {"{\"T\":\"t\",\"S\":\"BTC/USD\",\"p\":71234.5,\"s\":0.00821," TIME
     ",\"i\":4000000000000000123,\"tks\":\"S\",\"c\":[\" \"]}",
     "{\"type\":\"trade\",\"symbol\":\"BTC/USD\"," PRINTED ",\"price\":71234.5,\"size\":0.00821,"
     "\"id\":4000000000000000123,\"conditions\":[\" \"],\"side\":\"sell\"}\n"},
    {"{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"i\":\"7f0c-11\"," TIME "}",
     "{\"type\":\"trade\",\"symbol\":\"Q\"," PRINTED ",\"price\":1,\"size\":1,"
     "\"id\":\"7f0c-11\"}\n"},
    {"{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"c\":[\"A\",\"B\",\"C\",\"D\",\"E\"]," TIME "}",
     "{\"type\":\"trade\",\"symbol\":\"Q\"," PRINTED ",\"price\":1,\"size\":1,"
     "\"conditions\":[\"A\",\"B\",\"C\",\"D\"],\"flags\":[\"conditions_cut\"]}\n"},
    {"{\"T\":\"q\",\"S\":\"ZZB\",\"bx\":\"K\",\"bp\":12.31,\"bs\":7,\"ax\":\"V\",\"ap\":12.34,"
     "\"as\":2,\"c\":[\"R\"],\"z\":\"A\"," TIME "}",
     "{\"type\":\"quote\",\"symbol\":\"ZZB\"," PRINTED ",\"bid_price\":12.31,\"bid_size\":7,"
     "\"bid_exchange\":\"K\",\"ask_price\":12.34,\"ask_size\":2,\"ask_exchange\":\"V\","
     "\"conditions\":[\"R\"],\"tape\":\"A\"}\n"},
    /* a side without a price is absent */
    {"{\"T\":\"q\",\"S\":\"ZZB\",\"bx\":\" \",\"bp\":0,\"bs\":0,\"ax\":\"V\",\"ap\":12.34,"
     "\"as\":2," TIME "}",
     "{\"type\":\"quote\",\"symbol\":\"ZZB\"," PRINTED ",\"ask_price\":12.34,\"ask_size\":2,"
     "\"ask_exchange\":\"V\"}\n"},
    {"{\"T\":\"b\",\"S\":\"QQA\",\"o\":41.18,\"h\":41.26,\"l\":41.15,\"c\":41.21,\"v\":20315,"
     "\"n\":187,\"vw\":41.2044," TIME "}",
     "{\"type\":\"bar\",\"symbol\":\"QQA\"," PRINTED ",\"open\":41.18,\"high\":41.26,"
     "\"low\":41.15,\"close\":41.21,\"volume\":20315,\"trades\":187,\"vwap\":41.2044,"
     "\"interval\":\"60s\",\"kind\":\"minute\"}\n"},
    {"{\"T\":\"u\",\"S\":\"QQA\",\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":0," TIME "}",
     "{\"type\":\"bar\",\"symbol\":\"QQA\"," PRINTED ",\"open\":1,\"high\":2,\"low\":1,"
     "\"close\":2,\"volume\":0,\"interval\":\"60s\",\"kind\":\"updated\"}\n"},
    {"{\"T\":\"d\",\"S\":\"QQA\",\"o\":1,\"h\":2,\"l\":1,\"c\":2,\"v\":3," TIME "}",
     "{\"type\":\"bar\",\"symbol\":\"QQA\"," PRINTED ",\"open\":1,\"high\":2,\"low\":1,"
     "\"close\":2,\"volume\":3,\"interval\":\"86400s\",\"kind\":\"daily\"}\n"},
    {"{\"T\":\"c\",\"S\":\"ZZB\",\"x\":\"K\",\"oi\":61000000000417,\"op\":12.305,\"os\":250,"
     "\"oc\":[\" \",\"4\"],\"ci\":61000000000902,\"cp\":12.335,\"cs\":200,\"cc\":[\" \"],"
     "\"z\":\"A\"," TIME "}",
     "{\"type\":\"trade_correct\",\"symbol\":\"ZZB\"," PRINTED ",\"original_id\":61000000000417,"
     "\"original_price\":12.305,\"original_size\":250,\"original_conditions\":[\" \",\"4\"],"
     "\"corrected_id\":61000000000902,\"corrected_price\":12.335,\"corrected_size\":200,"
     "\"corrected_conditions\":[\" \"],\"exchange\":\"K\",\"tape\":\"A\"}\n"},
    {"{\"T\":\"x\",\"S\":\"QQA\",\"i\":700417,\"x\":\"K\",\"p\":41.2075,\"s\":63,\"a\":\"C\","
     "\"z\":\"C\"," TIME "}",
     "{\"type\":\"trade_cancel\",\"symbol\":\"QQA\"," PRINTED ",\"price\":41.2075,\"size\":63,"
     "\"id\":700417,\"exchange\":\"K\",\"action\":\"C\",\"tape\":\"C\"}\n"},
    {"{\"T\":\"l\",\"S\":\"QQA\",\"u\":43.27,\"d\":39.15,\"i\":\"B\"," TIME ",\"z\":\"C\"}",
     "{\"type\":\"luld\",\"symbol\":\"QQA\"," PRINTED ",\"limit_up\":43.27,\"limit_down\":39.15,"
     "\"indicator\":\"B\",\"tape\":\"C\"}\n"},
    {"{\"T\":\"s\",\"S\":\"QQA\",\"sc\":\"T\",\"sm\":\"Trading \\u00e9\",\"rc\":\"LUDP\","
     "\"rm\":\"\"," TIME ",\"z\":\"C\"}",
     "{\"type\":\"status\",\"symbol\":\"QQA\"," PRINTED ",\"status_code\":\"T\","
     "\"status_message\":\"Trading \xc3\xa9\",\"reason_code\":\"LUDP\",\"tape\":\"C\"}\n"},
    {"{\"T\":\"i\",\"S\":\"QQA\",\"p\":39.4,\"z\":\"C\"," TIME "}",
     "{\"type\":\"imbalance\",\"symbol\":\"QQA\"," PRINTED ",\"price\":39.4,\"tape\":\"C\"}\n"},
    {"{\"T\":\"o\",\"S\":\"BTC/USD\"," TIME ",\"b\":[{\"p\":71230,\"s\":0.35},"
     "{\"p\":71228.5,\"s\":2}],\"a\":[{\"p\":71236.5,\"s\":0.75}],\"r\":true}",
     "{\"type\":\"book\",\"symbol\":\"BTC/USD\"," PRINTED ",\"side\":\"buy\",\"price\":71230,"
     "\"size\":0.35,\"action\":\"set\",\"snapshot\":true,\"first\":true}\n"
     "{\"type\":\"book\",\"symbol\":\"BTC/USD\"," PRINTED ",\"side\":\"buy\",\"price\":71228.5,"
     "\"size\":2,\"action\":\"set\",\"snapshot\":true}\n"
     "{\"type\":\"book\",\"symbol\":\"BTC/USD\"," PRINTED ",\"side\":\"sell\",\"price\":71236.5,"
     "\"size\":0.75,\"action\":\"set\",\"snapshot\":true,\"last\":true}\n"},
    {"{\"T\":\"o\",\"S\":\"BTC/USD\"," TIME ",\"b\":[{\"p\":71230,\"s\":0}],\"a\":[]}",
     "{\"type\":\"book\",\"symbol\":\"BTC/USD\"," PRINTED ",\"side\":\"buy\",\"price\":71230,"
     "\"size\":0,\"action\":\"delete\",\"first\":true,\"last\":true}\n"},
    {"{\"T\":\"o\",\"S\":\"BTC/USD\"," TIME ",\"b\":[],\"a\":[],\"r\":true}",
     "{\"type\":\"book\",\"symbol\":\"BTC/USD\"," PRINTED ",\"action\":\"clear\","
     "\"snapshot\":true,\"first\":true,\"last\":true}\n"},
    {"{\"T\":\"o\",\"S\":\"BTC/USD\"," TIME ",\"b\":[],\"a\":[]}", ""},
};
enum { CASE_COUNT = sizeof cases / sizeof cases[0] };

/* All ticks, each line without its "seq" and without what MessagePack's floats add. */
static void print_ticks(const struct decoding *decoding, char *text, size_t capacity)
{
    static const char float_flag[] = ",\"flags\":[\"from_float\"]";
    static const char float_first[] = "\"from_float\",";
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < decoding->host.tick_count; i++) {
        char line[1024];
        qta_print_tick(&decoding->host.ticks[i], decoding->host.base.names, QTA_PRINT_NDJSON,
                       QTA_TIME_FORMAT_RFC3339, line, sizeof line);
        char *mark = strstr(line, float_flag);
        if (mark)
            memmove(mark, mark + strlen(float_flag), strlen(mark + strlen(float_flag)) + 1);
        mark = strstr(line, float_first);
        if (mark)
            memmove(mark, mark + strlen(float_first), strlen(mark + strlen(float_first)) + 1);
        const char *body = strchr(line, ',');
        used += (size_t)snprintf(text + used, capacity - used, "{%s", body + 1);
        assert_true(used < capacity);
    }
}

static void every_message_becomes_its_ticks_in_both_encodings(void **state)
{
    (void)state;
    for (size_t i = 0; i < CASE_COUNT; i++) {
        char frame[1024];
        char printed[2048];
        snprintf(frame, sizeof frame, "[%s]", cases[i].message);
        struct decoding json;
        struct decoding msgpack;
        start(&json);
        start(&msgpack);
        decode_text(&json, frame);
        print_ticks(&json, printed, sizeof printed);
        assert_string_equal(printed, cases[i].ticks);
        assert_int_equal(json.host.fault_count, 0);
        decode_as_msgpack(&msgpack, frame);
        print_ticks(&msgpack, printed, sizeof printed);
        assert_string_equal(printed, cases[i].ticks);
        assert_int_equal(msgpack.host.fault_count, 0);
        assert_true(json.host.digest.market == msgpack.host.digest.market);
        stop(&json);
        stop(&msgpack);
    }
}

static void one_frame_may_hold_everything_and_one_map_needs_no_list(void **state)
{
    (void)state;
    char frame[16384] = "[";
    char expected[16384] = "";
    for (size_t i = 0; i < CASE_COUNT; i++) {
        strcat(frame, i > 0 ? " ,\n" : "");
        strcat(frame, cases[i].message);
        strcat(expected, cases[i].ticks);
    }
    strcat(frame, "]");
    struct decoding decoding;
    char printed[16384];
    start(&decoding);
    decode_text(&decoding, frame);
    print_ticks(&decoding, printed, sizeof printed);
    assert_string_equal(printed, expected);
    fake_host_clear(&decoding.host);
    decode_text(&decoding, cases[0].message);
    print_ticks(&decoding, printed, sizeof printed);
    assert_string_equal(printed, cases[0].ticks);
    stop(&decoding);
}

static void digits_are_kept_and_too_many_are_rounded_and_said(void **state)
{
    (void)state;
    static const struct {
        const char *number;
        const char *printed;
        bool is_rounded;
    } numbers[] = {
        {"42000.10", "42000.10", false},
        {"9.121E-7", "0.0000009121", false},
        {"9223372036854775807", "9223372036854775807", false},
        {"0.123456789012345678901234", "0.1234567890123456789", true},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char frame[256];
        char text[QTA_DECIMAL_TEXT_BYTES];
        snprintf(frame, sizeof frame, "[{\"T\":\"t\",\"S\":\"Q\",\"p\":%s,\"s\":1," TIME "}]",
                 numbers[i].number);
        struct decoding decoding;
        start(&decoding);
        decode_text(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, 1);
        const struct qta_tick *tick = &decoding.host.ticks[0];
        qta_decimal_print(QTA_TICK_DECIMAL(tick->trade, price), text);
        assert_string_equal(text, numbers[i].printed);
        assert_int_equal((tick->flags & QTA_FLAG_ROUNDED) != 0, numbers[i].is_rounded);
        stop(&decoding);
    }
}

static void the_sessions_own_messages_are_told(void **state)
{
    (void)state;
    static const char frame[] =
        "[{\"T\":\"success\",\"msg\":\"connected\"},"
        "{\"code\":402,\"msg\":\"auth failed\",\"T\":\"error\"},"
        "{\"T\":\"subscription\",\"trades\":[\"A\",\"*\"],\"quotes\":[],\"future\":[1],"
        "\"cancelErrors\":[\"A\"]}]";
    static const char told[] = "success connected;error 402 auth failed;"
                               "subscription trades/A trades/* cancelErrors/A;";
    struct decoding decoding;
    start(&decoding);
    decode_text(&decoding, frame);
    assert_string_equal(decoding.notices, told);
    decoding.notices[0] = '\0';
    decode_as_msgpack(&decoding, frame);
    assert_string_equal(decoding.notices, told);
    assert_int_equal(decoding.host.fault_count, 0);
    stop(&decoding);
}

#define GOOD "{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1," TIME "}"

/* Each bad message stands between two good ones in its frame. */
static void a_bad_message_is_one_fault_and_costs_no_other(void **state)
{
    (void)state;
    static const struct {
        const char *message;
        enum qta_fault fault;
    } bad[] = {
        {"{\"T\":\"t\",\"p\":1,\"s\":1," TIME "}", QTA_FAULT_MISSING},
        {"{\"T\":\"t\",\"S\":\"Q\",\"s\":1," TIME "}", QTA_FAULT_MISSING},
        {"{\"T\":\"t\",\"S\":\"Q\",\"p\":null,\"s\":1," TIME "}", QTA_FAULT_MISSING},
        {"{\"T\":\"t\",\"S\":\"Q\",\"p\":\"x\",\"s\":1," TIME "}", QTA_FAULT_VALUE},
        {"{\"T\":\"t\",\"S\":5,\"p\":1,\"s\":1," TIME "}", QTA_FAULT_VALUE},
        {"{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"t\":\"yesterday\"}", QTA_FAULT_VALUE},
        {"{\"T\":\"n\",\"headline\":\"h\"}", QTA_FAULT_UNKNOWN_TYPE},
        {"{\"T\":\"pricing\"}", QTA_FAULT_UNKNOWN_TYPE},
        {"{\"S\":\"Q\"}", QTA_FAULT_MISSING},
        {"{\"T\":7}", QTA_FAULT_VALUE},
        {"17", QTA_FAULT_VALUE},
        {"{\"T\":\"q\",\"S\":\"Q\"," TIME "}", QTA_FAULT_MISSING},
        {"{\"T\":\"o\",\"S\":\"Q\"," TIME ",\"b\":[{\"p\":1}],\"a\":[]}", QTA_FAULT_VALUE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char frame[512];
        snprintf(frame, sizeof frame, "[" GOOD ",%s," GOOD "]", bad[i].message);
        print_message("%s\n", bad[i].message);
        for (int encoding = 0; encoding < 2; encoding++) {
            struct decoding decoding;
            start(&decoding);
            if (encoding == 0)
                decode_text(&decoding, frame);
            else
                decode_as_msgpack(&decoding, frame);
            assert_int_equal(decoding.host.tick_count, 2);
            assert_int_equal(decoding.host.fault_count, 1);
            assert_int_equal(decoding.host.faults[bad[i].fault], 1);
            stop(&decoding);
        }
    }
}

static void a_broken_frame_is_one_fault_and_keeps_what_came_before(void **state)
{
    (void)state;
    static const struct {
        const char *frame;
        enum qta_fault fault;
        size_t ticks;
    } broken[] = {
        {"", QTA_FAULT_SYNTAX, 0},
        {"garbage", QTA_FAULT_SYNTAX, 0},
        {"[" GOOD, QTA_FAULT_SYNTAX, 1},
        {"[" GOOD ",{\"T\":\"t\",\"S\":\"Q\",\"p\":1", QTA_FAULT_SYNTAX, 1},
        {"[" GOOD "]]", QTA_FAULT_SYNTAX, 1},
        {"[" GOOD ",{\"T\":\"t\",\"S\":\"\xff\",\"p\":1,\"s\":1," TIME "}]", QTA_FAULT_UTF8, 1},
    };
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct decoding decoding;
        start(&decoding);
        print_message("%s\n", broken[i].frame);
        decode_text(&decoding, broken[i].frame);
        assert_int_equal(decoding.host.tick_count, broken[i].ticks);
        assert_int_equal(decoding.host.fault_count, 1);
        assert_int_equal(decoding.host.faults[broken[i].fault], 1);
        stop(&decoding);
    }
}

static void nesting_without_end_is_refused(void **state)
{
    (void)state;
    enum { DEPTH = 1000000 };
    static char frame[DEPTH + 64];
    struct decoding decoding;
    start(&decoding);
    size_t used = (size_t)snprintf(frame, sizeof frame, "[{\"T\":\"t\",\"zz\":");
    memset(frame + used, '[', DEPTH);
    decode(&decoding, frame, used + DEPTH, false);
    assert_int_equal(decoding.host.faults[QTA_FAULT_TOO_DEEP], 1);
    memset(frame, 0x91, DEPTH);
    decode(&decoding, frame, DEPTH, true);
    assert_int_equal(decoding.host.faults[QTA_FAULT_TOO_DEEP], 2);
    assert_int_equal(decoding.host.tick_count, 0);
    stop(&decoding);
}

static void a_frame_cut_anywhere_does_no_harm(void **state)
{
    (void)state;
    char frame[16384] = "[";
    for (size_t i = 0; i < CASE_COUNT; i++) {
        strcat(frame, i > 0 ? "," : "");
        strcat(frame, cases[i].message);
    }
    strcat(frame, "]");
    struct qta_json_reader reader;
    struct qta_byte_buffer msgpack = {0};
    qta_json_reader_init(&reader, frame, strlen(frame));
    convert(&reader, &msgpack);
    struct decoding decoding;
    start(&decoding);
    decoding.host.keeps_ticks = false;
    for (size_t length = 0; length < strlen(frame); length++) {
        size_t faults = decoding.host.fault_count;
        decode(&decoding, frame, length, false);
        assert_int_equal(decoding.host.fault_count, faults + 1);
    }
    for (size_t length = 0; length < msgpack.length; length++) {
        size_t faults = decoding.host.fault_count;
        decode(&decoding, msgpack.bytes, length, true);
        assert_int_equal(decoding.host.fault_count, faults + 1);
    }
    qta_byte_buffer_finish(&msgpack);
    stop(&decoding);
}

/* ---- what is usual is read fast, what is not must come out the same ---- */

/* The same document with blanks wherever they are allowed. */
static void space_out(const char *text, char *out)
{
    bool is_string = false;
    for (; *text; text++) {
        bool is_mark = !is_string && strchr("{}[],:", *text);
        if (is_mark)
            *out++ = ' ';
        *out++ = *text;
        if (is_mark)
            *out++ = '\n';
        if (is_string && *text == '\\')
            *out++ = *++text;
        else if (*text == '"')
            is_string = !is_string;
    }
    *out = '\0';
}

static void blanks_change_nothing(void **state)
{
    (void)state;
    struct decoding decoding;
    start(&decoding); /* one for all: what it has learned from one form must not harm the other */
    for (size_t i = 0; i < 3 * CASE_COUNT; i++) {
        char frame[4096];
        char printed[2048];
        if (i % 2 == 0)
            space_out(cases[i % CASE_COUNT].message, frame);
        else
            snprintf(frame, sizeof frame, "%s", cases[i % CASE_COUNT].message);
        fake_host_clear(&decoding.host);
        decode_text(&decoding, frame);
        print_ticks(&decoding, printed, sizeof printed);
        assert_string_equal(printed, cases[i % CASE_COUNT].ticks);
        assert_int_equal(decoding.host.fault_count, 0);
    }
    stop(&decoding);
}

static void keys_may_come_in_another_order_every_time(void **state)
{
    (void)state;
    enum { KEYS = 11 };
    const char *keys[KEYS] = {
        "\"T\":\"t\"",    "\"S\":\"QQA\"", "\"i\":700417", "\"x\":\"K\"", "\"p\":41.2075",
        "\"s\":63",       "\"c\":[\"@\"]", "\"z\":\"C\"",  TIME,          "\"r\":0",
        "\"unheard\":{}",
    };
    uint64_t seed = 42;
    struct decoding decoding;
    start(&decoding);
    for (int round = 0; round < 2000; round++) {
        char frame[512] = "{";
        char printed[1024];
        for (size_t i = KEYS - 1; i > 0; i--) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            size_t other = (size_t)(seed >> 33) % (i + 1);
            const char *key = keys[i];
            keys[i] = keys[other];
            keys[other] = key;
        }
        for (size_t i = 0; i < KEYS; i++) {
            strcat(frame, i > 0 ? "," : "");
            strcat(frame, keys[i]);
        }
        strcat(frame, "}");
        fake_host_clear(&decoding.host);
        decode_text(&decoding, frame);
        print_ticks(&decoding, printed, sizeof printed);
        assert_string_equal(printed,
                            "{\"type\":\"trade\",\"symbol\":\"QQA\"," PRINTED
                            ",\"price\":41.2075,\"size\":63,\"id\":700417,\"exchange\":\"K\","
                            "\"conditions\":[\"@\"],\"tape\":\"C\"}\n");
    }
    assert_int_equal(decoding.host.fault_count, 0);
    stop(&decoding);
}

/* In the place of a key that is known comes one that starts, or ends, or is written like it. */
static void a_key_that_looks_like_the_expected_one_is_another(void **state)
{
    (void)state;
    static const char *const others[] = {"\"pp\":9",    "\"px\":9",  "\"p\\u0000\":9", "\"p \":9",
                                         "\"xp\":9",    "\"\":9",    "\"P\":9",        "\"p1\":[9]",
                                         "\"pxxxx\":9", "\"tksx\":9"};
    struct decoding decoding;
    start(&decoding);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char frame[256];
        fake_host_clear(&decoding.host);
        decode_text(&decoding, "{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":2," TIME "}");
        snprintf(frame, sizeof frame,
                 "{\"T\":\"t\",\"S\":\"Q\",%s,\"p\" :1,\"\\u0073\":2," TIME "}", others[i]);
        decode_text(&decoding, frame);
        print_message("%s\n", frame);
        assert_int_equal(decoding.host.fault_count, 0);
        assert_int_equal(decoding.host.tick_count, 2);
        assert_int_equal(decoding.host.ticks[1].trade.price_mantissa, 1);
        assert_int_equal(decoding.host.ticks[1].trade.size_mantissa, 2);
    }
    stop(&decoding);
}

static void of_an_id_that_comes_twice_the_last_one_counts(void **state)
{
    (void)state;
    struct decoding decoding;
    char printed[1024];
    start(&decoding);
    decode_text(&decoding, "[{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"i\":\"x\",\"i\":5},"
                           "{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"i\":5,\"i\":\"x\"}]");
    print_ticks(&decoding, printed, sizeof printed);
    assert_non_null(strstr(printed, "\"id\":5"));
    assert_non_null(strstr(printed, "\"id\":\"x\""));
    stop(&decoding);
}

/* Empty is absent: it neither counts as a symbol nor takes away the one that was there. */
static void no_tick_is_without_a_symbol(void **state)
{
    (void)state;
    static const char *const nothing[] = {"\"\"", "null", "\"\" "};
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        struct decoding decoding;
        char frame[256];
        start(&decoding);
        snprintf(frame, sizeof frame, "{\"T\":\"i\",\"p\":1,\"S\":%s}", nothing[i]);
        decode_text(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, 0);
        assert_int_equal(decoding.host.faults[QTA_FAULT_MISSING], 1);
        snprintf(frame, sizeof frame, "{\"T\":\"i\",\"p\":1,\"S\":\"Q\",\"S\":%s}", nothing[i]);
        decode_text(&decoding, frame);
        decode_as_msgpack(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, 2);
        for (size_t j = 0; j < 2; j++)
            assert_string_equal(
                fake_host_name(&decoding.host, QTA_NAME_SYMBOL, decoding.host.ticks[j].symbol),
                "Q");
        stop(&decoding);
    }
}

static void more_keys_than_a_message_has_do_no_harm(void **state)
{
    (void)state;
    char frame[2048] = "{\"T\":\"t\",\"S\":\"Q\"";
    for (int i = 0; i < 60; i++)
        strcat(frame, i % 2 ? ",\"p\":1" : ",\"s\":2");
    strcat(frame, ",\"p\":7,\"s\":8}"); /* of a key that comes twice the last one counts */
    struct decoding decoding;
    start(&decoding);
    for (int i = 0; i < 3; i++)
        decode_text(&decoding, frame);
    assert_int_equal(decoding.host.tick_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(decoding.host.ticks[i].trade.price_mantissa, 7);
        assert_int_equal(decoding.host.ticks[i].trade.size_mantissa, 8);
    }
    stop(&decoding);
}

static size_t write_levels(char *text, const char *side, int count, int first_price)
{
    size_t used = (size_t)sprintf(text, ",\"%s\":[", side);
    for (int i = 0; i < count; i++)
        used += (size_t)sprintf(text + used, "%s{\"p\":%d,\"s\":%d}", i ? "," : "", first_price + i,
                                i + 1);
    return used + (size_t)sprintf(text + used, "]");
}

static void assert_book(const struct decoding *decoding, int bids, int asks)
{
    size_t count = (size_t)(bids + asks);
    assert_int_equal(decoding->host.fault_count, 0);
    assert_int_equal(decoding->host.tick_count, count);
    for (size_t i = 0; i < count; i++) {
        const struct qta_tick *tick = &decoding->host.ticks[i];
        bool is_bid = i < (size_t)bids;
        size_t level = is_bid ? i : i - (size_t)bids;
        assert_int_equal(tick->book.side, is_bid ? QTA_SIDE_BUY : QTA_SIDE_SELL);
        assert_int_equal(tick->book.price_mantissa, (is_bid ? 1000 : 5000) + (int)level);
        assert_int_equal(tick->book.size_mantissa, level + 1);
        assert_true(tick->flags & QTA_FLAG_BOOK_SNAPSHOT);
        assert_int_equal(!!(tick->flags & QTA_FLAG_BOOK_FIRST), i == 0);
        assert_int_equal(!!(tick->flags & QTA_FLAG_BOOK_LAST), i == count - 1);
    }
}

/* 128 levels are kept while the rest of the message is read; what is beyond is read again. */
static void books_of_any_depth_come_out_whole(void **state)
{
    (void)state;
    static const int depths[][2] = {{127, 0},  {128, 0}, {129, 0},   {0, 129}, {64, 64},
                                    {100, 29}, {127, 2}, {300, 300}, {1, 500}};
    static char frame[32768];
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        for (int is_ask_first = 0; is_ask_first < 2; is_ask_first++) {
            struct decoding json;
            struct decoding msgpack;
            size_t used = (size_t)sprintf(frame, "{\"T\":\"o\",\"S\":\"BTC/USD\"," TIME);
            for (int side = 0; side < 2; side++) {
                bool is_ask = (side == 0) == is_ask_first;
                used += write_levels(frame + used, is_ask ? "a" : "b", depths[i][is_ask],
                                     is_ask ? 5000 : 1000);
            }
            strcpy(frame + used, ",\"r\":true}");
            start(&json);
            start(&msgpack);
            decode_text(&json, frame);
            decode_as_msgpack(&msgpack, frame);
            assert_book(&json, depths[i][0], depths[i][1]);
            assert_book(&msgpack, depths[i][0], depths[i][1]);
            stop(&json);
            stop(&msgpack);
        }
    }
}

/* A bad level anywhere costs the event, and nothing of it comes out. */
static void a_book_comes_out_whole_or_not_at_all(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{\"p\":1}", "{\"s\":1}", "{\"p\":\"1\",\"s\":1}", "{\"p\":null,\"s\":1}", "7", "[1,2]"};
    static char frame[16384];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct decoding decoding;
        size_t used = (size_t)sprintf(frame, "[{\"T\":\"o\",\"S\":\"B\"");
        used += write_levels(frame + used, "b", 200, 1000) - 1;
        sprintf(frame + used, ",%s]},%s]", bad[i], cases[0].message);
        start(&decoding);
        decode_text(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, 1);
        assert_int_equal(decoding.host.ticks[0].type, QTA_TICK_TRADE);
        assert_int_equal(decoding.host.faults[QTA_FAULT_VALUE], 1);
        stop(&decoding);
    }
}

/* Most levels are read at once; what looks a little different must come out the same. */
static void a_level_may_be_written_in_any_way(void **state)
{
    (void)state;
    static const struct {
        const char *level;
        const char *printed;
    } levels[] = {
        {"{\"p\":71000.5,\"s\":0.25}", "\"price\":71000.5,\"size\":0.25"},
        {"{\"s\":0.25,\"p\":71000.5}", "\"price\":71000.5,\"size\":0.25"},
        {"{\"p\":71000.5,\"s\":0.25,\"n\":[{\"p\":1}]}", "\"price\":71000.5,\"size\":0.25"},
        {"{\"p\":71000.5,\"s\":1,\"s\":0.25}", "\"price\":71000.5,\"size\":0.25"},
        {"{\"p\":71000.5 ,\"s\":0.25 }", "\"price\":71000.5,\"size\":0.25"},
        {"{\"p\":123456789.123456789,\"s\":0}", "\"price\":123456789.123456789,\"size\":0"},
        {"{\"p\":9.121E-7,\"s\":2e3}", "\"price\":0.0000009121,\"size\":2000"},
        {"{\"p\":-37.63,\"s\":00000}", NULL},
        {"{\"p\":1.,\"s\":1}", NULL},
        {"{\"p\":1,\"s\":1]", NULL},
        {"{\"p\":1,\"s\":}", NULL},
    };
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        struct decoding decoding;
        char frame[256];
        char printed[1024];
        start(&decoding);
        snprintf(frame, sizeof frame, "{\"T\":\"o\",\"S\":\"B\"," TIME ",\"b\":[%s],\"a\":[]}",
                 levels[i].level);
        decode_text(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, levels[i].printed ? 1 : 0);
        assert_int_equal(decoding.host.fault_count, levels[i].printed ? 0 : 1);
        print_ticks(&decoding, printed, sizeof printed);
        if (levels[i].printed && !strstr(printed, levels[i].printed))
            fail_msg("'%s' came out as %s", levels[i].level, printed);
        stop(&decoding);
    }
}

static void one_text_id_makes_both_of_a_correction_text(void **state)
{
    (void)state;
    struct decoding decoding;
    char printed[1024];
    start(&decoding);
    decode_text(&decoding, "{\"T\":\"c\",\"S\":\"Q\",\"oi\":17,\"ci\":\"x-1\",\"cp\":1,\"cs\":2}");
    print_ticks(&decoding, printed, sizeof printed);
    assert_non_null(strstr(printed, "\"original_id\":\"17\""));
    assert_non_null(strstr(printed, "\"corrected_id\":\"x-1\""));
    stop(&decoding);
}

static void ids_are_numbers_when_64_bits_can_hold_them(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        const char *printed;
    } ids[] = {
        {"0", "\"id\":0"},
        {"12345678", "\"id\":12345678"},
        {"1234567812345678", "\"id\":1234567812345678"},
        {"9999999999999999999", "\"id\":9999999999999999999"},
        {"18446744073709551614", "\"id\":18446744073709551614"},
        {"18446744073709551615", "\"id\":\"18446744073709551615\""}, /* stands for "none" */
        {"18446744073709551616", "\"id\":\"18446744073709551616\""},
        {"123456789012345678901234567", "\"id\":\"123456789012345678901234567\""},
        {"-1", "\"id\":\"-1\""},
        {"1.5", "\"id\":\"1.5\""},
        {"187.0", "\"id\":187"},
        {"\"17\"", "\"id\":\"17\""},
    };
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        for (int is_last = 0; is_last < 2; is_last++) { /* with bytes behind it, and without */
            struct decoding decoding;
            char frame[256];
            char printed[1024];
            snprintf(frame, sizeof frame, "{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,\"i\":%s%s}",
                     ids[i].id, is_last ? "" : "," TIME);
            start(&decoding);
            decode_text(&decoding, frame);
            print_ticks(&decoding, printed, sizeof printed);
            print_message("id %s\n", ids[i].id);
            assert_int_equal(decoding.host.fault_count, 0);
            assert_non_null(strstr(printed, ids[i].printed));
            stop(&decoding);
        }
    }
}

static void a_tape_or_side_that_we_cannot_hold_costs_only_itself(void **state)
{
    (void)state;
    static const char *const odd[] = {"\"z\":\"OTC\"", "\"tks\":\"X\"", "\"z\":\"\\u00e9\"",
                                      "\"tks\":\"BUY\""};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        struct decoding decoding;
        char frame[256];
        snprintf(frame, sizeof frame, "{\"T\":\"t\",\"S\":\"Q\",\"p\":1,\"s\":1,%s}", odd[i]);
        start(&decoding);
        decode_text(&decoding, frame);
        assert_int_equal(decoding.host.tick_count, 1);
        assert_int_equal(decoding.host.ticks[0].trade.tape, 0);
        assert_int_equal(decoding.host.ticks[0].trade.side, QTA_SIDE_UNKNOWN);
        assert_int_equal(decoding.host.faults[QTA_FAULT_VALUE], 1);
        stop(&decoding);
    }
}

static void names_of_every_length_keep_their_own_ids(void **state)
{
    (void)state;
    enum { NAMES = 20000 }; /* far more than the cache has places */
    struct decoding decoding;
    start(&decoding);
    for (int round = 0; round < 2; round++) {
        fake_host_clear(&decoding.host);
        for (int i = 0; i < NAMES; i++) {
            char frame[128];
            snprintf(frame, sizeof frame, "{\"T\":\"i\",\"S\":\"%0*d\",\"p\":1}", 1 + i % 24, i);
            decode_text(&decoding, frame);
        }
        assert_int_equal(decoding.host.tick_count, NAMES);
        for (int i = 0; i < NAMES; i++) {
            char name[32];
            snprintf(name, sizeof name, "%0*d", 1 + i % 24, i);
            assert_string_equal(
                fake_host_name(&decoding.host, QTA_NAME_SYMBOL, decoding.host.ticks[i].symbol),
                name);
        }
    }
    stop(&decoding);
}

static void times_are_exact_with_any_number_of_digits(void **state)
{
    (void)state;
    static const char digits[] = "123456789012";
    struct decoding known; /* has seen the minute: the fast way */
    start(&known);
    for (int count = 0; count <= 12; count++) {
        struct decoding fresh;
        char time[64];
        char frame[128];
        int64_t expected_ns;
        int length = snprintf(time, sizeof time, "2026-11-19T16:41:59%s%.*sZ", count ? "." : "",
                              count, digits);
        assert_int_equal(qta_timestamp_parse(time, (size_t)length, &expected_ns), QTA_OK);
        for (int is_last = 0; is_last < 2; is_last++) {
            snprintf(frame, sizeof frame, "[{\"T\":\"i\",\"S\":\"Q\",\"t\":\"%s\",\"p\":1%s}]",
                     time, is_last ? "" : ",\"unheard\":\"something that is long enough\"");
            start(&fresh);
            fake_host_clear(&known.host);
            decode_text(&fresh, frame);
            decode_text(&known, frame);
            assert_true(fresh.host.ticks[0].ts_event_ns == expected_ns);
            assert_true(known.host.ticks[0].ts_event_ns == expected_ns);
            stop(&fresh);
        }
    }
    static const char *const wrong[] = {"2026-11-19T16:41:5xZ",
                                        "2026-11-19T16:41:61Z",
                                        "2026-11-19T16:41:59.Z",
                                        "2026-11-19T16:41:59.12x4Z",
                                        "2026-11-19T16:41:59",
                                        "2026-11-19T16:41:59.123456789",
                                        "2026-11-19T16:41:59.12345678xZ",
                                        "2026-11-19T16:41 59Z",
                                        "",
                                        "Z"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char frame[128];
        snprintf(frame, sizeof frame, "{\"T\":\"i\",\"S\":\"Q\",\"p\":1,\"t\":\"%s\"}", wrong[i]);
        fake_host_clear(&known.host);
        decode_text(&known, frame);
        print_message("time '%s'\n", wrong[i]);
        assert_int_equal(known.host.tick_count, 0);
        assert_int_equal(known.host.faults[QTA_FAULT_VALUE], 1);
    }
    stop(&known);
}

static void a_new_decoder_remembers_no_minute_that_is_none(void **state)
{
    (void)state;
    static const char zeros[] =
        "{\"T\":\"i\",\"S\":\"Q\",\"p\":1,\"t\":\"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        ":00Z\"}                ";
    struct decoding decoding;
    start(&decoding);
    decode(&decoding, zeros, sizeof zeros - 1, false);
    assert_int_equal(decoding.host.tick_count, 0);
    assert_int_equal(decoding.host.faults[QTA_FAULT_SYNTAX], 1);
    decode_text(&decoding, "{\"T\":\"i\",\"S\":\"Q\",\"p\":1,\"t\":\"1970-01-01T00:00:01.5Z\"}");
    assert_int_equal(decoding.host.tick_count, 1);
    assert_true(decoding.host.ticks[0].ts_event_ns == 1500000000);
    stop(&decoding);
}

static void json_in_a_binary_frame_is_still_json(void **state)
{
    (void)state;
    struct decoding decoding;
    start(&decoding);
    decode(&decoding, cases[0].message, strlen(cases[0].message), true);
    assert_int_equal(decoding.host.tick_count, 1);
    assert_int_equal(decoding.host.fault_count, 0);
    stop(&decoding);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_becomes_its_ticks_in_both_encodings),
        cmocka_unit_test(one_frame_may_hold_everything_and_one_map_needs_no_list),
        cmocka_unit_test(digits_are_kept_and_too_many_are_rounded_and_said),
        cmocka_unit_test(the_sessions_own_messages_are_told),
        cmocka_unit_test(a_bad_message_is_one_fault_and_costs_no_other),
        cmocka_unit_test(a_broken_frame_is_one_fault_and_keeps_what_came_before),
        cmocka_unit_test(nesting_without_end_is_refused),
        cmocka_unit_test(a_frame_cut_anywhere_does_no_harm),
        cmocka_unit_test(blanks_change_nothing),
        cmocka_unit_test(keys_may_come_in_another_order_every_time),
        cmocka_unit_test(a_key_that_looks_like_the_expected_one_is_another),
        cmocka_unit_test(of_an_id_that_comes_twice_the_last_one_counts),
        cmocka_unit_test(no_tick_is_without_a_symbol),
        cmocka_unit_test(more_keys_than_a_message_has_do_no_harm),
        cmocka_unit_test(books_of_any_depth_come_out_whole),
        cmocka_unit_test(a_book_comes_out_whole_or_not_at_all),
        cmocka_unit_test(a_level_may_be_written_in_any_way),
        cmocka_unit_test(one_text_id_makes_both_of_a_correction_text),
        cmocka_unit_test(ids_are_numbers_when_64_bits_can_hold_them),
        cmocka_unit_test(a_tape_or_side_that_we_cannot_hold_costs_only_itself),
        cmocka_unit_test(names_of_every_length_keep_their_own_ids),
        cmocka_unit_test(times_are_exact_with_any_number_of_digits),
        cmocka_unit_test(a_new_decoder_remembers_no_minute_that_is_none),
        cmocka_unit_test(json_in_a_binary_frame_is_still_json),
    };
    return cmocka_run_group_tests_name("alpaca_decode", tests, NULL, NULL);
}
