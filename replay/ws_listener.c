/* The listening socket is ours and every accepted one is handed to libwebsockets: so a port that is
 * taken is an error with a reason, and too many clients never get as far as a handshake. */
#include "replay/ws_listener.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <qta/log.h>

enum {
    RECEIVE_BUFFER_BYTES = 4096,
    SERVICE_BUFFER_BYTES = 65536,
    HEARTBEAT_US = 250000,
    BACKLOG = 64,
    CLOSE_TOO_LARGE = 1009,
};

/* A message that waits, with the room in front of it that the library wants. */
struct chunk {
    struct chunk *next;
    size_t length;
    bool is_binary;
    uint8_t bytes[]; /* LWS_PRE, then the message */
};

struct qta_ws_peer {
    struct qta_ws_listener *listener;
    struct lws *wsi;
    void *user;
    struct qta_ws_peer *next;
    struct qta_ws_peer **link; /* what points at it in the listener's list */
    struct chunk *first;
    struct chunk **last;
    size_t queued_bytes;
    int close_code; /* 0: not closing */
    bool is_established;
    bool is_cut_off;
    uint8_t *message;
    size_t message_bytes;
    size_t message_capacity;
};

struct qta_ws_listener {
    struct lws_context *context;
    struct lws_vhost *vhost;
    lws_sorted_usec_list_t heartbeat;
    const struct qta_ws_listener_events *events;
    void *user;
    int fd;
    struct lws *fd_wsi; /* the library's view of fd; it closes it */
    bool is_tls;
    uint16_t port;
    uint32_t connection_count; /* sockets handed over, handshake done or not */
    uint32_t peer_max;
    size_t message_max_bytes;
    size_t queue_max_bytes;
    struct qta_ws_peer *peers;
};

/* ---- peers ----------------------------------------------------------------------------------- */

void qta_ws_peer_drop_queue(struct qta_ws_peer *peer)
{
    while (peer->first) {
        struct chunk *next = peer->first->next;
        free(peer->first);
        peer->first = next;
    }
    peer->last = &peer->first;
    peer->queued_bytes = 0;
}

static void destroy_peer(struct qta_ws_peer *peer)
{
    *peer->link = peer->next;
    if (peer->next)
        peer->next->link = peer->link;
    qta_ws_peer_drop_queue(peer);
    free(peer->message);
    free(peer);
}

static struct qta_ws_peer *create_peer(struct qta_ws_listener *listener, struct lws *wsi)
{
    struct qta_ws_peer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->listener = listener;
    peer->wsi = wsi;
    peer->last = &peer->first;
    peer->next = listener->peers;
    peer->link = &listener->peers;
    if (peer->next)
        peer->next->link = &peer->next;
    listener->peers = peer;
    return peer;
}

/* Before the handshake is over there is nothing to write to. */
static void ask_to_write(struct qta_ws_peer *peer)
{
    if (peer->is_established)
        lws_callback_on_writable(peer->wsi);
}

void qta_ws_peer_send(struct qta_ws_peer *peer, const void *bytes, size_t length, bool is_binary)
{
    if (qta_ws_peer_is_closing(peer))
        return;
    struct chunk *chunk = NULL;
    if (peer->queued_bytes + length <= peer->listener->queue_max_bytes)
        chunk = malloc(sizeof *chunk + LWS_PRE + length);
    if (!chunk) {
        /* nothing may be left out in the middle of a stream */
        peer->is_cut_off = true;
        ask_to_write(peer);
        return;
    }
    chunk->next = NULL;
    chunk->length = length;
    chunk->is_binary = is_binary;
    memcpy(chunk->bytes + LWS_PRE, bytes, length);
    *peer->last = chunk;
    peer->last = &chunk->next;
    peer->queued_bytes += length;
    ask_to_write(peer);
}

size_t qta_ws_peer_queued_bytes(const struct qta_ws_peer *peer)
{
    return peer->queued_bytes;
}

void qta_ws_peer_close(struct qta_ws_peer *peer, int code)
{
    if (peer->close_code)
        return;
    peer->close_code = code;
    ask_to_write(peer);
}

bool qta_ws_peer_is_closing(const struct qta_ws_peer *peer)
{
    return peer->close_code != 0 || peer->is_cut_off;
}

