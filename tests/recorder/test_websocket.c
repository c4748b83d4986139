/* WebSocket frames: those of a server in any slices, and those that we write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "recorder/websocket_reader.h"
#include "recorder/websocket_writer.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Reads all bytes, `slice` at a time, into a line a event: "T:hello B:.. P:ping C:1000:bye X:1002".
 */
static void read_all(const uint8_t *bytes, size_t length, size_t slice, size_t message_max,
                     char *text, size_t capacity)
{
    struct qta_websocket_reader reader;
    qta_websocket_reader_init(&reader, message_max);
    size_t used = 0;
    text[0] = '\0';
    for (size_t at = 0; at < length; at += slice) {
        size_t part = length - at < slice ? length - at : slice;
        uint8_t *copy = malloc(part); /* exactly as long: a sanitizer sees a read too far */
        assert_non_null(copy);
        memcpy(copy, bytes + at, part);
        const uint8_t *p = copy;
        size_t left = part;
        struct qta_websocket_event event;
        enum qta_websocket_event_type type;
        while ((type = qta_websocket_reader_next(&reader, &p, &left, &event)) !=
               QTA_WEBSOCKET_NOTHING) {
            static const char *const names[] = {"", "", "P", "O", "C", "X"};
            const char *name = type == QTA_WEBSOCKET_MESSAGE ? (event.is_binary ? "B" : "T")
                                                             : names[type];
            used += (size_t)snprintf(text + used, capacity - used, "%s%s:", used ? " " : "", name);
            if (type >= QTA_WEBSOCKET_CLOSE_CAME)
                used += (size_t)snprintf(text + used, capacity - used, "%d:", event.code);
            if (type == QTA_WEBSOCKET_BROKEN)
                assert_non_null(event.why);
            else
                used += (size_t)snprintf(text + used, capacity - used, "%.*s", (int)event.length,
                                         (const char *)event.bytes);
            assert_true(used < capacity);
        }
        assert_int_equal(left, reader.is_done ? left : 0);
        free(copy);
    }
    qta_websocket_reader_finish(&reader);
}

#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static void events_are_the_same_in_any_slices(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *bytes;
        size_t length;
        const char *events;
    } cases[] = {
        {BYTES("\x81\x05hello"), "T:hello"},
        {BYTES("\x82\x02\x01\x02"), "B:\x01\x02"},
        {BYTES("\x81\x00"), "T:"},
        {BYTES("\x81\x01"
               "a"
               "\x81\x01"
               "b"
               "\x82\x01"
               "c"),
         "T:a T:b B:c"},
        {BYTES("\x01\x03"
               "abc"
               "\x00\x00"
               "\x80\x03"
               "def"),
         "T:abcdef"},
        {BYTES("\x01\x00\x80\x00"), "T:"},
        {BYTES("\x01\x01"
               "a"
               "\x89\x02hi"
               "\x80\x01"
               "b"
               "\x8a\x00"),
         "P:hi T:ab O:"},
        {BYTES("\x88\x00"), "C:0:"},
        {BYTES("\x88\x02\x03\xe8"), "C:1000:"},
        {BYTES("\x88\x05\x0f\xa1"
               "bye"),
         "C:4001:bye"},
        {BYTES("\x88\x02\x03\xf4\x81\x01"
               "x"),
         "C:1012:"},
        {BYTES("\x81\x7e\x00\x03xyz"), "T:xyz"}, /* longer length than needed */
        {BYTES("\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x03xyz"), "T:xyz"},
        {BYTES("\x89\x01"), ""},
        {BYTES("\x88\x01\x03"), "X:1002:"},
        {BYTES("\x80\x01x"), "X:1002:"},
        {BYTES("\x01\x01x\x81\x01y"), "X:1002:"},
        {BYTES("\xc1\x01x"), "X:1002:"},
        {BYTES("\xa1\x01x"), "X:1002:"},
        {BYTES("\x91\x01x"), "X:1002:"},
        {BYTES("\x81\x81\x01\x02\x03\x04x"), "X:1002:"},
        {BYTES("\x83\x01x"), "X:1002:"},
        {BYTES("\x8b\x01x"), "X:1002:"},
        {BYTES("\x8f\x01x"), "X:1002:"},
        {BYTES("\x09\x01x"), "X:1002:"},
        {BYTES("\x08\x00"), "X:1002:"},
        {BYTES("\x89\x7e\x00\x80"), "X:1002:"},
        {BYTES("\x81\x7f\x80\x00\x00\x00\x00\x00\x00\x00"), "X:1002:"},
        {BYTES("\x81\x7f\x40\x00\x00\x00\x00\x00\x00\x00"), "X:1009:"},
        {BYTES("\x81\x7e\x01\x01"), "X:1009:"},
        {BYTES("\x01\x7e\x00\xff"), ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t slice = 1; slice <= cases[i].length; slice++) {
            char text[200];
            read_all(cases[i].bytes, cases[i].length, slice, 256, text, sizeof text);
            assert_string_equal(text, cases[i].events);
        }
    }
}

