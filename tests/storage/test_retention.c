/* Old sessions go, and nothing else does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <qta/archive.h>

#include "storage/retention.h"
#include "storage/session_list.h"
#include "tests/storage/fake_environment.h"
#include "tests/storage/session_fixture.h"

#define DAY_NS (INT64_C(86400) * 1000000000)
static const char *const days[] = {"2024-05-01", "2024-05-02", "2024-05-03", "2024-05-04"};
enum { DAYS = sizeof days / sizeof days[0] };

struct store {
    struct scratch scratch;
    char directory[300];
    struct fake_environment fake;
};

static const char *path_of(const struct store *store, const char *name, char path[400])
{
    snprintf(path, 400, "%s/%s", store->directory, name);
    return path;
}

/* One session a day; each tick is received on its day. */
static void make_day(const struct store *store, size_t day)
{
    char path[400];
    struct qta_session_writer_options options = qta_session_writer_options_default();
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    struct qta_tick tick;
    options.path = path_of(store, days[day], path);
    options.journal_chunk_bytes = 64 * 1024;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    for (uint64_t seq = 1; seq <= 100; seq++) {
        qta_tick_init(&tick, QTA_TICK_TRADE);
        tick.rx_seq = seq;
        /* later than the files themselves, so that this is what counts */
        tick.ts_recv_ns = INT64_C(4000000000000000000) + (int64_t)day * DAY_NS;
        assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
    }
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
}

static int setup(void **state)
{
    static struct store store;
    memset(&store, 0, sizeof store);
    scratch_make_in_memory(&store.scratch);
    snprintf(store.directory, sizeof store.directory, "%s/sessions", store.scratch.path);
    fake_environment_init(&store.fake);
    for (size_t day = 0; day < DAYS; day++)
        make_day(&store, day);
    store.fake.realtime_ns = INT64_C(4000000000000000000) + (DAYS - 1) * DAY_NS + DAY_NS / 2;
    *state = &store;
    return 0;
}

static int teardown(void **state)
{
    struct store *store = *state;
    scratch_remove(&store->scratch);
    return 0;
}

static enum qta_status apply(struct store *store, const struct qta_retention_options *options,
                             struct qta_retention_result *result)
{
    return qta_retention_apply_in(store->directory, options, NULL, NULL, &store->fake.base, result,
                                  NULL);
}

/* "..xx": which days are gone. */
static void assert_left(const struct store *store, const char *expected)
{
    char found[DAYS + 1] = "";
    char path[400];
    for (size_t day = 0; day < DAYS; day++)
        found[day] = file_exists(path_of(store, days[day], path)) ? '.' : 'x';
    assert_string_equal(found, expected);
}

static uint64_t bytes_of(const struct store *store, size_t day)
{
    char path[400];
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(path_of(store, days[day], path), &info, NULL), QTA_OK);
    return info.bytes;
}

static void sessions_go_by_age_size_and_space(void **state)
{
    struct store *store = *state;
    const uint64_t bytes = bytes_of(store, 0);
    const struct {
        struct qta_retention_options options;
        const char *left;
    } cases[] = {
        {{.keep_days = 0}, "...."},
        {{.keep_days = 4}, "...."},
        {{.keep_days = 2}, "xx.."},
        {{.keep_days = 1}, "xxx."},
        {{.max_bytes = bytes * 100}, "...."},
        {{.max_bytes = bytes * 2 + bytes / 2}, "xx.."},
        {{.max_bytes = 1}, "xxxx"},
        {{.min_free_bytes = 1}, "...."},
        {{.min_free_bytes = 1000000 + bytes / 2}, "x..."},
        {{.keep_days = 3, .min_free_bytes = 1000000 + bytes * 2}, "xx.."},
        {{.max_bytes = 1, .is_dry_run = true}, "...."},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_retention_result result;
        print_message("case %d\n", (int)i);
        teardown(state);
        setup(state);
        store->fake.free_bytes = 1000000;
        assert_int_equal(apply(store, &cases[i].options, &result), QTA_OK);
        assert_left(store, cases[i].left);
        assert_int_equal(result.sessions, DAYS);
        assert_int_equal(result.failed, 0);
        if (cases[i].options.is_dry_run)
            assert_int_equal(result.removed, DAYS);
    }
}

static void pinned_and_open_sessions_stay(void **state)
{
    struct store *store = *state;
    char path[400];
    struct qta_retention_result result;
    const struct qta_retention_options all = {.max_bytes = 1};
    struct qta_session_writer_options options = qta_session_writer_options_default();
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    assert_int_equal(qta_session_pin(path_of(store, days[0], path), true, NULL), QTA_OK);
    assert_int_equal(qta_session_pin(path, true, NULL), QTA_OK);
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    options.path = path_of(store, days[2], path);
    assert_int_equal(qta_session_writer_create(&writer, &options, names, NULL), QTA_OK);
    assert_int_equal(apply(store, &all, &result), QTA_OK);
    assert_left(store, ".x.x");
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
    /* a pin survives the loss of the index, and being recorded */
    path_of(store, days[0], path);
    strcat(path, "/session.db");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(apply(store, &all, &result), QTA_OK);
    assert_left(store, ".xxx");
    assert_int_equal(qta_session_pin(path_of(store, days[0], path), false, NULL), QTA_OK);
    assert_int_equal(qta_session_pin(path, false, NULL), QTA_OK);
    assert_int_equal(apply(store, &all, &result), QTA_OK);
    assert_left(store, "xxxx");
}

