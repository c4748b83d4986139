/* When keys end, and when the next one is seen about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "recorder/token.h"
#include "recorder/token_command.h"

#define S INT64_C(1000000000)

static void a_web_token_says_when_it_ends(void **state)
{
    (void)state;
    static const struct {
        const char *token;
        int64_t expiry_s; /* -1: never */
    } cases[] = {
        /* {"alg":"HS256","typ":"JWT"}.{"sub":"a?b>c","exp":1714579200}.x */
        {"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhP2I-YyIsImV4cCI6MTcxNDU3OTIwMH0.eA",
         1714579200},
        {"x.eyJleHAiOjE3MTQ1NzkyMDAuNzV9.x", 1714579200}, /* {"exp":1714579200.75} */
        {"x.eyJleHAiOi01fQ.x", -1},                       /* {"exp":-5} */
        {"x.eyJleHAiOiJzb29uIn0.x", -1},                  /* {"exp":"soon"} */
        {"x.eyJleHAiOjk5OTk5OTk5OTk5OTk5OTk5OX0.x", -1},  /* {"exp":999999999999999999} */
        {"x.eyJpYXQiOjF9.x", -1},                         /* {"iat":1} */
        {"x.eyJleHAiOjE3MTQ1NzkyMDA.x", -1},              /* cut off */
        {"x.W10.x", -1},                                  /* [] */
        {"x.e y=.x", -1},
        {"x..x", -1},
        {"x.eyJleHAiOjF9", -1}, /* two parts */
        {"x.eyJleHAiOjF9.x.x", -1},
        {"PKTESTKEY", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t expected = cases[i].expiry_s < 0 ? QTA_TOKEN_NEVER : cases[i].expiry_s * S;
        print_message("case '%s'\n", cases[i].token);
        assert_int_equal(qta_token_expiry_ns(cases[i].token), expected);
    }
}

static void the_next_one_is_due_when_most_of_the_time_has_passed(void **state)
{
    (void)state;
    const int64_t now_ns = 1714579200 * S;
    int64_t least = INT64_MAX;
    int64_t most = 0;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct qta_token_schedule schedule;
        qta_token_schedule_start(&schedule, now_ns, now_ns + 1000 * S, seed * 0x9e3779b97f4a7c15);
        int64_t after_ns = qta_token_schedule_due_ns(&schedule) - now_ns;
        least = after_ns < least ? after_ns : least;
        most = after_ns > most ? after_ns : most;
    }
    assert_int_equal(least, 750 * S);
    assert_int_equal(most, 850 * S);
}

static void one_without_an_end_is_never_due(void **state)
{
    (void)state;
    struct qta_token_schedule schedule;
    qta_token_schedule_start(&schedule, S, QTA_TOKEN_NEVER, 1);
    assert_int_equal(qta_token_schedule_due_ns(&schedule), QTA_TOKEN_NEVER);
    assert_false(qta_token_schedule_is_over(&schedule, INT64_MAX - 1));
}

static void one_that_has_ended_is_no_reason_to_hurry(void **state)
{
    (void)state;
    struct qta_token_schedule schedule;
    qta_token_schedule_start(&schedule, 100 * S, 50 * S, 1);
    assert_int_equal(qta_token_schedule_due_ns(&schedule), 101 * S);
    assert_true(qta_token_schedule_is_over(&schedule, 100 * S));
}

/* An hour's token, a source that fails from then on: pauses grow to a minute, there is one more try
 * just before the end, and it goes on behind it. */
static void failures_are_followed_by_growing_pauses(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct qta_token_schedule schedule;
        int64_t tries = 0;
        bool is_tried_last = false;
        qta_token_schedule_start(&schedule, 0, 3600 * S, seed);
        int64_t now_ns = qta_token_schedule_due_ns(&schedule);
        while (now_ns < 7200 * S) {
            qta_token_schedule_fail(&schedule, now_ns);
            int64_t pause_ns = qta_token_schedule_due_ns(&schedule) - now_ns;
            assert_true(pause_ns > 0 && pause_ns <= 60 * S);
            is_tried_last |= now_ns == 3598 * S;
            now_ns += pause_ns;
            tries++;
        }
        assert_true(is_tried_last);
        assert_true(tries > 70 && tries < 120);
    }
}

