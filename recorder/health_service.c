/* A loop of three duties, each when it is due: look, try to listen, answer. */
#include "recorder/health_service.h"

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
#include "recorder/alert_sender.h"
#include "recorder/health_monitor.h"
#include "recorder/http_server.h"
#include "recorder/metrics_page.h"
#include "recorder/provider_hours.h"
#include "recorder/status_page.h"

#define S INT64_C(1000000000)
#define PAGE_AGE_NS (1 * S)      /* a page is not written more often */
#define LISTEN_AGAIN_NS (30 * S) /* for an address that was taken */
#define WAIT_MAX_NS (60 * S)

/* An address that is asked for. */
struct endpoint {
    const char *section; /* of the configuration */
    char *host;
    uint16_t port;
    bool is_wanted;
    bool is_open;
};

/* A page that was written a moment ago, in one of two formats. */
struct page {
    struct qta_exposition text;
    int64_t written_ns;
    bool is_written;
};

struct qta_health_service {
    struct qta_gateway_view view;
    struct qta_health_options options; /* its strings are not kept */
    struct endpoint endpoints[2];
    struct qta_provider_hours *hours; /* of each connection */
    bool *is_market_open;             /* likewise, as of the last look or request */
    struct qta_health_sample *samples;
    struct qta_health_monitor *monitor; /* NULL: none */
    struct qta_alert_sender *sender;    /* NULL: none */
    struct qta_http_server *server;     /* NULL: none */
    struct page pages[2];
    int64_t listen_ns; /* when to try again */
    int64_t look_ns;

    pthread_mutex_t mutex; /* looks and pages: others ask for the status, too */

    struct qta_doorbell bell; /* without a server */
    atomic_bool is_stopping;
    pthread_t thread;
    bool has_thread;
};

/* ---- market hours -----------------------------------------------------------------------------
 */

static enum qta_status find_calendars(struct qta_health_service *service,
                                      const struct qta_gateway_options *options,
                                      struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    for (size_t i = 0; i < service->view.connection_count && status == QTA_OK; i++) {
        size_t provider = qta_gateway_view_feed(&service->view, i)->is.provider_index;
        status = qta_provider_hours_init(&service->hours[i], &options->providers[provider],
                                         options->health.calendar, err);
    }
    return status;
}

static void find_open_markets(struct qta_health_service *service)
{
    int64_t realtime_ns = qta_realtime_ns(service->view.environment);
    for (size_t i = 0; i < service->view.connection_count; i++)
        service->is_market_open[i] = qta_provider_is_open(&service->hours[i], realtime_ns);
}

/* ---- looking ----------------------------------------------------------------------------------
 */

static void take_sample(const struct qta_health_service *service, size_t index,
                        struct qta_health_sample *sample)
{
    const struct qta_feed *feed = qta_gateway_view_feed(&service->view, index);
    *sample = (struct qta_health_sample){
        .name = feed->is.title,
        .state = (enum qta_connection_state)atomic_load_explicit(&feed->state,
                                                                 memory_order_relaxed),
        .is_market_open = service->is_market_open[index],
        .bytes = qta_counter_read(&feed->bytes),
        .latencies = qta_histogram_count(&feed->venue_latency),
        .latency_ns_sum = qta_counter_read(&feed->venue_latency.sum_ns),
        .mute_channels = atomic_load_explicit(&feed->mute_channels, memory_order_relaxed),
        .failures = atomic_load_explicit(&feed->failures, memory_order_relaxed),
        .circuit_open_since_ns = atomic_load_explicit(&feed->circuit_open_since_ns,
                                                      memory_order_relaxed),
        .unsubscribed_since_ns = atomic_load_explicit(&feed->unsubscribed_since_ns,
                                                      memory_order_relaxed),
    };
    for (unsigned type = 0; type < QTA_TICK_MARKET_TYPE_END; type++)
        sample->ticks += qta_counter_read(&feed->ticks_by_type[type]);
}

static void on_alert(void *user, const struct qta_alert_event *event)
{
    struct qta_health_service *service = user;
    if (!service->options.has_alerts)
        return;
    if (service->options.alert_channels & QTA_ALERT_LOG) {
        enum qta_log_level level = event->state == QTA_ALERT_QUIET       ? QTA_LOG_INFO
                                   : event->state == QTA_ALERT_ESCALATED ? QTA_LOG_ERROR
                                                                         : QTA_LOG_WARNING;
        qta_log(level, "alerts", "%s %s: %s", qta_alert_kind_name(event->kind),
                qta_alert_event_name(event->state), event->message);
    }
    if (service->sender)
        qta_alert_sender_put(service->sender, event, qta_realtime_ns(service->view.environment));
}

