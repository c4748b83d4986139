/* Two locks: `work` is held by whoever looks for keys, however long that takes, `keys` only to swap
 * or copy the result. */
#include "recorder/auth_manager.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "core/secret.h"
#include "recorder/token_command.h"

#define COMMAND_TIMEOUT_NS INT64_C(15000000000)

/* Where keys are looked for. */
struct sources {
    struct qta_provider_options provider; /* its strings about keys are ours, the rest is empty */
    char *command[QTA_TOKEN_COMMAND_WORDS_MAX + 1];
};

struct qta_auth_manager {
    const struct qta_adapter_ops *ops;

    pthread_mutex_t work;
    struct sources sources;
    struct qta_token_schedule schedule;
    bool has_told_end; /* of the key in use */

    pthread_mutex_t keys;
    struct qta_credentials credentials;
    _Atomic uint64_t generation;

    _Atomic uint64_t failures;
    _Atomic int64_t expires_ns;
    _Atomic int64_t due_ns;
    atomic_bool is_stopping;
};

/* What was found, and how long it is good for. */
struct finding {
    struct qta_credentials credentials;
    int64_t expires_ns;
    bool is_same; /* as those in use */
};

/* ---- sources ----------------------------------------------------------------------------------
 */

static void finish_sources(struct sources *sources)
{
    struct qta_provider_options *provider = &sources->provider;
    free((char *)(uintptr_t)provider->name);
    qta_secret_free((char *)(uintptr_t)provider->api_key);
    qta_secret_free((char *)(uintptr_t)provider->api_secret);
    free((char *)(uintptr_t)provider->api_key_file);
    free((char *)(uintptr_t)provider->api_secret_file);
    qta_secret_free((char *)(uintptr_t)provider->login_message);
    for (size_t i = 0; sources->command[i]; i++)
        free(sources->command[i]);
    *sources = (struct sources){0};
}

static bool copy_text(const char **out, const char *text)
{
    *out = text ? strdup(text) : NULL;
    return *out || !text;
}

static bool copy_secret(const char **out, const char *text)
{
    *out = qta_secret_copy(text);
    return *out || !text;
}

static enum qta_status init_sources(struct sources *sources,
                                    const struct qta_provider_options *provider,
                                    struct qta_error *err)
{
    struct qta_provider_options *copy = &sources->provider;
    *sources = (struct sources){0};
    copy->auth_method = provider->auth_method;
    copy->token_command_words = provider->token_command_words;
    copy->token_lifetime_ns = provider->token_lifetime_ns;
    bool is_copied = copy_text(&copy->name, provider->name) &&
                     copy_secret(&copy->api_key, provider->api_key) &&
                     copy_secret(&copy->api_secret, provider->api_secret) &&
                     copy_text(&copy->api_key_file, provider->api_key_file) &&
                     copy_text(&copy->api_secret_file, provider->api_secret_file) &&
                     copy_secret(&copy->login_message, provider->login_message);
    for (size_t i = 0; i < provider->token_command_words && is_copied; i++) {
        sources->command[i] = strdup(provider->token_command[i]);
        is_copied = sources->command[i] != NULL;
    }
    if (is_copied)
        return QTA_OK;
    finish_sources(sources);
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the keys of provider '%s'",
                         provider->name);
}

/* What a configuration cannot have any more when it has been checked; options may be filled in by
 * hand. */
static enum qta_status check_options(const struct qta_provider_options *provider,
                                     const struct qta_adapter_ops *ops, struct qta_error *err)
{
    enum qta_auth_method method = provider->auth_method;
    if ((unsigned)method > QTA_AUTH_COOKIE)
        return qta_error_set(err, QTA_ERR_CONFIG, "provider '%s': unknown auth_method %d",
                             provider->name, (int)method);
    if (method == QTA_AUTH_NONE || ops->transport == QTA_TRANSPORT_NONE)
        return QTA_OK;
    if (ops->own_auth_methods != 0 && (ops->own_auth_methods & QTA_AUTH_BIT(method)) == 0)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "provider '%s': adapter '%s' cannot log in by this auth_method",
                             provider->name, ops->name);
    if (ops->own_auth_methods == 0 && method == QTA_AUTH_MESSAGE && !provider->login_message)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "provider '%s': auth_method message needs a login_message",
                             provider->name);
    if (provider->token_command_words > QTA_TOKEN_COMMAND_WORDS_MAX)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "provider '%s': token_command has more than %d words", provider->name,
                             QTA_TOKEN_COMMAND_WORDS_MAX);
    return QTA_OK;
}

/* ---- looking for keys -------------------------------------------------------------------------
 */

/* A key without an end of its own is good for token_lifetime from when it is first seen, or
 * printed. */
static int64_t expiry_of(const struct qta_auth_manager *manager, const struct finding *finding,
                         int64_t realtime_ns)
{
    const char *key = finding->credentials.api_key;
    int64_t expires_ns = key ? qta_token_expiry_ns(key) : QTA_TOKEN_NEVER;
    int64_t lifetime_ns = manager->sources.provider.token_lifetime_ns;
    if (!key || expires_ns != QTA_TOKEN_NEVER || lifetime_ns == 0)
        return expires_ns;
    if (finding->is_same && !manager->sources.command[0])
        return manager->schedule.expires_ns;
    return realtime_ns + lifetime_ns;
}

