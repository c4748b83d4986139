#include "tests/recorder/scratch_folder.h"

#include <assert.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *make_in(const char *root)
{
    char *path;
    assert_true(asprintf(&path, "%s/qta-test-XXXXXX", root) > 0);
    assert_non_null(mkdtemp(path));
    return path;
}

char *scratch_make(void)
{
    const char *root = getenv("TMPDIR");
    return make_in(root ? root : "/tmp");
}

char *scratch_make_in_memory(void)
{
    return access("/dev/shm", W_OK) == 0 ? make_in("/dev/shm") : scratch_make();
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

void scratch_remove(char *path)
{
    nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(path);
}

void scratch_read(struct scratch_session *session, const char *path)
{
    memset(session, 0, sizeof *session);
    qta_digest_init(&session->digest);
    struct qta_error err = {0};
    enum qta_status status = qta_session_reader_create(&session->reader, path, NULL, &err);
    size_t capacity = 0;
    while (status == QTA_OK) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(session->reader, &ticks, &count, &err);
        for (size_t i = 0; status == QTA_OK && i < count; i++) {
            if (session->count == capacity) {
                capacity = capacity ? capacity * 2 : 1024;
                session->ticks = realloc(session->ticks, capacity * sizeof *session->ticks);
                assert_non_null(session->ticks);
            }
            session->ticks[session->count++] = ticks[i];
            qta_digest_add(&session->digest, &ticks[i], qta_session_reader_names(session->reader));
        }
    }
    if (status != QTA_ERR_END)
        print_message("'%s': %s\n", path, err.message);
    assert_int_equal(status, QTA_ERR_END);
}

void scratch_free(struct scratch_session *session)
{
    qta_session_reader_destroy(session->reader);
    free(session->ticks);
}
