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
#include "adapters/alpaca_source.h"

/* Symbols seen, by their first bytes: a table of one entry a place. */
enum { SYMBOL_CACHE_BITS = 12, SYMBOL_CACHE_COUNT = 1 << SYMBOL_CACHE_BITS };
struct cached_symbol {
    uint64_t word; /* up to seven plain bytes, as read_short() gives them; 0 for a free entry */
    uint32_t id;
};

struct qta_alpaca_decoder {
    struct qta_tick tick; /* the message being read */
    struct qta_adapter_host *host;
    const struct qta_alpaca_events *events;
    void *user;
    bool is_stopped;
    struct workspace workspace;
    struct qta_alpaca_messages messages;
    struct cached_symbol symbols[SYMBOL_CACHE_COUNT];
};

/* One level of a book. */
struct level {
    struct qta_decimal price;
    struct qta_decimal size;
    uint32_t flags;
};

/* One side of a book: checked, counted, and where to read it again. */
struct levels {
    size_t count;
    struct source source;
};

/* What is known of a message while it is read, beside the tick. */
struct progress {
    const struct qta_alpaca_message *message;
    uint32_t present;  /* fields read, by index */
    uint32_t bad;      /* fields that are not what they should be */
    uint32_t text_ids; /* fields of kind ID that hold text ids */
    uint32_t odd;      /* fields left out because we cannot hold them */
    bool is_snapshot;
    struct levels bids;
    struct levels asks;
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

/* ------------------------------------------------------------------------------------------------
 * Names */

static uint32_t intern(struct qta_alpaca_decoder *decoder, enum qta_name_kind kind,
                       struct text text)
{
    return decoder->host->ops->intern(decoder->host, kind, text.bytes, text.length);
}

/* The bytes of a short string, as text again. */
static struct text unpack(uint64_t word, char bytes[8])
{
    size_t length = 0;
    for (; word; word >>= 8)
        bytes[length++] = (char)(word & 0xff);
    return (struct text){bytes, length};
}

static NEVER_INLINE uint32_t intern_short(struct qta_alpaca_decoder *decoder,
                                          enum qta_name_kind kind, uint64_t word)
{
    char bytes[8];
    return intern(decoder, kind, unpack(word, bytes));
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
    if (LIKELY(cached->word == word && word != 0))
        return cached->id;
    return symbol_of_new(decoder, cached, word);
}

/* ------------------------------------------------------------------------------------------------
 * Fields */

ALWAYS_INLINE enum outcome read_symbol(struct qta_alpaca_decoder *decoder,
                                       const struct source_ops *ops, struct source *source)
{
    uint64_t word;
    struct text text;
    if (LIKELY(ops->read_short(source, &word))) {
        decoder->tick.symbol = symbol_of_short(decoder, word);
        return word ? OUTCOME_READ : OUTCOME_ABSENT;
    }
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome != OUTCOME_READ)
        return outcome;
    decoder->tick.symbol = intern(decoder, QTA_NAME_SYMBOL, text);
    return text.length ? OUTCOME_READ : OUTCOME_ABSENT;
}

ALWAYS_INLINE enum outcome read_code(struct qta_alpaca_decoder *decoder,
                                     const struct source_ops *ops, struct source *source,
                                     uint16_t *code)
{
    uint64_t word;
    struct text text;
    if (LIKELY(ops->read_letter(source, code))) /* a code of one byte is its own id */
        return OUTCOME_READ;
    if (ops->read_short(source, &word)) {
        *code = (uint16_t)intern_short(decoder, QTA_NAME_CODE, word);
        return OUTCOME_READ;
    }
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome == OUTCOME_READ)
        *code = (uint16_t)intern(decoder, QTA_NAME_CODE, text);
    return outcome;
}

