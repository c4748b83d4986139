/* One turn of the network thread: commands, clocks, day, connections, room, end. */
#include "recorder/network_agent.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "adapters/adapter_defaults.h"
#include "core/doorbell.h"
#include "recorder/clock_watch.h"
#include "recorder/wants.h"

#define TURN_MAX_NS INT64_C(1000000000) /* the clocks are compared at least this often */
#define ROOM_PATIENCE_NS INT64_C(100000000)
/* for those that miss ticks anyway: without a tick dispatched, and in all */
#define END_PATIENCE_NS INT64_C(1000000000)
#define END_WAIT_MAX_NS INT64_C(3000000000)

enum {
    BUDGET_MAX = 1024, /* ticks an adapter makes before others have their turn */
    COMMANDS_MAX = 100000,
};

struct command {
    struct command *next;
    enum qta_tick_type type; /* of a subscription; QTA_TICK_MARKER for a note */
    bool is_removal;         /* of a subscription */
    size_t count;
    const char *texts[]; /* symbols, or the note; behind the array in the same allocation */
};

struct qta_network_agent {
    struct qta_network_agent_options options;
    bool *is_reported; /* for each connection: it is over, and that was said */
    bool is_started;
    bool is_stopping;
    bool is_asked_to_stop; /* the end is not a connection's doing */
    bool is_paused;
    struct qta_clock_watch clock;
    uint32_t ticket; /* of the bell, taken before looking for work */
    enum qta_status status;
    struct qta_error error;

    atomic_bool
        is_finished; /* release: after the last tick is in the queues and the status is set */
    atomic_bool has_stop;
    atomic_bool wants_room;
    struct qta_doorbell bell;

    pthread_mutex_t mutex;
    atomic_bool has_commands; /* saves the mutex in turns without any */
    struct command *first_command;
    struct command *last_command;
    size_t command_count;
    struct qta_live_options *waiting; /* to be taken over; counts as a command */

    struct qta_live_options *live; /* that was taken over; NULL: nothing is known */
    struct qta_wants *asked_for;   /* subscriptions that are not of the configuration */
};

/* ---- life -------------------------------------------------------------------------------------
 */

enum qta_status qta_network_agent_create(struct qta_network_agent **out,
                                         const struct qta_network_agent_options *options,
                                         struct qta_error *err)
{
    struct qta_network_agent *agent = calloc(1, sizeof *agent);
    bool *is_reported = calloc(options->provider_count + 1, sizeof *is_reported);
    if (!agent || !is_reported) {
        free(agent);
        free(is_reported);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the network thread");
    }
    agent->options = *options;
    agent->is_reported = is_reported;
    pthread_mutex_init(&agent->mutex, NULL);
    enum qta_status status = qta_wants_create(&agent->asked_for, err);
    if (status != QTA_OK) {
        qta_network_agent_destroy(agent);
        return status;
    }
    *out = agent;
    return QTA_OK;
}

void qta_network_agent_destroy(struct qta_network_agent *agent)
{
    if (!agent)
        return;
    while (agent->first_command) {
        struct command *next = agent->first_command->next;
        free(agent->first_command);
        agent->first_command = next;
    }
    pthread_mutex_destroy(&agent->mutex);
    qta_live_options_destroy(agent->waiting);
    qta_live_options_destroy(agent->live);
    qta_wants_destroy(agent->asked_for);
    free(agent->is_reported);
    free(agent);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

static struct command *make_command(enum qta_tick_type type, bool is_removal,
                                    const char *const *texts, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(texts[i]) + 1;
    struct command *command = malloc(sizeof *command + count * sizeof command->texts[0] + bytes);
    if (!command)
        return NULL;
    command->next = NULL;
    command->type = type;
    command->is_removal = is_removal;
    command->count = count;
    char *text = (char *)&command->texts[count];
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(texts[i]) + 1;
        command->texts[i] = memcpy(text, texts[i], length);
        text += length;
    }
    return command;
}

