/* Overrides change the tree, not the structs: so they obey the same rules as what is written in the
 * file, whatever the key. */
#include "config/config_override.h"

#include <stdio.h>
#include <string.h>

#include "config/config_reference.h"
#include "config/config_state.h"
#include "core/utf8.h"

enum { PARTS_MAX = 8 };

static const char key_letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";

struct override {
    struct qta_config_place place; /* has the whole key */
    char *parts[PARTS_MAX];
    size_t part_count;
    const char *value;
    bool is_default; /* "?=" */
    struct qta_config_arena *arena;
    struct qta_config_findings *findings;
};

#define REFUSE(override, ...)                                                                      \
    qta_config_findings_add((override)->findings, QTA_CONFIG_ERROR, (override)->place, __VA_ARGS__)

/* Cuts text into key, parts and value. */
static bool split_override(struct override *override, const char *text)
{
    const char *equals = strchr(text, '=');
    size_t key_length = equals ? (size_t)(equals - text) : 0;
    override->is_default = key_length > 0 && equals[-1] == '?';
    if (override->is_default)
        key_length--;
    /* no more than looks like a key: behind it there may be a secret */
    override->place.override_key = qta_config_arena_copy(override->arena, text,
                                                         strspn(text, key_letters));
    if (!override->place.override_key)
        return false;
    if (!qta_utf8_is_valid(text, strlen(text))) {
        REFUSE(override, "must be UTF-8 text");
        return false;
    }
    if (key_length == 0) {
        REFUSE(override, "must be KEY=VALUE, like streaming.buffer_size=5000");
        return false;
    }
    char *key = qta_config_arena_copy(override->arena, text, key_length);
    override->place.override_key = qta_config_arena_copy(override->arena, text, key_length);
    override->value = qta_config_arena_copy(override->arena, equals + 1, strlen(equals + 1));
    if (!key || !override->place.override_key || !override->value)
        return false;
    for (char *part = key; part; override->part_count++) {
        char *dot = strchr(part, '.');
        if (dot)
            *dot = '\0';
        if (*part == '\0' || override->part_count >= PARTS_MAX) {
            REFUSE(override, "must be words with dots between them, like streaming.buffer_size");
            return false;
        }
        override->parts[override->part_count] = part;
        part = dot ? dot + 1 : NULL;
    }
    return true;
}

/* The section of a provider in the list, or `streaming` itself when it is the short form of it. */
static struct qta_yaml_node *find_provider(struct qta_yaml_node *streaming, const char *name)
{
    if (!qta_config_has_provider_list(streaming)) {
        const struct qta_yaml_node *provider = qta_yaml_find(streaming, "provider");
        return provider && strcmp(provider->text, name) == 0 ? streaming : NULL;
    }
    const struct qta_yaml_node *list = qta_yaml_find(streaming, "providers");
    for (struct qta_yaml_node *item = list->first; item; item = item->next) {
        const struct qta_yaml_node *item_name = qta_yaml_find(item, "name");
        if (item_name && strcmp(item_name->text, name) == 0)
            return item;
    }
    return NULL;
}

/* The section of that name, made when it is not there; NULL: cannot be one. */
static struct qta_yaml_node *enter_section(struct override *override, struct qta_yaml_node *parent,
                                           const char *name)
{
    struct qta_yaml_node *section = qta_yaml_find(parent, name);
    if (!section) {
        section = qta_yaml_node_create(override->arena, QTA_YAML_MAPPING, override->place);
        if (!section)
            return NULL;
        section->key = name;
        qta_yaml_append(parent, section);
    }
    if (qta_yaml_is_null(section))
        section->kind = QTA_YAML_MAPPING;
    if (section->kind == QTA_YAML_SEQUENCE) {
        REFUSE(override, "'%s' is a list; name one of its keys, like streaming.providers.NAME.KEY",
               name);
        return NULL;
    }
    if (section->kind == QTA_YAML_SCALAR) {
        REFUSE(override, "'%s' is a value, not a section", name);
        return NULL;
    }
    return section->kind == QTA_YAML_MAPPING ? section : NULL;
}

/* Goes down to the section that has the last part. */
static struct qta_yaml_node *find_section(struct override *override, struct qta_yaml_node *root)
{
    struct qta_yaml_node *node = root;
    for (size_t i = 0; node && i + 1 < override->part_count; i++) {
        bool is_provider = i == 1 && i + 2 < override->part_count &&
                           strcmp(override->parts[0], "streaming") == 0 &&
                           strcmp(override->parts[1], "providers") == 0;
        if (!is_provider) {
            node = enter_section(override, node, override->parts[i]);
            continue;
        }
        const char *name = override->parts[++i];
        node = find_provider(node, name);
        if (!node)
            REFUSE(override, "there is no provider %s", qta_config_quote(name).text);
    }
    return node;
}

static void set_value(struct override *override, struct qta_yaml_node *section)
{
    const char *name = override->parts[override->part_count - 1];
    struct qta_yaml_node *node = qta_yaml_find(section, name);
    if (node && override->is_default && !qta_yaml_is_null(node))
        return;
    if (node &&
        (node->kind == QTA_YAML_MAPPING || (node->kind == QTA_YAML_SEQUENCE && node->first &&
                                            node->first->kind == QTA_YAML_MAPPING))) {
        REFUSE(override, "'%s' is a section; name a key in it", name);
        return;
    }
    if (!node) {
        node = qta_yaml_node_create(override->arena, QTA_YAML_SCALAR, override->place);
        if (!node)
            return;
        node->key = name;
        qta_yaml_append(section, node);
    }
    node->kind = QTA_YAML_SCALAR;
    node->first = node->last = NULL;
    node->child_count = 0;
    node->is_plain = true;
    node->has_reference = false;
    node->is_default = override->is_default;
    node->text = node->written = override->value;
    node->place = node->key_place = override->place;
    qta_config_references_expand(node, override->arena, override->findings);
}

void qta_config_override_apply(struct qta_yaml_node *root, const char *text,
                               struct qta_config_arena *arena, struct qta_config_findings *findings)
{
    struct override override = {.arena = arena, .findings = findings};
    if (!split_override(&override, text))
        return;
    struct qta_yaml_node *section = find_section(&override, root);
    if (section)
        set_value(&override, section);
}
