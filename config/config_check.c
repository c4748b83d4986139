/* What no single key can tell: whether the whole makes sense. */
#include "config/config_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_setting.h"
#include "config/nearest_name.h"
#include "config/websocket_url.h"
#include "core/timezone.h"

#define ERROR(config, place, ...)                                                                  \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_ERROR, place, __VA_ARGS__)
#define WARN(config, place, ...)                                                                   \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_WARNING, place, __VA_ARGS__)

/* Where the value at path was written, else where its section begins, else the whole file. */
static struct qta_config_place place_of(struct qta_yaml_node *section, const char *path)
{
    const struct qta_yaml_node *node = qta_yaml_find_path(section, path);
    if (node && node != section)
        return node->place;
    return section ? section->key_place : (struct qta_config_place){0};
}

/* ---- streaming and recording ------------------------------------------------------------------
 */

static void check_streaming(struct qta_config *config)
{
    const struct qta_gateway_options *gateway = &config->values.gateway;
    struct qta_yaml_node *streaming = qta_yaml_find(config->root, "streaming");
    if (gateway->reconnect_delay_ns > gateway->reconnect_delay_max_ns)
        ERROR(config, place_of(streaming, "reconnect_delay"),
              "streaming.reconnect_delay must not be longer than streaming.reconnect_delay_max");
}

static const struct qta_config_provider *find_recording_provider(const struct qta_config *config)
{
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct qta_config_provider *provider = &config->providers[i];
        if (provider->ops && (provider->ops->traits & QTA_TRAIT_STAMPS_ALL) &&
            qta_config_provider_is_used(config, provider))
            return provider;
    }
    return NULL;
}

/* A recording brings its own order: nothing else can be woven into it. */
static void check_replay_is_alone(struct qta_config *config)
{
    const struct qta_config_provider *replay = find_recording_provider(config);
    for (size_t i = 0; replay && i < config->provider_count; i++) {
        const struct qta_config_provider *other = &config->providers[i];
        if (other == replay || !qta_config_provider_is_used(config, other))
            continue;
        ERROR(config, replay->place,
              "provider '%s' plays a recording and must be the only one that is used; say "
              "'provider: %s' under 'streaming'",
              replay->options.name, replay->options.name);
        return;
    }
}

/* Recording is on where it was asked for, by its section at least; but a replay is one already. */
static void decide_recording(struct qta_config *config)
{
    bool *is_enabled = &config->values.gateway.recording.is_enabled;
    struct qta_yaml_node *section = qta_yaml_find(config->root, "recording");
    const struct qta_yaml_node *node = qta_yaml_find(section, "enabled");
    const struct qta_config_provider *replay = find_recording_provider(config);
    bool is_given = node && !qta_yaml_is_null(node);
    if (is_given && node->is_default && replay)
        *is_enabled = false;
    if (!is_given)
        *is_enabled = section && !replay;
    if (*is_enabled && replay)
        ERROR(config, node->place,
              "provider '%s' plays a recording, which is not recorded again: set "
              "recording.enabled to false; to have a copy of a session, copy its directory",
              replay->options.name);
}

static void check_recording(struct qta_config *config)
{
    const struct qta_recording_options *recording = &config->values.gateway.recording;
    struct qta_yaml_node *section = qta_yaml_find(config->root, "recording");
    const struct qta_yaml_node *timezone = qta_yaml_find(section, "timezone");
    struct qta_timezone *zone = NULL;
    if (qta_timezone_create(&zone, recording->timezone, NULL) != QTA_OK)
        ERROR(config, place_of(section, "timezone"),
              "recording.timezone must be a time zone of this system, like UTC or "
              "America/New_York, not %s",
              timezone ? qta_yaml_describe(timezone).text
                       : qta_config_quote(recording->timezone).text);
    qta_timezone_destroy(zone);
    if (recording->journal_chunk_bytes > recording->journal_max_bytes / 2)
        ERROR(config, place_of(section, "journal_chunk"),
              "recording.journal_chunk must not be larger than half of recording.journal_max");
}

/* ---- providers --------------------------------------------------------------------------------
 */

