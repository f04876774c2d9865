// The allocator of all Swift objects, as SoftPMHeap sees it.
//
// It is C because it runs inside malloc: before main, in every thread, with any lock held. It
// must not allocate through malloc, take a lock that Swift code may hold, or call Swift; Swift
// code cannot promise that. It can go when Swift lets a program choose its objects' allocator.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One reserved address range cut into chunks: an arena or the nursery. Its record is never freed
// nor used again, so a pointer to it stays valid for ever.
typedef struct softpm_range softpm_range;

// MARK: Support

typedef enum softpm_support {
  softpm_support_full = 0,
  softpm_support_other_platform,     // neither Linux with glibc nor 64 bits
  softpm_support_no_runtime,         // swift_slowAlloc was not found
  softpm_support_not_interposed,     // the runtime's calls do not arrive at our entry points
  softpm_support_unknown_runtime,    // they arrive, but not from inside swift_slowAlloc
  softpm_support_no_address_space,   // the tables could not be reserved
} softpm_support;

// Whether this process allocates Swift objects through us; decided once, at start-up.
softpm_support softpm_heap_support(void);
// The first entry point found to belong to somebody else, or NULL.
const char *softpm_heap_foreign_entry(void);

// MARK: Ranges

typedef enum softpm_result {
  softpm_ok = 0,
  softpm_no_space,      // the range, or the address space, is used up
  softpm_closed,        // the range has been closed
  softpm_invalid,       // an argument does not describe a possible state
} softpm_result;

// Reserves `bytes` at `home`, or where that is taken elsewhere; `home` 0 chooses a free one. NULL
// where no address space is left.
softpm_range *softpm_range_reserve(uintptr_t home, size_t bytes, size_t chunk_bytes);
uintptr_t softpm_range_base(const softpm_range *range);
// What every home address is a multiple of.
size_t softpm_range_alignment(void);
// Where the objects of no arena lie; NULL where it could not be reserved.
softpm_range *softpm_nursery_range(void);
size_t softpm_range_bytes(const softpm_range *range);
size_t softpm_range_chunk_bytes(const softpm_range *range);
// No more allocation. The range is returned when its last cell is freed, perhaps at once.
void softpm_range_close(softpm_range *range);
// Closes it; the caller has it in hand no more. Its record may serve another range once this one
// is returned.
void softpm_range_forget(softpm_range *range);
// Whether the addresses have been returned to the system.
bool softpm_range_is_returned(const softpm_range *range);

typedef struct softpm_range_statistics {
  size_t live_cells;           // allocated now
  size_t live_bytes;           // their cells' sizes
  size_t held_cells;           // freed, kept by thread caches or in quarantine
  size_t used_chunks;          // slabs and parts of large runs
  size_t touched_chunks;       // chunks below this index have ever been used
  size_t committed_bytes;      // readable and writable memory, resident or not
  bool is_closed;
  bool is_returned;
} softpm_range_statistics;

void softpm_range_measure(softpm_range *range, softpm_range_statistics *result);
// All records of ranges: the one after this, or the first for NULL; NULL ends it.
softpm_range *softpm_range_after(const softpm_range *range);

// MARK: Cells

typedef struct softpm_cell {
  softpm_range *range;
  uintptr_t start;
  size_t bytes;
  bool is_raw;
} softpm_cell;

// The allocated cell that `address` lies in, of whatever range; false where there is none.
bool softpm_cell_find(uintptr_t address, softpm_cell *result);
// Takes a cell of a range whatever the calling thread's scope is; 0 and a result where it cannot.
uintptr_t softpm_cell_reserve(
    softpm_range *range, size_t bytes, bool is_raw, softpm_result *result);
// Gives back any allocated cell, as free() does.
void softpm_cell_release(uintptr_t start);

// A word for the layers above, kept apart from the cell that starts here: zero when the cell is
// allocated and zero again when it is freed, before its memory can be used again. NULL where the
// cell is not ours or there is no memory.
uint64_t *softpm_cell_word(uintptr_t start);

