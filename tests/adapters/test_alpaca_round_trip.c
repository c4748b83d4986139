/* Encoded and decoded again: every market field that the protocol has stays what it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_defaults.h"
#include "adapters/alpaca_decode.h"
#include "adapters/alpaca_encode.h"
#include "adapters/byte_buffer.h"
#include "adapters/synthetic.h"
#include "tests/adapters/fake_host.h"

static void ignore_text(void *user, const char *text, size_t length)
{
    (void)user;
    (void)text;
    (void)length;
}

static void ignore_error(void *user, int64_t code, const char *text, size_t length)
{
    (void)code;
    ignore_text(user, text, length);
}

static void ignore_begin(void *user)
{
    (void)user;
}

static void ignore_symbol(void *user, enum qta_alpaca_channel channel, const char *text,
                          size_t length)
{
    (void)channel;
    ignore_text(user, text, length);
}

static void ignore_end(void *user, bool is_whole)
{
    (void)user;
    (void)is_whole;
}

static const struct qta_alpaca_events no_events = {
    .on_success = ignore_text,
    .on_error = ignore_error,
    .on_subscription_begin = ignore_begin,
    .on_subscription_symbol = ignore_symbol,
    .on_subscription_end = ignore_end,
};

/* Where ticks are made, and where they arrive. */
struct wire {
    struct fake_host venue;
    struct fake_host recorder;
    struct qta_alpaca_encoder *encoder;
    struct qta_alpaca_decoder *decoder;
    enum qta_alpaca_encoding encoding;
    struct qta_byte_buffer frame;
};

static void open_wire(struct wire *wire, enum qta_alpaca_encoding encoding)
{
    memset(wire, 0, sizeof *wire);
    wire->encoding = encoding;
    fake_host_init(&wire->venue);
    fake_host_init(&wire->recorder);
    assert_int_equal(qta_alpaca_encoder_create(&wire->encoder, wire->venue.base.names, NULL),
                     QTA_OK);
    assert_int_equal(
        qta_alpaca_decoder_create(&wire->decoder, &wire->recorder.base, &no_events, NULL, NULL),
        QTA_OK);
}

static void close_wire(struct wire *wire)
{
    qta_byte_buffer_finish(&wire->frame);
    qta_alpaca_decoder_destroy(wire->decoder);
    qta_alpaca_encoder_destroy(wire->encoder);
    fake_host_finish(&wire->recorder);
    fake_host_finish(&wire->venue);
}

/* One message to a frame. */
static void transmit(struct wire *wire)
{
    struct qta_alpaca_outgoing message;
    while (qta_alpaca_encoder_next(wire->encoder, &message)) {
        size_t length = 0;
        const uint8_t *bytes = qta_alpaca_encoder_bytes(wire->encoder, wire->encoding, &length);
        bool is_msgpack = wire->encoding == QTA_ALPACA_MSGPACK;
        assert_non_null(bytes);
        qta_byte_buffer_clear(&wire->frame);
        qta_byte_buffer_append_byte(&wire->frame, is_msgpack ? 0x91 : '[');
        qta_byte_buffer_append(&wire->frame, bytes, length);
        if (!is_msgpack)
            qta_byte_buffer_append_byte(&wire->frame, ']');
        const struct qta_frame frame = {
            .bytes = wire->frame.bytes, .length = wire->frame.length, .is_binary = is_msgpack};
        qta_alpaca_decode(wire->decoder, &frame);
    }
}

/* Sends a tick; both sides' digests take note. */
static void send_tick(struct wire *wire, const struct qta_tick *tick)
{
    qta_digest_add(&wire->venue.digest, tick, wire->venue.base.names);
    qta_alpaca_encoder_put(wire->encoder, tick);
    transmit(wire);
}

static void assert_same(const struct wire *wire)
{
    if (wire->recorder.fault_count > 0)
        fail_msg("%s", wire->recorder.fault_detail);
    assert_int_equal(wire->recorder.digest.market_ticks, wire->venue.digest.market_ticks);
    assert_true(wire->recorder.digest.market == wire->venue.digest.market);
    assert_int_equal(qta_alpaca_encoder_unserved(wire->encoder), 0);
}

