/** @file fake_host.h
 *  A host for adapters under test: keeps everything that it is told.
 *
 *      struct fake_host host;
 *      fake_host_init(&host);
 *      adapter->host = &host.base;
 *      ...
 *      assert_int_equal(host.tick_count, 3);
 *      fake_host_finish(&host); */
#ifndef QTA_TESTS_FAKE_HOST_H
#define QTA_TESTS_FAKE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/adapter.h>
#include <qta/digest.h>

enum { FAKE_HOST_KEPT_MAX = 256 };

/** One answer to a subscription. */
struct fake_answer {
    enum qta_tick_type type;
    enum qta_bar_kind bar_kind;
    char symbol[32];
    bool is_accepted;
    int code;
};

/** Members are for reading. Lists keep the first FAKE_HOST_KEPT_MAX of a kind, counts go on. */
struct fake_host {
    struct qta_adapter_host base;
    bool keeps_ticks; /**< false: ticks are counted and digested only */
    struct qta_tick *ticks;
    size_t tick_count;
    size_t tick_capacity;
    struct qta_digest digest; /**< of the ticks, before the host changes them */
    char sent[FAKE_HOST_KEPT_MAX][256];
    size_t sent_bytes[FAKE_HOST_KEPT_MAX];
    bool sent_is_binary[FAKE_HOST_KEPT_MAX];
    size_t sent_count;
    struct fake_answer answers[FAKE_HOST_KEPT_MAX];
    size_t answer_count;
    size_t ready_count;
    size_t finished_count;
    size_t throttle_count;
    enum qta_throttle throttle_what; /**< of the last one */
    int64_t throttle_retry_after_ns;
    size_t fail_count;
    enum qta_reaction fail_reaction;
    enum qta_conn_cause fail_cause;
    int fail_code;
    char fail_sentence[256];
    size_t faults[QTA_FAULT_COUNT];
    size_t fault_count;
    char fault_detail[256]; /**< of the last one */
};

void fake_host_init(struct fake_host *host);
void fake_host_finish(struct fake_host *host);

/** Forgets everything but the names. */
void fake_host_clear(struct fake_host *host);

/** The name of an id in the host's dictionary. */
const char *fake_host_name(const struct fake_host *host, enum qta_name_kind kind, uint32_t id);

#endif