ALWAYS_INLINE enum outcome read_conditions(struct qta_alpaca_decoder *decoder,
                                           const struct source_ops *ops, struct source *source,
                                           uint16_t conditions[QTA_CONDITIONS_MAX])
{
    uint32_t left;
    size_t count = 0;
    uint16_t code = 0;
    enum outcome outcome = OUTCOME_READ;
    if (LIKELY(ops->read_letters(source, conditions)))
        return OUTCOME_READ;
    memset(conditions, 0, QTA_CONDITIONS_MAX * sizeof conditions[0]);
    if (!ops->enter_list(source, &left))
        return read_code(decoder, ops, source, &conditions[0]);
    while (ops->next_item(source, &left)) {
        enum outcome read = read_code(decoder, ops, source, &code);
        if (read == OUTCOME_WRONG)
            outcome = OUTCOME_WRONG;
        if (read != OUTCOME_READ || code == 0)
            continue;
        if (count < QTA_CONDITIONS_MAX)
            conditions[count++] = code;
        else
            decoder->tick.flags |= QTA_FLAG_CONDITIONS_CUT;
    }
    return outcome;
}

ALWAYS_INLINE enum outcome read_text_id(struct qta_alpaca_decoder *decoder,
                                        const struct source_ops *ops, struct source *source,
                                        uint32_t *id)
{
    struct text text;
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome == OUTCOME_READ)
        *id = intern(decoder, QTA_NAME_TEXT, text);
    return outcome;
}

ALWAYS_INLINE enum outcome read_trade_id(struct qta_alpaca_decoder *decoder,
                                         const struct source_ops *ops, struct source *source,
                                         uint64_t *number, bool *is_text)
{
    struct trade_id id;
    enum outcome outcome = ops->read_id(source, &decoder->workspace, &id, &decoder->tick.flags);
    if (outcome != OUTCOME_READ)
        return outcome;
    *is_text = id.is_text;
    *number = id.number;
    if (LIKELY(!id.is_text))
        return OUTCOME_READ;
    if (id.text.length == 0)
        return OUTCOME_ABSENT;
    *number = intern(decoder, QTA_NAME_TEXT, id.text);
    return OUTCOME_READ;
}

/* Reads a string that stands for one of a few letters: its byte, 0 for none. */
ALWAYS_INLINE enum outcome read_letter(struct qta_alpaca_decoder *decoder,
                                       const struct source_ops *ops, struct source *source,
                                       uint8_t *letter, bool *is_odd)
{
    struct text text;
    uint16_t code;
    *letter = 0;
    *is_odd = false;
    if (LIKELY(ops->read_letter(source, &code))) {
        *letter = (uint8_t)code;
        return OUTCOME_READ;
    }
    enum outcome outcome = ops->read_text(source, &decoder->workspace, &text);
    if (outcome == OUTCOME_READ && text.length == 1)
        *letter = (uint8_t)text.bytes[0];
    *is_odd = text.length > 1;
    return outcome;
}

ALWAYS_INLINE enum outcome read_level(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, struct source *source,
                                      struct level *level)
{
    uint32_t left;
    uint32_t key = 0;
    bool is_good = true;
    *level = (struct level){.price = qta_decimal_null(), .size = qta_decimal_null()};
    if (!ops->enter_map(source, &left)) {
        ops->skip(source);
        return OUTCOME_WRONG;
    }
    while (ops->next_key(source, &decoder->workspace, &left, &key)) {
        if (key == 'p')
            is_good &= ops->read_decimal(source, &level->price, &level->flags) == OUTCOME_READ;
        else if (key == 's')
            is_good &= ops->read_decimal(source, &level->size, &level->flags) == OUTCOME_READ;
        else
            ops->skip(source);
    }
    is_good &= !qta_decimal_is_null(level->price) && !qta_decimal_is_null(level->size);
    return is_good ? OUTCOME_READ : OUTCOME_WRONG;
}

/* Reads past the levels of one side, checking and counting them: whether they are a snapshot may
 * only be known behind them. */
ALWAYS_INLINE enum outcome check_levels(struct qta_alpaca_decoder *decoder,
                                        const struct source_ops *ops, struct source *source,
                                        struct levels *levels)
{
    uint32_t left;
    struct level level;
    enum outcome outcome = OUTCOME_READ;
    levels->count = 0;
    levels->source = *source;
    if (!ops->enter_list(source, &left))
        return ops->read_other(source);
    while (ops->next_item(source, &left)) {
        if (read_level(decoder, ops, source, &level) != OUTCOME_READ)
            outcome = OUTCOME_WRONG;
        levels->count++;
    }
    return outcome;
}

