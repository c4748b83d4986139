/* Lookups in threads. What threads and owner share is counted by reference: the owner may leave
 * while a lookup still hangs in the C library, which nothing can interrupt. */
#include "recorder/resolver.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MAX = 16, HOST_BYTES = 256 };

struct lookup {
    struct lookup *next;
    uint64_t id;
    uint16_t port;
    char host[HOST_BYTES];
    struct qta_addresses addresses;
};

struct lookup_list {
    struct lookup *first;
    struct lookup **end; /* where the next one is linked in */
};

struct qta_resolver {
    pthread_mutex_t lock; /* guards all below */
    unsigned references;  /* owner and threads */
    unsigned threads;
    bool is_closed;
    uint64_t last_id;
    struct lookup_list waiting;
    struct lookup_list done;
    void (*wake)(void *user);
    void *user;
};

static void list_init(struct lookup_list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct lookup_list *list, struct lookup *lookup)
{
    lookup->next = NULL;
    *list->end = lookup;
    list->end = &lookup->next;
}

static struct lookup *list_take(struct lookup_list *list)
{
    struct lookup *lookup = list->first;
    if (!lookup)
        return NULL;
    list->first = lookup->next;
    if (!list->first)
        list->end = &list->first;
    return lookup;
}

static void list_free(struct lookup_list *list)
{
    struct lookup *lookup;
    while ((lookup = list_take(list)))
        free(lookup);
}

/* Gives up one reference; called with the lock held, which it releases. */
static void release_and_unlock(struct qta_resolver *resolver)
{
    bool is_last = --resolver->references == 0;
    pthread_mutex_unlock(&resolver->lock);
    if (!is_last)
        return;
    list_free(&resolver->waiting);
    list_free(&resolver->done);
    pthread_mutex_destroy(&resolver->lock);
    free(resolver);
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6)
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    else
        ((struct sockaddr_in *)address)->sin_port = htons(port);
}

/* The slow part: no lock is held. */
static void lookup_run(struct lookup *lookup)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *results = NULL;
    struct qta_addresses *addresses = &lookup->addresses;
    int failure = getaddrinfo(lookup->host, NULL, &hints, &results);
    if (failure != 0) {
        char text[64];
        snprintf(addresses->failure, sizeof addresses->failure, "%s",
                 failure == EAI_SYSTEM ? strerror_r(errno, text, sizeof text)
                                       : gai_strerror(failure));
        return;
    }
    for (const struct addrinfo *p = results; p && addresses->count < QTA_ADDRESSES_MAX;
         p = p->ai_next) {
        if (p->ai_family != AF_INET && p->ai_family != AF_INET6)
            continue;
        struct sockaddr_storage *address = &addresses->list[addresses->count++];
        memcpy(address, p->ai_addr, p->ai_addrlen);
        set_port(address, lookup->port);
    }
    freeaddrinfo(results);
    if (addresses->count == 0)
        snprintf(addresses->failure, sizeof addresses->failure, "the name has no IP address");
}

static void *run_lookups(void *user)
{
    struct qta_resolver *resolver = user;
    pthread_mutex_lock(&resolver->lock);
    struct lookup *lookup;
    while (!resolver->is_closed && (lookup = list_take(&resolver->waiting))) {
        pthread_mutex_unlock(&resolver->lock);
        lookup_run(lookup);
        pthread_mutex_lock(&resolver->lock);
        list_append(&resolver->done, lookup);
        if (!resolver->is_closed)
            resolver->wake(resolver->user);
    }
    resolver->threads--;
    release_and_unlock(resolver);
    return NULL;
}

/* Starts a detached thread that takes no signals: those are for the program's own threads. Called
 * with the lock held. */
static bool thread_start(struct qta_resolver *resolver)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(&thread, &attributes, run_lookups, resolver);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (failure != 0)
        return false;
    resolver->threads++;
    resolver->references++;
    return true;
}

enum qta_status qta_resolver_create(struct qta_resolver **out, void (*wake)(void *user), void *user,
                                    struct qta_error *err)
{
    assert(out);
    assert(wake);
    struct qta_resolver *resolver = calloc(1, sizeof *resolver);
    if (!resolver)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a resolver");
    pthread_mutex_init(&resolver->lock, NULL);
    list_init(&resolver->waiting);
    list_init(&resolver->done);
    resolver->references = 1;
    resolver->wake = wake;
    resolver->user = user;
    *out = resolver;
    return QTA_OK;
}

void qta_resolver_destroy(struct qta_resolver *resolver)
{
    if (!resolver)
        return;
    pthread_mutex_lock(&resolver->lock);
    resolver->is_closed = true;
    release_and_unlock(resolver);
}

enum qta_status qta_resolver_start(struct qta_resolver *resolver, const char *host, uint16_t port,
                                   uint64_t *id, struct qta_error *err)
{
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (!lookup)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory resolving '%s'", host);
    snprintf(lookup->host, sizeof lookup->host, "%s", host);
    lookup->port = port;
    pthread_mutex_lock(&resolver->lock);
    *id = lookup->id = ++resolver->last_id;
    list_append(&resolver->waiting, lookup);
    bool is_started = resolver->threads >= THREADS_MAX || thread_start(resolver);
    if (!is_started && resolver->threads == 0) { /* nobody is there to do it */
        list_free(&resolver->waiting);
        list_init(&resolver->waiting);
        pthread_mutex_unlock(&resolver->lock);
        return qta_error_set(err, QTA_ERR_FEED, "cannot start a thread to resolve '%s'", host);
    }
    pthread_mutex_unlock(&resolver->lock);
    return QTA_OK;
}

bool qta_resolver_take(struct qta_resolver *resolver, uint64_t *id, struct qta_addresses *addresses)
{
    pthread_mutex_lock(&resolver->lock);
    struct lookup *lookup = list_take(&resolver->done);
    pthread_mutex_unlock(&resolver->lock);
    if (!lookup)
        return false;
    *id = lookup->id;
    *addresses = lookup->addresses;
    free(lookup);
    return true;
}

bool qta_address_parse(const char *host, uint16_t port, struct qta_addresses *addresses)
{
    struct sockaddr_storage *address = &addresses->list[0];
    memset(addresses, 0, sizeof *addresses);
    if (inet_pton(AF_INET, host, &((struct sockaddr_in *)address)->sin_addr) == 1)
        address->ss_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &((struct sockaddr_in6 *)address)->sin6_addr) == 1)
        address->ss_family = AF_INET6;
    else
        return false;
    set_port(address, port);
    addresses->count = 1;
    return true;
}
