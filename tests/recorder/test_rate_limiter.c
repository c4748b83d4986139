/* The rate limit: what it lets through, how it gives way to a venue and comes back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "recorder/rate_limiter.h"
#include "recorder/retry_after.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

static struct qta_rate_limiter make(double rate_per_s, uint32_t burst, int64_t recovery_ns)
{
    struct qta_rate_limiter limiter;
    struct qta_rate_limiter_options options = {
        .rate_per_s = rate_per_s, .burst = burst, .recovery_ns = recovery_ns};
    qta_rate_limiter_init(&limiter, &options);
    return limiter;
}

static uint64_t random_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static int take_all(struct qta_rate_limiter *limiter, int64_t now_ns)
{
    int count = 0;
    while (qta_rate_limiter_take(limiter, now_ns))
        count++;
    return count;
}

/* ---- the bucket -------------------------------------------------------------------------------
 */

static void a_full_bucket_lets_the_burst_through_and_then_the_rate(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(10, 5, 0);
    assert_int_equal(take_all(&limiter, 100 * S), 5);
    assert_true(qta_rate_limiter_ready_ns(&limiter) == 100 * S + 100 * MS);
    assert_false(qta_rate_limiter_take(&limiter, 100 * S + 100 * MS - 1));
    assert_true(qta_rate_limiter_take(&limiter, 100 * S + 100 * MS));
    assert_int_equal(take_all(&limiter, 1000 * S), 5); /* full again, not more than full */
    assert_int_equal(limiter.throttles, 0);
}

/* The textbook bucket, refilled in floating point, is the oracle. */
static void no_window_of_simulated_hours_exceeds_rate_and_burst(void **state)
{
    (void)state;
    static const struct {
        double rate_per_s;
        uint32_t burst;
        int64_t step_ns;
    } cases[] = {
        {100, 50, 3 * MS},       {3, 1, 17 * MS},  {0.1, 2, 900 * MS},
        {1e6, 1000, 100 * 1000}, {7.3, 4, 5 * MS}, {50, 0, MS},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_rate_limiter limiter = make(cases[i].rate_per_s, cases[i].burst, 0);
        double burst = cases[i].burst ? cases[i].burst : 1;
        double level = burst;
        int64_t now_ns = 0;
        for (int step = 0; step < 100000; step++, now_ns += cases[i].step_ns) {
            level += (double)cases[i].step_ns / 1e9 * cases[i].rate_per_s;
            level = level > burst ? burst : level;
            if (step % 1000 > 600)
                continue; /* a rest in which it fills up */
            level -= take_all(&limiter, now_ns);
            assert_true(level > -1e-3); /* never more than the model has */
            assert_true(level < 2);     /* and never much less */
        }
    }
}

static void no_rate_means_no_limit(void **state)
{
    (void)state;
    static const double rates[] = {0, -1, -0.0, NAN};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct qta_rate_limiter limiter = make(rates[i], 1, 0);
        for (int j = 0; j < 1000; j++)
            assert_true(qta_rate_limiter_take(&limiter, 5));
        assert_true(qta_rate_limiter_ready_ns(&limiter) < 5);
        assert_true(isinf(qta_rate_limiter_rate_per_s(&limiter, 5)));
    }
}

