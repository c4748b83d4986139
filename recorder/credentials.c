/* Where keys come from. No function here puts a value into a message. */
#include "recorder/credentials.h"

#include <stdlib.h>
#include <string.h>

enum { VARIABLE_BYTES = 256 };

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

static const char *first_given(const char *option, const char *provider, const char *suffix,
                               const char *own_variable)
{
    if (option && option[0])
        return option;
    char variable[VARIABLE_BYTES];
    qta_credentials_variable(variable, sizeof variable, provider, suffix);
    const char *value = getenv(variable);
    if (value && value[0])
        return value;
    value = own_variable ? getenv(own_variable) : NULL;
    return value && value[0] ? value : NULL;
}

static void wipe(char *text)
{
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
}

void qta_credentials_wipe(struct qta_credentials *credentials)
{
    wipe(credentials->api_key);
    wipe(credentials->api_secret);
    *credentials = (struct qta_credentials){0};
}

/* "set A and B", and the adapter's own pair where it has one */
static enum qta_status refuse_missing(const struct qta_provider_options *provider,
                                      const struct qta_adapter_ops *ops, struct qta_error *err)
{
    char key[VARIABLE_BYTES];
    char secret[VARIABLE_BYTES];
    qta_credentials_variable(key, sizeof key, provider->name, "_API_KEY");
    qta_credentials_variable(secret, sizeof secret, provider->name, "_API_SECRET");
    if (!ops->key_variable || !ops->secret_variable)
        return qta_error_set(err, QTA_ERR_CONFIG, "provider '%s' has no API key: set %s and %s",
                             provider->name, key, secret);
    return qta_error_set(err, QTA_ERR_CONFIG,
                         "provider '%s' has no API key: set %s and %s, or %s and %s",
                         provider->name, key, secret, ops->key_variable, ops->secret_variable);
}

enum qta_status qta_credentials_find(struct qta_credentials *credentials,
                                     const struct qta_provider_options *provider,
                                     const struct qta_adapter_ops *ops, struct qta_error *err)
{
    *credentials = (struct qta_credentials){0};
    if (provider->auth_method == QTA_AUTH_NONE)
        return QTA_OK;
    const char *key = first_given(provider->api_key, provider->name, "_API_KEY", ops->key_variable);
    const char *secret = first_given(provider->api_secret, provider->name, "_API_SECRET",
                                     ops->secret_variable);
    bool is_enough = key && (secret || provider->auth_method == QTA_AUTH_BEARER);
    if (ops->needs_key && !is_enough)
        return refuse_missing(provider, ops, err);
    credentials->api_key = key ? strdup(key) : NULL;
    credentials->api_secret = secret ? strdup(secret) : NULL;
    if ((key && !credentials->api_key) || (secret && !credentials->api_secret)) {
        qta_credentials_wipe(credentials);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the keys of provider '%s'",
                             provider->name);
    }
    return QTA_OK;
}
