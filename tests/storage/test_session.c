/* What is written to a session is what is read from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
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
    static const size_t counts[] = {0, 1, 7, 1000, 10000, 100000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct qta_digest written;
        struct qta_digest read;
        struct qta_session_writer_options options = small_options(scratch);
        if (counts[i] > 10000)
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

static void expect_start_as_info_tells(const char *path)
{
    struct qta_session_start start;
    struct qta_session_info info;
    assert_int_equal(qta_session_start_read(path, &start, NULL), QTA_OK);
    assert_int_equal(qta_session_info_read(path, &info, NULL), QTA_OK);
    assert_int_equal(start.first_ts_recv_ns, info.first_ts_recv_ns);
    assert_string_equal(start.timezone, info.timezone);
}

/* Also where nothing is sealed, and where the first header is damaged. */
static void start_is_told_without_the_rest(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    char path[400];
    size_t length;
    struct qta_session_start start;
    assert_int_equal(qta_session_start_read(scratch->session, &start, NULL), QTA_ERR_NOT_FOUND);
    tick_maker_init(&maker, 1);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    expect_start_as_info_tells(scratch->session);
    append_random(writer, &maker, 3, NULL);
    expect_start_as_info_tells(scratch->session);
    append_random(writer, &maker, 2000, NULL);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
    expect_start_as_info_tells(scratch->session);
    snprintf(path, sizeof path, "%s/segments/000001.qseg", scratch->session);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[40] ^= 1;
    write_file(path, bytes, length);
    free(bytes);
    expect_start_as_info_tells(scratch->session);
}

/* Names of any bytes and any length that a dictionary takes. */
static void names_of_any_kind_come_back(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_session_reader *reader;
    struct qta_dictionary *names;
    struct qta_digest written;
    struct qta_digest read;
    char longest[QTA_NAME_MAX_BYTES];
    enum { TICKS = 300 };
    memset(longest, 0xfe, sizeof longest);
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    qta_digest_init(&written);
    for (int i = 0; i < TICKS; i++) {
        struct qta_tick tick;
        memcpy(longest, &i, sizeof i);
        size_t length = i % 3 == 0 ? sizeof longest : (size_t)i;
        qta_tick_init(&tick, QTA_TICK_TRADE_CORRECT);
        tick.rx_seq = (uint64_t)i + 1;
        tick.ts_recv_ns = i;
        tick.flags = QTA_FLAG_ID_IS_TEXT;
        tick.symbol = qta_dictionary_intern(names, QTA_NAME_SYMBOL, longest, length);
        tick.provider = (uint16_t)qta_dictionary_intern(names, QTA_NAME_PROVIDER, longest, 7);
        struct qta_trade_correct *correct = &tick.trade_correct;
        correct->original_id = qta_dictionary_intern(names, QTA_NAME_TEXT, longest, length);
        correct->corrected_id = i % 5 == 0 ? QTA_NAME_OTHER : 0;
        for (size_t k = 0; k < QTA_CONDITIONS_MAX; k++) {
            longest[4] = (char)k;
            correct->original_conditions[k] = (uint16_t)qta_dictionary_intern(names, QTA_NAME_CODE,
                                                                              longest, length);
        }
        correct->corrected_conditions[0] = (uint16_t)QTA_NAME_OTHER;
        correct->exchange = 0xff;
        assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
        qta_digest_add(&written, &tick, names);
    }
    read_session(scratch->session, NULL, &read); /* from the journal */
    assert_digests_equal(&written, &read);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    read_session(scratch->session, NULL, &read); /* from segments */
    assert_digests_equal(&written, &read);
    const struct qta_tick *ticks;
    size_t count;
    size_t length;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, NULL), QTA_OK);
    qta_dictionary_name(qta_session_reader_names(reader), QTA_NAME_SYMBOL, ticks[0].symbol,
                        &length);
    assert_int_equal(length, QTA_NAME_MAX_BYTES);
    qta_session_reader_destroy(reader);
    qta_dictionary_destroy(names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type_and_value_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(start_is_told_without_the_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(names_of_any_kind_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(several_runs_are_one_session, setup, teardown),
        cmocka_unit_test_setup_teardown(run_that_was_not_closed_is_found_whole, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
