/* Names and their ids.
 *
 * A kind is an append-only list of names in chunks that double in size, so that nothing ever moves:
 * readers take the count (acquire), find the chunk by the id's highest bit, and read. The hash
 * index belongs to the interning thread alone. */
#include <qta/dictionary.h>

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

__extension__ typedef unsigned __int128 u128;

enum {
    CHUNK_FIRST_BITS = 8,  /* chunk 0 has the ids below 256, chunk k those from 2^(7+k) */
    CHUNK_COUNT = 17,      /* ids up to 2^24 */
    SLOTS_FIRST = 256,     /* of the hash index */
    BLOCK_BYTES = 1 << 16, /* names are stored in blocks of this size */
    LENGTH_BYTES = 2,      /* in front of each name */
    BYTE_CODES = 256,      /* codes of one byte are their own ids */
};

static const uint32_t id_limits[QTA_NAME_KIND_COUNT] = {
    [QTA_NAME_PROVIDER] = 65534,
    [QTA_NAME_SYMBOL] = 1 << 24,
    [QTA_NAME_CODE] = 65534,
    [QTA_NAME_TEXT] = 1 << 24,
};
static const size_t bytes_limit = (size_t)1 << 30; /* of each kind's names */

/* Where names are stored; freed with the dictionary. */
struct block {
    struct block *next;
    char bytes[];
};

/* One slot of the hash index; id 0 is a free one. */
struct slot {
    uint32_t hash;
    uint32_t id;
};

struct names {
    _Atomic uint32_t count;                     /* release: the entries below are readable */
    _Atomic(const char **) chunks[CHUNK_COUNT]; /* entries: a name's bytes, length in front */
    struct slot *slots;                         /* from here on: the interning thread only */
    size_t slot_mask;
    struct block *blocks;
    char *free_bytes;
    size_t free_count;
    size_t stored_bytes;
    uint32_t id_limit;
};

struct qta_dictionary {
    struct names kinds[QTA_NAME_KIND_COUNT];
    _Atomic uint64_t refused;
    _Atomic uint64_t starved;
    uint64_t seeds[2]; /* names come from strangers: who knows no seed cannot make them collide */
};

/* ---- hashing ---- */

