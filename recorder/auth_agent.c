/* It sleeps on the monotonic clock towards a time of the wall clock, so it looks up at least once a
 * minute: the wall clock may be set meanwhile. */
#include "recorder/auth_agent.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <qta/log.h>

#include "core/doorbell.h"

#define NAP_MAX_NS INT64_C(60000000000)

struct owned_manager {
    char *provider;
    struct qta_auth_manager *manager;
};

struct qta_auth_agent {
    struct qta_environment *environment;
    struct owned_manager *managers;
    size_t manager_count;
    struct qta_doorbell bell;
    atomic_bool has_stop;
    pthread_mutex_t mutex; /* of what follows */
    bool is_started;
    bool has_thread;
    pthread_t thread;
};

/* ---- life -------------------------------------------------------------------------------------
 */

static enum qta_status add_manager(struct qta_auth_agent *agent,
                                   const struct qta_provider_options *provider,
                                   struct qta_error *err)
{
    uint64_t seed = 0;
    if (agent->environment->ops->random(agent->environment, &seed, sizeof seed) != 0)
        seed = (uint64_t)qta_monotonic_ns(agent->environment); /* it only spreads renewals */
    struct qta_auth_manager_options options = {
        .provider = provider,
        .ops = qta_adapter_find(provider->adapter ? provider->adapter : provider->name),
        .seed = seed,
    };
    struct owned_manager *own = &agent->managers[agent->manager_count];
    own->provider = strdup(provider->name);
    if (!own->provider)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for keys");
    agent->manager_count++;
    return qta_auth_manager_create(&own->manager, &options, qta_realtime_ns(agent->environment),
                                   err);
}

enum qta_status qta_auth_agent_create(struct qta_auth_agent **out,
                                      const struct qta_gateway_options *options,
                                      struct qta_environment *environment, struct qta_error *err)
{
    struct qta_auth_agent *agent = calloc(1, sizeof *agent);
    struct owned_manager *managers = calloc(options->provider_count + 1, sizeof *managers);
    if (!agent || !managers) {
        free(agent);
        free(managers);
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for keys");
    }
    agent->environment = environment;
    agent->managers = managers;
    pthread_mutex_init(&agent->mutex, NULL);
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < options->provider_count && status == QTA_OK; i++)
        status = add_manager(agent, &options->providers[i], err);
    if (status != QTA_OK) {
        qta_auth_agent_destroy(agent);
        return status;
    }
    *out = agent;
    return QTA_OK;
}

void qta_auth_agent_destroy(struct qta_auth_agent *agent)
{
    if (!agent)
        return;
    qta_auth_agent_stop(agent);
    for (size_t i = 0; i < agent->manager_count; i++) {
        qta_auth_manager_destroy(agent->managers[i].manager);
        free(agent->managers[i].provider);
    }
    free(agent->managers);
    pthread_mutex_destroy(&agent->mutex);
    free(agent);
}

size_t qta_auth_agent_count(const struct qta_auth_agent *agent)
{
    return agent->manager_count;
}

const char *qta_auth_agent_provider(const struct qta_auth_agent *agent, size_t index)
{
    assert(index < agent->manager_count);
    return agent->managers[index].provider;
}

struct qta_auth_manager *qta_auth_agent_manager(const struct qta_auth_agent *agent, size_t index)
{
    assert(index < agent->manager_count);
    return agent->managers[index].manager;
}

/* ---- thread -----------------------------------------------------------------------------------
 */

int64_t qta_auth_agent_do_work(struct qta_auth_agent *agent, int64_t realtime_ns)
{
    int64_t due_ns = QTA_TOKEN_NEVER;
    for (size_t i = 0; i < agent->manager_count; i++) {
        int64_t own_ns = qta_auth_manager_refresh(agent->managers[i].manager, realtime_ns);
        due_ns = own_ns < due_ns ? own_ns : due_ns;
    }
    return due_ns;
}

