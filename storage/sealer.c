/* The chunk is read twice: for its names and its damage, then for its ticks and stored frames. */
#include "storage/sealer.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "storage/journal_raw.h"
#include "storage/journal_reader.h"
#include "storage/segment_writer.h"
#include "storage/tick_names.h"

enum {
    BLOCK_TICKS = 32768,
    BLOCK_TEXT_BYTES = 4 << 20, /* of a block's texts, before the tick that reaches it */
    BLOCK_RAW_BYTES = 1 << 20,  /* of stored frames, before the frame that reaches it */
};

struct qta_sealer {
    const struct qta_session_folder *folder;
    struct qta_block_encoder *encoder;
    qta_sealed_function on_sealed;
    void *user;
    struct qta_name_store names;
    struct qta_segment_writer *segment; /* while one is written */
    struct qta_tick *ticks;             /* of the block at hand */
    size_t count;
    size_t text_bytes;
    struct qta_journal_raw_join join;
    struct qta_raw_block raw_block; /* of the block of stored frames at hand */
};

enum qta_status qta_sealer_create(struct qta_sealer **out, const struct qta_session_folder *folder,
                                  int level, qta_sealed_function on_sealed, void *user,
                                  struct qta_error *err)
{
    struct qta_sealer *sealer = calloc(1, sizeof *sealer);
    if (!sealer)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for sealing");
    sealer->folder = folder;
    sealer->on_sealed = on_sealed;
    sealer->user = user;
    sealer->ticks = malloc(BLOCK_TICKS * sizeof *sealer->ticks);
    enum qta_status status = QTA_OK;
    if (!sealer->ticks)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for sealing");
    if (status == QTA_OK)
        status = qta_block_encoder_create(&sealer->encoder, level, err);
    if (status != QTA_OK) {
        qta_sealer_destroy(sealer);
        return status;
    }
    *out = sealer;
    return QTA_OK;
}

void qta_sealer_destroy(struct qta_sealer *sealer)
{
    if (!sealer)
        return;
    qta_segment_writer_destroy(sealer->segment);
    qta_block_encoder_destroy(sealer->encoder);
    qta_name_store_finish(&sealer->names);
    qta_journal_raw_join_finish(&sealer->join);
    qta_raw_block_finish(&sealer->raw_block);
    free(sealer->ticks);
    free(sealer);
}

/* What the first pass finds. */
struct survey {
    struct qta_journal_header header;
    uint64_t records; /* ticks and stored frames */
    bool has_damage;  /* something that was once good cannot be read */
    bool is_readable; /* its header is */
};

/* ---- the first pass ------------------------------------------------------------------------ */

static bool is_tick(const struct qta_journal_record *record, struct qta_tick *tick)
{
    return qta_journal_record_tick(record, tick) && tick->type != QTA_TICK_NONE;
}

static enum qta_status learn_name(struct qta_sealer *sealer,
                                  const struct qta_journal_record *record, struct qta_error *err)
{
    struct qta_journal_define define;
    if (!qta_journal_record_define(record, &define))
        return QTA_OK;
    if (!qta_name_store_add(&sealer->names, define.kind, define.id, define.name, define.length))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    return QTA_OK;
}

/* Passes over damage, which is noted and logged. QTA_ERR_END at the end. */
static enum qta_status next_record(struct qta_journal_reader *reader,
                                   struct qta_journal_record *record, bool *has_damage,
                                   struct qta_error *err)
{
    for (;;) {
        struct qta_error cause;
        enum qta_status status = qta_journal_reader_next(reader, record, &cause);
        if (status == QTA_ERR_DAMAGED) {
            if (!reader->is_cut || qta_journal_reader_has_more(reader))
                *has_damage = true;
            qta_log(QTA_LOG_WARNING, "storage", "%s", cause.message);
            continue;
        }
        if (status != QTA_OK && err)
            *err = cause;
        return status;
    }
}