static uint64_t fold(uint64_t a, uint64_t b)
{
    u128 product = (u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_name(const struct qta_dictionary *dictionary, const char *name, size_t length)
{
    uint64_t hash = dictionary->seeds[0] ^ length;
    uint64_t words[2];
    for (; length > sizeof words; name += sizeof words, length -= sizeof words) {
        memcpy(words, name, sizeof words);
        hash = fold(hash ^ words[0], dictionary->seeds[1] ^ words[1]);
    }
    words[0] = words[1] = 0;
    memcpy(words, name, length);
    hash = fold(hash ^ words[0], dictionary->seeds[1] ^ words[1]);
    hash = fold(hash, dictionary->seeds[1]);
    return (uint32_t)(hash >> 32);
}

static void seeds_fill(uint64_t seeds[2])
{
    if (getrandom(seeds, 2 * sizeof seeds[0], GRND_NONBLOCK) != (ssize_t)(2 * sizeof seeds[0])) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        seeds[0] = (uint64_t)now.tv_nsec * UINT64_C(0x9e3779b97f4a7c15);
        seeds[1] = (uint64_t)(uintptr_t)seeds * UINT64_C(0xbf58476d1ce4e5b9);
    }
    seeds[0] |= 1; /* a zero would swallow the other factor */
    seeds[1] |= 1;
}

/* ---- ids to names ---- */

/* The chunk of an id, the id's place in it, and how many entries the chunk has. */
struct place {
    unsigned chunk;
    uint32_t index;
    uint32_t capacity;
};

static struct place place_of(uint32_t id)
{
    if (id >> CHUNK_FIRST_BITS == 0)
        return (struct place){0, id, UINT32_C(1) << CHUNK_FIRST_BITS};
    unsigned highest_bit = 31 - (unsigned)__builtin_clz(id);
    uint32_t first = UINT32_C(1) << highest_bit;
    return (struct place){highest_bit - CHUNK_FIRST_BITS + 1, id - first, first};
}

static const char *name_at(const struct names *names, uint32_t id, size_t *length)
{
    struct place place = place_of(id);
    /* relaxed: whoever knows of the id has acquired the count, which was released behind this */
    const char **chunk = atomic_load_explicit(&names->chunks[place.chunk], memory_order_relaxed);
    const char *name = chunk[place.index];
    uint16_t stored;
    memcpy(&stored, name - LENGTH_BYTES, sizeof stored);
    *length = stored;
    return name;
}

const char *qta_dictionary_name(const struct qta_dictionary *dictionary, enum qta_name_kind kind,
                                uint32_t id, size_t *length)
{
    assert((unsigned)kind < QTA_NAME_KIND_COUNT);
    static const char other[] = "(other)";
    const struct names *names = &dictionary->kinds[kind];
    const char *name = other;
    size_t name_length = sizeof other - 1;
    if (id < atomic_load_explicit(&names->count, memory_order_acquire)) /* pairs with append */
        name = name_at(names, id, &name_length);
    if (length)
        *length = name_length;
    return name;
}

uint32_t qta_dictionary_count(const struct qta_dictionary *dictionary, enum qta_name_kind kind)
{
    assert((unsigned)kind < QTA_NAME_KIND_COUNT);
    return atomic_load_explicit(&dictionary->kinds[kind].count, memory_order_acquire);
}

uint64_t qta_dictionary_refused(const struct qta_dictionary *dictionary)
{
    return atomic_load_explicit(&dictionary->refused, memory_order_relaxed);
}

uint64_t qta_dictionary_starved(const struct qta_dictionary *dictionary)
{
    return atomic_load_explicit(&dictionary->starved, memory_order_relaxed);
}

/* ---- names to ids: the interning thread ---- */

/* The slot that holds the name, or the free one where it belongs. */
static struct slot *slot_find(const struct names *names, uint32_t hash, const char *name,
                              size_t length)
{
    for (size_t i = hash & names->slot_mask;; i = (i + 1) & names->slot_mask) {
        struct slot *slot = &names->slots[i];
        if (slot->id == 0)
            return slot;
        if (slot->hash != hash)
            continue;
        size_t stored_length;
        const char *stored = name_at(names, slot->id, &stored_length);
        if (stored_length == length && memcmp(stored, name, length) == 0)
            return slot;
    }
}

/* Doubles the index. False when there is no memory for it; the index stays as it is. */
static bool slots_grow(struct names *names)
{
    size_t old_count = names->slots ? names->slot_mask + 1 : 0;
    size_t count = old_count ? old_count * 2 : SLOTS_FIRST;
    struct slot *slots = calloc(count, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < old_count; i++) {
        if (names->slots[i].id == 0)
            continue;
        size_t at = names->slots[i].hash & (count - 1);
        while (slots[at].id != 0)
            at = (at + 1) & (count - 1);
        slots[at] = names->slots[i];
    }
    free(names->slots);
    names->slots = slots;
    names->slot_mask = count - 1;
    return true;
}

/* A copy of the name with its length in front and a NUL behind; NULL when there is no room, or no
 * memory for it. */
static const char *bytes_store(struct names *names, const char *name, size_t length,
                               bool *is_starved)
{
    size_t needed = LENGTH_BYTES + length + 1;
    if (needed > bytes_limit - names->stored_bytes)
        return NULL;
    if (needed > names->free_count) {
        struct block *block = malloc(sizeof *block + BLOCK_BYTES);
        *is_starved = !block;
        if (!block)
            return NULL;
        block->next = names->blocks;
        names->blocks = block;
        names->free_bytes = block->bytes;
        names->free_count = BLOCK_BYTES;
    }
    uint16_t stored_length = (uint16_t)length;
    char *bytes = names->free_bytes + LENGTH_BYTES;
    memcpy(names->free_bytes, &stored_length, sizeof stored_length);
    memcpy(bytes, name, length);
    bytes[length] = '\0';
    names->free_bytes += needed;
    names->free_count -= needed;
    names->stored_bytes += needed;
    return bytes;
}

/* Gives the name the next id and publishes it. Returns the id, or QTA_NAME_OTHER. */
static uint32_t names_append(struct names *names, const char *name, size_t length, bool *is_starved)
{
    uint32_t id = atomic_load_explicit(&names->count, memory_order_relaxed);
    if (id > names->id_limit)
        return QTA_NAME_OTHER;
    struct place place = place_of(id);
    assert(place.chunk < CHUNK_COUNT);
    const char **chunk = atomic_load_explicit(&names->chunks[place.chunk], memory_order_relaxed);
    if (!chunk) {
        chunk = calloc(place.capacity, sizeof *chunk);
        *is_starved = !chunk;
        if (!chunk)
            return QTA_NAME_OTHER;
        atomic_store_explicit(&names->chunks[place.chunk], chunk, memory_order_relaxed);
    }
    const char *stored = bytes_store(names, name, length, is_starved);
    if (!stored)
        return QTA_NAME_OTHER;
    chunk[place.index] = stored;
    atomic_store_explicit(&names->count, id + 1, memory_order_release); /* publishes the entry */
    return id;
}

/* The id that needs no index: none, or the byte of a code. */
static bool is_fixed(enum qta_name_kind kind, const char *name, size_t length, uint32_t *id)
{
    if (length == 0)
        *id = 0;
    else if (kind == QTA_NAME_CODE && length == 1 && *name != '\0')
        *id = (unsigned char)*name;
    else
        return false;
    return true;
}

uint32_t qta_dictionary_find(const struct qta_dictionary *dictionary, enum qta_name_kind kind,
                             const char *name, size_t length)
{
    assert((unsigned)kind < QTA_NAME_KIND_COUNT);
    const struct names *names = &dictionary->kinds[kind];
    uint32_t id;
    if (is_fixed(kind, name, length, &id))
        return id;
    if (length > QTA_NAME_MAX_BYTES)
        return 0;
    return slot_find(names, hash_name(dictionary, name, length), name, length)->id;
}

uint32_t qta_dictionary_intern(struct qta_dictionary *dictionary, enum qta_name_kind kind,
                               const char *name, size_t length)
{
    assert((unsigned)kind < QTA_NAME_KIND_COUNT);
    struct names *names = &dictionary->kinds[kind];
    uint32_t id = QTA_NAME_OTHER;
    if (is_fixed(kind, name, length, &id))
        return id;
    if (length <= QTA_NAME_MAX_BYTES) {
        uint32_t hash = hash_name(dictionary, name, length);
        struct slot *slot = slot_find(names, hash, name, length);
        if (slot->id != 0)
            return slot->id;
        /* at most half full, so that searches are short and always end */
        uint32_t count = atomic_load_explicit(&names->count, memory_order_relaxed);
        bool is_starved = count * UINT64_C(2) > names->slot_mask && !slots_grow(names);
        if (!is_starved)
            id = names_append(names, name, length, &is_starved);
        if (is_starved)
            atomic_fetch_add_explicit(&dictionary->starved, 1, memory_order_relaxed);
        if (id != QTA_NAME_OTHER) {
            slot = slot_find(names, hash, name, length);
            slot->hash = hash;
            slot->id = id;
        }
    }
    if (id == QTA_NAME_OTHER)
        atomic_fetch_add_explicit(&dictionary->refused, 1, memory_order_relaxed);
    return id;
}

/* ---- lifetime ---- */

static bool names_init(struct names *names, enum qta_name_kind kind)
{
    bool is_starved = false;
    names->id_limit = id_limits[kind];
    if (!slots_grow(names) || names_append(names, "", 0, &is_starved) != 0)
        return false;
    if (kind != QTA_NAME_CODE)
        return true;
    for (unsigned byte = 1; byte < BYTE_CODES; byte++) {
        char code = (char)byte;
        if (names_append(names, &code, 1, &is_starved) != byte)
            return false;
    }
    return true;
}

static void names_finish(struct names *names)
{
    for (struct block *block = names->blocks; block;) {
        struct block *next = block->next;
        free(block);
        block = next;
    }
    for (size_t i = 0; i < CHUNK_COUNT; i++)
        free(atomic_load_explicit(&names->chunks[i], memory_order_relaxed));
    free(names->slots);
}

enum qta_status qta_dictionary_create(struct qta_dictionary **out, struct qta_error *err)
{
    assert(out);
    struct qta_dictionary *dictionary = calloc(1, sizeof *dictionary);
    if (!dictionary)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a dictionary");
    seeds_fill(dictionary->seeds);
    for (int kind = 0; kind < QTA_NAME_KIND_COUNT; kind++) {
        if (!names_init(&dictionary->kinds[kind], (enum qta_name_kind)kind)) {
            qta_dictionary_destroy(dictionary);
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory creating a dictionary");
        }
    }
    *out = dictionary;
    return QTA_OK;
}

void qta_dictionary_destroy(struct qta_dictionary *dictionary)
{
    if (!dictionary)
        return;
    for (int kind = 0; kind < QTA_NAME_KIND_COUNT; kind++)
        names_finish(&dictionary->kinds[kind]);
    free(dictionary);
}
