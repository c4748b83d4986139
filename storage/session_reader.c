/* A session is a row of numbered units: number 7 is a chunk of the journal first and a segment of
 * the same content later. The reader takes the units in order, each in whichever form it finds, and
 * keeps to rx_seq alone: what it has seen it skips, so a change of form costs neither a hole nor a
 * double. */
#include "storage/session_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qta/timestamp.h>

#include "storage/block_decoder.h"
#include "storage/journal_reader.h"
#include "storage/name_map.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"
#include "storage/tick_filter.h"
#include "storage/tick_names.h"

enum { BATCH_TICKS = 1024 };

enum unit_form { UNIT_NONE, UNIT_JOURNAL, UNIT_SEGMENT };

struct qta_session_reader {
    struct qta_session_folder folder;
    bool is_folder_open;
    struct qta_dictionary *names;
    struct qta_tick_filter filter;

    enum unit_form form;
    uint32_t unit;      /* the open one */
    uint32_t next_unit; /* the lowest number to open next */
    struct qta_journal_reader journal;
    struct qta_segment_reader segment;
    size_t frame;       /* of the segment: the next one */
    bool is_block_open; /* the decoder has ticks of the frame before */
    struct qta_block_decoder *decoder;
    struct qta_name_map ids; /* of the open unit's file, to ours */
    uint32_t cut_run;        /* the journal of this run ended early; 0 for none */

    int64_t from_ns;   /* as the filter was given: seeking moves the filter's own beginning */
    uint64_t from_seq; /* likewise */
    bool is_placed;    /* next_unit is where the filter's beginning is */
    uint64_t next_seq; /* of the session as it is stored; 0: whatever comes */
    bool is_done;      /* past the filter's end */
    bool has_held;     /* the next batch starts with `held`: it came behind a hole */
    struct qta_tick held;

    uint64_t lost;       /* records known to be missing or unreadable */
    uint64_t blocks;     /* read to their ends */
    uint64_t done_bytes; /* of units that were read */

    enum qta_status pending; /* to be returned by the next call */
    struct qta_error pending_error;
    struct qta_tick ticks[BATCH_TICKS];
};

/* ---- life ---------------------------------------------------------------------------------- */

static void close_unit(struct qta_session_reader *reader)
{
    if (reader->form == UNIT_JOURNAL) {
        reader->done_bytes += reader->journal.position;
        qta_journal_reader_close(&reader->journal);
    }
    if (reader->form == UNIT_SEGMENT) {
        reader->done_bytes += reader->segment.bytes;
        qta_segment_reader_close(&reader->segment);
    }
    reader->form = UNIT_NONE;
    reader->is_block_open = false;
}

/* From the filter's beginning, which is looked for when the first tick is. A time says nothing
 * about numbers: what comes first there is right. */
static void start_over(struct qta_session_reader *reader)
{
    close_unit(reader);
    reader->next_unit = 1;
    reader->is_placed = false;
    reader->next_seq = reader->filter.from_seq > 0 ? reader->filter.from_seq : 1;
    if (reader->filter.from_ns != INT64_MIN)
        reader->next_seq = 0;
    reader->cut_run = 0;
    reader->is_done = false;
    reader->has_held = false;
    reader->pending = QTA_OK;
}

enum qta_status qta_session_reader_create_in(struct qta_session_reader **out, const char *path,
                                             const struct qta_session_filter *filter,
                                             struct qta_environment *environment,
                                             struct qta_error *err)
{
    assert(out && path && environment);
    struct qta_session_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    enum qta_status status = qta_session_folder_open(&reader->folder, path, environment, err);
    reader->is_folder_open = status == QTA_OK;
    if (status == QTA_OK)
        status = qta_dictionary_create(&reader->names, err);
    if (status == QTA_OK)
        status = qta_tick_filter_init(&reader->filter, filter, reader->names, err);
    if (status == QTA_OK)
        status = qta_block_decoder_create(&reader->decoder, err);
    if (status != QTA_OK) {
        qta_session_reader_destroy(reader);
        return status;
    }
    reader->from_ns = reader->filter.from_ns;
    reader->from_seq = reader->filter.from_seq;
    start_over(reader);
    *out = reader;
    return QTA_OK;
}

