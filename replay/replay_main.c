/* qta-replay: plays sessions back to stdout, into a digest, or to clients of a WebSocket server. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <qta/digest.h>
#include <qta/print.h>
#include <qta/replay.h>
#include <qta/server.h>
#include <qta/timestamp.h>

#include "tools/console.h"
#include "tools/option_table.h"
#include "tools/program.h"
#include "tools/session_time.h"

enum { STDOUT_BUFFER_BYTES = 1 << 18, LINE_BYTES = 1024 };

/* ---- settings ---------------------------------------------------------------------------------
 */

enum { FORMAT_AUTOMATIC = -1 };
#define SPEED_AUTOMATIC UINT32_MAX
static const char *const format_names[] = {"none", "ndjson", "csv", "text", NULL};
static const char *const time_format_names[] = {"rfc3339", "ns", NULL};

struct address {
    char host[256];
    uint16_t port;
};

struct expected_digest {
    bool is_given;
    uint64_t value;
};

struct settings {
    uint32_t speed_milli; /* SPEED_AUTOMATIC: not given */
    struct qta_session_time from;
    struct qta_session_time to;
    int64_t start_offset_ns;
    int64_t duration_ns;
    struct qta_option_list symbols;
    uint32_t types;
    struct qta_option_list providers;
    uint64_t loop_count;
    int64_t gap_max_ns;
    bool is_paused;
    bool is_following;
    int format;
    int time_format;
    bool has_digest;
    struct expected_digest expected_digest;
    struct address serve; /* no host: not asked for */
    const char *serve_key;
    const char *serve_secret;
    const char *tls_certificate;
    const char *tls_key;
    bool is_quiet;
};

static bool read_speed(const char *text, void *field)
{
    return qta_speed_parse(text, strlen(text), field) == QTA_OK;
}

static bool read_types(const char *text, void *field)
{
    uint32_t types = 0;
    while (true) {
        size_t length = strcspn(text, ",");
        enum qta_tick_type type = qta_tick_type_parse(text, length);
        if (type == QTA_TICK_NONE)
            return false;
        types |= QTA_TYPE_BIT(type);
        if (text[length] == '\0')
            break;
        text += length + 1;
    }
    *(uint32_t *)field = types;
    return true;
}

static bool read_digest(const char *text, void *field)
{
    enum { DIGEST_DIGITS = 16 };
    if (strlen(text) != DIGEST_DIGITS || strspn(text, "0123456789abcdefABCDEF") != DIGEST_DIGITS)
        return false;
    struct expected_digest *expected = field;
    expected->is_given = true;
    expected->value = strtoull(text, NULL, 16);
    return true;
}

/* "127.0.0.1:8765", "[::1]:0", "localhost:8765" */
static bool read_address(const char *text, void *field)
{
    struct address *address = field;
    const char *colon = strrchr(text, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || port > UINT16_MAX)
        return false;
    const char *host = text;
    size_t length = (size_t)(colon - text);
    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    } else if (memchr(host, ':', length)) {
        return false; /* an IPv6 address without its brackets */
    }
    if (length == 0 || length >= sizeof address->host)
        return false;
    memcpy(address->host, host, length);
    address->host[length] = '\0';
    address->port = (uint16_t)port;
    return true;
}

#define FIELD(name) offsetof(struct settings, name)

