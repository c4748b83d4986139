/* What a venue sends is stored as it came, linked to its ticks, and without our keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <qta/session.h>

#include "recorder/secret_mask.h"
#include "tests/recorder/scratch_folder.h"
#include "tests/recorder/stage.h"

#define S STAGE_S

static int make_stage(void **state)
{
    struct stage *stage = malloc(sizeof *stage);
    assert_non_null(stage);
    stage_init(stage, "chatty");
    stage->options.recording.is_enabled = true;
    stage->options.recording.has_raw_frames = true;
    stage->options.recording.directory = scratch_make_in_memory();
    *state = stage;
    return 0;
}

static int free_stage(void **state)
{
    struct stage *stage = *state;
    char *folder = (char *)(uintptr_t)stage->options.recording.directory;
    stage_finish(stage);
    scratch_remove(folder);
    free(stage);
    return 0;
}

/* "welcome|ok AAPL|t AAPL 3#3|": each frame's text, with the count of its ticks where it has any.
 */
static void tell_frames(const char *path, char *text, size_t capacity)
{
    struct qta_raw_reader *reader;
    const struct qta_raw_frame *frame;
    struct qta_error err;
    size_t used = 0;
    text[0] = '\0';
    assert_int_equal(qta_raw_reader_create(&reader, path, NULL, &err), QTA_OK);
    while (qta_raw_reader_next(reader, &frame, &err) == QTA_OK) {
        used += (size_t)snprintf(text + used, capacity - used, "%.*s", (int)frame->stored_length,
                                 (const char *)frame->bytes);
        if (frame->tick_count > 0)
            used += (size_t)snprintf(text + used, capacity - used, "#%u", frame->tick_count);
        used += (size_t)snprintf(text + used, capacity - used, "|");
        assert_true(used < capacity);
    }
    assert_int_equal(err.status, QTA_ERR_END);
    qta_raw_reader_destroy(reader);
}

/* Each trade is in the range of exactly one frame, of its connection and time. */
static void assert_every_trade_is_linked(const char *path)
{
    struct scratch_session session;
    struct qta_raw_reader *reader;
    const struct qta_raw_frame *frame = NULL;
    scratch_read(&session, path);
    assert_int_equal(qta_raw_reader_create(&reader, path, NULL, NULL), QTA_OK);
    for (size_t i = 0; i < session.count; i++) {
        const struct qta_tick *tick = &session.ticks[i];
        if (tick->type != QTA_TICK_TRADE)
            continue;
        while (!frame || tick->rx_seq >= frame->first_seq + frame->tick_count)
            assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_OK);
        assert_true(tick->rx_seq >= frame->first_seq);
        assert_true(tick->ts_recv_ns == frame->ts_recv_ns);
        assert_int_equal(tick->conn, frame->conn);
        assert_memory_equal(frame->bytes, "t ", 2);
    }
    qta_raw_reader_destroy(reader);
    scratch_free(&session);
    struct qta_session_verdict verdict;
    assert_int_equal(qta_session_verify(path, NULL, NULL, NULL, &verdict, NULL), QTA_OK);
}

static const char *path_of(struct stage *stage, char path[512])
{
    snprintf(path, 512, "%s", qta_gateway_session_path(stage->gateway));
    return path;
}

static void every_message_is_stored_with_its_ticks(void **state)
{
    struct stage *stage = *state;
    static const struct act acts[] = {
        {.says = "t AAPL 3", .lifetime_ns = 3 * S, .end = {.cause = QTA_CAUSE_PEER_CLOSED}},
        {.says = "what", .tick_interval_ns = 100 * S},
    };
    char path[512];
    char text[4096];
    stage->acts = acts;
    stage->act_count = 2;
    stage_open(stage);
    stage_run_for(stage, 8 * S);
    path_of(stage, path);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    tell_frames(path, text, sizeof text);
    assert_string_equal(text, "welcome|ok AAPL|ok MSFT|t AAPL 3#3|t AAPL#1|t AAPL#1|"
                              "welcome|ok AAPL|ok MSFT|what|");
    assert_every_trade_is_linked(path);
}

static void nothing_is_stored_unless_it_is_asked_for(void **state)
{
    struct stage *stage = *state;
    char path[512];
    char text[4096];
    stage->options.recording.has_raw_frames = false;
    stage_open(stage);
    stage_run_for(stage, 5 * S);
    path_of(stage, path);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    tell_frames(path, text, sizeof text);
    assert_string_equal(text, "");
}

