/** @file faulty_sqlite.h
 *  A disk under SQLite that fails when it is told to: a VFS over the system's own. */
#ifndef QTA_TESTS_FAULTY_SQLITE_H
#define QTA_TESTS_FAULTY_SQLITE_H

#include <stdbool.h>
#include <stdint.h>

enum sqlite_fault {
    SQLITE_FAULT_NONE = 0,
    SQLITE_FAULT_IO,    /**< any call that reaches the disk: the fitting SQLITE_IOERR or CANTOPEN */
    SQLITE_FAULT_FULL,  /**< writes, truncations, growing the shared memory: SQLITE_FULL */
    SQLITE_FAULT_SHORT, /**< reads give half, and zeros: SQLITE_IOERR_SHORT_READ */
    SQLITE_FAULT_SYNC,  /**< syncs alone */
    SQLITE_FAULT_BUSY,  /**< locks: another process has them */
    SQLITE_FAULT_END,
};

/** Makes it SQLite's default; once, before the first use of SQLite. */
void faulty_sqlite_install(void);

/** The call with this number (from 1) of those that the fault strikes fails from now on, with
 *  fails_on all behind it, too. */
void faulty_sqlite_fail(enum sqlite_fault fault, int64_t at, bool fails_on);

/** Whether one has failed since. */
bool faulty_sqlite_has_failed(void);

const char *faulty_sqlite_name(enum sqlite_fault fault);

#endif
