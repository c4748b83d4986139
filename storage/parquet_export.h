/** @file parquet_export.h
 *  Ticks into Parquet files, one for each type. Everything is seen twice: the survey finds what
 *  types there are and which decimals hold each column, then the files are written.
 *
 *      create(), survey()..., begin(), [add()..., end_source()]..., finish(), destroy()
 *
 *  One thread at a time. */
#ifndef QTA_STORAGE_PARQUET_EXPORT_H
#define QTA_STORAGE_PARQUET_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/exchange.h>
#include <qta/tick.h>

struct qta_parquet_export;

/** Options are borrowed for the export's life. */
enum qta_status qta_parquet_export_create(struct qta_parquet_export **out,
                                          const struct qta_export_options *options,
                                          struct qta_error *err);

/** Removes what is not finished. NULL is fine. */
void qta_parquet_export_destroy(struct qta_parquet_export *parquet);

void qta_parquet_export_survey(struct qta_parquet_export *parquet, const struct qta_tick *ticks,
                               size_t count);

/** Opens the files. The sources are named in them. QTA_ERR_RANGE: a column that no decimal holds;
 *  QTA_ERR_USAGE: more than one type, or none, and no folder. */
enum qta_status qta_parquet_export_begin(struct qta_parquet_export *parquet,
                                         const struct qta_export_source *sources,
                                         size_t source_count, struct qta_error *err);

/** Only ticks that the survey has seen. names: of this source. */
enum qta_status qta_parquet_export_add(struct qta_parquet_export *parquet,
                                       const struct qta_tick *ticks, size_t count,
                                       const struct qta_dictionary *names, struct qta_error *err);

/** The next ticks come with other names. */
enum qta_status qta_parquet_export_end_source(struct qta_parquet_export *parquet,
                                              struct qta_error *err);

/** Writes the footers and gives the files their names. */
enum qta_status qta_parquet_export_finish(struct qta_parquet_export *parquet, uint64_t *files,
                                          uint64_t *bytes, struct qta_error *err);

#endif
