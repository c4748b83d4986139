/* Each operation asks whether it may, then does what the system does. */
#include "tests/storage/fake_environment.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static struct qta_environment *system_of(void)
{
    return qta_environment_system();
}

static struct fake_environment *self(struct qta_environment *env)
{
    return (struct fake_environment *)(void *)env; /* base is the first member */
}

static bool may(struct qta_environment *env, enum fake_operation operation)
{
    struct fake_environment *fake = self(env);
    while (atomic_load(&fake->held) & UINT32_C(1) << operation)
        usleep(100);
    if (atomic_load(&fake->slow) & UINT32_C(1) << operation)
        usleep(atomic_load(&fake->delay_us));
    if (!(fake->operations & UINT32_C(1) << operation))
        return true;
    int64_t call = atomic_fetch_add(&fake->calls, 1) + 1;
    if (fake->fail_at == 0 || call < fake->fail_at || (call > fake->fail_at && !fake->fails_on))
        return true;
    if (fake->is_deadly)
        raise(SIGKILL);
    atomic_fetch_add(&fake->failures, 1);
    errno = fake->error;
    return false;
}

static int64_t fake_realtime_ns(struct qta_environment *env)
{
    int64_t told_ns = self(env)->realtime_ns;
    return told_ns != 0 ? told_ns : qta_realtime_ns(system_of());
}

static int64_t fake_monotonic_ns(struct qta_environment *env)
{
    (void)env;
    return qta_monotonic_ns(system_of());
}

static int fake_open_at(struct qta_environment *env, int dirfd, const char *name, int flags,
                        mode_t mode)
{
    if (!may(env, FAKE_OPEN))
        return -1;
    return system_of()->ops->open_at(system_of(), dirfd, name, flags, mode);
}

static int fake_close(struct qta_environment *env, int fd)
{
    (void)env;
    return system_of()->ops->close(system_of(), fd);
}

static ssize_t fake_pread(struct qta_environment *env, int fd, void *bytes, size_t length,
                          int64_t offset)
{
    if (!may(env, FAKE_PREAD))
        return -1;
    return system_of()->ops->pread(system_of(), fd, bytes, length, offset);
}

static int fake_pwrite(struct qta_environment *env, int fd, const void *bytes, size_t length,
                       int64_t offset)
{
    if (!may(env, FAKE_PWRITE)) {
        int error = errno;
        if (self(env)->tears_writes)
            system_of()->ops->pwrite(system_of(), fd, bytes, length / 2, offset);
        errno = error;
        return -1;
    }
    return system_of()->ops->pwrite(system_of(), fd, bytes, length, offset);
}

static int64_t fake_size(struct qta_environment *env, int fd)
{
    return may(env, FAKE_SIZE) ? system_of()->ops->size(system_of(), fd) : -1;
}

static int fake_allocate(struct qta_environment *env, int fd, int64_t offset, int64_t length)
{
    if (!may(env, FAKE_ALLOCATE))
        return -1;
    return system_of()->ops->allocate(system_of(), fd, offset, length);
}

static int fake_truncate(struct qta_environment *env, int fd, int64_t length)
{
    if (!may(env, FAKE_TRUNCATE))
        return -1;
    return system_of()->ops->truncate(system_of(), fd, length);
}

static int fake_sync(struct qta_environment *env, int fd)
{
    return may(env, FAKE_SYNC) ? system_of()->ops->sync(system_of(), fd) : -1;
}

static void *fake_map(struct qta_environment *env, int fd, size_t length)
{
    return may(env, FAKE_MAP) ? system_of()->ops->map(system_of(), fd, length) : NULL;
}

static int fake_unmap(struct qta_environment *env, void *address, size_t length)
{
    (void)env;
    return system_of()->ops->unmap(system_of(), address, length);
}

static int fake_sync_map(struct qta_environment *env, void *address, size_t length)
{
    if (!may(env, FAKE_SYNC_MAP))
        return -1;
    return system_of()->ops->sync_map(system_of(), address, length);
}

static int fake_populate_map(struct qta_environment *env, void *address, size_t length)
{
    if (!may(env, FAKE_POPULATE))
        return -1;
    return system_of()->ops->populate_map(system_of(), address, length);
}

