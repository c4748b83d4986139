/* A provider with several connections: what each carries, and what happens when one is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/gateway_internal.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S

static const struct qta_subscription five[] = {
    {.type = QTA_TICK_TRADE, .symbol = "A"}, {.type = QTA_TICK_TRADE, .symbol = "B"},
    {.type = QTA_TICK_TRADE, .symbol = "C"}, {.type = QTA_TICK_TRADE, .symbol = "D"},
    {.type = QTA_TICK_TRADE, .symbol = "E"},
};

/* Five symbols, two on a connection. */
static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    stage->provider.subscriptions = five;
    stage->provider.subscription_count = 5;
    stage->provider.max_connections = 4;
    stage->provider.symbols_per_connection = 2;
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    stage_finish(*state);
    free(*state);
    return 0;
}

/* Symbols of the ticks of a type from that index on, "A B". */
static const char *symbols_of(const struct stage *stage, enum qta_tick_type type, size_t from)
{
    static char text[1024];
    const struct qta_dictionary *names = qta_gateway_names(stage->gateway);
    text[0] = '\0';
    for (size_t i = from; i < stage->tick_count; i++) {
        if (stage->ticks[i].type != type)
            continue;
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s", used > 0 ? " " : "",
                 qta_dictionary_name(names, QTA_NAME_SYMBOL, stage->ticks[i].symbol, NULL));
    }
    return text;
}

static void symbols_are_spread_over_as_many_connections_as_they_need(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 500 * MS);
    assert_non_null(strstr(stage->sent, "1:sub A B\n"));
    assert_non_null(strstr(stage->sent, "2:sub C D\n"));
    assert_non_null(strstr(stage->sent, "3:sub E\n"));
    assert_int_equal(scripted_attempts(stage->transport), 3);
    assert_int_equal(stage_log_count(stage, "info venue/1: connected; 2 subscriptions"), 1);
    assert_int_equal(stage_log_count(stage, "info venue/3: connected; 1 subscriptions"), 1);
}

static void every_connection_that_opens_has_a_number_of_its_own(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 2 * S, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}}, {0}};
    bool is_seen[8] = {false};
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 20 * S);
    for (size_t i = 0; i < stage->tick_count; i++) {
        const struct qta_tick *tick = &stage->ticks[i];
        if (tick->type != QTA_TICK_CONN || tick->conn_event.state != QTA_CONN_OPEN)
            continue;
        assert_in_range(tick->conn, 1, 4);
        assert_false(is_seen[tick->conn]);
        is_seen[tick->conn] = true;
    }
    assert_true(is_seen[1] && is_seen[2] && is_seen[3] && is_seen[4]);
}

static void a_lost_connection_leaves_a_gap_of_its_own_symbols_alone(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {0},
        {.lifetime_ns = 2500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
        {0},
    };
    stage->acts = acts;
    stage->act_count = 3;
    stage_open(stage);
    stage_run_for(stage, 20 * S);
    assert_string_equal(symbols_of(stage, QTA_TICK_GAP, 0), "C D");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    assert_int_equal(gap->gap.scope, QTA_GAP_SYMBOL);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_LOST);
    assert_true(gap->gap.first_good_ns > gap->gap.last_good_ns);
    const struct qta_tick *lost = stage_conn(stage, QTA_CONN_DISCONNECTED);
    assert_string_equal(qta_dictionary_name(qta_gateway_names(stage->gateway), QTA_NAME_TEXT,
                                            lost->conn_event.detail, NULL),
                        "2: reset");
}

static void more_than_the_connections_can_carry_is_one_error_at_the_start(void **state)
{
    struct stage *stage = *state;
    struct qta_error err;
    stage->provider.max_connections = 2;
    struct qta_transport *transport = scripted_transport_create(&stage->environment, &stage->venue);
    assert_int_equal(qta_gateway_create_in(&stage->gateway, &stage->options,
                                           &stage->environment.base, transport, &err),
                     QTA_ERR_CONFIG);
    assert_string_equal(err.message,
                        "provider 'venue': no connection has room for 'E': 2 are allowed, with 2 "
                        "symbols and 0 subscriptions each (0: any number); raise max_connections");
    transport->ops->destroy(transport);
    stage->provider.max_connections = 4;
    stage_open(stage);
}

