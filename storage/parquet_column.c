/* Numbers of the enums below are Parquet's own (parquet.thrift). */
#include "storage/parquet_column.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "core/bytes.h"
#include "core/utf8.h"
#include "storage/parquet_encoding.h"

enum physical { BOOLEAN = 0, INT32 = 1, INT64 = 2, DOUBLE = 5, BYTE_ARRAY = 6, FIXED = 7 };
enum converted {
    CONVERTED_NONE = -1,
    CONVERTED_UTF8 = 0,
    CONVERTED_DECIMAL = 5,
    CONVERTED_UINT_32 = 13,
    CONVERTED_UINT_64 = 14,
};
enum logical {
    LOGICAL_STRING = 1,
    LOGICAL_DECIMAL = 5,
    LOGICAL_TIMESTAMP = 8,
    LOGICAL_INTEGER = 10
};
enum codec { UNCOMPRESSED = 0, ZSTD = 6 };
enum page_type { DATA_PAGE = 0, DICTIONARY_PAGE = 2 };

enum {
    DECIMAL_BYTES = 16,
    /* a dictionary that is larger does not pay, and has to stay in memory */
    DICTIONARY_TEXTS_MAX = 32768,
    DICTIONARY_BYTES_MAX = 1024 * 1024,
    STATISTICS_BYTES_MAX = 64, /* of a text that stands for the least or greatest */
};

/* Numbers that stand for texts. Linear probing, never more than half full. */
struct key_map {
    uint64_t *keys;
    uint32_t *places; /* one more than the text's place in the dictionary; 0: free */
    size_t capacity;
    size_t count;
};

/* The least or greatest value so far, as it is said in the file. */
struct bound {
    bool is_set;
    bool is_too_long; /* a text that is not told: then there is no bound */
    qta_int128 number;
    double real;
    size_t length;
    char text[STATISTICS_BYTES_MAX];
};

struct qta_parquet_column {
    struct qta_parquet_column_spec spec;
    enum physical physical;
    ZSTD_CCtx *compressor;
    bool is_failed;

    /* the page */
    size_t rows;
    size_t value_count;                     /* rows that are not null */
    uint32_t levels[QTA_PARQUET_PAGE_ROWS]; /* 1: not null */
    union {
        int64_t numbers[QTA_PARQUET_PAGE_ROWS];
        double reals[QTA_PARQUET_PAGE_ROWS];
        uint32_t places[QTA_PARQUET_PAGE_ROWS]; /* in the dictionary */
    } values;
    struct qta_packed_writer texts; /* values in PLAIN: texts without dictionary, long decimals */
    struct qta_packed_writer body;  /* the page's bytes */

    /* the chunk */
    struct qta_packed_writer pages; /* data pages; at the end, behind the dictionary's */
    struct qta_packed_writer dictionary;
    uint32_t dictionary_texts;
    struct key_map keys;
    bool is_past_dictionary;
    bool has_plain_pages;
    bool has_dictionary_pages;
    uint64_t chunk_rows;
    uint64_t null_count;
    uint64_t unpacked_bytes; /* headers included, as Parquet wants it */
    size_t data_offset;      /* of the first data page in the chunk */
    struct bound least;
    struct bound greatest;
};

static enum physical physical_of(enum qta_parquet_kind kind)
{
    switch (kind) {
    case QTA_PARQUET_BOOL:
        return BOOLEAN;
    case QTA_PARQUET_INT32:
    case QTA_PARQUET_UINT32:
        return INT32;
    case QTA_PARQUET_DECIMAL_38:
        return FIXED;
    case QTA_PARQUET_DOUBLE:
        return DOUBLE;
    case QTA_PARQUET_STRING:
        return BYTE_ARRAY;
    case QTA_PARQUET_INT64:
    case QTA_PARQUET_UINT64:
    case QTA_PARQUET_TIMESTAMP:
    case QTA_PARQUET_DECIMAL_18:
        break;
    }
    return INT64;
}

