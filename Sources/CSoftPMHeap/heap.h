// What the C files of the heap share.
//
// An address is ours when the table has a range for its granule. A range's memory and what is
// known about it lie apart, so that allocating and freeing write no page of the range:
//
//   memory     │ chunk 0, never used │ chunk 1 │ chunk 2 │ …        PROT_NONE until used
//                                     └ first chunk_bytes/64 never given out; then cells
//   chunks     │ softpm_chunk │ softpm_chunk │ …                    one record per chunk
//   states     │ one byte per 16 bytes of memory │ …                meaningful at cell starts
//   checks     │ the same, in builds with checks │
//   free_map   │ one bit per chunk below the frontier that is empty │
//   words      │ one word per 16 bytes of memory, for the layers above, once they ask │
//   marks      │ one bit per 16 bytes, the same │
//
// 1. A state byte other than 0 stands only at the start of a cell that is allocated or held
//    back; the cell's size follows from it or from its chunk.
// 2. The state byte of an allocated or cached cell is written by the thread that allocates or
//    frees it, without the lock; everything else about a range changes under its lock.
// 3. Memory of a granule is readable and writable, and its table entry set, before any chunk of
//    it is used; both last until the range is returned.
// 4. A closed range gives back what it never committed, in memory and tables; so what is left in it
//    holds the addresses of the granules in use and no more.
// 5. Locks are taken in the order registry, range. No lock is held while calling out.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include "CSoftPMHeap.h"

#if defined(__linux__) && defined(__GLIBC__) && defined(__LP64__)
#define SOFTPM_HEAP_SUPPORTED 1
#else
#define SOFTPM_HEAP_SUPPORTED 0
#endif

#include "lock.h"

#define softpm_hidden __attribute__((visibility("hidden")))
#define softpm_likely(condition) __builtin_expect(!!(condition), 1)
#define softpm_unlikely(condition) __builtin_expect(!!(condition), 0)

// Sanitizers must not watch the allocator itself: it runs before they do.
#if __has_attribute(disable_sanitizer_instrumentation)
#pragma clang attribute push( \
    __attribute__((disable_sanitizer_instrumentation)), apply_to = function)
#define SOFTPM_END_OF_FILE _Pragma("clang attribute pop")
#else
#define SOFTPM_END_OF_FILE
#endif

enum {
  softpm_cell_alignment = 16,
  softpm_granule_shift = 22,      // 4 MiB: unit of the table and of commitment
  softpm_address_bits = 48,
  softpm_class_limit = 60,        // size classes of one kind
  softpm_bin_count = 2 * softpm_class_limit,
  softpm_no_class = softpm_class_limit - 1,  // of what takes a large run: a bin always empty
  softpm_looked_up_bytes = 8192,  // sizes up to this find their class in a table
};

#define SOFTPM_GRANULE ((size_t)1 << softpm_granule_shift)

// State bytes. 1…120 are a bin's number plus one: bins 0…59 are the classes of objects, 60…119
// those of raw memory.
enum {
  softpm_state_free = 0,
  softpm_state_odd = 0x7d,        // a slab cell of a size that is no class: restored
  softpm_state_large = 0x7e,
  softpm_state_held = 0x80,       // added to the above: freed, but not to be used again yet
};

// Written by one thread while others read: relaxed atomics, which cost nothing.
typedef _Atomic(uint8_t) softpm_state;
typedef _Atomic(uint64_t) softpm_mark_bits;

enum {
  softpm_nursery_slot = 0,
  softpm_no_slot = 7,
  softpm_slot_count = 8,
};

