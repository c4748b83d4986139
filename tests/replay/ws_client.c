#include "tests/replay/ws_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 65536 };

void ws_client_dial(struct ws_client *client, uint16_t port)
{
    memset(client, 0, sizeof *client);
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(client->fd >= 0);
    /* a server that hangs fails the test instead of hanging it */
    const struct timeval patience = {.tv_sec = 60};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    /* little, so that a server soon feels that nobody reads */
    int buffer_bytes = 65536;
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&address, sizeof address), 0);
}

void ws_client_drop(struct ws_client *client)
{
    close(client->fd);
    free(client->input);
    free(client->message);
}

void ws_client_send_raw(struct ws_client *client, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;
    while (length > 0) {
        ssize_t sent = send(client->fd, at, length, MSG_NOSIGNAL);
        if (sent < 0) /* the server has closed already: what it said about it is read later */
            return;
        at += sent;
        length -= (size_t)sent;
    }
}

size_t ws_client_read_raw(struct ws_client *client, void *bytes, size_t capacity)
{
    ssize_t count = recv(client->fd, bytes, capacity, 0);
    if (count < 0 && errno == ECONNRESET)
        return 0;
    assert_true(count >= 0);
    return (size_t)count;
}

/* Makes at least count bytes available. False at the end of the connection. */
static bool fill_input(struct ws_client *client, size_t count)
{
    while (client->input_end - client->input_start < count) {
        if (client->input_start > 0) {
            memmove(client->input, client->input + client->input_start,
                    client->input_end - client->input_start);
            client->input_end -= client->input_start;
            client->input_start = 0;
        }
        if (client->input_capacity - client->input_end < READ_BYTES) {
            client->input_capacity = client->input_end + count + READ_BYTES;
            client->input = realloc(client->input, client->input_capacity);
            assert_non_null(client->input);
        }
        size_t got = ws_client_read_raw(client, client->input + client->input_end, READ_BYTES);
        if (got == 0)
            return false;
        client->input_end += got;
    }
    return true;
}

void ws_client_connect(struct ws_client *client, uint16_t port, const char *path,
                       const char *headers)
{
    char request[4096];
    ws_client_dial(client, port);
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
                          "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                          "Sec-WebSocket-Version: 13\r\n%s\r\n",
                          path, port, headers);
    assert_in_range(length, 1, sizeof request - 1);
    ws_client_send_raw(client, request, (size_t)length);
    size_t answer_bytes = 0;
    do {
        assert_true(fill_input(client, ++answer_bytes));
    } while (answer_bytes < 4 || memcmp(client->input + answer_bytes - 4, "\r\n\r\n", 4) != 0);
    assert_memory_equal(client->input, "HTTP/1.1 101", 12);
    assert_null(memmem(client->input, answer_bytes, "permessage-deflate", 18));
    client->input_start = answer_bytes;
}

void ws_client_send_frame(struct ws_client *client, int opcode, bool is_final, const void *bytes,
                          size_t length)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t *frame = malloc(length + 14);
    assert_non_null(frame);
    size_t at = 0;
    frame[at++] = (uint8_t)((is_final ? 0x80 : 0) | opcode);
    if (length < 126) {
        frame[at++] = (uint8_t)(0x80 | length);
    } else {
        bool is_short = length <= UINT16_MAX;
        frame[at++] = is_short ? 0x80 | 126 : 0x80 | 127;
        for (int shift = is_short ? 8 : 56; shift >= 0; shift -= 8)
            frame[at++] = (uint8_t)((uint64_t)length >> shift);
    }
    memcpy(frame + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < length; i++)
        frame[at + i] = ((const uint8_t *)bytes)[i] ^ mask[i % 4];
    ws_client_send_raw(client, frame, at + length);
    free(frame);
}

void ws_client_say(struct ws_client *client, const char *text)
{
    ws_client_send_frame(client, WS_TEXT, true, text, strlen(text));
}

/* Reads one frame behind the message gathered so far. */
static int receive_frame(struct ws_client *client, bool *is_final)
{
    if (!fill_input(client, 2))
        return WS_EOF;
    const uint8_t *head = client->input + client->input_start;
    int opcode = head[0] & 15;
    *is_final = (head[0] & 0x80) != 0;
    assert_int_equal(head[0] & 0x70, 0);
    assert_int_equal(head[1] & 0x80, 0);
    uint64_t length = head[1];
    size_t width = length == 127 ? 8 : length == 126 ? 2 : 0;
    if (!fill_input(client, 2 + width))
        return WS_EOF;
    head = client->input + client->input_start;
    if (width > 0)
        length = 0;
    for (size_t i = 0; i < width; i++)
        length = length << 8 | head[2 + i];
    if (!fill_input(client, 2 + width + length))
        return WS_EOF;
    if (client->message_bytes + length + 1 > client->message_capacity) {
        client->message_capacity = (client->message_bytes + length + 1) * 2;
        client->message = realloc(client->message, client->message_capacity);
        assert_non_null(client->message);
    }
    memcpy(client->message + client->message_bytes, client->input + client->input_start + 2 + width,
           length);
    client->message_bytes += length;
    client->message[client->message_bytes] = '\0';
    client->input_start += 2 + width + length;
    return opcode;
}

int ws_client_receive(struct ws_client *client)
{
    bool is_final;
    client->message_bytes = 0;
    int opcode = receive_frame(client, &is_final);
    int part = opcode;
    while (part != WS_EOF && !is_final)
        part = receive_frame(client, &is_final);
    if (part == WS_EOF)
        return WS_EOF;
    if (opcode == WS_CLOSE) {
        client->close_code = client->message_bytes >= 2
                                 ? client->message[0] << 8 | client->message[1]
                                 : 0;
        ws_client_send_frame(client, WS_CLOSE, true, client->message, client->message_bytes);
    }
    return opcode;
}
