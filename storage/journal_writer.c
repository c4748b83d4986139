/* Two threads share the journal: the writer's, which owns the open chunk, and the keeper.
 *
 * `lock` guards the lists: the prepared chunk and the finished ones that are not synced yet. It is
 * held for a few instructions only. `making` is held while a chunk is made, so that the writer,
 * when it comes early, waits for the one that the keeper is making instead of making a second one.
 * `syncing` keeps syncs one at a time. Chunks are freed by who syncs them last.
 *
 * When no chunk can be made, because the disk or the journal is full, appends fail until one can.
 * The open chunk stays open meanwhile: the room at its end takes what the run has to say last. */
#include "storage/journal_writer.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "storage/journal_chunk.h"
#include "storage/journal_raw.h"
#include "storage/tick_names.h"

/* In which chunk each id of a kind was defined last: 0 for never. Writer's thread. */
struct defined_names {
    uint32_t *chunks;
    uint32_t capacity;
};

struct qta_journal_writer {
    struct qta_journal_chunk *open; /* replaced under lock; its content is the writer's */
    uint32_t writable_until;        /* of the open chunk: up to here nothing needs looking after */
    struct defined_names defined[QTA_NAME_KIND_COUNT];
    enum qta_status failure; /* sticky; writer's thread */
    struct qta_error failure_error;

    struct qta_journal_writer_options options;
    _Atomic uint32_t open_number;
    _Atomic uint64_t total_bytes;
    _Atomic bool is_suspect;         /* a sync failed: the writer goes on in a new chunk */
    _Atomic bool is_stuck;           /* an append failed: a chunk is wanted at once */
    _Atomic uint32_t suspect_number; /* of the last chunk whose sync may have failed; 0: none */
    _Atomic uint32_t sealed_number;  /* of the chunk that was sealed last */
    bool is_resuming;                /* in a new chunk, but not yet with success; writer's thread */

    pthread_mutex_t lock;
    struct qta_journal_chunk *prepared;
    struct qta_journal_chunk *finished; /* oldest first, to be synced in this order */
    struct qta_journal_chunk **finished_end;

    pthread_mutex_t making;
    pthread_mutex_t syncing;
    pthread_t keeper;
    struct qta_doorbell keeper_bell;
    _Atomic bool keeper_stops;
    bool keeper_runs;
};

/* ---- making chunks ------------------------------------------------------------------------- */

static enum qta_status make_chunk(struct qta_journal_writer *journal, uint32_t number,
                                  struct qta_journal_chunk **out, struct qta_error *err)
{
    const struct qta_session_folder *folder = journal->options.folder;
    struct qta_environment *env = folder->environment;
    struct qta_journal_header header = journal->options.header;
    uint64_t total = atomic_load_explicit(&journal->total_bytes, memory_order_relaxed);
    if (total + header.capacity > journal->options.max_bytes)
        return qta_error_set(err, QTA_ERR_NO_SPACE,
                             "the journal holds %llu bytes that are not sealed, its limit is %llu",
                             (unsigned long long)total,
                             (unsigned long long)journal->options.max_bytes);
    if (number > QTA_FILE_NUMBER_MAX)
        return qta_error_set(err, QTA_ERR_NO_SPACE, "the session has no file numbers left");
    header.number = number;
    header.created_ns = qta_realtime_ns(env);
    if (env->ops->random(env, header.salt, sizeof header.salt) != 0)
        return qta_error_set_errno(err, "cannot get random bytes");
    enum qta_status status = qta_journal_chunk_create(out, folder, &header, err);
    if (status == QTA_OK)
        atomic_fetch_add_explicit(&journal->total_bytes, header.capacity, memory_order_relaxed);
    return status;
}

