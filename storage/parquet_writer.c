/* What a row group is, is said in the footer: it is put together when the group is written. */
#include "storage/parquet_writer.h"

#include <assert.h>
#include <stdlib.h>
#include <zstd.h>

#include <qta/version.h>

enum { ZSTD_LEVEL = 3, MAGIC_BYTES = 4 };

static const char magic[] = "PAR1";

struct qta_parquet_writer {
    struct qta_output_file *file;
    ZSTD_CCtx *compressor; /* NULL: not packed */
    struct qta_parquet_column **columns;
    size_t column_count;
    uint64_t group_rows;
    uint64_t rows; /* of the groups before */
    size_t group_count;
    struct qta_packed_writer groups; /* their RowGroups, one behind the other */
};

static enum qta_status refuse_memory(struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a Parquet file");
}

static enum qta_status start(struct qta_parquet_writer *writer,
                             const struct qta_parquet_column_spec *specs, size_t count,
                             bool is_packed, struct qta_error *err)
{
    writer->columns = calloc(count, sizeof(struct qta_parquet_column *));
    if (!writer->columns)
        return refuse_memory(err);
    if (is_packed) {
        writer->compressor = ZSTD_createCCtx();
        if (!writer->compressor || ZSTD_isError(ZSTD_CCtx_setParameter(
                                       writer->compressor, ZSTD_c_compressionLevel, ZSTD_LEVEL)))
            return refuse_memory(err);
    }
    for (; writer->column_count < count; writer->column_count++) {
        struct qta_parquet_column *column = qta_parquet_column_create(&specs[writer->column_count],
                                                                      writer->compressor);
        writer->columns[writer->column_count] = column;
        if (!column)
            return refuse_memory(err);
    }
    return qta_output_file_write(writer->file, magic, MAGIC_BYTES, err);
}

