/* What one session lacks is told as that, and nothing behind it as different. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/exchange.h>

#include "tests/storage/session_fixture.h"

enum { TICKS = 6000, SEED = 31 };

struct stage {
    struct scratch scratch;
    char whole[400];
    char other[400];
};

/* What becomes of each tick of the other session. */
struct change {
    uint64_t
        lost_from; /* the rx_seq of the first that is left out, and of the one behind the last */
    uint64_t lost_until;
    uint64_t changed;  /* the rx_seq of one whose ts_event is another, 0 for none */
    uint64_t repeated; /* of one that comes twice */
};

static void append(struct qta_session_writer *writer, struct qta_tick *tick)
{
    struct qta_error err;
    tick->rx_seq = qta_session_writer_next_seq(writer);
    if (qta_session_writer_append(writer, tick, &err) != QTA_OK)
        fail_msg("append: %s", err.message);
}

static void write_changed(const struct stage *stage, const char *path, const struct change *change)
{
    struct qta_session_writer_options options = small_options(&stage->scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    options.path = path;
    tick_maker_init(&maker, SEED);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    for (uint64_t seq = 1; seq <= TICKS; seq++) {
        struct qta_tick tick;
        tick_maker_next(&maker, seq % 3 ? QTA_TICK_TRADE : QTA_TICK_QUOTE, &tick);
        if (seq >= change->lost_from && seq < change->lost_until)
            continue;
        tick.ts_event_ns += seq == change->changed;
        append(writer, &tick);
        if (seq == change->repeated)
            append(writer, &tick);
    }
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
}

static int setup(void **state)
{
    static struct stage stage;
    const struct change none = {0};
    scratch_make_in_memory(&stage.scratch);
    snprintf(stage.whole, sizeof stage.whole, "%s/whole", stage.scratch.path);
    write_changed(&stage, stage.whole, &none);
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    scratch_remove(&stage->scratch);
    return 0;
}

static void compare(struct stage *stage, const struct change *change,
                    struct qta_diff_result *result)
{
    static int number;
    snprintf(stage->other, sizeof stage->other, "%s/other%d", stage->scratch.path, number++);
    write_changed(stage, stage->other, change);
    const struct qta_export_source left = {stage->whole, qta_session_filter_default()};
    const struct qta_export_source right = {stage->other, qta_session_filter_default()};
    const struct qta_diff_options options = {.is_full = false};
    assert_int_equal(qta_session_diff(&left, &right, &options, result, NULL), QTA_OK);
}

static void what_is_lost_is_told_as_lost_and_no_more(void **state)
{
    static const struct change changes[] = {
        {.lost_from = 3000, .lost_until = 3001},
        {.lost_from = 1, .lost_until = 2},
        {.lost_from = TICKS, .lost_until = TICKS + 1},
        {.lost_from = 2, .lost_until = 900},
        {.lost_from = 4000, .lost_until = 4002, .changed = 4002},
        {.lost_from = 4000, .lost_until = 4700, .changed = 3999},
        {.repeated = 1500},
        {.lost_from = 2500, .lost_until = 2501, .repeated = 5999, .changed = 17},
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        const struct change *change = &changes[i];
        struct qta_diff_result result;
        compare(*state, change, &result);
        uint64_t lost = change->lost_until - change->lost_from;
        print_message("case %zu: %llu different, %llu and %llu in one only\n", i,
                      (unsigned long long)result.different, (unsigned long long)result.only_left,
                      (unsigned long long)result.only_right);
        assert_int_equal(result.only_left, lost);
        assert_int_equal(result.only_right, change->repeated != 0);
        assert_int_equal(result.different, change->changed != 0);
        assert_int_equal(result.compared, TICKS - lost);
    }
}

/* Too many for the window: records are compared where they stand, and all are counted. */
static void a_gap_that_is_too_long_ends_in_numbers_that_add_up(void **state)
{
    const struct change change = {.lost_from = 1000, .lost_until = 3500};
    struct qta_diff_result result;
    compare(*state, &change, &result);
    assert_true(result.different > 0);
    assert_int_equal(result.compared + result.only_left, TICKS);
    assert_int_equal(result.compared + result.only_right, TICKS - 2500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_lost_is_told_as_lost_and_no_more, setup, teardown),
        cmocka_unit_test_setup_teardown(a_gap_that_is_too_long_ends_in_numbers_that_add_up, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