struct qta_parquet_column *qta_parquet_column_create(const struct qta_parquet_column_spec *spec,
                                                     struct ZSTD_CCtx_s *compressor)
{
    struct qta_parquet_column *column = calloc(1, sizeof *column);
    if (!column)
        return NULL;
    column->spec = *spec;
    column->physical = physical_of(spec->kind);
    column->compressor = compressor;
    qta_parquet_column_clear(column);
    return column;
}

void qta_parquet_column_destroy(struct qta_parquet_column *column)
{
    if (!column)
        return;
    qta_packed_writer_finish(&column->texts);
    qta_packed_writer_finish(&column->body);
    qta_packed_writer_finish(&column->pages);
    qta_packed_writer_finish(&column->dictionary);
    free(column->keys.keys);
    free(column->keys.places);
    free(column);
}

const struct qta_parquet_column_spec *
qta_parquet_column_spec(const struct qta_parquet_column *column)
{
    return &column->spec;
}

/* Keeps a failure, which qta_packed_writer_clear() would forget: it is asked for once, at the end.
 */
static void empty(struct qta_packed_writer *bytes)
{
    bytes->length = 0;
}

void qta_parquet_column_clear(struct qta_parquet_column *column)
{
    empty(&column->texts);
    empty(&column->pages);
    empty(&column->dictionary);
    if (column->keys.count > 0)
        memset(column->keys.places, 0, column->keys.capacity * sizeof *column->keys.places);
    column->keys.count = 0;
    column->dictionary_texts = 0;
    column->rows = column->value_count = 0;
    column->is_past_dictionary = !column->spec.has_dictionary;
    column->has_plain_pages = column->has_dictionary_pages = false;
    column->chunk_rows = column->null_count = column->unpacked_bytes = 0;
    column->data_offset = 0;
    column->least = column->greatest = (struct bound){.is_set = false};
}

/* ---- pages ------------------------------------------------------------------------------------
 */

static bool is_failed(const struct qta_parquet_column *column)
{
    return column->is_failed || column->texts.is_out_of_memory || column->body.is_out_of_memory ||
           column->pages.is_out_of_memory || column->dictionary.is_out_of_memory;
}

/* Packs bytes behind where a header will be put; returns their length there, 0 on failure. */
static size_t pack(struct qta_parquet_column *column, const struct qta_packed_writer *bytes,
                   struct qta_packed_writer *packed)
{
    if (!column->compressor) {
        qta_packed_writer_put(packed, bytes->bytes, bytes->length);
        return bytes->length;
    }
    size_t bound = ZSTD_compressBound(bytes->length);
    uint8_t *to = qta_packed_writer_reserve(packed, bound);
    if (!to)
        return 0;
    size_t length = ZSTD_compress2(column->compressor, to, bound, bytes->bytes, bytes->length);
    if (ZSTD_isError(length)) {
        column->is_failed = true;
        return 0;
    }
    packed->length += length;
    return length;
}

/* Appends a page of body to out. */
static void put_page(struct qta_parquet_column *column, enum page_type type, size_t value_count,
                     enum qta_parquet_encoding encoding, const struct qta_packed_writer *body,
                     struct qta_packed_writer *out)
{
    enum { HEADER = 5, DICTIONARY_HEADER = 7 };
    struct qta_packed_writer packed = {0};
    size_t packed_length = pack(column, body, &packed);
    size_t start = out->length;
    struct qta_thrift_writer writer = {.out = out};
    qta_thrift_begin(&writer);
    qta_thrift_i32(&writer, 1, (int32_t)type);
    qta_thrift_i32(&writer, 2, (int32_t)body->length);
    qta_thrift_i32(&writer, 3, (int32_t)packed_length);
    qta_thrift_i32(&writer, 4, (int32_t)crc32(0, packed.bytes, (unsigned)packed_length));
    qta_thrift_begin_field(&writer, type == DATA_PAGE ? HEADER : DICTIONARY_HEADER);
    qta_thrift_i32(&writer, 1, (int32_t)value_count);
    qta_thrift_i32(&writer, 2, (int32_t)encoding);
    if (type == DATA_PAGE) {
        qta_thrift_i32(&writer, 3, QTA_PARQUET_RLE); /* definition levels */
        qta_thrift_i32(&writer, 4, QTA_PARQUET_RLE); /* repetition levels: there are none */
    }
    qta_thrift_end(&writer);
    qta_thrift_end(&writer);
    column->unpacked_bytes += out->length - start + body->length;
    qta_packed_writer_put(out, packed.bytes, packed_length);
    column->is_failed |= packed.is_out_of_memory;
    qta_packed_writer_finish(&packed);
}