/* The venue's messages up to midnight are in one session, the others in the next. */
static void frames_go_into_the_session_of_their_ticks(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {.tick_interval_ns = S / 4};
    char path[512];
    /* 2024-05-02T03:59:57Z is three seconds to midnight in New York */
    stage->environment.realtime_ns = INT64_C(1714622397000000000);
    stage->options.recording.timezone = "America/New_York";
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 6 * S);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    for (int day = 1; day <= 2; day++) {
        snprintf(path, sizeof path, "%s/2024-05-%02d", stage->options.recording.directory, day);
        assert_every_trade_is_linked(path);
    }
}

static void frames_of_a_stream_are_what_was_consumed(void **state)
{
    struct stage *stage = *state;
    char path[512];
    char text[4096];
    stage->provider.adapter = "chatty-tcp";
    stage->provider.websocket_url = "tcp://venue:1";
    stage_open(stage);
    stage_run_for(stage, 5 * S / 2);
    path_of(stage, path);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    tell_frames(path, text, sizeof text);
    assert_string_equal(text, "welcome\n|ok AAPL\n|ok MSFT\n|t AAPL\n#1|t AAPL\n#1|");
    assert_every_trade_is_linked(path);
}

/* ---- secrets ----------------------------------------------------------------------------------
 */

static void keys_that_the_venue_sends_back_are_not_stored(void **state)
{
    struct stage *stage = *state;
    static const struct act act = {
        .says = "what PKTESTKEY and s3/cr+et, s3\\/cr+et",
        .tick_interval_ns = 100 * S,
    };
    char path[512];
    char text[4096];
    stage->provider.api_key = "PKTESTKEY";
    stage->provider.api_secret = "s3/cr+et";
    stage->acts = &act;
    stage->act_count = 1;
    stage_open(stage);
    stage_run_for(stage, 5 * S);
    path_of(stage, path);
    assert_int_equal(stage_stop(stage, NULL), QTA_OK);
    tell_frames(path, text, sizeof text);
    assert_string_equal(text, "welcome|ok AAPL|ok MSFT|what ********* and ********, *********|");
    struct qta_raw_reader *reader;
    const struct qta_raw_frame *frame;
    assert_int_equal(qta_raw_reader_create(&reader, path, NULL, NULL), QTA_OK);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(qta_raw_reader_next(reader, &frame, NULL), QTA_OK);
        assert_int_equal(frame->flags, i == 3 ? QTA_RAW_MASKED : 0);
        assert_int_equal(frame->length, frame->stored_length);
    }
    qta_raw_reader_destroy(reader);
}

static void masks_know_where_a_secret_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *masked; /* NULL: there is nothing to mask */
    } cases[] = {
        {"", NULL},
        {"k", NULL},
        {"key", "***"},
        {"keykey", "******"},
        {"kekey keyx", "ke*** ***x"},
        {"a/b/key a\\/b", "***/*** ****"},
        {"a\\b", NULL},
    };
    char key[] = "key";
    char secret[] = "a/b";
    struct qta_credentials credentials = {.api_key = key, .api_secret = secret};
    struct qta_secret_mask mask;
    assert_int_equal(qta_secret_mask_init(&mask, &credentials, NULL, NULL), QTA_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[32];
        size_t length = strlen(cases[i].text);
        print_message("'%s'\n", cases[i].text);
        memcpy(bytes, cases[i].text, length + 1);
        assert_int_equal(qta_secret_mask_finds(&mask, bytes, length), cases[i].masked != NULL);
        qta_secret_mask_apply(&mask, bytes, length);
        assert_string_equal((char *)bytes, cases[i].masked ? cases[i].masked : cases[i].text);
    }
    qta_secret_mask_finish(&mask);
    struct qta_credentials none = {0};
    assert_int_equal(qta_secret_mask_init(&mask, &none, NULL, NULL), QTA_OK);
    assert_false(qta_secret_mask_finds(&mask, (const uint8_t *)"key", 3));
    qta_secret_mask_finish(&mask);
}

int main(void)
{
#define WITH_STAGE(test) cmocka_unit_test_setup_teardown(test, make_stage, free_stage)
    const struct CMUnitTest tests[] = {
        WITH_STAGE(every_message_is_stored_with_its_ticks),
        WITH_STAGE(nothing_is_stored_unless_it_is_asked_for),
        WITH_STAGE(frames_go_into_the_session_of_their_ticks),
        WITH_STAGE(frames_of_a_stream_are_what_was_consumed),
        WITH_STAGE(keys_that_the_venue_sends_back_are_not_stored),
        cmocka_unit_test(masks_know_where_a_secret_ends),
    };
#undef WITH_STAGE
    return cmocka_run_group_tests_name("stored frames", tests, NULL, NULL);
}
