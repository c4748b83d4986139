/* /proc and a few system calls. */
#include "recorder/process_figures.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S INT64_C(1000000000)

static int64_t clock_ns(clockid_t clock)
{
    struct timespec time;
    if (clock_gettime(clock, &time) != 0)
        return 0;
    return (int64_t)time.tv_sec * NS_PER_S + time.tv_nsec;
}

/* Field 22 of /proc/self/stat: ticks after boot. The name in field 2 may hold anything. */
static int64_t start_ns(void)
{
    enum { FIELDS_BEHIND_NAME = 19 };
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return 0;
    size_t length = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[length] = '\0';
    const char *at = strrchr(line, ')');
    for (int i = 0; i <= FIELDS_BEHIND_NAME && at; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return 0;
    int64_t after_boot_ns = strtoll(at, NULL, 10) * (NS_PER_S / sysconf(_SC_CLK_TCK));
    return clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME) + after_boot_ns;
}

static uint64_t resident_bytes(void)
{
    char line[128] = "";
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file)
        return 0;
    const char *read = fgets(line, sizeof line, file);
    fclose(file);
    const char *at = read ? strchr(line, ' ') : NULL;
    return at ? strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t open_fds(void)
{
    DIR *folder = opendir("/proc/self/fd");
    uint64_t count = 0;
    if (!folder)
        return 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the folder's own */
}

struct qta_process_figures qta_process_figures_read(void)
{
    struct rlimit limit = {0};
    getrlimit(RLIMIT_NOFILE, &limit);
    return (struct qta_process_figures){
        .cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
        .start_ns = start_ns(),
        .resident_bytes = resident_bytes(),
        .open_fds = open_fds(),
        .max_fds = limit.rlim_cur,
    };
}

uint64_t qta_disk_free_bytes(const char *path)
{
    struct statvfs disk;
    if (statvfs(path, &disk) != 0)
        return UINT64_MAX;
    return (uint64_t)disk.f_bavail * disk.f_frsize;
}
