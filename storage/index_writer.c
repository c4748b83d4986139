/* What the index says of a segment: rows made of its header, footer and names, and of its blocks
 * with gaps. */
#include "storage/index_writer.h"

#include <stdio.h>

#include "storage/index_statement.h"
#include "storage/name_map.h"
#include "storage/segment_reader.h"

/* ---- what a segment has -------------------------------------------------------------------- */

/* A segment's ids to the index's. */
struct id_translation {
    struct qta_session_index *index;
    struct qta_index_statement insert[2]; /* by enum qta_name_kind: provider, symbol */
    struct qta_index_statement find[2];
    struct qta_name_map map;
};

static int64_t find_name(struct qta_index_statement *find, const char *name, size_t length)
{
    int64_t id = -1;
    qta_index_statement_bind_blob(find, name, length);
    if (qta_index_statement_find(find))
        id = sqlite3_column_int64(find->statement, 0);
    qta_index_statement_rewind(find);
    return id;
}

static bool add_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                     size_t length)
{
    struct id_translation *translation = user;
    if (kind != QTA_NAME_PROVIDER && kind != QTA_NAME_SYMBOL)
        return true;
    int64_t ours = find_name(&translation->find[kind], name, length);
    if (translation->find[kind].has_failed) /* it says so when it is finished */
        return true;
    if (ours < 0) {
        qta_index_statement_bind_blob(&translation->insert[kind], name, length);
        qta_index_statement_run(&translation->insert[kind]);
        ours = sqlite3_last_insert_rowid(translation->index->db);
    }
    return qta_name_map_set(&translation->map, kind, id, (uint32_t)ours);
}

static enum qta_status add_names(struct qta_session_index *index,
                                 struct qta_segment_reader *segment, struct qta_name_map *map,
                                 struct qta_error *err)
{
    struct id_translation translation = {.index = index};
    translation.insert[QTA_NAME_PROVIDER] = qta_index_statement_make(
        index->db, "INSERT INTO providers(name) VALUES(?1)");
    translation.insert[QTA_NAME_SYMBOL] = qta_index_statement_make(
        index->db, "INSERT INTO symbols(name) VALUES(?1)");
    translation.find[QTA_NAME_PROVIDER] = qta_index_statement_make(
        index->db, "SELECT id FROM providers WHERE name=?1");
    translation.find[QTA_NAME_SYMBOL] = qta_index_statement_make(
        index->db, "SELECT id FROM symbols WHERE name=?1");
    enum qta_status status = qta_segment_reader_names(segment, add_name, &translation, err);
    for (size_t i = 0; i < 2; i++) {
        enum qta_status result = qta_index_statement_finish(&translation.insert[i],
                                                            status == QTA_OK ? err : NULL);
        status = status == QTA_OK ? result : status;
        result = qta_index_statement_finish(&translation.find[i], status == QTA_OK ? err : NULL);
        status = status == QTA_OK ? result : status;
    }
    *map = translation.map;
    return status;
}

static void bind_span(struct qta_index_statement *statement, const struct qta_tick_span *span)
{
    qta_index_statement_bind_integer(statement, (int64_t)span->records);
    qta_index_statement_bind_integer(statement, (int64_t)span->first_seq);
    qta_index_statement_bind_integer(statement, (int64_t)span->last_seq);
    qta_index_statement_bind_integer(statement, span->first_ts_recv_ns);
    qta_index_statement_bind_integer(statement, span->last_ts_recv_ns);
    bool has_events = span->min_ts_event_ns <= span->max_ts_event_ns;
    if (has_events)
        qta_index_statement_bind_integer(statement, span->min_ts_event_ns);
    else
        qta_index_statement_bind_null(statement);
    if (has_events)
        qta_index_statement_bind_integer(statement, span->max_ts_event_ns);
    else
        qta_index_statement_bind_null(statement);
    qta_index_statement_bind_integer(statement, span->types);
}

static enum qta_status add_counters(struct qta_session_index *index, uint32_t number,
                                    const struct qta_segment_footer *footer, struct qta_error *err)
{
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT INTO counters VALUES(?1,?2,?3)");
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        if (footer->by_type[type] == 0)
            continue;
        qta_index_statement_bind_integer(&insert, number);
        qta_index_statement_bind_text(&insert, qta_tick_type_name(type));
        qta_index_statement_bind_integer(&insert, (int64_t)footer->by_type[type]);
        qta_index_statement_run(&insert);
    }
    return qta_index_statement_finish(&insert, err);
}

struct symbol_rows {
    struct qta_index_statement insert;
    const struct qta_name_map *map;
    uint32_t segment;
};

static bool add_symbol_row(void *user, uint32_t symbol, uint64_t ticks)
{
    struct symbol_rows *rows = user;
    uint32_t ours = 0;
    if (symbol == 0 || !qta_name_map_get(rows->map, QTA_NAME_SYMBOL, symbol, &ours))
        return true;
    qta_index_statement_bind_integer(&rows->insert, ours);
    qta_index_statement_bind_integer(&rows->insert, rows->segment);
    qta_index_statement_bind_integer(&rows->insert, (int64_t)ticks);
    qta_index_statement_run(&rows->insert);
    return !rows->insert.has_failed;
}