static void a_message_may_be_as_large_as_allowed_and_no_larger(void **state)
{
    (void)state;
    enum { MAX = 100000 };
    static const size_t parts[][3] = {{MAX, 0, 0}, {1, MAX - 1, 0}, {MAX / 2, MAX / 2, 0},
                                      {MAX, 1, 0}, {MAX + 1, 0, 0}, {40000, 40000, 20001}};
    uint8_t *payload = calloc(1, MAX + 1);
    assert_non_null(payload);
    for (size_t i = 0; i < COUNT(parts); i++) {
        struct qta_websocket_reader reader;
        qta_websocket_reader_init(&reader, MAX);
        size_t total = 0;
        struct qta_websocket_event event;
        enum qta_websocket_event_type type = QTA_WEBSOCKET_NOTHING;
        for (size_t part = 0; part < 3 && type == QTA_WEBSOCKET_NOTHING; part++) {
            total += parts[i][part];
            uint8_t header[10] = {(uint8_t)((part == 0 ? 2 : 0) | (part == 2 ? 0x80 : 0)), 127};
            for (int byte = 0; byte < 8; byte++)
                header[2 + byte] = (uint8_t)((uint64_t)parts[i][part] >> (56 - 8 * byte));
            const uint8_t *p = header;
            size_t left = sizeof header;
            type = qta_websocket_reader_next(&reader, &p, &left, &event);
            p = payload;
            left = parts[i][part];
            if (type == QTA_WEBSOCKET_NOTHING && left > 0)
                type = qta_websocket_reader_next(&reader, &p, &left, &event);
        }
        if (total <= MAX) {
            assert_int_equal(type, QTA_WEBSOCKET_MESSAGE);
            assert_int_equal(event.length, total);
        } else {
            assert_int_equal(type, QTA_WEBSOCKET_BROKEN);
            assert_int_equal(event.code, 1009);
        }
        qta_websocket_reader_finish(&reader);
    }
    free(payload);
}

static void endless_empty_fragments_come_to_an_end(void **state)
{
    (void)state;
    struct qta_websocket_reader reader;
    struct qta_websocket_event event;
    qta_websocket_reader_init(&reader, 1000);
    const uint8_t *p = (const uint8_t *)"\x01\x00";
    size_t left = 2;
    enum qta_websocket_event_type type = qta_websocket_reader_next(&reader, &p, &left, &event);
    int fragments = 1;
    while (type == QTA_WEBSOCKET_NOTHING && fragments < 10 * QTA_WEBSOCKET_FRAGMENTS_MAX) {
        p = (const uint8_t *)"\x00\x00";
        left = 2;
        type = qta_websocket_reader_next(&reader, &p, &left, &event);
        fragments++;
    }
    assert_int_equal(type, QTA_WEBSOCKET_BROKEN);
    assert_int_equal(event.code, 1009);
    assert_int_equal(fragments, QTA_WEBSOCKET_FRAGMENTS_MAX + 1);
    qta_websocket_reader_finish(&reader);
}

static void whole_messages_are_not_copied(void **state)
{
    (void)state;
    static const uint8_t bytes[] = "\x81\x03one\x81\x03two\x81\x05thr";
    struct qta_websocket_reader reader;
    struct qta_websocket_event event;
    qta_websocket_reader_init(&reader, 1000);
    const uint8_t *p = bytes;
    size_t left = sizeof bytes - 1;
    assert_false(qta_websocket_reader_is_within_message(&reader));
    assert_int_equal(qta_websocket_reader_next(&reader, &p, &left, &event), QTA_WEBSOCKET_MESSAGE);
    assert_ptr_equal(event.bytes, bytes + 2);
    assert_int_equal(qta_websocket_reader_next(&reader, &p, &left, &event), QTA_WEBSOCKET_MESSAGE);
    assert_ptr_equal(event.bytes, bytes + 7);
    assert_false(qta_websocket_reader_is_within_message(&reader));
    assert_int_equal(qta_websocket_reader_next(&reader, &p, &left, &event), QTA_WEBSOCKET_NOTHING);
    assert_true(qta_websocket_reader_is_within_message(&reader));
    qta_websocket_reader_finish(&reader);
}

/* ---- compressed messages (RFC 7692) ------------------------------------------------------------
 */