/* Reads one field into the tick. */
ALWAYS_INLINE enum outcome read_field(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, struct source *source,
                                      const struct qta_alpaca_field *field,
                                      struct progress *progress)
{
    struct qta_tick *tick = &decoder->tick;
    void *place = (char *)tick + field->offset;
    struct qta_decimal decimal;
    uint8_t letter = 0;
    bool is_odd = false;
    bool is_text = false;
    enum outcome outcome;
    switch (field->kind) {
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
        progress->text_ids &= ~field->bit; /* the last one counts */
        progress->text_ids |= is_text ? field->bit : 0;
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
        return check_levels(decoder, ops, source, &progress->bids);
    case QTA_ALPACA_FIELD_ASKS:
        return check_levels(decoder, ops, source, &progress->asks);
    case QTA_ALPACA_FIELD_RESET:
        return ops->read_flag(source, &progress->is_snapshot);
    case QTA_ALPACA_FIELD_TYPE: /* known by now */
        ops->skip(source);
        return OUTCOME_READ;
    default:
        __builtin_unreachable(); /* the table has no others */
    }
    if (is_odd && outcome == OUTCOME_READ)
        progress->odd |= field->bit;
    return outcome;
}

/* ------------------------------------------------------------------------------------------------
 * Whole messages */

static void emit(struct qta_alpaca_decoder *decoder, struct qta_tick *tick)
{
    decoder->host->ops->emit(decoder->host, tick);
}

/* A price of 0 says that there is nobody on that side. */
ALWAYS_INLINE void drop_empty_side(int64_t *price, int8_t *price_exponent, int64_t *size,
                                   int8_t *size_exponent, uint16_t *exchange)
{
    if (LIKELY(*price != 0))
        return;
    *price_exponent = QTA_DECIMAL_NULL_EXPONENT;
    if (*size == 0)
        *size_exponent = QTA_DECIMAL_NULL_EXPONENT;
    if (*exchange == ' ')
        *exchange = 0;
}

ALWAYS_INLINE void drop_empty_sides(struct qta_quote *quote)
{
    drop_empty_side(&quote->bid_price_mantissa, &quote->bid_price_exponent,
                    &quote->bid_size_mantissa, &quote->bid_size_exponent, &quote->bid_exchange);
    drop_empty_side(&quote->ask_price_mantissa, &quote->ask_price_exponent,
                    &quote->ask_size_mantissa, &quote->ask_size_exponent, &quote->ask_exchange);
}

static void make_id_text(struct qta_alpaca_decoder *decoder, uint64_t *id)
{
    char text[32];
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)*id);
    *id = intern(decoder, QTA_NAME_TEXT, (struct text){text, (size_t)length});
}

/* The flag speaks for all ids of a tick: when one is text, so is the other. */
static NEVER_INLINE void make_ids_text(struct qta_alpaca_decoder *decoder,
                                       const struct progress *progress)
{
    struct qta_tick *tick = &decoder->tick;
    tick->flags |= QTA_FLAG_ID_IS_TEXT;
    for (size_t i = 0; i < QTA_ALPACA_SLOT_COUNT; i++) {
        const struct qta_alpaca_field *field = &progress->message->slots[i];
        uint64_t *id = (void *)((char *)tick + field->offset);
        bool is_number = field->kind == QTA_ALPACA_FIELD_ID && !(progress->text_ids & field->bit);
        if (is_number && *id != QTA_U64_NONE)
            make_id_text(decoder, id);
    }
}