static void what_is_no_session_stays(void **state)
{
    struct store *store = *state;
    char path[400];
    char outside[400];
    struct qta_retention_result result;
    const struct qta_retention_options all = {.max_bytes = 1};
    /* a folder of somebody, a link to a session, a session with a note in it, one with a deep note
     */
    assert_int_equal(mkdir(path_of(store, "notes", path), 0755), 0);
    strcat(path, "/important.txt");
    write_file(path, "x", 1);
    snprintf(outside, sizeof outside, "%s/outside", store->scratch.path);
    assert_int_equal(rename(path_of(store, days[0], path), outside), 0);
    assert_int_equal(symlink(outside, path), 0);
    path_of(store, days[1], path);
    strcat(path, "/note.txt");
    write_file(path, "x", 1);
    path_of(store, days[2], path);
    strcat(path, "/segments/note.txt");
    write_file(path, "x", 1);
    assert_int_equal(apply(store, &all, &result), QTA_OK);
    assert_left(store, "...x");
    assert_int_equal(result.failed, 2);
    assert_true(file_exists(path_of(store, "notes/important.txt", path)));
    strcat(outside, "/segments/000001.qseg");
    assert_true(file_exists(outside));
}

static size_t count_entries(const struct store *store, const char *prefix)
{
    struct qta_session_list list;
    size_t count = 0;
    assert_int_equal(
        qta_session_list_read(&list, store->directory, true, qta_environment_system(), NULL),
        QTA_OK);
    for (size_t i = 0; i < list.count; i++)
        count += strncmp(list.names[i], prefix, strlen(prefix)) == 0;
    qta_session_list_finish(&list);
    return count;
}

/* Every day is as it was or not in the catalogue, and the next call clears away what is left. */
static void removal_that_fails_anywhere_is_finished_by_the_next(void **state)
{
    struct store *store = *state;
    const struct qta_retention_options some = {.keep_days = 2};
    bool has_failed = true;
    for (int64_t call = 1; has_failed; call++) {
        struct qta_retention_result result;
        teardown(state);
        setup(state);
        fake_environment_fail(&store->fake, FAKE_CHANGES, call, true, EIO);
        apply(store, &some, &result);
        has_failed = store->fake.failures > 0;
        fake_environment_fail(&store->fake, 0, 0, false, 0);
        for (size_t day = 0; day < DAYS; day++) {
            char path[400];
            struct qta_session_verdict verdict;
            if (file_exists(path_of(store, days[day], path)))
                assert_int_equal(qta_session_verify(path, NULL, NULL, NULL, &verdict, NULL),
                                 QTA_OK);
        }
        assert_int_equal(apply(store, &some, &result), QTA_OK);
        assert_left(store, "xx..");
        assert_int_equal(count_entries(store, QTA_REMOVED_PREFIX), 0);
        assert_true(call < 200);
    }
}

/* The same with a process that dies: its lock goes with it. */
static void removal_that_is_killed_anywhere_is_finished_by_the_next(void **state)
{
    struct store *store = *state;
    const struct qta_retention_options some = {.keep_days = 2};
    for (int64_t call = 1; call < 24; call += 3) {
        struct qta_retention_result result;
        teardown(state);
        setup(state);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            fake_environment_kill_at(&store->fake, FAKE_CHANGES, call);
            apply(store, &some, &result);
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(apply(store, &some, &result), QTA_OK);
        assert_left(store, "xx..");
        assert_int_equal(count_entries(store, QTA_REMOVED_PREFIX), 0);
    }
}

struct told {
    size_t count;
    char names[256];
    uint64_t records;
    size_t faults;
};

static bool note_entry(void *user, const struct qta_catalogue_entry *entry)
{
    struct told *told = user;
    told->count++;
    told->records += entry->info.records;
    told->faults += entry->index_fault != NULL;
    size_t length = strlen(told->names);
    snprintf(told->names + length, sizeof told->names - length, "%s%s%s ", entry->name,
             entry->is_pinned ? "!" : "", entry->fault ? "?" : "");
    return true;
}

static void catalogue_tells_sessions_by_name(void **state)
{
    struct store *store = *state;
    char path[400];
    struct told told = {.count = 0};
    assert_int_equal(qta_session_pin(path_of(store, days[1], path), true, NULL), QTA_OK);
    assert_int_equal(mkdir(path_of(store, "notes", path), 0755), 0);
    assert_int_equal(mkdir(path_of(store, ".qta-removed-x", path), 0755), 0);
    path_of(store, days[2], path);
    strcat(path, "/session.db");
    write_file(path, "garbage", 7);
    assert_int_equal(qta_catalogue_read(store->directory, note_entry, &told, NULL), QTA_OK);
    assert_string_equal(told.names, "2024-05-01 2024-05-02! 2024-05-03 2024-05-04 ");
    assert_int_equal(told.records, DAYS * 100);
    assert_int_equal(told.faults, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sessions_go_by_age_size_and_space, setup, teardown),
        cmocka_unit_test_setup_teardown(pinned_and_open_sessions_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_session_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(removal_that_fails_anywhere_is_finished_by_the_next, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(removal_that_is_killed_anywhere_is_finished_by_the_next,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(catalogue_tells_sessions_by_name, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
