/* A session is a row of numbered units: number 7 is a chunk of the journal first and a segment of
 * the same content later. The reader takes the units in order, each in whichever form it finds, and
 * keeps to rx_seq alone: what it has seen it skips, so a change of form costs neither a hole nor a
 * double. */
#include "storage/session_reader.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "storage/journal_reader.h"
#include "storage/name_map.h"
#include "storage/session_folder.h"
#include "storage/tick_filter.h"
#include "storage/tick_names.h"

enum { BATCH_TICKS = 1024 };

enum unit_form { UNIT_NONE, UNIT_JOURNAL };

struct qta_session_reader {
    struct qta_session_folder folder;
    bool is_folder_open;
    struct qta_dictionary *names;
    struct qta_tick_filter filter;

    enum unit_form form;
    uint32_t unit;      /* the open one */
    uint32_t next_unit; /* the lowest number to open next */
    struct qta_journal_reader journal;
    struct qta_name_map ids; /* of the open unit's file, to ours */

    uint64_t next_seq; /* of the session as it is stored, whatever the filter says */
    bool is_done;      /* past the filter's end */
    bool has_held;     /* ticks[0] of the next batch is `held`: it came behind a hole */
    struct qta_tick held;

    enum qta_status pending; /* to be returned by the next call */
    struct qta_error pending_error;
    struct qta_tick ticks[BATCH_TICKS];
};

/* ---- life ---------------------------------------------------------------------------------- */

enum qta_status qta_session_reader_create_in(struct qta_session_reader **out, const char *path,
                                             const struct qta_session_filter *filter,
                                             struct qta_environment *environment,
                                             struct qta_error *err)
{
    assert(out && path && environment);
    struct qta_session_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    reader->next_unit = 1;
    reader->next_seq = 1;
    enum qta_status status = qta_session_folder_open(&reader->folder, path, environment, err);
    reader->is_folder_open = status == QTA_OK;
    if (status == QTA_OK)
        status = qta_dictionary_create(&reader->names, err);
    if (status == QTA_OK)
        status = qta_tick_filter_init(&reader->filter, filter, reader->names, err);
    if (status != QTA_OK) {
        qta_session_reader_destroy(reader);
        return status;
    }
    *out = reader;
    return QTA_OK;
}

enum qta_status qta_session_reader_create(struct qta_session_reader **out, const char *path,
                                          const struct qta_session_filter *filter,
                                          struct qta_error *err)
{
    return qta_session_reader_create_in(out, path, filter, qta_environment_system(), err);
}

static void close_unit(struct qta_session_reader *reader)
{
    if (reader->form == UNIT_JOURNAL)
        qta_journal_reader_close(&reader->journal);
    reader->form = UNIT_NONE;
}

void qta_session_reader_destroy(struct qta_session_reader *reader)
{
    if (!reader)
        return;
    close_unit(reader);
    if (reader->is_folder_open)
        qta_session_folder_close(&reader->folder);
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

/* ---- units --------------------------------------------------------------------------------- */

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
    return QTA_OK;
}

static enum qta_status list_units(struct qta_session_reader *reader,
                                  struct qta_file_numbers *journals, struct qta_error *err)
{
    qta_session_folder_refresh(&reader->folder);
    return qta_session_folder_list(&reader->folder, QTA_FILE_JOURNAL, journals, err);
}

/* Opens the next unit. QTA_ERR_END when there is none. One that cannot be read is passed over, with
 * its error. */
