/* The public API over sessions on disk: the same ticks at any speed, filters, stops and pauses. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include <qta/replay.h>

#include "tests/replay/session_maker.h"

#define SECOND_NS INT64_C(1000000000)
#define FIRST_NS INT64_C(1714570200000000000)

enum { TICKS = 8000, PAUSE_EVERY = 2000 };

struct fixture {
    char folder[128];
    struct made_session day;  /* three and a half seconds */
    struct made_session next; /* begins a second before the end of the first */
};

static int set_up_group(void **state)
{
    static struct fixture fixture;
    session_maker_folder(fixture.folder);
    session_make(&fixture.day, &(struct session_maker_options){.folder = fixture.folder,
                                                               .name = "day",
                                                               .seed = 11,
                                                               .count = TICKS,
                                                               .first_ns = FIRST_NS,
                                                               .gap_max_ns = 3500000});
    session_make(&fixture.next,
                 &(struct session_maker_options){.folder = fixture.folder,
                                                 .name = "next",
                                                 .seed = 12,
                                                 .count = TICKS / 2,
                                                 .first_ns = FIRST_NS + 5 * SECOND_NS / 2,
                                                 .gap_max_ns = 3500000});
    *state = &fixture;
    return 0;
}

static int tear_down_group(void **state)
{
    struct fixture *fixture = *state;
    session_finish(&fixture->day);
    session_finish(&fixture->next);
    session_maker_remove(fixture->folder);
    return 0;
}

/* ---- helpers ----------------------------------------------------------------------------------
 */

/* What came out. */
struct heard {
    struct qta_digest digest;
    uint64_t *seqs;
    size_t count;
    size_t capacity;
    size_t problems;
};

static void hear(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct heard *heard = user;
    qta_digest_add(&heard->digest, tick, names);
    if (heard->count == heard->capacity) {
        heard->capacity = heard->capacity * 2 + 1024;
        heard->seqs = realloc(heard->seqs, heard->capacity * sizeof *heard->seqs);
        assert_non_null(heard->seqs);
    }
    heard->seqs[heard->count++] = tick->rx_seq;
}

static void hear_problem(void *user, const char *problem)
{
    struct heard *heard = user;
    assert_true(strlen(problem) > 0);
    heard->problems++;
}

static struct qta_replay *new_replay(const char *path, const struct qta_replay_options *options)
{
    struct qta_replay *replay = NULL;
    struct qta_error err;
    if (qta_replay_create(&replay, &path, 1, options, &err) != QTA_OK)
        fail_msg("%s", err.message);
    return replay;
}

static enum qta_status play(const char *const *paths, size_t path_count,
                            const struct qta_replay_options *options, struct heard *heard)
{
    *heard = (struct heard){0};
    qta_digest_init(&heard->digest);
    struct qta_replay *replay = NULL;
    struct qta_error err;
    if (qta_replay_create(&replay, paths, path_count, options, &err) != QTA_OK)
        fail_msg("%s", err.message);
    enum qta_status status = qta_replay_run(replay, hear, hear_problem, heard, &err);
    qta_replay_destroy(replay);
    return status;
}

static void ignore_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)user;
    (void)tick;
    (void)names;
}

static struct qta_replay_options options_at(uint32_t speed_milli)
{
    struct qta_replay_options options = qta_replay_options_default();
    options.speed_milli = speed_milli;
    return options;
}

static void assert_digest_equal(const struct qta_digest *left, const struct qta_digest *right)
{
    assert_int_equal(left->ticks, right->ticks);
    assert_int_equal(left->full, right->full);
    assert_int_equal(left->market, right->market);
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

/* ---- the same ticks ---------------------------------------------------------------------------
 */

static void the_digest_is_that_of_the_recording_at_any_speed(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->day.path;
    static const uint32_t speeds[] = {QTA_SPEED_MAX, QTA_SPEED_MAX, 1000000, 100000, 10000};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        struct qta_replay_options options = options_at(speeds[i]);
        struct heard heard;
        assert_int_equal(play(&path, 1, &options, &heard), QTA_OK);
        assert_digest_equal(&heard.digest, &fixture->day.digest);
        assert_int_equal(heard.problems, 0);
        free(heard.seqs);
    }
}

