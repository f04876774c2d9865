// Chunks of a range: taking runs of them, giving them back, and their memory to the system.

#include "checks.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

// Memory of empty chunks that is kept for reuse: an eighth of what is in use, but at least this.
static const size_t kept_bytes_least = 16 << 20;

static bool is_empty(const softpm_range *range, uint32_t chunk) {
  return range->free_map[chunk / 64] >> (chunk % 64) & 1;
}

static void mark_empty(softpm_range *range, uint32_t chunk, bool empty) {
  uint64_t bit = (uint64_t)1 << (chunk % 64);
  if (empty) range->free_map[chunk / 64] |= bit; else range->free_map[chunk / 64] &= ~bit;
}

// The first run of `count` empty chunks below the frontier; 0 where there is none.
static uint32_t find_run(softpm_range *range, uint32_t count) {
  if (range->free_chunks < count) return 0;
  uint32_t chunk = range->search_hint, run = 0;
  bool is_first = true;
  while (chunk < range->frontier) {
    uint64_t rest = range->free_map[chunk / 64] >> (chunk % 64);
    if (rest == 0) {
      run = 0;
      chunk = (chunk / 64 + 1) * 64;
      continue;
    }
    if ((rest & 1) == 0) {
      run = 0;
      chunk += (uint32_t)__builtin_ctzll(rest);
      continue;
    }
    if (is_first) range->search_hint = chunk;
    is_first = false;
    chunk++;
    if (++run == count) return chunk - count;
  }
  if (is_first) range->search_hint = range->frontier;
  return 0;
}

uint32_t softpm_chunks_take(softpm_range *range, uint32_t count) {
  uint32_t first = find_run(range, count);
  if (first != 0) {
    for (uint32_t chunk = first; chunk < first + count; chunk++) {
      mark_empty(range, chunk, false);
      if (range->chunks[chunk].is_touched) range->dirty_free_bytes -= range->chunk_bytes;
    }
    range->free_chunks -= count;
  } else {
    if (count > range->chunk_limit - range->frontier) return 0;
    if (!softpm_range_commit(range, range->frontier + count)) return 0;
    first = range->frontier;
    range->frontier += count;
  }
  range->used_chunks += count;
  return first;
}

// Lets the system have the memory of [first, first + count), which reads as zeros afterwards.
static void give_to_system(softpm_range *range, uint32_t first, uint32_t count) {
  int saved = errno;
  bool given = madvise((void *)softpm_chunk_start(range, first),
                       (size_t)count * range->chunk_bytes, MADV_DONTNEED) == 0;
  errno = saved;
  for (uint32_t chunk = first; given && chunk < first + count; chunk++) {
    if (range->chunks[chunk].is_touched) range->dirty_free_bytes -= range->chunk_bytes;
    range->chunks[chunk].is_touched = false;
  }
}

void softpm_chunks_give_to_system(softpm_range *range) {
  // Where pages are larger than chunks a chunk's memory cannot be given back alone.
  if (range->chunk_bytes < softpm_ranges.page_bytes) return;
  uint32_t chunk = 1;
  while (chunk < range->frontier) {
    if (range->free_map[chunk / 64] == 0) {
      chunk = (chunk / 64 + 1) * 64;
      continue;
    }
    uint32_t first = chunk;
    while (chunk < range->frontier && is_empty(range, chunk) && range->chunks[chunk].is_touched) {
      chunk++;
    }
    if (chunk > first) give_to_system(range, first, chunk - first); else chunk++;
  }
}

void softpm_chunks_give_back(softpm_range *range, uint32_t first, uint32_t count) {
  for (uint32_t chunk = first; chunk < first + count; chunk++) {
    range->chunks[chunk] = (softpm_chunk){.kind = softpm_chunk_empty, .is_touched = true};
    mark_empty(range, chunk, true);
    softpm_check_forget(range, chunk);
  }
  range->free_chunks += count;
  range->used_chunks -= count;
  range->dirty_free_bytes += (size_t)count * range->chunk_bytes;
  if (first < range->search_hint) range->search_hint = first;
  if (range->is_closed) {
    // Nothing will be allocated here again. What is empty altogether is about to be unmapped.
    bool may = range->used_chunks > 0 && range->chunk_bytes >= softpm_ranges.page_bytes;
    if (may) give_to_system(range, first, count);
    return;
  }
  size_t kept = (size_t)range->used_chunks * range->chunk_bytes / 8;
  if (range->dirty_free_bytes > (kept < kept_bytes_least ? kept_bytes_least : kept)) {
    softpm_chunks_give_to_system(range);
  }
}

uint32_t softpm_chunk_count(softpm_range *range) {
  softpm_lock_take(&range->lock);
  uint32_t count = range->frontier;
  softpm_lock_give(&range->lock);
  return count;
}

