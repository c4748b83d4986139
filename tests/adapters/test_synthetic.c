/* The generator: repeatable, plausible, as much and as fast as it was asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_defaults.h"
#include "adapters/synthetic.h"
#include "tests/adapters/fake_host.h"

enum { SECOND_NS = 1000000000 };

struct market {
    struct fake_host host;
    struct qta_adapter *adapter;
};

static void open_with(struct market *market, const struct qta_setting *settings, size_t count,
                      const struct qta_subscription *subscriptions, size_t subscription_count)
{
    fake_host_init(&market->host);
    const struct qta_adapter_options options = {
        .provider = "synthetic", .settings = settings, .setting_count = count};
    struct qta_error err;
    assert_int_equal(qta_adapter_create_with(&qta_synthetic_adapter_ops, &options,
                                             &market->host.base, &market->adapter, &err),
                     QTA_OK);
    qta_adapter_on_open(market->adapter, 0);
    assert_int_equal(market->host.ready_count, 1);
    if (subscription_count > 0)
        qta_adapter_subscribe(market->adapter, subscriptions, subscription_count, true, 0);
}

static void close_market(struct market *market)
{
    qta_adapter_destroy(market->adapter);
    fake_host_finish(&market->host);
}

/* Simulated time: runs until there are no more ticks. */
static void drain(struct market *market, size_t budget)
{
    while (qta_adapter_service(market->adapter, 7, budget) == 7)
        assert_int_equal(market->host.finished_count, 0);
    assert_int_equal(market->host.finished_count, 1);
}

static const struct qta_subscription both[] = {
    {QTA_TICK_TRADE, 0, "AAPL"}, {QTA_TICK_QUOTE, 0, "AAPL"},    {QTA_TICK_TRADE, 0, "MSFT"},
    {QTA_TICK_QUOTE, 0, "MSFT"}, {QTA_TICK_TRADE, 0, "BTC/USD"}, {QTA_TICK_QUOTE, 0, "BTC/USD"},
};
enum { BOTH_COUNT = sizeof both / sizeof both[0] };

static uint64_t market_digest(const char *seed, size_t budget)
{
    const struct qta_setting settings[] = {
        {"seed", seed}, {"count", "20000"}, {"clock", "simulated"}};
    struct market market;
    open_with(&market, settings, 3, both, BOTH_COUNT);
    market.host.keeps_ticks = false;
    drain(&market, budget);
    assert_int_equal(market.host.tick_count, 20000);
    uint64_t digest = market.host.digest.market;
    close_market(&market);
    return digest;
}

static void the_same_seed_makes_the_same_ticks_however_it_is_called(void **state)
{
    (void)state;
    uint64_t digest = market_digest("42", 20000);
    assert_true(market_digest("42", 20000) == digest);
    assert_true(market_digest("42", 1) == digest);
    assert_true(market_digest("42", 777) == digest);
    assert_true(market_digest("43", 20000) != digest);
}

/* What every machine must make of this seed: a change of the generator must be on purpose. */
static void a_seed_means_the_same_on_every_machine(void **state)
{
    (void)state;
    assert_true(market_digest("1", 1000) == UINT64_C(0x6398c91310c58199));
}

static void a_real_clock_gives_the_same_market_fields_when_the_start_is_given(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {
        {"count", "500"}, {"rate", "1000"}, {"clock", "real"}, {"start", "2024-05-01T13:30:00Z"}};
    struct market steady;
    struct market late;
    open_with(&steady, settings, 4, both, BOTH_COUNT);
    open_with(&late, settings, 4, both, BOTH_COUNT);
    int64_t now_ns = 1000;
    while (steady.host.finished_count == 0) {
        int64_t next_ns = qta_adapter_service(steady.adapter, now_ns, 100);
        assert_true(next_ns >= now_ns);
        now_ns = next_ns == INT64_MAX ? now_ns : next_ns;
    }
    qta_adapter_service(late.adapter, 5, 1);
    qta_adapter_service(late.adapter, INT64_C(3600) * SECOND_NS, 10000);
    assert_int_equal(steady.host.tick_count, 500);
    assert_int_equal(late.host.tick_count, 500);
    assert_true(steady.host.digest.market == late.host.digest.market);
    assert_true(steady.host.ticks[0].ts_event_ns == INT64_C(1714570200000000000));
    close_market(&steady);
    close_market(&late);
}

