/* Where keys come from. No function here puts a value into a message. */
#include "recorder/credentials.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret.h"
#include "recorder/secret_file.h"

enum { VARIABLE_BYTES = 256 };

/* One of the two, and where it may be. */
struct search {
    const struct qta_provider_options *provider;
    const char *option;
    const char *suffix;       /* of the provider's variable */
    const char *own_variable; /* the adapter's; NULL for none */
    const char *file;         /* NULL for none */
    const char *file_key;     /* the configuration's word for it */
    const char *credential;   /* behind the provider's name, of the file that systemd makes */
};

/* Not toupper(): a locale must not change the name of a variable. */
static char variable_char(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    if ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return c;
    return '_';
}

void qta_credentials_variable(char *text, size_t capacity, const char *provider, const char *suffix)
{
    size_t length = 0;
    for (; *provider && length + 1 < capacity; provider++)
        text[length++] = variable_char(*provider);
    for (; *suffix && length + 1 < capacity; suffix++)
        text[length++] = *suffix;
    text[length] = '\0';
}

void qta_credentials_wipe(struct qta_credentials *credentials)
{
    qta_secret_free(credentials->api_key);
    qta_secret_free(credentials->api_secret);
    *credentials = (struct qta_credentials){0};
}

static enum qta_status refuse_memory(const char *provider, struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the keys of provider '%s'",
                         provider);
}

/* ---- sources ----------------------------------------------------------------------------------
 */

static enum qta_status take_text(char **secret, const char *text, const char *source,
                                 const struct search *search, struct qta_error *err)
{
    const char *fault = qta_secret_fault(text);
    if (fault[0] != '\0')
        return qta_error_set(err, QTA_ERR_CONFIG, "provider '%s': %s %s", search->provider->name,
                             source, fault);
    *secret = qta_secret_copy(text);
    return *secret ? QTA_OK : refuse_memory(search->provider->name, err);
}

/* An empty variable is as good as none. */
static enum qta_status take_variable(char **secret, const char *variable,
                                     const struct search *search, struct qta_error *err)
{
    const char *value = getenv(variable);
    return value && value[0] ? take_text(secret, value, variable, search, err) : QTA_OK;
}

/* systemd guards its folder; with access lists the mode of a file in it says more than is true. */
static bool is_of_systemd(const char *path)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    size_t length = folder ? strlen(folder) : 0;
    return length > 1 && strncmp(path, folder, length) == 0 && path[length] == '/';
}

static enum qta_status take_file(char **secret, const struct search *search, struct qta_error *err)
{
    enum qta_status status = qta_secret_file_read(secret, search->file, is_of_systemd(search->file),
                                                  err);
    if (status == QTA_OK)
        return QTA_OK;
    if (status == QTA_ERR_NOT_FOUND)
        status = QTA_ERR_CONFIG;
    return qta_error_prefix(err, status, "provider '%s': %s", search->provider->name,
                            search->file_key);
}

static enum qta_status take_credential(char **secret, const struct search *search,
                                       struct qta_error *err)
{
    char path[PATH_MAX];
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (!folder || !folder[0])
        return QTA_OK;
    int length = snprintf(path, sizeof path, "%s/%s%s", folder, search->provider->name,
                          search->credential);
    if (length < 0 || (size_t)length >= sizeof path || access(path, F_OK) != 0)
        return QTA_OK;
    enum qta_status status = qta_secret_file_read(secret, path, true, err);
    return status == QTA_OK ? QTA_OK
                            : qta_error_prefix(err, status, "provider '%s': systemd credential",
                                               search->provider->name);
}

static enum qta_status find_one(char **secret, const struct search *search, struct qta_error *err)
{
    char variable[VARIABLE_BYTES];
    *secret = NULL;
    if (search->option && search->option[0])
        return take_text(secret, search->option, "a key of the configuration", search, err);
    qta_credentials_variable(variable, sizeof variable, search->provider->name, search->suffix);
    enum qta_status status = take_variable(secret, variable, search, err);
    if (status == QTA_OK && !*secret && search->own_variable)
        status = take_variable(secret, search->own_variable, search, err);
    if (status == QTA_OK && !*secret && search->file)
        status = take_file(secret, search, err);
    if (status == QTA_OK && !*secret)
        status = take_credential(secret, search, err);
    return status;
}

/* ---- what is needed ---------------------------------------------------------------------------
 */

