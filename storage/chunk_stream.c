/* A chunk is over when its writer says so. One whose writer was killed never says it: then it is
 * over when a later chunk is used, or when it is sealed. */
#include "storage/chunk_stream.h"

#include <string.h>

#include "storage/block_stream.h"
#include "storage/session_units.h"
#include "storage/tick_names.h"

void qta_chunk_stream_init(struct qta_chunk_stream *stream, struct qta_session_folder *folder,
                           const struct qta_tick_filter *filter, struct qta_dictionary *names)
{
    memset(stream, 0, sizeof *stream);
    stream->folder = folder;
    stream->filter = filter;
    stream->names = names;
}

static void close_chunk(struct qta_chunk_stream *stream)
{
    if (!stream->is_open)
        return;
    stream->done_bytes += stream->journal.position;
    qta_journal_reader_close(&stream->journal);
    stream->is_open = false;
}

void qta_chunk_stream_finish(struct qta_chunk_stream *stream)
{
    close_chunk(stream);
    qta_name_map_finish(&stream->ids);
}

void qta_chunk_stream_rewind(struct qta_chunk_stream *stream)
{
    close_chunk(stream);
    stream->is_done = false;
    stream->cut_run = 0;
    stream->has_over = false;
    stream->has_held = false;
}

enum qta_status qta_chunk_stream_open(struct qta_chunk_stream *stream, uint32_t number,
                                      struct qta_error *err)
{
    enum qta_status status = qta_journal_reader_open(&stream->journal, stream->folder, number, err);
    if (status != QTA_OK)
        return status;
    qta_name_map_clear(&stream->ids);
    stream->is_open = true;
    stream->number = number;
    if (stream->cut_run == 0 || stream->journal.header.run != stream->cut_run)
        return QTA_OK;
    /* recovery sets it aside: what survives a power cut is a prefix */
    struct qta_journal_record record;
    char label[QTA_FILE_NAME_BYTES];
    status = qta_journal_reader_next(&stream->journal, &record, NULL);
    close_chunk(stream);
    if (status == QTA_ERR_END)
        return QTA_OK;
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "'%s' is left out: it follows records that were not on the disk yet",
                         qta_session_file_label(label, QTA_FILE_JOURNAL, number));
}

/* ---- ticks --------------------------------------------------------------------------------- */

struct translation {
    const struct qta_chunk_stream *stream;
    bool is_complete;
};

static uint32_t translate_or_note(void *user, enum qta_name_kind kind, uint32_t id)
{
    struct translation *translation = user;
    uint32_t ours = 0;
    if (!qta_name_map_get(&translation->stream->ids, kind, id, &ours))
        translation->is_complete = false;
    return ours;
}

/* Counts a tick in when it is wanted. */
static void accept_tick(struct qta_chunk_stream *stream, const struct qta_tick *tick, size_t *count)
{
    stream->next_seq = tick->rx_seq + 1;
    stream->is_done = tick->ts_recv_ns >= stream->filter->until_ns ||
                      stream->next_seq >= stream->filter->until_seq;
    if (qta_tick_filter_passes(stream->filter, tick))
        (*count)++;
}

/* Takes the tick that was put at the end of the caller's. A hole before it is reported first. */
static enum qta_status take_tick(struct qta_chunk_stream *stream, struct qta_tick *tick,
                                 size_t *count, struct qta_error *err)
{
    struct translation translation = {.stream = stream, .is_complete = true};
    if (tick->rx_seq < stream->next_seq || tick->type == QTA_TICK_NONE)
        return QTA_OK;
    qta_tick_translate_names(tick, translate_or_note, &translation);
    if (!translation.is_complete) /* its names were lost, and so is it */
        return QTA_OK;
    if (stream->next_seq == 0 || tick->rx_seq == stream->next_seq) {
        accept_tick(stream, tick, count);
        return QTA_OK;
    }
    stream->held = *tick;
    stream->has_held = true;
    stream->lost += tick->rx_seq - stream->next_seq;
    return qta_report_missing(stream->next_seq, tick->rx_seq, err);
}

static enum qta_status take_define(struct qta_chunk_stream *stream,
                                   const struct qta_journal_record *record, struct qta_error *err)
{
    struct qta_journal_define define;
    if (!qta_journal_record_define(record, &define))
        return QTA_OK;
    uint32_t ours = qta_dictionary_intern(stream->names, define.kind, define.name, define.length);
    if (!qta_name_map_set(&stream->ids, define.kind, define.id, ours))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    return QTA_OK;
}

