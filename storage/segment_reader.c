/* A segment is read by its footer. Where that is damaged its frames are found one after the other
 * by their own heads. */
#include "storage/segment_reader.h"

#include <assert.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "storage/block_layout.h"

static const char *label_of(const struct qta_segment_reader *reader, char *text)
{
    return qta_session_file_label(text, QTA_FILE_SEGMENT, reader->number);
}

static enum qta_status cannot_read(const struct qta_segment_reader *reader, struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    return qta_error_set_errno(err, "cannot read '%s'", label_of(reader, label));
}

/* ---- bytes --------------------------------------------------------------------------------- */

/* Exactly so many bytes. QTA_ERR_DAMAGED where the file is shorter. */
static enum qta_status read_bytes(struct qta_segment_reader *reader, uint64_t offset, void *bytes,
                                  size_t length, struct qta_error *err)
{
    struct qta_environment *env = reader->environment;
    if (offset > reader->bytes || length > reader->bytes - offset)
        return qta_error_set(err, QTA_ERR_DAMAGED, "the file is cut short");
    ssize_t got = env->ops->pread(env, reader->fd, bytes, length, (int64_t)offset);
    if (got < 0)
        return cannot_read(reader, err);
    if ((size_t)got < length)
        return qta_error_set(err, QTA_ERR_DAMAGED, "the file is cut short");
    return QTA_OK;
}

static enum qta_status read_head(struct qta_segment_reader *reader, uint64_t offset,
                                 struct qta_frame *frame, struct qta_error *err)
{
    uint8_t head[QTA_FRAME_HEAD_BYTES];
    enum qta_status status = read_bytes(reader, offset, head, sizeof head, err);
    if (status == QTA_OK && !qta_frame_head_load(frame, reader->number, offset, head))
        status = qta_error_set(err, QTA_ERR_DAMAGED,
                               "the head at byte %" PRIu64 " fails its checksum", offset);
    return status;
}

/* A payload of a later coding is no use to this program; what has no ticks or stored frames says
 * itself what it is. */
static enum qta_status check_codec(const struct qta_frame *frame, struct qta_error *err)
{
    bool is_known = (frame->kind != QTA_FRAME_TICKS ||
                     frame->codec_version == QTA_BLOCK_CODEC_VERSION) &&
                    (frame->kind != QTA_FRAME_STORED ||
                     frame->codec_version == QTA_RAW_BLOCK_VERSION);
    return is_known
               ? QTA_OK
               : qta_error_set(err, QTA_ERR_DAMAGED, "its codec %u is not known to this program",
                               frame->codec_version);
}

enum qta_status qta_segment_reader_payload_into(struct qta_segment_reader *reader,
                                                const struct qta_frame *frame,
                                                struct qta_packed_writer *buffer,
                                                struct qta_error *err)
{
    qta_packed_writer_clear(buffer);
    uint8_t *bytes = qta_packed_writer_reserve(buffer, (size_t)frame->payload_bytes + 1);
    if (!bytes)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading a segment");
    enum qta_status status = read_bytes(reader, frame->offset + QTA_FRAME_HEAD_BYTES, bytes,
                                        frame->payload_bytes, err);
    if (status != QTA_OK)
        return status;
    if (qta_crc32c(0, bytes, frame->payload_bytes) != frame->payload_checksum)
        return qta_error_set(err, QTA_ERR_DAMAGED, "it fails its checksum");
    buffer->length = frame->payload_bytes;
    return check_codec(frame, err);
}

enum qta_status qta_segment_reader_payload(struct qta_segment_reader *reader,
                                           const struct qta_frame *frame, const uint8_t **payload,
                                           struct qta_error *err)
{
    enum qta_status status = qta_segment_reader_payload_into(reader, frame, &reader->payload, err);
    *payload = reader->payload.bytes;
    return status;
}

