/* For each type a list of the callbacks that want all symbols, and for each symbol that somebody
 * named, for each type, a list of those that named it. A tick's callbacks are the merge of two
 * lists by the order in which they were added. Adding holds the mutex and publishes each node by a
 * release store; the dispatching thread follows the lists with acquire loads. */
#include "recorder/subscriptions.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/xxh64.h"

struct node {
    _Atomic(struct node *) next;
    uint64_t order;
    qta_tick_callback callback;
    void *user;
};

struct list {
    _Atomic(struct node *) first;
    struct node *last; /* adder's, under the mutex */
};

/* A symbol that was named. */
struct selection {
    struct selection *next; /* of the same bucket; under the mutex */
    struct list lists[QTA_TICK_TYPE_END];
    size_t length;
    char symbol[];
};

enum { BUCKET_COUNT = 4096, FIRST_ROUTES = 256 };

struct qta_subscriptions {
    const struct qta_dictionary *names;
    struct list all[QTA_TICK_TYPE_END];
    _Atomic uint64_t order;      /* of the next callback; published after its nodes */
    _Atomic uint64_t selections; /* how many there are: routes of fewer are out of date */

    pthread_mutex_t mutex;
    struct selection *buckets[BUCKET_COUNT];

    /* the dispatching thread's: symbol id -> selection, looked up once */
    struct route *routes;
    uint32_t route_count;
    uint64_t routes_of; /* selections when they were made */
};

struct route {
    struct selection *selection; /* NULL: nobody named it */
    bool is_known;
};

enum qta_status qta_subscriptions_create(struct qta_subscriptions **out,
                                         const struct qta_dictionary *names, struct qta_error *err)
{
    struct qta_subscriptions *subscriptions = calloc(1, sizeof *subscriptions);
    if (!subscriptions)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for callbacks");
    subscriptions->names = names;
    pthread_mutex_init(&subscriptions->mutex, NULL);
    *out = subscriptions;
    return QTA_OK;
}

static void free_list(struct list *list)
{
    struct node *node = atomic_load(&list->first);
    while (node) {
        struct node *next = atomic_load(&node->next);
        free(node);
        node = next;
    }
}

void qta_subscriptions_destroy(struct qta_subscriptions *subscriptions)
{
    if (!subscriptions)
        return;
    for (int type = 0; type < QTA_TICK_TYPE_END; type++)
        free_list(&subscriptions->all[type]);
    for (int i = 0; i < BUCKET_COUNT; i++) {
        struct selection *selection = subscriptions->buckets[i];
        while (selection) {
            struct selection *next = selection->next;
            for (int type = 0; type < QTA_TICK_TYPE_END; type++)
                free_list(&selection->lists[type]);
            free(selection);
            selection = next;
        }
    }
    pthread_mutex_destroy(&subscriptions->mutex);
    free(subscriptions->routes);
    free(subscriptions);
}

static struct selection **bucket_of(struct qta_subscriptions *subscriptions, const char *symbol,
                                    size_t length)
{
    return &subscriptions->buckets[qta_xxh64(symbol, length, 0) % BUCKET_COUNT];
}

static struct selection *find_selection(struct qta_subscriptions *subscriptions, const char *symbol,
                                        size_t length)
{
    struct selection *selection = *bucket_of(subscriptions, symbol, length);
    while (selection &&
           (selection->length != length || memcmp(selection->symbol, symbol, length) != 0))
        selection = selection->next;
    return selection;
}

static struct selection *make_selection(struct qta_subscriptions *subscriptions, const char *symbol)
{
    size_t length = strlen(symbol);
    struct selection *selection = find_selection(subscriptions, symbol, length);
    if (selection)
        return selection;
    selection = calloc(1, sizeof *selection + length + 1);
    if (!selection)
        return NULL;
    selection->length = length;
    memcpy(selection->symbol, symbol, length);
    struct selection **bucket = bucket_of(subscriptions, symbol, length);
    selection->next = *bucket;
    *bucket = selection;
    atomic_fetch_add_explicit(&subscriptions->selections, 1, memory_order_release);
    return selection;
}

static void append(struct list *list, struct node *node)
{
    /* release: pairs with the dispatcher's walk, which must find the node filled */
    if (list->last)
        atomic_store_explicit(&list->last->next, node, memory_order_release);
    else
        atomic_store_explicit(&list->first, node, memory_order_release);
    list->last = node;
}

/* The nodes one callback needs, made before any of them is linked. */
struct node_stock {
    struct node *first;
};

static bool stock_nodes(struct node_stock *stock, size_t count, const struct node *model)
{
    for (size_t i = 0; i < count; i++) {
        struct node *node = malloc(sizeof *node);
        if (!node)
            return false;
        *node = *model;
        atomic_store_explicit(&node->next, stock->first, memory_order_relaxed);
        stock->first = node;
    }
    return true;
}

static struct node *take_node(struct node_stock *stock)
{
    struct node *node = stock->first;
    assert(node);
    stock->first = atomic_load_explicit(&node->next, memory_order_relaxed);
    atomic_store_explicit(&node->next, NULL, memory_order_relaxed);
    return node;
}

static void free_stock(struct node_stock *stock)
{
    while (stock->first)
        free(take_node(stock));
}

static void link_lists(struct list lists[QTA_TICK_TYPE_END], uint32_t types, uint64_t order,
                       struct node_stock *stock)
{
    for (int type = 0; type < QTA_TICK_TYPE_END; type++) {
        bool is_there = lists[type].last && lists[type].last->order == order; /* named twice */
        if ((types & QTA_TYPE_BIT(type)) && !is_there)
            append(&lists[type], take_node(stock));
    }
}

