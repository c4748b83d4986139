/* Days of trouble in virtual time: a venue that draws what it does to each connection, and keeps a
 * ledger. The session's story must be the venue's, record by record, and every trade that it sent
 * before an end must have come. Seeds are printed; QTA_CHAOS_SEED takes one, QTA_CAMPAIGN plays ten
 * thousand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "recorder/gateway_internal.h"
#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S
#define MINUTE (60 * S)
#define HOUR (60 * MINUTE)

enum { ATTEMPTS_MAX = 30000, OPEN_AFTER_MS = 10 };

/* What the venue did to one attempt. */
struct line {
    int64_t at_ns;
    int64_t end_ns;  /* when it ends; INT64_MAX: it does not */
    uint32_t trades; /* sent before that */
    bool is_open;
    bool is_welcoming;
    bool is_answering;
    struct qta_link_end end; /* cause and code on record */
};

struct player {
    struct stage *stage;
    uint64_t random_state;
    int64_t calm_ns; /* from then on nothing is drawn: the venue is good */
    int64_t longest_life_ns;
    bool restarts; /* every ten seconds, instead of drawing */
    int attempts;
    struct line lines[ATTEMPTS_MAX];
};

/* splitmix64 */
static uint64_t draw(struct player *player, uint64_t below)
{
    uint64_t z = player->random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static int64_t now_ns(const struct player *player)
{
    return player->stage->environment.monotonic_ns;
}

/* ---- the venue --------------------------------------------------------------------------------
 */

static const struct qta_link_end refusals[] = {
    {.cause = QTA_CAUSE_RESOLVE, .reason = "no such host"},
    {.cause = QTA_CAUSE_CONNECT, .reason = "refused"},
    {.cause = QTA_CAUSE_TLS, .reason = "handshake failed"},
    {.cause = QTA_CAUSE_LOST, .reason = "reset"},
    {.cause = QTA_CAUSE_PROTOCOL, .reason = "not HTTP"},
    {.cause = QTA_CAUSE_HTTP, .code = 429, .retry_after_ns = 7 * S, .reason = "too many"},
    {.cause = QTA_CAUSE_HTTP, .code = 503, .reason = "busy"},
    {.cause = QTA_CAUSE_HTTP, .code = 301, .reason = "moved"},
};

static const struct qta_link_end losses[] = {
    {.cause = QTA_CAUSE_LOST, .reason = "reset"},
    {.cause = QTA_CAUSE_LOST, .reason = "ended"},
    {.cause = QTA_CAUSE_SILENT, .reason = "no answer to a ping"},
    {.cause = QTA_CAUSE_PROTOCOL, .code = 1002, .reason = "masked"},
    {.cause = QTA_CAUSE_PROTOCOL, .code = 1009, .reason = "too large"},
    {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1000, .reason = "closed"},
    {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1012, .reason = "restart"},
    {.cause = QTA_CAUSE_PEER_CLOSED, .code = 1013, .reason = "later"},
};

static int64_t draw_life_ns(struct player *player)
{
    if (player->restarts)
        return 10 * S;
    switch (draw(player, 4)) {
    case 0:
        return (int64_t)draw(player, 40) * MS; /* within the login */
    case 1:
        return (int64_t)draw(player, 3000) * MS;
    default:
        return (int64_t)draw(player, (uint64_t)player->longest_life_ns);
    }
}

static void refuse(struct player *player, struct qta_link *link, struct line *line)
{
    int64_t delay_ns = (int64_t)draw(player, 2000) * MS;
    line->end = refusals[draw(player, sizeof refusals / sizeof refusals[0])];
    line->end_ns = line->at_ns + delay_ns;
    scripted_end(link, delay_ns, &line->end);
}

static void on_connect(void *user, struct qta_link *link, int attempt,
                       const struct qta_link_options *options)
{
    struct player *player = user;
    assert_true(attempt <= ATTEMPTS_MAX);
    struct line *line = &player->lines[attempt - 1];
    player->attempts = attempt;
    *line = (struct line){.at_ns = now_ns(player), .end_ns = INT64_MAX};
    bool is_calm = line->at_ns >= player->calm_ns;
    uint64_t mood = is_calm || player->restarts ? 99 : draw(player, 100);
    if (mood < 25) {
        refuse(player, link, line);
        return;
    }
    if (mood < 30) { /* no answer at all */
        line->end = (struct qta_link_end){.cause = QTA_CAUSE_SILENT};
        line->end_ns = line->at_ns + options->open_timeout_ns;
        return;
    }
    line->is_open = true;
    line->is_welcoming = mood >= 35;
    line->is_answering = mood >= 45;
    scripted_open(link, OPEN_AFTER_MS * MS);
    if (is_calm)
        return;
    int64_t life_ns = OPEN_AFTER_MS * MS + 1 + draw_life_ns(player);
    line->end = player->restarts ? losses[6]
                                 : losses[draw(player, sizeof losses / sizeof losses[0])];
    line->end_ns = line->at_ns + life_ns;
    scripted_end(link, life_ns, &line->end);
}

/* Trades until the connection ends, or for ten minutes of calm. */
static void send_trades(struct player *player, struct qta_link *link, struct line *line)
{
    int64_t until_ns = line->end_ns == INT64_MAX ? now_ns(player) + 10 * MINUTE : line->end_ns;
    int64_t at_ns = now_ns(player) + 20 * MS;
    while (at_ns < until_ns) {
        unsigned count = 1 + (unsigned)draw(player, 5);
        char text[32];
        snprintf(text, sizeof text, "t AAPL %u", count);
        scripted_send(link, at_ns - now_ns(player), text);
        if (line->end_ns != INT64_MAX)
            line->trades += count;
        at_ns += (int64_t)(1 + draw(player, 4000)) * MS;
    }
}

static void on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    struct player *player = user;
    struct line *line = &player->lines[scripted_attempt(link) - 1];
    if (length == 5 && memcmp(bytes, "login", 5) == 0) {
        if (line->is_welcoming)
            scripted_send(link, 5 * MS, "welcome");
        else if (line->end_ns > now_ns(player) + 30 * S) /* the recorder's own patience */
            line->end = (struct qta_link_end){.cause = QTA_CAUSE_SILENT};
        return;
    }
    assert_true(length > 4 && memcmp(bytes, "sub ", 4) == 0);
    if (line->is_answering) {
        scripted_send(link, 5 * MS, "ok AAPL");
        scripted_send(link, 6 * MS, "ok MSFT");
    }
    send_trades(player, link, line);
}

