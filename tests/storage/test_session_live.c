/* A reader that follows a session while it is recorded sees every tick once and in order, whatever
 * form it has at the moment: a chunk being written, one being sealed, a segment, the next run's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <qta/session.h>

#include "tests/storage/session_fixture.h"

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

static void pause_us(long microseconds)
{
    struct timespec pause = {.tv_nsec = microseconds * 1000};
    nanosleep(&pause, NULL);
}

struct recording {
    const struct scratch *scratch;
    struct qta_digest digest;
    _Atomic uint64_t appended;
    _Atomic bool is_over;
    int runs;
    size_t ticks_a_run;
    bool closes; /* else every run but the last is left as after a crash */
};

static void *record(void *argument)
{
    struct recording *recording = argument;
    struct qta_session_writer_options options = small_options(recording->scratch);
    struct tick_maker maker;
    tick_maker_init(&maker, 77);
    options.fsync_interval_ns = 2000 * 1000;
    for (int run = 0; run < recording->runs; run++) {
        struct qta_session_writer *writer;
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        for (size_t i = 0; i < recording->ticks_a_run; i++) {
            append_random(writer, &maker, 1, &recording->digest);
            atomic_store(&recording->appended, maker.next_seq - 1);
            if (i % 512 == 0)
                pause_us(300);
        }
        if (recording->closes || run + 1 == recording->runs)
            assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    tick_maker_finish(&maker);
    atomic_store(&recording->is_over, true);
    return NULL;
}

static struct qta_session_reader *open_when_there(const char *path)
{
    struct qta_session_reader *reader;
    enum qta_status status;
    struct qta_error err = {.message = ""};
    for (int i = 0; i < 10000; i++) {
        status = qta_session_reader_create(&reader, path, NULL, &err);
        if (status == QTA_OK)
            return reader;
        assert_true(status == QTA_ERR_NOT_FOUND || status == QTA_ERR_FORMAT); /* too early */
        pause_us(500);
    }
    fail_msg("the session does not appear: %s", err.message);
    return NULL;
}

static void follow(struct recording *recording)
{
    pthread_t thread;
    struct qta_digest digest;
    struct qta_error err;
    qta_digest_init(&recording->digest);
    qta_digest_init(&digest);
    assert_int_equal(pthread_create(&thread, NULL, record, recording), 0);
    struct qta_session_reader *reader = open_when_there(recording->scratch->session);
    uint64_t next_seq = 1;
    bool is_last_look = false;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        bool was_over = atomic_load(&recording->is_over);
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END) {
            if (is_last_look)
                break;
            is_last_look = was_over;
            pause_us(200);
            continue;
        }
        if (status != QTA_OK)
            fail_msg("at record %llu: %s", (unsigned long long)next_seq, err.message);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ticks[i].rx_seq, next_seq++);
            qta_digest_add(&digest, &ticks[i], qta_session_reader_names(reader));
        }
    }
    pthread_join(thread, NULL);
    assert_false(qta_session_reader_is_live(reader));
    qta_session_reader_destroy(reader);
    assert_int_equal(next_seq - 1, atomic_load(&recording->appended));
    assert_true(digest.full == recording->digest.full);
}

static void reader_follows_a_writer_across_seals(void **state)
{
    struct recording recording = {
        .scratch = *state, .runs = 1, .ticks_a_run = 60000, .closes = true};
    follow(&recording);
}

static void reader_follows_several_runs(void **state)
{
    struct recording recording = {
        .scratch = *state, .runs = 12, .ticks_a_run = 1500, .closes = true};
    follow(&recording);
}

static void reader_follows_runs_that_crash(void **state)
{
    struct recording recording = {
        .scratch = *state, .runs = 12, .ticks_a_run = 1500, .closes = false};
    follow(&recording);
}

/* A run that records nothing removes its prepared chunk, and the next one makes it anew. */
static void reader_that_waits_at_an_empty_chunk_finds_the_next_run(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_digest digest;
    struct qta_error err;
    const struct qta_tick *ticks;
    size_t count;
    tick_maker_init(&maker, 78);
    qta_digest_init(&digest);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    struct qta_session_reader *reader = open_when_there(scratch->session);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_ERR_END);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 3, &digest);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_OK);
    assert_int_equal(count, 3);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_ERR_END);
    qta_session_reader_destroy(reader);
    tick_maker_finish(&maker);
}

