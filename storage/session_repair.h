/** @file session_repair.h
 *  Inside the library: repair over a given environment. */
#ifndef QTA_STORAGE_SESSION_REPAIR_H
#define QTA_STORAGE_SESSION_REPAIR_H

#include <qta/archive.h>

#include "core/environment.h"

enum qta_status qta_session_repair_in(const char *path, const char *output,
                                      qta_problem_callback on_problem, void *user,
                                      struct qta_environment *environment,
                                      struct qta_repair_result *result, struct qta_error *err);

#endif
