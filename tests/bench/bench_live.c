/* The live path: receive, decode, journal and dispatch over a loopback WebSocket, and how long a
 * frame that has been read takes to its callback.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline ('-' where there is none). The
 * baseline is a libwebsockets client in the library's own WebSocket role that throws the same
 * frames away; for live_frames, which stores the messages too, it is the live path without that.
 * Speeds are the best of several runs, because others use the machine too. --quick
 * shows only that it works. */
#include <ftw.h>
#include <libwebsockets.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include <qta/gateway.h>
#include <qta/session.h>

#include "tests/bench/frame_blaster.h"

enum {
    REPEATS = 3,
    BUSY_TICKS_A_FRAME = 20,
    PACED_TICKS_A_FRAME = 5,
    PACED_TICKS_A_SECOND = 100000
};

struct result {
    double seconds;     /* from the first tick to the last */
    double cpu_seconds; /* of this process meanwhile, all threads */
    double bytes;       /* of the session, sealed */
    double messages;    /* stored in it */
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void die(const char *message)
{
    fprintf(stderr, "bench_live: %s\n", message);
    exit(1);
}

/* ---- the gateway ------------------------------------------------------------------------------
 */

struct watch {
    uint64_t ticks;
    uint64_t expected;
    int64_t first_ns;
    int64_t last_ns;
    int64_t first_cpu_ns;
    int64_t last_cpu_ns;
    int32_t *latencies_ns; /* NULL: not measured */
};

static void on_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct watch *watch = user;
    if (watch->latencies_ns && watch->ticks < watch->expected)
        watch->latencies_ns[watch->ticks] = (int32_t)(clock_ns(CLOCK_REALTIME) - tick->ts_recv_ns);
    watch->ticks++;
    if (watch->ticks == 1) {
        watch->first_ns = clock_ns(CLOCK_MONOTONIC);
        watch->first_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    } else if (watch->ticks == watch->expected) {
        watch->last_ns = clock_ns(CLOCK_MONOTONIC);
        watch->last_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    }
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void measure_session(const struct qta_gateway *gateway, struct qta_session_info *info)
{
    struct qta_error err;
    if (qta_session_info_read(qta_gateway_session_path(gateway), info, &err) != QTA_OK)
        die(err.message);
}

static void run_gateway(struct frame_blaster *blaster, struct watch *watch, bool stores_frames,
                        struct qta_session_info *info)
{
    char folder[] = "/tmp/qta-bench-XXXXXX";
    if (!mkdtemp(folder))
        die("no folder to record into");
    frame_blaster_start(blaster);
    char url[64];
    snprintf(url, sizeof url, "ws://127.0.0.1:%u/v2/bench", blaster->port);
    static const struct qta_subscription subscriptions[] = {
        {.type = QTA_TICK_TRADE, .symbol = "*"}, {.type = QTA_TICK_QUOTE, .symbol = "*"}};
    struct qta_provider_options provider = qta_provider_options_default();
    provider.name = "alpaca";
    provider.websocket_url = url;
    provider.api_key = "key";
    provider.api_secret = "secret";
    provider.subscriptions = subscriptions;
    provider.subscription_count = 2;
    struct qta_gateway_options options = qta_gateway_options_default();
    options.providers = &provider;
    options.provider_count = 1;
    options.reconnect_attempts = 1; /* the end of the blast is the end of the run */
    options.health_check_interval_ns = 0;
    options.recording.is_enabled = true;
    options.recording.directory = folder;
    options.recording.has_raw_frames = stores_frames;
    struct qta_gateway *gateway = NULL;
    struct qta_error err;
    if (qta_gateway_create(&gateway, &options, &err) != QTA_OK ||
        qta_gateway_subscribe_to_trades(gateway, NULL, 0, on_tick, watch, &err) != QTA_OK ||
        qta_gateway_subscribe_to_quotes(gateway, NULL, 0, on_tick, watch, &err) != QTA_OK)
        die(err.message);
    if (qta_gateway_run(gateway, &err) != QTA_ERR_FEED || watch->ticks != watch->expected)
        die(err.message);
    measure_session(gateway, info);
    qta_gateway_destroy(gateway);
    frame_blaster_finish(blaster);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct result measure_gateway(uint64_t ticks, bool stores_frames)
{
    struct frame_blaster blaster = {.ticks = ticks, .ticks_a_frame = BUSY_TICKS_A_FRAME};
    struct watch watch = {.expected = ticks};
    struct qta_session_info info;
    run_gateway(&blaster, &watch, stores_frames, &info);
    return (struct result){
        .seconds = (double)(watch.last_ns - watch.first_ns) / 1e9,
        .cpu_seconds = (double)(watch.last_cpu_ns - watch.first_cpu_ns) / 1e9,
        .bytes = (double)info.bytes,
        .messages = (double)info.raw_frames,
    };
}

/* ---- the baseline -----------------------------------------------------------------------------
 */

struct discard {
    bool is_over;
    uint64_t bytes;
    int64_t first_ns;
    int64_t first_cpu_ns;
};
static struct discard discard;

static int on_discard(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in,
                      size_t length)
{
    (void)wsi;
    (void)user;
    (void)in;
    switch ((int)reason) {
    case LWS_CALLBACK_CLIENT_RECEIVE:
        if (discard.bytes == 0) {
            discard.first_ns = clock_ns(CLOCK_MONOTONIC);
            discard.first_cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        }
        discard.bytes += length;
        break;
    case LWS_CALLBACK_CLIENT_CONNECTION_ERROR:
        die("the baseline cannot connect");
        break;
    case LWS_CALLBACK_CLIENT_CLOSED:
        discard.is_over = true;
        break;
    default:
        break;
    }
    return 0;
}

static struct result measure_discard(uint64_t ticks)
{
    enum { BUFFER_BYTES = 65536 };
    static const struct lws_protocols protocols[] = {
        {.name = "discard", .callback = on_discard, .rx_buffer_size = BUFFER_BYTES}, {0}};
    struct frame_blaster blaster = {.ticks = ticks, .ticks_a_frame = BUSY_TICKS_A_FRAME};
    frame_blaster_start(&blaster);
    discard = (struct discard){0};
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                             .protocols = protocols,
                                             .pt_serv_buf_size = BUFFER_BYTES,
                                             .gid = -1,
                                             .uid = -1};
    struct lws_context *context = lws_create_context(&info);
    if (!context)
        die("no context for the baseline");
    struct lws_client_connect_info connect = {.context = context,
                                              .address = "127.0.0.1",
                                              .port = blaster.port,
                                              .path = "/",
                                              .host = "127.0.0.1",
                                              .local_protocol_name = protocols[0].name};
    if (!lws_client_connect_via_info(&connect))
        die("the baseline cannot connect");
    while (!discard.is_over)
        lws_service(context, 0);
    struct result result = {
        .seconds = (double)(clock_ns(CLOCK_MONOTONIC) - discard.first_ns) / 1e9,
        .cpu_seconds = (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - discard.first_cpu_ns) / 1e9,
    };
    lws_context_destroy(context);
    frame_blaster_finish(&blaster);
    return result;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

static void keep_best(struct result *best, struct result result)
{
    if (best->seconds == 0 || result.seconds < best->seconds)
        best->seconds = result.seconds;
    if (best->cpu_seconds == 0 || result.cpu_seconds < best->cpu_seconds)
        best->cpu_seconds = result.cpu_seconds;
    best->bytes = result.bytes;
    best->messages = result.messages;
}

static void measure_throughput(uint64_t ticks, int repeats)
{
    struct result live = {0};
    struct result storing = {0};
    struct result thrown_away = {0};
    for (int i = 0; i < repeats; i++) { /* in turn: a busy moment of the machine hits both */
        keep_best(&thrown_away, measure_discard(ticks));
        keep_best(&live, measure_gateway(ticks, false));
        keep_best(&storing, measure_gateway(ticks, true));
    }
    double count = (double)ticks;
    printf("live_ticks %.0f ticks/s %.3f %.0f\n", count / live.seconds,
           thrown_away.seconds / live.seconds, count / thrown_away.seconds);
    printf("live_ticks_cpu %.0f ticks/cpu-s %.3f %.0f\n", count / live.cpu_seconds,
           thrown_away.cpu_seconds / live.cpu_seconds, count / thrown_away.cpu_seconds);
    printf("live_frames_cpu %.0f ticks/cpu-s %.3f %.0f\n", count / storing.cpu_seconds,
           live.cpu_seconds / storing.cpu_seconds, count / live.cpu_seconds);
    printf("live_frames_size %.3f bytes/message %.3f %.3f\n",
           (storing.bytes - live.bytes) / storing.messages, storing.bytes / live.bytes,
           live.bytes / storing.messages);
}

static int compare_int32(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static void measure_latency(uint64_t ticks)
{
    struct frame_blaster blaster = {.ticks = ticks,
                                    .ticks_a_frame = PACED_TICKS_A_FRAME,
                                    .frame_interval_ns = INT64_C(1000000000) * PACED_TICKS_A_FRAME /
                                                         PACED_TICKS_A_SECOND};
    struct watch watch = {.expected = ticks,
                          .latencies_ns = calloc(ticks, sizeof *watch.latencies_ns)};
    if (!watch.latencies_ns)
        die("out of memory");
    struct qta_session_info info;
    run_gateway(&blaster, &watch, false, &info);
    qsort(watch.latencies_ns, ticks, sizeof *watch.latencies_ns, compare_int32);
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t at = (size_t)((double)(ticks - 1) * parts[i].part);
        printf("live_latency_%s %.3f us - -\n", parts[i].name, watch.latencies_ns[at] / 1e3);
    }
    printf("live_paced %.0f ticks/s - -\n",
           (double)ticks / ((double)(watch.last_ns - watch.first_ns) / 1e9));
    free(watch.latencies_ns);
}

static void print_memory(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long kib;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "RssAnon:", 8) == 0 && (kib = strtol(line + 8, NULL, 10)) > 0)
            printf("live_memory %.3f MiB - -\n", (double)kib / 1024);
    }
    if (file)
        fclose(file);
}

int main(int argc, char **argv)
{
    bool is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    signal(SIGPIPE, SIG_IGN);
    measure_throughput(is_quick ? 20000 : 8000000, is_quick ? 1 : REPEATS);
    print_memory();
    measure_latency(is_quick ? 10000 : 1000000);
    return 0;
}
