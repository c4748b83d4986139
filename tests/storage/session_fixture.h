/** @file session_fixture.h
 *  What the storage tests share: a scratch directory, ticks of every kind, digests of both ends. */
#ifndef QTA_TESTS_SESSION_FIXTURE_H
#define QTA_TESTS_SESSION_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/dictionary.h>
#include <qta/digest.h>
#include <qta/session.h>
#include <qta/tick.h>

/** A directory of its own for each test; the session's path is inside it. */
struct scratch {
    char path[256];
    char session[300];
};
void scratch_make(struct scratch *scratch);
/** In memory where the system has such a folder: there a sync costs nothing. */
void scratch_make_in_memory(struct scratch *scratch);
void scratch_remove(struct scratch *scratch);

/** splitmix64: the same numbers for the same seed everywhere. */
uint64_t random_next(uint64_t *state);
uint64_t random_below(uint64_t *state, uint64_t limit);

/** Where the next place to try is: each one in the campaign (QTA_CAMPAIGN), otherwise one of the
 * next 2 * distance, on average one in `distance`; sanitized builds go four times as far. The seed
 * is QTA_SEED or the time, and is printed once. */
size_t next_place(size_t place, size_t distance);

/** Makes ticks whose every field may hold anything that it can hold. */
struct tick_maker {
    uint64_t random;
    struct qta_dictionary *names; /**< owned */
    uint64_t next_seq;
    int64_t ts_recv_ns;
    bool is_plain; /**< plausible values only, not extreme ones */
};
void tick_maker_init(struct tick_maker *maker, uint64_t seed);
void tick_maker_finish(struct tick_maker *maker);
/** A tick of this type, or of a random one for QTA_TICK_NONE. */
void tick_maker_next(struct tick_maker *maker, enum qta_tick_type type, struct qta_tick *tick);

/** Options for the scratch session, with the smallest chunks. */
struct qta_session_writer_options small_options(const struct scratch *scratch);

/** Appends so many ticks of random types; adds them to digest where it is not NULL. */
void append_random(struct qta_session_writer *writer, struct tick_maker *maker, size_t count,
                   struct qta_digest *digest);

/** Writes a closed session of so many random ticks. */
void write_session(const struct qta_session_writer_options *options, uint64_t seed, size_t count,
                   struct qta_digest *digest);

/** Reads all of a session that must have no damage, checks that rx_seq has no hole. */
void read_session(const char *path, const struct qta_session_filter *filter,
                  struct qta_digest *digest);

/** Appends to or replaces a file. */
void write_file(const char *path, const void *bytes, size_t length);
/** Its content, NUL-ended; free it. NULL when it is not there. */
uint8_t *load_file(const char *path, size_t *length);
bool file_exists(const char *path);

#endif