static void a_loop_plays_the_same_ticks_again(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->day.path;
    struct qta_digest expected;
    qta_digest_init(&expected);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < fixture->day.count; i++)
            qta_digest_add(&expected, &fixture->day.ticks[i], fixture->day.names);
    }
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    options.loop_count = 3;
    struct heard heard;
    assert_int_equal(play(&path, 1, &options, &heard), QTA_OK);
    assert_digest_equal(&heard.digest, &expected);
    free(heard.seqs);
}

static void two_sessions_are_merged_by_time(void **state)
{
    struct fixture *fixture = *state;
    const struct made_session *day = &fixture->day;
    const struct made_session *next = &fixture->next;
    struct qta_digest expected;
    qta_digest_init(&expected);
    size_t d = 0;
    size_t n = 0;
    while (d < day->count || n < next->count) {
        bool is_day = n == next->count ||
                      (d < day->count && day->ticks[d].ts_recv_ns <= next->ticks[n].ts_recv_ns);
        if (is_day)
            qta_digest_add(&expected, &day->ticks[d++], day->names);
        else
            qta_digest_add(&expected, &next->ticks[n++], next->names);
    }
    const char *paths[] = {day->path, next->path};
    static const uint32_t speeds[] = {QTA_SPEED_MAX, 100000};
    for (size_t i = 0; i < 2; i++) {
        struct qta_replay_options options = options_at(speeds[i]);
        struct heard heard;
        assert_int_equal(play(paths, 2, &options, &heard), QTA_OK);
        assert_digest_equal(&heard.digest, &expected);
        free(heard.seqs);
    }
}

/* ---- filters ----------------------------------------------------------------------------------
 */

static bool is_among(const char *name, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, list[i]) == 0)
            return true;
    }
    return false;
}

/* The filter's words, read a second time. */
static bool passes(const struct made_session *made, const struct qta_tick *tick,
                   const struct qta_session_filter *filter)
{
    if (tick->ts_recv_ns < filter->from_ns || tick->ts_recv_ns >= filter->until_ns)
        return false;
    if (!(filter->types & QTA_TYPE_BIT(tick->type)))
        return false;
    const char *symbol = qta_dictionary_name(made->names, QTA_NAME_SYMBOL, tick->symbol, NULL);
    if (filter->symbols && !is_among(symbol, filter->symbols, filter->symbol_count) &&
        (qta_tick_is_market(tick) || tick->symbol != 0))
        return false;
    const char *provider = qta_dictionary_name(made->names, QTA_NAME_PROVIDER, tick->provider,
                                               NULL);
    return !filter->providers || is_among(provider, filter->providers, filter->provider_count);
}

/* Plays with the options, and compares with what `expected` lets through. */
static void check_filter(const struct made_session *made, const struct qta_replay_options *options,
                         const struct qta_session_filter *expected)
{
    const char *path = made->path;
    struct heard heard;
    assert_int_equal(play(&path, 1, options, &heard), QTA_OK);
    size_t count = 0;
    for (size_t i = 0; i < made->count; i++) {
        if (!passes(made, &made->ticks[i], expected))
            continue;
        assert_true(count < heard.count);
        assert_int_equal(heard.seqs[count], made->ticks[i].rx_seq);
        count++;
    }
    assert_int_equal(heard.count, count);
    assert_true(count > 0);
    assert_true(count < made->count);
    free(heard.seqs);
}

static void filters_let_through_what_they_say(void **state)
{
    struct fixture *fixture = *state;
    static const char *const symbols[] = {"SYM/3", "SYM/11", "NOSUCH"};
    static const char *const providers[] = {"venue1"};
    struct qta_replay_options all = options_at(QTA_SPEED_MAX);

    struct qta_replay_options options = all;
    options.filter.types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_CONN);
    check_filter(&fixture->day, &options, &options.filter);

    options = all;
    options.filter.symbols = symbols;
    options.filter.symbol_count = 3;
    check_filter(&fixture->day, &options, &options.filter);

    options = all;
    options.filter.providers = providers;
    options.filter.provider_count = 1;
    check_filter(&fixture->day, &options, &options.filter);

    options = all;
    options.filter.from_ns = FIRST_NS + SECOND_NS;
    options.filter.until_ns = FIRST_NS + 2 * SECOND_NS;
    check_filter(&fixture->day, &options, &options.filter);
}

