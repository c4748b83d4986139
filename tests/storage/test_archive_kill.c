/* Compacting, repairing, reindexing and retention, each in a process that is killed at a random
 * instant: what they were to keep is whole, what they were to make is whole or not there, and the
 * same work, done again, comes to its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qta/archive.h>

#include "tests/storage/session_fixture.h"

enum { TICKS = 1500, SESSIONS = 4, KEPT = 2 };

struct stage {
    struct scratch scratch;
    char sessions[300];          /* the directory that retention keeps small */
    char session[SESSIONS][320]; /* the last one is repaired */
    char output[320];
    uint64_t digest[SESSIONS];
    uint64_t saved; /* records that a repair of the last one saves */
    uint64_t saved_digest;
    uint64_t random;
};

static uint64_t seed_base;

static int setup(void **state)
{
    static struct stage stage;
    const char *seed = getenv("QTA_SEED");
    seed_base = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("QTA_SEED=%llu\n", (unsigned long long)seed_base);
    memset(&stage, 0, sizeof stage);
    stage.random = seed_base;
    *state = &stage;
    return 0;
}

/* ---- the sessions -----------------------------------------------------------------------------
 */

static uint64_t digest_of(const char *path)
{
    struct qta_digest digest;
    read_session(path, NULL, &digest);
    return digest.full;
}

static void damage_segment(const char *session)
{
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/segments/000002.qseg", session);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[length / 3] ^= 4;
    write_file(path, bytes, length);
    free(bytes);
}

/* On the disk now and then, where the time goes into syncs. */
static void make_sessions(struct stage *stage, bool on_disk)
{
    struct qta_session_writer_options options;
    if (on_disk)
        scratch_make(&stage->scratch);
    else
        scratch_make_in_memory(&stage->scratch);
    options = small_options(&stage->scratch);
    snprintf(stage->sessions, sizeof stage->sessions, "%s/all", stage->scratch.path);
    snprintf(stage->output, sizeof stage->output, "%s/mended", stage->scratch.path);
    for (int i = 0; i < SESSIONS; i++) {
        snprintf(stage->session[i], sizeof stage->session[i], "%s/2024-05-0%d", stage->sessions,
                 i + 1);
        options.path = stage->session[i];
        write_session(&options, 40 + (uint64_t)i, TICKS, NULL);
        stage->digest[i] = digest_of(stage->session[i]);
    }
    damage_segment(stage->session[SESSIONS - 1]);
}

/* ---- the work -------------------------------------------------------------------------------- */

static enum qta_status compact(const struct stage *stage)
{
    struct qta_compact_result result;
    return qta_session_compact(stage->session[0], 12, &result, NULL);
}

static enum qta_status reindex(const struct stage *stage)
{
    return qta_session_reindex(stage->session[0], NULL);
}

static enum qta_status repair(const struct stage *stage)
{
    struct qta_repair_result result;
    enum qta_status status = qta_session_repair(stage->session[SESSIONS - 1], stage->output, NULL,
                                                NULL, &result, NULL);
    return status == QTA_ERR_DAMAGED ? QTA_OK : status;
}

/* Room for two of the sessions. */
static enum qta_status retain(const struct stage *stage)
{
    struct qta_retention_options options = qta_retention_options_default();
    struct qta_retention_result result;
    struct qta_session_info info;
    enum qta_status status = qta_session_info_read(stage->session[SESSIONS - 1], &info, NULL);
    options.max_bytes = info.bytes * KEPT + info.bytes / 2;
    return status == QTA_OK
               ? qta_retention_apply(stage->sessions, &options, NULL, NULL, &result, NULL)
               : status;
}

/* ---- what is left ------------------------------------------------------------------------------
 */

static void tell_problem(void *user, const char *problem)
{
    (void)user;
    print_message("problem: %s\n", problem);
}

