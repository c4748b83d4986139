/* The catalogue of a folder. What is in a session is read only when a column of it is asked for. */
#include "storage/sql_sessions.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>
#include <qta/tick.h>

#include "storage/session_folder.h"
#include "storage/sql_connection.h"

SQLITE_EXTENSION_INIT3

enum column {
    PATH,
    NAME,
    TICKS,
    RECORDS,
    BY_TYPE,
    SYMBOLS,
    PROVIDERS,
    RUNS,
    SEGMENTS,
    BYTES,
    GAPS,
    DROPPED,
    FIRST_TS_RECV,
    LAST_TS_RECV,
    SEALED,
    LIVE,
    TIMEZONE,
    PROBLEM,
    FOLDER, /* the argument */
};

static const char declaration[] =
    "CREATE TABLE t(path TEXT, name TEXT, ticks INTEGER, records INTEGER, by_type TEXT, "
    "symbols INTEGER, providers INTEGER, runs INTEGER, segments INTEGER, bytes INTEGER, "
    "gaps INTEGER, dropped INTEGER, first_ts_recv INTEGER, last_ts_recv INTEGER, sealed INTEGER, "
    "live INTEGER, timezone TEXT, problem TEXT, folder TEXT HIDDEN)";

struct cursor {
    sqlite3_vtab_cursor base;
    char *folder; /* owned */
    char **names; /* owned, as are they: sorted; the sessions' */
    size_t count;
    size_t at;
    bool is_itself; /* the folder is a session: the one row */
    char path[PATH_MAX];
    bool is_read; /* info or problem of the row at hand is filled */
    enum qta_status status;
    struct qta_session_info info;
    struct qta_error problem;
};

static struct cursor *cursor_of(sqlite3_vtab_cursor *base)
{
    return (struct cursor *)base;
}

/* ---- the table ----------------------------------------------------------------------------- */

static int sessions_connect(sqlite3 *db, void *user, int argument_count,
                            const char *const *arguments, sqlite3_vtab **out, char **message)
{
    (void)user;
    (void)argument_count;
    (void)arguments;
    (void)message;
    int code = sqlite3_declare_vtab(db, declaration);
    if (code != SQLITE_OK)
        return code;
    *out = sqlite3_malloc(sizeof **out);
    if (!*out)
        return SQLITE_NOMEM;
    **out = (sqlite3_vtab){0};
    return SQLITE_OK;
}

static int sessions_disconnect(sqlite3_vtab *base)
{
    sqlite3_free(base);
    return SQLITE_OK;
}

/* As with ticks, a query without the argument fails when it runs. */
static int sessions_best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
    (void)base;
    info->estimatedCost = 1e50;
    for (int i = 0; i < info->nConstraint; i++) {
        const struct sqlite3_index_constraint *constraint = &info->aConstraint[i];
        if (constraint->iColumn != FOLDER || constraint->op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!constraint->usable)
            return SQLITE_CONSTRAINT;
        info->aConstraintUsage[i].argvIndex = 1;
        info->estimatedCost = 1000;
        info->estimatedRows = 100;
        info->orderByConsumed = info->nOrderBy == 1 && info->aOrderBy[0].iColumn == NAME &&
                                !info->aOrderBy[0].desc;
        break;
    }
    return SQLITE_OK;
}

/* ---- listing ------------------------------------------------------------------------------- */

static void forget(struct cursor *cursor)
{
    for (size_t i = 0; i < cursor->count; i++)
        free(cursor->names[i]);
    free(cursor->names);
    free(cursor->folder);
    cursor->names = NULL;
    cursor->folder = NULL;
    cursor->count = 0;
    cursor->at = 0;
    cursor->is_itself = false;
    cursor->is_read = false;
}