static void look(struct qta_health_service *service, int64_t now_ns)
{
    find_open_markets(service);
    for (size_t i = 0; i < service->view.connection_count; i++)
        take_sample(service, i, &service->samples[i]);
    struct qta_subscriber *subscribers[QTA_SUBSCRIBERS_MAX];
    size_t count = qta_subscriber_set_hold_all(service->view.subscribers, subscribers);
    struct qta_health_queue deepest = {.subscriber = ""};
    for (size_t i = 0; i < count; i++) {
        uint64_t depth = qta_subscriber_queued(subscribers[i]);
        if (i == 0 || depth > deepest.depth)
            deepest = (struct qta_health_queue){qta_subscriber_name(subscribers[i]), depth};
    }
    qta_health_monitor_look(service->monitor, service->samples, &deepest, now_ns, on_alert,
                            service);
    qta_subscriber_set_release_all(subscribers, count);
    service->look_ns += service->options.check_interval_ns;
    if (service->look_ns <= now_ns) /* it was held up: rates are of the time that passed */
        service->look_ns = now_ns + service->options.check_interval_ns;
}

/* ---- pages ------------------------------------------------------------------------------------
 */

static struct qta_status_sources status_sources(struct qta_health_service *service)
{
    find_open_markets(service);
    return (struct qta_status_sources){
        .view = &service->view,
        .monitor = service->monitor,
        .is_market_open = service->is_market_open,
        .retention_ns = service->options.metrics_retention_ns,
        .now_ns = qta_monotonic_ns(service->view.environment),
    };
}

static void respond_metrics(struct qta_health_service *service, const char *accept,
                            struct qta_http_response *response)
{
    bool is_openmetrics = strstr(accept, "application/openmetrics-text") != NULL;
    struct page *page = &service->pages[is_openmetrics ? 1 : 0];
    int64_t now_ns = qta_monotonic_ns(service->view.environment);
    if (!page->is_written || now_ns - page->written_ns >= PAGE_AGE_NS) {
        struct qta_metrics_sources sources = {
            .view = &service->view,
            .monitor = service->monitor,
            .shows_alerts = service->options.has_alerts &&
                            (service->options.alert_channels & QTA_ALERT_METRICS) != 0,
            .channels = service->sender ? service->options.alert_channels : 0,
            .now_ns = now_ns,
        };
        qta_http_server_counts(service->server, &sources.http);
        if (service->sender)
            qta_alert_sender_counts(service->sender, &sources.deliveries);
        qta_byte_buffer_clear(&page->text.text);
        page->text.is_openmetrics = is_openmetrics;
        qta_metrics_page_write(&page->text, &sources);
        page->written_ns = now_ns;
        page->is_written = !page->text.text.is_failed;
    }
    response->content_type = is_openmetrics
                                 ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                 : "text/plain; version=0.0.4; charset=utf-8";
    qta_byte_buffer_append(&response->body, page->text.text.bytes, page->text.text.length);
    response->body.is_failed = response->body.is_failed || page->text.text.is_failed;
}

static void respond_check(struct qta_http_response *response, bool is_good)
{
    response->status = is_good ? 200 : 503;
    response->content_type = "text/plain; charset=utf-8";
    if (is_good)
        qta_byte_buffer_append(&response->body, "ok\n", 3);
}

static bool respond_to(struct qta_health_service *service, const struct qta_http_request *request,
                       struct qta_http_response *response)
{
    if (strcmp(request->path, "/metrics") == 0) {
        respond_metrics(service, request->accept, response);
        return true;
    }
    struct qta_status_sources sources = status_sources(service);
    bool is_alive = true;
    if (strcmp(request->path, "/healthz") == 0) {
        is_alive = qta_status_is_alive(&sources, &response->body);
        respond_check(response, is_alive);
        return true;
    }
    if (strcmp(request->path, "/readyz") == 0) {
        is_alive = qta_status_is_alive(&sources, &response->body);
        respond_check(response, qta_status_is_ready(&sources, &response->body) && is_alive);
        return true;
    }
    bool is_status = strcmp(request->path, "/status") == 0;
    if (!is_status && strcmp(request->path, "/health") != 0)
        return false;
    if (!is_status) { /* the same page as /status, for those who go by the status code */
        struct qta_byte_buffer reasons = {0};
        is_alive = qta_status_is_alive(&sources, &reasons);
        response->status = qta_status_is_ready(&sources, &reasons) && is_alive ? 200 : 503;
        qta_byte_buffer_finish(&reasons);
    }
    response->content_type = "application/json";
    qta_status_page_write(&response->body, &sources);
    return true;
}

