/* A gateway whose provider is a replay: its callbacks see the recording, whole and in order. */
#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <qta/gateway.h>
#include <qta/subscriber.h>

#include "tests/replay/session_maker.h"

#define FIRST_NS INT64_C(1714570200000000000)

enum { TICKS = 6000 };

struct fixture {
    char folder[128];
    struct made_session day;
};

static int set_up_group(void **state)
{
    static struct fixture fixture;
    session_maker_folder(fixture.folder);
    session_make(&fixture.day, &(struct session_maker_options){.folder = fixture.folder,
                                                               .name = "day",
                                                               .seed = 31,
                                                               .count = TICKS,
                                                               .first_ns = FIRST_NS,
                                                               .gap_max_ns = 100000000});
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

/* What the callbacks of one gateway saw. */
struct heard {
    struct qta_gateway *gateway;
    struct qta_digest digest;
    uint64_t stop_at; /* 0: never */
    bool is_slow;
};

static void hear(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct heard *heard = user;
    qta_digest_add(&heard->digest, tick, names);
    if (heard->digest.ticks == heard->stop_at)
        qta_gateway_stop(heard->gateway);
    if (heard->is_slow && heard->digest.ticks % 100 == 0) {
        struct timespec a_moment = {.tv_nsec = 1000000};
        nanosleep(&a_moment, NULL);
    }
}

static struct qta_gateway *new_gateway(const struct made_session *made, const char *speed,
                                       uint32_t buffer_size, enum qta_overflow_policy overflow)
{
    const struct qta_setting settings[] = {{"session", made->path}, {"speed", speed}};
    struct qta_provider_options provider = qta_provider_options_default();
    provider.name = "replay";
    provider.settings = settings;
    provider.setting_count = 2;
    struct qta_gateway_options options = qta_gateway_options_default();
    options.providers = &provider;
    options.provider_count = 1;
    options.buffer_size = buffer_size;
    options.overflow = overflow;
    struct qta_gateway *gateway = NULL;
    struct qta_error err;
    if (qta_gateway_create(&gateway, &options, &err) != QTA_OK)
        fail_msg("%s", err.message);
    return gateway;
}

static void run(struct heard *heard)
{
    struct qta_error err;
    qta_digest_init(&heard->digest);
    if (qta_gateway_subscribe_to_all(heard->gateway, hear, heard, &err) != QTA_OK)
        fail_msg("%s", err.message);
    if (qta_gateway_run(heard->gateway, &err) != QTA_OK)
        fail_msg("%s", err.message);
}

static void callbacks_see_the_whole_recording_at_any_speed(void **state)
{
    struct fixture *fixture = *state;
    static const char *const speeds[] = {"max", "1000x"};
    for (size_t i = 0; i < 2; i++) {
        struct heard heard = {
            .gateway = new_gateway(&fixture->day, speeds[i], 4096, QTA_OVERFLOW_BLOCK)};
        run(&heard);
        assert_int_equal(heard.digest.ticks, TICKS);
        assert_int_equal(heard.digest.full, fixture->day.digest.full);
        assert_int_equal(heard.digest.market, fixture->day.digest.market);
        struct qta_gateway_stats stats;
        qta_gateway_stats(heard.gateway, &stats);
        assert_int_equal(stats.market_ticks, fixture->day.digest.market_ticks);
        assert_int_equal(stats.dropped, 0);
        qta_gateway_destroy(heard.gateway);
    }
}

static void a_slow_callback_misses_nothing_whatever_the_policy(void **state)
{
    struct fixture *fixture = *state;
    static const enum qta_overflow_policy policies[] = {
        QTA_OVERFLOW_BLOCK, QTA_OVERFLOW_DROP_OLDEST, QTA_OVERFLOW_DROP_NEWEST,
        QTA_OVERFLOW_DISCONNECT};
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        struct heard heard = {.gateway = new_gateway(&fixture->day, "max", 16, policies[i]),
                              .is_slow = true};
        run(&heard);
        assert_int_equal(heard.digest.ticks, TICKS);
        assert_int_equal(heard.digest.full, fixture->day.digest.full);
        qta_gateway_destroy(heard.gateway);
    }
}

static void *run_subscriber(void *user)
{
    return qta_subscriber_run(user, NULL) == QTA_OK ? NULL : user;
}

