/* A chunk of the journal: what survives when the power fails, and what it says without its
 * neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

#include "core/bytes.h"
#include "storage/journal_format.h"
#include "storage/journal_reader.h"
#include "storage/name_map.h"
#include "storage/tick_names.h"
#include "tests/storage/session_fixture.h"

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

enum { CHUNKS = 3 };

/* The journal's files at one instant. */
struct image {
    uint8_t *bytes[CHUNKS];
    size_t length[CHUNKS];
};

static void chunk_path(const struct scratch *scratch, int number, char path[400])
{
    snprintf(path, 400, "%s/journal/%06d.qjrn", scratch->session, number);
}

static void take_image(const struct scratch *scratch, struct image *image)
{
    for (int i = 0; i < CHUNKS; i++) {
        char path[400];
        chunk_path(scratch, i + 1, path);
        image->bytes[i] = load_file(path, &image->length[i]);
    }
}

static void free_image(struct image *image)
{
    for (int i = 0; i < CHUNKS; i++)
        free(image->bytes[i]);
}

static uint64_t digests[5000]; /* of each tick, by rx_seq */

static uint64_t digest_of(const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_digest digest;
    qta_digest_init(&digest);
    qta_digest_add(&digest, tick, names);
    return digest.full;
}

/* Reads what there is: a prefix of what was appended, right to the last field. */
static uint64_t read_prefix(const char *path, uint64_t *reports)
{
    struct qta_session_reader *reader;
    struct qta_error err;
    uint64_t count_read = 0;
    *reports = 0;
    assert_int_equal(qta_session_reader_create(&reader, path, NULL, &err), QTA_OK);
    for (;;) {
        const struct qta_tick *ticks;
        size_t count;
        enum qta_status status = qta_session_reader_next(reader, &ticks, &count, &err);
        if (status == QTA_ERR_END)
            break;
        if (status == QTA_ERR_DAMAGED) {
            (*reports)++;
            continue;
        }
        assert_int_equal(status, QTA_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(ticks[i].rx_seq, ++count_read);
            assert_true(digest_of(&ticks[i], qta_session_reader_names(reader)) ==
                        digests[count_read]);
        }
    }
    qta_session_reader_destroy(reader);
    return count_read;
}

/* After a power cut each unit of 512 bytes or a page is as it was at the last sync, or as it was
 * written since: any mixture. A prefix is left that has all that was synced, and nothing that never
 * was. */
static void cut_power(struct scratch *scratch, int all_ticks)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    struct image synced;
    struct image after;
    uint64_t random = 1;
    enum { SYNCED_TICKS = 150, CUTS = 1000 };
    options.fsync_interval_ns = 0;
    tick_maker_init(&maker, 8);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    for (int i = 0; i < all_ticks; i++) {
        struct qta_tick tick;
        tick_maker_next(&maker, QTA_TICK_NONE, &tick);
        digests[tick.rx_seq] = digest_of(&tick, maker.names);
        assert_int_equal(qta_session_writer_append(writer, &tick, NULL), QTA_OK);
        if (i + 1 != SYNCED_TICKS)
            continue;
        assert_int_equal(qta_session_writer_commit(writer, NULL), QTA_OK);
        take_image(scratch, &synced);
    }
    take_image(scratch, &after);
    qta_session_writer_destroy(writer);

    uint64_t least = UINT64_MAX;
    uint64_t most = 0;
    for (int cut = 0; cut < CUTS; cut++) {
        size_t unit = cut % 2 ? 512 : 4096;
        uint64_t share = random_below(&random, 101); /* of units that got to the disk, in % */
        for (int i = 0; i < CHUNKS; i++) {
            char path[400];
            chunk_path(scratch, i + 1, path);
            unlink(path);
            if (!after.bytes[i])
                continue;
            uint8_t *mixed = malloc(after.length[i]);
            assert_non_null(mixed);
            memcpy(mixed, after.bytes[i], after.length[i]);
            for (size_t at = 0; at < after.length[i]; at += unit) {
                if (random_below(&random, 100) < share)
                    continue;
                if (synced.bytes[i])
                    memcpy(mixed + at, synced.bytes[i] + at, unit);
                else if (at >= QTA_JOURNAL_HEADER_BYTES)
                    memset(mixed + at, 0, unit);
                else /* a chunk's header is on the disk before it is used */
                    memset(mixed + at + (at == 0 ? 512 : 0), 0, unit - (at == 0 ? 512 : 0));
            }
            write_file(path, mixed, after.length[i]);
            free(mixed);
        }
        uint64_t reports;
        uint64_t left = read_prefix(scratch->session, &reports);
        assert_true(left >= SYNCED_TICKS && left <= (uint64_t)all_ticks);
        least = left < least ? left : least;
        most = left > most ? left : most;
        if (cut % 16 != 0)
            continue;
        /* the next writer finds the same end, and goes on behind it */
        struct qta_session_writer *next;
        char name[400];
        snprintf(name, sizeof name, "cp -r '%s' '%s/copy'", scratch->session, scratch->path);
        assert_int_equal(system(name), 0);
        struct qta_session_writer_options copied = options;
        snprintf(name, sizeof name, "%s/copy", scratch->path);
        copied.path = name;
        assert_int_equal(qta_session_writer_create(&next, &copied, maker.names, NULL), QTA_OK);
        assert_int_equal(qta_session_writer_next_seq(next), left + 1);
        assert_true(qta_session_writer_was_cut(next));
        assert_int_equal(qta_session_writer_close(next, NULL), QTA_OK);
        qta_session_writer_destroy(next);
        assert_int_equal(read_prefix(name, &reports), left);
        assert_int_equal(reports, 0);
        char command[450];
        snprintf(command, sizeof command, "rm -r '%s'", name);
        assert_int_equal(system(command), 0);
    }
    print_message("%llu to %llu ticks were left\n", (unsigned long long)least,
                  (unsigned long long)most);
    assert_true(least < (uint64_t)all_ticks && most > SYNCED_TICKS);
    free_image(&synced);
    free_image(&after);
    tick_maker_finish(&maker);
}

