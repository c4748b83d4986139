/* The programs' stderr: errors, the library's log and one progress line share the terminal. */
#include "tools/program.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qta/timestamp.h>

#include "tools/log_repeats.h"
#include "tools/service_manager.h"

#define PROGRESS_INTERVAL_NS INT64_C(100000000)

const char *const qta_log_format_names[] = {"text", "json", NULL};
const char *const qta_log_level_names[] = {"debug", "info", "warning", "error", NULL};

/* stderr is one for the process, so its state is too. */
static struct {
    pthread_mutex_t mutex; /* guards what follows and keeps lines whole */
    const char *program;
    enum qta_log_format log_format;
    bool is_coloured;
    bool is_journal; /* of systemd: it knows the time, and wants to know the priority */
    struct qta_log_repeats repeats;
    bool has_progress; /* a progress line stands on the terminal */
    int64_t progress_shown_ns;
    _Atomic int stdout_errno; /* of the first write to stdout that failed */
} terminal = {.mutex = PTHREAD_MUTEX_INITIALIZER, .program = "qta"};

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- exit statuses ----------------------------------------------------------------------------
 */

enum qta_exit qta_program_exit(enum qta_status status)
{
    switch (status) {
    case QTA_OK:
    case QTA_ERR_END:
        return QTA_EXIT_DONE;
    case QTA_ERR_USAGE:
    case QTA_ERR_CONFIG:
        return QTA_EXIT_USAGE;
    case QTA_ERR_DAMAGED:
    case QTA_ERR_TOO_SLOW:
        return QTA_EXIT_LOSS;
    case QTA_ERR_NOMEM:
    case QTA_ERR_IO:
    case QTA_ERR_NO_SPACE:
    case QTA_ERR_NOT_FOUND:
    case QTA_ERR_FORMAT:
    case QTA_ERR_LOCKED:
    case QTA_ERR_PROTOCOL:
    case QTA_ERR_FEED:
    case QTA_ERR_REFUSED:
    case QTA_ERR_RANGE:
    case QTA_ERR_STATE:
        break;
    }
    return QTA_EXIT_FAILED;
}

enum qta_exit qta_program_worse(enum qta_exit left, enum qta_exit right)
{
    if (left == QTA_EXIT_DONE || right == QTA_EXIT_DONE)
        return left == QTA_EXIT_DONE ? right : left;
    return left < right ? left : right;
}

void qta_program_start(const char *name)
{
    /* a line is one write: lines of several programs on one stderr stay whole */
    static char buffer[8192];
    setvbuf(stderr, buffer, _IOLBF, sizeof buffer);
    signal(SIGPIPE, SIG_IGN);
    terminal.program = name;
    terminal.is_journal = qta_service_manager_reads(STDERR_FILENO);
}

/* Only the first says what happened: after it stdout is in a state of its own. */
static void note_stdout_error(void)
{
    int expected = 0;
    atomic_compare_exchange_strong(&terminal.stdout_errno, &expected, errno);
}

bool qta_program_write(const char *text, size_t length)
{
    if (fwrite(text, 1, length, stdout) == length)
        return true;
    note_stdout_error();
    return false;
}

bool qta_program_flush(void)
{
    if (fflush(stdout) == 0)
        return true;
    note_stdout_error();
    return false;
}

/* ---- lines on stderr --------------------------------------------------------------------------
 */

/* The mutex is held. */
static void clear_progress(void)
{
    if (terminal.has_progress)
        fputs("\r\033[K", stderr);
    terminal.has_progress = false;
}

/* How many bytes of valid UTF-8 text begins with; 0 when they are not. */
static size_t utf8_length(const unsigned char *text)
{
    static const struct {
        unsigned char lead_min, lead_max, next_min, next_max;
        unsigned char length;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    if (text[0] < 0x80)
        return 1;
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (text[0] < forms[i].lead_min || text[0] > forms[i].lead_max)
            continue;
        if (text[1] < forms[i].next_min || text[1] > forms[i].next_max)
            return 0;
        for (size_t k = 2; k < forms[i].length; k++) {
            if ((text[k] & 0xc0) != 0x80)
                return 0;
        }
        return forms[i].length;
    }
    return 0;
}

