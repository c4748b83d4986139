/* Lists are flat: whatever way they are written, they come out the same. */
#include "config/config_list.h"

#include <string.h>

#include "config/config_value.h"
#include "config/nearest_name.h"

/* How many items "a, b" has. */
static size_t count_items(const char *text)
{
    size_t count = text[0] == '\0' ? 0 : 1;
    for (; *text; text++)
        count += *text == ',';
    return count;
}

/* The items of "a, b" behind those that the list has. */
static void split_items(struct qta_config_arena *arena, const struct qta_yaml_node *node,
                        struct qta_config_item *items, size_t *count)
{
    if (node->text[0] == '\0')
        return;
    const char *cursor = node->text;
    while (cursor) {
        const char *comma = strchr(cursor, ',');
        size_t length = comma ? (size_t)(comma - cursor) : strlen(cursor);
        const char *start = cursor;
        while (length > 0 && start[0] == ' ') {
            start++;
            length--;
        }
        while (length > 0 && start[length - 1] == ' ')
            length--;
        const char *text = qta_config_arena_copy(arena, start, length);
        if (!text)
            return;
        items[*count] = (struct qta_config_item){text, node->place};
        ++*count;
        cursor = comma ? comma + 1 : NULL;
    }
}

static bool is_list(const struct qta_yaml_node *node)
{
    if (node->kind == QTA_YAML_SCALAR)
        return true;
    if (node->kind != QTA_YAML_SEQUENCE)
        return false;
    for (const struct qta_yaml_node *item = node->first; item; item = item->next) {
        if (item->kind != QTA_YAML_SCALAR && item->kind != QTA_YAML_BROKEN)
            return false;
    }
    return true;
}

bool qta_config_list_read(struct qta_config_arena *arena, const struct qta_yaml_node *node,
                          struct qta_config_list *list)
{
    if (!is_list(node))
        return false;
    size_t capacity = 0;
    if (node->kind == QTA_YAML_SCALAR)
        capacity = count_items(node->text);
    for (const struct qta_yaml_node *item = node->first; item; item = item->next)
        capacity += count_items(item->text) + 1;
    struct qta_config_item *items = qta_config_arena_alloc_array(arena, capacity, sizeof *items);
    if (!items)
        return true;
    size_t count = 0;
    if (node->kind == QTA_YAML_SCALAR)
        split_items(arena, node, items, &count);
    for (const struct qta_yaml_node *item = node->first; item; item = item->next) {
        if (item->kind == QTA_YAML_BROKEN)
            continue;
        if (item->text[0] == '\0')
            items[count++] = (struct qta_config_item){"", item->place};
        split_items(arena, item, items, &count);
    }
    *list = (struct qta_config_list){items, count};
    return true;
}

void qta_config_list_check(struct qta_config_findings *findings, const char *path,
                           const struct qta_config_list *list, const struct qta_config_word *words)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct qta_config_item *item = &list->items[i];
        if (!qta_config_string_is_good(item->text)) {
            qta_config_findings_add(findings, QTA_CONFIG_ERROR, item->place,
                                    "%s has an item that is empty or has control characters", path);
            continue;
        }
        const struct qta_config_word *word = words;
        while (word && word->text && strcmp(word->text, item->text) != 0)
            word++;
        if (words && !word->text) {
            struct qta_nearest_name nearest = qta_nearest_name_start(item->text);
            for (word = words; word->text; word++)
                qta_nearest_name_offer(&nearest, word->text, strlen(word->text));
            qta_config_findings_add(
                findings, QTA_CONFIG_ERROR, item->place, "%s has the unknown item %s%s%s%s", path,
                qta_config_quote(item->text).text, nearest.name ? "; did you mean '" : "",
                nearest.name ? nearest.name : "", nearest.name ? "'?" : "");
        }
    }
}

const char *qta_config_list_join(struct qta_config_arena *arena, const struct qta_config_list *list)
{
    size_t size = 1;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i].text) + 1;
    char *text = qta_config_arena_alloc(arena, size);
    char *end = text;
    for (size_t i = 0; text && i < list->count; i++) {
        if (i > 0)
            *end++ = ',';
        end = stpcpy(end, list->items[i].text);
    }
    return text;
}
