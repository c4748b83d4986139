/* Prints what was written where something was, so that the result is exact and says the same when
 * it is read again; secrets never, and of the environment only the references. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_state.h"
#include "core/utf8.h"

enum { INDENT_STREAMING = 2, INDENT_PROVIDER = 6, LINE_MAX_BYTES = 4000 };

/* ---- scalars ----------------------------------------------------------------------------------
 */

/* Whether text reads as itself without quotes. */
static bool is_plain(const char *text)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-";
    bool starts_well = text[0] == '_' || text[0] == '/' || (text[0] >= '0' && text[0] <= '9') ||
                       (text[0] >= 'a' && text[0] <= 'z') || (text[0] >= 'A' && text[0] <= 'Z');
    return starts_well && strspn(text, letters) == strlen(text) && strcmp(text, "null") != 0;
}

static void print_scalar(FILE *out, const char *text)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (size_t i = 0, length = strlen(text); i < length;) {
        unsigned char byte = (unsigned char)text[i];
        size_t sequence = qta_utf8_sequence(text + i, length - i);
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte == 0x7f)
            fprintf(out, "\\x%02x", byte);
        else if (byte == 0xc2 && (unsigned char)text[i + 1] < 0xa0)
            fprintf(out, "\\x%02x", (unsigned char)text[i + 1]); /* C1 controls, next line */
        else if (sequence == 3 && (strncmp(text + i, "\xe2\x80\xa8", 3) == 0 ||
                                   strncmp(text + i, "\xe2\x80\xa9", 3) == 0))
            fputs(text[i + 2] == (char)0xa8 ? "\\L" : "\\P", out);
        else if (sequence == 3 && strncmp(text + i, "\xef\xbb\xbf", 3) == 0)
            fputs("\\uFEFF", out);
        else if (sequence == 3 && byte == 0xef && (unsigned char)text[i + 1] == 0xbf &&
                 (unsigned char)text[i + 2] >= 0xbe)
            fprintf(out, "\\uFFF%c", text[i + 2] == (char)0xbe ? 'E' : 'F');
        else
            fwrite(text + i, 1, sequence > 0 ? sequence : 1, out);
        i += sequence > 0 ? sequence : 1;
    }
    fputc('"', out);
}

/* Everything behind a '?' may be a token. */
static void print_url(FILE *out, const char *url)
{
    const char *query = strchr(url, '?');
    if (!query) {
        print_scalar(out, url);
        return;
    }
    char *masked = NULL;
    if (asprintf(&masked, "%.*s?***", (int)(query - url), url) < 0)
        return;
    print_scalar(out, masked);
    free(masked);
}

/* The items as they were written, each once more split at commas when it is read again. */
static void print_sequence(FILE *out, const struct qta_yaml_node *node)
{
    const char *before = "";
    fputc('[', out);
    for (const struct qta_yaml_node *item = node->first; item; item = item->next) {
        fputs(before, out);
        print_scalar(out, item->written);
        before = ", ";
    }
    fputc(']', out);
}

/* "a, b" as the list that it stands for; a reference is left alone, it may hold anything. */
static void print_split(FILE *out, const char *written)
{
    const char *before = "";
    fputc('[', out);
    while (*written) {
        written += strspn(written, " ");
        size_t length = strcspn(written, ",");
        char item[LINE_MAX_BYTES + 1];
        snprintf(item, sizeof item, "%.*s", (int)length, written);
        fputs(before, out);
        print_scalar(out, item);
        before = ", ";
        written += length + (written[length] == ',' ? 1 : 0);
    }
    fputc(']', out);
}

static void print_node(FILE *out, const struct qta_yaml_node *node, const char *default_text,
                       bool is_list)
{
    if (node && qta_yaml_is_null(node))
        node = NULL;
    if (node && node->kind == QTA_YAML_SEQUENCE) {
        print_sequence(out, node);
    } else if (node && is_list && !node->has_reference && strlen(node->written) <= LINE_MAX_BYTES) {
        print_split(out, node->written);
    } else if (node) {
        print_scalar(out, node->written);
    } else if (is_list) {
        fprintf(out, "[%s]", default_text ? default_text : "");
    } else {
        fputs(default_text ? default_text : "null", out);
    }
}

/* ---- keys -------------------------------------------------------------------------------------
 */

/* Opens the sections of path that the path before it was not in, and writes the key's own name. */
static void print_name(FILE *out, const char *path, const char *path_before, int indent)
{
    size_t shared = 0;
    for (size_t i = 0; path[i] && path[i] == path_before[i]; i++) {
        if (path[i] == '.')
            shared = i + 1;
    }
    for (const char *part = path; *part;) {
        size_t length = strcspn(part, ".");
        bool is_last = part[length] == '\0';
        bool is_open = (size_t)(part - path) < shared;
        if (!is_open)
            fprintf(out, "%*s%.*s:%s", indent, "", (int)length, part, is_last ? " " : "\n");
        indent += 2;
        part += is_last ? length : length + 1;
    }
}

