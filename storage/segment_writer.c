/* Frames go to the file one after the other; their list becomes the footer. The header comes last:
 * it says where the footer is. */
#include "storage/segment_writer.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/crc32c.h"
#include "storage/byte_planes.h"

enum {
    NAMES_FRAME_BYTES = 512 * 1024,
    BYTES_LEVEL = 3, /* for what is compressed as a whole; stored frames take a higher one */
};

/* How often each symbol comes in a block. */
struct symbol_counts {
    struct qta_name_map index;
    uint32_t *ids;
    uint32_t *counts;
    size_t count;
    size_t capacity;
};

struct qta_segment_writer {
    const struct qta_session_folder *folder;
    struct qta_segment_header header;
    struct qta_segment_footer footer;
    struct qta_block_encoder *encoder;
    struct qta_plane_encoder *bytes_encoder; /* for names and footer */
    const struct qta_name_store *names;
    const struct qta_name_store *texts; /* NULL: they are in names */
    size_t frame_capacity;
    struct qta_packed_writer payload;
    struct qta_packed_writer raw;
    struct qta_packed_writer symbols; /* of all blocks; the footer borrows its bytes */
    struct symbol_counts symbol_counts;
    uint64_t first_hole_seq; /* of the known holes; 0 while there is none */
    uint64_t last_hole_seq;
    uint64_t position;
    int fd;
    bool has_blocks;
    bool is_finished;
    char temporary[QTA_FILE_NAME_BYTES + 8];
};

/* ---- bytes to the file --------------------------------------------------------------------- */

static enum qta_status fail_errno(struct qta_segment_writer *writer, const char *what,
                                  struct qta_error *err)
{
    char label[QTA_FILE_NAME_BYTES];
    return qta_error_set_errno(
        err, "cannot %s '%s'", what,
        qta_session_file_label(label, QTA_FILE_SEGMENT, writer->header.number));
}

static enum qta_status out_of_memory(struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory writing a segment");
}

static enum qta_status add_frame(struct qta_segment_writer *writer, const struct qta_frame *frame,
                                 struct qta_error *err)
{
    struct qta_segment_footer *footer = &writer->footer;
    if (footer->frame_count == writer->frame_capacity) {
        size_t capacity = writer->frame_capacity ? writer->frame_capacity * 2 : 16;
        struct qta_frame *grown = realloc(footer->frames, capacity * sizeof *grown);
        if (!grown)
            return out_of_memory(err);
        footer->frames = grown;
        writer->frame_capacity = capacity;
    }
    footer->frames[footer->frame_count++] = *frame;
    return QTA_OK;
}

/* Writes the frame whose payload is in writer->payload. */
static enum qta_status write_frame(struct qta_segment_writer *writer, struct qta_frame *frame,
                                   struct qta_error *err)
{
    struct qta_environment *env = writer->folder->environment;
    if (writer->payload.is_out_of_memory)
        return out_of_memory(err);
    assert(writer->payload.length <= QTA_FRAME_PAYLOAD_BYTES_MAX);
    frame->offset = writer->position;
    frame->payload_bytes = (uint32_t)writer->payload.length;
    frame->payload_checksum = qta_crc32c(0, writer->payload.bytes, writer->payload.length);
    uint8_t head[QTA_FRAME_HEAD_BYTES];
    qta_frame_head_store(frame, writer->header.number, head);
    if (env->ops->pwrite(env, writer->fd, head, sizeof head, (int64_t)writer->position) != 0 ||
        env->ops->pwrite(env, writer->fd, writer->payload.bytes, writer->payload.length,
                         (int64_t)(writer->position + sizeof head)) != 0)
        return fail_errno(writer, "write", err);
    writer->position += sizeof head + writer->payload.length;
    return QTA_OK;
}

