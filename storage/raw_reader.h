/** @file raw_reader.h
 *  Inside the library: a reader of stored frames over a given environment. */
#ifndef QTA_STORAGE_RAW_READER_H
#define QTA_STORAGE_RAW_READER_H

#include <qta/session.h>

#include "core/environment.h"

/** qta_raw_reader_create() with another environment; borrowed for the reader's life. */
enum qta_status qta_raw_reader_create_in(struct qta_raw_reader **out, const char *path,
                                         const struct qta_raw_filter *filter,
                                         struct qta_environment *environment,
                                         struct qta_error *err);

/** Starts at the file of this number. Before the first frame is read. */
void qta_raw_reader_start_at(struct qta_raw_reader *reader, uint32_t number);

#endif