static const struct qta_option options[] = {
    {.name = "speed",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(speed_milli),
     .value_name = "SPEED",
     .read = read_speed,
     .expected = "a speed from 0.01x to 1000x or 'max'",
     .help = "how fast: 10x, 0.5x, or max for as fast as it can be read (default: 1x)"},
    {.name = "from",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(from),
     .value_name = "TIME",
     .read = qta_session_time_read,
     .expected = QTA_SESSION_TIME_EXPECTED,
     .help =
         "first receive time to play: 2024-05-01T13:30:00Z, a date, ns since 1970, or a time of "
         "day like 09:30 on the session's first day; dates and times of day are in the "
         "session's time zone"},
    {.name = "to",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(to),
     .value_name = "TIME",
     .read = qta_session_time_read,
     .expected = QTA_SESSION_TIME_EXPECTED,
     .help = "receive time to end before, written likewise"},
    {.name = "start-offset",
     .kind = QTA_OPTION_DURATION,
     .offset = FIELD(start_offset_ns),
     .value_name = "DURATION",
     .help = "skip this much of the session's time"},
    {.name = "duration",
     .kind = QTA_OPTION_DURATION,
     .offset = FIELD(duration_ns),
     .value_name = "DURATION",
     .help = "play this much of the session's time"},
    {.name = "symbols",
     .kind = QTA_OPTION_LIST,
     .offset = FIELD(symbols),
     .value_name = "A,B",
     .help = "only these symbols, and what belongs to none"},
    {.name = "types",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(types),
     .value_name = "T,U",
     .read = read_types,
     .expected = "a list of types of ticks (trade, quote, bar, book, trade_cancel, trade_correct, "
                 "status, luld, imbalance, conn, gap, drop, clock, marker)",
     .help = "only these types: trade, quote, bar, book, conn, ..."},
    {.name = "providers",
     .kind = QTA_OPTION_LIST,
     .offset = FIELD(providers),
     .value_name = "P,Q",
     .help = "only what came from these providers"},
    {.name = "loop",
     .kind = QTA_OPTION_NUMBER,
     .offset = FIELD(loop_count),
     .value_name = "N",
     .maximum = UINT32_MAX,
     .is_value_optional = true,
     .help = "play it N times; without N, or with 0, for ever"},
    {.name = "max-gap",
     .kind = QTA_OPTION_DURATION,
     .offset = FIELD(gap_max_ns),
     .value_name = "DURATION",
     .help = "shorten longer pauses to this much of the session's time"},
    {.name = "paused",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(is_paused),
     .help = "wait before the first tick, until space is pressed on the terminal or SIGUSR1 comes"},
    {.name = "follow",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(is_following),
     .help = "play a session while it is recorded: what there is at once, then each tick as it "
             "comes, until the recorder closes it; one that was killed is waited for"},
    {.name = "format",
     .kind = QTA_OPTION_CHOICE,
     .offset = FIELD(format),
     .value_name = "FORMAT",
     .choices = format_names,
     .help = "ndjson, csv, text or none (default: ndjson; none with --digest, --expect-digest or "
             "--serve)"},
    {.name = "time-format",
     .kind = QTA_OPTION_CHOICE,
     .offset = FIELD(time_format),
     .value_name = "FORMAT",
     .choices = time_format_names,
     .help = "times as rfc3339 (default) or as ns since 1970"},
    {.name = "digest",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(has_digest),
     .help = "at the end print two lines, 'full HEX' over every field of every tick and 'market "
             "HEX' over what the venue said"},
    {.name = "expect-digest",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(expected_digest),
     .value_name = "HEX",
     .read = read_digest,
     .expected = "a digest of 16 hexadecimal digits",
     .help = "fail with exit status 1 when neither the full nor the market digest is this"},
    {.name = "serve",
     .kind = QTA_OPTION_CUSTOM,
     .offset = FIELD(serve),
     .value_name = "HOST:PORT",
     .read = read_address,
     .expected = "an address like 127.0.0.1:8765 or [::1]:8765",
     .help = "serve it as Alpaca's stream, beginning with the first subscription; port 0 takes any "
             "free one"},
    {.name = "serve-key",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(serve_key),
     .value_name = "KEY",
     .help = "the key that clients must present (default: any)"},
    {.name = "serve-secret",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(serve_secret),
     .value_name = "SECRET",
     .help = "the secret that belongs to it"},
    {.name = "tls-cert",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(tls_certificate),
     .value_name = "FILE",
     .help = "serve wss:// with the certificate in this PEM file"},
    {.name = "tls-key",
     .kind = QTA_OPTION_TEXT,
     .offset = FIELD(tls_key),
     .value_name = "FILE",
     .help = "its private key, PEM"},
    {.name = "quiet",
     .kind = QTA_OPTION_SWITCH,
     .offset = FIELD(is_quiet),
     .help = "no progress and no summary on stderr"},
};

