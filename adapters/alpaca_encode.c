/* One walk over a tick's fields writes both encodings: the writer below knows how a key and a value
 * look in each. T comes first in every map, because the provider's own Go SDK insists. */
#include "adapters/alpaca_encode.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/byte_buffer.h"
#include "adapters/json_writer.h"
#include "adapters/msgpack_writer.h"
#include "core/tick_value.h"

enum {
    FIXMAP_MAX = 15,   /* no message has more keys, so a msgpack map's head is one byte */
    LEVELS_MAX = 16384 /* a longer event goes out in pieces */
};

#define MINUTE_NS INT64_C(60000000000)
#define DAY_NS INT64_C(86400000000000)

struct level {
    struct qta_decimal price;
    struct qta_decimal size;
};

struct side {
    struct level *levels;
    size_t count;
    size_t capacity;
};

struct book_event {
    uint32_t symbol;
    int64_t ts_event_ns;
    bool is_open;     /* has levels to come */
    bool is_complete; /* and has none any more */
    bool is_snapshot;
    struct side bids;
    struct side asks;
};

struct qta_alpaca_encoder {
    const struct qta_dictionary *names;
    const struct qta_tick *tick; /* a message of its own, not asked for yet; or NULL */
    struct book_event book;      /* being gathered */
    struct book_event done;      /* an event before that one, complete */
    bool has_done;               /* not asked for yet */
    /* the message that bytes() writes: of this tick, or of done if NULL */
    const struct qta_tick *current;
    enum qta_alpaca_channel channel;
    struct qta_byte_buffer bytes[QTA_ALPACA_ENCODING_COUNT];
    bool is_written[QTA_ALPACA_ENCODING_COUNT];
    struct qta_json_second second;
    uint64_t unserved;
};

/* ---- a map in either encoding ---------------------------------------------------------------- */

struct writer {
    struct qta_byte_buffer *buffer;
    struct qta_json_second *second;
    const struct qta_dictionary *names;
    size_t head_offset;
    uint8_t key_count;
    bool is_msgpack;
};

static void begin_map(struct writer *w)
{
    w->head_offset = w->buffer->length;
    w->key_count = 0;
    qta_byte_buffer_append_byte(w->buffer, w->is_msgpack ? 0x80 : '{');
}

static void end_map(struct writer *w)
{
    assert(w->key_count <= FIXMAP_MAX);
    if (!w->is_msgpack)
        qta_byte_buffer_append_byte(w->buffer, '}');
    else if (!w->buffer->is_failed)
        w->buffer->bytes[w->head_offset] |= w->key_count;
}

/* Keys are one to three letters. */
static inline void put_key(struct writer *w, const char *key)
{
    uint8_t *at = qta_byte_buffer_reserve(w->buffer, 8);
    if (!at)
        return;
    uint8_t *start = at;
    if (w->is_msgpack) {
        uint8_t *head = at++;
        for (; *key != '\0'; key++)
            *at++ = (uint8_t)*key;
        *head = (uint8_t)(0xa0 | (at - head - 1));
    } else {
        if (w->key_count > 0)
            *at++ = ',';
        *at++ = '"';
        for (; *key != '\0'; key++)
            *at++ = (uint8_t)*key;
        *at++ = '"';
        *at++ = ':';
    }
    w->key_count++;
    w->buffer->length += (size_t)(at - start);
}

static void put_string(struct writer *w, const char *key, const char *text, size_t length)
{
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_string(w->buffer, text, length);
    else
        qta_json_write_string(w->buffer, text, length);
}

static void put_type(struct writer *w, char type)
{
    put_string(w, "T", &type, 1);
}

static void put_symbol(struct writer *w, uint32_t symbol)
{
    size_t length;
    const char *name = qta_dictionary_name(w->names, QTA_NAME_SYMBOL, symbol, &length);
    put_string(w, "S", name, length);
}

static void put_price(struct writer *w, const char *key, struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        return;
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_decimal(w->buffer, value);
    else
        qta_json_write_decimal(w->buffer, value);
}

