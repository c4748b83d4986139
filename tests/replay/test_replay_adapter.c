/* The replay adapter under a host of numbers: virtual time, any budget, the same ticks. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/replay_adapter.h"
#include "tests/replay/session_maker.h"

#define SECOND_NS INT64_C(1000000000)
#define FIRST_NS INT64_C(1714570200000000000)

enum { TICKS = 5000 };

struct fixture {
    char folder[128];
    struct made_session day; /* a quarter of an hour */
};

static int set_up_group(void **state)
{
    static struct fixture fixture;
    session_maker_folder(fixture.folder);
    session_make(&fixture.day, &(struct session_maker_options){.folder = fixture.folder,
                                                               .name = "day",
                                                               .seed = 21,
                                                               .count = TICKS,
                                                               .first_ns = FIRST_NS,
                                                               .gap_max_ns = 3 * SECOND_NS / 2});
    *state = &fixture;
    return 0;
}

static int tear_down_group(void **state)
{
    struct fixture *fixture = *state;
    session_finish(&fixture->day);
    session_maker_remove(fixture->folder);
    return 0;
}

/* ---- a host -----------------------------------------------------------------------------------
 */

struct host {
    struct qta_adapter_host base;
    struct qta_adapter *adapter;
    const struct made_session *made; /* that is expected; NULL when it is not compared */
    struct qta_digest digest;
    size_t ticks;
    int finished;
    int failed;
    size_t accepted;
    size_t logged;
    char message[QTA_ERROR_MESSAGE_BYTES]; /* of fail */
    int64_t now_ns;
    uint32_t speed_milli;
};

static void host_emit(struct qta_adapter_host *base, struct qta_tick *tick)
{
    struct host *host = (struct host *)base;
    qta_digest_add(&host->digest, tick, base->names);
    if (host->made) {
        assert_true(host->ticks < host->made->count);
        const struct qta_tick *written = &host->made->ticks[host->ticks];
        assert_int_equal(tick->rx_seq, written->rx_seq);
        assert_int_equal(tick->ts_recv_ns, written->ts_recv_ns);
        assert_int_equal(tick->conn, written->conn);
        int64_t session_ns = tick->ts_recv_ns - FIRST_NS;
        if (host->speed_milli > 0)
            assert_true(host->now_ns >= session_ns * 1000 / host->speed_milli);
    }
    host->ticks++;
    memset(tick, 0xEE, sizeof *tick); /* it is the host's to change */
}

static uint32_t host_intern(struct qta_adapter_host *base, enum qta_name_kind kind,
                            const char *name, size_t length)
{
    return qta_dictionary_intern(base->names, kind, name, length);
}

static void host_subscribed(struct qta_adapter_host *base,
                            const struct qta_subscription *subscription, bool is_accepted, int code,
                            const char *reason)
{
    struct host *host = (struct host *)base;
    assert_non_null(subscription->symbol);
    assert_true(is_accepted);
    assert_int_equal(code, 0);
    assert_null(reason);
    host->accepted++;
}

static void host_fail(struct qta_adapter_host *base, enum qta_reaction reaction,
                      enum qta_conn_cause cause, int code, int64_t retry_after_ns,
                      const char *sentence)
{
    struct host *host = (struct host *)base;
    (void)cause;
    (void)code;
    (void)retry_after_ns;
    assert_int_equal(reaction, QTA_REACTION_BLOCK);
    snprintf(host->message, sizeof host->message, "%s", sentence);
    host->failed++;
}

static void host_finished(struct qta_adapter_host *base)
{
    ((struct host *)base)->finished++;
}

static void host_log(struct qta_adapter_host *base, enum qta_log_level level, const char *message)
{
    (void)level;
    (void)message;
    ((struct host *)base)->logged++;
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = host_emit,
    .intern = host_intern,
    .subscribed = host_subscribed,
    .fail = host_fail,
    .finished = host_finished,
    .log = host_log,
};

/* A host whose dictionary has names of its own already, so that ids differ from the session's. */
static void host_init(struct host *host)
{
    *host = (struct host){.base = {.ops = &host_ops}};
    qta_digest_init(&host->digest);
    assert_int_equal(qta_dictionary_create(&host->base.names, NULL), QTA_OK);
    for (int kind = 0; kind < QTA_NAME_KIND_COUNT; kind++)
        qta_dictionary_intern(host->base.names, (enum qta_name_kind)kind, "something else", 14);
}

static void host_finish(struct host *host)
{
    if (host->adapter)
        qta_replay_adapter_ops.destroy(host->adapter);
    qta_dictionary_destroy(host->base.names);
}

