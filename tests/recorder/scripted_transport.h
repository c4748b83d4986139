/** @file scripted_transport.h
 *  A transport without sockets: a venue is a few functions, and its time is virtual.
 *
 *  service() moves the clock to the next event or to its deadline and never sleeps, so hours pass
 * in milliseconds and always in the same order. The venue's functions are called as things happen
 * and answer with scripted_open(), _send(), _end(), each after a delay. One thread, but for wake().
 */
#ifndef QTA_TESTS_SCRIPTED_TRANSPORT_H
#define QTA_TESTS_SCRIPTED_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "recorder/transport.h"
#include "tests/recorder/virtual_environment.h"

struct scripted_venue {
    /** Somebody connects; attempt counts from 1. Without an answer the link ends after its open
     *  timeout. NULL: opens after 10 ms. */
    void (*on_connect)(void *user, struct qta_link *link, int attempt,
                       const struct qta_link_options *options);
    /** A message came in. NULL: ignored. */
    void (*on_message)(void *user, struct qta_link *link, const char *bytes, size_t length);
    /** The client closes. NULL: ignored. It ends in any case. */
    void (*on_close)(void *user, struct qta_link *link, int code);
    void *user;
};

/** Both are borrowed. The transport is destroyed by its own ops. */
struct qta_transport *scripted_transport_create(struct virtual_environment *environment,
                                                const struct scripted_venue *venue);

void scripted_open(struct qta_link *link, int64_t delay_ns);
/** One WebSocket message. */
void scripted_send(struct qta_link *link, int64_t delay_ns, const char *text);
void scripted_send_bytes(struct qta_link *link, int64_t delay_ns, const void *bytes, size_t length,
                         bool is_binary);
/** Bytes of a TCP stream: what the client does not consume comes again, with more behind it. */
void scripted_stream(struct qta_link *link, int64_t delay_ns, const void *bytes, size_t length);
/** The link ends; what was sent before with a shorter delay arrives. */
void scripted_end(struct qta_link *link, int64_t delay_ns, const struct qta_link_end *end);

/** service() moves time to this instant at most. */
void scripted_limit(struct qta_transport *transport, int64_t monotonic_ns);

/** Which attempt the link is. */
int scripted_attempt(const struct qta_link *link);

/** Attempts so far, how often a link was paused, and how many links have not ended. */
int scripted_attempts(const struct qta_transport *transport);
int scripted_pauses(const struct qta_transport *transport);
int scripted_links(const struct qta_transport *transport);

#endif