static const struct qta_option_help_section sections[] = {
    {.title = "Keys and signals",
     .rows =
         (const struct qta_option_help_row[]){
             {"space",
              "pause and go on, when stdin is a terminal and ticks go to it or nowhere, or "
              "with --paused"},
             {"SIGUSR1", "pause and go on"},
             {"SIGINT, SIGTERM", "end cleanly; the second time, at once"},
             {NULL, NULL}}},
    {.title = "Examples",
     .is_stacked = true,
     .rows =
         (const struct qta_option_help_row[]){
             {"qta-replay --speed 10x sessions/2024-05-01",
              "that day, ten times faster, as ndjson"},
             {"qta-replay --speed max --digest sessions/2024-05-01", "what it is, as two numbers"},
             {"qta-replay --follow sessions/2024-05-01", "that day, while it is recorded"},
             {"qta-replay --from 09:30 --to 16:00 --serve 127.0.0.1:8765 sessions/2024-05-01",
              "its trading hours as a live stream"},
             {NULL, NULL}}},
    {.title = NULL},
};

static const struct qta_option_help_row exit_statuses[] = {
    {"0", "played to the end, or to a SIGINT or SIGTERM"},
    {"1", "tried and failed, or the digest was not the one expected"},
    {"2", "bad usage; nothing was done"},
    {"3", "played, but blocks that are damaged had to be skipped"},
    {NULL, NULL},
};

static const struct qta_option_table table = {
    .program = "qta-replay",
    .synopsis = "[OPTION]... SESSION...",
    .summary = "Plays recorded sessions back, in order and at their own pace or faster. Several "
               "sessions are merged by receive time.",
    .options = options,
    .option_count = sizeof options / sizeof options[0],
    .sections = sections,
    .operand_name = "SESSION",
    .operand_min = 1,
    .operand_max = SIZE_MAX,
    .exit_statuses = exit_statuses,
};

/* ---- the program ------------------------------------------------------------------------------
 */

struct player {
    struct settings settings;
    struct qta_replay *replay;
    struct qta_server *server; /* with --serve */
    struct qta_console *console;
    atomic_bool is_paused;
    int64_t start_ns;
    bool shows_progress;

    enum qta_print_format format;
    char *line;
    size_t line_bytes;
    bool needs_digest;
    struct qta_digest digest;
    uint64_t problems;
    bool is_memory_short;
};

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int refuse(const char *message)
{
    qta_program_error("%s", message);
    return QTA_EXIT_USAGE;
}

/* Options that do not go together; 0 when they do. */
static int check_settings(const struct settings *settings)
{
    bool is_served = settings->serve.host[0] != '\0';
    if (is_served && settings->format > QTA_PRINT_NONE)
        return refuse("--format does not go with --serve: the ticks go to the clients");
    if (is_served && (settings->has_digest || settings->expected_digest.is_given))
        return refuse("--digest and --expect-digest do not go with --serve");
    if (!is_served && (settings->serve_key || settings->serve_secret || settings->tls_certificate ||
                       settings->tls_key))
        return refuse("--serve-key, --serve-secret, --tls-cert and --tls-key need --serve");
    if (settings->is_following && settings->speed_milli != SPEED_AUTOMATIC &&
        settings->speed_milli != QTA_SPEED_MAX)
        return refuse("--speed does not go with --follow: ticks come as they are recorded");
    if (settings->is_following && (settings->start_offset_ns > 0 || settings->duration_ns > 0 ||
                                   settings->gap_max_ns > 0 || settings->loop_count != 1))
        return refuse("--start-offset, --duration, --max-gap and --loop do not go with --follow");
    if (settings->is_following && is_served)
        return refuse("--follow does not go with --serve");
    if (!settings->serve_key != !settings->serve_secret)
        return refuse("--serve-key and --serve-secret go together");
    if (!settings->tls_certificate != !settings->tls_key)
        return refuse("--tls-cert and --tls-key go together");
    return 0;
}

