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

static enum qta_status write_file(struct qta_journal_chunk *chunk,
                                  const struct qta_journal_header *header, struct qta_error *err)
{
    struct qta_environment *env = chunk->environment;
    char label[QTA_FILE_NAME_BYTES];
    qta_session_file_label(label, QTA_FILE_JOURNAL, header->number);
    uint8_t page[QTA_JOURNAL_HEADER_BYTES] = {0};
    qta_journal_header_store(header, page);
    uint64_t start = QTA_JOURNAL_HEADER_BYTES;
    memcpy(page + QTA_JOURNAL_COMMITTED_OFFSET, &start, sizeof start);
    memcpy(page + QTA_JOURNAL_SYNCED_OFFSET, &start, sizeof start);
    if (env->ops->allocate(env, chunk->fd, 0, (int64_t)header->capacity) != 0)
        return qta_error_set_errno(err, "cannot allocate %llu bytes for '%s'",
                                   (unsigned long long)header->capacity, label);
    if (env->ops->pwrite(env, chunk->fd, page, sizeof page, 0) != 0)
        return qta_error_set_errno(err, "cannot write '%s'", label);
    if (env->ops->sync(env, chunk->fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", label);
    chunk->bytes = env->ops->map(env, chunk->fd, header->capacity);
    if (!chunk->bytes)
        return qta_error_set_errno(err, "cannot map '%s'", label);
    return QTA_OK;
}

/* What a chunk is called while it is made; one that was never finished is made anew. */
static void name_unfinished(char name[QTA_FILE_NAME_BYTES], uint32_t number)
{
    qta_session_file_name(name, QTA_FILE_JOURNAL, number);
    size_t length = strlen(name);
    snprintf(name + length, QTA_FILE_NAME_BYTES - length, ".new");
}

static enum qta_status open_unfinished(struct qta_journal_chunk *chunk,
                                       const struct qta_session_folder *folder,
                                       struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    name_unfinished(name, chunk->number);
    enum { FILE_MODE = 0640 };
    chunk->fd = env->ops->open_at(env, folder->folder_fds[QTA_FILE_JOURNAL], name,
                                  O_RDWR | O_CREAT | O_TRUNC, FILE_MODE);
    if (chunk->fd < 0)
        return qta_error_set_errno(err, "cannot create 'journal/%s'", name);
    return QTA_OK;
}

/* Gives it its name, for good. What has that name is a chunk whose making failed after this. */
static enum qta_status finish_file(const struct qta_session_folder *folder, uint32_t number,
                                   struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    int directory = folder->folder_fds[QTA_FILE_JOURNAL];
    char unfinished[QTA_FILE_NAME_BYTES];
    char name[QTA_FILE_NAME_BYTES];
    name_unfinished(unfinished, number);
    qta_session_file_name(name, QTA_FILE_JOURNAL, number);
    if (env->ops->rename_at(env, directory, unfinished, name) != 0 ||
        env->ops->sync(env, directory) != 0)
        return qta_error_set_errno(err, "cannot create 'journal/%s'", name);
    return QTA_OK;
}

static void remove_files(const struct qta_session_folder *folder, uint32_t number)
{
    struct qta_environment *env = folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    name_unfinished(name, number);
    env->ops->unlink_at(env, folder->folder_fds[QTA_FILE_JOURNAL], name);
    qta_session_folder_remove_file(folder, QTA_FILE_JOURNAL, number);
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
    enum qta_status status = open_unfinished(chunk, folder, err);
    if (status != QTA_OK) {
        qta_journal_chunk_destroy(chunk);
        return status;
    }
    status = write_file(chunk, header, err);
    if (status == QTA_OK)
        status = qta_journal_chunk_populate(chunk, chunk->window_bytes, err);
    if (status == QTA_OK)
        status = finish_file(folder, header->number, err);
    if (status != QTA_OK) {
        qta_journal_chunk_destroy(chunk);
        remove_files(folder, header->number);
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
    if (env->ops->populate_map(env, chunk->bytes + from, until - from) != 0) {
        char label[QTA_FILE_NAME_BYTES];
        return qta_error_set_errno(err, "cannot write '%s'",
                                   qta_session_file_label(label, QTA_FILE_JOURNAL, chunk->number));
    }
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
    if (committed == chunk->synced)
        return QTA_OK;
    uint32_t page = page_bytes();
    uint32_t from = chunk->synced / page * page;
    /* the records first, then the header that says they are there */
    if (env->ops->sync_map(env, chunk->bytes + from, committed - from) != 0)
        goto fail;
    atomic_store_explicit(qta_journal_chunk_word(chunk, QTA_JOURNAL_SYNCED_OFFSET), committed,
                          memory_order_release);
    if (env->ops->sync_map(env, chunk->bytes, QTA_JOURNAL_HEADER_BYTES) != 0)
        goto fail;
    chunk->synced = committed;
    return QTA_OK;
fail:;
    char label[QTA_FILE_NAME_BYTES];
    return qta_error_set_errno(err, "cannot sync '%s'",
                               qta_session_file_label(label, QTA_FILE_JOURNAL, chunk->number));
}