enum qta_status qta_session_reader_create(struct qta_session_reader **out, const char *path,
                                          const struct qta_session_filter *filter,
                                          struct qta_error *err)
{
    return qta_session_reader_create_in(out, path, filter, qta_environment_system(), err);
}

void qta_session_reader_destroy(struct qta_session_reader *reader)
{
    if (!reader)
        return;
    close_unit(reader);
    if (reader->is_folder_open)
        qta_session_folder_close(&reader->folder);
    qta_block_decoder_destroy(reader->decoder);
    qta_name_map_finish(&reader->ids);
    qta_tick_filter_finish(&reader->filter);
    qta_dictionary_destroy(reader->names);
    free(reader);
}

const struct qta_dictionary *qta_session_reader_names(const struct qta_session_reader *reader)
{
    return reader->names;
}

bool qta_session_reader_is_live(const struct qta_session_reader *reader)
{
    return qta_session_folder_is_locked(&reader->folder);
}

uint64_t qta_session_reader_lost(const struct qta_session_reader *reader)
{
    return reader->lost;
}

uint64_t qta_session_reader_blocks(const struct qta_session_reader *reader)
{
    return reader->blocks;
}

uint64_t qta_session_reader_done_bytes(const struct qta_session_reader *reader)
{
    uint64_t inside = 0;
    if (reader->form == UNIT_JOURNAL)
        inside = reader->journal.position;
    if (reader->form == UNIT_SEGMENT && reader->frame > 0)
        inside = reader->segment.footer.frames[reader->frame - 1].offset;
    return reader->done_bytes + inside;
}

/* ---- names --------------------------------------------------------------------------------- */

static bool learn_name(void *user, enum qta_name_kind kind, uint32_t id, const char *name,
                       size_t length)
{
    struct qta_session_reader *reader = user;
    uint32_t ours = qta_dictionary_intern(reader->names, kind, name, length);
    return qta_name_map_set(&reader->ids, kind, id, ours);
}

static bool translate_id(void *user, enum qta_name_kind kind, uint32_t id, uint32_t *ours)
{
    const struct qta_session_reader *reader = user;
    return qta_name_map_get(&reader->ids, kind, id, ours);
}

static uint32_t intern_text(void *user, const char *text, size_t length)
{
    struct qta_session_reader *reader = user;
    return qta_dictionary_intern(reader->names, QTA_NAME_TEXT, text, length);
}

/* ---- opening units ------------------------------------------------------------------------- */

static enum qta_status report_missing(struct qta_session_reader *reader, uint64_t first,
                                      struct qta_error *err)
{
    reader->lost += first - reader->next_seq;
    return qta_error_set(err, QTA_ERR_DAMAGED, "records %" PRIu64 " to %" PRIu64 " are missing",
                         reader->next_seq, first - 1);
}

/* Whether a span ends before the filter begins. */
static bool is_before(const struct qta_tick_filter *filter, const struct qta_tick_span *span)
{
    return span->last_seq < filter->from_seq || span->last_ts_recv_ns < filter->from_ns;
}

/* Whether nothing in this span is wanted. It then counts as read. */
static bool can_pass_over(const struct qta_session_reader *reader, const struct qta_tick_span *span)
{
    const struct qta_tick_filter *filter = &reader->filter;
    return span->last_seq < reader->next_seq || is_before(filter, span) ||
           (span->types & filter->types) == 0 ||
           (filter->has_event_limit && (span->max_ts_event_ns < filter->event_from_ns ||
                                        span->min_ts_event_ns >= filter->event_until_ns));
}

static bool is_hole_before(const struct qta_session_reader *reader, uint64_t seq)
{
    return reader->next_seq != 0 && seq > reader->next_seq;
}

