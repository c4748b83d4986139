/* When a lost connection is tried again, over simulated hours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "recorder/backoff.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

static struct qta_backoff make(int64_t delay_ns, int64_t delay_max_ns, uint64_t seed)
{
    struct qta_backoff backoff;
    struct qta_backoff_options options = {
        .delay_ns = delay_ns, .delay_max_ns = delay_max_ns, .stable_ns = MINUTE};
    qta_backoff_init(&backoff, &options, seed);
    return backoff;
}

static void waits_double_up_to_the_cap_and_are_never_longer(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_ns, delay_max_ns;
        uint32_t failures;
        int64_t longest_ns;
    } cases[] = {
        {S, 30 * S, 1, S},
        {S, 30 * S, 2, 2 * S},
        {S, 30 * S, 3, 4 * S},
        {S, 30 * S, 5, 16 * S},
        {S, 30 * S, 6, 30 * S},
        {S, 30 * S, 100000, 30 * S},
        {500 * MS, 500 * MS, 9, 500 * MS},
        {S, 0, 9, S},                         /* a cap below the first wait is that wait */
        {0, 0, 3, MS},                        /* no wait at all would be a storm */
        {INT64_MAX, INT64_MAX, 9, INT64_MAX}, /* nothing overflows */
        {S, INT64_MAX, 80, INT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t longest_ns = 0;
        for (uint64_t seed = 0; seed < 400; seed++) {
            struct qta_backoff backoff = make(cases[i].delay_ns, cases[i].delay_max_ns, seed);
            int64_t delay_ns = 0;
            backoff.failures = cases[i].failures - 1;
            assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
            assert_in_range(delay_ns, 1, cases[i].longest_ns);
            longest_ns = delay_ns > longest_ns ? delay_ns : longest_ns;
        }
        print_message("case %zu: longest wait %lld ns\n", i, (long long)longest_ns);
        assert_true(longest_ns > cases[i].longest_ns / 10 * 9); /* the whole range is used */
    }
}

static void jitter_is_full_and_differs_by_seed(void **state)
{
    (void)state;
    int below_half = 0;
    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct qta_backoff backoff = make(S, S, seed);
        int64_t delay_ns;
        assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
        below_half += delay_ns < S / 2;
    }
    assert_in_range(below_half, 430, 570);
}

static void same_seed_gives_the_same_waits(void **state)
{
    (void)state;
    struct qta_backoff a = make(S, HOUR, 42);
    struct qta_backoff b = make(S, HOUR, 42);
    for (int i = 0; i < 100; i++) {
        int64_t delay_a;
        int64_t delay_b;
        assert_true(qta_backoff_fail(&a, 0, &delay_a));
        assert_true(qta_backoff_fail(&b, 0, &delay_b));
        assert_true(delay_a == delay_b);
    }
}