static void *agent_main(void *user)
{
    struct qta_auth_agent *agent = user;
    prctl(PR_SET_NAME, "qta-keys");
    for (;;) {
        uint32_t ticket = qta_doorbell_ticket(&agent->bell);
        if (atomic_load(&agent->has_stop))
            return NULL;
        int64_t realtime_ns = qta_realtime_ns(agent->environment);
        int64_t due_ns = qta_auth_agent_do_work(agent, realtime_ns);
        int64_t nap_ns = due_ns == QTA_TOKEN_NEVER ? NAP_MAX_NS : due_ns - realtime_ns;
        if (nap_ns > 0)
            qta_doorbell_wait(&agent->bell, ticket, nap_ns < NAP_MAX_NS ? nap_ns : NAP_MAX_NS);
    }
}

/* Signals are for the program's own threads. */
static int create_thread(struct qta_auth_agent *agent)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&agent->thread, NULL, agent_main, agent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static bool is_needed(const struct qta_auth_agent *agent)
{
    for (size_t i = 0; i < agent->manager_count; i++) {
        if (qta_auth_manager_due_ns(agent->managers[i].manager) != QTA_TOKEN_NEVER)
            return true;
    }
    return false;
}

/* Makes the thread when it has become necessary. 0, or an error of pthread_create(). */
static int see_to_thread(struct qta_auth_agent *agent)
{
    int error = 0;
    pthread_mutex_lock(&agent->mutex);
    bool may_run = agent->is_started && !agent->has_thread && !atomic_load(&agent->has_stop);
    if (may_run && is_needed(agent)) {
        error = create_thread(agent);
        agent->has_thread = error == 0;
    }
    pthread_mutex_unlock(&agent->mutex);
    qta_doorbell_ring(&agent->bell);
    return error;
}

enum qta_status qta_auth_agent_start(struct qta_auth_agent *agent, struct qta_error *err)
{
    pthread_mutex_lock(&agent->mutex);
    agent->is_started = true;
    pthread_mutex_unlock(&agent->mutex);
    int error = see_to_thread(agent);
    if (error == 0)
        return QTA_OK;
    errno = error;
    return qta_error_set_errno(err, "cannot start the thread that renews keys");
}

void qta_auth_agent_stop(struct qta_auth_agent *agent)
{
    pthread_mutex_lock(&agent->mutex);
    atomic_store(&agent->has_stop, true);
    for (size_t i = 0; i < agent->manager_count; i++) {
        if (agent->managers[i].manager)
            qta_auth_manager_stop(agent->managers[i].manager);
    }
    qta_doorbell_ring(&agent->bell);
    bool has_thread = agent->has_thread;
    agent->has_thread = false;
    pthread_mutex_unlock(&agent->mutex);
    if (has_thread)
        pthread_join(agent->thread, NULL);
}

/* ---- reload -----------------------------------------------------------------------------------
 */

static const struct qta_provider_options *find_options(const struct qta_gateway_options *options,
                                                       const char *name)
{
    for (size_t i = 0; options && i < options->provider_count; i++) {
        if (strcmp(options->providers[i].name, name) == 0)
            return &options->providers[i];
    }
    return NULL;
}

struct qta_auth_changes qta_auth_agent_reload(struct qta_auth_agent *agent,
                                              const struct qta_gateway_options *options)
{
    struct qta_auth_changes changes = {0};
    for (size_t i = 0; i < agent->manager_count; i++) {
        const struct owned_manager *own = &agent->managers[i];
        enum qta_auth_change change = qta_auth_manager_reload(
            own->manager, find_options(options, own->provider), qta_realtime_ns(agent->environment),
            NULL);
        changes.unchanged += change == QTA_AUTH_UNCHANGED;
        changes.changed += change == QTA_AUTH_CHANGED;
        changes.missing += change == QTA_AUTH_MISSING;
    }
    int error = see_to_thread(agent);
    if (error != 0)
        qta_log(QTA_LOG_ERROR, "gateway", "cannot start the thread that renews keys: %s",
                strerror(error));
    return changes;
}
