/** @file service_manager.h
 *  What systemd hears from a service of Type=notify, and what it wants to hear: see sd_notify(3).
 *
 *      struct qta_service_manager manager;
 *      qta_service_manager_init(&manager);            // before there are threads
 *      qta_service_manager_tell(&manager, "READY=1\nSTATUS=recording");
 *      if (qta_service_manager_is_ping_due(&manager, now_ns, progress))
 *          qta_service_manager_tell(&manager, "WATCHDOG=1");
 *
 *  A start by anybody else is fine: then nothing is told and no ping is due. */
#ifndef QTA_TOOLS_SERVICE_MANAGER_H
#define QTA_TOOLS_SERVICE_MANAGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct qta_service_manager {
    int fd; /**< -1 without a manager */
    struct sockaddr_un address;
    socklen_t address_bytes;
    int64_t ping_interval_ns; /**< a third of the watchdog's patience; 0 without a watchdog */
    int64_t next_ping_ns;
    uint64_t progress; /**< at the last ping */
};

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID and takes them out of the environment:
 *  programs that are started from here on are not the service. */
void qta_service_manager_init(struct qta_service_manager *manager);

/** NULL and what was never opened are fine. */
void qta_service_manager_finish(struct qta_service_manager *manager);

bool qta_service_manager_is_there(const struct qta_service_manager *manager);

/** Sends assignments, one a line. Lost when the manager does not listen: it is told again with the
 *  next ping or status. Any thread. */
void qta_service_manager_tell(const struct qta_service_manager *manager, const char *assignments);

/** Whether the watchdog should hear from us now. progress is a number that grows as long as the
 *  work that is watched goes on: without any since the last ping none is due, however late it is.
 *  One thread. */
bool qta_service_manager_is_ping_due(struct qta_service_manager *manager, int64_t now_ns,
                                     uint64_t progress);

/** Whether file descriptor fd is the journal's: JOURNAL_STREAM names it. Lines there may begin with
 *  "<4>", their priority, and have a time already. */
bool qta_service_manager_reads(int fd);

#endif
