// Restoring: chunks get the shapes and allocated cells that a store recorded, before anyone
// allocates. Nothing that the store says is believed.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

#include <string.h>

// Whether the offsets are starts of cells, ascending.
static bool offsets_are_valid(
    uint32_t lead, uint32_t cell_bytes, uint32_t cells, const uint32_t *offsets, size_t count) {
  if (count > cells) return false;
  for (size_t index = 0; index < count; index++) {
    if (offsets[index] < lead) return false;
    uint32_t from_first = offsets[index] - lead;
    if (from_first % cell_bytes != 0 || from_first / cell_bytes >= cells) return false;
    if (index > 0 && offsets[index] <= offsets[index - 1]) return false;
  }
  return true;
}

static bool is_all_empty(const softpm_range *range, uint32_t first, uint32_t count) {
  for (uint32_t chunk = first; chunk < first + count && chunk < range->frontier; chunk++) {
    if (!(range->free_map[chunk / 64] >> (chunk % 64) & 1)) return false;
  }
  return true;
}

// Takes these very chunks: of empty ones, or by moving the frontier, leaving empty ones behind.
static bool claim(softpm_range *range, uint32_t first, uint32_t count) {
  uint32_t end = first + count;
  if (!softpm_range_commit(range, end)) return false;
  for (uint32_t chunk = range->frontier; chunk < end; chunk++) {
    range->free_map[chunk / 64] |= (uint64_t)1 << (chunk % 64);
    range->free_chunks++;
  }
  if (end > range->frontier) range->frontier = end;
  for (uint32_t chunk = first; chunk < end; chunk++) {
    range->free_map[chunk / 64] &= ~((uint64_t)1 << (chunk % 64));
    if (!range->chunks[chunk].is_touched) continue;
    memset((void *)softpm_chunk_start(range, chunk), 0, range->chunk_bytes);
    range->dirty_free_bytes -= range->chunk_bytes;
  }
  range->free_chunks -= count;
  range->used_chunks += count;
  return true;
}

static softpm_result install_slab(
    softpm_range *range, uint32_t index, const softpm_chunk_shape *shape,
    const uint32_t *offsets, size_t count) {
  uint32_t lead = softpm_chunk_lead(range);
  uint32_t room = range->chunk_bytes - lead;
  size_t bytes = shape->cell_bytes;
  if (bytes == 0 || bytes % softpm_cell_alignment != 0 || bytes > room) return softpm_invalid;
  uint32_t cell_bytes = (uint32_t)bytes;
  if (!offsets_are_valid(lead, cell_bytes, room / cell_bytes, offsets, count)) {
    return softpm_invalid;
  }
  if (!claim(range, index, 1)) return softpm_no_space;
  int size_class = softpm_class_exactly(range, cell_bytes);
  int bin = size_class < 0 ? softpm_no_bin
                           : size_class + (shape->is_raw ? softpm_class_limit : 0);
  softpm_chunk_make_slab(range, index, cell_bytes, bin, shape->is_raw);
  uint8_t state = (uint8_t)(size_class < 0 ? softpm_state_odd : bin + 1);
  for (size_t cell = 0; cell < count; cell++) {
    softpm_state_set(
        softpm_state_at(range, softpm_chunk_start(range, index) + offsets[cell]), state);
  }
  range->chunks[index].free_count -= (uint32_t)count;
  return softpm_ok;
}

static softpm_result install_large(
    softpm_range *range, uint32_t index, const softpm_chunk_shape *shape,
    const uint32_t *offsets, size_t count) {
  uint32_t lead = softpm_chunk_lead(range);
  if (count != 1 || offsets[0] != lead) return softpm_invalid;
  uint32_t chunks = (uint32_t)shape->chunk_count;
  if (!claim(range, index, chunks)) return softpm_no_space;
  for (uint32_t chunk = index; chunk < index + chunks; chunk++) {
    range->chunks[chunk] = (softpm_chunk){
      .kind = softpm_chunk_continuation, .is_raw = shape->is_raw, .is_touched = true,
      .count = index,
    };
  }
  range->chunks[index].kind = softpm_chunk_large;
  range->chunks[index].count = chunks;
  softpm_state_set(
      softpm_state_at(range, softpm_chunk_start(range, index) + lead), softpm_state_large);
  return softpm_ok;
}

softpm_result softpm_chunk_install(
    softpm_range *range, uint32_t index, const softpm_chunk_shape *shape,
    const uint32_t *offsets, size_t count) {
  size_t chunks = shape->kind == softpm_chunk_large ? shape->chunk_count : 1;
  if (index == 0 || index >= range->chunk_limit || chunks == 0 ||
      chunks > range->chunk_limit - index) {
    return softpm_invalid;
  }
  softpm_result result = softpm_invalid;
  softpm_lock_take(&range->lock);
  if (range->is_closed) {
    result = softpm_closed;
  } else if (is_all_empty(range, index, (uint32_t)chunks)) {
    range->is_installing = true;
    if (shape->kind == softpm_chunk_slab) {
      result = install_slab(range, index, shape, offsets, count);
    } else if (shape->kind == softpm_chunk_large) {
      result = install_large(range, index, shape, offsets, count);
    }
  }
  softpm_lock_give(&range->lock);
  return result;
}

void softpm_range_finish_installing(softpm_range *range) {
  softpm_lock_take(&range->lock);
  if (range->is_installing) {
    range->is_installing = false;
    range->search_hint = 1;
    for (uint32_t index = range->frontier - 1; index > 0; index--) {
      softpm_chunk *chunk = &range->chunks[index];
      if (chunk->kind != softpm_chunk_slab || chunk->is_listed) continue;
      if (chunk->free_count == chunk->count) {
        softpm_chunks_give_back(range, index, 1);
      } else if (chunk->free_count > 0 && chunk->bin != softpm_no_bin) {
        softpm_chunk_list(range, index);
      }
    }
  }
  softpm_lock_give(&range->lock);
}

#endif

SOFTPM_END_OF_FILE
