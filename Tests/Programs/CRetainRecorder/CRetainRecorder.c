// See CRetainRecorder.h. Single-threaded, for tests only.
//
// Swift 6.3 calls hooked retains through a local variable, `_swift_retain_adapter`, whose default
// masks the pointer before it tests it, and so crashes on small strings. The variable is found in
// swift_retain's last instructions (mov slot(%rip),%rax; pop %rbp; jmp *%rax) and led to our hook.

#define _GNU_SOURCE
#include "CRetainRecorder.h"

#include <dlfcn.h>
#include <stdint.h>
#include <string.h>

extern void *(*_swift_retain)(void *);
extern void *(*_swift_retain_n)(void *, uint32_t);
extern _Atomic bool
    _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly;
extern void *swift_retain(void *);

static void *(*original_retain)(void *);
static void *(*original_retain_n)(void *, uint32_t);
static void *recorded[1 << 16];
static size_t recorded_count;
static bool is_recording;

static void record(void *object) {
  if (is_recording && (intptr_t)object > 0 && recorded_count < 1 << 16)
    recorded[recorded_count++] = (void *)((uintptr_t)object & 0x00fffffffffffff8);
}

static void *hooked_retain(void *object) {
  record(object);
  return original_retain(object);
}

static void *hooked_retain_n(void *object, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) record(object);
  return original_retain_n(object, count);
}

bool softpm_recorder_install(void) {
  void *found = dlsym(RTLD_DEFAULT, "swift_retain");
  const uint8_t *code = found ? found : (const uint8_t *)swift_retain;
  static const uint8_t tail[] = {0x5d, 0xff, 0xe0};
  for (int i = 0; i < 200; i++) {
    if (code[i] != 0x48 || code[i + 1] != 0x8b || code[i + 2] != 0x05) continue;
    if (memcmp(code + i + 7, tail, sizeof tail) != 0) continue;
    int32_t distance;
    memcpy(&distance, code + i + 3, 4);
    void **slot = (void **)(code + i + 7 + distance);
    original_retain = _swift_retain;
    original_retain_n = _swift_retain_n;
    if (slot != (void **)&_swift_retain) *slot = (void *)hooked_retain;
    _swift_retain = hooked_retain;
    _swift_retain_n = hooked_retain_n;
    _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly = true;
    return true;
  }
  return false;
}

void softpm_recorder_begin(void) {
  recorded_count = 0;
  is_recording = true;
}

void *const *softpm_recorder_end(size_t *count) {
  is_recording = false;
  *count = recorded_count;
  return recorded;
}
