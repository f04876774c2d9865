// Thread caches: per thread and range a stack of free cells for each bin, and one freed run, so that
// most allocations and frees take no lock, whoever allocated the cell.
//
// 1. A cached cell's state byte has softpm_state_held, so it is no allocated cell to anyone, and
//    its chunk counts it as taken.
// 2. Only the owning thread touches a cache. What it holds goes back when a bin overflows, when
//    the cache is needed for another range, when the thread sees that the range was closed (at
//    its next slow path), and when the thread exits.
// 3. A range in quarantine, or closed, has the slot of no cache: its cells are freed under its
//    lock.
// 4. Where a range was returned, its caches hold nothing. One that is still bound to its record
//    serves the range that gets the record next, which has the same slot and sizes.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

static const uint8_t no_classes[softpm_looked_up_bytes / softpm_cell_alignment + 1];
static softpm_cache no_cache = {.class_lookup = no_classes};

_Thread_local softpm_thread softpm_this_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden"))) = {
  .allocating = &no_cache,
  .by_slot = {&no_cache, &no_cache, &no_cache, &no_cache,
              &no_cache, &no_cache, &no_cache, &no_cache},
};

// MARK: The pool

softpm_lock softpm_caches_lock;
static softpm_cache *pool;
static pthread_key_t exit_key;
static bool has_exit_key;

enum { cache_bytes = 16 << 10, pool_block_bytes = 16 * cache_bytes };

// The longest run that a thread keeps: growing arrays free and take such runs in turn.
static const size_t kept_run_bytes_most = 256 << 10;

