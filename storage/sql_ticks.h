/** @file sql_ticks.h
 *  The virtual tables of ticks: qta_ticks('SESSION' [, 'skip']), qta_trades(...), ... */
#ifndef QTA_STORAGE_SQL_TICKS_H
#define QTA_STORAGE_SQL_TICKS_H

#include "storage/sql_connection.h"

/** Registers all of qta_sql_tables() on a connection. Returns an SQLite result code. */
int qta_sql_ticks_register(sqlite3 *db, struct qta_sql_connection *connection);

#endif
