/** @file sql_functions.h
 *  Functions for SQL over sessions: qta_ns, qta_time, qta_has, qta_counter. */
#ifndef QTA_STORAGE_SQL_FUNCTIONS_H
#define QTA_STORAGE_SQL_FUNCTIONS_H

#include "storage/sql_connection.h"

/** Registers them on a connection. Returns an SQLite result code. */
int qta_sql_functions_register(sqlite3 *db, struct qta_sql_connection *connection);

#endif
