/* Merging of sources and translation of names. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/merge.h"
#include "tests/replay/array_source.h"

static uint32_t intern(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    return qta_dictionary_intern(user, kind, name, length);
}

static struct qta_dictionary *new_dictionary(void)
{
    struct qta_dictionary *names = NULL;
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    return names;
}

static uint32_t id_of(struct qta_dictionary *names, enum qta_name_kind kind, const char *name)
{
    return qta_dictionary_intern(names, kind, name, strlen(name));
}

static void assert_name(const struct qta_dictionary *names, enum qta_name_kind kind, uint32_t id,
                        const char *expected)
{
    assert_string_equal(qta_dictionary_name(names, kind, id, NULL), expected);
}

static void make_tick(struct qta_tick *tick, uint64_t seq, int64_t ts_ns, uint32_t symbol)
{
    qta_tick_init(tick, QTA_TICK_TRADE);
    tick->rx_seq = seq;
    tick->ts_recv_ns = ts_ns;
    tick->symbol = symbol;
}

/* Everything that comes out, whatever the spans; END ends it. */
static size_t drain(struct qta_merge *merge, struct qta_tick *out, size_t capacity)
{
    size_t total = 0;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_merge_next(merge, &ticks, &count, NULL);
        if (status == QTA_ERR_END)
            return total;
        assert_int_equal(status, QTA_OK);
        assert_true(count > 0);
        assert_true(total + count <= capacity);
        memcpy(out + total, ticks, count * sizeof *ticks);
        total += count;
    }
}

static void equal_times_come_in_the_order_given_then_by_sequence(void **state)
{
    (void)state;
    /* times; the sequence tells where a tick came from: 100s, 200s, 300s */
    static const int64_t times[3][4] = {{5, 5, 7, 9}, {5, 6, 7, 7}, {1, 5, 5, 20}};
    static const uint64_t expected[] = {301, 101, 102, 201, 302, 303, 202, 103, 203, 204, 104, 304};
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    for (size_t span = 1; span <= 4; span++) {
        struct qta_tick ticks[3][4];
        struct array_source arrays[3];
        struct qta_tick_source *sources[3];
        for (size_t i = 0; i < 3; i++) {
            for (size_t k = 0; k < 4; k++)
                make_tick(&ticks[i][k], (i + 1) * 100 + k + 1, times[i][k], 0);
            array_source_init(&arrays[i], ticks[i], 4, span, names);
            sources[i] = &arrays[i].base;
        }
        struct qta_merge *merge;
        assert_int_equal(qta_merge_create(&merge, sources, 3, &sink, NULL), QTA_OK);
        struct qta_tick out[12];
        assert_int_equal(drain(merge, out, 12), 12);
        for (size_t i = 0; i < 12; i++)
            assert_int_equal(out[i].rx_seq, expected[i]);
        qta_merge_destroy(merge);
    }
    qta_dictionary_destroy(names);
}

/* ---- against a plain sort ---------------------------------------------------------------------
 */

enum { RANDOM_SOURCES = 7, RANDOM_TICKS = 3000 };

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* conn holds the source's number, so that the order can be told from the ticks alone */
static int compare_ticks(const void *left_bytes, const void *right_bytes)
{
    const struct qta_tick *left = left_bytes;
    const struct qta_tick *right = right_bytes;
    if (left->ts_recv_ns != right->ts_recv_ns)
        return left->ts_recv_ns < right->ts_recv_ns ? -1 : 1;
    if (left->conn != right->conn)
        return left->conn < right->conn ? -1 : 1;
    return left->rx_seq < right->rx_seq ? -1 : left->rx_seq > right->rx_seq;
}

