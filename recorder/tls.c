/* TLS by OpenSSL. Errors are put into words at once: OpenSSL's queue belongs to the thread and is
 * overwritten by the next connection. */
#include "recorder/tls.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    RECORD_BYTES_MAX = 16384,
    READ_BUFFER_BYTES = 65536,
    HOST_BYTES = 256,
    FILE_NAME_BYTES = 1024,
    FAILURE_BYTES = 512,
    TICKETS_MAX = 16,
};

struct qta_tls_context {
    SSL_CTX *ssl;
};

struct qta_tls_session {
    SSL *ssl;
    bool is_established;
    bool is_dead; /* after a fatal error not even a goodbye may be sent */
    bool is_certificate;
    char host[HOST_BYTES];
    char failure[FAILURE_BYTES];
};

/* ---- store ---- */

struct qta_tls_stored {
    struct qta_tls_stored *next;
    SSL_CTX *ssl;
    struct stat file;              /* as it was when it was read */
    char ca_file[FILE_NAME_BYTES]; /* "" for the system's */
};

/* The file that tells whether what is trusted has changed. All zero when there is none. */
static void file_state(const char *ca_file, struct stat *file)
{
    if (!ca_file)
        ca_file = getenv(X509_get_default_cert_file_env());
    if (!ca_file)
        ca_file = X509_get_default_cert_file();
    if (stat(ca_file, file) != 0)
        memset(file, 0, sizeof *file);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* A reference to the context that trusts this file as it is now; NULL when there is none. */
static SSL_CTX *store_find(struct qta_tls_store *store, const char *ca_file)
{
    struct stat file;
    file_state(ca_file, &file);
    for (struct qta_tls_stored **where = &store->first; *where; where = &(*where)->next) {
        struct qta_tls_stored *stored = *where;
        if (strcmp(stored->ca_file, ca_file ? ca_file : "") != 0)
            continue;
        if (is_same_file(&stored->file, &file) && SSL_CTX_up_ref(stored->ssl) == 1)
            return stored->ssl;
        *where = stored->next;
        SSL_CTX_free(stored->ssl);
        free(stored);
        break;
    }
    return NULL;
}

/* Keeps a reference for the next connection. Without memory that one loads the file again. */
static void store_add(struct qta_tls_store *store, const char *ca_file, SSL_CTX *ssl)
{
    struct qta_tls_stored *stored = calloc(1, sizeof *stored);
    if (!stored)
        return;
    int length = snprintf(stored->ca_file, sizeof stored->ca_file, "%s", ca_file ? ca_file : "");
    if ((size_t)length >= sizeof stored->ca_file || SSL_CTX_up_ref(ssl) != 1) {
        free(stored);
        return;
    }
    file_state(ca_file, &stored->file);
    stored->ssl = ssl;
    stored->next = store->first;
    store->first = stored;
}

void qta_tls_store_finish(struct qta_tls_store *store)
{
    struct qta_tls_stored *stored;
    while ((stored = store->first)) {
        store->first = stored->next;
        SSL_CTX_free(stored->ssl);
        free(stored);
    }
}

/* ---- tickets ---- */

/* What servers gave for the next connection, with the context that has checked them. */
struct tickets {
    struct {
        char host[HOST_BYTES];
        SSL_SESSION *ticket;
    } kept[TICKETS_MAX];
    size_t next; /* to be overwritten */
};

static void free_tickets(void *parent, void *value, CRYPTO_EX_DATA *data, int index, long number,
                         void *pointer)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    struct tickets *tickets = value;
    for (size_t i = 0; tickets && i < TICKETS_MAX; i++)
        SSL_SESSION_free(tickets->kept[i].ticket);
    free(tickets);
}

static int tickets_index_made;

static void make_tickets_index(void)
{
    tickets_index_made = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_tickets);
}

/* OpenSSL's index of what we hang on to a context; the webhook's thread may be first to ask. */
static int tickets_index(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_tickets_index);
    return tickets_index_made;
}

/* The newest ticket of a host is the one to keep. OpenSSL's callback: 1 takes the reference over.
 */
static int on_ticket(SSL *ssl, SSL_SESSION *ticket)
{
    const struct qta_tls_session *session = SSL_get_app_data(ssl);
    struct tickets *tickets = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), tickets_index());
    if (!tickets || !session)
        return 0;
    size_t place = 0;
    while (place < TICKETS_MAX && strcmp(tickets->kept[place].host, session->host) != 0)
        place++;
    if (place == TICKETS_MAX) {
        place = tickets->next;
        tickets->next = (tickets->next + 1) % TICKETS_MAX;
    }
    SSL_SESSION_free(tickets->kept[place].ticket);
    snprintf(tickets->kept[place].host, HOST_BYTES, "%s", session->host);
    tickets->kept[place].ticket = ticket;
    return 1;
}

