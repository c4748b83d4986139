/* Where connections are started and retired; each of them looks after itself in between. */
#include "recorder/provider.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "recorder/shard_map.h"

#define SUCCESSOR_RETRY_NS INT64_C(60000000000)
#define PROOF_WAIT_NS INT64_C(100000000)

enum { LABEL_BYTES = 24 };

struct own_shard {
    struct qta_shard base;
    struct qta_connection **lines; /* line_count of them, within provider->connections */
    size_t successor;              /* a line that is to replace another; line_count: none */
    int64_t successor_ns;          /* when the next may be started */
    bool was_lost;
};

struct qta_provider {
    char *name;
    const struct qta_adapter_ops *ops;
    struct qta_shard_map *map;
    struct own_shard *shards;
    size_t shard_count;
    size_t lines_wanted; /* of a shard */
    size_t line_count;   /* likewise, with the successor's place */
    struct qta_connection **connections;
    size_t connection_count;
    int64_t lifetime_ns; /* after which a connection is replaced; 0: never */
    struct qta_connect_queue connects;
    struct qta_gap_book *book;
    uint32_t epochs;
    bool is_started;
    bool is_stopping;
    bool *closed; /* shards that take nothing over */
    int64_t now_ns;
    int64_t realtime_ns;
};

/* ---- shards -----------------------------------------------------------------------------------
 */

static bool is_in_use(const struct own_shard *shard, size_t line)
{
    enum qta_connection_state state = qta_connection_state(shard->lines[line]);
    return state != QTA_CONNECTION_IDLE && state != QTA_CONNECTION_FINISHED;
}

static bool is_subscribed(const struct own_shard *shard, size_t line)
{
    return qta_connection_state(shard->lines[line]) == QTA_CONNECTION_SUBSCRIBED;
}

static bool is_failing(const struct own_shard *shard, size_t line)
{
    enum qta_connection_state state = qta_connection_state(shard->lines[line]);
    return state == QTA_CONNECTION_BACKING_OFF || state == QTA_CONNECTION_BLOCKED;
}

static size_t count_lines(const struct qta_provider *provider, const struct own_shard *shard,
                          bool (*is_so)(const struct own_shard *shard, size_t line))
{
    size_t count = 0;
    for (size_t i = 0; i < provider->line_count; i++)
        count += is_so(shard, i);
    return count;
}

static void start_shard(struct qta_provider *provider, struct own_shard *shard)
{
    for (size_t i = 0; i < provider->lines_wanted; i++) {
        if (qta_connection_state(shard->lines[i]) == QTA_CONNECTION_IDLE)
            qta_connection_start(shard->lines[i], provider->now_ns, provider->realtime_ns);
    }
}

/* ---- make before break ------------------------------------------------------------------------
 */

static size_t oldest_line(const struct qta_provider *provider, const struct own_shard *shard)
{
    size_t oldest = 0;
    for (size_t i = 1; i < provider->line_count; i++) {
        if (qta_connection_age_ns(shard->lines[i]) > qta_connection_age_ns(shard->lines[oldest]))
            oldest = i;
    }
    return oldest;
}

static bool is_to_be_replaced(const struct qta_provider *provider, const struct own_shard *shard,
                              size_t line)
{
    const struct qta_connection *connection = shard->lines[line];
    if (!is_subscribed(shard, line))
        return false;
    return qta_connection_is_expiring(connection) ||
           (provider->lifetime_ns > 0 &&
            qta_connection_age_ns(connection) >= provider->lifetime_ns);
}

static void start_successor(struct qta_provider *provider, struct own_shard *shard, size_t old)
{
    for (size_t i = 0; i < provider->line_count; i++) {
        if (qta_connection_state(shard->lines[i]) != QTA_CONNECTION_IDLE)
            continue;
        shard->successor = i;
        shard->successor_ns = provider->now_ns + SUCCESSOR_RETRY_NS;
        qta_log(QTA_LOG_INFO, qta_connection_title(shard->lines[i]),
                "connecting, to take over from '%s' before that is cut",
                qta_connection_title(shard->lines[old]));
        qta_connection_start(shard->lines[i], provider->now_ns, provider->realtime_ns);
        return;
    }
}

