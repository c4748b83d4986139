/* What it prints goes to our stderr. */
#include "recorder/alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/environment.h"
#include "recorder/child_process.h"

enum { VARIABLES_MAX = 32 };

/* Ours that are harmless, then the caller's. */
static void make_environment(char *const *variables, char *out[VARIABLES_MAX])
{
    static const char *const kept[] = {"PATH=", "HOME=", "LANG=", "TZ="};
    size_t count = 0;
    for (char **own = environ; own && *own; own++) {
        for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
            if (strncmp(*own, kept[i], strlen(kept[i])) == 0 && count < VARIABLES_MAX - 1)
                out[count++] = *own;
        }
    }
    while (*variables && count < VARIABLES_MAX - 1)
        out[count++] = *variables++;
    out[count] = NULL;
}

enum qta_status qta_alert_command_run(char *const *argv, char *const *variables, int64_t timeout_ns,
                                      const atomic_bool *stop, struct qta_error *err)
{
    struct qta_environment *system = qta_environment_system();
    char *environment[VARIABLES_MAX];
    make_environment(variables, environment);
    pid_t pid;
    int error = qta_child_process_start(&pid, argv, environment, STDERR_FILENO);
    if (error != 0)
        return qta_error_set(err, QTA_ERR_IO, "cannot start '%s': %s", argv[0], strerror(error));
    int64_t deadline_ns = qta_monotonic_ns(system) + timeout_ns;
    int status = 0;
    pid_t ended;
    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (atomic_load(stop) || qta_monotonic_ns(system) >= deadline_ns) {
            kill(-pid, SIGKILL);
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
            return qta_error_set(err, QTA_ERR_IO, "'%s' took too long and was killed", argv[0]);
        }
        const struct timespec pause = {.tv_nsec = 20000000};
        nanosleep(&pause, NULL);
    }
    if (ended > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return QTA_OK;
    if (ended > 0 && WIFSIGNALED(status))
        return qta_error_set(err, QTA_ERR_IO, "'%s' was ended by signal %d", argv[0],
                             WTERMSIG(status));
    return qta_error_set(err, QTA_ERR_IO, "'%s' ended with status %d", argv[0],
                         WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}
