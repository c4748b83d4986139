/* Keys that change and keys that end, in time that is a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/log.h>

#include "recorder/auth_agent.h"
#include "recorder/auth_manager.h"
#include "recorder/auth_metrics.h"
#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/virtual_environment.h"

#define S INT64_C(1000000000)
#define START (INT64_C(1714579200) * S)

static size_t build_subscribe_message(struct qta_adapter *adapter, enum qta_tick_type type,
                                      const char *const *symbols, size_t symbol_count,
                                      bool is_added, char *text, size_t capacity)
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

static const struct qta_adapter_ops plain_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "test-plain",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .build_subscribe_message = build_subscribe_message,
};
static const struct qta_adapter_ops own_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "test-own",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .own_auth_methods = QTA_AUTH_BIT(QTA_AUTH_API_KEY),
};

static char *folder;
static char path[512];
static char log_text[8192];

static void note_log(void *user, enum qta_log_level level, const char *area, const char *message)
{
    (void)user;
    size_t used = strlen(log_text);
    snprintf(log_text + used, sizeof log_text - used, "%s %s: %s\n", qta_log_level_name(level),
             area, message);
}

static int setup(void **state)
{
    (void)state;
    folder = scratch_make();
    snprintf(path, sizeof path, "%s/key", folder);
    log_text[0] = '\0';
    qta_log_set(note_log, NULL, QTA_LOG_INFO);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    qta_log_set(NULL, NULL, QTA_LOG_ERROR);
    scratch_remove(folder);
    return 0;
}

static void write_key(const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, 0600), 0);
}

static struct qta_auth_manager *create(const struct qta_provider_options *provider)
{
    struct qta_auth_manager_options options = {.provider = provider, .ops = &plain_ops, .seed = 7};
    struct qta_auth_manager *manager = NULL;
    struct qta_error err = {0};
    enum qta_status status = qta_auth_manager_create(&manager, &options, START, &err);
    assert_string_equal(err.message, "");
    assert_int_equal(status, QTA_OK);
    return manager;
}

static void assert_key(struct qta_auth_manager *manager, const char *key, uint64_t generation)
{
    struct qta_credentials credentials;
    uint64_t own;
    assert_int_equal(qta_auth_manager_copy(manager, &credentials, &own, NULL), QTA_OK);
    assert_string_equal(credentials.api_key, key);
    assert_int_equal(own, generation);
    assert_int_equal(qta_auth_manager_generation(manager), generation);
    qta_credentials_wipe(&credentials);
}

/* ---- reload -----------------------------------------------------------------------------------
 */

static void a_reload_tells_what_became_of_the_keys(void **state)
{
    (void)state;
    struct qta_provider_options provider = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key_file = path};
    write_key("first\n");
    struct qta_auth_manager *manager = create(&provider);
    assert_key(manager, "first", 1);
    assert_int_equal(qta_auth_manager_reload(manager, NULL, START, NULL), QTA_AUTH_UNCHANGED);
    assert_string_equal(log_text, "");

    write_key("second");
    assert_int_equal(qta_auth_manager_reload(manager, NULL, START, NULL), QTA_AUTH_CHANGED);
    assert_key(manager, "second", 2);
    assert_string_equal(log_text, "info v: new keys: used from the next login on, the connection "
                                  "stays\n");

    log_text[0] = '\0';
    struct qta_error err;
    assert_int_equal(unlink(path), 0);
    assert_int_equal(qta_auth_manager_reload(manager, NULL, START, &err), QTA_AUTH_MISSING);
    assert_non_null(strstr(err.message, "No such file"));
    assert_key(manager, "second", 2);
    assert_non_null(strstr(log_text, "warning v: no new keys: provider 'v': api_key_file: "));
    assert_non_null(strstr(log_text, "; the old ones stay\n"));
    assert_int_equal(qta_auth_manager_figures(manager).changes, 1);
    qta_auth_manager_destroy(manager);
}

