/* What happens when callbacks are slower than the venue: each overflow policy, counted exactly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S

/* A venue that sends bursts of 700 trades in one frame, then refuses us for good: the run ends. */
static void burst_on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    (void)user;
    if (length == 5) {
        scripted_send(link, MS, "welcome");
        return;
    }
    assert_memory_equal(bytes, "sub ", 4);
    scripted_send(link, MS, "ok AAPL");
    scripted_send(link, MS, "ok MSFT");
    for (int i = 0; i < 100; i++)
        scripted_send(link, (i + 2) * MS, i % 2 ? "t AAPL 700" : "t MSFT 3");
    scripted_send(link, 10 * S, "block");
}
enum { TRADES = 50 * 703 };

struct slow {
    uint64_t *seen; /* rx_seq, as they came */
    size_t count;
    uint64_t trades;
    uint64_t told; /* sum of DROP counts that arrived here */
    int calls;
};

static void look_slowly(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct slow *slow = user;
    if (slow->calls++ % 16 == 0) /* slower than any build of the gateway */
        usleep(2000);
    assert_true(slow->count == 0 || tick->rx_seq > slow->seen[slow->count - 1]);
    slow->seen[slow->count++] = tick->rx_seq;
    slow->trades += tick->type == QTA_TICK_TRADE;
    if (tick->type == QTA_TICK_DROP)
        slow->told += tick->drop.count;
}

static void run_slowly(struct stage *stage, struct slow *slow, char *folder,
                       enum qta_overflow_policy overflow)
{
    stage_init(stage, "chatty");
    stage->venue.on_message = burst_on_message;
    stage->options.buffer_size = 256; /* a frame alone is more than that */
    stage->options.overflow = overflow;
    stage->options.recording.is_enabled = true;
    stage->options.recording.directory = folder;
    stage_open(stage);
    slow->seen = calloc(TRADES * 2, sizeof *slow->seen);
    assert_non_null(slow->seen);
    assert_int_equal(qta_gateway_subscribe_to_all(stage->gateway, look_slowly, slow, NULL), QTA_OK);
    assert_int_equal(qta_gateway_run(stage->gateway, NULL), QTA_ERR_REFUSED);
    stage->is_over = true;
}

static uint64_t count_type(const struct scratch_session *session, enum qta_tick_type type)
{
    uint64_t count = 0;
    for (size_t i = 0; i < session->count; i++)
        count += session->ticks[i].type == type;
    return count;
}

/* The recording is complete whatever the callbacks missed, and says what they missed: every record
 * was either seen or is within a DROP record's range, and the numbers add up. */
static void assert_accounted(struct stage *stage, const struct slow *slow,
                             const struct scratch_session *session, bool is_contiguous)
{
    assert_int_equal(count_type(session, QTA_TICK_TRADE), TRADES);
    uint64_t dropped = 0;
    bool *is_missed = calloc(session->count + 2, sizeof *is_missed);
    assert_non_null(is_missed);
    for (size_t i = 0; i < session->count; i++) {
        const struct qta_tick *tick = &session->ticks[i];
        assert_int_equal(tick->rx_seq, i + 1);
        if (tick->type != QTA_TICK_DROP)
            continue;
        dropped += tick->drop.count;
        assert_true(tick->drop.first_rx_seq <= tick->drop.last_rx_seq);
        assert_true(tick->drop.last_rx_seq < tick->rx_seq);
        if (is_contiguous)
            assert_int_equal(tick->drop.count,
                             tick->drop.last_rx_seq - tick->drop.first_rx_seq + 1);
        for (uint64_t seq = tick->drop.first_rx_seq; seq <= tick->drop.last_rx_seq; seq++)
            is_missed[seq] = true;
    }
    size_t next = 0;
    uint64_t missed = 0;
    for (uint64_t seq = 1; seq <= session->count; seq++) {
        bool is_seen = next < slow->count && slow->seen[next] == seq;
        next += is_seen;
        missed += !is_seen;
        assert_true(is_seen || is_missed[seq]);
        assert_false(is_contiguous && is_seen && is_missed[seq]);
    }
    free(is_missed);
    assert_int_equal(next, slow->count);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    print_message("%zu recorded, %zu seen, %llu dropped\n", session->count, slow->count,
                  (unsigned long long)dropped);
    assert_int_equal(missed, dropped);
    assert_int_equal(stats.dropped, dropped);
    assert_int_equal(stats.dispatched, slow->count);
    assert_int_equal(stats.market_ticks, TRADES);
}

