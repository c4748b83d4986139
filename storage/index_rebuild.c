/* The index made anew from the segments. */
#include "storage/index_rebuild.h"

#include <fcntl.h>
#include <stdio.h>

#include "storage/index_schema.h"
#include "storage/index_statement.h"

#define NEW_DB_NAME QTA_SESSION_DB_NAME ".new"

/* What SQLite keeps beside a database. Left behind, it would be played into another of its name. */
static void remove_companions(const struct qta_session_folder *folder, const char *name)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal"};
    struct qta_environment *env = folder->environment;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s%s", name, suffixes[i]);
        env->ops->unlink_at(env, folder->root_fd, file);
    }
}

static void remove_new(const struct qta_session_folder *folder)
{
    remove_companions(folder, NEW_DB_NAME);
    folder->environment->ops->unlink_at(folder->environment, folder->root_fd, NEW_DB_NAME);
}

/* What only the old index knew: when runs ended. Best effort. */
static void rescue_runs(struct qta_session_index *index, struct qta_session_index *old)
{
    struct qta_index_statement query = qta_index_statement_make(
        old->db, "SELECT run, started_ns, ended_ns, pid, program FROM runs");
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT OR REPLACE INTO runs VALUES(?1,?2,?3,?4,?5)");
    while (!query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW) {
        const char *program = (const char *)sqlite3_column_text(query.statement, 4);
        qta_index_statement_bind_integer(&insert, sqlite3_column_int64(query.statement, 0));
        qta_index_statement_bind_integer(&insert, sqlite3_column_int64(query.statement, 1));
        if (sqlite3_column_type(query.statement, 2) == SQLITE_NULL)
            qta_index_statement_bind_null(&insert);
        else
            qta_index_statement_bind_integer(&insert, sqlite3_column_int64(query.statement, 2));
        qta_index_statement_bind_integer(&insert, sqlite3_column_int64(query.statement, 3));
        qta_index_statement_bind_text(&insert, program ? program : "");
        qta_index_statement_run(&insert);
    }
    sqlite3_finalize(query.statement);
    qta_index_statement_finish(&insert, NULL);
}

static void close_database(struct qta_session_index *index)
{
    sqlite3_close(index->db);
    index->db = NULL;
}

/* Beside the old one, then in its place. The old one's log must be gone by then, or SQLite would
 * play it into the new one. */
static enum qta_status replace_database(const struct qta_session_folder *folder,
                                        struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    int fd = env->ops->open_at(env, folder->root_fd, NEW_DB_NAME, O_RDONLY, 0);
    bool is_synced = fd >= 0 && env->ops->sync(env, fd) == 0;
    if (fd >= 0)
        env->ops->close(env, fd);
    if (!is_synced)
        return qta_error_set_errno(err, "cannot sync '%s'", NEW_DB_NAME);
    remove_companions(folder, QTA_SESSION_DB_NAME);
    if (env->ops->rename_at(env, folder->root_fd, NEW_DB_NAME, QTA_SESSION_DB_NAME) != 0)
        return qta_error_set_errno(err, "cannot rename '%s'", NEW_DB_NAME);
    if (env->ops->sync(env, folder->root_fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", folder->path);
    return QTA_OK;
}

enum qta_status qta_index_rebuild(struct qta_session_index *index, struct qta_error *err)
{
    char path[QTA_INDEX_PATH_BYTES];
    struct qta_session_index made = {.folder = index->folder, .decoder = index->decoder};
    remove_new(index->folder);
    qta_index_path(index->folder, ".new", path, sizeof path);
    enum qta_status status = qta_index_open_file(&made.db, path,
                                                 SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, err);
    if (status == QTA_OK)
        status = qta_index_execute(made.db, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF",
                                   err);
    if (status == QTA_OK)
        status = qta_index_create_schema(made.db, err);
    if (status == QTA_OK && index->db && qta_index_schema_is_ours(index->db))
        rescue_runs(&made, index);
    if (status == QTA_OK)
        status = qta_index_add_all_segments(&made, err);
    close_database(&made);
    close_database(index);
    if (status == QTA_OK)
        status = replace_database(index->folder, err);
    if (status != QTA_OK)
        remove_new(index->folder);
    return status;
}
