/* Failures gather in the statement: who binds and runs asks once, when it is finished. */
#include "storage/index_statement.h"

#include "storage/session_folder.h"

enum qta_status qta_index_fail(sqlite3 *db, const char *what, struct qta_error *err)
{
    int code = db ? sqlite3_errcode(db) : SQLITE_NOMEM;
    enum qta_status status = QTA_ERR_IO;
    if (code == SQLITE_FULL)
        status = QTA_ERR_NO_SPACE;
    else if (code == SQLITE_NOMEM)
        status = QTA_ERR_NOMEM;
    return qta_error_set(err, status, "'%s': cannot %s: %s", QTA_SESSION_DB_NAME, what,
                         db ? sqlite3_errmsg(db) : "out of memory");
}

enum qta_status qta_index_execute(sqlite3 *db, const char *sql, struct qta_error *err)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return qta_index_fail(db, "run a statement", err);
    return QTA_OK;
}

int64_t qta_index_query_integer(sqlite3 *db, const char *sql, int64_t otherwise)
{
    struct qta_index_statement query = qta_index_statement_make(db, sql);
    if (!query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW)
        otherwise = sqlite3_column_int64(query.statement, 0);
    sqlite3_finalize(query.statement);
    return otherwise;
}

struct qta_index_statement qta_index_statement_make(sqlite3 *db, const char *sql)
{
    struct qta_index_statement prepared = {.db = db};
    prepared.has_failed = sqlite3_prepare_v2(db, sql, -1, &prepared.statement, NULL) != SQLITE_OK;
    return prepared;
}

void qta_index_statement_bind_integer(struct qta_index_statement *statement, int64_t value)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_int64(statement->statement, ++statement->parameter,
                                                   value) != SQLITE_OK;
}

void qta_index_statement_bind_null(struct qta_index_statement *statement)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_null(statement->statement, ++statement->parameter) !=
                                SQLITE_OK;
}

void qta_index_statement_bind_text(struct qta_index_statement *statement, const char *text)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_text(statement->statement, ++statement->parameter,
                                                  text, -1, SQLITE_TRANSIENT) != SQLITE_OK;
}

void qta_index_statement_bind_blob(struct qta_index_statement *statement, const void *bytes,
                                   size_t length)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_blob64(statement->statement, ++statement->parameter,
                                                    bytes ? bytes : "", length,
                                                    SQLITE_TRANSIENT) != SQLITE_OK;
}

void qta_index_statement_run(struct qta_index_statement *statement)
{
    if (statement->has_failed)
        return;
    statement->has_failed = sqlite3_step(statement->statement) != SQLITE_DONE;
    if (!statement->has_failed)
        sqlite3_reset(statement->statement);
    statement->parameter = 0;
}

enum qta_status qta_index_statement_finish(struct qta_index_statement *statement,
                                           struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    if (statement->has_failed)
        status = qta_index_fail(statement->db, "write", err);
    sqlite3_finalize(statement->statement);
    return status;
}