static enum qta_status put_command(struct qta_network_agent *agent, enum qta_tick_type type,
                                   bool is_removal, const char *const *texts, size_t count,
                                   struct qta_error *err)
{
    struct command *command = make_command(type, is_removal, texts, count);
    if (!command)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a command");
    pthread_mutex_lock(&agent->mutex);
    bool is_full = agent->command_count == COMMANDS_MAX;
    if (!is_full) {
        if (agent->last_command)
            agent->last_command->next = command;
        else
            agent->first_command = command;
        agent->last_command = command;
        agent->command_count++;
        atomic_store_explicit(&agent->has_commands, true, memory_order_release);
    }
    pthread_mutex_unlock(&agent->mutex);
    if (is_full) {
        free(command);
        return qta_error_set(err, QTA_ERR_STATE, "%d commands wait already: try again later",
                             COMMANDS_MAX);
    }
    qta_network_agent_wake(agent);
    return QTA_OK;
}

enum qta_status qta_network_agent_subscribe(struct qta_network_agent *agent,
                                            enum qta_tick_type type, const char *const *symbols,
                                            size_t symbol_count, struct qta_error *err)
{
    return put_command(agent, type, false, symbols, symbol_count, err);
}

enum qta_status qta_network_agent_unsubscribe(struct qta_network_agent *agent,
                                              enum qta_tick_type type, const char *const *symbols,
                                              size_t symbol_count, struct qta_error *err)
{
    return put_command(agent, type, true, symbols, symbol_count, err);
}

void qta_network_agent_reload(struct qta_network_agent *agent, struct qta_live_options *live)
{
    pthread_mutex_lock(&agent->mutex);
    struct qta_live_options *overtaken = agent->waiting;
    agent->waiting = live;
    atomic_store_explicit(&agent->has_commands, true, memory_order_release);
    pthread_mutex_unlock(&agent->mutex);
    qta_live_options_destroy(overtaken);
    qta_network_agent_wake(agent);
}

enum qta_status qta_network_agent_mark(struct qta_network_agent *agent, const char *note,
                                       struct qta_error *err)
{
    return put_command(agent, QTA_TICK_MARKER, false, &note, 1, err);
}

static struct command *take_commands(struct qta_network_agent *agent,
                                     struct qta_live_options **live)
{
    *live = NULL;
    if (!atomic_load_explicit(&agent->has_commands, memory_order_acquire))
        return NULL;
    pthread_mutex_lock(&agent->mutex);
    struct command *first = agent->first_command;
    *live = agent->waiting;
    agent->first_command = NULL;
    agent->last_command = NULL;
    agent->command_count = 0;
    agent->waiting = NULL;
    atomic_store_explicit(&agent->has_commands, false, memory_order_relaxed);
    pthread_mutex_unlock(&agent->mutex);
    return first;
}

static bool is_covered(const struct qta_network_agent *agent,
                       const struct qta_subscription *subscription)
{
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        if (qta_provider_covers(agent->options.providers[i], subscription))
            return true;
    }
    return false;
}

static bool is_offered(const struct qta_network_agent *agent, enum qta_tick_type type)
{
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        if (qta_adapter_offers(qta_provider_ops(agent->options.providers[i]), type))
            return true;
    }
    return false;
}

/* The command's subscriptions that are (not) covered already; NULL without memory. */
static struct qta_subscription *list_subscriptions(struct qta_network_agent *agent,
                                                   const struct command *command, size_t *count)
{
    struct qta_subscription *list = malloc((command->count + 1) * sizeof *list);
    *count = 0;
    for (size_t i = 0; i < command->count && list; i++) {
        struct qta_subscription subscription = {
            .type = command->type,
            .bar_kind = command->type == QTA_TICK_BAR ? QTA_BAR_MINUTE : 0,
            .symbol = command->texts[i],
        };
        bool is_known = is_covered(agent, &subscription);
        if (command->is_removal)
            qta_wants_remove(agent->asked_for, &subscription);
        else
            qta_wants_add(agent->asked_for, &subscription, NULL);
        if (command->is_removal || !is_known)
            list[(*count)++] = subscription;
    }
    return list;
}

