/* tests/data/session-v1 was made when version 1 of the format was fixed: it must be read for ever,
 * and what is written today must still be that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zstd.h>

#include <qta/print.h>

#include "tests/storage/golden_session.h"
#include "tests/storage/session_fixture.h"

/* The ticks that are there as text: two rounds of the first run, one of the last. */
enum { LAST_PRINTED = 168, FIRST_PRINTED_AGAIN = 71093 };

static const char *const files[] = {
    "session.db",           "segments/000001.qseg", "segments/000002.qseg",
    "segments/000003.qseg", "journal/000004.qjrn",
};

static void data_path(char *path, size_t capacity, const char *name)
{
    const char *source = getenv("QTA_SOURCE_DIR");
    snprintf(path, capacity, "%s/tests/data/session-v1%s", source ? source : ".", name);
}

static char *load_text(const char *name)
{
    char path[512];
    size_t length;
    data_path(path, sizeof path, name);
    char *text = (char *)load_file(path, &length);
    assert_non_null(text);
    return text;
}

/* "NAME VALUE" lines of session-v1.txt. */
static void said(const char *name, char value[64])
{
    char *text = load_text(".txt");
    const char *line = strstr(text, name);
    assert_non_null(line);
    assert_int_equal(sscanf(line + strlen(name), " %63s", value), 1);
    free(text);
}

/* SQLite wants to write next to session.db, and the sources may be read-only. */
static void copy_golden(struct scratch *scratch)
{
    char from[512];
    char to[512];
    scratch_make_in_memory(scratch);
    static const char *const folders[] = {"", "/segments", "/journal"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(to, sizeof to, "%s%s", scratch->session, folders[i]);
        assert_int_equal(mkdir(to, 0700), 0);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char name[64];
        size_t length;
        snprintf(name, sizeof name, "/%s", files[i]);
        data_path(from, sizeof from, name);
        snprintf(to, sizeof to, "%s%s", scratch->session, name);
        uint8_t *bytes = load_file(from, &length);
        assert_non_null(bytes);
        write_file(to, bytes, length);
        free(bytes);
    }
}

static void assert_digest(const struct qta_digest *digest)
{
    char full[64];
    char market[64];
    char text[64];
    said("full", full);
    said("market", market);
    snprintf(text, sizeof text, "%016" PRIx64, digest->full);
    assert_string_equal(text, full);
    snprintf(text, sizeof text, "%016" PRIx64, digest->market);
    assert_string_equal(text, market);
}

static void it_is_read_as_it_was_written(void **state)
{
    struct scratch scratch;
    struct qta_digest digest;
    (void)state;
    copy_golden(&scratch);
    read_session(scratch.session, NULL, &digest);
    assert_digest(&digest);
    scratch_remove(&scratch);
}

static void stored_frames_are_as_they_were(void **state)
{
    struct scratch scratch;
    struct qta_raw_reader *reader;
    const struct qta_raw_frame *frame;
    size_t count = 0;
    (void)state;
    copy_golden(&scratch);
    assert_int_equal(qta_raw_reader_create(&reader, scratch.session, NULL, NULL), QTA_OK);
    for (; qta_raw_reader_next(reader, &frame, NULL) == QTA_OK; count++) {
        char bytes[GOLDEN_FRAME_BYTES];
        int length = golden_session_frame(frame->first_seq, bytes);
        assert_int_equal(frame->stored_length, length);
        assert_memory_equal(frame->bytes, bytes, (size_t)length);
    }
    assert_int_equal(count, GOLDEN_PLAIN_TICKS / 1000 + 1);
    qta_raw_reader_destroy(reader);
    scratch_remove(&scratch);
}

