// The entry points' own state, shared with the start-up code that fills it in.
#pragma once

#include "heap.h"

enum { softpm_return_limit = 4 };

typedef struct softpm_entry {
  // Where swift_slowAlloc's calls of malloc and posix_memalign return to; 0 until known.
  uintptr_t malloc_return;
  uintptr_t aligned_returns[softpm_return_limit];
  // While the constructor asks swift_slowAlloc for memory: calls note where they return to.
  bool is_probing;
  softpm_support support;
  const char *foreign_entry;
  // What the probe saw, in order.
  uintptr_t seen_malloc, seen_aligned[softpm_return_limit];
  int seen_aligned_count;
  int seen_free;
} softpm_entry;

extern softpm_entry softpm_entries softpm_hidden;

// The allocator below ours: the sanitizer's where there is one, else glibc's.
softpm_hidden void *softpm_next_malloc(size_t bytes);
softpm_hidden void *softpm_next_calloc(size_t count, size_t bytes);
softpm_hidden void *softpm_next_realloc(void *start, size_t bytes);
softpm_hidden void softpm_next_free(void *start);
softpm_hidden int softpm_next_posix_memalign(void **result, size_t alignment, size_t bytes);
softpm_hidden void *softpm_next_memalign(size_t alignment, size_t bytes);
softpm_hidden size_t softpm_next_usable_size(void *start);
