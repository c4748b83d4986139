/* The order in publish_stamped() is the promise: first the journal, then the outbox; and in flush:
 * first the disk, then the subscribers.
 *
 * In an outage of the recording ticks have no number and go to the outbox alone, counted; the
 * session is asked now and then whether it has room again, and gets a DROP record first of all.
 * When the run or the day ends before that, the DROP record is one of the session's last words, for
 * which it keeps room. */
#include "recorder/publisher.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <qta/log.h>
#include <qta/session.h>

enum {
    OUTBOX_TICKS = 256,
    SENTENCES_MAX = 4096, /* different details remembered: a venue's wording is not ours to bound */
    HELD_MAX = 256,       /* our own ticks that may wait for the first provider's time */
    RETRY_NS = 200000000, /* between two questions whether the session has room again */
};

/* The session takes no more. */
struct outage {
    bool is_on;
    uint64_t count; /* of records that are in no session and that no DROP record tells of yet */
    int64_t next_try_ns;
};

struct qta_publisher {
    struct qta_publisher_options options;
    struct qta_recording *recording; /* NULL: none */
    uint64_t next_seq;
    int64_t last_ts_ns; /* QTA_TIME_UNKNOWN before the first tick */
    int64_t day_end_ns;
    int64_t realtime_ns;
    bool is_simulated; /* ticks come with a time that is not our clock's */
    bool is_holding;
    bool is_patient;
    bool is_changing_day;
    enum qta_status status;
    struct qta_error error;
    bool stores_frames;
    uint64_t frame_first_seq; /* of the ticks since a frame was announced; 0 for none */
    uint64_t frame_last_seq;
    bool is_missing; /* a subscriber misses ticks and does not know of it yet */
    struct outage outage;
    uint32_t sentences;

    struct qta_tick held[HELD_MAX];
    size_t held_count;
    struct qta_tick outbox[OUTBOX_TICKS];
    size_t outbox_count;
};

static void take_over_session(struct qta_publisher *publisher)
{
    struct qta_recording *recording = publisher->recording;
    publisher->next_seq = qta_recording_next_seq(recording);
    publisher->frame_first_seq = 0; /* a frame is stored with the last of its ticks */
    publisher->day_end_ns = qta_recording_day_end_ns(recording);
    int64_t last_ns = qta_recording_last_ts_recv_ns(recording);
    if (last_ns > publisher->last_ts_ns) /* unknown is the lowest of all */
        publisher->last_ts_ns = last_ns;
}

enum qta_status qta_publisher_create(struct qta_publisher **out,
                                     const struct qta_publisher_options *options,
                                     struct qta_error *err)
{
    struct qta_publisher *publisher = calloc(1, sizeof *publisher);
    if (!publisher)
        return qta_error_set(err, QTA_ERR_NOMEM, "out of memory for a buffer of ticks");
    publisher->options = *options;
    publisher->next_seq = 1;
    publisher->last_ts_ns = QTA_TIME_UNKNOWN;
    publisher->day_end_ns = INT64_MAX;
    publisher->is_holding = options->is_timed_by_adapters;
    *out = publisher;
    return QTA_OK;
}

void qta_publisher_destroy(struct qta_publisher *publisher)
{
    free(publisher);
}

void qta_publisher_set_recording(struct qta_publisher *publisher, struct qta_recording *recording)
{
    publisher->recording = recording;
    publisher->stores_frames = qta_recording_has_raw_frames(recording);
    take_over_session(publisher);
}

void qta_publisher_set_realtime(struct qta_publisher *publisher, int64_t realtime_ns)
{
    publisher->realtime_ns = realtime_ns;
}

int64_t qta_publisher_now_ns(const struct qta_publisher *publisher)
{
    if (publisher->is_simulated)
        return publisher->last_ts_ns;
    return publisher->realtime_ns > publisher->last_ts_ns ? publisher->realtime_ns
                                                          : publisher->last_ts_ns;
}

enum qta_status qta_publisher_status(const struct qta_publisher *publisher, struct qta_error *err)
{
    if (publisher->status != QTA_OK && err)
        *err = publisher->error;
    return publisher->status;
}

