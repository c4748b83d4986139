/** @file segment_salvage.h
 *  Writes a segment anew with what is good of another one: blocks as they are, known holes for what
 *  is lost in between. */
#ifndef QTA_STORAGE_SEGMENT_SALVAGE_H
#define QTA_STORAGE_SEGMENT_SALVAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/archive.h>

#include "storage/block_decoder.h"
#include "storage/block_encoder.h"
#include "storage/name_store.h"
#include "storage/segment_reader.h"
#include "storage/session_folder.h"

/** What goes from segment to segment. */
struct qta_salvage {
    const struct qta_session_folder *target; /**< borrowed; its environment is used for all */
    qta_problem_callback on_problem;         /**< whole sentences; may be NULL */
    void *user;
    struct qta_repair_result *result;
    struct qta_segment_header identity; /**< for segments whose header is damaged */

    uint64_t next_seq;       /**< of the session; starts at 1 */
    int64_t last_ts_recv_ns; /**< starts at INT64_MIN */
    uint64_t until_seq;   /**< with a segment that ends before it: a hole up to before it; else 0 */
    bool has_seen_damage; /**< since the last good block */
    uint32_t last_number; /**< of the segment written last; 0 for none */

    struct qta_block_encoder *encoder; /**< owned, as all below */
    struct qta_block_decoder *decoder;
    struct qta_tick *ticks;
    struct qta_name_store names;
};

/** The borrowed part is filled in by the caller. QTA_ERR_NOMEM. Finish it in any case. */
enum qta_status qta_salvage_init(struct qta_salvage *salvage, struct qta_error *err);
void qta_salvage_finish(struct qta_salvage *salvage);

/** Tells a problem. */
void qta_salvage_tell(struct qta_salvage *salvage, const char *format, ...) QTA_PRINTF(2, 3);

/** Saves what is good of segment `number` of a folder, under the same number in the target's;
 * nothing when nothing is. Errors are those of reading and writing files, never damage. */
enum qta_status qta_salvage_segment(struct qta_salvage *salvage,
                                    const struct qta_session_folder *source, uint32_t number,
                                    struct qta_error *err);

#endif
