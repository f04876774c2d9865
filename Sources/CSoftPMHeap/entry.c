// The malloc family of the process.
//
// The executable that links us defines these names, so every library's calls arrive here, as with
// any replacement of malloc. Calls that swift_slowAlloc makes are told by their return address,
// which start-up found (startup.c), and are served from the thread's scope; all others pass
// through. A block is recognised as ours by its address, in any thread, at any time.

#include "checks.h"
#include "entry.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <string.h>

#define softpm_entry_point __attribute__((visibility("default"), no_builtin))
#define softpm_return_address() ((uintptr_t)__builtin_return_address(0))

softpm_entry softpm_entries softpm_hidden = {.support = softpm_support_no_runtime};

// A cell from the calling thread's cache of its target, else by the slow path; 0 for none.
static inline __attribute__((always_inline)) uintptr_t allocate_cell(
    size_t bytes, size_t alignment, bool is_raw) {
  softpm_cache *cache = softpm_this_thread.allocating;
  if (softpm_likely(bytes <= softpm_looked_up_bytes && alignment <= softpm_cell_alignment)) {
    int bin = cache->class_lookup[(bytes + 15) / 16] + (is_raw ? softpm_class_limit : 0);
    uint32_t count = cache->bins[bin].count;
    if (softpm_likely(count > 0) &&
        softpm_likely(atomic_load_explicit(&cache->range->is_open, memory_order_relaxed))) {
      uintptr_t start = cache->bins[bin].cells[count - 1];
      cache->bins[bin].count = count - 1;
      softpm_state_set(softpm_state_at(cache->range, start), (uint8_t)(bin + 1));
      return start;
    }
  }
  return softpm_allocate_slowly(bytes, alignment, is_raw);
}

static inline __attribute__((always_inline)) uintptr_t allocate_object(
    size_t bytes, size_t alignment, bool is_raw) {
  if (softpm_unlikely(bytes > SIZE_MAX / 2)) return 0;
  uintptr_t start = allocate_cell(bytes + softpm_guard_bytes, alignment, is_raw);
  if (softpm_unlikely(start == 0)) return 0;
  softpm_tell_allocated(softpm_range_of(start), start);
  if (SOFTPM_HEAP_CHECKS) softpm_check_allocated(softpm_range_of(start), start);
  return start;
}

// Into the calling thread's cache, else by the slow path.
static inline __attribute__((always_inline)) void free_object(
    softpm_range *range, uintptr_t start) {
  softpm_tell_freed(range, start);
  if (SOFTPM_HEAP_CHECKS) softpm_check_freed(range, start);
  softpm_words_forget(range, start);
  softpm_cache *cache =
      softpm_this_thread.by_slot[atomic_load_explicit(&range->slot, memory_order_relaxed)];
  softpm_state *at = softpm_state_at(range, start);
  uint8_t state = softpm_state_get(at);
  unsigned bin = (unsigned)state - 1;
  if (softpm_likely(cache->range == range && bin < softpm_bin_count && start % 16 == 0)) {
    uint32_t count = cache->bins[bin].count;
    if (softpm_likely(count < cache->bins[bin].limit)) {
      softpm_state_set(at, state | softpm_state_held);
      cache->bins[bin].cells[count] = start;
      cache->bins[bin].count = count + 1;
      return;
    }
  }
  softpm_free_slowly(range, start);
}

softpm_entry_point void *malloc(size_t bytes) {
  uintptr_t caller = softpm_return_address();
  if (softpm_likely(caller == softpm_entries.malloc_return)) {
    uintptr_t start = allocate_object(bytes, softpm_cell_alignment, false);
    if (start != 0) return (void *)start;
  } else if (softpm_unlikely(softpm_entries.is_probing)) {
    softpm_entries.seen_malloc = caller;
  }
  return softpm_next_malloc(bytes);
}

// Whether the call comes from swift_slowAlloc; while probing, notes that one came.
static bool is_aligned_call(uintptr_t caller) {
  for (int index = 0; index < softpm_return_limit; index++) {
    if (softpm_entries.aligned_returns[index] == caller) return true;
  }
  if (softpm_unlikely(softpm_entries.is_probing) &&
      softpm_entries.seen_aligned_count < softpm_return_limit) {
    softpm_entries.seen_aligned[softpm_entries.seen_aligned_count++] = caller;
  }
  return false;
}

