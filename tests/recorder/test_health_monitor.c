/* Alerts by hand and at random over simulated hours; rules with figures on both sides of a limit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "recorder/health_monitor.h"

#define S INT64_C(1000000000)

/* ---- the machine ---- */

static void condition_fires_escalates_and_is_over_after_two_good_looks(void **state)
{
    (void)state;
    struct qta_alert alert = {0};
    enum qta_alert_state before;
    assert_true(qta_alert_look(&alert, QTA_LOOK_BAD, false, 3, 0, &before));
    assert_int_equal(alert.state, QTA_ALERT_FIRING);
    assert_int_equal(before, QTA_ALERT_QUIET);
    assert_false(qta_alert_look(&alert, QTA_LOOK_BAD, false, 3, 100 * S, &before));
    assert_true(qta_alert_look(&alert, QTA_LOOK_BAD, false, 3, 200 * S, &before));
    assert_int_equal(alert.state, QTA_ALERT_ESCALATED);
    assert_int_equal(before, QTA_ALERT_FIRING);
    assert_false(qta_alert_look(&alert, QTA_LOOK_GOOD, false, 3, 300 * S, &before));
    assert_int_equal(alert.state, QTA_ALERT_ESCALATED);
    assert_true(qta_alert_look(&alert, QTA_LOOK_GOOD, false, 3, 400 * S, &before));
    assert_int_equal(alert.state, QTA_ALERT_QUIET);
    assert_int_equal(alert.fired, 1);
}

static void grave_condition_is_an_error_at_once(void **state)
{
    (void)state;
    struct qta_alert alert = {0};
    enum qta_alert_state before;
    assert_true(qta_alert_look(&alert, QTA_LOOK_BAD, true, 100, 0, &before));
    assert_int_equal(alert.state, QTA_ALERT_ESCALATED);
}

static uint64_t next_random(uint64_t *seed)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* What must hold however it flaps. */
static void six_hours_at_random(uint64_t seed)
{
    enum { LOOKS = 6 * 3600 / 5 };
    struct qta_alert alert = {0};
    uint32_t escalation = 1 + (uint32_t)(next_random(&seed) % 5);
    uint64_t badness = next_random(&seed) % 100;
    int64_t last_told_ns = -1000 * S;
    enum qta_alert_state known = QTA_ALERT_QUIET;
    uint32_t bad_looks = 0;
    for (int i = 0; i < LOOKS + 20; i++) {
        int64_t now_ns = (int64_t)i * 5 * S;
        enum qta_alert_look look = QTA_LOOK_GOOD;
        if (i < LOOKS && next_random(&seed) % 100 < badness)
            look = QTA_LOOK_BAD;
        else if (next_random(&seed) % 4 == 0)
            look = QTA_LOOK_UNKNOWN;
        bad_looks = look == QTA_LOOK_BAD ? bad_looks + 1 : 0;
        enum qta_alert_state state_before = alert.state;
        enum qta_alert_state before;
        bool is_told = qta_alert_look(&alert, look, false, escalation, now_ns, &before);
        assert_int_equal(before, known);
        if (alert.state == QTA_ALERT_ESCALATED && state_before != QTA_ALERT_ESCALATED)
            assert_true(bad_looks >= escalation);
        if (look == QTA_LOOK_BAD)
            assert_int_not_equal(alert.state, QTA_ALERT_QUIET);
        if (is_told) {
            assert_int_not_equal(alert.state, known); /* never the same twice */
            assert_true(now_ns - last_told_ns >= QTA_ALERT_QUIET_NS);
            last_told_ns = now_ns;
            known = alert.state;
        } else if (alert.state != known) {
            assert_true(now_ns - last_told_ns < QTA_ALERT_QUIET_NS); /* it waits for its time */
        }
    }
    assert_int_equal(alert.state, QTA_ALERT_QUIET); /* the end was good */
    assert_int_equal(known, QTA_ALERT_QUIET);       /* and was told */
}

