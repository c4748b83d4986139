/** @file chunk_stream.h
 *  The ticks of one chunk of the journal after the other, also of the one that is being written.
 *
 *      open, then read until QTA_ERR_END, then leave: over, or nothing more for now
 *
 *  A chunk is read by pread, not mapped: one that is cut while it is read ends, it does not kill.
 *  One thread. */
#ifndef QTA_STORAGE_CHUNK_STREAM_H
#define QTA_STORAGE_CHUNK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "storage/journal_reader.h"
#include "storage/name_map.h"
#include "storage/session_folder.h"
#include "storage/tick_filter.h"

struct qta_chunk_stream {
    struct qta_session_folder *folder; /**< borrowed, as the two below */
    const struct qta_tick_filter *filter;
    struct qta_dictionary *names; /**< grows: the ids of ticks are its */

    bool is_open;
    uint32_t number;   /**< of the open chunk */
    uint64_t next_seq; /**< of the session as it is stored; 0: whatever comes */
    bool is_done;      /**< past the filter's end */
    uint64_t lost;     /**< records known to be missing */
    uint64_t done_bytes;

    struct qta_journal_reader journal;
    struct qta_name_map ids; /**< of the open chunk, to those of names */
    uint32_t cut_run;        /**< the journal of this run ended early; 0 for none */
    bool has_over;           /**< the chunk with this salt was found to be over */
    uint8_t over_salt[16];
    bool has_held; /**< the next ticks start with `held`: it came behind a hole */
    struct qta_tick held;
};

void qta_chunk_stream_init(struct qta_chunk_stream *stream, struct qta_session_folder *folder,
                           const struct qta_tick_filter *filter, struct qta_dictionary *names);
void qta_chunk_stream_finish(struct qta_chunk_stream *stream);

/** Forgets where it was; next_seq is the caller's to set. */
void qta_chunk_stream_rewind(struct qta_chunk_stream *stream);

/** Opens a chunk; is_open says whether there is something to read then. QTA_ERR_NOT_FOUND: it was
 *  sealed by now. QTA_ERR_DAMAGED, QTA_ERR_FORMAT: it cannot be read, go on behind it. QTA_ERR_IO,
 *  QTA_ERR_NOMEM. */
enum qta_status qta_chunk_stream_open(struct qta_chunk_stream *stream, uint32_t number,
                                      struct qta_error *err);

/** The next ticks that the filter wants, also with an error: they come before it. QTA_ERR_END: none
 *  for now. QTA_ERR_DAMAGED: something is lost; go on. QTA_ERR_IO, QTA_ERR_NOMEM. */
enum qta_status qta_chunk_stream_read(struct qta_chunk_stream *stream, struct qta_tick *ticks,
                                      size_t capacity, size_t *count, struct qta_error *err);

/** At the end of what the chunk has now. QTA_OK: when it is closed then, it is over and the next
 *  unit is *next_unit; else read on. QTA_ERR_END: there is nothing more in the session for now; an
 *  empty chunk is closed all the same and *next_unit is its number. */
enum qta_status qta_chunk_stream_leave(struct qta_chunk_stream *stream, uint32_t *next_unit,
                                       struct qta_error *err);

/** Whether the open chunk has got more since its end was read, or is over. Cheap. */
bool qta_chunk_stream_has_news(struct qta_chunk_stream *stream);

#endif
