/* Bytes are collected, packed when a buffer is full, and written at the file's end. */
#include "storage/output_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

enum {
    BUFFER_BYTES = 128 * 1024,
    PACKED_BYTES = 128 * 1024,
    GZIP_LEVEL = 6,
    ZSTD_LEVEL = 3,
};

enum packing { PACKING_PLAIN = 0, PACKING_GZIP, PACKING_ZSTD };

struct qta_output_file {
    struct qta_environment *environment;
    qta_output_callback callback; /* NULL: a file */
    void *user;
    char *path;
    char *growing; /* path with ".tmp" */
    int fd;        /* -1: not open */
    bool is_on_disk;
    enum packing packing;
    z_stream gzip;
    bool has_gzip;
    ZSTD_CCtx *zstd;
    uint64_t offset; /* as written by the caller */
    uint64_t bytes;  /* in the file */
    size_t used;
    unsigned char buffer[BUFFER_BYTES];
    unsigned char packed[PACKED_BYTES];
};

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text);
    size_t suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

static enum qta_status start_packing(struct qta_output_file *file, struct qta_error *err)
{
    bool is_good = true;
    if (ends_with(file->path, ".gz")) {
        enum { WINDOW_AND_GZIP = MAX_WBITS + 16, MEMORY_LEVEL = 8 };
        file->packing = PACKING_GZIP;
        file->has_gzip = deflateInit2(&file->gzip, GZIP_LEVEL, Z_DEFLATED, WINDOW_AND_GZIP,
                                      MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
        is_good = file->has_gzip;
    } else if (ends_with(file->path, ".zst")) {
        file->packing = PACKING_ZSTD;
        file->zstd = ZSTD_createCCtx();
        is_good = file->zstd &&
                  !ZSTD_isError(
                      ZSTD_CCtx_setParameter(file->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL)) &&
                  !ZSTD_isError(ZSTD_CCtx_setParameter(file->zstd, ZSTD_c_checksumFlag, 1));
    }
    return is_good ? QTA_OK : qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
}

static enum qta_status open_file(struct qta_output_file *file, const char *path, bool may_pack,
                                 struct qta_error *err)
{
    size_t length = strlen(path);
    file->path = strdup(path);
    file->growing = malloc(length + sizeof ".tmp");
    if (!file->path || !file->growing)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    memcpy(file->growing, path, length);
    memcpy(file->growing + length, ".tmp", sizeof ".tmp");
    enum qta_status status = may_pack ? start_packing(file, err) : QTA_OK;
    if (status != QTA_OK)
        return status;
    struct qta_environment *env = file->environment;
    file->fd = env->ops->open_at(env, AT_FDCWD, file->growing, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file->fd < 0)
        return qta_error_set_errno(err, "cannot create '%s'", file->growing);
    file->is_on_disk = true;
    return QTA_OK;
}

enum qta_status qta_output_file_create(struct qta_output_file **out, const char *path,
                                       bool may_pack, struct qta_environment *environment,
                                       struct qta_error *err)
{
    assert(out && path && environment);
    struct qta_output_file *file = calloc(1, sizeof *file);
    if (!file)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory opening '%s'", path);
    file->environment = environment;
    file->fd = -1;
    enum qta_status status = open_file(file, path, may_pack, err);
    if (status != QTA_OK) {
        qta_output_file_destroy(file);
        return status;
    }
    *out = file;
    return QTA_OK;
}

enum qta_status qta_output_file_create_stream(struct qta_output_file **out,
                                              qta_output_callback callback, void *user,
                                              struct qta_error *err)
{
    assert(out && callback);
    struct qta_output_file *file = calloc(1, sizeof *file);
    if (!file)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    file->callback = callback;
    file->user = user;
    file->fd = -1;
    *out = file;
    return QTA_OK;
}

void qta_output_file_destroy(struct qta_output_file *file)
{
    if (!file)
        return;
    struct qta_environment *env = file->environment;
    if (file->fd >= 0)
        env->ops->close(env, file->fd);
    if (file->is_on_disk)
        env->ops->unlink_at(env, AT_FDCWD, file->growing);
    if (file->has_gzip)
        deflateEnd(&file->gzip);
    ZSTD_freeCCtx(file->zstd);
    free(file->path);
    free(file->growing);
    free(file);
}

/* ---- writing ----------------------------------------------------------------------------------
 */

static enum qta_status put(struct qta_output_file *file, const void *bytes, size_t length,
                           struct qta_error *err)
{
    if (length == 0)
        return QTA_OK;
    if (file->callback) {
        if (!file->callback(file->user, bytes, length))
            return qta_error_set(err, QTA_ERR_STATE, "whoever takes the output wants no more");
    } else {
        struct qta_environment *env = file->environment;
        if (env->ops->pwrite(env, file->fd, bytes, length, (int64_t)file->bytes) != 0)
            return qta_error_set_errno(err, "cannot write '%s'", file->path);
    }
    file->bytes += length;
    return QTA_OK;
}

static enum qta_status put_gzip(struct qta_output_file *file, bool is_last, struct qta_error *err)
{
    z_stream *gzip = &file->gzip;
    gzip->next_in = file->buffer;
    gzip->avail_in = (unsigned)file->used;
    int result;
    do {
        gzip->next_out = file->packed;
        gzip->avail_out = sizeof file->packed;
        result = deflate(gzip, is_last ? Z_FINISH : Z_NO_FLUSH);
        assert(result != Z_STREAM_ERROR);
        enum qta_status status = put(file, file->packed, sizeof file->packed - gzip->avail_out,
                                     err);
        if (status != QTA_OK)
            return status;
    } while (gzip->avail_in > 0 || (is_last && result != Z_STREAM_END));
    return QTA_OK;
}

static enum qta_status put_zstd(struct qta_output_file *file, bool is_last, struct qta_error *err)
{
    ZSTD_inBuffer in = {file->buffer, file->used, 0};
    size_t left;
    do {
        ZSTD_outBuffer out = {file->packed, sizeof file->packed, 0};
        left = ZSTD_compressStream2(file->zstd, &out, &in, is_last ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left))
            return qta_error_set(err, QTA_ERR_NOMEM, "cannot pack '%s': zstd: %s", file->path,
                                 ZSTD_getErrorName(left));
        enum qta_status status = put(file, out.dst, out.pos, err);
        if (status != QTA_OK)
            return status;
    } while (in.pos < in.size || (is_last && left != 0));
    return QTA_OK;
}

