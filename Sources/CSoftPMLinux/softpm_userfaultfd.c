#define _GNU_SOURCE
#include "softpm_userfaultfd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/fs.h of Linux 6.7, struct pm_scan_arg.
struct scan_arguments {
  uint64_t size;
  uint64_t flags;
  uint64_t start;
  uint64_t end;
  uint64_t walk_end;
  uint64_t vec;
  uint64_t vec_len;
  uint64_t max_pages;
  uint64_t category_inverted;
  uint64_t category_mask;
  uint64_t category_anyof_mask;
  uint64_t return_mask;
};
_Static_assert(sizeof(struct scan_arguments) == 96, "struct pm_scan_arg is 96 bytes");
_Static_assert(sizeof(struct softpm_page_region) == 24, "struct page_region is 24 bytes");

enum {
  PAGEMAP_SCAN_NUMBER = 16,
  SCAN_PROTECTS_MATCHES = 1 << 0,
  SCAN_CHECKS_ASYNC = 1 << 1,
  PAGE_WAS_WRITTEN = 1 << 1,
  FEATURE_PAGEFAULT_WP = 1 << 0,
  FEATURE_WP_UNPOPULATED = 1 << 13,
  FEATURE_WP_ASYNC = 1 << 15,
  OPEN_USER_MODE_ONLY = 1,
  ADVICE_POPULATE_WRITE = 23,
  ADVICE_COLLAPSE = 25,
};
#define SCAN_REQUEST _IOWR('f', PAGEMAP_SCAN_NUMBER, struct scan_arguments)

int softpm_userfaultfd_open(void) {
  long descriptor = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | OPEN_USER_MODE_ONLY);
  if (descriptor < 0) return -errno;
  struct uffdio_api api = {
    .api = UFFD_API,
    .features = FEATURE_PAGEFAULT_WP | FEATURE_WP_UNPOPULATED | FEATURE_WP_ASYNC,
  };
  if (ioctl((int)descriptor, UFFDIO_API, &api) != 0) {
    // EINVAL: the kernel is older than 6.7 and does not know one of the features.
    int number = errno;
    close((int)descriptor);
    return -number;
  }
  return (int)descriptor;
}

int softpm_pagemap_open(void) {
  int descriptor = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  return descriptor < 0 ? -errno : descriptor;
}

void softpm_descriptor_close(int descriptor) {
  close(descriptor);
}

int softpm_userfaultfd_register(int descriptor, uintptr_t start, size_t byte_count) {
  struct uffdio_register request = {
    .range = {.start = start, .len = byte_count},
    .mode = UFFDIO_REGISTER_MODE_WP,
  };
  return ioctl(descriptor, UFFDIO_REGISTER, &request) == 0 ? 0 : -errno;
}

int softpm_userfaultfd_unregister(int descriptor, uintptr_t start, size_t byte_count) {
  struct uffdio_range range = {.start = start, .len = byte_count};
  return ioctl(descriptor, UFFDIO_UNREGISTER, &range) == 0 ? 0 : -errno;
}

int softpm_userfaultfd_protect(int descriptor, uintptr_t start, size_t byte_count, int armed) {
  struct uffdio_writeprotect request = {
    .range = {.start = start, .len = byte_count},
    .mode = armed ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
  };
  int result;
  do {
    // EAGAIN: the address space is changing (another thread maps or forks); nothing was done.
    result = ioctl(descriptor, UFFDIO_WRITEPROTECT, &request);
  } while (result != 0 && errno == EAGAIN);
  return result == 0 ? 0 : -errno;
}

static struct softpm_scan_result scan(
    int pagemap, uintptr_t start, uintptr_t end, struct softpm_page_region *regions,
    size_t capacity, uint64_t flags) {
  struct scan_arguments arguments = {
    .size = sizeof(arguments),
    .flags = flags,
    .start = start,
    .end = end,
    .vec = (uintptr_t)regions,
    .vec_len = capacity,
    // Exactly these two masks select the kernel's short path for "written" alone.
    .category_mask = PAGE_WAS_WRITTEN,
    .return_mask = PAGE_WAS_WRITTEN,
  };
  long count = ioctl(pagemap, SCAN_REQUEST, &arguments);
  struct softpm_scan_result result = {
    .regions = count < 0 ? -errno : count,
    .walked_to = arguments.walk_end,
  };
  return result;
}

struct softpm_scan_result softpm_pagemap_collect(
    int pagemap, uintptr_t start, uintptr_t end, struct softpm_page_region *regions,
    size_t capacity) {
  return scan(
      pagemap, start, end, regions, capacity, SCAN_PROTECTS_MATCHES | SCAN_CHECKS_ASYNC);
}

struct softpm_scan_result softpm_pagemap_peek(
    int pagemap, uintptr_t start, uintptr_t end, struct softpm_page_region *regions,
    size_t capacity) {
  return scan(pagemap, start, end, regions, capacity, SCAN_CHECKS_ASYNC);
}

static int advise(uintptr_t start, size_t byte_count, int advice) {
  return madvise((void *)start, byte_count, advice) == 0 ? 0 : -errno;
}

int softpm_advise_huge_pages(uintptr_t start, size_t byte_count) {
  return advise(start, byte_count, MADV_HUGEPAGE);
}

int softpm_advise_no_huge_pages(uintptr_t start, size_t byte_count) {
  return advise(start, byte_count, MADV_NOHUGEPAGE);
}

int softpm_collapse_huge_pages(uintptr_t start, size_t byte_count) {
  return advise(start, byte_count, ADVICE_COLLAPSE);
}

int softpm_populate_for_writing(uintptr_t start, size_t byte_count) {
  return advise(start, byte_count, ADVICE_POPULATE_WRITE);
}
