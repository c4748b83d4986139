/** @file config_load.h
 *  Inside the library: reading a configuration with a given table of adapters.
 *
 *  The public side is include/qta/config.h. Adapters come as an argument because this folder lies
 *  below the one that has them. */
#ifndef QTA_CONFIG_CONFIG_LOAD_H
#define QTA_CONFIG_CONFIG_LOAD_H

#include <stddef.h>

#include <qta/adapter.h>
#include <qta/config.h>
#include <qta/error.h>

/** How to look adapters up: qta_adapter_find() and qta_adapter_list(), or a test's. */
struct qta_config_adapters {
    const struct qta_adapter_ops *(*find)(const char *name);
    size_t (*list)(const struct qta_adapter_ops **list, size_t capacity);
};

/** qta_config_load() with these adapters. */
enum qta_status qta_config_load_with(struct qta_config **out, const char *path,
                                     const char *const *overrides, size_t override_count,
                                     const struct qta_config_adapters *adapters,
                                     struct qta_error *err);

/** The same for text in memory; file is its name in messages. Borrowed for the call. */
enum qta_status qta_config_load_text(struct qta_config **out, const char *file, const char *text,
                                     size_t length, const char *const *overrides,
                                     size_t override_count,
                                     const struct qta_config_adapters *adapters,
                                     struct qta_error *err);

#endif
