/** @file retention.h
 *  Inside the library: retention over a given environment. */
#ifndef QTA_STORAGE_RETENTION_H
#define QTA_STORAGE_RETENTION_H

#include <qta/archive.h>

#include "core/environment.h"

enum qta_status qta_retention_apply_in(const char *directory,
                                       const struct qta_retention_options *options,
                                       qta_removal_callback on_removal, void *user,
                                       struct qta_environment *environment,
                                       struct qta_retention_result *result, struct qta_error *err);

#endif