static void put_levels(struct qta_parquet_column *column)
{
    enum { LENGTH_BYTES = 4 };
    struct qta_packed_writer *body = &column->body;
    if (!column->spec.is_optional)
        return;
    size_t at = body->length;
    qta_packed_writer_put_u32(body, 0);
    qta_parquet_put_hybrid(body, column->levels, column->rows, 1);
    if (!body->is_out_of_memory)
        qta_store_u32(body->bytes + at, (uint32_t)(body->length - at - LENGTH_BYTES));
}

static unsigned place_width(const struct qta_parquet_column *column)
{
    uint32_t highest = column->dictionary_texts - 1;
    return column->dictionary_texts > 1 ? 32U - (unsigned)__builtin_clz(highest) : 0;
}

/* Puts the page's values; returns the encoding. */
static enum qta_parquet_encoding put_values(struct qta_parquet_column *column)
{
    struct qta_packed_writer *body = &column->body;
    size_t count = column->value_count;
    switch (column->physical) {
    case BOOLEAN:
        qta_parquet_put_bits(body, column->values.numbers, count);
        break;
    case INT32:
        for (size_t i = 0; i < count; i++)
            qta_packed_writer_put_u32(body, (uint32_t)column->values.numbers[i]);
        break;
    case INT64:
        if (column->spec.has_differences && count > 0) {
            qta_parquet_put_delta(body, column->values.numbers, count);
            return QTA_PARQUET_DELTA_BINARY_PACKED;
        }
        for (size_t i = 0; i < count; i++)
            qta_packed_writer_put_u64(body, (uint64_t)column->values.numbers[i]);
        break;
    case DOUBLE:
        for (size_t i = 0; i < count; i++) {
            uint64_t bits;
            memcpy(&bits, &column->values.reals[i], sizeof bits);
            qta_packed_writer_put_u64(body, bits);
        }
        break;
    case FIXED:
        qta_packed_writer_put(body, column->texts.bytes, column->texts.length);
        break;
    case BYTE_ARRAY:
        if (!column->is_past_dictionary && count > 0) {
            unsigned width = place_width(column);
            qta_packed_writer_put_u8(body, (uint8_t)width);
            qta_parquet_put_hybrid(body, column->values.places, count, width);
            return QTA_PARQUET_RLE_DICTIONARY;
        }
        qta_packed_writer_put(body, column->texts.bytes, column->texts.length);
        break;
    }
    return QTA_PARQUET_PLAIN;
}

static void end_page(struct qta_parquet_column *column)
{
    if (column->rows == 0)
        return;
    empty(&column->body);
    put_levels(column);
    enum qta_parquet_encoding encoding = put_values(column);
    if (encoding == QTA_PARQUET_PLAIN)
        column->has_plain_pages = true;
    else
        column->has_dictionary_pages = true; /* or differences: what is not plain */
    put_page(column, DATA_PAGE, column->rows, encoding, &column->body, &column->pages);
    column->chunk_rows += column->rows;
    column->null_count += column->rows - column->value_count;
    column->rows = column->value_count = 0;
    empty(&column->texts);
}

