/* Mappings of their own, never freed: a program has one environment. */
#include "tools/private_memory.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void *map_private(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    (void)mlock(memory, bytes); /* where the system allows it */
    (void)madvise(memory, bytes, MADV_DONTDUMP);
    return memory;
}

char *qta_private_argument(char *argument)
{
    size_t bytes = strlen(argument) + 1;
    char *copy = map_private(bytes);
    if (!copy)
        return argument;
    memcpy(copy, argument, bytes);
    explicit_bzero(argument, bytes - 1);
    return copy;
}

/* The linker has looked at these already, and may have kept where they are. */
static int is_of_linker(const char *variable)
{
    return strncmp(variable, "LD_", 3) == 0;
}

void qta_private_environment_make(void)
{
    size_t count = 0;
    size_t text_bytes = 0;
    for (; environ && environ[count]; count++)
        text_bytes += strlen(environ[count]) + 1;
    if (count == 0)
        return;
    char **variables = map_private((count + 1) * sizeof(*variables) + text_bytes);
    if (!variables)
        return;
    char *text = (char *)&variables[count + 1];
    for (size_t i = 0; i < count; i++) {
        size_t bytes = strlen(environ[i]) + 1;
        variables[i] = memcpy(text, environ[i], bytes);
        text += bytes;
        if (!is_of_linker(environ[i]))
            explicit_bzero(environ[i], bytes - 1);
    }
    environ = variables;
}
