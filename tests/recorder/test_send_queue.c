/* Messages that wait for the rate limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/send_queue.h"

#define S INT64_C(1000000000)

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

static bool send_text(struct qta_send_queue *queue, struct qta_link *link, const char *text,
                      int64_t now_ns)
{
    return qta_send_queue_send(queue, &note_transport, link, text, strlen(text), text[0] == 'b',
                               now_ns);
}

static void messages_wait_for_the_rate_in_order(void **state)
{
    (void)state;
    static const char *const texts[] = {"a", "b", "c", "b", "e"};
    struct qta_link link = {""};
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 2);
    for (int i = 0; i < 5; i++)
        assert_true(send_text(&queue, &link, texts[i], 10 * S));
    assert_string_equal(link.sent, ":a#b");
    assert_int_equal(queue.waits, 3);
    assert_int_equal(queue.bytes, 3);
    assert_true(qta_send_queue_due_ns(&queue) == 11 * S);
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S - 1);
    assert_string_equal(link.sent, ":a#b");
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S);
    assert_string_equal(link.sent, ":a#b:c");
    assert_true(send_text(&queue, &link, "f", 60 * S)); /* behind those that wait, in the same go */
    assert_string_equal(link.sent, ":a#b:c#b:e");
    assert_int_equal(queue.waits, 4);
    qta_send_queue_pump(&queue, &note_transport, &link, 61 * S);
    assert_string_equal(link.sent, ":a#b:c#b:e:f");
    assert_true(qta_send_queue_due_ns(&queue) == INT64_MAX);
    assert_int_equal(queue.bytes, 0);
    assert_true(send_text(&queue, &link, "g", 100 * S));
    assert_int_equal(queue.waits, 4); /* it did not wait */
}

static void a_lost_connection_takes_its_messages_with_it_but_not_the_limit(void **state)
{
    (void)state;
    struct qta_link link = {""};
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 1);
    assert_true(send_text(&queue, &link, "a", 10 * S));
    assert_true(send_text(&queue, &link, "x", 10 * S));
    qta_send_queue_clear(&queue);
    assert_true(send_text(&queue, &link, "c", 10 * S + 1));
    assert_string_equal(link.sent, ":a");
    qta_send_queue_pump(&queue, &note_transport, &link, 11 * S);
    assert_string_equal(link.sent, ":a:c");
}

static void nothing_is_sent_before_a_throttling_venue_says_so(void **state)
{
    (void)state;
    static const double rates[] = {0, 100};
    for (size_t i = 0; i < 2; i++) {
        struct qta_link link = {""};
        struct qta_send_queue queue;
        qta_send_queue_init(&queue, rates[i], 50);
        assert_true(send_text(&queue, &link, "a", 10 * S));
        qta_rate_limiter_throttle(&queue.limiter, 7 * S, 10 * S);
        assert_true(send_text(&queue, &link, "c", 10 * S));
        assert_true(qta_send_queue_due_ns(&queue) == 17 * S);
        qta_send_queue_pump(&queue, &note_transport, &link, 17 * S - 1);
        assert_string_equal(link.sent, ":a");
        qta_send_queue_pump(&queue, &note_transport, &link, 17 * S);
        assert_string_equal(link.sent, ":a:c");
    }
}

static void more_than_its_bytes_are_refused(void **state)
{
    (void)state;
    struct qta_link link = {""};
    struct qta_send_queue queue;
    qta_send_queue_init(&queue, 1, 1);
    char *big = calloc(1, QTA_SEND_QUEUE_MAX_BYTES);
    assert_non_null(big);
    static const struct {
        size_t length;
        bool is_taken;
    } cases[] = {{0, true}, {QTA_SEND_QUEUE_MAX_BYTES - 1, true}, {1, true}, {1, false}, {0, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(qta_send_queue_send(&queue, &note_transport, &link, big, cases[i].length, true,
                                        10 * S) == cases[i].is_taken);
    assert_int_equal(queue.bytes, QTA_SEND_QUEUE_MAX_BYTES);
    qta_send_queue_clear(&queue);
    assert_int_equal(queue.bytes, 0);
    assert_true(qta_send_queue_send(&queue, &note_transport, &link, big, 1, true, 10 * S));
    qta_send_queue_clear(&queue);
    free(big);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_wait_for_the_rate_in_order),
        cmocka_unit_test(a_lost_connection_takes_its_messages_with_it_but_not_the_limit),
        cmocka_unit_test(nothing_is_sent_before_a_throttling_venue_says_so),
        cmocka_unit_test(more_than_its_bytes_are_refused),
    };
    return cmocka_run_group_tests_name("send_queue", tests, NULL, NULL);
}
