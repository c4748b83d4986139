/* The operating system behind the environment's table: system calls, EINTR and short transfers
 * taken care of. */
#include "core/environment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t system_realtime_ns(struct qta_environment *env)
{
    (void)env;
    return clock_ns(CLOCK_REALTIME);
}

static int64_t system_monotonic_ns(struct qta_environment *env)
{
    (void)env;
    return clock_ns(CLOCK_MONOTONIC);
}

static int system_clock_estimate(struct qta_environment *env, struct qta_clock_estimate *estimate)
{
    (void)env;
    struct timex answer = {.modes = 0}; /* a question: nothing is set */
    int state = adjtimex(&answer);
    if (state < 0)
        return -1;
    int64_t unit_ns = answer.status & STA_NANO ? 1 : 1000;
    *estimate = (struct qta_clock_estimate){
        .offset_ns = answer.offset * unit_ns,
        .max_error_ns = answer.maxerror * INT64_C(1000),
        .is_synchronised = state != TIME_ERROR && !(answer.status & STA_UNSYNC),
    };
    return 0;
}

static int system_open_at(struct qta_environment *env, int dirfd, const char *name, int flags,
                          mode_t mode)
{
    (void)env;
    int fd;
    do
        fd = openat(dirfd, name, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int system_close(struct qta_environment *env, int fd)
{
    (void)env;
    /* Linux has closed the descriptor even when it says EINTR; a second try may hit another file */
    return close(fd) == 0 || errno == EINTR ? 0 : -1;
}

static ssize_t system_pread(struct qta_environment *env, int fd, void *bytes, size_t length,
                            int64_t offset)
{
    (void)env;
    size_t done = 0;
    while (done < length) {
        ssize_t got = pread(fd, (uint8_t *)bytes + done, length - done, offset + (int64_t)done);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            done += (size_t)got;
    }
    return (ssize_t)done;
}

static int system_pwrite(struct qta_environment *env, int fd, const void *bytes, size_t length,
                         int64_t offset)
{
    (void)env;
    size_t done = 0;
    while (done < length) {
        ssize_t put = pwrite(fd, (const uint8_t *)bytes + done, length - done,
                             offset + (int64_t)done);
        if (put < 0 && errno != EINTR)
            return -1;
        if (put > 0)
            done += (size_t)put;
    }
    return 0;
}

static int64_t system_size(struct qta_environment *env, int fd)
{
    (void)env;
    struct stat status;
    return fstat(fd, &status) == 0 ? (int64_t)status.st_size : -1;
}

static int system_allocate(struct qta_environment *env, int fd, int64_t offset, int64_t length)
{
    (void)env;
    /* writes zeros itself where the file system cannot allocate; returns the error, not -1 */
    int error;
    do
        error = posix_fallocate(fd, offset, length);
    while (error == EINTR);
    errno = error;
    return error == 0 ? 0 : -1;
}

static int system_truncate(struct qta_environment *env, int fd, int64_t length)
{
    (void)env;
    int result;
    do
        result = ftruncate(fd, length);
    while (result < 0 && errno == EINTR);
    return result;
}

static int system_sync(struct qta_environment *env, int fd)
{
    (void)env;
    int result;
    do
        result = fsync(fd);
    while (result < 0 && errno == EINTR);
    return result;
}

static void *system_map(struct qta_environment *env, int fd, size_t length)
{
    (void)env;
    void *address = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

static int system_unmap(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
    return munmap(address, length);
}

static int system_sync_map(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
    return msync(address, length, MS_SYNC);
}

static int system_populate_map(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
#ifdef MADV_POPULATE_WRITE
    int result;
    do
        result = madvise(address, length, MADV_POPULATE_WRITE);
    while (result < 0 && errno == EINTR);
    if (result == 0 || errno == EINVAL) /* before Linux 5.14 */
        return 0;
    if (errno == EFAULT) /* what would have been a SIGBUS */
        errno = ENOSPC;
    return -1;
#else
    (void)address;
    (void)length;
    return 0;
#endif
}

static int system_rename_at(struct qta_environment *env, int dirfd, const char *from,
                            const char *to)
{
    (void)env;
    return renameat(dirfd, from, dirfd, to);
}

static int system_unlink_at(struct qta_environment *env, int dirfd, const char *name)
{
    (void)env;
    return unlinkat(dirfd, name, 0);
}

static int system_mkdir_at(struct qta_environment *env, int dirfd, const char *name, mode_t mode)
{
    (void)env;
    return mkdirat(dirfd, name, mode);
}

static int system_status_at(struct qta_environment *env, int dirfd, const char *name,
                            struct qta_file_status *status)
{
    (void)env;
    struct stat found;
    if (fstatat(dirfd, name, &found, AT_SYMLINK_NOFOLLOW) != 0)
        return -1;
    status->bytes = (int64_t)found.st_size;
    status->modified_ns = (int64_t)found.st_mtim.tv_sec * 1000000000 + found.st_mtim.tv_nsec;
    status->is_file = S_ISREG(found.st_mode);
    status->is_folder = S_ISDIR(found.st_mode);
    return 0;
}

static int system_remove_folder_at(struct qta_environment *env, int dirfd, const char *name)
{
    (void)env;
    return unlinkat(dirfd, name, AT_REMOVEDIR);
}

static int64_t system_free_bytes(struct qta_environment *env, int fd)
{
    (void)env;
    struct statvfs space;
    int result;
    do
        result = fstatvfs(fd, &space);
    while (result < 0 && errno == EINTR);
    return result < 0 ? -1 : (int64_t)space.f_bavail * (int64_t)space.f_frsize;
}

static int system_lock(struct qta_environment *env, int fd)
{
    (void)env;
    int result;
    do
        result = flock(fd, LOCK_EX | LOCK_NB);
    while (result < 0 && errno == EINTR);
    return result;
}

static int system_list(struct qta_environment *env, int dirfd,
                       bool (*each)(void *user, const char *name), void *user)
{
    (void)env;
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    DIR *directory = fdopendir(fd);
    if (!directory) {
        close(fd);
        return -1;
    }
    const struct dirent *entry;
    bool goes_on = true;
    errno = 0;
    while (goes_on && (entry = readdir(directory))) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            goes_on = each(user, entry->d_name);
        errno = 0; /* readdir tells its own errors by errno alone */
    }
    int error = goes_on ? errno : 0;
    closedir(directory);
    errno = error;
    return error == 0 ? 0 : -1;
}

static int system_random(struct qta_environment *env, void *bytes, size_t length)
{
    (void)env;
    size_t done = 0;
    while (done < length) {
        ssize_t got = getrandom((uint8_t *)bytes + done, length - done, 0);
        if (got < 0 && errno != EINTR)
            return -1;
        if (got > 0)
            done += (size_t)got;
    }
    return 0;
}

struct qta_environment *qta_environment_system(void)
{
    static const struct qta_environment_ops ops = {
        .realtime_ns = system_realtime_ns,
        .monotonic_ns = system_monotonic_ns,
        .clock_estimate = system_clock_estimate,
        .open_at = system_open_at,
        .close = system_close,
        .pread = system_pread,
        .pwrite = system_pwrite,
        .size = system_size,
        .allocate = system_allocate,
        .truncate = system_truncate,
        .sync = system_sync,
        .map = system_map,
        .unmap = system_unmap,
        .sync_map = system_sync_map,
        .populate_map = system_populate_map,
        .rename_at = system_rename_at,
        .unlink_at = system_unlink_at,
        .mkdir_at = system_mkdir_at,
        .status_at = system_status_at,
        .remove_folder_at = system_remove_folder_at,
        .free_bytes = system_free_bytes,
        .lock = system_lock,
        .list = system_list,
        .random = system_random,
    };
    static struct qta_environment environment = {.ops = &ops};
    return &environment;
}