/* What was not recorded must not be seen: the outbox is thrown away. */
static void fail(struct qta_publisher *publisher, enum qta_status status)
{
    assert(status != QTA_OK);
    if (publisher->status == QTA_OK)
        publisher->status = qta_error_prefix(&publisher->error, status, "recording failed");
    publisher->outbox_count = 0;
    publisher->held_count = 0;
}

static void begin_outage(struct qta_publisher *publisher, enum qta_status status)
{
    if (publisher->options.on_full == QTA_ON_FULL_STOP) {
        fail(publisher, status);
        return;
    }
    struct outage *outage = &publisher->outage;
    outage->is_on = true;
    outage->next_try_ns = publisher->realtime_ns + RETRY_NS;
    qta_counter_add(&publisher->options.counters->outages, 1);
    qta_log(
        QTA_LOG_ERROR, "recording",
        "recording has stopped, callbacks go on to get ticks: %s; it goes on when there is room",
        publisher->error.message);
    /* what was appended before is as safe as it can be made */
    qta_recording_commit(publisher->recording, NULL);
}

void qta_publisher_set_patient(struct qta_publisher *publisher, bool is_patient)
{
    qta_publisher_flush(publisher);
    publisher->is_patient = is_patient;
}

void qta_publisher_flush(struct qta_publisher *publisher)
{
    if (publisher->outbox_count == 0)
        return;
    if (publisher->recording && !publisher->outage.is_on) {
        enum qta_status status = qta_recording_commit(publisher->recording, &publisher->error);
        if (status != QTA_OK)
            begin_outage(publisher, status);
        if (publisher->status != QTA_OK)
            return;
    }
    size_t count = publisher->outbox_count;
    publisher->outbox_count = 0;
    publisher->is_missing = qta_subscriber_set_offer(
        publisher->options.subscribers, publisher->outbox, count, publisher->is_patient);
}

size_t qta_publisher_room(const struct qta_publisher *publisher)
{
    size_t room = qta_subscriber_set_room(publisher->options.subscribers);
    return room > publisher->outbox_count ? room - publisher->outbox_count : 0;
}

/* ---- publishing -------------------------------------------------------------------------------
 */

static void put_out(struct qta_publisher *publisher, const struct qta_tick *tick)
{
    qta_counters_tick(publisher->options.counters, tick);
    publisher->outbox[publisher->outbox_count++] = *tick;
    if (publisher->outbox_count == OUTBOX_TICKS)
        qta_publisher_flush(publisher);
}

/* False when the session cannot take it. The last words of a session may use the room that is kept
 * for them. */
static bool record(struct qta_publisher *publisher, const struct qta_tick *tick, bool is_last)
{
    struct qta_recording *recording = publisher->recording;
    if (!recording)
        return true;
    if (!publisher->outage.is_on) {
        enum qta_status status = qta_recording_append(recording, tick, &publisher->error);
        if (status == QTA_OK)
            return true;
        begin_outage(publisher, status);
    }
    return is_last && publisher->status == QTA_OK &&
           qta_recording_append_note(recording, tick, NULL) == QTA_OK;
}

/* Numbers, records, puts out. The time is set and belongs to the session that is open. */
static void publish_stamped(struct qta_publisher *publisher, struct qta_tick *tick, bool is_last)
{
    tick->rx_seq = publisher->next_seq;
    if (record(publisher, tick, is_last)) {
        publisher->next_seq++;
    } else if (publisher->status == QTA_OK) {
        tick->rx_seq = 0;
        publisher->outage.count++;
        qta_counter_add(&publisher->options.counters->unrecorded, 1);
    } else {
        return;
    }
    publisher->last_ts_ns = tick->ts_recv_ns;
    put_out(publisher, tick);
}

static void raise_time(const struct qta_publisher *publisher, struct qta_tick *tick)
{
    if (tick->ts_recv_ns < publisher->last_ts_ns) {
        tick->ts_recv_ns = publisher->last_ts_ns;
        tick->flags |= QTA_FLAG_TIME_RAISED;
    }
}