/* The successor carries the data, or has failed to. */
static void judge_successor(struct qta_provider *provider, struct own_shard *shard)
{
    size_t subscribed = count_lines(provider, shard, is_subscribed);
    size_t successor = shard->successor;
    if (is_subscribed(shard, successor)) {
        if (!qta_shard_is_proven(&shard->base, (unsigned)successor, provider->now_ns))
            return; /* the old one may bring what the venue sent before it heard of the new one */
        shard->successor = provider->line_count;
        if (subscribed > provider->lines_wanted)
            qta_connection_retire(shard->lines[oldest_line(provider, shard)], provider->now_ns);
    } else if (is_failing(shard, successor) && subscribed >= provider->lines_wanted) {
        shard->successor = provider->line_count;
        qta_log(QTA_LOG_WARNING, qta_connection_title(shard->lines[successor]),
                "cannot connect beside the connection that it is to replace; that one stays");
        qta_connection_retire(shard->lines[successor], provider->now_ns);
    }
}

/* Of more connections than are wanted, those that fail while enough carry the data. */
static void retire_surplus(struct qta_provider *provider, struct own_shard *shard)
{
    if (count_lines(provider, shard, is_in_use) <= provider->lines_wanted ||
        count_lines(provider, shard, is_subscribed) < provider->lines_wanted)
        return;
    for (size_t i = 0; i < provider->line_count; i++) {
        if (is_failing(shard, i)) {
            qta_connection_retire(shard->lines[i], provider->now_ns);
            return;
        }
    }
}

static void tend_lines(struct qta_provider *provider, struct own_shard *shard)
{
    if (provider->line_count == provider->lines_wanted)
        return;
    if (shard->successor < provider->line_count) {
        judge_successor(provider, shard);
        return;
    }
    retire_surplus(provider, shard);
    if (provider->now_ns < shard->successor_ns ||
        count_lines(provider, shard, is_in_use) > provider->lines_wanted)
        return;
    for (size_t i = 0; i < provider->line_count; i++) {
        if (is_to_be_replaced(provider, shard, i)) {
            start_successor(provider, shard, i);
            return;
        }
    }
}

/* ---- rebalancing ------------------------------------------------------------------------------
 */

/* No line of it can be expected to bring anything soon. */
static bool is_lost(const struct qta_provider *provider, const struct own_shard *shard)
{
    size_t used = 0;
    for (size_t i = 0; i < provider->line_count; i++) {
        if (!is_in_use(shard, i))
            continue;
        used++;
        if (!qta_connection_is_broken(shard->lines[i]))
            return false;
    }
    return used > 0;
}

static enum qta_status put_on(struct qta_provider *provider, struct own_shard *shard,
                              const struct qta_subscription *subscription, struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < provider->line_count && status == QTA_OK; i++)
        status = qta_connection_want(shard->lines[i], subscription, err);
    return status;
}

static void ask(const struct qta_provider *provider, struct own_shard *shard)
{
    for (size_t i = 0; i < provider->line_count; i++)
        qta_connection_ask(shard->lines[i]);
}

static void take_off(struct qta_provider *provider, struct own_shard *shard,
                     const struct qta_subscription *subscriptions, size_t count)
{
    for (size_t i = 0; i < provider->line_count; i++)
        qta_connection_unsubscribe(shard->lines[i], subscriptions, count);
}

/* Finds new places for the symbols of a shard, where others have room. Returns for how many. */
static size_t replace_symbols(struct qta_provider *provider, size_t from)
{
    size_t moved = 0;
    size_t cursor = 0;
    for (const char *symbol; (symbol = qta_shard_map_next(provider->map, from, &cursor));) {
        size_t to;
        if (!qta_shard_map_move(provider->map, symbol, provider->closed))
            break;
        if (qta_shard_map_find(provider->map, symbol, &to))
            qta_shard_hand_over(&provider->shards[from].base, &provider->shards[to].base, symbol);
        moved++;
    }
    return moved;
}

