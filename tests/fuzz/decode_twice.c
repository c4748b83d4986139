#include "tests/fuzz/decode_twice.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <qta/digest.h>

#include "adapters/alpaca_decode.h"

/* The names grow with the inputs: both sides start anew when there are too many. */
enum { NAMES_MAX = 100000 };

struct side {
    struct qta_adapter_host host;
    struct qta_alpaca_decoder *decoder;
    struct qta_digest digest;
    uint64_t ticks;
    uint64_t faults[QTA_FAULT_COUNT];
    uint64_t events;
};

static struct side trained;

static void emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct side *side = (struct side *)host;
    assert(qta_tick_is_market(tick));
    assert(tick->symbol != 0);
    assert(tick->reserved == 0);
    qta_digest_add(&side->digest, tick, host->names);
    side->ticks++;
    memset(tick, 0xa5, sizeof *tick); /* it is the host's to change */
}

static uint32_t intern(struct qta_adapter_host *host, enum qta_name_kind kind, const char *name,
                       size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void fault(struct qta_adapter_host *host, enum qta_fault kind, const char *detail)
{
    assert(kind < QTA_FAULT_COUNT);
    assert(strlen(detail) < 200);
    ((struct side *)host)->faults[kind]++;
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = emit, .intern = intern, .fault = fault};

static void on_text(void *user, const char *text, size_t length)
{
    struct side *side = user;
    for (size_t i = 0; i < length; i++)
        side->events = side->events * 31 + (uint8_t)text[i];
    side->events++;
}

static void on_error(void *user, int64_t code, const char *text, size_t length)
{
    struct side *side = user;
    side->events += (uint64_t)code;
    on_text(user, text, length);
}

static void on_begin(void *user)
{
    ((struct side *)user)->events++;
}

static void on_symbol(void *user, enum qta_alpaca_channel channel, const char *text, size_t length)
{
    assert(channel < QTA_ALPACA_CHANNEL_COUNT);
    on_text(user, text, length);
}

static void on_end(void *user, bool is_whole)
{
    ((struct side *)user)->events += is_whole;
}

static const struct qta_alpaca_events events = {
    .on_success = on_text,
    .on_error = on_error,
    .on_subscription_begin = on_begin,
    .on_subscription_symbol = on_symbol,
    .on_subscription_end = on_end,
};

static void side_init(struct side *side)
{
    memset(side, 0, sizeof *side);
    side->host.ops = &host_ops;
    if (qta_dictionary_create(&side->host.names, NULL) != QTA_OK ||
        qta_alpaca_decoder_create(&side->decoder, &side->host, &events, side, NULL) != QTA_OK)
        abort();
}

static void side_finish(struct side *side)
{
    qta_alpaca_decoder_destroy(side->decoder);
    qta_dictionary_destroy(side->host.names);
}

/* Forgets what came of the last frame, but nothing that the decoder remembers. */
static void side_decode(struct side *side, const struct qta_frame *frame)
{
    qta_digest_init(&side->digest);
    memset(side->faults, 0, sizeof side->faults);
    side->ticks = 0;
    side->events = 0;
    qta_alpaca_decode(side->decoder, frame);
}

static bool has_many_names(const struct side *side)
{
    return qta_dictionary_count(side->host.names, QTA_NAME_SYMBOL) > NAMES_MAX ||
           qta_dictionary_count(side->host.names, QTA_NAME_TEXT) > NAMES_MAX ||
           qta_dictionary_count(side->host.names, QTA_NAME_CODE) > 60000;
}

void decode_twice(const uint8_t *bytes, size_t length, bool is_binary)
{
    struct side fresh;
    uint8_t *copy = malloc(length + (length == 0)); /* exact, for ASan */
    if (!copy)
        abort();
    memcpy(copy, bytes, length);
    const struct qta_frame frame = {.bytes = copy, .length = length, .is_binary = is_binary};
    if (trained.decoder && has_many_names(&trained)) {
        side_finish(&trained);
        trained.decoder = NULL;
    }
    if (!trained.decoder)
        side_init(&trained);
    side_init(&fresh);
    side_decode(&fresh, &frame);
    for (int i = 0; i < 2; i++) { /* the second time with all of this very frame learned */
        side_decode(&trained, &frame);
        assert(fresh.ticks == trained.ticks);
        assert(fresh.digest.market == trained.digest.market);
        assert(fresh.events == trained.events);
        assert(memcmp(fresh.faults, trained.faults, sizeof fresh.faults) == 0);
    }
    side_finish(&fresh);
    free(copy);
}
