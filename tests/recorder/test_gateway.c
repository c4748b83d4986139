/* The gateway end to end, with its own threads: what callbacks see, what the session holds, and how
 * it is stopped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/digest.h>
#include <qta/gateway.h>
#include <qta/log.h>

#include "recorder/gateway_internal.h"
#include "recorder/providers.h"
#include "tests/recorder/scratch_folder.h"

/* ---- a gateway on the synthetic market --------------------------------------------------------
 */

struct market {
    char *folder;
    struct qta_provider_options provider;
    struct qta_gateway_options options;
    struct qta_setting settings[6];
    struct qta_gateway *gateway;

    /* what the callback for everything saw */
    struct qta_digest digest;
    uint64_t last_seq;
    uint64_t holes; /* in rx_seq */
    uint64_t by_type[QTA_TICK_TYPE_END];
    uint64_t stop_at; /* stop after this many ticks; 0 for never */
    int sleep_us;     /* for each tick */
};

static void set(struct market *market, const char *name, const char *value)
{
    market->settings[market->provider.setting_count++] = (struct qta_setting){name, value};
}

static int make_market(void **state)
{
    struct market *market = calloc(1, sizeof *market);
    assert_non_null(market);
    market->folder = scratch_make();
    market->provider = (struct qta_provider_options){
        .name = "synthetic", .auth_method = QTA_AUTH_NONE, .settings = market->settings};
    market->options = (struct qta_gateway_options){
        .providers = &market->provider,
        .provider_count = 1,
        .buffer_size = 1024,
        .reconnect_delay_ns = 1000000000,
        .reconnect_delay_max_ns = 1000000000,
        .message_max_bytes = 1 << 20,
        .recording = {.is_enabled = true,
                      .directory = market->folder,
                      .timezone = "America/New_York",
                      .fsync_interval_ns = 200000000,
                      .compression_level = 1,
                      .journal_chunk_bytes = 1 << 20,
                      .journal_max_bytes = 256 << 20},
    };
    qta_digest_init(&market->digest);
    *state = market;
    return 0;
}

static int free_market(void **state)
{
    struct market *market = *state;
    qta_gateway_destroy(market->gateway);
    scratch_remove(market->folder);
    free(market);
    return 0;
}

static void note_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct market *market = user;
    qta_digest_add(&market->digest, tick, names);
    market->holes += tick->rx_seq != market->last_seq + 1;
    market->last_seq = tick->rx_seq;
    market->by_type[tick->type]++;
    if (market->stop_at > 0 && market->digest.ticks == market->stop_at)
        qta_gateway_stop(market->gateway);
    if (market->sleep_us > 0)
        usleep((useconds_t)market->sleep_us);
}

static void open_market(struct market *market)
{
    struct qta_error err = {0};
    enum qta_status status = qta_gateway_create_in(&market->gateway, &market->options,
                                                   qta_environment_system(), NULL, &err);
    if (status != QTA_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, QTA_OK);
    assert_int_equal(qta_gateway_subscribe_to_all(market->gateway, note_tick, market, &err),
                     QTA_OK);
}

static void run(struct market *market, enum qta_status expected)
{
    struct qta_error err = {0};
    enum qta_status status = qta_gateway_run(market->gateway, &err);
    if (status != expected)
        print_message("%s\n", err.message);
    assert_int_equal(status, expected);
}

/* The session as a reader finds it is what the callbacks saw, field by field. */
static void assert_recorded(const struct market *market)
{
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(market->gateway));
    assert_int_equal(session.count, market->digest.ticks);
    assert_true(session.digest.full == market->digest.full);
    assert_true(session.digest.market == market->digest.market);
    scratch_free(&session);
}

/* ---- recording --------------------------------------------------------------------------------
 */

static void what_callbacks_saw_is_what_the_session_holds(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    set(market, "count", "60000");
    open_market(market);
    run(market, QTA_OK);
    assert_int_equal(market->holes, 0);
    assert_int_equal(market->digest.market_ticks, 60000);
    struct qta_gateway_stats stats;
    qta_gateway_stats(market->gateway, &stats);
    assert_int_equal(stats.market_ticks, 60000);
    assert_int_equal(stats.dispatched, market->digest.ticks);
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.queued, 0);
    assert_true(stats.latency_ns_min < stats.latency_ns_max);
    assert_recorded(market);
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(qta_gateway_session_path(market->gateway), &info, NULL),
                     QTA_OK);
    assert_int_equal(info.ticks, 60000);
    assert_int_equal(info.runs, 1);
    assert_true(info.is_sealed);
    assert_false(info.is_live);
}

