/* The ring between producer and consumer, and the doorbell beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <string.h>

#include "core/doorbell.h"
#include "core/ring.h"

static struct qta_tick tick_number(uint64_t number)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    tick.rx_seq = number;
    tick.trade.id = number * 3; /* far from rx_seq: a torn copy would show */
    memset(tick.bytes + sizeof tick.bytes - 8, (int)(number & 0x7f), 8);
    return tick;
}

static void assert_whole(const struct qta_tick *tick)
{
    struct qta_tick expected = tick_number(tick->rx_seq);
    assert_memory_equal(tick, &expected, sizeof expected);
}

static void capacity_is_rounded_up_to_a_power_of_two(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{0, 2}, {1, 2}, {2, 2}, {3, 4}, {1000, 1024}, {1024, 1024}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_ring *ring;
        assert_int_equal(qta_ring_create(&ring, cases[i][0], NULL), QTA_OK);
        assert_int_equal(qta_ring_capacity(ring), cases[i][1]);
        qta_ring_destroy(ring);
    }
}

static void full_ring_refuses_what_is_new(void **state)
{
    (void)state;
    struct qta_ring *ring;
    assert_int_equal(qta_ring_create(&ring, 4, NULL), QTA_OK);
    for (uint64_t i = 0; i < 6; i++) {
        struct qta_tick tick = tick_number(i);
        assert_int_equal(qta_ring_push(ring, &tick), i < 4);
    }
    assert_int_equal(qta_ring_count(ring), 4);
    struct qta_tick out[8];
    assert_int_equal(qta_ring_pop(ring, out, 3), 3);
    assert_int_equal(out[0].rx_seq, 0);
    assert_int_equal(out[2].rx_seq, 2);
    assert_int_equal(qta_ring_pop(ring, out, 8), 1);
    assert_int_equal(out[0].rx_seq, 3);
    assert_int_equal(qta_ring_pop(ring, out, 8), 0);
    qta_ring_destroy(ring);
}

static void full_ring_pushed_over_loses_its_oldest_and_says_which(void **state)
{
    (void)state;
    struct qta_ring *ring;
    assert_int_equal(qta_ring_create(&ring, 4, NULL), QTA_OK);
    for (uint64_t i = 0; i < 11; i++) {
        struct qta_tick tick = tick_number(i);
        uint64_t dropped = 999;
        bool has_dropped = qta_ring_stage_over(ring, &tick, &dropped);
        qta_ring_publish(ring);
        assert_int_equal(has_dropped, i >= 4);
        assert_int_equal(dropped, i >= 4 ? i - 4 : 999);
    }
    struct qta_tick out[8];
    assert_int_equal(qta_ring_pop(ring, out, 8), 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(out[i].rx_seq, 7 + i);
        assert_whole(&out[i]);
    }
    qta_ring_destroy(ring);
}

static void what_is_staged_is_seen_once_it_is_published(void **state)
{
    (void)state;
    struct qta_ring *ring;
    assert_int_equal(qta_ring_create(&ring, 4, NULL), QTA_OK);
    struct qta_tick out[8];
    uint64_t dropped;
    for (uint64_t i = 0; i < 5; i++) {
        struct qta_tick tick = tick_number(i);
        assert_int_equal(qta_ring_stage(ring, &tick), i < 4);
    }
    assert_int_equal(qta_ring_count(ring), 0);
    assert_int_equal(qta_ring_pop(ring, out, 8), 0);
    struct qta_tick fifth = tick_number(4);
    assert_true(qta_ring_stage_over(ring, &fifth, &dropped)); /* the others become visible */
    assert_int_equal(dropped, 0);
    assert_int_equal(qta_ring_pop(ring, out, 8), 3);
    assert_int_equal(out[0].rx_seq, 1);
    qta_ring_publish(ring);
    assert_int_equal(qta_ring_pop(ring, out, 8), 1);
    assert_int_equal(out[0].rx_seq, 4);
    qta_ring_destroy(ring);
}