static void change_subscriptions(struct qta_network_agent *agent, const struct command *command)
{
    size_t count;
    struct qta_subscription *list = list_subscriptions(agent, command, &count);
    if (!list) {
        qta_log(QTA_LOG_ERROR, "gateway", "out of memory for subscriptions");
        return;
    }
    if (!is_offered(agent, command->type))
        qta_log(QTA_LOG_WARNING, "gateway", "no provider has ticks of type %s to subscribe to",
                qta_tick_type_name(command->type));
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        struct qta_provider *provider = agent->options.providers[i];
        if (command->is_removal)
            qta_provider_unsubscribe(provider, list, count);
        else if (qta_adapter_offers(qta_provider_ops(provider), command->type))
            qta_provider_subscribe(provider, list, count);
    }
    free(list);
}

static void mark(struct qta_network_agent *agent, const char *note)
{
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_MARKER);
    tick.marker.note = qta_dictionary_intern(agent->options.names, QTA_NAME_TEXT, note,
                                             strlen(note));
    qta_publisher_publish_own(agent->options.publisher, &tick);
}

/* ---- another configuration --------------------------------------------------------------------
 */

/* What somebody else has asked for stays. */
static size_t keep_asked_for(const struct qta_network_agent *agent,
                             struct qta_subscription *removed, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (!qta_wants_has(agent->asked_for, &removed[i]))
            removed[kept++] = removed[i];
    }
    return kept;
}

static enum qta_status take_over_subscriptions(struct qta_network_agent *agent,
                                               struct qta_provider *provider,
                                               const struct qta_live_provider *before,
                                               const struct qta_live_provider *after,
                                               struct qta_error *err)
{
    struct qta_subscription *removed = NULL;
    struct qta_subscription *added = NULL;
    size_t removed_count;
    size_t added_count;
    enum qta_status status = qta_live_provider_without(before, after, &removed, &removed_count,
                                                       err);
    if (status == QTA_OK)
        status = qta_live_provider_without(after, before, &added, &added_count, err);
    if (status == QTA_OK && removed_count + added_count > 0) {
        removed_count = keep_asked_for(agent, removed, removed_count);
        qta_provider_unsubscribe(provider, removed, removed_count); /* first: it makes room */
        size_t placed = qta_provider_subscribe(provider, added, added_count);
        qta_log(QTA_LOG_INFO, qta_provider_name(provider),
                "subscriptions changed: %zu more, %zu less", placed, removed_count);
    }
    free(removed);
    free(added);
    return status;
}

static enum qta_status take_over_provider(struct qta_network_agent *agent,
                                          struct qta_provider *provider,
                                          const struct qta_live_options *live, int64_t now_ns,
                                          struct qta_error *err)
{
    const char *name = qta_provider_name(provider);
    const struct qta_live_provider *before = qta_live_options_find(agent->live, name);
    const struct qta_live_provider *after = qta_live_options_find(live, name);
    if (!before) /* it has stopped */
        return QTA_OK;
    if (!after) {
        qta_log(QTA_LOG_INFO, name, "stopped: it is not in the configuration any more");
        qta_provider_stop(provider, now_ns);
        return QTA_OK;
    }
    if (!qta_live_limits_equal(&before->limits, &after->limits)) {
        qta_provider_set_limits(provider, &after->limits);
        qta_log(QTA_LOG_INFO, name, "limits changed");
    }
    return take_over_subscriptions(agent, provider, before, after, err);
}

/* Without memory some providers may stay as they are; the next configuration sets that right only
 * where it differs, so it is said. */
static void take_over(struct qta_network_agent *agent, struct qta_live_options *live,
                      int64_t now_ns)
{
    struct qta_error err;
    for (size_t i = 0; i < agent->options.provider_count && agent->live; i++) {
        struct qta_provider *provider = agent->options.providers[i];
        if (take_over_provider(agent, provider, live, now_ns, &err) != QTA_OK)
            qta_log(QTA_LOG_ERROR, qta_provider_name(provider),
                    "the configuration was not taken over: %s", err.message);
    }
    if (agent->live && agent->options.recording)
        qta_recording_set_limits(agent->options.recording, &live->retention);
    if (agent->live)
        qta_counter_add(&agent->options.counters->reloads, 1);
    qta_live_options_destroy(agent->live);
    agent->live = live;
}

