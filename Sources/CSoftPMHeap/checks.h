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

// What ThreadSanitizer knows of a cell must end with its use, as with its own allocator: it does
// not see reference counting, and would report the last reader of the old object and the maker of
// the next. This is its interface for managed heaps; it needs to know their place only to describe
// addresses in its reports.
#if __has_feature(thread_sanitizer)
void __tsan_java_alloc(unsigned long start, unsigned long bytes);
void __tsan_java_free(unsigned long start, unsigned long bytes);

static inline void softpm_tell_allocated(softpm_range *range, uintptr_t start) {
  __tsan_java_alloc(start, softpm_range_cell_bytes(range, start));
}

static inline void softpm_tell_freed(softpm_range *range, uintptr_t start) {
  __tsan_java_free(start, softpm_range_cell_bytes(range, start));
}
#else
static inline void softpm_tell_allocated(softpm_range *range, uintptr_t start) {}
static inline void softpm_tell_freed(softpm_range *range, uintptr_t start) {}
#endif
