/** @file config_override.h
 *  Values that are laid over a file: "streaming.buffer_size=5000". */
#ifndef QTA_CONFIG_CONFIG_OVERRIDE_H
#define QTA_CONFIG_CONFIG_OVERRIDE_H

#include "config/yaml_document.h"

/** Puts one override into the tree, as if it had been written there. "KEY=VALUE" replaces,
 *  "KEY?=VALUE" fills in only what is not there. A key that leads nowhere is an error. text is
 * copied. */
void qta_config_override_apply(struct qta_yaml_node *root, const char *text,
                               struct qta_config_arena *arena,
                               struct qta_config_findings *findings);

#endif
