/* Which directories are sessions, and who may write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qta/session.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "storage/journal_format.h"
#include "storage/segment_format.h"
#include "storage/session_folder.h"
#include "tests/storage/session_fixture.h"

static struct qta_dictionary *names;

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make_in_memory(&scratch);
    *state = &scratch;
    return qta_dictionary_create(&names, NULL) == QTA_OK ? 0 : 1;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    qta_dictionary_destroy(names);
    return 0;
}

static enum qta_status open_writer(const struct scratch *scratch,
                                   struct qta_session_writer **writer, struct qta_error *err)
{
    struct qta_session_writer_options options = small_options(scratch);
    return qta_session_writer_create(writer, &options, names, err);
}

static void second_writer_is_told_who_the_first_one_is(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer *first;
    struct qta_session_writer *second;
    struct qta_error err;
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    assert_int_equal(open_writer(scratch, &first, &err), QTA_OK);
    assert_int_equal(open_writer(scratch, &second, &err), QTA_ERR_LOCKED);
    assert_non_null(strstr(err.message, pid));
    assert_int_equal(qta_session_writer_close(first, NULL), QTA_OK);
    assert_int_equal(open_writer(scratch, &second, &err), QTA_ERR_LOCKED); /* until destroy */
    qta_session_writer_destroy(first);
    assert_int_equal(open_writer(scratch, &second, &err), QTA_OK);
    qta_session_writer_destroy(second);
}

static void lock_of_another_process_ends_with_it(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer *writer;
    struct qta_error err;
    struct qta_session_info info;
    char pid[32];
    int pipes[2];
    char byte;
    assert_int_equal(pipe(pipes), 0);
    pid_t child = fork();
    if (child == 0) {
        if (open_writer(scratch, &writer, NULL) != QTA_OK || write(pipes[1], "x", 1) != 1)
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 1);
    snprintf(pid, sizeof pid, "process %ld", (long)child);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_LOCKED);
    assert_non_null(strstr(err.message, pid));
    assert_int_equal(qta_session_info_read(scratch->session, &info, &err), QTA_OK);
    assert_true(info.is_live);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_OK);
    assert_true(qta_session_writer_was_cut(writer));
    qta_session_writer_destroy(writer);
    close(pipes[0]);
    close(pipes[1]);
}

static void missing_session_is_not_found(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_reader *reader;
    struct qta_session_info info;
    struct qta_session_verdict verdict;
    struct qta_error err;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err),
                     QTA_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, scratch->session));
    assert_int_equal(qta_session_info_read(scratch->session, &info, &err), QTA_ERR_NOT_FOUND);
    assert_int_equal(qta_session_verify(scratch->session, NULL, NULL, NULL, &verdict, &err),
                     QTA_ERR_NOT_FOUND);
}

static void foreign_directory_is_left_alone(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_reader *reader;
    struct qta_session_writer *writer;
    struct qta_error err;
    char path[400];
    assert_int_equal(mkdir(scratch->session, 0700), 0);
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err),
                     QTA_ERR_FORMAT); /* empty: nothing to read */
    snprintf(path, sizeof path, "%s/thesis.tex", scratch->session);
    write_file(path, "x", 1);
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err),
                     QTA_ERR_FORMAT);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_FORMAT);
    assert_non_null(strstr(err.message, "thesis.tex"));
    snprintf(path, sizeof path, "%s/writer.lock", scratch->session);
    assert_false(file_exists(path));
    snprintf(path, sizeof path, "%s/segments", scratch->session);
    assert_false(file_exists(path));
}

static void file_in_the_place_of_a_session_is_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_reader *reader;
    struct qta_session_writer *writer;
    struct qta_error err;
    write_file(scratch->session, "x", 1);
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err),
                     QTA_ERR_FORMAT);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_FORMAT);
}

static void folders_above_are_made_and_links_to_a_session_followed(void **state)
{
    const struct scratch *scratch = *state;
    struct scratch deep = *scratch;
    struct scratch linked = *scratch;
    struct qta_digest written;
    struct qta_digest read;
    snprintf(deep.session, sizeof deep.session, "%s/a//b/./c/", scratch->path);
    snprintf(linked.session, sizeof linked.session, "%s/today", scratch->path);
    struct qta_session_writer_options options = small_options(&deep);
    write_session(&options, 1, 100, &written);
    assert_int_equal(symlink("a/b/c", linked.session), 0);
    read_session(linked.session, NULL, &read);
    assert_true(read.full == written.full);
}

static void link_in_the_place_of_a_part_is_not_followed(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer *writer;
    struct qta_error err;
    char path[400];
    char other[400];
    assert_int_equal(mkdir(scratch->session, 0700), 0);
    snprintf(other, sizeof other, "%s/other", scratch->path);
    assert_int_equal(mkdir(other, 0700), 0);
    snprintf(path, sizeof path, "%s/segments", scratch->session);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_IO);
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/writer.lock", scratch->session);
    unlink(path);
    snprintf(other, sizeof other, "%s/secret", scratch->path);
    write_file(other, "secret", 6);
    assert_int_equal(symlink(other, path), 0);
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_IO);
    size_t length;
    uint8_t *content = load_file(other, &length);
    assert_int_equal(length, 6); /* no pid was written to it */
    free(content);
}