static enum qta_status create(struct host *host, const struct qta_setting *settings, size_t count,
                              struct qta_error *err)
{
    struct qta_adapter_options options = {
        .provider = "replay", .settings = settings, .setting_count = count};
    return qta_replay_adapter_ops.create(&host->adapter, &options, &host->base, err);
}

static void create_or_fail(struct host *host, const struct qta_setting *settings, size_t count)
{
    struct qta_error err;
    if (create(host, settings, count, &err) != QTA_OK)
        fail_msg("%s", err.message);
    assert_ptr_equal(host->adapter->ops, &qta_replay_adapter_ops);
    assert_ptr_equal(host->adapter->host, &host->base);
}

/* Calls as often as wanted, time moving on to each deadline and step_ns beyond, until it is over.
 */
static void serve(struct host *host, size_t budget, int64_t step_ns)
{
    while (host->finished == 0 && host->failed == 0) {
        size_t before = host->ticks;
        int64_t next_ns = qta_replay_adapter_ops.service(host->adapter, host->now_ns, budget);
        assert_true(host->ticks - before <= budget);
        assert_true(next_ns >= host->now_ns);
        if (next_ns > host->now_ns && next_ns != INT64_MAX)
            host->now_ns = next_ns + step_ns;
    }
    assert_true(qta_replay_adapter_ops.service(host->adapter, host->now_ns, budget) == INT64_MAX);
    assert_int_equal(host->finished + host->failed, 1);
}

/* ---- tests ------------------------------------------------------------------------------------
 */

static void the_stream_is_the_recording_at_any_speed_and_budget(void **state)
{
    struct fixture *fixture = *state;
    static const struct {
        const char *text;
        uint32_t milli;
    } speeds[] = {{"1x", 1000}, {"10x", 10000}, {"0.01x", 10}, {"1000x", 1000000}, {"max", 0}};
    static const size_t budgets[] = {1, 3, 256, 100000};
    static const int64_t steps[] = {0, 17, 10 * SECOND_NS};
    for (size_t i = 0; i < sizeof speeds / sizeof speeds[0]; i++) {
        for (size_t k = 0; k < 12; k++) {
            struct host host;
            host_init(&host);
            const struct qta_setting settings[] = {{"session", fixture->day.path},
                                                   {"speed", speeds[i].text}};
            create_or_fail(&host, settings, 2);
            host.made = &fixture->day;
            host.speed_milli = speeds[i].milli;
            serve(&host, budgets[k / 3], steps[k % 3]);
            assert_int_equal(host.finished, 1);
            assert_int_equal(host.ticks, TICKS);
            assert_int_equal(host.digest.full, fixture->day.digest.full);
            assert_int_equal(host.digest.market, fixture->day.digest.market);
            host_finish(&host);
        }
    }
}

static void the_default_is_real_time(void **state)
{
    struct fixture *fixture = *state;
    struct host host;
    host_init(&host);
    const struct qta_setting settings[] = {{"session", fixture->day.path}};
    create_or_fail(&host, settings, 1);
    serve(&host, 1000, 0);
    assert_int_equal(host.ticks, TICKS);
    assert_int_equal(host.now_ns, fixture->day.ticks[TICKS - 1].ts_recv_ns - FIRST_NS);
    host_finish(&host);
}

static size_t play_with(const struct qta_setting *settings, size_t count)
{
    struct host host;
    host_init(&host);
    create_or_fail(&host, settings, count);
    serve(&host, 64, 0);
    assert_int_equal(host.finished, 1);
    size_t ticks = host.ticks;
    host_finish(&host);
    return ticks;
}

static size_t count_types(const struct made_session *made, uint32_t types)
{
    size_t count = 0;
    for (size_t i = 0; i < made->count; i++)
        count += (types & QTA_TYPE_BIT(made->ticks[i].type)) != 0;
    return count;
}

static size_t count_between(const struct made_session *made, int64_t from_ns, int64_t until_ns)
{
    size_t count = 0;
    for (size_t i = 0; i < made->count; i++)
        count += made->ticks[i].ts_recv_ns >= from_ns && made->ticks[i].ts_recv_ns < until_ns;
    return count;
}

