/* The live path: receive, decode, journal and dispatch over a loopback WebSocket, and how long a
 * frame that has been read takes to its callback at several rates, plain and over TLS.
 *
 * Each line: name, value, unit, ratio to the baseline, baseline ('-' where there is none). The
 * baseline is a libwebsockets client in the library's own WebSocket role that throws the same
 * frames away; for live_frames, which stores the messages too, and live_metrics, which counts every
 * tick for /metrics, it is the live path without that. Speeds are the best of several runs, because
 * others use the machine too.
 *
 *     bench_live [--quick] [--rival COMMAND]
 *
 * --quick shows only that it works. --rival also runs a client of another make, to compare with:
 * COMMAND URL must receive and parse the frames until the close and print "TICKS SECONDS
 * CPU-SECONDS", from the first message to the last (tests/bench/compare_with_node). */
#include <ftw.h>
#include <libwebsockets.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <qta/gateway.h>
#include <qta/session.h>
#include <qta/subscriber.h>

#include "tests/bench/frame_blaster.h"

enum {
    REPEATS = 3,
    BUSY_TICKS_A_FRAME = 20,
    PACED_TICKS_A_FRAME = 5,
};

/* What of the gateway differs from row to row. */
struct variant {
    bool is_tls;
    bool stores_frames;
    bool has_metrics;
    bool has_sleeper; /* a subscriber beside us takes 50 ms for each tick */
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

static void sleep_over_tick(void *user, const struct qta_tick *tick,
                            const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
    usleep(50000);
}

static void *run_sleeper(void *user)
{
    qta_subscriber_run(user, NULL);
    return NULL;
}

static struct qta_subscriber *start_sleeper(struct qta_gateway *gateway, pthread_t *thread)
{
    struct qta_subscriber_options options = qta_subscriber_options_default();
    options.name = "sleeper";
    struct qta_subscriber *sleeper;
    struct qta_error err;
    if (qta_subscriber_open(&sleeper, gateway, &options, &err) != QTA_OK ||
        qta_subscriber_subscribe_to_all(sleeper, sleep_over_tick, NULL, &err) != QTA_OK)
        die(err.message);
    if (pthread_create(thread, NULL, run_sleeper, sleeper) != 0)
        die("cannot start a thread");
    return sleeper;
}

static void run_gateway(struct frame_blaster *blaster, struct watch *watch,
                        const struct variant *variant, struct qta_session_info *info)
{
    char folder[] = "/tmp/qta-bench-XXXXXX";
    if (!mkdtemp(folder))
        die("no folder to record into");
    blaster->is_tls = variant->is_tls;
    frame_blaster_start(blaster);
    char url[64];
    snprintf(url, sizeof url, "%s://127.0.0.1:%u/v2/bench", variant->is_tls ? "wss" : "ws",
             blaster->port);
    static const struct qta_subscription subscriptions[] = {
        {.type = QTA_TICK_TRADE, .symbol = "*"}, {.type = QTA_TICK_QUOTE, .symbol = "*"}};
    struct qta_provider_options provider = qta_provider_options_default();
    provider.name = "alpaca";
    provider.websocket_url = url;
    provider.api_key = "key";
    provider.api_secret = "secret";
    provider.tls_is_insecure = true; /* the venue has signed for itself */
    provider.subscriptions = subscriptions;
    provider.subscription_count = 2;
    struct qta_gateway_options options = qta_gateway_options_default();
    options.providers = &provider;
    options.provider_count = 1;
    options.reconnect_attempts = 1; /* the end of the blast is the end of the run */
    options.health_check_interval_ns = 0;
    options.recording.is_enabled = true;
    options.recording.directory = folder;
    options.recording.has_raw_frames = variant->stores_frames;
    if (variant->has_metrics)
        options.health.metrics = (struct qta_endpoint_options){.is_enabled = true,
                                                               .host = "127.0.0.1"};
    struct qta_gateway *gateway = NULL;
    struct qta_error err;
    if (qta_gateway_create(&gateway, &options, &err) != QTA_OK ||
        qta_gateway_subscribe_to_trades(gateway, NULL, 0, on_tick, watch, &err) != QTA_OK ||
        qta_gateway_subscribe_to_quotes(gateway, NULL, 0, on_tick, watch, &err) != QTA_OK)
        die(err.message);
    pthread_t thread;
    struct qta_subscriber *sleeper = variant->has_sleeper ? start_sleeper(gateway, &thread) : NULL;
    if (qta_gateway_run(gateway, &err) != QTA_ERR_FEED || watch->ticks != watch->expected)
        die(err.message);
    qta_subscriber_close(sleeper);
    if (sleeper)
        pthread_join(thread, NULL);
    measure_session(gateway, info);
    qta_gateway_destroy(gateway);
    frame_blaster_finish(blaster);
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static struct result measure_gateway(uint64_t ticks, const struct variant *variant)
{
    struct frame_blaster blaster = {.ticks = ticks, .ticks_a_frame = BUSY_TICKS_A_FRAME};
    struct watch watch = {.expected = ticks};
    struct qta_session_info info;
    run_gateway(&blaster, &watch, variant, &info);
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

static struct result measure_discard(uint64_t ticks, bool is_tls)
{
    enum {
        BUFFER_BYTES = 65536,
        TLS_UNCHECKED = LCCSCF_USE_SSL | LCCSCF_ALLOW_SELFSIGNED | LCCSCF_ALLOW_INSECURE |
                        LCCSCF_SKIP_SERVER_CERT_HOSTNAME_CHECK
    };
    static const struct lws_protocols protocols[] = {
        {.name = "discard", .callback = on_discard, .rx_buffer_size = BUFFER_BYTES}, {0}};
    struct frame_blaster blaster = {
        .ticks = ticks, .ticks_a_frame = BUSY_TICKS_A_FRAME, .is_tls = is_tls};
    frame_blaster_start(&blaster);
    discard = (struct discard){0};
    lws_set_log_level(LLL_ERR, NULL);
    struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN,
                                             .protocols = protocols,
                                             .pt_serv_buf_size = BUFFER_BYTES,
                                             .options = LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT,
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
                                              .local_protocol_name = protocols[0].name,
                                              .ssl_connection = is_tls ? TLS_UNCHECKED : 0};
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

static void print_cpu_row(const char *name, uint64_t ticks, const struct result *result,
                          const struct result *baseline)
{
    double count = (double)ticks;
    printf("%s %.0f ticks/cpu-s %.3f %.0f\n", name, count / result->cpu_seconds,
           baseline->cpu_seconds / result->cpu_seconds, count / baseline->cpu_seconds);
}

static void measure_throughput(uint64_t ticks, int repeats)
{
    static const struct variant plain = {0};
    static const struct variant with_frames = {.stores_frames = true};
    static const struct variant with_metrics = {.has_metrics = true};
    static const struct variant over_tls = {.is_tls = true};
    struct result live = {0};
    struct result storing = {0};
    struct result counting = {0};
    struct result secure = {0};
    struct result thrown_away = {0};
    struct result secure_thrown_away = {0};
    for (int i = 0; i < repeats; i++) { /* in turn: a busy moment of the machine hits all */
        keep_best(&thrown_away, measure_discard(ticks, false));
        keep_best(&live, measure_gateway(ticks, &plain));
        keep_best(&storing, measure_gateway(ticks, &with_frames));
        keep_best(&counting, measure_gateway(ticks, &with_metrics));
        keep_best(&secure_thrown_away, measure_discard(ticks, true));
        keep_best(&secure, measure_gateway(ticks, &over_tls));
    }
    double count = (double)ticks;
    printf("live_ticks %.0f ticks/s %.3f %.0f\n", count / live.seconds,
           thrown_away.seconds / live.seconds, count / thrown_away.seconds);
    print_cpu_row("live_ticks_cpu", ticks, &live, &thrown_away);
    print_cpu_row("live_tls_ticks_cpu", ticks, &secure, &secure_thrown_away);
    print_cpu_row("live_metrics_cpu", ticks, &counting, &live);
    print_cpu_row("live_frames_cpu", ticks, &storing, &live);
    printf("live_frames_size %.3f bytes/message %.3f %.3f\n",
           (storing.bytes - live.bytes) / storing.messages, storing.bytes / live.bytes,
           live.bytes / storing.messages);
}

/* ---- a rival ----------------------------------------------------------------------------------
 */

static struct result run_rival(const char *command, uint64_t ticks)
{
    struct frame_blaster blaster = {.ticks = ticks, .ticks_a_frame = BUSY_TICKS_A_FRAME};
    char line[512];
    double received;
    struct result result = {0};
    frame_blaster_start(&blaster);
    snprintf(line, sizeof line, "%s ws://127.0.0.1:%u/", command, blaster.port);
    FILE *rival = popen(line, "re");
    if (!rival ||
        fscanf(rival, "%lf %lf %lf", &received, &result.seconds, &result.cpu_seconds) != 3 ||
        received != (double)ticks)
        die("the rival did not get all ticks");
    pclose(rival);
    frame_blaster_finish(&blaster);
    return result;
}

static void measure_rival(const char *command, uint64_t ticks, int repeats)
{
    static const struct variant plain = {0};
    struct result live = {0};
    struct result rival = {0};
    for (int i = 0; i < repeats; i++) {
        keep_best(&rival, run_rival(command, ticks));
        keep_best(&live, measure_gateway(ticks, &plain));
    }
    printf("live_ticks_to_rival %.0f ticks/s %.3f %.0f\n", (double)ticks / live.seconds,
           rival.seconds / live.seconds, (double)ticks / rival.seconds);
    print_cpu_row("live_cpu_to_rival", ticks, &live, &rival);
}

/* ---- latency ----------------------------------------------------------------------------------
 */

static int compare_int32(const void *a, const void *b)
{
    int32_t left = *(const int32_t *)a;
    int32_t right = *(const int32_t *)b;
    return (left > right) - (left < right);
}

static void print_percentiles(const char *name, int32_t *latencies_ns, uint64_t count)
{
    static const struct {
        const char *name;
        double part;
    } parts[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}, {"max", 1}};
    qsort(latencies_ns, count, sizeof *latencies_ns, compare_int32);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        size_t at = (size_t)((double)(count - 1) * parts[i].part);
        printf("live_latency_%s_%s %.3f us - -\n", name, parts[i].name, latencies_ns[at] / 1e3);
    }
}

static void measure_latency(unsigned ticks_a_second, const struct variant *variant, double seconds)
{
    uint64_t ticks = (uint64_t)(ticks_a_second * seconds) / PACED_TICKS_A_FRAME *
                     PACED_TICKS_A_FRAME;
    struct frame_blaster blaster = {.ticks = ticks,
                                    .ticks_a_frame = PACED_TICKS_A_FRAME,
                                    .frame_interval_ns = INT64_C(1000000000) * PACED_TICKS_A_FRAME /
                                                         ticks_a_second};
    struct watch watch = {.expected = ticks,
                          .latencies_ns = calloc(ticks, sizeof *watch.latencies_ns)};
    if (!watch.latencies_ns)
        die("out of memory");
    struct qta_session_info info;
    char name[64];
    snprintf(name, sizeof name, "%uk_%s%s", ticks_a_second / 1000,
             variant->is_tls ? "tls" : "plain", variant->has_sleeper ? "_beside_sleeper" : "");
    run_gateway(&blaster, &watch, variant, &info);
    print_percentiles(name, watch.latencies_ns, ticks);
    printf("live_paced_%s %.0f ticks/s - -\n", name,
           (double)ticks / ((double)(watch.last_ns - watch.first_ns) / 1e9));
    printf("live_paced_cpu_%s %.3f cpu-s/million-ticks - -\n", name,
           (double)(watch.last_cpu_ns - watch.first_cpu_ns) / 1e3 / (double)ticks);
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
    static const unsigned rates[] = {10000, 100000, 500000};
    bool is_quick = false;
    const char *rival = NULL;
    for (int i = 1; i < argc; i++) {
        is_quick |= strcmp(argv[i], "--quick") == 0;
        if (strcmp(argv[i], "--rival") == 0 && i + 1 < argc)
            rival = argv[++i];
    }
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0); /* or children would print what they inherit */
    if (rival) {
        measure_rival(rival, is_quick ? 20000 : 2000000, is_quick ? 1 : REPEATS);
        return 0;
    }
    measure_throughput(is_quick ? 20000 : 8000000, is_quick ? 1 : REPEATS);
    print_memory();
    static const struct variant variants[] = {
        {.is_tls = false}, {.has_sleeper = true}, {.is_tls = true}};
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        for (size_t j = 0; j < sizeof rates / sizeof rates[0]; j++)
            measure_latency(rates[j], &variants[i], is_quick ? 0.1 : 10);
    }
    return 0;
}
