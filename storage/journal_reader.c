/* A record that fails its checksum means one of three things, which the header's words tell apart:
 * behind the synced mark it is the torn end after a power cut, or simply the end; before it,
 * damage, and the reader looks for the next record that is whole. */
#include "storage/journal_reader.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"

enum {
    BUFFER_BYTES = 256 * 1024,
    RECORD_BYTES_MAX = QTA_JOURNAL_RECORD_HEAD_BYTES + QTA_JOURNAL_PAYLOAD_MAX_BYTES,
};

static const char *label_of(const struct qta_journal_reader *reader, char *text)
{
    return qta_session_file_label(text, QTA_FILE_JOURNAL, reader->number);
}

static enum qta_status read_header(struct qta_journal_reader *reader, struct qta_error *err)
{
    struct qta_environment *env = reader->environment;
    char label[QTA_FILE_NAME_BYTES];
    uint8_t page[QTA_JOURNAL_HEADER_BYTES];
    ssize_t got = env->ops->pread(env, reader->fd, page, sizeof page, 0);
    if (got < 0)
        return qta_error_set_errno(err, "cannot read '%s'", label_of(reader, label));
    if ((size_t)got < sizeof page)
        return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' is cut short: it has %zd bytes",
                             label_of(reader, label), got);
    enum qta_status status = qta_journal_header_load(&reader->header, page, err);
    if (status != QTA_OK) {
        struct qta_error cause = {.message = ""};
        if (err)
            cause = *err;
        return qta_error_set(err, status, "'%s' %s", label_of(reader, label), cause.message);
    }
    if (reader->header.number != reader->number)
        return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' is another chunk: its number is %u",
                             label_of(reader, label), reader->header.number);
    return QTA_OK;
}

enum qta_status qta_journal_reader_open(struct qta_journal_reader *reader,
                                        const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    memset(reader, 0, sizeof *reader);
    reader->environment = env;
    reader->number = number;
    reader->position = QTA_JOURNAL_HEADER_BYTES;
    char label[QTA_FILE_NAME_BYTES];
    int fd = qta_session_folder_open_file(folder, QTA_FILE_JOURNAL, number, O_RDONLY);
    if (fd < 0)
        return qta_error_set_errno(err, "cannot open '%s'", label_of(reader, label));
    reader->fd = fd;
    reader->buffer = malloc(BUFFER_BYTES);
    if (!reader->buffer) {
        env->ops->close(env, fd);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'",
                             label_of(reader, label));
    }
    enum qta_status status = read_header(reader, err);
    int64_t size = env->ops->size(env, fd);
    if (status == QTA_OK && size < 0)
        status = qta_error_set_errno(err, "cannot read '%s'", label_of(reader, label));
    if (status != QTA_OK) {
        qta_journal_reader_close(reader);
        return status;
    }
    reader->size = (uint64_t)size;
    if (reader->size > reader->header.capacity)
        reader->size = reader->header.capacity;
    reader->seed = qta_journal_seed(&reader->header);
    return QTA_OK;
}

