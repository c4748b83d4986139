/* What is written to a session is what is read from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>

#include "tests/storage/session_fixture.h"

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

static void assert_digests_equal(const struct qta_digest *written, const struct qta_digest *read)
{
    assert_int_equal(read->ticks, written->ticks);
    assert_int_equal(read->market_ticks, written->market_ticks);
    assert_true(read->full == written->full);
    assert_true(read->market == written->market);
}

static void every_type_and_value_comes_back(void **state)
{
    const struct scratch *scratch = *state;
    static const size_t counts[] = {0, 1, 7, 1000, 40000, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct qta_digest written;
        struct qta_digest read;
        struct qta_session_writer_options options = small_options(scratch);
        if (i % 2 == 1)
            options.journal_chunk_bytes = 1 << 20;
        print_message("%zu ticks\n", counts[i]);
        write_session(&options, i, counts[i], &written);
        assert_int_equal(written.ticks, counts[i]);
        read_session(scratch->session, NULL, &read);
        assert_digests_equal(&written, &read);
        scratch_remove((struct scratch *)*state);
        setup(state);
        scratch = *state;
    }
}

static void several_runs_are_one_session(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_digest written;
    struct qta_digest read;
    struct qta_error err;
    uint64_t next_seq = 1;
    int64_t ts_recv_ns = 0;
    qta_digest_init(&written);
    for (uint64_t run = 0; run < 5; run++) {
        struct tick_maker maker;
        struct qta_session_writer *writer;
        tick_maker_init(&maker, run);
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, &err), QTA_OK);
        assert_int_equal(qta_session_writer_next_seq(writer), next_seq);
        assert_int_equal(qta_session_writer_last_ts_recv_ns(writer),
                         run == 0 ? QTA_TIME_UNKNOWN : ts_recv_ns);
        assert_false(qta_session_writer_was_cut(writer));
        maker.next_seq = next_seq;
        maker.ts_recv_ns = ts_recv_ns;
        append_random(writer, &maker, 1500, &written);
        next_seq = maker.next_seq;
        ts_recv_ns = maker.ts_recv_ns;
        assert_int_equal(qta_session_writer_close(writer, &err), QTA_OK);
        qta_session_writer_destroy(writer);
        tick_maker_finish(&maker);
    }
    read_session(scratch->session, NULL, &read);
    assert_digests_equal(&written, &read);
}

static void run_that_was_not_closed_is_found_whole(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct tick_maker maker;
    struct qta_session_writer *writer;
    struct qta_digest written;
    struct qta_digest read;
    tick_maker_init(&maker, 1);
    qta_digest_init(&written);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 5000, &written);
    qta_session_writer_destroy(writer);
    read_session(scratch->session, NULL, &read);
    assert_digests_equal(&written, &read);

    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    assert_true(qta_session_writer_was_cut(writer));
    assert_int_equal(qta_session_writer_next_seq(writer), 5001);
    append_random(writer, &maker, 5000, &written);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    read_session(scratch->session, NULL, &read);
    assert_digests_equal(&written, &read);
    tick_maker_finish(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_and_value_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(several_runs_are_one_session, setup, teardown),
        cmocka_unit_test_setup_teardown(run_that_was_not_closed_is_found_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