/* Bytes from a peer must not move the cursor or end the line: controls come out as \u001b (JSON) or
 * \x1b, bytes that are no UTF-8 as U+FFFD or \xff. C1 controls are two bytes in UTF-8. */
void qta_escaped_print(FILE *stream, const char *string, bool is_json)
{
    const unsigned char *text = (const unsigned char *)string;
    while (*text != '\0') {
        size_t length = utf8_length(text);
        bool is_control = *text < 0x20 || *text == 0x7f || (*text == 0xc2 && text[1] < 0xa0);
        if (length == 0) {
            if (is_json)
                fputs("\\ufffd", stream);
            else
                fprintf(stream, "\\x%02x", *text);
            length = 1;
        } else if (is_control) {
            fprintf(stream, is_json ? "\\u%04x" : "\\x%02x", text[length - 1]);
        } else {
            if (is_json && (*text == '"' || *text == '\\'))
                fputc('\\', stream);
            fwrite(text, 1, length, stream);
        }
        text += length;
    }
}

/* Priorities are those of syslog(3). */
static void print_priority(enum qta_log_level level)
{
    static const int priorities[] = {
        [QTA_LOG_DEBUG] = 7, [QTA_LOG_INFO] = 6, [QTA_LOG_WARNING] = 4, [QTA_LOG_ERROR] = 3};
    if (terminal.is_journal)
        fprintf(stderr, "<%d>", priorities[level]);
}

void qta_program_error(const char *format, ...)
{
    char message[QTA_ERROR_MESSAGE_BYTES + 256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&terminal.mutex);
    clear_progress();
    print_priority(QTA_LOG_ERROR);
    fprintf(stderr, "%s: ", terminal.program);
    qta_escaped_print(stderr, message, false);
    fputc('\n', stderr);
    pthread_mutex_unlock(&terminal.mutex);
}

enum qta_exit qta_program_fail(const struct qta_error *err)
{
    qta_program_error("%s", err->message);
    return qta_program_exit(err->status);
}

/* ---- the log ----------------------------------------------------------------------------------
 */

static void print_log_time(void)
{
    enum { MILLISECONDS_LENGTH = 23 }; /* "2024-05-01T13:30:00.123" */
    char text[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(clock_ns(CLOCK_REALTIME), text);
    fprintf(stderr, "%.*sZ", MILLISECONDS_LENGTH, text);
}

static void log_text(enum qta_log_level level, const char *area, const char *message)
{
    static const char *const colours[] = {
        [QTA_LOG_DEBUG] = "\033[2m",
        [QTA_LOG_INFO] = "",
        [QTA_LOG_WARNING] = "\033[33m",
        [QTA_LOG_ERROR] = "\033[31m",
    };
    const char *colour = terminal.is_coloured ? colours[level] : "";
    fputs(colour, stderr);
    if (!terminal.is_journal) {
        print_log_time();
        fputc(' ', stderr);
    }
    fprintf(stderr, "%s ", qta_log_level_name(level));
    qta_escaped_print(stderr, area, false);
    fputs(": ", stderr);
    qta_escaped_print(stderr, message, false);
    fputs(*colour != '\0' ? "\033[0m\n" : "\n", stderr);
}

static void log_json(enum qta_log_level level, const char *area, const char *message)
{
    fputs("{\"time\":\"", stderr);
    print_log_time();
    fprintf(stderr, "\",\"level\":\"%s\",\"area\":\"", qta_log_level_name(level));
    qta_escaped_print(stderr, area, true);
    fputs("\",\"message\":\"", stderr);
    qta_escaped_print(stderr, message, true);
    fputs("\"}\n", stderr);
}

/* The mutex is held. */
static void log_line(enum qta_log_level level, const char *area, const char *message)
{
    clear_progress();
    print_priority(level);
    if (terminal.log_format == QTA_LOG_JSON)
        log_json(level, area, message);
    else
        log_text(level, area, message);
    fflush(stderr);
}

/* The mutex is held. */
static void tell_repeats(int64_t now_ns)
{
    const struct qta_log_sentence *sentence;
    while ((sentence = qta_log_repeats_take_ended(&terminal.repeats, now_ns))) {
        char message[QTA_LOG_REPEATS_TEXT_BYTES + 64];
        snprintf(message, sizeof message, "repeated %" PRIu64 " more time%s: %s",
                 sentence->held_back, sentence->held_back == 1 ? "" : "s", sentence->text);
        log_line(sentence->level, sentence->area, message);
    }
}

static void write_log_line(void *user, enum qta_log_level level, const char *area,
                           const char *message)
{
    (void)user;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&terminal.mutex);
    tell_repeats(now_ns);
    if (qta_log_repeats_is_shown(&terminal.repeats, level, area, message, now_ns))
        log_line(level, area, message);
    pthread_mutex_unlock(&terminal.mutex);
}

