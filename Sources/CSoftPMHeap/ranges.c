// Reserving, committing and returning address ranges, and the table that tells whose an address
// is.

#include "checks.h"

#if SOFTPM_HEAP_SUPPORTED

#include <errno.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <string.h>
#include <time.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

softpm_registry softpm_ranges;
softpm_range *softpm_nursery;

// The nursery's chunks are larger than an arena's are by default: no image is made of them, so
// only waste speaks against it.
static const size_t nursery_chunk_bytes = 64 << 10;
static const size_t nursery_bytes_most = (size_t)1 << 40;
static const size_t nursery_bytes_least = (size_t)64 << 20;

// Where arenas are put, in this order. Sanitizers leave the first free, and so do position
// independent executables, which the kernel puts above 0x5555_5555_0000; the second is empty in
// ordinary processes.
static const struct { uintptr_t start, end; } windows[] = {
  {0x550000000000, 0x555500000000},
  {0x200000000000, 0x500000000000},
};

static size_t rounded_up(size_t bytes, size_t unit) { return (bytes + unit - 1) & ~(unit - 1); }

static size_t page_bytes(void) { return softpm_ranges.page_bytes; }

static void *reserve_anywhere(size_t bytes) {
  void *start = mmap(
      NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return start == MAP_FAILED ? NULL : start;
}

static bool reserve_at(uintptr_t start, size_t bytes) {
  void *found = mmap(
      (void *)start, bytes, PROT_NONE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (found == MAP_FAILED) return false;
  if ((uintptr_t)found == start) return true;
  munmap(found, bytes);  // a kernel older than the flag took the address for a hint
  return false;
}

static uint64_t random_word(void) {
  uint64_t word;
  if (getrandom(&word, sizeof word, GRND_NONBLOCK) == sizeof word) return word;
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_nsec * 0x9e3779b97f4a7c15u;
}

// A random place in the windows, so that containers made by different processes seldom share a
// home; at a multiple of the size, so that the windows do not fragment.
static uintptr_t reserve_in_windows(size_t bytes) {
  size_t unit = SOFTPM_GRANULE;
  while (unit < bytes) unit *= 2;
  for (size_t window = 0; window < sizeof windows / sizeof *windows; window++) {
    uintptr_t first = rounded_up(windows[window].start, unit);
    if (first + bytes > windows[window].end) continue;
    size_t places = (windows[window].end - first - bytes) / unit + 1;
    uint64_t random = random_word();
    for (size_t attempt = 0; attempt < places && attempt < 64; attempt++) {
      uintptr_t start = first + (random + attempt) % places * unit;
      if (reserve_at(start, bytes)) return start;
    }
  }
  return 0;
}

// Anywhere, at a granule's boundary and below the table's end.
static uintptr_t reserve_aligned(size_t bytes) {
  uintptr_t found = (uintptr_t)reserve_anywhere(bytes + SOFTPM_GRANULE);
  if (found == 0) return 0;
  uintptr_t start = rounded_up(found, SOFTPM_GRANULE);
  uintptr_t end = found + bytes + SOFTPM_GRANULE;
  if (start > found) munmap((void *)found, start - found);
  if (end > start + bytes) munmap((void *)(start + bytes), end - start - bytes);
  if (start + bytes <= (uintptr_t)1 << softpm_address_bits) return start;
  munmap((void *)start, bytes);
  return 0;
}

// Records of ranges come from pages of their own and are never freed: whoever looks an address up
// may have one in hand that is just being returned. They serve again, for ranges of the same chunk
// size, some closings after nobody can have it in hand any more. So a program that opens and closes
// arenas all its life has as many as it ever had at once, and these.
static const uint32_t closings_until_reuse = 64;

static softpm_range *forgotten_record(size_t chunk_bytes) {
  uint32_t closings = atomic_load(&softpm_ranges.closings);
  for (softpm_range **at = &softpm_ranges.forgotten; *at != NULL; at = &(*at)->next_forgotten) {
    softpm_range *range = *at;
    if (!atomic_load(&range->is_returned) || range->chunk_bytes != chunk_bytes) continue;
    if (closings - range->returned_at < closings_until_reuse) continue;
    *at = range->next_forgotten;
    return range;
  }
  return NULL;
}

static void forget_record(softpm_range *range) {
  range->is_forgotten = true;
  range->next_forgotten = softpm_ranges.forgotten;
  softpm_ranges.forgotten = range;
}

static softpm_range *new_record(void) {
  static char *next, *end;
  size_t bytes = rounded_up(sizeof(softpm_range), 64);
  if (next == NULL || (size_t)(end - next) < bytes) {
    size_t block = 64 << 10;
    void *start = mmap(
        NULL, block, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED) return NULL;
    next = start;
    end = next + block;
  }
  softpm_range *range = (softpm_range *)next;
  next += bytes;
  return range;
}

// What is known about a range: one reservation of three tables.
static size_t chunks_table_bytes(const softpm_range *range) {
  return rounded_up((size_t)range->chunk_limit * sizeof(softpm_chunk), 64 << 10);
}

static size_t free_map_bytes(const softpm_range *range) {
  return rounded_up((range->chunk_limit + 63) / 64 * sizeof(uint64_t), 64 << 10);
}

static size_t tables_bytes(const softpm_range *range) {
  size_t states = range->bytes / 16 * (SOFTPM_HEAP_CHECKS ? 2 : 1);
  return free_map_bytes(range) + chunks_table_bytes(range) + states;
}

static bool make_tables(softpm_range *range) {
  char *tables = reserve_anywhere(tables_bytes(range));
  if (tables == NULL) return false;
  if (mprotect(tables, free_map_bytes(range), PROT_READ | PROT_WRITE) != 0) {
    munmap(tables, tables_bytes(range));
    return false;
  }
  range->free_map = (uint64_t *)tables;
  range->chunks = (softpm_chunk *)(tables + free_map_bytes(range));
  range->states = (softpm_state *)((char *)range->chunks + chunks_table_bytes(range));
  range->checks = range->states + (SOFTPM_HEAP_CHECKS ? range->bytes / 16 : 0);
  return true;
}

// Present with LeakSanitizer, which must look for references in our memory too.
__attribute__((weak)) void __lsan_register_root_region(const void *start, size_t bytes);
__attribute__((weak)) void __lsan_unregister_root_region(const void *start, size_t bytes);

static void widen_bounds(uintptr_t low, uintptr_t high) {
  uintptr_t known = atomic_load(&softpm_ranges.low);
  if (known == 0 || low < known) atomic_store(&softpm_ranges.low, low);
  if (high > atomic_load(&softpm_ranges.high)) atomic_store(&softpm_ranges.high, high);
}

// Arenas share the slots between the nursery's and the last, which stands for none.
static uint8_t next_slot(void) {
  static uint32_t arenas;
  return (uint8_t)(1 + arenas++ % (softpm_no_slot - 1));
}

// What a record says of a range that nothing is in yet. Under its lock.
static void begin(softpm_range *range) {
  range->is_closed = false;
  range->is_installing = false;
  range->is_forgotten = false;
  range->frontier = 1;
  range->search_hint = 1;
  range->committed_granules = 0;
  range->used_chunks = 0;
  range->free_chunks = 0;
  range->dirty_free_bytes = 0;
  range->quarantine_depth = 0;
  range->quarantine_count = 0;
  range->quarantine_capacity = 0;
  memset(range->bins, 0, sizeof range->bins);
  atomic_fetch_add(&range->generation, 1);
  atomic_store(&range->is_returned, false);
}

static softpm_range *make_range(
    uintptr_t base, size_t bytes, size_t chunk_bytes, bool is_nursery) {
  softpm_range *range = forgotten_record(chunk_bytes);
  bool is_new = range == NULL;
  if (is_new) range = new_record();
  if (range == NULL) return NULL;
  softpm_lock_take(&range->lock);
  range->base = base;
  range->bytes = bytes;
  range->mapped_bytes = bytes;
  range->chunk_bytes = (uint32_t)chunk_bytes;
  range->chunk_shift = (uint32_t)__builtin_ctzl(chunk_bytes);
  range->chunk_limit = (uint32_t)(bytes >> range->chunk_shift);
  if (!make_tables(range)) {
    softpm_lock_give(&range->lock);
    if (!is_new) forget_record(range);
    return NULL;
  }
  begin(range);
  if (is_new) range->own_slot = is_nursery ? softpm_nursery_slot : next_slot();
  atomic_store(&range->slot, range->own_slot);
  softpm_lock_give(&range->lock);
  // Threads that have the record's last range as their ambient one learn that it is another.
  if (!is_new) atomic_fetch_add(&softpm_ranges.closings, 1);
  atomic_store(&range->is_open, true);
  widen_bounds(base, base + bytes);
  if (__lsan_register_root_region) __lsan_register_root_region((void *)base, bytes);
  if (!is_new) return range;
  range->next = atomic_load(&softpm_ranges.first);
  atomic_store(&softpm_ranges.first, range);
  return range;
}

// An eighth of what the process may reserve where that is limited; else more than any machine's
// memory, since a range cannot grow.
static size_t nursery_bytes_wanted(void) {
  struct rlimit limit;
  size_t bytes = nursery_bytes_most;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return bytes;
  while (bytes > limit.rlim_cur / 8) bytes /= 2;
  return bytes;
}

static void start_nursery(void) {
  for (size_t bytes = nursery_bytes_wanted(); bytes >= nursery_bytes_least; bytes /= 2) {
    uintptr_t base = reserve_aligned(bytes);
    if (base == 0) continue;
    softpm_nursery = make_range(base, bytes, nursery_chunk_bytes, true);
    if (softpm_nursery != NULL) return;
    munmap((void *)base, bytes);
  }
}

bool softpm_ranges_start(void) {
  softpm_ranges.page_bytes = (size_t)sysconf(_SC_PAGESIZE);
  size_t entries = (size_t)1 << (softpm_address_bits - softpm_granule_shift);
  void *table = mmap(
      NULL, entries * sizeof *softpm_ranges.table, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (table == MAP_FAILED) return false;
  softpm_ranges.table = table;
  start_nursery();
  return true;
}

softpm_range *softpm_range_reserve(uintptr_t home, size_t bytes, size_t chunk_bytes) {
  if (softpm_ranges.table == NULL) return NULL;
  bytes = rounded_up(bytes, SOFTPM_GRANULE);
  uintptr_t base = 0;
  if (home != 0 && home % SOFTPM_GRANULE == 0 && home < (uintptr_t)1 << softpm_address_bits &&
      home + bytes <= (uintptr_t)1 << softpm_address_bits && reserve_at(home, bytes)) {
    base = home;
  }
  if (base == 0) base = reserve_in_windows(bytes);
  if (base == 0) base = reserve_aligned(bytes);
  if (base == 0) return NULL;
  softpm_lock_take(&softpm_ranges.lock);
  softpm_range *range = make_range(base, bytes, chunk_bytes, false);
  softpm_lock_give(&softpm_ranges.lock);
  if (range == NULL) munmap((void *)base, bytes);
  return range;
}

uintptr_t softpm_range_base(const softpm_range *range) { return range->base; }

size_t softpm_range_bytes(const softpm_range *range) { return range->bytes; }

size_t softpm_range_chunk_bytes(const softpm_range *range) { return range->chunk_bytes; }

softpm_range *softpm_nursery_range(void) { return softpm_nursery; }

size_t softpm_range_alignment(void) { return SOFTPM_GRANULE; }

// Makes [start, start + bytes) usable; widened to pages, which tables share with neighbours that
// are usable too or will be.
static bool make_usable(void *start, size_t bytes) {
  uintptr_t from = (uintptr_t)start & ~(page_bytes() - 1);
  uintptr_t to = rounded_up((uintptr_t)start + bytes, page_bytes());
  return mprotect((void *)from, to - from, PROT_READ | PROT_WRITE) == 0;
}

// Arenas beyond this get huge pages where they have them: filling such memory takes fewer faults,
// and what is not written is looked at in one step per 2 MiB. Smaller ones would waste some.
static const size_t small_pages_bytes = (size_t)16 << 20;

static void ask_for_huge_pages(const softpm_range *range, size_t offset, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (range == softpm_nursery || offset < small_pages_bytes) return;
  madvise((void *)(range->base + offset), bytes, MADV_HUGEPAGE);
#endif
}

bool softpm_range_commit(softpm_range *range, uint32_t chunk_end) {
  size_t needed = rounded_up((size_t)chunk_end << range->chunk_shift, SOFTPM_GRANULE);
  uint32_t granules = (uint32_t)(needed >> softpm_granule_shift);
  uint32_t present = range->committed_granules;
  if (granules <= present) return true;
  size_t offset = (size_t)present << softpm_granule_shift;
  size_t bytes = needed - offset;
  size_t first_chunk = offset >> range->chunk_shift;
  int saved = errno;
  bool done =
      make_usable(&range->chunks[first_chunk],
                  (bytes >> range->chunk_shift) * sizeof(softpm_chunk)) &&
      make_usable(&range->states[offset / 16], bytes / 16) &&
      (!SOFTPM_HEAP_CHECKS || make_usable(&range->checks[offset / 16], bytes / 16)) &&
      make_usable((void *)(range->base + offset), bytes);
  if (done) ask_for_huge_pages(range, offset, bytes);
  errno = saved;
  if (!done) return false;
  for (uint32_t granule = present; granule < granules; granule++) {
    uintptr_t start = range->base + ((uintptr_t)granule << softpm_granule_shift);
    atomic_store_explicit(
        &softpm_ranges.table[start >> softpm_granule_shift], range, memory_order_release);
  }
  range->committed_granules = granules;
  return true;
}

// Of the chunks' table, as much as the range has memory for.
static size_t chunks_mapped_bytes(const softpm_range *range) {
  if (range->mapped_bytes == range->bytes) return chunks_table_bytes(range);
  size_t chunks = range->mapped_bytes >> range->chunk_shift;
  return rounded_up(chunks * sizeof(softpm_chunk), page_bytes());
}

// Under the lock of a range that was closed while something in it is alive: what was never committed
// is not needed any more, nor is what the tables have for it. Nobody looks there: the table of
// granules does not lead there, and a closed range takes no more chunks.
static void trim(softpm_range *range) {
  size_t bytes = (size_t)range->committed_granules << softpm_granule_shift;
  if (range->used_chunks == 0 || bytes >= range->mapped_bytes) return;
  int saved = errno;
  size_t old = range->mapped_bytes, old_chunks = chunks_mapped_bytes(range);
  if (__lsan_unregister_root_region) {
    __lsan_unregister_root_region((void *)range->base, old);
    __lsan_register_root_region((void *)range->base, bytes);
  }
  softpm_words_trim(range, bytes);
  range->mapped_bytes = bytes;
  size_t chunks = chunks_mapped_bytes(range);
  munmap((void *)(range->base + bytes), old - bytes);
  if (chunks < old_chunks) munmap((char *)range->chunks + chunks, old_chunks - chunks);
  munmap((void *)(range->states + bytes / 16), (old - bytes) / 16);
  if (SOFTPM_HEAP_CHECKS) munmap((void *)(range->checks + bytes / 16), (old - bytes) / 16);
  softpm_chunks_give_to_system(range);
  errno = saved;
}

// Under the range's lock.
void softpm_range_return_if_empty(softpm_range *range) {
  if (!range->is_closed || range->used_chunks != 0 || atomic_load(&range->is_returned)) return;
  for (uint32_t granule = 0; granule < range->committed_granules; granule++) {
    uintptr_t start = range->base + ((uintptr_t)granule << softpm_granule_shift);
    atomic_store_explicit(
        &softpm_ranges.table[start >> softpm_granule_shift], NULL, memory_order_release);
  }
  range->returned_at = atomic_load(&softpm_ranges.closings);
  atomic_store(&range->is_returned, true);
  int saved = errno;
  if (__lsan_unregister_root_region) {
    __lsan_unregister_root_region((void *)range->base, range->mapped_bytes);
  }
  munmap((void *)range->base, range->mapped_bytes);
  size_t states = range->mapped_bytes / 16;
  munmap(range->free_map, free_map_bytes(range) + chunks_mapped_bytes(range));
  munmap((void *)range->states, states);
  if (SOFTPM_HEAP_CHECKS) munmap((void *)range->checks, states);
  softpm_words_return(range);
  if (range->quarantine != NULL) {
    munmap(range->quarantine, range->quarantine_capacity * sizeof *range->quarantine);
    range->quarantine = NULL;
  }
  errno = saved;
}

void softpm_range_close(softpm_range *range) {
  atomic_store(&range->is_open, false);
  softpm_lock_take(&range->lock);
  range->is_closed = true;
  atomic_store(&range->slot, softpm_no_slot);
  softpm_lock_give(&range->lock);
  atomic_fetch_add(&softpm_ranges.closings, 1);
  softpm_caches_drop_closed(&softpm_this_thread);
  softpm_lock_take(&range->lock);
  softpm_range_return_if_empty(range);
  if (!atomic_load(&range->is_returned)) trim(range);
  softpm_lock_give(&range->lock);
}

void softpm_range_forget(softpm_range *range) {
  softpm_range_close(range);
  softpm_lock_take(&softpm_ranges.lock);
  if (!range->is_forgotten) forget_record(range);
  softpm_lock_give(&softpm_ranges.lock);
}

softpm_range *softpm_range_after(const softpm_range *range) {
  return range == NULL ? atomic_load(&softpm_ranges.first) : range->next;
}

bool softpm_range_is_returned(const softpm_range *range) {
  return atomic_load(&range->is_returned);
}

#endif

SOFTPM_END_OF_FILE