/* Reads a frame that was compressed as a whole, into reader->raw. */
static enum qta_status read_raw(struct qta_segment_reader *reader, const struct qta_frame *frame,
                                size_t limit, struct qta_error *err)
{
    const uint8_t *payload = NULL;
    enum qta_status status = qta_segment_reader_payload(reader, frame, &payload, err);
    if (status != QTA_OK)
        return status;
    struct qta_packed_reader in = qta_packed_reader_make(payload, frame->payload_bytes);
    uint64_t length = qta_packed_reader_take_varint(&in);
    if (in.is_short || length > limit)
        return qta_error_set(err, QTA_ERR_DAMAGED, "its length makes no sense");
    qta_packed_writer_clear(&reader->raw);
    uint8_t *raw = qta_packed_writer_reserve(&reader->raw, (size_t)length + 1);
    if (!raw)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading a segment");
    if (!qta_plane_decoder_unpack_bytes(reader->unpacker, &in, raw, (size_t)length))
        return qta_error_set(err, QTA_ERR_DAMAGED, "it does not unpack");
    reader->raw.length = (size_t)length;
    return QTA_OK;
}

/* ---- the way to the frames ----------------------------------------------------------------- */

static enum qta_status load_footer(struct qta_segment_reader *reader, uint64_t offset,
                                   struct qta_error *err)
{
    struct qta_frame frame;
    enum qta_status status = read_head(reader, offset, &frame, err);
    if (status == QTA_OK && frame.kind != QTA_FRAME_FOOTER)
        status = qta_error_set(err, QTA_ERR_DAMAGED, "no footer is where it should be");
    if (status == QTA_OK)
        status = read_raw(reader, &frame, QTA_FOOTER_RAW_BYTES_MAX, err);
    if (status == QTA_OK)
        status = qta_segment_footer_load(&reader->footer, reader->raw.bytes, reader->raw.length,
                                         err);
    return status;
}

/* By the header's word, or the trailer's. */
static enum qta_status find_footer(struct qta_segment_reader *reader, struct qta_error *err)
{
    uint8_t trailer[QTA_SEGMENT_TRAILER_BYTES];
    uint64_t offset;
    enum qta_status status = QTA_ERR_DAMAGED;
    if (!reader->header_is_damaged)
        status = load_footer(reader, reader->header.footer_offset, err);
    if (status != QTA_ERR_DAMAGED || reader->bytes < sizeof trailer)
        return status;
    status = read_bytes(reader, reader->bytes - sizeof trailer, trailer, sizeof trailer, err);
    if (status != QTA_OK)
        return status;
    if (!qta_segment_trailer_load(reader->number, trailer, &offset))
        return qta_error_set(err, QTA_ERR_DAMAGED, "it has neither header nor trailer");
    return load_footer(reader, offset, err);
}

static enum qta_status add_frame(struct qta_segment_reader *reader, const struct qta_frame *frame,
                                 size_t *capacity, struct qta_error *err)
{
    struct qta_segment_footer *footer = &reader->footer;
    if (footer->frame_count == *capacity) {
        size_t larger = *capacity ? *capacity * 2 : 16;
        struct qta_frame *grown = realloc(footer->frames, larger * sizeof *grown);
        if (!grown)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading a segment");
        footer->frames = grown;
        *capacity = larger;
    }
    footer->frames[footer->frame_count++] = *frame;
    return QTA_OK;
}

/* Goes to the next place from *offset on that is a head. A checksum that covers the place itself
 * is not met by chance. QTA_ERR_DAMAGED when there is none. */