/* Makes the connections agree with the map again. */
static void hand_over(struct qta_provider *provider, struct own_shard *from)
{
    const struct qta_wants *wants = qta_connection_wants(from->lines[0]);
    size_t i = 0;
    while (i < qta_wants_total(wants)) {
        struct qta_subscription subscription = *qta_wants_at(wants, i);
        size_t shard = from->base.index;
        bool is_placed = qta_shard_map_find(provider->map, subscription.symbol, &shard);
        if (!is_placed || shard == from->base.index) {
            i++;
            continue;
        }
        char *symbol = strdup(subscription.symbol); /* it goes with the old one's want */
        struct qta_error err;
        subscription.symbol = symbol;
        if (!symbol || put_on(provider, &provider->shards[shard], &subscription, &err) != QTA_OK) {
            qta_log(QTA_LOG_ERROR, provider->name, "out of memory for moving subscriptions");
            free(symbol);
            break;
        }
        take_off(provider, from, &subscription, 1);
        free(symbol);
    }
    for (size_t shard = 0; shard < provider->shard_count; shard++)
        ask(provider, &provider->shards[shard]);
}

/* Once for every loss: what finds no room waits for its own connection. */
static void rebalance(struct qta_provider *provider, struct own_shard *shard)
{
    bool was_lost = shard->was_lost;
    shard->was_lost = is_lost(provider, shard);
    if (!shard->was_lost || was_lost || provider->shard_count == 1)
        return;
    size_t before = qta_shard_map_load(provider->map, shard->base.index).symbols;
    for (size_t i = 0; i < provider->shard_count; i++)
        provider->closed[i] = count_lines(provider, &provider->shards[i], is_subscribed) == 0;
    size_t moved = replace_symbols(provider, shard->base.index);
    if (moved == 0)
        return;
    qta_log(QTA_LOG_WARNING, qta_connection_title(shard->lines[0]),
            "lost: %zu of its %zu symbols go to other connections%s", moved, before,
            moved < before ? ", which have no room for the rest" : "");
    hand_over(provider, shard);
    if (moved == before) {
        for (size_t i = 0; i < provider->line_count; i++)
            qta_connection_retire(shard->lines[i], provider->now_ns);
    }
}

/* ---- the run ----------------------------------------------------------------------------------
 */

void qta_provider_start(struct qta_provider *provider, enum qta_conn_cause interruption,
                        int64_t now_ns, int64_t realtime_ns)
{
    provider->now_ns = now_ns;
    provider->realtime_ns = realtime_ns;
    provider->is_started = true;
    for (size_t i = 0; i < provider->shard_count; i++) {
        struct own_shard *shard = &provider->shards[i];
        bool is_offline = provider->ops->transport == QTA_TRANSPORT_NONE;
        qta_shard_begin(&shard->base, is_offline ? QTA_CAUSE_NONE : interruption);
        if (i == 0 || qta_shard_map_load(provider->map, i).streams > 0)
            start_shard(provider, shard);
    }
}

