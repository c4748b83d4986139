/* Connections that are up and bring nothing, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/gateway_internal.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S
enum { TALK = 1200 }; /* seconds after which a cadence is learned: two periods */

/* A message every second, from one second to another after the subscription. */
struct part {
    int from_s;
    int until_s;
    const char *says;
};
static const struct part *parts;      /* of the first connection; until_s 0 ends them */
static const struct part *more_parts; /* of the second; NULL for none */

static void on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    (void)user;
    if (length == 5 && memcmp(bytes, "login", 5) == 0) {
        scripted_send(link, MS, "welcome");
        return;
    }
    scripted_send(link, MS, "ok AAPL");
    scripted_send(link, MS, "ok MSFT");
    int attempt = scripted_attempt(link);
    const struct part *part = attempt == 1 ? parts : attempt == 2 ? more_parts : NULL;
    for (; part && part->until_s; part++)
        for (int second = part->from_s; second < part->until_s; second++)
            scripted_send(link, second * S + 500 * MS, part->says);
}

static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    more_parts = NULL;
    stage->venue.on_message = on_message;
    stage->provider.mute_reconnect_after_ns = 60 * S;
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    stage_finish(*state);
    free(*state);
    return 0;
}

static void play(struct stage *stage, const struct part *of_venue, int64_t seconds)
{
    parts = of_venue;
    stage_open(stage);
    stage_run_for(stage, seconds * S);
}

static const struct qta_feed *feed_of(const struct stage *stage)
{
    struct qta_gateway_view view = qta_gateway_view(stage->gateway);
    return qta_gateway_view_feed(&view, 0);
}

static uint32_t mute_channels(const struct stage *stage)
{
    return atomic_load_explicit(&feed_of(stage)->mute_channels, memory_order_relaxed);
}

/* The last words of the story. */
static void assert_ends_with(struct stage *stage, const char *end)
{
    const char *story = stage_story(stage);
    size_t length = strlen(story);
    size_t tail = strlen(end);
    assert_true(length >= tail);
    assert_string_equal(story + length - tail, end);
}

static const struct part talks_then_falls_mute[] = {{1, TALK, "t AAPL"}, {0, 0, NULL}};

static void a_mute_connection_is_told_then_made_anew(void **state)
{
    struct stage *stage = *state;
    play(stage, talks_then_falls_mute, TALK + 240);
    assert_int_equal(mute_channels(stage), 0);
    stage_run_for(stage, 15 * S); /* the bound of a first day, for a tick a second */
    assert_int_equal(mute_channels(stage), 1);
    assert_int_equal(stage_log_count(stage, "warning venue: connected, but no tick for 4 m"), 1);
    assert_ends_with(stage, "trade trade");
    stage_run_for(stage, 62 * S);
    assert_ends_with(stage, "trade trade disconnected:mute connecting open ready subscribed gap");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *last = stage_tick(stage, QTA_TICK_TRADE, TALK - 2);
    assert_null(stage_tick(stage, QTA_TICK_TRADE, TALK - 1));
    assert_int_equal(gap->gap.cause, QTA_CAUSE_MUTE);
    assert_int_equal(gap->gap.scope, QTA_GAP_PROVIDER);
    assert_int_equal(gap->gap.channel, QTA_TICK_NONE);
    assert_int_equal(gap->gap.last_good_ns, last->ts_recv_ns);
    assert_true(gap->gap.first_good_ns > last->ts_recv_ns + 300 * S);
    assert_int_equal(qta_counter_read(&feed_of(stage)->is.gaps->gaps[QTA_CAUSE_MUTE]), 1);
    assert_int_equal(mute_channels(stage), 0);
}

/* The new connection brings nothing either: each attempt is given twice the time. */
static void connecting_anew_in_vain_becomes_rarer(void **state)
{
    struct stage *stage = *state;
    play(stage, talks_then_falls_mute, TALK + 4 * 3600);
    int attempts = scripted_attempts(stage->transport);
    print_message("%d attempts in 4 h\n", attempts);
    assert_in_range(attempts, 4, 9);
}

static void what_comes_back_by_itself_leaves_a_gap_and_the_connection(void **state)
{
    struct stage *stage = *state;
    static const struct part falls_mute_for_a_while[] = {
        {1, TALK, "t AAPL"}, {TALK + 280, TALK + 300, "t AAPL"}, {0, 0, NULL}};
    play(stage, falls_mute_for_a_while, TALK + 270);
    assert_int_equal(mute_channels(stage), 1);
    stage_run_for(stage, 12 * S + 700 * MS);
    assert_int_equal(mute_channels(stage), 0);
    assert_ends_with(stage, "trade gap trade trade trade");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_MUTE);
    assert_int_equal(gap->gap.last_good_ns,
                     stage_tick(stage, QTA_TICK_TRADE, TALK - 2)->ts_recv_ns);
    assert_int_equal(gap->gap.first_good_ns,
                     stage_tick(stage, QTA_TICK_TRADE, TALK - 1)->ts_recv_ns);
    assert_int_equal(scripted_attempts(stage->transport), 1);
    assert_int_equal(stage_log_count(stage, "info venue: data comes again by itself"), 1);
}

