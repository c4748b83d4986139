/* Takes the session's units in order, as the reader of ticks does, each in whichever form it finds.
 * Frames have no numbers, so a unit that was begun is read to its end in the form it was begun in:
 * a chunk that is sealed meanwhile can still be read by who has it open. */
#include "storage/raw_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "storage/journal_raw.h"
#include "storage/journal_reader.h"
#include "storage/name_map.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"
#include "storage/session_units.h"
#include "storage/tick_filter.h"

enum unit_form { UNIT_NONE, UNIT_JOURNAL, UNIT_SEGMENT };

struct qta_raw_reader {
    struct qta_session_folder folder;
    bool is_folder_open;
    struct qta_dictionary *names;
    struct qta_tick_filter filter; /* what applies of it */
    bool is_done;                  /* past the filter's end */

    enum unit_form form;
    uint32_t unit;           /* the open one */
    uint32_t next_unit;      /* the lowest number to open next */
    uint32_t over_unit;      /* a chunk that ended without being finished, and is read once more */
    uint32_t cut_run;        /* the journal of this run ended early; 0 for none */
    struct qta_name_map ids; /* of the open unit's file, to ours */

    struct qta_journal_reader journal;
    struct qta_journal_raw_join join;

    struct qta_segment_reader segment;
    size_t frame; /* of the segment: the next one */
    bool is_block_open;
    struct qta_raw_cursor block;

    struct qta_raw_frame current;
};

/* ---- life ---------------------------------------------------------------------------------- */

struct qta_raw_filter qta_raw_filter_default(void)
{
    return (struct qta_raw_filter){
        .from_ns = INT64_MIN,
        .until_ns = INT64_MAX,
        .until_seq = UINT64_MAX,
    };
}

static enum qta_status init_filter(struct qta_raw_reader *reader,
                                   const struct qta_raw_filter *wanted, struct qta_error *err)
{
    struct qta_session_filter filter = qta_session_filter_default();
    if (wanted) {
        filter.from_ns = wanted->from_ns;
        filter.until_ns = wanted->until_ns;
        filter.from_seq = wanted->from_seq;
        filter.until_seq = wanted->until_seq;
        filter.providers = wanted->providers;
        filter.provider_count = wanted->provider_count;
    }
    return qta_tick_filter_init(&reader->filter, &filter, reader->names, err);
}

enum qta_status qta_raw_reader_create_in(struct qta_raw_reader **out, const char *path,
                                         const struct qta_raw_filter *filter,
                                         struct qta_environment *environment, struct qta_error *err)
{
    assert(out && path && environment);
    struct qta_raw_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    enum qta_status status = qta_session_folder_open(&reader->folder, path, environment, err);
    reader->is_folder_open = status == QTA_OK;
    if (status == QTA_OK)
        status = qta_dictionary_create(&reader->names, err);
    if (status == QTA_OK)
        status = init_filter(reader, filter, err);
    if (status != QTA_OK) {
        qta_raw_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return QTA_OK;
}

enum qta_status qta_raw_reader_create(struct qta_raw_reader **out, const char *path,
                                      const struct qta_raw_filter *filter, struct qta_error *err)
{
    return qta_raw_reader_create_in(out, path, filter, qta_environment_system(), err);
}

static void close_unit(struct qta_raw_reader *reader)
{
    if (reader->form == UNIT_JOURNAL)
        qta_journal_reader_close(&reader->journal);
    if (reader->form == UNIT_SEGMENT)
        qta_segment_reader_close(&reader->segment);
    reader->form = UNIT_NONE;
    reader->is_block_open = false;
    reader->join.is_open = false;
}

void qta_raw_reader_destroy(struct qta_raw_reader *reader)
{
    if (!reader)
        return;
    close_unit(reader);
    if (reader->is_folder_open)
        qta_session_folder_close(&reader->folder);
    qta_journal_raw_join_finish(&reader->join);
    qta_name_map_finish(&reader->ids);
    qta_tick_filter_finish(&reader->filter);
    qta_dictionary_destroy(reader->names);
    free(reader);
}

void qta_raw_reader_start_at(struct qta_raw_reader *reader, uint32_t number)
{
    assert(reader->form == UNIT_NONE);
    reader->next_unit = number;
}

const struct qta_dictionary *qta_raw_reader_names(const struct qta_raw_reader *reader)
{
    return reader->names;
}

/* ---- opening units ------------------------------------------------------------------------- */

static bool learn_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                       size_t length)
{
    struct qta_raw_reader *reader = user;
    if (kind != QTA_NAME_PROVIDER)
        return true;
    uint32_t ours = qta_dictionary_intern(reader->names, kind, name, length);
    return qta_dictionary_starved(reader->names) == 0 &&
           qta_name_map_set(&reader->ids, kind, id, ours);
}

