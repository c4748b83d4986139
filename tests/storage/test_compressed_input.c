/* Packed input: plain, gzip and zstd give the same bytes; what is cut or broken is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "storage/compressed_input.h"

enum { CONTENT_BYTES = 600000 };

/* A file in a folder of this test alone. */
struct fixture {
    char path[64];
    char *content; /* CONTENT_BYTES of text that packs, but not to nothing */
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    snprintf(fixture->path, sizeof fixture->path, "/tmp/qta-test-input-XXXXXX");
    int fd = mkstemp(fixture->path);
    assert_true(fd >= 0);
    close(fd);
    fixture->content = malloc(CONTENT_BYTES);
    assert_non_null(fixture->content);
    uint32_t random = 1;
    for (size_t i = 0; i < CONTENT_BYTES; i++) {
        random = random * 1664525 + 1013904223;
        fixture->content[i] = "0123456789"[(random >> 24) % 10];
        if (i % 13 == 12)
            fixture->content[i] = '\n';
    }
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    unlink(fixture->path);
    free(fixture->content);
    free(fixture);
    return 0;
}

static void write_file(const char *path, const void *bytes, size_t length)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static size_t pack_gzip(const void *bytes, size_t length, unsigned char *packed, size_t capacity)
{
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes,
                       .avail_in = (unsigned)length,
                       .next_out = packed,
                       .avail_out = (unsigned)capacity};
    assert_int_equal(deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY),
                     Z_OK);
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    size_t packed_length = capacity - stream.avail_out;
    deflateEnd(&stream);
    return packed_length;
}

static size_t pack_zstd(const void *bytes, size_t length, unsigned char *packed, size_t capacity)
{
    size_t packed_length = ZSTD_compress(packed, capacity, bytes, length, 3);
    assert_false(ZSTD_isError(packed_length));
    return packed_length;
}

/* Reads the whole file in pieces; *bytes is the caller's. */
static enum qta_status read_path(const char *path, size_t piece, char **bytes, size_t *length,
                                 struct qta_error *err)
{
    struct qta_compressed_input *input;
    *bytes = NULL;
    *length = 0;
    enum qta_status status = qta_compressed_input_create(&input, path, NULL, NULL, err);
    if (status != QTA_OK)
        return status;
    size_t count = 1;
    while (status == QTA_OK && count > 0) {
        *bytes = realloc(*bytes, *length + piece);
        assert_non_null(*bytes);
        status = qta_compressed_input_read(input, *bytes + *length, piece, &count, err);
        *length += status == QTA_OK ? count : 0;
    }
    struct stat file;
    assert_int_equal(stat(path, &file), 0);
    if (status == QTA_OK)
        assert_int_equal(qta_compressed_input_done_bytes(input), file.st_size);
    qta_compressed_input_destroy(input);
    return status;
}

static void check_reads(const struct fixture *fixture, const void *expected, size_t length)
{
    static const size_t pieces[] = {1000, 100000, 2000000};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char *bytes;
        size_t count;
        struct qta_error err = {.message = ""};
        assert_int_equal(read_path(fixture->path, pieces[i], &bytes, &count, &err), QTA_OK);
        assert_int_equal(count, length);
        assert_memory_equal(bytes, expected, length);
        free(bytes);
    }
}

static void check_refused(const struct fixture *fixture, const char *message_part)
{
    char *bytes;
    size_t count;
    struct qta_error err = {.message = ""};
    assert_int_equal(read_path(fixture->path, 100000, &bytes, &count, &err), QTA_ERR_FORMAT);
    print_message("%s\n", err.message);
    assert_non_null(strstr(err.message, message_part));
    assert_non_null(strstr(err.message, fixture->path));
    free(bytes);
}

static void plain_files_are_read_as_they_are(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture->path, fixture->content, CONTENT_BYTES);
    check_reads(fixture, fixture->content, CONTENT_BYTES);
    write_file(fixture->path, "ab", 2);
    check_reads(fixture, "ab", 2);
    write_file(fixture->path, "", 0);
    check_reads(fixture, "", 0);
}

static void packed_files_are_told_by_content(void **state)
{
    struct fixture *fixture = *state;
    static unsigned char packed[CONTENT_BYTES];
    size_t length = pack_gzip(fixture->content, CONTENT_BYTES, packed, sizeof packed);
    write_file(fixture->path, packed, length);
    check_reads(fixture, fixture->content, CONTENT_BYTES);
    length = pack_zstd(fixture->content, CONTENT_BYTES, packed, sizeof packed);
    write_file(fixture->path, packed, length);
    check_reads(fixture, fixture->content, CONTENT_BYTES);
}