static void flapping_is_told_once_a_minute_and_ends_with_the_truth(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++)
        six_hours_at_random(seed);
}

/* ---- rules ---- */

struct told {
    size_t count;
    struct qta_alert_event last;
    uint32_t kinds; /* bits, that fired */
};

static void note(void *user, const struct qta_alert_event *event)
{
    struct told *told = user;
    told->count++;
    told->last = *event;
    if (event->state != QTA_ALERT_QUIET)
        told->kinds |= UINT32_C(1) << event->kind;
}

static struct qta_health_monitor *make_monitor(void)
{
    struct qta_health_options options = qta_gateway_options_default().health;
    options.throughput_min_per_s = 50;
    options.latency_max_ms = 100;
    options.queue_depth_max = 1000;
    struct qta_health_monitor *monitor = NULL;
    assert_int_equal(qta_health_monitor_create(&monitor, &options, 1, NULL), QTA_OK);
    return monitor;
}

/* A connection that works: 100 ticks a second of 20 ms. */
static struct qta_health_sample good_sample(int64_t now_ns)
{
    uint64_t seconds = (uint64_t)(now_ns / S);
    return (struct qta_health_sample){
        .name = "venue",
        .state = QTA_CONNECTION_SUBSCRIBED,
        .is_market_open = true,
        .ticks = seconds * 100,
        .bytes = seconds * 10000,
        .latencies = seconds * 100,
        .latency_ns_sum = seconds * 100 * 20000000,
    };
}

static void healthy_connection_is_quiet_and_its_rates_are_known(void **state)
{
    (void)state;
    struct qta_health_monitor *monitor = make_monitor();
    struct told told = {0};
    for (int i = 0; i < 100; i++) {
        struct qta_health_sample sample = good_sample(i * 5 * S);
        qta_health_monitor_look(monitor, &sample, &(struct qta_health_queue){"callbacks", 10},
                                i * 5 * S, note, &told);
    }
    assert_int_equal(told.count, 0);
    struct qta_health_rates rates = qta_health_monitor_rates(monitor, 0);
    assert_true(rates.is_known);
    assert_true(rates.ticks_per_s > 99.9 && rates.ticks_per_s < 100.1);
    assert_true(rates.bytes_per_s > 9999 && rates.bytes_per_s < 10001);
    assert_true(rates.latency_s > 0.0199 && rates.latency_s < 0.0201);
    qta_health_monitor_destroy(monitor);
}

/* Ten minutes of good looks, then bad ones; returns what fired. */
static uint32_t fire(void (*spoil)(struct qta_health_sample *sample, int64_t bad_ns,
                                   int64_t now_ns),
                     bool is_market_open, char message[200])
{
    struct qta_health_monitor *monitor = make_monitor();
    struct told told = {0};
    for (int64_t now_ns = 0; now_ns < 1200 * S; now_ns += 5 * S) {
        struct qta_health_sample sample = good_sample(now_ns);
        if (now_ns >= 600 * S)
            spoil(&sample, now_ns - 600 * S, now_ns);
        sample.is_market_open = is_market_open || now_ns < 600 * S;
        qta_health_monitor_look(monitor, &sample, &(struct qta_health_queue){"callbacks", 0},
                                now_ns, note, &told);
    }
    memcpy(message, told.last.message, 200);
    qta_health_monitor_destroy(monitor);
    return told.kinds;
}

static void make_slow(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    (void)now_ns;
    sample->latency_ns_sum += (uint64_t)(bad_ns / S) * 100 * 180000000;
}

static void make_mute(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    *sample = good_sample(now_ns - bad_ns);
}

static void make_down(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    make_mute(sample, bad_ns, now_ns);
    sample->state = QTA_CONNECTION_BACKING_OFF;
    sample->unsubscribed_since_ns = now_ns - bad_ns;
    sample->failures = (uint32_t)(bad_ns / (10 * S));
    sample->circuit_open_since_ns = sample->failures >= 5 ? now_ns - bad_ns + 50 * S : 0;
}

