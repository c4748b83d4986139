/** @file journal_chunk.h
 *  One file of the journal, mapped for writing.
 *
 *  The writer's thread puts records in; any thread may sync. A record is complete for the kernel,
 * and so survives the process, as soon as qta_journal_chunk_publish() has run; it is complete for a
 *  reader as soon as its checksum fits. */
#ifndef QTA_STORAGE_JOURNAL_CHUNK_H
#define QTA_STORAGE_JOURNAL_CHUNK_H

#include <stdatomic.h>
#include <string.h>

#include "storage/journal_format.h"
#include "storage/session_folder.h"

struct qta_journal_chunk {
    uint8_t *bytes;             /**< the whole file */
    uint32_t capacity;          /**< its length */
    uint32_t seed;              /**< of record checksums */
    uint32_t position;          /**< where the next record goes; writer's thread */
    uint32_t number;            /**< of the file */
    uint32_t window_bytes;      /**< pages are populated in pieces of this size */
    uint32_t synced;            /**< end of what is on the disk; the syncing thread */
    bool is_finish_synced;      /**< the word that says so is on the disk; the syncing thread */
    bool is_suspect;            /**< a sync of it failed; the syncing thread */
    _Atomic uint32_t populated; /**< end of the pages that can be written without a fault */
    int fd;
    struct qta_environment *environment;
    struct qta_journal_chunk *next; /**< in the list of who owns it */
};

/** Makes the file, with its header on the disk and room for all of it allocated. QTA_ERR_NO_SPACE,
 *  QTA_ERR_IO, QTA_ERR_NOMEM; nothing is left behind then. */
enum qta_status qta_journal_chunk_create(struct qta_journal_chunk **out,
                                         const struct qta_session_folder *folder,
                                         const struct qta_journal_header *header,
                                         struct qta_error *err);

/** Unmaps and closes; the file stays. NULL is fine. */
void qta_journal_chunk_destroy(struct qta_journal_chunk *chunk);

/** Makes sure that pages up to this position can be written. Any thread. QTA_ERR_NO_SPACE. */
enum qta_status qta_journal_chunk_populate(struct qta_journal_chunk *chunk, uint32_t until,
                                           struct qta_error *err);

/** Brings what is committed to the disk, and that the chunk is finished where it is. One thread at
 * a time. A sync that failed is not tried again, the kernel may have dropped the pages: from then
 * on does nothing and succeeds. */
enum qta_status qta_journal_chunk_sync(struct qta_journal_chunk *chunk, struct qta_error *err);

static inline _Atomic uint64_t *qta_journal_chunk_word(const struct qta_journal_chunk *chunk,
                                                       size_t offset)
{
    return (_Atomic uint64_t *)(void *)(chunk->bytes + offset);
}

/** Puts a record at the chunk's position, which must have room for it. Writer's thread. */
static inline void qta_journal_chunk_put(struct qta_journal_chunk *chunk,
                                         enum qta_journal_kind kind, const void *payload,
                                         size_t length)
{
    uint32_t head = qta_journal_head(kind, (uint32_t)length);
    uint32_t checksum = qta_journal_checksum(chunk->seed, chunk->position, head, payload, length);
    uint8_t *record = chunk->bytes + chunk->position;
    memcpy(record + QTA_JOURNAL_RECORD_HEAD_BYTES, payload, length);
    memcpy(record + 4, &checksum, sizeof checksum);
    memcpy(record, &head, sizeof head);
    chunk->position += (uint32_t)qta_journal_record_bytes(length);
}

/** Makes everything put so far count. Writer's thread; pairs with the acquire in readers. */
static inline void qta_journal_chunk_publish(struct qta_journal_chunk *chunk)
{
    atomic_store_explicit(qta_journal_chunk_word(chunk, QTA_JOURNAL_COMMITTED_OFFSET),
                          chunk->position, memory_order_release);
}

/** Says that no record will follow. Writer's thread. */
static inline void qta_journal_chunk_finish(struct qta_journal_chunk *chunk)
{
    atomic_store_explicit(qta_journal_chunk_word(chunk, QTA_JOURNAL_FINISHED_OFFSET),
                          chunk->position, memory_order_release);
}

static inline uint32_t qta_journal_chunk_committed(const struct qta_journal_chunk *chunk)
{
    return (uint32_t)atomic_load_explicit(
        qta_journal_chunk_word(chunk, QTA_JOURNAL_COMMITTED_OFFSET), memory_order_acquire);
}

#endif
