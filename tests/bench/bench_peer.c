#include "tests/bench/bench_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void require(bool is_good, const char *what)
{
    if (is_good)
        return;
    fprintf(stderr, "benchmark: %s\n", what);
    _exit(1);
}

/* A certificate that signs itself: the benchmarks' clients accept any. */
static SSL *accept_tls(int fd)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    require(context && key && certificate, "no certificate for the venue");
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    require(X509_sign(certificate, key, EVP_sha256()) > 0 &&
                SSL_CTX_use_certificate(context, certificate) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1,
            "no certificate for the venue");
    SSL *ssl = SSL_new(context);
    require(ssl && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1, "no TLS with the client");
    X509_free(certificate);
    EVP_PKEY_free(key);
    SSL_CTX_free(context);
    return ssl;
}

static ssize_t receive(struct bench_peer *peer, void *bytes, size_t length)
{
    return peer->ssl ? SSL_read(peer->ssl, bytes, (int)length) : recv(peer->fd, bytes, length, 0);
}

void bench_peer_send(struct bench_peer *peer, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        size_t part = length < (size_t)1 << 20 ? length : (size_t)1 << 20;
        ssize_t put = peer->ssl ? SSL_write(peer->ssl, at, (int)part)
                                : send(peer->fd, at, part, MSG_NOSIGNAL);
        if (put <= 0)
            _exit(1); /* the client has gone, and says why itself */
        at += put;
        length -= (size_t)put;
    }
}

void bench_peer_read(struct bench_peer *peer, void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t got = receive(peer, at, length);
        require(got > 0, "the client has gone");
        at += got;
        length -= (size_t)got;
    }
}

static void answer_upgrade(struct bench_peer *peer)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    static const char name[] = "\r\nSec-WebSocket-Key: ";
    size_t length = 0;
    while (!strstr(peer->request, "\r\n\r\n") && length < sizeof peer->request - 1) {
        ssize_t got = receive(peer, peer->request + length, sizeof peer->request - 1 - length);
        require(got > 0, "no request");
        length += (size_t)got;
    }
    const char *key = strcasestr(peer->request, name);
    require(key != NULL, "no key in the request");
    key += sizeof name - 1;
    char text[128];
    int text_length = snprintf(text, sizeof text, "%.*s%s", (int)strcspn(key, "\r"), key, guid);
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[64];
    SHA1((unsigned char *)text, (size_t)text_length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    char answer[256];
    int answer_length = snprintf(answer, sizeof answer,
                                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                 "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                                 (char *)accept);
    bench_peer_send(peer, answer, (size_t)answer_length);
}

static void serve(int listener, bool is_tls,
                  void (*venue)(struct bench_peer *peer, const void *user), const void *user)
{
    struct bench_peer peer = {0};
    const int one = 1;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    signal(SIGPIPE, SIG_IGN);
    peer.fd = accept(listener, NULL, NULL);
    require(peer.fd >= 0, "nobody came");
    setsockopt(peer.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (is_tls)
        peer.ssl = accept_tls(peer.fd);
    answer_upgrade(&peer);
    venue(&peer, user);
    SSL_free(peer.ssl);
    close(peer.fd);
}

pid_t bench_peer_start(uint16_t *port, bool is_tls,
                       void (*venue)(struct bench_peer *peer, const void *user), const void *user)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(listener >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0 &&
                listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &length) == 0,
            "the venue cannot listen");
    *port = ntohs(address.sin_port);
    pid_t child = fork();
    require(child >= 0, "no process for the venue");
    if (child == 0) {
        serve(listener, is_tls, venue, user);
        _exit(0);
    }
    close(listener);
    return child;
}

void bench_peer_finish(pid_t child)
{
    int status;
    if (waitpid(child, &status, 0) == child && status == 0)
        return;
    fputs("benchmark: the venue failed\n", stderr);
    exit(1);
}

void bench_peer_close(struct bench_peer *peer)
{
    static const unsigned char close_frame[] = {0x88, 2, 1000 >> 8, 1000 & 0xff};
    char rest[4096];
    bench_peer_send(peer, close_frame, sizeof close_frame);
    while (recv(peer->fd, rest, sizeof rest, 0) > 0)
        continue;
}