static void any_sources_come_out_as_if_sorted(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    static struct qta_tick ticks[RANDOM_SOURCES][RANDOM_TICKS];
    static struct qta_tick all[RANDOM_SOURCES * RANDOM_TICKS];
    static struct qta_tick out[RANDOM_SOURCES * RANDOM_TICKS];
    uint64_t seed = 99;
    for (int round = 0; round < 40; round++) {
        struct array_source arrays[RANDOM_SOURCES];
        struct qta_tick_source *sources[RANDOM_SOURCES];
        size_t total = 0;
        uint64_t step = 1 + next_random(&seed) % 20; /* how often times are equal */
        for (size_t i = 0; i < RANDOM_SOURCES; i++) {
            size_t count = next_random(&seed) % RANDOM_TICKS;
            int64_t ts_ns = (int64_t)(next_random(&seed) % 5000);
            for (size_t k = 0; k < count; k++) {
                ts_ns += (int64_t)(next_random(&seed) % step);
                make_tick(&ticks[i][k], k + 1, ts_ns, 0);
                ticks[i][k].conn = (uint32_t)i;
            }
            memcpy(all + total, ticks[i], count * sizeof(struct qta_tick));
            total += count;
            array_source_init(&arrays[i], ticks[i], count, 1 + next_random(&seed) % 900, names);
            sources[i] = &arrays[i].base;
        }
        qsort(all, total, sizeof all[0], compare_ticks);
        struct qta_merge *merge;
        assert_int_equal(qta_merge_create(&merge, sources, RANDOM_SOURCES, &sink, NULL), QTA_OK);
        assert_int_equal(drain(merge, out, total), total);
        assert_memory_equal(out, all, total * sizeof all[0]);
        qta_merge_rewind(merge);
        memset(out, 0, sizeof out);
        assert_int_equal(drain(merge, out, total), total);
        assert_memory_equal(out, all, total * sizeof all[0]);
        qta_merge_destroy(merge);
    }
    qta_dictionary_destroy(names);
}

static void sources_that_follow_one_another_are_open_one_at_a_time(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    struct qta_tick ticks[5][3];
    struct array_source arrays[5];
    struct qta_tick_source *sources[5];
    int open_count = 0;
    int open_count_max = 0;
    for (size_t i = 0; i < 5; i++) {
        for (size_t k = 0; k < 3; k++)
            make_tick(&ticks[i][k], k + 1, (int64_t)(i * 100 + k), 0);
        array_source_init(&arrays[i], ticks[i], 3, 2, names);
        arrays[i].open_count = &open_count;
        arrays[i].open_count_max = &open_count_max;
        sources[4 - i] = &arrays[i].base; /* given in the wrong order: time decides */
    }
    struct qta_merge *merge;
    assert_int_equal(qta_merge_create(&merge, sources, 5, &sink, NULL), QTA_OK);
    struct qta_tick out[15];
    assert_int_equal(drain(merge, out, 15), 15);
    for (size_t i = 1; i < 15; i++)
        assert_true(out[i].ts_recv_ns > out[i - 1].ts_recv_ns);
    assert_int_equal(open_count_max, 1);
    qta_merge_destroy(merge);
    assert_int_equal(open_count, 0);
    qta_dictionary_destroy(names);
}

/* ---- damage -----------------------------------------------------------------------------------
 */

static void damage_is_told_once_after_what_came_before_and_the_rest_goes_on(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    struct qta_tick ticks[10];
    for (size_t k = 0; k < 10; k++)
        make_tick(&ticks[k], k + 1, (int64_t)k, 0);
    struct qta_tick other; /* comes after the first source's tick of the same time, number 7 */
    make_tick(&other, 77, 6, 0);
    for (int is_merged = 0; is_merged < 2; is_merged++) {
        for (long damage_at = 0; damage_at <= 10; damage_at++) {
            struct array_source arrays[2];
            array_source_init(&arrays[0], ticks, 10, 4, names);
            array_source_init(&arrays[1], &other, 1, 1, names);
            arrays[0].damage_at = damage_at;
            struct qta_tick_source *sources[] = {&arrays[0].base, &arrays[1].base};
            struct qta_merge *merge;
            assert_int_equal(qta_merge_create(&merge, sources, is_merged ? 2 : 1,
                                              is_merged ? &sink : NULL, NULL),
                             QTA_OK);
            size_t total = 0;
            size_t damages = 0;
            for (;;) {
                const struct qta_tick *span;
                size_t count;
                struct qta_error err;
                enum qta_status status = qta_merge_next(merge, &span, &count, &err);
                if (status == QTA_ERR_END)
                    break;
                if (status == QTA_ERR_DAMAGED) {
                    assert_int_equal(total, damage_at + (is_merged && damage_at > 7));
                    assert_string_equal(err.message, "block 7 fails its checksum");
                    damages++;
                    continue;
                }
                assert_int_equal(status, QTA_OK);
                total += count;
            }
            assert_int_equal(damages, 1);
            assert_int_equal(total, is_merged ? 11 : 10);
            qta_merge_destroy(merge);
        }
    }
    qta_dictionary_destroy(names);
}

