/* The disk fails under SQLite alone, at every call in turn: the index is made of the segments, so
 * that recording goes on, every tick is read, and the next run has an index that is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <qta/archive.h>
#include <qta/session.h>

#include "tests/storage/faulty_sqlite.h"
#include "tests/storage/session_fixture.h"

enum { RUN_TICKS = 700, SEED = 12 };

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make_in_memory(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

/* ---- what is done --------------------------------------------------------------------------- */

/* One run behind those before it: opens, appends, closes. Whatever SQLite meets, it goes well. */
static void record(const struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_tick tick;
    struct qta_error err;
    tick_maker_init(&maker, SEED);
    if (qta_session_writer_create(&writer, &options, maker.names, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    while (maker.next_seq < qta_session_writer_next_seq(writer))
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
    append_random(writer, &maker, RUN_TICKS, NULL);
    if (qta_session_writer_close(writer, &err) != QTA_OK)
        fail_msg("close: %s", err.message);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
}

static uint64_t digest_of(const struct scratch *scratch)
{
    struct qta_digest digest;
    read_session(scratch->session, NULL, &digest);
    return digest.full;
}

static void tell_problem(void *user, const char *problem)
{
    (void)user;
    print_message("problem: %s\n", problem);
}

/* It has every tick of so many runs, and an index that is right. */
static void expect_runs(const struct scratch *scratch, int runs)
{
    struct qta_session_verdict verdict;
    struct qta_error err;
    struct tick_maker maker;
    struct qta_digest appended;
    tick_maker_init(&maker, SEED);
    qta_digest_init(&appended);
    for (int i = 0; i < runs * RUN_TICKS; i++) {
        struct qta_tick tick;
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
        qta_digest_add(&appended, &tick, maker.names);
    }
    tick_maker_finish(&maker);
    assert_true(digest_of(scratch) == appended.full);
    if (qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_msg("verify: %s", err.message);
}

/* A run before it, which leaves an index; so that the one at fault also recovers. */
static void record_behind_a_run(const struct scratch *scratch, uint64_t digest)
{
    (void)digest;
    record(scratch);
}

/* What reads only may say that the index is at fault, and nothing else. */
static void look(const struct scratch *scratch, uint64_t digest)
{
    struct qta_session_verdict verdict;
    struct qta_session_info info;
    struct qta_error err;
    assert_int_equal(digest_of(scratch), digest);
    if (qta_session_info_read(scratch->session, &info, &err) != QTA_OK)
        fail_msg("info: %s", err.message);
    assert_int_equal(info.records, RUN_TICKS);
    enum qta_status status = qta_session_verify(scratch->session, NULL, NULL, NULL, &verdict, &err);
    assert_true(status == QTA_OK || status == QTA_ERR_DAMAGED || status == QTA_ERR_IO ||
                status == QTA_ERR_NO_SPACE);
    assert_int_equal(verdict.records, RUN_TICKS);
    assert_int_equal(verdict.lost, 0);
    if (status == QTA_ERR_IO || status == QTA_ERR_NO_SPACE)
        assert_non_null(strstr(err.message, "session.db"));
}

static void compact(const struct scratch *scratch, uint64_t digest)
{
    struct qta_compact_result result;
    struct qta_error err = {.message = ""};
    enum qta_status status = qta_session_compact(scratch->session, 9, &result, &err);
    assert_true(status == QTA_OK || status == QTA_ERR_IO || status == QTA_ERR_NO_SPACE);
    assert_true(status == QTA_OK || strstr(err.message, "session.db"));
    assert_int_equal(digest_of(scratch), digest);
}

static void reindex(const struct scratch *scratch, uint64_t digest)
{
    struct qta_error err = {.message = ""};
    enum qta_status status = qta_session_reindex(scratch->session, &err);
    assert_true(status == QTA_OK || status == QTA_ERR_IO || status == QTA_ERR_NO_SPACE);
    assert_true(status == QTA_OK || strstr(err.message, "session.db"));
    assert_int_equal(digest_of(scratch), digest);
}

static bool keep_on(void *user, const struct qta_removal *removal)
{
    (void)user;
    (void)removal;
    return true;
}

static bool count_entry(void *user, const struct qta_catalogue_entry *entry)
{
    *(uint64_t *)user += entry->fault == NULL;
    return true;
}

/* Retention and the catalogue weigh a session; the one looks at no index, the other may find it at
 * fault. */
static void weigh(const struct scratch *scratch, uint64_t digest)
{
    struct qta_retention_options options = qta_retention_options_default();
    struct qta_retention_result result;
    uint64_t sessions = 0;
    options.keep_days = 100000;
    assert_int_equal(qta_retention_apply(scratch->path, &options, keep_on, NULL, &result, NULL),
                     QTA_OK);
    assert_int_equal(result.sessions, 1);
    assert_int_equal(result.removed, 0);
    assert_int_equal(qta_catalogue_read(scratch->path, count_entry, &sessions, NULL), QTA_OK);
    assert_int_equal(sessions, 1);
    assert_int_equal(digest_of(scratch), digest);
}

/* ---- each call in turn ------------------------------------------------------------------------
 */

static void fail_each_call(struct scratch *scratch,
                           void (*work)(const struct scratch *scratch, uint64_t digest),
                           enum sqlite_fault fault, bool fails_on, size_t distance)
{
    int64_t at = 1;
    for (;; at = (int64_t)next_place((size_t)at, distance)) {
        scratch_remove(scratch);
        scratch_make_in_memory(scratch);
        record(scratch);
        uint64_t digest = digest_of(scratch);
        faulty_sqlite_fail(fault, at, fails_on);
        work(scratch, digest);
        bool has_failed = faulty_sqlite_has_failed();
        faulty_sqlite_fail(SQLITE_FAULT_NONE, 0, false);
        record(scratch); /* opening mends the index */
        expect_runs(scratch, work == record_behind_a_run ? 3 : 2);
        if (!has_failed)
            break; /* there are no more of them */
    }
    print_message("%s%s: %lld calls\n", faulty_sqlite_name(fault), fails_on ? " for good" : "",
                  (long long)at - 1);
    assert_true(at > 1);
}

static void fail_each_kind(struct scratch *scratch,
                           void (*work)(const struct scratch *scratch, uint64_t digest),
                           size_t distance, bool writes)
{
    for (int fault = SQLITE_FAULT_IO; fault < SQLITE_FAULT_END; fault++) {
        bool is_of_writes = fault == SQLITE_FAULT_FULL || fault == SQLITE_FAULT_SYNC;
        if (is_of_writes && !writes)
            continue;
        size_t near = fault == SQLITE_FAULT_SYNC ? 2 : distance;
        fail_each_call(scratch, work, (enum sqlite_fault)fault, false, near);
        fail_each_call(scratch, work, (enum sqlite_fault)fault, true, near);
    }
}

static void recording_goes_on_without_an_index(void **state)
{
    fail_each_kind(*state, record_behind_a_run, 90, true);
}

static void reading_and_verifying_find_every_tick(void **state)
{
    fail_each_kind(*state, look, 50, false);
}

static void compacting_keeps_the_session(void **state)
{
    fail_each_kind(*state, compact, 90, true);
}

static void reindexing_keeps_the_session(void **state)
{
    fail_each_kind(*state, reindex, 90, false);
}

static void retention_and_catalogue_need_no_index(void **state)
{
    fail_each_kind(*state, weigh, 40, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recording_goes_on_without_an_index, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_and_verifying_find_every_tick, setup, teardown),
        cmocka_unit_test_setup_teardown(compacting_keeps_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(reindexing_keeps_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(retention_and_catalogue_need_no_index, setup, teardown),
    };
    faulty_sqlite_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