static void extreme_rates_and_times_do_not_overflow(void **state)
{
    (void)state;
    static const struct {
        double rate_per_s;
        uint32_t burst;
        int64_t recovery_ns;
    } cases[] = {{1e-300, UINT32_MAX, INT64_MAX},
                 {1e300, UINT32_MAX, 1},
                 {1e-9, 2, INT64_MAX},
                 {INFINITY, 3, 0},
                 {1e18, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_rate_limiter limiter = make(cases[i].rate_per_s, cases[i].burst,
                                               cases[i].recovery_ns);
        assert_true(limiter.interval_ns > 0);
        assert_true(qta_rate_limiter_take(&limiter, INT64_MIN / 4));
        assert_true(qta_rate_limiter_take(&limiter, INT64_MAX / 8));
        for (int j = 0; j < 100; j++) {
            qta_rate_limiter_throttle(&limiter, j % 2 ? INT64_MAX : INT64_MIN, INT64_MAX / 4);
            qta_rate_limiter_take(&limiter, INT64_MAX / 4);
            assert_true(qta_rate_limiter_ready_ns(&limiter) > INT64_MAX / 4);
        }
    }
}

/* ---- throttling -------------------------------------------------------------------------------
 */

static void a_throttle_signal_halves_the_rate_and_empties_the_bucket(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(64, 10, 600 * S);
    int64_t now_ns = 100 * S;
    qta_rate_limiter_throttle(&limiter, 0, now_ns);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, now_ns) == 32);
    assert_true(qta_rate_limiter_is_throttled(&limiter, now_ns));
    assert_int_equal(take_all(&limiter, now_ns), 0);
    assert_true(qta_rate_limiter_ready_ns(&limiter) == now_ns + S / 32);
    assert_int_equal(take_all(&limiter, now_ns + S / 32), 1);
    assert_int_equal(take_all(&limiter, now_ns + 3 * S / 32), 2);

    now_ns += 2 * S; /* another offence, and another, down to a sixteenth and no further */
    static const double rates[] = {16, 8, 4, 4, 4};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++, now_ns += S) {
        qta_rate_limiter_throttle(&limiter, 0, now_ns);
        assert_true(qta_rate_limiter_rate_per_s(&limiter, now_ns) == rates[i]);
    }
    assert_int_equal(limiter.throttles, 6);
}

static void many_signals_of_one_offence_halve_once(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(64, 10, 600 * S);
    for (int i = 0; i < 50; i++) /* one refusal for each message of a burst */
        qta_rate_limiter_throttle(&limiter, 0, 100 * S + i * MS);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 100 * S) == 32);
    assert_int_equal(limiter.throttles, 50);
    for (int i = 0; i < 50; i++) /* and those that come while a hint is obeyed */
        qta_rate_limiter_throttle(&limiter, 60 * S, 200 * S + i * S);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 249 * S) ==
                20); /* 32, nine steps, and half */
    assert_true(qta_rate_limiter_ready_ns(&limiter) == 309 * S);
}

static void hints_are_obeyed_within_reason(void **state)
{
    (void)state;
    static const struct {
        int64_t hint_ns, wait_ns, wait_unlimited_ns;
    } cases[] = {
        {0, 31250000, S},         /* nothing said: the halved rate's interval */
        {-5 * S, 31250000, S},    /* nonsense */
        {INT64_MIN, 31250000, S}, /* worse nonsense */
        {1, 31250000, 1},
        {7 * S, 7 * S, 7 * S},
        {24 * HOUR, 24 * HOUR, 24 * HOUR},
        {24 * HOUR + 1, HOUR, HOUR}, /* not believed */
        {1000000000 * S, HOUR, HOUR},
        {INT64_MAX, HOUR, HOUR},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case %zu\n", i);
        struct qta_rate_limiter limiter = make(64, 10, 0);
        struct qta_rate_limiter unlimited = make(0, 0, 0);
        qta_rate_limiter_throttle(&limiter, cases[i].hint_ns, 5 * S);
        qta_rate_limiter_throttle(&unlimited, cases[i].hint_ns, 5 * S);
        assert_true(qta_rate_limiter_ready_ns(&limiter) == 5 * S + cases[i].wait_ns);
        assert_true(qta_rate_limiter_ready_ns(&unlimited) == 5 * S + cases[i].wait_unlimited_ns);
        assert_false(qta_rate_limiter_take(&limiter, 5 * S + cases[i].wait_ns - 1));
        assert_false(qta_rate_limiter_take(&unlimited, 5 * S + cases[i].wait_unlimited_ns - 1));
        assert_true(qta_rate_limiter_take(&limiter, 5 * S + cases[i].wait_ns));
        assert_false(qta_rate_limiter_take(&limiter, 5 * S + cases[i].wait_ns)); /* no burst */
        assert_true(qta_rate_limiter_take(&unlimited, 5 * S + cases[i].wait_unlimited_ns));
    }
}

