/* The CSV reader: what RFC 4180 allows is read exactly, whatever the pieces it arrives in; what it
 * does not allow is one clear error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/csv_reader.h"

/* A source that gives its bytes in pieces. */
struct pieces {
    const char *bytes;
    size_t length;
    size_t at;
    size_t piece_bytes;
    enum qta_status end; /* what comes at the end */
};

static enum qta_status read_piece(void *user, void *bytes, size_t capacity, size_t *count,
                                  struct qta_error *err)
{
    struct pieces *pieces = user;
    size_t left = pieces->length - pieces->at;
    *count = left < pieces->piece_bytes ? left : pieces->piece_bytes;
    *count = *count < capacity ? *count : capacity;
    if (*count == 0 && pieces->end != QTA_OK)
        return qta_error_set(err, pieces->end, "the source is broken");
    memcpy(bytes, pieces->bytes + pieces->at, *count);
    pieces->at += *count;
    return QTA_OK;
}

/* All rows as "line:cell|cell;", then "end" or "!error". Owned by the caller. */
static char *read_all(struct pieces *pieces, char delimiter)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    assert_non_null(out);
    struct qta_csv_reader *reader;
    struct qta_error err;
    enum qta_status status = qta_csv_reader_create(&reader, "x.csv", delimiter, read_piece, pieces,
                                                   &err);
    struct qta_csv_row row;
    while (status == QTA_OK && (status = qta_csv_reader_next(reader, &row, &err)) == QTA_OK) {
        fprintf(out, "%" PRIu64 ":", row.line);
        for (size_t i = 0; i < row.count; i++) {
            fputs(i ? "|" : "", out);
            fwrite(row.cells[i].text, 1, row.cells[i].length, out);
        }
        fputs(row.is_blank ? "blank;" : ";", out);
    }
    if (status == QTA_ERR_END)
        fputs("end", out);
    else
        fprintf(out, "!%s", err.message);
    assert_int_equal(status, err.status);
    fclose(out);
    qta_csv_reader_destroy(reader);
    return text;
}

struct csv_case {
    const char *csv;
    const char *expected;
};

static void check_cases(const struct csv_case *cases, size_t count, char delimiter)
{
    static const size_t piece_sizes[] = {1, 2, 3, 5, 1000000};
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < sizeof piece_sizes / sizeof piece_sizes[0]; k++) {
            print_message("case '%s' in pieces of %zu\n", cases[i].csv, piece_sizes[k]);
            struct pieces pieces = {.bytes = cases[i].csv,
                                    .length = strlen(cases[i].csv),
                                    .piece_bytes = piece_sizes[k]};
            char *text = read_all(&pieces, delimiter);
            assert_string_equal(text, cases[i].expected);
            free(text);
        }
    }
}
#define CHECK_CASES(cases, delimiter)                                                              \
    check_cases(cases, sizeof(cases) / sizeof((cases)[0]), delimiter)

static void rows_are_read_exactly(void **state)
{
    (void)state;
    static const struct csv_case cases[] = {
        {"", "end"},
        {"a", "1:a;end"},
        {"a,b\n", "1:a|b;end"},
        {"a,b\nc,d", "1:a|b;2:c|d;end"},
        {"a,b\r\nc,d\r\n", "1:a|b;2:c|d;end"},
        {"a\r\nb\nc\r\nd", "1:a;2:b;3:c;4:d;end"},
        {"a\r", "1:a;end"},
        {",", "1:|;end"},
        {"a,,b\n,\n", "1:a||b;2:|;end"},
        {"a,", "1:a|;end"},
        {" a , b ", "1: a | b ;end"},
        {"\n", "1:blank;end"},
        {"a\n\n\nb\n\n", "1:a;2:blank;3:blank;4:b;5:blank;end"},
        {"\r\n", "1:blank;end"},
        {"\"\"\n", "1:;end"},
        {"\"a\"", "1:a;end"},
        {"\"a\",\"b\"\r\n", "1:a|b;end"},
        {"\"a,b\",c", "1:a,b|c;end"},
        {"\"a\nb\r\nc\",d\ne", "1:a\nb\r\nc|d;4:e;end"},
        {"\"a\"\"b\"", "1:a\"b;end"},
        {"\"\"\"\"", "1:\";end"},
        {"\"\"\"a\"\"\",\"\"\"\"\"\"", "1:\"a\"|\"\";end"},
        {"x,\"\"\n", "1:x|;end"},
        {"\xef\xbb\xbf"
         "a,b",
         "1:a|b;end"},
        {"\xef\xbb\xbf", "end"},
        {"\xef\xbb\xbf\"a\"", "1:a;end"},
        {"\xef\xbb", "1:\xef\xbb;end"},
        {"caf\xc3\xa9,\xff", "1:caf\xc3\xa9|\xff;end"},
    };
    CHECK_CASES(cases, ',');
}

static void other_delimiters_are_delimiters_only_if_asked(void **state)
{
    (void)state;
    static const struct csv_case semicolons[] = {{"a;b,c\n", "1:a|b,c;end"},
                                                 {"\"a;b\";c", "1:a;b|c;end"}};
    static const struct csv_case tabs[] = {{"a\tb c\td", "1:a|b c|d;end"}};
    CHECK_CASES(semicolons, ';');
    CHECK_CASES(tabs, '\t');
}