typedef struct softpm_chunk {
  uint8_t kind : 4;               // softpm_chunk_kind
  uint8_t is_raw : 1;
  uint8_t is_listed : 1;          // in its bin's list of chunks with free cells
  uint8_t is_touched : 1;         // its memory may hold something other than zeros
  uint8_t bin;                    // slab: whose list; softpm_no_bin for odd sizes
  uint16_t reserved;
  uint32_t cell_bytes;            // slab
  uint32_t count;                 // slab: cells; large: chunks of the run; continuation: head
  uint32_t free_count;            // slab: cells whose state is 0
  uint32_t reciprocal;            // slab: ⌈2³² / (cell_bytes / 16)⌉, 0 for 2³²
  uint32_t hint;                  // slab: no free cell before this one
  uint32_t next, previous;        // the bin's list, by chunk index; 0 ends it
} softpm_chunk;

_Static_assert(sizeof(softpm_chunk) == 32, "two records to a cache line");

enum { softpm_no_bin = 0xff };

struct softpm_range {
  // Read by every allocation and free, so apart from what changes; constant until the range is
  // returned and its record serves another one (ranges.c), apart from the flags and the slot.
  uintptr_t base;
  softpm_state *states;
  _Atomic(uint64_t *) words;      // one per 16 bytes; NULL until first asked for
  _Atomic(softpm_mark_bits *) marks;  // one bit per 16 bytes; the same
  softpm_chunk *chunks;
  size_t bytes;
  uint32_t chunk_shift;
  uint32_t chunk_bytes;
  uint32_t chunk_limit;           // how many chunks the range has room for
  _Atomic(bool) is_open;          // may be allocated from
  _Atomic(bool) is_returned;
  _Atomic(uint8_t) slot;          // which of a thread's caches; softpm_no_slot: none, lock
  uint8_t own_slot;

  _Alignas(64) softpm_lock lock;  // guards all below, and chunks
  size_t mapped_bytes;            // of `bytes`: less once the range is closed and was trimmed
  softpm_state *checks;           // like states; used by builds with checks (checks.h)
  bool is_closed;
  bool is_installing;
  uint32_t frontier;              // chunks from here on were never used
  uint32_t committed_granules;
  uint32_t used_chunks;
  uint32_t free_chunks;           // below the frontier
  uint32_t search_hint;           // no empty chunk below this one
  uint64_t *free_map;
  size_t dirty_free_bytes;        // of empty chunks whose memory has not been given back
  uint32_t quarantine_depth;
  uintptr_t *quarantine;          // held cells, in a mapping of their own
  size_t quarantine_count, quarantine_capacity;
  uint32_t bins[softpm_bin_count];  // first chunk with free cells, 0 for none
  softpm_range *next;             // in the registry
  uint32_t returned_at;           // how many closings there had been
  // Under the registry's lock.
  bool is_forgotten;
  softpm_range *next_forgotten;
  _Atomic(uint32_t) generation;   // how many ranges had this record before
};

_Static_assert(offsetof(softpm_range, lock) == 64, "the hot fields fill one cache line");

// MARK: ranges.c

typedef struct softpm_registry {
  // An upper bound on what may be ours, so that glibc's blocks are told apart by one comparison.
  _Atomic(uintptr_t) low, high;
  _Atomic(softpm_range *) *table;   // by granule
  softpm_lock lock;
  _Atomic(softpm_range *) first;
  softpm_range *forgotten;          // whose records may serve again once they are returned
  size_t page_bytes;                // the system's; asked for once
  _Atomic(uint32_t) closings;       // tells threads to empty their caches of closed ranges
} softpm_registry;

extern softpm_registry softpm_ranges softpm_hidden;
// Where the objects of no arena lie; NULL where it could not be reserved.
extern softpm_range *softpm_nursery softpm_hidden;

softpm_hidden bool softpm_ranges_start(void);
softpm_hidden bool softpm_range_commit(softpm_range *range, uint32_t chunk_end);
softpm_hidden void softpm_range_return_if_empty(softpm_range *range);

static inline softpm_range *softpm_range_of(uintptr_t address) {
  uintptr_t low = atomic_load_explicit(&softpm_ranges.low, memory_order_relaxed);
  uintptr_t high = atomic_load_explicit(&softpm_ranges.high, memory_order_relaxed);
  if (address < low || address >= high) return NULL;
  return atomic_load_explicit(
      &softpm_ranges.table[address >> softpm_granule_shift], memory_order_acquire);
}

