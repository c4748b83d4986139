/* Two threads. The caller's plays the sessions and puts each tick into a ring when it is due; the
 * network thread takes them out, makes messages of them and talks to the clients. A client that has
 * no room stops the taking, a full ring stops the playing: so nothing is ever dropped for a patient
 * server, and memory stays bounded. */
#include <qta/server.h>

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adapters/alpaca_encode.h"
#include "adapters/alpaca_server.h"
#include "core/environment.h"
#include "core/ring.h"
#include "replay/upgrade_credentials.h"
#include "replay/ws_listener.h"

enum {
    RING_TICKS = 8192,
    PUMP_TICKS = 256, /* taken from the ring between two looks at the clients' queues */
    BATCH_MAX_BYTES = 65536,
    MESSAGE_MAX_BYTES = 1 << 20, /* of a client's */
    PEERS_OVER_LIMIT = 16,       /* may connect to be told that they are too many */
    QUEUE_EXTRA_BYTES = 4 << 20, /* above the clients' share: replies, and the ticks of one pump */
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
};

/* Clients that ask for trades and quotes in two messages get both from the first tick on. */
#define SETTLE_NS INT64_C(200000000)
#define STOP_TIMEOUT_NS INT64_C(1000000000)

struct client {
    struct qta_server *server;
    struct qta_ws_peer *peer;
    struct qta_alpaca_client *protocol;
    struct client *next;
};

struct qta_server {
    struct qta_replay *replay;
    struct qta_environment *environment;
    const struct qta_dictionary *names;
    struct qta_alpaca_server_options protocol_options;
    char *api_key;
    char *api_secret;
    uint32_t client_max;
    uint64_t client_buffer_bytes;
    bool is_patient;
    struct qta_ring *ring;

    /* network thread only, once it runs */
    struct qta_ws_listener *listener;
    struct qta_alpaca_encoder *encoder;
    struct client *clients;
    uint32_t client_count;
    int64_t subscribed_at_ns; /* when a client last changed its subscriptions */
    int64_t close_at_ns;      /* stopping: when to leave whoever is still there */
    bool is_closing;
    uint64_t gone_messages; /* of clients that have left */

    /* between the threads */
    _Atomic bool is_stopping;
    _Atomic bool is_started; /* there is someone to play for */
    _Atomic bool is_played;  /* the last tick is in the ring */
    /* Each of the two is set by a thread before it looks at the ring for the last time and goes to
     * sleep, and cleared by the other after it has changed the ring. Both sides exchange, so that
     * one of them sees what the other has done. */
    _Atomic bool is_network_asleep;
    _Atomic bool is_player_asleep;
    sem_t bell; /* wakes the playing thread: room in the ring, start, stop */

    _Atomic uint64_t stat_clients;
    _Atomic uint64_t stat_connections;
    _Atomic uint64_t stat_messages;
    _Atomic uint64_t stat_unserved;

    qta_problem_callback on_problem;
    void *problem_user;
};

struct qta_server_options qta_server_options_default(void)
{
    return (struct qta_server_options){
        .host = "127.0.0.1",
        .client_max = 64,
        .batch_max = 512,
        .client_buffer_bytes = 16 << 20,
        .is_patient = true,
    };
}

/* ---- clients --------------------------------------------------------------------------------- */

static int64_t now_ns(const struct qta_server *server)
{
    return qta_monotonic_ns(server->environment);
}

static void send_to_client(void *user, const void *bytes, size_t length, bool is_binary)
{
    struct client *client = user;
    qta_ws_peer_send(client->peer, bytes, length, is_binary);
}

static void close_client(void *user, int code)
{
    struct client *client = user;
    qta_ws_peer_close(client->peer, code);
}

static const struct qta_alpaca_client_host client_host = {
    .send = send_to_client,
    .close = close_client,
};

static void destroy_client(struct client *client)
{
    if (!client)
        return;
    qta_alpaca_client_destroy(client->protocol);
    free(client);
}

