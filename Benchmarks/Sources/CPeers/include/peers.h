// What Swift cannot call of the peers: libpmemobj's transactions are macros over setjmp, and
// `fork` is withheld from Swift.
#pragma once

#include <stddef.h>
#include <stdint.h>

/// fork(2).
int peers_fork(void);

/// malloc_trim(3), which Swift's Glibc leaves out: free pages of malloc go back to the kernel.
void peers_give_back(void);

/// A pool with an array of `count` items {key, count, name} as its root object's only member.
typedef struct peers_pool peers_pool;

/// NULL, with `peers_pool_error`, on failure.
peers_pool *peers_pool_create(const char *path, size_t count);
peers_pool *peers_pool_open(const char *path);
const char *peers_pool_error(void);
void peers_pool_close(peers_pool *pool);

/// Adds one to the counts of these items in one transaction; 0, or -1 when it was aborted.
int peers_pool_update(peers_pool *pool, const int64_t *keys, size_t count);
int64_t peers_pool_count(const peers_pool *pool, size_t key);
size_t peers_pool_size(const peers_pool *pool);
/// Whether libpmemobj takes the file's mapping for persistent memory; if not it calls msync.
int peers_pool_is_pmem(const peers_pool *pool);
