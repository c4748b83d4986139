#include "tests/adapters/conformance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "adapters/adapter_defaults.h"
#include "tests/adapters/fake_host.h"

#define SECOND_NS INT64_C(1000000000)

static struct qta_adapter *create(const struct conformance_subject *subject, struct fake_host *host)
{
    struct qta_adapter *adapter = NULL;
    struct qta_error err = {0};
    fake_host_init(host);
    host->keeps_ticks = false;
    assert_int_equal(
        qta_adapter_create_with(subject->ops, subject->options, &host->base, &adapter, &err),
        QTA_OK);
    assert_ptr_equal(adapter->ops, subject->ops);
    assert_ptr_equal(adapter->host, &host->base);
    return adapter;
}

static void destroy(struct qta_adapter *adapter, struct fake_host *host)
{
    qta_adapter_destroy(adapter);
    fake_host_finish(host);
}

/* Exactly as long as they are, so that ASan sees a read too far. */
static void hear(struct qta_adapter *adapter, const void *bytes, size_t length, bool is_binary)
{
    uint8_t *copy = malloc(length + (length == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, length);
    const struct qta_frame frame = {
        .bytes = copy, .length = length, .is_binary = is_binary, .ts_recv_ns = SECOND_NS};
    size_t consumed = qta_adapter_on_data(adapter, &frame);
    if (adapter->ops->transport == QTA_TRANSPORT_TCP)
        assert_true(consumed <= length);
    free(copy);
}

static void hear_text(struct qta_adapter *adapter, const char *text)
{
    hear(adapter, text, strlen(text), false);
}

static void greet(const struct conformance_subject *subject, struct qta_adapter *adapter)
{
    qta_adapter_on_open(adapter, 0);
    for (const char *const *message = subject->greeting; *message; message++)
        hear_text(adapter, *message);
}

static void subscribe(const struct conformance_subject *subject, struct qta_adapter *adapter,
                      bool is_added)
{
    const struct qta_adapter_options *options = subject->options;
    if (options->subscription_count > 0)
        qta_adapter_subscribe(adapter, options->subscriptions, options->subscription_count,
                              is_added, 0);
}

/* It asks where to go, becomes ready once a connection, and makes the same ticks every time. */
static void check_connections(const struct conformance_subject *subject)
{
    struct fake_host host;
    struct qta_adapter *adapter = create(subject, &host);
    uint64_t digest = 0;
    for (int connection = 0; connection < 3; connection++) {
        struct qta_connect_request request;
        assert_int_equal(qta_adapter_describe_connection(adapter, subject->options->websocket_url,
                                                         &request, NULL),
                         QTA_OK);
        assert_non_null(request.url);
        assert_true(request.header_count <= QTA_CONNECT_HEADERS_MAX);
        fake_host_clear(&host);
        greet(subject, adapter);
        assert_int_equal(host.ready_count, 1);
        subscribe(subject, adapter, true);
        for (const char *const *frame = subject->frames; *frame; frame++)
            hear_text(adapter, *frame);
        assert_true(host.tick_count > 0);
        assert_int_equal(host.fault_count, 0);
        assert_int_equal(host.fail_count, 0);
        if (connection > 0)
            assert_true(host.digest.market == digest);
        digest = host.digest.market;
        qta_adapter_on_close(adapter);
    }
    destroy(adapter, &host);
}

/* Every frame, cut at every byte: no harm, and the next whole frame is understood. */
static void check_cuts(const struct conformance_subject *subject)
{
    struct fake_host host;
    struct qta_adapter *adapter = create(subject, &host);
    greet(subject, adapter);
    for (const char *const *frame = subject->frames; *frame; frame++)
        for (size_t length = 0; length < strlen(*frame); length++) {
            hear(adapter, *frame, length, false);
            hear(adapter, *frame, length, true);
        }
    size_t before = host.tick_count;
    hear_text(adapter, subject->frames[0]);
    assert_true(host.tick_count > before);
    destroy(adapter, &host);
}

/* Bytes from a small generator, and frames with bytes of them flipped. */
static void check_rubbish(const struct conformance_subject *subject)
{
    struct fake_host host;
    struct qta_adapter *adapter = create(subject, &host);
    uint64_t seed = 88172645463325252u;
    greet(subject, adapter);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[512];
        size_t length = 0;
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        if (round % 2 == 0) {
            length = seed % 64;
            for (size_t i = 0; i < length; i++)
                bytes[i] = (uint8_t)(seed >> (i % 56));
        } else {
            length = strlen(subject->frames[0]);
            length = length < sizeof bytes ? length : sizeof bytes;
            memcpy(bytes, subject->frames[0], length);
            bytes[seed % length] ^= (uint8_t)(seed >> 32);
            bytes[(seed >> 16) % length] = (uint8_t)(seed >> 40);
        }
        hear(adapter, bytes, length, round % 4 < 2);
    }
    destroy(adapter, &host);
}