/* A segment of which nothing is wanted need not be opened; one that comes behind a hole is, so that
 * the hole is found. */
static bool segment_can_be_passed_over(struct qta_session_reader *reader, uint32_t number)
{
    struct qta_segment_header header;
    if (qta_segment_reader_peek(&reader->folder, number, &header, NULL) != QTA_OK ||
        is_hole_before(reader, header.span.first_seq) || !can_pass_over(reader, &header.span))
        return false;
    if (header.span.last_seq >= reader->next_seq)
        reader->next_seq = header.span.last_seq + 1;
    return true;
}

static enum qta_status open_segment(struct qta_session_reader *reader, uint32_t number,
                                    struct qta_error *err)
{
    enum qta_status status = qta_segment_reader_open(&reader->segment, &reader->folder, number,
                                                     err);
    if (status != QTA_OK)
        return status;
    qta_name_map_clear(&reader->ids);
    reader->form = UNIT_SEGMENT;
    reader->unit = number;
    reader->next_unit = number + 1;
    reader->frame = 0;
    return qta_segment_reader_names(&reader->segment, learn_name, reader, err);
}

static enum qta_status open_journal(struct qta_session_reader *reader, uint32_t number,
                                    struct qta_error *err)
{
    enum qta_status status = qta_journal_reader_open(&reader->journal, &reader->folder, number,
                                                     err);
    if (status != QTA_OK)
        return status;
    qta_name_map_clear(&reader->ids);
    reader->form = UNIT_JOURNAL;
    reader->unit = number;
    reader->next_unit = number + 1;
    if (reader->cut_run == 0 || reader->journal.header.run != reader->cut_run)
        return QTA_OK;
    /* recovery sets it aside: what survives a power cut is a prefix */
    struct qta_journal_record record;
    char label[QTA_FILE_NAME_BYTES];
    status = qta_journal_reader_next(&reader->journal, &record, NULL);
    close_unit(reader);
    if (status == QTA_ERR_END)
        return QTA_OK;
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "'%s' is left out: it follows records that were not on the disk yet",
                         qta_session_file_label(label, QTA_FILE_JOURNAL, number));
}

struct units {
    struct qta_file_numbers segments;
    struct qta_file_numbers journals;
};

static void finish_units(struct units *units)
{
    qta_file_numbers_finish(&units->segments);
    qta_file_numbers_finish(&units->journals);
}

/* Journals first: a chunk that is sealed in between is then in both lists, not in none. */
static enum qta_status list_units(struct qta_session_reader *reader, struct units *units,
                                  struct qta_error *err)
{
    memset(units, 0, sizeof *units);
    enum qta_status status = qta_session_folder_refresh(&reader->folder, err);
    if (status == QTA_OK)
        status = qta_session_folder_list(&reader->folder, QTA_FILE_JOURNAL, &units->journals, err);
    if (status == QTA_OK)
        status = qta_session_folder_list(&reader->folder, QTA_FILE_SEGMENT, &units->segments, err);
    if (status != QTA_OK)
        finish_units(units);
    return status;
}

/* Goes to the last segment that ends before the filter's beginning, so that a hole behind it is
 * found. One whose header cannot be read counts as not before: then reading starts earlier. */
static void find_beginning(struct qta_session_reader *reader, const struct units *units)
{
    const struct qta_file_numbers *segments = &units->segments;
    size_t low = 0; /* all below are before */
    size_t high = segments->count;
    reader->is_placed = true;
    if (reader->filter.from_ns == INT64_MIN && reader->filter.from_seq <= 1)
        return;
    while (low < high) {
        struct qta_segment_header header;
        size_t middle = low + (high - low) / 2;
        if (qta_segment_reader_peek(&reader->folder, segments->numbers[middle], &header, NULL) ==
                QTA_OK &&
            is_before(&reader->filter, &header.span))
            low = middle + 1;
        else
            high = middle;
    }
    if (low > 0)
        reader->next_unit = segments->numbers[low - 1];
}

