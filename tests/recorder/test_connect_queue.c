/* The limit on connection attempts of a provider, and who is served first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "recorder/connect_queue.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)
#define MINUTE (60 * S)

/* Ten connections that ask whenever they may, and sometimes signals, for two hours: in every minute
 * that begins with a connect. */
static void no_minute_has_more_connects_than_configured(void **state)
{
    (void)state;
    enum { CONNECTIONS = 10, CONNECTS_MAX = 20000 };
    static const uint32_t limits[] = {1, 2, 3, 5, 30, 60, 117};
    int64_t *at_ns = malloc(CONNECTS_MAX * sizeof *at_ns);
    assert_non_null(at_ns);
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        for (int has_signals = 0; has_signals < 2; has_signals++) {
            struct qta_connect_queue queue;
            struct qta_connect_turn turns[CONNECTIONS] = {{0}};
            size_t count = 0;
            qta_connect_queue_init(&queue, limits[i]);
            int64_t now_ns = 100 * S;
            int64_t end_ns = now_ns + 120 * MINUTE;
            for (int turn = 0; now_ns < end_ns; turn++) {
                for (int j = 0; j < CONNECTIONS; j++)
                    if (qta_connect_queue_take(&queue, &turns[j], now_ns))
                        at_ns[count++] = now_ns;
                if (has_signals && turn % 50 == 49)
                    qta_rate_limiter_throttle(&queue.limiter, turn % 7 * S, now_ns);
                now_ns = qta_connect_queue_ready_ns(&queue);
                if (turn % 400 == 399)
                    now_ns += 2 * MINUTE; /* a rest: the bucket fills */
            }
            size_t most = 0;
            size_t first = 0;
            for (size_t last = 0; last < count; last++) {
                while (at_ns[last] - at_ns[first] >= MINUTE)
                    first++;
                most = last - first + 1 > most ? last - first + 1 : most;
            }
            print_message("limit %u: %zu connects, %zu in the worst minute\n", limits[i], count,
                          most);
            assert_true(most <= limits[i]);
            assert_true(has_signals || most == limits[i]);
            assert_true(has_signals || count >= 120 * (size_t)limits[i] / 5 * 2);
        }
    }
    free(at_ns);
}

static void half_of_them_may_start_at_once(void **state)
{
    (void)state;
    static const struct {
        uint32_t per_minute;
        int at_once;
    } cases[] = {{1, 1}, {2, 1}, {3, 2}, {30, 15}, {60, 30}, {UINT32_MAX - 1, 1000}, {0, 1000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_connect_queue queue;
        struct qta_connect_turn turn = {0};
        qta_connect_queue_init(&queue, cases[i].per_minute);
        int count = 0;
        while (count < 1000 && qta_connect_queue_take(&queue, &turn, S))
            count++;
        assert_int_equal(count, cases[i].at_once);
    }
}

static void who_waits_longest_is_first(void **state)
{
    (void)state;
    struct qta_connect_queue queue;
    struct qta_connect_turn a = {0};
    struct qta_connect_turn b = {0};
    struct qta_connect_turn c = {0};
    qta_connect_queue_init(&queue, 2); /* one in 30 s */
    assert_true(qta_connect_queue_take(&queue, &a, 0));
    assert_false(qta_connect_queue_take(&queue, &b, 0));
    assert_false(qta_connect_queue_take(&queue, &c, 0));
    assert_false(qta_connect_queue_take(&queue, &a, 0)); /* it has failed already */
    assert_int_equal(queue.waits, 3);
    int64_t ready_ns = qta_connect_queue_ready_ns(&queue);
    assert_true(ready_ns == 30 * S);
    assert_false(qta_connect_queue_take(&queue, &a, ready_ns)); /* not its turn */
    assert_true(qta_connect_queue_take(&queue, &b, ready_ns));
    assert_false(qta_connect_queue_take(&queue, &b, ready_ns)); /* behind a now */
    ready_ns = qta_connect_queue_ready_ns(&queue);
    assert_false(qta_connect_queue_take(&queue, &a, ready_ns));
    assert_true(qta_connect_queue_take(&queue, &c, ready_ns));
    ready_ns = qta_connect_queue_ready_ns(&queue);
    assert_true(qta_connect_queue_take(&queue, &a, ready_ns));
    ready_ns = qta_connect_queue_ready_ns(&queue);
    assert_true(qta_connect_queue_take(&queue, &b, ready_ns));
    assert_null(queue.first);
    assert_null(queue.last);
    assert_int_equal(queue.waits, 4);
}

static void who_leaves_holds_nobody_up(void **state)
{
    (void)state;
    for (int leaver = 0; leaver < 3; leaver++) {
        struct qta_connect_queue queue;
        struct qta_connect_turn first = {0};
        struct qta_connect_turn turns[3] = {{0}};
        qta_connect_queue_init(&queue, 1);
        assert_true(qta_connect_queue_take(&queue, &first, 0));
        for (int i = 0; i < 3; i++)
            assert_false(qta_connect_queue_take(&queue, &turns[i], 0));
        qta_connect_queue_leave(&queue, &turns[leaver]);
        qta_connect_queue_leave(&queue, &turns[leaver]); /* once more is once too many, and fine */
        qta_connect_queue_leave(&queue, &first);
        for (int i = 0; i < 3; i++)
            if (i != leaver)
                assert_true(
                    qta_connect_queue_take(&queue, &turns[i], qta_connect_queue_ready_ns(&queue)));
        assert_null(queue.first);
        assert_null(queue.last);
    }
}

static void nobody_connects_before_a_hint_is_over(void **state)
{
    (void)state;
    struct qta_connect_queue queue;
    struct qta_connect_turn a = {0};
    struct qta_connect_turn b = {0};
    qta_connect_queue_init(&queue, 60);
    qta_rate_limiter_throttle(&queue.limiter, 90 * S, 10 * S);
    assert_false(qta_connect_queue_take(&queue, &a, 100 * S - 1));
    assert_false(qta_connect_queue_take(&queue, &b, 100 * S - 1));
    assert_true(qta_connect_queue_take(&queue, &a, 100 * S));
    assert_false(qta_connect_queue_take(&queue, &b, 100 * S)); /* and not all at once then */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_minute_has_more_connects_than_configured),
        cmocka_unit_test(half_of_them_may_start_at_once),
        cmocka_unit_test(who_waits_longest_is_first),
        cmocka_unit_test(who_leaves_holds_nobody_up),
        cmocka_unit_test(nobody_connects_before_a_hint_is_over),
    };
    return cmocka_run_group_tests_name("connect_queue", tests, NULL, NULL);
}
