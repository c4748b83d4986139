/* Opening means doubting: whatever does not match the segments is made anew. */
#include "storage/session_index.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <qta/log.h>
#include <qta/version.h>

#include "storage/index_rebuild.h"
#include "storage/index_schema.h"
#include "storage/index_statement.h"
#include "storage/index_writer.h"

/* ---- is it good? --------------------------------------------------------------------------- */

/* Whether the index has each segment of the folder with its size, and no other. */
static bool matches_folder(struct qta_session_index *index)
{
    struct qta_environment *env = index->folder->environment;
    struct qta_file_numbers numbers;
    if (qta_session_folder_list(index->folder, QTA_FILE_SEGMENT, &numbers, NULL) != QTA_OK)
        return false;
    struct qta_index_statement query = qta_index_statement_make(
        index->db, "SELECT segment, bytes FROM segments ORDER BY 1");
    bool is_same = !query.has_failed;
    size_t found = 0;
    for (; is_same && found < numbers.count; found++) {
        int fd = qta_session_folder_open_file(index->folder, QTA_FILE_SEGMENT,
                                              numbers.numbers[found], O_RDONLY);
        is_same = fd >= 0 && sqlite3_step(query.statement) == SQLITE_ROW &&
                  sqlite3_column_int64(query.statement, 0) == numbers.numbers[found] &&
                  sqlite3_column_int64(query.statement, 1) == env->ops->size(env, fd);
        if (fd >= 0)
            env->ops->close(env, fd);
    }
    is_same = is_same && sqlite3_step(query.statement) == SQLITE_DONE;
    sqlite3_finalize(query.statement);
    qta_file_numbers_finish(&numbers);
    return is_same;
}

/* NULL, or why it has to be made anew. */
static const char *find_fault(struct qta_session_index *index, bool may_be_behind)
{
    if (qta_index_query_integer(index->db, "PRAGMA application_id", 0) != QTA_INDEX_APPLICATION_ID)
        return "it is not an index of this program";
    if (qta_index_query_integer(index->db, "PRAGMA user_version", 0) != QTA_INDEX_VERSION)
        return "it is of an older version";
    if (!qta_index_schema_is_ours(index->db))
        return "its schema is not the index's";
    if (!qta_index_passes_quick_check(index->db))
        return "it is damaged";
    if (!may_be_behind && !matches_folder(index))
        return "it does not match the segments";
    return NULL;
}

const char *qta_session_index_inspect(const struct qta_session_folder *folder, bool may_be_behind)
{
    struct qta_session_index index = {.folder = folder};
    char path[QTA_INDEX_PATH_BYTES];
    qta_index_path(folder, "", path, sizeof path);
    if (access(path, F_OK) != 0)
        return may_be_behind ? NULL : "it is missing";
    if (qta_index_open_file(&index.db, path, SQLITE_OPEN_READONLY, NULL) != QTA_OK)
        return may_be_behind ? NULL : "it cannot be opened";
    const char *fault = find_fault(&index, may_be_behind);
    sqlite3_close(index.db);
    return fault;
}

static enum qta_status refuse_newer(struct qta_session_index *index, struct qta_error *err)
{
    int64_t version = qta_index_query_integer(index->db, "PRAGMA user_version", 0);
    if (qta_index_query_integer(index->db, "PRAGMA application_id", 0) !=
            QTA_INDEX_APPLICATION_ID ||
        version <= QTA_INDEX_VERSION)
        return QTA_OK;
    return qta_error_set(err, QTA_ERR_FORMAT,
                         "'%s' has format version %" PRId64 ", this program reads up to %d",
                         QTA_SESSION_DB_NAME, version, QTA_INDEX_VERSION);
}

