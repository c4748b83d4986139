#include "tests/bench/frame_blaster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench_peer.h"

enum { FRAMES = 256, FRAME_HEADER_BYTES = 4, MESSAGE_BYTES_MAX = 192 };

static void require(bool is_good, const char *what)
{
    if (is_good)
        return;
    perror(what);
    _exit(1);
}

/* ---- Alpaca's greeting -------------------------------------------------------------------------
 */

static void send_text(struct bench_peer *peer, const char *text)
{
    unsigned char head[FRAME_HEADER_BYTES] = {0x81, 126, (unsigned char)(strlen(text) >> 8),
                                              (unsigned char)strlen(text)};
    bench_peer_send(peer, head, sizeof head);
    bench_peer_send(peer, text, strlen(text));
}

/* One masked frame of the client, thrown away: what it asks for is known. */
static void skip_message(struct bench_peer *peer)
{
    unsigned char head[2];
    unsigned char rest[65536];
    bench_peer_read(peer, head, sizeof head);
    size_t length = head[1] & 0x7f;
    if (length == 126) {
        bench_peer_read(peer, rest, 2);
        length = (size_t)rest[0] << 8 | rest[1];
    }
    bench_peer_read(peer, rest, length + 4);
}

static void greet_as_alpaca(struct bench_peer *peer)
{
    send_text(peer, "[{\"T\":\"success\",\"msg\":\"connected\"}]");
    skip_message(peer);
    send_text(peer, "[{\"T\":\"success\",\"msg\":\"authenticated\"}]");
    skip_message(peer);
    send_text(peer, "[{\"T\":\"subscription\",\"trades\":[\"*\"],\"quotes\":[\"*\"],\"bars\":[]}]");
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

static void blast(struct bench_peer *peer, const struct frame_blaster *blaster)
{
    struct frames frames = render_frames(blaster->ticks_a_frame);
    uint64_t left = blaster->ticks / blaster->ticks_a_frame;
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (uint64_t i = 0; blaster->frame_interval_ns > 0 && left > 0; i++, left--) {
        size_t from = i % FRAMES == 0 ? 0 : frames.ends[i % FRAMES - 1];
        wait_for_frame(&start, (int64_t)i * blaster->frame_interval_ns);
        bench_peer_send(peer, frames.bytes + from, frames.ends[i % FRAMES] - from);
    }
    while (left > 0) {
        uint64_t count = left < FRAMES ? left : FRAMES;
        bench_peer_send(peer, frames.bytes, frames.ends[count - 1]);
        left -= count;
    }
    free(frames.bytes);
}

static void serve(struct bench_peer *peer, const void *user)
{
    const struct frame_blaster *blaster = user;
    if (strstr(peer->request, "/v2/"))
        greet_as_alpaca(peer);
    blast(peer, blaster);
    bench_peer_close(peer);
}

void frame_blaster_start(struct frame_blaster *blaster)
{
    blaster->child = bench_peer_start(&blaster->port, blaster->is_tls, serve, blaster);
}

void frame_blaster_finish(struct frame_blaster *blaster)
{
    bench_peer_finish(blaster->child);
}