static void read_compressed(const uint8_t *bytes, size_t length, bool keeps_context,
                            size_t message_max, char *text, size_t capacity)
{
    for (size_t slice = 1; slice <= length; slice++) {
        struct qta_websocket_reader reader;
        size_t used = 0;
        qta_websocket_reader_init(&reader, message_max);
        assert_true(qta_websocket_reader_allow_deflate(&reader, keeps_context));
        for (size_t at = 0; at < length; at += slice) {
            const uint8_t *p = bytes + at;
            size_t left = length - at < slice ? length - at : slice;
            struct qta_websocket_event event;
            enum qta_websocket_event_type type;
            while ((type = qta_websocket_reader_next(&reader, &p, &left, &event)) !=
                   QTA_WEBSOCKET_NOTHING) {
                int code = type == QTA_WEBSOCKET_BROKEN ? event.code : 0;
                size_t shown = type == QTA_WEBSOCKET_BROKEN ? 0 : event.length;
                used += (size_t)snprintf(text + used, capacity - used, "%s%.*s", used ? "|" : "",
                                         (int)shown, (const char *)event.bytes);
                if (code)
                    used += (size_t)snprintf(text + used, capacity - used, "broken %d", code);
            }
        }
        qta_websocket_reader_finish(&reader);
    }
}

