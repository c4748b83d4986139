/* Single bytes of every file of a session are changed, and every file is cut: what comes back is
 * what was written, or is reported as lost; verify finds all of it. The everyday run takes places
 * at random, over all regions; QTA_CAMPAIGN has it take every one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "storage/journal_format.h"
#include "storage/segment_format.h"
#include "tests/storage/session_fixture.h"

enum { TICKS = 120, SEED = 11 };

static int setup(void **state)
{
    static struct scratch scratch;
    scratch_make_in_memory(&scratch);
    *state = &scratch;
    return 0;
}

static int teardown(void **state)
{
    scratch_remove(*state);
    return 0;
}

/* The digest of each tick alone, by rx_seq. */
static uint64_t written[TICKS + 1];

static uint64_t digest_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    qta_digest_init(&digest);
    qta_digest_add(&digest, tick, names);
    return digest.full;
}

/* A session of two segments; what is not closed is a chunk of the journal behind one segment. */
static void write_small_session(const struct scratch *scratch, bool closes)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    tick_maker_init(&maker, SEED);
    for (int run = 0; run < 2; run++) {
        assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
        for (int i = 0; i < TICKS / 2; i++) {
            struct qta_tick tick;
            tick_maker_next(&maker, QTA_TICK_NONE, &tick);
            written[tick.rx_seq] = digest_of(&tick, maker.names);
            assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
        }
        if (run == 0 || closes)
            assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
    }
    tick_maker_finish(&maker);
}

struct outcome {
    uint64_t ticks;
    uint64_t reports;
};

/* Reads a session that may be damaged. Each tick that comes must be the one that was written. */
static struct outcome read_damaged(const char *path)
{
    struct outcome outcome = {0};
    struct qta_session_reader *reader;
    struct qta_error err;
    enum qta_status status = qta_session_reader_create(&reader, path, NULL, &err);
    if (status != QTA_OK) {
        outcome.reports++;
        return outcome;
    }
    uint64_t last_seq = 0;
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        assert_true(status == QTA_OK || status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT);
        if (status != QTA_OK) {
            outcome.reports++;
            assert_true(outcome.reports < 1000); /* no endless complaints */
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            assert_true(ticks[i].rx_seq > last_seq && ticks[i].rx_seq <= TICKS);
            last_seq = ticks[i].rx_seq;
            if (digest_of(&ticks[i], qta_session_reader_names(reader)) != written[last_seq])
                fail_msg("record %llu is not what was written", (unsigned long long)last_seq);
            outcome.ticks++;
        }
    }
    qta_session_reader_destroy(reader);
    return outcome;
}

static bool verify_finds_something(const char *path)
{
    struct qta_session_verdict verdict;
    enum qta_status status = qta_session_verify(path, NULL, NULL, NULL, &verdict, NULL);
    assert_true(status == QTA_OK || status == QTA_ERR_DAMAGED || status == QTA_ERR_FORMAT);
    assert_int_equal(status == QTA_ERR_DAMAGED, verdict.problems > 0);
    return status != QTA_OK;
}

/* Verify reads as the reader does and then looks further, at what it costs: where the reader has
 * said something already, the everyday run asks it at every eighth place only. */
static bool is_turn_of_verify(size_t place, const struct outcome *outcome)
{
    return outcome->reports == 0 || place % 8 == 0 || getenv("QTA_CAMPAIGN") != NULL;
}

static void path_in(const struct scratch *scratch, const char *name, char path[512])
{
    snprintf(path, 512, "%s/%s", scratch->session, name);
}

static void set_byte(int fd, size_t offset, uint8_t value)
{
    assert_int_equal(pwrite(fd, &value, 1, (off_t)offset), 1);
}

