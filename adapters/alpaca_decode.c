/* Alpaca's frames as ticks.
 *
 * The functions that take a struct source_ops are written once and compiled twice: they are inlined
 * into decode_json() and decode_msgpack(), which pass a constant table. */
#include "adapters/alpaca_decode.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/tick.h>

#include "adapters/alpaca_fields.h"
#include "adapters/alpaca_json_source.h"
#include "adapters/alpaca_msgpack_source.h"

/* Symbols seen, by their first bytes: a table of one entry a place. */
enum { SYMBOL_CACHE_BITS = 12, SYMBOL_CACHE_COUNT = 1 << SYMBOL_CACHE_BITS };
struct cached_symbol {
    uint64_t word; /* up to seven plain bytes, as read_short() gives them; 0 for a free entry */
    uint32_t id;
};

/* One level of a book. */
struct level {
    struct qta_decimal price;
    struct qta_decimal size;
    uint32_t flags;
};

/* One side of a book: how many levels, the first one's place among those kept, and where to read
 * them again. */
struct levels {
    size_t count;
    size_t first;
    union bookmark start;
};

/* What a book has beside the tick. */
enum { LEVELS_KEPT = 128 };
struct book {
    bool is_snapshot;
    struct levels bids;
    struct levels asks;
    size_t seen; /* levels, of which the first LEVELS_KEPT are kept */
    struct level kept[LEVELS_KEPT];
};

struct qta_alpaca_decoder {
    struct qta_tick tick; /* the message being read */
    struct qta_adapter_host *host;
    const struct qta_alpaca_events *events;
    void *user;
    bool is_stopped;
    struct book book;
    struct workspace workspace;
    struct qta_alpaca_messages messages;
    struct cached_symbol symbols[SYMBOL_CACHE_COUNT];
};

/* Fields of a message, as masks. */
struct marks {
    uint32_t present;  /* read */
    uint32_t bad;      /* not what they should be */
    uint32_t odd;      /* left out, because we cannot hold them */
    uint32_t text_ids; /* trade ids that are text ids */
};

/* ------------------------------------------------------------------------------------------------
 * Faults */

static NEVER_INLINE void tell(struct qta_alpaca_decoder *decoder, enum qta_fault fault,
                              const char *detail)
{
    decoder->host->ops->fault(decoder->host, fault, detail);
}

static NEVER_INLINE void tell_field(struct qta_alpaca_decoder *decoder, enum qta_fault fault,
                                    const struct qta_alpaca_message *message, uint32_t fields,
                                    const char *what, size_t offset)
{
    char detail[160];
    char key[8];
    qta_alpaca_first_key_print(message, fields, key);
    snprintf(detail, sizeof detail, "%s: %s '%s', in the message that ends at byte %zu",
             message->name, what, key, offset);
    tell(decoder, fault, detail);
}

static NEVER_INLINE void tell_broken(struct qta_alpaca_decoder *decoder, enum qta_fault fault,
                                     const char *what, size_t offset, size_t length)
{
    char detail[160];
    snprintf(detail, sizeof detail, "%s at byte %zu of %zu", what, offset, length);
    tell(decoder, fault, detail);
}

static NEVER_INLINE void tell_unknown(struct qta_alpaca_decoder *decoder, uint64_t letter)
{
    char detail[64];
    bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
    snprintf(detail, sizeof detail, "message of unknown type '%c'", is_letter ? (int)letter : '?');
    tell(decoder, QTA_FAULT_UNKNOWN_TYPE, is_letter ? detail : "message of unknown type");
}

/* ------------------------------------------------------------------------------------------------
 * Names */

static NEVER_INLINE uint32_t intern(struct qta_alpaca_decoder *decoder, enum qta_name_kind kind,
                                    struct text text)
{
    return decoder->host->ops->intern(decoder->host, kind, text.bytes, text.length);
}

