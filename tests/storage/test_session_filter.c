/* A filtered read gives what a full read followed by the same choice gives, wherever the ticks are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>

#include "tests/storage/session_fixture.h"

enum { TICKS = 9000 };

static struct qta_tick all[TICKS];
static struct qta_dictionary *names;

/* Two runs in segments, a third one that was cut, in the journal. */
static int setup(void **state)
{
    static struct scratch scratch;
    static struct tick_maker maker;
    struct qta_session_writer_options options;
    scratch_make_in_memory(&scratch);
    options = small_options(&scratch);
    tick_maker_init(&maker, 31);
    names = maker.names;
    for (size_t run = 0; run < 3; run++) {
        struct qta_session_writer *writer;
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        for (size_t i = 0; i < TICKS / 3; i++) {
            struct qta_tick *tick = &all[run * (TICKS / 3) + i];
            tick_maker_next(&maker, QTA_TICK_NONE, tick);
            assert_int_equal(qta_session_writer_append(writer, tick, NULL), QTA_OK);
        }
        if (run < 2)
            assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    qta_dictionary_destroy(names);
    return 0;
}

static bool is_one_of(const char *name, const char *const *wanted, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, wanted[i]) == 0)
            return true;
    return false;
}

/* The same by names, tick by tick. */
static bool should_pass(const struct qta_session_filter *filter, const struct qta_tick *tick)
{
    const char *symbol = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, NULL);
    const char *provider = qta_dictionary_name(names, QTA_NAME_PROVIDER, tick->provider, NULL);
    if (tick->rx_seq < filter->from_seq || tick->ts_recv_ns < filter->from_ns ||
        tick->rx_seq >= filter->until_seq || tick->ts_recv_ns >= filter->until_ns ||
        !(filter->types & QTA_TYPE_BIT(tick->type)))
        return false;
    if ((filter->event_from_ns != INT64_MIN || filter->event_until_ns != INT64_MAX) &&
        (tick->ts_event_ns == QTA_TIME_UNKNOWN || tick->ts_event_ns < filter->event_from_ns ||
         (filter->event_until_ns != INT64_MAX && tick->ts_event_ns >= filter->event_until_ns)))
        return false;
    if (filter->providers && !is_one_of(provider, filter->providers, filter->provider_count))
        return false;
    if (!filter->symbols || is_one_of(symbol, filter->symbols, filter->symbol_count))
        return true;
    return tick->symbol == 0 && !qta_tick_is_market(tick);
}

/* Reads to the end what should be all that passes. */
static void expect_rest(struct qta_session_reader *reader, const struct qta_session_filter *filter)
{
    struct qta_error err;
    struct qta_digest expected;
    struct qta_digest found;
    qta_digest_init(&expected);
    qta_digest_init(&found);
    for (size_t i = 0; i < TICKS; i++)
        if (should_pass(filter, &all[i]))
            qta_digest_add(&expected, &all[i], names);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status != QTA_OK)
            fail_msg("%s", err.message);
        assert_true(count > 0);
        for (size_t i = 0; i < count; i++)
            qta_digest_add(&found, &ticks[i], qta_session_reader_names(reader));
    }
    assert_int_equal(found.ticks, expected.ticks);
    assert_true(found.full == expected.full);
}

static void expect_same(const struct scratch *scratch, const struct qta_session_filter *filter)
{
    struct qta_session_reader *reader;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, filter, NULL), QTA_OK);
    expect_rest(reader, filter);
    qta_session_reader_destroy(reader);
}

static void everything_passes_by_default(void **state)
{
    struct qta_session_filter filter = qta_session_filter_default();
    expect_same(*state, &filter);
}

static void time_and_number_cut_exactly(void **state)
{
    uint64_t random = 1;
    for (int i = 0; i < 60; i++) {
        struct qta_session_filter filter = qta_session_filter_default();
        int64_t from_ns = all[random_below(&random, TICKS)].ts_recv_ns;
        if (i % 3 == 0)
            filter.from_ns = from_ns + (int64_t)(i % 2);
        if (i % 3 <= 1)
            filter.until_ns = from_ns + (int64_t)random_below(&random, 2000000000);
        if (i % 4 == 0)
            filter.from_seq = random_below(&random, TICKS + 10);
        if (i % 5 == 0)
            filter.until_seq = filter.from_seq + random_below(&random, 3000);
        expect_same(*state, &filter);
    }
}