/* ---- signals ----------------------------------------------------------------------------------
 */

/* The one player, for handlers; set before they are. */
static struct player *signalled;
static atomic_bool is_stopping;

static void stop(struct player *player)
{
    if (player->server)
        qta_server_stop(player->server);
    else
        qta_replay_stop(player->replay);
}

static void toggle_pause(struct player *player)
{
    bool is_paused = !atomic_load(&player->is_paused);
    atomic_store(&player->is_paused, is_paused);
    qta_replay_pause(player->replay, is_paused);
}

static void handle_signal(int number)
{
    int saved_errno = errno;
    if (number == SIGUSR1) {
        toggle_pause(signalled);
    } else if (!atomic_exchange(&is_stopping, true)) {
        stop(signalled);
    } else {
        qta_console_restore();
        signal(number, SIG_DFL);
        raise(number);
    }
    errno = saved_errno;
}

static void set_signals(struct player *player)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGUSR1};
    signalled = player;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = handle_signal, .sa_flags = SA_RESTART};
        sigemptyset(&action.sa_mask);
        sigaction(numbers[i], &action, NULL);
    }
}

static void ignore_signals(void)
{
    signal(SIGUSR1, SIG_IGN);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
}

/* ---- progress ---------------------------------------------------------------------------------
 */

/* In ns, between any two times. */
static double time_between(int64_t from_ns, int64_t to_ns)
{
    return (double)to_ns - (double)from_ns;
}

/* How long it will take from here on, in ns; negative when that cannot be said. */
static double time_left_ns(const struct player *player, const struct qta_replay_progress *progress)
{
    if (player->settings.loop_count != 1 || progress->current_ts_recv_ns == QTA_TIME_UNKNOWN)
        return -1;
    double left_ns = time_between(progress->current_ts_recv_ns, progress->last_ts_recv_ns);
    if (player->settings.speed_milli != QTA_SPEED_MAX)
        return left_ns * 1000 / player->settings.speed_milli;
    double done_ns = time_between(progress->first_ts_recv_ns, progress->current_ts_recv_ns);
    return done_ns > 0 ? left_ns / done_ns * (double)(monotonic_ns() - player->start_ns) : -1;
}

static int percent_done(const struct qta_replay_progress *progress)
{
    if (progress->current_ts_recv_ns == QTA_TIME_UNKNOWN)
        return 0;
    double all_ns = time_between(progress->first_ts_recv_ns, progress->last_ts_recv_ns);
    double done_ns = time_between(progress->first_ts_recv_ns, progress->current_ts_recv_ns);
    return all_ns > 0 && done_ns > 0 && done_ns <= all_ns ? (int)(100 * done_ns / all_ns) : 0;
}

static const char *speed_text(uint32_t speed_milli, char *text, size_t capacity)
{
    if (speed_milli == QTA_SPEED_MAX)
        return "max";
    snprintf(text, capacity, "%gx", speed_milli / 1000.0);
    return text;
}

static double ticks_per_second(const struct player *player, uint64_t ticks)
{
    int64_t passed_ns = monotonic_ns() - player->start_ns;
    return passed_ns > 0 ? (double)ticks * 1e9 / (double)passed_ns : 0;
}

static void show_progress(const struct player *player)
{
    struct qta_replay_progress progress;
    qta_replay_progress(player->replay, &progress);
    char position[QTA_TIMESTAMP_TEXT_BYTES] = "";
    char left[QTA_TIMESTAMP_TEXT_BYTES] = "";
    char ticks[QTA_NUMBER_TEXT_BYTES];
    char rate[QTA_NUMBER_TEXT_BYTES];
    char speed[16];
    if (progress.current_ts_recv_ns != QTA_TIME_UNKNOWN)
        qta_timestamp_print(progress.current_ts_recv_ns, position);
    position[strcspn(position, ".")] = '\0'; /* whole seconds are enough to look at */
    double left_ns = time_left_ns(player, &progress);
    if (left_ns >= 0 && left_ns < (double)INT64_MAX / 2)
        qta_duration_print((int64_t)left_ns, left);
    qta_number_print((uint64_t)ticks_per_second(player, progress.ticks), rate);
    qta_progress_show("%s %d%% %s%s, %s ticks, %s/s%s%s", position, percent_done(&progress),
                      speed_text(player->settings.speed_milli, speed, sizeof speed),
                      atomic_load(&player->is_paused) ? ", paused" : "",
                      qta_number_print(progress.ticks, ticks), rate, *left ? ", left: " : "", left);
}

