/* Sessions as text and back again. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/exchange.h>

#include "tests/storage/session_fixture.h"

enum { TICKS = 3000 };

/* ---- ticks that text can carry: everything but what the manual page names -------------------- */

static const char *const words[] = {"A",         "AAPL",        "BTC/USD",
                                    "a b",       " padded ",    "comma, \"quote\"",
                                    "line\nend", "tab\tand \\", "\xc3\xa9\xe2\x82\xac",
                                    "\x01",      "123",         "-1",
                                    "null",      "other"};
static const char *const conditions[] = {"@", "F", " ", "odd lot", "\"", ","};

static const char *any_word(uint64_t *random)
{
    return words[random_below(random, sizeof words / sizeof words[0])];
}

static uint32_t any_name(uint64_t *random, struct qta_dictionary *names, enum qta_name_kind kind)
{
    const char *word = any_word(random);
    return qta_dictionary_intern(names, kind, word, strlen(word));
}

static uint64_t any_number(uint64_t *random)
{
    return random_next(random) >> random_below(random, 64);
}

static unsigned count_words(const struct qta_field *field)
{
    unsigned count = 0;
    while (field->enum_name(count + 1)[0] != '\0')
        count++;
    return count;
}

static void fill_field(uint64_t *random, struct qta_dictionary *names, struct qta_tick *tick,
                       const struct qta_field *field, int exponent_max)
{
    uint8_t *base = (uint8_t *)tick + field->offset;
    uint64_t word = any_number(random);
    uint32_t id = any_name(random, names, QTA_NAME_TEXT);
    uint16_t code = (uint16_t)any_name(random, names, QTA_NAME_CODE);
    int8_t exponent = (int8_t)((int)random_below(random, 101 + (unsigned)exponent_max) - 100);
    if (random_below(random, 4) == 0)
        return;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        memcpy(base, &word, sizeof word);
        memcpy((uint8_t *)tick + field->exponent_offset, &exponent, 1);
        break;
    case QTA_FIELD_ID:
        word = tick->flags & QTA_FLAG_ID_IS_TEXT ? id : word;
        memcpy(base, &word, sizeof word);
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        memcpy(base, &word, sizeof word);
        break;
    case QTA_FIELD_I32:
    case QTA_FIELD_TEXT:
        memcpy(base, &id, sizeof id);
        break;
    case QTA_FIELD_CODE:
        memcpy(base, &code, sizeof code);
        break;
    case QTA_FIELD_CONDITIONS:
        for (uint64_t i = 0; i < 1 + word % QTA_CONDITIONS_MAX; i++) {
            const char *name = conditions[random_below(random, 6)];
            code = (uint16_t)qta_dictionary_intern(names, QTA_NAME_CODE, name, strlen(name));
            memcpy(base + i * sizeof code, &code, sizeof code);
        }
        break;
    case QTA_FIELD_CHAR:
        *base = (uint8_t)(1 + random_below(random, 126));
        break;
    case QTA_FIELD_ENUM:
        *base = (uint8_t)random_below(random, count_words(field) + 1);
        break;
    case QTA_FIELD_FLAG:
        tick->flags |= field->flag;
        break;
    }
}

static void make_tick(uint64_t *random, struct qta_dictionary *names, struct qta_tick *tick,
                      int exponent_max)
{
    static const uint32_t flags = QTA_FLAG_ROUNDED | QTA_FLAG_FROM_FLOAT | QTA_FLAG_CONDITIONS_CUT |
                                  QTA_FLAG_TIME_RAISED;
    size_t count = 0;
    unsigned type = 0;
    const struct qta_field *fields = NULL;
    while (!fields)
        fields = qta_tick_fields(type = (unsigned)random_below(random, QTA_TICK_TYPE_END), &count);
    qta_tick_init(tick, (enum qta_tick_type)type);
    if (random_below(random, 3) == 0)
        tick->flags |= (uint32_t)random_next(random) & flags;
    bool has_id = type == QTA_TICK_TRADE || type == QTA_TICK_TRADE_CANCEL;
    if (has_id && random_below(random, 2) == 0) {
        tick->flags |= QTA_FLAG_ID_IS_TEXT;
        tick->trade.id = any_name(random, names, QTA_NAME_TEXT);
    }
    if (random_below(random, 4) != 0)
        tick->ts_event_ns = (int64_t)(any_number(random) - (uint64_t)INT64_MAX / 2);
    if (random_below(random, 2) == 0)
        tick->src_seq = any_number(random);
    if (random_below(random, 4) != 0)
        tick->symbol = any_name(random, names, QTA_NAME_SYMBOL);
    if (random_below(random, 4) != 0)
        tick->provider = (uint16_t)any_name(random, names, QTA_NAME_PROVIDER);
    tick->conn = (uint32_t)random_below(random, 3);
    for (size_t i = 0; i < count; i++)
        fill_field(random, names, tick, &fields[i], exponent_max);
}

