// The slow paths of the lock, and the trap.

#include "heap.h"

#include <string.h>

#if SOFTPM_HEAP_SUPPORTED

#if defined(__x86_64__)
#define softpm_pause() __builtin_ia32_pause()
#else
#define softpm_pause() __asm__ volatile("yield")
#endif

// Most holders are gone within a microsecond, so a short spin saves two system calls.
void softpm_lock_wait(softpm_lock *lock) {
  for (int attempt = 0; attempt < 100; attempt++) {
    uint32_t expected = 0;
    if (atomic_load_explicit(&lock->state, memory_order_relaxed) == 0 &&
        atomic_compare_exchange_strong_explicit(
            &lock->state, &expected, 1, memory_order_acquire, memory_order_relaxed)) {
      return;
    }
    softpm_pause();
  }
  while (atomic_exchange_explicit(&lock->state, 2, memory_order_acquire) != 0) {
    syscall(SYS_futex, &lock->state, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
  }
}

void softpm_lock_wake(softpm_lock *lock) {
  syscall(SYS_futex, &lock->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void softpm_trap(const char *message, uintptr_t address) {
  char text[256] = "SoftPM heap: ";
  size_t length = strlen(text);
  for (const char *from = message; *from != 0 && length < 200; from++) text[length++] = *from;
  memcpy(text + length, ": 0x", 4);
  length += 4;
  for (int shift = 60; shift >= 0; shift -= 4) {
    text[length++] = "0123456789abcdef"[(address >> shift) & 15];
  }
  text[length++] = '\n';
  if (write(STDERR_FILENO, text, length) < 0) __builtin_trap();
  __builtin_trap();
}

#endif

SOFTPM_END_OF_FILE