static NEVER_INLINE uint32_t intern_short(struct qta_alpaca_decoder *decoder,
                                          enum qta_name_kind kind, uint64_t word)
{
    char bytes[8];
    size_t length = 0;
    for (; word; word >>= 8)
        bytes[length++] = (char)(word & 0xff);
    return intern(decoder, kind, (struct text){bytes, length});
}

static NEVER_INLINE uint32_t symbol_of_new(struct qta_alpaca_decoder *decoder,
                                           struct cached_symbol *cached, uint64_t word)
{
    uint32_t id = intern_short(decoder, QTA_NAME_SYMBOL, word);
    if (id != 0 && id != QTA_NAME_OTHER) /* a refusal is to be counted each time */
        *cached = (struct cached_symbol){.word = word, .id = id};
    return id;
}

ALWAYS_INLINE uint32_t symbol_of_short(struct qta_alpaca_decoder *decoder, uint64_t word)
{
    uint64_t place = word * UINT64_C(0x9e3779b97f4a7c15) >> (64 - SYMBOL_CACHE_BITS);
    struct cached_symbol *cached = &decoder->symbols[place];
    if (LIKELY(cached->word == word)) /* which is not 0, as free entries are */
        return cached->id;
    return symbol_of_new(decoder, cached, word);
}

/* ------------------------------------------------------------------------------------------------
 * Fields */

ALWAYS_INLINE enum outcome read_symbol(struct qta_alpaca_decoder *decoder,
                                       const struct source_ops *ops, void *source)
{
    uint64_t word;
    struct text text;
    if (LIKELY(ops->read_short(source, &word))) {
        if (!LIKELY(word))
            return OUTCOME_ABSENT;
        decoder->tick.symbol = symbol_of_short(decoder, word);
        return OUTCOME_READ;
    }
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome != OUTCOME_READ || text.length == 0)
        return outcome == OUTCOME_READ ? OUTCOME_ABSENT : outcome;
    decoder->tick.symbol = intern(decoder, QTA_NAME_SYMBOL, text);
    return OUTCOME_READ;
}

ALWAYS_INLINE enum outcome read_code(struct qta_alpaca_decoder *decoder,
                                     const struct source_ops *ops, void *source, uint16_t *code)
{
    struct text text;
    if (LIKELY(ops->read_letter(source, code))) /* a code of one byte is its own id */
        return OUTCOME_READ;
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome == OUTCOME_READ)
        *code = (uint16_t)intern(decoder, QTA_NAME_CODE, text);
    return outcome;
}

ALWAYS_INLINE enum outcome read_conditions(struct qta_alpaca_decoder *decoder,
                                           const struct source_ops *ops, void *source,
                                           uint16_t conditions[QTA_CONDITIONS_MAX])
{
    struct place place;
    size_t count = 0;
    enum outcome outcome = OUTCOME_READ;
    if (LIKELY(ops->read_letters(source, conditions)))
        return OUTCOME_READ;
    memset(conditions, 0, QTA_CONDITIONS_MAX * sizeof conditions[0]);
    if (!ops->enter_list(source, &place))
        return read_code(decoder, ops, source, &conditions[0]);
    while (ops->next_item(source, &place)) {
        uint16_t code = 0;
        if (read_code(decoder, ops, source, &code) == OUTCOME_WRONG)
            outcome = OUTCOME_WRONG;
        if (code == 0) /* an empty or absent one */
            continue;
        if (count < QTA_CONDITIONS_MAX)
            conditions[count++] = code;
        else
            decoder->tick.flags |= QTA_FLAG_CONDITIONS_CUT;
    }
    return outcome;
}

ALWAYS_INLINE enum outcome read_text_id(struct qta_alpaca_decoder *decoder,
                                        const struct source_ops *ops, void *source, uint32_t *id)
{
    struct text text;
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome == OUTCOME_READ)
        *id = intern(decoder, QTA_NAME_TEXT, text);
    return outcome;
}

