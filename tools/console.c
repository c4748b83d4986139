/* Keys and intervals. The terminal's own settings are kept where a signal handler finds them. */
#include "tools/console.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>

enum { INTERVAL_MS = 100 };

struct qta_console {
    struct qta_console_options options;
    pthread_t thread;
    int end_fd; /* readable when it is time to end */
    bool has_keys;
};

static struct termios terminal_before;
static atomic_bool is_terminal_changed;

void qta_console_restore(void)
{
    if (atomic_exchange(&is_terminal_changed, false))
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal_before);
}

/* A job in the background must leave the terminal alone: touching it would stop the process. */
static bool take_terminal(void)
{
    if (!isatty(STDIN_FILENO) || tcgetpgrp(STDIN_FILENO) != getpgrp() ||
        tcgetattr(STDIN_FILENO, &terminal_before) != 0)
        return false;
    struct termios raw = terminal_before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        return false;
    atomic_store(&is_terminal_changed, true);
    return true;
}

static void *work(void *user)
{
    struct qta_console *console = user;
    struct pollfd fds[] = {
        {.fd = console->end_fd, .events = POLLIN},
        {.fd = console->has_keys ? STDIN_FILENO : -1, .events = POLLIN},
    };
    while (!(fds[0].revents & POLLIN)) {
        if (fds[1].revents & POLLIN) {
            char key;
            if (read(STDIN_FILENO, &key, 1) == 1)
                console->options.on_key(console->options.user, key);
            else
                fds[1].fd = -1;
        } else if (fds[1].revents != 0) {
            fds[1].fd = -1; /* hung up */
        }
        console->options.on_interval(console->options.user);
        poll(fds, 2, INTERVAL_MS);
    }
    return NULL;
}

/* Signals are for the main thread. */
static bool start_thread(struct qta_console *console)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&console->thread, NULL, work, console) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return is_started;
}

struct qta_console *qta_console_start(const struct qta_console_options *options)
{
    struct qta_console *console = calloc(1, sizeof *console);
    if (!console)
        return NULL;
    console->options = *options;
    console->end_fd = eventfd(0, EFD_CLOEXEC);
    if (console->end_fd < 0) {
        free(console);
        return NULL;
    }
    console->has_keys = options->on_key && take_terminal();
    if (!start_thread(console)) {
        qta_console_restore();
        close(console->end_fd);
        free(console);
        return NULL;
    }
    return console;
}

bool qta_console_has_keys(const struct qta_console *console)
{
    return console && console->has_keys;
}

void qta_console_stop(struct qta_console *console)
{
    if (!console)
        return;
    eventfd_write(console->end_fd, 1);
    pthread_join(console->thread, NULL);
    qta_console_restore();
    close(console->end_fd);
    free(console);
}