/* ---- the oracle -------------------------------------------------------------------------------
 */

struct reading {
    int attempt; /* of the last "connecting" */
    uint32_t trades;
    bool has_flowed;
    int outage; /* cause of the one that is going on; 0 for none */
    size_t gaps;
};

static void read_end(const struct player *player, struct reading *reading,
                     const struct qta_tick *tick)
{
    const struct line *line = &player->lines[reading->attempt - 1];
    assert_int_equal(tick->conn_event.cause, line->end.cause);
    assert_int_equal(tick->conn_event.code, line->end.code);
    assert_int_equal(reading->trades, line->trades);
    if (reading->has_flowed && reading->outage == 0)
        reading->outage = tick->conn_event.cause;
}

static void read_conn(const struct player *player, struct reading *reading,
                      const struct qta_tick *tick)
{
    switch ((enum qta_conn_state)tick->conn_event.state) {
    case QTA_CONN_CONNECTING:
        reading->attempt++;
        reading->trades = 0;
        assert_true(reading->attempt <= player->attempts);
        break;
    case QTA_CONN_OPEN:
        assert_true(player->lines[reading->attempt - 1].is_open);
        break;
    case QTA_CONN_READY:
        assert_true(player->lines[reading->attempt - 1].is_welcoming);
        break;
    case QTA_CONN_SUBSCRIBED:
        assert_true(player->lines[reading->attempt - 1].is_answering);
        reading->has_flowed = true;
        break;
    case QTA_CONN_DISCONNECTED:
        read_end(player, reading, tick);
        break;
    case QTA_CONN_BLOCKED:
        fail_msg("nothing of this is for good");
        break;
    case QTA_CONN_STOPPED:
    case QTA_CONN_RUN_STARTED:
    case QTA_CONN_RUN_ENDED:
    case QTA_CONN_RUN_CUT:
        break;
    }
}