static void an_error_that_is_no_damage_comes_through(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    struct qta_tick tick;
    make_tick(&tick, 1, 1, 0);
    struct array_source array;
    array_source_init(&array, &tick, 1, 1, names);
    array.damage_at = 1;
    array.damage_status = QTA_ERR_IO;
    struct qta_tick_source *sources[] = {&array.base};
    struct qta_merge *merge;
    assert_int_equal(qta_merge_create(&merge, sources, 1, &sink, NULL), QTA_OK);
    const struct qta_tick *span;
    size_t count;
    assert_int_equal(qta_merge_next(merge, &span, &count, NULL), QTA_OK);
    assert_int_equal(count, 1);
    assert_int_equal(qta_merge_next(merge, &span, &count, NULL), QTA_ERR_IO);
    qta_merge_destroy(merge);
    qta_dictionary_destroy(names);
}

/* ---- names ------------------------------------------------------------------------------------
 */

static void two_sessions_get_one_set_of_names(void **state)
{
    (void)state;
    struct qta_dictionary *left = new_dictionary();
    struct qta_dictionary *right = new_dictionary();
    struct qta_dictionary *both = new_dictionary();
    struct qta_tick ticks[2];
    make_tick(&ticks[0], 1, 1, id_of(left, QTA_NAME_SYMBOL, "AAPL"));
    ticks[0].provider = (uint16_t)id_of(left, QTA_NAME_PROVIDER, "alpaca");
    ticks[0].trade.exchange = 'V';
    ticks[0].trade.conditions[0] = '@';
    ticks[0].trade.conditions[1] = (uint16_t)id_of(left, QTA_NAME_CODE, "XNAS");
    ticks[0].trade.id = id_of(left, QTA_NAME_TEXT, "7f0c-4d");
    ticks[0].flags = QTA_FLAG_ID_IS_TEXT;
    id_of(right, QTA_NAME_SYMBOL, "MSFT");
    id_of(right, QTA_NAME_CODE, "ARCX");
    make_tick(&ticks[1], 1, 2, id_of(right, QTA_NAME_SYMBOL, "AAPL"));
    ticks[1].provider = (uint16_t)id_of(right, QTA_NAME_PROVIDER, "kraken");
    ticks[1].trade.exchange = (uint16_t)id_of(right, QTA_NAME_CODE, "XNAS");
    ticks[1].trade.id = 1; /* a number here, whatever the first text is */

    struct array_source arrays[2];
    array_source_init(&arrays[0], &ticks[0], 1, 1, left);
    array_source_init(&arrays[1], &ticks[1], 1, 1, right);
    struct qta_tick_source *sources[] = {&arrays[0].base, &arrays[1].base};
    struct qta_name_sink sink = {intern, both};
    struct qta_merge *merge;
    assert_int_equal(qta_merge_create(&merge, sources, 2, &sink, NULL), QTA_OK);
    struct qta_tick out[2] = {0};
    assert_int_equal(drain(merge, out, 2), 2);
    assert_int_equal(out[0].symbol, out[1].symbol);
    assert_name(both, QTA_NAME_SYMBOL, out[0].symbol, "AAPL");
    assert_name(both, QTA_NAME_PROVIDER, out[0].provider, "alpaca");
    assert_name(both, QTA_NAME_PROVIDER, out[1].provider, "kraken");
    assert_int_equal(out[0].trade.exchange, 'V');
    assert_int_equal(out[0].trade.conditions[0], '@');
    assert_int_equal(out[0].trade.conditions[1], out[1].trade.exchange);
    assert_name(both, QTA_NAME_CODE, out[1].trade.exchange, "XNAS");
    assert_int_equal(out[0].trade.conditions[2], 0);
    assert_name(both, QTA_NAME_TEXT, (uint32_t)out[0].trade.id, "7f0c-4d");
    assert_int_equal(out[1].trade.id, 1);
    /* what no tick refers to is not carried over */
    assert_int_equal(qta_dictionary_find(both, QTA_NAME_SYMBOL, "MSFT", 4), 0);
    qta_merge_destroy(merge);
    qta_dictionary_destroy(left);
    qta_dictionary_destroy(right);
    qta_dictionary_destroy(both);
}

