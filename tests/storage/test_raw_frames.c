/* Stored frames come back byte for byte, linked to their ticks, and change nothing for who reads
 * ticks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/archive.h>
#include <qta/exchange.h>
#include <qta/session.h>

#include "storage/journal_raw.h"
#include "storage/segment_format.h"
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

/* ---- making frames ------------------------------------------------------------------------- */

enum { LENGTH_MAX = 300000 };

/* Lengths at the edges of records, and one that no chunk of the fixture has room for. */
static uint32_t length_of(uint64_t number)
{
    static const uint32_t lengths[] = {
        0,
        1,
        200,
        7,
        QTA_JOURNAL_RAW_FIRST_BYTES_MAX - 1,
        QTA_JOURNAL_RAW_FIRST_BYTES_MAX,
        QTA_JOURNAL_RAW_FIRST_BYTES_MAX + 1,
        333,
        QTA_JOURNAL_RAW_FIRST_BYTES_MAX + QTA_JOURNAL_PAYLOAD_MAX_BYTES,
        12345,
        80,
        40000,
        LENGTH_MAX,
    };
    return lengths[number % (sizeof lengths / sizeof lengths[0])];
}

static void fill(uint8_t *bytes, uint32_t length, uint64_t number)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(number * 31 + i / 3);
}

/* Frame `number` has number % 4 ticks, of the provider and connection that the fixture's ticks get
 * here. */
static void append_frame(struct qta_session_writer *writer, struct tick_maker *maker,
                         uint64_t number, uint16_t provider, struct qta_digest *digest)
{
    static uint8_t bytes[LENGTH_MAX];
    struct qta_raw_frame frame = {
        .first_seq = maker->next_seq,
        .bytes = bytes,
        .length = length_of(number),
        .tick_count = (uint32_t)(number % 4),
        .conn = 7,
        .provider = provider,
        .flags = number % 2 ? QTA_RAW_BINARY : 0,
    };
    for (uint32_t i = 0; i < frame.tick_count; i++) {
        struct qta_tick tick;
        tick_maker_next(maker, QTA_TICK_TRADE, &tick);
        tick.conn = 7;
        tick.provider = provider;
        assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
        qta_digest_add(digest, &tick, maker->names);
    }
    frame.ts_recv_ns = qta_session_writer_last_ts_recv_ns(writer);
    frame.stored_length = frame.length;
    fill(bytes, frame.length, number);
    assert_int_equal(qta_session_writer_append_raw(writer, &frame, NULL), QTA_OK);
}

struct frames {
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_digest digest;
    uint16_t provider;
};

static void begin_with(struct frames *frames, const struct qta_session_writer_options *options)
{
    tick_maker_init(&frames->maker, 3);
    frames->maker.is_plain = true;
    frames->maker.ts_recv_ns = INT64_C(1700000000000000000);
    frames->provider = (uint16_t)qta_dictionary_intern(frames->maker.names, QTA_NAME_PROVIDER,
                                                       "venue", strlen("venue"));
    qta_digest_init(&frames->digest);
    assert_int_equal(qta_session_writer_create(&frames->writer, options, frames->maker.names, NULL),
                     QTA_OK);
    struct qta_tick tick;
    tick_maker_next(&frames->maker, QTA_TICK_CONN, &tick);
    assert_int_equal(qta_session_writer_append(frames->writer, &tick, NULL), QTA_OK);
    qta_digest_add(&frames->digest, &tick, frames->maker.names);
}

static void begin(struct frames *frames, const struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    begin_with(frames, &options);
}

static void append_frames(struct frames *frames, uint64_t first, uint64_t count)
{
    for (uint64_t i = first; i < first + count; i++)
        append_frame(frames->writer, &frames->maker, i, frames->provider, &frames->digest);
}

static void leave(struct frames *frames, bool closes)
{
    if (closes)
        assert_int_equal(qta_session_writer_close(frames->writer, NULL), QTA_OK);
    qta_session_writer_destroy(frames->writer);
    tick_maker_finish(&frames->maker);
}