ALWAYS_INLINE enum outcome read_trade_id(struct qta_alpaca_decoder *decoder,
                                         const struct source_ops *ops, void *source,
                                         uint64_t *number, bool *is_text)
{
    struct trade_id id;
    enum outcome outcome = ops->read_id(source, &decoder->workspace, &id, &decoder->tick.flags);
    *is_text = false;
    if (LIKELY(outcome == OUTCOME_READ && !id.is_text)) {
        *number = id.number;
        return OUTCOME_READ;
    }
    if (outcome != OUTCOME_READ || id.text.length == 0)
        return outcome == OUTCOME_READ ? OUTCOME_ABSENT : outcome;
    *is_text = true;
    *number = intern(decoder, QTA_NAME_TEXT, id.text);
    return OUTCOME_READ;
}

/* Reads a string that stands for one of a few letters: its byte, 0 for none. */
ALWAYS_INLINE enum outcome read_letter(struct qta_alpaca_decoder *decoder,
                                       const struct source_ops *ops, void *source, uint8_t *letter,
                                       bool *is_odd)
{
    struct text text;
    uint16_t code = 0;
    *is_odd = false;
    if (LIKELY(ops->read_letter(source, &code))) {
        *letter = (uint8_t)code;
        return OUTCOME_READ;
    }
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    *letter = text.length == 1 ? (uint8_t)text.bytes[0] : 0;
    *is_odd = text.length > 1;
    return outcome;
}

ALWAYS_INLINE enum outcome read_level(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, void *source,
                                      struct level *level)
{
    struct place place;
    uint32_t key = 0;
    bool is_good = true;
    *level = (struct level){.price = qta_decimal_null(), .size = qta_decimal_null()};
    if (LIKELY(ops->read_level(source, &level->price, &level->size)))
        return OUTCOME_READ;
    level->price = level->size = qta_decimal_null();
    if (!ops->enter_map(source, &place)) {
        ops->skip(source);
        return OUTCOME_WRONG;
    }
    while (ops->next_key(source, &place, &decoder->workspace, &key)) {
        struct qta_decimal *value = key == 'p' ? &level->price : key == 's' ? &level->size : NULL;
        if (!value)
            ops->skip(source);
        else if (ops->read_decimal(source, value, &level->flags) != OUTCOME_READ)
            is_good = false;
    }
    is_good &= !qta_decimal_is_null(level->price) && !qta_decimal_is_null(level->size);
    return is_good ? OUTCOME_READ : OUTCOME_WRONG;
}

/* Reads the levels of one side: whether they are a snapshot may only be known behind them. */
ALWAYS_INLINE enum outcome read_levels(struct qta_alpaca_decoder *decoder,
                                       const struct source_ops *ops, void *source,
                                       struct levels *levels)
{
    struct book *book = &decoder->book;
    struct place place;
    enum outcome outcome = OUTCOME_READ;
    size_t count = 0;
    levels->first = book->seen;
    ops->save(source, &levels->start);
    if (!ops->enter_list(source, &place)) {
        levels->count = 0;
        return ops->read_other(source);
    }
    while (ops->next_item(source, &place)) {
        struct level level;
        if (read_level(decoder, ops, source, &level) != OUTCOME_READ)
            outcome = OUTCOME_WRONG;
        if (book->seen + count < LEVELS_KEPT)
            book->kept[book->seen + count] = level;
        count++;
    }
    levels->count = count;
    book->seen += count;
    return outcome;
}

