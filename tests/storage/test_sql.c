/* SQL over a session: the extension's own objects, linked in, so that sanitizers see them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/print.h>

#include "core/tick_value.h"
#include "tests/storage/session_fixture.h"

/* without sqlite3ext.h: here SQLite is called by name */
#include <sqlite3.h>

int sqlite3_qta_init(sqlite3 *db, char **message, const void *api);

enum { TICKS = 6000, TEXT_BYTES = 65536 };

/* Two runs in segments, a third one that was cut, in the journal; a second session. */
struct fixture {
    struct scratch scratch;
    struct scratch other;
    sqlite3 *db;
};

/* ---- running SQL --------------------------------------------------------------------------- */

/* %q in a query is where the session's path goes. */
static char *fill_in(const struct fixture *fixture, const char *sql)
{
    char *text = sqlite3_mprintf(sql, fixture->scratch.session, fixture->scratch.session,
                                 fixture->scratch.session);
    assert_non_null(text);
    return text;
}

static void run(const struct fixture *fixture, const char *sql)
{
    char *text = fill_in(fixture, sql);
    if (sqlite3_exec(fixture->db, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", text, sqlite3_errmsg(fixture->db));
    sqlite3_free(text);
}

/* All values of all rows, "NULL" for NULL. Returns answer. */
static const char *ask_db(sqlite3 *db, const char *sql, char *answer)
{
    sqlite3_stmt *statement;
    size_t used = 0;
    answer[0] = '\0';
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW)
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            const char *value = (const char *)sqlite3_column_text(statement, i);
            used += (size_t)snprintf(answer + used, TEXT_BYTES - used, "%s%s", used > 0 ? " " : "",
                                     value ? value : "NULL");
            assert_true(used < TEXT_BYTES);
        }
    if (code != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(statement);
    return answer;
}

static const char *ask(const struct fixture *fixture, const char *sql)
{
    static char answer[TEXT_BYTES];
    char *text = fill_in(fixture, sql);
    ask_db(fixture->db, text, answer);
    sqlite3_free(text);
    return answer;
}

static int64_t ask_number(const struct fixture *fixture, const char *sql)
{
    return strtoll(ask(fixture, sql), NULL, 10);
}

/* The query fails, at the latest when it runs, with this message. */
static void refused(const struct fixture *fixture, const char *sql, const char *message)
{
    char *text = fill_in(fixture, sql);
    char *error = NULL;
    assert_int_not_equal(sqlite3_exec(fixture->db, text, NULL, NULL, &error), SQLITE_OK);
    assert_non_null(error);
    assert_string_equal(error, message);
    sqlite3_free(error);
    sqlite3_free(text);
}

/* ---- fixture ------------------------------------------------------------------------------- */

static void write_runs(const struct scratch *scratch, uint64_t seed)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct tick_maker maker;
    tick_maker_init(&maker, seed);
    for (size_t i = 0; i < 3; i++) {
        struct qta_session_writer *writer;
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        append_random(writer, &maker, TICKS / 3, NULL);
        if (i < 2)
            assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    tick_maker_finish(&maker);
}

static sqlite3 *open_db(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static int setup(void **state)
{
    static struct fixture fixture;
    sqlite3_auto_extension((void (*)(void))sqlite3_qta_init);
    scratch_make_in_memory(&fixture.scratch);
    scratch_make_in_memory(&fixture.other);
    write_runs(&fixture.scratch, 41);
    write_runs(&fixture.other, 42);
    fixture.db = open_db();
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(sqlite3_close(fixture->db), SQLITE_OK);
    sqlite3_reset_auto_extension();
    scratch_remove(&fixture->scratch);
    scratch_remove(&fixture->other);
    return 0;
}

/* ---- columns ------------------------------------------------------------------------------- */

static int column_named(sqlite3_stmt *statement, const char *name)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++)
        if (strcmp(sqlite3_column_name(statement, i), name) == 0)
            return i;
    fail_msg("no column '%s'", name);
    return -1;
}

static void assert_text(sqlite3_stmt *statement, int column, const char *text, size_t length)
{
    assert_int_equal(sqlite3_column_type(statement, column), SQLITE_TEXT);
    assert_int_equal(sqlite3_column_bytes(statement, column), length);
    assert_memory_equal(sqlite3_column_text(statement, column), text, length);
}

static void assert_number(sqlite3_stmt *statement, int column, uint64_t value, bool is_signed)
{
    char digits[24];
    if (is_signed || value <= INT64_MAX) {
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_INTEGER);
        assert_true(sqlite3_column_int64(statement, column) == (int64_t)value);
        return;
    }
    int length = snprintf(digits, sizeof digits, "%" PRIu64, value);
    assert_text(statement, column, digits, (size_t)length);
}