static void what_the_rfc_forbids_is_one_clear_error(void **state)
{
    (void)state;
    static const struct csv_case cases[] = {
        {"a\"b\n", "!x.csv:1: a quote inside a cell: quote the whole cell and double it"},
        {"a,b\nc,d\"\n",
         "1:a|b;!x.csv:2: a quote inside a cell: quote the whole cell and double it"},
        {"\"a\"b,c\n", "!x.csv:1: text behind the closing quote of a cell"},
        {"\"a\" ,c\n", "!x.csv:1: text behind the closing quote of a cell"},
        {"\"a\n\n\"b", "!x.csv:3: text behind the closing quote of a cell"},
        {"\"a", "!x.csv:1: a quoted cell has no end"},
        {"a\n\"b\n\nc", "1:a;!x.csv:2: a quoted cell has no end"},
        {"\"a\"\"", "!x.csv:1: a quoted cell has no end"},
        {"\"", "!x.csv:1: a quoted cell has no end"},
        {"a\rb\n", "!x.csv:1: a carriage return that does not end the line"},
        {"\"a\"\rb\n", "!x.csv:1: a carriage return that does not end the line"},
        {"\xff\xfe"
         "a",
         "!x.csv:1: this is UTF-16: convert it to UTF-8"},
        {"\xfe\xff"
         "a",
         "!x.csv:1: this is UTF-16: convert it to UTF-8"},
    };
    CHECK_CASES(cases, ',');
}

static void nul_bytes_are_refused_wherever_they_are(void **state)
{
    (void)state;
    static const char csvs[][5] = {"a\0b\n", "\"\0b\"", "\"b\"\0", "a,\0\n"};
    for (size_t i = 0; i < sizeof csvs / sizeof csvs[0]; i++) {
        struct pieces pieces = {.bytes = csvs[i], .length = 4, .piece_bytes = 1};
        char *text = read_all(&pieces, ',');
        assert_string_equal(text, "!x.csv:1: a NUL byte: this is no text file in UTF-8 or ASCII");
        free(text);
    }
}

/* first, then `length` times `fill`, then last. */
static void check_long(const char *first, size_t length, char fill, const char *last,
                       const char *expected_end)
{
    char *csv;
    size_t csv_length;
    FILE *out = open_memstream(&csv, &csv_length);
    assert_non_null(out);
    fputs(first, out);
    for (size_t i = 0; i < length; i++)
        fputc(fill, out);
    fputs(last, out);
    fclose(out);
    struct pieces pieces = {.bytes = csv, .length = csv_length, .piece_bytes = 4000};
    char *text = read_all(&pieces, ',');
    size_t end_length = strlen(expected_end);
    assert_true(strlen(text) >= end_length);
    assert_string_equal(text + strlen(text) - end_length, expected_end);
    free(text);
    free(csv);
}

static void rows_up_to_the_limit_are_read_and_longer_ones_refused(void **state)
{
    (void)state;
    static const char refusal[] =
        "!x.csv:1: the row is longer than 1 MiB, or its quoted cell has no end";
    check_long("", QTA_CSV_ROW_BYTES_MAX - 1, 'x', "\nb", "x;2:b;end");
    check_long("", QTA_CSV_ROW_BYTES_MAX, 'x', "\nb", refusal);
    check_long("\"", QTA_CSV_ROW_BYTES_MAX, '\n', "\"", refusal);
    check_long("\"", (size_t)8 * QTA_CSV_ROW_BYTES_MAX, 'x', "", refusal);
    check_long("", QTA_CSV_CELLS_MAX - 1, ',', "z\ny", "|z;2:y;end");
    check_long("", QTA_CSV_CELLS_MAX, ',', "\n", "!x.csv:1: the row has more than 4096 cells");
}

static void rows_across_the_window_stay_whole(void **state)
{
    (void)state;
    enum { ROWS = 60000 };
    char *csv;
    size_t csv_length;
    FILE *out = open_memstream(&csv, &csv_length);
    char *expected;
    size_t expected_length;
    FILE *rows = open_memstream(&expected, &expected_length);
    assert_non_null(out);
    assert_non_null(rows);
    for (int i = 1; i <= ROWS; i++) {
        fprintf(out, "%d,\"a\"\"%d\",%.*s\n", i, i, i % 37,
                "0123456789012345678901234567890123456");
        fprintf(rows, "%d:%d|a\"%d|%.*s;", i, i, i, i % 37,
                "0123456789012345678901234567890123456");
    }
    fputs("end", rows);
    fclose(out);
    fclose(rows);
    struct pieces pieces = {.bytes = csv, .length = csv_length, .piece_bytes = 77777};
    char *text = read_all(&pieces, ',');
    assert_string_equal(text, expected);
    free(text);
    free(expected);
    free(csv);
}

static void an_error_of_the_source_is_passed_on(void **state)
{
    (void)state;
    struct pieces pieces = {.bytes = "a\nb", .length = 3, .piece_bytes = 1, .end = QTA_ERR_IO};
    char *text = read_all(&pieces, ',');
    assert_string_equal(text, "1:a;!the source is broken");
    free(text);
}

static void delimiters_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct pieces pieces = {.bytes = ""};
    for (size_t i = 0; i < 4; i++) {
        struct qta_csv_reader *reader = NULL;
        struct qta_error err;
        assert_int_equal(
            qta_csv_reader_create(&reader, "x.csv", "\"\r\n"[i], read_piece, &pieces, &err),
            QTA_ERR_USAGE);
        assert_string_equal(err.message, "a quote, a line end or NUL cannot be the delimiter");
        assert_null(reader);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_read_exactly),
        cmocka_unit_test(other_delimiters_are_delimiters_only_if_asked),
        cmocka_unit_test(what_the_rfc_forbids_is_one_clear_error),
        cmocka_unit_test(nul_bytes_are_refused_wherever_they_are),
        cmocka_unit_test(rows_up_to_the_limit_are_read_and_longer_ones_refused),
        cmocka_unit_test(rows_across_the_window_stay_whole),
        cmocka_unit_test(an_error_of_the_source_is_passed_on),
        cmocka_unit_test(delimiters_that_cannot_be_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
