/* Ticks as text: the names and forms that scripts rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

static struct qta_dictionary *names;

static int make_names(void **state)
{
    (void)state;
    return qta_dictionary_create(&names, NULL) == QTA_OK ? 0 : -1;
}

static int drop_names(void **state)
{
    (void)state;
    qta_dictionary_destroy(names);
    return 0;
}

static uint32_t name(enum qta_name_kind kind, const char *text)
{
    return qta_dictionary_intern(names, kind, text, strlen(text));
}

/* 2024-05-01T13:30:00.000000001Z */
static const int64_t base_ns = INT64_C(1714570200000000001);

static struct qta_tick make(enum qta_tick_type type)
{
    struct qta_tick tick;
    qta_tick_init(&tick, type);
    tick.rx_seq = 7;
    tick.ts_recv_ns = base_ns + 1500;
    tick.ts_event_ns = base_ns;
    tick.symbol = name(QTA_NAME_SYMBOL, "AAPL");
    tick.provider = (uint16_t)name(QTA_NAME_PROVIDER, "alpaca");
    tick.conn = 2;
    return tick;
}

static struct qta_tick make_trade(void)
{
    struct qta_tick tick = make(QTA_TICK_TRADE);
    QTA_TICK_SET_DECIMAL(tick.trade, price, qta_decimal_make(19050, -2));
    QTA_TICK_SET_DECIMAL(tick.trade, size, qta_decimal_make(100, 0));
    tick.trade.id = UINT64_C(61000000000417);
    tick.trade.exchange = 'V';
    tick.trade.conditions[0] = '@';
    tick.trade.conditions[1] = (uint16_t)name(QTA_NAME_CODE, "odd lot");
    tick.trade.tape = 'C';
    tick.trade.side = QTA_SIDE_SELL;
    return tick;
}

static void assert_prints(const struct qta_tick *tick, enum qta_print_format format,
                          enum qta_time_format times, const char *expected)
{
    char text[1024];
    size_t length = qta_print_tick(tick, names, format, times, text, sizeof text);
    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

#define HEAD "{\"seq\":7,\"type\":\"%s\",\"provider\":\"alpaca\",\"symbol\":\"AAPL\","
#define TIMES                                                                                      \
    "\"ts_recv\":\"2024-05-01T13:30:00.000001501Z\",\"ts_event\":\"2024-05-01T13:30:00.000000001Z" \
    "\",\"conn\":2,"

static void assert_json(const struct qta_tick *tick, const char *body)
{
    char expected[1024];
    snprintf(expected, sizeof expected, HEAD TIMES "%s}\n", qta_tick_type_name(tick->type), body);
    assert_prints(tick, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, expected);
}

static void a_trade_prints_every_digit_and_leaves_out_what_is_absent(void **state)
{
    (void)state;
    struct qta_tick trade = make_trade();
    assert_json(&trade, "\"price\":190.50,\"size\":100,\"id\":61000000000417,\"exchange\":\"V\","
                        "\"conditions\":[\"@\",\"odd lot\"],\"tape\":\"C\",\"side\":\"sell\"");
    struct qta_tick bare = make(QTA_TICK_TRADE);
    QTA_TICK_SET_DECIMAL(bare.trade, price, qta_decimal_make(0, 0));
    assert_json(&bare, "\"price\":0");
}

static void times_can_be_integers_of_nanoseconds(void **state)
{
    (void)state;
    struct qta_tick tick = make(QTA_TICK_MARKER);
    tick.symbol = 0;
    tick.conn = 0;
    tick.provider = 0;
    tick.ts_event_ns = -5;
    tick.marker.note = name(QTA_NAME_TEXT, "open");
    assert_prints(&tick, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_NS,
                  "{\"seq\":7,\"type\":\"marker\",\"ts_recv\":1714570200000001501,"
                  "\"ts_event\":-5,\"note\":\"open\"}\n");
}

static void every_type_prints_its_own_fields(void **state)
{
    (void)state;
    struct qta_tick quote = make(QTA_TICK_QUOTE);
    QTA_TICK_SET_DECIMAL(quote.quote, ask_price, qta_decimal_make(4918, -1));
    QTA_TICK_SET_DECIMAL(quote.quote, ask_size, qta_decimal_make(3, 2));
    quote.quote.ask_exchange = 'P';
    quote.quote.conditions[0] = ' ';
    assert_json(&quote, "\"ask_price\":491.8,\"ask_size\":300,\"ask_exchange\":\"P\","
                        "\"conditions\":[\" \"]");

    struct qta_tick bar = make(QTA_TICK_BAR);
    QTA_TICK_SET_DECIMAL(bar.bar, open, qta_decimal_make(1, 0));
    bar.bar.trade_count = 0;
    bar.bar.interval_ns = INT64_C(60000000000);
    bar.bar.kind = QTA_BAR_MINUTE;
    assert_json(&bar, "\"open\":1,\"trades\":0,\"interval\":\"60s\",\"kind\":\"minute\"");

    struct qta_tick book = make(QTA_TICK_BOOK);
    book.flags = QTA_FLAG_BOOK_SNAPSHOT | QTA_FLAG_BOOK_LAST;
    book.book.side = QTA_SIDE_BUY;
    book.book.action = QTA_BOOK_SET;
    QTA_TICK_SET_DECIMAL(book.book, price, qta_decimal_make(71230, 0));
    QTA_TICK_SET_DECIMAL(book.book, size, qta_decimal_make(35, -2));
    assert_json(&book, "\"side\":\"buy\",\"price\":71230,\"size\":0.35,\"action\":\"set\","
                       "\"snapshot\":true,\"last\":true");

    struct qta_tick conn = make(QTA_TICK_CONN);
    conn.conn_event.state = QTA_CONN_DISCONNECTED;
    conn.conn_event.cause = QTA_CAUSE_PEER_CLOSED;
    conn.conn_event.code = 1011;
    conn.conn_event.attempt = 1;
    assert_json(&conn, "\"state\":\"disconnected\",\"cause\":\"peer_closed\",\"code\":1011,"
                       "\"attempt\":1");
}

static void flags_that_no_field_shows_are_listed(void **state)
{
    (void)state;
    struct qta_tick tick = make(QTA_TICK_TRADE);
    tick.flags = QTA_FLAG_ROUNDED | QTA_FLAG_TIME_RAISED | QTA_FLAG_ID_IS_TEXT;
    tick.trade.id = name(QTA_NAME_TEXT, "a-b-c");
    assert_json(&tick, "\"id\":\"a-b-c\",\"flags\":[\"rounded\",\"time_raised\"]");
}

static void hostile_names_stay_one_valid_line(void **state)
{
    (void)state;
    struct qta_tick tick = make(QTA_TICK_TRADE);
    tick.symbol = name(QTA_NAME_SYMBOL, "a\"b\\c\nd\x01\xff\xe2\x82\xac");
    char text[1024];
    qta_print_tick(&tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_NS, text, sizeof text);
    assert_non_null(strstr(text, "\"symbol\":\"a\\\"b\\\\c\\nd\\u0001\xef\xbf\xbd\xe2\x82\xac\","));
    qta_print_tick(&tick, names, QTA_PRINT_TEXT, QTA_TIME_FORMAT_NS, text, sizeof text);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_null(strchr(text, '\x01'));
}

static size_t count_cells(const char *line)
{
    size_t cells = 1;
    bool is_quoted = false;
    for (; *line; line++) {
        if (*line == '"')
            is_quoted = !is_quoted;
        cells += *line == ',' && !is_quoted;
    }
    return cells;
}

static void every_csv_line_has_the_columns_of_the_header(void **state)
{
    (void)state;
    const char *header = qta_print_csv_header();
    assert_int_equal(strncmp(header, "seq,type,provider,symbol,ts_recv,ts_event,", 42), 0);
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++) {
        struct qta_tick tick = make((enum qta_tick_type)type);
        tick.symbol = name(QTA_NAME_SYMBOL, "A,\"B\"");
        char text[1024];
        qta_print_tick(&tick, names, QTA_PRINT_CSV, QTA_TIME_FORMAT_NS, text, sizeof text);
        assert_int_equal(count_cells(text), count_cells(header));
        assert_non_null(strstr(text, ",\"A,\"\"B\"\"\","));
    }
    struct qta_tick trade = make_trade();
    char text[1024];
    qta_print_tick(&trade, names, QTA_PRINT_CSV, QTA_TIME_FORMAT_NS, text, sizeof text);
    assert_non_null(strstr(text, "7,trade,alpaca,AAPL,1714570200000001501,1714570200000000001,,2,"
                                 "190.50,100,61000000000417,V,@|odd lot,C,sell,"));
}

