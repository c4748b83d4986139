/** @file child_process.h
 *  Starting a program that the configuration names, without a shell and beside other threads. */
#ifndef QTA_RECORDER_CHILD_PROCESS_H
#define QTA_RECORDER_CHILD_PROCESS_H

#include <sys/types.h>

/** Starts argv[0], a path, in a process group of its own, with no signal blocked or ignored,
 * nothing to read and its stdout led to the descriptor out; its stderr is ours. Returns 0 or an
 * errno: a program that is not there is an error at once. The caller waits for *pid. */
int qta_child_process_start(pid_t *pid, char *const *argv, char *const *environment, int out);

#endif
