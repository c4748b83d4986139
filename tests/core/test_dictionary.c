/* The dictionary: ids in order of first use, names that any thread may read. */
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

#include <qta/dictionary.h>

static struct qta_dictionary *dictionary_make(void)
{
    struct qta_dictionary *dictionary;
    assert_int_equal(qta_dictionary_create(&dictionary, NULL), QTA_OK);
    return dictionary;
}

static uint32_t intern(struct qta_dictionary *dictionary, enum qta_name_kind kind, const char *name)
{
    return qta_dictionary_intern(dictionary, kind, name, strlen(name));
}

static void assert_name(const struct qta_dictionary *dictionary, enum qta_name_kind kind,
                        uint32_t id, const char *name, size_t length)
{
    size_t stored_length = SIZE_MAX;
    const char *stored = qta_dictionary_name(dictionary, kind, id, &stored_length);
    assert_int_equal(stored_length, length);
    assert_memory_equal(stored, name, length);
    assert_int_equal(stored[length], '\0');
    assert_ptr_equal(qta_dictionary_name(dictionary, kind, id, NULL), stored);
}

static void ids_follow_the_order_of_first_use(void **state)
{
    (void)state;
    struct qta_dictionary *dictionary = dictionary_make();
    static const enum qta_name_kind kinds[] = {QTA_NAME_PROVIDER, QTA_NAME_SYMBOL, QTA_NAME_TEXT};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        assert_int_equal(qta_dictionary_count(dictionary, kinds[i]), 1);
        assert_int_equal(intern(dictionary, kinds[i], "AAPL"), 1);
        assert_int_equal(intern(dictionary, kinds[i], "BTC/USD"), 2);
        assert_int_equal(intern(dictionary, kinds[i], "AAPL"), 1);
        assert_int_equal(intern(dictionary, kinds[i], "A"), 3);
        assert_int_equal(qta_dictionary_count(dictionary, kinds[i]), 4);
        assert_name(dictionary, kinds[i], 1, "AAPL", 4);
        assert_name(dictionary, kinds[i], 2, "BTC/USD", 7);
        assert_int_equal(qta_dictionary_find(dictionary, kinds[i], "BTC/USD", 7), 2);
        assert_int_equal(qta_dictionary_find(dictionary, kinds[i], "BTC/US", 6), 0);
    }
    assert_int_equal(qta_dictionary_refused(dictionary), 0);
    qta_dictionary_destroy(dictionary);
    qta_dictionary_destroy(NULL);
}

static void nothing_is_id_zero_in_every_kind(void **state)
{
    (void)state;
    struct qta_dictionary *dictionary = dictionary_make();
    for (int kind = 0; kind < QTA_NAME_KIND_COUNT; kind++) {
        assert_int_equal(intern(dictionary, (enum qta_name_kind)kind, ""), 0);
        assert_int_equal(qta_dictionary_find(dictionary, (enum qta_name_kind)kind, NULL, 0), 0);
        assert_name(dictionary, (enum qta_name_kind)kind, 0, "", 0);
    }
    qta_dictionary_destroy(dictionary);
}

static void codes_of_one_byte_are_their_own_ids(void **state)
{
    (void)state;
    struct qta_dictionary *dictionary = dictionary_make();
    assert_int_equal(qta_dictionary_count(dictionary, QTA_NAME_CODE), 256);
    for (unsigned byte = 1; byte < 256; byte++) {
        char code = (char)byte;
        assert_int_equal(qta_dictionary_intern(dictionary, QTA_NAME_CODE, &code, 1), byte);
        assert_int_equal(qta_dictionary_find(dictionary, QTA_NAME_CODE, &code, 1), byte);
        assert_name(dictionary, QTA_NAME_CODE, byte, &code, 1);
    }
    assert_int_equal(qta_dictionary_count(dictionary, QTA_NAME_CODE), 256);
    assert_int_equal(intern(dictionary, QTA_NAME_CODE, "PINK"), 256);
    assert_int_equal(qta_dictionary_intern(dictionary, QTA_NAME_CODE, "\0", 1), 257);
    assert_name(dictionary, QTA_NAME_CODE, 257, "\0", 1);
    qta_dictionary_destroy(dictionary);
}

static void names_are_bytes_of_any_value(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } names[] = {
        {"../../x", 7},
        {"a'; DROP TABLE", 14},
        {"%n%s", 4},
        {"line\nbreak", 10},
        {"\0", 1},
        {"\0\0", 2},
        {"a\0b", 3},
        {"a\0c", 3},
        {"a", 1},
        {"\xff\xfe", 2},
        {"\xe2\x80\xae", 3},
        {"12345678", 8},
        {"1234567890123456", 16},
        {"1234567890123456\0", 17},
    };
    struct qta_dictionary *dictionary = dictionary_make();
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_int_equal(
            qta_dictionary_intern(dictionary, QTA_NAME_SYMBOL, names[i].bytes, names[i].length),
            i + 1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        assert_name(dictionary, QTA_NAME_SYMBOL, (uint32_t)i + 1, names[i].bytes, names[i].length);
    qta_dictionary_destroy(dictionary);
}

