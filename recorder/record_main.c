/* qta-record: records what a configuration says, and shows it on the way. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qta/config.h>
#include <qta/gateway.h>
#include <qta/log.h>
#include <qta/print.h>
#include <qta/timestamp.h>

#include "tools/config_source.h"
#include "tools/console.h"
#include "tools/option_table.h"
#include "tools/private_memory.h"
#include "tools/program.h"
#include "tools/run_summary.h"
#include "tools/service_manager.h"
#include "tools/status_lines.h"

#define NS_PER_S INT64_C(1000000000)
#define STATUS_INTERVAL_NS (5 * NS_PER_S)

enum { LINE_BYTES = 1024 };

/* ---- settings ---------------------------------------------------------------------------------
 */

static const char *const format_names[] = {"none", "ndjson", "csv", "text", NULL};

struct settings {
    const char *config;
    const char *output;
    int64_t duration_ns; /* 0: until something ends it */
    uint64_t max_ticks;  /* 0: likewise */
    bool is_check;
    struct qta_option_list overrides;
    int format; /* enum qta_print_format */
    int log_level;
    int log_format;
    bool is_quiet;
};

#define FIELD(name) offsetof(struct settings, name)

static const struct qta_option options[] = {
    {.name = "config",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(config),
     .value_name = "FILE",
     .is_required = true,
     .help = "the configuration, see qta-config(5)"},
    {.name = "output",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(output),
     .value_name = "DIR",
     .help = "make sessions in here, in place of what the configuration says: DIR/2024-05-01"},
    {.name = "duration",
     .kind = QTA_OPTION_DURATION,
     .offset = FIELD(duration_ns),
     .value_name = "DURATION",
     .help = "stop after this time: 90s, 6h30m"},
    {.name = "max-ticks",
     .kind = QTA_OPTION_NUMBER,
     .offset = FIELD(max_ticks),
     .value_name = "N",
     .minimum = 1,
     .help = "show N ticks of the market and stop; the session keeps those that came meanwhile"},
    {.name = "check-config",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(is_check),
     .help = "print what the configuration amounts to, secrets hidden, and what would keep it from "
             "starting; connect to nothing, record nothing"},
    {.name = "set",
     .kind = QTA_OPTION_REPEATED,
     .offset = FIELD(overrides),
     .value_name = "KEY=VALUE",
     .help = "a value in place of the configuration's, e.g. streaming.symbols=AAPL,MSFT; may be "
             "given again"},
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = FIELD(format),
     .value_name = "FORMAT",
     .choices = format_names,
     .help = "print ticks as they come: ndjson, csv, text or none (default: none)"},
    {.name = "log-level",
     .kind = QTA_OPTION_CHOICE,
     .offset = FIELD(log_level),
     .value_name = "LEVEL",
     .choices = qta_log_level_names,
     .help = "debug, info, warning or error (default: info)"},
    {.name = "log-format",
     .kind = QTA_OPTION_CHOICE,
     .offset = FIELD(log_format),
     .value_name = "FORMAT",
     .choices = qta_log_format_names,
     .help = "text or json, one line an event, on stderr (default: text)"},
    {.name = "quiet",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(is_quiet),
     .help = "no progress and no summary on stderr"},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Signals",
     .rows =
         (const struct qta_option_help_row[]){
             {"SIGINT, SIGTERM", "end cleanly and seal the session; the second time, at once"},
             {"SIGHUP", "read the configuration and the keys again, take over what differs"},
             {"SIGUSR1", "log how everything stands"},
             {NULL, NULL}}},
    {.title = "Examples",
     .is_stacked = true,
     .rows =
         (const struct qta_option_help_row[]){
             {"qta-record --config config/streaming.yaml", "record today"},
             {"qta-record --config config/synthetic.yaml --max-ticks 1000 --format ndjson",
              "a thousand made-up ticks, recorded and shown"},
             {"qta-record --config config/streaming.yaml --check-config",
              "what that configuration amounts to"},
             {NULL, NULL}}},
    {.title = NULL},
};

