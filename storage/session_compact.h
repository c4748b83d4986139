/** @file session_compact.h
 *  Inside the library: compacting over a given environment. */
#ifndef QTA_STORAGE_SESSION_COMPACT_H
#define QTA_STORAGE_SESSION_COMPACT_H

#include <qta/archive.h>

#include "core/environment.h"

enum qta_status qta_session_compact_in(const char *path, int level,
                                       struct qta_environment *environment,
                                       struct qta_compact_result *result, struct qta_error *err);

#endif
