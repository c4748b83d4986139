/* Normalized JSON, read back and made up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/print.h>

#include "adapters/normalized_json.h"
#include "tests/adapters/fake_host.h"

static size_t decode(struct fake_host *host, const char *text)
{
    struct qta_frame frame = {.bytes = (const uint8_t *)text, .length = strlen(text)};
    return qta_normalized_json_decode(&host->base, &frame);
}

/* ---- what is printed reads back -------------------------------------------------------------- */

static uint32_t name_of(struct fake_host *host, enum qta_name_kind kind, const char *name)
{
    return qta_dictionary_intern(host->base.names, kind, name, strlen(name));
}

/* A tick of this type with every field set to something that tells the fields apart. */
static void fill_every_field(struct fake_host *host, struct qta_tick *tick, enum qta_tick_type type,
                             bool has_text_ids)
{
    qta_tick_init(tick, type);
    tick->rx_seq = 77;
    tick->ts_recv_ns = INT64_C(1714570200000000123);
    tick->ts_event_ns = INT64_C(1714570199999999999);
    tick->src_seq = 4711;
    tick->symbol = name_of(host, QTA_NAME_SYMBOL, "BRK.B \"x\"\\\n");
    tick->provider = (uint16_t)name_of(host, QTA_NAME_PROVIDER, "somebody");
    tick->conn = 3;
    if (has_text_ids)
        tick->flags |= QTA_FLAG_ID_IS_TEXT;
    size_t count;
    const struct qta_field *fields = qta_tick_fields(type, &count);
    for (size_t i = 0; i < count; i++) {
        uint8_t *at = (uint8_t *)tick + fields[i].offset;
        char name[16];
        snprintf(name, sizeof name, "t\xc3\xa4xt%zu", i);
        uint64_t word = 1000 * (i + 1) + 50;
        uint32_t text = name_of(host, QTA_NAME_TEXT, name);
        uint16_t codes[QTA_CONDITIONS_MAX] = {'@', ' ',
                                              (uint16_t)name_of(host, QTA_NAME_CODE, name), 'I'};
        switch (fields[i].kind) {
        case QTA_FIELD_DECIMAL:
            ((uint8_t *)tick)[fields[i].exponent_offset] = (uint8_t)(int8_t)-2;
            memcpy(at, &word, sizeof word);
            break;
        case QTA_FIELD_ID:
            word = has_text_ids ? text : UINT64_C(18446744073709551614);
            memcpy(at, &word, sizeof word);
            break;
        case QTA_FIELD_U64:
        case QTA_FIELD_I64:
        case QTA_FIELD_TIME:
        case QTA_FIELD_INTERVAL:
            memcpy(at, &word, sizeof word);
            break;
        case QTA_FIELD_I32:
        case QTA_FIELD_TEXT:
            memcpy(at, &text, sizeof text);
            break;
        case QTA_FIELD_CODE:
            memcpy(at, &codes[2], sizeof codes[2]);
            break;
        case QTA_FIELD_CONDITIONS:
            memcpy(at, codes, sizeof codes);
            break;
        case QTA_FIELD_CHAR:
            *at = 'C';
            break;
        case QTA_FIELD_ENUM:
            *at = 2;
            break;
        case QTA_FIELD_FLAG:
            tick->flags |= fields[i].flag;
            break;
        }
    }
}

static void assert_reads_back(struct fake_host *host, const struct qta_tick *tick,
                              enum qta_time_format times)
{
    char line[4096];
    size_t length = qta_print_tick(tick, host->base.names, QTA_PRINT_NDJSON, times, line,
                                   sizeof line);
    assert_in_range(length, 1, sizeof line - 1);
    struct qta_digest expected;
    qta_digest_init(&expected);
    qta_digest_add(&expected, tick, host->base.names);
    fake_host_clear(host);
    print_message("%s", line);
    assert_int_equal(decode(host, line), 1);
    assert_int_equal(host->fault_count, 0);
    assert_true(host->digest.market == expected.market);
}