static void with_a_real_clock_ticks_come_when_they_are_due(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"rate", "1000"}};
    struct market market;
    open_with(&market, settings, 1, both, BOTH_COUNT);
    const int64_t base_ns = INT64_C(50) * SECOND_NS;
    size_t before = 0;
    for (int second = 0; second <= 20; second++) {
        int64_t now_ns = base_ns + (int64_t)second * SECOND_NS;
        int64_t next_ns = qta_adapter_service(market.adapter, now_ns, 1000000);
        assert_true(next_ns > now_ns);
        /* nothing more is due before that, and one is then */
        before = market.host.tick_count;
        qta_adapter_service(market.adapter, next_ns - 1, 1000000);
        assert_int_equal(market.host.tick_count, before);
        qta_adapter_service(market.adapter, next_ns, 1);
        assert_int_equal(market.host.tick_count, before + 1);
    }
    assert_in_range(market.host.tick_count, 18000, 22000);
    for (size_t i = 0; i < market.host.tick_count; i++) {
        assert_true(market.host.ticks[i].ts_recv_ns == QTA_TIME_UNKNOWN);
        assert_true(market.host.ticks[i].ts_event_ns == QTA_TIME_UNKNOWN);
    }
    close_market(&market);
}

static void the_budget_bounds_a_call(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"clock", "simulated"}};
    struct market market;
    open_with(&market, settings, 1, both, BOTH_COUNT);
    assert_int_equal(qta_adapter_service(market.adapter, 9, 0), 9);
    assert_int_equal(market.host.tick_count, 0);
    assert_int_equal(qta_adapter_service(market.adapter, 9, 13), 9);
    assert_int_equal(market.host.tick_count, 13);
    close_market(&market);
}

/* What the checks below know of a symbol. */
struct seen {
    int64_t bid;
    int64_t ask;
    int64_t first_bid;
    bool has_quote;
    uint64_t last_id;
    bool has_id;
    size_t ticks;
    size_t trades;
    size_t round_lots;
    int64_t bid_lowest;
    int64_t bid_highest;
};

static void check_quote(struct seen *seen, const struct qta_quote *quote, bool is_crypto)
{
    assert_int_equal(quote->bid_price_exponent, -2);
    assert_int_equal(quote->ask_price_exponent, -2);
    assert_true(quote->bid_price_mantissa > 0);
    int64_t spread = quote->ask_price_mantissa - quote->bid_price_mantissa;
    assert_in_range(spread, 1, 3);
    assert_true(quote->bid_size_mantissa > 0);
    assert_true(quote->ask_size_mantissa > 0);
    assert_int_equal(quote->bid_exchange == 0, is_crypto);
    assert_int_equal(quote->conditions[0], is_crypto ? 0 : 'R');
    if (!seen->has_quote) {
        seen->first_bid = seen->bid_lowest = seen->bid_highest = quote->bid_price_mantissa;
        seen->has_quote = true;
    }
    seen->bid = quote->bid_price_mantissa;
    seen->ask = quote->ask_price_mantissa;
    if (seen->bid < seen->bid_lowest)
        seen->bid_lowest = seen->bid;
    if (seen->bid > seen->bid_highest)
        seen->bid_highest = seen->bid;
}

static void check_trade(struct seen *seen, const struct qta_trade *trade, bool is_crypto)
{
    seen->trades++;
    assert_true(trade->size_mantissa > 0);
    assert_true(trade->side == QTA_SIDE_BUY || trade->side == QTA_SIDE_SELL);
    if (seen->has_quote) {
        assert_true(trade->price_mantissa == (trade->side == QTA_SIDE_BUY ? seen->ask : seen->bid));
    }
    assert_true(!seen->has_id || trade->id > seen->last_id);
    seen->last_id = trade->id;
    seen->has_id = true;
    if (is_crypto) {
        assert_int_equal(trade->conditions[0], 0);
        return;
    }
    bool is_odd_lot = trade->size_mantissa < 100;
    bool has_i = false;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX; i++)
        has_i |= trade->conditions[i] == 'I';
    assert_int_equal(trade->conditions[0], '@');
    assert_int_equal(has_i, is_odd_lot);
    assert_true(is_odd_lot || trade->size_mantissa % 100 == 0);
    assert_true(strchr("ABC", trade->tape) != NULL && trade->tape != '\0');
    seen->round_lots += !is_odd_lot;
}

