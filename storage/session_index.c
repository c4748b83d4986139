/* The database is opened defensively: it may come from anywhere. Its schema has to be ours to the
 * letter before a statement runs on it; triggers, views and extensions are off. Names are data and
 * come in by bound parameters alone. */
#include "storage/session_index.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/log.h>
#include <qta/version.h>

#include "storage/block_decoder.h"
#include "storage/name_map.h"
#include "storage/segment_reader.h"

static const char *const schema[] = {
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE TABLE runs(run INTEGER PRIMARY KEY, started_ns INTEGER NOT NULL, ended_ns INTEGER, "
    "pid INTEGER NOT NULL, program TEXT NOT NULL) STRICT",
    "CREATE TABLE providers(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT",
    "CREATE TABLE symbols(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE) STRICT",
    "CREATE TABLE segments(segment INTEGER PRIMARY KEY, run INTEGER NOT NULL, "
    "bytes INTEGER NOT NULL, blocks INTEGER NOT NULL, records INTEGER NOT NULL, "
    "first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_ts_recv_ns INTEGER NOT NULL, "
    "last_ts_recv_ns INTEGER NOT NULL, min_ts_event_ns INTEGER, max_ts_event_ns INTEGER, "
    "types INTEGER NOT NULL, dropped INTEGER NOT NULL) STRICT",
    "CREATE TABLE blocks(segment INTEGER NOT NULL, block INTEGER NOT NULL, "
    "offset INTEGER NOT NULL, bytes INTEGER NOT NULL, records INTEGER NOT NULL, "
    "first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_ts_recv_ns INTEGER NOT NULL, "
    "last_ts_recv_ns INTEGER NOT NULL, min_ts_event_ns INTEGER, max_ts_event_ns INTEGER, "
    "types INTEGER NOT NULL, PRIMARY KEY(segment, block)) STRICT, WITHOUT ROWID",
    "CREATE TABLE segment_symbols(symbol INTEGER NOT NULL, segment INTEGER NOT NULL, "
    "records INTEGER NOT NULL, PRIMARY KEY(symbol, segment)) STRICT, WITHOUT ROWID",
    "CREATE TABLE gaps(rx_seq INTEGER PRIMARY KEY, segment INTEGER NOT NULL, "
    "ts_recv_ns INTEGER NOT NULL, scope INTEGER NOT NULL, cause INTEGER NOT NULL, "
    "provider INTEGER NOT NULL, symbol INTEGER NOT NULL, last_good_ns INTEGER, "
    "first_good_ns INTEGER, last_good_seq INTEGER, first_good_seq INTEGER) STRICT",
    "CREATE TABLE counters(segment INTEGER NOT NULL, type TEXT NOT NULL, "
    "records INTEGER NOT NULL, PRIMARY KEY(segment, type)) STRICT, WITHOUT ROWID",
    "CREATE INDEX blocks_by_time ON blocks(last_ts_recv_ns)",
};

enum { SCHEMA_ENTRIES = sizeof schema / sizeof schema[0] };

struct qta_session_index {
    sqlite3 *db;
    const struct qta_session_folder *folder;
    struct qta_block_decoder *decoder;
};

/* ---- SQLite -------------------------------------------------------------------------------- */

static enum qta_status sqlite_error(const struct qta_session_index *index, const char *what,
                                    struct qta_error *err)
{
    int code = index->db ? sqlite3_errcode(index->db) : SQLITE_NOMEM;
    enum qta_status status = QTA_ERR_IO;
    if (code == SQLITE_FULL)
        status = QTA_ERR_NO_SPACE;
    else if (code == SQLITE_NOMEM)
        status = QTA_ERR_NOMEM;
    return qta_error_set(err, status, "'%s': cannot %s: %s", QTA_SESSION_DB_NAME, what,
                         index->db ? sqlite3_errmsg(index->db) : "out of memory");
}

static enum qta_status execute(struct qta_session_index *index, const char *sql,
                               struct qta_error *err)
{
    if (sqlite3_exec(index->db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return sqlite_error(index, "run a statement", err);
    return QTA_OK;
}

/* A statement whose failures gather: bind and step do nothing after the first. */
struct statement {
    struct qta_session_index *index;
    sqlite3_stmt *statement;
    int parameter;
    bool has_failed;
};

static struct statement prepare(struct qta_session_index *index, const char *sql)
{
    struct statement prepared = {.index = index};
    prepared.has_failed = sqlite3_prepare_v2(index->db, sql, -1, &prepared.statement, NULL) !=
                          SQLITE_OK;
    return prepared;
}

static void bind_integer(struct statement *statement, int64_t value)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_int64(statement->statement, ++statement->parameter,
                                                   value) != SQLITE_OK;
}

static void bind_null(struct statement *statement)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_null(statement->statement, ++statement->parameter) !=
                                SQLITE_OK;
}

static void bind_text(struct statement *statement, const char *text)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_text(statement->statement, ++statement->parameter,
                                                  text, -1, SQLITE_TRANSIENT) != SQLITE_OK;
}