static enum qta_status survey_chunk(struct qta_sealer *sealer, uint32_t number,
                                    struct survey *survey, struct qta_error *err)
{
    struct qta_journal_reader reader;
    memset(survey, 0, sizeof *survey);
    qta_name_store_clear(&sealer->names);
    enum qta_status status = qta_journal_reader_open(&reader, sealer->folder, number, err);
    if (status != QTA_OK)
        return status;
    survey->header = reader.header;
    survey->is_readable = true;
    while (status == QTA_OK) {
        struct qta_journal_record record;
        struct qta_tick tick;
        status = next_record(&reader, &record, &survey->has_damage, err);
        if (status == QTA_OK && (is_tick(&record, &tick) || record.kind == QTA_JOURNAL_RAW))
            survey->records++;
        else if (status == QTA_OK)
            status = learn_name(sealer, &record, err);
    }
    qta_journal_reader_close(&reader);
    return status == QTA_ERR_END ? QTA_OK : status;
}

/* ---- the second pass ----------------------------------------------------------------------- */

static enum qta_status flush_block(struct qta_sealer *sealer, struct qta_error *err)
{
    if (sealer->count == 0)
        return QTA_OK;
    enum qta_status status = qta_segment_writer_put_ticks(sealer->segment, sealer->ticks,
                                                          sealer->count, err);
    sealer->count = 0;
    sealer->text_bytes = 0;
    return status;
}

/* False when one of its names was lost: the tick is lost with it. */
static bool names_are_known(const struct qta_sealer *sealer, const struct qta_tick *tick,
                            size_t *text_bytes)
{
    struct qta_name_reference references[QTA_TICK_NAMES_MAX];
    size_t count = qta_tick_list_names(tick, references);
    *text_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        if (!qta_name_store_get(&sealer->names, references[i].kind, references[i].id, &length))
            return false;
        if (references[i].kind == QTA_NAME_TEXT)
            *text_bytes += length + 3; /* and its length */
    }
    return true;
}

static enum qta_status take_tick(struct qta_sealer *sealer, const struct qta_tick *tick,
                                 bool *has_damage, struct qta_error *err)
{
    size_t text_bytes;
    if (!names_are_known(sealer, tick, &text_bytes)) {
        *has_damage = true;
        return QTA_OK;
    }
    uint64_t next_seq = sealer->count > 0 ? sealer->ticks[sealer->count - 1].rx_seq + 1 : 0;
    enum qta_status status = QTA_OK;
    if (sealer->count == BLOCK_TICKS || sealer->text_bytes >= BLOCK_TEXT_BYTES ||
        (sealer->count > 0 && tick->rx_seq != next_seq))
        status = flush_block(sealer, err);
    sealer->ticks[sealer->count++] = *tick;
    sealer->text_bytes += text_bytes;
    return status;
}

static enum qta_status flush_raw_block(struct qta_sealer *sealer, struct qta_error *err)
{
    if (sealer->raw_block.span.frames == 0)
        return QTA_OK;
    enum qta_status status = qta_segment_writer_put_raw(sealer->segment, &sealer->raw_block, err);
    qta_raw_block_clear(&sealer->raw_block);
    return status;
}

/* A record that may be a part of a stored frame. */
static enum qta_status take_raw(struct qta_sealer *sealer, const struct qta_journal_record *record,
                                bool *has_damage, struct qta_error *err)
{
    struct qta_journal_raw_join *join = &sealer->join;
    struct qta_raw_block *block = &sealer->raw_block;
    if (!qta_journal_raw_join_take(join, record))
        return join->is_out_of_memory
                   ? qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a stored frame")
                   : QTA_OK;
    size_t length;
    if (!qta_name_store_get(&sealer->names, QTA_NAME_PROVIDER, join->frame.provider, &length)) {
        *has_damage = true;
        return QTA_OK;
    }
    if (!qta_raw_block_add(block, &join->frame))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for stored frames");
    return block->span.stored_bytes >= BLOCK_RAW_BYTES ||
                   block->span.frames == QTA_RAW_BLOCK_FRAMES_MAX
               ? flush_raw_block(sealer, err)
               : QTA_OK;
}

