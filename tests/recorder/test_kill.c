/* SIGKILL at any instant: a recorder is killed again and again on one session, and every tick that
 * its callback had seen is in the session. QTA_KILLS says how often (default 50). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <qta/digest.h>
#include <qta/gateway.h>
#include <qta/session.h>

#include "recorder/gateway_internal.h"
#include "tests/recorder/scratch_folder.h"

enum { WITNESSES = 1 << 21, DEFAULT_KILLS = 50, KILL_WITHIN_US = 40000 };

/* What the callback has seen, in memory that outlives its process. */
struct witness {
    uint64_t rx_seq;
    uint64_t hash; /* of all fields, names as text */
};
struct witness_page {
    _Atomic uint64_t count;
    struct witness witnesses[WITNESSES];
};

static uint64_t hash_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    qta_digest_init(&digest);
    qta_digest_add(&digest, tick, names);
    return digest.full;
}

static void bear_witness(void *user, const struct qta_tick *tick,
                         const struct qta_dictionary *names)
{
    struct witness_page *page = user;
    uint64_t count = atomic_load_explicit(&page->count, memory_order_relaxed);
    if (count == WITNESSES)
        return;
    page->witnesses[count] = (struct witness){tick->rx_seq, hash_of(tick, names)};
    atomic_store_explicit(&page->count, count + 1, memory_order_release);
}

static struct qta_gateway_options make_options(const char *folder,
                                               struct qta_provider_options *provider)
{
    static const struct qta_setting settings[] = {{"clock", "simulated"}, {"symbol_count", "50"}};
    *provider = (struct qta_provider_options){
        .name = "synthetic", .settings = settings, .setting_count = 2};
    return (struct qta_gateway_options){
        .providers = provider,
        .provider_count = 1,
        .buffer_size = 4096,
        .reconnect_delay_ns = 1000000000,
        .message_max_bytes = 1 << 20,
        .recording = {.is_enabled = true,
                      .directory = folder,
                      .timezone = "UTC",
                      .fsync_interval_ns = 200000000,
                      .compression_level = 1,
                      .journal_chunk_bytes = 1 << 20, /* many chunks, many seals */
                      .journal_max_bytes = UINT64_C(8) << 30},
    };
}

static enum qta_status record(const char *folder, struct witness_page *page,
                              struct qta_gateway **gateway, struct qta_error *err)
{
    struct qta_provider_options provider;
    struct qta_gateway_options options = make_options(folder, &provider);
    enum qta_status status = qta_gateway_create_in(gateway, &options, qta_environment_system(),
                                                   NULL, err);
    if (status == QTA_OK)
        status = qta_gateway_subscribe_to_all(*gateway, bear_witness, page, err);
    return status;
}

static void sleep_us(unsigned us)
{
    struct timespec duration = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    nanosleep(&duration, NULL);
}

/* Until the callback has seen something, so that a slow start is no excuse. */
static void wait_for_witness(const struct witness_page *page)
{
    for (int i = 0; i < 10000 && atomic_load(&page->count) == 0; i++)
        sleep_us(1000);
    assert_true(atomic_load(&page->count) > 0);
}

/* In the child: records until it is killed. */
static void be_killed(const char *folder, struct witness_page *page)
{
    struct qta_gateway *gateway = NULL;
    struct qta_error err = {0};
    enum qta_status status = record(folder, page, &gateway, &err);
    if (status == QTA_OK)
        status = qta_gateway_run(gateway, &err);
    dprintf(STDERR_FILENO, "recorder ended by itself: %d %s\n", (int)status, err.message);
    _exit(1);
}