static enum qta_status add_blocks(struct qta_session_index *index,
                                  const struct qta_segment_reader *segment,
                                  const struct qta_name_map *map, struct qta_error *err)
{
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT INTO blocks VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12)");
    struct symbol_rows rows = {
        .insert = qta_index_statement_make(
            index->db, "INSERT INTO segment_symbols VALUES(?1,?2,?3) ON CONFLICT "
                       "DO UPDATE SET records=records+excluded.records"),
        .map = map,
        .segment = segment->number,
    };
    int64_t block = 0;
    for (size_t i = 0; i < segment->footer.frame_count; i++) {
        const struct qta_frame *frame = &segment->footer.frames[i];
        if (frame->kind != QTA_FRAME_TICKS)
            continue;
        qta_index_statement_bind_integer(&insert, segment->number);
        qta_index_statement_bind_integer(&insert, block++);
        qta_index_statement_bind_integer(&insert, (int64_t)frame->offset);
        qta_index_statement_bind_integer(&insert,
                                         QTA_FRAME_HEAD_BYTES + (int64_t)frame->payload_bytes);
        bind_span(&insert, &frame->span);
        qta_index_statement_run(&insert);
        qta_segment_reader_symbols(segment, frame, add_symbol_row, &rows);
    }
    enum qta_status status = qta_index_statement_finish(&insert, err);
    enum qta_status result = qta_index_statement_finish(&rows.insert,
                                                        status == QTA_OK ? err : NULL);
    return status == QTA_OK ? result : status;
}

/* ---- gaps ---------------------------------------------------------------------------------- */

static void bind_known(struct qta_index_statement *statement, int64_t value, int64_t unknown)
{
    if (value == unknown)
        qta_index_statement_bind_null(statement);
    else
        qta_index_statement_bind_integer(statement, value);
}

static uint32_t id_in_index(const struct qta_name_map *map, enum qta_name_kind kind, uint32_t id)
{
    uint32_t ours = 0;
    return qta_name_map_get(map, kind, id, &ours) ? ours : 0;
}

static void add_gap(struct qta_index_statement *insert, uint32_t segment,
                    const struct qta_name_map *map, const struct qta_tick *tick)
{
    const struct qta_gap *gap = &tick->gap;
    qta_index_statement_bind_integer(insert, (int64_t)tick->rx_seq);
    qta_index_statement_bind_integer(insert, segment);
    qta_index_statement_bind_integer(insert, tick->ts_recv_ns);
    qta_index_statement_bind_integer(insert, gap->scope);
    qta_index_statement_bind_integer(insert, gap->cause);
    qta_index_statement_bind_integer(insert, id_in_index(map, QTA_NAME_PROVIDER, tick->provider));
    qta_index_statement_bind_integer(insert, id_in_index(map, QTA_NAME_SYMBOL, tick->symbol));
    bind_known(insert, gap->last_good_ns, QTA_TIME_UNKNOWN);
    bind_known(insert, gap->first_good_ns, QTA_TIME_UNKNOWN);
    bind_known(insert, (int64_t)gap->last_good_seq, (int64_t)QTA_U64_NONE);
    bind_known(insert, (int64_t)gap->first_good_seq, (int64_t)QTA_U64_NONE);
    bind_known(insert, (int64_t)gap->resolves, (int64_t)QTA_U64_NONE);
    qta_index_statement_bind_integer(insert, gap->resolved_by);
    qta_index_statement_bind_integer(insert, gap->channel);
    qta_index_statement_run(insert);
}

static enum qta_status add_gaps_of_block(struct qta_session_index *index,
                                         struct qta_index_statement *insert, uint32_t segment,
                                         const struct qta_frame *frame, const uint8_t *payload,
                                         const struct qta_name_map *map, struct qta_error *err)
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
    enum qta_status status = qta_block_decoder_begin(index->decoder, &input, err);
    if (status != QTA_OK)
        return status;
    while ((count = qta_block_decoder_next(index->decoder, ticks, GAPS)) > 0)
        for (size_t i = 0; i < count; i++)
            add_gap(insert, segment, map, &ticks[i]);
    return QTA_OK;
}

/* Only blocks with gaps are unpacked, and of them only these ticks. A block that is damaged says so
 * when it is read. */
