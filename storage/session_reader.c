/* A session is a row of numbered units: number 7 is a chunk of the journal first and a segment of
 * the same content later. The reader takes the units in order, each in whichever form it finds, and
 * keeps to rx_seq alone: what it has seen it skips, so a change of form costs neither a hole nor a
 * double. Segments come by way of a stream of blocks, chunks by one of ticks; one of the two has
 * the turn. */
#include "storage/session_reader.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/chunk_stream.h"
#include "storage/read_ahead.h"
#include "storage/session_folder.h"
#include "storage/session_units.h"
#include "storage/tick_filter.h"

enum { BATCH_TICKS = 1024 };

struct qta_session_reader {
    struct qta_session_folder folder;
    bool is_folder_open;
    struct qta_dictionary *names;
    struct qta_tick_filter filter;
    int64_t from_ns;   /* as the filter was given: seeking moves the filter's own beginning */
    uint64_t from_seq; /* likewise */

    struct qta_block_stream segments;
    struct qta_read_ahead ahead;    /* over segments */
    struct qta_chunk_stream chunks; /* has the turn while it is open */
    struct qta_block *block;        /* being decoded; NULL when there is none */
    bool was_live;                  /* a writer was seen while this waited */
    uint64_t next_seq;              /* what was read from the journal already is skipped */

    uint64_t lost;       /* records of segments that are missing or unreadable */
    uint64_t known_lost; /* that a repair has found to be lost */
    uint64_t good_blocks;
    struct qta_read_statistics statistics; /* of segments, up to where the caller is */

    size_t waiting;          /* ticks to be returned by the next call, in `ticks` */
    enum qta_status pending; /* to be returned behind them */
    struct qta_error pending_error;
    struct qta_tick ticks[BATCH_TICKS];
};

/* ---- life ---------------------------------------------------------------------------------- */

/* From the filter's beginning, which is looked for when the first tick is. */
static void start_over(struct qta_session_reader *reader)
{
    qta_read_ahead_stop(&reader->ahead);
    qta_block_stream_rewind(&reader->segments);
    qta_chunk_stream_rewind(&reader->chunks);
    reader->block = NULL;
    reader->next_seq = reader->segments.next_seq;
    reader->waiting = 0;
    reader->pending = QTA_OK;
}

static enum qta_status open_session(struct qta_session_reader *reader, const char *path,
                                    const struct qta_session_filter *filter,
                                    struct qta_environment *environment, struct qta_error *err)
{
    enum qta_status status = qta_session_folder_open(&reader->folder, path, environment, err);
    if (status != QTA_OK)
        return status;
    reader->is_folder_open = true;
    status = qta_dictionary_create(&reader->names, err);
    if (status == QTA_OK)
        status = qta_tick_filter_init(&reader->filter, filter, reader->names, err);
    if (status != QTA_OK)
        return status;
    reader->from_ns = reader->filter.from_ns;
    reader->from_seq = reader->filter.from_seq;
    qta_block_stream_init(&reader->segments, &reader->folder, &reader->filter, reader->names);
    qta_chunk_stream_init(&reader->chunks, &reader->folder, &reader->filter, reader->names);
    reader->next_seq = reader->segments.next_seq;
    return qta_read_ahead_init(&reader->ahead, &reader->segments, err);
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
    enum qta_status status = open_session(reader, path, filter, environment, err);
    if (status != QTA_OK) {
        qta_session_reader_destroy(reader);
        return status;
    }
    /* another environment is a test's, which counts on one thread */
    reader->ahead.is_allowed = environment == qta_environment_system();
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
    qta_read_ahead_finish(&reader->ahead);
    qta_block_stream_finish(&reader->segments);
    qta_chunk_stream_finish(&reader->chunks);
    if (reader->is_folder_open)
        qta_session_folder_close(&reader->folder);
    qta_tick_filter_finish(&reader->filter);
    qta_dictionary_destroy(reader->names);
    free(reader);
}

void qta_session_reader_read_ahead(struct qta_session_reader *reader, bool is_allowed)
{
    reader->ahead.is_allowed = is_allowed;
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
    return reader->lost + reader->chunks.lost;
}

uint64_t qta_session_reader_known_lost(const struct qta_session_reader *reader)
{
    return reader->known_lost;
}

uint64_t qta_session_reader_blocks(const struct qta_session_reader *reader)
{
    return reader->good_blocks;
}

