/* For each type a list of the callbacks that want all symbols, and for each symbol that somebody
 * named, for each type, a list of those that named it. A tick's callbacks are the merge of two
 * lists by the order in which they were added. Adding holds the mutex and publishes each node by a
 * release store; the dispatching thread follows the lists with acquire loads.
 *
 * Removing unlinks nodes under the mutex and marks them. They are freed once the dispatching thread
 * cannot be at one of them: it is outside of a batch (turn is even) or has passed from one tick to
 * the next since (turn has moved), which it makes known when it is asked to. */
#include "recorder/subscriptions.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/doorbell.h"
#include "core/xxh64.h"

struct node {
    _Atomic(struct node *) next;
    uint64_t order;
    qta_tick_callback callback;
    void *user;
    atomic_bool is_removed;
    struct node *next_removed;
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

/* Symbol id -> selection, looked up once. One thread's. */
struct routes {
    struct route *routes;
    uint32_t count;
    uint64_t of; /* how many selections there were */
};

struct route {
    struct selection *selection; /* NULL: nobody named it */
    bool is_known;
};

enum { BUCKET_COUNT = 1024, FIRST_ROUTES = 256 };
#define SETTLE_LOOK_NS INT64_C(10000000)

struct qta_subscriptions {
    const struct qta_dictionary *names;
    struct list all[QTA_TICK_TYPE_END];
    _Atomic uint64_t order;      /* of the next callback; published after its nodes */
    _Atomic uint64_t selections; /* how many there are: routes of fewer are out of date */
    _Atomic size_t linked;       /* nodes that are in a list */

    pthread_mutex_t mutex;
    struct selection *buckets[BUCKET_COUNT];
    struct node *removed; /* not freed yet; under the mutex */

    struct routes asked; /* of the thread that asks beforehand */

    /* the dispatching thread's */
    struct routes dispatched;
    _Atomic uint64_t turn; /* odd within a batch */
    _Atomic(pthread_t) dispatcher;
    _Atomic uint64_t calls;
    _Atomic(qta_tick_callback) running;