/* ---- looking at them ----------------------------------------------------------------------- */

static void assert_frame(const struct qta_raw_frame *frame, const struct qta_dictionary *names,
                         uint64_t number, uint64_t next_seq)
{
    static uint8_t expected[LENGTH_MAX];
    size_t length;
    assert_int_equal(frame->length, length_of(number));
    if (frame->length == LENGTH_MAX)
        assert_in_range(frame->stored_length, 50000, 65536);
    else
        assert_int_equal(frame->stored_length, frame->length);
    fill(expected, frame->stored_length, number);
    if (frame->stored_length > 0)
        assert_memory_equal(frame->bytes, expected, frame->stored_length);
    assert_int_equal(frame->tick_count, number % 4);
    assert_int_equal(frame->first_seq, next_seq);
    assert_int_equal(frame->conn, 7);
    assert_int_equal(frame->flags, number % 2 ? QTA_RAW_BINARY : 0);
    assert_string_equal(qta_dictionary_name(names, QTA_NAME_PROVIDER, frame->provider, &length),
                        "venue");
}

/* Reads so many frames, from number 0 on, and that there are no more. */
static void assert_frames(const char *path, uint64_t count)
{
    struct qta_raw_reader *reader;
    struct qta_error err;
    const struct qta_raw_frame *frame;
    uint64_t next_seq = 2;
    assert_int_equal(qta_raw_reader_create(&reader, path, NULL, &err), QTA_OK);
    for (uint64_t i = 0; i < count; i++) {
        enum qta_status status = qta_raw_reader_next(reader, &frame, &err);
        if (status != QTA_OK)
            fail_msg("frame %llu: %s", (unsigned long long)i, err.message);
        assert_frame(frame, qta_raw_reader_names(reader), i, next_seq);
        next_seq += frame->tick_count;
    }
    assert_int_equal(qta_raw_reader_next(reader, &frame, &err), QTA_ERR_END);
    qta_raw_reader_destroy(reader);
}