static void text_shows_a_trade_at_a_glance(void **state)
{
    (void)state;
    struct qta_tick trade = make_trade();
    assert_prints(&trade, QTA_PRINT_TEXT, QTA_TIME_FORMAT_RFC3339,
                  "2024-05-01T13:30:00.000001501Z  trade  AAPL      190.50 x 100 V sell\n");
    struct qta_tick quote = make(QTA_TICK_QUOTE);
    QTA_TICK_SET_DECIMAL(quote.quote, ask_price, qta_decimal_make(4918, -1));
    assert_prints(&quote, QTA_PRINT_TEXT, QTA_TIME_FORMAT_RFC3339,
                  "2024-05-01T13:30:00.000001501Z  quote  AAPL      - | 491.8\n");
}

static void a_line_that_does_not_fit_says_how_long_it_is(void **state)
{
    (void)state;
    struct qta_tick trade = make_trade();
    char whole[1024];
    size_t length = qta_print_tick(&trade, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_NS, whole,
                                   sizeof whole);
    for (size_t capacity = 0; capacity <= length; capacity++) {
        char *text = malloc(capacity + 1); /* exact, so that ASan sees one byte too many */
        assert_int_equal(
            qta_print_tick(&trade, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_NS, text, capacity),
            length);
        free(text);
    }
}

static void formats_are_known_by_name(void **state)
{
    (void)state;
    enum qta_print_format format = QTA_PRINT_TEXT;
    assert_true(qta_print_format_parse("none", &format));
    assert_int_equal(format, QTA_PRINT_NONE);
    assert_true(qta_print_format_parse("csv", &format));
    assert_int_equal(format, QTA_PRINT_CSV);
    assert_false(qta_print_format_parse("json", &format));
    assert_int_equal(format, QTA_PRINT_CSV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trade_prints_every_digit_and_leaves_out_what_is_absent),
        cmocka_unit_test(times_can_be_integers_of_nanoseconds),
        cmocka_unit_test(every_type_prints_its_own_fields),
        cmocka_unit_test(flags_that_no_field_shows_are_listed),
        cmocka_unit_test(hostile_names_stay_one_valid_line),
        cmocka_unit_test(every_csv_line_has_the_columns_of_the_header),
        cmocka_unit_test(text_shows_a_trade_at_a_glance),
        cmocka_unit_test(a_line_that_does_not_fit_says_how_long_it_is),
        cmocka_unit_test(formats_are_known_by_name),
    };
    return cmocka_run_group_tests_name("print", tests, make_names, drop_names);
}