static void assert_conditions(sqlite3_stmt *statement, int column, const struct qta_tick *tick,
                              const struct qta_field *field, const struct qta_dictionary *names)
{
    char joined[1024];
    size_t used = 0;
    for (size_t i = 0; i < QTA_CONDITIONS_MAX && qta_tick_code(tick, field, i) != 0; i++) {
        size_t length;
        const char *name = qta_code_name(names, qta_tick_code(tick, field, i), &length);
        if (i > 0)
            joined[used++] = '|';
        memcpy(joined + used, name, length);
        used += length;
    }
    assert_text(statement, column, joined, used);
}

static void assert_decimal(sqlite3_stmt *statement, int column, const struct qta_tick *tick,
                           const struct qta_field *field)
{
    char text[QTA_DECIMAL_TEXT_BYTES];
    char name[64];
    qta_decimal_print(qta_tick_decimal(tick, field), text);
    assert_int_equal(sqlite3_column_type(statement, column), SQLITE_FLOAT);
    assert_true(sqlite3_column_double(statement, column) == strtod(text, NULL));
    snprintf(name, sizeof name, "%s_text", field->name);
    assert_text(statement, column_named(statement, name), text, strlen(text));
}

static void assert_field(sqlite3_stmt *statement, const struct qta_tick *tick,
                         const struct qta_field *field, const struct qta_dictionary *names)
{
    int column = column_named(statement, field->name);
    size_t length;
    const char *name;
    char byte;
    if (!qta_tick_has(tick, field)) {
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_NULL);
        return;
    }
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        assert_decimal(statement, column, tick, field);
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT) {
            name = qta_dictionary_name(names, QTA_NAME_TEXT, (uint32_t)qta_tick_word(tick, field),
                                       &length);
            assert_text(statement, column, name, length);
            break;
        }
        assert_number(statement, column, qta_tick_word(tick, field), false);
        break;
    case QTA_FIELD_U64:
        assert_number(statement, column, qta_tick_word(tick, field), false);
        break;
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        assert_number(statement, column, qta_tick_word(tick, field), true);
        break;
    case QTA_FIELD_I32:
        assert_int_equal(sqlite3_column_int64(statement, column),
                         (int32_t)qta_tick_u32(tick, field));
        break;
    case QTA_FIELD_CODE:
        name = qta_code_name(names, qta_tick_code(tick, field, 0), &length);
        assert_text(statement, column, name, length);
        break;
    case QTA_FIELD_CONDITIONS:
        assert_conditions(statement, column, tick, field, names);
        break;
    case QTA_FIELD_TEXT:
        name = qta_dictionary_name(names, QTA_NAME_TEXT, qta_tick_u32(tick, field), &length);
        assert_text(statement, column, name, length);
        break;
    case QTA_FIELD_CHAR:
        byte = (char)qta_tick_byte(tick, field);
        assert_text(statement, column, &byte, 1);
        break;
    case QTA_FIELD_ENUM:
        name = field->enum_name(qta_tick_byte(tick, field));
        assert_text(statement, column, name, strlen(name));
        break;
    case QTA_FIELD_FLAG:
        assert_int_equal(sqlite3_column_int(statement, column), 1);
        break;
    }
}

static void assert_row(sqlite3_stmt *statement, const struct qta_tick *tick,
                       const struct qta_dictionary *names)
{
    size_t length;
    const char *name = qta_tick_type_name(tick->type);
    assert_number(statement, column_named(statement, "seq"), tick->rx_seq, true);
    assert_number(statement, column_named(statement, "rx_seq"), tick->rx_seq, true);
    assert_text(statement, column_named(statement, "type"), name, strlen(name));
    assert_number(statement, column_named(statement, "ts_recv"), (uint64_t)tick->ts_recv_ns, true);
    int column = column_named(statement, "ts_event");
    if (tick->ts_event_ns == QTA_TIME_UNKNOWN)
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_NULL);
    else
        assert_number(statement, column, (uint64_t)tick->ts_event_ns, true);
    column = column_named(statement, "src_seq");
    if (tick->src_seq == QTA_U64_NONE)
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_NULL);
    else
        assert_number(statement, column, tick->src_seq, false);
    column = column_named(statement, "symbol");
    name = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, &length);
    if (tick->symbol == 0)
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_NULL);
    else
        assert_text(statement, column, name, length);
    column = column_named(statement, "provider");
    name = qta_provider_name(names, tick->provider, &length);
    if (tick->provider == 0)
        assert_int_equal(sqlite3_column_type(statement, column), SQLITE_NULL);
    else
        assert_text(statement, column, name, length);
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++)
        assert_field(statement, tick, &fields[i], names);
}

