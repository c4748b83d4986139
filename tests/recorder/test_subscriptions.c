/* Who sees which tick; and what a provider is asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/subscriptions.h"
#include "recorder/wants.h"

/* ---- callbacks --------------------------------------------------------------------------------
 */

/* Writes down who was called, in order. */
struct journal {
    char text[256];
};
struct listener {
    struct journal *journal;
    char name;
};

static void note_call(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct listener *listener = user;
    char *text = listener->journal->text;
    size_t used = strlen(text);
    snprintf(text + used, sizeof listener->journal->text - used, "%c%d ", listener->name,
             (int)tick->rx_seq);
}

struct table {
    struct qta_dictionary *names;
    struct qta_subscriptions *subscriptions;
};

static int make_table(void **state)
{
    static struct table table;
    assert_int_equal(qta_dictionary_create(&table.names, NULL), QTA_OK);
    assert_int_equal(qta_subscriptions_create(&table.subscriptions, table.names, NULL), QTA_OK);
    *state = &table;
    return 0;
}

static int free_table(void **state)
{
    struct table *table = *state;
    qta_subscriptions_destroy(table->subscriptions);
    qta_dictionary_destroy(table->names);
    return 0;
}

static uint32_t symbol_id(struct table *table, const char *symbol)
{
    return qta_dictionary_intern(table->names, QTA_NAME_SYMBOL, symbol, strlen(symbol));
}

static void dispatch(struct table *table, uint64_t rx_seq, unsigned type, uint32_t symbol)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_TRADE);
    tick.type = (uint8_t)type;
    tick.rx_seq = rx_seq;
    tick.symbol = symbol;
    qta_subscriptions_dispatch(table->subscriptions, &tick);
}

static void add(struct table *table, uint32_t types, const char *const *symbols,
                size_t symbol_count, struct listener *listener)
{
    assert_int_equal(qta_subscriptions_add(table->subscriptions, types, symbols, symbol_count,
                                           note_call, listener, NULL),
                     QTA_OK);
}

static void callbacks_get_their_types_and_symbols_only(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener a = {&journal, 'a'};
    struct listener b = {&journal, 'b'};
    struct listener c = {&journal, 'c'};
    static const char *const both[] = {"AAPL", "MSFT"};
    static const char *const one[] = {"MSFT"};
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), both, 2, &a);
    add(table, QTA_TYPE_BIT(QTA_TICK_QUOTE), one, 1, &b);
    add(table, QTA_TYPE_BIT(QTA_TICK_CONN), NULL, 0, &c);
    uint32_t spy = symbol_id(table, "SPY");
    uint32_t msft = symbol_id(table, "MSFT");
    uint32_t aapl = symbol_id(table, "AAPL");
    dispatch(table, 1, QTA_TICK_TRADE, aapl);
    dispatch(table, 2, QTA_TICK_TRADE, msft);
    dispatch(table, 3, QTA_TICK_TRADE, spy);
    dispatch(table, 4, QTA_TICK_QUOTE, aapl);
    dispatch(table, 5, QTA_TICK_QUOTE, msft);
    dispatch(table, 6, QTA_TICK_CONN, 0);
    dispatch(table, 7, QTA_TICK_TRADE, 0);
    dispatch(table, 8, QTA_TICK_TRADE, QTA_NAME_OTHER); /* an id that stands for no name */
    dispatch(table, 9, 200, aapl);                      /* a type from the future */
    assert_string_equal(journal.text, "a1 a2 b5 c6 ");
}

static void stars_get_every_symbol_and_order_is_that_of_adding(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener listeners[5];
    for (int i = 0; i < 5; i++)
        listeners[i] = (struct listener){&journal, (char)('a' + i)};
    static const char *const star[] = {"*"};
    static const char *const mixed[] = {"AAPL", "*", "AAPL"};
    static const char *const twice[] = {"AAPL", "AAPL"};
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), twice, 2, &listeners[0]);
    add(table, QTA_TYPES_ALL, NULL, 0, &listeners[1]);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), twice, 1, &listeners[2]);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), mixed, 3, &listeners[3]);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), star, 1, &listeners[4]);
    dispatch(table, 1, QTA_TICK_TRADE, symbol_id(table, "AAPL"));
    dispatch(table, 2, QTA_TICK_TRADE, symbol_id(table, "MSFT"));
    dispatch(table, 3, QTA_TICK_GAP, 0);
    assert_string_equal(journal.text, "a1 b1 c1 d1 e1 b2 d2 e2 b3 ");
}

