/* Our own ndjson and CSV, as an import reads them. The first byte chooses the format, the second
 * the pieces in which the rest arrives. Each tick that comes of a line is printed, and must be read
 * and printed again as the same text. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

#include "storage/csv_reader.h"
#include "storage/csv_table.h"
#include "storage/ndjson_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LINE_BYTES = 1 << 20 };

struct pieces {
    const char *bytes;
    size_t length;
    size_t at;
    size_t piece_bytes;
};

/* Says what a line came to. */
typedef void (*tick_function)(const struct qta_tick *tick, const struct qta_dictionary *names,
                              bool is_csv);

static enum qta_status read_piece(void *user, void *bytes, size_t capacity, size_t *count,
                                  struct qta_error *err)
{
    (void)err;
    struct pieces *pieces = user;
    size_t left = pieces->length - pieces->at;
    *count = left < pieces->piece_bytes ? left : pieces->piece_bytes;
    *count = *count < capacity ? *count : capacity;
    memcpy(bytes, pieces->bytes + pieces->at, *count);
    pieces->at += *count;
    return QTA_OK;
}

static void read_ndjson(struct pieces *pieces, struct qta_dictionary *names, tick_function each)
{
    struct qta_ndjson_reader *reader;
    struct qta_error err;
    if (qta_ndjson_reader_create(&reader, "x", read_piece, pieces, names, &err) != QTA_OK)
        abort();
    enum qta_status status;
    do {
        struct qta_tick tick;
        status = qta_ndjson_reader_next(reader, &tick, &err);
        if (status == QTA_OK)
            each(&tick, names, false);
    } while (status == QTA_OK || status == QTA_ERR_FORMAT);
    assert(status == QTA_ERR_END);
    qta_ndjson_reader_destroy(reader);
}

static void read_csv(struct pieces *pieces, struct qta_dictionary *names, tick_function each)
{
    struct qta_csv_reader *reader;
    struct qta_csv_table *table;
    struct qta_csv_row row;
    struct qta_error err;
    if (qta_csv_reader_create(&reader, "x", ',', read_piece, pieces, &err) != QTA_OK ||
        qta_csv_table_create(&table, names, &err) != QTA_OK)
        abort();
    enum qta_status status = qta_csv_reader_next(reader, &row, &err);
    if (status == QTA_OK)
        status = qta_csv_table_begin(table, &row, &err);
    while (status == QTA_OK) {
        struct qta_tick tick;
        status = qta_csv_reader_next(reader, &row, &err);
        if (status == QTA_ERR_FORMAT)
            status = qta_csv_reader_skip_line(reader, &err);
        else if (status == QTA_OK && !row.is_blank &&
                 qta_csv_table_decode(table, &row, &tick, &err) == QTA_OK)
            each(&tick, names, true);
    }
    qta_csv_table_destroy(table);
    qta_csv_reader_destroy(reader);
}

static char first_line[LINE_BYTES];
static size_t first_length;
static size_t again_count;

static size_t print(const struct qta_tick *tick, const struct qta_dictionary *names, bool is_csv,
                    char *line)
{
    size_t length = qta_print_tick(tick, names, is_csv ? QTA_PRINT_CSV : QTA_PRINT_NDJSON,
                                   QTA_TIME_FORMAT_RFC3339, line, LINE_BYTES);
    assert(length < LINE_BYTES);
    return length;
}

static void check_again(const struct qta_tick *tick, const struct qta_dictionary *names,
                        bool is_csv)
{
    static char line[LINE_BYTES];
    size_t length = print(tick, names, is_csv, line);
    assert(length == first_length && memcmp(line, first_line, length) == 0);
    again_count++;
}

static void check(const struct qta_tick *tick, const struct qta_dictionary *names, bool is_csv)
{
    static char text[2 * LINE_BYTES];
    struct qta_dictionary *again;
    assert(tick->ts_recv_ns != QTA_TIME_UNKNOWN);
    first_length = print(tick, names, is_csv, first_line);
    if (qta_dictionary_create(&again, NULL) != QTA_OK)
        return;
    size_t header_length = is_csv ? strlen(qta_print_csv_header()) : 0;
    memcpy(text, qta_print_csv_header(), header_length);
    memcpy(text + header_length, first_line, first_length);
    struct pieces pieces = {
        .bytes = text, .length = header_length + first_length, .piece_bytes = sizeof text};
    again_count = 0;
    if (is_csv)
        read_csv(&pieces, again, check_again);
    else
        read_ndjson(&pieces, again, check_again);
    assert(again_count == 1);
    qta_dictionary_destroy(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qta_dictionary *names;
    if (size < 2 || qta_dictionary_create(&names, NULL) != QTA_OK)
        return 0;
    struct pieces pieces = {
        .bytes = (const char *)data + 2, .length = size - 2, .piece_bytes = 1 + data[1]};
    if (data[0] % 2 == 0)
        read_ndjson(&pieces, names, check);
    else
        read_csv(&pieces, names, check);
    qta_dictionary_destroy(names);
    return 0;
}