static void every_tick_prints_as_it_did(void **state)
{
    struct scratch scratch;
    struct qta_session_reader *reader;
    const struct qta_tick *ticks;
    size_t count;
    static char line[1 << 16];
    (void)state;
    char *expected = load_text(".ndjson");
    const char *at = expected;
    copy_golden(&scratch);
    assert_int_equal(qta_session_reader_create(&reader, scratch.session, NULL, NULL), QTA_OK);
    while (qta_session_reader_next(reader, &ticks, &count, NULL) == QTA_OK)
        for (size_t i = 0; i < count; i++) {
            if (ticks[i].rx_seq > LAST_PRINTED && ticks[i].rx_seq < FIRST_PRINTED_AGAIN)
                continue;
            size_t length = qta_print_tick(&ticks[i], qta_session_reader_names(reader),
                                           QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line,
                                           sizeof line);
            assert_memory_equal(line, at, length);
            at += length;
        }
    assert_string_equal(at, "");
    qta_session_reader_destroy(reader);
    scratch_remove(&scratch);
    free(expected);
}

static void report(void *user, const char *problem)
{
    (void)user;
    print_error("%s\n", problem);
}

static void it_verifies(void **state)
{
    struct scratch scratch;
    struct qta_session_verdict verdict;
    struct qta_error err;
    (void)state;
    copy_golden(&scratch);
    assert_int_equal(qta_session_verify(scratch.session, report, NULL, NULL, &verdict, &err),
                     QTA_OK);
    assert_int_equal(verdict.problems, 0);
    scratch_remove(&scratch);
}

static void assert_same_file(const struct scratch *left, const struct scratch *right,
                             const char *name)
{
    char path[512];
    size_t left_length;
    size_t right_length;
    print_message("%s\n", name);
    snprintf(path, sizeof path, "%s/%s", left->session, name);
    uint8_t *left_bytes = load_file(path, &left_length);
    snprintf(path, sizeof path, "%s/%s", right->session, name);
    uint8_t *right_bytes = load_file(path, &right_length);
    assert_non_null(left_bytes);
    assert_non_null(right_bytes);
    assert_int_equal(left_length, right_length);
    assert_memory_equal(left_bytes, right_bytes, left_length);
    free(left_bytes);
    free(right_bytes);
}

/* What zstd makes of the same bytes may change with its version; the ticks may not. */
static void today_the_same_is_written(void **state)
{
    struct scratch golden;
    struct scratch today;
    struct qta_digest digest;
    char zstd[64];
    (void)state;
    copy_golden(&golden);
    scratch_make_in_memory(&today);
    golden_session_make(today.session, GOLDEN_ROUNDS, GOLDEN_PLAIN_TICKS, &digest);
    assert_digest(&digest);
    read_session(today.session, NULL, &digest);
    assert_digest(&digest);
    assert_same_file(&golden, &today, "journal/000004.qjrn");
    said("zstd", zstd);
    for (size_t i = 1; i < 4 && strcmp(zstd, ZSTD_versionString()) == 0; i++)
        assert_same_file(&golden, &today, files[i]);
    scratch_remove(&golden);
    scratch_remove(&today);
}

/* Each was a fault once. */
static void sessions_of_other_sizes_are_read_as_they_were_written(void **state)
{
    static const size_t sizes[][2] = {{12, 300}, {1, 0}, {0, 5}, {1, 60}};
    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct scratch scratch;
        struct qta_digest written;
        struct qta_digest found;
        scratch_make_in_memory(&scratch);
        golden_session_make(scratch.session, sizes[i][0], sizes[i][1], &written);
        read_session(scratch.session, NULL, &found);
        assert_true(found.full == written.full);
        assert_int_equal(found.ticks, written.ticks);
        scratch_remove(&scratch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_as_it_was_written),
        cmocka_unit_test(stored_frames_are_as_they_were),
        cmocka_unit_test(every_tick_prints_as_it_did),
        cmocka_unit_test(it_verifies),
        cmocka_unit_test(today_the_same_is_written),
        cmocka_unit_test(sessions_of_other_sizes_are_read_as_they_were_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
