/* What the programs share: exit statuses, numbers, and a stderr that is a file or a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "tools/program.h"

/* Puts a terminal, or a pipe, in the place of file descriptor 2. */
struct capture {
    int stderr_before;
    int read_end;
};

static void start_capture(struct capture *capture, bool is_terminal)
{
    int ends[2];
    if (is_terminal) {
        struct termios raw;
        assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
        tcgetattr(ends[1], &raw);
        cfmakeraw(&raw);
        tcsetattr(ends[1], TCSANOW, &raw);
    } else {
        assert_int_equal(pipe(ends), 0);
    }
    capture->read_end = ends[0];
    capture->stderr_before = dup(STDERR_FILENO);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

/* What has come since, a whole line at its end: a terminal passes things on in its own time. text
 * is the caller's, of at least 4096 bytes. */
static void take(const struct capture *capture, char *text)
{
    enum { PATIENCE_MS = 10000 };
    fflush(stderr);
    size_t length = 0;
    struct pollfd fd = {.fd = capture->read_end, .events = POLLIN};
    while ((length == 0 || text[length - 1] != '\n') && poll(&fd, 1, PATIENCE_MS) == 1) {
        ssize_t count = read(capture->read_end, text + length, 4095 - length);
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    text[length] = '\0';
}

static void end_capture(struct capture *capture)
{
    fflush(stderr);
    dup2(capture->stderr_before, STDERR_FILENO);
    close(capture->stderr_before);
    close(capture->read_end);
}

static void each_status_has_its_exit(void **state)
{
    (void)state;
    static const struct {
        enum qta_status status;
        enum qta_exit exit;
    } cases[] = {
        {QTA_OK, 0},           {QTA_ERR_END, 0},    {QTA_ERR_USAGE, 2},     {QTA_ERR_CONFIG, 2},
        {QTA_ERR_DAMAGED, 3},  {QTA_ERR_IO, 1},     {QTA_ERR_NOT_FOUND, 1}, {QTA_ERR_FORMAT, 1},
        {QTA_ERR_NO_SPACE, 1}, {QTA_ERR_LOCKED, 1}, {QTA_ERR_STATE, 1},     {QTA_ERR_REFUSED, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(qta_program_exit(cases[i].status), cases[i].exit);
    assert_int_equal(qta_program_worse(QTA_EXIT_DONE, QTA_EXIT_LOSS), QTA_EXIT_LOSS);
    assert_int_equal(qta_program_worse(QTA_EXIT_LOSS, QTA_EXIT_FAILED), QTA_EXIT_FAILED);
    assert_int_equal(qta_program_worse(QTA_EXIT_FAILED, QTA_EXIT_DONE), QTA_EXIT_FAILED);
    assert_int_equal(qta_program_worse(QTA_EXIT_DONE, QTA_EXIT_DONE), QTA_EXIT_DONE);
}

static void numbers_are_for_people(void **state)
{
    (void)state;
    static const struct {
        uint64_t number;
        const char *count;
        const char *bytes;
    } cases[] = {
        {0, "0", "0 bytes"},
        {999, "999", "999 bytes"},
        {1000, "1,000", "1000 bytes"},
        {1024, "1,024", "1.0 KiB"},
        {1079935, "1,079,935", "1.0 MiB"},
        {1048524, "1,048,524", "1023.9 KiB"},
        {1048575, "1,048,575", "1.0 MiB"},
        {12345678901, "12,345,678,901", "11.5 GiB"},
        {UINT64_MAX, "18,446,744,073,709,551,615", "16.0 EiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[QTA_NUMBER_TEXT_BYTES];
        assert_string_equal(qta_number_print(cases[i].number, text), cases[i].count);
        assert_string_equal(qta_bytes_print(cases[i].number, text), cases[i].bytes);
    }
}

static void text_of_strangers_cannot_move_the_cursor(void **state)
{
    (void)state;
    static const struct {
        const char *string;
        const char *text;
        const char *json;
    } cases[] = {
        {"plain", "plain", "plain"},
        {"a\"b\\c", "a\"b\\c", "a\\\"b\\\\c"},
        {"a\nb\r\x1b[2J\x7f", "a\\x0ab\\x0d\\x1b[2J\\x7f", "a\\u000ab\\u000d\\u001b[2J\\u007f"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80",
         "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc2\x9b", "\\x9b", "\\u009b"},
        {"\xc2\xa0", "\xc2\xa0", "\xc2\xa0"},
        {"\xff|\xc0\xaf|\xe0\x80\x80", "\\xff|\\xc0\\xaf|\\xe0\\x80\\x80",
         "\\ufffd|\\ufffd\\ufffd|\\ufffd\\ufffd\\ufffd"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\ufffd\\ufffd\\ufffd"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", "\\ufffd\\ufffd\\ufffd\\ufffd"},
        {"cut \xe2\x82", "cut \\xe2\\x82", "cut \\ufffd\\ufffd"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_json = 0; is_json < 2; is_json++) {
            char *text;
            size_t length;
            FILE *out = open_memstream(&text, &length);
            qta_escaped_print(out, cases[i].string, is_json);
            fclose(out);
            assert_string_equal(text, is_json ? cases[i].json : cases[i].text);
            free(text);
        }
    }
}

/* Every digit becomes a 0: times differ. */
static void hide_digits(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= '0' && *text <= '9')
            *text = '0';
    }
}

static void a_pipe_gets_plain_lines(void **state)
{
    (void)state;
    struct capture capture;
    char text[4096];
    start_capture(&capture, false);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_INFO);
    qta_log(QTA_LOG_WARNING, "alpaca", "lost: %s", "a\nb");
    qta_log(QTA_LOG_DEBUG, "alpaca", "not asked for");
    qta_progress_show("half");
    qta_progress_clear();
    qta_program_error("cannot %s", "go on");
    take(&capture, text);
    end_capture(&capture);
    assert_non_null(strstr(text, "Z warning alpaca: lost: a b\nqta-test: cannot go on\n"));
    hide_digits(text);
    assert_int_equal(strncmp(text, "0000-00-00T00:00:00.000Z warning", 32), 0);
    assert_null(strchr(text, '\033'));
}

static void json_is_one_object_a_line(void **state)
{
    (void)state;
    struct capture capture;
    char text[4096];
    start_capture(&capture, true);
    qta_program_log_start(QTA_LOG_JSON, QTA_LOG_DEBUG);
    qta_log(QTA_LOG_DEBUG, "a\"b", "c\td");
    take(&capture, text);
    end_capture(&capture);
    hide_digits(text);
    assert_string_equal(text, "{\"time\":\"0000-00-00T00:00:00.000Z\",\"level\":\"debug\","
                              "\"area\":\"a\\\"b\",\"message\":\"c d\"}\n");
}

static void a_terminal_gets_colour_unless_it_is_not_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *term;
        const char *no_color;
        bool is_coloured;
    } cases[] = {
        {"xterm", NULL, true}, {"xterm", "", true}, {"xterm", "1", false},
        {"dumb", NULL, false}, {NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        unsetenv("TERM");
        unsetenv("NO_COLOR");
        if (cases[i].term)
            setenv("TERM", cases[i].term, 1);
        if (cases[i].no_color)
            setenv("NO_COLOR", cases[i].no_color, 1);
        struct capture capture;
        char text[4096];
        start_capture(&capture, true);
        qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_INFO);
        qta_log(QTA_LOG_ERROR, "x", "broken");
        take(&capture, text);
        end_capture(&capture);
        assert_non_null(strstr(text, "error x: broken"));
        assert_int_equal(strncmp(text, "\033[31m", 5) == 0, cases[i].is_coloured);
        assert_int_equal(strstr(text, "\033[0m\n") != NULL, cases[i].is_coloured);
    }
}

