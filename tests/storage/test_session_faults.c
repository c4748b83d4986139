/* The disk fails, at every call in turn: one clear error, and nothing that was appended is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "storage/session_reader.h"
#include "storage/session_writer.h"
#include "tests/storage/fake_environment.h"
#include "tests/storage/session_fixture.h"
#include "tests/storage/short_memory.h"

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

static void renew(struct scratch *scratch)
{
    scratch_remove(scratch);
    scratch_make_in_memory(scratch);
}

enum { RUN_TICKS = 900, SEED = 5 };

/* One run: opens, appends until something fails, closes. What became of it goes into *failure.
 * Returns the number of the last tick whose append returned. */
static uint64_t run_once(const struct qta_session_writer_options *options,
                         struct qta_environment *env, enum qta_status *failure)
{
    struct qta_session_writer *writer;
    struct qta_error err = {.message = ""};
    struct tick_maker maker;
    struct qta_tick tick;
    uint64_t appended = 0;
    tick_maker_init(&maker, SEED);
    short_memory_enter();
    *failure = qta_session_writer_create_in(&writer, options, maker.names, env, &err);
    short_memory_leave();
    if (*failure != QTA_OK) {
        assert_true(err.message[0] != '\0');
        assert_int_equal(err.status, *failure);
        tick_maker_finish(&maker);
        return 0;
    }
    uint64_t next_seq = qta_session_writer_next_seq(writer);
    while (maker.next_seq < next_seq)
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
    for (int i = 0; i < RUN_TICKS && *failure == QTA_OK; i++) {
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
        short_memory_enter();
        *failure = qta_session_writer_append(writer, &tick, &err);
        if (*failure == QTA_OK)
            appended = tick.rx_seq;
        if (*failure == QTA_OK && i % 200 == 199)
            *failure = qta_session_writer_commit(writer, &err);
        short_memory_leave();
    }
    if (*failure != QTA_OK) { /* and it stays so */
        assert_true(err.message[0] != '\0');
        tick.rx_seq = qta_session_writer_next_seq(writer);
        enum qta_status again = qta_session_writer_append(writer, &tick, &err);
        assert_int_equal(again, *failure);
    }
    short_memory_enter();
    enum qta_status closed = qta_session_writer_close(writer, &err);
    if (*failure == QTA_OK)
        *failure = closed;
    qta_session_writer_destroy(writer);
    short_memory_leave();
    tick_maker_finish(&maker);
    return appended;
}

/* Every tick of the session is the one that was appended; returns how many there are. */
static uint64_t check_ticks(const char *path, bool allows_damage)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    struct tick_maker maker;
    struct qta_digest expected;
    struct qta_digest found;
    enum qta_status status = qta_session_reader_create(&reader, path, NULL, &err);
    if (status == QTA_ERR_NOT_FOUND || status == QTA_ERR_FORMAT)
        return 0; /* it failed before there was a session */
    assert_int_equal(status, QTA_OK);
    tick_maker_init(&maker, SEED);
    qta_digest_init(&expected);
    qta_digest_init(&found);
    do {
        const struct qta_tick *ticks;
        size_t count = 0;
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status != QTA_OK && status != QTA_ERR_END && !allows_damage)
            fail_msg("reading: %s", err.message);
        for (size_t i = 0; status == QTA_OK && i < count; i++) {
            struct qta_tick tick;
            tick_maker_next(&maker, QTA_TICK_NONE, &tick);
            assert_int_equal(tick.rx_seq, ticks[i].rx_seq);
            qta_digest_add(&expected, &tick, maker.names);
            qta_digest_add(&found, &ticks[i], qta_session_reader_names(reader));
        }
    } while (status != QTA_ERR_END);
    assert_true(expected.full == found.full);
    qta_session_reader_destroy(reader);
    tick_maker_finish(&maker);
    return found.ticks;
}

static void tell_problem(void *user, const char *problem)
{
    (void)user;
    print_message("problem: %s\n", problem);
}

/* After whatever happened: everything appended is there, and a healthy disk is all that is needed.
 */
