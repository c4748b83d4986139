/** @file retention_agent.h
 *  A thread that keeps the directory of sessions within its limits: at once, when it is woken, and
 *  every ten minutes. It touches nothing that the recording touches. */
#ifndef QTA_RECORDER_RETENTION_AGENT_H
#define QTA_RECORDER_RETENTION_AGENT_H

#include <qta/archive.h>

#include "core/environment.h"

struct qta_retention_agent;

/** Starts the thread. directory is copied, environment borrowed. NULL when there is no limit, no
 *  memory or no thread to be had: the last two are logged, recording goes on without it. */
struct qta_retention_agent *qta_retention_agent_start(const char *directory,
                                                      const struct qta_retention_options *limits,
                                                      struct qta_environment *environment);

/** Keeps other limits from now on, and looks again soon. Waits for nothing. Any thread. */
void qta_retention_agent_change(struct qta_retention_agent *agent,
                                const struct qta_retention_options *limits);

/** Looks again soon: a session has ended. Never blocks. NULL is fine. */
void qta_retention_agent_wake(struct qta_retention_agent *agent);

/** Ends the thread behind the removal that it is at, and frees. NULL is fine. */
void qta_retention_agent_stop(struct qta_retention_agent *agent);

#endif
