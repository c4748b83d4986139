/* Parquet, byte by byte; what other readers make of it is in tests/interop. */
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

#include "core/bytes.h"
#include "storage/decimal_survey.h"
#include "storage/output_file.h"
#include "storage/parquet_encoding.h"
#include "storage/parquet_writer.h"
#include "tests/storage/fake_environment.h"
#include "tests/storage/session_fixture.h"

/* ---- a reader of the encodings, after the format's description --------------------------------
 */

static uint64_t read_varint(const uint8_t **at)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static int64_t read_zigzag(const uint8_t **at)
{
    uint64_t value = read_varint(at);
    return (int64_t)(value >> 1 ^ (0 - (value & 1)));
}

static uint64_t read_packed(const uint8_t *bytes, size_t index, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++) {
        size_t bit = index * width + i;
        value |= (uint64_t)(bytes[bit / 8] >> bit % 8 & 1) << i;
    }
    return value;
}

static void check_hybrid(const uint32_t *values, size_t count, unsigned width)
{
    struct qta_packed_writer out = {0};
    qta_parquet_put_hybrid(&out, values, count, width);
    const uint8_t *at = out.bytes;
    size_t seen = 0;
    while (at < out.bytes + out.length) {
        uint64_t header = read_varint(&at);
        size_t length = (size_t)(header >> 1) * (header & 1 ? 8 : 1);
        for (size_t i = 0; i < length; i++) {
            uint64_t value = 0;
            if (header & 1)
                value = read_packed(at, i, width);
            else
                memcpy(&value, at, (width + 7) / 8);
            assert_int_equal(value, seen < count ? values[seen] : 0);
            seen++;
        }
        at += header & 1 ? length * width / 8 : (width + 7) / 8;
    }
    assert_ptr_equal(at, out.bytes + out.length);
    assert_true(seen >= count && seen < count + 8);
    qta_packed_writer_finish(&out);
}

static void runs_and_packed_groups_come_back(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint32_t values[COUNT];
    uint64_t random = 1;
    for (unsigned width = 0; width <= 32; width++) {
        uint64_t limit = UINT64_C(1) << width;
        size_t count = 1 + random_below(&random, COUNT);
        for (size_t i = 0; i < count;) {
            size_t run = random_below(&random, 3) ? 1 : random_below(&random, 40);
            uint32_t value = (uint32_t)random_below(&random, limit);
            for (; run > 0 && i < count; run--)
                values[i++] = value;
        }
        check_hybrid(values, count, width);
    }
}

static void check_delta(const int64_t *values, size_t count)
{
    struct qta_packed_writer out = {0};
    qta_parquet_put_delta(&out, values, count);
    const uint8_t *at = out.bytes;
    size_t block = read_varint(&at);
    size_t miniblocks = read_varint(&at);
    assert_int_equal(block, 128);
    assert_int_equal(miniblocks, 4);
    assert_int_equal(read_varint(&at), count);
    uint64_t value = (uint64_t)read_zigzag(&at);
    assert_int_equal((int64_t)value, values[0]);
    for (size_t seen = 1; seen < count;) {
        uint64_t least = (uint64_t)read_zigzag(&at);
        const uint8_t *widths = at;
        at += miniblocks;
        for (size_t m = 0; m < miniblocks && seen < count; m++) {
            for (size_t i = 0; i < block / miniblocks && seen < count; i++) {
                value += least + read_packed(at, i, widths[m]);
                assert_int_equal((int64_t)value, values[seen++]);
            }
            at += block / miniblocks * widths[m] / 8;
        }
    }
    assert_ptr_equal(at, out.bytes + out.length);
    qta_packed_writer_finish(&out);
}

