/* One failure, one line: the same one is not logged every ten minutes. */
#include "recorder/retention_agent.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "core/doorbell.h"
#include "storage/retention.h"

struct qta_retention_agent {
    char *directory;
    pthread_mutex_t mutex; /* guards the limits */
    struct qta_retention_options limits;
    struct qta_environment *environment;
    struct qta_doorbell bell;
    _Atomic bool is_stopping;
    struct qta_error last_error;
    pthread_t thread;
};

static bool goes_on(void *user, const struct qta_removal *removal)
{
    struct qta_retention_agent *agent = user;
    (void)removal;
    return !atomic_load_explicit(&agent->is_stopping, memory_order_acquire);
}

static void look(struct qta_retention_agent *agent)
{
    struct qta_retention_result result;
    struct qta_error err = {.message = ""};
    pthread_mutex_lock(&agent->mutex);
    struct qta_retention_options limits = agent->limits;
    pthread_mutex_unlock(&agent->mutex);
    if (qta_retention_apply_in(agent->directory, &limits, goes_on, agent, agent->environment,
                               &result, &err) != QTA_OK &&
        strcmp(err.message, agent->last_error.message) != 0)
        qta_log(QTA_LOG_WARNING, "retention", "%s", err.message);
    agent->last_error = err;
}

static void *retention_main(void *argument)
{
    const int64_t interval_ns = INT64_C(600) * 1000000000;
    struct qta_retention_agent *agent = argument;
    while (!atomic_load_explicit(&agent->is_stopping, memory_order_acquire)) {
        uint32_t ticket = qta_doorbell_ticket(&agent->bell);
        look(agent);
        if (!atomic_load_explicit(&agent->is_stopping, memory_order_acquire))
            qta_doorbell_wait(&agent->bell, ticket, interval_ns);
    }
    return NULL;
}

static bool start_thread(struct qta_retention_agent *agent)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&agent->thread, NULL, retention_main, agent);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error == 0;
}

static void free_agent(struct qta_retention_agent *agent)
{
    if (!agent)
        return;
    pthread_mutex_destroy(&agent->mutex);
    free(agent->directory);
    free(agent);
}

struct qta_retention_agent *qta_retention_agent_start(const char *directory,
                                                      const struct qta_retention_options *limits,
                                                      struct qta_environment *environment)
{
    if (limits->keep_days == 0 && limits->max_bytes == 0 && limits->min_free_bytes == 0)
        return NULL;
    struct qta_retention_agent *agent = calloc(1, sizeof *agent);
    if (agent) {
        agent->directory = strdup(directory);
        agent->limits = *limits;
        agent->environment = environment;
        pthread_mutex_init(&agent->mutex, NULL);
    }
    if (agent && agent->directory && start_thread(agent))
        return agent;
    qta_log(QTA_LOG_WARNING, "retention", "cannot start its thread: no session is removed");
    free_agent(agent);
    return NULL;
}

void qta_retention_agent_change(struct qta_retention_agent *agent,
                                const struct qta_retention_options *limits)
{
    pthread_mutex_lock(&agent->mutex);
    agent->limits = *limits;
    pthread_mutex_unlock(&agent->mutex);
    qta_retention_agent_wake(agent);
}

void qta_retention_agent_wake(struct qta_retention_agent *agent)
{
    if (agent)
        qta_doorbell_ring(&agent->bell);
}

void qta_retention_agent_stop(struct qta_retention_agent *agent)
{
    if (!agent)
        return;
    atomic_store_explicit(&agent->is_stopping, true, memory_order_release);
    qta_doorbell_ring(&agent->bell);
    pthread_join(agent->thread, NULL);
    free_agent(agent);
}
