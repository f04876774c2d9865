// Locks that work in signal handlers and across fork.
#define _GNU_SOURCE
#include "table.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { TABLES = 3 };
static softpm_table tables[TABLES] = {
  [softpm_table_plain] = {.kind = softpm_table_plain},
  [softpm_table_kernel] = {.kind = softpm_table_kernel},
  [softpm_table_signal] = {.kind = softpm_table_signal},
};

// A page that reads as 1 here and, by MADV_WIPEONFORK, as 0 in every child however it was forked.
static const uint32_t *same_process;
static pthread_once_t prepared = PTHREAD_ONCE_INIT;

static void acquire(_Atomic(uint32_t) *lock) {
  uint32_t expected = 0;
  if (atomic_compare_exchange_strong_explicit(
          lock, &expected, 1, memory_order_acquire, memory_order_relaxed)) {
    return;
  }
  while (atomic_exchange_explicit(lock, 2, memory_order_acquire) != 0) {
    syscall(SYS_futex, lock, FUTEX_WAIT_PRIVATE, 2, NULL, NULL, 0);
  }
}

static void release(_Atomic(uint32_t) *lock) {
  if (atomic_exchange_explicit(lock, 0, memory_order_release) == 2) {
    syscall(SYS_futex, lock, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
}

static void before_fork(void) {
  for (int index = 0; index < TABLES; index++) softpm_table_lock(&tables[index]);
}

static void after_fork(void) {
  for (int index = TABLES - 1; index >= 0; index--) softpm_table_unlock(&tables[index]);
}

static void prepare(void) {
  long page = sysconf(_SC_PAGESIZE);
  void *memory = mmap(
      NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory != MAP_FAILED) {
    *(uint32_t *)memory = 1;
    if (madvise(memory, (size_t)page, MADV_WIPEONFORK) == 0) same_process = memory;
  }
  pthread_atfork(before_fork, after_fork, after_fork);
}

softpm_table *softpm_table_of(enum softpm_table_kind kind) {
  pthread_once(&prepared, prepare);
  return &tables[kind];
}

bool softpm_process_was_forked(void) {
  return same_process != NULL && __atomic_load_n(same_process, __ATOMIC_RELAXED) == 0;
}

void softpm_table_lock(softpm_table *table) {
  int number = errno;
  sigset_t all;
  sigset_t saved;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  acquire(&table->lock);
  table->saved = saved;
  errno = number;
}

void softpm_table_unlock(softpm_table *table) {
  int number = errno;
  sigset_t saved = table->saved;
  release(&table->lock);
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
  errno = number;
}

void softpm_table_lock_in_handler(softpm_table *table) {
  acquire(&table->lock);
}

void softpm_table_unlock_in_handler(softpm_table *table) {
  release(&table->lock);
}
