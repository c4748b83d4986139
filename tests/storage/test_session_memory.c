/* Each allocation of whatever is done with a session fails in turn, those of SQLite and zstd among
 * them: no crash, one clear error or the whole result, nothing kept, nothing left behind, and the
 * session as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/archive.h>
#include <qta/exchange.h>
#include <qta/import.h>
#include <qta/session.h>

#include "tests/storage/session_fixture.h"
#include "tests/storage/short_memory.h"

enum { CLOSED_TICKS = 400, OPEN_TICKS = 60, RAW_FRAMES = 12 };

/* Sessions that are only read, and where things are made. */
struct scene {
    struct scratch scratch;
    char cut[400];     /* a closed run, and one that was killed */
    char closed[400];  /* one run */
    char damaged[400]; /* three runs, of which one has a bad block and one is missing */
    char csv[400];     /* rows to import */
    char ndjson[400];  /* `closed` as text */
    char output[400];  /* what is made; must not be there after a failure */
    char packed[400];  /* a file that is made, likewise */
};

static void name_path(const struct scene *scene, char path[400], const char *name)
{
    snprintf(path, 400, "%s/%s", scene->scratch.path, name);
}

/* ---- the sessions -----------------------------------------------------------------------------
 */

static void append_frames(struct qta_session_writer *writer, uint64_t next_seq)
{
    uint8_t bytes[300];
    for (uint32_t i = 0; i < RAW_FRAMES; i++) {
        struct qta_raw_frame frame = {
            .first_seq = next_seq,
            .ts_recv_ns = qta_session_writer_last_ts_recv_ns(writer),
            .bytes = bytes,
            .length = sizeof bytes,
            .stored_length = sizeof bytes,
        };
        memset(bytes, (int)i, sizeof bytes);
        assert_int_equal(qta_session_writer_append_raw(writer, &frame, NULL), QTA_OK);
    }
}

static void write_runs(const struct scene *scene, const char *path, int runs, bool has_cut_run)
{
    struct qta_session_writer_options options = small_options(&scene->scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    options.path = path;
    tick_maker_init(&maker, 8);
    maker.is_plain = true;
    maker.ts_recv_ns = INT64_C(1700000000000000000);
    for (int i = 0; i < runs; i++) {
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        append_random(writer, &maker, CLOSED_TICKS, NULL);
        append_frames(writer, maker.next_seq);
        assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    if (has_cut_run) {
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        append_random(writer, &maker, OPEN_TICKS, NULL);
        append_frames(writer, maker.next_seq);
        qta_session_writer_destroy(writer);
    }
    tick_maker_finish(&maker);
}

static void damage_segment(const char *session)
{
    char path[450];
    size_t length;
    snprintf(path, sizeof path, "%s/segments/000001.qseg", session);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[length / 3] ^= 1;
    write_file(path, bytes, length);
    free(bytes);
    snprintf(path, sizeof path, "%s/segments/000003.qseg", session);
    assert_int_equal(unlink(path), 0);
}

static const char csv_rows[] = "time,price,size,exchange,conditions\n"
                               "34200000,1712345,100,Q,@ F\n"
                               "34200001,1712400,,P,\n"
                               "34200007,1712350,25,Q,@\n";

static void export_text(const struct scene *scene)
{
    const struct qta_export_source source = {scene->closed, qta_session_filter_default()};
    const struct qta_export_options options = {.format = QTA_EXCHANGE_NDJSON,
                                               .output = scene->ndjson};
    struct qta_export_result result;
    assert_int_equal(qta_session_export(&source, 1, &options, &result, NULL), QTA_OK);
}

static int setup(void **state)
{
    static struct scene scene;
    scratch_make_in_memory(&scene.scratch);
    name_path(&scene, scene.cut, "cut");
    name_path(&scene, scene.closed, "closed");
    name_path(&scene, scene.damaged, "damaged");
    name_path(&scene, scene.csv, "rows.csv");
    name_path(&scene, scene.ndjson, "closed.ndjson");
    name_path(&scene, scene.output, "made");
    name_path(&scene, scene.packed, "made.csv.zst");
    write_runs(&scene, scene.cut, 1, true);
    write_runs(&scene, scene.closed, 1, false);
    write_runs(&scene, scene.damaged, 3, false);
    damage_segment(scene.damaged);
    write_file(scene.csv, csv_rows, sizeof csv_rows - 1);
    export_text(&scene);
    *state = &scene;
    return 0;
}

static int teardown(void **state)
{
    struct scene *scene = *state;
    scratch_remove(&scene->scratch);
    return 0;
}

/* ---- what is done with them -------------------------------------------------------------------
 */

/* Every result leaves a print: equal ones were made of the same. */
static void add_to_print(uint64_t *print, uint64_t value)
{
    uint64_t state = *print ^ value;
    *print = random_next(&state);
}

static void add_problem(void *user, const char *problem)
{
    (void)problem;
    add_to_print(user, 1);
}

/* Reads to the end. After an error it is asked once more. */
static enum qta_status read_to_end(struct qta_session_reader *reader, uint64_t *print,
                                   struct qta_error *err)
{
    struct qta_digest digest;
    enum qta_status status;
    enum qta_status before = QTA_OK;
    qta_digest_init(&digest);
    for (;; before = status) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, err);
        if (status == QTA_ERR_END || (status == QTA_ERR_NOMEM && before == QTA_ERR_NOMEM))
            break; /* with memory again it must not go on as if nothing were missing */
        for (size_t i = 0; status == QTA_OK && i < count; i++)
            qta_digest_add(&digest, &ticks[i], qta_session_reader_names(reader));
        if (status == QTA_ERR_DAMAGED)
            add_problem(print, err->message);
        else if (status != QTA_OK && status != QTA_ERR_NOMEM)
            return status;
    }
    add_to_print(print, digest.full);
    return status == QTA_ERR_END ? QTA_OK : status;
}