static inline softpm_state *softpm_state_at(const softpm_range *range, uintptr_t address) {
  return &range->states[(address - range->base) >> 4];
}

static inline uint8_t softpm_state_get(const softpm_state *state) {
  return atomic_load_explicit(state, memory_order_relaxed);
}

static inline void softpm_state_set(softpm_state *state, uint8_t value) {
  atomic_store_explicit(state, value, memory_order_relaxed);
}

// The bit of the cell that starts at `start`, within its word of `marks`.
static inline uint64_t softpm_mark_bit(const softpm_range *range, uintptr_t start) {
  return (uint64_t)1 << ((start - range->base) >> 4 & 63);
}

static inline softpm_mark_bits *softpm_marks_at(
    const softpm_range *range, softpm_mark_bits *marks, uintptr_t start) {
  return &marks[(start - range->base) >> 10];
}

// Read before they are written: a page of words or marks that nobody used stays without memory.
static inline void softpm_words_forget(softpm_range *range, uintptr_t start) {
  softpm_mark_bits *marks = atomic_load_explicit(&range->marks, memory_order_relaxed);
  if (softpm_unlikely(marks != NULL)) {
    softpm_mark_bits *at = softpm_marks_at(range, marks, start);
    uint64_t bit = softpm_mark_bit(range, start);
    if (atomic_load_explicit(at, memory_order_relaxed) & bit) {
      atomic_fetch_and_explicit(at, ~bit, memory_order_relaxed);
    }
  }
  uint64_t *words = atomic_load_explicit(&range->words, memory_order_relaxed);
  if (softpm_likely(words == NULL)) return;
  uint64_t *word = &words[(start - range->base) >> 4];
  if (*word != 0) *word = 0;
}

static inline bool softpm_state_is_allocated(uint8_t state) {
  return state != softpm_state_free && (state & softpm_state_held) == 0;
}

static inline uint32_t softpm_chunk_of(const softpm_range *range, uintptr_t address) {
  return (uint32_t)((address - range->base) >> range->chunk_shift);
}

static inline uintptr_t softpm_chunk_start(const softpm_range *range, uint32_t chunk) {
  return range->base + ((uintptr_t)chunk << range->chunk_shift);
}

// The bytes at a chunk's start that are never given out.
static inline uint32_t softpm_chunk_lead(const softpm_range *range) {
  return range->chunk_bytes / 64;
}

// MARK: words.c

// Under the range's lock, when nothing is left in it.
softpm_hidden void softpm_words_return(softpm_range *range);
// Under the lock, before `mapped_bytes` becomes `bytes`: gives back what lies beyond.
softpm_hidden void softpm_words_trim(softpm_range *range, size_t bytes);

// MARK: chunks.c, all under the range's lock

// The first of `count` neighbouring chunks, taken from the empty ones or past the frontier; 0
// where there is no room.
softpm_hidden uint32_t softpm_chunks_take(softpm_range *range, uint32_t count);
softpm_hidden void softpm_chunks_give_back(softpm_range *range, uint32_t first, uint32_t count);
// Lets the system have the memory of all empty chunks.
softpm_hidden void softpm_chunks_give_to_system(softpm_range *range);

// The number of a slab's cell that is `offset` bytes behind the first one's start. Exact, since
// the offset in 16-byte units and the divisor are both below 2¹⁶.
static inline uint32_t softpm_cell_number(const softpm_chunk *chunk, size_t offset) {
  uint64_t units = offset / softpm_cell_alignment;
  return (uint32_t)(chunk->reciprocal == 0 ? units : units * chunk->reciprocal >> 32);
}

// MARK: classes.c

softpm_hidden void softpm_classes_start(void);
// The class of every size up to softpm_looked_up_bytes, by ⌈bytes / 16⌉.
softpm_hidden const uint8_t *softpm_class_lookup(const softpm_range *range);

