#include "tests/recorder/scripted_transport.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS INT64_C(1000000)

enum event_kind { EVENT_OPEN, EVENT_OPEN_TIMEOUT, EVENT_MESSAGE, EVENT_STREAM, EVENT_END };

struct event {
    struct event *next; /* later, or at the same time and put in later */
    struct qta_link *link;
    int64_t at_ns;
    enum event_kind kind;
    struct qta_link_end end;
    bool is_binary;
    size_t length;
    uint8_t bytes[];
};

struct scripted_transport {
    struct qta_transport base;
    struct virtual_environment *environment;
    const struct scripted_venue *venue;
    struct event *events;
    struct qta_link *links;
    int attempts;
    int pauses;
    int64_t limit_ns;
    atomic_bool is_woken;
};

struct qta_link {
    struct qta_link *next;
    struct scripted_transport *transport;
    const struct qta_link_events *events;
    void *user;
    int attempt;
    bool is_open;
    bool is_closing;
    bool is_paused;
    uint8_t *stream; /* not consumed yet */
    size_t stream_length;
};

static struct scripted_transport *self(const struct qta_transport *transport)
{
    return (struct scripted_transport *)(uintptr_t)transport;
}

static struct event *make_event(struct qta_link *link, enum event_kind kind, int64_t delay_ns,
                                const void *bytes, size_t length)
{
    assert(delay_ns >= 0);
    struct event *event = calloc(1, sizeof *event + length);
    assert(event);
    event->link = link;
    event->kind = kind;
    event->at_ns = link->transport->environment->monotonic_ns + delay_ns;
    event->length = length;
    if (length > 0)
        memcpy(event->bytes, bytes, length);
    return event;
}

static void put(struct scripted_transport *transport, struct event *event)
{
    struct event **place = &transport->events;
    while (*place && (*place)->at_ns <= event->at_ns)
        place = &(*place)->next;
    event->next = *place;
    *place = event;
}

static void put_event(struct qta_link *link, enum event_kind kind, int64_t delay_ns,
                      const void *bytes, size_t length)
{
    put(link->transport, make_event(link, kind, delay_ns, bytes, length));
}

void scripted_open(struct qta_link *link, int64_t delay_ns)
{
    put_event(link, EVENT_OPEN, delay_ns, NULL, 0);
}

void scripted_send_bytes(struct qta_link *link, int64_t delay_ns, const void *bytes, size_t length,
                         bool is_binary)
{
    struct event *event = make_event(link, EVENT_MESSAGE, delay_ns, bytes, length);
    event->is_binary = is_binary;
    put(link->transport, event);
}

void scripted_send(struct qta_link *link, int64_t delay_ns, const char *text)
{
    scripted_send_bytes(link, delay_ns, text, strlen(text), false);
}

void scripted_stream(struct qta_link *link, int64_t delay_ns, const void *bytes, size_t length)
{
    put_event(link, EVENT_STREAM, delay_ns, bytes, length);
}

void scripted_end(struct qta_link *link, int64_t delay_ns, const struct qta_link_end *end)
{
    struct event *event = make_event(link, EVENT_END, delay_ns, NULL, 0);
    event->end = *end;
    put(link->transport, event);
}

void scripted_limit(struct qta_transport *transport, int64_t monotonic_ns)
{
    self(transport)->limit_ns = monotonic_ns;
}

int scripted_attempt(const struct qta_link *link)
{
    return link->attempt;
}

int scripted_attempts(const struct qta_transport *transport)
{
    return self(transport)->attempts;
}

int scripted_pauses(const struct qta_transport *transport)
{
    return self(transport)->pauses;
}

int scripted_links(const struct qta_transport *transport)
{
    int count = 0;
    for (const struct qta_link *link = self(transport)->links; link; link = link->next)
        count++;
    return count;
}

/* ---- events -----------------------------------------------------------------------------------
 */

static void free_link(struct qta_link *link)
{
    struct scripted_transport *transport = link->transport;
    struct qta_link **place = &transport->links;
    while (*place != link)
        place = &(*place)->next;
    *place = link->next;
    struct event **event = &transport->events;
    while (*event) {
        struct event *this = *event;
        if (this->link != link) {
            event = &this->next;
            continue;
        }
        *event = this->next;
        free(this);
    }
    free(link->stream);
    free(link);
}

static void end_link(struct qta_link *link, const struct qta_link_end *end)
{
    link->events->on_end(link->user, end);
    free_link(link);
}

static void give_data(struct qta_link *link, const struct event *event)
{
    struct qta_frame frame = {
        .bytes = event->bytes,
        .length = event->length,
        .is_binary = event->is_binary,
        .ts_recv_ns = link->transport->environment->realtime_ns,
    };
    if (event->kind == EVENT_MESSAGE) {
        link->events->on_data(link->user, &frame);
        return;
    }
    link->stream = realloc(link->stream, link->stream_length + event->length + 1);
    assert(link->stream);
    memcpy(link->stream + link->stream_length, event->bytes, event->length);
    link->stream_length += event->length;
    frame.bytes = link->stream;
    frame.length = link->stream_length;
    size_t consumed = link->events->on_data(link->user, &frame);
    assert(consumed <= link->stream_length);
    link->stream_length -= consumed;
    memmove(link->stream, link->stream + consumed, link->stream_length);
}