static void read_gap(struct reading *reading, const struct qta_tick *tick, int64_t last_trade_ns)
{
    assert_int_not_equal(reading->outage, 0);
    assert_int_equal(tick->gap.cause, reading->outage);
    assert_int_equal(tick->gap.scope, QTA_GAP_PROVIDER);
    assert_true(tick->gap.last_good_ns >= last_trade_ns);
    assert_true(tick->gap.last_good_ns <= tick->gap.first_good_ns);
    reading->outage = 0;
    reading->gaps++;
}

/* The records tell what the venue did, and hold every trade that it sent before an end. */
static size_t hold_against_ledger(const struct player *player, const struct qta_tick *ticks,
                                  size_t count)
{
    struct reading reading = {0};
    int64_t last_trade_ns = INT64_MIN;
    for (size_t i = 0; i < count; i++) {
        const struct qta_tick *tick = &ticks[i];
        assert_int_equal(tick->rx_seq, i + 1);
        if (tick->type == QTA_TICK_CONN)
            read_conn(player, &reading, tick);
        if (tick->type == QTA_TICK_GAP)
            read_gap(&reading, tick, last_trade_ns);
        if (tick->type != QTA_TICK_TRADE)
            continue;
        assert_int_equal(reading.outage, 0); /* no trade within an outage */
        reading.has_flowed = true;
        reading.trades++;
        last_trade_ns = tick->ts_recv_ns;
    }
    assert_int_equal(reading.attempt, player->attempts);
    return reading.gaps;
}

/* In no minute more attempts than are configured, and none before a Retry-After is over. */
static void check_pace(const struct player *player, int most)
{
    for (int i = 0; i < player->attempts; i++) {
        const struct line *line = &player->lines[i];
        if (i >= most)
            assert_true(line->at_ns - player->lines[i - most].at_ns >= MINUTE);
        if (i > 0 && line[-1].end.retry_after_ns > 0)
            assert_true(line->at_ns >= line[-1].end_ns + line[-1].end.retry_after_ns);
    }
}

/* ---- plays ------------------------------------------------------------------------------------
 */

static struct player *make_player(uint64_t seed)
{
    struct player *player = calloc(1, sizeof *player);
    assert_non_null(player);
    player->stage = malloc(sizeof *player->stage);
    assert_non_null(player->stage);
    player->random_state = seed;
    player->longest_life_ns = 2 * MINUTE;
    player->calm_ns = INT64_MAX;
    struct stage *stage = player->stage;
    stage_init(stage, "chatty");
    stage->venue = (struct scripted_venue){
        .on_connect = on_connect, .on_message = on_message, .user = player};
    stage->provider.connects_per_minute = 30;
    stage->provider.breaker_threshold = 5;
    stage->provider.breaker_timeout_ns = 30 * S;
    return player;
}

static void destroy_player(struct player *player)
{
    stage_finish(player->stage);
    free(player->stage);
    free(player);
}

static void play_schedule(uint64_t seed)
{
    struct player *player = make_player(seed);
    struct stage *stage = player->stage;
    player->calm_ns = stage->environment.monotonic_ns + 10 * MINUTE;
    stage_open(stage);
    stage_run_for(stage, 20 * MINUTE);
    hold_against_ledger(player, stage->ticks, stage->tick_count);
    check_pace(player, 30);
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    assert_int_equal(stats.connected, 1); /* the venue is good again, and so are we */
    assert_in_range(scripted_links(stage->transport), 0, 1);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    destroy_player(player);
}