// A mark for the layers above, one bit, kept apart from the cell: absent when the cell is allocated
// and absent again once it is freed. Setting and clearing take no lock and may be done by several
// threads.
typedef enum softpm_mark {
  softpm_mark_new = 0,         // it was not marked before
  softpm_mark_present,
  softpm_mark_impossible,      // not ours, or no memory
} softpm_mark;

softpm_mark softpm_cell_mark(uintptr_t start);
bool softpm_cell_is_marked(uintptr_t start);
void softpm_cell_unmark(uintptr_t start);
// Clears the marks of all cells that start in a chunk: reads 1/128 of its size.
void softpm_chunk_unmark(softpm_range *range, uint32_t chunk);

// Cells freed from now on are not used again until the quarantine ends; quarantines nest.
void softpm_quarantine_begin(softpm_range *range);
void softpm_quarantine_end(softpm_range *range);

// The word at an address, read through the kernel: 0 where no memory is.
uintptr_t softpm_word_at(uintptr_t address);

// MARK: Invariants

// The first of the range's invariants that does not hold, as a sentence; NULL where all do. Walks
// every chunk and cell under the range's lock; other threads may allocate and free meanwhile.
const char *softpm_range_check(softpm_range *range);
// Whether this build checks every allocation and free.
bool softpm_heap_is_checking(void);

// MARK: Chunks

typedef enum softpm_chunk_kind {
  softpm_chunk_empty = 0,
  softpm_chunk_slab,
  softpm_chunk_large,
  softpm_chunk_continuation,
} softpm_chunk_kind;

typedef struct softpm_chunk_shape {
  softpm_chunk_kind kind;
  bool is_raw;
  size_t cell_bytes;     // slab: of each cell; large: of the only cell
  size_t chunk_count;    // large: of the run
  uint32_t head;         // continuation: the run's first chunk
} softpm_chunk_shape;

uint32_t softpm_chunk_count(softpm_range *range);
void softpm_chunk_shape_get(softpm_range *range, uint32_t chunk, softpm_chunk_shape *result);
// Byte offsets of the chunk's allocated cells, ascending; returns how many there are and writes
// as many as fit. One consistent picture of the chunk, also while other threads allocate.
size_t softpm_chunk_cells(
    softpm_range *range, uint32_t chunk, uint32_t *offsets, size_t capacity);

// The chunk's shape and, as bits, where its allocated cells start: bit n of word m for the cell that
// is 16 × (64m + n) bytes into the chunk. `bits` has chunk_bytes/1024 words. Returns how many cells.
//
// Shape and bits are of one moment, and no chunk changes its shape meanwhile. Other threads may
// allocate and free in the chunk: cells that were allocated throughout the call are in the map,
// those that were free throughout are not, and all others may be.
size_t softpm_chunk_map(
    softpm_range *range, uint32_t chunk, softpm_chunk_shape *shape, uint64_t *bits);

// While a range is being restored: gives an empty chunk a shape with these cells allocated.
softpm_result softpm_chunk_install(
    softpm_range *range, uint32_t chunk, const softpm_chunk_shape *shape,
    const uint32_t *offsets, size_t count);
// Opens what was installed for allocation.
void softpm_range_finish_installing(softpm_range *range);

// Has the line of memory at an address fetched, whatever lies there.
static inline void softpm_prefetch(const void *address) {
  __builtin_prefetch(address);
}

// MARK: Scopes

// What the calling thread's explicit scopes amount to; opaque, to be handed back on leaving.
typedef uintptr_t softpm_scope;

softpm_scope softpm_scope_enter(softpm_range *range);
softpm_scope softpm_scope_enter_outside(void);
void softpm_scope_leave(softpm_scope previous);
// The scope of the calling thread where it is in no explicit one; NULL for none.
void softpm_scope_set_ambient(softpm_range *range);
// The range that the calling thread's objects go to; NULL for none of the arenas.
softpm_range *softpm_scope_current(void);
