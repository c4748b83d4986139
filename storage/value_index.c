/* Where the bits that differ lie close together a table does it, otherwise a hash. */
#include "storage/value_index.h"

#include <string.h>

enum { HASH_SLOTS_MIN = 1024, DIRECT_MOST = QTA_BLOCK_TICKS_MAX - 2 };

/* ---- by a table ---------------------------------------------------------------------------- */

static bool fill_directly(struct qta_value_index *index, const uint64_t *numbers, uint64_t bits,
                          uint64_t differ, size_t count, size_t limit, uint16_t *indices)
{
    const unsigned shift = (unsigned)__builtin_ctzll(differ);
    uint16_t *direct = index->direct;
    uint64_t *values = index->values;
    size_t value_count = 0;
    bool fits = true;
    for (size_t i = 0; i < count && fits; i++) {
        uint64_t number = numbers[i];
        uint16_t *place = &direct[(number & differ) >> shift];
        if (*place == 0) {
            fits = value_count < limit;
            if (!fits)
                break;
            values[value_count++] = number & bits;
            *place = (uint16_t)value_count;
        }
        indices[i] = (uint16_t)(*place - 1);
    }
    for (size_t i = 0; i < value_count; i++)
        direct[(values[i] & differ) >> shift] = 0;
    index->count = value_count;
    return fits;
}

/* ---- by a hash ----------------------------------------------------------------------------- */

static struct qta_value_slot *find(struct qta_value_index *index, uint64_t value)
{
    uint64_t hash = (value ^ value >> 32) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = (size_t)(hash >> 32) & (index->slot_count - 1);
    while (index->slots[slot].index != 0 && index->slots[slot].value != value)
        slot = (slot + 1) & (index->slot_count - 1);
    return &index->slots[slot];
}

static void grow(struct qta_value_index *index)
{
    index->slot_count *= 2;
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    for (size_t i = 0; i < index->count; i++)
        *find(index, index->values[i]) = (struct qta_value_slot){index->values[i], (uint32_t)i + 1};
}

static uint16_t add(struct qta_value_index *index, uint64_t value)
{
    struct qta_value_slot *slot = find(index, value);
    if (slot->index != 0)
        return (uint16_t)(slot->index - 1);
    index->values[index->count++] = value;
    *slot = (struct qta_value_slot){value, (uint32_t)index->count};
    /* never more than half full, so never more slots than there are */
    if (index->count * 2 > index->slot_count)
        grow(index);
    return (uint16_t)(index->count - 1);
}

static bool fill_by_hash(struct qta_value_index *index, const uint64_t *numbers, uint64_t bits,
                         size_t count, size_t limit, uint16_t *indices)
{
    index->slot_count = HASH_SLOTS_MIN;
    index->count = 0;
    memset(index->slots, 0, index->slot_count * sizeof *index->slots);
    uint64_t before = numbers[0] & bits;
    uint16_t place = add(index, before);
    for (size_t i = 0; i < count; i++) {
        uint64_t number = numbers[i] & bits;
        if (number != before) {
            before = number;
            place = add(index, number);
            if (index->count > limit)
                return false;
        }
        indices[i] = place;
    }
    return true;
}

bool qta_value_index_fill(struct qta_value_index *index, const uint64_t *numbers, uint64_t bits,
                          size_t count, size_t limit, uint16_t *indices)
{
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++)
        differ |= numbers[i] ^ numbers[0];
    differ &= bits;
    if (differ == 0) {
        index->values[0] = numbers[0] & bits;
        index->count = 1;
        memset(indices, 0, count * sizeof *indices);
        return limit > 0;
    }
    if (differ >> __builtin_ctzll(differ) <= DIRECT_MOST)
        return fill_directly(index, numbers, bits, differ, count, limit, indices);
    return fill_by_hash(index, numbers, bits, count, limit, indices);
}
