/* Days of feeds that are made up: what is told of them when they flow, and when they stop. More
 * days with QTA_CAMPAIGN. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/market_hours.h"
#include "recorder/cadence_watch.h"

#define S INT64_C(1000000000)
#define MONDAY_S INT64_C(1714348800) /* 2024-04-29T00:00:00Z */
enum { DAY_S = 86400, HOUR = 3600, SEEDS = 3 };

static uint64_t random_bits(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double random_share(uint64_t *seed)
{
    return (double)(random_bits(seed) >> 11) * 0x1p-53;
}

/* ---- feeds ------------------------------------------------------------------------------------
 */

struct feed {
    const char *name;
    double (*rate)(struct feed *feed, int64_t second); /* ticks a second, at most */
    double base;
    bool keeps_us_hours;
    /* of the feed as it runs */
    uint64_t seed;
    double burst_s; /* seconds that the burst at hand lasts */
};

static double steady(struct feed *feed, int64_t second)
{
    (void)second;
    return feed->base;
}

/* A day that is ten times as busy at its noon as at its midnight, and weekends at a third. */
static double crypto(struct feed *feed, int64_t second)
{
    double wave = 0.55 - 0.45 * cos(2 * M_PI * (double)(second % DAY_S) / DAY_S);
    bool is_weekend = second / DAY_S % 7 == 2 || second / DAY_S % 7 == 3; /* Thursday is 0 */
    return feed->base * wave * (is_weekend ? 0.3 : 1);
}

/* All at once an eighth of it for an hour, from 11:30. */
static double lunch(struct feed *feed, int64_t second)
{
    int64_t of_day = second % DAY_S;
    bool is_lull = of_day >= 11 * HOUR + 1800 && of_day < 12 * HOUR + 1800;
    return feed->base / (is_lull ? 8 : 1);
}

/* Half a minute of a thousand times as much, every five minutes or so. */
static double bursts(struct feed *feed, int64_t second)
{
    (void)second;
    if (feed->burst_s > 0)
        feed->burst_s -= 1;
    else if (random_share(&feed->seed) < 1.0 / 300)
        feed->burst_s = 30;
    return feed->burst_s > 0 ? feed->base * 1000 : feed->base;
}

/* Busy at the open and at the close, a fifth of it at noon. */
static double stocks(struct feed *feed, int64_t second)
{
    double x = ((double)(second % DAY_S) / HOUR - 16.75) / 3.25; /* 13:30 to 20:00 UTC, in May */
    return feed->base * (0.2 + 0.8 * x * x);
}

static struct feed feeds[] = {
    {.name = "50 a second", .rate = steady, .base = 50},
    {.name = "one in 2 s", .rate = steady, .base = 0.5},
    {.name = "one in 20 s", .rate = steady, .base = 0.05},
    {.name = "one in 5 min", .rate = steady, .base = 1.0 / 300},
    {.name = "crypto, busy", .rate = crypto, .base = 20},
    {.name = "crypto, slow", .rate = crypto, .base = 0.1},
    {.name = "lunch, busy", .rate = lunch, .base = 5},
    {.name = "lunch, slow", .rate = lunch, .base = 0.2},
    {.name = "bursts", .rate = bursts, .base = 0.02},
    {.name = "bursts, slow", .rate = bursts, .base = 0.002},
    {.name = "stocks, busy", .rate = stocks, .base = 40, .keeps_us_hours = true},
    {.name = "stocks, slow", .rate = stocks, .base = 0.2, .keeps_us_hours = true},
};
enum { FEEDS = sizeof feeds / sizeof feeds[0] };

/* ---- a run ------------------------------------------------------------------------------------
 */

struct run {
    struct qta_cadence cadence;
    struct feed feed;
    struct qta_timezone *new_york;
    uint64_t ticks;
    int64_t second;
    bool is_stopped; /* the feed */
    int alarms;
};

static void begin(struct run *run, const struct feed *feed, uint64_t seed)
{
    memset(run, 0, sizeof *run);
    run->feed = *feed;
    run->feed.seed = seed;
    run->second = MONDAY_S;
    assert_int_equal(qta_timezone_create(&run->new_york, "America/New_York", NULL), QTA_OK);
    qta_cadence_init(&run->cadence, 0);
}

static void end(struct run *run)
{
    qta_timezone_destroy(run->new_york);
}

static bool is_open(const struct run *run)
{
    return !run->feed.keeps_us_hours || qta_us_equities_is_open(run->new_york, run->second * S);
}

static void step(struct run *run)
{
    bool was_mute = run->cadence.is_mute;
    bool is_watched = is_open(run);
    double rate = run->feed.rate(&run->feed, run->second);
    if (is_watched && !run->is_stopped && random_share(&run->feed.seed) < -expm1(-rate))
        run->ticks++;
    struct qta_cadence_look look = {.now_ns = run->second * S,
                                    .realtime_ns = run->second * S,
                                    .ticks = run->ticks,
                                    .is_watched = is_watched};
    qta_cadence_step(&run->cadence, &look);
    run->alarms += run->cadence.is_mute && !was_mute;
    assert_true(is_watched || !run->cadence.is_mute);
    run->second++;
}

static void run_for(struct run *run, int64_t seconds)
{
    for (int64_t i = 0; i < seconds; i++)
        step(run);
}

/* Stops the feed; the seconds until that is told, -1 for not within limit_s. */
static int64_t detect(struct run *run, int64_t limit_s)
{
    run->is_stopped = true;
    for (int64_t i = 1; i <= limit_s; i++) {
        step(run);
        if (run->cadence.is_mute)
            return i;
    }
    return -1;
}

/* ---- what must hold ---------------------------------------------------------------------------
 */

static int days(int everyday)
{
    return getenv("QTA_CAMPAIGN") ? everyday * 20 : everyday;
}

static void feeds_that_flow_raise_no_alarm(void **state)
{
    (void)state;
    int alarms = 0;
    for (int i = 0; i < FEEDS; i++) {
        int of_feed = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct run run;
            begin(&run, &feeds[i], seed * 7919 + (uint64_t)i);
            run_for(&run, (int64_t)days(9) * DAY_S);
            of_feed += run.alarms;
            end(&run);
        }
        print_message("%s: %d in %d days\n", feeds[i].name, of_feed, SEEDS * days(9));
        alarms += of_feed;
    }
    assert_int_equal(alarms, 0);
}

