// What guard.c, freeze.c and handler.c share.
#pragma once
#include "softpm_fault.h"
#include "softpm_freeze.h"
#include "table.h"

// Whether one more guarded run keeps to three quarters of the budget.
bool softpm_guard_has_room(void);
int softpm_guard_set(softpm_region *region, size_t from, size_t to);
int softpm_guard_clear(softpm_region *region, size_t from, size_t to);

// handler.c: which regions faults are looked up in.
int softpm_dispatcher_add(softpm_region *region);
void softpm_dispatcher_remove(softpm_region *region);

// freeze.c: copies aside what is still to be kept of [from, to), before it may be written.
void softpm_freezes_copy(softpm_region *region, size_t from, size_t to);