static void do_commands(struct qta_network_agent *agent, int64_t now_ns)
{
    struct qta_live_options *live;
    struct command *command = take_commands(agent, &live);
    while (command) {
        struct command *next = command->next;
        if (command->type == QTA_TICK_MARKER)
            mark(agent, command->texts[0]);
        else
            change_subscriptions(agent, command);
        free(command);
        command = next;
    }
    if (live && agent->is_stopping)
        qta_live_options_destroy(live);
    else if (live)
        take_over(agent, live, now_ns);
}

/* ---- waking -----------------------------------------------------------------------------------
 */

void qta_network_agent_wake(struct qta_network_agent *agent)
{
    qta_doorbell_ring(&agent->bell);
    if (agent->options.transport)
        agent->options.transport->ops->wake(agent->options.transport);
}

void qta_network_agent_stop(struct qta_network_agent *agent)
{
    atomic_store(&agent->has_stop, true);
    qta_network_agent_wake(agent);
}

void qta_network_agent_note_room(struct qta_network_agent *agent,
                                 const struct qta_subscriber *subscriber)
{
    bool is_roomy = qta_subscriber_is_gone(subscriber) ||
                    qta_subscriber_room(subscriber) >= qta_subscriber_capacity(subscriber) / 2;
    qta_doorbell_ring(&agent->bell);
    if (is_roomy && atomic_load(&agent->wants_room)) {
        atomic_store(&agent->wants_room, false);
        qta_network_agent_wake(agent);
    }
}

/* How long the end waits for one that makes no room: 0 for without limit. One that blocks is waited
 * for as long as its callbacks return. */
static int64_t end_patience_ns(const struct qta_network_agent *agent,
                               const struct qta_subscriber *subscriber)
{
    const struct qta_subscriber_set_options *options = qta_subscriber_set_options(
        agent->options.subscribers);
    bool is_ending = atomic_load(&agent->has_stop) || (agent->is_stopping && !options->is_replay);
    if (!is_ending)
        return 0;
    if (qta_subscriber_policy(subscriber) == QTA_OVERFLOW_BLOCK)
        return options->callback_hang_after_ns;
    return END_PATIENCE_NS;
}

/* Threads wait in real time. */
bool qta_network_agent_wait_for_room(struct qta_network_agent *agent,
                                     struct qta_subscriber *subscriber)
{
    bool is_blocking = qta_subscriber_policy(subscriber) == QTA_OVERFLOW_BLOCK;
    uint64_t dispatched = qta_subscriber_dispatched(subscriber);
    int64_t begin_ns = qta_monotonic_ns(qta_environment_system());
    int64_t moved_ns = begin_ns;
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&agent->bell);
        if (qta_subscriber_is_gone(subscriber) || qta_subscriber_room(subscriber) > 0)
            return true;
        int64_t now_ns = qta_monotonic_ns(qta_environment_system());
        int64_t patience_ns = end_patience_ns(agent, subscriber);
        uint64_t before = dispatched;
        dispatched = qta_subscriber_dispatched(subscriber);
        if (patience_ns == 0)
            begin_ns = now_ns;
        if (patience_ns == 0 || dispatched != before)
            moved_ns = now_ns;
        if (patience_ns > 0 && (now_ns - moved_ns >= patience_ns ||
                                (!is_blocking && now_ns - begin_ns >= END_WAIT_MAX_NS)))
            return false;
        qta_subscriber_set_watch(agent->options.subscribers,
                                 qta_monotonic_ns(agent->options.environment));
        qta_doorbell_wait(&agent->bell, ticket, ROOM_PATIENCE_NS);
    }
}

void qta_network_agent_wait(struct qta_network_agent *agent, int64_t due_ns)
{
    struct qta_transport *transport = agent->options.transport;
    if (transport) {
        transport->ops->service(transport, due_ns);
        return;
    }
    int64_t now_ns = qta_monotonic_ns(agent->options.environment);
    if (due_ns > now_ns)
        qta_doorbell_wait(&agent->bell, agent->ticket, due_ns - now_ns);
}