uint64_t qta_session_reader_done_bytes(const struct qta_session_reader *reader)
{
    uint64_t inside = reader->chunks.is_open ? reader->chunks.journal.position : 0;
    return reader->statistics.done_bytes + reader->chunks.done_bytes + inside;
}

void qta_session_reader_statistics(const struct qta_session_reader *reader,
                                   struct qta_read_statistics *statistics)
{
    *statistics = reader->statistics;
    statistics->done_bytes = qta_session_reader_done_bytes(reader);
}

/* ---- segments ------------------------------------------------------------------------------ */

/* The next block. QTA_ERR_END where the segments end, for now or for a chunk. */
static enum qta_status next_block(struct qta_session_reader *reader, uint32_t *chunk,
                                  struct qta_error *err)
{
    struct qta_block *block = qta_read_ahead_next(&reader->ahead);
    reader->statistics = block->statistics;
    reader->known_lost = block->known_lost;
    if (block->status == QTA_OK) {
        reader->block = block;
        return QTA_OK;
    }
    reader->lost += block->lost;
    reader->next_seq = block->next_seq;
    *chunk = block->chunk;
    if (err)
        *err = block->error;
    return block->status;
}

/* Leaves only what is wanted of a batch. */
static size_t filter_batch(struct qta_session_reader *reader, size_t count)
{
    if (reader->block->is_wanted_whole && reader->block->span.first_seq >= reader->next_seq)
        return count;
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

/* Ticks of the block at hand; none at its end. */
static size_t read_block(struct qta_session_reader *reader)
{
    size_t kept = 0;
    while (kept == 0 && reader->block) {
        size_t got = qta_block_decoder_next(reader->block->decoder, reader->ticks, BATCH_TICKS);
        if (got > 0) {
            kept = filter_batch(reader, got);
            continue;
        }
        if (reader->block->next_seq > reader->next_seq)
            reader->next_seq = reader->block->next_seq;
        reader->block = NULL;
        reader->good_blocks++;
    }
    return kept;
}

/* ---- chunks -------------------------------------------------------------------------------- */

/* Gives the turn back to the segments. */
static void return_to_segments(struct qta_session_reader *reader, uint32_t next_unit)
{
    reader->next_seq = reader->chunks.next_seq;
    reader->segments.next_seq = reader->chunks.next_seq;
    reader->segments.next_unit = next_unit;
}

/* A chunk that is not there any more was sealed after we looked: the segments have the turn. */
static enum qta_status open_chunk(struct qta_session_reader *reader, uint32_t number,
                                  struct qta_error *err)
{
    reader->chunks.next_seq = reader->next_seq;
    enum qta_status status = qta_chunk_stream_open(&reader->chunks, number, err);
    if (status == QTA_ERR_NOT_FOUND)
        return QTA_OK;
    if (!reader->chunks.is_open && status != QTA_ERR_IO && status != QTA_ERR_NOMEM)
        return_to_segments(reader, number + 1);
    return status;
}

static enum qta_status read_chunk(struct qta_session_reader *reader, size_t *count,
                                  struct qta_error *err)
{
    enum qta_status status = qta_chunk_stream_read(&reader->chunks, reader->ticks, BATCH_TICKS,
                                                   count, err);
    if (status != QTA_ERR_END || *count > 0)
        return status == QTA_ERR_END ? QTA_OK : status;
    uint32_t next_unit = 0;
    status = qta_chunk_stream_leave(&reader->chunks, &next_unit, err);
    if (!reader->chunks.is_open)
        return_to_segments(reader, next_unit);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------- */

/* Reads on until there is something to say: ticks, an error, or that there is nothing. */
static enum qta_status read_batch(struct qta_session_reader *reader, size_t *count,
                                  struct qta_error *err)
{
    enum { TRIES = 100 };
    enum qta_status status = QTA_OK;
    unsigned tries = 0;
    while (status == QTA_OK && *count == 0) {
        uint32_t chunk = 0;
        if (reader->block) {
            *count = read_block(reader);
        } else if (reader->chunks.is_done) {
            status = qta_error_set(err, QTA_ERR_END, "the session ends here");
        } else if (reader->chunks.is_open) {
            status = read_chunk(reader, count, err);
        } else {
            status = next_block(reader, &chunk, err);
            if (status == QTA_ERR_END && chunk != 0)
                status = tries++ < TRIES ? open_chunk(reader, chunk, err)
                                         : qta_error_set(err, QTA_ERR_IO,
                                                         "'%s' changes faster than it can be read",
                                                         reader->folder.path);
        }
    }
    return status;
}

/* Reads a batch to be returned by the next call. */
static void fetch(struct qta_session_reader *reader)
{
    if (reader->waiting == 0 && reader->pending == QTA_OK)
        reader->pending = read_batch(reader, &reader->waiting, &reader->pending_error);
}

enum qta_status qta_session_reader_next(struct qta_session_reader *reader,
                                        const struct qta_tick **ticks, size_t *count,
                                        struct qta_error *err)
{
    fetch(reader);
    /* a name that is not known would make another tick of it, or none */
    if (reader->pending == QTA_ERR_NOMEM || qta_dictionary_starved(reader->names) > 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", reader->folder.path);
    if (reader->waiting > 0) { /* before the error behind them */
        *ticks = reader->ticks;
        *count = reader->waiting;
        reader->waiting = 0;
        return QTA_OK;
    }
    enum qta_status status = reader->pending;
    reader->pending = QTA_OK;
    if (err)
        *err = reader->pending_error;
    return status;
}

/* ---- seeking ------------------------------------------------------------------------------- */

enum qta_status qta_session_reader_seek_seq(struct qta_session_reader *reader, uint64_t rx_seq,
                                            struct qta_error *err)
{
    (void)err;
    qta_read_ahead_stop(&reader->ahead); /* it looks at the filter */
    reader->filter.from_ns = reader->from_ns;
    reader->filter.from_seq = rx_seq > reader->from_seq ? rx_seq : reader->from_seq;
    start_over(reader);
    return QTA_OK;
}

enum qta_status qta_session_reader_seek_time(struct qta_session_reader *reader, int64_t ts_recv_ns,
                                             struct qta_error *err)
{
    (void)err;
    qta_read_ahead_stop(&reader->ahead);
    reader->filter.from_ns = ts_recv_ns > reader->from_ns ? ts_recv_ns : reader->from_ns;
    reader->filter.from_seq = reader->from_seq;
    start_over(reader);
    return QTA_OK;
}

/* ---- waiting ------------------------------------------------------------------------------- */

/* Whether it is worth to read on: mostly a look at two words of the open chunk, now and then one at
 * the folders. */
static bool is_worth_a_try(struct qta_session_reader *reader, unsigned looks)
{
    enum { LOOKS_A_TRY = 16 };
    return looks % LOOKS_A_TRY == 0 ||
           (reader->chunks.is_open && qta_chunk_stream_has_news(&reader->chunks));
}

/* Whether a writer has it, or one that was killed may be followed by another. */
static bool may_go_on(struct qta_session_reader *reader, bool is_live)
{
    struct qta_session_units units;
    if (is_live || !reader->was_live)
        return is_live;
    if (qta_session_units_list(&units, &reader->folder, NULL) != QTA_OK)
        return true;
    bool was_cut = units.journals.count > 0; /* a run that is closed leaves no chunk behind */
    qta_session_units_finish(&units);
    return was_cut;
}

enum qta_status qta_session_reader_wait(struct qta_session_reader *reader, int64_t timeout_ns,
                                        struct qta_error *err)
{
    enum { NAP_NS_MIN = 50000, NAP_NS_MAX = 2000000 };
    struct qta_environment *env = reader->folder.environment;
    int64_t start_ns = qta_monotonic_ns(env);
    int64_t nap_ns = NAP_NS_MIN;
    bool is_live = qta_session_reader_is_live(reader);
    for (unsigned looks = 0;; looks++) {
        int64_t left_ns = timeout_ns - (qta_monotonic_ns(env) - start_ns);
        reader->was_live = reader->was_live || is_live;
        if (left_ns <= 0)
            is_live = qta_session_reader_is_live(reader); /* before the last look */
        if (left_ns <= 0 || is_worth_a_try(reader, looks))
            fetch(reader);
        if (reader->waiting > 0 || (reader->pending != QTA_OK && reader->pending != QTA_ERR_END))
            return QTA_OK;
        reader->pending = QTA_OK;
        if (left_ns <= 0)
            return may_go_on(reader, is_live)
                       ? QTA_OK
                       : qta_error_set(err, QTA_ERR_END, "nobody records '%s' any more",
                                       reader->folder.path);
        struct timespec nap = {.tv_nsec = (long)(nap_ns < left_ns ? nap_ns : left_ns)};
        if (nanosleep(&nap, NULL) != 0) /* a signal: the caller wants to look at it */
            return QTA_OK;
        nap_ns = nap_ns * 2 < NAP_NS_MAX ? nap_ns * 2 : NAP_NS_MAX;
    }
}
