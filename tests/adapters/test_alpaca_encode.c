/* Ticks as messages of Alpaca's stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/timestamp.h>

#include "adapters/alpaca_encode.h"

struct bench {
    struct qta_dictionary *names;
    struct qta_alpaca_encoder *encoder;
};

static int set_up(void **state)
{
    static struct bench bench;
    assert_int_equal(qta_dictionary_create(&bench.names, NULL), QTA_OK);
    assert_int_equal(qta_alpaca_encoder_create(&bench.encoder, bench.names, NULL), QTA_OK);
    *state = &bench;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *bench = *state;
    qta_alpaca_encoder_destroy(bench->encoder);
    qta_dictionary_destroy(bench->names);
    return 0;
}

static uint32_t name_of(struct bench *bench, enum qta_name_kind kind, const char *name)
{
    return qta_dictionary_intern(bench->names, kind, name, strlen(name));
}

static struct qta_tick tick_of(struct bench *bench, enum qta_tick_type type, const char *symbol,
                               const char *time)
{
    struct qta_tick tick;
    qta_tick_init(&tick, type);
    tick.symbol = name_of(bench, QTA_NAME_SYMBOL, symbol);
    if (time)
        assert_int_equal(qta_timestamp_parse(time, strlen(time), &tick.ts_event_ns), QTA_OK);
    return tick;
}

static struct qta_decimal decimal(const char *text)
{
    struct qta_decimal value;
    assert_int_equal(qta_decimal_parse(text, strlen(text), &value, NULL), QTA_OK);
    return value;
}

static void assert_json(struct bench *bench, const char *expected)
{
    size_t length = 0;
    const uint8_t *bytes = qta_alpaca_encoder_bytes(bench->encoder, QTA_ALPACA_JSON, &length);
    assert_non_null(bytes);
    print_message("%.*s\n", (int)length, (const char *)bytes);
    assert_int_equal(length, strlen(expected));
    assert_memory_equal(bytes, expected, length);
}

static void assert_msgpack(struct bench *bench, const char *hex)
{
    size_t length = 0;
    char text[1024] = "";
    const uint8_t *bytes = qta_alpaca_encoder_bytes(bench->encoder, QTA_ALPACA_MSGPACK, &length);
    assert_non_null(bytes);
    assert_in_range(length, 1, sizeof text / 2 - 1);
    for (size_t i = 0; i < length; i++)
        snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    assert_string_equal(text, hex);
}

/* The tick is exactly one message. */
static void assert_one(struct bench *bench, const struct qta_tick *tick,
                       enum qta_alpaca_channel channel, const char *json)
{
    struct qta_alpaca_outgoing message;
    qta_alpaca_encoder_put(bench->encoder, tick);
    assert_true(qta_alpaca_encoder_next(bench->encoder, &message));
    assert_int_equal(message.channel, channel);
    assert_int_equal(message.symbol, tick->symbol);
    assert_json(bench, json);
    assert_false(qta_alpaca_encoder_next(bench->encoder, &message));
}

static void assert_none(struct bench *bench, const struct qta_tick *tick)
{
    struct qta_alpaca_outgoing message;
    qta_alpaca_encoder_put(bench->encoder, tick);
    assert_false(qta_alpaca_encoder_next(bench->encoder, &message));
}

static struct qta_tick stock_trade(struct bench *bench)
{
    struct qta_tick tick = tick_of(bench, QTA_TICK_TRADE, "QQA", "2026-11-19T16:41:08.070605043Z");
    tick.trade.id = 700417;
    tick.trade.exchange = 'K';
    QTA_TICK_SET_DECIMAL(tick.trade, price, decimal("41.2075"));
    QTA_TICK_SET_DECIMAL(tick.trade, size, decimal("63"));
    tick.trade.conditions[0] = '@';
    tick.trade.conditions[1] = 'I';
    tick.trade.tape = 'C';
    return tick;
}

