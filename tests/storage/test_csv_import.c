/* Imports into real folders: every row is one tick, or nothing is left and one error says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/import.h>
#include <qta/print.h>

/* A folder for this test's files and, apart from them, one for its sessions. */
struct fixture {
    char folder[64];
    char sessions[80];
    char output[96];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/qta-test-import-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    snprintf(fixture->sessions, sizeof fixture->sessions, "%s/sessions", fixture->folder);
    assert_int_equal(mkdir(fixture->sessions, 0777), 0);
    snprintf(fixture->output, sizeof fixture->output, "%s/day", fixture->sessions);
    *state = fixture;
    return 0;
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *position)
{
    (void)stat;
    (void)kind;
    (void)position;
    return remove(path);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    nftw(fixture->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(fixture);
    return 0;
}

static size_t count_entries(const char *path)
{
    DIR *folder = opendir(path);
    assert_non_null(folder);
    size_t count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count - 2;
}

/* Writes a file and gives its path, which is static: two files at a time. */
static const char *write_csv(const struct fixture *fixture, int number, const char *content)
{
    static char paths[2][96];
    snprintf(paths[number], sizeof paths[number], "%s/%c.csv", fixture->folder, 'a' + number);
    FILE *file = fopen(paths[number], "w");
    assert_non_null(file);
    fputs(content, file);
    assert_int_equal(fclose(file), 0);
    return paths[number];
}

static struct qta_import_options trade_options(void)
{
    struct qta_import_options options = qta_import_options_default();
    options.type = "trade";
    options.columns = "ts_event=1,price=2";
    options.time_unit = "ns";
    options.symbol = "X";
    return options;
}

/* Imports one file with this content, or two. */
static enum qta_status import_text(const struct fixture *fixture,
                                   const struct qta_import_options *options, const char *first,
                                   const char *second, struct qta_import_result *result,
                                   struct qta_error *err)
{
    const char *paths[] = {write_csv(fixture, 0, first),
                           second ? write_csv(fixture, 1, second) : NULL};
    err->message[0] = '\0';
    return qta_import_csv(paths, second ? 2 : 1, fixture->output, options, NULL, NULL, result, err);
}

/* The ticks of the session, one printed line each. Owned by the caller. */
static char *read_session(const struct fixture *fixture)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    struct qta_session_reader *reader;
    struct qta_error err;
    assert_int_equal(qta_session_reader_create(&reader, fixture->output, NULL, &err), QTA_OK);
    const struct qta_tick *ticks;
    size_t count;
    enum qta_status status;
    while ((status = qta_session_reader_next(reader, &ticks, &count, &err)) == QTA_OK) {
        for (size_t i = 0; i < count; i++) {
            char line[1024];
            qta_print_tick(&ticks[i], qta_session_reader_names(reader), QTA_PRINT_NDJSON,
                           QTA_TIME_FORMAT_NS, line, sizeof line);
            fputs(line, out);
        }
    }
    assert_int_equal(status, QTA_ERR_END);
    qta_session_reader_destroy(reader);
    fclose(out);
    return text;
}

static void check_session(const struct fixture *fixture, const char *expected)
{
    char *text = read_session(fixture);
    assert_string_equal(text, expected);
    free(text);
    assert_int_equal(count_entries(fixture->sessions), 1);
}

#define LINE(seq, recv, event, rest)                                                               \
    "{\"seq\":" seq                                                                                \
    ",\"type\":\"trade\",\"provider\":\"import\",\"symbol\":\"X\",\"ts_recv\":" recv               \
    ",\"ts_event\":" event ",\"price\":" rest "}\n"

static void rows_become_ticks_in_the_order_of_files_and_rows(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(
        import_text(fixture, &options, "5,1.50\n5,1.50\n6,2\n", "6,2\n7,3", &result, &err), QTA_OK);
    check_session(fixture,
                  LINE("1", "5", "5", "1.50") LINE("2", "5", "5", "1.50") LINE("3", "6", "6", "2")
                      LINE("4", "6", "6", "2") LINE("5", "7", "7", "3"));
    assert_int_equal(result.rows, 5);
    assert_int_equal(result.ticks, 5);
    assert_int_equal(result.times_raised, 0);
    assert_int_equal(result.rounded, 0);
    struct qta_session_verdict verdict;
    assert_int_equal(qta_session_verify(fixture->output, NULL, NULL, NULL, &verdict, &err), QTA_OK);
    assert_int_equal(verdict.records, 5);
}

