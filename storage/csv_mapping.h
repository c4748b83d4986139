/** @file csv_mapping.h
 *  What the cells of a CSV row are in a tick: import options, checked and made ready. No input or
 *  output. One thread at a time. */
#ifndef QTA_STORAGE_CSV_MAPPING_H
#define QTA_STORAGE_CSV_MAPPING_H

#include <stdbool.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/import.h>
#include <qta/tick.h>

#include "storage/csv_reader.h"

struct qta_csv_mapping;

/** Checks the options and interns symbol and provider in names, which is borrowed for the mapping's
 *  life. QTA_ERR_USAGE: "columns: what is wrong"; QTA_ERR_NOMEM. */
enum qta_status qta_csv_mapping_create(struct qta_csv_mapping **out,
                                       const struct qta_import_options *options,
                                       struct qta_dictionary *names, struct qta_error *err);
void qta_csv_mapping_destroy(struct qta_csv_mapping *mapping);

/** Whether the first row of each file is its header. */
bool qta_csv_mapping_has_header(const struct qta_csv_mapping *mapping);

/** Begins a file: its first row says how many cells rows have and, when it is a header, where the
 *  columns are that were given by name. QTA_ERR_FORMAT: no such column, or two. */
enum qta_status qta_csv_mapping_begin(struct qta_csv_mapping *mapping,
                                      const struct qta_csv_row *first, struct qta_error *err);

/** Makes a tick of a row: everything but rx_seq; ts_recv_ns is ts_event_ns where no column has it.
 *  QTA_ERR_FORMAT: "column 2 (price): 'x' is not a number", *tick is undefined then; QTA_ERR_RANGE:
 *  more different names than a session can have. */
enum qta_status qta_csv_mapping_decode(struct qta_csv_mapping *mapping,
                                       const struct qta_csv_row *row, struct qta_tick *tick,
                                       struct qta_error *err);

#endif
