/* The database is opened for one question and closed again: a reader lives longer than that. */
#include "storage/index_lookup.h"

#include <unistd.h>

#include "storage/index_schema.h"
#include "storage/index_statement.h"

/* NULL unless it is there and ours. */
static sqlite3 *open_index(const struct qta_session_folder *folder)
{
    char path[QTA_INDEX_PATH_BYTES];
    sqlite3 *db;
    qta_index_path(folder, "", path, sizeof path);
    if (access(path, F_OK) != 0 ||
        qta_index_open_file(&db, path, SQLITE_OPEN_READONLY, NULL) != QTA_OK)
        return NULL;
    if (qta_index_query_integer(db, "PRAGMA application_id", 0) == QTA_INDEX_APPLICATION_ID &&
        qta_index_query_integer(db, "PRAGMA user_version", 0) == QTA_INDEX_VERSION &&
        qta_index_schema_is_ours(db))
        return db;
    sqlite3_close(db);
    return NULL;
}

bool qta_index_find_tail(const struct qta_session_folder *folder, uint64_t from_seq,
                         int64_t from_ns, int64_t until_ns, struct qta_index_tail *tail)
{
    sqlite3 *db = open_index(folder);
    if (!db)
        return false;
    struct qta_index_statement query = qta_index_statement_make(
        db, "SELECT max(last_seq), min(segment), max(segment), count(*) FROM segments WHERE "
            "last_seq>=?1 AND last_ts_recv_ns>=?2 AND first_ts_recv_ns<?3");
    qta_index_statement_bind_integer(&query, from_seq <= INT64_MAX ? (int64_t)from_seq : INT64_MAX);
    qta_index_statement_bind_integer(&query, from_ns);
    qta_index_statement_bind_integer(&query, until_ns);
    bool is_found = !query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW &&
                    sqlite3_column_int64(query.statement, 3) > 0;
    if (is_found) {
        int64_t first = sqlite3_column_int64(query.statement, 1);
        int64_t last = sqlite3_column_int64(query.statement, 2);
        tail->last_seq = (uint64_t)sqlite3_column_int64(query.statement, 0);
        tail->first_segment = (uint32_t)first;
        tail->last_segment = (uint32_t)last;
        tail->segments = (uint32_t)sqlite3_column_int64(query.statement, 3);
        is_found = first > 0 && last <= QTA_FILE_NUMBER_MAX;
    }
    sqlite3_finalize(query.statement);
    sqlite3_close(db);
    return is_found;
}
