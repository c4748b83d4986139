/* Sessions of seeded ticks: every type, names of every kind, several providers and connections. */
#include "tests/replay/session_maker.h"

#include <stdarg.h>
#include <stddef.h>

#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <qta/session.h>

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void session_maker_folder(char folder[128])
{
    const char *root = getenv("TMPDIR");
    snprintf(folder, 128, "%s/qta-replay-XXXXXX", root ? root : "/tmp");
    assert_non_null(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void session_maker_remove(const char *folder)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static uint32_t name_id(struct qta_dictionary *names, enum qta_name_kind kind, const char *format,
                        uint64_t number)
{
    char name[64];
    int length = snprintf(name, sizeof name, "%s%u", format, (unsigned)number);
    return qta_dictionary_intern(names, kind, name, (size_t)length);
}

/* A value of its kind into one field. Sometimes it stays absent. */
static void fill_field(struct qta_tick *tick, const struct qta_field *field,
                       struct qta_dictionary *names, uint64_t *seed)
{
    char *bytes = (char *)tick + field->offset;
    uint64_t random = next_random(seed);
    int64_t number = (int64_t)(random >> 40);
    int8_t exponent = (int8_t)(1 - (int)(random % 9));
    int32_t code = (int32_t)(random % 5000);
    uint8_t small = (uint8_t)(1 + random % 2);
    uint16_t codes[QTA_CONDITIONS_MAX] = {
        (uint16_t)('A' + random % 26), (uint16_t)name_id(names, QTA_NAME_CODE, "CODE", random % 9)};
    uint32_t text = name_id(names, QTA_NAME_TEXT, "a sentence number ", random % 50);
    if (random % 8 == 0)
        return;
    switch (field->kind) {
    case QTA_FIELD_DECIMAL:
        memcpy(bytes, &number, sizeof number);
        memcpy((char *)tick + field->exponent_offset, &exponent, sizeof exponent);
        break;
    case QTA_FIELD_ID:
        if (tick->flags & QTA_FLAG_ID_IS_TEXT)
            number = text;
        memcpy(bytes, &number, sizeof number);
        break;
    case QTA_FIELD_U64:
    case QTA_FIELD_TIME:
    case QTA_FIELD_I64:
    case QTA_FIELD_INTERVAL:
        memcpy(bytes, &number, sizeof number);
        break;
    case QTA_FIELD_I32:
        memcpy(bytes, &code, sizeof code);
        break;
    case QTA_FIELD_CODE:
        memcpy(bytes, &codes[1], sizeof codes[1]);
        break;
    case QTA_FIELD_CONDITIONS:
        memcpy(bytes, codes, sizeof codes);
        break;
    case QTA_FIELD_TEXT:
        memcpy(bytes, &text, sizeof text);
        break;
    case QTA_FIELD_CHAR:
        *bytes = (char)('A' + random % 3);
        break;
    case QTA_FIELD_ENUM:
        memcpy(bytes, &small, sizeof small);
        break;
    case QTA_FIELD_FLAG:
        tick->flags |= field->flag;
        break;
    }
}

/* Mostly trades and quotes, now and then one of the other types. */
static enum qta_tick_type pick_type(uint64_t *seed)
{
    uint64_t random = next_random(seed) % 100;
    if (random < 40)
        return QTA_TICK_TRADE;
    if (random < 80)
        return QTA_TICK_QUOTE;
    static const enum qta_tick_type others[] = {
        QTA_TICK_BAR,  QTA_TICK_BOOK,   QTA_TICK_TRADE_CANCEL, QTA_TICK_TRADE_CORRECT,
        QTA_TICK_LULD, QTA_TICK_STATUS, QTA_TICK_IMBALANCE,    QTA_TICK_CONN,
        QTA_TICK_GAP,  QTA_TICK_DROP,   QTA_TICK_CLOCK,        QTA_TICK_MARKER,
    };
    return others[random % (sizeof others / sizeof others[0])];
}

static void make_tick(struct qta_tick *tick, struct qta_dictionary *names, uint64_t seq,
                      int64_t ts_ns, uint64_t *seed)
{
    qta_tick_init(tick, pick_type(seed));
    tick->rx_seq = seq;
    tick->ts_recv_ns = ts_ns;
    if (qta_tick_is_market(tick)) {
        tick->symbol = name_id(names, QTA_NAME_SYMBOL, "SYM/", next_random(seed) % 12);
        tick->ts_event_ns = ts_ns - (int64_t)(next_random(seed) % 2000000) + 1000000;
        tick->src_seq = next_random(seed) % 5 ? seq * 3 : QTA_U64_NONE;
    }
    tick->provider = (uint16_t)name_id(names, QTA_NAME_PROVIDER, "venue", next_random(seed) % 2);
    tick->conn = 1 + (uint32_t)(seq / 1000);
    if (tick->type == QTA_TICK_TRADE && next_random(seed) % 3 == 0)
        tick->flags |= QTA_FLAG_ID_IS_TEXT;
    size_t count;
    const struct qta_field *fields = qta_tick_fields(tick->type, &count);
    for (size_t i = 0; i < count; i++)
        fill_field(tick, &fields[i], names, seed);
}

static void make_ticks(struct made_session *made, const struct session_maker_options *options,
                       struct qta_session_writer *writer)
{
    uint64_t seed = options->seed;
    uint64_t first_seq = qta_session_writer_next_seq(writer);
    int64_t ts_ns = options->first_ns;
    for (size_t i = 0; i < options->count; i++) {
        if (i > 0 && next_random(&seed) % 4 == 0)
            ts_ns += (int64_t)(next_random(&seed) % (uint64_t)options->gap_max_ns);
        make_tick(&made->ticks[i], made->names, first_seq + i, ts_ns, &seed);
        qta_digest_add(&made->digest, &made->ticks[i], made->names);
        struct qta_error err;
        if (qta_session_writer_append(writer, &made->ticks[i], &err) != QTA_OK)
            fail_msg("%s", err.message);
    }
}

void session_make(struct made_session *made, const struct session_maker_options *options)
{
    *made = (struct made_session){.count = options->count};
    snprintf(made->path, sizeof made->path, "%s/%s", options->folder, options->name);
    made->ticks = calloc(options->count + 1, sizeof *made->ticks);
    assert_non_null(made->ticks);
    qta_digest_init(&made->digest);
    struct qta_error err;
    if (qta_dictionary_create(&made->names, &err) != QTA_OK)
        fail_msg("%s", err.message);
    struct qta_session_writer_options writer_options = qta_session_writer_options_default();
    writer_options.path = made->path;
    writer_options.timezone = "America/New_York";
    writer_options.fsync_interval_ns = -1;
    struct qta_session_writer *writer = NULL;
    if (qta_session_writer_create(&writer, &writer_options, made->names, &err) != QTA_OK)
        fail_msg("%s", err.message);
    make_ticks(made, options, writer);
    if (qta_session_writer_close(writer, &err) != QTA_OK)
        fail_msg("%s", err.message);
    qta_session_writer_destroy(writer);
}

void session_finish(struct made_session *made)
{
    free(made->ticks);
    qta_dictionary_destroy(made->names);
}

void session_damage(const struct made_session *made)
{
    char path[400];
    snprintf(path, sizeof path, "%s/segments/000001.qseg", made->path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    assert_int_equal(fseek(file, ftell(file) / 2, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -1, SEEK_CUR), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}
