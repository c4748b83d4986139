#include "tests/recorder/virtual_environment.h"

#include <errno.h>

/* 2024-05-01T12:00:00Z */
#define START_NS INT64_C(1714564800000000000)

static struct virtual_environment *self(struct qta_environment *env)
{
    return (struct virtual_environment *)env;
}

static struct qta_environment *disk(void)
{
    return qta_environment_system();
}

/* Counts a call that changes the disk; false when it has to fail. */
static bool may(struct qta_environment *env)
{
    struct virtual_environment *environment = self(env);
    if (atomic_load(&environment->disk_calls_left) < 0)
        return true;
    if (atomic_load(&environment->disk_calls_left) == 0) {
        errno = environment->disk_errno;
        return false;
    }
    atomic_fetch_sub(&environment->disk_calls_left, 1);
    return true;
}

static int64_t get_realtime_ns(struct qta_environment *env)
{
    return self(env)->is_real_clock ? qta_realtime_ns(disk()) : self(env)->realtime_ns;
}

static int64_t get_monotonic_ns(struct qta_environment *env)
{
    return self(env)->is_real_clock ? qta_monotonic_ns(disk()) : self(env)->monotonic_ns;
}

static int get_clock_estimate(struct qta_environment *env, struct qta_clock_estimate *estimate)
{
    if (!self(env)->has_estimate)
        return -1;
    *estimate = self(env)->estimate;
    return 0;
}

static int do_pwrite(struct qta_environment *env, int fd, const void *bytes, size_t length,
                     int64_t offset)
{
    return may(env) ? disk()->ops->pwrite(disk(), fd, bytes, length, offset) : -1;
}

static int do_allocate(struct qta_environment *env, int fd, int64_t offset, int64_t length)
{
    return may(env) ? disk()->ops->allocate(disk(), fd, offset, length) : -1;
}

static int do_truncate(struct qta_environment *env, int fd, int64_t length)
{
    return may(env) ? disk()->ops->truncate(disk(), fd, length) : -1;
}

static int do_sync(struct qta_environment *env, int fd)
{
    return may(env) ? disk()->ops->sync(disk(), fd) : -1;
}

static int do_sync_map(struct qta_environment *env, void *address, size_t length)
{
    return may(env) ? disk()->ops->sync_map(disk(), address, length) : -1;
}

static int do_populate_map(struct qta_environment *env, void *address, size_t length)
{
    return may(env) ? disk()->ops->populate_map(disk(), address, length) : -1;
}

static int do_rename_at(struct qta_environment *env, int dirfd, const char *from, const char *to)
{
    return may(env) ? disk()->ops->rename_at(disk(), dirfd, from, to) : -1;
}

static int do_unlink_at(struct qta_environment *env, int dirfd, const char *name)
{
    return may(env) ? disk()->ops->unlink_at(disk(), dirfd, name) : -1;
}

static int do_mkdir_at(struct qta_environment *env, int dirfd, const char *name, mode_t mode)
{
    return may(env) ? disk()->ops->mkdir_at(disk(), dirfd, name, mode) : -1;
}

static int do_random(struct qta_environment *env, void *bytes, size_t length)
{
    uint8_t *out = bytes;
    for (size_t i = 0; i < length; i++) {
        uint64_t number = atomic_fetch_add(&self(env)->random_state, 1) + 1;
        out[i] = (uint8_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 56);
    }
    return 0;
}

void virtual_environment_init(struct virtual_environment *environment)
{
    static struct qta_environment_ops ops;
    ops = *disk()->ops; /* those not replaced look only at their arguments, not at env */
    ops.realtime_ns = get_realtime_ns;
    ops.monotonic_ns = get_monotonic_ns;
    ops.clock_estimate = get_clock_estimate;
    ops.pwrite = do_pwrite;
    ops.allocate = do_allocate;
    ops.truncate = do_truncate;
    ops.sync = do_sync;
    ops.sync_map = do_sync_map;
    ops.populate_map = do_populate_map;
    ops.rename_at = do_rename_at;
    ops.unlink_at = do_unlink_at;
    ops.mkdir_at = do_mkdir_at;
    ops.random = do_random;
    *environment = (struct virtual_environment){
        .base = {.ops = &ops},
        .random_state = 1,
        .disk_errno = ENOSPC,
    };
    atomic_init(&environment->monotonic_ns, INT64_C(1000000000000));
    atomic_init(&environment->realtime_ns, START_NS);
    atomic_init(&environment->disk_calls_left, -1);
}

void virtual_environment_advance(struct virtual_environment *environment, int64_t duration_ns)
{
    environment->monotonic_ns += duration_ns;
    environment->realtime_ns += duration_ns;
}