/* Hidden columns are there by name only, so that all of them are asked for. */
static char *all_columns(sqlite3 *db, const char *table)
{
    sqlite3_stmt *statement;
    sqlite3_str *list = sqlite3_str_new(NULL);
    char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_xinfo(%Q)", table);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        sqlite3_str_appendf(list, "%s\"%w\"", sqlite3_str_length(list) > 0 ? "," : "",
                            sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    return sqlite3_str_finish(list);
}

static void every_column_says_what_the_tick_has(void **state)
{
    const struct fixture *fixture = *state;
    struct qta_session_reader *reader;
    sqlite3_stmt *statement;
    char *columns = all_columns(fixture->db, "qta_ticks");
    char *sql = sqlite3_mprintf("SELECT %s FROM qta_ticks(%Q)", columns, fixture->scratch.session);
    assert_int_equal(sqlite3_prepare_v2(fixture->db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(qta_session_reader_create(&reader, fixture->scratch.session, NULL, NULL),
                     QTA_OK);
    const struct qta_tick *ticks;
    size_t count;
    uint64_t rows = 0;
    while (qta_session_reader_next(reader, &ticks, &count, NULL) == QTA_OK)
        for (size_t i = 0; i < count; i++, rows++) {
            assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
            assert_row(statement, &ticks[i], qta_session_reader_names(reader));
        }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    assert_int_equal(rows, TICKS);
    qta_session_reader_destroy(reader);
    sqlite3_finalize(statement);
    sqlite3_free(sql);
    sqlite3_free(columns);
}

static void columns_of_another_type_are_null(void **state)
{
    const struct fixture *fixture = *state;
    assert_int_equal(ask_number(fixture, "SELECT count(*) FROM qta_ticks('%q') WHERE "
                                         "type = 'trade' AND coalesce(bid_price, open, volume, "
                                         "note, detail, scope, subscriber) IS NOT NULL"),
                     0);
}

/* The names that csv has, in its order. */
static void visible_columns_are_those_of_csv(void **state)
{
    const struct fixture *fixture = *state;
    char header[4096];
    snprintf(header, sizeof header, "%s\n",
             ask(fixture, "SELECT group_concat(name) FROM (SELECT name FROM "
                          "pragma_table_xinfo('qta_ticks') WHERE hidden = 0 ORDER BY cid)"));
    assert_string_equal(header, qta_print_csv_header());
}

static void a_type_has_a_table_of_its_own(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const tables[][2] = {
        {"trade", "qta_trades"},
        {"quote", "qta_quotes"},
        {"bar", "qta_bars"},
        {"book", "qta_books"},
        {"trade_cancel", "qta_trade_cancels"},
        {"trade_correct", "qta_trade_corrects"},
        {"status", "qta_statuses"},
        {"luld", "qta_lulds"},
        {"imbalance", "qta_imbalances"},
        {"conn", "qta_conns"},
        {"gap", "qta_gaps"},
        {"drop", "qta_drops"},
        {"clock", "qta_clocks"},
        {"marker", "qta_markers"},
    };
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "SELECT count(*) > 0 AND count(*) = (SELECT count(*) FROM qta_ticks('%%q') WHERE "
                 "type = '%s') AND min(type) = '%s' FROM %s('%%q')",
                 tables[i][0], tables[i][0], tables[i][1]);
        print_message("%s\n", tables[i][1]);
        assert_int_equal(ask_number(fixture, sql), 1);
    }
    assert_string_equal(
        ask(fixture, "SELECT group_concat(name) FROM (SELECT name FROM "
                     "pragma_table_xinfo('qta_gaps') WHERE hidden = 0)"),
        "seq,type,provider,symbol,ts_recv,ts_event,src_seq,conn,scope,cause,"
        "last_good,first_good,last_good_seq,first_good_seq,resolves,resolved_by,channel,flags");
}

/* ---- conditions ---------------------------------------------------------------------------- */

