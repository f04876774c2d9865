// Counting and ending the lives of objects, by the runtime's own entry points.

#include "softpm_lives.h"

#include "CSoftPMRuntime.h"

// <swift/Runtime> is not installed with the toolchain; these are exported by libswiftCore.
extern size_t swift_retainCount(void *object);
extern void swift_release_n(void *object, uint32_t count);
extern void swift_unownedRelease(void *object);
extern void swift_weakDestroy(void *slot);

size_t softpm_lives_strong_count(const void *object) {
  return swift_retainCount((void *)object);
}

bool softpm_lives_is_immortal(const void *object) {
  const uint64_t counts = ((const uint64_t *)object)[1];
  const uint64_t uses_side_table = (uint64_t)3 << 62;
  if ((counts & uses_side_table) != uses_side_table && (uint32_t)counts == UINT32_MAX) return true;
  return softpm_runtime_is_in_image(object);
}

void softpm_lives_release(void *object, uint32_t count) { swift_release_n(object, count); }

void softpm_lives_release_unowned(void *object) { swift_unownedRelease(object); }

void softpm_lives_drop_weak(void *slot) { swift_weakDestroy(slot); }
