/** @file index_statement.h
 *  Statements on session.db. Names are data and come in by bound parameters alone. */
#ifndef QTA_STORAGE_INDEX_STATEMENT_H
#define QTA_STORAGE_INDEX_STATEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3.h>

#include <qta/error.h>

/** What SQLite said last, as an error: "cannot WHAT". db may be NULL: out of memory. */
enum qta_status qta_index_fail(sqlite3 *db, const char *what, struct qta_error *err);

/** QTA_ERR_NOMEM where that is why a query has just come to nothing, else QTA_OK. */
enum qta_status qta_index_check_memory(sqlite3 *db, struct qta_error *err);

/** Runs statements without parameters. */
enum qta_status qta_index_execute(sqlite3 *db, const char *sql, struct qta_error *err);

/** The first column of the first row, or `otherwise`. */
int64_t qta_index_query_integer(sqlite3 *db, const char *sql, int64_t otherwise);

/** A statement whose failures gather: bind and run do nothing after the first. */
struct qta_index_statement {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int parameter; /**< bound last */
    bool has_failed;
    int code; /**< SQLite's, of the failure */
};

struct qta_index_statement qta_index_statement_make(sqlite3 *db, const char *sql);

/** The next parameter. Bytes are copied. */
void qta_index_statement_bind_integer(struct qta_index_statement *statement, int64_t value);
void qta_index_statement_bind_null(struct qta_index_statement *statement);
void qta_index_statement_bind_text(struct qta_index_statement *statement, const char *text);
void qta_index_statement_bind_blob(struct qta_index_statement *statement, const void *bytes,
                                   size_t length);

/** The next row of one that gives rows: false behind the last one, and after a failure. */
bool qta_index_statement_find(struct qta_index_statement *statement);

/** Makes one that gave rows ready to be bound again. */
void qta_index_statement_rewind(struct qta_index_statement *statement);

/** Runs one that gives no rows; it is then ready to be bound again. */
void qta_index_statement_run(struct qta_index_statement *statement);

/** Frees it, and says whether all went well. */
enum qta_status qta_index_statement_finish(struct qta_index_statement *statement,
                                           struct qta_error *err);

#endif