static enum qta_status search_head(struct qta_segment_reader *reader, uint64_t *offset,
                                   struct qta_frame *frame, struct qta_error *err)
{
    enum { WINDOW_BYTES = 1 << 16 };
    uint8_t *window = qta_packed_writer_reserve(&reader->raw, WINDOW_BYTES);
    if (!window)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading a segment");
    while (*offset < reader->bytes && reader->bytes - *offset >= QTA_FRAME_HEAD_BYTES) {
        uint64_t left = reader->bytes - *offset;
        size_t length = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
        enum qta_status status = read_bytes(reader, *offset, window, length, err);
        if (status != QTA_OK)
            return status;
        for (size_t i = 0; i + QTA_FRAME_HEAD_BYTES <= length; i++)
            if (window[i] == 'Q' &&
                qta_frame_head_load(frame, reader->number, *offset + i, window + i)) {
                *offset += i;
                return QTA_OK;
            }
        *offset += length - QTA_FRAME_HEAD_BYTES + 1;
    }
    return qta_error_set(err, QTA_ERR_DAMAGED, "no head of a block follows");
}

/* Frames follow one another. Where a head is not one, the next that is one is looked for. */
static enum qta_status walk_frames(struct qta_segment_reader *reader, struct qta_error *err)
{
    uint64_t offset = QTA_SEGMENT_HEADER_BYTES;
    size_t capacity = 0;
    enum qta_status status = QTA_OK;
    qta_segment_footer_finish(&reader->footer);
    while (status == QTA_OK) {
        struct qta_frame frame;
        status = read_head(reader, offset, &frame, err);
        if (status == QTA_ERR_DAMAGED)
            status = search_head(reader, &offset, &frame, err);
        if (status != QTA_OK)
            break;
        offset += QTA_FRAME_HEAD_BYTES + (uint64_t)frame.payload_bytes;
        if (frame.kind != QTA_FRAME_FOOTER)
            status = add_frame(reader, &frame, &capacity, err);
    }
    return status == QTA_ERR_DAMAGED && reader->footer.frame_count > 0 ? QTA_OK : status;
}

/* ---- known holes --------------------------------------------------------------------------- */

static enum qta_status load_hole(struct qta_segment_reader *reader, const struct qta_frame *frame,
                                 struct qta_error *err)
{
    const uint8_t *payload;
    struct qta_known_hole *hole = &reader->holes[reader->hole_count];
    if (frame->payload_bytes != QTA_HOLE_BYTES || frame->codec_version != QTA_HOLE_CODEC_VERSION)
        return QTA_OK;
    enum qta_status status = qta_segment_reader_payload(reader, frame, &payload, err);
    if (status != QTA_OK)
        return status == QTA_ERR_DAMAGED ? QTA_OK : status;
    bool follows = reader->hole_count == 0 || hole[-1].last_seq < qta_load_u64(payload);
    if (follows && qta_known_hole_load(hole, payload, frame->payload_bytes))
        reader->hole_count++;
    return QTA_OK;
}

/* One that cannot be read is not known any more: then its records count as missing. */
static enum qta_status load_holes(struct qta_segment_reader *reader, struct qta_error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < reader->footer.frame_count; i++)
        count += reader->footer.frames[i].kind == QTA_FRAME_HOLE;
    if (count == 0)
        return QTA_OK;
    reader->holes = calloc(count, sizeof *reader->holes);
    if (!reader->holes)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading a segment");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < reader->footer.frame_count && status == QTA_OK; i++)
        if (reader->footer.frames[i].kind == QTA_FRAME_HOLE)
            status = load_hole(reader, &reader->footer.frames[i], err);
    return status;
}

uint64_t qta_segment_reader_skip_holes(const struct qta_segment_reader *reader, uint64_t seq)
{
    size_t low = 0;
    size_t high = reader->hole_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (reader->holes[middle].last_seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < reader->hole_count && reader->holes[low].first_seq <= seq; low++)
        seq = reader->holes[low].last_seq + 1;
    return seq;
}

void qta_segment_reader_span(const struct qta_segment_reader *reader, struct qta_tick_span *span)
{
    qta_segment_footer_span(&reader->footer, span);
    if (reader->hole_count > 0)
        qta_tick_span_cover(span, reader->holes[0].first_seq,
                            reader->holes[reader->hole_count - 1].last_seq);
}

