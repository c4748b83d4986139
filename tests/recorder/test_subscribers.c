/* Subscribers with queues and threads of their own: what each does to itself, and to nobody else.
 *
 * Callbacks that are "stuck" wait at a gate that the test opens: slower than any machine, without a
 * time that would have to be long enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/subscriber.h>

#include "recorder/subscriber.h"
#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S

/* ---- the play ---------------------------------------------------------------------------------
 */

enum { FRAMES = 40, FRAME_TRADES = 50, TRADES = FRAMES * FRAME_TRADES, SMALL = 64, LARGE = 8192 };

/* A venue that sends frames of trades, then refuses us for good: the run ends. */
static void on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    (void)user;
    if (length == 5) {
        scripted_send(link, MS, "welcome");
        return;
    }
    assert_memory_equal(bytes, "sub ", 4);
    scripted_send(link, MS, "ok AAPL");
    scripted_send(link, MS, "ok MSFT");
    for (int i = 0; i < FRAMES; i++)
        scripted_send(link, (i + 2) * MS, i % 2 ? "t AAPL 50" : "t MSFT 50");
    scripted_send(link, 10 * S, "block");
}

struct play {
    struct stage stage;
    char *folder;
    pthread_t thread; /* in qta_gateway_run() */
    enum qta_status status;
    struct scratch_session session;
};

static void open_play_with(struct play *play, uint32_t buffer_size,
                           enum qta_overflow_policy overflow, int64_t hang_after_ns)
{
    memset(play, 0, sizeof *play);
    stage_init(&play->stage, "chatty");
    play->folder = scratch_make_in_memory();
    play->stage.venue.on_message = on_message;
    play->stage.options.buffer_size = buffer_size;
    play->stage.options.overflow = overflow;
    play->stage.options.callback_hang_after_ns = hang_after_ns;
    play->stage.options.recording.is_enabled = true;
    play->stage.options.recording.directory = play->folder;
    stage_open(&play->stage);
}

static void open_play(struct play *play)
{
    open_play_with(play, LARGE, QTA_OVERFLOW_BLOCK, 60 * S);
}

static void *run_gateway(void *user)
{
    struct play *play = user;
    play->status = qta_gateway_run(play->stage.gateway, NULL);
    return NULL;
}

static void begin_play(struct play *play)
{
    assert_int_equal(pthread_create(&play->thread, NULL, run_gateway, play), 0);
}

/* The run is over; reads what was recorded. */
static void end_play(struct play *play)
{
    pthread_join(play->thread, NULL);
    play->stage.is_over = true;
    scratch_read(&play->session, qta_gateway_session_path(play->stage.gateway));
}

static void free_play(struct play *play)
{
    scratch_free(&play->session);
    stage_finish(&play->stage);
    scratch_remove(play->folder);
}

static uint64_t count_trades(const struct qta_tick *ticks, size_t count)
{
    uint64_t trades = 0;
    for (size_t i = 0; i < count; i++)
        trades += ticks[i].type == QTA_TICK_TRADE;
    return trades;
}

/* What DROP records of a name say was missed. */
static uint64_t count_told(const struct play *play, const char *name)
{
    const struct qta_dictionary *names = qta_gateway_names(play->stage.gateway);
    uint64_t told = 0;
    for (size_t i = 0; i < play->stage.tick_count; i++) {
        const struct qta_tick *tick = &play->stage.ticks[i];
        if (tick->type == QTA_TICK_DROP &&
            strcmp(qta_dictionary_name(names, QTA_NAME_TEXT, tick->drop.subscriber, NULL), name) ==
                0)
            told += tick->drop.count;
    }
    return told;
}

/* All that the venue sent is in the session, and the gateway's own callbacks saw all of it. */
static void assert_nothing_else_suffered(const struct play *play)
{
    assert_int_equal(count_trades(play->session.ticks, play->session.count), TRADES);
    assert_int_equal(play->stage.tick_count, play->session.count);
    for (size_t i = 0; i < play->session.count; i++)
        assert_int_equal(play->stage.ticks[i].rx_seq, i + 1);
}

/* ---- a subscriber -----------------------------------------------------------------------------
 */

struct listener {
    struct qta_subscriber *subscriber;
    pthread_t thread;
    enum qta_status status; /* of its run */
    uint64_t dies_at;       /* the thread ends in the callback of this tick; 0: of none */
    int sleep_us;
    bool is_stuck; /* its first callback waits at the gate */
    sem_t gate;
    sem_t is_at_gate;

