/** @file power_disk.h
 *  A disk in memory that knows what of it would survive a power cut.
 *
 *  Files have a content that programs see and one that is on the platter; a sync brings one to the
 *  other, by file, by mapped page or, for names, by folder. At a cut each unsynced 512-byte sector
 *  is lost or not, page by page or one by one, sizes and each change of a folder likewise: any
 *  subset of what was not synced survives. A sync that fails is worse than none: its pages count as
 *  written, so that a later sync leaves them out until they are stored to again.
 *
 *      power_disk_init(&disk, "/tmp/x");       // what is below this real folder is on the disk
 *      ... run something with &disk.base ...
 *      power_disk_cut(&disk, &after, &random); // after is what the next boot finds
 *
 *  Any thread. The folder must exist, since paths are resolved by the system. */
#ifndef QTA_TESTS_POWER_DISK_H
#define QTA_TESTS_POWER_DISK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/environment.h"

struct power_file;
struct power_change;
struct power_page;

enum { POWER_DESCRIPTORS_MAX = 256 };

struct power_disk {
    struct qta_environment base; /**< what the code under test gets */
    char prefix[256];            /**< the real folder that stands for the root */
    struct power_file *root;
    struct power_file *files;     /**< all of them */
    struct power_change *changes; /**< of folders, not synced, oldest first */
    struct power_change **last_change;
    struct power_file *descriptors[POWER_DESCRIPTORS_MAX];
    pthread_mutex_t lock;
    uint64_t operations; /**< that could have changed something */
    int64_t clock_ns;
    uint64_t sync_fails_in; /**< one sync of a map in so many fails; 0 for none */
    uint64_t sync_random;
    uint64_t failed_syncs;
    struct power_page *forgotten; /**< what a failed sync left the system thinking it had written */

    /** Called with the lock held before every operation that changes something and after it. */
    void (*on_operation)(void *user);
    void *user;
};

/** Empty but for the root, which is safe. */
void power_disk_init(struct power_disk *disk, const char *prefix);
void power_disk_finish(struct power_disk *disk);

/** Fills *after, which is empty, with one of the states that a power cut now may leave. With
 *  on_operation, or with the lock held. */
void power_disk_cut(struct power_disk *disk, struct power_disk *after, uint64_t *random);

/** A copy of the disk as it is, with what is synced and what is not. */
void power_disk_copy(struct power_disk *disk, struct power_disk *copy);

/** The system writes some unsynced pages of its own accord. */
void power_disk_write_back(struct power_disk *disk, uint64_t *random);

/** Writes all files below real folder `path`, to look into a state that was not recovered from. */
void power_disk_dump(struct power_disk *disk, const char *path);

#endif
