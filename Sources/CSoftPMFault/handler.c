// The SIGSEGV handler: whose fault is it, and who was there before.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <ucontext.h>
#include <unistd.h>

#include "guard.h"

#ifdef SOFTPM_LIBSIGSEGV
  #include <sigsegv.h>

// libsigsegv's dispatcher maps addresses to regions. It has no lock, so it is used under the
// table's. Its own signal entry is not used: it drops a handler that was installed before, so that
// a crash of the program would end without Swift's backtrace.
static sigsegv_dispatcher dispatcher;
static bool dispatcher_ready;

static int dispatched(void *address, void *region) {
  return softpm_fault_resolve(region, (uintptr_t)address) ? 1 : 0;
}

int softpm_dispatcher_add(softpm_region *region) {
  if (!dispatcher_ready) {
    sigsegv_init(&dispatcher);
    dispatcher_ready = true;
  }
  region->ticket = sigsegv_register(
      &dispatcher, (void *)region->start, region->end - region->start, dispatched, region);
  return 0;
}

void softpm_dispatcher_remove(softpm_region *region) {
  sigsegv_unregister(&dispatcher, region->ticket);
  region->ticket = NULL;
}

static bool dispatch(softpm_table *table, uintptr_t address) {
  (void)table;
  return dispatcher_ready && sigsegv_dispatch(&dispatcher, (void *)address) != 0;
}

const char *softpm_fault_dispatcher(void) {
  return "libsigsegv's dispatcher";
}
#else
int softpm_dispatcher_add(softpm_region *region) {
  (void)region;
  return 0;
}

void softpm_dispatcher_remove(softpm_region *region) {
  (void)region;
}

static bool dispatch(softpm_table *table, uintptr_t address) {
  softpm_region *region = softpm_region_containing(table, address);
  return region != NULL && softpm_fault_resolve(region, address);
}

const char *softpm_fault_dispatcher(void) {
  return "SoftPM's own dispatcher";
}
#endif

static struct sigaction previous;
static pthread_once_t installed = PTHREAD_ONCE_INIT;
static int install_result;

// MARK: Ours?

// Whether the processor reports a write. Guarded memory is readable, so nothing else can be ours.
static bool was_write(const void *context) {
#if defined(__x86_64__)
  const ucontext_t *machine = context;
  return (machine->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#else
  (void)context;
  return true;
#endif
}

// Whether the word at `address` may be written, found out without changing it: the futex call adds
// 0 to it, and fails with EFAULT where that is forbidden.
static bool is_writable(uintptr_t address) {
  uint32_t unused = 0;
  uintptr_t word = address & ~(uintptr_t)3;
  long result = syscall(
      SYS_futex, &unused, FUTEX_WAKE_OP_PRIVATE, 0, NULL, word,
      FUTEX_OP(FUTEX_OP_ADD, 0, FUTEX_OP_CMP_EQ, 0));
  return result >= 0;
}

static bool resolve(uintptr_t address) {
  softpm_table *table = softpm_table_of(softpm_table_signal);
  softpm_table_lock_in_handler(table);
  bool resolved = dispatch(table, address);
  // Not guarded, but watched: two threads met here, and the other's fault has opened it already.
  // Unless it is still not writable: then somebody else protected it, and it is theirs.
  if (!resolved && softpm_region_containing(table, address) != NULL) {
    resolved = is_writable(address);
  }
  softpm_table_unlock_in_handler(table);
  return resolved;
}

// MARK: Not ours

static void die_by_default(int number, siginfo_t *information) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigaction(number, &action, NULL);
  // A fault happens again on return and ends the process with the right core; a signal that
  // somebody sent must be sent again.
  if (information->si_code <= 0) {
    syscall(SYS_rt_tgsigqueueinfo, getpid(), (pid_t)syscall(SYS_gettid), number, information);
  }
}

// Calls the handler that was there before as the kernel would have: with the signals blocked that
// it asked for, and no others. On its return the kernel restores the interrupted thread's.
static void hand_on(int number, siginfo_t *information, void *context) {
  struct sigaction action = previous;
  bool is_default = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
  bool is_ignored = (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
  if (is_ignored && information->si_code <= 0) return;
  if (is_default || is_ignored) {
    die_by_default(number, information);
    return;
  }
  sigset_t mask;
  sigorset(&mask, &((const ucontext_t *)context)->uc_sigmask, &action.sa_mask);
  if ((action.sa_flags & SA_NODEFER) == 0) sigaddset(&mask, number);
  if ((action.sa_flags & SA_RESETHAND) != 0) {
    previous = (struct sigaction){.sa_handler = SIG_DFL};
  }
  pthread_sigmask(SIG_SETMASK, &mask, NULL);
  if ((action.sa_flags & SA_SIGINFO) != 0) {
    action.sa_sigaction(number, information, context);
  } else {
    action.sa_handler(number);
  }
}

static void on_fault(int number, siginfo_t *information, void *context) {
  int saved = errno;
  bool ours = information->si_code == SEGV_ACCERR && was_write(context) &&
      resolve((uintptr_t)information->si_addr);
  if (!ours) hand_on(number, information, context);
  errno = saved;
}

static void install(void) {
  struct sigaction action = {0};
  action.sa_sigaction = on_fault;
  // The alternate stack, where a thread has one: the handler before ours may need it to report a
  // stack overflow.
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  // Every signal waits: a handler of the program's that writes to watched memory would fault again
  // while this one holds the lock.
  sigfillset(&action.sa_mask);
  if (sigaction(SIGSEGV, NULL, &previous) != 0 || sigaction(SIGSEGV, &action, NULL) != 0) {
    install_result = -errno;
  }
}

int softpm_fault_install(void) {
  softpm_table_of(softpm_table_signal);
  pthread_once(&installed, install);
  return install_result;
}

bool softpm_fault_is_installed(void) {
  struct sigaction action;
  return sigaction(SIGSEGV, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) != 0 &&
      action.sa_sigaction == on_fault;
}
