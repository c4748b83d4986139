/* Packed input: the first bytes of the file say who unpacks it. */
#include "storage/compressed_input.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

enum { PACKED_BYTES = 128 * 1024 };

enum packing { PACKING_UNKNOWN = 0, PACKING_PLAIN, PACKING_GZIP, PACKING_ZSTD };

struct qta_compressed_input {
    char *path; /* as errors name it */
    int fd;
    bool (*should_stop)(void *user);
    void *user;
    enum packing packing;
    bool is_file_at_end;
    bool is_frame_open; /* unpacking is in the middle of a gzip member or zstd frame */
    uint64_t done_bytes;
    z_stream gzip;
    bool has_gzip;
    ZSTD_DStream *zstd;
    size_t packed_from; /* packed[from..to) is read from the file and not unpacked yet */
    size_t packed_to;
    unsigned char packed[PACKED_BYTES];
};

static bool must_stop(const struct qta_compressed_input *input)
{
    return input->should_stop && input->should_stop(input->user);
}

static enum qta_status open_file(struct qta_compressed_input *input, const char *path,
                                 struct qta_error *err)
{
    bool is_stdin = strcmp(path, "-") == 0;
    input->path = strdup(is_stdin ? "standard input" : path);
    if (!input->path)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    do
        input->fd = is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                             : open(path, O_RDONLY | O_CLOEXEC); /* of a FIFO, this waits */
    while (input->fd < 0 && errno == EINTR && !must_stop(input));
    if (input->fd < 0 && errno == EINTR)
        return qta_error_set(err, QTA_ERR_STATE, "stopped");
    if (input->fd < 0)
        return qta_error_set_errno(err, "cannot open '%s'", input->path);
    return QTA_OK;
}

enum qta_status qta_compressed_input_create(struct qta_compressed_input **out, const char *path,
                                            bool (*should_stop)(void *user), void *user,
                                            struct qta_error *err)
{
    assert(out);
    assert(path);
    struct qta_compressed_input *input = calloc(1, sizeof *input);
    if (!input)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    input->fd = -1;
    input->should_stop = should_stop;
    input->user = user;
    enum qta_status status = open_file(input, path, err);
    if (status != QTA_OK) {
        qta_compressed_input_destroy(input);
        return status;
    }
    *out = input;
    return QTA_OK;
}

void qta_compressed_input_destroy(struct qta_compressed_input *input)
{
    if (!input)
        return;
    if (input->has_gzip)
        inflateEnd(&input->gzip);
    ZSTD_freeDStream(input->zstd);
    if (input->fd >= 0)
        close(input->fd);
    free(input->path);
    free(input);
}

uint64_t qta_compressed_input_done_bytes(const struct qta_compressed_input *input)
{
    return input->done_bytes;
}

/* Reads from the file as it is; *count is 0 at its end. */
static enum qta_status read_file(struct qta_compressed_input *input, void *bytes, size_t capacity,
                                 size_t *count, struct qta_error *err)
{
    ssize_t got;
    do {
        got = read(input->fd, bytes, capacity);
        if (got < 0 && errno == EINTR && must_stop(input))
            return qta_error_set(err, QTA_ERR_STATE, "stopped");
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return qta_error_set_errno(err, "cannot read '%s'", input->path);
    *count = (size_t)got;
    input->done_bytes += (uint64_t)got;
    input->is_file_at_end = got == 0;
    return QTA_OK;
}

/* Fills packed up to `wanted` bytes or the end of the file. */
static enum qta_status fill_packed(struct qta_compressed_input *input, size_t wanted,
                                   struct qta_error *err)
{
    assert(wanted <= sizeof input->packed);
    if (input->packed_from == input->packed_to)
        input->packed_from = input->packed_to = 0;
    while (input->packed_to - input->packed_from < wanted && !input->is_file_at_end) {
        assert(input->packed_to < sizeof input->packed);
        size_t count = 0;
        enum qta_status status = read_file(input, input->packed + input->packed_to,
                                           sizeof input->packed - input->packed_to, &count, err);
        if (status != QTA_OK)
            return status;
        input->packed_to += count;
    }
    return QTA_OK;
}

static bool begins_with(const struct qta_compressed_input *input, const char *magic, size_t length)
{
    return input->packed_to - input->packed_from >= length &&
           memcmp(input->packed + input->packed_from, magic, length) == 0;
}

static bool begins_zstd_frame(const struct qta_compressed_input *input)
{
    const unsigned char *bytes = input->packed + input->packed_from;
    bool is_skippable = input->packed_to - input->packed_from >= 4 && (bytes[0] & 0xf0) == 0x50 &&
                        memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0;
    return is_skippable || begins_with(input, "\x28\xb5\x2f\xfd", 4);
}

static enum qta_status recognize(struct qta_compressed_input *input, struct qta_error *err)
{
    static const struct {
        const char *magic;
        size_t length;
        const char *name;
    } others[] = {
        {"\xfd"
         "7zXZ",
         5, "xz"},
        {"BZh", 3, "bzip2"},
        {"PK\x03\x04", 4, "zip"},
        {"7z\xbc\xaf", 4, "7z"},
    };
    enum { LONGEST_MAGIC = 5 };
    enum qta_status status = fill_packed(input, LONGEST_MAGIC, err);
    if (status != QTA_OK)
        return status;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (begins_with(input, others[i].magic, others[i].length))
            return qta_error_set(
                err, QTA_ERR_FORMAT,
                "'%s' is a file of %s: unpack it first (plain, gzip and zstd are read)",
                input->path, others[i].name);
    }
    if (begins_with(input, "\x1f\x8b", 2)) {
        if (inflateInit2(&input->gzip, MAX_WBITS + 16) != Z_OK)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", input->path);
        input->has_gzip = true;
        input->packing = PACKING_GZIP;
    } else if (begins_zstd_frame(input)) {
        input->zstd = ZSTD_createDStream();
        if (!input->zstd)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", input->path);
        input->packing = PACKING_ZSTD;
    } else {
        input->packing = PACKING_PLAIN;
    }
    return QTA_OK;
}

