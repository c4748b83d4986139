/* Files that are gone, or shorter than they were: what was in them is missed, whoever looks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "storage/segment_reader.h"
#include "storage/segment_writer.h"
#include "tests/storage/session_fixture.h"

enum { TICKS = 4000 };

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make_in_memory(&scratch);
    struct qta_session_writer_options options = small_options(&scratch);
    write_session(&options, 31, TICKS, NULL);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

static void segment_path(const struct scratch *scratch, uint64_t number, char path[400])
{
    snprintf(path, 400, "%s/segments/%06u.qseg", scratch->session, (unsigned)number);
}

static uint64_t count_segments(const struct scratch *scratch)
{
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    return info.segments;
}

struct reading {
    uint64_t records;
    uint64_t damages;
    char first[QTA_ERROR_MESSAGE_BYTES];
};

static void read_all(const struct scratch *scratch, struct reading *reading)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    memset(reading, 0, sizeof *reading);
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err), QTA_OK);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status == QTA_OK) {
            reading->records += count;
            continue;
        }
        assert_int_equal(status, QTA_ERR_DAMAGED);
        if (reading->damages++ == 0)
            memcpy(reading->first, err.message, sizeof reading->first);
    }
    qta_session_reader_destroy(reader);
}

static void note_problem(void *user, const char *problem)
{
    char *text = user;
    size_t length = strlen(text);
    snprintf(text + length, 8192 - length, "%s\n", problem);
}

static void verify(const struct scratch *scratch, struct qta_session_verdict *verdict,
                   char problems[8192])
{
    problems[0] = '\0';
    enum qta_status status = qta_session_verify(scratch->session, note_problem, NULL, problems,
                                                verdict, NULL);
    assert_int_equal(status, verdict->problems > 0 ? QTA_ERR_DAMAGED : QTA_OK);
}

static void reopen(const struct scratch *scratch)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    struct qta_error err;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    if (qta_session_writer_create(&writer, &options, names, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
}

static void deleted_segments_are_missed_wherever_they_were(void **state)
{
    struct scratch *scratch = *state;
    const uint64_t last = count_segments(scratch);
    const struct {
        uint64_t from;
        uint64_t to;
    } cases[] = {{last, last}, {1, 1}, {2, 2}, {last - 1, last}, {1, last}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading reading;
        struct qta_session_verdict verdict;
        char path[400];
        char problems[8192];
        teardown(state);
        setup(state);
        for (uint64_t n = cases[i].from; n <= cases[i].to; n++) {
            segment_path(scratch, n, path);
            assert_int_equal(unlink(path), 0);
        }
        read_all(scratch, &reading);
        if (reading.damages != 1 || !strstr(reading.first, "missing"))
            fail_msg("segments %d to %d: '%s'", (int)cases[i].from, (int)cases[i].to,
                     reading.first);
        verify(scratch, &verdict, problems);
        assert_int_equal(verdict.records, reading.records);
        assert_int_equal(verdict.lost, TICKS - reading.records);
        for (uint64_t n = cases[i].from; n <= cases[i].to; n++) {
            char label[64];
            snprintf(label, sizeof label, "'segments/%06u.qseg' is not there", (unsigned)n);
            assert_non_null(strstr(problems, label));
        }
    }
}

/* The numbers of what is lost are not given to other ticks. */
static void session_with_a_lost_end_goes_on_behind_it(void **state)
{
    struct scratch *scratch = *state;
    const uint64_t last = count_segments(scratch);
    char path[400];
    char problems[8192];
    struct qta_session_verdict verdict;
    segment_path(scratch, last, path);
    assert_int_equal(unlink(path), 0);
    verify(scratch, &verdict, problems);
    const uint64_t lost = verdict.lost;
    assert_true(lost > 0);
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    tick_maker_init(&maker, 5);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_next_seq(writer), TICKS + 1);
    maker.next_seq = TICKS + 1;
    maker.ts_recv_ns = INT64_C(1) << 60;
    append_random(writer, &maker, 100, NULL);
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
    verify(scratch, &verdict, problems);
    assert_int_equal(verdict.records, TICKS + 100 - lost);
    assert_int_equal(verdict.lost, lost);
    assert_int_equal(verdict.problems, 1);
}

