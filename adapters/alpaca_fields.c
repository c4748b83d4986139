/* Alpaca's market messages, key by key. */
#include "adapters/alpaca_fields.h"

#include <assert.h>
#include <string.h>

enum need { OPTIONAL, REQUIRED, ONE_OF };

struct field {
    char key[4];
    uint8_t kind;
    uint8_t need;
    uint8_t offset;
    uint8_t exponent_offset;
};

#define AT(body, member) (uint8_t) offsetof(struct qta_tick, body.member)
#define DECIMAL(key, need, body, member)                                                           \
    {                                                                                              \
        key, QTA_ALPACA_FIELD_DECIMAL, need, AT(body, member##_mantissa),                          \
            AT(body, member##_exponent)                                                            \
    }
#define FIELD(key, kind, need, body, member)                                                       \
    {                                                                                              \
        key, QTA_ALPACA_FIELD_##kind, need, AT(body, member), 0                                    \
    }
#define PLAIN(key, kind, need)                                                                     \
    {                                                                                              \
        key, QTA_ALPACA_FIELD_##kind, need, 0, 0                                                   \
    }
#define COMMON PLAIN("S", SYMBOL, REQUIRED)

static const struct field trade_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    DECIMAL("p", REQUIRED, trade, price),
    DECIMAL("s", REQUIRED, trade, size),
    FIELD("i", ID, OPTIONAL, trade, id),
    FIELD("x", CODE, OPTIONAL, trade, exchange),
    FIELD("c", CONDITIONS, OPTIONAL, trade, conditions),
    FIELD("z", TAPE, OPTIONAL, trade, tape),
    FIELD("tks", SIDE, OPTIONAL, trade, side),
};

static const struct field quote_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    DECIMAL("bp", ONE_OF, quote, bid_price),
    DECIMAL("bs", OPTIONAL, quote, bid_size),
    FIELD("bx", CODE, OPTIONAL, quote, bid_exchange),
    DECIMAL("ap", ONE_OF, quote, ask_price),
    DECIMAL("as", OPTIONAL, quote, ask_size),
    FIELD("ax", CODE, OPTIONAL, quote, ask_exchange),
    FIELD("c", CONDITIONS, OPTIONAL, quote, conditions),
    FIELD("z", TAPE, OPTIONAL, quote, tape),
};

static const struct field bar_fields[] = {
    COMMON,
    PLAIN("t", TIME, REQUIRED),
    DECIMAL("o", REQUIRED, bar, open),
    DECIMAL("h", REQUIRED, bar, high),
    DECIMAL("l", REQUIRED, bar, low),
    DECIMAL("c", REQUIRED, bar, close),
    DECIMAL("v", OPTIONAL, bar, volume),
    FIELD("n", COUNT, OPTIONAL, bar, trade_count),
    DECIMAL("vw", OPTIONAL, bar, vwap),
};

static const struct field cancel_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    FIELD("i", ID, REQUIRED, trade_cancel, id),
    FIELD("x", CODE, OPTIONAL, trade_cancel, exchange),
    DECIMAL("p", OPTIONAL, trade_cancel, price),
    DECIMAL("s", OPTIONAL, trade_cancel, size),
    FIELD("a", CODE, OPTIONAL, trade_cancel, action),
    FIELD("z", TAPE, OPTIONAL, trade_cancel, tape),
};

static const struct field correction_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    FIELD("x", CODE, OPTIONAL, trade_correct, exchange),
    FIELD("oi", ID, REQUIRED, trade_correct, original_id),
    DECIMAL("op", OPTIONAL, trade_correct, original_price),
    DECIMAL("os", OPTIONAL, trade_correct, original_size),
    FIELD("oc", CONDITIONS, OPTIONAL, trade_correct, original_conditions),
    FIELD("ci", ID, OPTIONAL, trade_correct, corrected_id),
    DECIMAL("cp", REQUIRED, trade_correct, corrected_price),
    DECIMAL("cs", REQUIRED, trade_correct, corrected_size),
    FIELD("cc", CONDITIONS, OPTIONAL, trade_correct, corrected_conditions),
    FIELD("z", TAPE, OPTIONAL, trade_correct, tape),
};

static const struct field luld_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    DECIMAL("u", ONE_OF, luld, limit_up),
    DECIMAL("d", ONE_OF, luld, limit_down),
    FIELD("i", CODE, OPTIONAL, luld, indicator),
    FIELD("z", TAPE, OPTIONAL, luld, tape),
};

static const struct field status_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    FIELD("sc", CODE, REQUIRED, status, status_code),
    FIELD("sm", TEXT, OPTIONAL, status, status_message),
    FIELD("rc", CODE, OPTIONAL, status, reason_code),
    FIELD("rm", TEXT, OPTIONAL, status, reason_message),
    FIELD("z", TAPE, OPTIONAL, status, tape),
};