/* ---- seeded ticks ------------------------------------------------------------------------------
 */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static struct qta_decimal any_number(uint64_t *seed)
{
    uint64_t random = next_random(seed);
    return qta_decimal_make(1 + (int64_t)(random % INT64_C(1000000000000)),
                            -(int)(random >> 50) % 9);
}

static uint32_t any_name(struct wire *wire, enum qta_name_kind kind, const char *prefix,
                         uint64_t *seed)
{
    char name[32];
    int length = snprintf(name, sizeof name, "%s\xc3\xa4\"%u", prefix,
                          (unsigned)(next_random(seed) % 9));
    return qta_dictionary_intern(wire->venue.base.names, kind, name, (size_t)length);
}

static uint16_t any_code(struct wire *wire, uint64_t *seed)
{
    if (next_random(seed) % 4 == 0)
        return (uint16_t)any_name(wire, QTA_NAME_CODE, "T", seed);
    return (uint16_t)("@IFV K"[next_random(seed) % 6]);
}

static void any_conditions(struct wire *wire, uint16_t codes[QTA_CONDITIONS_MAX], uint64_t *seed)
{
    size_t count = next_random(seed) % (QTA_CONDITIONS_MAX + 1);
    for (size_t i = 0; i < count; i++)
        codes[i] = any_code(wire, seed);
}

static uint64_t any_id(struct wire *wire, struct qta_tick *tick, uint64_t *seed)
{
    if (tick->flags & QTA_FLAG_ID_IS_TEXT)
        return any_name(wire, QTA_NAME_TEXT, "id-", seed);
    return next_random(seed) >> (next_random(seed) % 64) & (QTA_U64_NONE - 1);
}

static void make_trade(struct wire *wire, struct qta_tick *tick, uint64_t *seed)
{
    QTA_TICK_SET_DECIMAL(tick->trade, price, any_number(seed));
    QTA_TICK_SET_DECIMAL(tick->trade, size, any_number(seed));
    if (next_random(seed) % 8)
        tick->trade.id = any_id(wire, tick, seed);
    if (next_random(seed) % 4)
        tick->trade.exchange = any_code(wire, seed);
    any_conditions(wire, tick->trade.conditions, seed);
    tick->trade.side = (uint8_t)(next_random(seed) % 3);
    tick->trade.tape = "ABC\0"[next_random(seed) % 4];
}

static void make_quote(struct wire *wire, struct qta_tick *tick, uint64_t *seed)
{
    uint64_t sides = next_random(seed) % 4;
    bool is_stock = next_random(seed) % 2;
    if (sides != 1) {
        QTA_TICK_SET_DECIMAL(tick->quote, bid_price, any_number(seed));
        QTA_TICK_SET_DECIMAL(tick->quote, bid_size, any_number(seed));
        if (is_stock)
            tick->quote.bid_exchange = any_code(wire, seed);
    }
    if (sides != 2) {
        QTA_TICK_SET_DECIMAL(tick->quote, ask_price, any_number(seed));
        QTA_TICK_SET_DECIMAL(tick->quote, ask_size, any_number(seed));
        if (is_stock)
            tick->quote.ask_exchange = any_code(wire, seed);
    }
    any_conditions(wire, tick->quote.conditions, seed);
    tick->quote.tape = is_stock ? 'B' : '\0';
}

static void make_bar(struct qta_tick *tick, uint64_t *seed)
{
    tick->bar.kind = (uint8_t)(1 + next_random(seed) % 3);
    tick->bar.interval_ns = tick->bar.kind == QTA_BAR_DAILY ? INT64_C(86400000000000)
                                                            : INT64_C(60000000000);
    QTA_TICK_SET_DECIMAL(tick->bar, open, any_number(seed));
    QTA_TICK_SET_DECIMAL(tick->bar, high, any_number(seed));
    QTA_TICK_SET_DECIMAL(tick->bar, low, any_number(seed));
    QTA_TICK_SET_DECIMAL(tick->bar, close, any_number(seed));
    QTA_TICK_SET_DECIMAL(tick->bar, volume, any_number(seed));
    if (next_random(seed) % 2) {
        QTA_TICK_SET_DECIMAL(tick->bar, vwap, any_number(seed));
        tick->bar.trade_count = next_random(seed) % 100000;
    }
}

