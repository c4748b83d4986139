/* Opens a link and prints its events as lines, for scripts that play the server.
 *
 *     transport_probe [option...] URL
 *
 * Lines on stdout: "open", "data TEXT|BINARY LENGTH CRC32C FIRST-BYTES", "end CAUSE CODE
 * RETRY-AFTER-S CERTIFICATE REASON"; the log goes to stderr. Ends after the link's end, with 0. */
#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>
#include <qta/tick.h>

#include "core/crc32c.h"
#include "core/environment.h"
#include "recorder/lws_transport.h"

static const int64_t second_ns = INT64_C(1000000000);
static const int64_t millisecond_ns = INT64_C(1000000);

enum { HEADERS_MAX = QTA_CONNECT_HEADERS_MAX };

/* What the command line asks for. */
struct probe_options {
    struct qta_connect_request request;
    struct qta_link_options link;
    const char *send_text; /* once open */
    size_t send_length;    /* a text of this many letters, once open; 0 for none */
    long close_after;      /* messages; -1: never */
    int close_code;
    long pause_at; /* message at which to pause for a while; -1: never */
    int64_t pause_ns;
    long line_bytes; /* tcp: consume lines of this length only */
    bool is_quiet;   /* no line for each message */
    bool shows_pongs;
    size_t links; /* how many at once */
    long times;   /* that each is opened, one after the other */
};

struct probe {
    const struct probe_options *options;
    struct qta_transport *transport;
    struct qta_link *link;
    long messages;
    size_t bytes;
    uint32_t crc;
    int64_t resume_ns; /* 0: not paused */
    int64_t last_recv_ns;
    bool has_ended;
    long times; /* that it was opened */
};

static void print_first_bytes(const struct qta_frame *frame)
{
    for (size_t i = 0; i < frame->length && i < 24; i++) {
        uint8_t byte = frame->bytes[i];
        putchar(byte >= ' ' && byte <= '~' ? byte : '.');
    }
}

static void on_open(void *user)
{
    struct probe *probe = user;
    const struct probe_options *options = probe->options;
    puts("open");
    if (options->send_text)
        probe->transport->ops->link_send(probe->link, options->send_text,
                                         strlen(options->send_text), false);
    if (options->send_length > 0) {
        char *text = malloc(options->send_length);
        assert(text);
        for (size_t i = 0; i < options->send_length; i++)
            text[i] = (char)('a' + i % 26);
        probe->transport->ops->link_send(probe->link, text, options->send_length, false);
        free(text);
    }
    if (options->close_after == 0)
        probe->transport->ops->link_close(probe->link, options->close_code);
}

/* How much of it to take: whole lines where it is asked for. */
static size_t consume(const struct probe *probe, size_t length)
{
    if (probe->options->line_bytes <= 0)
        return length;
    return length - length % (size_t)probe->options->line_bytes;
}

static size_t on_data(void *user, const struct qta_frame *frame)
{
    struct probe *probe = user;
    const struct probe_options *options = probe->options;
    if (probe->resume_ns != 0) {
        puts("data within a pause");
        exit(1);
    }
    if (frame->ts_recv_ns < probe->last_recv_ns) {
        puts("time went back");
        exit(1);
    }
    probe->last_recv_ns = frame->ts_recv_ns;
    size_t used = consume(probe, frame->length);
    probe->messages++;
    probe->bytes += used;
    probe->crc = qta_crc32c(probe->crc, frame->bytes, used);
    if (!options->is_quiet) {
        printf("data %s %zu %08x ", frame->is_binary ? "BINARY" : "TEXT", frame->length,
               qta_crc32c(0, frame->bytes, frame->length));
        print_first_bytes(frame);
        putchar('\n');
    }
    if (probe->messages == options->pause_at) {
        probe->transport->ops->link_pause(probe->link, true);
        probe->resume_ns = qta_monotonic_ns(qta_environment_system()) + options->pause_ns;
        puts("paused");
    }
    if (probe->messages == options->close_after)
        probe->transport->ops->link_close(probe->link, options->close_code);
    return used;
}

static void on_end(void *user, const struct qta_link_end *end)
{
    struct probe *probe = user;
    if (probe->has_ended) {
        puts("ended twice");
        exit(1);
    }
    probe->has_ended = true;
    printf("sum %ld %zu %08x\n", probe->messages, probe->bytes, probe->crc);
    printf("end %s %d %lld %s %s\n", qta_conn_cause_name(end->cause), end->code,
           (long long)(end->retry_after_ns / second_ns), end->is_certificate ? "certificate" : "-",
           end->reason);
}

static void on_pong(void *user, int64_t round_trip_ns)
{
    const struct probe *probe = user;
    if (probe->options->shows_pongs)
        puts(round_trip_ns > 0 && round_trip_ns < 10 * second_ns ? "pong" : "pong out of time");
}

static const struct qta_link_events events = {
    .on_open = on_open, .on_data = on_data, .on_pong = on_pong, .on_end = on_end};

static void log_line(void *user, enum qta_log_level level, const char *area, const char *message)
{
    (void)user;
    fprintf(stderr, "%s: %s: %s\n", qta_log_level_name(level), area, message);
}

static void add_header(struct qta_connect_request *request, char *text)
{
    char *colon = strchr(text, ':');
    if (!colon || request->header_count == HEADERS_MAX) {
        fprintf(stderr, "transport_probe: bad header '%s'\n", text);
        exit(2);
    }
    *colon = '\0';
    request->headers[request->header_count++] = (struct qta_header){
        text, colon + 1 + strspn(colon + 1, " ")};
}

