/** @file parquet_writer.h
 *  A Parquet file of a flat schema: rows in, row groups out, a footer at the end.
 *
 *      qta_parquet_writer_create(&writer, file, specs, count, true, &err);
 *      for (...) {
 *          qta_parquet_column_put_int(qta_parquet_writer_column(writer, 0), 7);   // every column
 *          qta_parquet_writer_end_row(writer, &err);
 *      }
 *      qta_parquet_writer_finish(writer, pairs, pair_count, &err);
 *
 *  Memory holds one row group as it is in the file. One thread at a time. */
#ifndef QTA_STORAGE_PARQUET_WRITER_H
#define QTA_STORAGE_PARQUET_WRITER_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/error.h>

#include "storage/output_file.h"
#include "storage/parquet_column.h"

/** A row group ends when it has so many rows, or its pages so many bytes. */
enum {
    QTA_PARQUET_GROUP_ROWS = 1024 * 1024,
    QTA_PARQUET_GROUP_BYTES = 16 * 1024 * 1024,
};

struct qta_parquet_writer;

/** A note in the footer. */
struct qta_parquet_pair {
    const char *key;
    const char *value;
};

/** Begins a file, which is borrowed for the writer's life and must be new. is_packed: pages are
 *  packed with zstd. QTA_ERR_NOMEM; others as writing. */
enum qta_status qta_parquet_writer_create(struct qta_parquet_writer **out,
                                          struct qta_output_file *file,
                                          const struct qta_parquet_column_spec *specs, size_t count,
                                          bool is_packed, struct qta_error *err);
void qta_parquet_writer_destroy(struct qta_parquet_writer *writer);

/** To put a row's values; by the place in specs. */
struct qta_parquet_column *qta_parquet_writer_column(struct qta_parquet_writer *writer,
                                                     size_t place);

/** Every column has got its value of this row. */
enum qta_status qta_parquet_writer_end_row(struct qta_parquet_writer *writer,
                                           struct qta_error *err);

/** Ends the row group, if it has rows: what keys stand for is forgotten. */
enum qta_status qta_parquet_writer_end_group(struct qta_parquet_writer *writer,
                                             struct qta_error *err);

/** Writes the footer; the file itself is the caller's to finish. */
enum qta_status qta_parquet_writer_finish(struct qta_parquet_writer *writer,
                                          const struct qta_parquet_pair *pairs, size_t pair_count,
                                          struct qta_error *err);

#endif