/* Reads one field into the tick. */
ALWAYS_INLINE enum outcome read_field(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, void *source,
                                      const struct qta_alpaca_field *field, struct marks *marks)
{
    struct qta_tick *tick = &decoder->tick;
    void *place = (char *)tick + field->offset;
    struct qta_decimal decimal = qta_decimal_null();
    uint8_t letter = 0;
    bool is_odd = false;
    bool is_text = false;
    enum outcome outcome;
    switch (field->kind) {
    case QTA_ALPACA_FIELD_NONE:
        ops->skip(source);
        return OUTCOME_READ;
    case QTA_ALPACA_FIELD_SYMBOL:
        return read_symbol(decoder, ops, source);
    case QTA_ALPACA_FIELD_TIME:
        return ops->read_time(source, &decoder->workspace, &tick->ts_event_ns);
    case QTA_ALPACA_FIELD_DECIMAL:
        outcome = ops->read_decimal(source, &decimal, &tick->flags);
        if (LIKELY(outcome == OUTCOME_READ)) {
            *(int64_t *)place = decimal.mantissa;
            *((int8_t *)tick + field->exponent_offset) = decimal.exponent;
        }
        return outcome;
    case QTA_ALPACA_FIELD_ID:
        outcome = read_trade_id(decoder, ops, source, place, &is_text);
        marks->text_ids &= ~field->bit; /* the last one counts */
        marks->text_ids |= is_text ? field->bit : 0;
        return outcome;
    case QTA_ALPACA_FIELD_COUNT:
        return ops->read_count(source, place, &tick->flags);
    case QTA_ALPACA_FIELD_CODE:
        return read_code(decoder, ops, source, place);
    case QTA_ALPACA_FIELD_CONDITIONS:
        return read_conditions(decoder, ops, source, place);
    case QTA_ALPACA_FIELD_TEXT:
        return read_text_id(decoder, ops, source, place);
    case QTA_ALPACA_FIELD_TAPE:
        outcome = read_letter(decoder, ops, source, place, &is_odd);
        break;
    case QTA_ALPACA_FIELD_SIDE:
        outcome = read_letter(decoder, ops, source, &letter, &is_odd);
        *(uint8_t *)place = letter == 'B'   ? QTA_SIDE_BUY
                            : letter == 'S' ? QTA_SIDE_SELL
                                            : QTA_SIDE_UNKNOWN;
        is_odd |= *(uint8_t *)place == QTA_SIDE_UNKNOWN && letter != 0;
        break;
    case QTA_ALPACA_FIELD_BIDS:
    case QTA_ALPACA_FIELD_ASKS:
        return read_levels(decoder, ops, source,
                           field->kind == QTA_ALPACA_FIELD_BIDS ? &decoder->book.bids
                                                                : &decoder->book.asks);
    case QTA_ALPACA_FIELD_RESET:
        return ops->read_flag(source, &decoder->book.is_snapshot);
    default:
        __builtin_unreachable(); /* the table has no others */
    }
    marks->odd |= is_odd ? field->bit : 0;
    return outcome;
}

/* ------------------------------------------------------------------------------------------------
 * Market messages */

static void emit(struct qta_alpaca_decoder *decoder, struct qta_tick *tick)
{
    decoder->host->ops->emit(decoder->host, tick);
}

/* A price of 0 says that there is nobody on that side. */
ALWAYS_INLINE void drop_empty_side(int64_t price, int8_t *price_exponent, int64_t size,
                                   int8_t *size_exponent, uint16_t *exchange)
{
    if (LIKELY(price != 0))
        return;
    *price_exponent = QTA_DECIMAL_NULL_EXPONENT;
    if (size == 0)
        *size_exponent = QTA_DECIMAL_NULL_EXPONENT;
    if (*exchange == ' ')
        *exchange = 0;
}

ALWAYS_INLINE void drop_empty_sides(struct qta_quote *quote)
{
    drop_empty_side(quote->bid_price_mantissa, &quote->bid_price_exponent, quote->bid_size_mantissa,
                    &quote->bid_size_exponent, &quote->bid_exchange);
    drop_empty_side(quote->ask_price_mantissa, &quote->ask_price_exponent, quote->ask_size_mantissa,
                    &quote->ask_size_exponent, &quote->ask_exchange);
}