/* ---- clocks -----------------------------------------------------------------------------------
 */

static void watch_clock(struct qta_network_agent *agent, int64_t now_ns, int64_t realtime_ns)
{
    struct qta_counters *counters = agent->options.counters;
    struct qta_clock_watch *clock = &agent->clock;
    struct qta_tick tick;
    bool is_told = qta_clock_watch_look(clock, agent->options.environment, now_ns, realtime_ns,
                                        &tick);
    atomic_store_explicit(&counters->clock_offset_ns, clock->offset_ns, memory_order_relaxed);
    atomic_store_explicit(&counters->clock_estimated_offset_ns, clock->estimate.offset_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&counters->clock_max_error_ns, clock->estimate.max_error_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&counters->clock_sync, (int)clock->sync, memory_order_relaxed);
    atomic_store_explicit(&counters->clock_steps, clock->steps, memory_order_relaxed);
    if (is_told && agent->options.has_own_time)
        qta_publisher_publish_own(agent->options.publisher, &tick);
}

/* ---- connections ------------------------------------------------------------------------------
 */

static void start(struct qta_network_agent *agent, int64_t now_ns, int64_t realtime_ns)
{
    struct qta_recording *recording = agent->options.recording;
    agent->is_started = true;
    qta_clock_watch_start(&agent->clock, now_ns, realtime_ns);
    enum qta_conn_cause interruption = QTA_CAUSE_NONE;
    if (recording)
        interruption = qta_recording_interruption(recording);
    qta_publisher_begin_run(agent->options.publisher);
    do_commands(agent,
                now_ns); /* what was subscribed to before the run is part of the first question */
    for (size_t i = 0; i < agent->options.provider_count; i++)
        qta_provider_start(agent->options.providers[i], interruption, now_ns, realtime_ns);
}

static void watch_room(struct qta_network_agent *agent)
{
    bool is_paused = qta_subscriber_set_is_crowded(agent->options.subscribers, agent->is_paused);
    if (is_paused == agent->is_paused)
        return;
    agent->is_paused = is_paused;
    for (size_t i = 0; i < agent->options.provider_count; i++)
        qta_provider_pause(agent->options.providers[i], is_paused);
}

static int64_t service_connections(struct qta_network_agent *agent, int64_t now_ns,
                                   int64_t realtime_ns)
{
    int64_t due_ns = INT64_MAX;
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        size_t room = qta_publisher_room(agent->options.publisher);
        size_t budget = room < BUDGET_MAX ? room : BUDGET_MAX;
        int64_t own_ns = qta_provider_service(agent->options.providers[i], now_ns, realtime_ns,
                                              budget);
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    return due_ns;
}

static bool are_all_over(const struct qta_network_agent *agent)
{
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        if (!qta_provider_is_over(agent->options.providers[i]))
            return false;
    }
    return true;
}

/* A provider that is given up while others go on has nobody to return the reason to. */
static void report_blocked(struct qta_network_agent *agent)
{
    bool is_end = are_all_over(agent);
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        struct qta_provider *provider = agent->options.providers[i];
        struct qta_error err;
        bool was_reported = agent->is_reported[i];
        agent->is_reported[i] = qta_provider_is_over(provider); /* new keys may revive it */
        if (was_reported || !agent->is_reported[i])
            continue;
        if (qta_provider_verdict(provider, &err) != QTA_OK && !is_end)
            qta_log(QTA_LOG_ERROR, "gateway", "%s", err.message);
    }
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void begin_to_stop(struct qta_network_agent *agent, int64_t now_ns)
{
    agent->is_stopping = true;
    for (size_t i = 0; i < agent->options.provider_count; i++)
        qta_provider_stop(agent->options.providers[i], now_ns);
}