/* Sets every id field of every type to a name of its own, so that none can be forgotten. */
static void fill_ids(struct qta_tick *tick, struct qta_dictionary *names)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++) {
        char *field = (char *)tick + fields[i].offset;
        uint16_t code = (uint16_t)id_of(names, QTA_NAME_CODE, fields[i].name);
        uint32_t text = id_of(names, QTA_NAME_TEXT, fields[i].name);
        uint64_t id = text;
        uint16_t codes[QTA_CONDITIONS_MAX] = {'@', code, 0, 0};
        if (fields[i].kind == QTA_FIELD_CODE)
            memcpy(field, &code, sizeof code);
        else if (fields[i].kind == QTA_FIELD_CONDITIONS)
            memcpy(field, codes, sizeof codes);
        else if (fields[i].kind == QTA_FIELD_TEXT)
            memcpy(field, &text, sizeof text);
        else if (fields[i].kind == QTA_FIELD_ID)
            memcpy(field, &id, sizeof id);
    }
}

static void assert_ids(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++) {
        const char *field = (const char *)tick + fields[i].offset;
        uint16_t codes[QTA_CONDITIONS_MAX];
        uint64_t id;
        uint32_t text;
        if (fields[i].kind == QTA_FIELD_CODE) {
            memcpy(codes, field, sizeof codes[0]);
            assert_name(names, QTA_NAME_CODE, codes[0], fields[i].name);
        } else if (fields[i].kind == QTA_FIELD_CONDITIONS) {
            memcpy(codes, field, sizeof codes);
            assert_int_equal(codes[0], '@');
            assert_name(names, QTA_NAME_CODE, codes[1], fields[i].name);
        } else if (fields[i].kind == QTA_FIELD_TEXT) {
            memcpy(&text, field, sizeof text);
            assert_name(names, QTA_NAME_TEXT, text, fields[i].name);
        } else if (fields[i].kind == QTA_FIELD_ID) {
            memcpy(&id, field, sizeof id);
            assert_name(names, QTA_NAME_TEXT, (uint32_t)id, fields[i].name);
        }
    }
}