/* SQLite itself says what a condition means, on a copy of the rows. */
static void conditions_leave_the_rows_that_sqlite_would(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const conditions[] = {
        "symbol = 'N7'",
        "symbol IN ('N7', 'N8', 'N300', NULL, 'none', 12)",
        "symbol = 'N7' AND symbol IN ('N7', 'N8')",
        "symbol = 'n7' COLLATE NOCASE",
        "symbol = '(other)'",
        "symbol = x'00ff0a27'",
        "symbol = CAST(x'00ff0a27' AS TEXT)",
        "symbol IN ('N9', CAST(x'00ff0a27' || '02' AS TEXT), '(other)')",
        "symbol = NULL",
        "symbol IS NULL",
        "symbol = ''",
        "symbol = 7",
        "symbol > 'N8'",
        "symbol LIKE 'N7%%'",
        "NOT symbol = 'N7'",
        "symbol IN (SELECT symbol FROM copy WHERE type = 'luld')",
        "symbol IN ()",
        "type = 'trade'",
        "type = 'trades'",
        "type = 'TRADE'",
        "type IN ('gap', 'drop', 'nothing')",
        "type <> 'quote'",
        "provider = 'N3' AND type IN ('trade', 'quote')",
        "provider IN ('N2', 'N3')",
        "seq = 77",
        "seq IN (1, 500, 5999, 6000, 6001)",
        "seq BETWEEN 1000 AND 1100",
        "rx_seq > 5990",
        "seq < 4 OR seq > 5996",
        "seq >= 5999.5",
        "seq > 1.5 AND seq < 4.5",
        "seq > '5990'",
        "seq < 'text'",
        "seq > x'00'",
        "seq > NULL",
        "seq > -9223372036854775807 - 1",
        "seq > 9223372036854775807",
        "seq < -9223372036854775807 - 1",
        "seq < 9.3e18 AND seq > -9.3e18 AND seq < 50",
        "ts_recv <= 0",
        "ts_recv > 0 AND ts_recv <= 500000000",
        "ts_recv = (SELECT ts_recv FROM copy WHERE seq = 3000)",
        "ts_recv >= 9223372036854775807",
        "ts_recv <= 9223372036854775807 AND seq < 9",
        "ts_event >= 0",
        "ts_event = 0",
        "ts_event BETWEEN 1000 AND 50000",
        "ts_event < 0",
        "ts_event <= -9223372036854775807",
        "ts_event >= 9223372036854775807",
        "ts_event < 70.5 AND ts_event >= -0.5",
        "ts_event IS NULL AND symbol = 'N9'",
        "ts_event IN (0, 1, 255)",
        "price > 0",
        "price IS NULL",
        "price IS NOT NULL AND size <> 0",
        "bid_price IS ask_price AND type = 'quote'",
        "bid_price < 1 OR open > 1",
        "coalesce(bid_price, 0) = 0 AND seq < 300",
        "symbol = 'N7' OR type = 'gap'",
        "symbol = 'N7' OR provider = 'N1' AND type = 'bar'",
        "snapshot AND action = 'set'",
        "side = 'buy' AND price_text LIKE '%%5'",
        "id = 255 OR id = '18446744073709551614'",
        "on_damage = 'stop' AND seq < 10",
        "qta_has(conditions, 'A')",
        "rowid IS NOT NULL AND seq < 20",
    };
    char *columns = all_columns(fixture->db, "qta_ticks");
    char *sql = sqlite3_mprintf("CREATE TEMP TABLE copy AS SELECT %s FROM qta_ticks(%Q)", columns,
                                fixture->scratch.session);
    assert_int_equal(sqlite3_exec(fixture->db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_free(sql);
    sqlite3_free(columns);
    static char expected[TEXT_BYTES];
    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        char query[1024];
        print_message("%s\n", conditions[i]);
        snprintf(query, sizeof query, "SELECT seq FROM copy WHERE %s ORDER BY +seq", conditions[i]);
        strcpy(expected, ask(fixture, query));
        snprintf(query, sizeof query, "SELECT seq FROM qta_ticks('%%q') WHERE %s ORDER BY +seq",
                 conditions[i]);
        assert_string_equal(ask(fixture, query), expected);
    }
    run(fixture, "DROP TABLE copy");
}

static void the_order_asked_for_is_the_order_given(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const orders[] = {
        "seq",           "seq DESC",    "ts_recv", "ts_recv, seq DESC",
        "ts_event, seq", "symbol, seq", "rx_seq",  "ts_recv, type, seq",
        "seq, symbol",
    };
    run(fixture, "CREATE TEMP TABLE copy AS SELECT rx_seq, * FROM qta_ticks('%q') WHERE seq < 900");
    static char expected[TEXT_BYTES];
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        char query[512];
        print_message("%s\n", orders[i]);
        /* ties: a b-tree keeps the order of insertion, and so does the table */
        snprintf(query, sizeof query,
                 "SELECT seq FROM copy WHERE ts_event IS NOT NULL ORDER BY %s LIMIT 300 OFFSET 5",
                 orders[i]);
        strcpy(expected, ask(fixture, query));
        snprintf(query, sizeof query,
                 "SELECT seq FROM qta_ticks('%%q') WHERE seq < 900 AND ts_event IS NOT NULL ORDER "
                 "BY %s LIMIT 300 OFFSET 5",
                 orders[i]);
        assert_string_equal(ask(fixture, query), expected);
    }
    run(fixture, "DROP TABLE copy");
}

