/** @file segment_reader.h
 *  Reads a segment by pread: what it has, its names, the payloads of its frames. */
#ifndef QTA_STORAGE_SEGMENT_READER_H
#define QTA_STORAGE_SEGMENT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>

#include "storage/byte_planes.h"
#include "storage/segment_format.h"
#include "storage/session_folder.h"

/** Zero-initialize before open. */
struct qta_segment_reader {
    struct qta_environment *environment;
    struct qta_plane_decoder *unpacker; /**< owned */
    struct qta_segment_header header;   /**< pieced together from the frames where it is damaged */
    struct qta_segment_footer footer;   /**< likewise */
    struct qta_known_hole *holes;       /**< owned: those that can be read, ascending */
    size_t hole_count;
    uint32_t number;
    uint64_t bytes; /**< of the file */
    int fd;
    bool is_open;
    bool header_is_damaged;
    bool footer_is_damaged; /**< frames were found one by one; nothing says which symbols they have
                             */
    struct qta_packed_writer payload; /**< of the frame read last */
    struct qta_packed_writer raw;
};

/** Opens a segment and reads its header alone, which must be whole: enough to pass it over. Errors
 * as open. */
enum qta_status qta_segment_reader_peek(const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_segment_header *header, struct qta_error *err);

/** QTA_ERR_NOT_FOUND, QTA_ERR_FORMAT (not a segment, or a newer one), QTA_ERR_DAMAGED when nothing
 *  of it can be read, QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_segment_reader_open(struct qta_segment_reader *reader,
                                        const struct qta_session_folder *folder, uint32_t number,
                                        struct qta_error *err);
/** Fine on one that is not open. */
void qta_segment_reader_close(struct qta_segment_reader *reader);

/** The first number from seq on that is in no known hole of the segment. */
uint64_t qta_segment_reader_skip_holes(const struct qta_segment_reader *reader, uint64_t seq);

/** What the frames of a segment span, its known holes included: what its header has to say. */
void qta_segment_reader_span(const struct qta_segment_reader *reader, struct qta_tick_span *span);

/** Reads a frame's payload and checks it, also that its coding is known: *payload is valid until
 *  the next call. QTA_ERR_DAMAGED says what is wrong, without the file's name. */
enum qta_status qta_segment_reader_payload(struct qta_segment_reader *reader,
                                           const struct qta_frame *frame, const uint8_t **payload,
                                           struct qta_error *err);

/** The same into a buffer of the caller's, whose content it becomes. */
enum qta_status qta_segment_reader_payload_into(struct qta_segment_reader *reader,
                                                const struct qta_frame *frame,
                                                struct qta_packed_writer *buffer,
                                                struct qta_error *err);

/** Tells all names of the segment; from their copies where they are damaged. False from `each`
 * stops with QTA_ERR_NOMEM. Names that are lost in both places are left out. */
typedef bool (*qta_name_function)(void *user, enum qta_name_kind kind, uint32_t id,
                                  const char *name, size_t length);
enum qta_status qta_segment_reader_names(struct qta_segment_reader *reader, qta_name_function each,
                                         void *user, struct qta_error *err);

/** Tells the names of one frame of names. QTA_ERR_DAMAGED. */
enum qta_status qta_segment_reader_names_of(struct qta_segment_reader *reader,
                                            const struct qta_frame *frame, qta_name_function each,
                                            void *user, struct qta_error *err);

/** Unpacks a frame of stored frames: *block is valid until the next call. QTA_ERR_DAMAGED as for a
 *  payload. */
enum qta_status qta_segment_reader_raw(struct qta_segment_reader *reader,
                                       const struct qta_frame *frame, struct qta_raw_cursor *block,
                                       struct qta_error *err);

/** Tells which symbols a frame of ticks has, and how many ticks of each. False when that is not
 * known or makes no sense; what was told until then counts for nothing. */
typedef bool (*qta_symbol_function)(void *user, uint32_t symbol, uint64_t ticks);
bool qta_segment_reader_symbols(const struct qta_segment_reader *reader,
                                const struct qta_frame *frame, qta_symbol_function each,
                                void *user);

#endif
