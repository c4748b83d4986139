/** @file short_memory.h
 *  Memory that runs out: the linker has the allocations of the library and of the test come by here
 *  (--wrap, see CMakeLists.txt), SQLite and zstd are told to. Those of the test do not fail. */
#ifndef QTA_TESTS_SHORT_MEMORY_H
#define QTA_TESTS_SHORT_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/** Has SQLite's allocations come by here; before the first use of SQLite. */
void short_memory_include_sqlite(void);

/** From now on the allocation with this number (from 1) fails, with fails_on all behind it, too;
 *  0 for none. */
void short_memory_fail(int64_t at, bool fails_on);

/** Whether one has failed since. */
bool short_memory_has_failed(void);

/** Whether allocations of the calling thread count, which they do not on the test's own until it
 *  says so. Those of threads that the library starts count always. */
void short_memory_enter(void);
void short_memory_leave(void);

/** Allocations, of whichever kind, that have not been freed. */
int64_t short_memory_in_use(void);

/** The most bytes of all of them together since the last call. */
int64_t short_memory_peak_bytes(void);

#endif