/* Keeper's thread. A failure is not told: the writer will try again when it needs the chunk. */
static void prepare_next(struct qta_journal_writer *journal)
{
    pthread_mutex_lock(&journal->making);
    pthread_mutex_lock(&journal->lock);
    bool is_wanted = !journal->prepared;
    uint32_t number = journal->open->number + 1;
    pthread_mutex_unlock(&journal->lock);
    struct qta_journal_chunk *chunk = NULL;
    if (is_wanted && make_chunk(journal, number, &chunk, NULL) == QTA_OK) {
        pthread_mutex_lock(&journal->lock);
        journal->prepared = chunk;
        pthread_mutex_unlock(&journal->lock);
    }
    pthread_mutex_unlock(&journal->making);
}

/* The prepared chunk, or a new one where the keeper was too slow. Writer's thread, under `making`.
 */
static enum qta_status take_next(struct qta_journal_writer *journal, struct qta_journal_chunk **out,
                                 struct qta_error *err)
{
    pthread_mutex_lock(&journal->lock);
    *out = journal->prepared;
    journal->prepared = NULL;
    pthread_mutex_unlock(&journal->lock);
    return *out ? QTA_OK : make_chunk(journal, journal->open->number + 1, out, err);
}

/* Empties the list of finished chunks; tells which one was open at that moment. */
static struct qta_journal_chunk *take_finished(struct qta_journal_writer *journal,
                                               struct qta_journal_chunk **open)
{
    pthread_mutex_lock(&journal->lock);
    struct qta_journal_chunk *finished = journal->finished;
    *open = journal->open;
    journal->finished = NULL;
    journal->finished_end = &journal->finished;
    pthread_mutex_unlock(&journal->lock);
    return finished;
}

/* ---- syncing ------------------------------------------------------------------------------- */

/* Syncs the finished chunks and lets go of them, then the open one. After a failure the writer goes
 * on in a new chunk, and this one is sealed into a new file. */
static enum qta_status sync_all(struct qta_journal_writer *journal, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    pthread_mutex_lock(&journal->syncing);
    struct qta_journal_chunk *open;
    struct qta_journal_chunk *finished = take_finished(journal, &open);
    while (finished) {
        struct qta_journal_chunk *chunk = finished;
        finished = chunk->next;
        enum qta_status result = qta_journal_chunk_sync(chunk, err);
        status = status == QTA_OK ? result : status;
        qta_journal_chunk_destroy(chunk);
    }
    /* the open chunk may become a finished one meanwhile, but only this function frees it */
    if (status == QTA_OK)
        status = qta_journal_chunk_sync(open, err);
    if (status != QTA_OK) {
        atomic_store_explicit(&journal->suspect_number, open->number, memory_order_relaxed);
        atomic_store_explicit(&journal->is_suspect, true, memory_order_release);
    }
    pthread_mutex_unlock(&journal->syncing);
    return status;
}

/* Without syncs the finished chunks are only let go of. */
static void drop_finished(struct qta_journal_writer *journal)
{
    struct qta_journal_chunk *open;
    struct qta_journal_chunk *finished = take_finished(journal, &open);
    while (finished) {
        struct qta_journal_chunk *chunk = finished;
        finished = chunk->next;
        qta_journal_chunk_destroy(chunk);
    }
}

/* ---- the keeper ---------------------------------------------------------------------------- */

/* Touches the pages that the writer comes to next; asks for the next chunk in the second half. */
static void keep_ahead(struct qta_journal_writer *journal)
{
    enum { WINDOWS_AHEAD = 4 };
    pthread_mutex_lock(&journal->syncing); /* nobody frees the chunk meanwhile */
    pthread_mutex_lock(&journal->lock);
    struct qta_journal_chunk *open = journal->open;
    pthread_mutex_unlock(&journal->lock);
    uint32_t committed = qta_journal_chunk_committed(open);
    uint32_t ahead = open->window_bytes * WINDOWS_AHEAD;
    uint32_t until = open->capacity - committed > ahead ? committed + ahead : open->capacity;
    until -= until % open->window_bytes;
    /* where this fails the writer will find the same and tell it */
    qta_journal_chunk_populate(open, until, NULL);
    bool is_half_full = committed >= open->capacity / 2;
    pthread_mutex_unlock(&journal->syncing);
    if (is_half_full || atomic_load_explicit(&journal->is_stuck, memory_order_relaxed))
        prepare_next(journal);
}

