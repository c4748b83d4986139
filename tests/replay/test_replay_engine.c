/* The engine in virtual time: what is due when, in which portions, how often. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "replay/replay_engine.h"
#include "tests/replay/array_source.h"

enum { TICKS = 2000 };

struct fixture {
    struct qta_dictionary *names;
    struct qta_tick ticks[TICKS];
    struct array_source array;
    struct qta_tick_source *sources[1];
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    if (!fixture || qta_dictionary_create(&fixture->names, NULL) != QTA_OK) {
        free(fixture);
        return -1;
    }
    uint64_t seed = 5;
    int64_t ts_ns = INT64_C(1714563000000000000);
    for (size_t i = 0; i < TICKS; i++) {
        struct qta_tick *tick = &fixture->ticks[i];
        qta_tick_init(tick, i % 3 ? QTA_TICK_QUOTE : QTA_TICK_TRADE);
        tick->rx_seq = i + 1;
        /* bursts of equal times among gaps of up to a second */
        if (next_random(&seed) % 4 == 0)
            ts_ns += (int64_t)(next_random(&seed) % 1000000000);
        tick->ts_recv_ns = ts_ns;
    }
    array_source_init(&fixture->array, fixture->ticks, TICKS, 100, fixture->names);
    fixture->sources[0] = &fixture->array.base;
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    qta_dictionary_destroy(fixture->names);
    free(fixture);
    return 0;
}

static struct qta_replay_engine *new_engine(struct fixture *fixture,
                                            const struct qta_replay_options *options)
{
    struct qta_replay_engine *engine = NULL;
    assert_int_equal(
        qta_replay_engine_create_over(&engine, fixture->sources, 1, options, NULL, NULL), QTA_OK);
    return engine;
}

static struct qta_replay_options options_at(uint32_t speed_milli)
{
    return (struct qta_replay_options){.speed_milli = speed_milli, .loop_count = 1};
}

/* Read and take in one; *count is 0 when nothing is due. */
static enum qta_status take(struct qta_replay_engine *engine, int64_t now_ns, size_t budget,
                            const struct qta_tick **ticks, size_t *count, int64_t *due_ns)
{
    *count = 0;
    *due_ns = 0;
    enum qta_status status = qta_replay_engine_read(engine, NULL);
    if (status == QTA_OK)
        *count = qta_replay_engine_take(engine, now_ns, budget, ticks, due_ns);
    return status;
}

/* Plays to the end: portions of up to budget_max ticks, and time goes on by up to step_max_ns
 * beyond each deadline. Checks that no tick comes early and that all come in order; returns how
 * many. */
static size_t play(struct fixture *fixture, struct qta_replay_engine *engine, uint32_t speed_milli,
                   uint64_t budget_max, uint64_t step_max_ns, uint64_t seed)
{
    int64_t start_ns = 1000;
    int64_t now_ns = start_ns;
    size_t total = 0;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        int64_t due_ns;
        enum qta_status status = take(engine, now_ns, 1 + next_random(&seed) % budget_max, &ticks,
                                      &count, &due_ns);
        if (status == QTA_ERR_END)
            return total;
        assert_int_equal(status, QTA_OK);
        if (count == 0) {
            assert_true(due_ns > now_ns);
            now_ns = due_ns + (int64_t)(next_random(&seed) % step_max_ns);
            continue;
        }
        assert_true(due_ns <= now_ns);
        for (size_t i = 0; i < count; i++, total++) {
            assert_true(total < TICKS);
            assert_memory_equal(&ticks[i], &fixture->ticks[total], sizeof ticks[i]);
            int64_t session_ns = ticks[i].ts_recv_ns - fixture->ticks[0].ts_recv_ns;
            int64_t expected_ns = speed_milli == 0
                                      ? start_ns
                                      : start_ns + session_ns / speed_milli * 1000 +
                                            session_ns % speed_milli * 1000 / speed_milli;
            assert_true(now_ns >= expected_ns);
            if (i == 0 && speed_milli != 0)
                assert_int_equal(due_ns, expected_ns);
        }
    }
}

