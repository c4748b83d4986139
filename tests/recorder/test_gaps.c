/* What a venue leaves out is on record, and what heals it, too. */
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

/* What the venue says on each connection once it was asked, a message every 100 ms; NULL ends it.
 */
static const char *const (*script)[16];

static void on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    (void)user;
    int attempt = scripted_attempt(link);
    if (length == 5 && memcmp(bytes, "login", 5) == 0) {
        scripted_send(link, MS, "welcome");
        return;
    }
    scripted_send(link, MS, "ok AAPL");
    scripted_send(link, MS, "ok MSFT");
    for (int i = 0; script[attempt - 1][i]; i++)
        scripted_send(link, (i + 1) * 100 * MS, script[attempt - 1][i]);
}

static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    stage->venue.on_message = on_message;
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    stage_finish(*state);
    free(*state);
    return 0;
}

static void play(struct stage *stage, const char *const (*lines)[16], int64_t duration_ns)
{
    script = lines;
    stage_open(stage);
    stage_run_for(stage, duration_ns);
}

static const struct qta_gap_counts *counts_of(const struct stage *stage)
{
    struct qta_gateway_view view = qta_gateway_view(stage->gateway);
    return qta_gateway_view_feed(&view, 0)->is.gaps;
}

static void missing_numbers_are_a_gap_in_front_of_the_tick_that_came(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[][16] = {
        {"n AAPL 7", "n MSFT 100", "n AAPL 8", "n AAPL 12", "n MSFT 101", "n AAPL 13", NULL}};
    play(stage, lines, S);
    assert_string_equal(stage_story(stage), "connecting open ready subscribed trade trade trade "
                                            "gap trade trade trade");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *before = stage_tick(stage, QTA_TICK_TRADE, 2);
    const struct qta_tick *after = stage_tick(stage, QTA_TICK_TRADE, 3);
    assert_int_equal(gap->gap.scope, QTA_GAP_SYMBOL);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_SEQUENCE);
    assert_int_equal(gap->gap.channel, QTA_TICK_TRADE);
    assert_int_equal(gap->gap.resolved_by, QTA_REMEDY_NONE);
    assert_true(gap->gap.resolves == QTA_U64_NONE);
    assert_int_equal(gap->symbol, after->symbol);
    assert_int_equal(gap->provider, after->provider);
    assert_int_equal(gap->gap.last_good_seq, 8);
    assert_int_equal(gap->gap.first_good_seq, 12);
    assert_int_equal(gap->gap.last_good_ns, before->ts_recv_ns);
    assert_int_equal(gap->gap.first_good_ns, after->ts_recv_ns);
    assert_int_equal(qta_counter_read(&counts_of(stage)->gaps[QTA_CAUSE_SEQUENCE]), 1);
    assert_int_equal(qta_counter_read(&counts_of(stage)->missing), 3);
}

static void what_comes_late_resolves_the_gap_behind_the_last_of_it(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[][16] = {
        {"n AAPL 7", "n AAPL 10", "n AAPL 9", "n AAPL 11", "n AAPL 8", "n AAPL 8", NULL}};
    play(stage, lines, S);
    assert_string_equal(stage_story(stage), "connecting open ready subscribed trade gap trade "
                                            "trade trade trade gap trade");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *healed = stage_tick(stage, QTA_TICK_GAP, 1);
    assert_int_equal(healed->gap.resolved_by, QTA_REMEDY_LATE);
    assert_int_equal(healed->gap.resolves, gap->rx_seq);
    assert_int_equal(healed->symbol, gap->symbol);
    assert_int_equal(healed->gap.cause, gap->gap.cause);
    assert_int_equal(healed->gap.last_good_ns, gap->gap.last_good_ns);
    assert_int_equal(healed->gap.first_good_ns, gap->gap.first_good_ns);
    assert_int_equal(healed->gap.last_good_seq, 7);
    assert_int_equal(healed->gap.first_good_seq, 10);
    assert_int_equal(qta_gap_counts_total(counts_of(stage)), 1);
    assert_int_equal(qta_counter_read(&counts_of(stage)->resolved[QTA_REMEDY_LATE]), 1);
    assert_int_equal(qta_counter_read(&counts_of(stage)->numbers[QTA_SEQUENCE_BACK]), 1);
}

