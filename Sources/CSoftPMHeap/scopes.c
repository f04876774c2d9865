// Scopes: where the calling thread's objects go. An explicit scope lasts for a call, the ambient
// one until it is replaced; explicit ones win.

#include "heap.h"

#if SOFTPM_HEAP_SUPPORTED

enum { no_scope = 0, outside_scopes = 1 };

static void settle(softpm_thread *thread) {
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
  settle(thread);
  return previous;
}

softpm_scope softpm_scope_enter(softpm_range *range) { return replace((softpm_scope)range); }

softpm_scope softpm_scope_enter_outside(void) { return replace(outside_scopes); }

void softpm_scope_leave(softpm_scope previous) { replace(previous); }

void softpm_scope_set_ambient(softpm_range *range) {
  softpm_this_thread.ambient = range;
  settle(&softpm_this_thread);
}

softpm_range *softpm_scope_current(void) { return softpm_this_thread.target; }

#endif

SOFTPM_END_OF_FILE