static void assert_verifies(const char *path, uint64_t frames)
{
    struct qta_session_verdict verdict;
    struct qta_error err = {.message = ""};
    if (qta_session_verify(path, NULL, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(verdict.raw_frames, frames);
}

static void assert_counts(const char *path, uint64_t frames)
{
    struct qta_session_info info;
    uint64_t bytes = 0;
    for (uint64_t i = 0; i < frames; i++)
        bytes += length_of(i) == LENGTH_MAX ? 0 : length_of(i);
    assert_int_equal(qta_session_info_read(path, &info, NULL), QTA_OK);
    assert_int_equal(info.raw_frames, frames);
    assert_true(info.raw_bytes >= bytes);
}

static void assert_ticks(const char *path, const struct qta_digest *written)
{
    struct qta_digest read;
    read_session(path, NULL, &read);
    assert_int_equal(read.ticks, written->ticks);
    assert_true(read.full == written->full);
}

/* ---- the tests ----------------------------------------------------------------------------- */

static void frames_come_back_from_journal_and_segments(void **state)
{
    const struct scratch *scratch = *state;
    enum { FRAMES = 130 };
    struct frames frames;
    begin(&frames, scratch);
    append_frames(&frames, 0, FRAMES);
    assert_frames(scratch->session, FRAMES);
    struct qta_digest written = frames.digest;
    leave(&frames, false);
    assert_frames(scratch->session, FRAMES);
    assert_counts(scratch->session, FRAMES);
    assert_ticks(scratch->session, &written);
    assert_verifies(scratch->session, FRAMES);

    struct qta_session_writer_options options = small_options(scratch);
    struct tick_maker maker;
    tick_maker_init(&maker, 1);
    assert_int_equal(qta_session_writer_create(&frames.writer, &options, maker.names, NULL),
                     QTA_OK);
    assert_int_equal(qta_session_writer_close(frames.writer, NULL), QTA_OK);
    qta_session_writer_destroy(frames.writer);
    tick_maker_finish(&maker);
    assert_frames(scratch->session, FRAMES);
    assert_counts(scratch->session, FRAMES);
    assert_ticks(scratch->session, &written);
    assert_verifies(scratch->session, FRAMES);
}

/* They are not carried over, and that is said. */
static void merge_and_export_count_what_they_leave_out(void **state)
{
    const struct scratch *scratch = *state;
    enum { FRAMES = 20 };
    char merged[400];
    char text[400];
    struct frames frames;
    snprintf(merged, sizeof merged, "%s/merged", scratch->path);
    snprintf(text, sizeof text, "%s/text", scratch->path);
    begin(&frames, scratch);
    append_frames(&frames, 0, FRAMES);
    leave(&frames, true);
    const struct qta_export_source source = {scratch->session, qta_session_filter_default()};
    const struct qta_session_merge_options merge_options = {.timezone = NULL};
    const struct qta_export_options export_options = {.format = QTA_EXCHANGE_NDJSON,
                                                      .output = text};
    struct qta_session_merge_result merge;
    struct qta_export_result export;
    assert_int_equal(qta_session_merge(&source, 1, merged, &merge_options, &merge, NULL), QTA_OK);
    assert_int_equal(merge.raw_frames, FRAMES);
    assert_frames(merged, 0);
    assert_int_equal(qta_session_export(&source, 1, &export_options, &export, NULL), QTA_OK);
    assert_int_equal(export.raw_frames, FRAMES);
}

static void reader_follows_a_live_session(void **state)
{
    const struct scratch *scratch = *state;
    enum { FRAMES = 150 };
    struct frames frames;
    struct qta_raw_reader *reader;
    const struct qta_raw_frame *frame;
    uint64_t next_seq = 2;
    begin(&frames, scratch);
    assert_int_equal(qta_raw_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
    for (uint64_t i = 0; i < FRAMES; i++) {
        assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_ERR_END);
        append_frames(&frames, i, 1);
        assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_OK);
        assert_frame(frame, qta_raw_reader_names(reader), i, next_seq);
        next_seq += frame->tick_count;
    }
    leave(&frames, true);
    assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_ERR_END);
    qta_raw_reader_destroy(reader);
}

/* Brute force over all frames says which ones a filter lets through. */
static void filters_let_through_what_they_should(void **state)
{
    const struct scratch *scratch = *state;
    enum { FRAMES = 150 };
    static const char *const providers[] = {"other", "venue"};
    struct frames frames;
    begin(&frames, scratch);
    int64_t start_ns = frames.maker.ts_recv_ns;
    append_frames(&frames, 0, FRAMES);
    uint64_t end_seq = frames.maker.next_seq;
    int64_t end_ns = frames.maker.ts_recv_ns + 1;
    leave(&frames, true);
    uint64_t random = 5;
    for (int round = 0; round < 60; round++) {
        struct qta_raw_filter filter = qta_raw_filter_default();
        if (round % 2)
            filter.from_seq = random_below(&random, end_seq);
        if (round % 3)
            filter.until_seq = filter.from_seq + random_below(&random, end_seq);
        if (round % 5 == 0)
            filter.from_ns = start_ns +
                             (int64_t)random_below(&random, (uint64_t)(end_ns - start_ns));
        if (round % 7 == 0)
            filter.until_ns = start_ns +
                              (int64_t)random_below(&random, (uint64_t)(end_ns - start_ns));
        filter.providers = round % 4 ? providers : NULL;
        filter.provider_count = (size_t)(round % 4 ? 1 + round % 2 : 0);
        bool passes_provider = round % 4 == 0 || filter.provider_count == 2;
        struct qta_raw_reader *all;
        struct qta_raw_reader *some;
        const struct qta_raw_frame *frame;
        const struct qta_raw_frame *other;
        assert_int_equal(qta_raw_reader_create(&all, scratch->session, NULL, NULL), QTA_OK);
        assert_int_equal(qta_raw_reader_create(&some, scratch->session, &filter, NULL), QTA_OK);
        while (qta_raw_reader_next(all, &frame, NULL) == QTA_OK) {
            uint64_t last = frame->first_seq + (frame->tick_count ? frame->tick_count - 1 : 0);
            if (!passes_provider || frame->first_seq >= filter.until_seq ||
                last < filter.from_seq || frame->ts_recv_ns < filter.from_ns ||
                frame->ts_recv_ns >= filter.until_ns)
                continue;
            assert_int_equal(qta_raw_reader_next(some, &other, NULL), QTA_OK);
            assert_int_equal(other->first_seq, frame->first_seq);
            assert_int_equal(other->length, frame->length);
        }
        assert_int_equal(qta_raw_reader_next(some, &other, NULL), QTA_ERR_END);
        qta_raw_reader_destroy(all);
        qta_raw_reader_destroy(some);
    }
}

