/** @file stop_signal.h
 *  SIGINT and SIGTERM for commands that make something and take back what they began. */
#ifndef QTA_TOOLS_STOP_SIGNAL_H
#define QTA_TOOLS_STOP_SIGNAL_H

#include <stdbool.h>

/** The first signal is remembered and ends a waiting read; the second leaves at once. */
void qta_stop_signal_install(void);

/** Whether there was one. user is not looked at: it fits the library's callbacks. Any thread. */
bool qta_stop_signal_seen(void *user);

#endif