static void publish_drop(struct qta_publisher *publisher, struct qta_subscriber *subscriber,
                         int64_t ts_recv_ns, bool is_last)
{
    struct qta_subscriber_missed missed = qta_subscriber_take_missed(subscriber);
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_DROP);
    tick.ts_recv_ns = ts_recv_ns;
    tick.drop.count = missed.count;
    tick.drop.first_rx_seq = missed.first_rx_seq;
    tick.drop.last_rx_seq = missed.last_rx_seq;
    tick.drop.subscriber = qta_publisher_text(publisher, qta_subscriber_name(subscriber));
    raise_time(publisher, &tick);
    publish_stamped(publisher, &tick, is_last);
    qta_subscriber_tell(subscriber, &tick);
}

/* The DROP record of an outage. Where the session does not take it, what it would have told is
 * still to be told. */
static void publish_outage(struct qta_publisher *publisher, int64_t ts_recv_ns, bool is_last)
{
    uint64_t count = publisher->outage.count;
    if (count == 0)
        return;
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_DROP);
    tick.ts_recv_ns = ts_recv_ns;
    tick.drop.count = count;
    tick.drop.subscriber = qta_publisher_text(publisher, "recording");
    raise_time(publisher, &tick);
    publisher->outage.count = 0;
    publish_stamped(publisher, &tick, is_last);
    if (tick.rx_seq == 0)
        publisher->outage.count += count;
}

/* Between batches only, so that the DROP tick is the first of its batch and finds the room. */
static void tell_what_was_missed(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    struct qta_subscriber_set *subscribers = publisher->options.subscribers;
    struct qta_subscriber *subscriber;
    if (publisher->outbox_count > 0)
        return;
    while (publisher->status == QTA_OK && (subscriber = qta_subscriber_set_find_missing(
                                               subscribers, ts_recv_ns, publisher->is_patient)))
        publish_drop(publisher, subscriber, ts_recv_ns, false);
}

static void tell_all_that_was_missed(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    struct qta_subscriber_set *subscribers = publisher->options.subscribers;
    struct qta_subscriber *subscriber;
    while (publisher->status == QTA_OK &&
           (subscriber = qta_subscriber_set_find_missing(subscribers, ts_recv_ns, true)))
        publish_drop(publisher, subscriber, ts_recv_ns, true);
}

static void publish_start_records(struct qta_publisher *publisher)
{
    struct qta_tick ticks[QTA_START_RECORDS_MAX];
    size_t count = qta_recording_start_records(publisher->recording, ticks);
    for (size_t i = 0; i < count; i++)
        qta_publisher_publish_own(publisher, &ticks[i]);
}

/* A session's last records. */
static void end_session(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    qta_publisher_flush(publisher);
    tell_all_that_was_missed(publisher, ts_recv_ns);
    if (publisher->status == QTA_OK)
        publish_outage(publisher, ts_recv_ns, true);
    struct qta_tick tick;
    qta_tick_init(&tick, QTA_TICK_CONN);
    tick.conn_event.state = QTA_CONN_RUN_ENDED;
    tick.ts_recv_ns = ts_recv_ns;
    raise_time(publisher, &tick); /* a session begun in another time zone may reach further */
    if (publisher->status == QTA_OK)
        publish_stamped(publisher, &tick, true);
    qta_publisher_flush(publisher);
}

static void begin_session(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    struct qta_publisher_options *options = &publisher->options;
    qta_recording_rotate(publisher->recording);
    take_over_session(publisher);
    publisher->outage.is_on = false;
    int64_t realtime_ns = publisher->realtime_ns;
    publisher->realtime_ns = ts_recv_ns;
    if (publisher->is_simulated && publisher->last_ts_ns < ts_recv_ns)
        publisher->last_ts_ns = ts_recv_ns;
    publish_start_records(publisher);
    publish_outage(publisher, ts_recv_ns, false); /* what the old session had no room to tell */
    options->on_new_session(options->user);
    publisher->realtime_ns = realtime_ns;
}

/* The tick that is coming, received at ts_recv_ns, goes into the new session. */
static void change_day(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    struct qta_error err;
    enum qta_status status = qta_recording_open_next(publisher->recording, ts_recv_ns, &err);
    if (status != QTA_OK && publisher->outage.is_on)
        return;
    if (status != QTA_OK) {
        publisher->error = err;
        begin_outage(publisher, status);
        return;
    }
    publisher->is_changing_day = true;
    end_session(publisher, publisher->day_end_ns - 1);
    if (publisher->status == QTA_OK)
        begin_session(publisher, ts_recv_ns);
    publisher->is_changing_day = false;
}