static void parse_arguments(struct probe_options *options, int argc, char **argv)
{
    enum {
        CA = 1,
        INSECURE,
        PING_MS,
        TIMEOUT_MS,
        MAX,
        HEADER,
        SEND,
        SEND_LENGTH,
        CLOSE_AFTER,
        CLOSE_CODE,
        PAUSE_AT,
        PAUSE_MS,
        LINE,
        QUIET,
        LINKS,
        DEFLATE,
        TIMES,
        PONGS
    };
    static const struct option table[] = {
        {"ca", required_argument, NULL, CA},
        {"insecure", no_argument, NULL, INSECURE},
        {"ping-ms", required_argument, NULL, PING_MS},
        {"timeout-ms", required_argument, NULL, TIMEOUT_MS},
        {"max", required_argument, NULL, MAX},
        {"header", required_argument, NULL, HEADER},
        {"send", required_argument, NULL, SEND},
        {"send-length", required_argument, NULL, SEND_LENGTH},
        {"close-after", required_argument, NULL, CLOSE_AFTER},
        {"close-code", required_argument, NULL, CLOSE_CODE},
        {"pause-at", required_argument, NULL, PAUSE_AT},
        {"pause-ms", required_argument, NULL, PAUSE_MS},
        {"line", required_argument, NULL, LINE},
        {"quiet", no_argument, NULL, QUIET},
        {"links", required_argument, NULL, LINKS},
        {"deflate", no_argument, NULL, DEFLATE},
        {"times", required_argument, NULL, TIMES},
        {"pongs", no_argument, NULL, PONGS},
        {0},
    };
    int choice;
    while ((choice = getopt_long(argc, argv, "", table, NULL)) != -1) {
        long number = optarg ? strtol(optarg, NULL, 10) : 0;
        switch (choice) {
        case CA:
            options->link.tls_ca_file = optarg;
            break;
        case INSECURE:
            options->link.tls_is_insecure = true;
            break;
        case PING_MS:
            options->link.ping_interval_ns = number * millisecond_ns;
            break;
        case TIMEOUT_MS:
            options->link.open_timeout_ns = number * millisecond_ns;
            break;
        case MAX:
            options->link.message_max_bytes = (size_t)number;
            break;
        case HEADER:
            add_header(&options->request, optarg);
            break;
        case SEND:
            options->send_text = optarg;
            break;
        case SEND_LENGTH:
            options->send_length = (size_t)number;
            break;
        case CLOSE_AFTER:
            options->close_after = number;
            break;
        case CLOSE_CODE:
            options->close_code = (int)number;
            break;
        case PAUSE_AT:
            options->pause_at = number;
            break;
        case PAUSE_MS:
            options->pause_ns = number * millisecond_ns;
            break;
        case LINE:
            options->line_bytes = number;
            break;
        case QUIET:
            options->is_quiet = true;
            break;
        case PONGS:
            options->shows_pongs = true;
            break;
        case TIMES:
            options->times = number;
            break;
        case DEFLATE:
            options->link.offers_deflate = true;
            break;
        case LINKS:
            options->links = (size_t)number;
            break;
        default:
            exit(2);
        }
    }
    if (optind + 1 != argc) {
        fputs("usage: transport_probe [option...] URL\n", stderr);
        exit(2);
    }
    options->request.url = argv[optind];
}

static void open_link(struct probe *probe)
{
    struct qta_transport *transport = probe->transport;
    struct qta_error err;
    probe->times++;
    probe->has_ended = false;
    enum qta_status status = transport->ops->link_open(transport, &probe->link,
                                                       &probe->options->link, &events, probe, &err);
    if (status != QTA_OK) {
        printf("refused %s %s\n", qta_status_name(status), err.message);
        probe->has_ended = true;
    }
}

/* Runs until all links have ended; resumes those whose pause is over. */
static void run(struct qta_transport *transport, struct probe *probes, size_t count)
{
    struct qta_environment *environment = qta_environment_system();
    for (size_t ended = 0; ended < count;) {
        int64_t now_ns = qta_monotonic_ns(environment);
        int64_t deadline_ns = now_ns + second_ns;
        ended = 0;
        for (size_t i = 0; i < count; i++) {
            struct probe *probe = &probes[i];
            if (probe->has_ended && probe->times < probe->options->times)
                open_link(probe);
            ended += probe->has_ended;
            if (probe->resume_ns == 0 || probe->has_ended)
                continue;
            if (now_ns >= probe->resume_ns) {
                probe->resume_ns = 0;
                puts("resumed");
                transport->ops->link_pause(probe->link, false);
            } else if (probe->resume_ns < deadline_ns) {
                deadline_ns = probe->resume_ns;
            }
        }
        if (ended < count)
            transport->ops->service(transport, deadline_ns);
    }
}

int main(int argc, char **argv)
{
    static struct probe_options options = {
        .link = {.open_timeout_ns = 5 * INT64_C(1000000000), .message_max_bytes = 1 << 20},
        .close_after = -1,
        .close_code = 1000,
        .pause_at = -1,
        .links = 1,
        .times = 1,
    };
    parse_arguments(&options, argc, argv);
    options.link.request = &options.request;
    setvbuf(stdout, NULL, _IOLBF, 0);
    qta_log_set(log_line, NULL, QTA_LOG_INFO);
    struct qta_error err;
    struct qta_transport *transport;
    if (qta_lws_transport_create(&transport, qta_environment_system(), &err) != QTA_OK) {
        printf("failed %s\n", err.message);
        return 1;
    }
    struct probe *probes = calloc(options.links, sizeof *probes);
    assert(probes);
    for (size_t i = 0; i < options.links; i++) {
        struct probe *probe = &probes[i];
        probe->options = &options;
        probe->transport = transport;
        open_link(probe);
    }
    run(transport, probes, options.links);
    transport->ops->destroy(transport);
    free(probes);
    return 0;
}