static enum qta_status read_session_at(const char *path, const struct qta_session_filter *filter,
                                       uint64_t *print, struct qta_error *err)
{
    struct qta_session_reader *reader;
    enum qta_status status = qta_session_reader_create(&reader, path, filter, err);
    if (status != QTA_OK)
        return status;
    status = read_to_end(reader, print, err);
    qta_session_reader_destroy(reader);
    return status;
}

static enum qta_status read_all(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    return read_session_at(scene->cut, NULL, print, err);
}

static enum qta_status read_some(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    static const char *const symbols[] = {"N1", "N2"};
    struct qta_session_filter filter = qta_session_filter_default();
    filter.symbols = symbols;
    filter.symbol_count = 2;
    filter.from_ns = INT64_C(1700000000100000000);
    filter.types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_MARKER);
    return read_session_at(scene->cut, &filter, print, err);
}

static enum qta_status read_damaged(const struct scene *scene, uint64_t *print,
                                    struct qta_error *err)
{
    return read_session_at(scene->damaged, NULL, print, err);
}

static enum qta_status seek(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    struct qta_session_reader *reader;
    enum qta_status status = qta_session_reader_create(&reader, scene->cut, NULL, err);
    if (status != QTA_OK)
        return status;
    static const uint64_t places[] = {450, 250, 50};
    for (size_t i = 0; status == QTA_OK && i < sizeof places / sizeof places[0]; i++) {
        status = qta_session_reader_seek_seq(reader, places[i], err);
        if (status == QTA_OK)
            status = read_to_end(reader, print, err);
    }
    qta_session_reader_destroy(reader);
    return status;
}

