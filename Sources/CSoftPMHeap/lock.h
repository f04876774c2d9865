// A lock that never allocates, may be taken before anything is initialised, and can be reset in a
// forked child: 0 free, 1 taken, 2 taken and waited for.
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

typedef struct softpm_lock {
  _Atomic(uint32_t) state;
} softpm_lock;

__attribute__((visibility("hidden"))) void softpm_lock_wait(softpm_lock *lock);
__attribute__((visibility("hidden"))) void softpm_lock_wake(softpm_lock *lock);

static inline void softpm_lock_take(softpm_lock *lock) {
  uint32_t expected = 0;
  if (!atomic_compare_exchange_strong_explicit(
          &lock->state, &expected, 1, memory_order_acquire, memory_order_relaxed)) {
    softpm_lock_wait(lock);
  }
}

static inline void softpm_lock_give(softpm_lock *lock) {
  if (atomic_exchange_explicit(&lock->state, 0, memory_order_release) == 2) {
    softpm_lock_wake(lock);
  }
}
