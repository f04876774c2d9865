#include "peers.h"

#include <libpmem.h>
#include <libpmemobj.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int peers_fork(void) { return fork(); }

void peers_give_back(void) { malloc_trim(0); }

struct item {
  uint64_t key;
  int64_t count;
  char name[32];
};

struct root {
  uint64_t count;
  PMEMoid items;
};

struct peers_pool {
  PMEMobjpool *pool;
  struct item *items;
  size_t count;
};

static const char layout[] = "softpm-bench";

const char *peers_pool_error(void) { return pmemobj_errormsg(); }

static peers_pool *opened(PMEMobjpool *pop) {
  peers_pool *pool = malloc(sizeof *pool);
  struct root *root = pmemobj_direct(pmemobj_root(pop, sizeof *root));
  pool->pool = pop;
  pool->items = pmemobj_direct(root->items);
  pool->count = root->count;
  return pool;
}

peers_pool *peers_pool_create(const char *path, size_t count) {
  size_t bytes = count * sizeof(struct item) * 5 / 4 + ((size_t)32 << 20);
  PMEMobjpool *pop = pmemobj_create(path, layout, bytes, 0600);
  if (pop == NULL) return NULL;
  struct root *root = pmemobj_direct(pmemobj_root(pop, sizeof *root));
  if (pmemobj_zalloc(pop, &root->items, count * sizeof(struct item), 1) != 0) {
    pmemobj_close(pop);
    return NULL;
  }
  struct item *items = pmemobj_direct(root->items);
  for (size_t key = 0; key < count; key++) {
    items[key].key = key;
    snprintf(items[key].name, sizeof items[key].name, "item number %zu", key);
  }
  pmemobj_persist(pop, items, count * sizeof(struct item));
  root->count = count;
  pmemobj_persist(pop, &root->count, sizeof root->count);
  return opened(pop);
}

peers_pool *peers_pool_open(const char *path) {
  PMEMobjpool *pop = pmemobj_open(path, layout);
  return pop == NULL ? NULL : opened(pop);
}

void peers_pool_close(peers_pool *pool) {
  if (pool == NULL) return;
  pmemobj_close(pool->pool);
  free(pool);
}

int peers_pool_update(peers_pool *pool, const int64_t *keys, size_t count) {
  volatile int outcome = 0;
  TX_BEGIN(pool->pool) {
    for (size_t place = 0; place < count; place++) {
      struct item *item = &pool->items[keys[place]];
      pmemobj_tx_add_range_direct(&item->count, sizeof item->count);
      item->count += 1;
    }
  }
  TX_ONABORT { outcome = -1; }
  TX_END
  return outcome;
}

int64_t peers_pool_count(const peers_pool *pool, size_t key) { return pool->items[key].count; }

size_t peers_pool_size(const peers_pool *pool) { return pool->count; }

int peers_pool_is_pmem(const peers_pool *pool) {
  return pmem_is_pmem(pool->items, pool->count * sizeof(struct item));
}