int64_t qta_provider_service(struct qta_provider *provider, int64_t now_ns, int64_t realtime_ns,
                             size_t budget)
{
    int64_t due_ns = INT64_MAX;
    provider->now_ns = now_ns;
    provider->realtime_ns = realtime_ns;
    for (size_t i = 0; i < provider->connection_count; i++) {
        int64_t own_ns = qta_connection_service(provider->connections[i], now_ns, realtime_ns,
                                                budget);
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    for (size_t i = 0; i < provider->connection_count && !qta_provider_is_over(provider); i++)
        qta_connection_tell_verdict(provider->connections[i]);
    for (size_t i = 0; i < provider->shard_count && !provider->is_stopping; i++) {
        struct own_shard *shard = &provider->shards[i];
        int64_t own_ns = qta_shard_service(&shard->base, now_ns);
        tend_lines(provider, shard);
        rebalance(provider, shard);
        if (shard->successor < provider->line_count && own_ns > now_ns + PROOF_WAIT_NS)
            own_ns = now_ns + PROOF_WAIT_NS;
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    return due_ns;
}

void qta_provider_stop(struct qta_provider *provider, int64_t now_ns)
{
    provider->is_stopping = true;
    for (size_t i = 0; i < provider->connection_count; i++)
        qta_connection_stop(provider->connections[i], now_ns);
}

void qta_provider_pause(struct qta_provider *provider, bool is_paused)
{
    for (size_t i = 0; i < provider->connection_count; i++)
        qta_connection_pause(provider->connections[i], is_paused);
}

void qta_provider_carry_over(struct qta_provider *provider)
{
    qta_gap_book_turn_page(provider->book);
    for (size_t i = 0; i < provider->connection_count; i++)
        qta_connection_carry_over(provider->connections[i]);
}

/* ---- subscriptions ----------------------------------------------------------------------------
 */

static enum qta_status place(struct qta_provider *provider,
                             const struct qta_subscription *subscription, struct qta_error *err)
{
    size_t index;
    enum qta_status status = QTA_OK;
    bool is_known = qta_shard_map_find(provider->map, subscription->symbol, &index) &&
                    qta_connection_wants_it(provider->shards[index].lines[0], subscription);
    if (!is_known)
        status = qta_shard_map_add(provider->map, subscription->symbol, 1, NULL, &index, err);
    return status == QTA_OK ? put_on(provider, &provider->shards[index], subscription, err)
                            : status;
}

size_t qta_provider_subscribe(struct qta_provider *provider,
                              const struct qta_subscription *subscriptions, size_t count)
{
    size_t placed = 0;
    for (size_t i = 0; i < count; i++) {
        struct qta_error err;
        if (place(provider, &subscriptions[i], &err) == QTA_OK)
            placed++;
        else
            qta_log(QTA_LOG_ERROR, provider->name, "cannot subscribe to '%s': %s",
                    subscriptions[i].symbol, err.message);
    }
    for (size_t i = 0; i < provider->shard_count && !provider->is_stopping; i++) {
        struct own_shard *shard = &provider->shards[i];
        ask(provider, shard);
        if (provider->is_started && qta_shard_map_load(provider->map, i).streams > 0)
            start_shard(provider, shard);
    }
    return placed;
}

void qta_provider_unsubscribe(struct qta_provider *provider,
                              const struct qta_subscription *subscriptions, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t index;
        if (qta_shard_map_find(provider->map, subscriptions[i].symbol, &index) &&
            qta_connection_wants_it(provider->shards[index].lines[0], &subscriptions[i]))
            qta_shard_map_remove(provider->map, subscriptions[i].symbol);
    }
    for (size_t i = 0; i < provider->shard_count; i++)
        take_off(provider, &provider->shards[i], subscriptions, count);
}

void qta_provider_set_limits(struct qta_provider *provider, const struct qta_live_limits *limits)
{
    qta_connect_queue_change(&provider->connects, limits->connects_per_minute);
    for (size_t i = 0; i < provider->connection_count; i++)
        qta_connection_set_limits(provider->connections[i], limits);
}

bool qta_provider_covers(const struct qta_provider *provider,
                         const struct qta_subscription *subscription)
{
    for (size_t i = 0; i < provider->shard_count; i++) {
        if (qta_connection_covers(provider->shards[i].lines[0], subscription))
            return true;
    }
    return false;
}

/* ---- looking at it ----------------------------------------------------------------------------
 */

bool qta_provider_is_over(const struct qta_provider *provider)
{
    for (size_t i = 0; i < provider->connection_count; i++) {
        const struct qta_connection *connection = provider->connections[i];
        if (!qta_connection_is_over(connection) &&
            qta_connection_state(connection) != QTA_CONNECTION_IDLE)
            return false;
    }
    return true;
}

enum qta_status qta_provider_verdict(const struct qta_provider *provider, struct qta_error *err)
{
    enum qta_status worst = QTA_OK;
    for (size_t i = 0; i < provider->connection_count; i++) {
        struct qta_error own;
        enum qta_status status = qta_connection_verdict(provider->connections[i], &own);
        if (status == QTA_OK || status == worst || worst == QTA_ERR_REFUSED)
            continue;
        worst = status;
        if (err)
            *err = own;
    }
    return worst;
}

const char *qta_provider_name(const struct qta_provider *provider)
{
    return provider->name;
}

const struct qta_adapter_ops *qta_provider_ops(const struct qta_provider *provider)
{
    return provider->ops;
}

struct qta_connection *const *qta_provider_connections(const struct qta_provider *provider,
                                                       size_t *count)
{
    *count = provider->connection_count;
    return provider->connections;
}

/* ---- life -------------------------------------------------------------------------------------
 */

/* All channels of a symbol at once, so that they find room on one shard. */
static enum qta_status place_subscriptions(struct qta_provider *provider,
                                           const struct qta_provider_options *options,
                                           struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < options->subscription_count && status == QTA_OK; i++) {
        const char *symbol = options->subscriptions[i].symbol;
        size_t streams = 0;
        size_t shard;
        if (qta_shard_map_find(provider->map, symbol, &shard))
            continue;
        for (size_t j = i; j < options->subscription_count; j++)
            streams += strcmp(options->subscriptions[j].symbol, symbol) == 0;
        status = qta_shard_map_add(provider->map, symbol, streams, NULL, &shard, err);
    }
    return status == QTA_ERR_STATE ? QTA_ERR_CONFIG : status;
}