static void every_changed_byte_of_a_segment_is_found(void **state)
{
    const struct scratch *scratch = *state;
    char path[512];
    size_t length;
    write_small_session(scratch, true);
    path_in(scratch, "segments/000002.qseg", path);
    assert_false(verify_finds_something(scratch->session));
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    int fd = open(path, O_RDWR);
    uint64_t random = 1;
    size_t harmless = 0;
    for (size_t i = 0; i < length; i = next_place(i, 8)) {
        set_byte(fd, i, bytes[i] ^ (uint8_t)(1 + random_below(&random, 255)));
        struct outcome outcome = read_damaged(scratch->session);
        if (outcome.ticks == TICKS)
            harmless++;
        else if (outcome.reports == 0)
            fail_msg("byte %zu: %llu ticks are gone in silence", i,
                     (unsigned long long)(TICKS - outcome.ticks));
        assert_true(outcome.ticks >= TICKS / 2); /* the other segment is not touched */
        if (is_turn_of_verify(i, &outcome) && !verify_finds_something(scratch->session))
            fail_msg("byte %zu: verify does not see it", i);
        set_byte(fd, i, bytes[i]);
    }
    assert_false(verify_finds_something(scratch->session));
    print_message("%zu bytes, %zu of them without loss\n", length, harmless);
    close(fd);
    free(bytes);
}