/* ---- programs ---------------------------------------------------------------------------------
 */

static enum qta_status run(const char *script, int64_t timeout_ns, char **key,
                           struct qta_error *err)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return qta_token_command_run(key, argv, timeout_ns, NULL, err);
}

static void what_a_program_prints_is_the_key(void **state)
{
    (void)state;
    struct qta_error err;
    char *key;
    assert_int_equal(run("echo $QTA_TEST_TOKEN; exec 1>&-", 60 * S, &key, &err), QTA_OK);
    assert_string_equal(key, "of-the-environment");
    qta_secret_free(key);
}

static void a_program_that_fails_has_no_key_and_its_output_is_in_no_message(void **state)
{
    (void)state;
    static const struct {
        const char *script, *message;
    } cases[] = {
        {"echo hunter2; exit 3", "'/bin/sh' ended with status 3"},
        {"echo hunter2; kill -9 $$", "'/bin/sh' was ended by signal 9"},
        {"printf 'hunter2\\nhunter2\\n'", "what '/bin/sh' printed has more than one line: it must "
                                          "be a key alone"},
        {"printf 'hunter2\\thunter2'", "what '/bin/sh' printed has control characters in it: it "
                                       "must be a key alone"},
        {"printf 'a\\0b'", "what '/bin/sh' printed is no text"},
        {"echo", "what '/bin/sh' printed is empty: it must be a key alone"},
        {"yes hunter2", "'/bin/sh' took too long or printed too much, and was killed"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_error err;
        char *key;
        print_message("case '%s'\n", cases[i].script);
        assert_int_equal(run(cases[i].script, 60 * S, &key, &err), QTA_ERR_IO);
        assert_string_equal(err.message, cases[i].message);
        assert_null(key);
    }
}

static void a_program_that_hangs_is_killed_with_its_children(void **state)
{
    (void)state;
    struct qta_error err;
    char *key;
    assert_int_equal(run("sleep 1000 & sleep 1000", S / 10, &key, &err), QTA_ERR_IO);
    assert_string_equal(err.message, "'/bin/sh' took too long or printed too much, and was killed");
    atomic_bool stop = true;
    const char *const argv[] = {"/bin/sleep", "1000", NULL};
    assert_int_equal(qta_token_command_run(&key, argv, 60 * S, &stop, &err), QTA_ERR_IO);
}

static void a_program_that_is_not_there_is_an_error(void **state)
{
    (void)state;
    struct qta_error err;
    char *key;
    const char *const argv[] = {"/nonexistent/token", NULL};
    assert_int_equal(qta_token_command_run(&key, argv, S, NULL, &err), QTA_ERR_IO);
    assert_string_equal(err.message,
                        "cannot start '/nonexistent/token': No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_web_token_says_when_it_ends),
        cmocka_unit_test(the_next_one_is_due_when_most_of_the_time_has_passed),
        cmocka_unit_test(one_without_an_end_is_never_due),
        cmocka_unit_test(one_that_has_ended_is_no_reason_to_hurry),
        cmocka_unit_test(failures_are_followed_by_growing_pauses),
        cmocka_unit_test(what_a_program_prints_is_the_key),
        cmocka_unit_test(a_program_that_fails_has_no_key_and_its_output_is_in_no_message),
        cmocka_unit_test(a_program_that_hangs_is_killed_with_its_children),
        cmocka_unit_test(a_program_that_is_not_there_is_an_error),
    };
    setenv("QTA_TEST_TOKEN", "of-the-environment", 1);
    return cmocka_run_group_tests_name("token", tests, NULL, NULL);
}
