/* session.db tells what the segments hold, and is made anew whenever it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "tests/storage/session_fixture.h"

enum { TICKS = 4000 };

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make_in_memory(&scratch);
    struct qta_session_writer_options options = small_options(&scratch);
    write_session(&options, 21, TICKS, NULL);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

static void db_path(const struct scratch *scratch, char path[400])
{
    snprintf(path, 400, "%s/session.db", scratch->session);
}

static int64_t query(const struct scratch *scratch, const char *sql)
{
    char path[400];
    sqlite3 *db;
    sqlite3_stmt *statement;
    db_path(scratch, path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return value;
}

static void execute(const struct scratch *scratch, const char *sql)
{
    char path[400];
    char *message = NULL;
    sqlite3 *db;
    db_path(scratch, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
        fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
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

static void note_problem(void *user, const char *problem)
{
    snprintf(user, 512, "%s", problem);
}

static bool is_good(const struct scratch *scratch)
{
    struct qta_session_verdict verdict;
    char problem[512] = "";
    enum qta_status status = qta_session_verify(scratch->session, note_problem, NULL, problem,
                                                &verdict, NULL);
    assert_int_equal(verdict.records, TICKS);
    return status == QTA_OK;
}

static void index_tells_what_the_segments_hold(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(scratch->session, &info, NULL), QTA_OK);
    assert_int_equal(info.records, TICKS);
    assert_true(info.segments > 2);
    assert_int_equal(query(scratch, "PRAGMA application_id"), 0x51544131);
    assert_int_equal(query(scratch, "PRAGMA user_version"), 1);
    assert_int_equal(query(scratch, "SELECT count(*) FROM segments"), info.segments);
    assert_int_equal(query(scratch, "SELECT sum(records) FROM segments"), TICKS);
    assert_int_equal(query(scratch, "SELECT sum(records) FROM blocks"), TICKS);
    assert_int_equal(query(scratch, "SELECT sum(records) FROM counters"), TICKS);
    assert_int_equal(query(scratch, "SELECT min(first_seq) FROM blocks"), 1);
    assert_int_equal(query(scratch, "SELECT max(last_seq) FROM blocks"), TICKS);
    assert_int_equal(query(scratch, "SELECT count(*) FROM symbols"), info.symbols);
    assert_int_equal(query(scratch, "SELECT count(*) FROM providers"), info.providers);
    assert_int_equal(query(scratch, "SELECT count(*) FROM gaps"), info.gaps);
    assert_true(info.gaps > 10);
    assert_int_equal(query(scratch, "SELECT count(*) FROM runs WHERE ended_ns > started_ns"), 1);
    assert_int_equal(query(scratch, "SELECT count(*) FROM meta WHERE value='America/New_York'"), 1);
    assert_true(query(scratch, "SELECT sum(records) FROM segment_symbols") <= TICKS);
    assert_true(query(scratch, "SELECT sum(records) FROM segment_symbols") > TICKS / 2);
    assert_true(is_good(scratch));
}

static void closed_session_has_its_index_in_one_file(void **state)
{
    const struct scratch *scratch = *state;
    char path[420];
    snprintf(path, sizeof path, "%s/session.db-wal", scratch->session);
    assert_false(file_exists(path));
    snprintf(path, sizeof path, "%s/session.db-shm", scratch->session);
    assert_false(file_exists(path));
}

/* What somebody did to the index; verify must see it, the next writer must undo it. */
static void index_in_doubt_is_made_anew(void **state)
{
    const struct scratch *scratch = *state;
    static const struct {
        const char *sql;
        bool reopening_mends;
    } cases[] = {
        {"DELETE FROM segments WHERE segment=2", true},
        {"DELETE FROM segments", true},
        {"UPDATE segments SET bytes=bytes+1 WHERE segment=1", true},
        {"INSERT INTO segments SELECT 999,run,bytes,blocks,records,first_seq,last_seq,"
         "first_ts_recv_ns,last_ts_recv_ns,min_ts_event_ns,max_ts_event_ns,types,dropped "
         "FROM segments WHERE segment=1",
         true},
        {"DROP TABLE blocks", true},
        {"DROP INDEX blocks_by_time", true},
        {"CREATE TABLE more(x)", true},
        {"CREATE VIEW more AS SELECT * FROM runs", true},
        {"CREATE TRIGGER more AFTER INSERT ON runs BEGIN DELETE FROM segments; END", true},
        {"PRAGMA application_id=1", true},
        {"PRAGMA user_version=0", true},
        /* rows that do not follow from segments by a glance: verify tells, `reindex` is for them */
        {"UPDATE blocks SET last_ts_recv_ns=last_ts_recv_ns+1", false},
        {"DELETE FROM symbols WHERE id=3", false},
        {"UPDATE gaps SET cause=99", false},
        {"DELETE FROM counters WHERE type='trade'", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        execute(scratch, cases[i].sql);
        if (is_good(scratch))
            fail_msg("verify does not see: %s", cases[i].sql);
        if (!cases[i].reopening_mends) { /* delete it, then */
            char path[400];
            db_path(scratch, path);
            assert_int_equal(unlink(path), 0);
            assert_false(is_good(scratch));
        }
        reopen(scratch);
        if (!is_good(scratch))
            fail_msg("not mended: %s", cases[i].sql);
    }
}

static void index_is_rebuilt_from_segments_alone(void **state)
{
    const struct scratch *scratch = *state;
    char path[400];
    db_path(scratch, path);
    int64_t gaps = query(scratch, "SELECT sum(ts_recv_ns + cause) FROM gaps");
    int64_t symbols = query(scratch, "SELECT sum(records * segment) FROM segment_symbols");
    assert_int_equal(unlink(path), 0);
    reopen(scratch);
    assert_int_equal(query(scratch, "SELECT sum(ts_recv_ns + cause) FROM gaps"), gaps);
    assert_int_equal(query(scratch, "SELECT sum(records * segment) FROM segment_symbols"), symbols);
    assert_int_equal(query(scratch, "SELECT count(*) FROM runs"), 2);
    assert_true(is_good(scratch));
}

static void runs_survive_when_the_index_is_made_anew(void **state)
{
    const struct scratch *scratch = *state;
    int64_t ended = query(scratch, "SELECT ended_ns FROM runs WHERE run=1");
    execute(scratch, "DELETE FROM segments");
    reopen(scratch);
    assert_int_equal(query(scratch, "SELECT ended_ns FROM runs WHERE run=1"), ended);
}

static void log_that_an_old_index_left_does_not_get_into_a_new_one(void **state)
{
    const struct scratch *scratch = *state;
    char path[420];
    uint8_t *junk = malloc(100000);
    assert_non_null(junk);
    memset(junk, 0x37, 100000);
    snprintf(path, sizeof path, "%s/session.db-wal", scratch->session);
    write_file(path, junk, 100000);
    snprintf(path, sizeof path, "%s/session.db-journal", scratch->session);
    write_file(path, junk, 100000);
    db_path(scratch, path);
    assert_int_equal(unlink(path), 0);
    reopen(scratch);
    assert_true(is_good(scratch));
    free(junk);
}

static void name_that_looks_like_a_uri_is_a_name(void **state)
{
    const struct scratch *scratch = *state;
    struct scratch odd = *scratch;
    struct qta_digest written;
    struct qta_digest read;
    char path[420];
    snprintf(odd.session, sizeof odd.session, "%s/file:evil?mode=memory", scratch->path);
    struct qta_session_writer_options options = small_options(&odd);
    write_session(&options, 1, 50, &written);
    snprintf(path, sizeof path, "%s/session.db", odd.session);
    assert_true(file_exists(path));
    read_session(odd.session, NULL, &read);
    assert_true(read.full == written.full);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(index_tells_what_the_segments_hold),
        TEST(closed_session_has_its_index_in_one_file),
        TEST(index_in_doubt_is_made_anew),
        TEST(index_is_rebuilt_from_segments_alone),
        TEST(runs_survive_when_the_index_is_made_anew),
        TEST(log_that_an_old_index_left_does_not_get_into_a_new_one),
        TEST(name_that_looks_like_a_uri_is_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