static bool add_name(void *user, const char *name)
{
    struct cursor *cursor = user;
    if (name[0] == '.')
        return true;
    char **grown = realloc(cursor->names, (cursor->count + 1) * sizeof *grown);
    if (grown)
        cursor->names = grown;
    char *copy = grown ? strdup(name) : NULL;
    if (copy)
        cursor->names[cursor->count++] = copy;
    else
        cursor->problem.status = QTA_ERR_NOMEM;
    return copy != NULL;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static bool set_path(struct cursor *cursor, const char *name)
{
    size_t length = strlen(cursor->folder);
    const char *separator = length > 0 && cursor->folder[length - 1] == '/' ? "" : "/";
    return snprintf(cursor->path, sizeof cursor->path, "%s%s%s", cursor->folder, separator, name) <
           (int)sizeof cursor->path;
}

/* Anything but a session has no row; a session that cannot be looked at has one. */
static bool is_session(struct cursor *cursor, const char *name)
{
    struct qta_session_folder folder;
    if (!set_path(cursor, name))
        return false;
    enum qta_status status = qta_session_folder_open(&folder, cursor->path,
                                                     qta_environment_system(), NULL);
    if (status == QTA_OK)
        qta_session_folder_close(&folder);
    return status != QTA_ERR_FORMAT && status != QTA_ERR_NOT_FOUND;
}

static void keep_sessions(struct cursor *cursor)
{
    size_t kept = 0;
    for (size_t i = 0; i < cursor->count; i++) {
        if (is_session(cursor, cursor->names[i]))
            cursor->names[kept++] = cursor->names[i];
        else
            free(cursor->names[i]);
    }
    cursor->count = kept;
    if (kept > 0)
        qsort(cursor->names, kept, sizeof cursor->names[0], by_name);
}

static enum qta_status list_folder(struct cursor *cursor, struct qta_error *err)
{
    struct qta_environment *env = qta_environment_system();
    char real[PATH_MAX];
    if (!realpath(cursor->folder, real))
        return qta_error_set_errno(err, "cannot open '%s'", cursor->folder);
    int fd = env->ops->open_at(env, AT_FDCWD, real, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return qta_error_set_errno(err, "cannot open '%s'", cursor->folder);
    cursor->problem.status = QTA_OK;
    enum qta_status status = QTA_OK;
    if (env->ops->list(env, fd, add_name, cursor) != 0)
        status = qta_error_set_errno(err, "cannot list '%s'", cursor->folder);
    else if (cursor->problem.status == QTA_ERR_NOMEM)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the names of sessions");
    env->ops->close(env, fd);
    if (status == QTA_OK)
        keep_sessions(cursor);
    return status;
}

static enum qta_status start(struct cursor *cursor, int value_count, sqlite3_value **values,
                             struct qta_error *err)
{
    if (value_count == 0)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "no folder is given, e.g. qta_sessions('sessions')");
    sqlite3_value *value = values[0];
    const char *text = (const char *)sqlite3_value_text(value);
    if (!text || strlen(text) != (size_t)sqlite3_value_bytes(value))
        return qta_error_set(err, QTA_ERR_USAGE, "'folder' is not given as text");
    cursor->folder = strdup(text);
    if (!cursor->folder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    struct qta_session_folder folder;
    if (qta_session_folder_open(&folder, text, qta_environment_system(), NULL) == QTA_OK) {
        qta_session_folder_close(&folder);
        cursor->is_itself = true;
        return QTA_OK;
    }
    return list_folder(cursor, err);
}

/* ---- the cursor ---------------------------------------------------------------------------- */

static int sessions_open(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
    (void)base;
    struct cursor *cursor = sqlite3_malloc(sizeof *cursor);
    if (!cursor)
        return SQLITE_NOMEM;
    memset(cursor, 0, sizeof *cursor);
    *out = &cursor->base;
    return SQLITE_OK;
}

static int sessions_close(sqlite3_vtab_cursor *base)
{
    forget(cursor_of(base));
    sqlite3_free(base);
    return SQLITE_OK;
}

static int sessions_eof(sqlite3_vtab_cursor *base)
{
    const struct cursor *cursor = cursor_of(base);
    return cursor->at >= (cursor->is_itself ? 1 : cursor->count);
}

static void enter_row(struct cursor *cursor)
{
    cursor->is_read = false;
    if (cursor->is_itself)
        snprintf(cursor->path, sizeof cursor->path, "%s", cursor->folder);
    else if (cursor->at < cursor->count)
        set_path(cursor, cursor->names[cursor->at]);
}

static int sessions_filter(sqlite3_vtab_cursor *base, int plan_number, const char *plan_text,
                           int value_count, sqlite3_value **values)
{
    struct cursor *cursor = cursor_of(base);
    struct qta_error err;
    (void)plan_number;
    (void)plan_text;
    forget(cursor);
    if (start(cursor, value_count, values, &err) != QTA_OK) {
        forget(cursor);
        return qta_sql_fail(base->pVtab, "qta_sessions", &err);
    }
    enter_row(cursor);
    return SQLITE_OK;
}

static int sessions_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = cursor_of(base);
    cursor->at++;
    enter_row(cursor);
    return SQLITE_OK;
}

static int sessions_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *rowid)
{
    *rowid = (sqlite3_int64)cursor_of(base)->at;
    return SQLITE_OK;
}