/* Nonzero: the connection is to be closed. */
static int write_queue(struct qta_ws_peer *peer)
{
    if (peer->is_cut_off)
        return -1;
    while (peer->first && !lws_send_pipe_choked(peer->wsi)) {
        struct chunk *chunk = peer->first;
        int written = lws_write(peer->wsi, chunk->bytes + LWS_PRE, chunk->length,
                                chunk->is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT);
        if (written < 0)
            return -1;
        peer->first = chunk->next;
        if (!peer->first)
            peer->last = &peer->first;
        peer->queued_bytes -= chunk->length;
        free(chunk);
    }
    if (!peer->first && !peer->close_code)
        return 0;
    /* closing over a message that is partly out would cost its end and the close frame */
    if (peer->first || lws_partial_buffered(peer->wsi)) {
        lws_callback_on_writable(peer->wsi);
        return 0;
    }
    lws_close_reason(peer->wsi, (enum lws_close_status)peer->close_code, NULL, 0);
    return -1;
}

/* Nonzero: the connection is to be closed. */
static int receive(struct qta_ws_peer *peer, const void *bytes, size_t length)
{
    struct qta_ws_listener *listener = peer->listener;
    if (qta_ws_peer_is_closing(peer))
        return 0;
    if (lws_is_first_fragment(peer->wsi))
        peer->message_bytes = 0;
    if (length > listener->message_max_bytes - peer->message_bytes) {
        lws_close_reason(peer->wsi, (enum lws_close_status)CLOSE_TOO_LARGE, NULL, 0);
        return -1;
    }
    if (peer->message_bytes + length > peer->message_capacity) {
        size_t capacity = (peer->message_bytes + length) * 2;
        uint8_t *message = realloc(peer->message, capacity);
        if (!message)
            return -1;
        peer->message = message;
        peer->message_capacity = capacity;
    }
    if (length > 0)
        memcpy(peer->message + peer->message_bytes, bytes, length);
    peer->message_bytes += length;
    if (!lws_is_final_fragment(peer->wsi) || lws_remaining_packet_payload(peer->wsi) > 0)
        return 0;
    listener->events->on_message(peer->user, peer->message ? peer->message : (const void *)"",
                                 peer->message_bytes, lws_frame_is_binary(peer->wsi) != 0);
    /* a message that was long once is no reason to keep the memory */
    if (peer->message_capacity > SERVICE_BUFFER_BYTES) {
        free(peer->message);
        peer->message = NULL;
        peer->message_capacity = 0;
    }
    return 0;
}

/* ---- connections ----------------------------------------------------------------------------- */

/* The header's value, "" when it is missing or longer than any that makes sense. */
static void copy_header(struct lws *wsi, enum lws_token_indexes token, char *out, int capacity)
{
    if (lws_hdr_copy(wsi, out, capacity, token) < 0)
        out[0] = '\0';
}

static void copy_custom_header(struct lws *wsi, const char *name, char *out, int capacity)
{
    if (lws_hdr_custom_copy(wsi, out, capacity, name, (int)strlen(name)) < 0)
        out[0] = '\0';
}

/* The headers are only there during the handshake. Nonzero: refused. */
static int open_peer(struct qta_ws_listener *listener, struct lws *wsi)
{
    char path[256];
    char content_type[128];
    char authorization[1024];
    char key_id[512];
    char secret_key[512];
    copy_header(wsi, WSI_TOKEN_GET_URI, path, sizeof path);
    copy_header(wsi, WSI_TOKEN_HTTP_CONTENT_TYPE, content_type, sizeof content_type);
    copy_header(wsi, WSI_TOKEN_HTTP_AUTHORIZATION, authorization, sizeof authorization);
    copy_custom_header(wsi, "apca-api-key-id:", key_id, sizeof key_id);
    copy_custom_header(wsi, "apca-api-secret-key:", secret_key, sizeof secret_key);
    const struct qta_ws_request request = {
        .path = path,
        .content_type = content_type,
        .authorization = authorization,
        .key_id = key_id,
        .secret_key = secret_key,
    };
    struct qta_ws_peer *peer = create_peer(listener, wsi);
    if (peer)
        peer->user = listener->events->on_open(listener->user, peer, &request);
    explicit_bzero(authorization, sizeof authorization);
    explicit_bzero(key_id, sizeof key_id);
    explicit_bzero(secret_key, sizeof secret_key);
    if (!peer)
        return -1;
    if (!peer->user) {
        destroy_peer(peer);
        return -1;
    }
    lws_set_opaque_user_data(wsi, peer);
    return 0;
}

