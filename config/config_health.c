/* What the keys of streaming_health amount to together. */
#include <stdio.h>
#include <string.h>

#include "config/config_state.h"
#include "config/websocket_url.h"

#define ERROR(config, place, ...)                                                                  \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_ERROR, place, __VA_ARGS__)
#define WARN(config, place, ...)                                                                   \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_WARNING, place, __VA_ARGS__)

/* Where the key was written, else its section, else the whole. */
static struct qta_config_place place_of(const struct qta_config *config, const char *section,
                                        const char *key)
{
    struct qta_yaml_node *health = qta_yaml_find(config->root, "streaming_health");
    struct qta_yaml_node *part = qta_yaml_find(health, section);
    const struct qta_yaml_node *node = qta_yaml_find(part, key);
    if (node)
        return node->place;
    if (part)
        return part->key_place;
    return health ? health->key_place : (struct qta_config_place){0};
}

static bool is_given(const struct qta_config *config, const char *section, const char *key)
{
    struct qta_yaml_node *health = qta_yaml_find(config->root, "streaming_health");
    struct qta_yaml_node *part = qta_yaml_find(health, section);
    const struct qta_yaml_node *node = qta_yaml_find(part, key);
    return node && !qta_yaml_is_null(node);
}

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "localhost") == 0 ||
           strcmp(host, "::1") == 0;
}

static void check_endpoint(struct qta_config *config, const char *section,
                           const struct qta_endpoint_options *endpoint)
{
    if (endpoint->is_enabled && !is_loopback(endpoint->host))
        WARN(config, place_of(config, section, "host"),
             "streaming_health.%s.host is '%s': whoever reaches that address can read figures and "
             "status, unencrypted; 127.0.0.1 serves this machine alone",
             section, endpoint->host);
}

static void take_channels(struct qta_config *config)
{
    const struct qta_config_list *channels = &config->values.alert_channels;
    struct qta_health_options *health = &config->values.gateway.health;
    health->alert_channels = 0;
    if (!is_given(config, "alerts", "channels"))
        health->alert_channels = QTA_ALERT_LOG; /* the default */
    for (size_t i = 0; i < channels->count; i++) {
        for (const struct qta_config_word *word = qta_config_alert_channel_words; word->text;
             word++) {
            if (strcmp(word->text, channels->items[i].text) == 0)
                health->alert_channels |= (uint32_t)word->value;
        }
    }
}

static void take_command(struct qta_config *config)
{
    const struct qta_config_list *command = &config->values.alert_command;
    struct qta_health_options *health = &config->values.gateway.health;
    if (command->count == 0)
        return;
    struct qta_config_place place = command->items[0].place;
    if (command->items[0].text[0] != '/')
        ERROR(config, place,
              "streaming_health.alerts.command must begin with the absolute path of a program");
    if (command->count > QTA_ALERT_COMMAND_WORDS_MAX) {
        ERROR(config, place, "streaming_health.alerts.command has more than %d words",
              QTA_ALERT_COMMAND_WORDS_MAX);
        return;
    }
    const char **words = qta_config_arena_alloc_array(&config->arena, command->count,
                                                      sizeof(*words));
    if (!words)
        return;
    for (size_t i = 0; i < command->count; i++)
        words[i] = command->items[i].text;
    health->command = words;
    health->command_words = command->count;
}

/* The same rules as for a provider's URL, with the schemes of HTTP. */
static void check_webhook_url(struct qta_config *config, const char *url)
{
    char text[2048];
    struct qta_websocket_url parts;
    const char *problem = "must begin with http:// or https://";
    if (strlen(url) >= sizeof text)
        problem = "is too long";
    else if (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) {
        snprintf(text, sizeof text, "ws%s", url + strlen("http"));
        problem = qta_websocket_url_read(text, &parts);
    }
    if (problem)
        ERROR(config, place_of(config, "alerts", "webhook_url"),
              "streaming_health.alerts.webhook_url %s", problem);
}

/* A channel and what it needs must both be there, or one of them would do nothing. */
static void check_channel(struct qta_config *config, enum qta_alert_channel channel,
                          const char *name, const char *key, bool has_key)
{
    bool is_used = (config->values.gateway.health.alert_channels & (uint32_t)channel) != 0;
    if (is_used && !has_key)
        ERROR(config, place_of(config, "alerts", "channels"),
              "streaming_health.alerts.channels has '%s', which needs streaming_health.alerts.%s",
              name, key);
    if (has_key && !is_used)
        WARN(config, place_of(config, "alerts", key),
             "streaming_health.alerts.%s is not used: '%s' is not among "
             "streaming_health.alerts.channels",
             key, name);
}

static void check_alerts(struct qta_config *config)
{
    const struct qta_health_options *health = &config->values.gateway.health;
    check_channel(config, QTA_ALERT_WEBHOOK, "webhook", "webhook_url", health->webhook_url != NULL);
    check_channel(config, QTA_ALERT_COMMAND, "command", "command", health->command_words > 0);
    if (health->webhook_url)
        check_webhook_url(config, health->webhook_url);
    if (!health->is_monitored && (health->webhook_url || health->command_words > 0))
        WARN(config, place_of(config, "alerts", ""),
             "streaming_health.alerts makes no difference without "
             "streaming_health.monitoring.enabled");
    if (health->is_monitored && health->has_alerts &&
        (health->alert_channels & QTA_ALERT_METRICS) != 0 && !health->metrics.is_enabled &&
        !health->api.is_enabled)
        WARN(config, place_of(config, "alerts", "channels"),
             "streaming_health.alerts.channels has 'metrics', but nothing serves them: enable "
             "streaming_health.metrics");
}

void qta_config_check_health(struct qta_config *config)
{
    const struct qta_health_options *health = &config->values.gateway.health;
    take_channels(config);
    take_command(config);
    check_endpoint(config, "metrics", &health->metrics);
    check_endpoint(config, "api", &health->api);
    check_alerts(config);
}
