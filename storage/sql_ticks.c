/* A cursor is a session reader and the batch that it gave last. A column is made only when SQLite
 * asks for it. */
#include "storage/sql_ticks.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "storage/session_reader.h"
#include "storage/sql_columns.h"
#include "storage/sql_plan.h"

SQLITE_EXTENSION_INIT3

/* What a registered module stands for. */
struct module {
    const struct qta_sql_table *table;
    struct qta_sql_connection *connection;
};

struct ticks_table {
    sqlite3_vtab base;
    const struct module *module;
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct qta_sql_query query;
    struct qta_session_reader *reader; /* NULL: no row, or none any more */
    uint64_t session;                  /* its number, for rowids */
    uint64_t blocks;                   /* of the reader: counted already */
    const struct qta_tick *ticks;
    size_t count;
    size_t at;
};

static struct cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return (struct cursor *)base;
}

static const struct module *module_of(const struct cursor *cursor)
{
    return ((const struct ticks_table *)cursor->base.pVtab)->module;
}

/* ---- the table ----------------------------------------------------------------------------- */

static int ticks_connect(sqlite3 *db, void *user, int argument_count, const char *const *arguments,
                         sqlite3_vtab **out, char **message)
{
    const struct module *module = user;
    (void)argument_count;
    (void)arguments;
    (void)message;
    char *declaration = qta_sql_table_declaration(module->table);
    if (!declaration)
        return SQLITE_NOMEM;
    int code = sqlite3_declare_vtab(db, declaration);
    sqlite3_free(declaration);
    if (code != SQLITE_OK)
        return code;
    struct ticks_table *table = sqlite3_malloc(sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    *table = (struct ticks_table){.module = module};
    *out = &table->base;
    return SQLITE_OK;
}

static int ticks_disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

static int ticks_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    const struct ticks_table *table = (const struct ticks_table *)base;
    return qta_sql_plan(table->module->table, info);
}

/* ---- the cursor ---------------------------------------------------------------------------- */

static int ticks_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static void count_blocks(struct cursor *cursor)
{
    struct qta_read_statistics statistics;
    qta_session_reader_statistics(cursor->reader, &statistics);
    module_of(cursor)->connection->counters.blocks += statistics.blocks - cursor->blocks;
    cursor->blocks = statistics.blocks;
}

static void close_reader(struct cursor *cursor)
{
    if (cursor->reader)
        count_blocks(cursor);
    qta_session_reader_destroy(cursor->reader);
    cursor->reader = NULL;
    cursor->blocks = 0;
    cursor->count = 0;
    cursor->at = 0;
}

static int ticks_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = cursor_of(base);
    close_reader(cursor);
    qta_sql_query_finish(&cursor->query);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int fail(struct cursor *cursor, const struct qta_error *err)
{
    close_reader(cursor);
    return qta_sql_fail(cursor->base.pVtab, module_of(cursor)->table->name, err);
}

/* The next batch; no reader any more when there is none. */
static int fetch(struct cursor *cursor)
{
    struct qta_sql_counters *counters = &module_of(cursor)->connection->counters;
    struct qta_error err;
    enum qta_status status;
    cursor->at = 0;
    cursor->count = 0;
    uint64_t lost = qta_session_reader_lost(cursor->reader);
    do {
        status = qta_session_reader_next(cursor->reader, &cursor->ticks, &cursor->count, &err);
        counters->problems += status == QTA_ERR_DAMAGED && cursor->query.skips_damage;
    } while (status == QTA_ERR_DAMAGED && cursor->query.skips_damage);
    count_blocks(cursor);
    counters->lost += qta_session_reader_lost(cursor->reader) - lost;
    if (status == QTA_OK) {
        counters->ticks += cursor->count;
        return SQLITE_OK;
    }
    if (status != QTA_ERR_END) {
        qta_error_prefix(&err, status, "%s", cursor->query.session);
        return fail(cursor, &err);
    }
    close_reader(cursor);
    return SQLITE_OK;
}

static int ticks_filter(sqlite3_vtab_cursor *base, int plan_number, const char *plan_text,
                        int value_count, sqlite3_value **values)
{
    struct cursor *cursor = cursor_of(base);
    const struct module *module = module_of(cursor);
    struct qta_error err;
    close_reader(cursor);
    qta_sql_query_finish(&cursor->query);
    struct qta_sql_query *query = &cursor->query;
    enum qta_status status = qta_sql_query_init(query, module->table, plan_number, plan_text,
                                                value_count, values, &err);
    if (status == QTA_OK && query->is_empty)
        return SQLITE_OK;
    if (status == QTA_OK)
        status = qta_sql_connection_number(module->connection, query->session, &cursor->session,
                                           &err);
    if (status == QTA_OK)
        status = qta_session_reader_create(&cursor->reader, query->session, &query->filter, &err);
    return status == QTA_OK ? fetch(cursor) : fail(cursor, &err);
}

static int ticks_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = cursor_of(base);
    return ++cursor->at < cursor->count ? SQLITE_OK : fetch(cursor);
}

static int ticks_eof(sqlite3_vtab_cursor *base)
{
    return cursor_of(base)->reader == NULL;
}

static int ticks_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    const struct cursor *cursor = cursor_of(base);
    const struct qta_sql_column *column = &module_of(cursor)->table->columns[index];
    if (column->kind == QTA_SQL_SESSION)
        sqlite3_result_text(context, cursor->query.session, -1, SQLITE_TRANSIENT);
    else if (column->kind == QTA_SQL_ON_DAMAGE)
        sqlite3_result_text(context, cursor->query.skips_damage ? "skip" : "stop", -1,
                            SQLITE_STATIC);
    else
        qta_sql_column_result(context, column, &cursor->ticks[cursor->at],
                              qta_session_reader_names(cursor->reader));
    return SQLITE_OK;
}

/* Unique on the connection: with OR, SQLite tells rows that it has seen by it, and one query may
 * read several sessions. */
static int ticks_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    const struct cursor *cursor = cursor_of(base);
    const uint64_t seq_bits = (UINT64_C(1) << 48) - 1;
    uint64_t seq = cursor->ticks[cursor->at].rx_seq & seq_bits;
    *rowid = (sqlite3_int64)(cursor->session << 48 | seq);
    return SQLITE_OK;
}

/* ---- registering --------------------------------------------------------------------------- */

static const sqlite3_module ticks_module = {
    .iVersion = 0,
    .xConnect = ticks_connect, /* without xCreate: a table-valued function and nothing else */
    .xBestIndex = ticks_best_index,
    .xDisconnect = ticks_disconnect,
    .xOpen = ticks_open,
    .xClose = ticks_close,
    .xFilter = ticks_filter,
    .xNext = ticks_next,
    .xEof = ticks_eof,
    .xColumn = ticks_column,
    .xRowid = ticks_rowid,
};

static void destroy_module(void *user)
{
    struct module *module = user;
    qta_sql_connection_release(module->connection);
    free(module);
}

int qta_sql_ticks_register(sqlite3 *db, struct qta_sql_connection *connection)
{
    size_t count;
    const struct qta_sql_table *tables = qta_sql_tables(&count);
    int code = SQLITE_OK;
    for (size_t i = 0; i < count && code == SQLITE_OK; i++) {
        struct module *module = malloc(sizeof *module);
        if (!module)
            return SQLITE_NOMEM;
        *module = (struct module){&tables[i], qta_sql_connection_hold(connection)};
        /* calls destroy_module when it fails */
        code = sqlite3_create_module_v2(db, tables[i].name, &ticks_module, module, destroy_module);
    }
    return code;
}