static void begin_unit(struct qta_raw_reader *reader, enum unit_form form, uint32_t number)
{
    qta_name_map_clear(&reader->ids);
    reader->form = form;
    reader->unit = number;
    reader->next_unit = number + 1;
    reader->frame = 0;
}

static enum qta_status open_segment(struct qta_raw_reader *reader, uint32_t number,
                                    struct qta_error *err)
{
    enum qta_status status = qta_segment_reader_open(&reader->segment, &reader->folder, number,
                                                     err);
    if (status != QTA_OK)
        return status;
    begin_unit(reader, UNIT_SEGMENT, number);
    return qta_segment_reader_names(&reader->segment, learn_name, reader, err);
}

/* A chunk behind one that ended early is left out, as recovery does it. */
static enum qta_status open_journal(struct qta_raw_reader *reader, uint32_t number,
                                    struct qta_error *err)
{
    enum qta_status status = qta_journal_reader_open(&reader->journal, &reader->folder, number,
                                                     err);
    if (status != QTA_OK)
        return status;
    begin_unit(reader, UNIT_JOURNAL, number);
    if (reader->cut_run != 0 && reader->journal.header.run == reader->cut_run)
        close_unit(reader);
    return QTA_OK;
}

/* Opens a unit in the form that it has. One that cannot be read is passed over, with its error. */
static enum qta_status open_unit(struct qta_raw_reader *reader,
                                 const struct qta_session_units *units, uint32_t number,
                                 struct qta_error *err)
{
    enum qta_status status = QTA_ERR_NOT_FOUND;
    if (qta_file_numbers_contain(&units->segments, number))
        status = open_segment(reader, number, err);
    if ((status == QTA_ERR_NOT_FOUND || status == QTA_ERR_DAMAGED) &&
        qta_file_numbers_contain(&units->journals, number)) {
        close_unit(reader);
        status = open_journal(reader, number, err);
    }
    if (status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT) {
        close_unit(reader);
        reader->next_unit = number + 1;
    }
    return status;
}

/* A frame comes behind its ticks and before the next ones: none that is wanted is further back than
 * the last unit whose ticks are not. */
static uint32_t first_unit(const struct qta_raw_reader *reader,
                           const struct qta_session_units *units)
{
    uint32_t number = qta_session_units_last_before(units, &reader->folder, &reader->filter);
    return number > 0 ? number : 1;
}

/* QTA_ERR_END when there is no further unit. */
static enum qta_status open_next_unit(struct qta_raw_reader *reader, struct qta_error *err)
{
    enum { TRIES = 100 };
    for (int tries = 0; tries < TRIES; tries++) {
        struct qta_session_units units;
        enum qta_status status = qta_session_units_list(&units, &reader->folder, err);
        if (status != QTA_OK)
            return status;
        if (reader->next_unit == 0)
            reader->next_unit = first_unit(reader, &units);
        while (status == QTA_OK && reader->form == UNIT_NONE) {
            uint32_t number = qta_session_units_from(&units, reader->next_unit);
            status = number == 0 ? qta_error_set(err, QTA_ERR_END, "the session ends here")
                                 : open_unit(reader, &units, number, err);
        }
        qta_session_units_finish(&units);
        if (status != QTA_ERR_NOT_FOUND) /* it was sealed after we looked: look again */
            return status;
    }
    return qta_error_set(err, QTA_ERR_IO, "'%s' changes faster than it can be read",
                         reader->folder.path);
}