static void no_gap_is_recorded_while_one_line_has_the_data(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 2 * S, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}}, {0}};
    stage->provider.symbols_per_connection = 0;
    stage->provider.lines = 2;
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 20 * S);
    assert_int_equal(scripted_attempts(stage->transport), 3);
    assert_non_null(stage_conn(stage, QTA_CONN_DISCONNECTED));
    for (size_t i = 0; i < stage->tick_count; i++)
        assert_int_not_equal(stage->ticks[i].type, QTA_TICK_GAP);
}

static void messages_of_redundant_lines_are_not_stored(void **state)
{
    struct stage *stage = *state;
    struct qta_error err;
    stage->provider.lines = 2;
    stage->options.recording.is_enabled = true;
    stage->options.recording.has_raw_frames = true;
    struct qta_transport *transport = scripted_transport_create(&stage->environment, &stage->venue);
    assert_int_equal(qta_gateway_create_in(&stage->gateway, &stage->options,
                                           &stage->environment.base, transport, &err),
                     QTA_ERR_CONFIG);
    assert_string_equal(err.message,
                        "provider 'venue': recording.raw_frames would store the messages of all 2 "
                        "lines; set it to false, or lines to 1");
    transport->ops->destroy(transport);
    stage->provider.lines = 1;
    stage->options.recording.is_enabled = false;
    stage->options.recording.has_raw_frames = false;
    stage_open(stage);
}

static void symbols_of_a_connection_that_is_given_up_go_where_there_is_room(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {{.says = "block"}, {0}};
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 500 * MS);
    /* the third connection has room for one, the fourth is not in use and would be refused, too */
    assert_non_null(strstr(stage->sent, "3:sub E\n"));
    assert_non_null(strstr(stage->sent, "3:sub A\n"));
    assert_int_equal(stage_log_count(stage, "warning venue/1: lost: 1 of its 2 symbols go to other "
                                            "connections, which have no room for the rest"),
                     1);
    assert_int_equal(scripted_attempts(stage->transport), 3);
    /* the others go on, so nobody is returned the reason */
    assert_int_equal(stage_log_count(stage, "error venue/1: auth failed; not tried again"), 1);
}

/* The circuit opens at the second failure, long before a third attempt. */
static void the_gap_of_a_symbol_that_moves_ends_where_it_has_moved_to(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.lifetime_ns = 1500 * MS, .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}},
        {0},
        {0},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_CONNECT, .reason = "refused"}},
    };
    stage->provider.breaker_threshold = 2;
    stage->provider.breaker_timeout_ns = 3600 * S;
    stage->acts = acts;
    stage->act_count = 4;
    stage_open(stage);
    stage_run_for(stage, 30 * S);
    assert_non_null(strstr(stage->sent, "3:sub A\n"));
    assert_string_equal(symbols_of(stage, QTA_TICK_GAP, 0), "A"); /* B's is open still */
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_LOST);
    assert_int_equal(gap->conn, 3);
}

static void ignore_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