static void times_that_go_back_are_raised_flagged_and_counted(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(import_text(fixture, &options, "5,1\n4,2\n5,3\n", "3,4\n9,5\n", &result, &err),
                     QTA_OK);
    check_session(fixture,
                  LINE("1", "5", "5", "1") LINE("2", "5", "4", "2,\"flags\":[\"time_raised\"]")
                      LINE("3", "5", "5", "3") LINE("4", "5", "3", "4,\"flags\":[\"time_raised\"]")
                          LINE("5", "9", "9", "5"));
    assert_int_equal(result.times_raised, 2);
}

static void what_is_lost_is_counted(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    options.columns = "ts_event=1,price=2,conditions=3";
    options.conditions_separator = ' ';
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(import_text(fixture, &options,
                                 "1,12345678901234567890123,a b\n2,1,a b c d e\n3,1,", NULL,
                                 &result, &err),
                     QTA_OK);
    assert_int_equal(result.ticks, 3);
    assert_int_equal(result.rounded, 1);
    assert_int_equal(result.conditions_cut, 1);
}

static void each_file_has_a_header_of_its_own(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    options.columns = "ts_event=time,price=px";
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(
        import_text(fixture, &options, "time,px\n5,1\n", "x,px,time\r\n0,2,6", &result, &err),
        QTA_OK);
    check_session(fixture, LINE("1", "5", "5", "1") LINE("2", "6", "6", "2"));
    assert_int_equal(result.rows, 2);
}

static void empty_lines_at_the_end_and_empty_files_are_no_rows(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(import_text(fixture, &options, "5,1\n\n\r\n\n", "", &result, &err), QTA_OK);
    check_session(fixture, LINE("1", "5", "5", "1"));
}

static void missing_folders_are_made_and_an_empty_one_is_used(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    const char *path = write_csv(fixture, 0, "5,1");
    char deep[128];
    snprintf(deep, sizeof deep, "%s/x/y/day//", fixture->sessions);
    assert_int_equal(qta_import_csv(&path, 1, deep, &options, NULL, NULL, &result, &err), QTA_OK);
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(deep, &info, &err), QTA_OK);
    assert_int_equal(info.ticks, 1);
    assert_int_equal(mkdir(fixture->output, 0777), 0);
    assert_int_equal(import_text(fixture, &options, "5,1", NULL, &result, &err), QTA_OK);
    char *text = read_session(fixture);
    assert_string_equal(text, LINE("1", "5", "5", "1"));
    free(text);
}

static void what_is_there_already_is_not_touched(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    assert_int_equal(import_text(fixture, &options, "5,1", NULL, &result, &err), QTA_OK);
    assert_int_equal(import_text(fixture, &options, "6,2", NULL, &result, &err), QTA_ERR_STATE);
    char expected[256];
    snprintf(expected, sizeof expected, "'%s' exists already: remove it or choose another name",
             fixture->output);
    assert_string_equal(err.message, expected);
    check_session(fixture, LINE("1", "5", "5", "1"));
    const char *path = write_csv(fixture, 0, "5,1");
    assert_int_equal(qta_import_csv(&path, 1, path, &options, NULL, NULL, &result, &err),
                     QTA_ERR_STATE);
}

static void a_wrong_row_is_named_and_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *columns;
        const char *csv;
        const char *expected; /* behind the path of the file */
    } cases[] = {
        {"ts_event=1,price=2", "5,1\n6,x\n",
         ":2: column 2 (price): 'x' is not a number, nor the text that means absent"},
        {"ts_event=1,price=2", "5,1\n\n\n6,2\n",
         ":2: an empty line between rows: every line must be a row"},
        {"ts_event=1,price=2", "\n5,1\n",
         ":1: an empty line between rows: every line must be a row"},
        {"ts_event=1,price=2", "5,1\n6,2,3\n", ":2: the row has 3 cells, the first one has 2"},
        {"ts_event=1,price=2", "5;1\n",
         ":1: price is to be column 2, but the row has 1 (is the delimiter right?)"},
        {"ts_event=1,price=2", "5,1\n\"6,2\n", ":2: a quoted cell has no end"},
        {"ts_event=1,price=2", "5,1\n\"6\n\n\",2\n7,3\n",
         ":2: column 1 (ts_event): '6?\?' is not a number"},
        {"ts_event=1,price=2", "5,1\n,2\n", ":2: the row has no time"},
        {"ts_event=t,price=2", "", ":1: the header is missing: the file is empty"},
        {"ts_event=t,price=2", "5,1\n",
         ":1: the header has no column 't' for ts_event; it begins with '5'"},
        {"ts_event=1,price=2", "PK\x03\x04zzzz", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_import_options options = trade_options();
        options.columns = cases[i].columns;
        struct qta_import_result result;
        struct qta_error err;
        assert_int_equal(import_text(fixture, &options, cases[i].csv, NULL, &result, &err),
                         QTA_ERR_FORMAT);
        print_message("%s\n", err.message);
        char expected[512];
        if (cases[i].expected)
            snprintf(expected, sizeof expected, "%s/a.csv%s", fixture->folder, cases[i].expected);
        else
            snprintf(expected, sizeof expected,
                     "'%s/a.csv' is a file of zip: unpack it first (plain, gzip and zstd are read)",
                     fixture->folder);
        assert_string_equal(err.message, expected);
        assert_int_equal(count_entries(fixture->sessions), 0);
    }
}

