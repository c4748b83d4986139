/* Names side by side in one array of bytes, found by a map. */
#include "storage/name_store.h"

#include <stdlib.h>

void qta_name_store_finish(struct qta_name_store *store)
{
    free(store->names);
    qta_packed_writer_finish(&store->bytes);
    qta_name_map_finish(&store->index);
    *store = (struct qta_name_store){0};
}

void qta_name_store_clear(struct qta_name_store *store)
{
    store->count = 0;
    qta_packed_writer_clear(&store->bytes);
    qta_name_map_clear(&store->index);
}

bool qta_name_store_add(struct qta_name_store *store, enum qta_name_kind kind, uint32_t id,
                        const char *name, size_t length)
{
    uint32_t known;
    if (qta_name_map_get(&store->index, kind, id, &known))
        return true;
    if (store->count == store->capacity) {
        size_t capacity = store->capacity ? store->capacity * 2 : 64;
        struct qta_stored_name *grown = realloc(store->names, capacity * sizeof *grown);
        if (!grown)
            return false;
        store->names = grown;
        store->capacity = capacity;
    }
    store->names[store->count] = (struct qta_stored_name){
        .kind = kind,
        .id = id,
        .length = (uint32_t)length,
        .offset = store->bytes.length,
    };
    qta_packed_writer_put(&store->bytes, name, length);
    if (store->bytes.is_out_of_memory ||
        !qta_name_map_set(&store->index, kind, id, (uint32_t)store->count))
        return false;
    store->count++;
    return true;
}

const char *qta_name_store_get(const struct qta_name_store *store, enum qta_name_kind kind,
                               uint32_t id, size_t *length)
{
    uint32_t index;
    if (!qta_name_map_get(&store->index, kind, id, &index))
        return NULL;
    *length = store->names[index].length;
    /* an empty store of bytes has names of no length only */
    return store->bytes.bytes ? (const char *)store->bytes.bytes + store->names[index].offset : "";
}
