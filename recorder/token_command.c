/* Runs the program and takes what it prints, for as long as it may take. */
#include "recorder/token_command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/environment.h"
#include "core/secret.h"
#include "recorder/child_process.h"
#include "recorder/secret_file.h"

#define LOOK_NS INT64_C(20000000) /* at *stop and at the clock */

/* What is known of the program while it runs. */
struct run {
    pid_t pid;
    int fd; /* its stdout */
    char *text;
    size_t length;
    int64_t deadline_ns;
    const atomic_bool *stop;
};

static bool is_out_of_time(const struct run *run)
{
    return (run->stop && atomic_load(run->stop)) ||
           qta_monotonic_ns(qta_environment_system()) >= run->deadline_ns;
}

/* Takes what it prints until it closes its stdout. False: no time is left, or it prints too much.
 */
static bool read_output(struct run *run)
{
    while (!is_out_of_time(run)) {
        struct pollfd poll_fd = {.fd = run->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, (int)(LOOK_NS / 1000000)) <= 0)
            continue;
        ssize_t count = read(run->fd, run->text + run->length, QTA_SECRET_BYTES_MAX - run->length);
        if (count == 0)
            return run->length < QTA_SECRET_BYTES_MAX;
        if (count > 0)
            run->length += (size_t)count;
    }
    return false;
}

/* Waits for its end, at most as long as it has. False: it was killed by us. */
static bool wait_for_end(const struct run *run, int *status)
{
    pid_t ended;
    while ((ended = waitpid(run->pid, status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR)) {
        if (is_out_of_time(run))
            return false;
        poll(NULL, 0, (int)(LOOK_NS / 1000000));
    }
    return true;
}

static void kill_all(const struct run *run)
{
    int status;
    kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        ;
}

static enum qta_status take_key(char **key, const struct run *run, const char *program,
                                struct qta_error *err)
{
    if (memchr(run->text, '\0', run->length))
        return qta_error_set(err, QTA_ERR_IO, "what '%s' printed is no text", program);
    qta_secret_cut_line_end(run->text, run->length);
    const char *fault = qta_secret_fault(run->text);
    if (fault[0] != '\0')
        return qta_error_set(err, QTA_ERR_IO, "what '%s' printed %s: it must be a key alone",
                             program, fault);
    *key = qta_secret_copy(run->text);
    return *key ? QTA_OK : qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a key");
}

static enum qta_status follow(char **key, struct run *run, const char *program,
                              struct qta_error *err)
{
    int status = 0;
    if (!read_output(run) || !wait_for_end(run, &status)) {
        kill_all(run);
        return qta_error_set(err, QTA_ERR_IO,
                             "'%s' took too long or printed too much, and was "
                             "killed",
                             program);
    }
    if (WIFSIGNALED(status))
        return qta_error_set(err, QTA_ERR_IO, "'%s' was ended by signal %d", program,
                             WTERMSIG(status));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return qta_error_set(err, QTA_ERR_IO, "'%s' ended with status %d", program,
                             WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return take_key(key, run, program, err);
}

enum qta_status qta_token_command_run(char **key, const char *const *argv, int64_t timeout_ns,
                                      const atomic_bool *stop, struct qta_error *err)
{
    *key = NULL;
    int pipe_fds[2];
    struct run run = {
        .deadline_ns = qta_monotonic_ns(qta_environment_system()) + timeout_ns,
        .stop = stop,
    };
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return qta_error_set_errno(err, "cannot start '%s'", argv[0]);
    run.fd = pipe_fds[0];
    run.text = qta_secret_create(QTA_SECRET_BYTES_MAX + 1);
    int error = run.text ? qta_child_process_start(&run.pid, (char *const *)(uintptr_t)argv,
                                                   environ, pipe_fds[1])
                         : ENOMEM;
    close(pipe_fds[1]);
    enum qta_status status;
    if (error != 0)
        status = qta_error_set(err, error == ENOMEM ? QTA_ERR_NOMEM : QTA_ERR_IO,
                               "cannot start '%s': %s", argv[0], strerror(error));
    else
        status = follow(key, &run, argv[0], err);
    close(run.fd);
    qta_secret_free(run.text);
    return status;
}
