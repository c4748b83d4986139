/* Secrets lie where core dumps do not look. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

/* Whether the mapping that this address is in has the flag, "dd" or "lo", in /proc/self/smaps. */
static bool has_flag(const char *address, const char *flag)
{
    FILE *file = fopen("/proc/self/smaps", "re");
    assert_non_null(file);
    char line[512];
    bool is_there = false;
    bool has = false;
    while (fgets(line, sizeof line, file)) {
        char *dash;
        uintptr_t first = strtoul(line, &dash, 16);
        if (dash > line && *dash == '-') /* "7f00-7f10 rw-p ..." begins a mapping */
            is_there = (uintptr_t)address >= first &&
                       (uintptr_t)address < strtoul(dash + 1, NULL, 16);
        else if (is_there && strncmp(line, "VmFlags:", 8) == 0)
            has = strstr(line, flag) != NULL;
    }
    fclose(file);
    return has;
}

static void secrets_are_left_out_of_core_dumps(void **state)
{
    (void)state;
    char *secret = qta_secret_copy("PKTESTKEY");
    assert_string_equal(secret, "PKTESTKEY");
    assert_true(has_flag(secret, " dd"));
    qta_secret_free(secret);
}

static void large_ones_have_room_and_begin_as_zeros(void **state)
{
    (void)state;
    const size_t bytes = 100000;
    char *secret = qta_secret_create(bytes);
    for (size_t i = 0; i < bytes; i++)
        assert_int_equal(secret[i], 0);
    memset(secret, 'x', bytes);
    qta_secret_free(secret);
    assert_null(qta_secret_create(SIZE_MAX));
}

static void nothing_is_fine_everywhere(void **state)
{
    (void)state;
    assert_null(qta_secret_copy(NULL));
    qta_secret_free(NULL);
    char *empty = qta_secret_copy("");
    assert_string_equal(empty, "");
    assert_true(qta_secret_equals(NULL, NULL));
    assert_false(qta_secret_equals(NULL, empty));
    assert_true(qta_secret_equals("", empty));
    assert_false(qta_secret_equals("a", empty));
    qta_secret_free(empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_are_left_out_of_core_dumps),
        cmocka_unit_test(large_ones_have_room_and_begin_as_zeros),
        cmocka_unit_test(nothing_is_fine_everywhere),
    };
    return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