static void run_policy(enum qta_overflow_policy overflow, bool is_contiguous)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    struct slow slow = {0};
    char *folder = scratch_make_in_memory();
    run_slowly(stage, &slow, folder, overflow);
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(stage->gateway));
    assert_accounted(stage, &slow, &session, is_contiguous);
    if (overflow == QTA_OVERFLOW_BLOCK) {
        assert_int_equal(slow.trades, TRADES);
        assert_int_equal(slow.count, session.count);
        assert_true(scripted_pauses(stage->transport) > 0); /* the venue felt it */
    } else {
        assert_true(slow.trades < TRADES);
        assert_true(slow.told > 0);
        assert_int_equal(scripted_pauses(stage->transport), 0);
    }
    scratch_free(&session);
    stage_finish(stage);
    free(stage);
    free(slow.seen);
    scratch_remove(folder);
}

static void blocking_loses_nothing_even_of_frames_larger_than_the_buffer(void **state)
{
    (void)state;
    run_policy(QTA_OVERFLOW_BLOCK, false);
}

static void dropping_the_newest_is_counted_to_the_tick(void **state)
{
    (void)state;
    run_policy(QTA_OVERFLOW_DROP_NEWEST, true);
}

static void dropping_the_oldest_is_counted_to_the_tick(void **state)
{
    (void)state;
    run_policy(QTA_OVERFLOW_DROP_OLDEST, false);
}

/* In one thread, with the ring emptied after every turn: exactly what does not fit is dropped. */
static void what_a_burst_drops_is_known_in_advance(void **state)
{
    (void)state;
    static const struct {
        enum qta_overflow_policy overflow;
        uint64_t dropped;
    } cases[] = {
        {QTA_OVERFLOW_BLOCK, 0},
        {QTA_OVERFLOW_DROP_OLDEST, 3000 - 1024},
        {QTA_OVERFLOW_DROP_NEWEST, 3000 - 1024},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        static const struct act act = {.says = "t AAPL 3000", .tick_interval_ns = 1000 * S};
        stage->acts = &act;
        stage->act_count = 1;
        stage->options.overflow = cases[i].overflow;
        stage_open(stage);
        stage_run_for(stage, 10 * S);
        struct qta_gateway_stats stats;
        qta_gateway_stats(stage->gateway, &stats);
        assert_int_equal(stats.dropped, cases[i].dropped);
        assert_int_equal(stats.market_ticks, 3000);
        const struct qta_tick *drop = stage_tick(stage, QTA_TICK_DROP, 0);
        const struct qta_tick *first = stage_tick(stage, QTA_TICK_TRADE, 0);
        if (cases[i].overflow == QTA_OVERFLOW_BLOCK) {
            assert_null(drop);
        } else {
            assert_non_null(drop);
            assert_int_equal(drop->drop.count, cases[i].dropped);
            assert_int_equal(drop->drop.last_rx_seq - drop->drop.first_rx_seq + 1,
                             cases[i].dropped);
            bool is_oldest = cases[i].overflow == QTA_OVERFLOW_DROP_OLDEST;
            assert_int_equal(first->trade.id, is_oldest ? 3000 - 1024 + 1 : 1);
            assert_string_equal(qta_dictionary_name(qta_gateway_names(stage->gateway),
                                                    QTA_NAME_TEXT, drop->drop.subscriber, NULL),
                                "callbacks");
        }
        stage_finish(stage);
        free(stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocking_loses_nothing_even_of_frames_larger_than_the_buffer),
        cmocka_unit_test(dropping_the_newest_is_counted_to_the_tick),
        cmocka_unit_test(dropping_the_oldest_is_counted_to_the_tick),
        cmocka_unit_test(what_a_burst_drops_is_known_in_advance),
    };
    return cmocka_run_group_tests_name("overflow", tests, NULL, NULL);
}
