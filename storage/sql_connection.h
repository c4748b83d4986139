/** @file sql_connection.h
 *  What the parts of the extension share on one SQLite connection: its figures, and numbers for
 *  the sessions it has read. SQLite serializes what a connection does. */
#ifndef QTA_STORAGE_SQL_CONNECTION_H
#define QTA_STORAGE_SQL_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include <sqlite3ext.h>

#include <qta/error.h>

/** Counts since the connection loaded the extension. */
struct qta_sql_counters {
    uint64_t ticks;    /**< read from sessions, those that a query then refused included */
    uint64_t blocks;   /**< unpacked */
    uint64_t problems; /**< damaged places that were skipped */
    uint64_t lost;     /**< ticks in them */
};

/** Shared by reference: registrations with SQLite hold one each. */
struct qta_sql_connection {
    struct qta_sql_counters counters;
    size_t references;
    char **sessions; /**< owned, as are they */
    size_t session_count;
};

/** With one reference. NULL: out of memory. */
struct qta_sql_connection *qta_sql_connection_create(void);
struct qta_sql_connection *qta_sql_connection_hold(struct qta_sql_connection *connection);
/** A void pointer, so that SQLite can call it. */
void qta_sql_connection_release(void *connection);

/** The number that this path has on this connection. QTA_ERR_NOMEM. */
enum qta_status qta_sql_connection_number(struct qta_sql_connection *connection, const char *path,
                                          uint64_t *number, struct qta_error *err);

/** The result code for a status. */
int qta_sql_code(enum qta_status status);

/** Gives a failure to SQLite as the message of a virtual table, "NAME: MESSAGE"; returns its
 *  result code. */
int qta_sql_fail(sqlite3_vtab *table, const char *name, const struct qta_error *err);

#endif
