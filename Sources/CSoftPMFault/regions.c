// Regions and watches; see softpm_regions.h for what holds of them.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "table.h"

// How many of the table's regions end at or before `address`.
static size_t position_of(const softpm_table *table, uintptr_t address) {
  size_t low = 0;
  size_t high = table->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (table->sorted[middle]->end <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

softpm_region *softpm_region_after(softpm_table *table, uintptr_t address) {
  size_t position = position_of(table, address);
  return position < table->count ? table->sorted[position] : NULL;
}

softpm_region *softpm_region_containing(softpm_table *table, uintptr_t address) {
  softpm_region *region = softpm_region_after(table, address);
  return region != NULL && region->start <= address ? region : NULL;
}

int softpm_region_open(
    softpm_table *table, uintptr_t start, uintptr_t end, unsigned shift, softpm_region **out) {
  size_t position = position_of(table, start);
  softpm_region *next = position < table->count ? table->sorted[position] : NULL;
  if (next != NULL && next->start < end) {
    if (next->start != start || next->end != end) return -EEXIST;
    next->users += 1;
    *out = next;
    return 0;
  }
  if (table->count == SOFTPM_REGIONS_MOST) return -ENOSPC;
  softpm_region *region = calloc(1, sizeof(softpm_region));
  if (region == NULL) return -ENOMEM;
  region->table = table;
  region->start = start;
  region->end = end;
  region->shift = shift;
  region->users = 1;
  if (table->kind == softpm_table_signal) {
    int result = softpm_guard_open(region);
    if (result != 0) {
      free(region);
      return result;
    }
  }
  memmove(
      &table->sorted[position + 1], &table->sorted[position],
      (table->count - position) * sizeof(softpm_region *));
  table->sorted[position] = region;
  table->count += 1;
  *out = region;
  return 0;
}

void softpm_region_close(softpm_region *region) {
  if (--region->users > 0) return;
  softpm_table *table = region->table;
  if (table->kind == softpm_table_signal) softpm_guard_close(region);
  size_t position = position_of(table, region->start);
  memmove(
      &table->sorted[position], &table->sorted[position + 1],
      (table->count - position - 1) * sizeof(softpm_region *));
  table->count -= 1;
  free(region);
}

void softpm_region_mark(softpm_region *region, uintptr_t start, uintptr_t end) {
  for (softpm_watch *watch = region->watches; watch != NULL; watch = watch->next_in_region) {
    softpm_watch_mark(watch, start, end);
  }
}

static void link_watch(softpm_watch **list, softpm_watch *watch) {
  watch->next_in_region = watch->region->watches;
  watch->region->watches = watch;
  while (*list != NULL && (*list)->region->start < watch->region->start) {
    list = &(*list)->next_of_tracker;
  }
  watch->next_of_tracker = *list;
  *list = watch;
}

int softpm_watch_open(
    softpm_table *table, softpm_watch **list, uintptr_t start, uintptr_t end, unsigned shift) {
  softpm_watch *watch = calloc(1, sizeof(softpm_watch));
  if (watch == NULL) return -ENOMEM;
  int result = softpm_region_open(table, start, end, shift, &watch->region);
  if (result != 0) {
    free(watch);
    return result;
  }
  size_t granules = softpm_granule_limit(watch->region, end);
  result = softpm_granules_open(&watch->watched, granules);
  if (result == 0) result = softpm_granules_open(&watch->pending, granules);
  if (result != 0) {
    softpm_granules_close(&watch->watched);
    softpm_region_close(watch->region);
    free(watch);
    return result;
  }
  link_watch(list, watch);
  return 0;
}

void softpm_watch_close_all(softpm_watch **list) {
  while (*list != NULL) {
    softpm_watch *watch = *list;
    *list = watch->next_of_tracker;
    softpm_watch **link = &watch->region->watches;
    while (*link != watch) link = &(*link)->next_in_region;
    *link = watch->next_in_region;
    softpm_granules_close(&watch->watched);
    softpm_granules_close(&watch->pending);
    if (watch->block_stamps != NULL) {
      munmap(watch->block_stamps, watch->block_count * sizeof(uint32_t));
    }
    softpm_region_close(watch->region);
    free(watch);
  }
}

softpm_watch *softpm_watch_holding(softpm_watch *list, uintptr_t start, uintptr_t end) {
  for (softpm_watch *watch = list; watch != NULL; watch = watch->next_of_tracker) {
    if (watch->region->start <= start && end <= watch->region->end) return watch;
  }
  return NULL;
}

void softpm_watch_add(softpm_watch *watch, uintptr_t start, uintptr_t end) {
  size_t from = softpm_granule_of(watch->region, start);
  size_t to = softpm_granule_limit(watch->region, end);
  size_t before = softpm_granules_run_starts(&watch->watched, from, to + 1);
  softpm_granules_insert(&watch->watched, from, to);
  watch->watched_runs += softpm_granules_run_starts(&watch->watched, from, to + 1) - before;
  if (to > watch->watched_limit) watch->watched_limit = to;
  softpm_granules_insert(&watch->pending, from, to);
}

void softpm_watch_remove(softpm_watch *watch, uintptr_t start, uintptr_t end) {
  size_t from = softpm_granule_of(watch->region, start);
  size_t to = softpm_granule_limit(watch->region, end);
  size_t before = softpm_granules_run_starts(&watch->watched, from, to + 1);
  softpm_granules_remove(&watch->watched, from, to);
  watch->watched_runs += softpm_granules_run_starts(&watch->watched, from, to + 1) - before;
  softpm_granules_remove(&watch->pending, from, to);
}

// The end of the run of watched granules that `start` begins.
static size_t end_of_run(const softpm_watch *watch, size_t start) {
  size_t limit = watch->watched_limit;
  if (watch->watched_runs == 1 && softpm_granules_contains(&watch->watched, limit - 1)) {
    return limit;
  }
  return softpm_granules_next_absent(&watch->watched, start, limit);
}

bool softpm_watch_span(
    const softpm_watch *watch, size_t from, size_t gap, size_t *start, size_t *end) {
  const softpm_granules *watched = &watch->watched;
  size_t last = watch->watched_limit;
  *start = softpm_granules_next(watched, from, last);
  if (*start >= last) return false;
  *end = end_of_run(watch, *start);
  while (gap > 0 && *end < last) {
    size_t limit = *end + gap + 1 < last ? *end + gap + 1 : last;
    size_t next = softpm_granules_next(watched, *end, limit);
    if (next >= limit) break;
    *end = end_of_run(watch, next);
  }
  return true;
}

void softpm_watch_mark(softpm_watch *watch, uintptr_t start, uintptr_t end) {
  softpm_region *region = watch->region;
  if (start < region->start) start = region->start;
  if (end > region->end) end = region->end;
  if (start >= end) return;
  softpm_granules_insert(
      &watch->pending, softpm_granule_of(region, start), softpm_granule_limit(region, end));
}

int softpm_watch_keep_stamps(softpm_watch *watch) {
  if (watch->block_stamps != NULL) return 0;
  const softpm_region *region = watch->region;
  size_t count =
      ((region->end - 1) >> softpm_block_shift) - (region->start >> softpm_block_shift) + 1;
  void *memory = mmap(
      NULL, count * sizeof(uint32_t), PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  watch->block_stamps = memory;
  watch->block_count = count;
  return 0;
}

void softpm_region_stamp(softpm_region *region, uintptr_t start, uintptr_t end, uint32_t stamp) {
  size_t origin = region->start >> softpm_block_shift;
  size_t from = (start >> softpm_block_shift) - origin;
  size_t to = ((end - 1) >> softpm_block_shift) - origin + 1;
  for (softpm_watch *watch = region->watches; watch != NULL; watch = watch->next_in_region) {
    for (size_t block = from; block < to && block < watch->block_count; block++) {
      watch->block_stamps[block] = stamp;
    }
  }
}

bool softpm_watch_covers(const softpm_watch *watch, uintptr_t start, uintptr_t end) {
  const softpm_region *region = watch->region;
  if (start < region->start || end > region->end) return false;
  size_t limit = softpm_granule_limit(region, end);
  return softpm_granules_next_absent(
      &watch->watched, softpm_granule_of(region, start), limit) == limit;
}

// The end of granule `granule`, or of the region where its last granule is cut off.
static uintptr_t end_of(const softpm_region *region, size_t granule) {
  uintptr_t end = softpm_address_of(region, granule);
  return end < region->end ? end : region->end;
}

static void append_bits(const softpm_region *region, size_t word, uint64_t bits, softpm_runs *runs) {
  while (bits != 0) {
    unsigned first = (unsigned)__builtin_ctzll(bits);
    uint64_t after = ~(bits >> first);
    unsigned length = after == 0 ? 64 : (unsigned)__builtin_ctzll(after);
    size_t granule = word * 64 + first;
    softpm_runs_append(
        runs, softpm_address_of(region, granule), end_of(region, granule + length));
    if (first + length >= 64) return;
    bits &= ~(uint64_t)0 << (first + length);
  }
}

int softpm_watch_take(softpm_watch *watch, softpm_runs *runs) {
  runs->first = runs->count;
  softpm_granules *pending = &watch->pending;
  size_t words = (pending->high + 63) / 64;
  for (size_t group = pending->low / 4096; group * 64 < words; group++) {
    uint64_t summary = pending->summary[group];
    if (summary == 0) continue;
    // A word holds at most 32 runs.
    int result = softpm_runs_reserve(runs, 64 * 32);
    if (result != 0) return result;
    for (; summary != 0; summary &= summary - 1) {
      size_t word = group * 64 + (size_t)__builtin_ctzll(summary);
      append_bits(watch->region, word, pending->words[word] & watch->watched.words[word], runs);
      pending->words[word] = 0;
    }
    pending->summary[group] = 0;
  }
  softpm_granules_note_empty(pending);
  return 0;
}

void softpm_watches_give_back(softpm_watch *list, softpm_runs *runs) {
  for (softpm_watch *watch = list; watch != NULL; watch = watch->next_of_tracker) {
    for (size_t index = 0; index < runs->count; index++) {
      softpm_watch_mark(watch, runs->list[index].start, runs->list[index].end);
    }
  }
  runs->count = 0;
  runs->first = 0;
}

int softpm_watch_list(const softpm_watch *watch, softpm_runs *runs) {
  const softpm_granules *watched = &watch->watched;
  runs->first = runs->count;
  size_t from = softpm_granules_next(watched, 0, watched->count);
  while (from < watched->count) {
    size_t to = softpm_granules_next_absent(watched, from, watched->count);
    int result = softpm_runs_reserve(runs, 1);
    if (result != 0) return result;
    softpm_runs_append(
        runs, softpm_address_of(watch->region, from), end_of(watch->region, to));
    from = softpm_granules_next(watched, to, watched->count);
  }
  return 0;
}