ALWAYS_INLINE void emit_levels(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                               const struct levels *levels, enum qta_side side, size_t *to_come)
{
    struct source source = levels->source;
    struct level level;
    uint32_t left;
    if (levels->count == 0 || !ops->enter_list(&source, &left))
        return;
    while (ops->next_item(&source, &left)) {
        struct qta_tick tick = decoder->tick;
        read_level(decoder, ops, &source, &level);
        --*to_come;
        tick.flags |= level.flags | (*to_come == 0 ? QTA_FLAG_BOOK_LAST : 0);
        tick.book.side = (uint8_t)side;
        tick.book.action = level.size.mantissa == 0 ? QTA_BOOK_DELETE : QTA_BOOK_SET;
        QTA_TICK_SET_DECIMAL(tick.book, price, level.price);
        QTA_TICK_SET_DECIMAL(tick.book, size, level.size);
        decoder->tick.flags &= ~(uint32_t)QTA_FLAG_BOOK_FIRST;
        emit(decoder, &tick);
    }
}

ALWAYS_INLINE void emit_book(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                             const struct progress *progress)
{
    struct qta_tick *tick = &decoder->tick;
    size_t to_come = progress->bids.count + progress->asks.count;
    tick->flags |= QTA_FLAG_BOOK_FIRST | (progress->is_snapshot ? QTA_FLAG_BOOK_SNAPSHOT : 0);
    if (to_come == 0 && progress->is_snapshot) {
        tick->book.action = QTA_BOOK_CLEAR;
        tick->flags |= QTA_FLAG_BOOK_LAST;
        emit(decoder, tick);
    }
    emit_levels(decoder, ops, &progress->bids, QTA_SIDE_BUY, &to_come);
    emit_levels(decoder, ops, &progress->asks, QTA_SIDE_SELL, &to_come);
}

/* Tells what is wrong with a message; false when it cannot be used. */
static NEVER_INLINE bool judge(struct qta_alpaca_decoder *decoder, const struct progress *progress,
                               size_t offset)
{
    const struct qta_alpaca_message *message = progress->message;
    uint32_t missing = message->required & ~progress->present;
    if (progress->bad) {
        tell_field(decoder, QTA_FAULT_VALUE, message, progress->bad, "bad value of", offset);
        return false;
    }
    if (missing || (message->one_of && !(message->one_of & progress->present))) {
        tell_field(decoder, QTA_FAULT_MISSING, message, missing ? missing : message->one_of,
                   "missing", offset);
        return false;
    }
    if (progress->odd)
        tell_field(decoder, QTA_FAULT_VALUE, message, progress->odd, "left out the odd value of",
                   offset);
    return true;
}

/* The rest of a market message, whose map has been entered, as ticks. */
ALWAYS_INLINE void read_market(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                               struct source *source, uint32_t left,
                               const struct qta_alpaca_message *message)
{
    struct progress progress;
    const struct qta_alpaca_field *field = NULL;
    progress.message = message;
    progress.present = progress.bad = progress.text_ids = progress.odd = 0;
    progress.is_snapshot = false;
    progress.bids.count = progress.asks.count = 0;
    decoder->tick = message->blank;
    while (ops->next_field(source, &decoder->workspace, &left, message, &field)) {
        if (!field) {
            ops->skip(source);
            continue;
        }
        enum outcome outcome = read_field(decoder, ops, source, field, &progress);
        if (LIKELY(outcome == OUTCOME_READ))
            progress.present |= field->bit;
        else if (outcome == OUTCOME_WRONG)
            progress.bad |= field->bit;
    }
    if (ops->is_broken(source))
        return;
    bool has_all = !(message->required & ~progress.present) &&
                   (!message->one_of || (message->one_of & progress.present));
    if ((!has_all || progress.bad || progress.odd) &&
        !judge(decoder, &progress, ops->offset(source)))
        return;
    if (progress.text_ids)
        make_ids_text(decoder, &progress);
    if (decoder->tick.type == QTA_TICK_BOOK) {
        emit_book(decoder, ops, &progress);
        return;
    }
    if (decoder->tick.type == QTA_TICK_QUOTE)
        drop_empty_sides(&decoder->tick.quote);
    emit(decoder, &decoder->tick);
}

/* The venue's words about itself, cut to what a log can use. */
struct words {
    char bytes[256];
    size_t length;
};