static const struct qta_option_help_row exit_statuses[] = {
    {"0", "recorded until asked to stop, or to the end of a provider that has one"},
    {"1", "tried and failed: no provider is left, or nothing can be written any more"},
    {"2", "bad usage or configuration, or a key that is refused: trying again will not help"},
    {"3", "recorded, but messages could not be read, or (without recording) ticks were missed"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-record",
    .synopsis = "--config FILE [OPTION]...",
    .summary = "Keeps connections to market data providers and writes every tick to a session, "
               "one a day.\nIt records in the folder 'sessions' unless the configuration or "
               "--output names another. A replay is not recorded again.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .exit_statuses = exit_statuses,
};

/* ---- the program ------------------------------------------------------------------------------
 */

struct recorder {
    struct settings settings;
    struct qta_config *config;
    struct qta_config_source source;
    const char **overrides; /* of --set, and our own */
    char *directory;        /* the one of --output */
    struct qta_gateway *gateway;
    struct qta_console *console;
    bool is_recording;
    bool shows_progress;
    int64_t start_ns; /* monotonic */

    /* the thread that is in qta_gateway_run() */
    uint64_t market_ticks; /* seen by our callback, up to max_ticks */
    enum qta_print_format format;
    char *line;
    size_t line_bytes;
    bool is_memory_short;
    bool has_terminal;       /* stderr was one at the start */
    atomic_bool is_printing; /* false once stdout takes nothing more */

    /* the console's thread */
    int64_t shown_ns; /* monotonic, of the last progress */
    uint64_t shown_ticks;
    struct qta_service_manager manager;
    bool is_ready; /* the manager knows that we run */
    bool is_reloading;
    uint64_t reloads; /* that had been taken over when this one began */
    bool is_end_told; /* and that we end */
    int64_t told_ns;  /* when it last heard how things stand */
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

/* The one gateway, for handlers. */
static _Atomic(struct qta_gateway *) signalled;
static atomic_bool is_stopping;

/* What the console's thread is to do. */
static atomic_bool wants_status;
static atomic_bool wants_reload;

static void handle_request(int number)
{
    atomic_store(number == SIGHUP ? &wants_reload : &wants_status, true);
}

static void handle_signal(int number)
{
    (void)number;
    int saved_errno = errno;
    if (atomic_exchange(&is_stopping, true))
        _exit(QTA_EXIT_FAILED); /* what was recorded is in the journal */
    struct qta_gateway *gateway = atomic_load(&signalled);
    if (gateway)
        qta_gateway_stop(gateway);
    errno = saved_errno;
}

static void set_signals(void)
{
    static const struct {
        int number;
        void (*handler)(int number);
    } signals[] = {
        {SIGINT, handle_signal},
        {SIGTERM, handle_signal},
        {SIGHUP, handle_request},
        {SIGUSR1, handle_request},
    };
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action = {.sa_handler = signals[i].handler, .sa_flags = SA_RESTART};
        struct sigaction before;
        sigemptyset(&action.sa_mask);
        sigaction(signals[i].number, NULL, &before);
        if (signals[i].number != SIGHUP || before.sa_handler != SIG_IGN) /* nohup(1) */
            sigaction(signals[i].number, &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a limit on file sizes is an error like a full disk */
}

/* A signal that came before there was a gateway counts. */
static void watch_gateway(struct qta_gateway *gateway)
{
    atomic_store(&signalled, gateway);
    if (gateway && atomic_load(&is_stopping))
        qta_gateway_stop(gateway);
}

/* ---- configuration ----------------------------------------------------------------------------
 */

/* With --log-format json every line of stderr is to be JSON once the program runs. */
static void show_finding(const struct recorder *recorder, const struct qta_config_finding *finding)
{
    if (recorder->settings.log_format == QTA_LOG_JSON && !recorder->settings.is_check)
        qta_log(finding->is_error ? QTA_LOG_ERROR : QTA_LOG_WARNING, "config", "%s",
                finding->message);
    else
        qta_program_error("%s%s", finding->is_error ? "" : "warning: ", finding->message);
}

/* /proc shows arguments to all: what may be a secret goes elsewhere. */
static void hide_secrets(struct qta_option_list *overrides)
{
    static const char *const words[] = {"api_key", "api_secret", "login_message", "token", "_url"};
    for (size_t i = 0; i < overrides->count; i++) {
        char *text = (char *)(uintptr_t)overrides->items[i]; /* in argv, which is writable */
        for (size_t j = 0; j < sizeof words / sizeof words[0]; j++) {
            if (!strstr(text, words[j]))
                continue;
            overrides->items[i] = qta_private_argument(text);
            break;
        }
    }
}

/* The overrides of --set, then what --output and this program itself ask for. */
static enum qta_exit load_config(struct recorder *recorder)
{
    enum { OWN_OVERRIDES = 3 };
    const struct settings *settings = &recorder->settings;
    size_t count = settings->overrides.count;
    const char **overrides = calloc(count + OWN_OVERRIDES, sizeof(*overrides));
    recorder->overrides = overrides;
    if (settings->output &&
        asprintf(&recorder->directory, "recording.directory=%s", settings->output) < 0)
        recorder->directory = NULL;
    if (!overrides || (settings->output && !recorder->directory)) {
        qta_program_error("out of memory");
        return QTA_EXIT_FAILED;
    }
    for (size_t i = 0; i < count; i++)
        overrides[i] = settings->overrides.items[i];
    if (recorder->directory) {
        overrides[count++] = recorder->directory;
        overrides[count++] = "recording.enabled=true";
    }
    overrides[count++] = "recording.enabled?=true"; /* but not of a replay */
    recorder->source = (struct qta_config_source){
        .path = settings->config, .overrides = overrides, .count = count};

    struct qta_error err;
    enum qta_status status = qta_config_load(&recorder->config, settings->config, overrides, count,
                                             &err);
    if (!recorder->config) {
        qta_program_error("%s", err.message);
        return status == QTA_ERR_NOMEM ? QTA_EXIT_FAILED : QTA_EXIT_USAGE;
    }
    const struct qta_config_finding *findings;
    size_t finding_count = qta_config_findings(recorder->config, &findings);
    for (size_t i = 0; i < finding_count; i++)
        show_finding(recorder, &findings[i]);
    return status == QTA_OK ? QTA_EXIT_DONE : QTA_EXIT_USAGE;
}

/* Prints it, and makes everything that a start would make but for the session. */
static enum qta_exit check_config(const struct recorder *recorder)
{
    char *text = NULL;
    struct qta_error err;
    if (qta_config_print(recorder->config, &text, &err) != QTA_OK)
        return qta_program_fail(&err);
    qta_program_write(text, strlen(text));
    free(text);
    struct qta_gateway_options without_recording = *qta_config_gateway(recorder->config);
    struct qta_gateway *gateway = NULL;
    without_recording.recording.is_enabled = false;
    if (qta_gateway_create(&gateway, &without_recording, &err) != QTA_OK)
        return qta_program_fail(&err);
    qta_gateway_destroy(gateway);
    return QTA_EXIT_DONE;
}

/* Whether ticks can come at all: this program asks for nothing beyond the configuration. */
static bool has_anything_to_record(const struct qta_gateway_options *gateway)
{
    for (size_t i = 0; i < gateway->provider_count; i++) {
        const struct qta_provider_options *provider = &gateway->providers[i];
        const struct qta_adapter_ops *ops = qta_adapter_find(provider->adapter);
        if (provider->subscription_count > 0 || (ops && ops->transport == QTA_TRANSPORT_NONE))
            return true;
    }
    return false;
}

/* ---- ticks ------------------------------------------------------------------------------------
 */

/* A reader that went away is no reason to lose data: recording goes on without it. */
static void end_printing(struct recorder *recorder)
{
    if (!atomic_exchange(&recorder->is_printing, false))
        return;
    if (recorder->is_recording)
        qta_log(QTA_LOG_WARNING, "output", "nobody reads the ticks any more; recording goes on");
    else
        qta_gateway_stop(recorder->gateway);
}

static bool grow_line(struct recorder *recorder, size_t bytes)
{
    char *line = realloc(recorder->line, bytes);
    if (!line)
        return false;
    recorder->line = line;
    recorder->line_bytes = bytes;
    return true;
}

static void print_tick(struct recorder *recorder, const struct qta_tick *tick,
                       const struct qta_dictionary *names)
{
    size_t length = qta_print_tick(tick, names, recorder->format, QTA_TIME_FORMAT_RFC3339,
                                   recorder->line, recorder->line_bytes);
    if (length >= recorder->line_bytes) {
        if (!grow_line(recorder, length + 1)) {
            recorder->is_memory_short = true;
            end_printing(recorder);
            return;
        }
        length = qta_print_tick(tick, names, recorder->format, QTA_TIME_FORMAT_RFC3339,
                                recorder->line, recorder->line_bytes);
    }
    bool is_written = qta_program_write(recorder->line, length);
    /* the last one that waits is shown at once; otherwise on_interval() does it soon */
    struct qta_gateway_stats stats;
    qta_gateway_stats(recorder->gateway, &stats);
    if (is_written && stats.queued == 0)
        is_written = qta_program_flush();
    if (!is_written)
        end_printing(recorder);
}

static void on_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct recorder *recorder = user;
    uint64_t max_ticks = recorder->settings.max_ticks;
    if (max_ticks > 0 && recorder->market_ticks == max_ticks)
        return; /* what came before the end was decided is in the session */
    if (recorder->format != QTA_PRINT_NONE && atomic_load(&recorder->is_printing))
        print_tick(recorder, tick, names);
    if (qta_tick_is_market(tick) && ++recorder->market_ticks == max_ticks)
        qta_gateway_stop(recorder->gateway);
}

/* ---- now and then -----------------------------------------------------------------------------
 */

static void show_progress(struct recorder *recorder, int64_t now_ns)
{
    struct qta_gateway_stats stats;
    qta_gateway_stats(recorder->gateway, &stats);
    int64_t passed_ns = now_ns - recorder->shown_ns;
    uint64_t new_ticks = stats.market_ticks - recorder->shown_ticks;
    recorder->shown_ns = now_ns;
    recorder->shown_ticks = stats.market_ticks;
    char ticks[QTA_NUMBER_TEXT_BYTES];
    char rate[QTA_NUMBER_TEXT_BYTES];
    char queued[QTA_NUMBER_TEXT_BYTES];
    char dropped[QTA_NUMBER_TEXT_BYTES];
    char unrecorded[QTA_NUMBER_TEXT_BYTES];
    double per_second = (double)new_ticks * (double)NS_PER_S / (double)passed_ns;
    qta_progress_show("%s ticks, %s/s, %" PRIu64 " connected, %s waiting%s%s%s%s",
                      qta_number_print(stats.market_ticks, ticks),
                      qta_number_print((uint64_t)per_second, rate), stats.connected,
                      qta_number_print(stats.queued, queued), stats.dropped > 0 ? ", missed: " : "",
                      stats.dropped > 0 ? qta_number_print(stats.dropped, dropped) : "",
                      stats.unrecorded > 0 ? ", not recorded: " : "",
                      stats.unrecorded > 0 ? qta_number_print(stats.unrecorded, unrecorded) : "");
}

static void show_status_line(void *user, const char *line)
{
    (void)user;
    qta_program_log_answer("status", line);
}

static void show_status(const struct recorder *recorder)
{
    char *text;
    struct qta_error err;
    if (qta_gateway_status(recorder->gateway, &text, &err) != QTA_OK) {
        qta_log(QTA_LOG_ERROR, "status", "%s", err.message);
        return;
    }
    qta_status_lines_tell(text, show_status_line, NULL);
    free(text);
}

/* A terminal that is gone takes with it what was started there to be looked at. */
static bool has_lost_terminal(const struct recorder *recorder)
{
    return recorder->has_terminal && !isatty(STDERR_FILENO);
}

/* systemd hears when it begins, and when the network thread has taken it over. */
static void reload(struct recorder *recorder, int64_t now_ns)
{
    char text[64];
    struct qta_gateway_stats stats;
    if (has_lost_terminal(recorder)) {
        qta_gateway_stop(recorder->gateway);
        return;
    }
    qta_gateway_stats(recorder->gateway, &stats);
    snprintf(text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, now_ns / 1000);
    qta_service_manager_tell(&recorder->manager, text);
    recorder->reloads = stats.reloads;
    recorder->is_reloading = qta_config_source_reload(&recorder->source, recorder->gateway);
    if (!recorder->is_reloading)
        qta_service_manager_tell(&recorder->manager, "READY=1");
}

static void tell_end(struct recorder *recorder)
{
    if (!recorder->is_end_told)
        qta_service_manager_tell(&recorder->manager, "STOPPING=1\nSTATUS=sealing the session");
    recorder->is_end_told = true;
}

/* The watchdog hears of us as long as the network thread turns: a process that is up while that
 * thread hangs records nothing. */
static void tell_manager(struct recorder *recorder, int64_t now_ns)
{
    struct qta_gateway_stats stats;
    qta_gateway_stats(recorder->gateway, &stats);
    if (atomic_load(&is_stopping))
        tell_end(recorder);
    if (stats.last_turn_ns == 0 || recorder->is_end_told)
        return;
    bool is_reloaded = recorder->is_reloading && stats.reloads != recorder->reloads;
    if (!recorder->is_ready || is_reloaded)
        qta_service_manager_tell(&recorder->manager, "READY=1");
    if (is_reloaded)
        recorder->is_reloading = false;
    if (!recorder->is_ready || now_ns - recorder->told_ns >= STATUS_INTERVAL_NS) {
        char text[256];
        char ticks[QTA_NUMBER_TEXT_BYTES];
        char queued[QTA_NUMBER_TEXT_BYTES];
        snprintf(text, sizeof text,
                 "STATUS=%s: %s ticks, %" PRIu64 " connected, %s waiting for the output",
                 recorder->is_recording ? "recording" : "running",
                 qta_number_print(stats.market_ticks, ticks), stats.connected,
                 qta_number_print(stats.queued, queued));
        qta_service_manager_tell(&recorder->manager, text);
        recorder->told_ns = now_ns;
    }
    recorder->is_ready = true;
    if (qta_service_manager_is_ping_due(&recorder->manager, now_ns, (uint64_t)stats.last_turn_ns))
        qta_service_manager_tell(&recorder->manager, "WATCHDOG=1");
}

/* Ten times a second, on the console's thread. */
static void on_interval(void *user)
{
    struct recorder *recorder = user;
    const struct settings *settings = &recorder->settings;
    int64_t now_ns = monotonic_ns();
    if (recorder->format != QTA_PRINT_NONE && atomic_load(&recorder->is_printing) &&
        !qta_program_flush())
        end_printing(recorder);
    if (settings->duration_ns > 0 && now_ns - recorder->start_ns >= settings->duration_ns)
        qta_gateway_stop(recorder->gateway);
    if (atomic_exchange(&wants_status, false))
        show_status(recorder);
    if (atomic_exchange(&wants_reload, false) && !atomic_load(&is_stopping))
        reload(recorder, now_ns);
    if (qta_service_manager_is_there(&recorder->manager))
        tell_manager(recorder, now_ns);
    qta_program_log_tell_repeats();
    if (recorder->shows_progress && now_ns - recorder->shown_ns >= NS_PER_S)
        show_progress(recorder, now_ns);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void show_line(void *user, const char *line)
{
    const struct recorder *recorder = user;
    if (recorder->settings.log_format == QTA_LOG_JSON)
        qta_log(QTA_LOG_INFO, "summary", "%s", line);
    else
        qta_program_error("%s", line);
}

static enum qta_exit exit_of(const struct recorder *recorder, enum qta_status status,
                             const struct qta_gateway_stats *stats)
{
    if (status == QTA_ERR_REFUSED)
        return QTA_EXIT_USAGE; /* a service that restarts us would only be refused again */
    enum qta_exit result = qta_program_exit(status);
    uint64_t missed = recorder->is_recording ? 0 : stats->dropped;
    if (qta_run_summary_unreadable(stats) > 0 || missed > 0 || stats->unrecorded > 0)
        result = qta_program_worse(result, QTA_EXIT_LOSS);
    return result;
}

static enum qta_exit record(struct recorder *recorder)
{
    const struct settings *settings = &recorder->settings;
    struct qta_error err = {0};
    enum qta_status status = QTA_OK;
    bool needs_ticks = recorder->format != QTA_PRINT_NONE || settings->max_ticks > 0;
    if (needs_ticks)
        status = qta_gateway_subscribe_to_all(recorder->gateway, on_tick, recorder, &err);
    if (status != QTA_OK)
        return qta_program_fail(&err);
    if (recorder->format == QTA_PRINT_CSV)
        qta_program_write(qta_print_csv_header(), strlen(qta_print_csv_header()));
    recorder->start_ns = recorder->shown_ns = monotonic_ns();
    bool prints_to_terminal = recorder->format != QTA_PRINT_NONE && isatty(STDOUT_FILENO);
    recorder->shows_progress = !settings->is_quiet && !prints_to_terminal;
    struct qta_console_options console = {.on_interval = on_interval, .user = recorder};
    recorder->console = qta_console_start(&console);
    if (!recorder->console) {
        qta_program_error("cannot start a thread");
        return QTA_EXIT_FAILED;
    }
    status = qta_gateway_run(recorder->gateway, &err);
    qta_console_stop(recorder->console);
    tell_end(recorder);
    qta_progress_clear();

    struct qta_gateway_stats stats;
    qta_gateway_stats(recorder->gateway, &stats);
    char *session_path = strdup(qta_gateway_session_path(recorder->gateway));
    watch_gateway(NULL);
    qta_gateway_destroy(recorder->gateway);
    recorder->gateway = NULL;
    if (status != QTA_OK)
        qta_program_error("%s", err.message);
    if (recorder->is_memory_short)
        qta_program_error("out of memory for a line of output");
    if (!settings->is_quiet) {
        struct qta_run_summary summary = {
            .stats = &stats,
            .passed_ns = monotonic_ns() - recorder->start_ns,
            .session_path = session_path ? session_path : "",
            .shown = recorder->market_ticks,
            .is_shown_limited = settings->max_ticks > 0,
        };
        qta_run_summary_tell(&summary, show_line, recorder);
    }
    free(session_path);
    enum qta_exit result = exit_of(recorder, status, &stats);
    return recorder->is_memory_short ? qta_program_worse(result, QTA_EXIT_FAILED) : result;
}

static enum qta_exit open_and_record(struct recorder *recorder)
{
    const struct qta_gateway_options *gateway = qta_config_gateway(recorder->config);
    struct qta_error err;
    if (!has_anything_to_record(gateway)) {
        qta_program_error("nothing to record: no provider in '%s' has subscriptions",
                          recorder->settings.config);
        return QTA_EXIT_USAGE;
    }
    if (!grow_line(recorder, LINE_BYTES)) {
        qta_program_error("out of memory");
        return QTA_EXIT_FAILED;
    }
    recorder->is_recording = gateway->recording.is_enabled;
    qta_service_manager_tell(&recorder->manager, "STATUS=opening the session");
    if (qta_config_source_note(&recorder->source, recorder->config, &err) != QTA_OK ||
        qta_gateway_create(&recorder->gateway, gateway, &err) != QTA_OK)
        return qta_program_fail(&err);
    qta_config_destroy(
        recorder->config); /* the gateway has its own copies: keys live there alone */
    recorder->config = NULL;
    watch_gateway(recorder->gateway);
    return record(recorder);
}

static void clean_up(struct recorder *recorder)
{
    watch_gateway(NULL);
    qta_gateway_destroy(recorder->gateway);
    qta_config_destroy(recorder->config);
    qta_service_manager_finish(&recorder->manager);
    qta_config_source_finish(&recorder->source);
    free(recorder->overrides);
    free(recorder->directory);
    qta_option_list_finish(&recorder->settings.overrides);
    free(recorder->line);
}

int main(int argc, char **argv)
{
    static struct recorder recorder = {.settings = {.log_level = QTA_LOG_INFO}};
    struct qta_option_operands operands;
    int exit_code;
    qta_private_environment_make();
    qta_program_start("qta-record");
    if (!qta_option_table_parse(&table, argc, argv, &recorder.settings, &operands, &exit_code))
        return exit_code;
    hide_secrets(&recorder.settings.overrides);
    qta_program_log_start((enum qta_log_format)recorder.settings.log_format,
                          (enum qta_log_level)recorder.settings.log_level);
    recorder.has_terminal = isatty(STDERR_FILENO) != 0;
    recorder.format = (enum qta_print_format)recorder.settings.format;
    atomic_store(&recorder.is_printing, true);
    qta_service_manager_init(&recorder.manager);
    set_signals();
    enum qta_exit result = load_config(&recorder);
    if (result == QTA_EXIT_DONE)
        result = recorder.settings.is_check ? check_config(&recorder) : open_and_record(&recorder);
    clean_up(&recorder);
    return (int)qta_program_finish(result);
}
