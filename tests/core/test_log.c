/* The log: one line a call, one call at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <qta/log.h>

struct capture {
    int count;
    enum qta_log_level level;
    char area[32];
    char message[4096];
};

static void capture_line(void *user, enum qta_log_level level, const char *area,
                         const char *message)
{
    struct capture *capture = user;
    capture->count++; /* not atomic: the log promises one call at a time */
    capture->level = level;
    snprintf(capture->area, sizeof capture->area, "%s", area);
    snprintf(capture->message, sizeof capture->message, "%s", message);
}

static void lines_below_the_level_are_not_passed_on(void **state)
{
    (void)state;
    struct capture capture = {0};
    qta_log_set(capture_line, &capture, QTA_LOG_WARNING);
    qta_log(QTA_LOG_DEBUG, "storage", "quiet");
    qta_log(QTA_LOG_INFO, "storage", "quiet");
    assert_int_equal(capture.count, 0);
    qta_log(QTA_LOG_WARNING, "storage", "disk is %d %% full", 97);
    assert_int_equal(capture.count, 1);
    assert_int_equal(capture.level, QTA_LOG_WARNING);
    assert_string_equal(capture.area, "storage");
    assert_string_equal(capture.message, "disk is 97 % full");
    qta_log(QTA_LOG_ERROR, "alpaca", "lost");
    assert_int_equal(capture.count, 2);
    qta_log_set(NULL, NULL, QTA_LOG_DEBUG);
    qta_log(QTA_LOG_ERROR, "alpaca", "nobody hears it");
    assert_int_equal(capture.count, 2);
}

static void what_strangers_sent_stays_on_one_line(void **state)
{
    (void)state;
    struct capture capture = {0};
    qta_log_set(capture_line, &capture, QTA_LOG_DEBUG);
    qta_log(QTA_LOG_INFO, "feed", "%s",
            "a\nb\tc\rd\033[2Je\x7f"
            "f \xc3\xa4");
    assert_string_equal(capture.message, "a b c?d?[2Je?f \xc3\xa4");
    qta_log_set(NULL, NULL, QTA_LOG_DEBUG);
}

static void long_lines_are_cut_between_characters(void **state)
{
    (void)state;
    struct capture capture = {0};
    qta_log_set(capture_line, &capture, QTA_LOG_DEBUG);
    static char text[5000];
    static const char *const characters[] = {"x", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < 4; i++) {
        size_t step = strlen(characters[i]);
        for (size_t shift = 0; shift < step; shift++) {
            memset(text, 'x', shift);
            size_t at = shift;
            for (; at + step < sizeof text; at += step)
                memcpy(text + at, characters[i], step);
            text[at] = '\0';
            qta_log(QTA_LOG_INFO, "feed", "%s", text);
            size_t length = strlen(capture.message);
            assert_in_range(length, 1000, 2047);
            assert_int_equal((length - shift) % step, 0);
            assert_memory_equal(capture.message, text, length);
        }
    }
    qta_log_set(NULL, NULL, QTA_LOG_DEBUG);
}

static void *log_many(void *user)
{
    (void)user;
    for (int i = 0; i < 1000; i++)
        qta_log(QTA_LOG_INFO, "thread", "line %d", i);
    return NULL;
}

static void threads_take_turns(void **state)
{
    (void)state;
    struct capture capture = {0};
    qta_log_set(capture_line, &capture, QTA_LOG_DEBUG);
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, log_many, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(capture.count, 4000);
    qta_log_set(NULL, NULL, QTA_LOG_DEBUG);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(qta_log_level_name(QTA_LOG_DEBUG), "debug");
    assert_string_equal(qta_log_level_name(QTA_LOG_INFO), "info");
    assert_string_equal(qta_log_level_name(QTA_LOG_WARNING), "warning");
    assert_string_equal(qta_log_level_name(QTA_LOG_ERROR), "error");
    assert_string_equal(qta_log_level_name((enum qta_log_level)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_below_the_level_are_not_passed_on),
        cmocka_unit_test(what_strangers_sent_stays_on_one_line),
        cmocka_unit_test(long_lines_are_cut_between_characters),
        cmocka_unit_test(threads_take_turns),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