/* During an outage. */
static void try_recording(struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    struct outage *outage = &publisher->outage;
    int64_t wait_ns = outage->next_try_ns - publisher->realtime_ns;
    if (publisher->is_changing_day ||
        (wait_ns > 0 && wait_ns <= RETRY_NS)) /* clocks are set back */
        return;
    outage->next_try_ns = publisher->realtime_ns + RETRY_NS;
    if (ts_recv_ns >= publisher->day_end_ns)
        change_day(publisher, ts_recv_ns);
    else
        outage->is_on = qta_recording_resume(publisher->recording, NULL) != QTA_OK;
    if (outage->is_on)
        return;
    qta_log(QTA_LOG_WARNING, "recording", "recording goes on; not recorded so far: %" PRIu64,
            qta_counter_read(&publisher->options.counters->unrecorded));
    publish_outage(publisher, ts_recv_ns, false);
}

/* Everything that is numbered here comes through this. */
static void publish_timed(struct qta_publisher *publisher, struct qta_tick *tick)
{
    raise_time(publisher, tick);
    if (publisher->outage.is_on)
        try_recording(publisher, tick->ts_recv_ns);
    if (publisher->is_missing)
        tell_what_was_missed(publisher, tick->ts_recv_ns);
    if (tick->ts_recv_ns >= publisher->day_end_ns && !publisher->is_changing_day &&
        !publisher->outage.is_on)
        change_day(publisher, tick->ts_recv_ns);
    raise_time(publisher, tick); /* the new session may already reach beyond it */
    if (publisher->status == QTA_OK)
        publish_stamped(publisher, tick, false);
}

void qta_publisher_release(struct qta_publisher *publisher)
{
    if (!publisher->is_holding)
        return;
    publisher->is_holding = false;
    for (size_t i = 0; i < publisher->held_count; i++)
        qta_publisher_publish_own(publisher, &publisher->held[i]);
    publisher->held_count = 0;
}

static void link_to_frame(struct qta_publisher *publisher, const struct qta_tick *tick)
{
    if (tick->rx_seq == 0)
        return; /* it is in no session */
    if (publisher->frame_first_seq == 0)
        publisher->frame_first_seq = tick->rx_seq;
    publisher->frame_last_seq = tick->rx_seq;
}

void qta_publisher_publish(struct qta_publisher *publisher, struct qta_tick *tick, bool is_own_time)
{
    if (publisher->status != QTA_OK)
        return;
    if (publisher->is_holding) {
        if (is_own_time) {
            publisher->is_simulated = true;
            if (publisher->last_ts_ns < tick->ts_recv_ns)
                publisher->last_ts_ns = tick->ts_recv_ns;
        }
        qta_publisher_release(publisher);
    }
    publish_timed(publisher, tick);
    if (publisher->stores_frames)
        link_to_frame(publisher, tick);
}

/* ---- stored frames ----------------------------------------------------------------------------
 */

void qta_publisher_announce_frame(struct qta_publisher *publisher)
{
    publisher->frame_first_seq = 0;
}

/* That of its ticks. Without any, one that is not before what was published and never in the way of
 * a clock that is not ours. */
static int64_t frame_time_ns(const struct qta_publisher *publisher, int64_t ts_recv_ns)
{
    bool is_ours = !publisher->is_simulated && !publisher->is_holding;
    return is_ours && ts_recv_ns > publisher->last_ts_ns ? ts_recv_ns : publisher->last_ts_ns;
}

static bool can_store(const struct qta_publisher *publisher)
{
    return publisher->status == QTA_OK && !publisher->outage.is_on;
}

