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

#define STAGED(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STAGED(midnight_begins_a_new_session_and_loses_no_tick),
        STAGED(a_week_is_seven_sessions),
        STAGED(a_restart_tells_the_outage_of_session_and_provider),
        STAGED(a_gateway_that_never_ran_leaves_no_records),
        STAGED(steps_of_the_wall_clock_are_recorded_and_time_never_goes_back),
        STAGED(a_jump_to_another_day_changes_the_session_and_back_does_not),
        cmocka_unit_test(a_disk_that_fails_at_any_call_costs_nothing_that_was_seen),
    };
    return cmocka_run_group_tests_name("recording", tests, NULL, NULL);
}
