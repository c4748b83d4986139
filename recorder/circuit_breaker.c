#include "recorder/circuit_breaker.h"

void qta_circuit_breaker_init(struct qta_circuit_breaker *breaker, uint32_t failure_threshold,
                              int64_t timeout_ns)
{
    *breaker = (struct qta_circuit_breaker){
        .failure_threshold = failure_threshold,
        .timeout_ns = timeout_ns > 0 ? timeout_ns : 0,
    };
}

bool qta_circuit_breaker_allow(struct qta_circuit_breaker *breaker, int64_t now_ns)
{
    switch (breaker->state) {
    case QTA_CIRCUIT_CLOSED:
        return true;
    case QTA_CIRCUIT_OPEN:
        if (now_ns < breaker->probe_ns)
            return false;
        breaker->state = QTA_CIRCUIT_HALF_OPEN;
        return true;
    case QTA_CIRCUIT_HALF_OPEN:
    case QTA_CIRCUIT_BLOCKED:
        break;
    }
    return false;
}

int64_t qta_circuit_breaker_ready_ns(const struct qta_circuit_breaker *breaker)
{
    switch (breaker->state) {
    case QTA_CIRCUIT_CLOSED:
        return INT64_MIN;
    case QTA_CIRCUIT_OPEN:
        return breaker->probe_ns;
    case QTA_CIRCUIT_HALF_OPEN:
    case QTA_CIRCUIT_BLOCKED:
        break;
    }
    return INT64_MAX;
}

static void open_circuit(struct qta_circuit_breaker *breaker, int64_t now_ns)
{
    breaker->state = QTA_CIRCUIT_OPEN;
    breaker->failures = 0;
    breaker->probe_ns = now_ns < INT64_MAX - breaker->timeout_ns ? now_ns + breaker->timeout_ns
                                                                 : INT64_MAX;
    breaker->opens++;
}

void qta_circuit_breaker_fail(struct qta_circuit_breaker *breaker, int64_t now_ns)
{
    if (breaker->state == QTA_CIRCUIT_HALF_OPEN) {
        open_circuit(breaker, now_ns);
        return;
    }
    if (breaker->state != QTA_CIRCUIT_CLOSED || breaker->failure_threshold == 0)
        return; /* begun before it opened: that makes no difference any more */
    breaker->failures++;
    if (breaker->failures >= breaker->failure_threshold)
        open_circuit(breaker, now_ns);
}

void qta_circuit_breaker_abandon(struct qta_circuit_breaker *breaker, int64_t now_ns)
{
    if (breaker->state == QTA_CIRCUIT_HALF_OPEN)
        open_circuit(breaker, now_ns);
}

void qta_circuit_breaker_reset(struct qta_circuit_breaker *breaker)
{
    breaker->state = QTA_CIRCUIT_CLOSED;
    breaker->failures = 0;
}

void qta_circuit_breaker_succeed(struct qta_circuit_breaker *breaker)
{
    if (breaker->state != QTA_CIRCUIT_BLOCKED)
        qta_circuit_breaker_reset(breaker);
}

void qta_circuit_breaker_block(struct qta_circuit_breaker *breaker)
{
    breaker->state = QTA_CIRCUIT_BLOCKED;
}

const char *qta_circuit_state_name(enum qta_circuit_state state)
{
    static const char *const names[QTA_CIRCUIT_STATE_COUNT] = {
        "closed",
        "open",
        "half_open",
        "blocked",
    };
    return (unsigned)state < QTA_CIRCUIT_STATE_COUNT ? names[state] : "unknown";
}