static void a_simulated_day_keeps_its_own_time_from_end_to_end(void **state)
{
    struct market *market = *state;
    set(market, "start", "2024-05-01T13:30:00Z");
    set(market, "count", "5000");
    open_market(market);
    run(market, QTA_OK);
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(market->gateway));
    int64_t start_ns = INT64_C(1714570200000000000);
    for (size_t i = 0; i < session.count; i++) /* the connection's records and the end, too */
        assert_in_range(session.ticks[i].ts_recv_ns, start_ns, start_ns + 60 * INT64_C(1000000000));
    assert_int_equal(session.ticks[0].conn_event.state, QTA_CONN_RUN_STARTED);
    assert_int_equal(session.ticks[session.count - 1].conn_event.state, QTA_CONN_RUN_ENDED);
    assert_int_equal(session.ticks[10].flags & QTA_FLAG_TIME_RAISED, 0);
    scratch_free(&session);
}

static void synced_before_dispatch_is_the_same_only_slower(void **state)
{
    struct market *market = *state;
    market->options.recording.fsync_interval_ns = 0;
    set(market, "clock", "simulated");
    set(market, "count", "3000");
    open_market(market);
    run(market, QTA_OK);
    assert_int_equal(market->holes, 0);
    assert_recorded(market);
}

static void the_second_run_of_a_day_continues_the_session_and_notes_the_gap(void **state)
{
    struct market *market = *state;
    set(market, "rate", "5000");
    set(market, "count", "300");
    open_market(market);
    run(market, QTA_OK);
    qta_gateway_destroy(market->gateway);
    struct qta_tick before = {.rx_seq = market->last_seq};
    memset(market->by_type, 0, sizeof market->by_type);
    open_market(market);
    run(market, QTA_OK);
    assert_int_equal(market->holes, 0); /* rx_seq goes on where it was */
    assert_true(market->last_seq > before.rx_seq + 300);
    assert_int_equal(market->by_type[QTA_TICK_GAP], 1);
    assert_recorded(market); /* both runs are in the digest */
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(market->gateway));
    const struct qta_tick *start = &session.ticks[before.rx_seq];
    assert_int_equal(start[-1].conn_event.state, QTA_CONN_RUN_ENDED);
    assert_int_equal(start[0].conn_event.state, QTA_CONN_RUN_STARTED);
    assert_int_equal(start[1].type, QTA_TICK_GAP);
    assert_int_equal(start[1].gap.scope, QTA_GAP_SESSION);
    assert_int_equal(start[1].gap.cause, QTA_CAUSE_STOP);
    assert_true(start[1].gap.last_good_ns == start[-1].ts_recv_ns);
    assert_true(start[1].gap.first_good_ns == start[1].ts_recv_ns);
    for (size_t i = 1; i < session.count; i++)
        assert_true(session.ticks[i].ts_recv_ns >= session.ticks[i - 1].ts_recv_ns);
    scratch_free(&session);
}

static void a_session_that_another_writes_is_refused(void **state)
{
    struct market *market = *state;
    set(market, "rate", "1000");
    open_market(market);
    struct qta_gateway *second = NULL;
    struct qta_error err = {0};
    assert_int_equal(
        qta_gateway_create_in(&second, &market->options, qta_environment_system(), NULL, &err),
        QTA_ERR_LOCKED);
    assert_null(second);
}

