/* A printed configuration has one line for each key, indented as the sections are: so a change is a
 * line that the other one has not. */
#include <qta/config.h>

#include <stdlib.h>
#include <string.h>

#include "config/config_keys.h"

enum { DEPTH_MAX = 8, PROVIDER_DEPTH = 2, INDENT = 2 };

/* A name of a section or key, within the text. */
struct part {
    const char *text;
    size_t length;
};

struct leaf {
    struct part path[DEPTH_MAX];
    size_t depth; /* of the last part */
    struct part value;
};

struct leaves {
    struct leaf *items;
    size_t count;
};

/* ---- reading ----------------------------------------------------------------------------------
 */

/* Takes a line apart into *leaf, whose sections are those of the line before. True for a key with a
 * value, false for the head of a section, and for what was never printed by us. */
static bool read_line(struct leaf *leaf, const char *line, size_t length)
{
    static const char item[] = "- name: ";
    size_t indent = strspn(line, " ");
    const char *name = line + indent;
    size_t rest = length - indent;
    leaf->depth = indent / INDENT;
    if (leaf->depth >= DEPTH_MAX - 1)
        return false;
    if (rest > strlen(item) && strncmp(name, item, strlen(item)) == 0) {
        leaf->value = (struct part){name + strlen(item), rest - strlen(item)};
        leaf->path[leaf->depth] = leaf->value; /* the section is named after it */
        leaf->path[++leaf->depth] = (struct part){"name", 4};
        return true;
    }
    const char *colon = memchr(name, ':', rest);
    if (!colon)
        return false;
    leaf->path[leaf->depth] = (struct part){name, (size_t)(colon - name)};
    leaf->value = (struct part){colon + 1, rest - (size_t)(colon + 1 - name)};
    return leaf->value.length > 0;
}

static enum qta_status read_leaves(struct leaves *leaves, const char *text, struct qta_error *err)
{
    size_t lines = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    leaves->count = 0;
    leaves->items = calloc(lines + 1, sizeof *leaves->items);
    if (!leaves->items)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory comparing configurations");
    struct leaf leaf = {0};
    for (const char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        if (length > 0 && read_line(&leaf, line, length))
            leaves->items[leaves->count++] = leaf;
        line += length + (line[length] == '\n');
    }
    return QTA_OK;
}

/* ---- comparing --------------------------------------------------------------------------------
 */

static bool is_part(const struct part *part, const char *text)
{
    return part->length == strlen(text) && memcmp(part->text, text, part->length) == 0;
}

static bool is_same_part(const struct part *a, const struct part *b)
{
    return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

static bool is_of_provider(const struct leaf *leaf)
{
    return leaf->depth > PROVIDER_DEPTH && is_part(&leaf->path[1], "providers");
}

static bool is_same_key(const struct leaf *a, const struct leaf *b)
{
    bool is_same = a->depth == b->depth;
    for (size_t i = 0; i <= a->depth && is_same; i++)
        is_same = is_same_part(&a->path[i], &b->path[i]);
    return is_same;
}

static const struct leaf *find_key(const struct leaves *leaves, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaves->count; i++) {
        if (is_same_key(&leaves->items[i], leaf))
            return &leaves->items[i];
    }
    return NULL;
}

static bool has_provider(const struct leaves *leaves, const struct leaf *leaf)
{
    for (size_t i = 0; i < leaves->count; i++) {
        if (is_of_provider(&leaves->items[i]) &&
            is_same_part(&leaves->items[i].path[PROVIDER_DEPTH], &leaf->path[PROVIDER_DEPTH]))
            return true;
    }
    return false;
}

/* ---- telling ----------------------------------------------------------------------------------
 */

struct telling {
    qta_config_change_function function;
    void *user;
    struct qta_error *err;
};

/* Joins the parts from first to last; the caller frees. */
static char *join(const struct leaf *leaf, size_t first, size_t last)
{
    size_t bytes = 1;
    for (size_t i = first; i <= last; i++)
        bytes += leaf->path[i].length + 1;
    char *path = malloc(bytes);
    size_t used = 0;
    for (size_t i = first; i <= last && path; i++) {
        if (i > first)
            path[used++] = '.';
        memcpy(path + used, leaf->path[i].text, leaf->path[i].length);
        used += leaf->path[i].length;
    }
    if (path)
        path[used] = '\0';
    return path;
}

static bool is_live(const struct leaf *leaf)
{
    size_t count;
    bool is_own = is_of_provider(leaf);
    const struct qta_config_key *keys = is_own ? qta_config_provider_keys(&count)
                                               : qta_config_root_keys(&count);
    char *path = join(leaf, is_own ? PROVIDER_DEPTH + 1 : 0, leaf->depth);
    const struct qta_config_key *key = path ? qta_config_key_find(keys, count, path) : NULL;
    free(path);
    return key && key->is_live;
}

static enum qta_status tell(const struct telling *telling, const struct leaf *leaf, size_t depth,
                            bool is_taken_over)
{
    char *key = join(leaf, 0, depth);
    if (!key)
        return qta_error_set(telling->err, QTA_ERR_NOMEM, "out of memory comparing configurations");
    telling->function(telling->user, key, is_taken_over);
    free(key);
    return QTA_OK;
}

/* What one has and the other has not, or has otherwise. */
static enum qta_status tell_other(const struct telling *telling, const struct leaves *one,
                                  const struct leaves *other, bool is_new)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < one->count && status == QTA_OK; i++) {
        const struct leaf *leaf = &one->items[i];
        if (is_of_provider(leaf) && !has_provider(other, leaf)) {
            if (is_part(&leaf->path[leaf->depth], "name"))
                status = tell(telling, leaf, PROVIDER_DEPTH, !is_new);
            continue;
        }
        const struct leaf *match = find_key(other, leaf);
        if (!match || (is_new && !is_same_part(&match->value, &leaf->value)))
            status = tell(telling, leaf, leaf->depth, is_live(leaf));
    }
    return status;
}

enum qta_status qta_config_changes(const char *before, const char *after,
                                   qta_config_change_function function, void *user,
                                   struct qta_error *err)
{
    struct leaves old = {0};
    struct leaves new = {0};
    const struct telling telling = {function, user, err};
    enum qta_status status = read_leaves(&old, before, err);
    if (status == QTA_OK)
        status = read_leaves(&new, after, err);
    if (status == QTA_OK)
        status = tell_other(&telling, &new, &old, true);
    if (status == QTA_OK)
        status = tell_other(&telling, &old, &new, false);
    free(old.items);
    free(new.items);
    return status;
}
