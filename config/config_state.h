/** @file config_state.h
 *  What is inside a struct qta_config: for the files of this folder that fill, check and print it.
 */
#ifndef QTA_CONFIG_CONFIG_STATE_H
#define QTA_CONFIG_CONFIG_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config_arena.h"
#include "config/config_findings.h"
#include "config/config_keys.h"
#include "config/config_load.h"
#include "config/yaml_document.h"

struct qta_config {
    struct qta_config_arena arena; /* everything below lives here */
    struct qta_config_findings findings;
    const struct qta_config_adapters *adapters; /* valid while it is loaded */
    struct qta_yaml_node *root;
    struct qta_config_values values;
    struct qta_config_provider *providers; /* all that are written down */
    size_t provider_count;
};

/** More providers than this are refused: each has a connection of its own. */
enum { QTA_CONFIG_PROVIDERS_MAX = 64, QTA_CONFIG_SUBSCRIPTIONS_MAX = 1000000 };

/** Finds the providers' sections, their names and their adapters. */
void qta_config_providers_find(struct qta_config *config);

/** Does that, then reads every key into its field. */
void qta_config_read(struct qta_config *config);

/** Whether this provider is one of those that will run (see streaming.provider). */
bool qta_config_provider_is_used(const struct qta_config *config,
                                 const struct qta_config_provider *provider);

/** The symbols of a provider: its own, else those of `streaming`. */
const struct qta_config_list *
qta_config_provider_symbols(const struct qta_config *config,
                            const struct qta_config_provider *provider);

/** Fills in what follows from several keys, then reports what cannot work together. */
void qta_config_check(struct qta_config *config);

/** The part of it that is about `streaming_health`. */
void qta_config_check_health(struct qta_config *config);

/** The part of it that is about a provider's keys. Its adapter is known. */
void qta_config_check_auth(struct qta_config *config, struct qta_config_provider *provider);

/** Whether `streaming.providers` holds providers, and not a setting of the one that
 *  `streaming.provider` names. */
bool qta_config_has_provider_list(const struct qta_yaml_node *streaming);

#endif