static void new_options_are_new_sources_unless_there_is_nothing_in_them(void **state)
{
    (void)state;
    struct qta_provider_options provider = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key_file = path};
    write_key("of-the-file");
    struct qta_auth_manager *manager = create(&provider);
    struct qta_provider_options wrong = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key_file = "/nonexistent"};
    assert_int_equal(qta_auth_manager_reload(manager, &wrong, START, NULL), QTA_AUTH_MISSING);
    assert_int_equal(qta_auth_manager_reload(manager, NULL, START, NULL), QTA_AUTH_UNCHANGED);
    struct qta_provider_options given = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key = "given"};
    assert_int_equal(qta_auth_manager_reload(manager, &given, START, NULL), QTA_AUTH_CHANGED);
    assert_int_equal(qta_auth_manager_reload(manager, NULL, START, NULL), QTA_AUTH_UNCHANGED);
    assert_key(manager, "given", 2);
    struct qta_provider_options odd = {.name = "v", .auth_method = QTA_AUTH_MESSAGE};
    assert_int_equal(qta_auth_manager_reload(manager, &odd, START, NULL), QTA_AUTH_MISSING);
    assert_key(manager, "given", 2);
    struct qta_provider_options none = {.name = "v", .auth_method = QTA_AUTH_NONE};
    assert_int_equal(qta_auth_manager_reload(manager, &none, START, NULL), QTA_AUTH_MISSING);
    assert_key(manager, "given", 2);
    qta_auth_manager_destroy(manager);
}

static void a_way_to_log_in_that_cannot_be_is_an_error_at_start(void **state)
{
    (void)state;
    static const struct {
        const struct qta_adapter_ops *ops;
        int method;
        const char *message;
    } cases[] = {
        {&own_ops, QTA_AUTH_COOKIE,
         "provider 'v': adapter 'test-own' cannot log in by this auth_method"},
        {&plain_ops, QTA_AUTH_MESSAGE, "provider 'v': auth_method message needs a login_message"},
        {&plain_ops, 77, "provider 'v': unknown auth_method 77"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_provider_options provider = {
            .name = "v",
            .api_key = "k",
            .auth_method = (enum qta_auth_method)cases[i].method,
        };
        struct qta_auth_manager_options options = {.provider = &provider, .ops = cases[i].ops};
        struct qta_auth_manager *manager;
        struct qta_error err;
        assert_int_equal(qta_auth_manager_create(&manager, &options, START, &err), QTA_ERR_CONFIG);
        assert_string_equal(err.message, cases[i].message);
    }
}

/* ---- keys that end ----------------------------------------------------------------------------
 */

static const char *const command[] = {"/bin/sh", "-c", "echo \"$1-$(cat $0)\"", path, "token"};

static struct qta_auth_manager *create_with_command(void)
{
    struct qta_provider_options provider = {
        .name = "v",
        .auth_method = QTA_AUTH_BEARER,
        .token_command = command,
        .token_command_words = sizeof command / sizeof command[0],
        .token_lifetime_ns = 1000 * S,
    };
    return create(&provider);
}

static void a_key_is_renewed_before_it_ends(void **state)
{
    (void)state;
    write_key("1");
    struct qta_auth_manager *manager = create_with_command();
    assert_key(manager, "token-1", 1);
    assert_int_equal(qta_auth_manager_figures(manager).expires_ns, START + 1000 * S);
    write_key("2");
    int64_t due_ns = qta_auth_manager_refresh(manager, START + 700 * S);
    assert_key(manager, "token-1", 1); /* not due yet */
    assert_true(due_ns >= START + 750 * S && due_ns <= START + 850 * S);
    int64_t next_ns = qta_auth_manager_refresh(manager, due_ns);
    assert_key(manager, "token-2", 2);
    assert_true(next_ns >= due_ns + 750 * S && next_ns <= due_ns + 850 * S);
    assert_int_equal(qta_auth_manager_due_ns(manager), next_ns);
    assert_string_equal(log_text, "");
    qta_auth_manager_destroy(manager);
}

static void a_failure_is_one_warning_and_one_error_when_the_key_has_ended(void **state)
{
    (void)state;
    static const char *const failing[] = {"/bin/sh", "-c", "test -s $0 && cat $0", path};
    struct qta_provider_options provider = {
        .name = "v",
        .auth_method = QTA_AUTH_COOKIE,
        .token_command = failing,
        .token_command_words = sizeof failing / sizeof failing[0],
        .token_lifetime_ns = 1000 * S,
    };
    write_key("session=1");
    struct qta_auth_manager *manager = create(&provider);
    write_key("");
    int64_t now_ns = START;
    int tries = 0;
    for (int64_t due_ns; (due_ns = qta_auth_manager_due_ns(manager)) < START + 2000 * S; tries++) {
        assert_true(due_ns > now_ns);
        now_ns = due_ns;
        qta_auth_manager_refresh(manager, now_ns);
        assert_key(manager, "session=1", 1);
    }
    assert_true(tries > 15 && tries < 60);
    assert_int_equal(qta_auth_manager_figures(manager).failures, tries);
    const char *second = strchr(log_text, '\n') + 1;
    assert_non_null(strstr(log_text, "warning v: the key cannot be renewed: provider 'v': "
                                     "token_command: '/bin/sh' ended with status 1; the old one is "
                                     "good for another "));
    assert_non_null(strstr(second, "error v: the key ended at 2024-05-01T16:16:40.000000000Z and "
                                   "there is no other: the next login will fail; provider 'v': "
                                   "token_command: '/bin/sh' ended with status 1\n"));
    assert_int_equal(strlen(strchr(second, '\n')), 1);

    log_text[0] = '\0';
    write_key("session=2\n");
    qta_auth_manager_refresh(manager, qta_auth_manager_due_ns(manager));
    assert_key(manager, "session=2", 2);
    assert_string_equal(log_text, "info v: the key was renewed\n");
    qta_auth_manager_destroy(manager);
}

static void a_file_is_read_again_until_there_is_another_key_in_it(void **state)
{
    (void)state;
    struct qta_provider_options provider = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key_file = path};
    write_key("x.eyJleHAiOjE3MTQ1ODI4MDB9.x"); /* {"exp":1714582800}: an hour after START */
    struct qta_auth_manager *manager = create(&provider);
    int64_t due_ns = qta_auth_manager_due_ns(manager);
    assert_true(due_ns >= START + 2700 * S && due_ns <= START + 3060 * S);
    due_ns = qta_auth_manager_refresh(manager, due_ns);
    assert_non_null(strstr(log_text, "the key cannot be renewed: it is still the same one"));
    write_key("x.eyJleHAiOjE3MTQ1ODY0MDB9.x"); /* {"exp":1714586400}: another hour */
    due_ns = qta_auth_manager_refresh(manager, due_ns);
    assert_int_equal(qta_auth_manager_generation(manager), 2);
    assert_int_equal(qta_auth_manager_figures(manager).expires_ns, START + 7200 * S);
    write_key("without-an-end");
    assert_int_equal(qta_auth_manager_refresh(manager, due_ns), QTA_TOKEN_NEVER);
    assert_key(manager, "without-an-end", 3);
    qta_auth_manager_destroy(manager);
}