static enum qta_status find_keys(struct qta_auth_manager *manager, struct finding *finding,
                                 int64_t realtime_ns, struct qta_error *err)
{
    const struct qta_provider_options *provider = &manager->sources.provider;
    enum qta_status status = qta_credentials_find(&finding->credentials, provider, manager->ops,
                                                  err);
    if (status == QTA_OK && manager->sources.command[0] && provider->auth_method != QTA_AUTH_NONE) {
        status = qta_token_command_run(&finding->credentials.api_key,
                                       (const char *const *)manager->sources.command,
                                       COMMAND_TIMEOUT_NS, &manager->is_stopping, err);
        if (status != QTA_OK) {
            qta_credentials_wipe(&finding->credentials);
            return qta_error_prefix(err, status, "provider '%s': token_command", provider->name);
        }
    }
    if (status != QTA_OK)
        return status;
    finding->is_same = qta_credentials_equal(&finding->credentials, &manager->credentials);
    finding->expires_ns = expiry_of(manager, finding, realtime_ns);
    return QTA_OK;
}

static void show_schedule(struct qta_auth_manager *manager)
{
    atomic_store(&manager->expires_ns, manager->schedule.expires_ns);
    atomic_store(&manager->due_ns, qta_token_schedule_due_ns(&manager->schedule));
}

/* Puts what was found into use; it is the manager's then. */
static void take(struct qta_auth_manager *manager, struct finding *finding, int64_t realtime_ns)
{
    if (finding->is_same) {
        qta_credentials_wipe(&finding->credentials);
    } else {
        pthread_mutex_lock(&manager->keys);
        struct qta_credentials old = manager->credentials;
        manager->credentials = finding->credentials;
        atomic_fetch_add_explicit(&manager->generation, 1, memory_order_release);
        pthread_mutex_unlock(&manager->keys);
        qta_credentials_wipe(&old);
    }
    if (!finding->is_same || finding->expires_ns != manager->schedule.expires_ns) {
        qta_token_schedule_start(&manager->schedule, realtime_ns, finding->expires_ns,
                                 manager->schedule.random);
        manager->has_told_end = false;
    }
    show_schedule(manager);
}