/* A key that a command prints is not looked for here. */
static bool needs_key(const struct qta_provider_options *provider,
                      const struct qta_adapter_ops *ops)
{
    if (provider->token_command_words > 0)
        return false;
    if (ops->needs_key)
        return true;
    if (ops->own_auth_methods != 0 || provider->auth_method == QTA_AUTH_API_KEY)
        return false;
    return provider->auth_method != QTA_AUTH_MESSAGE || !provider->login_message ||
           strstr(provider->login_message, "${key}");
}

static bool needs_secret(const struct qta_provider_options *provider,
                         const struct qta_adapter_ops *ops)
{
    enum qta_auth_method method = provider->auth_method;
    if (ops->own_auth_methods == 0 && method == QTA_AUTH_MESSAGE)
        return provider->login_message && strstr(provider->login_message, "${secret}");
    return ops->needs_key && method != QTA_AUTH_BEARER && method != QTA_AUTH_COOKIE;
}

/* "set A and B", and the adapter's own pair where it has one */
static enum qta_status refuse_missing(const struct qta_provider_options *provider,
                                      const struct qta_adapter_ops *ops, bool has_secret,
                                      struct qta_error *err)
{
    char key[VARIABLE_BYTES];
    char secret[VARIABLE_BYTES + sizeof " and "] = "";
    char own[2 * VARIABLE_BYTES] = "";
    qta_credentials_variable(key, sizeof key, provider->name, "_API_KEY");
    if (has_secret) {
        stpcpy(secret, " and ");
        qta_credentials_variable(secret + strlen(secret), VARIABLE_BYTES, provider->name,
                                 "_API_SECRET");
    }
    if (ops->key_variable && ops->secret_variable)
        snprintf(own, sizeof own, ", or %s%s%s", ops->key_variable, has_secret ? " and " : "",
                 has_secret ? ops->secret_variable : "");
    return qta_error_set(
        err, QTA_ERR_CONFIG, "provider '%s' has no API key: set %s%s%s, or api_key_file%s",
        provider->name, key, secret, own, has_secret ? " and api_secret_file" : "");
}

enum qta_status qta_credentials_find(struct qta_credentials *credentials,
                                     const struct qta_provider_options *provider,
                                     const struct qta_adapter_ops *ops, struct qta_error *err)
{
    const struct search key = {
        .provider = provider,
        .option = provider->api_key,
        .suffix = "_API_KEY",
        .own_variable = ops->key_variable,
        .file = provider->api_key_file,
        .file_key = "api_key_file",
        .credential = "_api_key",
    };
    const struct search secret = {
        .provider = provider,
        .option = provider->api_secret,
        .suffix = "_API_SECRET",
        .own_variable = ops->secret_variable,
        .file = provider->api_secret_file,
        .file_key = "api_secret_file",
        .credential = "_api_secret",
    };
    *credentials = (struct qta_credentials){0};
    if (provider->auth_method == QTA_AUTH_NONE)
        return QTA_OK;
    enum qta_status status = QTA_OK;
    if (provider->token_command_words == 0)
        status = find_one(&credentials->api_key, &key, err);
    if (status == QTA_OK)
        status = find_one(&credentials->api_secret, &secret, err);
    bool is_short = (needs_key(provider, ops) && !credentials->api_key) ||
                    (needs_secret(provider, ops) && !credentials->api_secret);
    if (status == QTA_OK && is_short)
        status = refuse_missing(provider, ops, needs_secret(provider, ops), err);
    if (status != QTA_OK)
        qta_credentials_wipe(credentials);
    return status;
}

/* ---- copies -----------------------------------------------------------------------------------
 */

enum qta_status qta_credentials_copy(struct qta_credentials *copy,
                                     const struct qta_credentials *credentials,
                                     struct qta_error *err)
{
    *copy = (struct qta_credentials){
        .api_key = qta_secret_copy(credentials->api_key),
        .api_secret = qta_secret_copy(credentials->api_secret),
    };
    if ((!credentials->api_key || copy->api_key) && (!credentials->api_secret || copy->api_secret))
        return QTA_OK;
    qta_credentials_wipe(copy);
    return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for keys");
}

bool qta_credentials_equal(const struct qta_credentials *left, const struct qta_credentials *right)
{
    return qta_secret_equals(left->api_key, right->api_key) &&
           qta_secret_equals(left->api_secret, right->api_secret);
}
