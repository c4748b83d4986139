/** @file token_command.h
 *  A program that prints a key, started without a shell. */
#ifndef QTA_RECORDER_TOKEN_COMMAND_H
#define QTA_RECORDER_TOKEN_COMMAND_H

#include <stdatomic.h>
#include <stdint.h>

#include <qta/error.h>

/** Starts argv, which ends with NULL, waits for it and takes what it prints, without the line's
 *  end, as the key: in memory as in core/secret.h, the caller's to free. The program has our
 *  environment, an empty stdin, and our stderr. It is killed with its children after timeout_ns, or
 *  when *stop becomes true (NULL: never). QTA_ERR_IO: not started, killed, another status than 0,
 *  or no key; messages never have anything of what it printed. QTA_ERR_NOMEM. */
enum qta_status qta_token_command_run(char **key, const char *const *argv, int64_t timeout_ns,
                                      const atomic_bool *stop, struct qta_error *err);

#endif
