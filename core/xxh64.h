/** @file xxh64.h
 *  XXH64, a fast 64-bit hash (github.com/Cyan4973/xxHash, doc/xxhash_spec.md). Not for attackers.
 */
#ifndef QTA_CORE_XXH64_H
#define QTA_CORE_XXH64_H

#include <stddef.h>
#include <stdint.h>

uint64_t qta_xxh64(const void *bytes, size_t length, uint64_t seed);

#endif
