/* Which sections are providers, in either form, and which adapter each one has. */
#include <stdio.h>
#include <string.h>

#include "config/config_setting.h"
#include "config/config_state.h"
#include "config/config_value.h"
#include "config/nearest_name.h"

enum { PROVIDER_NAME_MAX = 64 };

#define REPORT(config, place, ...)                                                                 \
    qta_config_findings_add(&(config)->findings, QTA_CONFIG_ERROR, place, __VA_ARGS__)

bool qta_config_has_provider_list(const struct qta_yaml_node *streaming)
{
    const struct qta_yaml_node *providers = qta_yaml_find(streaming, "providers");
    if (!providers || providers->kind != QTA_YAML_SEQUENCE)
        return false;
    const struct qta_yaml_node *selected = qta_yaml_find(streaming, "provider");
    if (!selected || qta_yaml_is_null(selected))
        return true;
    return providers->first && providers->first->kind == QTA_YAML_MAPPING;
}

static bool is_good_name(const char *name)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    size_t length = strlen(name);
    return length > 0 && length <= PROVIDER_NAME_MAX && strspn(name, letters) == length;
}

/* "alpaca, replay, synthetic" */
static void list_adapters(const struct qta_config *config, const char *word, char *text,
                          size_t capacity, struct qta_nearest_name *nearest)
{
    enum { SHOWN_MAX = 32 };
    const struct qta_adapter_ops *list[SHOWN_MAX];
    size_t count = config->adapters->list(list, SHOWN_MAX);
    *nearest = qta_nearest_name_start(word);
    text[0] = '\0';
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++) {
        size_t used = strlen(text);
        snprintf(text + used, capacity - used, "%s%s", i > 0 ? ", " : "", list[i]->name);
        qta_nearest_name_offer(nearest, list[i]->name, strlen(list[i]->name));
    }
}

static void find_adapter(struct qta_config *config, struct qta_config_provider *provider,
                         const char *name)
{
    const struct qta_yaml_node *node = qta_yaml_find(provider->node, "adapter");
    struct qta_config_place place = provider->place;
    if (node && node->kind == QTA_YAML_SCALAR && !qta_yaml_is_null(node)) {
        name = node->text;
        place = node->place;
    } else if (node && node->kind != QTA_YAML_SCALAR) {
        return; /* reported when it is read */
    }
    provider->ops = config->adapters->find(name);
    if (provider->ops)
        return;
    char names[256];
    struct qta_nearest_name nearest;
    list_adapters(config, name, names, sizeof names, &nearest);
    REPORT(config, place, "unknown adapter %s (have: %s)%s%s%s", qta_config_quote(name).text, names,
           nearest.name ? "; did you mean '" : "", nearest.name ? nearest.name : "",
           nearest.name ? "'?" : "");
}

/* A provider's section, its name and its adapter; keys come later. */
static void add_provider(struct qta_config *config, struct qta_yaml_node *node,
                         const struct qta_yaml_node *name)
{
    struct qta_config_provider *provider = &config->providers[config->provider_count];
    *provider = (struct qta_config_provider){.node = node};
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    qta_config_defaults_apply(keys, count, provider);
    if (!name || qta_yaml_is_null(name)) {
        REPORT(config, node->place, "a provider needs a name, like '- name: alpaca'");
        return;
    }
    if (name->kind != QTA_YAML_SCALAR || !is_good_name(name->text)) {
        if (name->kind != QTA_YAML_BROKEN)
            REPORT(config, name->place,
                   "a provider's name must be of letters, digits, '-' and '_', at most %d, not %s",
                   PROVIDER_NAME_MAX, qta_yaml_describe(name).text);
        return;
    }
    provider->place = name->place;
    provider->options.name = name->text;
    snprintf(provider->path, sizeof provider->path, "streaming.providers.%s", name->text);
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct qta_config_provider *other = &config->providers[i];
        if (strcmp(other->options.name, name->text) == 0) {
            REPORT(config, name->place,
                   "provider '%s' is given twice, first on line %u; give each its own name, and "
                   "the same 'adapter'",
                   name->text, other->place.line);
            return;
        }
    }
    find_adapter(config, provider, name->text);
    config->provider_count++;
}

static void add_listed_providers(struct qta_config *config, const struct qta_yaml_node *list)
{
    if (list->child_count > QTA_CONFIG_PROVIDERS_MAX) {
        REPORT(config, list->place, "more than %d providers", QTA_CONFIG_PROVIDERS_MAX);
        return;
    }
    for (struct qta_yaml_node *item = list->first; item; item = item->next) {
        if (item->kind == QTA_YAML_MAPPING)
            add_provider(config, item, qta_yaml_find(item, "name"));
        else if (item->kind != QTA_YAML_BROKEN)
            REPORT(config, item->place,
                   "a provider must be a section with a name, like '- name: alpaca', not %s",
                   qta_yaml_describe(item).text);
    }
}

void qta_config_providers_find(struct qta_config *config)
{
    const struct qta_yaml_node *streaming = qta_yaml_find(config->root, "streaming");
    config->providers = qta_config_arena_alloc_array(&config->arena, QTA_CONFIG_PROVIDERS_MAX,
                                                     sizeof *config->providers);
    if (!config->providers || !streaming || streaming->kind != QTA_YAML_MAPPING)
        return;
    struct qta_yaml_node *list = qta_yaml_find(streaming, "providers");
    struct qta_yaml_node *selected = qta_yaml_find(streaming, "provider");
    if (selected && qta_yaml_is_null(selected))
        selected = NULL;
    if (qta_config_has_provider_list(streaming)) {
        add_listed_providers(config, list);
        return;
    }
    bool is_filter = false;
    if (selected) {
        add_provider(config, qta_yaml_find(config->root, "streaming"), selected);
        if (config->provider_count == 1) {
            struct qta_config_provider *provider = &config->providers[0];
            provider->is_short = true;
            snprintf(provider->path, sizeof provider->path, "streaming");
            is_filter = !provider->ops || qta_config_setting_find(provider->ops, "providers");
        }
    }
    if (list && !is_filter && list->kind != QTA_YAML_BROKEN && !qta_yaml_is_null(list))
        REPORT(config, list->place,
               "streaming.providers must be a list of sections, like '- name: alpaca', not %s",
               qta_yaml_describe(list).text);
}

bool qta_config_provider_is_used(const struct qta_config *config,
                                 const struct qta_config_provider *provider)
{
    return !config->values.provider || strcmp(config->values.provider, provider->options.name) == 0;
}

const struct qta_config_list *
qta_config_provider_symbols(const struct qta_config *config,
                            const struct qta_config_provider *provider)
{
    return provider->symbols.count > 0 ? &provider->symbols : &config->values.symbols;
}
