/* The transport on real sockets, with the venue in the same thread: what scripts cannot see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "recorder/lws_transport.h"

static const int64_t second_ns = INT64_C(1000000000);

/* A listening socket on loopback, and the transport that connects to it. */
struct fixture {
    struct qta_transport *transport;
    int listener;
    char url[64];
};

/* One link and what it has been told. */
struct client {
    struct fixture *fixture;
    struct qta_link *link;
    int opened;
    int ended;
    size_t received;
    struct qta_link_end end;
    void (*at_open)(struct client *client);
    void (*at_data)(struct client *client);
    void (*at_end)(struct client *client);
    struct client *other;
};

static void on_open(void *user)
{
    struct client *client = user;
    client->opened++;
    assert_int_equal(client->ended, 0);
    if (client->at_open)
        client->at_open(client);
}

static size_t on_data(void *user, const struct qta_frame *frame)
{
    struct client *client = user;
    assert_int_equal(client->opened, 1);
    assert_int_equal(client->ended, 0);
    client->received += frame->length;
    if (client->at_data)
        client->at_data(client);
    return frame->length;
}

static void on_end(void *user, const struct qta_link_end *end)
{
    struct client *client = user;
    client->ended++;
    client->end = *end;
    client->link = NULL;
    if (client->at_end)
        client->at_end(client);
}

static const struct qta_link_events events = {
    .on_open = on_open, .on_data = on_data, .on_end = on_end};

static void client_start(struct client *client)
{
    const struct qta_connect_request request = {.url = client->fixture->url};
    const struct qta_link_options options = {
        .request = &request,
        .open_timeout_ns = 10 * INT64_C(1000000000),
        .message_max_bytes = 1 << 20,
    };
    struct qta_transport *transport = client->fixture->transport;
    client->opened = client->ended = 0;
    assert_int_equal(
        transport->ops->link_open(transport, &client->link, &options, &events, client, NULL),
        QTA_OK);
}

/* Serves until *value is as wanted; a test that hangs is ended by its time limit. */
static void serve_until(struct fixture *fixture, const int *value, int wanted)
{
    while (*value != wanted)
        fixture->transport->ops->service(fixture->transport,
                                         qta_monotonic_ns(qta_environment_system()) + second_ns);
}

/* The next connection, served until it is there. Blocking, unlike the listener. */
static int accept_one(struct fixture *fixture)
{
    for (;;) {
        int fd = accept4(fixture->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            return fd;
        assert_int_equal(errno, EAGAIN);
        fixture->transport->ops->service(fixture->transport, 0);
    }
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    fixture->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fixture->listener >= 0);
    assert_int_equal(bind(fixture->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(fixture->listener, 100), 0);
    assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(fixture->url, sizeof fixture->url, "tcp://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(qta_lws_transport_create(&fixture->transport, qta_environment_system(), NULL),
                     QTA_OK);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    fixture->transport->ops->destroy(fixture->transport);
    close(fixture->listener);
    free(fixture);
    return 0;
}

static int count_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    assert_non_null(folder);
    int count = 0;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static void thousands_of_reconnects_leave_nothing_behind(void **state)
{
    struct fixture *fixture = *state;
    enum { ROUNDS = 3000 };
    int descriptors = count_descriptors();
    for (int i = 0; i < ROUNDS; i++) {
        struct client client = {.fixture = fixture};
        client_start(&client);
        close(accept_one(fixture));
        serve_until(fixture, &client.ended, 1);
        assert_int_equal(client.end.cause, QTA_CAUSE_LOST);
    }
    assert_int_equal(count_descriptors(), descriptors);
}

static void many_links_live_side_by_side(void **state)
{
    struct fixture *fixture = *state;
    enum { LINKS = 60 };
    static struct client clients[LINKS];
    int peers[LINKS];
    for (int i = 0; i < LINKS; i++) {
        clients[i] = (struct client){.fixture = fixture};
        client_start(&clients[i]);
    }
    for (int i = 0; i < LINKS; i++)
        serve_until(fixture, &clients[i].opened, 1);
    for (int i = 0; i < LINKS; i++) {
        peers[i] = accept_one(fixture);
        assert_int_equal(send(peers[i], "hello", 5, MSG_NOSIGNAL), 5);
        close(peers[i]);
    }
    for (int i = 0; i < LINKS; i++) {
        serve_until(fixture, &clients[i].ended, 1);
        assert_int_equal(clients[i].received, 5);
    }
}

static void too_many_links_are_refused(void **state)
{
    struct fixture *fixture = *state;
    struct qta_transport *transport = fixture->transport;
    enum { MORE_THAN_ENOUGH = 600 };
    static struct client clients[MORE_THAN_ENOUGH];
    const struct qta_connect_request request = {.url = "tcp://no..where:1"};
    const struct qta_link_options options = {.request = &request};
    struct qta_error err;
    size_t count = 0;
    enum qta_status status = QTA_OK;
    for (; count < MORE_THAN_ENOUGH; count++) {
        clients[count].fixture = fixture;
        status = transport->ops->link_open(transport, &clients[count].link, &options, &events,
                                           &clients[count], &err);
        if (status != QTA_OK)
            break;
    }
    assert_int_equal(status, QTA_ERR_FEED);
    assert_in_range(count, 100, MORE_THAN_ENOUGH - 1);
    for (size_t i = 0; i < count; i++) {
        serve_until(fixture, &clients[i].ended, 1);
        assert_int_equal(clients[i].end.cause, QTA_CAUSE_RESOLVE);
    }
    assert_int_equal(clients[count].ended, 0);
}

static void close_other(struct client *client)
{
    struct fixture *fixture = client->fixture;
    if (client->other->link)
        fixture->transport->ops->link_close(client->other->link, 1000);
    if (client->link)
        fixture->transport->ops->link_close(client->link, 1000);
}

static void an_event_may_close_any_link(void **state)
{
    struct fixture *fixture = *state;
    struct client first = {.fixture = fixture, .at_open = close_other};
    struct client second = {.fixture = fixture, .at_open = close_other, .other = &first};
    first.other = &second;
    client_start(&first);
    client_start(&second);
    serve_until(fixture, &first.ended, 1);
    serve_until(fixture, &second.ended, 1);
    assert_int_equal(first.end.cause, QTA_CAUSE_STOP);
    assert_int_equal(second.end.cause, QTA_CAUSE_STOP);
    assert_int_equal(first.opened + second.opened, 1); /* whoever was second never opened */
}

static void start_again(struct client *client)
{
    if (client->received++ < 10)
        client_start(client);
}

static void an_end_may_open_the_next_link(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture, .at_open = close_other, .at_end = start_again};
    struct client idle = {.fixture = fixture};
    client.other = &idle;
    client_start(&client);
    while (client.received <= 10)
        fixture->transport->ops->service(fixture->transport, 0);
    assert_int_equal(client.received, 11);
}

