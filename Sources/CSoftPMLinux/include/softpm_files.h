// Constants of Linux that Swift's Glibc module does not show, because they need _GNU_SOURCE.
// Their values differ between machines, so they cannot be written down in Swift. Can go when
// the toolchain imports them.
#pragma once

extern const int softpm_o_direct;
extern const int softpm_o_tmpfile;
extern const int softpm_f_ofd_getlk;
extern const int softpm_f_ofd_setlk;

// fallocate's hole-punching and BLKDISCARD, whose constants are macros with casts.
// Gives the storage of a range back; 0, or −1 with errno.
int softpm_punch(int descriptor, long long start, long long count, int is_block_device);
// Has storage behind a range, so that writing to a mapping of it cannot fail for want of space.
int softpm_allocate(int descriptor, long long start, long long count);
// The next byte from `start` on that has, or lacks, storage; −1 with errno.
long long softpm_next_data(int descriptor, long long start);
long long softpm_next_hole(int descriptor, long long start);
// A shared mapping of which the kernel promises that what the processor has written back is
// durable; only persistent memory has that. MAP_FAILED elsewhere.
void *softpm_map_sync(int descriptor, long long start, unsigned long count, int writable);
