/** @file alpaca_fields.h
 *  What each key of each of Alpaca's market messages means: the one table behind both encodings.
 *
 *  Keys have one to three letters and are handled as integers, first letter lowest. */
#ifndef QTA_ADAPTERS_ALPACA_FIELDS_H
#define QTA_ADAPTERS_ALPACA_FIELDS_H

#include <stddef.h>
#include <stdint.h>

#include <qta/tick.h>

enum qta_alpaca_field_kind {
    QTA_ALPACA_FIELD_NONE = 0,   /**< to be skipped */
    QTA_ALPACA_FIELD_SYMBOL,     /**< tick.symbol */
    QTA_ALPACA_FIELD_TIME,       /**< tick.ts_event_ns */
    QTA_ALPACA_FIELD_DECIMAL,    /**< int64 at offset, int8 at exponent_offset */
    QTA_ALPACA_FIELD_ID,         /**< uint64: a trade's id */
    QTA_ALPACA_FIELD_COUNT,      /**< uint64 */
    QTA_ALPACA_FIELD_CODE,       /**< uint16 */
    QTA_ALPACA_FIELD_CONDITIONS, /**< uint16[QTA_CONDITIONS_MAX]: a list, or one string */
    QTA_ALPACA_FIELD_TEXT,       /**< uint32 */
    QTA_ALPACA_FIELD_TAPE,       /**< char */
    QTA_ALPACA_FIELD_SIDE,       /**< uint8: "B" or "S" */
    QTA_ALPACA_FIELD_BIDS,       /**< a list of book levels */
    QTA_ALPACA_FIELD_ASKS,
    QTA_ALPACA_FIELD_RESET, /**< whether book levels are a snapshot */
};

/** One key, 16 bytes, in a hash table of 32. */
struct qta_alpaca_field {
    uint32_t key; /**< 0 in a free slot */
    uint32_t bit; /**< its own in the masks of struct qta_alpaca_message */
    uint8_t kind; /**< enum qta_alpaca_field_kind */
    uint8_t offset;
    uint8_t exponent_offset;
    uint8_t reserved[5];
};

enum { QTA_ALPACA_SLOT_BITS = 5, QTA_ALPACA_SLOT_COUNT = 1 << QTA_ALPACA_SLOT_BITS };

/** A key as it stood in the last message of its type, punctuation included: venues write all of
 * them in the same order, so that one comparison finds nearly every field. For JSON. */
struct qta_alpaca_expected {
    uint64_t mask;    /**< of the bytes that count, the first one lowest */
    uint64_t pattern; /**< what they are, e.g. ,"bp": */
    const struct qta_alpaca_field *field;
    uint32_t length; /**< bytes to step over */
};
enum { QTA_ALPACA_EXPECTED_COUNT = 16 };

/** One type of message. */
struct qta_alpaca_message {
    const char *name;      /**< for people, e.g. "trade" */
    uint32_t required;     /**< fields that cannot be missing */
    uint32_t one_of;       /**< of these at least one is there; 0 for no such rule */
    struct qta_tick blank; /**< what the tick is before its fields are read */
    struct qta_alpaca_field slots[QTA_ALPACA_SLOT_COUNT];
    struct qta_alpaca_expected expected[QTA_ALPACA_EXPECTED_COUNT]; /**< learned by the reader */
};

/** The letters of the market messages are `first` to `first` + count - 1. */
enum { QTA_ALPACA_LETTER_FIRST = 'b', QTA_ALPACA_LETTER_COUNT = 'x' - 'b' + 1 };

/** All of them, for a decoder to keep near: a message without a name does not exist. */
struct qta_alpaca_messages {
    struct qta_alpaca_message by_letter[QTA_ALPACA_LETTER_COUNT];
};
void qta_alpaca_messages_init(struct qta_alpaca_messages *messages);

/** The message of that type, or NULL. */
static inline struct qta_alpaca_message *
qta_alpaca_message_find(struct qta_alpaca_messages *messages, uint64_t letter)
{
    uint64_t index = letter - QTA_ALPACA_LETTER_FIRST;
    if (index >= QTA_ALPACA_LETTER_COUNT || !messages->by_letter[index].name)
        return NULL;
    return &messages->by_letter[index];
}

/** Where a key has its slot: found by search, so that no two keys of a message share one. */
static inline uint32_t qta_alpaca_slot_of(uint32_t key)
{
    return (key * UINT32_C(0xed5817af)) >> (32 - QTA_ALPACA_SLOT_BITS);
}

/** What a key that a message does not have is: to be skipped. */
extern const struct qta_alpaca_field qta_alpaca_field_none;

/** The field of that key; qta_alpaca_field_none when there is none, and for 0. */
static inline const struct qta_alpaca_field *
qta_alpaca_field_find(const struct qta_alpaca_message *message, uint32_t key)
{
    const struct qta_alpaca_field *field = &message->slots[qta_alpaca_slot_of(key)];
    return field->key == key && key != 0 ? field : &qta_alpaca_field_none;
}

/** Writes the key of a field as text, NUL-ended. */
void qta_alpaca_key_print(uint32_t key, char text[8]);

/** The name of the first field of a mask, as qta_alpaca_key_print(). */
void qta_alpaca_first_key_print(const struct qta_alpaca_message *message, uint32_t mask,
                                char text[8]);

#endif