    _Atomic uint64_t count;
    uint64_t trades;
    uint64_t told;
    struct qta_tick last;
};

static void listen(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct listener *listener = user;
    assert_true(tick->rx_seq > listener->last.rx_seq);
    listener->last = *tick;
    listener->trades += tick->type == QTA_TICK_TRADE;
    if (tick->type == QTA_TICK_DROP)
        listener->told += tick->drop.count;
    uint64_t count = atomic_fetch_add(&listener->count, 1) + 1;
    if (listener->is_stuck && count == 1) {
        sem_post(&listener->is_at_gate);
        while (sem_wait(&listener->gate) != 0)
            ;
    }
    if (count == listener->dies_at)
        pthread_exit(NULL);
    if (listener->sleep_us > 0)
        usleep((useconds_t)listener->sleep_us);
}

static void *run_listener(void *user)
{
    struct listener *listener = user;
    listener->status = qta_subscriber_run(listener->subscriber, NULL);
    return NULL;
}

static void open_listener(struct listener *listener, struct play *play, const char *name,
                          uint32_t buffer_size, enum qta_overflow_policy overflow)
{
    struct qta_subscriber_options options = {
        .name = name, .buffer_size = buffer_size, .overflow = overflow};
    sem_init(&listener->gate, 0, 0);
    sem_init(&listener->is_at_gate, 0, 0);
    assert_int_equal(
        qta_subscriber_open(&listener->subscriber, play->stage.gateway, &options, NULL), QTA_OK);
    assert_int_equal(qta_subscriber_subscribe_to_all(listener->subscriber, listen, listener, NULL),
                     QTA_OK);
}

static void start_listener(struct listener *listener)
{
    assert_int_equal(pthread_create(&listener->thread, NULL, run_listener, listener), 0);
}

/* Until the gateway pauses the links for it, or waits for its room. */
static void wait_for_full_queue(const struct listener *listener)
{
    size_t quarter = qta_subscriber_capacity(listener->subscriber) / 4;
    while (qta_subscriber_room(listener->subscriber) >= (quarter > 0 ? quarter : 1))
        usleep(1000);
}

/* ---- independence -----------------------------------------------------------------------------
 */

static void record_alone(struct qta_digest *digest)
{
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    begin_play(play);
    end_play(play);
    assert_nothing_else_suffered(play);
    *digest = play->session.digest;
    free_play(play);
    free(play);
}

/* The stuck one is in its first callback from the first tick to after the end. */
static void run_beside_a_stuck_one(enum qta_overflow_policy overflow, uint32_t buffer_size,
                                   const struct qta_digest *alone)
{
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener stuck = {.is_stuck = true};
    struct listener fast = {0};
    open_listener(&stuck, play, "stuck", buffer_size, overflow);
    open_listener(&fast, play, "fast", LARGE, QTA_OVERFLOW_DISCONNECT);
    start_listener(&stuck);
    start_listener(&fast);
    begin_play(play);
    end_play(play);
    pthread_join(fast.thread, NULL);
    sem_wait(&stuck.is_at_gate);
    assert_int_equal(stuck.count, 1);
    assert_nothing_else_suffered(play);
    assert_int_equal(fast.status, QTA_OK);
    assert_int_equal(fast.count, play->session.count);
    assert_int_equal(scripted_pauses(play->stage.transport), 0);
    assert_int_equal(play->session.digest.market, alone->market);
    struct qta_subscriber_stats stats;
    qta_subscriber_stats(stuck.subscriber, &stats);
    if (buffer_size == LARGE) {
        assert_int_equal(play->session.digest.full, alone->full);
        assert_int_equal(stats.dropped, 0);
        assert_int_equal(stats.queued, play->session.count - 1);
    } else {
        bool is_left = overflow == QTA_OVERFLOW_DISCONNECT;
        assert_true(stats.dropped > (is_left ? 0 : TRADES / 2));
        assert_int_equal(stats.is_disconnected, is_left);
        assert_true(count_told(play, "stuck") > 0);
    }
    sem_post(&stuck.gate);
    pthread_join(stuck.thread, NULL);
    qta_subscriber_close(stuck.subscriber);
    qta_subscriber_close(fast.subscriber);
    free_play(play);
    free(play);
}

