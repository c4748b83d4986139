/* Power cuts, at any operation of recording, sealing, closing and recovering: what was on the disk
 * by promise is there, what survives is a prefix of what was recorded, and the next open just
 * works.
 *
 * The real writer, with its threads, runs on a disk that knows what is synced. At many of its
 * operations many states that a cut may leave are made, recovered from (and cut once more
 * meanwhile) and read. QTA_POWER_STATES says how many in all, QTA_SEED where randomness starts; a
 * state that fails is written below $TMPDIR. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <qta/log.h>

#include "storage/recovery.h"
#include "storage/sealer.h"
#include "storage/session_reader.h"
#include "storage/session_writer.h"
#include "tests/storage/power_disk.h"
#include "tests/storage/session_fixture.h"

enum {
    TICKS_MAX = 400,
    NOTE_BYTES_MAX = 3000,
    STATES_A_TIME = 6,
    REAL_EVERY = 400, /* states of which one is opened on a real disk, with its index */
    DEPTH_MAX = 2,    /* cuts within the recovery from a cut */
};

/* What is recorded, and the states that come of it. */
struct history {
    struct scratch recording; /* the folders that stand for disks; real ones are empty */
    struct scratch states[DEPTH_MAX + 1];
    struct qta_session_folder folders[DEPTH_MAX + 1];
    struct qta_sealer *sealers[DEPTH_MAX + 1]; /* of those folders: costly to make */
    struct power_disk disk;
    struct tick_maker maker;
    _Atomic uint64_t written[TICKS_MAX + 1]; /* digest of each tick, by rx_seq */
    _Atomic size_t count;
    _Atomic uint64_t promised; /* rx_seq of the last tick that was committed */
    bool is_eager;             /* fsync_interval 0 */
    bool has_bad_syncs;        /* some of them fail */
    uint64_t failed_syncs;     /* in all histories */

    uint64_t random; /* under the disk's lock */
    unsigned depth;
    uint64_t states_at_depth[DEPTH_MAX + 1];
    uint64_t wanted; /* states in all */
    uint64_t real_states;
    uint64_t shortened;     /* states that lack ticks, as they may */
    struct power_disk *cut; /* the state at hand */
};

/* ---- what a state holds -----------------------------------------------------------------------
 */

static uint64_t digest_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    qta_digest_init(&digest);
    qta_digest_add(&digest, tick, names);
    return digest.full;
}

__attribute__((format(printf, 2, 3))) static void fail_state(struct history *history,
                                                             const char *format, ...)
{
    char sentence[1024];
    char folder[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/qta-power-cut-%d", base ? base : "/tmp", (int)getpid());
    power_disk_dump(history->cut, folder);
    fprintf(stderr, "%s; promised %llu of %zu, depth %u; the state is in %s\n", sentence,
            (unsigned long long)atomic_load(&history->promised), history->count, history->depth,
            folder);
    abort(); /* on whichever thread this is */
}

/* Reads all ticks, each of which must be the one that was recorded. Returns how many there are. */
static uint64_t read_state(struct history *history, const char *path, struct qta_environment *env,
                           bool is_recovered)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    enum qta_status status = qta_session_reader_create_in(&reader, path, NULL, env, &err);
    if (status == QTA_ERR_NOT_FOUND || status == QTA_ERR_FORMAT)
        return 0; /* cut before there was a session */
    if (status != QTA_OK)
        fail_state(history, "cannot read: %s", err.message);
    uint64_t last_seq = 0;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status == QTA_ERR_DAMAGED && !is_recovered)
            continue; /* it says where the journal ends */
        if (status != QTA_OK)
            fail_state(history, "reading: %s", err.message);
        for (size_t i = 0; i < count; i++) {
            if (ticks[i].rx_seq != last_seq + 1 || ticks[i].rx_seq > history->count)
                fail_state(history, "record %llu follows %llu", (unsigned long long)ticks[i].rx_seq,
                           (unsigned long long)last_seq);
            last_seq = ticks[i].rx_seq;
            if (digest_of(&ticks[i], qta_session_reader_names(reader)) !=
                history->written[last_seq])
                fail_state(history, "record %llu is another one", (unsigned long long)last_seq);
        }
    }
    qta_session_reader_destroy(reader);
    return last_seq;
}