static void offset_and_duration_count_from_the_first_time_let_through(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    options.start_offset_ns = SECOND_NS / 2;
    options.duration_ns = SECOND_NS;
    struct qta_session_filter expected = options.filter;
    expected.from_ns = FIRST_NS + SECOND_NS / 2;
    expected.until_ns = FIRST_NS + 3 * SECOND_NS / 2;
    check_filter(&fixture->day, &options, &expected);

    /* also when a later start was asked for, and whatever the symbols */
    static const char *const symbols[] = {"SYM/5"};
    options.filter.from_ns = FIRST_NS + SECOND_NS;
    options.filter.symbols = symbols;
    options.filter.symbol_count = 1;
    expected = options.filter;
    expected.from_ns = FIRST_NS + 3 * SECOND_NS / 2;
    expected.until_ns = FIRST_NS + 5 * SECOND_NS / 2;
    check_filter(&fixture->day, &options, &expected);
}

static void a_filter_that_lets_nothing_through_plays_nothing(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->day.path;
    struct qta_replay_options options = options_at(QTA_SPEED_REAL);
    options.filter.from_ns = FIRST_NS + 1000 * SECOND_NS;
    options.loop_count = 0;
    struct heard heard;
    assert_int_equal(play(&path, 1, &options, &heard), QTA_OK);
    assert_int_equal(heard.count, 0);
    options.filter.from_ns = INT64_MIN;
    options.start_offset_ns = 1000 * SECOND_NS;
    assert_int_equal(play(&path, 1, &options, &heard), QTA_OK);
    assert_int_equal(heard.count, 0);
    free(heard.seqs);
}

/* ---- damage ---- */

enum { DAMAGE_TICKS = 80000, BLOCK_TICKS_MAX = 32768 };

static void a_damaged_block_costs_that_block_only(void **state)
{
    struct fixture *fixture = *state;
    struct made_session made;
    session_make(&made, &(struct session_maker_options){.folder = fixture->folder,
                                                        .name = "damaged",
                                                        .seed = 5,
                                                        .count = DAMAGE_TICKS,
                                                        .first_ns = FIRST_NS,
                                                        .gap_max_ns = 1000});
    session_damage(&made);
    /* alone, as one of several, in a loop */
    const char *paths[] = {made.path, fixture->day.path};
    for (size_t path_count = 1; path_count <= 2; path_count++) {
        struct qta_replay_options options = options_at(QTA_SPEED_MAX);
        options.filter.until_ns = FIRST_NS + SECOND_NS; /* all of the one, part of the other */
        options.loop_count = (uint32_t)path_count;
        struct heard heard;
        assert_int_equal(play(paths, path_count, &options, &heard), QTA_ERR_DAMAGED);
        assert_int_equal(heard.problems, path_count);
        free(heard.seqs);
    }

    struct qta_replay_options options = options_at(1000000);
    struct heard heard;
    assert_int_equal(play(paths, 1, &options, &heard), QTA_ERR_DAMAGED);
    assert_int_equal(heard.problems, 1);
    assert_true(heard.count >= DAMAGE_TICKS - BLOCK_TICKS_MAX);
    assert_true(heard.count < DAMAGE_TICKS);
    struct qta_digest expected;
    qta_digest_init(&expected);
    for (size_t i = 0; i < heard.count; i++) {
        assert_true(i == 0 || heard.seqs[i] > heard.seqs[i - 1]);
        qta_digest_add(&expected, &made.ticks[heard.seqs[i] - 1], made.names);
    }
    assert_digest_equal(&heard.digest, &expected);
    free(heard.seqs);
    session_finish(&made);
}

static void damage_is_told_with_its_session_and_block(void **state)
{
    struct fixture *fixture = *state;
    char path[300];
    snprintf(path, sizeof path, "%s/damaged", fixture->folder);
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(path, &options);
    struct qta_error err;
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, &err), QTA_ERR_DAMAGED);
    assert_non_null(strstr(err.message, "damaged blocks that had to be skipped: 1, the first: "));
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "000001.qseg"));
    qta_replay_destroy(replay);
}

/* ---- pace -------------------------------------------------------------------------------------
 */

/* A short session of a few ticks with long pauses between them. */
static void make_slow(struct fixture *fixture, struct made_session *made, const char *name)
{
    session_make(made, &(struct session_maker_options){.folder = fixture->folder,
                                                       .name = name,
                                                       .seed = 3,
                                                       .count = 400,
                                                       .first_ns = FIRST_NS,
                                                       .gap_max_ns = 3600 * SECOND_NS});
}

