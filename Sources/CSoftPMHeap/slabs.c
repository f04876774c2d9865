// Cells: taking one from a slab or as a run of its own, freeing it, finding it by address.

#include "checks.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <sys/mman.h>

void softpm_chunk_list(softpm_range *range, uint32_t index) {
  softpm_chunk *chunk = &range->chunks[index];
  uint32_t first = range->bins[chunk->bin];
  chunk->previous = 0;
  chunk->next = first;
  if (first != 0) range->chunks[first].previous = index;
  range->bins[chunk->bin] = index;
  chunk->is_listed = true;
}

static void unlist(softpm_range *range, uint32_t index) {
  softpm_chunk *chunk = &range->chunks[index];
  if (chunk->previous != 0) {
    range->chunks[chunk->previous].next = chunk->next;
  } else {
    range->bins[chunk->bin] = chunk->next;
  }
  if (chunk->next != 0) range->chunks[chunk->next].previous = chunk->previous;
  chunk->is_listed = false;
}

void softpm_chunk_make_slab(
    softpm_range *range, uint32_t index, uint32_t cell_bytes, int bin, bool is_raw) {
  uint32_t units = cell_bytes / softpm_cell_alignment;
  uint32_t count = (range->chunk_bytes - softpm_chunk_lead(range)) / cell_bytes;
  range->chunks[index] = (softpm_chunk){
    .kind = softpm_chunk_slab, .is_raw = is_raw, .is_touched = true, .bin = (uint8_t)bin,
    .cell_bytes = cell_bytes, .count = count, .free_count = count,
    .reciprocal = (uint32_t)((((uint64_t)1 << 32) + units - 1) / units),
  };
}

// A chunk with free cells for the bin; 0 where there is no room for one more.
static uint32_t chunk_for(softpm_range *range, int bin) {
  uint32_t index = range->bins[bin];
  if (index != 0) return index;
  index = softpm_chunks_take(range, 1);
  if (index == 0) return 0;
  bool is_raw = bin >= softpm_class_limit;
  int size_class = is_raw ? bin - softpm_class_limit : bin;
  uint32_t bytes = (uint32_t)softpm_class_bytes(range, size_class);
  softpm_chunk_make_slab(range, index, bytes, bin, is_raw);
  softpm_chunk_list(range, index);
  return index;
}

uint32_t softpm_range_take_cells(
    softpm_range *range, int bin, uint8_t state, uintptr_t *cells, uint32_t count) {
  uint32_t taken = 0;
  while (taken < count) {
    uint32_t index = chunk_for(range, bin);
    if (index == 0) break;
    softpm_chunk *chunk = &range->chunks[index];
    uintptr_t first = softpm_chunk_start(range, index) + softpm_chunk_lead(range);
    uint32_t cell = chunk->hint;
    for (; cell < chunk->count && taken < count && chunk->free_count > 0; cell++) {
      uintptr_t start = first + (uintptr_t)cell * chunk->cell_bytes;
      softpm_state *at = softpm_state_at(range, start);
      if (softpm_state_get(at) != softpm_state_free) continue;
      softpm_state_set(at, state);
      chunk->free_count--;
      cells[taken++] = start;
    }
    chunk->hint = cell;
    if (chunk->free_count == 0) {
      unlist(range, index);
    } else if (cell == chunk->count) {
      softpm_trap("a slab's free count is wrong", first);
    }
  }
  return taken;
}

static uintptr_t take_run(softpm_range *range, size_t bytes, bool is_raw) {
  if (bytes > range->bytes) return 0;
  uint32_t count = softpm_run_chunks(range, bytes);
  uint32_t first = softpm_chunks_take(range, count);
  if (first == 0) return 0;
  for (uint32_t index = first; index < first + count; index++) {
    range->chunks[index] = (softpm_chunk){
      .kind = softpm_chunk_continuation, .is_raw = is_raw, .is_touched = true, .count = first,
    };
  }
  range->chunks[first].kind = softpm_chunk_large;
  range->chunks[first].count = count;
  uintptr_t start = softpm_chunk_start(range, first) + softpm_chunk_lead(range);
  softpm_state_set(softpm_state_at(range, start), softpm_state_large);
  return start;
}

static uintptr_t allocate_locked(
    softpm_range *range, size_t bytes, size_t alignment, bool is_raw) {
  if (range->is_closed || range->is_installing) return 0;
  int size_class = softpm_class_for(range, bytes, alignment);
  if (size_class < 0) return take_run(range, bytes, is_raw);
  int bin = size_class + (is_raw ? softpm_class_limit : 0);
  uintptr_t start = 0;
  softpm_range_take_cells(range, bin, (uint8_t)(bin + 1), &start, 1);
  return start;
}

uintptr_t softpm_range_allocate(
    softpm_range *range, size_t bytes, size_t alignment, bool is_raw) {
  if (!atomic_load_explicit(&range->is_open, memory_order_relaxed)) return 0;
  if (alignment > softpm_chunk_lead(range)) return 0;
  softpm_lock_take(&range->lock);
  uintptr_t start = allocate_locked(range, bytes, alignment, is_raw);
  softpm_lock_give(&range->lock);
  return start;
}

uintptr_t softpm_cell_reserve(
    softpm_range *range, size_t bytes, bool is_raw, softpm_result *result) {
  softpm_lock_take(&range->lock);
  uintptr_t start = allocate_locked(range, bytes, softpm_cell_alignment, is_raw);
  *result = start != 0 ? softpm_ok : range->is_closed ? softpm_closed : softpm_no_space;
  softpm_lock_give(&range->lock);
  if (start != 0) softpm_tell_allocated(range, start);
  return start;
}

