/** @file sealer.h
 *  Turns a finished chunk of the journal into a segment.
 *
 *  Works on files alone, by number, so that the same code seals the chunk that has just been filled
 *  and the one that a crash left behind, and can be killed and started again at any point: the
 *  segment appears whole, and only then the chunk goes. */
#ifndef QTA_STORAGE_SEALER_H
#define QTA_STORAGE_SEALER_H

#include <stdint.h>

#include <qta/error.h>

#include "storage/segment_format.h"
#include "storage/session_folder.h"

struct qta_sealer;

/** Told of each new segment, how many ticks and bytes it holds, when it has its name and the chunk
 *  is still there. */
typedef void (*qta_sealed_function)(void *user, uint32_t number, uint64_t records, uint64_t bytes);

/** level is zstd's. folder is borrowed for life. One thread at a time. */
enum qta_status qta_sealer_create(struct qta_sealer **out, const struct qta_session_folder *folder,
                                  int level, qta_sealed_function on_sealed, void *user,
                                  struct qta_error *err);
void qta_sealer_destroy(struct qta_sealer *sealer);

/** Seals chunk `number`, which nobody writes any more, and removes it; one with damage in it is set
 *  aside as "000007.qjrn.damaged" instead. A chunk without ticks and stored frames leaves no
 * segment. *freed_bytes is its size. A chunk that is not there is fine. On failure the chunk is as
 * it was: call again later. */
enum qta_status qta_sealer_seal(struct qta_sealer *sealer, uint32_t number, uint64_t *freed_bytes,
                                struct qta_error *err);

#endif
