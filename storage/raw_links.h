/** @file raw_links.h
 *  Holds the ticks of a session against the stored frames that say to have produced them.
 *
 *      qta_raw_links_begin(&links, path, environment, &err);
 *      while (... the session's ticks, all of them, in order ...)
 *          status = qta_raw_links_take(&links, &tick, &problem);     // and tell the problem
 *      status = qta_raw_links_end(&links, &problem);                 // until QTA_ERR_END
 *      qta_raw_links_finish(&links); */
#ifndef QTA_STORAGE_RAW_LINKS_H
#define QTA_STORAGE_RAW_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/session.h>

#include "core/environment.h"

struct qta_raw_links {
    struct qta_raw_reader *reader;    /**< owned; NULL when frames are not looked at any more */
    const struct qta_raw_frame *next; /**< the frame at hand; NULL before it is read */
    uint64_t end_seq;                 /**< of the frames before it */
    uint64_t last_seq;                /**< of the ticks taken */
    uint64_t frames;                  /**< read so far */
    uint64_t mislinked_seq;           /**< first_seq of the frame that was told of last */
};

/** Errors as qta_raw_reader_create(). */
enum qta_status qta_raw_links_begin(struct qta_raw_links *links, const char *path,
                                    struct qta_environment *environment, struct qta_error *err);
void qta_raw_links_finish(struct qta_raw_links *links);

/** Takes the next tick. QTA_ERR_DAMAGED: *err is a problem with a frame, and the tick must be given
 *  again. names are the tick's. */
enum qta_status qta_raw_links_take(struct qta_raw_links *links, const struct qta_tick *tick,
                                   const struct qta_dictionary *names, struct qta_error *err);

/** Reads the frames behind the last tick. QTA_ERR_DAMAGED: a problem, call again. is_whole: no tick
 *  was lost, so a frame of ticks that are not there is a problem. */
enum qta_status qta_raw_links_end(struct qta_raw_links *links, bool is_whole,
                                  struct qta_error *err);

#endif
