// Keeping memory as it was: write protection, and a copy made when somebody writes.
//
// Why C: the copy is made in the fault handler.
//
// 1. A freeze keeps the content that its granules had when it was opened, until it is closed.
//    A granule is either still in place and guarded (`remaining`), or has been copied to the
//    freeze's own memory; whoever comes first, the writer's fault or the reader, copies it.
// 2. Both copy under the table's lock. So a reader never sees a granule half written.
// 3. Several freezes may keep the same granule; a fault copies it for each that needs it.
// 4. Until a granule has been copied, system calls that write into it fail with EFAULT.
#pragma once
#include "softpm_regions.h"

typedef struct softpm_freeze softpm_freeze;

// All with the signal table's lock held.

// Keeps `count` runs, which are ascending, disjoint and inside the region [start, end) (granules
// of 1 << shift bytes); they are rounded outwards to granules. 0 or minus the errno.
int softpm_freeze_open(
    uintptr_t start, uintptr_t end, unsigned shift, const softpm_run *runs, size_t count,
    softpm_freeze **freeze);
void softpm_freeze_close(softpm_freeze *freeze);
// Copies up to `most` bytes of what is still in place, at or after `from`; returns where to go on,
// or 0 when nothing is left. Short calls keep writers from waiting for the lock.
uintptr_t softpm_freeze_advance(softpm_freeze *freeze, uintptr_t from, size_t most);
// The kept content of `address`, copied now if it was still in place, and how many bytes follow
// it without a break; null when the freeze does not hold it.
const unsigned char *softpm_freeze_content(
    softpm_freeze *freeze, uintptr_t address, size_t *contiguous);
// How many bytes faults have copied, and how many are still in place.
size_t softpm_freeze_copied_by_faults(const softpm_freeze *freeze);
size_t softpm_freeze_in_place(const softpm_freeze *freeze);