// The smallest class of at least `bytes`, or -1 where it takes a large run.
softpm_hidden int softpm_class_for(const softpm_range *range, size_t bytes, size_t alignment);
softpm_hidden size_t softpm_class_bytes(const softpm_range *range, int size_class);
// The class of exactly this cell size, or -1.
softpm_hidden int softpm_class_exactly(const softpm_range *range, size_t cell_bytes);

// MARK: slabs.c

// How many chunks a run takes for one cell of so many bytes.
static inline uint32_t softpm_run_chunks(const softpm_range *range, size_t bytes) {
  size_t needed = bytes + softpm_chunk_lead(range) + range->chunk_bytes - 1;
  return (uint32_t)(needed >> range->chunk_shift);
}

softpm_hidden uintptr_t softpm_range_allocate(
    softpm_range *range, size_t bytes, size_t alignment, bool is_raw);
// Frees a cell under the lock, past all caches; traps on what is no allocated cell's start.
softpm_hidden void softpm_range_free(softpm_range *range, uintptr_t start);
softpm_hidden size_t softpm_range_cell_bytes(softpm_range *range, uintptr_t start);
__attribute__((noreturn, cold)) softpm_hidden void softpm_trap_bad_free(uintptr_t start);
// These under the range's lock. Takes up to `count` cells of a bin and gives them this state.
softpm_hidden uint32_t softpm_range_take_cells(
    softpm_range *range, int bin, uint8_t state, uintptr_t *cells, uint32_t count);
softpm_hidden void softpm_range_put_back(softpm_range *range, uintptr_t start);
softpm_hidden void softpm_chunk_list(softpm_range *range, uint32_t chunk);
softpm_hidden void softpm_chunk_make_slab(
    softpm_range *range, uint32_t chunk, uint32_t cell_bytes, int bin, bool is_raw);

// MARK: caches.c and scopes.c

// Free cells of one range kept by one thread, so that most allocations and frees take no lock.
typedef struct softpm_cache {
  softpm_range *range;            // NULL: bound to none, and all bins are empty and without room
  const uint8_t *class_lookup;
  struct softpm_cache *next;      // in the pool
  uintptr_t run;                  // a freed cell of several chunks, or 0
  struct {
    uint32_t count, limit;
    uintptr_t *cells;
  } bins[softpm_bin_count];
} softpm_cache;

typedef struct softpm_thread {
  softpm_cache *allocating;       // of the range that this thread's objects go to
  softpm_cache *by_slot[softpm_slot_count];
  softpm_range *target;           // where this thread's objects go; NULL: not to an arena
  softpm_range *ambient;
  uint32_t ambient_generation;    // of the range when it became ambient
  softpm_scope explicit_scope;    // 0 none, 1 outside, else a range
  uint32_t closings_seen;
  bool has_ended;                 // its caches are gone for good: it is exiting
  bool is_known;                  // it will be told when it exits
} softpm_thread;

// Initial-exec: reading it never allocates, which matters inside malloc.
extern _Thread_local softpm_thread softpm_this_thread
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

softpm_hidden void softpm_caches_start(void);
softpm_hidden extern softpm_lock softpm_caches_lock;
// The slow paths, when the calling thread's cache cannot serve.
softpm_hidden uintptr_t softpm_allocate_slowly(size_t bytes, size_t alignment, bool is_raw);
softpm_hidden void softpm_free_slowly(softpm_range *range, uintptr_t start);
// Empties the calling thread's caches of closed ranges; and of all.
softpm_hidden void softpm_caches_drop_closed(softpm_thread *thread);
// The calling thread's target has changed.
softpm_hidden void softpm_caches_follow_target(softpm_thread *thread);
// Finds out the calling thread's target.
softpm_hidden void softpm_scope_settle(softpm_thread *thread);

// MARK: trap.c

// Ends the process with a message on standard error, allocating nothing.
__attribute__((noreturn, cold)) softpm_hidden void softpm_trap(
    const char *message, uintptr_t address);
