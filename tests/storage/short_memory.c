/* Every allocation passes one turnstile; every one that is granted is counted until it is freed. */
#include "tests/storage/short_memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <malloc.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ZSTD_STATIC_LINKING_ONLY /* for contexts that allocate by functions of ours */
#include <zstd.h>

static _Atomic int64_t allocations;
static _Atomic int64_t allocation_that_fails; /* 0 for none */
static _Atomic bool allocations_fail_on;
static _Atomic bool has_failed;
static _Atomic int64_t in_use;
static _Atomic int64_t bytes_in_use;
static _Atomic int64_t peak_bytes;
static __thread int in_library = -1; /* -1 on threads that are not the test's: those count */

void short_memory_fail(int64_t at, bool fails_on)
{
    if (in_library < 0)
        in_library = 0; /* whoever asks for failures is the test */
    allocation_that_fails = 0;
    allocations = 0;
    has_failed = false;
    allocations_fail_on = fails_on;
    allocation_that_fails = at;
}

bool short_memory_has_failed(void)
{
    return has_failed;
}

void short_memory_enter(void)
{
    in_library = 1;
}

void short_memory_leave(void)
{
    in_library = 0;
}

int64_t short_memory_in_use(void)
{
    return in_use;
}

int64_t short_memory_peak_bytes(void)
{
    return atomic_exchange(&peak_bytes, bytes_in_use);
}

static bool has_memory(void)
{
    int64_t at = allocation_that_fails;
    if (at == 0 || in_library == 0)
        return true;
    int64_t number = ++allocations;
    if (number < at || (number > at && !allocations_fail_on))
        return true;
    has_failed = true;
    errno = ENOMEM;
    return false;
}

/* ---- the library's own ------------------------------------------------------------------------
 */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int print(char **out, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static void add_bytes(int64_t bytes)
{
    int64_t now = atomic_fetch_add(&bytes_in_use, bytes) + bytes;
    int64_t peak = peak_bytes;
    while (now > peak && !atomic_compare_exchange_weak(&peak_bytes, &peak, now))
        continue;
}

static int64_t bytes_of(void *memory)
{
    return (int64_t)malloc_usable_size(memory);
}

static void *granted(void *memory)
{
    if (!memory)
        return NULL;
    in_use++;
    add_bytes(bytes_of(memory));
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return has_memory() ? granted(__real_malloc(size)) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return has_memory() ? granted(__real_calloc(count, size)) : NULL;
}

void *__wrap_realloc(void *memory, size_t size)
{
    if (!has_memory())
        return NULL;
    int64_t before = memory ? bytes_of(memory) : 0;
    void *moved = __real_realloc(memory, size);
    if (!memory)
        return granted(moved);
    if (moved)
        add_bytes(bytes_of(moved) - before);
    return moved;
}

void __wrap_free(void *memory)
{
    if (memory) {
        in_use--;
        add_bytes(-bytes_of(memory));
    }
    __real_free(memory);
}

char *__wrap_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = __wrap_malloc(bytes);
    return copy ? memcpy(copy, text, bytes) : NULL;
}

char *__wrap_strndup(const char *text, size_t length)
{
    size_t bytes = strnlen(text, length);
    char *copy = __wrap_malloc(bytes + 1);
    if (copy) {
        memcpy(copy, text, bytes);
        copy[bytes] = '\0';
    }
    return copy;
}

static int print(char **out, const char *format, va_list arguments)
{
    int length = has_memory() ? vasprintf(out, format, arguments) : -1;
    if (length >= 0)
        granted(*out);
    return length;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = print(out, format, arguments);
    va_end(arguments);
    return length;
}

/* What asprintf() is in fortified builds. */
int __wrap___asprintf_chk(char **out, int flag, const char *format, ...)
{
    va_list arguments;
    (void)flag;
    va_start(arguments, format);
    int length = print(out, format, arguments);
    va_end(arguments);
    return length;
}

/* ---- zstd ---------------------------------------------------------------------------------- */

static void *allocate_for_zstd(void *user, size_t size)
{
    (void)user;
    return __wrap_malloc(size);
}

static void free_for_zstd(void *user, void *memory)
{
    (void)user;
    __wrap_free(memory);
}

static const ZSTD_customMem zstd_memory = {allocate_for_zstd, free_for_zstd, NULL};

ZSTD_CCtx *__wrap_ZSTD_createCCtx(void);
ZSTD_DCtx *__wrap_ZSTD_createDCtx(void);
ZSTD_DStream *__wrap_ZSTD_createDStream(void);

ZSTD_CCtx *__wrap_ZSTD_createCCtx(void)
{
    return ZSTD_createCCtx_advanced(zstd_memory);
}

ZSTD_DCtx *__wrap_ZSTD_createDCtx(void)
{
    return ZSTD_createDCtx_advanced(zstd_memory);
}

ZSTD_DStream *__wrap_ZSTD_createDStream(void)
{
    return ZSTD_createDStream_advanced(zstd_memory);
}

/* ---- SQLite -----------------------------------------------------------------------------------
 */

static sqlite3_mem_methods sqlite_memory; /* what it would do by itself */

static void *allocate_for_sqlite(int size)
{
    void *memory = has_memory() ? sqlite_memory.xMalloc(size) : NULL;
    in_use += memory != NULL;
    add_bytes(memory ? sqlite_memory.xSize(memory) : 0);
    return memory;
}

static void *reallocate_for_sqlite(void *memory, int size)
{
    int before = sqlite_memory.xSize(memory);
    void *moved = has_memory() ? sqlite_memory.xRealloc(memory, size) : NULL;
    add_bytes(moved ? sqlite_memory.xSize(moved) - before : 0);
    return moved;
}

static void free_for_sqlite(void *memory)
{
    if (memory) {
        in_use--;
        add_bytes(-sqlite_memory.xSize(memory));
    }
    sqlite_memory.xFree(memory);
}

void short_memory_include_sqlite(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sqlite_memory), SQLITE_OK);
    sqlite3_mem_methods counted = sqlite_memory;
    counted.xMalloc = allocate_for_sqlite;
    counted.xRealloc = reallocate_for_sqlite;
    counted.xFree = free_for_sqlite;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &counted), SQLITE_OK);
    /* the room that it keeps for small things would hide most of its wishes */
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
    assert_int_equal(sqlite3_initialize(), SQLITE_OK);
}
