/** @file config_source.h
 *  Where a program's configuration comes from, so that it can be read again: a file, and values
 *  laid over it.
 *
 *      struct qta_config_source source = {.path = path, .overrides = overrides, .count = count};
 *      qta_config_source_note(&source, config, &err);      // what runs
 *      qta_config_source_reload(&source, gateway);         // SIGHUP: what differs is taken over
 *      qta_config_source_finish(&source); */
#ifndef QTA_TOOLS_CONFIG_SOURCE_H
#define QTA_TOOLS_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include <qta/config.h>
#include <qta/gateway.h>

struct qta_config_source {
    const char *path;             /**< borrowed */
    const char *const *overrides; /**< "KEY=VALUE", see qta_config_load(); borrowed */
    size_t count;
    char *started; /**< what the gateway was created with, printed */
    char *latest;  /**< what was taken over last, printed */
};

/** Notes what the gateway is created with. QTA_ERR_NOMEM. */
enum qta_status qta_config_source_note(struct qta_config_source *source,
                                       const struct qta_config *config, struct qta_error *err);

/** Reads it again and lets the gateway take over what it can. The log hears what is wrong with the
 *  file, in which case nothing changes, and of each key that has to wait for the next start, once.
 *  False when nothing was taken over. */
bool qta_config_source_reload(struct qta_config_source *source, struct qta_gateway *gateway);

/** Empties it. */
void qta_config_source_finish(struct qta_config_source *source);

#endif
