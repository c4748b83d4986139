/* An index that is right says what one made of the segments now would say. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/index_schema.h"
#include "storage/index_statement.h"
#include "storage/index_writer.h"
#include "storage/session_index.h"

struct comparison {
    struct qta_session_index *stored;
    struct qta_session_index *derived;
    qta_problem_callback on_problem;
    void *user;
    uint64_t problems;
};

static void tell(struct comparison *comparison, const char *format, const char *detail)
{
    char problem[QTA_ERROR_MESSAGE_BYTES];
    /* the formats are our own, below */
    snprintf(problem, sizeof problem, "'%s' %s%s", QTA_SESSION_DB_NAME, format, detail);
    comparison->problems++;
    if (comparison->on_problem)
        comparison->on_problem(comparison->user, problem);
}

static void tell_segment(struct comparison *comparison, uint32_t number, const char *what,
                         int64_t first_seq, int64_t last_seq)
{
    char problem[QTA_ERROR_MESSAGE_BYTES];
    char label[QTA_FILE_NAME_BYTES];
    char range[64] = "";
    if (first_seq != 0)
        snprintf(range, sizeof range, "%" PRId64 " to %" PRId64, first_seq, last_seq);
    snprintf(problem, sizeof problem, "'%s' %s%s",
             qta_session_file_label(label, QTA_FILE_SEGMENT, number), what, range);
    comparison->problems++;
    if (comparison->on_problem)
        comparison->on_problem(comparison->user, problem);
}

static bool values_are_equal(sqlite3_stmt *left, sqlite3_stmt *right, int column)
{
    int type = sqlite3_column_type(left, column);
    if (type != sqlite3_column_type(right, column))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(left, column) == sqlite3_column_int64(right, column);
    if (type == SQLITE_NULL)
        return true;
    const void *left_bytes = sqlite3_column_blob(left, column);
    const void *right_bytes = sqlite3_column_blob(right, column);
    int length = sqlite3_column_bytes(left, column);
    return length == sqlite3_column_bytes(right, column) &&
           (length == 0 || memcmp(left_bytes, right_bytes, (size_t)length) == 0);
}

/* Runs the query on both; they must give the same rows. */
static void compare_rows(struct comparison *comparison, const char *table, const char *sql)
{
    struct qta_index_statement left = qta_index_statement_make(comparison->stored->db, sql);
    struct qta_index_statement right = qta_index_statement_make(comparison->derived->db, sql);
    bool is_equal = !left.has_failed && !right.has_failed;
    while (is_equal) {
        int left_result = sqlite3_step(left.statement);
        int right_result = sqlite3_step(right.statement);
        is_equal = left_result == right_result &&
                   (left_result == SQLITE_ROW || left_result == SQLITE_DONE);
        if (left_result != SQLITE_ROW)
            break;
        for (int i = 0; is_equal && i < sqlite3_column_count(left.statement); i++)
            is_equal = values_are_equal(left.statement, right.statement, i);
    }
    if (!is_equal)
        tell(comparison, "does not match the segments: table ", table);
    sqlite3_finalize(left.statement);
    sqlite3_finalize(right.statement);
}

