/** @file index_schema.h
 *  session.db as a file: its place, its tables, and whether it is one of ours. */
#ifndef QTA_STORAGE_INDEX_SCHEMA_H
#define QTA_STORAGE_INDEX_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include <sqlite3.h>

#include <qta/error.h>

#include "storage/session_folder.h"

enum {
    QTA_INDEX_APPLICATION_ID = 0x51544131, /* "QTA1" */
    QTA_INDEX_VERSION = 1,
    QTA_INDEX_PATH_BYTES = PATH_MAX + 32,
};

/** Its path, with a suffix such as ".new". Absolute: a name that starts with "file:" would be a
 *  URI. */
void qta_index_path(const struct qta_session_folder *folder, const char *suffix, char *path,
                    size_t capacity);

/** Opens a database that may come from anywhere. flags are SQLITE_OPEN_s. Close with
 *  sqlite3_close(); on failure *out is NULL. QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_index_open_file(sqlite3 **out, const char *path, int flags,
                                    struct qta_error *err);

/** Makes all tables in an empty database. */
enum qta_status qta_index_create_schema(sqlite3 *db, struct qta_error *err);

/** Ours to the letter: the same statements, nothing else. Nothing else is safe to query. */
bool qta_index_schema_is_ours(sqlite3 *db);

/** SQLite's own look at the file's integrity. */
bool qta_index_passes_quick_check(sqlite3 *db);

#endif
