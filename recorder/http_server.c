/* libwebsockets' HTTP role in a context of its own. Listening sockets are ours and accepted ones
 * are handed over, as in replay/ws_listener.c: so a port that is taken is an error with a reason,
 * and connections over the limit never get as far as the parser. */
#include "recorder/http_server.h"

#include <assert.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <qta/log.h>

enum {
    LISTENERS_MAX = 2,
    BACKLOG = 64,
    HEADER_BYTES_MAX = 4096,
    REQUEST_TIMEOUT_S = 5, /* for all headers of a request, and for taking an answer */
    KEEP_ALIVE_S = 30,     /* longer than most scrape intervals' jitter, not than an interval */
    ACCEPTS_AT_ONCE = 64,  /* so that a flood of connections cannot keep the others waiting */
    PIECE_BYTES = 16384,   /* of a body, at once */
    PATH_BYTES = 256,
    ACCEPT_BYTES = 512,
};

/* What libwebsockets keeps for each connection. */
struct exchange {
    struct qta_byte_buffer out; /* LWS_PRE, then the answer's body */
    size_t sent;
    bool closes; /* nothing more is taken from this connection */
};

struct listener {
    int fd;
    struct lws *wsi; /* the library's view of fd; it closes it */
};

struct qta_http_server {
    struct lws_context *context;
    struct lws_vhost *vhost;
    lws_sorted_usec_list_t timer;
    struct listener listeners[LISTENERS_MAX];
    size_t listener_count;
    qta_http_respond respond;
    void *user;
    uint64_t requests;
    uint64_t failures;
    uint64_t rejected;
    uint64_t connected;
};

/* ---- answers ----------------------------------------------------------------------------------
 */

static void answer_text(struct qta_http_response *response, int status, const char *text)
{
    qta_byte_buffer_clear(&response->body);
    response->status = status;
    response->content_type = "text/plain; charset=utf-8";
    qta_byte_buffer_append(&response->body, text, strlen(text));
}

static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int capacity)
{
    if (lws_hdr_copy(wsi, out, capacity, token) < 0)
        out[0] = '\0';
}

static bool is_body_announced(struct lws *wsi)
{
    char length[32];
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH, length, sizeof length);
    return length[strspn(length, "0 ")] != '\0' ||
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_TRANSFER_ENCODING) > 0 ||
           lws_hdr_total_length(wsi, WSI_TOKEN_HTTP_CONTENT_LENGTH) >= (int)sizeof length;
}

static void make_response(struct qta_http_server *server, struct lws *wsi, const char *path,
                          bool is_known_method, struct qta_http_response *response)
{
    char accept[ACCEPT_BYTES];
    copy_header(wsi, WSI_TOKEN_HTTP_ACCEPT, accept, sizeof accept);
    const struct qta_http_request request = {.path = path, .accept = accept};
    if (!is_known_method)
        answer_text(response, 405, "only GET and HEAD are answered here\n");
    else if (is_body_announced(wsi))
        answer_text(response, 413, "requests have no body here\n");
    else if (!server->respond(server->user, &request, response))
        answer_text(response, 404, "have: /metrics /healthz /readyz /status\n");
    if (response->body.is_failed)
        answer_text(response, 503, "out of memory\n");
}

/* Headers and body are put behind one another and sent piece by piece. Nonzero: close. */
static int send_headers(struct qta_http_server *server, struct lws *wsi,
                        const struct qta_http_response *response, bool closes)
{
    unsigned char buffer[LWS_PRE + 1024];
    unsigned char *start = buffer + LWS_PRE;
    unsigned char *at = start;
    unsigned char *end = buffer + sizeof buffer;
    static const char no_store[] = "no-store";
    static const char allow[] = "GET, HEAD";
    static const char close_text[] = "close";
    if (lws_add_http_common_headers(wsi, (unsigned)response->status, response->content_type,
                                    response->body.length, &at, end) ||
        lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_CACHE_CONTROL,
                                     (const unsigned char *)no_store, sizeof no_store - 1, &at,
                                     end) ||
        (response->status == 405 &&
         lws_add_http_header_by_token(wsi, WSI_TOKEN_HTTP_ALLOW, (const unsigned char *)allow,
                                      sizeof allow - 1, &at, end)) ||
        (closes &&
         lws_add_http_header_by_token(wsi, WSI_TOKEN_CONNECTION, (const unsigned char *)close_text,
                                      sizeof close_text - 1, &at, end)) ||
        lws_finalize_write_http_header(wsi, start, &at, end))
        return -1;
    server->requests++;
    if (response->status >= 400)
        server->failures++;
    return 0;
}

