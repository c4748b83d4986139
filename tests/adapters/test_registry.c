/* The table of adapters. The table is the process's: each test uses names of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/registry.h"

static size_t build_nothing(struct qta_adapter *adapter, enum qta_tick_type type,
                            const char *const *symbols, size_t symbol_count, bool is_added,
                            char *text, size_t capacity)
{
    (void)adapter;
    (void)type;
    (void)symbols;
    (void)symbol_count;
    (void)is_added;
    (void)text;
    (void)capacity;
    return 0;
}

static int64_t make_nothing(struct qta_adapter *adapter, int64_t now_ns, size_t budget)
{
    (void)adapter;
    (void)now_ns;
    (void)budget;
    return INT64_MAX;
}

static struct qta_adapter_ops named(const char *name)
{
    struct qta_adapter_ops ops = {
        .struct_bytes = sizeof(struct qta_adapter_ops),
        .name = name,
        .transport = QTA_TRANSPORT_WEBSOCKET,
        .build_subscribe_message = build_nothing,
    };
    return ops;
}

static void built_in_adapters_are_there_without_registration(void **state)
{
    (void)state;
    const struct qta_adapter_ops *ops = qta_adapter_find("synthetic");
    assert_non_null(ops);
    assert_string_equal(ops->name, "synthetic");
    assert_null(qta_adapter_find("no-such-venue"));
    assert_null(qta_adapter_find(""));
}

static void a_registered_adapter_is_found_and_listed_in_order(void **state)
{
    (void)state;
    static struct qta_adapter_ops last, first, middle;
    last = named("zz-venue");
    first = named("aa-venue");
    middle = named("mm-venue");
    struct qta_error err;
    assert_int_equal(qta_adapter_register(&last, &err), QTA_OK);
    assert_int_equal(qta_adapter_register(&first, &err), QTA_OK);
    assert_int_equal(qta_adapter_register(&middle, &err), QTA_OK);
    assert_ptr_equal(qta_adapter_find("aa-venue"), &first);
    assert_ptr_equal(qta_adapter_find("mm-venue"), &middle);
    assert_ptr_equal(qta_adapter_find("zz-venue"), &last);

    const struct qta_adapter_ops *list[64];
    size_t count = qta_adapter_list(list, 64);
    assert_in_range(count, 4, 64);
    for (size_t i = 1; i < count; i++)
        assert_true(strcmp(list[i - 1]->name, list[i]->name) < 0);
}

static void a_short_list_gets_the_first_and_the_whole_count(void **state)
{
    (void)state;
    const struct qta_adapter_ops *all[64];
    const struct qta_adapter_ops *one[2] = {NULL, NULL};
    size_t count = qta_adapter_list(all, 64);
    assert_int_equal(qta_adapter_list(one, 1), count);
    assert_ptr_equal(one[0], all[0]);
    assert_null(one[1]);
    assert_int_equal(qta_adapter_list(NULL, 0), count);
}

static void what_cannot_work_is_refused_with_the_reason(void **state)
{
    (void)state;
    struct qta_adapter_ops wrong_size = named("wrong-size");
    wrong_size.struct_bytes -= 8;
    struct qta_adapter_ops nameless = named(NULL);
    struct qta_adapter_ops empty = named("");
    struct qta_adapter_ops taken = named("synthetic");
    struct qta_adapter_ops mute = named("mute");
    mute.build_subscribe_message = NULL;
    struct qta_adapter_ops idle = named("idle");
    idle.transport = QTA_TRANSPORT_NONE;
    struct qta_adapter_ops odd = named("odd");
    odd.transport = (enum qta_transport_kind)9;
    struct qta_adapter_ops settingless = named("settingless");
    settingless.setting_count = 1;
    const struct {
        const struct qta_adapter_ops *ops;
        const char *reason;
    } cases[] = {
        {&wrong_size, "struct_bytes"}, {&nameless, "without a name"}, {&empty, "without a name"},
        {&taken, "is taken"},          {&mute, "subscribe"},          {&idle, "service"},
        {&odd, "transport 9"},         {&settingless, "settings"},
    };
    size_t before = qta_adapter_list(NULL, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_error err;
        print_message("case '%s'\n", cases[i].reason);
        assert_int_equal(qta_adapter_register(cases[i].ops, &err), QTA_ERR_USAGE);
        assert_non_null(strstr(err.message, cases[i].reason));
    }
    assert_int_equal(qta_adapter_list(NULL, 0), before);
}

static void a_generator_needs_no_way_to_subscribe(void **state)
{
    (void)state;
    static struct qta_adapter_ops generator;
    generator = named("generator");
    generator.transport = QTA_TRANSPORT_NONE;
    generator.build_subscribe_message = NULL;
    generator.service = make_nothing;
    assert_int_equal(qta_adapter_register(&generator, NULL), QTA_OK);
}

static void a_builtin_of_a_higher_layer_can_be_added_again(void **state)
{
    (void)state;
    static struct qta_adapter_ops higher, rival;
    higher = named("higher-layer");
    rival = named("higher-layer");
    assert_int_equal(qta_registry_add_builtin(&higher, NULL), QTA_OK);
    assert_int_equal(qta_registry_add_builtin(&higher, NULL), QTA_OK);
    assert_int_equal(qta_registry_add_builtin(&rival, NULL), QTA_ERR_USAGE);
    assert_ptr_equal(qta_adapter_find("higher-layer"), &higher);
}

static void many_adapters_can_be_registered(void **state)
{
    (void)state;
    enum { MANY = 40 };
    static struct qta_adapter_ops many[MANY];
    static char names[MANY][16];
    for (int i = 0; i < MANY; i++) {
        int shuffled = i * 17 % MANY;
        snprintf(names[i], sizeof names[i], "many-%02d", shuffled);
        many[i] = named(names[i]);
        assert_int_equal(qta_adapter_register(&many[i], NULL), QTA_OK);
    }
    for (int i = 0; i < MANY; i++)
        assert_ptr_equal(qta_adapter_find(names[i]), &many[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_adapters_are_there_without_registration),
        cmocka_unit_test(a_registered_adapter_is_found_and_listed_in_order),
        cmocka_unit_test(a_short_list_gets_the_first_and_the_whole_count),
        cmocka_unit_test(what_cannot_work_is_refused_with_the_reason),
        cmocka_unit_test(a_generator_needs_no_way_to_subscribe),
        cmocka_unit_test(a_builtin_of_a_higher_layer_can_be_added_again),
        cmocka_unit_test(many_adapters_can_be_registered),
    };
    return cmocka_run_group_tests_name("registry", tests, NULL, NULL);
}
