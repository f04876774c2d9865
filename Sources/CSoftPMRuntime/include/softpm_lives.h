// How often an object is held, and letting go of it. Swift has no name for these: an
// `Unmanaged` can retain and release, and count nothing.

#ifndef SOFTPM_LIVES_H
#define SOFTPM_LIVES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Strong references to the object, wherever they are.
size_t softpm_lives_strong_count(const void *object);
/// Whether the object is never freed: laid out in the binary, or marked so.
bool softpm_lives_is_immortal(const void *object);
void softpm_lives_release(void *object, uint32_t count);
void softpm_lives_release_unowned(void *object);
/// Ends the weak reference in `slot`, whose memory is then nothing.
void softpm_lives_drop_weak(void *slot);

#endif