struct pace {
    int64_t start_ns;
    int64_t early_ns_max;
    uint32_t speed_milli;
};

static void note_pace(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct pace *pace = user;
    int64_t now_ns = monotonic_ns();
    int64_t due_ns = pace->start_ns + (tick->ts_recv_ns - FIRST_NS) * 1000 / pace->speed_milli;
    if (due_ns - now_ns > pace->early_ns_max)
        pace->early_ns_max = due_ns - now_ns;
}

static void no_tick_comes_before_its_time(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t speeds[] = {5000, 20000};
    for (size_t i = 0; i < 2; i++) {
        struct qta_replay_options options = options_at(speeds[i]);
        struct qta_replay *replay = new_replay(fixture->day.path, &options);
        struct pace pace = {monotonic_ns(), INT64_MIN, speeds[i]};
        assert_int_equal(qta_replay_run(replay, note_pace, NULL, &pace, NULL), QTA_OK);
        assert_true(pace.early_ns_max <= 0);
        int64_t session_ns = fixture->day.ticks[TICKS - 1].ts_recv_ns - FIRST_NS;
        assert_true(monotonic_ns() - pace.start_ns >= session_ns * 1000 / speeds[i]);
        struct qta_replay_progress progress;
        qta_replay_progress(replay, &progress);
        assert_true(progress.late_ns_max >= 0);
        qta_replay_destroy(replay);
    }
}

static void long_pauses_are_cut_to_the_longest_allowed(void **state)
{
    struct fixture *fixture = *state;
    struct made_session made;
    make_slow(fixture, &made, "slow-cut");
    const char *path = made.path;
    struct qta_replay_options options = options_at(QTA_SPEED_REAL);
    options.gap_max_ns = 1000000; /* some hundred gaps of hours: a tenth of a second in all */
    struct heard heard;
    assert_int_equal(play(&path, 1, &options, &heard), QTA_OK);
    assert_digest_equal(&heard.digest, &made.digest);
    free(heard.seqs);
    session_finish(&made);
}

/* ---- stop and pause ---------------------------------------------------------------------------
 */

static struct qta_replay *to_stop;

static void stop_at_hundred(void *user, const struct qta_tick *tick,
                            const struct qta_dictionary *names)
{
    (void)tick;
    (void)names;
    if (++*(int *)user == 100)
        qta_replay_stop(to_stop);
}

static void a_callback_can_stop_it_at_once(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t speeds[] = {QTA_SPEED_MAX, 1000000};
    for (size_t i = 0; i < 2; i++) {
        struct qta_replay_options options = options_at(speeds[i]);
        to_stop = new_replay(fixture->day.path, &options);
        int calls = 0;
        assert_int_equal(qta_replay_run(to_stop, stop_at_hundred, NULL, &calls, NULL), QTA_OK);
        assert_int_equal(calls, 100);
        struct qta_replay_progress progress;
        qta_replay_progress(to_stop, &progress);
        assert_int_equal(progress.ticks, 100);
        assert_int_equal(progress.current_ts_recv_ns, fixture->day.ticks[99].ts_recv_ns);
        qta_replay_destroy(to_stop);
    }
}

static void stop_from_handler(int number)
{
    (void)number;
    qta_replay_stop(to_stop);
}

static void *stop_from_thread(void *user)
{
    struct timespec while_it_waits = {.tv_nsec = 30000000};
    nanosleep(&while_it_waits, NULL);
    qta_replay_stop(user);
    return NULL;
}

static void a_thread_or_a_signal_stops_it_while_it_waits_for_hours(void **state)
{
    struct fixture *fixture = *state;
    struct made_session made;
    make_slow(fixture, &made, "slow-stop");
    struct qta_replay_options options = options_at(QTA_SPEED_LOWEST);
    to_stop = new_replay(made.path, &options);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, to_stop), 0);
    assert_int_equal(qta_replay_run(to_stop, ignore_tick, NULL, NULL, NULL), QTA_OK);
    pthread_join(thread, NULL);
    qta_replay_destroy(to_stop);

    to_stop = new_replay(made.path, &options);
    signal(SIGALRM, stop_from_handler);
    struct itimerval soon = {.it_value = {.tv_usec = 30000}};
    setitimer(ITIMER_REAL, &soon, NULL);
    assert_int_equal(qta_replay_run(to_stop, ignore_tick, NULL, NULL, NULL), QTA_OK);
    signal(SIGALRM, SIG_DFL);
    qta_replay_destroy(to_stop);
    session_finish(&made);
}

