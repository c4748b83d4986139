/* What is shown is made when keys are taken, so that nothing of it is left behind at each attempt.
 */
#include "recorder/login.h"

#include <stdlib.h>
#include <string.h>

#include "core/secret.h"

static const char bearer_scheme[] = "Bearer ";

/* ---- the first message ------------------------------------------------------------------------
 */

/* Templates that are JSON have the keys in strings. */
static bool is_json(const char *template_text)
{
    return template_text[0] == '{' || template_text[0] == '[';
}

static char *append(char *out, const char *text, size_t length)
{
    memcpy(out, text, length);
    return out + length;
}

static char *append_key(char *out, const char *key, bool is_escaped)
{
    for (; key && *key; key++) {
        if (is_escaped && (*key == '"' || *key == '\\'))
            *out++ = '\\';
        *out++ = *key;
    }
    return out;
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (text = strstr(text, word); text; text = strstr(text + 1, word))
        count++;
    return count;
}

/* The template with ${key} and ${secret} filled in; NULL: out of memory. */
static char *fill_in(const char *template_text, const struct qta_credentials *credentials)
{
    static const char key_word[] = "${key}";
    static const char secret_word[] = "${secret}";
    size_t key_bytes = credentials->api_key ? 2 * strlen(credentials->api_key) : 0;
    size_t secret_bytes = credentials->api_secret ? 2 * strlen(credentials->api_secret) : 0;
    char *message = qta_secret_create(strlen(template_text) + 1 +
                                      count_of(template_text, key_word) * key_bytes +
                                      count_of(template_text, secret_word) * secret_bytes);
    bool is_escaped = is_json(template_text);
    char *out = message;
    while (message && *template_text) {
        if (strncmp(template_text, key_word, strlen(key_word)) == 0) {
            out = append_key(out, credentials->api_key, is_escaped);
            template_text += strlen(key_word);
        } else if (strncmp(template_text, secret_word, strlen(secret_word)) == 0) {
            out = append_key(out, credentials->api_secret, is_escaped);
            template_text += strlen(secret_word);
        } else {
            out = append(out, template_text++, 1);
        }
    }
    return message;
}

/* ---- keys -------------------------------------------------------------------------------------
 */

/* What the method makes of them, "" for nothing; NULL: out of memory. */
static char *make_shown(const struct qta_login *login, const struct qta_credentials *credentials)
{
    const char *key = credentials->api_key ? credentials->api_key : "";
    char *shown;
    switch (login->method) {
    case QTA_AUTH_MESSAGE:
        return fill_in(login->template_text, credentials);
    case QTA_AUTH_BEARER:
        shown = qta_secret_create(strlen(bearer_scheme) + strlen(key) + 1);
        if (shown)
            stpcpy(stpcpy(shown, bearer_scheme), key);
        return shown;
    case QTA_AUTH_API_KEY:
    case QTA_AUTH_HEADERS:
    case QTA_AUTH_COOKIE:
    case QTA_AUTH_NONE:
    default:
        return qta_secret_copy("");
    }
}

enum qta_status qta_login_renew(struct qta_login *login, struct qta_error *err)
{
    struct qta_credentials credentials = {0};
    struct qta_secret_mask mask = {0};
    uint64_t generation;
    enum qta_status status = qta_auth_manager_copy(login->manager, &credentials, &generation, err);
    if (status != QTA_OK)
        return status;
    char *shown = make_shown(login, &credentials);
    status = shown ? qta_secret_mask_init(&mask, &credentials, &login->credentials, err)
                   : qta_error_set(err, QTA_ERR_NOMEM, "out of memory for new keys");
    if (status != QTA_OK) {
        qta_secret_free(shown);
        qta_credentials_wipe(&credentials);
        return status;
    }
    qta_secret_free(login->shown);
    qta_secret_mask_finish(&login->mask);
    qta_credentials_wipe(&login->old);
    login->old = login->credentials;
    login->credentials = credentials;
    login->generation = generation;
    login->shown = shown;
    login->mask = mask;
    return QTA_OK;
}

enum qta_status qta_login_init(struct qta_login *login, const struct qta_provider_options *provider,
                               const struct qta_adapter_ops *ops, struct qta_auth_manager *manager,
                               struct qta_error *err)
{
    bool is_ours = ops->own_auth_methods == 0 && ops->transport != QTA_TRANSPORT_NONE;
    *login = (struct qta_login){.manager = manager, .method = QTA_AUTH_NONE};
    if (is_ours && provider->auth_method != QTA_AUTH_API_KEY)
        login->method = provider->auth_method;
    bool is_short = false;
    if (login->method == QTA_AUTH_HEADERS) {
        login->key_header = strdup(provider->key_header ? provider->key_header : "X-API-Key");
        login->secret_header = strdup(provider->secret_header ? provider->secret_header
                                                              : "X-API-Secret");
        is_short = !login->key_header || !login->secret_header;
    } else if (login->method == QTA_AUTH_MESSAGE) {
        login->template_text = qta_secret_copy(provider->login_message);
        is_short = !login->template_text;
    }
    enum qta_status status = is_short ? qta_error_set(err, QTA_ERR_NOMEM, "out of memory for keys")
                                      : qta_login_renew(login, err);
    if (status != QTA_OK)
        qta_login_finish(login);
    return status;
}

void qta_login_finish(struct qta_login *login)
{
    free(login->key_header);
    free(login->secret_header);
    qta_secret_free(login->template_text);
    qta_credentials_wipe(&login->credentials);
    qta_credentials_wipe(&login->old);
    qta_secret_free(login->shown);
    qta_secret_mask_finish(&login->mask);
    *login = (struct qta_login){0};
}

/* ---- what is shown ----------------------------------------------------------------------------
 */

static enum qta_status add_header(struct qta_connect_request *request, const char *name,
                                  const char *value, struct qta_error *err)
{
    if (request->header_count == QTA_CONNECT_HEADERS_MAX)
        return qta_error_set(err, QTA_ERR_CONFIG, "no room for header '%s' behind %d others", name,
                             QTA_CONNECT_HEADERS_MAX);
    request->headers[request->header_count++] = (struct qta_header){name, value};
    return QTA_OK;
}

enum qta_status qta_login_add_headers(const struct qta_login *login,
                                      struct qta_connect_request *request, struct qta_error *err)
{
    const struct qta_credentials *credentials = &login->credentials;
    enum qta_status status = QTA_OK;
    switch (login->method) {
    case QTA_AUTH_HEADERS:
        if (credentials->api_key)
            status = add_header(request, login->key_header, credentials->api_key, err);
        if (status == QTA_OK && credentials->api_secret)
            status = add_header(request, login->secret_header, credentials->api_secret, err);
        return status;
    case QTA_AUTH_BEARER:
        return add_header(request, "Authorization", login->shown, err);
    case QTA_AUTH_COOKIE:
        return add_header(request, "Cookie", credentials->api_key, err);
    case QTA_AUTH_API_KEY:
    case QTA_AUTH_MESSAGE:
    case QTA_AUTH_NONE:
    default:
        return QTA_OK;
    }
}

const char *qta_login_message(const struct qta_login *login)
{
    return login->method == QTA_AUTH_MESSAGE ? login->shown : NULL;
}
