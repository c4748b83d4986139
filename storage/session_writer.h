/** @file session_writer.h
 *  Inside the library: a session writer over a given environment. */
#ifndef QTA_STORAGE_SESSION_WRITER_H
#define QTA_STORAGE_SESSION_WRITER_H

#include <qta/session.h>

#include "core/environment.h"

/** qta_session_writer_create() with another environment; borrowed for the writer's life. */
enum qta_status qta_session_writer_create_in(struct qta_session_writer **out,
                                             const struct qta_session_writer_options *options,
                                             const struct qta_dictionary *names,
                                             struct qta_environment *environment,
                                             struct qta_error *err);

#endif
