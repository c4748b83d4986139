/* The replay engine as an adapter: settings in, ticks out when the host calls and they are due. */
#include "replay/replay_adapter.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <qta/replay.h>
#include <qta/timestamp.h>

#include "replay/id_translator.h"
#include "replay/replay_engine.h"

struct replay_adapter {
    struct qta_adapter base;
    struct qta_replay_engine *engine;
    bool is_over;
};

static const struct qta_setting_spec settings[] = {
    {.name = "session",
     .type = QTA_SETTING_STRINGS,
     .help = "directory of the session to replay; several are merged by receive time"},
    {.name = "speed",
     .type = QTA_SETTING_SPEED,
     .default_value = "1x",
     .help = "how fast: 0.01x to 1000x, or max"},
    {.name = "from", .type = QTA_SETTING_TIME, .help = "first receive time to replay"},
    {.name = "to", .type = QTA_SETTING_TIME, .help = "receive time to end before"},
    {.name = "start_offset",
     .type = QTA_SETTING_DURATION,
     .default_value = "0",
     .help = "skip this much of the session's time"},
    {.name = "duration",
     .type = QTA_SETTING_DURATION,
     .default_value = "0",
     .help = "replay this much of the session's time; 0 for all of it"},
    {.name = "gap_max",
     .type = QTA_SETTING_DURATION,
     .default_value = "0",
     .help = "shorten longer pauses to this much of the session's time; 0 leaves them"},
    {.name = "loop",
     .type = QTA_SETTING_INTEGER,
     .default_value = "1",
     .minimum = 0,
     .maximum = UINT32_MAX,
     .help = "how often to replay it; 0 for ever"},
    {.name = "symbols",
     .type = QTA_SETTING_STRINGS,
     .help = "replay these symbols only, and what belongs to no symbol"},
    {.name = "types", .type = QTA_SETTING_STRINGS, .help = "replay these types of ticks only"},
    {.name = "providers",
     .type = QTA_SETTING_STRINGS,
     .help = "replay only what these providers were the source of"},
};

/* ---- settings ---------------------------------------------------------------------------------
 */

/* The items of a comma-separated value, in one allocation: freed with free(). */
struct word_list {
    char **words;
    size_t count;
};

static bool split_words(struct word_list *list, const char *value)
{
    size_t count = 1;
    for (const char *c = value; *c; c++)
        count += *c == ',';
    size_t bytes = count * sizeof(char *);
    size_t value_bytes = strlen(value) + 1;
    char **words = malloc(bytes + value_bytes);
    if (!words)
        return false;
    char *rest = memcpy((char *)words + bytes, value, value_bytes);
    list->words = words;
    list->count = 0;
    for (char *word; (word = strsep(&rest, ",")) != NULL;) {
        if (*word)
            words[list->count++] = word;
    }
    return true;
}

/* What the settings say. The lists are owned, options points into them. */
struct wanted {
    struct qta_replay_options options;
    struct word_list sessions;
    struct word_list symbols;
    struct word_list providers;
    struct word_list types;
};

static void free_wanted(struct wanted *wanted)
{
    free(wanted->sessions.words);
    free(wanted->symbols.words);
    free(wanted->providers.words);
    free(wanted->types.words);
}

static enum qta_status read_types(struct wanted *wanted, struct qta_error *err)
{
    uint32_t types = 0;
    for (size_t i = 0; i < wanted->types.count; i++) {
        const char *word = wanted->types.words[i];
        enum qta_tick_type type = qta_tick_type_parse(word, strlen(word));
        if (type == QTA_TICK_NONE)
            return qta_error_set(err, QTA_ERR_CONFIG,
                                 "'%s' is no type of tick; have trade, quote, bar, book, conn, ...",
                                 word);
        types |= QTA_TYPE_BIT(type);
    }
    if (types != 0)
        wanted->options.filter.types = types;
    return QTA_OK;
}

static bool read_count(const char *value, uint32_t *count)
{
    char *end;
    unsigned long long number = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || number > UINT32_MAX)
        return false;
    *count = (uint32_t)number;
    return true;
}

/* One setting into *wanted. False when its value is not what its type asks for. */
static bool read_setting(struct wanted *wanted, const char *name, const char *value,
                         bool *is_memory_short)
{
    struct qta_replay_options *options = &wanted->options;
    static const struct {
        const char *name;
        size_t offset;
    } lists[] = {
        {"session", offsetof(struct wanted, sessions)},
        {"symbols", offsetof(struct wanted, symbols)},
        {"providers", offsetof(struct wanted, providers)},
        {"types", offsetof(struct wanted, types)},
    };
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        if (strcmp(name, lists[i].name) != 0)
            continue;
        struct word_list *list = (struct word_list *)((char *)wanted + lists[i].offset);
        free(list->words);
        *list = (struct word_list){0};
        *is_memory_short = !split_words(list, value);
        return true;
    }
    size_t length = strlen(value);
    if (strcmp(name, "speed") == 0)
        return qta_speed_parse(value, length, &options->speed_milli) == QTA_OK;
    if (strcmp(name, "from") == 0)
        return qta_timestamp_parse(value, length, &options->filter.from_ns) == QTA_OK;
    if (strcmp(name, "to") == 0)
        return qta_timestamp_parse(value, length, &options->filter.until_ns) == QTA_OK;
    if (strcmp(name, "start_offset") == 0)
        return qta_duration_parse(value, length, &options->start_offset_ns) == QTA_OK;
    if (strcmp(name, "duration") == 0)
        return qta_duration_parse(value, length, &options->duration_ns) == QTA_OK;
    if (strcmp(name, "gap_max") == 0)
        return qta_duration_parse(value, length, &options->gap_max_ns) == QTA_OK;
    if (strcmp(name, "loop") == 0)
        return read_count(value, &options->loop_count);
    return false;
}