static void a_replay_gives_callbacks_what_the_live_run_gave_them(void **state)
{
    struct market *market = *state;
    assert_int_equal(qta_providers_register(NULL), QTA_OK);
    set(market, "clock", "simulated");
    set(market, "count", "20000");
    open_market(market);
    run(market, QTA_OK);
    char *path = strdup(qta_gateway_session_path(market->gateway));
    struct qta_digest live = market->digest;
    qta_gateway_destroy(market->gateway);

    market->provider.name = "replay";
    market->provider.setting_count = 0;
    set(market, "session", path);
    set(market, "speed", "max");
    qta_digest_init(&market->digest);
    market->last_seq = 0;
    open_market(market); /* recording is still on in the options: a replay is not recorded again */
    assert_string_equal(qta_gateway_session_path(market->gateway), "");
    run(market, QTA_OK);
    assert_true(market->digest.full == live.full);
    assert_int_equal(market->digest.ticks, live.ticks);
    assert_int_equal(market->holes, 0);
    free(path);
}

static void memory_does_not_grow_with_the_session(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    set(market, "count", "100000");
    open_market(market);
    run(market, QTA_OK);
    qta_gateway_destroy(market->gateway);
    market->gateway = NULL;
    struct mallinfo2 before = mallinfo2();
    set(market, "count", "400000"); /* the last one counts */
    open_market(market);
    run(market, QTA_OK);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(market->digest.market_ticks, 500000);
    assert_in_range(after.uordblks, 0, before.uordblks + (16 << 20));
}

/* ---- stopping ---------------------------------------------------------------------------------
 */

static void a_callback_may_stop_and_all_that_was_received_is_dispatched(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    market->stop_at = 5000;
    open_market(market);
    run(market, QTA_OK);
    assert_true(market->digest.ticks >= 5000);
    assert_int_equal(market->holes, 0);
    assert_recorded(market); /* nothing is in the session that the callback did not get */
}

static void *stop_soon(void *user)
{
    usleep(30000);
    qta_gateway_stop(user);
    return NULL;
}

static void another_thread_may_stop_a_slow_run(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    market->options.buffer_size = 2; /* full all the time */
    market->sleep_us = 100;
    open_market(market);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, market->gateway), 0);
    run(market, QTA_OK);
    pthread_join(thread, NULL);
    assert_int_equal(market->holes, 0);
    assert_recorded(market);
}

static struct qta_gateway *signalled;

static void on_signal(int number)
{
    (void)number;
    qta_gateway_stop(signalled);
}

static void *signal_soon(void *user)
{
    (void)user;
    usleep(30000);
    kill(getpid(), SIGUSR1);
    return NULL;
}

static void a_signal_handler_may_stop(void **state)
{
    struct market *market = *state;
    set(market, "rate", "20000");
    open_market(market);
    signalled = market->gateway;
    struct sigaction action = {.sa_handler = on_signal};
    struct sigaction before;
    sigaction(SIGUSR1, &action, &before);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, signal_soon, NULL), 0);
    run(market, QTA_OK);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &before, NULL);
    assert_recorded(market);
}

static void a_stop_before_the_run_ends_it_at_once(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    open_market(market);
    qta_gateway_stop(market->gateway);
    run(market, QTA_OK);
    assert_recorded(market);
}

static void it_runs_on_a_thread_of_its_own_too(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    set(market, "count", "10000");
    open_market(market);
    assert_int_equal(qta_gateway_start(market->gateway, NULL), QTA_OK);
    assert_int_equal(qta_gateway_start(market->gateway, NULL), QTA_ERR_STATE);
    assert_int_equal(qta_gateway_join(market->gateway, NULL), QTA_OK);
    assert_int_equal(qta_gateway_join(market->gateway, NULL), QTA_ERR_STATE);
    assert_int_equal(market->digest.market_ticks, 10000);
    assert_recorded(market);
}

static void destroy_stops_what_runs(void **state)
{
    struct market *market = *state;
    set(market, "clock", "simulated");
    open_market(market);
    char *path = strdup(qta_gateway_session_path(market->gateway));
    assert_int_equal(qta_gateway_start(market->gateway, NULL), QTA_OK);
    usleep(20000);
    qta_gateway_destroy(market->gateway);
    market->gateway = NULL;
    struct scratch_session session;
    scratch_read(&session, path);
    assert_true(session.digest.full == market->digest.full);
    assert_int_equal(session.ticks[session.count - 1].conn_event.state, QTA_CONN_RUN_ENDED);
    scratch_free(&session);
    free(path);
}

/* ---- subscribing and notes during the run -----------------------------------------------------
 */