static enum qta_status open_next_unit(struct qta_session_reader *reader, struct qta_error *err)
{
    struct qta_file_numbers journals;
    enum qta_status status = list_units(reader, &journals, err);
    if (status != QTA_OK)
        return status;
    uint32_t number = qta_file_numbers_from(&journals, reader->next_unit);
    qta_file_numbers_finish(&journals);
    if (number == 0)
        return qta_error_set(err, QTA_ERR_END, "the session ends here");
    status = open_journal(reader, number, err);
    if (status == QTA_ERR_DAMAGED)
        reader->next_unit = number + 1;
    return status;
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

/* At the end of an unfinished chunk: is it over all the same? Its run may have been killed. */
static enum qta_status look_behind_journal(struct qta_session_reader *reader, bool *is_over,
                                           struct qta_error *err)
{
    struct qta_file_numbers journals;
    enum qta_status status = list_units(reader, &journals, err);
    if (status != QTA_OK)
        return status;
    *is_over = !qta_file_numbers_contain(&journals, reader->unit);
    for (size_t i = 0; i < journals.count && !*is_over; i++)
        *is_over = journals.numbers[i] > reader->unit &&
                   journal_is_used(reader, journals.numbers[i]);
    qta_file_numbers_finish(&journals);
    return QTA_OK;
}

/* ---- ticks --------------------------------------------------------------------------------- */

struct translation {
    const struct qta_name_map *ids;
    bool is_complete;
};

static uint32_t translate_id(void *user, enum qta_name_kind kind, uint32_t id)
{
    struct translation *translation = user;
    uint32_t ours = 0;
    if (!qta_name_map_get(translation->ids, kind, id, &ours))
        translation->is_complete = false;
    return ours;
}

static enum qta_status learn_name(struct qta_session_reader *reader,
                                  const struct qta_journal_record *record, struct qta_error *err)
{
    struct qta_journal_define define;
    if (!qta_journal_record_define(record, &define))
        return QTA_OK;
    uint32_t ours = qta_dictionary_intern(reader->names, define.kind, define.name, define.length);
    if (!qta_name_map_set(&reader->ids, define.kind, define.id, ours))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    return QTA_OK;
}

/* Counts a tick of the batch in when it is wanted. */
static void accept_tick(struct qta_session_reader *reader, const struct qta_tick *tick,
                        size_t *count)
{
    reader->next_seq = tick->rx_seq + 1;
    reader->is_done = tick->ts_recv_ns >= reader->filter.until_ns;
    if (qta_tick_filter_passes(&reader->filter, tick))
        (*count)++;
}

/* Takes the tick that the journal put at the end of the batch. A hole before it is reported first.
 */
static enum qta_status take_tick(struct qta_session_reader *reader, struct qta_tick *tick,
                                 size_t *count, struct qta_error *err)
{
    struct translation translation = {.ids = &reader->ids, .is_complete = true};
    if (tick->rx_seq < reader->next_seq)
        return QTA_OK;
    qta_tick_translate_names(tick, translate_id, &translation);
    if (!translation.is_complete) /* its names were lost, and so is it */
        return QTA_OK;
    if (tick->rx_seq == reader->next_seq) {
        accept_tick(reader, tick, count);
        return QTA_OK;
    }
    reader->held = *tick;
    reader->has_held = true;
    return qta_error_set(err, QTA_ERR_DAMAGED, "records %" PRIu64 " to %" PRIu64 " are missing",
                         reader->next_seq, tick->rx_seq - 1);
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
        if (status != QTA_OK)
            return status;
        if (qta_journal_record_tick(&record, tick))
            status = take_tick(reader, tick, count, err);
        else
            status = learn_name(reader, &record, err);
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

/* Reads on until there is something to say: ticks, an error, or that there is nothing. */
static enum qta_status read_batch(struct qta_session_reader *reader, size_t *count,
                                  struct qta_error *err)
{
    bool was_over = false;
    while (*count == 0 && !reader->is_done) {
        enum qta_status status = QTA_OK;
        if (reader->form == UNIT_NONE)
            status = open_next_unit(reader, err);
        if (status == QTA_OK)
            status = read_journal(reader, count, err);
        if (status == QTA_OK)
            continue;
        if (status != QTA_ERR_END || reader->form == UNIT_NONE)
            return status;
        if (*count > 0)
            return QTA_OK;
        if (was_over || qta_journal_reader_is_finished(&reader->journal)) {
            close_unit(reader);
            was_over = false;
            continue;
        }
        /* what is over now may have got more since we read its end: read it once more */
        enum qta_status look = look_behind_journal(reader, &was_over, err);
        if (look != QTA_OK)
            return look;
        if (!was_over)
            return qta_error_set(err, QTA_ERR_END, "the session ends here");
    }
    return *count > 0 ? QTA_OK : qta_error_set(err, QTA_ERR_END, "the session ends here");
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