/* Shares and contracts: SDKs of typed languages want integers where they are whole. */
static void put_quantity(struct writer *w, const char *key, struct qta_decimal value)
{
    if (qta_decimal_is_null(value))
        return;
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_quantity(w->buffer, value);
    else
        qta_json_write_decimal(w->buffer, value);
}

static void put_u64(struct writer *w, const char *key, uint64_t value)
{
    if (value == QTA_U64_NONE)
        return;
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_u64(w->buffer, value);
    else
        qta_json_write_u64(w->buffer, value);
}

static void put_text(struct writer *w, const char *key, uint32_t id)
{
    size_t length;
    const char *text = qta_dictionary_name(w->names, QTA_NAME_TEXT, id, &length);
    put_string(w, key, text, length);
}

static void put_id(struct writer *w, const char *key, const struct qta_tick *tick, uint64_t id)
{
    if (id == QTA_U64_NONE)
        return;
    if (tick->flags & QTA_FLAG_ID_IS_TEXT)
        put_text(w, key, (uint32_t)id);
    else
        put_u64(w, key, id);
}

static void put_code(struct writer *w, const char *key, uint16_t code)
{
    if (code == 0)
        return;
    size_t length;
    const char *name = qta_code_name(w->names, code, &length);
    put_string(w, key, name, length);
}

static void put_conditions(struct writer *w, const char *key,
                           const uint16_t codes[QTA_CONDITIONS_MAX])
{
    uint32_t count = 0;
    while (count < QTA_CONDITIONS_MAX && codes[count] != 0)
        count++;
    if (count == 0)
        return;
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_array(w->buffer, count);
    for (uint32_t i = 0; i < count; i++) {
        size_t length;
        const char *name = qta_code_name(w->names, codes[i], &length);
        if (w->is_msgpack) {
            qta_msgpack_write_string(w->buffer, name, length);
            continue;
        }
        qta_byte_buffer_append_byte(w->buffer, i == 0 ? '[' : ',');
        qta_json_write_string(w->buffer, name, length);
    }
    if (!w->is_msgpack)
        qta_byte_buffer_append_byte(w->buffer, ']');
}

static void put_char(struct writer *w, const char *key, char value)
{
    if (value != '\0')
        put_string(w, key, &value, 1);
}

static void put_time(struct writer *w, const char *key, int64_t ts_ns)
{
    if (ts_ns == QTA_TIME_UNKNOWN)
        return;
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_time(w->buffer, ts_ns);
    else
        qta_json_write_time(w->buffer, w->second, ts_ns);
}

/* ---- messages -------------------------------------------------------------------------------- */

static void write_trade(struct writer *w, const struct qta_tick *tick)
{
    const struct qta_trade *trade = &tick->trade;
    put_type(w, 't');
    put_symbol(w, tick->symbol);
    put_id(w, "i", tick, trade->id);
    put_code(w, "x", trade->exchange);
    put_price(w, "p", QTA_TICK_DECIMAL(*trade, price));
    put_quantity(w, "s", QTA_TICK_DECIMAL(*trade, size));
    put_conditions(w, "c", trade->conditions);
    put_char(w, "z", trade->tape);
    put_time(w, "t", tick->ts_event_ns);
    /* only crypto has it, but a key more does no harm, and the side is not lost */
    if (trade->side == QTA_SIDE_BUY)
        put_char(w, "tks", 'B');
    else if (trade->side == QTA_SIDE_SELL)
        put_char(w, "tks", 'S');
}

/* The protocol has no word for a side that nobody quotes: it sends zeros. */
static void put_quote_side(struct writer *w, const char keys[3][3], struct qta_decimal price,
                           struct qta_decimal size, uint16_t exchange, bool has_exchanges)
{
    bool is_absent = qta_decimal_is_null(price) && qta_decimal_is_null(size) && exchange == 0;
    struct qta_decimal zero = qta_decimal_make(0, 0);
    put_code(w, keys[0], is_absent && has_exchanges ? ' ' : exchange);
    put_price(w, keys[1], is_absent ? zero : price);
    put_quantity(w, keys[2], is_absent ? zero : size);
}

