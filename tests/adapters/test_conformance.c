/* Every adapter of the library passes the conformance suite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "adapters/alpaca.h"
#include "adapters/synthetic.h"
#include "tests/adapters/conformance.h"

static const struct qta_subscription subscriptions[] = {
    {.type = QTA_TICK_TRADE, .symbol = "AAPL"},
    {.type = QTA_TICK_QUOTE, .symbol = "*"},
};

static const struct qta_adapter_options options = {
    .provider = "venue",
    .websocket_url = "wss://venue.test/stream",
    .api_key = "a key",
    .api_secret = "a secret",
    .subscriptions = subscriptions,
    .subscription_count = 2,
};

static void alpaca_conforms(void **state)
{
    (void)state;
    static const char *const greeting[] = {
        "[{\"T\":\"success\",\"msg\":\"connected\"}]",
        "[{\"T\":\"success\",\"msg\":\"authenticated\"}]",
        NULL,
    };
    static const char *const frames[] = {
        "[{\"T\":\"t\",\"S\":\"AAPL\",\"i\":5,\"x\":\"V\",\"p\":190.5,\"s\":100,\"c\":[\"@\"],"
        "\"z\":\"C\",\"t\":\"2024-05-01T13:30:00.5Z\"}]",
        "[{\"T\":\"o\",\"S\":\"BTC/USD\",\"t\":\"2024-05-01T13:30:00Z\",\"b\":[{\"p\":1,\"s\":2}],"
        "\"a\":[],\"r\":true},{\"T\":\"q\",\"S\":\"AAPL\",\"bp\":1,\"bs\":1,\"ap\":2,\"as\":1,"
        "\"t\":\"2024-05-01T13:30:00Z\"}]",
        NULL,
    };
    conformance_check(&(struct conformance_subject){.ops = &qta_alpaca_adapter_ops,
                                                    .options = &options,
                                                    .greeting = greeting,
                                                    .frames = frames});
}

static void synthetic_conforms(void **state)
{
    (void)state;
    static const char *const none[] = {NULL};
    conformance_check(&(struct conformance_subject){
        .ops = &qta_synthetic_adapter_ops, .options = &options, .greeting = none, .frames = none});
}

static size_t build_message(struct qta_adapter *adapter, enum qta_tick_type type,
                            const char *const *symbols, size_t symbol_count, bool is_added,
                            char *text, size_t capacity)
{
    (void)adapter;
    (void)type;
    (void)symbols;
    (void)symbol_count;
    (void)is_added;
    if (capacity > 2)
        memcpy(text, "{}", 2);
    return 2;
}

/* What a user's smallest adapter gets from the library. */
static void a_name_and_a_message_conform(void **state)
{
    (void)state;
    static const struct qta_adapter_ops ops = {
        .struct_bytes = sizeof(struct qta_adapter_ops),
        .name = "smallest",
        .transport = QTA_TRANSPORT_WEBSOCKET,
        .build_subscribe_message = build_message,
    };
    static const char *const none[] = {NULL};
    static const char *const frames[] = {
        "{\"type\":\"trade\",\"symbol\":\"AAPL\",\"price\":190.50,\"size\":100}",
        "[{\"type\":\"quote\",\"symbol\":\"AAPL\",\"bid_price\":1,\"ask_price\":2}]",
        NULL,
    };
    conformance_check(&(struct conformance_subject){
        .ops = &ops, .options = &options, .greeting = none, .frames = frames});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpaca_conforms),
        cmocka_unit_test(synthetic_conforms),
        cmocka_unit_test(a_name_and_a_message_conform),
    };
    return cmocka_run_group_tests_name("conformance", tests, NULL, NULL);
}
