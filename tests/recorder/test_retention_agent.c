/* The thread that removes old sessions beside a recording. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qta/session.h>

#include "recorder/retention_agent.h"
#include "tests/recorder/scratch_folder.h"

static struct qta_session_writer *open_session(const char *path, const struct qta_dictionary *names)
{
    struct qta_session_writer_options options = qta_session_writer_options_default();
    struct qta_session_writer *writer;
    options.path = path;
    options.journal_chunk_bytes = 64 * 1024;
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    return writer;
}

static void close_session(struct qta_session_writer *writer)
{
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
}

/* Until it is gone; the test's own time limit is the only one. */
static void wait_until_gone(const char *path)
{
    while (access(path, F_OK) == 0) {
        struct timespec nap = {.tv_nsec = 1000000};
        nanosleep(&nap, NULL);
    }
}

static void old_sessions_go_at_start_and_when_woken(void **state)
{
    char *folder = scratch_make_in_memory();
    char live[600];
    char old[600];
    char next[600];
    struct qta_dictionary *names;
    const struct qta_retention_options limits = {.max_bytes = 1};
    (void)state;
    snprintf(live, sizeof live, "%s/2024-05-02", folder);
    snprintf(old, sizeof old, "%s/2024-05-01", folder);
    snprintf(next, sizeof next, "%s/2024-05-03", folder);
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    struct qta_session_writer *writer = open_session(live, names);
    close_session(open_session(old, names));
    struct qta_retention_agent *agent = qta_retention_agent_start(folder, &limits,
                                                                  qta_environment_system());
    assert_non_null(agent);
    wait_until_gone(old);
    struct qta_session_writer *today = open_session(next, names); /* the day changes */
    close_session(writer);
    qta_retention_agent_wake(agent);
    wait_until_gone(live);
    assert_int_equal(access(next, F_OK), 0);
    qta_retention_agent_stop(agent);
    close_session(today);
    qta_dictionary_destroy(names);
    scratch_remove(folder);
}

static void without_a_limit_there_is_no_thread(void **state)
{
    const struct qta_retention_options none = qta_retention_options_default();
    (void)state;
    assert_null(qta_retention_agent_start("/nowhere", &none, qta_environment_system()));
    qta_retention_agent_wake(NULL);
    qta_retention_agent_stop(NULL);
}

static void directory_that_is_not_there_is_survived(void **state)
{
    const struct qta_retention_options limits = {.keep_days = 1};
    (void)state;
    struct qta_retention_agent *agent = qta_retention_agent_start("/nowhere/at/all", &limits,
                                                                  qta_environment_system());
    assert_non_null(agent);
    qta_retention_agent_stop(agent);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_sessions_go_at_start_and_when_woken),
        cmocka_unit_test(without_a_limit_there_is_no_thread),
        cmocka_unit_test(directory_that_is_not_there_is_survived),
    };
    return cmocka_run_group_tests_name("retention_agent", tests, NULL, NULL);
}
