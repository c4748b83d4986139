#include "tests/config/fake_adapters.h"

#include <string.h>

static enum qta_status describe_venue(struct qta_adapter *adapter,
                                      struct qta_connect_request *request, struct qta_error *err)
{
    (void)adapter;
    (void)err;
    request->url = "wss://venue.example/ws";
    return QTA_OK;
}

static const struct qta_setting_spec replay_settings[] = {
    {.name = "session", .type = QTA_SETTING_STRINGS, .help = "what to play"},
    {.name = "speed", .type = QTA_SETTING_SPEED, .default_value = "1x", .help = "how fast"},
    {.name = "from", .type = QTA_SETTING_TIME, .help = "where to start"},
    {.name = "duration", .type = QTA_SETTING_DURATION, .help = "how much"},
    {.name = "loop",
     .type = QTA_SETTING_INTEGER,
     .default_value = "1",
     .minimum = 0,
     .maximum = 1000,
     .help = "how often"},
    {.name = "ratio", .type = QTA_SETTING_NUMBER, .minimum = 0.5, .maximum = 2, .help = "a number"},
    {.name = "paused", .type = QTA_SETTING_BOOLEAN, .default_value = "false", .help = "wait first"},
    {.name = "note", .type = QTA_SETTING_STRING, .help = "free text"},
    {.name = "symbols", .type = QTA_SETTING_STRINGS, .help = "only these"},
    {.name = "providers", .type = QTA_SETTING_STRINGS, .help = "only of these"},
};

static const struct qta_setting_spec synthetic_settings[] = {
    {.name = "seed", .type = QTA_SETTING_INTEGER, .default_value = "1", .help = "of chance"},
    {.name = "rate", .type = QTA_SETTING_NUMBER, .default_value = "1000", .help = "ticks a second"},
};

static const struct qta_adapter_ops ops[] = {
    {.struct_bytes = sizeof(struct qta_adapter_ops),
     .name = "alpaca",
     .transport = QTA_TRANSPORT_WEBSOCKET,
     .traits = QTA_TRAIT_NEEDS_URL,
     .describe_connection = describe_venue,
     .types = QTA_TYPE_BIT(QTA_TICK_TRADE) | QTA_TYPE_BIT(QTA_TICK_QUOTE) |
              QTA_TYPE_BIT(QTA_TICK_BAR),
     .needs_key = true,
     .own_auth_methods = QTA_AUTH_BIT(QTA_AUTH_API_KEY) | QTA_AUTH_BIT(QTA_AUTH_HEADERS)},
    {.struct_bytes = sizeof(struct qta_adapter_ops),
     .name = "replay",
     .transport = QTA_TRANSPORT_NONE,
     .traits = QTA_TRAIT_STAMPS_TIME | QTA_TRAIT_STAMPS_ALL,
     .settings = replay_settings,
     .setting_count = sizeof replay_settings / sizeof replay_settings[0]},
    {.struct_bytes = sizeof(struct qta_adapter_ops),
     .name = "synthetic",
     .transport = QTA_TRANSPORT_NONE,
     .settings = synthetic_settings,
     .setting_count = sizeof synthetic_settings / sizeof synthetic_settings[0]},
    {.struct_bytes = sizeof(struct qta_adapter_ops),
     .name = "venue",
     .transport = QTA_TRANSPORT_WEBSOCKET,
     .describe_connection = describe_venue},
    {.struct_bytes = sizeof(struct qta_adapter_ops),
     .name = "wire",
     .transport = QTA_TRANSPORT_TCP,
     .needs_key = true},
};
enum { OPS_COUNT = sizeof ops / sizeof ops[0] };

static const struct qta_adapter_ops *find(const char *name)
{
    for (size_t i = 0; i < OPS_COUNT; i++) {
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    }
    return NULL;
}

static size_t list(const struct qta_adapter_ops **out, size_t capacity)
{
    for (size_t i = 0; i < OPS_COUNT && i < capacity; i++)
        out[i] = &ops[i];
    return OPS_COUNT;
}

const struct qta_config_adapters fake_adapters = {.find = find, .list = list};
