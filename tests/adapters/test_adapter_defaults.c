/* What the library does for members of an adapter's table that are NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "adapters/adapter_defaults.h"
#include "tests/adapters/fake_host.h"

static size_t build_message(struct qta_adapter *adapter, enum qta_tick_type type,
                            const char *const *symbols, size_t symbol_count, bool is_added,
                            char *text, size_t capacity)
{
    assert_non_null(adapter->host);
    size_t length = (size_t)snprintf(text, capacity, "%c%s", is_added ? '+' : '-',
                                     qta_tick_type_name(type));
    for (size_t i = 0; i < symbol_count; i++) {
        length += (size_t)snprintf(length < capacity ? text + length : NULL,
                                   length < capacity ? capacity - length : 0, " %s", symbols[i]);
    }
    return length;
}

static size_t build_silence(struct qta_adapter *adapter, enum qta_tick_type type,
                            const char *const *symbols, size_t symbol_count, bool is_added,
                            char *text, size_t capacity)
{
    (void)adapter;
    (void)type;
    (void)symbols;
    (void)symbol_count;
    (void)is_added;
    (void)text;
    (void)capacity;
    return 0;
}

static size_t build_without_end(struct qta_adapter *adapter, enum qta_tick_type type,
                                const char *const *symbols, size_t symbol_count, bool is_added,
                                char *text, size_t capacity)
{
    build_silence(adapter, type, symbols, symbol_count, is_added, text, capacity);
    return SIZE_MAX;
}

static const struct qta_adapter_ops smallest = {
    .struct_bytes = sizeof(struct qta_adapter_ops),
    .name = "smallest",
    .transport = QTA_TRANSPORT_WEBSOCKET,
    .build_subscribe_message = build_message,
};

static const struct qta_adapter_options no_options = {.provider = "test"};

static struct qta_adapter *make(const struct qta_adapter_ops *ops, struct fake_host *host)
{
    struct qta_adapter *adapter = NULL;
    struct qta_error err;
    assert_int_equal(qta_adapter_create_with(ops, &no_options, &host->base, &adapter, &err),
                     QTA_OK);
    assert_ptr_equal(adapter->ops, ops);
    assert_ptr_equal(adapter->host, &host->base);
    return adapter;
}

static void nothing_to_destroy_is_fine(void **state)
{
    (void)state;
    qta_adapter_destroy(NULL);
}

static void it_connects_to_the_configured_url(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    struct qta_connect_request request;
    struct qta_error err;
    assert_int_equal(qta_adapter_describe_connection(adapter, "ws://127.0.0.1:1/x", &request, &err),
                     QTA_OK);
    assert_string_equal(request.url, "ws://127.0.0.1:1/x");
    assert_int_equal(request.header_count, 0);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void without_an_url_it_says_which_setting_is_missing(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    struct qta_connect_request request;
    struct qta_error err;
    assert_int_equal(qta_adapter_describe_connection(adapter, NULL, &request, &err),
                     QTA_ERR_CONFIG);
    assert_non_null(strstr(err.message, "websocket_url"));
    assert_int_equal(qta_adapter_describe_connection(adapter, "", &request, &err), QTA_ERR_CONFIG);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void an_open_connection_is_ready_at_once(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    qta_adapter_on_open(adapter, 5);
    assert_int_equal(host.ready_count, 1);
    qta_adapter_on_close(adapter);
    assert_true(qta_adapter_service(adapter, 5, 100) == INT64_MAX);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void a_subscription_is_one_message_a_type_and_then_accepted(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    const struct qta_subscription wanted[] = {
        {QTA_TICK_QUOTE, 0, "AAPL"},
        {QTA_TICK_TRADE, 0, "AAPL"},
        {QTA_TICK_QUOTE, 0, "MSFT"},
        {QTA_TICK_BAR, QTA_BAR_MINUTE, "*"},
    };
    qta_adapter_subscribe(adapter, wanted, 4, true, 0);
    assert_int_equal(host.sent_count, 3);
    assert_string_equal(host.sent[0], "+quote AAPL MSFT");
    assert_string_equal(host.sent[1], "+trade AAPL");
    assert_string_equal(host.sent[2], "+bar *");
    assert_false(host.sent_is_binary[0]);
    assert_int_equal(host.answer_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_true(host.answers[i].is_accepted);
        assert_string_equal(host.answers[i].symbol, wanted[i].symbol);
        assert_int_equal(host.answers[i].type, wanted[i].type);
    }

    fake_host_clear(&host);
    qta_adapter_subscribe(adapter, wanted, 1, false, 0);
    assert_int_equal(host.sent_count, 1);
    assert_string_equal(host.sent[0], "-quote AAPL");
    assert_int_equal(host.answer_count, 0);

    fake_host_clear(&host);
    qta_adapter_subscribe(adapter, wanted, 0, true, 0);
    assert_int_equal(host.sent_count, 0);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void a_long_subscribe_message_is_built_again_with_enough_room(void **state)
{
    (void)state;
    enum { MANY = 1000 };
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    static struct qta_subscription wanted[MANY];
    for (size_t i = 0; i < MANY; i++)
        wanted[i] = (struct qta_subscription){QTA_TICK_TRADE, 0, "SYMBOL"};
    qta_adapter_subscribe(adapter, wanted, MANY, true, 0);
    assert_int_equal(host.sent_count, 1);
    assert_int_equal(host.sent_bytes[0], strlen("+trade") + MANY * strlen(" SYMBOL"));
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void a_builder_that_writes_nothing_sends_nothing(void **state)
{
    (void)state;
    struct qta_adapter_ops silent = smallest;
    silent.build_subscribe_message = build_silence;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&silent, &host);
    const struct qta_subscription wanted = {QTA_TICK_TRADE, 0, "AAPL"};
    qta_adapter_subscribe(adapter, &wanted, 1, true, 0);
    assert_int_equal(host.sent_count, 0);
    assert_int_equal(host.answer_count, 1);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void a_builder_without_measure_fails_the_connection(void **state)
{
    (void)state;
    struct qta_adapter_ops endless = smallest;
    endless.build_subscribe_message = build_without_end;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&endless, &host);
    const struct qta_subscription wanted = {QTA_TICK_TRADE, 0, "AAPL"};
    qta_adapter_subscribe(adapter, &wanted, 1, true, 0);
    assert_int_equal(host.sent_count, 0);
    assert_int_equal(host.answer_count, 0);
    assert_int_equal(host.fail_count, 1);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static const char one_trade[] = "{\"symbol\":\"AAPL\",\"price\":190.50,\"size\":100}";

static void messages_are_normalized_json(void **state)
{
    (void)state;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&smallest, &host);
    struct qta_frame frame = {.bytes = (const uint8_t *)one_trade, .length = strlen(one_trade)};
    assert_int_equal(qta_adapter_on_data(adapter, &frame), frame.length);
    assert_int_equal(host.tick_count, 1);
    assert_int_equal(host.ticks[0].type, QTA_TICK_TRADE);
    assert_int_equal(host.fault_count, 0);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void over_tcp_a_message_is_a_line_and_half_a_line_waits(void **state)
{
    (void)state;
    struct qta_adapter_ops tcp = smallest;
    tcp.transport = QTA_TRANSPORT_TCP;
    struct fake_host host;
    fake_host_init(&host);
    struct qta_adapter *adapter = make(&tcp, &host);
    char stream[512];
    int whole = snprintf(stream, sizeof stream, "%s\n\n%s\r\n", one_trade, one_trade);
    int length = whole +
                 snprintf(stream + whole, sizeof stream - (size_t)whole, "%.10s", one_trade);
    struct qta_frame frame = {.bytes = (const uint8_t *)stream, .length = (size_t)length};
    assert_int_equal(qta_adapter_on_data(adapter, &frame), whole);
    assert_int_equal(host.tick_count, 2);
    assert_int_equal(host.fault_count, 0);
    frame.bytes += whole;
    frame.length = 10;
    assert_int_equal(qta_adapter_on_data(adapter, &frame), 0);
    assert_int_equal(host.tick_count, 2);
    qta_adapter_destroy(adapter);
    fake_host_finish(&host);
}

static void no_types_means_all_types(void **state)
{
    (void)state;
    struct qta_adapter_ops ops = smallest;
    assert_true(qta_adapter_offers(&ops, QTA_TICK_LULD));
    ops.types = QTA_TYPE_BIT(QTA_TICK_TRADE);
    assert_true(qta_adapter_offers(&ops, QTA_TICK_TRADE));
    assert_false(qta_adapter_offers(&ops, QTA_TICK_LULD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_to_destroy_is_fine),
        cmocka_unit_test(it_connects_to_the_configured_url),
        cmocka_unit_test(without_an_url_it_says_which_setting_is_missing),
        cmocka_unit_test(an_open_connection_is_ready_at_once),
        cmocka_unit_test(a_subscription_is_one_message_a_type_and_then_accepted),
        cmocka_unit_test(a_long_subscribe_message_is_built_again_with_enough_room),
        cmocka_unit_test(a_builder_that_writes_nothing_sends_nothing),
        cmocka_unit_test(a_builder_without_measure_fails_the_connection),
        cmocka_unit_test(messages_are_normalized_json),
        cmocka_unit_test(over_tcp_a_message_is_a_line_and_half_a_line_waits),
        cmocka_unit_test(no_types_means_all_types),
    };
    return cmocka_run_group_tests_name("adapter_defaults", tests, NULL, NULL);
}
