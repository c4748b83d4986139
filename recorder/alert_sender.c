/* A thread that takes messages off a ring. Retries wait in place: order matters more to people than
 * the next message's speed, and the queue is bounded. */
#include "recorder/alert_sender.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include <qta/log.h>
#include <qta/timestamp.h>

#include "adapters/byte_buffer.h"
#include "adapters/json_writer.h"
#include "core/doorbell.h"
#include "core/environment.h"
#include "recorder/alert_command.h"
#include "recorder/webhook.h"

enum { TRIES = 3 };
#define S INT64_C(1000000000)
#define POST_TIMEOUT_NS (8 * S)
#define RETRY_NS (2 * S) /* doubles */
#define COMMAND_TIMEOUT_NS (10 * S)
#define FAREWELL_NS (1 * S)

struct message {
    enum qta_alert_kind kind;
    enum qta_alert_state state;
    enum qta_alert_state before;
    int64_t realtime_ns;
    char connection[128];
    char text[200];
};

struct qta_alert_sender {
    struct qta_url *url; /* NULL: none */
    char **argv;         /* NULL: none */
    struct qta_tls_store tls;
    pthread_t thread;
    bool has_thread;
    struct qta_doorbell bell;
    atomic_bool is_ending; /* what waits may still go */
    atomic_bool is_over;   /* nothing may any more */

    pthread_mutex_t mutex;
    struct message queue[QTA_ALERT_QUEUE_MAX];
    size_t first;
    size_t count;
    struct qta_alert_delivery_counts counts;
};

/* ---- queue ------------------------------------------------------------------------------------
 */

void qta_alert_sender_put(struct qta_alert_sender *sender, const struct qta_alert_event *event,
                          int64_t realtime_ns)
{
    struct message message = {
        .kind = event->kind,
        .state = event->state,
        .before = event->before,
        .realtime_ns = realtime_ns,
    };
    snprintf(message.connection, sizeof message.connection, "%s", event->connection);
    snprintf(message.text, sizeof message.text, "%s", event->message);
    pthread_mutex_lock(&sender->mutex);
    if (sender->count == QTA_ALERT_QUEUE_MAX) {
        sender->first = (sender->first + 1) % QTA_ALERT_QUEUE_MAX;
        sender->count--;
        sender->counts.dropped++;
    }
    sender->queue[(sender->first + sender->count++) % QTA_ALERT_QUEUE_MAX] = message;
    pthread_mutex_unlock(&sender->mutex);
    qta_doorbell_ring(&sender->bell);
}

static bool take(struct qta_alert_sender *sender, struct message *message)
{
    pthread_mutex_lock(&sender->mutex);
    bool has_one = sender->count > 0;
    if (has_one) {
        *message = sender->queue[sender->first];
        sender->first = (sender->first + 1) % QTA_ALERT_QUEUE_MAX;
        sender->count--;
    }
    pthread_mutex_unlock(&sender->mutex);
    return has_one;
}

static void count(struct qta_alert_sender *sender, uint64_t *counter)
{
    pthread_mutex_lock(&sender->mutex);
    (*counter)++;
    pthread_mutex_unlock(&sender->mutex);
}

void qta_alert_sender_counts(struct qta_alert_sender *sender,
                             struct qta_alert_delivery_counts *counts)
{
    pthread_mutex_lock(&sender->mutex);
    *counts = sender->counts;
    pthread_mutex_unlock(&sender->mutex);
}

/* ---- webhook ----------------------------------------------------------------------------------
 */

static void put_field(struct qta_byte_buffer *body, const char *name, const char *value)
{
    qta_byte_buffer_append_byte(body, body->length == 0 ? '{' : ',');
    qta_json_write_string(body, name, strlen(name));
    qta_byte_buffer_append_byte(body, ':');
    qta_json_write_string(body, value, strlen(value));
}