static void retry_after_is_obeyed_within_reason(void **state)
{
    (void)state;
    static const struct {
        int64_t retry_after_ns, shortest_ns, longest_ns;
    } cases[] = {
        {0, 1, S},
        {-5 * S, 1, S},
        {7 * S, 7 * S, 7 * S},
        {HOUR, HOUR, HOUR},
        {24 * HOUR, 24 * HOUR, 24 * HOUR},
        {24 * HOUR + 1, HOUR, HOUR}, /* not believed */
        {1000000000 * S, HOUR, HOUR},
        {INT64_MAX, HOUR, HOUR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_backoff backoff = make(S, S, i);
        int64_t delay_ns;
        assert_true(qta_backoff_fail(&backoff, cases[i].retry_after_ns, &delay_ns));
        assert_in_range(delay_ns, cases[i].shortest_ns, cases[i].longest_ns);
    }
}

static void attempts_are_used_up_exactly(void **state)
{
    (void)state;
    for (uint32_t attempts = 1; attempts < 20; attempts++) {
        struct qta_backoff backoff = make(S, S, attempts);
        backoff.options.attempts_max = attempts;
        int64_t delay_ns;
        for (uint32_t i = 1; i < attempts; i++)
            assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
        assert_false(qta_backoff_fail(&backoff, 0, &delay_ns));
    }
}

static void no_limit_of_attempts_means_none(void **state)
{
    (void)state;
    struct qta_backoff backoff = make(MS, MS, 1);
    int64_t delay_ns;
    for (int i = 0; i < 1000000; i++)
        assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
    backoff.failures = UINT32_MAX; /* and it does not start again */
    assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
    assert_true(backoff.failures == UINT32_MAX);
}

static void only_data_for_a_while_is_forgiven(void **state)
{
    (void)state;
    struct qta_backoff backoff = make(S, HOUR, 3);
    int64_t delay_ns;
    for (int i = 0; i < 5; i++)
        assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
    assert_false(qta_backoff_flow(&backoff, 100 * S));
    assert_false(qta_backoff_flow(&backoff, 160 * S - 1));
    assert_int_equal(backoff.failures, 5);
    assert_true(qta_backoff_fail(&backoff, 0, &delay_ns)); /* dropped too early: one more */
    assert_int_equal(backoff.failures, 6);
    assert_false(qta_backoff_flow(&backoff, 200 * S)); /* the minute starts anew */
    assert_false(qta_backoff_flow(&backoff, 260 * S - 1));
    assert_int_equal(backoff.failures, 6);
    assert_true(qta_backoff_flow(&backoff, 260 * S));
    assert_int_equal(backoff.failures, 0);
    assert_true(qta_backoff_flow(&backoff, 300 * S));
}

/* Connected for an hour without a tick, again and again: no flow(), so nothing is taken back. */
static void time_without_data_is_not_forgiven(void **state)
{
    (void)state;
    struct qta_backoff backoff = make(S, HOUR, 3);
    backoff.options.attempts_max = 5;
    int64_t delay_ns;
    for (int i = 1; i < 5; i++) {
        assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
        assert_false(qta_backoff_flow(&backoff, i * HOUR)); /* one tick, the snapshot */
    }
    assert_false(qta_backoff_fail(&backoff, 0, &delay_ns));
}

static void a_loss_that_is_no_failure_waits_and_is_not_counted(void **state)
{
    (void)state;
    struct qta_backoff backoff = make(S, HOUR, 3);
    backoff.options.attempts_max = 3;
    int64_t delay_ns;
    assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
    assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
    assert_false(qta_backoff_flow(&backoff, 0));
    for (int i = 0; i < 1000; i++) {
        assert_in_range(qta_backoff_wait(&backoff, 0), 1, 2 * S);
        assert_true(qta_backoff_wait(&backoff, 7 * S) == 7 * S);
    }
    assert_int_equal(backoff.failures, 2);
    assert_false(qta_backoff_flow(&backoff, HOUR)); /* another connection's data */
    assert_false(qta_backoff_fail(&backoff, 0, &delay_ns));
}

/* A venue that accepts and drops at once, for a day: how often do we knock in any one minute? */
static void a_day_of_instant_drops_stays_within_bounds(void **state)
{
    (void)state;
    static const struct {
        int64_t delay_ns, delay_max_ns, lifetime_ns;
        int attempts_a_minute, attempts_a_day;
    } cases[] = {
        {S, 30 * S, 0, 20, 7000},     /* about one in 15 s, with luck a few more */
        {S, 30 * S, 2 * S, 20, 6500}, /* two seconds of data change nothing */
        {100 * MS, 5 * S, 0, 60, 40000},
    };
    enum { MINUTES = 1440 };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_backoff backoff = make(cases[i].delay_ns, cases[i].delay_max_ns, i);
        int attempts[MINUTES] = {0};
        int total = 0;
        for (int64_t now_ns = 0; now_ns < 24 * HOUR;) {
            attempts[now_ns / MINUTE]++;
            total++;
            qta_backoff_flow(&backoff, now_ns);
            now_ns += cases[i].lifetime_ns;
            qta_backoff_flow(&backoff, now_ns);
            int64_t delay_ns;
            assert_true(qta_backoff_fail(&backoff, 0, &delay_ns));
            now_ns += delay_ns;
        }
        for (int minute = 1; minute < MINUTES; minute++)
            assert_in_range(attempts[minute], 0, cases[i].attempts_a_minute);
        print_message("case %zu: %d attempts in a day\n", i, total);
        assert_in_range(total, 1000, cases[i].attempts_a_day);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_double_up_to_the_cap_and_are_never_longer),
        cmocka_unit_test(jitter_is_full_and_differs_by_seed),
        cmocka_unit_test(same_seed_gives_the_same_waits),
        cmocka_unit_test(retry_after_is_obeyed_within_reason),
        cmocka_unit_test(attempts_are_used_up_exactly),
        cmocka_unit_test(no_limit_of_attempts_means_none),
        cmocka_unit_test(only_data_for_a_while_is_forgiven),
        cmocka_unit_test(time_without_data_is_not_forgiven),
        cmocka_unit_test(a_loss_that_is_no_failure_waits_and_is_not_counted),
        cmocka_unit_test(a_day_of_instant_drops_stays_within_bounds),
    };
    return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