/* ---- what is wanted ------------------------------------------------------------------------ */

/* Translates the provider of reader->current; notes the filter's end. */
static bool is_wanted(struct qta_raw_reader *reader)
{
    struct qta_raw_frame *frame = &reader->current;
    const struct qta_tick_filter *filter = &reader->filter;
    uint32_t provider = 0;
    if (frame->provider != 0 &&
        !qta_name_map_get(&reader->ids, QTA_NAME_PROVIDER, frame->provider, &provider))
        return false; /* its name was lost, and so is it */
    frame->provider = (uint16_t)provider;
    if (frame->ts_recv_ns >= filter->until_ns || frame->first_seq >= filter->until_seq) {
        reader->is_done = true; /* neither goes back */
        return false;
    }
    uint64_t last_seq = frame->first_seq + (frame->tick_count > 0 ? frame->tick_count - 1 : 0);
    return frame->ts_recv_ns >= filter->from_ns && last_seq >= filter->from_seq &&
           qta_id_set_has(&filter->providers, provider);
}

static bool span_is_wanted(const struct qta_tick_filter *filter, const struct qta_raw_span *span)
{
    return span->max_ts_recv_ns >= filter->from_ns && span->end_seq >= filter->from_seq;
}

/* ---- the journal's frames ------------------------------------------------------------------ */

static enum qta_status take_define(struct qta_raw_reader *reader,
                                   const struct qta_journal_record *record, struct qta_error *err)
{
    struct qta_journal_define define;
    if (qta_journal_record_define(record, &define) &&
        !learn_name(reader, define.kind, define.id, define.name, define.length))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    return QTA_OK;
}

