/* Another configuration for a gateway that runs: what the venue hears of it, and what it does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include <qta/gateway.h>

#include "tests/recorder/stage.h"

#define S STAGE_S

static int set_up(void **state)
{
    static struct stage stage;
    stage_init(&stage, "chatty");
    *state = &stage;
    return 0;
}

static int tear_down(void **state)
{
    stage_finish(*state);
    return 0;
}

/* Lets the gateway take over these symbols' trades for its one provider. */
static enum qta_status reload(struct stage *stage, const char *const *symbols,
                              struct qta_error *err)
{
    struct qta_subscription subscriptions[16];
    size_t count = 0;
    for (; symbols[count]; count++)
        subscriptions[count] = (struct qta_subscription){.type = QTA_TICK_TRADE,
                                                         .symbol = symbols[count]};
    struct qta_provider_options provider = stage->provider;
    struct qta_gateway_options options = stage->options;
    provider.subscriptions = subscriptions;
    provider.subscription_count = count;
    options.providers = &provider;
    return qta_gateway_reload(stage->gateway, &options, err);
}

#define SYMBOLS(...) ((const char *const[]){__VA_ARGS__, NULL})

static uint64_t reloads(const struct stage *stage)
{
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    return stats.reloads;
}

static void the_difference_is_asked_for_in_a_message_each(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    assert_int_equal(reload(stage, SYMBOLS("NVDA", "MSFT", "TSLA"), NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n1:unsub AAPL\n1:sub NVDA TSLA\n");
    assert_int_equal(scripted_attempts(stage->transport), 1);
    assert_int_equal(reloads(stage), 1);
    assert_int_equal(stage_log_count(stage, "venue: subscriptions changed: 2 more, 1 less"), 1);
    /* there and back: only what differs from now */
    assert_int_equal(reload(stage, SYMBOLS("AAPL", "MSFT", "TSLA"), NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_non_null(strstr(stage->sent, "TSLA\n1:unsub NVDA\n1:sub AAPL\n"));
    assert_int_equal(scripted_attempts(stage->transport), 1);
}

static void the_same_again_says_nothing(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    size_t log_length = strlen(stage->log);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(reload(stage, SYMBOLS("MSFT", "AAPL", "MSFT"), NULL), QTA_OK);
        if (i % 3 == 0)
            stage_run_for(stage, 10 * STAGE_MS);
    }
    stage_run_for(stage, 3 * S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
    assert_int_equal(strlen(stage->log), log_length);
}

static void of_several_that_wait_the_last_one_counts(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    reload(stage, SYMBOLS("A"), NULL);
    reload(stage, SYMBOLS("B", "C"), NULL);
    reload(stage, SYMBOLS("AAPL", "MSFT", "D"), NULL);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n1:sub D\n");
    assert_int_equal(reloads(stage), 1);
}

static void in_an_outage_it_is_asked_for_afterwards(void **state)
{
    struct stage *stage = *state;
    const struct act acts[] = {{.lifetime_ns = 5 * S}, {.is_refused = true}, {0}};
    stage->acts = acts;
    stage->act_count = 3;
    stage_open(stage);
    while (scripted_attempts(stage->transport) < 2)
        stage_run_for(stage, 100 * STAGE_MS);
    assert_int_equal(reload(stage, SYMBOLS("MSFT", "NVDA"), NULL), QTA_OK);
    stage_run_for(stage, 60 * S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n3:login\n3:sub MSFT NVDA\n");
}

static void before_the_login_is_answered_nothing_is_taken_back(void **state)
{
    struct stage *stage = *state;
    const struct act acts[] = {{.has_no_welcome = true, .lifetime_ns = 5 * S}, {0}};
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, S);
    assert_int_equal(reload(stage, SYMBOLS("NVDA"), NULL), QTA_OK);
    stage_run_for(stage, 60 * S);
    assert_string_equal(stage->sent, "1:login\n2:login\n2:sub NVDA\n");
}

static void a_refusal_is_of_its_symbol_alone(void **state)
{
    struct stage *stage = *state;
    const struct act acts[] = {{.refuses = "TSLA"}};
    stage->acts = acts;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    assert_int_equal(reload(stage, SYMBOLS("AAPL", "MSFT", "NVDA", "TSLA"), NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_int_equal(stage_log_count(stage, "subscription of 'TSLA' to trade refused"), 1);
    assert_int_equal(stage_log_count(stage, " refused"), 1);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.refused_subscriptions, 1);
    assert_int_equal(stats.connected, 1);
    /* to take it out again is nothing that the venue has to hear of */
    assert_int_equal(reload(stage, SYMBOLS("AAPL", "MSFT", "NVDA"), NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_null(strstr(stage->sent, "unsub"));
}

static void ignore_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

static void what_a_callback_asked_for_stays(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, S);
    struct qta_error err;
    assert_int_equal(qta_gateway_subscribe_to_trades(stage->gateway, SYMBOLS("AAPL", "NVDA"), 2,
                                                     ignore_tick, NULL, &err),
                     QTA_OK);
    stage_run_for(stage, S);
    assert_int_equal(reload(stage, SYMBOLS("TSLA"), NULL), QTA_OK);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent,
                        "1:login\n1:sub AAPL MSFT\n1:sub NVDA\n1:unsub MSFT\n1:sub TSLA\n");
    /* and goes when it is taken back */
    assert_int_equal(qta_gateway_unsubscribe(stage->gateway, QTA_TICK_TRADE,
                                             SYMBOLS("AAPL", "NVDA", "NONE"), 3, &err),
                     QTA_OK);
    stage_run_for(stage, S);
    assert_non_null(strstr(stage->sent, "TSLA\n1:unsub AAPL NVDA\n"));
    assert_int_equal(qta_gateway_unsubscribe(stage->gateway, QTA_TICK_TRADE, SYMBOLS(""), 1, &err),
                     QTA_ERR_USAGE);
}

static void a_wrong_configuration_changes_nothing(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, S);
    struct qta_error err;
    struct qta_provider_options provider = stage->provider;
    struct qta_gateway_options options = stage->options;
    options.providers = &provider;
    provider.subscription_count = 0;
    provider.adapter = "nobody";
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, &err), QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "unknown adapter 'nobody'"));
    provider = stage->provider;
    provider.name = "another";
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, &err), QTA_ERR_CONFIG);
    assert_string_equal(err.message, "none of the providers that run is in the configuration");
    options.provider_count = 0;
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, &err), QTA_ERR_CONFIG);
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n");
    assert_int_equal(reloads(stage), 0);
}