static void on_interval(void *user)
{
    struct player *player = user;
    /* at its own pace a tick must not lie in a buffer until many more have come */
    bool waits = player->settings.speed_milli != QTA_SPEED_MAX || player->settings.is_following;
    if (player->format != QTA_PRINT_NONE && waits && !qta_program_flush())
        stop(player);
    if (player->shows_progress)
        show_progress(player);
}

static void on_key(void *user, char key)
{
    if (key == ' ')
        toggle_pause(user);
}

/* Keys are taken from the terminal only where nobody else is likely to want them: a pager that
 * reads our output does. */
static void start_console(struct player *player)
{
    bool prints_to_terminal = player->format != QTA_PRINT_NONE && isatty(STDOUT_FILENO);
    bool wants_keys = player->settings.is_paused || player->format == QTA_PRINT_NONE ||
                      prints_to_terminal;
    player->shows_progress = !player->settings.is_quiet && !prints_to_terminal;
    struct qta_console_options console_options = {
        .on_interval = on_interval, .on_key = wants_keys ? on_key : NULL, .user = player};
    player->console = qta_console_start(&console_options);
    if (player->settings.is_paused && !player->settings.is_quiet)
        qta_program_error("paused: %ssend SIGUSR1 to process %ld to go on",
                          qta_console_has_keys(player->console) ? "press space or " : "",
                          (long)getpid());
}

/* ---- ticks ------------------------------------------------------------------------------------
 */

static bool grow_line(struct player *player, size_t bytes)
{
    char *line = realloc(player->line, bytes);
    if (!line)
        return false;
    player->line = line;
    player->line_bytes = bytes;
    return true;
}

static void print_tick(struct player *player, const struct qta_tick *tick,
                       const struct qta_dictionary *names)
{
    enum qta_time_format times = (enum qta_time_format)player->settings.time_format;
    size_t length = qta_print_tick(tick, names, player->format, times, player->line,
                                   player->line_bytes);
    if (length >= player->line_bytes) {
        if (!grow_line(player, length + 1)) {
            player->is_memory_short = true;
            stop(player);
            return;
        }
        length = qta_print_tick(tick, names, player->format, times, player->line,
                                player->line_bytes);
    }
    if (!qta_program_write(player->line, length))
        stop(player);
}

static void on_tick(void *user, const struct qta_tick *tick, const struct qta_dictionary *names)
{
    struct player *player = user;
    if (player->needs_digest)
        qta_digest_add(&player->digest, tick, names);
    if (player->format != QTA_PRINT_NONE)
        print_tick(player, tick, names);
}

static void on_problem(void *user, const char *problem)
{
    struct player *player = user;
    player->problems++;
    qta_program_error("%s", problem);
}

/* ---- opening ----------------------------------------------------------------------------------
 */

/* Dates and times of day need the session's time zone. */
static enum qta_status resolve_times(const struct settings *settings, const char *path,
                                     struct qta_session_filter *filter, struct qta_error *err)
{
    if (settings->from.kind == QTA_SESSION_TIME_NONE && settings->to.kind == QTA_SESSION_TIME_NONE)
        return QTA_OK;
    struct qta_session_start start;
    enum qta_status status = qta_session_start_read(path, &start, err);
    if (status != QTA_OK)
        return status;
    filter->from_ns = qta_session_time_resolve(&settings->from, &start, filter->from_ns);
    filter->until_ns = qta_session_time_resolve(&settings->to, &start, filter->until_ns);
    return QTA_OK;
}