static void differences_come_back(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    static int64_t values[COUNT];
    uint64_t random = 2;
    for (int round = 0; round < 60; round++) {
        size_t count = 1 + random_below(&random, round < 20 ? 5 : COUNT);
        uint64_t value = random_next(&random);
        for (size_t i = 0; i < count; i++) {
            value += round % 3 == 0 ? random_next(&random) : random_below(&random, 1000);
            values[i] = (int64_t)value;
        }
        check_delta(values, count);
    }
    values[0] = INT64_MIN;
    values[1] = INT64_MAX;
    values[2] = INT64_MIN;
    check_delta(values, 3);
}

/* ---- decimals ---------------------------------------------------------------------------------
 */

static void a_column_gets_the_smallest_decimal_that_holds_it(void **state)
{
    (void)state;
    enum { NONE = -1 };
    static const struct {
        const char *values[3];
        int scale_18;
        int scale_38;
    } cases[] = {
        {{"1.50", "2", "-300"}, 2, 2},
        {{"0.00", "0", "0"}, 2, 2},
        {{"999999999999999999", "0", "1"}, 0, 0},
        {{"1000000000000000000", "0", "1"}, NONE, 0},
        {{"1000000000000000", "1.000", "2"}, 0, 3}, /* without zeros it fits 18 digits */
        {{"1000000000000000", "1.001", "2"}, NONE, 3},
        {{"-9223372036854775808", "1e-19", "0"}, NONE, 19},
        {{"1e30", "1e-8", "0"}, NONE, NONE},
        {{"1e38", "0", "0"}, NONE, NONE},
        {{"1e37", "0", "0"}, NONE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        print_message("case '%s'\n", cases[i].values[0]);
        struct qta_decimal_survey survey = {0};
        struct qta_decimal value;
        qta_decimal_survey_add(&survey, qta_decimal_null());
        for (size_t k = 0; k < 3; k++) {
            assert_int_equal(
                qta_decimal_parse(cases[i].values[k], strlen(cases[i].values[k]), &value, NULL),
                QTA_OK);
            qta_decimal_survey_add(&survey, value);
        }
        int scale;
        bool is_found = qta_decimal_survey_choose(&survey, 18, &scale);
        assert_int_equal(is_found ? scale : NONE, cases[i].scale_18);
        is_found = qta_decimal_survey_choose(&survey, 38, &scale);
        assert_int_equal(is_found ? scale : NONE, cases[i].scale_38);
    }
    assert_true(qta_decimal_at_scale(qta_decimal_make(15, -1), 3) == 1500);
    assert_true(qta_decimal_at_scale(qta_decimal_make(-1500, -3), 1) == -15);
    assert_true(qta_decimal_at_scale(qta_decimal_make(0, -50), 0) == 0);
}

/* ---- the file ---------------------------------------------------------------------------------
 */

static const struct qta_parquet_column_spec specs[] = {
    {.name = "n", .kind = QTA_PARQUET_INT64, .is_optional = true, .has_differences = true},
    {.name = "s", .kind = QTA_PARQUET_STRING, .is_optional = true, .has_dictionary = true},
    {.name = "d", .kind = QTA_PARQUET_DECIMAL_18, .scale = 2},
};

static enum qta_status write_rows(const char *path, struct qta_environment *environment,
                                  struct qta_error *err)
{
    static const struct qta_parquet_pair pair = {"key", "value"};
    struct qta_output_file *file = NULL;
    struct qta_parquet_writer *writer = NULL;
    enum qta_status status = qta_output_file_create(&file, path, false, environment, err);
    if (status == QTA_OK)
        status = qta_parquet_writer_create(&writer, file, specs, 3, false, err);
    for (int row = 0; status == QTA_OK && row < 3; row++) {
        struct qta_parquet_column *text = qta_parquet_writer_column(writer, 1);
        if (row == 1) {
            qta_parquet_column_put_null(qta_parquet_writer_column(writer, 0));
            qta_parquet_column_put_null(text);
        } else {
            qta_parquet_column_put_int(qta_parquet_writer_column(writer, 0), row);
            if (!qta_parquet_column_put_key(text, 7))
                qta_parquet_column_put_text(text, 7, "V\xff", 2); /* a byte that is no UTF-8 */
        }
        qta_parquet_column_put_decimal(qta_parquet_writer_column(writer, 2), 19050 + row);
        status = qta_parquet_writer_end_row(writer, err);
    }
    if (status == QTA_OK)
        status = qta_parquet_writer_finish(writer, &pair, 1, err);
    if (status == QTA_OK)
        status = qta_output_file_finish(file, err);
    qta_parquet_writer_destroy(writer);
    qta_output_file_destroy(file);
    return status;
}

/* DuckDB 1.5 reads this as (0, "V\xef\xbf\xbd", 190.50), (NULL, NULL, 190.51) and (2, ..., 190.52).
 */
static const uint8_t golden[] = {
    0x50, 0x41, 0x52, 0x31, 0x15, 0x00, 0x15, 0x20, 0x15, 0x20, 0x15, 0xaa, 0xd3, 0xcd, 0xaf, 0x0f,
    0x1c, 0x15, 0x06, 0x15, 0x0a, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03,
    0x05, 0x80, 0x01, 0x04, 0x02, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x15, 0x04, 0x15, 0x10, 0x15,
    0x10, 0x15, 0xec, 0xac, 0xeb, 0xb3, 0x0f, 0x3c, 0x15, 0x02, 0x15, 0x00, 0x00, 0x00, 0x04, 0x00,
    0x00, 0x00, 0x56, 0xef, 0xbf, 0xbd, 0x15, 0x00, 0x15, 0x10, 0x15, 0x10, 0x15, 0xa9, 0xed, 0xf8,
    0xd8, 0x0a, 0x1c, 0x15, 0x06, 0x15, 0x10, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x02, 0x00, 0x00,
    0x00, 0x03, 0x05, 0x00, 0x03, 0x15, 0x00, 0x15, 0x30, 0x15, 0x30, 0x15, 0xe6, 0xa0, 0xcc, 0x94,
    0x06, 0x1c, 0x15, 0x06, 0x15, 0x00, 0x15, 0x06, 0x15, 0x06, 0x00, 0x00, 0x6a, 0x4a, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x6b, 0x4a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6c, 0x4a, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x15, 0x04, 0x19, 0x4c, 0x48, 0x06, 0x73, 0x63, 0x68, 0x65, 0x6d, 0x61,
    0x15, 0x06, 0x00, 0x15, 0x04, 0x25, 0x02, 0x18, 0x01, 0x6e, 0x00, 0x15, 0x0c, 0x25, 0x02, 0x18,
    0x01, 0x73, 0x25, 0x00, 0x4c, 0x1c, 0x00, 0x00, 0x00, 0x15, 0x04, 0x25, 0x00, 0x18, 0x01, 0x64,
    0x25, 0x0a, 0x15, 0x04, 0x15, 0x24, 0x2c, 0x5c, 0x15, 0x04, 0x15, 0x24, 0x00, 0x00, 0x00, 0x16,
    0x06, 0x19, 0x1c, 0x19, 0x3c, 0x26, 0x08, 0x1c, 0x15, 0x04, 0x19, 0x25, 0x06, 0x0a, 0x19, 0x18,
    0x01, 0x6e, 0x15, 0x00, 0x16, 0x06, 0x16, 0x4e, 0x16, 0x4e, 0x26, 0x08, 0x3c, 0x36, 0x02, 0x28,
    0x08, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x26, 0x56, 0x1c, 0x15, 0x0c, 0x19, 0x35, 0x06, 0x00, 0x10,
    0x19, 0x18, 0x01, 0x73, 0x15, 0x00, 0x16, 0x06, 0x16, 0x74, 0x16, 0x74, 0x26, 0x8c, 0x01, 0x26,
    0x56, 0x1c, 0x36, 0x02, 0x28, 0x04, 0x56, 0xef, 0xbf, 0xbd, 0x18, 0x04, 0x56, 0xef, 0xbf, 0xbd,
    0x00, 0x00, 0x00, 0x26, 0xca, 0x01, 0x1c, 0x15, 0x04, 0x19, 0x25, 0x06, 0x00, 0x19, 0x18, 0x01,
    0x64, 0x15, 0x00, 0x16, 0x06, 0x16, 0x5e, 0x16, 0x5e, 0x26, 0xca, 0x01, 0x3c, 0x36, 0x00, 0x28,
    0x08, 0x6c, 0x4a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x18, 0x08, 0x6a, 0x4a, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x16, 0xa0, 0x02, 0x16, 0x06, 0x26, 0x08, 0x16, 0xa0, 0x02,
    0x14, 0x00, 0x00, 0x19, 0x1c, 0x18, 0x03, 0x6b, 0x65, 0x79, 0x18, 0x05, 0x76, 0x61, 0x6c, 0x75,
    0x65, 0x00, 0x18, 0x11, 0x71, 0x74, 0x61, 0x20, 0x76, 0x65, 0x72, 0x73, 0x69, 0x6f, 0x6e, 0x20,
    0x30, 0x2e, 0x31, 0x2e, 0x30, 0x19, 0x3c, 0x1c, 0x00, 0x00, 0x1c, 0x00, 0x00, 0x1c, 0x00, 0x00,
    0x00, 0x0d, 0x01, 0x00, 0x00, 0x50, 0x41, 0x52, 0x31,
};

/* What is read by others today must be what is written tomorrow. */
static void a_small_file_has_these_bytes(void **state)
{
    (void)state;
    struct scratch scratch;
    struct qta_error err;
    char path[300];
    scratch_make_in_memory(&scratch);
    snprintf(path, sizeof path, "%s/golden.parquet", scratch.path);
    assert_int_equal(write_rows(path, qta_environment_system(), &err), QTA_OK);
    size_t length;
    uint8_t *bytes = load_file(path, &length);
    assert_int_equal(length, sizeof golden);
    assert_memory_equal(bytes, golden, sizeof golden);
    free(bytes);
    scratch_remove(&scratch);
}

/* ---- failures ---------------------------------------------------------------------------------
 */

static void a_failing_disk_leaves_the_file_that_was_there(void **state)
{
    (void)state;
    struct scratch scratch;
    struct fake_environment fake;
    struct qta_error err;
    char path[300];
    char growing[310];
    scratch_make_in_memory(&scratch);
    snprintf(path, sizeof path, "%s/x.parquet", scratch.path);
    snprintf(growing, sizeof growing, "%s.tmp", path);
    fake_environment_init(&fake);
    int64_t call = 1;
    for (;; call++) {
        write_file(path, "before", 6);
        fake_environment_fail(&fake, FAKE_CHANGES & ~(UINT32_C(1) << FAKE_UNLINK), call, false,
                              ENOSPC);
        enum qta_status status = write_rows(path, &fake.base, &err);
        size_t length;
        uint8_t *bytes = load_file(path, &length);
        if (status == QTA_OK) {
            assert_int_equal(length, sizeof golden);
            free(bytes);
            break;
        }
        assert_int_equal(status, QTA_ERR_NO_SPACE);
        assert_non_null(strstr(err.message, "x.parquet"));
        assert_int_equal(length, 6);
        assert_int_not_equal(access(growing, F_OK), 0);
        free(bytes);
    }
    assert_true(call > 4); /* open, write, sync, rename */
    scratch_remove(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_packed_groups_come_back),
        cmocka_unit_test(differences_come_back),
        cmocka_unit_test(a_column_gets_the_smallest_decimal_that_holds_it),
        cmocka_unit_test(a_small_file_has_these_bytes),
        cmocka_unit_test(a_failing_disk_leaves_the_file_that_was_there),
    };
    return cmocka_run_group_tests_name("parquet", tests, NULL, NULL);
}
