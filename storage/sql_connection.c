/* Registrations outlive one another in no fixed order, so the last one frees. */
#include "storage/sql_connection.h"

#include <stdlib.h>
#include <string.h>

SQLITE_EXTENSION_INIT3

struct qta_sql_connection *qta_sql_connection_create(void)
{
    struct qta_sql_connection *connection = calloc(1, sizeof *connection);
    if (connection)
        connection->references = 1;
    return connection;
}

struct qta_sql_connection *qta_sql_connection_hold(struct qta_sql_connection *connection)
{
    connection->references++;
    return connection;
}

void qta_sql_connection_release(void *connection)
{
    struct qta_sql_connection *held = connection;
    if (--held->references > 0)
        return;
    for (size_t i = 0; i < held->session_count; i++)
        free(held->sessions[i]);
    free(held->sessions);
    free(held);
}

enum qta_status qta_sql_connection_number(struct qta_sql_connection *connection, const char *path,
                                          uint64_t *number, struct qta_error *err)
{
    size_t count = connection->session_count;
    for (size_t i = count; i > 0; i--) /* the newest ones are the likely ones */
        if (strcmp(connection->sessions[i - 1], path) == 0) {
            *number = i - 1;
            return QTA_OK;
        }
    char **grown = realloc(connection->sessions, (count + 1) * sizeof *grown);
    if (grown)
        connection->sessions = grown;
    char *copy = grown ? strdup(path) : NULL;
    if (!copy)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the name of a session");
    connection->sessions[count] = copy;
    connection->session_count = count + 1;
    *number = count;
    return QTA_OK;
}

/* Not SQLITE_IOERR or SQLITE_FULL: they would roll back a transaction that is not concerned. */
int qta_sql_code(enum qta_status status)
{
    if (status == QTA_OK)
        return SQLITE_OK;
    if (status == QTA_ERR_NOMEM)
        return SQLITE_NOMEM;
    if (status == QTA_ERR_DAMAGED)
        return SQLITE_CORRUPT_VTAB;
    return status == QTA_ERR_NOT_FOUND ? SQLITE_CANTOPEN : SQLITE_ERROR;
}

int qta_sql_fail(sqlite3_vtab *table, const char *name, const struct qta_error *err)
{
    sqlite3_free(table->zErrMsg);
    table->zErrMsg = sqlite3_mprintf("%s: %s", name, err->message);
    return qta_sql_code(err->status);
}
