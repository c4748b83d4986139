/* Credentials in the headers of an upgrade. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "replay/upgrade_credentials.h"

static void every_form_of_the_provider_is_understood(void **state)
{
    (void)state;
    static const struct {
        const char *key_id;
        const char *secret_key;
        const char *authorization;
        const char *key; /* NULL: none are given */
        const char *secret;
    } cases[] = {
        {"", "", "", NULL, NULL},
        {"K", "S", "", "K", "S"},
        {"K", "", "", NULL, NULL},
        {"", "S", "", NULL, NULL},
        {"K", "S", "Bearer other", "K", "S"},
        {"", "", "Basic S0VZOlNFQ1JFVA==", "KEY", "SECRET"},
        {"", "", "basic  S0VZOlNFQ1JFVDo=", "KEY", "SECRET:"},
        {"", "", "Basic S0VZOg==", "KEY", ""},
        {"", "", "Basic S0VZ", NULL, NULL},
        {"", "", "Basic", NULL, NULL},
        {"", "", "Basic ", NULL, NULL},
        {"", "", "Basic ****", NULL, NULL},
        {"", "", "Basic S0VZOlM=x", NULL, NULL},
        {"", "", "Basic S0VZOgBT", NULL, NULL},
        {"", "", "Bearer token", "oauth", "token"},
        {"", "", "BEARER   token", "oauth", "token"},
        {"", "", "Bearer ", NULL, NULL},
        {"", "", "Digest token", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_upgrade_credentials credentials;
        print_message("'%s' '%s' '%s'\n", cases[i].key_id, cases[i].secret_key,
                      cases[i].authorization);
        qta_upgrade_credentials_read(&credentials, cases[i].key_id, cases[i].secret_key,
                                     cases[i].authorization);
        assert_int_equal(credentials.is_given, cases[i].key != NULL);
        if (credentials.is_given) {
            assert_string_equal(credentials.key, cases[i].key);
            assert_string_equal(credentials.secret, cases[i].secret);
        }
        qta_upgrade_credentials_wipe(&credentials);
        assert_int_equal(credentials.key[0], 0);
    }
}

static void what_is_too_long_is_not_given(void **state)
{
    (void)state;
    static const char *const schemes[] = {"Bearer ", "Basic "};
    static char authorization[3000];
    struct qta_upgrade_credentials credentials;
    for (size_t i = 0; i < 2; i++) {
        memset(authorization, 'A', sizeof authorization - 1);
        memcpy(authorization, schemes[i], strlen(schemes[i]));
        qta_upgrade_credentials_read(&credentials, "", "", authorization);
        assert_false(credentials.is_given);
        qta_upgrade_credentials_read(&credentials, authorization, "S", "");
        assert_false(credentials.is_given);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_the_provider_is_understood),
        cmocka_unit_test(what_is_too_long_is_not_given),
    };
    return cmocka_run_group_tests_name("upgrade_credentials", tests, NULL, NULL);
}
