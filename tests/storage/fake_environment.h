/** @file fake_environment.h
 *  The system's disk with faults: a chosen call of a chosen operation fails, once or from then on;
 *  chosen operations are slow, or hang until they are let go.
 *
 *  Any thread. The clock is the real one. */
#ifndef QTA_TESTS_FAKE_ENVIRONMENT_H
#define QTA_TESTS_FAKE_ENVIRONMENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/environment.h"

enum fake_operation {
    FAKE_OPEN,
    FAKE_PREAD,
    FAKE_PWRITE,
    FAKE_SIZE,
    FAKE_ALLOCATE,
    FAKE_TRUNCATE,
    FAKE_SYNC,
    FAKE_MAP,
    FAKE_SYNC_MAP,
    FAKE_POPULATE,
    FAKE_RENAME,
    FAKE_UNLINK,
    FAKE_MKDIR,
    FAKE_LOCK,
    FAKE_LIST,
    FAKE_RANDOM,
    FAKE_OPERATION_COUNT,
};

/** All operations, and those that change what is on the disk. */
#define FAKE_ALL ((UINT32_C(1) << FAKE_OPERATION_COUNT) - 1)
#define FAKE_CHANGES                                                                               \
    (UINT32_C(1) << FAKE_PWRITE | UINT32_C(1) << FAKE_ALLOCATE | UINT32_C(1) << FAKE_TRUNCATE |    \
     UINT32_C(1) << FAKE_SYNC | UINT32_C(1) << FAKE_MAP | UINT32_C(1) << FAKE_SYNC_MAP |           \
     UINT32_C(1) << FAKE_POPULATE | UINT32_C(1) << FAKE_RENAME | UINT32_C(1) << FAKE_UNLINK |      \
     UINT32_C(1) << FAKE_MKDIR | UINT32_C(1) << FAKE_OPEN)

struct fake_environment {
    struct qta_environment base; /**< what the code under test gets */
    _Atomic uint32_t operations; /**< bits of those that are counted and may fail */
    _Atomic int64_t fail_at;     /**< which call, from 1; 0 for none */
    _Atomic bool fails_on;       /**< all later ones as well */
    _Atomic bool is_deadly;      /**< the process is killed instead */
    _Atomic bool tears_writes;   /**< a pwrite that fails has written its first half */
    _Atomic int error;
    _Atomic int64_t realtime_ns; /**< what the clock says; 0 for the real one */
    _Atomic int64_t free_bytes;  /**< what the disk says; 0 for the real one */
    _Atomic int64_t calls;
    _Atomic int64_t failures;
    _Atomic uint32_t held;     /**< bits of operations that wait as long as they are set */
    _Atomic uint32_t slow;     /**< bits of operations that take delay_us longer */
    _Atomic uint32_t delay_us; /**< of those */
};

/** Without faults. */
void fake_environment_init(struct fake_environment *fake);

/** Operations, call and error; counts from 0 again. */
void fake_environment_fail(struct fake_environment *fake, uint32_t operations, int64_t at,
                           bool fails_on, int error);

/** Bits of operations hang from now on; 0 lets all of them go. */
void fake_environment_hold(struct fake_environment *fake, uint32_t operations);

/** Bits of operations take so much longer from now on. */
void fake_environment_slow_down(struct fake_environment *fake, uint32_t operations,
                                uint32_t delay_us);

/** The process is killed at this call, before it does anything. For children. */
void fake_environment_kill_at(struct fake_environment *fake, uint32_t operations, int64_t at);

const char *fake_operation_name(enum fake_operation operation);

#endif