static void settings_choose_what_is_played(void **state)
{
    struct fixture *fixture = *state;
    const struct made_session *day = &fixture->day;
    struct qta_setting settings[] = {{"session", day->path}, {"speed", "max"}, {0}, {0}};

    settings[2] = (struct qta_setting){"types", "trades,conn"};
    assert_int_equal(play_with(settings, 3),
                     count_types(day, QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_CONN)));

    settings[2] = (struct qta_setting){"loop", "3"};
    assert_int_equal(play_with(settings, 3), 3 * TICKS);

    settings[2] = (struct qta_setting){"from", "2024-05-01T13:31:00Z"};
    settings[3] = (struct qta_setting){"to", "2024-05-01T13:33:00Z"};
    assert_int_equal(play_with(settings, 4),
                     count_between(day, FIRST_NS + 60 * SECOND_NS, FIRST_NS + 180 * SECOND_NS));

    settings[2] = (struct qta_setting){"start_offset", "1m"};
    settings[3] = (struct qta_setting){"duration", "2m"};
    assert_int_equal(play_with(settings, 4),
                     count_between(day, FIRST_NS + 60 * SECOND_NS, FIRST_NS + 180 * SECOND_NS));

    settings[2] = (struct qta_setting){"symbols", "SYM/1,SYM/2"};
    settings[3] = (struct qta_setting){"types", "trade"};
    size_t expected = 0;
    for (size_t i = 0; i < day->count; i++) {
        const char *symbol = qta_dictionary_name(day->names, QTA_NAME_SYMBOL, day->ticks[i].symbol,
                                                 NULL);
        expected += day->ticks[i].type == QTA_TICK_TRADE &&
                    (strcmp(symbol, "SYM/1") == 0 || strcmp(symbol, "SYM/2") == 0);
    }
    assert_true(expected > 0);
    assert_int_equal(play_with(settings, 4), expected);

    settings[2] = (struct qta_setting){"providers", "venue1"};
    expected = 0;
    for (size_t i = 0; i < day->count; i++)
        expected += day->ticks[i].type == QTA_TICK_TRADE &&
                    strcmp(qta_dictionary_name(day->names, QTA_NAME_PROVIDER,
                                               day->ticks[i].provider, NULL),
                           "venue1") == 0;
    assert_true(expected > 0);
    assert_int_equal(play_with(settings, 4), expected);
}

static void long_pauses_are_cut(void **state)
{
    struct fixture *fixture = *state;
    struct host host;
    host_init(&host);
    const struct qta_setting settings[] = {{"session", fixture->day.path}, {"gap_max", "1ms"}};
    create_or_fail(&host, settings, 2);
    serve(&host, 1000, 0);
    int64_t expected_ns = 0;
    for (size_t i = 1; i < TICKS; i++) {
        int64_t gap_ns = fixture->day.ticks[i].ts_recv_ns - fixture->day.ticks[i - 1].ts_recv_ns;
        expected_ns += gap_ns < 1000000 ? gap_ns : 1000000;
    }
    assert_int_equal(host.now_ns, expected_ns);
    assert_int_equal(host.digest.full, fixture->day.digest.full);
    host_finish(&host);
}

static void several_sessions_are_merged(void **state)
{
    struct fixture *fixture = *state;
    char paths[600];
    snprintf(paths, sizeof paths, "%s,%s", fixture->day.path, fixture->day.path);
    const struct qta_setting settings[] = {{"session", paths}, {"speed", "max"}};
    assert_int_equal(play_with(settings, 2), 2 * TICKS);
}

static void every_subscription_is_accepted(void **state)
{
    struct fixture *fixture = *state;
    struct host host;
    host_init(&host);
    const struct qta_setting settings[] = {{"session", fixture->day.path}};
    create_or_fail(&host, settings, 1);
    static const struct qta_subscription subscriptions[] = {
        {.type = QTA_TICK_TRADE, .symbol = "AAPL"}, {.type = QTA_TICK_QUOTE, .symbol = "*"}};
    qta_replay_adapter_ops.subscribe(host.adapter, subscriptions, 2, true, 0);
    assert_int_equal(host.accepted, 2);
    qta_replay_adapter_ops.subscribe(host.adapter, subscriptions, 2, false, 0);
    assert_int_equal(host.accepted, 2);
    host_finish(&host);
}