static void expect_recovery(struct scratch *scratch,
                            const struct qta_session_writer_options *options, uint64_t appended)
{
    enum qta_status failure;
    struct qta_session_verdict verdict;
    struct qta_error err;
    uint64_t found = check_ticks(scratch->session, false);
    if (found < appended)
        fail_msg("append returned for %llu ticks, %llu are left", (unsigned long long)appended,
                 (unsigned long long)found);
    uint64_t after = run_once(options, qta_environment_system(), &failure);
    assert_int_equal(failure, QTA_OK);
    assert_int_equal(after, found + RUN_TICKS);
    assert_int_equal(check_ticks(scratch->session, false), after);
    if (qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_msg("verify: %s", err.message);
}

static struct qta_session_writer_options fault_options(const struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    options.fsync_interval_ns = 0;
    return options;
}

static bool status_fits(enum qta_status status, int error)
{
    return status == (error == ENOSPC ? QTA_ERR_NO_SPACE : QTA_ERR_IO);
}

/* Fails each call of one operation in turn, until there are no more calls; in the everyday run some
 * of them, see next_place(). */
static void fail_each_call(struct scratch *scratch, enum fake_operation operation, bool fails_on)
{
    struct fake_environment fake;
    int64_t at = 1;
    int64_t harmful = 0;
    for (;; at = at < 2 ? at + 1 : (int64_t)next_place((size_t)at, fails_on ? 4 : 3)) {
        struct qta_session_writer_options options = fault_options(scratch);
        enum qta_status failure;
        int error = at % 2 ? ENOSPC : EIO;
        fake_environment_init(&fake);
        /* something is there already, and was not closed */
        fake_environment_fail(&fake, UINT32_C(1) << FAKE_RENAME, 3, true, EIO);
        uint64_t before = run_once(&options, &fake.base, &failure);
        fake_environment_fail(&fake, UINT32_C(1) << operation, at, fails_on, error);
        fake.tears_writes = at % 3 == 0;
        uint64_t appended = run_once(&options, &fake.base, &failure);
        if (atomic_load(&fake.failures) == 0)
            break;
        harmful += failure != QTA_OK;
        if (failure != QTA_OK && !status_fits(failure, error))
            fail_msg("call %lld of %s gave status %d", (long long)at,
                     fake_operation_name(operation), failure);
        expect_recovery(scratch, &options, appended > before ? appended : before);
        renew(scratch);
    }
    print_message("%s: %lld calls, %lld failures that matter\n", fake_operation_name(operation),
                  (long long)at - 1, (long long)harmful);
    renew(scratch);
}

static void one_failing_call_of_any_kind_loses_nothing(void **state)
{
    for (int operation = 0; operation < FAKE_OPERATION_COUNT; operation++)
        fail_each_call(*state, (enum fake_operation)operation, false);
}

static void an_operation_that_fails_for_good_loses_nothing(void **state)
{
    for (int operation = 0; operation < FAKE_OPERATION_COUNT; operation++)
        fail_each_call(*state, (enum fake_operation)operation, true);
}

/* From some call on the disk takes nothing any more: what is on it then is what a crash at that
 * point leaves. The crash then happens again while the next run recovers. */
static void crash_at_every_call_is_recovered_from(void **state)
{
    struct scratch *scratch = *state;
    struct fake_environment fake;
    fake_environment_init(&fake);
    int64_t at = 1;
    for (;; at = (int64_t)next_place((size_t)at, 3)) {
        struct qta_session_writer_options options = fault_options(scratch);
        enum qta_status failure;
        options.fsync_interval_ns = -1; /* the journal's own syncs change nothing here */
        fake_environment_fail(&fake, FAKE_CHANGES, at, true, EIO);
        uint64_t appended = run_once(&options, &fake.base, &failure);
        if (atomic_load(&fake.failures) == 0)
            break;
        fake_environment_fail(&fake, FAKE_CHANGES, at % 13, true, EIO);
        uint64_t again = run_once(&options, &fake.base, &failure);
        expect_recovery(scratch, &options, again > appended ? again : appended);
        renew(scratch);
    }
    print_message("%lld calls\n", (long long)at - 1);
    assert_true(at > 50);
}

/* Each allocation of opening, recovering, appending, sealing and closing in turn. */
static void short_memory_loses_nothing(void **state)
{
    struct scratch *scratch = *state;
    int64_t harmful = 0;
    int64_t at = 1;
    for (;; at = (int64_t)next_place((size_t)at, 150)) {
        struct qta_session_writer_options options = fault_options(scratch);
        struct fake_environment fake;
        enum qta_status failure;
        fake_environment_init(&fake);
        /* something is there already, and was not closed */
        fake_environment_fail(&fake, UINT32_C(1) << FAKE_RENAME, 3, true, EIO);
        uint64_t before = run_once(&options, &fake.base, &failure);
        fake_environment_fail(&fake, 0, 0, false, 0);
        short_memory_fail(at, at % 2 == 0);
        uint64_t appended = run_once(&options, &fake.base, &failure);
        bool was_short = short_memory_has_failed();
        short_memory_fail(0, false);
        if (!was_short)
            break; /* there are no more of them */
        harmful += failure != QTA_OK;
        if (failure != QTA_OK && failure != QTA_ERR_NOMEM)
            fail_msg("allocation %lld gave status %d", (long long)at, failure);
        expect_recovery(scratch, &options, appended > before ? appended : before);
        renew(scratch);
    }
    print_message("%lld allocations, %lld failures that matter\n", (long long)at - 1,
                  (long long)harmful);
    assert_true(harmful > 0);
}

/* ---- a journal that is full ---------------------------------------------------------------- */

enum { JOURNAL_CHUNKS = 5 };

/* A writer on a disk with faults. */
struct recorder {
    struct fake_environment fake;
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_tick tick; /* the next one */
    uint64_t appended;
};

static void open_recorder(struct recorder *recorder, const struct scratch *scratch,
                          int64_t fsync_interval_ns)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_error err;
    options.journal_max_bytes = JOURNAL_CHUNKS * options.journal_chunk_bytes;
    options.fsync_interval_ns = fsync_interval_ns;
    memset(recorder, 0, sizeof *recorder);
    fake_environment_init(&recorder->fake);
    tick_maker_init(&recorder->maker, SEED);
    if (qta_session_writer_create_in(&recorder->writer, &options, recorder->maker.names,
                                     &recorder->fake.base, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    tick_maker_next(&recorder->maker, QTA_TICK_NONE, &recorder->tick);
}

/* Until it fails, or so many. */
static enum qta_status append_ticks(struct recorder *recorder, size_t count, struct qta_error *err)
{
    for (size_t i = 0; i < count; i++) {
        enum qta_status status = qta_session_writer_append(recorder->writer, &recorder->tick, err);
        if (status != QTA_OK)
            return status;
        recorder->appended++;
        tick_maker_next(&recorder->maker, QTA_TICK_NONE, &recorder->tick);
    }
    return QTA_OK;
}

/* Asks until there is room; the journal's thread needs its time for it. */
static void resume_recorder(struct recorder *recorder)
{
    while (qta_session_writer_resume(recorder->writer, NULL) != QTA_OK)
        usleep(1000);
}

static void close_recorder(struct recorder *recorder, enum qta_status expected)
{
    struct qta_error err = {.message = ""};
    enum qta_status status = qta_session_writer_close(recorder->writer, &err);
    if (status != expected)
        fail_msg("close: %s", err.message);
    qta_session_writer_destroy(recorder->writer);
    tick_maker_finish(&recorder->maker);
}

/* The sealer hangs in a read: appends never wait for it, the journal grows to its limit, then says
 * so; once the disk is back everything goes on in its place. */
static void a_sealer_that_hangs_holds_nobody_up_until_the_journal_is_full(void **state)
{
    struct scratch *scratch = *state;
    struct recorder recorder;
    struct qta_error err = {.message = ""};
    struct qta_session_verdict verdict;
    open_recorder(&recorder, scratch, 1000 * 1000);
    for (int round = 0; round < 2; round++) {
        fake_environment_hold(&recorder.fake, UINT32_C(1) << FAKE_PREAD);
        assert_int_equal(append_ticks(&recorder, SIZE_MAX, &err), QTA_ERR_NO_SPACE);
        assert_non_null(strstr(err.message, "not sealed, its limit is 327680"));
        assert_int_equal(append_ticks(&recorder, 1, &err), QTA_ERR_NO_SPACE);
        assert_int_equal(qta_session_writer_resume(recorder.writer, &err), QTA_ERR_NO_SPACE);
        assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
        fake_environment_hold(&recorder.fake, 0);
        resume_recorder(&recorder);
        assert_int_equal(append_ticks(&recorder, 100, &err), QTA_OK);
    }
    assert_true(recorder.appended > 2 * 1500);
    close_recorder(&recorder, QTA_OK);
    assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
    assert_int_equal(qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err),
                     QTA_OK);
}

/* What cannot be sealed stays in the journal, and its last words find a place. */
static void full_disk_takes_the_last_words_and_no_more(void **state)
{
    struct scratch *scratch = *state;
    struct recorder recorder;
    struct qta_error err;
    open_recorder(&recorder, scratch, 1000 * 1000);
    fake_environment_fail(&recorder.fake, FAKE_CHANGES & ~(UINT32_C(1) << FAKE_OPEN), 1, true,
                          ENOSPC);
    assert_int_equal(append_ticks(&recorder, SIZE_MAX, &err), QTA_ERR_NO_SPACE);
    assert_int_equal(qta_session_writer_resume(recorder.writer, &err), QTA_ERR_NO_SPACE);
    size_t notes = 0;
    for (;;) { /* until this room is full, too */
        enum qta_status status = qta_session_writer_append_note(recorder.writer, &recorder.tick,
                                                                &err);
        if (status != QTA_OK) {
            assert_int_equal(status, QTA_ERR_NO_SPACE);
            break;
        }
        notes++;
        recorder.appended++;
        tick_maker_next(&recorder.maker, QTA_TICK_NONE, &recorder.tick);
    }
    print_message("%zu notes\n", notes);
    assert_true(notes >= 3);
    assert_int_equal(append_ticks(&recorder, 1, &err), QTA_ERR_NO_SPACE);
    assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
    close_recorder(&recorder, QTA_ERR_NO_SPACE);
    assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
    struct qta_session_writer_options options = fault_options(scratch);
    expect_recovery(scratch, &options, recorder.appended);
}

/* A disk that is slow in everything: whatever happens in which order, nothing is lost. */
static void slow_disk_loses_nothing(void **state)
{
    struct scratch *scratch = *state;
    struct recorder recorder;
    struct qta_error err;
    struct qta_session_verdict verdict;
    open_recorder(&recorder, scratch, 1000 * 1000);
    fake_environment_slow_down(&recorder.fake, FAKE_ALL & ~(UINT32_C(1) << FAKE_POPULATE), 3000);
    size_t outages = 0;
    while (recorder.appended < 6000) {
        if (append_ticks(&recorder, 100, &err) == QTA_OK)
            continue;
        assert_int_equal(err.status, QTA_ERR_NO_SPACE);
        outages++;
        resume_recorder(&recorder);
    }
    print_message("%zu times the journal was full\n", outages);
    close_recorder(&recorder, QTA_OK);
    assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
    assert_int_equal(qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err),
                     QTA_OK);
}