static void write_quote(struct writer *w, const struct qta_tick *tick)
{
    static const char bid_keys[3][3] = {"bx", "bp", "bs"};
    static const char ask_keys[3][3] = {"ax", "ap", "as"};
    const struct qta_quote *quote = &tick->quote;
    /* crypto quotes have none */
    bool has_exchanges = quote->bid_exchange || quote->ask_exchange || quote->tape;
    put_type(w, 'q');
    put_symbol(w, tick->symbol);
    put_quote_side(w, bid_keys, QTA_TICK_DECIMAL(*quote, bid_price),
                   QTA_TICK_DECIMAL(*quote, bid_size), quote->bid_exchange, has_exchanges);
    put_quote_side(w, ask_keys, QTA_TICK_DECIMAL(*quote, ask_price),
                   QTA_TICK_DECIMAL(*quote, ask_size), quote->ask_exchange, has_exchanges);
    put_conditions(w, "c", quote->conditions);
    put_char(w, "z", quote->tape);
    put_time(w, "t", tick->ts_event_ns);
}

static void write_bar(struct writer *w, const struct qta_tick *tick, char type)
{
    const struct qta_bar *bar = &tick->bar;
    put_type(w, type);
    put_symbol(w, tick->symbol);
    put_price(w, "o", QTA_TICK_DECIMAL(*bar, open));
    put_price(w, "h", QTA_TICK_DECIMAL(*bar, high));
    put_price(w, "l", QTA_TICK_DECIMAL(*bar, low));
    put_price(w, "c", QTA_TICK_DECIMAL(*bar, close));
    put_quantity(w, "v", QTA_TICK_DECIMAL(*bar, volume));
    put_u64(w, "n", bar->trade_count);
    put_price(w, "vw", QTA_TICK_DECIMAL(*bar, vwap));
    put_time(w, "t", tick->ts_event_ns);
}

static void write_correction(struct writer *w, const struct qta_tick *tick)
{
    const struct qta_trade_correct *correct = &tick->trade_correct;
    put_type(w, 'c');
    put_symbol(w, tick->symbol);
    put_code(w, "x", correct->exchange);
    put_id(w, "oi", tick, correct->original_id);
    put_price(w, "op", QTA_TICK_DECIMAL(*correct, original_price));
    put_quantity(w, "os", QTA_TICK_DECIMAL(*correct, original_size));
    put_conditions(w, "oc", correct->original_conditions);
    put_id(w, "ci", tick, correct->corrected_id);
    put_price(w, "cp", QTA_TICK_DECIMAL(*correct, corrected_price));
    put_quantity(w, "cs", QTA_TICK_DECIMAL(*correct, corrected_size));
    put_conditions(w, "cc", correct->corrected_conditions);
    put_char(w, "z", correct->tape);
    put_time(w, "t", tick->ts_event_ns);
}

static void write_cancel_error(struct writer *w, const struct qta_tick *tick)
{
    const struct qta_trade_cancel *cancel = &tick->trade_cancel;
    put_type(w, 'x');
    put_symbol(w, tick->symbol);
    put_id(w, "i", tick, cancel->id);
    put_code(w, "x", cancel->exchange);
    put_price(w, "p", QTA_TICK_DECIMAL(*cancel, price));
    put_quantity(w, "s", QTA_TICK_DECIMAL(*cancel, size));
    put_code(w, "a", cancel->action);
    put_char(w, "z", cancel->tape);
    put_time(w, "t", tick->ts_event_ns);
}

static void write_status(struct writer *w, const struct qta_tick *tick)
{
    const struct qta_trading_status *status = &tick->status;
    put_type(w, 's');
    put_symbol(w, tick->symbol);
    put_code(w, "sc", status->status_code);
    put_text(w, "sm", status->status_message);
    put_code(w, "rc", status->reason_code);
    put_text(w, "rm", status->reason_message);
    put_time(w, "t", tick->ts_event_ns);
    put_char(w, "z", status->tape);
}