static enum qta_status seal_records(struct qta_sealer *sealer, uint32_t number, bool *has_damage,
                                    struct qta_error *err)
{
    struct qta_journal_reader reader;
    enum qta_status status = qta_journal_reader_open(&reader, sealer->folder, number, err);
    if (status != QTA_OK)
        return status;
    uint64_t last_seq = 0;
    int64_t last_ts_recv_ns = INT64_MIN;
    while (status == QTA_OK) {
        struct qta_journal_record record;
        struct qta_tick tick;
        status = next_record(&reader, &record, has_damage, err);
        if (status != QTA_OK)
            break;
        status = take_raw(sealer, &record, has_damage, err);
        if (status != QTA_OK || !is_tick(&record, &tick))
            continue;
        if (tick.rx_seq <= last_seq || tick.ts_recv_ns < last_ts_recv_ns) {
            *has_damage = true; /* no writer of ours puts it there */
            continue;
        }
        last_seq = tick.rx_seq;
        last_ts_recv_ns = tick.ts_recv_ns;
        status = take_tick(sealer, &tick, has_damage, err);
    }
    qta_journal_reader_close(&reader);
    if (status == QTA_ERR_END)
        status = flush_block(sealer, err);
    return status == QTA_OK ? flush_raw_block(sealer, err) : status;
}

static enum qta_status write_segment(struct qta_sealer *sealer, struct survey *survey,
                                     struct qta_error *err)
{
    struct qta_environment *env = sealer->folder->environment;
    struct qta_segment_header header = {
        .number = survey->header.number,
        .run = survey->header.run,
        .created_ns = qta_realtime_ns(env),
        .run_started_ns = survey->header.run_started_ns,
    };
    memcpy(header.session_id, survey->header.session_id, sizeof header.session_id);
    memcpy(header.timezone, survey->header.timezone, sizeof header.timezone);
    enum qta_status status = qta_segment_writer_create(&sealer->segment, sealer->folder, &header,
                                                       sealer->encoder, &sealer->names, err);
    sealer->count = 0;
    sealer->text_bytes = 0;
    sealer->join.is_open = false;
    qta_raw_block_clear(&sealer->raw_block);
    if (status == QTA_OK)
        status = seal_records(sealer, header.number, &survey->has_damage, err);
    if (status == QTA_OK && qta_segment_writer_has_blocks(sealer->segment)) {
        status = qta_segment_writer_finish(sealer->segment, err);
        if (status == QTA_OK && sealer->on_sealed)
            sealer->on_sealed(sealer->user, header.number,
                              qta_segment_writer_records(sealer->segment),
                              qta_segment_writer_bytes(sealer->segment));
    }
    qta_segment_writer_destroy(sealer->segment);
    sealer->segment = NULL;
    return status;
}

/* ---- the chunk goes ------------------------------------------------------------------------ */

static enum qta_status remove_chunk(struct qta_sealer *sealer, uint32_t number, bool has_damage,
                                    struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    qta_session_file_label(label, QTA_FILE_JOURNAL, number);
    if (has_damage) {
        qta_log(QTA_LOG_WARNING, "storage", "'%s' is damaged: set aside as '%s.damaged'", label,
                label);
        return qta_session_folder_set_aside(sealer->folder, QTA_FILE_JOURNAL, number, err);
    }
    if (!qta_session_folder_remove_file(sealer->folder, QTA_FILE_JOURNAL, number))
        return qta_error_set_errno(err, "cannot remove '%s'", label);
    return QTA_OK;
}

enum qta_status qta_sealer_seal(struct qta_sealer *sealer, uint32_t number, uint64_t *freed_bytes,
                                struct qta_error *err)
{
    struct survey survey;
    *freed_bytes = 0;
    enum qta_status status = survey_chunk(sealer, number, &survey, err);
    if (status == QTA_ERR_NOT_FOUND) /* sealed before */
        return QTA_OK;
    if (status == QTA_ERR_DAMAGED && !survey.is_readable) /* no record of it can be checked */
        return qta_session_folder_set_aside(sealer->folder, QTA_FILE_JOURNAL, number, err);
    if (status == QTA_OK && survey.records > 0)
        status = write_segment(sealer, &survey, err);
    if (status == QTA_OK)
        status = remove_chunk(sealer, number, survey.has_damage, err);
    if (status == QTA_OK)
        *freed_bytes = survey.header.capacity;
    return status;
}
