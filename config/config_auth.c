/* Whether a provider's way to log in, and the keys that it needs for that, fit together. Where the
 * keys themselves are is found out when the gateway is made. */
#include <stdio.h>
#include <string.h>

#include "config/config_state.h"

#define ERROR(config, place, ...)                                                                  \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_ERROR, place, __VA_ARGS__)
#define WARN(config, place, ...)                                                                   \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_WARNING, place, __VA_ARGS__)

static const struct qta_yaml_node *given(const struct qta_config_provider *provider,
                                         const char *key)
{
    const struct qta_yaml_node *node = qta_yaml_find(provider->node, key);
    return node && !qta_yaml_is_null(node) ? node : NULL;
}

/* Where the key was written, else the provider's name. */
static struct qta_config_place place_of(const struct qta_config_provider *provider, const char *key)
{
    const struct qta_yaml_node *node = given(provider, key);
    return node ? node->place : provider->place;
}

static const struct qta_config_word *method_words(void)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    return qta_config_key_find(keys, count, "auth_method")->words;
}

static const char *method_name(enum qta_auth_method method)
{
    const struct qta_config_word *word = method_words();
    while (word->text && word->value != (int)method)
        word++;
    return word->text;
}

/* "api_key, headers, none": what an adapter with logins of its own has. */
static void list_methods(const struct qta_adapter_ops *ops, char *text, size_t capacity)
{
    text[0] = '\0';
    for (const struct qta_config_word *word = method_words(); word->text; word++) {
        bool is_there = word->value == QTA_AUTH_NONE ||
                        (ops->own_auth_methods & QTA_AUTH_BIT(word->value)) != 0;
        size_t used = strlen(text);
        if (is_there)
            snprintf(text + used, capacity - used, "%s%s", used > 0 ? ", " : "", word->text);
    }
}

static bool is_header_method(enum qta_auth_method method)
{
    return method == QTA_AUTH_HEADERS || method == QTA_AUTH_BEARER || method == QTA_AUTH_COOKIE;
}

static void check_method(struct qta_config *config, const struct qta_config_provider *provider)
{
    const struct qta_adapter_ops *ops = provider->ops;
    enum qta_auth_method method = provider->options.auth_method;
    struct qta_config_place place = place_of(provider, "auth_method");
    if (method == QTA_AUTH_NONE || ops->transport == QTA_TRANSPORT_NONE)
        return;
    if (ops->own_auth_methods != 0) {
        char names[128];
        list_methods(ops, names, sizeof names);
        if ((ops->own_auth_methods & QTA_AUTH_BIT(method)) == 0)
            ERROR(config, place, "%s.auth_method: adapter '%s' has no '%s' (has: %s)",
                  provider->path, ops->name, method_name(method), names);
    } else if (is_header_method(method) && ops->transport == QTA_TRANSPORT_TCP) {
        ERROR(config, place,
              "%s.auth_method: '%s' goes with the request of a WebSocket, which adapter '%s' does "
              "not make; use message or none",
              provider->path, method_name(method), ops->name);
    }
}

/* Whether the library fills in the login of this method, and not the adapter. */
static bool is_library_method(const struct qta_config_provider *provider,
                              enum qta_auth_method method)
{
    return provider->options.auth_method == method && provider->ops->own_auth_methods == 0;
}

static void check_login_message(struct qta_config *config,
                                const struct qta_config_provider *provider)
{
    const char *message = provider->options.login_message;
    struct qta_config_place place = place_of(provider, "login_message");
    bool is_used = is_library_method(provider, QTA_AUTH_MESSAGE);
    if (is_used && !message)
        ERROR(config, place_of(provider, "auth_method"),
              "%s.auth_method message needs a login_message, like "
              "'{\"action\":\"auth\",\"key\":\"${key}\"}'",
              provider->path);
    else if (is_used && !strstr(message, "${key}") && !strstr(message, "${secret}"))
        ERROR(config, place, "%s.login_message must have ${key} or ${secret} in it",
              provider->path);
    else if (message && !is_used)
        WARN(config, place, "%s.login_message is not used: %s", provider->path,
             provider->ops->own_auth_methods != 0 ? "the adapter has a login of its own"
                                                  : "auth_method is not message");
}

static bool is_default(const char *path, const char *value)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    return strcmp(qta_config_key_find(keys, count, path)->default_text, value) == 0;
}

static void check_header_names(struct qta_config *config,
                               const struct qta_config_provider *provider)
{
    static const char token[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const char *const keys[] = {"key_header", "secret_header"};
    const char *const names[] = {provider->options.key_header, provider->options.secret_header};
    for (size_t i = 0; i < 2; i++) {
        if (!given(provider, keys[i]))
            continue;
        if (names[i][strspn(names[i], token)] != '\0')
            ERROR(config, place_of(provider, keys[i]),
                  "%s.%s must be the name of a header: letters, digits, '-', '_' and '.'",
                  provider->path, keys[i]);
        else if (!is_default(keys[i], names[i]) && !is_library_method(provider, QTA_AUTH_HEADERS))
            WARN(config, place_of(provider, keys[i]), "%s.%s is not used: %s", provider->path,
                 keys[i],
                 provider->ops->own_auth_methods != 0 ? "the adapter has headers of its own"
                                                      : "auth_method is not headers");
    }
}

static void take_token_command(struct qta_config *config, struct qta_config_provider *provider)
{
    const struct qta_config_list *command = &provider->token_command;
    if (command->count == 0)
        return;
    struct qta_config_place place = command->items[0].place;
    if (command->items[0].text[0] != '/')
        ERROR(config, place, "%s.token_command must begin with the absolute path of a program",
              provider->path);
    if (provider->options.api_key || provider->options.api_key_file)
        ERROR(config, place, "%s.token_command prints the key: leave out api_key and api_key_file",
              provider->path);
    if (command->count > QTA_TOKEN_COMMAND_WORDS_MAX) {
        ERROR(config, place, "%s.token_command has more than %d words", provider->path,
              QTA_TOKEN_COMMAND_WORDS_MAX);
        return;
    }
    const char **words = qta_config_arena_alloc_array(&config->arena, command->count,
                                                      sizeof(*words));
    if (!words)
        return;
    for (size_t i = 0; i < command->count; i++)
        words[i] = command->items[i].text;
    provider->options.token_command = words;
    provider->options.token_command_words = command->count;
}

static void check_sources(struct qta_config *config, const struct qta_config_provider *provider)
{
    static const char *const paths[] = {"api_key", "api_secret", "login_message"};
    static const char *const files[] = {"api_key_file", "api_secret_file"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        const struct qta_yaml_node *node = given(provider, paths[i]);
        if (node && strcmp(node->text, "***") == 0)
            WARN(config, node->place,
                 "%s.%s is '***', as a printed configuration has it; put the real one there",
                 provider->path, paths[i]);
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (given(provider, files[i]) && given(provider, paths[i]))
            WARN(config, place_of(provider, files[i]), "%s.%s is not used: %s is given",
                 provider->path, files[i], paths[i]);
    }
    static const char *const all[] = {"api_key",         "api_secret",    "api_key_file",
                                      "api_secret_file", "token_command", "token_lifetime"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (provider->options.auth_method == QTA_AUTH_NONE && given(provider, all[i]))
            WARN(config, place_of(provider, all[i]), "%s.%s is not used: auth_method is none",
                 provider->path, all[i]);
    }
}

void qta_config_check_auth(struct qta_config *config, struct qta_config_provider *provider)
{
    take_token_command(config, provider);
    check_method(config, provider);
    check_login_message(config, provider);
    check_header_names(config, provider);
    check_sources(config, provider);
}