static const struct field imbalance_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    DECIMAL("p", REQUIRED, imbalance, price),
    FIELD("z", TAPE, OPTIONAL, imbalance, tape),
};

static const struct field book_fields[] = {
    COMMON,
    PLAIN("t", TIME, OPTIONAL),
    PLAIN("b", BIDS, ONE_OF),
    PLAIN("a", ASKS, ONE_OF),
    PLAIN("r", RESET, OPTIONAL),
};

#define FIELDS(fields) fields, sizeof fields / sizeof fields[0]

static const struct {
    char letter;
    uint8_t type;
    uint8_t bar_kind;
    const char *name;
    const struct field *fields;
    size_t field_count;
} kinds[] = {
    {'t', QTA_TICK_TRADE, 0, "trade", FIELDS(trade_fields)},
    {'q', QTA_TICK_QUOTE, 0, "quote", FIELDS(quote_fields)},
    {'b', QTA_TICK_BAR, QTA_BAR_MINUTE, "bar", FIELDS(bar_fields)},
    {'u', QTA_TICK_BAR, QTA_BAR_UPDATED, "updated bar", FIELDS(bar_fields)},
    {'d', QTA_TICK_BAR, QTA_BAR_DAILY, "daily bar", FIELDS(bar_fields)},
    {'x', QTA_TICK_TRADE_CANCEL, 0, "cancel", FIELDS(cancel_fields)},
    {'c', QTA_TICK_TRADE_CORRECT, 0, "correction", FIELDS(correction_fields)},
    {'s', QTA_TICK_STATUS, 0, "status", FIELDS(status_fields)},
    {'l', QTA_TICK_LULD, 0, "luld", FIELDS(luld_fields)},
    {'i', QTA_TICK_IMBALANCE, 0, "imbalance", FIELDS(imbalance_fields)},
    {'o', QTA_TICK_BOOK, 0, "order book", FIELDS(book_fields)},
};

const struct qta_alpaca_field qta_alpaca_field_none = {.kind = QTA_ALPACA_FIELD_NONE};

static uint32_t key_of(const char text[4])
{
    uint32_t key = 0;
    for (unsigned i = 0; i < 4; i++)
        key |= (uint32_t)(uint8_t)text[i] << (8 * i);
    return key;
}

static void add_field(struct qta_alpaca_message *message, const struct field *field, unsigned index)
{
    uint32_t key = key_of(field->key);
    uint32_t slot = qta_alpaca_slot_of(key);
    assert(message->slots[slot].key == 0); /* else search for another factor */
    message->slots[slot] = (struct qta_alpaca_field){.key = key,
                                                     .bit = UINT32_C(1) << index,
                                                     .kind = field->kind,
                                                     .offset = field->offset,
                                                     .exponent_offset = field->exponent_offset};
    if (field->need == REQUIRED)
        message->required |= UINT32_C(1) << index;
    if (field->need == ONE_OF)
        message->one_of |= UINT32_C(1) << index;
}

void qta_alpaca_messages_init(struct qta_alpaca_messages *messages)
{
    static const int64_t minute_ns = INT64_C(60) * 1000000000;
    static const int64_t day_ns = INT64_C(86400) * 1000000000;
    memset(messages, 0, sizeof *messages);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct qta_alpaca_message *message =
            &messages->by_letter[kinds[i].letter - QTA_ALPACA_LETTER_FIRST];
        message->name = kinds[i].name;
        qta_tick_init(&message->blank, kinds[i].type);
        if (kinds[i].type == QTA_TICK_BAR) {
            message->blank.bar.kind = kinds[i].bar_kind;
            message->blank.bar.interval_ns = kinds[i].bar_kind == QTA_BAR_DAILY ? day_ns
                                                                                : minute_ns;
        }
        for (unsigned j = 0; j < kinds[i].field_count; j++)
            add_field(message, &kinds[i].fields[j], j);
        for (size_t j = 0; j < QTA_ALPACA_EXPECTED_COUNT; j++)
            message->expected[j].pattern = UINT64_MAX; /* under a mask of 0: no match */
    }
}

void qta_alpaca_key_print(uint32_t key, char text[8])
{
    size_t length = 0;
    for (; key && length < 4; key >>= 8)
        text[length++] = (char)(key & 0xff);
    text[length] = '\0';
}

void qta_alpaca_first_key_print(const struct qta_alpaca_message *message, uint32_t mask,
                                char text[8])
{
    text[0] = '\0';
    for (size_t i = 0; i < QTA_ALPACA_SLOT_COUNT; i++)
        if (message->slots[i].bit & mask & (0 - mask)) /* its lowest bit */
            qta_alpaca_key_print(message->slots[i].key, text);
}
