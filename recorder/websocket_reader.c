/* WebSocket frames from a server. The header is a small state machine; payloads go block-wise,
 * which is what makes this many times faster than one that looks at every byte. */
#include "recorder/websocket_reader.h"

#include <assert.h>
#include <string.h>

enum {
    BIT_FINAL = 0x80,
    BITS_RESERVED = 0x70,
    BIT_COMPRESSED = 0x40, /* of the first frame of a message: RFC 7692 section 6 */
    BITS_OPCODE = 0x0f,
    BIT_CONTROL = 0x08, /* of the opcode */
    BIT_MASKED = 0x80,
    BITS_LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
};
enum { CODE_PROTOCOL = 1002, CODE_INVALID = 1007, CODE_TOO_BIG = 1009 };

void qta_websocket_reader_init(struct qta_websocket_reader *reader, size_t message_max_bytes)
{
    *reader = (struct qta_websocket_reader){.message_max_bytes = message_max_bytes};
}

void qta_websocket_reader_finish(struct qta_websocket_reader *reader)
{
    qta_byte_queue_finish(&reader->message);
    qta_websocket_inflate_destroy(reader->inflater);
    reader->inflater = NULL;
}

bool qta_websocket_reader_allow_deflate(struct qta_websocket_reader *reader, bool keeps_context)
{
    assert(!reader->inflater);
    reader->inflater = qta_websocket_inflate_create(keeps_context);
    return reader->inflater != NULL;
}

bool qta_websocket_reader_is_within_message(const struct qta_websocket_reader *reader)
{
    return reader->in_message || reader->header_length > 0;
}

static enum qta_websocket_event_type broken(struct qta_websocket_reader *reader,
                                            struct qta_websocket_event *event, int code,
                                            const char *why)
{
    reader->is_done = true;
    *event = (struct qta_websocket_event){.code = code, .why = why};
    return QTA_WEBSOCKET_BROKEN;
}

/* Takes header bytes until the header is complete. False when more are needed. */
static bool header_take(struct qta_websocket_reader *reader, const uint8_t **bytes, size_t *length)
{
    while (*length > 0) {
        reader->header[reader->header_length++] = *(*bytes)++;
        --*length;
        if (reader->header_length == 2) {
            unsigned size = reader->header[1] & BITS_LENGTH;
            reader->header_needed = (uint8_t)(size == LENGTH_16 ? 4 : size == LENGTH_64 ? 10 : 2);
        }
        if (reader->header_length >= 2 && reader->header_length == reader->header_needed)
            return true;
    }
    return false;
}

static uint64_t header_payload_length(const struct qta_websocket_reader *reader)
{
    unsigned size = reader->header[1] & BITS_LENGTH;
    if (size < LENGTH_16)
        return size;
    uint64_t length = 0;
    for (size_t i = 2; i < reader->header_needed; i++)
        length = length << 8 | reader->header[i];
    return length;
}

/* What RFC 6455 forbids in a header, as a sentence; NULL when it is fine. */
static const char *header_fault(const struct qta_websocket_reader *reader, uint64_t length)
{
    unsigned opcode = reader->header[0] & BITS_OPCODE;
    bool is_final = reader->header[0] & BIT_FINAL;
    unsigned reserved = reader->header[0] & BITS_RESERVED;
    bool begins_message = opcode == QTA_WEBSOCKET_TEXT || opcode == QTA_WEBSOCKET_BINARY;
    if (reserved != 0 && !(reserved == BIT_COMPRESSED && begins_message && reader->inflater))
        return "a frame uses an extension that was not agreed on";
    if (reader->header[1] & BIT_MASKED)
        return "a frame from the server is masked";
    if (length > INT64_MAX)
        return "a frame's length has its highest bit set";
    if (opcode & BIT_CONTROL) {
        if (opcode > QTA_WEBSOCKET_PONG)
            return "a frame has an unknown opcode";
        if (!is_final)
            return "a control frame is fragmented";
        if (length > QTA_WEBSOCKET_CONTROL_BYTES_MAX)
            return "a control frame is longer than 125 bytes";
        return NULL;
    }
    if (opcode > QTA_WEBSOCKET_BINARY)
        return "a frame has an unknown opcode";
    if (opcode == QTA_WEBSOCKET_CONTINUATION && !reader->in_message)
        return "a fragment continues no message";
    if (opcode != QTA_WEBSOCKET_CONTINUATION && reader->in_message)
        return "a message begins before the last one has ended";
    return NULL;
}

/* A complete header: the frame begins. Returns NOTHING or BROKEN. */
static enum qta_websocket_event_type frame_begin(struct qta_websocket_reader *reader,
                                                 struct qta_websocket_event *event)
{
    uint64_t length = header_payload_length(reader);
    const char *fault = header_fault(reader, length);
    if (fault)
        return broken(reader, event, CODE_PROTOCOL, fault);
    reader->opcode = reader->header[0] & BITS_OPCODE;
    reader->is_final = reader->header[0] & BIT_FINAL;
    reader->in_payload = true;
    reader->payload_left = length;
    if (reader->opcode & BIT_CONTROL) {
        reader->control_length = 0;
        return QTA_WEBSOCKET_NOTHING;
    }
    if (reader->opcode != QTA_WEBSOCKET_CONTINUATION) {
        reader->in_message = true;
        reader->is_binary = reader->opcode == QTA_WEBSOCKET_BINARY;
        reader->is_compressed = reader->header[0] & BIT_COMPRESSED;
        reader->fragments = 0;
    }
    if (length > reader->message_max_bytes - qta_byte_queue_length(&reader->message) ||
        ++reader->fragments > QTA_WEBSOCKET_FRAGMENTS_MAX)
        return broken(reader, event, CODE_TOO_BIG, "a message is larger than allowed");
    return QTA_WEBSOCKET_NOTHING;
}

