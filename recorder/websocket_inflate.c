/* zlib in its raw form. The buffer grows with the messages and stays. */
#include "recorder/websocket_inflate.h"

#define ZLIB_CONST
#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    FIRST_BYTES = 16384,
    BETWEEN_BLOCKS = 128, /* of z_stream.data_type */
    WINDOW_BITS = -15,    /* raw, and the largest: it reads what was made with any smaller one */
};

struct qta_websocket_inflate {
    z_stream stream;
    bool keeps_context;
    uint8_t *memory;
    size_t capacity;
    size_t length; /* of the message so far */
};

struct qta_websocket_inflate *qta_websocket_inflate_create(bool keeps_context)
{
    struct qta_websocket_inflate *inflater = calloc(1, sizeof *inflater);
    if (!inflater)
        return NULL;
    inflater->keeps_context = keeps_context;
    inflater->memory = malloc(FIRST_BYTES);
    inflater->capacity = FIRST_BYTES;
    if (!inflater->memory || inflateInit2(&inflater->stream, WINDOW_BITS) != Z_OK) {
        free(inflater->memory);
        free(inflater);
        return NULL;
    }
    return inflater;
}

void qta_websocket_inflate_destroy(struct qta_websocket_inflate *inflater)
{
    if (!inflater)
        return;
    inflateEnd(&inflater->stream);
    free(inflater->memory);
    free(inflater);
}

/* Room for one byte more than allowed, so that too much is seen. */
static enum qta_inflate_result make_room(struct qta_websocket_inflate *inflater, size_t message_max)
{
    assert(message_max < SIZE_MAX);
    if (inflater->length > message_max)
        return QTA_INFLATE_TOO_LARGE;
    if (inflater->length < inflater->capacity)
        return QTA_INFLATE_DONE;
    size_t capacity = inflater->capacity > message_max / 2 ? message_max + 1
                                                           : inflater->capacity * 2;
    uint8_t *memory = realloc(inflater->memory, capacity);
    if (!memory)
        return QTA_INFLATE_NO_MEMORY;
    inflater->memory = memory;
    inflater->capacity = capacity;
    return QTA_INFLATE_DONE;
}

static enum qta_inflate_result feed(struct qta_websocket_inflate *inflater, const uint8_t *bytes,
                                    size_t length, size_t message_max)
{
    z_stream *stream = &inflater->stream;
    stream->next_in = bytes;
    stream->avail_in = (uInt)length;
    for (;;) {
        enum qta_inflate_result result = make_room(inflater, message_max);
        if (result != QTA_INFLATE_DONE)
            return result;
        size_t room = inflater->capacity - inflater->length;
        uInt part = room < UINT_MAX ? (uInt)room : UINT_MAX;
        stream->next_out = inflater->memory + inflater->length;
        stream->avail_out = part;
        int status = inflate(stream, Z_SYNC_FLUSH);
        inflater->length += part - stream->avail_out;
        if (status == Z_MEM_ERROR)
            return QTA_INFLATE_NO_MEMORY;
        if (status == Z_STREAM_END) { /* a last block (section 7.2.3.5): what follows begins anew */
            if (inflateReset(stream) != Z_OK)
                return QTA_INFLATE_BROKEN;
        } else if (status != Z_OK && status != Z_BUF_ERROR) {
            return QTA_INFLATE_BROKEN;
        }
        if (stream->avail_in == 0 && stream->avail_out > 0)
            return inflater->length > message_max ? QTA_INFLATE_TOO_LARGE : QTA_INFLATE_DONE;
        if (status == Z_BUF_ERROR && stream->avail_out > 0)
            return QTA_INFLATE_BROKEN; /* neither bytes nor room are missing */
    }
}

enum qta_inflate_result qta_websocket_inflate_message(struct qta_websocket_inflate *inflater,
                                                      const uint8_t *bytes, size_t length,
                                                      size_t message_max_bytes,
                                                      const uint8_t **message,
                                                      size_t *message_length)
{
    static const uint8_t tail[] = {0x00, 0x00, 0xff, 0xff};
    inflater->length = 0;
    if (length > UINT_MAX)
        return QTA_INFLATE_TOO_LARGE;
    enum qta_inflate_result result = feed(inflater, bytes, length, message_max_bytes);
    if (result == QTA_INFLATE_DONE)
        result = feed(inflater, tail, sizeof tail, message_max_bytes);
    if (result == QTA_INFLATE_DONE && !(inflater->stream.data_type & BETWEEN_BLOCKS))
        result = QTA_INFLATE_BROKEN; /* cut off */
    if (result == QTA_INFLATE_DONE && !inflater->keeps_context &&
        inflateReset(&inflater->stream) != Z_OK)
        result = QTA_INFLATE_BROKEN;
    *message = inflater->memory;
    *message_length = inflater->length;
    return result;
}