/* Under the mutex. */
static bool add_locked(struct qta_subscriptions *subscriptions, uint32_t types,
                       const char *const *symbols, size_t symbol_count, const struct node *model)
{
    struct node_stock stock = {0};
    size_t lists = symbol_count ? symbol_count : 1;
    bool is_ok = stock_nodes(&stock, lists * (size_t)__builtin_popcount(types), model);
    for (size_t i = 0; i < symbol_count && is_ok; i++)
        is_ok = make_selection(subscriptions, symbols[i]) != NULL;
    if (is_ok && symbol_count == 0)
        link_lists(subscriptions->all, types, model->order, &stock);
    for (size_t i = 0; i < symbol_count && is_ok; i++) {
        struct selection *selection = find_selection(subscriptions, symbols[i], strlen(symbols[i]));
        assert(selection); /* made just now */
        link_lists(selection->lists, types, model->order, &stock);
    }
    free_stock(&stock);
    return is_ok;
}

enum qta_status qta_subscriptions_add(struct qta_subscriptions *subscriptions, uint32_t types,
                                      const char *const *symbols, size_t symbol_count,
                                      qta_tick_callback callback, void *user, struct qta_error *err)
{
    assert(callback);
    for (size_t i = 0; i < symbol_count; i++) {
        if (strcmp(symbols[i], "*") == 0)
            symbol_count = 0;
    }
    types &= QTA_TYPES_ALL;
    pthread_mutex_lock(&subscriptions->mutex);
    uint64_t order = atomic_load_explicit(&subscriptions->order, memory_order_relaxed);
    struct node model = {.order = order, .callback = callback, .user = user};
    bool is_added = add_locked(subscriptions, types, symbols, symbol_count, &model);
    if (is_added)
        atomic_store_explicit(&subscriptions->order, order + 1, memory_order_release);
    pthread_mutex_unlock(&subscriptions->mutex);
    if (!is_added)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a callback");
    return QTA_OK;
}

static bool grow_routes(struct qta_subscriptions *subscriptions, uint32_t symbol)
{
    uint32_t known = qta_dictionary_count(subscriptions->names, QTA_NAME_SYMBOL);
    if (symbol >= known)
        return false; /* an id that the dictionary never gave out, "(other)" for one */
    uint32_t count = subscriptions->route_count ? subscriptions->route_count : FIRST_ROUTES;
    while (count <= symbol)
        count = count > UINT32_MAX / 2 ? UINT32_MAX : count * 2;
    struct route *routes = realloc(subscriptions->routes, count * sizeof *routes);
    if (!routes)
        return false;
    memset(routes + subscriptions->route_count, 0,
           (count - subscriptions->route_count) * sizeof *routes);
    subscriptions->routes = routes;
    subscriptions->route_count = count;
    return true;
}

static struct selection *look_up(struct qta_subscriptions *subscriptions, uint32_t symbol)
{
    size_t length;
    const char *name = qta_dictionary_name(subscriptions->names, QTA_NAME_SYMBOL, symbol, &length);
    pthread_mutex_lock(&subscriptions->mutex);
    struct selection *selection = find_selection(subscriptions, name, length);
    pthread_mutex_unlock(&subscriptions->mutex);
    return selection;
}

static struct selection *selection_of(struct qta_subscriptions *subscriptions, uint32_t symbol)
{
    uint64_t selections = atomic_load_explicit(&subscriptions->selections, memory_order_acquire);
    if (selections == 0 || symbol == 0)
        return NULL;
    if (selections != subscriptions->routes_of) {
        if (subscriptions->routes)
            memset(subscriptions->routes, 0,
                   subscriptions->route_count * sizeof *subscriptions->routes);
        subscriptions->routes_of = selections;
    }
    if (symbol >= subscriptions->route_count && !grow_routes(subscriptions, symbol))
        return look_up(subscriptions, symbol); /* slower, not wrong */
    assert(subscriptions->routes);
    struct route *route = &subscriptions->routes[symbol];
    if (!route->is_known)
        *route = (struct route){.selection = look_up(subscriptions, symbol), .is_known = true};
    return route->selection;
}

/* The node, unless it was added after the tick's turn began. */
static struct node *before(struct node *node, uint64_t order)
{
    return node && node->order < order ? node : NULL;
}

static struct node *first_of(struct list *list, uint64_t order)
{
    return before(atomic_load_explicit(&list->first, memory_order_acquire), order);
}

static struct node *next_of(struct node *node, uint64_t order)
{
    return before(atomic_load_explicit(&node->next, memory_order_acquire), order);
}

void qta_subscriptions_dispatch(struct qta_subscriptions *subscriptions,
                                const struct qta_tick *tick)
{
    if (tick->type >= QTA_TICK_TYPE_END)
        return;
    uint64_t order = atomic_load_explicit(&subscriptions->order, memory_order_acquire);
    struct selection *selection = selection_of(subscriptions, tick->symbol);
    struct node *all = first_of(&subscriptions->all[tick->type], order);
    struct node *some = selection ? first_of(&selection->lists[tick->type], order) : NULL;
    while (all || some) {
        struct node **next = !some || (all && all->order < some->order) ? &all : &some;
        (*next)->callback((*next)->user, tick, subscriptions->names);
        *next = next_of(*next, order);
    }
}
