/* libyaml's events to nodes. The event interface alone, because the document interface follows
 * aliases and knows no limits. */
#include "config/yaml_document.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

/* What is being read. */
struct reader {
    yaml_parser_t parser;
    struct qta_config_arena *arena;
    struct qta_config_findings *findings;
    struct qta_yaml_node *root;
    struct qta_yaml_node *open; /* innermost mapping or sequence */
    size_t depth;
    const char *key; /* of the entry whose value comes next; NULL when a key comes next */
    struct qta_config_place key_place;
    bool is_duplicate; /* ... and the entry is not to be kept */
};

struct qta_yaml_node *qta_yaml_node_create(struct qta_config_arena *arena, enum qta_yaml_kind kind,
                                           struct qta_config_place place)
{
    struct qta_yaml_node *node = qta_config_arena_alloc(arena, sizeof *node);
    if (!node)
        return NULL;
    node->kind = kind;
    node->place = place;
    node->key_place = place;
    node->text = "";
    node->written = "";
    return node;
}

void qta_yaml_append(struct qta_yaml_node *parent, struct qta_yaml_node *child)
{
    child->parent = parent;
    child->next = NULL;
    if (parent->last)
        parent->last->next = child;
    else
        parent->first = child;
    parent->last = child;
    parent->child_count++;
}

struct qta_yaml_node *qta_yaml_find(const struct qta_yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != QTA_YAML_MAPPING)
        return NULL;
    for (struct qta_yaml_node *child = mapping->first; child; child = child->next) {
        if (strcmp(child->key, key) == 0)
            return child;
    }
    return NULL;
}

struct qta_yaml_node *qta_yaml_find_path(struct qta_yaml_node *node, const char *path)
{
    while (node && *path) {
        char key[64];
        size_t length = strcspn(path, ".");
        if (length >= sizeof key)
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        node = qta_yaml_find(node, key);
        path += path[length] == '.' ? length + 1 : length;
    }
    return node;
}

bool qta_yaml_is_null(const struct qta_yaml_node *node)
{
    if (node->kind != QTA_YAML_SCALAR || !node->is_plain)
        return false;
    return node->written[0] == '\0' || strcmp(node->written, "~") == 0 ||
           strcmp(node->written, "null") == 0;
}

struct qta_config_quote qta_yaml_describe(const struct qta_yaml_node *node)
{
    struct qta_config_quote quote;
    switch (node->kind) {
    case QTA_YAML_SEQUENCE:
        snprintf(quote.text, sizeof quote.text, "a list");
        return quote;
    case QTA_YAML_MAPPING:
        snprintf(quote.text, sizeof quote.text, "a section");
        return quote;
    case QTA_YAML_SCALAR:
    case QTA_YAML_BROKEN:
    default:
        return qta_config_quote(node->written);
    }
}

static struct qta_config_place place_of(yaml_mark_t mark)
{
    return (struct qta_config_place){.line = (uint32_t)mark.line + 1};
}

static void report(struct reader *reader, yaml_mark_t mark, const char *sentence)
{
    qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place_of(mark), "%s", sentence);
}

/* Puts a finished node into the tree at the place that is open. */
static void place_node(struct reader *reader, struct qta_yaml_node *node)
{
    struct qta_yaml_node *parent = reader->open;
    if (!parent) {
        reader->root = node;
        return;
    }
    if (parent->kind == QTA_YAML_MAPPING) {
        assert(reader->key);
        node->key = reader->key;
        node->key_place = reader->key_place;
        reader->key = NULL;
        if (reader->is_duplicate) {
            node->parent = parent; /* to find the way back, but not among its children */
            return;
        }
    }
    qta_yaml_append(parent, node);
}

/* A scalar where a mapping wants a key. False: reading cannot go on. */
static bool read_key(struct reader *reader, const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    struct qta_config_place place = place_of(event->start_mark);
    if (reader->open->child_count >= QTA_YAML_KEYS_MAX) {
        qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place,
                                "more than %d keys in one section", QTA_YAML_KEYS_MAX);
        return false;
    }
    if (length == 0 || memchr(text, '\0', length)) {
        report(reader, event->start_mark, "a key must be a plain word");
        return false;
    }
    reader->key = qta_config_arena_copy(reader->arena, text, length);
    reader->key_place = place;
    if (!reader->key)
        return false;
    const struct qta_yaml_node *earlier = qta_yaml_find(reader->open, reader->key);
    reader->is_duplicate = earlier != NULL;
    if (earlier) {
        qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place,
                                "key %s is given twice, first on line %u; keep one of them",
                                qta_config_quote(reader->key).text, earlier->key_place.line);
    }
    return true;
}

static bool read_scalar(struct reader *reader, const yaml_event_t *event)
{
    if (reader->open && reader->open->kind == QTA_YAML_MAPPING && !reader->key)
        return read_key(reader, event);
    struct qta_yaml_node *node = qta_yaml_node_create(reader->arena, QTA_YAML_SCALAR,
                                                      place_of(event->start_mark));
    if (!node)
        return false;
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    if (memchr(text, '\0', length)) {
        report(reader, event->start_mark, "a value must not have a NUL character in it");
        node->kind = QTA_YAML_BROKEN;
        length = 0;
    }
    node->is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    node->text = node->written = qta_config_arena_copy(reader->arena, text, length);
    if (!node->text)
        return false;
    place_node(reader, node);
    return true;
}