static void pause_here(struct client *client)
{
    client->fixture->transport->ops->link_pause(client->link, true);
}

static void a_paused_link_leaves_bytes_with_the_venue(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture, .at_open = pause_here};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    static const char bytes[65536];
    size_t sent = 0;
    ssize_t part;
    while ((part = send(peer, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT)) > 0) {
        sent += (size_t)part;
        fixture->transport->ops->service(fixture->transport, 0);
        assert_true(sent < (size_t)1 << 30);
    }
    assert_int_equal(client.received, 0);
    fixture->transport->ops->link_pause(client.link, false);
    while (client.received < sent)
        fixture->transport->ops->service(fixture->transport, 0);
    close(peer);
    serve_until(fixture, &client.ended, 1);
    assert_int_equal(client.received, sent);
}

/* Whether the reset is found by listening or by sending. */
static void keep_what_came_before_a_reset(struct fixture *fixture, bool is_sending)
{
    struct client client = {.fixture = fixture, .at_open = pause_here};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    enum { MUCH = 60000 };
    static const char bytes[MUCH];
    assert_int_equal(send(peer, bytes, MUCH, MSG_NOSIGNAL), MUCH);
    int waiting = MUCH;
    while (waiting > 0) /* until the other kernel buffer has all of it */
        assert_int_equal(ioctl(peer, TIOCOUTQ, &waiting), 0);
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(peer);
    if (is_sending)
        fixture->transport->ops->link_send(client.link, "x", 1, true);
    for (int i = 0; i < 10; i++)
        fixture->transport->ops->service(fixture->transport, 0);
    assert_int_equal(client.received, 0);
    assert_int_equal(client.ended, 0);
    fixture->transport->ops->link_pause(client.link, false);
    serve_until(fixture, &client.ended, 1);
    assert_int_equal(client.received, MUCH);
    assert_int_equal(client.end.cause, QTA_CAUSE_LOST);
}

static void a_paused_link_keeps_what_came_before_a_reset(void **state)
{
    keep_what_came_before_a_reset(*state, false);
}

static void a_paused_link_that_sends_keeps_what_came_before_a_reset(void **state)
{
    keep_what_came_before_a_reset(*state, true);
}

static void a_venue_that_does_not_read_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    enum { MEGABYTE = 1 << 20 };
    char *bytes = calloc(1, MEGABYTE);
    assert_non_null(bytes);
    for (int sent = 0; client.ended == 0 && sent < 200; sent++) {
        fixture->transport->ops->link_send(client.link, bytes, MEGABYTE, true);
        assert_int_equal(client.ended, 0); /* never from within link_send() */
        fixture->transport->ops->service(fixture->transport, 0);
    }
    serve_until(fixture, &client.ended, 1);
    assert_int_equal(client.end.cause, QTA_CAUSE_LOST);
    assert_non_null(strstr(client.end.reason, "64 MiB"));
    free(bytes);
    close(peer);
}

static void closing_does_not_wait_for_a_venue_that_does_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    enum { MUCH = 32 << 20 };
    char *bytes = calloc(1, MUCH);
    assert_non_null(bytes);
    fixture->transport->ops->link_send(client.link, bytes, MUCH, true);
    fixture->transport->ops->link_close(client.link, 1000);
    fixture->transport->ops->link_close(client.link, 1000); /* again is fine */
    serve_until(fixture, &client.ended, 1);
    assert_int_equal(client.end.cause, QTA_CAUSE_STOP);
    free(bytes);
    close(peer);
}

