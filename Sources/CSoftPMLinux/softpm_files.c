#define _GNU_SOURCE
#include "softpm_files.h"
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

const int softpm_o_direct = O_DIRECT;
const int softpm_o_tmpfile = O_TMPFILE;
const int softpm_f_ofd_getlk = F_OFD_GETLK;
const int softpm_f_ofd_setlk = F_OFD_SETLK;

// In every kernel's ABI since 4.15 and the same on every machine that has persistent memory, but
// not in every header.
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 0x03
#endif
#ifndef MAP_SYNC
#define MAP_SYNC 0x80000
#endif

int softpm_punch(int descriptor, long long start, long long count, int is_block_device) {
  if (is_block_device) {
    uint64_t range[2] = {(uint64_t)start, (uint64_t)count};
    return ioctl(descriptor, BLKDISCARD, range);
  }
  return fallocate(descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, start, count);
}

int softpm_allocate(int descriptor, long long start, long long count) {
  return fallocate(descriptor, 0, start, count);
}

long long softpm_next_data(int descriptor, long long start) {
  return lseek(descriptor, start, SEEK_DATA);
}

long long softpm_next_hole(int descriptor, long long start) {
  return lseek(descriptor, start, SEEK_HOLE);
}

void *softpm_map_sync(int descriptor, long long start, unsigned long count, int writable) {
  return mmap(NULL, count, PROT_READ | (writable ? PROT_WRITE : 0),
              MAP_SHARED_VALIDATE | MAP_SYNC, descriptor, start);
}