/* Opens a unit in the form that it has. One that cannot be read is passed over, with its error. */
static enum qta_status open_unit(struct qta_session_reader *reader, const struct units *units,
                                 uint32_t number, struct qta_error *err)
{
    bool is_chunk = qta_file_numbers_contain(&units->journals, number);
    enum qta_status status = QTA_ERR_NOT_FOUND;
    if (qta_file_numbers_contain(&units->segments, number)) {
        if (segment_can_be_passed_over(reader, number)) {
            reader->next_unit = number + 1;
            return QTA_OK;
        }
        status = open_segment(reader, number, err);
    }
    if (is_chunk && (status == QTA_ERR_NOT_FOUND || status == QTA_ERR_DAMAGED)) {
        close_unit(reader);
        status = open_journal(reader, number, err);
    }
    if (status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT) {
        close_unit(reader);
        reader->next_unit = number + 1;
    }
    return status;
}

/* QTA_ERR_END when there is no further unit. */
static enum qta_status open_next_unit(struct qta_session_reader *reader, struct qta_error *err)
{
    enum { TRIES = 100 };
    for (int tries = 0; tries < TRIES; tries++) {
        struct units units;
        enum qta_status status = list_units(reader, &units, err);
        if (status != QTA_OK)
            return status;
        if (!reader->is_placed)
            find_beginning(reader, &units);
        while (status == QTA_OK && reader->form == UNIT_NONE) {
            uint32_t segment = qta_file_numbers_from(&units.segments, reader->next_unit);
            uint32_t journal = qta_file_numbers_from(&units.journals, reader->next_unit);
            uint32_t number = segment == 0 || (journal != 0 && journal < segment) ? journal
                                                                                  : segment;
            status = number == 0 ? qta_error_set(err, QTA_ERR_END, "the session ends here")
                                 : open_unit(reader, &units, number, err);
        }
        finish_units(&units);
        if (status != QTA_ERR_NOT_FOUND) /* it was sealed after we looked: look again */
            return status;
    }
    return qta_error_set(err, QTA_ERR_IO, "'%s' changes faster than it can be read",
                         reader->folder.path);
}

/* Whether a chunk has records: one that was only prepared has none. */
static bool journal_is_used(struct qta_session_reader *reader, uint32_t number)
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
static enum qta_status look_behind_journal(struct qta_session_reader *reader, bool *is_over,
                                           struct qta_error *err)
{
    struct units units;
    enum qta_status status = list_units(reader, &units, err);
    if (status != QTA_OK)
        return status;
    *is_over = !qta_file_numbers_contain(&units.journals, reader->unit) ||
               qta_file_numbers_from(&units.segments, reader->unit) != 0;
    for (size_t i = 0; i < units.journals.count && !*is_over; i++)
        *is_over = units.journals.numbers[i] > reader->unit &&
                   journal_is_used(reader, units.journals.numbers[i]);
    finish_units(&units);
    return QTA_OK;
}

/* ---- the journal's ticks ------------------------------------------------------------------- */

struct translation {
    struct qta_session_reader *reader;
    bool is_complete;
};

static uint32_t translate_or_note(void *user, enum qta_name_kind kind, uint32_t id)
{
    struct translation *translation = user;
    uint32_t ours = 0;
    if (!translate_id(translation->reader, kind, id, &ours))
        translation->is_complete = false;
    return ours;
}

/* Counts a tick of the batch in when it is wanted. */
static void accept_tick(struct qta_session_reader *reader, const struct qta_tick *tick,
                        size_t *count)
{
    reader->next_seq = tick->rx_seq + 1;
    reader->is_done = tick->ts_recv_ns >= reader->filter.until_ns ||
                      reader->next_seq >= reader->filter.until_seq;
    if (qta_tick_filter_passes(&reader->filter, tick))
        (*count)++;
}

/* Takes the tick that the journal put at the end of the batch. A hole before it is reported first.
 */