static void make_session(const char *path, uint64_t seed, int exponent_max)
{
    struct qta_error err;
    struct qta_dictionary *names;
    struct qta_session_writer *writer;
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = path;
    options.fsync_interval_ns = -1;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    if (qta_session_writer_create(&writer, &options, names, &err) != QTA_OK)
        fail_msg("create: %s", err.message);
    for (uint64_t i = 0; i < TICKS; i++) {
        struct qta_tick tick;
        make_tick(&seed, names, &tick, exponent_max);
        tick.rx_seq = i + 1;
        tick.ts_recv_ns = INT64_C(-100000000000) + (int64_t)i * 123456789;
        assert_int_equal(qta_session_writer_append(writer, &tick, &err), QTA_OK);
    }
    assert_int_equal(qta_session_writer_close(writer, &err), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
}

/* ---- there and back ---------------------------------------------------------------------------
 */

static void export_to(const char *session, const char *file, enum qta_exchange_format format,
                      enum qta_time_format times)
{
    struct qta_error err;
    struct qta_export_source source = {.path = session, .filter = qta_session_filter_default()};
    struct qta_export_options options = {.format = format, .output = file, .times = times};
    struct qta_export_result result;
    if (qta_session_export(&source, 1, &options, &result, &err) != QTA_OK)
        fail_msg("export: %s", err.message);
    assert_int_equal(result.records, TICKS);
    assert_int_equal(result.problems, 0);
    assert_int_equal(result.files, 1);
}

static void fail_at_problem(void *user, const char *problem)
{
    (void)user;
    fail_msg("%s", problem);
}

static void restore_from(const char *file, const char *session, enum qta_exchange_format format)
{
    struct qta_error err;
    struct qta_restore_options options = {.format = format, .on_problem = fail_at_problem};
    struct qta_restore_result result;
    if (qta_session_restore(&file, 1, session, &options, &result, &err) != QTA_OK)
        fail_msg("import: %s", err.message);
    assert_int_equal(result.records, TICKS);
    assert_int_equal(result.bad_lines, 0);
    assert_int_equal(result.renumbered, 0);
    assert_int_equal(result.times_raised, 0);
}

static void check_round_trip(int exponent_max, bool is_full)
{
    static const struct {
        const char *name;
        enum qta_exchange_format format;
        enum qta_time_format times;
    } cases[] = {
        {"a.ndjson", QTA_EXCHANGE_NDJSON, QTA_TIME_FORMAT_RFC3339},
        {"b.ndjson.zst", QTA_EXCHANGE_NDJSON, QTA_TIME_FORMAT_NS},
        {"c.csv", QTA_EXCHANGE_CSV, QTA_TIME_FORMAT_RFC3339},
        {"d.csv.gz", QTA_EXCHANGE_CSV, QTA_TIME_FORMAT_NS},
    };
    struct scratch scratch;
    scratch_make_in_memory(&scratch);
    make_session(scratch.session, 7, exponent_max);
    struct qta_digest first;
    read_session(scratch.session, NULL, &first);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].name);
        char file[300];
        char session[300];
        struct qta_digest again;
        snprintf(file, sizeof file, "%s/%s", scratch.path, cases[i].name);
        snprintf(session, sizeof session, "%s/back-%zu", scratch.path, i);
        export_to(scratch.session, file, cases[i].format, cases[i].times);
        restore_from(file, session, cases[i].format);
        read_session(session, NULL, &again);
        assert_int_equal(again.ticks, TICKS);
        assert_int_equal(again.market, first.market);
        if (is_full)
            assert_int_equal(again.full, first.full);
    }
    scratch_remove(&scratch);
}

static void text_comes_back_with_the_same_full_digest(void **state)
{
    (void)state;
    check_round_trip(0, true);
}

/* {1, 5} is printed as 100000: the digits differ then, not the value. */
static void exponents_above_zero_come_back_with_the_same_value(void **state)
{
    (void)state;
    check_round_trip(100, false);
}

/* ---- lines that are wrong ---------------------------------------------------------------------
 */

struct problems {
    char text[4096];
    size_t used;
};

static void note_problem(void *user, const char *problem)
{
    struct problems *problems = user;
    const char *name = strrchr(problem, '/'); /* the folder has a random name */
    problems->used += (size_t)snprintf(problems->text + problems->used,
                                       sizeof problems->text - problems->used, "%s\n",
                                       name ? name + 1 : problem);
}