struct follower {
    struct market *market;
    struct qta_gateway *gateway;
    uint64_t calls;
    uint64_t wrong;
    uint64_t first_seq;
    char symbol[16];
    bool has_follower;
    struct follower *next;
};

static void follow(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct follower *follower = user;
    const char *symbol = qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, NULL);
    follower->wrong += strcmp(symbol, follower->symbol) != 0 || tick->type != QTA_TICK_TRADE;
    if (follower->calls++ == 0)
        follower->first_seq = tick->rx_seq;
    if (follower->calls == 100 && follower->next) {
        const char *symbols[] = {follower->next->symbol};
        assert_int_equal(qta_gateway_subscribe_to_trades(follower->gateway, symbols, 1, follow,
                                                         follower->next, NULL),
                         QTA_OK);
    }
    if (follower->calls == 100 && !follower->next)
        qta_gateway_stop(follower->gateway);
}

static void subscriptions_made_by_callbacks_become_active_in_order(void **state)
{
    struct market *market = *state;
    set(market, "rate", "100000");
    open_market(market);
    struct follower followers[3] = {
        {.market = market, .gateway = market->gateway, .symbol = "ONE", .next = &followers[1]},
        {.market = market, .gateway = market->gateway, .symbol = "TWO", .next = &followers[2]},
        {.market = market, .gateway = market->gateway, .symbol = "THREE"},
    };
    const char *first[] = {"ONE"};
    assert_int_equal(
        qta_gateway_subscribe_to_trades(market->gateway, first, 1, follow, &followers[0], NULL),
        QTA_OK);
    run(market, QTA_OK);
    for (int i = 0; i < 3; i++) {
        assert_true(followers[i].calls >= 100);
        assert_int_equal(followers[i].wrong, 0);
        assert_true(i == 0 || followers[i].first_seq > followers[i - 1].first_seq);
    }
    assert_recorded(market);
}

static void *mark_often(void *user)
{
    struct market *market = user;
    for (int i = 0; i < 100; i++) {
        char note[32];
        snprintf(note, sizeof note, "note %d", i);
        while (qta_gateway_mark(market->gateway, note, NULL) != QTA_OK)
            usleep(100); /* not running yet */
    }
    qta_gateway_stop(market->gateway);
    return NULL;
}

static void notes_are_recorded_in_the_order_they_were_made(void **state)
{
    struct market *market = *state;
    set(market, "rate", "50000");
    open_market(market);
    assert_int_equal(qta_gateway_mark(market->gateway, "too early", NULL), QTA_ERR_STATE);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, mark_often, market), 0);
    run(market, QTA_OK);
    pthread_join(thread, NULL);
    assert_int_equal(market->by_type[QTA_TICK_MARKER], 100);
    assert_int_equal(qta_gateway_mark(market->gateway, "too late", NULL), QTA_ERR_STATE);
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(market->gateway));
    int notes = 0;
    for (size_t i = 0; i < session.count; i++) {
        if (session.ticks[i].type != QTA_TICK_MARKER)
            continue;
        char note[32];
        snprintf(note, sizeof note, "note %d", notes++);
        assert_string_equal(qta_dictionary_name(qta_session_reader_names(session.reader),
                                                QTA_NAME_TEXT, session.ticks[i].marker.note, NULL),
                            note);
    }
    assert_int_equal(notes, 100);
    scratch_free(&session);
}

static void count_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    (*(uint64_t *)user)++;
}

static void no_symbols_stands_for_those_of_the_configuration(void **state)
{
    struct market *market = *state;
    struct qta_subscription subscriptions[] = {{.type = QTA_TICK_TRADE, .symbol = "AAPL"}};
    market->provider.subscriptions = subscriptions;
    market->provider.subscription_count = 1;
    set(market, "clock", "simulated");
    set(market, "count", "4000");
    open_market(market);
    uint64_t configured = 0;
    uint64_t other = 0;
    uint64_t connections = 0;
    const char *symbols[] = {"MSFT"};
    assert_int_equal(
        qta_gateway_subscribe_to_trades(market->gateway, NULL, 0, count_tick, &configured, NULL),
        QTA_OK);
    assert_int_equal(
        qta_gateway_subscribe_to_trades(market->gateway, symbols, 1, count_tick, &other, NULL),
        QTA_OK);
    assert_int_equal(qta_gateway_subscribe_to_connections(market->gateway, NULL, 0, count_tick,
                                                          &connections, NULL),
                     QTA_OK);
    run(market, QTA_OK);
    assert_true(configured > 100);
    assert_true(other > 100);
    assert_int_equal(configured + other, 4000);
    assert_int_equal(connections, market->by_type[QTA_TICK_CONN]);
}

