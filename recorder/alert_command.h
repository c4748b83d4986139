/** @file alert_command.h
 *  Starts a program without a shell and waits for it, for a while. */
#ifndef QTA_RECORDER_ALERT_COMMAND_H
#define QTA_RECORDER_ALERT_COMMAND_H

#include <stdatomic.h>
#include <stdint.h>

#include <qta/error.h>

/** argv and variables end with NULL. The program sees the variables, and of ours PATH, HOME, LANG
 *  and TZ alone (there are keys among the others); stdin is empty, stdout and stderr go to our
 *  stderr. It is killed with its children after timeout_ns, or when *stop becomes true.
 *  QTA_ERR_IO: not started, killed, or another status than 0. */
enum qta_status qta_alert_command_run(char *const *argv, char *const *variables, int64_t timeout_ns,
                                      const atomic_bool *stop, struct qta_error *err);

#endif