static void expect_clean(const char *path)
{
    struct qta_session_verdict verdict;
    struct qta_error err;
    if (qta_session_verify(path, tell_problem, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_msg("verify: %s", err.message);
}

static void check_kept(const struct stage *stage)
{
    assert_true(digest_of(stage->session[0]) == stage->digest[0]);
}

static void check_kept_at_the_end(const struct stage *stage)
{
    check_kept(stage);
    expect_clean(stage->session[0]);
}

static void check_mended(const struct stage *stage)
{
    struct qta_session_filter all = qta_session_filter_default();
    struct qta_digest digest;
    if (!file_exists(stage->output))
        return;
    expect_clean(stage->output);
    read_session(stage->output, &all, &digest);
    assert_int_equal(digest.ticks, stage->saved);
    assert_true(digest.full == stage->saved_digest);
}

static void check_mended_at_the_end(const struct stage *stage)
{
    assert_true(file_exists(stage->output));
    check_mended(stage);
}

static bool count_entry(void *user, const struct qta_catalogue_entry *entry)
{
    struct stage *stage = user;
    char path[400];
    snprintf(path, sizeof path, "%s/%s", stage->sessions, entry->name);
    for (int i = 0; i < SESSIONS - 1; i++)
        if (strcmp(path, stage->session[i]) == 0) {
            if (entry->fault || entry->index_fault)
                fail_msg("'%s' was neither kept nor removed", entry->name);
            assert_true(digest_of(path) == stage->digest[i]);
        }
    return true;
}

/* Whatever is called a session still is one. */
static void check_retained(const struct stage *stage)
{
    struct stage copy = *stage;
    assert_int_equal(qta_catalogue_read(stage->sessions, count_entry, &copy, NULL), QTA_OK);
}

static void check_retained_at_the_end(const struct stage *stage)
{
    check_retained(stage);
    for (int i = 0; i < SESSIONS; i++)
        assert_true(file_exists(stage->session[i]) == (i >= SESSIONS - KEPT));
}

struct work {
    const char *name;
    enum qta_status (*run)(const struct stage *stage);
    void (*check)(const struct stage *stage);     /* behind a kill */
    void (*check_end)(const struct stage *stage); /* when it has been done again */
};

static const struct work works[] = {
    {"compact", compact, check_kept, check_kept_at_the_end},
    {"reindex", reindex, check_kept, check_kept_at_the_end},
    {"repair", repair, check_mended, check_mended_at_the_end},
    {"retention", retain, check_retained, check_retained_at_the_end},
};

/* ---- killing ---------------------------------------------------------------------------------
 */

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Runs it in a child, which is killed after a while; 0 for never. Returns how long it took, and
 * whether it came to its end. */
static int64_t run_child(const struct work *work, const struct stage *stage, int64_t patience_us,
                         bool *was_killed)
{
    int64_t start_us = now_us();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(work->run(stage) == QTA_OK ? 0 : 1);
    if (patience_us > 0) {
        usleep((useconds_t)patience_us);
        kill(child, SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    *was_killed = WIFSIGNALED(status);
    if (!*was_killed && WEXITSTATUS(status) != 0)
        fail_msg("%s failed", work->name);
    return now_us() - start_us;
}

static void learn_what_repair_saves(struct stage *stage)
{
    struct qta_session_filter all = qta_session_filter_default();
    struct qta_digest digest;
    assert_int_equal(repair(stage), QTA_OK);
    read_session(stage->output, &all, &digest);
    stage->saved = digest.ticks;
    stage->saved_digest = digest.full;
    assert_true(stage->saved < TICKS && stage->saved > TICKS / 2);
}

static void work_is_whole_or_not_done(void **state)
{
    struct stage *stage = *state;
    const char *text = getenv("QTA_KILLS");
    size_t kills = text ? strtoul(text, NULL, 10) : 32;
    size_t killed[sizeof works / sizeof works[0]] = {0};
    int64_t usual_us[2][sizeof works / sizeof works[0]] = {{0}};
    make_sessions(stage, false);
    learn_what_repair_saves(stage);
    scratch_remove(&stage->scratch);
    for (size_t i = 0; i < kills; i++) {
        size_t place = i % (sizeof works / sizeof works[0]);
        const struct work *work = &works[place];
        bool on_disk = i / (sizeof works / sizeof works[0]) % 4 == 3;
        bool was_killed;
        int64_t *usual = &usual_us[on_disk][place];
        make_sessions(stage, on_disk);
        if (*usual == 0) {
            *usual = run_child(work, stage, 0, &was_killed) + 1;
            scratch_remove(&stage->scratch);
            make_sessions(stage, on_disk);
        }
        for (int again = 0; again < 3; again++) { /* also while it mends what a kill has left */
            run_child(work, stage, 1 + (int64_t)random_below(&stage->random, (uint64_t)*usual),
                      &was_killed);
            killed[place] += was_killed;
            work->check(stage);
            if (!was_killed)
                break;
        }
        if (was_killed)
            run_child(work, stage, 0, &was_killed);
        work->check_end(stage);
        scratch_remove(&stage->scratch);
    }
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        print_message("%s: %zu kills\n", works[i].name, killed[i]);
        assert_true(killed[i] > 0 || kills < 30);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(work_is_whole_or_not_done, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