/* The first connection that was refused, else the first that was given up. */
static enum qta_status worst_verdict(struct qta_network_agent *agent, struct qta_error *err)
{
    enum qta_status worst = QTA_OK;
    for (size_t i = 0; i < agent->options.provider_count; i++) {
        struct qta_error own;
        enum qta_status status = qta_provider_verdict(agent->options.providers[i], &own);
        if (status == QTA_OK || worst == status || worst == QTA_ERR_REFUSED)
            continue;
        worst = status;
        *err = own;
    }
    return worst;
}

static void finish(struct qta_network_agent *agent, int64_t now_ns)
{
    do_commands(agent, now_ns); /* a note that was taken is recorded */
    qta_publisher_end_run(agent->options.publisher);
    qta_subscriber_set_end(agent->options.subscribers);
    agent->status = qta_publisher_status(agent->options.publisher, &agent->error);
    if (agent->status == QTA_OK && !agent->is_asked_to_stop)
        agent->status = worst_verdict(agent, &agent->error);
    atomic_store_explicit(&agent->is_finished, true, memory_order_release);
}

static bool is_end_due(struct qta_network_agent *agent)
{
    if (atomic_load(&agent->has_stop)) {
        agent->is_asked_to_stop = true;
        return true;
    }
    return qta_publisher_status(agent->options.publisher, NULL) != QTA_OK || are_all_over(agent);
}

bool qta_network_agent_is_finished(const struct qta_network_agent *agent)
{
    return atomic_load_explicit(&agent->is_finished, memory_order_acquire);
}

enum qta_status qta_network_agent_result(const struct qta_network_agent *agent,
                                         struct qta_error *err)
{
    assert(qta_network_agent_is_finished(agent));
    if (agent->status != QTA_OK && err)
        *err = agent->error;
    return agent->status;
}

/* ---- the turn ---------------------------------------------------------------------------------
 */

/* Room is wanted when a link is paused or an adapter without one has none: then the subscriber
 * wakes us. What it took before it could see the wish is looked for here. */
static int64_t want_room(struct qta_network_agent *agent, int64_t now_ns, int64_t due_ns)
{
    bool is_full = qta_publisher_room(agent->options.publisher) == 0;
    if (!agent->is_paused && !is_full)
        return due_ns;
    atomic_exchange(&agent->wants_room, true);
    bool is_better = qta_subscriber_set_is_half_empty(agent->options.subscribers,
                                                      !agent->is_paused);
    return is_better ? now_ns : due_ns;
}

int64_t qta_network_agent_do_work(struct qta_network_agent *agent, int64_t now_ns,
                                  int64_t realtime_ns)
{
    struct qta_publisher *publisher = agent->options.publisher;
    assert(!qta_network_agent_is_finished(agent));
    agent->ticket = qta_doorbell_ticket(&agent->bell);
    atomic_store_explicit(&agent->options.counters->last_turn_ns, now_ns, memory_order_relaxed);
    qta_publisher_set_realtime(publisher, realtime_ns);
    if (!agent->is_started)
        start(agent, now_ns, realtime_ns);
    watch_clock(agent, now_ns, realtime_ns);
    qta_publisher_check_day(publisher);
    do_commands(agent, now_ns);
    watch_room(agent);
    qta_subscriber_set_watch(agent->options.subscribers, now_ns);
    int64_t due_ns = service_connections(agent, now_ns, realtime_ns);
    qta_publisher_release(publisher);
    qta_publisher_flush(publisher);
    if (agent->options.recording)
        qta_recording_look(agent->options.recording);
    report_blocked(agent);
    if (!agent->is_stopping && is_end_due(agent))
        begin_to_stop(agent, now_ns);
    if (agent->is_stopping && are_all_over(agent)) {
        finish(agent, now_ns);
        return now_ns;
    }
    int64_t publisher_due_ns = qta_publisher_due_ns(publisher);
    if (publisher_due_ns != INT64_MAX && publisher_due_ns - realtime_ns < due_ns - now_ns)
        due_ns = now_ns + (publisher_due_ns - realtime_ns);
    if (due_ns > now_ns + TURN_MAX_NS)
        due_ns = now_ns + TURN_MAX_NS;
    return want_room(agent, now_ns, due_ns);
}