static void sync_quietly(struct qta_journal_writer *journal)
{
    struct qta_error err;
    if (sync_all(journal, &err) != QTA_OK)
        qta_log(QTA_LOG_ERROR, "storage", "%s; going on in a new journal chunk", err.message);
}

static void *run_keeper(void *argument)
{
    struct qta_journal_writer *journal = argument;
    struct qta_environment *env = journal->options.folder->environment;
    int64_t interval_ns = journal->options.fsync_interval_ns;
    int64_t synced_ns = qta_monotonic_ns(env);
    while (!atomic_load_explicit(&journal->keeper_stops, memory_order_acquire)) {
        uint32_t ticket = qta_doorbell_ticket(&journal->keeper_bell);
        if (atomic_load_explicit(&journal->keeper_stops, memory_order_acquire))
            break;
        keep_ahead(journal);
        int64_t now_ns = qta_monotonic_ns(env);
        if (interval_ns > 0 && now_ns - synced_ns >= interval_ns) {
            sync_quietly(journal);
            synced_ns = now_ns;
        } else if (interval_ns < 0) {
            drop_finished(journal);
        }
        qta_doorbell_wait(&journal->keeper_bell, ticket,
                          interval_ns > 0 ? interval_ns - (now_ns - synced_ns) : -1);
    }
    return NULL;
}

static enum qta_status start_keeper(struct qta_journal_writer *journal, struct qta_error *err)
{
    int error = pthread_create(&journal->keeper, NULL, run_keeper, journal);
    if (error != 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot start the journal's thread: %s",
                             strerror(error));
    journal->keeper_runs = true;
    return QTA_OK;
}

static void stop_keeper(struct qta_journal_writer *journal)
{
    if (!journal->keeper_runs)
        return;
    atomic_store_explicit(&journal->keeper_stops, true, memory_order_release);
    qta_doorbell_ring(&journal->keeper_bell);
    pthread_join(journal->keeper, NULL);
    journal->keeper_runs = false;
}

/* ---- life ---------------------------------------------------------------------------------- */

/* The end of what appends may use of the open chunk without looking after it. */
static void set_writable(struct qta_journal_writer *journal)
{
    const struct qta_journal_chunk *open = journal->open;
    journal->writable_until = atomic_load_explicit(&open->populated, memory_order_acquire) -
                              QTA_JOURNAL_NOTE_BYTES;
}

static void set_open(struct qta_journal_writer *journal, struct qta_journal_chunk *chunk)
{
    pthread_mutex_lock(&journal->lock);
    struct qta_journal_chunk *before = journal->open;
    if (before) {
        *journal->finished_end = before;
        journal->finished_end = &before->next;
    }
    journal->open = chunk;
    pthread_mutex_unlock(&journal->lock);
    set_writable(journal);
    atomic_store_explicit(&journal->open_number, chunk->number, memory_order_release);
}

enum qta_status qta_journal_writer_create(struct qta_journal_writer **out,
                                          const struct qta_journal_writer_options *options,
                                          struct qta_error *err)
{
    struct qta_journal_writer *journal = calloc(1, sizeof *journal);
    if (!journal)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening the journal");
    journal->options = *options;
    journal->total_bytes = options->waiting_bytes;
    journal->finished_end = &journal->finished;
    pthread_mutex_init(&journal->lock, NULL);
    pthread_mutex_init(&journal->making, NULL);
    pthread_mutex_init(&journal->syncing, NULL);
    struct qta_journal_chunk *first = NULL;
    enum qta_status status = make_chunk(journal, options->header.number, &first, err);
    if (status == QTA_OK) {
        set_open(journal, first);
        status = start_keeper(journal, err);
    }
    if (status != QTA_OK) {
        qta_journal_writer_destroy(journal);
        return status;
    }
    *out = journal;
    return QTA_OK;
}

