// The checks of debug builds.

#include "checks.h"

#if SOFTPM_HEAP_SUPPORTED && SOFTPM_HEAP_CHECKS

// Of larger cells only so much is filled: enough to catch what still uses the first fields.
static const size_t filled_bytes_most = 1024;
static const uint64_t filling = 0xdbdbdbdbdbdbdbdb;

// Differs from cell to cell, so that a copied cell does not pass.
static uint64_t guard_of(uintptr_t start) { return start * 0x9e3779b97f4a7c15u ^ filling; }

static uint64_t *guard_at(softpm_range *range, uintptr_t start) {
  size_t bytes = softpm_range_cell_bytes(range, start);
  return (uint64_t *)(start + bytes - softpm_guard_bytes);
}

static size_t filled_words(softpm_range *range, uintptr_t start) {
  size_t bytes = softpm_range_cell_bytes(range, start);
  return (bytes < filled_bytes_most ? bytes : filled_bytes_most) / sizeof(uint64_t);
}

// What is known of a cell, in the range's table `checks`.
enum { unknown = 0, is_guarded = 1, is_filled = 2 };

static softpm_state *check_at(const softpm_range *range, uintptr_t start) {
  return &range->checks[(start - range->base) >> 4];
}

bool softpm_check_is_guarded(const softpm_range *range, uintptr_t start) {
  return softpm_state_get(check_at(range, start)) == is_guarded;
}

void softpm_check_forget(softpm_range *range, uint32_t chunk) {
  uintptr_t start = softpm_chunk_start(range, chunk);
  for (uint32_t offset = 0; offset < range->chunk_bytes; offset += softpm_cell_alignment) {
    softpm_state_set(check_at(range, start + offset), unknown);
  }
}

void softpm_check_allocated(softpm_range *range, uintptr_t start) {
  if (softpm_state_get(check_at(range, start)) == is_filled) {
    const uint64_t *words = (const uint64_t *)start;
    size_t count = filled_words(range, start);
    for (size_t word = 0; word < count; word++) {
      if (words[word] != filling) softpm_trap("written to after it was freed", start);
    }
  }
  uint64_t *guard = guard_at(range, start);
  guard[0] = guard[1] = guard_of(start);
  softpm_state_set(check_at(range, start), is_guarded);
}

// While a point is at work it may still read what is freed, so that is not filled.
void softpm_check_freed(softpm_range *range, uintptr_t start) {
  if (softpm_check_is_guarded(range, start)) {
    const uint64_t *guard = guard_at(range, start);
    if (guard[0] != guard_of(start) || guard[1] != guard_of(start)) {
      softpm_trap("written to beyond its end", start);
    }
  }
  softpm_state_set(check_at(range, start), unknown);
  if (atomic_load_explicit(&range->slot, memory_order_relaxed) == softpm_no_slot) return;
  uint64_t *words = (uint64_t *)start;
  size_t count = filled_words(range, start);
  for (size_t word = 0; word < count; word++) words[word] = filling;
  softpm_state_set(check_at(range, start), is_filled);
}

#endif

SOFTPM_END_OF_FILE