// The allocated cell around `address`; start 0 where there is none. Reads without a lock: what it
// says is exact for a cell that stays allocated meanwhile, and in bounds whatever happens.
static uintptr_t cell_around(const softpm_range *range, uintptr_t address, size_t *bytes) {
  uint32_t index = softpm_chunk_of(range, address);
  softpm_chunk chunk = range->chunks[index];
  uint32_t lead = softpm_chunk_lead(range);
  if (chunk.kind == softpm_chunk_continuation && chunk.count < index) {
    index = chunk.count;
    chunk = range->chunks[index];
  }
  uintptr_t first = softpm_chunk_start(range, index) + lead;
  if (address < first) return 0;
  uintptr_t start = first;
  if (chunk.kind == softpm_chunk_slab) {
    uint32_t cell = softpm_cell_number(&chunk, address - first);
    if (cell >= chunk.count) return 0;
    start = first + (uintptr_t)cell * chunk.cell_bytes;
    *bytes = chunk.cell_bytes;
  } else if (chunk.kind == softpm_chunk_large) {
    *bytes = (size_t)chunk.count * range->chunk_bytes - lead;
    if (address - first >= *bytes) return 0;
  } else {
    return 0;
  }
  uint8_t state = softpm_state_get(softpm_state_at(range, start));
  return softpm_state_is_allocated(state) ? start : 0;
}

bool softpm_cell_find(uintptr_t address, softpm_cell *result) {
  softpm_range *range = softpm_range_of(address);
  if (range == NULL) return false;
  size_t bytes = 0;
  uintptr_t start = cell_around(range, address, &bytes);
  if (start == 0) return false;
  bool is_raw = range->chunks[softpm_chunk_of(range, start)].is_raw;
  *result = (softpm_cell){.range = range, .start = start, .bytes = bytes, .is_raw = is_raw};
  return true;
}

size_t softpm_range_cell_bytes(softpm_range *range, uintptr_t start) {
  size_t bytes = 0;
  if (cell_around(range, start, &bytes) != start) {
    softpm_trap("asked for the size of what is no allocated cell", start);
  }
  return bytes;
}

void softpm_range_put_back(softpm_range *range, uintptr_t start) {
  uint32_t index = softpm_chunk_of(range, start);
  softpm_chunk *chunk = &range->chunks[index];
  softpm_state_set(softpm_state_at(range, start), softpm_state_free);
  if (chunk->kind == softpm_chunk_large) {
    softpm_chunks_give_back(range, index, chunk->count);
    return;
  }
  uintptr_t first = softpm_chunk_start(range, index) + softpm_chunk_lead(range);
  uint32_t cell = softpm_cell_number(chunk, start - first);
  if (cell < chunk->hint) chunk->hint = cell;
  if (++chunk->free_count == chunk->count) {
    if (chunk->is_listed) unlist(range, index);
    softpm_chunks_give_back(range, index, 1);
  } else if (!chunk->is_listed && chunk->bin != softpm_no_bin && !range->is_installing) {
    softpm_chunk_list(range, index);
  }
}

// Room for one more held cell; false where there is no memory, and the cell then stays held for
// good: losing a cell is better than reusing it too early.
static bool make_room_in_quarantine(softpm_range *range) {
  if (range->quarantine_count < range->quarantine_capacity) return true;
  size_t old = range->quarantine_capacity * sizeof *range->quarantine;
  size_t new = old == 0 ? 64 << 10 : old * 2;
  int saved = errno;
  void *grown = old == 0
      ? mmap(NULL, new, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      : mremap(range->quarantine, old, new, MREMAP_MAYMOVE);
  errno = saved;
  if (grown == MAP_FAILED) return false;
  range->quarantine = grown;
  range->quarantine_capacity = new / sizeof *range->quarantine;
  return true;
}

void softpm_trap_bad_free(uintptr_t start) {
  softpm_trap("freed twice, or never allocated", start);
}

void softpm_range_free(softpm_range *range, uintptr_t start) {
  softpm_lock_take(&range->lock);
  if (atomic_load_explicit(&range->is_returned, memory_order_relaxed)) {
    softpm_trap("freed into an arena that is gone", start);
  }
  softpm_state *at = softpm_state_at(range, start);
  uint8_t state = softpm_state_get(at);
  if (start % softpm_cell_alignment != 0 || !softpm_state_is_allocated(state)) {
    softpm_trap_bad_free(start);
  }
  if (range->quarantine_depth > 0) {
    softpm_state_set(at, state | softpm_state_held);
    if (make_room_in_quarantine(range)) range->quarantine[range->quarantine_count++] = start;
  } else {
    softpm_range_put_back(range, start);
    softpm_range_return_if_empty(range);
  }
  softpm_lock_give(&range->lock);
}

void softpm_quarantine_begin(softpm_range *range) {
  softpm_lock_take(&range->lock);
  if (range->quarantine_depth++ == 0) atomic_store(&range->slot, softpm_no_slot);
  softpm_lock_give(&range->lock);
}

void softpm_quarantine_end(softpm_range *range) {
  softpm_lock_take(&range->lock);
  if (range->quarantine_depth == 0) softpm_trap("no quarantine to end", range->base);
  if (--range->quarantine_depth == 0) {
    for (size_t index = 0; index < range->quarantine_count; index++) {
      softpm_range_put_back(range, range->quarantine[index]);
    }
    range->quarantine_count = 0;
    if (!range->is_closed) atomic_store(&range->slot, range->own_slot);
    softpm_range_return_if_empty(range);
  }
  softpm_lock_give(&range->lock);
}

#endif

SOFTPM_END_OF_FILE