static enum qta_status add_gaps(struct qta_session_index *index, struct qta_segment_reader *segment,
                                const struct qta_name_map *map, struct qta_error *err)
{
    struct qta_index_statement insert = qta_index_statement_make(
        index->db,
        "INSERT OR REPLACE INTO gaps VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14)");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < segment->footer.frame_count && status == QTA_OK; i++) {
        const struct qta_frame *frame = &segment->footer.frames[i];
        const uint8_t *payload;
        if (frame->kind != QTA_FRAME_TICKS || !(frame->span.types & QTA_TYPE_BIT(QTA_TICK_GAP)))
            continue;
        status = qta_segment_reader_payload(segment, frame, &payload, err);
        if (status == QTA_OK)
            status = add_gaps_of_block(index, &insert, segment->number, frame, payload, map, err);
        if (status == QTA_ERR_DAMAGED)
            status = QTA_OK;
    }
    enum qta_status result = qta_index_statement_finish(&insert, status == QTA_OK ? err : NULL);
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
    struct qta_index_statement find = qta_index_statement_make(
        index->db, "SELECT 1 FROM segments WHERE segment=?1");
    qta_index_statement_bind_integer(&find, number);
    bool is_there = qta_index_statement_find(&find);
    enum qta_status status = qta_index_statement_finish(&find, err);
    for (size_t i = 0; is_there && status == QTA_OK && i < sizeof deletes / sizeof deletes[0];
         i++) {
        struct qta_index_statement statement = qta_index_statement_make(index->db, deletes[i]);
        qta_index_statement_bind_integer(&statement, number);
        qta_index_statement_run(&statement);
        status = qta_index_statement_finish(&statement, err);
    }
    return status;
}

static enum qta_status add_segment_row(struct qta_session_index *index,
                                       const struct qta_segment_reader *segment,
                                       struct qta_error *err)
{
    int64_t blocks = 0;
    for (size_t i = 0; i < segment->footer.frame_count; i++)
        blocks += segment->footer.frames[i].kind == QTA_FRAME_TICKS;
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT INTO segments VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13)");
    qta_index_statement_bind_integer(&insert, segment->number);
    qta_index_statement_bind_integer(&insert, segment->header.run);
    qta_index_statement_bind_integer(&insert, (int64_t)segment->bytes);
    qta_index_statement_bind_integer(&insert, blocks);
    bind_span(&insert, &segment->header.span);
    qta_index_statement_bind_integer(&insert, (int64_t)segment->footer.dropped);
    qta_index_statement_run(&insert);
    return qta_index_statement_finish(&insert, err);
}

/* The run of a segment, where nothing is known of it any more. */
static enum qta_status add_run_of(struct qta_session_index *index,
                                  const struct qta_segment_reader *segment, struct qta_error *err)
{
    struct qta_index_statement insert = qta_index_statement_make(
        index->db, "INSERT OR IGNORE INTO runs VALUES(?1,?2,NULL,0,'')");
    qta_index_statement_bind_integer(&insert, segment->header.run);
    qta_index_statement_bind_integer(&insert, segment->header.run_started_ns);
    qta_index_statement_run(&insert);
    return qta_index_statement_finish(&insert, err);
}

static void put_meta(struct qta_index_statement *insert, const char *key, const char *value)
{
    qta_index_statement_bind_text(insert, key);
    qta_index_statement_bind_text(insert, value);
    qta_index_statement_run(insert);
}

enum qta_status qta_index_put_session(sqlite3 *db, const uint8_t *session_id, const char *timezone,
                                      struct qta_error *err)
{
    char id[QTA_SESSION_ID_BYTES * 2 + 1];
    for (size_t i = 0; i < QTA_SESSION_ID_BYTES; i++)
        snprintf(id + i * 2, 3, "%02x", session_id[i]);
    struct qta_index_statement meta = qta_index_statement_make(
        db, "INSERT OR REPLACE INTO meta VALUES(?1,?2)");
    put_meta(&meta, "session_id", id);
    put_meta(&meta, "timezone", timezone);
    return qta_index_statement_finish(&meta, err);
}

static enum qta_status insert_segment(struct qta_session_index *index,
                                      struct qta_segment_reader *segment, struct qta_error *err)
{
    struct qta_name_map map = {0};
    enum qta_status status = forget_segment(index, segment->number, err);
    if (status == QTA_OK && !segment->header_is_damaged)
        status = qta_index_put_session(index->db, segment->header.session_id,
                                       segment->header.timezone, err);
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
    status = qta_index_execute(index->db, "BEGIN IMMEDIATE", err);
    if (status == QTA_OK) {
        status = insert_segment(index, &segment, err);
        if (status == QTA_OK)
            status = qta_index_execute(index->db, "COMMIT", err);
        if (status != QTA_OK)
            qta_index_execute(index->db, "ROLLBACK", NULL);
    }
    qta_segment_reader_close(&segment);
    return status;
}

enum qta_status qta_index_add_all_segments(struct qta_session_index *index, struct qta_error *err)
{
    struct qta_file_numbers numbers;
    enum qta_status status = qta_session_folder_list(index->folder, QTA_FILE_SEGMENT, &numbers,
                                                     err);
    if (status != QTA_OK)
        return status;
    status = qta_index_execute(index->db, "BEGIN IMMEDIATE", err);
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
        status = qta_index_execute(index->db, "COMMIT", err);
    qta_file_numbers_finish(&numbers);
    return status;
}
