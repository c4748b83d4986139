/* The encoder turns rows into columns, sorts them by type of tick, and leaves each type to
 * type_columns.c and each column to column_encoder.c. */
#include "storage/block_encoder.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "storage/column_encoder.h"
#include "storage/name_map.h"
#include "storage/tick_names.h"
#include "storage/type_columns.h"

enum {
    /* rows whose distance is a power of two would all meet in the same places of the cache */
    WORDS_STRIDE = QTA_BLOCK_TICKS_MAX + 72,
};

/* Which words a type has, but those that all have; whether some may be texts. */
struct type_words {
    uint8_t words[QTA_TICK_WORDS];
    uint8_t count;
    bool has_texts;
};

struct qta_block_encoder {
    struct qta_column_encoder *columns;
    struct qta_type_columns *type_columns;
    struct type_words types[QTA_TICK_TYPE_END]; /* [0] for unknown ones */
    /* words of all types in the order of the ticks, the others sorted by type */
    uint64_t all_words[QTA_TICK_WORDS][WORDS_STRIDE];
    uint16_t all_symbols[QTA_BLOCK_TICKS_MAX]; /* by the words' place in their dictionary */
    size_t symbol_count;
    uint32_t places[QTA_BLOCK_TICKS_MAX]; /* ticks, by type */
    uint32_t by_type[256];
    /* the type at hand, where it is not the only one */
    uint64_t type_times[QTA_BLOCK_TICKS_MAX];
    uint16_t type_symbols[QTA_BLOCK_TICKS_MAX];
    /* times */
    uint8_t is_new_time[QTA_BLOCK_TICKS_MAX];
    uint64_t new_times[QTA_BLOCK_TICKS_MAX];
    /* texts */
    const struct qta_text_source *source; /* during encode */
    struct qta_name_map text_numbers;
    struct qta_packed_writer texts;
    uint32_t text_count;
    int level;
};

static void list_words(struct type_words *list, unsigned type)
{
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    list->has_texts = qta_tick_names_of(type)->text_count > 0;
    list->count = 0;
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++)
        if (word != QTA_WORD_SYMBOL && word != QTA_WORD_KIND &&
            layout->forms[word] != QTA_WORD_ABSENT)
            list->words[list->count++] = (uint8_t)word;
}

/* ---- life ---------------------------------------------------------------------------------- */

enum qta_status qta_block_encoder_create(struct qta_block_encoder **out, int level,
                                         struct qta_error *err)
{
    struct qta_block_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    encoder->level = level;
    enum qta_status status = qta_column_encoder_create(&encoder->columns, level, err);
    if (status == QTA_OK)
        status = qta_type_columns_create(&encoder->type_columns, err);
    if (status != QTA_OK) {
        qta_block_encoder_destroy(encoder);
        return status;
    }
    for (unsigned type = 0; type < QTA_TICK_TYPE_END; type++)
        list_words(&encoder->types[type], type);
    *out = encoder;
    return QTA_OK;
}

int qta_block_encoder_level(const struct qta_block_encoder *encoder)
{
    return encoder->level;
}

void qta_block_encoder_destroy(struct qta_block_encoder *encoder)
{
    if (!encoder)
        return;
    qta_column_encoder_destroy(encoder->columns);
    qta_type_columns_destroy(encoder->type_columns);
    qta_name_map_finish(&encoder->text_numbers);
    qta_packed_writer_finish(&encoder->texts);
    free(encoder);
}

uint64_t qta_block_encoder_column_bytes(const struct qta_block_encoder *encoder, unsigned type,
                                        size_t word)
{
    return qta_column_encoder_bytes(encoder->columns, type, word);
}

/* ---- words of all types -------------------------------------------------------------------- */

/* Ticks of one frame have one time: where that is the rule, each time is told once. */
static void put_times(struct qta_block_encoder *encoder, size_t count,
                      struct qta_packed_writer *out)
{
    const uint64_t *times = encoder->all_words[QTA_WORD_TS_RECV];
    struct qta_column_source source = {.type = QTA_COLUMN_ALL_TYPES,
                                       .word = QTA_WORD_TS_RECV,
                                       .numbers = times,
                                       .symbols = encoder->all_symbols,
                                       .count = count};
    size_t new_count = 0;
    for (size_t i = 0; i < count; i++) {
        encoder->is_new_time[i] = i == 0 || times[i] != times[i - 1];
        encoder->new_times[new_count] = times[i];
        new_count += encoder->is_new_time[i];
    }
    if (new_count > 1 && new_count <= count - count / 4) {
        qta_column_encoder_put_mask(encoder->columns, QTA_COLUMN_ALL_TYPES, 0, encoder->is_new_time,
                                    count, out);
        source.numbers = encoder->new_times;
        source.symbols = NULL;
        source.count = new_count;
        source.flags = QTA_COLUMN_KEPT;
        source.mask = 1;
    }
    qta_column_encoder_put_numbers(encoder->columns, &source, out);
}

