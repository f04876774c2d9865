// Scopes: where the calling thread's objects go. An explicit scope lasts for a call, the ambient
// one until it is replaced; explicit ones win.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

enum { no_scope = 0, outside_scopes = 1 };

void softpm_scope_settle(softpm_thread *thread) {
  softpm_range *ambient = thread->ambient;
  if (ambient != NULL && atomic_load(&ambient->generation) != thread->ambient_generation) {
    thread->ambient = NULL;  // its record serves another range now
  }
  switch (thread->explicit_scope) {
    case no_scope: thread->target = thread->ambient; break;
    case outside_scopes: thread->target = NULL; break;
    default: thread->target = (softpm_range *)thread->explicit_scope;
  }
  softpm_caches_follow_target(thread);
}

static softpm_scope replace(softpm_scope scope) {
  softpm_thread *thread = &softpm_this_thread;
  softpm_scope previous = thread->explicit_scope;
  thread->explicit_scope = scope;
  softpm_scope_settle(thread);
  return previous;
}

softpm_scope softpm_scope_enter(softpm_range *range) { return replace((softpm_scope)range); }

softpm_scope softpm_scope_enter_outside(void) { return replace(outside_scopes); }

void softpm_scope_leave(softpm_scope previous) { replace(previous); }

void softpm_scope_set_ambient(softpm_range *range) {
  softpm_this_thread.ambient = range;
  if (range != NULL) softpm_this_thread.ambient_generation = atomic_load(&range->generation);
  softpm_scope_settle(&softpm_this_thread);
}

softpm_range *softpm_scope_current(void) {
  softpm_scope_settle(&softpm_this_thread);
  return softpm_this_thread.target;
}

#endif

SOFTPM_END_OF_FILE