static void too_long_a_name_is_refused_and_counted(void **state)
{
    (void)state;
    static char longest[QTA_NAME_MAX_BYTES + 1];
    memset(longest, 'x', sizeof longest);
    struct qta_dictionary *dictionary = dictionary_make();
    assert_int_equal(qta_dictionary_intern(dictionary, QTA_NAME_TEXT, longest, QTA_NAME_MAX_BYTES),
                     1);
    assert_name(dictionary, QTA_NAME_TEXT, 1, longest, QTA_NAME_MAX_BYTES);
    assert_int_equal(
        qta_dictionary_intern(dictionary, QTA_NAME_TEXT, longest, QTA_NAME_MAX_BYTES + 1),
        QTA_NAME_OTHER);
    assert_int_equal(
        qta_dictionary_find(dictionary, QTA_NAME_TEXT, longest, QTA_NAME_MAX_BYTES + 1), 0);
    assert_int_equal(qta_dictionary_refused(dictionary), 1);
    assert_int_equal(qta_dictionary_count(dictionary, QTA_NAME_TEXT), 2);
    qta_dictionary_destroy(dictionary);
}

static void ids_never_given_out_print_as_other(void **state)
{
    (void)state;
    struct qta_dictionary *dictionary = dictionary_make();
    static const uint32_t ids[] = {1, 255, 256, 65534, 65535, 1 << 24, UINT32_MAX - 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        assert_name(dictionary, QTA_NAME_SYMBOL, ids[i], "(other)", 7);
    assert_name(dictionary, QTA_NAME_CODE, 0xffff, "(other)", 7);
    qta_dictionary_destroy(dictionary);
}

static void a_full_kind_refuses_new_names_and_keeps_the_old(void **state)
{
    (void)state;
    enum { LAST = 65534 };
    static const enum qta_name_kind kinds[] = {QTA_NAME_PROVIDER, QTA_NAME_CODE};
    struct qta_dictionary *dictionary = dictionary_make();
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        char name[16];
        for (uint32_t id = qta_dictionary_count(dictionary, kinds[i]); id <= LAST; id++) {
            snprintf(name, sizeof name, "n%u", id);
            assert_int_equal(intern(dictionary, kinds[i], name), id);
        }
        assert_int_equal(intern(dictionary, kinds[i], "one more"), QTA_NAME_OTHER);
        assert_int_equal(intern(dictionary, kinds[i], "n65534"), LAST);
        assert_name(dictionary, kinds[i], 300, "n300", 4);
    }
    assert_int_equal(qta_dictionary_refused(dictionary), 2);
    assert_int_equal(intern(dictionary, QTA_NAME_SYMBOL, "still room"), 1);
    qta_dictionary_destroy(dictionary);
}

static void half_a_million_symbols_keep_their_names(void **state)
{
    (void)state;
    enum { SYMBOLS = 500000 };
    struct qta_dictionary *dictionary = dictionary_make();
    char name[32];
    for (uint32_t i = 1; i <= SYMBOLS; i++) {
        int length = snprintf(name, sizeof name, "SYM%u/%u", i, i % 7);
        if (qta_dictionary_intern(dictionary, QTA_NAME_SYMBOL, name, (size_t)length) != i)
            fail_msg("'%s' got another id", name);
    }
    for (uint32_t i = 1; i <= SYMBOLS; i += 997) {
        int length = snprintf(name, sizeof name, "SYM%u/%u", i, i % 7);
        assert_name(dictionary, QTA_NAME_SYMBOL, i, name, (size_t)length);
        assert_int_equal(qta_dictionary_find(dictionary, QTA_NAME_SYMBOL, name, (size_t)length), i);
    }
    qta_dictionary_destroy(dictionary);
}

struct race {
    struct qta_dictionary *dictionary;
    _Atomic uint32_t newest; /* what a ring would carry to the reader */
    _Atomic int wrong_names;
};
enum { RACE_NAMES = 100000 };

static void *read_names(void *user)
{
    struct race *race = user;
    uint32_t seen = 0;
    while (seen < RACE_NAMES) {
        uint32_t newest = atomic_load_explicit(&race->newest, memory_order_acquire);
        if (newest == seen)
            continue;
        seen = newest;
        for (uint32_t id = seen; id > 0; id /= 2) {
            char expected[16];
            snprintf(expected, sizeof expected, "name %u", id);
            if (strcmp(qta_dictionary_name(race->dictionary, QTA_NAME_TEXT, id, NULL), expected) !=
                0)
                atomic_fetch_add(&race->wrong_names, 1);
        }
        if (qta_dictionary_count(race->dictionary, QTA_NAME_TEXT) <= seen)
            atomic_fetch_add(&race->wrong_names, 1);
    }
    return NULL;
}

static void readers_see_whole_names_while_one_thread_interns(void **state)
{
    (void)state;
    struct race race = {.dictionary = dictionary_make()};
    pthread_t readers[2];
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_names, &race), 0);
    char name[16];
    for (uint32_t i = 1; i <= RACE_NAMES; i++) {
        snprintf(name, sizeof name, "name %u", i);
        uint32_t id = intern(race.dictionary, QTA_NAME_TEXT, name);
        atomic_store_explicit(&race.newest, id, memory_order_release);
    }
    for (size_t i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    assert_int_equal(race.wrong_names, 0);
    qta_dictionary_destroy(race.dictionary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_follow_the_order_of_first_use),
        cmocka_unit_test(nothing_is_id_zero_in_every_kind),
        cmocka_unit_test(codes_of_one_byte_are_their_own_ids),
        cmocka_unit_test(names_are_bytes_of_any_value),
        cmocka_unit_test(too_long_a_name_is_refused_and_counted),
        cmocka_unit_test(ids_never_given_out_print_as_other),
        cmocka_unit_test(a_full_kind_refuses_new_names_and_keeps_the_old),
        cmocka_unit_test(half_a_million_symbols_keep_their_names),
        cmocka_unit_test(readers_see_whole_names_while_one_thread_interns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
