/* Two readers side by side, of records and of stored frames. A frame is decoded when the first
 * record that it made is at hand, or the record before which it came; the ticks that it made then
 * are left out. */
#include <qta/redecode.h>

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qta/adapter.h>
#include <qta/session.h>

#include "adapters/adapter_defaults.h"
#include "replay/id_translator.h"
#include "storage/growing_session.h"

struct redecoding;

/* One provider whose messages are decoded. */
struct decoder {
    struct qta_adapter_host host; /* first: the adapter's way back to us */
    struct redecoding *work;
    struct qta_adapter *adapter;
    uint16_t provider; /* of the new session */
    uint32_t conn;     /* the connection that is played, 0 for none */
    bool has_failed;   /* it would have closed it */
    struct decoder *next;
};

struct redecoding {
    const struct qta_redecode_options *options;
    struct qta_redecode_result *result;
    struct qta_dictionary *names;
    struct qta_session_reader *ticks;
    struct qta_raw_reader *frames;
    struct qta_id_translator *translator;
    struct qta_growing_session *growing;
    struct decoder *decoders;
    const struct qta_raw_frame *frame; /* the next one; NULL at the end */
    uint64_t replaced_until;           /* ticks below this rx_seq are decoded anew */
    struct qta_raw_frame made;         /* of the frame at hand: what it made now */
    enum qta_status status;            /* of what went wrong within an adapter's call */
    struct qta_error error;
};

/* ---- what an adapter calls --------------------------------------------------------------------
 */

static struct decoder *decoder_of(struct qta_adapter_host *host)
{
    return (struct decoder *)host;
}

static void host_emit(struct qta_adapter_host *host, struct qta_tick *tick)
{
    struct decoder *decoder = decoder_of(host);
    struct redecoding *work = decoder->work;
    if (work->status != QTA_OK || decoder->has_failed)
        return;
    tick->ts_recv_ns = work->made.ts_recv_ns;
    tick->provider = decoder->provider;
    tick->conn = decoder->conn;
    work->status = qta_growing_session_append(work->growing, tick, &work->error);
    if (work->made.tick_count++ == 0)
        work->made.first_seq = tick->rx_seq;
    work->result->ticks++;
}

static uint32_t host_intern(struct qta_adapter_host *host, enum qta_name_kind kind,
                            const char *name, size_t length)
{
    return qta_dictionary_intern(host->names, kind, name, length);
}

static void host_send(struct qta_adapter_host *host, const void *bytes, size_t length,
                      bool is_binary)
{
    (void)host;
    (void)bytes;
    (void)length;
    (void)is_binary;
}

static void host_note(struct qta_adapter_host *host)
{
    (void)host;
}

static void host_subscribed(struct qta_adapter_host *host,
                            const struct qta_subscription *subscription, bool is_accepted, int code,
                            const char *reason)
{
    (void)host;
    (void)subscription;
    (void)is_accepted;
    (void)code;
    (void)reason;
}

static void host_fail(struct qta_adapter_host *host, enum qta_reaction reaction,
                      enum qta_conn_cause cause, int code, int64_t retry_after_ns,
                      const char *sentence)
{
    (void)reaction;
    (void)cause;
    (void)code;
    (void)retry_after_ns;
    (void)sentence;
    decoder_of(host)->has_failed = true;
}

static void host_fault(struct qta_adapter_host *host, enum qta_fault fault, const char *detail)
{
    (void)fault;
    (void)detail;
    decoder_of(host)->work->result->faults++;
}

static void host_log(struct qta_adapter_host *host, enum qta_log_level level, const char *message)
{
    (void)host;
    (void)level;
    (void)message;
}

static void host_throttled(struct qta_adapter_host *host, enum qta_throttle what,
                           int64_t retry_after_ns)
{
    (void)host;
    (void)what;
    (void)retry_after_ns;
}

static void host_numbered(struct qta_adapter_host *host, uint64_t number)
{
    (void)host;
    (void)number;
}

