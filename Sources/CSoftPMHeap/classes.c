// Size classes: 16-byte steps to 128, then four to a doubling; where few cells fit a chunk, sizes
// are stretched so that they fill it. What is larger than half a chunk takes a run of chunks.
//
// Classes may change between releases: a restored chunk says its own cell size, and one that is
// no class any more is served as an odd one until it empties.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

enum { least_shift = 12, most_shift = 20 };

typedef struct class_table {
  int count;
  uint32_t bytes[softpm_class_limit];
  uint8_t by_size[softpm_looked_up_bytes / softpm_cell_alignment + 1];  // of ⌈bytes / 16⌉
} class_table;

static class_table tables[most_shift - least_shift + 1];

static uint32_t usable_bytes(int shift) { return (1u << shift) - (1u << shift) / 64; }

// The largest multiple of 16 of which as many fit a chunk as of `bytes`, when these are few.
static uint32_t stretched(uint32_t bytes, uint32_t usable) {
  uint32_t fitting = usable / bytes;
  return fitting >= 16 ? bytes : usable / fitting / 16 * 16;
}

static void build(class_table *table, int shift) {
  uint32_t usable = usable_bytes(shift);
  uint32_t step = 16, ideal = 0, largest = 0;
  while (table->count < softpm_no_class) {
    if (ideal >= 128 && (ideal & (ideal - 1)) == 0) step = ideal / 4;
    ideal += step;
    if (ideal > usable / 2) break;
    uint32_t bytes = stretched(ideal, usable);
    if (bytes <= largest) continue;
    largest = bytes;
    table->bytes[table->count++] = bytes;
  }
  int size_class = 0;
  for (uint32_t units = 0; units <= softpm_looked_up_bytes / 16; units++) {
    while (size_class < table->count && table->bytes[size_class] < units * 16) size_class++;
    table->by_size[units] =
        (uint8_t)(size_class < table->count ? size_class : softpm_no_class);
  }
}

void softpm_classes_start(void) {
  for (int shift = least_shift; shift <= most_shift; shift++) {
    build(&tables[shift - least_shift], shift);
  }
}

static const class_table *table_of(const softpm_range *range) {
  return &tables[range->chunk_shift - least_shift];
}

static int first_holding(const class_table *table, size_t bytes) {
  if (bytes <= softpm_looked_up_bytes) {
    int size_class = table->by_size[(bytes + 15) / 16];
    return size_class == softpm_no_class ? -1 : size_class;
  }
  int low = 0, high = table->count;
  if (bytes > table->bytes[high - 1]) return -1;
  while (low < high) {
    int middle = (low + high) / 2;
    if (table->bytes[middle] < bytes) low = middle + 1; else high = middle;
  }
  return low < table->count ? low : -1;
}

int softpm_class_for(const softpm_range *range, size_t bytes, size_t alignment) {
  const class_table *table = table_of(range);
  int size_class = first_holding(table, bytes);
  if (alignment <= softpm_cell_alignment || size_class < 0) return size_class;
  // The first cell lies at a multiple of chunk_bytes / 64, so a size that is a multiple suffices.
  while (size_class < table->count && table->bytes[size_class] % alignment != 0) size_class++;
  return size_class < table->count ? size_class : -1;
}

const uint8_t *softpm_class_lookup(const softpm_range *range) { return table_of(range)->by_size; }

size_t softpm_class_bytes(const softpm_range *range, int size_class) {
  return table_of(range)->bytes[size_class];
}

int softpm_class_exactly(const softpm_range *range, size_t cell_bytes) {
  int size_class = first_holding(table_of(range), cell_bytes);
  if (size_class < 0 || softpm_class_bytes(range, size_class) != cell_bytes) return -1;
  return size_class;
}

#endif

SOFTPM_END_OF_FILE