void qta_journal_reader_close(struct qta_journal_reader *reader)
{
    if (!reader->buffer)
        return;
    reader->environment->ops->close(reader->environment, reader->fd);
    free(reader->buffer);
    reader->buffer = NULL;
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* So many bytes at this place, or NULL where the file has no more of them. */
static const uint8_t *bytes_at(struct qta_journal_reader *reader, uint64_t position, size_t length)
{
    if (position < reader->buffer_start ||
        position + length > reader->buffer_start + reader->buffer_length)
        return NULL;
    return reader->buffer + (position - reader->buffer_start);
}

static enum qta_status fill_buffer(struct qta_journal_reader *reader, size_t limit,
                                   struct qta_error *err)
{
    struct qta_environment *env = reader->environment;
    uint64_t left = reader->position < reader->size ? reader->size - reader->position : 0;
    size_t wanted = left < limit ? (size_t)left : limit;
    ssize_t got = env->ops->pread(env, reader->fd, reader->buffer, wanted,
                                  (int64_t)reader->position);
    if (got < 0) {
        char label[QTA_FILE_NAME_BYTES];
        reader->buffer_length = 0;
        return qta_error_set_errno(err, "cannot read '%s'", label_of(reader, label));
    }
    if ((size_t)got < wanted) /* somebody cut the file */
        reader->size = reader->position + (uint64_t)got;
    reader->buffer_start = reader->position;
    reader->buffer_length = (size_t)got;
    return QTA_OK;
}

/* One of the header's words; 0 where it cannot be read. */
static uint64_t read_word(struct qta_journal_reader *reader, int64_t offset)
{
    struct qta_environment *env = reader->environment;
    uint8_t bytes[8];
    if (env->ops->pread(env, reader->fd, bytes, sizeof bytes, offset) != sizeof bytes)
        return 0;
    /* pairs with the release in publish: what is read after this word is at least as new */
    atomic_thread_fence(memory_order_acquire);
    return qta_load_u64(bytes);
}

/* ---- records ------------------------------------------------------------------------------- */

/* The whole record at this place of the buffer, or 0 when none is there. Its bytes are copied from
 * a file that may be written at this moment: what was checked is what is used. */
static size_t check_record(struct qta_journal_reader *reader, uint64_t position,
                           struct qta_journal_record *record)
{
    const uint8_t *bytes = bytes_at(reader, position, QTA_JOURNAL_RECORD_HEAD_BYTES);
    if (!bytes)
        return 0;
    uint32_t head = qta_load_u32(bytes);
    uint32_t length = head & 0xffffff;
    if (head >> 24 == 0 || length == 0 || length > QTA_JOURNAL_PAYLOAD_MAX_BYTES)
        return 0;
    size_t whole = qta_journal_record_bytes(length);
    bytes = bytes_at(reader, position, whole);
    if (!bytes)
        return 0;
    const uint8_t *payload = bytes + QTA_JOURNAL_RECORD_HEAD_BYTES;
    if (qta_load_u32(bytes + 4) !=
        qta_journal_checksum(reader->seed, (uint32_t)position, head, payload, length))
        return 0;
    record->kind = (enum qta_journal_kind)(head >> 24);
    record->payload = payload;
    record->length = length;
    return whole;
}

/* Whether the buffer has all that a record at the reader's position can need. */
static bool buffer_is_enough(const struct qta_journal_reader *reader)
{
    uint64_t end = reader->position + RECORD_BYTES_MAX;
    if (end > reader->size)
        end = reader->size;
    return reader->position >= reader->buffer_start &&
           end <= reader->buffer_start + reader->buffer_length;
}

/* Moves to the next whole record before `until`, or to `until`. */
static enum qta_status find_record(struct qta_journal_reader *reader, uint64_t until,
                                   struct qta_error *err)
{
    struct qta_journal_record record;
    for (; reader->position < until; reader->position += 8) {
        if (!buffer_is_enough(reader)) {
            enum qta_status status = fill_buffer(reader, BUFFER_BYTES, err);
            if (status != QTA_OK)
                return status;
        }
        if (reader->position >= reader->size)
            break;
        if (check_record(reader, reader->position, &record) > 0)
            return QTA_OK;
    }
    reader->position = until;
    return QTA_OK;
}

/* There should be a record before `committed`, and is none: a torn end, or damage. */
static enum qta_status judge(struct qta_journal_reader *reader, uint64_t committed,
                             struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    uint64_t synced = read_word(reader, QTA_JOURNAL_SYNCED_OFFSET);
    uint64_t start = reader->position;
    if (start >= synced) {
        reader->is_cut = true;
        return qta_error_set(err, QTA_ERR_DAMAGED,
                             "'%s' ends at byte %" PRIu64 ": what follows up to byte %" PRIu64
                             " was not on the disk yet, or is damaged",
                             label_of(reader, label), start, committed);
    }
    enum qta_status status = find_record(reader, committed, err);
    if (status != QTA_OK)
        return status;
    return qta_error_set(err, QTA_ERR_DAMAGED,
                         "'%s' is damaged: bytes %" PRIu64 " to %" PRIu64 " hold no record",
                         label_of(reader, label), start, reader->position);
}

enum qta_status qta_journal_reader_next(struct qta_journal_reader *reader,
                                        struct qta_journal_record *record, struct qta_error *err)
{
    assert(reader->buffer);
    if (reader->is_cut)
        return qta_error_set(err, QTA_ERR_END, "the journal ends here");
    size_t whole = check_record(reader, reader->position, record);
    if (whole == 0) {
        /* The buffer ends here, or the record was being written when it was filled. The word comes
         * first: what it covers must be in the buffer then. */
        uint64_t committed = read_word(reader, QTA_JOURNAL_COMMITTED_OFFSET);
        if (committed > reader->header.capacity)
            committed = reader->header.capacity;
        bool is_behind = reader->position < committed;
        enum qta_status status = fill_buffer(
            reader, is_behind ? BUFFER_BYTES : (size_t)RECORD_BYTES_MAX, err);
        if (status != QTA_OK)
            return status;
        whole = check_record(reader, reader->position, record);
        if (whole == 0)
            return is_behind ? judge(reader, committed, err)
                             : qta_error_set(err, QTA_ERR_END, "the journal ends here");
    }
    reader->position += whole;
    return QTA_OK;
}

enum qta_status qta_journal_reader_sync(struct qta_journal_reader *reader, struct qta_error *err)
{
    struct qta_environment *env = reader->environment;
    char label[QTA_FILE_NAME_BYTES];
    if (env->ops->sync(env, reader->fd) != 0)
        return qta_error_set_errno(err, "cannot sync '%s'", label_of(reader, label));
    return QTA_OK;
}

bool qta_journal_reader_is_finished(struct qta_journal_reader *reader)
{
    return reader->is_cut || reader->position == read_word(reader, QTA_JOURNAL_FINISHED_OFFSET);
}

bool qta_journal_reader_has_news(struct qta_journal_reader *reader)
{
    return read_word(reader, QTA_JOURNAL_COMMITTED_OFFSET) > reader->position ||
           read_word(reader, QTA_JOURNAL_FINISHED_OFFSET) != 0;
}

bool qta_journal_reader_has_more(struct qta_journal_reader *reader)
{
    uint64_t position = reader->position;
    enum qta_status status = find_record(reader, reader->size, NULL);
    bool has_more = status == QTA_OK && reader->position < reader->size;
    reader->position = position;
    return has_more;
}

/* ---- payloads ------------------------------------------------------------------------------ */

bool qta_journal_record_tick(const struct qta_journal_record *record, struct qta_tick *tick)
{
    if (record->kind != QTA_JOURNAL_TICK || record->length > sizeof *tick ||
        record->length < offsetof(struct qta_tick, bytes))
        return false;
    memcpy(tick, record->payload, record->length);
    memset((uint8_t *)tick + record->length, 0, sizeof *tick - record->length);
    return true;
}

bool qta_journal_record_define(const struct qta_journal_record *record,
                               struct qta_journal_define *define)
{
    enum { NAME_OFFSET = 8 };
    if (record->kind != QTA_JOURNAL_DEFINE || record->length < NAME_OFFSET ||
        record->length > NAME_OFFSET + QTA_NAME_MAX_BYTES ||
        record->payload[0] >= QTA_NAME_KIND_COUNT)
        return false;
    define->kind = (enum qta_name_kind)record->payload[0];
    define->id = qta_load_u32(record->payload + 4);
    define->name = (const char *)record->payload + NAME_OFFSET;
    define->length = record->length - NAME_OFFSET;
    return true;
}