static void write_luld(struct writer *w, const struct qta_tick *tick)
{
    const struct qta_luld *luld = &tick->luld;
    put_type(w, 'l');
    put_symbol(w, tick->symbol);
    put_price(w, "u", QTA_TICK_DECIMAL(*luld, limit_up));
    put_price(w, "d", QTA_TICK_DECIMAL(*luld, limit_down));
    put_code(w, "i", luld->indicator);
    put_time(w, "t", tick->ts_event_ns);
    put_char(w, "z", luld->tape);
}

static void write_imbalance(struct writer *w, const struct qta_tick *tick)
{
    put_type(w, 'i');
    put_symbol(w, tick->symbol);
    put_price(w, "p", QTA_TICK_DECIMAL(tick->imbalance, price));
    put_char(w, "z", tick->imbalance.tape);
    put_time(w, "t", tick->ts_event_ns);
}

/* The levels of one side, as an array of maps of their own. */
static void write_levels(struct writer *w, const char *key, const struct side *side)
{
    put_key(w, key);
    if (w->is_msgpack)
        qta_msgpack_write_array(w->buffer, (uint32_t)side->count);
    else
        qta_byte_buffer_append_byte(w->buffer, '[');
    for (size_t i = 0; i < side->count; i++) {
        struct writer level = *w;
        if (!w->is_msgpack && i > 0)
            qta_byte_buffer_append_byte(w->buffer, ',');
        begin_map(&level);
        put_price(&level, "p", side->levels[i].price);
        put_quantity(&level, "s", side->levels[i].size);
        end_map(&level);
    }
    if (!w->is_msgpack)
        qta_byte_buffer_append_byte(w->buffer, ']');
}

static void write_book(struct writer *w, const struct book_event *event)
{
    put_type(w, 'o');
    put_symbol(w, event->symbol);
    put_time(w, "t", event->ts_event_ns);
    write_levels(w, "b", &event->bids);
    write_levels(w, "a", &event->asks);
    if (!event->is_snapshot)
        return;
    put_key(w, "r");
    if (w->is_msgpack)
        qta_msgpack_write_bool(w->buffer, true);
    else
        qta_byte_buffer_append(w->buffer, "true", 4);
}

static char bar_letter(enum qta_alpaca_channel channel)
{
    if (channel == QTA_ALPACA_DAILY_BARS)
        return 'd';
    return channel == QTA_ALPACA_UPDATED_BARS ? 'u' : 'b';
}

static void write_message(struct writer *w, const struct qta_tick *tick,
                          enum qta_alpaca_channel channel)
{
    switch (channel) {
    case QTA_ALPACA_TRADES:
        write_trade(w, tick);
        break;
    case QTA_ALPACA_QUOTES:
        write_quote(w, tick);
        break;
    case QTA_ALPACA_BARS:
    case QTA_ALPACA_UPDATED_BARS:
    case QTA_ALPACA_DAILY_BARS:
        write_bar(w, tick, bar_letter(channel));
        break;
    case QTA_ALPACA_STATUSES:
        write_status(w, tick);
        break;
    case QTA_ALPACA_LULDS:
        write_luld(w, tick);
        break;
    case QTA_ALPACA_IMBALANCES:
        write_imbalance(w, tick);
        break;
    case QTA_ALPACA_CORRECTIONS:
        write_correction(w, tick);
        break;
    case QTA_ALPACA_CANCEL_ERRORS:
        write_cancel_error(w, tick);
        break;
    case QTA_ALPACA_ORDERBOOKS: /* not from a single tick */
    case QTA_ALPACA_CHANNEL_COUNT:
        break;
    }
}

/* ---- order book events ----------------------------------------------------------------------- */