static void a_symbol_named_later_is_found_although_it_was_seen_before(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener a = {&journal, 'a'};
    struct listener b = {&journal, 'b'};
    static const char *const other[] = {"MSFT"};
    static const char *const wanted[] = {"AAPL"};
    uint32_t aapl = symbol_id(table, "AAPL");
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), other, 1, &a);
    dispatch(table, 1, QTA_TICK_TRADE, aapl);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), wanted, 1, &b);
    dispatch(table, 2, QTA_TICK_TRADE, aapl);
    assert_string_equal(journal.text, "b2 ");
}

static void names_with_bytes_of_any_kind_are_told_apart(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener a = {&journal, 'a'};
    static const char *const wanted[] = {"A"};
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), wanted, 1, &a);
    uint32_t with_nul = qta_dictionary_intern(table->names, QTA_NAME_SYMBOL, "A\0B", 3);
    dispatch(table, 1, QTA_TICK_TRADE, with_nul);
    dispatch(table, 2, QTA_TICK_TRADE, symbol_id(table, "A"));
    assert_string_equal(journal.text, "a2 ");
}

static void a_callback_that_is_removed_is_not_called_any_more(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener a = {&journal, 'a'};
    struct listener b = {&journal, 'b'};
    static const char *const symbols[] = {"AAPL", "MSFT"};
    uint32_t aapl = symbol_id(table, "AAPL");
    assert_true(qta_subscriptions_is_empty(table->subscriptions));
    add(table, QTA_TYPES_ALL, NULL, 0, &a);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), symbols, 2, &b);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), symbols, 1, &a);
    dispatch(table, 1, QTA_TICK_TRADE, aapl);
    assert_true(qta_subscriptions_remove(table->subscriptions, note_call, &a));
    assert_false(qta_subscriptions_remove(table->subscriptions, note_call, &a));
    dispatch(table, 2, QTA_TICK_TRADE, aapl);
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), symbols, 1, &a);
    dispatch(table, 3, QTA_TICK_TRADE, aapl);
    assert_true(qta_subscriptions_remove(table->subscriptions, note_call, &b));
    assert_true(qta_subscriptions_remove(table->subscriptions, note_call, &a));
    assert_true(qta_subscriptions_is_empty(table->subscriptions));
    dispatch(table, 4, QTA_TICK_TRADE, aapl);
    assert_string_equal(journal.text, "a1 b1 a1 b2 b3 a3 ");
}

/* Removes everybody, itself included, at the first call. */
struct remover {
    struct table *table;
    struct listener *others;
    struct journal *journal;
};

static void remove_all(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct remover *remover = user;
    struct qta_subscriptions *subscriptions = remover->table->subscriptions;
    struct listener self = {remover->journal, 'r'};
    note_call(&self, tick, names);
    for (int i = 0; i < 3; i++)
        qta_subscriptions_remove(subscriptions, note_call, &remover->others[i]);
    qta_subscriptions_remove(subscriptions, remove_all, remover);
}

static void callbacks_may_remove_each_other_within_a_tick(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener others[3] = {{&journal, 'a'}, {&journal, 'b'}, {&journal, 'c'}};
    struct remover remover = {table, others, &journal};
    static const char *const symbols[] = {"AAPL"};
    add(table, QTA_TYPES_ALL, NULL, 0, &others[0]);
    assert_int_equal(qta_subscriptions_add(table->subscriptions, QTA_TYPES_ALL, NULL, 0, remove_all,
                                           &remover, NULL),
                     QTA_OK);
    add(table, QTA_TYPES_ALL, NULL, 0, &others[1]);
    add(table, QTA_TYPES_ALL, symbols, 1, &others[2]);
    uint32_t aapl = symbol_id(table, "AAPL");
    qta_subscriptions_enter(table->subscriptions);
    dispatch(table, 1, QTA_TICK_TRADE, aapl);
    dispatch(table, 2, QTA_TICK_TRADE, aapl); /* in the same batch */
    qta_subscriptions_leave(table->subscriptions);
    dispatch(table, 3, QTA_TICK_TRADE, aapl);
    assert_string_equal(journal.text, "a1 r1 ");
    assert_true(qta_subscriptions_is_empty(table->subscriptions));
}