static enum qta_status take_tick(struct qta_session_reader *reader, struct qta_tick *tick,
                                 size_t *count, struct qta_error *err)
{
    struct translation translation = {.reader = reader, .is_complete = true};
    if (tick->rx_seq < reader->next_seq || tick->type == QTA_TICK_NONE)
        return QTA_OK;
    qta_tick_translate_names(tick, translate_or_note, &translation);
    if (!translation.is_complete) /* its names were lost, and so is it */
        return QTA_OK;
    if (!is_hole_before(reader, tick->rx_seq)) {
        accept_tick(reader, tick, count);
        return QTA_OK;
    }
    reader->held = *tick;
    reader->has_held = true;
    return report_missing(reader, tick->rx_seq, err);
}

static enum qta_status take_define(struct qta_session_reader *reader,
                                   const struct qta_journal_record *record, struct qta_error *err)
{
    struct qta_journal_define define;
    if (qta_journal_record_define(record, &define) &&
        !learn_name(reader, define.kind, define.id, define.name, define.length))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    return QTA_OK;
}

static enum qta_status read_journal(struct qta_session_reader *reader, size_t *count,
                                    struct qta_error *err)
{
    if (reader->has_held) {
        reader->has_held = false;
        reader->ticks[*count] = reader->held;
        accept_tick(reader, &reader->held, count);
    }
    while (*count < BATCH_TICKS && !reader->is_done) {
        struct qta_journal_record record;
        struct qta_tick *tick = &reader->ticks[*count];
        enum qta_status status = qta_journal_reader_next(&reader->journal, &record, err);
        if (reader->journal.is_cut)
            reader->cut_run = reader->journal.header.run;
        if (status != QTA_OK)
            return status;
        if (qta_journal_record_tick(&record, tick))
            status = take_tick(reader, tick, count, err);
        else
            status = take_define(reader, &record, err);
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

/* An empty chunk was only prepared. Its run may end without using it, and the next one make another
 * of the same number: what is open then is a file that has no name any more. So an empty chunk is
 * not kept open; it is looked up anew each time. */
static void let_go_of_empty_journal(struct qta_session_reader *reader)
{
    reader->next_unit = reader->unit;
    close_unit(reader);
}

/* At the end of what the chunk has now: goes on to the next unit when it is over. *over_unit is the
 * one that was found to be over, kept from call to call: it may have got more since we read its
 * end, and is read once more. */
static enum qta_status leave_journal(struct qta_session_reader *reader, uint32_t *over_unit,
                                     struct qta_error *err)
{
    bool is_finished = qta_journal_reader_is_finished(&reader->journal);
    bool is_empty = reader->journal.position == QTA_JOURNAL_HEADER_BYTES;
    if (*over_unit == reader->unit || (is_finished && !is_empty)) {
        /* the writer finishes a chunk before it uses the next one: the power failed */
        if (!is_finished)
            reader->cut_run = reader->journal.header.run;
        close_unit(reader);
        return QTA_OK;
    }
    bool is_over = false;
    enum qta_status status = look_behind_journal(reader, &is_over, err);
    if (status == QTA_OK && is_over)
        *over_unit = reader->unit;
    if (status == QTA_OK && !is_over)
        status = qta_error_set(err, QTA_ERR_END, "the session ends here");
    if (is_empty)
        let_go_of_empty_journal(reader);
    return status;
}

/* ---- a segment's ticks --------------------------------------------------------------------- */

struct symbol_search {
    const struct qta_session_reader *reader;
    bool is_found;
};

static bool look_for_symbol(void *user, uint32_t symbol, uint64_t ticks)
{
    struct symbol_search *search = user;
    const struct qta_tick_filter *filter = &search->reader->filter;
    uint32_t ours = 0;
    (void)ticks;
    if (symbol == 0)
        search->is_found = search->is_found || (filter->types & QTA_TYPES_FEED) != 0;
    else if (qta_name_map_get(&search->reader->ids, QTA_NAME_SYMBOL, symbol, &ours))
        search->is_found = search->is_found || qta_id_set_has(&filter->symbols, ours);
    return true;
}

static bool frame_is_wanted(const struct qta_session_reader *reader, const struct qta_frame *frame)
{
    struct symbol_search search = {.reader = reader};
    if (can_pass_over(reader, &frame->span))
        return false;
    return reader->filter.symbols.is_all ||
           !qta_segment_reader_symbols(&reader->segment, frame, look_for_symbol, &search) ||
           search.is_found;
}

static enum qta_status report_damage(struct qta_session_reader *reader,
                                     const struct qta_frame *frame, const struct qta_error *cause,
                                     struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    char first[QTA_TIMESTAMP_TEXT_BYTES];
    char last[QTA_TIMESTAMP_TEXT_BYTES];
    reader->lost += frame->span.last_seq + 1 - reader->next_seq;
    qta_timestamp_print(frame->span.first_ts_recv_ns, first);
    qta_timestamp_print(frame->span.last_ts_recv_ns, last);
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "'%s': the block at byte %" PRIu64 " is damaged (%s): records %" PRIu64
                         " to %" PRIu64 ", received %s to %s, are lost",
                         qta_session_file_label(label, QTA_FILE_SEGMENT, reader->unit),
                         frame->offset, cause->message, frame->span.first_seq, frame->span.last_seq,
                         first, last);
}

static enum qta_status open_block(struct qta_session_reader *reader, const struct qta_frame *frame,
                                  struct qta_error *err)
{
    const uint8_t *payload;
    struct qta_error cause;
    enum qta_status status = qta_segment_reader_payload(&reader->segment, frame, &payload, &cause);
    if (status == QTA_OK && frame->codec_version != QTA_BLOCK_CODEC_VERSION)
        status = qta_error_set(&cause, QTA_ERR_DAMAGED, "its codec %u is not known to this program",
                               frame->codec_version);
    if (status == QTA_OK) {
        struct qta_block_input input = {
            .payload = payload,
            .length = frame->payload_bytes,
            .count = frame->count,
            .first_seq = frame->span.first_seq,
            .types = reader->filter.types,
            .translate = translate_id,
            .intern_text = intern_text,
            .user = reader,
        };
        status = qta_block_decoder_begin(reader->decoder, &input, &cause);
    }
    if (status == QTA_ERR_DAMAGED)
        return report_damage(reader, frame, &cause, err);
    if (status != QTA_OK && err)
        *err = cause;
    reader->is_block_open = status == QTA_OK;
    return status;
}

/* The next frame of ticks that is wanted. QTA_ERR_END behind the last one. */
static enum qta_status next_frame(struct qta_session_reader *reader, struct qta_error *err)
{
    while (reader->frame < reader->segment.footer.frame_count) {
        const struct qta_frame *frame = &reader->segment.footer.frames[reader->frame];
        if (frame->kind != QTA_FRAME_TICKS) {
            reader->frame++;
            continue;
        }
        if (reader->next_seq == 0)
            reader->next_seq = frame->span.first_seq;
        if (is_hole_before(reader, frame->span.first_seq)) {
            enum qta_status status = report_missing(reader, frame->span.first_seq, err);
            reader->next_seq = frame->span.first_seq;
            return status;
        }
        reader->is_done = frame->span.first_ts_recv_ns >= reader->filter.until_ns ||
                          reader->next_seq >= reader->filter.until_seq;
        if (reader->is_done)
            return QTA_OK;
        reader->frame++;
        if (!frame_is_wanted(reader, frame)) {
            if (frame->span.last_seq >= reader->next_seq)
                reader->next_seq = frame->span.last_seq + 1;
            continue;
        }
        enum qta_status status = open_block(reader, frame, err);
        if (status == QTA_OK) /* what was read from the journal already is left out one by one */
            return status;
        reader->next_seq = frame->span.last_seq + 1;
        return status;
    }
    return qta_error_set(err, QTA_ERR_END, "the segment ends here");
}

/* Leaves only what is wanted of a batch. */
static size_t filter_batch(struct qta_session_reader *reader, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        const struct qta_tick *tick = &reader->ticks[i];
        if (tick->rx_seq < reader->next_seq || !qta_tick_filter_passes(&reader->filter, tick))
            continue;
        if (kept != i)
            reader->ticks[kept] = *tick;
        kept++;
    }
    return kept;
}

