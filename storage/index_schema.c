/* The database is opened defensively: it may come from anywhere. Its schema has to be ours to the
 * letter before a statement runs on it; triggers, views and extensions are off. */
#include "storage/index_schema.h"

#include <stdio.h>
#include <string.h>

#include "storage/index_statement.h"

static const char *const schema[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE runs(run INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, ended_ns INTEGER, "
    "pid INTEGER NOT NULL, program TEXT NOT NULL) STRICT",
    "CREATE TABLE providers(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT",
    "CREATE TABLE symbols(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT",
    "CREATE TABLE segments(segment INTEGER PRIMARY KEY, run INTEGER NOT NULL, "
    "bytes INTEGER NOT NULL, blocks INTEGER NOT NULL, records INTEGER NOT NULL, "
    "first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_ts_recv_ns INTEGER NOT NULL, "
    "last_ts_recv_ns INTEGER NOT NULL, min_ts_event_ns INTEGER, max_ts_event_ns INTEGER, "
    "types INTEGER NOT NULL, dropped INTEGER NOT NULL) STRICT",
    "CREATE TABLE blocks(segment INTEGER NOT NULL, block INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, bytes INTEGER NOT NULL, records INTEGER NOT NULL, "
    "first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_ts_recv_ns INTEGER NOT NULL, "
    "last_ts_recv_ns INTEGER NOT NULL, min_ts_event_ns INTEGER, max_ts_event_ns INTEGER, "
    "types INTEGER NOT NULL, PRIMARY KEY(segment, block)) STRICT, WITHOUT ROWID",
    "CREATE TABLE segment_symbols(symbol INTEGER NOT NULL, segment INTEGER NOT NULL, "
    "records INTEGER NOT NULL, PRIMARY KEY(symbol, segment)) STRICT, WITHOUT ROWID",
    "CREATE TABLE gaps(rx_seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, "
    "ts_recv_ns INTEGER NOT NULL, scope INTEGER NOT NULL, cause INTEGER NOT NULL, "
    "provider INTEGER NOT NULL, symbol INTEGER NOT NULL, last_good_ns INTEGER, "
    "first_good_ns INTEGER, last_good_seq INTEGER, first_good_seq INTEGER, resolves INTEGER, "
    "resolved_by INTEGER NOT NULL, channel INTEGER NOT NULL) STRICT",
    "CREATE TABLE counters(segment INTEGER NOT NULL, type TEXT NOT NULL, "
    "records INTEGER NOT NULL, PRIMARY KEY(segment, type)) STRICT, WITHOUT ROWID",
    "CREATE INDEX blocks_by_time ON blocks(last_ts_recv_ns)",
};

enum { SCHEMA_ENTRIES = sizeof schema / sizeof schema[0] };

static void harden(sqlite3 *db)
{
    enum { STATEMENT_BYTES_MAX = 100000, VALUE_BYTES_MAX = 1 << 20, BUSY_MS = 2000 };
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_exec(db, "PRAGMA cell_size_check=1; PRAGMA mmap_size=0", NULL, NULL, NULL);
}

void qta_index_path(const struct qta_session_folder *folder, const char *suffix, char *path,
                    size_t capacity)
{
    snprintf(path, capacity, "%s/%s%s", folder->path, QTA_SESSION_DB_NAME, suffix);
}

enum qta_status qta_index_open_file(sqlite3 **out, const char *path, int flags,
                                    struct qta_error *err)
{
    sqlite3 *db = NULL;
    *out = NULL;
    if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        enum qta_status status = qta_index_fail(db, "open it", err);
        sqlite3_close(db);
        return status;
    }
    harden(db);
    *out = db;
    return QTA_OK;
}

static enum qta_status set_pragmas(sqlite3 *db, struct qta_error *err)
{
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             QTA_INDEX_APPLICATION_ID, QTA_INDEX_VERSION);
    return qta_index_execute(db, sql, err);
}

enum qta_status qta_index_create_schema(sqlite3 *db, struct qta_error *err)
{
    enum qta_status status = set_pragmas(db, err);
    for (size_t i = 0; i < SCHEMA_ENTRIES && status == QTA_OK; i++)
        status = qta_index_execute(db, schema[i], err);
    return status;
}

bool qta_index_schema_is_ours(sqlite3 *db)
{
    struct qta_index_statement query = qta_index_statement_make(
        db, "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'");
    size_t found = 0;
    bool is_ours = !query.has_failed;
    while (is_ours && sqlite3_step(query.statement) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(query.statement, 0);
        bool is_known = false;
        for (size_t i = 0; sql && i < SCHEMA_ENTRIES; i++)
            is_known = is_known || strcmp(sql, schema[i]) == 0;
        is_ours = is_known;
        found++;
    }
    sqlite3_finalize(query.statement);
    return is_ours && found == SCHEMA_ENTRIES;
}

bool qta_index_passes_quick_check(sqlite3 *db)
{
    struct qta_index_statement query = qta_index_statement_make(db, "PRAGMA quick_check(1)");
    bool passes = !query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW;
    if (passes) {
        const char *text = (const char *)sqlite3_column_text(query.statement, 0);
        passes = text && strcmp(text, "ok") == 0;
    }
    sqlite3_finalize(query.statement);
    return passes;
}