static void one_that_is_stuck_changes_nothing_for_the_recording_and_the_others(void **state)
{
    (void)state;
    struct qta_digest alone;
    record_alone(&alone);
    run_beside_a_stuck_one(QTA_OVERFLOW_BLOCK, LARGE, &alone);
    run_beside_a_stuck_one(QTA_OVERFLOW_DROP_OLDEST, LARGE, &alone);
    run_beside_a_stuck_one(QTA_OVERFLOW_DROP_OLDEST, SMALL, &alone);
    run_beside_a_stuck_one(QTA_OVERFLOW_DROP_NEWEST, SMALL, &alone);
    run_beside_a_stuck_one(QTA_OVERFLOW_DISCONNECT, SMALL, &alone);
}

static void one_that_sleeps_50_ms_a_tick_changes_nothing_in_the_recording(void **state)
{
    (void)state;
    struct qta_digest alone;
    record_alone(&alone);
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener slow = {.sleep_us = 50000};
    open_listener(&slow, play, "slow", LARGE, QTA_OVERFLOW_DROP_OLDEST);
    start_listener(&slow);
    begin_play(play);
    end_play(play);
    qta_subscriber_close(slow.subscriber);
    pthread_join(slow.thread, NULL);
    assert_nothing_else_suffered(play);
    assert_int_equal(play->session.digest.full, alone.full);
    assert_int_equal(slow.status, QTA_OK);
    assert_true(slow.count < TRADES);
    free_play(play);
    free(play);
}

/* ---- policies ---------------------------------------------------------------------------------
 */

static void one_that_blocks_stops_the_sockets_and_misses_nothing(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener slow = {.sleep_us = 100};
    open_listener(&slow, play, "slow", SMALL, QTA_OVERFLOW_BLOCK);
    start_listener(&slow);
    begin_play(play);
    end_play(play);
    pthread_join(slow.thread, NULL);
    assert_nothing_else_suffered(play);
    assert_int_equal(slow.status, QTA_OK);
    assert_int_equal(slow.count, play->session.count);
    assert_int_equal(slow.told, 0);
    assert_true(scripted_pauses(play->stage.transport) > 0);
    qta_subscriber_close(slow.subscriber);
    free_play(play);
    free(play);
}

static void what_each_misses_is_told_by_its_name_and_adds_up(void **state)
{
    (void)state;
    static const enum qta_overflow_policy policies[] = {QTA_OVERFLOW_DROP_OLDEST,
                                                        QTA_OVERFLOW_DROP_NEWEST};
    static const char *const names[] = {"oldest", "newest"};
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener slow[2] = {{.sleep_us = 200}, {.sleep_us = 200}};
    for (int i = 0; i < 2; i++) {
        open_listener(&slow[i], play, names[i], SMALL, policies[i]);
        start_listener(&slow[i]);
    }
    begin_play(play);
    end_play(play);
    assert_nothing_else_suffered(play);
    for (int i = 0; i < 2; i++) {
        pthread_join(slow[i].thread, NULL);
        struct qta_subscriber_stats stats;
        qta_subscriber_stats(slow[i].subscriber, &stats);
        print_message("%s: %llu seen, %llu dropped\n", names[i],
                      (unsigned long long)stats.dispatched, (unsigned long long)stats.dropped);
        assert_int_equal(stats.dispatched, slow[i].count);
        assert_int_equal(stats.dispatched + stats.dropped, play->session.count);
        assert_int_equal(count_told(play, names[i]), stats.dropped);
        assert_int_equal(stats.queued, 0);
        assert_true(stats.dropped > 0);
        qta_subscriber_close(slow[i].subscriber);
    }
    free_play(play);
    free(play);
}

static void one_that_is_disconnected_learns_it_by_its_last_tick_and_its_status(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener slow = {.is_stuck = true};
    open_listener(&slow, play, "slow", SMALL, QTA_OVERFLOW_DISCONNECT);
    start_listener(&slow);
    begin_play(play);
    end_play(play);
    sem_post(&slow.gate);
    pthread_join(slow.thread, NULL);
    assert_nothing_else_suffered(play);
    assert_int_equal(slow.status, QTA_ERR_TOO_SLOW);
    assert_int_equal(slow.last.type, QTA_TICK_DROP);
    assert_int_equal(slow.last.drop.count, count_told(play, "slow"));
    /* nothing is missing before that, and it says from where on */
    assert_int_equal(slow.last.drop.first_rx_seq, slow.count);
    assert_memory_equal(&slow.last, &play->session.ticks[slow.last.rx_seq - 1], sizeof slow.last);
    assert_int_equal(stage_log_count(&play->stage, "disconnected"), 1);
    assert_int_equal(stage_log_count(&play->stage,
                                     "error gateway: subscriber 'slow' was too slow and is "
                                     "disconnected: 64 ticks waited for it"),
                     1);
    struct qta_error err;
    assert_int_equal(qta_subscriber_poll(slow.subscriber, 0, NULL, &err), QTA_ERR_TOO_SLOW);
    assert_string_equal(err.message, "subscriber 'slow' was too slow and has been disconnected");
    qta_subscriber_close(slow.subscriber);
    free_play(play);
    free(play);
}