static void wrong_settings_are_refused_with_a_sentence(void **state)
{
    struct fixture *fixture = *state;
    const char *path = fixture->day.path;
    const struct {
        struct qta_setting settings[2];
        size_t count;
        const char *message; /* part of it */
    } cases[] = {
        {{{0}}, 0, "no session to replay: set 'session' to the directory of one"},
        {{{"session", ""}}, 1, "no session to replay"},
        {{{"session", "/no/such/session"}}, 1, "/no/such/session"},
        {{{"session", fixture->folder}}, 1, fixture->folder},
        {{{"session", path}, {"speed", "fast"}}, 2, "replay cannot use 'fast' for 'speed'"},
        {{{"session", path}, {"from", "noon"}}, 2, "replay cannot use 'noon' for 'from'"},
        {{{"session", path}, {"to", "1"}}, 2, "replay cannot use '1' for 'to'"},
        {{{"session", path}, {"loop", "-1"}}, 2, "replay cannot use '-1' for 'loop'"},
        {{{"session", path}, {"loop", "2x"}}, 2, "replay cannot use '2x' for 'loop'"},
        {{{"session", path}, {"gap_max", "long"}}, 2, "replay cannot use 'long' for 'gap_max'"},
        {{{"session", path}, {"duration", "-1s"}}, 2, "duration"},
        {{{"session", path}, {"types", "trade,tirade"}}, 2, "'tirade' is no type of tick"},
        {{{"session", path}, {"colour", "red"}}, 2, "replay cannot use 'red' for 'colour'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct host host;
        host_init(&host);
        struct qta_error err = {0};
        assert_int_equal(create(&host, cases[i].settings, cases[i].count, &err), QTA_ERR_CONFIG);
        print_message("'%s'\n", err.message);
        assert_int_equal(err.status, QTA_ERR_CONFIG);
        assert_non_null(strstr(err.message, cases[i].message));
        assert_null(host.adapter);
        host_finish(&host);
    }
}

static void a_session_that_goes_away_ends_it_with_a_reason(void **state)
{
    struct fixture *fixture = *state;
    struct made_session made;
    session_make(&made, &(struct session_maker_options){.folder = fixture->folder,
                                                        .name = "short",
                                                        .seed = 1,
                                                        .count = 10,
                                                        .first_ns = FIRST_NS,
                                                        .gap_max_ns = 10});
    struct host host;
    host_init(&host);
    const struct qta_setting settings[] = {{"session", made.path}};
    create_or_fail(&host, settings, 1);
    session_maker_remove(made.path);
    serve(&host, 10, 0);
    assert_int_equal(host.failed, 1);
    assert_int_equal(host.ticks, 0);
    assert_non_null(strstr(host.message, "short"));
    host_finish(&host);
    session_finish(&made);
}

static void a_damaged_block_is_logged_and_skipped(void **state)
{
    struct fixture *fixture = *state;
    struct made_session made;
    session_make(&made, &(struct session_maker_options){.folder = fixture->folder,
                                                        .name = "damaged",
                                                        .seed = 2,
                                                        .count = 1000,
                                                        .first_ns = FIRST_NS,
                                                        .gap_max_ns = 10});
    session_damage(&made);
    char paths[600];
    snprintf(paths, sizeof paths, "%s,%s", made.path, fixture->day.path);
    struct host host;
    host_init(&host);
    const struct qta_setting settings[] = {{"session", paths}, {"speed", "max"}};
    create_or_fail(&host, settings, 2);
    serve(&host, 100, 0);
    assert_int_equal(host.finished, 1);
    assert_int_equal(host.logged, 1);
    assert_int_equal(host.ticks, TICKS);
    assert_int_equal(host.digest.full, fixture->day.digest.full);
    host_finish(&host);
    session_finish(&made);
}

static void the_table_says_what_it_is(void **state)
{
    (void)state;
    const struct qta_adapter_ops *ops = &qta_replay_adapter_ops;
    assert_int_equal(ops->struct_bytes, sizeof *ops);
    assert_string_equal(ops->name, "replay");
    assert_int_equal(ops->transport, QTA_TRANSPORT_NONE);
    assert_true(ops->traits & QTA_TRAIT_STAMPS_ALL);
    assert_false(ops->needs_key);
    for (size_t i = 0; i < ops->setting_count; i++)
        assert_non_null(ops->settings[i].help);
    ops->destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_stream_is_the_recording_at_any_speed_and_budget),
        cmocka_unit_test(the_default_is_real_time),
        cmocka_unit_test(settings_choose_what_is_played),
        cmocka_unit_test(long_pauses_are_cut),
        cmocka_unit_test(several_sessions_are_merged),
        cmocka_unit_test(every_subscription_is_accepted),
        cmocka_unit_test(wrong_settings_are_refused_with_a_sentence),
        cmocka_unit_test(a_session_that_goes_away_ends_it_with_a_reason),
        cmocka_unit_test(a_damaged_block_is_logged_and_skipped),
        cmocka_unit_test(the_table_says_what_it_is),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