static void event_times_cut_and_the_unknown_do_not_pass(void **state)
{
    uint64_t random = 2;
    struct qta_session_filter filter = qta_session_filter_default();
    filter.event_from_ns = INT64_MIN + 1;
    expect_same(*state, &filter);
    for (int i = 0; i < 30; i++) {
        filter = qta_session_filter_default();
        int64_t event_ns = all[random_below(&random, TICKS)].ts_event_ns;
        if (i % 3 != 0)
            filter.event_from_ns = event_ns;
        if (i % 3 != 1)
            filter.event_until_ns = event_ns + 1 + (int64_t)random_below(&random, 100000);
        expect_same(*state, &filter);
    }
}

static void seeking_goes_anywhere_and_keeps_the_filter(void **state)
{
    const struct scratch *scratch = *state;
    struct qta_session_reader *reader;
    uint64_t random = 3;
    struct qta_session_filter wanted = qta_session_filter_default();
    wanted.types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_GAP);
    wanted.from_seq = 500;
    wanted.until_seq = TICKS - 300;
    assert_int_equal(qta_session_reader_create(&reader, scratch->session, &wanted, NULL), QTA_OK);
    for (int i = 0; i < 60; i++) {
        struct qta_session_filter filter = wanted;
        const struct qta_tick *target = &all[random_below(&random, TICKS)];
        if (i % 2 == 0) {
            assert_int_equal(qta_session_reader_seek_seq(reader, target->rx_seq, NULL), QTA_OK);
            if (target->rx_seq > filter.from_seq)
                filter.from_seq = target->rx_seq;
        } else {
            filter.from_ns = target->ts_recv_ns + i % 3;
            assert_int_equal(qta_session_reader_seek_time(reader, filter.from_ns, NULL), QTA_OK);
        }
        const struct qta_tick *ticks;
        size_t count;
        if (i % 4 < 2) /* from the middle of something */
            expect_rest(reader, &filter);
        else
            qta_session_reader_next(reader, &ticks, &count, NULL);
    }
    qta_session_reader_destroy(reader);
}

static void each_type_can_be_read_alone(void **state)
{
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        struct qta_session_filter filter = qta_session_filter_default();
        filter.types = QTA_TYPE_BIT(type);
        expect_same(*state, &filter);
    }
    struct qta_session_filter filter = qta_session_filter_default();
    filter.types = QTA_TYPES_MARKET;
    expect_same(*state, &filter);
    filter.types = QTA_TYPES_FEED;
    expect_same(*state, &filter);
    filter.types = 0;
    expect_same(*state, &filter);
}

static void symbols_and_providers_go_by_name(void **state)
{
    const char *const symbols[] = {"N7", "N100", "no such symbol", "N7"};
    const char *const providers[] = {"N2", "N3"};
    for (size_t symbol_count = 0; symbol_count <= 4; symbol_count++)
        for (size_t provider_count = 0; provider_count <= 2; provider_count++) {
            struct qta_session_filter filter = qta_session_filter_default();
            filter.symbols = symbol_count > 0 ? symbols : NULL;
            filter.symbol_count = symbol_count;
            filter.providers = provider_count > 0 ? providers : NULL;
            filter.provider_count = provider_count;
            expect_same(*state, &filter);
            filter.types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_CONN);
            expect_same(*state, &filter);
        }
    struct qta_session_filter filter = qta_session_filter_default();
    filter.symbols = symbols;
    filter.symbol_count = 0; /* none at all: only what has no symbol */
    expect_same(*state, &filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_passes_by_default),
        cmocka_unit_test(time_and_number_cut_exactly),
        cmocka_unit_test(event_times_cut_and_the_unknown_do_not_pass),
        cmocka_unit_test(seeking_goes_anywhere_and_keeps_the_filter),
        cmocka_unit_test(each_type_can_be_read_alone),
        cmocka_unit_test(symbols_and_providers_go_by_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
