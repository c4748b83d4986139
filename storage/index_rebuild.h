/** @file index_rebuild.h
 *  Makes session.db anew from the segments. */
#ifndef QTA_STORAGE_INDEX_REBUILD_H
#define QTA_STORAGE_INDEX_REBUILD_H

#include "storage/index_writer.h"

/** Makes a new session.db beside the old one and puts it in its place: at any instant there is an
 *  old one, perhaps without its log, or the new one. What only the old one knows (when runs ended)
 * is taken over where it is open and can be read. index is closed afterwards. */
enum qta_status qta_index_rebuild(struct qta_session_index *index, struct qta_error *err);

#endif