static void a_stock_trade(void **state)
{
    struct qta_tick tick = stock_trade(*state);
    assert_one(*state, &tick, QTA_ALPACA_TRADES,
               "{\"T\":\"t\",\"S\":\"QQA\",\"i\":700417,\"x\":\"K\",\"p\":41.2075,\"s\":63,"
               "\"c\":[\"@\",\"I\"],\"z\":\"C\",\"t\":\"2026-11-19T16:41:08.070605043Z\"}");
}

static void digits_are_those_stored(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_TRADE, "A", NULL);
    QTA_TICK_SET_DECIMAL(tick.trade, price, decimal("42000.10"));
    QTA_TICK_SET_DECIMAL(tick.trade, size, decimal("1.000"));
    assert_one(*state, &tick, QTA_ALPACA_TRADES,
               "{\"T\":\"t\",\"S\":\"A\",\"p\":42000.10,\"s\":1.000}");
}

static void a_trade_in_msgpack_with_the_type_first(void **state)
{
    struct bench *bench = *state;
    struct qta_tick tick = tick_of(bench, QTA_TICK_TRADE, "AAPL", "2023-11-14T22:13:20.123456789Z");
    tick.trade.id = 1;
    tick.trade.exchange = 'V';
    QTA_TICK_SET_DECIMAL(tick.trade, price, decimal("190.50"));
    QTA_TICK_SET_DECIMAL(tick.trade, size, decimal("100.0"));
    tick.trade.conditions[0] = '@';
    tick.trade.tape = 'C';
    struct qta_alpaca_outgoing message;
    qta_alpaca_encoder_put(bench->encoder, &tick);
    assert_true(qta_alpaca_encoder_next(bench->encoder, &message));
    assert_msgpack(bench, "89"
                          "a154a174"
                          "a153a44141504c"
                          "a16901"
                          "a178a156"
                          "a170cb4067d00000000000"
                          "a17364"
                          "a16391a140"
                          "a17aa143"
                          "a174d7ff1d6f34546553f100");
}

static void a_crypto_trade_has_its_side_and_a_large_id(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_TRADE, "BTC/USD",
                                   "2026-11-19T02:03:04.000500006Z");
    QTA_TICK_SET_DECIMAL(tick.trade, price, decimal("71234.5"));
    QTA_TICK_SET_DECIMAL(tick.trade, size, decimal("0.00821"));
    tick.trade.id = UINT64_C(4000000000000000123);
    tick.trade.side = QTA_SIDE_SELL;
    assert_one(*state, &tick, QTA_ALPACA_TRADES,
               "{\"T\":\"t\",\"S\":\"BTC/USD\",\"i\":4000000000000000123,\"p\":71234.5,"
               "\"s\":0.00821,\"t\":\"2026-11-19T02:03:04.000500006Z\",\"tks\":\"S\"}");
}

static void a_text_id_is_a_string(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_TRADE, "A", NULL);
    tick.flags = QTA_FLAG_ID_IS_TEXT;
    tick.trade.id = name_of(*state, QTA_NAME_TEXT, "f-\"1\"");
    assert_one(*state, &tick, QTA_ALPACA_TRADES, "{\"T\":\"t\",\"S\":\"A\",\"i\":\"f-\\\"1\\\"\"}");
}

