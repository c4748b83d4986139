/** @file registry.h
 *  The table of adapters: those of the library, sorted by name, and those registered at run time.
 *
 *  Its public side (register, find, list) is in include/qta/adapter.h. Not thread-safe: the table
 * is filled before the first gateway exists and only read from then on. */
#ifndef QTA_ADAPTERS_REGISTRY_H
#define QTA_ADAPTERS_REGISTRY_H

#include <qta/adapter.h>
#include <qta/error.h>

/** Adds one of the library's own adapters that a layer above this one implements (the replay
 *  engine). Checked like qta_adapter_register(); adding the same table again is fine. */
enum qta_status qta_registry_add_builtin(const struct qta_adapter_ops *ops, struct qta_error *err);

#endif