static void every_tick_comes_once_in_order_and_never_early_at_any_speed(void **state)
{
    static const uint32_t speeds[] = {10, 500, 1000, 3333, 10000, 1000000, QTA_SPEED_MAX};
    static const uint64_t budgets[] = {1, 7, 10000};
    static const uint64_t steps[] = {1, 5000, UINT64_C(2000000000)};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        for (size_t k = 0; k < 9; k++) {
            struct qta_replay_options options = options_at(speeds[i]);
            struct qta_replay_engine *engine = new_engine(*state, &options);
            assert_int_equal(play(*state, engine, speeds[i], budgets[k / 3], steps[k % 3], k + 1),
                             TICKS);
            qta_replay_engine_destroy(engine);
        }
    }
}

static void nothing_is_waited_for_at_max_speed(void **state)
{
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay_engine *engine = new_engine(*state, &options);
    size_t total = 0;
    const struct qta_tick *ticks;
    size_t count;
    int64_t due_ns;
    while (take(engine, 5, SIZE_MAX, &ticks, &count, &due_ns) == QTA_OK) {
        assert_true(count > 0);
        total += count;
    }
    assert_int_equal(total, TICKS);
    qta_replay_engine_destroy(engine);
}

static void ticks_of_one_instant_are_due_together(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < 10; i++)
        fixture->ticks[i].ts_recv_ns = fixture->ticks[0].ts_recv_ns;
    fixture->ticks[10].ts_recv_ns = fixture->ticks[0].ts_recv_ns + 1;
    struct qta_replay_options options = options_at(1000);
    struct qta_replay_engine *engine = new_engine(fixture, &options);
    const struct qta_tick *ticks;
    size_t count;
    int64_t due_ns;
    assert_int_equal(take(engine, 70, 100, &ticks, &count, &due_ns), QTA_OK);
    assert_int_equal(count, 10);
    assert_int_equal(due_ns, 70);
    assert_int_equal(take(engine, 70, 100, &ticks, &count, &due_ns), QTA_OK);
    assert_int_equal(count, 0);
    assert_int_equal(due_ns, 71);
    qta_replay_engine_destroy(engine);
}

static void a_pause_postpones_also_what_was_about_to_come(void **state)
{
    struct fixture *fixture = *state;
    for (size_t i = 0; i < TICKS; i++)
        fixture->ticks[i].ts_recv_ns = (int64_t)(i * 1000);
    struct qta_replay_options options = options_at(1000);
    struct qta_replay_engine *engine = new_engine(fixture, &options);
    const struct qta_tick *ticks;
    size_t count;
    int64_t due_ns;
    take(engine, 0, 100, &ticks, &count, &due_ns);
    assert_int_equal(count, 1);
    take(engine, 500, 100, &ticks, &count, &due_ns);
    assert_int_equal(count, 0);
    assert_int_equal(due_ns, 1000);
    qta_replay_engine_postpone(engine, 1000000);
    take(engine, 1000500, 100, &ticks, &count, &due_ns);
    assert_int_equal(count, 0);
    assert_int_equal(due_ns, 1001000);
    take(engine, 1001000, 100, &ticks, &count, &due_ns);
    assert_int_equal(count, 1);
    take(engine, 1001000, 100, &ticks, &count, &due_ns);
    assert_int_equal(due_ns, 1002000);
    qta_replay_engine_destroy(engine);
}

static size_t count_all(struct qta_replay_engine *engine, size_t limit)
{
    size_t total = 0;
    const struct qta_tick *ticks;
    size_t count;
    int64_t due_ns;
    while (total < limit && take(engine, INT64_MAX, 64, &ticks, &count, &due_ns) == QTA_OK)
        total += count;
    return total;
}