static void a_quote_and_its_absent_side(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_QUOTE, "ZZB", "2026-11-19T16:41:08.0711Z");
    QTA_TICK_SET_DECIMAL(tick.quote, bid_price, decimal("12.31"));
    QTA_TICK_SET_DECIMAL(tick.quote, bid_size, decimal("7"));
    tick.quote.bid_exchange = 'K';
    tick.quote.conditions[0] = 'R';
    tick.quote.tape = 'A';
    assert_one(*state, &tick, QTA_ALPACA_QUOTES,
               "{\"T\":\"q\",\"S\":\"ZZB\",\"bx\":\"K\",\"bp\":12.31,\"bs\":7,\"ax\":\" \","
               "\"ap\":0,\"as\":0,\"c\":[\"R\"],\"z\":\"A\",\"t\":\"2026-11-19T16:41:08.0711Z\"}");
    tick = tick_of(*state, QTA_TICK_QUOTE, "BTC/USD", NULL);
    QTA_TICK_SET_DECIMAL(tick.quote, ask_price, decimal("71236.5"));
    QTA_TICK_SET_DECIMAL(tick.quote, ask_size, decimal("0.75"));
    assert_one(*state, &tick, QTA_ALPACA_QUOTES,
               "{\"T\":\"q\",\"S\":\"BTC/USD\",\"bp\":0,\"bs\":0,\"ap\":71236.5,\"as\":0.75}");
}

static void bars_of_three_kinds_and_no_others(void **state)
{
    static const struct {
        enum qta_bar_kind kind;
        int64_t interval_s;
        enum qta_alpaca_channel channel;
        char letter;
    } kinds[] = {
        {QTA_BAR_MINUTE, 60, QTA_ALPACA_BARS, 'b'},
        {QTA_BAR_UPDATED, 60, QTA_ALPACA_UPDATED_BARS, 'u'},
        {QTA_BAR_DAILY, 86400, QTA_ALPACA_DAILY_BARS, 'd'},
    };
    struct bench *bench = *state;
    struct qta_tick tick = tick_of(bench, QTA_TICK_BAR, "QQA", "2026-11-19T16:40:00Z");
    QTA_TICK_SET_DECIMAL(tick.bar, open, decimal("41.18"));
    QTA_TICK_SET_DECIMAL(tick.bar, high, decimal("41.26"));
    QTA_TICK_SET_DECIMAL(tick.bar, low, decimal("41.15"));
    QTA_TICK_SET_DECIMAL(tick.bar, close, decimal("41.21"));
    QTA_TICK_SET_DECIMAL(tick.bar, volume, decimal("20315"));
    QTA_TICK_SET_DECIMAL(tick.bar, vwap, decimal("41.2044"));
    tick.bar.trade_count = 187;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char json[256];
        tick.bar.kind = (uint8_t)kinds[i].kind;
        tick.bar.interval_ns = kinds[i].interval_s * 1000000000;
        snprintf(json, sizeof json,
                 "{\"T\":\"%c\",\"S\":\"QQA\",\"o\":41.18,\"h\":41.26,\"l\":41.15,\"c\":41.21,"
                 "\"v\":20315,\"n\":187,\"vw\":41.2044,\"t\":\"2026-11-19T16:40:00Z\"}",
                 kinds[i].letter);
        assert_one(bench, &tick, kinds[i].channel, json);
        tick.bar.interval_ns /= 2;
        assert_none(bench, &tick);
    }
    tick.bar.kind = QTA_BAR_OTHER;
    assert_none(bench, &tick);
    assert_int_equal(qta_alpaca_encoder_unserved(bench->encoder), 4);
}

