// Guarding and opening granules, within the budget of mappings; see softpm_fault.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guard.h"

static softpm_fault_figures figures;

// Each guarded run costs up to two mappings: itself and the open run behind it. An eighth of the
// limit in runs is a quarter of it in mappings; the rest is the program's.
static size_t default_budget(void) {
  size_t limit = 65530;
  int file = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    char text[32] = {0};
    if (read(file, text, sizeof(text) - 1) > 0) {
      size_t value = strtoul(text, NULL, 10);
      if (value > 0) limit = value;
    }
    close(file);
  }
  return limit / 8;
}

void softpm_fault_set_budget(size_t runs) {
  figures.budget = runs != 0 ? runs : default_budget();
}

softpm_fault_figures softpm_fault_figures_now(void) {
  return figures;
}

int softpm_guard_open(softpm_region *region) {
  if (figures.budget == 0) figures.budget = default_budget();
  int result = softpm_granules_open(&region->guarded, softpm_granule_limit(region, region->end));
  if (result != 0) return result;
  result = softpm_dispatcher_add(region);
  if (result != 0) softpm_granules_close(&region->guarded);
  return result;
}

bool softpm_guard_has_room(void) {
  return figures.guarded_runs < figures.budget - figures.budget / 4;
}

// MARK: One run

// Changes membership of [from, to) and keeps the count of guarded runs. Only the starts of runs in
// the range and just behind it can change.
static void note(softpm_region *region, size_t from, size_t to, bool guarded) {
  softpm_granules *set = &region->guarded;
  size_t before = softpm_granules_run_starts(set, from, to + 1);
  if (guarded) {
    softpm_granules_insert(set, from, to);
  } else {
    softpm_granules_remove(set, from, to);
  }
  figures.guarded_runs += softpm_granules_run_starts(set, from, to + 1) - before;
}

static int change_bytes(uintptr_t start, uintptr_t end, int protection) {
  return mprotect((void *)start, end - start, protection) == 0 ? 0 : -errno;
}

static int change(softpm_region *region, size_t from, size_t to, int protection) {
  uintptr_t end = softpm_address_of(region, to);
  if (end > region->end) end = region->end;
  return change_bytes(softpm_address_of(region, from), end, protection);
}

int softpm_guard_set(softpm_region *region, size_t from, size_t to) {
  int result = change(region, from, to, PROT_READ);
  // A failure may have protected a part: the handler must know all of it as ours.
  note(region, from, to, true);
  if (result != 0) figures.refused += to - from;
  return result;
}

// Opens what is guarded in [from, to) and nothing else: the rest of the region's memory may have
// protections of its own.
int softpm_guard_clear(softpm_region *region, size_t from, size_t to) {
  softpm_granules *set = &region->guarded;
  size_t first = softpm_granules_next(set, from, to);
  while (first < to && first < set->count) {
    size_t limit = softpm_granules_next_absent(set, first, to);
    int result = change(region, first, limit, PROT_READ | PROT_WRITE);
    if (result != 0) return result;
    note(region, first, limit, false);
    first = softpm_granules_next(set, limit, to);
  }
  return 0;
}

void softpm_guard_close(softpm_region *region) {
  softpm_guard_clear(region, 0, region->guarded.count);
  // What the kernel refused to open (the memory is gone) must not stay in the count.
  note(region, 0, region->guarded.count, false);
  softpm_dispatcher_remove(region);
  softpm_granules_close(&region->guarded);
}

// MARK: Faults

// A block of so many granules (as a shift) is all of its region.
enum { WHOLE_REGION = 40 };

// How many granules (as a shift) one fault opens. The first half of the budget is for single
// granules; each halving of what is left makes blocks eight times as large. Blocks grow faster
// than the budget shrinks, so that in a region of any size the blocks run out first. Between two
// collections it only rises: opening a block joins runs, and going back to single granules at once
// would hold the process at the brink, where each fault changes many mappings (measured for a
// million scattered granules: 155,000 faults instead of 8,000).
static unsigned coarseness_since_collection;

static unsigned coarseness(void) {
  size_t left = figures.budget - figures.guarded_runs;
  if (figures.guarded_runs >= figures.budget) left = 0;
  unsigned shift = 0;
  for (size_t half = figures.budget / 2; left < half; half /= 2) shift += 3;
  if (left == 0) shift = WHOLE_REGION;
  if (shift > coarseness_since_collection) coarseness_since_collection = shift;
  return coarseness_since_collection;
}