static void the_gateways_own_may_be_disconnected_and_recording_goes_on(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play_with(play, SMALL, QTA_OVERFLOW_DISCONNECT, 60 * S);
    struct listener own = {.is_stuck = true};
    sem_init(&own.gate, 0, 0);
    sem_init(&own.is_at_gate, 0, 0);
    assert_int_equal(qta_gateway_subscribe_to_all(play->stage.gateway, listen, &own, NULL), QTA_OK);
    struct listener other = {0};
    open_listener(&other, play, "other", LARGE, QTA_OVERFLOW_DROP_OLDEST);
    start_listener(&other);
    begin_play(play);
    pthread_join(other.thread, NULL); /* the run is over but for the one at the gate */
    sem_post(&own.gate);
    end_play(play);
    assert_int_equal(play->status, QTA_ERR_REFUSED);
    assert_int_equal(other.count, play->session.count);
    assert_int_equal(count_trades(play->session.ticks, play->session.count), TRADES);
    assert_int_equal(own.last.type, QTA_TICK_DROP);
    assert_int_equal(own.last.drop.first_rx_seq, own.count);
    assert_int_equal(own.last.drop.count, count_told(play, "callbacks"));
    struct qta_subscriber_stats stats;
    qta_subscriber_stats(qta_gateway_callbacks(play->stage.gateway), &stats);
    assert_true(stats.is_disconnected);
    qta_subscriber_close(other.subscriber);
    free_play(play);
    free(play);
}

/* ---- faults -----------------------------------------------------------------------------------
 */

static void one_that_blocks_and_is_closed_while_full_lets_the_others_go_on(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener never = {0};
    open_listener(&never, play, "never", SMALL, QTA_OVERFLOW_BLOCK);
    begin_play(play);
    wait_for_full_queue(&never);
    qta_subscriber_close(never.subscriber);
    end_play(play);
    assert_nothing_else_suffered(play);
    assert_int_equal(never.count, 0);
    free_play(play);
    free(play);
}

static void one_that_drops_and_is_never_polled_harms_nobody(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener never = {0};
    open_listener(&never, play, "never", SMALL, QTA_OVERFLOW_DROP_OLDEST);
    begin_play(play);
    end_play(play);
    assert_nothing_else_suffered(play);
    assert_int_equal(scripted_pauses(play->stage.transport), 0);
    assert_true(count_told(play, "never") > TRADES / 2);
    assert_int_equal(stage_log_count(&play->stage, "subscriber 'never' does not make room"), 1);
    free_play(play); /* and it is still open */
    free(play);
}

/* The venue's frames that were read are recorded; the rest is the venue's. */
static void the_gateway_can_be_stopped_while_one_that_is_stuck_blocks_it(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play_with(play, LARGE, QTA_OVERFLOW_BLOCK, 200 * MS);
    struct listener stuck = {.is_stuck = true};
    open_listener(&stuck, play, "stuck", 2, QTA_OVERFLOW_BLOCK);
    start_listener(&stuck);
    begin_play(play);
    sem_wait(&stuck.is_at_gate);
    wait_for_full_queue(&stuck);
    qta_gateway_stop(play->stage.gateway);
    end_play(play);
    assert_int_equal(play->status, QTA_OK);
    assert_int_equal(play->stage.tick_count, play->session.count);
    assert_int_equal(stage_log_count(&play->stage, "subscriber 'stuck' does not make room"), 1);
    assert_int_equal(stuck.count, 1);
    sem_post(&stuck.gate);
    pthread_join(stuck.thread, NULL);
    assert_int_equal(stuck.status, QTA_OK); /* it got what was in its queue */
    assert_true(stuck.count >= 3);
    qta_subscriber_close(stuck.subscriber);
    free_play(play);
    free(play);
}