void qta_publisher_store_frame(struct qta_publisher *publisher, struct qta_raw_frame *frame)
{
    assert(publisher->stores_frames);
    if (!can_store(publisher))
        return;
    frame->ts_recv_ns = frame_time_ns(publisher, frame->ts_recv_ns);
    if (publisher->frame_first_seq == 0 && frame->ts_recv_ns >= publisher->day_end_ns) {
        change_day(publisher, frame->ts_recv_ns);
        if (!can_store(publisher))
            return;
        frame->ts_recv_ns = frame_time_ns(publisher, frame->ts_recv_ns);
    }
    frame->first_seq = publisher->next_seq;
    frame->tick_count = 0;
    if (publisher->frame_first_seq != 0) {
        frame->first_seq = publisher->frame_first_seq;
        frame->tick_count = (uint32_t)(publisher->frame_last_seq - frame->first_seq + 1);
    }
    enum qta_status status = qta_recording_append_raw(publisher->recording, frame,
                                                      &publisher->error);
    if (status == QTA_OK)
        publisher->last_ts_ns = frame->ts_recv_ns;
    else
        begin_outage(publisher, status);
}

void qta_publisher_pass(struct qta_publisher *publisher, const struct qta_tick *tick)
{
    put_out(publisher, tick);
}

void qta_publisher_publish_own(struct qta_publisher *publisher, struct qta_tick *tick)
{
    if (publisher->status != QTA_OK)
        return;
    if (publisher->is_holding) {
        if (publisher->held_count < HELD_MAX) {
            publisher->held[publisher->held_count++] = *tick;
            return;
        }
        qta_publisher_release(publisher);
    }
    tick->ts_recv_ns = qta_publisher_now_ns(publisher);
    if (tick->type == QTA_TICK_GAP && tick->gap.first_good_ns == QTA_TIME_UNKNOWN)
        tick->gap.first_good_ns = tick->ts_recv_ns;
    publish_timed(publisher, tick);
}

uint32_t qta_publisher_text(struct qta_publisher *publisher, const char *sentence)
{
    struct qta_dictionary *names = publisher->options.names;
    size_t length = strlen(sentence);
    if (length == 0)
        return 0;
    uint32_t id = qta_dictionary_find(names, QTA_NAME_TEXT, sentence, length);
    if (id != 0 || publisher->sentences == SENTENCES_MAX)
        return id;
    publisher->sentences++;
    return qta_dictionary_intern(names, QTA_NAME_TEXT, sentence, length);
}

/* ---- days and runs ----------------------------------------------------------------------------
 */

int64_t qta_publisher_due_ns(const struct qta_publisher *publisher)
{
    if (publisher->outage.is_on)
        return publisher->outage.next_try_ns;
    return publisher->is_simulated ? INT64_MAX : publisher->day_end_ns;
}

void qta_publisher_check_day(struct qta_publisher *publisher)
{
    int64_t now_ns = qta_publisher_now_ns(publisher);
    if (publisher->status == QTA_OK && publisher->outage.is_on)
        try_recording(publisher, now_ns);
    if (publisher->status == QTA_OK && !publisher->is_holding && !publisher->outage.is_on &&
        now_ns >= publisher->day_end_ns)
        change_day(publisher, now_ns);
    qta_subscriber_set_notice(publisher->options.subscribers);
    if (publisher->status == QTA_OK)
        tell_what_was_missed(publisher, now_ns);
}

void qta_publisher_begin_run(struct qta_publisher *publisher)
{
    if (publisher->recording)
        publish_start_records(publisher);
}

static void close_recording(struct qta_publisher *publisher)
{
    publisher->outage.next_try_ns = publisher->realtime_ns; /* once more */
    qta_publisher_check_day(publisher);
    if (publisher->status == QTA_OK)
        end_session(publisher, qta_publisher_now_ns(publisher));
    if (publisher->outage.count > 0)
        qta_log(QTA_LOG_ERROR, "recording",
                "the session does not tell of %" PRIu64 " records that are missing at its end",
                publisher->outage.count);
    struct qta_error err;
    enum qta_status status = qta_recording_close(publisher->recording, &err);
    if (status != QTA_OK && publisher->status == QTA_OK) {
        publisher->error = err;
        fail(publisher, status);
    }
}

void qta_publisher_end_run(struct qta_publisher *publisher)
{
    qta_publisher_release(publisher);
    qta_publisher_set_patient(publisher, true);
    if (publisher->recording)
        close_recording(publisher);
    else
        tell_all_that_was_missed(publisher, qta_publisher_now_ns(publisher));
    qta_publisher_flush(publisher);
}
