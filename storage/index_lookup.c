/* The database is opened for one question and closed again: a reader lives longer than that. */
#include "storage/index_lookup.h"

#include <unistd.h>

#include "storage/index_schema.h"
#include "storage/index_statement.h"

/* *out is NULL unless it is there and ours. */
static enum qta_status open_index(sqlite3 **out, const struct qta_session_folder *folder,
                                  struct qta_error *err)
{
    char path[QTA_INDEX_PATH_BYTES];
    *out = NULL;
    qta_index_path(folder, "", path, sizeof path);
    if (access(path, F_OK) != 0)
        return QTA_OK;
    enum qta_status status = qta_index_open_file(out, path, SQLITE_OPEN_READONLY, err);
    if (status != QTA_OK)
        return status == QTA_ERR_NOMEM ? status : QTA_OK;
    if (qta_index_query_integer(*out, "PRAGMA application_id", 0) == QTA_INDEX_APPLICATION_ID &&
        qta_index_query_integer(*out, "PRAGMA user_version", 0) == QTA_INDEX_VERSION &&
        qta_index_schema_is_ours(*out))
        return QTA_OK;
    status = qta_index_check_memory(*out, err);
    sqlite3_close(*out);
    *out = NULL;
    return status;
}

enum qta_status qta_index_find_tail(const struct qta_session_folder *folder, uint64_t from_seq,
                                    int64_t from_ns, int64_t until_ns, struct qta_index_tail *tail,
                                    struct qta_error *err)
{
    sqlite3 *db;
    enum qta_status status = open_index(&db, folder, err);
    tail->segments = 0;
    if (!db)
        return status;
    struct qta_index_statement query = qta_index_statement_make(
        db, "SELECT max(last_seq), min(segment), max(segment), count(*) FROM segments WHERE "
            "last_seq>=?1 AND last_ts_recv_ns>=?2 AND first_ts_recv_ns<?3");
    qta_index_statement_bind_integer(&query, from_seq <= INT64_MAX ? (int64_t)from_seq : INT64_MAX);
    qta_index_statement_bind_integer(&query, from_ns);
    qta_index_statement_bind_integer(&query, until_ns);
    if (qta_index_statement_find(&query) && sqlite3_column_int64(query.statement, 3) > 0) {
        int64_t first = sqlite3_column_int64(query.statement, 1);
        int64_t last = sqlite3_column_int64(query.statement, 2);
        tail->last_seq = (uint64_t)sqlite3_column_int64(query.statement, 0);
        tail->first_segment = (uint32_t)first;
        tail->last_segment = (uint32_t)last;
        if (first > 0 && last <= QTA_FILE_NUMBER_MAX)
            tail->segments = (uint32_t)sqlite3_column_int64(query.statement, 3);
    }
    status = qta_index_statement_finish(&query, err);
    sqlite3_close(db);
    return status == QTA_ERR_NOMEM ? status : QTA_OK;
}