/* Sleeps where others ask again and again; no tick is missed, and it learns of the end. */
static void waiting_reader_follows_to_the_end(void **state)
{
    struct scratch *scratch = *state;
    struct recording recording = {
        .scratch = scratch, .runs = 3, .ticks_a_run = 3000, .closes = false};
    pthread_t thread;
    struct qta_digest digest;
    struct qta_error err;
    const struct qta_tick *ticks;
    size_t count;
    qta_digest_init(&recording.digest);
    qta_digest_init(&digest);
    assert_int_equal(pthread_create(&thread, NULL, record, &recording), 0);
    struct qta_session_reader *reader = open_when_there(scratch->session);
    enum qta_status status;
    do {
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_OK)
            for (size_t i = 0; i < count; i++)
                qta_digest_add(&digest, &ticks[i], qta_session_reader_names(reader));
        else if (status == QTA_ERR_END)
            status = qta_session_reader_wait(reader, 300 * 1000000, &err);
    } while (status == QTA_OK);
    if (status != QTA_ERR_END)
        fail_msg("%s", err.message);
    pthread_join(thread, NULL);
    assert_int_equal(digest.ticks, recording.digest.ticks);
    assert_true(digest.full == recording.digest.full);
    qta_session_reader_destroy(reader);
}

static void waiting_ends_where_nobody_records(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_error err;
    const struct qta_tick *ticks;
    size_t count;
    tick_maker_init(&maker, 79);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 5, NULL);
    struct qta_session_reader *reader = open_when_there(scratch->session);
    assert_int_equal(qta_session_reader_wait(reader, 0, &err), QTA_OK);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_OK);
    assert_int_equal(count, 5);
    assert_int_equal(qta_session_reader_wait(reader, 1000, &err), QTA_OK); /* it may write more */
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_ERR_END);
    qta_session_writer_destroy(writer); /* as after a crash: there may be another run */
    assert_int_equal(qta_session_reader_wait(reader, 1000, &err), QTA_OK);
    struct qta_session_reader *late = open_when_there(scratch->session); /* has seen no writer */
    assert_int_equal(qta_session_reader_next(late, &ticks, &count, &err), QTA_OK);
    assert_int_equal(qta_session_reader_wait(late, 1000, &err), QTA_ERR_END);
    qta_session_reader_destroy(late);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 2, NULL);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    assert_int_equal(qta_session_reader_wait(reader, 1000, &err), QTA_OK);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ticks[0].rx_seq, 6);
    assert_int_equal(qta_session_reader_wait(reader, 1000, &err), QTA_ERR_END);
    qta_session_reader_destroy(reader);
    tick_maker_finish(&maker);
}

static void many_readers_look_at_a_live_session(void **state)
{
    struct scratch *scratch = *state;
    struct recording recording = {
        .scratch = scratch, .runs = 1, .ticks_a_run = 20000, .closes = true};
    pthread_t thread;
    struct qta_session_info info;
    struct qta_session_verdict verdict;
    struct qta_error err;
    int looks = 0;
    int live = 0;
    qta_digest_init(&recording.digest);
    assert_int_equal(pthread_create(&thread, NULL, record, &recording), 0);
    qta_session_reader_destroy(open_when_there(scratch->session));
    while (!atomic_load(&recording.is_over)) {
        uint64_t before = atomic_load(&recording.appended);
        if (qta_session_info_read(scratch->session, &info, &err) != QTA_OK)
            fail_msg("info: %s", err.message);
        assert_true(info.records >= before);
        live += info.is_live;
        if (qta_session_verify(scratch->session, NULL, NULL, NULL, &verdict, &err) != QTA_OK)
            fail_msg("verify: %s", err.message);
        assert_true(verdict.records >= before);
        looks++;
    }
    pthread_join(thread, NULL);
    print_message("%d looks, %d of them live\n", looks, live);
    assert_true(live > 0);
    assert_int_equal(qta_session_info_read(scratch->session, &info, &err), QTA_OK);
    assert_int_equal(info.records, 20000);
    assert_true(info.is_sealed && !info.is_live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reader_follows_a_writer_across_seals, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_follows_several_runs, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_follows_runs_that_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(reader_that_waits_at_an_empty_chunk_finds_the_next_run,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_reader_follows_to_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(waiting_ends_where_nobody_records, setup, teardown),
        cmocka_unit_test_setup_teardown(many_readers_look_at_a_live_session, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