static bool is_wanted(struct table *table, enum qta_tick_type type, uint32_t symbol)
{
    struct qta_tick tick;
    qta_tick_init(&tick, type);
    tick.symbol = symbol;
    return qta_subscriptions_want(table->subscriptions, &tick);
}

static void what_nobody_asked_for_is_not_wanted(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct listener a = {&journal, 'a'};
    static const char *const symbols[] = {"AAPL"};
    uint32_t aapl = symbol_id(table, "AAPL");
    uint32_t msft = symbol_id(table, "MSFT");
    assert_false(is_wanted(table, QTA_TICK_TRADE, aapl));
    add(table, QTA_TYPE_BIT(QTA_TICK_TRADE), symbols, 1, &a);
    add(table, QTA_TYPE_BIT(QTA_TICK_CONN), NULL, 0, &a);
    assert_true(is_wanted(table, QTA_TICK_TRADE, aapl));
    assert_false(is_wanted(table, QTA_TICK_QUOTE, aapl));
    assert_false(is_wanted(table, QTA_TICK_TRADE, msft));
    assert_false(is_wanted(table, QTA_TICK_TRADE, 0));
    assert_true(is_wanted(table, QTA_TICK_CONN, 0));
    assert_false(is_wanted(table, QTA_TICK_GAP, 0));
    qta_subscriptions_remove(table->subscriptions, note_call, &a);
    assert_false(is_wanted(table, QTA_TICK_TRADE, aapl));
    assert_false(is_wanted(table, QTA_TICK_CONN, 0));
}

struct dispatching {
    struct table *table;
    uint32_t symbol;
    _Atomic bool is_over;
};

static void *dispatch_for_ever(void *user)
{
    struct dispatching *own = user;
    for (uint64_t i = 0; !atomic_load(&own->is_over); i++) {
        qta_subscriptions_enter(own->table->subscriptions);
        for (int j = 0; j < 5; j++)
            dispatch(own->table, i, QTA_TICK_TRADE, own->symbol);
        qta_subscriptions_leave(own->table->subscriptions);
    }
    return NULL;
}

static void count_one(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    ++*(uint64_t *)user;
}

/* What belongs to a callback may be freed at once: a sanitizer would see a call that is too late.
 */
static void once_removed_a_callback_runs_no_more(void **state)
{
    struct table *table = *state;
    static const char *const symbols[] = {"AAPL"};
    struct dispatching dispatching = {.table = table, .symbol = symbol_id(table, "AAPL")};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, dispatch_for_ever, &dispatching), 0);
    for (size_t i = 0; i < 2000; i++) {
        uint64_t *calls = calloc(1, sizeof *calls);
        assert_non_null(calls);
        assert_int_equal(qta_subscriptions_add(table->subscriptions, QTA_TYPE_BIT(QTA_TICK_TRADE),
                                               symbols, i % 2, count_one, calls, NULL),
                         QTA_OK);
        if (i % 100 == 0) {
            while (qta_subscriptions_doing(table->subscriptions).calls == 0)
                ;
        }
        assert_true(qta_subscriptions_remove(table->subscriptions, count_one, calls));
        free(calls);
    }
    atomic_store(&dispatching.is_over, true);
    pthread_join(thread, NULL);
}

static void many_symbols_find_their_callbacks(void **state)
{
    struct table *table = *state;
    enum { SYMBOLS = 20000 };
    static struct journal journals[SYMBOLS / 100];
    static struct listener listeners[SYMBOLS / 100];
    for (int i = 0; i < SYMBOLS; i++) {
        char symbol[16];
        snprintf(symbol, sizeof symbol, "S%d", i);
        if (i % 100 == 7) {
            const char *list[] = {symbol};
            journals[i / 100].text[0] = '\0';
            listeners[i / 100] = (struct listener){&journals[i / 100], 'x'};
            add(table, QTA_TYPE_BIT(QTA_TICK_QUOTE), list, 1, &listeners[i / 100]);
        }
        dispatch(table, (uint64_t)i, QTA_TICK_QUOTE, symbol_id(table, symbol));
    }
    for (int i = 0; i < SYMBOLS / 100; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "x%d ", i * 100 + 7);
        assert_string_equal(journals[i].text, expected);
    }
}

struct adder {
    struct table *table;
    struct listener listener;
    int calls;
};

static void add_during_call(void *user, const struct qta_tick *tick,
                            const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    struct adder *adder = user;
    if (adder->calls++ == 0)
        add(adder->table, QTA_TYPE_BIT(QTA_TICK_TRADE), NULL, 0, &adder->listener);
}

