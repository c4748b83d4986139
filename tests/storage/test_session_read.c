/* What a read costs and what it does not: blocks that hold nothing wanted are left alone, columns
 * of other types are not unpacked, and a helper thread changes nothing but the time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>

#include "core/environment.h"
#include "storage/block_decoder.h"
#include "storage/block_encoder.h"
#include "storage/session_range.h"
#include "storage/session_reader.h"
#include "tests/storage/session_fixture.h"

enum { SECOND_NS = 1000000000, TICKS = 20000 };

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

/* ---- what a reader says -------------------------------------------------------------------- */

/* All that a reader says from one end to the other, as one number: ticks, and damage at its place.
 */
struct story {
    struct qta_digest digest;
    uint64_t damages;
    uint64_t messages;
};

static void tell_story(struct qta_session_reader *reader, struct story *story)
{
    struct qta_error err;
    memset(story, 0, sizeof *story);
    qta_digest_init(&story->digest);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            return;
        if (status == QTA_OK) {
            for (size_t i = 0; i < count; i++)
                qta_digest_add(&story->digest, &ticks[i], qta_session_reader_names(reader));
            continue;
        }
        assert_int_equal(status, QTA_ERR_DAMAGED);
        story->damages++;
        for (const char *c = err.message; *c; c++)
            story->messages = story->messages * 31 + (uint8_t)*c;
        story->messages += story->digest.ticks; /* where it came */
    }
}

/* ---- costs --------------------------------------------------------------------------------- */

/* Trades of one symbol a minute, one minute after the other; the venue's clock is a second behind.
 */
static void write_minutes(const struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    for (uint64_t i = 0; i < TICKS; i++) {
        char symbol[16];
        int length = snprintf(symbol, sizeof symbol, "S%llu", (unsigned long long)(i / 1000));
        struct qta_tick tick;
        qta_tick_init(&tick, i % 1000 == 500 ? QTA_TICK_STATUS : QTA_TICK_TRADE);
        tick.rx_seq = i + 1;
        tick.ts_recv_ns = (int64_t)i * SECOND_NS;
        tick.ts_event_ns = tick.ts_recv_ns - SECOND_NS;
        tick.symbol = qta_dictionary_intern(names, QTA_NAME_SYMBOL, symbol, (size_t)length);
        assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
    }
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
}

struct cost {
    uint64_t ticks;
    struct qta_read_statistics statistics;
};

static struct cost cost_of(const struct scratch *scratch, const struct qta_session_filter *filter)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    struct cost cost = {0};
    const struct qta_tick *ticks;
    size_t count;
    enum qta_status status;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, filter, NULL), QTA_OK);
    while ((status = qta_session_reader_next(reader, &ticks, &count, &err)) == QTA_OK)
        cost.ticks += count;
    assert_int_equal(status, QTA_ERR_END);
    qta_session_reader_statistics(reader, &cost.statistics);
    qta_session_reader_destroy(reader);
    print_message("%llu ticks: %llu segments opened, %llu blocks, %llu bytes\n",
                  (unsigned long long)cost.ticks, (unsigned long long)cost.statistics.segments,
                  (unsigned long long)cost.statistics.blocks,
                  (unsigned long long)cost.statistics.block_bytes);
    return cost;
}