static void tell_problem(void *user, const char *problem)
{
    (void)user;
    print_message("problem: %s\n", problem);
}

/* With real files: the whole writer, its index and verify. */
static void check_on_a_real_disk(struct history *history, struct power_disk *state,
                                 uint64_t promised)
{
    struct scratch scratch;
    struct qta_session_writer *writer;
    struct qta_session_verdict verdict;
    struct qta_error err;
    scratch_make_in_memory(&scratch);
    power_disk_dump(state, scratch.path);
    struct qta_session_writer_options options = small_options(&scratch);
    if (qta_session_writer_create(&writer, &options, history->maker.names, &err) != QTA_OK)
        fail_state(history, "opening on a real disk: %s", err.message);
    uint64_t last_seq = qta_session_writer_next_seq(writer) - 1;
    if (qta_session_writer_close(writer, &err) != QTA_OK)
        fail_state(history, "closing on a real disk: %s", err.message);
    qta_session_writer_destroy(writer);
    if (last_seq < promised)
        fail_state(history, "the writer found %llu records", (unsigned long long)last_seq);
    if (read_state(history, scratch.session, qta_environment_system(), true) != last_seq)
        fail_state(history, "the writer and the reader count differently");
    if (qta_session_verify(scratch.session, tell_problem, NULL, NULL, &verdict, &err) != QTA_OK)
        fail_state(history, "verify: %s", err.message);
    scratch_remove(&scratch);
    history->real_states++;
}

/* ---- states -----------------------------------------------------------------------------------
 */

static void make_states(struct history *history, struct power_disk *disk, size_t count);

static void cut_during_recovery(void *user)
{
    struct history *history = user;
    if (history->depth < DEPTH_MAX && random_below(&history->random, 24) == 0)
        make_states(history, history->cut, 1);
}

/* What the writer does with what it finds, up to where everything is sealed; without the index. */
static uint64_t recover(struct history *history, const char *path, struct power_disk *disk)
{
    struct qta_session_folder *folder = &history->folders[history->depth];
    struct qta_sealer *sealer = history->sealers[history->depth];
    struct qta_recovery recovery;
    struct qta_error err;
    if (qta_session_folder_make(folder, path, &disk->base, &err) != QTA_OK)
        fail_state(history, "opening: %s", err.message);
    if (qta_recovery_run(&recovery, folder, &err) != QTA_OK)
        fail_state(history, "recovering: %s", err.message);
    for (size_t i = 0; i < recovery.journals.count; i++) {
        uint64_t freed_bytes;
        if (qta_sealer_seal(sealer, recovery.journals.numbers[i], &freed_bytes, &err) != QTA_OK)
            fail_state(history, "sealing %u: %s", recovery.journals.numbers[i], err.message);
    }
    uint64_t last_seq = recovery.next_seq - 1;
    qta_recovery_finish(&recovery);
    qta_session_folder_close(folder);
    return last_seq;
}

static void check_state(struct history *history, struct power_disk *disk, uint64_t promised)
{
    const char *path = history->states[history->depth].session;
    uint64_t number = history->states_at_depth[history->depth]++;
    if (history->depth == 0 && number % REAL_EVERY == 0)
        check_on_a_real_disk(history, disk, promised);
    uint64_t before = 0;
    if (number % 4 == 0)
        before = read_state(history, path, &disk->base, false);
    disk->on_operation = cut_during_recovery;
    disk->user = history;
    uint64_t last_seq = recover(history, path, disk);
    disk->on_operation = NULL;
    uint64_t count = read_state(history, path, &disk->base, true);
    if (count < promised || count < before)
        fail_state(history, "%llu records are left; %llu were there before recovery",
                   (unsigned long long)count, (unsigned long long)before);
    if (count != last_seq)
        fail_state(history, "recovery found %llu records, the reader %llu",
                   (unsigned long long)last_seq, (unsigned long long)count);
    history->shortened += count < history->count;
}

