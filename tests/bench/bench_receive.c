/* Receiving WebSocket messages and throwing them away: the transport against a libwebsockets client
 * in the library's own WebSocket role, plain and over TLS.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline. Values are MB of messages a second
 * of CPU time of the receiver; the best of several runs, because others use the machine too.
 * --quick shows only that it works. */
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorder/lws_transport.h"
#include "tests/bench/bench_peer.h"

enum {
    REPEATS = 3,
    BLOCK_BYTES = 1 << 20,
    BASELINE_PART = 8, /* the baseline is so slow that it gets a part of the bytes */
};

static void die(const char *message)
{
    fprintf(stderr, "bench_receive: %s\n", message);
    exit(1);
}

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the venue: a child process that sends the same message again and again ---- */

struct venue {
    size_t message_bytes;
    size_t total_bytes;
    bool is_tls;
    uint16_t port;
    pid_t child;
};

/* As many frames as fit a block; returns their length. */
static size_t make_block(const struct venue *venue, uint8_t *block, size_t *messages)
{
    size_t used = 0;
    *messages = 0;
    while (*messages == 0 || used + venue->message_bytes + 4 <= BLOCK_BYTES) {
        block[used++] = 0x81;
        if (venue->message_bytes < 126) {
            block[used++] = (uint8_t)venue->message_bytes;
        } else {
            block[used++] = 126;
            block[used++] = (uint8_t)(venue->message_bytes >> 8);
            block[used++] = (uint8_t)venue->message_bytes;
        }
        memset(block + used, 'x', venue->message_bytes);
        used += venue->message_bytes;
        ++*messages;
    }
    return used;
}

static void venue_run(struct bench_peer *peer, const void *user)
{
    const struct venue *venue = user;
    uint8_t *block = malloc(BLOCK_BYTES + 65536);
    if (!block)
        die("out of memory");
    size_t messages;
    size_t length = make_block(venue, block, &messages);
    for (size_t sent = 0; sent < venue->total_bytes; sent += messages * venue->message_bytes)
        bench_peer_send(peer, block, length);
    bench_peer_close(peer);
    free(block);
}

static void venue_start(struct venue *venue)
{
    venue->child = bench_peer_start(&venue->port, venue->is_tls, venue_run, venue);
}

/* ---- what is measured ---- */

/* What a receiver has thrown away. */
struct receipt {
    size_t bytes;
    double start_s; /* CPU time at the first message */
    double end_s;
    bool is_over;
};

static void receive(struct receipt *receipt, size_t length)
{
    if (receipt->bytes == 0)
        receipt->start_s = cpu_seconds();
    receipt->bytes += length;
}

static void on_open(void *user)
{
    (void)user;
}

static size_t on_data(void *user, const struct qta_frame *frame)
{
    receive(user, frame->length);
    return frame->length;
}

static void on_end(void *user, const struct qta_link_end *end)
{
    struct receipt *receipt = user;
    if (end->cause != QTA_CAUSE_PEER_CLOSED)
        die(end->reason);
    receipt->end_s = cpu_seconds();
    receipt->is_over = true;
}

static struct receipt measure_transport(const struct venue *venue)
{
    static const struct qta_link_events events = {
        .on_open = on_open, .on_data = on_data, .on_end = on_end};
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/", venue->is_tls ? "wss" : "ws", venue->port);
    const struct qta_connect_request request = {.url = url};
    const struct qta_link_options options = {
        .request = &request, .tls_is_insecure = true, .message_max_bytes = 1 << 20};
    struct receipt receipt = {0};
    struct qta_transport *transport;
    struct qta_link *link;
    struct qta_error err;
    if (qta_lws_transport_create(&transport, qta_environment_system(), &err) != QTA_OK ||
        transport->ops->link_open(transport, &link, &options, &events, &receipt, &err) != QTA_OK)
        die(err.message);
    while (!receipt.is_over)
        transport->ops->service(transport, INT64_MAX);
    transport->ops->destroy(transport);
    return receipt;
}

static struct receipt lws_receipt;

static int on_baseline(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                       size_t length)
{
    (void)wsi;
    (void)user;
    (void)in;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        receive(&lws_receipt, length);
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        die("the baseline cannot connect");
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        lws_receipt.end_s = cpu_seconds();
        lws_receipt.is_over = true;
        break;
    default:
        break;
    }
    return 0;
}

static struct receipt measure_baseline(const struct venue *venue)
{
    enum { BUFFER_BYTES = 65536 };
    static const struct lws_protocols protocols[] = {
        {.name = "discard", .callback = on_baseline, .rx_buffer_size = BUFFER_BYTES}, {0}};
    lws_receipt = (struct receipt){0};
    lws_set_log_level(LLL_ERR, NULL);
    const struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                                   .protocols = protocols,
                                                   .pt_serv_buf_size = BUFFER_BYTES,
                                                   .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
                                                   .gid = -1,
                                                   .uid = -1};
    struct lws_context *context = lws_create_context(&info);
    const struct lws_client_connect_info connect = {
        .context = context,
        .address = "127.0.0.1",
        .port = venue->port,
        .path = "/",
        .host = "127.0.0.1",
        .local_protocol_name = protocols[0].name,
        .ssl_connection = venue->is_tls
                              ? LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
                                    LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK
                              : 0};
    if (!context || !lws_client_connect_via_info(&connect))
        die("the baseline cannot connect");
    while (!lws_receipt.is_over)
        lws_service(context, 0);
    lws_context_destroy(context);
    return lws_receipt;
}

static double speed(struct receipt (*measure)(const struct venue *), struct venue *venue)
{
    venue_start(venue);
    struct receipt receipt = measure(venue);
    bench_peer_finish(venue->child);
    if (receipt.bytes < venue->total_bytes)
        die("bytes are missing");
    return (double)receipt.bytes / 1e6 / (receipt.end_s - receipt.start_s);
}

static void measure_row(size_t message_bytes, bool is_tls, size_t total_bytes, int repeats)
{
    struct venue venue = {.message_bytes = message_bytes, .is_tls = is_tls};
    double ours = 0;
    double theirs = 0;
    for (int i = 0; i < repeats; i++) { /* in turn: a busy moment of the machine hits both */
        venue.total_bytes = total_bytes / BASELINE_PART;
        double speed_mb_s = speed(measure_baseline, &venue);
        theirs = speed_mb_s > theirs ? speed_mb_s : theirs;
        venue.total_bytes = total_bytes;
        speed_mb_s = speed(measure_transport, &venue);
        ours = speed_mb_s > ours ? speed_mb_s : ours;
    }
    printf("receive_%s_%zu %.0f MB/cpu-s %.3f %.0f\n", is_tls ? "tls" : "plain", message_bytes,
           ours, ours / theirs, theirs);
}

int main(int argc, char **argv)
{
    static const size_t lengths[] = {150, 1000, 16000};
    bool is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0); /* or children would print what they inherit */
    for (int is_tls = 0; is_tls <= 1; is_tls++) {
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
            measure_row(lengths[i], is_tls, is_quick ? (size_t)4 << 20 : (size_t)400 << 20,
                        is_quick ? 1 : REPEATS);
    }
    return 0;
}
