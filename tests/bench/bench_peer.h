/** @file bench_peer.h
 *  The venue's end of a benchmark's connection: a child process with one WebSocket client, plain or
 *  over TLS. Ends its process when anything goes wrong. */
#ifndef QTA_TESTS_BENCH_PEER_H
#define QTA_TESTS_BENCH_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BENCH_PEER_REQUEST_BYTES = 8192 };

struct bench_peer {
    int fd;
    SSL *ssl;                               /**< NULL: plain */
    char request[BENCH_PEER_REQUEST_BYTES]; /**< the upgrade's */
};

/** Listens on a loopback port, forks, and in the child calls venue with the client that has come,
 *  upgrade answered; the child ends with it. */
pid_t bench_peer_start(uint16_t *port, bool is_tls,
                       void (*venue)(struct bench_peer *peer, const void *user), const void *user);

/** Waits for the child; ends this process when it failed. */
void bench_peer_finish(pid_t child);

void bench_peer_send(struct bench_peer *peer, const void *bytes, size_t length);
void bench_peer_read(struct bench_peer *peer, void *bytes, size_t length);

/** A close frame, and everything that the client still sends until it is gone. */
void bench_peer_close(struct bench_peer *peer);

#endif
