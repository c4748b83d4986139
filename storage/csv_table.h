/** @file csv_table.h
 *  Ticks from our own CSV: rows under the header of qta_print_csv_header(), or under some of its
 *  names in any order. Strict, as ndjson_reader.h. No input or output. One thread at a time. */
#ifndef QTA_STORAGE_CSV_TABLE_H
#define QTA_STORAGE_CSV_TABLE_H

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "storage/csv_reader.h"

struct qta_csv_table;

/** names gets what ticks refer to, and is borrowed for the table's life. */
enum qta_status qta_csv_table_create(struct qta_csv_table **out, struct qta_dictionary *names,
                                     struct qta_error *err);
void qta_csv_table_destroy(struct qta_csv_table *table);

/** Begins a file with its header. QTA_ERR_FORMAT: a name that no tick has, one twice, no `type`. */
enum qta_status qta_csv_table_begin(struct qta_csv_table *table, const struct qta_csv_row *header,
                                    struct qta_error *err);

/** Makes a tick of a row; rx_seq is 0 where it has no `seq`. QTA_ERR_FORMAT: what is wrong with
 *  the row; *tick is undefined then. */
enum qta_status qta_csv_table_decode(struct qta_csv_table *table, const struct qta_csv_row *row,
                                     struct qta_tick *tick, struct qta_error *err);

#endif
