/* SIGKILL at any instant loses no tick for which append returned, and the next open just works.
 *
 * A child floods a session and writes the number of each tick whose append has returned to a page
 * that it shares with the test. QTA_KILLS says how often it is killed, QTA_SEED where randomness
 * starts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qta/session.h>

#include "tests/storage/session_fixture.h"

enum { KILLS_A_SESSION = 8, TICKS_MAX = 60000 };

struct witness {
    _Atomic uint64_t appended; /* rx_seq of the last tick whose append returned */
    _Atomic uint32_t runs;
};

static struct witness *witness;
static uint64_t seed_base;

static void pause_us(uint64_t microseconds)
{
    struct timespec pause = {.tv_sec = (time_t)(microseconds / 1000000),
                             .tv_nsec = (long)(microseconds % 1000000) * 1000};
    nanosleep(&pause, NULL);
}

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    witness = mmap(NULL, sizeof *witness, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                   0);
    if (witness == MAP_FAILED)
        return 1;
    const char *seed = getenv("QTA_SEED");
    seed_base = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    print_message("QTA_SEED=%llu\n", (unsigned long long)seed_base);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    munmap(witness, sizeof *witness);
    return 0;
}

static size_t kill_count(void)
{
    const char *text = getenv("QTA_KILLS");
    return text ? strtoul(text, NULL, 10) : 200;
}

/* ---- the child ----------------------------------------------------------------------------- */

/* Exits 0 when it was left alone long enough, 1 when something failed. */
static void flood(const struct qta_session_writer_options *options, uint64_t seed, bool closes)
{
    struct qta_session_writer *writer;
    struct qta_error err;
    struct tick_maker maker;
    struct qta_tick tick;
    tick_maker_init(&maker, seed);
    if (qta_session_writer_create(&writer, options, maker.names, &err) != QTA_OK) {
        fprintf(stderr, "child: %s\n", err.message);
        _exit(1);
    }
    uint64_t next_seq = qta_session_writer_next_seq(writer);
    while (maker.next_seq < next_seq)
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
    atomic_fetch_add(&witness->runs, 1);
    uint64_t limit_random = seed ^ next_seq;
    uint64_t limit = closes ? next_seq + random_below(&limit_random, 3000) : TICKS_MAX;
    while (maker.next_seq < limit) {
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
        if (qta_session_writer_append(writer, &tick, &err) != QTA_OK) {
            fprintf(stderr, "child: %s\n", err.message);
            _exit(1);
        }
        atomic_store(&witness->appended, tick.rx_seq);
    }
    if (closes && qta_session_writer_close(writer, &err) != QTA_OK) {
        fprintf(stderr, "child: %s\n", err.message);
        _exit(1);
    }
    if (closes)
        qta_session_writer_destroy(writer);
    _exit(0);
}

/* Runs a child and kills it after a while, which begins when it has opened the session where
 * `once_open` says so. True when it had been quicker. */
static bool run_child(const struct qta_session_writer_options *options, uint64_t seed, bool closes,
                      bool once_open, uint64_t patience_us)
{
    uint32_t runs = atomic_load(&witness->runs);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        flood(options, seed, closes);
    for (int i = 0; once_open && i < 20000 && atomic_load(&witness->runs) == runs; i++)
        pause_us(50);
    pause_us(patience_us);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) {
        assert_int_equal(WTERMSIG(status), SIGKILL);
        return false;
    }
    assert_int_equal(WEXITSTATUS(status), 0);
    return true;
}

/* ---- what it left -------------------------------------------------------------------------- */

/* Reads the session, compares every tick, returns how many there are. */
static uint64_t check_session(const char *path, uint64_t seed)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    struct tick_maker maker;
    struct qta_digest expected;
    struct qta_digest found;
    tick_maker_init(&maker, seed);
    qta_digest_init(&expected);
    qta_digest_init(&found);
    enum qta_status status = qta_session_reader_create(&reader, path, NULL, &err);
    if (status == QTA_ERR_FORMAT || status == QTA_ERR_NOT_FOUND) {
        assert_int_equal(atomic_load(&witness->appended), 0); /* killed before there was one */
        tick_maker_finish(&maker);
        return 0;
    }
    assert_int_equal(status, QTA_OK);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status != QTA_OK)
            fail_msg("reading what is left: %s", err.message);
        for (size_t i = 0; i < count; i++) {
            struct qta_tick tick;
            tick_maker_next(&maker, QTA_TICK_NONE, &tick);
            assert_int_equal(ticks[i].rx_seq, tick.rx_seq);
            qta_digest_add(&expected, &tick, maker.names);
            qta_digest_add(&found, &ticks[i], qta_session_reader_names(reader));
            if (expected.full != found.full)
                fail_msg("record %llu came back as another one", (unsigned long long)tick.rx_seq);
        }
    }
    qta_session_reader_destroy(reader);
    tick_maker_finish(&maker);
    return found.ticks;
}