static void end_row(struct qta_parquet_column *column, bool has_value)
{
    column->levels[column->rows++] = has_value;
    column->value_count += has_value;
    if (column->rows == QTA_PARQUET_PAGE_ROWS)
        end_page(column);
}

/* ---- numbers ----------------------------------------------------------------------------------
 */

static void note_number(struct qta_parquet_column *column, qta_int128 value)
{
    if (!column->least.is_set || value < column->least.number)
        column->least.number = value;
    if (!column->greatest.is_set || value > column->greatest.number)
        column->greatest.number = value;
    column->least.is_set = column->greatest.is_set = true;
}

void qta_parquet_column_put_null(struct qta_parquet_column *column)
{
    assert(column->spec.is_optional);
    end_row(column, false);
}

void qta_parquet_column_put_int(struct qta_parquet_column *column, int64_t value)
{
    assert(column->physical <= INT64);
    bool is_unsigned = column->spec.kind == QTA_PARQUET_UINT64 ||
                       column->spec.kind == QTA_PARQUET_UINT32;
    note_number(column, is_unsigned ? (qta_int128)(uint64_t)value : (qta_int128)value);
    column->values.numbers[column->value_count] = value;
    end_row(column, true);
}

void qta_parquet_column_put_decimal(struct qta_parquet_column *column, qta_int128 value)
{
    note_number(column, value);
    if (column->spec.kind == QTA_PARQUET_DECIMAL_18) {
        column->values.numbers[column->value_count] = (int64_t)value;
    } else {
        assert(column->spec.kind == QTA_PARQUET_DECIMAL_38);
        uint8_t bytes[DECIMAL_BYTES];
        for (int i = 0; i < DECIMAL_BYTES; i++)
            bytes[i] = (uint8_t)(value >> 8 * (DECIMAL_BYTES - 1 - i));
        qta_packed_writer_put(&column->texts, bytes, sizeof bytes);
    }
    end_row(column, true);
}

void qta_parquet_column_put_double(struct qta_parquet_column *column, double value)
{
    assert(column->spec.kind == QTA_PARQUET_DOUBLE);
    if (!column->least.is_set || value < column->least.real)
        column->least.real = value;
    if (!column->greatest.is_set || value > column->greatest.real)
        column->greatest.real = value;
    column->least.is_set = column->greatest.is_set = true;
    column->values.reals[column->value_count] = value;
    end_row(column, true);
}

/* ---- texts ------------------------------------------------------------------------------------
 */

static int compare_text(const struct bound *bound, const char *text, size_t length)
{
    size_t common = bound->length < length ? bound->length : length;
    int order = memcmp(bound->text, text, common);
    return order != 0 ? order : (bound->length > length) - (bound->length < length);
}

static void set_bound(struct bound *bound, const char *text, size_t length)
{
    bound->is_set = true;
    bound->length = length;
    memcpy(bound->text, text, length);
}

static void note_text(struct qta_parquet_column *column, const char *text, size_t length)
{
    if (length > STATISTICS_BYTES_MAX) {
        column->least.is_too_long = column->greatest.is_too_long = true;
        return;
    }
    if (!column->least.is_set || compare_text(&column->least, text, length) > 0)
        set_bound(&column->least, text, length);
    if (!column->greatest.is_set || compare_text(&column->greatest, text, length) < 0)
        set_bound(&column->greatest, text, length);
}

/* PLAIN: a length and the bytes. */
static void put_plain_text(struct qta_parquet_column *column, struct qta_packed_writer *out,
                           const char *text, size_t length)
{
    static const char replacement[] = "\xef\xbf\xbd";
    size_t at = out->length;
    qta_packed_writer_put_u32(out, 0);
    while (length > 0) {
        size_t sequence = qta_utf8_sequence(text, length);
        if (sequence > 0)
            qta_packed_writer_put(out, text, sequence);
        else
            qta_packed_writer_put(out, replacement, sizeof replacement - 1);
        text += sequence > 0 ? sequence : 1;
        length -= sequence > 0 ? sequence : 1;
    }
    if (out->is_out_of_memory)
        return;
    size_t stored = out->length - at - 4;
    qta_store_u32(out->bytes + at, (uint32_t)stored);
    note_text(column, (const char *)out->bytes + at + 4, stored);
}