enum qta_status qta_parquet_writer_create(struct qta_parquet_writer **out,
                                          struct qta_output_file *file,
                                          const struct qta_parquet_column_spec *specs, size_t count,
                                          bool is_packed, struct qta_error *err)
{
    assert(out && file && specs && count > 0);
    assert(qta_output_file_offset(file) == 0);
    struct qta_parquet_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return refuse_memory(err);
    writer->file = file;
    enum qta_status status = start(writer, specs, count, is_packed, err);
    if (status != QTA_OK) {
        qta_parquet_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return QTA_OK;
}

void qta_parquet_writer_destroy(struct qta_parquet_writer *writer)
{
    if (!writer)
        return;
    for (size_t i = 0; i < writer->column_count; i++)
        qta_parquet_column_destroy(writer->columns[i]);
    free(writer->columns);
    ZSTD_freeCCtx(writer->compressor);
    qta_packed_writer_finish(&writer->groups);
    free(writer);
}

struct qta_parquet_column *qta_parquet_writer_column(struct qta_parquet_writer *writer,
                                                     size_t place)
{
    assert(place < writer->column_count);
    return writer->columns[place];
}

/* ---- row groups -------------------------------------------------------------------------------
 */

enum qta_status qta_parquet_writer_end_group(struct qta_parquet_writer *writer,
                                             struct qta_error *err)
{
    enum { FILE_OFFSET = 5, PACKED_BYTES = 6, ORDINAL = 7, ORDINAL_MAX = 32767 };
    if (writer->group_rows == 0)
        return QTA_OK;
    struct qta_thrift_writer thrift = {.out = &writer->groups};
    uint64_t start = qta_output_file_offset(writer->file);
    uint64_t bytes = 0;
    qta_thrift_begin(&thrift);
    qta_thrift_list(&thrift, 1, QTA_THRIFT_STRUCT, writer->column_count);
    for (size_t i = 0; i < writer->column_count; i++) {
        struct qta_parquet_column *column = writer->columns[i];
        const struct qta_packed_writer *pages;
        if (!qta_parquet_column_end(column, &pages))
            return refuse_memory(err);
        bytes += qta_parquet_column_describe(column, &thrift, qta_output_file_offset(writer->file));
        enum qta_status status = qta_output_file_write(writer->file, pages->bytes, pages->length,
                                                       err);
        if (status != QTA_OK)
            return status;
        qta_parquet_column_clear(column);
    }
    qta_thrift_i64(&thrift, 2, (int64_t)bytes);
    qta_thrift_i64(&thrift, 3, (int64_t)writer->group_rows);
    qta_thrift_i64(&thrift, FILE_OFFSET, (int64_t)start);
    qta_thrift_i64(&thrift, PACKED_BYTES, (int64_t)(qta_output_file_offset(writer->file) - start));
    if (writer->group_count <= ORDINAL_MAX)
        qta_thrift_i16(&thrift, ORDINAL, (int16_t)writer->group_count);
    qta_thrift_end(&thrift);
    writer->rows += writer->group_rows;
    writer->group_rows = 0;
    writer->group_count++;
    return writer->groups.is_out_of_memory ? refuse_memory(err) : QTA_OK;
}

enum qta_status qta_parquet_writer_end_row(struct qta_parquet_writer *writer, struct qta_error *err)
{
    writer->group_rows++;
    if (writer->group_rows % QTA_PARQUET_PAGE_ROWS != 0)
        return QTA_OK;
    size_t bytes = 0;
    for (size_t i = 0; i < writer->column_count; i++)
        bytes += qta_parquet_column_bytes(writer->columns[i]);
    if (writer->group_rows < QTA_PARQUET_GROUP_ROWS && bytes < QTA_PARQUET_GROUP_BYTES)
        return QTA_OK;
    return qta_parquet_writer_end_group(writer, err);
}

/* ---- the footer -------------------------------------------------------------------------------
 */

static void put_schema(struct qta_parquet_writer *writer, struct qta_thrift_writer *thrift)
{
    qta_thrift_list(thrift, 2, QTA_THRIFT_STRUCT, writer->column_count + 1);
    qta_thrift_begin(thrift);
    qta_thrift_string(thrift, 4, "schema");
    qta_thrift_i32(thrift, 5, (int32_t)writer->column_count);
    qta_thrift_end(thrift);
    for (size_t i = 0; i < writer->column_count; i++)
        qta_parquet_column_declare(writer->columns[i], thrift);
}

/* The order of bounds is that of the types, for every column. */
static void put_orders(const struct qta_parquet_writer *writer, struct qta_thrift_writer *thrift)
{
    qta_thrift_list(thrift, 7, QTA_THRIFT_STRUCT, writer->column_count);
    for (size_t i = 0; i < writer->column_count; i++) {
        qta_thrift_begin(thrift);
        qta_thrift_begin_field(thrift, 1);
        qta_thrift_end(thrift);
        qta_thrift_end(thrift);
    }
}

static void put_metadata(struct qta_parquet_writer *writer, struct qta_thrift_writer *thrift,
                         const struct qta_parquet_pair *pairs, size_t pair_count)
{
    enum { FORMAT_VERSION = 2 };
    qta_thrift_begin(thrift);
    qta_thrift_i32(thrift, 1, FORMAT_VERSION);
    put_schema(writer, thrift);
    qta_thrift_i64(thrift, 3, (int64_t)writer->rows);
    qta_thrift_list(thrift, 4, QTA_THRIFT_STRUCT, writer->group_count);
    qta_packed_writer_put(thrift->out, writer->groups.bytes, writer->groups.length);
    if (pair_count > 0)
        qta_thrift_list(thrift, 5, QTA_THRIFT_STRUCT, pair_count);
    for (size_t i = 0; i < pair_count; i++) {
        qta_thrift_begin(thrift);
        qta_thrift_string(thrift, 1, pairs[i].key);
        qta_thrift_string(thrift, 2, pairs[i].value);
        qta_thrift_end(thrift);
    }
    qta_thrift_string(thrift, 6, "qta version " QTA_VERSION_TEXT);
    put_orders(writer, thrift);
    qta_thrift_end(thrift);
}

enum qta_status qta_parquet_writer_finish(struct qta_parquet_writer *writer,
                                          const struct qta_parquet_pair *pairs, size_t pair_count,
                                          struct qta_error *err)
{
    enum qta_status status = qta_parquet_writer_end_group(writer, err);
    if (status != QTA_OK)
        return status;
    struct qta_packed_writer footer = {0};
    struct qta_thrift_writer thrift = {.out = &footer};
    put_metadata(writer, &thrift, pairs, pair_count);
    qta_packed_writer_put_u32(&footer, (uint32_t)footer.length);
    qta_packed_writer_put(&footer, magic, MAGIC_BYTES);
    status = footer.is_out_of_memory || writer->groups.is_out_of_memory
                 ? refuse_memory(err)
                 : qta_output_file_write(writer->file, footer.bytes, footer.length, err);
    qta_packed_writer_finish(&footer);
    return status;
}