static void a_shorter_hint_does_not_cut_a_longer_one(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(64, 10, 0);
    qta_rate_limiter_throttle(&limiter, 60 * S, 0);
    qta_rate_limiter_throttle(&limiter, S, 10 * S);
    assert_int_equal(take_all(&limiter, 60 * S - 1), 0);
    assert_int_equal(take_all(&limiter, 60 * S), 1);
}

static void the_rate_comes_back_in_equal_steps_to_exactly_what_is_configured(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(64, 10, 60 * S); /* 60 steps of one second */
    for (int i = 0; i < 5; i++)
        qta_rate_limiter_throttle(&limiter, 0, i * S);
    for (int second = 0; second <= 60; second++)
        assert_true(qta_rate_limiter_rate_per_s(&limiter, (4 + second) * S) == 4 + second);
    assert_false(qta_rate_limiter_is_throttled(&limiter, 64 * S));
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 1000 * S) == 64);
    assert_int_equal(take_all(&limiter, 1000 * S), 10);

    qta_rate_limiter_throttle(&limiter, 100 * S, 2000 * S); /* it begins when the hint is over */
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 2100 * S) == 32);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 2101 * S) == 33);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 2132 * S) == 64);
}

static void a_clock_that_goes_back_gives_nothing(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(10, 5, 0);
    assert_int_equal(take_all(&limiter, 100 * S), 5);
    for (int64_t now_ns = 0; now_ns < 100 * S; now_ns += S)
        assert_false(qta_rate_limiter_take(&limiter, now_ns));
    qta_rate_limiter_throttle(&limiter, 7 * S, -HOUR);
    assert_true(qta_rate_limiter_ready_ns(&limiter) == 107 * S);
    assert_false(qta_rate_limiter_take(&limiter, 107 * S - 1));
    assert_true(qta_rate_limiter_take(&limiter, 107 * S));
}

/* Simulated hours of takes, throttle signals, hints and clocks, all at random. What was given in
 * any window is held against the promise by one number: with every token, the least room that any
 * window ending now has left under burst + rate * length. */
static void whatever_happens_no_window_exceeds_burst_and_rate(void **state)
{
    (void)state;
    static const int64_t hints_ns[] = {0, 0, 0, 0, S, 20 * S, -S, INT64_MIN, INT64_MAX, 90 * S};
    enum { HINTS = sizeof hints_ns / sizeof hints_ns[0] };
    for (uint64_t seed = 0; seed < 40; seed++) {
        uint64_t random = seed;
        double rate_per_s = pow(10, (double)(random_next(&random) % 500) / 100 - 2);
        uint32_t burst = 1 + (uint32_t)(random_next(&random) % 60);
        struct qta_rate_limiter limiter = make(rate_per_s, burst,
                                               (int64_t)(1 + random_next(&random) % 600) * S);
        int64_t now_ns = 1000 * S;
        int64_t latest_ns = now_ns;
        int64_t last_ns = now_ns;
        int64_t held_until_ns = INT64_MIN;
        double used = 0; /* of the burst, in the worst window */
        uint64_t given = 0;
        for (int i = 0; i < 20000; i++) {
            now_ns += (int64_t)(random_next(&random) % (uint64_t)(3e9 / rate_per_s));
            if (random_next(&random) % 200 == 0)
                now_ns += (int64_t)(random_next(&random) % 7200) * S;
            if (random_next(&random) % 100 == 0)
                now_ns -= (int64_t)(random_next(&random) % (uint64_t)(9e9 / rate_per_s));
            latest_ns = now_ns > latest_ns ? now_ns : latest_ns;
            if (random_next(&random) % 500 == 0) {
                int64_t hint_ns = hints_ns[random_next(&random) % HINTS];
                qta_rate_limiter_throttle(&limiter, hint_ns, now_ns);
                int64_t until_ns = latest_ns + qta_retry_after_believed_ns(hint_ns);
                held_until_ns = hint_ns > 0 && until_ns > held_until_ns ? until_ns : held_until_ns;
            }
            bool is_ready = qta_rate_limiter_ready_ns(&limiter) <= latest_ns;
            assert_true(qta_rate_limiter_take(&limiter, now_ns) == is_ready);
            if (!is_ready)
                continue;
            assert_true(latest_ns >= held_until_ns);
            given++;
            used -= (double)(latest_ns - last_ns) * 1e-9 * rate_per_s;
            used = (used > 0 ? used : 0) + 1;
            last_ns = latest_ns;
            assert_true(used <= burst + 1e-6);
        }
        assert_true(given > 100);
        now_ns = latest_ns + 24 * HOUR + 600 * S; /* and in peace it is as configured again */
        assert_true(qta_rate_limiter_rate_per_s(&limiter, now_ns) == rate_per_s);
        assert_int_equal(take_all(&limiter, now_ns), burst);
    }
}