    atomic_bool is_asked; /* somebody waits for the turn to move */
    struct qta_doorbell bell;
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

static void free_removed(struct node *node)
{
    while (node) {
        struct node *next = node->next_removed;
        free(node);
        node = next;
    }
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
    free_removed(subscriptions->removed);
    pthread_mutex_destroy(&subscriptions->mutex);
    free(subscriptions->asked.routes);
    free(subscriptions->dispatched.routes);
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

/* Returns how many nodes were linked. */
static size_t link_lists(struct list lists[QTA_TICK_TYPE_END], uint32_t types, uint64_t order,
                         struct node_stock *stock)
{
    size_t linked = 0;
    for (int type = 0; type < QTA_TICK_TYPE_END; type++) {
        bool is_there = lists[type].last && lists[type].last->order == order; /* named twice */
        if ((types & QTA_TYPE_BIT(type)) && !is_there) {
            append(&lists[type], take_node(stock));
            linked++;
        }
    }
    return linked;
}

/* Under the mutex. */
static bool add_locked(struct qta_subscriptions *subscriptions, uint32_t types,
                       const char *const *symbols, size_t symbol_count, const struct node *model)
{
    struct node_stock stock = {0};
    size_t lists = symbol_count ? symbol_count : 1;
    size_t linked = 0;
    bool is_ok = stock_nodes(&stock, lists * (size_t)__builtin_popcount(types), model);
    for (size_t i = 0; i < symbol_count && is_ok; i++)
        is_ok = make_selection(subscriptions, symbols[i]) != NULL;
    if (is_ok && symbol_count == 0)
        linked = link_lists(subscriptions->all, types, model->order, &stock);
    for (size_t i = 0; i < symbol_count && is_ok; i++) {
        struct selection *selection = find_selection(subscriptions, symbols[i], strlen(symbols[i]));
        assert(selection); /* made just now */
        linked += link_lists(selection->lists, types, model->order, &stock);
    }
    atomic_fetch_add_explicit(&subscriptions->linked, linked, memory_order_relaxed);
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

/* ---- removing ---------------------------------------------------------------------------------
 */

/* Under the mutex. Unlinked nodes go on leading to the rest of their list. */
static size_t unlink_nodes(struct qta_subscriptions *subscriptions, struct list *list,
                           qta_tick_callback callback, const void *user)
{
    size_t count = 0;
    struct node *before = NULL;
    struct node *next;
    for (struct node *node = atomic_load(&list->first); node; node = next) {
        next = atomic_load(&node->next);
        if (node->callback != callback || node->user != user) {
            before = node;
            continue;
        }
        atomic_store_explicit(before ? &before->next : &list->first, next, memory_order_release);
        if (list->last == node)
            list->last = before;
        atomic_store(&node->is_removed, true);
        node->next_removed = subscriptions->removed;
        subscriptions->removed = node;
        count++;
    }
    return count;
}

/* Under the mutex. */
static size_t unlink_everywhere(struct qta_subscriptions *subscriptions, qta_tick_callback callback,
                                const void *user)
{
    size_t count = 0;
    for (int type = 0; type < QTA_TICK_TYPE_END; type++)
        count += unlink_nodes(subscriptions, &subscriptions->all[type], callback, user);
    for (int i = 0; i < BUCKET_COUNT; i++) {
        for (struct selection *selection = subscriptions->buckets[i]; selection;
             selection = selection->next) {
            for (int type = 0; type < QTA_TICK_TYPE_END; type++)
                count += unlink_nodes(subscriptions, &selection->lists[type], callback, user);
        }
    }
    atomic_fetch_sub_explicit(&subscriptions->linked, count, memory_order_relaxed);
    return count;
}

static struct node *take_removed(struct qta_subscriptions *subscriptions)
{
    pthread_mutex_lock(&subscriptions->mutex);
    struct node *removed = subscriptions->removed;
    subscriptions->removed = NULL;
    pthread_mutex_unlock(&subscriptions->mutex);
    return removed;
}

static bool is_in_callback(const struct qta_subscriptions *subscriptions)
{
    return atomic_load(&subscriptions->turn) % 2 != 0 &&
           pthread_equal(atomic_load(&subscriptions->dispatcher), pthread_self());
}

void qta_subscriptions_settle(struct qta_subscriptions *subscriptions)
{
    if (is_in_callback(subscriptions))
        return;
    /* a write, so that the dispatching thread's next move of it sees all that we did before */
    uint64_t turn = atomic_fetch_add(&subscriptions->turn, 0);
    while (turn % 2 != 0) {
        uint32_t ticket = qta_doorbell_ticket(&subscriptions->bell);
        atomic_store(&subscriptions->is_asked, true);
        if (atomic_load(&subscriptions->turn) != turn)
            return;
        qta_doorbell_wait(&subscriptions->bell, ticket, SETTLE_LOOK_NS);
    }
}

bool qta_subscriptions_remove(struct qta_subscriptions *subscriptions, qta_tick_callback callback,
                              void *user)
{
    pthread_mutex_lock(&subscriptions->mutex);
    size_t count = unlink_everywhere(subscriptions, callback, user);
    pthread_mutex_unlock(&subscriptions->mutex);
    if (is_in_callback(subscriptions)) {
        atomic_store(&subscriptions->is_asked, true); /* they are freed behind this tick */
        return count > 0;
    }
    struct node *removed = take_removed(subscriptions);
    qta_subscriptions_settle(subscriptions);
    free_removed(removed);
    return count > 0;
}

bool qta_subscriptions_is_empty(const struct qta_subscriptions *subscriptions)
{
    return atomic_load_explicit(&subscriptions->linked, memory_order_relaxed) == 0;
}

/* ---- finding ----------------------------------------------------------------------------------
 */

static bool grow_routes(const struct qta_subscriptions *subscriptions, struct routes *routes,
                        uint32_t symbol)
{
    uint32_t known = qta_dictionary_count(subscriptions->names, QTA_NAME_SYMBOL);
    if (symbol >= known)
        return false; /* an id that the dictionary never gave out, "(other)" for one */
    uint32_t count = routes->count ? routes->count : FIRST_ROUTES;
    while (count <= symbol)
        count = count > UINT32_MAX / 2 ? UINT32_MAX : count * 2;
    struct route *grown = realloc(routes->routes, count * sizeof *grown);
    if (!grown)
        return false;
    memset(grown + routes->count, 0, (count - routes->count) * sizeof *grown);
    routes->routes = grown;
    routes->count = count;
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

static struct selection *find_route(struct qta_subscriptions *subscriptions, struct routes *routes,
                                    uint32_t symbol, uint64_t selections)
{
    if (selections != routes->of && routes->routes)
        memset(routes->routes, 0, routes->count * sizeof *routes->routes);
    routes->of = selections;
    if (symbol >= routes->count && !grow_routes(subscriptions, routes, symbol))
        return look_up(subscriptions, symbol); /* slower, not wrong */
    assert(routes->routes);
    struct route *route = &routes->routes[symbol];
    if (!route->is_known)
        *route = (struct route){.selection = look_up(subscriptions, symbol), .is_known = true};
    return route->selection;
}

static inline struct selection *selection_of(struct qta_subscriptions *subscriptions,
                                             struct routes *routes, uint32_t symbol)
{
    uint64_t selections = atomic_load_explicit(&subscriptions->selections, memory_order_acquire);
    if (selections == 0 || symbol == 0)
        return NULL;
    if (selections == routes->of && symbol < routes->count && routes->routes[symbol].is_known)
        return routes->routes[symbol].selection;
    return find_route(subscriptions, routes, symbol, selections);
}

bool qta_subscriptions_want(struct qta_subscriptions *subscriptions, const struct qta_tick *tick)
{
    if (tick->type >= QTA_TICK_TYPE_END)
        return false;
    if (atomic_load_explicit(&subscriptions->all[tick->type].first, memory_order_relaxed))
        return true;
    struct selection *selection = selection_of(subscriptions, &subscriptions->asked, tick->symbol);
    return selection &&
           atomic_load_explicit(&selection->lists[tick->type].first, memory_order_relaxed);
}

/* ---- dispatching ------------------------------------------------------------------------------
 */

/* We are at no node. */
static void pass(struct qta_subscriptions *subscriptions, uint64_t steps)
{
    atomic_fetch_add(&subscriptions->turn, steps);
    if (!atomic_load(&subscriptions->is_asked))
        return;
    atomic_store(&subscriptions->is_asked, false);
    free_removed(take_removed(subscriptions));
    qta_doorbell_ring(&subscriptions->bell);
}

void qta_subscriptions_enter(struct qta_subscriptions *subscriptions)
{
    atomic_store_explicit(&subscriptions->dispatcher, pthread_self(), memory_order_relaxed);
    pass(subscriptions, 1);
    assert(atomic_load_explicit(&subscriptions->turn, memory_order_relaxed) % 2 != 0);
}

void qta_subscriptions_leave(struct qta_subscriptions *subscriptions)
{
    assert(atomic_load_explicit(&subscriptions->turn, memory_order_relaxed) % 2 != 0);
    pass(subscriptions, 1);
}

void qta_subscriptions_abandon(struct qta_subscriptions *subscriptions)
{
    if (atomic_load_explicit(&subscriptions->turn, memory_order_relaxed) % 2 != 0)
        pass(subscriptions, 1);
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

static void call(struct qta_subscriptions *subscriptions, const struct node *node,
                 const struct qta_tick *tick)
{
    if (atomic_load_explicit(&node->is_removed, memory_order_relaxed))
        return;
    uint64_t calls = atomic_load_explicit(&subscriptions->calls, memory_order_relaxed);
    atomic_store_explicit(&subscriptions->running, node->callback, memory_order_relaxed);
    atomic_store_explicit(&subscriptions->calls, calls + 1, memory_order_relaxed);
    node->callback(node->user, tick, subscriptions->names);
}

void qta_subscriptions_dispatch(struct qta_subscriptions *subscriptions,
                                const struct qta_tick *tick)
{
    if (atomic_load_explicit(&subscriptions->is_asked, memory_order_relaxed))
        pass(subscriptions, 2);
    if (tick->type >= QTA_TICK_TYPE_END)
        return;
    uint64_t order = atomic_load_explicit(&subscriptions->order, memory_order_acquire);
    struct selection *selection = selection_of(subscriptions, &subscriptions->dispatched,
                                               tick->symbol);
    struct node *all = first_of(&subscriptions->all[tick->type], order);
    struct node *some = selection ? first_of(&selection->lists[tick->type], order) : NULL;
    while (all || some) {
        struct node **next = !some || (all && all->order < some->order) ? &all : &some;
        call(subscriptions, *next, tick);
        *next = next_of(*next, order);
    }
}

struct qta_subscriptions_doing
qta_subscriptions_doing(const struct qta_subscriptions *subscriptions)
{
    bool is_inside = atomic_load_explicit(&subscriptions->turn, memory_order_relaxed) % 2 != 0;
    return (struct qta_subscriptions_doing){
        .calls = atomic_load_explicit(&subscriptions->calls, memory_order_relaxed),
        .callback = is_inside ? atomic_load_explicit(&subscriptions->running, memory_order_relaxed)
                              : NULL,
    };
}
