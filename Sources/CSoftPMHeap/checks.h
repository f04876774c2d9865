// What debug builds check on every allocation and free, and what sanitizers are told.
//
// A checked cell ends in 16 guard bytes, which malloc_usable_size does not count; a freed one is
// filled, and what it was filled with must still be there when it is used again. Release builds
// have none of this: there a double or wild free is found by the cell's state alone.
#pragma once

#include "heap.h"

#ifndef SOFTPM_HEAP_CHECKS
#if defined(DEBUG) && DEBUG
#define SOFTPM_HEAP_CHECKS 1
#else
#define SOFTPM_HEAP_CHECKS 0
#endif
#endif

enum { softpm_guard_bytes = SOFTPM_HEAP_CHECKS ? 16 : 0 };

#if SOFTPM_HEAP_CHECKS
softpm_hidden void softpm_check_allocated(softpm_range *range, uintptr_t start);
softpm_hidden void softpm_check_freed(softpm_range *range, uintptr_t start);
softpm_hidden bool softpm_check_is_guarded(const softpm_range *range, uintptr_t start);
// The chunk is going to have other cells.
softpm_hidden void softpm_check_forget(softpm_range *range, uint32_t chunk);
#else
static inline void softpm_check_allocated(softpm_range *range, uintptr_t start) {}
static inline void softpm_check_freed(softpm_range *range, uintptr_t start) {}
static inline void softpm_check_forget(softpm_range *range, uint32_t chunk) {}
static inline bool softpm_check_is_guarded(const softpm_range *range, uintptr_t start) {
  return false;
}
#endif

// A cell that one thread frees and another is given: ThreadSanitizer must see the hand-over.
static inline void softpm_hand_over(uintptr_t start) {
#if __has_feature(thread_sanitizer)
  __tsan_release((void *)start);
#endif
}

static inline void softpm_take_over(uintptr_t start) {
#if __has_feature(thread_sanitizer)
  __tsan_acquire((void *)start);
#endif
}