static void while_it_recovers_it_gives_what_the_rates_of_that_time_add_up_to(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(64, 1, 60 * S);
    int given = 0;
    qta_rate_limiter_throttle(&limiter, 0, 0); /* 32, then 33, 34 ... 63: 1520 in 32 seconds */
    for (int64_t now_ns = 0; now_ns < 32 * S; now_ns = qta_rate_limiter_ready_ns(&limiter)) {
        given += qta_rate_limiter_take(&limiter, now_ns);
        assert_true(qta_rate_limiter_ready_ns(&limiter) > now_ns);
    }
    assert_in_range(given, 1515, 1520);
}

static void another_limit_forgets_neither_what_was_taken_nor_what_the_venue_said(void **state)
{
    (void)state;
    struct qta_rate_limiter limiter = make(1, 10, 60 * S);
    struct qta_rate_limiter_options faster = {.rate_per_s = 10, .burst = 5, .recovery_ns = 60 * S};
    struct qta_rate_limiter_options none = {0};
    assert_int_equal(take_all(&limiter, 100 * S), 10);
    qta_rate_limiter_change(&limiter, &faster);
    assert_int_equal(take_all(&limiter, 100 * S), 0); /* no second burst */
    assert_int_equal(take_all(&limiter, 200 * S), 5);
    qta_rate_limiter_throttle(&limiter, 7 * S, 300 * S);
    qta_rate_limiter_change(&limiter, &none);
    assert_true(qta_rate_limiter_ready_ns(&limiter) == 307 * S);
    assert_false(qta_rate_limiter_take(&limiter, 307 * S - 1));
    assert_true(qta_rate_limiter_take(&limiter, 307 * S));
    qta_rate_limiter_change(&limiter, &faster);
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 307 * S) == 5); /* half, still */
    assert_true(qta_rate_limiter_rate_per_s(&limiter, 400 * S) == 10);
    assert_int_equal(limiter.throttles, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_lets_the_burst_through_and_then_the_rate),
        cmocka_unit_test(no_window_of_simulated_hours_exceeds_rate_and_burst),
        cmocka_unit_test(no_rate_means_no_limit),
        cmocka_unit_test(extreme_rates_and_times_do_not_overflow),
        cmocka_unit_test(a_throttle_signal_halves_the_rate_and_empties_the_bucket),
        cmocka_unit_test(many_signals_of_one_offence_halve_once),
        cmocka_unit_test(hints_are_obeyed_within_reason),
        cmocka_unit_test(a_shorter_hint_does_not_cut_a_longer_one),
        cmocka_unit_test(the_rate_comes_back_in_equal_steps_to_exactly_what_is_configured),
        cmocka_unit_test(a_clock_that_goes_back_gives_nothing),
        cmocka_unit_test(whatever_happens_no_window_exceeds_burst_and_rate),
        cmocka_unit_test(another_limit_forgets_neither_what_was_taken_nor_what_the_venue_said),
        cmocka_unit_test(while_it_recovers_it_gives_what_the_rates_of_that_time_add_up_to),
    };
    return cmocka_run_group_tests_name("rate_limiter", tests, NULL, NULL);
}