static void close_peer(struct lws *wsi)
{
    struct qta_ws_peer *peer = lws_get_opaque_user_data(wsi);
    if (!peer)
        return;
    lws_set_opaque_user_data(wsi, NULL);
    peer->listener->events->on_close(peer->user);
    destroy_peer(peer);
}

/* A client may take its time, but one whose machine is gone must be found out some day. */
static void set_up_socket(int fd)
{
    int on = 1;
    int idle_s = 60;
    int interval_s = 15;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
}

static void accept_connections(struct qta_ws_listener *listener)
{
    for (;;) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (listener->connection_count >= listener->peer_max) {
            close(fd);
            continue;
        }
        set_up_socket(fd);
        lws_sock_file_fd_type descriptor = {.sockfd = fd};
        unsigned kind = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP;
        if (listener->is_tls)
            kind |= LWS_ADOPT_ALLOW_SSL;
        /* on failure the library has closed the descriptor */
        if (lws_adopt_descriptor_vhost(listener->vhost, (lws_adoption_type)kind, descriptor, NULL,
                                       NULL))
            listener->connection_count++;
    }
}

/* A request that is no upgrade: there is nothing to read here. */
static int refuse_http(struct lws *wsi)
{
    lws_return_http_status(wsi, 426, "This is a WebSocket endpoint");
    return -1;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                    size_t length)
{
    struct qta_ws_listener *listener = lws_context_user(lws_get_context(wsi));
    struct qta_ws_peer *peer = NULL;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        accept_connections(listener);
        return 0;
    case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION:
        return open_peer(listener, wsi);
    case LWS_CALLBACK_ESTABLISHED:
        peer = lws_get_opaque_user_data(wsi);
        peer->is_established = true;
        ask_to_write(peer);
        return 0;
    case LWS_CALLBACK_RECEIVE:
        return receive(lws_get_opaque_user_data(wsi), in, length);
    case LWS_CALLBACK_SERVER_WRITEABLE:
        return write_queue(lws_get_opaque_user_data(wsi));
    case LWS_CALLBACK_HTTP:
        return refuse_http(wsi);
    case LWS_CALLBACK_CLOSED:
        close_peer(wsi);
        return 0;
    case LWS_CALLBACK_WSI_DESTROY:
        /* also after a handshake that came to nothing */
        close_peer(wsi);
        if (lws_get_vhost(wsi) == listener->vhost && wsi != listener->fd_wsi)
            listener->connection_count--;
        return 0;
    default:
        return lws_callback_http_dummy(wsi, reason, user, in, length);
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static const struct lws_protocols protocols[] = {
    {.name = "qta", .callback = on_event, .rx_buffer_size = RECEIVE_BUFFER_BYTES},
    {.name = NULL},
};

/* The library's own words: they help to find out why a handshake failed, and nobody else. */
static void log_library_line(int level, const char *line)
{
    size_t length = strcspn(line, "\n");
    (void)level;
    qta_log(QTA_LOG_DEBUG, "server", "%.*s", (int)length, line);
}

static enum qta_status open_socket(struct qta_ws_listener *listener, const char *host,
                                   uint16_t port, struct qta_error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)port);
    int failure = getaddrinfo(host, service, &hints, &addresses);
    if (failure != 0) {
        return qta_error_set(err, QTA_ERR_USAGE, "cannot listen on '%s': %s", host,
                             gai_strerror(failure));
    }
    enum qta_status status = QTA_OK;
    int on = 1;
    listener->fd = socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener->fd < 0 ||
        setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(listener->fd, addresses->ai_addr, addresses->ai_addrlen) < 0 ||
        listen(listener->fd, BACKLOG) < 0) {
        status = qta_error_set_errno(err, "cannot listen on '%s:%u'", host, (unsigned)port);
    }
    freeaddrinfo(addresses);
    return status;
}

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

/* The library would only say that it could not make a context. */
static enum qta_status check_certificate(const struct qta_ws_listener_options *options,
                                         struct qta_error *err)
{
    if (!options->tls_key_file) {
        return qta_error_set(err, QTA_ERR_USAGE, "a TLS key is needed with certificate '%s'",
                             options->tls_certificate_file);
    }
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for TLS");
    enum qta_status status = QTA_OK;
    if (SSL_CTX_use_certificate_chain_file(tls, options->tls_certificate_file) != 1) {
        status = qta_error_set(err, QTA_ERR_USAGE, "cannot read a PEM certificate from '%s'",
                               options->tls_certificate_file);
    } else if (SSL_CTX_use_PrivateKey_file(tls, options->tls_key_file, SSL_FILETYPE_PEM) != 1) {
        status = qta_error_set(err, QTA_ERR_USAGE,
                               "cannot read a PEM key that fits the certificate from '%s'",
                               options->tls_key_file);
    }
    ERR_clear_error();
    SSL_CTX_free(tls);
    return status;
}