static size_t cells_of(
    const softpm_range *range, uint32_t index, uint32_t *offsets, size_t capacity) {
  const softpm_chunk *chunk = &range->chunks[index];
  uintptr_t start = softpm_chunk_start(range, index);
  uint32_t lead = softpm_chunk_lead(range);
  uint32_t cells = chunk->kind == softpm_chunk_slab ? chunk->count : 0;
  if (chunk->kind == softpm_chunk_large) cells = 1;
  size_t found = 0;
  for (uint32_t cell = 0; cell < cells; cell++) {
    uint32_t offset = lead + cell * chunk->cell_bytes;
    uint8_t state = softpm_state_get(softpm_state_at(range, start + offset));
    if (!softpm_state_is_allocated(state)) continue;
    if (found < capacity) offsets[found] = offset;
    found++;
  }
  return found;
}

size_t softpm_chunk_cells(
    softpm_range *range, uint32_t chunk, uint32_t *offsets, size_t capacity) {
  softpm_lock_take(&range->lock);
  bool exists = !atomic_load(&range->is_returned) && chunk < range->frontier;
  size_t found = exists ? cells_of(range, chunk, offsets, capacity) : 0;
  softpm_lock_give(&range->lock);
  return found;
}

static size_t large_bytes(const softpm_range *range, const softpm_chunk *chunk) {
  return (size_t)chunk->count * range->chunk_bytes - softpm_chunk_lead(range);
}

static bool shape_of(softpm_range *range, uint32_t index, softpm_chunk_shape *result) {
  *result = (softpm_chunk_shape){.kind = softpm_chunk_empty};
  if (atomic_load(&range->is_returned) || index >= range->frontier) return false;
  const softpm_chunk *chunk = &range->chunks[index];
  result->kind = (softpm_chunk_kind)chunk->kind;
  result->is_raw = chunk->is_raw;
  if (chunk->kind == softpm_chunk_slab) result->cell_bytes = chunk->cell_bytes;
  if (chunk->kind == softpm_chunk_continuation) result->head = chunk->count;
  if (chunk->kind == softpm_chunk_large) {
    result->chunk_count = chunk->count;
    result->cell_bytes = large_bytes(range, chunk);
  }
  return true;
}

void softpm_chunk_shape_get(softpm_range *range, uint32_t index, softpm_chunk_shape *result) {
  softpm_lock_take(&range->lock);
  shape_of(range, index, result);
  softpm_lock_give(&range->lock);
}

size_t softpm_chunk_map(
    softpm_range *range, uint32_t index, softpm_chunk_shape *shape, uint64_t *bits) {
  memset(bits, 0, range->chunk_bytes / 1024 * sizeof *bits);
  softpm_lock_take(&range->lock);
  size_t found = 0;
  const softpm_chunk *chunk = &range->chunks[index];
  uint32_t cells = !shape_of(range, index, shape) ? 0
      : shape->kind == softpm_chunk_slab ? chunk->count : shape->kind == softpm_chunk_large;
  uint32_t lead = softpm_chunk_lead(range);
  for (uint32_t cell = 0; cell < cells; cell++) {
    uint32_t offset = lead + cell * chunk->cell_bytes;
    uintptr_t start = softpm_chunk_start(range, index) + offset;
    if (!softpm_state_is_allocated(softpm_state_get(softpm_state_at(range, start)))) continue;
    bits[offset / 1024] |= (uint64_t)1 << (offset / 16 % 64);
    found++;
  }
  softpm_lock_give(&range->lock);
  return found;
}

static void measure_chunk(
    const softpm_range *range, uint32_t index, softpm_range_statistics *result) {
  const softpm_chunk *chunk = &range->chunks[index];
  if (chunk->kind != softpm_chunk_slab && chunk->kind != softpm_chunk_large) return;
  size_t live = cells_of(range, index, NULL, 0);
  bool is_slab = chunk->kind == softpm_chunk_slab;
  size_t taken = is_slab ? chunk->count - chunk->free_count : 1;
  result->live_cells += live;
  result->live_bytes += live * (is_slab ? chunk->cell_bytes : large_bytes(range, chunk));
  result->held_cells += taken > live ? taken - live : 0;
}

void softpm_range_measure(softpm_range *range, softpm_range_statistics *result) {
  memset(result, 0, sizeof *result);
  softpm_lock_take(&range->lock);
  result->is_closed = range->is_closed;
  result->is_returned = atomic_load(&range->is_returned);
  result->touched_chunks = range->frontier;
  if (!result->is_returned) {
    result->used_chunks = range->used_chunks;
    result->committed_bytes = (size_t)range->committed_granules << softpm_granule_shift;
    for (uint32_t chunk = 1; chunk < range->frontier; chunk++) {
      measure_chunk(range, chunk, result);
    }
  }
  softpm_lock_give(&range->lock);
}

#endif

SOFTPM_END_OF_FILE