static enum qta_status read_segment(struct qta_session_reader *reader, size_t *count,
                                    struct qta_error *err)
{
    while (*count == 0 && !reader->is_done) {
        if (!reader->is_block_open) {
            enum qta_status status = next_frame(reader, err);
            if (status != QTA_OK)
                return status;
            continue;
        }
        size_t got = qta_block_decoder_next(reader->decoder, reader->ticks, BATCH_TICKS);
        if (got == 0) {
            const struct qta_frame *frame = &reader->segment.footer.frames[reader->frame - 1];
            reader->is_block_open = false;
            reader->blocks++;
            if (frame->span.last_seq >= reader->next_seq)
                reader->next_seq = frame->span.last_seq + 1;
            continue;
        }
        *count = filter_batch(reader, got);
    }
    return QTA_OK;
}

/* ---- reading ------------------------------------------------------------------------------- */

static enum qta_status read_unit(struct qta_session_reader *reader, uint32_t *over_unit,
                                 size_t *count, struct qta_error *err)
{
    if (reader->form == UNIT_SEGMENT) {
        enum qta_status status = read_segment(reader, count, err);
        if (status != QTA_ERR_END)
            return status;
        close_unit(reader);
        return QTA_OK;
    }
    enum qta_status status = read_journal(reader, count, err);
    if (status != QTA_ERR_END)
        return status;
    return *count > 0 ? QTA_OK : leave_journal(reader, over_unit, err);
}