/* The flag speaks for all ids of a tick: when one is text, so is the other. */
static NEVER_INLINE void make_ids_text(struct qta_alpaca_decoder *decoder,
                                       const struct qta_alpaca_message *message, uint32_t text_ids)
{
    struct qta_tick *tick = &decoder->tick;
    tick->flags |= QTA_FLAG_ID_IS_TEXT;
    for (size_t i = 0; i < QTA_ALPACA_SLOT_COUNT; i++) {
        const struct qta_alpaca_field *field = &message->slots[i];
        uint64_t *id = (void *)((char *)tick + field->offset);
        if (field->kind != QTA_ALPACA_FIELD_ID || (text_ids & field->bit) || *id == QTA_U64_NONE)
            continue;
        char digits[24];
        int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)*id);
        *id = intern(decoder, QTA_NAME_TEXT, (struct text){digits, (size_t)length});
    }
}

/* The ticks of one book message: how many are to come yet. */
struct levels_left {
    size_t all;
    size_t left;
};

/* decoder->tick is the same for all levels: nothing is stored into it between two copies, which
 * would hold the second one up. */
static void emit_level(struct qta_alpaca_decoder *decoder, const struct level *level,
                       enum qta_side side, struct levels_left *levels)
{
    struct qta_tick tick = decoder->tick;
    tick.flags |= level->flags | (levels->left == levels->all ? QTA_FLAG_BOOK_FIRST : 0);
    levels->left--;
    tick.flags |= levels->left == 0 ? QTA_FLAG_BOOK_LAST : 0;
    tick.book.side = (uint8_t)side;
    tick.book.action = level->size.mantissa == 0 ? QTA_BOOK_DELETE : QTA_BOOK_SET;
    QTA_TICK_SET_DECIMAL(tick.book, price, level->price);
    QTA_TICK_SET_DECIMAL(tick.book, size, level->size);
    emit(decoder, &tick);
}

ALWAYS_INLINE void emit_levels(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                               void *source, const struct levels *levels, enum qta_side side,
                               struct levels_left *left)
{
    union bookmark now;
    struct place place;
    struct level level;
    size_t emitted = 0;
    for (; emitted < levels->count && levels->first + emitted < LEVELS_KEPT; emitted++)
        emit_level(decoder, &decoder->book.kept[levels->first + emitted], side, left);
    if (emitted == levels->count)
        return;
    ops->save(source, &now);
    ops->restore(source, &levels->start);
    ops->enter_list(source, &place);
    for (size_t i = 0; ops->next_item(source, &place); i++) {
        read_level(decoder, ops, source, &level);
        if (i >= emitted)
            emit_level(decoder, &level, side, left);
    }
    ops->restore(source, &now);
}

ALWAYS_INLINE void emit_book(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                             void *source)
{
    struct qta_tick *tick = &decoder->tick;
    struct book *book = &decoder->book;
    size_t count = book->bids.count + book->asks.count;
    struct levels_left left = {.all = count, .left = count};
    tick->flags |= book->is_snapshot ? QTA_FLAG_BOOK_SNAPSHOT : 0;
    if (count == 0 && book->is_snapshot) {
        tick->book.action = QTA_BOOK_CLEAR;
        tick->flags |= QTA_FLAG_BOOK_FIRST | QTA_FLAG_BOOK_LAST;
        emit(decoder, tick);
    }
    for (int side = QTA_SIDE_BUY; side <= QTA_SIDE_SELL; side++)
        emit_levels(decoder, ops, source, side == QTA_SIDE_BUY ? &book->bids : &book->asks,
                    (enum qta_side)side, &left);
}

static bool has_all_fields(const struct qta_alpaca_message *message, uint32_t present)
{
    return !(message->required & ~present) && (!message->one_of || (message->one_of & present));
}

/* Tells what is wrong with a message; false when it cannot be used. */
static NEVER_INLINE bool judge(struct qta_alpaca_decoder *decoder,
                               const struct qta_alpaca_message *message, struct marks marks,
                               size_t offset)
{
    uint32_t missing = message->required & ~marks.present;
    if (marks.bad) {
        tell_field(decoder, QTA_FAULT_VALUE, message, marks.bad, "bad value of", offset);
        return false;
    }
    if (!has_all_fields(message, marks.present)) {
        tell_field(decoder, QTA_FAULT_MISSING, message, missing ? missing : message->one_of,
                   "missing", offset);
        return false;
    }
    tell_field(decoder, QTA_FAULT_VALUE, message, marks.odd, "left out the odd value of", offset);
    return true;
}

