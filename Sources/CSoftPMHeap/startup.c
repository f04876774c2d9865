// Start-up, from a constructor: learns where swift_slowAlloc's calls return to by calling it, and
// checks that the whole malloc family of the process is ours. Until then, and where something is
// not as it should be, every call passes through; nothing is guessed.

#include "entry.h"

#if SOFTPM_HEAP_SUPPORTED

#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef void *(*slow_alloc)(size_t bytes, size_t alignment_mask);
typedef void (*slow_dealloc)(void *start, size_t bytes, size_t alignment_mask);

// Found directly where the runtime is linked statically and exports nothing.
__attribute__((weak)) void *swift_slowAlloc(size_t bytes, size_t alignment_mask);
__attribute__((weak)) void swift_slowDealloc(void *start, size_t bytes, size_t alignment_mask);

// swift_slowAlloc is 97 bytes long in 6.3; a call that returns further away is not its own.
static const uintptr_t slow_alloc_bytes_most = 512;

static void *found(const char *name, void *linked) {
  void *symbol = dlsym(RTLD_DEFAULT, name);
  return symbol != NULL ? symbol : linked;
}

// The first of the family that the process resolves to something else, or NULL. Compared through
// this file's own references, which the linker bound within the executable.
static const char *foreign_entry(void) {
  static const struct { const char *name; void *ours; } family[] = {
    {"malloc", malloc}, {"calloc", calloc}, {"realloc", realloc}, {"free", free},
    {"posix_memalign", posix_memalign}, {"aligned_alloc", aligned_alloc},
    {"malloc_usable_size", malloc_usable_size},
  };
  for (size_t index = 0; index < sizeof family / sizeof *family; index++) {
    void *symbol = dlsym(RTLD_DEFAULT, family[index].name);
    if (symbol != NULL && symbol != family[index].ours) return family[index].name;
  }
  return NULL;
}

static bool is_within(uintptr_t address, slow_alloc function) {
  return address > (uintptr_t)function && address - (uintptr_t)function < slow_alloc_bytes_most;
}

// Allocates through the runtime in each way that it knows, and sees what arrives here.
static void probe(slow_alloc allocate, slow_dealloc deallocate) {
  static const size_t masks[] = {7, 15, 31, ~(size_t)0};
  for (size_t index = 0; index < sizeof masks / sizeof *masks; index++) {
    softpm_entries.is_probing = true;
    void *start = allocate(48, masks[index]);
    deallocate(start, 48, masks[index]);
    softpm_entries.is_probing = false;
  }
}

static softpm_support learn(void) {
  slow_alloc allocate = (slow_alloc)found("swift_slowAlloc", swift_slowAlloc);
  slow_dealloc deallocate = (slow_dealloc)found("swift_slowDealloc", swift_slowDealloc);
  if (allocate == NULL || deallocate == NULL) return softpm_support_no_runtime;
  softpm_entries.foreign_entry = foreign_entry();
  if (softpm_entries.foreign_entry != NULL) return softpm_support_not_interposed;
  probe(allocate, deallocate);
  if (softpm_entries.seen_malloc == 0 || softpm_entries.seen_aligned_count == 0 ||
      softpm_entries.seen_free == 0) {
    return softpm_support_not_interposed;
  }
  if (!is_within(softpm_entries.seen_malloc, allocate)) return softpm_support_unknown_runtime;
  for (int index = 0; index < softpm_entries.seen_aligned_count; index++) {
    if (!is_within(softpm_entries.seen_aligned[index], allocate)) {
      return softpm_support_unknown_runtime;
    }
  }
  return softpm_ranges_start() ? softpm_support_full : softpm_support_no_address_space;
}

// A forked child must not inherit a lock that some thread of the parent held.
static void before_fork(void) {
  softpm_lock_take(&softpm_caches_lock);
  softpm_lock_take(&softpm_ranges.lock);
  for (softpm_range *range = atomic_load(&softpm_ranges.first); range; range = range->next) {
    softpm_lock_take(&range->lock);
  }
}

static void after_fork(void) {
  for (softpm_range *range = atomic_load(&softpm_ranges.first); range; range = range->next) {
    softpm_lock_give(&range->lock);
  }
  softpm_lock_give(&softpm_ranges.lock);
  softpm_lock_give(&softpm_caches_lock);
}

__attribute__((constructor(101))) static void start(void) {
  softpm_classes_start();
  softpm_entries.support = learn();
  if (softpm_entries.support != softpm_support_full) return;
  softpm_caches_start();
  pthread_atfork(before_fork, after_fork, after_fork);
  memcpy(softpm_entries.aligned_returns, softpm_entries.seen_aligned,
         sizeof softpm_entries.aligned_returns);
  softpm_entries.malloc_return = softpm_entries.seen_malloc;
}

softpm_support softpm_heap_support(void) { return softpm_entries.support; }

const char *softpm_heap_foreign_entry(void) { return softpm_entries.foreign_entry; }

#endif

SOFTPM_END_OF_FILE
