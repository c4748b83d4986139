/* From the tree to the structs, key by key through the table. */
#include "config/config_state.h"

#include <stdio.h>
#include <string.h>

#include "config/config_list.h"
#include "config/config_setting.h"
#include "config/config_value.h"
#include "config/nearest_name.h"

enum { PATH_BYTES = 256 };

/* One section tree being read against one part of the table. */
struct section_reader {
    struct qta_config *config;
    const struct qta_config_key *keys;
    size_t key_count;
    unsigned char *values;                /* the struct that the keys' offsets are in */
    struct qta_config_provider *provider; /* NULL outside of providers */
    const char *display;                  /* in front of the keys in messages; "" for none */
};

#define REPORT(config, kind, place, ...)                                                           \
    qta_config_findings_add(&(config)->findings, kind, place, __VA_ARGS__)

/* ---- single values ----------------------------------------------------------------------------
 */

/* "'abc'", or what was written where that came from the environment, or nothing of a secret. */
static struct qta_config_quote describe_value(const struct qta_yaml_node *node, bool is_secret)
{
    if (is_secret && node->kind == QTA_YAML_SCALAR) {
        struct qta_config_quote hidden = {.text = "what is given"};
        return hidden;
    }
    return qta_yaml_describe(node);
}

static void report_value(struct qta_config *config, const struct qta_yaml_node *node,
                         const char *path, const char *expected, bool is_secret)
{
    REPORT(config, QTA_CONFIG_ERROR, node->place, "%s must be %s, not %s", path, expected,
           describe_value(node, is_secret).text);
}

/* The word that was meant, or NULL. */
static const char *nearest_word(const struct qta_config_key *key, const char *text)
{
    struct qta_nearest_name nearest = qta_nearest_name_start(text);
    for (const struct qta_config_word *word = key->words; word && word->text; word++)
        qta_nearest_name_offer(&nearest, word->text, strlen(word->text));
    return nearest.name;
}

static void read_key(struct section_reader *reader, const struct qta_config_key *key,
                     const struct qta_yaml_node *node, const char *path)
{
    if (key->type == QTA_CONFIG_PROVIDERS || node->kind == QTA_YAML_BROKEN ||
        qta_yaml_is_null(node))
        return;
    union {
        uint64_t number;
        double real;
        const char *text;
        struct qta_config_list list;
    } unused;
    void *field = &unused;
    if (key->offset != QTA_CONFIG_NO_OFFSET)
        field = reader->values + key->offset;
    char expected[QTA_CONFIG_EXPECTATION_BYTES];
    qta_config_value_expect(key, expected);
    if (key->type == QTA_CONFIG_LIST) {
        if (qta_config_list_read(&reader->config->arena, node, field))
            qta_config_list_check(&reader->config->findings, path, field, key->words);
        else
            report_value(reader->config, node, path, expected, false);
        return;
    }
    if (node->kind == QTA_YAML_SCALAR && qta_config_value_read(key, node->text, field))
        return;
    const char *meant = key->type == QTA_CONFIG_WORD ? nearest_word(key, node->text) : NULL;
    if (meant && !node->has_reference) {
        REPORT(reader->config, QTA_CONFIG_ERROR, node->place,
               "%s must be %s, not %s; did you mean '%s'?", path, expected,
               qta_yaml_describe(node).text, meant);
        return;
    }
    report_value(reader->config, node, path, expected, key->is_secret);
}

/* ---- settings of adapters ---------------------------------------------------------------------
 */

static void add_setting(struct qta_config *config, struct qta_config_provider *provider,
                        const char *name, const char *value)
{
    struct qta_provider_options *options = &provider->options;
    struct qta_setting *settings = qta_config_arena_alloc_array(
        &config->arena, options->setting_count + 1, sizeof *settings);
    if (!settings)
        return;
    for (size_t i = 0; i < options->setting_count; i++)
        settings[i] = options->settings[i];
    settings[options->setting_count] = (struct qta_setting){name, value};
    options->settings = settings;
    options->setting_count++;
}