static void a_key_that_has_ended_at_the_start_is_one_error_in_the_log(void **state)
{
    (void)state;
    struct qta_provider_options provider = {
        .name = "v", .auth_method = QTA_AUTH_BEARER, .api_key = "x.eyJleHAiOjF9.x"};
    struct qta_auth_manager *manager = create(&provider);
    assert_non_null(strstr(log_text, "error v: the key ended at 1970-01-01T00:00:01"));
    qta_auth_manager_refresh(manager, START + S);
    qta_auth_manager_refresh(manager, START + 100 * S);
    assert_int_equal(strlen(strchr(log_text, '\n')), 1);
    qta_auth_manager_destroy(manager);
}

/* ---- the thread -------------------------------------------------------------------------------
 */

static void the_agent_renews_and_reloads_the_keys_of_all_providers(void **state)
{
    (void)state;
    struct virtual_environment environment;
    virtual_environment_init(&environment);
    environment.realtime_ns = START;
    struct qta_provider_options providers[] = {
        {.name = "a", .adapter = "test-plain", .auth_method = QTA_AUTH_BEARER, .api_key = "A"},
        {.name = "b",
         .adapter = "test-plain",
         .auth_method = QTA_AUTH_BEARER,
         .api_key_file = path,
         .token_lifetime_ns = 1000 * S},
    };
    struct qta_gateway_options options = {.providers = providers, .provider_count = 2};
    struct qta_auth_agent *agent;
    struct qta_error err;
    write_key("1");
    assert_int_equal(qta_auth_agent_create(&agent, &options, &environment.base, &err), QTA_OK);
    int64_t due_ns = qta_auth_agent_do_work(agent, START);
    assert_true(due_ns >= START + 750 * S && due_ns <= START + 850 * S);
    write_key("2");
    qta_auth_agent_do_work(agent, due_ns);
    assert_key(qta_auth_agent_manager(agent, 0), "A", 1);
    assert_key(qta_auth_agent_manager(agent, 1), "2", 2);

    struct qta_exposition page = {0};
    qta_auth_metrics_write(&page, agent);
    qta_byte_buffer_append_byte(&page.text, '\0');
    assert_non_null(strstr((char *)page.text.bytes, "\nqta_key_changes_total{provider=\"a\"} 0\n"
                                                    "qta_key_changes_total{provider=\"b\"} 1\n"));
    assert_non_null(strstr((char *)page.text.bytes, "failures_total{provider=\"b\"} 0\n"));
    assert_non_null(strstr((char *)page.text.bytes, "seconds{provider=\"a\"} +Inf\n"));
    assert_non_null(strstr((char *)page.text.bytes, "seconds{provider=\"b\"} 171458"));
    qta_byte_buffer_finish(&page.text);

    struct qta_provider_options changed = providers[0];
    changed.api_key = "A2";
    struct qta_gateway_options again = {.providers = &changed, .provider_count = 1};
    struct qta_auth_changes changes = qta_auth_agent_reload(agent, &again);
    assert_int_equal(changes.changed, 1);
    assert_int_equal(changes.unchanged, 1);
    assert_int_equal(unlink(path), 0);
    changes = qta_auth_agent_reload(agent, NULL);
    assert_int_equal(changes.unchanged, 1);
    assert_int_equal(changes.missing, 1);
    qta_auth_agent_destroy(agent);
}