/* A frame of bytes that are compressed as a whole. */
static void pack_raw(struct qta_segment_writer *writer, int level)
{
    qta_plane_encoder_set_level(writer->bytes_encoder, level);
    qta_packed_writer_clear(&writer->payload);
    qta_packed_writer_put_varint(&writer->payload, writer->raw.length);
    qta_plane_encoder_put_bytes(writer->bytes_encoder, writer->raw.bytes, writer->raw.length,
                                &writer->payload);
    if (writer->raw.is_out_of_memory)
        writer->payload.is_out_of_memory = true;
}

/* ---- names --------------------------------------------------------------------------------- */

static enum qta_status flush_names(struct qta_segment_writer *writer, enum qta_frame_kind kind,
                                   uint32_t count, struct qta_error *err)
{
    struct qta_frame frame = {
        .kind = (uint8_t)kind, .codec_version = QTA_BLOCK_CODEC_VERSION, .count = count};
    pack_raw(writer, BYTES_LEVEL);
    qta_packed_writer_clear(&writer->raw);
    enum qta_status status = write_frame(writer, &frame, err);
    return status == QTA_OK ? add_frame(writer, &frame, err) : status;
}

/* All names but texts, which the blocks have themselves. */
static enum qta_status put_names(struct qta_segment_writer *writer, enum qta_frame_kind kind,
                                 struct qta_error *err)
{
    uint32_t count = 0;
    qta_packed_writer_clear(&writer->raw);
    for (size_t i = 0; i < writer->names->count; i++) {
        const struct qta_stored_name *name = &writer->names->names[i];
        if (name->kind == QTA_NAME_TEXT)
            continue;
        qta_packed_writer_put_u8(&writer->raw, (uint8_t)name->kind);
        qta_packed_writer_put_varint(&writer->raw, name->id);
        qta_packed_writer_put_varint(&writer->raw, name->length);
        qta_packed_writer_put(&writer->raw, writer->names->bytes.bytes + name->offset,
                              name->length);
        count++;
        if (writer->raw.length < NAMES_FRAME_BYTES)
            continue;
        enum qta_status status = flush_names(writer, kind, count, err);
        if (status != QTA_OK)
            return status;
        count = 0;
    }
    return count > 0 ? flush_names(writer, kind, count, err) : QTA_OK;
}

/* ---- life ---------------------------------------------------------------------------------- */

static enum qta_status open_file(struct qta_segment_writer *writer, struct qta_error *err)
{
    struct qta_environment *env = writer->folder->environment;
    char name[QTA_FILE_NAME_BYTES];
    qta_session_file_name(name, QTA_FILE_SEGMENT, writer->header.number);
    snprintf(writer->temporary, sizeof writer->temporary, "%s.tmp", name);
    writer->fd = env->ops->open_at(env, writer->folder->folder_fds[QTA_FILE_SEGMENT],
                                   writer->temporary, O_RDWR | O_CREAT | O_TRUNC, 0640);
    return writer->fd < 0 ? fail_errno(writer, "create", err) : QTA_OK;
}