static void fire(const struct event *event)
{
    struct qta_link *link = event->link;
    switch (event->kind) {
    case EVENT_OPEN:
        if (link->is_closing || link->is_open)
            return;
        link->is_open = true;
        link->events->on_open(link->user);
        return;
    case EVENT_OPEN_TIMEOUT:
        if (!link->is_open)
            end_link(link, &event->end);
        return;
    case EVENT_MESSAGE:
    case EVENT_STREAM:
        assert(link->is_open);
        give_data(link, event);
        return;
    case EVENT_END:
        end_link(link, &event->end);
        return;
    }
}

/* Data that a paused link has waiting comes when it reads again, and the end behind it. Everything
 * else waits too: time goes on a little, nothing more. */
static bool has_to_wait(const struct event *event)
{
    return event->link->is_paused && !event->link->is_closing &&
           (event->kind == EVENT_MESSAGE || event->kind == EVENT_STREAM ||
            event->kind == EVENT_END);
}

static void service(struct qta_transport *base, int64_t deadline_ns)
{
    struct scripted_transport *transport = self(base);
    struct virtual_environment *environment = transport->environment;
    if (atomic_exchange(&transport->is_woken, false))
        return;
    if (deadline_ns > transport->limit_ns)
        deadline_ns = transport->limit_ns;
    struct event *event = transport->events;
    if (!event || event->at_ns > deadline_ns) {
        if (deadline_ns > environment->monotonic_ns)
            virtual_environment_advance(environment, deadline_ns - environment->monotonic_ns);
        return;
    }
    if (event->at_ns > environment->monotonic_ns)
        virtual_environment_advance(environment, event->at_ns - environment->monotonic_ns);
    if (has_to_wait(event)) {
        virtual_environment_advance(environment, MS);
        return;
    }
    transport->events = event->next;
    fire(event);
    free(event);
}

/* ---- what the gateway calls -------------------------------------------------------------------
 */

static enum qta_status link_open(struct qta_transport *base, struct qta_link **out,
                                 const struct qta_link_options *options,
                                 const struct qta_link_events *events, void *user,
                                 struct qta_error *err)
{
    (void)err;
    struct scripted_transport *transport = self(base);
    struct qta_link *link = calloc(1, sizeof *link);
    assert(link);
    link->transport = transport;
    link->events = events;
    link->user = user;
    link->attempt = ++transport->attempts;
    link->next = transport->links;
    transport->links = link;
    struct event *timeout = make_event(link, EVENT_OPEN_TIMEOUT, options->open_timeout_ns, NULL, 0);
    timeout->end = (struct qta_link_end){.cause = QTA_CAUSE_SILENT, .reason = "no answer"};
    put(transport, timeout);
    *out = link;
    if (transport->venue->on_connect)
        transport->venue->on_connect(transport->venue->user, link, link->attempt, options);
    else
        scripted_open(link, 10 * MS);
    return QTA_OK;
}

static void link_send(struct qta_link *link, const void *bytes, size_t length, bool is_binary)
{
    (void)is_binary;
    assert(link->is_open);
    const struct scripted_venue *venue = link->transport->venue;
    if (!link->is_closing && venue->on_message)
        venue->on_message(venue->user, link, bytes, length);
}

static void link_close(struct qta_link *link, int code)
{
    const struct scripted_venue *venue = link->transport->venue;
    if (link->is_closing)
        return;
    link->is_closing = true;
    if (venue->on_close)
        venue->on_close(venue->user, link, code);
    struct qta_link_end end = {.cause = QTA_CAUSE_STOP, .code = code, .reason = "closed by us"};
    scripted_end(link, MS, &end);
}

static void link_pause(struct qta_link *link, bool is_paused)
{
    link->is_paused = is_paused;
    link->transport->pauses += is_paused;
}

static void wake(struct qta_transport *base)
{
    atomic_store(&self(base)->is_woken, true);
}

static void destroy(struct qta_transport *base)
{
    assert(!self(base)->links);
    assert(!self(base)->events);
    free(base);
}

struct qta_transport *scripted_transport_create(struct virtual_environment *environment,
                                                const struct scripted_venue *venue)
{
    static const struct qta_transport_ops ops = {
        .link_open = link_open,
        .link_send = link_send,
        .link_close = link_close,
        .link_pause = link_pause,
        .service = service,
        .wake = wake,
        .destroy = destroy,
    };
    struct scripted_transport *transport = calloc(1, sizeof *transport);
    assert(transport);
    transport->base.ops = &ops;
    transport->environment = environment;
    transport->venue = venue;
    transport->limit_ns = INT64_MAX;
    return &transport->base;
}