/* Without memory every connection makes a session anew. */
static void tickets_collect(SSL_CTX *ssl)
{
    struct tickets *tickets = calloc(1, sizeof *tickets);
    if (!tickets || SSL_CTX_set_ex_data(ssl, tickets_index(), tickets) != 1) {
        free(tickets);
        return;
    }
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ssl, on_ticket);
}

/* Ours to free; NULL for none. */
static SSL_SESSION *tickets_take(const SSL_CTX *ssl, const char *host)
{
    struct tickets *tickets = SSL_CTX_get_ex_data(ssl, tickets_index());
    for (size_t i = 0; tickets && i < TICKETS_MAX; i++) {
        if (strcmp(tickets->kept[i].host, host) != 0)
            continue;
        SSL_SESSION *ticket = tickets->kept[i].ticket;
        /* a server of TLS 1.2 gives a new one only when it wants to, and expects the old one again
         */
        bool is_lasting = ticket && SSL_SESSION_get_protocol_version(ticket) < TLS1_3_VERSION;
        if (!is_lasting || SSL_SESSION_up_ref(ticket) != 1)
            tickets->kept[i].ticket = NULL;
        return ticket;
    }
    return NULL;
}

/* ---- context ---- */

/* The first reason in OpenSSL's queue; empties it. */
static const char *first_reason(void)
{
    unsigned long code = ERR_get_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return reason ? reason : "unknown error";
}

static enum qta_status context_trust(SSL_CTX *ssl, const char *ca_file, struct qta_error *err)
{
    ERR_clear_error();
    if (!ca_file) {
        if (SSL_CTX_set_default_verify_paths(ssl) != 1)
            return qta_error_set(err, QTA_ERR_CONFIG,
                                 "cannot load the system's certificate authorities: %s",
                                 first_reason());
        return QTA_OK;
    }
    FILE *file = fopen(ca_file, "re"); /* for a better message than OpenSSL's */
    if (!file) {
        qta_error_set_errno(err, "cannot read certificate authorities from '%s'", ca_file);
        if (err)
            err->status = QTA_ERR_CONFIG;
        return QTA_ERR_CONFIG;
    }
    fclose(file);
    if (SSL_CTX_load_verify_locations(ssl, ca_file, NULL) != 1)
        return qta_error_set(err, QTA_ERR_CONFIG, "no certificate authority in '%s': %s", ca_file,
                             first_reason());
    return QTA_OK;
}

static SSL_CTX *context_prepare(void)
{
    SSL_CTX *ssl = SSL_CTX_new(TLS_client_method());
    if (!ssl)
        return NULL;
    tickets_collect(ssl);
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ssl, 1); /* several records a system call */
    SSL_CTX_set_default_read_buffer_len(ssl, READ_BUFFER_BYTES);
    return ssl;
}

enum qta_status qta_tls_context_create(struct qta_tls_context **out, struct qta_tls_store *store,
                                       const char *ca_file, bool is_insecure, struct qta_error *err)
{
    assert(out);
    struct qta_tls_context *context = calloc(1, sizeof *context);
    if (!context)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory preparing TLS");
    context->ssl = is_insecure ? NULL : store_find(store, ca_file);
    enum qta_status status = QTA_OK;
    if (!context->ssl) {
        context->ssl = context_prepare();
        if (!context->ssl) {
            status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory preparing TLS");
        } else if (is_insecure) {
            SSL_CTX_set_verify(context->ssl, SSL_VERIFY_NONE, NULL);
        } else {
            SSL_CTX_set_verify(context->ssl, SSL_VERIFY_PEER, NULL);
            status = context_trust(context->ssl, ca_file, err);
            if (status == QTA_OK)
                store_add(store, ca_file, context->ssl);
        }
    }
    if (status != QTA_OK) {
        qta_tls_context_destroy(context);
        return status;
    }
    *out = context;
    return QTA_OK;
}

void qta_tls_context_destroy(struct qta_tls_context *context)
{
    if (!context)
        return;
    SSL_CTX_free(context->ssl);
    free(context);
}

/* ---- session ---- */