static size_t slot_of(const struct key_map *map, uint64_t key)
{
    const uint64_t golden = UINT64_C(0x9E3779B97F4A7C15);
    size_t mask = map->capacity - 1;
    size_t slot = (size_t)((key * golden) >> 32) & mask;
    while (map->places[slot] != 0 && map->keys[slot] != key)
        slot = (slot + 1) & mask;
    return slot;
}

static bool grow_map(struct key_map *map)
{
    enum { FIRST_SLOTS = 64 };
    struct key_map grown = {.capacity = map->capacity ? map->capacity * 2 : FIRST_SLOTS,
                            .count = map->count};
    grown.keys = calloc(grown.capacity, sizeof *grown.keys);
    grown.places = calloc(grown.capacity, sizeof *grown.places);
    bool is_good = grown.keys && grown.places;
    for (size_t i = 0; is_good && i < map->capacity; i++) {
        if (map->places[i] == 0)
            continue;
        size_t slot = slot_of(&grown, map->keys[i]);
        grown.keys[slot] = map->keys[i];
        grown.places[slot] = map->places[i];
    }
    if (is_good) {
        struct key_map old = *map;
        *map = grown;
        grown = old;
    }
    free(grown.keys);
    free(grown.places);
    return is_good;
}

bool qta_parquet_column_put_key(struct qta_parquet_column *column, uint64_t key)
{
    assert(column->spec.kind == QTA_PARQUET_STRING);
    if (column->is_past_dictionary || column->keys.capacity == 0)
        return false;
    uint32_t place = column->keys.places[slot_of(&column->keys, key)];
    if (place == 0)
        return false;
    column->values.places[column->value_count] = place - 1;
    end_row(column, true);
    return true;
}

static void put_new_key(struct qta_parquet_column *column, uint64_t key, const char *text,
                        size_t length)
{
    struct key_map *keys = &column->keys;
    if (keys->count * 2 >= keys->capacity && !grow_map(keys)) {
        column->is_failed = true;
        return;
    }
    size_t slot = slot_of(keys, key);
    keys->keys[slot] = key;
    keys->places[slot] = column->dictionary_texts + 1;
    keys->count++;
    put_plain_text(column, &column->dictionary, text, length);
    column->values.places[column->value_count] = column->dictionary_texts++;
}

void qta_parquet_column_put_text(struct qta_parquet_column *column, uint64_t key, const char *text,
                                 size_t length)
{
    assert(column->spec.kind == QTA_PARQUET_STRING);
    bool is_full = column->dictionary_texts >= DICTIONARY_TEXTS_MAX ||
                   column->dictionary.length >= DICTIONARY_BYTES_MAX;
    if (!column->is_past_dictionary && is_full) {
        end_page(column); /* the page's own texts are in the dictionary yet */
        column->is_past_dictionary = true;
    }
    if (column->is_past_dictionary)
        put_plain_text(column, &column->texts, text, length);
    else
        put_new_key(column, key, text, length);
    end_row(column, true);
}

/* ---- chunks -----------------------------------------------------------------------------------
 */

size_t qta_parquet_column_bytes(const struct qta_parquet_column *column)
{
    return column->pages.length + column->dictionary.length;
}