static const char *plan_of(const struct fixture *fixture, const char *sql)
{
    char query[1024];
    snprintf(query, sizeof query, "EXPLAIN QUERY PLAN %s", sql);
    return ask(fixture, query);
}

static void conditions_are_pushed_down(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *rest;
        const char *plan; /* a part of it */
    } cases[] = {
        {"WHERE symbol = 'A'", "symbol="},
        {"WHERE symbol IN ('A', 'B')", "symbol IN"},
        {"WHERE symbol IN (SELECT 'A')", "symbol IN"},
        {"WHERE type = 'trade'", "type="},
        {"WHERE type IN ('trade', 'quote')", "type IN"},
        {"WHERE provider = 'p'", "provider="},
        {"WHERE provider IN ('p', 'q')", "provider IN"},
        {"WHERE ts_recv >= 1 AND ts_recv < 2", "ts_recv>= ts_recv<"},
        {"WHERE ts_event BETWEEN 1 AND 2", "ts_event>= ts_event<="},
        {"WHERE ts_event BETWEEN qta_ns('2024-05-01') AND qta_ns('2024-05-02')",
         "ts_event>= ts_event<="},
        {"WHERE seq > 5 AND seq <= 7", "seq> seq<="},
        {"WHERE rx_seq = 5", "rx_seq="},
        {"WHERE price > 1", "INDEX 562:"}, /* trades, books, cancels, imbalances */
        {"WHERE bid_price IS NOT NULL", "INDEX 4:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[512];
        print_message("%s\n", cases[i].rest);
        snprintf(sql, sizeof sql, "SELECT * FROM qta_ticks('%%q') %s", cases[i].rest);
        assert_non_null(strstr(plan_of(fixture, sql), cases[i].plan));
    }
    assert_null(strstr(plan_of(fixture, "SELECT * FROM qta_ticks('%q') WHERE symbol = 'A' COLLATE "
                                        "NOCASE"),
                       "symbol"));
    assert_null(strstr(plan_of(fixture, "SELECT * FROM qta_ticks('%q') ORDER BY seq"), "B-TREE"));
    assert_null(
        strstr(plan_of(fixture, "SELECT * FROM qta_ticks('%q') ORDER BY ts_recv, seq"), "B-TREE"));
    assert_non_null(
        strstr(plan_of(fixture, "SELECT * FROM qta_ticks('%q') ORDER BY ts_event"), "B-TREE"));
}

/* ---- what is read -------------------------------------------------------------------------- */

static int64_t blocks_of(const struct fixture *fixture, const char *sql)
{
    int64_t before = ask_number(fixture, "SELECT qta_counter('blocks')");
    ask(fixture, sql);
    return ask_number(fixture, "SELECT qta_counter('blocks')") - before;
}

static void only_blocks_that_are_needed_are_read(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *rest;
        int64_t blocks;
    } cases[] = {
        {"LIMIT 3", 1},
        {"ORDER BY seq LIMIT 3", 1},
        {"WHERE seq = 100", 1},
        {"WHERE seq BETWEEN 90 AND 100", 1},
        {"WHERE seq < 5 AND seq > 9", 0},
        {"WHERE symbol = 'none' AND type IN ('trade', 'quote')", 0},
        {"WHERE symbol IN ('none', 'neither') AND open > 0", 0},
        {"WHERE provider IN ()", 0},
        {"WHERE type = 'nothing'", 0},
        {"WHERE ts_recv < -900000000", 1},
        {"WHERE ts_recv > 9000000000000", 0},
        {"WHERE ts_event BETWEEN 3000000 AND 2000000", 0},
    };
    int64_t all = blocks_of(fixture, "SELECT count(*) FROM qta_ticks('%q')");
    assert_true(all >= 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[256];
        print_message("%s\n", cases[i].rest);
        snprintf(sql, sizeof sql, "SELECT seq FROM qta_ticks('%%q') %s", cases[i].rest);
        assert_int_equal(blocks_of(fixture, sql), cases[i].blocks);
    }
    int64_t some = blocks_of(fixture, "SELECT seq FROM qta_ticks('%q') WHERE ts_recv >= 0");
    assert_true(some > 0 && some < all);
}

/* ---- several sessions ---------------------------------------------------------------------- */