static void every_market_type_reads_back_as_it_was_printed(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (int type = QTA_TICK_TRADE; type < QTA_TICK_MARKET_TYPE_END; type++) {
        for (int variant = 0; variant < 4; variant++) {
            struct qta_tick tick;
            fill_every_field(&host, &tick, (enum qta_tick_type)type, variant & 1);
            assert_reads_back(&host, &tick,
                              variant & 2 ? QTA_TIME_FORMAT_NS : QTA_TIME_FORMAT_RFC3339);
        }
    }
    fake_host_finish(&host);
}

static void what_was_absent_stays_absent(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    for (int type = QTA_TICK_TRADE; type < QTA_TICK_MARKET_TYPE_END; type++) {
        struct qta_tick tick;
        qta_tick_init(&tick, (enum qta_tick_type)type);
        tick.symbol = name_of(&host, QTA_NAME_SYMBOL, "A");
        if (type == QTA_TICK_TRADE)
            QTA_TICK_SET_DECIMAL(tick.trade, price, qta_decimal_make(0, 0));
        if (type == QTA_TICK_BAR)
            tick.bar.kind = QTA_BAR_MINUTE;
        assert_reads_back(&host, &tick, QTA_TIME_FORMAT_RFC3339);
    }
    fake_host_finish(&host);
}

/* ---- what others send ------------------------------------------------------------------------ */

static void a_message_without_type_is_a_trade(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host, "{\"symbol\":\"AAPL\",\"price\":190.50,\"size\":\"0.250\","
                                   "\"timestamp\":1714570200000000001,\"sequence\":9}"),
                     1);
    const struct qta_tick *tick = &host.ticks[0];
    assert_int_equal(tick->type, QTA_TICK_TRADE);
    assert_string_equal(fake_host_name(&host, QTA_NAME_SYMBOL, tick->symbol), "AAPL");
    assert_int_equal(tick->trade.price_mantissa, 19050);
    assert_int_equal(tick->trade.price_exponent, -2);
    assert_int_equal(tick->trade.size_mantissa, 250);
    assert_int_equal(tick->trade.size_exponent, -3);
    assert_true(tick->ts_event_ns == INT64_C(1714570200000000001));
    assert_int_equal(tick->src_seq, 9);
    assert_true(tick->ts_recv_ns == QTA_TIME_UNKNOWN);
    fake_host_finish(&host);
}

static void arrays_plurals_and_any_order_of_keys_are_fine(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(
        decode(&host,
               " [ {\"bid_price\":1,\"type\":\"quotes\",\"symbol\":\"A\",\"x\":{\"y\":[1]}} ,"
               "{\"price\":2,\"symbol\":\"B\",\"type\":\"trades\",\"id\":\"f-1\"},"
               "{\"type\":\"bars\",\"symbol\":\"A\",\"close\":3,\"interval\":\"1d\"},"
               "{\"type\":null,\"price\":4,\"size\":null,\"symbol\":\"C\"}]"),
        4);
    assert_int_equal(host.fault_count, 0);
    assert_int_equal(host.ticks[0].type, QTA_TICK_QUOTE);
    assert_int_equal(host.ticks[1].type, QTA_TICK_TRADE);
    assert_true(host.ticks[1].flags & QTA_FLAG_ID_IS_TEXT);
    assert_string_equal(fake_host_name(&host, QTA_NAME_TEXT, (uint32_t)host.ticks[1].trade.id),
                        "f-1");
    assert_int_equal(host.ticks[2].bar.kind, QTA_BAR_DAILY);
    assert_true(qta_decimal_is_null(QTA_TICK_DECIMAL(host.ticks[3].trade, size)));
    assert_int_equal(decode(&host, "[]"), 0);
    assert_int_equal(host.fault_count, 0);
    fake_host_finish(&host);
}