static void its_market_is_plausible(void **state)
{
    (void)state;
    enum { COUNT = 300000 };
    const struct qta_setting settings[] = {
        {"count", "300000"}, {"clock", "simulated"}, {"rate", "5000"}, {"quote_ratio", "0.75"}};
    struct market market;
    open_with(&market, settings, 4, both, BOTH_COUNT);
    drain(&market, 4096);
    struct seen seen[8] = {0};
    size_t negative_latencies = 0;
    int64_t last_recv_ns = INT64_MIN;
    for (size_t i = 0; i < market.host.tick_count; i++) {
        const struct qta_tick *tick = &market.host.ticks[i];
        assert_in_range(tick->symbol, 1, 7);
        bool is_crypto = strchr(fake_host_name(&market.host, QTA_NAME_SYMBOL, tick->symbol), '/') !=
                         NULL;
        struct seen *one = &seen[tick->symbol];
        one->ticks++;
        if (tick->type == QTA_TICK_QUOTE)
            check_quote(one, &tick->quote, is_crypto);
        else
            check_trade(one, &tick->trade, is_crypto);
        assert_true(tick->ts_recv_ns >= last_recv_ns);
        last_recv_ns = tick->ts_recv_ns;
        int64_t latency_ns = 0;
        assert_true(qta_tick_latency_ns(tick, &latency_ns));
        assert_true(llabs(latency_ns) < 100000000);
        negative_latencies += latency_ns < 0;
    }
    assert_int_equal(market.host.tick_count, COUNT);
    size_t trades = 0;
    for (size_t symbol = 1; symbol <= 3; symbol++) {
        assert_true(seen[symbol].ticks > COUNT / 20);
        assert_true(seen[symbol].bid_lowest < seen[symbol].bid_highest);
        assert_true(seen[symbol].bid_lowest > seen[symbol].first_bid / 3);
        assert_true(seen[symbol].bid_highest < seen[symbol].first_bid * 3);
        trades += seen[symbol].trades;
    }
    assert_in_range(trades, COUNT / 4 - COUNT / 50, COUNT / 4 + COUNT / 50);
    assert_in_range(negative_latencies, COUNT / 200, COUNT / 20);
    /* 300,000 ticks at 5,000 a second take a minute */
    int64_t span_ns = last_recv_ns - market.host.ticks[0].ts_recv_ns;
    assert_in_range(span_ns / SECOND_NS, 57, 63);
    assert_true(market.host.ticks[0].ts_event_ns == INT64_C(1714570200000000000));
    close_market(&market);
}

static void arrivals_are_bursty(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {
        {"count", "100000"}, {"clock", "simulated"}, {"rate", "1000"}};
    struct market market;
    open_with(&market, settings, 3, both, BOTH_COUNT);
    drain(&market, 4096);
    size_t short_pauses = 0;
    size_t long_pauses = 0;
    for (size_t i = 1; i < market.host.tick_count; i++) {
        int64_t pause_ns = market.host.ticks[i].ts_recv_ns - market.host.ticks[i - 1].ts_recv_ns;
        short_pauses += pause_ns < 100000;
        long_pauses += pause_ns > 4000000;
    }
    /* a steady stream of this mean would have none of either, a Poisson one 9.5 % and 1.8 % */
    assert_in_range(short_pauses, 15000, 30000);
    assert_in_range(long_pauses, 2500, 6000);
    close_market(&market);
}

static void a_star_stands_for_generated_names(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {
        {"count", "5000"}, {"clock", "simulated"}, {"symbol_count", "12"}};
    const struct qta_subscription star = {QTA_TICK_TRADE, 0, "*"};
    struct market market;
    open_with(&market, settings, 3, &star, 1);
    drain(&market, 4096);
    bool is_seen[13] = {false};
    for (size_t i = 0; i < market.host.tick_count; i++) {
        assert_int_equal(market.host.ticks[i].type, QTA_TICK_TRADE);
        is_seen[market.host.ticks[i].symbol] = true;
    }
    for (uint32_t symbol = 1; symbol <= 12; symbol++)
        assert_true(is_seen[symbol]);
    assert_string_equal(fake_host_name(&market.host, QTA_NAME_SYMBOL, 1), "SYN0001");
    assert_string_equal(fake_host_name(&market.host, QTA_NAME_SYMBOL, 12), "SYN0012");
    close_market(&market);
}

static void without_a_subscription_it_makes_everything(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"count", "2000"}, {"clock", "simulated"}};
    struct market market;
    open_with(&market, settings, 2, NULL, 0);
    drain(&market, 4096);
    size_t by_type[QTA_TICK_TYPE_END] = {0};
    for (size_t i = 0; i < market.host.tick_count; i++)
        by_type[market.host.ticks[i].type]++;
    assert_in_range(by_type[QTA_TICK_QUOTE], 1500, 1700);
    assert_int_equal(by_type[QTA_TICK_QUOTE] + by_type[QTA_TICK_TRADE], 2000);
    close_market(&market);
}

