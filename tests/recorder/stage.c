#include "tests/recorder/stage.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>

#include "recorder/gateway_internal.h"
#include "recorder/metrics_page.h"
#include "tests/recorder/chatty_adapter.h"

/* ---- the venue --------------------------------------------------------------------------------
 */

static const struct act *act_of(const struct stage *stage, const struct qta_link *link)
{
    static const struct act good = {0};
    if (stage->act_count == 0)
        return &good;
    size_t index = (size_t)scripted_attempt(link) - 1;
    return &stage->acts[index < stage->act_count ? index : stage->act_count - 1];
}

static bool is_stream(const struct stage *stage)
{
    return stage->provider.adapter && strcmp(stage->provider.adapter, "chatty-tcp") == 0;
}

static void say(struct stage *stage, struct qta_link *link, int64_t delay_ns, const char *text)
{
    if (!is_stream(stage)) {
        scripted_send(link, delay_ns, text);
        return;
    }
    char line[128];
    snprintf(line, sizeof line, "%s\n", text);
    for (size_t i = 0; line[i]; i++) /* cut between any two bytes */
        scripted_stream(link, delay_ns, &line[i], 1);
}

static void on_connect(void *user, struct qta_link *link, int attempt,
                       const struct qta_link_options *options)
{
    (void)options;
    struct stage *stage = user;
    const struct act *act = act_of(stage, link);
    if ((size_t)attempt <= sizeof stage->attempt_ns / sizeof stage->attempt_ns[0])
        stage->attempt_ns[attempt - 1] = stage->environment.monotonic_ns;
    if (act->is_mute)
        return;
    if (act->is_refused) {
        scripted_end(link, 10 * STAGE_MS, &act->end);
        return;
    }
    scripted_open(link, 10 * STAGE_MS);
    if (act->lifetime_ns > 0)
        scripted_end(link, 10 * STAGE_MS + act->lifetime_ns, &act->end);
}

/* Trades as long as the connection lives, or a hundred of them. */
static void schedule_trades(struct stage *stage, struct qta_link *link, const struct act *act,
                            const char *symbol)
{
    int64_t interval_ns = act->tick_interval_ns ? act->tick_interval_ns : STAGE_S;
    int64_t lifetime_ns = act->lifetime_ns ? act->lifetime_ns : 100 * interval_ns;
    char text[64];
    snprintf(text, sizeof text, "t %s", symbol);
    for (int64_t at_ns = interval_ns; at_ns < lifetime_ns; at_ns += interval_ns)
        say(stage, link, at_ns, text);
}

static void answer_subscription(struct stage *stage, struct qta_link *link, const struct act *act,
                                char *symbols)
{
    bool is_first = true;
    char *rest = symbols;
    const char *symbol;
    while ((symbol = strtok_r(rest, " ", &rest))) {
        char text[64];
        bool is_refused = act->refuses && strcmp(act->refuses, symbol) == 0;
        snprintf(text, sizeof text, "%s %s", is_refused ? "no" : "ok", symbol);
        if (!act->has_no_ack)
            say(stage, link, 5 * STAGE_MS, text);
        if (is_first && !is_refused)
            schedule_trades(stage, link, act, symbol);
        is_first = false;
    }
    if (act->says)
        say(stage, link, 10 * STAGE_MS, act->says);
}

static void on_message(void *user, struct qta_link *link, const char *bytes, size_t length)
{
    struct stage *stage = user;
    const struct act *act = act_of(stage, link);
    size_t used = strlen(stage->sent);
    snprintf(stage->sent + used, sizeof stage->sent - used, "%d:%.*s\n", scripted_attempt(link),
             (int)length, bytes);
    char text[512];
    snprintf(text, sizeof text, "%.*s", (int)length, bytes);
    if (strcmp(text, "login") == 0 && !act->has_no_welcome)
        say(stage, link, 5 * STAGE_MS, "welcome");
    if (strncmp(text, "sub ", 4) == 0)
        answer_subscription(stage, link, act, text + 4);
}

static void on_close(void *user, struct qta_link *link, int code)
{
    (void)link;
    struct stage *stage = user;
    stage->last_close_code = code;
}

/* ---- what comes out ---------------------------------------------------------------------------
 */

/* The storage's threads log, too. */
static pthread_mutex_t log_mutex = PTHREAD_MUTEX_INITIALIZER;

static void note_log(void *user, enum qta_log_level level, const char *area, const char *message)
{
    struct stage *stage = user;
    pthread_mutex_lock(&log_mutex);
    size_t used = strlen(stage->log);
    snprintf(stage->log + used, sizeof stage->log - used, "%s %s: %s\n", qta_log_level_name(level),
             area, message);
    pthread_mutex_unlock(&log_mutex);
}

static void note_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    (void)names;
    struct stage *stage = user;
    if (stage->tick_count == stage->tick_capacity) {
        stage->tick_capacity = stage->tick_capacity ? stage->tick_capacity * 2 : 256;
        stage->ticks = realloc(stage->ticks, stage->tick_capacity * sizeof *stage->ticks);
        assert(stage->ticks);
    }
    stage->ticks[stage->tick_count++] = *tick;
}

