// What the tests of the tracking layer need of C: writers without Swift's checks, and system calls
// that Swift cannot make.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Writes `writes` words, each 1 + the one that was there, to random places: word `lane` of a
// random 64-byte line of [memory, memory + byte_count). Each thread has a lane of its own.
// Returns the generator's next state.
uint64_t probe_write_randomly(
    void *memory, size_t byte_count, size_t lane, size_t writes, uint64_t seed);
// The same on a thread of its own.
typedef struct probe_writer probe_writer;
probe_writer *probe_writer_start(
    void *memory, size_t byte_count, size_t lane, size_t writes, uint64_t seed);
int probe_writer_is_finished(probe_writer *writer);
void probe_writer_join(probe_writer *writer);

// Copies word by word with relaxed atomic loads, so that a thread may write meanwhile.
void probe_copy(void *to, const void *from, size_t byte_count);
// The offset of the first 8 bytes that differ, or byte_count.
size_t probe_first_difference(const void *left, const void *right, size_t byte_count);

// Writes one byte to each of `count` granules, `stride` bytes apart.
void probe_touch(void *memory, size_t count, size_t stride, uint8_t value);
// The same in the order of `order`, in units of `stride`.
void probe_touch_in_order(
    void *memory, const uint32_t *order, size_t count, size_t stride, uint8_t value);

// From here on userfaultfd(2) fails with EPERM, as under Docker's default profile. 0 or an errno.
int probe_forbid_userfaultfd(void);
// The same for io_uring_setup(2).
int probe_forbid_io_uring(void);

// A SIGSEGV handler of the program's: makes [start, +byte_count) writable when a fault lies there
// and counts it; otherwise leaves with status 77.
void probe_install_own_handler(void *start, size_t byte_count);
size_t probe_own_handler_count(void);
// A timer signal every `microseconds` whose handler writes into [start, +byte_count).
void probe_start_writing_timer(void *start, size_t byte_count, unsigned microseconds);
void probe_stop_writing_timer(void);
size_t probe_timer_writes(void);

// fork, child part run by the callback; the parent waits and returns the exit status, or
// 1000 + the signal, or 2000 when the child did not end within `seconds`.
int probe_in_fork(int (*body)(void *), void *context, unsigned seconds);
// The same with the bare system call, which runs no handlers of fork.
int probe_in_bare_fork(int (*body)(void *), void *context, unsigned seconds);

// The least that a tracker by signals can do, as the floor beside ours: a handler that makes the
// faulting granule writable and nothing else. `on` 0 restores the handler before it.
void probe_raw_handler(int on, size_t granule);

double probe_now(void);
// The processor time of the calling thread, kernel work included: what others on the machine take
// away is not in it.
double probe_processor_now(void);
size_t probe_mapping_count(void);