static void sessions_are_joined_by_their_catalogue(void **state)
{
    const struct fixture *fixture = *state;
    char folder[300];
    snprintf(folder, sizeof folder, "%s", fixture->scratch.path);
    char *sql = sqlite3_mprintf(
        "SELECT s.name, s.ticks + s.gaps > 0, s.records, count(t.seq), min(t.session) = s.path "
        "FROM qta_sessions(%Q) AS s, qta_ticks(s.path) AS t GROUP BY s.path",
        folder);
    char answer[TEXT_BYTES];
    assert_string_equal(ask_db(fixture->db, sql, answer), "session 1 6000 6000 1");
    sqlite3_free(sql);
    sql = sqlite3_mprintf("SELECT count(*), count(DISTINCT session), count(DISTINCT rowid) FROM "
                          "qta_ticks WHERE session IN (%Q, %Q)",
                          fixture->scratch.session, fixture->other.session);
    assert_string_equal(ask_db(fixture->db, sql, answer), "12000 2 12000");
    sqlite3_free(sql);
    /* with OR, rows are told apart by their rowids */
    sql = sqlite3_mprintf(
        "SELECT count(*) = (SELECT count(*) FROM qta_ticks(%Q) WHERE +symbol = 'N7' OR +type = "
        "'gap') + (SELECT count(*) FROM qta_ticks(%Q) WHERE +symbol = 'N7' OR +type = 'gap') "
        "FROM qta_ticks WHERE session IN (%Q, %Q) AND (symbol = 'N7' OR type = 'gap')",
        fixture->scratch.session, fixture->other.session, fixture->scratch.session,
        fixture->other.session);
    assert_string_equal(ask_db(fixture->db, sql, answer), "1");
    sqlite3_free(sql);
    /* values of one session outlive its reader */
    sql = sqlite3_mprintf("SELECT length(max(symbol)) + length(group_concat(symbol)) > 0 FROM "
                          "qta_ticks WHERE session IN (%Q, %Q) GROUP BY symbol ORDER BY 1 LIMIT 1",
                          fixture->scratch.session, fixture->other.session);
    ask_db(fixture->db, sql, answer);
    sqlite3_free(sql);
}

static void the_catalogue_says_what_info_says(void **state)
{
    const struct fixture *fixture = *state;
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(fixture->scratch.session, &info, NULL), QTA_OK);
    char expected[512];
    snprintf(expected, sizeof expected,
             "session %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
             " %" PRIu64 " %" PRIu64 " %" PRId64 " %" PRId64 " 0 0 America/New_York NULL",
             info.ticks, info.records, info.symbols, info.providers, info.runs, info.segments,
             info.bytes, info.gaps, info.first_ts_recv_ns, info.last_ts_recv_ns);
    assert_string_equal(
        ask(fixture, "SELECT name, ticks, records, symbols, providers, runs, segments, bytes, "
                     "gaps, first_ts_recv, last_ts_recv, sealed, live, timezone, problem FROM "
                     "qta_sessions('%q')"),
        expected);
    assert_int_equal(ask_number(fixture, "SELECT sum(value) FROM qta_sessions('%q'), "
                                         "json_each(by_type)"),
                     TICKS);
    refused(fixture, "SELECT * FROM qta_sessions",
            "qta_sessions: no folder is given, e.g. "
            "qta_sessions('sessions')");
    refused(fixture, "SELECT * FROM qta_sessions('/no/such')",
            "qta_sessions: cannot open '/no/such': No such file or directory");
    refused(fixture, "SELECT * FROM qta_sessions(NULL)",
            "qta_sessions: 'folder' is not given as text");
    refused(fixture, "SELECT * FROM qta_sessions(x'2f00')",
            "qta_sessions: 'folder' is not given as text");
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void hostile_arguments_are_errors(void **state)
{
    const struct fixture *fixture = *state;
    refused(fixture, "SELECT * FROM qta_ticks",
            "qta_ticks: no session is given, e.g. qta_ticks('sessions/2024-05-01')");
    refused(fixture, "SELECT * FROM qta_trades WHERE session > 'a'",
            "qta_trades: no session is given, e.g. qta_trades('sessions/2024-05-01')");
    refused(fixture, "SELECT * FROM qta_ticks('/no/such')", "qta_ticks: no session at '/no/such'");
    refused(fixture, "SELECT * FROM qta_ticks('')", "qta_ticks: no session at ''");
    refused(fixture, "SELECT * FROM qta_ticks('/')",
            "qta_ticks: '/' is not a session: it has neither segments nor a journal");
    refused(fixture, "SELECT * FROM qta_ticks(NULL)", "qta_ticks: 'session' is not given as text");
    refused(fixture, "SELECT * FROM qta_ticks(x'2f746d70')",
            "qta_ticks: 'session' is not given as text");
    refused(fixture, "SELECT * FROM qta_ticks(CAST(x'2f00' AS TEXT))",
            "qta_ticks: 'session' is not given as text");
    refused(fixture, "SELECT * FROM qta_ticks('%q', 'perhaps')",
            "qta_ticks: on_damage: 'perhaps' is not one of stop, skip");
    refused(fixture, "SELECT * FROM qta_ticks('%q') WHERE ts_event > '2024-05-01'",
            "qta_ticks: ts_event is an integer of ns, compared with the text '2024-05-01' (write "
            "qta_ns('2024-05-01'))");
    char *sql = sqlite3_mprintf("SELECT * FROM qta_ticks(printf('/%%.*c', 100000, 'a'))");
    assert_int_equal(sqlite3_exec(fixture->db, sql, NULL, NULL, NULL), SQLITE_ERROR);
    sqlite3_free(sql);
    assert_int_equal(
        sqlite3_exec(fixture->db, "CREATE VIRTUAL TABLE t USING qta_ticks('x')", NULL, NULL, NULL),
        SQLITE_ERROR);
    refused(fixture, "DELETE FROM qta_ticks('%q')", "near \"(\": syntax error");
    refused(fixture, "UPDATE qta_ticks SET price = 1", "table qta_ticks may not be modified");
}