static void read_setting(struct section_reader *reader, const struct qta_setting_spec *spec,
                         const struct qta_yaml_node *node, const char *path)
{
    struct qta_config *config = reader->config;
    if (node->kind == QTA_YAML_BROKEN || qta_yaml_is_null(node))
        return;
    const char *value = NULL;
    struct qta_config_list list = {0};
    if (spec->type == QTA_SETTING_STRINGS) {
        if (qta_config_list_read(&config->arena, node, &list)) {
            qta_config_list_check(&config->findings, path, &list, NULL);
            value = qta_config_list_join(&config->arena, &list);
        }
    } else if (node->kind == QTA_YAML_SCALAR) {
        value = qta_config_setting_read(spec, node->text, &config->arena);
    }
    if (!value) {
        char expected[QTA_CONFIG_EXPECTATION_BYTES];
        qta_config_setting_expect(spec, expected);
        report_value(config, node, path, expected, false);
        return;
    }
    add_setting(config, reader->provider, spec->name, value);
}

/* A filter by symbols, like that of a replay, is what the provider's symbols are for it. */
static void pass_symbols(struct qta_config *config, struct qta_config_provider *provider)
{
    const struct qta_setting_spec *spec = qta_config_setting_find(provider->ops, "symbols");
    const struct qta_config_list *symbols = qta_config_provider_symbols(config, provider);
    if (!spec || symbols->count == 0)
        return;
    for (size_t i = 0; i < symbols->count; i++) {
        if (strcmp(symbols->items[i].text, "*") == 0)
            return;
    }
    const char *value = qta_config_list_join(&config->arena, symbols);
    if (value)
        add_setting(config, provider, spec->name, value);
}

/* ---- sections ---------------------------------------------------------------------------------
 */

/* Whether some key begins with path and a dot. */
static bool is_section(const struct qta_config_key *keys, size_t count, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < count; i++) {
        if (strncmp(keys[i].path, path, length) == 0 && keys[i].path[length] == '.')
            return true;
    }
    return false;
}

static bool is_provider_word(const char *name)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    return strcmp(name, "name") != 0 &&
           (qta_config_key_find(keys, count, name) || is_section(keys, count, name));
}

/* The words that may stand at this place, to find the one that was meant. */
static void offer_names(const struct section_reader *reader, const char *section,
                        struct qta_nearest_name *nearest)
{
    size_t length = strlen(section);
    for (size_t i = 0; i < reader->key_count; i++) {
        const char *path = reader->keys[i].path;
        if (strncmp(path, section, length) != 0)
            continue;
        qta_nearest_name_offer(nearest, path + length, strcspn(path + length, "."));
    }
}

static void offer_settings(const struct qta_adapter_ops *ops, struct qta_nearest_name *nearest)
{
    for (size_t i = 0; ops && i < ops->setting_count; i++)
        qta_nearest_name_offer(nearest, ops->settings[i].name, strlen(ops->settings[i].name));
}

/* The provider whose keys stand in `streaming` itself, or NULL. */
static struct qta_config_provider *short_provider(const struct qta_config *config)
{
    return config->provider_count == 1 && config->providers[0].is_short ? &config->providers[0]
                                                                        : NULL;
}

/* section is "" or ends with a dot. An override is asked for now, so what it misses is an error. */
static void report_unknown(struct section_reader *reader, const struct qta_yaml_node *node,
                           const char *section, const char *path)
{
    struct qta_config *config = reader->config;
    bool is_streaming = !reader->provider && strcmp(section, "streaming.") == 0;
    struct qta_nearest_name nearest = qta_nearest_name_start(node->key);
    offer_names(reader, section, &nearest);
    const struct qta_config_provider *provider = short_provider(config);
    if (is_streaming && provider) {
        struct section_reader other = {0};
        other.keys = qta_config_provider_keys(&other.key_count);
        offer_names(&other, "", &nearest);
        offer_settings(provider->ops, &nearest);
    }
    if (reader->provider && section[0] == '\0')
        offer_settings(reader->provider->ops, &nearest);
    /* an adapter that is not known may have any settings */
    const struct qta_config_provider *owner = is_streaming ? provider : reader->provider;
    if (owner && !owner->ops && !nearest.name)
        return;
    bool is_error = node->key_place.override_key != NULL;
    const char *ignored = is_error ? "" : " is ignored";
    struct qta_config_quote quote = qta_config_quote(path);
    int kind = is_error ? QTA_CONFIG_ERROR : QTA_CONFIG_WARNING;
    if (is_streaming && provider && strcmp(node->key, "name") == 0)
        REPORT(config, kind, node->key_place, "key %s%s: 'provider' is the name already",
               quote.text, ignored);
    else if (is_streaming && !nearest.name && is_provider_word(node->key))
        REPORT(config, kind, node->key_place, "key %s%s: it belongs to a provider", quote.text,
               ignored);
    else if (nearest.name)
        REPORT(config, kind, node->key_place, "unknown key %s%s; did you mean '%.*s'?", quote.text,
               ignored, (int)nearest.name_length, nearest.name);
    else
        REPORT(config, kind, node->key_place, "unknown key %s%s", quote.text, ignored);
}