static void corrections_and_cancels(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_TRADE_CORRECT, "ZZB",
                                   "2026-11-19T16:42:30.00000071Z");
    struct qta_trade_correct *correct = &tick.trade_correct;
    correct->exchange = 'K';
    correct->tape = 'A';
    correct->original_id = UINT64_C(61000000000417);
    correct->corrected_id = UINT64_C(61000000000902);
    QTA_TICK_SET_DECIMAL(*correct, original_price, decimal("12.305"));
    QTA_TICK_SET_DECIMAL(*correct, original_size, decimal("250"));
    QTA_TICK_SET_DECIMAL(*correct, corrected_price, decimal("12.335"));
    QTA_TICK_SET_DECIMAL(*correct, corrected_size, decimal("200"));
    correct->original_conditions[0] = ' ';
    correct->original_conditions[1] = '4';
    correct->corrected_conditions[0] = ' ';
    assert_one(*state, &tick, QTA_ALPACA_CORRECTIONS,
               "{\"T\":\"c\",\"S\":\"ZZB\",\"x\":\"K\",\"oi\":61000000000417,\"op\":12.305,"
               "\"os\":250,\"oc\":[\" \",\"4\"],\"ci\":61000000000902,\"cp\":12.335,\"cs\":200,"
               "\"cc\":[\" \"],\"z\":\"A\",\"t\":\"2026-11-19T16:42:30.00000071Z\"}");

    tick = tick_of(*state, QTA_TICK_TRADE_CANCEL, "QQA", "2026-11-19T16:43:01.5004Z");
    tick.trade_cancel.id = 700417;
    tick.trade_cancel.exchange = 'K';
    QTA_TICK_SET_DECIMAL(tick.trade_cancel, price, decimal("41.2075"));
    QTA_TICK_SET_DECIMAL(tick.trade_cancel, size, decimal("63"));
    tick.trade_cancel.action = 'C';
    tick.trade_cancel.tape = 'C';
    assert_one(*state, &tick, QTA_ALPACA_CANCEL_ERRORS,
               "{\"T\":\"x\",\"S\":\"QQA\",\"i\":700417,\"x\":\"K\",\"p\":41.2075,\"s\":63,"
               "\"a\":\"C\",\"z\":\"C\",\"t\":\"2026-11-19T16:43:01.5004Z\"}");
}

static void statuses_bands_and_imbalances(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_STATUS, "QQA", "2026-11-19T16:45:12.25Z");
    tick.status.status_code = 'T';
    tick.status.status_message = name_of(*state, QTA_NAME_TEXT, "(free text)");
    tick.status.reason_code = (uint16_t)name_of(*state, QTA_NAME_CODE, "M1");
    tick.status.tape = 'C';
    assert_one(*state, &tick, QTA_ALPACA_STATUSES,
               "{\"T\":\"s\",\"S\":\"QQA\",\"sc\":\"T\",\"sm\":\"(free text)\",\"rc\":\"M1\","
               "\"rm\":\"\",\"t\":\"2026-11-19T16:45:12.25Z\",\"z\":\"C\"}");

    tick = tick_of(*state, QTA_TICK_LULD, "QQA", "2026-11-19T16:44:00.010203Z");
    QTA_TICK_SET_DECIMAL(tick.luld, limit_up, decimal("43.27"));
    QTA_TICK_SET_DECIMAL(tick.luld, limit_down, decimal("39.15"));
    tick.luld.indicator = 'B';
    tick.luld.tape = 'C';
    assert_one(*state, &tick, QTA_ALPACA_LULDS,
               "{\"T\":\"l\",\"S\":\"QQA\",\"u\":43.27,\"d\":39.15,\"i\":\"B\","
               "\"t\":\"2026-11-19T16:44:00.010203Z\",\"z\":\"C\"}");

    tick = tick_of(*state, QTA_TICK_IMBALANCE, "QQA", "2026-11-19T16:46:33.9Z");
    QTA_TICK_SET_DECIMAL(tick.imbalance, price, decimal("39.4"));
    tick.imbalance.tape = 'C';
    assert_one(*state, &tick, QTA_ALPACA_IMBALANCES,
               "{\"T\":\"i\",\"S\":\"QQA\",\"p\":39.4,\"z\":\"C\","
               "\"t\":\"2026-11-19T16:46:33.9Z\"}");
}

static struct qta_tick level(struct bench *bench, const char *symbol, enum qta_side side,
                             const char *price, const char *size, uint32_t flags)
{
    struct qta_tick tick = tick_of(bench, QTA_TICK_BOOK, symbol, "2026-11-19T02:03:05.4Z");
    tick.flags = flags;
    tick.book.side = (uint8_t)side;
    tick.book.action = strcmp(size, "0") == 0 ? QTA_BOOK_DELETE : QTA_BOOK_SET;
    QTA_TICK_SET_DECIMAL(tick.book, price, decimal(price));
    QTA_TICK_SET_DECIMAL(tick.book, size, decimal(size));
    return tick;
}