bool softpm_fault_resolve(softpm_region *region, uintptr_t address) {
  size_t granule = softpm_granule_of(region, address);
  size_t count = region->guarded.count;
  if (!softpm_granules_contains(&region->guarded, granule)) return false;
  unsigned wanted = coarseness();
  unsigned shift = wanted;
  for (;;) {
    size_t from = shift < WHOLE_REGION ? granule >> shift << shift : 0;
    size_t to = shift < WHOLE_REGION ? from + ((size_t)1 << shift) : count;
    if (to > count) to = count;
    softpm_freezes_copy(region, from, to);
    if (softpm_guard_clear(region, from, to) == 0) {
      softpm_region_mark(region, softpm_address_of(region, from), softpm_address_of(region, to));
      figures.faults += 1;
      if (shift > 0) figures.coarsened += 1;
      for (softpm_watch *watch = region->watches; watch != NULL; watch = watch->next_in_region) {
        watch->faults += 1;
      }
      return true;
    }
    // ENOMEM: the program itself is near the limit of mappings, and opening would split one.
    // A larger block splits fewer; a whole guarded run splits none.
    if (shift >= WHOLE_REGION) return false;
    shift += 3;
  }
}

void softpm_fault_open(uintptr_t start, uintptr_t end) {
  softpm_table *table = softpm_table_of(softpm_table_signal);
  softpm_region *region = softpm_region_after(table, start);
  while (region != NULL && region->start < end) {
    size_t from = start > region->start ? softpm_granule_of(region, start) : 0;
    size_t to = softpm_granule_limit(region, end < region->end ? end : region->end);
    softpm_freezes_copy(region, from, to);
    softpm_guard_clear(region, from, to);
    softpm_region_mark(region, softpm_address_of(region, from), softpm_address_of(region, to));
    region = softpm_region_after(table, region->end);
  }
}

// MARK: Collections

// The smallest gap with which guarding all that is watched keeps to half the budget, so that
// faults have the other half.
static size_t tolerable_gap(const softpm_watch *watch) {
  size_t most = figures.budget / 2;
  size_t spans = watch->watched_runs;
  size_t gap = 0;
  while (spans > most) {
    gap = gap * 8 + 1;
    spans = 0;
    size_t start;
    size_t end = 0;
    while (spans <= most && softpm_watch_span(watch, end, gap, &start, &end)) spans += 1;
  }
  return gap;
}

// A call costs about a microsecond even where there is nothing to change, one over several runs
// skips what is guarded already: from this many runs of a span on, it is guarded in one call.
enum { RUNS_WORTH_ONE_CALL = 3 };

// Guards the runs `first` ..< `last`, which lie in one span of watched granules.
static void guard_runs(
    softpm_watch *watch, const softpm_runs *runs, size_t first, size_t last) {
  softpm_region *region = watch->region;
  bool in_one_call = last - first >= RUNS_WORTH_ONE_CALL;
  int result = 0;
  if (in_one_call) {
    uintptr_t start = runs->list[first].start;
    result = change_bytes(start, runs->list[last - 1].end, PROT_READ);
  }
  for (size_t index = first; index < last; index++) {
    size_t from = softpm_granule_of(region, runs->list[index].start);
    size_t to = softpm_granule_limit(region, runs->list[index].end);
    if (in_one_call) {
      // The rest of the span is guarded already: whatever is watched and was not written is.
      note(region, from, to, true);
    } else {
      result = softpm_guard_set(region, from, to);
    }
    if (result == 0) continue;
    if (in_one_call) figures.refused += to - from;
    softpm_granules_insert(&watch->pending, from, to);
  }
}

void softpm_fault_guard(softpm_watch *watch, const softpm_runs *runs) {
  coarseness_since_collection = 0;
  softpm_region *region = watch->region;
  size_t gap = tolerable_gap(watch);
  size_t start;
  size_t end = 0;
  size_t index = runs->first;
  while (index < runs->count && softpm_watch_span(watch, end, gap, &start, &end)) {
    size_t first = index;
    uintptr_t span_end = softpm_address_of(region, end);
    while (index < runs->count && runs->list[index].start < span_end) index += 1;
    if (index == first) continue;
    if (gap == 0) {
      guard_runs(watch, runs, first, index);
    } else if (softpm_guard_set(region, start, end) != 0) {
      softpm_granules_insert(&watch->pending, start, end);
    }
  }
}