static enum qta_status flush(struct qta_output_file *file, bool is_last, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    switch (file->packing) {
    case PACKING_GZIP:
        status = put_gzip(file, is_last, err);
        break;
    case PACKING_ZSTD:
        status = put_zstd(file, is_last, err);
        break;
    case PACKING_PLAIN:
        status = put(file, file->buffer, file->used, err);
        break;
    }
    file->used = 0;
    return status;
}

enum qta_status qta_output_file_write(struct qta_output_file *file, const void *bytes,
                                      size_t length, struct qta_error *err)
{
    const unsigned char *from = bytes;
    file->offset += length;
    while (length > 0) {
        size_t room = sizeof file->buffer - file->used;
        size_t part = length < room ? length : room;
        memcpy(file->buffer + file->used, from, part);
        file->used += part;
        from += part;
        length -= part;
        enum qta_status status = file->used == sizeof file->buffer ? flush(file, false, err)
                                                                   : QTA_OK;
        if (status != QTA_OK)
            return status;
    }
    return QTA_OK;
}

uint64_t qta_output_file_offset(const struct qta_output_file *file)
{
    return file->offset;
}

uint64_t qta_output_file_bytes(const struct qta_output_file *file)
{
    return file->bytes;
}

enum qta_status qta_output_file_finish(struct qta_output_file *file, struct qta_error *err)
{
    enum qta_status status = flush(file, true, err);
    if (status != QTA_OK || file->callback)
        return status;
    struct qta_environment *env = file->environment;
    if (env->ops->sync(env, file->fd) != 0)
        return qta_error_set_errno(err, "cannot write '%s'", file->path);
    if (env->ops->rename_at(env, AT_FDCWD, file->growing, file->path) != 0)
        return qta_error_set_errno(err, "cannot rename '%s' to '%s'", file->growing, file->path);
    file->is_on_disk = false;
    return QTA_OK;
}