static void end_of_a_segment_that_is_cut_short_is_missed(void **state)
{
    struct scratch *scratch = *state;
    const uint64_t last = count_segments(scratch);
    char path[400];
    size_t length;
    segment_path(scratch, last, path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    for (size_t kept = 300; kept < length; kept += length / 7) {
        struct reading reading;
        struct qta_session_verdict verdict;
        char problems[8192];
        write_file(path, bytes, kept);
        read_all(scratch, &reading);
        verify(scratch, &verdict, problems);
        assert_true(verdict.problems > 0);
        assert_int_equal(reading.records + verdict.lost, TICKS);
        if (reading.records < TICKS)
            assert_true(reading.damages > 0);
        reopen(scratch);
        verify(scratch, &verdict, problems);
        assert_int_equal(verdict.records + verdict.lost, TICKS);
    }
    free(bytes);
}

static void good_blocks_around_a_bad_head_are_found(void **state)
{
    struct scratch *scratch = *state;
    char path[400];
    size_t length;
    struct reading reading;
    segment_path(scratch, 2, path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[256 + 3] ^= 1;     /* the head of the first frame, of names */
    bytes[length - 20] ^= 1; /* the trailer */
    bytes[185] ^= 1;         /* the header */
    write_file(path, bytes, length);
    read_all(scratch, &reading);
    assert_string_equal(reading.first, "");
    assert_int_equal(reading.records, TICKS);
    free(bytes);
}

/* ---- known holes --------------------------------------------------------------------------- */

struct hole_session {
    struct qta_session_folder folder;
    struct qta_block_encoder *encoder;
    struct qta_name_store names;
    uint64_t next_seq;
};

static void put_tick(struct hole_session *made, struct qta_segment_writer *segment)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    tick.rx_seq = made->next_seq++;
    tick.ts_recv_ns = (int64_t)tick.rx_seq * 1000;
    assert_int_equal(qta_segment_writer_put_ticks(segment, &tick, 1, NULL), QTA_OK);
}

static void put_hole(struct hole_session *made, struct qta_segment_writer *segment, uint64_t count)
{
    struct qta_known_hole hole = {.first_seq = made->next_seq,
                                  .last_seq = made->next_seq + count - 1,
                                  .after_ns = QTA_TIME_UNKNOWN,
                                  .until_ns = QTA_TIME_UNKNOWN};
    made->next_seq += count;
    assert_int_equal(qta_segment_writer_put_hole(segment, &hole, NULL), QTA_OK);
}

/* Text: '.' is a tick, a digit a hole of so many records, '|' the next segment. */
static void make_session(const char *path, const char *pattern)
{
    struct hole_session made = {.next_seq = 1};
    struct qta_segment_header header = {.run = 1, .timezone = "UTC"};
    struct qta_segment_writer *segment = NULL;
    assert_int_equal(qta_session_folder_make(&made.folder, path, qta_environment_system(), NULL),
                     QTA_OK);
    assert_int_equal(qta_block_encoder_create(&made.encoder, 1, NULL), QTA_OK);
    for (const char *c = pattern;; c++) {
        if ((*c == '|' || *c == '\0') && segment) {
            assert_int_equal(qta_segment_writer_finish(segment, NULL), QTA_OK);
            qta_segment_writer_destroy(segment);
            segment = NULL;
        }
        if (*c == '\0')
            break;
        if (*c == '|')
            continue;
        if (!segment) {
            header.number++;
            assert_int_equal(qta_segment_writer_create(&segment, &made.folder, &header,
                                                       made.encoder, &made.names, NULL),
                             QTA_OK);
        }
        if (*c == '.')
            put_tick(&made, segment);
        else
            put_hole(&made, segment, (uint64_t)(*c - '0'));
    }
    qta_block_encoder_destroy(made.encoder);
    qta_name_store_finish(&made.names);
    qta_session_folder_close(&made.folder);
}

static void known_holes_are_passed_over_and_counted(void **state)
{
    struct scratch *scratch = *state;
    static const struct {
        const char *pattern;
        uint64_t records;
        uint64_t known;
    } cases[] = {
        {".", 1, 0},    {"3.", 1, 3},    {".3", 1, 3},           {".3.", 2, 3},      {".3|.", 2, 3},
        {".|3.", 2, 3}, {".2|3.", 2, 5}, {"1.2.3|4.5.6", 4, 21}, {".9|.|9.", 3, 18},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reading reading;
        struct qta_session_verdict verdict;
        struct qta_session_info info;
        char problems[8192];
        print_message("session '%s'\n", cases[i].pattern);
        scratch_remove(scratch);
        make_session(scratch->session, cases[i].pattern);
        reopen(scratch); /* for its index */
        read_all(scratch, &reading);
        assert_int_equal(reading.damages, 0);
        assert_int_equal(reading.records, cases[i].records);
        verify(scratch, &verdict, problems);
        assert_string_equal(problems, "");
        assert_int_equal(verdict.lost, 0);
        assert_int_equal(verdict.lost_before, cases[i].known);
        assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
        assert_int_equal(info.lost, cases[i].known);
        assert_int_equal(info.records, cases[i].records);
    }
}

/* A reader that goes straight to a number or a time must not take a known hole for a loss. */
static void reading_from_within_a_known_hole_starts_behind_it(void **state)
{
    struct scratch *scratch = *state;
    scratch_remove(scratch);
    make_session(scratch->session, "..5..|3..4|..");
    struct qta_session_filter filter = qta_session_filter_default();
    for (uint64_t seq = 1; seq <= 20; seq++) {
        struct qta_session_reader *reader;
        const struct qta_tick *ticks;
        size_t count;
        filter.from_seq = seq;
        assert_int_equal(qta_session_reader_create(&reader, scratch->session, &filter, NULL),
                         QTA_OK);
        enum qta_status status = QTA_OK;
        uint64_t found = 0;
        while ((status = qta_session_reader_next(reader, &ticks, &count, NULL)) == QTA_OK) {
            assert_true(ticks[0].rx_seq >= seq);
            found += count;
        }
        assert_int_equal(status, QTA_ERR_END);
        assert_true(found > 0);
        qta_session_reader_destroy(reader);
    }
}

static void damaged_known_hole_is_a_loss_again(void **state)
{
    struct scratch *scratch = *state;
    char path[400];
    size_t length;
    struct qta_session_verdict verdict;
    char problems[8192];
    scratch_remove(scratch);
    make_session(scratch->session, ".3.");
    segment_path(scratch, 1, path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    static const uint8_t first[8] = {2};
    uint8_t *hole = memmem(bytes + 256 + 80, length - 256 - 80, first, sizeof first);
    assert_non_null(hole);
    hole[0] ^= 4;
    write_file(path, bytes, length);
    free(bytes);
    verify(scratch, &verdict, problems);
    assert_non_null(strstr(problems, "the known hole at byte"));
    assert_int_equal(verdict.lost, 3);
    assert_int_equal(verdict.lost_before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deleted_segments_are_missed_wherever_they_were, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(session_with_a_lost_end_goes_on_behind_it, setup, teardown),
        cmocka_unit_test_setup_teardown(end_of_a_segment_that_is_cut_short_is_missed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(good_blocks_around_a_bad_head_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(known_holes_are_passed_over_and_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_from_within_a_known_hole_starts_behind_it, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(damaged_known_hole_is_a_loss_again, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
