/* Where symbols are put when a connection carries only so many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/shard_map.h"

static struct qta_shard_map *make(size_t shards, size_t symbols, size_t streams)
{
    const struct qta_shard_limits limits = {
        .shards_max = shards, .symbols_max = symbols, .streams_max = streams};
    struct qta_shard_map *map;
    assert_int_equal(qta_shard_map_create(&map, &limits, NULL), QTA_OK);
    return map;
}

static size_t add(struct qta_shard_map *map, const char *symbol, size_t streams)
{
    size_t shard;
    assert_int_equal(qta_shard_map_add(map, symbol, streams, NULL, &shard, NULL), QTA_OK);
    return shard;
}

static void one_shard_is_filled_before_the_next_is_begun(void **state)
{
    (void)state;
    struct qta_shard_map *map = make(3, 2, 0);
    assert_int_equal(add(map, "A", 1), 0);
    assert_int_equal(add(map, "B", 1), 0);
    assert_int_equal(add(map, "C", 1), 1);
    assert_int_equal(add(map, "A", 1), 0); /* another channel of the same symbol */
    assert_int_equal(qta_shard_map_load(map, 0).symbols, 2);
    assert_int_equal(qta_shard_map_load(map, 0).streams, 3);
    qta_shard_map_destroy(map);
}

static void of_several_in_use_the_least_loaded_takes_the_next(void **state)
{
    (void)state;
    struct qta_shard_map *map = make(2, 4, 8);
    assert_int_equal(add(map, "A", 4), 0);
    assert_int_equal(add(map, "B", 4), 0);
    assert_int_equal(add(map, "C", 1), 1);
    qta_shard_map_remove(map, "B"); /* one of its four */
    assert_int_equal(add(map, "D", 1), 1);
    qta_shard_map_destroy(map);
}

static void what_finds_no_room_is_refused_with_the_limits(void **state)
{
    (void)state;
    struct qta_shard_map *map = make(2, 1, 2);
    struct qta_error err;
    size_t shard;
    add(map, "A", 2);
    add(map, "B", 1);
    assert_int_equal(qta_shard_map_add(map, "C", 1, NULL, &shard, &err), QTA_ERR_STATE);
    assert_string_equal(err.message,
                        "no connection has room for 'C': 2 are allowed, with 1 symbols and 2 "
                        "subscriptions each (0: any number); raise max_connections");
    assert_int_equal(qta_shard_map_add(map, "A", 1, NULL, &shard, &err), QTA_ERR_STATE);
    qta_shard_map_remove(map, "B");
    assert_false(qta_shard_map_find(map, "B", &shard));
    assert_int_equal(add(map, "C", 1), 1);
    qta_shard_map_destroy(map);
}

static void a_symbol_moves_with_all_its_channels_where_there_is_room(void **state)
{
    (void)state;
    struct qta_shard_map *map = make(3, 2, 0);
    size_t shard;
    add(map, "A", 2);
    add(map, "B", 2);
    add(map, "C", 1);
    const bool closed[] = {true, false, true};
    assert_true(qta_shard_map_move(map, "A", closed));
    assert_true(qta_shard_map_find(map, "A", &shard));
    assert_int_equal(shard, 1);
    assert_int_equal(qta_shard_map_load(map, 1).streams, 3);
    assert_int_equal(qta_shard_map_load(map, 0).streams, 2);
    assert_false(qta_shard_map_move(map, "B", closed)); /* shard 1 has two */
    size_t cursor = 0;
    assert_string_equal(qta_shard_map_next(map, 0, &cursor), "B");
    assert_null(qta_shard_map_next(map, 0, &cursor));
    qta_shard_map_destroy(map);
}

/* Against an array: whatever comes and goes is found where it was put. */
static void the_table_agrees_with_a_plain_array(void **state)
{
    (void)state;
    enum { SYMBOLS = 300 };
    struct qta_shard_map *map = make(4, 0, 0);
    int streams[SYMBOLS] = {0};
    srand(7);
    for (int turn = 0; turn < 50000; turn++) {
        int i = rand() % SYMBOLS;
        char symbol[16];
        size_t shard;
        snprintf(symbol, sizeof symbol, "S%d", i);
        if (streams[i] > 0 && rand() % 2) {
            qta_shard_map_remove(map, symbol);
            streams[i]--;
        } else {
            add(map, symbol, 1);
            streams[i]++;
        }
        assert_int_equal(qta_shard_map_find(map, symbol, &shard), streams[i] > 0);
    }
    size_t symbols = 0;
    size_t cursor = 0;
    while (qta_shard_map_next(map, 0, &cursor))
        symbols++;
    size_t expected = 0;
    for (int i = 0; i < SYMBOLS; i++)
        expected += streams[i] > 0;
    assert_int_equal(symbols, expected);
    assert_int_equal(qta_shard_map_load(map, 0).symbols, expected);
    qta_shard_map_destroy(map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_shard_is_filled_before_the_next_is_begun),
        cmocka_unit_test(of_several_in_use_the_least_loaded_takes_the_next),
        cmocka_unit_test(what_finds_no_room_is_refused_with_the_limits),
        cmocka_unit_test(a_symbol_moves_with_all_its_channels_where_there_is_room),
        cmocka_unit_test(the_table_agrees_with_a_plain_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
