/* The run: the network thread, the thread of the callbacks, and both by hand in one. */
#include <qta/gateway.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>

#include "recorder/gateway_internal.h"
#include "recorder/gateway_parts.h"

static void *network_main(void *user)
{
    struct qta_gateway *gateway = user;
    struct qta_network_agent *agent = gateway->agent;
    struct qta_environment *environment = gateway->environment;
    prctl(PR_SET_NAME, "qta-network");
    prctl(PR_SET_TIMERSLACK, 1); /* a replay's pace is kept to microseconds */
    while (!qta_network_agent_is_finished(agent)) {
        int64_t due_ns = qta_network_agent_do_work(agent, qta_monotonic_ns(environment),
                                                   qta_realtime_ns(environment));
        if (!qta_network_agent_is_finished(agent))
            qta_network_agent_wait(agent, due_ns);
    }
    return NULL;
}

/* Signals are for the program's own threads. */
static int create_thread(pthread_t *thread, void *(*function)(void *), void *user)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, function, user);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

static enum qta_status begin_run(struct qta_gateway *gateway, struct qta_error *err)
{
    int expected = QTA_RUN_NOT_YET;
    if (!atomic_compare_exchange_strong(&gateway->run_state, &expected, QTA_RUN_STARTED))
        return qta_error_set(err, QTA_ERR_STATE, "a gateway runs only once: create a new one");
    return QTA_OK;
}

static enum qta_status run(struct qta_gateway *gateway, struct qta_error *err)
{
    if (gateway->recording)
        qta_recording_allow_thread(gateway->recording, true);
    enum qta_status status = qta_auth_agent_start(gateway->auth, err);
    if (status == QTA_OK && gateway->health)
        status = qta_health_service_start(gateway->health, err);
    if (status != QTA_OK) {
        atomic_store(&gateway->run_state, QTA_RUN_ENDED);
        return status;
    }
    pthread_t network;
    int error = create_thread(&network, network_main, gateway);
    if (error != 0) {
        errno = error;
        atomic_store(&gateway->run_state, QTA_RUN_ENDED);
        return qta_error_set_errno(err, "cannot start the network thread");
    }
    qta_subscriber_run(gateway->callbacks, NULL); /* that it was too slow is in the log */
    pthread_join(network, NULL);
    qta_auth_agent_stop(gateway->auth);
    if (gateway->health)
        qta_health_service_stop(gateway->health);
    atomic_store(&gateway->run_state, QTA_RUN_ENDED);
    return qta_network_agent_result(gateway->agent, err);
}

enum qta_status qta_gateway_run(struct qta_gateway *gateway, struct qta_error *err)
{
    assert(gateway);
    enum qta_status status = begin_run(gateway, err);
    return status == QTA_OK ? run(gateway, err) : status;
}

static void *run_main(void *user)
{
    struct qta_gateway *gateway = user;
    prctl(PR_SET_NAME, "qta-callbacks");
    gateway->thread_status = run(gateway, &gateway->thread_error);
    return NULL;
}

enum qta_status qta_gateway_start(struct qta_gateway *gateway, struct qta_error *err)
{
    assert(gateway);
    enum qta_status status = begin_run(gateway, err);
    if (status != QTA_OK)
        return status;
    int error = create_thread(&gateway->thread, run_main, gateway);
    if (error != 0) {
        errno = error;
        atomic_store(&gateway->run_state, QTA_RUN_ENDED);
        return qta_error_set_errno(err, "cannot start the thread of the callbacks");
    }
    gateway->has_thread = true;
    return QTA_OK;
}

enum qta_status qta_gateway_join(struct qta_gateway *gateway, struct qta_error *err)
{
    assert(gateway);
    if (!gateway->has_thread)
        return qta_error_set(err, QTA_ERR_STATE, "no thread to wait for: call qta_gateway_start()");
    pthread_join(gateway->thread, NULL);
    gateway->has_thread = false;
    if (gateway->thread_status != QTA_OK && err)
        *err = gateway->thread_error;
    return gateway->thread_status;
}

void qta_gateway_stop(struct qta_gateway *gateway)
{
    assert(gateway);
    int error = errno; /* it may be called in a signal handler */
    qta_network_agent_stop(gateway->agent);
    errno = error;
}

bool qta_gateway_step(struct qta_gateway *gateway)
{
    struct qta_network_agent *agent = gateway->agent;
    if (!gateway->is_stepped) {
        enum qta_status status = begin_run(gateway, NULL);
        assert(status == QTA_OK);
        (void)status;
        gateway->is_stepped = true;
    }
    qta_auth_agent_do_work(gateway->auth, qta_realtime_ns(gateway->environment));
    if (!qta_network_agent_is_finished(agent)) {
        int64_t due_ns = qta_network_agent_do_work(agent, qta_monotonic_ns(gateway->environment),
                                                   qta_realtime_ns(gateway->environment));
        if (!qta_network_agent_is_finished(agent) && qta_subscriber_queued(gateway->callbacks) == 0)
            qta_network_agent_wait(agent, due_ns);
    }
    while (qta_subscriber_dispatch(gateway->callbacks) > 0)
        ;
    if (!qta_network_agent_is_finished(agent))
        return true;
    atomic_store(&gateway->run_state, QTA_RUN_ENDED);
    return false;
}

enum qta_status qta_gateway_result(const struct qta_gateway *gateway, struct qta_error *err)
{
    return qta_network_agent_result(gateway->agent, err);
}