static void what_is_wrong_before_the_first_row_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    const char *missing = "/nowhere/x.csv";
    assert_int_equal(
        qta_import_csv(&missing, 1, fixture->output, &options, NULL, NULL, &result, &err),
        QTA_ERR_NOT_FOUND);
    assert_string_equal(err.message, "cannot open '/nowhere/x.csv': No such file or directory");
    assert_int_equal(
        qta_import_csv(&missing, 0, fixture->output, &options, NULL, NULL, &result, &err),
        QTA_ERR_USAGE);
    assert_int_equal(qta_import_csv(&missing, 1, "", &options, NULL, NULL, &result, &err),
                     QTA_ERR_USAGE);
    options.delimiter = '"';
    assert_int_equal(import_text(fixture, &options, "5,1", NULL, &result, &err), QTA_ERR_USAGE);
    options.delimiter = ',';
    options.scales = "size=2";
    assert_int_equal(import_text(fixture, &options, "5,1", NULL, &result, &err), QTA_ERR_USAGE);
    assert_int_equal(count_entries(fixture->sessions), 0);
    options = trade_options();
    const char *path = write_csv(fixture, 0, "5,1");
    char below_a_file[128];
    snprintf(below_a_file, sizeof below_a_file, "%s/day", path);
    assert_int_equal(qta_import_csv(&path, 1, below_a_file, &options, NULL, NULL, &result, &err),
                     QTA_ERR_IO);
}

/* Content of so many rows. Owned by the caller. */
static char *many_rows(int count)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (int i = 1; i <= count; i++)
        fprintf(out, "%d,%d\n", i, i);
    fclose(out);
    return text;
}

static bool stop_at_third(void *user)
{
    int *asked = user;
    return ++*asked == 3;
}

static void an_import_that_is_stopped_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    int asked = 0;
    options.should_stop = stop_at_third;
    options.should_stop_user = &asked;
    struct qta_import_result result;
    struct qta_error err;
    char *text = many_rows(100000);
    assert_int_equal(import_text(fixture, &options, text, NULL, &result, &err), QTA_ERR_STATE);
    free(text);
    assert_int_equal(asked, 3);
    assert_int_equal(count_entries(fixture->sessions), 0);
}

struct progress {
    uint64_t calls;
    uint64_t done_bytes;
    uint64_t total_bytes;
};

static void note_progress(void *user, uint64_t done_bytes, uint64_t total_bytes)
{
    struct progress *progress = user;
    assert_true(done_bytes >= progress->done_bytes);
    assert_true(done_bytes <= total_bytes);
    *progress = (struct progress){progress->calls + 1, done_bytes, total_bytes};
}

static void progress_ends_at_the_size_of_all_files(void **state)
{
    struct fixture *fixture = *state;
    struct qta_import_options options = trade_options();
    struct qta_import_result result;
    struct qta_error err;
    char *text = many_rows(100000);
    const char *paths[] = {write_csv(fixture, 0, text), write_csv(fixture, 1, text)};
    struct progress progress = {0};
    assert_int_equal(qta_import_csv(paths, 2, fixture->output, &options, note_progress, &progress,
                                    &result, &err),
                     QTA_OK);
    assert_int_equal(progress.done_bytes, strlen(text) * 2);
    assert_int_equal(progress.total_bytes, strlen(text) * 2);
    assert_true(progress.calls > 10);
    assert_int_equal(result.ticks, 200000);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_become_ticks_in_the_order_of_files_and_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(times_that_go_back_are_raised_flagged_and_counted, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_lost_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_file_has_a_header_of_its_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(empty_lines_at_the_end_and_empty_files_are_no_rows, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(missing_folders_are_made_and_an_empty_one_is_used, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_there_already_is_not_touched, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_wrong_row_is_named_and_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_before_the_first_row_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(an_import_that_is_stopped_leaves_nothing, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(progress_ends_at_the_size_of_all_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
