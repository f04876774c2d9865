// A table of watched regions, as its own files see it.
#pragma once
#include <signal.h>
#include <stdatomic.h>

#include "softpm_regions.h"

// A region is a container's arena or the nursery: thousands are possible, not likely.
enum { SOFTPM_REGIONS_MOST = 4096 };

struct softpm_table {
  // 0 free, 1 held, 2 held and waited for. A futex, because pthread mutexes may not be taken in
  // a signal handler.
  _Atomic(uint32_t) lock;
  // What the holder's thread had blocked before.
  sigset_t saved;
  enum softpm_table_kind kind;
  size_t count;
  softpm_region *sorted[SOFTPM_REGIONS_MOST];
};

static inline size_t softpm_granule_of(const softpm_region *region, uintptr_t address) {
  return (address - region->start) >> region->shift;
}

static inline uintptr_t softpm_address_of(const softpm_region *region, size_t granule) {
  return region->start + ((uintptr_t)granule << region->shift);
}

// One past the granule of the last byte before `end`.
static inline size_t softpm_granule_limit(const softpm_region *region, uintptr_t end) {
  return (end - region->start + ((uintptr_t)1 << region->shift) - 1) >> region->shift;
}

// guard.c: what regions of the signal table need besides.
int softpm_guard_open(softpm_region *region);
void softpm_guard_close(softpm_region *region);
