/* posix_spawn: safe beside other threads, and a program that is not there is an error at once. */
#include "recorder/alert_command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/environment.h"

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

static int spawn(pid_t *pid, char *const *argv, char *const *environment)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    int error = posix_spawn(pid, argv[0], &actions, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

enum qta_status qta_alert_command_run(char *const *argv, char *const *variables, int64_t timeout_ns,
                                      const atomic_bool *stop, struct qta_error *err)
{
    struct qta_environment *system = qta_environment_system();
    char *environment[VARIABLES_MAX];
    make_environment(variables, environment);
    pid_t pid;
    int error = spawn(&pid, argv, environment);
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