static void kill_one(const char *folder, struct witness_page *page, bool is_early,
                     unsigned after_us)
{
    atomic_store(&page->count, 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        be_killed(folder, page);
    if (!is_early)
        wait_for_witness(page);
    sleep_us(after_us);
    kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not end by itself */
}

static char *only_session(const char *folder)
{
    /* the day may have changed since: take what the recorder itself would take now */
    char *path;
    time_t now = time(NULL);
    struct tm day;
    gmtime_r(&now, &day);
    assert_true(asprintf(&path, "%s/%04d-%02d-%02d", folder, day.tm_year + 1900, day.tm_mon + 1,
                         day.tm_mday) > 0);
    return path;
}

/* Every witnessed tick is in the session with every field. */
static uint64_t check_witnesses(const char *path, const struct witness_page *page)
{
    uint64_t count = atomic_load_explicit(&page->count, memory_order_acquire);
    if (count == 0)
        return 0;
    struct qta_session_filter filter = qta_session_filter_default();
    filter.from_seq = page->witnesses[0].rx_seq;
    struct qta_session_reader *reader;
    struct qta_error err = {0};
    assert_int_equal(qta_session_reader_create(&reader, path, &filter, &err), QTA_OK);
    uint64_t found = 0;
    const struct qta_tick *ticks;
    size_t batch;
    enum qta_status status = QTA_OK;
    while (found < count) {
        status = qta_session_reader_next(reader, &ticks, &batch, &err);
        if (status != QTA_OK)
            break;
        for (size_t i = 0; i < batch && found < count; i++, found++) {
            assert_true(ticks[i].rx_seq == page->witnesses[found].rx_seq);
            assert_true(hash_of(&ticks[i], qta_session_reader_names(reader)) ==
                        page->witnesses[found].hash);
        }
    }
    if (found < count)
        print_message("%s after %llu of %llu witnesses: %s\n", qta_status_name(status),
                      (unsigned long long)found, (unsigned long long)count, err.message);
    assert_true(found == count);
    qta_session_reader_destroy(reader);
    return count;
}

/* Every cut of a run is told when the next one begins, and the outage with it. Returns how many. */
static int check_outages(const char *path)
{
    struct qta_session_filter filter = qta_session_filter_default();
    filter.types = QTA_TYPE_BIT(QTA_TICK_CONN) | QTA_TYPE_BIT(QTA_TICK_GAP);
    struct qta_session_reader *reader;
    assert_int_equal(qta_session_reader_create(&reader, path, &filter, NULL), QTA_OK);
    int cuts = 0;
    int after_cut = -1; /* records since the last one */
    const struct qta_tick *ticks;
    size_t batch;
    while (qta_session_reader_next(reader, &ticks, &batch, NULL) == QTA_OK) {
        for (size_t i = 0; i < batch; i++) {
            const struct qta_tick *tick = &ticks[i];
            if (tick->type == QTA_TICK_CONN && tick->conn_event.state == QTA_CONN_RUN_CUT) {
                cuts++;
                /* also when that run was cut before it had said everything; before the first
                 * record of all there is no hole to tell of */
                after_cut = tick->rx_seq > 1 ? 0 : -1;
                continue;
            }
            after_cut += after_cut >= 0;
            if (after_cut == 1)
                assert_int_equal(tick->conn_event.state, QTA_CONN_RUN_STARTED);
            if (after_cut == 2) {
                assert_int_equal(tick->type, QTA_TICK_GAP);
                assert_int_equal(tick->gap.scope, QTA_GAP_SESSION);
                assert_int_equal(tick->gap.cause, QTA_CAUSE_CRASH);
                after_cut = -1;
            }
        }
    }
    qta_session_reader_destroy(reader);
    return cuts;
}

static void *map_page(void)
{
    void *page = mmap(NULL, sizeof(struct witness_page), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(page != MAP_FAILED);
    return page;
}

static void every_tick_that_a_callback_saw_survives_being_killed(void **state)
{
    (void)state;
    const char *wish = getenv("QTA_KILLS");
    int kills = wish ? (int)strtol(wish, NULL, 10) : DEFAULT_KILLS;
    unsigned seed = (unsigned)time(NULL);
    print_message("%d kills, seed %u\n", kills, seed);
    char *folder = scratch_make();
    struct witness_page *page = map_page();
    uint64_t witnessed = 0;
    int fruitful = 0;
    for (int i = 0; i < kills; i++) {
        /* one in three may hit it while it opens the session */
        kill_one(folder, page, i % 3 == 0, (unsigned)rand_r(&seed) % KILL_WITHIN_US);
        char *path = only_session(folder);
        uint64_t found = check_witnesses(path, page);
        witnessed += found;
        fruitful += found > 0;
        free(path);
    }
    print_message("%llu ticks witnessed in %d runs\n", (unsigned long long)witnessed, fruitful);
    assert_true(fruitful >= kills / 2);

    /* the next start just works, and what is there is whole */
    struct qta_gateway *gateway = NULL;
    struct qta_error err = {0};
    atomic_store(&page->count, 0);
    assert_int_equal(record(folder, page, &gateway, &err), QTA_OK);
    assert_int_equal(qta_gateway_start(gateway, &err), QTA_OK);
    sleep_us(20000);
    qta_gateway_stop(gateway);
    assert_int_equal(qta_gateway_join(gateway, &err), QTA_OK);
    char *path = strdup(qta_gateway_session_path(gateway));
    qta_gateway_destroy(gateway);
    check_witnesses(path, page);
    struct qta_session_verdict verdict;
    enum qta_status status = qta_session_verify(path, NULL, NULL, NULL, &verdict, &err);
    if (status != QTA_OK)
        print_message("%s\n", err.message);
    assert_int_equal(status, QTA_OK);
    assert_int_equal(verdict.problems, 0);
    struct qta_session_info info;
    assert_int_equal(qta_session_info_read(path, &info, &err), QTA_OK);
    print_message("%llu records of %llu runs\n", (unsigned long long)info.records,
                  (unsigned long long)info.runs);
    assert_true(info.is_sealed);
    assert_true(check_outages(path) >= fruitful);
    assert_true(info.records >= witnessed);
    free(path);
    munmap(page, sizeof *page);
    scratch_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tick_that_a_callback_saw_survives_being_killed),
    };
    return cmocka_run_group_tests_name("kill", tests, NULL, NULL);
}
