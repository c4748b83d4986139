/** @file journal_reader.h
 *  Reads a chunk of the journal record by record, also while it is written.
 *
 *  What counts is each record's own checksum, which covers the file's salt and the record's place:
 *  the words in the header only say what to think of a record that fails it. By pread alone: a file
 *  that is cut while it is read ends, it does not kill. */
#ifndef QTA_STORAGE_JOURNAL_READER_H
#define QTA_STORAGE_JOURNAL_READER_H

#include <qta/dictionary.h>

#include "storage/journal_format.h"
#include "storage/session_folder.h"

/** Zero-initialize before open. */
struct qta_journal_reader {
    struct qta_environment *environment;
    struct qta_journal_header header;
    uint32_t seed;
    uint32_t number;
    int fd;                /**< valid while buffer is not NULL */
    uint64_t size;         /**< bytes of the file that can be read */
    uint64_t position;     /**< of the next record */
    uint8_t *buffer;       /**< owned */
    uint64_t buffer_start; /**< its place in the file */
    size_t buffer_length;
    bool is_cut; /**< the chunk ends here for good: its tail was never on the disk */
};

/** What one step gave. */
struct qta_journal_record {
    enum qta_journal_kind kind; /**< of kinds that are not known, skip */
    const uint8_t *payload;     /**< valid until the next call */
    uint32_t length;
};

/** QTA_ERR_NOT_FOUND, QTA_ERR_FORMAT, QTA_ERR_DAMAGED (the header), QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_journal_reader_open(struct qta_journal_reader *reader,
                                        const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_error *err);
/** Fine on one that is not open. */
void qta_journal_reader_close(struct qta_journal_reader *reader);

/** The next record. QTA_ERR_END: none yet, or none any more. QTA_ERR_DAMAGED: bytes were skipped;
 * call again. QTA_ERR_IO. */
enum qta_status qta_journal_reader_next(struct qta_journal_reader *reader,
                                        struct qta_journal_record *record, struct qta_error *err);

/** Brings the chunk to the disk as it is, whoever wrote it. QTA_ERR_IO. */
enum qta_status qta_journal_reader_sync(struct qta_journal_reader *reader, struct qta_error *err);

/** Whether the chunk's writer is through with it and so is this reader. */
bool qta_journal_reader_is_finished(struct qta_journal_reader *reader);

/** Whether there may be more than when QTA_ERR_END was read, by the header's words alone. */
bool qta_journal_reader_has_news(struct qta_journal_reader *reader);

/** Whether whole records follow a place that is_cut: they were lost with what was before them, but
 *  somebody may want them. */
bool qta_journal_reader_has_more(struct qta_journal_reader *reader);

/** A TICK record's tick. False when it cannot be one. */
bool qta_journal_record_tick(const struct qta_journal_record *record, struct qta_tick *tick);

/** A DEFINE record. False when it cannot be one. */
struct qta_journal_define {
    enum qta_name_kind kind;
    uint32_t id;
    const char *name; /**< not NUL-terminated */
    size_t length;
};
bool qta_journal_record_define(const struct qta_journal_record *record,
                               struct qta_journal_define *define);

#endif