static void *on_open(void *user, struct qta_ws_peer *peer, const struct qta_ws_request *upgrade)
{
    static const char msgpack[] = "application/msgpack";
    struct qta_server *server = user;
    if (server->is_closing)
        return NULL;
    struct client *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->server = server;
    client->peer = peer;
    struct qta_upgrade_credentials credentials;
    qta_upgrade_credentials_read(&credentials, upgrade->key_id, upgrade->secret_key,
                                 upgrade->authorization);
    const struct qta_alpaca_upgrade request = {
        .is_msgpack = strncasecmp(upgrade->content_type, msgpack, sizeof msgpack - 1) == 0,
        .is_crypto = strstr(upgrade->path, "crypto") != NULL,
        .is_over_limit = server->client_count >= server->client_max,
        .header_key = credentials.is_given ? credentials.key : NULL,
        .header_secret = credentials.is_given ? credentials.secret : NULL,
    };
    enum qta_status status = qta_alpaca_client_create(&client->protocol, &server->protocol_options,
                                                      server->names, &request, &client_host, client,
                                                      NULL);
    qta_upgrade_credentials_wipe(&credentials);
    if (status != QTA_OK) {
        destroy_client(client);
        return NULL;
    }
    client->next = server->clients;
    server->clients = client;
    server->client_count++;
    atomic_store(&server->stat_clients, server->client_count);
    atomic_fetch_add(&server->stat_connections, 1);
    qta_alpaca_client_open(client->protocol, now_ns(server));
    return client;
}

static void on_message(void *peer_user, const void *bytes, size_t length, bool is_binary)
{
    struct client *client = peer_user;
    (void)is_binary; /* the encoding was agreed on with the upgrade */
    qta_alpaca_client_on_message(client->protocol, bytes, length);
    client->server->subscribed_at_ns = now_ns(client->server);
}

static void on_close(void *peer_user)
{
    struct client *client = peer_user;
    struct qta_server *server = client->server;
    struct client **link = &server->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    server->gone_messages += qta_alpaca_client_messages(client->protocol);
    server->client_count--;
    atomic_store(&server->stat_clients, server->client_count);
    destroy_client(client);
}

static const struct qta_ws_listener_events listener_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
};

/* ---- the network thread ---------------------------------------------------------------------- */

static void flush_clients(struct qta_server *server)
{
    for (struct client *client = server->clients; client; client = client->next)
        qta_alpaca_client_flush(client->protocol);
}

/* Whether a client has no room, and is to be waited for. */
static bool must_wait(struct qta_server *server)
{
    for (struct client *client = server->clients; client; client = client->next) {
        if (qta_ws_peer_queued_bytes(client->peer) <= server->client_buffer_bytes ||
            qta_ws_peer_is_closing(client->peer))
            continue;
        if (server->is_patient)
            return true;
        qta_ws_peer_drop_queue(client->peer);
        qta_alpaca_client_fail(client->protocol, QTA_ALPACA_ERROR_SLOW_CLIENT);
    }
    return false;
}

static void offer_messages(struct qta_server *server)
{
    struct qta_alpaca_outgoing message;
    while (qta_alpaca_encoder_next(server->encoder, &message)) {
        for (struct client *client = server->clients; client; client = client->next)
            qta_alpaca_client_offer(client->protocol, server->encoder, &message);
    }
}

static void note_stats(struct qta_server *server)
{
    uint64_t messages = server->gone_messages;
    for (struct client *client = server->clients; client; client = client->next)
        messages += qta_alpaca_client_messages(client->protocol);
    atomic_store_explicit(&server->stat_messages, messages, memory_order_relaxed);
    atomic_store_explicit(&server->stat_unserved, qta_alpaca_encoder_unserved(server->encoder),
                          memory_order_relaxed);
}

/* Moves ticks from the ring to the clients. True when there may be more to move at once. */
static bool pump(struct qta_server *server)
{
    struct qta_tick ticks[PUMP_TICKS];
    size_t count = must_wait(server) ? 0 : qta_ring_pop(server->ring, ticks, PUMP_TICKS);
    if (count > 0 && atomic_exchange(&server->is_player_asleep, false))
        sem_post(&server->bell);
    for (size_t i = 0; i < count; i++) {
        qta_alpaca_encoder_put(server->encoder, &ticks[i]);
        offer_messages(server);
    }
    /* while ticks come in faster than they go out, batches may fill */
    if (count < PUMP_TICKS)
        flush_clients(server);
    if (count > 0)
        note_stats(server);
    return count > 0;
}