void qta_journal_writer_destroy(struct qta_journal_writer *journal)
{
    if (!journal)
        return;
    stop_keeper(journal);
    drop_finished(journal);
    qta_journal_chunk_destroy(journal->open);
    qta_journal_chunk_destroy(journal->prepared);
    for (size_t kind = 0; kind < QTA_NAME_KIND_COUNT; kind++)
        free(journal->defined[kind].chunks);
    pthread_mutex_destroy(&journal->lock);
    pthread_mutex_destroy(&journal->making);
    pthread_mutex_destroy(&journal->syncing);
    free(journal);
}

enum qta_status qta_journal_writer_sync(struct qta_journal_writer *journal, struct qta_error *err)
{
    return sync_all(journal, err);
}

void qta_journal_writer_finish(struct qta_journal_writer *journal)
{
    stop_keeper(journal);
    qta_journal_chunk_finish(journal->open);
    if (journal->prepared) {
        uint32_t number = journal->prepared->number;
        qta_journal_chunk_destroy(journal->prepared);
        journal->prepared = NULL;
        qta_session_folder_remove_file(journal->options.folder, QTA_FILE_JOURNAL, number);
    }
    atomic_store_explicit(&journal->open_number, journal->open->number + 1, memory_order_release);
}

uint32_t qta_journal_writer_open_number(const struct qta_journal_writer *journal)
{
    return atomic_load_explicit(&journal->open_number, memory_order_acquire);
}

uint64_t qta_journal_writer_total_bytes(const struct qta_journal_writer *journal)
{
    return atomic_load_explicit(&journal->total_bytes, memory_order_relaxed);
}

void qta_journal_writer_release(struct qta_journal_writer *journal, uint32_t number, uint64_t bytes)
{
    atomic_store_explicit(&journal->sealed_number, number, memory_order_release);
    atomic_fetch_sub_explicit(&journal->total_bytes, bytes, memory_order_relaxed);
    if (atomic_load_explicit(&journal->is_stuck, memory_order_relaxed))
        qta_doorbell_ring(&journal->keeper_bell);
}

/* ---- appending ----------------------------------------------------------------------------- */

static enum qta_status fail(struct qta_journal_writer *journal, const struct qta_error *cause,
                            struct qta_error *err)
{
    journal->failure = cause->status;
    journal->failure_error = *cause;
    atomic_store_explicit(&journal->is_stuck, true, memory_order_relaxed);
    if (err)
        *err = *cause;
    return cause->status;
}

static enum qta_status tell_failure(const struct qta_journal_writer *journal, struct qta_error *err)
{
    if (err)
        *err = journal->failure_error;
    return journal->failure;
}

static enum qta_status switch_chunk(struct qta_journal_writer *journal, struct qta_error *err)
{
    struct qta_journal_chunk *next;
    pthread_mutex_lock(&journal->making);
    enum qta_status status = take_next(journal, &next, err);
    if (status == QTA_OK) {
        qta_journal_chunk_finish(journal->open);
        set_open(journal, next);
    }
    pthread_mutex_unlock(&journal->making);
    if (status != QTA_OK)
        return status;
    atomic_store_explicit(&journal->is_suspect, false, memory_order_release);
    qta_doorbell_ring(&journal->keeper_bell);
    qta_doorbell_ring(journal->options.on_finished);
    return QTA_OK;
}

/* The open chunk gets room for so many bytes, or a new one takes its place. */
static enum qta_status make_room(struct qta_journal_writer *journal, size_t bytes,
                                 struct qta_error *err)
{
    struct qta_journal_chunk *open = journal->open;
    bool is_suspect = atomic_load_explicit(&journal->is_suspect, memory_order_acquire);
    if (bytes > open->capacity - QTA_JOURNAL_NOTE_BYTES - open->position || is_suspect) {
        enum qta_status status = switch_chunk(journal, err);
        if (status != QTA_OK)
            return status;
        open = journal->open;
    }
    uint32_t needed = open->position + (uint32_t)bytes + QTA_JOURNAL_NOTE_BYTES;
    uint32_t until = open->window_bytes * (needed / open->window_bytes + 1);
    enum qta_status status = qta_journal_chunk_populate(open, until, err);
    if (status != QTA_OK)
        return status;
    set_writable(journal);
    qta_doorbell_ring(&journal->keeper_bell);
    return QTA_OK;
}