static enum qta_status read_journal(struct qta_raw_reader *reader, bool *has_frame,
                                    struct qta_error *err)
{
    while (!*has_frame && !reader->is_done) {
        struct qta_journal_record record;
        enum qta_status status = qta_journal_reader_next(&reader->journal, &record, err);
        if (reader->journal.is_cut)
            reader->cut_run = reader->journal.header.run;
        if (status != QTA_OK)
            return status;
        if (qta_journal_raw_join_take(&reader->join, &record)) {
            reader->current = reader->join.frame;
            *has_frame = is_wanted(reader);
        } else if (reader->join.is_out_of_memory) {
            reader->join.is_out_of_memory = false;
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a stored frame");
        }
        status = take_define(reader, &record, err);
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

/* Whether a chunk has records: one that was only prepared has none. */
static bool journal_is_used(struct qta_raw_reader *reader, uint32_t number)
{
    struct qta_journal_reader other;
    if (qta_journal_reader_open(&other, &reader->folder, number, NULL) != QTA_OK)
        return false;
    struct qta_journal_record record;
    bool is_used = qta_journal_reader_next(&other, &record, NULL) != QTA_ERR_END;
    qta_journal_reader_close(&other);
    return is_used;
}

/* At the end of an unfinished chunk: is it over all the same? Its run may have been killed, and a
 * later one may have sealed it. */
static enum qta_status look_behind_journal(struct qta_raw_reader *reader, bool *is_over,
                                           struct qta_error *err)
{
    struct qta_session_units units;
    enum qta_status status = qta_session_units_list(&units, &reader->folder, err);
    if (status != QTA_OK)
        return status;
    *is_over = !qta_file_numbers_contain(&units.journals, reader->unit) ||
               qta_file_numbers_from(&units.segments, reader->unit) != 0;
    for (size_t i = 0; i < units.journals.count && !*is_over; i++)
        *is_over = units.journals.numbers[i] > reader->unit &&
                   journal_is_used(reader, units.journals.numbers[i]);
    qta_session_units_finish(&units);
    return QTA_OK;
}

/* At the end of what the chunk has now: goes on to the next unit when it is over. One that was not
 * finished may have got more since we read its end, and is read once more. An empty one is not kept
 * open: another of its number may take its place. */
static enum qta_status leave_journal(struct qta_raw_reader *reader, struct qta_error *err)
{
    bool is_finished = qta_journal_reader_is_finished(&reader->journal);
    bool is_empty = reader->journal.position == QTA_JOURNAL_HEADER_BYTES;
    if (reader->over_unit == reader->unit || (is_finished && !is_empty)) {
        if (!is_finished)
            reader->cut_run = reader->journal.header.run;
        reader->over_unit = 0;
        close_unit(reader);
        return QTA_OK;
    }
    bool is_over = false;
    enum qta_status status = look_behind_journal(reader, &is_over, err);
    if (status == QTA_OK && is_over)
        reader->over_unit = reader->unit;
    if (status == QTA_OK && !is_over)
        status = qta_error_set(err, QTA_ERR_END, "the session ends here");
    if (is_empty) {
        reader->next_unit = reader->unit;
        close_unit(reader);
    }
    return status;
}

/* ---- a segment's frames -------------------------------------------------------------------- */

static enum qta_status report_damage(struct qta_raw_reader *reader, const struct qta_frame *frame,
                                     const char *cause, struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "'%s': the stored frames at byte %" PRIu64 " are damaged (%s): %" PRIu64
                         " frames, received with records %" PRIu64 " to %" PRIu64 ", are lost",
                         qta_session_file_label(label, QTA_FILE_SEGMENT, reader->unit),
                         frame->offset, cause, frame->raw.frames, frame->raw.first_seq,
                         frame->raw.end_seq);
}

/* The next block that is wanted. QTA_ERR_END behind the last one. */
static enum qta_status next_block(struct qta_raw_reader *reader, struct qta_error *err)
{
    while (reader->frame < reader->segment.footer.frame_count) {
        const struct qta_frame *frame = &reader->segment.footer.frames[reader->frame++];
        if (frame->kind != QTA_FRAME_STORED || !span_is_wanted(&reader->filter, &frame->raw))
            continue;
        struct qta_error cause;
        enum qta_status status = qta_segment_reader_raw(&reader->segment, frame, &reader->block,
                                                        &cause);
        if (status == QTA_ERR_DAMAGED)
            return report_damage(reader, frame, cause.message, err);
        if (status != QTA_OK && err)
            *err = cause;
        reader->is_block_open = status == QTA_OK;
        return status;
    }
    return qta_error_set(err, QTA_ERR_END, "the segment ends here");
}

static enum qta_status read_segment(struct qta_raw_reader *reader, bool *has_frame,
                                    struct qta_error *err)
{
    while (!*has_frame && !reader->is_done) {
        if (!reader->is_block_open) {
            enum qta_status status = next_block(reader, err);
            if (status != QTA_OK)
                return status;
        }
        if (qta_raw_cursor_next(&reader->block, &reader->current)) {
            *has_frame = is_wanted(reader);
            continue;
        }
        reader->is_block_open = false;
        if (reader->block.left > 0)
            return report_damage(reader, &reader->segment.footer.frames[reader->frame - 1],
                                 "its content makes no sense", err);
    }
    return QTA_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum qta_status read_unit(struct qta_raw_reader *reader, bool *has_frame,
                                 struct qta_error *err)
{
    if (reader->form == UNIT_JOURNAL) {
        enum qta_status status = read_journal(reader, has_frame, err);
        return status == QTA_ERR_END ? leave_journal(reader, err) : status;
    }
    enum qta_status status = read_segment(reader, has_frame, err);
    if (status != QTA_ERR_END)
        return status;
    close_unit(reader);
    return QTA_OK;
}

enum qta_status qta_raw_reader_next(struct qta_raw_reader *reader,
                                    const struct qta_raw_frame **frame, struct qta_error *err)
{
    bool has_frame = false;
    enum qta_status status = QTA_OK;
    while (status == QTA_OK && !has_frame && !reader->is_done) {
        if (reader->form == UNIT_NONE)
            status = open_next_unit(reader, err);
        if (status == QTA_OK && reader->form != UNIT_NONE)
            status = read_unit(reader, &has_frame, err);
    }
    if (status == QTA_OK && !has_frame)
        status = qta_error_set(err, QTA_ERR_END, "the session ends here");
    if (status == QTA_OK)
        *frame = &reader->current;
    return status;
}