static void another_thread_takes_over_from_one_that_died_in_a_callback(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener mortal = {.dies_at = 100};
    open_listener(&mortal, play, "mortal", SMALL, QTA_OVERFLOW_BLOCK);
    start_listener(&mortal);
    begin_play(play);
    pthread_join(mortal.thread, NULL);
    assert_int_equal(mortal.count, 100);
    wait_for_full_queue(&mortal);
    start_listener(&mortal);
    end_play(play);
    pthread_join(mortal.thread, NULL);
    assert_nothing_else_suffered(play);
    assert_int_equal(mortal.status, QTA_OK);
    assert_int_equal(mortal.count, play->session.count);
    qta_subscriber_close(mortal.subscriber);
    free_play(play);
    free(play);
}

static void ignore(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    ++*(uint64_t *)user;
}

struct churn {
    struct play *play;
    atomic_bool *is_over;
    int number;
    _Atomic uint64_t rounds;
};

/* Opens, subscribes, polls, unsubscribes and closes as fast as it can. */
static void *churn(void *user)
{
    struct churn *own = user;
    char name[16];
    snprintf(name, sizeof name, "churn%d", own->number);
    while (!atomic_load(own->is_over)) {
        struct qta_subscriber_options options = qta_subscriber_options_default();
        options.name = name;
        options.buffer_size = 16;
        options.overflow = atomic_load(&own->rounds) % 2 ? QTA_OVERFLOW_DROP_NEWEST
                                                         : QTA_OVERFLOW_DISCONNECT;
        struct qta_subscriber *subscriber;
        if (qta_subscriber_open(&subscriber, own->play->stage.gateway, &options, NULL) != QTA_OK)
            break;                                /* it has ended */
        uint64_t *seen = calloc(1, sizeof *seen); /* a use after unsubscribe would show */
        assert_non_null(seen);
        assert_int_equal(qta_subscriber_subscribe_to_all(subscriber, ignore, seen, NULL), QTA_OK);
        for (int i = 0; i < 3; i++)
            qta_subscriber_poll(subscriber, MS, NULL, NULL);
        struct qta_subscriber *callbacks = qta_gateway_callbacks(own->play->stage.gateway);
        assert_int_equal(qta_subscriber_subscribe_to_all(callbacks, ignore, seen, NULL), QTA_OK);
        assert_int_equal(qta_subscriber_unsubscribe(callbacks, ignore, seen, NULL), QTA_OK);
        assert_int_equal(qta_subscriber_unsubscribe(subscriber, ignore, seen, NULL), QTA_OK);
        free(seen);
        qta_subscriber_close(subscriber);
        atomic_fetch_add(&own->rounds, 1);
    }
    return NULL;
}

static void subscribers_come_and_go_while_it_runs(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener pace = {.is_stuck = true, .sleep_us = 200}; /* lets the others in */
    open_listener(&pace, play, "pace", SMALL, QTA_OVERFLOW_BLOCK);
    start_listener(&pace);
    atomic_bool is_over = false;
    struct churn churns[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        churns[i] = (struct churn){.play = play, .is_over = &is_over, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &churns[i]), 0);
    }
    begin_play(play);
    sem_wait(&pace.is_at_gate);
    for (int i = 0; i < THREADS; i++) {
        uint64_t before = atomic_load(&churns[i].rounds);
        while (atomic_load(&churns[i].rounds) < before + 3)
            usleep(1000);
    }
    sem_post(&pace.gate);
    end_play(play);
    pthread_join(pace.thread, NULL);
    atomic_store(&is_over, true);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_nothing_else_suffered(play);
    assert_int_equal(pace.count, play->session.count);
    qta_subscriber_close(pace.subscriber);
    free_play(play);
    free(play);
}

/* ---- use --------------------------------------------------------------------------------------
 */

