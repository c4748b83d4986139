/** @file ws_client.h
 *  A small blocking WebSocket client for tests, of its own making so that it may misbehave. Any
 *  failure of the connection itself ends the test. */
#ifndef QTA_TESTS_WS_CLIENT_H
#define QTA_TESTS_WS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
    WS_EOF = 16, /**< the connection ended without a close frame */
};

struct ws_client {
    int fd;
    uint8_t *input; /**< received, not looked at yet */
    size_t input_start;
    size_t input_end;
    size_t input_capacity;
    uint8_t *message; /**< the last one received; NUL-ended */
    size_t message_bytes;
    size_t message_capacity;
    int close_code; /**< of the close frame received; 0 for none in it */
};

/** Connects to 127.0.0.1 and upgrades. headers are whole lines with CRLF, "" for none. */
void ws_client_connect(struct ws_client *client, uint16_t port, const char *path,
                       const char *headers);

/** Connects only: raw TCP. */
void ws_client_dial(struct ws_client *client, uint16_t port);

/** Closes the socket, whatever is going on. */
void ws_client_drop(struct ws_client *client);

/** Sends one frame, masked. */
void ws_client_send_frame(struct ws_client *client, int opcode, bool is_final, const void *bytes,
                          size_t length);

/** Sends a text message in one frame. */
void ws_client_say(struct ws_client *client, const char *text);

/** Sends bytes as they are. */
void ws_client_send_raw(struct ws_client *client, const void *bytes, size_t length);

/** Waits for the next message or control frame and returns its opcode. A close frame is answered.
 */
int ws_client_receive(struct ws_client *client);

/** Reads what there is, up to capacity; 0 at the end. */
size_t ws_client_read_raw(struct ws_client *client, void *bytes, size_t capacity);

#endif