static void make_correction(struct wire *wire, struct qta_tick *tick, uint64_t *seed)
{
    struct qta_trade_correct *correct = &tick->trade_correct;
    correct->original_id = any_id(wire, tick, seed);
    correct->corrected_id = any_id(wire, tick, seed);
    QTA_TICK_SET_DECIMAL(*correct, original_price, any_number(seed));
    QTA_TICK_SET_DECIMAL(*correct, original_size, any_number(seed));
    QTA_TICK_SET_DECIMAL(*correct, corrected_price, any_number(seed));
    QTA_TICK_SET_DECIMAL(*correct, corrected_size, any_number(seed));
    any_conditions(wire, correct->original_conditions, seed);
    any_conditions(wire, correct->corrected_conditions, seed);
    correct->exchange = any_code(wire, seed);
    correct->tape = 'A';
}

static void make_other(struct wire *wire, struct qta_tick *tick, uint64_t *seed)
{
    switch ((int)tick->type) {
    case QTA_TICK_TRADE_CANCEL:
        tick->trade_cancel.id = any_id(wire, tick, seed);
        QTA_TICK_SET_DECIMAL(tick->trade_cancel, price, any_number(seed));
        QTA_TICK_SET_DECIMAL(tick->trade_cancel, size, any_number(seed));
        tick->trade_cancel.exchange = any_code(wire, seed);
        tick->trade_cancel.action = 'E';
        tick->trade_cancel.tape = 'C';
        break;
    case QTA_TICK_STATUS:
        tick->status.status_code = any_code(wire, seed);
        tick->status.status_message = any_name(wire, QTA_NAME_TEXT, "halted\n", seed);
        if (next_random(seed) % 2) {
            tick->status.reason_code = any_code(wire, seed);
            tick->status.reason_message = any_name(wire, QTA_NAME_TEXT, "because ", seed);
        }
        tick->status.tape = 'C';
        break;
    case QTA_TICK_LULD:
        QTA_TICK_SET_DECIMAL(tick->luld, limit_up, any_number(seed));
        QTA_TICK_SET_DECIMAL(tick->luld, limit_down, any_number(seed));
        tick->luld.indicator = any_code(wire, seed);
        tick->luld.tape = 'B';
        break;
    default:
        QTA_TICK_SET_DECIMAL(tick->imbalance, price, any_number(seed));
        tick->imbalance.tape = 'A';
        break;
    }
}

/* An event of some levels, bids before asks as the protocol lists them. */
static void send_book(struct wire *wire, struct qta_tick *blank, uint64_t *seed)
{
    size_t bids = next_random(seed) % 4;
    size_t asks = next_random(seed) % 4;
    bool is_snapshot = next_random(seed) % 2;
    if (bids + asks == 0)
        is_snapshot = true;
    size_t count = bids + asks ? bids + asks : 1;
    for (size_t i = 0; i < count; i++) {
        struct qta_tick tick = *blank;
        tick.flags |= is_snapshot ? QTA_FLAG_BOOK_SNAPSHOT : 0;
        tick.flags |= i == 0 ? QTA_FLAG_BOOK_FIRST : 0;
        tick.flags |= i + 1 == count ? QTA_FLAG_BOOK_LAST : 0;
        if (bids + asks == 0) {
            tick.book.action = QTA_BOOK_CLEAR;
        } else {
            bool is_gone = next_random(seed) % 3 == 0;
            tick.book.action = is_gone ? QTA_BOOK_DELETE : QTA_BOOK_SET;
            tick.book.side = i < bids ? QTA_SIDE_BUY : QTA_SIDE_SELL;
            QTA_TICK_SET_DECIMAL(tick.book, price, any_number(seed));
            QTA_TICK_SET_DECIMAL(tick.book, size,
                                 is_gone ? qta_decimal_make(0, 0) : any_number(seed));
        }
        send_tick(wire, &tick);
    }
}

