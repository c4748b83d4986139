/* The protocol by hand: a datagram of lines to a socket, nothing that is worth a library. */
#include "tools/service_manager.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static bool read_number(const char *text, uint64_t *number)
{
    char *end;
    if (!text || *text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

/* "/run/systemd/notify", or "@name" for a socket without a file. */
static bool read_address(struct qta_service_manager *manager, const char *path)
{
    size_t length = path ? strlen(path) : 0;
    if (length < 2 || length >= sizeof manager->address.sun_path ||
        (path[0] != '/' && path[0] != '@'))
        return false;
    manager->address.sun_family = AF_UNIX;
    memcpy(manager->address.sun_path, path, length);
    if (path[0] == '@')
        manager->address.sun_path[0] = '\0';
    manager->address_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return true;
}

static int64_t watchdog_ns(void)
{
    uint64_t patience_us;
    uint64_t pid;
    const char *whose = getenv("WATCHDOG_PID");
    if (!read_number(getenv("WATCHDOG_USEC"), &patience_us) || patience_us == 0 ||
        patience_us > INT64_MAX / 1000)
        return 0;
    if (whose && (!read_number(whose, &pid) || pid != (uint64_t)getpid()))
        return 0;
    return (int64_t)patience_us * 1000;
}

void qta_service_manager_init(struct qta_service_manager *manager)
{
    *manager = (struct qta_service_manager){.fd = -1};
    if (read_address(manager, getenv("NOTIFY_SOCKET")))
        manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (manager->fd >= 0) {
        /* waits when the manager is busy, as what it is told has an order; but not for ever */
        const struct timeval patience = {.tv_sec = 1};
        setsockopt(manager->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
        manager->ping_interval_ns = watchdog_ns() / 3;
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void qta_service_manager_finish(struct qta_service_manager *manager)
{
    if (!manager || manager->fd < 0)
        return;
    close(manager->fd);
    manager->fd = -1;
}

bool qta_service_manager_is_there(const struct qta_service_manager *manager)
{
    return manager->fd >= 0;
}

void qta_service_manager_tell(const struct qta_service_manager *manager, const char *assignments)
{
    if (manager->fd < 0)
        return;
    while (sendto(manager->fd, assignments, strlen(assignments), MSG_NOSIGNAL,
                  (const struct sockaddr *)&manager->address, manager->address_bytes) < 0 &&
           errno == EINTR)
        ;
}

bool qta_service_manager_is_ping_due(struct qta_service_manager *manager, int64_t now_ns,
                                     uint64_t progress)
{
    if (manager->ping_interval_ns == 0 || now_ns < manager->next_ping_ns ||
        progress == manager->progress)
        return false;
    manager->progress = progress;
    manager->next_ping_ns = now_ns + manager->ping_interval_ns;
    return true;
}

bool qta_service_manager_reads(int fd)
{
    struct stat status;
    const char *stream = getenv("JOURNAL_STREAM");
    char name[64];
    if (!stream || fstat(fd, &status) != 0)
        return false;
    snprintf(name, sizeof name, "%" PRIu64 ":%" PRIu64, (uint64_t)status.st_dev,
             (uint64_t)status.st_ino);
    return strcmp(stream, name) == 0;
}