static uint64_t count_states(const struct history *history)
{
    uint64_t states = 0;
    for (unsigned depth = 0; depth <= DEPTH_MAX; depth++)
        states += history->states_at_depth[depth];
    return states;
}

/* Some of the states that a cut at this moment leaves. */
static void make_states(struct history *history, struct power_disk *disk, size_t count)
{
    struct power_disk *outer = history->cut;
    bool is_first = disk == &history->disk;
    uint64_t promised = atomic_load(&history->promised);
    history->depth += !is_first;
    for (size_t i = 0; i < count && count_states(history) < history->wanted; i++) {
        struct power_disk after;
        power_disk_init(&after, history->states[history->depth].path);
        power_disk_cut(disk, &after, &history->random);
        history->cut = &after;
        check_state(history, &after, promised);
        power_disk_finish(&after);
    }
    history->depth -= !is_first;
    history->cut = outer;
}

/* ---- recording --------------------------------------------------------------------------------
 */

static void on_operation(void *user)
{
    struct history *history = user;
    if (random_below(&history->random, 16) == 0)
        power_disk_write_back(&history->disk, &history->random);
    if (random_below(&history->random, 4) == 0)
        make_states(history, &history->disk, STATES_A_TIME);
}

/* Long notes fill the smallest chunk with a few dozen ticks. */
static void make_tick(struct history *history, struct qta_tick *tick)
{
    struct tick_maker *maker = &history->maker;
    if (random_below(&maker->random, 3) != 0) {
        tick_maker_next(maker, QTA_TICK_NONE, tick);
    } else {
        char note[NOTE_BYTES_MAX];
        size_t length = 8 + random_below(&maker->random, sizeof note - 8);
        for (size_t i = 0; i + 8 <= length; i += 8) {
            uint64_t word = random_next(&maker->random);
            memcpy(note + i, &word, sizeof word);
        }
        tick_maker_next(maker, QTA_TICK_MARKER, tick);
        tick->marker.note = qta_dictionary_intern(maker->names, QTA_NAME_TEXT, note,
                                                  length / 8 * 8);
    }
    history->written[tick->rx_seq] = digest_of(tick, maker->names);
    history->count = tick->rx_seq;
}

/* Behind a failed sync; what was appended before is not promised by that. */
static void resume(const struct history *history, struct qta_session_writer *writer,
                   const struct qta_error *cause)
{
    if (!history->has_bad_syncs)
        fail_msg("append or commit: %s", cause->message);
    while (qta_session_writer_resume(writer, NULL) != QTA_OK)
        usleep(100);
}

static void append_some(struct history *history, struct qta_session_writer *writer, size_t count)
{
    struct tick_maker *maker = &history->maker;
    struct qta_error err;
    uint64_t commit_every = 1 + random_below(&maker->random, 2) * 11;
    for (size_t i = 0; i < count && history->count < TICKS_MAX; i++) {
        struct qta_tick tick;
        make_tick(history, &tick);
        while (qta_session_writer_append(writer, &tick, &err) != QTA_OK)
            resume(history, writer, &err);
        if (random_below(&maker->random, commit_every) == 0) {
            if (qta_session_writer_commit(writer, &err) != QTA_OK)
                resume(history, writer, &err);
            else if (history->is_eager)
                atomic_store(&history->promised, tick.rx_seq);
        }
        if (random_below(&maker->random, 20) == 0) {
            pthread_mutex_lock(&history->disk.lock);
            make_states(history, &history->disk, 1);
            pthread_mutex_unlock(&history->disk.lock);
        }
    }
}

static void set_bad_syncs(struct history *history, bool are_bad)
{
    pthread_mutex_lock(&history->disk.lock);
    history->disk.sync_fails_in = are_bad ? 12 : 0;
    pthread_mutex_unlock(&history->disk.lock);
}

