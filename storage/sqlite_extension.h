/** @file sqlite_extension.h
 *  The entry of qta.so, by the name that SQLite derives from the file's. */
#ifndef QTA_STORAGE_SQLITE_EXTENSION_H
#define QTA_STORAGE_SQLITE_EXTENSION_H

#include <sqlite3ext.h>

#include <qta/export.h>

QTA_API int sqlite3_qta_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

#endif
