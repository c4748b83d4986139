/* Each method asks whether it may, then does what the system's VFS does. */
#include "tests/storage/faulty_sqlite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <string.h>

static sqlite3_vfs *system_vfs;
static _Atomic int fault_kind;
static _Atomic int64_t calls;
static _Atomic int64_t call_that_fails;
static _Atomic bool calls_fail_on;
static _Atomic bool has_failed;

void faulty_sqlite_fail(enum sqlite_fault fault, int64_t at, bool fails_on)
{
    fault_kind = SQLITE_FAULT_NONE; /* threads of the code under test go on calling meanwhile */
    calls = 0;
    has_failed = false;
    call_that_fails = at;
    calls_fail_on = fails_on;
    fault_kind = fault;
}

bool faulty_sqlite_has_failed(void)
{
    return has_failed;
}

const char *faulty_sqlite_name(enum sqlite_fault fault)
{
    static const char *const names[SQLITE_FAULT_END] = {"none",       "I/O error",   "full disk",
                                                        "short read", "failed sync", "busy"};
    return names[fault];
}

/* Whether a call of a kind that these faults strike goes well. */
static bool may(unsigned faults)
{
    if (!(faults & 1U << fault_kind) || fault_kind == SQLITE_FAULT_NONE)
        return true;
    int64_t call = ++calls;
    if (call < call_that_fails || (call > call_that_fails && !calls_fail_on))
        return true;
    has_failed = true;
    return false;
}

enum {
    STRIKES_ANY = 1U << SQLITE_FAULT_IO,
    STRIKES_WRITE = STRIKES_ANY | 1U << SQLITE_FAULT_FULL,
    STRIKES_READ = STRIKES_ANY | 1U << SQLITE_FAULT_SHORT,
    STRIKES_SYNC = STRIKES_ANY | 1U << SQLITE_FAULT_SYNC,
    STRIKES_LOCK = STRIKES_ANY | 1U << SQLITE_FAULT_BUSY,
};

/* SQLITE_FULL where the disk is, else the I/O error of the call. */
static int write_error(int code)
{
    return fault_kind == SQLITE_FAULT_FULL ? SQLITE_FULL : code;
}

static int lock_error(int code)
{
    return fault_kind == SQLITE_FAULT_BUSY ? SQLITE_BUSY : code;
}

/* ---- files --------------------------------------------------------------------------------- */

/* The system's file stands behind it in the memory that SQLite gives. */
struct faulty_file {
    sqlite3_file base;
    sqlite3_file *file;
};

static sqlite3_file *real(sqlite3_file *file)
{
    return ((struct faulty_file *)(void *)file)->file;
}

static int faulty_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int faulty_read(sqlite3_file *file, void *bytes, int count, sqlite3_int64 offset)
{
    if (may(STRIKES_READ))
        return real(file)->pMethods->xRead(real(file), bytes, count, offset);
    if (fault_kind != SQLITE_FAULT_SHORT)
        return SQLITE_IOERR_READ;
    real(file)->pMethods->xRead(real(file), bytes, count, offset);
    memset((char *)bytes + count / 2, 0, (size_t)(count - count / 2));
    return SQLITE_IOERR_SHORT_READ;
}

static int faulty_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    if (may(STRIKES_WRITE))
        return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
    real(file)->pMethods->xWrite(real(file), bytes, count / 2, offset); /* some of it got there */
    return write_error(SQLITE_IOERR_WRITE);
}

static int faulty_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return may(STRIKES_WRITE) ? real(file)->pMethods->xTruncate(real(file), size)
                              : write_error(SQLITE_IOERR_TRUNCATE);
}

static int faulty_sync(sqlite3_file *file, int flags)
{
    return may(STRIKES_SYNC) ? real(file)->pMethods->xSync(real(file), flags) : SQLITE_IOERR_FSYNC;
}

static int faulty_size(sqlite3_file *file, sqlite3_int64 *size)
{
    return may(STRIKES_ANY) ? real(file)->pMethods->xFileSize(real(file), size)
                            : SQLITE_IOERR_FSTAT;
}

static int faulty_lock(sqlite3_file *file, int level)
{
    return may(STRIKES_LOCK) ? real(file)->pMethods->xLock(real(file), level)
                             : lock_error(SQLITE_IOERR_LOCK);
}

