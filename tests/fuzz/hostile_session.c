/* Readers stop at a number of ticks, so that one input of constant columns does not take seconds.
 */
#include "tests/fuzz/hostile_session.h"

#include <assert.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/print.h>
#include <qta/session.h>

enum { TICKS_MAX = 150000, PRINTED_MAX = 2000, ERRORS_MAX = 100000 };

static char path[128];

/* ---- the folder ---------------------------------------------------------------------------- */

static int remove_entry(const char *entry, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return type == FTW_DP ? rmdir(entry) : unlink(entry);
}

static int remove_file(const char *entry, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)walk;
    return type == FTW_DP ? 0 : unlink(entry);
}

static void remove_session(void)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(const char *name)
{
    char folder[256];
    snprintf(folder, sizeof folder, "%s/%s", path, name);
    if (mkdir(folder, 0700) != 0)
        abort();
}

const char *hostile_session_path(void)
{
    if (path[0] != '\0')
        return path;
    snprintf(path, sizeof path, "%s/qta-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(path))
        abort();
    make_folder("segments");
    make_folder("journal");
    atexit(remove_session);
    return path;
}

void hostile_session_write(const char *name, const uint8_t *bytes, size_t length)
{
    char file[256];
    snprintf(file, sizeof file, "%s/%s", hostile_session_path(), name);
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        abort();
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);
        if (written <= 0)
            abort();
        bytes += written;
        length -= (size_t)written;
    }
    close(fd);
}

void hostile_session_clear(void)
{
    nftw(hostile_session_path(), remove_file, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- reading it ---------------------------------------------------------------------------- */

/* A name that is not there, or bytes beyond one's end, show up here. */
static void print(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    static char line[1 << 16];
    size_t length = qta_print_tick(tick, names, QTA_PRINT_NDJSON, QTA_TIME_FORMAT_RFC3339, line,
                                   sizeof line);
    assert(length > 0);
}

static void read_ticks(const struct qta_session_filter *filter)
{
    struct qta_session_reader *reader;
    if (qta_session_reader_create(&reader, path, filter, NULL) != QTA_OK)
        return;
    uint64_t last_seq = 0;
    size_t errors = 0;
    for (size_t total = 0; total < TICKS_MAX;) {
        const struct qta_tick *ticks;
        size_t count;
        struct qta_error err;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_DAMAGED) {
            assert(++errors < ERRORS_MAX); /* it goes on behind the damage */
            continue;
        }
        if (status != QTA_OK)
            break;
        assert(count > 0);
        for (size_t i = 0; i < count; i++) {
            assert(ticks[i].rx_seq > last_seq);
            last_seq = ticks[i].rx_seq;
            assert(!filter || (filter->types & QTA_TYPE_BIT(ticks[i].type)));
            if (total + i < PRINTED_MAX)
                print(&ticks[i], qta_session_reader_names(reader));
        }
        total += count;
    }
    qta_session_reader_destroy(reader);
}

static void read_some_ticks(void)
{
    static const char *const symbols[] = {"AAPL", "SPY"};
    struct qta_session_filter filter = qta_session_filter_default();
    filter.types = QTA_TYPE_BIT(QTA_TICK_QUOTE) | QTA_TYPE_BIT(QTA_TICK_GAP);
    filter.symbols = symbols;
    filter.symbol_count = 2;
    filter.from_seq = 5;
    filter.event_from_ns = 0;
    read_ticks(&filter);
}

static void read_stored_frames(void)
{
    struct qta_raw_reader *reader;
    if (qta_raw_reader_create(&reader, path, NULL, NULL) != QTA_OK)
        return;
    size_t errors = 0;
    for (size_t total = 0; total < TICKS_MAX; total++) {
        const struct qta_raw_frame *frame;
        struct qta_error err;
        uint32_t sum = 0;
        enum qta_status status = qta_raw_reader_next(reader, &frame, &err);
        if (status == QTA_ERR_DAMAGED) {
            assert(++errors < ERRORS_MAX);
            continue;
        }
        if (status != QTA_OK)
            break;
        assert(frame->stored_length <= frame->length);
        for (size_t i = 0; i < frame->stored_length; i++) /* touches every byte, for ASan */
            sum += frame->bytes[i];
        assert(sum <= UINT32_C(255) * frame->stored_length);
    }
    qta_raw_reader_destroy(reader);
}

static void count_problem(void *user, const char *problem)
{
    assert(problem[0] != '\0');
    assert(++*(size_t *)user < ERRORS_MAX);
}

void hostile_session_read(void)
{
    struct qta_session_info info;
    struct qta_session_verdict verdict;
    size_t problems = 0;
    read_ticks(NULL);
    read_some_ticks();
    read_stored_frames();
    qta_session_info_read(path, &info, NULL);
    qta_session_verify(path, count_problem, NULL, &problems, &verdict, NULL);
}
