/* One mapping each: protection goes by pages, and a heap that is shared with other things would
 * lose all of them from a core dump. */
#include "core/secret.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct mapping {
    size_t bytes;
    alignas(max_align_t) char text[];
};

static size_t round_to_pages(size_t bytes)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    return (bytes + page_bytes - 1) / page_bytes * page_bytes;
}

char *qta_secret_create(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t whole_bytes = round_to_pages(sizeof(struct mapping) + bytes);
    struct mapping *mapping = mmap(NULL, whole_bytes, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    /* RLIMIT_MEMLOCK may not allow the lock: then it is as good as it can be */
    (void)mlock(mapping, whole_bytes);
    (void)madvise(mapping, whole_bytes, MADV_DONTDUMP);
    mapping->bytes = whole_bytes;
    return mapping->text;
}

char *qta_secret_copy(const char *text)
{
    if (!text)
        return NULL;
    size_t bytes = strlen(text) + 1;
    char *copy = qta_secret_create(bytes);
    if (copy)
        memcpy(copy, text, bytes);
    return copy;
}

void qta_secret_free(char *secret)
{
    if (!secret)
        return;
    struct mapping *mapping = (struct mapping *)(secret - offsetof(struct mapping, text));
    size_t bytes = mapping->bytes;
    explicit_bzero(mapping, bytes);
    munmap(mapping, bytes);
}

bool qta_secret_equals(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}