/* A sync that failed is not tried again and trusted: the journal goes on in another chunk. */
static void failed_sync_is_resumed_from_in_a_new_chunk(void **state)
{
    struct scratch *scratch = *state;
    struct recorder recorder;
    struct qta_error err;
    struct qta_session_verdict verdict;
    open_recorder(&recorder, scratch, 0);
    for (int64_t at = 1; at <= 4; at++) {
        assert_int_equal(append_ticks(&recorder, 50, &err), QTA_OK);
        fake_environment_fail(&recorder.fake, UINT32_C(1) << FAKE_SYNC_MAP, 1 + at % 2, false, EIO);
        assert_int_equal(qta_session_writer_commit(recorder.writer, &err), QTA_ERR_IO);
        assert_int_equal(qta_session_writer_commit(recorder.writer, &err), QTA_ERR_IO);
        assert_int_equal(append_ticks(&recorder, 1, &err), QTA_ERR_IO);
        resume_recorder(&recorder);
        assert_int_equal(qta_session_writer_commit(recorder.writer, &err), QTA_OK);
    }
    close_recorder(&recorder, QTA_OK);
    assert_int_equal(check_ticks(scratch->session, false), recorder.appended);
    assert_int_equal(qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err),
                     QTA_OK);
    assert_int_equal(verdict.records, recorder.appended);
}

