/** @file config_setting.h
 *  The keys that an adapter brings along (struct qta_setting_spec): checked and written the way
 *  adapters are promised. */
#ifndef QTA_CONFIG_CONFIG_SETTING_H
#define QTA_CONFIG_CONFIG_SETTING_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/adapter.h>

#include "config/config_arena.h"
#include "config/config_value.h"

/** The adapter's setting of that name, or NULL; ops may be NULL. */
const struct qta_setting_spec *qta_config_setting_find(const struct qta_adapter_ops *ops,
                                                       const char *name);

/** The value as the adapter gets it: text itself, or an equal one that its parser reads (a duration
 *  of plain seconds gets its unit, booleans become true or false). NULL: no such value, or out of
 *  range. Not for QTA_SETTING_STRINGS. */
const char *qta_config_setting_read(const struct qta_setting_spec *spec, const char *text,
                                    struct qta_config_arena *arena);

/** What it must be, as qta_config_value_expect(). */
void qta_config_setting_expect(const struct qta_setting_spec *spec,
                               char text[QTA_CONFIG_EXPECTATION_BYTES]);

#endif