/* The rest of a market message, whose map has been entered, as ticks. */
ALWAYS_INLINE void read_market(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                               void *source, struct place place, struct qta_alpaca_message *message)
{
    struct marks marks = {0};
    const struct qta_alpaca_field *field = NULL;
    bool is_book = message->blank.type == QTA_TICK_BOOK;
    place.expected = message->expected;
    decoder->tick = message->blank;
    if (is_book) {
        decoder->book.is_snapshot = false;
        decoder->book.bids.count = decoder->book.asks.count = decoder->book.seen = 0;
    }
    while (ops->next_field(source, &place, &decoder->workspace, message, &field)) {
        enum outcome outcome = read_field(decoder, ops, source, field, &marks);
        if (LIKELY(outcome == OUTCOME_READ))
            marks.present |= field->bit;
        else if (outcome == OUTCOME_WRONG)
            marks.bad |= field->bit;
    }
    if (ops->is_broken(source))
        return;
    bool is_good = has_all_fields(message, marks.present) && !marks.bad && !marks.odd;
    if (!LIKELY(is_good) && !judge(decoder, message, marks, ops->offset(source)))
        return;
    if (marks.text_ids)
        make_ids_text(decoder, message, marks.text_ids);
    if (is_book) {
        emit_book(decoder, ops, source);
        return;
    }
    if (decoder->tick.type == QTA_TICK_QUOTE)
        drop_empty_sides(&decoder->tick.quote);
    emit(decoder, &decoder->tick);
}

/* ------------------------------------------------------------------------------------------------
 * The session's own messages */

/* The venue's words about itself, cut to what a log can use. */
struct words {
    char bytes[256];
    size_t length;
};

ALWAYS_INLINE enum outcome read_words(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, void *source,
                                      struct words *words)
{
    struct text text;
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome != OUTCOME_READ)
        return outcome;
    words->length = text.length < sizeof words->bytes ? text.length : sizeof words->bytes;
    memcpy(words->bytes, text.bytes, words->length);
    return OUTCOME_READ;
}

/* {"T":"success"} and {"T":"error"}. */
ALWAYS_INLINE void read_notice(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                               void *source, bool is_error)
{
    struct place place;
    uint32_t flags = 0;
    uint32_t key = 0;
    uint64_t code = UINT64_MAX;
    struct words words;
    bool is_good = true;
    words.length = 0;
    ops->enter_map(source, &place);
    while (ops->next_key(source, &place, &decoder->workspace, &key)) {
        if (key == ('m' | 's' << 8 | 'g' << 16))
            is_good &= read_words(decoder, ops, source, &words) != OUTCOME_WRONG;
        else if (key == ('c' | 'o' << 8 | 'd' << 16 | 'e' << 24))
            is_good &= ops->read_count(source, &code, &flags) != OUTCOME_WRONG;
        else
            ops->skip(source);
    }
    if (!is_good || (is_error && code > INT32_MAX))
        tell(decoder, QTA_FAULT_VALUE, is_error ? "bad error message" : "bad success message");
    else if (is_error)
        decoder->events->on_error(decoder->user, (int64_t)code, words.bytes, words.length);
    else
        decoder->events->on_success(decoder->user, words.bytes, words.length);
}

ALWAYS_INLINE bool read_channel(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                void *source, enum qta_alpaca_channel channel)
{
    struct place place;
    struct text symbol;
    bool is_good = true;
    if (!ops->enter_list(source, &place))
        return ops->read_other(source) == OUTCOME_ABSENT;
    while (ops->next_item(source, &place)) {
        if (ops->read_text(source, &decoder->workspace, &symbol) == OUTCOME_READ)
            decoder->events->on_subscription_symbol(decoder->user, channel, symbol.bytes,
                                                    symbol.length);
        else
            is_good = false;
    }
    return is_good;
}