/* Much of one message stands in many others, but far apart: what a level is for. */
static void write_messages(const struct scratch *scratch, int level, struct qta_digest *digest)
{
    enum { FRAMES = 900, PIECE = 64, PIECES = 8 };
    struct qta_session_writer_options options = small_options(scratch);
    struct frames frames;
    uint64_t random = 9;
    static uint8_t words[256][PIECE];
    for (size_t i = 0; i < sizeof words; i++)
        words[i / PIECE][i % PIECE] = (uint8_t)('a' + random_below(&random, 26));
    options.compression_level = level;
    options.journal_chunk_bytes = 4 << 20;
    begin_with(&frames, &options);
    for (int i = 0; i < FRAMES; i++) {
        uint8_t bytes[PIECE * PIECES];
        struct qta_tick tick;
        tick_maker_next(&frames.maker, QTA_TICK_TRADE, &tick);
        assert_int_equal(qta_session_writer_append(frames.writer, &tick, NULL), QTA_OK);
        qta_digest_add(&frames.digest, &tick, frames.maker.names);
        for (size_t piece = 0; piece < PIECES; piece++) {
            memcpy(bytes + piece * PIECE, words[random_below(&random, 256)], PIECE);
            bytes[piece * PIECE + random_below(&random, PIECE)] = (uint8_t)random_next(&random);
        }
        struct qta_raw_frame frame = {.first_seq = frames.maker.next_seq,
                                      .ts_recv_ns = tick.ts_recv_ns,
                                      .bytes = bytes,
                                      .length = sizeof bytes,
                                      .stored_length = sizeof bytes,
                                      .provider = frames.provider};
        assert_int_equal(qta_session_writer_append_raw(frames.writer, &frame, NULL), QTA_OK);
    }
    *digest = frames.digest;
    leave(&frames, true);
}

static uint64_t bytes_at_level(struct scratch *scratch, int level)
{
    struct qta_session_info info;
    struct qta_digest digest;
    scratch_remove(scratch);
    scratch_make_in_memory(scratch);
    write_messages(scratch, level, &digest);
    assert_ticks(scratch->session, &digest);
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    return info.bytes;
}

static void level_acts_on_stored_frames_and_so_does_compacting(void **state)
{
    struct scratch *scratch = *state;
    struct qta_compact_result result;
    struct qta_session_info info;
    uint64_t best = bytes_at_level(scratch, 19);
    uint64_t quick = bytes_at_level(scratch, 1);
    print_message("level 19: %llu bytes, level 1: %llu\n", (unsigned long long)best,
                  (unsigned long long)quick);
    assert_true(best < quick);
    assert_int_equal(qta_session_compact(scratch->session, 19, &result, NULL), QTA_OK);
    assert_int_equal(result.segments, 1);
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    assert_true(info.bytes < quick);
    assert_verifies(scratch->session, 900);
}