static int faulty_unlock(sqlite3_file *file, int level)
{
    return real(file)->pMethods->xUnlock(real(file), level);
}

static int faulty_check_lock(sqlite3_file *file, int *is_locked)
{
    return may(STRIKES_ANY) ? real(file)->pMethods->xCheckReservedLock(real(file), is_locked)
                            : SQLITE_IOERR_CHECKRESERVEDLOCK;
}

static int faulty_control(sqlite3_file *file, int operation, void *argument)
{
    return real(file)->pMethods->xFileControl(real(file), operation, argument);
}

static int faulty_sector(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int faulty_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int faulty_map(sqlite3_file *file, int page, int size, int grows, void volatile **map)
{
    return may(STRIKES_WRITE) ? real(file)->pMethods->xShmMap(real(file), page, size, grows, map)
                              : write_error(SQLITE_IOERR_SHMMAP);
}

static int faulty_lock_map(sqlite3_file *file, int offset, int count, int flags)
{
    bool goes_well = (flags & SQLITE_SHM_UNLOCK) || may(STRIKES_LOCK);
    return goes_well ? real(file)->pMethods->xShmLock(real(file), offset, count, flags)
                     : lock_error(SQLITE_IOERR_SHMLOCK);
}

static void faulty_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int faulty_unmap(sqlite3_file *file, int deletes)
{
    return real(file)->pMethods->xShmUnmap(real(file), deletes);
}

static const sqlite3_io_methods faulty_methods = {
    .iVersion = 2, /* with shared memory, without mapped reads */
    .xClose = faulty_close,
    .xRead = faulty_read,
    .xWrite = faulty_write,
    .xTruncate = faulty_truncate,
    .xSync = faulty_sync,
    .xFileSize = faulty_size,
    .xLock = faulty_lock,
    .xUnlock = faulty_unlock,
    .xCheckReservedLock = faulty_check_lock,
    .xFileControl = faulty_control,
    .xSectorSize = faulty_sector,
    .xDeviceCharacteristics = faulty_traits,
    .xShmMap = faulty_map,
    .xShmLock = faulty_lock_map,
    .xShmBarrier = faulty_barrier,
    .xShmUnmap = faulty_unmap,
};

/* ---- names --------------------------------------------------------------------------------- */

static int faulty_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *flags_out)
{
    struct faulty_file *faulty = (struct faulty_file *)(void *)file;
    (void)vfs;
    faulty->base.pMethods = NULL;
    faulty->file = (sqlite3_file *)(void *)(faulty + 1);
    if (!may(STRIKES_ANY))
        return SQLITE_CANTOPEN;
    int code = system_vfs->xOpen(system_vfs, name, faulty->file, flags, flags_out);
    if (faulty->file->pMethods)
        faulty->base.pMethods = &faulty_methods;
    return code;
}

static int faulty_delete(sqlite3_vfs *vfs, const char *name, int syncs)
{
    (void)vfs;
    return may(STRIKES_ANY) ? system_vfs->xDelete(system_vfs, name, syncs) : SQLITE_IOERR_DELETE;
}

static int faulty_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs;
    return may(STRIKES_ANY) ? system_vfs->xAccess(system_vfs, name, flags, result)
                            : SQLITE_IOERR_ACCESS;
}

/* Who waits for a lock waits in vain here, and need not take its time. */
static int faulty_sleep(sqlite3_vfs *vfs, int microseconds)
{
    (void)vfs;
    return fault_kind == SQLITE_FAULT_BUSY ? microseconds
                                           : system_vfs->xSleep(system_vfs, microseconds);
}

void faulty_sqlite_install(void)
{
    static sqlite3_vfs vfs;
    system_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(system_vfs);
    vfs = *system_vfs;
    vfs.pNext = NULL;
    vfs.zName = "faulty";
    vfs.szOsFile = (int)sizeof(struct faulty_file) + system_vfs->szOsFile;
    vfs.xOpen = faulty_open;
    vfs.xDelete = faulty_delete;
    vfs.xAccess = faulty_access;
    vfs.xSleep = faulty_sleep;
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}
