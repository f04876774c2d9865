// Which memory is watched, and by whom.
//
//     table ── region ── region ── …          sorted by address, never overlapping
//                │
//                ├─ watch of tracker A        its own `watched` and `pending` sets
//                └─ watch of tracker B
//
// 1. There is one table for each way of tracking, for the whole process, because what they change
//    (page protection, the written bits of page tables) is the process's.
// 2. A region is an address range that was reserved for watching. Two containers that watch pages
//    of one region each have a watch on it: what one collection finds and re-arms goes into the
//    `pending` set of every watch, so that nobody's dirt is swallowed.
// 3. `pending` ⊇ the granules known to be written since that watch was last collected. What is
//    pending outside `watched` means nothing.
// 4. All of a table is read and written under its lock, with every signal blocked: a signal
//    handler of the program's that wrote to watched memory while its thread held the lock would
//    wait for itself.
// 5. fork takes every lock first, so that a child never inherits one from a thread it lacks.
#pragma once
#include "softpm_granules.h"

typedef struct softpm_table softpm_table;
typedef struct softpm_watch softpm_watch;
struct softpm_freeze;

typedef struct softpm_region {
  softpm_table *table;
  uintptr_t start;
  uintptr_t end;
  // A granule is 1 << shift bytes.
  unsigned shift;
  // Watches and freezes; the region goes with the last of them.
  size_t users;
  softpm_watch *watches;
  struct softpm_freeze *freezes;
  // Only where the table handles faults: the granules that are write-protected now.
  softpm_granules guarded;
  // A block of 2 MiB whose writes nobody sees at the moment, because it is being made a huge page;
  // 0 for none. A collection reports all of it.
  uintptr_t block_at_work;
  // How often one of the watches was collected.
  uint64_t collections;
  // What libsigsegv's dispatcher knows the region by.
  void *ticket;
} softpm_region;

enum { softpm_block_shift = 21 };

struct softpm_watch {
  softpm_region *region;
  softpm_watch *next_in_region;
  // The tracker's own list, in ascending order.
  softpm_watch *next_of_tracker;
  softpm_granules watched;
  softpm_granules pending;
  // How many runs `watched` has, and one past the last granule that was ever in it: where all that
  // is watched is one run, as in an arena, nobody has to walk the set to find its end.
  size_t watched_runs;
  size_t watched_limit;
  // Where huge pages matter: for each block of 2 MiB of addresses (the first is that of the
  // region's start), the collection that last found it written, or 0 when it need not be thought
  // of. Null until asked for.
  uint32_t *block_stamps;
  size_t block_count;
  // Write faults that marked a granule here.
  uint64_t faults;
};

enum softpm_table_kind { softpm_table_plain, softpm_table_kernel, softpm_table_signal };
softpm_table *softpm_table_of(enum softpm_table_kind kind);

void softpm_table_lock(softpm_table *table);
void softpm_table_unlock(softpm_table *table);
// For the fault handler, which runs with every signal blocked already.
void softpm_table_lock_in_handler(softpm_table *table);
void softpm_table_unlock_in_handler(softpm_table *table);

// Whether this process was forked from one in which a table was in use: descriptors and tables
// then speak of the parent's memory. Costs one load.
bool softpm_process_was_forked(void);

// What follows is called with the table's lock held. Results: 0 or minus the errno.

softpm_region *softpm_region_containing(softpm_table *table, uintptr_t address);
// The first region that ends after `address`, in ascending order, or null.
softpm_region *softpm_region_after(softpm_table *table, uintptr_t address);
// One more user of the region [start, end), which is made if need be. EEXIST: another overlaps.
int softpm_region_open(
    softpm_table *table, uintptr_t start, uintptr_t end, unsigned shift, softpm_region **region);
void softpm_region_close(softpm_region *region);
// Marks [start, end) in every watch of the region.
void softpm_region_mark(softpm_region *region, uintptr_t start, uintptr_t end);

// Adds a watch on [start, end), with nothing watched yet, to a tracker's list.
int softpm_watch_open(
    softpm_table *table, softpm_watch **list, uintptr_t start, uintptr_t end, unsigned shift);
// Ends all watches of a tracker.
void softpm_watch_close_all(softpm_watch **list);
// The tracker's watch whose region holds all of [start, end), or null.
softpm_watch *softpm_watch_holding(softpm_watch *list, uintptr_t start, uintptr_t end);
// Ranges are rounded outwards to whole granules. What is newly watched is pending.
void softpm_watch_add(softpm_watch *watch, uintptr_t start, uintptr_t end);
void softpm_watch_remove(softpm_watch *watch, uintptr_t start, uintptr_t end);
void softpm_watch_mark(softpm_watch *watch, uintptr_t start, uintptr_t end);
// The first span of watched granules at or after `from`, taken together across gaps of up to `gap`
// unwatched ones; false when there is none.
bool softpm_watch_span(
    const softpm_watch *watch, size_t from, size_t gap, size_t *start, size_t *end);
// Keeps `block_stamps` from now on; 0 or minus the errno.
int softpm_watch_keep_stamps(softpm_watch *watch);
// Stamps the blocks of [start, end) in every watch of the region that keeps stamps.
void softpm_region_stamp(softpm_region *region, uintptr_t start, uintptr_t end, uint32_t stamp);
// Whether every granule of [start, end) is watched.
bool softpm_watch_covers(const softpm_watch *watch, uintptr_t start, uintptr_t end);
// Moves what is pending and watched to `runs`. After a failure nothing is lost: what was not
// moved is still pending, and what was is in `runs`, to be given back.
int softpm_watch_take(softpm_watch *watch, softpm_runs *runs);
// Makes all of `runs` pending again in a tracker's watches, and `runs` empty.
void softpm_watches_give_back(softpm_watch *list, softpm_runs *runs);
// Appends all that is watched, written or not.
int softpm_watch_list(const softpm_watch *watch, softpm_runs *runs);