static void a_stop_before_the_run_plays_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(fixture->day.path, &options);
    qta_replay_stop(replay);
    int calls = 0;
    assert_int_equal(qta_replay_run(replay, stop_at_hundred, NULL, &calls, NULL), QTA_OK);
    assert_int_equal(calls, 0);
    qta_replay_destroy(replay);
}

/* Pauses from the callback, resumes from another thread. */
struct pauser {
    struct qta_replay *replay;
    _Atomic uint64_t heard;
    _Atomic bool is_paused;
    uint64_t heard_at_pause;
};

static void pause_now_and_then(void *user, const struct qta_tick *tick,
                               const struct qta_dictionary *names)
{
    (void)names;
    struct pauser *pauser = user;
    atomic_fetch_add(&pauser->heard, 1);
    if (tick->rx_seq % PAUSE_EVERY != 0)
        return;
    qta_replay_pause(pauser->replay, true);
    atomic_store(&pauser->is_paused, true);
}

/* The pause before the start and those at every PAUSE_EVERY ticks. */
static void *look_and_resume(void *user)
{
    struct pauser *pauser = user;
    struct timespec a_while = {.tv_nsec = 10000000};
    for (uint64_t expected = 0; expected <= TICKS; expected += PAUSE_EVERY) {
        while (!atomic_load(&pauser->is_paused))
            nanosleep(&a_while, NULL);
        nanosleep(&a_while, NULL);
        if (atomic_load(&pauser->heard) == expected)
            pauser->heard_at_pause += 1;
        atomic_store(&pauser->is_paused, false);
        qta_replay_pause(pauser->replay, false);
    }
    return NULL;
}

static void a_pause_holds_the_ticks_until_it_ends(void **state)
{
    struct fixture *fixture = *state;
    static const uint32_t speeds[] = {20000, QTA_SPEED_MAX};
    for (size_t i = 0; i < 2; i++) {
        struct qta_replay_options options = options_at(speeds[i]);
        struct pauser pauser = {.replay = new_replay(fixture->day.path, &options),
                                .is_paused = true};
        qta_replay_pause(pauser.replay, true);
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, look_and_resume, &pauser), 0);
        assert_int_equal(qta_replay_run(pauser.replay, pause_now_and_then, NULL, &pauser, NULL),
                         QTA_OK);
        pthread_join(thread, NULL);
        assert_int_equal(pauser.heard, TICKS);
        assert_int_equal(pauser.heard_at_pause, 5);
        qta_replay_destroy(pauser.replay);
    }
}

static void a_pause_does_not_count_as_time_of_the_session(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(20000);
    struct qta_replay *replay = new_replay(fixture->day.path, &options);
    struct pauser pauser = {.replay = replay, .is_paused = true};
    qta_replay_pause(replay, true);
    int64_t start_ns = monotonic_ns();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, look_and_resume, &pauser), 0);
    assert_int_equal(qta_replay_run(replay, pause_now_and_then, NULL, &pauser, NULL), QTA_OK);
    pthread_join(thread, NULL);
    /* the first pause, of 10 ms at least, came before the clock was started */
    int64_t session_ns = fixture->day.ticks[TICKS - 1].ts_recv_ns - FIRST_NS;
    assert_true(monotonic_ns() - start_ns >= session_ns / 20 + INT64_C(10000000));
    qta_replay_destroy(replay);
}

static void a_stop_ends_a_pause(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(fixture->day.path, &options);
    qta_replay_pause(replay, true);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, stop_from_thread, replay), 0);
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, NULL), QTA_OK);
    pthread_join(thread, NULL);
    qta_replay_destroy(replay);
}

/* ---- the rest ---------------------------------------------------------------------------------
 */