bool qta_parquet_column_end(struct qta_parquet_column *column,
                            const struct qta_packed_writer **pages)
{
    end_page(column);
    if (column->dictionary_texts > 0) {
        struct qta_packed_writer whole = {0};
        put_page(column, DICTIONARY_PAGE, column->dictionary_texts, QTA_PARQUET_PLAIN,
                 &column->dictionary, &whole);
        column->data_offset = whole.length;
        qta_packed_writer_put(&whole, column->pages.bytes, column->pages.length);
        column->is_failed |= column->pages.is_out_of_memory; /* which goes with them */
        qta_packed_writer_finish(&column->pages);
        column->pages = whole;
    }
    *pages = &column->pages;
    return !is_failed(column);
}

/* A bound as the bytes of a PLAIN value without length. */
static void put_bound(const struct qta_parquet_column *column, struct qta_thrift_writer *writer,
                      int id, const struct bound *bound)
{
    uint8_t bytes[DECIMAL_BYTES];
    uint64_t bits = (uint64_t)bound->number;
    size_t length = sizeof bits;
    switch (column->physical) {
    case BYTE_ARRAY:
        qta_thrift_binary(writer, id, bound->text, bound->length);
        return;
    case FIXED:
        for (int i = 0; i < DECIMAL_BYTES; i++)
            bytes[i] = (uint8_t)(bound->number >> 8 * (DECIMAL_BYTES - 1 - i));
        qta_thrift_binary(writer, id, bytes, sizeof bytes);
        return;
    case BOOLEAN:
        length = 1;
        break;
    case INT32:
        length = 4;
        break;
    case DOUBLE:
        memcpy(&bits, &bound->real, sizeof bits);
        break;
    case INT64:
        break;
    }
    qta_store_u64(bytes, bits);
    qta_thrift_binary(writer, id, bytes, length);
}

static void describe_statistics(const struct qta_parquet_column *column,
                                struct qta_thrift_writer *writer)
{
    enum { STATISTICS = 12, NULL_COUNT = 3, MAX_VALUE = 5, MIN_VALUE = 6 };
    qta_thrift_begin_field(writer, STATISTICS);
    qta_thrift_i64(writer, NULL_COUNT, (int64_t)column->null_count);
    if (column->least.is_set && !column->least.is_too_long) {
        put_bound(column, writer, MAX_VALUE, &column->greatest);
        put_bound(column, writer, MIN_VALUE, &column->least);
    }
    qta_thrift_end(writer);
}

static void describe_encodings(const struct qta_parquet_column *column,
                               struct qta_thrift_writer *writer)
{
    int32_t encodings[4] = {QTA_PARQUET_RLE};
    size_t count = 1;
    if (column->has_plain_pages || column->dictionary_texts > 0)
        encodings[count++] = QTA_PARQUET_PLAIN;
    if (column->has_dictionary_pages)
        encodings[count++] = column->physical == BYTE_ARRAY ? QTA_PARQUET_RLE_DICTIONARY
                                                            : QTA_PARQUET_DELTA_BINARY_PACKED;
    qta_thrift_list(writer, 2, QTA_THRIFT_I32, count);
    for (size_t i = 0; i < count; i++)
        qta_thrift_element_i32(writer, encodings[i]);
}

uint64_t qta_parquet_column_describe(const struct qta_parquet_column *column,
                                     struct qta_thrift_writer *writer, uint64_t offset)
{
    enum { FILE_OFFSET = 2, META_DATA = 3 };
    qta_thrift_begin(writer);
    qta_thrift_i64(writer, FILE_OFFSET, (int64_t)offset);
    qta_thrift_begin_field(writer, META_DATA);
    qta_thrift_i32(writer, 1, (int32_t)column->physical);
    describe_encodings(column, writer);
    qta_thrift_list(writer, 3, QTA_THRIFT_BINARY, 1);
    qta_thrift_element_string(writer, column->spec.name);
    qta_thrift_i32(writer, 4, column->compressor ? ZSTD : UNCOMPRESSED);
    qta_thrift_i64(writer, 5, (int64_t)column->chunk_rows);
    qta_thrift_i64(writer, 6, (int64_t)column->unpacked_bytes);
    qta_thrift_i64(writer, 7, (int64_t)column->pages.length);
    qta_thrift_i64(writer, 9, (int64_t)(offset + column->data_offset));
    if (column->data_offset > 0)
        qta_thrift_i64(writer, 11, (int64_t)offset);
    describe_statistics(column, writer);
    qta_thrift_end(writer);
    qta_thrift_end(writer);
    return column->unpacked_bytes;
}

