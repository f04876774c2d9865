// What the layers above keep about cells, apart from the cells: a word and a mark each.
//
// 1. Both are mapped when first asked for, whole, without memory; a page gets memory when it is
//    written.
// 2. Both are cleared when the cell is freed, before its memory can be used again.
// 3. Marks of neighbouring cells share a word, and any thread may free a cell: they change by
//    atomic operations only.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>

static size_t words_bytes(size_t range_bytes) {
  return range_bytes / softpm_cell_alignment * sizeof(uint64_t);
}

static size_t marks_bytes(size_t range_bytes) { return range_bytes / softpm_cell_alignment / 8; }

static void *map(size_t bytes) {
  int saved = errno;
  void *start = mmap(
      NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  errno = saved;
  return start == MAP_FAILED ? NULL : start;
}

static uint64_t *map_words(softpm_range *range) {
  softpm_lock_take(&range->lock);
  uint64_t *words = atomic_load(&range->words);
  if (words == NULL && !atomic_load(&range->is_returned)) {
    words = map(words_bytes(range->mapped_bytes));
    atomic_store(&range->words, words);
  }
  softpm_lock_give(&range->lock);
  return words;
}

uint64_t *softpm_cell_word(uintptr_t start) {
  softpm_range *range = softpm_range_of(start);
  if (range == NULL) return NULL;
  uint64_t *words = atomic_load(&range->words);
  if (words == NULL) words = map_words(range);
  return words == NULL ? NULL : &words[(start - range->base) >> 4];
}

static softpm_mark_bits *map_marks(softpm_range *range) {
  softpm_lock_take(&range->lock);
  softpm_mark_bits *marks = atomic_load(&range->marks);
  if (marks == NULL && !atomic_load(&range->is_returned)) {
    marks = map(marks_bytes(range->mapped_bytes));
    atomic_store(&range->marks, marks);
  }
  softpm_lock_give(&range->lock);
  return marks;
}

softpm_mark softpm_cell_mark(uintptr_t start) {
  softpm_range *range = softpm_range_of(start);
  if (range == NULL) return softpm_mark_impossible;
  softpm_mark_bits *marks = atomic_load_explicit(&range->marks, memory_order_relaxed);
  if (softpm_unlikely(marks == NULL)) marks = map_marks(range);
  if (marks == NULL) return softpm_mark_impossible;
  softpm_mark_bits *at = softpm_marks_at(range, marks, start);
  uint64_t bit = softpm_mark_bit(range, start);
  if (atomic_load_explicit(at, memory_order_relaxed) & bit) return softpm_mark_present;
  uint64_t before = atomic_fetch_or_explicit(at, bit, memory_order_relaxed);
  return before & bit ? softpm_mark_present : softpm_mark_new;
}

bool softpm_cell_is_marked(uintptr_t start) {
  softpm_range *range = softpm_range_of(start);
  if (range == NULL) return false;
  softpm_mark_bits *marks = atomic_load_explicit(&range->marks, memory_order_relaxed);
  if (marks == NULL) return false;
  softpm_mark_bits *at = softpm_marks_at(range, marks, start);
  return (atomic_load_explicit(at, memory_order_relaxed) & softpm_mark_bit(range, start)) != 0;
}

void softpm_cell_unmark(uintptr_t start) {
  softpm_range *range = softpm_range_of(start);
  if (range == NULL) return;
  softpm_mark_bits *marks = atomic_load_explicit(&range->marks, memory_order_relaxed);
  if (marks == NULL) return;
  atomic_fetch_and_explicit(
      softpm_marks_at(range, marks, start), ~softpm_mark_bit(range, start), memory_order_relaxed);
}

void softpm_chunk_unmark(softpm_range *range, uint32_t chunk) {
  softpm_mark_bits *marks = atomic_load_explicit(&range->marks, memory_order_relaxed);
  if (marks == NULL || chunk >= range->chunk_limit) return;
  softpm_mark_bits *at = softpm_marks_at(range, marks, softpm_chunk_start(range, chunk));
  for (uint32_t word = 0; word < range->chunk_bytes / 1024; word++) {
    // Read first: pages of marks that nobody made stay without memory.
    if (atomic_load_explicit(&at[word], memory_order_relaxed) != 0) {
      atomic_store_explicit(&at[word], 0, memory_order_relaxed);
    }
  }
}

uintptr_t softpm_word_at(uintptr_t address) {
  uintptr_t word = 0;
  struct iovec local = {.iov_base = &word, .iov_len = sizeof word};
  struct iovec remote = {.iov_base = (void *)address, .iov_len = sizeof word};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == sizeof word ? word : 0;
}

static void trim(void *start, size_t old, size_t new) {
  if (start != NULL && new < old) munmap((char *)start + new, old - new);
}

void softpm_words_trim(softpm_range *range, size_t bytes) {
  size_t old = range->mapped_bytes;
  trim(atomic_load(&range->words), words_bytes(old), words_bytes(bytes));
  trim(atomic_load(&range->marks), marks_bytes(old), marks_bytes(bytes));
}

void softpm_words_return(softpm_range *range) {
  uint64_t *words = atomic_exchange(&range->words, NULL);
  if (words != NULL) munmap(words, words_bytes(range->mapped_bytes));
  softpm_mark_bits *marks = atomic_exchange(&range->marks, NULL);
  if (marks != NULL) munmap(marks, marks_bytes(range->mapped_bytes));
}

#endif

SOFTPM_END_OF_FILE