static void subscriptions_change_while_it_runs(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"clock", "simulated"}};
    const struct qta_subscription aapl = {QTA_TICK_TRADE, 0, "AAPL"};
    const struct qta_subscription msft = {QTA_TICK_QUOTE, 0, "MSFT"};
    struct market market;
    open_with(&market, settings, 1, &aapl, 1);
    assert_int_equal(market.host.answer_count, 1);
    assert_true(market.host.answers[0].is_accepted);
    qta_adapter_service(market.adapter, 0, 100);
    assert_int_equal(market.host.tick_count, 100);

    qta_adapter_subscribe(market.adapter, &msft, 1, true, 0);
    qta_adapter_subscribe(market.adapter, &aapl, 1, false, 0);
    qta_adapter_service(market.adapter, 0, 100);
    for (size_t i = 100; i < 200; i++) {
        assert_int_equal(market.host.ticks[i].type, QTA_TICK_QUOTE);
        assert_string_equal(
            fake_host_name(&market.host, QTA_NAME_SYMBOL, market.host.ticks[i].symbol), "MSFT");
    }

    qta_adapter_subscribe(market.adapter, &msft, 1, false, 0);
    assert_true(qta_adapter_service(market.adapter, 0, 100) > 0);
    assert_int_equal(market.host.tick_count, 200);
    close_market(&market);
}

static void other_types_are_refused(void **state)
{
    (void)state;
    const struct qta_subscription bars = {QTA_TICK_BAR, QTA_BAR_MINUTE, "AAPL"};
    struct market market;
    open_with(&market, NULL, 0, &bars, 1);
    assert_int_equal(market.host.answer_count, 1);
    assert_false(market.host.answers[0].is_accepted);
    close_market(&market);
}

static void many_symbols_are_found_again(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {
        {"clock", "simulated"}, {"symbol_count", "20000"}, {"count", "100000"}};
    const struct qta_subscription stars[] = {{QTA_TICK_TRADE, 0, "*"}, {QTA_TICK_QUOTE, 0, "*"}};
    const struct qta_subscription one = {QTA_TICK_TRADE, 0, "SYN19999"};
    struct market market;
    open_with(&market, settings, 3, stars, 2);
    qta_adapter_subscribe(market.adapter, &one, 1, true, 0);
    drain(&market, 4096);
    assert_int_equal(qta_dictionary_count(market.host.base.names, QTA_NAME_SYMBOL), 20001);
    close_market(&market);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct qta_setting setting;
        const char *reason;
    } cases[] = {
        {{"seed", "-1"}, "seed"},
        {{"seed", "1.5"}, "whole number"},
        {{"seed", "x"}, "seed"},
        {{"rate", "0"}, "rate"},
        {{"rate", "1e99"}, "rate"},
        {{"count", "-5"}, "count"},
        {{"symbol_count", "0"}, "symbol_count"},
        {{"quote_ratio", "1.5"}, "quote_ratio"},
        {{"latency", "soon"}, "latency"},
        {{"start", "noon"}, "start"},
        {{"clock", "broken"}, "clock"},
        {{"start", "2262-01-01T00:00:00Z"}, "too late"},
    };
    struct fake_host host;
    fake_host_init(&host);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct qta_adapter_options options = {
            .provider = "synthetic", .settings = &cases[i].setting, .setting_count = 1};
        struct qta_adapter *adapter = NULL;
        struct qta_error err;
        print_message("case %s=%s\n", cases[i].setting.name, cases[i].setting.value);
        assert_int_equal(qta_adapter_create_with(&qta_synthetic_adapter_ops, &options, &host.base,
                                                 &adapter, &err),
                         QTA_ERR_CONFIG);
        assert_non_null(strstr(err.message, cases[i].reason));
        assert_null(adapter);
    }
    fake_host_finish(&host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_makes_the_same_ticks_however_it_is_called),
        cmocka_unit_test(a_seed_means_the_same_on_every_machine),
        cmocka_unit_test(a_real_clock_gives_the_same_market_fields_when_the_start_is_given),
        cmocka_unit_test(with_a_real_clock_ticks_come_when_they_are_due),
        cmocka_unit_test(the_budget_bounds_a_call),
        cmocka_unit_test(its_market_is_plausible),
        cmocka_unit_test(arrivals_are_bursty),
        cmocka_unit_test(a_star_stands_for_generated_names),
        cmocka_unit_test(without_a_subscription_it_makes_everything),
        cmocka_unit_test(subscriptions_change_while_it_runs),
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(many_symbols_are_found_again),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests_name("synthetic", tests, NULL, NULL);
}
