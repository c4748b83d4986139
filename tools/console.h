/** @file console.h
 *  A thread beside a program's work: keys from the terminal, and something to do now and then. */
#ifndef QTA_TOOLS_CONSOLE_H
#define QTA_TOOLS_CONSOLE_H

#include <stdbool.h>

struct qta_console;

struct qta_console_options {
    void (*on_interval)(void *user); /**< ten times a second, on the console's thread */
    void (*on_key)(void *user,
                   char key); /**< a key was pressed; same thread; NULL: none are read */
    void *user;
};

/** Starts the thread. Keys come one by one and unseen, when stdin is a terminal that is ours. NULL
 *  when there is no thread to be had. One console a process. */
struct qta_console *qta_console_start(const struct qta_console_options *options);

/** Whether keys are read. */
bool qta_console_has_keys(const struct qta_console *console);

/** Ends the thread, puts the terminal back. NULL is fine. */
void qta_console_stop(struct qta_console *console);

/** Puts the terminal back. For signal handlers that leave at once. */
void qta_console_restore(void);

#endif
