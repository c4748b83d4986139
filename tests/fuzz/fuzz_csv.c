/* CSV rows and the ticks made of them. The first byte chooses the options, the second the pieces in
 * which the rest arrives. Rows that could be read are written again with every cell quoted, and
 * must then be read as the same cells. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

#include "storage/csv_mapping.h"
#include "storage/csv_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
    const char *bytes;
    size_t length;
    size_t at;
    size_t piece_bytes;
};

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

static const struct qta_import_options choices[] = {
    {.type = "trade",
     .symbol = "X",
     .time_unit = "ms",
     .date = "2013-11-03",
     .timezone = "America/New_York",
     .scales = "price=1e-4,size=0.25",
     .columns = "ts_event=1,price=2,size=3,exchange=4,conditions=5",
     .delimiter = ','},
    {.type = "trade",
     .time_unit = "rfc3339",
     .delimiter = ';',
     .conditions_separator = ' ',
     .columns = "ts_event=1,ts_recv=2,price=3,id=4,conditions=5,tape=6,side=7,src_seq=8,symbol=9"},
    {.type = "quote",
     .symbol = "X",
     .time_unit = "ns",
     .null_text = "0",
     .delimiter = ',',
     .columns = "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6"},
    {.type = "quote",
     .symbol = "X",
     .time_unit = "s",
     .null_text = "",
     .delimiter = '\t',
     .columns = "ts_event=t,bid_price=b,ask_price=a,bid_exchange=x"},
};
enum { CHOICE_COUNT = sizeof choices / sizeof choices[0] };

/* Appends the row with every cell in quotes. */
static void write_row(FILE *out, const struct qta_csv_row *row, char delimiter)
{
    for (size_t i = 0; i < row->count; i++) {
        if (i > 0)
            fputc(delimiter, out);
        fputc('"', out);
        for (size_t k = 0; k < row->cells[i].length; k++) {
            if (row->cells[i].text[k] == '"')
                fputc('"', out);
            fputc(row->cells[i].text[k], out);
        }
        fputc('"', out);
    }
    fputc('\n', out);
}

/* A tick that came of a row is whole: it can be printed, and its decimals are decimals. */
static void check_tick(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    static char line[64 * 1024];
    size_t length = qta_print_tick(tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line,
                                   sizeof line);
    assert(length > 0);
    assert(tick->ts_recv_ns != QTA_TIME_UNKNOWN);
    assert(tick->symbol != 0 && tick->symbol != QTA_NAME_OTHER);
}

/* Reads all rows; each goes into ticks if it can. Returns how it ended. */
static enum qta_status read_rows(const struct qta_import_options *options, struct pieces *pieces,
                                 FILE *out, struct qta_csv_mapping *mapping,
                                 const struct qta_dictionary *names)
{
    struct qta_error err;
    struct qta_csv_reader *reader;
    if (qta_csv_reader_create(&reader, "x", options->delimiter, read_piece, pieces, &err) != QTA_OK)
        abort();
    struct qta_csv_row row;
    bool is_first = true;
    enum qta_status status;
    while ((status = qta_csv_reader_next(reader, &row, &err)) == QTA_OK) {
        write_row(out, &row, options->delimiter);
        struct qta_tick tick;
        if (is_first && mapping && qta_csv_mapping_begin(mapping, &row, &err) != QTA_OK)
            mapping = NULL;
        is_first = false;
        if (mapping && qta_csv_mapping_decode(mapping, &row, &tick, &err) == QTA_OK)
            check_tick(&tick, names);
    }
    qta_csv_reader_destroy(reader);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct qta_import_options *options = &choices[data[0] % CHOICE_COUNT];
    struct pieces pieces = {
        .bytes = (const char *)data + 2, .length = size - 2, .piece_bytes = 1 + data[1]};
    struct qta_dictionary *names;
    struct qta_csv_mapping *mapping;
    if (qta_dictionary_create(&names, NULL) != QTA_OK ||
        qta_csv_mapping_create(&mapping, options, names, NULL) != QTA_OK)
        abort();
    char *first;
    char *second;
    size_t first_length;
    size_t second_length;
    FILE *out = open_memstream(&first, &first_length);
    read_rows(options, &pieces, out, mapping, names);
    fclose(out);
    struct pieces again = {.bytes = first, .length = first_length, .piece_bytes = 4096};
    out = open_memstream(&second, &second_length);
    if (read_rows(options, &again, out, NULL, names) != QTA_ERR_END)
        abort();
    fclose(out);
    if (first_length != second_length || memcmp(first, second, first_length) != 0)
        abort();
    free(first);
    free(second);
    qta_csv_mapping_destroy(mapping);
    qta_dictionary_destroy(names);
    return 0;
}