static void damage_is_an_error_or_skipped_and_counted(void **state)
{
    const struct fixture *fixture = *state;
    struct scratch scratch;
    scratch_make_in_memory(&scratch);
    struct qta_session_writer_options options = small_options(&scratch);
    write_session(&options, 5, 2000, NULL);
    char path[400];
    snprintf(path, sizeof path, "%s/segments/000001.qseg", scratch.session);
    size_t length;
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    bytes[length / 2] ^= 1;
    write_file(path, bytes, length);
    free(bytes);
    char answer[TEXT_BYTES];
    char *sql = sqlite3_mprintf("SELECT count(*) FROM qta_ticks(%Q)", scratch.session);
    assert_int_equal(sqlite3_exec(fixture->db, sql, NULL, NULL, NULL), SQLITE_CORRUPT);
    assert_non_null(strstr(sqlite3_errmsg(fixture->db), "segments/000001.qseg"));
    sqlite3_free(sql);
    int64_t problems = ask_number(fixture, "SELECT qta_counter('problems')");
    int64_t lost = ask_number(fixture, "SELECT qta_counter('lost')");
    sql = sqlite3_mprintf("SELECT count(*) FROM qta_ticks(%Q, 'skip')", scratch.session);
    int64_t rows = strtoll(ask_db(fixture->db, sql, answer), NULL, 10);
    sqlite3_free(sql);
    assert_int_equal(ask_number(fixture, "SELECT qta_counter('problems')") - problems, 1);
    assert_true(rows > 0 && rows < 2000);
    assert_int_equal(ask_number(fixture, "SELECT qta_counter('lost')") - lost, 2000 - rows);
    refused(fixture, "SELECT qta_counter('bytes')",
            "qta_counter: no such counter (have: ticks, blocks, problems, lost)");
    scratch_remove(&scratch);
}

static void a_session_that_is_being_written_has_what_there_is(void **state)
{
    const struct fixture *fixture = *state;
    struct scratch scratch;
    struct tick_maker maker;
    struct qta_session_writer *writer;
    scratch_make_in_memory(&scratch);
    struct qta_session_writer_options options = small_options(&scratch);
    tick_maker_init(&maker, 6);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    char *sql = sqlite3_mprintf("SELECT count(*), max(seq) FROM qta_ticks(%Q)", scratch.session);
    char answer[TEXT_BYTES];
    append_random(writer, &maker, 10, NULL);
    assert_string_equal(ask_db(fixture->db, sql, answer), "10 10");
    append_random(writer, &maker, 1990, NULL);
    assert_string_equal(ask_db(fixture->db, sql, answer), "2000 2000");
    assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
    qta_session_writer_destroy(writer);
    assert_string_equal(ask_db(fixture->db, sql, answer), "2000 2000");
    sqlite3_free(sql);
    tick_maker_finish(&maker);
    scratch_remove(&scratch);
}

/* ---- functions ----------------------------------------------------------------------------- */

