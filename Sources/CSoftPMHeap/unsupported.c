// On other platforms the package compiles and says that it cannot work there.

#include "heap.h"

#if !SOFTPM_HEAP_SUPPORTED

#include <stdlib.h>

softpm_support softpm_heap_support(void) { return softpm_support_other_platform; }
const char *softpm_heap_foreign_entry(void) { return NULL; }
softpm_range *softpm_range_reserve(uintptr_t home, size_t bytes, size_t chunk_bytes) {
  return NULL;
}

// Without a range nothing below can be reached.
uintptr_t softpm_range_base(const softpm_range *range) { abort(); }
size_t softpm_range_bytes(const softpm_range *range) { abort(); }
size_t softpm_range_chunk_bytes(const softpm_range *range) { abort(); }
softpm_range *softpm_nursery_range(void) { return NULL; }
size_t softpm_range_alignment(void) { return SOFTPM_GRANULE; }
void softpm_range_close(softpm_range *range) { abort(); }
void softpm_range_forget(softpm_range *range) { abort(); }
bool softpm_range_is_returned(const softpm_range *range) { abort(); }
void softpm_range_measure(softpm_range *range, softpm_range_statistics *result) { abort(); }
softpm_range *softpm_range_after(const softpm_range *range) { return NULL; }
bool softpm_cell_find(uintptr_t address, softpm_cell *result) { return false; }
uintptr_t softpm_cell_reserve(
    softpm_range *range, size_t bytes, bool is_raw, softpm_result *result) {
  abort();
}
void softpm_cell_release(uintptr_t start) { abort(); }
uint64_t *softpm_cell_word(uintptr_t start) { return NULL; }
softpm_mark softpm_cell_mark(uintptr_t start) { return softpm_mark_impossible; }
bool softpm_cell_is_marked(uintptr_t start) { return false; }
uintptr_t softpm_word_at(uintptr_t address) { return 0; }
void softpm_cell_unmark(uintptr_t start) {}
void softpm_chunk_unmark(softpm_range *range, uint32_t chunk) { abort(); }
size_t softpm_chunk_map(
    softpm_range *range, uint32_t chunk, softpm_chunk_shape *shape, uint64_t *bits) {
  abort();
}
const char *softpm_range_check(softpm_range *range) { abort(); }
bool softpm_heap_is_checking(void) { return false; }
void softpm_quarantine_begin(softpm_range *range) { abort(); }
void softpm_quarantine_end(softpm_range *range) { abort(); }
uint32_t softpm_chunk_count(softpm_range *range) { abort(); }
void softpm_chunk_shape_get(softpm_range *range, uint32_t chunk, softpm_chunk_shape *result) {
  abort();
}
size_t softpm_chunk_cells(
    softpm_range *range, uint32_t chunk, uint32_t *offsets, size_t capacity) {
  abort();
}
softpm_result softpm_chunk_install(
    softpm_range *range, uint32_t chunk, const softpm_chunk_shape *shape,
    const uint32_t *offsets, size_t count) {
  abort();
}
void softpm_range_finish_installing(softpm_range *range) { abort(); }
softpm_scope softpm_scope_enter(softpm_range *range) { return 0; }
softpm_scope softpm_scope_enter_outside(void) { return 0; }
void softpm_scope_leave(softpm_scope previous) {}
void softpm_scope_set_ambient(softpm_range *range) {}
softpm_range *softpm_scope_current(void) { return NULL; }

#endif

SOFTPM_END_OF_FILE
