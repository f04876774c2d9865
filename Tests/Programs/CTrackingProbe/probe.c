#define _GNU_SOURCE
#include "CTrackingProbe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t next_random(uint64_t *state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

uint64_t probe_write_randomly(
    void *memory, size_t byte_count, size_t lane, size_t writes, uint64_t seed) {
  uint64_t state = seed | 1;
  size_t lines = byte_count / 64;
  for (size_t index = 0; index < writes; index++) {
    uint64_t *word = (uint64_t *)memory + (next_random(&state) % lines) * 8 + lane;
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
  }
  return state;
}

struct probe_writer {
  pthread_t thread;
  void *memory;
  size_t byte_count;
  size_t lane;
  size_t writes;
  uint64_t seed;
  int finished;
};

static void *run_writer(void *context) {
  probe_writer *writer = context;
  probe_write_randomly(
      writer->memory, writer->byte_count, writer->lane, writer->writes, writer->seed);
  __atomic_store_n(&writer->finished, 1, __ATOMIC_RELEASE);
  return NULL;
}

probe_writer *probe_writer_start(
    void *memory, size_t byte_count, size_t lane, size_t writes, uint64_t seed) {
  probe_writer *writer = calloc(1, sizeof(probe_writer));
  writer->memory = memory;
  writer->byte_count = byte_count;
  writer->lane = lane;
  writer->writes = writes;
  writer->seed = seed;
  if (pthread_create(&writer->thread, NULL, run_writer, writer) != 0) abort();
  return writer;
}

int probe_writer_is_finished(probe_writer *writer) {
  return __atomic_load_n(&writer->finished, __ATOMIC_ACQUIRE);
}

void probe_writer_join(probe_writer *writer) {
  pthread_join(writer->thread, NULL);
  free(writer);
}

void probe_copy(void *to, const void *from, size_t byte_count) {
  uint64_t *target = to;
  const uint64_t *source = from;
  for (size_t index = 0; index < byte_count / 8; index++) {
    target[index] = __atomic_load_n(&source[index], __ATOMIC_RELAXED);
  }
}

size_t probe_first_difference(const void *left, const void *right, size_t byte_count) {
  const uint64_t *a = left;
  const uint64_t *b = right;
  for (size_t index = 0; index < byte_count / 8; index++) {
    if (a[index] != b[index]) return index * 8;
  }
  return byte_count;
}

void probe_touch(void *memory, size_t count, size_t stride, uint8_t value) {
  volatile uint8_t *bytes = memory;
  for (size_t index = 0; index < count; index++) bytes[index * stride] = value;
}

void probe_touch_in_order(
    void *memory, const uint32_t *order, size_t count, size_t stride, uint8_t value) {
  volatile uint8_t *bytes = memory;
  for (size_t index = 0; index < count; index++) bytes[order[index] * stride] = value;
}

static int forbid(unsigned call) {
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return errno;
  return 0;
}

int probe_forbid_userfaultfd(void) { return forbid(SYS_userfaultfd); }

int probe_forbid_io_uring(void) { return forbid(SYS_io_uring_setup); }

static uintptr_t own_start;
static size_t own_bytes;
static volatile size_t own_count;

static void own_handler(int number, siginfo_t *information, void *context) {
  (void)number;
  (void)context;
  uintptr_t address = (uintptr_t)information->si_addr;
  if (address - own_start >= own_bytes) _exit(77);
  own_count += 1;
  mprotect((void *)own_start, own_bytes, PROT_READ | PROT_WRITE);
}

void probe_install_own_handler(void *start, size_t byte_count) {
  own_start = (uintptr_t)start;
  own_bytes = byte_count;
  struct sigaction action = {.sa_sigaction = own_handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
}

size_t probe_own_handler_count(void) {
  return own_count;
}

static unsigned char *timer_start;
static size_t timer_bytes;
static size_t timer_writes;

static void timer_handler(int number) {
  (void)number;
  int saved = errno;
  uint64_t state = (uint64_t)(probe_now() * 1e9) | 1;
  uint64_t place = next_random(&state) % (timer_bytes / 64);
  __atomic_fetch_add((uint64_t *)timer_start + place * 8 + 6, 1, __ATOMIC_RELAXED);
  __atomic_fetch_add(&timer_writes, 1, __ATOMIC_RELAXED);
  errno = saved;
}

void probe_start_writing_timer(void *start, size_t byte_count, unsigned microseconds) {
  timer_start = start;
  timer_bytes = byte_count;
  struct sigaction action = {.sa_handler = timer_handler, .sa_flags = SA_RESTART};
  sigaction(SIGPROF, &action, NULL);
  struct itimerval interval = {{0, microseconds}, {0, microseconds}};
  setitimer(ITIMER_PROF, &interval, NULL);
}

void probe_stop_writing_timer(void) {
  struct itimerval interval = {0};
  setitimer(ITIMER_PROF, &interval, NULL);
}

size_t probe_timer_writes(void) {
  return __atomic_load_n(&timer_writes, __ATOMIC_RELAXED);
}

static int wait_for(pid_t child, unsigned seconds) {
  for (unsigned tick = 0; tick < seconds * 1000; tick++) {
    int status;
    if (waitpid(child, &status, WNOHANG) == child) {
      return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    }
    usleep(1000);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return 2000;
}

int probe_in_fork(int (*body)(void *), void *context, unsigned seconds) {
  pid_t child = fork();
  if (child == 0) _exit(body(context));
  return wait_for(child, seconds);
}

int probe_in_bare_fork(int (*body)(void *), void *context, unsigned seconds) {
  pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) _exit(body(context));
  return wait_for(child, seconds);
}

static size_t raw_granule;
static struct sigaction before_raw;

static void raw_handler(int number, siginfo_t *information, void *context) {
  (void)number;
  (void)context;
  uintptr_t start = (uintptr_t)information->si_addr & ~(uintptr_t)(raw_granule - 1);
  mprotect((void *)start, raw_granule, PROT_READ | PROT_WRITE);
}

void probe_raw_handler(int on, size_t granule) {
  if (!on) {
    sigaction(SIGSEGV, &before_raw, NULL);
    return;
  }
  raw_granule = granule;
  struct sigaction action = {.sa_sigaction = raw_handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, &before_raw);
}

double probe_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

double probe_processor_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

size_t probe_mapping_count(void) {
  int file = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[8192];
  size_t lines = 0;
  ssize_t length;
  while ((length = read(file, text, sizeof(text))) > 0) {
    for (ssize_t index = 0; index < length; index++) lines += text[index] == '\n';
  }
  close(file);
  return lines;
}