static void a_feed_that_stops_is_found_mute_in_the_time_that_is_stated(void **state)
{
    (void)state;
    /* at 15:00 UTC, after so many days */
    static const struct {
        const char *name;
        int days;
        int limit_s;
    } cases[] = {
        {"50 a second", 2, 33},    {"50 a second", 0, 270}, {"one in 2 s", 2, 120},
        {"one in 20 s", 3, 1500},  {"crypto, busy", 3, 33}, {"crypto, slow", 3, 3600},
        {"lunch, busy", 3, 70},    {"stocks, busy", 3, 33}, {"stocks, busy", 0, 270},
        {"stocks, slow", 4, 3600},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int k = 0; k < FEEDS; k++) {
            if (strcmp(feeds[k].name, cases[i].name) != 0)
                continue;
            struct run run;
            begin(&run, &feeds[k], 4711);
            run_for(&run, (int64_t)cases[i].days * DAY_S + 15 * HOUR);
            int64_t found_s = detect(&run, cases[i].limit_s);
            print_message("%s, day %d: %lld s\n", cases[i].name, cases[i].days + 1,
                          (long long)found_s);
            assert_true(found_s > 0);
            end(&run);
        }
    }
}

static void a_market_that_is_mute_from_its_open_is_found(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[10], 5);
    run_for(&run, 2 * DAY_S + 13 * HOUR + 1800);
    assert_int_equal(detect(&run, 40) > 0, 1);
    end(&run);
}