static void the_age_of_the_oldest_is_that_of_the_first_to_be_taken(void **state)
{
    (void)state;
    struct qta_ring *ring;
    int64_t oldest_ns = -1;
    assert_int_equal(qta_ring_create(&ring, 4, NULL), QTA_OK);
    assert_false(qta_ring_oldest_ns(ring, &oldest_ns));
    for (int64_t i = 0; i < 3; i++) {
        struct qta_tick tick = tick_number((uint64_t)i);
        tick.ts_recv_ns = 1000 + i;
        qta_ring_push(ring, &tick);
    }
    assert_true(qta_ring_oldest_ns(ring, &oldest_ns));
    assert_int_equal(oldest_ns, 1000);
    struct qta_tick out;
    qta_ring_pop(ring, &out, 1);
    assert_true(qta_ring_oldest_ns(ring, &oldest_ns));
    assert_int_equal(oldest_ns, 1001);
    qta_ring_destroy(ring);
}

enum { STRESS_TICKS = 200000 };

struct stress {
    struct qta_ring *ring;
    struct qta_doorbell bell;
    bool drops;
    uint64_t dropped;
    _Atomic bool is_done;
};

static void *produce(void *user)
{
    struct stress *stress = user;
    for (uint64_t i = 0; i < STRESS_TICKS; i++) {
        struct qta_tick tick = tick_number(i);
        uint64_t dropped;
        if (stress->drops) {
            stress->dropped += qta_ring_stage_over(stress->ring, &tick, &dropped);
            if (i % 5 == 0 || i == STRESS_TICKS - 1)
                qta_ring_publish(stress->ring);
        } else {
            while (!qta_ring_push(stress->ring, &tick))
                sched_yield();
        }
        qta_doorbell_ring(&stress->bell);
    }
    atomic_store(&stress->is_done, true);
    qta_doorbell_ring(&stress->bell);
    return NULL;
}

/* Returns how many ticks came through; they must come whole and in order. */
static uint64_t consume(struct stress *stress)
{
    uint64_t received = 0;
    uint64_t next = 0;
    for (;;) {
        struct qta_tick out[37];
        uint32_t ticket = qta_doorbell_ticket(&stress->bell);
        bool is_done = atomic_load(&stress->is_done);
        size_t count = qta_ring_pop(stress->ring, out, 37);
        for (size_t i = 0; i < count; i++) {
            assert_true(out[i].rx_seq >= next);
            assert_whole(&out[i]);
            next = out[i].rx_seq + 1;
        }
        received += count;
        if (count == 0 && is_done)
            return received;
        if (count == 0)
            qta_doorbell_wait(&stress->bell, ticket, -1);
    }
}

static void run_stress(bool drops)
{
    struct stress stress = {.drops = drops};
    assert_int_equal(qta_ring_create(&stress.ring, 64, NULL), QTA_OK);
    pthread_t producer;
    assert_int_equal(pthread_create(&producer, NULL, produce, &stress), 0);
    uint64_t received = consume(&stress);
    pthread_join(producer, NULL);
    assert_int_equal(received + stress.dropped, STRESS_TICKS);
    qta_ring_destroy(stress.ring);
}

static void two_threads_pass_every_tick_whole_and_in_order(void **state)
{
    (void)state;
    run_stress(false);
}

static void two_threads_with_drops_account_for_every_tick(void **state)
{
    (void)state;
    run_stress(true);
}

static void a_bell_rung_before_the_wait_is_not_missed(void **state)
{
    (void)state;
    struct qta_doorbell bell = {0};
    uint32_t ticket = qta_doorbell_ticket(&bell);
    qta_doorbell_ring(&bell);
    qta_doorbell_wait(&bell, ticket, -1); /* would never return */
    ticket = qta_doorbell_ticket(&bell);
    qta_doorbell_wait(&bell, ticket, 1000000); /* returns by its time limit */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_is_rounded_up_to_a_power_of_two),
        cmocka_unit_test(full_ring_refuses_what_is_new),
        cmocka_unit_test(what_is_staged_is_seen_once_it_is_published),
        cmocka_unit_test(the_age_of_the_oldest_is_that_of_the_first_to_be_taken),
        cmocka_unit_test(full_ring_pushed_over_loses_its_oldest_and_says_which),
        cmocka_unit_test(two_threads_pass_every_tick_whole_and_in_order),
        cmocka_unit_test(two_threads_with_drops_account_for_every_tick),
        cmocka_unit_test(a_bell_rung_before_the_wait_is_not_missed),
    };
    return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