static enum qta_status open_replay(struct player *player,
                                   const struct qta_option_operands *sessions,
                                   struct qta_error *err)
{
    const struct settings *settings = &player->settings;
    struct qta_replay_options replay_options = qta_replay_options_default();
    replay_options.speed_milli = settings->speed_milli;
    replay_options.start_offset_ns = settings->start_offset_ns;
    replay_options.duration_ns = settings->duration_ns;
    replay_options.gap_max_ns = settings->gap_max_ns;
    replay_options.loop_count = (uint32_t)settings->loop_count;
    replay_options.is_following = settings->is_following;
    struct qta_session_filter *filter = &replay_options.filter;
    filter->types = settings->types;
    if (settings->symbols.count > 0) {
        filter->symbols = settings->symbols.items;
        filter->symbol_count = settings->symbols.count;
    }
    if (settings->providers.count > 0) {
        filter->providers = settings->providers.items;
        filter->provider_count = settings->providers.count;
    }
    enum qta_status status = resolve_times(settings, sessions->items[0], filter, err);
    if (status != QTA_OK)
        return status;
    return qta_replay_create(&player->replay, sessions->items, sessions->count, &replay_options,
                             err);
}

static enum qta_status open_server(struct player *player, struct qta_error *err)
{
    const struct settings *settings = &player->settings;
    struct qta_server_options server_options = qta_server_options_default();
    server_options.host = settings->serve.host;
    server_options.port = settings->serve.port;
    server_options.api_key = settings->serve_key;
    server_options.api_secret = settings->serve_secret;
    server_options.tls_certificate_file = settings->tls_certificate;
    server_options.tls_key_file = settings->tls_key;
    return qta_server_create(&player->server, player->replay, &server_options, err);
}