const char *stage_story(struct stage *stage)
{
    free(stage->story);
    size_t length;
    FILE *out = open_memstream(&stage->story, &length);
    assert(out);
    for (size_t i = 0; i < stage->tick_count; i++) {
        const struct qta_tick *tick = &stage->ticks[i];
        const char *blank = i > 0 ? " " : "";
        if (tick->type != QTA_TICK_CONN)
            fprintf(out, "%s%s", blank, qta_tick_type_name(tick->type));
        else if (tick->conn_event.cause == QTA_CAUSE_NONE)
            fprintf(out, "%s%s", blank, qta_conn_state_name(tick->conn_event.state));
        else
            fprintf(out, "%s%s:%s", blank, qta_conn_state_name(tick->conn_event.state),
                    qta_conn_cause_name(tick->conn_event.cause));
    }
    fclose(out);
    return stage->story;
}

const struct qta_tick *stage_tick(const struct stage *stage, enum qta_tick_type type, size_t index)
{
    for (size_t i = 0; i < stage->tick_count; i++) {
        if (stage->ticks[i].type == type && index-- == 0)
            return &stage->ticks[i];
    }
    return NULL;
}

const struct qta_tick *stage_conn(const struct stage *stage, enum qta_conn_state state)
{
    for (size_t i = 0; i < stage->tick_count; i++) {
        if (stage->ticks[i].type == QTA_TICK_CONN && stage->ticks[i].conn_event.state == state)
            return &stage->ticks[i];
    }
    return NULL;
}

double stage_metric(const struct stage *stage, const char *series)
{
    struct qta_exposition page = {.is_openmetrics = false};
    struct qta_gateway_view view = qta_gateway_view(stage->gateway);
    struct qta_metrics_sources sources = {.view = &view, .now_ns = stage->environment.monotonic_ns};
    qta_metrics_page_write(&page, &sources);
    assert(!page.text.is_failed);
    double value = NAN;
    char *text = strndup((const char *)page.text.bytes, page.text.length);
    assert(text);
    size_t length = strlen(series);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, series, length) == 0 && line[length] == ' ')
            value = strtod(line + length, NULL);
    }
    free(text);
    qta_byte_buffer_finish(&page.text);
    return value;
}

int stage_log_count(const struct stage *stage, const char *text)
{
    int count = 0;
    pthread_mutex_lock(&log_mutex);
    for (const char *at = strstr(stage->log, text); at; at = strstr(at + 1, text))
        count++;
    pthread_mutex_unlock(&log_mutex);
    return count;
}

/* ---- the play ---------------------------------------------------------------------------------
 */

void stage_init(struct stage *stage, const char *adapter)
{
    if (!qta_adapter_find("chatty"))
        chatty_adapter_register();
    memset(stage, 0, sizeof *stage);
    virtual_environment_init(&stage->environment);
    stage->venue = (struct scripted_venue){
        .on_connect = on_connect, .on_message = on_message, .on_close = on_close, .user = stage};
    stage->subscriptions[0] = (struct qta_subscription){.type = QTA_TICK_TRADE, .symbol = "AAPL"};
    stage->subscriptions[1] = (struct qta_subscription){.type = QTA_TICK_TRADE, .symbol = "MSFT"};
    stage->provider = (struct qta_provider_options){
        .name = "venue",
        .adapter = adapter,
        .websocket_url = strcmp(adapter, "chatty-tcp") == 0 ? "tcp://venue:1" : "ws://venue/",
        .subscriptions = stage->subscriptions,
        .subscription_count = 2,
    };
    stage->options = (struct qta_gateway_options){
        .providers = &stage->provider,
        .provider_count = 1,
        .buffer_size = 1024,
        .reconnect_delay_ns = STAGE_S,
        .reconnect_delay_max_ns = 30 * STAGE_S,
        .health_check_interval_ns = 10 * STAGE_S,
        .message_max_bytes = 1 << 20,
        .recording = {.timezone = "UTC",
                      .fsync_interval_ns = 200 * STAGE_MS,
                      .compression_level = 1,
                      .journal_chunk_bytes = 1 << 20,
                      .journal_max_bytes = 64 << 20},
    };
    qta_log_set(note_log, stage, QTA_LOG_INFO);
}

void stage_open(struct stage *stage)
{
    struct qta_error err = {0};
    stage->transport = scripted_transport_create(&stage->environment, &stage->venue);
    enum qta_status status = qta_gateway_create_in(
        &stage->gateway, &stage->options, &stage->environment.base, stage->transport, &err);
    if (status != QTA_OK)
        fprintf(stderr, "cannot open the stage: %s\n", err.message);
    assert(status == QTA_OK);
    status = qta_gateway_subscribe_to_all(stage->gateway, note_tick, stage, &err);
    assert(status == QTA_OK);
}

void stage_run_for(struct stage *stage, int64_t duration_ns)
{
    int64_t end_ns = stage->environment.monotonic_ns + duration_ns;
    scripted_limit(stage->transport, end_ns);
    while (!stage->is_over && stage->environment.monotonic_ns < end_ns)
        stage->is_over = !qta_gateway_step(stage->gateway);
    scripted_limit(stage->transport, INT64_MAX);
}

enum qta_status stage_stop(struct stage *stage, struct qta_error *err)
{
    qta_gateway_stop(stage->gateway);
    while (!stage->is_over)
        stage->is_over = !qta_gateway_step(stage->gateway);
    return qta_gateway_result(stage->gateway, err);
}

void stage_finish(struct stage *stage)
{
    if (!stage->is_over)
        stage_stop(stage, NULL);
    qta_gateway_destroy(stage->gateway);
    qta_log_set(NULL, NULL, QTA_LOG_ERROR);
    free(stage->ticks);
    free(stage->story);
}
