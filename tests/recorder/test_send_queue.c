/* The rate limit on outgoing messages: the bucket alone, and the queue behind it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/send_queue.h"
#include "recorder/token_bucket.h"

#define MS INT64_C(1000000)
#define S INT64_C(1000000000)

static void a_full_bucket_lets_the_burst_through_and_then_the_rate(void **state)
{
    (void)state;
    struct qta_token_bucket bucket;
    qta_token_bucket_init(&bucket, 10, 5, 100 * S);
    for (int i = 0; i < 5; i++)
        assert_true(qta_token_bucket_take(&bucket, 100 * S));
    assert_false(qta_token_bucket_take(&bucket, 100 * S));
    assert_true(qta_token_bucket_ready_ns(&bucket) == 100 * S + 100 * MS);
    assert_false(qta_token_bucket_take(&bucket, 100 * S + 100 * MS - 1));
    assert_true(qta_token_bucket_take(&bucket, 100 * S + 100 * MS));
    for (int i = 0; i < 5; i++) /* long rest: full again, not more than full */
        assert_true(qta_token_bucket_take(&bucket, 1000 * S));
    assert_false(qta_token_bucket_take(&bucket, 1000 * S));
}

/* In every window of time the tokens taken are at most burst + rate * window. */
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
        struct qta_token_bucket bucket;
        qta_token_bucket_init(&bucket, cases[i].rate_per_s, cases[i].burst, 0);
        double burst = cases[i].burst ? cases[i].burst : 1;
        double level = burst; /* the textbook bucket, refilled in floating point */
        int64_t now_ns = 0;
        for (int step = 0; step < 200000; step++, now_ns += cases[i].step_ns) {
            level += (double)cases[i].step_ns / 1e9 * cases[i].rate_per_s;
            level = level > burst ? burst : level;
            if (step % 1000 > 600)
                continue; /* a rest in which it fills up */
            while (qta_token_bucket_take(&bucket, now_ns))
                level -= 1;
            assert_true(level > -1e-3); /* never more than the model has */
            assert_true(level < 2);     /* and never much less */
        }
    }
}

static void no_rate_means_no_limit(void **state)
{
    (void)state;
    static const double rates[] = {0, -1, -0.0};
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        struct qta_token_bucket bucket;
        qta_token_bucket_init(&bucket, rates[i], 1, 5);
        for (int j = 0; j < 1000; j++)
            assert_true(qta_token_bucket_take(&bucket, 5));
    }
}

static void extreme_rates_do_not_overflow(void **state)
{
    (void)state;
    static const struct {
        double rate_per_s;
        uint32_t burst;
    } cases[] = {{1e-300, UINT32_MAX}, {1e300, UINT32_MAX}, {1e-9, 2}, {1e18, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_token_bucket bucket;
        qta_token_bucket_init(&bucket, cases[i].rate_per_s, cases[i].burst, S);
        assert_true(bucket.interval_ns > 0);
        assert_true(qta_token_bucket_take(&bucket, S));
        for (int j = 0; j < 100; j++)
            qta_token_bucket_take(&bucket, INT64_MAX / 4);
    }
}

/* ---- the queue --------------------------------------------------------------------------------
 */

struct qta_link {
    char sent[256];
};

static void note_send(struct qta_link *link, const void *bytes, size_t length, bool is_binary)
{
    size_t used = strlen(link->sent);
    snprintf(link->sent + used, sizeof link->sent - used, "%s%.*s", is_binary ? "#" : ":",
             (int)length, (const char *)bytes);
}

static const struct qta_transport_ops note_ops = {.link_send = note_send};
static struct qta_transport note_transport = {.ops = &note_ops};

static void messages_wait_for_the_rate_in_order(void **state)
{
    (void)state;
    struct qta_link link = {""};
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 2);
    for (int i = 0; i < 5; i++) {
        char text = (char)('a' + i);
        assert_true(qta_send_queue_put(&queue, &text, 1, i % 2 == 1));
    }
    qta_send_queue_pump(&queue, &note_transport, &link, 10 * S);
    assert_string_equal(link.sent, ":a#b");
    assert_true(qta_send_queue_due_ns(&queue) == 11 * S);
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S - 1);
    assert_string_equal(link.sent, ":a#b");
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S);
    assert_string_equal(link.sent, ":a#b:c");
    qta_send_queue_pump(&queue, &note_transport, &link, 60 * S);
    assert_string_equal(link.sent, ":a#b:c#d:e");
    assert_true(qta_send_queue_due_ns(&queue) == INT64_MAX);
    assert_int_equal(queue.bytes, 0);
}

static void a_lost_connection_takes_its_messages_with_it_but_not_the_limit(void **state)
{
    (void)state;
    struct qta_link link = {""};
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 1);
    assert_true(qta_send_queue_put(&queue, "a", 1, false));
    assert_true(qta_send_queue_put(&queue, "b", 1, false));
    qta_send_queue_pump(&queue, &note_transport, &link, 10 * S);
    qta_send_queue_clear(&queue);
    assert_true(qta_send_queue_put(&queue, "c", 1, false));
    qta_send_queue_pump(&queue, &note_transport, &link, 10 * S + 1);
    assert_string_equal(link.sent, ":a");
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S);
    assert_string_equal(link.sent, ":a:c");
}

static void more_than_its_bytes_are_refused(void **state)
{
    (void)state;
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 1);
    char *big = calloc(1, QTA_SEND_QUEUE_MAX_BYTES);
    assert_non_null(big);
    assert_true(qta_send_queue_put(&queue, big, QTA_SEND_QUEUE_MAX_BYTES - 1, true));
    assert_true(qta_send_queue_put(&queue, big, 1, true));
    assert_false(qta_send_queue_put(&queue, big, 1, true));
    assert_true(qta_send_queue_put(&queue, big, 0, true));
    qta_send_queue_clear(&queue);
    assert_true(qta_send_queue_put(&queue, big, 1, true));
    qta_send_queue_clear(&queue);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_bucket_lets_the_burst_through_and_then_the_rate),
        cmocka_unit_test(no_window_of_simulated_hours_exceeds_rate_and_burst),
        cmocka_unit_test(no_rate_means_no_limit),
        cmocka_unit_test(extreme_rates_do_not_overflow),
        cmocka_unit_test(messages_wait_for_the_rate_in_order),
        cmocka_unit_test(a_lost_connection_takes_its_messages_with_it_but_not_the_limit),
        cmocka_unit_test(more_than_its_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("send_queue", tests, NULL, NULL);
}