static void the_levels_of_an_event_are_one_message(void **state)
{
    struct bench *bench = *state;
    const uint32_t snapshot = QTA_FLAG_BOOK_SNAPSHOT;
    struct qta_tick ticks[] = {
        level(bench, "BTC/USD", QTA_SIDE_BUY, "71230", "0.35", snapshot | QTA_FLAG_BOOK_FIRST),
        level(bench, "BTC/USD", QTA_SIDE_BUY, "71228.5", "2", snapshot),
        level(bench, "BTC/USD", QTA_SIDE_SELL, "71236.5", "0.75", snapshot | QTA_FLAG_BOOK_LAST),
    };
    assert_none(bench, &ticks[0]);
    assert_none(bench, &ticks[1]);
    assert_one(bench, &ticks[2], QTA_ALPACA_ORDERBOOKS,
               "{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"2026-11-19T02:03:05.4Z\","
               "\"b\":[{\"p\":71230,\"s\":0.35},{\"p\":71228.5,\"s\":2}],"
               "\"a\":[{\"p\":71236.5,\"s\":0.75}],\"r\":true}");
    struct qta_tick removal = level(bench, "BTC/USD", QTA_SIDE_BUY, "71230", "0",
                                    QTA_FLAG_BOOK_FIRST | QTA_FLAG_BOOK_LAST);
    assert_one(bench, &removal, QTA_ALPACA_ORDERBOOKS,
               "{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"2026-11-19T02:03:05.4Z\","
               "\"b\":[{\"p\":71230,\"s\":0}],\"a\":[]}");
}

static void an_empty_snapshot_clears(void **state)
{
    struct qta_tick tick = tick_of(*state, QTA_TICK_BOOK, "BTC/USD", NULL);
    tick.flags = QTA_FLAG_BOOK_SNAPSHOT | QTA_FLAG_BOOK_FIRST | QTA_FLAG_BOOK_LAST;
    tick.book.action = QTA_BOOK_CLEAR;
    assert_one(*state, &tick, QTA_ALPACA_ORDERBOOKS,
               "{\"T\":\"o\",\"S\":\"BTC/USD\",\"b\":[],\"a\":[],\"r\":true}");
}

static void an_event_that_is_cut_off_goes_out_before_the_next(void **state)
{
    struct bench *bench = *state;
    struct qta_alpaca_outgoing message;
    struct qta_tick first = level(bench, "BTC/USD", QTA_SIDE_BUY, "1", "2",
                                  QTA_FLAG_BOOK_SNAPSHOT | QTA_FLAG_BOOK_FIRST);
    struct qta_tick other = level(bench, "ETH/USD", QTA_SIDE_SELL, "3", "4",
                                  QTA_FLAG_BOOK_FIRST | QTA_FLAG_BOOK_LAST);
    assert_none(bench, &first);
    qta_alpaca_encoder_put(bench->encoder, &other);
    assert_true(qta_alpaca_encoder_next(bench->encoder, &message));
    assert_int_equal(message.symbol, first.symbol);
    assert_json(bench, "{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"2026-11-19T02:03:05.4Z\","
                       "\"b\":[{\"p\":1,\"s\":2}],\"a\":[],\"r\":true}");
    assert_true(qta_alpaca_encoder_next(bench->encoder, &message));
    assert_int_equal(message.symbol, other.symbol);
    assert_json(bench, "{\"T\":\"o\",\"S\":\"ETH/USD\",\"t\":\"2026-11-19T02:03:05.4Z\","
                       "\"b\":[],\"a\":[{\"p\":3,\"s\":4}]}");
    assert_false(qta_alpaca_encoder_next(bench->encoder, &message));

    assert_none(bench, &first);
    qta_alpaca_encoder_end(bench->encoder);
    assert_true(qta_alpaca_encoder_next(bench->encoder, &message));
    assert_int_equal(message.symbol, first.symbol);
    qta_alpaca_encoder_end(bench->encoder);
    assert_false(qta_alpaca_encoder_next(bench->encoder, &message));
}

