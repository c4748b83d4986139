/* The built-in adapters are a constant table. Run-time ones go into a second, growing one, so that
 * a program without any pays nothing and the constant one stays in read-only memory. */
#include "adapters/registry.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/alpaca.h"
#include "adapters/synthetic.h"

struct entry {
    const struct qta_adapter_ops *ops;
};

/* sorted by name */
static const struct entry built_in[] = {
    {&qta_alpaca_adapter_ops},
    {&qta_synthetic_adapter_ops},
};
enum { BUILT_IN_COUNT = sizeof built_in / sizeof built_in[0] };

/* sorted by name; lives as long as the process */
static struct entry *registered;
static size_t registered_count;
static size_t registered_capacity;

/* Where the name is in a sorted table, or belongs: the first entry not below it. */
static size_t lower_bound(const struct entry *table, size_t count, const char *name)
{
    size_t low = 0;
    size_t high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(table[middle].ops->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const struct qta_adapter_ops *find_in(const struct entry *table, size_t count,
                                             const char *name)
{
    size_t place = lower_bound(table, count, name);
    return place < count && strcmp(table[place].ops->name, name) == 0 ? table[place].ops : NULL;
}

static enum qta_status check_ops(const struct qta_adapter_ops *ops, struct qta_error *err)
{
    if (ops->struct_bytes != sizeof *ops) {
        return qta_error_set(err, QTA_ERR_USAGE,
                             "adapter table of %zu bytes, but this library's has %zu: set "
                             "struct_bytes and build against the library's own headers",
                             ops->struct_bytes, sizeof *ops);
    }
    if (!ops->name || ops->name[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "adapter without a name");
    switch (ops->transport) {
    case QTA_TRANSPORT_WEBSOCKET:
    case QTA_TRANSPORT_TCP:
        if (!ops->subscribe && !ops->build_subscribe_message) {
            return qta_error_set(err, QTA_ERR_USAGE,
                                 "adapter '%s' has no way to subscribe: it needs "
                                 "build_subscribe_message or subscribe",
                                 ops->name);
        }
        break;
    case QTA_TRANSPORT_NONE:
        if (!ops->service) {
            return qta_error_set(err, QTA_ERR_USAGE,
                                 "adapter '%s' has neither a connection nor a service function "
                                 "to make ticks in",
                                 ops->name);
        }
        break;
    default:
        return qta_error_set(err, QTA_ERR_USAGE, "adapter '%s' has the unknown transport %d",
                             ops->name, (int)ops->transport);
    }
    if (ops->setting_count > 0 && !ops->settings) {
        return qta_error_set(err, QTA_ERR_USAGE, "adapter '%s' counts settings but has none",
                             ops->name);
    }
    return QTA_OK;
}

static enum qta_status insert_registered(const struct qta_adapter_ops *ops, struct qta_error *err)
{
    if (registered_count == registered_capacity) {
        size_t capacity = registered_capacity ? registered_capacity * 2 : 8;
        struct entry *table = realloc(registered, capacity * sizeof *table);
        if (!table)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory registering adapter '%s'",
                                 ops->name);
        registered = table;
        registered_capacity = capacity;
    }
    size_t place = lower_bound(registered, registered_count, ops->name);
    memmove(&registered[place + 1], &registered[place],
            (registered_count - place) * sizeof *registered);
    registered[place].ops = ops;
    registered_count++;
    return QTA_OK;
}

enum qta_status qta_adapter_register(const struct qta_adapter_ops *ops, struct qta_error *err)
{
    assert(ops);
    enum qta_status status = check_ops(ops, err);
    if (status != QTA_OK)
        return status;
    if (qta_adapter_find(ops->name))
        return qta_error_set(err, QTA_ERR_USAGE, "adapter name '%s' is taken", ops->name);
    return insert_registered(ops, err);
}

enum qta_status qta_registry_add_builtin(const struct qta_adapter_ops *ops, struct qta_error *err)
{
    assert(ops);
    if (ops->name && qta_adapter_find(ops->name) == ops)
        return QTA_OK;
    return qta_adapter_register(ops, err);
}

const struct qta_adapter_ops *qta_adapter_find(const char *name)
{
    assert(name);
    const struct qta_adapter_ops *ops = find_in(built_in, BUILT_IN_COUNT, name);
    return ops ? ops : find_in(registered, registered_count, name);
}

size_t qta_adapter_list(const struct qta_adapter_ops **list, size_t capacity)
{
    assert(list || capacity == 0);
    size_t count = BUILT_IN_COUNT + registered_count;
    size_t fixed = 0;
    size_t dynamic = 0;
    for (size_t i = 0; i < count && i < capacity; i++) {
        bool is_fixed = fixed < BUILT_IN_COUNT &&
                        (dynamic == registered_count ||
                         strcmp(built_in[fixed].ops->name, registered[dynamic].ops->name) < 0);
        list[i] = is_fixed ? built_in[fixed++].ops : registered[dynamic++].ops;
    }
    return count;
}
