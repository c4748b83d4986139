/** @file index_writer.h
 *  Puts what segments hold into the index's tables. */
#ifndef QTA_STORAGE_INDEX_WRITER_H
#define QTA_STORAGE_INDEX_WRITER_H

#include <sqlite3.h>

#include <qta/session.h>

#include "storage/block_decoder.h"
#include "storage/session_folder.h"
#include "storage/session_index.h"

/** An index as its parts see it. */
struct qta_session_index {
    sqlite3 *db; /**< NULL while it is closed */
    const struct qta_session_folder *folder;
    struct qta_block_decoder *decoder;
};

/** Notes which session it is. */
enum qta_status qta_index_put_session(sqlite3 *db, const uint8_t *session_id, const char *timezone,
                                      struct qta_error *err);

/** Adds all segments of the folder in one transaction. One that cannot be read is left out: reading
 *  the session tells it. */
enum qta_status qta_index_add_all_segments(struct qta_session_index *index, struct qta_error *err);

#endif