/* One run of the writer; closed or, as after a kill, left as it is. */
static void run_writer(struct history *history, int64_t fsync_interval_ns)
{
    struct qta_session_writer_options options = small_options(&history->recording);
    struct qta_session_writer *writer;
    struct qta_error err;
    options.fsync_interval_ns = fsync_interval_ns;
    if (qta_session_writer_create_in(&writer, &options, history->maker.names, &history->disk.base,
                                     &err) != QTA_OK)
        fail_msg("create: %s", err.message);
    assert_int_equal(qta_session_writer_next_seq(writer), history->count + 1);
    set_bad_syncs(history, history->has_bad_syncs);
    append_some(history, writer, 30 + random_below(&history->maker.random, 100));
    set_bad_syncs(history, false);
    if (random_below(&history->maker.random, 2) == 0) {
        if (qta_session_writer_close(writer, &err) != QTA_OK)
            fail_msg("close: %s", err.message);
        atomic_store(&history->promised, history->count); /* closed is on the disk, too */
    }
    qta_session_writer_destroy(writer);
}

static void make_scratch(struct scratch *scratch)
{
    scratch_make_in_memory(scratch);
    assert_int_equal(mkdir(scratch->session, 0750), 0);
}

static void record_history(struct history *history, uint64_t seed)
{
    static const int64_t intervals[] = {0, 0, 0, 1000 * 1000, -1};
    int64_t interval_ns = intervals[seed % 5];
    history->random = seed;
    history->count = 0;
    history->is_eager = interval_ns == 0;
    atomic_store(&history->promised, 0);
    tick_maker_init(&history->maker, seed);
    make_scratch(&history->recording);
    power_disk_init(&history->disk, history->recording.path);
    history->disk.on_operation = on_operation;
    history->disk.user = history;
    /* a later run cannot know that a sync failed in an earlier one */
    history->has_bad_syncs = history->is_eager && seed % 2 == 0;
    history->disk.sync_random = seed;
    uint64_t runs = history->has_bad_syncs ? 1 : 1 + random_below(&history->maker.random, 3);
    for (uint64_t run = 0; run < runs; run++)
        run_writer(history, interval_ns);
    history->failed_syncs += history->disk.failed_syncs;
    power_disk_finish(&history->disk);
    scratch_remove(&history->recording);
    tick_maker_finish(&history->maker);
}

static void power_cut_anywhere_loses_nothing_that_was_promised(void **state)
{
    (void)state;
    const char *seed_text = getenv("QTA_SEED");
    const char *states_text = getenv("QTA_POWER_STATES");
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL);
    print_message("QTA_SEED=%llu\n", (unsigned long long)seed);
    qta_log_set(NULL, NULL, QTA_LOG_ERROR);
    struct history *history = calloc(1, sizeof *history);
    assert_non_null(history);
    history->wanted = states_text ? strtoull(states_text, NULL, 10) : 4000;
    for (unsigned depth = 0; depth <= DEPTH_MAX; depth++) {
        make_scratch(&history->states[depth]);
        assert_int_equal(qta_sealer_create(&history->sealers[depth], &history->folders[depth], 1,
                                           NULL, NULL, NULL),
                         QTA_OK);
    }
    size_t histories = 0;
    while (count_states(history) < history->wanted)
        record_history(history, seed + histories++);
    print_message("%zu histories, states: %llu, of them %llu after a second and %llu after a third "
                  "cut; %llu opened on a real disk; %llu lacked what was not promised; %llu failed "
                  "syncs\n",
                  histories, (unsigned long long)count_states(history),
                  (unsigned long long)history->states_at_depth[1],
                  (unsigned long long)history->states_at_depth[2],
                  (unsigned long long)history->real_states, (unsigned long long)history->shortened,
                  (unsigned long long)history->failed_syncs);
    assert_true(history->shortened > 0);
    for (unsigned depth = 0; depth <= DEPTH_MAX; depth++) {
        qta_sealer_destroy(history->sealers[depth]);
        scratch_remove(&history->states[depth]);
    }
    free(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(power_cut_anywhere_loses_nothing_that_was_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