static void bind_blob(struct statement *statement, const void *bytes, size_t length)
{
    if (!statement->has_failed)
        statement->has_failed = sqlite3_bind_blob64(statement->statement, ++statement->parameter,
                                                    bytes ? bytes : "", length,
                                                    SQLITE_TRANSIENT) != SQLITE_OK;
}

/* Runs it for one row; ready to be bound again. */
static void run(struct statement *statement)
{
    if (statement->has_failed)
        return;
    statement->has_failed = sqlite3_step(statement->statement) != SQLITE_DONE;
    if (!statement->has_failed)
        sqlite3_reset(statement->statement);
    statement->parameter = 0;
}

static enum qta_status finish(struct statement *statement, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    if (statement->has_failed)
        status = sqlite_error(statement->index, "write", err);
    sqlite3_finalize(statement->statement);
    return status;
}

/* The first column of the first row, or `otherwise`. */
static int64_t query_integer(struct qta_session_index *index, const char *sql, int64_t otherwise)
{
    struct statement query = prepare(index, sql);
    if (!query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW)
        otherwise = sqlite3_column_int64(query.statement, 0);
    sqlite3_finalize(query.statement);
    return otherwise;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void harden(sqlite3 *db)
{
    enum { STATEMENT_BYTES_MAX = 100000, VALUE_BYTES_MAX = 1 << 20, BUSY_MS = 2000 };
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, STATEMENT_BYTES_MAX);
    sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_exec(db, "PRAGMA cell_size_check=1; PRAGMA mmap_size=0", NULL, NULL, NULL);
}

/* Absolute: a name that starts with "file:" would be a URI. */
static void path_of(const struct qta_session_folder *folder, const char *suffix, char *path,
                    size_t capacity)
{
    snprintf(path, capacity, "%s/%s%s", folder->path, QTA_SESSION_DB_NAME, suffix);
}

static enum qta_status open_file(struct qta_session_index *index, const char *path, int flags,
                                 struct qta_error *err)
{
    if (sqlite3_open_v2(path, &index->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        enum qta_status status = sqlite_error(index, "open it", err);
        sqlite3_close(index->db);
        index->db = NULL;
        return status;
    }
    harden(index->db);
    return QTA_OK;
}

static enum qta_status set_pragmas(struct qta_session_index *index, struct qta_error *err)
{
    char sql[128];
    snprintf(sql, sizeof sql, "PRAGMA application_id=%d; PRAGMA user_version=%d",
             QTA_INDEX_APPLICATION_ID, QTA_INDEX_VERSION);
    return execute(index, sql, err);
}

static enum qta_status create_schema(struct qta_session_index *index, struct qta_error *err)
{
    enum qta_status status = set_pragmas(index, err);
    for (size_t i = 0; i < SCHEMA_ENTRIES && status == QTA_OK; i++)
        status = execute(index, schema[i], err);
    return status;
}

/* Ours to the letter: the same statements, nothing else. */
static bool schema_is_ours(struct qta_session_index *index)
{
    struct statement query = prepare(
        index, "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'");
    size_t found = 0;
    bool is_ours = !query.has_failed;
    while (is_ours && sqlite3_step(query.statement) == SQLITE_ROW) {
        const char *sql = (const char *)sqlite3_column_text(query.statement, 0);
        bool is_known = false;
        for (size_t i = 0; sql && i < SCHEMA_ENTRIES; i++)
            is_known = is_known || strcmp(sql, schema[i]) == 0;
        is_ours = is_known;
        found++;
    }
    sqlite3_finalize(query.statement);
    return is_ours && found == SCHEMA_ENTRIES;
}

static bool passes_quick_check(struct qta_session_index *index)
{
    struct statement query = prepare(index, "PRAGMA quick_check(1)");
    bool passes = !query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW;
    if (passes) {
        const char *text = (const char *)sqlite3_column_text(query.statement, 0);
        passes = text && strcmp(text, "ok") == 0;
    }
    sqlite3_finalize(query.statement);
    return passes;
}

/* ---- what a segment has -------------------------------------------------------------------- */

/* A segment's ids to the index's. */
struct id_translation {
    struct qta_session_index *index;
    struct statement insert[2]; /* by enum qta_name_kind: provider, symbol */
    struct statement find[2];
    struct qta_name_map map;
};

static int64_t find_name(struct statement *find, const char *name, size_t length)
{
    int64_t id = -1;
    bind_blob(find, name, length);
    if (find->has_failed)
        return id;
    int result = sqlite3_step(find->statement);
    if (result == SQLITE_ROW)
        id = sqlite3_column_int64(find->statement, 0);
    else
        find->has_failed = result != SQLITE_DONE;
    sqlite3_reset(find->statement);
    find->parameter = 0;
    return id;
}

static bool add_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                     size_t length)
{
    struct id_translation *translation = user;
    if (kind != QTA_NAME_PROVIDER && kind != QTA_NAME_SYMBOL)
        return true;
    int64_t ours = find_name(&translation->find[kind], name, length);
    if (ours < 0) {
        bind_blob(&translation->insert[kind], name, length);
        run(&translation->insert[kind]);
        ours = sqlite3_last_insert_rowid(translation->index->db);
    }
    return qta_name_map_set(&translation->map, kind, id, (uint32_t)ours);
}

