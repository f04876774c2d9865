// Freezes; see softpm_freeze.h for what holds of them.
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "guard.h"

// Granules [from, to), whose copies lie one after another at `aside`.
struct piece {
  size_t from;
  size_t to;
  unsigned char *aside;
};

struct softpm_freeze {
  softpm_region *region;
  struct softpm_freeze *next;
  softpm_granules remaining;
  size_t remaining_count;
  size_t copied_by_faults;
  struct piece *pieces;
  size_t piece_count;
  unsigned char *memory;
  size_t memory_bytes;
};

static struct piece *piece_of(const softpm_freeze *freeze, size_t granule) {
  size_t low = 0;
  size_t high = freeze->piece_count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (freeze->pieces[middle].to <= granule) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == freeze->piece_count || freeze->pieces[low].from > granule) return NULL;
  return &freeze->pieces[low];
}

// The bytes of one granule, fewer where the region ends in it.
static size_t bytes_of(const softpm_region *region, size_t granule) {
  uintptr_t start = softpm_address_of(region, granule);
  size_t whole = (size_t)1 << region->shift;
  return region->end - start < whole ? region->end - start : whole;
}

static void copy_granule(softpm_freeze *freeze, size_t granule) {
  const softpm_region *region = freeze->region;
  struct piece *piece = piece_of(freeze, granule);
  memcpy(
      piece->aside + ((granule - piece->from) << region->shift),
      (const void *)softpm_address_of(region, granule), bytes_of(region, granule));
  softpm_granules_remove(&freeze->remaining, granule, granule + 1);
  freeze->remaining_count -= 1;
}

void softpm_freezes_copy(softpm_region *region, size_t from, size_t to) {
  for (softpm_freeze *freeze = region->freezes; freeze != NULL; freeze = freeze->next) {
    size_t granule = softpm_granules_next(&freeze->remaining, from, to);
    while (granule < to && granule < freeze->remaining.count) {
      copy_granule(freeze, granule);
      freeze->copied_by_faults += bytes_of(region, granule);
      granule = softpm_granules_next(&freeze->remaining, granule + 1, to);
    }
  }
}

// Lays out the pieces for `runs`; returns how many granules they hold.
static size_t lay_out(softpm_freeze *freeze, const softpm_run *runs, size_t count) {
  const softpm_region *region = freeze->region;
  size_t granules = 0;
  for (size_t index = 0; index < count; index++) {
    size_t from = softpm_granule_of(region, runs[index].start);
    size_t to = softpm_granule_limit(region, runs[index].end);
    struct piece *last = freeze->piece_count > 0 ? &freeze->pieces[freeze->piece_count - 1] : NULL;
    if (last != NULL && from <= last->to) {
      if (to <= last->to) continue;
      granules += to - last->to;
      last->to = to;
    } else {
      freeze->pieces[freeze->piece_count++] = (struct piece){.from = from, .to = to};
      granules += to - from;
    }
  }
  return granules;
}

static int map_memory(softpm_freeze *freeze, size_t granules) {
  freeze->memory_bytes = granules << freeze->region->shift;
  void *memory = mmap(
      NULL, freeze->memory_bytes, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  freeze->memory = memory;
  unsigned char *next = memory;
  for (size_t index = 0; index < freeze->piece_count; index++) {
    freeze->pieces[index].aside = next;
    next += (freeze->pieces[index].to - freeze->pieces[index].from) << freeze->region->shift;
  }
  return 0;
}

static void dispose(softpm_freeze *freeze) {
  softpm_granules_close(&freeze->remaining);
  if (freeze->memory != NULL) munmap(freeze->memory, freeze->memory_bytes);
  if (freeze->pieces != NULL) free(freeze->pieces);
  if (freeze->region != NULL) softpm_region_close(freeze->region);
  free(freeze);
}

int softpm_freeze_open(
    uintptr_t start, uintptr_t end, unsigned shift, const softpm_run *runs, size_t count,
    softpm_freeze **out) {
  softpm_freeze *freeze = calloc(1, sizeof(softpm_freeze));
  if (freeze == NULL) return -ENOMEM;
  softpm_table *table = softpm_table_of(softpm_table_signal);
  int result = softpm_region_open(table, start, end, shift, &freeze->region);
  if (result == 0) {
    freeze->pieces = calloc(count, sizeof(struct piece));
    if (freeze->pieces == NULL) result = -ENOMEM;
  }
  if (result == 0) {
    result = softpm_granules_open(&freeze->remaining, freeze->region->guarded.count);
  }
  if (result == 0) result = map_memory(freeze, lay_out(freeze, runs, count));
  if (result != 0) {
    dispose(freeze);
    return result;
  }
  softpm_region *region = freeze->region;
  freeze->next = region->freezes;
  region->freezes = freeze;
  for (size_t index = 0; index < freeze->piece_count; index++) {
    size_t from = freeze->pieces[index].from;
    size_t to = freeze->pieces[index].to;
    softpm_granules_insert(&freeze->remaining, from, to);
    freeze->remaining_count += to - from;
    // What the kernel will not protect (or what the budget has no room for) is copied at once.
    bool fits = softpm_guard_has_room();
    if (!fits || softpm_guard_set(region, from, to) != 0) {
      for (size_t granule = from; granule < to; granule++) copy_granule(freeze, granule);
    }
  }
  *out = freeze;
  return 0;
}

void softpm_freeze_close(softpm_freeze *freeze) {
  softpm_region *region = freeze->region;
  softpm_freeze **link = &region->freezes;
  while (*link != freeze) link = &(*link)->next;
  *link = freeze->next;
  // A tracker's watch may count on the guard; nobody else does.
  if (region->watches == NULL && region->freezes == NULL) {
    softpm_guard_clear(region, 0, region->guarded.count);
  }
  dispose(freeze);
}

uintptr_t softpm_freeze_advance(softpm_freeze *freeze, uintptr_t from, size_t most) {
  softpm_region *region = freeze->region;
  size_t limit = freeze->remaining.count;
  size_t first = from > region->start ? softpm_granule_of(region, from) : 0;
  size_t granule = softpm_granules_next(&freeze->remaining, first, limit);
  size_t opened_from = granule;
  size_t copied = 0;
  while (granule < limit && copied < most) {
    copy_granule(freeze, granule);
    copied += bytes_of(region, granule);
    granule = softpm_granules_next(&freeze->remaining, granule + 1, limit);
  }
  if (region->watches == NULL && region->freezes == freeze && freeze->next == NULL) {
    softpm_guard_clear(region, opened_from, granule);
  }
  return granule < limit ? softpm_address_of(region, granule) : 0;
}

const unsigned char *softpm_freeze_content(
    softpm_freeze *freeze, uintptr_t address, size_t *contiguous) {
  softpm_region *region = freeze->region;
  if (address < region->start || address >= region->end) return NULL;
  size_t granule = softpm_granule_of(region, address);
  struct piece *piece = piece_of(freeze, granule);
  if (piece == NULL) return NULL;
  if (softpm_granules_contains(&freeze->remaining, granule)) copy_granule(freeze, granule);
  size_t copied = softpm_granules_next(&freeze->remaining, granule, piece->to);
  uintptr_t end = softpm_address_of(region, copied);
  if (end > region->end) end = region->end;
  *contiguous = end - address;
  return piece->aside + (address - softpm_address_of(region, piece->from));
}

size_t softpm_freeze_copied_by_faults(const softpm_freeze *freeze) {
  return freeze->copied_by_faults;
}

size_t softpm_freeze_in_place(const softpm_freeze *freeze) {
  return freeze->remaining_count << freeze->region->shift;
}
