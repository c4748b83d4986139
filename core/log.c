/* The library's log: lines go to the one function that was set. */
#include <qta/log.h>

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    LINE_BYTES = 2048,
    LEVEL_OFF = QTA_LOG_ERROR + 1, /* above every level: nothing is passed on */
};

/* One call at a time, as the header promises. Guards function and user. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static qta_log_function log_function;
static void *log_user;

/* Lets a line that nobody wants cost one load. */
static _Atomic int lowest_level = LEVEL_OFF;

void qta_log_set(qta_log_function function, void *user, enum qta_log_level lowest)
{
    pthread_mutex_lock(&lock);
    log_function = function;
    log_user = user;
    atomic_store_explicit(&lowest_level, function ? (int)lowest : LEVEL_OFF, memory_order_relaxed);
    pthread_mutex_unlock(&lock);
}

/* Messages quote what strangers sent: keep them to one line that moves no cursor. */
static void make_one_line(char *line)
{
    for (unsigned char *p = (unsigned char *)line; *p; p++) {
        if (*p < ' ' || *p == 0x7f)
            *p = *p == '\n' || *p == '\t' ? ' ' : '?';
    }
}

/* Takes the beginning of a UTF-8 character whose end was cut off away. */
static void trim_cut_character(char *line, size_t length)
{
    size_t start = length;
    while (start > 0 && length - start < 4 && ((unsigned char)line[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && ((unsigned char)line[start - 1] & 0xc0) == 0xc0)
        line[start - 1] = '\0';
}

void qta_log(enum qta_log_level level, const char *area, const char *format, ...)
{
    if ((int)level < atomic_load_explicit(&lowest_level, memory_order_relaxed))
        return;
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    if ((size_t)length >= sizeof line)
        trim_cut_character(line, sizeof line - 1);
    make_one_line(line);
    pthread_mutex_lock(&lock);
    if (log_function)
        log_function(log_user, level, area, line);
    pthread_mutex_unlock(&lock);
}

const char *qta_log_level_name(enum qta_log_level level)
{
    static const char *const names[] = {
        [QTA_LOG_DEBUG] = "debug",
        [QTA_LOG_INFO] = "info",
        [QTA_LOG_WARNING] = "warning",
        [QTA_LOG_ERROR] = "error",
    };
    size_t index = (size_t)level;
    return index < sizeof names / sizeof names[0] ? names[index] : "unknown";
}