static void ids_beyond_64_bits_become_text_together(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host,
                            "{\"type\":\"trade_correct\",\"symbol\":\"A\",\"original_id\":12,"
                            "\"corrected_id\":123456789012345678901234567}"),
                     1);
    const struct qta_tick *tick = &host.ticks[0];
    assert_true(tick->flags & QTA_FLAG_ID_IS_TEXT);
    assert_string_equal(
        fake_host_name(&host, QTA_NAME_TEXT, (uint32_t)tick->trade_correct.original_id), "12");
    assert_string_equal(
        fake_host_name(&host, QTA_NAME_TEXT, (uint32_t)tick->trade_correct.corrected_id),
        "123456789012345678901234567");
    fake_host_finish(&host);
}

static void of_a_field_that_comes_again_the_last_value_counts(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host, "{\"symbol\":\"A\",\"price\":1,\"id\":1,\"id\":2,\"id\":3,"
                                   "\"price\":4,\"symbol\":\"B\"}"),
                     1);
    assert_int_equal(host.ticks[0].trade.id, 3);
    assert_int_equal(host.ticks[0].trade.price_mantissa, 4);
    assert_string_equal(fake_host_name(&host, QTA_NAME_SYMBOL, host.ticks[0].symbol), "B");
    fake_host_finish(&host);
}

static void conditions_may_be_one_or_many_and_numbers(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host, "[{\"symbol\":\"A\",\"price\":1,\"conditions\":\"@\"},"
                                   "{\"symbol\":\"A\",\"price\":1,\"conditions\":[14,\"\\u0040\","
                                   "\"\",\"a\",\"b\",\"c\"]}]"),
                     2);
    assert_int_equal(host.ticks[0].trade.conditions[0], '@');
    assert_int_equal(host.ticks[0].trade.conditions[1], 0);
    assert_string_equal(fake_host_name(&host, QTA_NAME_CODE, host.ticks[1].trade.conditions[0]),
                        "14");
    assert_int_equal(host.ticks[1].trade.conditions[1], '@');
    assert_int_equal(host.ticks[1].trade.conditions[3], 'b');
    assert_true(host.ticks[1].flags & QTA_FLAG_CONDITIONS_CUT);
    fake_host_finish(&host);
}

static void digits_that_do_not_fit_are_rounded_and_flagged(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host, "{\"symbol\":\"A\",\"price\":1.12345678901234567890123}"), 1);
    assert_true(host.ticks[0].flags & QTA_FLAG_ROUNDED);
    fake_host_finish(&host);
}

