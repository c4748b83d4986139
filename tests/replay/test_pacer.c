/* The pacer: exact deadlines at any speed over any length. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "replay/pacer.h"

#define SECOND_NS INT64_C(1000000000)
#define DAY_NS (86400 * SECOND_NS)

static const uint32_t speeds[] = {10, 11, 333, 999, 1000, 1001, 7777, 10000, 100000, 1000000};
enum { SPEED_COUNT = sizeof speeds / sizeof speeds[0] };

/* xorshift64: small, seeded, the same everywhere */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void first_tick_is_due_at_once(void **state)
{
    (void)state;
    struct qta_pacer pacer;
    qta_pacer_init(&pacer, 1000, 0);
    assert_int_equal(qta_pacer_advance(&pacer, INT64_C(1714563000000000000), 42), 42);
}

static void deadlines_follow_the_table(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t speed_milli;
        int64_t gap_max_ns;
        int64_t ts_ns[4]; /* the first starts the clock at 500 */
        int64_t due_ns[3];
    } cases[] = {
        {"real time", 1000, 0, {100, 101, 101, 1100}, {501, 501, 1500}},
        {"ten times faster", 10000, 0, {0, 10, 19, 20}, {501, 501, 502}},
        {"half as fast", 500, 0, {0, 1, 2, 3}, {502, 504, 506}},
        {"slowest", 10, 0, {0, 1, 2, SECOND_NS}, {600, 700, 500 + 100 * SECOND_NS}},
        {"fastest", 1000000, 0, {0, 999, 1000, 2500}, {500, 501, 502}},
        {"a third, rounded down each time", 3000, 0, {0, 1, 2, 3}, {500, 500, 501}},
        {"all at once", 0, 0, {0, DAY_NS, 2 * DAY_NS, 3 * DAY_NS}, {500, 500, 500}},
        {"long gaps are cut", 1000, 10, {0, 10, 21, 1000021}, {510, 520, 530}},
        {"the cut is in session time", 10000, 10, {0, 1000, 2000, 3000}, {501, 502, 503}},
        {"a time that goes back is no gap", 1000, 0, {1000, 1010, 1000, 1003}, {510, 510, 513}},
        {"times before 1970", 1000, 0, {-50, -20, 0, 20}, {530, 550, 570}},
        {"from end to end of time",
         1000,
         0,
         {INT64_MIN + 1, -1, INT64_MAX, INT64_MAX},
         {INT64_MAX, INT64_MAX, INT64_MAX}},
        {"slower than any clock",
         10,
         0,
         {0, INT64_MAX, INT64_MAX, INT64_MAX},
         {INT64_MAX, INT64_MAX, INT64_MAX}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].what);
        struct qta_pacer pacer;
        qta_pacer_init(&pacer, cases[i].speed_milli, cases[i].gap_max_ns);
        assert_int_equal(qta_pacer_advance(&pacer, cases[i].ts_ns[0], 500), 500);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(qta_pacer_advance(&pacer, cases[i].ts_ns[k + 1], 500),
                             cases[i].due_ns[k]);
    }
}

/* floor(1000 * session / speed) in a way that cannot overflow, for the oracle */
static int64_t exact_real_ns(int64_t session_ns, uint32_t speed_milli)
{
    int64_t speed = (int64_t)speed_milli;
    return session_ns / speed * 1000 + session_ns % speed * 1000 / speed;
}