enum qta_status qta_chunk_stream_read(struct qta_chunk_stream *stream, struct qta_tick *ticks,
                                      size_t capacity, size_t *count, struct qta_error *err)
{
    if (stream->has_held) {
        stream->has_held = false;
        ticks[*count] = stream->held;
        accept_tick(stream, &stream->held, count);
    }
    while (*count < capacity && !stream->is_done) {
        struct qta_journal_record record;
        struct qta_tick *tick = &ticks[*count];
        enum qta_status status = qta_journal_reader_next(&stream->journal, &record, err);
        if (stream->journal.is_cut)
            stream->cut_run = stream->journal.header.run;
        if (status != QTA_OK)
            return status;
        if (qta_journal_record_tick(&record, tick))
            status = take_tick(stream, tick, count, err);
        else
            status = take_define(stream, &record, err);
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

/* ---- the end of a chunk -------------------------------------------------------------------- */

/* Whether a chunk has records: one that was only prepared has none. */
static bool chunk_is_used(const struct qta_chunk_stream *stream, uint32_t number)
{
    struct qta_journal_reader other;
    if (qta_journal_reader_open(&other, stream->folder, number, NULL) != QTA_OK)
        return false;
    struct qta_journal_record record;
    bool is_used = qta_journal_reader_next(&other, &record, NULL) != QTA_ERR_END;
    qta_journal_reader_close(&other);
    return is_used;
}

/* At the end of an unfinished chunk: is it over all the same? Its run may have been killed, and a
 * later one may have sealed it. */
static enum qta_status look_behind(struct qta_chunk_stream *stream, bool *is_over,
                                   struct qta_error *err)
{
    struct qta_session_units units;
    enum qta_status status = qta_session_units_list(&units, stream->folder, err);
    if (status != QTA_OK)
        return status;
    *is_over = !qta_file_numbers_contain(&units.journals, stream->number) ||
               qta_file_numbers_from(&units.segments, stream->number) != 0;
    for (size_t i = 0; i < units.journals.count && !*is_over; i++)
        *is_over = units.journals.numbers[i] > stream->number &&
                   chunk_is_used(stream, units.journals.numbers[i]);
    qta_session_units_finish(&units);
    return QTA_OK;
}

/* By its salt: another chunk may have its number by now. */
static bool was_found_over(const struct qta_chunk_stream *stream)
{
    return stream->has_over &&
           memcmp(stream->over_salt, stream->journal.header.salt, sizeof stream->over_salt) == 0;
}

static void note_over(struct qta_chunk_stream *stream)
{
    stream->has_over = true;
    memcpy(stream->over_salt, stream->journal.header.salt, sizeof stream->over_salt);
}

enum qta_status qta_chunk_stream_leave(struct qta_chunk_stream *stream, uint32_t *next_unit,
                                       struct qta_error *err)
{
    bool is_finished = qta_journal_reader_is_finished(&stream->journal);
    bool is_empty = stream->journal.position == QTA_JOURNAL_HEADER_BYTES;
    if (was_found_over(stream) || (is_finished && !is_empty)) {
        /* the writer finishes a chunk before it uses the next one: the power failed */
        if (!is_finished)
            stream->cut_run = stream->journal.header.run;
        *next_unit = stream->number + 1;
        close_chunk(stream);
        return QTA_OK;
    }
    bool is_over = false;
    enum qta_status status = look_behind(stream, &is_over, err);
    if (status == QTA_OK && is_over) /* it may have got more since we read its end: once more */
        note_over(stream);
    if (status == QTA_OK && !is_over)
        status = qta_error_set(err, QTA_ERR_END, "the session ends here");
    if (is_empty) {
        /* An empty chunk was only prepared. Its run may end without using it, and the next one make
         * another of the same number: what is open then is a file that has no name any more. So an
         * empty chunk is not kept open; it is looked up anew each time. */
        *next_unit = stream->number;
        close_chunk(stream);
    }
    return status;
}

bool qta_chunk_stream_has_news(struct qta_chunk_stream *stream)
{
    return qta_journal_reader_has_news(&stream->journal);
}