static void frame_end(struct qta_websocket_reader *reader)
{
    reader->in_payload = false;
    reader->header_length = 0;
}

/* Control frames are short: they are always copied. */
static enum qta_websocket_event_type control_take(struct qta_websocket_reader *reader,
                                                  const uint8_t **bytes, size_t *length,
                                                  struct qta_websocket_event *event)
{
    size_t part = *length < reader->payload_left ? *length : (size_t)reader->payload_left;
    if (part > 0)
        memcpy(reader->control + reader->control_length, *bytes, part);
    reader->control_length += part;
    reader->payload_left -= part;
    *bytes += part;
    *length -= part;
    if (reader->payload_left > 0)
        return QTA_WEBSOCKET_NOTHING;
    frame_end(reader);
    *event = (struct qta_websocket_event){.bytes = reader->control,
                                          .length = reader->control_length};
    if (reader->opcode == QTA_WEBSOCKET_PING)
        return QTA_WEBSOCKET_PING_CAME;
    if (reader->opcode == QTA_WEBSOCKET_PONG)
        return QTA_WEBSOCKET_PONG_CAME;
    if (event->length == 1)
        return broken(reader, event, CODE_PROTOCOL, "a close frame has half a code");
    if (event->length >= 2) {
        event->code = reader->control[0] << 8 | reader->control[1];
        event->bytes += 2;
        event->length -= 2;
    }
    reader->is_done = true;
    return QTA_WEBSOCKET_CLOSE_CAME;
}

/* Makes the event's message what it was before it was compressed. */
static enum qta_websocket_event_type unpack(struct qta_websocket_reader *reader,
                                            struct qta_websocket_event *event)
{
    switch (qta_websocket_inflate_message(reader->inflater, event->bytes, event->length,
                                          reader->message_max_bytes, &event->bytes,
                                          &event->length)) {
    case QTA_INFLATE_DONE:
        return QTA_WEBSOCKET_MESSAGE;
    case QTA_INFLATE_TOO_LARGE:
        return broken(reader, event, CODE_TOO_BIG, "a message is larger than allowed");
    case QTA_INFLATE_NO_MEMORY:
        return broken(reader, event, CODE_TOO_BIG, "there is no memory for a message");
    case QTA_INFLATE_BROKEN:
        break;
    }
    return broken(reader, event, CODE_INVALID, "a compressed message cannot be unpacked");
}

/* Gives the message out of the bytes themselves, or collects it. */
static enum qta_websocket_event_type data_take(struct qta_websocket_reader *reader,
                                               const uint8_t **bytes, size_t *length,
                                               struct qta_websocket_event *event)
{
    size_t part = *length < reader->payload_left ? *length : (size_t)reader->payload_left;
    bool is_last = part == reader->payload_left && reader->is_final;
    const uint8_t *start = *bytes;
    *bytes += part;
    *length -= part;
    reader->payload_left -= part;
    if (is_last && qta_byte_queue_length(&reader->message) == 0) {
        *event = (struct qta_websocket_event){
            .bytes = start, .length = part, .is_binary = reader->is_binary};
    } else {
        if (!qta_byte_queue_append(&reader->message, start, part))
            return broken(reader, event, CODE_TOO_BIG, "there is no memory for a message");
        if (reader->payload_left > 0)
            return QTA_WEBSOCKET_NOTHING;
        if (is_last) {
            *event = (struct qta_websocket_event){.bytes = qta_byte_queue_bytes(&reader->message),
                                                  .length = qta_byte_queue_length(&reader->message),
                                                  .is_binary = reader->is_binary};
            reader->message_is_given = true;
        }
    }
    frame_end(reader);
    if (!is_last)
        return QTA_WEBSOCKET_NOTHING;
    reader->in_message = false;
    return reader->is_compressed ? unpack(reader, event) : QTA_WEBSOCKET_MESSAGE;
}

enum qta_websocket_event_type qta_websocket_reader_next(struct qta_websocket_reader *reader,
                                                        const uint8_t **bytes, size_t *length,
                                                        struct qta_websocket_event *event)
{
    if (reader->message_is_given) {
        qta_byte_queue_consume(&reader->message, qta_byte_queue_length(&reader->message));
        reader->message_is_given = false;
    }
    while (!reader->is_done) {
        enum qta_websocket_event_type type;
        if (!reader->in_payload) {
            if (!header_take(reader, bytes, length))
                return QTA_WEBSOCKET_NOTHING;
            type = frame_begin(reader, event);
            if (type != QTA_WEBSOCKET_NOTHING)
                return type;
        }
        if (*length == 0 && reader->payload_left > 0)
            return QTA_WEBSOCKET_NOTHING;
        type = reader->opcode & BIT_CONTROL ? control_take(reader, bytes, length, event)
                                            : data_take(reader, bytes, length, event);
        if (type != QTA_WEBSOCKET_NOTHING)
            return type;
    }
    return QTA_WEBSOCKET_NOTHING;
}