static void a_channel_is_mute_while_another_flows(void **state)
{
    struct stage *stage = *state;
    static const struct part loses_trades[] = {{1, TALK, "t AAPL"},
                                               {1, TALK + 400, "update AAPL"},
                                               {TALK + 300, TALK + 310, "t AAPL"},
                                               {0, 0, NULL}};
    play(stage, loses_trades, TALK + 260);
    assert_int_equal(mute_channels(stage), QTA_TYPE_BIT(QTA_TICK_TRADE));
    assert_int_equal(stage_log_count(stage, "connected, but no trade for 4 m"), 1);
    stage_run_for(stage, 42 * S);
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    assert_non_null(gap);
    assert_null(stage_tick(stage, QTA_TICK_GAP, 1));
    assert_int_equal(gap->gap.cause, QTA_CAUSE_MUTE);
    assert_int_equal(gap->gap.channel, QTA_TICK_TRADE);
    assert_int_equal(gap->gap.last_good_ns,
                     stage_tick(stage, QTA_TICK_TRADE, TALK - 2)->ts_recv_ns);
    assert_int_equal(gap[1].type, QTA_TICK_TRADE); /* in front of the tick that came again */
    assert_int_equal(mute_channels(stage), 0);
}

static void what_is_mute_when_the_run_ends_is_on_record(void **state)
{
    struct stage *stage = *state;
    stage->provider.mute_reconnect_after_ns = 0;
    play(stage, talks_then_falls_mute, TALK + 1000);
    assert_int_equal(scripted_attempts(stage->transport), 1); /* 0: it is kept */
    assert_null(stage_tick(stage, QTA_TICK_GAP, 0));
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    assert_ends_with(stage, "trade stopped:stop gap");
    assert_int_equal(stage_tick(stage, QTA_TICK_GAP, 0)->gap.cause, QTA_CAUSE_MUTE);
}

static void a_bound_of_the_users_own_needs_nothing_learned(void **state)
{
    struct stage *stage = *state;
    static const struct part talks_briefly[] = {{1, 10, "t AAPL"}, {0, 0, NULL}};
    stage->provider.silence_max_ns = 30 * S;
    play(stage, talks_briefly, 38);
    assert_int_equal(mute_channels(stage), 0);
    stage_run_for(stage, 4 * S);
    assert_int_equal(mute_channels(stage), 1);
    assert_int_equal(stage_log_count(stage, "connected, but no tick for 30 s\n"), 1);
}

/* The other line brings what this one does not: nothing is missed. */
static void a_mute_line_beside_one_that_flows_is_no_gap(void **state)
{
    struct stage *stage = *state;
    static const struct part goes_on[] = {{1, TALK + 600, "t AAPL"}, {0, 0, NULL}};
    stage->provider.lines = 2;
    stage->provider.max_connections = 2;
    more_parts = goes_on;
    play(stage, talks_then_falls_mute, TALK + 400);
    assert_int_equal(stage_log_count(stage, "venue/A: connected, but no tick for 4 m"), 1);
    assert_null(stage_tick(stage, QTA_TICK_GAP, 0));
    assert_int_equal(scripted_attempts(stage->transport), 3); /* the mute one was made anew */
    assert_int_equal(qta_gap_counts_total(feed_of(stage)->is.gaps), 0);
}

/* It is 2024-05-01 on the stage, a day that somebody has closed. */
static void a_closed_market_is_not_mute(void **state)
{
    struct stage *stage = *state;
    static const char *const days[] = {"2024-05-02", "2024-05-01"};
    static const struct part talks_briefly[] = {{1, 10, "t AAPL"}, {0, 0, NULL}};
    stage->provider.silence_max_ns = 30 * S;
    stage->provider.closed_days = days;
    stage->provider.closed_day_count = 2;
    play(stage, talks_briefly, 600);
    assert_int_equal(mute_channels(stage), 0);
    assert_false(atomic_load(&feed_of(stage)->is_market_open));
    assert_int_equal(scripted_attempts(stage->transport), 1);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(a_mute_connection_is_told_then_made_anew),
        STAGED(connecting_anew_in_vain_becomes_rarer),
        STAGED(what_comes_back_by_itself_leaves_a_gap_and_the_connection),
        STAGED(a_channel_is_mute_while_another_flows),
        STAGED(what_is_mute_when_the_run_ends_is_on_record),
        STAGED(a_bound_of_the_users_own_needs_nothing_learned),
        STAGED(a_mute_line_beside_one_that_flows_is_no_gap),
        STAGED(a_closed_market_is_not_mute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
