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
static enum qta_status compare_rows(struct comparison *comparison, const char *table,
                                    const char *sql, struct qta_error *err)
{
    struct qta_index_statement left = qta_index_statement_make(comparison->stored->db, sql);
    struct qta_index_statement right = qta_index_statement_make(comparison->derived->db, sql);
    bool is_equal = true;
    while (is_equal) {
        bool is_left_row = qta_index_statement_find(&left);
        is_equal = qta_index_statement_find(&right) == is_left_row;
        if (!is_left_row)
            break;
        for (int i = 0; is_equal && i < sqlite3_column_count(left.statement); i++)
            is_equal = values_are_equal(left.statement, right.statement, i);
    }
    is_equal = is_equal && !left.has_failed && !right.has_failed;
    enum qta_status status = qta_index_statement_finish(&left, err);
    enum qta_status result = qta_index_statement_finish(&right, status == QTA_OK ? err : NULL);
    if (status == QTA_ERR_NOMEM || result == QTA_ERR_NOMEM)
        return QTA_ERR_NOMEM;
    if (!is_equal)
        tell(comparison, "does not match the segments: table ", table);
    return QTA_OK;
}

static enum qta_status compare_tables(struct comparison *comparison, struct qta_error *err)
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
    enum qta_status status = QTA_OK;
    for (size_t i = 0; status == QTA_OK && i < sizeof queries / sizeof queries[0]; i++)
        status = compare_rows(comparison, queries[i].table, queries[i].sql, err);
    return status;
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
    bool is_row = qta_index_statement_find(&query);
    enum qta_status status = qta_session_folder_list(folder, QTA_FILE_SEGMENT, &files, err);
    rows.numbers = calloc(files.count + 1, sizeof *rows.numbers);
    if (status == QTA_OK && !rows.numbers)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory comparing the index");
    *is_same = true;
    for (; status == QTA_OK && is_row; is_row = qta_index_statement_find(&query)) {
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
    enum qta_status result = qta_index_statement_finish(&query, status == QTA_OK ? err : NULL);
    if (status == QTA_OK && result == QTA_ERR_NOMEM)
        status = result;
    for (size_t i = 0; status == QTA_OK && !may_differ && i < files.count; i++)
        if (!qta_file_numbers_contain(&rows, files.numbers[i])) {
            tell_segment(comparison, files.numbers[i], "is not in the index", 0, 0);
            *is_same = false;
        }
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

/* NULL, or what makes it no index of ours. */
static const char *find_fault(sqlite3 *db)
{
    if (qta_index_query_integer(db, "PRAGMA application_id", 0) != QTA_INDEX_APPLICATION_ID)
        return "is not an index of this program";
    if (qta_index_query_integer(db, "PRAGMA user_version", 0) != QTA_INDEX_VERSION)
        return "is of another version";
    if (!qta_index_schema_is_ours(db))
        return "has another schema than the index's";
    return qta_index_passes_quick_check(db) ? NULL : "is damaged";
}

/* An index that may be a segment behind is looked at for its integrity only. */
static enum qta_status compare_open(struct comparison *comparison, bool may_differ,
                                    struct qta_error *err)
{
    struct qta_session_index *stored = comparison->stored;
    const char *fault = find_fault(stored->db);
    enum qta_status status = fault ? qta_index_check_memory(stored->db, err) : QTA_OK;
    if (fault && status == QTA_OK)
        tell(comparison, fault, "");
    if (fault)
        return status;
    bool is_same;
    status = compare_presence(comparison, may_differ, &is_same, err);
    if (status != QTA_OK || !is_same || may_differ)
        return status;
    status = derive(comparison->derived, err);
    return status == QTA_OK ? compare_tables(comparison, err) : status;
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
    enum qta_status opened = QTA_OK;
    if (status == QTA_OK)
        opened = qta_index_open_file(&stored.db, path, SQLITE_OPEN_READONLY, &cause);
    if (opened == QTA_ERR_NOMEM)
        status = qta_error_set(err, opened, "%s", cause.message);
    else if (status == QTA_OK && opened == QTA_OK)
        status = compare_open(&comparison, may_differ, err);
    else if (status == QTA_OK && !may_differ) /* a log that cannot be read is no fault */
        tell(&comparison, "cannot be opened: ", cause.message);
    sqlite3_close(stored.db);
    sqlite3_close(derived.db);
    qta_block_decoder_destroy(derived.decoder);
    *problems += comparison.problems;
    return status;
}
