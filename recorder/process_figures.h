/** @file process_figures.h
 *  What the system says about this process. */
#ifndef QTA_RECORDER_PROCESS_FIGURES_H
#define QTA_RECORDER_PROCESS_FIGURES_H

#include <stdint.h>

struct qta_process_figures {
    int64_t cpu_ns;
    int64_t start_ns; /**< since the Unix epoch; 0: not known */
    uint64_t resident_bytes;
    uint64_t open_fds;
    uint64_t max_fds;
};

/** Reads /proc; what cannot be had is 0. Any thread. */
struct qta_process_figures qta_process_figures_read(void);

/** Bytes that may still be written at path; UINT64_MAX when it cannot be found out. */
uint64_t qta_disk_free_bytes(const char *path);

#endif
