// Every invariant of a range that can be checked while other threads go on.

#include "checks.h"

#if SOFTPM_HEAP_SUPPORTED

static bool is_empty(const softpm_range *range, uint32_t chunk) {
  return range->free_map[chunk / 64] >> (chunk % 64) & 1;
}

// Whether only cells' starts have a state, and one that fits. Counts the free ones.
static const char *check_states(const softpm_range *range, uint32_t index, uint32_t *free_cells) {
  const softpm_chunk *chunk = &range->chunks[index];
  uintptr_t start = softpm_chunk_start(range, index);
  uint32_t lead = softpm_chunk_lead(range);
  for (uint32_t offset = 0; offset < range->chunk_bytes; offset += softpm_cell_alignment) {
    uint8_t state = softpm_state_get(softpm_state_at(range, start + offset));
    uint8_t kind = state & ~softpm_state_held;
    bool is_start = false;
    if (chunk->kind == softpm_chunk_slab && offset >= lead) {
      is_start = (offset - lead) % chunk->cell_bytes == 0 &&
          (offset - lead) / chunk->cell_bytes < chunk->count;
      uint8_t own = chunk->bin == softpm_no_bin ? softpm_state_odd : chunk->bin + 1;
      if (is_start && state == softpm_state_free) (*free_cells)++;
      if (is_start && state != softpm_state_free && kind != own) {
        return "a cell's state is not its slab's";
      }
    } else if (chunk->kind == softpm_chunk_large && offset == lead) {
      is_start = true;
      if (kind != softpm_state_large) return "a large run's state is wrong";
    }
    if (!is_start && state != softpm_state_free) return "a state stands where no cell starts";
  }
  return NULL;
}

static const char *check_slab(const softpm_range *range, uint32_t index) {
  const softpm_chunk *chunk = &range->chunks[index];
  uint32_t free_cells = 0;
  const char *problem = check_states(range, index, &free_cells);
  if (problem != NULL) return problem;
  if (free_cells != chunk->free_count) return "a slab's free count is wrong";
  uintptr_t first = softpm_chunk_start(range, index) + softpm_chunk_lead(range);
  for (uint32_t cell = 0; cell < chunk->hint && cell < chunk->count; cell++) {
    uintptr_t start = first + (uintptr_t)cell * chunk->cell_bytes;
    if (softpm_state_get(softpm_state_at(range, start)) == softpm_state_free) {
      return "a free cell lies below its slab's hint";
    }
    if (softpm_cell_number(chunk, start - first) != cell) return "a slab's reciprocal is wrong";
  }
  bool should_be_listed =
      free_cells > 0 && chunk->bin != softpm_no_bin && !range->is_installing;
  if (chunk->is_listed != should_be_listed) return "a slab is listed wrongly";
  return NULL;
}

static const char *check_run(const softpm_range *range, uint32_t index) {
  const softpm_chunk *chunk = &range->chunks[index];
  if (chunk->count == 0 || chunk->count > range->frontier - index) return "a run has no end";
  for (uint32_t next = index + 1; next < index + chunk->count; next++) {
    const softpm_chunk *part = &range->chunks[next];
    if (part->kind != softpm_chunk_continuation || part->count != index) {
      return "a run is interrupted";
    }
  }
  uint32_t free_cells = 0;
  return check_states(range, index, &free_cells);
}

static const char *check_chunk(const softpm_range *range, uint32_t index) {
  const softpm_chunk *chunk = &range->chunks[index];
  if (is_empty(range, index) != (chunk->kind == softpm_chunk_empty)) {
    return "the map of empty chunks is wrong";
  }
  uint32_t free_cells = 0;
  switch (chunk->kind) {
    case softpm_chunk_slab: return check_slab(range, index);
    case softpm_chunk_large: return check_run(range, index);
    default: return check_states(range, index, &free_cells);
  }
}

static const char *check_lists(const softpm_range *range, uint32_t listed) {
  for (int bin = 0; bin < softpm_bin_count; bin++) {
    uint32_t previous = 0;
    for (uint32_t index = range->bins[bin]; index != 0; index = range->chunks[index].next) {
      const softpm_chunk *chunk = &range->chunks[index];
      if (index >= range->frontier || chunk->kind != softpm_chunk_slab || chunk->bin != bin ||
          !chunk->is_listed || chunk->previous != previous || listed == 0) {
        return "a bin's list is wrong";
      }
      listed--;
      previous = index;
    }
  }
  return listed == 0 ? NULL : "a slab is missing from its bin's list";
}

static const char *check(const softpm_range *range) {
  if (atomic_load(&range->is_returned)) return NULL;
  uint32_t used = 0, listed = 0;
  size_t dirty = 0;
  for (uint32_t index = 1; index < range->frontier; index++) {
    const softpm_chunk *chunk = &range->chunks[index];
    const char *problem = check_chunk(range, index);
    if (problem != NULL) return problem;
    if (chunk->kind != softpm_chunk_empty) used++;
    if (chunk->kind == softpm_chunk_slab && chunk->is_listed) listed++;
    if (chunk->kind == softpm_chunk_empty && chunk->is_touched) dirty += range->chunk_bytes;
  }
  if (used != range->used_chunks) return "the count of used chunks is wrong";
  if (range->frontier - 1 - used != range->free_chunks) return "the count of empty chunks is wrong";
  if (dirty != range->dirty_free_bytes) return "the count of kept bytes is wrong";
  for (uint32_t index = 1; index < range->search_hint && index < range->frontier; index++) {
    if (is_empty(range, index)) return "an empty chunk lies below the hint";
  }
  return check_lists(range, listed);
}

const char *softpm_range_check(softpm_range *range) {
  softpm_lock_take(&range->lock);
  const char *problem = check(range);
  softpm_lock_give(&range->lock);
  return problem;
}

bool softpm_heap_is_checking(void) { return SOFTPM_HEAP_CHECKS; }

#endif

SOFTPM_END_OF_FILE
