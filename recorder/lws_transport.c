/* The real transport: links on the event loop of libwebsockets.
 *
 * What libwebsockets 4.1.6 does here is to watch sockets and to wake up. Its own client roles stay
 * unused, for these reasons: its WebSocket role reads byte by byte (a fortieth of what the socket
 * gives), turns close codes 1012 to 1014 into 1002, and repeats callbacks for ever once compression
 * was agreed on; its raw role never gets over a TLS handshake that has to wait, and stops reading
 * while a write is incomplete; neither tells why a connect or a handshake failed. So sockets are
 * ours, adopted as plain descriptors, and link.c speaks TLS and WebSocket on them.
 *
 * Two habits of that role shape this file. Asking for a writable event from within a writable event
 * is forgotten: we ask after lws_service() has returned. And a descriptor that hangs up while
 * nobody reads is closed by the library: that is RAW_CLOSE_FILE, and the link's end. */
#include "recorder/lws_transport.h"

#include <assert.h>
#include <errno.h>
#include <libwebsockets.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <qta/log.h>

#include "recorder/link.h"

enum {
    READ_BYTES = 1 << 18,
    SOCKETS_MAX = 512, /* the library's own tables; independent of the process's limit */
    LINKS_MAX = 500,   /* a descriptor that finds its tables full is never let go of */
};
static const int64_t second_ns = INT64_C(1000000000);

struct lws_transport {
    struct qta_transport base;
    struct qta_link_loop loop;
    struct lws_context *context;
    struct lws_vhost *vhost;
    struct qta_link *links;
    size_t link_count;
    int64_t due_ns; /* when the first link has something to do */
    int timer_fd;   /* ends the wait to the microsecond; poll() alone counts in milliseconds */
    int64_t timer_ns;
    atomic_bool has_addresses; /* set by the resolver's threads */
};

static struct lws_transport *transport_of(struct qta_transport *base)
{
    return (struct lws_transport *)base; /* base is the first member */
}

/* ---- what libwebsockets tells ---- */

static int on_link_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                         size_t length)
{
    (void)user;
    (void)in;
    (void)length;
    struct qta_link *link = lws_get_opaque_user_data(wsi);
    if (!link) /* events of the context and of its own descriptors */
        return 0;
    switch ((int)reason) {
    case LWS_CALLBACK_RAW_RX_FILE:
        qta_link_on_readable(link);
        break;
    case LWS_CALLBACK_RAW_WRITEABLE_FILE:
        qta_link_on_writable(link);
        break;
    case LWS_CALLBACK_RAW_CLOSE_FILE:
        if (link->stream.fd < 0) /* we let go of it ourselves */
            break;
        qta_link_on_hangup(link);
        qta_stream_release(&link->stream);
        link->wants_release = false;
        link->loop->needs_attention = true;
        break;
    case LWS_CALLBACK_WSI_DESTROY:
        link->watch = NULL;
        break;
    default:
        break;
    }
    return 0;
}

static int on_timer_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                          size_t length)
{
    (void)user;
    (void)in;
    (void)length;
    if (reason == LWS_CALLBACK_RAW_RX_FILE) {
        struct lws_transport *transport = lws_context_user(lws_get_context(wsi));
        uint64_t expirations;
        if (read(transport->timer_fd, &expirations, sizeof expirations) > 0)
            transport->timer_ns = INT64_MAX;
    }
    return 0;
}

static const struct lws_protocols protocols[] = {
    {.name = "qta-link", .callback = on_link_event},
    {.name = "qta-timer", .callback = on_timer_event},
    {0},
};

static void on_log_line(int level, const char *line)
{
    qta_log(level & LLL_ERR ? QTA_LOG_WARNING : QTA_LOG_DEBUG, "libwebsockets", "%.*s",
            (int)strcspn(line, "\n"), line);
}

static struct lws *adopt(struct lws_transport *transport, int fd, const char *protocol,
                         void *opaque)
{
    const struct lws_adopt_desc info = {
        .vh = transport->vhost,
        .type = LWS_ADOPT_RAW_FILE_DESC,
        .fd = {.filefd = fd},
        .vh_prot_name = protocol,
        .opaque = opaque,
    };
    return lws_adopt_descriptor_vhost_via_info(&info);
}

