/** @file secret.h
 *  Texts that must not be seen: in memory that core dumps leave out, that is not swapped to disk
 *  where the system allows that, and that is wiped when it is freed.
 *
 *  Each has pages of its own, so these are for keys and what is made of them, a few in all. */
#ifndef QTA_CORE_SECRET_H
#define QTA_CORE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/** Room for this many bytes, all zero. NULL: out of memory. The caller frees it with
 *  qta_secret_free(). */
char *qta_secret_create(size_t bytes);

/** A copy. NULL: out of memory, or text is NULL. */
char *qta_secret_copy(const char *text);

/** Wipes and frees; NULL is fine. */
void qta_secret_free(char *secret);

/** Whether both are the same text, or both NULL. */
bool qta_secret_equals(const char *left, const char *right);

#endif