static void write_body(struct qta_byte_buffer *body, const struct message *message)
{
    char time[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(message->realtime_ns, time);
    put_field(body, "alert", qta_alert_kind_name(message->kind));
    put_field(body, "connection", message->connection);
    put_field(body, "state", qta_alert_event_name(message->state));
    put_field(body, "before", qta_alert_event_name(message->before));
    put_field(body, "message", message->text);
    put_field(body, "time", time);
    qta_byte_buffer_append_byte(body, '}');
}

/* False when it is time to go. */
static bool pause_for(const struct qta_alert_sender *sender, int64_t duration_ns)
{
    struct qta_environment *system = qta_environment_system();
    int64_t until_ns = qta_monotonic_ns(system) + duration_ns;
    while (!atomic_load(&sender->is_over) && !atomic_load(&sender->is_ending) &&
           qta_monotonic_ns(system) < until_ns) {
        const struct timespec slice = {.tv_nsec = 100000000};
        nanosleep(&slice, NULL);
    }
    return !atomic_load(&sender->is_over) && !atomic_load(&sender->is_ending);
}

static void post(struct qta_alert_sender *sender, const struct message *message)
{
    struct qta_byte_buffer body = {0};
    struct qta_error err = {.message = "out of memory for a message"};
    enum qta_status status = QTA_ERR_NOMEM;
    write_body(&body, message);
    for (int i = 0; i < TRIES && !body.is_failed; i++) {
        status = qta_webhook_post(sender->url, &sender->tls, body.bytes, body.length,
                                  POST_TIMEOUT_NS, &sender->is_over, &err);
        if (status == QTA_OK || i == TRIES - 1 || !pause_for(sender, RETRY_NS << i))
            break;
    }
    qta_byte_buffer_finish(&body);
    count(sender, status == QTA_OK ? &sender->counts.webhook_sent : &sender->counts.webhook_failed);
    if (status != QTA_OK)
        qta_log(QTA_LOG_WARNING, "alerts", "webhook: %s; the alert was not told", err.message);
}

/* ---- command ----------------------------------------------------------------------------------
 */

enum { VARIABLE_COUNT = 6, VARIABLE_BYTES = 256 };

static void run_command(struct qta_alert_sender *sender, const struct message *message)
{
    char texts[VARIABLE_COUNT][VARIABLE_BYTES];
    char *variables[VARIABLE_COUNT + 1] = {NULL};
    char time[QTA_TIMESTAMP_TEXT_BYTES];
    qta_timestamp_print(message->realtime_ns, time);
    const char *const pairs[VARIABLE_COUNT][2] = {
        {"QTA_ALERT", qta_alert_kind_name(message->kind)},
        {"QTA_ALERT_CONNECTION", message->connection},
        {"QTA_ALERT_STATE", qta_alert_event_name(message->state)},
        {"QTA_ALERT_BEFORE", qta_alert_event_name(message->before)},
        {"QTA_ALERT_MESSAGE", message->text},
        {"QTA_ALERT_TIME", time},
    };
    for (int i = 0; i < VARIABLE_COUNT; i++) {
        snprintf(texts[i], VARIABLE_BYTES, "%s=%s", pairs[i][0], pairs[i][1]);
        variables[i] = texts[i];
    }
    struct qta_error err;
    enum qta_status status = qta_alert_command_run(sender->argv, variables, COMMAND_TIMEOUT_NS,
                                                   &sender->is_over, &err);
    count(sender, status == QTA_OK ? &sender->counts.command_sent : &sender->counts.command_failed);
    if (status != QTA_OK)
        qta_log(QTA_LOG_WARNING, "alerts", "command: %s", err.message);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void *sender_main(void *user)
{
    struct qta_alert_sender *sender = user;
    struct message message;
    prctl(PR_SET_NAME, "qta-alerts");
    while (!atomic_load(&sender->is_over)) {
        uint32_t ticket = qta_doorbell_ticket(&sender->bell);
        if (take(sender, &message)) {
            if (sender->url)
                post(sender, &message);
            if (sender->argv && !atomic_load(&sender->is_over))
                run_command(sender, &message);
            continue;
        }
        if (atomic_load(&sender->is_ending))
            break;
        qta_doorbell_wait(&sender->bell, ticket, -1);
    }
    return NULL;
}

static enum qta_status copy_options(struct qta_alert_sender *sender,
                                    const struct qta_alert_sender_options *options,
                                    struct qta_error *err)
{
    if (options->webhook_url) {
        sender->url = calloc(1, sizeof *sender->url);
        if (!sender->url)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for alerts");
        enum qta_status status = qta_webhook_url_parse(sender->url, options->webhook_url, err);
        if (status != QTA_OK)
            return status;
    }
    if (options->command_words == 0)
        return QTA_OK;
    sender->argv = calloc(options->command_words + 1, sizeof(*sender->argv));
    for (size_t i = 0; i < options->command_words && sender->argv; i++) {
        sender->argv[i] = strdup(options->command[i]);
        if (!sender->argv[i])
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for alerts");
    }
    return sender->argv ? QTA_OK : qta_error_set(err, QTA_ERR_NOMEM, "out of memory for alerts");
}

static enum qta_status start_thread(struct qta_alert_sender *sender, struct qta_error *err)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&sender->thread, NULL, sender_main, sender);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sender->has_thread = error == 0;
    errno = error;
    return error == 0 ? QTA_OK : qta_error_set_errno(err, "cannot start the thread of alerts");
}

enum qta_status qta_alert_sender_create(struct qta_alert_sender **out,
                                        const struct qta_alert_sender_options *options,
                                        struct qta_error *err)
{
    struct qta_alert_sender *sender = calloc(1, sizeof *sender);
    if (!sender)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for alerts");
    pthread_mutex_init(&sender->mutex, NULL);
    enum qta_status status = copy_options(sender, options, err);
    if (status == QTA_OK)
        status = start_thread(sender, err);
    if (status != QTA_OK) {
        qta_alert_sender_destroy(sender);
        return status;
    }
    *out = sender;
    return QTA_OK;
}

/* The thread ends when the queue is empty, or after the farewell. */
static void end_thread(struct qta_alert_sender *sender)
{
    struct timespec until;
    atomic_store(&sender->is_ending, true);
    qta_doorbell_ring(&sender->bell);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FAREWELL_NS / S;
    if (pthread_timedjoin_np(sender->thread, NULL, &until) == 0)
        return;
    atomic_store(&sender->is_over, true);
    qta_doorbell_ring(&sender->bell);
    pthread_join(sender->thread, NULL);
}

void qta_alert_sender_destroy(struct qta_alert_sender *sender)
{
    if (!sender)
        return;
    if (sender->has_thread)
        end_thread(sender);
    qta_tls_store_finish(&sender->tls);
    if (sender->url)
        explicit_bzero(sender->url, sizeof *sender->url); /* it may hold a token */
    free(sender->url);
    for (size_t i = 0; sender->argv && sender->argv[i]; i++)
        free(sender->argv[i]);
    free(sender->argv);
    pthread_mutex_destroy(&sender->mutex);
    free(sender);
}
