/** @file session_folder.h
 *  A session's directory: its sub-folders, the numbered files in them, and the writer's lock.
 *
 *      session.db   writer.lock   segments/000001.qseg   journal/000002.qjrn
 *
 *  Every file is opened below descriptors of the folders, under names made of numbers only. */
#ifndef QTA_STORAGE_SESSION_FOLDER_H
#define QTA_STORAGE_SESSION_FOLDER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <qta/error.h>

#include "core/environment.h"

#define QTA_SESSION_DB_NAME "session.db"
#define QTA_SESSION_LOCK_NAME "writer.lock"
#define QTA_SESSION_PIN_NAME "pinned"

/** What is numbered. A chunk of the journal and the segment made of it have the same number. */
enum qta_session_file { QTA_FILE_SEGMENT = 0, QTA_FILE_JOURNAL = 1 };

/** The highest number a file can have: ten digits at most. */
#define QTA_FILE_NUMBER_MAX UINT32_C(4000000000)

/** "000001.qseg" and suffixes for what is not finished or set aside. */
enum { QTA_FILE_NAME_BYTES = 40 };

struct qta_session_folder {
    struct qta_environment *environment; /**< borrowed */
    char path[PATH_MAX];                 /**< absolute, without links */
    int root_fd;
    int folder_fds[2]; /**< by enum qta_session_file; -1 while the folder is not there */
    int lock_fd;       /**< -1 unless this process is the writer */
};

/** Numbers of files in ascending order. */
struct qta_file_numbers {
    uint32_t *numbers; /**< owned */
    size_t count;
};

/** Opens an existing session for reading. QTA_ERR_NOT_FOUND, QTA_ERR_FORMAT for a directory that
 *  holds no session, QTA_ERR_IO. On failure there is nothing to close. */
enum qta_status qta_session_folder_open(struct qta_session_folder *folder, const char *path,
                                        struct qta_environment *environment, struct qta_error *err);

/** Makes the session's folders where they are missing and takes the writer's lock. QTA_ERR_LOCKED
 *  names the owner's pid; QTA_ERR_FORMAT for a directory with other things in it. */
enum qta_status qta_session_folder_make(struct qta_session_folder *folder, const char *path,
                                        struct qta_environment *environment, struct qta_error *err);

/** Takes the writer's lock of a session that was opened for reading: whoever changes a session
 * holds it. Given up by close. QTA_ERR_LOCKED names the owner's pid; QTA_ERR_IO. */
enum qta_status qta_session_folder_lock(struct qta_session_folder *folder, struct qta_error *err);

/** Closes what is open; gives up the lock. */
void qta_session_folder_close(struct qta_session_folder *folder);

/** Opens sub-folders that were not there before: a reader may be early. QTA_ERR_IO. */
enum qta_status qta_session_folder_refresh(struct qta_session_folder *folder,
                                           struct qta_error *err);

/** "000007.qseg" */
void qta_session_file_name(char name[QTA_FILE_NAME_BYTES], enum qta_session_file kind,
                           uint32_t number);

/** "segments/000007.qseg", for messages. Returns text. */
const char *qta_session_file_label(char text[QTA_FILE_NAME_BYTES], enum qta_session_file kind,
                                   uint32_t number);

/** Opens a numbered file: -1 and errno (ENOENT also when its folder is not there). */
int qta_session_folder_open_file(const struct qta_session_folder *folder,
                                 enum qta_session_file kind, uint32_t number, int flags);

/** Removes a numbered file; true when it is gone (also when it was not there). */
bool qta_session_folder_remove_file(const struct qta_session_folder *folder,
                                    enum qta_session_file kind, uint32_t number);

/** Renames "000007.qjrn" to "000007.qjrn.damaged": nobody reads it, nothing of it is lost. */
enum qta_status qta_session_folder_set_aside(const struct qta_session_folder *folder,
                                             enum qta_session_file kind, uint32_t number,
                                             struct qta_error *err);

/** Brings the names of all files of a kind to the disk. QTA_ERR_IO. */
enum qta_status qta_session_folder_sync(const struct qta_session_folder *folder,
                                        enum qta_session_file kind, struct qta_error *err);

/** The numbers of all files of a kind, ascending. Free with qta_file_numbers_finish(). */
enum qta_status qta_session_folder_list(const struct qta_session_folder *folder,
                                        enum qta_session_file kind, struct qta_file_numbers *out,
                                        struct qta_error *err);
void qta_file_numbers_finish(struct qta_file_numbers *numbers);

/** The first number of the sorted list that is not below this; 0 when there is none. */
uint32_t qta_file_numbers_from(const struct qta_file_numbers *numbers, uint32_t number);
bool qta_file_numbers_contain(const struct qta_file_numbers *numbers, uint32_t number);

/** Whether a writer holds this session now. */
bool qta_session_folder_is_locked(const struct qta_session_folder *folder);

#endif