ALWAYS_INLINE enum outcome read_words(struct qta_alpaca_decoder *decoder,
                                      const struct source_ops *ops, struct source *source,
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
                               struct source *source, bool is_error)
{
    uint32_t left;
    uint32_t flags = 0;
    uint32_t key = 0;
    uint64_t code = UINT64_MAX;
    struct words words;
    bool is_good = true;
    words.length = 0;
    ops->enter_map(source, &left);
    while (ops->next_key(source, &decoder->workspace, &left, &key)) {
        if (key == ('m' | 's' << 8 | 'g' << 16))
            is_good &= read_words(decoder, ops, source, &words) != OUTCOME_WRONG;
        else if (key == ('c' | 'o' << 8 | 'd' << 16 | 'e' << 24))
            is_good &= ops->read_count(source, &code, &flags) != OUTCOME_WRONG;
        else
            ops->skip(source);
    }
    if (ops->is_broken(source))
        return;
    if (!is_good || (is_error && code > INT32_MAX))
        tell(decoder, QTA_FAULT_VALUE, is_error ? "bad error message" : "bad success message");
    else if (is_error)
        decoder->events->on_error(decoder->user, (int64_t)code, words.bytes, words.length);
    else
        decoder->events->on_success(decoder->user, words.bytes, words.length);
}

ALWAYS_INLINE bool read_channel(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                struct source *source, enum qta_alpaca_channel channel)
{
    uint32_t left;
    struct text symbol;
    bool is_good = true;
    if (!ops->enter_list(source, &left))
        return ops->read_other(source) == OUTCOME_ABSENT;
    while (ops->next_item(source, &left)) {
        if (ops->read_text(source, &decoder->workspace, &symbol) == OUTCOME_READ)
            decoder->events->on_subscription_symbol(decoder->user, channel, symbol.bytes,
                                                    symbol.length);
        else
            is_good = false;
    }
    return is_good;
}

ALWAYS_INLINE void read_subscription(struct qta_alpaca_decoder *decoder,
                                     const struct source_ops *ops, struct source *source)
{
    uint32_t left;
    struct text key;
    bool is_good = true;
    decoder->events->on_subscription_begin(decoder->user);
    ops->enter_map(source, &left);
    while (ops->next_long_key(source, &decoder->workspace, &left, &key)) {
        enum qta_alpaca_channel channel = qta_alpaca_channel_find(key.bytes, key.length);
        if (channel == QTA_ALPACA_CHANNEL_COUNT)
            ops->skip(source);
        else
            is_good &= read_channel(decoder, ops, source, channel);
    }
    bool is_broken = ops->is_broken(source);
    if (!is_broken && !is_good)
        tell(decoder, QTA_FAULT_VALUE, "bad subscription message");
    decoder->events->on_subscription_end(decoder->user, is_good && !is_broken);
}

enum message_kind {
    MESSAGE_MARKET, /* or unknown: by its letter */
    MESSAGE_SUCCESS,
    MESSAGE_ERROR,
    MESSAGE_SUBSCRIPTION,
    MESSAGE_LONG, /* a type of more than one letter that we do not know */
    MESSAGE_NO_TYPE,
    MESSAGE_BAD_TYPE,
};

/* Reads the value of "T". */
ALWAYS_INLINE enum message_kind read_kind(struct qta_alpaca_decoder *decoder,
                                          const struct source_ops *ops, struct source *source,
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
        return MESSAGE_MARKET;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (text.length == strlen(kinds[i].name) &&
            memcmp(text.bytes, kinds[i].name, text.length) == 0)
            return kinds[i].kind;
    return MESSAGE_LONG;
}

/* Looks for the type in a message whose first key it is not, or that is no market message. Reads
 * past the message, so that what is left of a bad one is known to be whole. */
ALWAYS_INLINE enum message_kind find_kind(struct qta_alpaca_decoder *decoder,
                                          const struct source_ops *ops, struct source *source,
                                          uint64_t *letter)
{
    uint32_t left;
    uint32_t key = 0;
    enum message_kind kind = MESSAGE_NO_TYPE;
    if (!ops->enter_map(source, &left)) {
        ops->skip(source);
        return MESSAGE_BAD_TYPE;
    }
    while (ops->next_key(source, &decoder->workspace, &left, &key)) {
        if (key == 'T')
            kind = read_kind(decoder, ops, source, letter);
        else
            ops->skip(source);
    }
    return kind;
}