static void a_thousand_subscriptions_get_what_each_asked_for(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static uint64_t seen[COUNT];
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    memset(seen, 0, sizeof seen);
    open_play(play);
    struct listener other = {0};
    open_listener(&other, play, "other", LARGE, QTA_OVERFLOW_DROP_OLDEST);
    for (int i = 0; i < COUNT; i++) {
        static const char *const symbols[] = {"AAPL", "MSFT", "NONE"};
        struct qta_subscriber *subscriber = i % 2 ? other.subscriber
                                                  : qta_gateway_callbacks(play->stage.gateway);
        assert_int_equal(qta_subscriber_subscribe(subscriber, QTA_TICK_TRADE, &symbols[i % 3], 1,
                                                  ignore, &seen[i], NULL),
                         QTA_OK);
    }
    for (int i = 0; i < COUNT; i += 5) {
        struct qta_subscriber *subscriber = i % 2 ? other.subscriber
                                                  : qta_gateway_callbacks(play->stage.gateway);
        assert_int_equal(qta_subscriber_unsubscribe(subscriber, ignore, &seen[i], NULL), QTA_OK);
        assert_int_equal(qta_subscriber_unsubscribe(subscriber, ignore, &seen[i], NULL),
                         QTA_ERR_NOT_FOUND);
    }
    start_listener(&other);
    begin_play(play);
    end_play(play);
    pthread_join(other.thread, NULL);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(seen[i], i % 5 == 0 || i % 3 == 2 ? 0 : TRADES / 2);
    qta_subscriber_close(other.subscriber);
    free_play(play);
    free(play);
}

/* A slow one that wants little is not filled up with what it does not want. */
static void only_what_is_wanted_enters_a_queue(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct qta_subscriber_options options = {
        .name = "few", .buffer_size = 16, .overflow = QTA_OVERFLOW_DROP_NEWEST};
    struct qta_subscriber *few;
    uint64_t seen = 0;
    assert_int_equal(qta_subscriber_open(&few, play->stage.gateway, &options, NULL), QTA_OK);
    assert_int_equal(qta_subscriber_subscribe(few, QTA_TICK_CONN, NULL, 0, ignore, &seen, NULL),
                     QTA_OK);
    begin_play(play);
    end_play(play);
    struct qta_subscriber_stats stats;
    qta_subscriber_stats(few, &stats);
    assert_int_equal(stats.dropped, 0);
    uint64_t conns = 0;
    for (size_t i = 0; i < play->session.count; i++)
        conns += play->session.ticks[i].type == QTA_TICK_CONN;
    assert_int_equal(stats.queued, conns);
    size_t count;
    assert_int_equal(qta_subscriber_poll(few, 0, &count, NULL), QTA_OK);
    assert_int_equal(count, conns);
    assert_int_equal(seen, conns);
    struct qta_error err;
    assert_int_equal(qta_subscriber_poll(few, -1, &count, &err), QTA_ERR_END);
    assert_string_equal(err.message, "the gateway has ended");
    assert_int_equal(count, 0);
    qta_subscriber_close(few);
    free_play(play);
    free(play);
}

static void poll_from_within(void *user, const struct qta_tick *tick,
                             const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    struct listener *listener = user;
    struct qta_error err;
    assert_int_equal(qta_subscriber_poll(listener->subscriber, 0, NULL, &err), QTA_ERR_STATE);
    assert_string_equal(err.message, "subscriber 'one' is being run or polled already: one thread "
                                     "at a time");
    /* in its own callback neither waits */
    assert_int_equal(
        qta_subscriber_unsubscribe(listener->subscriber, poll_from_within, listener, NULL), QTA_OK);
    qta_subscriber_close(listener->subscriber);
    listener->count++;
}

static void polling_takes_what_there_is_and_closing_within_a_callback_is_fine(void **state)
{
    (void)state;
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct listener one = {0};
    open_listener(&one, play, "one", LARGE, QTA_OVERFLOW_BLOCK);
    size_t count = 99;
    assert_int_equal(qta_subscriber_poll(one.subscriber, 0, &count, NULL), QTA_OK);
    assert_int_equal(count, 0); /* before the run */
    assert_int_equal(qta_subscriber_poll(one.subscriber, MS, &count, NULL), QTA_OK);
    begin_play(play);
    while (one.count < 100)
        assert_int_equal(qta_subscriber_poll(one.subscriber, -1, &count, NULL), QTA_OK);
    assert_true(count > 0);
    assert_int_equal(qta_subscriber_unsubscribe(one.subscriber, listen, &one, NULL), QTA_OK);
    assert_int_equal(qta_subscriber_subscribe_to_all(one.subscriber, poll_from_within, &one, NULL),
                     QTA_OK);
    uint64_t before = one.count;
    struct qta_subscriber *subscriber = one.subscriber;
    enum qta_status status = QTA_OK;
    while (status == QTA_OK && one.count == before)
        status = qta_subscriber_poll(subscriber, -1, &count, NULL);
    assert_int_equal(one.count, before + 1);
    end_play(play);
    assert_nothing_else_suffered(play);
    free_play(play);
    free(play);
}

