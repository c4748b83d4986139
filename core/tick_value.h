/** @file tick_value.h
 *  One field of a tick, taken out by its entry in the table of fields: what printing and digests
 *  share. */
#ifndef QTA_CORE_TICK_VALUE_H
#define QTA_CORE_TICK_VALUE_H

#include <stdbool.h>
#include <string.h>

#include <qta/dictionary.h>
#include <qta/tick.h>

/** The 64-bit word of a field (U64, ID, TIME, I64, INTERVAL, and the mantissa of a DECIMAL). */
static inline uint64_t qta_tick_word(const struct qta_tick *tick, const struct qta_field *field)
{
    uint64_t word;
    memcpy(&word, (const uint8_t *)tick + field->offset, sizeof word);
    return word;
}

static inline struct qta_decimal qta_tick_decimal(const struct qta_tick *tick,
                                                  const struct qta_field *field)
{
    int8_t exponent;
    memcpy(&exponent, (const uint8_t *)tick + field->exponent_offset, sizeof exponent);
    return qta_decimal_make((int64_t)qta_tick_word(tick, field), exponent);
}

static inline uint32_t qta_tick_u32(const struct qta_tick *tick, const struct qta_field *field)
{
    uint32_t value;
    memcpy(&value, (const uint8_t *)tick + field->offset, sizeof value);
    return value;
}

/** A code id; index counts within CONDITIONS. */
static inline uint16_t qta_tick_code(const struct qta_tick *tick, const struct qta_field *field,
                                     size_t index)
{
    uint16_t code;
    memcpy(&code, (const uint8_t *)tick + field->offset + index * sizeof code, sizeof code);
    return code;
}

/** The byte of a CHAR or ENUM. */
static inline uint8_t qta_tick_byte(const struct qta_tick *tick, const struct qta_field *field)
{
    return ((const uint8_t *)tick)[field->offset];
}

/** Codes are 16 bits wide in a tick; their "other" is the low half of QTA_NAME_OTHER. */
static inline const char *qta_code_name(const struct qta_dictionary *names, uint16_t code,
                                        size_t *length)
{
    uint32_t id = code == (uint16_t)QTA_NAME_OTHER ? QTA_NAME_OTHER : code;
    return qta_dictionary_name(names, QTA_NAME_CODE, id, length);
}

/** Likewise for providers. */
static inline const char *qta_provider_name(const struct qta_dictionary *names, uint16_t provider,
                                            size_t *length)
{
    uint32_t id = provider == (uint16_t)QTA_NAME_OTHER ? QTA_NAME_OTHER : provider;
    return qta_dictionary_name(names, QTA_NAME_PROVIDER, id, length);
}

/** The flags that are no field of a body, by the names they are printed with. Those from
 *  QTA_NAMED_FLAG_COUNT on are said where the form of a value does not: a cell does not tell an id
 *  that is text from a number, quotes and types do. */
enum { QTA_NAMED_FLAG_COUNT = 4, QTA_CELL_FLAG_COUNT = 5 };
struct qta_named_flag {
    uint32_t flag; /**< one bit of enum qta_tick_flag */
    const char *name;
};
extern const struct qta_named_flag qta_named_flags[QTA_CELL_FLAG_COUNT];

/** Whether the tick has a value there at all. */
bool qta_tick_has(const struct qta_tick *tick, const struct qta_field *field);

#endif
