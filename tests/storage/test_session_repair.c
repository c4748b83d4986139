/* What is good is saved, what is lost is said, and the session itself stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qta/archive.h>

#include "storage/session_compact.h"
#include "storage/session_repair.h"
#include "tests/storage/fake_environment.h"
#include "tests/storage/session_fixture.h"

enum { TICKS = 3000 };

struct stage {
    struct scratch scratch;
    char output[400];
    struct fake_environment fake;
    uint64_t segments;
};

static int setup(void **state)
{
    static struct stage stage;
    struct qta_session_info info;
    memset(&stage, 0, sizeof stage);
    scratch_make_in_memory(&stage.scratch);
    snprintf(stage.output, sizeof stage.output, "%s/mended", stage.scratch.path);
    fake_environment_init(&stage.fake);
    struct qta_session_writer_options options = small_options(&stage.scratch);
    write_session(&options, 77, TICKS, NULL);
    assert_int_equal(qta_session_info_read(stage.scratch.session, &info, NULL), QTA_OK);
    stage.segments = info.segments;
    *state = &stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    scratch_remove(&stage->scratch);
    return 0;
}

static void segment_path(const struct stage *stage, uint64_t number, char path[400])
{
    snprintf(path, 400, "%s/segments/%06u.qseg", stage->scratch.session, (unsigned)number);
}

/* Reads what can be read: a digest over it, and how many records. */
static uint64_t read_what_is_good(const char *path, uint64_t *full, uint64_t *damages)
{
    struct qta_session_reader *reader;
    struct qta_digest digest;
    struct qta_error err;
    uint64_t records = 0;
    qta_digest_init(&digest);
    *damages = 0;
    if (qta_session_reader_create(&reader, path, NULL, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status == QTA_ERR_DAMAGED) {
            (*damages)++;
            continue;
        }
        assert_int_equal(status, QTA_OK);
        records += count;
        for (size_t i = 0; i < count; i++)
            qta_digest_add(&digest, &ticks[i], qta_session_reader_names(reader));
    }
    *full = digest.full;
    qta_session_reader_destroy(reader);
    return records;
}