/* What a damaged header would have said, as far as the frames tell. */
static void piece_header_together(struct qta_segment_reader *reader)
{
    memset(&reader->header, 0, sizeof reader->header);
    reader->header.number = reader->number;
    qta_segment_reader_span(reader, &reader->header.span);
}

/* ---- opening ------------------------------------------------------------------------------- */

static enum qta_status read_header(struct qta_segment_reader *reader, struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    uint8_t bytes[QTA_SEGMENT_HEADER_BYTES];
    struct qta_error cause;
    enum qta_status status = read_bytes(reader, 0, bytes, sizeof bytes, &cause);
    if (status == QTA_ERR_IO)
        return cannot_read(reader, err);
    if (status == QTA_OK)
        status = qta_segment_header_load(&reader->header, bytes, &cause);
    else
        qta_error_set(&cause, status, "is cut short");
    if (status != QTA_OK)
        return qta_error_set(err, status, "'%s' %s", label_of(reader, label), cause.message);
    if (reader->header.number != reader->number)
        return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' is another segment: its number is %u",
                             label_of(reader, label), reader->header.number);
    return QTA_OK;
}

static enum qta_status open_file(struct qta_segment_reader *reader,
                                 const struct qta_session_folder *folder, uint32_t number,
                                 struct qta_error *err)
{
    struct qta_environment *env = folder->environment;
    char label[QTA_FILE_NAME_BYTES];
    memset(reader, 0, sizeof *reader);
    reader->environment = env;
    reader->number = number;
    reader->fd = qta_session_folder_open_file(folder, QTA_FILE_SEGMENT, number, O_RDONLY);
    if (reader->fd < 0)
        return qta_error_set_errno(err, "cannot open '%s'", label_of(reader, label));
    reader->is_open = true;
    int64_t size = env->ops->size(env, reader->fd);
    if (size < 0)
        return cannot_read(reader, err);
    reader->bytes = (uint64_t)size;
    return QTA_OK;
}

enum qta_status qta_segment_reader_peek(const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_segment_header *header, struct qta_error *err)
{
    struct qta_segment_reader reader;
    enum qta_status status = open_file(&reader, folder, number, err);
    if (status == QTA_OK)
        status = read_header(&reader, err);
    *header = reader.header;
    qta_segment_reader_close(&reader);
    return status;
}

/* A damaged header is no loss: footer or frames say the same. */
static enum qta_status read_structure(struct qta_segment_reader *reader, struct qta_error *err)
{
    struct qta_error cause = {.message = ""};
    enum qta_status header = read_header(reader, &cause);
    if (header != QTA_OK && header != QTA_ERR_DAMAGED) {
        if (err)
            *err = cause;
        return header;
    }
    reader->header_is_damaged = header != QTA_OK;
    enum qta_status status = find_footer(reader, err);
    if (status == QTA_ERR_DAMAGED) {
        reader->footer_is_damaged = true;
        status = walk_frames(reader, err);
    }
    if (status == QTA_ERR_DAMAGED) { /* nothing of it can be read */
        char label[QTA_FILE_NAME_BYTES];
        if (header == QTA_OK)
            return qta_error_set(err, QTA_ERR_DAMAGED, "'%s' has nothing that can be read",
                                 label_of(reader, label));
        if (err)
            *err = cause;
        return header;
    }
    if (status == QTA_OK)
        status = load_holes(reader, err);
    if (status == QTA_OK && reader->header_is_damaged)
        piece_header_together(reader);
    return status;
}

enum qta_status qta_segment_reader_open(struct qta_segment_reader *reader,
                                        const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_error *err)
{
    enum qta_status status = open_file(reader, folder, number, err);
    if (status == QTA_OK)
        status = qta_plane_decoder_create(&reader->unpacker, err);
    if (status == QTA_OK)
        status = read_structure(reader, err);
    if (status != QTA_OK)
        qta_segment_reader_close(reader);
    return status;
}

