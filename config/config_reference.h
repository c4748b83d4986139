/** @file config_reference.h
 *  References to the environment in values: ${NAME}, ${NAME:-what to use without it}, and $${ for a
 *  plain "${". The placeholders of a login_message, ${key} and ${secret}, are none. */
#ifndef QTA_CONFIG_CONFIG_REFERENCE_H
#define QTA_CONFIG_CONFIG_REFERENCE_H

#include "config/yaml_document.h"

/** Expands the references in every scalar of the tree below node (keys are left alone). A variable
 *  that is not set, or a reference that is not well formed, is an error and breaks its node. What
 *  came from the environment is never in a finding. */
void qta_config_references_expand(struct qta_yaml_node *node, struct qta_config_arena *arena,
                                  struct qta_config_findings *findings);

#endif