static const struct qta_adapter_host_ops host_ops = {
    .emit = host_emit,
    .intern = host_intern,
    .send = host_send,
    .ready = host_note,
    .subscribed = host_subscribed,
    .fail = host_fail,
    .finished = host_note,
    .fault = host_fault,
    .log = host_log,
    .expiring = host_note,
    .throttled = host_throttled,
    .numbered = host_numbered,
};

/* ---- decoders ---------------------------------------------------------------------------------
 */

/* The keys are stars: an adapter wants some, and nothing is sent. */
static enum qta_status add_decoder(struct redecoding *work, const char *provider, uint16_t id,
                                   struct decoder **out, struct qta_error *err)
{
    const char *name = work->options->adapter ? work->options->adapter : provider;
    const struct qta_adapter_ops *ops = qta_adapter_find(name);
    if (!ops || ops->transport == QTA_TRANSPORT_NONE)
        return qta_error_set(err, QTA_ERR_USAGE,
                             "adapter: provider '%s' needs one that decodes messages, '%s' is none",
                             provider, name);
    struct decoder *decoder = calloc(1, sizeof *decoder);
    if (!decoder)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for an adapter");
    decoder->host = (struct qta_adapter_host){.ops = &host_ops, .names = work->names};
    decoder->work = work;
    decoder->provider = id;
    decoder->next = work->decoders;
    work->decoders = decoder;
    struct qta_adapter_options options = {
        .provider = provider,
        .auth_method = QTA_AUTH_API_KEY,
        .api_key = "*",
        .api_secret = "*",
    };
    *out = decoder;
    return qta_adapter_create_with(ops, &options, &decoder->host, &decoder->adapter, err);
}

static enum qta_status find_decoder(struct redecoding *work, struct decoder **out,
                                    struct qta_error *err)
{
    size_t length;
    const char *provider = qta_dictionary_name(qta_raw_reader_names(work->frames),
                                               QTA_NAME_PROVIDER, work->frame->provider, &length);
    uint16_t id = (uint16_t)qta_dictionary_intern(work->names, QTA_NAME_PROVIDER, provider, length);
    for (*out = work->decoders; *out; *out = (*out)->next)
        if ((*out)->provider == id)
            return QTA_OK;
    return add_decoder(work, provider, id, out, err);
}

static void play_connection(struct decoder *decoder, uint32_t conn)
{
    if (decoder->conn == conn)
        return;
    if (decoder->conn != 0 && !decoder->has_failed)
        qta_adapter_on_close(decoder->adapter);
    decoder->conn = conn;
    decoder->has_failed = false;
    qta_adapter_on_open(decoder->adapter, 0);
}

static void finish_decoders(struct redecoding *work)
{
    while (work->decoders) {
        struct decoder *decoder = work->decoders;
        work->decoders = decoder->next;
        if (decoder->adapter)
            qta_adapter_destroy(decoder->adapter);
        free(decoder);
    }
}

/* ---- frames -----------------------------------------------------------------------------------
 */

static enum qta_status next_frame(struct redecoding *work, struct qta_error *err)
{
    enum qta_status status = qta_raw_reader_next(work->frames, &work->frame, err);
    if (status == QTA_OK)
        return QTA_OK;
    work->frame = NULL;
    return status == QTA_ERR_END ? QTA_OK : status;
}

static enum qta_status decode_frame(struct redecoding *work, struct qta_error *err)
{
    const struct qta_raw_frame *frame = work->frame;
    struct decoder *decoder;
    enum qta_status status = find_decoder(work, &decoder, err);
    if (status != QTA_OK)
        return status;
    play_connection(decoder, frame->conn);
    work->made = *frame;
    work->made.provider = decoder->provider;
    work->made.tick_count = 0;
    if (!decoder->has_failed) {
        struct qta_frame data = {
            .bytes = frame->bytes,
            .length = frame->stored_length,
            .is_binary = (frame->flags & QTA_RAW_BINARY) != 0,
            .ts_recv_ns = frame->ts_recv_ns,
        };
        qta_adapter_on_data(decoder->adapter, &data);
    }
    work->result->frames++;
    work->result->replaced += frame->tick_count;
    work->replaced_until = frame->first_seq + frame->tick_count;
    if (work->status != QTA_OK) {
        if (err)
            *err = work->error;
        return work->status;
    }
    status = qta_growing_session_append_raw(work->growing, &work->made, err);
    return status == QTA_OK ? next_frame(work, err) : status;
}