static int answer(struct qta_http_server *server, struct lws *wsi, struct exchange *exchange)
{
    char path[PATH_BYTES];
    bool is_get = lws_hdr_total_length(wsi, WSI_TOKEN_GET_URI) > 0;
    bool is_head = !is_get && lws_hdr_total_length(wsi, WSI_TOKEN_HEAD_URI) > 0;
    copy_header(wsi, is_head ? WSI_TOKEN_HEAD_URI : WSI_TOKEN_GET_URI, path, sizeof path);
    struct qta_http_response response = {.status = 200, .content_type = "text/plain"};
    make_response(server, wsi, path, is_get || is_head, &response);
    /* a body that is announced is not read: what follows cannot be another request */
    bool closes = response.status == 405 || response.status == 413;
    if (send_headers(server, wsi, &response, closes) != 0) {
        qta_byte_buffer_finish(&response.body);
        return -1;
    }
    bool is_sent = is_head || response.body.length == 0;
    if (!is_sent) {
        static const uint8_t room[LWS_PRE];
        qta_byte_buffer_clear(&exchange->out);
        qta_byte_buffer_append(&exchange->out, room, sizeof room);
        qta_byte_buffer_append(&exchange->out, response.body.bytes, response.body.length);
        exchange->sent = 0;
        exchange->closes = closes;
    }
    qta_byte_buffer_finish(&response.body);
    if (!is_sent && exchange->out.is_failed)
        return -1;
    if (is_sent)
        return closes || lws_http_transaction_completed(wsi) ? -1 : 0;
    lws_set_timeout(wsi, PENDING_TIMEOUT_HTTP_CONTENT, REQUEST_TIMEOUT_S);
    lws_callback_on_writable(wsi);
    return 0;
}

/* Nonzero: close. */
static int write_piece(struct lws *wsi, struct exchange *exchange)
{
    if (!exchange || exchange->out.length <= LWS_PRE)
        return 0;
    size_t left = exchange->out.length - LWS_PRE - exchange->sent;
    size_t length = left < PIECE_BYTES ? left : PIECE_BYTES;
    bool is_last = length == left;
    /* the library writes its own bytes in front, over what has been sent already */
    int written = lws_write(wsi, exchange->out.bytes + LWS_PRE + exchange->sent, length,
                            is_last ? LWS_WRITE_HTTP_FINAL : LWS_WRITE_HTTP);
    if (written < (int)length)
        return -1;
    exchange->sent += length;
    if (!is_last) {
        lws_callback_on_writable(wsi);
        return 0;
    }
    qta_byte_buffer_finish(&exchange->out);
    exchange->out = (struct qta_byte_buffer){0};
    return exchange->closes || lws_http_transaction_completed(wsi) ? -1 : 0;
}

/* ---- connections ------------------------------------------------------------------------------
 */

static void accept_connections(struct qta_http_server *server, const struct lws *listening)
{
    int fd = -1;
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].wsi == listening)
            fd = server->listeners[i].fd;
    }
    for (int i = 0; i < ACCEPTS_AT_ONCE && fd >= 0; i++) {
        int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (accepted < 0)
            return;
        if (server->connected >= QTA_HTTP_CONNECTIONS_MAX) {
            server->rejected++;
            close(accepted);
            continue;
        }
        int on = 1;
        setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        lws_sock_file_fd_type descriptor = {.sockfd = accepted};
        /* on failure the library has closed the descriptor */
        if (lws_adopt_descriptor_vhost(server->vhost,
                                       (lws_adoption_type)(LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP),
                                       descriptor, NULL, NULL))
            server->connected++;
    }
}

static bool is_listener(const struct qta_http_server *server, const struct lws *wsi)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].wsi == wsi)
            return true;
    }
    return false;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct qta_http_server *server = lws_context_user(lws_get_context(wsi));
    struct exchange *exchange = user;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        accept_connections(server, wsi);
        return 0;
    case LWS_CALLBACK_HTTP:
        return answer(server, wsi, exchange);
    case LWS_CALLBACK_HTTP_WRITEABLE:
        return write_piece(wsi, exchange);
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: /* an upgrade to WebSocket */
        return -1;
    case LWS_CALLBACK_HTTP_BODY: /* its refusal is on the way */
    case LWS_CALLBACK_HTTP_BODY_COMPLETION:
        return 0;
    case LWS_CALLBACK_HTTP_DROP_PROTOCOL:
    case LWS_CALLBACK_CLOSED_HTTP:
        if (exchange) {
            qta_byte_buffer_finish(&exchange->out);
            exchange->out = (struct qta_byte_buffer){0};
        }
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        if (lws_get_vhost(wsi) == server->vhost && !is_listener(server, wsi))
            server->connected--;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

/* ---- life -------------------------------------------------------------------------------------
 */

static const struct lws_protocols protocols[] = {
    {.name = "qta-http",
     .callback = on_event,
     .per_session_data_size = sizeof(struct exchange),
     .rx_buffer_size = HEADER_BYTES_MAX},
    {.name = NULL},
};