static bool respond(void *user, const struct qta_http_request *request,
                    struct qta_http_response *response)
{
    struct qta_health_service *service = user;
    pthread_mutex_lock(&service->mutex);
    bool is_known = respond_to(service, request, response);
    pthread_mutex_unlock(&service->mutex);
    return is_known;
}

void qta_health_service_set_thresholds(struct qta_health_service *service,
                                       const struct qta_health_options *options)
{
    pthread_mutex_lock(&service->mutex);
    if (service->monitor)
        qta_health_monitor_set_thresholds(service->monitor, options);
    pthread_mutex_unlock(&service->mutex);
}

void qta_health_service_write_status(struct qta_health_service *service,
                                     struct qta_byte_buffer *page)
{
    pthread_mutex_lock(&service->mutex);
    struct qta_status_sources sources = status_sources(service);
    qta_status_page_write(page, &sources);
    pthread_mutex_unlock(&service->mutex);
}

/* ---- listening --------------------------------------------------------------------------------
 */

static bool wants_to_listen(const struct qta_health_service *service)
{
    for (size_t i = 0; i < 2; i++) {
        if (service->endpoints[i].is_wanted && !service->endpoints[i].is_open)
            return true;
    }
    return false;
}

static void listen_on(struct qta_health_service *service, struct endpoint *endpoint, bool is_first)
{
    struct qta_error err;
    uint16_t port;
    bool is_v6 = strchr(endpoint->host, ':') != NULL;
    enum qta_status status = qta_http_server_listen(service->server, endpoint->host, endpoint->port,
                                                    &port, &err);
    if (status == QTA_OK) {
        endpoint->is_open = true;
        qta_log(QTA_LOG_INFO, "health",
                "serving http://%s%s%s:%u/metrics, /healthz, /readyz, "
                "/status",
                is_v6 ? "[" : "", endpoint->host, is_v6 ? "]" : "", (unsigned)port);
    } else if (is_first) {
        qta_log(QTA_LOG_ERROR, "health",
                "streaming_health.%s: %s; all else goes on, tried again every %d s",
                endpoint->section, err.message, (int)(LISTEN_AGAIN_NS / S));
    }
}

static void listen_where_wanted(struct qta_health_service *service, int64_t now_ns, bool is_first)
{
    for (size_t i = 0; i < 2; i++) {
        if (service->endpoints[i].is_wanted && !service->endpoints[i].is_open)
            listen_on(service, &service->endpoints[i], is_first);
    }
    service->listen_ns = now_ns + LISTEN_AGAIN_NS;
}

/* ---- the thread -------------------------------------------------------------------------------
 */

/* Does what is due; returns when the next is. */
static int64_t do_work(struct qta_health_service *service, int64_t now_ns)
{
    int64_t due_ns = now_ns + WAIT_MAX_NS;
    if (service->monitor && now_ns >= service->look_ns) {
        pthread_mutex_lock(&service->mutex);
        look(service, now_ns);
        pthread_mutex_unlock(&service->mutex);
    }
    if (wants_to_listen(service) && now_ns >= service->listen_ns)
        listen_where_wanted(service, now_ns, false);
    if (service->monitor && service->look_ns < due_ns)
        due_ns = service->look_ns;
    if (wants_to_listen(service) && service->listen_ns < due_ns)
        due_ns = service->listen_ns;
    return due_ns;
}

static void *service_main(void *user)
{
    struct qta_health_service *service = user;
    prctl(PR_SET_NAME, "qta-health");
    while (!atomic_load(&service->is_stopping)) {
        uint32_t ticket = qta_doorbell_ticket(&service->bell);
        int64_t now_ns = qta_monotonic_ns(service->view.environment);
        int64_t due_ns = do_work(service, now_ns);
        if (atomic_load(&service->is_stopping))
            break;
        if (service->server)
            qta_http_server_service(service->server, due_ns - now_ns);
        else
            qta_doorbell_wait(&service->bell, ticket, due_ns - now_ns);
    }
    return NULL;
}

enum qta_status qta_health_service_start(struct qta_health_service *service, struct qta_error *err)
{
    assert(!service->has_thread);
    int64_t now_ns = qta_monotonic_ns(service->view.environment);
    service->look_ns = now_ns + service->options.check_interval_ns;
    if (service->server)
        listen_where_wanted(service, now_ns, true);
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&service->thread, NULL, service_main, service);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error != 0) {
        errno = error;
        return qta_error_set_errno(err, "cannot start the thread of streaming_health");
    }
    service->has_thread = true;
    return QTA_OK;
}

void qta_health_service_stop(struct qta_health_service *service)
{
    if (!service->has_thread)
        return;
    atomic_store(&service->is_stopping, true);
    qta_doorbell_ring(&service->bell);
    if (service->server)
        qta_http_server_wake(service->server);
    pthread_join(service->thread, NULL);
    service->has_thread = false;
}