static void times_are_read_and_printed(void **state)
{
    const struct fixture *fixture = *state;
    static const struct {
        const char *expression;
        const char *value;
    } cases[] = {
        {"qta_ns('2024-05-01T13:30:00Z')", "1714570200000000000"},
        {"qta_ns('2024-05-01T13:30:00.000000001Z')", "1714570200000000001"},
        {"qta_ns('2024-05-01T15:30:00+02:00')", "1714570200000000000"},
        {"qta_ns('2024-05-01 13:30')", "1714570200000000000"},
        {"qta_ns('2024-05-01 13:30:00.5')", "1714570200500000000"},
        {"qta_ns('2024-05-01')", "1714521600000000000"},
        {"qta_ns('2024-05-01', 'America/New_York')", "1714536000000000000"},
        {"qta_ns('2024-05-01 09:30', 'America/New_York')", "1714570200000000000"},
        {"qta_ns('2024-05-01T13:30:00Z', 'America/New_York')", "1714570200000000000"},
        {"qta_time(qta_ns('2024-11-03 01:30', 'America/New_York'))",
         "2024-11-03T05:30:00.000000000Z"}, /* comes twice */
        {"qta_time(qta_ns('2024-10-27 02:30', 'Europe/Berlin'))", "2024-10-27T00:30:00.000000000Z"},
        {"qta_time(qta_ns('2024-03-10 02:30', 'America/New_York'))",
         "2024-03-10T07:30:00.000000000Z"}, /* is left out */
        {"qta_time(qta_ns('2024-03-10 03:30', 'America/New_York'))",
         "2024-03-10T07:30:00.000000000Z"},
        {"qta_time(qta_ns('2024-03-10 01:30', 'America/New_York'))",
         "2024-03-10T06:30:00.000000000Z"},
        {"qta_ns(5)", "5"},
        {"qta_ns(NULL)", "NULL"},
        {"qta_time(NULL)", "NULL"},
        {"qta_time(0)", "1970-01-01T00:00:00.000000000Z"},
        {"qta_time(-1)", "1969-12-31T23:59:59.999999999Z"},
        {"qta_has('@|I|', 'I')", "1"},
        {"qta_has('@|I|', '')", "1"},
        {"qta_has('@|I', '@|I')", "0"},
        {"qta_has('@|I', 'i')", "0"},
        {"qta_has(NULL, 'I')", "0"},
        {"qta_has('@', NULL)", "NULL"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char sql[256];
        print_message("%s\n", cases[i].expression);
        snprintf(sql, sizeof sql, "SELECT %s", cases[i].expression);
        assert_string_equal(ask(fixture, sql), cases[i].value);
    }
    refused(fixture, "SELECT qta_ns('yesterday')",
            "qta_ns: 'yesterday' is not a time like 2024-05-01T13:30:00Z or 2024-05-01 13:30 "
            "between 1678 and 2262");
    refused(fixture, "SELECT qta_ns('2024-05-01', 'Mars/Base')",
            "qta_ns: no time zone 'Mars/Base'");
    refused(fixture, "SELECT qta_time(1.5)", "qta_time: a time is an integer of ns since 1970");
}

/* ---- threads ------------------------------------------------------------------------------- */

static void *count_on_a_connection_of_its_own(void *user)
{
    const struct fixture *fixture = user;
    static const char *const queries[] = {
        "SELECT count(*) FROM qta_ticks(%Q)",
        "SELECT count(DISTINCT symbol) FROM qta_ticks(%Q) WHERE type IN ('trade', 'quote')",
    };
    sqlite3 *db = open_db();
    intptr_t rows = 0;
    for (size_t i = 0; i < 4; i++) {
        char answer[TEXT_BYTES];
        char *sql = sqlite3_mprintf(queries[i % 2], fixture->scratch.session);
        rows += (intptr_t)strtoll(ask_db(db, sql, answer), NULL, 10);
        sqlite3_free(sql);
    }
    sqlite3_close(db);
    return (void *)rows; /* NOLINT(performance-no-int-to-ptr) */
}

static void connections_on_threads_do_not_disturb_one_another(void **state)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    void *rows[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, count_on_a_connection_of_its_own, *state), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], &rows[i]), 0);
    for (size_t i = 1; i < THREADS; i++)
        assert_ptr_equal(rows[i], rows[0]);
    assert_true((intptr_t)rows[0] > 2 * (intptr_t)TICKS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_says_what_the_tick_has),
        cmocka_unit_test(columns_of_another_type_are_null),
        cmocka_unit_test(visible_columns_are_those_of_csv),
        cmocka_unit_test(a_type_has_a_table_of_its_own),
        cmocka_unit_test(conditions_leave_the_rows_that_sqlite_would),
        cmocka_unit_test(the_order_asked_for_is_the_order_given),
        cmocka_unit_test(conditions_are_pushed_down),
        cmocka_unit_test(only_blocks_that_are_needed_are_read),
        cmocka_unit_test(sessions_are_joined_by_their_catalogue),
        cmocka_unit_test(the_catalogue_says_what_info_says),
        cmocka_unit_test(hostile_arguments_are_errors),
        cmocka_unit_test(damage_is_an_error_or_skipped_and_counted),
        cmocka_unit_test(a_session_that_is_being_written_has_what_there_is),
        cmocka_unit_test(times_are_read_and_printed),
        cmocka_unit_test(connections_on_threads_do_not_disturb_one_another),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
