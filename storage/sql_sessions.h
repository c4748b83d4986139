/** @file sql_sessions.h
 *  The virtual table qta_sessions('FOLDER'): one row a session in it. */
#ifndef QTA_STORAGE_SQL_SESSIONS_H
#define QTA_STORAGE_SQL_SESSIONS_H

#include <sqlite3ext.h>

/** Registers it on a connection. Returns an SQLite result code. */
int qta_sql_sessions_register(sqlite3 *db);

#endif
