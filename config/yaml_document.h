/** @file yaml_document.h
 *  A YAML file as a tree of plain nodes: the only door to libyaml.
 *
 *  The subset of YAML that a configuration needs: mappings with plain keys, sequences and scalars,
 *  untyped. Anchors, aliases, tags, a second document and duplicate keys are errors. Files are at
 * most QTA_YAML_FILE_BYTES_MAX and nested at most QTA_YAML_DEPTH_MAX deep. */
#ifndef QTA_CONFIG_YAML_DOCUMENT_H
#define QTA_CONFIG_YAML_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config_arena.h"
#include "config/config_findings.h"

enum {
    QTA_YAML_FILE_BYTES_MAX = 1024 * 1024,
    QTA_YAML_DEPTH_MAX = 32,
    QTA_YAML_KEYS_MAX = 256, /**< in one mapping */
};

enum qta_yaml_kind {
    QTA_YAML_BROKEN = 0, /**< an error was reported here: nothing more to say */
    QTA_YAML_SCALAR,
    QTA_YAML_SEQUENCE,
    QTA_YAML_MAPPING,
};

struct qta_yaml_node {
    enum qta_yaml_kind kind;
    bool is_plain;       /**< SCALAR: written without quotes */
    bool has_reference;  /**< SCALAR: ${...} was expanded in it */
    bool is_default;     /**< put there by an override that only fills in */
    const char *text;    /**< SCALAR: the value; "" for others */
    const char *written; /**< SCALAR: the same before ${...} was expanded */
    const char *key;     /**< of a mapping's entry; NULL in sequences and for the root */
    struct qta_config_place key_place;
    struct qta_config_place place;
    struct qta_yaml_node *parent;
    struct qta_yaml_node *first; /**< first child */
    struct qta_yaml_node *last;
    struct qta_yaml_node *next; /**< sibling */
    size_t child_count;
};

/** Reads text. *root is NULL when it cannot be read any further than an error that was found, or
 * when memory is short; an empty file gives an empty mapping. Nodes live in the arena. */
void qta_yaml_parse(struct qta_yaml_node **root, const char *text, size_t length,
                    struct qta_config_arena *arena, struct qta_config_findings *findings);

/** A new node without a parent; NULL when memory is short. */
struct qta_yaml_node *qta_yaml_node_create(struct qta_config_arena *arena, enum qta_yaml_kind kind,
                                           struct qta_config_place place);

/** Adds child behind the parent's others. */
void qta_yaml_append(struct qta_yaml_node *parent, struct qta_yaml_node *child);

/** The mapping's entry of that key, or NULL; NULL for a node that is no mapping or NULL. */
struct qta_yaml_node *qta_yaml_find(const struct qta_yaml_node *mapping, const char *key);

/** The node below this one at a dotted path, or NULL; NULL also for a NULL node. */
struct qta_yaml_node *qta_yaml_find_path(struct qta_yaml_node *node, const char *path);

/** Nothing is written there: `key:`, `key: ~` or `key: null`. */
bool qta_yaml_is_null(const struct qta_yaml_node *node);

/** "a list", "a section", or the scalar in quotes, for messages. Never the value of a reference. */
struct qta_config_quote qta_yaml_describe(const struct qta_yaml_node *node);

#endif