/* The numbers of a symbol go on over connections: they tell what the outage has cost. */
static void numbers_tell_what_an_outage_has_cost(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[][16] = {{"n AAPL 7", "n MSFT 50", "fail 0", NULL},
                                            {"n AAPL 9", "n MSFT 51", "n MSFT 1", NULL}};
    play(stage, lines, 10 * S);
    assert_string_equal(stage_story(stage),
                        "connecting open ready subscribed trade trade disconnected:provider "
                        "connecting open ready subscribed gap gap trade trade trade");
    const struct qta_tick *outage = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 1);
    assert_int_equal(outage->gap.scope, QTA_GAP_PROVIDER);
    assert_int_equal(outage->gap.cause, QTA_CAUSE_PROVIDER);
    assert_int_equal(gap->gap.scope, QTA_GAP_SYMBOL);
    assert_int_equal(gap->gap.first_good_seq, 9);
    assert_int_equal(qta_counter_read(&counts_of(stage)->numbers[QTA_SEQUENCE_RESTARTED]), 1);
}

static void messages_that_are_numbered_on_a_connection_begin_anew_on_the_next(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[][16] = {
        {"message 20", "t AAPL", "message 21", "message 25", "t AAPL", "fail 0", NULL},
        {"message 0", "message 1", "t AAPL", "message 3", "message 2", NULL}};
    play(stage, lines, 10 * S);
    assert_string_equal(stage_story(stage),
                        "connecting open ready subscribed trade gap trade disconnected:provider "
                        "connecting open ready subscribed gap trade gap gap");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    assert_int_equal(gap->gap.scope, QTA_GAP_PROVIDER);
    assert_int_equal(gap->gap.cause, QTA_CAUSE_SEQUENCE);
    assert_int_equal(gap->gap.channel, QTA_TICK_NONE);
    assert_int_equal(gap->symbol, 0);
    assert_int_equal(gap->gap.last_good_seq, 21);
    assert_int_equal(gap->gap.first_good_seq, 25);
    assert_int_equal(stage_tick(stage, QTA_TICK_GAP, 3)->gap.resolves,
                     stage_tick(stage, QTA_TICK_GAP, 2)->rx_seq);
}

static void a_snapshot_heals_the_order_book_and_nothing_else(void **state)
{
    struct stage *stage = *state;
    static const char *const lines[][16] = {
        {"snapshot AAPL", "update AAPL", "fail 0", NULL},
        {"update AAPL", "snapshot AAPL", "snapshot MSFT", "snapshot AAPL", NULL}};
    play(stage, lines, 10 * S);
    assert_string_equal(stage_story(stage),
                        "connecting open ready subscribed book book book book "
                        "disconnected:provider connecting open ready subscribed gap book book "
                        "book book gap book book book book");
    const struct qta_tick *gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *healed = stage_tick(stage, QTA_TICK_GAP, 1);
    assert_int_equal(healed->gap.resolved_by, QTA_REMEDY_SNAPSHOT);
    assert_int_equal(healed->gap.resolves, gap->rx_seq);
    assert_int_equal(healed->gap.cause, QTA_CAUSE_PROVIDER);
    assert_int_equal(healed->gap.scope, QTA_GAP_SYMBOL);
    assert_int_equal(healed->gap.channel, QTA_TICK_BOOK);
    assert_int_equal(healed->symbol, stage_tick(stage, QTA_TICK_BOOK, 0)->symbol);
    assert_int_equal(healed->gap.last_good_ns, gap->gap.last_good_ns);
    assert_int_equal(qta_counter_read(&counts_of(stage)->resolved[QTA_REMEDY_SNAPSHOT]), 1);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(missing_numbers_are_a_gap_in_front_of_the_tick_that_came),
        STAGED(what_comes_late_resolves_the_gap_behind_the_last_of_it),
        STAGED(numbers_tell_what_an_outage_has_cost),
        STAGED(messages_that_are_numbered_on_a_connection_begin_anew_on_the_next),
        STAGED(a_snapshot_heals_the_order_book_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