static void what_is_not_understood_is_counted_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum qta_fault fault;
        size_t ticks;
        const char *detail;
    } cases[] = {
        {"", QTA_FAULT_SYNTAX, 0, "cut off"},
        {"hello", QTA_FAULT_SYNTAX, 0, "syntax"},
        {"{\"symbol\":\"A\",\"price\":1", QTA_FAULT_SYNTAX, 0, "cut off"},
        {"{\"symbol\":\"A\",\"price\":1}}", QTA_FAULT_SYNTAX, 1, "syntax"},
        {"[{\"symbol\":\"A\",\"price\":1},{\"symbol\":", QTA_FAULT_SYNTAX, 1, "cut off"},
        {"{\"symbol\":\"\xff\",\"price\":1}", QTA_FAULT_UTF8, 0, "UTF-8"},
        {"12", QTA_FAULT_VALUE, 0, "neither object nor"},
        {"[1,{\"symbol\":\"A\",\"price\":1}]", QTA_FAULT_VALUE, 1, "array element"},
        {"[{\"type\":\"news\"},{\"symbol\":\"A\",\"price\":1}]", QTA_FAULT_UNKNOWN_TYPE, 1, "news"},
        {"[{\"type\":\"conn\"},{\"symbol\":\"A\",\"price\":1}]", QTA_FAULT_UNEXPECTED, 1, "conn"},
        {"[{\"type\":7},{\"symbol\":\"A\",\"price\":1}]", QTA_FAULT_VALUE, 1, "type"},
        {"{\"price\":1}", QTA_FAULT_MISSING, 0, "symbol"},
        {"{\"symbol\":\"\",\"price\":1}", QTA_FAULT_MISSING, 0, "symbol"},
        {"{\"symbol\":\"A\",\"p\":1}", QTA_FAULT_MISSING, 0, "price"},
        {"{\"symbol\":\"A\",\"price\":true}", QTA_FAULT_VALUE, 0, "price"},
        {"{\"symbol\":\"A\",\"price\":\"1,5\"}", QTA_FAULT_VALUE, 0, "price"},
        {"{\"symbol\":\"A\",\"price\":1e999}", QTA_FAULT_VALUE, 0, "price"},
        {"{\"symbol\":\"A\",\"price\":1,\"side\":\"up\"}", QTA_FAULT_VALUE, 0, "side"},
        {"{\"symbol\":\"A\",\"price\":1,\"tape\":\"AB\"}", QTA_FAULT_VALUE, 0, "tape"},
        {"{\"symbol\":\"A\",\"price\":1,\"id\":[1]}", QTA_FAULT_VALUE, 0, "id"},
        {"{\"symbol\":\"A\",\"price\":1,\"id\":\"\\ud800\"}", QTA_FAULT_VALUE, 0, "id"},
        {"{\"symbol\":\"A\",\"price\":1,\"conditions\":[\"@\",{}]}", QTA_FAULT_VALUE, 0,
         "conditions"},
        {"{\"symbol\":\"A\",\"price\":1,\"ts_event\":1.5}", QTA_FAULT_VALUE, 0, "ts_event"},
        {"{\"symbol\":\"A\",\"price\":1,\"timestamp\":\"noon\"}", QTA_FAULT_VALUE, 0, "timestamp"},
        {"{\"symbol\":\"A\",\"price\":1,\"src_seq\":-1}", QTA_FAULT_VALUE, 0, "src_seq"},
        {"{\"type\":\"bar\",\"symbol\":\"A\",\"interval\":\"soon\"}", QTA_FAULT_VALUE, 0,
         "interval"},
        {"{\"type\":\"book\",\"symbol\":\"A\",\"last\":1}", QTA_FAULT_VALUE, 0, "last"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fake_host host;
        fake_host_init(&host);
        print_message("case '%s'\n", cases[i].text);
        assert_int_equal(decode(&host, cases[i].text), cases[i].ticks);
        assert_int_equal(host.tick_count, cases[i].ticks);
        assert_int_equal(host.fault_count, 1);
        assert_int_equal(host.faults[cases[i].fault], 1);
        assert_non_null(strstr(host.fault_detail, cases[i].detail));
        fake_host_finish(&host);
    }
}

static void deep_nesting_is_one_fault(void **state)
{
    (void)state;
    enum { DEPTH = 100000 };
    static char text[DEPTH + 1];
    memset(text, '[', DEPTH);
    struct fake_host host;
    fake_host_init(&host);
    assert_int_equal(decode(&host, text), 0);
    assert_in_range(host.fault_count, 1, 2);
    assert_int_equal(host.faults[QTA_FAULT_TOO_DEEP], 1);
    fake_host_finish(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_market_type_reads_back_as_it_was_printed),
        cmocka_unit_test(what_was_absent_stays_absent),
        cmocka_unit_test(a_message_without_type_is_a_trade),
        cmocka_unit_test(arrays_plurals_and_any_order_of_keys_are_fine),
        cmocka_unit_test(ids_beyond_64_bits_become_text_together),
        cmocka_unit_test(of_a_field_that_comes_again_the_last_value_counts),
        cmocka_unit_test(conditions_may_be_one_or_many_and_numbers),
        cmocka_unit_test(digits_that_do_not_fit_are_rounded_and_flagged),
        cmocka_unit_test(what_is_not_understood_is_counted_and_the_rest_goes_on),
        cmocka_unit_test(deep_nesting_is_one_fault),
    };
    return cmocka_run_group_tests_name("normalized_json", tests, NULL, NULL);
}
