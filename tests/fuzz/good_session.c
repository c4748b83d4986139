/* The index is only ever a hint: this is where that is held to. */
#include "tests/fuzz/good_session.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <qta/session.h>

#include "tests/fuzz/hostile_session.h"
#include "tests/storage/golden_session.h"

static void fail(const char *what, const struct qta_error *err)
{
    fprintf(stderr, "good session: %s: %s\n", what, err->message);
    abort();
}

static struct qta_session_filter some_ticks(void)
{
    static const char *const symbols[] = {"AAPL", "SPY"};
    struct qta_session_filter filter = qta_session_filter_default();
    filter.symbols = symbols;
    filter.symbol_count = 2;
    filter.types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_GAP);
    filter.from_seq = 20;
    filter.until_seq = 250;
    return filter;
}

static struct qta_digest digest_of(const struct qta_session_filter *filter)
{
    struct qta_session_reader *reader;
    struct qta_digest digest;
    struct qta_error err;
    const struct qta_tick *ticks;
    size_t count;
    enum qta_status status;
    qta_digest_init(&digest);
    if (qta_session_reader_create(&reader, hostile_session_path(), filter, &err) != QTA_OK)
        fail("open", &err);
    while ((status = qta_session_reader_next(reader, &ticks, &count, &err)) == QTA_OK)
        for (size_t i = 0; i < count; i++)
            qta_digest_add(&digest, &ticks[i], qta_session_reader_names(reader));
    if (status != QTA_ERR_END)
        fail("read", &err);
    qta_session_reader_destroy(reader);
    return digest;
}

static uint8_t *load_index(size_t *length)
{
    char path[256];
    struct stat status;
    snprintf(path, sizeof path, "%s/session.db", hostile_session_path());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0)
        abort();
    uint8_t *bytes = malloc((size_t)status.st_size);
    if (!bytes || read(fd, bytes, (size_t)status.st_size) != status.st_size)
        abort();
    close(fd);
    *length = (size_t)status.st_size;
    return bytes;
}

static struct qta_session_writer_options writer_options(void)
{
    struct qta_session_writer_options options = qta_session_writer_options_default();
    options.path = hostile_session_path();
    options.fsync_interval_ns = -1;
    options.journal_chunk_bytes = 64 * 1024;
    return options;
}

static void open_for_writing_and_close(void)
{
    struct qta_session_writer_options options = writer_options();
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    struct qta_error err;
    if (qta_dictionary_create(&names, NULL) != QTA_OK)
        abort();
    if (qta_session_writer_create(&writer, &options, names, &err) != QTA_OK) {
        assert(err.status == QTA_ERR_FORMAT); /* of a newer version: the only thing not made anew */
    } else {
        if (qta_session_writer_close(writer, &err) != QTA_OK)
            fail("close", &err);
        qta_session_writer_destroy(writer);
    }
    qta_dictionary_destroy(names);
}

void good_session_make(struct good_session *good)
{
    struct qta_session_filter filter = some_ticks();
    golden_session_make(hostile_session_path(), 2, 60, NULL);
    open_for_writing_and_close(); /* seals what the golden session leaves in the journal */
    good->index = load_index(&good->index_length);
    good->all = digest_of(NULL);
    good->some = digest_of(&filter);
    assert(good->all.ticks > 200 && good->some.ticks > 5);
}

static void ignore(void *user, const char *problem)
{
    (void)user;
    (void)problem;
}

void good_session_check(const struct good_session *good)
{
    struct qta_session_filter filter = some_ticks();
    struct qta_session_info info;
    struct qta_session_verdict verdict;
    struct qta_error err;
    struct qta_digest all = digest_of(NULL);
    struct qta_digest some = digest_of(&filter);
    assert(all.full == good->all.full && all.ticks == good->all.ticks);
    assert(some.full == good->some.full && some.ticks == good->some.ticks);
    if (qta_session_info_read(hostile_session_path(), &info, &err) != QTA_OK)
        fail("info", &err);
    assert(info.records == good->all.ticks);
    enum qta_status status = qta_session_verify(hostile_session_path(), ignore, NULL, NULL,
                                                &verdict, &err);
    if (status != QTA_OK && status != QTA_ERR_DAMAGED)
        fail("verify", &err);
    open_for_writing_and_close();
}

void good_session_check_with_index(const struct good_session *good, const uint8_t *index,
                                   size_t length)
{
    hostile_session_write("session.db", index, length);
    good_session_check(good);
}