static void there_is_no_drift_over_days_at_any_speed(void **state)
{
    (void)state;
    uint64_t seed = 20240501;
    for (size_t i = 0; i < SPEED_COUNT; i++) {
        struct qta_pacer pacer;
        qta_pacer_init(&pacer, speeds[i], 0);
        int64_t first_ns = INT64_C(1714563000000000000);
        int64_t ts_ns = first_ns;
        int64_t start_ns = 987654321;
        qta_pacer_advance(&pacer, ts_ns, start_ns);
        while (ts_ns - first_ns < 5 * DAY_NS) {
            /* bursts of equal times, single ns, ordinary gaps, long silences */
            static const int64_t spans[] = {1, 3, 1000, SECOND_NS, 600 * SECOND_NS};
            int64_t span_ns = spans[next_random(&seed) % 5];
            ts_ns += (int64_t)(next_random(&seed) % (uint64_t)span_ns);
            int64_t due_ns = qta_pacer_advance(&pacer, ts_ns, 0);
            assert_int_equal(due_ns, start_ns + exact_real_ns(ts_ns - first_ns, speeds[i]));
        }
    }
}

static void a_million_odd_gaps_add_up_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < SPEED_COUNT; i++) {
        struct qta_pacer pacer;
        qta_pacer_init(&pacer, speeds[i], 0);
        qta_pacer_advance(&pacer, 0, 0);
        int64_t due_ns = 0;
        for (int64_t k = 1; k <= 1000000; k++)
            due_ns = qta_pacer_advance(&pacer, k * 7919, 0);
        assert_int_equal(due_ns, exact_real_ns(INT64_C(1000000) * 7919, speeds[i]));
    }
}

static void deadlines_never_go_back(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (size_t i = 0; i < SPEED_COUNT; i++) {
        struct qta_pacer pacer;
        qta_pacer_init(&pacer, speeds[i], (int64_t)(next_random(&seed) % 1000));
        int64_t last_ns = qta_pacer_advance(&pacer, 0, 0);
        for (int k = 0; k < 100000; k++) {
            int64_t due_ns = qta_pacer_advance(&pacer, (int64_t)next_random(&seed), 0);
            assert_true(due_ns >= last_ns);
            last_ns = due_ns;
        }
    }
}

static void loops_for_ever_do_not_overflow(void **state)
{
    (void)state;
    struct qta_pacer pacer;
    qta_pacer_init(&pacer, 1000000, 0);
    qta_pacer_advance(&pacer, 0, 0);
    /* 600 rounds of a century each are more session time than 64 bits can count */
    int64_t century_ns = 36525 * DAY_NS;
    int64_t due_ns = 0;
    for (int64_t round = 1; round <= 600; round++) {
        due_ns = qta_pacer_advance(&pacer, century_ns, 0);
        assert_int_equal(due_ns, round * (century_ns / 1000));
        assert_int_equal(qta_pacer_advance(&pacer, 0, 0), due_ns);
    }
}

static void a_pause_moves_what_comes_by_its_length(void **state)
{
    (void)state;
    struct qta_pacer pacer;
    qta_pacer_init(&pacer, 3000, 0);
    qta_pacer_advance(&pacer, 0, 100);
    assert_int_equal(qta_pacer_advance(&pacer, 4, 0), 101);
    qta_pacer_postpone(&pacer, 1000000);
    assert_int_equal(qta_pacer_advance(&pacer, 5, 0), 1000101);
    assert_int_equal(qta_pacer_advance(&pacer, 6, 0), 1000102);
}

static void a_pause_before_the_start_moves_nothing(void **state)
{
    (void)state;
    struct qta_pacer pacer;
    qta_pacer_init(&pacer, 1000, 0);
    qta_pacer_postpone(&pacer, 1000000);
    assert_int_equal(qta_pacer_advance(&pacer, 5, 70), 70);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_tick_is_due_at_once),
        cmocka_unit_test(deadlines_follow_the_table),
        cmocka_unit_test(there_is_no_drift_over_days_at_any_speed),
        cmocka_unit_test(a_million_odd_gaps_add_up_exactly),
        cmocka_unit_test(deadlines_never_go_back),
        cmocka_unit_test(loops_for_ever_do_not_overflow),
        cmocka_unit_test(a_pause_moves_what_comes_by_its_length),
        cmocka_unit_test(a_pause_before_the_start_moves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