/* The program would run for ever; the end of the agent is the end of the program. */
static void a_stop_ends_the_thread_and_the_program_it_waits_for(void **state)
{
    (void)state;
    static const char *const hanging[] = {"/bin/sh", "-c", "echo k; test -s $0 || sleep 1000",
                                          path};
    struct qta_provider_options provider = {
        .name = "b",
        .adapter = "test-plain",
        .auth_method = QTA_AUTH_BEARER,
        .token_command = hanging,
        .token_command_words = sizeof hanging / sizeof hanging[0],
        .token_lifetime_ns = 1,
    };
    struct qta_gateway_options options = {.providers = &provider, .provider_count = 1};
    struct qta_auth_agent *agent;
    struct qta_error err;
    write_key("go");
    assert_int_equal(qta_auth_agent_create(&agent, &options, qta_environment_system(), &err),
                     QTA_OK);
    write_key("");
    assert_int_equal(qta_auth_agent_start(agent, &err), QTA_OK);
    usleep(1200000); /* a second after the start the key is due */
    qta_auth_agent_stop(agent);
    assert_int_equal(qta_auth_agent_start(agent, &err), QTA_OK);
    qta_auth_agent_destroy(agent);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_reload_tells_what_became_of_the_keys),
        TEST(new_options_are_new_sources_unless_there_is_nothing_in_them),
        TEST(a_way_to_log_in_that_cannot_be_is_an_error_at_start),
        TEST(a_key_is_renewed_before_it_ends),
        TEST(a_failure_is_one_warning_and_one_error_when_the_key_has_ended),
        TEST(a_file_is_read_again_until_there_is_another_key_in_it),
        TEST(a_key_that_has_ended_at_the_start_is_one_error_in_the_log),
        TEST(the_agent_renews_and_reloads_the_keys_of_all_providers),
        TEST(a_stop_ends_the_thread_and_the_program_it_waits_for),
    };
    assert_int_equal(qta_adapter_register(&plain_ops, NULL), QTA_OK);
    return cmocka_run_group_tests_name("auth manager", tests, NULL, NULL);
}