static void check_timers(struct qta_server *server)
{
    bool is_subscribed = false;
    int64_t now = now_ns(server);
    for (struct client *client = server->clients; client; client = client->next) {
        qta_alpaca_client_service(client->protocol, now);
        is_subscribed |= qta_alpaca_client_is_subscribed(client->protocol);
    }
    if (is_subscribed && !atomic_load(&server->is_started) &&
        now - server->subscribed_at_ns >= SETTLE_NS) {
        atomic_store(&server->is_started, true);
        sem_post(&server->bell);
    }
}

static void close_clients(struct qta_server *server, int code)
{
    server->is_closing = true;
    for (struct client *client = server->clients; client; client = client->next)
        qta_ws_peer_close(client->peer, code);
}

/* Goes through the steps of the end, whenever there is nothing to pump. True at the last. */
static bool is_over(struct qta_server *server)
{
    if (atomic_load(&server->is_stopping)) {
        if (server->close_at_ns == 0) {
            server->close_at_ns = now_ns(server) + STOP_TIMEOUT_NS;
            for (struct client *client = server->clients; client; client = client->next)
                qta_ws_peer_drop_queue(client->peer);
            close_clients(server, CLOSE_GOING_AWAY);
        }
        return server->client_count == 0 || now_ns(server) >= server->close_at_ns;
    }
    if (!atomic_load(&server->is_played) || qta_ring_count(server->ring) > 0)
        return false;
    if (!server->is_closing) {
        qta_alpaca_encoder_end(server->encoder);
        offer_messages(server);
        flush_clients(server);
        note_stats(server);
        close_clients(server, CLOSE_NORMAL);
    }
    return server->client_count == 0;
}

static void wait_for_events(struct qta_server *server)
{
    atomic_exchange(&server->is_network_asleep, true);
    bool is_full = server->is_patient && must_wait(server);
    bool has_work = !is_full && qta_ring_count(server->ring) > 0;
    qta_ws_listener_service(server->listener, has_work);
    atomic_exchange(&server->is_network_asleep, false);
}

static void *network_main(void *arg)
{
    struct qta_server *server = arg;
    for (;;) {
        if (pump(server)) {
            qta_ws_listener_service(server->listener, true);
            continue;
        }
        check_timers(server);
        if (is_over(server))
            return NULL;
        wait_for_events(server);
    }
}

/* ---- the playing thread ---------------------------------------------------------------------- */

/* May return for no reason. A semaphore, because a signal handler may be what ends the wait. */
static void wait_for_bell(struct qta_server *server)
{
    sem_wait(&server->bell);
}

static void on_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct qta_server *server = user;
    (void)names;
    while (!qta_ring_push(server->ring, tick)) {
        if (atomic_load(&server->is_stopping))
            return;
        atomic_exchange(&server->is_player_asleep, true);
        if (qta_ring_count(server->ring) == qta_ring_capacity(server->ring))
            wait_for_bell(server);
    }
    if (atomic_exchange(&server->is_network_asleep, false))
        qta_ws_listener_wake(server->listener);
}

static void on_problem(void *user, const char *problem)
{
    struct qta_server *server = user;
    if (server->on_problem)
        server->on_problem(server->problem_user, problem);
}

static void wait_for_start(struct qta_server *server)
{
    while (!atomic_load(&server->is_started) && !atomic_load(&server->is_stopping))
        wait_for_bell(server);
}

