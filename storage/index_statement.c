/* Failures gather in the statement: who binds and runs asks once, when it is finished. */
#include "storage/index_statement.h"

#include "storage/session_folder.h"

static enum qta_status fail_with(int code, const char *what, struct qta_error *err)
{
    enum qta_status status = QTA_ERR_IO;
    if ((code & 0xff) == SQLITE_FULL)
        status = QTA_ERR_NO_SPACE;
    else if ((code & 0xff) == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM)
        status = QTA_ERR_NOMEM;
    return qta_error_set(err, status, "'%s': cannot %s: %s", QTA_SESSION_DB_NAME, what,
                         sqlite3_errstr(code));
}

enum qta_status qta_index_fail(sqlite3 *db, const char *what, struct qta_error *err)
{
    return fail_with(db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM, what, err);
}

enum qta_status qta_index_check_memory(sqlite3 *db, struct qta_error *err)
{
    int code = sqlite3_extended_errcode(db);
    if ((code & 0xff) != SQLITE_NOMEM && code != SQLITE_IOERR_NOMEM)
        return QTA_OK;
    return fail_with(code, "read", err);
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

/* What is done with the database afterwards would hide it. */
static void note_failure(struct qta_index_statement *statement, bool has_failed)
{
    statement->has_failed = has_failed;
    if (has_failed)
        statement->code = sqlite3_extended_errcode(statement->db);
}

struct qta_index_statement qta_index_statement_make(sqlite3 *db, const char *sql)
{
    struct qta_index_statement prepared = {.db = db};
    note_failure(&prepared,
                 sqlite3_prepare_v2(db, sql, -1, &prepared.statement, NULL) != SQLITE_OK);
    return prepared;
}

void qta_index_statement_bind_integer(struct qta_index_statement *statement, int64_t value)
{
    if (!statement->has_failed)
        note_failure(statement, sqlite3_bind_int64(statement->statement, ++statement->parameter,
                                                   value) != SQLITE_OK);
}

void qta_index_statement_bind_null(struct qta_index_statement *statement)
{
    if (!statement->has_failed)
        note_failure(statement,
                     sqlite3_bind_null(statement->statement, ++statement->parameter) != SQLITE_OK);
}

void qta_index_statement_bind_text(struct qta_index_statement *statement, const char *text)
{
    if (!statement->has_failed)
        note_failure(statement, sqlite3_bind_text(statement->statement, ++statement->parameter,
                                                  text, -1, SQLITE_TRANSIENT) != SQLITE_OK);
}

void qta_index_statement_bind_blob(struct qta_index_statement *statement, const void *bytes,
                                   size_t length)
{
    if (!statement->has_failed)
        note_failure(statement, sqlite3_bind_blob64(statement->statement, ++statement->parameter,
                                                    bytes ? bytes : "", length,
                                                    SQLITE_TRANSIENT) != SQLITE_OK);
}

bool qta_index_statement_find(struct qta_index_statement *statement)
{
    if (statement->has_failed)
        return false;
    int result = sqlite3_step(statement->statement);
    note_failure(statement, result != SQLITE_ROW && result != SQLITE_DONE);
    return result == SQLITE_ROW;
}

void qta_index_statement_rewind(struct qta_index_statement *statement)
{
    sqlite3_reset(statement->statement);
    statement->parameter = 0;
}

void qta_index_statement_run(struct qta_index_statement *statement)
{
    if (statement->has_failed)
        return;
    note_failure(statement, sqlite3_step(statement->statement) != SQLITE_DONE);
    if (!statement->has_failed)
        sqlite3_reset(statement->statement);
    statement->parameter = 0;
}

enum qta_status qta_index_statement_finish(struct qta_index_statement *statement,
                                           struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    if (statement->has_failed)
        status = fail_with(statement->code, "write", err);
    sqlite3_finalize(statement->statement);
    return status;
}