static bool is_address(const char *host)
{
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

/* Tells both sides the name: the server, to choose a certificate, and ourselves, to check it. */
static bool session_set_host(SSL *ssl, const char *host)
{
    if (is_address(host))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

/* A refusal of either costs nothing: the server then has no say, or sends its certificates again.
 */
static void session_make_offers(struct qta_tls_session *session, bool is_http)
{
    static const unsigned char http[] = "\x08http/1.1";
    SSL_SESSION *ticket = tickets_take(SSL_get_SSL_CTX(session->ssl), session->host);
    if (is_http)
        SSL_set_alpn_protos(session->ssl, http, sizeof http - 1);
    if (ticket)
        SSL_set_session(session->ssl, ticket);
    SSL_SESSION_free(ticket);
}

enum qta_status qta_tls_session_create(struct qta_tls_session **out,
                                       const struct qta_tls_context *context, const char *host,
                                       bool is_http, int fd, struct qta_error *err)
{
    assert(out);
    struct qta_tls_session *session = calloc(1, sizeof *session);
    if (session)
        session->ssl = SSL_new(context->ssl);
    if (!session || !session->ssl || SSL_set_fd(session->ssl, fd) != 1 ||
        !session_set_host(session->ssl, host)) {
        qta_tls_session_destroy(session);
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot prepare TLS for '%s': %s", host,
                             first_reason());
    }
    SSL_set_connect_state(session->ssl);
    snprintf(session->host, sizeof session->host, "%s", host);
    SSL_set_app_data(session->ssl, session);
    session_make_offers(session, is_http);
    *out = session;
    return QTA_OK;
}

void qta_tls_session_destroy(struct qta_tls_session *session)
{
    if (!session)
        return;
    if (session->ssl && session->is_established && !session->is_dead) {
        ERR_clear_error();
        SSL_shutdown(session->ssl);
        ERR_clear_error();
    }
    SSL_free(session->ssl);
    free(session);
}

/* What a person can do about it. */
static const char *certificate_remedy(long result)
{
    switch (result) {
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        return " (if it is a private one, name its authority as CA file)";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return " (is this machine's clock right?)";
    default:
        return "";
    }
}

static void session_fail_by_certificate(struct qta_tls_session *session, long result)
{
    session->is_certificate = true;
    snprintf(session->failure, sizeof session->failure,
             "the certificate of '%s' was not accepted: %s%s", session->host,
             X509_verify_cert_error_string(result), certificate_remedy(result));
}

static void session_fail(struct qta_tls_session *session, const char *what, const char *reason)
{
    snprintf(session->failure, sizeof session->failure, "%s: %s", what, reason);
}

/* What an error of OpenSSL means for us. errno is the one of the call. */
static enum qta_io session_result(struct qta_tls_session *session, int result, const char *what)
{
    int number = errno;
    switch (SSL_get_error(session->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return QTA_IO_WAIT_READ;
    case SSL_ERROR_WANT_WRITE:
        return QTA_IO_WAIT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return QTA_IO_CLOSED;
    case SSL_ERROR_SYSCALL:
        session->is_dead = true;
        if (number == 0)
            return QTA_IO_CLOSED;
        char text[64];
        session_fail(session, what, strerror_r(number, text, sizeof text));
        errno = number;
        return QTA_IO_FAILED;
    default:
        session->is_dead = true;
        if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            ERR_clear_error();
            return QTA_IO_CLOSED;
        }
        bool is_plain = ERR_GET_REASON(ERR_peek_error()) == SSL_R_WRONG_VERSION_NUMBER;
        session_fail(session, what, first_reason());
        if (is_plain)
            session_fail(session, what, "the other side does not speak TLS on this port");
        errno = EPROTO;
        return QTA_IO_FAILED;
    }
}

enum qta_io qta_tls_session_handshake(struct qta_tls_session *session)
{
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(session->ssl);
    if (result == 1) {
        session->is_established = true;
        return QTA_IO_DONE;
    }
    enum qta_io io = session_result(session, result, "the TLS handshake failed");
    long verified = SSL_get_verify_result(session->ssl);
    if (io == QTA_IO_FAILED && verified != X509_V_OK)
        session_fail_by_certificate(session, verified);
    return io;
}

enum qta_io qta_tls_session_read(struct qta_tls_session *session, uint8_t *bytes, size_t capacity,
                                 size_t *got)
{
    *got = 0;
    while (capacity - *got >= RECORD_BYTES_MAX) {
        size_t part = 0;
        ERR_clear_error();
        errno = 0;
        int result = SSL_read_ex(session->ssl, bytes + *got, capacity - *got, &part);
        if (result != 1)
            return session_result(session, result, "TLS failed");
        *got += part;
    }
    return QTA_IO_DONE;
}

enum qta_io qta_tls_session_write(struct qta_tls_session *session, const uint8_t *bytes,
                                  size_t length, size_t *put)
{
    *put = 0;
    ERR_clear_error();
    errno = 0;
    int result = SSL_write_ex(session->ssl, bytes, length, put);
    return result == 1 ? QTA_IO_DONE : session_result(session, result, "TLS failed");
}

void qta_tls_session_describe_failure(const struct qta_tls_session *session, char *text,
                                      size_t capacity, bool *is_certificate)
{
    snprintf(text, capacity, "%s", session->failure);
    *is_certificate = session->is_certificate;
}