/* ---- the schema -------------------------------------------------------------------------------
 */

static void declare_logical(const struct qta_parquet_column *column,
                            struct qta_thrift_writer *writer, int precision)
{
    enum { LOGICAL_TYPE = 10, NANOS = 3 };
    enum qta_parquet_kind kind = column->spec.kind;
    bool is_unsigned = kind == QTA_PARQUET_UINT32 || kind == QTA_PARQUET_UINT64;
    if (kind != QTA_PARQUET_STRING && kind != QTA_PARQUET_TIMESTAMP && precision == 0 &&
        !is_unsigned)
        return;
    qta_thrift_begin_field(writer, LOGICAL_TYPE);
    if (kind == QTA_PARQUET_STRING) {
        qta_thrift_begin_field(writer, LOGICAL_STRING);
    } else if (precision > 0) {
        qta_thrift_begin_field(writer, LOGICAL_DECIMAL);
        qta_thrift_i32(writer, 1, column->spec.scale);
        qta_thrift_i32(writer, 2, precision);
    } else if (kind == QTA_PARQUET_TIMESTAMP) {
        qta_thrift_begin_field(writer, LOGICAL_TIMESTAMP);
        qta_thrift_bool(writer, 1, true); /* adjusted to UTC */
        qta_thrift_begin_field(writer, 2);
        qta_thrift_begin_field(writer, NANOS);
        qta_thrift_end(writer);
        qta_thrift_end(writer);
    } else {
        qta_thrift_begin_field(writer, LOGICAL_INTEGER);
        qta_thrift_i8(writer, 1, kind == QTA_PARQUET_UINT32 ? 32 : 64);
        qta_thrift_bool(writer, 2, false); /* signed */
    }
    qta_thrift_end(writer);
    qta_thrift_end(writer);
}

void qta_parquet_column_declare(const struct qta_parquet_column *column,
                                struct qta_thrift_writer *writer)
{
    enum { TYPE = 1, TYPE_LENGTH, REPETITION, NAME, CONVERTED_TYPE = 6, SCALE, PRECISION };
    int precision = 0;
    enum converted converted = CONVERTED_NONE;
    if (column->spec.kind == QTA_PARQUET_DECIMAL_18)
        precision = 18;
    if (column->spec.kind == QTA_PARQUET_DECIMAL_38)
        precision = 38;
    if (precision > 0)
        converted = CONVERTED_DECIMAL;
    if (column->spec.kind == QTA_PARQUET_STRING)
        converted = CONVERTED_UTF8;
    if (column->spec.kind == QTA_PARQUET_UINT32)
        converted = CONVERTED_UINT_32;
    if (column->spec.kind == QTA_PARQUET_UINT64)
        converted = CONVERTED_UINT_64;
    qta_thrift_begin(writer);
    qta_thrift_i32(writer, TYPE, (int32_t)column->physical);
    if (column->physical == FIXED)
        qta_thrift_i32(writer, TYPE_LENGTH, DECIMAL_BYTES);
    qta_thrift_i32(writer, REPETITION, column->spec.is_optional);
    qta_thrift_string(writer, NAME, column->spec.name);
    if (converted != CONVERTED_NONE)
        qta_thrift_i32(writer, CONVERTED_TYPE, (int32_t)converted);
    if (precision > 0) {
        qta_thrift_i32(writer, SCALE, column->spec.scale);
        qta_thrift_i32(writer, PRECISION, precision);
    }
    declare_logical(column, writer, precision);
    qta_thrift_end(writer);
}