static void check_bad_lines(const char *name, enum qta_exchange_format format, const char *content,
                            const char *expected_problems, uint64_t expected_records)
{
    struct scratch scratch;
    scratch_make_in_memory(&scratch);
    char path[300];
    snprintf(path, sizeof path, "%s/%s", scratch.path, name);
    write_file(path, content, strlen(content));
    struct problems problems = {.used = 0};
    struct qta_restore_options options = {
        .format = format, .on_problem = note_problem, .user = &problems};
    struct qta_restore_result result;
    struct qta_error err;
    const char *file = path;
    if (qta_session_restore(&file, 1, scratch.session, &options, &result, &err) != QTA_OK)
        fail_msg("import: %s", err.message);
    assert_string_equal(problems.text, expected_problems);
    assert_int_equal(result.records, expected_records);
    size_t lines = 0;
    for (const char *p = problems.text; *p; p++)
        lines += *p == '\n';
    assert_int_equal(result.bad_lines, lines);
    struct qta_digest digest;
    read_session(scratch.session, NULL, &digest);
    assert_int_equal(digest.ticks, expected_records);
    scratch_remove(&scratch);
}

static void bad_lines_of_ndjson_are_told_once_each_and_left_out(void **state)
{
    (void)state;
    check_bad_lines(
        "x", QTA_EXCHANGE_NDJSON,
        "{\"seq\":1,\"type\":\"trade\",\"ts_recv\":1,\"price\":1}\n"
        "{\"seq\":2,\"type\":\"trade\",\"ts_recv\":2,\"price\":\"x\"}\n"
        "\n"
        "{\"seq\":3,\"type\":\"trade\",\"ts_recv\":3,\"price\":1\n"
        "{\"seq\":4,\"type\":\"trad\",\"ts_recv\":4,\"price\":1}\n"
        "{\"seq\":5,\"ts_recv\":4,\"price\":1}\n"
        "{\"seq\":6,\"type\":\"trade\",\"bid_price\":4,\"ts_recv\":1}\n"
        "{\"seq\":7,\"type\":\"trade\",\"price\":1,\"price\":2,\"ts_recv\":1}\n"
        "{\"seq\":8,\"type\":\"trade\",\"price\":1}\n"
        "[1]\n"
        "{\"seq\":9,\"type\":\"trade\",\"ts_recv\":3,\"conditions\":\"a\"}\n"
        "{\"seq\":9,\"type\":\"trade\",\"ts_recv\":3,\"flags\":[\"red\"]}\n"
        "{\"seq\":9,\"type\":\"trade_correct\",\"ts_recv\":3,\"original_id\":1,"
        "\"corrected_id\":\"1\"}\n"
        "{\"type\":\"trade\",\"ts_event\":\"2024-05-01T13:30:00Z\",\"price\":1,\"size\":null}\n"
        "{\"type\":\"trade\",\"ts_event\":5,\"price\":123456789012345678901}\n"
        "{\"type\":\"trade\",\"ts_event\":5,\"price\":1}\r\n"
        "{\"type\":\"trade\",\"ts_event\":6,\"price\":1}",
        "x:2: price 'x' is not a number of at most 19 digits\n"
        "x:4: byte 46: the line is cut off\n"
        "x:5: type 'trad' is none of ours\n"
        "x:6: the type is missing\n"
        "x:7: bid_price '4' stands in a tick of a type that has no such field\n"
        "x:8: price '2' is there for the second time\n"
        "x:9: neither ts_recv nor ts_event is there\n"
        "x:10: byte 1: not an object\n"
        "x:11: byte 50: not an array\n"
        "x:12: flags 'red' is no flag\n"
        "x:13: corrected_id '1' is text where another id is a number, or the other way\n"
        "x:14: byte 68: a value that no field of a tick has\n"
        "x:15: price '123456789012345678901' is not a number of at most 19 digits\n",
        3);
}