/* Leaves each tick's symbol in all_symbols. */
static void put_common(struct qta_block_encoder *encoder, size_t count,
                       struct qta_packed_writer *out)
{
    const uint16_t *indices;
    struct qta_column_source source = {.type = QTA_COLUMN_ALL_TYPES,
                                       .word = QTA_WORD_KIND,
                                       .numbers = encoder->all_words[QTA_WORD_KIND],
                                       .count = count};
    qta_column_encoder_put_words(encoder->columns, &source, &indices, out);
    source.word = QTA_WORD_SYMBOL;
    source.numbers = encoder->all_words[QTA_WORD_SYMBOL];
    encoder->symbol_count = qta_column_encoder_put_words(encoder->columns, &source, &indices, out);
    memcpy(encoder->all_symbols, indices, count * sizeof *indices);
    qta_column_encoder_set_symbols(encoder->columns, encoder->symbol_count);
    put_times(encoder, count, out);
}

/* ---- types --------------------------------------------------------------------------------- */

/* A type has its words side by side; what is in the order of all ticks is picked out for it, where
 * others are between its ticks. */
static void put_type(struct qta_block_encoder *encoder, unsigned type, size_t start,
                     size_t all_count, struct qta_packed_writer *out)
{
    const struct qta_block_layout *layout = qta_block_layout_of(type);
    const uint32_t *places = encoder->places + start;
    struct qta_type_words words = {.type = type,
                                   .count = encoder->by_type[type],
                                   .symbols = encoder->all_symbols,
                                   .symbol_count = encoder->symbol_count};
    for (size_t word = QTA_WORD_TS_EVENT; word < QTA_TICK_WORDS; word++)
        if (layout->forms[word] != QTA_WORD_ABSENT)
            words.words[word] = encoder->all_words[word] + start;
    words.words[QTA_WORD_TS_RECV] = encoder->all_words[QTA_WORD_TS_RECV];
    if (words.count < all_count) {
        for (size_t i = 0; i < words.count; i++) {
            encoder->type_symbols[i] = encoder->all_symbols[places[i]];
            encoder->type_times[i] = encoder->all_words[QTA_WORD_TS_RECV][places[i]];
        }
        words.symbols = encoder->type_symbols;
        words.words[QTA_WORD_TS_RECV] = encoder->type_times;
    }
    qta_type_columns_put(encoder->type_columns, encoder->columns, &words, out);
}

/* ---- texts --------------------------------------------------------------------------------- */

/* The number of a text within the block, from 1. */
static uint32_t number_text(void *user, enum qta_name_kind kind, uint32_t id)
{
    struct qta_block_encoder *encoder = user;
    uint32_t number;
    if (qta_name_map_get(&encoder->text_numbers, kind, id, &number))
        return number;
    size_t length;
    const char *text = encoder->source->text(encoder->source->user, id, &length);
    number = ++encoder->text_count;
    if (!qta_name_map_set(&encoder->text_numbers, kind, id, number))
        encoder->texts.is_out_of_memory = true;
    qta_packed_writer_put_varint(&encoder->texts, length);
    qta_packed_writer_put(&encoder->texts, text, length);
    return number;
}

static void put_texts(struct qta_block_encoder *encoder, struct qta_packed_writer *out)
{
    qta_packed_writer_put_varint(out, encoder->text_count);
    if (encoder->text_count == 0)
        return;
    qta_packed_writer_put_varint(out, encoder->texts.length);
    qta_column_encoder_put_bytes(encoder->columns, encoder->texts.bytes, encoder->texts.length,
                                 out);
}

/* ---- blocks -------------------------------------------------------------------------------- */

static uint64_t load_word(const struct qta_tick *tick, size_t word)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)tick + word * sizeof value, sizeof value);
    return value;
}

static void count_types(struct qta_block_encoder *encoder, const struct qta_tick *ticks,
                        size_t count)
{
    memset(encoder->by_type, 0, sizeof encoder->by_type);
    for (size_t i = 0; i < count; i++)
        encoder->by_type[ticks[i].type]++;
}

static const struct type_words *words_of(const struct qta_block_encoder *encoder, unsigned type)
{
    return &encoder->types[type < QTA_TICK_TYPE_END ? type : QTA_TICK_NONE];
}

static void number_texts(struct qta_block_encoder *encoder, struct qta_tick *tick,
                         const struct type_words *list)
{
    if (list->has_texts || (tick->flags & QTA_FLAG_ID_IS_TEXT) != 0)
        qta_tick_translate_texts(tick, number_text, encoder);
}