static void send_any(struct wire *wire, uint64_t *seed)
{
    enum qta_tick_type type = (enum qta_tick_type)(
        QTA_TICK_TRADE + next_random(seed) % (QTA_TICK_MARKET_TYPE_END - 1));
    struct qta_tick tick;
    qta_tick_init(&tick, type);
    tick.symbol = any_name(wire, QTA_NAME_SYMBOL, "SYM", seed);
    tick.ts_event_ns = INT64_C(1714570200000000000) + (int64_t)(next_random(seed) >> 15);
    if (next_random(seed) % 4 == 0)
        tick.ts_event_ns -= tick.ts_event_ns % 1000000000;
    if (type == QTA_TICK_BOOK) {
        send_book(wire, &tick, seed);
        return;
    }
    bool has_id = type == QTA_TICK_TRADE || type == QTA_TICK_TRADE_CANCEL ||
                  type == QTA_TICK_TRADE_CORRECT;
    if (has_id && next_random(seed) % 3 == 0)
        tick.flags |= QTA_FLAG_ID_IS_TEXT;
    if (type == QTA_TICK_TRADE)
        make_trade(wire, &tick, seed);
    else if (type == QTA_TICK_QUOTE)
        make_quote(wire, &tick, seed);
    else if (type == QTA_TICK_BAR)
        make_bar(&tick, seed);
    else if (type == QTA_TICK_TRADE_CORRECT)
        make_correction(wire, &tick, seed);
    else
        make_other(wire, &tick, seed);
    send_tick(wire, &tick);
}

static void round_trip(enum qta_alpaca_encoding encoding)
{
    for (uint64_t start = 1; start <= 5000; start++) {
        uint64_t seed = start * UINT64_C(0x9e3779b97f4a7c15);
        struct wire wire;
        open_wire(&wire, encoding);
        wire.recorder.keeps_ticks = false;
        for (int i = 0; i < 4; i++)
            send_any(&wire, &seed);
        if (wire.recorder.digest.market != wire.venue.digest.market)
            print_message("seed %llu: '%.*s'\n", (unsigned long long)start, (int)wire.frame.length,
                          (const char *)wire.frame.bytes);
        assert_same(&wire);
        close_wire(&wire);
    }
}

static void every_type_survives_json(void **state)
{
    (void)state;
    round_trip(QTA_ALPACA_JSON);
}

static void every_type_survives_msgpack(void **state)
{
    (void)state;
    round_trip(QTA_ALPACA_MSGPACK);
}

static void a_synthetic_day_survives_both(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"count", "20000"}, {"clock", "simulated"}};
    const struct qta_adapter_options options = {
        .provider = "synthetic", .settings = settings, .setting_count = 2};
    const struct qta_subscription wanted[] = {{QTA_TICK_TRADE, 0, "AAPL"},
                                              {QTA_TICK_QUOTE, 0, "AAPL"},
                                              {QTA_TICK_TRADE, 0, "BTC/USD"},
                                              {QTA_TICK_QUOTE, 0, "BTC/USD"}};
    for (int encoding = 0; encoding < QTA_ALPACA_ENCODING_COUNT; encoding++) {
        struct wire wire;
        struct qta_adapter *market = NULL;
        open_wire(&wire, (enum qta_alpaca_encoding)encoding);
        assert_int_equal(qta_adapter_create_with(&qta_synthetic_adapter_ops, &options,
                                                 &wire.venue.base, &market, NULL),
                         QTA_OK);
        qta_adapter_subscribe(market, wanted, 4, true, 0);
        while (qta_adapter_service(market, 1, 4096) == 1)
            continue;
        assert_int_equal(wire.venue.tick_count, 20000);
        for (size_t i = 0; i < wire.venue.tick_count; i++) {
            qta_alpaca_encoder_put(wire.encoder, &wire.venue.ticks[i]);
            transmit(&wire);
        }
        assert_same(&wire);
        qta_adapter_destroy(market);
        close_wire(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_survives_json),
        cmocka_unit_test(every_type_survives_msgpack),
        cmocka_unit_test(a_synthetic_day_survives_both),
    };
    return cmocka_run_group_tests_name("alpaca_round_trip", tests, NULL, NULL);
}
