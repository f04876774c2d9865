// Asynchronous write-protection: userfaultfd WP_ASYNC with PAGEMAP_SCAN (Linux 6.7).
//
// Why C: ioctl and syscall are variadic, which Swift cannot call, and the constants are newer than
// the headers this package must build with. The shim can go when both change.
//
// 1. The layouts and numbers here are kernel ABI (Documentation/admin-guide/mm/pagemap.rst and
//    userfaultfd.rst). They are defined under names of our own, so that newer headers, which
//    define them too, do not clash.
// 2. Every function returns 0, or a count or a descriptor, or minus the errno. None sets errno
//    on purpose, none allocates.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A run of pages found by a scan: [start, end).
//
//     OFFSET SIZE DESCRIPTION
//          0    8 first byte
//          8    8 one past the last byte
//         16    8 which of the asked-for categories the pages are in
struct softpm_page_region {
  uint64_t start;
  uint64_t end;
  uint64_t categories;
};

// What a scan did.
struct softpm_scan_result {
  // How many regions were filled in, or minus the errno.
  int64_t regions;
  // Where the scan stopped; equal to the end that was asked for when it got that far.
  uint64_t walked_to;
};

// A userfaultfd of this process that resolves write faults by itself (WP_ASYNC). It asks for user
// mode faults only, which needs no privilege; asynchronous resolution serves system calls too.
int softpm_userfaultfd_open(void);
int softpm_pagemap_open(void);
void softpm_descriptor_close(int descriptor);

int softpm_userfaultfd_register(int descriptor, uintptr_t start, size_t byte_count);
int softpm_userfaultfd_unregister(int descriptor, uintptr_t start, size_t byte_count);
// Arms (or disarms) every page of the range, whether it was written or not.
int softpm_userfaultfd_protect(int descriptor, uintptr_t start, size_t byte_count, int armed);

// Reports the written pages of [start, end) and arms them again, as one step with respect to
// writers. Fails with EPERM where the range is not registered.
struct softpm_scan_result softpm_pagemap_collect(
    int pagemap, uintptr_t start, uintptr_t end, struct softpm_page_region *regions,
    size_t capacity);
// Reports the written pages and leaves them as they are.
struct softpm_scan_result softpm_pagemap_peek(
    int pagemap, uintptr_t start, uintptr_t end, struct softpm_page_region *regions,
    size_t capacity);

// madvise, with the newer kinds of advice by name; 0 or minus the errno.
int softpm_advise_huge_pages(uintptr_t start, size_t byte_count);
int softpm_advise_no_huge_pages(uintptr_t start, size_t byte_count);
int softpm_collapse_huge_pages(uintptr_t start, size_t byte_count);
// Makes every page of the range present and writable now, so that no fault happens later.
int softpm_populate_for_writing(uintptr_t start, size_t byte_count);