static void check_url(struct qta_config *config, struct qta_config_provider *provider)
{
    const struct qta_adapter_ops *ops = provider->ops;
    if (ops->transport == QTA_TRANSPORT_NONE)
        return;
    const char *url = provider->options.websocket_url;
    if (!url) {
        const struct qta_yaml_node *node = qta_yaml_find(provider->node, "websocket_url");
        bool is_given = node && !qta_yaml_is_null(node);
        bool has_own = ops->describe_connection && !(ops->traits & QTA_TRAIT_NEEDS_URL);
        if (!is_given && !has_own)
            ERROR(config, provider->place, "provider '%s' needs a websocket_url, like %s",
                  provider->options.name,
                  ops->transport == QTA_TRANSPORT_TCP ? "tls://host:4001" : "wss://host/path");
        return;
    }
    struct qta_config_place place = place_of(provider->node, "websocket_url");
    struct qta_websocket_url parts;
    const char *problem = qta_websocket_url_read(url, &parts);
    if (problem) {
        ERROR(config, place, "%s.websocket_url %s", provider->path, problem);
        return;
    }
    bool is_for_tcp = ops->transport == QTA_TRANSPORT_TCP;
    if (parts.is_tcp != is_for_tcp) {
        ERROR(config, place, "%s.websocket_url must begin with %s for adapter '%s'", provider->path,
              is_for_tcp ? "tcp:// or tls://" : "ws:// or wss://", ops->name);
        return;
    }
    if (!parts.is_encrypted && !parts.is_loopback && ops->needs_key &&
        provider->options.auth_method != QTA_AUTH_NONE)
        WARN(config, place, "%s.websocket_url sends the key unencrypted; use %s", provider->path,
             is_for_tcp ? "tls://" : "wss://");
}

static void check_tls(struct qta_config *config, struct qta_config_provider *provider)
{
    const char *ca_file = provider->options.tls_ca_file;
    if (ca_file && access(ca_file, R_OK) != 0)
        ERROR(config, place_of(provider->node, "tls.ca_file"), "%s.tls.ca_file: cannot read %s",
              provider->path,
              qta_yaml_describe(qta_yaml_find_path(provider->node, "tls.ca_file")).text);
    if (provider->options.tls_is_insecure)
        WARN(config, place_of(provider->node, "tls.insecure"),
             "%s.tls.insecure accepts any certificate: whoever is in between can read the key and "
             "change the data",
             provider->path);
}

static bool has_type(const struct qta_adapter_ops *ops, enum qta_tick_type type)
{
    return ops->types == 0 || (ops->types & QTA_TYPE_BIT(type)) != 0;
}

/* "trades, quotes": what an adapter can subscribe to, each by its usual name. */
static void list_subscriptions(const struct qta_adapter_ops *ops, char *text, size_t capacity)
{
    const struct qta_config_subscription_name *before = NULL;
    text[0] = '\0';
    for (const struct qta_config_subscription_name *row = qta_config_subscription_names; row->name;
         before = row++) {
        bool is_other_name = before && before->type == row->type &&
                             before->bar_kind == row->bar_kind;
        if (is_other_name || !has_type(ops, row->type))
            continue;
        size_t used = strlen(text);
        snprintf(text + used, capacity - used, "%s%s", used > 0 ? ", " : "", row->name);
    }
}

static void report_subscription(struct qta_config *config,
                                const struct qta_config_provider *provider,
                                const struct qta_config_item *item, bool is_known)
{
    char names[256];
    list_subscriptions(provider->ops, names, sizeof names);
    if (is_known) {
        ERROR(config, item->place, "adapter '%s' has no subscription '%s' (has: %s)",
              provider->ops->name, item->text, names);
        return;
    }
    struct qta_nearest_name nearest = qta_nearest_name_start(item->text);
    for (size_t i = 0; qta_config_subscription_names[i].name; i++) {
        const char *name = qta_config_subscription_names[i].name;
        qta_nearest_name_offer(&nearest, name, strlen(name));
    }
    ERROR(config, item->place, "unknown subscription %s (have: %s)%s%s%s",
          qta_config_quote(item->text).text, names, nearest.name ? "; did you mean '" : "",
          nearest.name ? nearest.name : "", nearest.name ? "'?" : "");
}