static void announce_server(const struct player *player)
{
    const struct settings *settings = &player->settings;
    bool is_ipv6 = strchr(settings->serve.host, ':') != NULL;
    qta_program_error("serving %s://%s%s%s:%u", settings->tls_certificate ? "wss" : "ws",
                      is_ipv6 ? "[" : "", settings->serve.host, is_ipv6 ? "]" : "",
                      qta_server_port(player->server));
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void print_summary(const struct player *player)
{
    struct qta_replay_progress progress;
    qta_replay_progress(player->replay, &progress);
    char ticks[QTA_NUMBER_TEXT_BYTES];
    char market_ticks[QTA_NUMBER_TEXT_BYTES];
    char rate[QTA_NUMBER_TEXT_BYTES];
    char passed[QTA_TIMESTAMP_TEXT_BYTES];
    char late[QTA_TIMESTAMP_TEXT_BYTES] = "";
    qta_duration_print(monotonic_ns() - player->start_ns, passed);
    if (player->settings.speed_milli != QTA_SPEED_MAX)
        qta_duration_print(progress.late_ns_max, late);
    qta_number_print((uint64_t)ticks_per_second(player, progress.ticks), rate);
    qta_program_error("%s ticks (%s of the market) in %s, %s/s%s%s",
                      qta_number_print(progress.ticks, ticks),
                      qta_number_print(progress.market_ticks, market_ticks), passed, rate,
                      *late ? ", at most late by " : "", late);
    if (player->problems > 0)
        qta_program_error("damaged blocks that had to be skipped: %" PRIu64, player->problems);
}

static enum qta_exit check_digest(const struct player *player, enum qta_exit status)
{
    uint64_t expected = player->settings.expected_digest.value;
    if (!player->settings.expected_digest.is_given || player->digest.full == expected ||
        player->digest.market == expected)
        return status;
    qta_program_error("the digest is not %016" PRIx64 ": full %016" PRIx64 ", market %016" PRIx64,
                      expected, player->digest.full, player->digest.market);
    return QTA_EXIT_FAILED;
}

static void print_digest(const struct player *player)
{
    char text[64];
    int length = snprintf(text, sizeof text, "full %016" PRIx64 "\nmarket %016" PRIx64 "\n",
                          player->digest.full, player->digest.market);
    qta_program_write(text, (size_t)length);
}

static enum qta_exit play(struct player *player)
{
    struct qta_error err = {0};
    if (player->settings.is_paused)
        toggle_pause(player);
    set_signals(player);
    if (player->server)
        announce_server(player); /* who reads it may stop us at once */
    player->start_ns = monotonic_ns();
    start_console(player);
    if (player->format == QTA_PRINT_CSV)
        qta_program_write(qta_print_csv_header(), strlen(qta_print_csv_header()));
    enum qta_status status = player->server
                                 ? qta_server_run(player->server, on_problem, player, &err)
                                 : qta_replay_run(player->replay, on_tick, on_problem, player,
                                                  &err);
    qta_console_stop(player->console);
    ignore_signals();
    qta_progress_clear();
    enum qta_exit result = qta_program_exit(status);
    if (player->is_memory_short) {
        qta_program_error("out of memory for a line of output");
        result = QTA_EXIT_FAILED;
    } else if (status != QTA_OK && status != QTA_ERR_DAMAGED) { /* damage was told as it came up */
        qta_program_error("%s", err.message);
    }
    if (!player->settings.is_quiet)
        print_summary(player);
    if (player->settings.has_digest)
        print_digest(player);
    return check_digest(player, result);
}

/* Moves a secret out of the list of processes. False when memory is short. */
static bool take_secret(const char **secret)
{
    if (!*secret)
        return true;
    char *argument = (char *)(uintptr_t)*secret;
    *secret = strdup(argument);
    explicit_bzero(argument, strlen(argument));
    return *secret;
}

static enum qta_status prepare(struct player *player, struct qta_error *err)
{
    struct settings *settings = &player->settings;
    if (settings->speed_milli == SPEED_AUTOMATIC)
        settings->speed_milli = settings->is_following ? QTA_SPEED_MAX : QTA_SPEED_REAL;
    player->needs_digest = settings->has_digest || settings->expected_digest.is_given;
    bool is_talkative = !player->needs_digest && settings->serve.host[0] == '\0';
    if (settings->format == FORMAT_AUTOMATIC)
        settings->format = is_talkative ? QTA_PRINT_NDJSON : QTA_PRINT_NONE;
    player->format = (enum qta_print_format)settings->format;
    qta_digest_init(&player->digest);
    bool has_key = take_secret(&settings->serve_key);
    bool has_secret = take_secret(&settings->serve_secret);
    if (!has_key || !has_secret || !grow_line(player, LINE_BYTES))
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory");
    return QTA_OK;
}

static void clean_up(struct player *player)
{
    struct settings *settings = &player->settings;
    qta_server_destroy(player->server);
    qta_replay_destroy(player->replay);
    qta_option_list_finish(&settings->symbols);
    qta_option_list_finish(&settings->providers);
    free((char *)(uintptr_t)settings->serve_key);
    free((char *)(uintptr_t)settings->serve_secret);
    free(player->line);
}

int main(int argc, char **argv)
{
    static struct player player = {.settings = {.speed_milli = SPEED_AUTOMATIC,
                                                .types = QTA_TYPES_ALL,
                                                .loop_count = 1,
                                                .format = FORMAT_AUTOMATIC}};
    struct qta_option_operands sessions;
    int exit_code;
    qta_program_start("qta-replay");
    if (!qta_option_table_parse(&table, argc, argv, &player.settings, &sessions, &exit_code))
        return exit_code;
    exit_code = check_settings(&player.settings);
    if (exit_code != 0)
        return exit_code;
    static char stdout_buffer[STDOUT_BUFFER_BYTES];
    setvbuf(stdout, stdout_buffer, _IOFBF, sizeof stdout_buffer);

    struct qta_error err = {0};
    enum qta_status status = prepare(&player, &err);
    if (status == QTA_OK)
        status = open_replay(&player, &sessions, &err);
    if (status == QTA_OK && player.settings.serve.host[0] != '\0')
        status = open_server(&player, &err);
    enum qta_exit result = status == QTA_OK ? play(&player) : qta_program_fail(&err);
    clean_up(&player);
    return (int)qta_program_finish(result);
}