/* Reads on until there is something to say: ticks, an error, or that there is nothing. */
static enum qta_status read_batch(struct qta_session_reader *reader, size_t *count,
                                  struct qta_error *err)
{
    uint32_t over_unit = 0;
    enum qta_status status = QTA_OK;
    while (status == QTA_OK && *count == 0 && !reader->is_done) {
        if (reader->form == UNIT_NONE)
            status = open_next_unit(reader, err);
        if (status == QTA_OK && reader->form != UNIT_NONE)
            status = read_unit(reader, &over_unit, count, err);
    }
    if (status == QTA_OK && *count == 0)
        status = qta_error_set(err, QTA_ERR_END, "the session ends here");
    return status;
}

enum qta_status qta_session_reader_next(struct qta_session_reader *reader,
                                        const struct qta_tick **ticks, size_t *count,
                                        struct qta_error *err)
{
    if (reader->pending != QTA_OK) {
        enum qta_status status = reader->pending;
        reader->pending = QTA_OK;
        if (err)
            *err = reader->pending_error;
        return status;
    }
    size_t got = 0;
    struct qta_error cause;
    enum qta_status status = read_batch(reader, &got, &cause);
    if (got == 0) {
        if (err)
            *err = cause;
        return status;
    }
    if (status != QTA_OK) { /* the ticks come first */
        reader->pending = status;
        reader->pending_error = cause;
    }
    *ticks = reader->ticks;
    *count = got;
    return QTA_OK;
}

/* ---- seeking ------------------------------------------------------------------------------- */

enum qta_status qta_session_reader_seek_seq(struct qta_session_reader *reader, uint64_t rx_seq,
                                            struct qta_error *err)
{
    (void)err;
    reader->filter.from_ns = reader->from_ns;
    reader->filter.from_seq = rx_seq > reader->from_seq ? rx_seq : reader->from_seq;
    start_over(reader);
    return QTA_OK;
}

enum qta_status qta_session_reader_seek_time(struct qta_session_reader *reader, int64_t ts_recv_ns,
                                             struct qta_error *err)
{
    (void)err;
    reader->filter.from_ns = ts_recv_ns > reader->from_ns ? ts_recv_ns : reader->from_ns;
    reader->filter.from_seq = reader->from_seq;
    start_over(reader);
    return QTA_OK;
}
