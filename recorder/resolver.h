/** @file resolver.h
 *  Host names to addresses, in threads of its own: getaddrinfo() may take half a minute, and the
 * network thread waits for nobody.
 *
 *  Every lookup has a thread while it runs (16 at most, the others wait), so a dead name server
 * behind one name does not hold up another. */
#ifndef QTA_RECORDER_RESOLVER_H
#define QTA_RECORDER_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <qta/error.h>

enum { QTA_ADDRESSES_MAX = 8 };

/** What came out: addresses with the port in them, in the order to try them, or a failure. */
struct qta_addresses {
    struct sockaddr_storage list[QTA_ADDRESSES_MAX];
    size_t count;
    char failure[128]; /**< count 0: why, e.g. "Name or service not known" */
};

struct qta_resolver;

/** wake is called from the resolver's threads when a result is there. */
enum qta_status qta_resolver_create(struct qta_resolver **out, void (*wake)(void *user), void *user,
                                    struct qta_error *err);

/** Does not wait for lookups that run; wake is not called any more. NULL is fine. */
void qta_resolver_destroy(struct qta_resolver *resolver);

/** Starts a lookup. *id names its result; it is never 0. QTA_ERR_NOMEM, QTA_ERR_FEED (no thread).
 */
enum qta_status qta_resolver_start(struct qta_resolver *resolver, const char *host, uint16_t port,
                                   uint64_t *id, struct qta_error *err);

/** Takes a result that is there; false when there is none. */
bool qta_resolver_take(struct qta_resolver *resolver, uint64_t *id,
                       struct qta_addresses *addresses);

/** The address itself when host is one, without any lookup. */
bool qta_address_parse(const char *host, uint16_t port, struct qta_addresses *addresses);

#endif
