// The allocator below ours. Called by name, never through dlsym, so that it works before anything
// is initialised; malloc_usable_size alone has no second name in glibc.

#include "entry.h"

#if SOFTPM_HEAP_SUPPORTED

#include <dlfcn.h>
#include <errno.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *start, size_t bytes);
void __libc_free(void *start);
void *__libc_memalign(size_t alignment, size_t bytes);

// Present in programs built with a sanitizer.
__attribute__((weak)) void *__interceptor_malloc(size_t bytes);
__attribute__((weak)) void *__interceptor_calloc(size_t count, size_t bytes);
__attribute__((weak)) void *__interceptor_realloc(void *start, size_t bytes);
__attribute__((weak)) void __interceptor_free(void *start);
__attribute__((weak)) int __interceptor_posix_memalign(void **result, size_t align, size_t bytes);
__attribute__((weak)) void *__interceptor_memalign(size_t alignment, size_t bytes);
__attribute__((weak)) size_t __interceptor_malloc_usable_size(void *start);

void *softpm_next_malloc(size_t bytes) {
  return __interceptor_malloc ? __interceptor_malloc(bytes) : __libc_malloc(bytes);
}

void *softpm_next_calloc(size_t count, size_t bytes) {
  if (__interceptor_calloc) return __interceptor_calloc(count, bytes);
  return __libc_calloc(count, bytes);
}

void *softpm_next_realloc(void *start, size_t bytes) {
  if (__interceptor_realloc) return __interceptor_realloc(start, bytes);
  return __libc_realloc(start, bytes);
}

void softpm_next_free(void *start) {
  if (__interceptor_free) __interceptor_free(start); else __libc_free(start);
}

int softpm_next_posix_memalign(void **result, size_t alignment, size_t bytes) {
  if (__interceptor_posix_memalign) {
    return __interceptor_posix_memalign(result, alignment, bytes);
  }
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) {
    return EINVAL;
  }
  int saved = errno;
  void *start = __libc_memalign(alignment, bytes);
  errno = saved;
  if (start == NULL) return ENOMEM;
  *result = start;
  return 0;
}

void *softpm_next_memalign(size_t alignment, size_t bytes) {
  if (__interceptor_memalign) return __interceptor_memalign(alignment, bytes);
  return __libc_memalign(alignment, bytes);
}

// From libc itself, not from whatever comes next: the block is glibc's. dlopen and dlsym may
// allocate, which ends in __libc_calloc without coming here again.
static size_t libc_usable_size(void *start) {
  static _Atomic(uintptr_t) known;
  size_t (*function)(void *) = (size_t (*)(void *))atomic_load(&known);
  if (function == NULL) {
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    if (libc != NULL) function = (size_t (*)(void *))dlsym(libc, "malloc_usable_size");
    if (function == NULL) softpm_trap("glibc has no malloc_usable_size", 0);
    atomic_store(&known, (uintptr_t)function);
  }
  return function(start);
}

size_t softpm_next_usable_size(void *start) {
  if (start == NULL) return 0;
  if (__interceptor_malloc_usable_size) return __interceptor_malloc_usable_size(start);
  return libc_usable_size(start);
}

#endif

SOFTPM_END_OF_FILE