static void tell_end(struct qta_auth_manager *manager, const char *reason)
{
    if (manager->has_told_end)
        return;
    manager->has_told_end = true;
    char end[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(manager->schedule.expires_ns, end);
    qta_log(QTA_LOG_ERROR, manager->sources.provider.name,
            "the key ended at %s and there is no other: the next login will fail%s%s", end,
            reason[0] ? "; " : "", reason);
}

/* ---- calls ------------------------------------------------------------------------------------
 */

/* Looks in other sources, which are kept when there is something in them. */
static enum qta_status look_elsewhere(struct qta_auth_manager *manager, struct finding *finding,
                                      const struct qta_provider_options *provider,
                                      int64_t realtime_ns, struct qta_error *err)
{
    struct sources old = manager->sources;
    struct qta_provider_options options = *provider;
    options.auth_method = old.provider.auth_method; /* connections go on by what they began with */
    options.login_message = old.provider.login_message;
    enum qta_status status = check_options(&options, manager->ops, err);
    if (status == QTA_OK)
        status = init_sources(&manager->sources, &options, err);
    if (status != QTA_OK) {
        manager->sources = old;
        return status;
    }
    status = find_keys(manager, finding, realtime_ns, err);
    struct sources unused = status == QTA_OK ? old : manager->sources;
    if (status != QTA_OK)
        manager->sources = old;
    finish_sources(&unused);
    return status;
}

enum qta_auth_change qta_auth_manager_reload(struct qta_auth_manager *manager,
                                             const struct qta_provider_options *provider,
                                             int64_t realtime_ns, struct qta_error *err)
{
    struct finding finding = {0};
    struct qta_error own;
    enum qta_status status;
    enum qta_auth_change change = QTA_AUTH_MISSING;
    pthread_mutex_lock(&manager->work);
    if (provider)
        status = look_elsewhere(manager, &finding, provider, realtime_ns, &own);
    else
        status = find_keys(manager, &finding, realtime_ns, &own);
    if (status == QTA_OK) {
        change = finding.is_same ? QTA_AUTH_UNCHANGED : QTA_AUTH_CHANGED;
        take(manager, &finding, realtime_ns);
    }
    if (change == QTA_AUTH_MISSING)
        qta_log(QTA_LOG_WARNING, manager->sources.provider.name,
                "no new keys: %s; the old ones stay", own.message);
    else if (change == QTA_AUTH_CHANGED)
        qta_log(QTA_LOG_INFO, manager->sources.provider.name,
                "new keys: used from the next login on, the connection stays");
    pthread_mutex_unlock(&manager->work);
    if (change == QTA_AUTH_MISSING && err)
        *err = own;
    return change;
}

static void note_failure(struct qta_auth_manager *manager, const char *reason, int64_t realtime_ns)
{
    struct qta_token_schedule *schedule = &manager->schedule;
    bool is_first = schedule->failures == 0;
    atomic_fetch_add(&manager->failures, 1);
    qta_token_schedule_fail(schedule, realtime_ns);
    show_schedule(manager);
    if (qta_token_schedule_is_over(schedule, realtime_ns)) {
        tell_end(manager, reason);
        return;
    }
    char left[QTA_TIMESTAMP_TEXT_BYTES];
    qta_duration_print(schedule->expires_ns - realtime_ns, left);
    if (is_first)
        qta_log(QTA_LOG_WARNING, manager->sources.provider.name,
                "the key cannot be renewed: %s; the old one is good for another %s, tried again "
                "until then",
                reason, left);
}

static void refresh(struct qta_auth_manager *manager, int64_t realtime_ns)
{
    struct finding finding = {0};
    struct qta_error err;
    bool had_failed = manager->schedule.failures > 0;
    int64_t old_expires_ns = manager->schedule.expires_ns;
    if (find_keys(manager, &finding, realtime_ns, &err) != QTA_OK) {
        if (!atomic_load(&manager->is_stopping))
            note_failure(manager, err.message, realtime_ns);
        return;
    }
    if (finding.is_same && finding.expires_ns <= old_expires_ns) {
        qta_credentials_wipe(&finding.credentials);
        note_failure(manager, "it is still the same one", realtime_ns);
        return;
    }
    take(manager, &finding, realtime_ns);
    qta_log(had_failed ? QTA_LOG_INFO : QTA_LOG_DEBUG, manager->sources.provider.name,
            "the key was renewed");
}

int64_t qta_auth_manager_refresh(struct qta_auth_manager *manager, int64_t realtime_ns)
{
    pthread_mutex_lock(&manager->work);
    if (realtime_ns >= qta_token_schedule_due_ns(&manager->schedule))
        refresh(manager, realtime_ns);
    int64_t due_ns = qta_token_schedule_due_ns(&manager->schedule);
    pthread_mutex_unlock(&manager->work);
    return due_ns;
}

int64_t qta_auth_manager_due_ns(const struct qta_auth_manager *manager)
{
    return atomic_load(&manager->due_ns);
}

void qta_auth_manager_stop(struct qta_auth_manager *manager)
{
    atomic_store(&manager->is_stopping, true);
}

uint64_t qta_auth_manager_generation(const struct qta_auth_manager *manager)
{
    return atomic_load_explicit(&manager->generation, memory_order_acquire);
}

enum qta_status qta_auth_manager_copy(struct qta_auth_manager *manager,
                                      struct qta_credentials *credentials, uint64_t *generation,
                                      struct qta_error *err)
{
    pthread_mutex_lock(&manager->keys);
    enum qta_status status = qta_credentials_copy(credentials, &manager->credentials, err);
    *generation = qta_auth_manager_generation(manager);
    pthread_mutex_unlock(&manager->keys);
    return status;
}

struct qta_auth_figures qta_auth_manager_figures(const struct qta_auth_manager *manager)
{
    return (struct qta_auth_figures){
        .changes = qta_auth_manager_generation(manager) - 1,
        .failures = atomic_load(&manager->failures),
        .expires_ns = atomic_load(&manager->expires_ns),
    };
}

/* ---- life -------------------------------------------------------------------------------------
 */

enum qta_status qta_auth_manager_create(struct qta_auth_manager **out,
                                        const struct qta_auth_manager_options *options,
                                        int64_t realtime_ns, struct qta_error *err)
{
    enum qta_status status = check_options(options->provider, options->ops, err);
    if (status != QTA_OK)
        return status;
    struct qta_auth_manager *manager = calloc(1, sizeof *manager);
    if (!manager)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for keys");
    pthread_mutex_init(&manager->work, NULL);
    pthread_mutex_init(&manager->keys, NULL);
    manager->ops = options->ops;
    qta_token_schedule_start(&manager->schedule, realtime_ns, QTA_TOKEN_NEVER, options->seed);
    struct finding finding = {0};
    status = init_sources(&manager->sources, options->provider, err);
    if (status == QTA_OK)
        status = find_keys(manager, &finding, realtime_ns, err);
    if (status != QTA_OK) {
        qta_auth_manager_destroy(manager);
        return status;
    }
    finding.is_same = false; /* the first ones, even if there are none */
    take(manager, &finding, realtime_ns);
    if (qta_token_schedule_is_over(&manager->schedule, realtime_ns))
        tell_end(manager, "");
    *out = manager;
    return QTA_OK;
}

void qta_auth_manager_destroy(struct qta_auth_manager *manager)
{
    if (!manager)
        return;
    finish_sources(&manager->sources);
    qta_credentials_wipe(&manager->credentials);
    pthread_mutex_destroy(&manager->work);
    pthread_mutex_destroy(&manager->keys);
    free(manager);
}
