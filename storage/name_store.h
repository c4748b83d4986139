/** @file name_store.h
 *  The names that a chunk of the journal defines, by kind and id. */
#ifndef QTA_STORAGE_NAME_STORE_H
#define QTA_STORAGE_NAME_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>

#include "storage/name_map.h"
#include "storage/packed_bytes.h"

struct qta_stored_name {
    enum qta_name_kind kind;
    uint32_t id;
    uint32_t length;
    size_t offset; /**< in bytes */
};

/** Zero-initialize. */
struct qta_name_store {
    struct qta_stored_name *names; /**< in order of definition; owned */
    size_t count;
    size_t capacity;
    struct qta_packed_writer bytes;
    struct qta_name_map index;
};

void qta_name_store_finish(struct qta_name_store *store);
void qta_name_store_clear(struct qta_name_store *store);

/** Adds a name; the first one told of an id counts. False when out of memory. */
bool qta_name_store_add(struct qta_name_store *store, enum qta_name_kind kind, uint32_t id,
                        const char *name, size_t length);

/** The name of an id, or NULL. Valid until the next add. */
const char *qta_name_store_get(const struct qta_name_store *store, enum qta_name_kind kind,
                               uint32_t id, size_t *length);

#endif