ALWAYS_INLINE void read_subscription(struct qta_alpaca_decoder *decoder,
                                     const struct source_ops *ops, void *source)
{
    struct place place;
    struct text key;
    bool is_good = true;
    decoder->events->on_subscription_begin(decoder->user);
    ops->enter_map(source, &place);
    while (ops->next_long_key(source, &place, &decoder->workspace, &key)) {
        enum qta_alpaca_channel channel = qta_alpaca_channel_find(key.bytes, key.length);
        if (channel == QTA_ALPACA_CHANNEL_COUNT)
            ops->skip(source);
        else
            is_good &= read_channel(decoder, ops, source, channel);
    }
    if (!is_good)
        tell(decoder, QTA_FAULT_VALUE, "bad subscription message");
    decoder->events->on_subscription_end(decoder->user, is_good);
}

/* ------------------------------------------------------------------------------------------------
 * Messages and frames */

enum message_kind {
    MESSAGE_LETTER, /* a type of one letter: a market message, if we know it */
    MESSAGE_SUCCESS,
    MESSAGE_ERROR,
    MESSAGE_SUBSCRIPTION,
    MESSAGE_UNKNOWN,
    MESSAGE_NO_TYPE,
    MESSAGE_BAD_TYPE,
};

/* Reads the value of "T". */
ALWAYS_INLINE enum message_kind read_kind(struct qta_alpaca_decoder *decoder,
                                          const struct source_ops *ops, void *source,
                                          uint64_t *letter)
{
    static const struct {
        const char *name;
        enum message_kind kind;
    } kinds[] = {
        {"success", MESSAGE_SUCCESS},
        {"error", MESSAGE_ERROR},
        {"subscription", MESSAGE_SUBSCRIPTION},
    };
    struct text text;
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome != OUTCOME_READ)
        return outcome == OUTCOME_ABSENT ? MESSAGE_NO_TYPE : MESSAGE_BAD_TYPE;
    if (text.length == 1) {
        *letter = (uint8_t)text.bytes[0];
        return MESSAGE_LETTER;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text.length == strlen(kinds[i].name) &&
            memcmp(text.bytes, kinds[i].name, text.length) == 0)
            return kinds[i].kind;
    return MESSAGE_UNKNOWN;
}

/* Reads past a message in search of its type, so that all of it is known to be whole. */
ALWAYS_INLINE enum message_kind find_kind(struct qta_alpaca_decoder *decoder,
                                          const struct source_ops *ops, void *source,
                                          uint64_t *letter)
{
    struct place place;
    uint32_t key = 0;
    enum message_kind kind = MESSAGE_NO_TYPE;
    if (!ops->enter_map(source, &place)) {
        ops->skip(source);
        return MESSAGE_BAD_TYPE;
    }
    while (ops->next_key(source, &place, &decoder->workspace, &key)) {
        if (key == 'T')
            kind = read_kind(decoder, ops, source, letter);
        else
            ops->skip(source);
    }
    return kind;
}

/* A message that does not start with the type of a market message. */
ALWAYS_INLINE void read_unusual(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                void *source)
{
    union bookmark start;
    union bookmark end;
    struct place place;
    uint64_t letter = 0;
    ops->save(source, &start);
    enum message_kind kind = find_kind(decoder, ops, source, &letter);
    if (ops->is_broken(source))
        return;
    struct qta_alpaca_message *message = NULL;
    if (kind == MESSAGE_LETTER)
        message = qta_alpaca_message_find(&decoder->messages, letter);
    ops->save(source, &end);
    ops->restore(source, &start);
    if (message) {
        ops->enter_map(source, &place);
        read_market(decoder, ops, source, place, message);
    } else if (kind == MESSAGE_SUBSCRIPTION) {
        read_subscription(decoder, ops, source);
    } else if (kind == MESSAGE_SUCCESS || kind == MESSAGE_ERROR) {
        read_notice(decoder, ops, source, kind == MESSAGE_ERROR);
    } else if (kind == MESSAGE_NO_TYPE) {
        tell(decoder, QTA_FAULT_MISSING, "message without a type");
    } else if (kind == MESSAGE_BAD_TYPE) {
        tell(decoder, QTA_FAULT_VALUE, "message that is no map, or whose type is no string");
    } else {
        tell_unknown(decoder, letter);
    }
    ops->restore(source, &end);
}