/* "2B": which shard, where there are several; which line, where there are several or it is not the
 * usual one. */
static void print_label(const struct qta_provider *provider, size_t shard, size_t line,
                        char text[LABEL_BYTES])
{
    char number[LABEL_BYTES - 1] = "";
    bool has_letter = provider->lines_wanted > 1 || line > 0;
    if (provider->shard_count > 1)
        snprintf(number, sizeof number, "%zu", shard + 1);
    snprintf(text, LABEL_BYTES, "%s%.*s", number, has_letter ? 1 : 0, &"ABCD"[line]);
}

static enum qta_status make_line(struct qta_provider *provider, struct own_shard *shard,
                                 size_t line, const struct qta_connection_options *base,
                                 const struct qta_subscription *subscriptions, size_t count,
                                 struct qta_error *err)
{
    char label[LABEL_BYTES];
    struct qta_connection_options options = *base;
    print_label(provider, shard->base.index, line, label);
    options.label = label;
    options.shard = &shard->base;
    options.line = (unsigned)line;
    options.subscriptions = subscriptions;
    options.subscription_count = count;
    options.connects = &provider->connects;
    options.seed = base->seed + provider->connection_count;
    enum qta_status status = qta_connection_create(&shard->lines[line], &options, err);
    if (status == QTA_OK)
        provider->connection_count++;
    return status;
}

/* Its ticks come with times of their own, and not over a connection of ours. */
static bool is_timed_by_adapter(const struct qta_provider *provider)
{
    return (provider->ops->traits & (QTA_TRAIT_STAMPS_TIME | QTA_TRAIT_STAMPS_ALL)) != 0;
}

static enum qta_status make_shard(struct qta_provider *provider, size_t index,
                                  const struct qta_connection_options *options,
                                  struct qta_subscription *scratch, struct qta_error *err)
{
    const struct qta_provider_options *own = options->provider;
    struct own_shard *shard = &provider->shards[index];
    size_t count = 0;
    for (size_t i = 0; i < own->subscription_count; i++) {
        size_t place;
        if (qta_shard_map_find(provider->map, own->subscriptions[i].symbol, &place) &&
            place == index)
            scratch[count++] = own->subscriptions[i];
    }
    uint32_t id = qta_dictionary_intern(options->names, QTA_NAME_PROVIDER, provider->name,
                                        strlen(provider->name));
    shard->base = (struct qta_shard){
        .publisher = options->publisher,
        .book = provider->book,
        .names = options->names,
        .map = provider->shard_count > 1 ? provider->map : NULL,
        .index = index,
        .epochs = &provider->epochs,
        .provider = (uint16_t)id,
        .is_redundant = provider->lines_wanted > 1,
        .last_good_ns = QTA_TIME_UNKNOWN,
    };
    shard->lines = &provider->connections[index * provider->line_count];
    shard->successor = provider->line_count;
    enum qta_status status = QTA_OK;
    if (provider->line_count > 1 && !is_timed_by_adapter(provider))
        status = qta_shard_arbitrate(&shard->base, err);
    for (size_t line = 0; line < provider->line_count && status == QTA_OK; line++)
        status = make_line(provider, shard, line, options, scratch, count, err);
    return status;
}

static enum qta_status make_shards(struct qta_provider *provider,
                                   const struct qta_connection_options *options,
                                   struct qta_error *err)
{
    const struct qta_provider_options *own = options->provider;
    struct qta_subscription *scratch = calloc(own->subscription_count + 1, sizeof *scratch);
    if (!scratch)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for subscriptions");
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < provider->shard_count && status == QTA_OK; i++)
        status = make_shard(provider, i, options, scratch, err);
    free(scratch);
    return status;
}