static void a_provider_that_is_left_out_stops_and_others_go_on(void **state)
{
    struct stage *stage = *state;
    struct qta_subscription other_subscription = {.type = QTA_TICK_TRADE, .symbol = "BTC"};
    struct qta_provider_options providers[2] = {stage->provider, stage->provider};
    providers[1].name = "other";
    providers[1].subscriptions = &other_subscription;
    providers[1].subscription_count = 1;
    stage->options.providers = providers;
    stage->options.provider_count = 2;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    struct qta_gateway_options options = stage->options;
    options.provider_count = 1;
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_int_equal(scripted_links(stage->transport), 1);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_int_equal(stage_log_count(stage, "other: stopped: it is not in the configuration"), 1);
    const struct qta_tick *gone = stage_conn(stage, QTA_CONN_STOPPED);
    assert_non_null(gone);
    assert_int_equal(gone->conn_event.cause, QTA_CAUSE_STOP);
    /* it does not come back, and the other one goes on to take over what concerns it */
    assert_int_equal(qta_gateway_reload(stage->gateway, &stage->options, NULL), QTA_OK);
    stage_run_for(stage, 3 * S);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_false(stage->is_over);
}

static void limits_are_taken_over(void **state)
{
    struct stage *stage = *state;
    const struct act acts[] = {{.lifetime_ns = 10 * S}, {.is_refused = true}};
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 5 * S);
    struct qta_gateway_options options = stage->options;
    options.reconnect_attempts = 3;
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, NULL), QTA_OK);
    stage_run_for(stage, 3600 * S);
    assert_int_equal(stage_log_count(stage, "venue: limits changed"), 1);
    assert_true(stage->is_over);
    assert_in_range(scripted_attempts(stage->transport), 2, 4);
}

static void the_send_rate_is_taken_over(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 3 * S);
    struct qta_provider_options provider = stage->provider;
    struct qta_gateway_options options = stage->options;
    options.providers = &provider;
    provider.rate_limit_per_s = 0.1;
    provider.rate_limit_burst = 1;
    assert_int_equal(qta_gateway_reload(stage->gateway, &options, NULL), QTA_OK);
    stage_run_for(stage, S);
    struct qta_error err;
    for (int i = 0; i < 3; i++) {
        const char *symbol[] = {(const char *[]){"A", "B", "C"}[i]};
        assert_int_equal(
            qta_gateway_subscribe_to_trades(stage->gateway, symbol, 1, ignore_tick, NULL, &err),
            QTA_OK);
        stage_run_for(stage, STAGE_MS);
    }
    stage_run_for(stage, S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n1:sub A\n");
    stage_run_for(stage, 25 * S);
    assert_string_equal(stage->sent, "1:login\n1:sub AAPL MSFT\n1:sub A\n1:sub B\n1:sub C\n");
}

static void at_the_end_nothing_is_taken_over(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, S);
    assert_int_equal(reload(stage, SYMBOLS("NVDA"), NULL), QTA_OK);
    struct qta_error err;
    assert_int_equal(stage_stop(stage, &err), QTA_OK);
    assert_int_equal(reload(stage, SYMBOLS("TSLA"), &err), QTA_ERR_STATE);
    assert_null(strstr(stage->sent, "TSLA"));
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(the_difference_is_asked_for_in_a_message_each),
        STAGED(the_same_again_says_nothing),
        STAGED(of_several_that_wait_the_last_one_counts),
        STAGED(in_an_outage_it_is_asked_for_afterwards),
        STAGED(before_the_login_is_answered_nothing_is_taken_back),
        STAGED(a_refusal_is_of_its_symbol_alone),
        STAGED(what_a_callback_asked_for_stays),
        STAGED(a_wrong_configuration_changes_nothing),
        STAGED(a_provider_that_is_left_out_stops_and_others_go_on),
        STAGED(limits_are_taken_over),
        STAGED(the_send_rate_is_taken_over),
        STAGED(at_the_end_nothing_is_taken_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