static enum qta_status read_plain(struct qta_compressed_input *input, void *bytes, size_t capacity,
                                  size_t *count, struct qta_error *err)
{
    size_t waiting = input->packed_to - input->packed_from;
    if (waiting == 0)
        return read_file(input, bytes, capacity, count, err);
    *count = waiting < capacity ? waiting : capacity;
    memcpy(bytes, input->packed + input->packed_from, *count);
    input->packed_from += *count;
    return QTA_OK;
}

static enum qta_status refuse_cut(const struct qta_compressed_input *input, struct qta_error *err)
{
    return qta_error_set(err, QTA_ERR_FORMAT, "'%s' is cut off: its packed data has no end",
                         input->path);
}

/* Unpacks until there is output, or the end: one gzip member may follow another. */
static enum qta_status read_gzip(struct qta_compressed_input *input, void *bytes, size_t capacity,
                                 size_t *count, struct qta_error *err)
{
    unsigned room = capacity < 1U << 30 ? (unsigned)capacity : 1U << 30;
    z_stream *gzip = &input->gzip;
    gzip->next_out = bytes;
    gzip->avail_out = room;
    while (gzip->avail_out == room) {
        enum qta_status status = fill_packed(input, 1, err);
        if (status != QTA_OK)
            return status;
        size_t waiting = input->packed_to - input->packed_from;
        if (waiting == 0 && input->is_frame_open)
            return refuse_cut(input, err);
        if (waiting == 0)
            break;
        gzip->next_in = input->packed + input->packed_from;
        gzip->avail_in = (unsigned)waiting;
        input->is_frame_open = true;
        int result = inflate(gzip, Z_NO_FLUSH);
        input->packed_from += waiting - gzip->avail_in;
        if (result == Z_MEM_ERROR)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory reading '%s'", input->path);
        if (result != Z_OK && result != Z_STREAM_END)
            return qta_error_set(err, QTA_ERR_FORMAT, "'%s' cannot be unpacked: gzip: %s",
                                 input->path, gzip->msg ? gzip->msg : "bad data");
        if (result == Z_STREAM_END) {
            input->is_frame_open = false;
            inflateReset(gzip);
        }
    }
    *count = room - gzip->avail_out;
    return QTA_OK;
}

/* The same for zstd: one frame may follow another. */
static enum qta_status read_zstd(struct qta_compressed_input *input, void *bytes, size_t capacity,
                                 size_t *count, struct qta_error *err)
{
    ZSTD_outBuffer out = {bytes, capacity, 0};
    while (out.pos == 0) {
        enum qta_status status = fill_packed(input, 1, err);
        if (status != QTA_OK)
            return status;
        if (input->packed_to == input->packed_from && !input->is_frame_open)
            break;
        ZSTD_inBuffer in = {input->packed, input->packed_to, input->packed_from};
        size_t result = ZSTD_decompressStream(input->zstd, &out, &in);
        bool is_stuck = in.pos == input->packed_from && out.pos == 0;
        input->packed_from = in.pos;
        if (ZSTD_isError(result))
            return qta_error_set(err, QTA_ERR_FORMAT, "'%s' cannot be unpacked: zstd: %s",
                                 input->path, ZSTD_getErrorName(result));
        input->is_frame_open = result != 0;
        if (input->is_frame_open && is_stuck && input->is_file_at_end)
            return refuse_cut(input, err);
    }
    *count = out.pos;
    return QTA_OK;
}

enum qta_status qta_compressed_input_read(struct qta_compressed_input *input, void *bytes,
                                          size_t capacity, size_t *count, struct qta_error *err)
{
    assert(capacity > 0);
    if (input->packing == PACKING_UNKNOWN) {
        enum qta_status status = recognize(input, err);
        if (status != QTA_OK)
            return status;
    }
    switch (input->packing) {
    case PACKING_GZIP:
        return read_gzip(input, bytes, capacity, count, err);
    case PACKING_ZSTD:
        return read_zstd(input, bytes, capacity, count, err);
    case PACKING_PLAIN:
    case PACKING_UNKNOWN:
        break;
    }
    return read_plain(input, bytes, capacity, count, err);
}
