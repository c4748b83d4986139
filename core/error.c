/* Errors: a status and a sentence, set at the bottom and prefixed on the way up. */
#include <qta/error.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#ifdef __clang_analyzer__ /* here are the functions, not what the header says of them */
#undef qta_error_set
#undef qta_error_set_errno
#endif

static void set_message(struct qta_error *err, enum qta_status status, const char *format,
                        va_list arguments)
{
    err->status = status;
    vsnprintf(err->message, sizeof err->message, format, arguments);
}

enum qta_status qta_error_set(struct qta_error *err, enum qta_status status, const char *format,
                              ...)
{
    if (!err)
        return status;
    va_list arguments;
    va_start(arguments, format);
    set_message(err, status, format, arguments);
    va_end(arguments);
    return status;
}

static enum qta_status status_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return QTA_ERR_NO_SPACE;
    case ENOENT:
        return QTA_ERR_NOT_FOUND;
    case ENOMEM:
        return QTA_ERR_NOMEM;
    default:
        return QTA_ERR_IO;
    }
}

enum qta_status qta_error_set_errno(struct qta_error *err, const char *format, ...)
{
    int number = errno;
    enum qta_status status = status_of_errno(number);
    if (!err)
        return status;
    va_list arguments;
    va_start(arguments, format);
    set_message(err, status, format, arguments);
    va_end(arguments);
    char text[128];
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s",
             strerror_r(number, text, sizeof text));
    return status;
}

enum qta_status qta_error_prefix(struct qta_error *err, enum qta_status status, const char *format,
                                 ...)
{
    if (!err)
        return status;
    char message[QTA_ERROR_MESSAGE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (length < 0)
        return status;
    size_t used = (size_t)length < sizeof message ? (size_t)length : sizeof message - 1;
    snprintf(message + used, sizeof message - used, ": %s", err->message);
    memcpy(err->message, message, sizeof message);
    return status;
}

const char *qta_status_name(enum qta_status status)
{
    static const char *const names[] = {
        [QTA_OK] = "ok",
        [QTA_ERR_USAGE] = "usage",
        [QTA_ERR_CONFIG] = "configuration",
        [QTA_ERR_NOMEM] = "out of memory",
        [QTA_ERR_IO] = "input/output",
        [QTA_ERR_NO_SPACE] = "no space",
        [QTA_ERR_NOT_FOUND] = "not found",
        [QTA_ERR_FORMAT] = "format",
        [QTA_ERR_DAMAGED] = "damaged",
        [QTA_ERR_LOCKED] = "locked",
        [QTA_ERR_PROTOCOL] = "protocol",
        [QTA_ERR_FEED] = "feed lost",
        [QTA_ERR_REFUSED] = "refused",
        [QTA_ERR_RANGE] = "out of range",
        [QTA_ERR_STATE] = "wrong state",
        [QTA_ERR_END] = "end",
        [QTA_ERR_TOO_SLOW] = "too slow",
    };
    size_t index = (size_t)status;
    return index < sizeof names / sizeof names[0] && names[index] ? names[index] : "unknown";
}