static enum qta_status add_names(struct qta_session_index *index,
                                 struct qta_segment_reader *segment, struct qta_name_map *map,
                                 struct qta_error *err)
{
    struct id_translation translation = {.index = index};
    translation.insert[QTA_NAME_PROVIDER] = prepare(index,
                                                    "INSERT INTO providers(name) VALUES(?1)");
    translation.insert[QTA_NAME_SYMBOL] = prepare(index, "INSERT INTO symbols(name) VALUES(?1)");
    translation.find[QTA_NAME_PROVIDER] = prepare(index, "SELECT id FROM providers WHERE name=?1");
    translation.find[QTA_NAME_SYMBOL] = prepare(index, "SELECT id FROM symbols WHERE name=?1");
    enum qta_status status = qta_segment_reader_names(segment, add_name, &translation, err);
    for (size_t i = 0; i < 2; i++) {
        enum qta_status result = finish(&translation.insert[i], status == QTA_OK ? err : NULL);
        status = status == QTA_OK ? result : status;
        result = finish(&translation.find[i], status == QTA_OK ? err : NULL);
        status = status == QTA_OK ? result : status;
    }
    *map = translation.map;
    return status;
}

static void bind_span(struct statement *statement, const struct qta_tick_span *span)
{
    bind_integer(statement, (int64_t)span->records);
    bind_integer(statement, (int64_t)span->first_seq);
    bind_integer(statement, (int64_t)span->last_seq);
    bind_integer(statement, span->first_ts_recv_ns);
    bind_integer(statement, span->last_ts_recv_ns);
    bool has_events = span->min_ts_event_ns <= span->max_ts_event_ns;
    if (has_events)
        bind_integer(statement, span->min_ts_event_ns);
    else
        bind_null(statement);
    if (has_events)
        bind_integer(statement, span->max_ts_event_ns);
    else
        bind_null(statement);
    bind_integer(statement, span->types);
}

static enum qta_status add_counters(struct qta_session_index *index, uint32_t number,
                                    const struct qta_segment_footer *footer, struct qta_error *err)
{
    struct statement insert = prepare(index, "INSERT INTO counters VALUES(?1,?2,?3)");
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        if (footer->by_type[type] == 0)
            continue;
        bind_integer(&insert, number);
        bind_text(&insert, qta_tick_type_name(type));
        bind_integer(&insert, (int64_t)footer->by_type[type]);
        run(&insert);
    }
    return finish(&insert, err);
}

struct symbol_rows {
    struct statement insert;
    const struct qta_name_map *map;
    uint32_t segment;
};

static bool add_symbol_row(void *user, uint32_t symbol, uint64_t ticks)
{
    struct symbol_rows *rows = user;
    uint32_t ours = 0;
    if (symbol == 0 || !qta_name_map_get(rows->map, QTA_NAME_SYMBOL, symbol, &ours))
        return true;
    bind_integer(&rows->insert, ours);
    bind_integer(&rows->insert, rows->segment);
    bind_integer(&rows->insert, (int64_t)ticks);
    run(&rows->insert);
    return !rows->insert.has_failed;
}