static void a_closed_market_is_never_mute(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[10], 6);
    run_for(&run, 2 * DAY_S + 15 * HOUR);
    assert_true(detect(&run, 40) > 0);
    run_for(&run, 5 * HOUR); /* step() looks while it is closed, too */
    assert_false(run.cadence.is_mute);
    assert_int_equal(run.alarms, 1);
    end(&run);
}

static void a_connection_that_is_down_is_not_mute_and_teaches_nothing(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[0], 8);
    run_for(&run, DAY_S + HOUR);
    double longest = run.cadence.longest_today;
    for (int i = 0; i < 7200; i++) {
        struct qta_cadence_look look = {
            .now_ns = run.second * S, .realtime_ns = run.second * S, .ticks = run.ticks};
        qta_cadence_step(&run.cadence, &look);
        assert_false(run.cadence.is_mute);
        run.second++;
    }
    run_for(&run, 60);
    assert_true(run.cadence.longest_today <= longest);
    assert_int_equal(run.alarms, 0);
    end(&run);
}

static void a_pause_of_our_own_is_one_step(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[0], 9);
    run_for(&run, 2 * DAY_S);
    run.second += 6 * HOUR; /* the machine slept */
    run.is_stopped = true;
    step(&run);
    assert_false(run.cadence.is_mute);
    assert_int_equal(run.cadence.silence_s, 1);
    end(&run);
}

static void what_ends_by_itself_is_learned(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[0], 10);
    run_for(&run, 2 * DAY_S);
    run.is_stopped = true;
    run_for(&run, 60);
    assert_int_equal(run.alarms, 1);
    run.is_stopped = false;
    run_for(&run, 60);
    assert_false(run.cadence.is_mute);
    run.is_stopped = true;
    run_for(&run, 90); /* it may take that long, so twice that is the bound now */
    assert_int_equal(run.alarms, 1);
    run_for(&run, 300);
    assert_int_equal(run.alarms, 2);
    end(&run);
}

static void a_bound_of_the_users_own_needs_nothing_learned(void **state)
{
    (void)state;
    struct qta_cadence cadence;
    qta_cadence_init(&cadence, 5);
    for (int64_t second = 0; second < 100; second++) {
        struct qta_cadence_look look = {.now_ns = second * S,
                                        .realtime_ns = MONDAY_S * S + second * S,
                                        .ticks = 5,
                                        .is_watched = true,
                                        .silence_max_ns = 30 * S};
        qta_cadence_step(&cadence, &look);
        assert_int_equal(cadence.is_mute, second >= 30);
        assert_true(qta_cadence_patience_ns(&cadence) == 0);
    }
    qta_cadence_excuse(&cadence, 100 * S);
    assert_false(cadence.is_mute);
}

static void nothing_is_told_before_anything_is_learned(void **state)
{
    (void)state;
    struct run run;
    begin(&run, &feeds[0], 11);
    run_for(&run, 500); /* less than a period */
    assert_int_equal(detect(&run, 3 * DAY_S), -1);
    assert_false(run.cadence.is_learned);
    end(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feeds_that_flow_raise_no_alarm),
        cmocka_unit_test(a_feed_that_stops_is_found_mute_in_the_time_that_is_stated),
        cmocka_unit_test(a_market_that_is_mute_from_its_open_is_found),
        cmocka_unit_test(a_closed_market_is_never_mute),
        cmocka_unit_test(a_connection_that_is_down_is_not_mute_and_teaches_nothing),
        cmocka_unit_test(a_pause_of_our_own_is_one_step),
        cmocka_unit_test(what_ends_by_itself_is_learned),
        cmocka_unit_test(a_bound_of_the_users_own_needs_nothing_learned),
        cmocka_unit_test(nothing_is_told_before_anything_is_learned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