static inline bool has_room(const struct qta_journal_writer *journal, size_t bytes)
{
    return bytes <= journal->writable_until - journal->open->position;
}

static inline bool is_defined(const struct qta_journal_writer *journal, enum qta_name_kind kind,
                              uint32_t id)
{
    const struct defined_names *defined = &journal->defined[kind];
    return !qta_id_has_name(kind, id) ||
           (id < defined->capacity && defined->chunks[id] == journal->open->number);
}

static enum qta_status mark_defined(struct qta_journal_writer *journal, enum qta_name_kind kind,
                                    uint32_t id, struct qta_error *err)
{
    struct defined_names *defined = &journal->defined[kind];
    if (id >= defined->capacity) {
        uint64_t capacity = defined->capacity ? defined->capacity : 512;
        while (capacity <= id)
            capacity *= 2;
        uint32_t *grown = capacity <= UINT32_MAX
                              ? realloc(defined->chunks, capacity * sizeof *grown)
                              : NULL;
        if (!grown)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
        memset(grown + defined->capacity, 0, (capacity - defined->capacity) * sizeof *grown);
        defined->chunks = grown;
        defined->capacity = (uint32_t)capacity;
    }
    defined->chunks[id] = journal->open->number;
    return QTA_OK;
}

static void put_define(struct qta_journal_writer *journal, struct qta_name_reference reference)
{
    uint8_t payload[QTA_JOURNAL_PAYLOAD_MAX_BYTES] = {(uint8_t)reference.kind};
    size_t length;
    const char *name = qta_dictionary_name(journal->options.names, reference.kind, reference.id,
                                           &length);
    assert(length <= QTA_NAME_MAX_BYTES);
    memcpy(payload + 4, &reference.id, sizeof reference.id);
    memcpy(payload + 8, name, length);
    qta_journal_chunk_put(journal->open, QTA_JOURNAL_DEFINE, payload, 8 + length);
}

static size_t define_bytes(const struct qta_journal_writer *journal,
                           const struct qta_name_reference *references, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        qta_dictionary_name(journal->options.names, references[i].kind, references[i].id, &length);
        if (!is_defined(journal, references[i].kind, references[i].id))
            bytes += qta_journal_record_bytes(8 + length);
    }
    return bytes;
}

/* Names and the record that needs them go into one chunk, so that each chunk can be understood
 * alone. */
static enum qta_status define_names(struct qta_journal_writer *journal,
                                    const struct qta_name_reference *references, size_t count,
                                    size_t record_bytes, struct qta_error *err)
{
    uint32_t number = journal->open->number;
    size_t bytes = define_bytes(journal, references, count) + record_bytes;
    enum qta_status status = QTA_OK;
    if (!has_room(journal, bytes))
        status = make_room(journal, bytes, err);
    /* in a new chunk everything has to be told again */
    if (status == QTA_OK && journal->open->number != number) {
        bytes = define_bytes(journal, references, count) + record_bytes;
        if (!has_room(journal, bytes))
            status = make_room(journal, bytes, err);
    }
    for (size_t i = 0; i < count && status == QTA_OK; i++) {
        if (is_defined(journal, references[i].kind, references[i].id))
            continue;
        status = mark_defined(journal, references[i].kind, references[i].id, err);
        if (status == QTA_OK)
            put_define(journal, references[i]);
    }
    return status;
}

static enum qta_status define_names_of(struct qta_journal_writer *journal,
                                       const struct qta_tick *tick, size_t tick_bytes,
                                       struct qta_error *err)
{
    struct qta_name_reference references[QTA_TICK_NAMES_MAX];
    size_t count = qta_tick_list_names(tick, references);
    return define_names(journal, references, count, tick_bytes, err);
}