static void check_nesting_and_size(const struct conformance_subject *subject)
{
    enum { BYTES = 1 << 20 };
    struct fake_host host;
    struct qta_adapter *adapter = create(subject, &host);
    char *bytes = malloc(BYTES);
    assert_non_null(bytes);
    greet(subject, adapter);
    static const unsigned char fillers[] = {'[', '{', '"', '9', 0x91, 0x81, 0xff, 0, ' '};
    for (size_t i = 0; i < sizeof fillers; i++) {
        memset(bytes, fillers[i], BYTES);
        hear(adapter, bytes, BYTES, false);
        hear(adapter, bytes, BYTES, true);
    }
    assert_int_equal(host.tick_count, 0);
    free(bytes);
    destroy(adapter, &host);
}

/* Any call at any time, as a connection that comes and goes may bring it. */
static void check_odd_times(const struct conformance_subject *subject)
{
    struct fake_host host;
    struct qta_adapter *adapter = create(subject, &host);
    qta_adapter_on_close(adapter);
    qta_adapter_service(adapter, 0, 0);
    qta_adapter_on_open(adapter, 0);
    qta_adapter_on_close(adapter);
    qta_adapter_on_close(adapter);
    greet(subject, adapter);
    subscribe(subject, adapter, true);
    subscribe(subject, adapter, false);
    subscribe(subject, adapter, true);
    for (int64_t now_ns = 0; now_ns < 3600 * SECOND_NS; now_ns += SECOND_NS) {
        int64_t next_ns = qta_adapter_service(adapter, now_ns, 16);
        assert_true(next_ns >= now_ns || next_ns == INT64_MAX);
    }
    qta_adapter_on_close(adapter);
    size_t sent = host.sent_count;
    qta_adapter_service(adapter, 7200 * SECOND_NS, 16);
    assert_int_equal(host.sent_count, sent); /* nothing is sent without a connection */
    destroy(adapter, &host);
    qta_adapter_destroy(NULL);
}

/* What it was given may go once create() has returned; keys never come out but to the venue. */
static void check_options_are_copied(const struct conformance_subject *subject)
{
    struct fake_host host;
    struct qta_adapter_options options = *subject->options;
    char *url = options.websocket_url ? strdup(options.websocket_url) : NULL;
    char *key = options.api_key ? strdup(options.api_key) : NULL;
    char *secret = options.api_secret ? strdup(options.api_secret) : NULL;
    options.websocket_url = url;
    options.api_key = key;
    options.api_secret = secret;
    const struct conformance_subject other = {
        .ops = subject->ops, .options = &options, .greeting = subject->greeting};
    struct qta_adapter *adapter = create(&other, &host);
    free(url);
    free(key);
    free(secret);
    greet(subject, adapter);
    assert_int_equal(host.ready_count, 1);
    if (subject->options->api_secret)
        assert_null(strstr(host.fault_detail, subject->options->api_secret));
    destroy(adapter, &host);
}

void conformance_check(const struct conformance_subject *subject)
{
    print_message("adapter '%s'\n", subject->ops->name);
    if (subject->ops->transport != QTA_TRANSPORT_NONE) {
        check_connections(subject);
        check_cuts(subject);
        check_rubbish(subject);
        check_nesting_and_size(subject);
        check_options_are_copied(subject);
    }
    check_odd_times(subject);
}
