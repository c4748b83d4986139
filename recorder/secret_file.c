/* Links are followed, since secrets are often mounted as such; the checks are made on what was
 * opened. */
#include "recorder/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/secret.h"

const char *qta_secret_fault(const char *secret)
{
    if (secret[0] == '\0')
        return "is empty";
    for (; *secret; secret++) {
        unsigned char byte = (unsigned char)*secret;
        if (byte == '\n' || byte == '\r')
            return "has more than one line";
        if (byte < 0x20 || byte == 0x7f)
            return "has control characters in it";
    }
    return "";
}

void qta_secret_cut_line_end(char *text, size_t length)
{
    if (length > 0 && text[length - 1] == '\n')
        text[--length] = '\0';
    if (length > 0 && text[length - 1] == '\r')
        text[length - 1] = '\0';
}

static enum qta_status check_file(int fd, const char *path, bool is_guarded, struct qta_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return qta_error_set_errno(err, "cannot read '%s'", path);
    if (!S_ISREG(status.st_mode))
        return qta_error_set(err, QTA_ERR_CONFIG, "'%s' is not a file", path);
    if (!is_guarded && (status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "'%s' is open to others than its owner (mode %04o): chmod 600 '%s'",
                             path, (unsigned)(status.st_mode & 07777), path);
    if (status.st_size > QTA_SECRET_BYTES_MAX)
        return qta_error_set(err, QTA_ERR_CONFIG, "'%s' is larger than 64 KiB: no key", path);
    return QTA_OK;
}

/* Reads up to capacity bytes. False and errno on failure. */
static bool read_all(int fd, char *bytes, size_t capacity, size_t *length)
{
    *length = 0;
    while (*length < capacity) {
        ssize_t count = read(fd, bytes + *length, capacity - *length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return false;
        if (count == 0)
            break;
        *length += (size_t)count;
    }
    return true;
}

static enum qta_status read_secret(int fd, char **secret, const char *path, struct qta_error *err)
{
    size_t length;
    char *text = qta_secret_create(QTA_SECRET_BYTES_MAX + 2);
    if (!text)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for '%s'", path);
    enum qta_status status = QTA_OK;
    if (!read_all(fd, text, QTA_SECRET_BYTES_MAX + 1, &length)) {
        status = qta_error_set_errno(err, "cannot read '%s'", path);
    } else if (length > QTA_SECRET_BYTES_MAX || memchr(text, '\0', length)) {
        status = qta_error_set(err, QTA_ERR_CONFIG, "'%s' is no text of at most 64 KiB: no key",
                               path);
    } else {
        qta_secret_cut_line_end(text, length);
        const char *fault = qta_secret_fault(text);
        *secret = fault[0] == '\0' ? qta_secret_copy(text) : NULL;
        if (fault[0] != '\0')
            status = qta_error_set(err, QTA_ERR_CONFIG, "'%s' %s: it must be a key alone", path,
                                   fault);
        else if (!*secret)
            status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for '%s'", path);
    }
    qta_secret_free(text);
    return status;
}

enum qta_status qta_secret_file_read(char **secret, const char *path, bool is_guarded,
                                     struct qta_error *err)
{
    *secret = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return qta_error_set_errno(err, "cannot read '%s'", path);
    enum qta_status status = check_file(fd, path, is_guarded, err);
    if (status == QTA_OK)
        status = read_secret(fd, secret, path, err);
    close(fd);
    return status;
}