static void progress_says_where_it_is(void **state)
{
    struct fixture *fixture = *state;
    const struct made_session *day = &fixture->day;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(day->path, &options);
    struct qta_replay_progress progress;
    qta_replay_progress(replay, &progress);
    assert_int_equal(progress.ticks, 0);
    assert_true(progress.current_ts_recv_ns == QTA_TIME_UNKNOWN);
    assert_int_equal(progress.first_ts_recv_ns, FIRST_NS);
    assert_int_equal(progress.last_ts_recv_ns, day->ticks[TICKS - 1].ts_recv_ns);
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, NULL), QTA_OK);
    qta_replay_progress(replay, &progress);
    assert_int_equal(progress.ticks, TICKS);
    assert_int_equal(progress.market_ticks, day->digest.market_ticks);
    assert_int_equal(progress.current_ts_recv_ns, day->ticks[TICKS - 1].ts_recv_ns);
    assert_int_equal(progress.late_ns_max, 0);
    qta_replay_destroy(replay);

    options.filter.from_ns = FIRST_NS + SECOND_NS;
    options.start_offset_ns = SECOND_NS;
    options.duration_ns = SECOND_NS / 2;
    replay = new_replay(day->path, &options);
    qta_replay_progress(replay, &progress);
    assert_int_equal(progress.first_ts_recv_ns, FIRST_NS + 2 * SECOND_NS);
    assert_int_equal(progress.last_ts_recv_ns, FIRST_NS + 5 * SECOND_NS / 2 - 1);
    qta_replay_destroy(replay);
}

static void names_are_there_before_the_first_tick_and_after_the_last(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(fixture->day.path, &options);
    const struct qta_dictionary *names = qta_replay_names(replay);
    assert_non_null(names);
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, NULL), QTA_OK);
    assert_ptr_equal(qta_replay_names(replay), names);
    assert_int_equal(qta_dictionary_count(names, QTA_NAME_SYMBOL), 13);
    qta_replay_destroy(replay);
}

static void it_plays_once(void **state)
{
    struct fixture *fixture = *state;
    struct qta_replay_options options = options_at(QTA_SPEED_MAX);
    struct qta_replay *replay = new_replay(fixture->day.path, &options);
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, NULL), QTA_OK);
    assert_int_equal(qta_replay_run(replay, ignore_tick, NULL, NULL, NULL), QTA_ERR_STATE);
    qta_replay_destroy(replay);
}

static void what_cannot_be_opened_is_refused(void **state)
{
    struct fixture *fixture = *state;
    char path[256];
    snprintf(path, sizeof path, "%s/no-such-session", fixture->folder);
    const char *missing = path;
    const char *foreign = fixture->folder;
    struct qta_replay_options options = qta_replay_options_default();
    struct qta_replay *replay;
    struct qta_error err = {0};
    assert_int_equal(qta_replay_create(&replay, &missing, 1, &options, &err), QTA_ERR_NOT_FOUND);
    assert_non_null(strstr(err.message, "no-such-session"));
    assert_int_not_equal(qta_replay_create(&replay, &foreign, 1, &options, &err), QTA_OK);
    assert_non_null(strstr(err.message, fixture->folder));
    assert_int_equal(qta_replay_create(&replay, NULL, 0, &options, &err), QTA_ERR_USAGE);
    const char *both[] = {fixture->day.path, missing};
    assert_int_equal(qta_replay_create(&replay, both, 2, &options, &err), QTA_ERR_NOT_FOUND);
    options.speed_milli = 1;
    assert_int_equal(qta_replay_create(&replay, both, 1, &options, &err), QTA_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_that_of_the_recording_at_any_speed),
        cmocka_unit_test(a_loop_plays_the_same_ticks_again),
        cmocka_unit_test(two_sessions_are_merged_by_time),
        cmocka_unit_test(filters_let_through_what_they_say),
        cmocka_unit_test(offset_and_duration_count_from_the_first_time_let_through),
        cmocka_unit_test(a_filter_that_lets_nothing_through_plays_nothing),
        cmocka_unit_test(a_damaged_block_costs_that_block_only),
        cmocka_unit_test(damage_is_told_with_its_session_and_block),
        cmocka_unit_test(no_tick_comes_before_its_time),
        cmocka_unit_test(long_pauses_are_cut_to_the_longest_allowed),
        cmocka_unit_test(a_callback_can_stop_it_at_once),
        cmocka_unit_test(a_thread_or_a_signal_stops_it_while_it_waits_for_hours),
        cmocka_unit_test(a_stop_before_the_run_plays_nothing),
        cmocka_unit_test(a_pause_holds_the_ticks_until_it_ends),
        cmocka_unit_test(a_pause_does_not_count_as_time_of_the_session),
        cmocka_unit_test(a_stop_ends_a_pause),
        cmocka_unit_test(progress_says_where_it_is),
        cmocka_unit_test(names_are_there_before_the_first_tick_and_after_the_last),
        cmocka_unit_test(it_plays_once),
        cmocka_unit_test(what_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