static void reading_a_part_costs_only_that_part(void **state)
{
    const struct scratch *scratch = *state;
    const char *const symbols[] = {"S7"};
    struct qta_session_filter filter = qta_session_filter_default();
    write_minutes(scratch);
    struct cost all = cost_of(scratch, &filter);
    assert_int_equal(all.ticks, TICKS);
    assert_true(all.statistics.blocks >= 20);

    filter.from_ns = (int64_t)10000 * SECOND_NS;
    filter.until_ns = (int64_t)10010 * SECOND_NS;
    struct cost part = cost_of(scratch, &filter);
    assert_int_equal(part.ticks, 10);
    assert_true(part.statistics.segments <= 2 && part.statistics.blocks <= 2);
    assert_true(part.statistics.block_bytes * 10 <= all.statistics.block_bytes);

    filter = qta_session_filter_default();
    filter.from_seq = 5000;
    filter.until_seq = 5001;
    part = cost_of(scratch, &filter);
    assert_int_equal(part.ticks, 1);
    assert_int_equal(part.statistics.segments, 1);
    assert_int_equal(part.statistics.blocks, 1);

    filter = qta_session_filter_default();
    filter.event_from_ns = (int64_t)15000 * SECOND_NS;
    filter.event_until_ns = (int64_t)15010 * SECOND_NS;
    part = cost_of(scratch, &filter);
    assert_int_equal(part.ticks, 10);
    assert_true(part.statistics.segments <= 2 && part.statistics.blocks <= 2);

    filter = qta_session_filter_default();
    filter.symbols = symbols;
    filter.symbol_count = 1;
    part = cost_of(scratch, &filter);
    assert_int_equal(part.ticks, 1000);
    assert_true(part.statistics.blocks <= 1 + all.statistics.blocks / 10);

    filter = qta_session_filter_default();
    filter.types = QTA_TYPE_BIT(QTA_TICK_QUOTE);
    part = cost_of(scratch, &filter);
    assert_int_equal(part.ticks, 0);
    assert_int_equal(part.statistics.segments, 0);
}

static void seeking_reads_one_block(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_reader *reader;
    struct qta_read_statistics statistics;
    const struct qta_tick *ticks;
    size_t count;
    write_minutes(scratch);
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
    for (uint64_t i = 1; i <= 50; i++) {
        uint64_t place = i * 7919 % TICKS;
        if (i % 2 == 0)
            qta_session_reader_seek_seq(reader, place + 1, NULL);
        else
            qta_session_reader_seek_time(reader, (int64_t)place * SECOND_NS, NULL);
        assert_int_equal(qta_session_reader_next(reader, &ticks, &count, NULL), QTA_OK);
        assert_int_equal(ticks[0].rx_seq, place + 1);
        qta_session_reader_statistics(reader, &statistics);
        assert_int_equal(statistics.blocks, i);
        assert_true(statistics.segments <= 2 * i); /* the one before, when the place is its end */
    }
    qta_session_reader_destroy(reader);
}

static void append_frame(struct qta_session_writer *writer, uint64_t seq, int64_t ts_recv_ns)
{
    static const uint8_t bytes[] = "[]";
    struct qta_raw_frame frame = {.first_seq = seq,
                                  .ts_recv_ns = ts_recv_ns,
                                  .bytes = bytes,
                                  .length = 2,
                                  .stored_length = 2};
    assert_int_equal(qta_session_writer_append_raw(writer, &frame, NULL), QTA_OK);
}