softpm_entry_point int posix_memalign(void **result, size_t alignment, size_t bytes) {
  if (is_aligned_call(softpm_return_address())) {
    uintptr_t start = allocate_object(bytes, alignment, true);
    if (start != 0) {
      *result = (void *)start;
      return 0;
    }
  }
  return softpm_next_posix_memalign(result, alignment, bytes);
}

softpm_entry_point void *aligned_alloc(size_t alignment, size_t bytes) {
  if (is_aligned_call(softpm_return_address())) {
    uintptr_t start = allocate_object(bytes, alignment, true);
    if (start != 0) return (void *)start;
  }
  return softpm_next_memalign(alignment, bytes);
}

softpm_entry_point void *memalign(size_t alignment, size_t bytes) {
  return softpm_next_memalign(alignment, bytes);
}

softpm_entry_point void *valloc(size_t bytes) {
  return softpm_next_memalign((size_t)sysconf(_SC_PAGESIZE), bytes);
}

softpm_entry_point void *pvalloc(size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  if (bytes > SIZE_MAX - page) {
    errno = ENOMEM;
    return NULL;
  }
  return softpm_next_memalign(page, (bytes + page - 1) & ~(page - 1));
}

softpm_entry_point void *calloc(size_t count, size_t bytes) {
  return softpm_next_calloc(count, bytes);
}

softpm_entry_point void free(void *start) {
  softpm_range *range = softpm_range_of((uintptr_t)start);
  if (softpm_likely(range != NULL)) {
    free_object(range, (uintptr_t)start);
    return;
  }
  if (softpm_unlikely(softpm_entries.is_probing)) softpm_entries.seen_free++;
  softpm_next_free(start);
}

static size_t usable_bytes(softpm_range *range, uintptr_t start) {
  size_t bytes = softpm_range_cell_bytes(range, start);
  return softpm_check_is_guarded(range, start) ? bytes - softpm_guard_bytes : bytes;
}

void softpm_cell_release(uintptr_t start) {
  softpm_range *range = softpm_range_of(start);
  if (range == NULL) softpm_trap("released what is no cell", start);
  free_object(range, start);
}

softpm_entry_point size_t malloc_usable_size(void *start) {
  softpm_range *range = softpm_range_of((uintptr_t)start);
  if (range != NULL) return usable_bytes(range, (uintptr_t)start);
  return softpm_next_usable_size(start);
}

// A block of ours stays with its own: only a restored byte buffer ever comes this way, and its
// container wants it at home.
static void *reallocate(softpm_range *range, void *start, size_t bytes) {
  if (bytes == 0) {
    free_object(range, (uintptr_t)start);
    return NULL;
  }
  size_t present = usable_bytes(range, (uintptr_t)start);
  if (bytes <= present && bytes >= present / 2) return start;
  softpm_cell cell;
  bool is_raw = softpm_cell_find((uintptr_t)start, &cell) && cell.is_raw;
  void *moved = (void *)softpm_range_allocate(
      range, bytes + softpm_guard_bytes, softpm_cell_alignment, is_raw);
  if (moved != NULL) softpm_tell_allocated(range, (uintptr_t)moved);
  if (moved != NULL && SOFTPM_HEAP_CHECKS) softpm_check_allocated(range, (uintptr_t)moved);
  if (moved == NULL) moved = softpm_next_malloc(bytes);
  if (moved == NULL) return NULL;
  memcpy(moved, start, bytes < present ? bytes : present);
  free_object(range, (uintptr_t)start);
  return moved;
}

softpm_entry_point void *realloc(void *start, size_t bytes) {
  softpm_range *range = softpm_range_of((uintptr_t)start);
  if (bytes > SIZE_MAX / 2) range = NULL;
  return range == NULL ? softpm_next_realloc(start, bytes) : reallocate(range, start, bytes);
}

softpm_entry_point void *reallocarray(void *start, size_t count, size_t bytes) {
  size_t product;
  if (__builtin_mul_overflow(count, bytes, &product)) {
    errno = ENOMEM;
    return NULL;
  }
  return realloc(start, product);
}

#endif

SOFTPM_END_OF_FILE
