/* From rows to ticks: numbers and times exactly as written, and one clear error for what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

#include "storage/csv_mapping.h"

enum { LINE_BYTES = 1024 };

/* Splits at commas into a row; "" is a blank line. text is cut in place. */
static struct qta_csv_row make_row(char *text, struct qta_csv_cell *cells)
{
    struct qta_csv_row row = {.cells = cells, .line = 1, .is_blank = *text == '\0'};
    for (char *next = text; next;) {
        char *cell = strsep(&next, ",");
        cells[row.count++] = (struct qta_csv_cell){cell, strlen(cell)};
    }
    return row;
}

/* What the rows (separated by '\n') become: the last one's tick as text, or "!error". */
static void convert(const struct qta_import_options *options, const char *rows,
                    char line[LINE_BYTES])
{
    struct qta_error err = {.message = ""};
    struct qta_dictionary *names;
    assert_int_equal(qta_dictionary_create(&names, &err), QTA_OK);
    struct qta_csv_mapping *mapping = NULL;
    enum qta_status status = qta_csv_mapping_create(&mapping, options, names, &err);
    char *copy = strdup(rows);
    assert_non_null(copy);
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_NONE);
    bool is_first = true;
    for (char *next = copy; status == QTA_OK && next;) {
        struct qta_csv_cell cells[32];
        struct qta_csv_row row = make_row(strsep(&next, "\n"), cells);
        bool is_header = is_first && qta_csv_mapping_has_header(mapping);
        if (is_first)
            status = qta_csv_mapping_begin(mapping, &row, &err);
        if (status == QTA_OK && !is_header)
            status = qta_csv_mapping_decode(mapping, &row, &tick, &err);
        is_first = false;
    }
    free(copy);
    if (status == QTA_OK) {
        size_t length = qta_print_tick(&tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_NS, line,
                                       LINE_BYTES);
        assert_true(length < LINE_BYTES);
        line[length - 1] = '\0'; /* its newline */
    } else {
        assert_int_equal(err.status, status);
        snprintf(line, LINE_BYTES, "!%s", err.message);
    }
    qta_csv_mapping_destroy(mapping);
    qta_dictionary_destroy(names);
}

static struct qta_import_options trade_options(void)
{
    struct qta_import_options options = qta_import_options_default();
    options.type = "trade";
    options.columns = "ts_event=1,price=2,size=3";
    options.time_unit = "ns";
    options.symbol = "X";
    return options;
}

static void check_line(const char *line, const char *expected)
{
    print_message("%s\n", line);
    assert_string_equal(line, expected);
}