static void what_is_subscribed_to_later_finds_a_connection_or_opens_one(void **state)
{
    struct stage *stage = *state;
    static const char *const more[] = {"F", "G", "H"};
    struct qta_error err;
    stage_open(stage);
    stage_run_for(stage, 500 * MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(qta_gateway_subscribe(stage->gateway, QTA_TICK_TRADE, &more[i], 1,
                                               ignore_tick, NULL, &err),
                         QTA_OK);
    stage_run_for(stage, 500 * MS);
    assert_non_null(strstr(stage->sent, "3:sub F\n"));
    assert_non_null(strstr(stage->sent, "4:sub G H\n"));
    static const char *const last = "I";
    assert_int_equal(
        qta_gateway_subscribe(stage->gateway, QTA_TICK_TRADE, &last, 1, ignore_tick, NULL, &err),
        QTA_OK);
    stage_run_for(stage, 500 * MS);
    assert_int_equal(stage_log_count(stage, "no connection has room for 'I'"), 1);
}

static void the_successor_is_up_before_an_expiring_connection_is_closed(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {{.says = "expire"}, {0}};
    stage->provider.subscription_count = 2;
    stage->provider.symbols_per_connection = 0;
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 5 * S);
    assert_int_equal(scripted_attempts(stage->transport), 2);
    assert_null(stage_tick(stage, QTA_TICK_GAP, 0));
    assert_null(stage_conn(stage, QTA_CONN_DISCONNECTED));
    const struct qta_tick *closed = stage_conn(stage, QTA_CONN_STOPPED);
    assert_non_null(closed);
    assert_int_equal(closed->conn, 1);
    size_t subscribed = 0;
    for (const struct qta_tick *tick = stage->ticks; tick < closed; tick++)
        subscribed += tick->type == QTA_TICK_CONN && tick->conn_event.state == QTA_CONN_SUBSCRIBED;
    assert_int_equal(subscribed, 2);
    assert_int_equal(stage->ticks[stage->tick_count - 1].conn, 2);
}

static void a_connection_that_is_old_enough_is_replaced_without_a_gap(void **state)
{
    struct stage *stage = *state;
    stage->provider.subscription_count = 2;
    stage->provider.symbols_per_connection = 0;
    stage->provider.connection_lifetime_ns = 60 * S;
    stage_open(stage);
    stage_run_for(stage, 50 * S);
    assert_int_equal(scripted_attempts(stage->transport), 1);
    stage_run_for(stage, 200 * S);
    assert_in_range(scripted_attempts(stage->transport), 4, 5);
    assert_int_equal(scripted_links(stage->transport), 1);
    assert_null(stage_tick(stage, QTA_TICK_GAP, 0));
    assert_null(stage_conn(stage, QTA_CONN_DISCONNECTED));
}

static void a_successor_that_is_refused_leaves_the_old_connection_alone(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.says = "expire"},
        {.is_refused = true, .end = {.cause = QTA_CAUSE_HTTP, .code = 406, .reason = "one only"}},
    };
    stage->provider.subscription_count = 2;
    stage->provider.symbols_per_connection = 0;
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 90 * S);
    assert_int_equal(scripted_attempts(stage->transport), 3); /* a try a minute */
    assert_null(stage_tick(stage, QTA_TICK_GAP, 0));
    assert_int_equal(scripted_links(stage->transport), 1);
    assert_int_equal(
        stage_log_count(stage, "warning venue/B: cannot connect beside the connection that it is "
                               "to replace; that one stays"),
        2);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)
    const struct CMUnitTest tests[] = {
        CASE(symbols_are_spread_over_as_many_connections_as_they_need),
        CASE(every_connection_that_opens_has_a_number_of_its_own),
        CASE(a_lost_connection_leaves_a_gap_of_its_own_symbols_alone),
        CASE(more_than_the_connections_can_carry_is_one_error_at_the_start),
        CASE(no_gap_is_recorded_while_one_line_has_the_data),
        CASE(messages_of_redundant_lines_are_not_stored),
        CASE(symbols_of_a_connection_that_is_given_up_go_where_there_is_room),
        CASE(the_gap_of_a_symbol_that_moves_ends_where_it_has_moved_to),
        CASE(what_is_subscribed_to_later_finds_a_connection_or_opens_one),
        CASE(the_successor_is_up_before_an_expiring_connection_is_closed),
        CASE(a_connection_that_is_old_enough_is_replaced_without_a_gap),
        CASE(a_successor_that_is_refused_leaves_the_old_connection_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
