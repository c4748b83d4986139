/* Days, runs, clocks and disks: what a session says about when and how it was recorded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "recorder/gateway_internal.h"
#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/stage.h"

#define MS STAGE_MS
#define S STAGE_S

static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    stage->options.recording.is_enabled = true;
    stage->options.recording.directory = scratch_make_in_memory();
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    struct stage *stage = *state;
    char *folder = (char *)(uintptr_t)stage->options.recording.directory;
    stage_finish(stage);
    scratch_remove(folder);
    free(stage);
    return 0;
}

/* Closes the run and opens the next one in the same folder, on a clean sheet. */
static void reopen(struct stage *stage)
{
    if (!stage->is_over)
        stage_stop(stage, NULL);
    qta_gateway_destroy(stage->gateway);
    stage->is_over = false;
    stage->tick_count = 0;
    stage_open(stage);
}

static void read_day(struct scratch_session *session, const struct stage *stage, const char *day)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", stage->options.recording.directory, day);
    scratch_read(session, path);
}

static int conn_state(const struct scratch_session *session, size_t index)
{
    assert_true(index < session->count);
    assert_int_equal(session->ticks[index].type, QTA_TICK_CONN);
    return session->ticks[index].conn_event.state;
}

/* ---- days -------------------------------------------------------------------------------------
 */

static void midnight_begins_a_new_session_and_loses_no_tick(void **state)
{
    struct stage *stage = *state;
    /* 2024-05-02T03:59:57Z is three seconds to midnight in New York */
    stage->environment.realtime_ns = INT64_C(1714622397000000000);
    stage->options.recording.timezone = "America/New_York";
    stage_open(stage);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-01");
    stage_run_for(stage, 6 * S);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-02");
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    assert_string_equal(stage_story(stage),
                        "run_started connecting open ready subscribed trade trade run_ended "
                        "run_started subscribed trade trade trade stopped:stop run_ended");
    struct scratch_session first;
    struct scratch_session second;
    read_day(&first, stage, "2024-05-01");
    read_day(&second, stage, "2024-05-02");
    assert_int_equal(first.count + second.count, stage->tick_count);
    assert_int_equal(conn_state(&first, first.count - 1), QTA_CONN_RUN_ENDED);
    int64_t midnight_ns = INT64_C(1714622400000000000);
    assert_true(first.ticks[first.count - 1].ts_recv_ns == midnight_ns - 1);
    assert_int_equal(conn_state(&second, 0), QTA_CONN_RUN_STARTED);
    assert_true(second.ticks[0].ts_recv_ns == midnight_ns); /* at midnight, not at the next tick */
    assert_int_equal(conn_state(&second, 1), QTA_CONN_SUBSCRIBED); /* a session explains itself */
    for (size_t i = 0; i < stage->tick_count; i++) {
        bool is_first = i < first.count;
        const struct qta_tick *tick = is_first ? &first.ticks[i] : &second.ticks[i - first.count];
        assert_int_equal(tick->rx_seq, is_first ? i + 1 : i - first.count + 1);
        assert_int_equal(stage->ticks[i].rx_seq, tick->rx_seq);
        assert_int_equal(stage->ticks[i].trade.id, tick->trade.id);
        assert_true(stage->ticks[i].ts_recv_ns == tick->ts_recv_ns);
    }
    scratch_free(&first);
    scratch_free(&second);
}

static void a_week_is_seven_sessions(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.tick_interval_ns = 2 * 3600 * S};
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 6 * 86400 * S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    size_t records = 0;
    size_t trades = 0;
    for (int day = 1; day <= 7; day++) {
        char name[16];
        snprintf(name, sizeof name, "2024-05-%02d", day);
        struct scratch_session session;
        read_day(&session, stage, name);
        records += session.count;
        for (size_t i = 0; i < session.count; i++)
            trades += session.ticks[i].type == QTA_TICK_TRADE;
        scratch_free(&session);
    }
    assert_int_equal(records, stage->tick_count);
    assert_int_equal(trades, 71);
}

/* ---- runs -------------------------------------------------------------------------------------
 */