static enum qta_status open_existing(struct qta_session_index *index, struct qta_error *err)
{
    char path[QTA_INDEX_PATH_BYTES];
    qta_index_path(index->folder, "", path, sizeof path);
    if (access(path, F_OK) != 0) {
        enum qta_status status = qta_index_rebuild(index, err);
        return status == QTA_OK ? qta_index_open_file(&index->db, path, SQLITE_OPEN_READWRITE, err)
                                : status;
    }
    const char *fault = "it cannot be opened";
    if (qta_index_open_file(&index->db, path, SQLITE_OPEN_READWRITE, err) == QTA_OK) {
        enum qta_status newer = refuse_newer(index, err);
        if (newer != QTA_OK)
            return newer;
        fault = find_fault(index, false);
    }
    if (!fault)
        return QTA_OK;
    qta_log(QTA_LOG_WARNING, "storage", "'%s/%s' is made anew: %s", index->folder->path,
            QTA_SESSION_DB_NAME, fault);
    enum qta_status status = qta_index_rebuild(index, err);
    return status == QTA_OK ? qta_index_open_file(&index->db, path, SQLITE_OPEN_READWRITE, err)
                            : status;
}

enum qta_status qta_session_index_open(struct qta_session_index **out,
                                       const struct qta_session_folder *folder,
                                       struct qta_error *err)
{
    struct qta_session_index *index = calloc(1, sizeof *index);
    if (!index)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the index");
    index->folder = folder;
    enum qta_status status = qta_block_decoder_create(&index->decoder, err);
    if (status == QTA_OK)
        status = open_existing(index, err);
    if (status == QTA_OK)
        status = qta_index_execute(index->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                                   err);
    if (status != QTA_OK) {
        qta_session_index_destroy(index);
        return status;
    }
    *out = index;
    return QTA_OK;
}

enum qta_status qta_session_index_remake(const struct qta_session_folder *folder,
                                         struct qta_error *err)
{
    struct qta_session_index index = {.folder = folder};
    char path[QTA_INDEX_PATH_BYTES];
    qta_index_path(folder, "", path, sizeof path);
    enum qta_status status = qta_block_decoder_create(&index.decoder, err);
    if (status == QTA_OK && access(path, F_OK) == 0)
        qta_index_open_file(&index.db, path, SQLITE_OPEN_READWRITE, NULL); /* for its runs alone */
    if (status == QTA_OK && index.db)
        status = refuse_newer(&index, err);
    if (status == QTA_OK)
        status = qta_index_rebuild(&index, err);
    sqlite3_close(index.db);
    qta_block_decoder_destroy(index.decoder);
    return status;
}

void qta_session_index_destroy(struct qta_session_index *index)
{
    if (!index)
        return;
    sqlite3_close(index->db);
    qta_block_decoder_destroy(index->decoder);
    free(index);
}

enum qta_status qta_session_index_finish(struct qta_session_index *index, struct qta_error *err)
{
    /* SQLite calls the table locked when nothing was read or written since the log was begun */
    qta_index_query_integer(index->db, "SELECT count(*) FROM meta", 0);
    enum qta_status status = qta_index_execute(index->db, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    if (status == QTA_OK)
        status = qta_index_execute(index->db, "PRAGMA journal_mode=DELETE", err);
    return status;
}

/* ---- runs ---------------------------------------------------------------------------------- */

enum qta_status qta_session_index_start_run(struct qta_session_index *index,
                                            const struct qta_journal_header *header,
                                            struct qta_error *err)
{
    enum qta_status status = qta_index_put_session(index->db, header->session_id, header->timezone,
                                                   err);
    if (status != QTA_OK)
        return status;
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT OR REPLACE INTO runs VALUES(?1,?2,NULL,?3,?4)");
    qta_index_statement_bind_integer(&insert, header->run);
    qta_index_statement_bind_integer(&insert, header->run_started_ns);
    qta_index_statement_bind_integer(&insert, getpid());
    qta_index_statement_bind_text(&insert, "qta " QTA_VERSION_TEXT);
    qta_index_statement_run(&insert);
    return qta_index_statement_finish(&insert, err);
}

enum qta_status qta_session_index_end_run(struct qta_session_index *index, uint32_t run_number,
                                          int64_t ended_ns, struct qta_error *err)
{
    struct qta_index_statement update = qta_index_statement_make(
        index->db, "UPDATE runs SET ended_ns=?2 WHERE run=?1");
    qta_index_statement_bind_integer(&update, run_number);
    qta_index_statement_bind_integer(&update, ended_ns);
    qta_index_statement_run(&update);
    return qta_index_statement_finish(&update, err);
}
