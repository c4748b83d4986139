/* A log that says the same thing a thousand times says so once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "tools/log_repeats.h"

#define S INT64_C(1000000000)

/* How many of count equal lines are shown. */
static int show(struct qta_log_repeats *repeats, const char *message, int count, int64_t now_ns)
{
    int shown = 0;
    for (int i = 0; i < count; i++)
        shown += qta_log_repeats_is_shown(repeats, QTA_LOG_WARNING, "alpaca", message, now_ns);
    return shown;
}

static void the_first_few_are_shown_and_the_others_counted(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    assert_int_equal(show(&repeats, "lost", 1000, 0), QTA_LOG_REPEATS_SHOWN);
    assert_null(qta_log_repeats_take_ended(&repeats, QTA_LOG_REPEATS_SPAN_NS - 1));
    const struct qta_log_sentence *ended = qta_log_repeats_take_ended(&repeats,
                                                                      QTA_LOG_REPEATS_SPAN_NS);
    assert_non_null(ended);
    assert_string_equal(ended->text, "lost");
    assert_string_equal(ended->area, "alpaca");
    assert_int_equal(ended->level, QTA_LOG_WARNING);
    assert_int_equal(ended->held_back, 1000 - QTA_LOG_REPEATS_SHOWN);
    assert_null(qta_log_repeats_take_ended(&repeats, INT64_MAX));
}

static void what_comes_now_and_then_is_shown_each_time(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    for (int64_t i = 0; i < 1000; i++)
        assert_int_equal(show(&repeats, "lost", 1, i * 15 * S), 1);
    assert_null(qta_log_repeats_take_ended(&repeats, INT64_MAX));
}

static void an_endless_storm_is_a_few_lines_a_span(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    int shown = 0;
    uint64_t told = 0;
    for (int64_t second = 0; second < 3600; second++) {
        const struct qta_log_sentence *ended = qta_log_repeats_take_ended(&repeats, second * S);
        told += ended ? ended->held_back : 0;
        shown += show(&repeats, "lost", 10, second * S);
    }
    const struct qta_log_sentence *ended = qta_log_repeats_take_ended(&repeats, INT64_MAX);
    told += ended ? ended->held_back : 0;
    assert_int_equal(shown, 120 * QTA_LOG_REPEATS_SHOWN);
    assert_int_equal((uint64_t)shown + told, 36000);
}

static void another_area_or_level_is_another_sentence(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    assert_int_equal(show(&repeats, "lost", 9, 0), QTA_LOG_REPEATS_SHOWN);
    assert_true(qta_log_repeats_is_shown(&repeats, QTA_LOG_ERROR, "alpaca", "lost", 0));
    assert_true(qta_log_repeats_is_shown(&repeats, QTA_LOG_WARNING, "alpacal", "ost", 0));
    assert_true(qta_log_repeats_is_shown(&repeats, QTA_LOG_WARNING, "kraken", "lost", 0));
}

static void more_sentences_than_are_watched_lose_no_count(void **state)
{
    (void)state;
    enum { SENTENCES = 500, TIMES = 20 };
    struct qta_log_repeats repeats = {0};
    uint64_t shown = 0;
    uint64_t told = 0;
    for (int i = 0; i < SENTENCES; i++) {
        char message[32];
        snprintf(message, sizeof message, "sentence %d", i);
        shown += (uint64_t)show(&repeats, message, TIMES, 0);
    }
    const struct qta_log_sentence *ended;
    while ((ended = qta_log_repeats_take_ended(&repeats, INT64_MAX)))
        told += ended->held_back;
    assert_int_equal(shown + told, SENTENCES * TIMES);
    assert_true(told > 0);
}

static void a_sentence_said_once_makes_room_for_others(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    for (int i = 0; i < 10 * QTA_LOG_REPEATS_SENTENCES; i++) {
        char message[32];
        snprintf(message, sizeof message, "sentence %d", i);
        assert_int_equal(show(&repeats, message, 1, i), 1);
    }
    assert_int_equal(show(&repeats, "lost", 1000, 1000), QTA_LOG_REPEATS_SHOWN);
}

static void a_long_sentence_is_told_as_a_whole_from_another(void **state)
{
    (void)state;
    struct qta_log_repeats repeats = {0};
    enum { LENGTH = 2 * QTA_LOG_REPEATS_TEXT_BYTES };
    char message[LENGTH + 1];
    for (int i = 0; i < LENGTH; i++)
        message[i] = 'x';
    message[LENGTH] = '\0';
    assert_int_equal(show(&repeats, message, 9, 0), QTA_LOG_REPEATS_SHOWN);
    message[LENGTH - 1] = 'y';
    assert_int_equal(show(&repeats, message, 1, 0), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_few_are_shown_and_the_others_counted),
        cmocka_unit_test(what_comes_now_and_then_is_shown_each_time),
        cmocka_unit_test(an_endless_storm_is_a_few_lines_a_span),
        cmocka_unit_test(another_area_or_level_is_another_sentence),
        cmocka_unit_test(more_sentences_than_are_watched_lose_no_count),
        cmocka_unit_test(a_sentence_said_once_makes_room_for_others),
        cmocka_unit_test(a_long_sentence_is_told_as_a_whole_from_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