void qta_program_log_answer(const char *area, const char *message)
{
    pthread_mutex_lock(&terminal.mutex);
    log_line(QTA_LOG_INFO, area, message);
    pthread_mutex_unlock(&terminal.mutex);
}

void qta_program_log_tell_repeats(void)
{
    pthread_mutex_lock(&terminal.mutex);
    tell_repeats(clock_ns(CLOCK_MONOTONIC));
    pthread_mutex_unlock(&terminal.mutex);
}

static bool is_set(const char *variable)
{
    const char *value = getenv(variable);
    return value && *value != '\0';
}

static bool terminal_is_able(void)
{
    const char *kind = getenv("TERM");
    return isatty(STDERR_FILENO) && kind && strcmp(kind, "dumb") != 0;
}

void qta_program_log_start(enum qta_log_format format, enum qta_log_level lowest)
{
    terminal.log_format = format;
    terminal.is_coloured = terminal_is_able() && !is_set("NO_COLOR");
    terminal.repeats = (struct qta_log_repeats){0};
    qta_log_set(write_log_line, NULL, lowest);
}

/* ---- progress ---------------------------------------------------------------------------------
 */

bool qta_progress_is_visible(void)
{
    return terminal_is_able();
}

void qta_progress_show(const char *format, ...)
{
    if (!qta_progress_is_visible())
        return;
    int64_t now_ns = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&terminal.mutex);
    if (!terminal.has_progress || now_ns - terminal.progress_shown_ns >= PROGRESS_INTERVAL_NS) {
        char line[160];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(line, sizeof line, format, arguments);
        va_end(arguments);
        fprintf(stderr, "\r\033[K%s", line);
        fflush(stderr);
        terminal.has_progress = true;
        terminal.progress_shown_ns = now_ns;
    }
    pthread_mutex_unlock(&terminal.mutex);
}

void qta_progress_clear(void)
{
    pthread_mutex_lock(&terminal.mutex);
    clear_progress();
    fflush(stderr);
    pthread_mutex_unlock(&terminal.mutex);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

enum qta_exit qta_program_finish(enum qta_exit status)
{
    pthread_mutex_lock(&terminal.mutex);
    clear_progress();
    tell_repeats(INT64_MAX);
    pthread_mutex_unlock(&terminal.mutex);
    qta_program_flush();
    if (terminal.stdout_errno == 0 && ferror(stdout))
        terminal.stdout_errno = EIO; /* seen by a printf that nobody asked */
    if (terminal.stdout_errno == 0 || terminal.stdout_errno == EPIPE)
        return status;
    qta_program_error("cannot write to standard output: %s", strerror(terminal.stdout_errno));
    return QTA_EXIT_FAILED;
}

/* ---- numbers for people -----------------------------------------------------------------------
 */

const char *qta_number_print(uint64_t number, char text[QTA_NUMBER_TEXT_BYTES])
{
    char digits[QTA_NUMBER_TEXT_BYTES];
    int length = snprintf(digits, sizeof digits, "%" PRIu64, number);
    char *out = text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return text;
}

const char *qta_bytes_print(uint64_t bytes, char text[QTA_NUMBER_TEXT_BYTES])
{
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        snprintf(text, QTA_NUMBER_TEXT_BYTES, "%" PRIu64 " bytes", bytes);
        return text;
    }
    double amount = (double)bytes / 1024;
    size_t unit = 0;
    while (amount >= 1023.95 && unit + 1 < sizeof units / sizeof units[0]) {
        amount /= 1024;
        unit++;
    }
    snprintf(text, QTA_NUMBER_TEXT_BYTES, "%.1f %s", amount, units[unit]);
    return text;
}