static void prices_and_sizes_keep_their_digits(void **state)
{
    (void)state;
    static const struct {
        const char *scales;
        const char *price;
        const char *expected; /* the price printed and the flag, or the error */
    } cases[] = {
        {NULL, "190.50", "190.50"},
        {NULL, "100", "100"},
        {NULL, "-0.00", "0.00"},
        {NULL, "9.121E-7", "0.0000009121"},
        {NULL, "1E5", "100000"},
        {NULL, "123456789012345678901234", "123456789012345678900000 rounded"},
        {"price=1e-4", "14417034", "1441.7034"},
        {"price=0.0001", "1674200", "167.4200"},
        {"price=1e-4", "1", "0.0001"},
        {"price=1e-4", "12.5", "0.00125"},
        {"price=1e-4", "0", "0.0000"},
        {"price=100", "5", "500"},
        {"price=1.00", "5.10", "5.10"},
        {"price=0.25", "3", "0.75"},
        {"price=0.25", "4", "1.00"},
        {"price=0.03125", "-1001", "-31.28125"},
        {"price=0.25", "9223372036854775807", "2305843009213693952 rounded"},
        {"price=3", "4611686018427387905", "13835058055282163720 rounded"},
        {"price=10.5", "9223372036854775807", "96845406386975146000 rounded"},
        {"price=1e-99", "1e-9",
         "!column 2 (price): '1e-9' times its scale is too large or too small"},
        {NULL, "1e200", "!column 2 (price): '1e200' is too large or too small"},
        {NULL, "", "!column 2 (price): '' is not a number, nor the text that means absent"},
        {NULL, "12,5", "!the row has 4 cells, the first one has 3"},
        {NULL, "12 ", "!column 2 (price): '12 ' is not a number, nor the text that means absent"},
        {NULL, "0x1p3",
         "!column 2 (price): '0x1p3' is not a number, nor the text that means absent"},
        {NULL, "nan", "!column 2 (price): 'nan' is not a number, nor the text that means absent"},
        {NULL, "\033[2J\x85\xc3\xa9",
         "!column 2 (price): '?[2J?\xc3\xa9' is not a number, nor the text that means absent"},
        {NULL, "1111111111222222222233333333334444444444x5555555555",
         "!column 2 (price): '1111111111222222222233333333334444444444x555...' is not a number, "
         "nor the text that means absent"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_import_options options = trade_options();
        options.scales = cases[i].scales;
        char rows[256];
        char line[LINE_BYTES];
        char expected[LINE_BYTES];
        snprintf(rows, sizeof rows, "7,1,1\n7,%s,3", cases[i].price);
        convert(&options, rows, line);
        int digits = (int)strcspn(cases[i].expected, " ");
        bool is_rounded = cases[i].expected[digits] != '\0';
        if (cases[i].expected[0] == '!')
            snprintf(expected, sizeof expected, "%s", cases[i].expected);
        else
            snprintf(expected, sizeof expected,
                     "{\"seq\":0,\"type\":\"trade\",\"provider\":\"import\",\"symbol\":\"X\",\"ts_"
                     "recv\":7,"
                     "\"ts_event\":7,\"price\":%.*s,\"size\":3%s}",
                     digits, cases[i].expected, is_rounded ? ",\"flags\":[\"rounded\"]" : "");
        check_line(line, expected);
    }
}

static void times_are_exact_to_the_nanosecond(void **state)
{
    (void)state;
    static const struct {
        const char *unit;
        const char *date;
        const char *zone;
        const char *time;
        const char *expected;
    } cases[] = {
        {"ns", NULL, NULL, "1381190400000000001", "1381190400000000001"},
        {"us", NULL, NULL, "1381190400000000.001", "1381190400000000001"},
        {"ms", NULL, NULL, "808.0672", "808067200"},
        {"ms", NULL, NULL, "808.067200", "808067200"},
        {"ms", NULL, NULL, "808.0672000000", "808067200"},
        {"ms", NULL, NULL, "-1.5", "-1500000"},
        {"ms", NULL, NULL, "1.5e3", "1500000000"},
        {"s", NULL, NULL, "1381190400.123456789", "1381190400123456789"},
        {"s", NULL, NULL, "1381190400", "1381190400000000000"},
        {"s", NULL, NULL, "0", "0"},
        {"ms", "2013-10-08", "America/New_York", "14417034", "1381219217034000000"},
        {"ms", "2013-10-08", NULL, "14417034", "1381204817034000000"},
        {"ms", "2013-10-08", "UTC", "0.000001", "1381190400000000001"},
        /* the clocks went back at 2:00: 3 h after midnight it is 2:00 there */
        {"s", "2013-11-03", "America/New_York", "10800", "1383462000000000000"},
        /* and forward: 3 h after midnight it is 4:00 there */
        {"s", "2013-03-10", "America/New_York", "10800", "1362902400000000000"},
        {"rfc3339", NULL, NULL, "2013-10-08T00:00:00.000000001Z", "1381190400000000001"},
        {"rfc3339", NULL, NULL, "2013-10-08 02:00:00.5+02:00", "1381190400500000000"},
        {"rfc3339", NULL, NULL, "2013-10-08T00:00:00.12345678900Z", "1381190400123456789"},
        {"rfc3339", NULL, NULL, "2013-10-08T00:00:00.1234567891Z",
         "!column 1 (ts_event): '2013-10-08T00:00:00.1234567891Z' is finer than a nanosecond"},
        {"rfc3339", NULL, NULL, "08/10/2013",
         "!column 1 (ts_event): '08/10/2013' is not a time like 2013-10-08T13:30:00.123Z"},
        {"rfc3339", NULL, NULL, "1500-01-01T00:00:00Z",
         "!column 1 (ts_event): '1500-01-01T00:00:00Z' is not between the years 1677 and 2262"},
        {"ms", NULL, NULL, "808.06720001",
         "!column 1 (ts_event): '808.06720001' is finer than a nanosecond or too far from 1970"},
        {"s", NULL, NULL, "99999999999",
         "!column 1 (ts_event): '99999999999' is finer than a nanosecond or too far from 1970"},
        {"ns", NULL, NULL, "9223372036854775808",
         "!column 1 (ts_event): '9223372036854775808' is finer than a nanosecond or too far from "
         "1970"},
        {"ns", NULL, NULL, "-9223372036854775808",
         "!column 1 (ts_event): '-9223372036854775808' is finer than a nanosecond or too far from "
         "1970"},
        {"ns", "2013-10-08", NULL, "9223372036854775807",
         "!column 1 (ts_event): '9223372036854775807' is finer than a nanosecond or too far from "
         "1970"},
        {"ns", NULL, NULL, "12:30", "!column 1 (ts_event): '12:30' is not a number"},
        {"ns", NULL, NULL, "", "!the row has no time"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_import_options options = trade_options();
        options.time_unit = cases[i].unit;
        options.date = cases[i].date;
        options.timezone = cases[i].zone;
        char row[256];
        char line[LINE_BYTES];
        char expected[LINE_BYTES];
        snprintf(row, sizeof row, "%s,1,2", cases[i].time);
        convert(&options, row, line);
        if (cases[i].expected[0] == '!')
            snprintf(expected, sizeof expected, "%s", cases[i].expected);
        else
            snprintf(expected, sizeof expected,
                     "{\"seq\":0,\"type\":\"trade\",\"provider\":\"import\",\"symbol\":\"X\",\"ts_"
                     "recv\":%s,"
                     "\"ts_event\":%s,\"price\":1,\"size\":2}",
                     cases[i].expected, cases[i].expected);
        check_line(line, expected);
    }
}

struct row_case {
    const char *columns;
    const char *rows;
    const char *expected; /* behind the times */
};

static void check_rows(const struct qta_import_options *base, const struct row_case *cases,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qta_import_options options = *base;
        options.columns = cases[i].columns;
        char line[LINE_BYTES];
        convert(&options, cases[i].rows, line);
        const char *body = strstr(line, "\"ts_recv\"");
        check_line(line[0] == '!' ? line : body, cases[i].expected);
    }
}
#define CHECK_ROWS(options, cases) check_rows(options, cases, sizeof(cases) / sizeof((cases)[0]))

static void trades_take_every_column_they_can_have(void **state)
{
    (void)state;
    static const struct row_case cases[] = {
        {"ts_event=1,price=2,id=3,exchange=4,conditions=5,tape=6,side=7,src_seq=8",
         "7,1.5,123,Q,2000,A,buy,99",
         "\"ts_recv\":7,\"ts_event\":7,\"src_seq\":99,\"price\":1.5,\"id\":123,\"exchange\":\"Q\","
         "\"conditions\":[\"2000\"],\"tape\":\"A\",\"side\":\"buy\"}"},
        {"ts_event=1,price=2,id=3,exchange=4,conditions=5,tape=6,side=7,src_seq=8", "7,1.5,,,,,,",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1.5}"},
        {"ts_event=1,ts_recv=2,price=3", "7,9,1", "\"ts_recv\":9,\"ts_event\":7,\"price\":1}"},
        {"ts_event=1,ts_recv=2,price=3", "7,,1", "\"ts_recv\":7,\"ts_event\":7,\"price\":1}"},
        {"ts_recv=1,price=2", "7,1", "\"ts_recv\":7,\"price\":1}"},
        {"ts_event=1,price=2,side=3", "7,1,S",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"side\":\"sell\"}"},
        {"ts_event=1,price=2,id=3", "7,1,18446744073709551614",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"id\":18446744073709551614}"},
        {"ts_event=1,price=2,id=3", "7,1,18446744073709551615",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"id\":\"18446744073709551615\"}"},
        {"ts_event=1,price=2,id=3", "7,1,007",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"id\":\"007\"}"},
        {"ts_event=1,price=2,id=3", "7,1,6d1ba7e2-41ae-4c4e-a6b3-2c2b2c4d0c55",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,"
         "\"id\":\"6d1ba7e2-41ae-4c4e-a6b3-2c2b2c4d0c55\"}"},
        {"ts_event=1,price=2,conditions=3", "7,1, T I",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"conditions\":[\" T I\"]}"},
        {"ts_event=time,price=px", "px,other,time\n1,2,3",
         "\"ts_recv\":3,\"ts_event\":3,\"price\":1}"},
        {"ts_event=time,price=px", "px,other,tim\n1,2,3",
         "!the header has no column 'time' for ts_event; it begins with 'px'"},
        {"ts_event=time,price=px", "px,time,time\n1,2,3",
         "!the header has several columns 'time' for ts_event; give its number"},
        {"ts_event=time,price=9", "px,time\n1,2",
         "!price is to be column 9, but the row has 2 (is the delimiter right?)"},
        {"ts_event=1,price=2", "7,1\n7,1,1", "!the row has 3 cells, the first one has 2"},
        {"ts_event=1,price=2", "7,1\n7", "!the row has 1 cells, the first one has 2"},
        {"ts_event=1,price=2", "7,1\n", "!an empty line between rows: every line must be a row"},
        {"ts_event=1,price=2,side=3", "7,1,up", "!column 3 (side): 'up' is neither buy nor sell"},
        {"ts_event=1,price=2,tape=3", "7,1,AB",
         "!column 3 (tape): 'AB' is more than one character"},
        {"ts_event=1,price=2,src_seq=3", "7,1,-1",
         "!column 3 (src_seq): '-1' is not a whole number"},
    };
    struct qta_import_options options = trade_options();
    CHECK_ROWS(&options, cases);
}

static void conditions_are_split_only_when_asked(void **state)
{
    (void)state;
    static const struct row_case cases[] = {
        {"ts_event=1,price=2,conditions=3", "7,1,@ F  T",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"conditions\":[\"@\",\"F\",\"T\"]}"},
        {"ts_event=1,price=2,conditions=3", "7,1,1 2 3 4",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"conditions\":[\"1\",\"2\",\"3\",\"4\"]}"},
        {"ts_event=1,price=2,conditions=3", "7,1,1 2 3 4 5",
         "\"ts_recv\":7,\"ts_event\":7,\"price\":1,\"conditions\":[\"1\",\"2\",\"3\",\"4\"],"
         "\"flags\":[\"conditions_cut\"]}"},
        {"ts_event=1,price=2,conditions=3", "7,1, ", "\"ts_recv\":7,\"ts_event\":7,\"price\":1}"},
    };
    struct qta_import_options options = trade_options();
    options.conditions_separator = ' ';
    CHECK_ROWS(&options, cases);
}

static void quotes_may_have_one_side_or_two(void **state)
{
    (void)state;
    static const char columns[] =
        "ts_event=1,bid_price=2,bid_size=3,ask_price=4,ask_size=5,exchange=6,conditions=7";
    static const struct row_case cases[] = {
        {columns, "7,4918,3,4920,5,P,1",
         "\"ts_recv\":7,\"ts_event\":7,\"bid_price\":49.18,\"bid_size\":3,\"bid_exchange\":\"P\","
         "\"ask_price\":49.20,\"ask_size\":5,\"ask_exchange\":\"P\",\"conditions\":[\"1\"]}"},
        {columns, "7,0,0,4920,5,P,1",
         "\"ts_recv\":7,\"ts_event\":7,\"ask_price\":49.20,\"ask_size\":5,\"ask_exchange\":\"P\","
         "\"conditions\":[\"1\"]}"},
        {columns, "7,4918,3,0,0,P,",
         "\"ts_recv\":7,\"ts_event\":7,\"bid_price\":49.18,\"bid_size\":3,\"bid_exchange\":\"P\"}"},
        {columns, "7,4918,0,0,0,,", "\"ts_recv\":7,\"ts_event\":7,\"bid_price\":49.18}"},
        {columns, "7,0,0,0,0,Q,",
         "\"ts_recv\":7,\"ts_event\":7,\"bid_exchange\":\"Q\",\"ask_exchange\":\"Q\"}"},
        {columns, "0,00,0,0,0,,", "\"ts_recv\":0,\"ts_event\":0,\"bid_price\":0.00}"},
        {"ts_event=1,bid_price=2,bid_exchange=3,ask_price=4,ask_exchange=5,tape=6", "7,1,V,2,Q,C",
         "\"ts_recv\":7,\"ts_event\":7,\"bid_price\":0.01,\"bid_exchange\":\"V\",\"ask_price\":0."
         "02,"
         "\"ask_exchange\":\"Q\",\"tape\":\"C\"}"},
    };
    struct qta_import_options options = trade_options();
    options.type = "quotes";
    options.scales = "bid_price=1e-2,ask_price=1e-2";
    options.null_text = "0";
    CHECK_ROWS(&options, cases);
}

static void empty_prices_are_absent_when_that_is_the_null_text(void **state)
{
    (void)state;
    static const struct row_case cases[] = {
        {"ts_event=1,price=2,size=3", "7,1,", "\"ts_recv\":7,\"ts_event\":7,\"price\":1}"},
    };
    struct qta_import_options options = trade_options();
    options.null_text = "";
    CHECK_ROWS(&options, cases);
}

static void symbols_come_from_a_column_or_from_the_options(void **state)
{
    (void)state;
    struct qta_import_options options = trade_options();
    options.columns = "ts_event=1,price=2,symbol=3";
    options.symbol = NULL;
    options.provider = "lean";
    char line[LINE_BYTES];
    convert(&options, "7,1,SPY", line);
    check_line(
        line,
        "{\"seq\":0,\"type\":\"trade\",\"provider\":\"lean\",\"symbol\":\"SPY\",\"ts_recv\":7,"
        "\"ts_event\":7,\"price\":1}");
    convert(&options, "7,1,", line);
    check_line(line, "!column 3 (symbol): '' is not a symbol");
    char row[QTA_NAME_MAX_BYTES + 32];
    snprintf(row, sizeof row, "7,1,%0*d", QTA_NAME_MAX_BYTES + 1, 5);
    convert(&options, row, line);
    check_line(line, "!column 3 (symbol): '00000000000000000000000000000000000000000000...' is too "
                     "long, or the session has no room for one more name of its kind");
}

static void wrong_options_are_one_clear_error(void **state)
{
    (void)state;
    static const char good[] = "ts_event=1,price=2";
    static const struct {
        struct qta_import_options options;
        const char *expected;
    } cases[] = {
        {{.columns = good, .symbol = "X", .time_unit = "ns"},
         "type: it is missing: trade or quote"},
        {{.type = "bar", .columns = good, .symbol = "X", .time_unit = "ns"},
         "type: 'bar' is neither trade nor quote"},
        {{.type = "trade", .symbol = "X", .time_unit = "ns"},
         "columns: they are missing, e.g. ts_event=1,price=2,size=3"},
        {{.type = "trade", .columns = "ts_event=1,price", .symbol = "X", .time_unit = "ns"},
         "columns: 'price' is not of the form name=value"},
        {{.type = "trade", .columns = "ts_event=1,,price=2", .symbol = "X", .time_unit = "ns"},
         "columns: '' is not of the form name=value"},
        {{.type = "trade", .columns = "ts_event=1,prise=2", .symbol = "X", .time_unit = "ns"},
         "columns: a trade has no column 'prise' (have: ts_event, ts_recv, symbol, src_seq, price, "
         "size, id, exchange, conditions, tape, side)"},
        {{.type = "quote", .columns = "ts_event=1,price=2", .symbol = "X", .time_unit = "ns"},
         "columns: a quote has no column 'price' (have: ts_event, ts_recv, symbol, src_seq, "
         "bid_price, bid_size, bid_exchange, ask_price, ask_size, ask_exchange, conditions, tape, "
         "exchange)"},
        {{.type = "trade", .columns = "ts_event=1,price=2,price=3", .symbol = "X"},
         "columns: 'price' is given twice"},
        {{.type = "trade", .columns = "ts_event=0,price=2", .symbol = "X"},
         "columns: 'ts_event=0': columns count from 1 to 4096"},
        {{.type = "trade", .columns = "ts_event=1,price=4097", .symbol = "X"},
         "columns: 'price=4097': columns count from 1 to 4096"},
        {{.type = "trade", .columns = "ts_event=1,price=18446744073709551617", .symbol = "X"},
         "columns: 'price=18446744073709551617': columns count from 1 to 4096"},
        {{.type = "trade", .columns = "price=2", .symbol = "X"},
         "columns: ts_event or ts_recv is needed"},
        {{.type = "trade", .columns = "ts_event=2", .symbol = "X"}, "columns: a trade needs price"},
        {{.type = "quote", .columns = "ts_event=2,bid_size=1", .symbol = "X"},
         "columns: a quote needs bid_price or ask_price"},
        {{.type = "quote", .columns = "ts_event=2,bid_price=1,exchange=3,ask_exchange=3"},
         "columns: exchange is for both sides, so it excludes bid_exchange and ask_exchange"},
        {{.type = "trade", .columns = good, .scales = "size=2", .symbol = "X"},
         "scales: columns have no 'size'"},
        {{.type = "trade", .columns = good, .scales = "ts_event=2", .symbol = "X"},
         "scales: 'ts_event' is no price or size"},
        {{.type = "trade", .columns = good, .scales = "price=0", .symbol = "X"},
         "scales: 'price=0' is not a positive number like 1e-4 or 0.25"},
        {{.type = "trade", .columns = good, .scales = "price=-1", .symbol = "X"},
         "scales: 'price=-1' is not a positive number like 1e-4 or 0.25"},
        {{.type = "trade", .columns = good, .scales = "price=x", .symbol = "X"},
         "scales: 'price=x' is not a positive number like 1e-4 or 0.25"},
        {{.type = "trade", .columns = good, .symbol = "X", .time_unit = "min"},
         "time unit: 'min' is none of s, ms, us, ns, rfc3339"},
        {{.type = "trade", .columns = good, .symbol = "X", .time_unit = "ms", .timezone = "UTC"},
         "time zone: it needs a date, whose midnight there the times count from"},
        {{.type = "trade", .columns = good, .time_unit = "rfc3339", .date = "2013-10-08"},
         "date: rfc3339 times have their own; use it with s, ms, us or ns"},
        {{.type = "trade", .columns = good, .symbol = "X", .time_unit = "ms", .date = "2013-02-30"},
         "date: '2013-02-30' is not a day like 2013-10-08"},
        {{.type = "trade",
          .columns = good,
          .time_unit = "ms",
          .date = "2013-10-08",
          .timezone = "Mars/Base"},
         "time zone: 'Mars/Base' is not one like America/New_York or UTC"},
        {{.type = "trade", .columns = good, .time_unit = "ms"},
         "symbol: neither it nor a column is given"},
        {{.type = "trade",
          .columns = "ts_event=1,price=2,symbol=3",
          .time_unit = "ms",
          .symbol = "X"},
         "symbol: it is given, and columns have one, too"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_error err = {.message = ""};
        struct qta_dictionary *names;
        assert_int_equal(qta_dictionary_create(&names, &err), QTA_OK);
        struct qta_csv_mapping *mapping = NULL;
        assert_int_equal(qta_csv_mapping_create(&mapping, &cases[i].options, names, &err),
                         QTA_ERR_USAGE);
        check_line(err.message, cases[i].expected);
        assert_int_equal(err.status, QTA_ERR_USAGE);
        assert_null(mapping);
        qta_dictionary_destroy(names);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_and_sizes_keep_their_digits),
        cmocka_unit_test(times_are_exact_to_the_nanosecond),
        cmocka_unit_test(trades_take_every_column_they_can_have),
        cmocka_unit_test(conditions_are_split_only_when_asked),
        cmocka_unit_test(quotes_may_have_one_side_or_two),
        cmocka_unit_test(empty_prices_are_absent_when_that_is_the_null_text),
        cmocka_unit_test(symbols_come_from_a_column_or_from_the_options),
        cmocka_unit_test(wrong_options_are_one_clear_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