static void every_bit_of_what_holds_a_segment_together_is_found(void **state)
{
    const struct scratch *scratch = *state;
    char path[512];
    size_t length;
    write_small_session(scratch, true);
    path_in(scratch, "segments/000001.qseg", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    int fd = open(path, O_RDWR);
    for (size_t i = 0; i < length; i++) {
        if (i >= QTA_SEGMENT_HEADER_BYTES + QTA_FRAME_HEAD_BYTES &&
            i < length - QTA_SEGMENT_TRAILER_BYTES)
            continue;
        for (size_t bit = next_place(0, 3) - 1; bit < 8; bit = next_place(bit, 3)) {
            set_byte(fd, i, bytes[i] ^ (uint8_t)(1 << bit));
            /* header and trailer are there twice: nothing is lost by one of them */
            assert_int_equal(read_damaged(scratch->session).ticks, TICKS);
            assert_true(verify_finds_something(scratch->session));
        }
        set_byte(fd, i, bytes[i]);
    }
    close(fd);
    free(bytes);
}

static void cut_segment_gives_what_is_left(void **state)
{
    const struct scratch *scratch = *state;
    char path[512];
    size_t length;
    write_small_session(scratch, true);
    path_in(scratch, "segments/000001.qseg", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    for (size_t gone = 1; gone <= length; gone = next_place(gone, 8)) {
        size_t cut = length - gone;
        assert_int_equal(truncate(path, (off_t)cut), 0);
        struct outcome outcome = read_damaged(scratch->session);
        assert_true(outcome.ticks == TICKS || outcome.reports > 0);
        assert_true(outcome.ticks >= TICKS / 2);
        if (is_turn_of_verify(cut, &outcome))
            assert_true(verify_finds_something(scratch->session));
    }
    free(bytes);
}

/* Blocks that are good but not in their place. */
static void moved_swapped_and_doubled_blocks_are_found(void **state)
{
    const struct scratch *scratch = *state;
    char first[512];
    char second[512];
    size_t first_length;
    size_t second_length;
    write_small_session(scratch, true);
    path_in(scratch, "segments/000001.qseg", first);
    path_in(scratch, "segments/000002.qseg", second);
    uint8_t *first_bytes = load_file(first, &first_length);
    uint8_t *second_bytes = load_file(second, &second_length);
    assert_non_null(first_bytes);
    assert_non_null(second_bytes);

    write_file(first, second_bytes, second_length); /* a whole segment under another number */
    struct outcome outcome = read_damaged(scratch->session);
    assert_true(outcome.reports > 0);
    assert_true(verify_finds_something(scratch->session));

    for (size_t gap = 1; gap < 5000; gap *= 7) { /* bytes let in, so that all behind is moved */
        uint8_t *moved = calloc(1, first_length + gap);
        assert_non_null(moved);
        memcpy(moved, first_bytes, QTA_SEGMENT_HEADER_BYTES);
        memcpy(moved + QTA_SEGMENT_HEADER_BYTES + gap, first_bytes + QTA_SEGMENT_HEADER_BYTES,
               first_length - QTA_SEGMENT_HEADER_BYTES);
        write_file(first, moved, first_length + gap);
        free(moved);
        outcome = read_damaged(scratch->session);
        assert_true(outcome.reports > 0);
        assert_true(verify_finds_something(scratch->session));
    }
    write_file(first, first_bytes, first_length);
    unlink(second);
    assert_int_equal(read_damaged(scratch->session).ticks, TICKS / 2);
    assert_true(verify_finds_something(scratch->session)); /* the index knows of it */
    write_file(second, second_bytes, second_length);
    unlink(first);
    outcome = read_damaged(scratch->session);
    assert_int_equal(outcome.ticks, TICKS / 2);
    assert_int_equal(outcome.reports, 1);
    free(first_bytes);
    free(second_bytes);
}

/* What was synced is known to be there; what was not may end early, but never silently. */
static void every_changed_byte_of_a_journal_is_found_or_harmless(void **state)
{
    const struct scratch *scratch = *state;
    char path[512];
    size_t length;
    uint64_t random = 2;
    write_small_session(scratch, false);
    path_in(scratch, "journal/000002.qjrn", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    size_t used = length;
    while (used > 0 && bytes[used - 1] == 0)
        used--;
    int fd = open(path, O_RDWR);
    size_t lossless = 0;
    for (int is_synced = 0; is_synced < 2; is_synced++) {
        if (is_synced) /* as after a sync of everything */
            memcpy(bytes + QTA_JOURNAL_SYNCED_OFFSET, bytes + QTA_JOURNAL_COMMITTED_OFFSET, 8);
        assert_int_equal(pwrite(fd, bytes, QTA_JOURNAL_HEADER_BYTES, 0), QTA_JOURNAL_HEADER_BYTES);
        for (size_t i = 0; i < used + 64; i = next_place(i, 16)) {
            set_byte(fd, i, bytes[i] ^ (uint8_t)(1 + random_below(&random, 255)));
            struct outcome outcome = read_damaged(scratch->session);
            if (outcome.ticks < TICKS && outcome.reports == 0)
                fail_msg("byte %zu: %llu ticks are gone in silence", i,
                         (unsigned long long)(TICKS - outcome.ticks));
            assert_true(outcome.ticks >= TICKS / 2);
            lossless += outcome.ticks == TICKS;
            bool is_record = i >= QTA_JOURNAL_HEADER_BYTES && i < used;
            if (is_synced && is_record && outcome.ticks < TICKS - 1) {
                /* of what was synced only the record itself is lost, or a name and its users */
                assert_true(outcome.ticks > TICKS / 2);
            }
            set_byte(fd, i, bytes[i]);
        }
    }
    print_message("%zu bytes, %zu changes without loss\n", used, lossless);
    close(fd);
    free(bytes);
}

static void cut_journal_gives_what_is_left(void **state)
{
    const struct scratch *scratch = *state;
    char path[512];
    size_t length;
    write_small_session(scratch, false);
    path_in(scratch, "journal/000002.qjrn", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    size_t used = length;
    while (used > 0 && bytes[used - 1] == 0)
        used--;
    for (size_t gone = 0; gone < used + 16; gone = next_place(gone, 16)) {
        size_t cut = used + 16 - gone;
        assert_int_equal(truncate(path, (off_t)cut), 0);
        struct outcome outcome = read_damaged(scratch->session);
        assert_true(outcome.ticks == TICKS || outcome.reports > 0);
        assert_true(outcome.ticks >= TICKS / 2);
        if (cut > used + 8)
            assert_int_equal(outcome.ticks, TICKS);
    }
    free(bytes);
}

/* A writer that opens a damaged journal keeps every good record, and what it cannot read aside. */
static void writer_seals_around_damage_and_keeps_the_rest_aside(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_dictionary *names;
    struct qta_error err;
    char path[512];
    size_t length;
    write_small_session(scratch, false);
    path_in(scratch, "journal/000002.qjrn", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    memcpy(bytes + QTA_JOURNAL_SYNCED_OFFSET, bytes + QTA_JOURNAL_COMMITTED_OFFSET, 8);
    size_t used = length;
    while (bytes[used - 1] == 0)
        used--;
    bytes[(QTA_JOURNAL_HEADER_BYTES + used) / 2] ^= 0x40;
    write_file(path, bytes, length);
    struct outcome before = read_damaged(scratch->session);
    assert_true(before.ticks > TICKS / 2 && before.ticks < TICKS && before.reports > 0);

    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    if (qta_session_writer_create(&writer, &options, names, &err) != QTA_OK)
        fail_msg("open: %s", err.message);
    assert_int_equal(qta_session_writer_next_seq(writer), TICKS + 1);
    assert_true(qta_session_writer_was_cut(writer));
    assert_int_equal(qta_session_writer_close(writer, &err), QTA_OK);
    qta_session_writer_destroy(writer);
    qta_dictionary_destroy(names);
    assert_false(file_exists(path));
    path_in(scratch, "journal/000002.qjrn.damaged", path);
    assert_true(file_exists(path));
    struct outcome after = read_damaged(scratch->session);
    assert_int_equal(after.ticks, before.ticks);
    assert_true(after.reports > 0); /* the hole stays on record */
    free(bytes);
}

/* The index is a hint: whatever it says, the ticks are the same, and the next writer makes it anew.
 */
static void damaged_index_changes_nothing_and_is_made_anew(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_dictionary *names;
    char path[512];
    size_t length;
    enum { CHANGES = 240 };
    uint64_t random = 3;
    size_t seen = 0;
    size_t tried = 0;
    write_small_session(scratch, true);
    path_in(scratch, "session.db", path);
    uint8_t *bytes = load_file(path, &length);
    assert_non_null(bytes);
    assert_int_equal(qta_dictionary_create(&names, NULL), QTA_OK);
    for (size_t i = 0; i < CHANGES; i = next_place(i, 2)) {
        tried++;
        uint8_t *damaged = malloc(length);
        assert_non_null(damaged);
        memcpy(damaged, bytes, length);
        size_t new_length = length;
        if (i < 100) /* the header of SQLite */
            damaged[i] ^= (uint8_t)(1 + random_below(&random, 255));
        else if (i < 130) /* each page's end */
            new_length = length * (i - 100) / 30;
        else
            damaged[random_below(&random, length)] ^= (uint8_t)(1 + random_below(&random, 255));
        write_file(path, damaged, new_length);
        free(damaged);
        assert_int_equal(read_damaged(scratch->session).ticks, TICKS);
        seen += verify_finds_something(scratch->session);
        if (i % 8 != 0)
            continue;
        struct qta_session_writer *writer;
        struct qta_error err;
        enum qta_status status = qta_session_writer_create(&writer, &options, names, &err);
        if (status == QTA_ERR_FORMAT) { /* it says that it is of a newer version */
            assert_non_null(strstr(err.message, "version"));
            continue;
        }
        assert_int_equal(status, QTA_OK);
        assert_int_equal(qta_session_writer_next_seq(writer), TICKS + 1);
        assert_int_equal(qta_session_writer_close(writer, NULL), QTA_OK);
        qta_session_writer_destroy(writer);
        assert_int_equal(read_damaged(scratch->session).ticks, TICKS);
    }
    print_message("%zu of %zu kinds of damage were seen\n", seen, tried);
    assert_true(seen > 0);
    unlink(path); /* and without any */
    assert_int_equal(read_damaged(scratch->session).ticks, TICKS);
    assert_true(verify_finds_something(scratch->session));
    qta_dictionary_destroy(names);
    free(bytes);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_changed_byte_of_a_segment_is_found),
        TEST(every_bit_of_what_holds_a_segment_together_is_found),
        TEST(cut_segment_gives_what_is_left),
        TEST(moved_swapped_and_doubled_blocks_are_found),
        TEST(every_changed_byte_of_a_journal_is_found_or_harmless),
        TEST(cut_journal_gives_what_is_left),
        TEST(writer_seals_around_damage_and_keeps_the_rest_aside),
        TEST(damaged_index_changes_nothing_and_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