static void expect_nothing_lost(const char *path, uint64_t seed, uint64_t *before)
{
    uint64_t appended = atomic_load(&witness->appended);
    uint64_t found = check_session(path, seed);
    if (found < appended)
        fail_msg("append returned for %llu ticks, %llu are left", (unsigned long long)appended,
                 (unsigned long long)found);
    assert_true(found >= *before); /* what was there stays there */
    *before = found;
}

/* Every third session is on a disk, where the time goes into syncs; the others in memory. */
static void clear_session(struct scratch *scratch, size_t session)
{
    scratch_remove(scratch);
    if (session % 3 == 0)
        scratch_make(scratch);
    else
        scratch_make_in_memory(scratch);
    atomic_store(&witness->appended, 0);
}

/* How long an empty session takes to open and close here: kills are aimed by it. */
static uint64_t measure_open_us(struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct timespec start;
    struct timespec end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    write_session(&options, 1, 1, NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    int64_t elapsed_ns = (int64_t)(end.tv_sec - start.tv_sec) * 1000000000 + end.tv_nsec -
                         start.tv_nsec;
    return (uint64_t)elapsed_ns / 1000 + 1000;
}

static void close_normally(const struct qta_session_writer_options *options, uint64_t found)
{
    struct qta_dictionary *names;
    struct qta_session_writer *writer;
    struct qta_error err;
    struct qta_session_info info;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    if (qta_session_writer_create(&writer, options, names, &err) != QTA_OK)
        fail_msg("the next open: %s", err.message);
    assert_int_equal(qta_session_writer_next_seq(writer), found + 1);
    assert_int_equal(qta_session_writer_close(writer, &err), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
    assert_int_equal(qta_session_info_read(options->path, &info, &err), QTA_OK);
    assert_int_equal(info.records, found);
    assert_true(info.is_sealed);
    assert_false(info.is_live);
}

static void tell_problem(void *user, const char *problem)
{
    (void)user;
    print_message("problem: %s\n", problem);
}

static void sigkill_loses_nothing_that_was_appended(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_verdict verdict;
    struct qta_error err;
    uint64_t random = seed_base;
    uint64_t ticks = 0;
    size_t quick = 0;
    size_t kills = kill_count();
    size_t session = 0;
    for (size_t done = 0; done < kills;) {
        clear_session(scratch, session++);
        uint64_t open_us = measure_open_us(scratch);
        clear_session(scratch, session - 1);
        struct qta_session_writer_options options = small_options(scratch);
        uint64_t seed = random_next(&random);
        uint64_t found = 0;
        if (random_below(&random, 4) == 0)
            options.journal_chunk_bytes = 256 * 1024;
        if (random_below(&random, 4) == 0)
            options.fsync_interval_ns = 1000 * 1000;
        for (int i = 0; i < KILLS_A_SESSION && done < kills && found < TICKS_MAX / 2; i++) {
            /* from the first system call to long after the first seals; often within recovery */
            bool closes = random_below(&random, 3) == 0;
            bool once_open = random_below(&random, 3) != 0;
            uint64_t range_us = once_open ? 20000 : open_us * 3 / 2;
            quick += run_child(&options, seed, closes, once_open, random_below(&random, range_us));
            expect_nothing_lost(scratch->session, seed, &found);
            done++;
        }
        close_normally(&options, found);
        assert_int_equal(check_session(scratch->session, seed), found);
        if (qta_session_verify(scratch->session, tell_problem, NULL, NULL, &verdict, &err) !=
            QTA_OK)
            fail_msg("verify: %s", err.message);
        assert_int_equal(verdict.records, found);
        ticks += found;
    }
    print_message("%zu kills (%zu too late), %u runs, %llu ticks\n", kills, quick,
                  atomic_load(&witness->runs), (unsigned long long)ticks);
    assert_true(kills < 100 || ticks > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sigkill_loses_nothing_that_was_appended, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