static NEVER_INLINE void tell_unknown(struct qta_alpaca_decoder *decoder, uint64_t letter)
{
    char detail[64];
    bool is_letter = (letter | 0x20) >= 'a' && (letter | 0x20) <= 'z';
    snprintf(detail, sizeof detail, "message of unknown type '%c'", is_letter ? (int)letter : ' ');
    tell(decoder, QTA_FAULT_UNKNOWN_TYPE, is_letter ? detail : "message of unknown type");
}

ALWAYS_INLINE void read_unusual(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                struct source *source)
{
    struct source before = *source;
    struct source again = *source;
    uint64_t letter = 0;
    uint32_t left;
    enum message_kind kind = find_kind(decoder, ops, source, &letter);
    const struct qta_alpaca_message *message = NULL;
    if (kind == MESSAGE_MARKET)
        message = qta_alpaca_message_find(&decoder->messages, letter);
    if (message) {
        *source = before;
        ops->enter_map(source, &left);
        read_market(decoder, ops, source, left, message);
        return;
    }
    if (ops->is_broken(source))
        return;
    if (kind == MESSAGE_SUBSCRIPTION)
        read_subscription(decoder, ops, &again);
    else if (kind == MESSAGE_SUCCESS || kind == MESSAGE_ERROR)
        read_notice(decoder, ops, &again, kind == MESSAGE_ERROR);
    else if (kind == MESSAGE_NO_TYPE)
        tell(decoder, QTA_FAULT_MISSING, "message without a type");
    else if (kind == MESSAGE_BAD_TYPE)
        tell(decoder, QTA_FAULT_VALUE, "message that is no map, or whose type is no string");
    else
        tell_unknown(decoder, letter);
}

/* Control messages and keys in an odd order are rare: out of line, one function for each encoding.
 */
typedef void (*unusual_function)(struct qta_alpaca_decoder *decoder, struct source *source);

static NEVER_INLINE void read_unusual_json(struct qta_alpaca_decoder *decoder,
                                           struct source *source)
{
    read_unusual(decoder, &json_ops, source);
}

static NEVER_INLINE void read_unusual_msgpack(struct qta_alpaca_decoder *decoder,
                                              struct source *source)
{
    read_unusual(decoder, &msgpack_ops, source);
}

ALWAYS_INLINE void read_message(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                                struct source *source, unusual_function unusual)
{
    uint32_t left;
    const struct qta_alpaca_message *message = ops->enter_message(source, &decoder->messages,
                                                                  &left);
    if (LIKELY(message != NULL)) {
        read_market(decoder, ops, source, left, message);
        return;
    }
    struct source copy = *source;
    unusual(decoder, &copy);
    *source = copy;
}

ALWAYS_INLINE void read_frame(struct qta_alpaca_decoder *decoder, const struct source_ops *ops,
                              struct source *source, unusual_function unusual, size_t length)
{
    uint32_t left;
    if (ops->enter_list(source, &left)) {
        while (!decoder->is_stopped && ops->next_item(source, &left))
            read_message(decoder, ops, source, unusual);
    } else {
        read_message(decoder, ops, source, unusual);
    }
    if (!decoder->is_stopped && !ops->finish(source))
        tell_broken(decoder, ops->fault(source), ops->fault_name(source), ops->offset(source),
                    length);
}

static void decode_json(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame)
{
    struct source source;
    memset(&source.msgpack, 0, sizeof source.msgpack);
    qta_json_reader_init(&source.json, frame->bytes, frame->length);
    read_frame(decoder, &json_ops, &source, read_unusual_json, frame->length);
}

static void decode_msgpack(struct qta_alpaca_decoder *decoder, const struct qta_frame *frame)
{
    struct source source;
    memset(&source.json, 0, sizeof source.json);
    qta_msgpack_reader_init(&source.msgpack, frame->bytes, frame->length);
    read_frame(decoder, &msgpack_ops, &source, read_unusual_msgpack, frame->length);
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
