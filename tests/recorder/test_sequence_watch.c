/* Numbers are held against a model that remembers every one of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/sequence_watch.h"

enum { STREAM_COUNT = 100 };

static struct qta_sequence_watch *watch;
static struct qta_sequence_gap gap;

static int setup(void **state)
{
    (void)state;
    memset(&gap, 0xee, sizeof gap);
    return qta_sequence_watch_create(&watch, STREAM_COUNT, NULL) == QTA_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    qta_sequence_watch_destroy(watch);
    return 0;
}

static enum qta_sequence_news see(uint32_t stream, uint64_t number)
{
    return qta_sequence_watch_see(watch, stream, number, (int64_t)(number * 10), &gap);
}

static void see_all(uint32_t stream, uint64_t first, uint64_t last)
{
    for (uint64_t number = first; number <= last; number++)
        assert_int_equal(see(stream, number), QTA_SEQUENCE_GOOD);
}

static void numbers_in_order_are_good_wherever_they_begin(void **state)
{
    (void)state;
    static const uint64_t firsts[] = {0, 1, 2, 1000000, UINT64_MAX - 20};
    for (uint32_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++)
        see_all(i, firsts[i], firsts[i] + 9);
    assert_int_equal(qta_sequence_watch_missing(watch), 0);
}

static void a_missing_range_is_told_with_its_bounds(void **state)
{
    (void)state;
    see_all(7, 100, 110);
    see_all(8, 100, 110); /* streams do not mind one another */
    assert_int_equal(see(7, 115), QTA_SEQUENCE_MISSING);
    assert_int_equal(gap.last_good, 110);
    assert_int_equal(gap.first_good, 115);
    assert_int_equal(gap.last_good_ns, 1100);
    assert_int_equal(gap.first_good_ns, 1150);
    assert_int_equal(qta_sequence_watch_missing(watch), 4);
    assert_int_equal(see(7, 116), QTA_SEQUENCE_GOOD);
    assert_int_equal(see(8, 111), QTA_SEQUENCE_GOOD);
}

static void repetitions_and_steps_back_are_counted_and_no_holes(void **state)
{
    (void)state;
    see_all(0, 100, 200);
    assert_int_equal(see(0, 200), QTA_SEQUENCE_REPEATED);
    assert_int_equal(see(0, 150), QTA_SEQUENCE_BACK);
    assert_int_equal(see(0, 151), QTA_SEQUENCE_BACK);
    assert_int_equal(see(0, 201), QTA_SEQUENCE_GOOD); /* where it was */
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_REPEATED), 1);
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_BACK), 2);
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_MISSING), 0);
}

static void what_comes_late_in_any_order_resolves_the_gap(void **state)
{
    (void)state;
    see_all(3, 1, 10);
    assert_int_equal(see(3, 15), QTA_SEQUENCE_MISSING);
    qta_sequence_watch_recorded(watch, 4711);
    assert_int_equal(see(3, 18), QTA_SEQUENCE_MISSING);
    qta_sequence_watch_recorded(watch, 4712);
    assert_int_equal(see(3, 13), QTA_SEQUENCE_LATE);
    assert_int_equal(see(3, 13), QTA_SEQUENCE_BACK); /* once is enough */
    assert_int_equal(see(3, 11), QTA_SEQUENCE_LATE);
    assert_int_equal(see(3, 14), QTA_SEQUENCE_LATE);
    assert_int_equal(see(3, 12), QTA_SEQUENCE_RESOLVED);
    assert_int_equal(gap.last_good, 10);
    assert_int_equal(gap.first_good, 15);
    assert_int_equal(gap.rx_seq, 4711);
    qta_sequence_watch_turn_page(watch);
    assert_int_equal(see(3, 17), QTA_SEQUENCE_LATE);
    assert_int_equal(see(3, 16), QTA_SEQUENCE_RESOLVED);
    assert_true(gap.rx_seq == QTA_U64_NONE); /* it is on record in another session */
}

static void a_numbering_that_begins_anew_is_no_hole(void **state)
{
    (void)state;
    see_all(1, 500, 510);
    assert_int_equal(see(1, 520), QTA_SEQUENCE_MISSING);
    assert_int_equal(see(1, 1), QTA_SEQUENCE_RESTARTED);
    see_all(1, 2, 600); /* and none of the holes of before is filled */
    assert_int_equal(see(1, 10000000000000), QTA_SEQUENCE_RESTARTED);
    assert_int_equal(see(1, 10000000000001), QTA_SEQUENCE_GOOD);
    assert_int_equal(see(1, 5000), QTA_SEQUENCE_RESTARTED);
    qta_sequence_watch_restart(watch, 1);
    assert_int_equal(see(1, 9000), QTA_SEQUENCE_GOOD);
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_MISSING), 1);
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_RESTARTED), 3);
}