/* ---- values -------------------------------------------------------------------------------- */

/* A JSON object: {"trade":12,"quote":34}. */
static void result_by_type(sqlite3_context *context, const struct qta_session_info *info)
{
    sqlite3_str *text = sqlite3_str_new(NULL);
    const char *separator = "{";
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        if (info->by_type[type] == 0)
            continue;
        sqlite3_str_appendf(text, "%s\"%s\":%llu", separator, qta_tick_type_name(type),
                            (unsigned long long)info->by_type[type]);
        separator = ",";
    }
    sqlite3_str_appendall(text, *separator == '{' ? "{}" : "}");
    char *json = sqlite3_str_finish(text);
    if (json)
        sqlite3_result_text(context, json, -1, sqlite3_free);
    else
        sqlite3_result_error_nomem(context);
}

static void result_time(sqlite3_context *context, int64_t ts_ns)
{
    if (ts_ns != QTA_TIME_UNKNOWN)
        sqlite3_result_int64(context, ts_ns);
}

static void result_count(sqlite3_context *context, uint64_t count)
{
    sqlite3_result_int64(context, (sqlite3_int64)count);
}

static void result_info(sqlite3_context *context, const struct qta_session_info *info,
                        enum column column)
{
    switch (column) {
    case TICKS:
        result_count(context, info->ticks);
        break;
    case RECORDS:
        result_count(context, info->records);
        break;
    case BY_TYPE:
        result_by_type(context, info);
        break;
    case SYMBOLS:
        result_count(context, info->symbols);
        break;
    case PROVIDERS:
        result_count(context, info->providers);
        break;
    case RUNS:
        result_count(context, info->runs);
        break;
    case SEGMENTS:
        result_count(context, info->segments);
        break;
    case BYTES:
        result_count(context, info->bytes);
        break;
    case GAPS:
        result_count(context, info->gaps);
        break;
    case DROPPED:
        result_count(context, info->dropped);
        break;
    case FIRST_TS_RECV:
        result_time(context, info->first_ts_recv_ns);
        break;
    case LAST_TS_RECV:
        result_time(context, info->last_ts_recv_ns);
        break;
    case SEALED:
        sqlite3_result_int(context, info->is_sealed);
        break;
    case LIVE:
        sqlite3_result_int(context, info->is_live);
        break;
    case TIMEZONE:
        sqlite3_result_text(context, info->timezone, -1, SQLITE_TRANSIENT);
        break;
    case PATH:
    case NAME:
    case PROBLEM:
    case FOLDER:
        break;
    }
}

static void read_info(struct cursor *cursor)
{
    if (!cursor->is_read)
        cursor->status = qta_session_info_read(cursor->path, &cursor->info, &cursor->problem);
    cursor->is_read = true;
}

/* The last part of a path. */
static void result_name(sqlite3_context *context, const char *path)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    sqlite3_result_text(context, path + begin, (int)(end - begin), SQLITE_TRANSIENT);
}

static int sessions_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index)
{
    struct cursor *cursor = cursor_of(base);
    enum column column = (enum column)index;
    if (column == PATH) {
        sqlite3_result_text(context, cursor->path, -1, SQLITE_TRANSIENT);
    } else if (column == NAME) {
        result_name(context, cursor->path);
    } else if (column == FOLDER) {
        sqlite3_result_text(context, cursor->folder, -1, SQLITE_TRANSIENT);
    } else {
        read_info(cursor);
        if (cursor->status == QTA_OK)
            result_info(context, &cursor->info, column);
        else if (column == PROBLEM)
            sqlite3_result_text(context, cursor->problem.message, -1, SQLITE_TRANSIENT);
    }
    return SQLITE_OK;
}

/* ---- registering --------------------------------------------------------------------------- */

int qta_sql_sessions_register(sqlite3 *db)
{
    static const sqlite3_module module = {
        .iVersion = 0,
        .xConnect = sessions_connect,
        .xBestIndex = sessions_best_index,
        .xDisconnect = sessions_disconnect,
        .xOpen = sessions_open,
        .xClose = sessions_close,
        .xFilter = sessions_filter,
        .xNext = sessions_next,
        .xEof = sessions_eof,
        .xColumn = sessions_column,
        .xRowid = sessions_rowid,
    };
    return sqlite3_create_module_v2(db, "qta_sessions", &module, NULL, NULL);
}
