/* Bytes go in and come out in order, whatever the sizes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "recorder/byte_queue.h"

static void bytes_come_out_in_order(void **state)
{
    (void)state;
    struct qta_byte_queue queue = {0};
    uint64_t in = 0;
    uint64_t out = 0;
    uint32_t random = 1;
    for (int i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        uint8_t bytes[700];
        size_t length = (random >> 8) % sizeof bytes;
        for (size_t at = 0; at < length; at++)
            bytes[at] = (uint8_t)in++;
        assert_true(qta_byte_queue_append(&queue, bytes, length));
        size_t taken = qta_byte_queue_length(&queue) * (random >> 24) / 256;
        const uint8_t *waiting = qta_byte_queue_bytes(&queue);
        for (size_t at = 0; at < taken; at++)
            assert_int_equal(waiting[at], (uint8_t)out++);
        qta_byte_queue_consume(&queue, taken);
        assert_int_equal(qta_byte_queue_length(&queue), in - out);
    }
    qta_byte_queue_finish(&queue);
}

static void an_empty_queue_gives_much_memory_back(void **state)
{
    (void)state;
    struct qta_byte_queue queue = {0};
    uint8_t *room = qta_byte_queue_reserve(&queue, 10 << 20);
    assert_non_null(room);
    memset(room, 1, 10 << 20);
    qta_byte_queue_commit(&queue, 10 << 20);
    qta_byte_queue_consume(&queue, (10 << 20) - 1);
    assert_true(queue.capacity >= 10 << 20);
    qta_byte_queue_consume(&queue, 1);
    assert_int_equal(queue.capacity, 0);
    qta_byte_queue_finish(&queue);
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    struct qta_byte_queue queue = {0};
    assert_true(qta_byte_queue_append(&queue, "x", 1));
    assert_null(qta_byte_queue_reserve(&queue, SIZE_MAX));
    assert_null(qta_byte_queue_reserve(&queue, SIZE_MAX / 2));
    assert_int_equal(qta_byte_queue_length(&queue), 1);
    assert_true(qta_byte_queue_append(&queue, NULL, 0));
    qta_byte_queue_finish(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_order),
        cmocka_unit_test(an_empty_queue_gives_much_memory_back),
        cmocka_unit_test(impossible_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