static bool open_collection(struct reader *reader, const yaml_event_t *event,
                            enum qta_yaml_kind kind)
{
    if (reader->open && reader->open->kind == QTA_YAML_MAPPING && !reader->key) {
        report(reader, event->start_mark, "a key must be a plain word, not a list or a section");
        return false;
    }
    if (reader->depth >= QTA_YAML_DEPTH_MAX) {
        qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place_of(event->start_mark),
                                "nested more than %d deep", QTA_YAML_DEPTH_MAX);
        return false;
    }
    struct qta_yaml_node *node = qta_yaml_node_create(reader->arena, kind,
                                                      place_of(event->start_mark));
    if (!node)
        return false;
    place_node(reader, node);
    reader->open = node;
    reader->depth++;
    return true;
}

static void close_collection(struct reader *reader)
{
    reader->open = reader->open->parent;
    reader->depth--;
}

/* An alias stands where a value could be: one error, and the place counts as filled. */
static bool read_alias(struct reader *reader, const yaml_event_t *event)
{
    report(reader, event->start_mark,
           "YAML aliases (*name) are not supported; write the value out");
    if (reader->open && reader->open->kind == QTA_YAML_MAPPING && !reader->key)
        return false;
    struct qta_yaml_node *node = qta_yaml_node_create(reader->arena, QTA_YAML_BROKEN,
                                                      place_of(event->start_mark));
    if (!node)
        return false;
    place_node(reader, node);
    return true;
}

static void refuse_decoration(struct reader *reader, const yaml_event_t *event,
                              const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (anchor)
        report(reader, event->start_mark, "YAML anchors (&name) are not supported; leave it out");
    if (tag)
        report(reader, event->start_mark, "YAML tags (!type) are not supported; leave it out");
}

/* One event. False: the end, or no way to go on. */
static bool handle_event(struct reader *reader, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    case YAML_STREAM_END_EVENT:
        return false;
    case YAML_DOCUMENT_START_EVENT:
        if (reader->root) {
            report(reader, event->start_mark,
                   "a second YAML document begins here; a file has one configuration");
            return false;
        }
        if (event->data.document_start.tag_directives.start !=
            event->data.document_start.tag_directives.end)
            report(reader, event->start_mark, "%TAG is not supported; leave it out");
        return true;
    case YAML_ALIAS_EVENT:
        return read_alias(reader, event);
    case YAML_SCALAR_EVENT:
        refuse_decoration(reader, event, event->data.scalar.anchor, event->data.scalar.tag);
        return read_scalar(reader, event);
    case YAML_SEQUENCE_START_EVENT:
        refuse_decoration(reader, event, event->data.sequence_start.anchor,
                          event->data.sequence_start.tag);
        return open_collection(reader, event, QTA_YAML_SEQUENCE);
    case YAML_MAPPING_START_EVENT:
        refuse_decoration(reader, event, event->data.mapping_start.anchor,
                          event->data.mapping_start.tag);
        return open_collection(reader, event, QTA_YAML_MAPPING);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        close_collection(reader);
        return true;
    default:
        return true;
    }
}

/* libyaml's own words, with the line that they are about. */
static void report_syntax(struct reader *reader)
{
    const yaml_parser_t *parser = &reader->parser;
    const char *problem = parser->problem ? parser->problem : "cannot be read";
    if (parser->error == YAML_MEMORY_ERROR) {
        reader->arena->is_exhausted = true;
        return;
    }
    if (parser->error == YAML_READER_ERROR) {
        /* its mark says 1:1 always */
        qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, (struct qta_config_place){0},
                                "not YAML: %s at byte %zu", problem, parser->problem_offset);
        return;
    }
    if (parser->context) {
        qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place_of(parser->problem_mark),
                                "not YAML: %s %s (line %zu)", problem, parser->context,
                                parser->context_mark.line + 1);
        return;
    }
    qta_config_findings_add(reader->findings, QTA_CONFIG_ERROR, place_of(parser->problem_mark),
                            "not YAML: %s", problem);
}

static void wipe_event(yaml_event_t *event)
{
    if (event->type == YAML_SCALAR_EVENT)
        explicit_bzero(event->data.scalar.value, event->data.scalar.length);
    yaml_event_delete(event);
}

static void wipe_parser(yaml_parser_t *parser)
{
    explicit_bzero(parser->raw_buffer.start,
                   (size_t)(parser->raw_buffer.end - parser->raw_buffer.start));
    explicit_bzero(parser->buffer.start, (size_t)(parser->buffer.end - parser->buffer.start));
    yaml_parser_delete(parser);
}

void qta_yaml_parse(struct qta_yaml_node **root, const char *text, size_t length,
                    struct qta_config_arena *arena, struct qta_config_findings *findings)
{
    *root = NULL;
    struct reader reader = {.arena = arena, .findings = findings};
    if (!yaml_parser_initialize(&reader.parser)) {
        arena->is_exhausted = true;
        return;
    }
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text, length);
    bool goes_on = true;
    bool is_whole = false;
    while (goes_on) {
        yaml_event_t event;
        if (!yaml_parser_parse(&reader.parser, &event)) {
            report_syntax(&reader);
            break;
        }
        goes_on = handle_event(&reader, &event);
        is_whole = event.type == YAML_STREAM_END_EVENT ||
                   (event.type == YAML_DOCUMENT_START_EVENT && !goes_on);
        wipe_event(&event);
    }
    wipe_parser(&reader.parser);
    if (!is_whole)
        return;
    if (!reader.root || qta_yaml_is_null(reader.root))
        reader.root = qta_yaml_node_create(arena, QTA_YAML_MAPPING,
                                           (struct qta_config_place){.line = 1});
    *root = reader.root;
}