static bool add_level(struct side *side, const struct qta_book *book)
{
    if (side->count == side->capacity) {
        size_t capacity = side->capacity ? side->capacity * 2 : 64;
        struct level *levels = realloc(side->levels, capacity * sizeof *levels);
        if (!levels)
            return false;
        side->levels = levels;
        side->capacity = capacity;
    }
    struct level *level = &side->levels[side->count++];
    level->price = QTA_TICK_DECIMAL(*book, price);
    level->size = QTA_TICK_DECIMAL(*book, size);
    if (book->action == QTA_BOOK_DELETE)
        level->size = qta_decimal_make(0, 0);
    return true;
}

/* The event gathered so far is complete. The other one's memory is used again. */
static void complete_book(struct qta_alpaca_encoder *encoder)
{
    assert(!encoder->has_done);
    struct book_event complete = encoder->book;
    encoder->book = encoder->done;
    encoder->book.is_open = false;
    encoder->book.is_complete = false;
    encoder->done = complete;
    encoder->has_done = true;
}

static void open_book(struct book_event *book, const struct qta_tick *tick)
{
    book->is_open = true;
    book->is_complete = false;
    book->symbol = tick->symbol;
    book->ts_event_ns = tick->ts_event_ns;
    book->bids.count = 0;
    book->asks.count = 0;
    book->is_snapshot = (tick->flags & QTA_FLAG_BOOK_SNAPSHOT) &&
                        (tick->flags & QTA_FLAG_BOOK_FIRST);
}

static void put_book(struct qta_alpaca_encoder *encoder, const struct qta_tick *tick)
{
    struct book_event *book = &encoder->book;
    bool is_other = (tick->flags & QTA_FLAG_BOOK_FIRST) || tick->symbol != book->symbol ||
                    tick->ts_event_ns != book->ts_event_ns;
    if (book->is_open && is_other)
        complete_book(encoder);
    if (!book->is_open)
        open_book(book, tick);
    if (tick->book.action == QTA_BOOK_CLEAR) {
        book->bids.count = 0;
        book->asks.count = 0;
        book->is_snapshot = true;
    } else if (tick->book.side == QTA_SIDE_UNKNOWN ||
               !add_level(tick->book.side == QTA_SIDE_BUY ? &book->bids : &book->asks,
                          &tick->book)) {
        encoder->unserved++;
    }
    bool is_full = book->bids.count + book->asks.count >= LEVELS_MAX;
    book->is_complete = is_full || (tick->flags & QTA_FLAG_BOOK_LAST);
}

/* ---- the encoder ----------------------------------------------------------------------------- */

/* Bars of other lengths would be a lie in the protocol's own channels. */
static bool bar_channel(const struct qta_bar *bar, enum qta_alpaca_channel *channel)
{
    int64_t interval_ns = MINUTE_NS;
    switch (bar->kind) {
    case QTA_BAR_MINUTE:
        *channel = QTA_ALPACA_BARS;
        break;
    case QTA_BAR_UPDATED:
        *channel = QTA_ALPACA_UPDATED_BARS;
        break;
    case QTA_BAR_DAILY:
        *channel = QTA_ALPACA_DAILY_BARS;
        interval_ns = DAY_NS;
        break;
    default:
        return false;
    }
    return bar->interval_ns == 0 || bar->interval_ns == interval_ns;
}

static bool tick_channel(const struct qta_tick *tick, enum qta_alpaca_channel *channel)
{
    switch ((enum qta_tick_type)tick->type) {
    case QTA_TICK_TRADE:
        *channel = QTA_ALPACA_TRADES;
        return true;
    case QTA_TICK_QUOTE:
        *channel = QTA_ALPACA_QUOTES;
        return true;
    case QTA_TICK_BAR:
        return bar_channel(&tick->bar, channel);
    case QTA_TICK_TRADE_CANCEL:
        *channel = QTA_ALPACA_CANCEL_ERRORS;
        return true;
    case QTA_TICK_TRADE_CORRECT:
        *channel = QTA_ALPACA_CORRECTIONS;
        return true;
    case QTA_TICK_STATUS:
        *channel = QTA_ALPACA_STATUSES;
        return true;
    case QTA_TICK_LULD:
        *channel = QTA_ALPACA_LULDS;
        return true;
    case QTA_TICK_IMBALANCE:
        *channel = QTA_ALPACA_IMBALANCES;
        return true;
    case QTA_TICK_BOOK:
    case QTA_TICK_NONE:
    case QTA_TICK_MARKET_TYPE_END:
    case QTA_TICK_CONN:
    case QTA_TICK_GAP:
    case QTA_TICK_DROP:
    case QTA_TICK_CLOCK:
    case QTA_TICK_MARKER:
    case QTA_TICK_TYPE_END:
        break;
    }
    return false;
}