static void make_silent(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    (void)bad_ns;
    (void)now_ns;
    sample->mute_channels = QTA_TYPE_BIT(QTA_TICK_TRADE);
}

static void make_blocked(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    make_mute(sample, bad_ns, now_ns);
    sample->state = QTA_CONNECTION_BLOCKED;
    sample->unsubscribed_since_ns = now_ns - bad_ns;
}

static void make_finished(struct qta_health_sample *sample, int64_t bad_ns, int64_t now_ns)
{
    make_blocked(sample, bad_ns, now_ns);
    sample->state = QTA_CONNECTION_FINISHED;
}

#define BIT(kind) (UINT32_C(1) << (kind))

static void each_trouble_has_its_alert(void **state)
{
    (void)state;
    char message[200];
    assert_int_equal(fire(make_slow, true, message), BIT(QTA_ALERT_LATENCY));
    assert_string_equal(message, "venue: ticks take 200.0 ms from the venue (limit 100 ms)");
    assert_int_equal(fire(make_mute, true, message), BIT(QTA_ALERT_THROUGHPUT));
    assert_string_equal(message, "venue: 0.00 messages a second (at least 50 are expected)");
    assert_int_equal(fire(make_silent, true, message), BIT(QTA_ALERT_MUTE));
    assert_string_equal(message, "venue: connected, but no trade comes");
    assert_int_equal(fire(make_down, true, message), BIT(QTA_ALERT_CONNECTION_DOWN) |
                                                         BIT(QTA_ALERT_RECONNECTS) |
                                                         BIT(QTA_ALERT_CIRCUIT_OPEN));
    assert_int_equal(fire(make_blocked, true, message), BIT(QTA_ALERT_CONNECTION_DOWN));
    assert_int_equal(fire(make_finished, true, message), 0);
}

static void closed_market_is_no_trouble_but_a_refusal_is(void **state)
{
    (void)state;
    char message[200];
    assert_int_equal(fire(make_mute, false, message), 0);
    assert_int_equal(fire(make_silent, false, message), 0);
    assert_int_equal(fire(make_down, false, message), 0);
    assert_int_equal(fire(make_blocked, false, message), BIT(QTA_ALERT_CONNECTION_DOWN));
}

static void queue_fires_above_its_limit_and_rests_well_below(void **state)
{
    (void)state;
    struct qta_health_monitor *monitor = make_monitor();
    struct told told = {0};
    int64_t now_ns = 0;
    const uint64_t depths[] = {0, 1000, 1001, 950, 950, 950, 950, 900, 900};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++, now_ns += 100 * S) {
        struct qta_health_sample sample = good_sample(now_ns);
        qta_health_monitor_look(monitor, &sample,
                                &(struct qta_health_queue){"callbacks", depths[i]}, now_ns, note,
                                &told);
        enum qta_alert_state expected = i < 2   ? QTA_ALERT_QUIET
                                        : i < 4 ? QTA_ALERT_FIRING
                                        : i < 8 ? QTA_ALERT_ESCALATED
                                                : QTA_ALERT_QUIET;
        assert_int_equal(qta_health_monitor_alert(monitor, QTA_ALERT_QUEUE_DEPTH, 0)->state,
                         expected);
    }
    assert_int_equal(told.count, 3);
    assert_string_equal(told.last.connection, "");
    qta_health_monitor_destroy(monitor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(condition_fires_escalates_and_is_over_after_two_good_looks),
        cmocka_unit_test(grave_condition_is_an_error_at_once),
        cmocka_unit_test(flapping_is_told_once_a_minute_and_ends_with_the_truth),
        cmocka_unit_test(healthy_connection_is_quiet_and_its_rates_are_known),
        cmocka_unit_test(each_trouble_has_its_alert),
        cmocka_unit_test(closed_market_is_no_trouble_but_a_refusal_is),
        cmocka_unit_test(queue_fires_above_its_limit_and_rests_well_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
