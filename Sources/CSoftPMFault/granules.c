#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>

#include "softpm_granules.h"

enum { BITS = 64 };

static size_t smaller(size_t left, size_t right) {
  return left < right ? left : right;
}

static size_t larger(size_t left, size_t right) {
  return left < right ? right : left;
}

// The bits of word `word` that lie in [from, to).
static uint64_t mask_of(size_t word, size_t from, size_t to) {
  uint64_t mask = ~(uint64_t)0;
  if (from > word * BITS) mask &= ~(uint64_t)0 << (from - word * BITS);
  if (to < (word + 1) * BITS) mask &= ~(uint64_t)0 >> ((word + 1) * BITS - to);
  return mask;
}

int softpm_granules_open(softpm_granules *set, size_t count) {
  size_t words = (count + BITS - 1) / BITS;
  size_t summary = (words + BITS - 1) / BITS;
  size_t mapped = (words + summary) * sizeof(uint64_t);
  void *memory = mmap(
      NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  *set = (softpm_granules){
    .words = memory,
    .summary = (uint64_t *)memory + words,
    .count = count,
    .mapped = mapped,
  };
  softpm_granules_note_empty(set);
  return 0;
}

void softpm_granules_close(softpm_granules *set) {
  if (set->words != NULL) munmap(set->words, set->mapped);
  *set = (softpm_granules){0};
}

bool softpm_granules_contains(const softpm_granules *set, size_t index) {
  return index < set->count && (set->words[index / BITS] >> (index % BITS) & 1) != 0;
}

void softpm_granules_insert(softpm_granules *set, size_t from, size_t to) {
  to = smaller(to, set->count);
  if (from >= to) return;
  set->low = smaller(set->low, from);
  set->high = larger(set->high, to);
  for (size_t word = from / BITS; word <= (to - 1) / BITS; word++) {
    set->words[word] |= mask_of(word, from, to);
    set->summary[word / BITS] |= (uint64_t)1 << (word % BITS);
  }
}

void softpm_granules_remove(softpm_granules *set, size_t from, size_t to) {
  from = larger(from, set->low);
  to = smaller(to, set->high);
  if (from >= to) return;
  size_t last = (to - 1) / BITS;
  for (size_t word = from / BITS; word <= last; word++) {
    uint64_t summary = set->summary[word / BITS] >> (word % BITS);
    if (summary == 0) {
      word |= BITS - 1;
      continue;
    }
    if ((summary & 1) == 0) continue;
    set->words[word] &= ~mask_of(word, from, to);
    if (set->words[word] == 0) set->summary[word / BITS] &= ~((uint64_t)1 << (word % BITS));
  }
}

size_t softpm_granules_next(const softpm_granules *set, size_t from, size_t limit) {
  limit = smaller(limit, set->count);
  from = larger(from, set->low);
  size_t end = smaller(limit, set->high);
  if (from >= end) return limit;
  size_t word = from / BITS;
  uint64_t bits = set->words[word] & (~(uint64_t)0 << (from % BITS));
  size_t last = (end - 1) / BITS;
  while (bits == 0) {
    if (++word > last) return limit;
    uint64_t summary = set->summary[word / BITS] >> (word % BITS);
    if (summary == 0) {
      word |= BITS - 1;
      continue;
    }
    word += (size_t)__builtin_ctzll(summary);
    if (word > last) return limit;
    bits = set->words[word];
  }
  return smaller(word * BITS + (size_t)__builtin_ctzll(bits), limit);
}

size_t softpm_granules_next_absent(const softpm_granules *set, size_t from, size_t limit) {
  limit = smaller(limit, set->count);
  if (from >= limit) return limit;
  size_t word = from / BITS;
  uint64_t bits = ~set->words[word] & (~(uint64_t)0 << (from % BITS));
  size_t last = (limit - 1) / BITS;
  while (bits == 0) {
    if (++word > last) return limit;
    bits = ~set->words[word];
  }
  return smaller(word * BITS + (size_t)__builtin_ctzll(bits), limit);
}

size_t softpm_granules_run_starts(const softpm_granules *set, size_t from, size_t to) {
  from = larger(from, set->low);
  to = smaller(to, set->high);
  if (from >= to) return 0;
  size_t starts = 0;
  size_t last = (to - 1) / BITS;
  for (size_t word = from / BITS; word <= last; word++) {
    uint64_t summary = set->summary[word / BITS] >> (word % BITS);
    if (summary == 0) {
      word |= BITS - 1;
      continue;
    }
    uint64_t bits = set->words[word];
    uint64_t before = word == 0 ? 0 : set->words[word - 1] >> (BITS - 1);
    starts += (size_t)__builtin_popcountll(bits & ~(bits << 1 | before) & mask_of(word, from, to));
  }
  return starts;
}

enum { RUNS_AT_FIRST = 4096 };

int softpm_runs_open(softpm_runs *runs) {
  void *memory = mmap(
      NULL, RUNS_AT_FIRST * sizeof(softpm_run), PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return -errno;
  *runs = (softpm_runs){.list = memory, .capacity = RUNS_AT_FIRST};
  return 0;
}

void softpm_runs_close(softpm_runs *runs) {
  if (runs->list != NULL) munmap(runs->list, runs->capacity * sizeof(softpm_run));
  *runs = (softpm_runs){0};
}

int softpm_runs_reserve(softpm_runs *runs, size_t more) {
  if (runs->capacity - runs->count >= more) return 0;
  size_t capacity = runs->capacity * 2;
  while (capacity - runs->count < more) capacity *= 2;
  void *memory = mremap(
      runs->list, runs->capacity * sizeof(softpm_run), capacity * sizeof(softpm_run),
      MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return -errno;
  runs->list = memory;
  runs->capacity = capacity;
  return 0;
}

void softpm_runs_append(softpm_runs *runs, uintptr_t start, uintptr_t end) {
  if (runs->count > runs->first && runs->list[runs->count - 1].end == start) {
    runs->list[runs->count - 1].end = end;
    return;
  }
  runs->list[runs->count++] = (softpm_run){.start = start, .end = end};
}