static void print_key_value(FILE *out, const struct qta_config_key *key,
                            const struct qta_yaml_node *node)
{
    bool is_given = node && !qta_yaml_is_null(node);
    if (key->is_secret)
        fputs(is_given ? "\"***\"" : "null", out);
    else if (is_given && strcmp(key->path, "websocket_url") == 0)
        print_url(out, node->written);
    else
        print_node(out, node, key->default_text, key->type == QTA_CONFIG_LIST);
}

/* ---- providers --------------------------------------------------------------------------------
 */

/* What stands in the file for a provider's key. In the short form that is also what belongs to
 * `streaming`, and the name is the value of `provider`. */
static struct qta_yaml_node *find_provider_node(const struct qta_config *config,
                                                const struct qta_config_provider *provider,
                                                const char *path)
{
    if (provider->is_short && strcmp(path, "name") == 0)
        path = "provider";
    struct qta_yaml_node *node = qta_yaml_find_path(provider->node, path);
    bool is_empty = !node || qta_yaml_is_null(node) ||
                    (node->kind == QTA_YAML_SEQUENCE && node->child_count == 0);
    if (is_empty && strcmp(path, "symbols") == 0)
        node = qta_yaml_find_path(config->root, "streaming.symbols");
    return node;
}

static void print_provider(FILE *out, const struct qta_config *config,
                           const struct qta_config_provider *provider)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_provider_keys(&count);
    const char *path_before = "";
    for (size_t i = 0; i < count; i++) {
        if (i == 0)
            fprintf(out, "    - name: ");
        else
            print_name(out, keys[i].path, path_before, INDENT_PROVIDER);
        const struct qta_yaml_node *node = find_provider_node(config, provider, keys[i].path);
        if (strcmp(keys[i].path, "adapter") == 0 && (!node || qta_yaml_is_null(node)))
            print_scalar(out, provider->ops->name);
        else
            print_key_value(out, &keys[i], node);
        fputc('\n', out);
        path_before = keys[i].path;
    }
    for (size_t i = 0; i < provider->ops->setting_count; i++) {
        const struct qta_setting_spec *spec = &provider->ops->settings[i];
        if (qta_config_key_find(keys, count, spec->name))
            continue; /* printed above */
        print_name(out, spec->name, "", INDENT_PROVIDER);
        const struct qta_yaml_node *node = qta_yaml_find(provider->node, spec->name);
        bool is_given = node && !qta_yaml_is_null(node);
        if (!is_given && spec->default_value)
            print_scalar(out, spec->default_value);
        else
            print_node(out, node, NULL, false);
        fputc('\n', out);
    }
}

static void print_providers(FILE *out, const struct qta_config *config)
{
    fprintf(out, "%*sproviders:\n", INDENT_STREAMING, "");
    for (size_t i = 0; i < config->provider_count; i++) {
        if (qta_config_provider_is_used(config, &config->providers[i]))
            print_provider(out, config, &config->providers[i]);
    }
}

/* ---- all --------------------------------------------------------------------------------------
 */

static void print_config(FILE *out, const struct qta_config *config)
{
    size_t count;
    const struct qta_config_key *keys = qta_config_root_keys(&count);
    bool has_health = qta_yaml_find(config->root, "streaming_health") != NULL;
    const char *path_before = "";
    for (size_t i = 0; i < count; i++) {
        const char *path = keys[i].path;
        if (strcmp(path, "streaming.provider") == 0)
            continue; /* the providers that are used are listed */
        if (!has_health && strncmp(path, "streaming_health.", 17) == 0)
            continue;
        if (keys[i].type == QTA_CONFIG_PROVIDERS) {
            print_providers(out, config);
            continue;
        }
        print_name(out, path, path_before, 0);
        if (strcmp(path, "recording.enabled") == 0)
            fputs(config->values.gateway.recording.is_enabled ? "true" : "false", out);
        else
            print_key_value(out, &keys[i], qta_yaml_find_path(config->root, path));
        fputc('\n', out);
        path_before = path;
    }
}

enum qta_status qta_config_print(const struct qta_config *config, char **text,
                                 struct qta_error *err)
{
    *text = NULL;
    if (qta_config_findings_have_error(&config->findings))
        return qta_error_set(err, QTA_ERR_CONFIG, "a configuration with errors cannot be printed");
    char *printed = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&printed, &size);
    if (!out)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory printing the configuration");
    print_config(out, config);
    bool has_failed = ferror(out) != 0;
    if (fclose(out) != 0 || has_failed) {
        free(printed);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory printing the configuration");
    }
    *text = printed;
    return QTA_OK;
}
