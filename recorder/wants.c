/* An array of wants in the order they came, and a hash table of indices into it. */
#include "recorder/wants.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/xxh64.h"

struct want {
    struct qta_subscription subscription; /* the symbol is ours */
    enum qta_want_state state;
};

struct qta_wants {
    struct want *wants;
    size_t count;
    size_t capacity;
    uint32_t *slots; /* index + 1, twice the capacity; 0 is free */
    struct qta_subscription *taken;
    size_t counts[QTA_WANT_STATE_COUNT];
};

enum { FIRST_CAPACITY = 16 };

enum qta_status qta_wants_create(struct qta_wants **out, struct qta_error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    return QTA_OK;
}

void qta_wants_destroy(struct qta_wants *wants)
{
    if (!wants)
        return;
    for (size_t i = 0; i < wants->count; i++)
        free((void *)(uintptr_t)wants->wants[i].subscription.symbol);
    free(wants->wants);
    free(wants->slots);
    free(wants->taken);
    free(wants);
}

static uint64_t hash_of(const struct qta_subscription *subscription)
{
    uint64_t seed = (uint64_t)subscription->type << 8 | (uint64_t)subscription->bar_kind;
    return qta_xxh64(subscription->symbol, strlen(subscription->symbol), seed);
}

static bool is_same(const struct qta_subscription *a, const struct qta_subscription *b)
{
    return a->type == b->type && a->bar_kind == b->bar_kind && strcmp(a->symbol, b->symbol) == 0;
}

/* The slot that holds it, or the free one where it belongs. */
static uint32_t *slot_of(const struct qta_wants *wants, const struct qta_subscription *subscription)
{
    size_t mask = wants->capacity * 2 - 1;
    size_t i = (size_t)hash_of(subscription) & mask;
    while (wants->slots[i] != 0 &&
           !is_same(&wants->wants[wants->slots[i] - 1].subscription, subscription))
        i = (i + 1) & mask;
    return &wants->slots[i];
}

static struct want *find(const struct qta_wants *wants, const struct qta_subscription *subscription)
{
    if (wants->capacity == 0)
        return NULL;
    uint32_t slot = *slot_of(wants, subscription);
    return slot ? &wants->wants[slot - 1] : NULL;
}

static void set_state(struct qta_wants *wants, struct want *want, enum qta_want_state state)
{
    wants->counts[want->state]--;
    want->state = state;
    wants->counts[state]++;
}

static bool grow(struct qta_wants *wants)
{
    size_t capacity = wants->capacity ? wants->capacity * 2 : FIRST_CAPACITY;
    struct want *array = realloc(wants->wants, capacity * sizeof *array);
    if (array)
        wants->wants = array;
    struct qta_subscription *taken = realloc(wants->taken, capacity * sizeof *taken);
    if (taken)
        wants->taken = taken;
    uint32_t *slots = calloc(capacity * 2, sizeof *slots);
    if (!array || !taken || !slots) {
        free(slots);
        return false;
    }
    free(wants->slots);
    wants->slots = slots;
    wants->capacity = capacity;
    for (size_t i = 0; i < wants->count; i++)
        *slot_of(wants, &wants->wants[i].subscription) = (uint32_t)i + 1;
    return true;
}

enum qta_status qta_wants_add(struct qta_wants *wants, const struct qta_subscription *subscription,
                              struct qta_error *err)
{
    struct want *known = find(wants, subscription);
    if (known) {
        if (known->state == QTA_WANT_REFUSED)
            set_state(wants, known, QTA_WANT_UNSENT);
        return QTA_OK;
    }
    char *symbol = strdup(subscription->symbol);
    if (!symbol || (wants->count == wants->capacity && !grow(wants))) {
        free(symbol);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    }
    *slot_of(wants, subscription) = (uint32_t)wants->count + 1;
    assert(wants->wants);
    struct want *want = &wants->wants[wants->count++];
    *want = (struct want){.subscription = *subscription, .state = QTA_WANT_UNSENT};
    want->subscription.symbol = symbol;
    wants->counts[QTA_WANT_UNSENT]++;
    return QTA_OK;
}

/* Closes the hole in the chain of slots behind it. */
static void free_slot(struct qta_wants *wants, size_t hole)
{
    size_t mask = wants->capacity * 2 - 1;
    wants->slots[hole] = 0;
    for (size_t i = (hole + 1) & mask; wants->slots[i] != 0; i = (i + 1) & mask) {
        size_t home = (size_t)hash_of(&wants->wants[wants->slots[i] - 1].subscription) & mask;
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* it is nearer to its home than the hole is */
        wants->slots[hole] = wants->slots[i];
        wants->slots[i] = 0;
        hole = i;
    }
}

bool qta_wants_remove(struct qta_wants *wants, const struct qta_subscription *subscription)
{
    struct want *want = find(wants, subscription);
    if (!want)
        return false;
    bool was_asked = want->state == QTA_WANT_ASKED || want->state == QTA_WANT_ACCEPTED;
    wants->counts[want->state]--;
    free_slot(wants, (size_t)(slot_of(wants, subscription) - wants->slots));
    free((void *)(uintptr_t)want->subscription.symbol);
    struct want *last = &wants->wants[--wants->count];
    if (last != want) {
        *slot_of(wants, &last->subscription) = (uint32_t)(want - wants->wants) + 1;
        *want = *last;
    }
    return was_asked;
}

bool qta_wants_has(const struct qta_wants *wants, const struct qta_subscription *subscription)
{
    return find(wants, subscription) != NULL;
}

bool qta_wants_covers(const struct qta_wants *wants, const struct qta_subscription *subscription)
{
    struct qta_subscription all = *subscription;
    all.symbol = "*";
    const struct want *one = find(wants, subscription);
    const struct want *star = find(wants, &all);
    return (one && one->state != QTA_WANT_REFUSED) || (star && star->state != QTA_WANT_REFUSED);
}

const struct qta_subscription *qta_wants_take_unsent(struct qta_wants *wants, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < wants->count && wants->counts[QTA_WANT_UNSENT] > 0; i++) {
        struct want *want = &wants->wants[i];
        if (want->state != QTA_WANT_UNSENT)
            continue;
        set_state(wants, want, QTA_WANT_ASKED);
        wants->taken[(*count)++] = want->subscription;
    }
    return wants->taken;
}

bool qta_wants_answer(struct qta_wants *wants, const struct qta_subscription *subscription,
                      bool is_accepted)
{
    struct want *want = find(wants, subscription);
    enum qta_want_state state = is_accepted ? QTA_WANT_ACCEPTED : QTA_WANT_REFUSED;
    if (!want || want->state == QTA_WANT_UNSENT || want->state == state)
        return false;
    set_state(wants, want, state);
    return true;
}

void qta_wants_forget(struct qta_wants *wants)
{
    for (size_t i = 0; i < wants->count; i++) {
        if (wants->wants[i].state != QTA_WANT_REFUSED)
            set_state(wants, &wants->wants[i], QTA_WANT_UNSENT);
    }
}

size_t qta_wants_total(const struct qta_wants *wants)
{
    return wants->count;
}

const struct qta_subscription *qta_wants_at(const struct qta_wants *wants, size_t index)
{
    assert(index < wants->count);
    return &wants->wants[index].subscription;
}

size_t qta_wants_count(const struct qta_wants *wants, enum qta_want_state state)
{
    assert((unsigned)state < QTA_WANT_STATE_COUNT);
    return wants->counts[state];
}
