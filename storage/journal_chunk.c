/* A chunk is made whole before it is used: its blocks are allocated and its header and name are on
 * the disk, so that a store into it cannot run out of space and a power cut cannot lose the file.
 * It gets its name last: whoever finds a chunk finds a header in it, whenever the writer died.
 */
#include "storage/journal_chunk.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t page_bytes(void)
{
    return (uint32_t)sysconf(_SC_PAGESIZE);
}

/* An eighth of the chunk, at most a MiB, whole pages. */
static uint32_t choose_window(uint32_t capacity)
{
    enum { WINDOW_BYTES_MAX = 1 << 20 };
    uint32_t window = capacity / 8 < WINDOW_BYTES_MAX ? capacity / 8 : WINDOW_BYTES_MAX;
    uint32_t page = page_bytes();
    return window < page ? page : window / page * page;
}

static enum qta_status fail_errno(const struct qta_journal_chunk *chunk, const char *what,
                                  struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    return qta_error_set_errno(err, "cannot %s '%s'", what,
                               qta_session_file_label(label, QTA_FILE_JOURNAL, chunk->number));
}

/* The file as it is before its first record. */
static enum qta_status fill_file(struct qta_journal_chunk *chunk,
                                 const struct qta_journal_header *header, struct qta_error *err)
{
    struct qta_environment *env = chunk->environment;
    uint8_t page[QTA_JOURNAL_HEADER_BYTES] = {0};
    qta_journal_header_store(header, page);
    uint64_t start = QTA_JOURNAL_HEADER_BYTES;
    memcpy(page + QTA_JOURNAL_COMMITTED_OFFSET, &start, sizeof start);
    memcpy(page + QTA_JOURNAL_SYNCED_OFFSET, &start, sizeof start);
    if (env->ops->allocate(env, chunk->fd, 0, (int64_t)header->capacity) != 0)
        return fail_errno(chunk, "allocate", err);
    if (env->ops->pwrite(env, chunk->fd, page, sizeof page, 0) != 0)
        return fail_errno(chunk, "write", err);
    if (env->ops->sync(env, chunk->fd) != 0)
        return fail_errno(chunk, "sync", err);
    return QTA_OK;
}

/* Under another name until it is whole: readers take what has the right name for good. A file that
 * an attempt before has left is written over; it was never in use. */
static enum qta_status make_file(struct qta_journal_chunk *chunk,
                                 const struct qta_session_folder *folder,
                                 const struct qta_journal_header *header, struct qta_error *err)
{
    struct qta_environment *env = chunk->environment;
    int journal_fd = folder->folder_fds[QTA_FILE_JOURNAL];
    char name[QTA_FILE_NAME_BYTES];
    char temporary[QTA_FILE_NAME_BYTES + 8];
    qta_session_file_name(name, QTA_FILE_JOURNAL, header->number);
    snprintf(temporary, sizeof temporary, "%s.tmp", name);
    chunk->fd = env->ops->open_at(env, journal_fd, temporary, O_RDWR | O_CREAT | O_TRUNC, 0640);
    if (chunk->fd < 0)
        return fail_errno(chunk, "create", err);
    enum qta_status status = fill_file(chunk, header, err);
    if (status == QTA_OK && env->ops->rename_at(env, journal_fd, temporary, name) != 0)
        status = fail_errno(chunk, "name", err);
    if (status != QTA_OK) {
        env->ops->unlink_at(env, journal_fd, temporary);
        return status;
    }
    if (env->ops->sync(env, journal_fd) != 0)
        status = fail_errno(chunk, "sync the folder of", err);
    if (status == QTA_OK) {
        chunk->bytes = env->ops->map(env, chunk->fd, header->capacity);
        if (!chunk->bytes)
            status = fail_errno(chunk, "map", err);
    }
    if (status == QTA_OK)
        status = qta_journal_chunk_populate(chunk, chunk->window_bytes, err);
    if (status != QTA_OK)
        qta_session_folder_remove_file(folder, QTA_FILE_JOURNAL, header->number);
    return status;
}