static void packed_files_one_after_the_other_are_one(void **state)
{
    struct fixture *fixture = *state;
    typedef size_t (*pack_function)(const void *, size_t, unsigned char *, size_t);
    static const pack_function packs[] = {pack_gzip, pack_zstd};
    static unsigned char packed[CONTENT_BYTES];
    for (size_t i = 0; i < 2; i++) {
        size_t length = packs[i](fixture->content, 1000, packed, sizeof packed);
        length += packs[i]("", 0, packed + length, sizeof packed - length);
        length += packs[i](fixture->content + 1000, 9000, packed + length, sizeof packed - length);
        write_file(fixture->path, packed, length);
        check_reads(fixture, fixture->content, 10000);
    }
}

static void a_packed_file_cut_anywhere_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static unsigned char packed[CONTENT_BYTES];
    for (size_t cut = 1; cut < 40; cut++) {
        size_t length = pack_gzip(fixture->content, 5000, packed, sizeof packed);
        write_file(fixture->path, packed, length - cut);
        check_refused(fixture, "is cut off");
        length = pack_zstd(fixture->content, 5000, packed, sizeof packed);
        write_file(fixture->path, packed, length - cut);
        check_refused(fixture, "is cut off");
    }
}

static void append_garbage(unsigned char *packed, size_t *length)
{
    for (size_t i = 0; i < 7; i++)
        packed[(*length)++] = (unsigned char)('a' + i);
}

static void a_damaged_packed_file_is_refused(void **state)
{
    struct fixture *fixture = *state;
    static unsigned char packed[CONTENT_BYTES];
    size_t length = pack_gzip(fixture->content, CONTENT_BYTES, packed, sizeof packed);
    packed[length - 6] ^= 1; /* its checksum */
    write_file(fixture->path, packed, length);
    check_refused(fixture, "cannot be unpacked: gzip: incorrect data check");
    packed[length - 6] ^= 1;
    append_garbage(packed, &length);
    write_file(fixture->path, packed, length);
    check_refused(fixture, "cannot be unpacked: gzip: incorrect header check");
    length = pack_zstd(fixture->content, CONTENT_BYTES, packed, sizeof packed);
    append_garbage(packed, &length);
    write_file(fixture->path, packed, length);
    check_refused(fixture, "cannot be unpacked: zstd: Unknown frame descriptor");
}

static void other_packers_files_are_named(void **state)
{
    struct fixture *fixture = *state;
    write_file(fixture->path, "PK\x03\x04rest", 8);
    check_refused(fixture, "is a file of zip: unpack it first (plain, gzip and zstd are read)");
    write_file(fixture->path, "BZh91AY", 7);
    check_refused(fixture, "is a file of bzip2");
    write_file(fixture->path,
               "\xfd"
               "7zXZ\0",
               6);
    check_refused(fixture, "is a file of xz");
}

static void a_missing_file_and_a_folder_are_named(void **state)
{
    (void)state;
    struct qta_compressed_input *input = NULL;
    struct qta_error err;
    assert_int_equal(qta_compressed_input_create(&input, "/nowhere/x.csv", NULL, NULL, &err),
                     QTA_ERR_NOT_FOUND);
    assert_string_equal(err.message, "cannot open '/nowhere/x.csv': No such file or directory");
    char *bytes;
    size_t count;
    assert_int_equal(read_path("/tmp", 10, &bytes, &count, &err), QTA_ERR_IO);
    assert_string_equal(err.message, "cannot read '/tmp': Is a directory");
    free(bytes);
}

static void on_alarm(int number)
{
    (void)number;
}

static bool stop_after_two(void *user)
{
    int *asked = user;
    return ++*asked == 2;
}

static void a_signal_ends_a_waiting_read_when_asked(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    char path[32];
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    int asked = 0;
    struct qta_compressed_input *input;
    struct qta_error err;
    assert_int_equal(qta_compressed_input_create(&input, path, stop_after_two, &asked, &err),
                     QTA_OK);
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {.it_interval.tv_usec = 10000, .it_value.tv_usec = 10000};
    setitimer(ITIMER_REAL, &often, NULL);
    char bytes[16];
    size_t count;
    assert_int_equal(qta_compressed_input_read(input, bytes, sizeof bytes, &count, &err),
                     QTA_ERR_STATE);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    assert_int_equal(asked, 2);
    qta_compressed_input_destroy(input);
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_files_are_read_as_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_files_are_told_by_content, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_files_one_after_the_other_are_one, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_packed_file_cut_anywhere_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_packed_file_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_packers_files_are_named, set_up, tear_down),
        cmocka_unit_test(a_missing_file_and_a_folder_are_named),
        cmocka_unit_test(a_signal_ends_a_waiting_read_when_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