/* Nothing but messages without ticks for longer than a chunk lasts. */
static void chunks_of_frames_alone_are_sealed(void **state)
{
    const struct scratch *scratch = *state;
    struct frames frames;
    begin(&frames, scratch);
    static uint8_t bytes[10000];
    struct qta_raw_frame frame = {
        .first_seq = 2,
        .ts_recv_ns = frames.maker.ts_recv_ns + 1000,
        .bytes = bytes,
        .length = sizeof bytes,
        .stored_length = sizeof bytes,
        .provider = frames.provider,
    };
    enum { FRAMES = 40 };
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(qta_session_writer_append_raw(frames.writer, &frame, NULL), QTA_OK);
    frames.maker.ts_recv_ns += 2000;
    append_random(frames.writer, &frames.maker, 10, &frames.digest);
    struct qta_digest written = frames.digest;
    leave(&frames, true);
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    assert_int_equal(info.raw_frames, FRAMES);
    assert_int_equal(info.raw_bytes, FRAMES * sizeof bytes);
    assert_int_equal(info.records, 11);
    assert_true(info.segments >= 6);
    assert_ticks(scratch->session, &written);
    assert_verifies(scratch->session, FRAMES);
    for (uint64_t seq = 1; seq <= 12; seq++) {
        struct qta_session_filter filter = qta_session_filter_default();
        struct qta_digest read;
        filter.from_seq = seq;
        read_session(scratch->session, &filter, &read);
        assert_int_equal(read.ticks, 12 - seq);
    }
    for (int step = 0; step < 3; step++) {
        struct qta_session_filter filter = qta_session_filter_default();
        struct qta_digest read;
        filter.from_ns = frame.ts_recv_ns + step - 1;
        read_session(scratch->session, &filter, &read);
        assert_int_equal(read.ticks, 10);
    }
}

/* The last frame's records are taken away one by one, as if the power had failed. */
static void torn_frame_ends_the_journal_cleanly(void **state)
{
    const struct scratch *scratch = *state;
    char path[400];
    struct frames frames;
    begin(&frames, scratch);
    append_frames(&frames, 0, 10); /* the last one has four records */
    leave(&frames, false);
    snprintf(path, sizeof path, "%s/journal/000001.qjrn", scratch->session);
    size_t length;
    uint8_t *chunk = load_file(path, &length);
    assert_non_null(chunk);
    uint64_t committed;
    memcpy(&committed, chunk + QTA_JOURNAL_COMMITTED_OFFSET, sizeof committed);
    size_t whole = qta_journal_raw_bytes(length_of(9));
    for (size_t lost = 8; lost < whole; lost += 512) {
        memset(chunk + committed - lost, 0, lost);
        memset(chunk + QTA_JOURNAL_SYNCED_OFFSET, 0, 8);
        write_file(path, chunk, length);
        struct qta_raw_reader *reader;
        const struct qta_raw_frame *frame;
        struct qta_error err;
        assert_int_equal(qta_raw_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
        for (uint64_t i = 0; i < 9; i++)
            assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_OK);
        assert_int_equal(qta_raw_reader_next(reader, &frame, &err), QTA_ERR_DAMAGED);
        assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_ERR_END);
        qta_raw_reader_destroy(reader);
    }
    free(chunk);
    struct qta_session_writer_options options = small_options(scratch);
    struct tick_maker maker;
    tick_maker_init(&maker, 1);
    assert_int_equal(qta_session_writer_create(&frames.writer, &options, maker.names, NULL),
                     QTA_OK);
    assert_true(qta_session_writer_was_cut(frames.writer));
    assert_int_equal(qta_session_writer_close(frames.writer, NULL), QTA_OK);
    qta_session_writer_destroy(frames.writer);
    tick_maker_finish(&maker);
    assert_frames(scratch->session, 9);
    assert_verifies(scratch->session, 9);
}

static void note_problem(void *user, const char *problem)
{
    if (strstr(problem, "stored frame"))
        (*(int *)user)++;
}