static enum qta_status count_places(struct qta_provider *provider,
                                    const struct qta_connection_options *options,
                                    struct qta_error *err)
{
    const struct qta_provider_options *own = options->provider;
    bool has_limit = own->symbols_per_connection > 0 || own->streams_per_connection > 0;
    bool is_offline = provider->ops->transport == QTA_TRANSPORT_NONE;
    provider->lines_wanted = own->lines > 0 ? own->lines : 1;
    if (provider->lines_wanted >= QTA_SHARD_LINES_MAX)
        return qta_error_set(err, QTA_ERR_CONFIG, "lines must be 1 to %d, not %zu",
                             QTA_SHARD_LINES_MAX - 1, provider->lines_wanted);
    if (provider->lines_wanted > own->max_connections && own->max_connections > 0)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "%zu lines need as many connections, and max_connections is %" PRIu32,
                             provider->lines_wanted, own->max_connections);
    if ((is_offline || is_timed_by_adapter(provider)) && provider->lines_wanted > 1)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "'%s' has no connection that there could be several lines of",
                             provider->ops->name);
    const struct qta_recording_options *recording = &options->gateway->recording;
    if (provider->lines_wanted > 1 && recording->is_enabled && recording->has_raw_frames)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "recording.raw_frames would store the messages of all %zu lines; set "
                             "it to false, or lines to 1",
                             provider->lines_wanted);
    /* a successor's place costs every tick a comparison with what another line has brought */
    bool has_successors = !is_offline && (own->connection_lifetime_ns > 0 ||
                                          (provider->ops->traits & QTA_TRAIT_ANNOUNCES_END));
    provider->line_count = provider->lines_wanted + (has_successors ? 1 : 0);
    provider->shard_count = has_limit && !is_offline && own->max_connections > 0
                                ? own->max_connections / provider->lines_wanted
                                : 1;
    provider->lifetime_ns = own->connection_lifetime_ns;
    const struct qta_shard_limits limits = {
        .shards_max = provider->shard_count,
        .symbols_max = is_offline ? 0 : own->symbols_per_connection,
        .streams_max = is_offline ? 0 : own->streams_per_connection,
    };
    return qta_shard_map_create(&provider->map, &limits, err);
}

enum qta_status qta_provider_create(struct qta_provider **out,
                                    const struct qta_connection_options *options,
                                    struct qta_error *err)
{
    const char *name = options->provider->name;
    struct qta_provider *provider = calloc(1, sizeof *provider);
    if (!provider)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    provider->ops = options->ops;
    provider->name = strdup(name);
    qta_connect_queue_init(&provider->connects, options->provider->connects_per_minute);
    enum qta_status status = count_places(provider, options, err);
    if (status == QTA_OK) {
        size_t places = provider->shard_count * provider->line_count;
        provider->shards = calloc(provider->shard_count, sizeof *provider->shards);
        provider->closed = calloc(provider->shard_count, sizeof *provider->closed);
        provider->connections = calloc(places, sizeof(struct qta_connection *));
        if (!provider->name || !provider->shards || !provider->closed || !provider->connections)
            status = qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a provider");
    }
    if (status == QTA_OK)
        status = qta_gap_book_create(&provider->book, options->ops, options->publisher, err);
    if (status == QTA_OK)
        status = place_subscriptions(provider, options->provider, err);
    if (status != QTA_OK)
        status = qta_error_prefix(err, status, "provider '%s'", name);
    else
        status = make_shards(provider, options, err);
    if (status != QTA_OK) {
        qta_provider_destroy(provider);
        return status;
    }
    *out = provider;
    return QTA_OK;
}

void qta_provider_destroy(struct qta_provider *provider)
{
    if (!provider)
        return;
    for (size_t i = 0; i < provider->connection_count; i++)
        qta_connection_destroy(provider->connections[i]);
    for (size_t i = 0; i < provider->shard_count && provider->shards; i++)
        qta_shard_finish(&provider->shards[i].base);
    qta_gap_book_destroy(provider->book);
    qta_shard_map_destroy(provider->map);
    free(provider->connections);
    free(provider->shards);
    free(provider->closed);
    free(provider->name);
    free(provider);
}