static void take_word(struct qta_block_encoder *encoder, const struct qta_tick *ticks, size_t from,
                      size_t length, size_t word)
{
    uint64_t *to = encoder->all_words[word];
    for (size_t i = from; i < from + length; i++)
        to[i] = load_word(&ticks[i], word);
}

/* Rows become columns a few ticks at a time, which stay in the nearest cache. */
static void take_one_type(struct qta_block_encoder *encoder, struct qta_tick *ticks, size_t count)
{
    enum { CHUNK = 128 };
    const struct type_words *list = words_of(encoder, ticks[0].type);
    for (size_t from = 0; from < count; from += CHUNK) {
        size_t length = count - from < CHUNK ? count - from : CHUNK;
        for (size_t i = from; i < from + length; i++)
            number_texts(encoder, &ticks[i], list);
        take_word(encoder, ticks, from, length, QTA_WORD_TS_RECV);
        take_word(encoder, ticks, from, length, QTA_WORD_SYMBOL);
        take_word(encoder, ticks, from, length, QTA_WORD_KIND);
        for (size_t k = 0; k < list->count; k++)
            take_word(encoder, ticks, from, length, list->words[k]);
    }
}

/* Each tick's words go behind those of the ticks of its type. */
static void take_types(struct qta_block_encoder *encoder, struct qta_tick *ticks, size_t count)
{
    uint32_t ends[256];
    uint32_t start = 0;
    for (size_t type = 0; type < 256; type++) {
        ends[type] = start;
        start += encoder->by_type[type];
    }
    for (size_t i = 0; i < count; i++) {
        struct qta_tick *tick = &ticks[i];
        const struct type_words *list = words_of(encoder, tick->type);
        uint32_t place = ends[tick->type]++;
        number_texts(encoder, tick, list);
        encoder->places[place] = (uint32_t)i;
        for (size_t k = 0; k < list->count; k++) {
            size_t word = list->words[k];
            encoder->all_words[word][place] = load_word(tick, word);
        }
        encoder->all_words[QTA_WORD_TS_RECV][i] = load_word(tick, QTA_WORD_TS_RECV);
        encoder->all_words[QTA_WORD_SYMBOL][i] = load_word(tick, QTA_WORD_SYMBOL);
        encoder->all_words[QTA_WORD_KIND][i] = load_word(tick, QTA_WORD_KIND);
    }
}

/* The walk over the ticks: numbers their texts, turns rows into columns. */
static void take_words(struct qta_block_encoder *encoder, struct qta_tick *ticks, size_t count)
{
    count_types(encoder, ticks, count);
    if (encoder->by_type[ticks[0].type] == count)
        take_one_type(encoder, ticks, count);
    else
        take_types(encoder, ticks, count);
    assert(encoder->texts.length <= QTA_BLOCK_TEXT_BYTES_MAX);
}

static void put_types(const struct qta_block_encoder *encoder, struct qta_packed_writer *out)
{
    uint8_t type_count = 0;
    for (size_t type = 0; type < 256; type++)
        type_count += encoder->by_type[type] > 0;
    qta_packed_writer_put_u8(out, type_count);
    for (size_t type = 0; type < 256; type++)
        if (encoder->by_type[type] > 0) {
            qta_packed_writer_put_u8(out, (uint8_t)type);
            qta_packed_writer_put_varint(out, encoder->by_type[type]);
        }
}

enum qta_status qta_block_encode(struct qta_block_encoder *encoder, struct qta_tick *ticks,
                                 size_t count, const struct qta_text_source *texts,
                                 struct qta_packed_writer *out, struct qta_error *err)
{
    assert(count > 0 && count <= QTA_BLOCK_TICKS_MAX);
    encoder->source = texts;
    encoder->text_count = 0;
    qta_name_map_clear(&encoder->text_numbers);
    qta_packed_writer_clear(&encoder->texts);
    take_words(encoder, ticks, count);
    put_types(encoder, out);
    size_t column_count_at = out->length;
    qta_packed_writer_put_u16(out, 0);
    qta_column_encoder_begin(encoder->columns);
    put_common(encoder, count, out);
    uint32_t start = 0;
    for (unsigned type = 0; type < 256; type++) {
        if (encoder->by_type[type] > 0)
            put_type(encoder, type, start, count, out);
        start += encoder->by_type[type];
    }
    put_texts(encoder, out);
    if (out->is_out_of_memory || encoder->texts.is_out_of_memory)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a block");
    qta_store_u16(out->bytes + column_count_at,
                  (uint16_t)qta_column_encoder_count(encoder->columns));
    return QTA_OK;
}