static void a_callback_added_by_a_callback_begins_with_the_next_tick(void **state)
{
    struct table *table = *state;
    struct journal journal = {""};
    struct adder adder = {.table = table, .listener = {&journal, 'n'}};
    assert_int_equal(qta_subscriptions_add(table->subscriptions, QTA_TYPES_ALL, NULL, 0,
                                           add_during_call, &adder, NULL),
                     QTA_OK);
    dispatch(table, 1, QTA_TICK_TRADE, 0);
    dispatch(table, 2, QTA_TICK_TRADE, 0);
    assert_string_equal(journal.text, "n2 ");
}

enum { ROUNDS = 2000 };

struct count {
    _Atomic uint64_t calls;
};

static void count_call(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    struct count *count = user;
    count->calls++;
}

static void *add_many(void *user)
{
    struct table *table = user;
    static struct count counts[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        char symbol[16];
        snprintf(symbol, sizeof symbol, "S%d", i % 50);
        const char *list[] = {symbol};
        qta_subscriptions_add(table->subscriptions, QTA_TYPES_ALL, list, 1, count_call, &counts[i],
                              NULL);
    }
    return NULL;
}

static void other_threads_may_add_while_ticks_are_dispatched(void **state)
{
    struct table *table = *state;
    uint32_t ids[50];
    for (int i = 0; i < 50; i++) {
        char symbol[16];
        snprintf(symbol, sizeof symbol, "S%d", i);
        ids[i] = symbol_id(table, symbol);
    }
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, add_many, table), 0);
    for (uint64_t i = 0; i < ROUNDS; i++)
        dispatch(table, i, QTA_TICK_TRADE, ids[i % 50]);
    pthread_join(thread, NULL);
    struct count last = {0};
    static const char *const list[] = {"S0"};
    assert_int_equal(qta_subscriptions_add(table->subscriptions, QTA_TYPES_ALL, list, 1, count_call,
                                           &last, NULL),
                     QTA_OK);
    dispatch(table, 0, QTA_TICK_TRADE, ids[0]);
    assert_int_equal(last.calls, 1);
}

/* ---- wants ------------------------------------------------------------------------------------
 */

static struct qta_subscription trade_of(const char *symbol)
{
    return (struct qta_subscription){.type = QTA_TICK_TRADE, .symbol = symbol};
}

static void want(struct qta_wants *wants, struct qta_subscription subscription)
{
    assert_int_equal(qta_wants_add(wants, &subscription, NULL), QTA_OK);
}

static bool answer(struct qta_wants *wants, struct qta_subscription subscription, bool is_accepted)
{
    return qta_wants_answer(wants, &subscription, is_accepted);
}

static bool covers(struct qta_wants *wants, struct qta_subscription subscription)
{
    return qta_wants_covers(wants, &subscription);
}

static void a_want_is_asked_for_once_however_often_it_is_added(void **state)
{
    (void)state;
    struct qta_wants *wants;
    assert_int_equal(qta_wants_create(&wants, NULL), QTA_OK);
    struct qta_subscription minute = {QTA_TICK_BAR, QTA_BAR_MINUTE, "AAPL"};
    struct qta_subscription daily = {QTA_TICK_BAR, QTA_BAR_DAILY, "AAPL"};
    want(wants, trade_of("AAPL"));
    want(wants, minute);
    want(wants, daily);
    want(wants, trade_of("AAPL"));
    size_t count;
    const struct qta_subscription *unsent = qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, 3);
    assert_int_equal(unsent[0].type, QTA_TICK_TRADE);
    assert_int_equal(unsent[1].bar_kind, QTA_BAR_MINUTE);
    assert_int_equal(unsent[2].bar_kind, QTA_BAR_DAILY);
    want(wants, daily);
    qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, 0);
    want(wants, trade_of("MSFT"));
    unsent = qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, 1);
    assert_string_equal(unsent[0].symbol, "MSFT");
    qta_wants_destroy(wants);
}

static void a_star_covers_all_symbols_of_its_type(void **state)
{
    (void)state;
    struct qta_wants *wants;
    assert_int_equal(qta_wants_create(&wants, NULL), QTA_OK);
    assert_false(covers(wants, trade_of("AAPL")));
    want(wants, trade_of("*"));
    assert_true(covers(wants, trade_of("AAPL")));
    struct qta_subscription quote = {.type = QTA_TICK_QUOTE, .symbol = "AAPL"};
    assert_false(covers(wants, quote));
    qta_wants_destroy(wants);
}