/* The common case by hand: qta_tick_list_names() without the list. */
static inline bool names_are_defined(const struct qta_journal_writer *journal,
                                     const struct qta_tick *tick)
{
    if (!is_defined(journal, QTA_NAME_SYMBOL, tick->symbol) ||
        !is_defined(journal, QTA_NAME_PROVIDER, tick->provider))
        return false;
    const struct qta_tick_names *names = qta_tick_names_of(tick->type);
    const uint8_t *base = (const uint8_t *)tick;
    for (size_t i = 0; i < names->code_count; i++) {
        uint16_t code;
        memcpy(&code, base + names->codes[i], sizeof code);
        if (!is_defined(journal, QTA_NAME_CODE, code))
            return false;
    }
    for (size_t i = 0; i < names->text_count; i++) {
        uint32_t text;
        memcpy(&text, base + names->texts[i], sizeof text);
        if (!is_defined(journal, QTA_NAME_TEXT, text))
            return false;
    }
    if ((tick->flags & QTA_FLAG_ID_IS_TEXT) == 0)
        return true;
    for (size_t i = 0; i < names->id_count; i++) {
        uint64_t id;
        memcpy(&id, base + names->ids[i], sizeof id);
        if (id <= UINT32_MAX && !is_defined(journal, QTA_NAME_TEXT, (uint32_t)id))
            return false;
    }
    return true;
}

enum qta_status qta_journal_writer_append(struct qta_journal_writer *journal,
                                          const struct qta_tick *tick, struct qta_error *err)
{
    if (journal->failure != QTA_OK)
        return tell_failure(journal, err);
    uint32_t length = qta_journal_tick_bytes(tick->type);
    size_t bytes = qta_journal_record_bytes(length);
    struct qta_error cause;
    if (!has_room(journal, bytes) ||
        atomic_load_explicit(&journal->is_suspect, memory_order_relaxed)) {
        if (make_room(journal, bytes, &cause) != QTA_OK)
            return fail(journal, &cause, err);
    }
    if (!names_are_defined(journal, tick) &&
        define_names_of(journal, tick, bytes, &cause) != QTA_OK)
        return fail(journal, &cause, err);
    qta_journal_chunk_put(journal->open, QTA_JOURNAL_TICK, tick, length);
    qta_journal_chunk_publish(journal->open);
    return QTA_OK;
}

/* ---- stored frames ------------------------------------------------------------------------- */

static void put_raw(struct qta_journal_writer *journal, const struct qta_raw_frame *frame)
{
    uint8_t first[QTA_JOURNAL_PAYLOAD_MAX_BYTES];
    uint32_t done = frame->stored_length;
    if (done > QTA_JOURNAL_RAW_FIRST_BYTES_MAX)
        done = QTA_JOURNAL_RAW_FIRST_BYTES_MAX;
    qta_journal_raw_head_store(frame, first);
    if (done > 0)
        memcpy(first + QTA_JOURNAL_RAW_HEAD_BYTES, frame->bytes, done);
    qta_journal_chunk_put(journal->open, QTA_JOURNAL_RAW, first, QTA_JOURNAL_RAW_HEAD_BYTES + done);
    while (done < frame->stored_length) {
        uint32_t part = frame->stored_length - done;
        if (part > QTA_JOURNAL_PAYLOAD_MAX_BYTES)
            part = QTA_JOURNAL_PAYLOAD_MAX_BYTES;
        qta_journal_chunk_put(journal->open, QTA_JOURNAL_RAW_MORE, frame->bytes + done, part);
        done += part;
    }
    qta_journal_chunk_publish(journal->open);
}

