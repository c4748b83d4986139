/** @file bench.h
 *  What benchmarks share: a clock, and the line that they print. */
#ifndef QTA_TESTS_BENCH_BENCH_H
#define QTA_TESTS_BENCH_BENCH_H

#include <stdint.h>
#include <stdio.h>
#include <time.h>

static inline int64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/** Prints `name value unit ratio baseline`: value as measured, ratio of it to the baseline, which
 * has the same unit. */
static inline void bench_print(const char *name, double value, const char *unit, double baseline)
{
    printf("%s %.0f %s %.3f %.0f\n", name, value, unit, value / baseline, baseline);
    fflush(stdout);
}

#endif
