/** @file error.h
 *  A code for the program, a sentence for the person.
 *
 *  Functions that can fail return an enum qta_status and take a struct qta_error last. The lowest
 *  layer states the cause; each layer above puts in front what it was trying to do:
 *
 *      struct qta_error err;
 *      if (qta_gateway_create(&gateway, options, &err) != QTA_OK)
 *          fprintf(stderr, "my-program: %s\n", err.message);
 *
 *  Every function that takes an error accepts NULL for it. */
#ifndef QTA_ERROR_H
#define QTA_ERROR_H

#include <qta/export.h>

#ifdef __cplusplus
extern "C" {
#endif

enum qta_status {
    QTA_OK = 0,
    QTA_ERR_USAGE = 1,    /**< an argument or option is wrong; nothing was done */
    QTA_ERR_CONFIG = 2,   /**< the configuration is wrong; nothing was opened */
    QTA_ERR_NOMEM = 3,    /**< out of memory */
    QTA_ERR_IO = 4,       /**< the operating system refused a file operation */
    QTA_ERR_NO_SPACE = 5, /**< the disk or a quota is full */
    QTA_ERR_NOT_FOUND = 6,
    QTA_ERR_FORMAT = 7,    /**< not a file of ours, or a newer version of one */
    QTA_ERR_DAMAGED = 8,   /**< a file of ours that fails its checksum */
    QTA_ERR_LOCKED = 9,    /**< another process writes this session */
    QTA_ERR_PROTOCOL = 10, /**< the peer sent what its protocol does not allow */
    QTA_ERR_FEED = 11,     /**< the provider is lost, and will be tried again */
    QTA_ERR_REFUSED = 12,  /**< the provider refused for good: bad key, not entitled */
    QTA_ERR_RANGE = 13,    /**< a number does not fit */
    QTA_ERR_STATE = 14,    /**< the call does not fit the object's state */
    QTA_ERR_END = 15,      /**< nothing more to read */
    QTA_ERR_TOO_SLOW = 16, /**< a subscriber was disconnected: QTA_OVERFLOW_DISCONNECT */
};

enum { QTA_ERROR_MESSAGE_BYTES = 512 };

/** Plain value; copy it as you like. */
struct qta_error {
    enum qta_status status;
    char message[QTA_ERROR_MESSAGE_BYTES]; /**< one line, no newline, no full stop; may be cut */
};

/** Fills err (NULL is fine) and returns status, so that a caller can `return qta_error_set(...)`.
 */
QTA_API enum qta_status qta_error_set(struct qta_error *err, enum qta_status status,
                                      const char *format, ...) QTA_PRINTF(3, 4);

/** The same with ": " and the text of errno behind it. ENOSPC and EDQUOT become QTA_ERR_NO_SPACE,
 *  ENOENT becomes QTA_ERR_NOT_FOUND, ENOMEM QTA_ERR_NOMEM, all others QTA_ERR_IO. */
QTA_API enum qta_status qta_error_set_errno(struct qta_error *err, const char *format, ...)
    QTA_PRINTF(2, 3);

/** Puts "format: " in front of the message that err holds; keeps and returns its status. */
QTA_API enum qta_status qta_error_prefix(struct qta_error *err, enum qta_status status,
                                         const char *format, ...) QTA_PRINTF(3, 4);

/** The name of a status, e.g. "damaged". Static. */
QTA_API const char *qta_status_name(enum qta_status status);

#ifdef __clang_analyzer__ /* which looks into one file at a time: what they return */
#define qta_error_set(err, status, ...) (qta_error_set(err, status, __VA_ARGS__), (status))
#define qta_error_set_errno(err, ...) (qta_error_set_errno(err, __VA_ARGS__), QTA_ERR_IO)
#endif

#ifdef __cplusplus
}
#endif

#endif