static void a_restart_tells_the_outage_of_session_and_provider(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 1500 * MS);
    reopen(stage);
    int64_t stopped_ns = stage->environment.realtime_ns;
    virtual_environment_advance(&stage->environment, 600 * S);
    stage_run_for(stage, 1500 * MS);
    assert_string_equal(stage_story(stage),
                        "run_started gap connecting open ready subscribed gap trade");
    const struct qta_tick *session_gap = stage_tick(stage, QTA_TICK_GAP, 0);
    const struct qta_tick *provider_gap = stage_tick(stage, QTA_TICK_GAP, 1);
    assert_int_equal(session_gap->gap.scope, QTA_GAP_SESSION);
    assert_int_equal(session_gap->gap.cause, QTA_CAUSE_STOP);
    assert_true(session_gap->gap.last_good_ns <= stopped_ns);
    assert_true(session_gap->gap.first_good_ns == stopped_ns + 600 * S);
    assert_int_equal(provider_gap->gap.scope, QTA_GAP_PROVIDER);
    assert_true(provider_gap->gap.last_good_ns == session_gap->gap.first_good_ns);
    assert_true(provider_gap->gap.first_good_ns == provider_gap->ts_recv_ns);
}

static void a_gateway_that_never_ran_leaves_no_records(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    qta_gateway_destroy(stage->gateway);
    stage_open(stage);
    stage_run_for(stage, 1500 * MS);
    assert_string_equal(stage_story(stage), "run_started connecting open ready subscribed trade");
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

static void what_the_kernel_says_of_its_clock_is_recorded(void **state)
{
    struct stage *stage = *state;
    stage->environment.has_estimate = true;
    stage->environment.estimate = (struct qta_clock_estimate){-1500, 250000, true};
    stage_open(stage);
    stage_run_for(stage, 15 * S); /* the kernel is asked now and then */
    stage->environment.estimate.is_synchronised = false;
    stage->environment.estimate.max_error_ns = 16000000000;
    stage_run_for(stage, 15 * S);
    stage->environment.realtime_ns += 2 * S;
    stage_run_for(stage, 15 * S);
    stage->environment.has_estimate = false;
    stage_run_for(stage, 15 * S);
    static const struct qta_clock expected[] = {
        {0, 0, -1500, 250000, QTA_CLOCK_SYNCHRONISED},
        {0, 0, -1500, 16000000000, QTA_CLOCK_UNSYNCHRONISED},
        {2 * S, 2 * S, -1500, 16000000000, QTA_CLOCK_UNSYNCHRONISED},
        {0, 2 * S, 0, QTA_U64_NONE, QTA_CLOCK_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        const struct qta_tick *tick = stage_tick(stage, QTA_TICK_CLOCK, i);
        assert_non_null(tick);
        assert_true(tick->clock.step_ns == expected[i].step_ns);
        assert_true(tick->clock.offset_ns == expected[i].offset_ns);
        assert_true(tick->clock.estimated_offset_ns == expected[i].estimated_offset_ns);
        assert_true(tick->clock.max_error_ns == expected[i].max_error_ns);
        assert_int_equal(tick->clock.sync, expected[i].sync);
    }
    assert_null(stage_tick(stage, QTA_TICK_CLOCK, sizeof expected / sizeof expected[0]));
}

static void steps_of_the_wall_clock_are_recorded_and_time_never_goes_back(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 2500 * MS);
    static const int64_t steps_ns[] = {-3600 * S, 400 * MS, 1800 * S, 2 * 3600 * S, -501 * MS};
    static const bool is_told[] = {true, false, true, true, true};
    size_t told = 0;
    int64_t offset_ns = 0;
    for (size_t i = 0; i < sizeof steps_ns / sizeof steps_ns[0]; i++) {
        stage->environment.realtime_ns += steps_ns[i];
        offset_ns += steps_ns[i];
        stage_run_for(stage, 2 * S);
        const struct qta_tick *clock = stage_tick(stage, QTA_TICK_CLOCK, told);
        if (!is_told[i]) {
            assert_null(clock);
            continue;
        }
        assert_non_null(clock);
        assert_true(clock->clock.step_ns == steps_ns[i]);
        assert_true(clock->clock.offset_ns == offset_ns);
        told++;
        assert_null(stage_tick(stage, QTA_TICK_CLOCK, told));
    }
    bool is_raised = false;
    for (size_t i = 1; i < stage->tick_count; i++) {
        assert_true(stage->ticks[i].ts_recv_ns >= stage->ticks[i - 1].ts_recv_ns);
        bool is_trade = stage->ticks[i].type == QTA_TICK_TRADE;
        is_raised |= is_trade && (stage->ticks[i].flags & QTA_FLAG_TIME_RAISED);
    }
    assert_true(is_raised);
}

static void a_jump_to_another_day_changes_the_session_and_back_does_not(void **state)
{
    struct stage *stage = *state;
    stage_open(stage);
    stage_run_for(stage, 1500 * MS);
    stage->environment.realtime_ns += 86400 * 3 * S;
    stage_run_for(stage, 2 * S);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-04");
    stage->environment.realtime_ns -= 86400 * 3 * S;
    stage_run_for(stage, 2 * S);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-04");
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    struct scratch_session session;
    read_day(&session, stage, "2024-05-01");
    assert_int_equal(conn_state(&session, session.count - 1), QTA_CONN_RUN_ENDED);
    scratch_free(&session);
    read_day(&session, stage, "2024-05-04");
    assert_true(session.count > 6);
    scratch_free(&session);
}

/* ---- disks ------------------------------------------------------------------------------------
 */

/* The disk fails for good after k calls, for every k: the run ends with one clear error, what
 * callbacks saw is in the session, and the next run goes on behind it. */
static void a_disk_that_fails_at_any_call_costs_nothing_that_was_seen(void **state)
{
    (void)state;
    static const struct {
        int error;
        enum qta_status status;
    } kinds[] = {{ENOSPC, QTA_ERR_NO_SPACE}, {EIO, QTA_ERR_IO}};
    int failed_runs = 0;
    for (int64_t calls = 0; calls < 120; calls += calls < 40 ? 1 : 7) {
        struct stage *stage = malloc(sizeof *stage);
        assert_non_null(stage);
        stage_init(stage, "chatty");
        char *folder = scratch_make_in_memory();
        stage->options.recording.is_enabled = true;
        stage->options.recording.directory = folder;
        stage->options.recording.fsync_interval_ns = 0;
        stage->options.recording.on_full = QTA_ON_FULL_STOP;
        stage->options.recording.journal_chunk_bytes = 64 << 10;
        static const struct act act = {.says = "t AAPL 2000",
                                       .tick_interval_ns = 25 * MS,
                                       .lifetime_ns = 400 * MS,
                                       .end = {.cause = QTA_CAUSE_LOST, .reason = "reset"}};
        stage->acts = &act;
        stage->act_count = 1;
        stage->environment.disk_errno = kinds[calls % 2].error;
        atomic_store(&stage->environment.disk_calls_left, calls);
        stage->transport = scripted_transport_create(&stage->environment, &stage->venue);
        struct qta_error err = {0};
        enum qta_status status = qta_gateway_create_in(
            &stage->gateway, &stage->options, &stage->environment.base, stage->transport, &err);
        if (status != QTA_OK) {
            if (status != kinds[calls % 2].status)
                print_message("%d calls: %s\n", (int)calls, err.message);
            assert_int_equal(status, kinds[calls % 2].status);
            stage->transport->ops->destroy(stage->transport);
        } else {
            stage->transport->ops->service(stage->transport, 0);
            stage_run_for(stage, 2 * S);
            status = stage_stop(stage, &err);
            if (status != QTA_OK) {
                failed_runs++;
                if (status != kinds[calls % 2].status)
                    print_message("%d calls: %s\n", (int)calls, err.message);
                assert_int_equal(status, kinds[calls % 2].status);
                assert_non_null(strstr(err.message, "recording failed: "));
            }
            qta_gateway_destroy(stage->gateway);
        }
        stage->gateway = NULL;
        atomic_store(&stage->environment.disk_calls_left, -1);
        stage->is_over = false;
        stage_open(stage); /* the next run just works */
        stage_run_for(stage, 300 * MS);
        assert_int_equal(stage_stop(stage, &err), QTA_OK);
        struct scratch_session session;
        scratch_read(&session, qta_gateway_session_path(stage->gateway));
        for (size_t i = 0; i < session.count; i++)
            assert_int_equal(session.ticks[i].rx_seq, i + 1);
        size_t at = 0;
        for (size_t i = 0; i < stage->tick_count; i++) { /* of both runs */
            while (at < session.count && session.ticks[at].rx_seq != stage->ticks[i].rx_seq)
                at++;
            assert_true(at < session.count);
            assert_int_equal(session.ticks[at].type, stage->ticks[i].type);
            assert_int_equal(session.ticks[at].trade.id, stage->ticks[i].trade.id);
        }
        scratch_free(&session);
        stage_finish(stage);
        free(stage);
        scratch_remove(folder);
    }
    print_message("%d runs ended by their disk\n", failed_runs);
    assert_true(failed_runs > 10);
}

/* ---- a disk that takes no more -----------------------------------------------------------------
 */

static struct qta_gateway_stats stats_of(const struct stage *stage)
{
    struct qta_gateway_stats stats;
    qta_gateway_stats(stage->gateway, &stats);
    return stats;
}

static void open_busy_stage(struct stage *stage)
{
    static const struct act act = {.tick_interval_ns = 10 * MS, .lifetime_ns = 100 * S};
    stage->acts = &act;
    stage->act_count = 1;
    stage->options.recording.journal_chunk_bytes = 64 << 10;
    stage_open(stage);
    stage_run_for(stage, S);
}

/* Ticks go on coming until none finds room any more: a chunk that is prepared is one more way out.
 */
static void fill_disk(struct stage *stage)
{
    uint64_t lost = 0;
    stage->environment.disk_errno = ENOSPC;
    atomic_store(&stage->environment.disk_calls_left, 0);
    for (int i = 0; i < 30 && lost < 95; i++) {
        uint64_t before = stats_of(stage).unrecorded;
        stage_run_for(stage, S);
        lost = stats_of(stage).unrecorded - before;
    }
    assert_true(lost >= 95);
    stage_run_for(stage, 3 * S);
    assert_int_equal(stage_log_count(stage, "recording has stopped"), stats_of(stage).outages);
}

/* The journal's thread needs its time to find the room, however fast the clock runs here. */
static void empty_disk(struct stage *stage)
{
    int before = stage_log_count(stage, "recording goes on");
    atomic_store(&stage->environment.disk_calls_left, -1);
    for (int i = 0; i < 2000 && stage_log_count(stage, "recording goes on") == before; i++) {
        stage_run_for(stage, S / 2);
        usleep(2000);
    }
    assert_int_equal(stage_log_count(stage, "recording goes on"), before + 1);
}

/* Each tick that a callback saw is in the session when it had a number, and those that had none are
 * counted by DROP records at their place. Starts at *at, returns how many had none. */
static uint64_t compare_with_session(const struct stage *stage,
                                     const struct scratch_session *session, size_t *at)
{
    uint64_t unrecorded = 0;
    uint64_t untold = 0;
    size_t next = 0;
    for (; *at < stage->tick_count && next < session->count; (*at)++) {
        const struct qta_tick *seen = &stage->ticks[*at];
        const struct qta_tick *tick = &session->ticks[next];
        untold += seen->rx_seq == 0;
        unrecorded += seen->rx_seq == 0;
        if (seen->rx_seq == 0)
            continue;
        next++;
        assert_int_equal(tick->rx_seq, next);
        assert_int_equal(seen->rx_seq, next);
        assert_memory_equal(seen, tick, sizeof *seen - sizeof seen->bytes);
        if (tick->type != QTA_TICK_DROP)
            continue;
        assert_int_equal(tick->drop.count, untold);
        assert_true(tick->drop.first_rx_seq == QTA_U64_NONE);
        untold = 0;
    }
    assert_int_equal(next, session->count);
    assert_int_equal(untold, 0);
    return unrecorded;
}

static void full_disk_stops_the_recording_and_not_the_callbacks(void **state)
{
    struct stage *stage = *state;
    open_busy_stage(stage);
    fill_disk(stage);
    uint64_t seen = stage->tick_count;
    stage_run_for(stage, S);
    assert_true(stage->tick_count > seen + 90);
    assert_true(stage_log_count(stage, "No space left on device") > 0);
    empty_disk(stage);
    stage_run_for(stage, S);
    fill_disk(stage);
    empty_disk(stage);
    stage_run_for(stage, S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    struct scratch_session session;
    size_t at = 0;
    read_day(&session, stage, "2024-05-01");
    uint64_t unrecorded = compare_with_session(stage, &session, &at);
    assert_true(unrecorded > 600);
    assert_int_equal(stats_of(stage).unrecorded, unrecorded);
    assert_true(stats_of(stage).outages >= 2);
    assert_int_equal(stats_of(stage).dropped, 0);
    assert_int_equal(conn_state(&session, session.count - 1), QTA_CONN_RUN_ENDED);
    scratch_free(&session);
}

static void disk_that_stays_full_gets_a_session_that_says_so(void **state)
{
    struct stage *stage = *state;
    struct qta_error err;
    open_busy_stage(stage);
    fill_disk(stage);
    assert_int_equal(stage_stop(stage, &err), QTA_ERR_NO_SPACE); /* it cannot be sealed */
    assert_non_null(strstr(err.message, "its journal is kept"));
    struct scratch_session session;
    size_t at = 0;
    read_day(&session, stage, "2024-05-01");
    uint64_t unrecorded = compare_with_session(stage, &session, &at);
    assert_int_equal(stats_of(stage).unrecorded, unrecorded);
    assert_int_equal(session.ticks[session.count - 2].type, QTA_TICK_DROP);
    assert_int_equal(session.ticks[session.count - 2].drop.count, unrecorded);
    assert_int_equal(conn_state(&session, session.count - 1), QTA_CONN_RUN_ENDED);
    scratch_free(&session);
    atomic_store(&stage->environment.disk_calls_left, -1);
    reopen(stage); /* the next run seals it */
    stage_run_for(stage, S);
    assert_int_equal(stage_stop(stage, &err), QTA_OK);
}

/* It is full at midnight: the old session stays open, and ends with what it lacks once the new one
 * can be opened. */
static void day_that_ends_on_a_full_disk_is_told_in_its_session(void **state)
{
    struct stage *stage = *state;
    stage->environment.realtime_ns = INT64_C(1714607998000000000); /* 23:59:58 */
    open_busy_stage(stage);
    fill_disk(stage);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-01");
    empty_disk(stage);
    assert_string_equal(strrchr(qta_gateway_session_path(stage->gateway), '/'), "/2024-05-02");
    stage_run_for(stage, S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    struct scratch_session session;
    size_t at = 0;
    read_day(&session, stage, "2024-05-01");
    uint64_t unrecorded = compare_with_session(stage, &session, &at);
    assert_int_equal(conn_state(&session, session.count - 1), QTA_CONN_RUN_ENDED);
    scratch_free(&session);
    read_day(&session, stage, "2024-05-02");
    assert_int_equal(conn_state(&session, 0), QTA_CONN_RUN_STARTED);
    assert_int_equal(compare_with_session(stage, &session, &at), 0);
    scratch_free(&session);
    assert_int_equal(stats_of(stage).unrecorded, unrecorded);
    assert_true(unrecorded > 300);
}

/* With fsync_interval 0 a sync that fails is an outage, too, and ends in a new chunk. */
static void failing_sync_is_an_outage_without_loss(void **state)
{
    struct stage *stage = *state;
    stage->options.recording.fsync_interval_ns = 0;
    open_busy_stage(stage);
    stage->environment.disk_errno = EIO;
    atomic_store(&stage->environment.disk_calls_left, 0);
    stage_run_for(stage, 100 * MS);
    assert_int_equal(stats_of(stage).outages, 1);
    empty_disk(stage);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    struct scratch_session session;
    size_t at = 0;
    read_day(&session, stage, "2024-05-01");
    uint64_t unrecorded = compare_with_session(stage, &session, &at);
    assert_int_equal(stats_of(stage).unrecorded, unrecorded);
    assert_true(stage_log_count(stage, "Input/output error") > 0);
    scratch_free(&session);
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(midnight_begins_a_new_session_and_loses_no_tick),
        STAGED(a_week_is_seven_sessions),
        STAGED(a_restart_tells_the_outage_of_session_and_provider),
        STAGED(a_gateway_that_never_ran_leaves_no_records),
        STAGED(what_the_kernel_says_of_its_clock_is_recorded),
        STAGED(steps_of_the_wall_clock_are_recorded_and_time_never_goes_back),
        STAGED(a_jump_to_another_day_changes_the_session_and_back_does_not),
        cmocka_unit_test(a_disk_that_fails_at_any_call_costs_nothing_that_was_seen),
        STAGED(full_disk_stops_the_recording_and_not_the_callbacks),
        STAGED(disk_that_stays_full_gets_a_session_that_says_so),
        STAGED(day_that_ends_on_a_full_disk_is_told_in_its_session),
        STAGED(failing_sync_is_an_outage_without_loss),
    };
    return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