static void beat(lws_sorted_usec_list_t *heartbeat)
{
    struct qta_ws_listener *listener = lws_container_of(heartbeat, struct qta_ws_listener,
                                                        heartbeat);
    lws_sul_schedule(listener->context, 0, heartbeat, beat, HEARTBEAT_US);
}

/* No pings of ours: see set_up_socket(). */
static const lws_retry_bo_t no_idle_policy = {.secs_since_valid_ping = 0};

static enum qta_status create_context(struct qta_ws_listener *listener,
                                      const struct qta_ws_listener_options *options,
                                      struct qta_error *err)
{
    struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN_SERVER,
        .protocols = protocols,
        .user = listener,
        .gid = -1,
        .uid = -1,
        .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS,
        .pt_serv_buf_size = SERVICE_BUFFER_BYTES,
        .fd_limit_per_thread = options->peer_max + 16,
        .timeout_secs = 20,
        .server_string = "qta",
        .retry_and_idle_policy = &no_idle_policy,
    };
    if (listener->is_tls) {
        info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
        info.ssl_cert_filepath = options->tls_certificate_file;
        info.ssl_private_key_filepath = options->tls_key_file;
    }
    lws_set_log_level(LLL_ERR | LLL_WARN, log_library_line);
    listener->context = lws_create_context(&info);
    if (!listener->context)
        return qta_error_set(err, QTA_ERR_NOMEM, "libwebsockets cannot make a context");
    listener->vhost = lws_create_vhost(listener->context, &info);
    if (!listener->vhost)
        return qta_error_set(err, QTA_ERR_IO, "libwebsockets cannot make a server");
    lws_sock_file_fd_type descriptor = {.filefd = listener->fd};
    listener->fd_wsi = lws_adopt_descriptor_vhost(listener->vhost, LWS_ADOPT_RAW_FILE_DESC,
                                                  descriptor, protocols[0].name, NULL);
    if (!listener->fd_wsi) {
        listener->fd = -1; /* it has been closed */
        return qta_error_set(err, QTA_ERR_IO, "libwebsockets cannot use the listening socket");
    }
    beat(&listener->heartbeat);
    return QTA_OK;
}

enum qta_status qta_ws_listener_create(struct qta_ws_listener **out,
                                       const struct qta_ws_listener_options *options,
                                       const struct qta_ws_listener_events *events, void *user,
                                       struct qta_error *err)
{
    assert(out);
    assert(options);
    assert(events);
    struct qta_ws_listener *listener = calloc(1, sizeof *listener);
    if (!listener)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a server");
    listener->fd = -1;
    listener->events = events;
    listener->user = user;
    listener->is_tls = options->tls_certificate_file != NULL;
    listener->peer_max = options->peer_max;
    listener->message_max_bytes = options->message_max_bytes;
    listener->queue_max_bytes = options->queue_max_bytes;
    enum qta_status status = listener->is_tls ? check_certificate(options, err) : QTA_OK;
    if (status == QTA_OK)
        status = open_socket(listener, options->host, options->port, err);
    if (status == QTA_OK)
        status = create_context(listener, options, err);
    if (status != QTA_OK) {
        qta_ws_listener_destroy(listener);
        return status;
    }
    listener->port = port_of(listener->fd);
    *out = listener;
    return QTA_OK;
}

void qta_ws_listener_destroy(struct qta_ws_listener *listener)
{
    if (!listener)
        return;
    if (listener->fd >= 0 && !listener->fd_wsi)
        close(listener->fd);
    if (listener->context)
        lws_context_destroy(listener->context);
    assert(!listener->peers);
    free(listener);
}

uint16_t qta_ws_listener_port(const struct qta_ws_listener *listener)
{
    return listener->port;
}

void qta_ws_listener_service(struct qta_ws_listener *listener, bool is_in_a_hurry)
{
    /* negative: look, but do not wait */
    lws_service(listener->context, is_in_a_hurry ? -1 : 0);
}

void qta_ws_listener_wake(struct qta_ws_listener *listener)
{
    lws_cancel_service(listener->context);
}