/* ---- links ---- */

static void link_release(struct qta_link *link)
{
    int fd = qta_stream_release(&link->stream);
    link->wants_release = false;
    if (link->watch)
        lws_set_timeout(link->watch, PENDING_TIMEOUT_CLOSE_SEND, LWS_TO_KILL_SYNC); /* closes it */
    else if (fd >= 0)
        close(fd);
}

static void link_watch(struct lws_transport *transport, struct qta_link *link)
{
    if (!link->watch && link->stream.fd >= 0) {
        link->watch = adopt(transport, link->stream.fd, protocols[0].name, link);
        link->is_watched = true;
        if (!link->watch) {
            qta_link_fail(link, QTA_CAUSE_CONNECT, 0, "no room for one more connection");
            return;
        }
    }
    if (!link->watch)
        return;
    bool wants_read = qta_link_wants_read(link);
    if (wants_read != link->is_watched) {
        lws_rx_flow_control(link->watch, wants_read);
        link->is_watched = wants_read;
    }
    if (link->wants_write)
        lws_callback_on_writable(link->watch);
}

/* Tells the link's owner that it is over, and frees it. */
static void link_bury(struct lws_transport *transport, struct qta_link **where)
{
    struct qta_link *link = *where;
    *where = link->next;
    transport->link_count--;
    link->events->on_end(link->user, &link->end);
    qta_link_destroy(link);
}

/* Does what events have left to do. Owners may open links meanwhile: those come at the list's end.
 */
static void attend(struct lws_transport *transport)
{
    if (!transport->loop.needs_attention)
        return;
    transport->loop.needs_attention = false;
    int64_t due_ns = INT64_MAX;
    for (struct qta_link **where = &transport->links; *where;) {
        struct qta_link *link = *where;
        if (link->wants_release)
            link_release(link);
        if (link->state == QTA_LINK_ENDED) {
            link_bury(transport, where);
            continue;
        }
        qta_link_attend(link);
        if (!link->wants_release)
            link_watch(transport, link);
        if (qta_link_due_ns(link) < due_ns)
            due_ns = qta_link_due_ns(link);
        where = &link->next;
    }
    transport->due_ns = due_ns;
}

static void take_addresses(struct lws_transport *transport)
{
    if (!atomic_exchange_explicit(&transport->has_addresses, false, memory_order_acquire))
        return;
    uint64_t id;
    struct qta_addresses addresses;
    while (qta_resolver_take(transport->loop.resolver, &id, &addresses)) {
        for (struct qta_link *link = transport->links; link; link = link->next) {
            if (link->lookup == id)
                qta_link_on_addresses(link, &addresses);
        }
    }
}

static void run_due_links(struct lws_transport *transport, int64_t now_ns)
{
    if (now_ns < transport->due_ns)
        return;
    for (struct qta_link *link = transport->links; link; link = link->next)
        qta_link_on_time(link, now_ns);
    transport->loop.needs_attention = true; /* finds out what is due next */
}

/* ---- the table ---- */

static enum qta_status link_open(struct qta_transport *base, struct qta_link **out,
                                 const struct qta_link_options *options,
                                 const struct qta_link_events *events, void *user,
                                 struct qta_error *err)
{
    struct lws_transport *transport = transport_of(base);
    if (transport->link_count == LINKS_MAX)
        return qta_error_set(err, QTA_ERR_FEED, "more than %d connections at once", LINKS_MAX);
    enum qta_status status = qta_link_create(out, &transport->loop, options, events, user, err);
    if (status != QTA_OK)
        return status;
    struct qta_link **where = &transport->links;
    while (*where)
        where = &(*where)->next;
    *where = *out;
    transport->link_count++;
    transport->loop.needs_attention = true;
    return QTA_OK;
}

/* Makes lws_service() return at when_ns. A timer that goes off too early does no harm, so that most
 * calls need not touch it. */
