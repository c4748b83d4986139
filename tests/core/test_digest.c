/* Digests: equal for equal streams, different for any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <qta/digest.h>

static struct qta_dictionary *new_names(const char *first_symbol)
{
    struct qta_dictionary *names;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    qta_dictionary_intern(names, QTA_NAME_SYMBOL, first_symbol, strlen(first_symbol));
    return names;
}

static struct qta_tick make_trade(struct qta_dictionary *names)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    tick.rx_seq = 1;
    tick.ts_recv_ns = 1000;
    tick.ts_event_ns = 900;
    tick.symbol = qta_dictionary_intern(names, QTA_NAME_SYMBOL, "AAPL", 4);
    tick.provider = (uint16_t)qta_dictionary_intern(names, QTA_NAME_PROVIDER, "alpaca", 6);
    tick.trade.conditions[0] = (uint16_t)qta_dictionary_intern(names, QTA_NAME_CODE, "TI", 2);
    QTA_TICK_SET_DECIMAL(tick.trade, price, qta_decimal_make(1905, -1));
    QTA_TICK_SET_DECIMAL(tick.trade, size, qta_decimal_make(100, 0));
    return tick;
}

static struct qta_digest digest_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    qta_digest_init(&digest);
    qta_digest_add(&digest, tick, names);
    return digest;
}

static void ids_do_not_matter_but_names_do(void **state)
{
    (void)state;
    struct qta_dictionary *first = new_names("AAPL");
    struct qta_dictionary *second = new_names("MSFT");
    struct qta_tick left = make_trade(first);
    struct qta_tick right = make_trade(second);
    assert_int_not_equal(left.symbol, right.symbol);
    struct qta_digest a = digest_of(&left, first);
    struct qta_digest b = digest_of(&right, second);
    assert_true(a.full == b.full && a.market == b.market);
    right.symbol = 1; /* MSFT */
    b = digest_of(&right, second);
    assert_true(a.full != b.full && a.market != b.market);
    qta_dictionary_destroy(first);
    qta_dictionary_destroy(second);
}

static void every_byte_of_a_tick_matters_to_the_full_digest(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_names("AAPL");
    struct qta_tick tick = make_trade(names);
    tick.trade.id = 5;
    tick.trade.exchange = 'V';
    tick.trade.tape = 'C';
    tick.trade.side = QTA_SIDE_BUY;
    struct qta_digest before = digest_of(&tick, names);
    size_t used = offsetof(struct qta_tick, trade.tape) + 1;
    for (size_t i = 0; i < used; i++) {
        bool is_padding = i == offsetof(struct qta_tick, reserved);
        /* conditions end at the first 0: what is behind it does not exist */
        bool is_behind_end = i >= offsetof(struct qta_tick, trade.conditions) + 2 &&
                             i < offsetof(struct qta_tick, trade.exchange);
        if (is_padding || is_behind_end || i == offsetof(struct qta_tick, type))
            continue;
        struct qta_tick other = tick;
        ((uint8_t *)&other)[i] ^= 1;
        if (i >= offsetof(struct qta_tick, symbol) && i < offsetof(struct qta_tick, conn))
            other.symbol = 0;
        struct qta_digest after = digest_of(&other, names);
        assert_true(after.full != before.full);
    }
    qta_dictionary_destroy(names);
}

static void what_we_add_does_not_matter_to_the_market_digest(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_names("AAPL");
    struct qta_tick tick = make_trade(names);
    struct qta_digest before = digest_of(&tick, names);
    tick.rx_seq = 99;
    tick.ts_recv_ns = 5000;
    tick.conn = 3;
    tick.provider = 0;
    tick.flags = QTA_FLAG_FROM_FLOAT | QTA_FLAG_TIME_RAISED;
    QTA_TICK_SET_DECIMAL(tick.trade, price, qta_decimal_make(19050, -2));
    QTA_TICK_SET_DECIMAL(tick.trade, size, qta_decimal_make(1, 2));
    struct qta_digest after = digest_of(&tick, names);
    assert_true(after.market == before.market);
    assert_true(after.full != before.full);
    tick.ts_event_ns++;
    assert_true(digest_of(&tick, names).market != before.market);
    qta_dictionary_destroy(names);
}

static void feed_types_count_in_the_full_digest_only(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_names("AAPL");
    struct qta_tick conn;
    qta_tick_init(&conn, QTA_TICK_CONN);
    conn.conn_event.state = QTA_CONN_OPEN;
    struct qta_digest digest = digest_of(&conn, names);
    assert_true(digest.market == 0);
    assert_true(digest.full != 0);
    assert_int_equal(digest.ticks, 1);
    assert_int_equal(digest.market_ticks, 0);
    qta_dictionary_destroy(names);
}

static void order_repetition_and_absence_matter(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_names("AAPL");
    struct qta_tick one = make_trade(names);
    struct qta_tick two = one;
    two.trade.price_mantissa++;
    const struct qta_tick *const streams[][3] = {
        {&one, &two, NULL}, {&two, &one, NULL}, {&one, NULL, NULL},
        {&one, &one, NULL}, {&one, &one, &two},
    };
    enum { STREAMS = sizeof streams / sizeof streams[0] };
    struct qta_digest digests[STREAMS];
    for (size_t s = 0; s < STREAMS; s++) {
        qta_digest_init(&digests[s]);
        for (size_t i = 0; i < 3 && streams[s][i]; i++)
            qta_digest_add(&digests[s], streams[s][i], names);
        for (size_t t = 0; t < s; t++) {
            assert_true(digests[s].full != digests[t].full);
            assert_true(digests[s].market != digests[t].market);
        }
    }
    qta_dictionary_destroy(names);
}

static void the_longest_names_fit(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_names("AAPL");
    char text[QTA_NAME_MAX_BYTES];
    memset(text, 'x', sizeof text);
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE_CORRECT);
    tick.symbol = qta_dictionary_intern(names, QTA_NAME_SYMBOL, text, sizeof text);
    for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++) {
        uint16_t code = (uint16_t)qta_dictionary_intern(names, QTA_NAME_CODE, text,
                                                        sizeof text - i);
        tick.trade_correct.original_conditions[i] = code;
        tick.trade_correct.corrected_conditions[i] = code;
    }
    struct qta_digest before = digest_of(&tick, names);
    text[sizeof text - 1] = 'y';
    tick.symbol = qta_dictionary_intern(names, QTA_NAME_SYMBOL, text, sizeof text);
    assert_true(digest_of(&tick, names).full != before.full);
    qta_dictionary_destroy(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_do_not_matter_but_names_do),
        cmocka_unit_test(every_byte_of_a_tick_matters_to_the_full_digest),
        cmocka_unit_test(what_we_add_does_not_matter_to_the_market_digest),
        cmocka_unit_test(feed_types_count_in_the_full_digest_only),
        cmocka_unit_test(order_repetition_and_absence_matter),
        cmocka_unit_test(the_longest_names_fit),
    };
    return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