/* ---- versions ------------------------------------------------------------------------------ */

static void expect_newer_version_refused(const struct scratch *scratch, const char *file)
{
    struct qta_session_writer *writer;
    struct qta_session_reader *reader;
    struct qta_error err;
    const struct qta_tick *ticks;
    size_t count;
    assert_int_equal(open_writer(scratch, &writer, &err), QTA_ERR_FORMAT);
    assert_non_null(strstr(err.message, file));
    assert_non_null(strstr(err.message, "has format version 2, this program reads up to 1"));
    if (strcmp(file, QTA_SESSION_DB_NAME) == 0)
        return; /* of which readers take no notice */
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, NULL, &err), QTA_OK);
    assert_int_equal(qta_session_reader_next(reader, &ticks, &count, &err), QTA_ERR_FORMAT);
    assert_non_null(strstr(err.message, "has format version 2, this program reads up to 1"));
    qta_session_reader_destroy(reader);
}

/* Sets the version at byte 8 and the checksum that covers it. */
static void set_version(const struct scratch *scratch, const char *file, size_t checksum_offset)
{
    char path[400];
    size_t length;
    snprintf(path, sizeof path, "%s/%s", scratch->session, file);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    qta_store_u32(bytes + 8, 2);
    qta_store_u32(bytes + checksum_offset, qta_crc32c(0, bytes, checksum_offset));
    write_file(path, bytes, length);
    free(bytes);
}

static void newer_segment_is_refused_with_both_versions(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    write_session(&options, 1, 10, NULL);
    set_version(scratch, "segments/000001.qseg", QTA_SEGMENT_HEADER_BYTES - 4);
    expect_newer_version_refused(scratch, "segments/000001.qseg");
}

static void newer_journal_is_refused_with_both_versions(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer *writer;
    assert_int_equal(open_writer(scratch, &writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    set_version(scratch, "journal/000001.qjrn", 144);
    expect_newer_version_refused(scratch, "journal/000001.qjrn");
}

static void newer_index_is_refused_with_both_versions(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    char path[400];
    sqlite3 *db;
    write_session(&options, 1, 10, NULL);
    snprintf(path, sizeof path, "%s/session.db", scratch->session);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=2", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    expect_newer_version_refused(scratch, QTA_SESSION_DB_NAME);
}

/* ---- places that cannot be written --------------------------------------------------------- */

static void set_modes(const struct scratch *scratch, mode_t folders)
{
    char path[400];
    static const char *const parts[] = {"", "/segments", "/journal"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", scratch->session, parts[i]);
        assert_int_equal(chmod(path, folders), 0);
    }
}

/* As on read-only media, for whom permissions count. */
static void session_is_read_where_nothing_can_be_written(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_digest written;
    struct qta_digest read;
    struct qta_session_info info;
    struct tick_maker maker;
    qta_digest_init(&written);
    tick_maker_init(&maker, 4);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 3000, &written);
    qta_session_writer_destroy(writer); /* and left as after a crash */
    char db[400];
    snprintf(db, sizeof db, "%s/session.db", scratch->session);
    unlink(db);
    set_modes(scratch, 0500);
    read_session(scratch->session, NULL, &read);
    assert_true(read.full == written.full);
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    assert_int_equal(info.records, 3000);
    assert_false(info.is_sealed);
    assert_string_equal(info.timezone, "America/New_York");
    set_modes(scratch, 0700);
    assert_false(file_exists(db));
    tick_maker_finish(&maker);
}

static void options_that_cannot_work_are_refused(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_writer *writer;
    struct qta_error err;
    char zone[100];
    memset(zone, 'z', sizeof zone - 1);
    zone[sizeof zone - 1] = '\0';
    struct qta_session_writer_options cases[] = {
        small_options(scratch), small_options(scratch), small_options(scratch),
        small_options(scratch), small_options(scratch), small_options(scratch),
    };
    cases[0].path = NULL;
    cases[1].path = "";
    cases[2].timezone = zone;
    cases[3].journal_chunk_bytes = 1000;
    cases[4].journal_chunk_bytes = UINT64_C(1) << 40;
    cases[5].journal_max_bytes = 1;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(qta_session_writer_create(&writer, &cases[i], names, &err), QTA_ERR_USAGE);
        assert_true(err.message[0] != '\0');
    }
    assert_false(file_exists(scratch->session));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(second_writer_is_told_who_the_first_one_is),
        TEST(lock_of_another_process_ends_with_it),
        TEST(missing_session_is_not_found),
        TEST(foreign_directory_is_left_alone),
        TEST(file_in_the_place_of_a_session_is_refused),
        TEST(folders_above_are_made_and_links_to_a_session_followed),
        TEST(link_in_the_place_of_a_part_is_not_followed),
        TEST(newer_segment_is_refused_with_both_versions),
        TEST(newer_journal_is_refused_with_both_versions),
        TEST(newer_index_is_refused_with_both_versions),
        TEST(session_is_read_where_nothing_can_be_written),
        TEST(options_that_cannot_work_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