ALWAYS_INLINE void read_message(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                void *source, void (*unusual)(struct qta_alpaca_decoder *, void *))
{
    struct place place;
    struct qta_alpaca_message *message = ops->enter_message(source, &place, &decoder->messages);
    if (LIKELY(message != NULL))
        read_market(decoder, ops, source, place, message);
    else
        unusual(decoder, source);
}

ALWAYS_INLINE void read_frame(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                              void *source, void (*unusual)(struct qta_alpaca_decoder *, void *),
                              size_t length)
{
    struct place place;
    if (ops->enter_list(source, &place)) {
        while (!decoder->is_stopped && ops->next_item(source, &place))
            read_message(decoder, ops, source, unusual);
    } else {
        read_message(decoder, ops, source, unusual);
    }
    if (!decoder->is_stopped && !ops->finish(source))
        tell_broken(decoder, ops->fault(source), ops->fault_name(source), ops->offset(source),
                    length);
}

/* The unusual is out of line, and on a copy: see alpaca_json_source.h. */
static NEVER_INLINE void read_unusual_json(struct qta_alpaca_decoder *decoder,
                                           struct qta_json_reader *reader)
{
    read_unusual(decoder, &json_ops, reader);
}

ALWAYS_INLINE void unusual_json(struct qta_alpaca_decoder *decoder, void *source)
{
    struct qta_json_reader *reader = source;
    struct qta_json_reader copy = *reader;
    read_unusual_json(decoder, &copy);
    *reader = copy;
}

static NEVER_INLINE void unusual_msgpack(struct qta_alpaca_decoder *decoder, void *source)
{
    read_unusual(decoder, &msgpack_ops, source);
}

static void decode_json(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame)
{
    struct qta_json_reader reader;
    qta_json_reader_init(&reader, frame->bytes, frame->length);
    read_frame(decoder, &json_ops, &reader, unusual_json, frame->length);
}

static void decode_msgpack(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame)
{
    struct qta_msgpack_reader reader;
    qta_msgpack_reader_init(&reader, frame->bytes, frame->length);
    read_frame(decoder, &msgpack_ops, &reader, unusual_msgpack, frame->length);
}

/* ------------------------------------------------------------------------------------------------
 * The decoder */

enum qta_status qta_alpaca_decoder_create(struct qta_alpaca_decoder **out,
                                          struct qta_adapter_host *host,
                                          const struct qta_alpaca_events *events, void *user,
                                          struct qta_error *err)
{
    assert(out);
    assert(host);
    assert(events);
    struct qta_alpaca_decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a decoder");
    decoder->host = host;
    decoder->events = events;
    decoder->user = user;
    qta_alpaca_messages_init(&decoder->messages);
    /* a minute that exists, with its own time: zeros would match a text of zeros */
    memcpy(decoder->workspace.minute_text, "1970-01-01T00:00",
           sizeof decoder->workspace.minute_text);
    *out = decoder;
    return QTA_OK;
}

void qta_alpaca_decoder_destroy(struct qta_alpaca_decoder *decoder)
{
    free(decoder);
}

void qta_alpaca_decode(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame)
{
    decoder->is_stopped = false;
    bool starts_as_json = frame->length > 0 && (frame->bytes[0] == '[' || frame->bytes[0] == '{');
    if (frame->is_binary && !starts_as_json)
        decode_msgpack(decoder, frame);
    else
        decode_json(decoder, frame);
}

void qta_alpaca_decoder_stop(struct qta_alpaca_decoder *decoder)
{
    decoder->is_stopped = true;
}
