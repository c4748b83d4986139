/** @file sql_columns.h
 *  The tables of ticks that SQL sees: which columns each has, and a column's value of one tick.
 *
 *  The SQLite extension only: sql_*.c and sqlite_extension.c make up qta.so, not the library. */
#ifndef QTA_STORAGE_SQL_COLUMNS_H
#define QTA_STORAGE_SQL_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <sqlite3ext.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

enum { QTA_SQL_COLUMNS_MAX = 160, QTA_SQL_NAME_BYTES = 40 };

enum qta_sql_column_kind {
    QTA_SQL_SEQ,
    QTA_SQL_TYPE,
    QTA_SQL_PROVIDER,
    QTA_SQL_SYMBOL,
    QTA_SQL_TS_RECV,
    QTA_SQL_TS_EVENT,
    QTA_SQL_SRC_SEQ,
    QTA_SQL_CONN,
    QTA_SQL_FIELD, /**< of a body */
    QTA_SQL_FLAGS,
    QTA_SQL_SESSION,    /**< first argument of the function; hidden, as are those below */
    QTA_SQL_ON_DAMAGE,  /**< its second one */
    QTA_SQL_RX_SEQ,     /**< another name of SEQ */
    QTA_SQL_FIELD_TEXT, /**< a decimal with exactly its digits */
};

struct qta_sql_column {
    char name[QTA_SQL_NAME_BYTES];
    enum qta_sql_column_kind kind;
    uint32_t types; /**< QTA_TYPE_BITs of those that can have a value there */
    /** By type; NULL for types without it, and for columns that are no field. */
    const struct qta_field *fields[QTA_TICK_TYPE_END];
};

struct qta_sql_table {
    char name[QTA_SQL_NAME_BYTES]; /**< "qta_ticks", "qta_trades", ... */
    uint32_t types;                /**< QTA_TYPE_BITs of its rows */
    size_t column_count;
    struct qta_sql_column columns[QTA_SQL_COLUMNS_MAX];
};

/** All tables: qta_ticks with every column, then one a type with that type's. Static, any thread.
 */
const struct qta_sql_table *qta_sql_tables(size_t *count);

/** The CREATE TABLE that declares it; free with sqlite3_free(). NULL: out of memory. */
char *qta_sql_table_declaration(const struct qta_sql_table *table);

/** Gives a column of a tick to SQLite: absent is NULL. SESSION and ON_DAMAGE are not the tick's. */
void qta_sql_column_result(sqlite3_context *context, const struct qta_sql_column *column,
                           const struct qta_tick *tick, const struct qta_dictionary *names);

#endif
