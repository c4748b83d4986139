/** @file virtual_environment.h
 *  An environment for tests: a clock that stands still until it is moved, over a real disk that can
 *  be made to fail. */
#ifndef QTA_TESTS_VIRTUAL_ENVIRONMENT_H
#define QTA_TESTS_VIRTUAL_ENVIRONMENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/environment.h"

struct virtual_environment {
    struct qta_environment base;
    _Atomic int64_t monotonic_ns; /**< other threads of the library look at the clock, too */
    _Atomic int64_t realtime_ns;
    _Atomic uint64_t random_state; /* the storage's threads take from it, too */
    /** Calls that change the disk that still succeed; negative: all. */
    _Atomic int64_t disk_calls_left;
    int disk_errno;     /**< what the others fail with */
    bool is_real_clock; /**< the system's clocks instead */
    bool has_estimate;  /**< the kernel, played by the test, says this of its clock */
    struct qta_clock_estimate estimate;
};

/** 2024-05-01T12:00:00Z, disk good. */
void virtual_environment_init(struct virtual_environment *environment);

/** Lets time pass on both clocks. */
void virtual_environment_advance(struct virtual_environment *environment, int64_t duration_ns);

#endif