static softpm_cache *take_from_pool(void) {
  softpm_lock_take(&softpm_caches_lock);
  if (pool == NULL) {
    int saved = errno;
    char *block = mmap(
        NULL, pool_block_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    errno = saved;
    for (size_t at = 0; block != MAP_FAILED && at < pool_block_bytes; at += cache_bytes) {
      softpm_cache *cache = (softpm_cache *)(block + at);
      cache->next = pool;
      pool = cache;
    }
  }
  softpm_cache *cache = pool;
  if (cache != NULL) pool = cache->next;
  softpm_lock_give(&softpm_caches_lock);
  return cache;
}

static void give_to_pool(softpm_cache *cache) {
  softpm_lock_take(&softpm_caches_lock);
  cache->next = pool;
  pool = cache;
  softpm_lock_give(&softpm_caches_lock);
}

// MARK: Binding and emptying

// How many free cells of a size a thread may keep: enough that the lock is taken for every 32nd
// small cell, and at most 4 KiB of small or 16 KiB of large ones.
static uint32_t limit_for(size_t cell_bytes) {
  if (cell_bytes <= 64) return 64;
  if (cell_bytes <= 128) return 32;
  if (cell_bytes <= 512) return 16;
  if (cell_bytes <= 2048) return 8;
  if (cell_bytes <= 8192) return 4;
  return cell_bytes <= 32768 ? 2 : 0;
}

static void bind(softpm_cache *cache, softpm_range *range) {
  uintptr_t *cells = (uintptr_t *)(cache + 1);
  uintptr_t *end = (uintptr_t *)((char *)cache + cache_bytes);
  for (int bin = 0; bin < softpm_bin_count; bin++) {
    size_t bytes = softpm_class_bytes(range, bin % softpm_class_limit);
    uint32_t limit = bytes == 0 ? 0 : limit_for(bytes);
    if (limit > (size_t)(end - cells)) limit = 0;
    cache->bins[bin].count = 0;
    cache->bins[bin].limit = limit;
    cache->bins[bin].cells = cells;
    cells += limit;
  }
  cache->run = 0;
  cache->class_lookup = softpm_class_lookup(range);
  cache->range = range;
}

// Gives the oldest `count` cells of a bin back to their chunks; under the range's lock.
static void give_back(softpm_cache *cache, int bin, uint32_t count) {
  uintptr_t *cells = cache->bins[bin].cells;
  for (uint32_t index = 0; index < count; index++) {
    softpm_range_put_back(cache->range, cells[index]);
  }
  cache->bins[bin].count -= count;
  memmove(cells, cells + count, cache->bins[bin].count * sizeof *cells);
}

static void empty(softpm_cache *cache) {
  softpm_range *range = cache->range;
  softpm_lock_take(&range->lock);
  for (int bin = 0; bin < softpm_bin_count; bin++) {
    if (cache->bins[bin].count > 0) give_back(cache, bin, cache->bins[bin].count);
  }
  if (cache->run != 0) softpm_range_put_back(range, cache->run);
  cache->run = 0;
  softpm_range_return_if_empty(range);
  softpm_lock_give(&range->lock);
}

static void drop(softpm_thread *thread, int slot) {
  softpm_cache *cache = thread->by_slot[slot];
  if (cache == &no_cache) return;
  empty(cache);
  thread->by_slot[slot] = &no_cache;
  if (thread->allocating == cache) thread->allocating = &no_cache;
  give_to_pool(cache);
}

void softpm_caches_drop_closed(softpm_thread *thread) {
  thread->closings_seen = atomic_load(&softpm_ranges.closings);
  for (int slot = 0; slot < softpm_no_slot; slot++) {
    softpm_range *range = thread->by_slot[slot]->range;
    if (range != NULL && !atomic_load(&range->is_open)) drop(thread, slot);
  }
  softpm_scope_settle(thread);
}

// At a thread's exit. Destructors that run later find no cache and take the lock.
static void thread_ends(void *unused) {
  softpm_thread *thread = &softpm_this_thread;
  thread->has_ended = true;
  for (int slot = 0; slot < softpm_no_slot; slot++) drop(thread, slot);
}

void softpm_caches_start(void) {
  has_exit_key = pthread_key_create(&exit_key, thread_ends) == 0;
}

// The thread's cache for the range, made or taken from another range; NULL where there is none.
static softpm_cache *cache_for(softpm_thread *thread, softpm_range *range) {
  uint8_t slot = atomic_load_explicit(&range->slot, memory_order_relaxed);
  if (slot == softpm_no_slot || thread->has_ended || !has_exit_key) return NULL;
  softpm_cache *cache = thread->by_slot[slot];
  if (cache->range == range) return cache;
  if (!thread->is_known) {
    // May allocate, which comes back here for none of our own: not a call of swift_slowAlloc.
    thread->is_known = pthread_setspecific(exit_key, thread) == 0;
    if (!thread->is_known) return NULL;
  }
  if (cache == &no_cache) {
    cache = take_from_pool();
    if (cache == NULL) return NULL;
  } else {
    empty(cache);
  }
  bind(cache, range);
  thread->by_slot[slot] = cache;
  softpm_caches_follow_target(thread);
  return cache;
}

static softpm_range *effective_target(const softpm_thread *thread) {
  return thread->target != NULL ? thread->target : softpm_nursery;
}

void softpm_caches_follow_target(softpm_thread *thread) {
  softpm_range *target = effective_target(thread);
  thread->allocating = &no_cache;
  if (target == NULL) return;
  softpm_cache *cache = thread->by_slot[target->own_slot];
  if (cache->range == target) thread->allocating = cache;
}

// MARK: Slow paths

static void notice_closings(softpm_thread *thread) {
  if (thread->closings_seen != atomic_load(&softpm_ranges.closings)) {
    softpm_caches_drop_closed(thread);
  }
}

static void reverse(uintptr_t *cells, uint32_t count) {
  for (uint32_t low = 0; low + 1 < count; low++) {
    uintptr_t cell = cells[low];
    cells[low] = cells[--count];
    cells[count] = cell;
  }
}

// Orders cells so that they are taken from the top by rising address, since objects made one
// after the other are used together; but beginning in the middle, elsewhere for each size, since
// the first cells of all slabs share their place in the processor's cache.
static void order(uintptr_t *cells, uint32_t count, int bin) {
  uint32_t skipped = (uint32_t)bin % count;
  reverse(cells, skipped);
  reverse(cells + skipped, count - skipped);
}

// Half a bin at once.
static uintptr_t refill(softpm_cache *cache, int bin) {
  softpm_range *range = cache->range;
  uint32_t wanted = (cache->bins[bin].limit + 1) / 2;
  uintptr_t *cells = cache->bins[bin].cells;
  uint8_t state = (uint8_t)(bin + 1) | softpm_state_held;
  softpm_lock_take(&range->lock);
  bool may = !range->is_closed && !range->is_installing;
  uint32_t taken = may ? softpm_range_take_cells(range, bin, state, cells, wanted) : 0;
  softpm_lock_give(&range->lock);
  if (taken == 0) return 0;
  order(cells, taken, bin);
  uintptr_t start = cells[taken - 1];
  cache->bins[bin].count = taken - 1;
  softpm_state_set(softpm_state_at(range, start), (uint8_t)(bin + 1));
  return start;
}

// The run that the cache keeps, if it has room for `bytes` and not for a chunk more.
static uintptr_t take_kept_run(softpm_cache *cache, size_t bytes, bool is_raw) {
  if (cache == NULL || cache->run == 0 || bytes > kept_run_bytes_most) return 0;
  softpm_range *range = cache->range;
  uintptr_t start = cache->run;
  const softpm_chunk *chunk = &range->chunks[softpm_chunk_of(range, start)];
  if (chunk->count != softpm_run_chunks(range, bytes) || chunk->is_raw != is_raw) return 0;
  cache->run = 0;
  softpm_state_set(softpm_state_at(range, start), softpm_state_large);
  return start;
}

static bool keep_run(softpm_cache *cache, uintptr_t start) {
  if (cache == NULL || cache->run != 0) return false;
  softpm_range *range = cache->range;
  const softpm_chunk *chunk = &range->chunks[softpm_chunk_of(range, start)];
  if ((size_t)chunk->count << range->chunk_shift > kept_run_bytes_most) return false;
  softpm_state_set(softpm_state_at(range, start), softpm_state_large | softpm_state_held);
  cache->run = start;
  return true;
}

static uintptr_t allocate_from(
    softpm_thread *thread, softpm_range *range, size_t bytes, size_t alignment, bool is_raw) {
  if (!atomic_load_explicit(&range->is_open, memory_order_relaxed)) return 0;
  if (alignment > softpm_chunk_lead(range)) return 0;
  int size_class = softpm_class_for(range, bytes, alignment);
  softpm_cache *cache = cache_for(thread, range);
  if (size_class < 0) {
    uintptr_t run = take_kept_run(cache, bytes, is_raw);
    if (run != 0) return run;
  } else if (cache != NULL) {
    int bin = size_class + (is_raw ? softpm_class_limit : 0);
    uint32_t count = cache->bins[bin].count;
    if (count > 0) {
      uintptr_t start = cache->bins[bin].cells[count - 1];
      cache->bins[bin].count = count - 1;
      softpm_state_set(softpm_state_at(range, start), (uint8_t)(bin + 1));
      return start;
    }
    if (cache->bins[bin].limit > 0) return refill(cache, bin);
  }
  return softpm_range_allocate(range, bytes, alignment, is_raw);
}

uintptr_t softpm_allocate_slowly(size_t bytes, size_t alignment, bool is_raw) {
  softpm_thread *thread = &softpm_this_thread;
  notice_closings(thread);
  softpm_range *target = thread->target;
  uintptr_t start = 0;
  if (target != NULL) start = allocate_from(thread, target, bytes, alignment, is_raw);
  if (start == 0 && softpm_nursery != NULL) {
    start = allocate_from(thread, softpm_nursery, bytes, alignment, is_raw);
  }
  return start;
}

void softpm_free_slowly(softpm_range *range, uintptr_t start) {
  softpm_thread *thread = &softpm_this_thread;
  notice_closings(thread);
  softpm_state *at = softpm_state_at(range, start);
  uint8_t state = softpm_state_get(at);
  int bin = state - 1;
  bool is_cell = start % softpm_cell_alignment == 0;
  if (is_cell && state == softpm_state_large && keep_run(cache_for(thread, range), start)) return;
  softpm_cache *cache =
      is_cell && bin >= 0 && bin < softpm_bin_count ? cache_for(thread, range) : NULL;
  if (cache == NULL || cache->bins[bin].limit == 0) {
    softpm_range_free(range, start);
    return;
  }
  if (cache->bins[bin].count == cache->bins[bin].limit) {
    softpm_lock_take(&range->lock);
    give_back(cache, bin, (cache->bins[bin].limit + 1) / 2);
    softpm_lock_give(&range->lock);
  }
  softpm_state_set(at, state | softpm_state_held);
  cache->bins[bin].cells[cache->bins[bin].count++] = start;
}

#endif

SOFTPM_END_OF_FILE