/* Every byte of the blocks of stored frames in turn. */
static void damaged_frames_cost_frames_only(void **state)
{
    const struct scratch *scratch = *state;
    char path[400];
    struct frames frames;
    begin(&frames, scratch);
    append_frames(&frames, 0, 6);
    struct qta_digest written = frames.digest;
    leave(&frames, true);
    snprintf(path, sizeof path, "%s/segments/000001.qseg", scratch->session);
    size_t length;
    uint8_t *segment = load_file(path, &length);
    assert_non_null(segment);
    size_t start = QTA_SEGMENT_HEADER_BYTES;
    struct qta_frame frame;
    while (qta_frame_head_load(&frame, 1, start, segment + start) && frame.kind != QTA_FRAME_STORED)
        start += QTA_FRAME_HEAD_BYTES + frame.payload_bytes;
    assert_int_equal(frame.kind, QTA_FRAME_STORED);
    assert_int_equal(frame.raw.frames, 6);
    size_t payload = start + QTA_FRAME_HEAD_BYTES;
    for (size_t i = payload; i < payload + frame.payload_bytes; i++) {
        struct qta_raw_reader *reader;
        const struct qta_raw_frame *raw;
        struct qta_session_verdict verdict;
        int problems = 0;
        segment[i] ^= 0x40;
        write_file(path, segment, length);
        segment[i] ^= 0x40;
        assert_int_equal(qta_raw_reader_create(&reader, scratch->session, NULL, NULL), QTA_OK);
        assert_int_equal(qta_raw_reader_next(reader, &raw, NULL), QTA_ERR_DAMAGED);
        assert_int_equal(qta_raw_reader_next(reader, &raw, NULL), QTA_ERR_END);
        qta_raw_reader_destroy(reader);
        if (i % 16 != 0)
            continue;
        assert_ticks(scratch->session, &written);
        assert_int_equal(
            qta_session_verify(scratch->session, note_problem, NULL, &problems, &verdict, NULL),
            QTA_ERR_DAMAGED);
        assert_int_equal(problems, 1);
        assert_int_equal(verdict.lost, 0);
    }
    free(segment);
}

static void verify_finds_frames_that_claim_other_ticks(void **state)
{
    const struct scratch *scratch = *state;
    struct frames frames;
    begin(&frames, scratch);
    append_frames(&frames, 0, 4);
    struct qta_raw_frame frame = {
        .first_seq = frames.maker.next_seq - 1,
        .ts_recv_ns = frames.maker.ts_recv_ns,
        .bytes = (const uint8_t *)"x",
        .length = 1,
        .stored_length = 1,
        .tick_count = 1,
        .conn = 7,
        .provider = frames.provider,
    };
    assert_int_equal(qta_session_writer_append_raw(frames.writer, &frame, NULL), QTA_OK);
    append_frames(&frames, 5, 1);
    struct qta_tick tick;
    tick_maker_next(&frames.maker, QTA_TICK_TRADE, &tick);
    tick.provider = frames.provider;
    tick.conn = 8;
    assert_int_equal(qta_session_writer_append(frames.writer, &tick, NULL), QTA_OK);
    frame.first_seq = tick.rx_seq;
    frame.ts_recv_ns = tick.ts_recv_ns;
    assert_int_equal(qta_session_writer_append_raw(frames.writer, &frame, NULL), QTA_OK);
    leave(&frames, true);
    struct qta_session_verdict verdict;
    int problems = 0;
    assert_int_equal(
        qta_session_verify(scratch->session, note_problem, NULL, &problems, &verdict, NULL),
        QTA_ERR_DAMAGED);
    assert_int_equal(problems, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_come_back_from_journal_and_segments, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reader_follows_a_live_session, setup, teardown),
        cmocka_unit_test_setup_teardown(filters_let_through_what_they_should, setup, teardown),
        cmocka_unit_test_setup_teardown(merge_and_export_count_what_they_leave_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(level_acts_on_stored_frames_and_so_does_compacting, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(chunks_of_frames_alone_are_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(torn_frame_ends_the_journal_cleanly, setup, teardown),
        cmocka_unit_test_setup_teardown(damaged_frames_cost_frames_only, setup, teardown),
        cmocka_unit_test_setup_teardown(verify_finds_frames_that_claim_other_ticks, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("stored frames", tests, NULL, NULL);
}