static uint16_t port_of(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {0};
    socklen_t length = sizeof address;
    if (getsockname(fd, &address.any, &length) < 0)
        return 0;
    return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

static enum qta_status open_socket(int *out, const char *host, uint16_t port, struct qta_error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failure = getaddrinfo(host, service, &hints, &addresses);
    if (failure != 0)
        return qta_error_set(err, QTA_ERR_CONFIG, "cannot listen on '%s': %s", host,
                             gai_strerror(failure));
    enum qta_status status = QTA_OK;
    int on = 1;
    int fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, addresses->ai_addr, addresses->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        status = qta_error_set_errno(err, "cannot listen on '%s:%u'", host, (unsigned)port);
    freeaddrinfo(addresses);
    if (status != QTA_OK && fd >= 0)
        close(fd);
    *out = status == QTA_OK ? fd : -1;
    return status;
}

enum qta_status qta_http_server_listen(struct qta_http_server *server, const char *host,
                                       uint16_t port, uint16_t *bound_port, struct qta_error *err)
{
    assert(server->listener_count < LISTENERS_MAX);
    struct listener *listener = &server->listeners[server->listener_count];
    enum qta_status status = open_socket(&listener->fd, host, port, err);
    if (status != QTA_OK)
        return status;
    *bound_port = port_of(listener->fd);
    lws_sock_file_fd_type descriptor = {.filefd = listener->fd};
    listener->wsi = lws_adopt_descriptor_vhost(server->vhost, LWS_ADOPT_RAW_FILE_DESC, descriptor,
                                               protocols[0].name, NULL);
    if (!listener->wsi) /* it has been closed */
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot watch a listening socket");
    server->listener_count++;
    return QTA_OK;
}

/* The library's own words go where the transport's do: it has one place for all. */
static void on_log_line(int level, const char *line)
{
    qta_log(level & LLL_ERR ? QTA_LOG_WARNING : QTA_LOG_DEBUG, "libwebsockets", "%.*s",
            (int)strcspn(line, "\n"), line);
}

/* lws_service() has no timeout: it sleeps until an event or the next timer. A timer that is due
 * when it is called is done with before it sleeps, and then nothing would wake it: hence the event.
 */
static void on_timer(lws_sorted_usec_list_t *timer)
{
    struct qta_http_server *server = lws_container_of(timer, struct qta_http_server, timer);
    lws_cancel_service(server->context);
}

enum qta_status qta_http_server_create(struct qta_http_server **out, qta_http_respond respond,
                                       void *user, struct qta_error *err)
{
    assert(out);
    assert(respond);
    struct qta_http_server *server = calloc(1, sizeof *server);
    if (!server)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for an HTTP server");
    server->respond = respond;
    server->user = user;
    static const lws_retry_bo_t no_idle_policy = {.secs_since_valid_ping = 0};
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = server,
        .gid = -1,
        .uid = -1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS |
                   LWS_SERVER_OPTION_HTTP_HEADERS_SECURITY_BEST_PRACTICES_ENFORCE,
        .max_http_header_data = HEADER_BYTES_MAX,
        .max_http_header_pool = QTA_HTTP_CONNECTIONS_MAX,
        .pt_serv_buf_size = PIECE_BYTES,
        .fd_limit_per_thread = QTA_HTTP_CONNECTIONS_MAX + 16,
        .timeout_secs = REQUEST_TIMEOUT_S,
        .keepalive_timeout = KEEP_ALIVE_S,
        .server_string = "qta",
        .vhost_name = "qta-http",
        .retry_and_idle_policy = &no_idle_policy,
    };
    lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, on_log_line);
    server->context = lws_create_context(&info);
    if (server->context)
        server->vhost = lws_create_vhost(server->context, &info);
    if (!server->vhost) {
        qta_http_server_destroy(server);
        return qta_error_set(err, QTA_ERR_NOMEM, "libwebsockets cannot make an HTTP server");
    }
    *out = server;
    return QTA_OK;
}

void qta_http_server_destroy(struct qta_http_server *server)
{
    if (!server)
        return;
    if (server->context)
        lws_context_destroy(server->context);
    free(server);
}

void qta_http_server_service(struct qta_http_server *server, int64_t timeout_ns)
{
    enum { POLL_US = 1000 }; /* it sleeps whole milliseconds, and would turn round for the rest */
    int64_t timeout_us = timeout_ns > 0 ? timeout_ns / 1000 : 0;
    lws_sul_schedule(server->context, 0, &server->timer, on_timer, timeout_us + POLL_US);
    lws_service(server->context, 0);
}

void qta_http_server_wake(struct qta_http_server *server)
{
    lws_cancel_service(server->context);
}

void qta_http_server_counts(const struct qta_http_server *server, struct qta_http_counts *counts)
{
    *counts = (struct qta_http_counts){
        .requests = server->requests,
        .failures = server->failures,
        .rejected = server->rejected,
        .connected = server->connected,
    };
}
