/* What was missed is told, and what was healed of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <qta/archive.h>

#include "tests/storage/session_fixture.h"

enum { TOLD_MAX = 8 };

struct told {
    size_t count;
    struct {
        int64_t resolved_ns;
        uint64_t records;
        char symbol[16];
        char cause[16];
        char resolved_by[16];
    } gaps[TOLD_MAX];
};

static void note(void *user, const struct qta_outage *outage)
{
    struct told *told = user;
    if (outage->kind != QTA_OUTAGE_GAP)
        return;
    assert_true(told->count < TOLD_MAX);
    strncpy(told->gaps[told->count].symbol, outage->symbol, 15);
    strncpy(told->gaps[told->count].cause, outage->cause, 15);
    strncpy(told->gaps[told->count].resolved_by, outage->resolved_by, 15);
    told->gaps[told->count].records = outage->records;
    told->gaps[told->count++].resolved_ns = outage->resolved_ns;
}

/* A session of gaps: of two symbols by number, of the provider, and what became of them. */
struct making {
    struct scratch scratch;
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    uint64_t next_seq;
    int64_t now_ns;
};

static void begin(struct making *making)
{
    memset(making, 0, sizeof *making);
    scratch_make_in_memory(&making->scratch);
    struct qta_session_writer_options options = small_options(&making->scratch);
    assert_int_equal(qta_dictionary_create(&making->names, NULL), QTA_OK);
    assert_int_equal(qta_session_writer_create(&making->writer, &options, making->names, NULL),
                     QTA_OK);
    making->next_seq = 1;
    making->now_ns = 1000000;
}

static void append_gap(struct making *making, const char *symbol, struct qta_gap gap)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_GAP);
    tick.rx_seq = making->next_seq++;
    tick.ts_recv_ns = making->now_ns;
    making->now_ns += 1000;
    tick.provider = (uint16_t)qta_dictionary_intern(making->names, QTA_NAME_PROVIDER, "venue", 5);
    tick.symbol = symbol ? qta_dictionary_intern(making->names, QTA_NAME_SYMBOL, symbol,
                                                 strlen(symbol))
                         : 0;
    tick.gap = gap;
    assert_int_equal(qta_session_writer_append(making->writer, &tick, NULL), QTA_OK);
}

static struct told finish(struct making *making)
{
    struct told told = {0};
    assert_int_equal(qta_session_writer_close(making->writer, NULL), QTA_OK);
    qta_session_writer_destroy(making->writer);
    assert_int_equal(qta_session_outages_read(making->scratch.session, note, &told, NULL), QTA_OK);
    scratch_remove(&making->scratch);
    qta_dictionary_destroy(making->names);
    return told;
}

static struct qta_gap numbers_missing(uint64_t last_good, uint64_t first_good)
{
    return (struct qta_gap){
        .scope = QTA_GAP_SYMBOL,
        .cause = QTA_CAUSE_SEQUENCE,
        .last_good_ns = (int64_t)last_good,
        .first_good_ns = (int64_t)first_good,
        .last_good_seq = last_good,
        .first_good_seq = first_good,
        .resolves = QTA_U64_NONE,
    };
}

static struct qta_gap resolved(struct qta_gap gap, uint64_t resolves, enum qta_gap_remedy remedy)
{
    gap.resolves = resolves;
    gap.resolved_by = (uint8_t)remedy;
    return gap;
}

static void a_healed_gap_is_told_once_and_with_its_remedy(void **state)
{
    (void)state;
    struct making making;
    begin(&making);
    append_gap(&making, "A", numbers_missing(10, 15));
    append_gap(&making, "B", numbers_missing(20, 22));
    append_gap(&making, "B", resolved(numbers_missing(20, 22), 2, QTA_REMEDY_LATE));
    struct told told = finish(&making);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.gaps[0].symbol, "A");
    assert_string_equal(told.gaps[0].resolved_by, "");
    assert_true(told.gaps[0].resolved_ns == QTA_TIME_UNKNOWN);
    assert_int_equal(told.gaps[0].records, 4);
    assert_string_equal(told.gaps[1].symbol, "B");
    assert_string_equal(told.gaps[1].cause, "sequence");
    assert_string_equal(told.gaps[1].resolved_by, "late");
    assert_int_equal(told.gaps[1].resolved_ns, 1002000);
}

static void a_remedy_finds_its_gap_where_records_have_other_numbers(void **state)
{
    (void)state;
    struct making making;
    begin(&making);
    append_gap(&making, "A", numbers_missing(10, 15));
    append_gap(&making, "A", numbers_missing(30, 35));
    append_gap(&making, "A", resolved(numbers_missing(30, 35), QTA_U64_NONE, QTA_REMEDY_BACKFILL));
    append_gap(&making, "A", resolved(numbers_missing(50, 55), 1, QTA_REMEDY_LATE)); /* of none */
    struct told told = finish(&making);
    assert_int_equal(told.count, 2);
    assert_string_equal(told.gaps[0].resolved_by, "");
    assert_string_equal(told.gaps[1].resolved_by, "backfill");
}

static void a_symbol_does_not_heal_the_gap_of_its_provider(void **state)
{
    (void)state;
    struct making making;
    struct qta_gap gap = numbers_missing(QTA_U64_NONE, QTA_U64_NONE);
    gap.scope = QTA_GAP_PROVIDER;
    gap.cause = QTA_CAUSE_LOST;
    begin(&making);
    append_gap(&making, NULL, gap);
    gap.scope = QTA_GAP_SYMBOL;
    gap.channel = QTA_TICK_BOOK;
    append_gap(&making, "A", resolved(gap, 1, QTA_REMEDY_SNAPSHOT));
    struct told told = finish(&making);
    assert_int_equal(told.count, 1);
    assert_string_equal(told.gaps[0].cause, "lost");
    assert_string_equal(told.gaps[0].resolved_by, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healed_gap_is_told_once_and_with_its_remedy),
        cmocka_unit_test(a_remedy_finds_its_gap_where_records_have_other_numbers),
        cmocka_unit_test(a_symbol_does_not_heal_the_gap_of_its_provider),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