static void random_schedules_are_told_as_they_were(void **state)
{
    (void)state;
    const char *given = getenv("QTA_CHAOS_SEED");
    if (given) {
        play_schedule(strtoull(given, NULL, 10));
        return;
    }
    uint64_t first = (uint64_t)time(NULL) * 1000000;
    int count = getenv("QTA_CAMPAIGN") ? 10000 : 100;
    print_message("%d schedules, QTA_CHAOS_SEED from %llu\n", count, (unsigned long long)first);
    for (int i = 0; i < count; i++) {
        if (i % 10 == 0)
            print_message("seed %llu\n", (unsigned long long)first + (unsigned)i);
        play_schedule(first + (unsigned)i);
    }
}

static void a_restart_every_ten_seconds_for_an_hour_is_survived_and_told(void **state)
{
    (void)state;
    struct player *player = make_player(1);
    struct stage *stage = player->stage;
    char *folder = scratch_make_in_memory();
    stage->options.recording.is_enabled = true;
    stage->options.recording.directory = folder;
    player->restarts = true;
    stage_open(stage);
    stage_run_for(stage, HOUR);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    struct scratch_session session;
    scratch_read(&session, qta_gateway_session_path(stage->gateway));
    size_t gaps = hold_against_ledger(player, session.ticks, session.count);
    check_pace(player, 30);
    print_message("%d connections, %zu gaps, %zu records\n", player->attempts, gaps, session.count);
    assert_in_range(player->attempts, 60, 360);
    assert_in_range(gaps, player->attempts - 2, player->attempts);
    scratch_free(&session);
    destroy_player(player);
    scratch_remove(folder);
}

/* ---- a day ------------------------------------------------------------------------------------
 */

struct tally {
    uint64_t trades;
    uint64_t records;
};

static void count_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct tally *tally = user;
    tally->trades += tick->type == QTA_TICK_TRADE;
    tally->records++;
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

/* stage_open() with a callback that keeps nothing. */
static void open_to_tally(struct stage *stage, struct tally *tally)
{
    stage->transport = scripted_transport_create(&stage->environment, &stage->venue);
    assert_int_equal(qta_gateway_create_in(&stage->gateway, &stage->options,
                                           &stage->environment.base, stage->transport, NULL),
                     QTA_OK);
    assert_int_equal(qta_gateway_subscribe_to_all(stage->gateway, count_tick, tally, NULL), QTA_OK);
}

static uint64_t trades_sent(const struct player *player, int first, int last)
{
    uint64_t trades = 0;
    for (int i = first; i < last; i++)
        trades += player->lines[i].trades;
    return trades;
}

static void a_day_of_trouble_leaves_nothing_behind(void **state)
{
    (void)state;
    struct player *player = make_player(24);
    struct stage *stage = player->stage;
    struct tally tally = {0};
    open_to_tally(stage, &tally);
    stage_run_for(stage, 2 * HOUR);
    size_t heap = mallinfo2().uordblks;
    int descriptors = count_descriptors();
    stage_run_for(stage, 22 * HOUR);
    size_t grown = mallinfo2().uordblks - heap;
    print_message("%d connections, %llu trades, %llu records, heap grown by %zd bytes\n",
                  player->attempts, (unsigned long long)tally.trades,
                  (unsigned long long)tally.records, (ssize_t)grown);
    /* what differs is what the connection of the moment has scheduled */
    assert_true((ssize_t)grown < 256 * 1024);
    assert_int_equal(count_descriptors(), descriptors);
    uint64_t over = trades_sent(player, 0, player->attempts - 1);
    assert_in_range(tally.trades, over, over + player->lines[player->attempts - 1].trades);
    assert_true(tally.trades > 1000);
    check_pace(player, 30);
    assert_in_range(stage_log_count(stage, "\n"), 1, sizeof stage->log / 40);
    destroy_player(player);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_schedules_are_told_as_they_were),
        cmocka_unit_test(a_restart_every_ten_seconds_for_an_hour_is_survived_and_told),
        cmocka_unit_test(a_day_of_trouble_leaves_nothing_behind),
    };
    return cmocka_run_group_tests_name("chaos_simulated", tests, NULL, NULL);
}