static void bad_rows_of_csv_are_told_once_each_and_left_out(void **state)
{
    (void)state;
    check_bad_lines("x", QTA_EXCHANGE_CSV,
                    "type,ts_recv,price,bid_price,id,conditions,flags\n"
                    "trade,1,1,,1,a|b,\n"
                    "trade,2,x,,,,\n"
                    "trade,3,1,2,,,\n"
                    "trade,4,1\n"
                    "quote,5,,1,,,\n"
                    "trade,6,1,,x,,\n"
                    "trade,6,1,,x,,id_is_text\n"
                    "trade,7,1,,,a||b,\n"
                    "trade,8,1,,,a|b|c|d|e,\n"
                    "trade,9,1,,,,red\n"
                    ",9,1,,,,\n"
                    "trade,,1,,,,\n"
                    "trade,10,a\"b,,,,\n"
                    "\n"
                    "trade,11,\"1,,,,\n",
                    "x:3: price 'x' is not a number of at most 19 digits\n"
                    "x:4: bid_price '2' stands in a column that a tick of this type has not\n"
                    "x:5: the row has 3 cells, the header has 7\n"
                    "x:7: id 'x' is not a whole number that fits\n"
                    "x:9: conditions 'a||b' is an empty condition\n"
                    "x:10: conditions 'a|b|c|d|e' is more than a fourth condition\n"
                    "x:11: flags 'red' is no flag\n"
                    "x:12: type '' is none of ours\n"
                    "x:13: neither ts_recv nor ts_event is there\n"
                    "x:14: a quote inside a cell: quote the whole cell and double it\n"
                    "x:16: a quoted cell has no end\n",
                    3);
}

static void long_lines_are_refused_and_passed_over(void **state)
{
    (void)state;
    enum { LONG = 3 * 1024 * 1024 };
    static const char good[] = "{\"type\":\"trade\",\"ts_recv\":1,\"price\":1}\n";
    char *content = malloc(LONG + 2 * sizeof good);
    assert_non_null(content);
    memcpy(content, good, sizeof good - 1);
    memset(content + sizeof good - 1, 'x', LONG);
    memcpy(content + sizeof good - 1 + LONG, "\n", 1);
    memcpy(content + sizeof good + LONG, good, sizeof good);
    check_bad_lines("x", QTA_EXCHANGE_NDJSON, content, "x:2: the line is longer than 1 MiB\n", 2);
    free(content);
}

static void a_csv_without_our_header_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        const char *message;
    } cases[] = {
        {"", ":1: the header is missing: the file is empty"},
        {"time,type\n", ":1: not a header of ours, and no columns are named: column 'time' is "
                        "no field of a tick"},
        {"price,ts_recv\n", ":1: not a header of ours, and no columns are named: no column "
                            "'type'"},
        {"type,price,price\n", ":1: not a header of ours, and no columns are named: column "
                               "'price' is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct scratch scratch;
        scratch_make_in_memory(&scratch);
        char path[300];
        snprintf(path, sizeof path, "%s/x", scratch.path);
        write_file(path, cases[i].content, strlen(cases[i].content));
        struct qta_restore_options options = {.format = QTA_EXCHANGE_CSV};
        struct qta_restore_result result;
        struct qta_error err;
        const char *file = path;
        assert_int_equal(qta_session_restore(&file, 1, scratch.session, &options, &result, &err),
                         QTA_ERR_FORMAT);
        assert_string_equal(err.message + strlen(path), cases[i].message);
        assert_int_not_equal(access(scratch.session, F_OK), 0);
        scratch_remove(&scratch);
    }
}

/* A packed file that is cut off is no bad line: it would never end. */
static void a_file_that_is_cut_off_fails_and_leaves_nothing(void **state)
{
    (void)state;
    struct scratch scratch;
    scratch_make_in_memory(&scratch);
    make_session(scratch.session, 3, 0);
    for (int i = 0; i < 2; i++) {
        char path[300];
        char output[300];
        const char *file = path;
        size_t length;
        snprintf(path, sizeof path, "%s/x%s.zst", scratch.path, i == 0 ? ".ndjson" : ".csv");
        snprintf(output, sizeof output, "%s/back", scratch.path);
        enum qta_exchange_format format = i == 0 ? QTA_EXCHANGE_NDJSON : QTA_EXCHANGE_CSV;
        export_to(scratch.session, path, format, QTA_TIME_FORMAT_NS);
        free(load_file(path, &length));
        assert_int_equal(truncate(path, (off_t)length / 2), 0);
        struct qta_restore_options options = {.format = format};
        struct qta_restore_result result;
        struct qta_error err;
        assert_int_equal(qta_session_restore(&file, 1, output, &options, &result, &err),
                         QTA_ERR_FORMAT);
        assert_non_null(strstr(err.message, "is cut off"));
        assert_int_not_equal(access(output, F_OK), 0);
    }
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_comes_back_with_the_same_full_digest),
        cmocka_unit_test(exponents_above_zero_come_back_with_the_same_value),
        cmocka_unit_test(bad_lines_of_ndjson_are_told_once_each_and_left_out),
        cmocka_unit_test(bad_rows_of_csv_are_told_once_each_and_left_out),
        cmocka_unit_test(long_lines_are_refused_and_passed_over),
        cmocka_unit_test(a_csv_without_our_header_is_refused),
        cmocka_unit_test(a_file_that_is_cut_off_fails_and_leaves_nothing),
    };
    return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