/* The rows of the names that the provider subscribes to, each once. Returns how many. */
static size_t find_subscription_rows(struct qta_config *config,
                                     const struct qta_config_provider *provider,
                                     const struct qta_config_subscription_name **rows,
                                     size_t capacity)
{
    size_t count = 0;
    for (size_t i = 0; i < provider->subscriptions.count; i++) {
        const struct qta_config_item *item = &provider->subscriptions.items[i];
        const struct qta_config_subscription_name *row = qta_config_subscription_names;
        while (row->name && strcmp(row->name, item->text) != 0)
            row++;
        if (!row->name || !has_type(provider->ops, row->type)) {
            report_subscription(config, provider, item, row->name != NULL);
            continue;
        }
        size_t other = 0;
        while (other < count &&
               (rows[other]->type != row->type || rows[other]->bar_kind != row->bar_kind))
            other++;
        if (other < count)
            WARN(config, item->place, "subscription '%s' is given twice", item->text);
        else if (count < capacity)
            rows[count++] = row;
    }
    return count;
}

static int compare_symbols(const void *left_item, const void *right_item, void *user)
{
    const struct qta_config_list *symbols = user;
    const size_t left = *(const size_t *)left_item;
    const size_t right = *(const size_t *)right_item;
    int order = strcmp(symbols->items[left].text, symbols->items[right].text);
    if (order == 0)
        order = left < right ? -1 : 1;
    return order;
}

/* The symbols in their order, each once; a name that comes again is warned about. */
static struct qta_config_list unique_symbols(struct qta_config *config,
                                             const struct qta_config_list *symbols)
{
    struct qta_config_list unique = {0};
    struct qta_config_list sorted_by = *symbols;
    size_t *sorted = qta_config_arena_alloc_array(&config->arena, symbols->count, sizeof *sorted);
    bool *is_again = qta_config_arena_alloc_array(&config->arena, symbols->count, sizeof *is_again);
    struct qta_config_item *items = qta_config_arena_alloc_array(&config->arena, symbols->count,
                                                                 sizeof *items);
    if (!sorted || !is_again || !items)
        return unique;
    for (size_t i = 0; i < symbols->count; i++)
        sorted[i] = i;
    qsort_r(sorted, symbols->count, sizeof *sorted, compare_symbols, &sorted_by);
    for (size_t i = 1; i < symbols->count; i++)
        is_again[sorted[i]] = strcmp(symbols->items[sorted[i - 1]].text,
                                     symbols->items[sorted[i]].text) == 0;
    for (size_t i = 0; i < symbols->count; i++) {
        const struct qta_config_item *item = &symbols->items[i];
        if (strlen(item->text) > QTA_NAME_MAX_BYTES)
            ERROR(config, item->place, "symbol %s is longer than %d bytes",
                  qta_config_quote(item->text).text, QTA_NAME_MAX_BYTES);
        else if (is_again[i])
            WARN(config, item->place, "symbol %s is given twice",
                 qta_config_quote(item->text).text);
        else
            items[unique.count++] = *item;
    }
    unique.items = items;
    return unique;
}

/* What has nothing to subscribe to, although it could. A program may still do so at run time. */
static void report_no_subscriptions(struct qta_config *config,
                                    const struct qta_config_provider *provider, size_t row_count,
                                    size_t symbol_count)
{
    if (row_count > 0 && symbol_count == 0)
        ERROR(config, place_of(provider->node, "subscriptions"),
              "provider '%s' has subscriptions but no symbols; give it 'symbols', or "
              "'streaming.symbols', or \"*\" for all",
              provider->options.name);
    else if (row_count == 0 && provider->subscriptions.count == 0)
        WARN(config, provider->place,
             "provider '%s' has no subscriptions: nothing will come unless the program subscribes",
             provider->options.name);
}