static void power_cut_leaves_a_prefix_of_a_chunk(void **state)
{
    cut_power(*state, 450);
}

static void power_cut_leaves_a_prefix_of_several_chunks(void **state)
{
    cut_power(*state, 1300);
}

static void write_one_chunk(const struct scratch *scratch, struct image *image)
{
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct tick_maker maker;
    tick_maker_init(&maker, 8);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 200, NULL);
    qta_session_writer_destroy(writer);
    tick_maker_finish(&maker);
    take_image(scratch, image);
    assert_non_null(image->bytes[0]);
}

/* A file that was used before: old records, whole to the last byte, under a new header. */
static void records_count_only_in_their_own_file(void **state)
{
    struct scratch *scratch = *state;
    struct scratch other;
    struct image image;
    struct image other_image;
    char path[400];
    uint64_t reports;
    uint64_t start = QTA_JOURNAL_HEADER_BYTES;
    scratch_make_in_memory(&other);
    write_one_chunk(&other, &other_image);
    write_one_chunk(scratch, &image);
    memcpy(image.bytes[0], other_image.bytes[0], QTA_JOURNAL_HEADER_BYTES);
    memcpy(image.bytes[0] + QTA_JOURNAL_COMMITTED_OFFSET, &start, sizeof start);
    chunk_path(scratch, 1, path);
    write_file(path, image.bytes[0], image.length[0]);
    assert_int_equal(read_prefix(scratch->session, &reports), 0);
    assert_int_equal(reports, 0);
    free_image(&image);
    free_image(&other_image);
    scratch_remove(&other);
}

static void each_chunk_tells_the_names_it_uses(void **state)
{
    struct scratch *scratch = *state;
    struct qta_session_writer_options options = small_options(scratch);
    struct qta_session_writer *writer;
    struct qta_session_folder folder;
    struct tick_maker maker;
    tick_maker_init(&maker, 8);
    assert_int_equal(qta_session_writer_create(&writer, &options, maker.names, NULL), QTA_OK);
    append_random(writer, &maker, 1500, NULL);
    qta_session_writer_destroy(writer);
    assert_int_equal(
        qta_session_folder_open(&folder, scratch->session, qta_environment_system(), NULL), QTA_OK);
    uint32_t chunks = 0;
    for (uint32_t number = 1; number < 20; number++) {
        struct qta_journal_reader reader;
        struct qta_journal_record record;
        struct qta_name_map told = {0};
        if (qta_journal_reader_open(&reader, &folder, number, NULL) != QTA_OK)
            continue;
        while (qta_journal_reader_next(&reader, &record, NULL) == QTA_OK) {
            struct qta_tick tick;
            struct qta_journal_define define;
            struct qta_name_reference references[QTA_TICK_NAMES_MAX];
            uint32_t ignored;
            if (qta_journal_record_define(&record, &define)) {
                assert_false(qta_name_map_get(&told, define.kind, define.id, &ignored));
                assert_true(qta_name_map_set(&told, define.kind, define.id, 1));
            }
            if (!qta_journal_record_tick(&record, &tick))
                continue;
            size_t count = qta_tick_list_names(&tick, references);
            for (size_t i = 0; i < count; i++)
                assert_true(
                    qta_name_map_get(&told, references[i].kind, references[i].id, &ignored));
        }
        chunks += reader.position > QTA_JOURNAL_HEADER_BYTES;
        qta_name_map_finish(&told);
        qta_journal_reader_close(&reader);
    }
    assert_true(chunks >= 1);
    qta_session_folder_close(&folder);
    tick_maker_finish(&maker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(power_cut_leaves_a_prefix_of_a_chunk, setup, teardown),
        cmocka_unit_test_setup_teardown(power_cut_leaves_a_prefix_of_several_chunks, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(records_count_only_in_their_own_file, setup, teardown),
        cmocka_unit_test_setup_teardown(each_chunk_tells_the_names_it_uses, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