static void streams_beyond_the_bound_are_counted_and_left_alone(void **state)
{
    (void)state;
    assert_int_equal(see(STREAM_COUNT - 1, 5), QTA_SEQUENCE_GOOD);
    assert_int_equal(see(STREAM_COUNT, 5), QTA_SEQUENCE_UNWATCHED);
    assert_int_equal(see(UINT32_MAX, 9), QTA_SEQUENCE_UNWATCHED);
    assert_int_equal(qta_sequence_watch_count(watch, QTA_SEQUENCE_UNWATCHED), 2);
}

static void the_oldest_of_too_many_holes_is_forgotten_and_stays_one(void **state)
{
    (void)state;
    see_all(0, 1, 10);
    for (uint64_t i = 0; i <= QTA_SEQUENCE_GAPS_MAX; i++)
        assert_int_equal(see(0, 12 + 2 * i), QTA_SEQUENCE_MISSING);
    assert_int_equal(see(0, 11), QTA_SEQUENCE_BACK);
    assert_int_equal(see(0, 13), QTA_SEQUENCE_RESOLVED);
}

/* ---- against a model --------------------------------------------------------------------------
 */

enum { NUMBERS = 20000, STREAMS = 5 };

struct model {
    uint8_t is_seen[NUMBERS + 1];
    uint64_t gap_of[NUMBERS + 1]; /* number of the gap that it is missing in; 0: none */
    uint64_t left[NUMBERS + 1];   /* by gap */
    uint64_t last;
};

static uint64_t random_next(uint64_t *seed)
{
    uint64_t z = (*seed += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static enum qta_sequence_news expect(struct model *model, uint64_t number, uint64_t *gaps)
{
    bool is_first = model->last == 0;
    bool was_seen = model->is_seen[number];
    model->is_seen[number] = 1;
    if (!is_first && number == model->last)
        return QTA_SEQUENCE_REPEATED;
    if (!is_first && number < model->last) {
        uint64_t which = model->gap_of[number];
        if (was_seen || which == 0)
            return QTA_SEQUENCE_BACK;
        return --model->left[which] == 0 ? QTA_SEQUENCE_RESOLVED : QTA_SEQUENCE_LATE;
    }
    uint64_t before = model->last;
    model->last = number;
    if (is_first || number == before + 1)
        return QTA_SEQUENCE_GOOD;
    uint64_t which = ++*gaps;
    for (uint64_t missing = before + 1; missing < number; missing++)
        model->gap_of[missing] = which;
    model->left[which] = number - before - 1;
    return QTA_SEQUENCE_MISSING;
}

/* Losses, swaps and repetitions of a few numbers, so that no hole is ever forgotten. */
static void reordered_feeds_are_told_as_a_model_tells_them(void **state)
{
    (void)state;
    static struct model models[STREAMS];
    uint64_t seed = 20240501;
    uint64_t gaps[STREAMS] = {0};
    uint64_t next[STREAMS];
    uint64_t counts[QTA_SEQUENCE_NEWS_COUNT] = {0};
    memset(models, 0, sizeof models);
    for (uint32_t i = 0; i < STREAMS; i++)
        next[i] = 1000 * i + 2;
    for (int step = 0; step < NUMBERS; step++) {
        uint32_t stream = (uint32_t)(random_next(&seed) % STREAMS);
        uint64_t number = next[stream]++;
        uint64_t dice = random_next(&seed) % 100;
        if (dice < 10) {
            number = next[stream]++; /* one is left out */
        } else if (dice < 40) {
            number -= 1 + random_next(&seed) % 10; /* repeated, or late */
            next[stream]--;
        }
        if (number <= 1000 * stream + 1 || number > NUMBERS)
            continue;
        enum qta_sequence_news expected = expect(&models[stream], number, &gaps[stream]);
        assert_int_equal(see(stream, number), expected);
        counts[expected]++;
    }
    assert_true(counts[QTA_SEQUENCE_MISSING] > 100 && counts[QTA_SEQUENCE_RESOLVED] > 20);
    for (int news = QTA_SEQUENCE_MISSING; news < QTA_SEQUENCE_NEWS_COUNT; news++)
        assert_int_equal(qta_sequence_watch_count(watch, (enum qta_sequence_news)news),
                         counts[news]);
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCHED(numbers_in_order_are_good_wherever_they_begin),
        WATCHED(a_missing_range_is_told_with_its_bounds),
        WATCHED(repetitions_and_steps_back_are_counted_and_no_holes),
        WATCHED(what_comes_late_in_any_order_resolves_the_gap),
        WATCHED(a_numbering_that_begins_anew_is_no_hole),
        WATCHED(streams_beyond_the_bound_are_counted_and_left_alone),
        WATCHED(the_oldest_of_too_many_holes_is_forgotten_and_stays_one),
        WATCHED(reordered_feeds_are_told_as_a_model_tells_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
