// Records which objects the Swift runtime retains: an oracle for what references a value holds.

#ifndef SOFTPM_RETAIN_RECORDER_H
#define SOFTPM_RETAIN_RECORDER_H

#include <stdbool.h>
#include <stddef.h>

/// Hooks the runtime's retains; false where swift_retain is not the one known (Swift 6.3).
bool softpm_recorder_install(void);
void softpm_recorder_begin(void);
/// Ends recording; the objects retained since `begin`, in order.
void *const *softpm_recorder_end(size_t *count);

#endif