static void a_loop_plays_as_often_as_asked(void **state)
{
    struct fixture *fixture = *state;
    for (uint32_t rounds = 1; rounds <= 3; rounds++) {
        struct qta_replay_options options = options_at(QTA_SPEED_MAX);
        options.loop_count = rounds;
        struct qta_replay_engine *engine = new_engine(fixture, &options);
        assert_int_equal(count_all(engine, SIZE_MAX), rounds * TICKS);
        qta_replay_engine_destroy(engine);
    }
}

static void a_loop_without_end_goes_on_and_on(void **state)
{
    struct qta_replay_options options = options_at(1000);
    options.loop_count = 0;
    struct qta_replay_engine *engine = new_engine(*state, &options);
    assert_true(count_all(engine, 50 * TICKS) >= 50 * TICKS);
    qta_replay_engine_destroy(engine);
}

static void a_loop_over_nothing_ends(void **state)
{
    struct fixture *fixture = *state;
    array_source_init(&fixture->array, fixture->ticks, 0, 1, fixture->names);
    struct qta_replay_options options = options_at(1000);
    options.loop_count = 0;
    struct qta_replay_engine *engine = new_engine(fixture, &options);
    assert_int_equal(count_all(engine, 1), 0);
    qta_replay_engine_destroy(engine);
}

static void the_next_round_follows_without_a_pause(void **state)
{
    struct fixture *fixture = *state;
    fixture->array.count = 2;
    fixture->ticks[1].ts_recv_ns = fixture->ticks[0].ts_recv_ns + 50;
    struct qta_replay_options options = options_at(1000);
    options.loop_count = 2;
    struct qta_replay_engine *engine = new_engine(fixture, &options);
    static const int64_t due[] = {0, 50, 50, 100};
    for (size_t i = 0; i < 4; i++) {
        const struct qta_tick *ticks = fixture->ticks;
        size_t count;
        int64_t due_ns;
        assert_int_equal(take(engine, due[i], 1, &ticks, &count, &due_ns), QTA_OK);
        assert_int_equal(count, 1);
        assert_int_equal(due_ns, due[i]);
        assert_int_equal(ticks->rx_seq, i % 2 + 1);
    }
    qta_replay_engine_destroy(engine);
}

static void damage_is_reported_and_the_rest_is_played(void **state)
{
    struct fixture *fixture = *state;
    fixture->array.damage_at = 300;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay_engine *engine = new_engine(fixture, &options);
    assert_int_equal(count_all(engine, SIZE_MAX), 300);
    assert_int_equal(count_all(engine, SIZE_MAX), TICKS - 300);
    qta_replay_engine_destroy(engine);
}

static void options_that_cannot_be_are_refused(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        struct qta_replay_options options;
        const char *message;
    } cases[] = {
        {{.speed_milli = 9}, "a speed of 9/1000 is outside 0.01x to 1000x"},
        {{.speed_milli = 1000001}, "a speed of 1000001/1000 is outside 0.01x to 1000x"},
        {{.start_offset_ns = -1}, "a start offset cannot be negative"},
        {{.duration_ns = -1}, "a duration cannot be negative"},
        {{.gap_max_ns = -1}, "the longest gap cannot be negative"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_replay_engine *engine;
        struct qta_error err;
        assert_int_equal(qta_replay_engine_create_over(&engine, fixture->sources, 1,
                                                       &cases[i].options, NULL, &err),
                         QTA_ERR_USAGE);
        assert_string_equal(err.message, cases[i].message);
    }
}

#define engine_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        engine_test(every_tick_comes_once_in_order_and_never_early_at_any_speed),
        engine_test(nothing_is_waited_for_at_max_speed),
        engine_test(ticks_of_one_instant_are_due_together),
        engine_test(a_pause_postpones_also_what_was_about_to_come),
        engine_test(a_loop_plays_as_often_as_asked),
        engine_test(a_loop_without_end_goes_on_and_on),
        engine_test(a_loop_over_nothing_ends),
        engine_test(the_next_round_follows_without_a_pause),
        engine_test(damage_is_reported_and_the_rest_is_played),
        engine_test(options_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
