// Sets of granules and lists of address runs: the tables that all trackers keep.
//
// Why C: the fault handler reads and writes them, where no Swift code may run.
//
// 1. A set is a bit per granule, and above it a summary: a bit per word. A clear summary bit means
//    that its word is zero; a set one means nothing.
//
//        summary   [ 1 0 0 1 … ]            one bit per word
//                    │     │
//        words     [ w0 w1 w2 w3 … ]        one bit per granule
//
// 2. Both live in memory of their own from mmap without reservation: a set over a large range
//    costs what is used of it, and nothing here ever allocates through malloc.
// 3. All members lie in [low, high), so that a look at a set costs what its members span and not
//    what they might: the nursery's sets have 268 million bits, and a summary of 512 KiB.
// 4. Nothing here locks: the table that a set belongs to does (softpm_regions.h).
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct softpm_granules {
  uint64_t *words;
  uint64_t *summary;
  size_t count;
  size_t mapped;
  size_t low;
  size_t high;
} softpm_granules;

// 0 or minus the errno.
int softpm_granules_open(softpm_granules *set, size_t count);
void softpm_granules_close(softpm_granules *set);

// What was said of its members is forgotten; who calls has cleared their words.
static inline void softpm_granules_note_empty(softpm_granules *set) {
  set->low = set->count;
  set->high = 0;
}

bool softpm_granules_contains(const softpm_granules *set, size_t index);
void softpm_granules_insert(softpm_granules *set, size_t from, size_t to);
void softpm_granules_remove(softpm_granules *set, size_t from, size_t to);
// The first member at or after `from` and before `limit`; `limit` when there is none.
size_t softpm_granules_next(const softpm_granules *set, size_t from, size_t limit);
// The first index at or after `from` that is not a member, at most `limit`.
size_t softpm_granules_next_absent(const softpm_granules *set, size_t from, size_t limit);
// How many runs of members start in [from, to).
size_t softpm_granules_run_starts(const softpm_granules *set, size_t from, size_t to);

// The bytes [start, end).
typedef struct softpm_run {
  uintptr_t start;
  uintptr_t end;
} softpm_run;

// Runs in ascending order, as a collection reports them.
typedef struct softpm_runs {
  softpm_run *list;
  size_t count;
  size_t capacity;
  // Runs from this index on belong to the watch being collected; older ones are not joined with.
  size_t first;
} softpm_runs;

int softpm_runs_open(softpm_runs *runs);
void softpm_runs_close(softpm_runs *runs);
// Makes room for `more` runs; 0 or minus the errno.
int softpm_runs_reserve(softpm_runs *runs, size_t more);
// Joins with the last run (from `first` on) where they touch. There must be room.
void softpm_runs_append(softpm_runs *runs, uintptr_t start, uintptr_t end);