static int fake_rename_at(struct qta_environment *env, int dirfd, const char *from, const char *to)
{
    if (!may(env, FAKE_RENAME))
        return -1;
    return system_of()->ops->rename_at(system_of(), dirfd, from, to);
}

static int fake_unlink_at(struct qta_environment *env, int dirfd, const char *name)
{
    return may(env, FAKE_UNLINK) ? system_of()->ops->unlink_at(system_of(), dirfd, name) : -1;
}

static int fake_mkdir_at(struct qta_environment *env, int dirfd, const char *name, mode_t mode)
{
    if (!may(env, FAKE_MKDIR))
        return -1;
    return system_of()->ops->mkdir_at(system_of(), dirfd, name, mode);
}

static int fake_status_at(struct qta_environment *env, int dirfd, const char *name,
                          struct qta_file_status *status)
{
    if (!may(env, FAKE_SIZE))
        return -1;
    return system_of()->ops->status_at(system_of(), dirfd, name, status);
}

static int fake_remove_folder_at(struct qta_environment *env, int dirfd, const char *name)
{
    if (!may(env, FAKE_UNLINK))
        return -1;
    return system_of()->ops->remove_folder_at(system_of(), dirfd, name);
}

static int64_t fake_free_bytes(struct qta_environment *env, int fd)
{
    int64_t told = self(env)->free_bytes;
    return told != 0 ? told : system_of()->ops->free_bytes(system_of(), fd);
}

static int fake_lock(struct qta_environment *env, int fd)
{
    return may(env, FAKE_LOCK) ? system_of()->ops->lock(system_of(), fd) : -1;
}

static int fake_list(struct qta_environment *env, int dirfd,
                     bool (*each)(void *user, const char *name), void *user)
{
    return may(env, FAKE_LIST) ? system_of()->ops->list(system_of(), dirfd, each, user) : -1;
}

static int fake_random(struct qta_environment *env, void *bytes, size_t length)
{
    return may(env, FAKE_RANDOM) ? system_of()->ops->random(system_of(), bytes, length) : -1;
}

void fake_environment_init(struct fake_environment *fake)
{
    static const struct qta_environment_ops ops = {
        .realtime_ns = fake_realtime_ns,
        .monotonic_ns = fake_monotonic_ns,
        .open_at = fake_open_at,
        .close = fake_close,
        .pread = fake_pread,
        .pwrite = fake_pwrite,
        .size = fake_size,
        .allocate = fake_allocate,
        .truncate = fake_truncate,
        .sync = fake_sync,
        .map = fake_map,
        .unmap = fake_unmap,
        .sync_map = fake_sync_map,
        .populate_map = fake_populate_map,
        .rename_at = fake_rename_at,
        .unlink_at = fake_unlink_at,
        .mkdir_at = fake_mkdir_at,
        .status_at = fake_status_at,
        .remove_folder_at = fake_remove_folder_at,
        .free_bytes = fake_free_bytes,
        .lock = fake_lock,
        .list = fake_list,
        .random = fake_random,
    };
    memset(fake, 0, sizeof *fake);
    fake->base.ops = &ops;
}

void fake_environment_fail(struct fake_environment *fake, uint32_t operations, int64_t at,
                           bool fails_on, int error)
{
    fake->operations = 0; /* threads of the code under test go on calling meanwhile */
    fake->fail_at = at;
    fake->fails_on = fails_on;
    fake->error = error;
    fake->calls = 0;
    fake->failures = 0;
    fake->operations = operations;
}

void fake_environment_hold(struct fake_environment *fake, uint32_t operations)
{
    atomic_store(&fake->held, operations);
}

void fake_environment_slow_down(struct fake_environment *fake, uint32_t operations,
                                uint32_t delay_us)
{
    atomic_store(&fake->delay_us, delay_us);
    atomic_store(&fake->slow, operations);
}

void fake_environment_kill_at(struct fake_environment *fake, uint32_t operations, int64_t at)
{
    fake->is_deadly = true;
    fake_environment_fail(fake, operations, at, true, EIO);
}

const char *fake_operation_name(enum fake_operation operation)
{
    static const char *const names[FAKE_OPERATION_COUNT] = {
        "open",     "pread",    "pwrite", "size",   "allocate", "truncate", "sync", "map",
        "sync_map", "populate", "rename", "unlink", "mkdir",    "lock",     "list", "random",
    };
    return names[operation];
}
