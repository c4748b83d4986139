/** @file segment_writer.h
 *  Writes a segment beside its final name and gives it the name when all of it is on the disk.
 *
 *      create, put_names, put_ticks ..., finish (or destroy: nothing is left then) */
#ifndef QTA_STORAGE_SEGMENT_WRITER_H
#define QTA_STORAGE_SEGMENT_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>
#include <qta/tick.h>

#include "storage/block_encoder.h"
#include "storage/name_store.h"
#include "storage/segment_format.h"
#include "storage/session_folder.h"

struct qta_segment_writer;

/** header: session, number, run, times, zone; the rest is filled in. encoder and names are borrowed
 *  until destroy. QTA_ERR_NO_SPACE, QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_segment_writer_create(struct qta_segment_writer **out,
                                          const struct qta_session_folder *folder,
                                          const struct qta_segment_header *header,
                                          struct qta_block_encoder *encoder,
                                          const struct qta_name_store *names,
                                          struct qta_error *err);

/** Removes what was not finished. NULL is fine. */
void qta_segment_writer_destroy(struct qta_segment_writer *writer);

/** A block of 1 to QTA_BLOCK_TICKS_MAX ticks whose rx_seq follow one another. They are changed. */
enum qta_status qta_segment_writer_put_ticks(struct qta_segment_writer *writer,
                                             struct qta_tick *ticks, size_t count,
                                             struct qta_error *err);

/** A block of at least one stored frame. */
enum qta_status qta_segment_writer_put_raw(struct qta_segment_writer *writer,
                                           const struct qta_raw_block *block,
                                           struct qta_error *err);

/** Puts a block of stored frames of another segment, unpacked as it was packed there. */
enum qta_status qta_segment_writer_put_stored(struct qta_segment_writer *writer,
                                              const struct qta_frame *source,
                                              const struct qta_packed_writer *unpacked,
                                              struct qta_error *err);

/** Puts a block of another segment as it is: its payload, and for ticks what it decodes to, with
 * the ids of the file, which both segments have to share. */
enum qta_status qta_segment_writer_copy_frame(struct qta_segment_writer *writer,
                                              const struct qta_frame *source,
                                              const uint8_t *payload, const struct qta_tick *ticks,
                                              struct qta_error *err);

/** Texts of ticks are looked up there from now on, not in names. Borrowed until destroy. */
void qta_segment_writer_set_texts(struct qta_segment_writer *writer,
                                  const struct qta_name_store *texts);

/** Notes that records are known to be lost: before, between or behind the ticks, in order. */
enum qta_status qta_segment_writer_put_hole(struct qta_segment_writer *writer,
                                            const struct qta_known_hole *hole,
                                            struct qta_error *err);

/** Footer, sync, name. There must be at least one block. After a failure nothing has the final name
 *  and the segment has to be written anew: a sync that failed is not tried twice. */
enum qta_status qta_segment_writer_finish(struct qta_segment_writer *writer, struct qta_error *err);

/** Whether a block was put. */
bool qta_segment_writer_has_blocks(const struct qta_segment_writer *writer);

/** Ticks put so far. */
uint64_t qta_segment_writer_records(const struct qta_segment_writer *writer);

/** Bytes written so far; the file's size once it is finished. */
uint64_t qta_segment_writer_bytes(const struct qta_segment_writer *writer);

#endif