static void options_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const char longest[] =
        "0123456789012345678901234567890123456789012345678901234567890123";
    static const struct {
        struct qta_subscriber_options options;
        enum qta_status status;
        const char *message;
    } cases[] = {
        {{NULL, 16, 0}, QTA_ERR_USAGE, "a subscriber needs a name"},
        {{"", 16, 0}, QTA_ERR_USAGE, "a subscriber needs a name"},
        {{"a b", 16, 0},
         QTA_ERR_USAGE,
         "subscriber 'a b': a name has letters, digits, '_', '-' and '.' only"},
        {{"recording", 16, 0}, QTA_ERR_USAGE, "no subscriber may be named 'recording'"},
        {{"callbacks", 16, 0}, QTA_ERR_USAGE, "a subscriber is named 'callbacks' already"},
        {{"a", 0, 0}, QTA_ERR_USAGE, "subscriber 'a': buffer_size must be 1 to 16777216"},
        {{"a", 16, (enum qta_overflow_policy)4},
         QTA_ERR_USAGE,
         "subscriber 'a': unknown overflow policy 4"},
        {{longest, 16, QTA_OVERFLOW_DISCONNECT}, QTA_OK, ""},
        {{longest, 16, QTA_OVERFLOW_DISCONNECT},
         QTA_ERR_USAGE,
         "a subscriber is named "
         "'0123456789012345678901234567890123456789012345678901234567890123' already"},
    };
    struct play *play = malloc(sizeof *play);
    assert_non_null(play);
    open_play(play);
    struct qta_subscriber *subscriber = NULL;
    struct qta_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err.message[0] = '\0';
        assert_int_equal(
            qta_subscriber_open(&subscriber, play->stage.gateway, &cases[i].options, &err),
            cases[i].status);
        assert_string_equal(err.message, cases[i].message);
    }
    qta_subscriber_close(subscriber);
    struct qta_subscriber *many[QTA_SUBSCRIBERS_MAX];
    for (int i = 0; i < QTA_SUBSCRIBERS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%d", i);
        struct qta_subscriber_options options = {name, 2, QTA_OVERFLOW_BLOCK};
        assert_int_equal(qta_subscriber_open(&many[i], play->stage.gateway, &options, &err),
                         i < QTA_SUBSCRIBERS_MAX - 1 ? QTA_OK : QTA_ERR_STATE);
    }
    assert_string_equal(err.message, "cannot open subscriber 's63': there are 64 already");
    begin_play(play); /* without callbacks they block nobody */
    end_play(play);
    struct qta_subscriber_options late = {"late", 2, QTA_OVERFLOW_BLOCK};
    assert_int_equal(qta_subscriber_open(&subscriber, play->stage.gateway, &late, &err),
                     QTA_ERR_STATE);
    assert_string_equal(err.message, "cannot open subscriber 'late': the gateway has ended");
    free_play(play); /* closes them */
    free(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_stuck_changes_nothing_for_the_recording_and_the_others),
        cmocka_unit_test(one_that_sleeps_50_ms_a_tick_changes_nothing_in_the_recording),
        cmocka_unit_test(one_that_blocks_stops_the_sockets_and_misses_nothing),
        cmocka_unit_test(what_each_misses_is_told_by_its_name_and_adds_up),
        cmocka_unit_test(one_that_is_disconnected_learns_it_by_its_last_tick_and_its_status),
        cmocka_unit_test(the_gateways_own_may_be_disconnected_and_recording_goes_on),
        cmocka_unit_test(one_that_blocks_and_is_closed_while_full_lets_the_others_go_on),
        cmocka_unit_test(one_that_drops_and_is_never_polled_harms_nobody),
        cmocka_unit_test(the_gateway_can_be_stopped_while_one_that_is_stuck_blocks_it),
        cmocka_unit_test(another_thread_takes_over_from_one_that_died_in_a_callback),
        cmocka_unit_test(subscribers_come_and_go_while_it_runs),
        cmocka_unit_test(a_thousand_subscriptions_get_what_each_asked_for),
        cmocka_unit_test(only_what_is_wanted_enters_a_queue),
        cmocka_unit_test(polling_takes_what_there_is_and_closing_within_a_callback_is_fine),
        cmocka_unit_test(options_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests_name("subscribers", tests, NULL, NULL);
}
