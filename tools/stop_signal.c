/* A handler can reach nothing but globals. */
#include "tools/stop_signal.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

#include "tools/program.h"

static atomic_bool is_stopped;

/* The signal may come just before a read that then waits for ever: the alarm interrupts that, too.
 */
static void on_signal(int number)
{
    if (number != SIGALRM && atomic_exchange(&is_stopped, true))
        _exit(QTA_EXIT_FAILED);
    alarm(1);
}

void qta_stop_signal_install(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: it ends a waiting read */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGALRM, &action, NULL);
}

bool qta_stop_signal_seen(void *user)
{
    (void)user;
    return atomic_load(&is_stopped);
}