static void segments_without_ticks_do_not_mislead(void **state)
{
    enum { RUNS = 14, TICKS_A_RUN = 3 };
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_dictionary *names;
    struct qta_session_reader *reader;
    uint64_t seq = 0;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    for (int run = 0; run < RUNS; run++) { /* two of three have stored frames alone */
        struct qta_session_writer *writer;
        assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
        append_frame(writer, seq + 1, (int64_t)(seq + 1) * SECOND_NS);
        for (int i = 0; i < TICKS_A_RUN && run % 3 == 1; i++) {
            struct qta_tick tick;
            qta_tick_init(&tick, QTA_TICK_TRADE);
            tick.rx_seq = ++seq;
            tick.ts_recv_ns = (int64_t)seq * SECOND_NS;
            assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
        }
        assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
    for (uint64_t from = 1; from <= seq; from++)
        for (int way = 0; way < 2; way++) {
            struct story story;
            if (way == 0)
                qta_session_reader_seek_seq(reader, from, NULL);
            else
                qta_session_reader_seek_time(reader, (int64_t)from * SECOND_NS, NULL);
            tell_story(reader, &story);
            assert_int_equal(story.damages, 0);
            assert_int_equal(story.digest.ticks, seq + 1 - from);
        }
    qta_session_reader_destroy(reader);
    qta_dictionary_destroy(names);
}

/* A byte of a block is changed that quotes need: those cannot be read any more, the trades in the
 * same block still can. */
static void columns_of_other_types_are_not_unpacked(void **state)
{
    enum { BLOCK_TICKS = 2000 };
    (void)state;
    struct tick_maker maker;
    static struct qta_tick ticks[BLOCK_TICKS];
    static struct qta_tick trades[BLOCK_TICKS];
    static struct qta_tick found[BLOCK_TICKS];
    size_t trade_count = 0;
    struct qta_block_encoder *encoder;
    struct qta_block_decoder *decoder;
    struct qta_packed_writer payload = {0};
    tick_maker_init(&maker, 5);
    maker.is_plain = true;
    for (size_t i = 0; i < BLOCK_TICKS; i++) {
        tick_maker_next(&maker, i % 3 == 0 ? QTA_TICK_TRADE : QTA_TICK_QUOTE, &ticks[i]);
        ticks[i].flags = 0;
        if (ticks[i].type == QTA_TICK_TRADE)
            trades[trade_count++] = ticks[i];
    }
    assert_int_equal(qta_block_encoder_create(&encoder, 1, NULL), QTA_OK);
    assert_int_equal(qta_block_decoder_create(&decoder, NULL), QTA_OK);
    assert_int_equal(qta_block_encode(encoder, ticks, BLOCK_TICKS, NULL, &payload, NULL), QTA_OK);
    size_t refused_quotes = 0;
    size_t refused_trades = 0;
    size_t both = 0;
    for (size_t at = 0; at < payload.length; at += 13) {
        struct qta_block_input input = {.payload = payload.bytes,
                                        .length = payload.length,
                                        .count = BLOCK_TICKS,
                                        .first_seq = ticks[0].rx_seq};
        payload.bytes[at] ^= 0xff;
        input.types = QTA_TYPE_BIT(QTA_TICK_QUOTE);
        bool quotes_fail = qta_block_decoder_begin(decoder, &input, NULL) != QTA_OK;
        input.types = QTA_TYPE_BIT(QTA_TICK_TRADE);
        bool trades_fail = qta_block_decoder_begin(decoder, &input, NULL) != QTA_OK;
        refused_quotes += quotes_fail && !trades_fail;
        refused_trades += trades_fail && !quotes_fail;
        both += quotes_fail && trades_fail;
        if (quotes_fail && !trades_fail) {
            assert_int_equal(qta_block_decoder_next(decoder, found, BLOCK_TICKS), trade_count);
            assert_memory_equal(found, trades, trade_count * sizeof found[0]);
        }
        payload.bytes[at] ^= 0xff;
    }
    print_message("a changed byte: %zu times only quotes fail, %zu times only trades, %zu both\n",
                  refused_quotes, refused_trades, both);
    assert_true(refused_quotes > 10 && refused_trades > 10);
    qta_packed_writer_finish(&payload);
    qta_block_encoder_destroy(encoder);
    qta_block_decoder_destroy(decoder);
    tick_maker_finish(&maker);
}

static void expect_range_of_info(const struct scratch *scratch)
{
    struct qta_session_range range;
    struct qta_session_info info;
    assert_int_equal(qta_session_range_read(scratch->session, &range, NULL), QTA_OK);
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    assert_int_equal(range.first_ts_recv_ns, info.first_ts_recv_ns);
    assert_int_equal(range.last_ts_recv_ns, info.last_ts_recv_ns);
}

static void range_is_what_counting_would_find(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    tick_maker_init(&maker, 44);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    expect_range_of_info(scratch); /* nothing */
    append_random(writer, &maker, 20, NULL);
    expect_range_of_info(scratch); /* a chunk */
    append_random(writer, &maker, 3000, NULL);
    expect_range_of_info(scratch); /* segments and a chunk */
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
    expect_range_of_info(scratch); /* segments */
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/segments/000001.qseg", scratch->session);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[130] ^= 1;
    write_file(path, bytes, length);
    free(bytes);
    expect_range_of_info(scratch); /* the first header is damaged */
}

/* ---- the helper ---------------------------------------------------------------------------- */

static void expect_same_story(const struct story *left, const struct story *right)
{
    assert_int_equal(left->digest.ticks, right->digest.ticks);
    assert_true(left->digest.full == right->digest.full);
    assert_int_equal(left->damages, right->damages);
    assert_true(left->messages == right->messages);
}

/* Changes a byte in the middle of every third segment and takes another one away. */
static void damage_segments(const struct scratch *scratch)
{
    for (unsigned number = 3; number < 30; number += 3) {
        char path[400];
        size_t length;
        snprintf(path, sizeof path, "%s/segments/%06u.qseg", scratch->session, number);
        uint8_t *bytes = load_file(path, &length);
        assert_non_null(bytes);
        bytes[length / 2] ^= 1;
        write_file(path, bytes, length);
        free(bytes);
    }
    char path[400];
    snprintf(path, sizeof path, "%s/segments/%06u.qseg", scratch->session, 10);
    assert_int_equal(remove(path), 0);
}

static void damage_comes_at_the_same_place_with_and_without_helper(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct story alone;
    struct story helped;
    write_session(&options, 41, TICKS, NULL);
    damage_segments(scratch);
    for (int round = 0; round < 2; round++) {
        struct qta_session_reader *reader;
        assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
        qta_session_reader_read_ahead(reader, round > 0);
        tell_story(reader, round > 0 ? &helped : &alone);
        uint64_t lost = qta_session_reader_lost(reader);
        assert_int_equal(lost + alone.digest.ticks, TICKS);
        qta_session_reader_destroy(reader);
    }
    print_message("%llu of %d ticks, %llu damages\n", (unsigned long long)alone.digest.ticks, TICKS,
                  (unsigned long long)alone.damages);
    assert_true(alone.damages >= 10);
    expect_same_story(&alone, &helped);
}

static void helper_can_be_stopped_anywhere(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_digest expected;
    struct story story;
    uint64_t random = 9;
    write_session(&options, 42, TICKS, &expected);
    struct qta_session_reader *reader;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
    for (int round = 0; round < 60; round++) {
        uint64_t calls = random_below(&random, 8);
        const struct qta_tick *ticks;
        size_t count;
        uint64_t seq = 1 + random_below(&random, TICKS);
        assert_int_equal(qta_session_reader_seek_seq(reader, seq, NULL), QTA_OK);
        for (uint64_t i = 0; i < calls; i++) {
            enum qta_status status = qta_session_reader_next(reader, &ticks, &count, NULL);
            if (status == QTA_ERR_END)
                break;
            assert_int_equal(status, QTA_OK);
            assert_int_equal(ticks[0].rx_seq, seq);
            seq += count;
        }
        if (round % 10 == 9) { /* destroyed while the helper is at work */
            qta_session_reader_destroy(reader);
            assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, NULL),
                             QTA_OK);
        }
    }
    assert_int_equal(qta_session_reader_seek_seq(reader, 1, NULL), QTA_OK);
    tell_story(reader, &story);
    assert_int_equal(story.digest.ticks, expected.ticks);
    assert_true(story.digest.full == expected.full);
    qta_session_reader_destroy(reader);
}