/* The first six are the examples of section 7.2.3. */
static void compressed_messages_come_as_they_were(void **state)
{
    (void)state;
    static const struct {
        const uint8_t *bytes;
        size_t length;
        bool keeps_context;
        const char *events;
    } cases[] = {
        {BYTES("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"), true, "Hello"},
        {BYTES("\x41\x03\xf2\x48\xcd\x80\x04\xc9\xc9\x07\x00"), true, "Hello"},
        {BYTES("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"), true,
         "Hello|Hello"},
        {BYTES("\xc1\x0b\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), true, "Hello"},
        {BYTES("\xc1\x08\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), true, "Hello"},
        {BYTES("\xc1\x0d\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), true, "Hello"},
        {BYTES(
             "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\x81\x02hi\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00"),
         false, "Hello|hi|Hello"},
        {BYTES("\xc1\x01\x00"), true, ""},
        {BYTES("\xc1\x01\x00\x81\x01x"), true, "x"},
        /* refers to a message that is not remembered */
        {BYTES("\xc1\x07\xf2\x48\xcd\xc9\xc9\x07\x00\xc1\x05\xf2\x00\x11\x00\x00"), false,
         "Hello|broken 1007"},
        {BYTES("\xc1\x02\xff\xff"), true, "broken 1007"},
        {BYTES("\xc1\x03\xf2\x48\xcd"), true, "broken 1007"},
        /* the bit belongs to the first frame of a message alone, and to no control frame */
        {BYTES("\x41\x03\xf2\x48\xcd\xc0\x04\xc9\xc9\x07\x00"), true, "broken 1002"},
        {BYTES("\xc9\x01x"), true, "broken 1002"},
        {BYTES("\xe1\x01x"), true, "broken 1002"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256] = "";
        print_message("case %zu\n", i);
        read_compressed(cases[i].bytes, cases[i].length, cases[i].keeps_context, 1000, text,
                        sizeof text);
        assert_string_equal(text, cases[i].events);
    }
}

static void a_message_may_not_unpack_to_more_than_is_allowed(void **state)
{
    (void)state;
    static const uint8_t hello[] = "\xc1\x07\xf2\x48\xcd\xc9\xc9\x07";
    char text[64] = "";
    read_compressed(hello, sizeof hello, true, 7, text, sizeof text);
    assert_string_equal(text, "Hello");
    /* 300 times "a": d = zlib.compressobj(wbits=-15) */
    static const uint8_t many[] = "\xc1\x08\x4a\x4c\x1c\x05\xc4\x02\x00";
    read_compressed(many, sizeof many, true, 299, text, sizeof text);
    assert_string_equal(text, "broken 1009");
}

static void random_bytes_do_no_harm(void **state)
{
    (void)state;
    uint64_t random = 7;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            bytes[i] = (uint8_t)(random >> 56);
        }
        bytes[0] &= 0x8f; /* or most would end at the first byte */
        bytes[1] &= 0x7f;
        struct qta_websocket_reader reader;
        struct qta_websocket_event event;
        qta_websocket_reader_init(&reader, 4096);
        size_t events = 0;
        for (size_t at = 0; at < sizeof bytes; at += 16) {
            const uint8_t *p = bytes + at;
            size_t left = 16;
            while (qta_websocket_reader_next(&reader, &p, &left, &event) != QTA_WEBSOCKET_NOTHING)
                assert_true(++events <= sizeof bytes);
        }
        qta_websocket_reader_finish(&reader);
    }
}

/* Takes the mask off a frame of ours, as a server does; returns its payload's length. */
static size_t unmask(uint8_t *frame, size_t length, uint8_t *payload, size_t *header_length)
{
    assert_true(length >= 6);
    assert_true(frame[1] & 0x80);
    size_t size = frame[1] & 0x7f;
    size_t at = 2;
    if (size >= 126) {
        size_t bytes = size == 126 ? 2 : 8;
        size = 0;
        while (bytes-- > 0)
            size = size << 8 | frame[at++];
    }
    for (size_t i = 0; i < size; i++)
        payload[i] = frame[at + 4 + i] ^ frame[at + i % 4];
    *header_length = at + 4;
    return size;
}

static void our_frames_are_masked_and_whole(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    static const size_t lengths[] = {0, 1, 7, 8, 9, 125, 126, 127, 65535, 65536, 70001};
    static uint8_t payload[70001];
    static uint8_t read[70001];
    for (size_t i = 0; i < sizeof payload; i++)
        payload[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < COUNT(lengths); i++) {
        struct qta_byte_queue out = {0};
        assert_true(
            qta_websocket_write_frame(&out, QTA_WEBSOCKET_BINARY, true, payload, lengths[i], mask));
        assert_int_equal(out.memory[out.head], 0x82);
        size_t header;
        size_t size = unmask(out.memory + out.head, qta_byte_queue_length(&out), read, &header);
        assert_int_equal(size, lengths[i]);
        assert_int_equal(header + size, qta_byte_queue_length(&out));
        assert_memory_equal(read, payload, size);
        qta_byte_queue_finish(&out);
    }
}

static void long_messages_go_in_fragments(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {1, 2, 3, 4};
    static const struct {
        size_t length;
        size_t frames;
    } cases[] = {{0, 1}, {32768, 1}, {32769, 2}, {65536, 2}, {100000, 4}};
    static uint8_t message[100000];
    static uint8_t read[100000];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 13);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct qta_byte_queue out = {0};
        assert_true(qta_websocket_write_message(&out, message, cases[i].length, false, mask));
        size_t total = 0;
        size_t frames = 0;
        while (qta_byte_queue_length(&out) > 0) {
            uint8_t *frame = out.memory + out.head;
            bool is_last = frames + 1 == cases[i].frames;
            assert_int_equal(frame[0], (frames == 0 ? 1 : 0) | (is_last ? 0x80 : 0));
            size_t header;
            size_t size = unmask(frame, qta_byte_queue_length(&out), read + total, &header);
            assert_true(size <= QTA_WEBSOCKET_FRAGMENT_BYTES);
            qta_byte_queue_consume(&out, header + size);
            total += size;
            frames++;
        }
        assert_int_equal(frames, cases[i].frames);
        assert_int_equal(total, cases[i].length);
        assert_memory_equal(read, message, total);
        qta_byte_queue_finish(&out);
    }
}

static void close_frames_carry_a_code_and_a_short_reason(void **state)
{
    (void)state;
    static const uint8_t mask[4] = {0};
    char long_reason[300];
    memset(long_reason, 'x', sizeof long_reason - 1);
    long_reason[sizeof long_reason - 1] = '\0';
    struct qta_byte_queue out = {0};
    assert_true(qta_websocket_write_close(&out, 0, "", mask));
    assert_int_equal(qta_byte_queue_length(&out), 6);
    qta_byte_queue_finish(&out);
    assert_true(qta_websocket_write_close(&out, 1009, "big", mask));
    assert_memory_equal(qta_byte_queue_bytes(&out),
                        "\x88\x85\0\0\0\0\x03\xf1"
                        "big",
                        11);
    qta_byte_queue_finish(&out);
    assert_true(qta_websocket_write_close(&out, 1000, long_reason, mask));
    assert_int_equal(qta_byte_queue_length(&out), 6 + 125);
    qta_byte_queue_finish(&out);
}

static void only_codes_of_the_standard_are_valid(void **state)
{
    (void)state;
    static const int valid[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010,
                                1011, 1012, 1013, 1014, 3000, 4001, 4999};
    static const int invalid[] = {-1, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535};
    for (size_t i = 0; i < COUNT(valid); i++)
        assert_true(qta_websocket_code_is_valid(valid[i]));
    for (size_t i = 0; i < COUNT(invalid); i++)
        assert_false(qta_websocket_code_is_valid(invalid[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_are_the_same_in_any_slices),
        cmocka_unit_test(a_message_may_be_as_large_as_allowed_and_no_larger),
        cmocka_unit_test(endless_empty_fragments_come_to_an_end),
        cmocka_unit_test(whole_messages_are_not_copied),
        cmocka_unit_test(compressed_messages_come_as_they_were),
        cmocka_unit_test(a_message_may_not_unpack_to_more_than_is_allowed),
        cmocka_unit_test(random_bytes_do_no_harm),
        cmocka_unit_test(our_frames_are_masked_and_whole),
        cmocka_unit_test(long_messages_go_in_fragments),
        cmocka_unit_test(close_frames_carry_a_code_and_a_short_reason),
        cmocka_unit_test(only_codes_of_the_standard_are_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
