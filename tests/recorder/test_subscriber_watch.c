/* Standing still is noticed, said once, and said again when it is over: in made-up time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>

#include "recorder/subscriber_watch.h"

#define S INT64_C(1000000000)

static void callback(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

static char said[1024];

static void note_log(void *user, enum qta_log_level level, const char *area, const char *message)
{
    (void)user;
    size_t used = strlen(said);
    snprintf(said + used, sizeof said - used, "%s %s: %s\n", qta_log_level_name(level), area,
             message);
}

static int listen(void **state)
{
    (void)state;
    said[0] = '\0';
    qta_log_set(note_log, NULL, QTA_LOG_DEBUG);
    return 0;
}

static int stop_listening(void **state)
{
    (void)state;
    qta_log_set(NULL, NULL, QTA_LOG_ERROR);
    return 0;
}

static struct qta_subscriber_sight in_callback(uint64_t calls)
{
    return (struct qta_subscriber_sight){.name = "slow",
                                         .doing = {.calls = calls, .callback = callback},
                                         .at_seq = 77,
                                         .taken = 256,
                                         .queued = 12};
}

static void a_callback_that_does_not_return_is_named_once_and_when_it_does(void **state)
{
    (void)state;
    struct qta_subscriber_watch watch = {0};
    struct qta_subscriber_sight sight = in_callback(5);
    for (int64_t now_ns = 100 * S; now_ns < 105 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &sight, now_ns, 5 * S);
    assert_string_equal(said, "");
    assert_int_equal(watch.hangs, 0);
    for (int64_t now_ns = 105 * S; now_ns < 200 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &sight, now_ns, 5 * S);
    assert_non_null(strstr(said, "warning gateway: subscriber 'slow': callback "));
    assert_non_null(strstr(said, "(test_subscriber_watch+0x"));
    assert_non_null(strstr(said, " has not returned for 5 s (rx_seq 77); 12 ticks wait\n"));
    assert_null(strstr(strchr(said, '\n'), "not returned"));
    assert_int_equal(watch.hangs, 1);
    assert_int_equal(watch.hanging_ns, 99 * S);
    said[0] = '\0';
    sight.doing.calls++;
    qta_subscriber_watch_look(&watch, &sight, 200 * S, 5 * S);
    assert_non_null(strstr(said, "info gateway: subscriber 'slow': callback "));
    assert_non_null(strstr(said, " has returned after 1 m 40 s\n"));
    assert_int_equal(watch.hanging_ns, 0);
    assert_int_equal(watch.hangs, 1);
}

static void callbacks_that_go_on_are_none_of_its_business(void **state)
{
    (void)state;
    struct qta_subscriber_watch watch = {0};
    for (uint64_t i = 0; i < 100; i++) { /* each takes nearly too long */
        struct qta_subscriber_sight sight = in_callback(i);
        qta_subscriber_watch_look(&watch, &sight, (int64_t)i * 10 * S + S, 5 * S);
        qta_subscriber_watch_look(&watch, &sight, (int64_t)i * 10 * S + 5 * S, 5 * S);
    }
    struct qta_subscriber_sight resting = {.name = "slow", .taken = 256};
    for (int64_t now_ns = 2000 * S; now_ns < 3000 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &resting, now_ns, 5 * S);
    struct qta_subscriber_sight for_ever = in_callback(100);
    for (int64_t now_ns = 3000 * S; now_ns < 4000 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &for_ever, now_ns, 0); /* switched off */
    assert_string_equal(said, "");
    assert_int_equal(watch.hangs, 0);
}

static void a_queue_that_fills_up_and_nobody_empties_is_named(void **state)
{
    (void)state;
    struct qta_subscriber_watch watch = {0};
    struct qta_subscriber_sight sight = {.name = "left", .taken = 9, .queued = 10};
    for (int64_t now_ns = S; now_ns < 60 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &sight, now_ns, 5 * S);
    assert_string_equal(said, ""); /* there is room: its thread may come when it likes */
    sight.queued = 100;
    sight.is_nearly_full = true;
    sight.is_blocking = true;
    for (int64_t now_ns = 60 * S; now_ns < 90 * S; now_ns += S)
        qta_subscriber_watch_look(&watch, &sight, now_ns, 5 * S);
    assert_string_equal(said, "warning gateway: subscriber 'left': nobody has taken its ticks for "
                              "59 s; 100 wait, and the sockets for them\n");
    said[0] = '\0';
    sight.taken++;
    qta_subscriber_watch_look(&watch, &sight, 90 * S, 5 * S);
    assert_string_equal(
        said, "info gateway: subscriber 'left': its ticks are taken again after 1 m 29 s\n");
    assert_int_equal(watch.hangs, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_callback_that_does_not_return_is_named_once_and_when_it_does, listen, stop_listening),
        cmocka_unit_test_setup_teardown(callbacks_that_go_on_are_none_of_its_business, listen,
                                        stop_listening),
        cmocka_unit_test_setup_teardown(a_queue_that_fills_up_and_nobody_empties_is_named, listen,
                                        stop_listening),
    };
    return cmocka_run_group_tests_name("subscriber watch", tests, NULL, NULL);
}