/* ---- life -------------------------------------------------------------------------------------
 */

static enum qta_status copy_endpoint(struct endpoint *endpoint, const char *section,
                                     const struct qta_endpoint_options *options,
                                     struct qta_error *err)
{
    endpoint->section = section;
    endpoint->is_wanted = options->is_enabled;
    endpoint->port = (uint16_t)options->port;
    endpoint->host = strdup(options->host ? options->host : "127.0.0.1");
    if (!endpoint->host)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for streaming_health");
    return QTA_OK;
}

static enum qta_status copy_options(struct qta_health_service *service,
                                    const struct qta_health_options *options, struct qta_error *err)
{
    service->options = *options;
    service->options.webhook_url = NULL;
    service->options.command = NULL;
    service->options.metrics.host = NULL;
    service->options.api.host = NULL;
    if (service->options.check_interval_ns <= 0)
        service->options.check_interval_ns = S;
    enum qta_status status = copy_endpoint(&service->endpoints[0], "metrics", &options->metrics,
                                           err);
    if (status == QTA_OK)
        status = copy_endpoint(&service->endpoints[1], "api", &options->api, err);
    if (status != QTA_OK)
        return status;
    /* one address, one listener */
    if (service->endpoints[0].is_wanted && service->endpoints[0].port != 0 &&
        service->endpoints[0].port == service->endpoints[1].port &&
        strcmp(service->endpoints[0].host, service->endpoints[1].host) == 0)
        service->endpoints[1].is_wanted = false;
    return QTA_OK;
}

static enum qta_status make_sender(struct qta_health_service *service,
                                   const struct qta_health_options *options, struct qta_error *err)
{
    bool has_webhook = (options->alert_channels & QTA_ALERT_WEBHOOK) && options->webhook_url;
    bool has_command = (options->alert_channels & QTA_ALERT_COMMAND) && options->command_words > 0;
    if (!options->is_monitored || !options->has_alerts || (!has_webhook && !has_command))
        return QTA_OK;
    struct qta_alert_sender_options sender = {
        .webhook_url = has_webhook ? options->webhook_url : NULL,
        .command = has_command ? options->command : NULL,
        .command_words = has_command ? options->command_words : 0,
    };
    return qta_alert_sender_create(&service->sender, &sender, err);
}

static enum qta_status make_parts(struct qta_health_service *service,
                                  const struct qta_gateway_options *options, struct qta_error *err)
{
    size_t count = service->view.connection_count;
    service->hours = calloc(count + 1, sizeof *service->hours);
    service->is_market_open = calloc(count + 1, sizeof *service->is_market_open);
    service->samples = calloc(count + 1, sizeof *service->samples);
    if (!service->hours || !service->is_market_open || !service->samples)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for streaming_health");
    enum qta_status status = copy_options(service, &options->health, err);
    if (status == QTA_OK)
        status = find_calendars(service, options, err);
    if (status == QTA_OK && options->health.is_monitored)
        status = qta_health_monitor_create(&service->monitor, &service->options, count, err);
    if (status == QTA_OK)
        status = make_sender(service, &options->health, err);
    if (status == QTA_OK && wants_to_listen(service))
        status = qta_http_server_create(&service->server, respond, service, err);
    return status;
}

enum qta_status qta_health_service_create(struct qta_health_service **out,
                                          const struct qta_gateway_options *options,
                                          const struct qta_gateway_view *view,
                                          struct qta_error *err)
{
    struct qta_health_service *service = calloc(1, sizeof *service);
    if (!service)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for streaming_health");
    service->view = *view;
    pthread_mutex_init(&service->mutex, NULL);
    enum qta_status status = make_parts(service, options, err);
    if (status != QTA_OK) {
        qta_health_service_destroy(service);
        return status;
    }
    *out = service;
    return QTA_OK;
}

void qta_health_service_destroy(struct qta_health_service *service)
{
    if (!service)
        return;
    qta_health_service_stop(service);
    qta_http_server_destroy(service->server);
    qta_alert_sender_destroy(service->sender);
    qta_health_monitor_destroy(service->monitor);
    for (size_t i = 0; service->hours && i < service->view.connection_count; i++)
        qta_provider_hours_finish(&service->hours[i]);
    for (size_t i = 0; i < 2; i++) {
        free(service->endpoints[i].host);
        qta_byte_buffer_finish(&service->pages[i].text.text);
    }
    free(service->hours);
    free(service->is_market_open);
    free(service->samples);
    pthread_mutex_destroy(&service->mutex);
    free(service);
}