enum qta_status qta_alpaca_encoder_create(struct qta_alpaca_encoder **out,
                                          const struct qta_dictionary *names, struct qta_error *err)
{
    assert(out);
    assert(names);
    struct qta_alpaca_encoder *encoder = calloc(1, sizeof *encoder);
    if (!encoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating an encoder");
    encoder->names = names;
    *out = encoder;
    return QTA_OK;
}

static void finish_book(struct book_event *book)
{
    free(book->bids.levels);
    free(book->asks.levels);
}

void qta_alpaca_encoder_destroy(struct qta_alpaca_encoder *encoder)
{
    if (!encoder)
        return;
    finish_book(&encoder->book);
    finish_book(&encoder->done);
    for (size_t i = 0; i < QTA_ALPACA_ENCODING_COUNT; i++)
        qta_byte_buffer_finish(&encoder->bytes[i]);
    free(encoder);
}

void qta_alpaca_encoder_put(struct qta_alpaca_encoder *encoder, const struct qta_tick *tick)
{
    assert(!encoder->tick && !encoder->has_done && !encoder->book.is_complete);
    enum qta_alpaca_channel channel;
    if (tick->type == QTA_TICK_BOOK) {
        put_book(encoder, tick);
    } else if (tick_channel(tick, &channel)) {
        encoder->tick = tick;
        encoder->channel = channel;
    } else if (qta_tick_is_market(tick)) {
        encoder->unserved++;
    }
}

void qta_alpaca_encoder_end(struct qta_alpaca_encoder *encoder)
{
    encoder->book.is_complete = encoder->book.is_open;
}

bool qta_alpaca_encoder_next(struct qta_alpaca_encoder *encoder,
                             struct qta_alpaca_outgoing *message)
{
    memset(encoder->is_written, 0, sizeof encoder->is_written);
    encoder->current = NULL;
    if (encoder->tick) {
        encoder->current = encoder->tick;
        encoder->tick = NULL;
        message->channel = encoder->channel;
        message->symbol = encoder->current->symbol;
        return true;
    }
    if (!encoder->has_done && encoder->book.is_complete)
        complete_book(encoder);
    if (!encoder->has_done)
        return false;
    encoder->has_done = false;
    message->channel = QTA_ALPACA_ORDERBOOKS;
    message->symbol = encoder->done.symbol;
    return true;
}

const uint8_t *qta_alpaca_encoder_bytes(struct qta_alpaca_encoder *encoder,
                                        enum qta_alpaca_encoding encoding, size_t *length)
{
    struct qta_byte_buffer *buffer = &encoder->bytes[encoding];
    if (!encoder->is_written[encoding]) {
        struct writer writer = {
            .buffer = buffer,
            .second = &encoder->second,
            .names = encoder->names,
            .is_msgpack = encoding == QTA_ALPACA_MSGPACK,
        };
        qta_byte_buffer_clear(buffer);
        begin_map(&writer);
        if (encoder->current)
            write_message(&writer, encoder->current, encoder->channel);
        else
            write_book(&writer, &encoder->done);
        end_map(&writer);
        encoder->is_written[encoding] = true;
    }
    *length = buffer->length;
    return buffer->is_failed ? NULL : buffer->bytes;
}

uint64_t qta_alpaca_encoder_unserved(const struct qta_alpaca_encoder *encoder)
{
    return encoder->unserved;
}
