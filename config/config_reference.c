/* After parsing, never inside YAML: what a variable holds cannot change the structure of the file.
 */
#include "config/config_reference.h"

#include <stdlib.h>
#include <string.h>

/* all values together, however often a file refers to a long variable */
enum { EXPANDED_BYTES_MAX = QTA_YAML_FILE_BYTES_MAX, NAME_BYTES_MAX = 128 };

struct expansion {
    struct qta_config_arena *arena;
    struct qta_config_findings *findings;
    size_t expanded_bytes; /* so far */
};

/* One ${...}: its parts point into the text. */
struct reference {
    char name[NAME_BYTES_MAX];
    const char *fallback; /* NULL without ":-" */
    size_t fallback_length;
    const char *end; /* behind the '}' */
};

static bool is_name_letter(char letter, bool is_first)
{
    return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') || letter == '_' ||
           (!is_first && letter >= '0' && letter <= '9');
}

/* Reads the reference that begins at text ("${"). */
static bool read_reference(const char *text, struct reference *reference)
{
    const char *cursor = text + 2;
    size_t length = 0;
    while (is_name_letter(*cursor, length == 0) && length + 1 < NAME_BYTES_MAX)
        reference->name[length++] = *cursor++;
    reference->name[length] = '\0';
    reference->fallback = NULL;
    reference->fallback_length = 0;
    if (length == 0)
        return false;
    if (cursor[0] == ':' && cursor[1] == '-') {
        reference->fallback = cursor + 2;
        cursor = strchr(reference->fallback, '}');
        if (!cursor)
            return false;
        reference->fallback_length = (size_t)(cursor - reference->fallback);
    }
    if (*cursor != '}')
        return false;
    reference->end = cursor + 1;
    return true;
}

/* What stands in the reference's place; NULL: the variable is not set. */
static const char *resolve(const struct reference *reference, size_t *length)
{
    const char *value = getenv(reference->name);
    if (value && (value[0] != '\0' || !reference->fallback)) {
        *length = strlen(value);
        return value;
    }
    *length = reference->fallback_length;
    return reference->fallback;
}

/* What a template has in it for whoever fills it in. */
static bool is_placeholder(const struct qta_yaml_node *node, const struct reference *reference)
{
    return node->key && strcmp(node->key, "login_message") == 0 && !reference->fallback &&
           (strcmp(reference->name, "key") == 0 || strcmp(reference->name, "secret") == 0);
}

static void break_node(struct qta_yaml_node *node)
{
    node->kind = QTA_YAML_BROKEN;
    node->text = "";
}

/* Writes the expanded value to out, or only measures it when out is NULL. False: an error was found
 * (only the measuring pass reports it). */
static bool expand_text(const struct qta_yaml_node *node, char *out, size_t *length,
                        struct qta_config_findings *findings)
{
    size_t used = 0;
    const char *cursor = node->written;
    while (*cursor) {
        const char *piece = cursor;
        size_t piece_length = 1;
        struct reference reference = {.end = cursor + 1};
        if (strncmp(cursor, "$${", 3) == 0) {
            piece = "${";
            piece_length = 2;
            reference.end = cursor + 3;
        } else if (strncmp(cursor, "${", 2) == 0) {
            if (!read_reference(cursor, &reference)) {
                qta_config_findings_add(findings, QTA_CONFIG_ERROR, node->place,
                                        "%s holds a '${' that is not ${NAME} or ${NAME:-default}; "
                                        "write '$${' for a plain one",
                                        qta_config_quote(node->written).text);
                return false;
            }
            if (is_placeholder(node, &reference))
                piece_length = (size_t)(reference.end - cursor);
            else
                piece = resolve(&reference, &piece_length);
            if (!piece) {
                qta_config_findings_add(findings, QTA_CONFIG_ERROR, node->place,
                                        "environment variable '%s' is not set; set it, or write "
                                        "${%s:-default}",
                                        reference.name, reference.name);
                return false;
            }
        }
        if (out)
            memcpy(out + used, piece, piece_length);
        used += piece_length;
        cursor = reference.end;
    }
    *length = used;
    return true;
}

static void expand_scalar(struct qta_yaml_node *node, struct expansion *expansion)
{
    if (!strstr(node->written, "${"))
        return;
    size_t length;
    if (!expand_text(node, NULL, &length, expansion->findings)) {
        break_node(node);
        return;
    }
    if (length > EXPANDED_BYTES_MAX - expansion->expanded_bytes) {
        qta_config_findings_add(expansion->findings, QTA_CONFIG_ERROR, node->place,
                                "the values of environment variables make up more than %d bytes",
                                EXPANDED_BYTES_MAX);
        break_node(node);
        return;
    }
    expansion->expanded_bytes += length;
    char *text = qta_config_arena_alloc(expansion->arena, length + 1);
    if (!text || !expand_text(node, text, &length, expansion->findings)) {
        break_node(node);
        return;
    }
    node->text = text;
    node->has_reference = true;
}

static void expand_tree(struct qta_yaml_node *node, struct expansion *expansion)
{
    if (node->kind == QTA_YAML_SCALAR)
        expand_scalar(node, expansion);
    for (struct qta_yaml_node *child = node->first; child; child = child->next)
        expand_tree(child, expansion);
}

void qta_config_references_expand(struct qta_yaml_node *node, struct qta_config_arena *arena,
                                  struct qta_config_findings *findings)
{
    struct expansion expansion = {.arena = arena, .findings = findings};
    expand_tree(node, &expansion);
}