enum qta_status qta_segment_writer_create(struct qta_segment_writer **out,
                                          const struct qta_session_folder *folder,
                                          const struct qta_segment_header *header,
                                          struct qta_block_encoder *encoder,
                                          const struct qta_name_store *names, struct qta_error *err)
{
    struct qta_segment_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return out_of_memory(err);
    writer->folder = folder;
    writer->header = *header;
    writer->encoder = encoder;
    writer->names = names;
    writer->position = QTA_SEGMENT_HEADER_BYTES;
    writer->fd = -1;
    enum qta_status status = qta_plane_encoder_create(&writer->bytes_encoder, BYTES_LEVEL, err);
    if (status == QTA_OK)
        status = open_file(writer, err);
    if (status == QTA_OK)
        status = put_names(writer, QTA_FRAME_NAMES, err);
    if (status != QTA_OK) {
        qta_segment_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return QTA_OK;
}

void qta_segment_writer_destroy(struct qta_segment_writer *writer)
{
    if (!writer)
        return;
    struct qta_environment *env = writer->folder->environment;
    if (writer->fd >= 0)
        env->ops->close(env, writer->fd);
    if (writer->fd >= 0 && !writer->is_finished)
        env->ops->unlink_at(env, writer->folder->folder_fds[QTA_FILE_SEGMENT], writer->temporary);
    qta_plane_encoder_destroy(writer->bytes_encoder);
    free(writer->footer.frames);
    qta_packed_writer_finish(&writer->payload);
    qta_packed_writer_finish(&writer->raw);
    qta_packed_writer_finish(&writer->symbols);
    qta_name_map_finish(&writer->symbol_counts.index);
    free(writer->symbol_counts.ids);
    free(writer->symbol_counts.counts);
    free(writer);
}

/* ---- ticks --------------------------------------------------------------------------------- */

static bool count_symbol(struct symbol_counts *counts, uint32_t id)
{
    uint32_t index;
    if (qta_name_map_get(&counts->index, QTA_NAME_SYMBOL, id, &index)) {
        counts->counts[index]++;
        return true;
    }
    if (counts->count == counts->capacity) {
        size_t capacity = counts->capacity ? counts->capacity * 2 : 256;
        uint32_t *ids = realloc(counts->ids, capacity * sizeof *ids);
        if (ids)
            counts->ids = ids;
        uint32_t *grown = realloc(counts->counts, capacity * sizeof *grown);
        if (grown)
            counts->counts = grown;
        if (!ids || !grown)
            return false;
        counts->capacity = capacity;
    }
    if (!qta_name_map_set(&counts->index, QTA_NAME_SYMBOL, id, (uint32_t)counts->count))
        return false;
    counts->ids[counts->count] = id;
    counts->counts[counts->count++] = 1;
    return true;
}

/* Notes in the frame which symbols its ticks have. */
static bool list_symbols(struct qta_segment_writer *writer, const struct qta_tick *ticks,
                         size_t count, struct qta_frame *frame)
{
    struct symbol_counts *counts = &writer->symbol_counts;
    counts->count = 0;
    qta_name_map_clear(&counts->index);
    for (size_t i = 0; i < count; i++)
        if (!count_symbol(counts, ticks[i].symbol))
            return false;
    frame->symbols_offset = writer->symbols.length;
    qta_packed_writer_put_varint(&writer->symbols, counts->count);
    for (size_t i = 0; i < counts->count; i++) {
        qta_packed_writer_put_varint(&writer->symbols, counts->ids[i]);
        qta_packed_writer_put_varint(&writer->symbols, counts->counts[i]);
    }
    frame->symbols_length = writer->symbols.length - frame->symbols_offset;
    return !writer->symbols.is_out_of_memory;
}

static const char *find_text(void *user, uint32_t id, size_t *length)
{
    const char *text = qta_name_store_get(user, QTA_NAME_TEXT, id, length);
    assert(text); /* the sealer leaves out ticks whose names are lost */
    return text;
}

static void count_ticks(struct qta_segment_writer *writer, const struct qta_tick *ticks,
                        size_t count, struct qta_frame *frame)
{
    qta_tick_span_init(&frame->span);
    for (size_t i = 0; i < count; i++) {
        qta_tick_span_add(&frame->span, &ticks[i]);
        if (ticks[i].type < QTA_TICK_TYPE_END)
            writer->footer.by_type[ticks[i].type]++;
        if (ticks[i].type == QTA_TICK_DROP)
            writer->footer.dropped += ticks[i].drop.count;
    }
}

enum qta_status qta_segment_writer_put_ticks(struct qta_segment_writer *writer,
                                             struct qta_tick *ticks, size_t count,
                                             struct qta_error *err)
{
    struct qta_frame frame = {.kind = QTA_FRAME_TICKS,
                              .codec_version = QTA_BLOCK_CODEC_VERSION,
                              .count = (uint32_t)count};
    union {
        const struct qta_name_store *in;
        void *out;
    } names = {.in = writer->texts ? writer->texts : writer->names};
    struct qta_text_source texts = {.text = find_text, .user = names.out};
    count_ticks(writer, ticks, count, &frame);
    if (!list_symbols(writer, ticks, count, &frame))
        return out_of_memory(err);
    qta_packed_writer_clear(&writer->payload);
    enum qta_status status = qta_block_encode(writer->encoder, ticks, count, &texts,
                                              &writer->payload, err);
    if (status == QTA_OK)
        status = write_frame(writer, &frame, err);
    if (status == QTA_OK)
        status = add_frame(writer, &frame, err);
    writer->has_blocks = true;
    return status;
}

/* What is in writer->raw. */
static enum qta_status put_stored_frames(struct qta_segment_writer *writer, struct qta_frame *frame,
                                         struct qta_error *err)
{
    int level = qta_block_encoder_level(writer->encoder);
    pack_raw(writer, level > BYTES_LEVEL ? level : BYTES_LEVEL);
    enum qta_status status = write_frame(writer, frame, err);
    if (status == QTA_OK)
        status = add_frame(writer, frame, err);
    writer->has_blocks = true;
    return status;
}

enum qta_status qta_segment_writer_put_raw(struct qta_segment_writer *writer,
                                           const struct qta_raw_block *block, struct qta_error *err)
{
    assert(block->span.frames > 0);
    struct qta_frame frame = {
        .kind = QTA_FRAME_STORED,
        .codec_version = QTA_RAW_BLOCK_VERSION,
        .count = (uint32_t)block->span.frames,
        .raw = block->span,
    };
    qta_packed_writer_clear(&writer->raw);
    qta_raw_block_store(block, &writer->raw);
    return put_stored_frames(writer, &frame, err);
}

enum qta_status qta_segment_writer_put_stored(struct qta_segment_writer *writer,
                                              const struct qta_frame *source,
                                              const struct qta_packed_writer *unpacked,
                                              struct qta_error *err)
{
    assert(source->kind == QTA_FRAME_STORED);
    struct qta_frame frame = *source;
    qta_packed_writer_clear(&writer->raw);
    qta_packed_writer_put(&writer->raw, unpacked->bytes, unpacked->length);
    return put_stored_frames(writer, &frame, err);
}

enum qta_status qta_segment_writer_copy_frame(struct qta_segment_writer *writer,
                                              const struct qta_frame *source,
                                              const uint8_t *payload, const struct qta_tick *ticks,
                                              struct qta_error *err)
{
    struct qta_frame frame = *source;
    frame.symbols_offset = 0;
    frame.symbols_length = 0;
    if (frame.kind == QTA_FRAME_TICKS) {
        count_ticks(writer, ticks, frame.count, &frame);
        if (!list_symbols(writer, ticks, frame.count, &frame))
            return out_of_memory(err);
    }
    qta_packed_writer_clear(&writer->payload);
    qta_packed_writer_put(&writer->payload, payload, source->payload_bytes);
    enum qta_status status = write_frame(writer, &frame, err);
    if (status == QTA_OK)
        status = add_frame(writer, &frame, err);
    writer->has_blocks = true;
    return status;
}

void qta_segment_writer_set_texts(struct qta_segment_writer *writer,
                                  const struct qta_name_store *texts)
{
    writer->texts = texts;
}

enum qta_status qta_segment_writer_put_hole(struct qta_segment_writer *writer,
                                            const struct qta_known_hole *hole,
                                            struct qta_error *err)
{
    struct qta_frame frame = {
        .kind = QTA_FRAME_HOLE, .codec_version = QTA_HOLE_CODEC_VERSION, .count = 1};
    uint8_t bytes[QTA_HOLE_BYTES];
    assert(hole->first_seq > writer->last_hole_seq && hole->last_seq >= hole->first_seq);
    if (writer->first_hole_seq == 0)
        writer->first_hole_seq = hole->first_seq;
    writer->last_hole_seq = hole->last_seq;
    qta_known_hole_store(hole, bytes);
    qta_packed_writer_clear(&writer->payload);
    qta_packed_writer_put(&writer->payload, bytes, sizeof bytes);
    enum qta_status status = write_frame(writer, &frame, err);
    return status == QTA_OK ? add_frame(writer, &frame, err) : status;
}

/* ---- the end ------------------------------------------------------------------------------- */

static enum qta_status write_footer(struct qta_segment_writer *writer, struct qta_error *err)
{
    struct qta_frame frame = {.kind = QTA_FRAME_FOOTER, .codec_version = QTA_BLOCK_CODEC_VERSION};
    qta_packed_writer_clear(&writer->raw);
    writer->footer.symbols = writer->symbols.bytes;
    writer->footer.symbols_length = writer->symbols.length;
    qta_segment_footer_store(&writer->footer, &writer->raw);
    frame.count = (uint32_t)writer->footer.frame_count;
    qta_segment_footer_span(&writer->footer, &writer->header.span);
    writer->header.footer_offset = writer->position;
    pack_raw(writer, BYTES_LEVEL);
    return write_frame(writer, &frame, err);
}

static enum qta_status write_ends(struct qta_segment_writer *writer, struct qta_error *err)
{
    struct qta_environment *env = writer->folder->environment;
    uint8_t header[QTA_SEGMENT_HEADER_BYTES];
    uint8_t trailer[QTA_SEGMENT_TRAILER_BYTES];
    qta_tick_span_cover(&writer->header.span, writer->first_hole_seq, writer->last_hole_seq);
    qta_segment_header_store(&writer->header, header);
    qta_segment_trailer_store(writer->header.number, writer->header.footer_offset, trailer);
    if (env->ops->pwrite(env, writer->fd, trailer, sizeof trailer, (int64_t)writer->position) != 0)
        return fail_errno(writer, "write", err);
    writer->position += sizeof trailer;
    if (env->ops->pwrite(env, writer->fd, header, sizeof header, 0) != 0)
        return fail_errno(writer, "write", err);
    return QTA_OK;
}

/* From here on readers find it, and after a power cut too. */
static enum qta_status publish(struct qta_segment_writer *writer, struct qta_error *err)
{
    struct qta_environment *env = writer->folder->environment;
    int segments_fd = writer->folder->folder_fds[QTA_FILE_SEGMENT];
    char name[QTA_FILE_NAME_BYTES];
    qta_session_file_name(name, QTA_FILE_SEGMENT, writer->header.number);
    if (env->ops->sync(env, writer->fd) != 0)
        return fail_errno(writer, "sync", err);
    if (env->ops->rename_at(env, segments_fd, writer->temporary, name) != 0)
        return fail_errno(writer, "name", err);
    writer->is_finished = true;
    if (env->ops->sync(env, segments_fd) != 0)
        return fail_errno(writer, "sync the folder of", err);
    return QTA_OK;
}

enum qta_status qta_segment_writer_finish(struct qta_segment_writer *writer, struct qta_error *err)
{
    assert(writer->has_blocks);
    enum qta_status status = put_names(writer, QTA_FRAME_NAMES_COPY, err);
    if (status == QTA_OK)
        status = write_footer(writer, err);
    if (status == QTA_OK)
        status = write_ends(writer, err);
    if (status == QTA_OK)
        status = publish(writer, err);
    return status;
}

bool qta_segment_writer_has_blocks(const struct qta_segment_writer *writer)
{
    return writer->has_blocks;
}

uint64_t qta_segment_writer_records(const struct qta_segment_writer *writer)
{
    return writer->header.span.records;
}

uint64_t qta_segment_writer_bytes(const struct qta_segment_writer *writer)
{
    return writer->position;
}
