#include "tests/bench/frame_blaster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FRAMES = 256, FRAME_HEADER_BYTES = 4, MESSAGE_BYTES_MAX = 192, REQUEST_BYTES = 8192 };

static void require(bool is_good, const char *what)
{
    if (is_good)
        return;
    perror(what);
    _exit(1);
}

static void write_all(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t written = send(fd, at, length, MSG_NOSIGNAL);
        if (written <= 0)
            _exit(1); /* the client has gone */
        at += written;
        length -= (size_t)written;
    }
}

static void read_all(int fd, void *bytes, size_t length)
{
    require(recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length, "frame_blaster: read");
}

/* ---- WebSocket --------------------------------------------------------------------------------
 */

static void answer_upgrade(int fd, const char *request)
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const char *key = strcasestr(request, "\r\nSec-WebSocket-Key: ");
    require(key != NULL, "frame_blaster: no key in the request");
    key += strlen("\r\nSec-WebSocket-Key: ");
    char text[128];
    int length = snprintf(text, sizeof text, "%.*s%s", (int)strcspn(key, "\r"), key, guid);
    unsigned char digest[SHA_DIGEST_LENGTH];
    unsigned char accept[64];
    SHA1((unsigned char *)text, (size_t)length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    char answer[256];
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      (char *)accept);
    write_all(fd, answer, (size_t)length);
}

static void send_text(int fd, const char *text)
{
    unsigned char head[FRAME_HEADER_BYTES] = {0x81, 126, (unsigned char)(strlen(text) >> 8),
                                              (unsigned char)strlen(text)};
    write_all(fd, head, sizeof head);
    write_all(fd, text, strlen(text));
}

/* One masked frame of the client, thrown away: what it asks for is known. */
static void skip_message(int fd)
{
    unsigned char head[2];
    unsigned char rest[65536];
    read_all(fd, head, sizeof head);
    size_t length = head[1] & 0x7f;
    if (length == 126) {
        read_all(fd, rest, 2);
        length = (size_t)rest[0] << 8 | rest[1];
    }
    read_all(fd, rest, length + 4);
}

static void greet_as_alpaca(int fd)
{
    send_text(fd, "[{\"T\":\"success\",\"msg\":\"connected\"}]");
    skip_message(fd);
    send_text(fd, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    skip_message(fd);
    send_text(fd, "[{\"T\":\"subscription\",\"trades\":[\"*\"],\"quotes\":[\"*\"],\"bars\":[]}]");
}

/* ---- frames -----------------------------------------------------------------------------------
 */

static int render_message(char *text, size_t capacity, unsigned number)
{
    unsigned symbol = number * 7 % 100;
    if (number % 5 == 0)
        return snprintf(text, capacity,
                        "{\"T\":\"t\",\"i\":%u,\"S\":\"SYM%02u\",\"x\":\"V\",\"p\":%u.%02u,"
                        "\"s\":%u,\"c\":[\"@\",\"I\"],\"z\":\"C\","
                        "\"t\":\"2024-05-01T13:30:%02u.%09uZ\"}",
                        number, symbol, 100 + symbol, number % 100, number % 300 + 1, number % 60,
                        number * 7919 % 1000000000);
    return snprintf(text, capacity,
                    "{\"T\":\"q\",\"S\":\"SYM%02u\",\"bx\":\"K\",\"bp\":%u.%02u,\"bs\":%u,"
                    "\"ax\":\"V\",\"ap\":%u.%02u,\"as\":%u,\"c\":[\"R\"],\"z\":\"C\","
                    "\"t\":\"2024-05-01T13:30:%02u.%09uZ\"}",
                    symbol, 100 + symbol, number % 100, number % 9, 101 + symbol, number % 100,
                    number % 8 + 1, number % 60, number * 7919 % 1000000000);
}

/* FRAMES frames, one behind the other. */
struct frames {
    char *bytes;
    size_t ends[FRAMES];
};

static struct frames render_frames(unsigned ticks_a_frame)
{
    struct frames frames = {
        .bytes = malloc(FRAMES * ((size_t)ticks_a_frame * MESSAGE_BYTES_MAX + 64))};
    require(frames.bytes != NULL, "frame_blaster: memory");
    size_t at = 0;
    unsigned number = 1;
    for (int i = 0; i < FRAMES; i++) {
        size_t start = at;
        at += FRAME_HEADER_BYTES;
        for (unsigned j = 0; j < ticks_a_frame; j++) {
            frames.bytes[at++] = j == 0 ? '[' : ',';
            at += (size_t)render_message(frames.bytes + at, MESSAGE_BYTES_MAX, number++);
        }
        frames.bytes[at++] = ']';
        size_t length = at - start - FRAME_HEADER_BYTES;
        require(length >= 126 && length < 65536, "frame_blaster: ticks_a_frame");
        const unsigned char head[] = {0x81, 126, (unsigned char)(length >> 8),
                                      (unsigned char)length};
        memcpy(frames.bytes + start, head, sizeof head);
        frames.ends[i] = at;
    }
    return frames;
}

/* Each frame at its own absolute time, so that a late one makes no later one late. */
static void wait_for_frame(const struct timespec *start, int64_t offset_ns)
{
    int64_t at_ns = start->tv_nsec + offset_ns;
    struct timespec at = {.tv_sec = start->tv_sec + at_ns / 1000000000,
                          .tv_nsec = at_ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void blast(int fd, const struct frame_blaster *blaster)
{
    struct frames frames = render_frames(blaster->ticks_a_frame);
    uint64_t left = blaster->ticks / blaster->ticks_a_frame;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; blaster->frame_interval_ns > 0 && left > 0; i++, left--) {
        size_t from = i % FRAMES == 0 ? 0 : frames.ends[i % FRAMES - 1];
        wait_for_frame(&start, (int64_t)i * blaster->frame_interval_ns);
        write_all(fd, frames.bytes + from, frames.ends[i % FRAMES] - from);
    }
    while (left > 0) {
        uint64_t count = left < FRAMES ? left : FRAMES;
        write_all(fd, frames.bytes, frames.ends[count - 1]);
        left -= count;
    }
    free(frames.bytes);
}

static void serve(int listener, const struct frame_blaster *blaster)
{
    static const unsigned char close_frame[] = {0x88, 2, 1000 >> 8, 1000 & 0xff};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1);
    int fd = accept(listener, NULL, NULL);
    require(fd >= 0, "frame_blaster: accept");
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char request[REQUEST_BYTES] = "";
    size_t length = 0;
    while (!strstr(request, "\r\n\r\n") && length < sizeof request - 1) {
        ssize_t got = recv(fd, request + length, sizeof request - 1 - length, 0);
        require(got > 0, "frame_blaster: request");
        length += (size_t)got;
    }
    answer_upgrade(fd, request);
    if (strstr(request, "/v2/"))
        greet_as_alpaca(fd);
    blast(fd, blaster);
    write_all(fd, close_frame, sizeof close_frame);
    while (recv(fd, request, sizeof request, 0) > 0)
        continue;
    close(fd);
}

void frame_blaster_start(struct frame_blaster *blaster)
{
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    require(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
                listen(listener, 1) == 0 &&
                getsockname(listener, (struct sockaddr *)&address, &length) == 0,
            "frame_blaster: listen");
    blaster->port = ntohs(address.sin_port);
    blaster->child = fork();
    require(blaster->child >= 0, "frame_blaster: fork");
    if (blaster->child == 0) {
        serve(listener, blaster);
        _exit(0);
    }
    close(listener);
}

void frame_blaster_finish(struct frame_blaster *blaster)
{
    int status;
    waitpid(blaster->child, &status, 0);
}