static void a_lost_connection_leaves_everything_to_be_asked_again_but_refusals(void **state)
{
    (void)state;
    struct qta_wants *wants;
    assert_int_equal(qta_wants_create(&wants, NULL), QTA_OK);
    want(wants, trade_of("A"));
    want(wants, trade_of("B"));
    want(wants, trade_of("C"));
    size_t count;
    qta_wants_take_unsent(wants, &count);
    assert_true(answer(wants, trade_of("A"), true));
    assert_true(answer(wants, trade_of("B"), false));
    assert_false(answer(wants, trade_of("B"), false)); /* nothing new */
    assert_false(answer(wants, trade_of("X"), true));  /* nobody asked */
    assert_int_equal(qta_wants_count(wants, QTA_WANT_ASKED), 1);
    assert_false(covers(wants, trade_of("B")));
    qta_wants_forget(wants);
    assert_false(answer(wants, trade_of("A"), true)); /* not asked in this connection yet */
    const struct qta_subscription *unsent = qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, 2);
    assert_string_equal(unsent[0].symbol, "A");
    assert_string_equal(unsent[1].symbol, "C");
    want(wants, trade_of("B")); /* somebody asks anew */
    unsent = qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, 1);
    assert_string_equal(unsent[0].symbol, "B");
    qta_wants_destroy(wants);
}

static void a_hundred_thousand_wants_are_no_burden(void **state)
{
    (void)state;
    enum { SYMBOLS = 100000 };
    struct qta_wants *wants;
    assert_int_equal(qta_wants_create(&wants, NULL), QTA_OK);
    char symbol[16];
    for (int i = 0; i < 2 * SYMBOLS; i++) {
        snprintf(symbol, sizeof symbol, "S%d", i % SYMBOLS);
        want(wants, trade_of(symbol));
    }
    size_t count;
    qta_wants_take_unsent(wants, &count);
    assert_int_equal(count, SYMBOLS);
    for (int i = 0; i < SYMBOLS; i++) {
        snprintf(symbol, sizeof symbol, "S%d", i);
        assert_true(answer(wants, trade_of(symbol), i % 2 == 0));
    }
    assert_int_equal(qta_wants_count(wants, QTA_WANT_ACCEPTED), SYMBOLS / 2);
    assert_int_equal(qta_wants_count(wants, QTA_WANT_REFUSED), SYMBOLS / 2);
    assert_int_equal(qta_wants_count(wants, QTA_WANT_UNSENT), 0);
    qta_wants_destroy(wants);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(callbacks_get_their_types_and_symbols_only, make_table,
                                        free_table),
        cmocka_unit_test_setup_teardown(stars_get_every_symbol_and_order_is_that_of_adding,
                                        make_table, free_table),
        cmocka_unit_test_setup_teardown(a_symbol_named_later_is_found_although_it_was_seen_before,
                                        make_table, free_table),
        cmocka_unit_test_setup_teardown(names_with_bytes_of_any_kind_are_told_apart, make_table,
                                        free_table),
        cmocka_unit_test_setup_teardown(a_callback_that_is_removed_is_not_called_any_more,
                                        make_table, free_table),
        cmocka_unit_test_setup_teardown(callbacks_may_remove_each_other_within_a_tick, make_table,
                                        free_table),
        cmocka_unit_test_setup_teardown(what_nobody_asked_for_is_not_wanted, make_table,
                                        free_table),
        cmocka_unit_test_setup_teardown(once_removed_a_callback_runs_no_more, make_table,
                                        free_table),
        cmocka_unit_test_setup_teardown(many_symbols_find_their_callbacks, make_table, free_table),
        cmocka_unit_test_setup_teardown(a_callback_added_by_a_callback_begins_with_the_next_tick,
                                        make_table, free_table),
        cmocka_unit_test_setup_teardown(other_threads_may_add_while_ticks_are_dispatched,
                                        make_table, free_table),
        cmocka_unit_test(a_want_is_asked_for_once_however_often_it_is_added),
        cmocka_unit_test(a_star_covers_all_symbols_of_its_type),
        cmocka_unit_test(a_lost_connection_leaves_everything_to_be_asked_again_but_refusals),
        cmocka_unit_test(a_hundred_thousand_wants_are_no_burden),
    };
    return cmocka_run_group_tests_name("subscriptions", tests, NULL, NULL);
}