/* Repairs, and holds the new session against the old one. */
static struct qta_repair_result repair(struct stage *stage, uint64_t lost)
{
    uint64_t before;
    uint64_t after;
    uint64_t damages;
    struct qta_repair_result result;
    struct qta_session_verdict verdict;
    struct qta_error err = {.message = ""};
    uint64_t records = read_what_is_good(stage->scratch.session, &before, &damages);
    enum qta_status status = qta_session_repair(stage->scratch.session, stage->output, NULL, NULL,
                                                &result, &err);
    if (status != (lost > 0 ? QTA_ERR_DAMAGED : QTA_OK))
        fail_msg("status %d: %s", (int)status, err.message);
    assert_int_equal(result.lost, lost);
    assert_int_equal(result.records, TICKS - lost);
    assert_int_equal(records, TICKS - lost);
    if (qta_session_verify(stage->output, NULL, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_msg("verify: %s", err.message);
    assert_int_equal(verdict.lost_before, lost);
    assert_int_equal(read_what_is_good(stage->output, &after, &damages), records);
    assert_int_equal(damages, 0);
    assert_int_equal(before, after);
    return result;
}

static bool is_pinned(const struct stage *stage)
{
    char path[450];
    snprintf(path, sizeof path, "%s/pinned", stage->output);
    return file_exists(path);
}

static void repair_keeps_the_pin(void **state)
{
    struct stage *stage = *state;
    repair(stage, 0);
    assert_false(is_pinned(stage));
    snprintf(stage->output, sizeof stage->output, "%s/mended-too", stage->scratch.path);
    assert_int_equal(qta_session_pin(stage->scratch.session, true, NULL), QTA_OK);
    repair(stage, 0);
    assert_true(is_pinned(stage));
}

static uint64_t records_of(const struct stage *stage, uint64_t number)
{
    char path[400];
    size_t length;
    segment_path(stage, number, path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    uint64_t records;
    memcpy(&records, bytes + 136, sizeof records);
    free(bytes);
    return records;
}

static void damage(const struct stage *stage, uint64_t number, size_t percent)
{
    char path[400];
    size_t length;
    segment_path(stage, number, path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[length * percent / 100] ^= 0x10;
    write_file(path, bytes, length);
    free(bytes);
}

static void remove_segment(const struct stage *stage, uint64_t number)
{
    char path[400];
    segment_path(stage, number, path);
    assert_int_equal(unlink(path), 0);
}

static void whole_session_is_copied_byte_for_byte(void **state)
{
    struct stage *stage = *state;
    struct qta_repair_result result = repair(stage, 0);
    assert_int_equal(result.problems, 0);
    for (uint64_t number = 1; number <= stage->segments; number++) {
        char path[400];
        size_t lengths[2];
        segment_path(stage, number, path);
        uint8_t *source = load_file(path, &lengths[0]);
        snprintf(path, sizeof path, "%s/segments/%06u.qseg", stage->output, (unsigned)number);
        uint8_t *copy = load_file(path, &lengths[1]);
        assert_non_null(copy);
        assert_int_equal(lengths[0], lengths[1]);
        assert_memory_equal(source, copy, lengths[0]);
        free(source);
        free(copy);
    }
}

static void every_good_block_around_a_bad_one_is_saved(void **state)
{
    struct stage *stage = *state;
    for (uint64_t number = 1; number <= stage->segments; number++) {
        teardown(state);
        setup(state);
        uint64_t lost = records_of(stage, number);
        damage(stage, number, 50); /* in the one block of this segment */
        struct qta_repair_result result = repair(stage, lost);
        assert_int_equal(result.holes, 1);
    }
}

static void missing_segments_leave_known_holes(void **state)
{
    struct stage *stage = *state;
    uint64_t lost = records_of(stage, 1) + records_of(stage, 3) +
                    records_of(stage, stage->segments);
    remove_segment(stage, 1);
    remove_segment(stage, 3);
    remove_segment(stage, stage->segments);
    struct qta_repair_result result = repair(stage, lost);
    assert_int_equal(result.holes, 3);
    /* a repair of what was repaired loses nothing more */
    char again[400];
    snprintf(again, sizeof again, "%s/again", stage->scratch.path);
    assert_int_equal(qta_session_repair(stage->output, again, NULL, NULL, &result, NULL), QTA_OK);
    assert_int_equal(result.lost, 0);
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(again, &info, NULL), QTA_OK);
    assert_int_equal(info.lost, lost);
}

static void session_that_was_cut_off_is_sealed(void **state)
{
    struct stage *stage = *state;
    struct qta_session_writer_options options = small_options(&stage->scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct qta_repair_result result;
    struct qta_session_info info;
    scratch_remove(&stage->scratch);
    tick_maker_init(&maker, 3);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, TICKS, NULL);
    assert_int_equal(
        qta_session_repair(stage->scratch.session, stage->output, NULL, NULL, &result, NULL),
        QTA_ERR_LOCKED);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
    repair(stage, 0);
    assert_int_equal(qta_session_info_read(stage->output, &info, NULL), QTA_OK);
    assert_true(info.is_sealed);
    assert_int_equal(info.records, TICKS);
}

static void session_of_which_nothing_is_left_is_refused(void **state)
{
    struct stage *stage = *state;
    struct qta_repair_result result;
    for (uint64_t number = 1; number <= stage->segments; number++)
        remove_segment(stage, number);
    assert_int_equal(
        qta_session_repair(stage->scratch.session, stage->output, NULL, NULL, &result, NULL),
        QTA_ERR_DAMAGED);
    assert_int_equal(result.records, 0);
    assert_int_equal(result.lost, TICKS);
    assert_false(file_exists(stage->output));
}

static void output_that_is_there_is_refused(void **state)
{
    struct stage *stage = *state;
    struct qta_repair_result result;
    assert_int_equal(qta_session_repair(stage->scratch.session, stage->scratch.session, NULL, NULL,
                                        &result, NULL),
                     QTA_ERR_USAGE);
    assert_int_equal(
        qta_session_repair(stage->scratch.session, "/nowhere/at/all", NULL, NULL, &result, NULL),
        QTA_ERR_NOT_FOUND);
}

/* Where only the sync of its name has failed the session is there, whole, and may be gone after a
 * power cut. */
static void expect_nothing_but_a_name(const struct stage *stage)
{
    struct qta_session_verdict verdict;
    struct scratch made;
    if (!file_exists(stage->output))
        return;
    assert_int_equal(qta_session_verify(stage->output, NULL, NULL, NULL, &verdict, NULL), QTA_OK);
    snprintf(made.path, sizeof made.path, "%s", stage->output);
    scratch_remove(&made);
}

static void repair_that_fails_or_dies_anywhere_leaves_no_session(void **state)
{
    struct stage *stage = *state;
    struct qta_repair_result result;
    bool has_failed = true;
    damage(stage, 2, 50);
    for (int64_t call = 1; has_failed; call += 7) {
        fake_environment_fail(&stage->fake, FAKE_ALL, call, true, EIO);
        enum qta_status status = qta_session_repair_in(stage->scratch.session, stage->output, NULL,
                                                       NULL, &stage->fake.base, &result, NULL);
        has_failed = stage->fake.failures > 0;
        fake_environment_fail(&stage->fake, 0, 0, false, 0);
        if (has_failed && status != QTA_OK && status != QTA_ERR_DAMAGED)
            expect_nothing_but_a_name(stage);
    }
    scratch_remove(&stage->scratch);
    setup(state);
    damage(stage, 2, 50);
    for (int64_t call = 5; call < 120; call += 23) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fake_environment_kill_at(&stage->fake, FAKE_CHANGES, call);
            qta_session_repair_in(stage->scratch.session, stage->output, NULL, NULL,
                                  &stage->fake.base, &result, NULL);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        if (WIFEXITED(status))
            break;
        assert_false(file_exists(stage->output));
    }
    if (!file_exists(stage->output))
        repair(stage, records_of(stage, 2));
}

static void reindex_makes_the_index_anew(void **state)
{
    struct stage *stage = *state;
    struct qta_session_verdict verdict;
    char path[400];
    snprintf(path, sizeof path, "%s/session.db", stage->scratch.session);
    write_file(path, "garbage", 7);
    assert_int_equal(qta_session_verify(stage->scratch.session, NULL, NULL, NULL, &verdict, NULL),
                     QTA_ERR_DAMAGED);
    assert_int_equal(qta_session_reindex(stage->scratch.session, NULL), QTA_OK);
    assert_int_equal(qta_session_verify(stage->scratch.session, NULL, NULL, NULL, &verdict, NULL),
                     QTA_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(qta_session_reindex(stage->scratch.session, NULL), QTA_OK);
    assert_int_equal(qta_session_verify(stage->scratch.session, NULL, NULL, NULL, &verdict, NULL),
                     QTA_OK);
    struct qta_session_writer_options options = small_options(&stage->scratch);
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    assert_int_equal(qta_session_reindex(stage->scratch.session, NULL), QTA_ERR_LOCKED);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
}

static uint64_t digest_of(const char *path)
{
    uint64_t full;
    uint64_t damages;
    assert_int_equal(read_what_is_good(path, &full, &damages), TICKS);
    assert_int_equal(damages, 0);
    return full;
}

static void compacted_session_is_smaller_and_the_same(void **state)
{
    struct stage *stage = *state;
    struct qta_compact_result result;
    struct qta_session_verdict verdict;
    struct qta_session_reader *reader;
    const struct qta_tick *ticks;
    size_t count;
    struct qta_error err;
    const char *path = stage->scratch.session;
    const uint64_t before = digest_of(path);
    /* a reader that is in the middle of it goes on */
    assert_int_equal(qta_session_reader_create(&reader, path, NULL, NULL), QTA_OK);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, NULL), QTA_OK);
    uint64_t read = count;
    if (qta_session_compact(path, 19, &result, &err) != QTA_OK)
        fail_msg("%s", err.message);
    while (qta_session_reader_next(reader, &ticks, &count, NULL) == QTA_OK)
        read += count;
    assert_int_equal(read, TICKS);
    qta_session_reader_destroy(reader);
    assert_true(result.segments > 0);
    assert_true(result.bytes_after < result.bytes_before);
    assert_int_equal(digest_of(path), before);
    assert_int_equal(qta_session_verify(path, NULL, NULL, NULL, &verdict, NULL), QTA_OK);
    assert_int_equal(qta_session_compact(path, 20, &result, NULL), QTA_ERR_USAGE);
    damage(stage, 1, 50);
    assert_int_equal(qta_session_compact(path, 19, &result, NULL), QTA_ERR_DAMAGED);
}

static void compaction_that_dies_anywhere_loses_nothing(void **state)
{
    struct stage *stage = *state;
    struct qta_compact_result result;
    struct qta_session_verdict verdict;
    const char *path = stage->scratch.session;
    const uint64_t before = digest_of(path);
    bool was_killed = true;
    for (int64_t call = 1; was_killed && call < 400; call += 11) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fake_environment_kill_at(&stage->fake, FAKE_CHANGES, call);
            qta_session_compact_in(path, 19, &stage->fake.base, &result, NULL);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        was_killed = !WIFEXITED(status);
        assert_int_equal(digest_of(path), before);
    }
    struct qta_error err;
    if (qta_session_compact(path, 19, &result, &err) != QTA_OK)
        fail_msg("%s", err.message);
    assert_int_equal(digest_of(path), before);
    assert_int_equal(qta_session_verify(path, NULL, NULL, NULL, &verdict, NULL), QTA_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(repair_keeps_the_pin, setup, teardown),
        cmocka_unit_test_setup_teardown(whole_session_is_copied_byte_for_byte, setup, teardown),
        cmocka_unit_test_setup_teardown(every_good_block_around_a_bad_one_is_saved, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(missing_segments_leave_known_holes, setup, teardown),
        cmocka_unit_test_setup_teardown(session_that_was_cut_off_is_sealed, setup, teardown),
        cmocka_unit_test_setup_teardown(session_of_which_nothing_is_left_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(output_that_is_there_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(repair_that_fails_or_dies_anywhere_leaves_no_session, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(compacted_session_is_smaller_and_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(compaction_that_dies_anywhere_loses_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reindex_makes_the_index_anew, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