static void a_file_is_all_it_takes(void **state)
{
    struct market *market = *state;
    char path[512];
    snprintf(path, sizeof path, "%s/streaming.yaml", market->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "streaming:\n"
            "  provider: synthetic\n"
            "  symbols: [AAPL]\n"
            "  subscriptions: [trades, quotes]\n"
            "  clock: simulated\n"
            "  count: 1000\n"
            "recording:\n"
            "  directory: %s/sessions\n",
            market->folder);
    fclose(file);
    struct qta_error err = {0};
    enum qta_status status = qta_gateway_open(&market->gateway, path, &err);
    if (status != QTA_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, QTA_OK);
    assert_int_equal(qta_gateway_subscribe_to_all(market->gateway, note_tick, market, &err),
                     QTA_OK);
    run(market, QTA_OK);
    assert_int_equal(market->digest.market_ticks, 1000);
    assert_recorded(market);
    qta_gateway_destroy(market->gateway);
    market->gateway = NULL;
    assert_int_equal(qta_gateway_open(&market->gateway, "/nowhere.yaml", &err), QTA_ERR_NOT_FOUND);
    assert_null(market->gateway);
}

/* ---- misuse -----------------------------------------------------------------------------------
 */

static void calls_that_do_not_fit_are_refused(void **state)
{
    struct market *market = *state;
    set(market, "count", "1");
    open_market(market);
    struct qta_gateway *gateway = market->gateway;
    static const char *const empty[] = {"AAPL", ""};
    static const char *const missing[] = {NULL};
    char *huge = malloc(5001);
    assert_non_null(huge);
    memset(huge, 'A', 5000);
    huge[5000] = '\0';
    const char *const too_long[] = {huge};
    const struct {
        enum qta_tick_type type;
        const char *const *symbols;
        size_t symbol_count;
        qta_tick_callback callback;
    } cases[] = {
        {QTA_TICK_NONE, NULL, 0, note_tick},
        {QTA_TICK_MARKET_TYPE_END, NULL, 0, note_tick},
        {(enum qta_tick_type)15, NULL, 0, note_tick},
        {(enum qta_tick_type)77, NULL, 0, note_tick},
        {QTA_TICK_TRADE, NULL, 0, NULL},
        {QTA_TICK_TRADE, NULL, 3, note_tick},
        {QTA_TICK_TRADE, empty, 2, note_tick},
        {QTA_TICK_TRADE, missing, 1, note_tick},
        {QTA_TICK_TRADE, too_long, 1, note_tick},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_error err = {0};
        assert_int_equal(qta_gateway_subscribe(gateway, cases[i].type, cases[i].symbols,
                                               cases[i].symbol_count, cases[i].callback, NULL,
                                               &err),
                         QTA_ERR_USAGE);
        assert_true(err.message[0] != '\0');
    }
    assert_int_equal(qta_gateway_subscribe_to_all(gateway, NULL, NULL, NULL), QTA_ERR_USAGE);
    assert_int_equal(qta_gateway_mark(gateway, NULL, NULL), QTA_ERR_USAGE);
    assert_int_equal(qta_gateway_mark(gateway, "", NULL), QTA_ERR_USAGE);
    assert_int_equal(qta_gateway_mark(gateway, huge, NULL), QTA_ERR_USAGE);
    assert_int_equal(qta_gateway_join(gateway, NULL), QTA_ERR_STATE);
    run(market, QTA_OK);
    assert_int_equal(qta_gateway_run(gateway, NULL), QTA_ERR_STATE);
    free(huge);
}

