// Tracking by page protection: write faults mark granules and open them.
//
// Why C: a signal handler may not run Swift code, which may allocate or take the runtime's locks.
//
// 1. A watched granule is *guarded* (PROT_READ) or pending in every watch of its region, or both.
//    So whatever is written to it is known.
// 2. A fault in a guarded granule opens it, and marks it in every watch of its region, as one step
//    under the table's lock. A collection moves marks out and guards again under the same lock.
//    Without it a collection between the two halves of a handler's work would leave an open
//    granule that nobody knows of.
// 3. Every run of guarded granules is a mapping of its own in the kernel, which allows
//    vm.max_map_count of them. `guarded runs` ≤ a budget: as it fills up, a fault opens larger
//    blocks (and marks all of them), and a collection guards across gaps.
// 4. A fault that is not in a guarded granule, or not a write, goes to the handler that was there
//    before, in the signal mask that it asked for.
// 5. Watched memory is private, readable and writable, and stays mapped until its watch is closed.
//    It may be given back with MADV_DONTNEED and used again. Gaps between watched granules of one
//    region are such memory too, since a collection may guard across them.
#pragma once
#include "softpm_regions.h"

// Installs the handler, the first time; 0 or minus the errno.
int softpm_fault_install(void);
// "libsigsegv's dispatcher" or "SoftPM's own dispatcher".
const char *softpm_fault_dispatcher(void);
// Whether SIGSEGV still comes to our handler first.
bool softpm_fault_is_installed(void);

// The rest is called with the signal table's lock held.

// Guards what was just taken from the watch, and what else of it can be guarded in the same
// stroke. What cannot be guarded is pending again.
void softpm_fault_guard(softpm_watch *watch, const softpm_runs *runs);
// Opens all that is guarded in [start, end), as a write to every granule of it would.
void softpm_fault_open(uintptr_t start, uintptr_t end);
// What one fault does; exposed for the dispatchers. False when the fault is not ours.
bool softpm_fault_resolve(softpm_region *region, uintptr_t address);

typedef struct softpm_fault_figures {
  // Faults that opened something, in all.
  uint64_t faults;
  // Faults that opened more than their own granule, to stay within the budget.
  uint64_t coarsened;
  // Granules left open at a collection, because the kernel would not guard them.
  uint64_t refused;
  // Runs of guarded granules now, and the most there may be.
  size_t guarded_runs;
  size_t budget;
} softpm_fault_figures;
softpm_fault_figures softpm_fault_figures_now(void);
// For tests. 0 sets the default: an eighth of vm.max_map_count.
void softpm_fault_set_budget(size_t runs);
