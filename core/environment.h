/** @file environment.h
 *  The first seam: everything that storage and recorder want of the operating system, as a table.
 *
 *  Production code uses qta_environment_system(); tests put a fake disk and a fake clock here. Each
 *  call has the meaning of the system call behind it: -1 and errno on failure, EINTR never seen by
 *  the caller. Paths are relative to dirfd (AT_FDCWD for the working directory). Any thread. */
#ifndef QTA_CORE_ENVIRONMENT_H
#define QTA_CORE_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct qta_environment;

/** What an entry of a directory is; links are not followed. */
struct qta_file_status {
    int64_t bytes;
    int64_t modified_ns; /**< since the Unix epoch */
    bool is_file;        /**< a regular one */
    bool is_folder;
};

/** What the kernel believes of its wall clock. */
struct qta_clock_estimate {
    int64_t offset_ns;    /**< what it still has to correct */
    int64_t max_error_ns; /**< a bound of the error; grows while nobody corrects the clock */
    bool is_synchronised; /**< somebody keeps it right: NTP, PTP */
};

struct qta_environment_ops {
    int64_t (*realtime_ns)(struct qta_environment *env);  /**< since the Unix epoch */
    int64_t (*monotonic_ns)(struct qta_environment *env); /**< since some start; never goes back */
    /** NULL where nothing is known of the clock. */
    int (*clock_estimate)(struct qta_environment *env, struct qta_clock_estimate *estimate);

    /** Adds O_CLOEXEC | O_NOFOLLOW. */
    int (*open_at)(struct qta_environment *env, int dirfd, const char *name, int flags,
                   mode_t mode);
    int (*close)(struct qta_environment *env, int fd);
    /** Reads until length or the end of the file: less than length means the end. */
    ssize_t (*pread)(struct qta_environment *env, int fd, void *bytes, size_t length,
                     int64_t offset);
    /** Writes all of it or fails. */
    int (*pwrite)(struct qta_environment *env, int fd, const void *bytes, size_t length,
                  int64_t offset);
    int64_t (*size)(struct qta_environment *env, int fd);
    int (*allocate)(struct qta_environment *env, int fd, int64_t offset, int64_t length);
    int (*truncate)(struct qta_environment *env, int fd, int64_t length);
    /** Data and the metadata needed to read it; for a directory, its entries. */
    int (*sync)(struct qta_environment *env, int fd);
    /** Shared, readable and writable; NULL on failure. */
    void *(*map)(struct qta_environment *env, int fd, size_t length);
    int (*unmap)(struct qta_environment *env, void *address, size_t length);
    int (*sync_map)(struct qta_environment *env, void *address, size_t length);
    /** Makes whole pages of a map present and writable, so that a store to them cannot fail later:
     *  ENOSPC where the disk has no room. Does nothing on systems that cannot. */
    int (*populate_map)(struct qta_environment *env, void *address, size_t length);
    int (*rename_at)(struct qta_environment *env, int dirfd, const char *from, const char *to);
    int (*unlink_at)(struct qta_environment *env, int dirfd, const char *name);
    int (*mkdir_at)(struct qta_environment *env, int dirfd, const char *name, mode_t mode);
    int (*status_at)(struct qta_environment *env, int dirfd, const char *name,
                     struct qta_file_status *status);
    /** An empty one. */
    int (*remove_folder_at)(struct qta_environment *env, int dirfd, const char *name);
    /** Bytes that may still be written to the file system of an open file; -1 on failure. */
    int64_t (*free_bytes)(struct qta_environment *env, int fd);
    /** Exclusive lock on an open file, without waiting: EWOULDBLOCK when another holds it. */
    int (*lock)(struct qta_environment *env, int fd);
    /** Calls each for every entry but "." and ".."; stops early when it returns false. */
    int (*list)(struct qta_environment *env, int dirfd, bool (*each)(void *user, const char *name),
                void *user);
    int (*random)(struct qta_environment *env, void *bytes, size_t length);
};

/** An environment is its table; a fake has its state behind it. */
struct qta_environment {
    const struct qta_environment_ops *ops;
};

/** The real one. Static, never freed. */
struct qta_environment *qta_environment_system(void);

static inline int64_t qta_realtime_ns(struct qta_environment *env)
{
    return env->ops->realtime_ns(env);
}

static inline int64_t qta_monotonic_ns(struct qta_environment *env)
{
    return env->ops->monotonic_ns(env);
}

/** False, and *estimate unchanged, when nothing is known. */
static inline bool qta_clock_estimate(struct qta_environment *env,
                                      struct qta_clock_estimate *estimate)
{
    return env->ops->clock_estimate && env->ops->clock_estimate(env, estimate) == 0;
}

#endif