static enum qta_status add_blocks(struct qta_session_index *index,
                                  const struct qta_segment_reader *segment,
                                  const struct qta_name_map *map, struct qta_error *err)
{
    struct statement insert = prepare(
        index, "INSERT INTO blocks VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)");
    struct symbol_rows rows = {
        .insert = prepare(index, "INSERT INTO segment_symbols VALUES(?1,?2,?3) ON CONFLICT "
                                 "DO UPDATE SET records=records+excluded.records"),
        .map = map,
        .segment = segment->number,
    };
    int64_t block = 0;
    for (size_t i = 0; i < segment->footer.frame_count; i++) {
        const struct qta_frame *frame = &segment->footer.frames[i];
        if (frame->kind != QTA_FRAME_TICKS)
            continue;
        bind_integer(&insert, segment->number);
        bind_integer(&insert, block++);
        bind_integer(&insert, (int64_t)frame->offset);
        bind_integer(&insert, QTA_FRAME_HEAD_BYTES + (int64_t)frame->payload_bytes);
        bind_span(&insert, &frame->span);
        run(&insert);
        qta_segment_reader_symbols(segment, frame, add_symbol_row, &rows);
    }
    enum qta_status status = finish(&insert, err);
    enum qta_status result = finish(&rows.insert, status == QTA_OK ? err : NULL);
    return status == QTA_OK ? result : status;
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static void bind_known(struct statement *statement, int64_t value, int64_t unknown)
{
    if (value == unknown)
        bind_null(statement);
    else
        bind_integer(statement, value);
}

static uint32_t id_in_index(const struct qta_name_map *map, enum qta_name_kind kind, uint32_t id)
{
    uint32_t ours = 0;
    return qta_name_map_get(map, kind, id, &ours) ? ours : 0;
}

static void add_gap(struct statement *insert, uint32_t segment, const struct qta_name_map *map,
                    const struct qta_tick *tick)
{
    const struct qta_gap *gap = &tick->gap;
    bind_integer(insert, (int64_t)tick->rx_seq);
    bind_integer(insert, segment);
    bind_integer(insert, tick->ts_recv_ns);
    bind_integer(insert, gap->scope);
    bind_integer(insert, gap->cause);
    bind_integer(insert, id_in_index(map, QTA_NAME_PROVIDER, tick->provider));
    bind_integer(insert, id_in_index(map, QTA_NAME_SYMBOL, tick->symbol));
    bind_known(insert, gap->last_good_ns, QTA_TIME_UNKNOWN);
    bind_known(insert, gap->first_good_ns, QTA_TIME_UNKNOWN);
    bind_known(insert, (int64_t)gap->last_good_seq, (int64_t)QTA_U64_NONE);
    bind_known(insert, (int64_t)gap->first_good_seq, (int64_t)QTA_U64_NONE);
    run(insert);
}

static void add_gaps_of_block(struct qta_session_index *index, struct statement *insert,
                              uint32_t segment, const struct qta_frame *frame,
                              const uint8_t *payload, const struct qta_name_map *map)
{
    enum { GAPS = 64 };
    struct qta_block_input input = {
        .payload = payload,
        .length = frame->payload_bytes,
        .count = frame->count,
        .first_seq = frame->span.first_seq,
        .types = QTA_TYPE_BIT(QTA_TICK_GAP),
    };
    struct qta_tick ticks[GAPS];
    size_t count;
    if (qta_block_decoder_begin(index->decoder, &input, NULL) != QTA_OK)
        return;
    while ((count = qta_block_decoder_next(index->decoder, ticks, GAPS)) > 0)
        for (size_t i = 0; i < count; i++)
            add_gap(insert, segment, map, &ticks[i]);
}

/* Only blocks with gaps are unpacked, and of them only these ticks. A block that is damaged says so
 * when it is read. */
static enum qta_status add_gaps(struct qta_session_index *index, struct qta_segment_reader *segment,
                                const struct qta_name_map *map, struct qta_error *err)
{
    struct statement insert = prepare(
        index, "INSERT OR REPLACE INTO gaps VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < segment->footer.frame_count && status == QTA_OK; i++) {
        const struct qta_frame *frame = &segment->footer.frames[i];
        const uint8_t *payload;
        if (frame->kind != QTA_FRAME_TICKS || !(frame->span.types & QTA_TYPE_BIT(QTA_TICK_GAP)))
            continue;
        status = qta_segment_reader_payload(segment, frame, &payload, err);
        if (status == QTA_OK)
            add_gaps_of_block(index, &insert, segment->number, frame, payload, map);
        else if (status == QTA_ERR_DAMAGED)
            status = QTA_OK;
    }
    enum qta_status result = finish(&insert, status == QTA_OK ? err : NULL);
    return status == QTA_OK ? result : status;
}

/* ---- segments ------------------------------------------------------------------------------ */

static enum qta_status forget_segment(struct qta_session_index *index, uint32_t number,
                                      struct qta_error *err)
{
    static const char *const deletes[] = {
        "DELETE FROM segments WHERE segment=?1",        "DELETE FROM blocks WHERE segment=?1",
        "DELETE FROM segment_symbols WHERE segment=?1", "DELETE FROM gaps WHERE segment=?1",
        "DELETE FROM counters WHERE segment=?1",
    };
    /* segment_symbols and gaps have no order by segment: do not search for what cannot be there */
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM segments WHERE segment=%u", number);
    if (query_integer(index, sql, 1) == 0)
        return QTA_OK;
    for (size_t i = 0; i < sizeof deletes / sizeof deletes[0]; i++) {
        struct statement statement = prepare(index, deletes[i]);
        bind_integer(&statement, number);
        run(&statement);
        enum qta_status status = finish(&statement, err);
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

static enum qta_status add_segment_row(struct qta_session_index *index,
                                       const struct qta_segment_reader *segment,
                                       struct qta_error *err)
{
    int64_t blocks = 0;
    for (size_t i = 0; i < segment->footer.frame_count; i++)
        blocks += segment->footer.frames[i].kind == QTA_FRAME_TICKS;
    struct statement insert = prepare(
        index, "INSERT INTO segments VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)");
    bind_integer(&insert, segment->number);
    bind_integer(&insert, segment->header.run);
    bind_integer(&insert, (int64_t)segment->bytes);
    bind_integer(&insert, blocks);
    bind_span(&insert, &segment->header.span);
    bind_integer(&insert, (int64_t)segment->footer.dropped);
    run(&insert);
    return finish(&insert, err);
}

/* The run of a segment, where nothing is known of it any more. */
static enum qta_status add_run_of(struct qta_session_index *index,
                                  const struct qta_segment_reader *segment, struct qta_error *err)
{
    struct statement insert = prepare(index, "INSERT OR IGNORE INTO runs VALUES(?1,?2,NULL,0,'')");
    bind_integer(&insert, segment->header.run);
    bind_integer(&insert, segment->header.run_started_ns);
    run(&insert);
    return finish(&insert, err);
}

static enum qta_status insert_segment(struct qta_session_index *index,
                                      struct qta_segment_reader *segment, struct qta_error *err)
{
    struct qta_name_map map = {0};
    enum qta_status status = forget_segment(index, segment->number, err);
    if (status == QTA_OK)
        status = add_run_of(index, segment, err);
    if (status == QTA_OK)
        status = add_names(index, segment, &map, err);
    if (status == QTA_OK)
        status = add_segment_row(index, segment, err);
    if (status == QTA_OK)
        status = add_counters(index, segment->number, &segment->footer, err);
    if (status == QTA_OK)
        status = add_blocks(index, segment, &map, err);
    if (status == QTA_OK)
        status = add_gaps(index, segment, &map, err);
    qta_name_map_finish(&map);
    return status;
}

enum qta_status qta_session_index_add_segment(struct qta_session_index *index, uint32_t number,
                                              struct qta_error *err)
{
    struct qta_segment_reader segment;
    enum qta_status status = qta_segment_reader_open(&segment, index->folder, number, err);
    if (status != QTA_OK)
        return status;
    status = execute(index, "BEGIN IMMEDIATE", err);
    if (status == QTA_OK) {
        status = insert_segment(index, &segment, err);
        if (status == QTA_OK)
            status = execute(index, "COMMIT", err);
        if (status != QTA_OK)
            execute(index, "ROLLBACK", NULL);
    }
    qta_segment_reader_close(&segment);
    return status;
}

/* Adds all segments of the folder in one transaction. One that cannot be read is left out: reading
 * the session tells it. */
static enum qta_status add_all_segments(struct qta_session_index *index, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_list(index->folder, QTA_FILE_SEGMENT, &numbers,
                                                     err);
    if (status != QTA_OK)
        return status;
    status = execute(index, "BEGIN IMMEDIATE", err);
    for (size_t i = 0; i < numbers.count && status == QTA_OK; i++) {
        struct qta_segment_reader segment;
        status = qta_segment_reader_open(&segment, index->folder, numbers.numbers[i], err);
        if (status == QTA_OK) {
            status = insert_segment(index, &segment, err);
            qta_segment_reader_close(&segment);
        } else if (status == QTA_ERR_DAMAGED || status == QTA_ERR_NOT_FOUND) {
            status = QTA_OK;
        }
    }
    if (status == QTA_OK)
        status = execute(index, "COMMIT", err);
    qta_file_numbers_finish(&numbers);
    return status;
}

/* ---- making it anew ------------------------------------------------------------------------ */

static void remove_database(const struct qta_session_folder *folder, const char *name)
{
    static const char *const suffixes[] = {"-wal", "-shm", "-journal", ""};
    struct qta_environment *env = folder->environment;
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        char file[64];
        snprintf(file, sizeof file, "%s%s", name, suffixes[i]);
        env->ops->unlink_at(env, folder->root_fd, file);
    }
}

#define NEW_DB_NAME QTA_SESSION_DB_NAME ".new"

/* What only the old index knew: when runs ended. Best effort. */
static void rescue_runs(struct qta_session_index *index, struct qta_session_index *old)
{
    struct statement query = prepare(old,
                                     "SELECT run, started_ns, ended_ns, pid, program FROM runs");
    struct statement insert = prepare(index, "INSERT OR REPLACE INTO runs VALUES(?1,?2,?3,?4,?5)");
    while (!query.has_failed && sqlite3_step(query.statement) == SQLITE_ROW) {
        const char *program = (const char *)sqlite3_column_text(query.statement, 4);
        bind_integer(&insert, sqlite3_column_int64(query.statement, 0));
        bind_integer(&insert, sqlite3_column_int64(query.statement, 1));
        if (sqlite3_column_type(query.statement, 2) == SQLITE_NULL)
            bind_null(&insert);
        else
            bind_integer(&insert, sqlite3_column_int64(query.statement, 2));
        bind_integer(&insert, sqlite3_column_int64(query.statement, 3));
        bind_text(&insert, program ? program : "");
        run(&insert);
    }
    sqlite3_finalize(query.statement);
    finish(&insert, NULL);
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
    remove_database(folder, QTA_SESSION_DB_NAME);
    if (env->ops->rename_at(env, folder->root_fd, NEW_DB_NAME, QTA_SESSION_DB_NAME) != 0)
        return qta_error_set_errno(err, "cannot rename '%s'", NEW_DB_NAME);
    if (env->ops->sync(env, folder->root_fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", folder->path);
    return QTA_OK;
}

static enum qta_status rebuild(struct qta_session_index *index, struct qta_error *err)
{
    char path[PATH_MAX + 32];
    struct qta_session_index made = {.folder = index->folder, .decoder = index->decoder};
    remove_database(index->folder, NEW_DB_NAME);
    path_of(index->folder, ".new", path, sizeof path);
    enum qta_status status = open_file(&made, path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
                                       err);
    if (status == QTA_OK)
        status = execute(&made, "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=OFF", err);
    if (status == QTA_OK)
        status = create_schema(&made, err);
    if (status == QTA_OK && index->db && schema_is_ours(index))
        rescue_runs(&made, index);
    if (status == QTA_OK)
        status = add_all_segments(&made, err);
    close_database(&made);
    close_database(index);
    if (status == QTA_OK)
        status = replace_database(index->folder, err);
    if (status != QTA_OK)
        remove_database(index->folder, NEW_DB_NAME);
    return status;
}

/* ---- is it good? --------------------------------------------------------------------------- */

/* Whether the index has each segment of the folder with its size, and no other. */
static bool matches_folder(struct qta_session_index *index)
{
    struct qta_environment *env = index->folder->environment;
    struct qta_file_numbers numbers;
    if (qta_session_folder_list(index->folder, QTA_FILE_SEGMENT, &numbers, NULL) != QTA_OK)
        return false;
    struct statement query = prepare(index, "SELECT segment, bytes FROM segments ORDER BY 1");
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
static const char *find_fault(struct qta_session_index *index)
{
    if (query_integer(index, "PRAGMA application_id", 0) != QTA_INDEX_APPLICATION_ID)
        return "it is not an index of this program";
    if (query_integer(index, "PRAGMA user_version", 0) != QTA_INDEX_VERSION)
        return "it is of an older version";
    if (!schema_is_ours(index))
        return "its schema is not the index's";
    if (!passes_quick_check(index))
        return "it is damaged";
    if (!matches_folder(index))
        return "it does not match the segments";
    return NULL;
}

static enum qta_status open_existing(struct qta_session_index *index, struct qta_error *err)
{
    char path[PATH_MAX + 32];
    path_of(index->folder, "", path, sizeof path);
    if (access(path, F_OK) != 0) {
        enum qta_status status = rebuild(index, err);
        return status == QTA_OK ? open_file(index, path, SQLITE_OPEN_READWRITE, err) : status;
    }
    const char *fault = "it cannot be opened";
    if (open_file(index, path, SQLITE_OPEN_READWRITE, err) == QTA_OK) {
        int64_t version = query_integer(index, "PRAGMA user_version", 0);
        if (query_integer(index, "PRAGMA application_id", 0) == QTA_INDEX_APPLICATION_ID &&
            version > QTA_INDEX_VERSION)
            return qta_error_set(err, QTA_ERR_FORMAT,
                                 "'%s' has format version %" PRId64 ", this program reads up to %d",
                                 QTA_SESSION_DB_NAME, version, QTA_INDEX_VERSION);
        fault = find_fault(index);
    }
    if (!fault)
        return QTA_OK;
    qta_log(QTA_LOG_WARNING, "storage", "'%s/%s' is made anew: %s", index->folder->path,
            QTA_SESSION_DB_NAME, fault);
    enum qta_status status = rebuild(index, err);
    return status == QTA_OK ? open_file(index, path, SQLITE_OPEN_READWRITE, err) : status;
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
        status = execute(index, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL", err);
    if (status != QTA_OK) {
        qta_session_index_destroy(index);
        return status;
    }
    *out = index;
    return QTA_OK;
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
    enum qta_status status = execute(index, "PRAGMA wal_checkpoint(TRUNCATE)", err);
    if (status == QTA_OK)
        status = execute(index, "PRAGMA journal_mode=DELETE", err);
    return status;
}

/* ---- runs ---------------------------------------------------------------------------------- */

static void put_meta(struct statement *insert, const char *key, const char *value)
{
    bind_text(insert, key);
    bind_text(insert, value);
    run(insert);
}

enum qta_status qta_session_index_start_run(struct qta_session_index *index,
                                            const struct qta_journal_header *header,
                                            struct qta_error *err)
{
    char id[QTA_SESSION_ID_BYTES * 2 + 1];
    for (size_t i = 0; i < QTA_SESSION_ID_BYTES; i++)
        snprintf(id + i * 2, 3, "%02x", header->session_id[i]);
    struct statement meta = prepare(index, "INSERT OR REPLACE INTO meta VALUES(?1,?2)");
    put_meta(&meta, "session_id", id);
    put_meta(&meta, "timezone", header->timezone);
    enum qta_status status = finish(&meta, err);
    if (status != QTA_OK)
        return status;
    struct statement insert = prepare(index,
                                      "INSERT OR REPLACE INTO runs VALUES(?1,?2,NULL,?3,?4)");
    bind_integer(&insert, header->run);
    bind_integer(&insert, header->run_started_ns);
    bind_integer(&insert, getpid());
    bind_text(&insert, "qta " QTA_VERSION_TEXT);
    run(&insert);
    return finish(&insert, err);
}

enum qta_status qta_session_index_end_run(struct qta_session_index *index, uint32_t run_number,
                                          int64_t ended_ns, struct qta_error *err)
{
    struct statement update = prepare(index, "UPDATE runs SET ended_ns=?2 WHERE run=?1");
    bind_integer(&update, run_number);
    bind_integer(&update, ended_ns);
    run(&update);
    return finish(&update, err);
}

/* ---- comparing ----------------------------------------------------------------------------- */

struct comparison {
    struct qta_session_index *stored;
    struct qta_session_index *derived;
    qta_problem_callback on_problem;
    void *user;
    uint64_t problems;
};

static void tell(struct comparison *comparison, const char *format, const char *detail)
{
    char problem[QTA_ERROR_MESSAGE_BYTES];
    /* the formats are our own, below */
    snprintf(problem, sizeof problem, "'%s' %s%s", QTA_SESSION_DB_NAME, format, detail);
    comparison->problems++;
    if (comparison->on_problem)
        comparison->on_problem(comparison->user, problem);
}

static bool values_are_equal(sqlite3_stmt *left, sqlite3_stmt *right, int column)
{
    int type = sqlite3_column_type(left, column);
    if (type != sqlite3_column_type(right, column))
        return false;
    if (type == SQLITE_INTEGER)
        return sqlite3_column_int64(left, column) == sqlite3_column_int64(right, column);
    if (type == SQLITE_NULL)
        return true;
    const void *left_bytes = sqlite3_column_blob(left, column);
    const void *right_bytes = sqlite3_column_blob(right, column);
    int length = sqlite3_column_bytes(left, column);
    return length == sqlite3_column_bytes(right, column) &&
           (length == 0 || memcmp(left_bytes, right_bytes, (size_t)length) == 0);
}

/* Runs the query on both; they must give the same rows. */
static void compare_rows(struct comparison *comparison, const char *table, const char *sql)
{
    struct statement left = prepare(comparison->stored, sql);
    struct statement right = prepare(comparison->derived, sql);
    bool is_equal = !left.has_failed && !right.has_failed;
    while (is_equal) {
        int left_result = sqlite3_step(left.statement);
        int right_result = sqlite3_step(right.statement);
        is_equal = left_result == right_result &&
                   (left_result == SQLITE_ROW || left_result == SQLITE_DONE);
        if (left_result != SQLITE_ROW)
            break;
        for (int i = 0; is_equal && i < sqlite3_column_count(left.statement); i++)
            is_equal = values_are_equal(left.statement, right.statement, i);
    }
    if (!is_equal)
        tell(comparison, "does not match the segments: table ", table);
    sqlite3_finalize(left.statement);
    sqlite3_finalize(right.statement);
}

static void compare_tables(struct comparison *comparison)
{
    /* ids of symbols depend on the order in which segments were added: compare names */
    static const struct {
        const char *table;
        const char *sql;
    } queries[] = {
        {"segments", "SELECT * FROM segments ORDER BY segment"},
        {"blocks", "SELECT * FROM blocks ORDER BY segment, block"},
        {"counters", "SELECT * FROM counters ORDER BY segment, type"},
        {"symbols", "SELECT name FROM symbols ORDER BY name"},
        {"providers", "SELECT name FROM providers ORDER BY name"},
        {"segment_symbols", "SELECT segment, name, records FROM segment_symbols "
                            "JOIN symbols ON id=symbol ORDER BY 1,2"},
        {"gaps", "SELECT rx_seq, segment, ts_recv_ns, scope, cause, p.name, s.name, last_good_ns, "
                 "first_good_ns, last_good_seq, first_good_seq FROM gaps "
                 "LEFT JOIN providers p ON p.id=provider LEFT JOIN symbols s ON s.id=symbol "
                 "ORDER BY 1"},
    };
    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++)
        compare_rows(comparison, queries[i].table, queries[i].sql);
}

static enum qta_status derive(struct qta_session_index *derived, struct qta_error *err)
{
    enum qta_status status = open_file(
        derived, ":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY, err);
    if (status == QTA_OK)
        status = create_schema(derived, err);
    if (status == QTA_OK)
        status = add_all_segments(derived, err);
    return status;
}

/* An index that may be a segment behind is looked at for its integrity only. */
static enum qta_status compare_open(struct comparison *comparison, bool may_be_behind,
                                    struct qta_error *err)
{
    struct qta_session_index *stored = comparison->stored;
    if (query_integer(stored, "PRAGMA application_id", 0) != QTA_INDEX_APPLICATION_ID) {
        tell(comparison, "is not an index of this program", "");
        return QTA_OK;
    }
    if (query_integer(stored, "PRAGMA user_version", 0) != QTA_INDEX_VERSION) {
        tell(comparison, "is of another version", "");
        return QTA_OK;
    }
    if (!schema_is_ours(stored)) {
        tell(comparison, "has another schema than the index's", "");
        return QTA_OK;
    }
    if (!passes_quick_check(stored)) {
        tell(comparison, "is damaged", "");
        return QTA_OK;
    }
    if (may_be_behind)
        return QTA_OK;
    enum qta_status status = derive(comparison->derived, err);
    if (status == QTA_OK)
        compare_tables(comparison);
    return status;
}

enum qta_status qta_session_index_compare(const struct qta_session_folder *folder,
                                          bool may_be_behind, qta_problem_callback on_problem,
                                          void *user, uint64_t *problems, struct qta_error *err)
{
    char path[PATH_MAX + 32];
    struct qta_session_index stored = {.folder = folder};
    struct qta_session_index derived = {.folder = folder};
    struct comparison comparison = {
        .stored = &stored, .derived = &derived, .on_problem = on_problem, .user = user};
    path_of(folder, "", path, sizeof path);
    if (access(path, F_OK) != 0) {
        if (!may_be_behind)
            tell(&comparison, "is missing", "");
        *problems += comparison.problems;
        return QTA_OK;
    }
    enum qta_status status = qta_block_decoder_create(&derived.decoder, err);
    struct qta_error cause;
    if (status == QTA_OK && open_file(&stored, path, SQLITE_OPEN_READONLY, &cause) == QTA_OK)
        status = compare_open(&comparison, may_be_behind, err);
    else if (status == QTA_OK && !may_be_behind) /* a log that cannot be read is no fault */
        tell(&comparison, "cannot be opened: ", cause.message);
    close_database(&stored);
    close_database(&derived);
    qta_block_decoder_destroy(derived.decoder);
    *problems += comparison.problems;
    return status;
}