static enum qta_status read_settings(struct wanted *wanted, const struct qta_adapter_options *given,
                                     struct qta_error *err)
{
    wanted->options = qta_replay_options_default();
    for (size_t i = 0; i < given->setting_count; i++) {
        const struct qta_setting *setting = &given->settings[i];
        bool is_memory_short = false;
        if (!read_setting(wanted, setting->name, setting->value, &is_memory_short))
            return qta_error_set(err, QTA_ERR_CONFIG, "replay cannot use '%s' for '%s'",
                                 setting->value, setting->name);
        if (is_memory_short)
            return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for the settings of a replay");
    }
    if (wanted->sessions.count == 0)
        return qta_error_set(err, QTA_ERR_CONFIG,
                             "no session to replay: set 'session' to the directory of one");
    struct qta_session_filter *filter = &wanted->options.filter;
    if (wanted->symbols.count > 0) {
        filter->symbols = (const char *const *)wanted->symbols.words;
        filter->symbol_count = wanted->symbols.count;
    }
    if (wanted->providers.count > 0) {
        filter->providers = (const char *const *)wanted->providers.words;
        filter->provider_count = wanted->providers.count;
    }
    return read_types(wanted, err);
}

/* ---- the adapter ------------------------------------------------------------------------------
 */

static uint32_t intern_at_host(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    struct qta_adapter_host *host = user;
    return host->ops->intern(host, kind, name, length);
}

static void replay_destroy(struct qta_adapter *base)
{
    struct replay_adapter *adapter = (struct replay_adapter *)base;
    if (!adapter)
        return;
    qta_replay_engine_destroy(adapter->engine);
    free(adapter);
}

static enum qta_status replay_create(struct qta_adapter **out,
                                     const struct qta_adapter_options *options,
                                     struct qta_adapter_host *host, struct qta_error *err)
{
    struct qta_error cause = {0};
    struct wanted wanted = {0};
    struct replay_adapter *adapter = calloc(1, sizeof *adapter);
    enum qta_status status = QTA_ERR_NOMEM;
    if (!adapter) {
        qta_error_set(&cause, status, "out of memory for a replay");
        goto fail;
    }
    adapter->base.ops = &qta_replay_adapter_ops;
    adapter->base.host = host;
    status = read_settings(&wanted, options, &cause);
    if (status != QTA_OK)
        goto fail;
    struct qta_name_sink sink = {.intern = intern_at_host, .user = host};
    status = qta_replay_engine_create(&adapter->engine, (const char *const *)wanted.sessions.words,
                                      wanted.sessions.count, &wanted.options, &sink, &cause);
    if (status != QTA_OK)
        goto fail;
    free_wanted(&wanted);
    *out = &adapter->base;
    return QTA_OK;
fail:
    free_wanted(&wanted);
    replay_destroy(&adapter->base);
    /* whatever it is, the person has to look at the configuration */
    status = status == QTA_ERR_NOMEM ? status : QTA_ERR_CONFIG;
    return qta_error_set(err, status, "%s", cause.message);
}

/* All that was recorded comes, whatever is subscribed to: who listens chooses. */
static void replay_subscribe(struct qta_adapter *adapter,
                             const struct qta_subscription *subscriptions, size_t count,
                             bool is_added, int64_t now_ns)
{
    (void)now_ns;
    for (size_t i = 0; is_added && i < count; i++)
        adapter->host->ops->subscribed(adapter->host, &subscriptions[i], true, 0, NULL);
}

static void end(struct replay_adapter *adapter, enum qta_status status, const struct qta_error *err)
{
    struct qta_adapter_host *host = adapter->base.host;
    adapter->is_over = true;
    if (status == QTA_ERR_END)
        host->ops->finished(host);
    else
        host->ops->fail(host, QTA_REACTION_BLOCK, QTA_CAUSE_PROVIDER, 0, 0, err->message);
}

static void emit(struct qta_adapter_host *host, const struct qta_tick *ticks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct qta_tick tick = ticks[i]; /* the host's to change */
        host->ops->emit(host, &tick);
    }
}

static int64_t replay_service(struct qta_adapter *base, int64_t now_ns, size_t budget)
{
    struct replay_adapter *adapter = (struct replay_adapter *)base;
    while (budget > 0 && !adapter->is_over) {
        struct qta_error err;
        enum qta_status status = qta_replay_engine_read(adapter->engine, &err);
        if (status == QTA_ERR_DAMAGED) {
            base->host->ops->log(base->host, QTA_LOG_WARNING, err.message);
            budget--;
        } else if (status != QTA_OK) {
            end(adapter, status, &err);
        } else {
            const struct qta_tick *ticks;
            int64_t due_ns;
            size_t count = qta_replay_engine_take(adapter->engine, now_ns, budget, &ticks, &due_ns);
            if (count == 0)
                return due_ns;
            emit(base->host, ticks, count);
            budget -= count;
        }
    }
    return adapter->is_over ? INT64_MAX : now_ns;
}

const struct qta_adapter_ops qta_replay_adapter_ops = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "replay",
    .transport = QTA_TRANSPORT_NONE,
    .traits = QTA_TRAIT_STAMPS_TIME | QTA_TRAIT_STAMPS_ALL,
    .settings = settings,
    .setting_count = sizeof settings / sizeof settings[0],
    .help = "plays recorded sessions back",
    .create = replay_create,
    .destroy = replay_destroy,
    .subscribe = replay_subscribe,
    .service = replay_service,
};