/* Signals are the caller's: none may end up on the network thread. */
static int start_network(struct qta_server *server, pthread_t *thread)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = pthread_create(thread, NULL, network_main, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

enum qta_status qta_server_run(struct qta_server *server, qta_problem_callback callback, void *user,
                               struct qta_error *err)
{
    assert(server);
    pthread_t network;
    server->on_problem = callback;
    server->problem_user = user;
    if (start_network(server, &network) != 0)
        return qta_error_set(err, QTA_ERR_NOMEM, "cannot start a thread to serve clients");
    wait_for_start(server);
    enum qta_status status = QTA_OK;
    if (!atomic_load(&server->is_stopping))
        status = qta_replay_run(server->replay, on_tick, on_problem, server, err);
    atomic_store(&server->is_played, true);
    qta_ws_listener_wake(server->listener);
    pthread_join(network, NULL);
    return status;
}

void qta_server_stop(struct qta_server *server)
{
    atomic_store(&server->is_stopping, true);
    qta_replay_stop(server->replay);
    sem_post(&server->bell);
    qta_ws_listener_wake(server->listener);
}

/* ---- life ------------------------------------------------------------------------------------ */

static enum qta_status check_options(const struct qta_server_options *options,
                                     struct qta_error *err)
{
    if (!options->host || options->host[0] == '\0')
        return qta_error_set(err, QTA_ERR_USAGE, "no address to listen on");
    if (options->client_max == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "a server for no clients: client_max is 0");
    if (options->batch_max == 0)
        return qta_error_set(err, QTA_ERR_USAGE, "batches of no messages: batch_max is 0");
    if (options->tls_key_file && !options->tls_certificate_file) {
        return qta_error_set(err, QTA_ERR_USAGE, "a certificate is needed with the TLS key '%s'",
                             options->tls_key_file);
    }
    return QTA_OK;
}

static enum qta_status copy_credentials(struct qta_server *server,
                                        const struct qta_server_options *options,
                                        struct qta_error *err)
{
    server->api_key = options->api_key ? strdup(options->api_key) : NULL;
    server->api_secret = options->api_secret ? strdup(options->api_secret) : NULL;
    if ((options->api_key && !server->api_key) || (options->api_secret && !server->api_secret))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a server");
    server->protocol_options = (struct qta_alpaca_server_options){
        .api_key = server->api_key,
        .api_secret = server->api_secret,
        .symbol_max = options->symbol_max,
        .batch_max = options->batch_max,
        .batch_max_bytes = BATCH_MAX_BYTES,
    };
    return QTA_OK;
}

static enum qta_status create_parts(struct qta_server *server,
                                    const struct qta_server_options *options, struct qta_error *err)
{
    const struct qta_ws_listener_options listener_options = {
        .host = options->host,
        .port = options->port,
        .tls_certificate_file = options->tls_certificate_file,
        .tls_key_file = options->tls_key_file,
        .peer_max = options->client_max + PEERS_OVER_LIMIT,
        .message_max_bytes = MESSAGE_MAX_BYTES,
        .queue_max_bytes = options->client_buffer_bytes + QUEUE_EXTRA_BYTES,
    };
    enum qta_status status = copy_credentials(server, options, err);
    if (status == QTA_OK)
        status = qta_ring_create(&server->ring, RING_TICKS, err);
    if (status == QTA_OK)
        status = qta_alpaca_encoder_create(&server->encoder, server->names, err);
    if (status == QTA_OK)
        status = qta_ws_listener_create(&server->listener, &listener_options, &listener_events,
                                        server, err);
    return status;
}

enum qta_status qta_server_create(struct qta_server **out, struct qta_replay *replay,
                                  const struct qta_server_options *options, struct qta_error *err)
{
    assert(out);
    assert(replay);
    assert(options);
    enum qta_status status = check_options(options, err);
    if (status != QTA_OK)
        return status;
    struct qta_server *server = calloc(1, sizeof *server);
    if (!server)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a server");
    sem_init(&server->bell, 0, 0);
    server->replay = replay;
    server->environment = qta_environment_system();
    server->names = qta_replay_names(replay);
    server->client_max = options->client_max;
    server->client_buffer_bytes = options->client_buffer_bytes;
    server->is_patient = options->is_patient;
    status = create_parts(server, options, err);
    if (status != QTA_OK) {
        qta_server_destroy(server);
        return status;
    }
    *out = server;
    return QTA_OK;
}

static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

void qta_server_destroy(struct qta_server *server)
{
    if (!server)
        return;
    qta_ws_listener_destroy(server->listener);
    qta_alpaca_encoder_destroy(server->encoder);
    if (server->ring)
        qta_ring_destroy(server->ring);
    free_secret(server->api_key);
    free_secret(server->api_secret);
    sem_destroy(&server->bell);
    free(server);
}

uint16_t qta_server_port(const struct qta_server *server)
{
    return qta_ws_listener_port(server->listener);
}

void qta_server_stats(const struct qta_server *server, struct qta_server_stats *stats)
{
    stats->clients = atomic_load(&server->stat_clients);
    stats->connections = atomic_load(&server->stat_connections);
    stats->messages = atomic_load(&server->stat_messages);
    stats->unserved = atomic_load(&server->stat_unserved);
}