static enum qta_status read_stored_frames(const struct scene *scene, uint64_t *print,
                                          struct qta_error *err)
{
    struct qta_raw_reader *reader;
    enum qta_status status = qta_raw_reader_create(&reader, scene->cut, NULL, err);
    if (status != QTA_OK)
        return status;
    const struct qta_raw_frame *frame;
    while ((status = qta_raw_reader_next(reader, &frame, err)) == QTA_OK) {
        add_to_print(print, frame->first_seq);
        add_to_print(print, frame->bytes[0]);
    }
    qta_raw_reader_destroy(reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

static enum qta_status inform(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    struct qta_session_info info;
    enum qta_status status = qta_session_info_read(scene->cut, &info, err);
    add_to_print(print, info.records);
    add_to_print(print, info.symbols);
    add_to_print(print, info.runs);
    add_to_print(print, info.raw_frames);
    return status;
}

static void add_outage(void *user, const struct qta_outage *outage)
{
    add_to_print(user, (uint64_t)outage->kind);
    add_to_print(user, outage->records);
    add_to_print(user, strlen(outage->detail));
}

static enum qta_status list_outages(const struct scene *scene, uint64_t *print,
                                    struct qta_error *err)
{
    return qta_session_outages_read(scene->damaged, add_outage, print, err);
}

static bool add_entry(void *user, const struct qta_catalogue_entry *entry)
{
    add_to_print(user, strlen(entry->name));
    add_to_print(user, entry->info.records);
    return true;
}

static enum qta_status list_catalogue(const struct scene *scene, uint64_t *print,
                                      struct qta_error *err)
{
    return qta_catalogue_read(scene->scratch.path, add_entry, print, err);
}

static enum qta_status verify(const char *path, uint64_t *print, struct qta_error *err)
{
    struct qta_session_verdict verdict;
    enum qta_status status = qta_session_verify(path, add_problem, NULL, print, &verdict, err);
    add_to_print(print, verdict.records);
    add_to_print(print, verdict.lost);
    add_to_print(print, verdict.raw_frames);
    return status;
}

static enum qta_status verify_cut(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    return verify(scene->cut, print, err);
}

static enum qta_status verify_damaged(const struct scene *scene, uint64_t *print,
                                      struct qta_error *err)
{
    enum qta_status status = verify(scene->damaged, print, err);
    return status == QTA_ERR_DAMAGED ? QTA_OK : status;
}

static enum qta_status reindex(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    (void)print;
    return qta_session_reindex(scene->closed, err);
}

static enum qta_status compact(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    struct qta_compact_result result;
    enum qta_status status = qta_session_compact(scene->closed, 2, &result, err);
    (void)print; /* the first one makes it smaller, those behind it cannot */
    return status;
}

static enum qta_status repair(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    struct qta_repair_result result;
    enum qta_status status = qta_session_repair(scene->damaged, scene->output, add_problem, print,
                                                &result, err);
    add_to_print(print, result.records);
    add_to_print(print, result.lost);
    add_to_print(print, result.lost_frames);
    return status == QTA_ERR_DAMAGED ? QTA_OK : status;
}

static enum qta_status repair_cut(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    struct qta_repair_result result;
    enum qta_status status = qta_session_repair(scene->cut, scene->output, add_problem, print,
                                                &result, err);
    add_to_print(print, result.records);
    add_to_print(print, result.lost);
    return status;
}

static enum qta_status merge(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    const struct qta_export_source sources[] = {{scene->cut, qta_session_filter_default()},
                                                {scene->closed, qta_session_filter_default()}};
    const struct qta_session_merge_options options = {.on_problem = add_problem, .user = print};
    struct qta_session_merge_result result;
    enum qta_status status = qta_session_merge(sources, 2, scene->output, &options, &result, err);
    add_to_print(print, result.records);
    return status;
}

static enum qta_status compare(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    const struct qta_export_source left = {scene->cut, qta_session_filter_default()};
    const struct qta_export_source right = {scene->closed, qta_session_filter_default()};
    const struct qta_diff_options options = {.is_full = true};
    struct qta_diff_result result;
    enum qta_status status = qta_session_diff(&left, &right, &options, &result, err);
    add_to_print(print, result.compared);
    add_to_print(print, result.different);
    add_to_print(print, result.only_left);
    return status;
}

static enum qta_status export_packed(const struct scene *scene, uint64_t *print,
                                     struct qta_error *err)
{
    const struct qta_export_source source = {scene->cut, qta_session_filter_default()};
    const struct qta_export_options options = {.format = QTA_EXCHANGE_CSV, .output = scene->packed};
    struct qta_export_result result;
    enum qta_status status = qta_session_export(&source, 1, &options, &result, err);
    add_to_print(print, result.records);
    add_to_print(print, result.bytes);
    return status;
}

static enum qta_status export_parquet(const struct scene *scene, uint64_t *print,
                                      struct qta_error *err)
{
    const struct qta_export_source source = {scene->closed, qta_session_filter_default()};
    const struct qta_export_options options = {
        .format = QTA_EXCHANGE_PARQUET, .output = scene->output, .is_folder = true};
    struct qta_export_result result;
    enum qta_status status = qta_session_export(&source, 1, &options, &result, err);
    add_to_print(print, result.records);
    add_to_print(print, result.bytes);
    return status;
}

static enum qta_status restore(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    const char *const paths[] = {scene->ndjson};
    const struct qta_restore_options options = {
        .format = QTA_EXCHANGE_NDJSON, .on_problem = add_problem, .user = print};
    struct qta_restore_result result;
    enum qta_status status = qta_session_restore(paths, 1, scene->output, &options, &result, err);
    add_to_print(print, result.records);
    add_to_print(print, result.bad_lines);
    return status;
}

static enum qta_status import(const struct scene *scene, uint64_t *print, struct qta_error *err)
{
    const char *const paths[] = {scene->csv};
    struct qta_import_options options = qta_import_options_default();
    struct qta_import_result result;
    options.type = "trade";
    options.columns = "ts_event=time,price=price,size=size,exchange=exchange,conditions=conditions";
    options.scales = "price=1e-4";
    options.time_unit = "ms";
    options.date = "2013-10-08";
    options.timezone = "America/New_York";
    options.symbol = "SPY";
    options.null_text = "";
    options.conditions_separator = ' ';
    enum qta_status status = qta_import_csv(paths, 1, scene->output, &options, NULL, NULL, &result,
                                            err);
    add_to_print(print, result.ticks);
    return status;
}

/* ---- each allocation in turn ------------------------------------------------------------------
 */

struct work {
    const char *name;
    enum qta_status (*run)(const struct scene *scene, uint64_t *print, struct qta_error *err);
    size_t distance; /* of the allocations that fail in the everyday run */
};

static void remove_tree(const char *path)
{
    struct scratch made;
    snprintf(made.path, sizeof made.path, "%s", path);
    scratch_remove(&made);
}

/* What was made is read as well. */
static void add_output(const struct scene *scene, uint64_t *print)
{
    struct qta_error err;
    char segments[450];
    snprintf(segments, sizeof segments, "%s/segments", scene->output);
    if (file_exists(segments) && verify(scene->output, print, &err) != QTA_OK)
        fail_msg("what was made does not verify: %s", err.message);
    if (file_exists(segments))
        read_session_at(scene->output, NULL, print, &err);
}

static enum qta_status run(const struct work *work, const struct scene *scene, uint64_t *print,
                           struct qta_error *err)
{
    *print = 0;
    err->message[0] = '\0';
    short_memory_enter();
    enum qta_status status = work->run(scene, print, err);
    short_memory_leave();
    return status;
}

static void expect_error(const struct work *work, int64_t at, const struct scene *scene,
                         enum qta_status status, const struct qta_error *err)
{
    char growing[450];
    if (status != QTA_ERR_NOMEM || err->status != status || err->message[0] == '\0')
        fail_msg("%s: allocation %lld gave status %d: %s", work->name, (long long)at, status,
                 err->message);
    snprintf(growing, sizeof growing, "%s.tmp", scene->packed);
    if (file_exists(scene->packed) || file_exists(growing))
        fail_msg("%s: allocation %lld left a file", work->name, (long long)at);
    if (file_exists(scene->output) && work->run != export_parquet) /* its folder may stay */
        fail_msg("%s: allocation %lld left something: %s", work->name, (long long)at, err->message);
}

static void fail_each_allocation(const struct work *work, const struct scene *scene)
{
    struct qta_error err;
    uint64_t expected;
    int64_t failed = 0;
    int64_t at = 1;
    if (run(work, scene, &expected, &err) != QTA_OK)
        fail_msg("%s: %s", work->name, err.message);
    add_output(scene, &expected);
    for (;; at = (int64_t)next_place((size_t)at, work->distance)) {
        remove_tree(scene->output);
        remove(scene->packed);
        int64_t in_use = short_memory_in_use();
        uint64_t print;
        short_memory_fail(at, at % 2 == 0);
        enum qta_status status = run(work, scene, &print, &err);
        bool was_short = short_memory_has_failed();
        short_memory_fail(0, false);
        if (short_memory_in_use() != in_use)
            fail_msg("%s: allocation %lld leaves %lld behind", work->name, (long long)at,
                     (long long)(short_memory_in_use() - in_use));
        if (!was_short && status == QTA_OK)
            break; /* there are no more of them */
        failed += status != QTA_OK;
        if (status != QTA_OK)
            expect_error(work, at, scene, status, &err);
        else
            add_output(scene, &print);
        if (status == QTA_OK && print != expected)
            fail_msg("%s: allocation %lld gives something else", work->name, (long long)at);
    }
    remove_tree(scene->output);
    remove(scene->packed);
    print_message("%s: %lld allocations, %lld failures that matter\n", work->name,
                  (long long)at - 1, (long long)failed);
    assert_true(failed > 0);
}

static void short_memory_is_an_error_and_harms_nothing(void **state)
{
    static const struct work works[] = {
        {"read", read_all, 6},
        {"read some", read_some, 6},
        {"read what is damaged", read_damaged, 40},
        {"seek", seek, 8},
        {"read stored frames", read_stored_frames, 4},
        {"info", inform, 8},
        {"gaps", list_outages, 40},
        {"ls", list_catalogue, 400},
        {"verify", verify_cut, 60},
        {"verify what is damaged", verify_damaged, 80},
        {"reindex", reindex, 400},
        {"compact", compact, 60},
        {"repair", repair, 600},
        {"repair what was cut", repair_cut, 600},
        {"merge", merge, 600},
        {"diff", compare, 50},
        {"export", export_packed, 6},
        {"export to Parquet", export_parquet, 200},
        {"import of ndjson", restore, 500},
        {"import of CSV", import, 300},
    };
    const struct scene *scene = *state;
    const char *only = getenv("QTA_WORK");
    for (size_t i = 0; i < sizeof works / sizeof works[0]; i++) {
        struct qta_error err;
        uint64_t print = 0;
        if (only && strcmp(only, works[i].name) != 0)
            continue;
        fail_each_allocation(&works[i], scene);
        if (verify(scene->cut, &print, &err) != QTA_OK ||
            verify(scene->closed, &print, &err) != QTA_OK)
            fail_msg("%s did harm: %s", works[i].name, err.message);
    }
}

/* ---- length ----------------------------------------------------------------------------------
 */

struct peaks {
    int64_t writer;
    int64_t reader;
    int64_t verify;
};

static struct peaks measure(const struct scene *scene, size_t ticks)
{
    struct qta_session_writer_options options = small_options(&scene->scratch);
    struct peaks peaks;
    struct qta_error err;
    uint64_t print = 0;
    options.path = scene->output;
    options.fsync_interval_ns = -1;
    options.journal_chunk_bytes = 256 * 1024;
    short_memory_peak_bytes();
    write_session(&options, 3, ticks, NULL);
    peaks.writer = short_memory_peak_bytes();
    assert_int_equal(read_session_at(scene->output, NULL, &print, &err), QTA_OK);
    peaks.reader = short_memory_peak_bytes();
    assert_int_equal(verify(scene->output, &print, &err), QTA_OK);
    peaks.verify = short_memory_peak_bytes();
    remove_tree(scene->output);
    return peaks;
}

static void expect_flat(const char *name, int64_t before, int64_t after)
{
    enum { INDEX_BYTES = 256 * 1024 }; /* pages of it that SQLite keeps, up to 2 MiB */
    print_message("%s: %lld KiB, of a session of four times the length %lld KiB\n", name,
                  (long long)before / 1024, (long long)after / 1024);
    assert_true(before > 0);
    assert_true(after < before + before / 8 + INDEX_BYTES);
}

/* With a bounded number of names: what each tick has a text of its own in is not bounded yet. */
static void memory_does_not_grow_with_the_session(void **state)
{
    const struct scene *scene = *state;
    enum { TICKS = 15000 };
    measure(scene, TICKS); /* what is made once is made */
    struct peaks before = measure(scene, TICKS);
    struct peaks after = measure(scene, 4 * TICKS);
    expect_flat("writing", before.writer, after.writer);
    expect_flat("reading", before.reader, after.reader);
    expect_flat("verifying", before.verify, after.verify);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(short_memory_is_an_error_and_harms_nothing, setup,
                                        teardown),
    };
    short_memory_include_sqlite();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