static void a_trade_amid_an_event_goes_out_at_once(void **state)
{
    struct bench *bench = *state;
    struct qta_tick first = level(bench, "BTC/USD", QTA_SIDE_BUY, "1", "2", QTA_FLAG_BOOK_FIRST);
    struct qta_tick trade = tick_of(bench, QTA_TICK_TRADE, "A", NULL);
    struct qta_tick last = level(bench, "BTC/USD", QTA_SIDE_SELL, "3", "4", QTA_FLAG_BOOK_LAST);
    assert_none(bench, &first);
    assert_one(bench, &trade, QTA_ALPACA_TRADES, "{\"T\":\"t\",\"S\":\"A\"}");
    assert_one(bench, &last, QTA_ALPACA_ORDERBOOKS,
               "{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"2026-11-19T02:03:05.4Z\","
               "\"b\":[{\"p\":1,\"s\":2}],\"a\":[{\"p\":3,\"s\":4}]}");
}

static void a_book_without_end_goes_out_in_pieces(void **state)
{
    struct bench *bench = *state;
    struct qta_tick tick = level(bench, "BTC/USD", QTA_SIDE_BUY, "1", "2",
                                 QTA_FLAG_BOOK_SNAPSHOT | QTA_FLAG_BOOK_FIRST);
    size_t messages = 0;
    for (size_t i = 0; i < 200000; i++) {
        struct qta_alpaca_outgoing message;
        qta_alpaca_encoder_put(bench->encoder, &tick);
        tick.flags &= ~(uint32_t)QTA_FLAG_BOOK_FIRST;
        while (qta_alpaca_encoder_next(bench->encoder, &message)) {
            size_t length = 0;
            const char *bytes = (const char *)qta_alpaca_encoder_bytes(bench->encoder,
                                                                       QTA_ALPACA_JSON, &length);
            /* only the first piece clears the book */
            assert_int_equal(memmem(bytes, length, "\"r\":true", 8) != NULL, messages == 0);
            messages++;
        }
    }
    assert_int_equal(messages, 12);
}

static void feed_types_are_no_messages_and_do_not_count(void **state)
{
    struct bench *bench = *state;
    for (int type = QTA_TICK_CONN; type < QTA_TICK_TYPE_END; type++) {
        struct qta_tick tick;
        qta_tick_init(&tick, (enum qta_tick_type)type);
        assert_none(bench, &tick);
    }
    assert_int_equal(qta_alpaca_encoder_unserved(bench->encoder), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_stock_trade),
        TEST(digits_are_those_stored),
        TEST(a_trade_in_msgpack_with_the_type_first),
        TEST(a_crypto_trade_has_its_side_and_a_large_id),
        TEST(a_text_id_is_a_string),
        TEST(a_quote_and_its_absent_side),
        TEST(bars_of_three_kinds_and_no_others),
        TEST(corrections_and_cancels),
        TEST(statuses_bands_and_imbalances),
        TEST(the_levels_of_an_event_are_one_message),
        TEST(an_empty_snapshot_clears),
        TEST(an_event_that_is_cut_off_goes_out_before_the_next),
        TEST(a_trade_amid_an_event_goes_out_at_once),
        TEST(a_book_without_end_goes_out_in_pieces),
        TEST(feed_types_are_no_messages_and_do_not_count),
    };
    return cmocka_run_group_tests_name("alpaca_encode", tests, NULL, NULL);
}