enum qta_status qta_journal_chunk_create(struct qta_journal_chunk **out,
                                         const struct qta_session_folder *folder,
                                         const struct qta_journal_header *header,
                                         struct qta_error *err)
{
    assert(header->capacity >= QTA_JOURNAL_CHUNK_BYTES_MIN);
    assert(header->capacity <= QTA_JOURNAL_CHUNK_BYTES_MAX);
    struct qta_journal_chunk *chunk = calloc(1, sizeof *chunk);
    if (!chunk)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory making a journal chunk");
    chunk->environment = folder->environment;
    chunk->capacity = (uint32_t)header->capacity;
    chunk->seed = qta_journal_seed(header);
    chunk->position = QTA_JOURNAL_HEADER_BYTES;
    chunk->synced = QTA_JOURNAL_HEADER_BYTES;
    chunk->number = header->number;
    chunk->window_bytes = choose_window(chunk->capacity);
    chunk->fd = -1;
    enum qta_status status = make_file(chunk, folder, header, err);
    if (status != QTA_OK) {
        qta_journal_chunk_destroy(chunk);
        return status;
    }
    *out = chunk;
    return QTA_OK;
}

void qta_journal_chunk_destroy(struct qta_journal_chunk *chunk)
{
    if (!chunk)
        return;
    struct qta_environment *env = chunk->environment;
    if (chunk->bytes)
        env->ops->unmap(env, chunk->bytes, chunk->capacity);
    if (chunk->fd >= 0)
        env->ops->close(env, chunk->fd);
    free(chunk);
}

enum qta_status qta_journal_chunk_populate(struct qta_journal_chunk *chunk, uint32_t until,
                                           struct qta_error *err)
{
    struct qta_environment *env = chunk->environment;
    uint32_t from = atomic_load_explicit(&chunk->populated, memory_order_acquire);
    if (until > chunk->capacity)
        until = chunk->capacity;
    if (from >= until)
        return QTA_OK;
    if (env->ops->populate_map(env, chunk->bytes + from, until - from) != 0)
        return fail_errno(chunk, "write", err);
    /* the writer and the keeper may both have done it: the farther one counts */
    while (from < until &&
           !atomic_compare_exchange_weak_explicit(&chunk->populated, &from, until,
                                                  memory_order_acq_rel, memory_order_acquire))
        continue;
    return QTA_OK;
}

enum qta_status qta_journal_chunk_sync(struct qta_journal_chunk *chunk, struct qta_error *err)
{
    struct qta_environment *env = chunk->environment;
    uint32_t committed = qta_journal_chunk_committed(chunk);
    /* without this word on the disk, what is in later chunks would pass for torn off */
    bool is_finished = atomic_load_explicit(
                           qta_journal_chunk_word(chunk, QTA_JOURNAL_FINISHED_OFFSET),
                           memory_order_acquire) != 0;
    bool is_new = committed != chunk->synced;
    if (chunk->is_suspect || (!is_new && is_finished == chunk->is_finish_synced))
        return QTA_OK;
    uint32_t page = page_bytes();
    uint32_t from = chunk->synced / page * page;
    chunk->is_suspect = true;
    /* the records first, then the header that says they are there */
    if (is_new && env->ops->sync_map(env, chunk->bytes + from, committed - from) != 0)
        return fail_errno(chunk, "sync", err);
    atomic_store_explicit(qta_journal_chunk_word(chunk, QTA_JOURNAL_SYNCED_OFFSET), committed,
                          memory_order_release);
    if (env->ops->sync_map(env, chunk->bytes, QTA_JOURNAL_HEADER_BYTES) != 0)
        return fail_errno(chunk, "sync", err);
    chunk->synced = committed;
    chunk->is_finish_synced = is_finished;
    chunk->is_suspect = false;
    return QTA_OK;
}
