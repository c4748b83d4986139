/** @file private_memory.h
 *  Keeps what a program was told in secret out of core dumps and of /proc: its environment, and
 *  arguments with keys in them. */
#ifndef QTA_TOOLS_PRIVATE_MEMORY_H
#define QTA_TOOLS_PRIVATE_MEMORY_H

/** Moves the environment to memory that core dumps leave out, and wipes it where it was: where
 *  /proc/PID/environ shows it. Variables of the dynamic linker stay. First thing in main(): no
 *  pointer from getenv() may be in use. When memory is short nothing happens. */
void qta_private_environment_make(void);

/** Moves a text of argv likewise; its place there is blank then. Lives as long as the program. The
 *  text itself when memory is short. */
char *qta_private_argument(char *argument);

#endif