/* A reader on a failing disk says so; it neither crashes nor takes what it did not get for the end.
 */
static void reader_tells_of_a_failing_disk(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = fault_options(scratch);
    struct fake_environment fake;
    enum qta_status failure;
    struct qta_error err;
    fake_environment_init(&fake);
    run_once(&options, qta_environment_system(), &failure);
    for (int64_t at = 1;; at++) {
        struct qta_session_reader *reader;
        fake_environment_fail(&fake, FAKE_ALL, at, true, EIO);
        uint64_t read = 0;
        enum qta_status status = qta_session_reader_create_in(&reader, scratch->session, NULL,
                                                              &fake.base, &err);
        if (status == QTA_OK) {
            const struct qta_tick *ticks;
            size_t count;
            while ((status = qta_session_reader_next(reader, &ticks, &count, &err)) == QTA_OK)
                read += count;
            qta_session_reader_destroy(reader);
        }
        if (atomic_load(&fake.failures) == 0) {
            assert_int_equal(status, QTA_ERR_END);
            assert_int_equal(read, RUN_TICKS);
            break;
        }
        assert_true(status == QTA_ERR_IO || (status == QTA_ERR_END && read == RUN_TICKS));
    }
}

int main(void)
{
    short_memory_leave();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_failing_call_of_any_kind_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_operation_that_fails_for_good_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(crash_at_every_call_is_recovered_from, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(
            a_sealer_that_hangs_holds_nobody_up_until_the_journal_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(full_disk_takes_the_last_words_and_no_more, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(slow_disk_loses_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_sync_is_resumed_from_in_a_new_chunk, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reader_tells_of_a_failing_disk, setup, teardown),
    };
    short_memory_include_sqlite();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