static void make_subscriptions(struct qta_config *config, struct qta_config_provider *provider,
                               size_t *total)
{
    enum { ROWS_MAX = 16 };
    static const struct qta_config_item all = {"*", {0}};
    const struct qta_config_subscription_name *rows[ROWS_MAX];
    size_t row_count = find_subscription_rows(config, provider, rows, ROWS_MAX);
    bool is_connected = provider->ops->transport != QTA_TRANSPORT_NONE;
    const struct qta_config_list *symbols = qta_config_provider_symbols(config, provider);
    struct qta_config_list unique = unique_symbols(config, symbols);
    if (is_connected)
        report_no_subscriptions(config, provider, row_count, symbols->count);
    else if (unique.count == 0)
        unique = (struct qta_config_list){&all, 1};
    else if (row_count == 0 && !qta_config_setting_find(provider->ops, "symbols"))
        WARN(config, symbols->items[0].place,
             "provider '%s' makes no use of symbols without subscriptions", provider->options.name);
    if (*total + row_count * unique.count > QTA_CONFIG_SUBSCRIPTIONS_MAX) {
        ERROR(config, provider->place, "more than %d subscriptions; use \"*\" for all symbols",
              QTA_CONFIG_SUBSCRIPTIONS_MAX);
        return;
    }
    *total += row_count * unique.count;
    struct qta_subscription *subscriptions = qta_config_arena_alloc_array(
        &config->arena, row_count * unique.count, sizeof *subscriptions);
    if (!subscriptions)
        return;
    for (size_t row = 0; row < row_count; row++) {
        for (size_t i = 0; i < unique.count; i++)
            subscriptions[row * unique.count + i] = (struct qta_subscription){
                rows[row]->type, rows[row]->bar_kind, unique.items[i].text};
    }
    provider->options.subscriptions = subscriptions;
    provider->options.subscription_count = row_count * unique.count;
}

static void take_closed_days(struct qta_config *config, struct qta_config_provider *provider)
{
    const struct qta_config_list *list = &provider->closed_days;
    const char **days = qta_config_arena_alloc_array(&config->arena, list->count + 1,
                                                     sizeof(*days));
    if (!days)
        return;
    for (size_t i = 0; i < list->count; i++) {
        struct qta_date date;
        days[i] = list->items[i].text;
        if (qta_date_parse(days[i], &date) != QTA_OK)
            ERROR(config, list->items[i].place,
                  "%s.closed_days must be dates like 2025-01-09, not %s", provider->path,
                  qta_config_quote(days[i]).text);
    }
    provider->options.closed_days = days;
    provider->options.closed_day_count = list->count;
}

static void check_provider(struct qta_config *config, struct qta_config_provider *provider,
                           size_t *subscription_total)
{
    if (!provider->ops)
        return; /* reported; nothing else about it can be known */
    check_url(config, provider);
    check_tls(config, provider);
    qta_config_check_auth(config, provider);
    make_subscriptions(config, provider, subscription_total);
    take_closed_days(config, provider);
}

static void check_selection(struct qta_config *config)
{
    struct qta_yaml_node *streaming = qta_yaml_find(config->root, "streaming");
    if (config->provider_count == 0) {
        if (!qta_config_findings_have_error(&config->findings))
            ERROR(config, place_of(streaming, ""),
                  "no provider: name one under 'streaming', like 'provider: alpaca', or list them "
                  "under 'streaming.providers'");
        return;
    }
    for (size_t i = 0; i < config->provider_count; i++) {
        if (qta_config_provider_is_used(config, &config->providers[i]))
            return;
    }
    char names[256] = "";
    for (size_t i = 0; i < config->provider_count; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                 config->providers[i].options.name);
    }
    ERROR(config, place_of(streaming, "provider"),
          "streaming.provider must be one of streaming.providers (%s), not %s", names,
          qta_yaml_describe(qta_yaml_find(streaming, "provider")).text);
}

/* ---- all --------------------------------------------------------------------------------------
 */

void qta_config_check(struct qta_config *config)
{
    size_t subscription_total = 0;
    check_selection(config);
    check_streaming(config);
    check_replay_is_alone(config);
    decide_recording(config);
    check_recording(config);
    qta_config_check_health(config);
    for (size_t i = 0; i < config->provider_count; i++)
        check_provider(config, &config->providers[i], &subscription_total);
}