static void arm_timer(struct lws_transport *transport, int64_t when_ns)
{
    if (transport->timer_ns <= when_ns)
        return;
    const struct itimerspec when = {
        .it_value = {.tv_sec = when_ns / second_ns, .tv_nsec = when_ns % second_ns},
    };
    timerfd_settime(transport->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
    transport->timer_ns = when_ns;
}

static void service(struct qta_transport *base, int64_t deadline_ns)
{
    enum { WAIT = 0, DO_NOT_WAIT = -1 }; /* for lws_service(); other numbers mean nothing to it */
    struct lws_transport *transport = transport_of(base);
    int64_t now_ns = qta_monotonic_ns(transport->loop.environment);
    take_addresses(transport);
    run_due_links(transport, now_ns);
    /* what is done here may have told events: then the caller wants to know, and there is no wait
     */
    bool can_wait = !transport->loop.needs_attention && now_ns < deadline_ns;
    attend(transport);
    if (can_wait)
        arm_timer(transport, deadline_ns < transport->due_ns ? deadline_ns : transport->due_ns);
    lws_service(transport->context, can_wait ? WAIT : DO_NOT_WAIT);
    take_addresses(transport);
    attend(transport);
}

static void wake(struct qta_transport *base)
{
    lws_cancel_service(transport_of(base)->context);
}

static void on_addresses(void *user)
{
    struct lws_transport *transport = user;
    atomic_store_explicit(&transport->has_addresses, true, memory_order_release);
    lws_cancel_service(transport->context);
}

static void destroy(struct qta_transport *base)
{
    struct lws_transport *transport = transport_of(base);
    assert(!transport->links);
    qta_resolver_destroy(transport->loop.resolver); /* before the context that its threads wake */
    if (transport->context)
        lws_context_destroy(transport->context); /* closes the timer as well, once it is adopted */
    qta_tls_store_finish(&transport->loop.tls);
    free(transport->loop.bytes);
    free(transport);
}

static const struct qta_transport_ops ops = {
    .link_open = link_open,
    .link_send = qta_link_send,
    .link_close = qta_link_close,
    .link_pause = qta_link_pause,
    .service = service,
    .wake = wake,
    .destroy = destroy,
};

/* ---- creation ---- */

static enum qta_status create_context(struct lws_transport *transport, struct qta_error *err)
{
    lws_set_log_level(LLL_ERR | LLL_WARN | LLL_NOTICE, on_log_line);
    const struct lws_context_creation_info info = {
        .port = CONTEXT_PORT_NO_LISTEN,
        .protocols = protocols,
        .vhost_name = "qta",
        .fd_limit_per_thread = SOCKETS_MAX,
        .gid = -1,
        .uid = -1,
        .user = transport,
    };
    transport->context = lws_create_context(&info);
    if (!transport->context)
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot create a context of libwebsockets");
    transport->vhost = lws_get_vhost_by_name(transport->context, "qta");
    assert(transport->vhost);
    return QTA_OK;
}

static enum qta_status create_timer(struct lws_transport *transport, struct qta_error *err)
{
    transport->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (transport->timer_fd < 0)
        return qta_error_set_errno(err, "cannot create a timer");
    if (adopt(transport, transport->timer_fd, protocols[1].name, NULL))
        return QTA_OK;
    close(transport->timer_fd);
    return qta_error_set(err, QTA_ERR_NOMEM, "cannot watch a timer");
}

enum qta_status qta_lws_transport_create(struct qta_transport **out,
                                         struct qta_environment *environment, struct qta_error *err)
{
    assert(out);
    struct lws_transport *transport = calloc(1, sizeof *transport);
    if (!transport)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a transport");
    transport->base.ops = &ops;
    transport->loop.environment = environment;
    transport->loop.capacity = READ_BYTES;
    transport->loop.bytes = malloc(READ_BYTES);
    transport->due_ns = INT64_MAX;
    transport->timer_ns = INT64_MAX;
    enum qta_status status = QTA_OK;
    if (!transport->loop.bytes)
        status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a transport");
    if (status == QTA_OK)
        status = create_context(transport, err);
    if (status == QTA_OK)
        status = create_timer(transport, err);
    if (status == QTA_OK)
        status = qta_resolver_create(&transport->loop.resolver, on_addresses, transport, err);
    if (status != QTA_OK) {
        destroy(&transport->base);
        return status;
    }
    *out = &transport->base;
    return QTA_OK;
}