static void every_id_field_of_every_type_is_translated(void **state)
{
    (void)state;
    struct qta_dictionary *here = new_dictionary();
    struct qta_dictionary *there = new_dictionary();
    /* push the ids of the other side away, so that an untranslated one cannot be right by chance */
    for (int i = 0; i < 300; i++) {
        char name[32];
        size_t length = (size_t)snprintf(name, sizeof name, "other-%d", i);
        qta_dictionary_intern(there, QTA_NAME_CODE, name, length);
        qta_dictionary_intern(there, QTA_NAME_TEXT, name, length);
    }
    struct qta_name_sink sink = {intern, there};
    struct qta_id_translator *translator;
    assert_int_equal(qta_id_translator_create(&translator, &sink, NULL), QTA_OK);
    qta_id_translator_reset(translator, here);
    for (unsigned type = 1; type < QTA_TICK_TYPE_END; type++) {
        struct qta_tick tick;
        qta_tick_init(&tick, (enum qta_tick_type)type);
        tick.flags = QTA_FLAG_ID_IS_TEXT;
        fill_ids(&tick, here);
        struct qta_tick out;
        qta_id_translator_apply(translator, &tick, &out, 1);
        assert_ids(&out, there);
        qta_id_translator_apply(translator, &tick, &out, 1); /* from the table this time */
        assert_ids(&out, there);
    }
    qta_id_translator_destroy(translator);
    qta_dictionary_destroy(here);
    qta_dictionary_destroy(there);
}

static void ids_that_stand_for_nothing_become_other(void **state)
{
    (void)state;
    struct qta_dictionary *names = new_dictionary();
    struct qta_name_sink sink = {intern, names};
    struct qta_id_translator *translator;
    assert_int_equal(qta_id_translator_create(&translator, &sink, NULL), QTA_OK);
    struct qta_dictionary *empty = new_dictionary();
    qta_id_translator_reset(translator, empty);
    struct qta_tick tick;
    make_tick(&tick, 1, 1, 5);
    tick.provider = 9;
    tick.trade.exchange = UINT16_MAX;
    tick.trade.conditions[0] = 4000;
    tick.flags = QTA_FLAG_ID_IS_TEXT;
    tick.trade.id = UINT64_C(1) << 40;
    qta_id_translator_apply(translator, &tick, &tick, 1);
    assert_int_equal(tick.symbol, QTA_NAME_OTHER);
    assert_int_equal(tick.provider, UINT16_MAX);
    assert_int_equal(tick.trade.exchange, UINT16_MAX);
    assert_int_equal(tick.trade.conditions[0], UINT16_MAX);
    assert_int_equal(tick.trade.id, QTA_NAME_OTHER);
    tick.trade.id = QTA_U64_NONE;
    qta_id_translator_apply(translator, &tick, &tick, 1);
    assert_true(tick.trade.id == QTA_U64_NONE);
    qta_id_translator_destroy(translator);
    qta_dictionary_destroy(empty);
    qta_dictionary_destroy(names);
}

static void names_that_come_up_later_are_found_too(void **state)
{
    (void)state;
    struct qta_dictionary *here = new_dictionary();
    struct qta_dictionary *there = new_dictionary();
    struct qta_name_sink sink = {intern, there};
    struct qta_id_translator *translator;
    assert_int_equal(qta_id_translator_create(&translator, &sink, NULL), QTA_OK);
    qta_id_translator_reset(translator, here);
    for (int i = 0; i < 5000; i++) {
        char name[32];
        snprintf(name, sizeof name, "SYM%d", i);
        struct qta_tick tick;
        make_tick(&tick, 1, 1, id_of(here, QTA_NAME_SYMBOL, name));
        qta_id_translator_apply(translator, &tick, &tick, 1);
        assert_name(there, QTA_NAME_SYMBOL, tick.symbol, name);
    }
    qta_id_translator_destroy(translator);
    qta_dictionary_destroy(here);
    qta_dictionary_destroy(there);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_times_come_in_the_order_given_then_by_sequence),
        cmocka_unit_test(any_sources_come_out_as_if_sorted),
        cmocka_unit_test(sources_that_follow_one_another_are_open_one_at_a_time),
        cmocka_unit_test(damage_is_told_once_after_what_came_before_and_the_rest_goes_on),
        cmocka_unit_test(an_error_that_is_no_damage_comes_through),
        cmocka_unit_test(two_sessions_get_one_set_of_names),
        cmocka_unit_test(every_id_field_of_every_type_is_translated),
        cmocka_unit_test(ids_that_stand_for_nothing_become_other),
        cmocka_unit_test(names_that_come_up_later_are_found_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