/* ---- records ----------------------------------------------------------------------------------
 */

static enum qta_status take_record(struct redecoding *work, const struct qta_tick *record,
                                   struct qta_error *err)
{
    enum qta_status status = QTA_OK;
    while (status == QTA_OK && work->frame && work->frame->first_seq <= record->rx_seq)
        status = decode_frame(work, err);
    if (status != QTA_OK)
        return status;
    if (record->rx_seq < work->replaced_until && qta_tick_is_market(record))
        return QTA_OK;
    if (record->rx_seq < work->replaced_until)
        work->result->replaced--; /* our own among the ticks of a frame */
    struct qta_tick copy;
    qta_id_translator_apply(work->translator, record, &copy, 1);
    work->result->copied++;
    return qta_growing_session_append(work->growing, &copy, err);
}

static enum qta_status take_records(struct redecoding *work, struct qta_error *err)
{
    const struct qta_redecode_options *options = work->options;
    qta_id_translator_reset(work->translator, qta_session_reader_names(work->ticks));
    enum qta_status status = next_frame(work, err);
    while (status == QTA_OK) {
        const struct qta_tick *ticks;
        size_t count;
        if (options->should_stop && options->should_stop(options->should_stop_user))
            return qta_error_set(err, QTA_ERR_STATE, "stopped");
        status = qta_session_reader_next(work->ticks, &ticks, &count, err);
        for (size_t i = 0; status == QTA_OK && i < count; i++)
            status = take_record(work, &ticks[i], err);
    }
    if (status == QTA_ERR_END)
        status = QTA_OK;
    while (status == QTA_OK && work->frame)
        status = decode_frame(work, err);
    return status;
}

/* ---- all --------------------------------------------------------------------------------------
 */

static uint32_t intern_name(void *user, enum qta_name_kind kind, const char *name, size_t length)
{
    return qta_dictionary_intern(user, kind, name, length);
}

static enum qta_status open_all(struct redecoding *work, const char *session, const char *output,
                                struct qta_error *err)
{
    struct qta_session_info info;
    enum qta_status status = qta_session_info_read(session, &info, err);
    if (status == QTA_OK && info.raw_frames == 0)
        status = qta_error_set(err, QTA_ERR_USAGE,
                               "'%s' has no stored messages: it was recorded without "
                               "recording.raw_frames",
                               session);
    if (status == QTA_OK)
        status = qta_dictionary_create(&work->names, err);
    if (status == QTA_OK)
        status = qta_session_reader_create(&work->ticks, session, NULL, err);
    if (status == QTA_OK)
        status = qta_raw_reader_create(&work->frames, session, NULL, err);
    struct qta_name_sink sink = {.intern = intern_name, .user = work->names};
    if (status == QTA_OK)
        status = qta_id_translator_create(&work->translator, &sink, err);
    if (status == QTA_OK)
        status = qta_growing_session_create(&work->growing, output, "redecode", info.timezone,
                                            work->names, err);
    return status;
}

enum qta_status qta_redecode(const char *session, const char *output,
                             const struct qta_redecode_options *options,
                             struct qta_redecode_result *result, struct qta_error *err)
{
    assert(session && output && options && result);
    struct redecoding work = {.options = options, .result = result};
    memset(result, 0, sizeof *result);
    enum qta_status status = open_all(&work, session, output, err);
    if (status == QTA_OK)
        status = take_records(&work, err);
    if (status == QTA_ERR_DAMAGED)
        qta_error_prefix(err, status, "'%s' has to be repaired first", session);
    if (status == QTA_OK)
        status = qta_growing_session_finish(work.growing, err);
    finish_decoders(&work);
    qta_growing_session_destroy(work.growing);
    qta_id_translator_destroy(work.translator);
    qta_raw_reader_destroy(work.frames);
    qta_session_reader_destroy(work.ticks);
    qta_dictionary_destroy(work.names);
    return status;
}
