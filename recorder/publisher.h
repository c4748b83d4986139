/** @file publisher.h
 *  The way of every tick from the network thread to the callbacks: stamped, numbered, recorded,
 * then offered to the subscribers.
 *
 *  Ticks are gathered until qta_publisher_flush(), which waits for the disk where that is asked for
 *  and only then lets callbacks see them. Ticks that a subscriber misses by its policy are told of
 * by a DROP tick with its name, recorded and delivered in its place among the others once there is
 *  room again.
 *
 *  When recording fails and on_full says stop, nothing is published any more: see
 *  qta_publisher_status(). Otherwise ticks go on without a number until the session has room again;
 * a DROP tick of the subscriber "recording" then says how many it lacks.
 *
 *  Belongs to the network thread. No locks, no allocation for a tick. */
#ifndef QTA_RECORDER_PUBLISHER_H
#define QTA_RECORDER_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/config.h>
#include <qta/dictionary.h>
#include <qta/error.h>
#include <qta/tick.h>

#include "recorder/counters.h"
#include "recorder/recording.h"
#include "recorder/subscriber_set.h"

struct qta_publisher;

/** All borrowed as long as the publisher lives. */
struct qta_publisher_options {
    struct qta_subscriber_set *subscribers;
    struct qta_dictionary *names;
    struct qta_counters *counters;
    enum qta_on_full on_full;
    /** All providers stamp the receive time themselves: our own records wait for theirs, see
     *  qta_publisher_release(). */
    bool is_timed_by_adapters;
    /** A new day's session has begun: say in it how things stand. */
    void (*on_new_session)(void *user);
    void *user;
};

enum qta_status qta_publisher_create(struct qta_publisher **out,
                                     const struct qta_publisher_options *options,
                                     struct qta_error *err);
void qta_publisher_destroy(struct qta_publisher *publisher);

/** Records into this from now on; borrowed. Before the run; without it nothing is recorded and
 * rx_seq counts from 1. */
void qta_publisher_set_recording(struct qta_publisher *publisher, struct qta_recording *recording);

/** Tells what the wall clock says; ticks of our own get this time. */
void qta_publisher_set_realtime(struct qta_publisher *publisher, int64_t realtime_ns);

/** The time our own records get now: the wall clock's, or where the adapters' clock is simulated,
 *  that of the last tick. */
int64_t qta_publisher_now_ns(const struct qta_publisher *publisher);

/** Publishes what a run begins with. */
void qta_publisher_begin_run(struct qta_publisher *publisher);

/** While it is patient, ticks wait for room whatever the overflow policies: for adapters without a
 *  connection, which nobody hurries. Flushes. Off at first. */
void qta_publisher_set_patient(struct qta_publisher *publisher, bool is_patient);

/** A provider's tick: rx_seq is filled in, ts_recv_ns raised where it goes back (also in *tick).
 *  is_own_time: ts_recv_ns is not from our clock. */
void qta_publisher_publish(struct qta_publisher *publisher, struct qta_tick *tick,
                           bool is_own_time);

/** Where frames are stored, each is announced before it is decoded: provider's ticks from here on
 *  are of the next frame to be stored. */
void qta_publisher_announce_frame(struct qta_publisher *publisher);

/** Stores a frame, linked to the ticks published since it was announced; bytes, lengths, provider,
 *  conn and flags are given, ts_recv_ns is when it was read. In an outage of the recording it is
 *  not stored. Before the flush that lets the
 *  callbacks see them. */
void qta_publisher_store_frame(struct qta_publisher *publisher, struct qta_raw_frame *frame);

/** A tick that is complete: delivered as it is, not recorded. */
void qta_publisher_pass(struct qta_publisher *publisher, const struct qta_tick *tick);

/** A tick of our own: ts_recv_ns is filled in too. The end of a GAP that is unknown becomes that
 *  time. */
void qta_publisher_publish_own(struct qta_publisher *publisher, struct qta_tick *tick);

/** Our own ticks that were held back until the first provider's tick told the time go now. */
void qta_publisher_release(struct qta_publisher *publisher);

/** The id of a sentence for a tick's detail; 0 when too many different ones have been seen. */
uint32_t qta_publisher_text(struct qta_publisher *publisher, const char *sentence);

/** The end of a batch: commits, then hands to the callbacks. */
void qta_publisher_flush(struct qta_publisher *publisher);

/** Begins a new session if midnight has passed, also without a tick; asks whether a session that
 *  was full has room again. */
void qta_publisher_check_day(struct qta_publisher *publisher);

/** When that is due by the wall clock; INT64_MAX for never. */
int64_t qta_publisher_due_ns(const struct qta_publisher *publisher);

/** How many more ticks can be published without meeting a full queue. */
size_t qta_publisher_room(const struct qta_publisher *publisher);

/** Publishes what a run ends with, waiting for room whatever the policy; then closes the recording
 *  (on failure: see status). */
void qta_publisher_end_run(struct qta_publisher *publisher);

/** QTA_OK, or why nothing is published any more; *err may be NULL. */
enum qta_status qta_publisher_status(const struct qta_publisher *publisher, struct qta_error *err);

#endif