/* Whether the key, directly in `streaming`, is for the other of the two readers of the short form.
 */
static bool is_for_other_reader(const struct section_reader *reader,
                                const struct qta_yaml_node *node, const char *section)
{
    const struct qta_config_provider *provider = short_provider(reader->config);
    if (!provider)
        return false;
    bool is_setting = qta_config_setting_find(provider->ops, node->key) != NULL;
    bool is_filter = strcmp(node->key, "providers") == 0 && is_setting;
    bool is_of_streaming = false;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "streaming.%s", node->key);
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    is_of_streaming = qta_config_key_find(keys, count, path) != NULL && !is_filter;
    bool is_of_provider = is_provider_word(node->key) || is_setting;
    if (reader->provider)
        return section[0] == '\0' && (is_of_streaming || !is_of_provider);
    return strcmp(section, "streaming.") == 0 && !is_of_streaming && is_of_provider;
}

/* Calls itself for sections in sections: as deep as the paths of the table. */
static void read_section(struct section_reader *reader, const struct qta_yaml_node *section_node,
                         const char *section)
{
    for (const struct qta_yaml_node *node = section_node->first; node; node = node->next) {
        char path[PATH_BYTES];
        char shown[2 * PATH_BYTES];
        snprintf(path, sizeof path, "%s%s", section, node->key);
        snprintf(shown, sizeof shown, "%s%s%s", reader->display, reader->display[0] ? "." : "",
                 path);
        if (is_for_other_reader(reader, node, section))
            continue;
        const struct qta_config_key *key = qta_config_key_find(reader->keys, reader->key_count,
                                                               path);
        const struct qta_setting_spec *setting = reader->provider && section[0] == '\0'
                                                     ? qta_config_setting_find(
                                                           reader->provider->ops, node->key)
                                                     : NULL;
        if (key) {
            read_key(reader, key, node, shown);
        } else if (is_section(reader->keys, reader->key_count, path)) {
            if (node->kind == QTA_YAML_MAPPING) {
                snprintf(path, sizeof path, "%s%s.", section, node->key);
                read_section(reader, node, path);
            } else if (node->kind != QTA_YAML_BROKEN && !qta_yaml_is_null(node)) {
                report_value(reader->config, node, shown, "a section with keys in it", false);
            }
        } else if (setting) {
            read_setting(reader, setting, node, shown);
        } else {
            report_unknown(reader, node, section, shown);
        }
    }
}

/* ---- all ---------------------------------------------------------------------------------------
 */

static void read_provider(struct qta_config *config, struct qta_config_provider *provider)
{
    struct section_reader reader = {
        .config = config,
        .values = (unsigned char *)provider,
        .provider = provider,
        .display = provider->path,
    };
    reader.keys = qta_config_provider_keys(&reader.key_count);
    read_section(&reader, provider->node, "");
}

void qta_config_read(struct qta_config *config)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    qta_config_defaults_apply(keys, count, &config->values);
    qta_config_providers_find(config);
    struct section_reader reader = {
        .config = config,
        .keys = keys,
        .key_count = count,
        .values = (unsigned char *)&config->values,
        .display = "",
    };
    read_section(&reader, config->root, "");
    for (size_t i = 0; i < config->provider_count; i++) {
        read_provider(config, &config->providers[i]);
        pass_symbols(config, &config->providers[i]);
    }
}