static void wrong_options_are_refused_before_anything_is_opened(void **state)
{
    struct market *market = *state;
    assert_int_equal(qta_providers_register(NULL), QTA_OK);
    struct qta_provider_options two[2] = {market->provider, market->provider};
    struct qta_provider_options with_replay[2] = {market->provider, {.name = "replay"}};
    struct qta_provider_options nameless = {.adapter = "synthetic"};
    struct qta_provider_options unknown = {.name = "coinbse"};
    static const struct qta_setting bad_setting = {"rate", "fast"};
    struct qta_provider_options bad = {
        .name = "synthetic", .settings = &bad_setting, .setting_count = 1};
    const struct {
        const struct qta_provider_options *providers;
        size_t count;
        const char *message;
    } cases[] = {
        {NULL, 0, "no providers"},
        {two, 2, "two providers are named 'synthetic'"},
        {with_replay, 2, "provider 'replay' plays a recording and must be the only one"},
        {&nameless, 1, "provider 1 has no name"},
        {&unknown, 1, "provider 'coinbse': unknown adapter 'coinbse'"},
        {&bad, 1, "provider 'synthetic': rate 'fast'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct qta_gateway_options options = market->options;
        options.providers = cases[i].providers;
        options.provider_count = cases[i].count;
        struct qta_gateway *gateway = NULL;
        struct qta_error err = {0};
        assert_int_equal(
            qta_gateway_create_in(&gateway, &options, qta_environment_system(), NULL, &err),
            QTA_ERR_CONFIG);
        assert_null(gateway);
        print_message("%s\n", err.message);
        assert_non_null(strstr(err.message, cases[i].message));
    }
    assert_int_equal(rmdir(market->folder), 0); /* still empty */
}

static void a_recording_that_cannot_be_opened_is_refused(void **state)
{
    struct market *market = *state;
    static const struct {
        const char *directory, *timezone;
        enum qta_status status;
    } cases[] = {
        {NULL, "UTC", QTA_ERR_CONFIG},
        {"", "UTC", QTA_ERR_CONFIG},
        {"/proc/nowhere", "UTC", QTA_ERR_NOT_FOUND},
        {"/dev/null/sessions", "UTC", QTA_ERR_IO},
        {"x", "Atlantis/Capital", QTA_ERR_CONFIG},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        market->options.recording.directory = cases[i].directory;
        market->options.recording.timezone = cases[i].timezone;
        struct qta_gateway *gateway = NULL;
        struct qta_error err = {0};
        enum qta_status status = qta_gateway_create_in(&gateway, &market->options,
                                                       qta_environment_system(), NULL, &err);
        print_message("%s\n", err.message);
        assert_int_equal(status, cases[i].status);
        assert_null(gateway);
    }
}

#define WITH_MARKET(test) cmocka_unit_test_setup_teardown(test, make_market, free_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MARKET(what_callbacks_saw_is_what_the_session_holds),
        WITH_MARKET(a_simulated_day_keeps_its_own_time_from_end_to_end),
        WITH_MARKET(synced_before_dispatch_is_the_same_only_slower),
        WITH_MARKET(the_second_run_of_a_day_continues_the_session_and_notes_the_gap),
        WITH_MARKET(a_session_that_another_writes_is_refused),
        WITH_MARKET(a_replay_gives_callbacks_what_the_live_run_gave_them),
        WITH_MARKET(memory_does_not_grow_with_the_session),
        WITH_MARKET(a_callback_may_stop_and_all_that_was_received_is_dispatched),
        WITH_MARKET(another_thread_may_stop_a_slow_run),
        WITH_MARKET(a_signal_handler_may_stop),
        WITH_MARKET(a_stop_before_the_run_ends_it_at_once),
        WITH_MARKET(it_runs_on_a_thread_of_its_own_too),
        WITH_MARKET(destroy_stops_what_runs),
        WITH_MARKET(subscriptions_made_by_callbacks_become_active_in_order),
        WITH_MARKET(notes_are_recorded_in_the_order_they_were_made),
        WITH_MARKET(no_symbols_stands_for_those_of_the_configuration),
        WITH_MARKET(a_file_is_all_it_takes),
        WITH_MARKET(calls_that_do_not_fit_are_refused),
        WITH_MARKET(wrong_options_are_refused_before_anything_is_opened),
        WITH_MARKET(a_recording_that_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