struct reading {
    const struct scratch *scratch;
    struct story story;
};

static void *read_all(void *user)
{
    struct reading *reading = user;
    struct qta_session_reader *reader;
    assert_int_equal(qta_session_reader_create(&reader, reading->scratch->session, NULL, NULL),
                     QTA_OK);
    tell_story(reader, &reading->story);
    qta_session_reader_destroy(reader);
    return NULL;
}

static void several_threads_read_one_session(void **state)
{
    enum { THREADS = 4 };
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_digest expected;
    struct reading readings[THREADS];
    pthread_t threads[THREADS];
    write_session(&options, 43, TICKS, &expected);
    for (size_t i = 0; i < THREADS; i++) {
        readings[i].scratch = scratch;
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &readings[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(readings[i].story.digest.full == expected.full);
        assert_int_equal(readings[i].story.damages, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reading_a_part_costs_only_that_part, setup, teardown),
        cmocka_unit_test_setup_teardown(seeking_reads_one_block, setup, teardown),
        cmocka_unit_test_setup_teardown(segments_without_ticks_do_not_mislead, setup, teardown),
        cmocka_unit_test_setup_teardown(range_is_what_counting_would_find, setup, teardown),
        cmocka_unit_test(columns_of_other_types_are_not_unpacked),
        cmocka_unit_test_setup_teardown(damage_comes_at_the_same_place_with_and_without_helper,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(helper_can_be_stopped_anywhere, setup, teardown),
        cmocka_unit_test_setup_teardown(several_threads_read_one_session, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