/* Each at its own pace, all the same ticks, whatever the policies. */
static void subscribers_see_the_same_ticks_as_the_recording_every_time(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 4 };
    static const char *const names[COUNT] = {"block", "oldest", "newest", "disconnect"};
    struct qta_gateway *gateway = new_gateway(&fixture->day, "max", 16, QTA_OVERFLOW_DROP_NEWEST);
    struct heard heard[COUNT];
    struct qta_subscriber *subscribers[COUNT];
    pthread_t threads[COUNT];
    for (int i = 0; i < COUNT; i++) {
        struct qta_subscriber_options options = {names[i], 16, (enum qta_overflow_policy)i};
        heard[i] = (struct heard){.gateway = gateway, .is_slow = i % 2 == 0};
        qta_digest_init(&heard[i].digest);
        assert_int_equal(qta_subscriber_open(&subscribers[i], gateway, &options, NULL), QTA_OK);
        assert_int_equal(qta_subscriber_subscribe_to_all(subscribers[i], hear, &heard[i], NULL),
                         QTA_OK);
        assert_int_equal(pthread_create(&threads[i], NULL, run_subscriber, subscribers[i]), 0);
    }
    struct heard own = {.gateway = gateway};
    run(&own);
    assert_int_equal(own.digest.full, fixture->day.digest.full);
    for (int i = 0; i < COUNT; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
        assert_int_equal(heard[i].digest.ticks, TICKS);
        assert_int_equal(heard[i].digest.full, fixture->day.digest.full);
        qta_subscriber_close(subscribers[i]);
    }
    qta_gateway_destroy(gateway);
}

static void a_stop_ends_it_in_the_middle(void **state)
{
    struct fixture *fixture = *state;
    struct heard heard = {.gateway = new_gateway(&fixture->day, "1x", 4096, QTA_OVERFLOW_BLOCK),
                          .stop_at = 1};
    run(&heard);
    assert_true(heard.digest.ticks >= 1);
    assert_true(heard.digest.ticks < TICKS);
    qta_gateway_destroy(heard.gateway);
}

struct counts {
    uint64_t trades;
    uint64_t others;
};

static void count_trade(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct counts *counts = user;
    bool is_wanted = tick->type == QTA_TICK_TRADE &&
                     strcmp(qta_dictionary_name(names, QTA_NAME_SYMBOL, tick->symbol, NULL),
                            "SYM/4") == 0;
    counts->trades += is_wanted;
    counts->others += !is_wanted;
}

static void subscriptions_choose_what_a_callback_gets(void **state)
{
    struct fixture *fixture = *state;
    const struct made_session *day = &fixture->day;
    uint64_t expected = 0;
    for (size_t i = 0; i < day->count; i++)
        expected += day->ticks[i].type == QTA_TICK_TRADE &&
                    strcmp(qta_dictionary_name(day->names, QTA_NAME_SYMBOL, day->ticks[i].symbol,
                                               NULL),
                           "SYM/4") == 0;
    struct qta_gateway *gateway = new_gateway(day, "max", 4096, QTA_OVERFLOW_BLOCK);
    struct counts counts = {0};
    const char *symbol = "SYM/4";
    struct qta_error err;
    assert_int_equal(
        qta_gateway_subscribe_to_trades(gateway, &symbol, 1, count_trade, &counts, &err), QTA_OK);
    assert_int_equal(qta_gateway_run(gateway, &err), QTA_OK);
    assert_true(expected > 0);
    assert_int_equal(counts.trades, expected);
    assert_int_equal(counts.others, 0);
    qta_gateway_destroy(gateway);
}

static void a_session_that_is_not_there_is_an_error_of_the_configuration(void **state)
{
    (void)state;
    const struct qta_setting settings[] = {{"session", "/no/such/session"}};
    struct qta_provider_options provider = qta_provider_options_default();
    provider.name = "replay";
    provider.settings = settings;
    provider.setting_count = 1;
    struct qta_gateway_options options = qta_gateway_options_default();
    options.providers = &provider;
    options.provider_count = 1;
    struct qta_gateway *gateway = NULL;
    struct qta_error err;
    assert_int_equal(qta_gateway_create(&gateway, &options, &err), QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "/no/such/session"));
    assert_null(gateway);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(callbacks_see_the_whole_recording_at_any_speed),
        cmocka_unit_test(a_slow_callback_misses_nothing_whatever_the_policy),
        cmocka_unit_test(subscribers_see_the_same_ticks_as_the_recording_every_time),
        cmocka_unit_test(a_stop_ends_it_in_the_middle),
        cmocka_unit_test(subscriptions_choose_what_a_callback_gets),
        cmocka_unit_test(a_session_that_is_not_there_is_an_error_of_the_configuration),
    };
    return cmocka_run_group_tests(tests, set_up_group, tear_down_group);
}