enum qta_status qta_journal_writer_append_raw(struct qta_journal_writer *journal,
                                              const struct qta_raw_frame *frame,
                                              struct qta_error *err)
{
    if (journal->failure != QTA_OK)
        return tell_failure(journal, err);
    struct qta_raw_frame kept = *frame;
    uint32_t stored_max = qta_journal_raw_stored_max((uint32_t)journal->options.header.capacity);
    if (kept.stored_length > stored_max)
        kept.stored_length = stored_max;
    size_t bytes = qta_journal_raw_bytes(kept.stored_length);
    struct qta_error cause;
    if (!has_room(journal, bytes) ||
        atomic_load_explicit(&journal->is_suspect, memory_order_relaxed)) {
        if (make_room(journal, bytes, &cause) != QTA_OK)
            return fail(journal, &cause, err);
    }
    struct qta_name_reference provider = {.kind = QTA_NAME_PROVIDER, .id = kept.provider};
    if (!is_defined(journal, provider.kind, provider.id) &&
        define_names(journal, &provider, 1, bytes, &cause) != QTA_OK)
        return fail(journal, &cause, err);
    put_raw(journal, &kept);
    return QTA_OK;
}

/* ---- after a failure ------------------------------------------------------------------------ */

/* What stands in a chunk whose sync failed is on the disk once it is in a segment, and recovery
 * takes nothing that comes behind it before that. */
static bool is_suspect_sealed(const struct qta_journal_writer *journal)
{
    return atomic_load_explicit(&journal->suspect_number, memory_order_relaxed) <=
           atomic_load_explicit(&journal->sealed_number, memory_order_acquire);
}

static enum qta_status resume_in_new_chunk(struct qta_journal_writer *journal,
                                           struct qta_error *err)
{
    pthread_mutex_lock(&journal->lock);
    bool is_prepared = journal->prepared != NULL;
    pthread_mutex_unlock(&journal->lock);
    if (!is_prepared) {
        qta_doorbell_ring(&journal->keeper_bell);
        return tell_failure(journal, err);
    }
    enum qta_status status = switch_chunk(journal, err);
    journal->is_resuming = status == QTA_OK;
    return status;
}

enum qta_status qta_journal_writer_resume(struct qta_journal_writer *journal, struct qta_error *err)
{
    if (journal->failure == QTA_OK)
        return QTA_OK;
    enum qta_status status = journal->is_resuming ? QTA_OK : resume_in_new_chunk(journal, err);
    if (status != QTA_OK)
        return status;
    if (journal->options.fsync_interval_ns == 0 && !is_suspect_sealed(journal))
        return tell_failure(journal, err);
    journal->is_resuming = false;
    journal->failure = QTA_OK;
    atomic_store_explicit(&journal->is_stuck, false, memory_order_relaxed);
    return QTA_OK;
}

enum qta_status qta_journal_writer_append_note(struct qta_journal_writer *journal,
                                               const struct qta_tick *tick, struct qta_error *err)
{
    if (journal->failure == QTA_OK)
        return qta_journal_writer_append(journal, tick, err);
    struct qta_journal_chunk *open = journal->open;
    uint32_t populated = atomic_load_explicit(&open->populated, memory_order_acquire);
    struct qta_name_reference references[QTA_TICK_NAMES_MAX];
    size_t count = qta_tick_list_names(tick, references);
    uint32_t length = qta_journal_tick_bytes(tick->type);
    size_t bytes = qta_journal_record_bytes(length);
    if (define_bytes(journal, references, count) + bytes > populated - open->position)
        return qta_error_set(err, QTA_ERR_NO_SPACE, "the journal has no room for a note");
    journal->writable_until = populated;
    enum qta_status status = define_names(journal, references, count, bytes, err);
    if (status != QTA_OK)
        return status;
    qta_journal_chunk_put(open, QTA_JOURNAL_TICK, tick, length);
    qta_journal_chunk_publish(open);
    return QTA_OK;
}

enum qta_status qta_journal_writer_commit(struct qta_journal_writer *journal, struct qta_error *err)
{
    if (journal->options.fsync_interval_ns != 0)
        return QTA_OK;
    if (atomic_load_explicit(&journal->is_suspect, memory_order_relaxed))
        return tell_failure(journal, err);
    struct qta_error cause;
    if (sync_all(journal, &cause) != QTA_OK)
        return fail(journal, &cause, err);
    return QTA_OK;
}
