/** @file tls.h
 *  TLS as a client, by OpenSSL: version 1.2 or later, certificate and host name checked.
 *
 *  A context holds what is trusted; a session is one connection's. A reconnect to the same host
 * takes up the TLS session that the server gave a ticket for, which saves it and us a round trip
 * and the certificates (RFC 8446 section 2.2); a ticket of TLS 1.3 is used once. Contexts that
 * check nothing are not kept, and so never resume. Network thread only. */
#ifndef QTA_RECORDER_TLS_H
#define QTA_RECORDER_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

/** How a read, a write or a handshake on a socket that does not block went. */
enum qta_io {
    QTA_IO_DONE = 0,
    QTA_IO_WAIT_READ,  /**< again when there is something to read */
    QTA_IO_WAIT_WRITE, /**< again when there is room to write */
    QTA_IO_CLOSED,     /**< the peer has ended the connection */
    QTA_IO_FAILED,
};

struct qta_tls_context;
struct qta_tls_session;

/** Contexts that were made before: loading the system's authorities takes a fifth of a second,
 * which no reconnect should cost the other connections. Zero-initialize. */
struct qta_tls_store {
    struct qta_tls_stored *first;
};

/** Frees. Contexts that were given out stay. */
void qta_tls_store_finish(struct qta_tls_store *store);

/** Trusts the authorities in ca_file (PEM) alone, or the system's when it is NULL. is_insecure
 *  accepts any certificate. The file is read again when it has changed. QTA_ERR_CONFIG: it cannot
 * be read or holds no certificate. */
enum qta_status qta_tls_context_create(struct qta_tls_context **out, struct qta_tls_store *store,
                                       const char *ca_file, bool is_insecure,
                                       struct qta_error *err);

/** NULL is fine. Sessions keep what they need. */
void qta_tls_context_destroy(struct qta_tls_context *context);

/** A session on a connected socket, which it does not own. The certificate must be for host, a name
 *  or an address. is_http: says so to the server (ALPN "http/1.1"). QTA_ERR_NOMEM. */
enum qta_status qta_tls_session_create(struct qta_tls_session **out,
                                       const struct qta_tls_context *context, const char *host,
                                       bool is_http, int fd, struct qta_error *err);

/** Says goodbye to the peer without waiting, and frees. NULL is fine. */
void qta_tls_session_destroy(struct qta_tls_session *session);

enum qta_io qta_tls_session_handshake(struct qta_tls_session *session);

/** Reads what is there. *got bytes are good whatever is returned: DONE when the buffer is full
 * (more may be there, and no poll would tell), WAIT when nothing is left, CLOSED or FAILED when the
 * end followed. */
enum qta_io qta_tls_session_read(struct qta_tls_session *session, uint8_t *bytes, size_t capacity,
                                 size_t *got);

/** Writes some of it. After WAIT the same bytes must come first in the next write. */
enum qta_io qta_tls_session_write(struct qta_tls_session *session, const uint8_t *bytes,
                                  size_t length, size_t *put);

/** Why the last call failed, as a sentence; says whether the peer's certificate is the reason. */
void qta_tls_session_describe_failure(const struct qta_tls_session *session, char *text,
                                      size_t capacity, bool *is_certificate);

#endif