static void what_comes_while_we_close_is_thrown_away(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    enum { MUCH = 32 << 20, PIECE = 1 << 20, GROWTH_KIB_MAX = 128 << 10 };
    char *bytes = calloc(1, MUCH);
    assert_non_null(bytes);
    fixture->transport->ops->link_send(client.link, bytes, MUCH, true); /* nobody reads it */
    fixture->transport->ops->link_close(client.link, 1000);
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    while (client.ended == 0) {
        send(peer, bytes, PIECE, MSG_NOSIGNAL | MSG_DONTWAIT);
        fixture->transport->ops->service(fixture->transport, 0);
    }
    getrusage(RUSAGE_SELF, &after);
    assert_int_equal(client.received, 0);
    assert_true(after.ru_maxrss - before.ru_maxrss < GROWTH_KIB_MAX);
    free(bytes);
    close(peer);
}

static void what_is_queued_goes_before_a_close(void **state)
{
    struct fixture *fixture = *state;
    struct client client = {.fixture = fixture};
    client_start(&client);
    serve_until(fixture, &client.opened, 1);
    int peer = accept_one(fixture);
    enum { LENGTH = 100000 };
    static char bytes[LENGTH];
    memset(bytes, 'x', sizeof bytes);
    fixture->transport->ops->link_send(client.link, bytes, LENGTH, true);
    fixture->transport->ops->link_close(client.link, 1000);
    fixture->transport->ops->link_send(client.link, "late", 4, true); /* not any more */
    serve_until(fixture, &client.ended, 1);
    size_t received = 0;
    ssize_t part;
    while ((part = recv(peer, bytes, sizeof bytes, 0)) > 0)
        received += (size_t)part;
    assert_int_equal(received, LENGTH);
    close(peer);
}

static void service_waits_until_its_deadline_and_not_before_a_past_one(void **state)
{
    struct fixture *fixture = *state;
    struct qta_environment *environment = qta_environment_system();
    struct qta_transport *transport = fixture->transport;
    for (int i = 0; i < 20; i++) {
        int64_t deadline_ns = qta_monotonic_ns(environment) + 3000000;
        while (qta_monotonic_ns(environment) < deadline_ns)
            transport->ops->service(transport, deadline_ns);
        transport->ops->service(transport, deadline_ns); /* past: must not hang */
        transport->ops->service(transport, 0);
        transport->ops->service(transport, INT64_MIN);
    }
}

static void *wake_later(void *user)
{
    struct fixture *fixture = user;
    usleep(20000);
    fixture->transport->ops->wake(fixture->transport);
    return NULL;
}

static void another_thread_can_end_the_wait(void **state)
{
    struct fixture *fixture = *state;
    pthread_t thread;
    fixture->transport->ops->wake(fixture->transport); /* before the wait counts as well */
    fixture->transport->ops->service(fixture->transport, INT64_MAX);
    assert_int_equal(pthread_create(&thread, NULL, wake_later, fixture), 0);
    fixture->transport->ops->service(fixture->transport, INT64_MAX);
    pthread_join(thread, NULL);
}

static void what_can_never_work_is_refused_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct qta_transport *transport = fixture->transport;
    static const struct {
        const char *url;
        const char *ca_file;
        struct qta_header header;
    } cases[] = {
        {"http://127.0.0.1/", NULL, {"X", "y"}},
        {"wss://127.0.0.1/", "/no/such/file", {"X", "y"}},
        {"wss://127.0.0.1/", "/dev/null", {"X", "y"}},
        {"ws://127.0.0.1/", NULL, {"X", "y\r\nZ: z"}},
        {"ws://127.0.0.1/", NULL, {"Host", "elsewhere"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct qta_connect_request request = {
            .url = cases[i].url, .headers = {cases[i].header}, .header_count = 1};
        const struct qta_link_options options = {.request = &request,
                                                 .tls_ca_file = cases[i].ca_file};
        struct client client = {.fixture = fixture};
        struct qta_error err;
        assert_int_equal(
            transport->ops->link_open(transport, &client.link, &options, &events, &client, &err),
            QTA_ERR_CONFIG);
        transport->ops->service(transport, 0);
        assert_int_equal(client.ended, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(thousands_of_reconnects_leave_nothing_behind, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(many_links_live_side_by_side, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_links_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_may_close_any_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_may_open_the_next_link, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_paused_link_leaves_bytes_with_the_venue, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_paused_link_that_sends_keeps_what_came_before_a_reset,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_paused_link_keeps_what_came_before_a_reset, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_venue_that_does_not_read_is_given_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_does_not_wait_for_a_venue_that_does_not_read,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_comes_while_we_close_is_thrown_away, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_is_queued_goes_before_a_close, set_up, tear_down),
        cmocka_unit_test_setup_teardown(service_waits_until_its_deadline_and_not_before_a_past_one,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_thread_can_end_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_can_never_work_is_refused_at_once, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