void qta_segment_reader_close(struct qta_segment_reader *reader)
{
    if (reader->is_open)
        reader->environment->ops->close(reader->environment, reader->fd);
    reader->is_open = false;
    qta_plane_decoder_destroy(reader->unpacker);
    reader->unpacker = NULL;
    qta_segment_footer_finish(&reader->footer);
    free(reader->holes);
    reader->holes = NULL;
    reader->hole_count = 0;
    qta_packed_writer_finish(&reader->payload);
    qta_packed_writer_finish(&reader->raw);
}

/* ---- names --------------------------------------------------------------------------------- */

enum qta_status qta_segment_reader_names_of(struct qta_segment_reader *reader,
                                            const struct qta_frame *frame, qta_name_function each,
                                            void *user, struct qta_error *err)
{
    enum qta_status status = read_raw(reader, frame, QTA_NAMES_RAW_BYTES_MAX, err);
    if (status != QTA_OK)
        return status;
    struct qta_packed_reader in = qta_packed_reader_make(reader->raw.bytes, reader->raw.length);
    for (uint32_t i = 0; i < frame->count; i++) {
        unsigned kind = qta_packed_reader_take_u8(&in);
        uint64_t id = qta_packed_reader_take_varint(&in);
        uint64_t length = qta_packed_reader_take_varint(&in);
        const uint8_t *name = length <= QTA_NAME_MAX_BYTES
                                  ? qta_packed_reader_take(&in, (size_t)length)
                                  : NULL;
        if (!name || kind >= QTA_NAME_KIND_COUNT || id > UINT32_MAX)
            return qta_error_set(err, QTA_ERR_DAMAGED, "its names make no sense");
        if (!each(user, (enum qta_name_kind)kind, (uint32_t)id, (const char *)name, (size_t)length))
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for names");
    }
    return QTA_OK;
}

enum qta_status qta_segment_reader_names(struct qta_segment_reader *reader, qta_name_function each,
                                         void *user, struct qta_error *err)
{
    static const enum qta_frame_kind kinds[] = {QTA_FRAME_NAMES, QTA_FRAME_NAMES_COPY};
    bool is_complete = false;
    for (size_t copy = 0; copy < 2 && !is_complete; copy++) {
        is_complete = !reader->footer_is_damaged; /* else a frame may not have been found */
        for (size_t i = 0; i < reader->footer.frame_count; i++) {
            const struct qta_frame *frame = &reader->footer.frames[i];
            if (frame->kind != kinds[copy])
                continue;
            enum qta_status status = qta_segment_reader_names_of(reader, frame, each, user, err);
            if (status == QTA_ERR_DAMAGED)
                is_complete = false;
            else if (status != QTA_OK)
                return status;
        }
    }
    return QTA_OK;
}

enum qta_status qta_segment_reader_raw(struct qta_segment_reader *reader,
                                       const struct qta_frame *frame, struct qta_raw_cursor *block,
                                       struct qta_error *err)
{
    enum qta_status status = read_raw(reader, frame, QTA_STORED_RAW_BYTES_MAX, err);
    if (status == QTA_OK &&
        !qta_raw_cursor_begin(block, reader->raw.bytes, reader->raw.length, frame->count))
        status = qta_error_set(err, QTA_ERR_DAMAGED, "its heads make no sense");
    return status;
}

bool qta_segment_reader_symbols(const struct qta_segment_reader *reader,
                                const struct qta_frame *frame, qta_symbol_function each, void *user)
{
    if (frame->symbols_length == 0)
        return false;
    struct qta_packed_reader in = qta_packed_reader_make(
        reader->footer.symbols + frame->symbols_offset, frame->symbols_length);
    uint64_t count = qta_packed_reader_take_varint(&in);
    for (uint64_t i = 0; i < count && !in.is_short; i++) {
        uint64_t symbol = qta_packed_reader_take_varint(&in);
        uint64_t ticks = qta_packed_reader_take_varint(&in);
        if (in.is_short || symbol > UINT32_MAX || !each(user, (uint32_t)symbol, ticks))
            return false;
    }
    return !in.is_short;
}
