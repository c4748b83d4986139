#include "tests/adapters/fake_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct fake_host *fake(struct qta_adapter_host *host)
{
    return (struct fake_host *)host;
}

static void emit(struct qta_adapter_host *base, struct qta_tick *tick)
{
    struct fake_host *host = fake(base);
    qta_digest_add(&host->digest, tick, base->names);
    if (host->keeps_ticks) {
        if (host->tick_count == host->tick_capacity) {
            host->tick_capacity = host->tick_capacity ? host->tick_capacity * 2 : 64;
            host->ticks = realloc(host->ticks, host->tick_capacity * sizeof *host->ticks);
            assert_non_null(host->ticks);
        }
        host->ticks[host->tick_count] = *tick;
    }
    host->tick_count++;
    /* the tick is the host's to change: an adapter must not depend on what it left there */
    memset(tick, 0xa5, sizeof *tick);
}

static uint32_t intern(struct qta_adapter_host *host, enum qta_name_kind kind, const char *name,
                       size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void send_bytes(struct qta_adapter_host *base, const void *bytes, size_t length,
                       bool is_binary)
{
    struct fake_host *host = fake(base);
    size_t place = host->sent_count++;
    if (place >= FAKE_HOST_KEPT_MAX)
        return;
    size_t kept = length < sizeof host->sent[0] - 1 ? length : sizeof host->sent[0] - 1;
    memcpy(host->sent[place], bytes, kept);
    host->sent[place][kept] = '\0';
    host->sent_bytes[place] = length;
    host->sent_is_binary[place] = is_binary;
}

static void ready(struct qta_adapter_host *base)
{
    fake(base)->ready_count++;
}

static void subscribed(struct qta_adapter_host *base, const struct qta_subscription *subscription,
                       bool is_accepted, int code, const char *reason)
{
    (void)reason;
    struct fake_host *host = fake(base);
    size_t place = host->answer_count++;
    if (place >= FAKE_HOST_KEPT_MAX)
        return;
    struct fake_answer *answer = &host->answers[place];
    answer->type = subscription->type;
    answer->bar_kind = subscription->bar_kind;
    snprintf(answer->symbol, sizeof answer->symbol, "%s", subscription->symbol);
    answer->is_accepted = is_accepted;
    answer->code = code;
}

static void fail_connection(struct qta_adapter_host *base, enum qta_reaction reaction,
                            enum qta_conn_cause cause, int code, int64_t retry_after_ns,
                            const char *sentence)
{
    (void)retry_after_ns;
    struct fake_host *host = fake(base);
    host->fail_count++;
    host->fail_reaction = reaction;
    host->fail_cause = cause;
    host->fail_code = code;
    snprintf(host->fail_sentence, sizeof host->fail_sentence, "%s", sentence);
}

static void finished(struct qta_adapter_host *base)
{
    fake(base)->finished_count++;
}

static void fault(struct qta_adapter_host *base, enum qta_fault kind, const char *detail)
{
    struct fake_host *host = fake(base);
    assert_in_range(kind, 0, QTA_FAULT_COUNT - 1);
    host->faults[kind]++;
    host->fault_count++;
    snprintf(host->fault_detail, sizeof host->fault_detail, "%s", detail);
}

static void log_line(struct qta_adapter_host *base, enum qta_log_level level, const char *message)
{
    (void)base;
    (void)level;
    assert_non_null(message);
}

static void throttled(struct qta_adapter_host *base, enum qta_throttle what, int64_t retry_after_ns)
{
    struct fake_host *host = fake(base);
    host->throttle_count++;
    host->throttle_what = what;
    host->throttle_retry_after_ns = retry_after_ns;
}

static void ignore(struct qta_adapter_host *base)
{
    (void)base;
}

static void ignore_number(struct qta_adapter_host *base, uint64_t number)
{
    (void)base;
    (void)number;
}

static const struct qta_adapter_host_ops fake_host_ops = {
    .emit = emit,
    .intern = intern,
    .send = send_bytes,
    .ready = ready,
    .subscribed = subscribed,
    .fail = fail_connection,
    .finished = finished,
    .fault = fault,
    .log = log_line,
    .throttled = throttled,
    .expiring = ignore,
    .numbered = ignore_number,
};

void fake_host_init(struct fake_host *host)
{
    memset(host, 0, sizeof *host);
    host->base.ops = &fake_host_ops;
    host->keeps_ticks = true;
    struct qta_error err;
    assert_int_equal(qta_dictionary_create(&host->base.names, &err), QTA_OK);
    qta_digest_init(&host->digest);
}

void fake_host_finish(struct fake_host *host)
{
    free(host->ticks);
    qta_dictionary_destroy(host->base.names);
}

void fake_host_clear(struct fake_host *host)
{
    struct qta_dictionary *names = host->base.names;
    bool keeps_ticks = host->keeps_ticks;
    free(host->ticks);
    memset(host, 0, sizeof *host);
    host->base.ops = &fake_host_ops;
    host->base.names = names;
    host->keeps_ticks = keeps_ticks;
    qta_digest_init(&host->digest);
}

const char *fake_host_name(const struct fake_host *host, enum qta_name_kind kind, uint32_t id)
{
    return qta_dictionary_name(host->base.names, kind, id, NULL);
}