static void a_line_takes_the_progress_away_first(void **state)
{
    (void)state;
    struct capture capture;
    char text[4096];
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    start_capture(&capture, true);
    qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_INFO);
    assert_true(qta_progress_is_visible());
    qta_progress_show("%d of %d", 1, 2);
    qta_program_error("stop");
    qta_progress_clear();
    take(&capture, text);
    end_capture(&capture);
    assert_string_equal(text, "\r\033[K1 of 2\r\033[Kqta-test: stop\n");
}

static void a_sentence_again_and_again_is_counted(void **state)
{
    (void)state;
    struct capture capture;
    char text[4096];
    start_capture(&capture, false);
    qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_INFO);
    for (int i = 0; i < 100; i++)
        qta_log(QTA_LOG_WARNING, "alpaca", "lost");
    qta_program_log_tell_repeats(); /* not yet */
    assert_int_equal(qta_program_finish(QTA_EXIT_DONE), QTA_EXIT_DONE);
    take(&capture, text);
    end_capture(&capture);
    const char *line = text;
    for (int i = 0; i < 3; i++) {
        line = strstr(line, "Z warning alpaca: lost\n");
        assert_non_null(line);
        line++;
    }
    assert_null(strstr(line, "Z warning alpaca: lost\n"));
    assert_non_null(strstr(line, "Z warning alpaca: repeated 97 more times: lost\n"));
}

static void the_journal_gets_priorities_and_no_times(void **state)
{
    (void)state;
    struct capture capture;
    struct stat status;
    char name[64];
    char text[4096];
    start_capture(&capture, false);
    fstat(STDERR_FILENO, &status);
    snprintf(name, sizeof name, "%" PRIu64 ":%" PRIu64, (uint64_t)status.st_dev,
             (uint64_t)status.st_ino);
    setenv("JOURNAL_STREAM", name, 1);
    qta_program_start("qta-test");
    qta_program_log_start(QTA_LOG_TEXT, QTA_LOG_DEBUG);
    qta_log(QTA_LOG_DEBUG, "a", "one");
    qta_log(QTA_LOG_INFO, "a", "two");
    qta_log(QTA_LOG_WARNING, "a", "three");
    qta_log(QTA_LOG_ERROR, "a", "four");
    qta_program_error("five");
    take(&capture, text);
    end_capture(&capture);
    unsetenv("JOURNAL_STREAM");
    qta_program_start("qta-test");
    assert_string_equal(text, "<7>debug a: one\n<6>info a: two\n<4>warning a: three\n"
                              "<3>error a: four\n<3>qta-test: five\n");
}

int main(void)
{
    qta_program_start("qta-test");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_status_has_its_exit),
        cmocka_unit_test(numbers_are_for_people),
        cmocka_unit_test(text_of_strangers_cannot_move_the_cursor),
        cmocka_unit_test(a_pipe_gets_plain_lines),
        cmocka_unit_test(json_is_one_object_a_line),
        cmocka_unit_test(a_terminal_gets_colour_unless_it_is_not_wanted),
        cmocka_unit_test(a_line_takes_the_progress_away_first),
        cmocka_unit_test(a_sentence_again_and_again_is_counted),
        cmocka_unit_test(the_journal_gets_priorities_and_no_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
