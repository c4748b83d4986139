/** @file journal_format.h
 *  The bytes of a journal chunk (FORMAT.md section 3): a header page, then records. */
#ifndef QTA_STORAGE_JOURNAL_FORMAT_H
#define QTA_STORAGE_JOURNAL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

enum {
    QTA_JOURNAL_VERSION = 1,
    QTA_JOURNAL_HEADER_BYTES = 4096,
    /* fields of the header that move: 64-bit words, each on its own cache line */
    QTA_JOURNAL_COMMITTED_OFFSET = 1024, /* end of the records that are there */
    QTA_JOURNAL_SYNCED_OFFSET = 1088,    /* end of the records known to be on the disk */
    QTA_JOURNAL_FINISHED_OFFSET = 1152,  /* end of the last record, once there will be no more */
    QTA_JOURNAL_RECORD_HEAD_BYTES = 8,
    QTA_JOURNAL_PAYLOAD_MAX_BYTES = 4096 + 8,
    /* what appends leave free, in pages that can be written: room for a DROP record, the end of the
     * run and the names they use */
    QTA_JOURNAL_NOTE_BYTES = 1024,
    QTA_JOURNAL_CHUNK_BYTES_MIN = 64 * 1024,
    QTA_JOURNAL_CHUNK_BYTES_MAX = 512 * 1024 * 1024,
};

/** What a record holds; the top byte of its head. */
enum qta_journal_kind {
    QTA_JOURNAL_TICK = 1,     /**< a struct qta_tick, zero bytes at its end cut off */
    QTA_JOURNAL_DEFINE = 2,   /**< u8 name kind, 3 zero bytes, u32 id, the name */
    QTA_JOURNAL_RAW = 3,      /**< a stored frame: its head, then its first bytes (journal_raw.h) */
    QTA_JOURNAL_RAW_MORE = 4, /**< the next bytes of the frame in the record before */
};

enum { QTA_SESSION_ID_BYTES = 16, QTA_TIMEZONE_BYTES = 64 };

/** The part of the header that never changes. */
struct qta_journal_header {
    uint8_t session_id[QTA_SESSION_ID_BYTES];
    uint8_t salt[16];
    uint32_t number;
    uint32_t run;
    uint64_t capacity; /**< bytes of the file */
    int64_t created_ns;
    int64_t run_started_ns;
    char timezone[QTA_TIMEZONE_BYTES]; /**< NUL-terminated */
};

/** Writes the fixed part into the first bytes of a header page that is zero elsewhere. */
void qta_journal_header_store(const struct qta_journal_header *header,
                              uint8_t page[QTA_JOURNAL_HEADER_BYTES]);

/** Reads and checks it. QTA_ERR_FORMAT: of a newer version; QTA_ERR_DAMAGED: not a journal, or no
 *  longer. The message goes on after the file's name. */
enum qta_status qta_journal_header_load(struct qta_journal_header *header,
                                        const uint8_t page[QTA_JOURNAL_HEADER_BYTES],
                                        struct qta_error *err);

/** Where the checksums of a chunk's records start: its salt and number. */
uint32_t qta_journal_seed(const struct qta_journal_header *header);

/** The checksum of a record at this position of the file. */
uint32_t qta_journal_checksum(uint32_t seed, uint32_t position, uint32_t head, const void *payload,
                              size_t length);

static inline uint32_t qta_journal_head(enum qta_journal_kind kind, uint32_t length)
{
    return (uint32_t)kind << 24 | length;
}

static inline size_t qta_journal_record_bytes(size_t payload_length)
{
    return QTA_JOURNAL_RECORD_HEAD_BYTES + ((payload_length + 7) & ~(size_t)7);
}

/** How many bytes of a tick of this type are stored: its header and body, in words of 8. */
uint32_t qta_journal_tick_bytes(unsigned type);

#endif