static void compare_tables(struct comparison *comparison)
{
    /* ids of symbols depend on the order in which segments were added: compare names */
    static const struct {
        const char *table;
        const char *sql;
    } queries[] = {
        {"segments", "SELECT * FROM segments ORDER BY segment"},
        {"blocks", "SELECT * FROM blocks ORDER BY segment, block"},
        {"counters", "SELECT * FROM counters ORDER BY segment, type"},
        {"symbols", "SELECT name FROM symbols ORDER BY name"},
        {"providers", "SELECT name FROM providers ORDER BY name"},
        {"segment_symbols", "SELECT segment, name, records FROM segment_symbols "
                            "JOIN symbols ON id=symbol ORDER BY 1,2"},
        {"gaps",
         "SELECT rx_seq, segment, ts_recv_ns, scope, cause, p.name, s.name, last_good_ns, "
         "first_good_ns, last_good_seq, first_good_seq, resolves, resolved_by, channel FROM gaps "
         "LEFT JOIN providers p ON p.id=provider LEFT JOIN symbols s ON s.id=symbol "
         "ORDER BY 1"},
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        compare_rows(comparison, queries[i].table, queries[i].sql);
}

/* Rows without a segment, and segments without a row: said one by one, which no table can. *is_same
 * is false when there are any. A row that has lost its segment is a problem in any case. */
static enum qta_status compare_presence(struct comparison *comparison, bool may_differ,
                                        bool *is_same, struct qta_error *err)
{
    const struct qta_session_folder *folder = comparison->stored->folder;
    struct qta_index_statement query = qta_index_statement_make(
        comparison->stored->db, "SELECT segment, first_seq, last_seq FROM segments ORDER BY 1");
    struct qta_file_numbers files; /* listed behind the query: what is indexed was there before */
    struct qta_file_numbers rows = {0};
    bool is_row = !query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW;
    enum qta_status status = qta_session_folder_list(folder, QTA_FILE_SEGMENT, &files, err);
    rows.numbers = calloc(files.count + 1, sizeof *rows.numbers);
    if (status == QTA_OK && !rows.numbers)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory comparing the index");
    *is_same = true;
    for (; status == QTA_OK && is_row; is_row = sqlite3_step(query.statement) == SQLITE_ROW) {
        uint32_t number = (uint32_t)sqlite3_column_int64(query.statement, 0);
        if (qta_file_numbers_contain(&files, number)) {
            rows.numbers[rows.count++] = number;
            continue;
        }
        tell_segment(comparison, number, "is not there, but the index has it with records ",
                     sqlite3_column_int64(query.statement, 1),
                     sqlite3_column_int64(query.statement, 2));
        *is_same = false;
    }
    for (size_t i = 0; status == QTA_OK && !may_differ && i < files.count; i++)
        if (!qta_file_numbers_contain(&rows, files.numbers[i])) {
            tell_segment(comparison, files.numbers[i], "is not in the index", 0, 0);
            *is_same = false;
        }
    sqlite3_finalize(query.statement);
    qta_file_numbers_finish(&rows);
    qta_file_numbers_finish(&files);
    return status;
}

static enum qta_status derive(struct qta_session_index *derived, struct qta_error *err)
{
    enum qta_status status = qta_index_open_file(
        &derived->db, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY,
        err);
    if (status == QTA_OK)
        status = qta_index_create_schema(derived->db, err);
    if (status == QTA_OK)
        status = qta_index_add_all_segments(derived, err);
    return status;
}

/* An index that may be a segment behind is looked at for its integrity only. */
static enum qta_status compare_open(struct comparison *comparison, bool may_differ,
                                    struct qta_error *err)
{
    struct qta_session_index *stored = comparison->stored;
    if (qta_index_query_integer(stored->db, "PRAGMA application_id", 0) !=
        QTA_INDEX_APPLICATION_ID) {
        tell(comparison, "is not an index of this program", "");
        return QTA_OK;
    }
    if (qta_index_query_integer(stored->db, "PRAGMA user_version", 0) != QTA_INDEX_VERSION) {
        tell(comparison, "is of another version", "");
        return QTA_OK;
    }
    if (!qta_index_schema_is_ours(stored->db)) {
        tell(comparison, "has another schema than the index's", "");
        return QTA_OK;
    }
    if (!qta_index_passes_quick_check(stored->db)) {
        tell(comparison, "is damaged", "");
        return QTA_OK;
    }
    bool is_same;
    enum qta_status status = compare_presence(comparison, may_differ, &is_same, err);
    if (status != QTA_OK || !is_same || may_differ)
        return status;
    status = derive(comparison->derived, err);
    if (status == QTA_OK)
        compare_tables(comparison);
    return status;
}

enum qta_status qta_session_index_compare(const struct qta_session_folder *folder, bool may_differ,
                                          qta_problem_callback on_problem, void *user,
                                          uint64_t *problems, struct qta_error *err)
{
    char path[QTA_INDEX_PATH_BYTES];
    struct qta_session_index stored = {.folder = folder};
    struct qta_session_index derived = {.folder = folder};
    struct comparison comparison = {
        .stored = &stored, .derived = &derived, .on_problem = on_problem, .user = user};
    qta_index_path(folder, "", path, sizeof path);
    if (access(path, F_OK) != 0) {
        if (!may_differ)
            tell(&comparison, "is missing", "");
        *problems += comparison.problems;
        return QTA_OK;
    }
    enum qta_status status = qta_block_decoder_create(&derived.decoder, err);
    struct qta_error cause;
    if (status == QTA_OK &&
        qta_index_open_file(&stored.db, path, SQLITE_OPEN_READONLY, &cause) == QTA_OK)
        status = compare_open(&comparison, may_differ, err);
    else if (status == QTA_OK && !may_differ) /* a log that cannot be read is no fault */
        tell(&comparison, "cannot be opened: ", cause.message);
    sqlite3_close(stored.db);
    sqlite3_close(derived.db);
    qta_block_decoder_destroy(derived.decoder);
    *problems += comparison.problems;
    return status;
}
