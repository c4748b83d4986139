/** @file config_list.h
 *  Values that are lists: [a, b], or "a, b", or a single one. */
#ifndef QTA_CONFIG_CONFIG_LIST_H
#define QTA_CONFIG_CONFIG_LIST_H

#include <stdbool.h>

#include "config/config_arena.h"
#include "config/config_findings.h"
#include "config/config_keys.h"
#include "config/yaml_document.h"

/** Reads the items, split at commas, blanks around them cut off. False: the node is no list of
 * plain values (nothing is reported). */
bool qta_config_list_read(struct qta_config_arena *arena, const struct qta_yaml_node *node,
                          struct qta_config_list *list);

/** Reports items that are empty, have control characters, or are none of words (NULL: any). path is
 *  the key's, for messages. */
void qta_config_list_check(struct qta_config_findings *findings, const char *path,
                           const struct qta_config_list *list, const struct qta_config_word *words);

/** "a,b"; NULL when memory is short. */
const char *qta_config_list_join(struct qta_config_arena *arena,
                                 const struct qta_config_list *list);

#endif
