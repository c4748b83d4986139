/* Messages of normalized JSON. Each tick that comes of one is printed as ndjson and must read back
 * with the same market digest. */
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <qta/digest.h>
#include <qta/print.h>

#include "adapters/normalized_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct host {
    struct qta_adapter_host base;
    bool is_again; /* reading what was printed */
    struct qta_digest first;
    struct qta_digest again;
    size_t again_count;
    size_t fault_count;
};

static void read_back(struct host *host, const struct qta_tick *tick)
{
    static char line[1 << 20];
    size_t length = qta_print_tick(tick, host->base.names, QTA_PRINT_NDJSON,
                                   QTA_TIME_FORMAT_RFC3339, line, sizeof line);
    assert(length < sizeof line);
    const struct qta_frame frame = {.bytes = (const uint8_t *)line, .length = length};
    qta_digest_init(&host->first);
    qta_digest_init(&host->again);
    qta_digest_add(&host->first, tick, host->base.names);
    host->again_count = 0;
    size_t faults = host->fault_count;
    host->is_again = true;
    qta_normalized_json_decode(&host->base, &frame);
    host->is_again = false;
    assert(host->fault_count == faults);
    assert(host->again_count == 1);
    assert(host->again.market == host->first.market);
}

static void emit(struct qta_adapter_host *base, struct qta_tick *tick)
{
    struct host *host = (struct host *)base;
    assert(qta_tick_is_market(tick));
    assert(tick->symbol != 0);
    if (host->is_again) {
        host->again_count++;
        qta_digest_add(&host->again, tick, base->names);
    } else {
        read_back(host, tick);
    }
    memset(tick, 0xa5, sizeof *tick);
}

static uint32_t intern(struct qta_adapter_host *host, enum qta_name_kind kind, const char *name,
                       size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void fault(struct qta_adapter_host *base, enum qta_fault kind, const char *detail)
{
    struct host *host = (struct host *)base;
    assert(kind >= 0 && kind < QTA_FAULT_COUNT);
    assert(strlen(detail) < 200);
    host->fault_count++;
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = emit,
    .intern = intern,
    .fault = fault,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct host host = {.base.ops = &host_ops};
    if (qta_dictionary_create(&host.base.names, NULL) != QTA_OK)
        return 0;
    const struct qta_frame frame = {.bytes = data, .length = size};
    qta_normalized_json_decode(&host.base, &frame);
    qta_dictionary_destroy(host.base.names);
    return 0;
}
